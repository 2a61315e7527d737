//! A report with a bit of everything, all of it looked at.

use gabion_model::{
    Aspect, Coverage, DataSource, Digest, Evidence, Finding, FindingKind, FixState, ImageConfig,
    ImageIdentity, Isolation, Layer, Match, OsRelease, Package, PackageKind, Reason, ScanReport, Severity,
    SourcePackage, Status, Target, Tool, Verification, Vulnerability,
    scan::FileTotals,
    vulnerability::{Cvss, Epss, KnownExploited, Score, Share},
};
use jiff::{Timestamp, civil::Date};

pub(crate) const TODAY: Date = Date::constant(2026, 11, 22);

pub(crate) fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("valid")
}

fn finding(id: &str, kind: FindingKind, rule: &str, severity: Severity, place: &str) -> Finding {
    Finding {
        id: id.into(),
        kind,
        rule: rule.into(),
        title: format!("About {rule}"),
        severity,
        evidence: vec![Evidence { place: place.into(), ..Evidence::default() }],
        fix: "Do something about it.".into(),
        vulnerability: None,
        suppressed: None,
    }
}

/// A vulnerability of these packages, without a fix and anything else that is known.
pub(crate) fn vulnerability(rule: &str, severity: Severity, packages: &[&Package]) -> Finding {
    let id = format!("V-{rule}");
    let mut finding = finding(&id, FindingKind::Vulnerability, rule, severity, "var/lib/dpkg/status");
    finding.vulnerability = Some(Box::new(Vulnerability {
        packages: packages.iter().map(|package| package.reference()).collect(),
        matches: vec![Match::default()],
        ..Vulnerability::default()
    }));
    finding
}

/// What only vulnerabilities have.
pub(crate) fn of(finding: &mut Finding) -> &mut Vulnerability {
    finding.vulnerability.as_mut().expect("a vulnerability")
}

pub(crate) fn openssl(name: &str) -> Package {
    let mut package = Package::new(PackageKind::Deb, name, "3.0.11-1~deb12u2", "dpkg");
    package.arch = Some("amd64".into());
    package.licenses = vec!["Apache-2.0".into()];
    package.source = Some(SourcePackage { name: "openssl".into(), version: package.version.clone() });
    package
}

pub(crate) fn lodash() -> Package {
    let mut package = Package::new(PackageKind::Npm, "lodash", "4.17.20", "npm");
    package.licenses = vec!["(MIT OR GPL-3.0-only)".into()];
    package
}

/// An image with nothing wrong in it.
pub(crate) fn clean() -> ScanReport {
    let digest = Digest::sha256([0xab; 32]);
    let mut coverage = Coverage::default();
    for aspect in [Aspect::FILES, Aspect::OS, Aspect::PACKAGES_OS, Aspect::SECRETS, Aspect::CONFIG] {
        coverage.full(aspect);
    }
    coverage.full(Aspect::VULNERABILITIES);
    let source = |name: &str, kind: &str| DataSource {
        name: name.into(),
        kind: kind.into(),
        root: digest,
        as_of: None,
        records: 1,
    };
    let config = ImageConfig {
        user: "1000:1000".into(),
        labels: [
            ("team".to_owned(), "shop".to_owned()),
            ("org.opencontainers.image.base.name".to_owned(), "docker.io/library/debian:12".to_owned()),
        ]
        .into(),
        created: Some("2026-11-01T00:00:00Z".parse().expect("valid")),
        ..ImageConfig::default()
    };
    ScanReport {
        schema_version: "1.0".into(),
        tool: Tool { name: "gabion".into(), version: "0.1.0".into() },
        created: now(),
        target: Target {
            source: "registry".into(),
            reference: "registry.example/shop/api:1.4".into(),
            image: Some(ImageIdentity {
                config: Digest::sha256([0xcd; 32]),
                manifest: Some(digest),
                tags: Vec::new(),
                index: None,
                bases: Vec::new(),
                platform: "linux/amd64".into(),
                verification: Verification::Verified,
            }),
        },
        os: Some(OsRelease {
            id: "debian".into(),
            version: Some("12".into()),
            codename: None,
            name: "Debian 12".into(),
            like: Vec::new(),
            end_of_life: None,
            path: "etc/os-release".into(),
        }),
        config: Some(config),
        layers: vec![Layer {
            diff_id: digest,
            digest: None,
            size: 30 << 20,
            content_size: 80 << 20,
            entries: 10,
            created_by: None,
            created: None,
        }],
        packages: vec![openssl("libssl3"), openssl("openssl"), lodash()],
        findings: Vec::new(),
        files: FileTotals { entries: 10, bytes: 80 << 20 },
        coverage,
        isolation: Isolation::default(),
        database: vec![source("debian", "osv"), source("kev", "kev"), source("epss", "epss")],
        exceptions: Vec::new(),
        programs: gabion_model::symbols::Programs::new(),
    }
}

/// One finding of each kind: a high vulnerability of both packages of openssl with everything that can be known, a low
/// one of lodash with nothing, a secret, a misconfiguration.
pub(crate) fn rich() -> ScanReport {
    let mut report = clean();
    let [ssl, openssl, lodash] = [0, 1, 2].map(|n| &report.packages[n]);
    let mut high = vulnerability("CVE-2026-1000", Severity::High, &[ssl, openssl]);
    let v = of(&mut high);
    v.aliases = vec!["DSA-6000-1".into()];
    v.fix = FixState::Fixed;
    v.fixed_version = Some("3.0.12-1".into());
    v.cvss = vec![Cvss {
        vector: "CVSS:3.1/AV:N".into(),
        version: "3.1".into(),
        score: Score(81),
        source: "nvd".into(),
    }];
    v.exploited = Some(KnownExploited { added: Date::constant(2026, 10, 1), due: None, ransomware: true });
    v.epss = Some(Epss { probability: Share(250_000), percentile: Share(970_000) });
    v.published = Some(Date::constant(2026, 9, 1));
    let low = vulnerability("GHSA-aaaa-bbbb-cccc", Severity::Low, &[lodash]);
    report.findings = vec![
        high,
        finding("S-1", FindingKind::Secret, "aws-access-key-id", Severity::High, "app/.env"),
        finding("M-1", FindingKind::Misconfiguration, "CIS-DI-4.1", Severity::Medium, "config:User"),
        low,
    ];
    report
}

/// The same with an aspect that was only looked at in part.
pub(crate) fn partial(mut report: ScanReport, aspect: Aspect) -> ScanReport {
    report.coverage.set(
        aspect,
        Status::Partial { reasons: vec![Reason::at("var/big", "too large")], skipped: Vec::new() },
    );
    report
}
