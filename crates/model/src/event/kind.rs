//! The kinds of events, named as the system calls are, with the arguments that Falco gives them.

use super::args::{ArgKind as K, ArgSpec};
use std::str::FromStr;

/// What an event is about; groups of kinds, as rules speak of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Category {
    /// Files and directories.
    File,
    /// Sockets.
    Net,
    /// Reading and writing descriptors.
    Io,
    /// Processes, their programs and credentials.
    Process,
    /// The system: modules, mounts, namespaces.
    System,
    /// Not a system call: told by the agent itself.
    Internal,
}

/// One row of the table of kinds.
struct Row {
    kind: EventKind,
    name: &'static str,
    category: Category,
    args: &'static [ArgSpec],
}

macro_rules! kinds {
    ($($kind:ident $name:literal $category:ident [$($arg:ident: $of:ident),*])*) => {
        /// The kind of an event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        #[expect(missing_docs, reason = "each is the system call of its name")]
        pub enum EventKind { $($kind),* }

        const ROWS: &[Row] = &[$(Row {
            kind: EventKind::$kind,
            name: $name,
            category: Category::$category,
            args: &[$(ArgSpec { name: stringify!($arg), kind: K::$of }),*],
        }),*];
    };
}

kinds! {
    // Processes
    Clone "clone" Process [res: Pid, exe: Text, flags: CloneFlags]
    Clone3 "clone3" Process [res: Pid, exe: Text, flags: CloneFlags]
    Fork "fork" Process [res: Pid, exe: Text, flags: CloneFlags]
    Vfork "vfork" Process [res: Pid, exe: Text, flags: CloneFlags]
    Execve "execve" Process [res: Errno, filename: Path]
    Execveat "execveat" Process [res: Errno, dirfd: Fd, pathname: Path, flags: ExecveatFlags]
    Procexit "procexit" Process [status: Errno, ret: Errno, sig: Signal, core: Uint, reaper_tid: Pid]
    Setsid "setsid" Process [res: Pid]
    Chdir "chdir" Process [res: Errno, path: Text]
    Fchdir "fchdir" Process [res: Errno, fd: Fd]
    Chroot "chroot" Process [res: Errno, path: Path]
    Setuid "setuid" Process [res: Errno, uid: Uid]
    Setgid "setgid" Process [res: Errno, gid: Gid]
    Setresuid "setresuid" Process [res: Errno, ruid: Uid, euid: Uid, suid: Uid]
    Setresgid "setresgid" Process [res: Errno, rgid: Gid, egid: Gid, sgid: Gid]
    Setreuid "setreuid" Process [res: Errno, ruid: Uid, euid: Uid]
    Setregid "setregid" Process [res: Errno, rgid: Gid, egid: Gid]
    Capset "capset" Process [res: Errno, cap_inheritable: Capabilities, cap_permitted: Capabilities, cap_effective: Capabilities]
    Prctl "prctl" Process [res: Errno, option: PrctlOption, arg2_str: Text, arg2_int: Int]
    Kill "kill" Process [res: Errno, pid: Pid, sig: Signal]
    Tkill "tkill" Process [res: Errno, tid: Pid, sig: Signal]
    Tgkill "tgkill" Process [res: Errno, pid: Pid, tid: Pid, sig: Signal]
    Setpgid "setpgid" Process [res: Errno, pid: Pid, pgid: Pid]
    Seccomp "seccomp" Process [res: Errno, op: Uint, flags: Hex]
    Ptrace "ptrace" Process [res: Errno, addr: Hex, data: Hex, request: PtraceRequest, pid: Pid]
    ProcessVmWritev "process_vm_writev" Process [res: Int, pid: Pid, data: Bytes]
    ProcessVmReadv "process_vm_readv" Process [res: Int, pid: Pid, data: Bytes]
    PidfdGetfd "pidfd_getfd" Process [fd: Fd, pid_fd: Fd, target_fd: Fd, flags: Hex]
    PidfdOpen "pidfd_open" Process [fd: Fd, pid: Pid, flags: Hex]
    Mmap "mmap" Process [res: Hex, vm_size: Uint, vm_rss: Uint, vm_swap: Uint, addr: Hex, length: Uint, prot: ProtFlags, flags: MmapFlags, fd: Fd, offset: Uint]
    Mprotect "mprotect" Process [res: Errno, addr: Hex, length: Uint, prot: ProtFlags]
    // Files
    Open "open" File [fd: Fd, name: Path, flags: OpenFlags, mode: Mode, dev: Hex, ino: Uint]
    Openat "openat" File [fd: Fd, dirfd: Fd, name: Path, flags: OpenFlags, mode: Mode, dev: Hex, ino: Uint]
    Openat2 "openat2" File [fd: Fd, dirfd: Fd, name: Path, flags: OpenFlags, mode: Mode, resolve: ResolveFlags, dev: Hex, ino: Uint]
    OpenByHandleAt "open_by_handle_at" File [fd: Fd, mountfd: Fd, flags: OpenFlags, path: Path, dev: Hex, ino: Uint]
    Creat "creat" File [fd: Fd, name: Path, mode: Mode, dev: Hex, ino: Uint, creat_flags: Hex]
    MemfdCreate "memfd_create" File [fd: Fd, name: Text, flags: MemfdFlags]
    Close "close" File [res: Errno, fd: Fd]
    Dup "dup" File [res: Fd, oldfd: Fd]
    Dup2 "dup2" File [res: Fd, oldfd: Fd, newfd: Fd]
    Dup3 "dup3" File [res: Fd, oldfd: Fd, newfd: Fd, flags: OpenFlags]
    Pipe "pipe" File [res: Errno, fd1: Fd, fd2: Fd, ino: Uint]
    Pipe2 "pipe2" File [res: Errno, fd1: Fd, fd2: Fd, ino: Uint, flags: OpenFlags]
    Mkdir "mkdir" File [res: Errno, path: Path, mode: Hex]
    Mkdirat "mkdirat" File [res: Errno, dirfd: Fd, path: Path, mode: Hex]
    Rmdir "rmdir" File [res: Errno, path: Path]
    Unlink "unlink" File [res: Errno, path: Path]
    Unlinkat "unlinkat" File [res: Errno, dirfd: Fd, name: Path, flags: UnlinkFlags]
    Rename "rename" File [res: Errno, oldpath: Path, newpath: Path]
    Renameat "renameat" File [res: Errno, olddirfd: Fd, oldpath: Path, newdirfd: Fd, newpath: Path]
    Renameat2 "renameat2" File [res: Errno, olddirfd: Fd, oldpath: Path, newdirfd: Fd, newpath: Path, flags: RenameFlags]
    Link "link" File [res: Errno, oldpath: Path, newpath: Path]
    Linkat "linkat" File [res: Errno, olddir: Fd, oldpath: Path, newdir: Fd, newpath: Path, flags: LinkFlags]
    Symlink "symlink" File [res: Errno, target: Text, linkpath: Path]
    Symlinkat "symlinkat" File [res: Errno, target: Text, linkdirfd: Fd, linkpath: Path]
    Chmod "chmod" File [res: Errno, filename: Path, mode: Permissions]
    Fchmod "fchmod" File [res: Errno, fd: Fd, mode: Permissions]
    Fchmodat "fchmodat" File [res: Errno, dirfd: Fd, filename: Path, mode: Permissions]
    Chown "chown" File [res: Errno, path: Path, uid: Uint, gid: Uint]
    Fchown "fchown" File [res: Errno, fd: Fd, uid: Uint, gid: Uint]
    Fchownat "fchownat" File [res: Errno, dirfd: Fd, pathname: Path, uid: Uint, gid: Uint, flags: LinkFlags]
    Lchown "lchown" File [res: Errno, path: Path, uid: Uint, gid: Uint]
    Mknod "mknod" File [res: Errno, path: Path, mode: Permissions, dev: Uint]
    Mknodat "mknodat" File [res: Errno, dirfd: Fd, path: Path, mode: Permissions, dev: Uint]
    Truncate "truncate" File [res: Errno, path: Path, length: Uint]
    Ftruncate "ftruncate" File [res: Errno, fd: Fd, length: Uint]
    // Sockets
    Socket "socket" Net [fd: Fd, domain: SocketFamily, type: Uint, proto: Uint, flags: OpenFlags]
    Socketpair "socketpair" Net [res: Errno, fd1: Fd, fd2: Fd, source: Hex, peer: Hex, domain: SocketFamily, type: Uint, proto: Uint]
    Bind "bind" Net [res: Errno, addr: Text, fd: Fd]
    Listen "listen" Net [res: Errno, fd: Fd, backlog: Int]
    Connect "connect" Net [res: Errno, tuple: Text, fd: Fd, addr: Text]
    Accept "accept" Net [fd: Fd, tuple: Text, queuepct: Uint, queuelen: Uint, queuemax: Uint]
    Accept4 "accept4" Net [fd: Fd, tuple: Text, queuepct: Uint, queuelen: Uint, queuemax: Uint, flags: Hex]
    Shutdown "shutdown" Net [res: Errno, fd: Fd, how: ShutdownHow]
    Sendto "sendto" Net [res: Errno, data: Bytes, fd: Fd, size: Uint, tuple: Text]
    Sendmsg "sendmsg" Net [res: Errno, data: Bytes, fd: Fd, size: Uint, tuple: Text]
    Sendmmsg "sendmmsg" Net [res: Errno, fd: Fd, size: Uint, data: Bytes, tuple: Text]
    Recvfrom "recvfrom" Net [res: Errno, data: Bytes, tuple: Text, fd: Fd, size: Uint]
    Recvmsg "recvmsg" Net [res: Errno, size: Uint, data: Bytes, tuple: Text, msgcontrol: Bytes, fd: Fd]
    Recvmmsg "recvmmsg" Net [res: Errno, fd: Fd, size: Uint, data: Bytes, tuple: Text, msgcontrol: Bytes]
    // Reading and writing
    Read "read" Io [res: Errno, data: Bytes, fd: Fd, size: Uint]
    Pread "pread" Io [res: Errno, data: Bytes, fd: Fd, size: Uint, pos: Uint]
    Readv "readv" Io [res: Errno, size: Uint, data: Bytes, fd: Fd]
    Write "write" Io [res: Errno, data: Bytes, fd: Fd, size: Uint]
    Pwrite "pwrite" Io [res: Errno, data: Bytes, fd: Fd, size: Uint, pos: Uint]
    Writev "writev" Io [res: Errno, data: Bytes, fd: Fd, size: Uint]
    Preadv "preadv" Io [res: Errno, size: Uint, data: Bytes, fd: Fd, pos: Uint]
    Pwritev "pwritev" Io [res: Errno, data: Bytes, fd: Fd, size: Uint, pos: Uint]
    Sendfile "sendfile" Io [res: Errno, offset: Uint, out_fd: Fd, in_fd: Fd, size: Uint]
    Splice "splice" Io [res: Errno, fd_in: Fd, fd_out: Fd, size: Uint, flags: Hex]
    CopyFileRange "copy_file_range" Io [res: Errno, fdout: Fd, offout: Uint, fdin: Fd, offin: Uint, len: Uint]
    Ioctl "ioctl" Io [res: Errno, fd: Fd, request: Hex, argument: Hex]
    // The system
    Mount "mount" System [res: Errno, dev: Text, dir: Path, type: Text, flags: MountFlags]
    Umount "umount" System [res: Errno, name: Path]
    Umount2 "umount2" System [res: Errno, name: Path, flags: UmountFlags]
    MoveMount "move_mount" System [res: Errno, from_pathname: Path, to_pathname: Path, flags: Hex]
    PivotRoot "pivot_root" System [res: Errno, new_root: Path, put_old: Path]
    Fsconfig "fsconfig" System [res: Errno, fd: Fd, cmd: Uint, key: Text, value_bytebuf: Bytes, value_charbuf: Text, aux: Int]
    Setns "setns" System [res: Errno, fd: Fd, nstype: CloneFlags]
    Unshare "unshare" System [res: Errno, flags: CloneFlags]
    Bpf "bpf" System [fd: Fd, cmd: BpfCommand]
    InitModule "init_module" System [res: Errno, img: Bytes, length: Uint, uargs: Text]
    FinitModule "finit_module" System [res: Errno, fd: Fd, uargs: Text, flags: ModuleFlags]
    DeleteModule "delete_module" System [res: Errno, name: Text, flags: OpenFlags]
    Userfaultfd "userfaultfd" System [res: Errno, flags: OpenFlags]
    IoUringSetup "io_uring_setup" System [res: Errno, entries: Uint, sq_entries: Uint, cq_entries: Uint, flags: Hex, sq_thread_cpu: Uint, sq_thread_idle: Uint, features: Hex]
    IoUringEnter "io_uring_enter" System [res: Errno, fd: Fd, to_submit: Uint, min_complete: Uint, flags: Hex]
    PerfEventOpen "perf_event_open" System [res: Fd, pid: Pid, cpu: Int]
    // What the agent tells of itself, and what is no system call
    Container "container" Internal []
    Dns "dns" Internal [name: Text, answers: Text]
    TcpClose "tcp_close" Internal [sent: Uint, received: Uint]
    IoUringSubmit "io_uring_submit" Internal [opcode: Uint, name: Text]
    Drop "drop" Internal [reason: Text, count: Uint]
    Capability "capability" Internal [cap: Capabilities]
}

