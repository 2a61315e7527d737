//! Reading SBOMs: our own come back as they were, foreign ones tell what they lack.

use crate::{plain, sample};
use gabion_model::{Package, PackageKind, ScanReport, SourcePackage};
use gabion_report::{Format, SbomError, read_sbom};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn purls(report: &ScanReport) -> Vec<String> {
    let mut purls: Vec<String> = report.packages.iter().map(|p| p.purl(report.os.as_ref())).collect();
    purls.sort();
    purls
}

/// What is read back from each SBOM format, as package URLs.
fn read_back(report: &ScanReport) -> Vec<Vec<String>> {
    [Format::CycloneDx, Format::Spdx]
        .map(|format| {
            let content = read_sbom(plain(report, format).as_bytes()).expect("our own");
            assert_eq!(content.gaps, [], "{format}");
            let mut purls: Vec<String> =
                content.packages.iter().map(|p| p.purl(content.os.as_ref())).collect();
            purls.sort();
            purls
        })
        .to_vec()
}

#[test]
fn the_sample_comes_back() {
    let report = sample::rich();
    for read in read_back(&report) {
        assert_eq!(read, purls(&report));
    }
    let content = read_sbom(plain(&report, Format::CycloneDx).as_bytes()).expect("our own");
    let skipped: Vec<String> = content.skipped.iter().map(ToString::to_string).collect();
    assert!(
        skipped
            .contains(&"vulnerabilities that the document lists; packages are matched anew (10×)".to_owned()),
        "{skipped:?}"
    );
    let mut os = report.os.expect("named");
    os.end_of_life = None;
    assert_eq!(content.os, Some(os));
    let babel = content.packages.iter().find(|p| p.name == "@babel/core").expect("listed");
    assert_eq!(babel.licenses, ["(MIT OR Apache-2.0) AND CC0-1.0"]);
    assert_eq!(babel.locations[0].path, "app/node_modules/@babel/core/package.json");
}

/// What a distribution maintains is not held against the advisories of the language: lost owners are false alarms.
#[test]
fn owners_come_back() {
    let mut report = sample::rich();
    // An epoch is a qualifier in the package URL of an rpm.
    let rpm = Package::new(PackageKind::Rpm, "python3-urllib3", "1:1.26.5-3.el9", "test");
    let mut urllib = Package::new(PackageKind::Pypi, "urllib3", "1.26.5", "test");
    urllib.owned_by = Some(rpm.reference());
    report.packages.extend([rpm, urllib]);
    let owners = |packages: &[Package]| {
        let owned = packages.iter().filter_map(|p| Some((p.name.clone(), p.owned_by.clone()?)));
        owned.collect::<BTreeMap<_, _>>()
    };
    let wanted = owners(&report.packages);
    assert_eq!(wanted.len(), 2);
    for format in [Format::CycloneDx, Format::Spdx] {
        let content = read_sbom(plain(&report, format).as_bytes()).expect("our own");
        assert_eq!(owners(&content.packages), wanted, "{format}");
    }
}

#[test]
fn names_come_back_in_their_own_case() {
    let names = [
        (PackageKind::Golang, "github.com/1Panel-dev/1Panel"),
        (PackageKind::Golang, "github.com/BurntSushi/toml"),
        (PackageKind::Npm, "JSONStream"),
        (PackageKind::Pypi, "Typing_Extensions"),
        (PackageKind::Composer, "Acme/Shop"),
    ];
    let mut report = sample::clean();
    report.packages = names.iter().map(|&(kind, name)| Package::new(kind, name, "1", "test")).collect();
    for format in [Format::CycloneDx, Format::Spdx] {
        let content = read_sbom(plain(&report, format).as_bytes()).expect("our own");
        let mut read: Vec<(PackageKind, &str)> =
            content.packages.iter().map(|p| (p.kind, p.name.as_str())).collect();
        read.sort_by_key(|read| names.iter().position(|name| name == read));
        assert_eq!(read, names, "{format}");
    }
}

#[test]
fn an_attested_document_is_read_and_said_to_be_unchecked() {
    let bom = plain(&sample::rich(), Format::CycloneDx);
    let statement = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"https://cyclonedx.org/bom","predicate":{bom}}}"#
    );
    let read = read_sbom(statement.as_bytes()).expect("a statement");
    assert_eq!(read.packages.len(), sample::rich().packages.len());
    assert!(read.skipped.iter().any(|reason| reason.text.contains("signature")));

    let wrapped = format!(
        r#"{{"predicateType":"cosign.sigstore.dev/attestation/v1","predicate":{{"Data":{},"Timestamp":""}}}}"#,
        serde_json::to_string(&bom).expect("a string")
    );
    assert_eq!(read_sbom(wrapped.as_bytes()).expect("wrapped").packages, read.packages);

    // {"predicateType":"x","predicate":{"spdxVersion":"SPDX-2.3"}}
    let envelope = br#"{"payloadType":"application/vnd.in-toto+json","signatures":[],
        "payload":"eyJwcmVkaWNhdGVUeXBlIjoieCIsInByZWRpY2F0ZSI6eyJzcGR4VmVyc2lvbiI6IlNQRFgtMi4zIn19"}"#;
    assert_eq!(read_sbom(envelope).expect("an envelope").format, "SPDX 2.3");
}

