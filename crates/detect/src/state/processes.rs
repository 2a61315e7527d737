//! The table of processes: a slab with a tree in it.
//!
//! ```text
//!   by_pid ──► slot ──► Entry ── parent ──► Entry ── parent ──► ...
//!                         └── first_child ──► Entry ── next ──► ...
//! ```
//!
//! A number that was given again is another process, told apart by its start. Who has ended is kept for a while, as
//! late events may speak of it, and as long as it has children, as they are asked for their ancestors. When the table
//! is full, those that have ended go first, then any that has no children.

use super::process::{Change, Entry, Links};
use gabion_model::{
    event::{Child, Event, Process, Task},
    workload::ContainerKey,
};
use hashbrown::{HashMap, HashSet};
use std::{collections::VecDeque, ops::Index, sync::Arc};

/// How many ancestors are looked at: no tree of processes is so deep, and one with a loop would have no end.
const MAX_ANCESTORS: usize = 256;

/// How many candidates for eviction are looked at before any will do.
const EVICTION_TRIES: usize = 64;

/// The place of a process in the table, good until the next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(u32);

impl Slot {
    /// As a number; small ones are given again.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The processes of a node.
#[derive(Debug)]
pub struct Processes {
    entries: Vec<Option<Entry>>,
    free: Vec<Slot>,
    by_pid: HashMap<u32, Slot>,
    /// Those that were found before their parent was, by its number.
    orphans: HashMap<u32, HashSet<Slot>>,
    /// Those that have ended, oldest first. One that has children is not in it, but removed with its last child.
    ended: VecDeque<(u64, Slot)>,
    generation: u64,
    limit: usize,
    keep: u64,
    /// Where the search for somebody to evict goes on.
    hand: usize,
    evicted: u64,
    torn: u64,
}

impl Index<Slot> for Processes {
    type Output = Entry;

