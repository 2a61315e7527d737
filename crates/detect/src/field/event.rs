//! Fields of events: what happened, when, and with what result.

use super::{
    Context, Field,
    args::{self, Place},
    datum::{Datum, put},
    guard, names, paths,
    table::EventField as E,
};
use gabion_model::event::{Category, EventKind as K, FILE_CREATED, FdKind, Value};
use jiff::{Timestamp, tz::TimeZone};

const SECOND: u64 = 1_000_000_000;
const O_CREAT: u64 = 0o100;
const O_TMPFILE: u64 = 0o20_000_000;

pub(super) fn extract<'a>(
    id: E,
    field: &'a Field,
    cx: Context<'a>,
    buffer: &'a mut Vec<u8>,
) -> Option<Datum<'a>> {
    let event = cx.event;
    let time = event.time;
    let relative = time.saturating_sub(cx.state.first_time());
    let delta = time.saturating_sub(cx.state.previous_time());
    Some(match id {
        E::Number => Datum::Uint(event.number),
        E::Time | E::OutputTime => clock(time, "%H:%M:%S", Some(""), buffer),
        E::TimeSeconds => clock(time, "%H:%M:%S", None, buffer),
        E::TimeIso => clock(time, "%Y-%m-%dT%H:%M:%S", Some("+0000"), buffer),
        E::DateTime => clock(time, "%Y-%m-%d %H:%M:%S", Some(""), buffer),
        E::DateTimeSeconds => clock(time, "%Y-%m-%d %H:%M:%S", None, buffer),
        E::RawTime => Datum::Uint(time),
        E::RawTimeSeconds => Datum::Uint(time / SECOND),
        E::RawTimeRest => Datum::Uint(time % SECOND),
        E::RelativeTime => Datum::Uint(relative),
        E::RelativeSeconds => Datum::Uint(relative / SECOND),
        E::RelativeRest => Datum::Uint(relative % SECOND),
        E::Delta => Datum::Uint(delta),
        E::DeltaSeconds => Datum::Uint(delta / SECOND),
        E::DeltaRest => Datum::Uint(delta % SECOND),
        // There are no events at the beginning of calls any more; Falco says 0, too.
        E::Latency | E::LatencySeconds | E::LatencyRest | E::LatencyQuantized | E::WaitLatency => {
            Datum::Uint(0)
        }
        E::LatencyHuman => Datum::Text(b"0ns"),
        E::Source => Datum::Text(b"syscall"),
        E::Async => Datum::Bool(event.kind.category() == Category::Internal),
        E::AsyncType if event.kind.category() == Category::Internal => {
            Datum::Text(event.kind.as_str().as_bytes())
        }
        E::Hostname => Datum::Text(cx.state.hostname().as_bytes()),
        E::Direction => Datum::Text(b"<"),
        E::Type => Datum::Text(event.kind.as_str().as_bytes()),
        E::SyscallType if is_call(event.kind) => Datum::Text(event.kind.as_str().as_bytes()),
        E::Category => Datum::Text(category(cx).as_bytes()),
        E::Cpu => Datum::Int(event.cpu.into()),
        E::Args | E::Info => {
            for (name, place) in args::list(event.kind) {
                if !buffer.is_empty() {
                    buffer.push(b' ');
                }
                place.print(name, cx, buffer);
            }
            Datum::Text(buffer)
        }
        E::TouchesAgent => Datum::Bool(guard::touches_agent(cx, buffer)),
        E::Arg => Datum::Text(place(field, cx)?.told(cx, buffer)),
        E::RawArg => return place(field, cx)?.raw(cx, buffer),
        E::Buffer => match event.args.get(event.kind.arg("data")?) {
            Some(Value::Bytes(data)) => Datum::Bytes(data),
            _ => return None,
        },
        E::BufferLength if is_transfer(event.kind) => length(cx)?,
        E::LengthIn if reads(event.kind) => length(cx)?,
        E::LengthOut if writes(event.kind) => length(cx)?,
        E::LengthFile if is_transfer(event.kind) && is_file(cx) => length(cx)?,
        E::LengthFileIn if reads(event.kind) && is_file(cx) => length(cx)?,
        E::LengthFileOut if writes(event.kind) && is_file(cx) => length(cx)?,
        E::LengthNet if is_transfer(event.kind) && is_inet(cx) => length(cx)?,
        E::LengthNetIn if reads(event.kind) && is_inet(cx) => length(cx)?,
        E::LengthNetOut if writes(event.kind) && is_inet(cx) => length(cx)?,
        E::Result if !is_call(event.kind) => return None,
        E::Result if event.result >= 0 => Datum::Text(b"SUCCESS"),
        E::Result => match names::error(event.result) {
            "" => {
                put(buffer, format_args!("{}", event.result));
                Datum::Text(buffer)
            }
            name => Datum::Text(name.as_bytes()),
        },
        E::RawResult if is_call(event.kind) => Datum::Int(event.result),
        E::Failed if is_call(event.kind) => Datum::Bool(event.result < 0),
        E::Io => Datum::Bool(reads(event.kind) || writes(event.kind)),
        E::IoRead => Datum::Bool(reads(event.kind)),
        E::IoWrite => Datum::Bool(writes(event.kind)),
        E::IoDirection if writes(event.kind) => Datum::Text(b"write"),
        E::IoDirection if reads(event.kind) => Datum::Text(b"read"),
        E::Wait => Datum::Bool(false),
        E::Syslog => Datum::Bool(
            writes(event.kind)
                && matches!(event.fd.map(|fd| fd.kind), Some(FdKind::Unix(path)) if memchr::memmem::find(path, b"/dev/log").is_some()),
        ),
        E::Count | E::CountExit => Datum::Uint(1),
        E::CountError => errors(cx)?,
        E::CountErrorFile if is_file(cx) || opens(event.kind) => errors(cx)?,
        E::CountErrorNet if is_socket(cx) => errors(cx)?,
        E::CountErrorMemory if is_memory(event.kind) => errors(cx)?,
        E::CountErrorOther
            if !is_file(cx) && !opens(event.kind) && !is_socket(cx) && !is_memory(event.kind) =>
        {
            errors(cx)?
        }
        E::AbsPath => return paths::absolute(0, cx, buffer),
        E::AbsPathSource => return paths::absolute(1, cx, buffer),
        E::AbsPathTarget => return paths::absolute(2, cx, buffer),
        E::OpenRead => Datum::Bool(open_flags(cx).is_some_and(|flags| flags & 3 != 1)),
        E::OpenWrite => Datum::Bool(open_flags(cx).is_some_and(|flags| flags & 3 != 0)),
        E::OpenCreate => {
            Datum::Bool(open_flags(cx).is_some_and(|flags| {
                flags & FILE_CREATED != 0 || flags & O_TMPFILE != 0 && event.result >= 0
            }))
        }
        E::OpenExec => Datum::Bool(
            (event.kind == K::Creat
                || open_flags(cx).is_some_and(|flags| flags & (O_CREAT | O_TMPFILE) != 0))
                && number(cx, "mode").is_some_and(|mode| mode & 0o111 != 0),
        ),
        _ => return None,
    })
}

