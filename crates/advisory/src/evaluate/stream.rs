//! The minor streams of Red Hat Enterprise Linux and of what is rebuilt from it.
//!
//! One vulnerability has a fix in each stream that is still cared for, and the fixes have different versions:
//!
//! ```text
//!  enterprise_linux:9   frob 1.0-8.el9_4          the stream that everybody gets, 9.4 at the time
//!  rhel_eus:9.2         frob 1.0-4.el9_2.3        extended support of 9.2
//!
//!  frob 1.0-4.el9_2.3   is lower than 1.0-8.el9_4, and fixed
//! ```
//!
//! The end of a release says of which stream it is: `.el9_2` is 9.2, `.module+el8.6.0+…` is 8.6, `.el9` what no minor release
//! has changed. A fix in a package's own stream decides alone; without one the others do, each of which it is compared with.
//! What only subscribers of a minor release get (`rhel_eus`, `rhel_aus`, ...) is about packages of that stream alone: its fixes, and that
//! it was never affected.
//!
//! A version of a module that is itself named as fixed is: builds for several streams of modules differ in a number only.

use crate::{
    Ecosystem, Order,
    judge::{Because, Verdict, judge},
    record::{Affected, Fix, Range, Until},
};
use gabion_model::{PackageKind, ScanReport};

/// Products of Red Hat that go on with a release beyond what everybody gets.
const EXTENSIONS: [&str; 6] =
    ["rhel_eus:", "rhel_aus:", "rhel_tus:", "rhel_e4s:", "rhel_els:", "rhel_eus_long_life:"];

/// The stream that a package was built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    major: u16,
    minor: Option<u16>,
}

impl Stream {
    /// Of a version with its release: `1.0-8.el9_4`.
    fn of(version: &str) -> Option<Self> {
        let (_, release) = version.rsplit_once('-')?;
        release.match_indices("el").find_map(|(at, tag)| {
            let (before, after) = (&release[..at], &release[at + tag.len()..]);
            let module = before.ends_with("module+") || before.ends_with("module_");
            let (major, rest) = number(after).filter(|_| module || before.ends_with('.'))?;
            let minor = rest.strip_prefix(if module { '.' } else { '_' }).and_then(number);
            Some(Self { major, minor: minor.map(|(minor, _)| minor) })
        })
    }

    /// Of a product that goes on with a release: `rhel_eus:9.2::baseos`.
    fn of_extension(release: &str) -> Option<Self> {
        let version = EXTENSIONS.iter().find_map(|product| release.strip_prefix(product))?;
        let (major, rest) = number(version)?;
        let minor = rest.strip_prefix('.').and_then(number);
        Some(Self { major, minor: minor.map(|(minor, _)| minor) })
    }

    /// Those of the packages of an image.
    pub(super) fn all(report: &ScanReport) -> Vec<Self> {
        let mut all = Vec::new();
        for package in report.packages.iter().filter(|package| package.kind == PackageKind::Rpm) {
            all.extend(Self::of(&package.version).filter(|stream| !all.contains(stream)));
        }
        all
    }
}

/// The number that a text begins with, and the rest.
fn number(text: &str) -> Option<(u16, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// Whether a release of Red Hat is one that goes on, and that packages of these streams can be from.
pub(super) fn extends(release: &str, streams: &[Stream]) -> bool {
    let fits = |one: Stream| {
        streams
            .iter()
            .any(|other| one.major == other.major && (one.minor.is_none() || one.minor == other.minor))
    };
    Stream::of_extension(release).is_some_and(fits)
}

/// Of what a statement speaks, as far as it decides about a version. The later ones count more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Word {
    /// Of a product that the version is not from.
    Foreign,
    /// Of the package, whatever its stream.
    Any,
    /// Of the version's own stream.
    Own,
    /// Of this very build.
    Build,
}

