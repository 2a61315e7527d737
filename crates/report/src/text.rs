//! Text that is safe to print and fits its place.
//!
//! Names, paths and history lines are written by whoever built the image. Before any of them reaches a
//! terminal or an XML document it passes [`safe`]: control characters (which move cursors, set titles, recolour
//! what was printed before), bidirectional overrides and invisible characters (which make two different names
//! look alike) become visible escapes.

use crate::known;
use gabion_model::{AppliedException, DataSource, Evidence, Finding, Status};
use std::{borrow::Cow, fmt::Write as _};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// True for characters that act on a display instead of being shown by it.
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}'              // soft hyphen, Arabic and Mongolian marks
            | '\u{200b}'..='\u{200f}'                      // zero width, direction marks
            | '\u{2028}'..='\u{202e}'                      // separators, bidirectional embeddings
            | '\u{2060}'..='\u{206f}'                      // joiners, isolates, deprecated formats
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'         // byte order mark, annotations
            | '\u{fffe}' | '\u{ffff}'                      // not characters, and not allowed in XML
            | '\u{e0000}'..='\u{e0fff}') // tags, variation selectors
}

/// The text with every unprintable character as an escape: `\x1b` below U+0100, `\u{202e}` above.
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        // Writing to a String cannot fail.
        let _ = match u32::from(c) {
            _ if !is_unprintable(c) => out.write_char(c),
            code @ 0..=0xff => write!(out, "\\x{code:02x}"),
            code => write!(out, "\\u{{{code:x}}}"),
        };
    }
    Cow::Owned(out)
}

/// Columns a text takes on a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text in at most `max` columns, its end replaced by `…` where it is longer.
pub fn truncate(text: &str, max: usize) -> Cow<'_, str> {
    if width(text) <= max {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut columns = 1;
    for c in text.chars() {
        columns += c.width().unwrap_or(0);
        if columns > max {
            break;
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    out.push('…');
    Cow::Owned(out)
}

/// Breaks a text at spaces into lines of at most `max` columns. A word longer than that stays whole, so that
/// a path can still be copied.
pub fn wrap(text: &str, max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut room = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let need = width(word);
        match lines.last_mut() {
            Some(line) if need < room => {
                line.push(' ');
                line.push_str(word);
                room -= need + 1;
            }
            _ => {
                lines.push(word.to_owned());
                room = max.saturating_sub(need);
            }
        }
    }
    lines
}

/// `1 file`, `2 files`, `12,345 files`, `2 entries`, `2 days`.
pub fn count(n: u64, noun: &str) -> String {
    let plural = match (n, noun.strip_suffix('y')) {
        (1, _) => return format!("1 {noun}"),
        (_, Some(stem)) if !stem.ends_with('a') => format!("{stem}ies"),
        _ => format!("{noun}s"),
    };
    format!("{} {plural}", thousands(n))
}

/// `12,345`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A size in decimal units, with one digit after the point below a hundred: `512 B`, `4.2 MB`, `310 MB`.
pub(crate) fn bytes(n: u64) -> String {
    let (mut whole, mut tenths, mut unit) = (n, 0, "B");
    for next in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        if whole < 1000 {
            break;
        }
        (whole, tenths, unit) = (whole / 1000, whole % 1000 / 100, next);
    }
    if unit == "B" || whole >= 100 { format!("{whole} {unit}") } else { format!("{whole}.{tenths} {unit}") }
}

/// A history line as a Dockerfile would have it: the builder's wrapping (`/bin/sh -c #(nop)`, `# buildkit`)
/// and runs of white space are dropped. Not yet [`safe`].
pub fn history(created_by: &str) -> String {
    let line = created_by.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.strip_suffix("# buildkit").unwrap_or(&line).trim_end();
    if let Some(instruction) = line.strip_prefix("/bin/sh -c #(nop) ") {
        return instruction.trim_start().to_owned();
    }
    for (wrapped, instruction) in [("RUN /bin/sh -c ", "RUN "), ("/bin/sh -c ", "RUN ")] {
        if let Some(command) = line.strip_prefix(wrapped) {
            return format!("{instruction}{command}");
        }
    }
    line.to_owned()
}

/// The verdict where nothing counts. That there are no problems is said only if everything was looked at, and nothing
/// had to be excepted.
pub(crate) const fn nothing(excepted: u64, everything_seen: bool) -> &'static str {
    match (excepted, everything_seen) {
        (0, true) => "no problems found, and everything was looked at",
        (_, true) => "nothing but what is excepted, and everything was looked at",
        (0, false) => "no findings in what was looked at, which was not everything",
        (_, false) => "nothing but what is excepted in what was looked at, which was not everything",
    }
}

