//! The rows. The arguments are in the order of the kind; see [`EventKind::args`](gabion_model::event::EventKind::args).

use super::{
    Call,
    From::{
        Address, Bits, Data, Dev, Ends, Field, Ino, Int, Long, Message, OpenFlags, OpenHow, Pair, Path,
        Result, Text, TextIf, Tuple, Unknown, Vector, Wide, Word,
    },
    NONE,
    On::{self, Arg, BpfObject, Directory, Nothing, Opened, Returned},
};
use gabion_model::event::EventKind as K;

/// `PR_SET_NAME`: the only option of `prctl` whose argument is a text.
const SET_NAME: u64 = 15;
/// The kinds of sockets, without the flags that are told with them.
const SOCKET_KIND: u32 = 0xf;

const fn call(number: libc::c_long, kind: K, on: On, args: &'static [super::From]) -> Call {
    // Numbers of system calls are small.
    Call { number: number.unsigned_abs() as u32, kind, on, args }
}

/// A path that starts from the working directory.
const fn cwd(path: u8) -> On {
    Directory { dirfd: NONE, path }
}

const fn at(dirfd: u8, path: u8) -> On {
    Directory { dirfd, path }
}

pub(super) const CALLS: &[Call] = &[
    // Processes. What succeeds of clone and exec is told by other hooks.
    call(libc::SYS_execve, K::Execve, Nothing, &[Result, Text(0)]),
    call(libc::SYS_execveat, K::Execveat, at(0, 1), &[Result, Int(0), Text(1), Word(4)]),
    call(libc::SYS_setsid, K::Setsid, Nothing, &[Result]),
    call(libc::SYS_setpgid, K::Setpgid, Nothing, &[Result, Int(0), Int(1)]),
    call(libc::SYS_chdir, K::Chdir, cwd(0), &[Result, Text(0)]),
    call(libc::SYS_fchdir, K::Fchdir, Arg(0), &[Result, Int(0)]),
    call(libc::SYS_chroot, K::Chroot, cwd(0), &[Result, Text(0)]),
    call(libc::SYS_setuid, K::Setuid, Nothing, &[Result, Word(0)]),
    call(libc::SYS_setgid, K::Setgid, Nothing, &[Result, Word(0)]),
    call(libc::SYS_setresuid, K::Setresuid, Nothing, &[Result, Word(0), Word(1), Word(2)]),
    call(libc::SYS_setresgid, K::Setresgid, Nothing, &[Result, Word(0), Word(1), Word(2)]),
    call(libc::SYS_setreuid, K::Setreuid, Nothing, &[Result, Word(0), Word(1)]),
    call(libc::SYS_setregid, K::Setregid, Nothing, &[Result, Word(0), Word(1)]),
    // Two elements of effective, permitted, inheritable: the lower halves, then the upper ones.
    call(
        libc::SYS_capset,
        K::Capset,
        Nothing,
        &[Result, Pair(1, 24, 8, 20), Pair(1, 24, 4, 16), Pair(1, 24, 0, 12)],
    ),
    call(libc::SYS_prctl, K::Prctl, Nothing, &[Result, Int(0), TextIf(1, SET_NAME), Long(1)]),
    call(libc::SYS_seccomp, K::Seccomp, Nothing, &[Result, Word(0), Word(1)]),
    call(libc::SYS_kill, K::Kill, Nothing, &[Result, Int(0), Word(1)]),
    call(libc::SYS_tkill, K::Tkill, Nothing, &[Result, Int(0), Word(1)]),
    call(libc::SYS_tgkill, K::Tgkill, Nothing, &[Result, Int(0), Int(1), Word(2)]),
    call(libc::SYS_ptrace, K::Ptrace, Nothing, &[Result, Long(2), Long(3), Long(0), Int(1)]),
    call(libc::SYS_process_vm_writev, K::ProcessVmWritev, Nothing, &[Result, Int(0), Vector(1)]),
    call(libc::SYS_process_vm_readv, K::ProcessVmReadv, Nothing, &[Result, Int(0), Vector(1)]),
    call(libc::SYS_pidfd_open, K::PidfdOpen, Returned, &[Result, Int(0), Word(1)]),
    call(libc::SYS_pidfd_getfd, K::PidfdGetfd, Returned, &[Result, Int(0), Int(1), Word(2)]),
    call(
        libc::SYS_mmap,
        K::Mmap,
        Arg(4),
        &[Result, Unknown, Unknown, Unknown, Long(0), Long(1), Word(2), Word(3), Int(4), Long(5)],
    ),
    call(libc::SYS_mprotect, K::Mprotect, Nothing, &[Result, Long(0), Long(1), Word(2)]),
    // Files
    #[cfg(target_arch = "x86_64")]
    call(
        libc::SYS_open,
        K::Open,
        Opened { dirfd: NONE, path: 0 },
        &[Result, Text(0), OpenFlags(1), Word(2), Dev, Ino],
    ),
    call(
        libc::SYS_openat,
        K::Openat,
        Opened { dirfd: 0, path: 1 },
        &[Result, Int(0), Text(1), OpenFlags(2), Word(3), Dev, Ino],
    ),
    call(
        libc::SYS_openat2,
        K::Openat2,
        Opened { dirfd: 0, path: 1 },
        &[Result, Int(0), Text(1), OpenHow(2), Wide(2, 24, 8), Wide(2, 24, 16), Dev, Ino],
    ),
    call(
        libc::SYS_open_by_handle_at,
        K::OpenByHandleAt,
        Returned,
        &[Result, Int(0), OpenFlags(2), Path, Dev, Ino],
    ),
    #[cfg(target_arch = "x86_64")]
    call(
        libc::SYS_creat,
        K::Creat,
        Opened { dirfd: NONE, path: 0 },
        &[Result, Text(0), Word(1), Dev, Ino, Unknown],
    ),
    call(libc::SYS_memfd_create, K::MemfdCreate, Returned, &[Result, Text(0), Word(1)]),
    // What it stood for is gone when the call returns.
    call(libc::SYS_close, K::Close, Nothing, &[Result, Int(0)]),
    call(libc::SYS_dup, K::Dup, Returned, &[Result, Int(0)]),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_dup2, K::Dup2, Returned, &[Result, Int(0), Int(1)]),
    call(libc::SYS_dup3, K::Dup3, Returned, &[Result, Int(0), Int(1), Word(2)]),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_pipe, K::Pipe, Nothing, &[Result, Field(0, 8, 0), Field(0, 8, 4), Unknown]),
    call(libc::SYS_pipe2, K::Pipe2, Nothing, &[Result, Field(0, 8, 0), Field(0, 8, 4), Unknown, Word(1)]),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_mkdir, K::Mkdir, cwd(0), &[Result, Text(0), Word(1)]),
    call(libc::SYS_mkdirat, K::Mkdirat, at(0, 1), &[Result, Int(0), Text(1), Word(2)]),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_rmdir, K::Rmdir, cwd(0), &[Result, Text(0)]),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_unlink, K::Unlink, cwd(0), &[Result, Text(0)]),
    call(libc::SYS_unlinkat, K::Unlinkat, at(0, 1), &[Result, Int(0), Text(1), Word(2)]),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_rename, K::Rename, Nothing, &[Result, Text(0), Text(1)]),
    call(libc::SYS_renameat, K::Renameat, Nothing, &[Result, Int(0), Text(1), Int(2), Text(3)]),
    call(libc::SYS_renameat2, K::Renameat2, Nothing, &[Result, Int(0), Text(1), Int(2), Text(3), Word(4)]),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_link, K::Link, Nothing, &[Result, Text(0), Text(1)]),
    call(libc::SYS_linkat, K::Linkat, Nothing, &[Result, Int(0), Text(1), Int(2), Text(3), Word(4)]),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_symlink, K::Symlink, cwd(1), &[Result, Text(0), Text(1)]),
    call(libc::SYS_symlinkat, K::Symlinkat, at(1, 2), &[Result, Text(0), Int(1), Text(2)]),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_chmod, K::Chmod, cwd(0), &[Result, Text(0), Word(1)]),
    call(libc::SYS_fchmod, K::Fchmod, Arg(0), &[Result, Int(0), Word(1)]),
    call(libc::SYS_fchmodat, K::Fchmodat, at(0, 1), &[Result, Int(0), Text(1), Word(2)]),
    // The same with flags, since Linux 6.6.
    call(libc::SYS_fchmodat2, K::Fchmodat, at(0, 1), &[Result, Int(0), Text(1), Word(2)]),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_chown, K::Chown, cwd(0), &[Result, Text(0), Word(1), Word(2)]),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_lchown, K::Lchown, cwd(0), &[Result, Text(0), Word(1), Word(2)]),
    call(libc::SYS_fchown, K::Fchown, Arg(0), &[Result, Int(0), Word(1), Word(2)]),
    call(libc::SYS_fchownat, K::Fchownat, at(0, 1), &[Result, Int(0), Text(1), Word(2), Word(3), Word(4)]),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_mknod, K::Mknod, cwd(0), &[Result, Text(0), Word(1), Word(2)]),
    call(libc::SYS_mknodat, K::Mknodat, at(0, 1), &[Result, Int(0), Text(1), Word(2), Word(3)]),
    call(libc::SYS_truncate, K::Truncate, cwd(0), &[Result, Text(0), Long(1)]),
    call(libc::SYS_ftruncate, K::Ftruncate, Arg(0), &[Result, Int(0), Long(1)]),
    // Sockets
    call(
        libc::SYS_socket,
        K::Socket,
        Returned,
        &[Result, Word(0), Bits(1, SOCKET_KIND), Word(2), Bits(1, !SOCKET_KIND)],
    ),
    call(
        libc::SYS_socketpair,
        K::Socketpair,
        Nothing,
        &[Result, Field(3, 8, 0), Field(3, 8, 4), Unknown, Unknown, Word(0), Bits(1, SOCKET_KIND), Word(2)],
    ),
    call(libc::SYS_bind, K::Bind, Arg(0), &[Result, Address(1, 2), Int(0)]),
    call(libc::SYS_listen, K::Listen, Arg(0), &[Result, Int(0), Int(1)]),
    call(libc::SYS_connect, K::Connect, Arg(0), &[Result, Tuple(1, 2), Int(0), Address(1, 2)]),
    call(libc::SYS_accept, K::Accept, Returned, &[Result, Ends, Unknown, Unknown, Unknown]),
    call(libc::SYS_accept4, K::Accept4, Returned, &[Result, Ends, Unknown, Unknown, Unknown, Word(3)]),
    call(libc::SYS_shutdown, K::Shutdown, Arg(0), &[Result, Int(0), Word(1)]),
    call(libc::SYS_sendto, K::Sendto, Arg(0), &[Result, Data(1, NONE), Int(0), Long(2), Tuple(4, 5)]),
    call(libc::SYS_sendmsg, K::Sendmsg, Arg(0), &[Result, Message(1), Int(0), Unknown, Tuple(NONE, NONE)]),
    call(libc::SYS_sendmmsg, K::Sendmmsg, Arg(0), &[Result, Int(0), Unknown, Unknown, Ends]),
    call(libc::SYS_recvfrom, K::Recvfrom, Arg(0), &[Result, Data(1, NONE), Tuple(4, 5), Int(0), Long(2)]),
    call(
        libc::SYS_recvmsg,
        K::Recvmsg,
        Arg(0),
        &[Result, Unknown, Message(1), Tuple(NONE, NONE), Unknown, Int(0)],
    ),
    call(libc::SYS_recvmmsg, K::Recvmmsg, Arg(0), &[Result, Int(0), Unknown, Unknown, Ends, Unknown]),
    // Reading and writing
    call(libc::SYS_read, K::Read, Arg(0), &[Result, Data(1, NONE), Int(0), Long(2)]),
    call(libc::SYS_pread64, K::Pread, Arg(0), &[Result, Data(1, NONE), Int(0), Long(2), Long(3)]),
    call(libc::SYS_readv, K::Readv, Arg(0), &[Result, Unknown, Vector(1), Int(0)]),
    call(libc::SYS_write, K::Write, Arg(0), &[Result, Data(1, NONE), Int(0), Long(2)]),
    call(libc::SYS_pwrite64, K::Pwrite, Arg(0), &[Result, Data(1, NONE), Int(0), Long(2), Long(3)]),
    call(libc::SYS_writev, K::Writev, Arg(0), &[Result, Vector(1), Int(0), Unknown]),
    call(libc::SYS_preadv, K::Preadv, Arg(0), &[Result, Unknown, Vector(1), Int(0), Long(3)]),
    call(libc::SYS_pwritev, K::Pwritev, Arg(0), &[Result, Vector(1), Int(0), Unknown, Long(3)]),
    call(libc::SYS_sendfile, K::Sendfile, Arg(0), &[Result, Unknown, Int(0), Int(1), Long(3)]),
    call(libc::SYS_splice, K::Splice, Arg(0), &[Result, Int(0), Int(2), Long(4), Word(5)]),
    call(
        libc::SYS_copy_file_range,
        K::CopyFileRange,
        Arg(2),
        &[Result, Int(2), Unknown, Int(0), Unknown, Long(4)],
    ),
    call(libc::SYS_ioctl, K::Ioctl, Arg(0), &[Result, Int(0), Word(1), Long(2)]),
    // The system
    call(libc::SYS_mount, K::Mount, Nothing, &[Result, Text(0), Text(1), Text(2), Long(3)]),
    call(libc::SYS_umount2, K::Umount2, cwd(0), &[Result, Text(0), Word(1)]),
    call(libc::SYS_move_mount, K::MoveMount, Nothing, &[Result, Text(1), Text(3), Word(4)]),
    call(
        libc::SYS_fsconfig,
        K::Fsconfig,
        Arg(0),
        &[Result, Int(0), Word(1), Text(2), Unknown, Text(3), Int(4)],
    ),
    call(libc::SYS_pivot_root, K::PivotRoot, Nothing, &[Result, Text(0), Text(1)]),
    call(libc::SYS_setns, K::Setns, Arg(0), &[Result, Int(0), Word(1)]),
    call(libc::SYS_unshare, K::Unshare, Nothing, &[Result, Word(0)]),
    call(libc::SYS_bpf, K::Bpf, BpfObject, &[Result, Int(0)]),
    call(libc::SYS_init_module, K::InitModule, Nothing, &[Result, Data(0, 1), Long(1), Text(2)]),
    call(libc::SYS_finit_module, K::FinitModule, Arg(0), &[Result, Int(0), Text(1), Word(2)]),
    call(libc::SYS_delete_module, K::DeleteModule, Nothing, &[Result, Text(0), Word(1)]),
    call(libc::SYS_userfaultfd, K::Userfaultfd, Returned, &[Result, Word(0)]),
    call(
        libc::SYS_io_uring_setup,
        K::IoUringSetup,
        Returned,
        &[
            Result,
            Word(0),
            Field(1, 24, 0),
            Field(1, 24, 4),
            Field(1, 24, 8),
            Field(1, 24, 12),
            Field(1, 24, 16),
            Field(1, 24, 20),
        ],
    ),
    call(libc::SYS_io_uring_enter, K::IoUringEnter, Arg(0), &[Result, Int(0), Word(1), Word(2), Word(3)]),
    call(libc::SYS_perf_event_open, K::PerfEventOpen, Returned, &[Result, Int(1), Int(2)]),
];
