//! Which functions are in a program, small enough to be kept for every program of an image.
//!
//! Advisories of Go name what is vulnerable: `Parse` in `golang.org/x/net/html`. Which of these names matter is known only
//! when the database is asked, long after the program was read, so all are kept, as numbers:
//!
//! ```text
//!  golang.org/x/net/html  Parse      ─► 40 bits of a hash ─┐
//!  golang.org/x/net/html             ─► the package        ├─► sorted ─► gaps, 7 bits a byte: 4 bytes a name
//!                   golang.org/x/net ─► the module         ┘
//! ```
//!
//! A name that is not there is taken for one that is once in 10 million questions about a program of 100,000
//! functions. Whoever made the program can provoke that, or hide what is in it, so the answer is evidence and no more.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{collections::BTreeMap, fmt};

/// Bits that are kept of a hash.
const BITS: u32 = 40;

/// The functions of each program of an image, by its path as [`crate::Location`] has it.
pub type Programs = BTreeMap<String, SymbolSet>;

/// What can be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symbol<'a> {
    /// A function, or the method of a type: the import path of its package, and `Func` or `Type.Method`.
    Function(&'a str, &'a str),
    /// Any function of a package, by its import path.
    Package(&'a str),
    /// Any function of a module, by its path. It is told only of programs that name all of their functions: of one that
    /// does not, that a name is missing says nothing.
    Module(&'a str),
}

impl Symbol<'_> {
    /// The number that stands for it: FNV-1a (<https://www.ietf.org/archive/id/draft-eastlake-fnv-21.html>), folded.
    pub fn key(self) -> u64 {
        let (first, second) = match self {
            Self::Function(package, name) => (package, name),
            Self::Package(package) => (package, ""),
            Self::Module(module) => ("", module),
        };
        let bytes = first.bytes().chain([0]).chain(second.bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        (hash ^ hash >> BITS) & ((1 << BITS) - 1)
    }
}

/// The functions of one program, and their packages and modules.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SymbolSet(Vec<u8>);

impl SymbolSet {
    /// Packs what [`Symbol::key`] gave.
    pub fn new(mut keys: Vec<u64>) -> Self {
        keys.sort_unstable();
        keys.dedup();
        let (mut bytes, mut last) = (Vec::with_capacity(keys.len() * 4), 0);
        for key in keys {
            let mut gap = key - last;
            while gap > 0x7f {
                bytes.push(gap as u8 | 0x80);
                gap >>= 7;
            }
            bytes.push(gap as u8);
            last = key;
        }
        Self(bytes)
    }

    /// The keys, sorted. What is damaged has other keys.
    pub fn keys(&self) -> Vec<u64> {
        let (mut keys, mut gap, mut shift, mut last) = (Vec::with_capacity(self.0.len() / 4), 0, 0, 0u64);
        for byte in &self.0 {
            gap |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            shift += 7;
            if byte & 0x80 == 0 {
                last = last.saturating_add(gap);
                keys.push(last);
                (gap, shift) = (0, 0);
            }
        }
        keys
    }
}

impl fmt::Debug for SymbolSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SymbolSet({} bytes)", self.0.len())
    }
}

/// As a string of bytes, which formats copy at once.
impl Serialize for SymbolSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for SymbolSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl de::Visitor<'_> for Bytes {
            type Value = SymbolSet;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<SymbolSet, E> {
                Ok(SymbolSet(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn functions_packages_and_modules_are_apart() {
        let all = [
            Symbol::Function("a/b", "C"),
            Symbol::Function("a", "b.C"),
            Symbol::Package("a/b"),
            Symbol::Module("a/b"),
        ];
        let mut keys = all.map(Symbol::key).to_vec();
        keys.sort_unstable();
        assert_eq!(SymbolSet::new(keys.clone()).keys(), keys);
        keys.dedup();
        assert_eq!(keys.len(), all.len());
        // FNV-1a of one zero byte, whose upper bits are folded onto the lower ones.
        assert_eq!(Symbol::Module("").key(), (0xaf63_bd4c_8601_b7df ^ 0xaf_63bd) & 0xff_ffff_ffff);
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(keys in proptest::collection::vec(0..1u64 << BITS, 0..300)) {
            let set = SymbolSet::new(keys.clone());
            let expected: Vec<u64> = std::collections::BTreeSet::from_iter(keys).into_iter().collect();
            prop_assert_eq!(set.keys(), expected);
        }

        #[test]
        fn damaged_bytes_never_panic(bytes: Vec<u8>) {
            let keys = SymbolSet(bytes).keys();
            prop_assert!(keys.is_sorted());
        }
    }
}
