//! How the parts of an event are written: numbers as short as they are, text once in a block.
//!
//! ```text
//!   number    7 bits a byte, the lowest first; the eighth says that there are more
//!   signed    folded, so that small ones of both signs are short: 0, -1, 1, -2, ...
//!   text      its place in the table of the block, from 1; or 0, its length and itself, which puts it into the table
//! ```

use std::collections::HashMap;

/// Longer text is not kept in the table: it will hardly come again.
const LONGEST_SHARED: usize = 1024;

/// Writes the parts of a block.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) bytes: Vec<u8>,
    texts: HashMap<Vec<u8>, u64>,
}

impl Out {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.texts.clear();
    }

    pub(super) fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(super) fn flag(&mut self, value: bool) {
        self.byte(u8::from(value));
    }

    pub(super) fn uint(&mut self, value: impl Into<u64>) {
        let mut value = value.into();
        while value > 0x7f {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    pub(super) fn int(&mut self, value: i64) {
        self.uint((value << 1 ^ value >> 63).cast_unsigned());
    }

    pub(super) fn count(&mut self, value: usize) {
        self.uint(value as u64);
    }

    /// Data as it is.
    pub(super) fn data(&mut self, data: &[u8]) {
        self.count(data.len());
        self.bytes.extend_from_slice(data);
    }

    /// Text, once in a block.
    pub(super) fn text(&mut self, text: &[u8]) {
        if let Some(&place) = self.texts.get(text) {
            self.uint(place);
            return;
        }
        self.byte(0);
        self.data(text);
        if text.len() <= LONGEST_SHARED {
            self.texts.insert(text.to_vec(), self.texts.len() as u64 + 1);
        }
    }

    pub(super) fn list<'a>(&mut self, texts: impl ExactSizeIterator<Item = &'a [u8]>) {
        self.count(texts.len());
        texts.for_each(|text| self.text(text));
    }
}

/// Reads the parts of a block. `None`: it is not what [`Out`] wrote.
#[derive(Debug)]
pub(super) struct In<'a> {
    left: &'a [u8],
    texts: Vec<&'a [u8]>,
}

impl<'a> In<'a> {
    pub(super) const fn new(left: &'a [u8]) -> Self {
        Self { left, texts: Vec::new() }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&byte, left) = self.left.split_first()?;
        self.left = left;
        Some(byte)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// A number that fits.
    pub(super) fn uint<T: TryFrom<u64>>(&mut self) -> Option<T> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            value |= bits << shift;
            if bits << shift >> shift != bits {
                return None;
            }
            if byte & 0x80 == 0 {
                return T::try_from(value).ok();
            }
        }
        None
    }

    pub(super) fn int(&mut self) -> Option<i64> {
        let value: u64 = self.uint()?;
        Some((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, left) = self.left.split_first_chunk()?;
        self.left = left;
        Some(*array)
    }

    pub(super) fn data(&mut self) -> Option<&'a [u8]> {
        let count = self.uint()?;
        let (data, left) = self.left.split_at_checked(count)?;
        self.left = left;
        Some(data)
    }

    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let place: usize = self.uint()?;
        if let Some(place) = place.checked_sub(1) {
            return self.texts.get(place).copied();
        }
        let text = self.data()?;
        if text.len() <= LONGEST_SHARED {
            self.texts.push(text);
        }
        Some(text)
    }

    /// A list whose elements have at least a byte each, and of which there are no more than `most`: its length is no lie about memory.
    pub(super) fn list<T>(
        &mut self,
        most: usize,
        mut one: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let count: usize = self.uint()?;
        if count > self.left.len().min(most) {
            return None;
        }
        (0..count).map(|_| one(self)).collect()
    }

    pub(super) fn texts(&mut self) -> Option<Vec<Vec<u8>>> {
        // A text that is told by its place alone takes a byte here and more in memory.
        let mut left = super::MAX_LISTED;
        self.list(usize::MAX, |input| {
            let text = input.text()?;
            left = left.checked_sub(text.len() + size_of::<Vec<u8>>())?;
            Some(text.to_vec())
        })
    }

    pub(super) fn string(&mut self) -> Option<String> {
        String::from_utf8(self.text()?.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(uint: u64, int: i64) {
            let mut out = Out::default();
            out.uint(uint);
            out.int(int);
            let mut back = In::new(&out.bytes);
            prop_assert_eq!((back.uint(), back.int()), (Some(uint), Some(int)));
            prop_assert!(back.is_empty());
        }
    }

    #[test]
    fn a_number_of_more_than_64_bits_is_refused() {
        assert_eq!(In::new(&[0xff; 10]).uint::<u64>(), None);
        assert_eq!(
            In::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]).uint(),
            Some(u64::MAX)
        );
        assert_eq!(In::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).uint::<u64>(), None);
    }
}
