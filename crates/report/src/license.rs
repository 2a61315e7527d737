//! Which declared licences are SPDX licences.
//!
//! Package records declare licences as anything from `MIT` to `see COPYING`. SBOM formats keep three cases
//! apart, and validators reject a text in the wrong one:
//!
//! | declared | case | `CycloneDX` | SPDX |
//! |---|---|---|---|
//! | `mit` | [`License::Id`] | `license.id: MIT` | `MIT` |
//! | `MIT OR Apache-2.0` | [`License::Expression`] | `expression` | the same |
//! | `GPL-2+ and others` | [`License::Text`] | `license.name` | `LicenseRef-…` with the text extracted |
//!
//! Nothing is guessed: `GPL-2+` stays a text, although a reader knows what was meant.

use spdx::{Expression, ParseMode};

/// One declared licence, sorted into its case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum License<'a> {
    /// An identifier of the SPDX licence list, in the list's spelling (identifiers compare without case:
    /// SPDX 2.3, annex D.2).
    Id(&'static str),
    /// A valid expression made of listed identifiers.
    Expression(&'a str),
    /// Anything else.
    Text(&'a str),
}

/// Expressions may use identifiers the list has deprecated (`GPL-2.0+`), and nothing lenient beyond.
const MODE: ParseMode = ParseMode { allow_deprecated: true, ..ParseMode::STRICT };

/// Longer texts are licence texts, not expressions.
const MAX_EXPRESSION: usize = 1024;

/// Identifiers that the licence list has, but the enumeration of the `CycloneDX` 1.6 schema does not yet
/// (list 3.29 against 3.28). They are written as a name. The test against the official schema keeps this list
/// honest.
const NEWER_THAN_CYCLONEDX: [&str; 21] = [
    "atc-game",
    "Brian-Gladman-3-Clause-no-conversion",
    "BSD-2-Clause-pos-unchanged",
    "BSD-3-Clause-OpenWebUI",
    "BSD-ask-to-endorse",
    "BSD-Source-alt-GPL",
    "BSD-Source-Code-no-disclaimer",
    "Bugroff",
    "CC-BY-NC-3.0-IGO",
    "FDK-MPEG-H",
    "GFDL-1.1-invariants",
    "GFDL-1.1-no-invariants",
    "GFDL-1.2-invariants",
    "GFDL-1.2-no-invariants",
    "GFDL-1.3-invariants",
    "GFDL-1.3-no-invariants",
    "Google-Patent-WebM",
    "Hippocratic-3.0-core",
    "Informatica",
    "MVT-1.1",
    "Spelling-Provider-LGPL-exception",
];

impl<'a> License<'a> {
    /// Sorts a declared licence; none for the words that declare nothing.
    pub(crate) fn of(declared: &'a str) -> Option<Self> {
        let text = declared.trim();
        if text.is_empty() || ["NOASSERTION", "NONE"].contains(&text) {
            return None;
        }
        let listed =
            spdx::identifiers::LICENSES.iter().find(|license| license.name.eq_ignore_ascii_case(text));
        if let Some(license) = listed {
            return Some(Self::Id(license.name));
        }
        let own_terms = |e: &Expression| e.requirements().any(|r| r.req.license.id().is_none());
        match Expression::parse_mode(text, MODE) {
            // A `LicenseRef-` means something only in the document that defines it.
            Ok(expression) if text.len() <= MAX_EXPRESSION && !own_terms(&expression) => {
                Some(Self::Expression(text))
            }
            _ => Some(Self::Text(text)),
        }
    }

    /// As a term of a larger expression; none for a text.
    pub(crate) fn term(&self) -> Option<String> {
        match self {
            Self::Id(id) => Some((*id).to_owned()),
            Self::Expression(expression) => Some(format!("({expression})")),
            Self::Text(_) => None,
        }
    }

    /// What it says.
    pub(crate) fn as_str(&self) -> &'a str {
        match self {
            Self::Id(id) => id,
            Self::Expression(text) | Self::Text(text) => text,
        }
    }

    /// Whether the `CycloneDX` 1.6 schema lists the identifier.
    pub(crate) fn in_cyclonedx(id: &str) -> bool {
        !NEWER_THAN_CYCLONEDX.contains(&id)
    }
}

/// All identifiers that may be written as a `CycloneDX` `license.id`; for the test against the schema.
pub fn cyclonedx_ids() -> impl Iterator<Item = &'static str> {
    spdx::identifiers::LICENSES
        .iter()
        .map(|license| license.name)
        .filter(|id| License::of(id).is_some() && License::in_cyclonedx(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_declaration_finds_its_case() {
        assert_eq!(License::of("apache-2.0"), Some(License::Id("Apache-2.0")));
        assert_eq!(License::of("GPL-2.0+"), Some(License::Id("GPL-2.0+")));
        let expression = "MIT OR GPL-2.0-only WITH Classpath-exception-2.0";
        assert_eq!(License::of(expression), Some(License::Expression(expression)));
        for text in ["GPL-2+", "public-domain", "MIT OR LicenseRef-mine", "MIT AND"] {
            assert_eq!(License::of(text), Some(License::Text(text)));
        }
        for nothing in ["", " ", "NOASSERTION", "NONE"] {
            assert_eq!(License::of(nothing), None);
        }
    }

    proptest! {
        #[test]
        fn any_text_has_a_case(text in "(MIT|AND|OR|WITH|[()+ /]|LicenseRef-|DocumentRef-a:|\\PC){0,12}") {
            let _ = License::of(&text);
        }
    }
}
