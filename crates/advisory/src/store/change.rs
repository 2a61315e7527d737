//! Who changes a database holds its lock; in the end all segments are switched at once.

use super::{Current, Named, Origin, Store, StoreError, open, place};
use crate::{
    segment::{
        Segment,
        replace::{Lock, lock, remove, settle, sweep},
    },
    transfer::is_segment_name,
};
use jiff::Timestamp;
use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

/// The right to change a database. Dropped before the end, it leaves everything as it was.
#[derive(Debug)]
pub struct Change {
    pub(super) directory: PathBuf,
    pub(super) before: Option<Current>,
    _lock: Lock,
}

impl Change {
    /// Takes the lock; makes the directory, if it is not there.
    pub fn begin(directory: &Path) -> Result<Self, StoreError> {
        let segments = directory.join("segments");
        fs::create_dir_all(&segments).map_err(StoreError::io(&segments))?;
        let lock = lock(&Current::place(directory)).map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => StoreError::Busy(directory.to_owned()),
            _ => StoreError::io(directory)(source),
        })?;
        let before = Current::read(directory)?;
        Ok(Self { directory: directory.to_owned(), before, _lock: lock })
    }

    /// What is here now, if anything.
    pub const fn current(&self) -> Option<&Current> {
        self.before.as_ref()
    }

    /// The version of a segment that is here, if it can be opened: a build takes its dictionary, an update its blocks.
    pub fn before(&self, name: &str) -> Option<Segment> {
        let named =
            self.before.iter().flat_map(|before| &before.segments).find(|named| named.name == name)?;
        open(&self.directory, named).ok()
    }

    /// Where to build a segment that is to be installed.
    pub fn place(&self, name: &str) -> PathBuf {
        self.directory.join(format!("segments/{name}.built"))
    }

    /// Puts the segments that were built in their [places](Self::place) where all that was here before is now.
    pub fn install(
        self,
        names: &[&str],
        created: Timestamp,
        installed: Timestamp,
    ) -> Result<Store, StoreError> {
        let segments = self.settled(names, false)?;
        self.switch(&Current::new(Origin::Built, created, installed, segments))
    }

    /// Puts the segments that were built in their places beside what is here, or where one of their name is.
    pub fn add(self, names: &[&str], now: Timestamp) -> Result<Store, StoreError> {
        let Some(before) = self.before.clone() else { return self.install(names, now, now) };
        names.iter().try_for_each(|name| self.own(name))?;
        let mut segments = self.others(names)?;
        segments.extend(self.settled(names, matches!(before.origin, Origin::Published { .. }))?);
        self.switch_to(before, segments, now)
    }

    /// Takes segments away.
    pub fn remove(self, names: &[&str], now: Timestamp) -> Result<Store, StoreError> {
        let before = self.before.clone().ok_or_else(|| StoreError::Absent(self.directory.clone()))?;
        for &name in names {
            if !before.segments.iter().any(|named| named.name == name) {
                let known = before.segments.into_iter().map(|named| named.name).collect();
                return Err(StoreError::NoSource { name: name.to_owned(), known });
            }
            self.own(name)?;
        }
        let segments = self.others(names)?;
        self.switch_to(before, segments, now)
    }

    /// Whether a segment is ours to change: not if it is one that was fetched.
    pub fn own(&self, name: &str) -> Result<(), StoreError> {
        let Some(Current { origin: Origin::Published { from, .. }, segments, .. }) = &self.before else {
            return Ok(());
        };
        if segments.iter().any(|named| named.name == name && !named.local) {
            return Err(StoreError::Published { name: name.to_owned(), from: from.clone() });
        }
        Ok(())
    }

    /// What is here beside these. It must be usable: nothing is kept that only looks like a source.
    fn others(&self, names: &[&str]) -> Result<Vec<Named>, StoreError> {
        let here = self.before.iter().flat_map(|before| &before.segments);
        let others = here.filter(|named| !names.contains(&named.name.as_str()));
        others.map(|named| open(&self.directory, named).map(|_| named.clone())).collect()
    }

    /// Gives the segments that were built in their places the names of their content.
    fn settled(&self, names: &[&str], local: bool) -> Result<Vec<Named>, StoreError> {
        let (mut segments, mut seen) = (Vec::new(), BTreeSet::new());
        for &name in names {
            if !is_segment_name(name) || !seen.insert(name) {
                return Err(StoreError::Name(name.to_owned()));
            }
            let built = self.place(name);
            let root = Segment::open(&built)?.root();
            segments.push((built, Named { name: name.to_owned(), root, local }));
        }
        for (built, named) in &segments {
            let target = place(&self.directory, named);
            settle(built, &target).map_err(StoreError::io(&target))?;
        }
        Ok(segments.into_iter().map(|(_, named)| named).collect())
    }

    /// What was fetched stays as old as its publisher says.
    fn switch_to(self, before: Current, segments: Vec<Named>, now: Timestamp) -> Result<Store, StoreError> {
        let (created, installed) = match before.origin {
            Origin::Built => (now, now),
            Origin::Published { .. } => (before.created, before.installed),
        };
        self.switch(&Current::new(before.origin, created, installed, segments))
    }

    /// From the rename in here on, the new segments count.
    pub(super) fn switch(self, current: &Current) -> Result<Store, StoreError> {
        current.write(&self.directory)?;
        // The new ones count already: what cannot be removed now is tried again by the next change.
        drop(self.tidy(current.segments.iter().map(|named| place(&self.directory, named))));
        Store::open(&self.directory)
    }

    /// Removes all files but these: what an interrupted change left, and what does not count any more.
    pub(super) fn tidy(&self, keep: impl Iterator<Item = PathBuf>) -> Result<(), StoreError> {
        let keep: BTreeSet<OsString> = keep.filter_map(|path| Some(path.file_name()?.to_owned())).collect();
        let segments = self.directory.join("segments");
        let tidy = || {
            for entry in fs::read_dir(&segments)? {
                let entry = entry?;
                if !keep.contains(&entry.file_name()) {
                    remove(&entry.path())?;
                }
            }
            let current = Current::place(&self.directory);
            sweep(&current, &current)
        };
        tidy().map_err(StoreError::io(&segments))
    }
}
