//! Text for Markdown as GitHub renders it: nothing in it formats, links, mentions or ends a table cell.

use super::LONGEST;
use crate::text;
use std::fmt::Write as _;

/// Breaks up what GitHub finds in text after Markdown is rendered: `@user`, `#12`, `www.` and addresses.
const NOTHING: &str = "<!-- -->";

/// What formats, links, or ends a cell. Round brackets do so only after square ones.
const FORMATS: &str = "\\`*_{}[]|~!$^";

/// A text in a sentence or a table cell, cut where it is too long.
pub(crate) fn prose(content: &str) -> String {
    escaped(&cut(content))
}

/// As much as a cell holds, in columns and in characters, of which some have none.
fn cut(content: &str) -> String {
    let content: String = text::safe(content).chars().take(4 * LONGEST).collect();
    text::truncate(&content, LONGEST).into_owned()
}

/// A text as it is, however long.
pub(crate) fn escaped(content: &str) -> String {
    let mut out = String::with_capacity(content.len() + 16);
    for c in text::safe(content).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // Writing to a String cannot fail.
            '@' | '#' => drop(write!(out, "{c}{NOTHING}")),
            '/' if out.ends_with(":/") => drop(write!(out, "{NOTHING}/")),
            '.' if ends_with_www(&out) => drop(write!(out, "{NOTHING}.")),
            c if FORMATS.contains(c) => drop(write!(out, "\\{c}")),
            // At the start of a line they would begin a list.
            '-' | '+' | '=' if out.is_empty() => drop(write!(out, "\\{c}")),
            c => out.push(c),
        }
    }
    out
}

fn ends_with_www(out: &str) -> bool {
    out.len() > 2 && out.as_bytes()[out.len() - 3..].eq_ignore_ascii_case(b"www")
}

/// A name, a version or a path: shown as it is, in a fixed width.
pub(crate) fn code(content: &str) -> String {
    let content = cut(content);
    let content = content.trim();
    if content.is_empty() {
        return String::new();
    }
    // A bar would end the cell before code is looked for, and a backtick the code.
    if content.contains(['`', '|']) {
        return prose(content);
    }
    format!("`{content}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_formatted_linked_or_mentioned() {
        assert_eq!(prose("a|b *c* [d](e) <f>"), "a\\|b \\*c\\* \\[d\\](e) &lt;f&gt;");
        assert_eq!(prose("@user #12"), "@<!-- -->user #<!-- -->12");
        assert_eq!(prose("https://x www.y"), "https:/<!-- -->/x www<!-- -->.y");
        assert_eq!(prose("- a 1.2-3"), "\\- a 1.2-3");
        assert_eq!(
            (code("a|b"), code("1:1.2"), code(" ")),
            ("a\\|b".into(), "`1:1.2`".into(), String::new())
        );
    }
}
