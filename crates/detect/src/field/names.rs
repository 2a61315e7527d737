//! The names of numbers: errors, signals, capabilities, flags. They are those of Linux; the order of flags is that in
//! which Falco prints them, as rules may compare whole texts.

use gabion_model::event::{ArgKind, FILE_CREATED};

/// Names of bits, or of values.
pub type Names = &'static [(&'static str, u64)];

macro_rules! names {
    ($($name:ident = $value:expr),*) => { &[$((stringify!($name), $value)),*] };
}

/// `_` has no name.
macro_rules! words {
    ($($word:tt)*) => { &[$(word!($word)),*] };
}
macro_rules! word {
    (_) => {
        ""
    };
    ($word:ident) => {
        stringify!($word)
    };
}

/// Errors of Linux by number.
const ERRORS: &[&str] = words! {
    SUCCESS EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY
    EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE
    EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP _ ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST
    ELNRNG EUNATCH ENOCSI EL2HLT EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT _ EBFONT ENOSTR ENODATA ETIME ENOSR
    ENONET ENOPKG EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD
    EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE
    EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE
    EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN
    ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL
    EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD
    ENOTRECOVERABLE ERFKILL EHWPOISON
};

const SIGNALS: &[&str] = words! {
    _ SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE SIGALRM
    SIGTERM SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGXCPU SIGXFSZ SIGVTALRM SIGPROF
    SIGWINCH SIGIO SIGPWR SIGSYS
};

/// Capabilities by number.
pub const CAPABILITIES: &[&str] = words! {
    CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID CAP_SETPCAP
    CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK CAP_IPC_OWNER
    CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN CAP_SYS_BOOT
    CAP_SYS_NICE CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE
    CAP_AUDIT_CONTROL CAP_SETFCAP CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM CAP_BLOCK_SUSPEND
    CAP_AUDIT_READ CAP_PERFMON CAP_BPF CAP_CHECKPOINT_RESTORE
};

const FAMILIES: Names = names! {
    AF_NFC = 39, AF_ALG = 38, AF_CAIF = 37, AF_IEEE802154 = 36, AF_PHONET = 35, AF_ISDN = 34, AF_RXRPC = 33,
    AF_IUCV = 32, AF_BLUETOOTH = 31, AF_TIPC = 30, AF_CAN = 29, AF_LLC = 26, AF_WANPIPE = 25, AF_PPPOX = 24,
    AF_IRDA = 23, AF_SNA = 22, AF_RDS = 21, AF_ATMSVC = 20, AF_ECONET = 19, AF_ASH = 18, AF_PACKET = 17, AF_ROUTE =
    16, AF_NETLINK = 16, AF_KEY = 15, AF_SECURITY = 14, AF_NETBEUI = 13, AF_DECnet = 12, AF_ROSE = 11, AF_INET6 =
    10, AF_X25 = 9, AF_ATMPVC = 8, AF_BRIDGE = 7, AF_NETROM = 6, AF_APPLETALK = 5, AF_IPX = 4, AF_AX25 = 3, AF_INET
    = 2, AF_LOCAL = 1, AF_UNIX = 1, AF_UNSPEC = 0
};

