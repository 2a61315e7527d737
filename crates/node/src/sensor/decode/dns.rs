//! Answers of name servers: what was asked for, and the addresses that it has. Whatever else they say is not read.
//!
//! Anybody may send such a packet, so nothing in it is believed: every jump goes backwards, and all is counted.

use super::{Front, Sink, descriptor::Ends};
use crate::sensor::record::Reader;
use gabion_model::event::{EventKind, Value};
use std::{
    io::Write,
    net::{Ipv4Addr, Ipv6Addr},
};

/// A name has no more bytes (RFC 1035, 2.3.4).
const NAME: usize = 255;
/// More addresses of an answer are not told.
const ADDRESSES: usize = 32;

/// An answer: its code, the length of its name in `text`, and behind that the addresses, separated by commas.
struct Answer {
    code: u8,
    name: usize,
}

pub(super) fn tell(
    front: &Front,
    mut reader: Reader<'_>,
    text: &mut Vec<u8>,
    sink: &mut Sink<'_>,
) -> Option<()> {
    let ends = Ends::read(&mut reader)?;
    let (size, _cut) = (reader.u32()?, reader.u32()?);
    let packet = reader.bytes(size as usize)?;
    // Whatever is no answer is told with nothing: something came from a port of name servers.
    let answer = parse(packet, text);
    let name = answer.as_ref().map_or(0, |answer| answer.name);
    let result = match answer.as_ref().map(|answer| answer.code) {
        Some(0) => 0,
        Some(3) => -i64::from(libc::ENOENT),
        _ => -i64::from(libc::EPROTO),
    };
    let args = match answer {
        Some(_) => [Value::Bytes(&text[..name]), Value::Bytes(&text[name..])],
        None => [Value::Unknown; 2],
    };
    sink(&front.event(EventKind::Dns, result, Some(ends.fd(-1, 0)), &args));
    Some(())
}

fn parse(packet: &[u8], text: &mut Vec<u8>) -> Option<Answer> {
    let number = |at: usize| packet.get(at..at + 2).map(|two| u16::from_be_bytes([two[0], two[1]]));
    let flags = number(2)?;
    // A question, or not a plain one.
    if flags & 0x8000 == 0 || number(4)? != 1 {
        return None;
    }
    let code = (flags & 15) as u8;
    text.clear();
    let mut at = name(packet, 12, text)? + 4;
    let name_size = text.len();
    let mut addresses = 0;
    for _ in 0..number(6)? {
        // A packet that ends early has told what it has told.
        let Some(next) = skip(packet, at) else { break };
        let (Some(kind), Some(size)) = (number(next), number(next + 8)) else { break };
        let Some(data) = packet.get(next + 10..next + 10 + usize::from(size)) else { break };
        at = next + 10 + usize::from(size);
        let address = match kind {
            1 => data.try_into().ok().map(|four: [u8; 4]| Ipv4Addr::from(four).into()),
            28 => data.try_into().ok().map(|sixteen: [u8; 16]| Ipv6Addr::from(sixteen).into()),
            _ => None,
        };
        let Some(address): Option<std::net::IpAddr> = address else { continue };
        if addresses == ADDRESSES {
            break;
        }
        if addresses > 0 {
            text.push(b',');
        }
        // Writing into memory does not fail.
        let _ = write!(text, "{address}");
        addresses += 1;
    }
    Some(Answer { code, name: name_size })
}

/// Where a name that begins at `at` ends.
fn skip(packet: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *packet.get(at)? {
            0 => return Some(at + 1),
            length if length & 0xc0 == 0xc0 => return Some(at + 2),
            length if length & 0xc0 == 0 => at += 1 + usize::from(length),
            _ => return None,
        }
    }
}

/// Appends the name that begins at `at`, in lower case and without its last dot; where it ends.
fn name(packet: &[u8], mut at: usize, text: &mut Vec<u8>) -> Option<usize> {
    let end = skip(packet, at)?;
    let begin = text.len();
    loop {
        let length = usize::from(*packet.get(at)?);
        if length == 0 {
            return Some(end);
        }
        if length & 0xc0 == 0xc0 {
            let to = (length & 0x3f) << 8 | usize::from(*packet.get(at + 1)?);
            // Only backwards, or it could go round for ever.
            if to >= at {
                return None;
            }
            at = to;
            continue;
        }
        let label = packet.get(at + 1..at + 1 + length)?;
        if text.len() - begin + length + 1 > NAME {
            return None;
        }
        if text.len() > begin {
            text.push(b'.');
        }
        text.extend(label.iter().map(u8::to_ascii_lowercase));
        at += 1 + length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An answer to `Example.ORG` with records of these types and data.
    fn packet(code: u8, records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut packet = vec![0, 1, 0x81, code, 0, 1, 0, records.len() as u8, 0, 0, 0, 0];
        packet.extend(b"\x07Example\x03ORG\0\0\x01\0\x01");
        for (kind, data) in records {
            packet.extend([0xc0, 12]);
            packet.extend(kind.to_be_bytes());
            packet.extend([0, 1, 0, 0, 0, 60]);
            packet.extend((data.len() as u16).to_be_bytes());
            packet.extend(*data);
        }
        packet
    }

    fn read(packet: &[u8]) -> Option<(u8, String, String)> {
        let mut text = Vec::new();
        let answer = parse(packet, &mut text)?;
        let answers = String::from_utf8(text.split_off(answer.name)).unwrap();
        Some((answer.code, String::from_utf8_lossy(&text).into_owned(), answers))
    }

    #[test]
    fn addresses_behind_an_alias_are_told() {
        let alias = b"\x03www\xc0\x0c";
        let all = packet(0, &[(5, alias), (1, &[10, 0, 0, 1]), (28, &[0; 16]), (1, &[1, 2])]);
        assert_eq!(read(&all), Some((0, "example.org".into(), "10.0.0.1,::".into())));
        assert_eq!(read(&packet(3, &[])), Some((3, "example.org".into(), String::new())));
    }

    #[test]
    fn questions_and_loops_are_nothing() {
        let mut question = packet(0, &[]);
        question[2] = 1;
        assert_eq!(read(&question), None);
        let mut looped = packet(0, &[]);
        looped[12..14].copy_from_slice(&[0xc0, 12]);
        assert_eq!(read(&looped), None);
    }

    #[test]
    fn a_cut_answer_tells_what_it_has() {
        let all = packet(0, &[(1, &[10, 0, 0, 1]), (1, &[10, 0, 0, 2])]);
        assert_eq!(read(&all[..all.len() - 1]), Some((0, "example.org".into(), "10.0.0.1".into())));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let mut text = Vec::new();
            let _ = parse(&bytes, &mut text);
            prop_assert!(text.len() <= NAME + ADDRESSES * 40);
        }

        #[test]
        fn changed_answers_are_survived(at in 0usize..60, to: u8) {
            let mut bytes = packet(0, &[(1, &[10, 0, 0, 1]), (28, &[7; 16])]);
            let at = at % bytes.len();
            bytes[at] = to;
            let _ = read(&bytes).map(|(_, name, _)| assert!(name.len() <= NAME));
        }
    }
}
