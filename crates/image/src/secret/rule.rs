//! What a rule is: how a credential looks, how to be sure, and what to tell about it.
//!
//! A rule is found by its *keywords*, plain strings that the [prefilter](super::prefilter) looks for in one pass
//! over the text. Only where one occurs is the *pattern* tried, at that very place:
//!
//! ```text
//!   keyword "ghp_", pattern ghp_[0-9A-Za-z]{36}\b            the pattern starts with the keyword
//!   keyword ".atlasv1.", .back(15)                           the pattern starts up to 15 bytes before it
//! ```
//!
//! The secret is group 1 of the pattern, or all of it. The [`Check`] has the last word.

use super::checks::{Candidate, Place};
use gabion_model::{Severity, path};

/// How one kind of credential is told from other text.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Stable, kebab-case.
    pub id: &'static str,
    /// What was found: sentence case, no final stop.
    pub title: &'static str,
    /// How much it matters that it lies in an image.
    pub severity: Severity,
    /// Every match contains one of them. Exact case, unless the pattern starts with `(?i)`. At least three bytes.
    pub keywords: &'static [&'static str],
    /// In the syntax of [`regex::bytes`], ASCII only, anchored at the keyword (less [`Rule::back`]).
    pub pattern: &'static str,
    /// What the match must withstand besides the pattern.
    pub check: Check,
    /// A template of a match: `{36 alnum}` stands for 36 letters and digits, and so on (see the tests).
    pub example: &'static str,
    /// A template of what resembles a match and is none.
    pub near_miss: &'static str,
    /// What to do about it, in one or two sentences.
    pub fix: &'static str,
    /// How many bytes before the keyword a match may start.
    pub back: usize,
    /// How many bytes after the start of the keyword a match may end.
    pub reach: usize,
    /// Ends of the names of the files it is for; empty for all files and values.
    pub files: &'static [&'static str],
    /// Looks only at values of the environment and labels.
    pub values_only: bool,
    /// Gives way to any other rule that claims some of the same bytes.
    pub generic: bool,
    /// Half of a credential: where the same text tells the other half, it is told as the whole.
    pub half: Option<Half>,
}

/// What a rule becomes in the company of others.
#[derive(Clone, Copy, Debug)]
pub struct Half {
    /// The rules that find the other half.
    pub others: &'static [&'static str],
    /// The rule that stands for both.
    pub whole: &'static str,
}

/// What a match must withstand besides its pattern.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// Nothing: the pattern says it all.
    Pattern,
    /// At least so many bits of Shannon entropy a byte.
    Entropy(f32),
    /// A checksum, a structure that decodes, or a look at what is around.
    Structure(fn(&Candidate<'_>) -> bool),
}

/// The default advice.
const REVOKE: &str = "Revoke it where it was issued, then build the image without it: a build secret \
    (RUN --mount=type=secret) leaves no trace, deleting the file in a later layer does.";

impl Rule {
    /// A rule with the usual reach (1 KiB), no look back, and no check.
    pub(super) const fn new(
        id: &'static str,
        title: &'static str,
        severity: Severity,
        keywords: &'static [&'static str],
        pattern: &'static str,
        example: &'static str,
        near_miss: &'static str,
    ) -> Self {
        Self {
            id,
            title,
            severity,
            keywords,
            pattern,
            check: Check::Pattern,
            example,
            near_miss,
            fix: REVOKE,
            back: 0,
            reach: 1 << 10,
            files: &[],
            values_only: false,
            generic: false,
            half: None,
        }
    }

    /// Lets the match start up to `bytes` before the keyword. One more than the pattern needs, so that the boundary
    /// before it can be seen.
    pub(super) const fn back(mut self, bytes: usize) -> Self {
        self.back = bytes;
        self
    }

    /// Lets the match end up to `bytes` after the keyword.
    pub(super) const fn reach(mut self, bytes: usize) -> Self {
        self.reach = bytes;
        self
    }

    /// Asks for entropy.
    pub(super) const fn entropy(mut self, bits: f32) -> Self {
        self.check = Check::Entropy(bits);
        self
    }

    /// Asks for structure.
    pub(super) const fn when(mut self, check: fn(&Candidate<'_>) -> bool) -> Self {
        self.check = Check::Structure(check);
        self
    }

    /// Replaces the default advice.
    pub(super) const fn fix(mut self, fix: &'static str) -> Self {
        self.fix = fix;
        self
    }

    /// Restricts it to files whose name ends like one of these.
    pub(super) const fn files(mut self, files: &'static [&'static str]) -> Self {
        self.files = files;
        self
    }

    /// Restricts it to values of the environment and labels.
    pub(super) const fn values_only(mut self) -> Self {
        self.values_only = true;
        self
    }

    /// Gives way to other rules.
    pub(super) const fn generic(mut self) -> Self {
        self.generic = true;
        self
    }

    /// Tells it as `whole` where any of the `others` is in the same text.
    pub(super) const fn half_of(mut self, whole: &'static str, others: &'static [&'static str]) -> Self {
        self.half = Some(Half { others, whole });
        self
    }

    /// Whether it looks at such a place.
    pub(super) fn is_for(&self, place: Place<'_>) -> bool {
        match place {
            Place::Value => self.files.is_empty(),
            Place::File(path) => {
                let name = path::name(path);
                let is_named =
                    self.files.is_empty() || self.files.iter().any(|end| name.ends_with(end.as_bytes()));
                is_named && !self.values_only
            }
        }
    }

    /// Whether case does not matter.
    pub(super) fn folds_case(&self) -> bool {
        self.pattern.starts_with("(?i)")
    }
}
