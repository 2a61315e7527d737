//! What the hub keeps: its state in SQL, and events in splits.
//!
//! ```text
//!   nodes, images, findings, alerts, users ... ──► state   SQLite by default, PostgreSQL by URL: the same statements
//!   what happened                              ──► events  write-ahead log ─► splits by time, searched by field and text
//! ```
//!
//! Neither knows a network or a clock: time is passed in, in milliseconds since 1970.

#![forbid(unsafe_code)]

pub mod events;
pub mod state;
