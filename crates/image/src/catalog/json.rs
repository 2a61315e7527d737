//! JSON records that are read as a whole.

use crate::content::{Content, ReadError};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

/// Bytes of a record; real ones stay below 5 MiB.
const CAP: u64 = 16 << 20;

/// Parses a record. The error tells the line, never what stands there.
pub(super) fn parse<T: DeserializeOwned>(content: &Content<'_>) -> Result<T, ReadError> {
    let bytes = content.bytes(CAP)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    serde_json::from_slice(bytes).map_err(|error| {
        let what =
            if error.is_data() { "is JSON of another form than expected" } else { "is not valid JSON" };
        ReadError::malformed(format!("{what} (line {})", error.line()))
    })
}

/// One text, several, or none at all.
pub(super) fn texts<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Texts {
        One(String),
        Many(Vec<String>),
        None(serde::de::IgnoredAny),
    }
    Ok(match Texts::deserialize(d)? {
        Texts::One(text) => vec![text],
        Texts::Many(texts) => texts,
        Texts::None(_) => Vec::new(),
    })
}

/// A text, or something else that counts as none.
pub(super) fn text<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    Ok(texts(d)?.into_iter().next().unwrap_or_default())
}
