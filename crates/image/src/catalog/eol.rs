//! Until when the distributions mend their releases.
//!
//! A release past its end gets no more advisories, so "no vulnerabilities found" in it means little. The
//! dates are facts that each project publishes; they were compared with Debian's `distro-info-data` and with
//! endoflife.date in August 2026. A release of which no certain date is published is not in the table: no
//! answer is better than a guess.
//!
//! | column | meaning |
//! |---|---|
//! | release | matches itself and its point releases: `3.20` is `3.20.1`, not `3.2` |
//! | end | last day of the support that everyone gets |
//! | extensions | what comes after it, free (Debian's LTS) or bought (ELTS, ESM, ELS, LTSS), each with its last day |
//!
//! ```
//! # use gabion_image::catalog::eol::end_of_life;
//! let buster = end_of_life("debian", Some("10")).unwrap();
//! assert_eq!(buster.date.to_string(), "2022-09-10");
//! let extensions: Vec<String> = buster.extensions.iter().map(|e| format!("{} {}", e.name, e.until)).collect();
//! assert_eq!(extensions, ["LTS 2024-06-30", "ELTS 2029-06-30"]);
//! assert_eq!(buster.free_until().to_string(), "2024-06-30");
//! assert!(end_of_life("arch", None).is_none());
//! ```

use gabion_model::{
    OsRelease,
    os::{EndOfLife, Extension},
};
use jiff::{
    Timestamp,
    civil::{Date, date},
    tz::TimeZone,
};

/// One release.
struct Release {
    version: &'static str,
    end: Date,
    /// What comes after, and until when.
    extensions: [Option<(Support, Date)>; 2],
}

/// A kind of support after the general one.
#[derive(Clone, Copy)]
struct Support {
    name: &'static str,
    free: bool,
}

const fn bought(name: &'static str) -> Support {
    Support { name, free: false }
}

/// Debian's, by a team of its own: of fewer architectures, and not of every package.
const LTS: Support = Support { name: "LTS", free: true };
/// Freexian's, of the packages that its customers use.
const ELTS: Support = bought("ELTS");
/// Expanded Security Maintenance, of Ubuntu Pro. What is sold beyond it (legacy support) is not in the table: its
/// dates were moved twice.
const ESM: Support = bought("ESM (Ubuntu Pro)");
/// Red Hat's Extended Life Cycle Support.
const ELS: Support = bought("ELS");
/// SUSE's Long Term Service Pack Support.
const LTSS: Support = bought("LTSS");
/// Oracle's.
const EXTENDED: Support = bought("Extended Support");

type Day = (i16, i8, i8);

const fn day(day: Day) -> Date {
    date(day.0, day.1, day.2)
}

/// Supported until `end`, and not a day longer.
const fn until(version: &'static str, end: Day) -> Release {
    Release { version, end: day(end), extensions: [None, None] }
}

/// Supported until `end`, and in another way until `last`.
const fn extended(version: &'static str, end: Day, support: Support, last: Day) -> Release {
    Release { extensions: [Some((support, day(last))), None], ..until(version, end) }
}

/// By the security team until `end`, then with LTS and ELTS.
const fn debian(version: &'static str, end: Day, lts: Day, elts: Day) -> Release {
    Release { extensions: [Some((LTS, day(lts))), Some((ELTS, day(elts)))], ..until(version, end) }
}

const DEBIAN: &[Release] = &[
    debian("7", (2016, 4, 25), (2018, 5, 31), (2020, 6, 30)),
    debian("8", (2018, 6, 17), (2020, 6, 30), (2025, 6, 30)),
    debian("9", (2020, 7, 18), (2022, 6, 30), (2027, 6, 30)),
    debian("10", (2022, 9, 10), (2024, 6, 30), (2029, 6, 30)),
    debian("11", (2024, 8, 14), (2026, 8, 31), (2031, 6, 30)),
    debian("12", (2026, 7, 11), (2028, 6, 30), (2033, 6, 30)),
    debian("13", (2028, 8, 9), (2030, 6, 30), (2035, 6, 30)),
];

