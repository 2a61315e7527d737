//! Warns of conditions that say something else than was probably meant.

use super::condition::{Check, FieldRef, Operator, Right};
use super::diagnostic::WarningCode;
use super::lexer::Lexer;
use super::vocabulary::Vocabulary;

/// Fields that have no meaning any more, as only the return of a system call is an event.
const DEPRECATED: &[&str] =
    &["evt.dir", "evt.latency", "evt.latency.s", "evt.latency.ns", "evt.latency.human", "evt.wait_latency"];

/// What is wrong with using a field, if it is deprecated.
pub(super) fn deprecated(field: &FieldRef) -> Option<String> {
    if !DEPRECATED.contains(&field.name.as_str()) {
        return None;
    }
    Some(match field.name.as_str() {
        "evt.dir" => "evt.dir is deprecated: there are only events of calls that return, so it is always '<'"
            .to_owned(),
        name => {
            format!("{name} is deprecated: calls are seen when they return, so their latency is not known")
        }
    })
}

/// What is suspicious in a check.
pub(super) fn check(check: &Check, vocabulary: &dyn Vocabulary) -> Vec<(WarningCode, String)> {
    let mut warnings = Vec::new();
    for field in check.left.fields() {
        warnings.extend(deprecated(field).map(|message| (WarningCode::DeprecatedItem, message)));
    }
    let values = match &check.right {
        Right::Value(value) => std::slice::from_ref(value),
        Right::List(values) => values.as_slice(),
        Right::None => &[],
        Right::Field(operand) => {
            let deprecated = operand.fields().into_iter().filter_map(deprecated);
            warnings.extend(deprecated.map(|message| (WarningCode::DeprecatedItem, message)));
            &[]
        }
    };
    let equality = matches!(
        check.operator,
        Operator::Equal | Operator::NotEqual | Operator::In | Operator::Intersects | Operator::Pmatch
    );
    let unsafe_field = check
        .left
        .fields()
        .iter()
        .any(|field| field.name.starts_with("ka.") || field.name.starts_with("jevt."));
    if equality && unsafe_field && values.iter().any(|value| value == "<NA>") {
        let message = format!("{} is compared with <NA>; 'exists' asks whether there is a value", check.left);
        warnings.push((WarningCode::UnsafeNaCheck, message));
    }
    for value in values {
        warnings.extend(
            value_warning(check.operator, value, vocabulary).map(|m| (WarningCode::CompileCondition, m)),
        );
    }
    warnings
}

fn value_warning(operator: Operator, value: &str, vocabulary: &dyn Vocabulary) -> Option<String> {
    if operator == Operator::Regex && is_plain_text(value) {
        return Some(format!("the regex {value:?} can be said with =, contains, startswith or endswith"));
    }
    let dense: String = value.split_whitespace().collect();
    let mut lexer = Lexer::new(&dense);
    let is_name = lexer.field_name().is_some() && (lexer.at_end() || dense.ends_with(']'));
    if is_name && super::parser::operand(&dense).is_ok() && vocabulary.is_field(&dense) {
        return Some(format!(
            "{value:?} is compared as text, but is the name of a field; val({dense}) is its value"
        ));
    }
    let call = dense.strip_suffix(')').and_then(|rest| rest.split_once('('));
    let transformer = |name: &str| {
        matches!(
            name,
            "val" | "tolower" | "toupper" | "b64" | "basename" | "len" | "join" | "concat" | "getopt"
        )
    };
    call.filter(|(name, _)| transformer(name))
        .map(|_| format!("{value:?} is compared as text, but looks like a transformer"))
}

/// Whether a regex is nothing but text, perhaps with `^`, `$` or `.*` at its ends.
fn is_plain_text(regex: &str) -> bool {
    let inner = regex.strip_prefix('^').unwrap_or(regex);
    let inner = inner.strip_suffix('$').unwrap_or(inner);
    let wild = |ends: &str| matches!(ends, ".*" | ".+" | ".?");
    let inner = inner.get(..2).filter(|start| wild(start)).map_or(inner, |_| &inner[2..]);
    let cut = inner.len().saturating_sub(2);
    let inner = inner.get(cut..).filter(|end| wild(end)).map_or(inner, |_| &inner[..cut]);
    !inner.contains(['.', '+', '*', '?', '^', '$', '(', ')', '[', ']', '{', '}', '|', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_told_from_patterns() {
        for plain in ["abc", "^abc$", ".*abc", "abc.*", "^.*abc.+$", ""] {
            assert!(is_plain_text(plain), "{plain}");
        }
        for pattern in ["a.c", "a|b", "[ab]", "\\d", "a.*b", "é+"] {
            assert!(!is_plain_text(pattern), "{pattern}");
        }
    }
}
