//! Join tokens: what an administrator carries from the hub to a new node, in one line.
//!
//! `gabion1.` and base64url of 64 bytes: the fingerprint of the hub's authority, so that the node knows whom it speaks to before
//! it says anything, and the secret by which the hub knows the node. The hub keeps the hash of the secret only.

use crate::Secret;
use ct_codecs::{Base64UrlSafeNoPadding, Decoder, Encoder};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

const PREFIX: &str = "gabion1.";
/// Base64 of 64 bytes without padding.
const LENGTH: usize = 86;

/// A text is no join token. It is not repeated, as it may be one nearly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a join token is {PREFIX} and {LENGTH} characters of base64url")]
pub struct TokenError;

/// A join token.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    fingerprint: [u8; 32],
    secret: [u8; 32],
}

impl JoinToken {
    /// Makes a new one for the authority with this fingerprint.
    pub fn generate(fingerprint: [u8; 32]) -> Self {
        Self { fingerprint, secret: crate::key::random() }
    }

    /// Of the certificate of the hub's authority.
    pub const fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// What the node tells the hub.
    pub const fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// What the hub keeps of it. The secret is random and long, so its plain hash tells nothing about it.
    pub fn hash(&self) -> [u8; 32] {
        Self::hash_of(&self.secret)
    }

    /// The hash of a secret that somebody shows.
    pub fn hash_of(secret: &[u8]) -> [u8; 32] {
        Sha256::digest(secret).into()
    }

    /// The line that is handed out.
    #[expect(clippy::missing_panics_doc, reason = "64 bytes are encoded always")]
    pub fn print(&self) -> Secret {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&self.fingerprint);
        bytes[32..].copy_from_slice(&self.secret);
        let text = Base64UrlSafeNoPadding::encode_to_string(bytes).expect("64 bytes are not too long");
        Secret::new(format!("{PREFIX}{text}"))
    }
}

impl FromStr for JoinToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let text = text.trim().strip_prefix(PREFIX).filter(|text| text.len() == LENGTH).ok_or(TokenError)?;
        let mut bytes = [0; 64];
        let read = Base64UrlSafeNoPadding::decode(&mut bytes, text, None).map_err(|_| TokenError)?;
        let (fingerprint, secret) = read.split_at_checked(32).ok_or(TokenError)?;
        let whole = |part: &[u8]| <[u8; 32]>::try_from(part).map_err(|_| TokenError);
        Ok(Self { fingerprint: whole(fingerprint)?, secret: whole(secret)? })
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinToken([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_is_one_word_and_is_never_shown_by_chance() {
        let token = JoinToken::generate([7; 32]);
        let line = token.print();
        assert!(line.expose().starts_with("gabion1.BwcHBwcH"), "{}", line.expose());
        assert_eq!(line.expose().parse::<JoinToken>().as_ref(), Ok(&token));
        assert_eq!(format!(" {}\n", line.expose()).parse::<JoinToken>().as_ref(), Ok(&token), "as pasted");
        assert_eq!(format!("{token:?} {line} {line:?}"), "JoinToken([redacted]) [redacted] [redacted]");
        assert_ne!(JoinToken::generate([7; 32]).hash(), token.hash());
        assert_eq!(JoinToken::hash_of(token.secret()), token.hash());
    }

    #[test]
    fn what_was_cut_or_changed_is_refused() {
        let line = JoinToken::generate([7; 32]).print();
        let line = line.expose();
        for bad in [
            "",
            "gabion1.",
            &line[..line.len() - 1],
            &line[1..],
            &format!("{line}A"),
            &line.replace("n1.", "n2."),
        ] {
            assert_eq!(bad.parse::<JoinToken>(), Err(TokenError), "{bad}");
        }
        let other = |end: char| format!("{}{end}", &line[..line.len() - 1]).parse::<JoinToken>();
        assert!(['=', '+', '/', '!', '\u{e9}'].into_iter().all(|end| other(end).is_err()));
        // The last character holds two bits only: one spelling each.
        let spellings = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']);
        assert_eq!(spellings.filter(|&end| other(end).is_ok()).count(), 4);
    }

    proptest! {
        #[test]
        fn whatever_is_read_prints_as_it_was(text in "gabion1\\.[A-Za-z0-9_-]{84,88}") {
            if let Ok(token) = text.parse::<JoinToken>() {
                let printed = token.print();
                prop_assert_eq!(printed.expose(), text.as_str());
            }
        }

        #[test]
        fn no_text_is_a_panic(text in any::<String>()) {
            let _ = text.parse::<JoinToken>();
            let _ = format!("gabion1.{text}").parse::<JoinToken>();
        }
    }
}
