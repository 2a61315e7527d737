//! Parses conditions by recursive descent. Macros and lists stay names; [`super::resolve`] puts them in.
//!
//! ```text
//!   or       = and { "or" and }
//!   and      = not { "and" not }
//!   not      = { "not" } ( "(" or ")" | check | MACRO )
//!   check    = operand ( "exists" | number-op number | text-op value | text-op modifier list | list-op list )
//!   operand  = FIELD [ "[" argument "]" ] | TRANSFORMER "(" operands ")"
//!   list     = "(" [ word { "," word } ] ")" | LIST
//! ```
//!
//! On the right, `val(field)` and transformers stand for values and lists. The grammar is that of Falco's libs (0.44).

use super::condition::{FieldRef, Operand, Operator, Quantifier, Transformer};
use super::lexer::Lexer;
use std::{fmt, ops::Range};

/// No condition is longer, in bytes.
pub(crate) const MAX_TEXT: usize = 8 << 20;
/// Nothing is nested deeper.
pub(crate) const MAX_DEPTH: usize = 100;

/// A condition in which macros and lists are still names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The condition.
    pub root: Expression,
}

/// A part of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// All of them; never fewer than two.
    And(Vec<Self>),
    /// One of them; never fewer than two.
    Or(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// What the macro of this name says.
    Macro(Word),
    /// A question to an event.
    Check(ParsedCheck),
}

/// A question to an event; lists are still names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedCheck {
    /// What is asked for.
    pub left: Operand,
    /// How it is compared.
    pub operator: Operator,
    /// What follows the operator, such as `oneof`.
    pub quantifier: Option<Quantifier>,
    /// What it is compared with.
    pub right: ParsedRight,
    /// Where it stands.
    pub span: Range<usize>,
}

/// What a value is compared with; bare words may be names of lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParsedRight {
    /// Nothing: `exists`.
    None,
    /// One value.
    Value(Word),
    /// Several values.
    List(Vec<Word>),
    /// Another field.
    Field(Operand),
}

/// A word of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The word, without its quotes.
    pub text: String,
    /// Whether it had none, so that it may be the name of a list.
    pub bare: bool,
    /// Where it stands.
    pub span: Range<usize>,
}

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ParseError {
    /// What is wrong.
    pub problem: Problem,
    /// Where, in bytes.
    pub span: Range<usize>,
    /// Where, in lines from 1.
    pub line: usize,
    /// Where, in characters of the line from 1.
    pub column: usize,
}

/// What is wrong with a text that is no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Something else has to stand here.
    #[error("expected {}, found {found}", Choices(.expected))]
    Expected {
        /// What can stand here.
        expected: &'static [&'static str],
        /// What stands here.
        found: String,
    },
    /// A backslash before something that has no meaning then.
    #[error("unsupported escape {0:?} in quoted text")]
    Escape(String),
    /// Bytes by `\x` that are no text.
    #[error("the escapes of the quoted text do not make UTF-8")]
    NotUtf8,
    /// A word before a parenthesis.
    #[error(
        "{0:?} is no transformer; there are tolower, toupper, b64, basename, len, join, concat and getopt"
    )]
    Transformer(String),
    /// What a transformer was given does not fit it.
    #[error("{0}")]
    Arguments(&'static str),
    /// Nesting beyond [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH}")]
    Depth,
    /// A text beyond [`MAX_TEXT`].
    #[error("longer than {MAX_TEXT} bytes")]
    Length,
}

struct Choices<'a>(&'a [&'static str]);

impl fmt::Display for Choices<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("the end"),
            [one] => f.write_str(one),
            [most @ .., last] => write!(f, "{} or {last}", most.join(", ")),
        }
    }
}

impl ParseError {
    pub(super) fn new(text: &str, span: Range<usize>, problem: Problem) -> Self {
        let before = &text[..span.start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            problem,
            line: 1 + before.matches('\n').count(),
            column: 1 + before[line_start..].chars().count(),
            span,
        }
    }
}

/// Parses a condition.
pub fn parse(text: &str) -> Result<Parsed, ParseError> {
    whole(text, &["'and'", "'or'", "the end"], |parser| Ok(Parsed { root: parser.or()? }))
}

