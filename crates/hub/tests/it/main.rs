//! A whole hub over its ports: what browsers and programs are told, and what they are not.

mod access;
mod agents;
mod export;
mod hub;
mod incidents;
mod lists;
mod oidc;
mod opensearch;
mod pages;
mod registries;
mod reports;
#[path = "../../../image/tests/it/server.rs"]
#[allow(dead_code, reason = "shared with the tests of image")]
mod server;
mod sinks;
