//! Credentials in text.
//!
//! ```text
//!   chunks ─► scan      a window of the stream, never more than 96 KiB
//!               │
//!               ▼
//!           prefilter   is there a keyword of any rule?           memory speed: hardly ever
//!               │
//!               ▼
//!            engine     does the rule's pattern match right here? a few hundred nanoseconds
//!               │
//!               ▼
//!            checks     checksum, structure, entropy, placeholder
//!               │
//!               ▼
//!            redact     the line around it, without any secret  ─► SecretMatch
//! ```
//!
//! The [`rules`] are tables, each with an example and a near miss that the tests run. They are written from what issuers
//! publish about the form of their credentials.
//!
//! Text is what ASCII is a subset of. UTF-16 is not looked into: no tool that reads credentials from a file in an image
//! writes it.

mod checks;
mod engine;
mod names;
mod prefilter;
mod redact;
mod rule;
mod rules;
mod scan;
#[cfg(test)]
mod tests;

pub(crate) use checks::base64;
pub use rule::{Check, Half, Rule};
pub use scan::{TextScan, Told, scan_value};

/// Raised whenever a rule or the engine changes what is told for the same bytes.
pub const REVISION: u32 = 4;

/// All rules.
pub fn rules() -> &'static [Rule] {
    &engine::ENGINE.rules
}

/// The rule with this id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    rules().iter().find(|rule| rule.id == id)
}

/// What a rule is about.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// One line.
    pub title: &'static str,
    /// How much it matters.
    pub severity: gabion_model::Severity,
    /// What to do.
    pub fix: &'static str,
}

/// What a rule is about, by its id; a general word for an id of another version.
pub fn describe(id: &str) -> About {
    rule(id).map_or(
        About {
            title: "Credential",
            severity: gabion_model::Severity::High,
            fix: "Remove it from the image and revoke it.",
        },
        |rule| About { title: rule.title, severity: rule.severity, fix: rule.fix },
    )
}

/// A short text with every secret in it masked, and made printable.
pub fn redact(text: &str) -> String {
    scan::mask(text)
}
