//! `[epoch:]pkgver[-pkgrel]`, by alpm's vercmp.
//!
//! Like RPM before `~`, but separators count: `1.0a < 1.0 < 1.0.a < 1.0.1`, and a longer separator is newer.
//!
//! Two things differ from alpm, which has no total order there: a missing pkgrel comes before every pkgrel (alpm:
//! equal to each of them), and a part that ends in a separator is no version (alpm: `1..a > 1.1 > 1.. > 1..a`).

use super::{
    Why,
    atoms::{Number, TextFirst, equal_by_order, take_while},
    rpm::{Evr, split},
};
use std::cmp::Ordering;

pub(super) fn parse(text: &str) -> Result<Evr<'_, Segments<'_>>, Why> {
    split(text, |part| {
        if part.ends_with(|c: char| c.is_ascii_alphanumeric()) {
            Ok(Segments(part))
        } else {
            Err("has a part that ends in a separator")
        }
    })
}

/// Declared in the order in which they sort; letters and digits here follow without a separator.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Segment<'a> {
    Letters(&'a str),
    End,
    Digits(Number<'a>),
    /// After a separator of this length.
    After(usize, TextFirst<'a, &'a str>),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Segments<'a>(&'a str);

impl<'a> Segments<'a> {
    fn iter(self) -> impl Iterator<Item = Segment<'a>> {
        let mut rest = self.0;
        let segments = std::iter::from_fn(move || {
            let separator = take_while(&mut rest, |b| !b.is_ascii_alphanumeric()).len();
            if rest.is_empty() {
                return None;
            }
            let number = Number::take(&mut rest);
            let letters =
                if number.is_none() { take_while(&mut rest, |b| b.is_ascii_alphabetic()) } else { "" };
            Some(match (separator, number) {
                (0, Some(number)) => Segment::Digits(number),
                (0, None) => Segment::Letters(letters),
                (_, Some(number)) => Segment::After(separator, TextFirst::Number(number)),
                (_, None) => Segment::After(separator, TextFirst::Text(letters)),
            })
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
        Order::Pacman,
        tests::{ascending, equal, refused},
    };

    #[test]
    fn letters_come_before_the_end_unless_a_separator_is_between() {
        ascending(
            Pacman,
            &[
                "1.5a", "1.5alpha", "1.5b", "1.5beta", "1.5rc", "1.5", "1.5.a", "1.5.b", "1.5.1", "1.5.1.1",
                "1.5..1",
            ],
        );
        ascending(Pacman, &["1.5b-1", "1.5-1", "1.5-2", "1.5.b", "1.5.1-1", "0:1.6", "1:0.1"]);
        ascending(Pacman, &["0.9.6+10+g1234567", "0.9.6+11+g0123456", "0.9.7", "20240101"]);
        equal(Pacman, &["1.0", "0:1.0", "1_0", "1.00"]);
    }

    #[test]
    fn a_missing_pkgrel_comes_first() {
        ascending(Pacman, &["1.5", "1.5-1", "1.5-1.1", "1.5-2"]);
    }

    #[test]
    fn a_part_that_ends_in_a_separator_is_refused() {
        refused(Pacman, &["1.", "1..-1", "1-", "1-1.", "_", "a:1", "1 1", "ä"]);
    }
}
