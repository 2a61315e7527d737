//! Reports against the database of vulnerabilities: when they come, and again when the database has changed.

use gabion_advisory::{
    Database,
    database::Source,
    store::{Store, StoreError},
};
use gabion_api::rest::Millis;
use gabion_model::ScanReport;
use gabion_policy::{Owners, names_of};
use gabion_store::state::version_of;
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, RwLock},
};

/// What reports are matched against.
pub(crate) struct Matcher {
    directory: PathBuf,
    /// None: there is no file of owners.
    owners: Option<Arc<Owners>>,
    current: RwLock<Arc<Current>>,
}

/// The database as it is now.
pub(crate) struct Current {
    pub(crate) database: Database,
    /// Which one it is.
    pub(crate) version: String,
    /// Of the file that names its parts, to see that it has changed.
    stamp: Option<Stamp>,
    /// When the oldest of its sources was made.
    pub(crate) as_of: Option<Millis>,
    /// It came with the program, and knows little.
    pub(crate) starter: bool,
}

impl Matcher {
    /// Opens the database, or the starter where there is none.
    pub(crate) fn open(directory: PathBuf, owners: Option<Arc<Owners>>) -> anyhow::Result<Self> {
        let current = load(&directory)?;
        Ok(Self { directory, owners, current: RwLock::new(Arc::new(current)) })
    }

    /// The database as it is now.
    pub(crate) fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Takes the database that is there now, if it is another; the one before is given back.
    pub(crate) fn refresh(&self) -> anyhow::Result<Option<Arc<Current>>> {
        let stamp = stamp(&self.directory);
        let before = self.current();
        if stamp == before.stamp {
            return Ok(None);
        }
        let new = Arc::new(load(&self.directory)?);
        let same = new.version == before.version;
        *self.current.write().unwrap_or_else(std::sync::PoisonError::into_inner) = new;
        Ok((!same).then_some(before))
    }

    /// Finds the vulnerabilities of a report, in place of those that were found before.
    pub(crate) fn evaluate(&self, report: &mut ScanReport, now: Millis) -> anyhow::Result<()> {
        let now = Timestamp::from_millisecond(now)?;
        report.findings.retain(|finding| finding.vulnerability.is_none());
        gabion_advisory::evaluate::evaluate(report, &self.current().database, now)?;
        Ok(())
    }

    /// Who answers for what; none if nobody has said so.
    pub(crate) fn owners(&self) -> Option<&Owners> {
        self.owners.as_deref()
    }

    /// Who answers for an image that runs in these namespaces.
    pub(crate) fn owner(
        &self,
        names: &[String],
        labels: &BTreeMap<String, String>,
        namespaces: &[String],
    ) -> Option<String> {
        let all = names_of(names.iter().map(String::as_str));
        let told = self.owners.as_ref().and_then(|owners| owners.owner_in(&all, labels, namespaces));
        told.map(str::to_owned).or_else(|| {
            let label = ["gabion.owner", "owner", "team"].iter().find_map(|name| labels.get(*name));
            label.filter(|owner| !owner.is_empty()).cloned()
        })
    }
}

/// Number, size and time of a file.
type Stamp = (u64, u64, i64, i64);

fn stamp(directory: &Path) -> Option<Stamp> {
    let meta = fs::metadata(gabion_advisory::store::Current::place(directory)).ok()?;
    Some((meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec()))
}

fn load(directory: &Path) -> anyhow::Result<Current> {
    // Before it is read: a change that comes between is seen the next time.
    let stamp = stamp(directory);
    let (database, starter) = match Store::open(directory) {
        Ok(store) => {
            let sources = store.into_segments().into_iter().map(Source::new).collect::<Result<_, _>>()?;
            (Database::new(sources), false)
        }
        Err(StoreError::Absent(_)) => (gabion_advisory::starter::database()?, true),
        Err(error) => return Err(error.into()),
    };
    let sources = database.data_sources();
    let as_of = sources.iter().filter_map(|source| source.as_of).min().map(Timestamp::as_millisecond);
    Ok(Current { version: version_of(&sources), database, stamp, as_of, starter })
}
