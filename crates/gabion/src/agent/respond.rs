//! Responses with their guard rails: what may be done, to whom, how often, for how long; and the way back.
//!
//! ```text
//!   operator ──┐                  never-touch list, kill switch
//!              ├──► wanted ──► budget (rules only) ──► dry run? ──► evidence ──► node::respond ──► audit
//!   rule    ───┘                                                                     │
//!                                             until it expires, or is undone ◄───────┘
//! ```

use super::{audit::Audit, enforce::Enforcement, names::Names};
use crate::response::{Action, Outcome, Response, Target};
use anyhow::{Context, anyhow, bail};
use gabion_detect::engine::glob;
use gabion_model::{Container, event::Task};
use gabion_node::respond::{self, Collected, Limits};
use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    path::{Path, PathBuf},
    thread::JoinHandle,
};

/// Responses that rules may cause in a workload within [`WINDOW`], and in all.
const BUDGET: usize = 5;
const BUDGET_OF_ALL: usize = 20;
/// Ten minutes, in nanoseconds.
const WINDOW: u64 = 600 * 1_000_000_000;
/// Containers of which evidence is collected at a time.
const MAX_COLLECTING: usize = 4;
/// The file of those who are held still while evidence is collected.
const HELD: &str = "held.json";

/// Programs of the host without which it is no host, or nobody can help it.
const NEVER: [&str; 12] = [
    "systemd",
    "init",
    "containerd",
    "containerd-shim",
    "containerd-shim-runc-v2",
    "dockerd",
    "podman",
    "conmon",
    "crio",
    "kubelet",
    "sshd",
    "gabion",
];

/// What is wanted.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) action: Action,
    pub(super) by: String,
    pub(super) reason: String,
    /// Caused by a rule: budgets hold.
    pub(super) automatic: bool,
    pub(super) dry_run: bool,
    /// Collect evidence first.
    pub(super) evidence: bool,
    /// For how long, in nanoseconds, if it lasts.
    pub(super) lasting: u64,
}

/// What becomes of what is wanted.
pub(super) enum Answer {
    /// It is done, or held back.
    Now(Box<Response>),
    /// Evidence is collected first; it comes from [`Responder::collected`], with this number.
    Later(u64),
}

/// A response for which evidence is collected, by a thread of its own: events go on meanwhile.
struct Collecting {
    wanted: Wanted,
    response: Response,
    evidence: JoinHandle<anyhow::Result<Collected>>,
}

/// Carries responses out.
pub(super) struct Responder {
    state: PathBuf,
    audit: Audit,
    /// Those that last, by number.
    active: BTreeMap<u64, Response>,
    /// When rules caused a response, and where.
    lately: VecDeque<(u64, String)>,
    never: Vec<String>,
    collecting: Vec<Collecting>,
}

impl Responder {
    /// Goes on with what was active. `never` are patterns of containers that are never touched.
    pub(super) fn open(state: &Path, never: &[String]) -> anyhow::Result<Self> {
        let audit = Audit::open(state)?;
        let path = state.join("active.json");
        let active: BTreeMap<u64, Response> = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!("cannot read {}\nhint: it lists responses that last", path.display())
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        thaw_held(state, &active);
        Ok(Self {
            state: state.to_owned(),
            audit,
            active,
            lately: VecDeque::new(),
            never: never.to_vec(),
            collecting: Vec::new(),
        })
    }

    /// Those that last.
    pub(super) fn active(&self) -> impl ExactSizeIterator<Item = &Response> {
        self.active.values()
    }

    fn switch(&self) -> PathBuf {
        self.state.join("responses.off")
    }

    /// Turns the kill switch: while it is off, nothing is done, whoever wants it.
    pub(super) fn turn(&self, on: bool) -> anyhow::Result<()> {
        let path = self.switch();
        let turned = if on { fs::remove_file(&path) } else { fs::write(&path, "") };
        match turned {
            Err(error) if on && error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            turned => turned.with_context(|| format!("cannot change {}", path.display())),
        }
    }

    /// Whether anything is done at all.
    pub(super) fn is_on(&self) -> bool {
        !self.switch().exists()
    }

