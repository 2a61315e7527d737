//! The types of events in a .scap file. They come in pairs: the even number is told when a call begins, the odd one
//! when it returns (some have only one). What was told at the beginning is not repeated at the end in old files, and is
//! in new ones.
//!
//! Parameters have names, so that an argument of an [`EventKind`] is found by its name, wherever it is told. Their length
//! is in the event, their meaning follows from the argument; only three need a mark:
//! `name@` is an address, `name=` both ends, `name?` a value after a byte that says what it is.

use gabion_model::event::{ArgKind, EventKind};
use std::sync::LazyLock;

/// A type of events.
#[derive(Debug)]
pub(super) struct Type {
    /// What Falco calls it.
    pub(super) name: &'static str,
    /// What it is here; none if rules cannot name it.
    pub(super) kind: Option<EventKind>,
    /// The parameters, in order.
    pub(super) params: Vec<Param>,
    /// Where each argument of the kind is found.
    pub(super) args: Vec<Arg>,
}

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Param {
    pub(super) name: &'static str,
    pub(super) form: Form,
}

/// How a parameter is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A number, text or data.
    Plain,
    /// A socket address.
    Address,
    /// Both ends of a connection.
    Tuple,
    /// A value after its index.
    Dynamic,
}

/// Where an argument is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arg {
    pub(super) kind: ArgKind,
    pub(super) exit: Option<usize>,
    pub(super) enter: Option<usize>,
}

/// Types whose lengths are in 32 bits.
pub(super) const fn large(number: u16) -> bool {
    matches!(number, 322 | 324 | 402)
}

/// Types of even number that are events of their own, not the beginning of a call.
pub(super) const fn alone(number: u16) -> bool {
    matches!(
        number,
        16 | 146
            | 148
            | 152
            | 186
            | 196
            | 228
            | 232
            | 234
            | 244
            | 260
            | 268
            | 270
            | 272
            | 280
            | 286
            | 290
            | 322
            | 324
            | 354
            | 356
            | 358
            | 360
            | 402
    ) || (number >= 430 && number < 450 && number.is_multiple_of(2))
}

/// The type of a number.
pub(super) fn get(number: u16) -> Option<&'static Type> {
    TYPES.get(usize::from(number))
}

static TYPES: LazyLock<Vec<Type>> = LazyLock::new(|| {
    let params = |names: &'static str| -> Vec<Param> {
        let form = |word: &str| match word.as_bytes().last() {
            Some(b'@') => Form::Address,
            Some(b'=') => Form::Tuple,
            Some(b'?') => Form::Dynamic,
            _ => Form::Plain,
        };
        let marks: &[char] = &['@', '=', '?'];
        names.split_whitespace().map(|w| Param { name: w.trim_end_matches(marks), form: form(w) }).collect()
    };
    let mut types = Vec::with_capacity(2 * PAIRS.len());
    for (name, enter, exit) in PAIRS {
        let kind: Option<EventKind> = name.parse().ok();
        let (enter, exit) = (params(enter), params(exit));
        let place = |of: &[Param], arg: &str| of.iter().position(|param| param.name == arg);
        let args = |exit: &[Param], enter: &[Param]| {
            let of = kind.map(EventKind::args).unwrap_or_default().iter();
            of.map(|a| Arg { kind: a.kind, exit: place(exit, a.name), enter: place(enter, a.name) }).collect()
        };
        let (begin, end) = (args(&enter, &[]), args(&exit, &enter));
        types.push(Type { name, kind, params: enter, args: begin });
        types.push(Type { name, kind, params: exit, args: end });
    }
    types
});

