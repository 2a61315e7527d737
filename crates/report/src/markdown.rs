//! Markdown for a pull request or the summary of a CI job: what to upgrade, and what could not be looked at.
//!
//! ```text
//!   ## Gabion: `shop:1.4`
//!   verdict, coverage, gates                          never cut
//!   ### Could not be looked at                        each aspect with its reasons
//!   ### Upgrades                                      a row for each package and fixed version
//!   ### Without a fix, Secrets, ...                   a row each
//!   what was left out, and how to see it
//! ```
//!
//! GitHub refuses a comment of more than 65,536 characters, so that no document is longer, and each says what it
//! leaves out. `all` asks for as many rows as that allows.

mod escape;
mod sheet;

pub(crate) use escape::{code, escaped, prose};

use crate::{
    GateResult, Options, known, subject, text,
    upgrade::{self, Affected, Outcome, Remedy},
};
use gabion_model::{Aspect, Finding, FindingKind, ScanReport};
use sheet::Sheet;
use std::{collections::BTreeMap, io};

/// Columns of any text that comes from outside.
const LONGEST: usize = 160;
/// Without `all`: rows of upgrades, of packages without a fix, and of every other kind.
const UPGRADES: usize = 25;
const ROWS: usize = 10;
/// Vulnerabilities that are named of an outcome.
const NAMED: usize = 3;

/// Writes the report.
pub(crate) fn render(report: &ScanReport, options: &Options<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let mut sheet = Sheet::default();
    verdict(&mut sheet, report, options);
    unseen(&mut sheet, report);
    vulnerabilities(&mut sheet, report, options.all);
    for (kind, title, noun) in [
        (FindingKind::Secret, "Secrets", "kind of secret"),
        (FindingKind::Misconfiguration, "Misconfigurations", "misconfiguration"),
        (FindingKind::Behaviour, "Behaviour", "kind of behaviour"),
    ] {
        findings(&mut sheet, report, kind, (title, noun), options.all);
    }
    excepted(&mut sheet, report, options.all);
    standings(&mut sheet, report, options.all);
    out.write_all(sheet.finish().as_bytes())
}

fn verdict(sheet: &mut Sheet, report: &ScanReport, options: &Options<'_>) {
    sheet.add(&format!("## Gabion: {}\n", code(&report.target.reference)));
    let active = report.findings.iter().filter(|f| f.suppressed.is_none());
    let excepted = (report.findings.len() - active.clone().count()) as u64;
    let everything = subject::everything_seen(report);
    let words = if active.clone().next().is_none() {
        sentence(text::nothing(excepted, everything))
    } else {
        upgrade::tally(active)
    };
    sheet.add(&format!("\n**{words}**\n"));
    let mut more = Vec::from_iter(upgrade::summary(&upgrade::vulnerabilities(report)));
    if excepted > 0 {
        more.push(format!("{} excepted", text::thousands(excepted)));
    }
    more.push(format!("coverage {}", if everything { "full" } else { "partial" }));
    sheet.add(&format!("\n{}.\n", sentence(&more.join("; "))));
    let (passed, failed): (Vec<&GateResult>, Vec<&GateResult>) =
        options.gates.iter().partition(|gate| gate.passed);
    if !options.gates.is_empty() {
        sheet.add("\n");
    }
    let gates = failed.into_iter().chain(passed).map(|gate| {
        let word = if gate.passed { "passed" } else { "**failed**" };
        let detail =
            if gate.detail.is_empty() { String::new() } else { format!(": {}", prose(&gate.detail)) };
        format!("- gate {} {word}{detail}\n", code(&gate.gate))
    });
    sheet.rows(gates, usize::MAX, "gate");
}

/// With a capital at its start.
fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().into_iter().map(|c| c.to_ascii_uppercase()).chain(chars).collect()
}

/// What no finding is told of, whatever is in it.
fn unseen(sheet: &mut Sheet, report: &ScanReport) {
    let mut lines: Vec<String> = report
        .coverage
        .iter()
        .filter(|(_, status)| !status.is_full())
        .map(|(aspect, status)| {
            let reasons: Vec<String> = status.reasons().iter().map(|reason| prose(reason)).collect();
            format!("- {} {}: {}\n", code(aspect.as_str()), status.word(), reasons.join("; "))
        })
        .collect();
    if report.coverage.get(&Aspect::VULNERABILITIES).is_none() {
        lines.push(format!("- {} not evaluated\n", code(Aspect::VULNERABILITIES.as_str())));
    }
    if !lines.is_empty() {
        sheet.add("\n### Could not be looked at\n\n");
        sheet.rows(lines.into_iter(), usize::MAX, "aspect");
    }
}

