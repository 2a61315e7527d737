//! A whole hub over its ports: what browsers and programs are told, and what they are not.

mod access;
mod agent;
mod agents;
mod changes;
mod database;
mod export;
#[path = "../../../store/src/state/tests/faults.rs"]
mod faults;
mod full;
mod hostile;
mod hub;
mod inbox;
mod incidents;
mod layers;
mod lists;
mod notifications;
mod oidc;
mod opensearch;
mod owners;
mod pages;
mod policies;
mod profile;
mod recorded;
mod registries;
mod reports;
mod roles;
mod schemathesis;
mod scopes;
#[path = "../../../image/tests/it/server.rs"]
#[allow(dead_code, reason = "shared with the tests of image")]
mod server;
#[path = "../../../store/src/state/tests/server.rs"]
mod server_of_state;
mod silent;
mod sinks;
mod together;
