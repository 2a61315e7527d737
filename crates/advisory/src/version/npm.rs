//! npm: node-semver in its loose mode, which is how npm reads what was published long ago.
//!
//! `=v1.02.3beta+x` is `1.2.3-beta`, and `1.2` is `1.2.0`: advisories write that. For the ranges that some
//! advisories have, see [`Range`].

mod range;

pub use range::{BadRange, Range};

use super::{
    Why,
    atoms::{Number, take_while},
    semver::{Pieces, Stage, Version, Zeros},
};

pub(super) fn parse(text: &str) -> Result<Version<'_>, Why> {
    let mut rest = text.trim_ascii();
    take_prefix(&mut rest);
    let mut core = [Number::ZERO; 3];
    for (at, number) in core.iter_mut().enumerate() {
        if at > 0 {
            if rest.is_empty() {
                break;
            }
            rest = rest.strip_prefix('.').ok_or(NO_CORE)?;
        }
        *number = Number::take(&mut rest).ok_or(NO_CORE)?;
    }
    Ok(Version { core, stage: stage(rest)? })
}

const NO_CORE: Why = "does not start with three numbers";

/// What people write in front of a version.
fn take_prefix(rest: &mut &str) {
    take_while(rest, |b| b == b'v' || b == b'=' || b.is_ascii_whitespace());
}

/// What follows the numbers: a pre-release with or without its hyphen, and build metadata.
fn stage(rest: &str) -> Result<Stage<'_>, Why> {
    let mut pieces = Pieces::split(rest)?;
    let (before, after) = (pieces.core, pieces.pre);
    if !before.is_empty() {
        let length = before.len() + after.map_or(0, |after| 1 + after.len());
        pieces.pre = Some(&rest[..length]);
    } else if after == Some("") {
        pieces.pre = Some("-");
    }
    pieces.stage(Zeros::Allowed)
}

#[cfg(test)]
mod tests {
    use crate::version::{
        Order::Npm,
        tests::{ascending, equal, refused},
    };

    #[test]
    fn what_was_once_published_is_read() {
        ascending(
            Npm,
            &[
                "1.2.3-0",
                "1.2.3-5",
                "1.2.3-4-foo",
                "1.2.3-5-Foo",
                "1.2.3-5-foo",
                "1.2.3-a",
                "1.2.3-a.5",
                "1.2.3-a.10",
                "1.2.3-a.b",
                "1.2.3-r100",
                "1.2.3-r2",
                "1.2.3",
                "1.10.0",
                "99999999999999999999.0.0",
            ],
        );
        equal(Npm, &["1.2.3-beta", "1.2.3beta", "v1.2.3-beta", "=v1.02.3-beta", " = 1.2.3-beta+build.7"]);
        equal(Npm, &["1.2.0", "1.2", "v1.2.0+b"]);

        refused(
            Npm,
            &[
                "",
                "hello, world",
                "1.2.3.4",
                "1.2.",
                "1..3",
                "1.2-beta",
                "xyz",
                "1.2.3-beta..1",
                "1.2.3+",
                "1.2.3 foo",
            ],
        );
    }
}
