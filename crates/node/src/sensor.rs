//! The sensor: what processes, containers and connections do, as the kernel sees it.
//!
//! ```text
//!  kernel                                                        agent
//!  ──────                                                        ─────
//!  tracepoints: fork, exec, exit, control groups, TCP,
//!    io_uring, signals                             ──► guaranteed ring ─┐
//!  hooks of the control group: UDP, bind                                ├─► by time ─► decode ─► Event
//!  sys_exit: calls that rules ask for              ──► bulk ring ───────┘                 ▲
//!  packets from port 53                                                                   │ whose container
//!  iterators: what runs already, after a start and after drops  ──────────────────────────┘
//! ```
//! Two tiers: what is always on costs nothing on system calls that have nothing to do with it; system calls are
//! traced only while somebody [asks](Sensor::demand) for them, and only those. There are two rings, so that a flood of opens
//! never costs an exec. What is lost is counted, told as an event, and looked up again in what runs.
//!
//! The programs are C in `bpf/`, one object for all kernels from 5.8 on; [`Feature`] lists its parts.

mod calls;
mod cgroup;
mod clock;
mod config;
mod decode;
mod error;
mod found;
pub(crate) mod load;
mod path;
mod probe;
mod record;
pub(crate) mod ring;
mod stats;

pub use cgroup::{CgroupChange, CgroupEvent, Cgroups, HostOnly};
pub use config::{Budget, Config};
pub use decode::Sink;
pub use error::SensorError;
pub use probe::{Feature, Probed};
pub use stats::{Left, Lost, Stats};

use calls::Call;
use decode::Decoder;
use gabion_model::event::EventKind;
use libbpf_rs::{Link, MapCore, MapFlags, MapHandle};
use load::Loaded;
pub use load::{Objects, unified};
use ring::{Place, Ring};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    os::fd::AsFd,
    time::{Duration, Instant},
};

/// The bulk ring wakes nobody up; it is looked into this often.
const LATENCY: Duration = Duration::from_millis(4);
/// How often losses are looked for, and at most processes looked up again.
const CHECK: Duration = Duration::from_millis(200);
/// Most bytes of a ring that are brought into order at once.
const BATCH: u64 = 1 << 20;

/// The sensor. Dropping it detaches everything.
pub struct Sensor {
    loaded: Loaded,
    config: Config,
    /// System calls are traced as long as there is one.
    calls: Vec<Link>,
    maps: Maps,
    guaranteed: Ring,
    bulk: Ring,
    batch: Vec<(u64, Source, Place)>,
    decoder: Decoder,
    /// Handled, malformed and found; the programs count the rest.
    told: Stats,
    /// Losses that were told.
    known: Lost,
    checked: Instant,
    /// What runs must be looked up.
    stale: bool,
    /// Which system calls are told, by number and by kind.
    demanded: ([u64; 8], Vec<EventKind>),
}

/// The maps that are used after the start.
struct Maps {
    guaranteed: MapHandle,
    bulk: MapHandle,
    settings: MapHandle,
    plans: MapHandle,
    counts: MapHandle,
    listed: MapHandle,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    Guaranteed,
    Bulk,
}

impl Sensor {
    /// Loads the programs and attaches those that are always on. What runs already is told by the first [`Self::poll`].
    pub fn open(config: Config) -> Result<Self, SensorError> {
        let loaded = load::load(&config)?;
        let maps = Maps {
            guaranteed: loaded.map("guaranteed")?,
            bulk: loaded.map("bulk")?,
            settings: loaded.map("settings")?,
            plans: loaded.map("plans")?,
            counts: loaded.map("counts")?,
            listed: loaded.map("listed")?,
        };
        let ring = |name, map: &MapHandle, size| {
            let failed = |error: rustix::io::Errno| SensorError::Ring { ring: name, source: error.into() };
            Ring::open(map.as_fd(), size).map_err(failed)
        };
        let guaranteed = ring("guaranteed", &maps.guaranteed, config.guaranteed_ring)?;
        let bulk = ring("bulk", &maps.bulk, config.bulk_ring)?;
        for call in Call::all() {
            update(&maps.plans, "plans", &call.number.to_ne_bytes(), &call.plan())?;
        }
        update(&maps.settings, "settings", &[0; 4], &config.settings([0; 8], &[]))?;
        Ok(Self {
            loaded,
            calls: Vec::new(),
            maps,
            guaranteed,
            bulk,
            batch: Vec::new(),
            decoder: Decoder::new(config.env_keys.clone()),
            config,
            told: Stats::default(),
            known: Lost::default(),
            checked: Instant::now(),
            stale: true,
            demanded: ([0; 8], Vec::new()),
        })
    }

