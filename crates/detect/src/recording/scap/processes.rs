//! Who runs: from the list at the beginning of the recording, and from `clone`, `execve` and `procexit` on.

use super::event::Call;
use super::files::{self, Files, What};
use super::{containers, lists};
use gabion_model::event::{Credentials, Executable, Process, Task};
use gabion_model::workload::ContainerKey;
use std::sync::Arc;

/// A process.
#[derive(Clone, Debug, Default)]
pub(super) struct Running {
    pub(super) task: Task,
    pub(super) parent: u32,
    pub(super) vpid: u32,
    pub(super) vsid: u32,
    pub(super) vpgid: u32,
    pub(super) sid: u32,
    pub(super) pgid: u32,
    pub(super) tty: u32,
    pub(super) cwd: Arc<[u8]>,
    pub(super) credentials: Credentials,
    pub(super) program: Arc<Program>,
    pub(super) container: ContainerKey,
    pub(super) files: Files,
    pub(super) birth: Birth,
}

/// Which of the two events that tell of a new process was seen, if the other is still to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Birth {
    /// Both, or it is too late for the other.
    #[default]
    Done,
    /// The `clone` that returned in the parent.
    Parent,
    /// The `clone` that returned in the child.
    Child,
}

/// What it executes; shared with those that it forks. Texts stay as the file has them, ended by NUL each: a file of NULs would become
/// many times as large.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    comm: Vec<u8>,
    /// What it was called as; none if nothing was told yet.
    called: Option<Vec<u8>>,
    args: Vec<u8>,
    env: Vec<u8>,
    exe: Executable,
    exec_time: u64,
    found: bool,
}

/// A number of a process or user; those of Linux fit.
pub(super) fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

impl Running {
    /// One of which nothing is known but that it did something.
    pub(super) fn unknown(tid: u64) -> Self {
        let nobody = u32::MAX;
        Self {
            task: Task { pid: 0, tid: narrow(tid), start: 0 },
            credentials: Credentials { uid: nobody, gid: nobody, loginuid: nobody, ..Credentials::default() },
            ..Self::default()
        }
    }

    /// One that ran before the recording began.
    pub(super) fn found(from: &lists::Thread<'_>, container: ContainerKey) -> Self {
        let host = from.vpid == from.pid;
        Self {
            task: Task { pid: narrow(from.pid), tid: narrow(from.pid), start: 0 },
            parent: narrow(from.parent),
            vpid: narrow(from.vpid),
            vsid: if host { narrow(from.sid) } else { 0 },
            vpgid: narrow(from.vpgid),
            sid: narrow(from.sid),
            pgid: narrow(from.pgid),
            tty: from.tty,
            cwd: from.cwd.into(),
            credentials: from.credentials,
            program: Arc::new(Program {
                comm: from.comm.to_vec(),
                called: Some(from.exe.to_vec()),
                args: from.args.to_vec(),
                env: from.env.to_vec(),
                exe: Executable {
                    path: from.exe_path.to_vec(),
                    ino: from.exe_ino,
                    ctime: from.exe_ctime,
                    mtime: from.exe_mtime,
                    upper_layer: from.exe_upper,
                    memfd: from.exe_memfd,
                    writable: from.exe_writable,
                    ..Executable::default()
                },
                exec_time: 0,
                found: true,
            }),
            container,
            files: Files::new(),
            birth: Birth::Done,
        }
    }

    /// A child that has all of this one but its number.
    pub(super) fn child(&self, pid: u32, start: u64) -> Self {
        Self { task: Task { pid, tid: pid, start }, parent: self.task.pid, vpid: pid, ..self.clone() }
    }

    /// What `clone` tells of the process that it made, where that is the one that speaks.
    pub(super) fn cloned(&mut self, call: Call<'_, '_>) {
        if let Some(parent) = call.uint("ptid") {
            self.parent = narrow(parent);
        }
        if let Some(vpid) = call.uint("vpid") {
            self.vpid = narrow(vpid);
        }
        if let Some(uid) = call.uint32("uid") {
            self.credentials.uid = uid;
        }
        if let Some(gid) = call.uint32("gid") {
            self.credentials.gid = gid;
        }
        if self.program.called.is_none() {
            // Its parent was never seen.
            self.program = Arc::new(Program { found: true, ..Program::told(call, 0) });
            self.cwd = call.text("cwd").unwrap_or_default().into();
        }
    }

