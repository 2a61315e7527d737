//! Makes rules of what files define: lists and macros are put in, fields and operators are checked, event types found.

use super::collect::{Collection, ListInfo, RuleInfo, Table};
use super::condition::{Check, Condition};
use super::diagnostic::{ErrorCode, MAX_DIAGNOSTICS, WarningCode};
use super::events;
use super::lint;
use super::macros::{self, Macros};
use super::parser::{self, Expression, ParsedRight, Word};
use super::read::SYSCALL;
use super::resolve::{Budget, ResolveProblem, Resolved, resolve_within};
use super::rule::{Exception, Rule, RuleSet};
use super::source::{Context, Fault, Reporter, Text, excerpt};
use super::template;
use super::vocabulary::{Refusal, Vocabulary};
use std::collections::{HashMap, HashSet};

/// All conditions together have no more checks, macros put in.
const MAX_CHECKS: usize = 1_000_000;
/// All conditions together have no more values, lists put in.
const MAX_VALUES: usize = 5_000_000;

/// Compiles all rules about system calls.
pub(super) fn compile(
    collection: Collection,
    vocabulary: &dyn Vocabulary,
    reporter: &mut Reporter,
) -> RuleSet {
    let lists = lists(&collection.lists, reporter);
    let macros = macros::parse(&collection.macros, reporter);
    let mut compiler = Compiler {
        definitions: Definitions { lists, macros },
        vocabulary,
        reporter,
        budget: Budget { checks: MAX_CHECKS, values: MAX_VALUES },
        used_macros: HashSet::new(),
        used_lists: HashSet::new(),
    };
    let mut rules = Vec::new();
    for entry in &collection.rules.entries {
        if entry.info.source != SYSCALL || compiler.reporter.is_full() {
            continue;
        }
        match compiler.rule(&entry.info) {
            Ok(rule) => rules.extend(rule),
            Err(fault) => compiler.reporter.fault(fault),
        }
    }
    compiler.unused(&collection);
    RuleSet {
        rules,
        macros: collection.macros.entries.len(),
        lists: collection.lists.entries.len(),
        required_engine_version: collection.engine,
        required_plugins: collection.plugins,
    }
}

/// The values of all lists: those of other lists put in, and quotes taken away.
fn lists(table: &Table<ListInfo>, reporter: &mut Reporter) -> HashMap<String, Vec<String>> {
    let mut values: HashMap<String, Vec<String>> = HashMap::new();
    let mut total = 0;
    for entry in &table.entries {
        let fault = |message: String| Fault {
            code: ErrorCode::Validate,
            message,
            context: entry.info.context.clone(),
        };
        let mut out = Vec::with_capacity(entry.info.items.len());
        // A stack of what is still to be put in, the next on top; and the lists within which it stands.
        let mut within: Vec<(&str, std::slice::Iter<'_, String>)> =
            vec![(&entry.info.name, entry.info.items.iter())];
        while let Some((_, items)) = within.last_mut() {
            let Some(item) = items.next() else {
                within.pop();
                continue;
            };
            let inner = table.get(item).filter(|inner| inner.index < entry.visibility);
            match inner {
                Some(inner) if within.iter().any(|(name, _)| *name == inner.info.name) => {
                    // A list that has an item of its own name means the word.
                    if within.last().is_some_and(|(name, _)| *name == inner.info.name) {
                        out.push(item.clone());
                    } else {
                        reporter.fault(fault(format!("reference loop in list '{item}'")));
                    }
                }
                Some(inner) => within.push((&inner.info.name, inner.info.items.iter())),
                None => match parser::literal(item) {
                    Ok(value) => out.push(value),
                    Err(error) => reporter.fault(fault(format!("the item {:?}: {error}", excerpt(item)))),
                },
            }
            if total + out.len() > MAX_VALUES || within.len() > parser::MAX_DEPTH {
                let message =
                    format!("lists have more than {MAX_VALUES} values in all, or are nested too deeply");
                reporter.fault(fault(message));
                out.clear();
                total = MAX_VALUES;
                break;
            }
        }
        total += out.len();
        values.insert(entry.info.name.clone(), out);
    }
    values
}

struct Definitions {
    lists: HashMap<String, Vec<String>>,
    macros: Macros,
}

impl super::resolve::Definitions for Definitions {
    fn macro_(&self, name: &str) -> Option<&parser::Parsed> {
        self.macros.parsed.get(name).map(|(parsed, _)| parsed)
    }

    fn list(&self, name: &str) -> Option<&[String]> {
        self.lists.get(name).map(Vec::as_slice)
    }
}

struct Compiler<'a> {
    definitions: Definitions,
    vocabulary: &'a dyn Vocabulary,
    reporter: &'a mut Reporter,
    budget: Budget,
    used_macros: HashSet<String>,
    used_lists: HashSet<String>,
}

