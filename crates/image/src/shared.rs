//! Facts of layers on their way between machines: compressed, under caps.
//!
//! Whoever has read a layer packs what is in its cache; whoever lacks it unpacks that into a cache beside its own, which only the sandboxed worker
//! reads. In between nobody looks into them.

use crate::caps;
use std::io::{self, Read, Write};

/// Facts of one layer are not longer, in bytes. Serialized, an empty text is one byte, in memory 24; so this much can become a gigabyte or two,
/// which is what a hostile layer itself can make of the worker. Those of a layer with half a million files are shorter.
pub const MAX_FACTS: u64 = 64 << 20;
/// Nor compressed.
pub const MAX_PACKED: usize = 32 << 20;
/// Images with more layers share nothing; overlayfs takes 500.
pub const MAX_LAYERS: usize = 512;

/// Compresses facts; none if they are too long to be shared.
pub fn pack(facts: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3)?;
    let length = io::copy(&mut facts.take(MAX_FACTS + 1), &mut encoder)?;
    let packed = encoder.finish()?;
    Ok((length <= MAX_FACTS && packed.len() <= MAX_PACKED).then_some(packed))
}

/// Inflates them. Returns how long they are.
pub fn unpack(packed: &[u8], out: &mut dyn Write) -> io::Result<u64> {
    io::copy(&mut caps::unzstd(packed, "what is known of the layer", MAX_FACTS)?, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_and_what_is_too_long_is_not() {
        let packed = pack(&b"facts"[..]).expect("packs").expect("is short");
        let mut facts = Vec::new();
        assert_eq!(unpack(&packed, &mut facts).expect("unpacks"), 5);
        assert_eq!(facts, b"facts");
        let most = || io::repeat(0).take(MAX_FACTS);
        assert!(pack(most()).expect("packs").is_some());
        assert!(pack(most().chain(&b"0"[..])).expect("packs").is_none());
        let mut long = zstd::stream::write::Encoder::new(Vec::new(), 1).expect("an encoder");
        io::copy(&mut most().chain(&b"0"[..]), &mut long).expect("compresses");
        assert!(unpack(&long.finish().expect("compresses"), &mut io::sink()).is_err());
        assert!(unpack(b"no zstd", &mut io::sink()).is_err());
        assert!(unpack(&packed[..packed.len() - 1], &mut io::sink()).is_err());
    }
}
