//! `gabion rules check`: everything that is wrong, with its place.

use crate::{db::cli::TextFormat, output};
use gabion_detect::{
    engine::Fields,
    rules::{
        RuleFile,
        diagnostic::{Diagnostic, Position},
        load,
    },
};
use gabion_report::text::count;
use serde_json::{Value, json};
use std::process::ExitCode;

pub(super) fn run(files: &[RuleFile], strict: bool, format: TextFormat) -> anyhow::Result<ExitCode> {
    let loaded = load(files, &Fields);
    let of = |file: &RuleFile| {
        loaded
            .diagnostics
            .iter()
            .filter(|one| *one.locations[0].position.file == *file.name)
            .collect::<Vec<_>>()
    };
    let results: Vec<(&RuleFile, Vec<&Diagnostic>)> = files.iter().map(|file| (file, of(file))).collect();
    match format {
        TextFormat::Json => {
            let results: Vec<Value> = results.iter().map(|(file, found)| json(&file.name, found)).collect();
            output::line(&serde_json::to_string_pretty(&json!({ "falco_load_results": results }))?)?;
        }
        TextFormat::Table => {
            let mut text: Vec<String> = loaded.diagnostics.iter().map(told).collect();
            for (file, found) in &results {
                let rules =
                    loaded.rules.rules.iter().filter(|rule| *rule.position.file == *file.name).count();
                text.push(summary(&file.name, found, rules));
            }
            output::line(&text.join("\n"))?;
        }
    }
    let bad = loaded.has_errors() || (strict && !loaded.diagnostics.is_empty());
    Ok(if bad { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn summary(name: &str, found: &[&Diagnostic], rules: usize) -> String {
    let errors = found.iter().filter(|one| one.is_error()).count() as u64;
    let warnings = found.len() as u64 - errors;
    let verdict = match (errors, warnings) {
        (0, 0) => "ok".to_owned(),
        (0, _) => format!("ok, with {}", count(warnings, "warning")),
        (_, 0) => format!("unusable: {}", count(errors, "error")),
        _ => format!("unusable: {}, {}", count(errors, "error"), count(warnings, "warning")),
    };
    format!("{}: {verdict}; {}", output::printable(name), count(rules as u64, "rule"))
}

/// A problem, its place, and the line.
fn told(one: &Diagnostic) -> String {
    let kind = if one.is_error() { "error" } else { "warning" };
    let within: Vec<String> = one.locations[1..]
        .iter()
        .filter(|location| location.item != "condition expression" && location.item != "value for")
        .map(|location| match location.name.as_str() {
            "" => location.item.to_owned(),
            name => format!("{} '{name}'", location.item),
        })
        .collect();
    let within = if within.is_empty() { String::new() } else { format!(", in {}", within.join(", ")) };
    let place = format!("  --> {}{within}", one.position());
    let mut lines = vec![
        format!("{kind}[{}]: {}", one.code.as_str(), output::printable(&one.message)),
        output::printable(&place).into_owned(),
    ];
    if let [line, mark, ..] = one.snippet.lines().collect::<Vec<_>>().as_slice()
        && !line.trim().is_empty()
    {
        lines.push(format!("   | {}", output::printable(line)));
        lines.push(format!("   | {}", output::printable(mark)));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// A file as `falco -V` tells it: lines and columns are counted from 0 there.
fn json(name: &str, found: &[&Diagnostic]) -> Value {
    let position = |at: &Position| json!({ "name": &*at.file, "line": at.line - 1, "column": at.column - 1, "offset": at.offset });
    let problem = |one: &&Diagnostic| {
        let locations: Vec<Value> = one
            .locations
            .iter()
            .map(|location| {
                json!({
                    "item_type": location.item,
                    "item_name": location.name,
                    "position": position(&location.position),
                })
            })
            .collect();
        json!({
            "code": one.code.as_str(),
            "codedesc": one.code.description(),
            "message": one.message,
            "context": { "locations": locations, "snippet": one.snippet },
        })
    };
    let (errors, warnings): (Vec<&Diagnostic>, Vec<&Diagnostic>) =
        found.iter().partition(|one| one.is_error());
    json!({
        "name": name,
        "successful": errors.is_empty(),
        "errors": errors.iter().map(problem).collect::<Vec<_>>(),
        "warnings": warnings.iter().map(problem).collect::<Vec<_>>(),
    })
}
