//! `gabion plan`: which base to rebuild, or which line to change, and what that clears.

use crate::{
    cli::Common,
    clock, db, output, saved, scan,
    verdict::{self, CountsArgs, Verdict},
};
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use gabion_advisory::{Database, Order, segment::SegmentError};
use gabion_model::{Finding, FindingKind, ScanReport, Severity};
use gabion_plan::{
    Assumption, Claim, Options, Rules, Simulation, plan, simulate, simulation_table, svg, table, tickets,
};
use gabion_policy::{Owners, Pattern, names_of};
use jiff::Timestamp;
use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    str::FromStr,
};

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// What to plan for: images as for `scan`, reports of `scan --format json`, SBOMs, directories of reports and SBOMs,
    /// or an image layout with many images (oci:DIR)
    #[arg(required = true, value_name = "IMAGE|SCAN.json|SBOM|DIRECTORY")]
    pub(crate) targets: Vec<String>,

    /// Format of what is printed
    #[arg(short, long, value_enum, default_value = "table")]
    pub(crate) format: PlanFormat,

    /// Also write the plan to a file; for markdown to a directory with a ticket for each owner, or to one file if its name
    /// ends in .md; may be repeated
    #[arg(short, long = "output", value_name = "FORMAT=FILE")]
    pub(crate) outputs: Vec<PlanOutput>,

    /// Whose images are (see docs/exceptions.md)
    #[arg(long, value_name = "FILE", env = "GABION_OWNERS")]
    pub(crate) owners: Option<PathBuf>,

    /// Images that are not ours to change, as a pattern of names: docker.io/library/*; may be repeated
    #[arg(long, value_name = "PATTERN")]
    pub(crate) external: Vec<Pattern>,

    /// At most so many changes: those that clear the most
    #[arg(long, value_name = "N")]
    pub(crate) max_changes: Option<usize>,

    /// Findings of these kinds, separated by commas: vulnerability, secret, misconfiguration
    #[arg(long, value_name = "KINDS", value_delimiter = ',', default_value = "vulnerability,secret")]
    pub(crate) kind: Vec<Kind>,

    /// Only findings that are so severe or worse
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) least: Option<Severity>,

    /// What if this package had this version
    #[arg(long, value_name = "PACKAGE=VERSION")]
    pub(crate) simulate: Option<String>,

    /// The database of vulnerabilities, or `none`
    #[arg(long, value_name = "DIR", env = "GABION_DB")]
    pub(crate) db: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) common: Common,

    #[command(flatten)]
    pub(crate) counts: CountsArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    Table,
    Json,
    /// A ticket for each owner
    Markdown,
    /// A picture of the tree
    Svg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Vulnerability,
    Secret,
    Misconfiguration,
}

impl From<Kind> for FindingKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Vulnerability => Self::Vulnerability,
            Kind::Secret => Self::Secret,
            Kind::Misconfiguration => Self::Misconfiguration,
        }
    }
}

/// `FORMAT=FILE`.
#[derive(Clone, Debug)]
pub(crate) struct PlanOutput {
    format: PlanFormat,
    path: PathBuf,
}

impl FromStr for PlanOutput {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, path) = text.split_once('=').ok_or("expected FORMAT=FILE, for example svg=tree.svg")?;
        Ok(Self { format: PlanFormat::from_str(format, true)?, path: path.into() })
    }
}

/// A plan, or a plan and what it would be.
enum Planned {
    Is(Box<gabion_plan::Plan>),
    Would(Box<Simulation>),
}

