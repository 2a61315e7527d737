//! One check of a condition, made ready.

use super::{
    comparison::Comparison,
    operand::{Operand, Scratch},
};
use crate::{
    field::{Context, Datum, Field, Scope, Shape, Type, UnknownField, table::FdField, table::Id},
    rules::{
        condition::{Check, Operator, Transformer},
        vocabulary::Refusal,
    },
};
use gabion_model::event::FdKind;

/// One check of a condition.
#[derive(Clone, Debug)]
pub(super) struct Predicate {
    left: Operand,
    operator: Operator,
    comparison: Comparison,
    shape: Shape,
    /// What it asks of a value that is missing: no, but for the name of an address, which is not the one asked for.
    missing: Missing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    No,
    YesForSockets,
}

impl Predicate {
    /// Makes a check ready, or says why it cannot be.
    pub(super) fn new(check: &Check) -> Result<Self, Refusal> {
        let left = operand(&check.left)?;
        let comparison = Comparison::new(&left, check.operator, check.quantifier, &check.right)?;
        let shape = left.field().map_or(Shape::One, Field::shape);
        let host = matches!(
            left.field().map(|field| field.row().id),
            Some(Id::Fd(
                FdField::ClientHost | FdField::ServerHost | FdField::LocalHost | FdField::RemoteHost
            ))
        );
        let missing =
            if host && check.operator == Operator::NotEqual { Missing::YesForSockets } else { Missing::No };
        Ok(Self { left, operator: check.operator, comparison, shape, missing })
    }

    /// Whether it is true. Of a value that is missing, nothing is.
    pub(super) fn holds(&self, cx: Context<'_>, scratch: &mut Scratch) -> bool {
        match (self.shape, self.left.field()) {
            (Shape::Ancestors, Some(field)) => {
                field.any(cx, &mut scratch.field, &mut |value| self.comparison.holds(value, cx))
            }
            (Shape::Ends, Some(field)) => self.holds_for_ends(field, cx, scratch),
            _ if self.left.is_list() => self
                .left
                .list(cx)
                .is_some_and(|values| self.comparison.holds_list(self.operator, &values, cx)),
            _ => match self.left.value(cx, scratch) {
                Some(value) => self.comparison.holds(value, cx),
                None => self.missing == Missing::YesForSockets && is_connected(cx),
            },
        }
    }

    /// `!=` must be true for both ends, all else for one.
    fn holds_for_ends(&self, field: &Field, cx: Context<'_>, scratch: &mut Scratch) -> bool {
        match self.operator {
            Operator::Exists => cx.event.fd.is_some_and(|fd| fd.number >= 0),
            Operator::NotEqual => {
                let mut ends = 0;
                let differs = !field.any(cx, &mut scratch.field, &mut |value| {
                    ends += 1;
                    !self.comparison.holds(value, cx)
                });
                differs && ends > 0
            }
            _ => field.any(cx, &mut scratch.field, &mut |value| self.comparison.holds(value, cx)),
        }
    }

    /// On what the answer depends.
    pub(super) fn scope(&self) -> Scope {
        let right = match &self.comparison {
            Comparison::Field(_, right) => right.scope(),
            _ => Scope::Kind,
        };
        self.left.scope().max(right)
    }

    /// What it costs, in the units of [`Comparison::cost`].
    pub(super) fn cost(&self) -> u32 {
        let value = match (self.shape, self.left.field()) {
            (_, None) => 30,
            (Shape::Ancestors, _) => 40,
            (_, Some(field)) => match field.kind() {
                Type::CharBuf if matches!(field.row().id, Id::Event(_) | Id::Path(_)) => 6,
                Type::CharBuf | Type::ByteBuf => 3,
                _ => 1,
            },
        };
        value + self.comparison.cost()
    }
}

/// A connection whose ends are known, though the name of the one asked for is not.
fn is_connected(cx: Context<'_>) -> bool {
    matches!(cx.event.fd.map(|fd| fd.kind), Some(FdKind::Inet { remote: Some(_), .. }))
}

/// Understands a left side, and checks that its transformers fit.
pub(super) fn operand(written: &crate::rules::condition::Operand) -> Result<Operand, Refusal> {
    let operand = Operand::resolve(written).map_err(|error| refusal(&error))?;
    check(&operand)?;
    Ok(operand)
}

/// Why a field is refused; a name that is not known is told apart.
pub(super) fn refusal(error: &UnknownField) -> Refusal {
    match error {
        UnknownField::Name(_) => Refusal::Unknown(error.to_string()),
        UnknownField::EventArgument(_) | UnknownField::Argument { .. } => Refusal::Invalid(error.to_string()),
    }
}

fn check(operand: &Operand) -> Result<(), Refusal> {
    let invalid = |text: &str| Err(Refusal::Invalid(text.to_owned()));
    let Operand::Transformed(transformer, arguments) = operand else { return Ok(()) };
    for argument in arguments {
        check(argument)?;
        if let Some(field) = argument.field()
            && !field.row().free
        {
            return invalid(&format!("field '{}' does not support transformers", field.row().name));
        }
    }
    let text = |operand: &Operand| operand.kind() == Type::CharBuf && !operand.is_list();
    match (transformer, &arguments[..]) {
        (Transformer::Concat, parts) if parts.len() < 2 => invalid("concat() requires at least 2 arguments"),
        (Transformer::Concat, parts) if !parts.iter().all(text) => {
            invalid("concat() arguments must be strings")
        }
        (Transformer::Join, [separator, _]) if separator.is_list() => {
            invalid("join() first argument (separator) must be a single value, not a list")
        }
        (Transformer::Join, [_, list]) if !list.is_list() => invalid("join() second argument must be a list"),
        (Transformer::GetOpt(_), [list, _]) if !list.is_list() => {
            invalid("getopt() first argument must be a list")
        }
        (Transformer::GetOpt(_), [_, options]) if options.is_list() => {
            invalid("getopt() second argument (optstring) must be a single value")
        }
        (Transformer::Join | Transformer::GetOpt(_), [_, _]) | (Transformer::Concat, _) => Ok(()),
        (transformer, [argument]) => {
            let fits = match argument.kind() {
                Type::CharBuf => true,
                Type::ByteBuf => matches!(transformer, Transformer::Base64 | Transformer::Len),
                _ => *transformer == Transformer::Len && argument.is_list(),
            };
            if fits {
                return Ok(());
            }
            let name = match transformer {
                Transformer::ToLower => "tolower",
                Transformer::ToUpper => "toupper",
                Transformer::Base64 => "b64",
                Transformer::Basename => "basename",
                _ => "len",
            };
            let field = argument.field().map_or("INTERNAL", |field| field.row().name);
            invalid(&format!(
                "can't add field transformer: type '{}' is not supported by '{name}' transformer applied on field '{field}'",
                argument.kind().as_str()
            ))
        }
        _ => invalid("a transformer has another number of arguments"),
    }
}

/// Prints what a left side is, or `<NA>`.
pub(crate) fn print(operand: &Operand, cx: Context<'_>, scratch: &mut Scratch, out: &mut Vec<u8>) {
    if operand.is_list() {
        match operand.list(cx) {
            Some(values) => {
                out.push(b'(');
                out.extend_from_slice(&values.join(&b',')[..]);
                out.push(b')');
            }
            None => out.extend_from_slice(b"<NA>"),
        }
        return;
    }
    let field = operand.field().cloned();
    match (operand.value(cx, scratch), field) {
        (Some(value), Some(field)) => field.print(value, out),
        (Some(value), None) => value.print(out),
        (None, _) => out.extend_from_slice(Datum::MISSING),
    }
}
