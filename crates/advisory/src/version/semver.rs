//! SemVer 2.0.0: `major.minor.patch[-pre.release][+build]`, and the pieces that its kin share.
//!
//! crates.io never has a `v` in front, Kubernetes and Go always; so one order serves them and does not mind it. As in
//! golang.org/x/mod/semver, `1.2` is `1.2.0`: advisories write that.

use super::{
    Why,
    atoms::{Number, NumberFirst, equal_by_order},
};
use std::cmp::Ordering;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version<'a> {
    pub(super) core: [Number<'a>; 3],
    pub(super) stage: Stage<'a>,
}

pub(super) fn parse(text: &str) -> Result<Version<'_>, Why> {
    let pieces = Pieces::split(text.strip_prefix('v').unwrap_or(text))?;
    if pieces.core.split('.').any(has_leading_zero) {
        return Err("has a number with a zero in front");
    }
    Ok(Version { core: pieces.three_numbers()?, stage: pieces.stage(Zeros::Refused)? })
}

/// A text, cut at its first `+` and at the first `-` before that.
pub(super) struct Pieces<'a> {
    pub(super) core: &'a str,
    pub(super) pre: Option<&'a str>,
    pub(super) build: Option<&'a str>,
}

/// Whether a numeric identifier may start with a zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Zeros {
    Allowed,
    Refused,
}

impl<'a> Pieces<'a> {
    pub(super) fn split(text: &'a str) -> Result<Self, Why> {
        let (text, build) = match text.split_once('+') {
            Some((text, build)) => (text, Some(build)),
            None => (text, None),
        };
        if !build.is_none_or(are_identifiers) {
            return Err("has build metadata that is none");
        }
        let (core, pre) = match text.split_once('-') {
            Some((core, pre)) => (core, Some(pre)),
            None => (text, None),
        };
        Ok(Self { core, pre, build })
    }

    /// Those that are missing at the end are zero, if nothing follows.
    pub(super) fn three_numbers(&self) -> Result<[Number<'a>; 3], Why> {
        let minimum = if self.pre.or(self.build).is_some() { 3 } else { 1 };
        Number::dotted(self.core, minimum).ok_or("does not start with three numbers")
    }

    pub(super) fn stage(&self, zeros: Zeros) -> Result<Stage<'a>, Why> {
        match self.pre {
            None => Ok(Stage::Release),
            Some(text) if !are_identifiers(text) => Err("has a pre-release that is none"),
            Some(text) if zeros == Zeros::Refused && text.split('.').any(has_leading_zero) => {
                Err("has a number with a zero in front")
            }
            Some(text) => Ok(Stage::Pre(Identifiers::of(text))),
        }
    }
}

fn are_identifiers(text: &str) -> bool {
    text.split('.')
        .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}

fn has_leading_zero(part: &str) -> bool {
    part.len() > 1 && part.starts_with('0') && part.bytes().all(|b| b.is_ascii_digit())
}

/// A pre-release comes before its release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage<'a> {
    Pre(Identifiers<'a>),
    Release,
}

/// Dot-separated; numbers before texts, the shorter list before the longer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identifiers<'a> {
    text: &'a str,
    /// One more, for those who write `rc1` and mean `rc.1`.
    last: Option<&'a str>,
}

impl<'a> Identifiers<'a> {
    pub(super) const fn of(text: &'a str) -> Self {
        Self { text, last: None }
    }

    pub(super) const fn of_two(text: &'a str, last: &'a str) -> Self {
        Self { text, last: Some(last) }
    }

    fn iter(self) -> impl Iterator<Item = NumberFirst<'a, &'a str>> {
        let parts = self.text.split('.').chain(self.last);
        parts.map(|part| Number::parse(part).map_or(NumberFirst::Text(part), NumberFirst::Number))
    }
}

impl Ord for Identifiers<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other.iter())
    }
}
equal_by_order!(Identifiers<'_>);

#[cfg(test)]
mod tests {
    use crate::version::{
        Order::{Hex, SemVer},
        tests::{ascending, equal, refused},
    };

    #[test]
    fn precedence_is_that_of_the_specification() {
        for order in [SemVer, Hex] {
            ascending(
                order,
                &[
                    "1.0.0-0",
                    "1.0.0-1",
                    "1.0.0-1.0",
                    "1.0.0-alpha",
                    "1.0.0-alpha.1",
                    "1.0.0-alpha.beta",
                    "1.0.0-beta",
                    "1.0.0-beta.2",
                    "1.0.0-beta.11",
                    "1.0.0-rc.1",
                    "1.0.0",
                    "1.0.10",
                    "1.2.0",
                    "1.10.0",
                    "2.0.0",
                ],
            );
            ascending(order, &["1.0.0---", "1.0.0--1", "1.0.0-1a", "1.0.0-A", "1.0.0-a", "1.0.0-a-b"]);
            ascending(
                order,
                &[
                    "99999999999999999999.0.0-18446744073709551616",
                    "99999999999999999999.0.0-18446744073709551617",
                ],
            );
            equal(
                order,
                &["1.0.0", "1.0.0+20130313144700", "1.0.0+21AF26D3---117B344092BD", "v1.0.0", "1.0", "1"],
            );
        }
    }

    #[test]
    fn what_the_specification_refuses_is_refused() {
        refused(
            SemVer,
            &[
                "1.2.3.4",
                "1.2.3-",
                "1.2.3+",
                "1.2.3-a..b",
                "1.2.3-01",
                "01.2.3",
                "1.02.3",
                "1.2-beta",
                "1+x",
                "a.b.c",
                "1.2.x",
                "vv1.2.3",
                "-1.0.0",
                "1.2.3-ä",
                "1.2.3+a+b",
                " 1.2.3",
                "1.2.3beta",
                ".1.2",
                "1..2",
                "",
            ],
        );
    }
}
