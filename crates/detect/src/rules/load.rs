//! Loads rule files: reads them in their order, puts together what they define, and compiles what came out.
//!
//! Everything that is wrong is told, not only the first of it, in the codes of Falco ([`super::diagnostic`]). Falco compiles
//! after each file; here all files are read first, so that a macro may stand in a later file than the rule that uses it.

use super::collect::Collection;
use super::compile;
use super::diagnostic::{Diagnostic, ErrorCode};
use super::read;
use super::rule::RuleSet;
use super::source::{Context, Fault, Reporter};
use super::vocabulary::Vocabulary;
use super::yaml::{self, Mark};
use std::sync::Arc;

/// A rule file as it was found.
#[derive(Clone, Debug)]
pub struct RuleFile {
    /// What it is called in messages.
    pub name: String,
    /// Its bytes, or why they could not be read.
    pub content: Result<Vec<u8>, String>,
}

/// What came of loading.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The rules that can be evaluated. If there are errors, these are not all of them.
    pub rules: RuleSet,
    /// What is wrong, file by file and in the order in which it was found.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// Whether something is wrong that makes the set unusable.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Loads files in their order.
pub fn load(files: &[RuleFile], vocabulary: &dyn Vocabulary) -> Loaded {
    let mut reporter = Reporter::new();
    let mut collection = Collection::new();
    for (number, file) in files.iter().enumerate() {
        let name: Arc<str> = Arc::from(file.name.as_str());
        let context = Context::file(number, &name);
        let text = text_of(file, &context);
        let shown = text.as_ref().map_or_else(|_| String::new(), Clone::clone);
        reporter.files.push(shown);
        let documents = text.and_then(|text| {
            yaml::parse(&text).map_err(|error| Fault {
                code: ErrorCode::YamlParse,
                message: error.problem,
                context: context.at("value for", "", error.mark),
            })
        });
        match documents {
            Ok(documents) => {
                for node in &documents {
                    read::document(node, &context, &mut collection, &mut reporter);
                }
            }
            Err(fault) => reporter.fault(fault),
        }
    }
    let rules = compile::compile(collection, vocabulary, &mut reporter);
    let mut diagnostics = reporter.diagnostics;
    let place = |diagnostic: &Diagnostic| {
        files.iter().position(|file| *file.name == *diagnostic.locations[0].position.file)
    };
    diagnostics.sort_by_key(place);
    Loaded { rules, diagnostics }
}

/// The text of a file, if it is one.
fn text_of(file: &RuleFile, context: &Context) -> Result<String, Fault> {
    let bytes = file.content.as_ref().map_err(|problem| Fault {
        code: ErrorCode::FileRead,
        message: problem.clone(),
        context: context.clone(),
    })?;
    if bytes.len() > yaml::MAX_BYTES {
        return Err(Fault {
            code: ErrorCode::FileRead,
            message: format!("the file has {} bytes; at most {} are read", bytes.len(), yaml::MAX_BYTES),
            context: context.clone(),
        });
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let before = &bytes[..error.valid_up_to()];
            let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
            let mark = Mark {
                offset: error.valid_up_to(),
                line: before.split(|byte| *byte == b'\n').count(),
                column: 1 + String::from_utf8_lossy(&before[start..]).chars().count(),
            };
            Err(Fault {
                code: ErrorCode::YamlParse,
                message: "the file is not UTF-8".to_owned(),
                context: context.at("value for", "", mark),
            })
        }
    }
}

#[cfg(test)]
mod tests;
