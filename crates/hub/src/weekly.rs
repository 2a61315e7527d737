//! The weekly report of an owner, as a page that needs nothing else: to be read, printed on A4, kept, or sent.
//!
//! ```text
//!   Weekly (JSON) ─► html ─┬─ style: one text, allowed by its hash
//!                          ├─ charts: SVG, as no style may be inline
//!                          └─ what was not looked at: in the first box, and in full at the end
//! ```
//!
//! Pure: the same week is the same bytes. Times are UTC.

mod chart;
mod html;

pub(crate) use html::page;

use ct_codecs::{Base64, Encoder};
use sha2::{Digest, Sha256};

/// How it looks: on the screen, and on paper.
const STYLE: &str = include_str!("weekly/style.css");

/// What a report may do: look like itself.
pub(crate) fn policy() -> String {
    let hash = Base64::encode_to_string(Sha256::digest(STYLE)).unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests;
