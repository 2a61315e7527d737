//! What events mean: rules, baselines and incidents over the [`gabion_model::Event`]s of a node. Pure: no clock, no
//! file, no network; whoever feeds it decides the time.
//!
//! ```text
//!   rule files ──► rules::load ──► RuleSet ──► engine (compiled)
//!                                                 │
//!   sensor or recording ──► Event ──► state ──────┴──► Alert ──► output
//!                                     processes, containers
//! ```

#![forbid(unsafe_code)]

pub mod alert;
pub mod baseline;
pub mod engine;
pub mod field;
pub mod incident;
pub mod output;
pub mod recording;
pub mod replay;
pub mod rules;
pub mod state;
pub mod tune;
#[cfg(test)]
mod world;
