//! Real runtimes of this machine: what a control group is called, before its first instruction.
//!
//! A test whose tools are missing says so and passes; with `CI=true` it fails.

mod containerd;
mod docker;
#[path = "../../../image/tests/it/machine.rs"]
#[allow(dead_code, reason = "shared with the tests of image")]
mod machine;
mod podman;
mod runc;
mod stand_in;
