//! What is known to be wrong with a package, and whether it is wrong with this one.
//!
//! ```text
//!  feeds ─► feed ─► record ─► database   rows in a mapped file (segment); several of them on disk (store), signed and
//!                    │           │       brought up to date by what changed (transfer)
//!                    │           ├► evaluate   packages of a report ─► findings with their because, coverage
//!                    └► judge ◄──┤             (version: "fixed in 1.10" means nothing without an order)
//!                                └► inventory  an advisory ─► which of many images
//! ```
//!
//! Where there is no database yet, the records of [`starter`] serve.

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
