//! What rules may speak of: the seam to the loader.

use super::predicate::{self, Predicate};
use crate::{
    field::calls,
    rules::{
        condition::{Check, Operand, Right},
        vocabulary::{Refusal, Vocabulary},
    },
};
use gabion_model::event::EventKind;

/// The fields of Falco's syscall source.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fields;

impl Vocabulary for Fields {
    fn check(&self, check: &Check) -> Result<(), Refusal> {
        Predicate::new(check)?;
        let Operand::Field(field) = &check.left else { return Ok(()) };
        let types = match &check.right {
            Right::Value(value) => std::slice::from_ref(value),
            Right::List(values) => values,
            Right::None | Right::Field(_) => return Ok(()),
        };
        match types.iter().find(|name| field.name == "evt.type" && !is_event_type(name)) {
            Some(name) => Err(Refusal::Unknown(format!("unknown event type {name}"))),
            None => Ok(()),
        }
    }

    fn output(&self, operand: &Operand) -> Result<(), Refusal> {
        let operand = predicate::operand(operand)?;
        match operand.field() {
            Some(field) if field.row().filter_only => Err(Refusal::Invalid(format!(
                "{} is filter only and cannot be used as a display field",
                field.name()
            ))),
            _ => Ok(()),
        }
    }
}

/// Whether Falco knows events of this name: ours, any other system call, or what is no call.
fn is_event_type(name: &str) -> bool {
    name.parse::<EventKind>().is_ok() || calls::is_name(name)
}