const PTRACE: Names = names! {
    PTRACE_SINGLEBLOCK = 33, PTRACE_SYSEMU_SINGLESTEP = 32, PTRACE_SYSEMU = 31, PTRACE_ARCH_PRCTL = 30,
    PTRACE_SET_THREAD_AREA = 26, PTRACE_GET_THREAD_AREA = 25, PTRACE_OLDSETOPTIONS = 21, PTRACE_SETFPXREGS = 19,
    PTRACE_GETFPXREGS = 18, PTRACE_SETFPREGS = 15, PTRACE_GETFPREGS = 14, PTRACE_SETREGS = 13, PTRACE_GETREGS = 12,
    PTRACE_SETSIGMASK = 0x420b, PTRACE_GETSIGMASK = 0x420a, PTRACE_PEEKSIGINFO = 0x4209, PTRACE_LISTEN = 0x4208,
    PTRACE_INTERRUPT = 0x4207, PTRACE_SEIZE = 0x4206, PTRACE_SETREGSET = 0x4205, PTRACE_GETREGSET = 0x4204,
    PTRACE_SETSIGINFO = 0x4203, PTRACE_GETSIGINFO = 0x4202, PTRACE_GETEVENTMSG = 0x4201, PTRACE_SETOPTIONS =
    0x4200, PTRACE_SYSCALL = 24, PTRACE_DETACH = 17, PTRACE_ATTACH = 16, PTRACE_SINGLESTEP = 9, PTRACE_KILL = 8,
    PTRACE_CONT = 7, PTRACE_POKEUSR = 6, PTRACE_POKEDATA = 5, PTRACE_POKETEXT = 4, PTRACE_PEEKUSR = 3,
    PTRACE_PEEKDATA = 2, PTRACE_PEEKTEXT = 1, PTRACE_TRACEME = 0
};

const PRCTL: Names = names! {
    PR_GET_DUMPABLE = 3, PR_SET_DUMPABLE = 4, PR_GET_KEEPCAPS = 7, PR_SET_KEEPCAPS = 8, PR_SET_NAME = 15,
    PR_GET_NAME = 16, PR_GET_SECCOMP = 21, PR_SET_SECCOMP = 22, PR_CAPBSET_READ = 23, PR_CAPBSET_DROP = 24,
    PR_GET_SECUREBITS = 27, PR_SET_SECUREBITS = 28, PR_MCE_KILL = 33, PR_SET_MM = 35, PR_SET_CHILD_SUBREAPER = 36,
    PR_GET_CHILD_SUBREAPER = 37, PR_SET_NO_NEW_PRIVS = 38, PR_GET_NO_NEW_PRIVS = 39, PR_GET_TID_ADDRESS = 40,
    PR_SET_THP_DISABLE = 41, PR_GET_THP_DISABLE = 42, PR_CAP_AMBIENT = 47
};

const BPF: Names = names! {
    BPF_MAP_CREATE = 0, BPF_MAP_LOOKUP_ELEM = 1, BPF_MAP_UPDATE_ELEM = 2, BPF_MAP_DELETE_ELEM = 3,
    BPF_MAP_GET_NEXT_KEY = 4, BPF_PROG_LOAD = 5, BPF_OBJ_PIN = 6, BPF_OBJ_GET = 7, BPF_PROG_ATTACH = 8,
    BPF_PROG_DETACH = 9, BPF_PROG_TEST_RUN = 10, BPF_PROG_RUN = 10, BPF_PROG_GET_NEXT_ID = 11, BPF_MAP_GET_NEXT_ID
    = 12, BPF_PROG_GET_FD_BY_ID = 13, BPF_MAP_GET_FD_BY_ID = 14, BPF_OBJ_GET_INFO_BY_FD = 15, BPF_PROG_QUERY = 16,
    BPF_RAW_TRACEPOINT_OPEN = 17, BPF_BTF_LOAD = 18, BPF_BTF_GET_FD_BY_ID = 19, BPF_TASK_FD_QUERY = 20,
    BPF_MAP_LOOKUP_AND_DELETE_ELEM = 21, BPF_MAP_FREEZE = 22, BPF_BTF_GET_NEXT_ID = 23, BPF_MAP_LOOKUP_BATCH = 24,
    BPF_MAP_LOOKUP_AND_DELETE_BATCH = 25, BPF_MAP_UPDATE_BATCH = 26, BPF_MAP_DELETE_BATCH = 27, BPF_LINK_CREATE =
    28, BPF_LINK_UPDATE = 29, BPF_LINK_GET_FD_BY_ID = 30, BPF_LINK_GET_NEXT_ID = 31, BPF_ENABLE_STATS = 32,
    BPF_ITER_CREATE = 33, BPF_LINK_DETACH = 34, BPF_PROG_BIND_MAP = 35
};

