//! A condition as it was written, with macros and lists put in: what the parser makes and the engine compiles.
//!
//! `evt.type in (open, openat) and not tolower(proc.name) startswith val(proc.pname)` becomes
//!
//! ```text
//!   And[ Check { evt.type, In, List[open, openat] },
//!        Not(Check { tolower(proc.name), StartsWith, Field(proc.pname) }) ]
//! ```

use std::ops::Range;

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// All of them; never fewer than two.
    And(Vec<Self>),
    /// One of them; never fewer than two.
    Or(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// A question to an event.
    Check(Check),
}

/// A question to an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is asked for.
    pub left: Operand,
    /// How it is compared.
    pub operator: Operator,
    /// What a value of `List` has to fulfil, after a modifier such as `oneof`.
    pub quantifier: Option<Quantifier>,
    /// What it is compared with.
    pub right: Right,
    /// Where it stands in the text of the condition it was written in.
    pub span: Range<usize>,
}

/// What is compared: a field, or what transformers make of fields.
///
/// `len(tolower(proc.name))` is `Transformed { Len, [Transformed { ToLower, [Field] }] }`; the arguments of
/// `concat(proc.name, "-", tolower(proc.pname))` are a field, a literal and a transformed field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// The value of a field.
    Field(FieldRef),
    /// What a transformer makes of its arguments; the parser has counted them.
    Transformed {
        /// What is done.
        transformer: Transformer,
        /// To what: one operand for most; `join` has the separator and a list, `getopt` a list and the options.
        arguments: Vec<Self>,
    },
    /// A word or a number; only as an argument.
    Literal(String),
    /// `(a, b)`; only as an argument.
    List(Vec<Self>),
}

/// A field as it was written: `proc.aname[2]`, `evt.arg.flags`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldRef {
    /// The name without the argument in brackets: `proc.aname`, `evt.arg.flags`.
    pub name: String,
    /// What stands in the brackets.
    pub argument: Option<String>,
}

/// What is done to values before they are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transformer {
    /// `tolower(x)`
    ToLower,
    /// `toupper(x)`
    ToUpper,
    /// `b64(x)`: decoded.
    Base64,
    /// `basename(x)`
    Basename,
    /// `len(x)`: of a list, how many values.
    Len,
    /// `join(separator, list)`
    Join,
    /// `concat(x, y, …)`: two or more.
    Concat,
    /// `getopt(list, options)`: all options and their values, or with `[c]` behind it the value of option `c`.
    GetOpt(Option<char>),
}

/// How values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the operator of its name")]
pub enum Operator {
    Exists,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Contains,
    IContains,
    BContains,
    StartsWith,
    BStartsWith,
    EndsWith,
    Glob,
    IGlob,
    Regex,
    In,
    Intersects,
    Pmatch,
}

/// How many values of a list have to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantifier {
    /// `oneof`: exactly one.
    One,
    /// `anyof`: at least one.
    Any,
    /// `allof`: all.
    All,
}

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Right {
    /// Nothing: `exists`.
    None,
    /// One value, without its quotes.
    Value(String),
    /// Several values, lists put in.
    List(Vec<String>),
    /// Another field: `val(…)`.
    Field(Operand),
}

/// Parses a condition without macros and lists.
pub fn parse_resolved(text: &str) -> Result<Condition, ConditionError> {
    Ok(super::resolve::resolve(&super::parse(text)?, &super::resolve::Nothing)?)
}

/// Why a text is no condition on its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// The grammar says so.
    #[error(transparent)]
    Parse(#[from] super::ParseError),
    /// It names a macro.
    #[error(transparent)]
    Resolve(#[from] super::resolve::ResolveError),
}