/// Parses the operand that a text begins with; also tells where it ends.
pub(super) fn operand_prefix(text: &str) -> Result<(Operand, usize), ParseError> {
    let mut parser = Parser { text, lexer: Lexer::new(text), depth: 0 };
    let operand = parser.operand()?.ok_or_else(|| parser.expected(&["a field", "a transformer"]))?;
    Ok((operand, parser.lexer.position()))
}

/// Parses an operand on its own.
pub(super) fn operand(text: &str) -> Result<Operand, ParseError> {
    whole(text, &["the end"], |parser| {
        parser.operand()?.ok_or_else(|| parser.expected(&["a field", "a transformer"]))
    })
}

/// The value that an item of a list stands for: what is in its quotes if it has some.
pub(super) fn literal(text: &str) -> Result<String, ParseError> {
    if !text.starts_with(['"', '\'']) {
        return Ok(text.to_owned());
    }
    whole(text, &["the end"], |parser| match parser.lexer.quoted() {
        Some(quoted) => quoted,
        None => Err(parser.expected(&["a closing quote"])),
    })
}

/// Parses an operator on its own, such as `startswith oneof`.
pub(super) fn operator(text: &str) -> Option<(Operator, Option<Quantifier>)> {
    let mut words = text.split_ascii_whitespace();
    let (operator, modifier) = (words.next()?, words.next());
    let &(_, operator, takes) = OPERATORS.iter().find(|(name, ..)| *name == operator)?;
    let quantifier = match modifier {
        None => None,
        Some(word) if takes == Takes::Text => Some(QUANTIFIERS.iter().find(|(name, _)| *name == word)?.1),
        Some(_) => return None,
    };
    words.next().is_none().then_some((operator, quantifier))
}

/// Parses what stands right of an operator on its own.
pub(super) fn right(
    operator: Operator,
    quantifier: Option<Quantifier>,
    text: &str,
) -> Result<ParsedRight, ParseError> {
    let takes =
        OPERATORS.iter().find(|(_, one, _)| *one == operator).map_or(Takes::Text, |(.., takes)| *takes);
    whole(text, &["the end"], |parser| {
        parser.lexer.blank();
        match (takes, quantifier) {
            (Takes::Nothing, _) => Ok(ParsedRight::None),
            (_, Some(_)) => parser.list(),
            (takes, None) => parser.right(takes),
        }
    })
}

/// What an operator compares with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Number,
    Text,
    List,
}

/// All operators; of those that begin alike, the longest first.
const OPERATORS: &[(&str, Operator, Takes)] = &[
    ("exists", Operator::Exists, Takes::Nothing),
    ("<=", Operator::LessEqual, Takes::Number),
    ("<", Operator::Less, Takes::Number),
    (">=", Operator::GreaterEqual, Takes::Number),
    (">", Operator::Greater, Takes::Number),
    ("==", Operator::Equal, Takes::Text),
    ("=", Operator::Equal, Takes::Text),
    ("!=", Operator::NotEqual, Takes::Text),
    ("glob", Operator::Glob, Takes::Text),
    ("iglob", Operator::IGlob, Takes::Text),
    ("contains", Operator::Contains, Takes::Text),
    ("icontains", Operator::IContains, Takes::Text),
    ("bcontains", Operator::BContains, Takes::Text),
    ("startswith", Operator::StartsWith, Takes::Text),
    ("bstartswith", Operator::BStartsWith, Takes::Text),
    ("endswith", Operator::EndsWith, Takes::Text),
    ("regex", Operator::Regex, Takes::Text),
    ("intersects", Operator::Intersects, Takes::List),
    ("in", Operator::In, Takes::List),
    ("pmatch", Operator::Pmatch, Takes::List),
];

const QUANTIFIERS: &[(&str, Quantifier)] =
    &[("oneof", Quantifier::One), ("anyof", Quantifier::Any), ("allof", Quantifier::All)];

const TRANSFORMERS: &[(&str, Transformer)] = &[
    ("tolower(", Transformer::ToLower),
    ("toupper(", Transformer::ToUpper),
    ("b64(", Transformer::Base64),
    ("basename(", Transformer::Basename),
    ("len(", Transformer::Len),
    ("join(", Transformer::Join),
    ("concat(", Transformer::Concat),
    ("getopt(", Transformer::GetOpt(None)),
];

struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    depth: usize,
}

