//! A report that has one of everything, and reports that have next to nothing.

#[path = "sample/vulnerabilities.rs"] // also for who includes this file by its path
mod vulnerabilities;
#[path = "sample/wall.rs"]
mod wall;

pub(crate) use wall::wall;

use gabion_model::{
    Aspect, BaseHint, Coverage, Digest, Evidence, Finding, FindingKind, ImageConfig, ImageIdentity,
    Isolation, Layer, Location, OsRelease, Package, PackageKind, Reason, ScanReport, Severity, SourcePackage,
    Target, Tool, Verification,
    os::{EndOfLife, Extension},
    scan::FileTotals,
    scan::SCHEMA_VERSION,
};

fn digest(byte: u8) -> Digest {
    Digest::sha256([byte; 32])
}

fn layer(byte: u8, created_by: &str) -> Layer {
    Layer {
        diff_id: digest(byte),
        digest: Some(digest(byte + 1)),
        size: 28_000_000 + u64::from(byte),
        content_size: 80_000_000,
        entries: 3_210,
        created_by: Some(created_by.to_owned()),
        created: Some("2026-05-01T10:00:00Z".parse().expect("valid")),
    }
}

fn package(
    kind: PackageKind,
    name: &str,
    version: &str,
    licenses: &[&str],
    path: &str,
    layer: u32,
) -> Package {
    let mut package = Package::new(kind, name, version, "sample");
    package.licenses = licenses.iter().map(|&l| l.to_owned()).collect();
    package.locations = vec![Location { path: path.to_owned(), layer: Some(layer) }];
    package.layer = Some(layer);
    if kind.is_os() {
        package.arch = Some("amd64".to_owned());
    }
    package
}

fn packages() -> Vec<Package> {
    let status = "var/lib/dpkg/status";
    let mut ssl = package(PackageKind::Deb, "libssl3", "3.0.11-1~deb12u2", &["Apache-2.0"], status, 0);
    ssl.source = Some(SourcePackage { name: "openssl".to_owned(), version: ssl.version.clone() });
    let mut gpg =
        package(PackageKind::Deb, "gpgv", "2:2.2.40-1.1+b1", &["GPL-3+", "LGPL-2.1-only"], status, 0);
    gpg.source = Some(SourcePackage { name: "gnupg2".to_owned(), version: "2.2.40-1.1".to_owned() });
    let python = package(PackageKind::Deb, "python3-yaml", "6.0-3+b2", &["Expat"], status, 0);
    let mut yaml = package(
        PackageKind::Pypi,
        "PyYAML",
        "6.0",
        &["MIT"],
        "usr/lib/python3/dist-packages/PyYAML-6.0.egg-info/PKG-INFO",
        0,
    );
    yaml.owned_by = Some(python.reference());
    let lodash = |path| package(PackageKind::Npm, "lodash", "4.17.21", &["MIT"], path, 2);
    let mut packages = vec![
        gpg,
        ssl,
        python,
        package(
            PackageKind::Npm,
            "@babel/core",
            "7.1.0",
            &["MIT OR Apache-2.0", "CC0-1.0"],
            "app/node_modules/@babel/core/package.json",
            2,
        ),
        lodash("app/node_modules/lodash/package.json"),
        lodash("app/node_modules/x/node_modules/lodash/package.json"),
        yaml,
        package(
            PackageKind::Maven,
            "org.slf4j:slf4j-api",
            "2.0.9",
            &[],
            "app/shop.war!/WEB-INF/lib/slf4j.jar",
            2,
        ),
        package(PackageKind::Golang, "stdlib", "1.22.1", &["BSD-3-Clause"], "usr/local/bin/healthz", 1),
        package(PackageKind::Generic, "redis", "", &["SSPL-1.0 or so"], "usr/local/bin/redis-server", 1),
    ];
    packages.extend(vulnerabilities::packages());
    packages.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    packages
}

fn finding(
    kind: FindingKind,
    rule: &str,
    title: &str,
    severity: Severity,
    fix: &str,
    evidence: &[Evidence],
) -> Finding {
    let places: Vec<&str> = evidence.iter().map(|e| e.detail.as_str()).collect();
    let number = rule.bytes().chain(places.join("").bytes()).map(u64::from).sum::<u64>();
    Finding {
        id: format!("{}-{number:012x}", kind.as_str()[..1].to_uppercase()),
        kind,
        rule: rule.to_owned(),
        title: title.to_owned(),
        severity,
        evidence: evidence.to_vec(),
        fix: fix.to_owned(),
        vulnerability: None,
        suppressed: None,
    }
}

