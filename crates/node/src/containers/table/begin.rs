//! A control group appears: whose it is, and the beginning of a container.

use super::{Awaited, Containers, Entry, Group, Kind, MAX_GROUPS, MAX_QUESTIONS, describe};
use crate::containers::{
    ask::Question,
    draft,
    read::{Reading, Who},
    recognise::{Place, place},
};
use gabion_model::{
    Container, ContainerKey,
    workload::{Property, Runtime},
};

impl Containers {
    /// A control group was made, or found: its id, and its path from the root of the unified hierarchy.
    /// Gives the container to tell, if this is the first group of one.
    pub fn appeared(&mut self, group: u64, path: &[u8], now: u64) -> Option<ContainerKey> {
        if self.groups.contains_key(&group) {
            return None;
        }
        if self.groups.len() >= MAX_GROUPS {
            self.failures.groups += 1;
            return None;
        }
        if let Some(top) = self.above(path) {
            self.insert(group, Kind::Below(top));
            return None;
        }
        match place(path) {
            Place::Container(found) => self.try_read(group, &Who::from(found), path, now),
            Place::Host { unit, candidate } => {
                self.insert(group, unit.map_or(Kind::Host, |unit| Kind::Unit(unit.into_boxed_str())));
                self.try_read(group, &Who::from(candidate?), path, now)
            }
        }
    }

    fn insert(&mut self, group: u64, kind: Kind) {
        self.groups.insert(group, Group { kind, gone: None });
    }

    /// The group above this one that is a container, or may become one.
    fn above(&self, path: &[u8]) -> Option<u64> {
        let ends = path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        ends.into_iter().find_map(|end| self.tops.get(&path[..end]).copied())
    }

    /// Reads the state of what this group is or may be; gives the container to tell.
    pub(super) fn try_read(&mut self, group: u64, who: &Who, path: &[u8], now: u64) -> Option<ContainerKey> {
        let runtime = who.sure.as_ref().map_or(Runtime::Unknown, |(runtime, _)| *runtime);
        let mut container = draft::unknown(ContainerKey(self.last.wrapping_add(1)), runtime, &who.id);
        let mut reading = self.read(who, path, &mut container);
        if let Reading::Absent(Some(directory)) = &reading
            && self.watch.add(group, directory).is_ok()
        {
            // It may have been written before it was watched.
            reading = self.read(who, path, &mut container);
        }
        match reading {
            Reading::Known(namespace) => {
                self.stop_waiting(group);
                Some(self.start(group, container, namespace, who, path, now))
            }
            Reading::Elsewhere => {
                self.stop_waiting(group);
                self.failures.elsewhere += 1;
                self.groups.entry(group).or_insert(Group { kind: Kind::Host, gone: None });
                None
            }
            Reading::Absent(None) if who.sure.is_none() => None,
            Reading::Absent(_) => {
                self.await_state(group, who, path);
                // A container for sure, though nothing is known of it.
                who.sure.is_some().then(|| self.start(group, container, None, who, path, now))
            }
        }
    }

    pub(super) fn read(&mut self, who: &Who, path: &[u8], container: &mut Container) -> Reading {
        match self.reader.read(who, path, container) {
            Ok(reading) => reading,
            Err(error) => {
                self.failures.unreadable += 1;
                self.failures.last = Some(describe(&error));
                // What was read before is kept; the rest stays unknown.
                if who.sure.is_some() { Reading::Known(None) } else { Reading::Absent(None) }
            }
        }
    }

    fn await_state(&mut self, group: u64, who: &Who, path: &[u8]) {
        self.tops.insert(path.to_owned(), group);
        self.awaited.entry(group).or_insert_with(|| Awaited {
            who: who.clone(),
            path: path.to_owned(),
            tries: 0,
        });
    }

    pub(super) fn stop_waiting(&mut self, group: u64) {
        self.watch.remove(group);
        let started = matches!(self.groups.get(&group), Some(Group { kind: Kind::Container(_), .. }));
        if let Some(awaited) = self.awaited.remove(&group)
            && !started
        {
            self.tops.remove(&awaited.path);
        }
    }

    fn start(
        &mut self,
        group: u64,
        container: Container,
        namespace: Option<String>,
        who: &Who,
        path: &[u8],
        now: u64,
    ) -> ContainerKey {
        let key = container.key;
        self.last = key.0;
        self.ask(&container, namespace, who.user);
        self.insert(group, Kind::Container(key));
        self.tops.insert(path.to_owned(), group);
        let entry = Entry { container, path: path.to_owned(), from: now, to: None };
        self.entries.insert(key, entry);
        key
    }

    /// Puts a question to the runtime, if it may know what the state does not say.
    pub(super) fn ask(&mut self, container: &Container, namespace: Option<String>, user: Option<u32>) {
        let lacks =
            |properties: &[Property]| properties.iter().any(|property| draft::lacks(container, *property));
        let worth = match container.runtime {
            // Labels, image and time are nowhere else, and a name may stand for another image by now.
            Runtime::Containerd => true,
            Runtime::Docker | Runtime::Podman => lacks(&[
                Property::Name,
                Property::Image,
                Property::Labels,
                Property::Mounts,
                Property::Created,
            ]),
            Runtime::Unknown | Runtime::Crio | Runtime::Oci => false,
        };
        if !worth {
            return;
        }
        if self.questions.len() == MAX_QUESTIONS {
            self.failures.unasked += 1;
            return;
        }
        self.questions.push(Question {
            key: container.key,
            runtime: container.runtime,
            id: container.id.clone(),
            namespace,
            sandbox: container
                .pod
                .as_ref()
                .map(|pod| pod.sandbox.clone())
                .filter(|sandbox| !sandbox.is_empty()),
            user,
        });
    }
}
