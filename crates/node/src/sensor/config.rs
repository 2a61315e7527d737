//! What the sensor is to see, and how the programs are told (`struct settings` of `bpf/record.h`).

use gabion_model::event::EventKind;
use std::time::Duration;

/// Signals that are told unless others are asked for: HUP, INT, QUIT, KILL, TERM, STOP, TSTP.
const SIGNALS: [u32; 7] = [1, 2, 3, 9, 15, 19, 20];

/// What the sensor is to see.
#[derive(Clone, Debug)]
pub struct Config {
    /// Bytes of the ring for what must not be lost: processes, credentials, connections. A power of two.
    pub guaranteed_ring: u32,
    /// Bytes of the ring for what may come in floods: opens, reads and writes, DNS. A power of two.
    pub bulk_ring: u32,
    /// Most bytes of the arguments of a program; what is beyond is counted.
    pub args: u32,
    /// Most bytes of the environment that are looked at, if anything of it is asked for.
    pub env: u32,
    /// Variables of the environment that are told with an `execve`.
    pub env_keys: Vec<Vec<u8>>,
    /// Most bytes of what is read or written.
    pub data: u32,
    /// Calls that failed are told, too.
    pub failures: bool,
    /// Sends on connected sockets are told, too, if `sendto` or `sendmsg` are asked for; else only those that name the other end.
    pub connected_sends: bool,
    /// An open of the same file by the same process, a packet to the same peer, a request of `io_uring` of the same kind: not
    /// told again within this time.
    pub repeat: Duration,
    /// What a control group may spend on events of the bulk ring; without it, any number.
    pub budget: Option<Budget>,
    /// Signals that are told if one process sends them to another.
    pub signals: Vec<u32>,
    /// The agent's own process is not told.
    pub without_agent: bool,
    /// Another process that is not told; 0 is none.
    pub helper: u32,
    /// Parts of the sensor that are left out.
    pub without: Vec<super::Feature>,
}

/// How many events a control group may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// In the long run, each second.
    pub rate: u32,
    /// At once.
    pub burst: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            guaranteed_ring: 4 << 20,
            bulk_ring: 16 << 20,
            args: 8 << 10,
            env: 8 << 10,
            env_keys: Vec::new(),
            data: 80,
            failures: true,
            connected_sends: true,
            repeat: Duration::from_secs(10),
            budget: None,
            signals: SIGNALS.to_vec(),
            without_agent: true,
            helper: 0,
            without: Vec::new(),
        }
    }
}

/// Bits of `tier0`: what the hooks of the network tell.
const CONNECT: u32 = 1;
const ACCEPT: u32 = 1 << 1;
const LISTEN: u32 = 1 << 2;
const CLOSE: u32 = 1 << 3;
const BIND: u32 = 1 << 4;
const SEND: u32 = 1 << 5;
const UDP_CONNECT: u32 = 1 << 7;

impl Config {
    /// The settings, if these kinds are told as system calls with these bits. A kind that a hook tells anyway is not told twice.
    pub(super) fn settings(&self, calls: [u64; 8], kinds: &[EventKind]) -> Vec<u8> {
        let mut tier0 = CONNECT | ACCEPT | LISTEN | CLOSE | BIND | SEND | UDP_CONNECT;
        let mut signals = self.signals.iter().fold(0, |bits, signal| bits | 1_u64 << ((signal - 1) & 63));
        for kind in kinds {
            match kind {
                // A connect() of TCP is recognised by the program itself.
                EventKind::Connect => tier0 &= !UDP_CONNECT,
                EventKind::Accept | EventKind::Accept4 => tier0 &= !ACCEPT,
                EventKind::Listen => tier0 &= !LISTEN,
                EventKind::Bind => tier0 &= !BIND,
                EventKind::Sendto => tier0 &= !SEND,
                EventKind::Kill => signals = 0,
                _ => {}
            }
        }
        let (interval, burst) = self.budget.map_or((0, 0), |budget| {
            let interval = 1_000_000_000 / u64::from(budget.rate.max(1));
            (interval.max(1), interval * u64::from(budget.burst))
        });
        let longs = [signals, self.repeat.as_nanos() as u64, interval, burst];
        let agent = if self.without_agent { std::process::id() } else { 0 };
        let env = if self.env_keys.is_empty() { 0 } else { self.env };
        let named_sends = u32::from(!self.connected_sends);
        let words = [
            agent,
            self.args,
            env,
            self.data,
            self.bulk_ring / 8,
            tier0,
            self.failures.into(),
            0,
            named_sends,
            self.helper,
        ];
        let mut settings = Vec::with_capacity(136);
        settings.extend(calls.iter().chain(&longs).flat_map(|long| long.to_ne_bytes()));
        settings.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_those_of_the_programs() {
        let config = Config { budget: Some(Budget { rate: 1000, burst: 10 }), ..Config::default() };
        let settings = config.settings([0; 8], &[EventKind::Kill]);
        assert_eq!(settings.len(), 8 * 8 + 4 * 8 + 10 * 4);
        let long = |at: usize| u64::from_ne_bytes(settings[at..at + 8].try_into().unwrap());
        assert_eq!([long(64), long(80), long(88)], [0, 1_000_000, 10_000_000]);
    }
}
