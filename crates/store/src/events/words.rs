//! How texts become terms, and a query the same terms.
//!
//! ```text
//!   "curl 10.0.0.5:443 /etc/ssl/cert"  ──►  curl  10 0 0 5  443  etc ssl cert     words, in lower case, each at its position
//!                                                 10.0.0.5       /etc/ssl/cert    an address also as a whole,
//!                                                                /etc/ssl         and a path with those above it
//!   proc.name = "Bash -c"              ──►  =proc.name␀Bash -c                    a fact: exactly,
//!                                           :proc.name␀bash  :proc.name␀c         and by its words
//! ```
//!
//! Addresses and paths are also kept whole as their parts are the most frequent words of all, and searching for many of them in a row is slow.
//! So `/etc/ssl` finds this path and what is below it, and `etc/ssl` finds it anywhere.

use sha2::{Digest, Sha256};
use std::{
    fmt::Write,
    net::{Ipv4Addr, Ipv6Addr},
};
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// What is between the name and the value of a fact.
pub(super) const SEPARATOR: char = '\0';
/// A word counts up to so many bytes.
const WORD: usize = 96;
/// A value of more bytes is exactly found by its hash.
const EXACT: usize = 40;
/// So many names of a path count.
const DEPTH: usize = 16;
/// An address is not longer than this.
const ADDRESS: usize = 45;

/// The tokenizer of texts.
#[derive(Clone, Default)]
pub(super) struct Words;

/// The tokenizer of facts: `NAME␀VALUE`.
#[derive(Clone, Default)]
pub(super) struct Facts;

/// The words of a text, one after the other.
pub(super) struct WordStream<'a> {
    text: &'a str,
    at: usize,
    position: usize,
    /// Before this, it has been looked for addresses.
    examined: usize,
    /// A path that is to be emitted, from where to where.
    path: Option<(usize, usize)>,
    token: Token,
}

impl<'a> WordStream<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, position: 0, examined: 0, path: None, token: Token::default() }
    }

    fn emit(&mut self, from: usize, to: usize) {
        let word = &self.text[from..to];
        self.token.text.clear();
        lower(&word[..word.floor_char_boundary(WORD)], &mut self.token.text);
        (self.token.offset_from, self.token.offset_to) = (from, to);
        self.token.position = self.position;
    }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        loop {
            if let Some((from, to)) = self.path {
                // The longest first; its parts follow at their own positions.
                self.path = above(self.text, from, to).map(|to| (from, to));
                self.emit(from, to);
                return true;
            }
            let Some(from) = find(self.text, self.at, |c| c == '/' || c.is_alphanumeric()) else {
                return false;
            };
            if self.text.as_bytes()[from] == b'/' {
                self.path = path(self.text, from).map(|to| (from, to));
                self.at = from + 1;
                continue;
            }
            if from >= self.examined
                && let Some(to) = address(self.text, from)
            {
                (self.examined, self.at) = (to, from);
                self.emit(from, to);
                return true;
            }
            let to = find(self.text, from, |c| !c.is_alphanumeric()).unwrap_or(self.text.len());
            self.emit(from, to);
            self.position += 1;
            self.at = to;
            return true;
        }
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        WordStream::new(text)
    }
}

/// The terms of a fact.
pub(super) struct FactStream<'a> {
    name: &'a str,
    value: &'a str,
    words: Option<WordStream<'a>>,
    token: Token,
}

