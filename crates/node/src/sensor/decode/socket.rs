//! Connections, as the hooks of the network tell them.

use super::{
    Front, Sink,
    descriptor::{Ends, write_tuple},
};
use crate::sensor::record::{Header, Reader};
use gabion_model::event::{EventKind, Value};
use std::io::Write;

const LISTENING: u32 = 10;

pub(super) fn tell(
    front: &Front,
    header: &Header,
    mut reader: Reader<'_>,
    text: &mut Vec<u8>,
    sink: &mut Sink<'_>,
) -> Option<()> {
    let ends = Ends::read(&mut reader)?;
    let (result, sent, received) = (reader.i64()?, reader.u64()?, reader.u64()?);
    let ino = reader.u64()?;
    let (number, state) = (i64::from(reader.i32()?), reader.u32()?);
    let fd = ends.fd(number, ino);
    // Which descriptor it is, the hooks do not know.
    let known = if number < 0 { Value::Unknown } else { Value::Int(number) };
    write_tuple(&fd, text);
    let mut kind = match header.detail {
        0 => EventKind::Connect,
        1 => EventKind::Accept,
        2 => EventKind::Listen,
        3 => EventKind::TcpClose,
        5 => EventKind::Sendto,
        // Found open: what must have happened to it.
        6 if state == LISTENING => EventKind::Listen,
        6 if ends.server == Some(true) => EventKind::Accept,
        6 if ends.remote.is_some() => EventKind::Connect,
        4 | 6 => EventKind::Bind,
        _ => return None,
    };
    if kind == EventKind::Bind && ends.local.is_none() {
        // A socket without an address: nothing has happened to it yet.
        kind = EventKind::Socket;
    }
    let bound = ends.local.filter(|_| matches!(kind, EventKind::Bind | EventKind::Listen));
    if let Some(end) = bound {
        text.clear();
        // Writing into memory does not fail.
        let _ = write!(text, "{}:{}", end.address, end.port);
    }
    let text = Value::Bytes(text);
    let result_value = Value::Int(result);
    let args: &[Value<'_>] = match kind {
        EventKind::Connect | EventKind::Bind => &[result_value, text, known],
        EventKind::Accept => &[known, text],
        EventKind::Listen => &[result_value, known],
        EventKind::TcpClose => &[Value::Uint(sent), Value::Uint(received)],
        EventKind::Sendto => &[Value::Unknown, Value::Unknown, known, Value::Unknown, text],
        _ => &[known],
    };
    sink(&front.event(kind, result, Some(fd), args));
    Some(())
}
