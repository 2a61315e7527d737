//! What is known between events: processes, containers, accounts, and the names of addresses.
//!
//! Events tell a process and a container once. [`State::apply`] takes each event before anybody judges it, so that the
//! `execve` of a program is judged as that program and `setuid` as the new user, as Falco does.
//!
//! ```text
//!   event ──► apply ──► processes     by number and start: program, credentials, parent
//!                  ├──► containers    by key
//!                  ├──► names         address ──► the name that it was asked for by
//!                  └──► epoch         counts what changes the facts of other processes than the event's own
//! ```
//!
//! Everything is bounded ([`Limits`]), and what is thrown out for that is counted ([`State::dropped`]).

pub mod accounts;
mod guard;
pub mod path;
pub mod process;
mod processes;

pub use accounts::Accounts;
pub use guard::Guard;
pub use process::Entry;
pub use processes::{Ancestors, Processes, Slot};

use gabion_model::{
    event::{Endpoint, Event, EventKind, FdKind, Subject, Value},
    workload::{Container, ContainerKey},
};
use hashbrown::HashMap;
use std::{collections::VecDeque, net::IpAddr, sync::Arc};

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Processes, with those that have ended.
    pub processes: usize,
    /// Containers, with those that have ended.
    pub containers: usize,
    /// Addresses with a name.
    pub names: usize,
    /// How long a process that has ended is kept, in nanoseconds.
    pub ended: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { processes: 65_536, containers: 16_384, names: 16_384, ended: 2_000_000_000 }
    }
}

/// What was thrown out because it was too much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Processes that still ran.
    pub processes: u64,
    /// Containers.
    pub containers: u64,
    /// Names of addresses.
    pub names: u64,
}

/// What is known between events.
#[derive(Debug)]
pub struct State {
    limits: Limits,
    processes: Processes,
    containers: HashMap<ContainerKey, Arc<Container>>,
    container_order: VecDeque<ContainerKey>,
    accounts: HashMap<ContainerKey, Accounts>,
    names: HashMap<IpAddr, Arc<[u8]>>,
    name_order: VecDeque<IpAddr>,
    /// Of the node.
    hostname: String,
    /// When the node started, in nanoseconds since 1970; 0 if not known.
    booted: u64,
    first_time: u64,
    previous_time: u64,
    time: u64,
    epoch: u64,
    dropped: Dropped,
    guard: Guard,
}

impl State {
    /// Knows nothing yet. `hostname` is the node's; `booted` is when it started, in nanoseconds since 1970, or 0.
    pub fn new(limits: Limits, hostname: &str, booted: u64) -> Self {
        Self {
            limits,
            processes: Processes::new(limits.processes, limits.ended),
            containers: HashMap::new(),
            container_order: VecDeque::new(),
            accounts: HashMap::new(),
            names: HashMap::new(),
            name_order: VecDeque::new(),
            hostname: hostname.to_owned(),
            booted,
            first_time: 0,
            previous_time: 0,
            time: 0,
            epoch: 0,
            dropped: Dropped::default(),
            guard: Guard::default(),
        }
    }

    /// Takes in what an event makes known, and finds its process.
    pub fn apply(&mut self, event: &Event<'_>) -> Option<Slot> {
        if self.first_time == 0 {
            self.first_time = event.time;
            self.time = event.time;
        }
        self.previous_time = self.time;
        self.time = event.time;
        let torn = self.processes.torn();
        let slot = match event.subject {
            Subject::None => self.processes.find(event.task),
            Subject::Process(process) => {
                let known = self.processes.find(event.task);
                let slot = self.processes.set(known, event, process);
                if self.processes[slot].has_children() {
                    self.epoch += 1;
                }
                Some(slot)
            }
            Subject::Child(child) => {
                let parent = self.processes.find(event.task);
                if let Some(parent) = parent {
                    self.processes.fork(parent, child, event);
                }
                parent
            }
            Subject::Container(container) => {
                self.set_container(container);
                self.processes.find(event.task)
            }
        };
        if let Some(slot) = slot {
            if self.processes[slot].container != event.container {
                self.processes.enter(slot, event.container);
            }
            if self.processes.change(slot, event) {
                self.epoch += 1;
            }
        }
        if event.kind == EventKind::Dns {
            self.learn_names(event);
        }
        if self.processes.torn() != torn {
            self.epoch += 1;
        }
        self.dropped.processes = self.processes.evicted();
        slot
    }

