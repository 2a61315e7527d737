//! The rules, in order of precedence: where two claim the same bytes, the first is told.

mod ai;
mod cloud;
mod code;
mod keys;
mod money;
mod services;
mod text;

use super::rule::Rule;

/// A pattern for credentials without a mark of their own: a name that contains `$name`, an assignment, the value, and
/// then something that ends it.
macro_rules! assigned {
    ($name:literal, $value:literal) => {
        concat!(
            "(?i)",
            $name,
            r#"[a-z0-9_.-]{0,32}["']?[ \t]{0,8}(?:=>|:=|=|:)[ \t]{0,8}["'`]?((?-i:"#,
            $value,
            r#"))(?:[^a-z0-9_+/=.-]|$)"#
        )
    };
}
use assigned;

/// All of them.
pub(super) fn all() -> Vec<Rule> {
    [cloud::RULES, code::RULES, ai::RULES, money::RULES, services::RULES, keys::RULES, text::RULES].concat()
}
