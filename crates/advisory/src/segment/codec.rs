//! Blocks in and out of zstd, with the dictionary of their segment.
//!
//! A block is two kilobytes: alone it would not compress well, so all blocks share a dictionary, made from a sample of the
//! first version of the segment and kept ever after. What is decompressed has a place of known size to go to, and
//! whatever does not fill it exactly is refused.

use super::{Fault, cut::MAX_BLOCK};
use std::{
    fmt, io,
    sync::{Mutex, PoisonError},
};
use zstd::{
    bulk::{Compressor, Decompressor},
    zstd_safe::{CParameter, DCtx, DDict},
};

/// Bytes of a dictionary.
pub(super) const MAX_DICTIONARY: usize = 64 << 10;
/// How hard to try: what takes longer hardly makes small blocks smaller.
const LEVEL: i32 = 9;
/// Bytes to train with: zstd advises a hundred dictionaries.
const SAMPLE: usize = 100 * MAX_DICTIONARY / 2;

/// A dictionary from blocks; none if there are too few to learn from.
pub(super) fn train(blocks: &[Vec<u8>]) -> Vec<u8> {
    let all: usize = blocks.iter().map(Vec::len).sum();
    let step = all.div_ceil(SAMPLE).max(1);
    let sample: Vec<&[u8]> = blocks.iter().step_by(step).map(Vec::as_slice).collect();
    let sizes: Vec<usize> = sample.iter().map(|block| block.len()).collect();
    let size = MAX_DICTIONARY.min(all / 16);
    zstd::dict::from_continuous(&sample.concat(), &sizes, size).unwrap_or_default()
}

/// Compresses blocks.
pub(crate) struct Packer(Compressor<'static>);

impl Packer {
    pub(crate) fn new(dictionary: &[u8]) -> io::Result<Self> {
        let mut packer = Compressor::with_dictionary(LEVEL, dictionary)?;
        packer.set_parameter(CParameter::DictIdFlag(false))?;
        Ok(Self(packer))
    }

    pub(crate) fn pack(&mut self, block: &[u8]) -> io::Result<Vec<u8>> {
        self.0.compress(block)
    }
}

/// Decompresses blocks, in any number of threads.
pub(super) struct Unpacker {
    dictionary: Option<DDict<'static>>,
    idle: Mutex<Vec<DCtx<'static>>>,
}

impl Unpacker {
    pub(super) fn new(dictionary: &[u8]) -> Result<Self, Fault> {
        let dictionary = match dictionary {
            [] => None,
            some => Some(DDict::try_create(some).ok_or("its dictionary is none")?),
        };
        Ok(Self { dictionary, idle: Mutex::default() })
    }

    /// A block that is known to have `length` bytes.
    pub(super) fn unpack(&self, packed: &[u8], length: usize) -> Result<Vec<u8>, Fault> {
        if length > MAX_BLOCK {
            return Err("a block is too large");
        }
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let context = idle().pop();
        let mut context = match context {
            Some(context) => context,
            None => DCtx::try_create().ok_or("there is no memory for zstd")?,
        };
        let mut block = Vec::with_capacity(length);
        let done = match &self.dictionary {
            Some(dictionary) => context.decompress_using_ddict(&mut block, packed, dictionary),
            None => context.decompress(&mut block, packed),
        };
        idle().push(context);
        match done {
            Ok(_) if block.len() == length => Ok(block),
            _ => Err("a block cannot be decompressed"),
        }
    }
}

impl fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unpacker")
    }
}

/// Compresses as well as can be, with `base` known to both sides.
pub(crate) fn pack_against(base: &[u8], bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut packer = Compressor::with_dictionary(19, base)?;
    packer.set_parameter(CParameter::DictIdFlag(false))?;
    packer.compress(bytes)
}

/// What [`pack_against`] compressed, of which the length is known and was found sane.
pub(crate) fn unpack_against(base: &[u8], packed: &[u8], length: usize) -> Result<Vec<u8>, Fault> {
    let bytes =
        Decompressor::with_dictionary(base).and_then(|mut unpacker| unpacker.decompress(packed, length));
    let bytes = bytes.map_err(|_| "it cannot be decompressed")?;
    if bytes.len() == length { Ok(bytes) } else { Err("it does not have the length it says") }
}
