//! `gabion __keeper`: a small process that outlives the agent, and decides.
//!
//! ```text
//!   fanotify: may this be executed, opened? ──┐
//!   kernel: this was executed, may it run?  ──┼─► policy ─► content, if need be ─► record ─► answer
//!                                             │                  └ not in time: the fail mode
//!   kernel: this was decided                ──┴──────────────────────────────────► record
//!   agent: policies, records                ──► state, spool
//! ```
//! One thread does all of it but hashing, and waits for nothing but all of its sources at once. It opens no file that fanotify could
//! ask about but in the threads that hash, and answers questions about itself at once.

mod digests;
mod judge;
mod marks;
mod process;
mod serve;
mod spool;
mod state;

use super::{
    Decision, EnforceStats, Options, What,
    decision::Step,
    error::EnforceError,
    fanotify::Group,
    kernel::{
        Kernel, ladder,
        older::Older,
        wire::{Stamp, Told},
    },
    policy::Mode,
};
use crate::sensor::load::unified;
use digests::Digests;
use gabion_model::event::{Task, Verdict};
use judge::Pending;
use marks::Marks;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{FlockOperation, flock},
    process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit, setsid},
    time::{ClockId, clock_gettime},
};
use serve::Server;
use spool::Spool;
use state::State;
use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    time::Duration,
};

/// How often the kernel is told that the keeper lives, and deadlines are looked at.
pub(super) const TICK: Duration = Duration::from_millis(50);
/// For how long programs that were detached may still run, in nanoseconds.
const INHERIT: u64 = 1_000_000_000;
/// Most records of the kernel's ring that are taken at once, in bytes.
const BATCH: u64 = 256 << 10;

/// See the module's documentation.
pub(super) struct Keeper {
    group: Option<Group>,
    /// Why there is none.
    no_fanotify: Option<String>,
    kernel: Option<Kernel>,
    state: State,
    spool: Spool,
    digests: Digests,
    marks: Marks,
    agent: Agent,
    /// Questions whose answer takes a while, by number.
    pending: BTreeMap<u64, Pending>,
    asked: u64,
    /// The dynamic loaders of programs that were allowed last, by process; and the generation before that.
    loaders: [HashMap<u32, (u64, u64)>; 2],
    /// Files that nobody is asked about.
    ignored: usize,
    allowed: u64,
    passed: u64,
    /// What other versions of the programs have left, and until when is looked for more.
    older: Vec<(Older, u64)>,
    /// When all that does not say so by itself is looked at next, since boot.
    round: u64,
    stop: bool,
}

/// What rules are not for.
#[derive(Clone, Debug, Default)]
struct Agent {
    cgroup: u64,
    stamp: Stamp,
}

/// Runs until an agent says that it should stop.
pub(super) fn run(options: &Options) -> Result<(), EnforceError> {
    // The group leader of a session already, if somebody started it by hand.
    let _ = setsid();
    let failed = |error| EnforceError::State(options.state.clone(), error);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&options.state).map_err(failed)?;
    let lock = File::create(options.state.join("lock")).map_err(failed)?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| EnforceError::Taken(options.state.clone()))?;
    let limit = getrlimit(Resource::Nofile);
    // With fewer descriptors it does with fewer questions at once.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    // Whoever asks must not wait for the work of others.
    let _ = setpriority_process(None, -20);
    let mut keeper = Keeper::open(options)?;
    let mut server = Server::open(&options.state.join("socket")).map_err(failed)?;
    while !keeper.stop {
        keeper.turn(&mut server)?;
    }
    server.close();
    if let Some(kernel) = keeper.kernel.take() {
        kernel.remove().map_err(|error| EnforceError::Pins(options.pins.clone(), error))?;
    }
    // The next keeper must not go on with what was ended.
    fs::remove_file(options.state.join("policies")).map_err(failed)?;
    drop(lock);
    Ok(())
}

