//! The blocks before the first event: the machine, the processes that ran, and what they had open.

use super::super::{Node, RecordingError};
use super::block::{Fields, damaged};
use gabion_model::event::{Credentials, Endpoint, Transport};

/// Reads the block of the machine: its name, and when it started.
pub(super) fn machine(body: &[u8]) -> Option<Node> {
    let mut fields = Fields::new(body);
    fields.bytes(20)?;
    let name = super::event::until_nul(fields.bytes(128)?);
    Some(Node { name: String::from_utf8_lossy(name).into_owned(), boot: fields.u64()? })
}

/// A thread that ran.
#[derive(Clone, Debug, Default)]
pub(super) struct Thread<'a> {
    pub(super) tid: u64,
    pub(super) pid: u64,
    pub(super) parent: u64,
    pub(super) sid: u64,
    pub(super) vpgid: u64,
    pub(super) pgid: u64,
    pub(super) vpid: u64,
    pub(super) comm: &'a [u8],
    pub(super) exe: &'a [u8],
    pub(super) exe_path: &'a [u8],
    pub(super) args: &'a [u8],
    pub(super) env: &'a [u8],
    pub(super) cwd: &'a [u8],
    pub(super) cgroups: &'a [u8],
    pub(super) tty: u32,
    pub(super) credentials: Credentials,
    pub(super) exe_writable: bool,
    pub(super) exe_upper: bool,
    pub(super) exe_memfd: bool,
    pub(super) exe_ino: u64,
    pub(super) exe_ctime: u64,
    pub(super) exe_mtime: u64,
}

/// Reads a list of processes; `version` says which of the nine layouts it has.
pub(super) fn processes(offset: u64, version: u8, body: &[u8]) -> Result<Vec<Thread<'_>>, RecordingError> {
    let short = || damaged(offset, "an entry of the list of processes is cut off");
    let mut fields = Fields::new(body);
    let mut threads = Vec::new();
    while fields.left() >= 4 {
        if version < 9 {
            threads.push(thread(&mut fields, version).ok_or_else(short)?);
            continue;
        }
        // The length counts itself. Padding is shorter than it.
        let length = fields.u32().ok_or_else(short)? as usize;
        let entry = length.checked_sub(4).and_then(|length| fields.bytes(length)).ok_or_else(short)?;
        let mut entry = Fields::new(entry);
        let mut one = thread(&mut entry, version).ok_or_else(short)?;
        late_fields(&mut entry, &mut one);
        threads.push(one);
    }
    Ok(threads)
}

fn thread<'a>(fields: &mut Fields<'a>, version: u8) -> Option<Thread<'a>> {
    let mut thread =
        Thread { tid: fields.u64()?, pid: fields.u64()?, parent: fields.u64()?, ..Thread::default() };
    thread.credentials.loginuid = u32::MAX;
    thread.vpid = thread.pid;
    if version >= 6 {
        thread.sid = fields.u64()?;
    }
    if version >= 8 {
        thread.vpgid = fields.u64()?;
    }
    thread.comm = fields.text()?;
    thread.exe = fields.text()?;
    if version >= 7 {
        thread.exe_path = fields.text()?;
    }
    thread.args = fields.text()?;
    thread.cwd = fields.text()?;
    fields.u64()?; // limit of descriptors
    fields.u32()?; // flags
    thread.credentials.uid = fields.u32()?;
    thread.credentials.gid = fields.u32()?;
    if version >= 2 {
        fields.bytes(3 * 4 + 2 * 8)?; // memory, page faults
    }
    if version >= 3 {
        thread.env = fields.text()?;
    }
    if version >= 4 {
        fields.u64()?; // the thread inside its container
        thread.vpid = fields.u64()?;
        thread.cgroups = fields.text()?;
    }
    if version >= 5 {
        fields.text()?; // its root
    }
    Some(thread)
}

/// What later writers have appended, as far as it goes. Version 0.10 of Falco's libraries put two fields before others;
/// what was written before them has at most 29 bytes here.
fn late_fields(fields: &mut Fields<'_>, thread: &mut Thread<'_>) -> Option<()> {
    if fields.left() > 29 {
        fields.u64()?; // start of the PID namespace
        thread.tty = fields.u32()?;
    }
    thread.credentials.loginuid = fields.u32()?;
    thread.exe_writable = fields.u8()? != 0;
    thread.credentials.inheritable = fields.u64()?;
    thread.credentials.permitted = fields.u64()?;
    thread.credentials.effective = fields.u64()?;
    thread.exe_upper = fields.u8()? != 0;
    thread.exe_ino = fields.u64()?;
    thread.exe_ctime = fields.u64()?;
    thread.exe_mtime = fields.u64()?;
    thread.exe_memfd = fields.u8()? != 0;
    fields.u8()?; // in the lower layer
    thread.pgid = fields.u64()?;
    Some(())
}