fn whole<T>(
    text: &str,
    expected: &'static [&'static str],
    parse: impl FnOnce(&mut Parser<'_>) -> Result<T, ParseError>,
) -> Result<T, ParseError> {
    if text.len() > MAX_TEXT {
        return Err(ParseError::new(text, 0..0, Problem::Length));
    }
    let mut parser = Parser { text, lexer: Lexer::new(text), depth: 0 };
    let parsed = parse(&mut parser)?;
    parser.lexer.blank();
    if parser.lexer.at_end() { Ok(parsed) } else { Err(parser.expected(expected)) }
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Expression, ParseError> {
        let children = self.joined("or", Self::and)?;
        Ok(one_or(children, Expression::Or))
    }

    fn and(&mut self) -> Result<Expression, ParseError> {
        let children = self.joined("and", Self::not)?;
        Ok(one_or(children, Expression::And))
    }

    /// `part { keyword part }`
    fn joined(
        &mut self,
        keyword: &str,
        part: fn(&mut Self) -> Result<Expression, ParseError>,
    ) -> Result<Vec<Expression>, ParseError> {
        let mut children = vec![part(self)?];
        self.lexer.blank();
        while self.lexer.symbol(keyword) {
            if !self.lexer.blank() && !self.lexer.rest().starts_with('(') {
                return Err(self.expected(&["a blank", "'('"]));
            }
            children.push(part(self)?);
            self.lexer.blank();
        }
        Ok(children)
    }

    fn not(&mut self) -> Result<Expression, ParseError> {
        self.lexer.blank();
        let mut negated = false;
        while self.lexer.word_and_blank("not") {
            negated = !negated;
        }
        if self.lexer.rest().starts_with("not(") {
            self.lexer.symbol("not");
            negated = !negated;
        }
        let inner = if self.lexer.symbol("(") {
            self.nested(|parser| {
                let inner = parser.or()?;
                parser.require(")", &["'and'", "'or'", "')'"])?;
                Ok(inner)
            })?
        } else {
            self.check_or_macro()?
        };
        Ok(if negated { Expression::Not(Box::new(inner)) } else { inner })
    }

    fn check_or_macro(&mut self) -> Result<Expression, ParseError> {
        const EXPECTED: &[&str] = &["a field", "a macro", "'not'", "'('"];
        let start = self.lexer.position();
        if let Some(left) = self.operand()? {
            return self.check(left, start).map(Expression::Check);
        }
        match self.lexer.identifier() {
            None => Err(self.expected(EXPECTED)),
            Some("and" | "or" | "not") => {
                self.lexer.rewind(start);
                Err(self.expected(EXPECTED))
            }
            Some(name) if self.lexer.rest().starts_with('(') => {
                let span = start..self.lexer.position();
                Err(ParseError::new(self.text, span, Problem::Transformer(name.to_owned())))
            }
            Some(name) => Ok(Expression::Macro(self.word(name, start))),
        }
    }

    fn check(&mut self, left: Operand, start: usize) -> Result<ParsedCheck, ParseError> {
        self.lexer.blank();
        let (operator, takes) = self.operator()?;
        self.lexer.blank();
        let quantifier = if takes == Takes::Text { self.quantifier() } else { None };
        let right = match quantifier {
            Some(_) => self.list()?,
            None => self.right(takes)?,
        };
        Ok(ParsedCheck { left, operator, quantifier, right, span: start..self.lexer.position() })
    }

    fn operator(&mut self) -> Result<(Operator, Takes), ParseError> {
        let found = OPERATORS.iter().find(|(name, _, takes)| {
            let is_word_of_text =
                *takes == Takes::Text && name.starts_with(|c: char| c.is_ascii_alphabetic());
            if is_word_of_text { self.lexer.word_and_blank(name) } else { self.lexer.symbol(name) }
        });
        found.map(|&(_, operator, takes)| (operator, takes)).ok_or_else(|| {
            self.expected(&[
                "exists",
                "=",
                "!=",
                "<",
                "<=",
                ">",
                ">=",
                "contains",
                "icontains",
                "bcontains",
                "startswith",
                "bstartswith",
                "endswith",
                "glob",
                "iglob",
                "regex",
                "in",
                "intersects",
                "pmatch",
            ])
        })
    }

    /// `oneof` and the like, if a list follows; otherwise the word is a value.
    fn quantifier(&mut self) -> Option<Quantifier> {
        let start = self.lexer.position();
        let &(_, quantifier) = QUANTIFIERS.iter().find(|(name, _)| self.lexer.word_and_blank(name))?;
        let list_start = self.lexer.position();
        let list = match self.lexer.identifier() {
            None => self.lexer.rest().starts_with('('),
            Some(word) => !matches!(word, "and" | "or" | "not"),
        };
        self.lexer.rewind(if list { list_start } else { start });
        list.then_some(quantifier)
    }

    fn right(&mut self, takes: Takes) -> Result<ParsedRight, ParseError> {
        if takes == Takes::Nothing {
            return Ok(ParsedRight::None);
        }
        if let Some(operand) = self.right_operand()? {
            return Ok(ParsedRight::Field(operand));
        }
        let start = self.lexer.position();
        match takes {
            Takes::List => self.list(),
            Takes::Number => match self.lexer.number() {
                Some(number) => {
                    let word = Word { bare: false, ..self.word(number, start) };
                    Ok(ParsedRight::Value(word))
                }
                None => Err(self.expected(&["a number", "val(", "a transformer"])),
            },
            Takes::Text | Takes::Nothing => match self.text()? {
                Some(word) => Ok(ParsedRight::Value(word)),
                None => Err(self.expected(&["a value", "val(", "a transformer"])),
            },
        }
    }

    /// `val(field)`, or a transformer.
    fn right_operand(&mut self) -> Result<Option<Operand>, ParseError> {
        if !self.lexer.symbol("val(") {
            return self.transformed();
        }
        self.lexer.blank();
        let field = self.field()?.ok_or_else(|| self.expected(&["a field"]))?;
        self.require(")", &["')'"])?;
        Ok(Some(field))
    }

    fn list(&mut self) -> Result<ParsedRight, ParseError> {
        let start = self.lexer.position();
        if !self.lexer.symbol("(") {
            let name = self.lexer.identifier().ok_or_else(|| self.expected(&["'('", "a list"]))?;
            return Ok(ParsedRight::List(vec![self.word(name, start)]));
        }
        self.lexer.blank();
        let mut words = Vec::new();
        if let Some(first) = self.text()? {
            words.push(first);
            self.lexer.blank();
            while self.lexer.symbol(",") {
                self.lexer.blank();
                words.push(self.text()?.ok_or_else(|| self.expected(&["a value"]))?);
                self.lexer.blank();
            }
        }
        self.require(")", if words.is_empty() { &["a value", "')'"] } else { &["','", "')'"] })?;
        Ok(ParsedRight::List(words))
    }

    /// A word, with quotes or without.
    fn text(&mut self) -> Result<Option<Word>, ParseError> {
        let start = self.lexer.position();
        if let Some(quoted) = self.lexer.quoted() {
            return Ok(Some(Word { text: quoted?, bare: false, span: start..self.lexer.position() }));
        }
        Ok(self.lexer.bare().map(|word| self.word(word, start)))
    }

    fn operand(&mut self) -> Result<Option<Operand>, ParseError> {
        match self.field()? {
            Some(field) => Ok(Some(field)),
            None => self.transformed(),
        }
    }

    fn field(&mut self) -> Result<Option<Operand>, ParseError> {
        let Some(name) = self.lexer.field_name() else { return Ok(None) };
        let argument = self.argument()?;
        Ok(Some(Operand::Field(FieldRef { name: name.to_owned(), argument })))
    }

    /// What stands in brackets behind a field or a transformer.
    fn argument(&mut self) -> Result<Option<String>, ParseError> {
        if !self.lexer.symbol("[") {
            return Ok(None);
        }
        let argument = match self.lexer.quoted() {
            Some(quoted) => quoted?,
            None => self
                .lexer
                .bare_argument()
                .ok_or_else(|| self.expected(&["an argument with quotes or without"]))?
                .to_owned(),
        };
        if !self.lexer.symbol("]") {
            return Err(self.expected(&["']'"]));
        }
        Ok(Some(argument))
    }

    fn transformed(&mut self) -> Result<Option<Operand>, ParseError> {
        let start = self.lexer.position();
        let Some(&(_, transformer)) = TRANSFORMERS.iter().find(|(name, _)| self.lexer.symbol(name)) else {
            return Ok(None);
        };
        let arguments = self.nested(|parser| {
            let arguments = parser.arguments(true)?;
            parser.require(")", &["','", "')'"])?;
            Ok(arguments)
        })?;
        let selector = self.argument()?;
        let fail = |message| {
            let span = start..self.lexer.position();
            Err(ParseError::new(self.text, span, Problem::Arguments(message)))
        };
        let transformer = match (transformer, selector) {
            (transformer, None) => transformer,
            (Transformer::GetOpt(_), Some(selector)) => {
                let mut letters = selector.chars();
                match (letters.next(), letters.next()) {
                    (Some(letter), None) => Transformer::GetOpt(Some(letter)),
                    _ => {
                        return fail(
                            "what stands in brackets behind getopt() has to be the letter of an option",
                        );
                    }
                }
            }
            (_, Some(_)) => return fail("only getopt() takes something in brackets"),
        };
        let is_list = |i: usize| matches!(arguments[i], Operand::List(_));
        match transformer {
            Transformer::Join if arguments.len() != 2 || is_list(0) => {
                fail("join() takes a separator and a list")
            }
            Transformer::Concat if arguments.len() < 2 || (0..arguments.len()).any(is_list) => {
                fail("concat() takes two texts or more")
            }
            Transformer::GetOpt(_) if arguments.len() != 2 || is_list(1) => {
                fail("getopt() takes a list of arguments and the options")
            }
            Transformer::Join | Transformer::Concat | Transformer::GetOpt(_) => {
                Ok(Some(Operand::Transformed { transformer, arguments }))
            }
            _ if arguments.len() != 1 => fail("this transformer takes one argument"),
            _ => Ok(Some(Operand::Transformed { transformer, arguments })),
        }
    }

    /// The arguments of a transformer; lists are not nested.
    fn arguments(&mut self, lists: bool) -> Result<Vec<Operand>, ParseError> {
        let mut arguments = Vec::new();
        loop {
            self.lexer.blank();
            let argument = if let Some(number) = self.lexer.number() {
                Operand::Literal(number.to_owned())
            } else if let Some(quoted) = self.lexer.quoted() {
                Operand::Literal(quoted?)
            } else if lists && self.lexer.symbol("(") {
                self.lexer.blank();
                let inner =
                    if self.lexer.rest().starts_with(')') { Vec::new() } else { self.arguments(false)? };
                self.require(")", &["','", "')'"])?;
                Operand::List(inner)
            } else {
                self.operand()?
                    .ok_or_else(|| self.expected(&["a field", "a transformer", "quoted text", "a number"]))?
            };
            arguments.push(argument);
            self.lexer.blank();
            if !self.lexer.symbol(",") {
                return Ok(arguments);
            }
        }
    }

    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        if self.depth == MAX_DEPTH {
            let at = self.lexer.position();
            return Err(ParseError::new(self.text, at..at, Problem::Depth));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn require(&mut self, symbol: &str, expected: &'static [&'static str]) -> Result<(), ParseError> {
        self.lexer.blank();
        if self.lexer.symbol(symbol) { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn word(&self, text: &str, start: usize) -> Word {
        Word { text: text.to_owned(), bare: true, span: start..self.lexer.position() }
    }

    fn expected(&self, expected: &'static [&'static str]) -> ParseError {
        const SHOWN: usize = 40;
        let rest = self.lexer.rest();
        let at = self.lexer.position();
        let length =
            rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',')).unwrap_or(rest.len());
        let (found, length) = match rest.chars().next() {
            None => ("the end".to_owned(), 0),
            Some(first) if length == 0 => (format!("{:?}", first.to_string()), first.len_utf8()),
            Some(_) => {
                let word = &rest[..length];
                let shown = word.char_indices().nth(SHOWN).map_or(word, |(cut, _)| &word[..cut]);
                (format!("{shown:?}"), length)
            }
        };
        ParseError::new(self.text, at..at + length, Problem::Expected { expected, found })
    }
}

fn one_or(mut children: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match children.pop() {
        Some(only) if children.is_empty() => only,
        last => {
            children.extend(last);
            many(children)
        }
    }
}

#[cfg(test)]
mod tests;
