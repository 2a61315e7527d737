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
use crate::{clock, output};
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
use gabion_node::enforce::{Decision, Enforcer, Mode, Options, Policy, What, word};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PolicyFile {
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

/// What is enforced, from the agent's side.
#[derive(Debug)]
pub(super) struct Enforcement {
    enforcer: Enforcer,
    file: PolicyFile,
    /// The control groups that have a policy.
    groups: BTreeMap<ContainerKey, u64>,
}

/// Where the keeper has its files.
fn directory(state: &Path) -> PathBuf {
    state.join("keeper")
}

/// Ends what an earlier agent has enforced.
pub(crate) fn stop(state: &Path) -> anyhow::Result<ExitCode> {
    Enforcer::find(Options::system(&directory(state)))?.stop()?;
    Ok(ExitCode::SUCCESS)
}

impl Enforcement {
    pub(super) fn start(file: &Path, state: &Path, quiet: bool) -> anyhow::Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut file: PolicyFile = gabion_policy::read_yaml(&file.display().to_string(), &text)?;
        let policies = file.workloads.iter_mut().map(|workload| &mut workload.policy);
        for (number, policy) in policies.enumerate().filter(|(_, policy)| policy.name.is_empty()) {
            policy.name = format!("workload {}", number + 1);
        }
        if file.default.name.is_empty() {
            file.default.name = "default".into();
        }
        let options = Options { default: file.default.clone(), ..Options::system(&directory(state)) };
        let mut enforcer = Enforcer::start(options)?;
        // A keeper that was there already has the default of an earlier file.
        enforcer.set_default(&file.default)?;
        if !quiet {
            for step in enforcer.ladder() {
                let rungs: Vec<&str> = step.rungs.iter().map(|&rung| word(rung)).collect();
                output::note(&format!("{} are decided about by {}", step.what, rungs.join(", ")));
            }
        }
        Ok(Self { enforcer, file, groups: BTreeMap::new() })
    }

    /// Gives new containers their policy, forgets those that have ended, and gives what was decided and is to be told.
    pub(super) fn attend(&mut self, started: &[Container], names: &Names) -> anyhow::Result<Vec<Ruling>> {
        for container in started {
            let found = self.file.workloads.iter().find(|workload| workload.fits(container));
            // More may be known of it than before, so it may have another.
            match (names.group(container.key), found) {
                (Some(group), Some(workload)) => {
                    let name = if container.name.is_empty() { &container.id } else { &container.name };
                    self.enforcer.set(group, name, &workload.policy)?;
                    self.groups.insert(container.key, group);
                }
                _ => self.forget(container.key)?,
            }
        }
        let ended: Vec<_> = self.groups.keys().filter(|key| names.group(**key).is_none()).copied().collect();
        for key in ended {
            self.forget(key)?;
        }
        let since_1970 = clock::booted()?;
        let mut rulings = Vec::new();
        self.enforcer.poll(&mut |decision| rulings.extend(ruling(decision, names, since_1970)))?;
        Ok(rulings)
    }

    fn forget(&mut self, key: ContainerKey) -> anyhow::Result<()> {
        if let Some(group) = self.groups.remove(&key) {
            self.enforcer.remove(group)?;
        }
        Ok(())
    }

    /// What was decided, in the end.
    pub(super) fn tell_end(mut self) -> anyhow::Result<()> {
        let stats = self.enforcer.stats()?;
        output::note(&format!(
            "{} decisions, {} of them without a record; enforcement goes on (gabion agent --stop-enforcing ends it)",
            stats.decided, stats.dropped
        ));
        Ok(())
    }
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