/// Compares a version with what a statement says.
pub(super) fn compare<'a>(affected: &'a Affected, version: &str) -> (Verdict<'a>, Word) {
    let own = match affected.ecosystem {
        Ecosystem::RedHat | Ecosystem::AlmaLinux | Ecosystem::Rocky | Ecosystem::Oracle => {
            Stream::of(version)
        }
        _ => return (judge(affected, version), Word::Any),
    };
    let fixes: Vec<(&Range, &str)> = affected
        .ranges
        .iter()
        .filter_map(|range| match &range.until {
            Until::Fixed(fixed) if own.is_some() && Stream::of(fixed) == own => Some((range, fixed.as_str())),
            _ => None,
        })
        .collect();
    if fixes.is_empty() {
        let word = match Stream::of_extension(&affected.release) {
            None => Word::Any,
            same if same == own && affected.fix == Fix::NotAffected => Word::Own,
            Some(_) => Word::Foreign,
        };
        return (judge(affected, version), word);
    }
    if version.contains(".module") && fixes.iter().any(|(_, fixed)| *fixed == version) {
        return (Verdict::NotAffected, Word::Build);
    }
    let mut verdict = Verdict::NotAffected;
    for (range, _) in fixes {
        match range.holds(Order::Rpm, version) {
            Ok(true) => return (Verdict::Affected(Because::InRange { range, order: Order::Rpm }), Word::Own),
            Ok(false) => {}
            Err(why) => verdict = Verdict::Unknown(why.into()),
        }
    }
    (verdict, Word::Own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        evaluate::{
            evaluate,
            tests::{database, now, osv, package, report},
        },
        feed::Kind,
    };
    use gabion_model::SourcePackage;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn stream(major: u16, minor: Option<u16>) -> Stream {
        Stream { major, minor }
    }

    #[test]
    fn the_release_says_of_which_stream_a_package_is() {
        for (version, expected) in [
            ("1:3.0.7-27.el9_4.2", Some(stream(9, Some(4)))),
            ("3.0.7-27.el9", Some(stream(9, None))),
            ("3.0.7-27.el9.2", Some(stream(9, None))),
            ("5.14.0-427.13.1.el9_10", Some(stream(9, Some(10)))),
            ("18.20.4-1.module+el8.10.0+22166+a7a4bb08", Some(stream(8, Some(10)))),
            ("1.18.0-8.module_el8.6.0+2880+7d9e3703", Some(stream(8, Some(6)))),
            ("1.0.2k-26.el7_9", Some(stream(7, Some(9)))),
            ("2.9.27-1.el8ae", Some(stream(8, None))),
            ("1.0-2.elbow", None),
            ("1.0-2.model9", None),
            ("1.el9", None),
            ("1.0-2.fc40", None),
            ("1.0-2.el99999", None),
        ] {
            assert_eq!(Stream::of(version), expected, "{version}");
        }
    }

    #[test]
    fn products_that_go_on_are_about_packages_of_their_stream() {
        let streams = [Stream { major: 9, minor: Some(2) }, Stream { major: 7, minor: Some(9) }];
        for release in ["rhel_eus:9.2::baseos", "rhel_e4s:9.2::appstream", "rhel_els:7"] {
            assert!(extends(release, &streams), "{release}");
        }
        for release in ["rhel_eus:9.4::baseos", "rhel_els:6", "enterprise_linux:9::baseos", "rhel_extras:7"] {
            assert!(!extends(release, &streams), "{release}");
        }
    }

    const MAIN: (&str, &str) = ("BaseOS-9.4.0.Z.MAIN.EUS", "cpe:/o:redhat:enterprise_linux:9::baseos");
    const EUS: (&str, &str) = ("BaseOS-9.2.0.Z.EUS", "cpe:/o:redhat:rhel_eus:9.2::baseos");
    const SAP: (&str, &str) = ("BaseOS-9.0.0.Z.E4S", "cpe:/o:redhat:rhel_e4s:9.0::baseos");
    const WHOLE: (&str, &str) = ("red_hat_enterprise_linux_9", "cpe:/o:redhat:enterprise_linux:9");
    const OLD: (&str, &str) = ("red_hat_enterprise_linux_7", "cpe:/o:redhat:enterprise_linux:7");
    const ELS: (&str, &str) = ("7Server-ELS", "cpe:/o:redhat:rhel_els:7");

    type Part = ((&'static str, &'static str), &'static str);

    /// A document of Red Hat about one CVE: products with the source packages that are fixed, affected, or not affected.
    fn vex(fixed: &[Part], affected: &[Part], not_affected: &[Part]) -> String {
        let parts: Vec<&Part> = fixed.iter().chain(affected).chain(not_affected).collect();
        let leaf = |id: &str, helper: Value| {
            json!({ "category": "product_version", "name": id,
                    "product": { "name": id, "product_id": id, "product_identification_helper": helper } })
        };
        let branches: Vec<Value> = parts
            .iter()
            .flat_map(|((product, cpe), component)| {
                let version = component.strip_prefix("frob-0:").and_then(|text| text.strip_suffix(".src"));
                let version =
                    version.map_or(String::new(), |version| format!("@{}", version.replace('+', "%2B")));
                let purl = format!("pkg:rpm/redhat/frob{version}?arch=src");
                [leaf(product, json!({ "cpe": cpe })), leaf(component, json!({ "purl": purl }))]
            })
            .collect();
        let id = |((product, _), component): &Part| format!("{product}:{component}");
        let ids = |parts: &[Part]| parts.iter().map(id).collect::<Vec<_>>();
        let relationships: Vec<Value> = parts
            .iter()
            .map(|part| {
                json!({ "category": "default_component_of", "full_product_name": { "product_id": id(part) },
                        "product_reference": part.1, "relates_to_product_reference": part.0.0 })
            })
            .collect();
        json!({
            "document": { "category": "csaf_vex", "csaf_version": "2.0", "title": "frob: use after free",
                          "tracking": { "id": "CVE-2025-10001", "current_release_date": "2025-02-01T00:00:00+00:00" } },
            "product_tree": { "branches": [{ "category": "vendor", "name": "Red Hat", "branches": branches }],
                              "relationships": relationships },
            "vulnerabilities": [{ "cve": "CVE-2025-10001", "product_status": {
                "fixed": ids(fixed), "known_affected": ids(affected), "known_not_affected": ids(not_affected) } }],
        })
        .to_string()
    }

    /// What is told of each version: the version that fixes it; empty if none does; `-` if it is not affected.
    fn told(document: &str, release: &str, versions: &[&str]) -> Vec<String> {
        let other = osv("CVE-2025-10002", "npm", "other", "1.0.0", "");
        let (_dir, database) = database(&[&other], &[(Kind::Csaf, document)]);
        let told = |version: &&str| {
            let mut frob = package(PackageKind::Rpm, "frob-libs", version);
            frob.source = Some(SourcePackage { name: "frob".into(), version: (*version).into() });
            let mut report = report(Some(("rhel", release)), vec![frob]);
            evaluate(&mut report, &database, now()).expect("evaluates");
            match &report.findings[..] {
                [] => "-".to_owned(),
                [one] => one.vulnerability.as_ref().expect("one").fixed_version.clone().unwrap_or_default(),
                more => unreachable!("{more:?}"),
            }
        };
        versions.iter().map(told).collect()
    }

    #[test]
    fn a_fix_in_the_own_stream_decides_alone() {
        let document = vex(
            &[
                (MAIN, "frob-0:1.0-8.el9_4.src"),
                (EUS, "frob-0:1.0-4.el9_2.3.src"),
                (SAP, "frob-0:1.0-2.el9_0.5.src"),
            ],
            &[],
            &[],
        );
        let versions = [
            "1.0-4.el9_2.2", // its own stream has a fix
            "1.0-4.el9_2.3", // which is this
            "1.0-2.el9_0.5",
            "1.0-7.el9_3.9", // a stream without a fix: only 9.4 has it, however high this is
            "1.0-7.el9",
            "1.0-8.el9", // what 9.4 began with
            "1.0-8.el9_4",
            "1.0-9.el9",
            "1.0-9.el9_5",
        ];
        let main = "1.0-8.el9_4";
        assert_eq!(
            told(&document, "9.4", &versions),
            ["1.0-4.el9_2.3", "-", "-", main, main, main, "-", "-", "-"],
            "{versions:?}"
        );
    }

    #[test]
    fn what_only_subscribers_get_says_nothing_of_others() {
        let document = vex(&[(EUS, "frob-0:1.0-4.el9_2.3.src")], &[(WHOLE, "frob")], &[(SAP, "frob")]);
        assert_eq!(
            told(
                &document,
                "9.2",
                &["1.0-4.el9_2.3", "1.0-4.el9_2", "1.0-3.el9", "1.0-2.el9_0", "1.0-9.el9_4"]
            ),
            ["-", "1.0-4.el9_2.3", "", "-", ""],
            "everybody's release is affected, and has no fix; 9.0 never was"
        );
        // After the end of the release, for whoever pays.
        let document = vex(&[(ELS, "frob-0:1.0-4.el7_9.2.src")], &[(OLD, "frob")], &[]);
        assert_eq!(
            told(&document, "7.9", &["1.0-4.el7_9.2", "1.0-4.el7_9", "1.0-4.el7"]),
            ["-", "1.0-4.el7_9.2", ""]
        );
    }

    #[test]
    fn a_fix_that_a_later_minor_release_lists_again_is_no_new_one() {
        let alsa = |id: &str, fixed: &str| {
            osv(id, "AlmaLinux:9", "tiger", fixed, r#","upstream":["CVE-2025-10001"]"#)
        };
        let records = [alsa("ALSA-2025:1", "1.14-9.el9_6"), alsa("ALSA-2025:2", "1.15-6.el9_7")];
        let (_dir, database) = database(&[&records[0], &records[1]], &[]);
        let told = |version: &str| {
            let mut report =
                report(Some(("almalinux", "9.6")), vec![package(PackageKind::Rpm, "tiger", version)]);
            evaluate(&mut report, &database, now()).expect("evaluates");
            report.findings.len()
        };
        let versions = ["1.14-8.el9_6", "1.14-9.el9_6", "1.14-10.el9_6", "1.14-10.el9_5", "1.15-6.el9_7"];
        assert_eq!(versions.map(told), [1, 0, 0, 1, 0]);
    }

    #[test]
    fn a_build_of_a_module_that_is_named_as_fixed_is() {
        let builds = ["1-8.module_el8.5.0+20+aa", "1-8.module_el8.6.0+30+bb", "1-8.module_el8.6.0+31+cc"];
        let upstream = r#","upstream":["CVE-2025-10001"]"#;
        let records =
            builds.map(|fixed| osv(&format!("ALSA-{fixed}"), "AlmaLinux:8", "iscsi", fixed, upstream));
        let (_dir, database) = database(&records.each_ref().map(String::as_str), &[]);
        let told = |version: &str| {
            let mut iscsi = package(PackageKind::Rpm, "iscsi", version);
            iscsi.qualifiers.push(("modularitylabel".into(), "virt:rhel:8060020220101:aa".into()));
            let mut report = report(Some(("almalinux", "8.6")), vec![iscsi]);
            evaluate(&mut report, &database, now()).expect("evaluates");
            report.findings.len()
        };
        assert_eq!(builds.map(told), [0, 0, 0]);
        assert_eq!(
            ["1-8.module_el8.5.0+19+aa", "1-8.module_el8.6.0+29+aa", "1-8.module_el8.4.0+90+aa"].map(told),
            [1, 1, 1]
        );
    }

    proptest! {
        #[test]
        fn arbitrary_versions_never_panic(version in r"[0-9a-z.:_+\-]{0,30}(el[0-9._+]{0,12})?") {
            let _ = (Stream::of(&version), Stream::of_extension(&version));
        }
    }
}