impl Compiler<'_> {
    /// Compiles a rule; none if it is left out, which has been told.
    fn rule(&mut self, info: &RuleInfo) -> Result<Option<Rule>, Fault> {
        let Some(output) = self.output(info)? else { return Ok(None) };
        let written = info.condition.joined();
        let parsed = parser::parse(&written).map_err(|error| Fault {
            code: ErrorCode::CompileCondition,
            message: error.to_string(),
            context: info.condition.context(&self.reporter.files, error.span.start),
        })?;
        self.mention(&parsed.root);
        let mut parts = Vec::new();
        let Some(condition) = self.part(&parsed.root, info, &Origin::Condition(&info.condition))? else {
            return Ok(None);
        };
        parts.push(condition);
        let mut exceptions: Vec<Exception> = Vec::new();
        for exception in &info.exceptions {
            exception.validate(self.vocabulary)?;
            exceptions.push(exception.described()?);
            let Some(expression) = exception.expression()? else { continue };
            self.mention(&expression);
            match self.part(&expression, info, &Origin::Exception(&exception.context))? {
                Some(condition) => parts.push(Condition::Not(Box::new(condition))),
                None => return Ok(None),
            }
        }
        let count = match info.count.as_ref().map(|count| count.compile(self.vocabulary)) {
            None => None,
            Some(Ok(count)) => Some(count),
            Some(Err((Refusal::Unknown(_), fault))) if info.skip_unknown => {
                self.reporter.warn(WarningCode::UnknownFilter, fault.message, &fault.context);
                return Ok(None);
            }
            Some(Err((_, fault))) => return Err(fault),
        };
        let condition = all(parts);
        let events = events::of(&condition);
        if events.len() > events::MANY && info.warn_evttypes {
            let message = format!(
                "the condition can match {} types of events; evt.type would tell which",
                events.len()
            );
            self.reporter.warn(WarningCode::NoEvttype, message, &info.context);
        }
        Ok(Some(Rule {
            name: info.name.clone(),
            description: info.description.clone(),
            condition,
            written,
            count,
            output,
            priority: info.priority,
            source: info.source.clone(),
            tags: info.tags.iter().cloned().collect(),
            enabled: info.enabled,
            exceptions,
            events,
            capture: info.capture,
            capture_duration: info.capture_duration,
            position: info.context.position().clone(),
        }))
    }

    /// Parses the output of a rule; none if the rule is left out for it.
    fn output(&mut self, info: &RuleInfo) -> Result<Option<template::Template>, Fault> {
        const CONTAINER_INFO: &str = "%container.info";
        let mut text = info.output.joined();
        let trimmed = text.trim();
        let mut start = text.len() - text.trim_start().len();
        text = trimmed.to_owned();
        if text.contains(CONTAINER_INFO) {
            let message = "%container.info is deprecated and printed as nothing; name the fields instead";
            self.reporter.warn(WarningCode::DeprecatedItem, message, &info.context);
            text = text.replace(CONTAINER_INFO, "");
            start = 0;
        }
        let output = match template::parse(&text, self.vocabulary) {
            Ok(output) => output,
            Err(error) => {
                let context = info.output.context(&self.reporter.files, start + error.offset);
                if info.skip_unknown && matches!(error.refusal, Refusal::Unknown(_)) {
                    self.reporter.warn(WarningCode::UnknownFilter, error.to_string(), &context);
                    return Ok(None);
                }
                return Err(Fault { code: ErrorCode::CompileOutput, message: error.to_string(), context });
            }
        };
        for field in output.operands().into_iter().flat_map(|operand| operand.fields()) {
            if let Some(message) = lint::deprecated(field) {
                self.reporter.warn(WarningCode::DeprecatedItem, message, info.output.start());
            }
        }
        Ok(Some(output))
    }

    /// Puts macros and lists into a condition and checks all of it; none if the rule is left out, which has been told.
    fn part(
        &mut self,
        root: &Expression,
        info: &RuleInfo,
        origin: &Origin<'_>,
    ) -> Result<Option<Condition>, Fault> {
        let Resolved { condition, origins } = match resolve_within(root, &self.definitions, &mut self.budget)
        {
            Ok(resolved) => resolved,
            Err(error) => {
                // What is wrong with the macro has been told.
                if let ResolveProblem::UndefinedMacro(ref name) = error.problem
                    && self.definitions.macros.broken.contains(name)
                {
                    return Ok(None);
                }
                let context = origin.context(self.reporter, error.span.start);
                return Err(Fault { code: ErrorCode::Validate, message: error.to_string(), context });
            }
        };
        // What is said of a check is said where it is written, which may be in a macro.
        let place = |check: &Check, from: Option<&str>| match from
            .and_then(|name| self.definitions.macros.parsed.get(name))
        {
            None => origin.context(self.reporter, check.span.start),
            Some((_, text)) => origin.start().through(&text.context(&self.reporter.files, check.span.start)),
        };
        let checks = condition.checks();
        let refused = checks.iter().zip(&origins).find_map(|(check, from)| {
            self.vocabulary.check(check).err().map(|refusal| (refusal, place(check, *from)))
        });
        let warnings: Vec<_> = checks
            .iter()
            .zip(&origins)
            .flat_map(|(check, from)| {
                lint::check(check, self.vocabulary)
                    .into_iter()
                    .map(|(code, message)| (code, message, place(check, *from)))
            })
            .take(MAX_DIAGNOSTICS)
            .collect();
        for (code, message, context) in warnings {
            self.reporter.warn(code, message, &context);
        }
        match refused {
            None => Ok(Some(condition)),
            Some((Refusal::Unknown(message), context)) if info.skip_unknown => {
                let message = format!("{message}; rule '{}' is left out", info.name);
                self.reporter.warn(WarningCode::UnknownFilter, message, &context);
                Ok(None)
            }
            Some((Refusal::Unknown(message) | Refusal::Invalid(message), context)) => {
                Err(Fault { code: ErrorCode::CompileCondition, message, context })
            }
        }
    }

    /// Notes which macros and lists an expression names.
    fn mention(&mut self, expression: &Expression) {
        let (used_macros, used_lists, lists) =
            (&mut self.used_macros, &mut self.used_lists, &self.definitions.lists);
        mentions(expression, &mut |word, is_macro| {
            if is_macro {
                used_macros.insert(word.text.clone());
            } else if word.bare && lists.contains_key(&word.text) {
                used_lists.insert(word.text.clone());
            }
        });
    }

    fn unused(&mut self, collection: &Collection) {
        let macros = std::mem::take(&mut self.definitions.macros);
        for (parsed, _) in macros.parsed.values() {
            self.mention(&parsed.root);
        }
        for entry in &collection.lists.entries {
            for item in &entry.info.items {
                if *item != entry.info.name
                    && collection.lists.get(item).is_some_and(|inner| inner.index < entry.visibility)
                {
                    self.used_lists.insert(item.clone());
                }
            }
        }
        for entry in &collection.macros.entries {
            if !self.used_macros.contains(&entry.info.name) {
                let message = format!("no rule or macro names macro '{}'", entry.info.name);
                self.reporter.warn(WarningCode::UnusedMacro, message, &entry.info.context);
            }
        }
        for entry in &collection.lists.entries {
            if !self.used_lists.contains(&entry.info.name) {
                let message = format!("no rule, macro or list names list '{}'", entry.info.name);
                self.reporter.warn(WarningCode::UnusedList, message, &entry.info.context);
            }
        }
    }
}

