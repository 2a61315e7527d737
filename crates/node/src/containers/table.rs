//! Who runs in which control group, and from when to when.
//!
//! ```text
//!   cgroup_mkdir ──► appeared ──► path ──► state on disk ──► Container      told, before its first instruction
//!                        │                     └ not written yet: awaited ──► settle, written
//!                        └──► question ──► runtime's socket ──► answered    told again, `late`
//!   cgroup_rmdir ──► removed      its time ends; it is kept for ten minutes more
//! ```
//!
//! Each run of a container has a key of its own, as an id may be used again for something else.

mod begin;
mod later;

use super::{
    addresses::{Addresses, Holder},
    ask::Question,
    read::{Reader, Who},
    roots::Roots,
    watch::Watch,
};
use gabion_model::{Container, ContainerKey};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    path::{Path, PathBuf},
};

/// How long an ended container is kept, in nanoseconds.
pub const KEEP: u64 = 600 * 1_000_000_000;
/// No more ended containers than this are kept.
const MAX_ENDED: usize = 4096;
/// No more control groups than this are known: a container can make any number of them.
const MAX_GROUPS: usize = 1 << 18;
/// State is looked for this often in all before it is given up.
const MAX_TRIES: u8 = 32;
/// No more questions than this wait to be taken.
const MAX_QUESTIONS: usize = 4096;

/// To whom a control group belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload<'a> {
    /// A container.
    Container(ContainerKey),
    /// A unit of systemd.
    Unit(&'a str),
    /// The host.
    Host,
    /// The group was never seen.
    Unknown,
}

/// What could not be done. Each number only grows.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    /// State was there but could not be read.
    pub unreadable: u64,
    /// Why, the last time.
    pub last: Option<String>,
    /// No state was found for a container.
    pub absent: u64,
    /// A group has the name of a container that sits elsewhere.
    pub elsewhere: u64,
    /// Ended containers that were forgotten early, as there were too many.
    pub forgotten: u64,
    /// Control groups that were not taken up, as there were too many.
    pub groups: u64,
    /// Questions to runtimes that were not asked, as too many waited.
    pub unasked: u64,
    /// Questions that were not answered.
    pub unanswered: u64,
}

#[derive(Debug)]
enum Kind {
    Container(ContainerKey),
    Below(u64),
    Unit(Box<str>),
    Host,
}

#[derive(Debug)]
struct Group {
    kind: Kind,
    gone: Option<u64>,
}

#[derive(Debug)]
struct Entry {
    container: Container,
    path: Vec<u8>,
    from: u64,
    to: Option<u64>,
}

/// A group whose state is awaited.
#[derive(Debug)]
struct Awaited {
    who: Who,
    path: Vec<u8>,
    tries: u8,
}

/// All containers of the node, running and ended not long ago.
#[derive(Debug)]
pub struct Containers {
    reader: Reader,
    proc: PathBuf,
    groups: HashMap<u64, Group>,
    tops: HashMap<Vec<u8>, u64>,
    entries: BTreeMap<ContainerKey, Entry>,
    ended: BTreeSet<(u64, ContainerKey)>,
    awaited: HashMap<u64, Awaited>,
    watch: Watch,
    addresses: Addresses,
    questions: Vec<Question>,
    failures: Failures,
    last: u32,
}

impl Containers {
    /// Empty. `proc` is where `/proc` of the node is.
    pub fn new(roots: Roots, proc: &Path) -> Result<Self, std::io::Error> {
        Ok(Self {
            reader: Reader::new(roots, PathBuf::from("/etc/passwd")),
            proc: proc.to_owned(),
            groups: HashMap::new(),
            tops: HashMap::new(),
            entries: BTreeMap::new(),
            ended: BTreeSet::new(),
            awaited: HashMap::new(),
            watch: Watch::new()?,
            addresses: Addresses::default(),
            questions: Vec::new(),
            failures: Failures::default(),
            last: 0,
        })
    }

    /// A control group was removed.
    pub fn removed(&mut self, group: u64, now: u64) {
        self.stop_waiting(group);
        let Some(known) = self.groups.get_mut(&group).filter(|known| known.gone.is_none()) else { return };
        known.gone = Some(now);
        let Kind::Container(key) = known.kind else { return };
        let Some(entry) = self.entries.get_mut(&key) else { return };
        entry.to = Some(now);
        self.tops.remove(&entry.path);
        self.addresses.end(key, now);
        self.ended.insert((now, key));
        while self.ended.len() > MAX_ENDED
            && let Some((_, oldest)) = self.ended.pop_first()
        {
            self.failures.forgotten += 1;
            self.entries.remove(&oldest);
        }
    }

    /// Forgets what ended ten minutes before.
    pub fn expire(&mut self, now: u64) {
        let Some(before) = now.checked_sub(KEEP) else { return };
        self.groups.retain(|_, group| group.gone.is_none_or(|gone| gone > before));
        while let Some((to, key)) = self.ended.pop_first() {
            if to > before {
                self.ended.insert((to, key));
                break;
            }
            self.entries.remove(&key);
        }
        self.addresses.forget(before);
    }

    /// Whose control group this is, or was until not long ago.
    pub fn at(&self, group: u64) -> Workload<'_> {
        match self.groups.get(&group).map(|group| &group.kind) {
            Some(Kind::Container(key)) => Workload::Container(*key),
            Some(Kind::Unit(unit)) => Workload::Unit(unit),
            Some(Kind::Host) => Workload::Host,
            Some(Kind::Below(top)) => match self.groups.get(top).map(|group| &group.kind) {
                Some(Kind::Container(key)) => Workload::Container(*key),
                Some(Kind::Unit(unit)) => Workload::Unit(unit),
                Some(Kind::Host | Kind::Below(_)) => Workload::Host,
                None => Workload::Unknown,
            },
            None => Workload::Unknown,
        }
    }

    /// The control group of a container that has not ended.
    pub fn group(&self, key: ContainerKey) -> Option<u64> {
        let entry = self.entries.get(&key).filter(|entry| entry.to.is_none())?;
        self.tops.get(&entry.path).copied()
    }

    /// A container, as far as it is known.
    pub fn get(&self, key: ContainerKey) -> Option<&Container> {
        Some(&self.entries.get(&key)?.container)
    }

    /// Its control group: the path below the root of the hierarchy.
    pub fn path(&self, key: ContainerKey) -> Option<&[u8]> {
        Some(&self.entries.get(&key)?.path)
    }

    /// From when to when it ran, in nanoseconds since 1970.
    pub fn lived(&self, key: ContainerKey) -> Option<(u64, Option<u64>)> {
        let entry = self.entries.get(&key)?;
        Some((entry.from, entry.to))
    }

    /// All that are kept, in the order of their keys.
    pub fn all(&self) -> impl Iterator<Item = &Container> {
        self.entries.values().map(|entry| &entry.container)
    }

    /// Who had an address at a time.
    pub fn who(&self, address: IpAddr, at: u64) -> Holder {
        self.addresses.who(address, at)
    }

    /// What could not be done so far.
    pub fn failures(&self) -> &Failures {
        &self.failures
    }
}

/// An error with its causes.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
