//! Secrets: in the files of every layer, visible or not, and in the configuration.

use super::Told;
use crate::{
    facts::{Fact, SecretMatch},
    manifest::Config,
    secret::{self, TextScan},
};
use gabion_model::{Digest, Evidence, FileIndex, Finding, FindingKind, Package, Severity, path::display};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};

pub(super) fn in_files(told: &[Told], tree: &FileIndex, packages: &[Package]) -> Vec<Finding> {
    let mut findings: BTreeMap<String, Finding> = BTreeMap::new();
    // From the top, so that a secret still visible is told as such, and the same one below only once.
    for (number, layer) in told.iter().enumerate().rev() {
        for (path, facts) in &layer.facts {
            let secrets = facts.iter().filter_map(|f| if let Fact::Secret(s) = f { Some(s) } else { None });
            for secret in secrets {
                let visible = tree.find(path).filter(|&id| usize::from(tree.entry(id).layer) == number);
                // What a distribution publishes is no secret, unless a later layer changed the file.
                let package = visible
                    .and_then(|id| packages.get(tree.entry(id).package as usize))
                    .filter(|p| p.kind.is_os() && p.layer.is_none_or(|l| l as usize == number));
                let evidence = Evidence {
                    place: display(path).into_owned(),
                    line: (secret.line > 0).then_some(secret.line),
                    layer: Some(number as u32),
                    detail: secret.excerpt.clone(),
                    package: package.map(Package::reference),
                    removed: visible.is_none(),
                };
                let finding = secret_finding(secret, evidence);
                match findings.get_mut(&finding.id) {
                    Some(known) if known.evidence[0].layer == finding.evidence[0].layer => {
                        known.evidence.extend(finding.evidence);
                        known.evidence.sort();
                    }
                    Some(_) => {}
                    None => _ = findings.insert(finding.id.clone(), finding),
                }
            }
        }
    }
    findings.into_values().collect()
}

pub(super) fn in_config(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut tell = |place: String, layer: Option<usize>, secrets: Vec<SecretMatch>| {
        for secret in secrets {
            let evidence = Evidence {
                place: place.clone(),
                layer: layer.map(|l| l as u32),
                detail: secret.excerpt.clone(),
                ..Evidence::default()
            };
            findings.push(secret_finding(&secret, evidence));
        }
    };
    for (name, value) in &config.env {
        tell(format!("env:{name}"), None, secret::scan_value(name, value));
    }
    for (name, value) in &config.labels {
        tell(format!("label:{name}"), None, secret::scan_value(name, value));
    }
    let layer_of: HashMap<usize, usize> = config
        .layer_history()
        .into_iter()
        .enumerate()
        .filter_map(|(layer, line)| Some((line?, layer)))
        .collect();
    for (number, line) in config.history.iter().enumerate() {
        let mut scan = TextScan::new(b"history");
        scan.feed(line.created_by.as_bytes());
        tell(format!("history:{number}"), layer_of.get(&number).copied(), scan.finish().matches);
    }
    findings.sort_by(|a, b| a.id.cmp(&b.id));
    findings.dedup_by(|a, b| a.id == b.id);
    findings
}

fn secret_finding(secret: &SecretMatch, evidence: Evidence) -> Finding {
    let about = secret::describe(&secret.rule);
    let severity = if evidence.package.is_some() { Severity::Info } else { about.severity };
    Finding {
        id: Finding::stable_id(
            |bytes| Digest::sha256(Sha256::digest(bytes).into()),
            FindingKind::Secret,
            &secret.rule,
            &[&evidence.place, &secret.fingerprint],
        ),
        kind: FindingKind::Secret,
        rule: secret.rule.clone(),
        title: about.title.to_owned(),
        severity,
        evidence: vec![evidence],
        fix: about.fix.to_owned(),
        vulnerability: None,
        suppressed: None,
    }
}