    /// Does what is wanted, unless a guard rail holds it back. Either is recorded, before this returns.
    pub(super) fn respond(
        &mut self,
        wanted: &Wanted,
        names: &Names,
        enforcement: &mut Enforcement,
        now: u64,
    ) -> anyhow::Result<Answer> {
        let found = find(&wanted.action, names);
        let id = self.audit.last + 1;
        let mut response = Response {
            id,
            time: now,
            by: wanted.by.clone(),
            reason: wanted.reason.clone(),
            action: wanted.action.clone(),
            target: Target::default(),
            until: None,
            evidence: None,
            outcome: Outcome::Failed(String::new()),
        };
        response.outcome = match found {
            Err(error) => Outcome::Failed(format!("{error:#}")),
            Ok((target, container)) => {
                response.target = target;
                if let Some(why) = self.guard(wanted, &response.target, container, now) {
                    Outcome::HeldBack(why)
                } else {
                    if !wanted.dry_run {
                        self.begin(wanted, &mut response)?;
                    }
                    let mut told = Vec::new();
                    if !wanted.dry_run && wanted.evidence {
                        match self.collect(wanted, &response) {
                            Ok(()) => return Ok(Answer::Later(id)),
                            Err(error) => told.push(without_evidence(&error)),
                        }
                    }
                    carry_out(wanted, &response, told, names, enforcement)
                }
            }
        };
        Ok(Answer::Now(Box::new(self.finish(wanted, response)?)))
    }

    /// Records what became of it.
    fn finish(&mut self, wanted: &Wanted, mut response: Response) -> anyhow::Result<Response> {
        let id = response.id;
        if matches!(response.outcome, Outcome::Done(_)) {
            if wanted.automatic {
                self.lately.push_back((response.time, response.target.name.clone()));
            }
            if let Some(active) = self.active.get_mut(&id) {
                active.clone_from(&response);
            }
        } else if self.active.remove(&id).is_some() {
            response.until = None;
            self.keep_active()?;
        }
        self.audit.last = self.audit.last.max(id);
        self.audit.keep(&response)?;
        Ok(response)
    }

    /// Holds a container still and begins to collect.
    fn collect(&mut self, wanted: &Wanted, response: &Response) -> anyhow::Result<()> {
        let into = self.state.join("evidence").join(response.id.to_string());
        fs::create_dir_all(&into).with_context(|| format!("cannot make {}", into.display()))?;
        let response = Response { evidence: Some(into.display().to_string()), ..response.clone() };
        let group = response.target.group.clone().into_bytes();
        let groups = self.collecting.iter().map(|one| &one.response).chain([&response]);
        let groups: Vec<String> = groups.map(|response| response.target.group.clone()).collect();
        self.keep_held(&groups)?;
        let evidence = std::thread::spawn(move || {
            respond::freeze(&group)?;
            Ok(respond::collect(&group, &into, Limits::default())?)
        });
        self.collecting.push(Collecting { wanted: wanted.clone(), response, evidence });
        Ok(())
    }

