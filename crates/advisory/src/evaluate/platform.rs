//! Which advisories speak of a distribution and its release.

use super::stream::{self, Stream};
use crate::{Database, Ecosystem};
use gabion_model::OsRelease;

/// Whose advisories count for the packages of the distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    /// These, about these releases.
    Known {
        ecosystem: Ecosystem,
        releases: Vec<String>,
        /// Why they are not quite those of this distribution.
        doubt: Option<String>,
    },
    /// None that is known, and why.
    Unknown(String),
}

/// How the release of an image is told in advisories.
enum Naming {
    /// Not at all.
    Rolling,
    /// Exactly so.
    Exact(String),
    /// By a name that this accepts.
    Accepts(Box<dyn Fn(&str) -> bool>),
}

impl Platform {
    /// The platform by its name alone, whatever the database has.
    pub(crate) fn named(os: Option<&OsRelease>) -> Self {
        match os.and_then(|os| ecosystem(&os.id)) {
            Some(ecosystem) => Self::Known { ecosystem, releases: Vec::new(), doubt: None },
            None => Self::Unknown(String::new()),
        }
    }

    /// Of an image. `extended` tells that it has packages of a paid extension, so that advisories about those count;
    /// `streams` are those of its packages, so that advisories about what goes on with one of them do.
    pub(super) fn of(
        os: Option<&OsRelease>,
        extended: bool,
        streams: &[Stream],
        database: &Database,
    ) -> Self {
        let Some(os) = os else {
            return Self::Unknown("the distribution is not known".into());
        };
        let Some(ecosystem) = ecosystem(&os.id) else {
            return Self::Unknown(format!(
                "{} is a distribution whose advisories Gabion does not know",
                os.name
            ));
        };
        let Some(naming) = naming(ecosystem, os, extended) else {
            return Self::Unknown(format!(
                "{} names no release, and its advisories are about releases",
                os.name
            ));
        };
        let known = database.releases(ecosystem);
        let mut releases: Vec<String> = known
            .keys()
            .filter(|release| naming.accepts(release))
            .map(|release| (*release).to_owned())
            .collect();
        if releases.is_empty() {
            let mut others: Vec<_> = known.keys().filter(|release| !release.is_empty()).copied().collect();
            others.sort_by_key(|release| numbers(release));
            let others = match others[..] {
                [] => String::new(),
                [.., last] if others.len() > 8 => {
                    format!("; it has {} releases up to {last}", others.len())
                }
                _ => format!("; it has {}", others.join(", ")),
            };
            return Self::Unknown(format!("the database has no advisories about {}{others}", os.name));
        }
        if ecosystem == Ecosystem::RedHat {
            let others = known.keys().filter(|release| stream::extends(release, streams));
            releases.extend(others.map(|release| (*release).to_owned()));
        }
        let stream = os.id == "centos" && os.name.contains("Stream");
        let doubt =
            stream.then(|| format!("{} is matched by the advisories of Red Hat Enterprise Linux", os.name));
        Self::Known { ecosystem, releases, doubt }
    }
}

impl Naming {
    fn accepts(&self, release: &str) -> bool {
        match self {
            Self::Rolling => release.is_empty(),
            Self::Exact(name) => release == name,
            Self::Accepts(accepts) => accepts(release),
        }
    }
}

/// Whether advisories about a release count for a distribution.
pub(crate) fn covers(os: &OsRelease, extended: bool, release: &str) -> bool {
    let naming = ecosystem(&os.id).and_then(|ecosystem| naming(ecosystem, os, extended));
    naming.is_some_and(|naming| naming.accepts(release))
}

