//! An old image, by which it is seen what a report does with hundreds of vulnerabilities.

use super::vulnerabilities::{Told, debian, installed};
use gabion_model::{FixState, PackageKind, ScanReport, Severity};

/// An old image: many packages with many vulnerabilities, of which few can be fixed.
pub(crate) fn wall() -> ScanReport {
    let mut report = super::rich();
    let states =
        [FixState::NotFixed, FixState::WillNotFix, FixState::UnderInvestigation, FixState::EndOfLife];
    for n in 0..60u32 {
        let name = format!("lib{}{n}", ["tiff", "curl", "xml", "krb", "glib", "python"][n as usize % 6]);
        let package = super::package(PackageKind::Deb, &name, "1.2-3", &[], "var/lib/dpkg/status", 0);
        for m in 0..=n % 9 {
            let severity =
                Severity::WORST_FIRST[if m == 0 && n % 17 == 0 { 0 } else { 1 + (n + m) as usize % 4 }];
            let fixed = (n % 4 == 0).then(|| format!("1.2-3+deb12u{}", 1 + m % 2));
            let mut finding = Told {
                id: "CVE-2026-1",
                title: "Out of bounds read by a crafted file",
                severity,
                package: ("x", "1.2-3", &[]),
                by: debian("DSA"),
                range: ">= 0",
                fix: if fixed.is_some() { FixState::Fixed } else { states[m as usize % 4] },
                fixed: None,
                cvss: None,
                epss: 100 * (n + m),
                score: severity as u8 * 7,
            }
            .finding(&[]);
            finding.rule = format!("CVE-2026-{}", 10_000 + n * 100 + m);
            finding.id = format!("V-{n:06x}{m:06x}");
            finding.evidence = vec![installed(&package)];
            if let Some(vulnerability) = &mut finding.vulnerability {
                vulnerability.packages = vec![package.reference()];
                vulnerability.matches[0].package.clone_from(&name);
                vulnerability.fixed_version = fixed;
            }
            report.findings.push(finding);
        }
        report.packages.push(package);
    }
    report.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    report
}
