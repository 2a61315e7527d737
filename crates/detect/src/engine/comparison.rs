//! The right side of a comparison, made ready: sets are hashed, texts that are searched for are prepared, patterns compiled.
//!
//! Making it ready is also how it is checked: what does not fit the type of the left side is refused, in Falco's words.

use super::{
    glob,
    network::Network,
    operand::{Operand, Scratch},
    text::{TextTest, contains_ignoring_case},
};
use crate::{
    field::{Context, Datum, Type},
    rules::{
        condition::{Operator as Op, Quantifier, Right},
        vocabulary::Refusal,
    },
};
use hashbrown::HashSet;

/// What a value is compared with, and how.
#[derive(Clone, Debug)]
pub(super) enum Comparison {
    /// There is one.
    Exists,
    /// A text or data.
    Text(Box<TextTest>),
    /// A number: `=`, `<` and so on.
    Number(Op, i128),
    /// One of these numbers.
    NumberIn(HashSet<i128>),
    /// One of these truth values.
    Bool {
        /// `!=`
        negated: bool,
        /// Which.
        values: Vec<bool>,
    },
    /// In one of these networks; an address is a network of one.
    Net {
        /// `!=`
        negated: bool,
        /// Which.
        networks: Vec<Network>,
    },
    /// One, any or all of these.
    Quantified(Quantifier, Vec<Self>),
    /// Another field.
    Field(Op, Box<Operand>),
}

impl Comparison {
    /// Makes the right side ready for a left side.
    pub(super) fn new(
        left: &Operand,
        operator: Op,
        quantifier: Option<Quantifier>,
        right: &Right,
    ) -> Result<Self, Refusal> {
        let (kind, list) = (left.kind(), left.is_list());
        check_operator(operator, kind, list)?;
        if operator == Op::Exists {
            return Ok(Self::Exists);
        }
        let values = match right {
            Right::None => return Err(invalid(format!("operator {operator:?} needs a value"))),
            Right::Value(value) => std::slice::from_ref(value),
            Right::List(values) => values,
            Right::Field(other) => return field(left, operator, other),
        };
        if let Some(quantifier) = quantifier {
            let one = |value: &String| Self::of(kind, operator, std::slice::from_ref(value));
            let tests = values.iter().map(one).collect::<Result<Vec<_>, _>>()?;
            return Ok(match (quantifier, operator) {
                (Quantifier::Any, Op::Equal) => Self::of(kind, Op::In, values)?,
                _ => Self::Quantified(quantifier, tests),
            });
        }
        Self::of(kind, operator, values)
    }

    fn of(kind: Type, operator: Op, values: &[String]) -> Result<Self, Refusal> {
        let negated = operator == Op::NotEqual;
        Ok(match kind {
            Type::CharBuf => {
                if values.iter().any(|value| value.contains('\0')) {
                    return Err(invalid("filter error: filter value cannot contain a NUL byte (\\x00)"));
                }
                Self::Text(Box::new(TextTest::new(operator, values)?))
            }
            Type::ByteBuf => Self::Text(Box::new(TextTest::new(operator, values)?)),
            Type::Bool => Self::Bool {
                negated,
                values: values.iter().map(|value| boolean(value)).collect::<Result<_, _>>()?,
            },
            Type::IpAddr => Self::Net {
                negated,
                networks: values.iter().map(|value| Network::address(value)).collect::<Result<_, _>>()?,
            },
            Type::IpNet => Self::Net {
                negated,
                networks: values.iter().map(|value| Network::parse(value)).collect::<Result<_, _>>()?,
            },
            _ => match (operator, values) {
                (Op::In | Op::Intersects | Op::Pmatch, values) => {
                    Self::NumberIn(values.iter().map(|value| number(kind, value)).collect::<Result<_, _>>()?)
                }
                (_, [value]) => Self::Number(operator, number(kind, value)?),
                _ => return Err(invalid(format!("operator {operator:?} takes one value"))),
            },
        })
    }

