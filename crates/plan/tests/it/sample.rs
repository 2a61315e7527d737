//! Scan reports made in code: single images for the tests, and a company's fleet for snapshots, pictures and the bench.

use gabion_model::{
    Coverage, Digest, Evidence, Finding, FindingKind, FixState, ImageConfig, ImageIdentity, Isolation, Layer,
    Match, Package, PackageKind, ScanReport, Severity, Status, Target, Tool, Verification, Vulnerability,
    coverage::Aspect,
    scan::{FileTotals, SCHEMA_VERSION},
    vulnerability::Priority,
};

/// A digest that is another for another text.
pub(crate) fn digest(text: &str) -> Digest {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut mix = |byte: u8| {
        state = (state ^ u64::from(byte)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        state ^= state >> 29;
        (state >> 32) as u8
    };
    for byte in text.bytes() {
        mix(byte);
    }
    Digest::sha256([0; 32].map(&mut mix))
}

/// An image of layers named by their history lines, looked at in full, with nothing in it.
pub(crate) fn image(name: &str, lines: &[&str]) -> ScanReport {
    let layer = |line: &&str| Layer {
        diff_id: digest(line),
        digest: None,
        size: 1,
        content_size: 1,
        entries: 1,
        created_by: Some((*line).to_owned()),
        created: None,
    };
    let mut coverage = Coverage::default();
    for aspect in [Aspect::FILES, Aspect::PACKAGES_OS, Aspect::VULNERABILITIES] {
        coverage.set(aspect, Status::full());
    }
    ScanReport {
        schema_version: SCHEMA_VERSION.to_owned(),
        tool: Tool { name: "gabion".to_owned(), version: "0.1.0".to_owned() },
        created: "2026-11-22T16:30:00Z".parse().expect("valid"),
        target: Target {
            source: "registry".to_owned(),
            reference: name.to_owned(),
            image: Some(ImageIdentity {
                config: digest(&format!("config of {name}")),
                manifest: Some(digest(&format!("manifest of {name}"))),
                tags: vec![],
                index: None,
                bases: Vec::new(),
                platform: "linux/amd64".to_owned(),
                verification: Verification::Verified,
            }),
        },
        os: None,
        config: Some(ImageConfig::default()),
        layers: lines.iter().map(layer).collect(),
        packages: vec![],
        findings: vec![],
        files: FileTotals { entries: 1, bytes: 1 },
        coverage,
        isolation: Isolation::default(),
        database: vec![],
        exceptions: vec![],
        programs: gabion_model::symbols::Programs::new(),
    }
}

/// What was not scanned from an image.
pub(crate) fn directory(name: &str) -> ScanReport {
    let mut report = image(name, &[]);
    (report.target.source, report.target.image, report.config) = ("dir".to_owned(), None, None);
    report
}

/// Adds a package.
pub(crate) fn package(report: &mut ScanReport, kind: PackageKind, name: &str, version: &str, layer: u32) {
    let mut package = Package::new(kind, name, version, "sample");
    package.layer = Some(layer).filter(|_| !report.layers.is_empty());
    report.packages.push(package);
}

/// Adds a vulnerability of all packages with this name; without `fixed` there is no fix.
pub(crate) fn vulnerable(report: &mut ScanReport, cve: &str, severity: Severity, name: &str, fixed: &str) {
    let packages: Vec<_> =
        report.packages.iter().filter(|p| p.name == name).map(Package::reference).collect();
    let version = packages[0].version.clone();
    let evidence = |package: &gabion_model::PackageRef| Evidence {
        place: "var/lib/dpkg/status".to_owned(),
        package: Some(package.clone()),
        ..Evidence::default()
    };
    let vulnerability = Vulnerability {
        matches: vec![Match {
            advisory: cve.to_owned(),
            source: "sample".to_owned(),
            package: name.to_owned(),
            version,
            comparator: "numbers".to_owned(),
            ..Match::default()
        }],
        fix: if fixed.is_empty() { FixState::NotFixed } else { FixState::Fixed },
        fixed_version: Some(fixed.to_owned()).filter(|fixed| !fixed.is_empty()),
        priority: Priority { score: score(severity), factors: vec![] },
        ..Vulnerability::default()
    };
    report.findings.push(Finding {
        id: format!("V-{cve}-{name}"),
        kind: FindingKind::Vulnerability,
        rule: cve.to_owned(),
        title: format!("Something in {name}"),
        severity,
        evidence: packages.iter().map(evidence).collect(),
        fix: "Update it.".to_owned(),
        vulnerability: Some(Box::new(Vulnerability { packages, ..vulnerability })),
        suppressed: None,
    });
}

fn score(severity: Severity) -> u8 {
    match severity {
        Severity::Critical => 85,
        Severity::High => 60,
        Severity::Medium => 35,
        _ => 10,
    }
}

/// Adds a secret or misconfiguration.
pub(crate) fn blamed(
    report: &mut ScanReport,
    kind: FindingKind,
    rule: &str,
    place: &str,
    layer: Option<u32>,
) {
    report.findings.push(Finding {
        id: format!("{rule}-{place}"),
        kind,
        rule: rule.to_owned(),
        title: rule.replace('-', " "),
        severity: Severity::High,
        evidence: vec![Evidence { place: place.to_owned(), layer, ..Evidence::default() }],
        fix: "Remove it.".to_owned(),
        vulnerability: None,
        suppressed: None,
    });
}

/// Versions that are dotted numbers.
pub(crate) fn by_numbers(comparator: &str, a: &str, b: &str) -> Option<std::cmp::Ordering> {
    let numbers =
        |version: &str| version.split('.').map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<_>>>();
    (comparator == "numbers").then(|| Some(numbers(a)?.cmp(&numbers(b)?)))?
}

/// Teams by the second part of a name.
pub(crate) fn by_path(claim: &gabion_plan::Claim<'_>) -> Option<String> {
    let path = claim.name.strip_prefix("registry.acme.example/")?;
    path.split_once('/').map(|(team, _)| if team == "base" { "platform".to_owned() } else { team.to_owned() })
}

/// What comes from Docker Hub is not ours.
pub(crate) fn from_hub(claim: &gabion_plan::Claim<'_>) -> bool {
    claim.name.starts_with("docker.io/")
}

/// The rules of the fleet.
pub(crate) fn rules() -> gabion_plan::Rules<'static> {
    gabion_plan::Rules { owner: &by_path, external: &from_hub, compare: &by_numbers }
}