fn place(field: &Field, cx: Context<'_>) -> Option<Place> {
    field.places.get(cx.event.kind as usize).copied().flatten()
}

/// Appends a time of UTC, with nanoseconds and what follows them if asked for.
fn clock<'a>(time: u64, format: &str, fraction: Option<&str>, buffer: &'a mut Vec<u8>) -> Datum<'a> {
    let second = Timestamp::from_second((time / SECOND).cast_signed()).unwrap_or(Timestamp::MAX);
    let text = second.to_zoned(TimeZone::UTC).strftime(format).to_string();
    buffer.extend_from_slice(text.as_bytes());
    if let Some(after) = fraction {
        put(buffer, format_args!(".{:09}{after}", time % SECOND));
    }
    Datum::Text(buffer)
}

/// A number that an event carries.
fn number(cx: Context<'_>, name: &str) -> Option<u64> {
    match cx.event.args.get(cx.event.kind.arg(name)?)? {
        Value::Uint(value) => Some(*value),
        Value::Int(value) => u64::try_from(*value).ok(),
        _ => None,
    }
}

/// The flags of `open` and its kind; this is asked about nearly every event.
fn open_flags(cx: Context<'_>) -> Option<u64> {
    let place = match cx.event.kind {
        K::Open | K::OpenByHandleAt => 2,
        K::Openat | K::Openat2 => 3,
        _ => return None,
    };
    match cx.event.args.get(place) {
        Some(Value::Uint(flags)) => Some(*flags),
        Some(Value::Int(flags)) => u64::try_from(*flags).ok(),
        _ => None,
    }
}

