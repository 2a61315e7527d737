//! What agent and keeper say to each other: one question, one answer, over a Unix socket.
//!
//! A frame is its length in four bytes, little-endian, and postcard. The keeper holds the decisions until the agent says up to which
//! number it has them, so one that dies between question and answer loses none.

use super::{
    decision::{Decision, EnforceStats, Step},
    policy::Policy,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io::{self, Read, Write};

/// Raised with whatever changes here, or in the files of the keeper.
const VERSION: u32 = 1;
/// No frame is longer: a policy has at most some thousands of rules, and decisions are given in portions.
pub(super) const MAX_FRAME: usize = 8 << 20;
/// Most decisions in one answer.
pub(super) const PORTION: usize = 1024;

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Always the first of the list, whatever changes below.
    Hello,
    /// A container's control group has a policy.
    Set {
        group: u64,
        container: String,
        policy: Policy,
    },
    /// A control group is no container's.
    Exempt {
        group: u64,
    },
    Remove {
        group: u64,
    },
    /// The policy of containers that have none yet.
    Default {
        policy: Policy,
    },
    /// Decisions above a number; those up to it need not be kept.
    Take {
        above: u64,
    },
    Stats,
    Stop,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    Hello { build: String, pid: u32, ladder: Vec<Step> },
    Done,
    Decisions(Vec<Decision>),
    Stats(EnforceStats),
    Refused(String),
}

/// Which program a keeper is. An agent replaces one that is not its own, which costs no decision: what is asked meanwhile waits.
pub(super) fn build() -> String {
    format!("{} {VERSION} {}", env!("CARGO_PKG_VERSION"), super::kernel::hash())
}

/// A message as a frame.
pub(super) fn frame(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let body = postcard::to_stdvec(message).map_err(invalid)?;
    if body.len() > MAX_FRAME {
        return Err(invalid("the message is too long"));
    }
    Ok([&(body.len() as u32).to_le_bytes(), &*body].concat())
}

/// The first message of some bytes, and how long its frame is. `None` if it is not whole yet.
pub(super) fn unframe<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<Option<(T, usize)>> {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*length) as usize;
    if length > MAX_FRAME {
        return Err(invalid("the frame is too long"));
    }
    let Some(body) = rest.get(..length) else { return Ok(None) };
    Ok(Some((postcard::from_bytes(body).map_err(invalid)?, 4 + length)))
}

/// Asks and waits for the answer.
pub(super) fn ask(stream: &mut (impl Read + Write), request: &Request) -> io::Result<Reply> {
    stream.write_all(&frame(request)?)?;
    let mut bytes = vec![0; 4];
    stream.read_exact(&mut bytes)?;
    let length = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
    if length > MAX_FRAME {
        return Err(invalid("the frame is too long"));
    }
    bytes.resize(4 + length, 0);
    stream.read_exact(&mut bytes[4..])?;
    unframe(&bytes)?.map(|(reply, _)| reply).ok_or_else(|| invalid("the frame is not whole"))
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frames_come_in_pieces() {
        let bytes = frame(&Request::Exempt { group: 7 }).expect("a frame");
        for cut in 0..bytes.len() {
            assert!(unframe::<Request>(&bytes[..cut]).expect("not wrong").is_none());
        }
        let (request, length) = unframe::<Request>(&bytes).expect("right").expect("whole");
        assert!(matches!(request, Request::Exempt { group: 7 }) && length == bytes.len());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_message_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = unframe::<Request>(&bytes);
            let framed = [&(bytes.len() as u32).to_le_bytes(), &*bytes].concat();
            let _ = unframe::<Request>(&framed);
            let _ = unframe::<Reply>(&framed);
        }
    }
}