    /// Whether a value does.
    pub(super) fn holds(&self, value: Datum<'_>, cx: Context<'_>) -> bool {
        match (self, value) {
            (Self::Exists, _) => true,
            (Self::Text(question), Datum::Text(text) | Datum::Bytes(text)) => question.holds(text),
            (Self::Number(operator, with), value) => {
                as_number(value).is_some_and(|value| ordered(*operator, value.cmp(with)))
            }
            (Self::NumberIn(set), value) => as_number(value).is_some_and(|value| set.contains(&value)),
            (Self::Bool { negated, values }, Datum::Bool(value)) => values.contains(&value) != *negated,
            (Self::Net { negated, networks }, Datum::Ip(address)) => {
                networks.iter().any(|network| network.contains(address)) != *negated
            }
            (Self::Quantified(quantifier, tests), value) => {
                let mut held = tests.iter().filter(|test| test.holds(value, cx));
                match quantifier {
                    Quantifier::One => held.next().is_some() && held.next().is_none(),
                    Quantifier::Any => held.next().is_some(),
                    Quantifier::All => tests.iter().all(|test| test.holds(value, cx)),
                }
            }
            (Self::Field(operator, other), value) => {
                let mut scratch = Scratch::default();
                if other.is_list() {
                    let Datum::Text(text) = value else { return false };
                    return other.list(cx).is_some_and(|values| values.iter().any(|one| one == text));
                }
                other.value(cx, &mut scratch).is_some_and(|other| compare(*operator, value, other))
            }
            _ => false,
        }
    }

    /// Whether a list of values does: all of them in the set for `in`, one for `intersects`.
    pub(super) fn holds_list(&self, operator: Op, values: &[Vec<u8>], cx: Context<'_>) -> bool {
        let holds = |value: &Vec<u8>| self.holds(Datum::Text(value), cx);
        match operator {
            Op::Exists => true,
            Op::In => values.iter().all(holds),
            _ => values.iter().any(holds),
        }
    }

    /// What it costs, roughly, in the time of comparing two numbers.
    pub(super) fn cost(&self) -> u32 {
        match self {
            Self::Exists | Self::Number(..) | Self::Bool { .. } => 1,
            Self::NumberIn(_) => 3,
            Self::Net { networks, .. } => 2 + networks.len() as u32,
            Self::Text(test) => test.cost(),
            Self::Quantified(_, tests) => tests.iter().map(Self::cost).sum(),
            Self::Field(..) => 50,
        }
    }
}

pub(super) fn invalid(text: impl Into<String>) -> Refusal {
    Refusal::Invalid(text.into())
}

fn name(operator: Op) -> &'static str {
    match operator {
        Op::Exists => "exists",
        Op::Equal => "=",
        Op::NotEqual => "!=",
        Op::Less => "<",
        Op::LessEqual => "<=",
        Op::Greater => ">",
        Op::GreaterEqual => ">=",
        Op::Contains => "contains",
        Op::IContains => "icontains",
        Op::BContains => "bcontains",
        Op::StartsWith => "startswith",
        Op::BStartsWith => "bstartswith",
        Op::EndsWith => "endswith",
        Op::Glob => "glob",
        Op::IGlob => "iglob",
        Op::Regex => "regex",
        Op::In => "in",
        Op::Intersects => "intersects",
        Op::Pmatch => "pmatch",
    }
}

/// Whether values of this type can be compared so.
fn check_operator(operator: Op, kind: Type, list: bool) -> Result<(), Refusal> {
    use Op::{
        BContains, BStartsWith, Contains, EndsWith, Equal, Exists, In, Intersects, NotEqual, StartsWith,
    };
    let set = matches!(operator, Exists | In | Intersects);
    let equality = set || matches!(operator, Equal | NotEqual);
    let (fits, what) = match kind {
        _ if operator == Exists => return Ok(()),
        _ if list => (set, "list filters"),
        Type::CharBuf => (!matches!(operator, BContains | BStartsWith), "for string filters"),
        Type::ByteBuf => (
            equality || matches!(operator, Contains | StartsWith | EndsWith | BContains | BStartsWith),
            "for buffer filters",
        ),
        Type::IpAddr | Type::IpNet => (equality, "for ip address and network filters"),
        Type::Bool => (equality, "for numeric filters"),
        _ => (
            equality || matches!(operator, Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual),
            "for numeric filters",
        ),
    };
    if fits {
        return Ok(());
    }
    Err(invalid(format!("filter error: '{}' operator not supported {what}", name(operator))))
}

