//! What counts, and whether it passes: exceptions and VEX, gates and policies, from flags, environment and `.gabion.yaml`.

use crate::output;
use anyhow::{Context, anyhow, bail};
use clap::Args;
use gabion_model::{Aspect, FindingKind, Reason, ScanReport, Standing};
use gabion_policy::{
    Decision, Exception, Filter, Gate, Owners, PROJECT_FILE, Policy, ProjectConfig, RuleOutcome, Severities,
    VexDocument, apply, apply_vex, decide, to_openvex,
};
use gabion_report::GateResult;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Days before its last one on which an exception is told, unless the user says otherwise.
const EXPIRES_WITHIN: u32 = 14;

/// Bytes of a file that the user names.
const MAX_FILE: u64 = 64 << 20;

#[derive(Debug, Args)]
#[command(next_help_heading = "What fails")]
pub(crate) struct VerdictArgs {
    /// Exit with 1 if there is any of these, separated by commas: critical, high, medium, low (a vulnerability so severe or
    /// worse), fixable, kev (known to be exploited), epss-PERCENT (epss-10), secret, cis-SEVERITY (cis-high), coverage
    /// (what was asked for and could not be looked at), eol (no free security updates any more), any
    #[arg(long, value_name = "GATES", env = "GABION_FAIL_ON")]
    pub(crate) fail_on: Vec<String>,

    /// Exit with 1 if the image does not meet this policy; without a file, the default one (see `gabion policy show`)
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "default", env = "GABION_POLICY")]
    pub(crate) policy: Option<PathBuf>,

    /// Whose images are, for rules of a policy that are for some owners only (see docs/exceptions.md)
    #[arg(long, value_name = "FILE", env = "GABION_OWNERS")]
    pub(crate) owners: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) counts: CountsArgs,
}

/// Which findings count, for what decides and for what does not.
#[derive(Debug, Args)]
#[command(next_help_heading = "What counts")]
pub(crate) struct CountsArgs {
    /// Only findings of these severities, separated by commas
    #[arg(long, value_name = "LEVELS", env = "GABION_SEVERITY")]
    pub(crate) severity: Option<Severities>,

    /// No vulnerabilities without a fix
    #[arg(long, env = "GABION_IGNORE_UNFIXED", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) ignore_unfixed: bool,

    /// Exceptions: who answers for what, until when (see docs/exceptions.md); may be repeated
    #[arg(long, value_name = "FILE", env = "GABION_EXCEPTIONS", value_delimiter = ',')]
    pub(crate) exceptions: Vec<PathBuf>,

    /// Tell of exceptions whose last day is at most so many days away [default: 14]
    #[arg(long, value_name = "DAYS", env = "GABION_EXPIRES_WITHIN")]
    pub(crate) expires_within: Option<u32>,

    /// VEX documents in OpenVEX, CSAF or CycloneDX: vulnerabilities that do not matter in this image; may be repeated
    #[arg(long, value_name = "FILE", env = "GABION_VEX", value_delimiter = ',')]
    pub(crate) vex: Vec<PathBuf>,

    /// What this project asks of its scans [default: .gabion.yaml in this directory, if there is one]
    #[arg(long, value_name = "FILE", env = "GABION_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

/// What was asked for, read and checked before anything is scanned.
pub(crate) struct Verdict {
    gates: Vec<Gate>,
    policy: Option<Policy>,
    filter: Filter,
    exceptions: Vec<Exception>,
    /// Days before the last one of an exception on which it is told.
    expires_within: u32,
    vex: Vec<VexDocument>,
    /// The database that the project names.
    pub(crate) db: Option<PathBuf>,
    /// Who owns images.
    pub(crate) owners: Option<Owners>,
}

impl Verdict {
    pub(crate) fn read(args: &VerdictArgs) -> anyhow::Result<Self> {
        let project = project(args.counts.config.as_deref())?;
        let policy = match args.policy.as_ref().or(project.policy.as_ref()) {
            Some(path) => Some(read_policy(path)?),
            None => None,
        };
        let given = gates(&args.fail_on)?;
        let gates = if given.is_empty() { project.fail_on.clone() } else { given };
        Ok(Self { gates, policy, ..Self::of(&args.counts, args.owners.as_ref(), project)? })
    }

