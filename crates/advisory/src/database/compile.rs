//! From a feed to the segment of a source.

use super::rows::{self, Table};
use crate::{
    Ecosystem,
    feed::{self, FeedError, FeedLimits, Kind, Rejected, Sink},
    record::{Advisory, Assessment, Edition, Exploited, Lifecycle, Likelihood},
    segment::{Builder, Oversize, Segment},
};
use gabion_model::Digest;
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
};

/// What is known of a source as a whole, as it stands in its segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Its name: `debian`.
    pub name: String,
    /// The kinds of its feeds, separated by commas.
    pub kind: String,
    /// The newest that it says of itself.
    pub as_of: Option<Timestamp>,
    /// Records of its feeds: advisories, or CVEs.
    pub records: u64,
    /// Why it is not all that there is to know, if it is not.
    pub partial: Option<String>,
}

/// A source that was compiled.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What it is.
    pub about: About,
    /// Names all of it.
    pub root: Digest,
    /// How many records of the feed are wrong.
    pub rejected: u64,
    /// No record says anything of a package, a CVE or a release.
    pub says_nothing: bool,
}

/// Why a source could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The feed.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The segment.
    #[error("cannot write {}", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Collects what feeds say, and writes it as one segment.
pub struct Compiler<'a> {
    builder: Builder,
    releases: BTreeMap<(Ecosystem, String), u64>,
    kinds: BTreeSet<&'static str>,
    records: u64,
    /// Of them, those about a CVE or a release.
    knows: u64,
    as_of: Option<Timestamp>,
    now: Timestamp,
    rejected: u64,
    tell: &'a mut dyn FnMut(&Rejected),
}

impl<'a> Compiler<'a> {
    /// Takes the dictionary of an earlier version of the source. Dates after `now` are slips of a feed, and do not make it
    /// younger. `tell` hears what is wrong in the feeds.
    pub fn new(previous: Option<&Segment>, now: Timestamp, tell: &'a mut dyn FnMut(&Rejected)) -> Self {
        Self {
            builder: Builder::new(previous),
            releases: BTreeMap::new(),
            kinds: BTreeSet::new(),
            records: 0,
            knows: 0,
            as_of: None,
            now,
            rejected: 0,
            tell,
        }
    }

    /// Reads a feed.
    pub fn import(&mut self, kind: Kind, path: &Path, limits: &FeedLimits) -> Result<(), CompileError> {
        self.kinds.insert(kind.name());
        Ok(feed::import(kind, path, limits, self)?)
    }

    /// Reads a feed that is in memory.
    pub fn import_bytes(
        &mut self,
        kind: Kind,
        name: &str,
        bytes: &[u8],
        limits: &FeedLimits,
    ) -> Result<(), CompileError> {
        self.kinds.insert(kind.name());
        Ok(feed::import_bytes(kind, name, bytes, limits, self)?)
    }

    /// Writes the segment.
    pub fn finish(
        mut self,
        name: &str,
        partial: Option<&str>,
        path: &Path,
    ) -> Result<Compiled, CompileError> {
        let says_nothing = self.releases.is_empty() && self.knows == 0;
        for ((ecosystem, release), count) in std::mem::take(&mut self.releases) {
            self.push(
                Table::Release,
                &rows::release_key(ecosystem, &release),
                &rows::write(&count),
                &release,
            );
        }
        let kinds: Vec<_> = self.kinds.iter().copied().collect();
        let about = About {
            name: name.to_owned(),
            kind: kinds.join(","),
            as_of: self.as_of,
            records: self.records,
            partial: partial.map(str::to_owned),
        };
        about.write(&mut self.builder);
        let rejected = self.rejected;
        let root = self
            .builder
            .finish(path)
            .map_err(|source| CompileError::Write { path: path.to_owned(), source })?;
        Ok(Compiled { about, root, rejected, says_nothing })
    }

    fn push(&mut self, table: Table, key: &[u8], value: &[u8], id: &str) {
        if let Err(oversize) = self.builder.push(table as u8, key, value) {
            self.refuse(id, &oversize);
        }
    }

    fn refuse(&mut self, id: &str, why: &Oversize) {
        self.rejected(Rejected { place: id.to_owned(), why: why.to_string(), kept: false });
    }

    /// The newest date counts.
    fn dated(&mut self, time: Option<Timestamp>) {
        self.as_of = self.as_of.max(time.filter(|time| *time <= self.now));
    }
}

impl Sink for Compiler<'_> {
    fn advisory(&mut self, advisory: Advisory) {
        self.records += 1;
        self.dated(advisory.modified.or(advisory.published));
        for affected in &advisory.affected {
            match rows::write_statement(&advisory, affected) {
                Some((key, value)) => {
                    self.push(Table::Statement, &key, &value, &advisory.id);
                    *self.releases.entry((affected.ecosystem, affected.release.clone())).or_default() += 1;
                }
                None => self.rejected(Rejected {
                    place: advisory.id.clone(),
                    why: "the name of a package holds a NUL".into(),
                    kept: false,
                }),
            }
        }
        for name in advisory.aliases.iter().chain(&advisory.upstream) {
            self.push(Table::Name, name.as_bytes(), &rows::write(&advisory.id), &advisory.id);
        }
        let alone = Advisory { affected: Vec::new(), ..advisory };
        self.push(Table::Advisory, alone.id.as_bytes(), &rows::write(&alone), &alone.id);
    }

    fn exploited(&mut self, exploited: Exploited) {
        self.records += 1;
        self.knows += 1;
        self.dated(exploited.added.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|day| day.timestamp()));
        self.push(Table::Exploited, exploited.cve.as_bytes(), &rows::write(&exploited), &exploited.cve);
    }

    fn likelihood(&mut self, likelihood: Likelihood) {
        self.records += 1;
        self.knows += 1;
        let value = rows::write(&(likelihood.probability, likelihood.percentile));
        self.push(Table::Likelihood, likelihood.cve.as_bytes(), &value, &likelihood.cve);
    }

    fn assessment(&mut self, assessment: Assessment) {
        self.records += 1;
        self.knows += 1;
        self.push(Table::Assessment, assessment.cve.as_bytes(), &rows::write(&assessment), &assessment.cve);
    }

    fn lifecycle(&mut self, lifecycle: Lifecycle) {
        self.records += 1;
        self.knows += 1;
        let key = rows::lifecycle_key(&lifecycle.product, &lifecycle.cycle);
        self.push(Table::Lifecycle, &key, &rows::write(&lifecycle), &lifecycle.product);
    }

    fn edition(&mut self, edition: Edition) {
        self.dated(edition.made);
    }

    fn rejected(&mut self, rejected: Rejected) {
        self.rejected += 1;
        (self.tell)(&rejected);
    }
}

impl About {
    fn write(&self, builder: &mut Builder) {
        builder.meta("name", &self.name).meta("kind", &self.kind);
        builder.meta("records", &self.records.to_string());
        if let Some(time) = self.as_of {
            builder.meta("as-of", &time.to_string());
        }
        if let Some(why) = &self.partial {
            builder.meta("partial", why);
        }
    }

    /// What a segment says of itself.
    pub(super) fn read(segment: &Segment) -> Self {
        let meta = segment.meta();
        let text = |name: &str| meta.get(name).cloned().unwrap_or_default();
        Self {
            name: text("name"),
            kind: text("kind"),
            as_of: meta.get("as-of").and_then(|time| time.parse().ok()),
            records: text("records").parse().unwrap_or_default(),
            partial: meta.get("partial").cloned(),
        }
    }
}
