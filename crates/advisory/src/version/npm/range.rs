//! Ranges of node-semver: `^1.2 || >=2 <3 || 4.1 - 5.x`.
//!
//! As in `npm audit`, a pre-release is in a range if it lies between its ends (`includePrerelease`): a vulnerable
//! range that left out `2.0.0-rc.1` would call it safe.
//!
//! No bound is ever incremented. A comparator looks at as many numbers as it names, so that `^1.2.3` is "at least
//! 1.2.3, and the first number is 1":
//!
//! ```text
//!   1.2.x  = 1.2         ~1.2.3   >= 1.2.3 and = 1.2      1.2 - 2.3   >= 1.2 and <= 2.3
//!   > 1.2                ^0.2.3   >= 0.2.3 and = 0.2      *           (no comparator)
//! ```

use super::{NO_CORE, Number, Stage, Version, Why, parse, stage, take_prefix};
use crate::version::{Order, SHOWN, Unparsable};
use std::cmp::Ordering;

/// Longer than any range of an advisory.
const MAX_LENGTH: usize = 4096;

/// A set of versions. Borrows the text that it was parsed from.
#[derive(Clone, Debug)]
pub struct Range<'a> {
    /// One of these must hold, and of that one everything.
    alternatives: Vec<Vec<Comparator<'a>>>,
}

/// A text that is no range of npm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{range:?} is not a range of npm versions: it {why}")]
pub struct BadRange {
    /// Its first 100 characters.
    pub range: String,
    /// What is wrong with it; completes "it ...".
    pub why: &'static str,
}

#[derive(Clone, Debug)]
struct Comparator<'a> {
    accepts: fn(Ordering) -> bool,
    bound: Bound<'a>,
}

/// As much of a version as is given.
#[derive(Clone, Debug)]
struct Bound<'a> {
    core: [Number<'a>; 3],
    given: usize,
    /// None compares the numbers only.
    stage: Option<Stage<'a>>,
}

impl<'a> Range<'a> {
    /// Reads a range; the empty one holds every version.
    pub fn parse(text: &'a str) -> Result<Self, BadRange> {
        let bad = |why| BadRange { range: text.chars().take(SHOWN).collect(), why };
        if text.len() > MAX_LENGTH {
            return Err(bad("is longer than 4096 bytes"));
        }
        let alternatives: Result<_, Why> = text.split("||").map(alternative).collect();
        Ok(Self { alternatives: alternatives.map_err(bad)? })
    }

    /// Whether a version is in it.
    pub fn contains(&self, version: &str) -> Result<bool, Unparsable> {
        Order::Npm.sane(version)?;
        let version = parse(version).map_err(|why| Order::Npm.unparsable(version, why))?;
        let holds = |comparator: &Comparator<'_>| (comparator.accepts)(comparator.bound.order(&version));
        Ok(self.alternatives.iter().any(|all| all.iter().all(holds)))
    }
}

fn alternative(text: &str) -> Result<Vec<Comparator<'_>>, Why> {
    let mut comparators = Vec::new();
    let mut words = text.split_ascii_whitespace().peekable();
    while let Some(word) = words.next() {
        if words.peek() == Some(&"-") {
            words.next();
            let end = words.next().ok_or("has a hyphen without an end")?;
            let hyphen = [(word, Ordering::is_ge as fn(_) -> _), (end, Ordering::is_le)];
            for (text, accepts) in hyphen {
                let mut bound = Bound::parse(text)?;
                bound.stage = bound.stage.filter(|&stage| stage != Stage::Release);
                comparators.push(Comparator { accepts, bound });
            }
            continue;
        }
        let operator = OPERATORS.into_iter().find(|operator| word.starts_with(operator));
        let bare = &word[operator.map_or(0, str::len)..];
        let version =
            if bare.is_empty() { words.next().ok_or("has an operator without a version")? } else { bare };
        push(&mut comparators, operator, Bound::parse(version)?);
    }
    Ok(comparators)
}

/// The longer one first where one starts with another.
const OPERATORS: [&str; 8] = ["<=", "<", ">=", ">", "~>", "~", "^", "="];

fn push<'a>(into: &mut Vec<Comparator<'a>>, operator: Option<&str>, bound: Bound<'a>) {
    let mut one = |accepts, bound| into.push(Comparator { accepts, bound });
    match operator {
        Some("<") => one(Ordering::is_lt, bound),
        Some("<=") => one(Ordering::is_le, bound),
        Some(">") => one(Ordering::is_gt, bound),
        Some(">=") => one(Ordering::is_ge, bound),
        Some("~" | "~>") => {
            one(Ordering::is_eq, bound.first(2));
            one(Ordering::is_ge, bound);
        }
        Some("^") => {
            let zeros = bound.core.iter().take_while(|&&number| number == Number::ZERO).count();
            one(Ordering::is_eq, bound.first(zeros + 1));
            one(Ordering::is_ge, bound);
        }
        _ => one(Ordering::is_eq, bound),
    }
}

