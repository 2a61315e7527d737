//! JSON that is safe to print: pretty, one newline at the end, and no character that a terminal obeys.
//!
//! JSON itself escapes only U+0000 to U+001F. DEL, the C1 controls and the bidirectional overrides may stand
//! in a string as they are, and a report is often looked at with `cat`. Outside of strings none of them can
//! occur in JSON, so escaping them afterwards is always right.

use crate::text::is_unprintable;
use serde::Serialize;
use std::io::{self, Write};

/// Writes a value as pretty JSON and a newline.
pub(crate) fn write<T: Serialize>(value: &T, out: &mut dyn Write) -> io::Result<()> {
    // Collected, as the serialiser writes a few bytes at a time, and a look at many costs as much as one at few.
    let mut safe = io::BufWriter::new(Escaping(out));
    serde_json::to_writer_pretty(&mut safe, value)?;
    safe.write_all(b"\n")?;
    safe.flush()
}

/// Passes JSON text on, with unprintable characters as `\uXXXX`. Relies on `serde_json` handing over whole
/// characters, which a `BufWriter` leaves whole; bytes that are no UTF-8 pass through unchanged.
struct Escaping<'a>(&'a mut dyn Write);

impl Write for Escaping<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_ascii() && !bytes.contains(&0x7f) {
            self.0.write_all(bytes)?;
        } else {
            match std::str::from_utf8(bytes) {
                Ok(text) => self.write_text(text)?,
                Err(_) => self.0.write_all(bytes)?,
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Escaping<'_> {
    fn write_text(&mut self, text: &str) -> io::Result<()> {
        let mut rest = text;
        // Newlines here are the pretty printer's own.
        while let Some((at, c)) = rest.char_indices().find(|&(_, c)| c != '\n' && is_unprintable(c)) {
            self.0.write_all(&rest.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(self.0, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        self.0.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_controls_are_escaped_and_read_back_the_same() {
        let text = "a\u{1b}[31m\u{7f}\u{9b}2J\u{202e}é\u{e0041}\n";
        let mut out = Vec::new();
        write(&text, &mut out).expect("a vector takes everything");
        assert_eq!(
            String::from_utf8(out.clone()).expect("utf-8"),
            "\"a\\u001b[31m\\u007f\\u009b2J\\u202eé\\udb40\\udc41\\n\"\n"
        );
        assert_eq!(serde_json::from_slice::<String>(&out).expect("json"), text);
    }
}