fn length(cx: Context<'_>) -> Option<Datum<'static>> {
    cx.event.fd?;
    u64::try_from(cx.event.result).ok().map(Datum::Uint)
}

fn errors(cx: Context<'_>) -> Option<Datum<'static>> {
    is_call(cx.event.kind).then(|| Datum::Uint((cx.event.result < 0).into()))
}

fn is_call(kind: K) -> bool {
    kind.category() != Category::Internal && kind != K::Procexit
}

fn opens(kind: K) -> bool {
    matches!(kind, K::Open | K::Openat | K::Openat2 | K::OpenByHandleAt | K::Creat)
}

fn is_memory(kind: K) -> bool {
    matches!(kind, K::Mmap | K::Mprotect | K::MemfdCreate)
}

fn is_file(cx: Context<'_>) -> bool {
    matches!(cx.event.fd.map(|fd| fd.kind), Some(FdKind::File { .. } | FdKind::Directory(_)))
}

fn is_inet(cx: Context<'_>) -> bool {
    matches!(cx.event.fd.map(|fd| fd.kind), Some(FdKind::Inet { .. }))
}

fn is_socket(cx: Context<'_>) -> bool {
    is_inet(cx) || matches!(cx.event.fd.map(|fd| fd.kind), Some(FdKind::Unix(_)))
}

/// Data comes out of a descriptor.
fn reads(kind: K) -> bool {
    use K::{CopyFileRange, FinitModule, Pread, Preadv, Read, Readv, Recvfrom, Recvmmsg, Recvmsg};
    matches!(
        kind,
        Read | Readv | Pread | Preadv | Recvfrom | Recvmsg | Recvmmsg | FinitModule | CopyFileRange
    )
}

/// Data goes into a descriptor.
fn writes(kind: K) -> bool {
    use K::{CopyFileRange, Pwrite, Pwritev, Sendmmsg, Sendmsg, Sendto, Write, Writev};
    matches!(kind, Write | Writev | Pwrite | Pwritev | Sendto | Sendmsg | Sendmmsg | CopyFileRange)
}

fn is_transfer(kind: K) -> bool {
    (reads(kind) || writes(kind)) && kind != K::FinitModule && kind != K::CopyFileRange
}

/// Falco's groups of calls.
fn category(cx: Context<'_>) -> &'static str {
    let kind = cx.event.kind;
    match kind {
        K::Close | K::Dup | K::Dup2 | K::Dup3 | K::Splice | K::Ioctl | K::IoUringSetup | K::IoUringEnter => {
            of_descriptor(cx)
        }
        _ if is_transfer(kind) || kind == K::Sendfile => of_descriptor(cx),
        K::Socketpair | K::Pipe | K::Pipe2 | K::ProcessVmReadv | K::ProcessVmWritev => "IPC",
        K::Kill | K::Tkill | K::Tgkill => "signal",
        _ if is_memory(kind) => "memory",
        K::Setuid | K::Setgid | K::Setresuid | K::Setresgid | K::Setreuid | K::Setregid => "user",
        K::Bpf | K::InitModule | K::FinitModule | K::DeleteModule | K::Mknod | K::Mknodat | K::Seccomp => {
            "other"
        }
        K::Mount | K::Umount | K::Umount2 | K::Userfaultfd | K::CopyFileRange => "file",
        K::Setns | K::Unshare => "process",
        _ => match kind.category() {
            Category::File => "file",
            Category::Net => "net",
            Category::Process => "process",
            Category::System => "system",
            Category::Internal => "internal",
            Category::Io => "unknown",
        },
    }
}

fn of_descriptor(cx: Context<'_>) -> &'static str {
    match cx.event.fd.map(|fd| fd.kind) {
        Some(FdKind::File { .. } | FdKind::Directory(_)) => "file",
        Some(FdKind::Inet { .. }) => "net",
        Some(FdKind::Unix(_) | FdKind::Pipe) => "ipc",
        _ => "unknown",
    }
}
