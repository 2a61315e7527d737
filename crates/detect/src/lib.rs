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

pub mod baseline;
pub mod incident;
pub mod rules;
