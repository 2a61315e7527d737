//! From records to events.
//!
//! ```text
//!   record ─► Header ─► by type: process, socket, call, dns, ... ─► Event, borrowed from the record ─► whoever takes events
//! ```
//! Nothing is copied but paths (which come from behind) and processes (which are kept). A record that does not say what it
//! should is counted, and read no further.

mod call;
mod descriptor;
mod dns;
mod process;
mod socket;
mod uring;

use super::{
    cgroup::{CgroupChange, CgroupEvent, Cgroups},
    clock::Clock,
    record::{Header, Reader, RecordType, until_zero},
};
use gabion_model::{
    event::{Child, Event, EventKind, Fd, Subject, Task, Value, Verdict},
    workload::ContainerKey,
};

/// Whoever takes events.
pub type Sink<'a> = dyn FnMut(&Event<'_>) + 'a;

/// A record that does not say what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Turns records into events, and numbers them.
#[derive(Debug)]
pub(super) struct Decoder {
    pub(super) clock: Clock,
    /// How many events there were, those that were dropped included.
    number: u64,
    /// Variables of the environment that are asked for.
    env: Vec<Vec<u8>>,
    calls: call::Calls,
    text: Vec<u8>,
    path: Vec<u8>,
}

/// What all events of a record have in common.
#[derive(Clone, Copy)]
struct Front {
    number: u64,
    time: u64,
    cpu: u16,
    task: Task,
    container: ContainerKey,
}

impl Front {
    fn event<'a>(
        &self,
        kind: EventKind,
        result: i64,
        fd: Option<Fd<'a>>,
        args: &'a [Value<'a>],
    ) -> Event<'a> {
        let Self { number, time, cpu, task, container } = *self;
        let (subject, verdict) = (Subject::None, Verdict::None);
        Event { number, time, cpu, kind, task, container, result, fd, args, subject, verdict }
    }
}

impl Decoder {
    pub(super) fn new(env: Vec<Vec<u8>>) -> Self {
        Self {
            clock: Clock::new(),
            number: 0,
            env,
            calls: call::Calls::new(),
            text: Vec::new(),
            path: Vec::new(),
        }
    }

    /// When a record was written, in nanoseconds since boot.
    pub(super) fn time(record: &[u8]) -> u64 {
        Reader(record).u64().unwrap_or(0)
    }

    /// Tells what a record says.
    pub(super) fn decode(
        &mut self,
        record: &[u8],
        cgroups: &mut dyn Cgroups,
        sink: &mut Sink<'_>,
    ) -> Result<(), Malformed> {
        let mut reader = Reader(record);
        let header = Header::read(&mut reader).ok_or(Malformed)?;
        if header.kind == RecordType::Cgroup {
            let event = cgroup(&header, reader, self.clock).ok_or(Malformed)?;
            cgroups.changed(&event);
            return Ok(());
        }
        let time = self.clock.wall(header.time);
        let front = Front {
            number: self.number + 1,
            time,
            cpu: header.cpu,
            task: Task { pid: header.pid, tid: header.tid, start: header.start },
            container: cgroups.key(header.cgroup, time),
        };
        self.text.clear();
        self.path.clear();
        let told = match header.kind {
            RecordType::Cgroup => Some(()),
            RecordType::Fork => fork(&front, reader, sink),
            RecordType::Exit => exit(&front, reader, sink),
            RecordType::Exec => process::exec(&front, reader, &self.env, sink),
            RecordType::Found => process::found(&front, reader, &self.env, sink),
            RecordType::Socket => socket::tell(&front, &header, reader, &mut self.text, sink),
            RecordType::Dns => dns::tell(&front, reader, &mut self.text, sink),
            RecordType::Uring => uring::tell(&front, &header, reader, sink),
            RecordType::Signal => signal(&front, reader, sink),
            RecordType::Capability => capability(&front, reader, sink),
            RecordType::Call => {
                self.calls.tell(&front, header.detail, reader, &mut self.text, &mut self.path, sink)
            }
        };
        told.ok_or(Malformed)?;
        self.number += 1;
        Ok(())
    }

    /// Tells that events were dropped. They had numbers, too.
    pub(super) fn dropped(&mut self, reason: &str, count: u64, boot: u64, sink: &mut Sink<'_>) {
        self.number += count + 1;
        let front = Front {
            number: self.number,
            time: self.clock.wall(boot),
            cpu: 0,
            task: Task::default(),
            container: ContainerKey::HOST,
        };
        let args = [Value::Bytes(reason.as_bytes()), Value::Uint(count)];
        sink(&front.event(EventKind::Drop, 0, None, &args));
    }
}

