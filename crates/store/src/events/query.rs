//! What a user writes to find events.
//!
//! ```text
//!   curl evil.example            both words, anywhere in the event; case does not matter
//!   "curl -s"                    these words in a row
//!   pass*                        words that begin so
//!   /etc/ssl                     a path, or one below it
//!   kind:execve workload:web     a field has the word: `proc.cmdline:curl`, `container:"web 1"`
//!   proc.name=sh                 a field is exactly this
//!   fd.name:*                    there is such a field
//!   -curl, NOT curl              not this
//!   ssh OR (scp AND -kind:exit)  `AND` may be left out, and binds closer than `OR`
//! ```
//!
//! A word with a colon or an equals sign in it that is meant as text is put in quotes; `http://...`, `sha256:...` and addresses need none.

use std::fmt;

/// A query may be so long,
const LENGTH: usize = 2048;
/// have so many words and phrases,
const CLAUSES: usize = 64;
/// and so many parentheses within each other.
const DEPTH: usize = 16;
/// Names that are the beginning of a digest, not of a field.
const DIGESTS: [&str; 4] = ["md5", "sha1", "sha256", "sha512"];

/// What is wrong with the text of a query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {at} of the query: {what}")]
pub struct QueryError {
    /// At which character, counted from one.
    pub at: usize,
    /// What.
    pub what: String,
}

/// A query that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expr {
    /// Every event.
    Everything,
    /// Events that pass a test.
    Test(Test),
    /// Events that fit all.
    All(Vec<Self>),
    /// Events that fit one.
    Any(Vec<Self>),
    /// Events that do not fit.
    Not(Box<Self>),
}

/// A test of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Test {
    /// Of which field; of all texts if of none.
    pub(super) field: Option<String>,
    pub(super) how: How,
}

/// How a field is tested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It has these words in a row; there is at least one.
    Words(String),
    /// It has these words, the last of which is only the beginning of one.
    Beginning(String),
    /// It is exactly this.
    Exactly(String),
    /// It is there.
    Present,
}

