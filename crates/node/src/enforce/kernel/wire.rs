//! What the programs are told and tell, as bytes: the other side of `bpf/enforce.h`.

use crate::enforce::{
    compiled::{Compiled, Judged, MAX_OVERLAP, PortRule},
    keeper::TICK,
    policy::{FailMode, Mode},
};

/// Longest text of a rule about paths.
const PATH: usize = 248;
/// `struct decision` up to its text.
const HEAD: usize = 96;
const TEXT: usize = 256;

pub(in crate::enforce) const ASK: u8 = 1;
pub(in crate::enforce) const EXEC: u8 = 2;
pub(in crate::enforce) const OPEN: u8 = 3;

/// What the kernel knows of a file without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::enforce) struct Stamp {
    pub(in crate::enforce) ctime: u64,
    pub(in crate::enforce) mtime: u64,
    pub(in crate::enforce) size: u64,
}

impl Stamp {
    pub(super) fn bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        for (to, from) in bytes.chunks_exact_mut(8).zip([self.ctime, self.mtime, self.size]) {
            to.copy_from_slice(&from.to_ne_bytes());
        }
        bytes
    }
}

/// `struct settings`.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::enforce) struct Settings {
    pub(in crate::enforce) scope: u64,
    pub(in crate::enforce) agent_cgroup: u64,
    pub(in crate::enforce) agent: Stamp,
    pub(in crate::enforce) fallback: u32,
    pub(in crate::enforce) files: bool,
    pub(in crate::enforce) tester: u32,
}

impl Settings {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = [self.scope.to_ne_bytes(), self.agent_cgroup.to_ne_bytes()].concat();
        bytes.extend(self.agent.bytes());
        bytes.extend(
            [self.fallback, self.files.into(), self.tester, 0].iter().flat_map(|word| word.to_ne_bytes()),
        );
        bytes
    }
}

/// `struct policy`.
pub(super) fn policy(of: &Compiled) -> Vec<u8> {
    let closed = of.policy.fail.mode == FailMode::Closed;
    let flags = [
        of.has_exec(),
        of.exec_denied(),
        of.policy.exec.image_only,
        of.has_digests(),
        of.has_files(),
        of.has_connect(),
        of.policy.connect.default == crate::enforce::policy::Choice::Deny,
        closed,
    ];
    let flags = flags.iter().zip(0..).fold(0_u32, |bits, (&set, at)| bits | u32::from(set) << at);
    let mode: u32 = match of.policy.mode {
        Mode::Observe => 0,
        Mode::Alert => 1,
        Mode::Enforce => 2,
    };
    // It says every now and then only that it lives.
    let deadline = (u64::from(of.policy.fail.deadline_ms) * 1_000_000).max(4 * TICK.as_nanos() as u64);
    [&mode.to_ne_bytes()[..], &flags.to_ne_bytes(), &deadline.to_ne_bytes()].concat()
}

/// `struct path_key` and `struct path_rule`.
pub(super) fn path_rule(policy: u32, files: bool, path: &[u8], judged: Judged) -> (Vec<u8>, Vec<u8>) {
    let bits = (4 + path.len() as u32) * 8;
    let table = policy * 2 + u32::from(files);
    let mut key = [bits.to_ne_bytes(), table.to_ne_bytes()].concat();
    key.extend_from_slice(path);
    key.resize(8 + PATH, 0);
    (key, [u32::from(judged.deny).to_ne_bytes(), judged.rule.to_ne_bytes()].concat())
}

/// `struct net_key` and `struct net_rules`.
pub(super) fn net_rules(policy: u32, (address, bits): (u128, u8), rules: &[PortRule]) -> (Vec<u8>, Vec<u8>) {
    let bits = (4 * 8) + u32::from(bits);
    let key = [&bits.to_ne_bytes()[..], &policy.to_ne_bytes(), &address.to_be_bytes()].concat();
    let mut value = (rules.len() as u32).to_ne_bytes().to_vec();
    for rule in rules {
        value.extend(rule.from.to_ne_bytes());
        value.extend(rule.to.to_ne_bytes());
        value.extend([rule.protocol, rule.deny.into(), 0, 0]);
        value.extend(rule.rule.to_ne_bytes());
    }
    value.resize(4 + 12 * MAX_OVERLAP, 0);
    (key, value)
}

/// `struct decision`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::enforce) struct Told {
    pub(in crate::enforce) time: u64,
    pub(in crate::enforce) cgroup: u64,
    pub(in crate::enforce) start: u64,
    pub(in crate::enforce) pid: u32,
    pub(in crate::enforce) tid: u32,
    pub(in crate::enforce) policy: u32,
    pub(in crate::enforce) rule: u32,
    pub(in crate::enforce) what: u8,
    pub(in crate::enforce) verdict: u8,
    pub(in crate::enforce) rung: u8,
    pub(in crate::enforce) held: bool,
    pub(in crate::enforce) port: u16,
    pub(in crate::enforce) protocol: u16,
    pub(in crate::enforce) address: u128,
    pub(in crate::enforce) stamp: Stamp,
    pub(in crate::enforce) text: Vec<u8>,
}

/// Numbers, one after the other.
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (front, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*front)
    }

    fn long(&mut self) -> Option<u64> {
        self.take().map(u64::from_ne_bytes)
    }

    fn word(&mut self) -> Option<u32> {
        self.take().map(u32::from_ne_bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take().map(u8::from_ne_bytes)
    }

    fn short(&mut self) -> Option<u16> {
        self.take().map(u16::from_ne_bytes)
    }

    fn stamp(&mut self) -> Option<Stamp> {
        Some(Stamp { ctime: self.long()?, mtime: self.long()?, size: self.long()? })
    }
}

impl Told {
    /// Reads a record; `None` if it is none.
    pub(in crate::enforce) fn read(record: &[u8]) -> Option<Self> {
        let (head, text) = record.split_at_checked(HEAD)?;
        let mut words = Words(head);
        // Read in this order.
        Some(Self {
            time: words.long()?,
            cgroup: words.long()?,
            start: words.long()?,
            pid: words.word()?,
            tid: words.word()?,
            policy: words.word()?,
            rule: words.word()?,
            what: words.byte()?,
            verdict: words.byte()?,
            rung: words.byte()?,
            held: words.byte()? != 0,
            port: words.short()?,
            protocol: words.short()?,
            address: u128::from_be_bytes(words.take()?),
            stamp: words.stamp()?,
            text: text.get(..words.word()? as usize).filter(|text| text.len() <= TEXT)?.to_vec(),
        })
    }

    /// `struct hold` of a process that is to be asked about.
    pub(in crate::enforce) fn write_hold(
        time: u64,
        cgroup: u64,
        start: u64,
        stamp: Stamp,
        policy: u32,
    ) -> Vec<u8> {
        let front = [time, cgroup, start].map(u64::to_ne_bytes).concat();
        [front, stamp.bytes().to_vec(), policy.to_ne_bytes().to_vec(), vec![0; 4]].concat()
    }

    /// Reads `struct hold`.
    pub(in crate::enforce) fn hold(pid: u32, value: &[u8]) -> Option<Self> {
        let mut words = Words(value);
        let (time, cgroup, start) = (words.long()?, words.long()?, words.long()?);
        let (stamp, policy) = (words.stamp()?, words.word()?);
        Some(Self {
            time,
            cgroup,
            start,
            pid,
            tid: pid,
            policy,
            rule: 0,
            what: ASK,
            verdict: 0,
            rung: 0,
            held: true,
            port: 0,
            protocol: 0,
            address: 0,
            stamp,
            text: Vec::new(),
        })
    }
}