    /// It executes another program from here on.
    pub(super) fn executed(&mut self, call: Call<'_, '_>, time: u64) {
        if self.task.pid == 0 {
            // It was not known before, and tells who it is now.
            let pid = call.uint("pid").map_or(self.task.tid, narrow);
            self.task = Task { pid, tid: pid, start: 0 };
            self.vpid = pid;
        }
        let mut program = Program::told(call, time);
        if let Some(cwd) = call.text("cwd").filter(|cwd| !cwd.is_empty()) {
            self.cwd = cwd.into();
        }
        program.exe.path = self.executable(call);
        if let Some(parent) = call.uint("ptid") {
            self.parent = narrow(parent);
        }
        let numbers = [("tty", &mut self.tty), ("vpgid", &mut self.vpgid), ("pgid", &mut self.pgid)];
        for (name, number) in numbers {
            if let Some(told) = call.uint(name) {
                *number = narrow(told);
            }
        }
        let credentials = &mut self.credentials;
        let users = [
            ("loginuid", &mut credentials.loginuid),
            ("uid", &mut credentials.uid),
            ("gid", &mut credentials.gid),
        ];
        for (name, user) in users {
            if let Some(told) = call.uint32(name) {
                *user = told;
            }
        }
        let sets = [
            ("cap_inheritable", &mut credentials.inheritable),
            ("cap_permitted", &mut credentials.permitted),
            ("cap_effective", &mut credentials.effective),
        ];
        for (name, set) in sets {
            if let Some(told) = call.uint(name) {
                *set = told;
            }
        }
        self.program = Arc::new(program);
        // It has done something: another that is made under its number is another.
        self.birth = Birth::Done;
    }

    /// The path of the program: as the kernel resolved it, else as it was asked for.
    fn executable(&self, call: Call<'_, '_>) -> Vec<u8> {
        if let Some(path) = call.text("trusted_exepath").filter(|path| !path.is_empty()) {
            return path.to_vec();
        }
        let name =
            call.entered("filename").or_else(|| call.entered("pathname")).or_else(|| call.raw("filename"));
        let Some(name) = name.map(super::event::until_nul).filter(|&name| name != b"<NA>") else {
            return call.text("exe").filter(|exe| exe.starts_with(b"/")).unwrap_or_default().to_vec();
        };
        let directory = match call.int("dirfd").map(|dirfd| self.files.get(&dirfd)) {
            Some(Some(files::File { what: What::Directory(path) | What::File { path, .. }, .. })) => path,
            _ => &self.cwd,
        };
        files::absolute(directory, name).map(|path| path.to_vec()).unwrap_or_default()
    }

    /// As events tell it.
    pub(super) fn tell(&self) -> Process {
        let Program { comm, called, args, env, exe, exec_time, found } = &*self.program;
        Process {
            parent: self.parent,
            vpid: self.vpid,
            vsid: self.vsid,
            vpgid: self.vpgid,
            sid: self.sid,
            pgid: self.pgid,
            comm: comm.clone(),
            args: called.iter().cloned().chain(split(args)).collect(),
            args_cut: 0,
            env: split(env).collect(),
            env_cut: 0,
            cwd: self.cwd.to_vec(),
            tty: self.tty,
            credentials: self.credentials,
            exe: exe.clone(),
            found: *found,
            exec_time: *exec_time,
        }
    }
}

impl Program {
    /// What `clone` and `execve` tell of it.
    fn told(call: Call<'_, '_>, time: u64) -> Self {
        let exe = call.text("exe").unwrap_or_default();
        // The first programs did not tell the name of the thread.
        let comm = call.text("comm").map_or_else(|| short_name(exe), <[u8]>::to_vec);
        let flags = call.uint("exe_flags").unwrap_or_default();
        let number = |name| call.uint(name).unwrap_or_default();
        Self {
            comm,
            called: Some(exe.to_vec()),
            args: call.raw("args").unwrap_or_default().to_vec(),
            env: call.raw("env").unwrap_or_default().to_vec(),
            exe: Executable {
                ino: number("exe_ino"),
                ctime: number("exe_ino_ctime"),
                mtime: number("exe_ino_mtime"),
                writable: flags & 1 != 0,
                upper_layer: flags & 2 != 0,
                memfd: flags & 4 != 0,
                ..Executable::default()
            },
            exec_time: time,
            found: false,
        }
    }
}

/// What `clone` and `execve` tell of the container: not a word, or which one, if any.
#[expect(clippy::option_option, reason = "nothing told, and told to be on the host, are not the same")]
pub(super) fn container<'a>(call: Call<'_, 'a>) -> Option<Option<containers::Found<'a>>> {
    call.raw("cgroups").map(containers::find)
}

/// The last part of a path, as long as the kernel keeps names of threads.
fn short_name(path: &[u8]) -> Vec<u8> {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    name[..name.len().min(15)].to_vec()
}

/// Texts that end with NUL each.
fn split(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    let parts = (!bytes.is_empty()).then(|| bytes.split(|&byte| byte == 0));
    parts.into_iter().flatten().map(<[u8]>::to_vec)
}