/// Reads a query.
pub(super) fn parse(text: &str) -> Result<Expr, QueryError> {
    let mut parser = Parser { text, at: 0, clauses: 0 };
    if text.len() > LENGTH {
        return Err(parser.wrong(0, format!("it is longer than {LENGTH} bytes")));
    }
    parser.skip_space();
    if parser.rest().is_empty() {
        return Ok(Expr::Everything);
    }
    let expr = parser.any(0)?;
    if parser.rest().is_empty() {
        Ok(expr)
    } else {
        Err(parser.wrong(parser.at, "this parenthesis closes nothing"))
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    clauses: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn wrong(&self, at: usize, what: impl fmt::Display) -> QueryError {
        QueryError { at: self.text[..at].chars().count() + 1, what: what.to_string() }
    }

    /// Takes a keyword, if it comes next as a word of its own.
    fn keyword(&mut self, word: &str) -> bool {
        let behind = self.rest().strip_prefix(word);
        let found = behind.is_some_and(|b| b.is_empty() || b.starts_with([' ', '\t', '\n', '(', ')']));
        if found {
            self.at += word.len();
            self.skip_space();
        }
        found
    }

    fn any(&mut self, depth: usize) -> Result<Expr, QueryError> {
        let mut parts = vec![self.all(depth)?];
        while self.keyword("OR") {
            parts.push(self.all(depth)?);
        }
        Ok(one_or(parts, Expr::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Expr, QueryError> {
        let mut parts = vec![self.one(depth)?];
        loop {
            let and = self.keyword("AND");
            let ends = self.rest().is_empty() || self.rest().starts_with(')') || self.next_is_or();
            if !and && ends {
                return Ok(one_or(parts, Expr::All));
            }
            parts.push(self.one(depth)?);
        }
    }

    fn next_is_or(&self) -> bool {
        Self { text: self.text, at: self.at, clauses: 0 }.keyword("OR")
    }

    fn one(&mut self, depth: usize) -> Result<Expr, QueryError> {
        let start = self.at;
        let minus = self.rest().starts_with('-') && !self.rest()[1..].starts_with([' ', '-']);
        if minus {
            self.at += 1;
        }
        if minus || self.keyword("NOT") {
            self.deeper(start, depth)?;
            return Ok(Expr::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.rest().starts_with('(') {
            self.deeper(start, depth)?;
            self.at += 1;
            self.skip_space();
            let inner = self.any(depth + 1)?;
            if !self.rest().starts_with(')') {
                return Err(self.wrong(start, "this parenthesis is not closed"));
            }
            self.at += 1;
            self.skip_space();
            return Ok(inner);
        }
        self.clauses += 1;
        if self.clauses > CLAUSES {
            return Err(self.wrong(start, format!("there are more than {CLAUSES} words and phrases")));
        }
        let expr = self.clause()?;
        self.skip_space();
        Ok(expr)
    }

    fn deeper(&self, at: usize, depth: usize) -> Result<(), QueryError> {
        if depth < DEPTH {
            return Ok(());
        }
        Err(self.wrong(at, format!("there are more than {DEPTH} parentheses within each other")))
    }

    /// A word, a phrase, or a field and its value.
    fn clause(&mut self) -> Result<Expr, QueryError> {
        let start = self.at;
        if self.rest().starts_with('"') {
            let phrase = self.phrase()?;
            return self.test(start, None, How::Words(phrase));
        }
        let word = self.word();
        let Some((name, sign, value)) = split(word) else {
            if word.is_empty() || self.keyword("OR") || self.keyword("AND") {
                return Err(self.wrong(start, "a word is missing here"));
            }
            self.at += word.len();
            return match word {
                "*" => Ok(Expr::Everything),
                _ => self.word_test(start, None, word),
            };
        };
        self.at += name.len() + 1;
        let (value_at, field) = (self.at, Some(name.to_owned()));
        let quoted = value.is_empty() && self.rest().starts_with('"');
        let phrase = if quoted { Some(self.phrase()?) } else { None };
        self.at += value.len();
        match (sign, phrase) {
            (_, None) if value.is_empty() => {
                Err(self.wrong(value_at, format!("the value of {name} is missing")))
            }
            ('=', None) if value.contains('*') => Err(self.wrong(
                value_at,
                format!("an exact value takes no *; write {name}:{value}, or put it in quotes"),
            )),
            ('=', phrase) => {
                let value = phrase.unwrap_or_else(|| value.to_owned());
                self.test(value_at, field, How::Exactly(value))
            }
            (_, Some(phrase)) => self.test(value_at, field, How::Words(phrase)),
            (_, None) if value == "*" => self.test(value_at, field, How::Present),
            (_, None) => self.word_test(value_at, field, value),
        }
    }

    fn word_test(&self, at: usize, field: Option<String>, word: &str) -> Result<Expr, QueryError> {
        let (stem, beginning) = word.strip_suffix('*').map_or((word, false), |stem| (stem, true));
        if let Some(star) = stem.find('*') {
            return Err(self.wrong(at + star, "a * can only be at the end of a word"));
        }
        let how = if beginning && stem.ends_with(char::is_alphanumeric) {
            How::Beginning(stem.to_owned())
        } else {
            How::Words(stem.to_owned())
        };
        self.test(at, field, how)
    }

    fn test(&self, at: usize, field: Option<String>, how: How) -> Result<Expr, QueryError> {
        if let How::Words(words) = &how
            && !words.contains(char::is_alphanumeric)
        {
            return Err(self.wrong(at, "there is no word in this"));
        }
        Ok(Expr::Test(Test { field, how }))
    }

    /// What comes next up to a space, a parenthesis or a quote.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        let end =
            rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"')).unwrap_or(rest.len());
        &rest[..end]
    }

    /// What is in quotes; `\"` and `\\` are a quote and a backslash.
    fn phrase(&mut self) -> Result<String, QueryError> {
        let start = self.at;
        let mut phrase = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok(phrase);
                }
                '\\' => phrase.extend(chars.next().map(|(_, c)| c)),
                c => phrase.push(c),
            }
        }
        Err(self.wrong(start, "this quote is not closed"))
    }
}

/// A word that is a field and its value.
fn split(word: &str) -> Option<(&str, char, &str)> {
    let at = word.find([':', '='])?;
    let (name, sign, value) = (&word[..at], word[at..].chars().next()?, &word[at + 1..]);
    let named = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '[' | ']' | '/'));
    let text = sign == ':' && (value.starts_with("//") || value.starts_with(':') || DIGESTS.contains(&name));
    // An IPv6 address may begin with a letter.
    let address = word.parse::<std::net::Ipv6Addr>().is_ok();
    (named && !text && !address).then_some((name, sign, value))
}

