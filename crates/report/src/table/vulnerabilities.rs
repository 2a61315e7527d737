//! The vulnerabilities, by package and by what clears them, the most urgent first.
//!
//! ```text
//!   high      libwebp 1.2.4-0.2  deb libwebp7, libwebpmux3       a package, and what is built from it
//!             -> 1.2.4-0.2+deb12u1 clears 1 high                 an upgrade, and what it clears
//!                CVE-2023-4863  high  KEV  EPSS 94.1 %  Heap …   the most urgent of it
//!             not fixed: 2 low                                   what no upgrade clears
//!                ...
//!             layer 202020202020  RUN apt-get install …          where the package came from
//! ```
//!
//! With `all` every vulnerability is listed, with what is known of it.

use super::{
    findings::{INDENT, Origin, SEVERITY, write_origin},
    page::{self, Page, pad, style},
};
use crate::{
    known, text,
    upgrade::{self, Affected, Highest, LIKELY, Outcome, Remedy},
};
use anstyle::Style;
use gabion_model::{Finding, ScanReport, vulnerability::Symbols};
use std::{collections::BTreeSet, io};

/// Without `all`: packages that are shown at most, and at least if there are so many; vulnerabilities of an outcome;
/// layers of a package.
const MOST: usize = 12;
const LEAST: usize = 5;
const NAMED: usize = 3;
const LAYERS: usize = 2;
/// Packages that are named of those that are not shown.
const REST: usize = 8;
/// Columns of the widest severity.
const WORD: usize = 8;
/// Less of a title says nothing.
const TITLE: usize = 20;

/// Columns before what belongs to an outcome.
const DEEPER: &str = "               ";

/// Writes the section; true if anything was left out.
pub(super) fn write(page: &mut Page<'_>, report: &ScanReport, all: bool) -> io::Result<bool> {
    let findings = upgrade::vulnerabilities(report);
    if findings.is_empty() {
        return Ok(false);
    }
    let packages = upgrade::affected(&findings);
    let n = text::thousands(findings.len() as u64);
    page.heading("VULNERABILITIES", &format!("{n} in {}", text::count(packages.len() as u64, "package")))?;
    let urgent = |p: &Affected<'_>| p.fixable() || p.outcomes.iter().any(Outcome::serious);
    let shown = if all {
        packages.len()
    } else {
        packages.iter().filter(|p| urgent(p)).count().clamp(LEAST, MOST).min(packages.len())
    };
    let mut cut = shown < packages.len();
    for package in packages.iter().take(shown) {
        cut |= write_package(page, report, package, all)?;
    }
    let (fixable, others): (Vec<_>, Vec<_>) = packages.iter().skip(shown).partition(|p| p.fixable());
    for (rest, noun) in [(fixable, "more package to upgrade"), (others, "more package without a fix")] {
        if !rest.is_empty() {
            page.blank()?;
            page.block(&[(style::DIM, "  and ")], style::DIM, &rest_of(&rest, noun))?;
        }
    }
    Ok(cut)
}

