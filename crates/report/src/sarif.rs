//! SARIF 2.1.0 for code-scanning services: one run, a rule for each rule that found something, a result for
//! each finding.
//!
//! - A place inside the image is a URI relative to `ROOTFS`, the root of its file system. A place in the
//!   configuration has no file: it is a logical location, and the physical one, without which services drop a
//!   result, is the image itself.
//! - `partialFingerprints` carry [`Finding::id`], so that a service recognises the same finding tomorrow.
//! - Coverage gaps are notifications of the invocation. `executionSuccessful` stays true: the run ended as it
//!   should, and tells what it could not see.
//!
//! Field meanings: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/>; `security-severity` and the tags are
//! what GitHub reads.

#![expect(clippy::struct_field_names, reason = "the names are those of the format")]

use crate::{subject, text};
use gabion_model::{Evidence, Finding, FindingKind, ScanReport, Severity, Status};
use serde::Serialize;
use std::{collections::BTreeMap, fmt::Write as _};

/// A SARIF log.
#[derive(Serialize)]
pub(crate) struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool<'a>,
    automation_details: AutomationDetails,
    invocations: [Invocation; 1],
    original_uri_base_ids: BTreeMap<&'static str, UriBase>,
    column_kind: &'static str,
    results: Vec<Outcome<'a>>,
    properties: RunProperties<'a>,
}

#[derive(Serialize)]
struct Tool<'a> {
    driver: Driver<'a>,
}

#[derive(Serialize)]
struct Driver<'a> {
    name: &'a str,
    version: &'a str,
    rules: Vec<Rule<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule<'a> {
    id: &'a str,
    short_description: Message,
    help: Message,
    default_configuration: Configuration,
    properties: RuleProperties,
}

#[derive(Serialize)]
struct RuleProperties {
    tags: Vec<&'static str>,
    #[serde(rename = "security-severity", skip_serializing_if = "Option::is_none")]
    security_severity: Option<&'static str>,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct AutomationDetails {
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    end_time_utc: jiff::Timestamp,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    descriptor: Descriptor,
    level: &'static str,
    message: Message,
}

#[derive(Serialize)]
struct Descriptor {
    id: String,
}

#[derive(Serialize)]
struct UriBase {
    description: Message,
}

/// A result; the name would hide Rust's own.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    rule_id: &'a str,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: Vec<Location<'a>>,
    partial_fingerprints: BTreeMap<&'static str, &'a str>,
    properties: ResultProperties<'a>,
}

#[derive(Serialize)]
struct ResultProperties<'a> {
    kind: FindingKind,
    severity: Severity,
    #[serde(skip_serializing_if = "str::is_empty")]
    fix: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location<'a> {
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<LogicalLocation<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
    properties: LocationProperties<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactLocation {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri_base_id: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation<'a> {
    fully_qualified_name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LocationProperties<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    layer_diff_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<String>,
    removed_by_later_layer: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RunProperties<'a> {
    source: &'a str,
    reference: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<&'a str>,
    coverage: &'a gabion_model::Coverage,
}

const ROOTFS: &str = "ROOTFS";
const FINGERPRINT: &str = "gabionFindingId/v1";

/// The log of a report.
pub(crate) fn log(report: &ScanReport) -> Log<'_> {
    let mut rules: Vec<Rule<'_>> = Vec::new();
    let mut index: BTreeMap<&str, usize> = BTreeMap::new();
    let mut results = Vec::with_capacity(report.findings.len());
    for finding in &report.findings {
        let rule_index = *index.entry(&finding.rule).or_insert_with(|| {
            rules.push(rule(finding));
            rules.len() - 1
        });
        results.push(result(report, finding, rule_index));
    }
    let image = report.target.image.as_ref();
    Log {
        schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool { driver: Driver { name: &report.tool.name, version: &report.tool.version, rules } },
            automation_details: AutomationDetails { id: format!("gabion/{}", report.target.reference) },
            invocations: [Invocation {
                execution_successful: true,
                end_time_utc: report.created,
                tool_execution_notifications: notifications(report),
            }],
            original_uri_base_ids: BTreeMap::from([(
                ROOTFS,
                UriBase { description: Message { text: "the root of the scanned file system".to_owned() } },
            )]),
            column_kind: "unicodeCodePoints",
            results,
            properties: RunProperties {
                source: &report.target.source,
                reference: &report.target.reference,
                image_id: image.map(|image| image.config.to_string()),
                manifest_digest: image.and_then(|image| image.manifest).map(|d| d.to_string()),
                platform: image.map(|image| image.platform.as_str()),
                coverage: &report.coverage,
            },
        }],
    }
}