    fn set_container(&mut self, container: &Container) {
        self.epoch += 1;
        let key = container.key;
        if self.containers.insert(key, Arc::new(container.clone())).is_none() {
            self.container_order.push_back(key);
        }
        if self.container_order.len() > self.limits.containers
            && let Some(oldest) = self.container_order.pop_front()
        {
            self.containers.remove(&oldest);
            self.accounts.remove(&oldest);
            self.dropped.containers += 1;
        }
    }

    /// A DNS answer: the name, and its addresses with commas between.
    fn learn_names(&mut self, event: &Event<'_>) {
        let (Some(Value::Bytes(name)), Some(Value::Bytes(answers))) = (event.args.first(), event.args.get(1))
        else {
            return;
        };
        let name: Arc<[u8]> = Arc::from(*name);
        for answer in answers.split(|&byte| byte == b',') {
            let Some(address) = std::str::from_utf8(answer).ok().and_then(|text| text.trim().parse().ok())
            else {
                continue;
            };
            if self.names.insert(address, Arc::clone(&name)).is_none() {
                self.name_order.push_back(address);
            }
            if self.name_order.len() > self.limits.names
                && let Some(oldest) = self.name_order.pop_front()
            {
                self.names.remove(&oldest);
                self.dropped.names += 1;
            }
        }
    }

    /// Who the accounts of a container are, or of the host.
    pub fn set_accounts(&mut self, container: ContainerKey, accounts: Accounts) {
        self.accounts.insert(container, accounts);
        self.epoch += 1;
    }

    /// Forgets a container that has ended.
    pub fn remove_container(&mut self, key: ContainerKey) {
        self.containers.remove(&key);
        self.accounts.remove(&key);
        self.container_order.retain(|&other| other != key);
        self.epoch += 1;
    }

    /// The processes.
    pub fn processes(&self) -> &Processes {
        &self.processes
    }

    /// A container.
    pub fn container(&self, key: ContainerKey) -> Option<&Container> {
        self.containers.get(&key).map(AsRef::as_ref)
    }

    /// All containers, in the order in which they were told.
    pub fn containers(&self) -> impl Iterator<Item = &Container> {
        self.container_order.iter().filter_map(|key| self.container(*key))
    }

    /// The accounts of a container.
    pub fn accounts(&self, key: ContainerKey) -> Option<&Accounts> {
        self.accounts.get(&key)
    }

    /// The name that an address was asked for by.
    pub fn name_of(&self, address: IpAddr) -> Option<&[u8]> {
        self.names.get(&address).map(AsRef::as_ref)
    }

    /// The name of the node.
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// When a process started, in nanoseconds since 1970. `None` if that is not known.
    pub fn started(&self, entry: &Entry) -> Option<u64> {
        match (self.booted, entry.task.start, entry.seen) {
            (booted, start, _) if booted > 0 && start > 0 => Some(booted + start),
            (_, _, seen) if seen > 0 => Some(seen),
            _ => None,
        }
    }

    /// Time of the first event.
    pub fn first_time(&self) -> u64 {
        self.first_time
    }

    /// Time of the event before this one.
    pub fn previous_time(&self) -> u64 {
        self.previous_time
    }

    /// Counts what changes the facts of processes other than the event's own: a container is known better, an ancestor is another program.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What is the agent's own.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// The same, to be changed. No field of a process depends on it.
    pub fn guard_mut(&mut self) -> &mut Guard {
        &mut self.guard
    }

    /// What was thrown out because it was too much.
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }
}

/// The ends of an Internet socket, client first, as far as they are known.
pub fn client_and_server(kind: &FdKind<'_>) -> (Option<Endpoint>, Option<Endpoint>) {
    match *kind {
        FdKind::Inet { local, remote: None, .. } => (None, local),
        FdKind::Inet { local, remote, server: Some(true), .. } => (remote, local),
        FdKind::Inet { local, remote, .. } => (local, remote),
        _ => (None, None),
    }
}

#[cfg(test)]
mod tests;
