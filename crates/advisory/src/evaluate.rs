//! Packages of a report against the database: which vulnerabilities they have, because of what, and how urgent each is.
//!
//! ```text
//!  packages ─► question   what to ask: by source package, binary package, module; languages by their own name
//!  os ───────► platform   whose advisories, about which release
//!                  │
//!  Database ─► statements ─► judge ─► finding   one for each vulnerability in a package, however many advisories tell it
//!  programs of Go ─────────────► symbols ─┤  is what is vulnerable in them at all?
//!                                        └────► rating   severity, CVSS, KEV, EPSS, SSVC, symbols ─► priority
//!  what could not be asked or judged ─► coverage
//! ```
//!
//! Which ones are one? A finding is a vulnerability (its CVE, where it has one) in one version of the package that the
//! advisories name: all binary packages of a source package are one finding, with a piece of evidence for each.
//! Of several statements about one, those about the package's own minor release count alone ([`stream`]).

mod coverage;
mod finding;
mod lifecycle;
mod platform;
mod question;
mod rating;
mod stream;
mod symbols;

#[cfg(test)]
pub(crate) mod tests;

use crate::{
    Database, Ecosystem,
    database::{Source, Statement},
    judge::Verdict,
    record::{Advisory, Standing},
    segment::SegmentError,
};
pub(crate) use platform::{Platform, covers};
pub(crate) use question::Asked;

use finding::Hit;
use gabion_model::{FindingKind, ScanReport};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
};
use stream::{Stream, Word};

/// Puts the vulnerabilities of its packages into a report, and what could not be told into its coverage. What an earlier
/// evaluation put there goes.
pub fn evaluate(report: &mut ScanReport, database: &Database, now: Timestamp) -> Result<(), SegmentError> {
    report.findings.retain(|finding| finding.kind != FindingKind::Vulnerability);
    let extended =
        report.packages.iter().any(|package| package.kind.is_os() && package.version.contains("+esm"));
    let platform = Platform::of(report.os.as_ref(), extended, &Stream::all(report), database);
    let (questions, passed) = question::all(report, &platform);
    let releases = match &platform {
        Platform::Known { releases, .. } => releases.as_slice(),
        Platform::Unknown(_) => &[],
    };
    let questions: Vec<Question<'_>> = questions.into_iter().collect();
    let mut matching = Matching::new(database, report);
    for (source, statement, asked) in ask_all(database, &questions, releases)? {
        matching.compare(source, &statement, asked)?;
    }
    let (mut findings, mut told) = matching.finish()?;
    told.ended = match &report.os {
        Some(os) => lifecycle::ended(os, database, now)?,
        None => None,
    };
    coverage::tell(report, database, &platform, &passed, &told, now);
    report.database = database.data_sources();
    report.findings.append(&mut findings);
    report.findings.sort_by(|a, b| {
        let priority = |f: &gabion_model::Finding| f.vulnerability.as_ref().map(|v| v.priority.score);
        b.severity
            .cmp(&a.severity)
            .then_with(|| a.kind.cmp(&b.kind))
            .then_with(|| priority(b).cmp(&priority(a)))
            .then_with(|| a.rule.cmp(&b.rule))
            .then_with(|| a.id.cmp(&b.id))
    });
    Ok(())
}

/// What would be asked about the packages of a report.
pub(crate) fn questions<'a>(report: &'a ScanReport, platform: &Platform) -> question::Questions<'a> {
    question::all(report, platform).0
}

/// A name, and who wants to know about it.
type Question<'a> = ((Ecosystem, String), Vec<Asked<'a>>);

/// A statement of a source that says something to those who asked.
type Answer<'q> = (usize, Statement, &'q [Asked<'q>]);

/// Fewer questions are not worth a thread.
const SHARE: usize = 256;

/// Asks every source about every name, on all processors: most of the time goes into unpacking and checking blocks.
fn ask_all<'q>(
    database: &Database,
    questions: &'q [Question<'q>],
    releases: &[String],
) -> Result<Vec<Answer<'q>>, SegmentError> {
    let processors = std::thread::available_parallelism().map_or(1, Into::into).min(8);
    let share = questions.len().div_ceil(processors).max(SHARE);
    std::thread::scope(|scope| {
        let ask = |part: &'q [Question<'q>]| scope.spawn(move || ask(database, part, releases));
        let threads: Vec<_> = questions.chunks(share).map(ask).collect();
        let mut all = Vec::new();
        for thread in threads {
            // It does not panic; if it did, so must this.
            all.append(&mut thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(all)
    })
}

fn ask<'q>(
    database: &Database,
    questions: &'q [Question<'q>],
    releases: &[String],
) -> Result<Vec<Answer<'q>>, SegmentError> {
    let none = [String::new()];
    let mut answers = Vec::new();
    for ((ecosystem, name), asked) in questions {
        let releases = if ecosystem.is_distribution() { releases } else { &none };
        for (index, source) in database.sources().iter().enumerate() {
            for release in releases {
                source.statements(*ecosystem, name, release, &mut |statement| {
                    if says_something(&statement, asked) {
                        answers.push((index, statement, asked.as_slice()));
                    }
                })?;
            }
        }
    }
    Ok(answers)
}

