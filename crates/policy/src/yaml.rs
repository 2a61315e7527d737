//! Reads YAML that people write: small, strict, and told where it is wrong.
//!
//! Unknown and repeated keys are refused, as are merge keys; anchors are allowed, bombs made of them are not.

use crate::error::{DocumentError, Place, unknown};
use serde::de::DeserializeOwned;
use serde_saphyr::{
    Error, Location,
    options::{DuplicateKeyPolicy, MergeKeyPolicy},
};

/// No document of ours is larger.
const MAX_BYTES: usize = 1 << 20;

/// Parses one document.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, DocumentError> {
    if text.len() > MAX_BYTES {
        let problem = format!("the document has {} bytes; at most {MAX_BYTES} are read", text.len());
        return Err(DocumentError::new(file, None, problem));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 200_000,
            max_nodes: 100_000,
            max_depth: 32,
            flow_nesting_limit: 32,
            max_aliases: 100,
            max_anchors: 100,
            max_recorded_anchor_events: 10_000,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 10_000 },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location().and_then(place);
        DocumentError::new(file, place, problem(error.without_snippet()))
    })
}

/// A location of the parser; none if it does not know.
pub(crate) fn place(at: Location) -> Option<Place> {
    (at.line() > 0).then(|| Place { line: at.line(), column: at.column() })
}

fn problem(error: &Error) -> String {
    match error {
        Error::SerdeUnknownField { field, expected, .. } => unknown("key", field, expected),
        Error::SerdeUnknownVariant { variant, expected, .. } => unknown("word", variant, expected),
        Error::SerdeMissingField { field, .. } => format!("the key {field:?} is missing"),
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key {:?} is there twice", key.chars().take(80).collect::<String>())
        }
        Error::Message { msg, .. } => msg.clone(),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            format!("the document is too large or too deeply nested: {}", plain(error))
        }
        other => plain(other),
    }
}

/// The parser's own sentence, as one line without the position, which is told before it.
fn plain(error: &Error) -> String {
    let text = error.render();
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("not valid YAML").trim();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let end = line.find(" at line ").unwrap_or(line.len());
    line[..end].chars().take(300).collect()
}
