//! A feed while it is read: where one is, what was told, and what it cost so far.

use super::{FeedError, FeedLimits, Kind, Rejected, Sink, text};
use crate::{
    Ecosystem,
    record::{Advisory, Affected, Assessment, Edition, Exploited, Lifecycle, Likelihood, Until},
};
use std::{
    borrow::Cow,
    cell::Cell,
    collections::BTreeSet,
    fmt::{self, Display},
    io::{self, Read},
    path::Path,
    rc::Rc,
};

/// Names that are told as unknown; a hostile feed has no end of them.
const UNKNOWN: usize = 1000;
/// The longest id or name of a package, in bytes.
const NAME: usize = 512;

/// Why a document or a record cannot be read; one short sentence.
#[derive(Debug)]
pub(super) struct Broken(pub(super) Cow<'static, str>);

impl Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&'static str> for Broken {
    fn from(why: &'static str) -> Self {
        Self(why.into())
    }
}

impl From<String> for Broken {
    fn from(why: String) -> Self {
        Self(why.into())
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        error.to_string().into()
    }
}

impl From<serde_json::Error> for Broken {
    fn from(error: serde_json::Error) -> Self {
        error.to_string().into()
    }
}

/// What may still be read.
#[derive(Debug)]
pub(super) struct Budget {
    limits: FeedLimits,
    /// Bytes of the feed that were read.
    total: Cell<u64>,
    /// Bytes read since the current record began; none where records are counted otherwise.
    record: Cell<Option<u64>>,
}

impl Budget {
    /// A record begins.
    pub(super) fn record(&self) {
        self.record.set(Some(0));
    }

    /// What follows is counted by who reads it.
    pub(super) fn no_record(&self) {
        self.record.set(None);
    }

    /// Whether the feed as a whole is too large.
    pub(super) fn exhausted(&self) -> bool {
        self.total.get() > self.limits.total
    }

    /// The longest record, in bytes.
    pub(super) fn longest(&self) -> u64 {
        self.limits.record
    }

    fn spend(&self, bytes: usize) -> io::Result<()> {
        let bytes = bytes as u64;
        self.total.set(self.total.get().saturating_add(bytes));
        if self.exhausted() {
            return Err(io::Error::other("the feed is too large"));
        }
        if let Some(record) = self.record.get() {
            let record = record.saturating_add(bytes);
            self.record.set(Some(record));
            if record > self.limits.record {
                return Err(io::Error::other(too_long(self.limits.record)));
            }
        }
        Ok(())
    }
}

/// What is said of a record beyond the limit.
pub(super) fn too_long(limit: u64) -> String {
    format!("a record holds more than {limit} bytes")
}

/// A reader whose bytes count.
pub(super) struct Metered<R> {
    pub(super) inner: R,
    pub(super) budget: Rc<Budget>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.budget.spend(n)?;
        Ok(n)
    }
}