/// Whether a statement is more than that nobody who asked is affected, or overrules others by saying so.
fn says_something(statement: &Statement, asked: &[Asked<'_>]) -> bool {
    let matters = |asked: &Asked<'_>| match stream::compare(&statement.affected, &asked.version) {
        (_, Word::Foreign) | (Verdict::NotAffected, Word::Any) => false,
        _ => asked.is_meant_by(statement),
    };
    statement.standing != Standing::Withdrawn && asked.iter().any(matters)
}

/// What is to be told beside findings.
#[derive(Debug, Default)]
struct Told {
    /// Versions that could not be compared: package and version, advisory, why.
    unknown: BTreeSet<(String, String, String)>,
    /// Vulnerabilities of others that the vendor denies for its own package.
    denied: BTreeSet<(String, String)>,
    /// CVEs that whoever assigned them took back.
    rejected: BTreeSet<String>,
    /// How the release ended, if it did.
    ended: Option<String>,
}

/// A vulnerability in one version of a package that advisories name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Subject {
    id: String,
    ecosystem: Ecosystem,
    package: String,
    version: String,
}

/// Collects what matches.
struct Matching<'a> {
    database: &'a Database,
    report: &'a ScanReport,
    advisories: HashMap<(usize, String), Rc<Advisory>>,
    hits: BTreeMap<Subject, Vec<Hit>>,
    denials: BTreeSet<Subject>,
    /// What is fixed in the stream of the package, and how surely.
    settled: BTreeMap<Subject, Word>,
    told: Told,
}

impl<'a> Matching<'a> {
    fn new(database: &'a Database, report: &'a ScanReport) -> Self {
        Self {
            database,
            report,
            advisories: HashMap::new(),
            hits: BTreeMap::new(),
            denials: BTreeSet::new(),
            settled: BTreeMap::new(),
            told: Told::default(),
        }
    }

    fn compare(
        &mut self,
        index: usize,
        statement: &Statement,
        asked: &[Asked<'_>],
    ) -> Result<(), SegmentError> {
        for asked in asked.iter().filter(|asked| asked.is_meant_by(statement)) {
            let (verdict, word) = stream::compare(&statement.affected, &asked.version);
            match verdict {
                _ if word == Word::Foreign => continue,
                Verdict::NotAffected if word == Word::Any => continue,
                Verdict::Unknown(why) => {
                    let package = format!("{} {}", statement.affected.package, asked.version);
                    self.told.unknown.insert((package, statement.advisory.clone(), why.to_string()));
                    continue;
                }
                Verdict::NotAffected | Verdict::Denied | Verdict::Affected(_) => {}
            }
            let advisory = self.advisory(index, &statement.advisory)?;
            for id in finding::ids(&advisory) {
                let subject = Subject {
                    id,
                    ecosystem: statement.affected.ecosystem,
                    package: statement.affected.package.clone(),
                    version: asked.version.clone().into_owned(),
                };
                match &verdict {
                    Verdict::Denied => _ = self.denials.insert(subject),
                    Verdict::Affected(because) => {
                        let hits = self.hits.entry(subject).or_default();
                        Hit::add(hits, index, &advisory, statement, (because, word), asked.package);
                    }
                    Verdict::NotAffected | Verdict::Unknown(_) => {
                        let known = self.settled.entry(subject).or_insert(word);
                        *known = word.max(*known);
                    }
                }
            }
        }
        Ok(())
    }

    fn advisory(&mut self, index: usize, id: &str) -> Result<Rc<Advisory>, SegmentError> {
        if let Some(known) = self.advisories.get(&(index, id.to_owned())) {
            return Ok(known.clone());
        }
        let found = self.source(index).advisory(id)?;
        // A statement is never without its advisory, unless the advisory was too large to be kept.
        let advisory =
            Rc::new(found.unwrap_or_else(|| Advisory { id: id.to_owned(), ..Advisory::default() }));
        self.advisories.insert((index, id.to_owned()), advisory.clone());
        Ok(advisory)
    }

    fn source(&self, index: usize) -> &'a Source {
        &self.database.sources()[index]
    }

    fn finish(mut self) -> Result<(Vec<gabion_model::Finding>, Told), SegmentError> {
        let mut findings = Vec::new();
        let mut programs = symbols::Unpacked::new(self.report);
        for (subject, mut hits) in std::mem::take(&mut self.hits) {
            let decisive = hits.iter().map(|hit| hit.word).max();
            if self.settled.get(&subject).copied() > decisive {
                continue;
            }
            hits.retain(|hit| Some(hit.word) == decisive);
            if self.denials.contains(&subject) {
                self.told.denied.insert((subject.id, subject.package));
                continue;
            }
            match finding::finding(self.database, &mut programs, &subject, hits)? {
                Some(finding) => findings.push(finding),
                None => {
                    self.told.rejected.insert(subject.id);
                }
            }
        }
        Ok((findings, self.told))
    }
}
