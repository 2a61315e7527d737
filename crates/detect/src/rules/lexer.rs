//! Tokens of conditions. What a token is depends on where it stands (`in` is an operator, a macro or a word), so the
//! parser asks for the token it wants, and there is no list of tokens.

use super::parser::{ParseError, Problem};
use std::ops::Range;

/// A place in the text of a condition.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Goes back to a place where it has been.
    pub(super) fn rewind(&mut self, position: usize) {
        self.at = position;
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// Steps over blanks; says whether there were any.
    pub(super) fn blank(&mut self) -> bool {
        self.take(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x08)).is_some()
    }

    /// Steps over this very text.
    pub(super) fn symbol(&mut self, symbol: &str) -> bool {
        let found = self.rest().starts_with(symbol);
        if found {
            self.at += symbol.len();
        }
        found
    }

    /// Steps over a word and the blank that has to follow it.
    pub(super) fn word_and_blank(&mut self, word: &str) -> bool {
        let start = self.at;
        let found = self.symbol(word) && self.blank();
        if !found {
            self.at = start;
        }
        found
    }

    /// `[a-zA-Z]+[a-zA-Z0-9_]*`
    pub(super) fn identifier(&mut self) -> Option<&'a str> {
        if !self.rest().starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        self.take(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    }

    /// Identifiers with dots between them, at least two.
    pub(super) fn field_name(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.identifier()?;
        let mut end = None;
        while self.symbol(".") && self.identifier().is_some() {
            end = Some(self.at);
        }
        self.at = end.unwrap_or(start);
        end.map(|end| &self.text[start..end])
    }

    /// A word without quotes: anything but blanks, quotes, parentheses, `=` and `,`.
    pub(super) fn bare(&mut self) -> Option<&'a str> {
        self.take(|byte| !is_space(byte) && !matches!(byte, b'(' | b')' | b'"' | b'\'' | b'=' | b','))
    }

    /// The argument of a field without quotes.
    pub(super) fn bare_argument(&mut self) -> Option<&'a str> {
        self.take(|byte| !is_space(byte) && !matches!(byte, b'[' | b']' | b'"' | b'\''))
    }

    /// `0x1f`, `-1`, `2.5`, `1e+3`
    pub(super) fn number(&mut self) -> Option<&'a str> {
        let start = self.at;
        if self.symbol("0x") || self.symbol("0X") {
            if self.take(|byte| byte.is_ascii_hexdigit()).is_some() {
                return Some(&self.text[start..self.at]);
            }
            self.at = start;
        }
        let _ = self.symbol("+") || self.symbol("-");
        if self.digits().is_none() {
            self.at = start;
            return None;
        }
        if self.symbol(".") {
            self.digits();
        }
        let mantissa = self.at;
        let exponent = (self.symbol("e") || self.symbol("E"))
            && (self.symbol("+") || self.symbol("-"))
            && self.digits().is_some();
        if !exponent {
            self.at = mantissa;
        }
        Some(&self.text[start..self.at])
    }

    /// Text in double or single quotes, with its escapes put in.
    pub(super) fn quoted(&mut self) -> Option<Result<String, ParseError>> {
        let start = self.at;
        let quote = *self.rest().as_bytes().first().filter(|byte| matches!(byte, b'"' | b'\''))?;
        // A quote after a backslash never closes, whatever stands before the backslash: so it is in Falco.
        let body = &self.rest().as_bytes()[1..];
        let length = (0..body.len()).find(|&i| body[i] == quote && (i == 0 || body[i - 1] != b'\\'))?;
        self.at += length + 2;
        Some(unescape(&self.text[start + 1..self.at - 1], quote).map_err(|(range, escape)| {
            ParseError::new(self.text, start + 1 + range.start..start + 1 + range.end, escape)
        }))
    }

    fn digits(&mut self) -> Option<&'a str> {
        self.take(|byte| byte.is_ascii_digit())
    }

    /// The longest run of such bytes, unless it is empty. The predicate must not stop within a character.
    fn take(&mut self, belongs: impl Fn(u8) -> bool) -> Option<&'a str> {
        let rest = self.rest();
        let length = rest.bytes().position(|byte| !belongs(byte)).unwrap_or(rest.len());
        self.at += length;
        (length > 0).then(|| &rest[..length])
    }
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// Puts the escapes of a quoted text in.
fn unescape(text: &str, quote: u8) -> Result<String, (Range<usize>, Problem)> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'\\' {
            out.push(byte);
            at += 1;
            continue;
        }
        let start = at;
        let bad = |length: usize| {
            let end =
                (start + length..=text.len()).find(|&end| text.is_char_boundary(end)).unwrap_or(text.len());
            (start..end, Problem::Escape(text[start..end].to_owned()))
        };
        at += 2;
        out.push(match bytes.get(start + 1) {
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            // A backslash before a blank stands for itself; old rules are written so.
            Some(b'\\' | b' ') => b'\\',
            Some(b'/') => b'/',
            Some(&other) if other == quote => quote,
            Some(b'x') => {
                let digits =
                    text.get(at..at + 2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
                at += 2;
                digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or_else(|| bad(2))?
            }
            _ => return Err(bad(2.min(bytes.len() - start))),
        });
    }
    String::from_utf8(out).map_err(|_| (0..text.len(), Problem::NotUtf8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_where_they_end() {
        for (text, number) in [
            ("0x12AF ", "0x12AF"),
            ("+1)", "+1"),
            ("-0.1222e+10", "-0.1222e+10"),
            ("1.", "1."),
            ("1e5", "1"),
            ("0xg", "0"),
        ] {
            assert_eq!(Lexer::new(text).number(), Some(number), "{text}");
        }
        assert_eq!(Lexer::new("-a").number(), None);
    }

    #[test]
    fn a_field_name_has_a_dot() {
        assert_eq!(Lexer::new("evt.arg.flags contains").field_name(), Some("evt.arg.flags"));
        assert_eq!(Lexer::new("evt.arg[0]").field_name(), Some("evt.arg"));
        assert_eq!(Lexer::new("proc.").field_name(), None);
        assert_eq!(Lexer::new("proc.name.=").field_name(), Some("proc.name"));
    }

    #[test]
    fn escapes_are_those_of_falco() {
        let quoted = |text| Lexer::new(text).quoted().expect("closed").map_err(|error| error.problem);
        assert_eq!(quoted(r#""a\tb\\c\/\"d" rest"#), Ok("a\tb\\c/\"d".to_owned()));
        assert_eq!(quoted(r#""bad escape \ " "#), Ok("bad escape \\".to_owned()));
        assert_eq!(quoted(r"'\x41\xc3\xa9'"), Ok("Aé".to_owned()));
        assert_eq!(quoted(r"'it\'s'"), Ok("it's".to_owned()));
        for bad in [r#"'\"'"#, r#""\'""#, r"'\d'", r"'\x4'", r"'\xzz'", r"'\é'"] {
            assert!(matches!(quoted(bad), Err(Problem::Escape(_))), "{bad}");
        }
        assert_eq!(quoted(r"'\xff'"), Err(Problem::NotUtf8));
        assert!(Lexer::new("'open").quoted().is_none());
    }
}
