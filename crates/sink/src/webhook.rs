//! A webhook of one's own: records as JSON, signed.
//!
//! ```text
//!   POST /hook
//!   X-Gabion-Timestamp: 1764000000
//!   X-Gabion-Signature: sha256=HEX of HMAC-SHA256(secret, "1764000000." + body)
//!
//!   {"records": [{"id": "a-1", "version": 43, "kind": "alert", ...}]}
//! ```
//!
//! Any 2xx says that all of them are taken. The time is signed, so that a receiver can refuse what somebody else has kept and sends again.

use crate::{Whole, http::Client, plain, record::Record};
use gabion_api::rest::Millis;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};
use sha2::Sha256;
use std::fmt::Write;

pub(crate) struct Webhook {
    client: Client,
    secret: Option<String>,
}

impl Webhook {
    pub(crate) const fn new(client: Client, secret: Option<String>) -> Self {
        Self { client, secret }
    }

    pub(crate) async fn send(&self, records: &[Record], now: Millis) -> Whole {
        let records: Vec<Value> = records.iter().map(plain::record).collect();
        let body = json!({"records": records}).to_string().into_bytes();
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(secret) = &self.secret {
            let time = now / 1000;
            headers.insert("x-gabion-timestamp", HeaderValue::from(time));
            if let Ok(value) = HeaderValue::try_from(signature(secret, time, &body)) {
                headers.insert("x-gabion-signature", value);
            }
        }
        match self.client.post(headers, body).await {
            Ok(answer) => answer.failed().unwrap_or(Whole::Taken),
            Err(why) => Whole::Again(why, None),
        }
    }
}

fn signature(secret: &str, time: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(format!("{time}.").as_bytes());
    mac.update(body);
    mac.finalize().into_bytes().iter().fold("sha256=".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_another_implementation() {
        // printf '1764000000.{"records":[]}' | openssl dgst -sha256 -hmac key
        assert_eq!(
            signature("key", 1_764_000_000, br#"{"records":[]}"#),
            "sha256=06e1ddf5c95196c4a64879421a6f6447b174d5756363b84bb6c042e47aea0fb9"
        );
    }
}
