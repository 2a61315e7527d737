//! Packagist: Composer's normalisation, then PHP's `version_compare`.
//!
//! ```text
//!   v1.2-beta.3   ──►  1.2.0.0-beta3       1   2   0   0   beta   3   end
//!   2.x-dev       ──►  2.9999999.9999999.9999999-dev
//!   2024-01-31    ──►  2024.01.31          a date keeps its length
//! ```
//!
//! `dev < alpha < beta < RC < end < number < patch`. A branch such as `dev-main` has no place in this order (for
//! Composer it equals nothing but itself), so it is no version here.

use super::{
    Why,
    atoms::{Number, equal_by_order, take_while, take_word},
};
use std::cmp::Ordering;

#[derive(Debug)]
pub(super) struct Version<'a> {
    /// Digits with anything between.
    numbers: &'a str,
    /// What fills them up to four, and how often.
    filling: (&'static str, usize),
    stability: Option<Piece<'static>>,
    stability_numbers: &'a str,
    dev: bool,
}

/// Declared in the order in which they sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece<'a> {
    Dev,
    Alpha,
    Beta,
    Candidate,
    End,
    Number(Number<'a>),
    Patch,
}

pub(super) fn parse(text: &str) -> Result<Version<'_>, Why> {
    let text = text.trim_ascii();
    if ["master", "trunk", "default"].contains(&text) || take_word(&mut { text }, "dev-") {
        return Err("is a branch, which has no place in the order");
    }
    let mut rest = match text.split_once('+') {
        Some((version, metadata)) if !metadata.is_empty() && !metadata.contains(char::is_whitespace) => {
            version
        }
        _ => text,
    };
    take_word(&mut rest, "v");
    let numbers = take_numbers(&mut rest);
    let mut runs = numbers.split(|c: char| !c.is_ascii_digit());
    let first = runs.next().map_or(0, str::len);
    let count = 1 + runs.count();
    let dotted = !numbers.contains([':', '-']);
    if first == 0 {
        return Err("does not start with a number");
    }
    if dotted && count < 4 && take_wildcards(&mut rest, 4 - count) {
        let dev = take_dev(&mut rest);
        return if dev && rest.is_empty() {
            Ok(Version {
                numbers,
                filling: ("9999999", 4 - count),
                stability: None,
                stability_numbers: "",
                dev,
            })
        } else {
            Err("has a wildcard without `-dev`")
        };
    }
    let filling = match count {
        ..=4 if dotted && first <= 5 => 4 - count,
        ..=9 if first >= 4 => 0,
        _ => return Err("has numbers that are neither a version nor a date"),
    };
    rest = rest.strip_prefix(['.', '_', '-']).unwrap_or(rest);
    let (stability, stability_numbers) = take_stability(&mut rest);
    let dev = take_dev(&mut rest);
    if !rest.is_empty() {
        return Err("goes on with something that Composer does not know");
    }
    let is_stable = stability == Some(Piece::End);
    Ok(Version {
        numbers,
        filling: ("0", filling),
        stability: stability.filter(|_| !is_stable),
        stability_numbers: if is_stable { "" } else { stability_numbers },
        dev: dev && !is_stable,
    })
}

/// Runs of digits with one `.`, `-` or `:` between.
fn take_numbers<'a>(rest: &mut &'a str) -> &'a str {
    let whole = *rest;
    let mut after = whole;
    while Number::take(&mut after).is_some() {
        *rest = after;
        after = after.strip_prefix(['.', '-', ':']).unwrap_or(after);
    }
    &whole[..whole.len() - rest.len()]
}

/// One to `most` of `.x`.
fn take_wildcards(rest: &mut &str, most: usize) -> bool {
    let before = rest.len();
    for _ in 0..most {
        let found = [".x", ".X", ".*"].iter().find_map(|wildcard| rest.strip_prefix(wildcard));
        *rest = found.unwrap_or(rest);
    }
    rest.len() < before
}

