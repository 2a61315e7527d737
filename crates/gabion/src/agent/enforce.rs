//! `gabion agent --policy`: which container has which policy, and what was decided.
//!
//! ```yaml
//! default: {mode: observe}                # containers that nothing below is for
//! workloads:
//!   - name: "web-*"                       # patterns; all that is given must fit; the first that fits counts
//!     image: "registry.example/shop/*"
//!     labels: {tier: web}
//!     policy: {mode: enforce, exec: {deny: [/bin/sh]}}
//! ```

use super::names::Names;
use crate::{
    clock, output,
    response::{Action, Denied, Response},
};
use anyhow::Context as _;
use gabion_detect::{
    alert::{Object, Occasion, Ruling},
    engine::glob,
};
use gabion_model::{
    Container, ContainerKey, EventKind,
    event::{Endpoint, Verdict},
    workload::RunImage,
};
use gabion_node::{
    enforce::{Decision, Enforcer, Kind, Mode, Options, Policy, Step, What, word},
    sensor::Objects,
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PolicyFile {
    default: Policy,
    workloads: Vec<Workload>,
}

/// Containers, and their policy.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Workload {
    name: Option<String>,
    image: Option<String>,
    labels: BTreeMap<String, String>,
    policy: Policy,
}

impl Workload {
    fn fits(&self, container: &Container) -> bool {
        let RunImage { repository, tag, .. } = &container.image;
        let image = if tag.is_empty() { repository.clone() } else { format!("{repository}:{tag}") };
        let pod = container.pod.iter().flat_map(|pod| &pod.labels);
        let labels: BTreeMap<&str, &str> =
            container.labels.iter().chain(pod).map(|(name, value)| (&**name, &**value)).collect();
        let given = self.name.is_some() || self.image.is_some() || !self.labels.is_empty();
        given
            && self.name.as_ref().is_none_or(|glob| fits(glob, &container.name))
            && self.image.as_ref().is_none_or(|glob| fits(glob, &image) || fits(glob, repository))
            && self
                .labels
                .iter()
                .all(|(name, glob)| labels.get(&**name).is_some_and(|value| fits(glob, value)))
    }
}

/// Whether a text is of a pattern, whole.
fn fits(pattern: &str, text: &str) -> bool {
    glob::matches(pattern.as_bytes(), text.as_bytes(), false)
}

/// Reads a file of policies.
pub(super) fn read(file: &Path) -> anyhow::Result<PolicyFile> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    parse(&file.display().to_string(), &text)
}

/// Reads policies that somebody else has read, and calls so.
pub(super) fn parse(what: &str, text: &str) -> anyhow::Result<PolicyFile> {
    let mut file: PolicyFile = gabion_policy::read_yaml(what, text)?;
    let policies = file.workloads.iter_mut().map(|workload| &mut workload.policy);
    for (number, policy) in policies.enumerate().filter(|(_, policy)| policy.name.is_empty()) {
        policy.name = format!("workload {}", number + 1);
    }
    if file.default.name.is_empty() {
        file.default.name = "default".into();
    }
    Ok(file)
}

/// What is enforced, from the agent's side. Without a file of policies nothing is, until a response denies something.
#[derive(Debug)]
pub(super) struct Enforcement {
    state: PathBuf,
    enforcer: Option<Enforcer>,
    /// There is a file of policies.
    given: bool,
    file: PolicyFile,
    /// What responses deny: by their number, which container and what.
    denied: BTreeMap<u64, (String, Denied)>,
    /// The control groups that have a policy.
    groups: BTreeMap<ContainerKey, u64>,
}

/// Where the keeper has its files.
fn directory(state: &Path) -> PathBuf {
    state.join("keeper")
}

/// There while the keeper has nothing to do but what responses deny.
fn mark(state: &Path) -> PathBuf {
    state.join("keeper-for-responses")
}

/// Ends what an earlier agent has enforced.
pub(crate) fn stop(state: &Path) -> anyhow::Result<ExitCode> {
    Enforcer::find(Options::system(&directory(state)))?.stop()?;
    Ok(ExitCode::SUCCESS)
}

