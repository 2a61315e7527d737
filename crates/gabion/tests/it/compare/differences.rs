//! The differences that are known: `docs/differences.md`, a table for each target.
//!
//! ```text
//! ## debian
//!
//! | tool  | listed by | package         | why |
//! |-------|-----------|-----------------|-----|
//! | trivy | gabion    | `pkg:generic/*` | Trivy does not recognise programs by their bytes |
//! ```
//!
//! `tool` is whom we are compared with, `listed by` is who alone lists the package; `*` in a package stands for anything.

use std::fs;

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Difference {
    /// `syft` or `trivy`.
    pub(crate) tool: String,
    /// Who alone lists it: `gabion`, or the tool.
    pub(crate) by: String,
    /// A normalised purl in which `*` stands for anything.
    pub(crate) package: String,
}

impl Difference {
    /// Whether this is what the row is about.
    pub(crate) fn explains(&self, tool: &str, by: &str, package: &str) -> bool {
        self.tool == tool && self.by == by && matches(&self.package, package)
    }
}

/// The rows of a target.
pub(crate) fn known(target: &str) -> Vec<Difference> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/differences.md");
    let text = fs::read_to_string(file).expect("docs/differences.md");
    parse(&text, target)
}

fn parse(text: &str, target: &str) -> Vec<Difference> {
    let section = text
        .lines()
        .skip_while(|line| line.strip_prefix("## ") != Some(target))
        .skip(1)
        .take_while(|line| !line.starts_with("## "));
    let rows = section.filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 4, "docs/differences.md: a row has four cells: {row}");
        let (tool, by, package, why) = (cells[0], cells[1], cells[2], cells[3]);
        assert!(["syft", "trivy"].contains(&tool), "docs/differences.md: no such tool: {row}");
        assert!(by == tool || by == "gabion", "docs/differences.md: listed by whom? {row}");
        assert!(why.len() > 20, "docs/differences.md: a reason is a sentence: {row}");
        Difference { tool: tool.to_owned(), by: by.to_owned(), package: package.trim_matches('`').to_owned() }
    })
    .collect()
}

/// Whether `pattern`, in which `*` stands for anything, is all of `text`.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|tail| {
            let ends = tail.char_indices().map(|(at, _)| at).chain([tail.len()]);
            ends.into_iter().any(|at| matches(rest, &tail[at..]))
        }),
    }
}

#[test]
fn rows_belong_to_their_target_and_stars_stand_for_anything() {
    let text = "# Title\n\n## one\n\n| tool | listed by | package | why |\n|---|---|---|---|\n\
                | syft | gabion | `pkg:npm/a*@*` | a reason that is long enough |\n\n## two\n\nnone\n";
    let rows = parse(text, "one");
    assert_eq!(rows.len(), 1);
    assert!(rows[0].explains("syft", "gabion", "pkg:npm/ab@1"));
    assert!(rows[0].explains("syft", "gabion", "pkg:npm/a@"));
    for (tool, by, package) in [
        ("trivy", "gabion", "pkg:npm/ab@1"),
        ("syft", "syft", "pkg:npm/ab@1"),
        ("syft", "gabion", "pkg:npm/b@1"),
        ("syft", "gabion", "pkg:npm/ab"),
    ] {
        assert!(!rows[0].explains(tool, by, package), "{tool} {by} {package}");
    }
    assert!(parse(text, "two").is_empty());
}
