//! `gabion diff`: what changed between two images.
//!
//! Both are scanned (or taken from the cache) and matched by the same database, then compared by what matters to whoever must
//! decide whether the new one may ship: vulnerabilities, packages, configuration, secrets, findings, and the files that can run
//! or that run with more rights than their caller. Gates are asked of what is new only.

mod files;
mod table;
mod vulnerabilities;

use crate::{
    cli::{DiffArgs, DiffFormat},
    clock, db, output, scan,
    verdict::Verdict,
};
use files::FileChange;
use gabion_model::{FileIndex, Finding, FindingKind, ImageConfig, Package, ScanReport};
use gabion_policy::Gate;
use gabion_report::GateResult;
use jiff::Timestamp;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
};
use vulnerabilities::Vulnerabilities;

/// The difference between two scans.
#[derive(Debug, Default, Serialize)]
struct Diff {
    schema_version: &'static str,
    old: String,
    new: String,
    packages: Vec<PackageChange>,
    configuration: Vec<ConfigChange>,
    vulnerabilities: Vulnerabilities,
    findings: Vec<FindingChange>,
    files: Vec<FileChange>,
    /// Bytes of all files, old and new.
    size: (u64, u64),
    /// Aspects that are not fully covered on either side: there, no difference is no proof of equality.
    not_comparable: Vec<String>,
    /// What `--fail-on` says of what is new.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gates: Vec<GateResult>,
}

