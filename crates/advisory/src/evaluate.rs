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
    database::Statement,
    judge::Verdict,
    record::{Advisory, Standing},
    segment::SegmentError,
};
pub(crate) use finding::ids as rules_of;
pub(crate) use platform::{Platform, covers};
pub(crate) use question::Asked;

use finding::Hit;
use gabion_model::{FindingKind, ScanReport};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
    sync::{Mutex, PoisonError},
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
    let (mut findings, mut told) = match_all(report, database, &questions, releases)?;
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

/// The names under which advisories know what is in a report.
pub fn asked(report: &ScanReport) -> BTreeSet<(Ecosystem, String)> {
    questions(report, &Platform::named(report.os.as_ref())).into_keys().collect()
}

/// What would be asked about the packages of a report.
pub(crate) fn questions<'a>(report: &'a ScanReport, platform: &Platform) -> question::Questions<'a> {
    question::all(report, platform).0
}

/// A name, and who wants to know about it.
type Question<'a> = ((Ecosystem, String), Vec<Asked<'a>>);

/// Names that a thread takes at once; fewer are not worth a thread.
const SHARE: usize = 64;

/// Asks every source about every name, on all processors: what one name leads to does not depend on another.
fn match_all(
    report: &ScanReport,
    database: &Database,
    questions: &[Question<'_>],
    releases: &[String],
) -> Result<(Vec<gabion_model::Finding>, Told), SegmentError> {
    let processors = std::thread::available_parallelism().map_or(1, Into::into).min(8);
    let places = places(database, questions, releases);
    let shares = Mutex::new(questions.chunks(SHARE));
    let work = || {
        let next = || shares.lock().unwrap_or_else(PoisonError::into_inner).next();
        let mut answers = Vec::new();
        while let Some(share) = next() {
            for question in share {
                ask(database, question, &places, &mut answers)?;
            }
        }
        // In the order of their advisories, so that each block of those is unpacked once.
        answers.sort_by(|(a, one, _), (b, other, _)| (a, &one.advisory).cmp(&(b, &other.advisory)));
        let mut matching = Matching::new(database, report);
        for (source, statement, asked) in &answers {
            matching.compare(*source, statement, asked)?;
        }
        matching.finish()
    };
    std::thread::scope(|scope| {
        let helpers = processors.min(questions.len().div_ceil(SHARE)).saturating_sub(1);
        let helpers: Vec<_> = (0..helpers).map(|_| scope.spawn(work)).collect();
        let (mut findings, mut told) = work()?;
        for helper in helpers {
            // It does not panic; if it did, so must this.
            let (more, of_them) = helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            findings.extend(more);
            told.add(of_them);
        }
        Ok((findings, told))
    })
}

/// Which sources say something about which releases of each ecosystem.
type Places<'a> = BTreeMap<Ecosystem, Vec<(usize, &'a str)>>;

fn places<'a>(database: &Database, questions: &[Question<'_>], releases: &'a [String]) -> Places<'a> {
    let mut places = Places::new();
    for ((ecosystem, _), _) in questions {
        places.entry(*ecosystem).or_insert_with(|| {
            let releases: Vec<&str> = if ecosystem.is_distribution() {
                releases.iter().map(String::as_str).collect()
            } else {
                vec![""]
            };
            let mut all = Vec::new();
            for (index, source) in database.sources().iter().enumerate() {
                if let Some(known) = source.releases().get(ecosystem) {
                    let told = releases.iter().filter(|release| known.contains_key(**release));
                    all.extend(told.map(|release| (index, *release)));
                }
            }
            all
        });
    }
    places
}

/// A statement of a source that says something to those who asked.
type Answer<'q> = (usize, Statement, &'q [Asked<'q>]);

/// Asks every source about a name.
fn ask<'q>(
    database: &Database,
    ((ecosystem, name), asked): &'q Question<'q>,
    places: &Places<'_>,
    answers: &mut Vec<Answer<'q>>,
) -> Result<(), SegmentError> {
    for &(index, release) in places.get(ecosystem).into_iter().flatten() {
        database.sources()[index].statements(*ecosystem, name, release, &mut |statement| {
            if says_something(&statement, asked) {
                answers.push((index, statement, asked.as_slice()));
            }
        })?;
    }
    Ok(())
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

impl Told {
    /// What is to be told of packages, from another thread.
    fn add(&mut self, other: Self) {
        self.unknown.extend(other.unknown);
        self.denied.extend(other.denied);
        self.rejected.extend(other.rejected);
    }
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
    /// Of each source, by id.
    advisories: Vec<HashMap<String, Rc<Advisory>>>,
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
            advisories: vec![HashMap::new(); database.sources().len()],
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
        if let Some(known) = self.advisories[index].get(id) {
            return Ok(known.clone());
        }
        let found = self.database.sources()[index].advisory(id)?;
        // A statement is never without its advisory, unless the advisory was too large to be kept.
        let advisory =
            Rc::new(found.unwrap_or_else(|| Advisory { id: id.to_owned(), ..Advisory::default() }));
        self.advisories[index].insert(id.to_owned(), advisory.clone());
        Ok(advisory)
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
