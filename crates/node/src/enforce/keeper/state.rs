//! Which control group has which policy: in memory, in the kernel, and in one file that the next keeper reads.

use super::process;
use crate::enforce::{
    compiled::Compiled,
    error::EnforceError,
    kernel::{Kernel, Reasons},
    policy::Policy,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::Write as _,
    os::unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

/// No larger file is one of ours.
const MAX_FILE: u64 = 256 << 20;
/// As many groups as the kernel has room for, less those that it needs for itself.
const MAX_GROUPS: usize = 16_000;

/// Whose a control group is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    container: String,
    /// Which policy; 0 is none.
    policy: u32,
}

/// What the file has.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Saved {
    /// Control groups are of one boot.
    boot: String,
    fallback: Policy,
    policies: Vec<(u32, Policy)>,
    groups: Vec<(u64, Owner)>,
    /// Numbers are given once.
    next: u32,
    reasons: Reasons,
}

/// A policy, and who has it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) group: u64,
    pub(super) container: String,
    pub(super) policy: Arc<Compiled>,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct State {
    path: PathBuf,
    boot: String,
    hierarchy: PathBuf,
    scope: Option<u64>,
    fallback: u32,
    policies: BTreeMap<u32, Arc<Compiled>>,
    numbers: HashMap<Policy, u32>,
    groups: BTreeMap<u64, Owner>,
    pub(super) reasons: Reasons,
    host_roots: Vec<process::Root>,
    next: u32,
    /// There was no file: what the kernel may still know is of nobody.
    new: bool,
}

impl State {
    /// Reads what an earlier keeper has left. Without that, `fallback` is the default policy.
    pub(super) fn open(
        path: &Path,
        hierarchy: PathBuf,
        scope: Option<u64>,
        fallback: Policy,
    ) -> Result<Self, EnforceError> {
        let failed = |error| EnforceError::State(path.to_owned(), error);
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").map_err(failed)?.trim().to_owned();
        let mut state = Self {
            path: path.to_owned(),
            boot,
            hierarchy,
            scope,
            fallback: 0,
            policies: BTreeMap::new(),
            numbers: HashMap::new(),
            groups: BTreeMap::new(),
            reasons: Reasons::new(),
            host_roots: process::host_roots(),
            next: 1,
            new: true,
        };
        let saved = match fs::metadata(path) {
            Ok(file) if file.len() <= MAX_FILE => {
                let bytes = fs::read(path).map_err(failed)?;
                postcard::from_bytes::<Saved>(&bytes).ok()
            }
            _ => None,
        };
        let saved = saved.unwrap_or_else(|| Saved { fallback, ..Saved::default() });
        if saved.boot == state.boot {
            state.reasons = saved.reasons;
            state.next = saved.next.max(1);
            state.new = false;
            for (id, policy) in saved.policies {
                state.numbers.insert(policy.clone(), id);
                state.policies.insert(id, Arc::new(Compiled::new(policy)?));
            }
            state.groups = saved.groups.into_iter().collect();
        }
        state.fallback = state.number(saved.fallback)?;
        Ok(state)
    }

    /// The number of a policy that somebody has.
    pub(super) fn number_of(&self, policy: &Compiled) -> Option<u32> {
        self.numbers.get(&policy.policy).copied()
    }

    fn number(&mut self, policy: Policy) -> Result<u32, EnforceError> {
        if let Some(&id) = self.numbers.get(&policy) {
            return Ok(id);
        }
        let id = self.next;
        let compiled = Compiled::new(policy.clone())?;
        self.policies.insert(id, Arc::new(compiled));
        self.numbers.insert(policy, id);
        self.next += 1;
        Ok(id)
    }

    /// Tells the kernel all of it: what an earlier keeper told, and what it could not tell any more. Groups keep their policies all
    /// the while.
    pub(super) fn fill(
        &mut self,
        kernel: &mut Kernel,
        agent: (u64, crate::enforce::kernel::wire::Stamp),
    ) -> Result<(), EnforceError> {
        if self.new {
            kernel.clear();
        }
        for (&id, policy) in &self.policies {
            kernel.add_policy(id, policy)?;
        }
        for (&group, owner) in &self.groups {
            kernel.assign(group, owner.policy)?;
        }
        for group in kernel.groups() {
            if !self.groups.contains_key(&group) {
                kernel.forget(group);
            }
        }
        self.settings(kernel)?;
        kernel.set(|settings| {
            settings.scope = self.scope.unwrap_or(0);
            (settings.agent_cgroup, settings.agent) = agent;
        })
    }

    fn settings(&self, kernel: &mut Kernel) -> Result<(), EnforceError> {
        let files = self.policies.values().any(|policy| policy.has_files());
        let fallback = self.fallback;
        kernel.set(|settings| (settings.fallback, settings.files) = (fallback, files))
    }

