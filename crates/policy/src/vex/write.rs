//! Writes OpenVEX 0.2: what this image is affected by, what it is not, and why.

use crate::{exception::is_suppressed, subject::day};
use gabion_model::{
    Digest, Finding, ImageIdentity, PackageRef, ScanReport, Suppression, SuppressionKind, Vulnerability,
};
use jiff::Timestamp;
use packageurl::PackageUrl;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// The justifications that OpenVEX knows.
const JUSTIFICATIONS: [&str; 5] = [
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
];

/// A document that states what is known of each vulnerability of a report; none without a vulnerability, as OpenVEX has
/// no document without a statement.
///
/// False positives and what VEX suppresses are `not_affected` or `fixed`; what is deferred or accepted is `affected`,
/// with who answers for it. The identifier is the hash of the rest: the same report at the same time gives the same
/// bytes.
pub fn to_openvex(report: &ScanReport, author: &str, now: Timestamp) -> Option<Value> {
    let image = image_purl(report);
    let mut statements: Vec<Value> = Vec::new();
    for finding in &report.findings {
        let Some(vulnerability) = finding.vulnerability.as_deref() else { continue };
        let statement = statement(finding, vulnerability, image.as_deref(), report, now);
        // The schema wants each statement once.
        if !statements.contains(&statement) {
            statements.push(statement);
        }
    }
    if statements.is_empty() {
        return None;
    }
    let mut document = json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "",
        "author": author,
        "timestamp": now.to_string(),
        "version": 1,
        "tooling": format!("{} {}", report.tool.name, report.tool.version),
        "statements": statements,
    });
    let digest = Digest::sha256(Sha256::digest(document.to_string().as_bytes()).into());
    document["@id"] = format!("urn:gabion:vex:{}", digest.hex()).into();
    Some(document)
}

fn statement(
    finding: &Finding,
    vulnerability: &Vulnerability,
    image: Option<&str>,
    report: &ScanReport,
    now: Timestamp,
) -> Value {
    let mut purls: Vec<String> = vulnerability.packages.iter().map(|package| purl(package, report)).collect();
    purls.sort();
    purls.dedup();
    let packages = || purls.iter().map(|purl| json!({ "@id": purl })).collect::<Vec<_>>();
    let products = match image {
        Some(image) => vec![json!({ "@id": image, "subcomponents": packages() })],
        None => packages(),
    };
    let mut names = vulnerability.aliases.clone();
    names.sort();
    names.dedup();
    let mut statement = Map::new();
    let mut subject = json!({ "name": finding.rule });
    if !names.is_empty() {
        subject["aliases"] = names.into();
    }
    statement.insert("vulnerability".into(), subject);
    statement.insert("products".into(), products.into());
    let suppression = finding.suppressed.as_ref().filter(|_| is_suppressed(finding, day(now)));
    for (key, value) in verdict(finding, suppression) {
        statement.insert(key.into(), value.into());
    }
    statement.into()
}

/// The status with what the schema demands of it: one of two reasons for `not_affected`, an action for `affected`.
fn verdict(finding: &Finding, suppression: Option<&Suppression>) -> Vec<(&'static str, String)> {
    let Some(Suppression { kind, source, reason, owner, expires }) = suppression else {
        let action = if finding.fix.is_empty() { "No action is known." } else { &finding.fix };
        return vec![("status", "affected".into()), ("action_statement", action.into())];
    };
    let word = reason.split(':').next().unwrap_or_default().trim();
    let by = if owner.is_empty() { source.clone() } else { format!("{owner} ({source})") };
    let until = expires.map_or_else(String::new, |date| format!(" until {date}"));
    match kind {
        SuppressionKind::Fixed => vec![("status", "fixed".into()), ("status_notes", reason.clone())],
        SuppressionKind::NotAffected if JUSTIFICATIONS.contains(&word) => {
            let mut verdict = vec![("status", "not_affected".into()), ("justification", word.into())];
            if word != reason {
                verdict.push(("status_notes", reason.clone()));
            }
            verdict
        }
        SuppressionKind::NotAffected | SuppressionKind::FalsePositive => {
            vec![("status", "not_affected".into()), ("impact_statement", reason.clone())]
        }
        SuppressionKind::Deferral => vec![
            ("status", "affected".into()),
            ("action_statement", finding.fix.clone()),
            ("status_notes", format!("Deferred by {by}{until}: {reason}")),
        ],
        SuppressionKind::RiskAcceptance => vec![
            ("status", "affected".into()),
            ("action_statement", finding.fix.clone()),
            ("status_notes", format!("Accepted by {by}{until}: {reason}")),
        ],
    }
}

fn purl(reference: &PackageRef, report: &ScanReport) -> String {
    let of = |p: &&gabion_model::Package| {
        p.kind == reference.kind && p.name == reference.name && p.version == reference.version
    };
    report.packages.iter().find(of).map_or_else(
        || {
            let PackageRef { kind, name, version } = reference.clone();
            gabion_model::Package::new(kind, name, version, "").purl(report.os.as_ref())
        },
        |package| package.purl(report.os.as_ref()),
    )
}

/// By the type definition `oci`: the last part of the repository at the digest of the manifest.
fn image_purl(report: &ScanReport) -> Option<String> {
    let ImageIdentity { manifest, .. } = report.target.image.as_ref()?;
    let names = crate::image_names(report);
    let repository =
        names.iter().map(|name| crate::subject::repository(name)).max_by_key(|name| name.len())?;
    let name = repository.rsplit('/').next()?.to_lowercase();
    let mut purl = PackageUrl::new("oci", name).ok()?;
    purl.with_version((*manifest)?.to_string()).ok()?;
    purl.add_qualifier("repository_url", repository.to_lowercase()).ok()?;
    Some(purl.to_string())
}