impl EventKind {
    /// All kinds, by number.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        ROWS.iter().map(|row| row.kind)
    }

    /// How many there are.
    pub const COUNT: usize = ROWS.len();

    /// The kind with this number.
    pub fn from_number(number: u16) -> Option<Self> {
        ROWS.get(usize::from(number)).map(|row| row.kind)
    }

    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// Its name: that of the system call.
    pub fn as_str(self) -> &'static str {
        self.row().name
    }

    /// What it is about.
    pub fn category(self) -> Category {
        self.row().category
    }

    /// Its arguments, in the order in which an event carries them.
    pub fn args(self) -> &'static [ArgSpec] {
        self.row().args
    }

    /// The place of an argument in the list of an event.
    pub fn arg(self, name: &str) -> Option<usize> {
        self.args().iter().position(|arg| arg.name == name)
    }
}

impl FromStr for EventKind {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        ROWS.iter()
            .find(|row| row.name == s)
            .map(|row| row.kind)
            .ok_or_else(|| format!("unknown event type {s:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_lead_back_to_the_kind() {
        for (number, kind) in EventKind::all().enumerate() {
            assert_eq!(kind as usize, number);
            assert_eq!(EventKind::from_number(kind as u16), Some(kind));
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!(EventKind::from_number(EventKind::COUNT as u16), None);
        assert_eq!(EventKind::Openat.arg("flags"), Some(3));
    }
}
