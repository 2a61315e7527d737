//! What happened, in words and with a page to go to. What is quoted was seen on a node or in an image, so it is one short line, whatever it was.

use super::{Happening, engine::Message, rule::Rule};
use gabion_api::rest::{
    Exception, ExploitedFindings, Finding, Incident, IncidentState, NotificationKind, Severity,
};
use gabion_store::state::{Happened, SinkTrouble};
use std::fmt::Write;

/// Characters of a title, of a name.
const TITLE: usize = 240;
const NAME: usize = 160;

/// Something that happened, for a rule to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct News {
    /// What may be told.
    pub(super) happening: Happening,
    /// Of a finding: what rules ask beside.
    pub(super) finding: Option<OfFinding>,
}

/// What rules ask of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OfFinding {
    /// Nobody knew of it before.
    pub(super) first: bool,
    /// Something runs that has it.
    pub(super) running: bool,
    /// It is known to be exploited.
    pub(super) exploited: bool,
}

/// The beginning of a text, on one line.
pub(super) fn line(text: &str, most: usize) -> String {
    let mut chars = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut cut: String = chars.by_ref().take(most).collect();
    if chars.next().is_some() {
        cut.pop();
        cut.push('…');
    }
    cut
}

/// A part of an address.
pub(super) fn part(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

/// What may be told of something that happened.
pub(super) fn news(happened: &Happened) -> News {
    match happened {
        Happened::Finding { finding, first, running } => {
            let about = about(finding);
            let title = if finding.state == gabion_api::rest::State::Reopened {
                format!("{about} is there again")
            } else {
                about
            };
            of_finding(NotificationKind::NewFinding, &finding.id, finding, &title, *first, *running)
        }
        Happened::Deadline { finding, days } => {
            let about = about(finding);
            let (kind, title) = match days {
                0 => (NotificationKind::DeadlineOver, format!("Overdue: {about}")),
                1 => (NotificationKind::DeadlineNear, format!("One day left: {about}")),
                days => (NotificationKind::DeadlineNear, format!("{days} days left: {about}")),
            };
            of_finding(kind, &format!("due {}", finding.id), finding, &title, true, true)
        }
        Happened::Incident { incident, owner, joined, .. } => {
            of_incident(incident, owner.clone(), joined.is_some())
        }
        Happened::Exception { exception, severity, days } => of_exception(exception, *severity, *days),
        Happened::Agent { id, name, lost } => lasting(
            Happening {
                severity: Severity::High,
                title: match lost {
                    Some(_) => format!(
                        "The agent of {} is not heard: what happens there is not seen",
                        line(name, NAME)
                    ),
                    None => format!("The agent of {} is heard again, or was removed", line(name, NAME)),
                },
                subject: line(name, NAME),
                link: format!("/nodes/{}", part(id)),
                ..plain(NotificationKind::AgentLost, format!("node {id}"))
            },
            lost.is_none(),
        ),
        Happened::Sink { name, trouble } => {
            let sink = Happening {
                severity: Severity::High,
                subject: line(name, NAME),
                link: "/settings/sinks".to_owned(),
                ..plain(NotificationKind::SinkTrouble, format!("sink {name}"))
            };
            match trouble {
                SinkTrouble::Away(why) => {
                    let title = line(
                        &format!("The sink {name} cannot be sent to, what is for it waits: {why}"),
                        TITLE,
                    );
                    lasting(Happening { title, ..sink }, false)
                }
                SinkTrouble::Back => {
                    lasting(Happening { title: format!("The sink {name} is sent to again"), ..sink }, true)
                }
                SinkTrouble::Gone => {
                    lasting(Happening { title: format!("The sink {name} was removed"), ..sink }, true)
                }
                SinkTrouble::Missing(many) => News {
                    happening: Happening {
                        key: format!("records {name}"),
                        title: format!("The sink {name} has lost or refused {many} records in all"),
                        ..sink
                    },
                    finding: None,
                },
            }
        }
    }
}

fn plain(kind: NotificationKind, key: String) -> Happening {
    Happening {
        key,
        kind,
        severity: Severity::Unknown,
        owner: None,
        subject: String::new(),
        title: String::new(),
        link: String::new(),
        lasting: false,
        over: false,
    }
}

fn lasting(happening: Happening, over: bool) -> News {
    News { happening: Happening { lasting: true, over, ..happening }, finding: None }
}

/// `CVE-2024-1 in openssl 3.0.1 of shop/web, known to be exploited, mended in 3.0.2`
fn about(finding: &Finding) -> String {
    let place = line(&finding.place, NAME);
    let mut text = format!("{} in {place} of {}", line(&finding.rule, NAME), line(&finding.repository, NAME));
    if finding.exploited {
        text.push_str(", known to be exploited");
    }
    if let Some(version) = &finding.fixed_version {
        let _ = write!(text, ", mended in {}", line(version, 40));
    }
    text
}

fn of_finding(
    kind: NotificationKind,
    key: &str,
    finding: &Finding,
    title: &str,
    first: bool,
    running: bool,
) -> News {
    News {
        happening: Happening {
            severity: finding.severity,
            owner: finding.owner.clone(),
            subject: line(&finding.repository, NAME),
            title: line(title, TITLE),
            link: format!("/findings/{}", part(&finding.id)),
            ..plain(kind, key.to_owned())
        },
        finding: Some(OfFinding { first, running, exploited: finding.exploited }),
    }
}

/// What a rule about owners may hear of an incident: what these have of it, together. Where they have nothing of it, or not any more, it may hear only
/// that it is over, if it has told it. Absent: it may hear all that there is.
pub(super) fn own(happened: &Happened, rule: &Rule) -> Option<News> {
    let Happened::Incident { incident, joined, views, .. } = happened else { return None };
    if rule.owners.is_empty() {
        return None;
    }
    let mut views = views.iter().filter(|(owner, _)| rule.owners.contains(owner)).cloned();
    let Some((mut owner, mut all)) = views.next() else {
        let id = line(&incident.id, NAME);
        let title = match joined {
            Some(whole) => format!("The incident {id} goes on as a part of {}", line(whole, NAME)),
            None if incident.state == IncidentState::Closed => format!("Closed: the incident {id}"),
            None => format!("The incident {id} is not any more about what this rule is about"),
        };
        return Some(lasting(Happening { title, ..plain_incident(&incident.id) }, true));
    };
    for (other, view) in views {
        if view.severity > all.severity {
            (owner, all.title, all.severity) = (other, view.title, view.severity);
        }
        all.alerts += view.alerts;
        all.containers.extend(view.containers);
    }
    all.containers.sort_unstable();
    Some(of_incident(&all, Some(owner), false))
}

fn plain_incident(id: &str) -> Happening {
    Happening {
        subject: line(id, NAME),
        link: format!("/incidents/{}", part(id)),
        ..plain(NotificationKind::Incident, format!("incident {id}"))
    }
}

/// `joined`: it goes on as a part of another, which has its alerts now.
fn of_incident(incident: &Incident, owner: Option<String>, joined: bool) -> News {
    let over = incident.state == IncidentState::Closed;
    let mut title = if over { "Closed: ".to_owned() } else { String::new() };
    title.push_str(&line(&incident.title, NAME));
    if !incident.containers.is_empty() {
        let _ = write!(title, " in {}", line(&incident.containers.join(", "), NAME));
    }
    if !joined {
        let many = incident.alerts;
        let _ = write!(title, ", {many} {}", if many == 1 { "alert" } else { "alerts" });
    }
    let title = line(&title, TITLE);
    lasting(Happening { severity: incident.severity, owner, title, ..plain_incident(&incident.id) }, over)
}

fn of_exception(exception: &Exception, severity: Severity, days: u8) -> News {
    let when = if days == 1 { "in a day".to_owned() } else { format!("in {days} days") };
    let findings = exception.findings;
    let many =
        if findings == 1 { "1 finding counts".to_owned() } else { format!("{findings} findings count") };
    let title = format!("The exception for {} ends {when}: {many} again then", line(&exception.rule, NAME));
    News {
        happening: Happening {
            severity,
            owner: Some(exception.owner.clone()),
            subject: line(&exception.rule, NAME),
            title: line(&title, TITLE),
            link: "/exceptions?in_force=true".to_owned(),
            ..plain(NotificationKind::ExceptionEnds, format!("exception {}", exception.id))
        },
        finding: None,
    }
}

fn counted(kind: NotificationKind, many: u64) -> String {
    let (one, more) = match kind {
        NotificationKind::NewFinding => ("new finding", "new findings"),
        NotificationKind::Incident => ("incident", "incidents"),
        NotificationKind::DeadlineNear => ("finding soon due", "findings soon due"),
        NotificationKind::DeadlineOver => ("finding overdue", "findings overdue"),
        NotificationKind::ExceptionEnds => ("exception that ends soon", "exceptions that end soon"),
        NotificationKind::AgentLost => ("agent", "agents"),
        NotificationKind::SinkTrouble => ("sink", "sinks"),
    };
    format!("{many} {}", if many == 1 { one } else { more })
}

const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Unknown => "unknown",
        Severity::Info => "info",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

/// What is the same in all that a message names.
fn common<'a, T: PartialEq>(message: &'a Message, of: impl Fn(&'a Happening) -> T) -> Option<T> {
    let mut values = message.happenings.iter().map(of);
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// `12 new findings of shop, the worst is critical`
pub(super) fn headline(message: &Message) -> String {
    if let ([one], 0) = (message.happenings.as_slice(), message.more) {
        return one.title.clone();
    }
    let all = message.happenings.len() as u64 + message.more;
    let mut text = if let Some(kind) = common(message, |one| one.kind) {
        counted(kind, all)
    } else {
        let kinds = NotificationKind::ALL.into_iter().filter_map(|kind| {
            let many = message.happenings.iter().filter(|one| one.kind == kind).count() as u64;
            (many > 0).then(|| counted(kind, many))
        });
        let mut kinds: Vec<String> = kinds.collect();
        match message.more {
            0 => {}
            // What was named of it is over.
            1 if kinds.is_empty() => kinds.push("one thing that is not named".to_owned()),
            more if kinds.is_empty() => kinds.push(format!("{more} things that are not named")),
            more => kinds.push(format!("{more} more")),
        }
        kinds.join(", ")
    };
    if let Some(Some(owner)) = common(message, |one| one.owner.as_deref()) {
        let _ = write!(text, " of {}", line(owner, NAME));
    }
    if message.severity > Severity::Unknown {
        let _ = write!(text, ", the worst is {}", word(message.severity));
    }
    line(&text, TITLE)
}

/// The page on which all that a message is about can be found.
pub(super) fn page(message: &Message, rule: &Rule) -> String {
    if let ([one], 0) = (message.happenings.as_slice(), message.more) {
        return one.link.clone();
    }
    let findings = |mut query: Vec<String>| {
        let severities =
            [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info];
        let wanted: Vec<&str> = severities.into_iter().filter(|one| *one >= rule.least).map(word).collect();
        if rule.least > Severity::Info && rule.exploited != Some(ExploitedFindings::Also) {
            query.push(format!("severity={}", wanted.join(",")));
        }
        if rule.exploited == Some(ExploitedFindings::Only) {
            query.push("exploited=true".to_owned());
        }
        if let Some(Some(owner)) = common(message, |one| one.owner.as_deref()) {
            query.push(format!("owner={}", part(owner)));
        }
        format!("/findings?{}", query.join("&"))
    };
    match common(message, |one| one.kind) {
        Some(NotificationKind::NewFinding) => findings(vec!["sort=-first_seen".to_owned()]),
        Some(NotificationKind::DeadlineNear) => findings(vec!["sort=due".to_owned()]),
        Some(NotificationKind::DeadlineOver) => {
            findings(vec!["sort=due".to_owned(), "overdue=true".to_owned()])
        }
        Some(NotificationKind::Incident) => "/incidents".to_owned(),
        Some(NotificationKind::ExceptionEnds) => "/exceptions?in_force=true".to_owned(),
        Some(NotificationKind::AgentLost) => "/nodes".to_owned(),
        Some(NotificationKind::SinkTrouble) => "/settings/sinks".to_owned(),
        None => "/".to_owned(),
    }
}
