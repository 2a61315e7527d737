//! The wrapping of an SBOM that is published as an attestation: a DSSE envelope around an in-toto statement
//! around the document.
//!
//! Formats: <https://github.com/secure-systems-lab/dsse/blob/master/envelope.md>,
//! <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>. Signatures are not checked here.

use super::{Raw, SbomError};
use serde::Deserialize;
use std::borrow::Cow;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wrapping<'a> {
    #[serde(borrow, default)]
    payload_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    payload: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "predicateType")]
    predicate_type: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Statement<'a> {
    #[serde(borrow)]
    predicate: Raw<'a>,
}

/// What cosign put into a predicate before it wrote the document itself.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wrapped<'a> {
    #[serde(borrow)]
    data: Raw<'a>,
}

/// The statement, if the document is an envelope or a statement at all.
pub(super) fn payload(bytes: &[u8]) -> Result<Option<Cow<'_, [u8]>>, SbomError> {
    let wrapping: Wrapping<'_> = serde_json::from_slice(bytes)?;
    match (wrapping.payload_type, wrapping.payload, wrapping.predicate_type) {
        (Some(_), Some(payload), _) => {
            let decoded = decode_base64(payload.as_bytes()).ok_or(SbomError::Payload)?;
            Ok(Some(Cow::Owned(decoded)))
        }
        (_, _, Some(_)) => Ok(Some(Cow::Borrowed(bytes))),
        _ => Ok(None),
    }
}

/// The document in a statement.
pub(super) fn predicate(statement: &[u8]) -> Result<Cow<'_, str>, SbomError> {
    let statement: Statement<'_> = serde_json::from_slice(statement)?;
    let predicate = statement.predicate.get();
    match serde_json::from_str::<Wrapped<'_>>(predicate) {
        // The document as a JSON string, or as it is.
        Ok(Wrapped { data }) => match serde_json::from_str::<String>(data.get()) {
            Ok(text) => Ok(Cow::Owned(text)),
            Err(_) => Ok(Cow::Borrowed(data.get())),
        },
        Err(_) => Ok(Cow::Borrowed(predicate)),
    }
}

/// Base64 of RFC 4648, standard or URL alphabet, with or without padding; none if it is not.
fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|&b| b != b'=').map_or(0, |last| last + 1);
    let mut out = Vec::with_capacity(end / 4 * 3 + 2);
    for group in text.get(..end)?.chunks(4) {
        let mut bits = 0u32;
        for &byte in group {
            let six = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(six);
        }
        match group.len() {
            4 => out.extend_from_slice(&bits.to_be_bytes()[1..]),
            3 => out.extend_from_slice(&(bits << 6).to_be_bytes()[1..3]),
            2 => out.extend_from_slice(&(bits << 12).to_be_bytes()[1..2]),
            _ => return None,
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_follows_the_test_vectors_of_rfc_4648() {
        for (text, plain) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decode_base64(text.as_bytes()).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(decode_base64(b"a"), None);
        assert_eq!(decode_base64(b"a b="), None);
    }
}
