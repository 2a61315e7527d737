//! Bitnami: the version of the product and the revision of its packaging, `7.4.0-1` or `7.4.0-r1`.
//!
//! A revision comes after the version without one, which is revision 0: advisories write `1.21.0-0` where they mean
//! "from 1.21.0 on". What starts with a letter (`2.6.0-rc1`) is not of Bitnami but of the product, a pre-release;
//! bitnami/go-version takes it for a revision, too, and has `2.6.0-rc1` after `2.6.0`.

use super::{
    Why,
    atoms::{Number, take_while},
    semver::{Identifiers, Pieces, Stage as Pre, Zeros},
};

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version<'a> {
    product: [Number<'a>; 4],
    stage: Stage<'a>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage<'a> {
    Pre(Identifiers<'a>),
    /// The number, and what follows it: `10.el8` of `2.4.46-10.el8`.
    Revision(Number<'a>, Option<Identifiers<'a>>),
}

pub(super) fn parse(text: &str) -> Result<Version<'_>, Why> {
    let pieces = Pieces::split(text)?;
    Ok(Version {
        product: Number::dotted(pieces.core, 1).ok_or("does not start with one to four numbers")?,
        stage: match pieces.stage(Zeros::Allowed)? {
            Pre::Pre(pre) => pieces.pre.and_then(revision).unwrap_or(Stage::Pre(pre)),
            Pre::Release => Stage::Revision(Number::ZERO, None),
        },
    })
}

fn revision(text: &str) -> Option<Stage<'_>> {
    let mut rest = text.strip_prefix('r').unwrap_or(text);
    let number = Number::take(&mut rest)?;
    take_while(&mut rest, |b| b == b'.' || b == b'-');
    Some(Stage::Revision(number, (!rest.is_empty()).then_some(Identifiers::of(rest))))
}

#[cfg(test)]
mod tests {
    use crate::version::{
        Order::Bitnami,
        tests::{ascending, equal, refused},
    };

    #[test]
    fn a_revision_comes_after_the_version_and_a_pre_release_before_it() {
        ascending(
            Bitnami,
            &[
                "2.6.0-alpha.1",
                "2.6.0-rc1",
                "2.6.0",
                "2.6.0-1",
                "2.6.0-2",
                "2.6.0-10.el8",
                "2.6.0-r11",
                "2.6.1",
                "2.10.0",
            ],
        );
        ascending(
            Bitnami,
            &["3.6.5", "3.6.5-8-g210218", "3.6.5-9", "9.0.35", "9.0.35-3", "9.0.35-3.57.3", "9.0.35.1"],
        );
        equal(Bitnami, &["1.21.0", "1.21.0-0", "1.21.0-r0", "1.21", "1.21.0+x"]);
        equal(Bitnami, &["7.4.0-3", "7.4.0-r3", "7.4.0-03"]);
        equal(Bitnami, &["2018.08.18", "2018.8.18"]);
        refused(Bitnami, &["nightly.2026-03-10.0", "1.2.3-", "1.2.3.4.5", "1.2.3-r1_2", "latest"]);
    }
}
