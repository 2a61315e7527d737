//! Credentials in text. Not written yet.

use crate::facts::SecretMatch;

/// Raised whenever a rule or the engine changes what is told for the same bytes.
pub const REVISION: u32 = 1;

/// Scans one text as it streams by, in chunks of any size. Memory is bounded whatever its length.
#[derive(Debug, Default)]
pub struct TextScan {}

impl TextScan {
    /// A scan of the file at `path` (some rules look at the name).
    pub fn new(_path: &[u8]) -> Self {
        Self {}
    }

    /// The next bytes.
    pub fn feed(&mut self, _chunk: &[u8]) {}

    /// The end of the file.
    pub fn finish(self) -> Vec<SecretMatch> {
        Vec::new()
    }
}

/// Scans the value of an environment variable or a label. `line` of the matches is 0.
pub fn scan_value(_name: &str, _value: &str) -> Vec<SecretMatch> {
    Vec::new()
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

/// What a rule is about, by its id.
pub fn describe(_rule: &str) -> About {
    About {
        title: "secret",
        severity: gabion_model::Severity::High,
        fix: "Remove it from the image and revoke it",
    }
}

/// The text with every secret in it replaced.
pub fn redact(text: &str) -> String {
    text.to_owned()
}
