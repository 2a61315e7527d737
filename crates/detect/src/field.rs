//! The fields of Falco's rules: what each is called, of what type it is, and how it is told from an event.
//!
//! ```text
//!   "proc.aname[2]" ──resolve──► Field { row: proc.aname, argument: Index(2) }
//!                                  │ extract(Context { event, state, process })
//!                                  ▼
//!                                Datum::Text("bash")      None is <NA>: whatever it is compared with, the answer is no
//! ```
//!
//! - [`table`] has a row for every field that Falco knows. Those of its syscall source that our events cannot tell are
//!   in it, too, with the reason: they are `<NA>`, and `docs/fields.md` says so.
//! - A field of a process ([`Scope::Process`]) says the same until the process, an ancestor or its container changes, so
//!   the engine asks for it once.
//! - Values borrow from the event or the state; what has to be put together is written into a buffer of the caller.

mod args;
pub mod calls;
mod container;
mod datum;
mod event;
mod fd;
mod guard;
pub mod names;
mod paths;
mod process;
mod repeated;
mod resolve;
pub mod table;

pub use datum::{Datum, Type};
pub use resolve::{Argument, Field, UnknownField};
pub use table::{ArgumentRule, Row, Scope, Shape};

use crate::state::{Entry, State};
use gabion_model::{event::Event, workload::ContainerKey};
use table::Id;

/// What fields are told from.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What happened.
    pub event: &'a Event<'a>,
    /// What is known.
    pub state: &'a State,
    /// The process that did it, if it is known.
    pub process: Option<&'a Entry>,
}

impl Context<'_> {
    /// Where it happened.
    pub fn container(&self) -> ContainerKey {
        self.event.container
    }
}

impl Field {
    /// Appends a value of this field as Falco prints it.
    pub fn print(&self, value: Datum<'_>, out: &mut Vec<u8>) {
        match (self.row().name, value) {
            ("fd.dev", Datum::Int(number)) => datum::put(out, format_args!("{number:X}")),
            ("evt.rawtime.ns" | "evt.reltime.ns" | "evt.deltatime.ns", Datum::Uint(number)) => {
                datum::put(out, format_args!("{number:09}"));
            }
            _ => value.print(out),
        }
    }

    /// A value of this field as JSON; times of events are nanoseconds since 1970, whatever they are as text.
    pub fn json(&self, value: Option<Datum<'_>>, cx: Context<'_>) -> serde_json::Value {
        match (self.row().name, value) {
            (
                "evt.time" | "evt.time.s" | "evt.time.iso8601" | "evt.datetime" | "evt.datetime.s"
                | "evt.outputtime",
                _,
            ) => cx.event.time.into(),
            ("fd.dev", Some(Datum::Int(number))) => format!("{number:X}").into(),
            (_, Some(value)) => value.to_json(),
            (_, None) => serde_json::Value::Null,
        }
    }

    /// The value of a field that has one at most. `None` is `<NA>`. What is put together is written into `buffer`.
    pub fn extract<'a>(&'a self, cx: Context<'a>, buffer: &'a mut Vec<u8>) -> Option<Datum<'a>> {
        buffer.clear();
        match self.row().id {
            Id::Process(id) => process::extract(id, self, cx, buffer),
            Id::Event(id) => event::extract(id, self, cx, buffer),
            Id::Fd(id) => fd::extract(id, cx, buffer),
            Id::Path(id) => paths::extract(id, cx, buffer),
            Id::Container(id) => container::extract(id, self, cx, buffer),
            Id::Untold(_) => None,
        }
    }

    /// Asks of each value of a field that may have several ([`Shape`]), until the answer is `true`.
    pub fn any<'a>(
        &'a self,
        cx: Context<'a>,
        buffer: &mut Vec<u8>,
        test: &mut dyn FnMut(Datum<'_>) -> bool,
    ) -> bool {
        match self.row().id {
            Id::Process(id) => process::any_ancestor(id, cx, buffer, test),
            Id::Fd(id) => fd::ends(id, cx).into_iter().flatten().any(test),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
