//! The agent on the kernel and with the container runtimes of this machine: real processes, connections and containers.
//!
//! It needs root. A test whose tools are missing says so and passes; with `CI=true` it fails. Each test of the sensor opens one of its
//! own, and they run one after the other: two at once would see each other's floods.

#![allow(clippy::panic, reason = "this is how a test fails")]

mod calls;
mod containerd;
mod docker;
mod enforce;
mod floods;
#[path = "../../../image/tests/it/machine.rs"]
#[allow(dead_code, reason = "shared with the tests of image")]
mod machine;
mod network;
mod podman;
mod processes;
mod respond;
mod runc;
mod stand_in;
mod watch;
