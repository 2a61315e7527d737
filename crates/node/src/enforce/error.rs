//! Why nothing can be enforced, or not as it was asked.

use super::policy::PolicyError;
use std::{io, path::PathBuf};
use thiserror::Error;

/// What can go wrong with enforcement.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EnforceError {
    /// The kernel refuses programs or tables.
    #[error("the kernel refuses what enforces: {0}")]
    Kernel(String),
    /// Decisions cannot be read.
    #[error("the ring of decisions cannot be read")]
    Ring(#[source] io::Error),
    /// What should outlive the agent cannot be kept.
    #[error("{0} cannot hold what must outlive the agent")]
    Pins(PathBuf, #[source] io::Error),
    /// A file of the state directory.
    #[error("{0} cannot be read or written")]
    State(PathBuf, #[source] io::Error),
    /// Another keeper has this state directory.
    #[error("{0} has a keeper already")]
    Taken(PathBuf),
    /// The keeper cannot be started.
    #[error("the keeper cannot be started: {0}")]
    Start(String),
    /// The keeper does not answer as it should.
    #[error("the keeper does not answer")]
    Silent(#[source] io::Error),
    /// The keeper speaks otherwise.
    #[error("the keeper is of another version ({0}, not {1})")]
    Version(u32, u32),
    /// The keeper could not do it.
    #[error("the keeper refuses: {0}")]
    Refused(String),
    /// The policy cannot be one.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

impl EnforceError {
    pub(super) fn kernel(what: &str, error: &dyn std::fmt::Display) -> Self {
        Self::Kernel(format!("{what}: {error}"))
    }
}
