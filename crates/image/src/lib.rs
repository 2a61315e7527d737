//! Opens images and tells what is in them, in one streaming pass.
//!
//! ```text
//!  source/    where bytes come from: registry, containerd, docker, archive, layout, directory   (parent)
//!     │
//!     ▼  files on this machine, nothing else
//!  layer      blob ─► verify ─► inflate ─► tar entries ─┬─► FileIndex          (sandboxed child)
//!                                                       ├─► catalog/   packages, os, accounts
//!                                                       └─► secret/    credentials in text
//!     │  one LayerFacts per layer, cached by diffID
//!     ▼
//!  assemble   layers on top of each other: what survives, who owns it, which layer it came from
//!     │
//!     ▼  ScanReport
//! ```
//!
//! Everything below `layer` and `assemble` reads hostile bytes, and runs in a child process that has
//! neither network nor credentials nor any file but its inputs (see [`sandbox`]).

#![forbid(unsafe_code)]

pub mod archive;
pub mod assemble;
pub mod cache;
pub mod caps;
pub mod catalog;
pub mod cis;
pub mod content;
pub mod facts;
pub mod file_pass;
pub mod layer;
pub mod manifest;
mod provenance;
pub mod sandbox;
pub mod scan;
pub mod secret;
pub mod shared;
pub mod source;
pub mod tarball;
pub mod tree;
pub mod worker;
