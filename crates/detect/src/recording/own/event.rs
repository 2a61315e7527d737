//! Events in a block. What is as it was in the event before is left out, and a bit says so.

use super::subject;
use super::wire::{In, Out};
use gabion_model::event::{
    Child, Endpoint, Event, EventKind, Fd, FdKind, Rung, Subject, Task, Transport, Value, Verdict,
};
use gabion_model::workload::ContainerKey;
use std::net::IpAddr;

/// What the event before was: what is the same is not written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Before {
    number: u64,
    time: u64,
    cpu: u16,
    task: Task,
    container: ContainerKey,
}

const NEXT_NUMBER: u8 = 1;
const SAME_CPU: u8 = 2;
const SAME_TASK: u8 = 4;
const SAME_CONTAINER: u8 = 8;
const HAS_FD: u8 = 16;
const HAS_SUBJECT: u8 = 32;
const HAS_VERDICT: u8 = 64;

/// Writes an event.
pub(super) fn write(out: &mut Out, before: &mut Before, event: &Event<'_>) {
    let &Event { number, time, cpu, kind, task, container, result, fd, args, subject, verdict } = event;
    let bit = |set, bit| if set { bit } else { 0 };
    out.byte(
        bit(number == before.number.wrapping_add(1), NEXT_NUMBER)
            | bit(cpu == before.cpu, SAME_CPU)
            | bit(task == before.task, SAME_TASK)
            | bit(container == before.container, SAME_CONTAINER)
            | bit(fd.is_some(), HAS_FD)
            | bit(!matches!(subject, Subject::None), HAS_SUBJECT)
            | bit(verdict != Verdict::None, HAS_VERDICT),
    );
    // By its name: numbers change when kinds are added.
    out.text(kind.as_str().as_bytes());
    out.int(time.wrapping_sub(before.time).cast_signed());
    if number != before.number.wrapping_add(1) {
        out.uint(number);
    }
    if cpu != before.cpu {
        out.uint(cpu);
    }
    if task != before.task {
        write_task(out, task);
    }
    if container != before.container {
        out.uint(container.0);
    }
    out.int(result);
    if let Some(fd) = fd {
        write_fd(out, fd);
    }
    out.count(args.len());
    for arg in args {
        write_value(out, *arg);
    }
    match subject {
        Subject::None => {}
        Subject::Process(process) => {
            out.byte(1);
            subject::write_process(out, process);
        }
        Subject::Child(Child { task, vpid, thread }) => {
            out.byte(2);
            write_task(out, task);
            out.uint(vpid);
            out.flag(thread);
        }
        Subject::Container(container) => {
            out.byte(3);
            subject::write_container(out, container);
        }
    }
    match verdict {
        Verdict::None => {}
        Verdict::Allowed => out.byte(0),
        Verdict::WouldDeny(rung) => out.byte(0x10 | rung as u8),
        Verdict::Denied(rung) => out.byte(0x20 | rung as u8),
    }
    *before = Before { number, time, cpu, task, container };
}

/// Reads an event and gives it to `take`. `None` if it is none.
pub(super) fn read(input: &mut In<'_>, before: &mut Before, take: &mut dyn FnMut(&Event<'_>)) -> Option<()> {
    let bits = input.byte()?;
    let has = |bit| bits & bit != 0;
    let kind: EventKind = std::str::from_utf8(input.text()?).ok()?.parse().ok()?;
    let time = before.time.wrapping_add(input.int()?.cast_unsigned());
    let number = if has(NEXT_NUMBER) { before.number.wrapping_add(1) } else { input.uint()? };
    let cpu = if has(SAME_CPU) { before.cpu } else { input.uint()? };
    let task = if has(SAME_TASK) { before.task } else { read_task(input)? };
    let container = if has(SAME_CONTAINER) { before.container } else { ContainerKey(input.uint()?) };
    let result = input.int()?;
    let fd = if has(HAS_FD) { Some(read_fd(input)?) } else { None };
    let args = input.list(kind.args().len(), read_value)?;
    let (process, told);
    let subject = match if has(HAS_SUBJECT) { input.byte()? } else { 0 } {
        0 if !has(HAS_SUBJECT) => Subject::None,
        1 => {
            process = subject::read_process(input)?;
            Subject::Process(&process)
        }
        2 => Subject::Child(Child { task: read_task(input)?, vpid: input.uint()?, thread: input.flag()? }),
        3 => {
            told = subject::read_container(input)?;
            Subject::Container(&told)
        }
        _ => return None,
    };
    let verdict = if has(HAS_VERDICT) { read_verdict(input.byte()?)? } else { Verdict::None };
    *before = Before { number, time, cpu, task, container };
    take(&Event { number, time, cpu, kind, task, container, result, fd, args: &args, subject, verdict });
    Some(())
}

fn write_task(out: &mut Out, Task { pid, tid, start }: Task) {
    out.uint(pid);
    out.int(i64::from(tid) - i64::from(pid));
    out.uint(start);
}

fn read_task(input: &mut In<'_>) -> Option<Task> {
    let pid: u32 = input.uint()?;
    let tid = i64::from(pid).checked_add(input.int()?)?;
    Some(Task { pid, tid: u32::try_from(tid).ok()?, start: input.uint()? })
}

