//! Questions to texts: sets are hashed, texts that are searched for are prepared, patterns compiled.

use super::{
    comparison::{invalid, ordered},
    glob,
    prefix::PrefixSet,
};
use crate::rules::{condition::Operator as Op, vocabulary::Refusal};
use hashbrown::HashSet;
use memchr::memmem::Finder;
use regex::bytes::{Regex, RegexBuilder};

/// The most memory that a compiled regular expression may take.
const REGEX_LIMIT: usize = 1 << 20;

/// A question to a text.
#[derive(Clone, Debug)]
pub(super) enum TextTest {
    Equal(Box<[u8]>),
    NotEqual(Box<[u8]>),
    Order(Op, Box<[u8]>),
    In(TextSet),
    Contains(Box<Finder<'static>>),
    ContainsIgnoringCase(Box<[u8]>),
    StartsWith(Box<[u8]>),
    EndsWith(Box<[u8]>),
    Glob { pattern: Box<[u8]>, ignore_case: bool },
    Regex(Regex),
    Prefix(PrefixSet),
}

/// A set of texts; most that are not in it are told by their length.
#[derive(Clone, Debug)]
pub(super) struct TextSet {
    lengths: u64,
    texts: HashSet<Box<[u8]>>,
}

impl TextTest {
    pub(super) fn new(operator: Op, values: &[String]) -> Result<Self, Refusal> {
        let bytes = |value: &str| Box::from(value.as_bytes());
        match operator {
            Op::In | Op::Intersects => return Ok(Self::In(TextSet::new(values))),
            Op::Pmatch => return Ok(Self::Prefix(PrefixSet::new(values))),
            _ => {}
        }
        let [value] = values else { return Err(invalid(format!("operator {operator:?} takes one value"))) };
        Ok(match operator {
            Op::Equal => Self::Equal(bytes(value)),
            Op::NotEqual => Self::NotEqual(bytes(value)),
            Op::Contains => Self::Contains(Box::new(Finder::new(value.as_bytes()).into_owned())),
            Op::BContains => Self::Contains(Box::new(Finder::new(&hex(value)?).into_owned())),
            Op::IContains => Self::ContainsIgnoringCase(bytes(&value.to_ascii_lowercase())),
            Op::StartsWith => Self::StartsWith(bytes(value)),
            Op::BStartsWith => Self::StartsWith(hex(value)?.into()),
            Op::EndsWith => Self::EndsWith(bytes(value)),
            Op::Glob => Self::Glob { pattern: bytes(value), ignore_case: false },
            Op::IGlob => Self::Glob { pattern: bytes(value), ignore_case: true },
            Op::Regex => {
                // As in POSIX, `^` and `$` stand for the ends of lines; but the whole text must be of the pattern.
                let regex = RegexBuilder::new(&format!("\\A(?:{value})\\z"))
                    .unicode(false)
                    .multi_line(true)
                    .size_limit(REGEX_LIMIT)
                    .build();
                Self::Regex(regex.map_err(|error| invalid(format!("invalid regex pattern: {error}")))?)
            }
            _ => Self::Order(operator, bytes(value)),
        })
    }

    /// What it costs, in the units of [`super::comparison::Comparison::cost`].
    pub(super) fn cost(&self) -> u32 {
        match self {
            Self::Equal(_) | Self::NotEqual(_) | Self::StartsWith(_) | Self::EndsWith(_) => 2,
            Self::Order(..) => 3,
            Self::In(_) => 4,
            Self::Contains(_) => 10,
            Self::Prefix(_) | Self::ContainsIgnoringCase(_) => 20,
            Self::Glob { .. } => 30,
            Self::Regex(_) => 100,
        }
    }

    pub(super) fn holds(&self, text: &[u8]) -> bool {
        match self {
            Self::Equal(other) => text == &**other,
            Self::NotEqual(other) => text != &**other,
            Self::Order(operator, other) => ordered(*operator, text.cmp(other)),
            Self::In(set) => set.contains(text),
            Self::Contains(finder) => finder.find(text).is_some(),
            Self::ContainsIgnoringCase(needle) => contains_ignoring_case(text, needle),
            Self::StartsWith(prefix) => text.starts_with(prefix),
            Self::EndsWith(suffix) => text.ends_with(suffix),
            Self::Glob { pattern, ignore_case } => glob::matches(pattern, text, *ignore_case),
            Self::Regex(regex) => regex.is_match(text),
            Self::Prefix(set) => set.matches(text),
        }
    }
}

impl TextSet {
    fn new(values: &[String]) -> Self {
        let texts: HashSet<Box<[u8]>> = values.iter().map(|value| Box::from(value.as_bytes())).collect();
        Self { lengths: texts.iter().fold(0, |bits, text| bits | Self::bit(text)), texts }
    }

    fn bit(text: &[u8]) -> u64 {
        1 << text.len().min(63)
    }

    fn contains(&self, text: &[u8]) -> bool {
        self.lengths & Self::bit(text) != 0 && self.texts.contains(text)
    }
}

fn hex(text: &str) -> Result<Vec<u8>, Refusal> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    digits
        .filter(|digits| !digits.is_empty() && digits.len() % 2 == 0)
        .map(|digits| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
        .ok_or_else(|| invalid("filter error: bcontains and bstartswith operator support hex strings only"))
}

/// Whether it is in it, upper and lower case of ASCII being the same; `needle` is in lower case.
pub(super) fn contains_ignoring_case(text: &[u8], needle: &[u8]) -> bool {
    let Some(&first) = needle.first() else { return true };
    let Some(last) = text.len().checked_sub(needle.len()) else { return false };
    memchr::memchr2_iter(first, first.to_ascii_uppercase(), &text[..=last])
        .any(|at| text[at..at + needle.len()].eq_ignore_ascii_case(needle))
}
