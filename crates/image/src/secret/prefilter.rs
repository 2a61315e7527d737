//! Finds the few places of a text where a rule could match, at the speed of memory.
//!
//! Each keyword is represented by its rarest four bytes, in the cases that people write them in. The text is walked byte by
//! byte; its four bytes are hashed into a bitmap of 32 KiB whose hot part stays in the first-level cache, and nearly always that is
//! all: no state is carried from one byte to the next, so a processor works on several at a time. (An Aho-Corasick automaton
//! does carry one, and packed searchers are made for a few dozen needles; `benches/secrets.rs` prints it beside this one.)
//!
//! ```text
//!   password ──► sswo, SSWO, Sswo … ─┐
//!   ghp_     ──► ghp_               ─┼─► hash ─► bitmap ─hit─► anchors ─► compare the keyword ─► its rules
//!   hf_      ──► hf_a, hf_b, …      ─┘   (three bytes: every fourth byte that may follow in a token)
//! ```

use super::rule::Rule;
use std::ops::Range;

/// Bytes that represent a keyword.
const GRAM: usize = 4;
/// Grams looked at between two branches.
const BLOCK: usize = 8;
/// Values of [`hash`]: a hundred times the number of grams, so that one in a dozen blocks needs a second look.
const HASHES: usize = 1 << 18;
/// Hashes that share a list of anchors.
const SHARED: usize = 4;

/// The filter for a set of rules.
#[derive(Debug)]
pub(super) struct Prefilter {
    bitmap: Box<[u64; HASHES / 64]>,
    /// Where the anchors of each group of [`SHARED`] hashes start, and those of the last one end.
    starts: Box<[u16]>,
    anchors: Vec<Anchor>,
    keywords: Vec<Keyword>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Anchor {
    gram: u32,
    keyword: u16,
    /// Of the gram in the keyword.
    offset: u8,
}

#[derive(Debug)]
struct Keyword {
    text: &'static [u8],
    fold: bool,
    rules: Vec<u16>,
}

impl Prefilter {
    /// A filter for `rules`, which are told by their index.
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut keywords: Vec<Keyword> = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let fold = rule.folds_case();
            for text in rule.keywords.iter().map(|word| word.as_bytes()) {
                match keywords.iter_mut().find(|k| k.text == text && k.fold == fold) {
                    Some(known) => known.rules.push(index as u16),
                    None => keywords.push(Keyword { text, fold, rules: vec![index as u16] }),
                }
            }
        }
        let mut anchors: Vec<Anchor> = Vec::new();
        for (index, keyword) in keywords.iter().enumerate() {
            let (offset, grams) = grams(keyword);
            anchors.extend(grams.into_iter().map(|gram| Anchor {
                gram,
                keyword: index as u16,
                offset: offset as u8,
            }));
        }
        anchors.sort_unstable_by_key(|anchor| (hash(anchor.gram), *anchor));
        anchors.dedup();
        let mut bitmap: Box<[u64; HASHES / 64]> =
            vec![0; HASHES / 64].into_boxed_slice().try_into().expect("it has this length");
        let mut starts = vec![0; HASHES / SHARED + 1];
        for anchor in &anchors {
            let hash = hash(anchor.gram);
            bitmap[hash / 64] |= 1 << (hash % 64);
            starts[hash / SHARED + 1] += 1;
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        Self { bitmap, starts: starts.into_boxed_slice(), anchors, keywords }
    }

    /// Calls `hit` for each keyword whose gram starts in `range` of `text`: with the place of the gram, which grows from
    /// one call to the next, with the start of the keyword, and with the rules that have it.
    pub(super) fn scan(&self, text: &[u8], range: Range<usize>, mut hit: impl FnMut(usize, usize, &[u16])) {
        let end = range.end.saturating_add(GRAM - 1).min(text.len());
        let Some(window) = text.get(range.start..end) else {
            return;
        };
        let mut at = range.start;
        let mut blocks = window.windows(GRAM + BLOCK - 1).step_by(BLOCK);
        for block in &mut blocks {
            let Some(&block) = block.first_chunk::<{ GRAM + BLOCK - 1 }>() else {
                break;
            };
            if self.is_suspicious(block) {
                for i in 0..BLOCK {
                    self.look(text, at + i, &mut hit);
                }
            }
            at += BLOCK;
        }
        for at in at..(range.start + window.len()).saturating_sub(GRAM - 1) {
            self.look(text, at, &mut hit);
        }
    }