/// Standard support, then Expanded Security Maintenance.
const UBUNTU: &[Release] = &[
    extended("12.04", (2017, 4, 28), ESM, (2019, 4, 26)),
    extended("14.04", (2019, 4, 25), ESM, (2024, 4, 25)),
    until("14.10", (2015, 7, 23)),
    until("15.04", (2016, 2, 4)),
    until("15.10", (2016, 7, 28)),
    extended("16.04", (2021, 4, 30), ESM, (2026, 4, 23)),
    until("16.10", (2017, 7, 20)),
    until("17.04", (2018, 1, 13)),
    until("17.10", (2018, 7, 19)),
    extended("18.04", (2023, 5, 31), ESM, (2028, 4, 26)),
    until("18.10", (2019, 7, 18)),
    until("19.04", (2020, 1, 23)),
    until("19.10", (2020, 7, 17)),
    extended("20.04", (2025, 5, 29), ESM, (2030, 4, 23)),
    until("20.10", (2021, 7, 22)),
    until("21.04", (2022, 1, 20)),
    until("21.10", (2022, 7, 14)),
    extended("22.04", (2027, 6, 1), ESM, (2032, 4, 21)),
    until("22.10", (2023, 7, 20)),
    until("23.04", (2024, 1, 25)),
    until("23.10", (2024, 7, 11)),
    extended("24.04", (2029, 5, 31), ESM, (2034, 4, 25)),
    until("24.10", (2025, 7, 10)),
    until("25.04", (2026, 1, 15)),
    until("25.10", (2026, 7, 9)),
    extended("26.04", (2031, 5, 29), ESM, (2036, 4, 23)),
];

const ALPINE: &[Release] = &[
    until("3.8", (2020, 5, 1)),
    until("3.9", (2020, 11, 1)),
    until("3.10", (2021, 5, 1)),
    until("3.11", (2021, 11, 1)),
    until("3.12", (2022, 5, 1)),
    until("3.13", (2022, 11, 1)),
    until("3.14", (2023, 5, 1)),
    until("3.15", (2023, 11, 1)),
    until("3.16", (2024, 5, 23)),
    until("3.17", (2024, 11, 22)),
    until("3.18", (2025, 5, 9)),
    until("3.19", (2025, 11, 1)),
    until("3.20", (2026, 4, 1)),
    until("3.21", (2026, 11, 1)),
    until("3.22", (2027, 5, 1)),
    until("3.23", (2027, 11, 1)),
    until("3.24", (2028, 6, 1)),
];

/// Maintenance support, then Extended Life-cycle Support. Minor releases live shorter, in ways that depend
/// on the subscription.
const RHEL: &[Release] = &[
    extended("6", (2020, 11, 30), ELS, (2024, 6, 30)),
    extended("7", (2024, 6, 30), ELS, (2029, 5, 31)),
    extended("8", (2029, 5, 31), ELS, (2033, 5, 31)),
    extended("9", (2032, 5, 31), ELS, (2036, 5, 31)),
    extended("10", (2035, 5, 31), ELS, (2039, 5, 31)),
];

const CENTOS: &[Release] =
    &[until("6", (2020, 11, 30)), until("7", (2024, 6, 30)), until("8", (2021, 12, 31))];

const CENTOS_STREAM: &[Release] =
    &[until("8", (2024, 5, 31)), until("9", (2027, 5, 31)), until("10", (2030, 5, 31))];

/// `AlmaLinux` and Rocky Linux promise the same dates.
const REBUILD: &[Release] =
    &[until("8", (2029, 5, 31)), until("9", (2032, 5, 31)), until("10", (2035, 5, 31))];