fn one_or(mut parts: Vec<Expr>, many: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => many(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(field: Option<&str>, words: &str) -> Expr {
        Expr::Test(Test { field: field.map(str::to_owned), how: How::Words(words.to_owned()) })
    }

    fn test(field: &str, how: How) -> Expr {
        Expr::Test(Test { field: Some(field.to_owned()), how })
    }

    #[test]
    fn what_a_user_writes_is_understood() {
        let cases = [
            ("", Expr::Everything),
            (" * ", Expr::Everything),
            ("curl", words(None, "curl")),
            ("\"curl \\\"-s\\\"\"", words(None, "curl \"-s\"")),
            ("kind:execve", words(Some("kind"), "execve")),
            ("proc.cmdline:\"sh -c\"", words(Some("proc.cmdline"), "sh -c")),
            ("proc.name=sh", test("proc.name", How::Exactly("sh".into()))),
            ("k=\"a b*\"", test("k", How::Exactly("a b*".into()))),
            ("fd.name:*", test("fd.name", How::Present)),
            ("fd.name:/etc/pass*", test("fd.name", How::Beginning("/etc/pass".into()))),
            ("http://evil/x", words(None, "http://evil/x")),
            ("fe80::1", words(None, "fe80::1")),
            ("10.0.0.5:443", words(None, "10.0.0.5:443")),
            ("sha256:abc", words(None, "sha256:abc")),
            ("-a", Expr::Not(Box::new(words(None, "a")))),
            ("NOT a", Expr::Not(Box::new(words(None, "a")))),
            ("a AND b", Expr::All(vec![words(None, "a"), words(None, "b")])),
            (
                "a b OR (c -d)",
                Expr::Any(vec![
                    Expr::All(vec![words(None, "a"), words(None, "b")]),
                    Expr::All(vec![words(None, "c"), Expr::Not(Box::new(words(None, "d")))]),
                ]),
            ),
            ("ORANGE", words(None, "ORANGE")),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let cases = [
            ("ä \"b", 3, "this quote is not closed"),
            ("(a", 1, "this parenthesis is not closed"),
            ("a)", 2, "this parenthesis closes nothing"),
            ("kind:", 6, "the value of kind is missing"),
            ("a OR", 5, "a word is missing here"),
            ("a OR OR b", 6, "a word is missing here"),
            ("NOT", 4, "a word is missing here"),
            ("()", 2, "a word is missing here"),
            ("a*b", 2, "a * can only be at the end of a word"),
            ("x ---", 3, "there is no word in this"),
            ("k=a*", 3, "an exact value takes no *; write k:a*, or put it in quotes"),
        ];
        for (text, at, what) in cases {
            assert_eq!(parse(text), Err(QueryError { at, what: what.to_owned() }), "{text}");
        }
        assert!(parse(&"(".repeat(1000)).unwrap_err().what.contains("parentheses"));
        assert!(parse(&"-".repeat(1000)).is_err());
        assert!(parse(&"a ".repeat(100)).unwrap_err().what.contains("more than 64"));
        assert!(parse(&"a".repeat(LENGTH + 1)).unwrap_err().what.contains("longer"));
    }

    proptest! {
        #[test]
        fn no_text_is_too_much(text in "\\PC*|([a(\")*:=\\\\ -]|OR|NOT|AND)*") {
            if let Err(error) = parse(&text) {
                prop_assert!(error.at <= text.chars().count() + 1);
            }
        }
    }
}
