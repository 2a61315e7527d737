//! SARIF 2.1.0 for code-scanning services: one run, a rule for each rule that found something, a result for
//! each finding.
//!
//! - A place inside the image is a URI relative to `ROOTFS`, the root of its file system. A place in the
//!   configuration has no file: it is a logical location, and the physical one, without which services drop a
//!   result, is the image itself.
//! - `partialFingerprints` carry [`Finding::id`], so that a service recognises the same finding tomorrow.
//! - What an exception or a VEX statement sets aside has a suppression that says who does, and why. Consumers that
//!   do not read suppressions show such a result like any other.
//! - Exceptions that have expired, expire soon or do nothing are notifications, too.
//! - Coverage gaps are notifications of the invocation. `executionSuccessful` stays true: the run ended as it
//!   should, and tells what it could not see.
//!
//! Field meanings: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/>; `security-severity` and the tags are
//! what GitHub reads.

#![expect(clippy::struct_field_names, reason = "the names are those of the format")]

mod rule;

use crate::{known, subject, text};
use gabion_model::{
    Evidence, Finding, FindingKind, FixState, Match, ScanReport, Severity, Standing, Status, Suppression,
    Vulnerability, vulnerability::Share,
};
use rule::{Rule, rule};
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
struct Message {
    text: String,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    suppressions: Option<Vec<SarifSuppression>>,
    properties: ResultProperties<'a>,
}

#[derive(Serialize)]
struct SarifSuppression {
    kind: &'static str,
    status: &'static str,
    justification: String,
}

#[derive(Serialize)]
struct ResultProperties<'a> {
    kind: FindingKind,
    severity: Severity,
    #[serde(skip_serializing_if = "str::is_empty")]
    fix: &'a str,
    #[serde(flatten)]
    vulnerability: Option<VulnerabilityProperties<'a>>,
}

/// What a query over results asks for; the rest is told by the rule, and in full by the JSON report.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VulnerabilityProperties<'a> {
    priority: u8,
    fix_state: FixState,
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed_version: Option<&'a str>,
    known_exploited: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    epss: Option<Share>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disputed: bool,
    matches: &'a [Match],
}

impl<'a> From<&'a Vulnerability> for VulnerabilityProperties<'a> {
    fn from(known: &'a Vulnerability) -> Self {
        Self {
            priority: known.priority.score,
            fix_state: known.fix,
            fixed_version: known.fixed_version.as_deref(),
            known_exploited: known.exploited.is_some(),
            epss: known.epss.map(|epss| epss.probability),
            disputed: known.disputed,
            matches: &known.matches,
        }
    }
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
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    database: &'a [gabion_model::DataSource],
}

const ROOTFS: &str = "ROOTFS";
const FINGERPRINT: &str = "gabionFindingId/v1";

/// The log of a report.
pub(crate) fn log(report: &ScanReport) -> Log<'_> {
    let mut rules: Vec<Rule<'_>> = Vec::new();
    let mut index: BTreeMap<&str, usize> = BTreeMap::new();
    // Results either all have suppressions, be it none, or none has (section 3.27.23).
    let any_suppressed = report.findings.iter().any(|finding| finding.suppressed.is_some());
    let mut results = Vec::with_capacity(report.findings.len());
    for finding in &report.findings {
        let rule_index = *index.entry(&finding.rule).or_insert_with(|| {
            rules.push(rule(finding));
            rules.len() - 1
        });
        results.push(result(report, finding, rule_index, any_suppressed));
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
                database: &report.database,
            },
        }],
    }
}

fn result<'a>(
    report: &'a ScanReport,
    finding: &'a Finding,
    rule_index: usize,
    any_suppressed: bool,
) -> Outcome<'a> {
    Outcome {
        rule_id: &finding.rule,
        rule_index,
        level: rule::level(finding.severity),
        message: Message { text: rule::message(finding) },
        locations: finding.evidence.iter().map(|e| location(report, e)).collect(),
        partial_fingerprints: BTreeMap::from([(FINGERPRINT, finding.id.as_str())]),
        properties: ResultProperties {
            kind: finding.kind,
            severity: finding.severity,
            fix: &finding.fix,
            vulnerability: finding.vulnerability.as_deref().map(Into::into),
        },
        suppressions: any_suppressed.then(|| finding.suppressed.iter().map(suppression).collect()),
    }
}

/// Decided outside of what was scanned, by whoever the justification names.
fn suppression(suppression: &Suppression) -> SarifSuppression {
    SarifSuppression { kind: "external", status: "accepted", justification: known::excepted(suppression) }
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
    let gaps = gaps.map(|(aspect, status)| Notification {
        descriptor: Descriptor { id: format!("coverage/{aspect}") },
        level: match status {
            Status::Full { .. } | Status::NotEvaluated { .. } => "note",
            Status::Partial { .. } => "warning",
            Status::Unsupported { .. } | Status::Failed { .. } => "error",
        },
        message: Message { text: format!("{aspect} {}", text::status(status)) },
    });
    let exceptions = known::exceptions_to_look_at(report).into_iter().map(|exception| Notification {
        descriptor: Descriptor { id: format!("exception/{}", exception.id) },
        level: if exception.standing == Standing::Unused { "note" } else { "warning" },
        message: Message { text: text::exception(exception) },
    });
    gaps.chain(exceptions).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_relative_references() {
        assert_eq!(uri_path("/etc/a b#c:d/é"), "etc/a%20b%23c%3Ad/%C3%A9");
    }
}
