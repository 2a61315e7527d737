//! Patterns for names: `*` stands for anything but `/`, `**` for anything, `?`, `[ab]` and `{a,b}` as in a shell.

use globset::{GlobBuilder, GlobMatcher};
use serde::Deserialize;
use std::{fmt, str::FromStr};

/// Longer patterns are refused.
const MAX_BYTES: usize = 512;

/// A pattern that was checked.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern {
    text: String,
    matcher: GlobMatcher,
}

impl Pattern {
    /// Whether a name is meant. Upper and lower case differ.
    pub fn matches(&self, name: &str) -> bool {
        self.matcher.is_match(name)
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() || text.len() > MAX_BYTES {
            return Err(format!("a pattern has between 1 and {MAX_BYTES} bytes, this one {}", text.len()));
        }
        let glob = GlobBuilder::new(&text).literal_separator(true).build();
        let glob = glob.map_err(|error| format!("{text:?} is no pattern: {}", error.kind()))?;
        Ok(Self { matcher: glob.compile_matcher(), text })
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// Whether any of the patterns means any of the names.
pub(crate) fn any<'a>(patterns: &[Pattern], names: impl IntoIterator<Item = &'a str>) -> bool {
    names.into_iter().any(|name| patterns.iter().any(|pattern| pattern.matches(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::try_from(pattern.to_owned()).expect("valid").matches(name)
    }

    #[test]
    fn a_star_stays_within_a_part_and_two_do_not() {
        assert!(matches("registry.example/shop/*", "registry.example/shop/api"));
        assert!(!matches("registry.example/shop/*", "registry.example/shop/api/v2"));
        assert!(matches("registry.example/**", "registry.example/shop/api/v2"));
        assert!(matches("CVE-2024-*", "CVE-2024-3094"));
        assert!(matches("@babel/{core,cli}", "@babel/core"));
        assert!(!matches("CVE-2024-*", "cve-2024-3094"));
        assert!(matches("**", "anything/at/all"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for bad in ["", "[a", "{a", &"x".repeat(513)] {
            assert!(Pattern::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
