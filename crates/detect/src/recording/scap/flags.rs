//! Flags and modes: Falco numbers them on its own, Gabion as Linux does.

use gabion_model::event::{ArgKind, FILE_CREATED};

/// The bit by which Falco says that the file lies in the upper layer of an overlay.
pub(super) const UPPER_LAYER: u64 = 1 << 15;

/// What Linux calls that; `None` if Falco itself did not know it.
pub(super) fn linux(kind: ArgKind, value: u64) -> Option<u64> {
    Some(match kind {
        ArgKind::OpenFlags => {
            // Reading and writing are two bits, where Linux counts.
            let access = match value & 3 {
                2 => 1,
                3 => 2,
                _ => 0,
            };
            access | bits(OPEN, value)
        }
        ArgKind::CloneFlags => bits(CLONE, value),
        ArgKind::MmapFlags => bits(MMAP, value),
        ArgKind::ProtFlags => bits(PROT, value),
        ArgKind::ResolveFlags => bits(RESOLVE, value),
        ArgKind::ExecveatFlags => bits(EXECVEAT, value),
        ArgKind::PtraceRequest => u64::from(*PTRACE.get(usize::try_from(value.checked_sub(1)?).ok()?)?),
        _ => value,
    })
}

/// `delete_module` has two of the flags of `open`, under numbers of its own.
pub(super) fn delete_module(value: u64) -> u64 {
    bits(&[0o1000, 0o4000], value)
}

/// Each bit of Falco, from the lowest, and what Linux has for it.
fn bits(table: &[u64], value: u64) -> u64 {
    table
        .iter()
        .enumerate()
        .filter(|(bit, _)| value >> bit & 1 == 1)
        .fold(0, |flags, (_, linux)| flags | linux)
}

const OPEN: &[u64] = &[
    0,
    0,
    0o100,        // CREAT
    0o2000,       // APPEND
    0o10000,      // DSYNC
    0o200,        // EXCL
    0o4000,       // NONBLOCK
    0o4_010_000,  // SYNC
    0o1000,       // TRUNC
    0o40000,      // DIRECT
    0o200_000,    // DIRECTORY
    0o100_000,    // LARGEFILE
    0o2_000_000,  // CLOEXEC
    0o20_200_000, // TMPFILE
    FILE_CREATED,
];

const CLONE: &[u64] = &[
    0x400,       // FILES
    0x200,       // FS
    0x8000_0000, // IO
    0x800_0000,  // NEWIPC
    0x4000_0000, // NEWNET
    0x2_0000,    // NEWNS
    0x2000_0000, // NEWPID
    0x400_0000,  // NEWUTS
    0x8000,      // PARENT
    0x10_0000,   // PARENT_SETTID
    0x2000,      // PTRACE
    0x800,       // SIGHAND
    0x4_0000,    // SYSVSEM
    THREAD,
    0x80_0000, // UNTRACED
    0x100,     // VM
    0,         // from here, what Falco says of the thread
    0,
    0,
    0,
    0x1000_0000, // NEWUSER
    0,
    0,
    0x20_0000,  // CHILD_CLEARTID
    0x100_0000, // CHILD_SETTID
    0x8_0000,   // SETTLS
    0,
    0x4000,     // VFORK
    0x200_0000, // NEWCGROUP
];

/// `CLONE_THREAD`: a thread of the same process.
pub(super) const THREAD: u64 = 0x1_0000;

const MMAP: &[u64] = &[
    1,       // SHARED
    2,       // PRIVATE
    0x10,    // FIXED
    0x20,    // ANONYMOUS
    0x40,    // 32BIT
    0,       // RENAME
    0x4000,  // NORESERVE
    0x8000,  // POPULATE
    0x10000, // NONBLOCK
    0x100,   // GROWSDOWN
    0x800,   // DENYWRITE
    0x1000,  // EXECUTABLE
    0,       // INHERIT
    0,       // FILE
    0x2000,  // LOCKED
];

/// READ, WRITE, EXEC, SEM, GROWSDOWN, GROWSUP, SAO.
const PROT: &[u64] = &[1, 2, 4, 8, 0x100_0000, 0x200_0000, 0x10];

/// BENEATH, `IN_ROOT`, `NO_MAGICLINKS`, `NO_SYMLINKS`, `NO_XDEV`, CACHED.
const RESOLVE: &[u64] = &[0x08, 0x10, 0x02, 0x04, 0x01, 0x20];

/// `EMPTY_PATH`, `SYMLINK_NOFOLLOW`.
const EXECVEAT: &[u64] = &[0x1000, 0x100];

/// The requests of `ptrace` in Falco's order, from its 1 on.
const PTRACE: &[u16] = &[
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 24, 0x4200, 0x4201, 0x4202, 0x4203, 0x4204, 0x4205, 0x4206, 0x4207,
    0x4208, 0x4209, 0x420a, 0x420b, 12, 13, 14, 15, 18, 19, 21, 25, 26, 30, 31, 32, 33,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_those_of_linux() {
        let rdwr_create_cloexec = 3 | 1 << 2 | 1 << 12;
        assert_eq!(linux(ArgKind::OpenFlags, rdwr_create_cloexec), Some(0o2_000_102));
        assert_eq!(linux(ArgKind::OpenFlags, 1 | UPPER_LAYER), Some(0));
        assert_eq!(linux(ArgKind::PtraceRequest, 11), Some(16), "PTRACE_ATTACH");
        assert_eq!(linux(ArgKind::PtraceRequest, 0), None);
        assert_eq!(linux(ArgKind::PtraceRequest, 38), Some(33));
        assert_eq!(linux(ArgKind::CloneFlags, 1 << 13 | 1 << 28), Some(THREAD | 0x200_0000));
    }
}
