//! System calls: the arguments of an event from the result, the six arguments and what was captured.

use super::{
    Front, Sink,
    descriptor::{Descriptor, SocketAddress, write_tuple},
};
use crate::sensor::{
    calls::{Call, From, On},
    path,
    record::Reader,
};
use gabion_model::event::{EventKind, FILE_CREATED, Fd, FdKind, Value};

/// Most arguments of a kind.
const MOST: usize = 10;

/// Calls by number.
#[derive(Debug)]
pub(super) struct Calls(Vec<Option<&'static Call>>);

/// What was captured of a call.
#[derive(Default)]
struct Parts<'a> {
    text: [Option<&'a [u8]>; 6],
    data: [Option<&'a [u8]>; 6],
    structure: [Option<&'a [u8]>; 6],
    address: Option<&'a [u8]>,
    descriptor: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn read(reader: &mut Reader<'a>, count: u32) -> Option<Self> {
        let mut parts = Self::default();
        for _ in 0..count {
            let (kind, arg, size) = (reader.u8()?, reader.u8()?, reader.u16()?);
            let _ = reader.u32()?;
            let bytes = reader.bytes(usize::from(size))?;
            let filled = usize::from(size).next_multiple_of(8) - usize::from(size);
            let _ = reader.bytes(filled)?;
            let arg = usize::from(arg);
            match kind {
                1 => *parts.text.get_mut(arg)? = Some(bytes),
                2 => parts.descriptor = Some(bytes),
                3 => parts.address = Some(bytes),
                4 => *parts.data.get_mut(arg)? = Some(bytes),
                5 => *parts.structure.get_mut(arg)? = Some(bytes),
                _ => return None,
            }
        }
        Some(parts)
    }

    /// A number of 4 bytes in a structure.
    fn word(&self, arg: u8, at: u8) -> Option<u32> {
        let bytes = (*self.structure.get(usize::from(arg))?)?;
        Reader(bytes.get(usize::from(at)..)?).u32()
    }

    fn long(&self, arg: u8, at: u8) -> Option<u64> {
        let bytes = (*self.structure.get(usize::from(arg))?)?;
        Reader(bytes.get(usize::from(at)..)?).u64()
    }
}

impl Calls {
    pub(super) fn new() -> Self {
        let mut calls = vec![None; 512];
        for call in Call::all() {
            calls[call.number as usize] = Some(call);
        }
        Self(calls)
    }

    pub(super) fn tell(
        &self,
        front: &Front,
        number: u32,
        mut reader: Reader<'_>,
        text: &mut Vec<u8>,
        path: &mut Vec<u8>,
        sink: &mut Sink<'_>,
    ) -> Option<()> {
        let call = self.0.get(number as usize).copied().flatten()?;
        let result = reader.i64()?;
        let mut numbers = [0; 6];
        for number in &mut numbers {
            *number = reader.u64()?;
        }
        let count = reader.u32()?;
        let _ = reader.u32()?;
        let parts = Parts::read(&mut reader, count)?;

        let descriptor = match parts.descriptor {
            Some(bytes) => Some(Descriptor::read(bytes, path)?),
            None => None,
        };
        if let On::Opened { path: arg, .. } = call.on
            && result < 0
            && let Some(name) = parts.text[usize::from(arg)]
        {
            // The directory, if the name is relative.
            let directory = std::mem::take(path);
            path::join(&directory, name, path);
        }
        let address = parts.address.and_then(SocketAddress::read);
        let fd = fd(call, result, descriptor.as_ref(), path, address);
        // Both ends and the address, one behind the other.
        let tuple = if wants_tuple(call) {
            if let Some(fd) = &fd {
                write_tuple(fd, text);
            }
            text.len()
        } else {
            0
        };
        if let Some(address) = address {
            address.write(text);
        }
        let (tuple, address_text) = text.split_at(tuple);
        let created = descriptor.as_ref().is_some_and(|descriptor| descriptor.created);
        let created = if created { FILE_CREATED } else { 0 };

        let signed = |arg: u8| numbers[usize::from(arg)] as i32;
        let word = |arg: u8| numbers[usize::from(arg)] as u32;
        let mut args = [Value::Unknown; MOST];
        for (value, from) in args.iter_mut().zip(call.args) {
            let text_of = |arg: u8| parts.text[usize::from(arg)].map_or(Value::Unknown, Value::Bytes);
            let data_of = |arg: u8| parts.data[usize::from(arg)].map_or(Value::Unknown, Value::Bytes);
            *value = match *from {
                From::Result => Value::Int(result),
                From::Int(arg) => Value::Int(signed(arg).into()),
                From::Word(arg) => Value::Uint(word(arg).into()),
                From::Bits(arg, mask) => Value::Uint((word(arg) & mask).into()),
                From::Long(arg) => Value::Uint(numbers[usize::from(arg)]),
                From::Text(arg) => text_of(arg),
                From::TextIf(arg, option) if numbers[0] == option => text_of(arg),
                From::Unknown | From::TextIf(..) => Value::Unknown,
                From::Data(arg, _) | From::Message(arg) | From::Vector(arg) => data_of(arg),
                From::Field(arg, _, at) => known(parts.word(arg, at).map(u64::from)),
                From::Wide(arg, _, at) => known(parts.long(arg, at)),
                From::Pair(arg, _, low, high) => known(
                    parts
                        .word(arg, low)
                        .zip(parts.word(arg, high))
                        .map(|(low, high)| u64::from(high) << 32 | u64::from(low)),
                ),
                From::OpenFlags(arg) => Value::Uint(u64::from(word(arg)) | created),
                From::OpenHow(arg) => known(parts.long(arg, 0).map(|flags| flags | created)),
                From::Dev => known(descriptor.as_ref().filter(|_| result >= 0).map(|d| d.dev)),
                From::Ino => known(descriptor.as_ref().filter(|_| result >= 0).map(|d| d.ino)),
                From::Path => Value::Bytes(path),
                // Whether the call named an address is told by whether there is a tuple.
                From::Tuple(..) if call.kind != EventKind::Connect && parts.address.is_none() => {
                    Value::Unknown
                }
                From::Ends | From::Tuple(..) => if_any(tuple),
                From::Address(..) => if_any(address_text),
            };
        }
        sink(&front.event(call.kind, result, fd, &args[..call.args.len()]));
        Some(())
    }
}

fn known(value: Option<u64>) -> Value<'static> {
    value.map_or(Value::Unknown, Value::Uint)
}

fn if_any(bytes: &[u8]) -> Value<'_> {
    if bytes.is_empty() { Value::Unknown } else { Value::Bytes(bytes) }
}

fn wants_tuple(call: &Call) -> bool {
    call.args.iter().any(|from| matches!(from, From::Tuple(..) | From::Ends))
}

/// The descriptor of an event, with the other end that only the call names.
fn fd<'a>(
    call: &Call,
    result: i64,
    descriptor: Option<&Descriptor>,
    path: &'a [u8],
    address: Option<SocketAddress<'a>>,
) -> Option<Fd<'a>> {
    let nameless = |number| Fd { number, kind: FdKind::Unknown, dev: 0, ino: 0 };
    if matches!(call.on, On::Opened { .. }) && result < 0 {
        let kind = if path.is_empty() { FdKind::Unknown } else { FdKind::File { path, upper: false } };
        return Some(Fd { number: result, kind, dev: 0, ino: 0 });
    }
    let Some(descriptor) = descriptor else {
        return match call.on {
            On::Nothing | On::Directory { .. } | On::Arg(_) | On::BpfObject => None,
            On::Returned | On::Opened { .. } => Some(nameless(result)),
        };
    };
    let mut fd = descriptor.fd(path);
    if let (FdKind::Inet { server, .. }, EventKind::Accept | EventKind::Accept4) = (&mut fd.kind, call.kind) {
        *server = Some(true);
    }
    match (&mut fd.kind, address) {
        (FdKind::Inet { local, .. }, Some(SocketAddress::Inet(end))) if call.kind == EventKind::Bind => {
            local.get_or_insert(end);
        }
        (FdKind::Inet { remote, server, .. }, Some(SocketAddress::Inet(end))) => {
            remote.get_or_insert(end);
            if call.kind == EventKind::Connect {
                server.get_or_insert(false);
            }
        }
        (FdKind::Unix(own), Some(SocketAddress::Unix(path))) if own.is_empty() => *own = path,
        _ => {}
    }
    Some(fd)
}
