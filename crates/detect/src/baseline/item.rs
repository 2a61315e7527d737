//! What a baseline consists of.

use gabion_model::event::Transport;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// What a baseline is of: an image, in a workload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// The digest of the image; its name, where the digest is not known.
    pub image: String,
    /// The workload: `namespace/Deployment/name`, or the name of a container that stands alone.
    pub workload: String,
}

/// How far a baseline is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// All that happens belongs to it.
    #[default]
    Learning,
    /// Nothing new has come for a while; it waits for somebody to read it.
    Proposed,
    /// Somebody has approved it: what is new is a deviation.
    Locked,
}

impl State {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Learning => "learning",
            Self::Proposed => "proposed",
            Self::Locked => "locked",
        }
    }
}

/// One thing that a workload does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Item {
    /// A program is run.
    Program {
        /// Its path.
        path: String,
        /// It is a file of the image; false if it was brought since, or nobody knows.
        in_image: bool,
    },
    /// A program is run by another.
    Parent {
        /// The path of the one that is run.
        child: String,
        /// The path of the one that runs it.
        parent: String,
    },
    /// A program is run with arguments of this shape.
    Arguments {
        /// Its path.
        program: String,
        /// See [`super::argument_shape`].
        shape: String,
    },
    /// Files are written in a directory.
    Writes {
        /// By which program.
        program: String,
        /// See [`super::directory_shape`].
        directory: String,
    },
    /// A port is listened on.
    Listens {
        /// `tcp` or `udp`.
        transport: String,
        /// Its number; 0 stands for any that the kernel chose.
        port: u16,
    },
    /// Connections go to a peer.
    Connects {
        /// The peer: the name of a workload or a host, an address where there is no name.
        peer: String,
        /// `tcp` or `udp`.
        transport: String,
        /// Its port.
        port: u16,
    },
    /// A capability is used.
    Capability {
        /// Such as `CAP_NET_RAW`.
        name: String,
    },
    /// A system call that only few programs need is made.
    Call {
        /// Its name.
        name: String,
    },
}

impl Item {
    /// What kind of thing it is, as people say it.
    pub const fn noun(&self) -> &'static str {
        match self {
            Self::Program { .. } => "program",
            Self::Parent { .. } => "parent",
            Self::Arguments { .. } => "arguments",
            Self::Writes { .. } => "written directory",
            Self::Listens { .. } => "listening port",
            Self::Connects { .. } => "peer",
            Self::Capability { .. } => "capability",
            Self::Call { .. } => "system call",
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program { path, in_image: true } => write!(f, "runs {path}"),
            Self::Program { path, in_image: false } => {
                write!(f, "runs {path}, which is not known to be in the image")
            }
            Self::Parent { child, parent } => write!(f, "{parent} runs {child}"),
            Self::Arguments { program, shape } => write!(f, "runs {program} {shape}"),
            Self::Writes { program, directory } => write!(f, "{program} writes in {directory}"),
            Self::Listens { transport, port: 0 } => {
                write!(f, "listens on a {transport} port that the kernel chooses")
            }
            Self::Listens { transport, port } => write!(f, "listens on {transport} port {port}"),
            Self::Connects { peer, transport, port } => {
                write!(f, "connects to {peer}, {transport} port {port}")
            }
            Self::Capability { name } => write!(f, "uses {name}"),
            Self::Call { name } => write!(f, "calls {name}"),
        }
    }
}

/// When and how often an item was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// First, in nanoseconds since 1970.
    pub first: u64,
    /// Last.
    pub last: u64,
    /// How often.
    pub count: u64,
}

impl Seen {
    pub(super) fn again(&mut self, time: u64) {
        self.last = self.last.max(time);
        self.count += 1;
    }
}

/// What a workload does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Of what.
    pub subject: Subject,
    /// How far it is.
    pub state: State,
    /// When the first event of it was seen.
    pub since: u64,
    /// When something new was seen last.
    pub changed: u64,
    /// What belongs to it. Never more than the settings allow; see `left_out`.
    #[serde(with = "pairs")]
    pub items: BTreeMap<Item, Seen>,
    /// What was seen since it was proposed or locked, and waits to be read.
    #[serde(with = "pairs")]
    pub pending: BTreeMap<Item, Seen>,
    /// How often something new was seen when it was full already; it is judged as new each time.
    pub left_out: u64,
    /// Somebody has rolled it out, instead of what was learnt here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_out: Option<RolledOut>,
}

/// What a baseline that was rolled out comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolledOut {
    /// The version that brought it.
    pub version: String,
    /// What was learnt here until then; none if nothing was.
    pub(super) aside: Option<Aside>,
}

/// What was learnt of a workload before another baseline was rolled out to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Aside {
    pub(super) state: State,
    #[serde(with = "pairs")]
    pub(super) items: BTreeMap<Item, Seen>,
}

impl Baseline {
    pub(super) fn new(subject: Subject, time: u64) -> Self {
        Self {
            subject,
            state: State::Learning,
            since: time,
            changed: time,
            items: BTreeMap::new(),
            pending: BTreeMap::new(),
            left_out: 0,
            rolled_out: None,
        }
    }

    /// Makes what waits a part of it, as far as `wanted` says so, and locks it. Tells how many items that were.
    pub fn approve(&mut self, mut wanted: impl FnMut(&Item) -> bool) -> usize {
        let before = self.items.len();
        let (taken, left): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.pending).into_iter().partition(|(item, _)| wanted(item));
        self.items.extend(taken);
        self.pending = left;
        self.state = State::Locked;
        self.items.len() - before
    }
}

/// A map as a list, as JSON knows only text for keys.
pub(super) mod pairs {
    use super::{Item, Seen};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    #[derive(Serialize, Deserialize)]
    struct Pair<I> {
        #[serde(flatten)]
        item: I,
        #[serde(flatten)]
        seen: Seen,
    }

    pub(in crate::baseline) fn serialize<S: Serializer>(
        map: &BTreeMap<Item, Seen>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map.iter().map(|(item, &seen)| Pair { item, seen }))
    }

    pub(in crate::baseline) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Item, Seen>, D::Error> {
        let pairs = Vec::<Pair<Item>>::deserialize(deserializer)?;
        Ok(pairs.into_iter().map(|Pair { item, seen }| (item, seen)).collect())
    }
}

/// `tcp`, `udp`, `raw`, `ip-132`.
pub(super) fn transport(transport: Transport) -> String {
    match transport {
        Transport::Tcp => "tcp".to_owned(),
        Transport::Udp => "udp".to_owned(),
        Transport::Raw => "raw".to_owned(),
        Transport::Other(number) => format!("ip-{number}"),
    }
}
