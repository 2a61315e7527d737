//! What was decided, what became of the records of it, and on which rung each kind of thing stands.

use super::policy::Mode;
use gabion_model::{
    Digest,
    event::{Rung, Task, Transport, Verdict},
};
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr};

/// A decision about something that a process wanted. What a policy simply allows is counted, but is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Its number, from 1 on, over restarts of agent and keeper. A decision may be told again after a crash of the agent, with the
    /// same number; numbers are never left out.
    pub number: u64,
    /// When, in nanoseconds since the node started.
    pub since_boot: u64,
    /// The control group of the process.
    pub cgroup: u64,
    /// Whose that is, as the agent said; empty if it has not yet.
    pub container: String,
    /// Who.
    #[serde(with = "task")]
    pub task: Task,
    /// What.
    pub what: What,
    /// What was decided.
    #[serde(with = "verdict")]
    pub verdict: Verdict,
    /// The mode of the policy.
    pub mode: Mode,
    /// The policy.
    pub policy: String,
    /// Which rule of it: `exec.deny /usr/bin/nc`, `default`, `exec.image_only`, `fail`.
    pub rule: String,
}

/// What a process wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// To execute a program.
    Exec {
        /// Its path in the container; if it was seen by its call only, as the caller named it.
        path: Vec<u8>,
        /// Its content, if that was asked for.
        digest: Option<Digest>,
    },
    /// To open a file.
    Open {
        /// Its path in the container.
        path: Vec<u8>,
    },
    /// To connect, or to send a packet.
    Connect {
        /// To whom.
        address: IpAddr,
        /// To which port.
        port: u16,
        /// Over what.
        #[serde(with = "transport")]
        transport: Transport,
    },
    /// Nothing: nobody was there to decide for so many nanoseconds. What needs no keeper was decided all the same; for the rest, the fail
    /// mode did.
    Gap(u64),
}

/// What was decided so far, since the first keeper started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnforceStats {
    /// Decisions: denials, what would have been one, and what the fail mode decided. They are those recorded and those dropped.
    pub decided: u64,
    /// Decisions that have a record.
    pub recorded: u64,
    /// Decisions whose record was dropped: no room in the kernel, or in the spool while no agent came.
    pub dropped: u64,
    /// What policies allowed, since the keeper started.
    pub allowed: u64,
    /// What was seen of control groups without a policy, and of runtimes at work, since the keeper started.
    pub passed: u64,
    /// Records that wait for the agent.
    pub waiting: u64,
    /// Processes that wait for a decision.
    pub pending: u64,
}

/// What decides about a kind of thing, and why nothing better.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What it decides about.
    pub what: Kind,
    /// The rungs that are used, the best first.
    #[serde(with = "rungs")]
    pub rungs: Vec<Rung>,
    /// Rungs that cannot be used here, and why.
    #[serde(with = "refused")]
    pub refused: Vec<(Rung, String)>,
}

/// A kind of thing that is decided about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Programs.
    Exec,
    /// Files.
    Open,
    /// Connections.
    Connect,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Exec => "programs",
            Self::Open => "files",
            Self::Connect => "connections",
        })
    }
}

/// The words of rungs, best first.
const RUNGS: [(Rung, &str); 4] =
    [(Rung::Lsm, "lsm"), (Rung::Fanotify, "fanotify"), (Rung::Kill, "kill"), (Rung::Cgroup, "cgroup")];

/// The word for a rung.
pub fn word(rung: Rung) -> &'static str {
    RUNGS.iter().find(|(of, _)| *of == rung).map_or("?", |(_, word)| word)
}

pub(super) fn rung(number: u8) -> Option<Rung> {
    Some(RUNGS.get(usize::from(number).checked_sub(1)?)?.0)
}

fn number(rung: Rung) -> u8 {
    RUNGS.iter().zip(1..).find(|((of, _), _)| *of == rung).map_or(0, |(_, number)| number)
}

/// The nouns of the model know no wire format; here is theirs.
macro_rules! wire {
    ($name:ident, $of:ty as $as:ty, $to:expr, $from:expr) => {
        mod $name {
            use super::*;
            use serde::{Deserializer, Serializer, de::Error};

            #[allow(clippy::trivially_copy_pass_by_ref, clippy::ptr_arg, reason = "as serde wants it")]
            pub(super) fn serialize<S: Serializer>(of: &$of, serializer: S) -> Result<S::Ok, S::Error> {
                let to: fn(&$of) -> $as = $to;
                to(of).serialize(serializer)
            }

            pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<$of, D::Error> {
                let of: fn($as) -> Option<$of> = $from;
                of(<$as>::deserialize(from)?).ok_or_else(|| D::Error::custom(stringify!($name)))
            }
        }
    };
}

wire!(task, Task as (u32, u32, u64), |of| (of.pid, of.tid, of.start), |(pid, tid, start)| Some(Task {
    pid,
    tid,
    start
}));
wire!(
    verdict,
    Verdict as (u8, u8),
    |of| match of {
        Verdict::None => (0, 0),
        Verdict::Allowed => (1, 0),
        Verdict::WouldDeny(rung) => (2, number(*rung)),
        Verdict::Denied(rung) => (3, number(*rung)),
    },
    |(what, by)| match what {
        0 => Some(Verdict::None),
        1 => Some(Verdict::Allowed),
        2 => Some(Verdict::WouldDeny(rung(by)?)),
        3 => Some(Verdict::Denied(rung(by)?)),
        _ => None,
    }
);
wire!(
    transport,
    Transport as u16,
    |of| match of {
        Transport::Tcp => 6,
        Transport::Udp => 17,
        Transport::Raw => 255,
        Transport::Other(number) => u16::from(*number),
    },
    |number| Some(protocol(number))
);
wire!(
    rungs,
    Vec<Rung> as Vec<u8>,
    |of| of.iter().copied().map(number).collect(),
    |of| of.into_iter().map(rung).collect()
);
wire!(
    refused,
    Vec<(Rung, String)> as Vec<(u8, String)>,
    |of| of.iter().map(|(rung, why)| (number(*rung), why.clone())).collect(),
    |of| of.into_iter().map(|(by, why)| Some((rung(by)?, why))).collect()
);

/// The transport of a number of IP.
pub(super) fn protocol(number: u16) -> Transport {
    match number {
        6 => Transport::Tcp,
        17 => Transport::Udp,
        255 => Transport::Raw,
        other => Transport::Other(other as u8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_the_same_behind_the_wire() {
        let what = [
            What::Exec { path: b"/bin/\xff".to_vec(), digest: Some(Digest::sha256([7; 32])) },
            What::Open { path: b"/etc/shadow".to_vec() },
            What::Connect { address: [192, 0, 2, 1].into(), port: 443, transport: Transport::Tcp },
            What::Gap(5),
        ];
        let verdicts = [
            Verdict::Denied(Rung::Lsm),
            Verdict::WouldDeny(Rung::Fanotify),
            Verdict::Denied(Rung::Cgroup),
            Verdict::Allowed,
        ];
        for (number, (what, verdict)) in (1..).zip(what.into_iter().zip(verdicts)) {
            let decision = Decision {
                number,
                since_boot: 2,
                cgroup: 3,
                container: "c".into(),
                task: Task { pid: 4, tid: 5, start: 6 },
                what,
                verdict,
                mode: Mode::Alert,
                policy: "p".into(),
                rule: "default".into(),
            };
            let bytes = postcard::to_stdvec(&decision).expect("bytes");
            assert_eq!(postcard::from_bytes::<Decision>(&bytes), Ok(decision));
        }
    }
}
