//! `gabion rules explain`: one rule, in words and as it is evaluated.

use crate::{db::cli::TextFormat, output};
use anyhow::bail;
use gabion_detect::rules::{Loaded, Rule, pretty, words};
use serde_json::json;
use std::{collections::BTreeSet, process::ExitCode};

/// How many rules are named if there is none of the name.
const ALIKE: usize = 5;

pub(super) fn run(name: &str, loaded: &Loaded, format: TextFormat) -> anyhow::Result<ExitCode> {
    let rules = &loaded.rules.rules;
    let Some(rule) = rules.iter().find(|rule| rule.name.eq_ignore_ascii_case(name)) else {
        let wanted = name.to_ascii_lowercase();
        let alike: Vec<&str> = rules
            .iter()
            .map(|rule| rule.name.as_str())
            .filter(|name| name.to_ascii_lowercase().contains(&wanted))
            .take(ALIKE)
            .collect();
        let hint =
            if alike.is_empty() { String::new() } else { format!("; there are: {}", alike.join(", ")) };
        bail!("no rule {name:?}{}", output::printable(&hint));
    };
    match format {
        TextFormat::Json => {
            let mut facts = super::facts(rule);
            facts["looks_for"] = json!(words::describe(&rule.condition));
            facts["condition"] = json!(rule.condition.to_string());
            facts["written"] = json!(rule.written);
            facts["fields"] = json!(fields(rule));
            facts["exceptions"] = json!(exceptions(rule));
            output::line(&serde_json::to_string_pretty(&facts)?)?;
        }
        TextFormat::Table => output::line(&text(rule))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// All fields that the condition and the output ask for.
fn fields(rule: &Rule) -> BTreeSet<String> {
    let asked = rule.condition.checks().into_iter().map(|check| &check.left);
    let printed = rule.output.operands();
    asked.chain(printed).flat_map(|operand| operand.fields()).map(ToString::to_string).collect()
}

fn exceptions(rule: &Rule) -> Vec<String> {
    let one = |exception: &gabion_detect::rules::Exception| {
        let fields: Vec<String> =
            exception.fields.iter().map(|(field, comp)| format!("{field} {comp}")).collect();
        let values = gabion_report::text::count(exception.values as u64, "value");
        format!("{}: {} ({values})", exception.name, fields.join(", "))
    };
    rule.exceptions.iter().map(one).collect()
}

fn text(rule: &Rule) -> String {
    let safe = |text: &str| output::printable(text).into_owned();
    let state = if rule.enabled { "" } else { ", disabled" };
    let mut lines = vec![
        safe(&rule.name),
        format!(
            "  {}{state}, source {}, at {}",
            rule.priority,
            safe(&rule.source),
            safe(&rule.position.to_string())
        ),
        String::new(),
    ];
    let width = output::width().min(100);
    for paragraph in rule.description.trim().lines() {
        lines.extend(
            gabion_report::text::wrap(&safe(paragraph.trim()), width - 2)
                .iter()
                .map(|line| format!("  {line}")),
        );
    }
    let mut section = |title: &str, body: Vec<String>| {
        if !body.is_empty() {
            lines.push(format!("\n{title}"));
            lines.extend(body.iter().map(|line| format!("  {line}")));
        }
    };
    let wrapped =
        |text: &str| -> Vec<String> { gabion_report::text::wrap(text, width - 2).into_iter().collect() };
    section("looks for", words::describe(&rule.condition).iter().map(|line| safe(line)).collect());
    section("told for", rule.count.iter().map(|count| safe(&count.to_string())).collect());
    section("events", wrapped(&super::events(rule)));
    section("tags", rule.tags.iter().map(|tag| safe(&tag_in_words(tag))).collect());
    section("exceptions", exceptions(rule).iter().map(|line| safe(line)).collect());
    section("fields", wrapped(&safe(&fields(rule).into_iter().collect::<Vec<_>>().join(", "))));
    section("condition, macros put in", pretty(&rule.condition).lines().map(safe).collect());
    section("output", wrapped(&safe(&rule.output.to_string())));
    lines.join("\n")
}

/// A tag, and what it says of MITRE ATT&CK.
fn tag_in_words(tag: &str) -> String {
    if let Some(tactic) = tag.strip_prefix("mitre_") {
        return format!("{tag}: ATT&CK tactic {}", tactic.replace('_', " "));
    }
    let number = tag.strip_prefix('T').map(|number| number.split('.').collect::<Vec<_>>());
    let digits = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    match number.as_deref() {
        Some([technique]) if digits(technique, 4) => {
            format!("{tag}: ATT&CK technique https://attack.mitre.org/techniques/{tag}/")
        }
        Some([technique, sub]) if digits(technique, 4) && digits(sub, 3) => {
            format!("{tag}: ATT&CK technique https://attack.mitre.org/techniques/T{technique}/{sub}/")
        }
        _ => tag.to_owned(),
    }
}