pub(crate) fn run(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    let mut verdict = Verdict::counting(&args.counts, args.owners.as_ref())?;
    let owners = verdict.owners.take().unwrap_or_default();
    let assumption = match &args.simulate {
        Some(text) => Some(
            text.split_once('=')
                .filter(|(package, version)| !package.is_empty() && !version.is_empty())
                .context("--simulate: expected PACKAGE=VERSION, for example openssl=3.0.15-1~deb12u1")?,
        ),
        None => None,
    };
    let now = clock::now()?;
    let (reports, database) = reports(args, &verdict, now)?;
    let scans: Vec<&ScanReport> = reports.iter().collect();
    let owner = |claim: &Claim<'_>| owners.owner_of(&names_of([claim.name]), claim.labels).map(str::to_owned);
    let external = |claim: &Claim<'_>| {
        names_of([claim.name]).iter().any(|name| args.external.iter().any(|pattern| pattern.matches(name)))
    };
    let rules = Rules { owner: &owner, external: &external, compare: &compare };
    let options = Options {
        max_changes: args.max_changes,
        least: args.least.unwrap_or(Severity::Unknown),
        kinds: args.kind.iter().copied().map(FindingKind::from).collect(),
    };
    let planned = match assumption {
        Some((package, version)) => {
            let damaged = RefCell::new(None);
            let look = |changed: &ScanReport| {
                look_again(changed, database.as_ref()?, &verdict, now)
                    .map_err(|error| damaged.replace(Some(error)))
                    .ok()
                    .flatten()
            };
            let assumption = Assumption { package, version, reevaluate: Some(&look) };
            let simulation = simulate(&scans, &rules, &options, &assumption);
            if let Some(error) = damaged.into_inner() {
                return Err(error.into());
            }
            Planned::Would(Box::new(simulation))
        }
        None => Planned::Is(Box::new(plan(&scans, &rules, &options))),
    };
    for PlanOutput { format, path } in &args.outputs {
        if *format == PlanFormat::Markdown && path.extension().is_none_or(|e| e != "md") {
            write_tickets(planned.after(), path)?;
            continue;
        }
        let text = planned.render(*format, 120, false)?;
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if !args.common.quiet {
        tell_unmet(&owners, &reports, planned.after());
    }
    if let Planned::Would(simulation) = &planned
        && simulation.images == 0
    {
        output::note(&format!("note: no image has a package {}", simulation.package));
    }
    output::line(planned.render(args.format, output::width(), output::color(args.common.color))?.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

/// Tells what in the file of owners is for no image of the plan.
fn tell_unmet(owners: &Owners, reports: &[ScanReport], plan: &gabion_plan::Plan) {
    const SHOWN: usize = 10;
    let none = BTreeMap::new();
    let mut images: Vec<(Vec<String>, &BTreeMap<String, String>)> = Vec::new();
    for report in reports {
        let tags = report.target.image.iter().flat_map(|image| &image.tags);
        let names = names_of(tags.chain([&report.target.reference]).map(String::as_str));
        images.push((names, report.config.as_ref().map_or(&none, |config| &config.labels)));
    }
    // Bases that are known by name only have owners, too.
    images.extend(plan.nodes.iter().map(|node| (names_of([node.name.as_str()]), &none)));
    let unmet = owners.unmet(&images);
    for one in unmet.iter().take(SHOWN) {
        output::note(&format!("note: {one}"));
    }
    if unmet.len() > SHOWN {
        output::note(&format!("note: and {} more that are for no image", unmet.len() - SHOWN));
    }
}

impl Planned {
    fn after(&self) -> &gabion_plan::Plan {
        match self {
            Self::Is(plan) => plan,
            Self::Would(simulation) => &simulation.after,
        }
    }

    fn render(&self, format: PlanFormat, width: usize, color: bool) -> anyhow::Result<String> {
        Ok(match (format, self) {
            (PlanFormat::Table, Self::Is(plan)) => table(plan, width, color),
            (PlanFormat::Table, Self::Would(simulation)) => simulation_table(simulation, width, color),
            (PlanFormat::Json, Self::Is(plan)) => serde_json::to_string_pretty(plan)?,
            (PlanFormat::Json, Self::Would(simulation)) => serde_json::to_string_pretty(simulation)?,
            (PlanFormat::Markdown, planned) => {
                let tickets: Vec<_> =
                    tickets(planned.after()).into_iter().map(|ticket| ticket.markdown).collect();
                tickets.join("\n")
            }
            (PlanFormat::Svg, planned) => svg(planned.after()),
        })
    }
}

/// A file for each owner.
fn write_tickets(plan: &gabion_plan::Plan, directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot make the directory {}", directory.display()))?;
    for ticket in tickets(plan) {
        let owner = ticket.owner.as_deref().unwrap_or("nobody");
        let safe = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' };
        let path = directory.join(format!("{}.md", owner.chars().map(safe).collect::<String>()));
        fs::write(&path, ticket.markdown).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Two versions by the order that a finding names.
fn compare(comparator: &str, a: &str, b: &str) -> Option<std::cmp::Ordering> {
    Order::ALL.iter().find(|order| order.name() == comparator)?.compare(a, b).ok()
}

/// The vulnerabilities of a report whose packages are others now, by the database that matched it. A report that another
/// database matched would have others for that reason alone: it is left.
fn look_again(
    changed: &ScanReport,
    database: &Database,
    verdict: &Verdict,
    now: Timestamp,
) -> Result<Option<Vec<Finding>>, SegmentError> {
    if changed.database != database.data_sources() {
        return Ok(None);
    }
    let mut report = changed.clone();
    gabion_advisory::evaluate::evaluate(&mut report, database, now)?;
    verdict.suppress(&mut report, now, true);
    let mut report = verdict.filtered(&report).unwrap_or(report);
    report.findings.retain(|finding| finding.kind == FindingKind::Vulnerability);
    Ok(Some(report.findings))
}

/// Everything to plan for, scanned or read, matched, and without what does not count; and the database.
fn reports(
    args: &PlanArgs,
    verdict: &Verdict,
    now: Timestamp,
) -> anyhow::Result<(Vec<ScanReport>, Option<Database>)> {
    let cache = scan::usable_cache(&args.common)?;
    let mut reports = BTreeMap::new();
    for target in &args.targets {
        for one in expand(target)? {
            let (report, fresh) = match saved_report(&one)? {
                Some(report) => (report, false),
                None => (scan::one(&one, &args.common, cache.as_ref(), true, false)?.report, true),
            };
            reports.insert(one, (report, fresh));
        }
    }
    let db = args.db.as_deref().or(verdict.db.as_deref());
    let database = db::for_scan(db)?;
    // An exception counts today, or not, however old the report is; and so does the age of the database.
    let mut all = Vec::new();
    for (mut report, fresh) in reports.into_values() {
        // A report that was matched when it was made stays what it is, unless a database is named.
        let matched = !report.database.is_empty();
        if let Some(database) = database.as_ref().filter(|_| fresh || !matched || args.db.is_some()) {
            gabion_advisory::evaluate::evaluate(&mut report, database, now)?;
        }
        verdict.suppress(&mut report, now, true);
        all.push(verdict.filtered(&report).unwrap_or(report));
    }
    verdict.tell_expired(now);
    Ok((all, database))
}

/// The report in a file, if there is one: a saved scan or an SBOM.
fn saved_report(target: &str) -> anyhow::Result<Option<ScanReport>> {
    let path = Path::new(target.strip_prefix("sbom:").unwrap_or(target));
    let is_json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
    if path.is_file() && is_json { saved::read(path).map(Some) } else { Ok(None) }
}

/// A directory of reports is all of them; an image layout is all its images.
fn expand(target: &str) -> anyhow::Result<Vec<String>> {
    let layout = target.strip_prefix("oci:").unwrap_or(target);
    let index = Path::new(layout).join("index.json");
    if index.is_file() && Path::new(layout).join("oci-layout").is_file() {
        return images(layout, &index);
    }
    if target.contains(':') || !Path::new(target).is_dir() {
        return Ok(vec![target.to_owned()]);
    }
    let list = || format!("cannot list {target}");
    let mut files = Vec::new();
    for entry in fs::read_dir(target).with_context(list)? {
        let path = entry.with_context(list)?.path();
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) {
            files.push(path.to_str().context("a name of a file is no text")?.to_owned());
        }
    }
    if files.is_empty() {
        bail!(
            "{target} holds no reports (*.json)\nhint: to plan for a directory as an image, write dir:{target}"
        );
    }
    files.sort();
    Ok(files)
}

/// The tags of an image layout.
fn images(layout: &str, index: &Path) -> anyhow::Result<Vec<String>> {
    let text = verdict::read(index)?;
    let index: serde_json::Value =
        serde_json::from_str(&text).with_context(|| index.display().to_string())?;
    let manifests = index["manifests"].as_array().map(Vec::as_slice).unwrap_or_default();
    let name = |manifest: &serde_json::Value| {
        manifest["annotations"]["org.opencontainers.image.ref.name"].as_str().map(str::to_owned)
    };
    let mut tags: Vec<String> =
        manifests.iter().filter_map(name).map(|tag| format!("oci:{layout}:{tag}")).collect();
    tags.sort();
    if tags.is_empty() {
        bail!("{layout} is an image layout without named images");
    }
    Ok(tags)
}