/// The numbers in a name, by which a person would sort releases.
fn numbers(release: &str) -> Vec<u64> {
    release.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

/// Whose advisories are about a distribution, by the `ID` of os-release.
fn ecosystem(id: &str) -> Option<Ecosystem> {
    Some(match id {
        "debian" => Ecosystem::Debian,
        "ubuntu" => Ecosystem::Ubuntu,
        "alpine" => Ecosystem::Alpine,
        "wolfi" => Ecosystem::Wolfi,
        "chainguard" => Ecosystem::Chainguard,
        "minimos" => Ecosystem::MinimOs,
        "rhel" | "redhat" | "centos" => Ecosystem::RedHat,
        "almalinux" => Ecosystem::AlmaLinux,
        "rocky" => Ecosystem::Rocky,
        "ol" => Ecosystem::Oracle,
        "amzn" => Ecosystem::Amazon,
        "azurelinux" | "mariner" => Ecosystem::AzureLinux,
        "fedora" => Ecosystem::Fedora,
        "mageia" => Ecosystem::Mageia,
        "openEuler" | "openeuler" => Ecosystem::OpenEuler,
        "photon" => Ecosystem::Photon,
        "arch" | "archlinux" => Ecosystem::Arch,
        id if id.starts_with("opensuse") => Ecosystem::OpenSuse,
        "sles" | "sled" | "suse" | "sle-micro" | "bci" => Ecosystem::Suse,
        _ => return None,
    })
}

/// None if the image names no release where one is needed.
fn naming(ecosystem: Ecosystem, os: &OsRelease, extended: bool) -> Option<Naming> {
    let version = os.version.as_deref().map(str::to_owned);
    let major = || version.as_deref().map(|v| v.split('.').next().unwrap_or(v).to_owned());
    Some(match ecosystem {
        Ecosystem::Wolfi | Ecosystem::Chainguard | Ecosystem::MinimOs | Ecosystem::Arch => Naming::Rolling,
        Ecosystem::OpenSuse if os.id == "opensuse-tumbleweed" => Naming::Exact("Tumbleweed".into()),
        Ecosystem::Alpine => {
            let version = version?;
            let mut parts = version.split('.');
            match (parts.next(), parts.next()) {
                // 3.21.0_alpha20240807 is what edge called itself then.
                _ if version.contains('_') => Naming::Exact("edge".into()),
                (Some(major), Some(minor)) => Naming::Exact(format!("v{major}.{minor}")),
                _ => return None,
            }
        }
        Ecosystem::Ubuntu => {
            let version = version?;
            Naming::Accepts(Box::new(move |release| {
                let (pro, release) = match release.strip_prefix("Pro:") {
                    Some(release) => (true, release),
                    None => (false, release),
                };
                release.strip_suffix(":LTS").unwrap_or(release) == version && (extended || !pro)
            }))
        }
        Ecosystem::RedHat => {
            let wanted = format!("enterprise_linux:{}", major()?);
            Naming::Accepts(Box::new(move |release| {
                release.strip_prefix(&wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
            }))
        }
        Ecosystem::Suse => {
            // 15.5 is told as `15 SP5` there, 15.0 as `15`.
            let version = version?;
            let (major, pack) = version.split_once('.').unwrap_or((&version, "0"));
            let name = if pack == "0" { major.to_owned() } else { format!("{major} SP{pack}") };
            Naming::Accepts(Box::new(move |release| {
                let release = release.replace("-SP", " SP");
                release.strip_suffix(&name).is_some_and(|product| product.ends_with(' '))
            }))
        }
        Ecosystem::OpenSuse => Naming::Exact(format!("Leap {}", version?)),
        Ecosystem::OpenEuler => {
            let version = version?;
            Naming::Accepts(Box::new(move |release| release.starts_with(&version)))
        }
        // 2018.03 is the last of the first ones.
        Ecosystem::Amazon if version.as_deref().is_some_and(|v| v.starts_with("201")) => {
            Naming::Exact("1".into())
        }
        Ecosystem::Photon => {
            let version = version?;
            Naming::Accepts(Box::new(move |release| {
                release == version || version.strip_suffix(".0") == Some(release)
            }))
        }
        _ => Naming::Exact(major()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(id: &str, version: &str, extended: bool, release: &str) -> bool {
        let os = OsRelease {
            id: id.into(),
            version: (!version.is_empty()).then(|| version.into()),
            codename: None,
            name: id.into(),
            like: Vec::new(),
            end_of_life: None,
            path: String::new(),
        };
        covers(&os, extended, release)
    }

    #[test]
    fn releases_are_named_as_the_vendor_s_advisories_do() {
        for (id, version, release) in [
            ("debian", "12", "12"),
            ("ubuntu", "22.04", "22.04:LTS"),
            ("ubuntu", "23.10", "23.10"),
            ("alpine", "3.19.1", "v3.19"),
            ("alpine", "3.21.0_alpha20240807", "edge"),
            ("wolfi", "20230201", ""),
            ("rhel", "9.4", "enterprise_linux:9"),
            ("rhel", "9.4", "enterprise_linux:9::appstream"),
            ("centos", "7", "enterprise_linux:7"),
            ("almalinux", "9.3", "9"),
            ("amzn", "2023", "2023"),
            ("amzn", "2018.03", "1"),
            ("sles", "15.5", "Linux Enterprise Server 15 SP5"),
            ("sles", "15.5", "Linux Enterprise Module for Basesystem 15 SP5"),
            ("opensuse-leap", "15.6", "Leap 15.6"),
            ("opensuse-tumbleweed", "20260101", "Tumbleweed"),
            ("photon", "5.0", "5"),
            ("arch", "", ""),
        ] {
            assert!(accepts(id, version, false, release), "{id} {version} {release}");
        }
        for (id, version, release) in [
            ("debian", "12", "1"),
            ("debian", "", "12"),
            ("ubuntu", "22.04", "Pro:22.04:LTS"),
            ("alpine", "3.1.4", "v3.19"),
            ("rhel", "9.4", "enterprise_linux:90"),
            ("rhel", "9.4", "rhel_eus:9.4"),
            ("sles", "15.5", "Linux Enterprise Server 15 SP5-LTSS"),
            ("sles", "15.5", "Linux Enterprise Server 115 SP5"),
            ("sles", "15", "Linux Enterprise Server 15 SP5"),
        ] {
            assert!(!accepts(id, version, false, release), "{id} {version} {release}");
        }
        assert!(accepts("ubuntu", "22.04", true, "Pro:22.04:LTS"));
    }
}