/// `O_RDONLY` has no bit in Linux: see [`open_flags`].
const OPEN: Names = names! {
    O_LARGEFILE = 0o100_000, O_DIRECTORY = 0o200_000, O_DIRECT = 0o40_000, O_TRUNC = 0o1_000, O_SYNC = 0o4_010_000,
    O_NONBLOCK = 0o4_000, O_EXCL = 0o200, O_DSYNC = 0o10_000, O_APPEND = 0o2_000, O_CREAT = 0o100
};
const OPEN_AFTER_MODE: Names = names! {
    O_CLOEXEC = 0o2_000_000, O_TMPFILE = 0o20_000_000, O_F_CREATED = FILE_CREATED
};

const CLONE: Names = names! {
    CLONE_FILES = 0x400, CLONE_FS = 0x200, CLONE_IO = 0x8000_0000, CLONE_NEWIPC = 0x0800_0000, CLONE_NEWNET =
    0x4000_0000, CLONE_NEWNS = 0x2_0000, CLONE_NEWPID = 0x2000_0000, CLONE_NEWUTS = 0x0400_0000, CLONE_PARENT =
    0x8000, CLONE_PARENT_SETTID = 0x10_0000, CLONE_PTRACE = 0x2000, CLONE_SIGHAND = 0x800, CLONE_SYSVSEM =
    0x4_0000, CLONE_THREAD = 0x1_0000, CLONE_UNTRACED = 0x80_0000, CLONE_VM = 0x100, CLONE_NEWUSER = 0x1000_0000,
    CLONE_CHILD_CLEARTID = 0x20_0000, CLONE_CHILD_SETTID = 0x100_0000, CLONE_SETTLS = 0x8_0000, CLONE_VFORK =
    0x4000, CLONE_NEWCGROUP = 0x0200_0000
};

