//! The left side of a comparison: a field, or what transformers make of fields.

use super::transform::{apply, getopt};
use crate::{
    field::{Context, Datum, Field, Scope, Shape, Type, UnknownField},
    rules::condition::{self, Transformer as T},
};

/// Where values are put together. Kept between events, so that no memory is asked for.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Of fields.
    pub(super) field: Vec<u8>,
    /// Of transformers.
    pub(super) text: Vec<u8>,
}

/// A field, or what transformers make of fields.
#[derive(Clone, Debug)]
pub enum Operand {
    /// The value of a field.
    Field(Field),
    /// What a transformer makes of its arguments.
    Transformed(T, Vec<Self>),
    /// This very text.
    Literal(Vec<u8>),
    /// Several.
    List(Vec<Self>),
}

impl Operand {
    /// Understands what was written.
    pub fn resolve(written: &condition::Operand) -> Result<Self, UnknownField> {
        let all =
            |operands: &[condition::Operand]| operands.iter().map(Self::resolve).collect::<Result<_, _>>();
        Ok(match written {
            condition::Operand::Field(field) => Self::Field(Field::resolve(field)?),
            condition::Operand::Transformed { transformer, arguments } => {
                Self::Transformed(*transformer, all(arguments)?)
            }
            condition::Operand::Literal(text) => Self::Literal(text.as_bytes().to_vec()),
            condition::Operand::List(operands) => Self::List(all(operands)?),
        })
    }

    /// The type of its value, or of its values.
    pub fn kind(&self) -> Type {
        match self {
            Self::Field(field) => field.kind(),
            Self::Transformed(T::Len, _) => Type::Uint64,
            Self::Transformed(T::Base64, arguments) => arguments.first().map_or(Type::CharBuf, Self::kind),
            Self::Transformed(..) | Self::Literal(_) | Self::List(_) => Type::CharBuf,
        }
    }

    /// Whether it has a list of values.
    pub fn is_list(&self) -> bool {
        match self {
            Self::Field(field) => field.shape() == Shape::List,
            Self::Transformed(T::GetOpt(option), _) => option.is_none(),
            Self::Transformed(T::Len | T::Join | T::Concat, _) | Self::Literal(_) => false,
            Self::Transformed(_, arguments) => arguments.first().is_some_and(Self::is_list),
            Self::List(_) => true,
        }
    }

    /// On what it depends.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Field(field) => field.scope(),
            Self::Transformed(_, parts) | Self::List(parts) => {
                parts.iter().map(Self::scope).max().unwrap_or(Scope::Kind)
            }
            Self::Literal(_) => Scope::Kind,
        }
    }

    /// The field itself, if nothing is done to it.
    pub fn field(&self) -> Option<&Field> {
        match self {
            Self::Field(field) => Some(field),
            _ => None,
        }
    }

    /// Its value. `None` is `<NA>`.
    pub fn value<'a>(&'a self, cx: Context<'a>, scratch: &'a mut Scratch) -> Option<Datum<'a>> {
        match self {
            Self::Field(field) => field.extract(cx, &mut scratch.field),
            Self::Literal(text) => Some(Datum::Text(text)),
            Self::List(_) => None,
            Self::Transformed(T::Len, arguments) => {
                let [argument] = &arguments[..] else { return None };
                if argument.is_list() {
                    return argument.list(cx).map(|values| Datum::Uint(values.len() as u64));
                }
                scratch.text.clear();
                argument.append(cx, &mut scratch.field, &mut scratch.text)?;
                Some(Datum::Uint(scratch.text.len() as u64))
            }
            Self::Transformed(..) => {
                scratch.text.clear();
                self.append(cx, &mut scratch.field, &mut scratch.text)?;
                Some(if self.kind() == Type::ByteBuf {
                    Datum::Bytes(&scratch.text)
                } else {
                    Datum::Text(&scratch.text)
                })
            }
        }
    }

    /// Its values, if it is a list.
    pub fn list(&self, cx: Context<'_>) -> Option<Vec<Vec<u8>>> {
        let each = |operand: &Self| {
            let (mut field, mut text) = (Vec::new(), Vec::new());
            operand.append(cx, &mut field, &mut text).map(|()| text)
        };
        match self {
            Self::List(operands) => operands.iter().map(each).collect(),
            Self::Transformed(T::GetOpt(None), arguments) => {
                let (list, options) = options_of(arguments, cx)?;
                Some(getopt(&list, &options, None))
            }
            Self::Transformed(transformer, arguments) => {
                let mut values = arguments.first()?.list(cx)?;
                for value in &mut values {
                    apply(*transformer, value, 0)?;
                }
                Some(values)
            }
            Self::Field(_) | Self::Literal(_) => None,
        }
    }

    /// Appends its value as text.
    fn append(&self, cx: Context<'_>, buffer: &mut Vec<u8>, out: &mut Vec<u8>) -> Option<()> {
        let start = out.len();
        match self {
            Self::Literal(text) => out.extend_from_slice(text),
            Self::Field(field) => match field.extract(cx, buffer)? {
                Datum::Text(bytes) | Datum::Bytes(bytes) => out.extend_from_slice(bytes),
                other => other.print(out),
            },
            Self::List(_) => return None,
            Self::Transformed(T::Concat, parts) => {
                for part in parts {
                    part.append(cx, buffer, out)?;
                }
            }
            Self::Transformed(T::Join, arguments) => {
                let [separator, list] = &arguments[..] else { return None };
                let mut between = Vec::new();
                separator.append(cx, buffer, &mut between)?;
                out.extend_from_slice(&list.list(cx)?.join(&between[..]));
            }
            Self::Transformed(T::GetOpt(Some(option)), arguments) => {
                let (list, options) = options_of(arguments, cx)?;
                out.extend_from_slice(getopt(&list, &options, Some(*option)).last()?);
            }
            Self::Transformed(transformer, arguments) => {
                arguments.first()?.append(cx, buffer, out)?;
                apply(*transformer, out, start)?;
            }
        }
        Some(())
    }
}

fn options_of(arguments: &[Operand], cx: Context<'_>) -> Option<(Vec<Vec<u8>>, Vec<u8>)> {
    let [list, options] = arguments else { return None };
    let (mut buffer, mut text) = (Vec::new(), Vec::new());
    options.append(cx, &mut buffer, &mut text)?;
    Some((list.list(cx)?, text))
}
