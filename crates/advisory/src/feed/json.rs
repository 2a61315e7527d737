//! JSON documents: one value, an array of them, or one a line.
//!
//! A whole value is in memory while it is read, an array and lines never are. What each value is, the importer says; a
//! value of an array or a line that is broken does not harm the others.

use super::{Broken, Reading, reading::too_long};
use serde::{
    Deserialize,
    de::{Deserializer as _, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{
    fmt,
    io::{BufRead, Read},
};

/// What an importer makes of one value; the name of its place within the document is empty if it is all of it.
pub(super) type Each<'e> = &'e mut dyn FnMut(&mut Reading<'_>, &str, &[u8]) -> Result<(), Broken>;

/// A value as the format has it.
pub(super) fn parse<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Broken> {
    Ok(serde_json::from_slice(bytes)?)
}

/// Gives every value of a document to `each`.
pub(super) fn values(
    reading: &mut Reading<'_>,
    reader: &mut dyn BufRead,
    each: Each<'_>,
) -> Result<(), Broken> {
    match start(reader)? {
        None => Err("it is empty".into()),
        Some(b'[') => array(reading, reader, each),
        Some(_) if are_lines(reading, reader)? => lines(reading, reader, each),
        Some(_) => {
            let bytes = whole(reading, reader)?;
            each(reading, "", &bytes)
        }
    }
}

/// The first byte that counts; a mark of the byte order and blanks before it are consumed.
pub(super) fn start(reader: &mut dyn BufRead) -> Result<Option<u8>, Broken> {
    if reader.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    loop {
        let buffer = reader.fill_buf()?;
        let blanks = buffer.iter().take_while(|b| b.is_ascii_whitespace()).count();
        if blanks < buffer.len() {
            let first = buffer[blanks];
            reader.consume(blanks);
            return Ok(Some(first));
        }
        if blanks == 0 {
            return Ok(None);
        }
        reader.consume(blanks);
    }
}

/// All of a document that is one record.
pub(super) fn whole(reading: &Reading<'_>, reader: &mut dyn BufRead) -> Result<Vec<u8>, Broken> {
    let longest = reading.budget.longest();
    let mut bytes = Vec::new();
    reader.take(longest.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > longest {
        return Err(too_long(longest).into());
    }
    Ok(bytes)
}

/// Whether each line is a value: the name says so, or the first line is one and there are more.
fn are_lines(reading: &Reading<'_>, reader: &mut dyn BufRead) -> Result<bool, Broken> {
    let name = reading.place.to_ascii_lowercase();
    if [".jsonl", ".ndjson"].iter().any(|end| name.contains(end)) {
        return Ok(true);
    }
    let buffer = reader.fill_buf()?;
    let Some(end) = buffer.iter().position(|b| *b == b'\n') else {
        return Ok(false);
    };
    let (line, rest) = buffer.split_at(end);
    Ok(!rest.trim_ascii().is_empty() && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok())
}

fn lines(reading: &mut Reading<'_>, reader: &mut dyn BufRead, each: Each<'_>) -> Result<(), Broken> {
    let longest = reading.budget.longest();
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let n = (&mut *reader).take(longest.saturating_add(1)).read_until(b'\n', &mut line)?;
        if n == 0 {
            break;
        }
        let place = || format!("line {number}");
        if n as u64 > longest && line.last() != Some(&b'\n') {
            reading.reject(&place(), too_long(longest));
            reader.skip_until(b'\n')?;
            line = Vec::new();
            continue;
        }
        let value = line.trim_ascii();
        if value.is_empty() {
            continue;
        }
        let place = place();
        if let Err(why) = each(reading, &place, value) {
            reading.reject(&place, why);
        }
    }
    Ok(())
}

fn array(reading: &mut Reading<'_>, reader: &mut dyn BufRead, each: Each<'_>) -> Result<(), Broken> {
    reading.budget.record();
    let mut json = serde_json::Deserializer::from_reader(reader);
    json.deserialize_seq(Elements { reading, each })?;
    Ok(json.end()?)
}

struct Elements<'e, 'r, 's> {
    reading: &'r mut Reading<'s>,
    each: Each<'e>,
}

impl<'de> Visitor<'de> for Elements<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut number = 0_u64;
        while let Some(element) = elements.next_element::<Box<RawValue>>()? {
            self.reading.budget.record();
            number += 1;
            let place = format!("number {number}");
            if let Err(why) = (self.each)(self.reading, &place, element.get().as_bytes()) {
                self.reading.reject(&place, why);
            }
        }
        Ok(())
    }
}
