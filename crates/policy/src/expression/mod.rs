//! `when:` of a rule: an expression in CEL over what a scan tells.
//!
//! CEL knows neither loops nor recursion, but its macros (`exists`, `map`, ...) can be nested, and the interpreter has
//! no budget. So an expression passes three gates:
//!
//! ```text
//!   text ──► length, grammar, nesting ──► names: variables, fields, functions ──► steps ──► run
//!            at parse time                at parse time, with the place           before each run, from the tree
//!                                                                                 and the values it will see
//! ```
//!
//! Everything a variable can tell is always there, `null` where nobody has said. Comparing `null` with a number is an
//! error of the expression, and an error is never a pass: write `finding.epss != null && finding.epss > 0.1`.

mod check;
mod cost;
pub(crate) mod facts;

use crate::error::Place;
use cel::{Context, Env, Program, Value};
use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, LazyLock},
};

/// Longer expressions are refused.
const MAX_BYTES: usize = 2_000;
/// Steps that one run of one expression may take: a fraction of a second.
const MAX_STEPS: u64 = 1_000_000;

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib().with_optional_support(false)));

/// An expression that was checked.
#[derive(Clone)]
pub struct Expression {
    source: String,
    program: Arc<Program>,
    /// `("finding", "epss")` for each field that it reads, `("finding", "")` for the variable itself.
    reads: BTreeSet<(&'static str, String)>,
}

/// Why a text is no expression; the place is within the expression.
#[derive(Debug)]
pub(crate) struct BadExpression {
    pub(crate) place: Option<Place>,
    pub(crate) problem: String,
}

impl BadExpression {
    fn new(place: Option<Place>, problem: impl Into<String>) -> Self {
        Self { place, problem: problem.into() }
    }
}

/// The values that expressions see.
pub(crate) type Variables = [(&'static str, Value)];

impl Expression {
    pub(crate) fn parse(source: &str) -> Result<Self, BadExpression> {
        if source.len() > MAX_BYTES {
            let problem = format!("the expression has {} bytes; at most {MAX_BYTES} are read", source.len());
            return Err(BadExpression::new(None, problem));
        }
        let program = ENV.compile(source).map_err(|errors| {
            let Some(error) = errors.errors.first() else {
                return BadExpression::new(None, "it is not CEL");
            };
            let place = match (u64::try_from(error.pos.0), u64::try_from(error.pos.1)) {
                (Ok(line), Ok(column)) if line > 0 => Some(Place { line, column: column.max(1) }),
                _ => None,
            };
            BadExpression::new(place, error.msg.chars().take(300).collect::<String>())
        })?;
        let reads = check::names(&program)?;
        let specimen = facts::specimen();
        // What is too much for next to nothing is too much for everything.
        affordable(&program, &specimen).map_err(|problem| BadExpression::new(None, problem))?;
        Ok(Self { source: source.to_owned(), program: Arc::new(program), reads })
    }

    /// The expression as written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether it reads this variable.
    pub(crate) fn reads(&self, variable: &str) -> bool {
        self.reads.iter().any(|(name, _)| *name == variable)
    }

    /// Whether it reads this field of a finding.
    pub(crate) fn reads_of_finding(&self, field: &str) -> bool {
        self.reads.iter().any(|(name, read)| *name == "finding" && read == field)
    }

    /// What it says; an error is one lower-case sentence.
    pub(crate) fn run(&self, variables: &Variables) -> Result<bool, String> {
        affordable(&self.program, variables)?;
        let mut context = Context::with_env(Arc::clone(&ENV));
        for (name, value) in variables {
            context.add_variable_from_value(*name, value.clone());
        }
        match self.program.execute(&context) {
            Ok(Value::Bool(answer)) => Ok(answer),
            Ok(other) => Err(format!("the expression says {}, not true or false", other.type_of())),
            Err(error) => Err(error.to_string().chars().take(300).collect()),
        }
    }
}

fn affordable(program: &Program, variables: &Variables) -> Result<(), String> {
    match cost::steps(program.expression(), variables) {
        steps if steps > MAX_STEPS => {
            Err(format!("the expression could take {steps} steps; at most {MAX_STEPS} are allowed"))
        }
        _ => Ok(()),
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Expression {}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}