    /// What there is of it in the kernel.
    pub fn objects(&self) -> Objects {
        let mut objects = Objects::default();
        self.loaded.object.maps().for_each(|map| objects.map(&map));
        self.loaded.links.iter().chain(&self.calls).for_each(|link| objects.link(link));
        objects
    }

    /// The parts of the sensor, and whether each is used.
    pub fn features(&self) -> &[Probed] {
        &self.loaded.probed
    }

    /// Tells these kinds of system calls from now on, and no others. Kinds that are told anyway, or that are none of
    /// system calls, need not be asked for.
    pub fn demand(&mut self, kinds: &[EventKind]) -> Result<(), SensorError> {
        let mut bits = [0_u64; 8];
        for call in Call::all() {
            let told = match call.kind {
                EventKind::IoUringSetup => self.loaded.usable(Feature::Uring),
                _ => false,
            };
            if kinds.contains(&call.kind) && !told {
                bits[call.number as usize / 64] |= 1 << (call.number % 64);
            }
        }
        let any = bits.iter().any(|&bits| bits != 0);
        if any && self.calls.is_empty() {
            let feature = Feature::Calls;
            let probed = self.loaded.probed.iter().find(|probed| probed.feature == feature);
            let attached = match probed.map(|probed| &probed.used) {
                Some(Err(reason)) => Err(reason.clone()),
                _ => self.loaded.attach(feature),
            };
            self.calls = attached.map_err(|reason| SensorError::Feature { feature, reason })?;
        } else if !any {
            self.calls.clear();
        }
        self.demanded = (bits, kinds.to_vec());
        update(&self.maps.settings, "settings", &[0; 4], &self.config.settings(bits, kinds))
    }

    /// Whether sends on connected sockets are told, from the next [`Self::demand`] on.
    pub fn tell_connected_sends(&mut self, told: bool) {
        self.config.connected_sends = told;
    }

    /// Tells nothing of what this process does, from now on, as nothing is told of what the agent does itself.
    pub fn leave_out(&mut self, process: Option<u32>) -> Result<(), SensorError> {
        let process = process.unwrap_or(0);
        if self.config.helper == process {
            return Ok(());
        }
        self.config.helper = process;
        let settings = self.config.settings(self.demanded.0, &self.demanded.1);
        update(&self.maps.settings, "settings", &[0; 4], &settings)
    }

    /// Whether what happens in a control group is told.
    pub fn watch(&mut self, cgroup: u64, told: bool) -> Result<(), SensorError> {
        let choice: u32 = if told { 1 } else { 2 };
        update(&self.maps.listed, "listed", &cgroup.to_ne_bytes(), &choice.to_ne_bytes())
    }

    /// Waits until something has happened, at most for `timeout`, and tells it in the order of time; how many records that
    /// were. An event is told at the latest 5 ms after it happened, as long as this is called again at once.
    pub fn poll(
        &mut self,
        timeout: Duration,
        cgroups: &mut dyn Cgroups,
        sink: &mut Sink<'_>,
    ) -> Result<usize, SensorError> {
        if self.stale {
            self.rebuild(cgroups, sink)?;
        }
        let begun = Instant::now();
        while !self.guaranteed.waiting() && !self.bulk.waiting() {
            let left = timeout.saturating_sub(begun.elapsed());
            if left.is_zero() {
                break;
            }
            self.wait(left.min(LATENCY))?;
        }
        let count = self.tell(cgroups, sink);
        if self.checked.elapsed() >= CHECK {
            self.checked = Instant::now();
            self.decoder.clock.correct();
            self.check(sink)?;
        }
        Ok(count)
    }

    fn wait(&self, time: Duration) -> Result<(), SensorError> {
        let mut rings =
            [PollFd::new(&self.maps.guaranteed, PollFlags::IN), PollFd::new(&self.maps.bulk, PollFlags::IN)];
        let time = Timespec { tv_sec: 0, tv_nsec: time.subsec_nanos().into() };
        match poll(&mut rings, Some(&time)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(SensorError::Ring { ring: "guaranteed", source: error.into() }),
        }
    }

