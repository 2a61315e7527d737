//! The arguments of events, as `evt.arg` and `evt.args` tell them: flags and errors by name, relative paths completed.
//!
//! Falco repeats with each `clone` and `execve` what the process is; here that is taken from the process.

use super::{
    Context,
    datum::{Datum, Type, put},
    fd, names, process,
    repeated::{self, CLONE, CLONE_REST, Derived as D, EXEC_REST},
};
use crate::state::path;
use gabion_model::event::{ArgKind as A, EventKind as K, FdKind, Value};

/// "This directory", where a descriptor of one is asked for.
const AT_FDCWD: i64 = -100;

/// Names of arguments of events that only Falco has; they are known, but no event of ours has them.
pub(super) const ELSEWHERE: &str = "
    ID action arg arg2 arg3 arg4 arg5 argv clockid container_id cpu_sys cpu_usr cur desc description
    dpid dqb_bhardlimit dqb_bsoftlimit dqb_btime dqb_curspace dqb_ihardlimit dqb_isoftlimit
    dqb_itime dqi_bgrace dqi_flags dqi_igrace error event_data event_type exe_ino_num exepath
    fd_type fds first home id image initval ino_num interval ip json last level local_ip local_port
    mask max maxevents mnt_id nativeID newcur newmax next nr_args nsems nsops oldcur oldmax opcode
    operation optlen optname pgoffset plugin_id ppid quota_fmt quota_fmt_out quotafilepath ratio
    remote_ip remote_port res_or_fd resource root scope sem_flg_0 sem_flg_1 sem_num_0 sem_num_1
    sem_op_0 sem_op_1 semflg semid semnum shell sid sigmask sk_pointer sk_proto sk_type special spid
    start_time sun_path tags timeout val vtgid whence
";

/// Where an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the event.
    Carried(usize, A),
    /// In the process.
    Process(D, A),
}

/// The arguments of a kind of events in the order of Falco.
pub(super) fn list(kind: K) -> impl Iterator<Item = (&'static str, Place)> {
    let carried = |name: &'static str| {
        kind.arg(name).map(|index| (name, Place::Carried(index, kind.args()[index].kind)))
    };
    let derived = |rows: &'static [(&'static str, D, A)]| {
        rows.iter().map(|&(name, derived, kind)| (name, Place::Process(derived, kind)))
    };
    let (middle, flags, rest, last): (_, _, _, &[&str]) = match kind {
        K::Clone | K::Clone3 | K::Fork | K::Vfork => (CLONE, Some("flags"), CLONE_REST, &[]),
        K::Execve => (CLONE, None, EXEC_REST, &["filename"]),
        K::Execveat => (CLONE, None, EXEC_REST, &["dirfd", "pathname"]),
        _ => (&[][..], None, &[][..], &[]),
    };
    let own = if middle.is_empty() { kind.args() } else { &kind.args()[..1] };
    own.iter()
        .enumerate()
        .map(|(index, arg)| (arg.name, Place::Carried(index, arg.kind)))
        .chain(derived(middle))
        .chain(flags.and_then(carried))
        .chain(derived(rest))
        .chain(last.iter().filter_map(move |name| carried(name)).collect::<Vec<_>>())
}

/// The argument with this name.
pub(super) fn named(kind: K, name: &str) -> Option<Place> {
    list(kind).find(|&(other, _)| other == name).map(|(_, place)| place)
}

/// The argument with this number.
pub(super) fn nth(kind: K, index: usize) -> Option<(&'static str, Place)> {
    list(kind).nth(index)
}

impl Place {
    fn arg_kind(self) -> A {
        let (Self::Carried(_, kind) | Self::Process(_, kind)) = self;
        kind
    }

    /// The type of the value, for comparisons with the number itself.
    pub(super) fn kind(self) -> Type {
        match self.arg_kind() {
            A::Text | A::Path => Type::CharBuf,
            A::Bytes => Type::ByteBuf,
            A::Errno | A::Fd | A::Pid | A::Int => Type::Int64,
            _ => Type::Uint64,
        }
    }