/// The name and the numbers behind it; `stable` is the end.
fn take_stability<'a>(rest: &mut &'a str) -> (Option<Piece<'static>>, &'a str) {
    const NAMES: [(&str, Piece<'static>); 9] = [
        ("stable", Piece::End),
        ("beta", Piece::Beta),
        ("b", Piece::Beta),
        ("rc", Piece::Candidate),
        ("alpha", Piece::Alpha),
        ("a", Piece::Alpha),
        ("patch", Piece::Patch),
        ("pl", Piece::Patch),
        ("p", Piece::Patch),
    ];
    let Some(&(_, piece)) = NAMES.iter().find(|(name, _)| take_word(rest, name)) else {
        return (None, "");
    };
    let whole = *rest;
    let mut after = whole;
    loop {
        after = after.strip_prefix(['.', '-']).unwrap_or(after);
        if Number::take(&mut after).is_none() {
            break;
        }
        *rest = after;
    }
    (Some(piece), &whole[..whole.len() - rest.len()])
}

fn take_dev(rest: &mut &str) -> bool {
    let mut after = rest.strip_prefix(['.', '-']).unwrap_or(rest);
    let found = take_word(&mut after, "dev");
    if found {
        *rest = after;
    }
    found
}

impl<'a> Version<'a> {
    fn pieces(&self) -> impl Iterator<Item = Piece<'a>> {
        fn numbers(mut rest: &str) -> impl Iterator<Item = Piece<'_>> {
            std::iter::from_fn(move || {
                take_while(&mut rest, |b| !b.is_ascii_digit());
                Number::take(&mut rest).map(Piece::Number)
            })
        }
        let (filling, times) = self.filling;
        numbers(self.numbers)
            .chain(std::iter::repeat_n(Piece::Number(Number::of(filling)), times))
            .chain(self.stability)
            .chain(numbers(self.stability_numbers))
            .chain(self.dev.then_some(Piece::Dev))
            .chain([Piece::End])
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.pieces().cmp(other.pieces())
    }
}
equal_by_order!(Version<'_>);

#[cfg(test)]
mod tests {
    use crate::version::{
        Order::Composer,
        tests::{ascending, equal, refused},
    };

    #[test]
    fn stabilities_have_their_places_around_the_release() {
        ascending(
            Composer,
            &[
                "1.0-dev",
                "1.0a-dev",
                "1.0a",
                "1.0a1-dev",
                "1.0a1",
                "1.0-alpha.2",
                "1.0.0-alpha10",
                "1.0b1",
                "1.0RC1-dev",
                "1.0RC1",
                "1.0-rc.2",
                "1.0",
                "1.0pl1-dev",
                "1.0p1",
                "1.0.0.1",
                "1.0.1",
                "2.0",
                "10.0",
            ],
        );
        ascending(Composer, &["1.0", "1.0.0.1", "1.0.1-beta2", "1.0.1-beta2.1", "1.0.1-beta3"]);

        ascending(Composer, &["2.0.5", "2.0.x-dev", "2.1-dev", "2.1", "2.x-dev", "3.0"]);
        ascending(Composer, &["99999", "20100102", "20100102-203040", "20100102203040-10"]);
        ascending(Composer, &["2010-01-02", "2010-01-02.5", "2010-01-02-10-20-30"]);
    }

    #[test]
    fn spellings_are_normalised() {
        equal(Composer, &["1", "1.0", "1.0.0.0", "v1", "V1.0", "1.0.0+foo", "1.0-stable", " 1.0 ", "001"]);
        equal(Composer, &["1.0.0RC1dev", "1.0.0-rC1-dev", "1.0.0.RC.1-dev", "1_RC1-dev"]);
        equal(Composer, &["1.0.0.pl3", "1.0-p3", "1.0patch3", "1.0.0.0-PATCH.3"]);
        equal(Composer, &["10.4.13-b5", "10.4.13beta.5", "v10.4.13.0-beta5+meta"]);
        equal(Composer, &["1.0.0-alpha-2.1-3", "1.0-a2.1.3"]);
        equal(Composer, &["1.x-dev", "1.X-DEV", "v1.*-dev", "1.x.x.x-dev", "1.9999999.9999999.9999999-dev"]);
        equal(Composer, &["2010-01-02", "2010:01:02", "2010-01.02"]);
    }

    #[test]
    fn branches_and_what_composer_refuses_are_refused() {
        refused(
            Composer,
            &[
                "dev-main",
                "DEV-feature/x",
                "master",
                "trunk",
                "",
                "a",
                "1.0.0-meh",
                "1.0.0.0.0",
                "feature-foo",
                "1.0.0+foo bar",
                "1.0.1-SNAPSHOT",
                "1.0.0<1.0.5-dev",
                "foo bar-dev",
                "1.0 .2",
                "^8",
                "~1",
                "1.*",
                "1.x",
                "4.3-2",
                "1.0-beta1x",
            ],
        );
    }
}
