//! The rules, ready to run: the prefilter, and one regular expression a rule, compiled when its keyword first occurs.
//!
//! Whether a rule matches at a keyword depends on nothing but the [`BEFORE`] bytes before it and the rule's reach after
//! it. That is what makes the result independent of how a stream is cut into chunks.

use super::{
    checks::{self, Candidate, Place},
    prefilter::Prefilter,
    rule::{Check, Rule},
};
use regex::bytes::{Regex, RegexBuilder};
use std::{
    ops::Range,
    sync::{LazyLock, OnceLock},
};

/// Bytes before a keyword that a rule may look at.
pub(super) const BEFORE: usize = 256;
/// The longest [`Rule::reach`].
pub(super) const REACH: usize = 16 << 10;
/// The longest [`Rule::back`].
pub(super) const BACK: usize = 128;

/// The one engine of the process.
pub(super) static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(super::rules::all()));

#[derive(Debug)]
pub(super) struct Engine {
    pub(super) rules: Vec<Rule>,
    prefilter: Prefilter,
    compiled: Vec<OnceLock<Option<Regex>>>,
}

/// A credential in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Index of the rule.
    pub(super) rule: usize,
    /// The position of the scan that found it. Grows from one to the next.
    pub(super) at: usize,
    /// Where the secret is.
    pub(super) span: Range<usize>,
    /// How many bytes at its start are the same for every secret of this kind.
    pub(super) public: usize,
}

impl Engine {
    fn new(rules: Vec<Rule>) -> Self {
        Self {
            prefilter: Prefilter::new(&rules),
            compiled: rules.iter().map(|_| OnceLock::new()).collect(),
            rules,
        }
    }

    /// Tells what begins in `range` of `text`, in the order of the scan.
    pub(super) fn scan(
        &self,
        text: &[u8],
        range: Range<usize>,
        place: Place<'_>,
        mut tell: impl FnMut(Found),
    ) {
        self.prefilter.scan(text, range, |at, keyword, rules| {
            for &rule in rules {
                if let Some((span, public)) = self.attempt(usize::from(rule), text, keyword, place) {
                    tell(Found { rule: usize::from(rule), at, span, public });
                }
            }
        });
    }

    /// Whether the rule matches where its keyword is.
    fn attempt(
        &self,
        index: usize,
        text: &[u8],
        keyword: usize,
        place: Place<'_>,
    ) -> Option<(Range<usize>, usize)> {
        let rule = self.rules.get(index).filter(|rule| rule.is_for(place))?;
        let from = keyword.saturating_sub(rule.back);
        let window = text.get(from..keyword.saturating_add(rule.reach).min(text.len()))?;
        if rule.back == 0 && !rule.folds_case() && is_within_word(text, keyword) {
            return None;
        }
        let regex = self.regex(index)?;
        if !regex.is_match(window) {
            return None;
        }
        let groups = regex.captures(window)?;
        let whole = groups.get(0)?.range();
        if !whole.contains(&(keyword - from)) {
            return None;
        }
        let secret = groups.iter().skip(1).flatten().next().map_or(whole, |group| group.range());
        let span = from + secret.start..from + secret.end;
        let context = keyword.saturating_sub(BEFORE);
        let candidate = Candidate {
            text: text.get(context..from + window.len())?,
            keyword: keyword - context,
            secret: span.start.checked_sub(context)?..span.end.checked_sub(context)?,
            place,
        };
        let passes = match rule.check {
            Check::Pattern => true,
            Check::Entropy(bits) => checks::entropy(candidate.secret()) >= bits,
            Check::Structure(check) => check(&candidate),
        };
        if !passes || checks::is_placeholder(candidate.secret()) {
            return None;
        }
        // What the pattern spells out at the start of the secret is no secret.
        let spelled_out = |word: &&&str| text[keyword..].starts_with(word.as_bytes());
        let is_prefix = span.start == keyword && !rule.folds_case();
        let public = rule.keywords.iter().find(spelled_out).filter(|_| is_prefix);
        Some((span, public.map_or(0, |word| word.len())))
    }

    fn regex(&self, index: usize) -> Option<&Regex> {
        self.compiled[index].get_or_init(|| compile(&self.rules[index])).as_ref()
    }
}

/// The regular expression of a rule. That every one compiles is a test.
pub(super) fn compile(rule: &Rule) -> Option<Regex> {
    let pattern = match rule.back {
        0 => &format!("^(?:{})", rule.pattern),
        _ => rule.pattern,
    };
    RegexBuilder::new(pattern).unicode(false).size_limit(256 << 10).dfa_size_limit(64 << 10).build().ok()
}

/// Whether the keyword continues a word, so that no token starts here. What looks like the last letter of a word may belong
/// to an escape (`\n`).
fn is_within_word(text: &[u8], keyword: usize) -> bool {
    if !text.get(keyword).is_some_and(u8::is_ascii_alphanumeric) {
        return false;
    }
    match text.get(keyword.saturating_sub(2)..keyword) {
        Some([b'\\', b'n' | b'r' | b't']) => false,
        Some([.., last]) => last.is_ascii_alphanumeric(),
        _ => false,
    }
}
