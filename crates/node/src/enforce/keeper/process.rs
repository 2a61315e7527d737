//! What `/proc` says of a process that waits for a decision.

use crate::enforce::kernel::wire::Stamp;
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{self as rfs, AtFlags, Mode, OFlags, ResolveFlags, Stat},
    io,
};
use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::{ffi::OsStrExt as _, fs::FileExt as _},
    path::{Path, PathBuf},
};

/// Longest list of control groups or mounts that is read.
const MAX_TEXT: u64 = 4 << 20;
/// Most program headers that are looked at.
const MAX_ROWS: u64 = 256;
/// Longest name of a dynamic loader.
const MAX_LOADER: u64 = 4096;

fn read(path: &str) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(MAX_TEXT).read_to_end(&mut text)?;
    Ok(text)
}

/// The path of its control group, version 2, below the root of the hierarchy.
pub(super) fn group(pid: u32) -> Option<Vec<u8>> {
    let text = read(&format!("/proc/{pid}/cgroup")).ok()?;
    text.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"0::")).map(<[u8]>::to_vec)
}

/// When it started, in nanoseconds since boot, as exactly as `/proc` has it: hundredths of a second. 0 if it is gone.
pub(super) fn start(pid: u32) -> u64 {
    let text = read(&format!("/proc/{pid}/stat")).unwrap_or_default();
    // Its name may have anything in it, but no bracket comes after it.
    let behind = text.iter().rposition(|&byte| byte == b')').map_or(&[][..], |at| &text[at..]);
    let field =
        behind.split(|&byte| byte == b' ').nth(20).and_then(|field| str::from_utf8(field).ok()?.parse().ok());
    field.unwrap_or(0_u64) * (1_000_000_000 / rustix::param::clock_ticks_per_second())
}

/// A directory, to compare.
pub(super) type Root = (u64, u64);

/// The root directory of a process.
pub(super) fn root(pid: u32) -> Option<Root> {
    let stat = rfs::stat(format!("/proc/{pid}/root")).ok()?;
    Some((stat.st_dev, stat.st_ino))
}

/// The root directories that are the host's: that of the first process, if it may be looked at, and our own.
pub(super) fn host_roots() -> Vec<Root> {
    [1, std::process::id()].into_iter().filter_map(root).collect()
}

/// Its mount namespace.
pub(super) fn mount_namespace(pid: u32) -> Option<u64> {
    Some(rfs::stat(format!("/proc/{pid}/ns/mnt")).ok()?.st_ino)
}

/// Where a link of `/proc` leads to, as the container sees it. `kept`: it still does; otherwise it once did.
pub(super) fn link(path: &str, kept: bool) -> Vec<u8> {
    let target = fs::read_link(path).map(|path| path.as_os_str().as_bytes().to_vec()).unwrap_or_default();
    match target.strip_suffix(b" (deleted)") {
        Some(before) if !kept => before.to_vec(),
        _ => target,
    }
}

/// What the kernel knows of a file.
pub(super) fn stamp(stat: &Stat) -> Stamp {
    let time =
        |seconds: i64, rest: u64| seconds.cast_unsigned().wrapping_mul(1_000_000_000).wrapping_add(rest);
    Stamp {
        ctime: time(stat.st_ctime, stat.st_ctime_nsec),
        mtime: time(stat.st_mtime, stat.st_mtime_nsec),
        size: stat.st_size.cast_unsigned(),
    }
}

/// Whether a file is a program in machine code: the kernel executes it itself, and not with the help of another.
pub(super) fn is_elf(program: &File) -> bool {
    let mut head = [0; 4];
    program.read_exact_at(&mut head, 0).is_ok() && head == *b"\x7fELF"
}

/// The dynamic loader that an ELF program names.
pub(super) fn loader(program: &File) -> Option<Vec<u8>> {
    let mut head = [0; 64];
    program.read_exact_at(&mut head, 0).ok()?;
    if head[..4] != *b"\x7fELF" || head[5] != 1 {
        return None;
    }
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte));
    let wide = head[4] == 2;
    let (table, size, count) = if wide {
        (number(&head[32..40]), number(&head[54..56]), number(&head[56..58]))
    } else {
        (number(&head[28..32]), number(&head[42..44]), number(&head[44..46]))
    };
    if size < if wide { 56 } else { 32 } || count > MAX_ROWS {
        return None;
    }
    let mut rows = vec![0; (size * count) as usize];
    program.read_exact_at(&mut rows, table).ok()?;
    for row in rows.chunks_exact(size as usize) {
        // PT_INTERP
        if number(&row[..4]) != 3 {
            continue;
        }
        let (from, size) = if wide {
            (number(&row[8..16]), number(&row[32..40]))
        } else {
            (number(&row[4..8]), number(&row[16..20]))
        };
        let mut name = vec![0; size.min(MAX_LOADER) as usize];
        program.read_exact_at(&mut name, from).ok()?;
        name.truncate(name.iter().position(|&byte| byte == 0)?);
        return Some(name);
    }
    None
}

