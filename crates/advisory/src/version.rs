//! The order of versions, exactly as each ecosystem has it.
//!
//! `1.0~rc1` is before `1.0` for Debian and no version at all for npm; `1.0-1` is after `1.0` for Maven and before
//! it for SemVer. So a comparison needs an [`Order`], and a text that is no version of it is [`Unparsable`]: an
//! error, never a guess by the order of strings.
//!
//! Each module below parses a text into pieces whose derived `Ord` *is* the rule of the ecosystem. Most orders are
//! "compare piece by piece, and the end has its own place among the pieces", so the end is a piece, too:
//!
//! ```text
//!   rpm     1.0~rc1   ──►  1   0   ~   rc   1   end
//!           1.0       ──►  1   0   end                  ~ < end, therefore 1.0~rc1 < 1.0
//! ```
//!
//! A lexicographic order over a total order is total; where the original tool is not (alpm, Maven, apk with
//! malformed input), the module says what it does instead. Numbers have any length and are never converted.

mod apk;
mod atoms;
mod bitnami;
mod composer;
mod cran;
mod dart;
mod dpkg;
mod go;
mod maven;
pub mod npm;
mod nuget;
mod pacman;
mod pep440;
mod rpm;
mod rubygems;
mod semver;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;

/// Nobody's version is longer; a longer text is an attack or a mistake.
const MAX_LENGTH: usize = 512;

/// How much of an unparsable version an error repeats, in characters.
const SHOWN: usize = 100;

/// Why a text is no version; completes "it ...".
type Why = &'static str;

/// How versions of an ecosystem are ordered. The numbers are on disk: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Order {
    /// Debian, Ubuntu and everything else with `dpkg`.
    Dpkg = 1,
    /// Red Hat, SUSE, Amazon and everything else with RPM: `epoch:version-release`.
    Rpm = 2,
    /// Alpine, Wolfi, Chainguard.
    Apk = 3,
    /// SemVer 2.0, with or without a `v`: crates.io, Kubernetes, Swift.
    SemVer = 4,
    /// node-semver, as lenient as npm is with what was published.
    Npm = 5,
    /// PEP 440: PyPI.
    Pep440 = 6,
    /// Maven's `ComparableVersion`.
    Maven = 7,
    /// `Gem::Version`.
    RubyGems = 8,
    /// NuGet: up to four numbers, case does not matter.
    NuGet = 9,
    /// Composer's normalisation, then PHP's `version_compare`: Packagist.
    Composer = 10,
    /// Go modules and Go toolchains.
    Go = 11,
    /// Arch Linux.
    Pacman = 12,
    /// Bitnami: three numbers and a revision of the packaging.
    Bitnami = 13,
    /// Dart: SemVer whose build metadata counts.
    Pub = 14,
    /// Elixir: SemVer.
    Hex = 15,
    /// R's `numeric_version`.
    Cran = 16,
}

/// A text that is no version of its ecosystem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{version:?} is not a version that {} can order: it {why}", .order.name())]
pub struct Unparsable {
    /// Its first 100 characters.
    pub version: String,
    /// By which order it was read.
    pub order: Order,
    /// What is wrong with it; completes "it ...".
    pub why: &'static str,
}

/// Evaluates `$body` with the parser of an order.
macro_rules! with_parser {
    ($order:expr, |$parse:ident| $body:expr) => {
        with_parser!(@match $order, $parse, $body,
            Dpkg: dpkg, Rpm: rpm, Apk: apk, SemVer: semver, Npm: npm, Pep440: pep440, Maven: maven,
            RubyGems: rubygems, NuGet: nuget, Composer: composer, Go: go, Pacman: pacman, Bitnami: bitnami,
            Pub: dart, Hex: semver, Cran: cran)
    };
    (@match $order:expr, $parse:ident, $body:expr, $($name:ident: $($module:ident)::+),+) => {
        match $order {
            $(Order::$name => { use $($module)::+::parse as $parse; $body })+
        }
    };
}

impl Order {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::Dpkg,
        Self::Rpm,
        Self::Apk,
        Self::SemVer,
        Self::Npm,
        Self::Pep440,
        Self::Maven,
        Self::RubyGems,
        Self::NuGet,
        Self::Composer,
        Self::Go,
        Self::Pacman,
        Self::Bitnami,
        Self::Pub,
        Self::Hex,
        Self::Cran,
    ];

    /// Which of two versions is newer. Equal means that the ecosystem makes no difference between them.
    pub fn compare(self, a: &str, b: &str) -> Result<Ordering, Unparsable> {
        self.sane(a)?;
        self.sane(b)?;
        with_parser!(self, |parse| {
            let a = parse(a).map_err(|why| self.unparsable(a, why))?;
            let b = parse(b).map_err(|why| self.unparsable(b, why))?;
            Ok(a.cmp(&b))
        })
    }

    /// Whether a text is a version of this ecosystem at all.
    pub fn check(self, version: &str) -> Result<(), Unparsable> {
        self.sane(version)?;
        with_parser!(self, |parse| parse(version).map(drop).map_err(|why| self.unparsable(version, why)))
    }

    /// For evidence: the tool or the scheme that this order is of.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dpkg => "dpkg",
            Self::Rpm => "rpm",
            Self::Apk => "apk",
            Self::SemVer => "semver",
            Self::Npm => "npm",
            Self::Pep440 => "pep440",
            Self::Maven => "maven",
            Self::RubyGems => "rubygems",
            Self::NuGet => "nuget",
            Self::Composer => "composer",
            Self::Go => "go",
            Self::Pacman => "pacman",
            Self::Bitnami => "bitnami",
            Self::Pub => "pub",
            Self::Hex => "hex",
            Self::Cran => "cran",
        }
    }

    /// Its number on disk.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The order with this number on disk.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|order| order.number() == number)
    }

    /// What holds for all: something is there, and it is not endless.
    fn sane(self, version: &str) -> Result<(), Unparsable> {
        if version.trim_ascii().is_empty() {
            return Err(self.unparsable(version, "is empty"));
        }
        if version.len() > MAX_LENGTH {
            return Err(self.unparsable(version, "is longer than 512 bytes"));
        }
        Ok(())
    }

    fn unparsable(self, version: &str, why: Why) -> Unparsable {
        Unparsable { version: version.chars().take(SHOWN).collect(), order: self, why }
    }
}