fn evidence(place: &str, line: Option<u64>, layer: Option<u32>, detail: &str) -> Evidence {
    Evidence { place: place.to_owned(), line, layer, detail: detail.to_owned(), ..Evidence::default() }
}

fn findings() -> Vec<Finding> {
    let rotate = "Rotate the key, then build the image without it: pass it at run time, or mount it with \
                  `RUN --mount=type=secret`.";
    let key = |line, detail| {
        finding(
            FindingKind::Secret,
            "aws-access-key-id",
            "AWS access key",
            Severity::Critical,
            rotate,
            &[evidence("app/.env", Some(line), Some(2), detail)],
        )
    };
    let mut removed =
        evidence("root/.ssh/id_ed25519", Some(1), Some(1), "-----BEGIN OPENSSH PRIVATE KEY-----****");
    removed.removed = true;
    let mut shipped = evidence("usr/bin/gpgv", None, Some(0), "mode 4755, owner root");
    shipped.package = packages().first().map(Package::reference);
    let setuid: Vec<Evidence> = std::iter::once(shipped)
        .chain(
            ["su", "mount", "umount", "passwd"]
                .map(|name| evidence(&format!("usr/bin/{name}"), None, Some(0), "mode 4755, owner root")),
        )
        .collect();
    let config = |rule, title, severity, fix, place, detail| {
        finding(
            FindingKind::Misconfiguration,
            rule,
            title,
            severity,
            fix,
            &[evidence(place, None, None, detail)],
        )
    };
    let mut findings = vulnerabilities::findings(&packages());
    findings.extend([
        key(3, "AWS_ACCESS_KEY_ID=AKIA****"),
        key(9, "OLD_KEY=AKIA****"),
        finding(FindingKind::Secret, "private-key", "Private key", Severity::High, rotate, &[removed]),
        config(
            "CIS-DI-4.1",
            "Container runs as root",
            Severity::High,
            "Add a user, and `USER` with its name or number at the end of the Dockerfile.",
            "config:User",
            "not set",
        ),
        finding(
            FindingKind::Misconfiguration,
            "CIS-DI-4.8",
            "Files with the setuid or setgid bit",
            Severity::Low,
            "Remove the bit where it is not needed: `chmod a-s FILE`.",
            &setuid,
        ),
        config(
            "CIS-DI-4.6",
            "No health check",
            Severity::Info,
            "Add `HEALTHCHECK`, unless the orchestrator probes the container.",
            "config:Healthcheck",
            "",
        ),
    ]);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

fn coverage() -> Coverage {
    let mut coverage = Coverage::default();
    coverage.full(Aspect::FILES);
    coverage.full(Aspect::OS);
    coverage.full(Aspect::PACKAGES_OS);
    coverage.gap(Aspect::named("packages.java"), Reason::at("app/big.war", "archive is encrypted"));
    coverage.gap(
        Aspect::named("packages.java"),
        Reason::at("app/deep.jar", "archives are nested more than 8 deep"),
    );
    coverage.full(Aspect::SECRETS);
    coverage.skip(
        Aspect::SECRETS,
        Reason { text: "binary file".to_owned(), path: Some("usr/bin/bash".to_owned()), count: 1_874 },
    );
    coverage.full(Aspect::CONFIG);
    let starter = "ghsa: a starter set, of which most is missing, 2000 records";
    coverage.gap(Aspect::VULNERABILITIES, Reason::new(starter));
    let older = "ghsa: nothing in it is younger than 52 days";
    coverage.gap(Aspect::VULNERABILITIES, Reason::new(older));
    coverage
}

/// One of everything.
pub(crate) fn rich() -> ScanReport {
    ScanReport {
        schema_version: SCHEMA_VERSION.to_owned(),
        tool: Tool { name: "gabion".to_owned(), version: "0.1.0".to_owned() },
        created: "2026-11-22T16:30:00.123456789Z".parse().expect("valid"),
        target: Target {
            source: "registry".to_owned(),
            reference: "registry.example/team/shop:1.4".to_owned(),
            image: Some(ImageIdentity {
                config: digest(0xc0),
                manifest: Some(digest(0xd0)),
                tags: vec![
                    "registry.example/team/shop:1.4".to_owned(),
                    "registry.example/team/shop:latest".to_owned(),
                ],
                index: Some(digest(0xd1)),
                bases: vec![BaseHint {
                    source: "provenance".to_owned(),
                    name: Some("docker.io/library/debian:12".to_owned()),
                    digest: Some(digest(0xd2)),
                    one_of_several: true,
                }],
                platform: "linux/amd64".to_owned(),
                verification: Verification::Verified,
            }),
        },
        os: Some(OsRelease {
            id: "debian".to_owned(),
            version: Some("12".to_owned()),
            codename: Some("bookworm".to_owned()),
            name: "Debian GNU/Linux 12 (bookworm)".to_owned(),
            like: vec![],
            end_of_life: Some(EndOfLife {
                date: "2026-07-11".parse().expect("valid"),
                extensions: [("LTS", "2028-06-30", true), ("ELTS", "2033-06-30", false)]
                    .map(|(name, until, free)| Extension {
                        name: name.to_owned(),
                        until: until.parse().expect("valid"),
                        free,
                    })
                    .to_vec(),
                passed: false,
            }),
            path: "usr/lib/os-release".to_owned(),
        }),
        config: Some(ImageConfig {
            entrypoint: vec!["/usr/local/bin/start".to_owned()],
            env_names: vec!["PATH".to_owned()],
            exposed_ports: vec!["8080/tcp".to_owned()],
            labels: [("org.opencontainers.image.title".to_owned(), "shop".to_owned())].into(),
            created: Some("2026-05-01T10:00:00Z".parse().expect("valid")),
            ..ImageConfig::default()
        }),
        layers: vec![
            layer(0x10, "# debian.sh --arch 'amd64' out/ 'bookworm' '@1745798400'"),
            layer(
                0x20,
                "RUN /bin/sh -c apt-get update &&   apt-get install -y --no-install-recommends redis &&   rm -rf /var/lib/apt/lists/* # buildkit",
            ),
            layer(0x30, "COPY . /app # buildkit"),
        ],
        packages: packages(),
        findings: findings(),
        files: FileTotals { entries: 10_234, bytes: 310_400_000 },
        coverage: coverage(),
        isolation: Isolation { landlock: "enforced (ABI 6)".to_owned(), seccomp: "enforced".to_owned() },
        database: vulnerabilities::database(),
        exceptions: vulnerabilities::exceptions(),
        programs: gabion_model::symbols::Programs::new(),
    }
}

/// A root with many findings of few rules: secrets of which some share a file, and some are shipped by a package.
pub(crate) fn crowded() -> ScanReport {
    let mut report = ScanReport { exceptions: vec![], ..rich() };
    let secret = |rule: &str, title, severity, file: &str, line| {
        let place = evidence(file, Some(line), Some(2), &format!("key = **** # {line}"));
        let mut finding = finding(FindingKind::Secret, rule, title, severity, "Revoke it.", &[place]);
        finding.id = format!("S-{rule}-{line}");
        finding
    };
    for line in 1..=1_200 {
        let file = format!("srv/deployments/region-{}/configuration/services/backend.env", line / 3);
        let finding =
            secret("generic-api-key", "Secret or key in an assignment", Severity::Medium, &file, line);
        report.findings.push(finding);
    }
    for line in 1..=4 {
        let file = "usr/share/doc/examples/keys.json";
        let finding = secret("jwt", "JSON web token", Severity::Low, file, line);
        report.findings.push(finding);
    }
    for (i, rule) in ('a'..='t').map(String::from).enumerate() {
        let title = "Another kind of secret";
        let finding = secret(&rule, title, Severity::Low, "srv/app.ini", i as u64 + 1);
        report.findings.push(finding);
    }
    let mut shipped = secret("jwt", "JSON web token", Severity::Info, "usr/share/doc/libssl3/jwt", 1);
    let own = secret("jwt", "JSON web token", Severity::Info, "srv/jwt", 2);
    shipped.evidence[0].package = report.packages.first().map(Package::reference);
    report.findings.extend([shipped, own]);
    report
}

/// A directory without packages and findings, looked at in full.
pub(crate) fn clean() -> ScanReport {
    let mut coverage = Coverage::default();
    for aspect in [Aspect::FILES, Aspect::SECRETS, Aspect::VULNERABILITIES] {
        coverage.full(aspect);
    }
    ScanReport {
        target: Target { source: "dir".to_owned(), reference: "/srv/rootfs".to_owned(), image: None },
        os: None,
        config: None,
        layers: vec![],
        packages: vec![],
        findings: vec![],
        coverage,
        database: vec![],
        exceptions: vec![],
        ..rich()
    }
}
