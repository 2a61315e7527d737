//! `[epoch:]version[-release]`, by rpmvercmp of RPM 4.15 and later (`~` and `^`).
//!
//! Runs of letters and runs of digits are compared; everything else only separates them. A missing epoch is zero,
//! a missing release comes before every release.

use super::{
    Why,
    atoms::{Number, equal_by_order, take_while},
};
use std::cmp::Ordering;

/// The three parts; pacman took them over from RPM.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Evr<'a, S> {
    epoch: Number<'a>,
    version: S,
    release: Option<S>,
}

pub(super) fn parse(text: &str) -> Result<Evr<'_, Segments<'_>>, Why> {
    split(text, |part| Ok(Segments(part)))
}

/// Reads the parts, version and release with `segments`.
pub(super) fn split<'a, S>(
    text: &'a str,
    segments: impl Fn(&'a str) -> Result<S, Why>,
) -> Result<Evr<'a, S>, Why> {
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("has a space or a character that is not ASCII");
    }
    let (epoch, rest) = text.split_once(':').unwrap_or(("", text));
    let (version, release) = match rest.rsplit_once('-') {
        Some((version, release)) => (version, Some(release)),
        None => (rest, None),
    };
    if !epoch.bytes().all(|b| b.is_ascii_digit()) {
        return Err("has an epoch that is no number");
    }
    if version.is_empty() || release == Some("") {
        return Err("has an empty part");
    }
    Ok(Evr {
        epoch: Number::of(epoch),
        version: segments(version)?,
        release: release.map(segments).transpose()?,
    })
}

/// Declared in the order in which they sort.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Segment<'a> {
    Tilde,
    End,
    Caret,
    Letters(&'a str),
    Digits(Number<'a>),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Segments<'a>(&'a str);

impl<'a> Segments<'a> {
    fn iter(self) -> impl Iterator<Item = Segment<'a>> {
        let mut rest = self.0;
        let segments = std::iter::from_fn(move || {
            take_while(&mut rest, |b| !b.is_ascii_alphanumeric() && b != b'~' && b != b'^');
            if let Some(number) = Number::take(&mut rest) {
                return Some(Segment::Digits(number));
            }
            let letters = take_while(&mut rest, |b| b.is_ascii_alphabetic());
            if !letters.is_empty() {
                return Some(Segment::Letters(letters));
            }
            let mark = rest.bytes().next()?;
            rest = &rest[1..];
            Some(if mark == b'~' { Segment::Tilde } else { Segment::Caret })
        });
        segments.chain([Segment::End])
    }
}

impl Ord for Segments<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other.iter())
    }
}
equal_by_order!(Segments<'_>);

#[cfg(test)]
mod tests {
    use crate::version::{
        Order::Rpm,
        tests::{ascending, equal, refused},
    };

    #[test]
    fn runs_of_letters_and_digits_are_compared() {
        ascending(Rpm, &["2.0", "2.0.1", "2.0.1a"]);
        ascending(Rpm, &["5.5p1", "5.5p2", "5.5p10", "5.6p1", "6.5p1"]);
        ascending(Rpm, &["10xyz", "10.1xyz"]);
        ascending(Rpm, &["xyz.4", "xyz10", "xyz10.1", "2", "8"]);
        ascending(Rpm, &["6.0", "6.0.rc1", "6.0.1"]);
        ascending(Rpm, &["1.0a", "1.0aa", "10a1", "10a2", "10b2"]);
        ascending(Rpm, &["1b.fc17", "1.fc17", "1g.fc17"]);
        ascending(Rpm, &["20101121", "20101122", "99999999999999999998", "99999999999999999999", "1:0"]);
        equal(Rpm, &["10.0001", "10.1", "10.01"]);
        equal(Rpm, &["2.0", "2_0", "2+.+0", "2.0.", "0:2.0", ":2.0"]);
    }

    #[test]
    fn tilde_comes_before_the_end_and_caret_after_it() {
        ascending(
            Rpm,
            &[
                "1.0~rc1~git123",
                "1.0~rc1",
                "1.0~rc1^git1",
                "1.0~rc2",
                "1.0",
                "1.0^",
                "1.0^git1~pre",
                "1.0^git1",
                "1.0^git2",
                "1.0^20160101",
                "1.0^20160101^git1",
                "1.0^20160102",
                "1.0.1",
                "1.01.1",
            ],
        );
    }

    #[test]
    fn epoch_comes_first_and_release_last() {
        ascending(
            Rpm,
            &["1.0", "1.0-1.el8", "1.0-1.el8_6.3", "1.0-1.el9", "1.0-2.el8", "1.0.1-1", "1:0.1-1"],
        );
        ascending(Rpm, &["1-2-1", "1-2-2"]);
    }

    #[test]
    fn what_is_no_version_is_refused() {
        refused(Rpm, &["", "1:", "1-", "-1", "a:1", "(none):1.0-1", "1.0 1", "1.1.α"]);
    }
}