const SEVERITIES: [Severity; 8] = [
    Severity::Low,
    Severity::Medium,
    Severity::High,
    Severity::Medium,
    Severity::Low,
    Severity::Critical,
    Severity::Medium,
    Severity::High,
];

/// Six bases, three of them from Docker Hub, and as many applications on them as are asked for. Each has, of its own
/// and of its bases, `findings` findings, and `packages` packages that have none.
pub(crate) fn fleet(applications: usize, findings: usize, packages: usize) -> Vec<ScanReport> {
    const DEBIAN: &str = "# debian.sh --arch 'amd64' out/ 'bookworm' '@1760000000'";
    const PYTHON: &str =
        "RUN /bin/sh -c set -eux; wget -O python.tar.xz https://www.python.org/ftp # buildkit";
    const NODE: &str = "RUN /bin/sh -c curl -fsSLO https://nodejs.org/dist/v22.11.0/node.tar.xz # buildkit";
    const ACME_PYTHON: &str = "RUN /bin/sh -c apt-get update && apt-get install -y libpq5 tini # buildkit";
    const ACME_NODE: &str = "RUN /bin/sh -c apt-get update && apt-get install -y dumb-init # buildkit";
    const JAVA: &str =
        "RUN /bin/sh -c apt-get update && apt-get install -y openjdk-17-jre-headless # buildkit";
    let bases: [(&str, &[&str]); 6] = [
        ("docker.io/library/debian:12", &[DEBIAN]),
        ("docker.io/library/python:3.12", &[DEBIAN, PYTHON]),
        ("docker.io/library/node:22", &[DEBIAN, NODE]),
        ("registry.acme.example/base/python:3.12", &[DEBIAN, PYTHON, ACME_PYTHON]),
        ("registry.acme.example/base/node:22", &[DEBIAN, NODE, ACME_NODE]),
        ("registry.acme.example/base/java:17", &[DEBIAN, JAVA]),
    ];
    let teams = ["payments", "shop", "search", "identity", "data"];
    let services = ["api", "worker", "frontend", "importer", "gateway", "scheduler", "mailer"];
    let mut fleet: Vec<ScanReport> = bases.iter().map(|(name, lines)| image(name, lines)).collect();
    for number in 0..applications {
        let base = [3, 4, 5, 3, 4, 3, 5, 4, 3][number % 9];
        let team = teams[number * 7 % teams.len()];
        let service = services[number % services.len()];
        let copy = format!("COPY . /srv/{service}-{number} # buildkit");
        let lines: Vec<&str> = bases[base].1.iter().copied().chain([&*copy]).collect();
        let mut report =
            image(&format!("registry.acme.example/{team}/{service}-{number}:1.{}", number % 5), &lines);
        if number % 3 == 0 {
            package(&mut report, PackageKind::Npm, "lodash", "4.17.20", lines.len() as u32 - 1);
            vulnerable(&mut report, "CVE-2021-23337", Severity::High, "lodash", "4.17.21");
        }
        fleet.push(report);
    }
    for report in &mut fleet {
        fill(report, findings, packages);
    }
    fleet
}

/// Packages of the bases, spread over the layers that are not the application's own.
fn fill(report: &mut ScanReport, findings: usize, packages: usize) {
    let last = report.layers.last().and_then(|layer| layer.created_by.clone()).unwrap_or_default();
    let bases = report.layers.len() - usize::from(last.starts_with("COPY"));
    for number in 0..findings {
        // The lowest layer brings most.
        let layer = [0, 0, 1, 0, 2, 0, 1][number % 7].min(bases - 1);
        let line = report.layers[layer].diff_id.hex();
        let name = format!("lib{}{}", &line[..4], number / 9);
        if !report.packages.iter().rev().take(64).any(|package| package.name == name) {
            package(report, PackageKind::Deb, &name, "1.2.3", layer as u32);
        }
        let fixed = if number % 11 == 7 { "" } else { ["1.2.4", "1.2.10", "1.3"][number % 3] };
        let severity = SEVERITIES[number % SEVERITIES.len()];
        vulnerable(report, &format!("CVE-2026-{}{number:04}", &line[..2]), severity, &name, fixed);
    }
    for number in 0..packages {
        package(report, PackageKind::Deb, &format!("harmless{number}"), "1.0", 0);
    }
}