    fn index(&self, slot: Slot) -> &Entry {
        self.entries[slot.index()].as_ref().expect("slots in use have an entry")
    }
}

impl Processes {
    pub(super) fn new(limit: usize, keep: u64) -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            by_pid: HashMap::new(),
            orphans: HashMap::new(),
            ended: VecDeque::new(),
            generation: 0,
            limit: limit.max(2),
            keep,
            hand: 0,
            evicted: 0,
            torn: 0,
        }
    }

    /// How many are known, with those that have ended.
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many that still ran were thrown out.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many have lost their parent by that, or have got one.
    pub(super) fn torn(&self) -> u64 {
        self.torn
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().flatten()
    }

    /// The process of a thread.
    pub fn find(&self, task: Task) -> Option<Slot> {
        let slot = *self.by_pid.get(&task.pid)?;
        let start = self[slot].task.start;
        (task.start == 0 || start == 0 || task.start == start).then_some(slot)
    }

    /// The process that has this number now.
    pub fn with_pid(&self, pid: u32) -> Option<&Entry> {
        self.by_pid.get(&pid).map(|&slot| &self[slot])
    }

    /// Who made it, who made that, and so on, nearest first.
    pub fn ancestors<'a>(&'a self, entry: &'a Entry) -> Ancestors<'a> {
        Ancestors { processes: self, entry, left: MAX_ANCESTORS }
    }

    fn parent_of(&self, entry: &Entry) -> Option<&Entry> {
        let parent = &self[entry.links.parent?];
        let older = parent.task.start == 0 || entry.task.start == 0 || parent.task.start <= entry.task.start;
        older.then_some(parent)
    }

    fn entry_mut(&mut self, slot: Slot) -> &mut Entry {
        self.entries[slot.index()].as_mut().expect("slots in use have an entry")
    }

    fn touch(&mut self, slot: Slot) {
        self.generation += 1;
        let generation = self.generation;
        self.entry_mut(slot).generation = generation;
    }

    /// It executes a program, or was found running.
    pub(super) fn set(&mut self, known: Option<Slot>, event: &Event<'_>, process: &Process) -> Slot {
        let slot = known.unwrap_or_else(|| {
            let parent = self.by_pid.get(&process.parent).copied().filter(|_| process.parent != 0);
            let entry = Entry {
                task: event.task,
                process: Arc::default(),
                vpid: process.vpid,
                parent_pid: process.parent,
                container: event.container,
                generation: 0,
                previous_uid: None,
                threads: 0,
                seen: if process.found { 0 } else { event.time },
                ended: None,
                links: Links::default(),
            };
            self.insert(entry, parent, event.time)
        });
        let entry = self.entry_mut(slot);
        entry.previous_uid = known.map(|_| entry.process.credentials.uid);
        entry.process = Arc::new(process.clone());
        entry.vpid = process.vpid;
        entry.threads = 0;
        entry.ended = None;
        if entry.task.start == 0 {
            entry.task.start = event.task.start;
        }
        self.touch(slot);
        slot
    }

    /// It has made another.
    pub(super) fn fork(&mut self, parent: Slot, child: Child, event: &Event<'_>) {
        if child.thread {
            self.entry_mut(parent).threads += 1;
            return;
        }
        if self.find(child.task).is_some() {
            // Its own first event came earlier.
            return;
        }
        let maker = &self[parent];
        let entry = Entry {
            task: child.task,
            process: Arc::clone(&maker.process),
            vpid: child.vpid,
            parent_pid: maker.task.pid,
            container: event.container,
            generation: 0,
            previous_uid: None,
            threads: 0,
            seen: event.time,
            ended: None,
            links: Links::default(),
        };
        let slot = self.insert(entry, Some(parent), event.time);
        self.touch(slot);
    }

    /// It is in another container now.
    pub(super) fn enter(&mut self, slot: Slot, container: ContainerKey) {
        self.entry_mut(slot).container = container;
        self.touch(slot);
    }

    /// Changes what a call changes. Tells whether others see it, too.
    pub(super) fn change(&mut self, slot: Slot, event: &Event<'_>) -> bool {
        match self.entry_mut(slot).change(event) {
            Change::None => false,
            Change::Own => {
                self.touch(slot);
                false
            }
            Change::Seen => {
                self.touch(slot);
                self[slot].has_children()
            }
            Change::Ended { reaper } => {
                let orphans = self[slot].has_children();
                if let Some(reaper) = reaper.and_then(|pid| self.by_pid.get(&pid).copied()) {
                    self.give_children(slot, reaper);
                }
                if !self[slot].links.queued {
                    self.entry_mut(slot).links.queued = true;
                    self.ended.push_back((event.time, slot));
                }
                orphans
            }
        }
    }

    fn give_children(&mut self, from: Slot, to: Slot) {
        let pid = self[to].task.pid;
        while from != to
            && let Some(child) = self[from].links.first_child
        {
            self.unlink(child);
            self.entry_mut(child).parent_pid = pid;
            self.link(child, to);
            self.touch(child);
        }
    }

    fn insert(&mut self, entry: Entry, parent: Option<Slot>, now: u64) -> Slot {
        self.sweep(now);
        if self.len() >= self.limit {
            self.evict(parent);
        }
        let pid = entry.task.pid;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            Slot(self.entries.len() as u32 - 1)
        });
        self.entries[slot.index()] = Some(entry);
        let parent_pid = self[slot].parent_pid;
        match parent {
            Some(parent) => self.link(slot, parent),
            None if parent_pid != 0 && parent_pid != pid => {
                self.orphans.entry(parent_pid).or_default().insert(slot);
            }
            None => {}
        }
        if let Some(before) = self.by_pid.insert(pid, slot)
            && self[before].ended.is_none()
        {
            // Its end was not seen, but its number is another's now.
            let entry = self.entry_mut(before);
            entry.ended = Some(now);
            entry.links.queued = true;
            self.ended.push_back((now, before));
        }
        self.adopt(slot);
        slot
    }

    /// Takes those as children that were found before it was, but not its own ancestors.
    fn adopt(&mut self, slot: Slot) {
        let pid = self[slot].task.pid;
        let Some(mut orphans) = self.orphans.remove(&pid) else { return };
        for ancestor in self.ancestors(&self[slot]) {
            orphans.retain(|&orphan| self[orphan].task != ancestor.task);
        }
        for orphan in orphans {
            self.link(orphan, slot);
            self.torn += 1;
        }
    }

    /// Forgets who has ended long enough ago.
    fn sweep(&mut self, now: u64) {
        while let Some(&(time, slot)) = self.ended.front()
            && time.saturating_add(self.keep) < now
        {
            self.ended.pop_front();
            self.entry_mut(slot).links.queued = false;
            if self[slot].ended.is_some() && !self[slot].has_children() {
                self.remove(slot);
            }
        }
    }

    /// Makes place for one, but not by throwing out its parent.
    fn evict(&mut self, parent: Option<Slot>) {
        for _ in 0..self.ended.len().min(EVICTION_TRIES) {
            let Some((time, slot)) = self.ended.pop_front() else { break };
            let over = self[slot].ended.is_some() && !self[slot].has_children();
            if over && Some(slot) != parent {
                self.entry_mut(slot).links.queued = false;
                self.remove(slot);
                return;
            }
            self.ended.push_back((time, slot));
        }
        for tried in 0..2 * EVICTION_TRIES {
            self.hand = (self.hand + 1) % self.entries.len();
            let slot = Slot(self.hand as u32);
            let Some(entry) = &self.entries[self.hand] else { continue };
            if Some(slot) == parent || entry.has_children() && tried < EVICTION_TRIES {
                continue;
            }
            if entry.links.queued {
                self.ended.retain(|&(_, other)| other != slot);
            }
            while let Some(child) = self[slot].links.first_child {
                self.unlink(child);
                self.torn += 1;
            }
            self.remove(slot);
            self.evicted += 1;
            return;
        }
    }

    /// Forgets a process that nobody refers to, and its parent if it was kept for this child only.
    fn remove(&mut self, mut slot: Slot) {
        loop {
            let parent = self[slot].links.parent;
            self.unlink(slot);
            let Entry { task: Task { pid, .. }, parent_pid, .. } = self[slot];
            if let Some(orphans) = self.orphans.get_mut(&parent_pid)
                && orphans.remove(&slot)
                && orphans.is_empty()
            {
                self.orphans.remove(&parent_pid);
            }
            if self.by_pid.get(&pid) == Some(&slot) {
                self.by_pid.remove(&pid);
            }
            self.entries[slot.index()] = None;
            self.free.push(slot);
            let Some(parent) = parent else { return };
            let entry = &self[parent];
            if entry.ended.is_none() || entry.links.queued || entry.has_children() {
                return;
            }
            slot = parent;
        }
    }

    fn link(&mut self, child: Slot, parent: Slot) {
        let first = self.entry_mut(parent).links.first_child.replace(child);
        let links = &mut self.entry_mut(child).links;
        (links.parent, links.next, links.previous) = (Some(parent), first, None);
        if let Some(first) = first {
            self.entry_mut(first).links.previous = Some(child);
        }
    }

    fn unlink(&mut self, child: Slot) {
        let Links { parent, next, previous, .. } = self[child].links;
        match (previous, parent) {
            (Some(previous), _) => self.entry_mut(previous).links.next = next,
            (None, Some(parent)) => self.entry_mut(parent).links.first_child = next,
            (None, None) => {}
        }
        if let Some(next) = next {
            self.entry_mut(next).links.previous = previous;
        }
        let links = &mut self.entry_mut(child).links;
        (links.parent, links.next, links.previous) = (None, None, None);
    }
}

/// Ancestors, nearest first.
#[derive(Clone, Debug)]
pub struct Ancestors<'a> {
    processes: &'a Processes,
    entry: &'a Entry,
    left: usize,
}

impl<'a> Iterator for Ancestors<'a> {
    type Item = &'a Entry;

    fn next(&mut self) -> Option<&'a Entry> {
        self.left = self.left.checked_sub(1)?;
        self.entry = self.processes.parent_of(self.entry)?;
        Some(self.entry)
    }
}
