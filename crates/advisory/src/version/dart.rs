//! Dart's `pub_semver`: SemVer with zeros in front allowed, and with build metadata that counts. A build comes after
//! the version without one.

use super::{
    Why,
    atoms::Number,
    semver::{Identifiers, Pieces, Stage, Zeros},
};

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version<'a> {
    core: [Number<'a>; 3],
    stage: Stage<'a>,
    build: Option<Identifiers<'a>>,
}

pub(super) fn parse(text: &str) -> Result<Version<'_>, Why> {
    let pieces = Pieces::split(text)?;
    Ok(Version {
        core: pieces.three_numbers()?,
        stage: pieces.stage(Zeros::Allowed)?,
        build: pieces.build.map(Identifiers::of),
    })
}

#[cfg(test)]
mod tests {
    use crate::version::{
        Order::Pub,
        tests::{ascending, equal, refused},
    };

    #[test]
    fn a_build_comes_after_its_version() {
        ascending(
            Pub,
            &[
                "1.0.0-alpha",
                "1.0.0-alpha.1",
                "1.0.0-beta.2",
                "1.0.0-beta.11",
                "1.0.0-rc.1",
                "1.0.0-rc.1+build.1",
                "1.0.0",
                "1.0.0+0.3.7",
                "1.3.7+build",
                "1.3.7+build.2.b8f12d7",
                "1.3.7+build.11.e0f985a",
                "2.0.0",
                "2.1.0",
            ],
        );
        equal(Pub, &["1.2.3-1.dev+pre.2", "01.02.03-01.dev+pre.02"]);
        refused(Pub, &["1.2.3.4", "1.0-x", "v1.0.0", "1.0.0-", "x"]);
    }
}