impl Enforcement {
    /// With policies, if there are any, and what responses have denied already.
    pub(super) fn start<'a>(
        policies: Option<PolicyFile>,
        state: &Path,
        active: impl Iterator<Item = &'a Response>,
        quiet: bool,
    ) -> anyhow::Result<Self> {
        let denied = active.filter_map(|response| match &response.action {
            Action::Deny { what, .. } => Some((response.id, (response.target.id.clone(), what.clone()))),
            _ => None,
        });
        let mut enforcement = Self {
            state: state.to_owned(),
            enforcer: None,
            given: policies.is_some(),
            file: policies.unwrap_or_default(),
            denied: denied.collect(),
            groups: BTreeMap::new(),
        };
        if enforcement.given || !enforcement.denied.is_empty() {
            enforcement.begin()?;
        }
        if enforcement.given {
            // What was there for responses only goes on for more.
            let _ = fs::remove_file(mark(state));
            enforcement.tell_default()?;
            for step in enforcement.ladder().iter().filter(|_| !quiet) {
                output::note(&format!("{} are decided about by {}", step.what, rungs(step)));
            }
        }
        Ok(enforcement)
    }

    /// Finds or starts the keeper.
    fn begin(&mut self) -> anyhow::Result<&mut Enforcer> {
        if self.enforcer.is_none() {
            let options = Options::system(&directory(&self.state));
            let begun = if let Ok(found) = Enforcer::find(options.clone()) {
                found
            } else {
                // Policies that an earlier agent was given are there for longer.
                if !self.given && !options.state.join("policies").exists() {
                    fs::write(mark(&self.state), "").context("cannot write to the state directory")?;
                }
                Enforcer::start(Options { default: self.file.default.clone(), ..options })?
            };
            self.enforcer = Some(begun);
        }
        self.enforcer.as_mut().context("there is no keeper")
    }

    /// A keeper that was there already has the default of an earlier file.
    fn tell_default(&mut self) -> anyhow::Result<()> {
        let default = self.file.default.clone();
        Ok(self.begin()?.set_default(&default)?)
    }

    fn ladder(&self) -> &[Step] {
        self.enforcer.as_ref().map_or(&[], Enforcer::ladder)
    }

    /// The keeper's process, and where its maps and links are pinned.
    pub(super) fn keeper(&self) -> Option<(u32, &Path)> {
        self.enforcer.as_ref().map(|enforcer| (enforcer.keeper(), enforcer.pins()))
    }

    /// What there is of it in the kernel.
    pub(super) fn objects(&self) -> Objects {
        self.enforcer.as_ref().map(Enforcer::objects).unwrap_or_default()
    }

    /// Enforces by other policies from now on, or by none.
    pub(super) fn replace(&mut self, policies: Option<PolicyFile>, names: &Names) -> anyhow::Result<()> {
        let was_given = std::mem::replace(&mut self.given, policies.is_some());
        self.file = policies.unwrap_or_default();
        if self.given {
            // What was there for responses only goes on for more.
            let _ = fs::remove_file(mark(&self.state));
        } else if !was_given {
            return Ok(());
        } else if self.denied.is_empty() {
            self.groups.clear();
            return self.enforcer.take().map_or(Ok(()), |enforcer| Ok(enforcer.stop()?));
        } else {
            fs::write(mark(&self.state), "").context("cannot write to the state directory")?;
        }
        self.tell_default()?;
        names.running().try_for_each(|container| self.tell(container, names))
    }

    /// The policy of a container, if it has one of its own.
    fn policy(&self, container: &Container) -> Option<Policy> {
        let found = self.file.workloads.iter().find(|workload| workload.fits(container));
        let mut denied = self.denied.values().filter(|(id, _)| *id == container.id).peekable();
        if denied.peek().is_none() {
            return found.map(|workload| workload.policy.clone());
        }
        let base = found.map_or(&self.file.default, |workload| &workload.policy);
        let mut policy = match base.mode {
            Mode::Enforce => base.clone(),
            // What it would only have told is not denied because something else is.
            _ => Policy { mode: Mode::Enforce, fail: base.fail, ..Policy::default() },
        };
        if policy.name.is_empty() {
            policy.name = "responses".into();
        }
        for (_, what) in denied {
            match what.clone() {
                Denied::Program(pattern) => policy.exec.deny.push(pattern),
                Denied::Digest(digest) => policy.exec.deny_digests.push(digest),
                Denied::Peer(peer) => policy.connect.deny.push(peer),
            }
        }
        Some(policy)
    }

    /// Tells the keeper which policy a container has. More may be known of it than before, so it may be another.
    fn tell(&mut self, container: &Container, names: &Names) -> anyhow::Result<()> {
        match (names.group(container.key), self.policy(container)) {
            (Some(group), Some(policy)) => {
                let name = if container.name.is_empty() { &container.id } else { &container.name };
                self.begin()?.set(group, name, &policy)?;
                self.groups.insert(container.key, group);
                Ok(())
            }
            _ => self.forget(container.key),
        }
    }

    /// A response denies something. Gives by what.
    pub(super) fn deny(
        &mut self,
        response: u64,
        container: &str,
        what: &Denied,
        names: &Names,
    ) -> anyhow::Result<String> {
        let running = names.running().find(|one| one.id == container).context("the container has ended")?;
        self.begin()?;
        let part = if matches!(what, Denied::Peer(_)) { Kind::Connect } else { Kind::Exec };
        let step = self.ladder().iter().find(|step| step.what == part);
        let step =
            step.filter(|step| !step.rungs.is_empty()).context("nothing here can decide about that")?;
        let by = rungs(step);
        self.denied.insert(response, (container.to_owned(), what.clone()));
        self.tell(running, names).inspect_err(|_| drop(self.denied.remove(&response)))?;
        Ok(by)
    }

    /// A response denies it no longer.
    pub(super) fn allow(&mut self, response: u64, names: &Names) -> anyhow::Result<()> {
        let Some((container, _)) = self.denied.remove(&response) else { return Ok(()) };
        if let Some(running) = names.running().find(|one| one.id == container) {
            self.tell(running, names)?;
        }
        if self.denied.is_empty()
            && mark(&self.state).exists()
            && let Some(enforcer) = self.enforcer.take()
        {
            enforcer.stop()?;
            fs::remove_file(mark(&self.state)).context("cannot write to the state directory")?;
        }
        Ok(())
    }

    /// Gives new containers their policy, forgets those that have ended, and gives what was decided and is to be told.
    pub(super) fn attend(&mut self, started: &[Container], names: &Names) -> anyhow::Result<Vec<Ruling>> {
        if self.enforcer.is_none() {
            return Ok(Vec::new());
        }
        started.iter().try_for_each(|container| self.tell(container, names))?;
        let ended: Vec<_> = self.groups.keys().filter(|key| names.group(**key).is_none()).copied().collect();
        ended.into_iter().try_for_each(|key| self.forget(key))?;
        let since_1970 = clock::booted()?;
        let mut rulings = Vec::new();
        self.begin()?.poll(&mut |decision| rulings.extend(ruling(decision, names, since_1970)))?;
        Ok(rulings)
    }

    fn forget(&mut self, key: ContainerKey) -> anyhow::Result<()> {
        if let Some(group) = self.groups.remove(&key) {
            self.begin()?.remove(group)?;
        }
        Ok(())
    }

    /// What was decided, in the end.
    pub(super) fn tell_end(self) -> anyhow::Result<()> {
        let Some(mut enforcer) = self.enforcer else { return Ok(()) };
        let stats = enforcer.stats()?;
        output::note(&format!(
            "{} decisions, {} of them without a record; enforcement goes on (gabion agent --stop-enforcing ends it)",
            stats.decided, stats.dropped
        ));
        Ok(())
    }
}