fn field(
    left: &Operand,
    operator: Op,
    right: &crate::rules::condition::Operand,
) -> Result<Comparison, Refusal> {
    let right = Operand::resolve(right).map_err(|error| Refusal::Unknown(error.to_string()))?;
    if matches!(operator, Op::Pmatch | Op::Regex) {
        let name = name(operator).to_uppercase();
        return Err(invalid(format!("operator '{name}' doesn't support right-hand side fields")));
    }
    for (operand, problem) in [
        (left, "doesn't support right-hand side fields"),
        (&right, "can't be used as a right-hand side field"),
    ] {
        if let Some(field) = operand.field()
            && !field.row().free
        {
            return Err(invalid(format!("field '{}' {problem}", field.row().name)));
        }
    }
    if (left.kind(), left.is_list()) != (right.kind(), right.is_list()) {
        let describe = |operand: &Operand| {
            format!("{}{}", operand.kind().as_str(), if operand.is_list() { " (list)" } else { "" })
        };
        let name =
            |operand: &Operand| operand.field().map_or("INTERNAL", |field| field.row().name).to_owned();
        return Err(invalid(format!(
            "field '{}' has type '{}' while the right-hand side field '{}' has incompatible type '{}'",
            name(left),
            describe(left),
            name(&right),
            describe(&right)
        )));
    }
    Ok(Comparison::Field(operator, Box::new(right)))
}

fn number(kind: Type, text: &str) -> Result<i128, Refusal> {
    let range: std::ops::RangeInclusive<i128> = match kind {
        Type::Int16 => i16::MIN.into()..=i16::MAX.into(),
        Type::Int32 | Type::Double => i32::MIN.into()..=i32::MAX.into(),
        Type::Int64 => i64::MIN.into()..=i64::MAX.into(),
        Type::Uint32 => 0..=u32::MAX.into(),
        Type::Port => 0..=u16::MAX.into(),
        _ => 0..=u64::MAX.into(),
    };
    let value = text.trim_start().parse().ok().filter(|value| range.contains(value));
    value.ok_or_else(|| match kind {
        Type::Port if !text.chars().all(|c| c.is_ascii_digit()) => {
            invalid(format!("unrecognized protocol {text}"))
        }
        _ => invalid(format!("{text} is not a valid number")),
    })
}

fn boolean(text: &str) -> Result<bool, Refusal> {
    text.parse().map_err(|_| invalid(format!("filter error: unrecognized boolean value {text}")))
}

fn as_number(value: Datum<'_>) -> Option<i128> {
    match value {
        Datum::Int(number) => Some(number.into()),
        Datum::Uint(number) => Some(number.into()),
        _ => None,
    }
}

pub(super) fn ordered(operator: Op, order: std::cmp::Ordering) -> bool {
    match operator {
        Op::Equal | Op::In | Op::Intersects => order.is_eq(),
        Op::NotEqual => order.is_ne(),
        Op::Less => order.is_lt(),
        Op::LessEqual => order.is_le(),
        Op::Greater => order.is_gt(),
        Op::GreaterEqual => order.is_ge(),
        _ => false,
    }
}

/// Compares two values of the same type.
fn compare(operator: Op, left: Datum<'_>, right: Datum<'_>) -> bool {
    match (left, right) {
        (Datum::Text(left) | Datum::Bytes(left), Datum::Text(right) | Datum::Bytes(right)) => {
            match operator {
                Op::Contains | Op::BContains => memchr::memmem::find(left, right).is_some(),
                Op::IContains => contains_ignoring_case(left, &right.to_ascii_lowercase()),
                Op::StartsWith | Op::BStartsWith => left.starts_with(right),
                Op::EndsWith => left.ends_with(right),
                Op::Glob => glob::matches(right, left, false),
                Op::IGlob => glob::matches(right, left, true),
                _ => ordered(operator, left.cmp(right)),
            }
        }
        (Datum::Bool(left), Datum::Bool(right)) => ordered(operator, left.cmp(&right)),
        (Datum::Ip(left), Datum::Ip(right)) => ordered(operator, left.cmp(&right)),
        (left, right) => match (as_number(left), as_number(right)) {
            (Some(left), Some(right)) => ordered(operator, left.cmp(&right)),
            _ => false,
        },
    }
}
