//! What is known to be wrong with a package, and whether it is wrong with this one.
//!
//! ```text
//!  feeds ─► feed ─► record ─┬► segment   rows in a mapped file; store keeps several, transfer brings new versions
//!                           └► judge     record + version ─► affected, and because of what
//!                                │
//!                             version    "fixed in 1.10" means nothing without the order of the ecosystem
//! ```
//!
//! The row form that joins records and segments, and the commands, are still to come.

pub mod database;
pub mod ecosystem;
pub mod evaluate;
pub mod feed;
pub mod inventory;
pub mod judge;
pub mod record;
pub mod segment;
pub mod starter;
pub mod store;
pub mod transfer;
pub mod version;

pub use database::Database;
pub use ecosystem::Ecosystem;
pub use version::{Order, Unparsable};
