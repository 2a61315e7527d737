//! `number{.number}{letter}{_suffix{number}}{~hash}{-rN}`, by apk-tools 3.
//!
//! The first number is a number. A later one that starts with zero is a fraction, as with Gentoo: it is compared as
//! text and comes before those that don't (`1.01 < 1.1`, `1.0 < 1.00`).

use super::{
    Why,
    atoms::{Number, equal_by_order, take_while},
};
use std::cmp::Ordering;

#[derive(Debug)]
pub(super) struct Version<'a>(&'a str);

pub(super) fn parse(text: &str) -> Result<Version<'_>, Why> {
    Tokens::new(text).try_for_each(|token| token.map(drop))?;
    Ok(Version(text))
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let tokens = |version: &Self| Tokens::new(version.0).map_while(Result::ok).chain([Token::End]);
        tokens(self).cmp(tokens(other))
    }
}
equal_by_order!(Version<'_>);

/// Declared in the order in which they sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Token<'a> {
    /// A suffix of what comes before the release, by its place in [`BEFORE`].
    Before(usize),
    End,
    Revision(Number<'a>),
    Hash(&'a str),
    SuffixNumber(Number<'a>),
    /// A suffix of what comes after the release, by its place in [`AFTER`].
    After(usize),
    Letter(&'a str),
    Fraction(&'a str),
    Number(Number<'a>),
}

const BEFORE: [&str; 4] = ["alpha", "beta", "pre", "rc"];
const AFTER: [&str; 5] = ["cvs", "svn", "git", "hg", "p"];

/// How far a version has come; what came before can't come again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Start,
    Numbers,
    Letter,
    Suffix,
    SuffixNumber,
    Hash,
    Revision,
}

struct Tokens<'a> {
    rest: &'a str,
    place: Place,
}

impl<'a> Tokens<'a> {
    fn new(rest: &'a str) -> Self {
        Self { rest, place: Place::Start }
    }

    fn token(&mut self, first: u8) -> Result<(Place, Token<'a>), Why> {
        let place = self.place;
        match first {
            b'0'..=b'9' if place == Place::Start => Ok((Place::Numbers, Token::Number(self.number()?))),
            b'0'..=b'9' if place == Place::Suffix => {
                Ok((Place::SuffixNumber, Token::SuffixNumber(self.number()?)))
            }
            b'.' if place == Place::Numbers => {
                self.rest = &self.rest[1..];
                let text = self.rest;
                let number = self.number()?;
                let digits = &text[..text.len() - self.rest.len()];
                let token =
                    if digits.starts_with('0') { Token::Fraction(digits) } else { Token::Number(number) };
                Ok((Place::Numbers, token))
            }
            b'a'..=b'z' if place == Place::Numbers => {
                let (letter, rest) = self.rest.split_at(1);
                self.rest = rest;
                Ok((Place::Letter, Token::Letter(letter)))
            }
            b'_' if place > Place::Start && place <= Place::SuffixNumber => {
                self.rest = &self.rest[1..];
                let name = take_while(&mut self.rest, |b| b.is_ascii_lowercase());
                let find = |list: &[&str]| list.iter().position(|&suffix| suffix == name);
                let token = find(&BEFORE)
                    .map(Token::Before)
                    .or_else(|| find(&AFTER).map(Token::After))
                    .ok_or("has a suffix that apk does not know")?;
                Ok((Place::Suffix, token))
            }
            b'~' if place > Place::Start && place < Place::Hash => {
                self.rest = &self.rest[1..];
                match take_while(&mut self.rest, |b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
                    "" => Err("has a `~` without a hash"),
                    hash => Ok((Place::Hash, Token::Hash(hash))),
                }
            }
            b'-' if place > Place::Start && place < Place::Revision => {
                self.rest = self.rest.strip_prefix("-r").ok_or("has a `-` that starts no revision")?;
                Ok((Place::Revision, Token::Revision(self.number()?)))
            }
            _ => Err("has a character where apk wants another"),
        }
    }

    fn number(&mut self) -> Result<Number<'a>, Why> {
        Number::take(&mut self.rest).ok_or("lacks a number where apk wants one")
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Result<Token<'a>, Why>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.rest.bytes().next()?;
        Some(self.token(first).map(|(place, token)| {
            self.place = place;
            token
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::version::{
        Order::Apk,
        tests::{ascending, equal, refused},
    };

    #[test]
    fn suffixes_have_their_places_around_the_release() {
        ascending(
            Apk,
            &[
                "1.3_alpha_pre2",
                "1.3_alpha",
                "1.3_alpha2",
                "1.3_alpha10",
                "1.3_beta1",
                "1.3_pre1-r1",
                "1.3_rc1",
                "1.3",
                "1.3-r0",
                "1.3-r10",
                "1.3_cvs",
                "1.3_svn1",
                "1.3_git20240101_pre1",
                "1.3_git20240101",
                "1.3_hg",
                "1.3_p9-r0",
                "1.3_p10-r0",
                "1.3b-r1",
                "1.3c",
                "1.3.0",
                "1.3.2",
            ],
        );
        ascending(Apk, &["4.5_p1", "4.5_p1-r1", "4.5_p2"]);
        ascending(
            Apk,
            &["6b-r7", "7.0.17", "7.0.174", "013", "014-r1", "20060720", "100000000000000000000000"],
        );
        ascending(Apk, &["1.0~1234", "1.0~1234-r0", "1.0~1234-r1", "1.0~2345-r0"]);
        equal(Apk, &["1.0", "01.0", "001.0"]);
    }

    #[test]
    fn a_later_number_with_a_zero_in_front_is_a_fraction() {
        ascending(
            Apk,
            &["8.2.0", "8.2.00", "8.2.001", "8.2.0015", "8.2.002", "8.2.01", "8.2.1", "8.2.9", "8.2.10"],
        );
        ascending(Apk, &["1.06-r6", "1.1", "006"]);
    }

    #[test]
    fn what_apk_refuses_is_refused() {
        refused(
            Apk,
            &[
                "",
                "a",
                ".1",
                "_pre1",
                "-r1",
                "0.1bc",
                "0.1bc1",
                "0.1a1",
                "0.1a.1",
                "0.1_pre2~",
                "0.1_pre2~12xb",
                "0.1_pre2~1234abcd_pre1",
                "0.1_foobar",
                "0.1-pre1.1",
                "0.1-r",
                "0.1-r2_pre1",
                "0.1-r2-r3",
                "0.1-r2.1",
                "0.1_",
                "0.1__alpha",
                "0.1_1_alpha",
                "1..2",
                "1.",
                "1.0.-r1",
                "1.0.r2",
                "1.0 ",
                "1.0é",
            ],
        );
    }
}
