//! The arguments of an event, as [`EventKind`](gabion_model::event::EventKind) orders them.

use super::address::Address;
use super::event::{Call, dynamic, signed, unsigned, until_nul};
use super::flags;
use super::table::{Form, Param};
use gabion_model::event::{ArgKind, EventKind, Value};

/// Arguments, some of which are text that is not in the recording as such.
#[derive(Debug, Default)]
pub(super) struct Arguments<'a> {
    values: Vec<Slot<'a>>,
    texts: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Slot<'a> {
    Value(Value<'a>),
    Text(std::ops::Range<usize>),
}

impl<'a> Arguments<'a> {
    pub(super) fn of(kind: EventKind, call: Call<'_, 'a>) -> Self {
        let mut arguments = Self::default();
        for arg in &call.of.args {
            let exit = arg.exit.and_then(|place| Some((call.of.params.get(place)?, call.exit.at(place)?)));
            let told = exit.or_else(|| {
                let (of, params) = call.enter?;
                let place = arg.enter?;
                Some((of.params.get(place)?, params.at(place)?))
            });
            let slot = told.and_then(|(param, bytes)| arguments.slot(kind, arg.kind, *param, bytes));
            // No data is data; any other argument that is empty is not known.
            let no_data = arg.kind == ArgKind::Bytes && arg.exit.is_some_and(|place| call.exit.has(place));
            let otherwise = if no_data { Value::Bytes(&[]) } else { Value::Unknown };
            arguments.values.push(slot.unwrap_or(Slot::Value(otherwise)));
        }
        arguments
    }

    fn slot(&mut self, kind: EventKind, arg: ArgKind, param: Param, bytes: &'a [u8]) -> Option<Slot<'a>> {
        match param.form {
            Form::Address => Some(self.text(&Address::one(bytes)?)),
            Form::Tuple => Some(self.text(&Address::both(bytes)?)),
            Form::Dynamic => value(kind, arg, dynamic(bytes)?).map(Slot::Value),
            Form::Plain => value(kind, arg, bytes).map(Slot::Value),
        }
    }

    fn text(&mut self, address: &Address<'_>) -> Slot<'a> {
        let from = self.texts.len();
        address.write(&mut self.texts);
        Slot::Text(from..self.texts.len())
    }

    /// As events carry them.
    pub(super) fn values(&self) -> Vec<Value<'_>> {
        let value = |slot: &Slot<'a>| match slot {
            Slot::Value(value) => *value,
            Slot::Text(range) => Value::Bytes(&self.texts[range.clone()]),
        };
        self.values.iter().map(value).collect()
    }
}

fn value(kind: EventKind, arg: ArgKind, bytes: &[u8]) -> Option<Value<'_>> {
    Some(match arg {
        ArgKind::Errno | ArgKind::Fd | ArgKind::Pid | ArgKind::Int => Value::Int(signed(bytes)?),
        ArgKind::Text | ArgKind::Path => match until_nul(bytes) {
            b"<NA>" => return None,
            text => Value::Bytes(text),
        },
        ArgKind::Bytes => Value::Bytes(bytes),
        _ if kind == EventKind::DeleteModule => Value::Uint(flags::delete_module(unsigned(bytes)?)),
        _ => Value::Uint(flags::linux(arg, unsigned(bytes)?)?),
    })
}
