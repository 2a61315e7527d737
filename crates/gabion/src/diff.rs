//! `gabion diff`: what changed between two images.
//!
//! Both are scanned (or taken from the cache), then compared by what matters to whoever must decide whether
//! the new one may ship: packages, configuration, secrets, findings, and the files that can run or that run
//! with more rights than their caller.

use crate::{
    cli::{DiffArgs, DiffFormat},
    output, scan,
};
use gabion_model::{
    FileIndex, FileKind, Finding, FindingKind, ImageConfig, Package, ScanReport, path::display,
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    process::ExitCode,
};

/// The difference between two scans.
#[derive(Debug, Default, Serialize)]
struct Diff {
    schema_version: &'static str,
    old: String,
    new: String,
    packages: Vec<PackageChange>,
    configuration: Vec<ConfigChange>,
    findings: Vec<FindingChange>,
    files: Vec<FileChange>,
    /// Bytes of all files, old and new.
    size: (u64, u64),
    /// Aspects that are not fully covered on either side: there, no difference is no proof of equality.
    not_comparable: Vec<String>,
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

#[derive(Debug, Serialize)]
struct FileChange {
    change: Change,
    path: String,
    /// What about it matters: `program`, `setuid`, `capabilities`, `mode`, `owner`.
    what: Vec<&'static str>,
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
    let cache = scan::usable_cache(&args.common)?;
    let old = scan::one(&args.old, &args.common, cache.as_ref(), true, true)?;
    let new = scan::one(&args.new, &args.common, cache.as_ref(), true, true)?;
    let index = |index: Option<FileIndex>| index.unwrap_or_default();
    let diff = compare(&old.report, &index(old.index), &new.report, &index(new.index));
    match args.format {
        DiffFormat::Json => output::line(&serde_json::to_string_pretty(&diff)?)?,
        DiffFormat::Table => output::line(diff.table(output::color(args.common.color)).trim_end())?,
    }
    Ok(if args.exit_code && !diff.is_empty() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn compare(old: &ScanReport, old_tree: &FileIndex, new: &ScanReport, new_tree: &FileIndex) -> Diff {
    let mut not_comparable: Vec<String> = [old, new]
        .iter()
        .flat_map(|r| r.coverage.iter())
        .filter(|(aspect, status)| !status.is_full() && aspect.as_str() != "vulnerabilities")
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
        findings: findings(&old.findings, &new.findings),
        files: files(old_tree, new_tree),
        size: (old.files.bytes, new.files.bytes),
        not_comparable,
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
    let all = findings.iter().flat_map(|f| f.evidence.iter().map(move |e| (f, e)));
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

fn files(old: &FileIndex, new: &FileIndex) -> Vec<FileChange> {
    let mut all = Vec::new();
    let privileged = |tree: &FileIndex, id: u32| {
        let mut what = Vec::new();
        if tree.entry(id).is_setid() {
            what.push("setuid");
        }
        if tree.capabilities(id).is_some() {
            what.push("capabilities");
        }
        what
    };
    let of_interest = |tree: &FileIndex, id: u32| {
        let mut what = privileged(tree, id);
        if tree.digest(id).is_some() {
            what.push("program");
        }
        what
    };
    let is_file =
        |tree: &FileIndex, id: u32| matches!(tree.entry(id).kind, FileKind::File | FileKind::Hardlink);
    for id in new.ids().filter(|&id| is_file(new, id)) {
        let path = new.path(id);
        let what = of_interest(new, id);
        let (change, what) = match old.find(&path) {
            None if what.is_empty() => continue,
            None => (Change::Added, what),
            Some(before) => {
                let mut differs = Vec::new();
                let (a, b) = (old.entry(before), new.entry(id));
                if old.digest(before) != new.digest(id) {
                    differs.push("program");
                }
                if privileged(old, before) != privileged(new, id) {
                    differs.extend(if what.contains(&"capabilities") {
                        ["capabilities"]
                    } else {
                        ["setuid"]
                    });
                }
                if !what.is_empty() && a.mode != b.mode {
                    differs.push("mode");
                }
                if !what.is_empty() && (a.uid, a.gid) != (b.uid, b.gid) {
                    differs.push("owner");
                }
                if differs.is_empty() {
                    continue;
                }
                (Change::Changed, differs)
            }
        };
        all.push(FileChange { change, path: display(&path).into_owned(), what });
    }
    for id in old.ids().filter(|&id| is_file(old, id)) {
        let path = old.path(id);
        let what = of_interest(old, id);
        if !what.is_empty() && new.find(&path).is_none() {
            all.push(FileChange { change: Change::Removed, path: display(&path).into_owned(), what });
        }
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

impl Diff {
    fn is_empty(&self) -> bool {
        self.packages.is_empty()
            && self.configuration.is_empty()
            && self.findings.is_empty()
            && self.files.is_empty()
    }

    /// The table for people. Everything that comes from an image was made printable when it was read, but
    /// configuration values, which are escaped here.
    fn table(&self, color: bool) -> String {
        let paint = |sign: char, text: String| match (color, sign) {
            (true, '+') => format!("\x1b[32m{text}\x1b[0m"),
            (true, '-') => format!("\x1b[31m{text}\x1b[0m"),
            (true, '~') => format!("\x1b[33m{text}\x1b[0m"),
            _ => text,
        };
        let mut out = String::new();
        // Writing to a String cannot fail.
        let mut line = |text: String| {
            let _ = writeln!(out, "{text}");
        };
        line(paint('-', format!("- {}", shown(&self.old))));
        line(paint('+', format!("+ {}", shown(&self.new))));
        if self.is_empty() {
            line("\nNo difference in packages, configuration, findings and programs.".into());
        }
        if !self.packages.is_empty() {
            line(format!("\nPackages ({})", self.packages.len()));
        }
        for p in &self.packages {
            let (sign, versions) = match (&p.old[..], &p.new[..]) {
                ([], new) => ('+', new.join(", ")),
                (old, []) => ('-', old.join(", ")),
                (old, new) => ('~', format!("{} → {}", old.join(", "), new.join(", "))),
            };
            line(paint(sign, format!("  {sign} {:<9} {} {}", p.kind, shown(&p.name), shown(&versions))));
        }
        if !self.configuration.is_empty() {
            line(format!("\nConfiguration ({})", self.configuration.len()));
        }
        for c in &self.configuration {
            line(paint('~', format!("  ~ {}: {} → {}", shown(&c.field), or_none(&c.old), or_none(&c.new))));
        }
        if !self.findings.is_empty() {
            line(format!("\nFindings ({})", self.findings.len()));
        }
        for f in &self.findings {
            let sign = f.change.sign();
            line(paint(
                sign,
                format!("  {sign} {:<8} {} {} ({})", f.severity, f.rule, f.title, shown(&f.place)),
            ));
        }
        if !self.files.is_empty() {
            line(format!("\nPrograms and privileged files ({})", self.files.len()));
        }
        for f in &self.files {
            let sign = f.change.sign();
            line(paint(sign, format!("  {sign} {} ({})", f.path, f.what.join(", "))));
        }
        let (old, new) = self.size;
        line(format!("\nSize {} → {}", indicatif::HumanBytes(old), indicatif::HumanBytes(new)));
        if !self.not_comparable.is_empty() {
            line(format!("Not fully comparable: {}", self.not_comparable.join(", ")));
        }
        out
    }
}

fn shown(text: &str) -> std::borrow::Cow<'_, str> {
    display(text.as_bytes())
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "(none)".to_owned() } else { shown(text).into_owned() }
}