const RESOLVE: Names = names! {
    RESOLVE_BENEATH = 8, RESOLVE_IN_ROOT = 16, RESOLVE_NO_MAGICLINKS = 2, RESOLVE_NO_SYMLINKS = 4, RESOLVE_NO_XDEV
    = 1, RESOLVE_CACHED = 32
};
const PROT: Names = names! {
    PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4, PROT_SEM = 8, PROT_GROWSDOWN = 0x0100_0000, PROT_GROWSUP =
    0x0200_0000, PROT_NONE = 0
};
const MMAP: Names = names! {
    MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_ANONYMOUS = 0x20, MAP_32BIT = 0x40, MAP_NORESERVE =
    0x4000, MAP_POPULATE = 0x8000, MAP_NONBLOCK = 0x1_0000, MAP_GROWSDOWN = 0x100, MAP_DENYWRITE = 0x800,
    MAP_EXECUTABLE = 0x1000, MAP_LOCKED = 0x2000
};
const MEMFD: Names = names! {
    MFD_CLOEXEC = 1, MFD_ALLOW_SEALING = 2, MFD_HUGETLB = 4
};
const UNLINK: Names = names! {
    AT_REMOVEDIR = 0x200
};
const RENAME: Names = names! {
    RENAME_NOREPLACE = 1, RENAME_EXCHANGE = 2, RENAME_WHITEOUT = 4
};
const LINK: Names = names! {
    AT_SYMLINK_FOLLOW = 0x400, AT_SYMLINK_NOFOLLOW = 0x100, AT_EMPTY_PATH = 0x1000
};
const EXECVEAT: Names = names! {
    AT_EMPTY_PATH = 0x1000, AT_SYMLINK_NOFOLLOW = 0x100
};
const MOUNT: Names = names! {
    RDONLY = 1, NOSUID = 2, NODEV = 4, NOEXEC = 8, SYNCHRONOUS = 16, REMOUNT = 32, MANDLOCK = 64, DIRSYNC = 128,
    NOATIME = 1024, NODIRATIME = 2048, BIND = 4096, MOVE = 8192, REC = 16_384, SILENT = 1 << 15, POSIXACL = 1 <<
    16, UNBINDABLE = 1 << 17, PRIVATE = 1 << 18, SLAVE = 1 << 19, SHARED = 1 << 20, RELATIME = 1 << 21, KERNMOUNT =
    1 << 22, I_VERSION = 1 << 23, STRICTATIME = 1 << 24, LAZYTIME = 1 << 25, NOSEC = 1 << 28, BORN = 1 << 29,
    ACTIVE = 1 << 30, NOUSER = 1 << 31
};
const UMOUNT: Names = names! {
    FORCE = 1, DETACH = 2, EXPIRE = 4, NOFOLLOW = 8
};
const MODULE: Names = names! {
    MODULE_INIT_IGNORE_MODVERSIONS = 1, MODULE_INIT_IGNORE_VERMAGIC = 2, MODULE_INIT_COMPRESSED_FILE = 4
};
const SHUTDOWN: Names = names! {
    SHUT_RDWR = 2, SHUT_WR = 1, SHUT_RD = 0
};
const PERMISSIONS: Names = names! {
    S_IXOTH = 0o1, S_IWOTH = 0o2, S_IROTH = 0o4, S_IXGRP = 0o10, S_IWGRP = 0o20, S_IRGRP = 0o40, S_IXUSR = 0o100,
    S_IWUSR = 0o200, S_IRUSR = 0o400, S_ISVTX = 0o1_000, S_ISGID = 0o2_000, S_ISUID = 0o4_000
};
/// `S_IF…` are values of four bits, the larger ones first.
const FILE_TYPES: Names = names! {
    S_IFSOCK = 0o140_000, S_IFREG = 0o100_000, S_IFBLK = 0o60_000, S_IFCHR = 0o20_000, S_IFIFO = 0o10_000
};

/// The name of an error, given as the kernel does, negative; empty if it has none.
pub fn error(result: i64) -> &'static str {
    if result >= 0 { "" } else { ERRORS.get(result.unsigned_abs() as usize).copied().unwrap_or_default() }
}

/// The name of a signal; empty if it has none.
pub fn signal(number: u64) -> &'static str {
    usize::try_from(number).ok().and_then(|n| SIGNALS.get(n)).copied().unwrap_or_default()
}

/// Capabilities with spaces between.
pub fn capabilities(set: u64, out: &mut Vec<u8>) {
    join(
        CAPABILITIES.iter().enumerate().filter(|&(bit, _)| set & 1 << bit != 0).map(|(_, name)| *name),
        b' ',
        out,
    );
}

/// The names for the value of an argument of this kind. Appends nothing if there are none.
pub fn flags(kind: ArgKind, value: u64, out: &mut Vec<u8>) {
    let (names, exact) = match kind {
        ArgKind::OpenFlags => return open_flags(value, out),
        ArgKind::Permissions => return permissions(value, out),
        ArgKind::SocketFamily => (FAMILIES, true),
        ArgKind::PtraceRequest => (PTRACE, true),
        ArgKind::PrctlOption => (PRCTL, true),
        ArgKind::BpfCommand => (BPF, true),
        ArgKind::ShutdownHow => (SHUTDOWN, true),
        ArgKind::ResolveFlags => (RESOLVE, false),
        ArgKind::CloneFlags => (CLONE, false),
        ArgKind::ExecveatFlags => (EXECVEAT, false),
        ArgKind::ProtFlags => (PROT, false),
        ArgKind::MmapFlags => (MMAP, false),
        ArgKind::MemfdFlags => (MEMFD, false),
        ArgKind::UnlinkFlags => (UNLINK, false),
        ArgKind::RenameFlags => (RENAME, false),
        ArgKind::LinkFlags => (LINK, false),
        ArgKind::MountFlags => (MOUNT, false),
        ArgKind::UmountFlags => (UMOUNT, false),
        ArgKind::ModuleFlags => (MODULE, false),
        _ => return,
    };
    if exact {
        join(names.iter().filter(|&&(_, of)| of == value).map(|&(name, _)| name), b'|', out);
    } else {
        bits(names, value, value, out);
    }
}

