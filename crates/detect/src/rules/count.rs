//! `count`: a rule that is told when it matched often enough, not each time. A key of Gabion's own beside Falco's.
//!
//! ```yaml
//!   count: {distinct: fd.rip, at_least: 20, within: 30s, per: [container.id, proc.name]}
//! ```

use super::condition::Operand;
use super::diagnostic::ErrorCode;
use super::parser;
use super::read::{invalid, needed, number, text, words};
use super::source::{Context, Fault};
use super::vocabulary::{Refusal, Vocabulary};
use super::yaml::Node;
use std::fmt;

/// No rule counts further: what is counted is kept.
const MAX_AT_LEAST: u64 = 1_000;
/// No rule counts longer, in seconds.
const MAX_WITHIN: u64 = 24 * 3_600;
const SECOND: u64 = 1_000_000_000;

/// How often a rule has to match before it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Matches count once for each value of these; every match counts if there are none.
    pub distinct: Vec<Operand>,
    /// So many.
    pub at_least: usize,
    /// Within so many nanoseconds.
    pub within: u64,
    /// Counted by itself for each value of these; for the whole node if there are none.
    pub per: Vec<Operand>,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |operands: &[Operand]| operands.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
        let seconds = self.within / SECOND;
        let (number, unit) = match seconds {
            _ if seconds.is_multiple_of(3_600) => (seconds / 3_600, 'h'),
            _ if seconds.is_multiple_of(60) => (seconds / 60, 'm'),
            _ => (seconds, 's'),
        };
        match &self.distinct[..] {
            [] => write!(f, "at least {} matches", self.at_least)?,
            distinct => write!(f, "at least {} different {}", self.at_least, list(distinct))?,
        }
        write!(f, " within {number}{unit}")?;
        if !self.per.is_empty() {
            write!(f, ", for each {}", list(&self.per))?;
        }
        Ok(())
    }
}

/// The same as it is written.
pub(super) struct CountInfo {
    distinct: Vec<String>,
    at_least: usize,
    within: u64,
    per: Vec<String>,
    context: Context,
}

impl CountInfo {
    /// Reads the value of `count` of an item.
    pub(super) fn read(item: &Node, parent: &Context) -> Result<Option<Self>, Fault> {
        let Some(node) = item.get("count") else { return Ok(None) };
        let context = parent.node("value for", "count", node);
        if node.entries().is_empty() {
            return Err(invalid(
                "the value of 'count' has to say at least 'at_least' and 'within'",
                &context,
            ));
        }
        for (key, _) in node.entries() {
            if !matches!(key.text(), Some("distinct" | "at_least" | "within" | "per")) {
                let message = "'count' knows 'distinct', 'at_least', 'within' and 'per'";
                return Err(invalid(message, &context.node("value for", key.text().unwrap_or(""), key)));
            }
        }
        let at_least = needed(number(node, "at_least", &context)?, "at_least", &context)?;
        if !(2..=MAX_AT_LEAST).contains(&at_least) {
            return Err(invalid(format!("'at_least' has to be from 2 to {MAX_AT_LEAST}"), &context));
        }
        let seconds = seconds(text(node, "within", &context)?).filter(|s| (1..=MAX_WITHIN).contains(s));
        let seconds = seconds.ok_or_else(|| {
            invalid("'within' has to be a time such as 30s, 5m or 1h, a day at most", &context)
        })?;
        Ok(Some(Self {
            distinct: fields(node, "distinct", &context)?,
            at_least: at_least as usize,
            within: seconds * SECOND,
            per: fields(node, "per", &context)?,
            context,
        }))
    }

    /// Understands its fields.
    pub(super) fn compile(&self, vocabulary: &dyn Vocabulary) -> Result<Count, (Refusal, Fault)> {
        let all = |texts: &[String]| -> Result<Vec<Operand>, (Refusal, Fault)> {
            texts.iter().map(|text| self.operand(text, vocabulary)).collect()
        };
        Ok(Count {
            distinct: all(&self.distinct)?,
            at_least: self.at_least,
            within: self.within,
            per: all(&self.per)?,
        })
    }

    fn operand(&self, text: &str, vocabulary: &dyn Vocabulary) -> Result<Operand, (Refusal, Fault)> {
        let parsed = parser::operand(text).map_err(|error| Refusal::Invalid(error.to_string()));
        let checked = parsed.and_then(|operand| vocabulary.output(&operand).map(|()| operand));
        checked.map_err(|refusal| {
            let fault = Fault {
                code: ErrorCode::CompileCondition,
                message: format!("count: {refusal}"),
                context: self.context.clone(),
            };
            (refusal, fault)
        })
    }
}

/// A field, or a list of them.
fn fields(node: &Node, key: &str, context: &Context) -> Result<Vec<String>, Fault> {
    match node.get(key) {
        Some(value) if value.text().is_some() => Ok(vec![text(node, key, context)?.to_owned()]),
        _ => Ok(words(node, key, context)?.unwrap_or_default()),
    }
}

fn seconds(text: &str) -> Option<u64> {
    let unit = match text.chars().next_back()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        _ => return None,
    };
    text[..text.len() - 1].parse::<u64>().ok()?.checked_mul(unit)
}
