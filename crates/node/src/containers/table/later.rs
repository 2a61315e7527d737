//! What is learned of a container after it was told first: from state that was awaited, its runtime, its processes.

use super::{Containers, Group, Kind, MAX_TRIES, describe};
use crate::containers::{
    ask::{Answer, Question},
    draft,
    images::Image,
    network::{self, Network, NetworkError},
    read::{Reading, Who},
};
use gabion_model::{
    Container, ContainerKey,
    workload::{Property, Runtime},
};
use rustix::fd::{AsFd, BorrowedFd};

impl Containers {
    /// Whether the state of this group, or of the one above it, is still awaited.
    pub fn waits(&self, group: u64) -> bool {
        !self.awaited.is_empty() && self.awaited.contains_key(&self.top(group))
    }

    fn top(&self, group: u64) -> u64 {
        match self.groups.get(&group) {
            Some(Group { kind: Kind::Below(top), .. }) => *top,
            _ => group,
        }
    }

    /// Looks again, as something has happened in a group that [`Self::waits`]: a process has joined it, or has
    /// executed a program. Gives the container to tell.
    pub fn settle(&mut self, group: u64, now: u64) -> Option<ContainerKey> {
        let group = self.top(group);
        let awaited = self.awaited.get_mut(&group)?;
        awaited.tries += 1;
        let (who, path, last) = (awaited.who.clone(), awaited.path.clone(), awaited.tries >= MAX_TRIES);
        let told = match self.groups.get(&group) {
            Some(Group { kind: Kind::Container(key), .. }) => Some(*key),
            _ => None,
        };
        let found = match told {
            None => self.try_read(group, &who, &path, now),
            Some(key) => self.read_again(key, group, &who, &path),
        };
        if last && self.awaited.contains_key(&group) {
            self.failures.absent += 1;
            self.stop_waiting(group);
        }
        found
    }

    fn read_again(&mut self, key: ContainerKey, group: u64, who: &Who, path: &[u8]) -> Option<ContainerKey> {
        let known = self.entries.get(&key)?.container.clone();
        let mut fresh = draft::unknown(key, known.runtime, &known.id);
        let Reading::Known(namespace) = self.read(who, path, &mut fresh) else { return None };
        self.stop_waiting(group);
        self.ask(&fresh, namespace, who.user);
        let entry = self.entries.get_mut(&key)?;
        entry.container.runtime = fresh.runtime;
        self.add(key, &fresh)
    }

    /// Adds what was learned later.
    fn add(&mut self, key: ContainerKey, more: &Container) -> Option<ContainerKey> {
        let container = &mut self.entries.get_mut(&key)?.container;
        let digests = (container.image.digest, more.image.digest);
        let moved = container.runtime == Runtime::Containerd
            && matches!(digests, (Some(known), Some(now)) if known != now);
        if moved {
            // The kept table was older than the container.
            draft::forget_image(container);
        }
        let pod_labels = more.pod.as_ref().map(|pod| &pod.labels).filter(|labels| !labels.is_empty());
        let labelled = match (&mut container.pod, pod_labels) {
            (Some(pod), Some(labels)) if pod.labels.is_empty() => {
                pod.labels.clone_from(labels);
                true
            }
            _ => false,
        };
        let new = draft::merge(container, more) || moved || labelled;
        container.late |= new;
        new.then_some(key)
    }

    /// Readable when state that was awaited has been written: then call [`Self::written`].
    pub fn awaiting(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }

    /// Reads the state that was awaited and has been written. Gives the containers to tell.
    pub fn written(&mut self, now: u64) -> Vec<ContainerKey> {
        let groups = self.watch.written();
        groups.into_iter().filter_map(|group| self.settle(group, now)).collect()
    }

    /// What is to be asked of the runtimes. Whoever takes the questions owes an answer to each.
    pub fn questions(&mut self) -> Vec<Question> {
        std::mem::take(&mut self.questions)
    }

    /// What a runtime has answered. Gives the container to tell again.
    pub fn answered(&mut self, answer: &Answer) -> Option<ContainerKey> {
        for image in &answer.images {
            self.reader.images.learn(image);
        }
        match &answer.said {
            Ok(said) => self.add(answer.key, said),
            Err(error) => {
                self.failures.unanswered += 1;
                self.failures.last = Some(describe(error));
                None
            }
        }
    }

    /// Images that containerd has, as it tells them.
    pub fn images(&mut self, images: &[Image]) {
        for image in images {
            self.reader.images.learn(image);
        }
    }

    /// Reads the addresses of a container from one of its processes. Gives whether they have changed.
    pub fn read_addresses(&mut self, key: ContainerKey, pid: u32, now: u64) -> Result<bool, NetworkError> {
        let Some(entry) = self.entries.get_mut(&key).filter(|entry| entry.to.is_none()) else {
            return Ok(false);
        };
        let Network { namespace, mut addresses } =
            network::read(&self.proc, pid, |group| within(group, &entry.path))?;
        if namespace == network::of_host(&self.proc)? {
            // It has none of its own.
            addresses.clear();
        }
        let changed =
            entry.container.addresses != addresses || draft::lacks(&entry.container, Property::Addresses);
        self.addresses.set(key, namespace, &addresses, now);
        draft::addresses(&mut entry.container, addresses);
        Ok(changed)
    }
}

/// Whether a process in `group`, as `/proc` shows it, is in the control group `path` or below. In a control group
/// namespace of the agent's own, `/proc` begins with `/..` for what is outside it.
pub(super) fn within(group: &[u8], path: &[u8]) -> bool {
    let mut shown = group;
    while let Some(rest) = shown.strip_prefix(b"/..") {
        shown = rest;
    }
    let same =
        |shown: &[u8]| shown == path || shown.starts_with(path) && shown.get(path.len()) == Some(&b'/');
    same(shown) || shown.len() < group.len() && shown.len() > 1 && path.ends_with(shown)
}