/// What a descriptor was.
#[derive(Clone, Copy, Debug)]
pub(super) enum Open<'a> {
    File { path: &'a [u8], upper: bool, dev: u64 },
    Directory(&'a [u8]),
    Connection { transport: Transport, local: Endpoint, remote: Endpoint },
    Listening { transport: Transport, local: Endpoint },
    Pipe,
    Unix(&'a [u8]),
    Memfd(&'a [u8]),
    Anonymous(&'static str),
    Netlink,
    Unknown,
}

/// A descriptor that was open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptor<'a> {
    pub(super) number: i64,
    pub(super) ino: u64,
    pub(super) open: Open<'a>,
}

/// Reads the list of descriptors of a process: its number, and they. From the second version on, entries have a length.
pub(super) fn descriptors(
    offset: u64,
    version: u8,
    body: &[u8],
) -> Result<(u64, Vec<Descriptor<'_>>), RecordingError> {
    let short = || damaged(offset, "an entry of the list of descriptors is cut off");
    let mut fields = Fields::new(body);
    let tid = fields.u64().ok_or_else(short)?;
    let mut list = Vec::new();
    while fields.left() >= 4 {
        if version == 1 {
            list.push(descriptor(&mut fields, false).ok_or_else(short)?);
            continue;
        }
        let length = fields.u32().ok_or_else(short)? as usize;
        let entry = length.checked_sub(4).and_then(|length| fields.bytes(length)).ok_or_else(short)?;
        list.push(descriptor(&mut Fields::new(entry), true).ok_or_else(short)?);
    }
    Ok((tid, list))
}

/// `framed`: nothing but this entry is in `fields`, so that what was appended later can be told from the next one.
fn descriptor<'a>(fields: &mut Fields<'a>, framed: bool) -> Option<Descriptor<'a>> {
    let (number, ino, kind) = (fields.u64()?.cast_signed(), fields.u64()?, fields.u8()?);
    let open = match kind {
        1 => Open::File { path: fields.text()?, upper: false, dev: 0 },
        2 => Open::Directory(fields.text()?),
        3 | 4 => {
            let mut address = || if kind == 3 { fields.ipv4() } else { fields.ipv6() };
            let (local, remote) = (address()?, address()?);
            let (local_port, remote_port) = (fields.u16()?, fields.u16()?);
            Open::Connection {
                transport: transport(fields.u8()?),
                local: Endpoint { address: local, port: local_port },
                remote: Endpoint { address: remote, port: remote_port },
            }
        }
        5 | 6 => {
            let address = if kind == 5 { fields.ipv4()? } else { fields.ipv6()? };
            let local = Endpoint { address, port: fields.u16()? };
            Open::Listening { transport: transport(fields.u8()?), local }
        }
        8 => {
            fields.bytes(16)?; // both ends, by their addresses in the kernel
            Open::Unix(fields.text()?)
        }
        16 => {
            let flags = u64::from(fields.u32()?);
            let path = fields.text()?;
            Open::File {
                path,
                upper: flags & super::flags::UPPER_LAYER != 0,
                dev: if framed { u64::from(fields.u32().unwrap_or_default()) } else { 0 },
            }
        }
        7 => fields.text().map(|_| Open::Pipe)?,
        15 => fields.text().map(|_| Open::Netlink)?,
        20 => Open::Memfd(fields.text()?),
        _ => match anonymous(kind) {
            Some(name) => fields.text().map(|_| Open::Anonymous(name))?,
            None if kind == 10 => fields.text().map(|_| Open::Unknown)?,
            None => Open::Unknown,
        },
    };
    Some(Descriptor { number, ino, open })
}

const fn anonymous(kind: u8) -> Option<&'static str> {
    Some(match kind {
        9 => "eventfd",
        11 => "signalfd",
        12 => "epoll",
        13 => "inotify",
        14 => "timerfd",
        17 => "bpf",
        18 => "userfaultfd",
        19 => "io_uring",
        21 => "pidfd",
        _ => return None,
    })
}

const fn transport(number: u8) -> Transport {
    match number {
        2 => Transport::Tcp,
        3 => Transport::Udp,
        4 => Transport::Other(1), // ICMP
        5 => Transport::Raw,
        _ => Transport::Other(0),
    }
}
