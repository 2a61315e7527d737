//! Patterns for names: `*` stands for anything but `/`, `**` for anything, `?`, `[ab]` and `{a,b}` as in a shell.

use gabion_model::PackageKind;
use globset::{GlobBuilder, GlobMatcher};
use serde::Deserialize;
use std::{fmt, str::FromStr, sync::OnceLock};

/// Longer patterns are refused.
const MAX_BYTES: usize = 512;

/// A pattern that was checked.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern {
    text: String,
    matcher: GlobMatcher,
    /// For names of which upper and lower case are one, and for those of Python; made when one is met.
    lower: OnceLock<GlobMatcher>,
    python: OnceLock<GlobMatcher>,
}

impl Pattern {
    /// Whether a name is meant. Upper and lower case differ.
    pub fn matches(&self, name: &str) -> bool {
        self.matcher.is_match(name)
    }

    /// Whether a package is meant: `Django` is `django` where its ecosystem says that they are one.
    pub(crate) fn names(&self, kind: PackageKind, name: &str) -> bool {
        let folded = |matcher: &OnceLock<GlobMatcher>, fold: fn(&str) -> String| {
            let made = || glob(&fold(&self.text)).unwrap_or_else(|_| self.matcher.clone());
            matcher.get_or_init(made).is_match(fold(name))
        };
        self.matches(name)
            || match kind {
                PackageKind::Pypi => folded(&self.python, python),
                PackageKind::Nuget | PackageKind::Composer => folded(&self.lower, str::to_lowercase),
                _ => false,
            }
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
        let matcher = glob(&text).map_err(|error| format!("{text:?} is no pattern: {}", error.kind()))?;
        Ok(Self { matcher, text, lower: OnceLock::new(), python: OnceLock::new() })
    }
}

fn glob(text: &str) -> Result<GlobMatcher, globset::Error> {
    GlobBuilder::new(text).literal_separator(true).build().map(|glob| glob.compile_matcher())
}

/// A name of PyPI as PEP 503 normalises it: `Typing_Extensions` is `typing-extensions`. In a pattern, what is in
/// brackets stays.
fn python(text: &str) -> String {
    let (mut out, mut class) = (String::with_capacity(text.len()), false);
    for c in text.to_lowercase().chars() {
        class = c == '[' || class && c != ']';
        match c {
            '-' | '_' | '.' if !class => {
                if !out.ends_with('-') {
                    out.push('-');
                }
            }
            c => out.push(c),
        }
    }
    out
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
    fn names_of_packages_are_one_where_their_ecosystem_says_so() {
        for (pattern, kind, name, is) in [
            ("django", PackageKind::Pypi, "Django", true),
            ("Django*", PackageKind::Pypi, "django-rest", true),
            ("typing.extensions", PackageKind::Pypi, "Typing__Extensions", true),
            ("[A-Z]yyaml", PackageKind::Pypi, "PyYAML", true),
            ("newtonsoft.json", PackageKind::Nuget, "Newtonsoft.Json", true),
            ("newtonsoft-json", PackageKind::Nuget, "Newtonsoft.Json", false),
            ("Acme/*", PackageKind::Composer, "acme/shop", true),
            ("jsonstream", PackageKind::Npm, "JSONStream", false),
            ("github.com/burntsushi/toml", PackageKind::Golang, "github.com/BurntSushi/toml", false),
        ] {
            let pattern = Pattern::try_from(pattern.to_owned()).expect("valid");
            assert_eq!(pattern.names(kind, name), is, "{pattern} {name}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for bad in ["", "[a", "{a", &"x".repeat(513)] {
            assert!(Pattern::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
