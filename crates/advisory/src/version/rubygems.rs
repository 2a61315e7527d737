//! `Gem::Version`: runs of letters and runs of digits; letters come before digits, and everything goes on with
//! zeros. A `-` is `.pre.`, so `1.0-1` is before `1.0`.
//!
//! Zeros before the first letters do not count, `1.0.0.rc1 = 1.rc1`. RubyGems 4 drops the first run of zeros that
//! stands before *any* letters, `1.2.a.0.b = 1.2.a.b`; its own comment says "the first letter", as we do.

use super::{
    Why,
    atoms::{Number, TextFirst, compare_padded, equal_by_order, take_while},
};
use std::cmp::Ordering;

#[derive(Debug)]
pub(super) struct Version<'a> {
    /// What is before the first letter or hyphen, without zeros at its end.
    numbers: &'a str,
    rest: &'a str,
}

pub(super) fn parse(text: &str) -> Result<Version<'_>, Why> {
    let text = text.trim_ascii();
    let (dotted, pre) = match text.split_once('-') {
        Some((dotted, pre)) => (dotted, Some(pre)),
        None => (text, None),
    };
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let is_pre =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let starts_well = dotted.split('.').next().is_some_and(|first| Number::parse(first).is_some());
    if !starts_well || !dotted.split('.').all(is_part) || !pre.is_none_or(|pre| pre.split('.').all(is_pre)) {
        return Err("is not a number followed by parts of letters and digits");
    }
    let end = text.find(|c: char| c.is_ascii_alphabetic() || c == '-');
    let (numbers, rest) = text.split_at(end.unwrap_or(text.len()));
    Ok(Version { numbers: without_zeros(numbers), rest })
}

/// Cuts parts that are zero off the end.
fn without_zeros(mut numbers: &str) -> &str {
    loop {
        let dotless = numbers.trim_end_matches('.');
        let zeroless = dotless.trim_end_matches('0');
        let is_zero = zeroless.len() < dotless.len() && (zeroless.is_empty() || zeroless.ends_with('.'));
        if !is_zero {
            return dotless;
        }
        numbers = zeroless;
    }
}

impl<'a> Version<'a> {
    fn segments(&self) -> impl Iterator<Item = TextFirst<'a, &'a str>> {
        runs(self.numbers).chain(runs(self.rest))
    }
}

fn runs(mut rest: &str) -> impl Iterator<Item = TextFirst<'_, &str>> {
    std::iter::from_fn(move || {
        take_while(&mut rest, |b| b == b'.');
        if let Some(after) = rest.strip_prefix('-') {
            rest = after;
            return Some(TextFirst::Text("pre"));
        }
        if let Some(number) = Number::take(&mut rest) {
            return Some(TextFirst::Number(number));
        }
        let letters = take_while(&mut rest, |b| b.is_ascii_alphabetic());
        (!letters.is_empty()).then_some(TextFirst::Text(letters))
    })
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_padded(self.segments(), other.segments(), &TextFirst::Number(Number::ZERO))
    }
}
equal_by_order!(Version<'_>);

#[cfg(test)]
mod tests {
    use crate::version::{
        Order::RubyGems,
        tests::{ascending, equal, refused},
    };

    #[test]
    fn letters_make_a_pre_release() {
        ascending(
            RubyGems,
            &["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0-1", "1"],
        );
        ascending(
            RubyGems,
            &[
                "1.8.2.A",
                "1.8.2.a",
                "1.8.2.a9",
                "1.8.2.a10",
                "1.8.2.b",
                "1.8.2",
                "1.8.2.1",
                "1.8.10",
                "1.9.2.99",
                "1.9.3",
            ],
        );
        ascending(RubyGems, &["0.0.beta", "0.beta.1", "0"]);
        ascending(RubyGems, &["5.a", "5.0.0.rc2", "5.x", "5"]);
    }

    #[test]
    fn zeros_at_the_end_and_before_letters_do_not_count() {
        equal(RubyGems, &["1", "1.0", "1.0.0", " 1.0 ", "01"]);
        equal(RubyGems, &["1.2.b1", "1.2.b.1", "1.2.0.b1", "1.2.b01", "1.2.b.1.0"]);
        equal(RubyGems, &["0.beta.1", "0.0.beta.1"]);
        equal(RubyGems, &["1.2.3-1", "1.2.3.pre.1"]);
        ascending(RubyGems, &["10.a", "10", "100.a", "100"]);
        ascending(RubyGems, &["1.2.a.b", "1.2.a.0.b", "1.2.a"]);
    }

    #[test]
    fn what_rubygems_refuses_is_refused() {
        refused(
            RubyGems,
            &[
                "junk",
                "1..2",
                "1.2 3.4",
                "1.0\n2.0",
                "1beta",
                "1.",
                "-1",
                "1-",
                "1_2",
                "2.3422222.222.ads0as.dasd0.2.qd3e.",
                "1.é",
            ],
        );
    }
}
