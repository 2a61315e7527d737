//! `[epoch:]upstream[-revision]`, by Debian Policy 5.6.12 and deb-version(7).
//!
//! Upstream and revision are read as text, number, text, number, and so on. In a text, `~` comes before the end,
//! the end before letters, letters before everything else; a missing number is zero.

use super::{
    Why,
    atoms::{Number, compare_padded, equal_by_order, take_while},
};
use std::cmp::Ordering;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version<'a> {
    epoch: Number<'a>,
    upstream: Part<'a>,
    revision: Part<'a>,
}

pub(super) fn parse(text: &str) -> Result<Version<'_>, Why> {
    let text = text.trim_ascii();
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) => (Number::parse(epoch).ok_or("has an epoch that is no number")?, rest),
        None => (Number::ZERO, text),
    };
    let (upstream, revision) = match rest.rsplit_once('-') {
        Some((_, "")) => return Err("has an empty revision"),
        Some(parts) => parts,
        None => (rest, ""),
    };
    let allowed = |text: &str, more: &str| {
        text.bytes().all(|b| b.is_ascii_alphanumeric() || more.as_bytes().contains(&b))
    };
    if upstream.is_empty() {
        return Err("has no upstream version");
    }
    if !allowed(upstream, ".+~-:") || !allowed(revision, ".+~") {
        return Err("has a character that no Debian version has");
    }
    Ok(Version { epoch, upstream: Part(upstream), revision: Part(revision) })
}

#[derive(Clone, Copy, Debug)]
struct Part<'a>(&'a str);

impl<'a> Part<'a> {
    fn pairs(self) -> impl Iterator<Item = (Text<'a>, Number<'a>)> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let text = take_while(&mut rest, |b| !b.is_ascii_digit());
            Some((Text(text), Number::take(&mut rest).unwrap_or(Number::ZERO)))
        })
    }
}

impl Ord for Part<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_padded(self.pairs(), other.pairs(), &(Text(""), Number::ZERO))
    }
}
equal_by_order!(Part<'_>);

#[derive(Debug)]
struct Text<'a>(&'a str);

impl Ord for Text<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        const END: u16 = 1;
        fn weights(text: &str) -> impl Iterator<Item = u16> {
            let weight = |b| match b {
                b'~' => 0,
                b if b.is_ascii_alphabetic() => u16::from(b),
                b => u16::from(b) + 0x100,
            };
            text.bytes().map(weight).chain([END])
        }
        weights(self.0).cmp(weights(other.0))
    }
}
equal_by_order!(Text<'_>);

#[cfg(test)]
mod tests {
    use crate::version::{
        Order::Dpkg,
        tests::{ascending, equal, refused},
    };

    #[test]
    fn the_parts_of_a_version_count_in_their_order() {
        ascending(Dpkg, &["9-9", "1:1-1", "1:1-2", "1:1.1-1", "2:0"]);
        ascending(Dpkg, &["7.6p2-4", "7.6p2-4+b1", "7.6p2-10"]);
        ascending(Dpkg, &["1.0.3-3", "1.0.3-3+deb11u1", "1.0.3-3+deb11u2", "1.0.3-4~bpo12", "1.0.3-4"]);
        equal(Dpkg, &["1.0", "0:1.0", "1.0-0", " 1.0 ", "1.00"]);
        equal(Dpkg, &["0:0-0-0", "0:0-0-0"]);
        equal(Dpkg, &["1.2.3", "01.02.03", "1.2.3-00"]);
    }

    #[test]
    fn tilde_comes_before_the_end_and_letters_before_the_rest() {
        ascending(Dpkg, &["1~~", "1~~a", "1~", "1", "1a"]);
        ascending(Dpkg, &["1~", "1", "1A", "1Z", "1a", "1z", "1+", "1.", "1.0a", "1.1", "10"]);
        ascending(Dpkg, &["0-0~", "0-0", "0-0a", "0-0+"]);
        ascending(Dpkg, &["1.2a", "1.2a+~", "1.2a+"]);
    }

    #[test]
    fn what_dpkg_refuses_is_refused() {
        refused(
            Dpkg,
            &[
                "",
                " ",
                "a:1",
                ":1",
                "-1:1",
                "1:",
                "1-",
                "0:-1",
                "1 2",
                "1-a:b",
                "1_2",
                "1.0-1?",
                "<unfixed>",
                "é",
            ],
        );
    }
}