    /// A group has this policy from now on, or none.
    pub(super) fn set(
        &mut self,
        group: u64,
        container: String,
        policy: Option<Policy>,
        kernel: Option<&mut Kernel>,
    ) -> Result<(), EnforceError> {
        if self.groups.len() >= MAX_GROUPS && !self.groups.contains_key(&group) {
            return Err(EnforceError::Refused(format!("there are {MAX_GROUPS} control groups already")));
        }
        let policy = policy.map_or(Ok(0), |policy| self.number(policy))?;
        if let Some(kernel) = kernel {
            if let Some(compiled) = self.policies.get(&policy) {
                kernel.add_policy(policy, compiled)?;
            }
            self.settings(kernel)?;
            kernel.assign(group, policy)?;
            self.groups.insert(group, Owner { container, policy });
            self.drop_unused(Some(kernel));
        } else {
            self.groups.insert(group, Owner { container, policy });
            self.drop_unused(None);
        }
        self.save()
    }

    /// A control group is no more.
    pub(super) fn remove(&mut self, group: u64, kernel: Option<&mut Kernel>) -> Result<(), EnforceError> {
        self.groups.remove(&group);
        if let Some(kernel) = &kernel {
            kernel.forget(group);
        }
        self.drop_unused(kernel);
        self.save()
    }

    /// Containers without a policy of their own have this one from now on.
    pub(super) fn set_fallback(
        &mut self,
        policy: Policy,
        kernel: Option<&mut Kernel>,
    ) -> Result<(), EnforceError> {
        self.fallback = self.number(policy)?;
        if let Some(kernel) = kernel {
            if let Some(compiled) = self.policies.get(&self.fallback) {
                kernel.add_policy(self.fallback, compiled)?;
            }
            self.settings(kernel)?;
            self.drop_unused(Some(kernel));
        }
        self.save()
    }

    fn drop_unused(&mut self, mut kernel: Option<&mut Kernel>) {
        let used: std::collections::BTreeSet<u32> =
            self.groups.values().map(|owner| owner.policy).chain([self.fallback]).collect();
        self.policies.retain(|id, compiled| {
            let keep = used.contains(id);
            if !keep {
                self.numbers.remove(&compiled.policy);
                if let Some(kernel) = &mut kernel {
                    kernel.remove_policy(*id, compiled);
                }
            }
            keep
        });
    }

    /// Writes the file anew, at once.
    pub(super) fn save(&self) -> Result<(), EnforceError> {
        let failed = |error| EnforceError::State(self.path.clone(), error);
        let fallback = self.policies.get(&self.fallback).map(|compiled| compiled.policy.clone());
        let saved = Saved {
            boot: self.boot.clone(),
            fallback: fallback.unwrap_or_default(),
            policies: self.policies.iter().map(|(id, compiled)| (*id, compiled.policy.clone())).collect(),
            groups: self.groups.iter().map(|(group, owner)| (*group, owner.clone())).collect(),
            next: self.next,
            reasons: self.reasons.clone(),
        };
        let bytes = postcard::to_stdvec(&saved).map_err(|error| failed(std::io::Error::other(error)))?;
        let new = self.path.with_extension("new");
        let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
        file.and_then(|mut file| file.write_all(&bytes))
            .and_then(|()| fs::rename(&new, &self.path))
            .map_err(failed)
    }

    /// The policy of a group itself.
    pub(super) fn own(&self, group: u64) -> Option<Arc<Compiled>> {
        self.policies.get(&self.groups.get(&group)?.policy).cloned()
    }

    /// The groups that have a policy.
    pub(super) fn groups(&self) -> Vec<(u64, Arc<Compiled>)> {
        let policy = |owner: &Owner| self.policies.get(&owner.policy).cloned();
        self.groups.iter().filter_map(|(&group, owner)| Some((group, policy(owner)?))).collect()
    }

    /// The policy of a number that the kernel told.
    pub(super) fn policy(&self, id: u32) -> Option<&Arc<Compiled>> {
        self.policies.get(&id)
    }

    /// Whose a group is, if that was said.
    pub(super) fn container(&self, group: u64) -> String {
        self.groups.get(&group).map(|owner| owner.container.clone()).unwrap_or_default()
    }

    /// Where a control group is.
    pub(super) fn directory(&self, group: u64) -> Option<PathBuf> {
        process::directory(&self.hierarchy, group)
    }

    /// The policy of a process: as `policy_of` of the programs finds it.
    pub(super) fn of(&self, pid: u32) -> Option<Found> {
        let path = process::group(pid)?;
        let mut directory = self.hierarchy.join(std::ffi::OsStr::from_bytes(path.strip_prefix(b"/")?));
        let mut first = None;
        let mut inside = self.scope.is_none();
        loop {
            // One that was removed meanwhile has no process that could ask.
            let id = rustix::fs::stat(&directory).ok()?.st_ino;
            let own = *first.get_or_insert(id);
            if let Some(owner) = self.groups.get(&id) {
                let policy = Arc::clone(self.policies.get(&owner.policy)?);
                return Some(Found { group: own, container: owner.container.clone(), policy });
            }
            inside |= self.scope == Some(id);
            if directory == self.hierarchy || !directory.pop() {
                break;
            }
        }
        let away = !self.host_roots.contains(&process::root(pid)?);
        let policy = Arc::clone(self.policies.get(&self.fallback)?);
        (inside && away).then(|| Found { group: first.unwrap_or(0), container: String::new(), policy })
    }
}
