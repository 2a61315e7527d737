//! What is handed over: one record, whatever it is about.

use gabion_api::rest::{Millis, Severity};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What a record is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A rule matched.
    #[default]
    Alert,
    /// Alerts that belong together.
    Incident,
    /// Something that somebody has done.
    Audit,
    /// Something that happened.
    Event,
    /// What a rule tells somebody.
    Notification,
}

impl Kind {
    /// The word for it in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Incident => "incident",
            Self::Audit => "audit",
            Self::Event => "event",
            Self::Notification => "notification",
        }
    }
}

/// Something that a notification tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is about: the same for the same.
    pub key: String,
    /// What kind of thing.
    pub kind: String,
    /// How bad it is.
    pub severity: Severity,
    /// Whose it is.
    pub owner: Option<String>,
    /// What it is in.
    pub subject: String,
    /// It, in a line.
    pub title: String,
    /// The address of its page.
    pub link: String,
    /// It is over.
    pub over: bool,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it is about: the same however often it is sent, and also when the same thing has changed.
    pub id: String,
    /// Which of its states it is: grows with each change; zero for what does not change.
    pub version: u64,
    /// What it is.
    pub kind: Kind,
    /// When.
    pub time: Millis,
    /// How bad it is.
    pub severity: Severity,
    /// What it is, in a few words: the rule, the title, the action.
    pub title: String,
    /// What happened, in a line.
    pub message: String,
    /// What was done, for the audit log (`sink.create`), or what happened, for an event (`execve`).
    pub action: Option<String>,
    /// The rule.
    pub rule: Option<String>,
    /// The node, by id and by name.
    pub node: Option<(String, String)>,
    /// The workload.
    pub workload: Option<String>,
    /// Its namespace.
    pub namespace: Option<String>,
    /// The container, by name.
    pub container: Option<String>,
    /// Its image.
    pub image: Option<String>,
    /// The program.
    pub program: Option<String>,
    /// Who has done it, and from which address.
    pub user: Option<(String, String)>,
    /// Techniques of ATT&CK.
    pub techniques: Vec<String>,
    /// Tactics of ATT&CK.
    pub tactics: Vec<String>,
    /// How often it came.
    pub count: u64,
    /// `open`, `closed`.
    pub state: Option<String>,
    /// The incident that it belongs to.
    pub incident: Option<String>,
    /// All its fields, as rules name them.
    pub fields: BTreeMap<String, String>,
    /// The address of its page.
    pub link: Option<String>,
    /// What it tells, if it is a notification: the worst first.
    pub items: Vec<Item>,
    /// How many more there are.
    pub more: u64,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            id: String::new(),
            version: 0,
            kind: Kind::default(),
            time: 0,
            severity: Severity::Unknown,
            title: String::new(),
            message: String::new(),
            action: None,
            rule: None,
            node: None,
            workload: None,
            namespace: None,
            container: None,
            image: None,
            program: None,
            user: None,
            techniques: Vec::new(),
            tactics: Vec::new(),
            count: 1,
            state: None,
            incident: None,
            fields: BTreeMap::new(),
            link: None,
            items: Vec::new(),
            more: 0,
        }
    }
}

impl Record {
    /// The id of just this state of it.
    pub fn version_id(&self) -> String {
        if self.version == 0 { self.id.clone() } else { format!("{}:{}", self.id, self.version) }
    }

    /// `2026-11-28T01:02:03.004Z`
    pub fn timestamp(&self) -> String {
        timestamp(self.time)
    }

    /// A field that is known.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str).filter(|value| !value.is_empty() && *value != "<NA>")
    }

    /// A field that is a number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.field(name)?.parse().ok()
    }

    /// The first of these fields that is known.
    pub(crate) fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.field(name))
    }

    /// Its image: as it is known, or as its fields say.
    pub(crate) fn image_name(&self) -> Option<String> {
        self.image.clone().or_else(|| {
            let repository = self.field("container.image.repository")?;
            let tag = self.field("container.image.tag");
            Some(tag.map_or_else(|| repository.to_owned(), |tag| format!("{repository}:{tag}")))
        })
    }
}

pub(crate) fn timestamp(time: Millis) -> String {
    let time = Timestamp::from_millisecond(time).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{time:.3}")
}

/// The word for a severity in every output.
pub(crate) const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Unknown => "unknown",
        Severity::Info => "info",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

/// The beginning of a text, within so many bytes, on one line: what was seen on a node may hold anything.
pub(crate) fn line(text: &str, most: usize) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    if text.len() <= most {
        return text.chars().map(clean).collect();
    }
    let end = text.floor_char_boundary(most.saturating_sub('…'.len_utf8()));
    text[..end].chars().map(clean).chain(['…']).collect()
}
