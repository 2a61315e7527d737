//! What a report may show of the line around a secret: never the secret.
//!
//! Two nets, one inside the other. Whatever any rule found is masked where it was found; and whatever *repeats* eight
//! bytes of it nearby is masked too, so that `key = "abc…" # abc…` does not give away in the comment what was hidden in
//! the code.

use gabion_model::path;
use memchr::memmem;
use std::ops::Range;

/// Bytes shown on either side of the secret.
pub(super) const MARGIN: usize = 48;
/// At most so many bytes of a public prefix are shown.
const PUBLIC: usize = 4;
/// A run of a secret that is as long as this, or the whole of a shorter one, is masked wherever it occurs.
const RUN: usize = 8;
/// Shorter secrets are masked only where they were found: they may be part of any word.
const SHORT: usize = 4;
const MASK: &str = "****";

/// A secret of the text, and how many bytes at its start are public.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) range: Range<usize>,
    pub(super) public: usize,
}

impl Span {
    fn hidden(&self) -> Range<usize> {
        self.range.start + self.public.min(PUBLIC)..self.range.end
    }
}

/// All of a text, with the spans masked.
pub(super) fn whole(text: &[u8], spans: &[Span]) -> String {
    let mut masked = vec![false; text.len()];
    for span in spans {
        if let Some(part) = masked.get_mut(span.hidden()) {
            part.fill(true);
        }
    }
    render(text, &masked, false, false)
}

/// The line around `secret`, with all the `spans` masked, and all that lies outside `known` (where other secrets may be).
pub(super) fn excerpt(text: &[u8], secret: &Range<usize>, spans: &[Span], known: &Range<usize>) -> String {
    let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let head = secret.start.saturating_sub(MARGIN).max(known.start.min(secret.start));
    let tail = (secret.end + MARGIN).min(known.end).max(secret.end).min(text.len());
    let from = text[head..secret.start].iter().rposition(is_break).map_or(head, |i| head + i + 1);
    let to = text[secret.start..tail].iter().position(is_break).map_or(tail, |i| secret.start + i);
    let region = &text[from..to];

    let mut masked = vec![false; region.len()];
    let mut mask = |range: Range<usize>| {
        let (start, end) = (range.start.clamp(from, to) - from, range.end.clamp(from, to) - from);
        masked[start..end.max(start)].fill(true);
    };
    mask(0..known.start);
    for span in spans {
        let hidden = span.hidden();
        let value = text.get(hidden.clone()).unwrap_or_default();
        mask(hidden);
        let run = value.len().min(RUN);
        if run < SHORT {
            continue;
        }
        for (i, window) in region.windows(run).enumerate() {
            if memmem::find(value, window).is_some() {
                mask(from + i..from + i + run);
            }
        }
    }
    let cut_before = from > 0 && !is_break(&text[from - 1]);
    let cut_after = text.get(to).is_some_and(|byte| !is_break(byte));
    let mut line = render(region, &masked, cut_before, cut_after);
    if to <= secret.start {
        // The secret starts with the line break: a block below its heading.
        line.push_str(MASK);
    }
    line
}

/// Text outside the mask, in printable form.
fn render(region: &[u8], masked: &[bool], cut_before: bool, cut_after: bool) -> String {
    let mut out = String::new();
    let mut at = 0;
    for run in masked.chunk_by(|a, b| a == b) {
        let bytes = &region[at..at + run.len()];
        at += run.len();
        if run.first() == Some(&true) {
            out.push_str(MASK);
            continue;
        }
        // A cut may fall within a character.
        let is_cut = out.is_empty() && cut_before;
        let continues = |byte: &&u8| is_cut && **byte & 0xC0 == 0x80;
        let skip = bytes.iter().take(3).take_while(continues).count();
        out.push_str(&path::display(&bytes[skip..]));
    }
    let text = out.trim();
    let before = if cut_before { "…" } else { "" };
    let after = if cut_after { "…" } else { "" };
    format!("{before}{text}{after}")
}