/// Where a part of the condition of a rule is written.
enum Origin<'a> {
    Condition(&'a Text),
    Exception(&'a Context),
}

impl Origin<'_> {
    fn start(&self) -> &Context {
        match self {
            Self::Condition(text) => text.start(),
            Self::Exception(context) => context,
        }
    }

    fn context(&self, reporter: &Reporter, offset: usize) -> Context {
        match self {
            Self::Condition(text) => text.context(&reporter.files, offset),
            Self::Exception(context) => (*context).clone(),
        }
    }
}

/// Calls for each macro, and for each word that may be a list.
pub(super) fn mentions(expression: &Expression, word: &mut dyn FnMut(&Word, bool)) {
    match expression {
        Expression::And(children) | Expression::Or(children) => {
            for child in children {
                mentions(child, word);
            }
        }
        Expression::Not(child) => mentions(child, word),
        Expression::Macro(name) => word(name, true),
        Expression::Check(check) => match &check.right {
            ParsedRight::Value(value) => word(value, false),
            ParsedRight::List(values) => {
                for value in values {
                    word(value, false);
                }
            }
            ParsedRight::None | ParsedRight::Field(_) => {}
        },
    }
}

/// All of several conditions, of which the first is the rule's own.
fn all(parts: Vec<Condition>) -> Condition {
    let mut joined = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Condition::And(children) => joined.extend(children),
            other => joined.push(other),
        }
    }
    match joined.pop() {
        Some(only) if joined.is_empty() => only,
        last => {
            joined.extend(last);
            Condition::And(joined)
        }
    }
}
