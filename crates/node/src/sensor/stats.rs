//! What was seen, and what became of it. Everything that a program saw is told, was left out on purpose, or is lost; the sums agree.

/// Numbers since the sensor was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// What the programs saw of what they are to tell.
    pub seen: u64,
    /// Put into a ring.
    pub delivered: u64,
    /// Left out because it was asked for.
    pub left: Left,
    /// Lost.
    pub lost: Lost,
    /// Taken out of the rings.
    pub handled: u64,
    /// Records that did not say what they should: an error in this program.
    pub malformed: u64,
    /// Processes and sockets that were found, not seen starting.
    pub found: u64,
}

/// What is not told because nobody wants it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// The agent's own.
    pub agent: u64,
    /// Of a control group that is not watched.
    pub cgroup: u64,
    /// The same as a moment ago.
    pub repeated: u64,
    /// It failed, or what succeeded is told elsewhere.
    pub failed: u64,
    /// A send on a connected socket, whose connect was told.
    pub connected: u64,
}

/// What should have been told and is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// The ring for what must not be lost was full.
    pub guaranteed_full: u64,
    /// The ring for floods was full.
    pub bulk_full: u64,
    /// The control group had spent its budget.
    pub budget: u64,
    /// No buffer to put it together in was free.
    pub buffer: u64,
    /// A 32-bit system call, whose number means another than that of 64 bits.
    pub compat: u64,
}

impl Stats {
    /// From the counters of the programs, in the order of `enum counter`.
    pub(super) fn from_counters(of: &[u64; 16]) -> Self {
        let [
            seen,
            delivered,
            agent,
            cgroup,
            repeated,
            failed,
            guaranteed_full,
            bulk_full,
            budget,
            buffer,
            compat,
            connected,
            ..,
        ] = *of;
        Self {
            seen,
            delivered,
            left: Left { agent, cgroup, repeated, failed, connected },
            lost: Lost { guaranteed_full, bulk_full, budget, buffer, compat },
            ..Self::default()
        }
    }

    /// All that was left out.
    pub fn all_left(&self) -> u64 {
        let Left { agent, cgroup, repeated, failed, connected } = self.left;
        agent + cgroup + repeated + failed + connected
    }

    /// All that was lost.
    pub fn all_lost(&self) -> u64 {
        self.lost.reasons().iter().map(|(_, count)| count).sum()
    }
}

impl Lost {
    /// Each reason in words, with its number.
    pub fn reasons(&self) -> [(&'static str, u64); 5] {
        let Self { guaranteed_full, bulk_full, budget, buffer, compat } = *self;
        [
            ("the ring for processes and connections was full", guaranteed_full),
            ("the ring for opens, data and DNS was full", bulk_full),
            ("its control group had spent its budget of events", budget),
            ("no buffer was free", buffer),
            ("it was a 32-bit system call", compat),
        ]
    }
}