fn write_value(out: &mut Out, value: Value<'_>) {
    match value {
        Value::Unknown => out.byte(0),
        Value::Int(value) => {
            out.byte(1);
            out.int(value);
        }
        Value::Uint(value) => {
            out.byte(2);
            out.uint(value);
        }
        Value::Bytes(bytes) => {
            out.byte(3);
            out.text(bytes);
        }
    }
}

fn read_value<'a>(input: &mut In<'a>) -> Option<Value<'a>> {
    Some(match input.byte()? {
        0 => Value::Unknown,
        1 => Value::Int(input.int()?),
        2 => Value::Uint(input.uint()?),
        3 => Value::Bytes(input.text()?),
        _ => return None,
    })
}

fn read_verdict(byte: u8) -> Option<Verdict> {
    let rung = match byte & 0xf {
        0 => Rung::Lsm,
        1 => Rung::Fanotify,
        2 => Rung::Kill,
        3 => Rung::Cgroup,
        _ => return None,
    };
    match byte >> 4 {
        0 => (byte == 0).then_some(Verdict::Allowed),
        1 => Some(Verdict::WouldDeny(rung)),
        2 => Some(Verdict::Denied(rung)),
        _ => None,
    }
}

fn write_fd(out: &mut Out, Fd { number, kind, dev, ino }: Fd<'_>) {
    out.int(number);
    let mut text = |tag, text| {
        out.byte(tag);
        out.text(text);
    };
    match kind {
        FdKind::Unknown => out.byte(0),
        FdKind::File { path, upper: false } => text(1, path),
        FdKind::File { path, upper: true } => text(2, path),
        FdKind::Directory(path) => text(3, path),
        FdKind::Pipe => out.byte(4),
        FdKind::Inet { transport, local, remote, server } => {
            out.byte(5);
            let (transport, protocol) = match transport {
                Transport::Tcp => (0, 0),
                Transport::Udp => (1, 0),
                Transport::Raw => (2, 0),
                Transport::Other(protocol) => (3, protocol),
            };
            out.byte(transport | server.map_or(0, |server| if server { 8 } else { 4 }));
            out.byte(protocol);
            write_endpoint(out, local);
            write_endpoint(out, remote);
        }
        FdKind::Unix(path) => text(6, path),
        FdKind::Memfd(name) => text(7, name),
        FdKind::Anonymous(name) => text(8, name),
        FdKind::Socket(family) => {
            out.byte(9);
            out.uint(family);
        }
    }
    out.uint(dev);
    out.uint(ino);
}

fn read_fd<'a>(input: &mut In<'a>) -> Option<Fd<'a>> {
    let number = input.int()?;
    let kind = match input.byte()? {
        0 => FdKind::Unknown,
        1 => FdKind::File { path: input.text()?, upper: false },
        2 => FdKind::File { path: input.text()?, upper: true },
        3 => FdKind::Directory(input.text()?),
        4 => FdKind::Pipe,
        5 => {
            let (bits, protocol) = (input.byte()?, input.byte()?);
            let transport = match bits & 3 {
                0 => Transport::Tcp,
                1 => Transport::Udp,
                2 => Transport::Raw,
                _ => Transport::Other(protocol),
            };
            let server = match bits >> 2 {
                0 => None,
                1 => Some(false),
                2 => Some(true),
                _ => return None,
            };
            FdKind::Inet { transport, local: read_endpoint(input)?, remote: read_endpoint(input)?, server }
        }
        6 => FdKind::Unix(input.text()?),
        7 => FdKind::Memfd(input.text()?),
        8 => FdKind::Anonymous(input.text()?),
        9 => FdKind::Socket(input.uint()?),
        _ => return None,
    };
    Some(Fd { number, kind, dev: input.uint()?, ino: input.uint()? })
}

fn write_endpoint(out: &mut Out, endpoint: Option<Endpoint>) {
    let Some(Endpoint { address, port }) = endpoint else {
        out.byte(0);
        return;
    };
    write_address(out, address);
    out.uint(port);
}

#[expect(clippy::option_option, reason = "the outer says that it could not be read")]
fn read_endpoint(input: &mut In<'_>) -> Option<Option<Endpoint>> {
    let Some(address) = read_address(input)? else { return Some(None) };
    Some(Some(Endpoint { address, port: input.uint()? }))
}

/// 4 or 6, and the bytes of it.
pub(super) fn write_address(out: &mut Out, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            out.byte(4);
            out.bytes.extend_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            out.byte(6);
            out.bytes.extend_from_slice(&address.octets());
        }
    }
}

/// What [`write_address`] wrote; 0 is none.
#[expect(clippy::option_option, reason = "the outer says that it could not be read")]
pub(super) fn read_address(input: &mut In<'_>) -> Option<Option<IpAddr>> {
    Some(match input.byte()? {
        0 => None,
        4 => Some(IpAddr::from(input.array::<4>()?)),
        6 => Some(IpAddr::from(input.array::<16>()?)),
        _ => return None,
    })
}