    /// Whether any gram of the block is in the bitmap.
    #[inline]
    fn is_suspicious(&self, block: [u8; GRAM + BLOCK - 1]) -> bool {
        // Two words that overlap, so that each gram lies within one of them.
        let low = block.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let high = block.last_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let is_set = |gram: u64| {
            let hash = hash(gram as u32);
            self.bitmap[hash / 64] >> (hash % 64)
        };
        let any = is_set(low)
            | is_set(low >> 8)
            | is_set(low >> 16)
            | is_set(low >> 24)
            | is_set(low >> 32)
            | is_set(high >> 16)
            | is_set(high >> 24)
            | is_set(high >> 32);
        any & 1 != 0
    }

    /// Tells the keywords whose gram is at `at`.
    #[inline]
    fn look(&self, text: &[u8], at: usize, hit: &mut impl FnMut(usize, usize, &[u16])) {
        let Some(gram) = text.get(at..).and_then(|rest| rest.first_chunk()) else {
            return;
        };
        let gram = u32::from_le_bytes(*gram);
        let hash = hash(gram);
        if self.bitmap[hash / 64] >> (hash % 64) & 1 == 0 {
            return;
        }
        let list = hash / SHARED;
        let anchors = usize::from(self.starts[list])..usize::from(self.starts[list + 1]);
        for anchor in self.anchors[anchors].iter().filter(|anchor| anchor.gram == gram) {
            let Some(start) = at.checked_sub(usize::from(anchor.offset)) else {
                continue;
            };
            let keyword = &self.keywords[usize::from(anchor.keyword)];
            let Some(found) = text.get(start..start + keyword.text.len()) else {
                continue;
            };
            let same =
                if keyword.fold { found.eq_ignore_ascii_case(keyword.text) } else { found == keyword.text };
            if same {
                hit(at, start, &keyword.rules);
            }
        }
    }
}

/// The place of the rarest four bytes of a keyword, and the forms they may have.
fn grams(keyword: &Keyword) -> (usize, Vec<u32>) {
    let text = keyword.text;
    let places = 0..text.len().saturating_sub(GRAM - 1);
    let Some(at) = places.min_by_key(|at| commonness(&text[*at..at + GRAM])) else {
        let follows = (0_u8..128).filter(|byte| byte.is_ascii_alphanumeric() || b"_-./*+".contains(byte));
        let with = |last| text.iter().copied().chain([last]).collect::<Vec<u8>>();
        return (
            0,
            follows.filter_map(|last| with(last).first_chunk().copied()).map(u32::from_le_bytes).collect(),
        );
    };
    // lower, UPPER, Capital, camelCase
    let cases: &[u8] = if keyword.fold { &[0b0000, 0b1111, 0b0001, 0b0010, 0b0100, 0b1000] } else { &[0] };
    let form = |case: &u8| {
        let mut gram = [0; GRAM];
        for (i, byte) in gram.iter_mut().enumerate() {
            let exact = text[at + i];
            *byte = if case >> i & 1 == 1 { exact.to_ascii_uppercase() } else { exact };
        }
        u32::from_le_bytes(gram)
    };
    (at, cases.iter().map(form).collect())
}

/// 18 bits of it (Fibonacci hashing).
#[inline]
fn hash(gram: u32) -> usize {
    (gram.wrapping_mul(0x9E37_79B1) >> 14) as usize
}

/// How often such bytes occur in code and prose: the lower, the better an anchor.
fn commonness(bytes: &[u8]) -> u32 {
    /// Letters of English text, most frequent first.
    const LETTERS: &[u8] = b"etaoinsrhldcumfpgwybvkxjqz";
    let one = |byte: &u8| match LETTERS.iter().position(|letter| *letter == byte.to_ascii_lowercase()) {
        Some(rank) => 30 - rank as u32,
        None if b" -/=\"".contains(byte) => 20,
        None => 8,
    };
    bytes.iter().map(one).sum()
}