impl<'a> Bound<'a> {
    fn parse(text: &'a str) -> Result<Self, Why> {
        let mut bound = Self { core: [Number::ZERO; 3], given: 0, stage: None };
        let mut rest = text;
        take_prefix(&mut rest);
        for at in 0..3 {
            if at > 0 {
                match rest.strip_prefix('.') {
                    Some(after) => rest = after,
                    None => break,
                }
            }
            if let Some(after) = rest.strip_prefix(['x', 'X', '*']) {
                rest = after;
            } else if at > bound.given {
                return Err("has a number after a wildcard");
            } else {
                bound.core[at] = Number::take(&mut rest).ok_or(NO_CORE)?;
                bound.given = at + 1;
            }
        }
        if bound.given == 3 {
            bound.stage = Some(stage(rest)?);
        } else if !rest.is_empty() {
            return Err("goes on after numbers that are not three");
        }
        Ok(bound)
    }

    /// Only its first numbers.
    fn first(&self, count: usize) -> Self {
        Self { core: self.core, given: self.given.min(count), stage: None }
    }

    /// Where a version is, seen from here.
    fn order(&self, version: &Version<'_>) -> Ordering {
        let numbers = version.core[..self.given].cmp(&self.core[..self.given]);
        numbers.then_with(|| self.stage.map_or(Ordering::Equal, |stage| version.stage.cmp(&stage)))
    }
}

#[cfg(test)]
mod tests {
    use super::Range;
    use proptest::prelude::*;

    fn check(range: &str, inside: &[&str], outside: &[&str]) {
        let parsed = Range::parse(range).expect("parses");
        for version in inside {
            assert_eq!(parsed.contains(version), Ok(true), "{version} in {range}");
        }
        for version in outside {
            assert_eq!(parsed.contains(version), Ok(false), "{version} in {range}");
        }
    }

    #[test]
    fn every_notation_has_its_bounds() {
        check("^1.2.3", &["1.2.3", "1.9.0", "1.3.0-rc.1"], &["1.2.2", "1.2.3-rc.1", "2.0.0-0", "2.0.0"]);
        check("^0.2.3", &["0.2.3", "0.2.9"], &["0.3.0-0", "0.2.2"]);
        check("^0.0.3", &["0.0.3"], &["0.0.4", "0.0.4-0"]);
        check("^0.0", &["0.0.0", "0.0.9"], &["0.1.0"]);
        check("^0", &["0.0.0", "0.9.9"], &["1.0.0-0"]);
        check("^1.2.3-beta.2", &["1.2.3-beta.3", "1.2.3"], &["1.2.3-beta.1"]);
        check("~1.2.3", &["1.2.3", "1.2.9"], &["1.3.0-0", "1.2.2"]);
        check("~>1.2", &["1.2.0-alpha", "1.2.9"], &["1.3.0"]);
        check("~ 1", &["1.0.0", "1.9.9"], &["2.0.0"]);
        check("1.2.x", &["1.2.0-0", "1.2.99"], &["1.3.0", "1.1.9"]);
        check("1.*.*", &["1.0.0"], &["2.0.0"]);
        check(">1.2", &["1.3.0-0", "1.3.0"], &["1.2.9"]);
        check("<=1.2", &["1.2.9", "0.1.0"], &["1.3.0-0"]);
        check("<1.2", &["1.1.9"], &["1.2.0-0"]);
        check(">= 1.2.3 < 2", &["1.2.3", "1.9.9"], &["2.0.0-0", "2.0.0"]);
        check("=v1.2.3", &["1.2.3", "1.2.3+build"], &["1.2.3-0", "1.2.4"]);
    }

    #[test]
    fn hyphens_alternatives_and_wildcards() {
        check("1.2.3 - 2.3", &["1.2.3", "2.3.9"], &["1.2.2", "2.4.0-0"]);
        check("1.2 - 2.3.4", &["1.2.0", "2.3.4"], &["2.3.5-0"]);
        check("1 - 2 || ^4.1 || <0.1.0", &["1.0.0", "2.9.9", "4.2.0", "0.0.1"], &["3.0.0", "4.0.0", "0.1.0"]);
        check("<1.0.0||>=2 <3", &["0.9.0", "2.5.0"], &["1.0.0", "3.0.0"]);
        for everything in ["", "*", "x", ">=*", " || 9"] {
            check(everything, &["0.0.0", "1.2.3-rc.1", "99999999999999999999.0.0"], &[]);
        }
        check(">*", &[], &["1.0.0"]);
        check("^99999999999999999999.1.0", &["99999999999999999999.2.0"], &["100000000000000000000.0.0"]);
    }

    #[test]
    fn what_is_no_range_is_an_error() {
        for text in [
            "blerg",
            "1.2.3.4",
            ">",
            "^",
            "1 -",
            "1.x.3",
            "x.1",
            "1.2-beta",
            ">=1.0,<2",
            "1.0 - ^2 3.",
            &"1 ".repeat(3000),
        ] {
            assert!(Range::parse(text).is_err(), "{text}");
        }
        let range = Range::parse("*").expect("parses");
        assert!(range.contains("latest").is_err() && range.contains("").is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_ranges_never_panic(text in "[0-9xv*.<>=~^| +a-c-]{0,30}", version in "[0-9]\\.[0-9]\\.[0-9](-[a-c0-9.]{1,5})?") {
            if let Ok(range) = Range::parse(&text) {
                let _ = range.contains(&version);
            }
        }
    }
}
