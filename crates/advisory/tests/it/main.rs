//! The public surface of the crate, on what it ships and what others publish.

mod starter;
