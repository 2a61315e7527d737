//! Notification rules: which of what happens becomes which message, and when. Pure: time is passed in, and all that is remembered is one value.
//!
//! ```text
//!   happening ─► each rule that wants it ─► a group (by owner, kind, subject) ─► waits, and through quiet hours ─► one message ─► a sink by name
//!                told not long ago: nothing     more of the same joins it                                   delivered ─► remembered as told
//! ```
//!
//! A group waits from its first happening on, so that a steady stream puts nothing off. What is due stays until it is said to be delivered: after a
//! crash between the two it is sent again under the same id, rather twice than never. The [`Engine`] is kept by whoever runs it, before a
//! happening counts as taken.

mod engine;
mod quiet;

pub use engine::{Engine, Message};
pub use quiet::Quiet;

use gabion_api::rest::{Millis, Severity};
use serde::{Deserialize, Serialize};

/// A rule does not wait longer, and does not repeat more rarely, in milliseconds.
const LONGEST: Millis = 31 * crate::DAY;
/// Nor does it repeat more often.
const SHORTEST_REPEAT: Millis = 5 * 60_000;
/// Names are not longer, lists do not have more entries.
const MOST: usize = 200;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A finding that was not there before.
    NewFinding,
    /// An incident, or news of one.
    Incident,
    /// The day of a finding comes near.
    DeadlineNear,
    /// The day of a finding is past.
    DeadlineOver,
    /// An exception ends soon.
    ExceptionEnds,
    /// An agent is not heard.
    AgentLost,
}

/// Something that happened, or goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// What it is about, always the same for the same: `finding f-12`.
    pub key: String,
    /// What kind.
    pub kind: Kind,
    /// How much it matters.
    pub severity: Severity,
    /// Whose it is.
    pub owner: Option<String>,
    /// What it is in: an image by name, a workload, a node.
    pub subject: String,
    /// It, in a line.
    pub title: String,
    /// Its page in the console.
    pub link: String,
}

/// By what happenings become one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// One for each owner.
    Owner,
    /// One for each kind.
    Kind,
    /// One for each image, workload or node.
    Subject,
}

/// Who is told what, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name; no other rule has it.
    pub name: String,
    /// Of these owners; empty: of all, and of nobody.
    #[serde(default)]
    pub owners: Vec<String>,
    /// At least so severe.
    pub least: Severity,
    /// Of these kinds; empty: of all.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// What makes one message; empty: all of the rule.
    #[serde(default)]
    pub group_by: Vec<By>,
    /// How long a group waits for more of the same, in milliseconds.
    #[serde(default)]
    pub wait: Millis,
    /// When nobody wants to be disturbed.
    #[serde(default)]
    pub quiet: Option<Quiet>,
    /// What goes on is told again after so long, in milliseconds; absent: never.
    #[serde(default)]
    pub repeat: Option<Millis>,
    /// The sink that messages go to, by name.
    pub sink: String,
}

/// Why a rule makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct RuleError {
    /// The part of the rule.
    pub field: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl RuleError {
    fn new(field: &'static str, why: impl Into<String>) -> Self {
        Self { field, why: why.into() }
    }
}

impl Rule {
    /// Whether it makes sense. A rule that does not must not be kept.
    pub fn check(&self) -> Result<(), RuleError> {
        let is_name =
            |text: &str| !text.trim().is_empty() && text.len() <= MOST && !text.contains(char::is_control);
        for (field, text) in [("name", &self.name), ("sink", &self.sink)] {
            if !is_name(text) {
                return Err(RuleError::new(field, format!("it is empty or longer than {MOST} bytes")));
            }
        }
        if self.owners.len() > MOST || !self.owners.iter().all(|owner| is_name(owner)) {
            return Err(RuleError::new("owners", format!("they are names, and at most {MOST}")));
        }
        if !(0..=LONGEST).contains(&self.wait) {
            return Err(RuleError::new("wait", "it is negative, or longer than 31 days"));
        }
        if self.repeat.is_some_and(|repeat| !(SHORTEST_REPEAT..=LONGEST).contains(&repeat)) {
            return Err(RuleError::new("repeat", "it is shorter than 5 minutes, or longer than 31 days"));
        }
        self.quiet.as_ref().map_or(Ok(()), Quiet::check)
    }

    /// Whether it is about that.
    pub fn wants(&self, happening: &Happening) -> bool {
        let owner = happening.owner.as_ref();
        (self.owners.is_empty() || owner.is_some_and(|owner| self.owners.contains(owner)))
            && happening.severity >= self.least
            && (self.kinds.is_empty() || self.kinds.contains(&happening.kind))
    }

    /// The group of something: what is the same for all that goes into one message.
    fn group(&self, happening: &Happening) -> Vec<String> {
        let part = |by: &By| match by {
            By::Owner => happening.owner.clone().unwrap_or_default(),
            By::Kind => format!("{:?}", happening.kind),
            By::Subject => happening.subject.clone(),
        };
        self.group_by.iter().map(part).collect()
    }
}

/// Where messages go. One that is not delivered is tried again.
pub trait Deliver {
    /// Brings a message to its sink. What a sink has got already, by its id, it may leave out.
    fn deliver(&self, message: &Message) -> impl Future<Output = Result<(), String>> + Send;
}

#[cfg(test)]
mod tests;
