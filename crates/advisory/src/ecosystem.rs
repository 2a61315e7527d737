//! Where packages come from: decides how versions are ordered and how names are written.

use crate::Order;
use serde::{Deserialize, Serialize};

/// Every ecosystem that a feed may speak of: number on disk, name in OSV, order of its versions.
macro_rules! ecosystems {
    ($($name:ident = $number:literal, $osv:literal, $order:expr;)+) => {
        /// Where a package comes from. The numbers are on disk: never reuse one.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum Ecosystem {
            /// One that Gabion does not know; its records are kept, and never match.
            #[default]
            Unknown = 0,
            $(#[doc = concat!("`", $osv, "`")] $name = $number,)+
        }

        impl Ecosystem {
            /// All that are known.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name in OSV, without a release.
            pub const fn name(self) -> &'static str {
                match self {
                    Self::Unknown => "unknown",
                    $(Self::$name => $osv,)+
                }
            }

            /// How its versions are ordered; none if they are not.
            pub const fn order(self) -> Option<Order> {
                match self {
                    Self::Unknown => None,
                    $(Self::$name => $order,)+
                }
            }
        }
    };
}

ecosystems! {
    Debian = 1, "Debian", Some(Order::Dpkg);
    Ubuntu = 2, "Ubuntu", Some(Order::Dpkg);
    Alpine = 3, "Alpine", Some(Order::Apk);
    Wolfi = 4, "Wolfi", Some(Order::Apk);
    Chainguard = 5, "Chainguard", Some(Order::Apk);
    MinimOs = 6, "MinimOS", Some(Order::Apk);
    RedHat = 10, "Red Hat", Some(Order::Rpm);
    AlmaLinux = 11, "AlmaLinux", Some(Order::Rpm);
    Rocky = 12, "Rocky Linux", Some(Order::Rpm);
    Suse = 13, "SUSE", Some(Order::Rpm);
    OpenSuse = 14, "openSUSE", Some(Order::Rpm);
    Amazon = 15, "Amazon Linux", Some(Order::Rpm);
    Oracle = 16, "Oracle Linux", Some(Order::Rpm);
    AzureLinux = 17, "Azure Linux", Some(Order::Rpm);
    Mageia = 18, "Mageia", Some(Order::Rpm);
    OpenEuler = 19, "openEuler", Some(Order::Rpm);
    Photon = 20, "Photon OS", Some(Order::Rpm);
    Fedora = 21, "Fedora", Some(Order::Rpm);
    Arch = 25, "Arch Linux", Some(Order::Pacman);
    Npm = 30, "npm", Some(Order::Npm);
    PyPi = 31, "PyPI", Some(Order::Pep440);
    Maven = 32, "Maven", Some(Order::Maven);
    Go = 33, "Go", Some(Order::Go);
    CratesIo = 34, "crates.io", Some(Order::SemVer);
    RubyGems = 35, "RubyGems", Some(Order::RubyGems);
    Packagist = 36, "Packagist", Some(Order::Composer);
    NuGet = 37, "NuGet", Some(Order::NuGet);
    Hex = 38, "Hex", Some(Order::Hex);
    Pub = 39, "Pub", Some(Order::Pub);
    Cran = 40, "CRAN", Some(Order::Cran);
    Swift = 41, "SwiftURL", Some(Order::SemVer);
    GitHubActions = 42, "GitHub Actions", Some(Order::SemVer);
    Bitnami = 50, "Bitnami", Some(Order::Bitnami);
    Kubernetes = 51, "kubernetes", Some(Order::SemVer);
}

impl Ecosystem {
    /// Whether it is that of a distribution, whose advisories are about releases and source packages.
    pub const fn is_distribution(self) -> bool {
        self.number() != 0 && self.number() < Self::Npm.number()
    }

    /// The number on disk.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// From the number on disk.
    pub fn from_number(number: u8) -> Self {
        let known = Self::ALL.iter().find(|e| e.number() == number);
        known.copied().unwrap_or_default()
    }

    /// Takes the name of an ecosystem in OSV apart: `Debian:12`, `Ubuntu:22.04:LTS`, `npm`. The release is empty if it
    /// names none.
    pub fn parse(text: &str) -> (Self, &str) {
        let (name, release) = text.split_once(':').unwrap_or((text, ""));
        let known = Self::ALL.iter().find(|e| e.name().eq_ignore_ascii_case(name));
        (known.copied().unwrap_or_default(), release)
    }

    /// A name in the form in which packages are looked up: where case or separators do not count, they are
    /// made the same.
    pub fn normalise(self, name: &str) -> String {
        match self {
            Self::PyPi => {
                // PEP 503: runs of `-`, `_` and `.` are one `-`.
                let mut out = String::with_capacity(name.len());
                for c in name.chars() {
                    match c {
                        '-' | '_' | '.' if out.ends_with('-') => {}
                        '-' | '_' | '.' => out.push('-'),
                        c => out.push(c.to_ascii_lowercase()),
                    }
                }
                out
            }
            Self::NuGet | Self::Packagist | Self::GitHubActions => name.to_ascii_lowercase(),
            _ => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_each_used_once() {
        for (i, a) in Ecosystem::ALL.iter().enumerate() {
            assert_eq!(Ecosystem::from_number(a.number()), *a);
            assert_eq!(Ecosystem::parse(a.name()), (*a, ""));
            for b in &Ecosystem::ALL[i + 1..] {
                assert_ne!(a.number(), b.number());
            }
        }
    }

    #[test]
    fn names_of_osv_are_taken_apart() {
        assert_eq!(Ecosystem::parse("Debian:12"), (Ecosystem::Debian, "12"));
        assert_eq!(Ecosystem::parse("Ubuntu:Pro:18.04:LTS"), (Ecosystem::Ubuntu, "Pro:18.04:LTS"));
        assert_eq!(Ecosystem::parse("Plan 9"), (Ecosystem::Unknown, ""));
    }

    #[test]
    fn names_that_are_the_same_to_their_registry_are_the_same_here() {
        assert_eq!(Ecosystem::PyPi.normalise("Zope._Interface"), "zope-interface");
        assert_eq!(Ecosystem::NuGet.normalise("Newtonsoft.Json"), "newtonsoft.json");
        assert_eq!(Ecosystem::Maven.normalise("org.A:B"), "org.A:B");
    }
}
