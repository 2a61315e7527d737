//! Writes conditions as text that parses to the same condition.

use super::condition::{Check, Condition, FieldRef, Operand, Operator, Quantifier, Right, Transformer};
use std::fmt::{self, Display, Formatter, Write as _};

impl Operator {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exists => "exists",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Contains => "contains",
            Self::IContains => "icontains",
            Self::BContains => "bcontains",
            Self::StartsWith => "startswith",
            Self::BStartsWith => "bstartswith",
            Self::EndsWith => "endswith",
            Self::Glob => "glob",
            Self::IGlob => "iglob",
            Self::Regex => "regex",
            Self::In => "in",
            Self::Intersects => "intersects",
            Self::Pmatch => "pmatch",
        }
    }

    fn is_numeric(self) -> bool {
        matches!(self, Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual)
    }
}

impl Quantifier {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::One => "oneof",
            Self::Any => "anyof",
            Self::All => "allof",
        }
    }
}

impl Transformer {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ToLower => "tolower",
            Self::ToUpper => "toupper",
            Self::Base64 => "b64",
            Self::Basename => "basename",
            Self::Len => "len",
            Self::Join => "join",
            Self::Concat => "concat",
            Self::GetOpt(_) => "getopt",
        }
    }
}

impl Operand {
    /// All fields in it, as they stand.
    pub fn fields(&self) -> Vec<&FieldRef> {
        match self {
            Self::Field(field) => vec![field],
            Self::Literal(_) => Vec::new(),
            Self::List(operands) | Self::Transformed { arguments: operands, .. } => {
                operands.iter().flat_map(Self::fields).collect()
            }
        }
    }
}

impl Condition {
    /// All checks in it, as they stand.
    pub fn checks(&self) -> Vec<&Check> {
        fn collect<'a>(condition: &'a Condition, into: &mut Vec<&'a Check>) {
            match condition {
                Condition::And(children) | Condition::Or(children) => {
                    for child in children {
                        collect(child, into);
                    }
                }
                Condition::Not(child) => collect(child, into),
                Condition::Check(check) => into.push(check),
            }
        }
        let mut checks = Vec::new();
        collect(self, &mut checks);
        checks
    }
}

impl Display for FieldRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.argument.as_ref().map_or(Ok(()), |argument| bracketed(argument, f))
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => field.fmt(f),
            Self::Literal(text) => quoted(text, f),
            Self::List(operands) => {
                f.write_char('(')?;
                separated(operands, f, Display::fmt)?;
                f.write_char(')')
            }
            Self::Transformed { transformer, arguments } => {
                write!(f, "{}(", transformer.as_str())?;
                separated(arguments, f, Display::fmt)?;
                f.write_char(')')?;
                match transformer {
                    Transformer::GetOpt(Some(letter)) => bracketed(&letter.to_string(), f),
                    _ => Ok(()),
                }
            }
        }
    }
}

impl Display for Check {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.left, self.operator.as_str())?;
        if let Some(quantifier) = self.quantifier {
            write!(f, " {}", quantifier.as_str())?;
        }
        match &self.right {
            Right::None => Ok(()),
            Right::Value(value) => {
                f.write_char(' ')?;
                // Where a number has to stand, quotes must not.
                if self.operator.is_numeric() { f.write_str(value) } else { word(value, f) }
            }
            Right::List(values) => {
                f.write_str(" (")?;
                separated(values, f, |value, f| word(value, f))?;
                f.write_char(')')
            }
            Right::Field(Operand::Field(field)) => write!(f, " val({field})"),
            Right::Field(operand) => write!(f, " {operand}"),
        }
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let joined = |children: &[Self], word: &str, f: &mut Formatter<'_>| {
            for (i, child) in children.iter().enumerate() {
                if i > 0 {
                    write!(f, " {word} ")?;
                }
                match child {
                    Self::And(_) | Self::Or(_) => write!(f, "({child})")?,
                    Self::Not(_) | Self::Check(_) => write!(f, "{child}")?,
                }
            }
            Ok(())
        };
        match self {
            Self::And(children) => joined(children, "and", f),
            Self::Or(children) => joined(children, "or", f),
            Self::Not(child) => match **child {
                Self::And(_) | Self::Or(_) => write!(f, "not ({child})"),
                Self::Not(_) | Self::Check(_) => write!(f, "not {child}"),
            },
            Self::Check(check) => check.fmt(f),
        }
    }
}

fn separated<T>(
    items: &[T],
    f: &mut Formatter<'_>,
    item: impl Fn(&T, &mut Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    for (i, one) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        item(one, f)?;
    }
    Ok(())
}

fn bracketed(argument: &str, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_char('[')?;
    let bare = |c: char| c.is_ascii_graphic() && !matches!(c, '[' | ']' | '"' | '\'');
    if !argument.is_empty() && argument.chars().all(bare) {
        f.write_str(argument)?;
    } else {
        quoted(argument, f)?;
    }
    f.write_char(']')
}

/// A value, with quotes only if it needs them.
fn word(value: &str, f: &mut Formatter<'_>) -> fmt::Result {
    let bare = |c: char| c.is_ascii_graphic() && !matches!(c, '(' | ')' | '"' | '\'' | '=' | ',' | '\\');
    let modifier = matches!(value, "oneof" | "anyof" | "allof");
    if !value.is_empty() && !modifier && value.chars().all(bare) {
        f.write_str(value)
    } else {
        quoted(value, f)
    }
}

fn quoted(text: &str, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            // After a backslash that is written as two, a quote would not close: it is written by its number.
            '\\' => f.write_str("\\x5c")?,
            '"' => f.write_str("\\\"")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_ascii_control() => write!(f, "\\x{:02x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

/// A condition over several lines: each part of `and` and `or` on its own, what is nested indented.
pub fn pretty(condition: &Condition) -> String {
    fn write(condition: &Condition, indent: usize, out: &mut String) {
        let (children, word) = match condition {
            Condition::And(children) => (children, "and "),
            Condition::Or(children) => (children, "or "),
            Condition::Not(child) => {
                out.push_str("not ");
                return nested(child, indent, out);
            }
            Condition::Check(check) => return out.push_str(&check.to_string()),
        };
        for (i, child) in children.iter().enumerate() {
            if i > 0 {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                out.push_str(word);
            }
            nested(child, indent, out);
        }
    }
    fn nested(condition: &Condition, indent: usize, out: &mut String) {
        if matches!(condition, Condition::And(_) | Condition::Or(_)) {
            let inner = indent + 2;
            out.push_str("(\n");
            out.push_str(&" ".repeat(inner));
            write(condition, inner, out);
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            out.push(')');
        } else {
            write(condition, indent, out);
        }
    }
    let mut out = String::new();
    write(condition, 0, &mut out);
    out
}