    /// What counts, where nothing is to be decided.
    pub(crate) fn counting(args: &CountsArgs, owners: Option<&PathBuf>) -> anyhow::Result<Self> {
        Self::of(args, owners, project(args.config.as_deref())?)
    }

    /// Gates for what is new in an image. What a project asks of its scans is for images as a whole.
    pub(crate) fn of_what_is_new(fail_on: &[String], counts: &CountsArgs) -> anyhow::Result<Self> {
        Ok(Self { gates: gates(fail_on)?, ..Self::counting(counts, None)? })
    }

    fn of(args: &CountsArgs, owners: Option<&PathBuf>, project: ProjectConfig) -> anyhow::Result<Self> {
        let chosen =
            |flag: &Vec<PathBuf>, project: Vec<PathBuf>| if flag.is_empty() { project } else { flag.clone() };
        let mut exceptions: Vec<Exception> = Vec::new();
        for path in chosen(&args.exceptions, project.exceptions) {
            for exception in Exception::parse(&path.display().to_string(), &read(&path)?)? {
                if exceptions.iter().any(|known| known.id == exception.id) {
                    bail!("{}: the exception {} is in another file, too", path.display(), exception.id);
                }
                exceptions.push(exception);
            }
        }
        let vex = chosen(&args.vex, project.vex);
        let vex = vex.iter().map(|path| Ok(VexDocument::parse(&path.display().to_string(), &read(path)?)?));
        Ok(Self {
            gates: Vec::new(),
            policy: None,
            filter: Filter {
                severities: args.severity.clone().unwrap_or(project.severity),
                ignore_unfixed: args.ignore_unfixed || project.ignore_unfixed,
            },
            exceptions,
            expires_within: args.expires_within.or(project.expires_within).unwrap_or(EXPIRES_WITHIN),
            vex: vex.collect::<anyhow::Result<_>>()?,
            db: project.db,
            owners: owners.or(project.owners.as_ref()).map(|path| read_owners(path)).transpose()?,
        })
    }

    /// Marks what does not count, and tells of VEX that does nothing.
    pub(crate) fn suppress(&self, report: &mut ScanReport, now: Timestamp, quiet: bool) {
        apply(report, &self.exceptions, day(now), self.expires_within);
        let vex = apply_vex(report, &self.vex, now);
        if quiet {
            return;
        }
        for why in &vex.ignored {
            output::note(&format!("note: {why}"));
        }
        for id in &vex.unused {
            output::note(&format!("note: the VEX document {id} is for nothing in this image"));
        }
    }

    /// What gates and policy say.
    pub(crate) fn results(&self, report: &ScanReport, now: Timestamp) -> Vec<GateResult> {
        let today = day(now);
        let mut results: Vec<GateResult> = self
            .gates
            .iter()
            .map(|gate| gate.check(report, &self.filter, today))
            .map(|outcome| GateResult { gate: outcome.gate, passed: outcome.passed, detail: outcome.detail })
            .collect();
        if let Some(policy) = &self.policy {
            results.extend(
                decide(report, policy, self.owners.as_ref(), now).rules.iter().filter_map(gate_result),
            );
        }
        results
    }

    /// A report without what was not asked for; none if that is all of it. What is left is not all: the coverage says so, so
    /// that nobody takes the report for a clean one later.
    pub(crate) fn filtered(&self, report: &ScanReport) -> Option<ScanReport> {
        if report.findings.iter().all(|finding| self.filter.counts(finding)) {
            return None;
        }
        let mut report = report.clone();
        let (kept, hidden): (Vec<_>, Vec<_>) =
            std::mem::take(&mut report.findings).into_iter().partition(|finding| self.filter.counts(finding));
        report.findings = kept;
        for (kind, aspect) in [
            (FindingKind::Vulnerability, Aspect::VULNERABILITIES),
            (FindingKind::Secret, Aspect::SECRETS),
            (FindingKind::Misconfiguration, Aspect::CONFIG),
        ] {
            let count = hidden.iter().filter(|finding| finding.kind == kind).count() as u64;
            if count > 0 {
                let text = "a finding that was left out by --severity or --ignore-unfixed".to_owned();
                report.coverage.gap(aspect, Reason { text, path: None, count });
            }
        }
        Some(report)
    }

