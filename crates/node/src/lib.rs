//! The agent of a node: it sees what containers do, names them at the moment it happens, and can stop them.
//!
//! ```text
//!   kernel (BPF, fanotify, control groups) ──► sensor ──► Event ──► detect
//!                                                ▲
//!   containerd, Docker, podman, CRI-O, runc ──► containers: control group ──► Container
//! ```

pub mod containers;
pub mod enforce;
pub mod respond;
pub mod sensor;
