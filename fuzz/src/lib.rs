//! What the fuzz targets do: each reads bytes as an attacker would give them to one parser.
//!
//! A target fails by a panic (overflow checks and debug assertions are on), by taking more than ten
//! seconds or 512 MiB, or by breaking a property that is asserted here. `scripts/fuzz.sh` runs them all.

mod boundary;
mod catalog;
mod containers;
mod feeds;
mod images;
mod policy;
mod recording;
mod rules;
mod segment;
mod texts;

pub use boundary::{facts, file_index, frames};
pub use catalog::{
    accounts, apk, binary, dpkg, go, java, locks, npm, os_release, pacman, python, records, rpm, rust,
};
pub use containers::containers;
pub use feeds::{
    feed_csaf, feed_debian, feed_endoflife, feed_epss, feed_kev, feed_kubernetes, feed_osv, feed_oval,
    feed_secdb, feed_updateinfo, feed_vulnrichment,
};
pub use images::{archive, assemble, layer, tarball};
pub use policy::{exceptions, policy, vex};
pub use recording::recording;
pub use rules::{rule_condition, rule_files};
pub use segment::segment;
pub use texts::{manifest, report, sbom, secrets};

/// Splits off the first byte, which chooses one of several things.
fn choose<'a, T>(from: &'a [T], data: &'a [u8]) -> Option<(&'a T, &'a [u8])> {
    let (&first, rest) = data.split_first()?;
    Some((from.get(usize::from(first) % from.len())?, rest))
}
