//! Puts macros and lists into a parsed condition.
//!
//! A macro bomb (`a: b or b`, `b: c or c`, …) doubles with every line; what comes out is counted, and there is a limit.

use super::condition::{Check, Condition, Right};
use super::parser::{Expression, Parsed, ParsedCheck, ParsedRight, Word};
use std::ops::Range;

/// No condition has more checks after macros were put in.
pub const MAX_CHECKS: usize = 100_000;
/// No condition has more values in all of its lists together.
pub const MAX_VALUES: usize = 1_000_000;
/// No condition is nested deeper after macros were put in.
pub const MAX_RESOLVED_DEPTH: usize = 400;

/// Where the names of macros and lists lead to.
pub trait Definitions {
    /// What a macro says.
    fn macro_(&self, name: &str) -> Option<&Parsed>;

    /// The values of a list.
    fn list(&self, name: &str) -> Option<&[String]>;
}

/// No macros and no lists: every bare word is a value.
pub struct Nothing;

impl Definitions for Nothing {
    fn macro_(&self, _: &str) -> Option<&Parsed> {
        None
    }

    fn list(&self, _: &str) -> Option<&[String]> {
        None
    }
}

/// Why macros and lists cannot be put in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ResolveError {
    /// What is wrong.
    pub problem: ResolveProblem,
    /// Where: in the condition itself, also if it is within a macro that it names.
    pub span: Range<usize>,
}

/// What is wrong with a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveProblem {
    /// There is no such macro.
    #[error("undefined macro '{0}'")]
    UndefinedMacro(String),
    /// The macro leads back to itself.
    #[error("reference loop in macro '{0}'")]
    Loop(String),
    /// A list stands where one value has to.
    #[error("list '{name}' has {count} values where one has to stand")]
    ListForValue {
        /// Its name.
        name: String,
        /// How many values it has.
        count: usize,
    },
    /// More than any of the limits of this module.
    #[error(
        "with all macros and lists put in, it has more than {MAX_CHECKS} checks or {MAX_VALUES} values, or is nested deeper than {MAX_RESOLVED_DEPTH}"
    )]
    TooLarge,
}

/// Puts macros and lists in.
pub fn resolve(parsed: &Parsed, definitions: &dyn Definitions) -> Result<Condition, ResolveError> {
    let mut budget = Budget { checks: MAX_CHECKS, values: MAX_VALUES };
    resolve_within(&parsed.root, definitions, &mut budget).map(|resolved| resolved.condition)
}

/// How much may still come out, of all conditions of a load together.
pub(super) struct Budget {
    pub(super) checks: usize,
    pub(super) values: usize,
}

/// A condition, and for each of its checks in their order the macro in which it is written.
pub(super) struct Resolved<'a> {
    pub(super) condition: Condition,
    pub(super) origins: Vec<Option<&'a str>>,
}

/// Puts macros and lists in, and takes what comes out from a budget.
pub(super) fn resolve_within<'a>(
    root: &'a Expression,
    definitions: &'a dyn Definitions,
    budget: &mut Budget,
) -> Result<Resolved<'a>, ResolveError> {
    let checks = budget.checks.min(MAX_CHECKS);
    let values = budget.values.min(MAX_VALUES);
    let mut resolver = Resolver {
        definitions,
        path: Vec::new(),
        origin: None,
        origins: Vec::new(),
        left: Budget { checks, values },
        depth: 0,
    };
    let condition = resolver.expression(root);
    budget.checks -= checks - resolver.left.checks;
    budget.values -= values - resolver.left.values;
    Ok(Resolved { condition: condition?, origins: resolver.origins })
}

struct Resolver<'a> {
    definitions: &'a dyn Definitions,
    /// The macros that it is within.
    path: Vec<&'a str>,
    /// Where the outermost of them was named.
    origin: Option<Range<usize>>,
    /// For each check the innermost macro.
    origins: Vec<Option<&'a str>>,
    left: Budget,
    depth: usize,
}

