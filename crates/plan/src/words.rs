//! Sentences that several outputs share, as plain text that is not yet safe for any of them.

use crate::{Action, Change, NamedBy, Node, Plan, Tally};
use gabion_model::Severity;
use gabion_report::text::{self, count, thousands};

/// `3 changes clear 412 of 431 findings in 57 images of 9 teams`.
pub(crate) fn headline(plan: &Plan) -> String {
    let totals = &plan.totals;
    if totals.images == 0 {
        return "Nothing to plan: no images".to_owned();
    }
    if totals.findings == 0 {
        let seen = if plan.is_clean() { "" } else { " in what was looked at" };
        return format!("Nothing to fix{seen} in {}", count(totals.images as u64, "image"));
    }
    let findings = count(totals.findings as u64, "finding");
    if plan.changes.is_empty() && totals.clearable > 0 {
        let (could, findings) =
            (thousands(totals.clearable as u64), count(totals.findings as u64, "finding"));
        let images = count(totals.images as u64, "image");
        return format!(
            "No change was allowed (--max-changes 0); more would clear {could} of {findings} in {images}"
        );
    }
    if plan.changes.is_empty() {
        return format!("No change clears any of {findings} in {}", count(totals.images as u64, "image"));
    }
    let verb = if plan.changes.len() == 1 { "clears" } else { "clear" };
    let owners = match totals.owners.len() {
        0 => String::new(),
        n => format!(" of {}", count(n as u64, "team")),
    };
    format!(
        "{} {verb} {} of {findings} in {}{owners}",
        count(plan.changes.len() as u64, "change"),
        thousands(totals.cleared as u64),
        count(totals.images_cleared as u64, "image"),
    )
}

/// What a reader must know beside the headline: each a sentence.
pub(crate) fn notes(plan: &Plan) -> Vec<String> {
    let totals = &plan.totals;
    let mut notes = Vec::new();
    if let Some(at) = plan.curve.iter().position(|&share| share >= 800)
        && at > 0
        && at + 1 < plan.curve.len()
    {
        let changes = count(at as u64, "change");
        let percent = plan.curve[at] / 10;
        notes.push(format!(
            "The best {changes} alone would clear {percent} % by weight (--max-changes {at})."
        ));
    }
    if totals.places > totals.findings {
        let places = thousands(totals.places as u64);
        notes.push(format!(
            "The findings have {places} places: one that several nodes brought a part of is cleared when all are changed."
        ));
    }
    if totals.suppressed > 0 {
        let verb = if totals.suppressed == 1 { "is" } else { "are" };
        let findings = count(totals.suppressed as u64, "finding");
        notes.push(format!("{findings} {verb} covered by exceptions or VEX, and not counted."));
    }
    if totals.left_out > 0 {
        let verb = if totals.left_out == 1 { "was" } else { "were" };
        let findings = count(totals.left_out as u64, "finding");
        notes.push(format!("{findings} {verb} not asked for, by severity or kind, and not counted."));
    }
    notes
}

/// What a change does, in the imperative.
pub(crate) fn verb(plan: &Plan, change: &Change) -> &'static str {
    let node = &plan.nodes[change.node];
    match change.action {
        Action::Patch => "upgrade what is inherited, in",
        Action::Fix if node.layers.is_empty() => "update",
        Action::Fix if node.images_below > 1 && node.named_by != NamedBy::Nobody => "rebuild base",
        Action::Fix => "change",
    }
}

/// The history line of a layer as a Dockerfile would have it.
pub(crate) fn history(node: &Node, layer: Option<usize>) -> Option<String> {
    let line = node.layers.get(layer?)?.created_by.as_deref()?;
    Some(text::history(line)).filter(|line| !line.is_empty())
}

/// `layer 303030303030, COPY . /app`; `configuration`; nothing for what has no layers.
pub(crate) fn place(node: &Node, layer: Option<usize>) -> Option<String> {
    match layer.and_then(|layer| node.layers.get(layer)) {
        Some(of) => {
            let history = history(node, layer).unwrap_or_else(|| "no history line".to_owned());
            Some(format!("layer {}  {history}", of.diff_id.short()))
        }
        None if node.layers.is_empty() => None,
        None => Some("configuration, or layer unknown".to_owned()),
    }
}

/// `716 findings`, or `716 places of findings` where a finding has several, so that no sum is taken for the other.
pub(crate) fn places(plan: &Plan, places: usize) -> String {
    match (plan.totals.places > plan.totals.findings, places) {
        (false, n) => count(n as u64, "finding"),
        (true, 1) => "1 place of findings".to_owned(),
        (true, n) => format!("{} places of findings", thousands(n as u64)),
    }
}

/// `12 critical, 40 high, 3 unknown`, worst first.
pub(crate) fn severities(tally: &Tally) -> String {
    let worst = Severity::WORST_FIRST.into_iter().filter_map(|s| tally.by_severity.get(&s).map(|n| (s, *n)));
    let parts: Vec<String> = worst.map(|(s, n)| format!("{} {s}", thousands(n as u64))).collect();
    parts.join(", ")
}

/// The first of a list, and how many more.
pub(crate) fn some<'a>(names: impl ExactSizeIterator<Item = &'a str>, most: usize) -> String {
    let all = names.len();
    let shown: Vec<&str> = names.take(most).collect();
    match all - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {} more", shown.join(", "), thousands(more as u64)),
    }
}

/// `1.2`; `the latest of 1.2, 1.3` where nobody could tell which that is.
pub(crate) fn target(to: &[String]) -> String {
    match to {
        [one] => one.clone(),
        several => format!("the latest of {}", several.join(", ")),
    }
}

/// Who answers for a node.
pub(crate) fn owners(node: &Node) -> String {
    if node.owners.is_empty() { "nobody".to_owned() } else { node.owners.join(", ") }
}
