//! From a question to its answer.

use super::{Keeper, now, process, state::Found};
use crate::enforce::{
    Decision, What,
    compiled::{Compiled, Judged, RULE_FAIL},
    decision,
    fanotify::{Asked, EXEC},
    kernel::wire::{self, Stamp, Told},
    policy::FailMode,
};
use gabion_model::{
    Digest,
    event::{Rung, Task, Verdict},
};
use rustix::{
    fd::{AsFd, AsRawFd as _, OwnedFd},
    fs::{fstat, stat},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use std::{
    fs::File,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

/// Generations of loaders are of this size.
const LOADERS: usize = 4096;

/// Programs that nobody need be asked about.
const IGNORED: usize = 8192;

/// Who waits for the answer.
#[derive(Debug)]
enum Waits {
    /// A call, for fanotify's answer about this file.
    Call(File),
    /// A process that was stopped before its first instruction.
    Stopped(Option<OwnedFd>),
    /// Nobody: it runs already, as nothing is enforced.
    Nobody,
}

/// A question about a program whose content must be known.
#[derive(Debug)]
pub(super) struct Pending {
    waits: Waits,
    who: Who,
    program: Program,
    /// Since boot.
    pub(super) deadline: u64,
}

/// What is to be executed.
#[derive(Debug)]
struct Program {
    path: Vec<u8>,
    /// Its path still leads to it.
    kept: bool,
    device: u64,
    inode: u64,
    stamp: Stamp,
}

/// Who asks, and who decides.
#[derive(Clone, Debug)]
struct Who {
    task: Task,
    found: Found,
}

impl Keeper {
    /// Fanotify asks about a file.
    pub(super) fn question(&mut self, asked: Asked) {
        let Asked { mask, pid, file } = asked;
        if pid == std::process::id() {
            return self.answer(&Waits::Call(file), pid, true);
        }
        let found = self.state.of(pid);
        let Some((found, stat)) = found.and_then(|found| Some((found, fstat(&file).ok()?))) else {
            self.passed += 1;
            return self.answer(&Waits::Call(file), pid, true);
        };
        let stamp = process::stamp(&stat);
        if self.agent.cgroup != 0 && found.group == self.agent.cgroup && stamp == self.agent.stamp {
            self.passed += 1;
            return self.answer(&Waits::Call(file), pid, true);
        }
        let kept = stat.st_nlink > 0;
        let path = process::link(&format!("/proc/self/fd/{}", file.as_raw_fd()), kept);
        let who = Who { task: Task { pid, tid: pid, start: 0 }, found };
        if mask & EXEC == 0 {
            let judged = who.found.policy.file(&path);
            let what = What::Open { path };
            return self.settle(&Waits::Call(file), who, what, judged);
        }
        let identity = (stat.st_dev, stat.st_ino);
        // What the kernel opens for a program that was allowed.
        if self.loaders.iter().any(|loaders| loaders.get(&pid) == Some(&identity)) {
            return self.answer(&Waits::Call(file), pid, true);
        }
        let reader = if who.found.policy.has_digests() { file.try_clone().ok() } else { None };
        let program = Program { path, kept, device: stat.st_dev, inode: stat.st_ino, stamp };
        self.program(Waits::Call(file), who, program, move || reader);
    }

    /// The kernel has decided, or asks about a program that was not checked before it was executed.
    pub(super) fn told(&mut self, told: Told, place: u64) {
        let ask = told.what == wire::ASK;
        let waits = if told.held { Waits::Stopped(pidfd(told.pid)) } else { Waits::Nobody };
        if ask && told.held && !self.is_waiting(told.pid) {
            return;
        }
        let policy = match self.state.policy(told.policy) {
            Some(policy) => Arc::clone(policy),
            // Its policy has gone meanwhile, so nothing is said against it.
            None if ask => return self.answer(&waits, told.pid, true),
            None => Arc::new(Compiled::gone()),
        };
        let mut container = self.state.container(told.cgroup);
        if container.is_empty() {
            // In a group within that of its container.
            container = self.state.of(told.pid).map(|found| found.container).unwrap_or_default();
        }
        let task = Task { pid: told.pid, tid: told.tid, start: told.start };
        let who = Who { task, found: Found { group: told.cgroup, container, policy } };
        if !ask {
            return self.kernel_decided(&told, who, place);
        }
        self.mark(told.pid, &who.found.policy);
        let exe = format!("/proc/{}/exe", told.pid);
        let found = stat(&exe).ok().filter(|stat| process::stamp(stat) == told.stamp);
        let (path, kept, identity) = match found {
            Some(stat) => {
                let kept = stat.st_nlink > 0;
                (process::link(&exe, kept), kept, (stat.st_dev, stat.st_ino))
            }
            // It is gone: what is left is what the caller named.
            None => (told.text, true, (0, 0)),
        };
        let program = Program { path, kept, device: identity.0, inode: identity.1, stamp: told.stamp };
        self.program(waits, who, program, move || File::open(exe).ok());
    }

    /// A process that was stopped goes on.
    pub(super) fn go_on(&self, pid: u32) {
        self.answer(&Waits::Stopped(pidfd(pid)), pid, true);
    }

    /// A process was stopped, and nobody has looked at it yet. An earlier keeper may have answered before it died.
    fn is_waiting(&self, pid: u32) -> bool {
        let known =
            |pending: &Pending| pending.who.task.pid == pid && matches!(pending.waits, Waits::Stopped(_));
        self.kernel.as_ref().is_some_and(|kernel| kernel.is_held(pid)) && !self.pending.values().any(known)
    }

    /// Has fanotify ask about what a process has mounted, as far as the policy needs that.
    fn mark(&self, pid: u32, policy: &Compiled) {
        let lsm = self.kernel.as_ref().is_some_and(|kernel| kernel.uses("lsm"));
        let files = policy.has_files() && !lsm;
        if (files || policy.has_digests() || policy.has_exec() && !lsm)
            && let Some(group) = &self.group
        {
            self.marks.mark(group, pid, files);
        }
    }

    /// The same for all that runs in a control group.
    pub(super) fn mark_group(&self, group: u64, policy: &Compiled) {
        let Some(directory) = self.state.directory(group) else { return };
        for pid in process::members(&directory) {
            self.mark(pid, policy);
        }
    }

    fn kernel_decided(&mut self, told: &Told, who: Who, place: u64) {
        let Some(rung) = decision::rung(told.rung) else { return };
        let verdict = match told.verdict {
            1 => Verdict::Allowed,
            2 => Verdict::WouldDeny(rung),
            _ => Verdict::Denied(rung),
        };
        let path = told.text.clone();
        let what = match told.what {
            wire::EXEC => What::Exec { path, digest: None },
            wire::OPEN => What::Open { path },
            _ => What::Connect {
                address: IpAddr::V6(Ipv6Addr::from_bits(told.address)).to_canonical(),
                port: told.port,
                transport: decision::protocol(told.protocol),
            },
        };
        self.spool.add(record(told.time, who, what, verdict, told.rule), place);
    }

    /// Decides about a program, now or when its content is known.
    fn program(
        &mut self,
        waits: Waits,
        who: Who,
        program: Program,
        open: impl FnOnce() -> Option<File> + Send + 'static,
    ) {
        let policy = Arc::clone(&who.found.policy);
        if let Some(judged) = policy.program(&program.path, program.kept) {
            return self.finish(&waits, who, program, None, judged);
        }
        let key = (program.device, program.inode, program.stamp);
        if let Some(digest) = self.digests.known(&key) {
            let judged = policy.program_with(&program.path, program.kept, &digest);
            return self.finish(&waits, who, program, Some(digest), judged);
        }
        self.asked += 1;
        let deadline = now() + u64::from(policy.policy.fail.deadline_ms) * 1_000_000;
        self.pending.insert(self.asked, Pending { waits, who, program, deadline });
        if !self.digests.start(self.asked, key, open) {
            self.fail(self.asked);
        }
    }

    /// The content of a program is known, or cannot be.
    pub(super) fn hashed(&mut self, id: u64, digest: Option<Digest>) {
        let Some(digest) = digest else { return self.fail(id) };
        let Some(Pending { waits, who, program, .. }) = self.pending.remove(&id) else { return };
        let judged = who.found.policy.program_with(&program.path, program.kept, &digest);
        self.finish(&waits, who, program, Some(digest), judged);
    }

    /// Decides about whatever has waited for too long.
    pub(super) fn overdue(&mut self) {
        let time = now();
        let late: Vec<u64> =
            self.pending.iter().filter(|(_, pending)| pending.deadline <= time).map(|(id, _)| *id).collect();
        for id in late {
            self.digests.give_up(id);
            self.fail(id);
        }
    }

    /// What cannot be decided is decided by the fail mode.
    fn fail(&mut self, id: u64) {
        let Some(Pending { waits, who, program, .. }) = self.pending.remove(&id) else { return };
        let deny = who.found.policy.policy.fail.mode == FailMode::Closed;
        self.finish(&waits, who, program, None, Judged { deny, rule: RULE_FAIL });
    }

    fn finish(&mut self, waits: &Waits, who: Who, program: Program, digest: Option<Digest>, judged: Judged) {
        let pid = who.task.pid;
        let denied = judged.deny && who.found.policy.enforces();
        if let Waits::Call(file) = waits {
            let checked = self.kernel.as_ref().is_some_and(|kernel| kernel.uses("exec"));
            if denied && checked && is_loader(&program.path) {
                // It may be that of a program that was allowed. Whatever is executed without an approval is looked at before its
                // first instruction, so this one, too, if it is executed itself.
                self.passed += 1;
                return self.answer(waits, pid, true);
            }
            let name = process::loader(file);
            let loader = (!denied && who.found.policy.exec_denied())
                .then(|| process::find(pid, name.as_ref()?))
                .flatten();
            let usual = name.as_ref().is_none_or(|name| is_loader(name));
            let by_path = !who.found.policy.has_digests() && !who.found.policy.has_files();
            if !denied && checked && usual && by_path && process::is_elf(file) {
                self.ignore(file, loader.as_ref().map(|(loader, _)| loader));
            }
            self.remember_loader(pid, loader.map(|(_, identity)| identity));
            if !denied && let Some(kernel) = &self.kernel {
                // Without it the program is asked about once more, before its first instruction.
                let _ = kernel.approve(pid, program.stamp);
            }
        }
        self.settle(waits, who, What::Exec { path: program.path, digest }, judged);
    }

    /// Nobody need be asked about a program that was allowed, until it is written to or policies change: by which path it is executed is
    /// looked at in the kernel, before its first instruction. Nor about its loader, which is opened for it each time.
    fn ignore(&mut self, program: &File, loader: Option<&OwnedFd>) {
        if self.ignored >= IGNORED {
            self.renewed();
        }
        let Some(group) = &self.group else { return };
        for file in [Some(program.as_fd()), loader.map(AsFd::as_fd)].into_iter().flatten() {
            // If it cannot be, it is asked about.
            self.ignored += usize::from(group.ignore(EXEC, file).is_ok());
        }
    }

    /// Policies have changed: all programs are asked about again.
    pub(super) fn renewed(&mut self) {
        if self.ignored > 0
            && let Some(group) = &self.group
        {
            // Those that are not asked about are denied by a signal then.
            let _ = group.ignore_none();
            self.ignored = 0;
        }
    }

    /// The kernel opens the loader of a program that was allowed, and asks about it, too.
    fn remember_loader(&mut self, pid: u32, loader: Option<(u64, u64)>) {
        if self.loaders[0].len() >= LOADERS {
            self.loaders.swap(0, 1);
            self.loaders[0].clear();
        }
        for loaders in &mut self.loaders {
            loaders.remove(&pid);
        }
        self.loaders[0].extend(loader.map(|loader| (pid, loader)));
    }

    /// Records what was decided, and answers.
    fn settle(&mut self, waits: &Waits, mut who: Who, what: What, judged: Judged) {
        let (pid, rung) = (who.task.pid, waits.rung());
        let denied = judged.deny && who.found.policy.enforces();
        let verdict = match (judged.deny, denied) {
            (true, true) => Verdict::Denied(rung),
            (true, false) => Verdict::WouldDeny(rung),
            (false, _) => Verdict::Allowed,
        };
        if judged.deny || judged.rule == RULE_FAIL {
            if who.task.start == 0 {
                who.task.start = process::start(pid);
            }
            self.spool.add(record(now(), who, what, verdict, judged.rule), 0);
        } else {
            self.allowed += 1;
        }
        self.answer(waits, pid, !denied);
    }

    fn answer(&self, waits: &Waits, pid: u32, allow: bool) {
        match waits {
            Waits::Call(file) => {
                if let Some(group) = &self.group {
                    group.answer(file.as_fd(), allow);
                }
            }
            Waits::Stopped(process) => {
                if let Some(kernel) = &self.kernel {
                    kernel.release(pid);
                }
                if let Some(process) = process {
                    // Somebody may have killed it meanwhile.
                    let _ = pidfd_send_signal(process, if allow { Signal::CONT } else { Signal::KILL });
                }
            }
            Waits::Nobody => {}
        }
    }
}

impl Waits {
    fn rung(&self) -> Rung {
        match self {
            Self::Call(_) => Rung::Fanotify,
            Self::Stopped(_) | Self::Nobody => Rung::Kill,
        }
    }
}

/// Whether a file is called as dynamic loaders are: `ld-linux-x86-64.so.2`, `ld-musl-x86_64.so.1`, `ld.so.1`, `ld64.so.2`.
fn is_loader(path: &[u8]) -> bool {
    let name = path.rsplit(|&b| b == b'/').next().unwrap_or_default();
    [&b"ld-"[..], b"ld.so", b"ld64.so"].iter().any(|start| name.starts_with(start))
}

fn pidfd(pid: u32) -> Option<OwnedFd> {
    pidfd_open(Pid::from_raw(pid.cast_signed())?, PidfdFlags::empty()).ok()
}

fn record(since_boot: u64, who: Who, what: What, verdict: Verdict, rule: u32) -> Decision {
    let Found { group, container, policy } = who.found;
    Decision {
        number: 0,
        since_boot,
        cgroup: group,
        container,
        task: who.task,
        what,
        verdict,
        mode: policy.policy.mode,
        policy: policy.policy.name.clone(),
        rule: policy.rule(rule).to_owned(),
    }
}
