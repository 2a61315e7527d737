//! Programs that were executed, and processes that were found running.

use super::{Front, Sink};
use crate::sensor::{
    path,
    record::{Reader, until_zero},
};
use gabion_model::event::{Credentials, EventKind, Executable, Process, Subject, Value};
use std::{fs, io::Read};

const UPPER: u32 = 1;
const MEMFD: u32 = 2;

/// More of a command line or an environment in `/proc` is not read.
const MOST: u64 = 16 << 10;

/// The process that a record describes, and the name that the program was called by.
fn read<'a>(reader: &mut Reader<'a>) -> Option<(Process, &'a [u8], [u32; 2])> {
    let mut process = Process {
        parent: reader.u32()?,
        vpid: reader.u32()?,
        vsid: reader.u32()?,
        vpgid: reader.u32()?,
        sid: reader.u32()?,
        pgid: reader.u32()?,
        ..Process::default()
    };
    process.credentials = Credentials { uid: reader.u32()?, gid: reader.u32()?, ..Credentials::default() };
    process.credentials.loginuid = reader.u32()?;
    process.tty = reader.u32()?;
    process.credentials.inheritable = reader.u64()?;
    process.credentials.permitted = reader.u64()?;
    process.credentials.effective = reader.u64()?;
    let mut exe = Executable {
        dev: reader.device()?,
        ino: reader.u64()?,
        ctime: reader.u64()?,
        mtime: reader.u64()?,
        ..Executable::default()
    };
    let (mode, owner, group, flags) = (reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?);
    exe.upper_layer = flags & UPPER != 0;
    exe.memfd = flags & MEMFD != 0;
    exe.writable = writable(mode, owner, group, &process.credentials);
    let mut sizes = [0; 7];
    for size in &mut sizes {
        *size = reader.u32()?;
    }
    let _ = reader.u32()?;
    let [exe_size, cwd_size, name_size, args_size, args_cut, env_size, env_cut] = sizes;
    process.comm = until_zero(reader.bytes(16)?).to_vec();
    let names = reader.bytes(exe_size as usize)?;
    // A process of the kernel has none.
    if !names.is_empty() {
        exe.path = path::read(names);
    }
    process.cwd = path::read(reader.bytes(cwd_size as usize)?);
    process.exe = exe;
    let name = until_zero(reader.bytes(name_size as usize)?);
    process.args_cut = args_cut;
    process.env_cut = env_cut;
    Some((process, name, [args_size, env_size]))
}

pub(super) fn exec(
    front: &Front,
    mut reader: Reader<'_>,
    keys: &[Vec<u8>],
    sink: &mut Sink<'_>,
) -> Option<()> {
    let (mut process, name, [args_size, env_size]) = read(&mut reader)?;
    process.args = list(reader.bytes(args_size as usize)?);
    process.env = asked_for(reader.bytes(env_size as usize)?, keys);
    process.exec_time = front.time;
    tell(front, &process, name, sink);
    Some(())
}

pub(super) fn found(
    front: &Front,
    mut reader: Reader<'_>,
    keys: &[Vec<u8>],
    sink: &mut Sink<'_>,
) -> Option<()> {
    let (mut process, name, _) = read(&mut reader)?;
    process.found = true;
    let pid = front.task.pid;
    // Threads of the kernel have neither; a process that has ended since is told without.
    let (args, cut) = of_proc(pid, "cmdline");
    process.args = list(&args);
    process.args_cut = cut;
    if !keys.is_empty() {
        let (env, cut) = of_proc(pid, "environ");
        process.env = asked_for(&env, keys);
        process.env_cut = cut;
    }
    tell(front, &process, name, sink);
    Some(())
}

fn tell(front: &Front, process: &Process, name: &[u8], sink: &mut Sink<'_>) {
    let args = [Value::Int(0), Value::Bytes(name)];
    let mut event = front.event(EventKind::Execve, 0, None, &args);
    event.subject = Subject::Process(process);
    sink(&event);
}

/// A file of `/proc`, and how many bytes more there are at least.
fn of_proc(pid: u32, name: &str) -> (Vec<u8>, u32) {
    let mut content = Vec::new();
    let opened = fs::File::open(format!("/proc/{pid}/{name}"));
    let read = opened.and_then(|file| file.take(MOST + 1).read_to_end(&mut content));
    if read.is_err() {
        return (Vec::new(), 0);
    }
    let cut = (content.len() as u64).saturating_sub(MOST) as u32;
    content.truncate(MOST as usize);
    (content, cut)
}

/// The texts of a list that each end with a zero byte; the last one may be cut.
fn list(bytes: &[u8]) -> Vec<Vec<u8>> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    bytes.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect()
}

fn asked_for(bytes: &[u8], keys: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let wanted = |entry: &&[u8]| {
        keys.iter().any(|key| entry.strip_prefix(key.as_slice()).is_some_and(|rest| rest.starts_with(b"=")))
    };
    bytes.split(|&byte| byte == 0).filter(wanted).map(<[u8]>::to_vec).collect()
}

/// By the bits of the mode, as far as the groups of a process are known: its effective one.
fn writable(mode: u32, owner: u32, group: u32, who: &Credentials) -> bool {
    const DAC_OVERRIDE: u64 = 1 << 1;
    let bit = if who.uid == owner {
        0o200
    } else if who.gid == group {
        0o020
    } else {
        0o002
    };
    mode & bit != 0 || who.effective & DAC_OVERRIDE != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_arguments_are_arguments() {
        assert_eq!(list(b"sh\0-c\0\0x\0"), [&b"sh"[..], b"-c", b"", b"x"]);
        assert_eq!(list(b"sh\0cut of"), [&b"sh"[..], b"cut of"]);
        assert!(list(b"").is_empty());
    }

    #[test]
    fn only_what_is_asked_for_leaves_the_environment() {
        let env = b"PATH=/bin\0LD_PRELOAD=/x.so\0LD_PRELOADS=no\0LD_PRELOAD\0";
        assert_eq!(asked_for(env, &[b"LD_PRELOAD".to_vec()]), [b"LD_PRELOAD=/x.so".to_vec()]);
        assert!(asked_for(env, &[]).is_empty());
    }

    #[test]
    fn the_owner_is_judged_by_the_bits_of_the_owner() {
        let user = Credentials { uid: 1000, gid: 1000, ..Credentials::default() };
        assert!(!writable(0o066, 1000, 0, &user));
        assert!(writable(0o020, 0, 1000, &user));
        assert!(!writable(0o755, 0, 0, &user));
        assert!(writable(0o002, 0, 0, &user));
        assert!(writable(0, 0, 0, &Credentials { effective: 2, ..user }));
    }
}