fn cgroup(header: &Header, mut reader: Reader<'_>, clock: Clock) -> Option<CgroupEvent> {
    let id = reader.u64()?;
    let size = reader.u32()?;
    let _ = reader.u32()?;
    let path = until_zero(reader.bytes(size as usize)?).to_vec();
    let change = match header.detail {
        0 => CgroupChange::Created,
        1 => CgroupChange::Attached { pid: header.pid },
        2 => CgroupChange::Removed,
        _ => return None,
    };
    Some(CgroupEvent { id, path, change, time: clock.wall(header.time) })
}

fn fork(front: &Front, mut reader: Reader<'_>, sink: &mut Sink<'_>) -> Option<()> {
    let start = reader.u64()?;
    let (pid, tid, vpid, flags) = (reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?);
    let thread = pid == front.task.pid;
    let args = [Value::Int(tid.into()), Value::Unknown, Value::Uint(flags.into())];
    let mut event = front.event(EventKind::Clone, tid.into(), None, &args);
    event.subject = Subject::Child(Child { task: Task { pid, tid, start }, vpid, thread });
    sink(&event);
    Some(())
}

fn exit(front: &Front, mut reader: Reader<'_>, sink: &mut Sink<'_>) -> Option<()> {
    let code = reader.i32()?;
    let (signal, dumped) = (code & 0x7f, code & 0x80 != 0);
    let args = [
        Value::Int(code.into()),
        Value::Int(((code >> 8) & 0xff).into()),
        Value::Uint(signal.cast_unsigned().into()),
        Value::Uint(dumped.into()),
        Value::Unknown,
    ];
    sink(&front.event(EventKind::Procexit, 0, None, &args));
    Some(())
}

fn signal(front: &Front, mut reader: Reader<'_>, sink: &mut Sink<'_>) -> Option<()> {
    let (pid, signal, _result) = (reader.u32()?, reader.u32()?, reader.i32()?);
    let args = [Value::Int(0), Value::Int(pid.into()), Value::Uint(signal.into())];
    sink(&front.event(EventKind::Kill, 0, None, &args));
    Some(())
}

fn capability(front: &Front, mut reader: Reader<'_>, sink: &mut Sink<'_>) -> Option<()> {
    let set = 1_u64.checked_shl(reader.u32()?)?;
    sink(&front.event(EventKind::Capability, 0, None, &[Value::Uint(set)]));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensor::{HostOnly, calls::Call};
    use proptest::prelude::*;

    fn decode(record: &[u8]) -> Result<(), Malformed> {
        let mut decoder = Decoder::new(vec![b"A".to_vec()]);
        decoder.decode(record, &mut HostOnly, &mut |event| {
            assert!(event.args.len() <= event.kind.args().len(), "{event:?}");
        })
    }

    /// A record of a type whose body is anything.
    fn record(kind: u16, detail: u32, body: &[u8]) -> Vec<u8> {
        let mut record = vec![0; 32];
        record.extend(kind.to_ne_bytes());
        record.extend([0; 2]);
        record.extend(detail.to_ne_bytes());
        record.extend(body);
        record
    }

    proptest! {
        #[test]
        fn any_record_is_survived(kind in 0u16..13, detail in 0u32..8, body in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&record(kind, detail, &body));
        }

        #[test]
        fn any_capture_of_any_call_is_survived(
            row in 0usize..200,
            result: i32,
            kind in 0u8..7,
            arg in 0u8..8,
            size in 0u16..80,
            bytes in proptest::collection::vec(any::<u8>(), 0..120),
        ) {
            let calls: Vec<&Call> = Call::all().collect();
            let call = calls[row % calls.len()];
            let mut body = i64::from(result).to_ne_bytes().to_vec();
            body.extend([7; 48]);
            body.extend(2_u32.to_ne_bytes());
            body.extend([0; 4]);
            for _ in 0..2 {
                body.extend([kind, arg]);
                body.extend(size.to_ne_bytes());
                body.extend([0; 4]);
                body.extend(bytes.iter().chain(&[0; 80]).take(usize::from(size).next_multiple_of(8)));
            }
            let _ = decode(&record(9, call.number, &body));
        }
    }

    #[test]
    fn what_ends_too_early_is_malformed() {
        assert_eq!(decode(&[0; 39]), Err(Malformed));
        let fork = record(1, 0, &[1; 24]);
        assert_eq!(decode(&fork), Ok(()));
        assert_eq!(decode(&fork[..fork.len() - 1]), Err(Malformed));
    }
}
