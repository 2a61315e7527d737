//! Containers: from a control group to the name, image and pod of whoever runs in it, at the moment it happens.
//!
//! ```text
//!   path of the group ─► recognise ─► who it may be
//!                                       │
//!   state on disk ────► state ─► bundle, docker, storage ─► draft ─► Container ─► table
//!   runtime's socket ─► ask ───────────────────────────────────┘ later
//!   /proc/PID/net ────► network ─► addresses: intervals
//! ```
//!
//! Runtimes write down what a container is before they start it, so the name is there without asking anybody: a container
//! that lives for 50 ms is named right. What the state does not say is asked for later and told again.
//!
//! | runtime | name | image | digest | labels |
//! |---|---|---|---|---|
//! | containerd, CRI | bundle | bundle | kept table | asked |
//! | containerd, ctr | id | asked | asked | asked |
//! | Docker | state | state | list of images | state |
//! | podman | list of containers | list of containers | list of images | asked |
//! | CRI-O | bundle | bundle | list of images | bundle |
//! | runc | id | bundle | - | bundle |
//!
//! Whoever sees control groups drives it:
//!
//! | when | call |
//! |---|---|
//! | at the start | [`Containers::walk`] |
//! | a group is made | [`Containers::appeared`] |
//! | a process joins a group that [`Containers::waits`], or executes a program in it | [`Containers::settle`] |
//! | [`Containers::awaiting`] is readable | [`Containers::written`] |
//! | the first program of a container runs | [`Containers::read_addresses`] |
//! | a group is removed | [`Containers::removed`] |
//! | after any of these | [`Containers::questions`] to an [`Asker`], and what it has [`Heard`] back |
//! | now and then | [`Containers::expire`] |

mod addresses;
mod ask;
mod bundle;
mod docker;
mod draft;
mod images;
mod network;
mod origin;
mod read;
mod recognise;
mod roots;
mod state;
mod storage;
mod table;
mod walk;
mod watch;

pub use addresses::{Addresses, Holder};
pub use ask::{Answer, AskError, Asker, Heard, Question, Sockets};
pub use bundle::{Bundle, IMAGE_ID, IMAGE_SOURCE, REF_NAME, RuncState};
pub use docker::ConfigV2;
pub use images::Image;
pub use network::NetworkError;
pub use origin::Origins;
pub use recognise::{Candidate, ContainerRef, Place, place, recognise};
pub use roots::{DockerRoot, Roots, StorageRoot};
pub use state::StateError;
pub use storage::Entry;
pub use table::{Containers, Failures, KEEP, Workload};
pub use walk::Found;
