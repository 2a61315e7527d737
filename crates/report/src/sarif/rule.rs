//! Rules of a SARIF run: one for each rule that found something, and for each vulnerability. The first finding of a
//! rule speaks for it; findings come worst first.
//!
//! What differs between packages (the version that fixes it, an exception) is told by the result, not by the rule.

use super::Message;
use crate::{known, markdown, text};
use gabion_model::{Finding, Severity, Vulnerability, vulnerability::Score};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule<'a> {
    id: &'a str,
    short_description: Message,
    help: Help,
    #[serde(skip_serializing_if = "Option::is_none")]
    help_uri: Option<String>,
    default_configuration: Configuration,
    properties: Properties,
}

#[derive(Serialize)]
struct Help {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    markdown: Option<String>,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct Properties {
    tags: Vec<String>,
    #[serde(rename = "security-severity", skip_serializing_if = "Option::is_none")]
    security_severity: Option<String>,
}

/// GitHub keeps ten tags of a rule: two are taken, and one may be.
const WEAKNESSES: usize = 7;

/// Of the first finding of a rule.
pub(super) fn rule(finding: &Finding) -> Rule<'_> {
    let vulnerability = finding.vulnerability.as_deref();
    Rule {
        id: &finding.rule,
        short_description: Message { text: finding.title.clone() },
        help: vulnerability.map_or_else(
            || {
                let help = if finding.fix.is_empty() { &finding.title } else { &finding.fix };
                Help { text: help.clone(), markdown: None }
            },
            |known| help(finding, known),
        ),
        help_uri: vulnerability.and_then(|known| known::link(&finding.rule, Some(known))),
        default_configuration: Configuration { level: level(finding.severity) },
        properties: Properties {
            tags: tags(finding),
            security_severity: security_severity(finding.severity, vulnerability),
        },
    }
}

/// What is known, as text and as a list; and where to read more.
fn help(finding: &Finding, known: &Vulnerability) -> Help {
    let facts = known::lines(known);
    let links = known.references.iter().filter(|url| known::is_link(url));
    let text = std::iter::once(&finding.title).chain(&facts).chain(links.clone());
    let title = format!("**{}**\n", markdown::escaped(&finding.title));
    let list = facts.iter().map(|fact| format!("- {}", markdown::escaped(fact)));
    let list = std::iter::once(title).chain(list).chain(links.map(|url| format!("- <{url}>")));
    Help {
        text: text.map(String::as_str).collect::<Vec<_>>().join("\n"),
        markdown: Some(list.collect::<Vec<_>>().join("\n")),
    }
}

/// `external/cwe/cwe-079` is how GitHub knows weaknesses.
fn tags(finding: &Finding) -> Vec<String> {
    let mut tags = vec!["security".to_owned(), finding.kind.as_str().to_owned()];
    if let Some(known) = &finding.vulnerability {
        if known.exploited.is_some() {
            tags.push("known-exploited".to_owned());
        }
        tags.extend(known.cwe.iter().take(WEAKNESSES).map(|n| format!("external/cwe/cwe-{n:03}")));
    }
    tags
}

pub(super) const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium | Severity::Unknown => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// The score that counts, if GitHub would name it as the finding is rated; else the middle of the band of the rating,
/// as a vendor that rates a vulnerability of its package knows more than its score says.
fn security_severity(severity: Severity, known: Option<&Vulnerability>) -> Option<String> {
    let (band, middle) = match severity {
        Severity::Critical => (91..=100, "9.5"),
        Severity::High => (70..=90, "8.0"),
        Severity::Medium => (40..=69, "5.5"),
        Severity::Low => (1..=39, "2.0"),
        Severity::Info | Severity::Unknown => return None,
    };
    let score = known.and_then(|v| v.cvss.first()).map(|cvss| cvss.score);
    Some(match score {
        Some(score @ Score(tenths)) if band.contains(&tenths) => score.to_string(),
        _ => middle.to_owned(),
    })
}

/// Text of a result: the title, where it is, and for a vulnerability what would clear it.
pub(super) fn message(finding: &Finding) -> String {
    let mut message = finding.title.clone();
    if finding.vulnerability.is_some() && !finding.fix.is_empty() {
        message.push('\n');
        message.push_str(&finding.fix);
    }
    if let Some(first) = finding.evidence.first() {
        message.push('\n');
        message.push_str(&text::evidence(first));
        if let more @ 1.. = finding.evidence.len() - 1 {
            message.push_str("\nand ");
            message.push_str(&text::count(more as u64, "more place"));
        }
    }
    message
}