/// Names of bits; each bit is told once, by the first name that covers it. Gives back what is left.
fn bits(names: Names, all: u64, mut value: u64, out: &mut Vec<u8>) -> u64 {
    for &(name, of) in names {
        if (of == 0 && all == 0) || (of != 0 && value & of == of) {
            push(name, b'|', out);
            value &= !of;
        }
    }
    value
}

fn open_flags(value: u64, out: &mut Vec<u8>) {
    // O_SYNC contains O_DSYNC, and O_TMPFILE contains O_DIRECTORY.
    let mut value = value;
    let tmpfile = value & 0o20_000_000 != 0;
    if tmpfile {
        value &= !0o200_000;
    }
    let rest = bits(OPEN, value, value, out);
    push(["O_RDONLY", "O_WRONLY", "O_RDWR", "O_RDWR"][(rest & 3) as usize], b'|', out);
    bits(OPEN_AFTER_MODE, 1, rest, out);
}

fn permissions(value: u64, out: &mut Vec<u8>) {
    let rest = bits(PERMISSIONS, value, value, out);
    if let Some(&(name, _)) = FILE_TYPES.iter().find(|&&(_, of)| rest & 0o170_000 == of) {
        push(name, b'|', out);
    }
}

fn join(names: impl Iterator<Item = &'static str>, separator: u8, out: &mut Vec<u8>) {
    names.for_each(|name| push(name, separator, out));
}

fn push(name: &str, separator: u8, out: &mut Vec<u8>) {
    if !out.is_empty() {
        out.push(separator);
    }
    out.extend_from_slice(name.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use ArgKind as K;

    #[test]
    fn numbers_are_told_by_the_names_of_linux() {
        for (kind, value, expected) in [
            (K::OpenFlags, 0, "O_RDONLY"),
            (K::OpenFlags, 0o2_000_101, "O_CREAT|O_WRONLY|O_CLOEXEC"),
            (K::OpenFlags, 0o1102, "O_TRUNC|O_CREAT|O_RDWR"),
            (K::OpenFlags, 0o4_010_002 | FILE_CREATED, "O_SYNC|O_RDWR|O_F_CREATED"),
            (K::OpenFlags, 0o20_200_002, "O_RDWR|O_TMPFILE"),
            (K::Permissions, 0o4_711, "S_IXOTH|S_IXGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID"),
            (K::Permissions, 0o20_600, "S_IWUSR|S_IRUSR|S_IFCHR"),
            (K::Permissions, 0, ""),
            (K::SocketFamily, 1, "AF_LOCAL|AF_UNIX"),
            (K::PtraceRequest, 16, "PTRACE_ATTACH"),
            (K::CloneFlags, 0x1002_0000, "CLONE_NEWNS|CLONE_NEWUSER"),
            (K::ProtFlags, 0, "PROT_NONE"),
            (K::Int, 7, ""),
        ] {
            let mut out = Vec::new();
            flags(kind, value, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{kind:?} {value:o}");
        }
        assert_eq!(
            (error(-2), error(-115), error(0), error(-41), error(i64::MIN + 1)),
            ("ENOENT", "EINPROGRESS", "", "", "")
        );
        assert_eq!((signal(9), signal(64)), ("SIGKILL", ""));
        let mut out = Vec::new();
        capabilities(1 << 21 | 1, &mut out);
        assert_eq!(out, b"CAP_CHOWN CAP_SYS_ADMIN");
    }
}
