//! `gabion explain`: why a finding is one, from the advisory to the line of the Dockerfile.

use crate::{
    cli::{Common, ExplainArgs},
    output, saved, scan, storage,
};
use anyhow::bail;
use gabion_model::{Aspect, Evidence, Finding, FindingKind, Package, PackageRef, ScanReport, Vulnerability};
use std::{fmt::Write, path::Path, process::ExitCode};

/// How many files of a package are shown.
const FILES: usize = 5;

pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let report = report(args)?;
    let wanted = |finding: &&Finding| {
        let known = |name: &str| name.eq_ignore_ascii_case(&args.id);
        known(&finding.id)
            || known(&finding.rule)
            || finding.vulnerability.as_ref().is_some_and(|v| v.aliases.iter().any(|alias| known(alias)))
    };
    let found: Vec<&Finding> = report.findings.iter().filter(wanted).collect();
    if found.is_empty() {
        // Of what the name is of, if it says so.
        let upper = args.id.to_ascii_uppercase();
        let aspect = if ["CVE-", "GHSA-", "V-"].iter().any(|start| upper.starts_with(start)) {
            let aspect = Aspect::VULNERABILITIES;
            report.coverage.get(&aspect).map(|status| (aspect, status))
        } else {
            report.coverage.worst().map(|(aspect, status)| (aspect.clone(), status))
        };
        let not_full = aspect.filter(|(_, status)| !status.is_full());
        let honest = not_full.map_or(String::new(), |(aspect, status)| {
            format!(
                "\nnote: {aspect} is {} in this scan, so that it may be there all the same",
                status.word()
            )
        });
        bail!("{} has no finding {}{honest}", target(&report), args.id);
    }
    if args.format == crate::db::cli::TextFormat::Json {
        output::line(&serde_json::to_string_pretty(&found)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let chains: Vec<String> = found.iter().map(|finding| chain(&report, finding)).collect();
    output::line(chains.join("\n").trim_end())?;
    Ok(ExitCode::SUCCESS)
}

fn report(args: &ExplainArgs) -> anyhow::Result<ScanReport> {
    let Common { cache_dir, .. } = &args.common;
    match &args.target {
        None => saved::last(&storage::directory(cache_dir.as_ref())?),
        Some(file) if saved::is_scan(Path::new(file)) => saved::read(Path::new(file)),
        Some(target) => {
            let cache = scan::usable_cache(&args.common)?;
            let mut scanned = scan::one(target, &args.common, cache.as_ref(), true, false)?;
            let db = args.db.as_deref();
            scan::match_vulnerabilities(&mut scanned.report, db)?;
            Ok(scanned.report)
        }
    }
}

fn target(report: &ScanReport) -> String {
    format!("{}:{}", report.target.source, report.target.reference)
}

/// Lines of a label and a text; what has no text is left out.
struct Chain(String);

impl Chain {
    fn add(&mut self, label: &str, text: &str) {
        if !text.is_empty() {
            // Writing to a string does not fail.
            let _ = writeln!(self.0, "  {label:<14} {}", output::printable(text));
        }
    }
}

fn chain(report: &ScanReport, finding: &Finding) -> String {
    let mut out = Chain(format!("{}  {}\n", finding.rule, output::printable(&finding.title)));
    out.add("id", &finding.id);
    out.add("image", &target(report));
    out.add("severity", finding.severity.as_str());
    if let Some(suppressed) = &finding.suppressed {
        let until = suppressed.expires.map_or(String::new(), |day| format!(", until {day}"));
        out.add(
            "does not count",
            &format!("{}: {} ({}{until})", suppressed.kind.as_str(), suppressed.reason, suppressed.source),
        );
    }
    match &finding.vulnerability {
        Some(vulnerability) => explain(&mut out, report, finding, vulnerability),
        None => places(&mut out, report, finding),
    }
    out.add("fix", &finding.fix);
    out.0
}

fn explain(out: &mut Chain, report: &ScanReport, finding: &Finding, v: &Vulnerability) {
    out.add("rated by", &v.rated_by);
    for cvss in &v.cvss {
        out.add("CVSS", &format!("{} ({}, {}) {}", cvss.score, cvss.version, cvss.source, cvss.vector));
    }
    if let Some(exploited) = &v.exploited {
        let due = exploited.due.map_or(String::new(), |due| format!(", to be fixed until {due}"));
        let ransomware = if exploited.ransomware { "; used by ransomware" } else { "" };
        out.add("exploited", &format!("known since {}{due}{ransomware} (CISA KEV)", exploited.added));
    }
    if let Some(epss) = &v.epss {
        out.add(
            "EPSS",
            &format!("{} within 30 days; more than {} of all CVEs", epss.probability, epss.percentile),
        );
    }
    if let Some(ssvc) = &v.ssvc {
        let yes = |flag: Option<bool>, yes, no| flag.map_or("unknown", |flag| if flag { yes } else { no });
        out.add(
            "SSVC",
            &format!(
                "exploitation {}, automatable {}, impact {}",
                ssvc.exploitation.as_deref().unwrap_or("unknown"),
                yes(ssvc.automatable, "yes", "no"),
                yes(ssvc.total_impact, "total", "partial"),
            ),
        );
    }
    let cwe: Vec<String> = v.cwe.iter().map(|number| format!("CWE-{number}")).collect();
    out.add("weakness", &cwe.join(", "));
    out.add("also known as", &v.aliases.join(", "));
    out.add("published", &v.published.map_or(String::new(), |day| day.to_string()));
    for (number, one) in v.matches.iter().enumerate() {
        let by = if one.comparator.is_empty() {
            "as text".to_owned()
        } else {
            format!("by the order of {}", one.comparator)
        };
        let label = if number == 0 { "because" } else { "and" };
        out.add(
            label,
            &format!(
                "{} of {} says {} {} {}; {} is compared {by}",
                one.advisory, one.source, one.ecosystem, one.package, one.range, one.version
            ),
        );
    }
    out.add("symbols", &v.symbols.as_ref().map_or(String::new(), gabion_report::symbols_in_words));
    for package in &v.packages {
        describe(out, report, package, &finding.evidence);
    }
    let state = match &v.fixed_version {
        Some(version) => format!("in {version}"),
        None => v.fix.as_str().to_owned(),
    };
    out.add("fixed", &state);
    out.add("priority", &format!("{} of 100", v.priority.score));
    for factor in &v.priority.factors {
        out.add("", &format!("{:>+4}  {}: {}", factor.points, factor.name, factor.why));
    }
    v.references.iter().for_each(|link| out.add("read", link));
}

/// A package: where it is, and which line put it there.
fn describe(out: &mut Chain, report: &ScanReport, wanted: &PackageRef, evidence: &[Evidence]) {
    let Some(package) = report.packages.iter().find(|p| p.reference() == *wanted) else { return };
    let Package { name, version, source, locations, layer, found_by, .. } = package;
    let of = source
        .as_ref()
        .filter(|s| s.name != *name)
        .map_or(String::new(), |s| format!(", built from {} {}", s.name, s.version));
    out.add("package", &format!("{name} {version}{of} (told by {found_by})"));
    let known = format!("{name} {version}");
    for location in locations.iter().take(FILES) {
        // What the evidence tells of this very file, beside the package.
        let own = evidence.iter().find(|e| e.package.as_ref() == Some(wanted) && e.place == location.path);
        let more = own.and_then(|evidence| evidence.detail.strip_prefix(&known)).unwrap_or_default();
        out.add("file", &format!("{}{more}", location.path));
    }
    if locations.len() > FILES {
        out.add("", &format!("and {} more files", locations.len() - FILES));
    }
    line(out, report, *layer);
}

/// The layer and the line of the Dockerfile that made it.
fn line(out: &mut Chain, report: &ScanReport, layer: Option<u32>) {
    let Some(found) = layer.and_then(|layer| report.layers.get(layer as usize)) else { return };
    let number = layer.unwrap_or_default() + 1;
    out.add("layer", &format!("{number} of {}, {}", report.layers.len(), found.diff_id.short()));
    out.add("line", found.created_by.as_deref().unwrap_or_default());
}

fn places(out: &mut Chain, report: &ScanReport, finding: &Finding) {
    for evidence in &finding.evidence {
        let at = evidence.line.map_or(String::new(), |line| format!(":{line}"));
        let removed =
            if evidence.removed { " (removed by a later layer, and still in the image)" } else { "" };
        let label = if finding.kind == FindingKind::Secret { "file" } else { "place" };
        out.add(label, &format!("{}{at}{removed}", evidence.place));
        out.add("seen", &evidence.detail);
        if let Some(package) = &evidence.package {
            out.add("owned by", &format!("{} {}", package.name, package.version));
        }
        line(out, report, evidence.layer);
    }
}
