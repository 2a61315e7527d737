//! The sensor on the kernel that this runs on: real processes, containers' building blocks and connections.
//!
//! It needs root. Each test opens a sensor of its own, and they run one after the other: two at once would see each other's floods.

#![allow(clippy::panic, reason = "this is how a test fails")]

mod calls;
mod floods;
mod network;
mod processes;
mod watch;
