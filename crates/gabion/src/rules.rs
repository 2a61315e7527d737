//! `gabion rules`: rule files checked, listed and explained, without an agent.

mod check;
mod explain;
mod tune;

use crate::{db::cli::TextFormat, output};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use gabion_detect::{
    engine::{Engine, Fields, Matching},
    rules::{Count, Loaded, Rule, RuleFile, condition::Operand, load},
};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// No rule file is larger, in bytes.
const MAX_FILE: u64 = 16 << 20;

#[derive(Debug, Args)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    command: RulesCommand,
}

#[derive(Debug, Subcommand)]
enum RulesCommand {
    /// Say what is wrong with rule files, in Falco's codes; exit with 1 if they cannot be used
    Check {
        /// Rule files, in the order in which they change each other, or directories of them
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Exit with 1 on warnings, too
        #[arg(long)]
        strict: bool,
        /// Format of what is printed; json is that of `falco -V` with `json_output`
        #[arg(short, long, value_enum, default_value = "table")]
        format: TextFormat,
    },
    /// Say in words what a rule looks for, and everything else of it
    Explain {
        /// The name of the rule
        rule: String,
        /// Rule files, in the order in which they change each other, or directories of them; without any, Gabion's own rules
        files: Vec<PathBuf>,
        /// Format of what is printed
        #[arg(short, long, value_enum, default_value = "table")]
        format: TextFormat,
    },
    /// Propose an exception of the rule of an alert, and show which earlier alerts it would have silenced
    Tune(tune::TuneArgs),
    /// List the rules of files
    List {
        /// Rule files, in the order in which they change each other, or directories of them; without any, Gabion's own rules
        files: Vec<PathBuf>,
        /// Format of what is printed
        #[arg(short, long, value_enum, default_value = "table")]
        format: TextFormat,
    },
}

pub(crate) fn run(args: &RulesArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        RulesCommand::Check { files, strict, format } => check::run(&read(files)?, *strict, *format),
        RulesCommand::Explain { rule, files, format } => {
            explain::run(rule, &for_agent(files, files.is_empty(), None)?, *format)
        }
        RulesCommand::Tune(args) => tune::run(args),
        RulesCommand::List { files, format } => list(&for_agent(files, files.is_empty(), None)?, *format),
    }
}

/// Reads rule files; what cannot be read is told by the loader. Of directories the `.yaml` and `.yml` files, by name.
fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<RuleFile>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(read_file(path));
            continue;
        }
        let told = || format!("cannot read {}", path.display());
        let mut inside: Vec<PathBuf> = fs::read_dir(path)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>())
            .with_context(told)?;
        inside.retain(|file| file.extension().is_some_and(|end| end == "yaml" || end == "yml"));
        inside.sort();
        if inside.is_empty() {
            bail!("{} has no rule files (*.yaml, *.yml)", path.display());
        }
        files.extend(inside.iter().map(|file| read_file(file)));
    }
    Ok(files)
}

fn read_file(path: &Path) -> RuleFile {
    let mut bytes = Vec::new();
    // One byte more, so that the loader says what is too large.
    let read = File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
    let content = read.map(|_| bytes).map_err(|error| error.to_string());
    RuleFile { name: path.display().to_string(), content }
}

/// The rules of the agent: Gabion's own, unless they are not wanted, then those of files, then more.
pub(crate) fn for_agent(paths: &[PathBuf], own: bool, more: Option<RuleFile>) -> anyhow::Result<Loaded> {
    let own = own.then(|| RuleFile {
        name: "the rules of Gabion".to_owned(),
        content: Ok(gabion_detect::rules::DEFAULT.as_bytes().to_vec()),
    });
    let mut files: Vec<RuleFile> = own.into_iter().collect();
    files.extend(read(paths)?);
    files.extend(more);
    loaded(&files)
}

/// An engine with one rule: whoever filters events has a condition, whoever prints them an output.
pub(crate) fn single(what: &str, condition: &str, output: &str) -> anyhow::Result<Engine> {
    // JSON is YAML, so nothing in the texts can leave its place.
    let rule = json!([{
        "rule": "one", "desc": "one", "condition": condition, "output": output, "priority": "DEBUG",
    }]);
    let file = RuleFile { name: what.to_owned(), content: Ok(rule.to_string().into_bytes()) };
    let loaded = load(&[file], &Fields);
    if let Some(error) = loaded.diagnostics.iter().find(|diagnostic| diagnostic.is_error()) {
        bail!("{what}: {}", output::printable(&error.message));
    }
    Ok(Engine::new(&loaded.rules, Matching::First)?)
}

fn loaded(files: &[RuleFile]) -> anyhow::Result<Loaded> {
    let loaded = load(files, &Fields);
    if let Some(error) = loaded.diagnostics.iter().find(|diagnostic| diagnostic.is_error()) {
        let message = output::printable(&error.message).into_owned();
        bail!(
            "{}: {message}; gabion rules check tells everything",
            output::printable(&error.position().to_string())
        );
    }
    Ok(loaded)
}

/// The types of events of a rule, or that it can match most.
fn events(rule: &Rule) -> String {
    let names: Vec<&str> = rule.events.iter().map(gabion_model::EventKind::as_str).collect();
    match names.len() {
        0 => "none: the condition is never true".to_owned(),
        many if many > gabion_detect::rules::events::MANY => format!("{many} types"),
        _ => names.join(", "),
    }
}

fn list(loaded: &Loaded, format: TextFormat) -> anyhow::Result<ExitCode> {
    let rules = &loaded.rules.rules;
    if format == TextFormat::Json {
        let rules: Vec<Value> = rules.iter().map(facts).collect();
        output::line(&serde_json::to_string_pretty(&rules)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let width = rules.iter().map(|rule| gabion_report::text::width(&rule.name)).max().unwrap_or(0);
    let mut lines = Vec::new();
    for rule in rules {
        let name = output::printable(&rule.name);
        let pad = " ".repeat(width - gabion_report::text::width(&rule.name).min(width));
        let disabled = if rule.enabled { "" } else { " (disabled)" };
        lines.push(format!("{:<13} {name}{pad}  {}{disabled}", rule.priority.as_str(), events(rule)));
    }
    let disabled = rules.iter().filter(|rule| !rule.enabled).count() as u64;
    let count = gabion_report::text::count(rules.len() as u64, "rule");
    lines.push(format!("{count}, {disabled} disabled"));
    output::line(&lines.join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// What is known of a rule, for programs.
fn facts(rule: &Rule) -> Value {
    let events: Vec<&str> = rule.events.iter().map(gabion_model::EventKind::as_str).collect();
    json!({
        "rule": rule.name,
        "description": rule.description,
        "priority": rule.priority.as_str(),
        "source": rule.source,
        "enabled": rule.enabled,
        "tags": rule.tags,
        "events": events,
        "count": rule.count.as_ref().map(count),
        "output": rule.output.to_string(),
        "file": &*rule.position.file,
        "line": rule.position.line,
    })
}

/// What a rule counts, for programs.
fn count(count: &Count) -> Value {
    let names = |operands: &[Operand]| operands.iter().map(ToString::to_string).collect::<Vec<_>>();
    json!({
        "distinct": names(&count.distinct),
        "at_least": count.at_least,
        "within_seconds": count.within / 1_000_000_000,
        "per": names(&count.per),
    })
}
