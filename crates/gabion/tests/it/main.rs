//! The program as its users meet it: arguments in, bytes and an exit code out; against hostile bytes, real targets,
//! and the tools they know.
//!
//! A test whose tools are missing says so and passes; with `CI=true` it fails.

mod advisories;
mod agent;
mod bad;
mod bases;
mod cli;
mod compare;
mod db;
mod debian12;
mod demo;
mod denying;
mod diff;
mod enforce;
mod feeds;
mod hub_cli;
mod hub_process;
mod installed;
mod intrusion;
mod killed;
mod link;
#[path = "../../../image/tests/it/machine.rs"]
#[allow(dead_code, reason = "shared with the tests of image")]
mod machine;
mod own_rules;
mod plan;
mod registries;
mod registry;
mod replay;
mod rules;
mod running;
mod scan_hub;
#[path = "../../../store/src/state/tests/server.rs"]
mod server_of_state;
mod support;
mod symbols;
mod tampering;
mod up;
mod verdict;