impl<'a> Resolver<'a> {
    fn expression(&mut self, expression: &'a Expression) -> Result<Condition, ResolveError> {
        self.depth += 1;
        if self.depth > MAX_RESOLVED_DEPTH {
            return Err(self.error(&(0..0), ResolveProblem::TooLarge));
        }
        let resolved = match expression {
            Expression::And(children) => Condition::And(self.joined(children, true)?),
            Expression::Or(children) => Condition::Or(self.joined(children, false)?),
            Expression::Not(child) => match self.expression(child)? {
                Condition::Not(inner) => *inner,
                inner => Condition::Not(Box::new(inner)),
            },
            Expression::Macro(name) => self.macro_(name)?,
            Expression::Check(check) => self.check(check)?,
        };
        self.depth -= 1;
        Ok(resolved)
    }

    /// Resolves children; those that are joined in the same way are put in as theirs.
    fn joined(&mut self, children: &'a [Expression], and: bool) -> Result<Vec<Condition>, ResolveError> {
        let mut out = Vec::with_capacity(children.len());
        for child in children {
            match (self.expression(child)?, and) {
                (Condition::And(inner), true) | (Condition::Or(inner), false) => out.extend(inner),
                (other, _) => out.push(other),
            }
        }
        Ok(out)
    }

    fn macro_(&mut self, name: &'a Word) -> Result<Condition, ResolveError> {
        let Some(parsed) = self.definitions.macro_(&name.text) else {
            return Err(self.error(&name.span, ResolveProblem::UndefinedMacro(name.text.clone())));
        };
        if self.path.contains(&name.text.as_str()) {
            return Err(self.error(&name.span, ResolveProblem::Loop(name.text.clone())));
        }
        if self.path.is_empty() {
            self.origin = Some(name.span.clone());
        }
        self.path.push(&name.text);
        let resolved = self.expression(&parsed.root)?;
        self.path.pop();
        if self.path.is_empty() {
            self.origin = None;
        }
        Ok(resolved)
    }

    fn check(&mut self, check: &ParsedCheck) -> Result<Condition, ResolveError> {
        let right = match &check.right {
            ParsedRight::None => Right::None,
            ParsedRight::Field(operand) => Right::Field(operand.clone()),
            ParsedRight::Value(word) => Right::Value(self.value(word)?),
            ParsedRight::List(words) => {
                let mut values = Vec::with_capacity(words.len());
                for word in words {
                    let list = self.list_of(word).unwrap_or(std::slice::from_ref(&word.text));
                    self.count_values(list.len(), word)?;
                    values.extend_from_slice(list);
                }
                Right::List(values)
            }
        };
        self.left.checks = self
            .left
            .checks
            .checked_sub(1)
            .ok_or_else(|| self.error(&check.span, ResolveProblem::TooLarge))?;
        self.origins.push(self.path.last().copied());
        Ok(Condition::Check(Check {
            left: check.left.clone(),
            operator: check.operator,
            quantifier: check.quantifier,
            right,
            span: check.span.clone(),
        }))
    }

    /// One value; a list of one value may stand for it.
    fn value(&self, word: &Word) -> Result<String, ResolveError> {
        match self.list_of(word) {
            None => Ok(word.text.clone()),
            Some([only]) => Ok(only.clone()),
            Some(list) => {
                let problem = ResolveProblem::ListForValue { name: word.text.clone(), count: list.len() };
                Err(self.error(&word.span, problem))
            }
        }
    }

    fn list_of(&self, word: &Word) -> Option<&'a [String]> {
        if word.bare { self.definitions.list(&word.text) } else { None }
    }

    fn count_values(&mut self, more: usize, word: &Word) -> Result<(), ResolveError> {
        self.left.values = self
            .left
            .values
            .checked_sub(more)
            .ok_or_else(|| self.error(&word.span, ResolveProblem::TooLarge))?;
        Ok(())
    }

    fn error(&self, span: &Range<usize>, problem: ResolveProblem) -> ResolveError {
        ResolveError { problem, span: self.origin.clone().unwrap_or_else(|| span.clone()) }
    }
}