/// Premier, then Extended Support.
const ORACLE: &[Release] = &[
    extended("6", (2021, 3, 31), EXTENDED, (2024, 12, 31)),
    extended("7", (2024, 12, 31), EXTENDED, (2028, 6, 30)),
    extended("8", (2029, 7, 31), EXTENDED, (2032, 7, 31)),
    extended("9", (2032, 6, 30), EXTENDED, (2035, 6, 30)),
];

const FEDORA: &[Release] = &[
    until("34", (2022, 6, 7)),
    until("35", (2022, 12, 13)),
    until("36", (2023, 5, 16)),
    until("37", (2023, 12, 5)),
    until("38", (2024, 5, 21)),
    until("39", (2024, 11, 26)),
    until("40", (2025, 5, 13)),
    until("41", (2025, 12, 15)),
    until("42", (2026, 5, 27)),
    until("43", (2026, 12, 9)),
    until("44", (2027, 6, 2)),
];

const AMAZON: &[Release] =
    &[until("2018.03", (2023, 12, 31)), until("2", (2026, 6, 30)), until("2023", (2029, 6, 30))];

/// General support of each service pack, then LTSS.
const SLES: &[Release] = &[
    extended("12.3", (2019, 6, 30), LTSS, (2022, 6, 30)),
    extended("12.4", (2020, 6, 30), LTSS, (2023, 6, 30)),
    extended("12.5", (2024, 10, 31), LTSS, (2027, 10, 31)),
    extended("15.1", (2021, 1, 31), LTSS, (2024, 1, 31)),
    extended("15.2", (2021, 12, 31), LTSS, (2024, 12, 31)),
    extended("15.3", (2022, 12, 31), LTSS, (2025, 12, 31)),
    extended("15.4", (2023, 12, 31), LTSS, (2026, 12, 31)),
    extended("15.5", (2024, 12, 31), LTSS, (2027, 12, 31)),
    extended("15.6", (2025, 12, 31), LTSS, (2028, 12, 31)),
    extended("15.7", (2031, 7, 31), LTSS, (2034, 7, 31)),
    extended("16.0", (2027, 11, 30), LTSS, (2030, 11, 30)),
];

const LEAP: &[Release] = &[
    until("42.3", (2019, 7, 1)),
    until("15.0", (2019, 12, 3)),
    until("15.1", (2021, 2, 2)),
    until("15.2", (2022, 1, 4)),
    until("15.3", (2022, 12, 31)),
    until("15.4", (2023, 12, 7)),
    until("15.5", (2024, 12, 31)),
    until("15.6", (2026, 4, 30)),
    until("16.0", (2027, 10, 31)),
];

const PHOTON: &[Release] = &[until("1.0", (2022, 2, 28)), until("2.0", (2022, 12, 31))];

/// CBL-Mariner, which became Azure Linux with release 3.
const MARINER: &[Release] = &[until("1.0", (2023, 7, 31)), until("2.0", (2025, 7, 31))];

/// When a release ends, if that is known. `id` is `ID` of `os-release(5)`, or `centos-stream` (which calls
/// itself `centos`). [`EndOfLife::passed`] is left false: there is no clock here, see [`judge`].
pub fn end_of_life(id: &str, version: Option<&str>) -> Option<EndOfLife> {
    let table = match id {
        "debian" => DEBIAN,
        "ubuntu" => UBUNTU,
        "alpine" => ALPINE,
        "rhel" => RHEL,
        "centos" => CENTOS,
        "centos-stream" => CENTOS_STREAM,
        "almalinux" | "rocky" => REBUILD,
        "ol" => ORACLE,
        "fedora" => FEDORA,
        "amzn" => AMAZON,
        "sles" => SLES,
        "opensuse-leap" => LEAP,
        "photon" => PHOTON,
        "mariner" => MARINER,
        _ => return None,
    };
    let version = version?;
    // A snapshot of a release to come (Alpine's edge says `3.23_alpha20250612`) follows no table.
    if version.contains('_') {
        return None;
    }
    let row = table.iter().find(|release| {
        version.strip_prefix(release.version).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })?;
    Some(EndOfLife {
        date: row.end,
        extensions: row
            .extensions
            .iter()
            .flatten()
            .map(|(support, until)| Extension {
                name: support.name.to_owned(),
                until: *until,
                free: support.free,
            })
            .collect(),
        passed: false,
    })
}

