//! One ticket for each owner: what they have to change, in Markdown.

use crate::{Action, Change, Line, Plan, words};
use gabion_report::text::{count, safe};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt::Write as _};

/// The longest list of vulnerabilities, images and stays in a ticket.
const SOME: usize = 12;

/// What one owner has to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Whose; none for what nobody answers for.
    pub owner: Option<String>,
    /// Its title, in one line of plain text.
    pub title: String,
    /// Its text, in Markdown.
    pub markdown: String,
}

/// The tickets, by owner; what nobody answers for comes first. A node with several owners is in the ticket of each. If
/// there is nothing to do, one ticket says so, and what was not looked at.
pub fn tickets(plan: &Plan) -> Vec<Ticket> {
    let mut by_owner: BTreeMap<Option<&str>, Vec<&Change>> = BTreeMap::new();
    for change in &plan.changes {
        let owners = &plan.nodes[change.node].owners;
        if owners.is_empty() {
            by_owner.entry(None).or_default().push(change);
        }
        for owner in owners {
            by_owner.entry(Some(owner)).or_default().push(change);
        }
    }
    if by_owner.is_empty() {
        return vec![nothing(plan)];
    }
    by_owner.into_iter().map(|(owner, changes)| ticket(plan, owner, &changes)).collect()
}

fn ticket(plan: &Plan, owner: Option<&str>, changes: &[&Change]) -> Ticket {
    let places: usize = changes.iter().map(|change| change.clears.places).sum();
    let title = format!("{} to clear {}", count(changes.len() as u64, "change"), words::places(plan, places));
    let mut text = format!("# {title}\n\n");
    let _ = match owner {
        Some(owner) => writeln!(text, "For {}. Change the bases first, in this order.\n", prose(owner)),
        None => writeln!(text, "Nobody answers for these nodes. Change the bases first, in this order.\n"),
    };
    for change in changes {
        write_change(&mut text, plan, change);
    }
    write_gaps(&mut text, plan);
    Ticket { owner: owner.map(str::to_owned), title, markdown: text }
}

fn nothing(plan: &Plan) -> Ticket {
    let title = words::headline(plan);
    let mut text = format!("# {}\n\n", prose(&title));
    for note in words::notes(plan) {
        let _ = writeln!(text, "{}\n", prose(&note));
    }
    write_gaps(&mut text, plan);
    Ticket { owner: None, title, markdown: text }
}

fn write_gaps(text: &mut String, plan: &Plan) {
    for gap in &plan.gaps {
        let images = count(gap.images.len() as u64, "image");
        let what = format!("{}: {} in {images}: {}", gap.aspect, gap.status, gap.reason);
        let _ = writeln!(text, "> Not looked at: {}", prose(&what));
    }
}

fn write_change(text: &mut String, plan: &Plan, change: &Change) {
    let node = &plan.nodes[change.node];
    let verb = words::verb(plan, change);
    let verb = verb[..1].to_uppercase() + &verb[1..];
    let _ = writeln!(text, "## {}. {verb} {}\n", change.number, code(&node.name));
    let _ = writeln!(
        text,
        "Clears {} ({}) in {}: {}.\n",
        words::places(plan, change.clears.places),
        words::severities(&change.clears),
        count(change.images.len() as u64, "image"),
        list(change.images.iter().map(|&image| &*plan.images[image].name))
    );
    if let Some(before) = plan.changes.iter().find(|other| {
        other.number < change.number && plan.way(change.node).skip(1).any(|above| above == other.node)
    }) {
        let base = code(&plan.nodes[before.node].name);
        let _ = writeln!(text, "It is built on {base}, which is changed first (change {}).\n", before.number);
    }
    for line in &change.lines {
        write_line(text, plan, change, line);
    }
}

fn write_line(text: &mut String, plan: &Plan, change: &Change, line: &Line) {
    let node = &plan.nodes[line.node];
    if change.action == Action::Patch {
        let _ = writeln!(text, "What came from {}:\n", code(&node.name));
    }
    if let Some(place) = words::place(node, line.layer) {
        let _ = writeln!(text, "In {}\n", code(&place));
    }
    for update in &line.updates {
        let names = list(update.vulnerabilities.iter().map(String::as_str));
        let _ = writeln!(
            text,
            "- [ ] {} {} {} → {}: {}",
            update.kind.as_str(),
            code(&update.package),
            code(&update.from),
            code(&words::target(&update.to)),
            names
        );
    }
    for other in &line.others {
        let what = format!("{} {}, {}. {}", other.severity, other.title, other.place, other.fix);
        let _ = writeln!(text, "- [ ] {}", prose(&what));
    }
    text.push('\n');
}

/// Text in which nothing is Markdown or HTML, nothing is linked, and nobody is mentioned: an empty comment keeps apart
/// what a forge would make a link of.
fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in safe(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' | '#' | ':' => out.extend([c].into_iter().chain("<!-- -->".chars())),
            '\\' | '`' | '*' | '_' | '[' | ']' | '!' | '|' | '~' | '$' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out.replace(":<!-- --> ", ": ").replace("www.", "www<!-- -->.")
}

/// A code span that no run of backticks inside ends.
fn code(text: &str) -> String {
    let text = safe(text);
    if text.trim().is_empty() {
        return "(none)".to_owned();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    if longest == 0 { format!("`{text}`") } else { format!("{fence} {text} {fence}") }
}

/// The first of a list as code spans, and how many more.
fn list<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(code).collect();
    words::some(names.iter().map(String::as_str), SOME)
}
