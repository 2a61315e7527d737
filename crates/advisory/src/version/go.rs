//! Go: module versions (golang.org/x/mod/semver) and toolchains (`go1.21.3`, `go1.22rc1`), in one order.
//!
//! ```text
//!   v1.2.3+incompatible              build metadata is ignored
//!   v0.0.0-20240101000000-0123456789ab   a pseudo-version is a pre-release of what comes next
//!   v1.2                             missing numbers are zero
//!   go1.22rc1 = 1.22.0-rc.1          as the Go vulnerability database writes it
//!   go1.21.3-acme, go1.21.3 X:boringcrypto   what a vendor adds is ignored
//! ```

use super::{
    Why,
    atoms::{Number, take_while},
    semver::{self, Identifiers, Stage, Version},
};

pub(super) fn parse(text: &str) -> Result<Version<'_>, Why> {
    if let Some(toolchain) = text.strip_prefix("go") {
        let end = toolchain.find([' ', '\t', '-', '+']).unwrap_or(toolchain.len());
        return toolchain_version(&toolchain[..end]);
    }
    semver::parse(text).or_else(|why| toolchain_version(text).map_err(|_| why))
}

/// `1.21.3` or `1.22rc1`.
fn toolchain_version(text: &str) -> Result<Version<'_>, Why> {
    let mut rest = text;
    let core = take_while(&mut rest, |b| b.is_ascii_digit() || b == b'.');
    let kind = take_while(&mut rest, |b| b.is_ascii_lowercase());
    let stage = match (kind, Number::parse(rest)) {
        ("", None) if rest.is_empty() => Stage::Release,
        ("alpha" | "beta" | "rc", Some(_)) => Stage::Pre(Identifiers::of_two(kind, rest)),
        _ => return Err("is no version of Go"),
    };
    let Version { core, .. } = semver::parse(core)?;
    Ok(Version { core, stage })
}

#[cfg(test)]
mod tests {
    use crate::version::{
        Order::Go,
        tests::{ascending, equal, refused},
    };

    #[test]
    fn modules_and_their_pseudo_versions() {
        ascending(
            Go,
            &[
                "v0.0.0-20180815103019-7c14cdb60e53",
                "v0.0.0-20250807212521-c52795c1ef74",
                "0.0.1",
                "v1.2.3-0.20191109021931-daa7c04131f5",
                "v1.2.3-pre",
                "v1.2.3-pre.0.20191109021931-daa7c04131f5",
                "v1.2.3-rc.1",
                "v1.2.3",
                "v1.2.4-0.20191109021931-daa7c04131f5",
                "v2",
            ],
        );
        equal(Go, &["v2.0.0+incompatible", "2.0.0", "v2", "v2.0", "2.0.0+meta"]);
        refused(
            Go,
            &[
                "v01.2.3",
                "1.02.0",
                "v1.2-pre",
                "v1.2+meta",
                "v1.2.3-00",
                "v1.2.3.4",
                "(devel)",
                "latest",
                "V1.0.0",
                "",
            ],
        );
    }

    #[test]
    fn toolchains_are_in_the_same_order() {
        ascending(
            Go,
            &[
                "1.21.0-0",
                "go1.21beta1",
                "go1.21rc1",
                "go1.21rc2",
                "go1.21rc10",
                "go1.21.0",
                "go1.21.3",
                "1.22.0-0",
                "go1.22rc1",
                "1.22.0",
            ],
        );
        equal(Go, &["go1.22rc1", "1.22rc1", "1.22.0-rc.1"]);
        equal(
            Go,
            &[
                "go1.20",
                "1.20.0",
                "go1.20.0-acme",
                "go1.20 X:boringcrypto",
                "go1.20.0 (Red Hat 1.20.0-1.el9)",
                "go1.20+x",
            ],
        );
        refused(
            Go,
            &[
                "go",
                "go1.x",
                "devel go1.24-abcdef",
                "go1.21foo1",
                "go1.21rc",
                "gov1.2.3",
                "go01.2",
                "1.21rc1-x",
                "go1.2.3.4",
            ],
        );
    }
}