/// Name, parameters at the beginning, parameters at the end; by half the number. Parameters are given where there is a
/// kind, or where processes or descriptors change.
#[rustfmt::skip]
const PAIRS: &[(&str, &str, &str)] = &[
    ("syscall", "", ""), // 0
    ("open", "name flags mode", "fd name flags mode dev ino"),
    ("close", "fd", "res fd"),
    ("read", "fd size", "res data fd size"),
    ("write", "fd size", "res data fd size"),
    ("brk", "", ""),
    ("execve", "", "res exe args tid pid ptid cwd fdlimit"),
    ("clone", "", "res exe args tid pid ptid cwd fdlimit flags uid gid"),
    ("procexit", "", ""),
    ("socket", "domain type proto", "fd domain type proto flags"),
    ("bind", "fd", "res addr@ fd"), // 20
    ("connect", "fd addr@", "res tuple= fd addr@"),
    ("listen", "fd backlog", "res fd backlog"),
    ("accept", "", "fd tuple= queuepct"),
    ("send", "", ""),
    ("sendto", "fd size tuple=", "res data fd size tuple="),
    ("recv", "", ""),
    ("recvfrom", "fd size", "res data tuple= fd size"),
    ("shutdown", "fd how", "res fd how"),
    ("getsockname", "", ""),
    ("getpeername", "", ""), // 40
    ("socketpair", "domain type proto", "res fd1 fd2 source peer domain type proto"),
    ("setsockopt", "", ""),
    ("getsockopt", "", ""),
    ("sendmsg", "fd size tuple=", "res data fd size tuple="),
    ("sendmmsg", "", "res fd size data tuple="),
    ("recvmsg", "fd", "res size data tuple= msgcontrol fd"),
    ("recvmmsg", "", "res fd size data tuple= msgcontrol"),
    ("accept4", "flags", "fd tuple= queuepct"),
    ("creat", "name mode", "fd name mode dev ino creat_flags"),
    ("pipe", "", "res fd1 fd2 ino"), // 60
    ("eventfd", "initval flags", "res initval flags"),
    ("futex", "", ""),
    ("stat", "", ""),
    ("lstat", "", ""),
    ("fstat", "", ""),
    ("stat64", "", ""),
    ("lstat64", "", ""),
    ("fstat64", "", ""),
    ("epoll_wait", "", ""),
    ("poll", "", ""), // 80
    ("select", "", ""),
    ("select", "", ""),
    ("lseek", "", ""),
    ("llseek", "", ""),
    ("ioctl", "fd request", "res"),
    ("getcwd", "", "res path"),
    ("chdir", "", "res path"),
    ("fchdir", "fd", "res fd"),
    ("mkdir", "path mode", "res"),
    ("rmdir", "path", "res"), // 100
    ("openat", "dirfd name flags mode", "fd"),
    ("link", "oldpath newpath", "res"),
    ("linkat", "olddir oldpath newdir newpath", "res"),
    ("unlink", "path", "res"),
    ("unlinkat", "dirfd name", "res"),
    ("pread", "fd size pos", "res data fd size pos"),
    ("pwrite", "fd size pos", "res data fd size pos"),
    ("readv", "fd", "res size data fd"),
    ("writev", "fd size", "res data fd size"),
    ("preadv", "fd pos", "res size data fd pos"), // 120
    ("pwritev", "fd size pos", "res data fd size pos"),
    ("dup", "oldfd", "res"),
    ("signalfd", "fd mask flags", "res fd mask flags"),
    ("kill", "pid sig", "res pid sig"),
    ("tkill", "tid sig", "res tid sig"),
    ("tgkill", "pid tid sig", "res pid tid sig"),
    ("nanosleep", "", ""),
    ("timerfd_create", "clockid flags", "res clockid flags"),
    ("inotify_init", "flags", "res flags"),
    ("getrlimit", "", ""), // 140
    ("setrlimit", "", ""),
    ("prlimit", "", ""),
    ("switch", "", ""),
    ("drop", "ratio", "ratio"),
    ("fcntl", "fd cmd", "res fd cmd arg"),
    ("switch", "", ""),
    ("execve", "", "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap"),
    ("clone", "", "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap flags uid gid"),
    ("brk", "", ""),
    ("mmap", "addr length prot flags fd offset", "res vm_size vm_rss vm_swap addr length prot flags fd offset"), // 160
    ("mmap2", "", ""),
    ("munmap", "", ""),
    ("splice", "fd_in fd_out size flags", "res fd_in fd_out size flags"),
    ("ptrace", "request pid", "res addr? data? request pid"),
    ("ioctl", "fd request argument", "res fd request argument"),
    ("execve", "", "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap env"),
    ("rename", "", "res oldpath newpath"),
    ("renameat", "", "res olddirfd oldpath newdirfd newpath"),
    ("symlink", "", "res target linkpath"),
    ("symlinkat", "", "res target linkdirfd linkpath"), // 180
    ("fork", "", "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap flags uid gid"),
    ("vfork", "", "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap flags uid gid"),
    ("procexit", "status ret sig core reaper_tid", ""),
    ("sendfile", "out_fd in_fd offset size", "res offset out_fd in_fd size"),
    ("quotactl", "", ""),
    ("setresuid", "ruid euid suid", "res ruid euid suid"),
    ("setresgid", "rgid egid sgid", "res rgid egid sgid"),
    ("scapevent", "", ""),
    ("setuid", "uid", "res uid"),
    ("setgid", "gid", "res gid"), // 200
    ("getuid", "", ""),
    ("geteuid", "", ""),
    ("getgid", "", ""),
    ("getegid", "", ""),
    ("getresuid", "", ""),
    ("getresgid", "", ""),
    ("execve", "", "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm env"),
    ("clone", "", "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm flags uid gid"),
    ("fork", "", "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm flags uid gid"),
    ("vfork", "", "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm flags uid gid"), // 220
    ("clone", "", "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups flags uid gid vtid vpid pidns_init_start_ts"),
    ("fork", "", "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups flags uid gid vtid vpid pidns_init_start_ts"),
    ("vfork", "", "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups flags uid gid vtid vpid pidns_init_start_ts"),
    ("container", "id type name image", ""),
    ("execve", "", "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups env"),
    ("signaldeliver", "", ""),
    ("procinfo", "", ""),
    ("getdents", "", ""),
    ("getdents64", "", ""),
    ("setns", "fd nstype", "res fd nstype"), // 240
    ("flock", "", ""),
    ("cpu_hotplug", "", ""),
    ("accept", "", "fd tuple= queuepct queuelen queuemax"),
    ("accept4", "flags", "fd tuple= queuepct queuelen queuemax"),
    ("semop", "", ""),
    ("semctl", "", ""),
    ("ppoll", "", ""),
    ("mount", "flags", "res dev dir type flags"),
    ("umount", "flags", "res name"),
    ("k8s", "", ""), // 260
    ("semget", "", ""),
    ("access", "", ""),
    ("chroot", "", "res path"),
    ("tracer", "", ""),
    ("mesos", "", ""),
    ("container", "json", ""),
    ("setsid", "", "res"),
    ("mkdir", "mode", "res path mode"),
    ("rmdir", "", "res path"),
    ("notification", "", ""), // 280
    ("execve", "", "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups env tty"),
    ("unshare", "flags", "res flags"),
    ("infra", "", ""),
    ("execve", "filename", "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups env tty"),
    ("page_fault", "", ""),
    ("execve", "filename", "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups env tty vpgid loginuid exe_flags cap_inheritable cap_permitted cap_effective exe_ino exe_ino_ctime exe_ino_mtime uid trusted_exepath pgid gid filename"),
    ("setpgid", "pid pgid", "res pid pgid"),
    ("bpf", "cmd", "fd?"),
    ("seccomp", "op flags", "res op flags"),
    ("unlink", "", "res path"), // 300
    ("unlinkat", "", "res dirfd name flags"),
    ("mkdirat", "", "res dirfd path mode"),
    ("openat", "dirfd name flags mode", "fd dirfd name flags mode dev ino"),
    ("link", "", "res oldpath newpath"),
    ("linkat", "", "res olddir oldpath newdir newpath flags"),
    ("fchmodat", "", "res dirfd filename mode"),
    ("chmod", "", "res filename mode"),
    ("fchmod", "", "res fd mode"),
    ("renameat2", "", "res olddirfd oldpath newdirfd newpath flags"),
    ("userfaultfd", "", "res flags"), // 320
    ("pluginevent", "", ""),
    ("container", "json", ""),
    ("openat2", "dirfd name flags mode resolve", "fd dirfd name flags mode resolve dev ino"),
    ("mprotect", "addr length prot", "res addr length prot"),
    ("execveat", "dirfd pathname flags", "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups env tty vpgid loginuid exe_flags cap_inheritable cap_permitted cap_effective exe_ino exe_ino_ctime exe_ino_mtime uid trusted_exepath pgid gid"),
    ("copy_file_range", "fdin offin len", "res fdout offout fdin offin len"),
    ("clone3", "", "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups flags uid gid vtid vpid pidns_init_start_ts"),
    ("open_by_handle_at", "", "fd mountfd flags path dev ino"),
    ("io_uring_setup", "", "res entries sq_entries cq_entries flags sq_thread_cpu sq_thread_idle features"),
    ("io_uring_enter", "", "res fd to_submit min_complete flags sig"), // 340
    ("io_uring_register", "", ""),
    ("mlock", "", ""),
    ("munlock", "", ""),
    ("mlockall", "", ""),
    ("munlockall", "", ""),
    ("capset", "", "res cap_inheritable cap_permitted cap_effective"),
    ("useradded", "", ""),
    ("userdeleted", "", ""),
    ("groupadded", "", ""),
    ("groupdeleted", "", ""), // 360
    ("dup2", "fd", "res oldfd newfd"),
    ("dup3", "fd", "res oldfd newfd flags"),
    ("dup", "fd", "res oldfd"),
    ("bpf", "cmd", "fd cmd"),
    ("mlock2", "", ""),
    ("fsconfig", "", "res fd cmd key value_bytebuf value_charbuf aux"),
    ("epoll_create", "size", "res size"),
    ("epoll_create1", "flags", "res flags"),
    ("chown", "", "res path uid gid"),
    ("lchown", "", "res path uid gid"), // 380
    ("fchown", "", "res fd uid gid"),
    ("fchownat", "", "res dirfd pathname uid gid flags"),
    ("umount", "", "res name"),
    ("accept4", "flags", "fd tuple= queuepct queuelen queuemax flags"),
    ("umount2", "flags", "res name flags"),
    ("pipe2", "", "res fd1 fd2 ino flags"),
    ("inotify_init1", "", "res flags"),
    ("eventfd2", "initval", "res flags initval"),
    ("signalfd4", "fd mask", "res flags fd mask"),
    ("prctl", "", "res option arg2_str arg2_int"), // 400
    ("asyncevent", "plugin_id name data", ""),
    ("memfd_create", "", "fd name flags"),
    ("pidfd_getfd", "", "fd pid_fd target_fd flags"),
    ("pidfd_open", "", "fd pid flags"),
    ("init_module", "", "res img length uargs"),
    ("finit_module", "", "res fd uargs flags"),
    ("mknod", "", "res path mode dev"),
    ("mknodat", "", "res dirfd path mode dev"),
    ("newfstatat", "", ""),
    ("process_vm_readv", "", "res pid data"), // 420
    ("process_vm_writev", "", "res pid data"),
    ("delete_module", "", "res name flags"),
    ("setreuid", "", "res ruid euid"),
    ("setregid", "", "res rgid egid"),
    ("task", "", ""),
    ("task_file_pipe", "", ""),
    ("task_file_memfd", "", ""),
    ("task_file_regular", "", ""),
    ("task_file_directory", "", ""),
    ("task_file_socket_inet", "", ""), // 440
    ("task_file_socket_inet6", "", ""),
    ("task_file_socket_unix", "", ""),
    ("task_file_socket_netlink", "", ""),
    ("task_file_anon_inode", "", ""),
    ("close_range", "", "res first last flags"),
    ("keyctl", "", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_found_by_name_at_the_end_or_at_the_beginning() {
        let openat = get(307).expect("openat");
        assert_eq!(openat.kind, Some(EventKind::Openat));
        assert!(openat.args.iter().all(|arg| arg.exit.is_some()));
        let old = get(103).expect("openat of old files");
        assert_eq!((old.args[0].exit, old.args[2].enter), (Some(0), Some(1)));
        assert_eq!(get(453).map(|of| of.name), Some("keyctl"));
        assert!(get(454).is_none());
    }
}