impl TokenStream for FactStream<'_> {
    fn advance(&mut self) -> bool {
        self.token.position = self.token.position.wrapping_add(1);
        let Some(words) = &mut self.words else {
            exact(self.name, self.value, &mut self.token.text);
            self.words = Some(WordStream::new(self.value));
            return true;
        };
        let first = words.at == 0;
        let Some(word) = words.next() else { return false };
        if first {
            of_field(self.name, &word.text, &mut self.token.text);
        } else {
            self.token.text.truncate(self.name.len() + 2);
            self.token.text.push_str(&word.text);
        }
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

impl Tokenizer for Facts {
    type TokenStream<'a> = FactStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> FactStream<'a> {
        let (name, value) = text.split_once(SEPARATOR).unwrap_or(("", text));
        FactStream { name, value, words: None, token: Token::default() }
    }
}

/// The term of the fact that a field is exactly this.
pub(super) fn exact(name: &str, value: &str, to: &mut String) {
    to.clear();
    to.push('=');
    to.push_str(name);
    to.push(SEPARATOR);
    if value.len() <= EXACT {
        to.push_str(value);
    } else {
        to.push('#');
        for byte in &Sha256::digest(value.as_bytes())[..8] {
            let _ = write!(to, "{byte:02x}");
        }
    }
}

/// The term of the fact that a field has a word.
pub(super) fn of_field(name: &str, word: &str, to: &mut String) {
    to.clear();
    to.push(':');
    to.push_str(name);
    to.push(SEPARATOR);
    to.push_str(word);
}

/// The words of a query, with their positions: of an address the whole, not its parts.
pub(super) fn words(text: &str) -> Vec<(usize, String)> {
    let (mut words, mut covered) = (Vec::new(), 0);
    let mut stream = WordStream::new(text);
    while let Some(token) = stream.next() {
        if token.offset_from >= covered {
            words.push((token.position, token.text.clone()));
            covered = token.offset_to;
        }
    }
    words
}

/// Whether a text has all of another in it, at the borders of words.
pub(super) fn holds(text: &str, other: &str) -> bool {
    let joins = |a: Option<char>, b: Option<char>| {
        a.is_some_and(char::is_alphanumeric) && b.is_some_and(char::is_alphanumeric)
    };
    let Some(&first) = other.as_bytes().first() else { return true };
    // Values are short and many: a searcher for each would cost more than it saves.
    memchr::memchr_iter(first, text.as_bytes())
        .filter(|&at| text.as_bytes()[at..].starts_with(other.as_bytes()))
        .take(4)
        .any(|at| {
            let (before, behind) = (&text[..at], &text[at + other.len()..]);
            !joins(before.chars().next_back(), other.chars().next())
                && !joins(other.chars().next_back(), behind.chars().next())
        })
}

/// Where, from here on, there is such a character.
fn find(text: &str, from: usize, is: impl Fn(char) -> bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(&byte) = bytes.get(at) {
        if !byte.is_ascii() {
            return text[at..].find(is).map(|found| at + found);
        }
        if is(char::from(byte)) {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// Where the path ends that begins here, if one does: of two names at least.
fn path(text: &str, from: usize) -> Option<usize> {
    let of_path = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | '@' | '%' | '~');
    if text[..from].chars().next_back().is_some_and(of_path) {
        return None;
    }
    let end = find(text, from, |c| !of_path(c)).unwrap_or(text.len());
    let run = text[from..end].trim_end_matches(|c: char| !c.is_alphanumeric());
    if run.contains("//") {
        return None;
    }
    // What is deeper than a path can be is found by what is above it.
    let length = run.match_indices('/').nth(DEPTH).map_or(run.len(), |(at, _)| at);
    run[..length].bytes().skip(1).any(|b| b == b'/').then_some(from + length)
}

/// Where the path ends that is above another, if that has two names as well.
fn above(text: &str, from: usize, to: usize) -> Option<usize> {
    let length = text[from..to].rfind('/')?;
    text[from + 1..from + length].contains('/').then_some(from + length)
}

fn lower(word: &str, to: &mut String) {
    if word.is_ascii() {
        to.push_str(word);
        to.make_ascii_lowercase();
    } else {
        to.extend(word.chars().flat_map(char::to_lowercase));
    }
}

/// Where the IP address ends that begins here, if one does.
fn address(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    if !bytes[from].is_ascii_hexdigit() || from > 0 && matches!(bytes[from - 1], b'.' | b':') {
        return None;
    }
    let run = bytes[from..]
        .iter()
        .take(ADDRESS + 1)
        .take_while(|b| b.is_ascii_hexdigit() || matches!(b, b'.' | b':'))
        .count();
    let run = text[from..from + run].trim_end_matches(['.', ':']);
    if run.bytes().filter(|b| matches!(b, b'.' | b':')).count() < 2 {
        return None;
    }
    let without_port = || run.split_once(':').map(|(address, _)| address);
    let whole = [Some(run), without_port()].into_iter().flatten().find(|run| {
        let to = from + run.len();
        text[to..].chars().next().is_none_or(|c| !c.is_alphanumeric())
            && (run.parse::<Ipv4Addr>().is_ok() || run.parse::<Ipv6Addr>().is_ok())
    })?;
    Some(from + whole.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &str) -> Vec<(usize, String)> {
        let (mut tokens, mut stream) = (Vec::new(), WordStream::new(text));
        while let Some(token) = stream.next() {
            tokens.push((token.position, token.text.clone()));
        }
        tokens
    }

    #[test]
    fn words_are_in_lower_case_and_addresses_are_also_whole() {
        let expected = [
            (0, "curl"),
            (1, "10.0.0.5"),
            (1, "10"),
            (2, "0"),
            (3, "0"),
            (4, "5"),
            (5, "443"),
            (6, "/etc/übung"),
            (6, "etc"),
            (7, "übung"),
        ];
        let found = all("Curl 10.0.0.5:443, /etc/ÜBUNG");
        assert_eq!(found.iter().map(|(at, word)| (*at, word.as_str())).collect::<Vec<_>>(), expected);
        assert_eq!(words("10.0.0.5:443"), [(0, "10.0.0.5".to_owned()), (4, "443".to_owned())]);
        assert_eq!(all("fe80::1%eth0")[0].1, "fe80::1");
        assert_eq!(
            words("open(/etc/ssl/certs.d), /etc, http://a/b/c x/y/z /a//b"),
            [
                (0, "open"),
                (1, "/etc/ssl/certs.d"),
                (5, "etc"),
                (6, "http"),
                (7, "a"),
                (8, "b"),
                (9, "c"),
                (10, "x"),
                (11, "y"),
                (12, "z"),
                (13, "a"),
                (14, "b")
            ]
            .map(|(at, word)| (at, word.to_owned()))
        );
        let below: Vec<_> = all("/Etc/ssl/a.b").into_iter().map(|(_, word)| word).collect();
        assert_eq!(below, ["/etc/ssl/a.b", "/etc/ssl", "etc", "ssl", "a", "b"]);
        for no_address in ["1.2.3.4.5", "12:30:45", "1.2.3", "a.b.c.d", "1.2.3.4x"] {
            assert!(all(no_address).iter().all(|(_, word)| !word.contains(['.', ':'])), "{no_address}");
        }
    }

    #[test]
    fn a_fact_is_found_exactly_and_by_its_words() {
        let mut facts = Facts;
        let mut stream = facts.token_stream("proc.name\0Bash -c");
        let mut terms = Vec::new();
        while let Some(token) = stream.next() {
            terms.push(token.text.clone());
        }
        assert_eq!(terms, ["=proc.name\0Bash -c", ":proc.name\0bash", ":proc.name\0c"]);
        let (mut one, mut other) = (String::new(), String::new());
        exact("n", &"a".repeat(100), &mut one);
        exact("n", &"a".repeat(101), &mut other);
        assert_ne!(one, other);
        assert!(one.len() < 30);
    }

    #[test]
    fn a_value_is_in_a_text_only_at_the_borders_of_words() {
        assert!(holds("ran /bin/sh -c", "/bin/sh"));
        assert!(holds("ran sh", "sh"));
        assert!(holds("bash and sh", "sh"));
        assert!(!holds("ran bash", "sh"));
        assert!(!holds("shell", "sh"));
    }

    proptest! {
        #[test]
        fn any_text_has_words_and_a_query_for_it_finds_them(text in "\\PC*|[0-9a-f.:x /]*") {
            let all = all(&text);
            for word in words(&text) {
                prop_assert!(all.contains(&word));
            }
        }
    }
}