/// A file with this path, as a process sees it, and its device and inode. Nothing is opened for reading, so nobody is asked.
pub(super) fn find(pid: u32, path: &[u8]) -> Option<(OwnedFd, (u64, u64))> {
    let root = open_root(pid).ok()?;
    let file = beneath(root.as_fd(), path, ResolveFlags::empty()).ok()?;
    let stat = rfs::fstat(&file).ok()?;
    Some((file, (stat.st_dev, stat.st_ino)))
}

/// The root directory of a process.
pub(super) fn open_root(pid: u32) -> io::Result<OwnedFd> {
    rfs::open(format!("/proc/{pid}/root"), OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// A path below a root directory, without leaving it.
pub(super) fn beneath(root: BorrowedFd<'_>, path: &[u8], how: ResolveFlags) -> io::Result<OwnedFd> {
    let how = how | ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    rfs::openat2(root, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), how)
}

/// A mount of a process.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) id: u64,
    pub(super) path: Vec<u8>,
    pub(super) kind: Vec<u8>,
}

/// What is mounted for a process.
pub(super) fn mounts(pid: u32) -> Vec<Mount> {
    let text = read(&format!("/proc/{pid}/mountinfo")).unwrap_or_default();
    text.split(|&byte| byte == b'\n').filter_map(mount).collect()
}

fn mount(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|&byte| byte == b' ');
    let id = str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let path = unescaped(words.nth(3)?);
    let kind = words.skip_while(|word| *word != b"-").nth(1)?.to_vec();
    Some(Mount { id, path, kind })
}

/// Blanks, tabs, line ends and backslashes are told by three octal digits.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        let digits = behind.first_chunk::<3>().filter(|_| byte == b'\\');
        let value = digits.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 8).ok());
        plain.push(value.unwrap_or(byte));
        rest = if value.is_some() { &behind[3..] } else { behind };
    }
    plain
}

/// The directory of a control group with this id, beneath the root of the hierarchy.
pub(super) fn directory(hierarchy: &Path, id: u64) -> Option<PathBuf> {
    let mut stack = vec![hierarchy.to_owned()];
    while let Some(path) = stack.pop() {
        let Ok(stat) = rfs::statat(rfs::CWD, &path, AtFlags::SYMLINK_NOFOLLOW) else { continue };
        if stat.st_ino == id {
            return Some(path);
        }
        let below = fs::read_dir(&path).into_iter().flatten().flatten();
        stack.extend(
            below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()),
        );
    }
    None
}

/// The processes in a control group and those within it.
pub(super) fn members(directory: &Path) -> Vec<u32> {
    let mut members = Vec::new();
    let mut stack = vec![directory.to_owned()];
    while let Some(path) = stack.pop() {
        let text = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
        members.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
        let below = fs::read_dir(&path).into_iter().flatten().flatten();
        stack.extend(
            below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()),
        );
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read_with_blanks_in_their_names() {
        let line = b"36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - overlay overlay rw,lowerdir=a";
        let told = Mount { id: 36, path: b"/mnt 2".to_vec(), kind: b"overlay".to_vec() };
        assert_eq!(mount(line), Some(told));
        assert_eq!(mount(b""), None);
        assert_eq!(unescaped(b"\\134\\x\\"), b"\\\\x\\");
    }

    #[test]
    fn the_loader_of_a_program_is_found() {
        let own = std::env::current_exe().expect("a program");
        let name = loader(&File::open(own).expect("opens"));
        assert!(name.is_some_and(|name| name.starts_with(b"/lib")), "this program is dynamic");
        assert_eq!(loader(&File::open("/proc/self/status").expect("opens")), None);
    }

    #[test]
    fn this_process_started_before_now() {
        let pid = std::process::id();
        let start = start(pid);
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime).tv_sec.cast_unsigned();
        assert!(start > 0 && start / 1_000_000_000 <= now);
        assert!(root(pid).is_some_and(|root| host_roots().contains(&root)));
        assert!(mounts(pid).iter().any(|mount| mount.path == b"/"));
        assert_eq!(find(pid, b"/proc/self/../self/stat").is_some(), find(pid, b"/proc/1/stat").is_some());
    }
}
