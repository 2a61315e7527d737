//! PEP 440, normalisation included: `v1.0-RC.1` is `1.0rc1`, `1.0-1` is `1.0.post1`.
//!
//! ```text
//!   [epoch!] release [pre] [post] [dev] [+local]
//!   1.0.dev1 < 1.0a1.dev1 < 1.0a1 < 1.0a1.post1 < 1.0b1 < 1.0rc1 < 1.0 < 1.0+x < 1.0.post1.dev1 < 1.0.post1
//! ```
//!
//! The fields below are in the order in which they count.

use super::{
    Why,
    atoms::{Folded, Number, TextFirst, compare_padded, equal_by_order, take_while, take_word},
};
use std::cmp::Ordering;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version<'a> {
    epoch: Number<'a>,
    release: Release<'a>,
    stage: Stage<'a>,
    post: Option<Number<'a>>,
    dev: Dev<'a>,
    local: Option<Local<'a>>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage<'a> {
    /// A development release of the release itself comes before its alpha.
    OnlyDev,
    Alpha(Number<'a>),
    Beta(Number<'a>),
    Candidate(Number<'a>),
    Release,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Dev<'a> {
    Dev(Number<'a>),
    No,
}

pub(super) fn parse(text: &str) -> Result<Version<'_>, Why> {
    let mut rest = text.trim();
    take_word(&mut rest, "v");
    let mut epoch = Number::ZERO;
    if let Some((before, after)) = rest.split_once('!') {
        epoch = Number::parse(before).ok_or("has an epoch that is no number")?;
        rest = after;
    }
    let release = take_release(&mut rest).ok_or("does not start with a number")?;
    let stage = pre(&mut rest);
    let post = post(&mut rest);
    let dev = word(&mut rest, &["dev"]);
    let local = match rest.strip_prefix('+') {
        Some(local) if Local(local).is_well_formed() => Some(Local(local)),
        None if rest.is_empty() => None,
        _ => return Err("goes on with something that PEP 440 does not know"),
    };
    Ok(Version {
        epoch,
        release: Release(release),
        stage: stage.unwrap_or(if post.is_none() && dev.is_some() { Stage::OnlyDev } else { Stage::Release }),
        post,
        dev: dev.map_or(Dev::No, Dev::Dev),
        local,
    })
}

/// Numbers with dots between; a dot that no number follows is not part of it.
fn take_release<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let whole = *rest;
    let run = take_while(rest, |b| b.is_ascii_digit() || b == b'.');
    let length = run.find("..").unwrap_or(run.len());
    let release = run[..length].trim_end_matches('.');
    *rest = &whole[release.len()..];
    release.starts_with(|c: char| c.is_ascii_digit()).then_some(release)
}

/// `[sep] name [sep] [number]`; the number is zero if missing. Names are tried in this order.
fn word<'a>(rest: &mut &'a str, names: &[&str]) -> Option<Number<'a>> {
    let mut after = *rest;
    take_separator(&mut after);
    if !names.iter().any(|name| take_word(&mut after, name)) {
        return None;
    }
    take_separator(&mut after);
    *rest = after;
    Some(Number::take(rest).unwrap_or(Number::ZERO))
}

fn take_separator(rest: &mut &str) {
    *rest = rest.strip_prefix(['.', '-', '_']).unwrap_or(rest);
}

fn pre<'a>(rest: &mut &'a str) -> Option<Stage<'a>> {
    word(rest, &["alpha", "a"])
        .map(Stage::Alpha)
        .or_else(|| word(rest, &["beta", "b"]).map(Stage::Beta))
        .or_else(|| word(rest, &["preview", "pre", "c", "rc"]).map(Stage::Candidate))
}

fn post<'a>(rest: &mut &'a str) -> Option<Number<'a>> {
    if let Some(mut after) = rest.strip_prefix('-')
        && let Some(number) = Number::take(&mut after)
    {
        *rest = after;
        return Some(number);
    }
    word(rest, &["post", "rev", "r"])
}

