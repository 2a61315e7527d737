//! What a rule says when it matches: text with the values of fields in it.
//!
//! ```text
//!   Shell in %container.id by %user.name (%12proc.name %toupper(proc.aname[2]))
//! ```
//!
//! A field ends where no longer name is one: `%proc.name.` is the field `proc.name` and a full stop. Digits before it are a
//! width. A `*` in front of everything says that missing values may be shown as `<NA>`; they always are, so it means nothing.

use super::condition::Operand;
use super::parser;
use super::vocabulary::{Refusal, Vocabulary};

/// No field with its argument is longer, in bytes; each length may be tried.
const MAX_FIELD: usize = 512;

/// An output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// Text and values, in their order.
    pub parts: Vec<Part>,
}

/// A part of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// This very text.
    Text(String),
    /// The value of a field.
    Value {
        /// What is printed; its `Display` is its name among the fields of an output.
        operand: Operand,
        /// To how many characters it is filled up or cut.
        width: Option<usize>,
    },
}

impl Template {
    /// What is printed, each once.
    pub fn operands(&self) -> Vec<&Operand> {
        let mut operands: Vec<&Operand> = Vec::new();
        for part in &self.parts {
            if let Part::Value { operand, .. } = part
                && !operands.contains(&operand)
            {
                operands.push(operand);
            }
        }
        operands
    }
}

impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Value { operand, width: None } => write!(f, "%{operand}"),
            Part::Value { operand, width: Some(width) } => write!(f, "%{width}{operand}"),
        })
    }
}

/// Why a text is no output.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{refusal}")]
pub(super) struct TemplateError {
    pub(super) refusal: Refusal,
    /// The byte of the text.
    pub(super) offset: usize,
}

/// Parses an output.
pub(super) fn parse(text: &str, vocabulary: &dyn Vocabulary) -> Result<Template, TemplateError> {
    let mut parts = Vec::new();
    let mut at = usize::from(text.starts_with('*'));
    while at < text.len() {
        let rest = &text[at..];
        let Some(literal) = rest.find('%') else {
            parts.push(Part::Text(rest.to_owned()));
            break;
        };
        if literal > 0 {
            parts.push(Part::Text(rest[..literal].to_owned()));
        }
        let start = at + literal;
        let refuse = |refusal| TemplateError { refusal, offset: start };
        let after = &text[start + 1..];
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let width =
            match &after[..digits] {
                "" => None,
                digits => {
                    Some(digits.parse().ok().filter(|width| *width <= 4096).ok_or_else(|| {
                        refuse(Refusal::Invalid(format!("the width {digits} is too large")))
                    })?)
                }
            };
        let (operand, length) = field(&after[digits..], vocabulary).map_err(refuse)?;
        parts.push(Part::Value { operand, width });
        at = start + 1 + digits + length;
    }
    Ok(Template { parts })
}

/// The longest field or transformer that a text begins with, and how long it is.
fn field(text: &str, vocabulary: &dyn Vocabulary) -> Result<(Operand, usize), Refusal> {
    let (operand, length) =
        parser::operand_prefix(text).map_err(|error| Refusal::Invalid(format!("after '%': {error}")))?;
    if length > MAX_FIELD {
        return Err(Refusal::Invalid(format!("a field is longer than {MAX_FIELD} bytes")));
    }
    let refusal = match vocabulary.output(&operand) {
        Ok(()) => return Ok((operand, length)),
        Err(refusal) => refusal,
    };
    let shorter = (1..length).rev().filter(|end| text.is_char_boundary(*end)).find_map(|end| {
        let operand = parser::operand(&text[..end]).ok()?;
        vocabulary.output(&operand).is_ok().then_some((operand, end))
    });
    shorter.ok_or(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::condition::Check;

    struct Few;

    impl Vocabulary for Few {
        fn check(&self, _: &Check) -> Result<(), Refusal> {
            Ok(())
        }

        fn output(&self, operand: &Operand) -> Result<(), Refusal> {
            let known = |name: &str| matches!(name, "proc.name" | "proc.aname" | "evt.type");
            match operand.fields().into_iter().find(|field| !known(&field.name)) {
                None => Ok(()),
                Some(field) => Err(Refusal::Unknown(format!("unknown field {field}"))),
            }
        }
    }

    fn parts(text: &str) -> Vec<String> {
        let show = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Value { operand, width } => format!("<{operand}|{width:?}>"),
        };
        parse(text, &Few).unwrap_or_else(|error| panic!("{text}: {error}")).parts.iter().map(show).collect()
    }

    #[test]
    fn fields_end_where_no_longer_name_is_one() {
        assert_eq!(parts("no field"), ["no field"]);
        assert_eq!(parts("%proc.name"), ["<proc.name|None>"]);
        assert_eq!(parts("*a %proc.name."), ["a ", "<proc.name|None>", "."]);
        assert_eq!(parts("%proc.names %evt.type.x"), ["<proc.name|None>", "s ", "<evt.type|None>", ".x"]);
        assert_eq!(parts("%12proc.aname[2]=%evt.type"), ["<proc.aname[2]|Some(12)>", "=", "<evt.type|None>"]);
        assert_eq!(parts("(%toupper(proc.name))"), ["(", "<toupper(proc.name)|None>", ")"]);
        assert_eq!(parts("é%proc.nameé"), ["é", "<proc.name|None>", "é"]);
    }

    #[test]
    fn what_is_no_field_is_told_with_its_place() {
        let error = |text| parse(text, &Few).expect_err(text);
        assert_eq!(error("a %user.name").offset, 2);
        assert_eq!(error("a %user.name").refusal, Refusal::Unknown("unknown field user.name".to_owned()));
        for wrong in ["%", "100%", "% proc.name", "%5", "%%", "%99999proc.name", "%tolower(proc.name"] {
            assert!(matches!(error(wrong).refusal, Refusal::Invalid(_)), "{wrong}");
        }
        assert!(parse(&format!("%{}", "a.".repeat(100_000) + "a"), &Few).is_err());
    }
}
