//! Reports against the database of vulnerabilities: when they come, and again when the database has changed.

use gabion_advisory::{
    Database,
    database::Source,
    store::{Store, StoreError},
};
use gabion_api::rest::Millis;
use gabion_model::ScanReport;
use gabion_policy::{Owners, names_of};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, RwLock},
};

/// What reports are matched against.
pub(crate) struct Matcher {
    directory: PathBuf,
    owners: Owners,
    current: RwLock<Arc<Current>>,
}

/// The database as it is now.
pub(crate) struct Current {
    database: Database,
    /// What it is made of, to see that it has changed.
    roots: Vec<String>,
    /// When the oldest of its sources was made.
    pub(crate) as_of: Option<Millis>,
    /// It came with the program, and knows little.
    pub(crate) starter: bool,
}

impl Matcher {
    /// Opens the database, or the starter where there is none.
    pub(crate) fn open(directory: PathBuf, owners: Owners) -> anyhow::Result<Self> {
        let current = load(&directory)?;
        Ok(Self { directory, owners, current: RwLock::new(Arc::new(current)) })
    }

    /// The database as it is now.
    pub(crate) fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Which database it is.
    pub(crate) fn mark(&self) -> String {
        self.current().roots.join(" ")
    }

    /// Looks whether there is another database; whether there was.
    pub(crate) fn refresh(&self) -> anyhow::Result<bool> {
        let new = load(&self.directory)?;
        if new.roots == self.current().roots {
            return Ok(false);
        }
        *self.current.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(new);
        Ok(true)
    }

    /// Finds the vulnerabilities of a report, in place of those that were found before.
    pub(crate) fn evaluate(&self, report: &mut ScanReport, now: Millis) -> anyhow::Result<()> {
        let now = Timestamp::from_millisecond(now)?;
        report.findings.retain(|finding| finding.vulnerability.is_none());
        gabion_advisory::evaluate::evaluate(report, &self.current().database, now)?;
        Ok(())
    }

    /// Who answers for an image.
    pub(crate) fn owner(&self, names: &[String], labels: &BTreeMap<String, String>) -> Option<String> {
        let all = names_of(names.iter().map(String::as_str));
        self.owners.owner_of(&all, labels).map(str::to_owned).or_else(|| {
            let label = ["gabion.owner", "owner", "team"].iter().find_map(|name| labels.get(*name));
            label.filter(|owner| !owner.is_empty()).cloned()
        })
    }
}

fn load(directory: &std::path::Path) -> anyhow::Result<Current> {
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
    let roots = sources.iter().map(|source| source.root.to_string()).collect();
    Ok(Current { database, roots, as_of, starter })
}