/// The first finding of a rule speaks for the rule; findings come worst first.
fn rule(finding: &Finding) -> Rule<'_> {
    let help = if finding.fix.is_empty() { &finding.title } else { &finding.fix };
    Rule {
        id: &finding.rule,
        short_description: Message { text: finding.title.clone() },
        help: Message { text: help.clone() },
        default_configuration: Configuration { level: level(finding.severity) },
        properties: RuleProperties {
            tags: vec!["security", finding.kind.as_str()],
            security_severity: security_severity(finding.severity),
        },
    }
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium | Severity::Unknown => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// The middle of the CVSS band by which GitHub names severities.
const fn security_severity(severity: Severity) -> Option<&'static str> {
    match severity {
        Severity::Critical => Some("9.5"),
        Severity::High => Some("8.0"),
        Severity::Medium => Some("5.5"),
        Severity::Low => Some("2.0"),
        Severity::Info | Severity::Unknown => None,
    }
}

fn result<'a>(report: &'a ScanReport, finding: &'a Finding, rule_index: usize) -> Outcome<'a> {
    let mut message = finding.title.clone();
    if let Some(first) = finding.evidence.first() {
        message.push('\n');
        message.push_str(&text::evidence(first));
        if let more @ 1.. = finding.evidence.len() - 1 {
            message.push_str("\nand ");
            message.push_str(&text::count(more as u64, "more place"));
        }
    }
    Outcome {
        rule_id: &finding.rule,
        rule_index,
        level: level(finding.severity),
        message: Message { text: message },
        locations: finding.evidence.iter().map(|e| location(report, e)).collect(),
        partial_fingerprints: BTreeMap::from([(FINGERPRINT, finding.id.as_str())]),
        properties: ResultProperties { kind: finding.kind, severity: finding.severity, fix: &finding.fix },
    }
}

fn location<'a>(report: &'a ScanReport, evidence: &'a Evidence) -> Location<'a> {
    let layer = subject::layer(report, evidence.layer);
    let in_configuration = is_configuration(&evidence.place);
    let artifact_location = if in_configuration {
        ArtifactLocation { uri: uri_path(&report.target.reference), uri_base_id: None }
    } else {
        ArtifactLocation { uri: uri_path(&evidence.place), uri_base_id: Some(ROOTFS) }
    };
    Location {
        physical_location: PhysicalLocation {
            artifact_location,
            region: evidence.line.filter(|&line| line > 0).map(|start_line| Region { start_line }),
        },
        logical_locations: in_configuration
            .then_some(LogicalLocation { fully_qualified_name: &evidence.place })
            .into_iter()
            .collect(),
        message: (!evidence.detail.is_empty()).then(|| Message { text: evidence.detail.clone() }),
        properties: LocationProperties {
            layer_diff_id: layer.map(|layer| layer.diff_id.to_string()),
            created_by: layer.and_then(|layer| layer.created_by.as_deref()),
            package: evidence
                .package
                .as_ref()
                .map(|p| format!("{} {} {}", p.kind.as_str(), p.name, p.version)),
            removed_by_later_layer: evidence.removed,
        },
    }
}

/// `env:NAME`, `label:NAME`, `history:3`, `config:User`.
fn is_configuration(place: &str) -> bool {
    ["env:", "label:", "history:", "config:"].iter().any(|prefix| place.starts_with(prefix))
}

/// A path as a relative URI reference (RFC 3986): everything but unreserved characters and `/` is
/// percent-encoded, so that a first segment with a colon is no scheme.
fn uri_path(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.trim_start_matches('/').bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            // Writing to a String cannot fail.
            byte => drop(write!(uri, "%{byte:02X}")),
        }
    }
    uri
}

fn notifications(report: &ScanReport) -> Vec<Notification> {
    let gaps = report.coverage.iter().filter(|(_, status)| !status.is_full());
    gaps.map(|(aspect, status)| Notification {
        descriptor: Descriptor { id: format!("coverage/{aspect}") },
        level: match status {
            Status::Full { .. } | Status::NotEvaluated { .. } => "note",
            Status::Partial { .. } => "warning",
            Status::Unsupported { .. } | Status::Failed { .. } => "error",
        },
        message: Message { text: format!("{aspect} {}", text::status(status)) },
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_relative_references() {
        assert_eq!(uri_path("/etc/a b#c:d/é"), "etc/a%20b%23c%3Ad/%C3%A9");
    }
}
