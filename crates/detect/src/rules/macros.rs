//! Parses macros and finds those that cannot be used: they are no conditions, name what is not defined, or lead back to
//! themselves.

use super::collect::{MacroInfo, Table};
use super::compile::mentions;
use super::diagnostic::ErrorCode;
use super::parser::{self, Parsed};
use super::source::{Fault, Reporter, Text};
use std::collections::{HashMap, HashSet};

/// Macros by name.
#[derive(Default)]
pub(super) struct Macros {
    /// Those that can be used, with the text that they were parsed from.
    pub(super) parsed: HashMap<String, (Parsed, Text)>,
    /// Those that cannot, which has been told.
    pub(super) broken: HashSet<String>,
}

/// Parses all macros.
pub(super) fn parse(table: &Table<MacroInfo>, reporter: &mut Reporter) -> Macros {
    let mut macros = Macros::default();
    // For each macro those that it names.
    let mut named: HashMap<&str, Vec<&str>> = HashMap::new();
    for entry in &table.entries {
        let info = &entry.info;
        match parser::parse(&info.condition.joined()) {
            Err(error) => {
                reporter.fault(Fault {
                    code: ErrorCode::CompileCondition,
                    message: error.to_string(),
                    context: info.condition.context(&reporter.files, error.span.start),
                });
                macros.broken.insert(info.name.clone());
            }
            Ok(parsed) => {
                let mut inner_names = Vec::new();
                mentions(&parsed.root, &mut |word, is_macro| {
                    if !is_macro {
                        return;
                    }
                    let inner = table.get(&word.text);
                    if let Some(inner) = inner.filter(|inner| inner.index < entry.visibility) {
                        inner_names.push(inner.info.name.as_str());
                        return;
                    }
                    let later = if inner.is_some() { ": it is defined later" } else { "" };
                    reporter.fault(Fault {
                        code: ErrorCode::Validate,
                        message: format!("undefined macro '{}'{later}", word.text),
                        context: info.condition.context(&reporter.files, word.span.start),
                    });
                    macros.broken.insert(info.name.clone());
                });
                named.insert(&info.name, inner_names);
                macros.parsed.insert(info.name.clone(), (parsed, info.condition.clone()));
            }
        }
    }
    loops(table, &named, &mut macros, reporter);
    let Macros { parsed, broken } = &mut macros;
    parsed.retain(|name, _| !broken.contains(name));
    macros
}

/// Finds macros that lead back to themselves: those that are left when those that name nothing that is left are taken away.
fn loops(
    table: &Table<MacroInfo>,
    named: &HashMap<&str, Vec<&str>>,
    macros: &mut Macros,
    reporter: &mut Reporter,
) {
    let mut waiting: HashMap<&str, usize> = named.iter().map(|(name, names)| (*name, names.len())).collect();
    let mut namers: HashMap<&str, Vec<&str>> = HashMap::new();
    for (name, names) in named {
        for inner in names {
            namers.entry(inner).or_default().push(name);
        }
    }
    // A macro that is no condition names nothing.
    let mut done: Vec<&str> =
        waiting.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
    done.extend(
        macros
            .broken
            .iter()
            .filter_map(|name| table.get(name))
            .map(|entry| entry.info.name.as_str())
            .filter(|name| !named.contains_key(name)),
    );
    while let Some(name) = done.pop() {
        waiting.remove(name);
        for namer in namers.get(name).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(namer) {
                *count -= 1;
                if *count == 0 {
                    done.push(namer);
                }
            }
        }
    }
    let Some(first) = table.entries.iter().find(|entry| waiting.contains_key(entry.info.name.as_str()))
    else {
        return;
    };
    // Whoever follows those that are left comes by a loop.
    let mut seen = HashSet::new();
    let mut at = first.info.name.as_str();
    while seen.insert(at) {
        let next = named.get(at).into_iter().flatten().find(|name| waiting.contains_key(*name));
        let Some(next) = next else { break };
        at = next;
    }
    if let Some(entry) = table.get(at) {
        reporter.fault(Fault {
            code: ErrorCode::Validate,
            message: format!("reference loop in macro '{at}'"),
            context: entry.info.context.clone(),
        });
    }
    macros.broken.extend(waiting.keys().map(|name| (*name).to_owned()));
}