    fn value<'a>(self, cx: Context<'a>, buffer: &'a mut Vec<u8>) -> Value<'a> {
        match self {
            Self::Carried(index, kind) => match (cx.event.args.get(index), kind) {
                (Some(Value::Unknown) | None, A::Text) => tuple(index, cx, buffer),
                (value, _) => value.copied().unwrap_or_default(),
            },
            Self::Process(derived, _) => repeated::value(derived, cx, buffer),
        }
    }

    /// The value itself: `evt.rawarg`.
    pub(super) fn raw<'a>(self, cx: Context<'a>, buffer: &'a mut Vec<u8>) -> Option<Datum<'a>> {
        let bytes = self.arg_kind() == A::Bytes;
        let signed = self.kind() == Type::Int64;
        match self.value(cx, buffer) {
            Value::Unknown => None,
            Value::Bytes(text) if bytes => Some(Datum::Bytes(text)),
            Value::Bytes(text) => Some(Datum::Text(text)),
            Value::Int(number) if !signed => u64::try_from(number).ok().map(Datum::Uint),
            Value::Uint(number) if signed => i64::try_from(number).ok().map(Datum::Int),
            Value::Int(number) => Some(Datum::Int(number)),
            Value::Uint(number) => Some(Datum::Uint(number)),
        }
    }

    /// As `evt.arg` tells it: by its name if it has one.
    pub(super) fn told<'a>(self, cx: Context<'a>, buffer: &'a mut Vec<u8>) -> &'a [u8] {
        // Most that rules look at is text that needs no copy.
        if let Self::Carried(index, A::Text | A::Path) = self
            && let Some(Value::Bytes(text)) = cx.event.args.get(index)
            && (self.arg_kind() == A::Text || text.is_empty() || text.first() == Some(&b'/'))
        {
            return text;
        }
        self.name(cx, buffer);
        if buffer.is_empty() {
            self.number(cx, buffer);
        }
        buffer
    }

    /// Appends `name=number(name)`.
    pub(super) fn print(self, name: &str, cx: Context<'_>, out: &mut Vec<u8>) {
        let mut buffer = Vec::new();
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        self.number(cx, &mut buffer);
        out.append(&mut buffer);
        self.name(cx, &mut buffer);
        if !buffer.is_empty() {
            out.push(b'(');
            out.append(&mut buffer);
            out.push(b')');
        }
    }

    /// The value as a number or as the process gave it.
    fn number(self, cx: Context<'_>, out: &mut Vec<u8>) {
        let mut other = Vec::new();
        match (self.value(cx, &mut other), self.arg_kind()) {
            (Value::Unknown, A::Bytes) => out.extend_from_slice(b"NULL"),
            (Value::Unknown, _) => out.extend_from_slice(Datum::MISSING),
            (Value::Bytes(bytes), A::Bytes) => Datum::Bytes(bytes).print(out),
            (Value::Bytes(text), _) => out.extend_from_slice(text),
            (Value::Uint(number), A::Uid | A::Gid) if number as u32 == u32::MAX => {
                out.extend_from_slice(b"-1");
            }
            (Value::Uint(number), A::Hex | A::Capabilities) => put(out, format_args!("{number:X}")),
            (Value::Int(number), A::Hex | A::Capabilities) => put(out, format_args!("{number:X}")),
            (Value::Uint(number), A::Mode | A::Permissions) if number > 0 => {
                put(out, format_args!("0{number:o}"));
            }
            (Value::Uint(number), _) => put(out, format_args!("{number}")),
            (Value::Int(number), _) => put(out, format_args!("{number}")),
        }
    }

