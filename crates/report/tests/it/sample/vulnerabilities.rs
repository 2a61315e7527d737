//! Vulnerabilities of the sample: one of each kind that an output must tell apart, with what was published of them.

use super::{digest, evidence};
use gabion_model::{
    AppliedException, Evidence, Finding, FindingKind, FixState, Package, PackageKind, PackageRef, Severity,
    Standing, Vulnerability,
    vulnerability::{
        Cvss, DataSource, Epss, Factor, KnownExploited, Match, Priority, Score, Share, Ssvc, Suppression,
        SuppressionKind, Symbols,
    },
};
use jiff::civil::date;

/// What every finding is made of.
pub(super) struct Told {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) severity: Severity,
    /// Source package, its version, and the names of the packages built from it.
    pub(super) package: (&'static str, &'static str, &'static [&'static str]),
    /// Advisory, source, ecosystem, comparator.
    pub(super) by: [&'static str; 4],
    pub(super) range: &'static str,
    pub(super) fix: FixState,
    pub(super) fixed: Option<&'static str>,
    /// In tenths, and its vector.
    pub(super) cvss: Option<(u8, &'static str)>,
    /// In millionths.
    pub(super) epss: u32,
    pub(super) score: u8,
}

impl Told {
    pub(super) fn finding(self, packages: &[Package]) -> Finding {
        let Self { id, title, severity, package: (name, version, built), by, range, fix, fixed, .. } = self;
        let affected: Vec<&Package> =
            packages.iter().filter(|package| built.contains(&package.name.as_str())).collect();
        let [advisory, source, ecosystem, comparator] = by.map(str::to_owned);
        let mut refs: Vec<PackageRef> = affected.iter().map(|package| package.reference()).collect();
        refs.dedup();
        let number =
            id.bytes().chain(name.bytes()).fold(7u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
        Finding {
            id: format!("V-{:012x}", number & 0xffff_ffff_ffff),
            kind: FindingKind::Vulnerability,
            rule: id.to_owned(),
            title: title.to_owned(),
            severity,
            evidence: affected.into_iter().map(installed).collect(),
            fix: match fixed {
                Some(version) => format!("Upgrade {name} to {version} or later."),
                None => format!("No fixed version of {name} is known."),
            },
            suppressed: None,
            vulnerability: Some(Box::new(Vulnerability {
                packages: refs,
                rated_by: source.clone(),
                matches: vec![Match {
                    advisory,
                    source,
                    ecosystem,
                    package: name.to_owned(),
                    version: version.to_owned(),
                    range: range.to_owned(),
                    comparator,
                }],
                fix,
                fixed_version: fixed.map(str::to_owned),
                cvss: self
                    .cvss
                    .map(|(score, vector)| Cvss {
                        vector: vector.to_owned(),
                        version: vector[5..8].to_owned(),
                        score: Score(score),
                        source: "CISA".to_owned(),
                    })
                    .into_iter()
                    .collect(),
                epss: (self.epss > 0)
                    .then_some(Epss { probability: Share(self.epss), percentile: Share(900_000) }),
                priority: Priority {
                    score: self.score,
                    factors: vec![factor("severity", self.score.cast_signed(), "as rated by its vendor")],
                },
                ..Vulnerability::default()
            })),
        }
    }
}

fn factor(name: &str, points: i8, why: &str) -> Factor {
    Factor { name: name.to_owned(), points, why: why.to_owned() }
}

pub(super) fn installed(package: &Package) -> Evidence {
    let place = package.locations.first().map_or("", |location| &location.path);
    let detail = format!("{} {}", package.name, package.version);
    Evidence { package: Some(package.reference()), ..evidence(place, None, package.layer, &detail) }
}

const DEBIAN: [&str; 3] = ["debian", "Debian:12", "dpkg"];
const OPENSSL: (&str, &str, &[&str]) = ("openssl", "3.0.11-1~deb12u2", &["libssl3", "openssl"]);

pub(super) fn debian(advisory: &'static str) -> [&'static str; 4] {
    let [source, ecosystem, comparator] = DEBIAN;
    [advisory, source, ecosystem, comparator]
}

fn ghsa(advisory: &'static str) -> [&'static str; 4] {
    [advisory, "ghsa", "npm", "npm"]
}

/// Known to be exploited, in two packages of one source, and fixed.
fn exploited(packages: &[Package]) -> Finding {
    let mut finding = Told {
        id: "CVE-2023-4863",
        title: "Heap buffer overflow in libwebp allows an out of bounds memory write by a crafted image",
        severity: Severity::High,
        package: ("libwebp", "1.2.4-0.2", &["libwebp7", "libwebpmux3"]),
        by: debian("DSA-5497-2"),
        range: "< 1.2.4-0.2+deb12u1",
        fix: FixState::Fixed,
        fixed: Some("1.2.4-0.2+deb12u1"),
        cvss: Some((88, "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H")),
        epss: 941_100,
        score: 93,
    }
    .finding(packages);
    if let Some(vulnerability) = &mut finding.vulnerability {
        vulnerability.aliases = vec!["DSA-5497-2".to_owned(), "GHSA-j7hp-h8jx-5ppr".to_owned()];
        vulnerability.cwe = vec![787];
        vulnerability.exploited = Some(KnownExploited {
            added: date(2023, 9, 13),
            due: Some(date(2023, 10, 4)),
            ransomware: false,
        });
        vulnerability.ssvc = Some(Ssvc {
            exploitation: Some("active".to_owned()),
            automatable: Some(false),
            total_impact: Some(true),
        });
        vulnerability.published = Some(date(2023, 9, 12));
        vulnerability.references =
            ["https://security-tracker.debian.org/tracker/CVE-2023-4863", "https://crbug.com/1479274"]
                .map(str::to_owned)
                .to_vec();
        vulnerability.priority.factors = vec![
            factor("known exploited", 35, "in CISA's catalogue since 2023-09-13"),
            factor("severity", 30, "high, rated by debian"),
            factor("likely exploited", 20, "EPSS 94.1 % within 30 days"),
            factor("fixable", 5, "a fixed version is released"),
            factor("impact", 3, "total (SSVC)"),
        ];
    }
    finding
}

/// An exception lives with it until a day.
fn accepted(packages: &[Package]) -> Finding {
    let mut finding = Told {
        id: "CVE-2024-24790",
        title: "Unexpected behavior from Is methods for IPv4-mapped IPv6 addresses in net/netip",
        severity: Severity::Critical,
        package: ("stdlib", "1.22.1", &["stdlib"]),
        by: ["GO-2024-2887", "govulndb", "Go", "semver"],
        range: ">= 1.22.0-0, < 1.22.4",
        fix: FixState::Fixed,
        fixed: Some("1.22.4"),
        cvss: Some((98, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")),
        epss: 2_400,
        score: 30,
    }
    .finding(packages);
    if let Some(vulnerability) = &mut finding.vulnerability {
        "CVSS 3.1 9.8 of CISA".clone_into(&mut vulnerability.rated_by);
        vulnerability.symbols = Some(Symbols::Absent(vec![
            "netip.Addr.IsLoopback".to_owned(),
            "netip.Addr.IsPrivate".to_owned(),
        ]));
    }
    finding.suppressed = Some(Suppression {
        kind: SuppressionKind::RiskAcceptance,
        source: "shop-2026-07".to_owned(),
        reason: "healthz listens on loopback only and parses no addresses".to_owned(),
        owner: "team-shop@example.org".to_owned(),
        expires: Some(date(2026, 12, 31)),
    });
    finding
}

/// A VEX statement says that it does not matter.
fn not_affected(packages: &[Package]) -> Finding {
    let mut finding = Told {
        id: "CVE-2022-3219",
        title: "GnuPG can be made to spin on a relatively small input",
        severity: Severity::Low,
        package: ("gnupg2", "2.2.40-1.1", &["gpgv"]),
        by: debian("CVE-2022-3219"),
        range: ">= 0",
        fix: FixState::NotFixed,
        fixed: None,
        cvss: None,
        epss: 0,
        score: 6,
    }
    .finding(packages);
    finding.suppressed = Some(Suppression {
        kind: SuppressionKind::NotAffected,
        source: "https://vex.example/shop-1".to_owned(),
        reason: "vulnerable_code_not_in_execute_path: gpgv only checks signatures of our own mirror"
            .to_owned(),
        owner: "Example Security".to_owned(),
        expires: None,
    });
    finding
}

/// All of them.
pub(super) fn findings(packages: &[Package]) -> Vec<Finding> {
    let told = |told: Told| told.finding(packages);
    let overread = Told {
        id: "CVE-2024-5535",
        title: "SSL_select_next_proto buffer overread",
        severity: Severity::Critical,
        package: OPENSSL,
        by: debian("DSA-5764-1"),
        range: "< 3.0.15-1~deb12u1",
        fix: FixState::Fixed,
        fixed: Some("3.0.15-1~deb12u1"),
        cvss: Some((91, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:H")),
        epss: 47_800,
        score: 49,
    };
    let after_free = Told {
        id: "CVE-2024-4741",
        title: "Use after free with SSL_free_buffers",
        severity: Severity::Medium,
        cvss: None,
        epss: 3_100,
        score: 23,
        ..overread
    };
    let pkcs12 = Told {
        id: "CVE-2024-0727",
        title: "Processing a maliciously formatted PKCS12 file may lead to a crash",
        severity: Severity::Low,
        by: debian("CVE-2024-0727"),
        range: "< 3.0.13-1~deb12u1",
        fixed: Some("3.0.13-1~deb12u1"),
        cvss: Some((55, "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:H")),
        epss: 2_000,
        score: 11,
        ..overread
    };
    let minerva = Told {
        id: "CVE-2025-27587",
        title: "Minerva side-channel attack on PowerPC",
        severity: Severity::Unknown,
        by: debian("CVE-2025-27587"),
        range: ">= 0",
        fix: FixState::NotFixed,
        fixed: None,
        cvss: None,
        epss: 900,
        score: 0,
        ..overread
    };
    let minizip = Told {
        id: "CVE-2023-45853",
        title: "Integer overflow and heap-based buffer overflow in zipOpenNewFileInZip4_64",
        severity: Severity::Critical,
        package: ("zlib", "1:1.2.13.dfsg-1", &["zlib1g"]),
        by: debian("CVE-2023-45853"),
        range: ">= 0",
        fix: FixState::WillNotFix,
        fixed: None,
        cvss: Some((98, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")),
        epss: 12_300,
        score: 44,
    };
    let unset = Told {
        id: "CVE-2025-13465",
        title: "Prototype pollution in the _.unset and _.omit functions",
        severity: Severity::Medium,
        package: ("lodash", "4.17.21", &["lodash"]),
        by: ghsa("GHSA-xxjr-mmjv-4gpg"),
        range: ">= 4.0.0, < 4.17.23",
        fix: FixState::Fixed,
        fixed: Some("4.17.23"),
        cvss: Some((65, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:L/A:L")),
        epss: 400,
        score: 23,
    };
    let forgery = Told {
        id: "CVE-2023-28155",
        title: "Server-side request forgery by a redirect across protocols",
        severity: Severity::Medium,
        package: ("request", "2.88.2", &["request"]),
        by: ghsa("GHSA-p8p7-x288-28g6"),
        range: "<= 2.88.2",
        fix: FixState::NotFixed,
        fixed: None,
        cvss: Some((61, "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N")),
        epss: 5_200,
        score: 18,
    };
    let mut disputed = minerva.finding(packages);
    if let Some(vulnerability) = &mut disputed.vulnerability {
        vulnerability.disputed = true;
        vulnerability.rated_by.clear();
        vulnerability.priority.factors = vec![
            factor("severity", 15, "unknown, rated by nobody"),
            factor("disputed", -20, "its vendor denies that it is a vulnerability"),
        ];
    }
    vec![
        told(overread),
        told(minizip),
        accepted(packages),
        exploited(packages),
        told(after_free),
        told(unset),
        told(forgery),
        told(pkcs12),
        not_affected(packages),
        disputed,
    ]
}

/// The packages that these findings are about, besides those that the sample has anyway.
pub(super) fn packages() -> Vec<Package> {
    let deb = |name, version, source: &str, built_as: &str| {
        let status = "var/lib/dpkg/status";
        let layer = u32::from(source == "libwebp");
        let mut package = super::package(PackageKind::Deb, name, version, &[], status, layer);
        package.source =
            Some(gabion_model::SourcePackage { name: source.to_owned(), version: built_as.to_owned() });
        package
    };
    vec![
        deb("libwebp7", "1.2.4-0.2", "libwebp", "1.2.4-0.2"),
        deb("libwebpmux3", "1.2.4-0.2", "libwebp", "1.2.4-0.2"),
        deb("openssl", "3.0.11-1~deb12u2", "openssl", "3.0.11-1~deb12u2"),
        deb("zlib1g", "1:1.2.13.dfsg-1", "zlib", "1:1.2.13.dfsg-1"),
        super::package(
            PackageKind::Npm,
            "request",
            "2.88.2",
            &["Apache-2.0"],
            "app/node_modules/request/package.json",
            2,
        ),
    ]
}

/// Where all of this is known from.
pub(super) fn database() -> Vec<DataSource> {
    let source = |name: &str, kind: &str, as_of: Option<&str>, records| DataSource {
        name: name.to_owned(),
        kind: kind.to_owned(),
        root: digest(0xa0 + name.len() as u8),
        as_of: as_of.map(|time| time.parse().expect("valid")),
        records,
    };
    vec![
        source("cisa-kev", "kev", Some("2026-11-20T15:00:00Z"), 1_471),
        source("debian", "osv", Some("2026-11-22T12:14:00Z"), 48_211),
        source("epss", "epss", Some("2026-11-22T00:00:00Z"), 291_000),
        source("ghsa", "osv", Some("2026-10-01T00:00:00Z"), 2_000),
        source("govulndb", "osv", None, 3_400),
    ]
}

/// One of each standing.
pub(super) fn exceptions() -> Vec<AppliedException> {
    let exception = |id: &str, expires, standing, findings| AppliedException {
        id: id.to_owned(),
        kind: SuppressionKind::RiskAcceptance,
        owner: "team-shop@example.org".to_owned(),
        reason: "healthz listens on loopback only and parses no addresses".to_owned(),
        expires,
        standing,
        findings,
    };
    vec![
        exception("shop-2026-07", date(2026, 12, 31), Standing::InForce, 1),
        exception("shop-2026-08", date(2026, 12, 31), Standing::Unused, 0),
        exception("shop-2026-05", date(2026, 11, 30), Standing::ExpiresSoon, 2),
        exception("shop-2026-01", date(2026, 6, 30), Standing::Expired, 1),
        exception("shop-2026-02", date(2026, 7, 31), Standing::Expired, 0),
    ]
}
