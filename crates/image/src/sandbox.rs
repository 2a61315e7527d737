//! The walls around the process that reads hostile bytes.
//!
//! [`enter`] is called once, before the first thread starts and after everything that is needed was opened.
//! From then on the process can read beneath the paths it was given and nothing else (Landlock), cannot open
//! a socket, run a program, trace or signal others (seccomp), and gains no privilege. What is refused fails
//! with `EPERM` or `EACCES`, so that a bug shows as an error and not as silence.
//!
//! A kernel without Landlock still gets the seccomp filter; the report says what was enforced.

use gabion_model::Isolation;
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule};
use std::{collections::BTreeMap, path::PathBuf};

/// The newest Landlock that is asked for; older kernels enforce what they have.
const NEWEST: ABI = ABI::V6;

/// Closes the sandbox around the calling process. Only files beneath `readable` can be opened afterwards.
pub fn enter(readable: &[PathBuf]) -> Isolation {
    Isolation {
        landlock: landlock(readable).unwrap_or_else(|error| format!("not enforced ({error})")),
        seccomp: match seccomp() {
            Ok(()) => "enforced".to_owned(),
            Err(error) => format!("not enforced ({error})"),
        },
    }
}

fn landlock(readable: &[PathBuf]) -> Result<String, landlock::RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    for path in readable {
        // What does not exist needs no rule.
        if let Ok(fd) = PathFd::new(path) {
            let access = if path.is_dir() {
                AccessFs::ReadFile | AccessFs::ReadDir
            } else {
                AccessFs::ReadFile.into()
            };
            rules = rules.add_rule(PathBeneath::new(fd, access))?;
        }
    }
    let status = rules.restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => "enforced".to_owned(),
        RulesetStatus::PartiallyEnforced => "enforced in part (an older kernel)".to_owned(),
        RulesetStatus::NotEnforced => "not enforced (the kernel has no Landlock)".to_owned(),
    })
}

fn seccomp() -> Result<(), seccompiler::Error> {
    let mut rules: BTreeMap<i64, _> = ALLOWED.iter().map(|&(number, _)| (number, Vec::new())).collect();
    // Of other processes neither the signals nor the limits, also where Landlock does not scope them.
    let itself = rustix::process::getpid().as_raw_nonzero().get();
    rules.insert(libc::SYS_tgkill, vec![first_argument(u64::from(itself.unsigned_abs()))?]);
    rules.insert(libc::SYS_prlimit64, vec![first_argument(0)?]);
    let errno = SeccompAction::Errno(libc::EPERM as u32);
    let filter = SeccompFilter::new(rules, errno, SeccompAction::Allow, std::env::consts::ARCH.try_into()?)?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)
}

/// Allows a call if its first argument, a process number, is this.
fn first_argument(value: u64) -> Result<SeccompRule, seccompiler::Error> {
    use seccompiler::{SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, SeccompCondition};
    Ok(SeccompRule::new(vec![SeccompCondition::new(0, Dword, Eq, value)?])?)
}

/// The system calls the analyser makes, and who needs each.
const ALLOWED: &[(i64, &str)] = &[
    (libc::SYS_read, "inputs, the job"),
    (libc::SYS_readv, "inputs"),
    (libc::SYS_pread64, "blobs, spill files, files in place"),
    (libc::SYS_write, "results, spill files"),
    (libc::SYS_writev, "results"),
    (libc::SYS_pwrite64, "spill files"),
    (libc::SYS_lseek, "spill files"),
    (libc::SYS_ftruncate, "spill files"),
    (libc::SYS_openat, "files beneath the inputs, as Landlock allows"),
    (libc::SYS_openat2, "files of a tree, beneath its root"),
    (libc::SYS_close, "whatever was opened"),
    (libc::SYS_fstat, "sizes and stamps"),
    (libc::SYS_newfstatat, "entries of a tree"),
    (libc::SYS_statx, "sizes and stamps"),
    (libc::SYS_fstatfs, "mount points of a tree"),
    (libc::SYS_getdents64, "directories of a tree"),
    (libc::SYS_readlinkat, "links of a tree"),
    (libc::SYS_fgetxattr, "file capabilities of a tree"),
    (libc::SYS_fcntl, "the standard library checks descriptors"),
    (libc::SYS_fadvise64, "read-ahead hints"),
    (libc::SYS_mmap, "memory, thread stacks"),
    (libc::SYS_munmap, "memory, thread stacks"),
    (libc::SYS_mremap, "memory"),
    (libc::SYS_mprotect, "thread stacks, heap arenas"),
    (libc::SYS_madvise, "memory"),
    (libc::SYS_brk, "memory"),
    (libc::SYS_futex, "locks, thread ends"),
    (libc::SYS_clone3, "threads"),
    (libc::SYS_clone, "threads, with an older C library"),
    (libc::SYS_set_robust_list, "threads"),
    (libc::SYS_rseq, "threads"),
    (libc::SYS_sched_getaffinity, "number of processors"),
    (libc::SYS_sched_yield, "locks"),
    (libc::SYS_prctl, "thread names"),
    (libc::SYS_gettid, "thread names, panics"),
    (libc::SYS_getpid, "aborts"),
    (libc::SYS_tgkill, "aborts: to this process only"),
    (libc::SYS_sigaltstack, "stack overflow guard"),
    (libc::SYS_rt_sigaction, "stack overflow guard"),
    (libc::SYS_rt_sigprocmask, "threads"),
    (libc::SYS_rt_sigreturn, "signals"),
    (libc::SYS_getrandom, "hash seeds"),
    (libc::SYS_clock_gettime, "progress"),
    (libc::SYS_clock_nanosleep, "progress"),
    (libc::SYS_nanosleep, "progress"),
    (libc::SYS_restart_syscall, "interrupted sleeps"),
    (libc::SYS_getrusage, "peak memory"),
    (libc::SYS_prlimit64, "thread stacks: of this process only"),
    (libc::SYS_exit, "thread ends"),
    (libc::SYS_exit_group, "the end"),
];
