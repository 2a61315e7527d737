//! From rows in any order to the file of a segment.

use super::{
    Meta, Segment,
    codec::train,
    cut::Cutter,
    rows::{MAX_KEY, MAX_VALUE, Oversize, Raw},
    writer::{Writer, pack_all},
};
use gabion_model::Digest;
use std::{io, path::Path};

/// Collects rows and writes them. The same rows and meta data give the same root, whatever their order and history; with
/// the same `previous` (or none) the same bytes, too.
#[derive(Debug, Default)]
pub struct Builder {
    /// Keys and values, one after the other.
    text: Vec<u8>,
    rows: Vec<Place>,
    dictionary: Option<Vec<u8>>,
    meta: Meta,
}

/// Where in the text a row is: key, then value.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: u64,
    key: u32,
    value: u32,
}

impl Place {
    fn row(self, text: &[u8]) -> Raw<'_> {
        let start = self.start as usize;
        let middle = start + self.key as usize;
        Raw { key: &text[start..middle], value: &text[middle..middle + self.value as usize] }
    }
}

impl Builder {
    /// Takes the dictionary of the previous version, if there is one, so that rows which stay the same stay the same
    /// bytes on disk. Without one it is made from the rows.
    pub fn new(previous: Option<&Segment>) -> Self {
        Self { dictionary: previous.map(|segment| segment.dictionary().to_vec()), ..Self::default() }
    }

    /// Something to know about the segment as a whole: `feed`, `created`, `license`. It is part of the root.
    pub fn meta(&mut self, name: &str, value: &str) -> &mut Self {
        self.meta.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Adds a row. Rows are a set: equal ones count once.
    pub fn push(&mut self, table: u8, key: &[u8], value: &[u8]) -> Result<(), Oversize> {
        if key.len() > MAX_KEY {
            return Err(Oversize::Key(key.len()));
        }
        if value.len() > MAX_VALUE {
            return Err(Oversize::Value(value.len()));
        }
        self.rows.push(Place {
            start: self.text.len() as u64,
            key: key.len() as u32 + 1,
            value: value.len() as u32,
        });
        self.text.push(table);
        self.text.extend_from_slice(key);
        self.text.extend_from_slice(value);
        Ok(())
    }

    /// Sorts, cuts, compresses and writes; an older file in this place is replaced as a whole, or not at all.
    pub fn finish(self, path: &Path) -> io::Result<Digest> {
        let blocks = cut(&self.text, self.rows);
        drop(self.text);
        let dictionary = self.dictionary.unwrap_or_else(|| train(&blocks));
        let mut writer = Writer::new(path, &dictionary)?;
        pack_all(&dictionary, &blocks, |block, packed| writer.push(block, packed))?;
        writer.finish(&self.meta)?.commit()
    }
}

fn cut(text: &[u8], mut rows: Vec<Place>) -> Vec<Vec<u8>> {
    rows.sort_unstable_by_key(|place| place.row(text));
    rows.dedup_by_key(|place| place.row(text));
    let (mut blocks, mut block) = (Vec::new(), Vec::new());
    let mut cutter = Cutter::default();
    for row in rows.iter().map(|place| place.row(text)) {
        if cutter.begins(row) {
            blocks.push(std::mem::take(&mut block));
        }
        row.write(&mut block);
    }
    if !block.is_empty() {
        blocks.push(block);
    }
    blocks
}