/// `7 more packages to upgrade: 2 medium, 5 low in curl, libxml2, ...`.
fn rest_of(packages: &[&Affected<'_>], noun: &str) -> String {
    let (first, last) = noun.split_once("package").unwrap_or((noun, ""));
    let n = text::count(packages.len() as u64, &format!("{first}package"));
    let mut names: Vec<&str> = packages.iter().take(REST).map(|p| p.name).collect();
    if packages.len() > REST {
        names.push("...");
    }
    let tally = upgrade::tally(packages.iter().flat_map(|p| p.findings()));
    format!("{n}{last} with {tally}: {}", names.join(", "))
}

fn write_package(
    page: &mut Page<'_>,
    report: &ScanReport,
    package: &Affected<'_>,
    all: bool,
) -> io::Result<bool> {
    let worst = package.worst();
    let lead = [(style::PLAIN, "  "), (page::of(worst), &*pad(worst.as_str(), SEVERITY))];
    let name = format!("{} {}", package.name, package.installed);
    let mut built = package.kind.map_or("", |kind| kind.as_str()).to_owned();
    let names = package.built();
    if !names.is_empty() {
        let more = if names.len() > REST && !all { ", ..." } else { "" };
        let most = if all { names.len() } else { REST };
        let names: Vec<&str> = names.into_iter().take(most).collect();
        built = format!("{built} {}{more}", names.join(", "));
    }
    page.blank()?;
    if INDENT.len() + text::width(&text::safe(&name)) + 2 + text::width(&text::safe(&built)) <= page.width() {
        let [indent, word] = lead;
        page.line(&[
            indent,
            word,
            (style::BOLD, name.trim_end()),
            (style::PLAIN, "  "),
            (style::DIM, &built),
        ])?;
    } else {
        page.block(&lead, style::BOLD, &name)?;
        page.block(&[(style::PLAIN, INDENT)], style::DIM, &built)?;
    }
    let columns = Columns::of(package, all);
    let mut cut = false;
    let highest = package.highest();
    let merged = highest.as_ref().is_some_and(|highest| highest.clears.is_some()) && !all;
    if let Some(highest) = &highest {
        cut |= write_highest(page, highest, &columns, all)?;
    }
    let shown = |outcome: &&Outcome<'_>| !(merged && matches!(outcome.remedy, Remedy::Upgrade(_)));
    for (number, outcome) in package.outcomes.iter().filter(shown).enumerate() {
        let number = number + usize::from(merged);
        let brief = !all && number > 0 && !outcome.serious() && !matches!(outcome.remedy, Remedy::Upgrade(_));
        cut |= brief;
        if brief {
            write_brief(page, outcome)?;
        } else {
            cut |= write_outcome(page, outcome, &columns, all)?;
        }
    }
    write_places(page, package, all)?;
    let origins: BTreeSet<Option<u32>> =
        package.findings().flat_map(|f| &f.evidence).map(|evidence| evidence.layer).collect();
    let most = if all { origins.len() } else { LAYERS };
    for layer in origins.iter().take(most) {
        write_origin(page, report, Some(Origin { layer: *layer, package: None, removed: false }))?;
    }
    Ok(cut || origins.len() > most)
}

/// The one version to upgrade to, and what it clears of which some lower one would clear a part; all of the parts have
/// their own lines with `all`.
fn write_highest(
    page: &mut Page<'_>,
    highest: &Highest<'_>,
    columns: &Columns,
    all: bool,
) -> io::Result<bool> {
    let Highest { versions, clears } = highest;
    let lowest = versions.split_last().map_or(&[][..], |(_, lowest)| lowest);
    let Some(last) = versions.last() else { return Ok(false) };
    let lead = [(style::PLAIN, INDENT)];
    let Some(outcome) = clears else {
        let words = format!("the highest of {} fixed versions is {last}", versions.len());
        page.block(&lead, style::DIM, &words)?;
        return Ok(false);
    };
    let tally = upgrade::tally(outcome.findings.iter().copied());
    let n = text::thousands(outcome.findings.len() as u64);
    write_upgrade(page, last, &format!("clears all {n} fixable: {tally}"))?;
    if all {
        return Ok(false);
    }
    write_findings(page, outcome, columns, all)?;
    let more = if lowest.len() > REST { ", ..." } else { "" };
    let lowest: Vec<&str> = lowest.iter().rev().take(REST).copied().collect();
    page.block(&[(style::PLAIN, DEEPER)], style::DIM, &format!("in part by {}{more}", lowest.join(", ")))?;
    Ok(true)
}

/// Where a package lies that a package manager does not keep track of.
fn write_places(page: &mut Page<'_>, package: &Affected<'_>, all: bool) -> io::Result<()> {
    if package.kind.is_none_or(gabion_model::PackageKind::is_os) {
        return Ok(());
    }
    let places: BTreeSet<&str> =
        package.findings().flat_map(|f| &f.evidence).map(|evidence| evidence.place.as_str()).collect();
    let most = if all || places.len() == NAMED { places.len() } else { NAMED - 1 };
    for place in places.iter().take(most) {
        page.line(&[(style::PLAIN, INDENT), (style::PLAIN, place)])?;
    }
    match places.len().saturating_sub(most) as u64 {
        0 => Ok(()),
        more => {
            let more = format!("and {}", text::count(more, "more place"));
            page.line(&[(style::PLAIN, INDENT), (style::DIM, &more)])
        }
    }
}

/// What can wait, in one line: `not fixed: 2 low (CVE-2025-1, CVE-2025-2)`.
fn write_brief(page: &mut Page<'_>, outcome: &Outcome<'_>) -> io::Result<()> {
    let words = format!("{}: ", outcome.remedy.words());
    let more = if outcome.findings.len() > NAMED { ", ..." } else { "" };
    let ids: Vec<&str> = outcome.findings.iter().take(NAMED).map(|f| f.rule.as_str()).collect();
    let tally = upgrade::tally(outcome.findings.iter().copied());
    let line = format!("{tally} ({}{more})", ids.join(", "));
    page.block(&[(style::PLAIN, INDENT), (style::WARNING, &words)], style::PLAIN, &line)
}

fn write_outcome(
    page: &mut Page<'_>,
    outcome: &Outcome<'_>,
    columns: &Columns,
    all: bool,
) -> io::Result<bool> {
    let tally = upgrade::tally(outcome.findings.iter().copied());
    match outcome.remedy {
        Remedy::Upgrade(version) => write_upgrade(page, version, &format!("clears {tally}"))?,
        none => {
            let words = format!("{}: ", none.words());
            page.block(&[(style::PLAIN, INDENT), (style::WARNING, &words)], style::PLAIN, &tally)?;
        }
    }
    write_findings(page, outcome, columns, all)
}

/// `-> 1.2.4-0.2+deb12u1 clears 1 high`.
fn write_upgrade(page: &mut Page<'_>, version: &str, words: &str) -> io::Result<()> {
    let (version, lead) = (text::safe(version), [(style::PLAIN, INDENT), (style::GOOD, "-> ")]);
    if INDENT.len() + 4 + text::width(&version) + text::width(words) <= page.width() {
        let [indent, arrow] = lead;
        page.line(&[indent, arrow, (style::GOOD, &version), (style::PLAIN, " "), (style::PLAIN, words)])
    } else {
        page.line(&[lead[0], lead[1], (style::GOOD, &version)])?;
        page.block(&[(style::PLAIN, DEEPER)], style::PLAIN, words)
    }
}

/// The most urgent of an outcome; true if any was left out.
fn write_findings(
    page: &mut Page<'_>,
    outcome: &Outcome<'_>,
    columns: &Columns,
    all: bool,
) -> io::Result<bool> {
    // One more than usual rather than a line that says `and 1 more`.
    let most = if all || outcome.findings.len() == NAMED + 1 { outcome.findings.len() } else { NAMED };
    for finding in outcome.findings.iter().take(most) {
        write_finding(page, finding, columns, all)?;
    }
    let rest: Vec<&str> = outcome.findings.iter().skip(most).map(|finding| finding.rule.as_str()).collect();
    if !rest.is_empty() {
        let more = format!("and {} more", text::thousands(rest.len() as u64));
        page.line(&[(style::PLAIN, DEEPER), (style::DIM, &more)])?;
    }
    Ok(!rest.is_empty())
}

/// Columns of what is shown of a package, so that its vulnerabilities stand below each other.
struct Columns {
    id: usize,
    marks: usize,
}

impl Columns {
    fn of(package: &Affected<'_>, all: bool) -> Self {
        let most = if all { usize::MAX } else { NAMED + 1 };
        let shown = || package.outcomes.iter().flat_map(|outcome| outcome.findings.iter().take(most));
        let merged = package.highest().and_then(|highest| highest.clears);
        let merged = || merged.iter().flat_map(|outcome| outcome.findings.iter().take(most));
        let shown = || shown().chain(merged());
        let id = shown().map(|f| text::width(&text::safe(&f.rule))).max().unwrap_or(0).min(24);
        Self { id, marks: shown().map(|finding| marks_width(&marks(finding))).max().unwrap_or(0) }
    }
}

/// What makes a vulnerability stand out.
fn marks(finding: &Finding) -> Vec<(Style, String)> {
    let Some(vulnerability) = finding.vulnerability.as_deref() else { return Vec::new() };
    let mut marks = Vec::new();
    if let Some(known) = vulnerability.exploited {
        let ransomware = if known.ransomware { " ransomware" } else { "" };
        marks.push((style::BAD, format!("KEV{ransomware}")));
    }
    if let Some(epss) = vulnerability.epss.filter(|epss| epss.probability.0 >= LIKELY) {
        let likely = epss.probability.0 >= 10 * LIKELY;
        marks
            .push((if likely { style::WARNING } else { style::PLAIN }, format!("EPSS {}", epss.probability)));
    }
    if let Some(symbols) = &vulnerability.symbols {
        let style = if matches!(symbols, Symbols::Present(_)) { style::WARNING } else { style::DIM };
        marks.push((style, format!("symbol {}", symbols.as_str())));
    }
    if vulnerability.disputed {
        marks.push((style::DIM, "disputed".to_owned()));
    }
    marks
}

fn marks_width(marks: &[(Style, String)]) -> usize {
    marks.iter().map(|(_, mark)| mark.len() + 2).sum()
}

fn write_finding(page: &mut Page<'_>, finding: &Finding, columns: &Columns, all: bool) -> io::Result<()> {
    let marks = marks(finding);
    let id = pad(&finding.rule, columns.id + 2);
    let severity = pad(finding.severity.as_str(), WORD + 2);
    let before = DEEPER.len() + text::width(&id) + WORD + 2 + columns.marks;
    let blanks = " ".repeat(columns.marks - marks_width(&marks));
    let title = text::safe(&finding.title);
    let beside = page.width() >= before + TITLE;
    let title = if beside { text::truncate(&title, page.width() - before) } else { "".into() };
    let mut pieces: Vec<(Style, &str)> =
        vec![(style::PLAIN, DEEPER), (style::BOLD, &id), (page::of(finding.severity), &severity)];
    for (style, mark) in &marks {
        pieces.extend([(*style, mark.as_str()), (style::PLAIN, "  ")]);
    }
    pieces.extend([(style::PLAIN, &*blanks), (style::PLAIN, &*title)]);
    // No blanks at the end of a line.
    while let Some((style, last)) = pieces.pop() {
        let trimmed = last.trim_end();
        if !trimmed.is_empty() {
            pieces.push((style, trimmed));
            break;
        }
    }
    page.line(&pieces)?;
    let deepest = [(style::PLAIN, DEEPER), (style::PLAIN, "  ")];
    if all && (!beside || title.ends_with('…')) {
        page.block(&deepest, style::PLAIN, &finding.title)?;
    } else if !beside && !finding.title.is_empty() {
        let title = text::safe(&finding.title);
        let title = text::truncate(&title, page.width() - DEEPER.len() - 2);
        page.line(&[deepest[0], deepest[1], (style::PLAIN, &title)])?;
    }
    if all {
        let lines = finding.vulnerability.as_deref().map(known::lines).unwrap_or_default();
        for line in lines {
            page.block(&deepest, style::DIM, &line)?;
        }
        let link = known::link(&finding.rule, finding.vulnerability.as_deref());
        for line in link.as_deref().into_iter().chain([finding.id.as_str()]) {
            page.line(&[deepest[0], deepest[1], (style::DIM, line)])?;
        }
    }
    Ok(())
}
