//! Checks of the CIS Docker Benchmark 1.6, section 4 (images), and of its neighbourhood.
//!
//! ```text
//!  Input ─┬─► config     who it runs as, what it exposes, what its environment says
//!         ├─► history    what the build steps did                    (step, shell: read them; managers: of packages)
//!         ├─► files      set-ID bits, permissions, keys, caches      (capability: names what they grant)
//!         ├─► programs   shells, package managers, compilers, servers
//!         └─► accounts   passwords, second superusers
//! ```
//!
//! A rule gives at most one finding, and each place that breaks it is one piece of evidence. `CIS-DI-4.x`
//! is the number in the benchmark; `GABION-IMG-nnn` is ours, for what the benchmark leaves out. Sections
//! 4.2 (trusted base images) and 4.5 (content trust) cannot be seen in an image, 4.4 only as its age.
//!
//! Evidence never shows a value that could be a secret: of a command it quotes the program and the words
//! that break the rule, of a variable the name.

mod accounts;
mod capability;
mod config;
mod files;
mod history;
mod managers;
mod programs;
mod shell;
mod step;

use crate::{facts::Account, manifest::Config};
use gabion_model::{Digest, Evidence, FileIndex, Finding, FindingKind, Package, Severity, path};
use sha2::{Digest as _, Sha256};

/// What the checks look at.
#[derive(Debug)]
pub struct Input<'a> {
    /// The configuration, absent for a directory: then only the checks of the file system apply.
    pub config: Option<&'a Config>,
    /// Names the image was given (`nginx:latest`); empty if unknown.
    pub tags: &'a [String],
    /// The final file system; `FileEntry::layer` is the layer of each file.
    pub tree: &'a FileIndex,
    /// Accounts, each with the path of the file that holds them.
    pub accounts: &'a [(String, Vec<Account>)],
    /// Packages found.
    pub packages: &'a [Package],
    /// The time of the scan.
    pub now: jiff::Timestamp,
}

/// All departures from the benchmark, worst first, then by rule.
pub fn check(input: &Input<'_>) -> Vec<Finding> {
    let mut report = Report::new(input);
    config::check(&mut report);
    history::check(&mut report);
    files::check(&mut report);
    programs::check(&mut report);
    accounts::check(&mut report);
    let mut findings = report.findings;
    findings.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.rule.cmp(&b.rule)));
    findings
}

/// All rules, by id: for reports that list rules apart from findings, and for the documentation.
pub fn rules() -> Vec<&'static Rule> {
    let mut all = [config::RULES, history::RULES, files::RULES, programs::RULES, accounts::RULES].concat();
    all.sort_by_key(|rule| rule.id);
    all
}

/// One thing that is checked.
#[derive(Debug)]
pub struct Rule {
    /// `CIS-DI-4.1`, `GABION-IMG-002`. Never given to another rule.
    pub id: &'static str,
    /// One line, sentence case, no final stop.
    pub title: &'static str,
    /// How much it matters, unless what was found weighs more or less.
    pub severity: Severity,
    /// What to do about it, with the line to write.
    pub fix: &'static str,
}

/// More places than this are counted, not listed.
const MAX_EVIDENCE: usize = 1000;

/// Numbers of the files that break a rule: the first [`MAX_EVIDENCE`] in the order of the tree, which is the
/// same in every scan, and how many more there are.
#[derive(Default)]
struct Hits {
    ids: Vec<u32>,
    more: usize,
}

impl Hits {
    fn push(&mut self, id: u32) {
        if self.ids.len() < MAX_EVIDENCE {
            self.ids.push(id);
        } else {
            self.more += 1;
        }
    }
}

/// Collects findings, and knows where evidence lies.
struct Report<'a> {
    input: &'a Input<'a>,
    /// The layer that each line of the history made.
    layer_of_step: Vec<Option<u32>>,
    findings: Vec<Finding>,
}

impl<'a> Report<'a> {
    fn new(input: &'a Input<'a>) -> Self {
        let mut layer_of_step = Vec::new();
        if let Some(config) = input.config {
            layer_of_step.resize(config.history.len(), None);
            for (layer, step) in (0u32..).zip(config.layer_history()) {
                if let Some(slot) = step.and_then(|step| layer_of_step.get_mut(step)) {
                    *slot = Some(layer);
                }
            }
        }
        Self { input, layer_of_step, findings: Vec::new() }
    }

    /// Reports a rule, if there is evidence.
    fn add(&mut self, rule: &Rule, evidence: Vec<Evidence>) {
        self.add_as(rule, rule.severity, evidence, 0);
    }

    /// Reports a rule broken by files, sorted by path.
    fn add_files(&mut self, rule: &Rule, severity: Severity, hits: &Hits, detail: impl Fn(u32) -> String) {
        let mut evidence: Vec<_> = hits.ids.iter().map(|&id| self.at_file(id, detail(id))).collect();
        evidence.sort();
        self.add_as(rule, severity, evidence, hits.more);
    }

    fn add_as(&mut self, rule: &Rule, severity: Severity, mut evidence: Vec<Evidence>, more: usize) {
        if evidence.is_empty() {
            return;
        }
        let more = more + evidence.len().saturating_sub(MAX_EVIDENCE);
        let id = {
            // The number of a history line changes with any line before it; what it says does not.
            let mut parts: Vec<&str> = evidence
                .iter()
                .map(|e| if e.place.starts_with("history:") { e.detail.as_str() } else { e.place.as_str() })
                .collect();
            let count = more.to_string();
            parts.push(&count);
            let sha256 = |bytes: &[u8]| Digest::sha256(Sha256::digest(bytes).into());
            Finding::stable_id(sha256, FindingKind::Misconfiguration, rule.id, &parts)
        };
        evidence.truncate(MAX_EVIDENCE);
        if let Some(last) = evidence.last_mut().filter(|_| more > 0) {
            last.detail = format!("{} (and {more} more places)", last.detail);
        }
        self.findings.push(Finding {
            id,
            kind: FindingKind::Misconfiguration,
            rule: rule.id.to_owned(),
            title: rule.title.to_owned(),
            severity,
            evidence,
            fix: rule.fix.to_owned(),
            vulnerability: None,
            suppressed: None,
        });
    }

    /// A file of the tree. A directory that was scanned has no layers.
    fn at_file(&self, id: u32, detail: impl Into<String>) -> Evidence {
        let entry = self.input.tree.entry(id);
        let owner = self.input.packages.get(entry.package as usize);
        Evidence {
            place: path::display(&self.input.tree.path(id)).into_owned(),
            layer: self.input.config.map(|_| u32::from(entry.layer)),
            detail: detail.into(),
            package: owner.map(Package::reference),
            ..Evidence::default()
        }
    }

    /// A line of the history, counted from 0.
    fn at_step(&self, step: usize, detail: impl Into<String>) -> Evidence {
        Evidence {
            layer: self.layer_of_step.get(step).copied().flatten(),
            ..at(format!("history:{step}"), detail)
        }
    }
}

/// A place that belongs to no layer.
fn at(place: impl Into<String>, detail: impl Into<String>) -> Evidence {
    Evidence { place: place.into(), detail: detail.into(), ..Evidence::default() }
}

/// Text of the image on its way into evidence: printable, one line, not long.
fn quote(text: &str) -> String {
    const LONGEST: usize = 100;
    let clean: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST + 1).collect();
    match clean.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean,
    }
}

#[cfg(test)]
mod tests;