#[derive(Debug, Serialize)]
struct PackageChange {
    kind: &'static str,
    name: String,
    old: Vec<String>,
    new: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ConfigChange {
    field: String,
    old: String,
    new: String,
}

#[derive(Debug, Serialize)]
struct FindingChange {
    change: Change,
    kind: FindingKind,
    severity: gabion_model::Severity,
    rule: String,
    title: String,
    place: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Change {
    Added,
    Removed,
    Changed,
}

impl Change {
    const fn sign(self) -> char {
        match self {
            Self::Added => '+',
            Self::Removed => '-',
            Self::Changed => '~',
        }
    }
}

pub(crate) fn run(args: &DiffArgs) -> anyhow::Result<ExitCode> {
    let verdict = Verdict::of_what_is_new(&args.fail_on, &args.counts)?;
    let now = clock::now()?;
    let cache = scan::usable_cache(&args.common)?;
    let mut old = scan::one(&args.old, &args.common, cache.as_ref(), true, true)?;
    let mut new = scan::one(&args.new, &args.common, cache.as_ref(), true, true)?;
    // Both by the same database, on the same day.
    let db = args.db.as_deref().or(verdict.db.as_deref());
    let database = db::for_scan(db)?;
    for report in [&mut old.report, &mut new.report] {
        if let Some(database) = &database {
            gabion_advisory::evaluate::evaluate(report, database, now)?;
        }
        verdict.suppress(report, now, true);
    }
    verdict.tell_expired(now);
    let gates = gates(&verdict, &old.report, &new.report, now);
    for report in [&mut old.report, &mut new.report] {
        if let Some(left) = verdict.filtered(report) {
            *report = left;
        }
    }
    let index = |index: Option<FileIndex>| index.unwrap_or_default();
    let diff = Diff { gates, ..compare(&old.report, &index(old.index), &new.report, &index(new.index)) };
    match args.format {
        DiffFormat::Json => output::line(&serde_json::to_string_pretty(&diff)?)?,
        DiffFormat::Table => output::line(diff.table(output::color(args.common.color)).trim_end())?,
    }
    for gate in diff.gates.iter().filter(|gate| !gate.passed) {
        output::note(&format!("gate failed: new {}: {}", gate.gate, gate.detail));
    }
    let failed = diff.gates.iter().any(|gate| !gate.passed);
    Ok(if failed || args.exit_code && !diff.is_empty() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// The gates, for what the new image has and the old one has not.
fn gates(verdict: &Verdict, old: &ScanReport, new: &ScanReport, now: Timestamp) -> Vec<GateResult> {
    let added = ScanReport { findings: vulnerabilities::only_new(old, new), ..new.clone() };
    let before = verdict.results(old, now);
    let new_to_it = |(was, is): (&GateResult, GateResult)| {
        // The end of a distribution is no finding: it is new if the other image's has not ended.
        let as_before = is.gate == Gate::Eol.to_string() && !is.passed && *was == is;
        let detail = if as_before { format!("as before: {}", is.detail) } else { is.detail };
        GateResult { passed: is.passed || as_before, detail, gate: is.gate }
    };
    before.iter().zip(verdict.results(&added, now)).map(new_to_it).collect()
}

fn compare(old: &ScanReport, old_tree: &FileIndex, new: &ScanReport, new_tree: &FileIndex) -> Diff {
    let mut not_comparable: Vec<String> = [old, new]
        .iter()
        .flat_map(|r| r.coverage.iter())
        .filter(|(_, status)| !status.is_full())
        .map(|(aspect, status)| format!("{aspect} ({})", status.word()))
        .collect();
    not_comparable.sort();
    not_comparable.dedup();
    Diff {
        schema_version: "1.0",
        old: format!("{}:{}", old.target.source, old.target.reference),
        new: format!("{}:{}", new.target.source, new.target.reference),
        packages: packages(&old.packages, &new.packages),
        configuration: configuration(old, new),
        vulnerabilities: vulnerabilities::compare(old, new),
        findings: findings(&old.findings, &new.findings),
        files: files::files(old_tree, new_tree),
        size: (old.files.bytes, new.files.bytes),
        not_comparable,
        gates: Vec::new(),
    }
}

fn packages(old: &[Package], new: &[Package]) -> Vec<PackageChange> {
    type Versions<'a> = (BTreeSet<&'a str>, BTreeSet<&'a str>);
    let mut all: BTreeMap<_, Versions<'_>> = BTreeMap::new();
    for package in old {
        all.entry((package.kind, &package.name)).or_default().0.insert(&package.version);
    }
    for package in new {
        all.entry((package.kind, &package.name)).or_default().1.insert(&package.version);
    }
    let only = |a: &BTreeSet<&str>, b: &BTreeSet<&str>| a.difference(b).map(|v| (*v).to_owned()).collect();
    all.into_iter()
        .filter(|(_, (old, new))| old != new)
        .map(|((kind, name), (old, new))| PackageChange {
            kind: kind.as_str(),
            name: name.clone(),
            old: only(&old, &new),
            new: only(&new, &old),
        })
        .collect()
}

fn configuration(old: &ScanReport, new: &ScanReport) -> Vec<ConfigChange> {
    let fields = |report: &ScanReport| -> BTreeMap<String, String> {
        let mut fields = BTreeMap::new();
        if let Some(os) = &report.os {
            fields.insert("os".into(), os.name.clone());
        }
        let Some(config) = &report.config else {
            return fields;
        };
        let ImageConfig {
            user,
            entrypoint,
            cmd,
            working_dir,
            env_names,
            exposed_ports,
            volumes,
            labels,
            healthcheck,
            created: _,
        } = config;
        let sorted = |list: &[String]| {
            list.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
        };
        fields.insert("user".into(), if user.is_empty() { "root (none set)".into() } else { user.clone() });
        fields.insert("entrypoint".into(), format!("{entrypoint:?}"));
        fields.insert("cmd".into(), format!("{cmd:?}"));
        fields.insert("workdir".into(), working_dir.clone());
        fields.insert("environment".into(), sorted(env_names));
        fields.insert("ports".into(), sorted(exposed_ports));
        fields.insert("volumes".into(), sorted(volumes));
        fields.insert("healthcheck".into(), healthcheck.to_string());
        fields.extend(labels.iter().map(|(name, value)| (format!("label {name}"), value.clone())));
        fields
    };
    let (old, new) = (fields(old), fields(new));
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let value = |map: &BTreeMap<String, String>, name: &String| map.get(name).cloned().unwrap_or_default();
    names
        .into_iter()
        .map(|name| ConfigChange { field: name.clone(), old: value(&old, name), new: value(&new, name) })
        .filter(|change| change.old != change.new)
        .collect()
}

/// Kind, rule and place of each piece of evidence.
type Places = BTreeMap<(FindingKind, String, String), (gabion_model::Severity, String)>;

fn places(findings: &[Finding]) -> Places {
    let others = findings.iter().filter(|finding| finding.kind != FindingKind::Vulnerability);
    let all = others.flat_map(|f| f.evidence.iter().map(move |e| (f, e)));
    all.map(|(f, e)| ((f.kind, f.rule.clone(), e.place.clone()), (f.severity, f.title.clone()))).collect()
}

fn findings(old: &[Finding], new: &[Finding]) -> Vec<FindingChange> {
    // One line for each piece of evidence: a tenth setuid file is news even if there were nine.
    let (old, new) = (places(old), places(new));
    let only = |a: &Places, b: &Places, change| -> Vec<FindingChange> {
        let fresh = a.iter().filter(|(key, _)| !b.contains_key(*key));
        fresh
            .map(|((kind, rule, place), (severity, title))| FindingChange {
                change,
                kind: *kind,
                severity: *severity,
                rule: rule.clone(),
                title: title.clone(),
                place: place.clone(),
            })
            .collect()
    };
    let mut all = only(&new, &old, Change::Added);
    all.extend(only(&old, &new, Change::Removed));
    all.sort_by(|a, b| (b.severity, &a.rule, &a.place).cmp(&(a.severity, &b.rule, &b.place)));
    all
}

impl Diff {
    fn is_empty(&self) -> bool {
        self.packages.is_empty()
            && self.configuration.is_empty()
            && self.vulnerabilities.is_empty()
            && self.findings.is_empty()
            && self.files.is_empty()
    }
}
