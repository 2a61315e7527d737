//! What is known to be wrong with a package, and whether it is wrong with this one.
//!
//! [`version`] is the ground it stands on: "fixed in 1.10" means nothing without the order of the ecosystem.

pub mod ecosystem;
pub mod feed;
pub mod judge;
pub mod record;
pub mod segment;
pub mod transfer;
pub mod version;

pub use ecosystem::Ecosystem;
pub use version::{Order, Unparsable};
