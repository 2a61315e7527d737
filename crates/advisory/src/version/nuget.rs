//! NuGet: one to four numbers, then a pre-release as in SemVer whose case does not matter. Build metadata is
//! ignored.

use super::{
    Why,
    atoms::{Folded, Number, NumberFirst, equal_by_order},
    semver::{Pieces, Zeros},
};
use std::cmp::Ordering;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version<'a> {
    numbers: [Number<'a>; 4],
    stage: Stage<'a>,
}

pub(super) fn parse(text: &str) -> Result<Version<'_>, Why> {
    let pieces = Pieces::split(text.trim_ascii())?;
    pieces.stage(Zeros::Refused)?;
    Ok(Version {
        numbers: Number::dotted(pieces.core, 1).ok_or("does not start with one to four numbers")?,
        stage: pieces.pre.map_or(Stage::Release, |pre| Stage::Pre(Labels(pre))),
    })
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage<'a> {
    Pre(Labels<'a>),
    Release,
}

#[derive(Debug)]
struct Labels<'a>(&'a str);

impl Ord for Labels<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        fn labels(text: &str) -> impl Iterator<Item = NumberFirst<'_, Folded<'_>>> {
            text.split('.')
                .map(|part| Number::parse(part).map_or(NumberFirst::Text(Folded(part)), NumberFirst::Number))
        }
        labels(self.0).cmp(labels(other.0))
    }
}
equal_by_order!(Labels<'_>);

#[cfg(test)]
mod tests {
    use crate::version::{
        Order::NuGet,
        tests::{ascending, equal, refused},
    };

    #[test]
    fn four_numbers_and_a_pre_release_without_case() {
        ascending(
            NuGet,
            &[
                "1.0.0-alpha",
                "1.0.0-Alpha.1",
                "1.0.0-alpha.beta",
                "1.0.0-BETA.2",
                "1.0.0-beta.11",
                "1.0.0-rc.1",
                "1.0.0",
                "1.0.0.1-pre",
                "1.0.0.1",
                "1.0.1",
                "1.2",
                "2",
                "4.7.1.99999999999",
            ],
        );
        equal(NuGet, &["1", "1.0", "1.0.0", "1.0.0.0", "01.00", "1.0.0+build.7", " 1.0 "]);
        equal(NuGet, &["2.0.0-RC.1+a", "2.0.0-rc.1+b", "2.0-Rc.1"]);
        refused(
            NuGet,
            &["1.0.0.0.0", "1.", "1..2", "v1.0", "1.0-", "1.0-a..b", "1.0-01", "1.0+", "1.0.x", "1,0"],
        );
    }
}