    /// The name of the value; nothing if it has none.
    fn name(self, cx: Context<'_>, out: &mut Vec<u8>) {
        let mut other = Vec::new();
        let kind = self.arg_kind();
        match self.value(cx, &mut other) {
            Value::Bytes(path) if kind == A::Path && !path.is_empty() && path[0] != b'/' => {
                let Self::Carried(index, _) = self else { return };
                complete(index, path, cx, out);
            }
            Value::Int(number) => match kind {
                A::Fd => descriptor(number, cx, out),
                A::Errno => out.extend_from_slice(names::error(number).as_bytes()),
                A::Pid => process_name(number.cast_unsigned() as u32, cx, out),
                _ if number >= 0 => Self::name_of_number(kind, number.cast_unsigned(), cx, out),
                _ => {}
            },
            Value::Uint(number) => match kind {
                A::Fd => descriptor(number.cast_signed(), cx, out),
                A::Pid => process_name(number as u32, cx, out),
                _ => Self::name_of_number(kind, number, cx, out),
            },
            Value::Bytes(_) | Value::Unknown => {}
        }
    }

    fn name_of_number(kind: A, number: u64, cx: Context<'_>, out: &mut Vec<u8>) {
        let accounts = cx.state.accounts(cx.container());
        match kind {
            A::Uid | A::Gid if number as u32 == u32::MAX => out.extend_from_slice(b"<NONE>"),
            A::Uid => out.extend_from_slice(process::user_name(number as u32, cx)),
            A::Gid => out.extend_from_slice(accounts.and_then(|a| a.group(number as u32)).unwrap_or(b"<NA>")),
            A::Signal => out.extend_from_slice(names::signal(number).as_bytes()),
            _ => names::flags(kind, number, out),
        }
    }
}

/// What a relative path is seen from: the directory that the argument before it names, or the working directory.
pub(super) fn base(index: usize, cx: Context<'_>) -> &[u8] {
    const UNKNOWN: &[u8] = b"<UNKNOWN>";
    let cwd = cx.process.map_or(UNKNOWN, |process| process.process.cwd.as_slice());
    let before = index.checked_sub(1).and_then(|before| Some((cx.event.kind.args().get(before)?, before)));
    match before {
        Some((spec, before)) if spec.kind == A::Fd && spec.name != "res" => {
            let number = match cx.event.args.get(before) {
                Some(Value::Int(number)) => *number,
                Some(Value::Uint(number)) => number.cast_signed(),
                _ => return UNKNOWN,
            };
            match cx.event.fd {
                _ if number == AT_FDCWD => cwd,
                Some(fd) if fd.number == number => match fd.kind {
                    FdKind::Directory(path) => path,
                    _ => UNKNOWN,
                },
                _ => UNKNOWN,
            }
        }
        _ => cwd,
    }
}

/// Completes a relative path of an argument.
pub(super) fn complete(index: usize, text: &[u8], cx: Context<'_>, out: &mut Vec<u8>) {
    // What was opened is told with its whole path.
    if let (K::Openat | K::Openat2, Some(FdKind::File { path, .. } | FdKind::Directory(path))) =
        (cx.event.kind, cx.event.fd.map(|fd| fd.kind))
    {
        out.clear();
        out.extend_from_slice(path);
        return;
    }
    path::join(base(index, cx), text, out);
}

fn descriptor(number: i64, cx: Context<'_>, out: &mut Vec<u8>) {
    match cx.event.fd {
        Some(descriptor) if number >= 0 && descriptor.number == number => fd::describe(&descriptor, out),
        _ if number == AT_FDCWD => out.extend_from_slice(b"AT_FDCWD"),
        _ => out.extend_from_slice(names::error(number).as_bytes()),
    }
}

fn process_name(pid: u32, cx: Context<'_>, out: &mut Vec<u8>) {
    if let Some(entry) = cx.state.processes().with_pid(pid) {
        out.extend_from_slice(&entry.process.comm);
    }
}

/// The ends of the socket, where the event does not carry them as text.
fn tuple<'a>(index: usize, cx: Context<'a>, buffer: &'a mut Vec<u8>) -> Value<'a> {
    match (cx.event.kind, cx.event.kind.args()[index].name, cx.event.fd) {
        (K::Connect | K::Accept | K::Accept4 | K::Bind, "tuple" | "addr", Some(descriptor)) => {
            buffer.clear();
            fd::name(&descriptor, buffer);
            Value::Bytes(buffer)
        }
        _ => Value::Unknown,
    }
}
