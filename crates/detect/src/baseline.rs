//! What a workload does when it does what it always does, learnt for each image, and told where it departs from it.
//!
//! A container does few things, and the same ones in every replica: programs run by the same parents, ports listened on, peers
//! spoken to, directories written, capabilities used. These are the [`Item`]s of a [`Baseline`]. It is learnt, then proposed, then
//! locked by a person, who reads the difference; from then on what is new is a [`Deviation`], the start-up of a container included.
//!
//! ```text
//!   learning ──(nothing new for a while)──► proposed ──(approved)──► locked ──► new item ──► Deviation
//!                                              ▲                        │
//!                                              └── what is new waits ───┘   `gabion baseline diff`, `approve`
//! ```
//!
//! How much a deviation matters is a sum of named reasons: first that it is new at all, then how rare it is that this
//! parent starts anything like it ([`score`]). Nothing here reads a clock or an image: times and `in_image` come with the events.

mod export;
mod item;
mod learn;
mod score;
mod shape;

pub use export::read_exports;
pub use item::{Baseline, Item, RolledOut, Seen, State, Subject};
pub use learn::{Baselines, Observation, Settings, items};
pub use score::{Deviation, Grade, Reason};
pub use shape::{argument_shape, directory_shape};