    /// One batch.
    fn tell(&mut self, cgroups: &mut dyn Cgroups, sink: &mut Sink<'_>) -> usize {
        // The bound of the bulk ring is taken first: so an open is never told before the exec that it came after.
        let bulk = self.bulk.end();
        let guaranteed = self.guaranteed.end();
        let batch = &mut self.batch;
        for (source, ring, end) in
            [(Source::Guaranteed, &mut self.guaranteed, guaranteed), (Source::Bulk, &mut self.bulk, bulk)]
        {
            let from = batch.len();
            ring.gather(end, BATCH, |place| batch.push((0, source, place)));
            for (time, _, place) in &mut batch[from..] {
                *time = Decoder::time(ring.bytes(*place));
            }
        }
        batch.sort_by_key(|&(time, ..)| time);
        let count = batch.len();
        for (_, source, place) in batch.drain(..) {
            let record = match source {
                Source::Guaranteed => self.guaranteed.bytes(place),
                Source::Bulk => self.bulk.bytes(place),
            };
            self.told.handled += 1;
            if self.decoder.decode(record, cgroups, sink).is_err() {
                self.told.malformed += 1;
            }
        }
        self.guaranteed.release();
        self.bulk.release();
        count
    }

    /// Tells what was lost since the last time. After a loss of what must not be lost, what runs is looked up again.
    fn check(&mut self, sink: &mut Sink<'_>) -> Result<(), SensorError> {
        let lost = self.stats()?.lost;
        let before = self.known.reasons();
        for ((reason, now), (_, before)) in lost.reasons().into_iter().zip(before) {
            if now > before {
                self.decoder.dropped(reason, now - before, clock::since_boot(), sink);
            }
        }
        self.stale |= lost.guaranteed_full > self.known.guaranteed_full;
        self.known = lost;
        Ok(())
    }

    /// Tells all processes that run, and all sockets that are open, as they are now.
    pub fn rebuild(&mut self, cgroups: &mut dyn Cgroups, sink: &mut Sink<'_>) -> Result<(), SensorError> {
        self.stale = false;
        for feature in [Feature::Running, Feature::OpenSockets] {
            if !self.loaded.usable(feature) {
                continue;
            }
            let (decoder, told) = (&mut self.decoder, &mut self.told);
            self.told.found += found::each(&self.loaded, feature, |record| {
                if decoder.decode(record, cgroups, sink).is_err() {
                    told.malformed += 1;
                }
            })?;
        }
        Ok(())
    }

    /// What was seen, and what became of it.
    pub fn stats(&self) -> Result<Stats, SensorError> {
        let failed = |reason: String| SensorError::Map { map: "counts", reason };
        let values = self.maps.counts.lookup_percpu(&[0; 4], MapFlags::ANY);
        let values = values.map_err(|error| failed(error.to_string()))?;
        let mut counters = [0; 16];
        for value in values.ok_or_else(|| failed("it is empty".to_owned()))? {
            for (counter, bytes) in counters.iter_mut().zip(value.chunks_exact(8)) {
                *counter += u64::from_ne_bytes(bytes.try_into().unwrap_or_default());
            }
        }
        let Stats { handled, malformed, found, .. } = self.told;
        Ok(Stats { handled, malformed, found, ..Stats::from_counters(&counters) })
    }
}

impl std::fmt::Debug for Sensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sensor").field("features", &self.loaded.probed).finish_non_exhaustive()
    }
}

fn update(map: &MapHandle, name: &'static str, key: &[u8], value: &[u8]) -> Result<(), SensorError> {
    let failed = |error: libbpf_rs::Error| SensorError::Map { map: name, reason: error.to_string() };
    map.update(key, value, MapFlags::ANY).map_err(failed)
}

/// What the sensor can do on this kernel: every feature, and why one is not used.
pub fn probe() -> Vec<Probed> {
    match load::load(&Config::default()) {
        Ok(loaded) => loaded.probed,
        Err(error) => {
            let used = Err(error.to_string());
            Feature::all().map(|feature| Probed { feature, used: used.clone() }).collect()
        }
    }
}
