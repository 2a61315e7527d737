//! What conditions may speak of: the fields and event types of whoever evaluates them.
//!
//! The loader knows the grammar, the engine knows the fields; this is the seam between them.

use super::condition::{Check, FieldRef, Operand};

/// Fields, event types, and what they may be compared with.
pub trait Vocabulary {
    /// Whether this check can be evaluated: the fields exist, take such arguments and transformers, and are of a type
    /// that the operator and the values fit.
    fn check(&self, check: &Check) -> Result<(), Refusal>;

    /// Whether this can be printed.
    fn output(&self, operand: &Operand) -> Result<(), Refusal>;

    /// Whether there is a field of this name that needs no argument.
    fn is_field(&self, name: &str) -> bool {
        let field = FieldRef { name: name.to_owned(), argument: None };
        self.output(&Operand::Field(field)).is_ok()
    }
}

/// Why something cannot be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such field or event type; a rule with `skip-if-unknown-filter` is left out for it.
    #[error("{0}")]
    Unknown(String),
    /// There is, but it cannot be used so.
    #[error("{0}")]
    Invalid(String),
}
