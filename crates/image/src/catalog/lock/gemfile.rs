//! `Gemfile.lock`, and `gems.locked`, of Bundler.
//!
//! ```text
//! GEM                                 GIT, GEM: gems; PATH: lies in the tree
//!   remote: https://rubygems.org/
//!   specs:
//!     nokogiri (1.15.4-x86_64-linux)  name (version-platform)
//!       racc (~> 1.4)                 what it needs: a range, listed itself elsewhere
//! ```

use super::{Format, Listing};
use crate::content::ReadError;
use gabion_model::PackageKind;

pub(super) const FORMAT: Format = Format {
    name: "gemfile-lock",
    kind: PackageKind::Gem,
    matches: |name| matches!(name, b"Gemfile.lock" | b"gems.locked"),
    parse,
};

#[expect(clippy::unnecessary_wraps, reason = "the signature of every parser")]
fn parse(text: &str, list: &mut Listing) -> Result<(), ReadError> {
    let mut section = "";
    for line in text.lines() {
        let content = line.trim_start_matches(' ');
        match line.len() - content.len() {
            0 => section = line.trim_end(),
            4 if matches!(section, "GEM" | "GIT" | "PLUGIN SOURCE") => {
                let gem = content.trim_end().strip_suffix(')');
                if let Some((name, version)) = gem.and_then(|gem| gem.split_once(" (")) {
                    // Versions have no hyphen; what follows one is the platform.
                    let version = version.split_once('-').map_or(version, |(version, _)| version);
                    list.add(name, version, false);
                }
            }
            _ => {}
        }
    }
    Ok(())
}
