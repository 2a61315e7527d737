//! Exceptions of rules: fields, how they are compared, and values for which the rule does not match after all.
//!
//! ```text
//!   fields: [proc.name, fd.name]     comps: [=, startswith]     values: [[nginx, /var/log], [cat, /tmp]]
//!     => and not ((proc.name = nginx and fd.name startswith /var/log) or (proc.name = cat and fd.name startswith /tmp))
//!   fields: proc.name                comps: in (if not given)   values: [nginx, shell_binaries]
//!     => and not proc.name in (nginx, shell_binaries)
//! ```

use super::condition::{Operand, Operator, Quantifier};
use super::diagnostic::ErrorCode;
use super::parser::{self, Expression, ParseError, ParsedCheck};
use super::source::{Context, Fault};
use super::vocabulary::Vocabulary;

/// A value of an exception as YAML has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    One(String),
    Many(Vec<Self>),
}

/// An exception as it was read.
#[derive(Clone, Debug)]
pub(super) struct ExceptionInfo {
    pub(super) name: String,
    pub(super) fields: Option<Entry>,
    pub(super) comps: Option<Entry>,
    pub(super) values: Vec<Entry>,
    pub(super) context: Context,
}

/// What is compared, and how.
struct Column {
    field: String,
    comp: String,
    left: Operand,
    operator: Operator,
    quantifier: Option<Quantifier>,
}

impl ExceptionInfo {
    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault { code: ErrorCode::Validate, message: message.into(), context: self.context.clone() }
    }

    /// Fields and operators: as many of the one as of the other, each known.
    fn columns(&self) -> Result<Vec<Column>, Fault> {
        let fields = self.fields.as_ref().ok_or_else(|| self.fault("the exception has no fields"))?;
        let pairs: Vec<(&str, &str)> = match (fields, &self.comps) {
            (Entry::One(field), None) => vec![(field, "in")],
            (Entry::One(field), Some(Entry::One(comp))) => vec![(field, comp)],
            (Entry::Many(fields), None) => texts(fields).map(|field| (field, "=")).collect(),
            (Entry::Many(fields), Some(Entry::Many(comps))) if fields.len() == comps.len() => {
                texts(fields).zip(texts(comps)).collect()
            }
            (Entry::Many(fields), Some(Entry::Many(comps))) => {
                return Err(self.fault(format!("{} fields and {} comps", fields.len(), comps.len())));
            }
            (Entry::One(_), Some(Entry::Many(_))) | (Entry::Many(_), Some(Entry::One(_))) => {
                return Err(self.fault("fields and comps have to be both one word or both a list"));
            }
        };
        pairs.into_iter().map(|(field, comp)| self.column(field, comp)).collect()
    }

    fn column(&self, field: &str, comp: &str) -> Result<Column, Fault> {
        let left =
            parser::operand(field).map_err(|error| self.fault(format!("{field:?} is no field: {error}")))?;
        let (operator, quantifier) =
            parser::operator(comp).ok_or_else(|| self.fault(format!("{comp:?} is no operator")))?;
        if self.is_single() && !takes_list(operator, quantifier) {
            let message = format!(
                "with a single field, comps has to be in, pmatch, intersects or an operator with oneof, anyof or allof, not {comp:?}"
            );
            return Err(self.fault(message));
        }
        Ok(Column { field: field.to_owned(), comp: comp.trim().to_owned(), left, operator, quantifier })
    }

    fn is_single(&self) -> bool {
        matches!(self.fields, Some(Entry::One(_)))
    }

    /// Whether fields and operators are right.
    pub(super) fn validate(&self, vocabulary: &dyn Vocabulary) -> Result<(), Fault> {
        for column in self.columns()? {
            vocabulary.output(&column.left).map_err(|refusal| self.fault(refusal.to_string()))?;
        }
        Ok(())
    }

    /// What it asks for, and how, for people.
    pub(super) fn described(&self) -> Result<super::rule::Exception, Fault> {
        let fields = self.columns()?.into_iter().map(|column| (column.field, column.comp)).collect();
        Ok(super::rule::Exception { name: self.name.clone(), fields, values: self.values.len() })
    }

    /// When the rule does not match; none if there are no values.
    pub(super) fn expression(&self) -> Result<Option<Expression>, Fault> {
        let columns = self.columns()?;
        let mut choices = Vec::new();
        if self.is_single() {
            let mut words = Vec::new();
            for value in &self.values {
                match value {
                    Entry::One(text) => words.push(quoted(text)),
                    Entry::Many(_) => {
                        return Err(self.fault("with a single field, values has to be a list of words"));
                    }
                }
            }
            if !words.is_empty() {
                choices.push(self.check(&columns[0], &format!("({})", words.join(", ")))?);
            }
        } else {
            for value in &self.values {
                let tuple = match value {
                    Entry::Many(tuple) if tuple.len() == columns.len() => tuple,
                    Entry::Many(tuple) => {
                        let message = format!("{} fields and {} values", columns.len(), tuple.len());
                        return Err(self.fault(message));
                    }
                    Entry::One(text) => {
                        return Err(
                            self.fault(format!("the value {text:?} has to be a list, as fields is one"))
                        );
                    }
                };
                let checks: Vec<Expression> = columns
                    .iter()
                    .zip(tuple)
                    .map(|(column, entry)| self.check(column, &right_text(column, entry)))
                    .collect::<Result<_, _>>()?;
                choices.push(joined(checks, Expression::And));
            }
        }
        Ok(if choices.is_empty() { None } else { Some(joined(choices, Expression::Or)) })
    }

    fn check(&self, column: &Column, right: &str) -> Result<Expression, Fault> {
        let right =
            parser::right(column.operator, column.quantifier, right).map_err(|error: ParseError| Fault {
                code: ErrorCode::CompileCondition,
                message: format!("the value {right:.200} of {} {}: {error}", column.field, column.comp),
                context: self.context.clone(),
            })?;
        Ok(Expression::Check(ParsedCheck {
            left: column.left.clone(),
            operator: column.operator,
            quantifier: column.quantifier,
            right,
            span: 0..0,
        }))
    }
}

fn joined(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    if parts.len() == 1 { parts.remove(0) } else { many(parts) }
}

fn takes_list(operator: Operator, quantifier: Option<Quantifier>) -> bool {
    quantifier.is_some() || matches!(operator, Operator::In | Operator::Intersects | Operator::Pmatch)
}

/// A value as it would be written in a condition.
fn right_text(column: &Column, entry: &Entry) -> String {
    match entry {
        Entry::Many(entries) => format!("({})", texts(entries).map(quoted).collect::<Vec<_>>().join(", ")),
        Entry::One(text) if takes_list(column.operator, column.quantifier) => {
            if text.starts_with('(') {
                text.clone()
            } else {
                format!("({text})")
            }
        }
        Entry::One(text) => quoted(text),
    }
}

/// Words with blanks get quotes, unless they have some.
fn quoted(text: impl AsRef<str>) -> String {
    let text = text.as_ref();
    if text.contains(' ') && !text.starts_with(['"', '\'']) { format!("\"{text}\"") } else { text.to_owned() }
}

/// The words of a list; a list within a list is no word, and stands as an empty one, which fits nothing.
fn texts(entries: &[Entry]) -> impl Iterator<Item = &str> {
    entries.iter().map(|entry| match entry {
        Entry::One(text) => text.as_str(),
        Entry::Many(_) => "",
    })
}
