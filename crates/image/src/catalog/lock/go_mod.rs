//! `go.mod`. Since Go 1.17 it lists every module that the build needs, `// indirect` ones too; so `go.sum`, which also
//! holds checksums of versions that were only considered, is not read.
//!
//! ```text
//! require (                                       replace old/module => new/module v1.2.3   the new one counts
//!     github.com/spf13/cobra v1.8.0               replace old/module v1.0.0 => ./fork       lies in the tree
//!     golang.org/x/text v0.14.0 // indirect       exclude bad/module v1.0.0                 no dependency
//! )
//! ```

use super::{Format, Listing};
use crate::content::ReadError;
use gabion_model::PackageKind;
use std::collections::HashMap;

pub(super) const FORMAT: Format =
    Format { name: "go-mod", kind: PackageKind::Golang, matches: |name| name == b"go.mod", parse };

/// What replaces a module: another one, or a directory.
#[derive(Clone, Copy)]
enum Replacement<'a> {
    Module(&'a str, &'a str),
    Directory,
}

fn parse(text: &str, list: &mut Listing) -> Result<(), ReadError> {
    let mut required = Vec::new();
    let mut replaced: HashMap<(&str, Option<&str>), Replacement<'_>> = HashMap::new();
    let mut complete = false;
    let mut block = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.split("//").next().unwrap_or_default();
        let mut words: Vec<&str> = line.split_whitespace().map(unquote).collect();
        let verb = match (block, words.as_slice()) {
            (_, []) => continue,
            (Some(_), [")"]) => {
                block = None;
                continue;
            }
            (None, [verb, "("]) => {
                block = Some(*verb);
                continue;
            }
            (Some(verb), _) => verb,
            (None, _) => words.remove(0),
        };
        match (verb, words.as_slice()) {
            ("go", [version]) => complete = lists_indirect(version),
            ("require", [module, version]) => required.push((*module, *version)),
            ("replace", [old, rest @ ..]) => {
                let (version, new) = match rest {
                    ["=>", new @ ..] => (None, new),
                    [version, "=>", new @ ..] => (Some(*version), new),
                    _ => return Err(unexpected(number)),
                };
                let replacement = match new {
                    [_directory] => Replacement::Directory,
                    [module, version] => Replacement::Module(module, version),
                    _ => return Err(unexpected(number)),
                };
                replaced.insert((*old, version), replacement);
            }
            ("require", _) => return Err(unexpected(number)),
            _ => {}
        }
    }
    if !complete && !required.is_empty() {
        list.gap("a go.mod of before Go 1.17 lists direct dependencies only");
    }
    for (module, version) in required {
        let replacement = replaced.get(&(module, Some(version))).or_else(|| replaced.get(&(module, None)));
        match replacement {
            None => list.add(module, version, false),
            Some(Replacement::Module(module, version)) => list.add(*module, *version, false),
            Some(Replacement::Directory) => {}
        }
    }
    Ok(())
}

fn unexpected(line: usize) -> ReadError {
    ReadError::malformed(format!("not a go.mod, at line {}", line + 1))
}

fn unquote(word: &str) -> &str {
    word.trim_matches(['"', '`'])
}

/// Whether `go VERSION` is 1.17 or later.
fn lists_indirect(version: &str) -> bool {
    let mut numbers = version.split('.').map(|n| n.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    (major, minor) >= (1, 17)
}