/// Zeros at the end do not count.
#[derive(Debug)]
struct Release<'a>(&'a str);

impl Ord for Release<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        fn numbers(text: &str) -> impl Iterator<Item = Number<'_>> {
            text.split('.').map(Number::of)
        }
        compare_padded(numbers(self.0), numbers(other.0), &Number::ZERO)
    }
}
equal_by_order!(Release<'_>);

#[derive(Debug)]
struct Local<'a>(&'a str);

impl<'a> Local<'a> {
    fn parts(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.split(['.', '-', '_'])
    }

    fn keys(&self) -> impl Iterator<Item = TextFirst<'a, Folded<'a>>> {
        self.parts().map(|part| Number::parse(part).map_or(TextFirst::Text(Folded(part)), TextFirst::Number))
    }

    fn is_well_formed(&self) -> bool {
        self.parts().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
    }
}

impl Ord for Local<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.keys().cmp(other.keys())
    }
}
equal_by_order!(Local<'_>);

#[cfg(test)]
mod tests {
    use crate::version::{
        Order::Pep440,
        tests::{ascending, equal, refused},
    };

    #[test]
    fn releases_are_surrounded_by_their_stages() {
        ascending(
            Pep440,
            &[
                "1.0.dev456",
                "1.0a1.dev1",
                "1.0a1",
                "1.0a2.dev456",
                "1.0a12.dev456",
                "1.0a12",
                "1.0b1.dev456",
                "1.0b2",
                "1.0b2.post345.dev456",
                "1.0b2.post345",
                "1.0rc1.dev456",
                "1.0rc1",
                "1.0",
                "1.0+abc.5",
                "1.0+abc.7",
                "1.0+5",
                "1.0.post456.dev34",
                "1.0.post456",
                "1.0.15",
                "1.1.dev1",
                "1!0.dev1",
                "1!1.0",
            ],
        );
        ascending(
            Pep440,
            &[
                "1.2+abc",
                "1.2+abcdef",
                "1.2+abcdef.1",
                "1.2+1",
                "1.2+1.abc",
                "1.2+1.1",
                "1.2+10",
                "1.2.post0",
            ],
        );
        ascending(Pep440, &["2012.10", "2013.1", "99999999999999999999999", "100000000000000000000000"]);
    }

    #[test]
    fn spellings_are_normalised() {
        equal(Pep440, &["1.0", "v1.0", "V1", "1.0.0", " 1.0 ", "0!1.0", "01.00"]);
        equal(Pep440, &["1.0rc1", "1.0c1", "1.0pre1", "1.0-preview-1", "1.0.RC.1", "1.0_rc_01"]);
        equal(Pep440, &["1.0a0", "1.0a", "1.0.alpha", "1.0-ALPHA", "1.0a."]);
        equal(Pep440, &["1.0b2", "1.0-Beta_2"]);
        equal(Pep440, &["1.0.post1", "1.0-1", "1.0-r1", "1.0.rev.1", "1.0post01"]);
        equal(Pep440, &["1.0.dev0", "1.0dev", "1.0-DEV", "1.0_dev_0"]);
        equal(Pep440, &["1.0+ubuntu.1", "1.0+Ubuntu-1", "1.0+ubuntu_01"]);
    }

    #[test]
    fn what_pep_440_refuses_is_refused() {
        refused(
            Pep440,
            &[
                "french toast",
                "1.0+a+",
                "1.0++",
                "1.0+_foobar",
                "1.0+foo&asd",
                "1.0+1+1",
                "1.0+",
                "1.0.",
                "1..0",
                "!1.0",
                "a!1",
                "2.6.0-NA",
                "2024-09-25",
                "1.0-1-1",
                "1.0.post1.rc1",
                "1.0dev1post1",
                "==1.0",
                "1.0 1",
                "1.٣",
            ],
        );
    }
}