impl Keeper {
    fn open(options: &Options) -> Result<Self, EnforceError> {
        let failed = |error| EnforceError::State(options.state.clone(), error);
        let hierarchy =
            unified().ok_or_else(|| EnforceError::Start("no control groups of version 2".into()))?;
        let scope = options.scope.as_ref().map(|path| fs::metadata(path).map(|meta| meta.ino())).transpose();
        let scope = scope.map_err(failed)?;
        let fallback = options.default.clone();
        let state = State::open(&options.state.join("policies"), hierarchy, scope, fallback)?;
        let spool = Spool::open(&options.state.join("spool"), options.spool.unwrap_or(spool::CAP))?;
        let (group, no_fanotify) = match Group::new() {
            Ok(group) => (Some(group), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let agent = agent(&options.agent);
        let mut keeper = Self {
            group,
            no_fanotify,
            kernel: None,
            spool,
            digests: Digests::new().map_err(failed)?,
            marks: Marks::new(),
            agent,
            pending: BTreeMap::new(),
            asked: 0,
            loaders: [HashMap::new(), HashMap::new()],
            ignored: 0,
            allowed: 0,
            passed: 0,
            older: Vec::new(),
            round: 0,
            stop: false,
            state,
        };
        keeper.load(options)?;
        Ok(keeper)
    }

    /// Finds or loads the programs, tells them all policies, and decides about whoever has waited meanwhile.
    fn load(&mut self, options: &Options) -> Result<(), EnforceError> {
        let known = self.state.reasons.clone();
        let mut kernel = Kernel::open(&options.pins, options.scope.as_deref(), known)?;
        let agent = (self.agent.cgroup, self.agent.stamp);
        self.state.fill(&mut kernel, agent)?;
        self.state.reasons = kernel.reasons.clone();
        self.state.save()?;
        kernel.forget_spaces();
        let (found, last) = (kernel.found, kernel.last_beat());
        kernel.beat(now())?;
        let older = kernel.replace(false).map_err(|error| EnforceError::Pins(options.pins.clone(), error))?;
        self.older = older.into_iter().map(|older| (older, now() + INHERIT)).collect();
        self.kernel = Some(kernel);
        if found && last > 0 {
            self.gap(now().saturating_sub(last));
        } else {
            // The places of the spool are still those of the ring before.
            self.inherit(true);
            self.spool.new_ring();
        }
        for (group, policy) in self.state.groups() {
            self.mark_group(group, &policy);
        }
        let held = self.kernel.as_ref().map(Kernel::held).unwrap_or_default();
        for told in held {
            self.told(told, 0);
        }
        Ok(())
    }

    /// Goes on with what other versions of the programs have begun. `first`: some of it may be in the spool already.
    fn inherit(&mut self, first: bool) {
        let time = now();
        for (mut older, until) in std::mem::take(&mut self.older) {
            let told = older.told(|place| first && self.spool.has(place));
            let recorded = told.len() as u64;
            for told in told {
                self.told(told, 0);
            }
            let [decided, lost, allowed, passed] = older.counted();
            self.spool.inherit(decided.saturating_sub(recorded), lost);
            self.allowed += allowed;
            self.passed += passed;
            for pid in older.held() {
                self.hold(pid);
            }
            if time < until {
                self.older.push((older, until));
            }
        }
    }

    /// A process was stopped by another version, and waits.
    fn hold(&mut self, pid: u32) {
        let exe = rustix::fs::stat(format!("/proc/{pid}/exe")).ok();
        let found = self.state.of(pid).zip(exe);
        let hold = found.and_then(|(found, exe)| {
            let policy = self.state.number_of(&found.policy)?;
            Some(Told::write_hold(now(), found.group, process::start(pid), process::stamp(&exe), policy))
        });
        // It goes into our own table, so that whoever comes after us finds it.
        let told = hold.and_then(|hold| {
            self.kernel.as_ref()?.hold(pid, &hold).ok()?;
            Told::hold(pid, &hold)
        });
        match told {
            Some(told) => self.told(told, 0),
            // Nothing is said against it any more, or it is gone.
            None => self.go_on(pid),
        }
    }

    /// Nobody has decided for so long.
    fn gap(&mut self, nanoseconds: u64) {
        let decision = Decision {
            number: 0,
            since_boot: now(),
            cgroup: 0,
            container: String::new(),
            task: Task::default(),
            what: What::Gap(nanoseconds),
            verdict: Verdict::None,
            mode: Mode::Observe,
            policy: String::new(),
            rule: String::new(),
        };
        self.spool.add(decision, 0);
    }

    /// Waits for a moment, and does all there is to do. Questions come first; all else is looked at when it says so, and now and then.
    fn turn(&mut self, server: &mut Server) -> Result<(), EnforceError> {
        let time = now();
        let next = self.pending.values().map(|pending| pending.deadline).chain([self.round]).min();
        let wait = Duration::from_nanos(next.unwrap_or(time).saturating_sub(time)).min(TICK);
        let wait = Timespec { tv_sec: 0, tv_nsec: wait.subsec_nanos().into() };
        let mut fds = vec![PollFd::new(self.digests.waits(), PollFlags::IN)];
        let ring = self.kernel.as_ref().map(Kernel::waits);
        fds.extend(ring.map(|ring| PollFd::from_borrowed_fd(ring, PollFlags::IN)));
        server.poll(&mut fds);
        fds.extend(self.group.as_ref().map(|group| PollFd::new(group, PollFlags::IN)));
        // Interrupted: then there is nothing to do.
        let ready = poll(&mut fds, Some(&wait)).unwrap_or(0);
        let asked = self.group.is_some() && fds.last().is_some_and(|fd| !fd.revents().is_empty());
        drop(fds);
        if asked {
            self.questions();
        }
        let time = now();
        if ready == usize::from(asked) && next.is_some_and(|next| time < next) {
            return Ok(());
        }
        self.round = time + TICK.as_nanos() as u64;
        if let Some(kernel) = &self.kernel {
            kernel.beat(time)?;
        }
        self.decided();
        if !self.older.is_empty() {
            self.inherit(false);
        }
        for (id, digest) in self.digests.hashed() {
            self.hashed(id, digest);
        }
        self.overdue();
        server.serve(|request| self.request(request));
        Ok(())
    }

    /// What fanotify asks.
    fn questions(&mut self) {
        // Not for ever: others wait, too.
        for _ in 0..64 {
            let asked = match self.group.as_ref().map(Group::asked) {
                Some(Ok(asked)) if !asked.is_empty() => asked,
                // What could not be handed over was denied by the kernel.
                _ => return,
            };
            for asked in asked {
                self.question(asked);
            }
        }
    }

    /// What the kernel has decided, or asks.
    fn decided(&mut self) {
        let Some(kernel) = &mut self.kernel else { return };
        let mut told = Vec::new();
        let (ring, spool) = (&mut kernel.ring, &self.spool);
        let mut places = Vec::new();
        ring.gather(ring.end(), BATCH, |place| places.push(place));
        for place in places {
            // Behind its beginning, as 0 is no place.
            let at = place.offset + 1;
            if !spool.has(at) {
                told.extend(super::kernel::wire::Told::read(ring.bytes(place)).map(|told| (told, at)));
            }
        }
        for (told, at) in told {
            self.told(told, at);
        }
        if let Some(kernel) = &mut self.kernel {
            kernel.ring.release();
        }
    }

    fn stats(&self) -> EnforceStats {
        let [kernel, lost, allowed, passed] = self.kernel.as_ref().map(Kernel::counts).unwrap_or_default();
        let (recorded, decided, dropped) = self.spool.numbers();
        EnforceStats {
            decided: decided + kernel,
            recorded,
            dropped: dropped + lost,
            allowed: self.allowed + allowed,
            passed: self.passed + passed,
            waiting: self.spool.waiting().len() as u64,
            pending: self.pending.len() as u64,
        }
    }

    fn ladder(&self) -> Vec<Step> {
        ladder(&self.state.reasons, self.no_fanotify.as_deref())
    }
}

/// The agent's control group, unless it is everybody's, and its program.
fn agent(of: &super::AgentProgram) -> Agent {
    let Ok(stat) = rustix::fs::stat(&of.program) else { return Agent::default() };
    Agent { cgroup: of.cgroup, stamp: process::stamp(&stat) }
}

/// Nanoseconds since boot, as the programs of the kernel count.
pub(super) fn now() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}
