//! From a field as it is written to a field that can be told.

use super::{
    args::{self, Place},
    datum::Type,
    table::{self, ArgumentRule, EventField, Id, Row, Scope, Shape},
};
use crate::rules::condition::FieldRef;
use gabion_model::event::EventKind;

/// A field that can be told: with its argument understood.
#[derive(Clone, Debug)]
pub struct Field {
    row: &'static Row,
    argument: Argument,
    name: String,
    kind: Type,
    /// For `evt.arg`: where the argument is, for each kind of event.
    pub(super) places: Box<[Option<Place>]>,
}

/// What stood in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// Nothing.
    None,
    /// A number.
    Index(usize),
    /// A name.
    Key(String),
}

/// Why there is no such field. The words are Falco's where it has some.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownField {
    /// The name is not in the table.
    #[error("filter_check called with nonexistent field {0}")]
    Name(String),
    /// No event has such an argument.
    #[error("unknown event argument {0}")]
    EventArgument(String),
    /// What stands in brackets does not fit.
    #[error("the field '{field}' {problem}")]
    Argument {
        /// The field.
        field: String,
        /// What is wrong.
        problem: &'static str,
    },
}

impl Field {
    /// Understands a field as it is written.
    pub fn resolve(written: &FieldRef) -> Result<Self, UnknownField> {
        let (row, dotted) = lookup(&written.name).ok_or_else(|| UnknownField::Name(display(written)))?;
        let argument = argument(row, dotted, written)?;
        let mut field =
            Self { row, name: display(written), kind: row.kind, places: Box::default(), argument };
        if let Id::Event(EventField::Arg | EventField::RawArg) = row.id {
            field.find_places()?;
        }
        Ok(field)
    }

    fn find_places(&mut self) -> Result<(), UnknownField> {
        self.places = EventKind::all()
            .map(|kind| match &self.argument {
                Argument::Index(index) => args::nth(kind, *index).map(|(_, place)| place),
                Argument::Key(name) => args::named(kind, name),
                Argument::None => None,
            })
            .collect();
        if let Argument::Key(name) = &self.argument
            && self.places.iter().all(Option::is_none)
            && !args::ELSEWHERE.split_whitespace().any(|other| other == name)
        {
            return Err(UnknownField::EventArgument(name.clone()));
        }
        if self.row.id == Id::Event(EventField::RawArg) {
            self.kind = self.places.iter().flatten().next().map_or(Type::CharBuf, |place| place.kind());
        }
        Ok(())
    }

    /// Its row in the table.
    pub fn row(&self) -> &'static Row {
        self.row
    }

    /// What stands in brackets.
    pub fn argument(&self) -> &Argument {
        &self.argument
    }

    /// As it was written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of its values.
    pub fn kind(&self) -> Type {
        self.kind
    }

    /// Whether it has one value or several. An index picks one of several.
    pub fn shape(&self) -> Shape {
        let picked = match self.row.shape {
            // An ancestor's environment is asked by number, or by name of a variable.
            Shape::Ancestors | Shape::List => self.argument != Argument::None,
            Shape::One | Shape::Ends => false,
        };
        if picked { Shape::One } else { self.row.shape }
    }

    /// On what its value depends.
    pub fn scope(&self) -> Scope {
        self.row.scope
    }

    /// The number in brackets.
    pub fn index(&self) -> Option<usize> {
        match self.argument {
            Argument::Index(index) => Some(index),
            _ => None,
        }
    }

    /// The name in brackets.
    pub fn key(&self) -> Option<&str> {
        match &self.argument {
            Argument::Key(key) => Some(key),
            _ => None,
        }
    }
}

fn display(written: &FieldRef) -> String {
    match &written.argument {
        None => written.name.clone(),
        Some(argument) => format!("{}[{argument}]", written.name),
    }
}

/// The row, and what is behind its name: `flags` of `evt.arg.flags`.
fn lookup(name: &str) -> Option<(&'static Row, Option<&str>)> {
    if let Some(row) = table::find(name) {
        return Some((row, None));
    }
    ["evt.arg", "evt.rawarg", "evt.type.is", "thread.cgroup"].iter().find_map(|prefix| {
        let rest = name.strip_prefix(prefix)?.strip_prefix('.')?;
        (!rest.is_empty()).then_some((table::find(prefix)?, Some(rest)))
    })
}

fn argument(row: &'static Row, dotted: Option<&str>, written: &FieldRef) -> Result<Argument, UnknownField> {
    let problem = |problem| UnknownField::Argument { field: row.name.to_owned(), problem };
    let number = |text: &str| text.parse().map_err(|_| problem("requires a number in brackets"));
    let quoted = |text: &str| text.trim_matches('"').to_owned();
    match (row.argument, dotted, written.argument.as_deref()) {
        (ArgumentRule::Dotted, Some(key), None) => Ok(Argument::Key(key.to_owned())),
        (ArgumentRule::Dotted | ArgumentRule::Required | ArgumentRule::Key, _, None) => {
            Err(problem("requires an argument"))
        }
        (ArgumentRule::None | ArgumentRule::Index | ArgumentRule::Either, _, None) => Ok(Argument::None),
        (ArgumentRule::None, _, Some(_)) | (ArgumentRule::Dotted, Some(_), Some(_)) => {
            Err(problem("takes no argument"))
        }
        (ArgumentRule::Index, _, Some(index)) | (ArgumentRule::Dotted, None, Some(index)) => {
            number(index).map(Argument::Index)
        }
        (ArgumentRule::Key, _, Some(key)) => Ok(Argument::Key(quoted(key))),
        (ArgumentRule::Either | ArgumentRule::Required, _, Some(text)) => {
            Ok(text.parse().map_or_else(|_| Argument::Key(quoted(text)), Argument::Index))
        }
    }
}