    fn keep_held(&self, groups: &[String]) -> anyhow::Result<()> {
        let path = self.state.join(HELD);
        fs::write(&path, serde_json::to_vec(groups)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Goes on with the responses whose evidence has been collected; with `all`, once it has been. Gives what became of each, by its
    /// number.
    pub(super) fn collected(
        &mut self,
        all: bool,
        names: &Names,
        enforcement: &mut Enforcement,
    ) -> Vec<(u64, anyhow::Result<Response>)> {
        if !all && !self.collecting.iter().any(|one| one.evidence.is_finished()) {
            return Vec::new();
        }
        let (ready, left): (Vec<_>, Vec<_>) = std::mem::take(&mut self.collecting)
            .into_iter()
            .partition(|one| all || one.evidence.is_finished());
        self.collecting = left;
        let mut done = Vec::new();
        for Collecting { wanted, mut response, evidence } in ready {
            let collected = evidence.join().unwrap_or_else(|_| Err(anyhow!("whoever collected it failed")));
            let told = match collected {
                Ok(Collected { processes, files, left_out: 0, .. }) => {
                    format!("evidence of {processes} processes, {files} files")
                }
                Ok(Collected { processes, files, left_out, .. }) => {
                    format!("evidence of {processes} processes, {files} files, {left_out} left out")
                }
                Err(error) => {
                    response.evidence = None;
                    without_evidence(&error)
                }
            };
            response.outcome = carry_out(&wanted, &response, vec![told], names, enforcement);
            let stays =
                matches!((&wanted.action, &response.outcome), (Action::Freeze { .. }, Outcome::Done(_)));
            if !stays {
                // Whoever is gone needs no thawing.
                let _ = respond::thaw(response.target.group.as_bytes());
            }
            done.push((response.id, self.finish(&wanted, response)));
        }
        let groups: Vec<String> =
            self.collecting.iter().map(|one| one.response.target.group.clone()).collect();
        // If it cannot be written, the next agent thaws who is not frozen, which does nothing.
        let _ = self.keep_held(&groups);
        done
    }

    /// Nothing is done that cannot be recorded, or undone after a restart.
    fn begin(&mut self, wanted: &Wanted, response: &mut Response) -> anyhow::Result<()> {
        response.outcome = Outcome::Begun;
        if wanted.action.lasts() {
            response.until = Some(response.time.saturating_add(wanted.lasting));
            self.active.insert(response.id, response.clone());
        }
        let begun = self.keep_active().and_then(|()| self.audit.keep(response));
        if begun.is_err() {
            self.active.remove(&response.id);
        }
        self.audit.last = response.id;
        begun
    }

    /// Why it must not be done.
    fn guard(
        &mut self,
        wanted: &Wanted,
        target: &Target,
        container: Option<&Container>,
        now: u64,
    ) -> Option<String> {
        if !self.is_on() {
            return Some("responses are switched off (gabion respond on)".to_owned());
        }
        let program = target.program.rsplit('/').next().unwrap_or_default();
        if container.is_none() && NEVER.contains(&program) {
            return Some(format!("{program} of the host is never touched"));
        }
        if let Some(container) = container {
            let pod = container.pod.as_ref();
            if pod.is_some_and(|pod| pod.namespace == "kube-system") {
                return Some("containers of kube-system are never touched".to_owned());
            }
            let is_name =
                |pattern: &String| glob::matches(pattern.as_bytes(), container.name.as_bytes(), false);
            if self.never.iter().any(is_name) {
                return Some(format!("{} is on the list of what is never touched", container.name));
            }
        }
        if let Some(before) = self.collecting.iter().find(|one| one.response.target.id == target.id) {
            return Some(format!("evidence of it is being collected for response {}", before.response.id));
        }
        if wanted.evidence && self.collecting.len() >= MAX_COLLECTING {
            return Some(format!("evidence of {MAX_COLLECTING} containers is being collected"));
        }
        let same = |one: &&Response| one.action == wanted.action && one.target.id == target.id;
        if let Some(before) = self.active.values().find(same) {
            return Some(format!("response {} does so already", before.id));
        }
        if wanted.automatic {
            while self.lately.front().is_some_and(|(time, _)| now.saturating_sub(*time) >= WINDOW) {
                self.lately.pop_front();
            }
            let here = self.lately.iter().filter(|(_, name)| *name == target.name).count();
            if here >= BUDGET || self.lately.len() >= BUDGET_OF_ALL {
                return Some(format!(
                    "rules have caused {here} responses here and {} in all within ten minutes; {BUDGET} and {BUDGET_OF_ALL} are allowed",
                    self.lately.len()
                ));
            }
        }
        None
    }

    /// Undoes one that lasts.
    pub(super) fn undo(
        &mut self,
        id: u64,
        by: &str,
        names: &Names,
        enforcement: &mut Enforcement,
        now: u64,
    ) -> anyhow::Result<Response> {
        let Some(response) = self.active.get(&id).cloned() else {
            bail!("response {id} does not last, or has ended already\nhint: gabion respond list");
        };
        let group = response.target.group.as_bytes();
        if matches!(response.action, Action::Deny { .. }) {
            enforcement.allow(id, names).with_context(|| format!("response {id} could not be undone"))?;
        }
        let undone = match &response.action {
            Action::Freeze { .. } => respond::thaw(group).map(|()| "thawed".to_owned()),
            Action::Isolate { .. } => respond::release(&format!("response-{id}")).map(|dropped| {
                format!("released; {} packets out and {} in were dropped", dropped.sent, dropped.received)
            }),
            Action::Deny { what, .. } => Ok(format!("it is as before: {what}")),
            _ => Ok(String::new()),
        };
        let outcome = match undone {
            Ok(what) => Outcome::Undone(what),
            // The container is gone, and what was done to it with it.
            Err(respond::RespondError::File { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                Outcome::Undone("the container has ended".to_owned())
            }
            Err(error) => return Err(error).with_context(|| format!("response {id} could not be undone")),
        };
        self.active.remove(&id);
        self.keep_active()?;
        let undone = Response { time: now, by: by.to_owned(), until: None, outcome, ..response };
        self.audit.keep(&undone)?;
        Ok(undone)
    }

    /// Undoes what has lasted long enough. What cannot be undone is tried again.
    pub(super) fn expire(
        &mut self,
        names: &Names,
        enforcement: &mut Enforcement,
        now: u64,
    ) -> Vec<anyhow::Result<Response>> {
        let due = |one: &&Response| one.until.is_some_and(|until| until <= now);
        let ids: Vec<u64> = self.active.values().filter(due).map(|one| one.id).collect();
        ids.into_iter().map(|id| self.undo(id, "its end", names, enforcement, now)).collect()
    }

    fn keep_active(&self) -> anyhow::Result<()> {
        let (path, new) = (self.state.join("active.json"), self.state.join(".active.json.new"));
        fs::write(&new, serde_json::to_vec(&self.active)?)
            .and_then(|()| fs::rename(&new, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// To lose evidence is no reason to let go on what is to be stopped.
fn without_evidence(error: &anyhow::Error) -> String {
    format!("evidence could not be collected ({error:#})")
}

/// Who was held for evidence by an agent that ended meanwhile goes on, but for those that a response keeps frozen.
fn thaw_held(state: &Path, active: &BTreeMap<u64, Response>) {
    // What cannot be read names nobody.
    let held = fs::read(state.join(HELD)).unwrap_or_default();
    let groups: Vec<String> = serde_json::from_slice(&held).unwrap_or_default();
    let stays = |group: &String| {
        active.values().any(|one| matches!(one.action, Action::Freeze { .. }) && one.target.group == *group)
    };
    for group in groups.iter().filter(|group| !stays(group)) {
        // Who has ended needs no thawing.
        let _ = respond::thaw(group.as_bytes());
    }
}

/// Does it. `told` is what was done before.
fn carry_out(
    wanted: &Wanted,
    response: &Response,
    mut told: Vec<String>,
    names: &Names,
    enforcement: &mut Enforcement,
) -> Outcome {
    if wanted.dry_run {
        let evidence = if wanted.evidence { "collected evidence, then " } else { "" };
        return Outcome::WouldHave(format!("{evidence}{} {}", wanted.action, wanted.action.target()));
    }
    let group = response.target.group.as_bytes();
    let ended = |count| format!("{count} processes ended");
    let done = match &wanted.action {
        Action::Kill { pid, start } => {
            respond::kill(task(*pid, *start)).map(|()| "1 process ended".to_owned()).map_err(Into::into)
        }
        Action::KillTree { pid, start } => {
            respond::kill_tree(task(*pid, *start)).map(ended).map_err(anyhow::Error::from)
        }
        Action::KillContainer { .. } => respond::kill_all(group).map(ended).map_err(Into::into),
        Action::Freeze { .. } => respond::freeze(group).map(|()| "frozen".to_owned()).map_err(Into::into),
        Action::Isolate { peers, .. } => {
            let name = format!("response-{}", response.id);
            respond::isolate(group, &name, peers).map(|()| "isolated".to_owned()).map_err(Into::into)
        }
        Action::Deny { what, .. } => enforcement
            .deny(response.id, &response.target.id, what, names)
            .map(|by| format!("denied {what}, by {by}")),
        Action::Evidence { .. } if response.evidence.is_none() => return Outcome::Failed(told.join("; ")),
        Action::Evidence { .. } => return Outcome::Done(told.join("; ")),
    };
    let (what, outcome): (_, fn(String) -> Outcome) = match done {
        Ok(what) => (what, Outcome::Done),
        Err(error) => (format!("{error:#}"), Outcome::Failed),
    };
    told.push(what);
    outcome(told.join("; "))
}

const fn task(pid: u32, start: u64) -> Task {
    Task { pid, tid: pid, start }
}

/// Whom an action is about.
fn find<'a>(action: &Action, names: &'a Names) -> anyhow::Result<(Target, Option<&'a Container>)> {
    let (container, program) = match action {
        Action::Kill { pid, .. } | Action::KillTree { pid, .. } => {
            let program = fs::read_link(format!("/proc/{pid}/exe")).or_else(|_| {
                // A thread of the kernel runs no program; a process that ended is told as such.
                fs::read_to_string(format!("/proc/{pid}/comm")).map(|name| name.trim().into())
            });
            let program = program.with_context(|| format!("there is no process {pid}"))?;
            (names.of_process(*pid), program.display().to_string())
        }
        Action::KillContainer { container }
        | Action::Freeze { container }
        | Action::Isolate { container, .. }
        | Action::Deny { container, .. }
        | Action::Evidence { container } => (Some(names.named(container)?), String::new()),
    };
    let group = container.and_then(|container| names.path(container.key)).unwrap_or_default();
    let target = Target {
        id: container.map(|container| container.id.clone()).unwrap_or_default(),
        name: container.map(|container| container.name.clone()).unwrap_or_default(),
        group: String::from_utf8_lossy(group).into_owned(),
        program,
    };
    Ok((target, container))
}