#[test]
fn what_a_foreign_document_lacks_is_told() {
    let bom = br#"{"bomFormat":"CycloneDX","specVersion":"1.4","components":[
        {"type":"library","name":"a","version":"1"},
        {"type":"library","name":"b","version":"1"},
        {"type":"library","name":"c","purl":"pkg:swift/x/c@1"},
        {"type":"file","name":"etc/passwd"},
        {"type":"application","name":"package-lock.json","components":[
            {"type":"library","name":"d","version":"2","purl":"pkg:npm/d@2"}]},
        {"type":"library","name":"e","version":"2","purl":"pkg:deb/ubuntu/e@2"}]}"#;
    let content = read_sbom(bom).expect("valid");
    let names: Vec<&str> = content.packages.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["e", "d"]);
    let gaps: Vec<String> = content.gaps.iter().map(ToString::to_string).collect();
    assert_eq!(
        gaps,
        [
            "a and 1 more: components without a package URL",
            "c: packages of type swift are not supported",
            "the release of the distribution is not named",
        ]
    );
    assert_eq!(content.skipped.len(), 2);
}

#[test]
fn source_packages_are_found_where_trivy_keeps_them() {
    let purl = "pkg:deb/debian/zlib1g@1.2.13.dfsg-1?arch=amd64&distro=debian-12.11&epoch=1";
    let bom = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.7","components":[
            {{"type":"operating-system","name":"debian","version":"12.11"}},
            {{"type":"library","name":"zlib1g","purl":"{purl}","properties":[
                {{"name":"aquasecurity:trivy:SrcEpoch","value":"1"}},
                {{"name":"aquasecurity:trivy:SrcName","value":"zlib"}},
                {{"name":"aquasecurity:trivy:SrcRelease","value":"1"}},
                {{"name":"aquasecurity:trivy:SrcVersion","value":"1.2.13.dfsg"}}]}}]}}"#
    );
    let spdx = format!(
        r#"{{"spdxVersion":"SPDX-2.3","packages":[
            {{"name":"debian","versionInfo":"12.11","primaryPackagePurpose":"OPERATING-SYSTEM"}},
            {{"name":"zlib1g","sourceInfo":"built package from: zlib 1:1.2.13.dfsg-1",
              "externalRefs":[{{"referenceType":"purl","referenceLocator":"{purl}"}}]}}]}}"#
    );
    for document in [bom, spdx] {
        let content = read_sbom(document.as_bytes()).expect("valid");
        assert_eq!(content.gaps, []);
        let package = &content.packages[0];
        assert_eq!(package.version, "1:1.2.13.dfsg-1");
        let source = package.source.as_ref().expect("named");
        assert_eq!((source.name.as_str(), &source.version), ("zlib", &package.version));
    }
}

#[test]
fn what_is_no_sbom_is_refused_with_a_reason() {
    assert!(matches!(read_sbom(b"<bom/>"), Err(SbomError::NotJson("XML"))));
    assert!(matches!(read_sbom(b"{}"), Err(SbomError::Unknown)));
    assert!(matches!(read_sbom(b"nonsense"), Err(SbomError::Json(_))));
    let version = read_sbom(br#"{"spdxVersion":"SPDX-9.9"}"#).expect_err("unknown version");
    assert_eq!(version.to_string(), "SPDX version \"SPDX-9.9\" is not supported (2.2 and 2.3 are)");
    let deep = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":{}"#,
        r#"[{"components":"#.repeat(100_000)
    );
    assert!(matches!(read_sbom(deep.as_bytes()), Err(SbomError::Json(_))));
}

fn any_package() -> impl Strategy<Value = Package> {
    let name = "[a-z0-9A-Z][a-z0-9A-Z._+~-]{0,12}";
    (
        prop::sample::select(PackageKind::ALL.to_vec()),
        name,
        prop::option::of(name),
        "([0-9]:)?[0-9a-z.+~^-]{0,12}",
        prop::option::of("[a-z0-9_]{1,6}"),
        prop::option::of((name, prop::option::of("[0-9][0-9.+~-]{0,6}"))),
    )
        .prop_map(|(kind, name, group, version, arch, source)| {
            let name = match (kind, group) {
                (PackageKind::Maven, Some(group)) => format!("{group}:{name}"),
                (PackageKind::Npm, Some(group)) => format!("@{group}/{name}"),
                (PackageKind::Golang, Some(group)) => format!("example.com/{group}/{name}"),
                (PackageKind::Composer, group) => {
                    format!("{}/{name}", group.unwrap_or_else(|| "x".to_owned()))
                }
                _ => name,
            };
            let mut package = Package::new(kind, name, version, "test");
            if kind.is_os() {
                package.arch = arch;
                package.source = source.map(|(name, version)| SourcePackage {
                    version: version.unwrap_or_else(|| package.version.clone()),
                    name,
                });
            }
            package
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn packages_come_back_with_the_same_purl(packages in prop::collection::vec(any_package(), 0..12), os: bool) {
        let mut report = sample::clean();
        report.packages = packages;
        if os {
            report.os = sample::rich().os;
        } else {
            // Without a release, packages of a distribution are a gap.
            report.packages.retain(|package| !package.kind.is_os());
        }
        for read in read_back(&report) {
            prop_assert_eq!(read, purls(&report));
        }
    }
}