fn vulnerabilities(sheet: &mut Sheet, report: &ScanReport, all: bool) {
    let packages = upgrade::affected(&upgrade::vulnerabilities(report));
    // One row where one version clears all that is fixable; `all` asks for the steps to it.
    let highest = packages.iter().map(|p| p.highest().and_then(|h| h.clears).filter(|_| !all));
    let highest: Vec<Option<Outcome<'_>>> = highest.collect();
    let mut outcomes: Vec<(&Affected<'_>, &Outcome<'_>)> = Vec::new();
    for (package, highest) in packages.iter().zip(&highest) {
        let part = |o: &&Outcome<'_>| highest.is_some() && matches!(o.remedy, Remedy::Upgrade(_));
        outcomes.extend(highest.iter().map(|outcome| (package, outcome)));
        outcomes.extend(package.outcomes.iter().filter(|o| !part(o)).map(|outcome| (package, outcome)));
    }
    outcomes.sort_by_key(|(_, outcome)| std::cmp::Reverse(outcome.urgency()));
    let (fixed, not): (Vec<_>, Vec<_>) =
        outcomes.into_iter().partition(|(_, o)| matches!(o.remedy, Remedy::Upgrade(_)));
    if !fixed.is_empty() {
        sheet.add("\n### Upgrades\n\n| Package | Installed | Fixed in | Clears | Most urgent |\n|---|---|---|---|---|\n");
        let most = if all { usize::MAX } else { UPGRADES };
        sheet.rows(fixed.into_iter().map(row), most, "upgrade");
    }
    if !not.is_empty() {
        sheet.add("\n### Without a fix\n\n| Package | Installed | Why | Vulnerabilities | Most urgent |\n|---|---|---|---|---|\n");
        let most = if all { usize::MAX } else { ROWS };
        sheet.rows(not.into_iter().map(row), most, "line without a fix");
    }
}

fn row((package, outcome): (&Affected<'_>, &Outcome<'_>)) -> String {
    let remedy = match outcome.remedy {
        Remedy::Upgrade(version) => code(version),
        none => none.words().to_owned(),
    };
    let mut ids: Vec<String> = outcome.findings.iter().take(NAMED).map(|f| named(f)).collect();
    if outcome.findings.len() > NAMED {
        ids.push(format!("and {} more", text::thousands((outcome.findings.len() - NAMED) as u64)));
    }
    format!(
        "| {} | {} | {remedy} | {} | {} |\n",
        code(package.name),
        code(package.installed),
        upgrade::tally(outcome.findings.iter().copied()),
        ids.join(", ")
    )
}

/// Its name with a link to where it is told of, and what makes it stand out.
fn named(finding: &Finding) -> String {
    let known = finding.vulnerability.as_deref();
    let name = match known::link(&finding.rule, known) {
        Some(url) => format!("[{}]({url})", prose(&finding.rule)),
        None => prose(&finding.rule),
    };
    let epss = known.and_then(|v| v.epss).filter(|epss| epss.probability.0 >= upgrade::LIKELY);
    let marks = [
        upgrade::exploited(finding).then(|| "**KEV**".to_owned()),
        epss.map(|epss| format!("EPSS {}", epss.probability)),
        known.is_some_and(|v| v.disputed).then(|| "disputed".to_owned()),
    ];
    std::iter::once(name).chain(marks.into_iter().flatten()).collect::<Vec<_>>().join(" ")
}

fn findings(
    sheet: &mut Sheet,
    report: &ScanReport,
    kind: FindingKind,
    (title, noun): (&str, &str),
    all: bool,
) {
    let mut rules: BTreeMap<(&str, &str), Vec<&Finding>> = BTreeMap::new();
    for finding in report.findings.iter().filter(|f| f.kind == kind && f.suppressed.is_none()) {
        rules.entry((&finding.rule, &finding.title)).or_default().push(finding);
    }
    if rules.is_empty() {
        return;
    }
    let worst = |findings: &[&Finding]| findings.iter().map(|f| f.severity).max();
    let mut rules: Vec<_> = rules.into_iter().collect();
    rules.sort_by_key(|(_, findings)| std::cmp::Reverse(worst(findings)));
    sheet.add(&format!("\n### {title}\n\n| Severity | Rule | What | Where |\n|---|---|---|---|\n"));
    let rows = rules.into_iter().map(|((rule, title), findings)| {
        let places: usize = findings.iter().map(|f| f.evidence.len()).sum();
        let first = findings.iter().find_map(|f| f.evidence.first()).map(text::place).unwrap_or_default();
        let mut place = code(&first);
        if let more @ 1.. = places.saturating_sub(1) as u64 {
            place = format!("{place} and {}", text::count(more, "more place"));
        }
        let severity = worst(&findings).map_or("", |severity| severity.as_str());
        format!("| {severity} | {} | {} | {place} |\n", code(rule), prose(title))
    });
    sheet.rows(rows, if all { usize::MAX } else { ROWS }, noun);
}

fn excepted(sheet: &mut Sheet, report: &ScanReport, all: bool) {
    let excepted: Vec<(&Finding, String)> =
        report.findings.iter().filter_map(|f| Some((f, known::excepted(f.suppressed.as_ref()?)))).collect();
    if !excepted.is_empty() {
        sheet.add("\n### Excepted\n\n| Severity | Rule | Why |\n|---|---|---|\n");
        let rows = excepted
            .into_iter()
            .map(|(f, why)| format!("| {} | {} | {} |\n", f.severity, code(&f.rule), prose(&why)));
        sheet.rows(rows, if all { usize::MAX } else { ROWS }, "exception");
    }
}

/// Exceptions that someone must look at.
fn standings(sheet: &mut Sheet, report: &ScanReport, all: bool) {
    let told = known::exceptions_to_look_at(report);
    if !told.is_empty() {
        sheet.add("\n### Exceptions to look at\n\n| Exception | Owner | Standing |\n|---|---|---|\n");
        let rows = told.into_iter().map(|exception| {
            let standing = sentence(&known::standing(exception));
            format!("| {} | {} | {} |\n", code(&exception.id), prose(&exception.owner), prose(&standing))
        });
        sheet.rows(rows, if all { usize::MAX } else { ROWS }, "exception");
    }
}
