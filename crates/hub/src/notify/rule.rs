//! A rule, as it can be followed.

use super::{Happening, News, Quiet};
use gabion_api::rest::{
    ExploitedFindings, Millis, NewNotificationRule, NotificationGroup, NotificationKind, Severity,
};

const MINUTE: Millis = 60_000;
/// A rule does not wait longer, in minutes: a week.
const LONGEST_WAIT: u32 = 7 * 24 * 60;
/// Nor does it tell again more rarely or more often, in minutes.
const LONGEST_AGAIN: u32 = 31 * 24 * 60;
const SHORTEST_AGAIN: u32 = 5;
/// Names are not longer, lists do not have more entries.
const MOST: usize = 200;

/// Who is told what, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(super) owners: Vec<String>,
    pub(super) least: Severity,
    pub(super) kinds: Vec<NotificationKind>,
    pub(super) exploited: Option<ExploitedFindings>,
    pub(super) running: bool,
    pub(super) group_by: Vec<NotificationGroup>,
    pub(super) wait: Millis,
    pub(super) again: Option<Millis>,
    pub(super) quiet: Option<Quiet>,
}

/// Why a rule makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub(crate) struct RuleError {
    /// The part of the rule.
    pub(crate) field: &'static str,
    /// What is wrong with it.
    pub(crate) why: String,
}

impl RuleError {
    pub(super) fn new(field: &'static str, why: impl Into<String>) -> Self {
        Self { field, why: why.into() }
    }
}

impl TryFrom<&NewNotificationRule> for Rule {
    type Error = RuleError;

    fn try_from(new: &NewNotificationRule) -> Result<Self, RuleError> {
        let NewNotificationRule {
            name,
            sink,
            owners,
            least,
            kinds,
            exploited,
            running,
            group_by,
            wait,
            again,
            quiet,
            paused: _,
        } = new;
        let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        for (field, text) in [("name", name), ("sink", sink)] {
            if text.is_empty() || text.len() > 64 || !text.chars().all(is_good) {
                return Err(RuleError::new(field, "it has 1 to 64 lower-case letters, digits and `-`"));
            }
        }
        let is_owner =
            |text: &String| !text.trim().is_empty() && text.len() <= MOST && !text.contains(char::is_control);
        if owners.len() > MOST || !owners.iter().all(is_owner) {
            return Err(RuleError::new("owners", format!("they are names, and at most {MOST}")));
        }
        if kinds.len() > NotificationKind::ALL.len() || group_by.len() > 3 {
            return Err(RuleError::new("kinds", "one is there twice"));
        }
        if *wait > LONGEST_WAIT {
            return Err(RuleError::new("wait", "it is longer than a week"));
        }
        if again.is_some_and(|again| !(SHORTEST_AGAIN..=LONGEST_AGAIN).contains(&again)) {
            return Err(RuleError::new("again", "it is shorter than 5 minutes, or longer than 31 days"));
        }
        Ok(Self {
            owners: owners.clone(),
            least: *least,
            kinds: kinds.clone(),
            exploited: *exploited,
            running: *running,
            group_by: group_by.clone(),
            wait: Millis::from(*wait) * MINUTE,
            again: again.map(|again| Millis::from(again) * MINUTE),
            quiet: quiet.as_ref().map(Quiet::try_from).transpose()?,
        })
    }
}

impl Rule {
    /// Whether it is about what this owner has.
    pub(super) fn is_for(&self, owner: Option<&String>) -> bool {
        self.owners.is_empty() || owner.is_some_and(|owner| self.owners.contains(owner))
    }

    /// Whether it is about that.
    pub(super) fn wants(&self, news: &News) -> bool {
        let Happening { kind, severity, owner, .. } = &news.happening;
        let is_bad = *severity >= self.least;
        let is_bad = match (&news.finding, self.exploited) {
            (Some(finding), Some(ExploitedFindings::Only)) => finding.exploited && is_bad,
            (Some(finding), Some(ExploitedFindings::Also)) => finding.exploited || is_bad,
            _ => is_bad,
        };
        // Either when it is known, or when it runs: once.
        let is_now = match &news.finding {
            Some(finding) if *kind == NotificationKind::NewFinding => {
                if self.running {
                    finding.running
                } else {
                    finding.first
                }
            }
            _ => true,
        };
        self.is_for(owner.as_ref())
            && is_bad
            && is_now
            && (self.kinds.is_empty() || self.kinds.contains(kind))
    }

    /// The part of something: what is the same for all that goes into one message.
    pub(super) fn part(&self, happening: &Happening) -> String {
        let word = |by: &NotificationGroup| match by {
            NotificationGroup::Owner => happening.owner.clone().unwrap_or_default(),
            NotificationGroup::Kind => happening.kind.as_str().to_owned(),
            NotificationGroup::Subject => happening.subject.clone(),
        };
        let words: Vec<String> = self.group_by.iter().map(word).collect();
        if words.is_empty() { String::new() } else { serde_json::to_string(&words).unwrap_or_default() }
    }
}