/// A finding with all its evidence, what is known of it, its fix and its exception, as safe text of several lines.
pub(crate) fn finding(finding: &Finding) -> String {
    let mut text = format!(
        "{} {}, {}: {}",
        finding.severity,
        finding.kind.as_str(),
        safe(&finding.rule),
        safe(&finding.title)
    );
    for piece in &finding.evidence {
        text.push_str("\n- ");
        text.push_str(&evidence(piece));
    }
    let known = finding.vulnerability.as_deref().map(known::lines).unwrap_or_default();
    let excepted = finding.suppressed.iter().map(|s| format!("excepted: {}", known::excepted(s)));
    let fix = Some(finding.fix.clone()).filter(|fix| !fix.is_empty());
    for line in known.into_iter().chain(fix).chain(excepted) {
        text.push('\n');
        text.push_str(&safe(&line));
    }
    text
}

/// How an exception stands: `shop-1432 of shop expires on 2026-12-31, and 2 findings will be back`, as safe text.
pub fn exception(exception: &AppliedException) -> String {
    safe(&format!("{} of {} {}", exception.id, exception.owner, known::standing(exception))).into_owned()
}

/// `as of 2026-11-22T12:14:00Z, 48,211 records, osv`: how much a source of the database says, and how new it is.
pub(crate) fn source(source: &DataSource) -> String {
    let as_of = source.as_of.map_or_else(|| "of unknown age".to_owned(), |time| format!("as of {time}"));
    format!("{as_of}, {}, {}", count(source.records, "record"), safe(&source.kind))
}

/// `full`, or the status and the reasons for it, as safe text of one line.
pub(crate) fn status(status: &Status) -> String {
    let reasons = status.reasons();
    if reasons.is_empty() {
        status.word().to_owned()
    } else {
        format!("{}: {}", status.word(), safe(&reasons.join("; ")))
    }
}

/// One piece of evidence in one line: `app/.env:3: AKIA**** (removed by a later layer, …)`, as safe text.
pub(crate) fn evidence(evidence: &Evidence) -> String {
    let mut line = place(evidence);
    if !evidence.detail.is_empty() {
        line.push_str(": ");
        line.push_str(&safe(&evidence.detail));
    }
    if evidence.removed {
        line.push_str(" (removed by a later layer, still in the image)");
    }
    line
}

/// `path:line`, which editors and terminals know to open, as safe text.
pub(crate) fn place(evidence: &Evidence) -> String {
    let place = safe(&evidence.place);
    match evidence.line {
        Some(line) => format!("{place}:{line}"),
        None => place.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_acts_on_a_terminal_becomes_visible() {
        assert_eq!(safe("a\u{1b}]0;x\u{7}\u{9b}"), "a\\x1b]0;x\\x07\\x9b");
        assert_eq!(safe("user\u{202e}txt"), "user\\u{202e}txt");
        assert_eq!(safe("名前 é 🦀"), "名前 é 🦀");
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(truncate("名前名前", 8), "名前名前");
        assert_eq!(truncate("名前名前", 7), "名前名…");
        assert_eq!(truncate("名前名前", 6), "名前…");
        assert_eq!(truncate("abc def", 5), "abc…");
        assert_eq!(truncate("abc", 0), "…");
    }

    #[test]
    fn wrap_breaks_at_spaces_only() {
        assert_eq!(wrap("the quick brown fox", 10), ["the quick", "brown fox"]);
        assert_eq!(wrap("see /a/very/long/path now", 8), ["see", "/a/very/long/path", "now"]);
        assert!(wrap("", 10).is_empty());
    }

    #[test]
    fn numbers_are_for_people() {
        assert_eq!(
            (bytes(999), bytes(4_250_000), bytes(310_000_000)),
            ("999 B".into(), "4.2 MB".into(), "310 MB".into())
        );
        assert_eq!(bytes(u64::MAX), "18.4 EB");
        assert_eq!(count(1_234_567, "entry"), "1,234,567 entries");
        assert_eq!(count(1, "entry"), "1 entry");
        assert_eq!(count(2, "day"), "2 days");
    }

    #[test]
    fn history_reads_like_the_dockerfile() {
        assert_eq!(history("/bin/sh -c #(nop)  CMD [\"bash\"]"), "CMD [\"bash\"]");
        assert_eq!(history("RUN /bin/sh -c apt-get   update # buildkit"), "RUN apt-get update");
        assert_eq!(history("/bin/sh -c make\n\tinstall"), "RUN make install");
        assert_eq!(history("COPY . /app # buildkit"), "COPY . /app");
    }

    proptest! {
        #[test]
        fn safe_text_is_printable_and_truncation_fits(text in any::<String>(), max in 1usize..40) {
            let text = safe(&text).into_owned();
            prop_assert!(!text.chars().any(is_unprintable));
            // Some sequences (emoji, conjuncts) are narrower together than apart; never wider.
            prop_assert!(width(&truncate(&text, max)) <= max);
        }
    }
}
