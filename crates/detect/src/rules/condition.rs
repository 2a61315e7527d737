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

/// A field, and what is done to its value before it is compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Operand {
    /// The fields: one, but for `join` and `concat`.
    pub fields: Vec<FieldRef>,
    /// From the inside out: `len(tolower(x))` is `[ToLower, Len]`.
    pub transformers: Vec<Transformer>,
}

/// A field as it was written: `proc.aname[2]`, `evt.arg.flags`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldRef {
    /// The name without the argument in brackets: `proc.aname`, `evt.arg.flags`.
    pub name: String,
    /// What stands in the brackets.
    pub argument: Option<String>,
}

/// What is done to a value before it is compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Transformer {
    /// `tolower(…)`
    ToLower,
    /// `toupper(…)`
    ToUpper,
    /// `b64(…)`: decoded.
    Base64,
    /// `basename(…)`
    Basename,
    /// `len(…)`
    Len,
    /// `join(SEPARATOR, …)`
    Join(String),
    /// `concat(…)`
    Concat,
    /// `getopt(…, OPTIONS)`
    GetOpt(String),
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