/// A feed while it is read.
pub(super) struct Reading<'a> {
    sink: &'a mut dyn Sink,
    pub(super) kind: Kind,
    pub(super) budget: Rc<Budget>,
    /// The file, or the member of an archive, that is read.
    pub(super) place: String,
    entries: u64,
    told: u64,
    first: Option<Rejected>,
    unknown: BTreeSet<String>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(kind: Kind, limits: &FeedLimits, sink: &'a mut dyn Sink) -> Self {
        Self {
            sink,
            kind,
            budget: Rc::new(Budget { limits: *limits, total: Cell::new(0), record: Cell::new(None) }),
            place: String::new(),
            entries: 0,
            told: 0,
            first: None,
            unknown: BTreeSet::new(),
        }
    }

    pub(super) fn limits(&self) -> &FeedLimits {
        &self.budget.limits
    }

    /// Counts files, directories and members.
    pub(super) fn entries(&mut self, path: &Path, more: u64) -> Result<(), FeedError> {
        self.entries = self.entries.saturating_add(more);
        if self.entries > self.limits().entries {
            return Err(FeedError::TooLarge {
                path: path.to_owned(),
                what: "files",
                limit: self.limits().entries,
            });
        }
        Ok(())
    }

    /// A document is over, and could not be read to its end.
    pub(super) fn broken(&mut self, path: &Path, alone: bool, why: &Broken) -> Result<(), FeedError> {
        if self.budget.exhausted() {
            return Err(FeedError::TooLarge {
                path: path.to_owned(),
                what: "bytes",
                limit: self.limits().total,
            });
        }
        if alone {
            return Err(FeedError::Document {
                kind: self.kind,
                place: text::line(&self.place),
                why: text::line(&why.0),
            });
        }
        self.reject("", why);
        Ok(())
    }

    /// The feed is over.
    pub(super) fn finish(self, path: &Path) -> Result<(), FeedError> {
        if self.told == 0 {
            return Err(FeedError::Nothing { kind: self.kind, path: path.to_owned(), first: self.first });
        }
        Ok(())
    }

    /// Something cannot be read, and is lost. `record` names it within the document.
    pub(super) fn reject(&mut self, record: &str, why: impl Display) {
        self.complain(record, &why, false);
    }

    /// Something is odd, but kept.
    pub(super) fn note(&mut self, record: &str, why: impl Display) {
        self.complain(record, &why, true);
    }

    fn complain(&mut self, record: &str, why: &dyn Display, kept: bool) {
        let place = if record.is_empty() {
            text::line(&self.place)
        } else {
            text::line(&format!("{}: {record}", self.place))
        };
        let rejected = Rejected { place, why: text::line(&why.to_string()), kept };
        if !kept && self.first.is_none() {
            self.first = Some(rejected.clone());
        }
        self.sink.rejected(rejected);
    }

    /// A distribution or an ecosystem that Gabion does not know: told once.
    pub(super) fn unknown(&mut self, record: &str, name: &str) {
        if self.unknown.len() < UNKNOWN && !self.unknown.contains(name) {
            self.unknown.insert(name.to_owned());
            self.note(
                record,
                format_args!("{name:?} is not known; what is said of it never matches, here and below"),
            );
        }
    }

    pub(super) fn advisory(&mut self, place: &str, mut advisory: Advisory) {
        if !is_name(&advisory.id) {
            return self.reject(place, format_args!("{:?} is no id", text::line(&advisory.id)));
        }
        advisory.affected.retain(|row| {
            let fine = is_name(&row.package);
            if !fine {
                let why = format!("{:?} is no name of a package", text::line(&row.package));
                self.complain(place, &why, false);
            }
            fine
        });
        if let Some((package, why, more)) = unparsable(&advisory.affected) {
            let more = if more == 0 { String::new() } else { format!(", and {more} more") };
            self.note(place, format_args!("{package}: {why}{more}"));
        }
        self.told += 1;
        self.sink.advisory(advisory);
    }

    pub(super) fn exploited(&mut self, exploited: Exploited) {
        self.told += 1;
        self.sink.exploited(exploited);
    }

    pub(super) fn likelihood(&mut self, likelihood: Likelihood) {
        self.told += 1;
        self.sink.likelihood(likelihood);
    }

    pub(super) fn assessment(&mut self, assessment: Assessment) {
        self.told += 1;
        self.sink.assessment(assessment);
    }

    pub(super) fn lifecycle(&mut self, lifecycle: Lifecycle) {
        self.told += 1;
        self.sink.lifecycle(lifecycle);
    }

    /// A document was read that is right, but has nothing to tell: an update that is no security update.
    pub(super) fn nothing(&mut self) {
        self.told += 1;
    }

    pub(super) fn edition(&mut self, edition: Edition) {
        self.sink.edition(edition);
    }
}

/// Something is there, of a sensible length, and on one line.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME && !text.contains(char::is_control)
}

/// The first version that its ecosystem cannot order, what is wrong with it, and how many more there are.
fn unparsable(rows: &[Affected]) -> Option<(&str, String, usize)> {
    let mut first = None;
    let mut more = 0;
    for row in rows {
        let Some(order) = row.ecosystem.order() else {
            continue;
        };
        debug_assert_ne!(row.ecosystem, Ecosystem::Unknown);
        let bounds = row.ranges.iter().flat_map(|range| {
            let until = match &range.until {
                Until::Fixed(version) | Until::LastAffected(version) => Some(version),
                Until::Open => None,
            };
            range.introduced.iter().chain(until)
        });
        for version in bounds.chain(&row.versions) {
            if let Err(error) = order.check(version) {
                match first {
                    None => first = Some((row.package.as_str(), error.to_string())),
                    Some(_) => more += 1,
                }
            }
        }
    }
    first.map(|(package, why)| (package, why, more))
}
