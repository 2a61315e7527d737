//! Names of distributions as people write them, to ecosystem and release as OSV has them.

use crate::Ecosystem;

/// `Oracle Linux 8` is `Oracle Linux:8`, `SUSE Linux Enterprise Server 15 SP5` is `SUSE:Linux Enterprise Server 15 SP5`.
/// None for what is not known.
pub(super) fn parse(name: &str) -> Option<(Ecosystem, String)> {
    let name = name.trim();
    let after = |prefix: &str| {
        let start = name.get(..prefix.len())?;
        start
            .eq_ignore_ascii_case(prefix)
            .then(|| name[prefix.len()..].trim_start_matches([' ', '-', ':', 'v']))
    };
    // The number up to the first point or blank: `9` of `9.4`.
    let major = |rest: &str| -> String { rest.chars().take_while(char::is_ascii_digit).collect() };
    let families: [(&str, Ecosystem); 8] = [
        ("Amazon Linux", Ecosystem::Amazon),
        ("Oracle Linux", Ecosystem::Oracle),
        ("AlmaLinux", Ecosystem::AlmaLinux),
        ("Rocky Linux", Ecosystem::Rocky),
        ("Red Hat Enterprise Linux", Ecosystem::RedHat),
        ("Fedora", Ecosystem::Fedora),
        ("Mageia", Ecosystem::Mageia),
        ("Photon OS", Ecosystem::Photon),
    ];
    for (prefix, ecosystem) in families {
        if let Some(rest) = after(prefix) {
            let release = match (ecosystem, major(rest)) {
                // The first one has no number, or that of a year before the second came.
                (Ecosystem::Amazon, number) if number.is_empty() || number.starts_with("201") => {
                    "1".to_owned()
                }
                (Ecosystem::RedHat, number) => format!("enterprise_linux:{number}"),
                (_, number) => number,
            };
            return (!release.is_empty() && !release.ends_with(':')).then_some((ecosystem, release));
        }
    }
    let whole: [(&str, Ecosystem); 3] =
        [("openSUSE ", Ecosystem::OpenSuse), ("SUSE ", Ecosystem::Suse), ("openEuler", Ecosystem::OpenEuler)];
    whole.into_iter().find_map(|(prefix, ecosystem)| {
        let release = after(prefix)?;
        (!release.is_empty()).then(|| (ecosystem, release.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_osv() {
        for (name, ecosystem, release) in [
            ("Amazon Linux 2023.3", Ecosystem::Amazon, "2023"),
            ("Amazon Linux 2", Ecosystem::Amazon, "2"),
            ("Amazon Linux AMI 2014.03", Ecosystem::Amazon, "1"),
            ("Oracle Linux 8", Ecosystem::Oracle, "8"),
            ("AlmaLinux-9.4", Ecosystem::AlmaLinux, "9"),
            ("Red Hat Enterprise Linux 9", Ecosystem::RedHat, "enterprise_linux:9"),
            ("openSUSE Leap 15.6", Ecosystem::OpenSuse, "Leap 15.6"),
            ("SUSE Linux Enterprise Server 15 SP5", Ecosystem::Suse, "Linux Enterprise Server 15 SP5"),
        ] {
            assert_eq!(parse(name), Some((ecosystem, release.to_owned())), "{name}");
        }
        for name in ["", "Plan 9", "Oracle Linux", "SUSE", "Red Hat Enterprise Linux"] {
            assert_eq!(parse(name), None, "{name}");
        }
    }
}
