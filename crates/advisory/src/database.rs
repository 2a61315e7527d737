//! The database: what all sources say, as one.
//!
//! ```text
//!  feed ─► compile ─► debian.seg ┐
//!  feed ─► compile ─► npm.seg    ├─► Database ─► statements about a package, advisories, what is known of a CVE
//!  feed ─► compile ─► kev.seg    ┘
//! ```
//!
//! A source is one segment. They are asked one after the other; the first that knows of a CVE answers.

mod changes;
mod compile;
mod rows;

#[cfg(test)]
mod tests;

pub use changes::Changes;
pub use compile::{About, CompileError, Compiled, Compiler};
pub use rows::Statement;

use crate::{
    Ecosystem,
    record::{Advisory, Assessment, Exploited, Lifecycle, Likelihood},
    segment::{Segment, SegmentError},
};
use gabion_model::DataSource;
use rows::Table;
use serde::de::DeserializeOwned;
use std::{collections::BTreeMap, path::Path};

/// One source.
#[derive(Debug)]
pub struct Source {
    segment: Segment,
    about: About,
    /// How many statements there are about each release.
    releases: BTreeMap<Ecosystem, BTreeMap<String, u64>>,
}

/// All sources.
#[derive(Debug, Default)]
pub struct Database {
    sources: Vec<Source>,
}

impl Source {
    /// Of an open segment.
    pub fn new(segment: Segment) -> Result<Self, SegmentError> {
        let mut releases: BTreeMap<Ecosystem, BTreeMap<String, u64>> = BTreeMap::new();
        let mut all = segment.rows(Table::Release as u8)?;
        while let Some(row) = all.next_row()? {
            let (number, release) = row.key.split_first().unwrap_or((&0, &[]));
            let release = String::from_utf8_lossy(release).into_owned();
            let count = rows::read(segment.path(), row.value)?;
            releases.entry(Ecosystem::from_number(*number)).or_default().insert(release, count);
        }
        Ok(Self { about: About::read(&segment), releases, segment })
    }

    /// What it is.
    pub const fn about(&self) -> &About {
        &self.about
    }

    /// Its rows.
    pub const fn segment(&self) -> &Segment {
        &self.segment
    }

    /// How many statements it has about each release of each ecosystem.
    pub const fn releases(&self) -> &BTreeMap<Ecosystem, BTreeMap<String, u64>> {
        &self.releases
    }

    /// Calls `each` for every statement about a package in a release, until there is an error.
    pub fn statements(
        &self,
        ecosystem: Ecosystem,
        package: &str,
        release: &str,
        each: &mut dyn FnMut(Statement),
    ) -> Result<(), SegmentError> {
        if !self.releases.get(&ecosystem).is_some_and(|known| known.contains_key(release)) {
            return Ok(());
        }
        let key = rows::statement_key(ecosystem, package, release);
        let mut found = self.segment.get(Table::Statement as u8, &key)?;
        while let Some(row) = found.next_row()? {
            each(rows::read_statement(self.segment.path(), row.key, row.value)?);
        }
        Ok(())
    }

    /// Calls `each` for every statement about a package, whatever the release.
    pub fn package(
        &self,
        ecosystem: Ecosystem,
        package: &str,
        each: &mut dyn FnMut(Statement),
    ) -> Result<(), SegmentError> {
        let prefix = rows::package_prefix(ecosystem, package);
        let mut found = self.segment.prefix(Table::Statement as u8, &prefix)?;
        while let Some(row) = found.next_row()? {
            each(rows::read_statement(self.segment.path(), row.key, row.value)?);
        }
        Ok(())
    }

    /// Calls `each` for every statement there is.
    pub fn every_statement(&self, each: &mut dyn FnMut(Statement)) -> Result<(), SegmentError> {
        let mut found = self.segment.rows(Table::Statement as u8)?;
        while let Some(row) = found.next_row()? {
            each(rows::read_statement(self.segment.path(), row.key, row.value)?);
        }
        Ok(())
    }

    /// An advisory by its id. A feed may tell one several times, once for each package; the first counts.
    pub fn advisory(&self, id: &str) -> Result<Option<Advisory>, SegmentError> {
        self.first(Table::Advisory, id.as_bytes())
    }

    /// Ids of the advisories that have this as another name.
    pub fn named(&self, name: &str) -> Result<Vec<String>, SegmentError> {
        let mut ids = Vec::new();
        let mut found = self.segment.get(Table::Name as u8, name.as_bytes())?;
        while let Some(row) = found.next_row()? {
            ids.push(rows::read(self.segment.path(), row.value)?);
        }
        Ok(ids)
    }

    fn first<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>, SegmentError> {
        let mut found = self.segment.get(table as u8, key)?;
        found.next_row()?.map(|row| rows::read(self.segment.path(), row.value)).transpose()
    }

    fn data_source(&self) -> DataSource {
        let About { name, kind, as_of, records, .. } = self.about.clone();
        DataSource { name, kind, root: self.segment.root(), as_of, records }
    }
}

impl Database {
    /// Of open sources, in the order in which they are to be asked.
    pub const fn new(sources: Vec<Source>) -> Self {
        Self { sources }
    }

    /// Of segment files.
    pub fn open<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Self, SegmentError> {
        let open = |path: P| Source::new(Segment::open(path.as_ref())?);
        paths.into_iter().map(open).collect::<Result<_, _>>().map(Self::new)
    }

    /// Its sources.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Its sources, as a report names them.
    pub fn data_sources(&self) -> Vec<DataSource> {
        self.sources.iter().map(Source::data_source).collect()
    }

    /// How many statements there are about each release of an ecosystem.
    pub fn releases(&self, ecosystem: Ecosystem) -> BTreeMap<&str, u64> {
        let mut all = BTreeMap::new();
        for (release, count) in self.sources.iter().filter_map(|s| s.releases.get(&ecosystem)).flatten() {
            *all.entry(release.as_str()).or_default() += count;
        }
        all
    }

    /// Whether a CVE is known to be exploited.
    pub fn exploited(&self, cve: &str) -> Result<Option<Exploited>, SegmentError> {
        self.known(Table::Exploited, "kev", cve)
    }

    /// How likely a CVE is to be exploited.
    pub fn likelihood(&self, cve: &str) -> Result<Option<Likelihood>, SegmentError> {
        let known: Option<(u32, u32)> = self.known(Table::Likelihood, "epss", cve)?;
        Ok(known.map(|(probability, percentile)| Likelihood { cve: cve.to_owned(), probability, percentile }))
    }

    /// What CISA says of a CVE.
    pub fn assessment(&self, cve: &str) -> Result<Option<Assessment>, SegmentError> {
        self.known(Table::Assessment, "vulnrichment", cve)
    }

    /// How long a release is cared for.
    pub fn lifecycle(&self, product: &str, cycle: &str) -> Result<Option<Lifecycle>, SegmentError> {
        let key = rows::lifecycle_key(product, cycle);
        self.of_kind("endoflife").find_map(|s| s.first(Table::Lifecycle, &key).transpose()).transpose()
    }

    fn known<T: DeserializeOwned>(
        &self,
        table: Table,
        kind: &str,
        cve: &str,
    ) -> Result<Option<T>, SegmentError> {
        self.of_kind(kind).find_map(|s| s.first(table, cve.as_bytes()).transpose()).transpose()
    }

    fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(move |source| source.about.kind.split(',').any(|k| k == kind))
    }
}