/// By what is decided, in words.
fn rungs(step: &Step) -> String {
    step.rungs.iter().map(|&rung| word(rung)).collect::<Vec<_>>().join(", ")
}

/// What was denied, or would have been where that is to be told.
fn ruling(decision: &Decision, names: &Names, since_1970: u64) -> Option<Ruling> {
    let by = match decision.verdict {
        Verdict::Denied(rung) => word(rung),
        Verdict::WouldDeny(rung) if decision.mode == Mode::Alert => word(rung),
        Verdict::WouldDeny(_) => return None,
        Verdict::Allowed => "fail mode",
        Verdict::None => "gap",
    };
    let file = |path: &[u8]| (String::from_utf8_lossy(path).into_owned(), Object::File(path.to_vec()));
    let (kind, wanted, object) = match &decision.what {
        What::Exec { path, .. } => {
            let (text, object) = file(path);
            (EventKind::Execve, format!("execute {text}"), object)
        }
        What::Open { path } => {
            let (text, object) = file(path);
            (EventKind::Openat, format!("open {text}"), object)
        }
        What::Connect { address, port, transport } => {
            let remote = Some(Endpoint { address: *address, port: *port });
            let wanted = format!("connect to {address} port {port} ({transport:?})");
            (EventKind::Connect, wanted, Object::Connection { local: None, remote })
        }
        What::Gap(nanoseconds) => {
            (EventKind::Drop, format!("anything, for {} ms", nanoseconds / 1_000_000), Object::None)
        }
    };
    Some(Ruling {
        time: since_1970 + decision.since_boot,
        occasion: Occasion { kind, task: decision.task, container: names.known(decision.cgroup) },
        verdict: decision.verdict,
        wanted,
        object,
        policy: decision.policy.clone(),
        rule: decision.rule.clone(),
        by,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_workload_that_fits_counts_and_one_without_conditions_fits_nothing() {
        let text = "
default: {mode: observe}
workloads:
  - policy: {mode: enforce}
  - {name: 'web-*', labels: {tier: web}, policy: {mode: enforce, exec: {default: deny, allow: [/usr/**]}}}
  - {image: 'shop/*', policy: {mode: alert, connect: {deny: [{net: 10.0.0.0/8, port: 22, transport: tcp}]}}}
";
        let file: PolicyFile = gabion_policy::read_yaml("policy.yaml", text).expect("a policy");
        let mut container = Container { name: "web-1".into(), ..Container::default() };
        let fitting =
            |container: &Container| file.workloads.iter().position(|workload| workload.fits(container));
        assert_eq!(fitting(&container), None);
        container.image.repository = "shop/front".into();
        assert_eq!(fitting(&container), Some(2));
        container.labels.push(("tier".into(), "web".into()));
        assert_eq!(fitting(&container), Some(1));
        let wrong = gabion_policy::read_yaml::<PolicyFile>(
            "policy.yaml",
            "workloads: [{policy: {exec: {deny: [sh]}}}]",
        );
        assert!(wrong.expect_err("refused").to_string().contains("it must begin with /"));
    }
}