    /// Tells which exceptions have expired.
    pub(crate) fn tell_expired(&self, now: Timestamp) {
        for exception in self.exceptions.iter().filter(|exception| exception.expires < day(now)) {
            output::note(&format!("note: the exception {} has expired, and does nothing", exception.id));
        }
    }
}

/// Tells of exceptions that someone must look at.
pub(crate) fn tell_exceptions(report: &ScanReport) {
    for exception in report.exceptions.iter().filter(|exception| exception.standing != Standing::InForce) {
        output::note(&format!("note: the exception {}", gabion_report::text::exception(exception)));
    }
}

/// Writes what is known of each vulnerability as OpenVEX. Without any there is no document: the format has none without a
/// statement.
pub(crate) fn write_vex(
    report: &ScanReport,
    author: &str,
    now: Timestamp,
    path: &Path,
) -> anyhow::Result<()> {
    let Some(document) = to_openvex(report, author, now) else {
        output::note(&format!(
            "note: {} is not written: there is no vulnerability to tell of",
            path.display()
        ));
        return Ok(());
    };
    fs::write(path, format!("{document:#}\n")).with_context(|| format!("cannot write {}", path.display()))
}

/// Gates, separated by commas; what is empty, as of a variable that is set to nothing, is none.
fn gates(texts: &[String]) -> anyhow::Result<Vec<Gate>> {
    let words = texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|word| !word.is_empty());
    words.map(|word| word.parse().map_err(|error| anyhow!("--fail-on: {error}"))).collect()
}

/// A rule as a gate; one that is for other images is none.
fn gate_result(rule: &RuleOutcome) -> Option<GateResult> {
    let (passed, detail) = rule.verdict()?;
    Some(GateResult { gate: format!("policy rule {}", rule.id), passed, detail })
}

/// A policy as a person reads it.
pub(crate) fn told(decision: &Decision) -> Vec<String> {
    let verdict = if decision.passed { "passed" } else { "failed" };
    let mut lines = vec![format!("policy {}: {verdict}", decision.policy)];
    for rule in &decision.rules {
        let reason = if rule.reason.is_empty() { String::new() } else { format!(": {}", rule.reason) };
        lines.push(format!("  {:<15} {}{reason}", rule.outcome.as_str(), rule.id));
    }
    lines
}

pub(crate) fn day(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

/// A policy from a file, or the one named `default`.
pub(crate) fn read_policy(path: &Path) -> anyhow::Result<Policy> {
    if path == Path::new("default") {
        return Ok(Policy::default_policy());
    }
    Ok(Policy::parse(&path.display().to_string(), &read(path)?)?)
}

/// Who owns images.
pub(crate) fn read_owners(path: &Path) -> anyhow::Result<Owners> {
    Ok(Owners::parse(&path.display().to_string(), &read(path)?)?)
}

/// What the project asks for; its paths are relative to its file.
fn project(named: Option<&Path>) -> anyhow::Result<ProjectConfig> {
    let path = named.unwrap_or(Path::new(PROJECT_FILE));
    if named.is_none() && !path.is_file() {
        return Ok(ProjectConfig::default());
    }
    let mut config = ProjectConfig::parse(&path.display().to_string(), &read(path)?)?;
    let base = path.parent().unwrap_or(Path::new(""));
    let all = config.exceptions.iter_mut().chain(&mut config.vex);
    let all = all.chain(&mut config.owners).chain(&mut config.policy).chain(&mut config.db);
    for path in all.filter(|path| *path != Path::new("default") && *path != Path::new("none")) {
        *path = base.join(&path);
    }
    Ok(config)
}

/// A text file of the user, of a size that one has.
pub(crate) fn read(path: &Path) -> anyhow::Result<String> {
    let fail = || format!("cannot read {}", path.display());
    let size = fs::metadata(path).with_context(fail)?.len();
    if size > MAX_FILE {
        bail!("{} is larger than {} MiB", path.display(), MAX_FILE >> 20);
    }
    fs::read_to_string(path).with_context(fail)
}
