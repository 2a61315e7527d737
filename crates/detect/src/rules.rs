//! The rule language: that of Falco, whose rule files are read as they are.
//!
//! ```text
//!   file ──► yaml ──► read ──► collect            items of all files, appended and overridden
//!                                 │ compile
//!   condition ──► lexer ──► parser ──► Parsed     macros and lists are still names
//!                                 │ resolve       macros and lists are put in
//!                                 ▼
//!                     Rule { Condition, Template, EventSet, … }     what the engine compiles
//! ```
//!
//! Nothing is evaluated here; what fields and event types there are says whoever evaluates ([`vocabulary::Vocabulary`]).

mod collect;
mod compile;
pub mod condition;
mod count;
pub mod diagnostic;
pub mod events;
mod exception;
mod lexer;
mod lint;
mod load;
mod macros;
mod parser;
mod print;
mod read;
pub mod resolve;
mod rule;
mod source;
pub mod template;
pub mod version;
pub mod vocabulary;
pub mod words;
mod yaml;

/// Gabion's own rules, as a rule file.
pub const DEFAULT: &str = include_str!("../rules/default.yaml");

pub use count::Count;
pub use load::{Loaded, RuleFile, load};
pub use parser::{Expression, ParseError, Parsed, ParsedCheck, ParsedRight, Problem, Word, parse};
pub use print::pretty;
pub use rule::{Exception, Priority, Rule, RuleSet};