/// Fills [`EndOfLife::passed`] from the time of the scan: the last day itself, in UTC, is not past.
pub fn judge(os: &mut OsRelease, now: Timestamp) {
    let today = now.to_zoned(TimeZone::UTC).date();
    if let Some(end) = &mut os.end_of_life {
        end.passed = end.free_until() < today;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn point_releases_follow_their_release_and_no_other() {
        let end = |id, version| end_of_life(id, Some(version)).map(|e| e.date.to_string());
        assert_eq!(end("alpine", "3.20.3").as_deref(), Some("2026-04-01"));
        assert_eq!(end("alpine", "3.2"), None);
        assert_eq!(end("alpine", "3.23.0_alpha20250612"), None);
        assert_eq!(end("debian", "12.5"), end("debian", "12"));
        assert_eq!(end("rhel", "8.10").as_deref(), Some("2029-05-31"));
        assert_eq!(end("amzn", "2023").as_deref(), Some("2029-06-30"));
        assert_eq!(end("amzn", "2").as_deref(), Some("2026-06-30"));
        assert_ne!(end("centos", "8"), end("centos-stream", "8"));
        assert_eq!(end("wolfi", "20230201"), None);
    }

    #[test]
    fn every_extension_comes_after_what_it_extends() {
        for table in [DEBIAN, UBUNTU, RHEL, ORACLE, SLES] {
            for release in table {
                let mut before = release.end;
                for (support, until) in release.extensions.iter().flatten() {
                    assert!(*until > before, "{} {}", release.version, support.name);
                    before = *until;
                }
            }
        }
    }

    /// Debian's own table of itself and of Ubuntu, where that is installed: the package `distro-info-data`.
    #[test]
    fn debian_and_ubuntu_agree_with_distro_info() {
        let rows = |file: &str| -> Vec<std::collections::BTreeMap<String, String>> {
            let text =
                std::fs::read_to_string(format!("/usr/share/distro-info/{file}.csv")).unwrap_or_default();
            let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned));
            let head: Vec<String> = lines.next().into_iter().flatten().collect();
            lines.map(|line| head.iter().cloned().zip(line).collect()).collect()
        };
        for (file, keys) in [("debian", ["eol", "eol-lts", "eol-elts"]), ("ubuntu", ["eol", "eol-esm", ""])] {
            for row in rows(file) {
                let version = row["version"].trim_end_matches(" LTS");
                let Some(end) = end_of_life(file, Some(version)) else {
                    continue;
                };
                let ours = [
                    Some(end.date),
                    end.extensions.first().map(|e| e.until),
                    end.extensions.get(1).map(|e| e.until),
                ];
                for (key, ours) in keys.iter().zip(ours) {
                    // An older table lacks columns, and dates that were not known then.
                    let Some(theirs) = row.get(*key).filter(|date| !date.is_empty()) else {
                        continue;
                    };
                    assert_eq!(
                        ours.map(|date| date.to_string()).as_ref(),
                        Some(theirs),
                        "{file} {version} {key}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_last_day_is_still_supported() {
        let at = |release: &str, text: &str| {
            let mut os = OsRelease {
                id: "debian".into(),
                version: Some(release.into()),
                codename: None,
                name: "Debian".into(),
                like: Vec::new(),
                end_of_life: end_of_life("debian", Some(release)),
                path: "etc/os-release".into(),
            };
            judge(&mut os, text.parse().expect("a timestamp"));
            os.end_of_life.expect("known").passed
        };
        // LTS is for everybody, ELTS is not.
        assert!(!at("12", "2026-07-12T00:00:00Z"));
        assert!(!at("11", "2026-08-31T23:59:59Z"));
        assert!(at("11", "2026-09-01T00:00:00Z"));
    }
}
