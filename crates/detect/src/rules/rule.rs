//! Rules, as they are after loading.

use super::condition::Condition;
use super::count::Count;
use super::diagnostic::Position;
use super::events::EventSet;
use super::template::Template;
use std::{fmt, str::FromStr};

/// How bad it is if a rule matches; the first is the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is the word of its name")]
pub enum Priority {
    Emergency,
    Alert,
    Critical,
    Error,
    Warning,
    Notice,
    Informational,
    Debug,
}

impl Priority {
    /// All of them, from the worst on.
    pub const ALL: [Self; 8] = [
        Self::Emergency,
        Self::Alert,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notice,
        Self::Informational,
        Self::Debug,
    ];

    /// The word that stands in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Emergency => "Emergency",
            Self::Alert => "Alert",
            Self::Critical => "Critical",
            Self::Error => "Error",
            Self::Warning => "Warning",
            Self::Notice => "Notice",
            Self::Informational => "Informational",
            Self::Debug => "Debug",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Priority {
    type Err = ();

    /// In any case; `info` is short for `informational`.
    fn from_str(s: &str) -> Result<Self, ()> {
        if s.eq_ignore_ascii_case("info") {
            return Ok(Self::Informational);
        }
        Self::ALL.into_iter().find(|one| one.as_str().eq_ignore_ascii_case(s)).ok_or(())
    }
}

/// A rule that can be evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name, which no other has.
    pub name: String,
    /// What it finds, for people.
    pub description: String,
    /// When it matches, exceptions included.
    pub condition: Condition,
    /// The condition as it was written: macros are names, exceptions are not in it.
    pub written: String,
    /// How often it has to match before it is told; none if each match is.
    pub count: Option<Count>,
    /// What it says when it matches.
    pub output: Template,
    /// How bad that is.
    pub priority: Priority,
    /// What kind of events it is about: `syscall`.
    pub source: String,
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// Whether it is evaluated.
    pub enabled: bool,
    /// When it does not match after all, as written.
    pub exceptions: Vec<Exception>,
    /// The types of events that it can match.
    pub events: EventSet,
    /// Whether a capture is to be taken when it matches.
    pub capture: bool,
    /// For how many milliseconds; 0 is as long as captures are taken by default.
    pub capture_duration: u64,
    /// Where it was defined.
    pub position: Position,
}

/// An exception of a rule, for people; the condition of the rule says the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Its name.
    pub name: String,
    /// What it asks for, and how.
    pub fields: Vec<(String, String)>,
    /// How many values, or tuples of them, it has.
    pub values: usize,
}

/// The rules of some files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleSet {
    /// The rules, in the order in which their names came first.
    pub rules: Vec<Rule>,
    /// How many macros there are.
    pub macros: usize,
    /// How many lists there are.
    pub lists: usize,
    /// The greatest version of Falco's engine that a file asked for.
    pub required_engine_version: Option<super::version::Version>,
    /// The plugins that files asked for: of each requirement, all alternatives.
    pub required_plugins: Vec<Vec<(String, super::version::Version)>>,
}
