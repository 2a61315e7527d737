//! What needs a peer: registries, containerd, Docker, podman. One program, so that they can take turns.
//!
//! A test whose tools are missing says so and passes; with `CI=true` it fails.

mod containerd;
mod database;
mod database_registry;
mod docker;
mod listing;
mod machine;
mod registry;
mod registry_tls;
mod sandbox;
mod server;
mod support;
