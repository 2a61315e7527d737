//! What tells a credential from text that only looks like one: entropy, checksums, structure, placeholders.

use gabion_model::path;
use memchr::memmem;
use sha2::{Digest as _, Sha256};
use std::ops::Range;

/// Where a text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// A file of the image, by its path.
    File(&'a [u8]),
    /// `NAME=value` of an environment variable or a label.
    Value,
}

impl<'a> Place<'a> {
    fn path(self) -> &'a [u8] {
        match self {
            Self::File(path) => path,
            Self::Value => b"",
        }
    }
}

/// A match that is to be checked.
#[derive(Debug)]
pub struct Candidate<'a> {
    /// Some bytes before the keyword, and the reach of the rule after it.
    pub(super) text: &'a [u8],
    pub(super) keyword: usize,
    pub(super) secret: Range<usize>,
    pub(super) place: Place<'a>,
}

impl<'a> Candidate<'a> {
    pub(super) fn secret(&self) -> &'a [u8] {
        &self.text[self.secret.clone()]
    }

    /// The line up to the keyword, as far as it can be seen.
    pub(super) fn before(&self) -> &'a [u8] {
        let before = &self.text[..self.keyword];
        let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        &before[start..]
    }

    /// The identifier that the keyword is part of.
    pub(super) fn name(&self) -> &'a [u8] {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
        let start = self.text[..self.keyword].iter().rposition(|byte| !is_part(byte)).map_or(0, |at| at + 1);
        let len = self.text[start..].iter().take_while(|byte| is_part(byte)).count();
        &self.text[start..start + len]
    }

    /// Whether any of the lower-case words occurs nearby, in any case.
    pub(super) fn is_near(&self, words: &[&[u8]]) -> bool {
        let around = self.text.to_ascii_lowercase();
        words.iter().any(|word| memmem::find(&around, word).is_some())
    }

    pub(super) fn file_name(&self) -> &'a [u8] {
        path::name(self.place.path())
    }

    pub(super) fn path(&self) -> &'a [u8] {
        self.place.path()
    }
}

/// Shannon entropy in bits a byte.
#[expect(clippy::cast_precision_loss, reason = "lengths of secrets are small")]
pub(super) fn entropy(bytes: &[u8]) -> f32 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let len = bytes.len() as f32;
    let share = |count: &&u32| **count as f32 / len;
    -counts.iter().filter(|count| **count > 0).map(|count| share(&count) * share(&count).log2()).sum::<f32>()
}

/// Words that nobody's random token contains, and people's placeholders do. `example` also covers the key pair of the
/// AWS documentation (`…7EXAMPLE`, `…EXAMPLEKEY`).
const PLACEHOLDERS: [&[u8]; 17] = [
    b"example",
    b"xxxxx",
    b"placeholder",
    b"changeme",
    b"change_me",
    b"change-me",
    b"changeit",
    b"redacted",
    b"your_",
    b"your-",
    b"yourtoken",
    b"yoursecret",
    b"yourpass",
    b"dummy",
    b"abcdefgh",
    b"12345678",
    b"01234567",
];

/// Parts of credentials that are public on purpose.
const PUBLIC: [&[u8]; 12] = [
    // The Azure storage emulator's account key, printed in its manual.
    b"Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1",
    // The Azure Cosmos DB emulator's key, likewise.
    b"C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEH",
    // The token that jwt.io shows to everyone: its payload, then two of its signatures.
    b"eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9l",
    b"SflKxwRJSMeKKF2QT4fwpMeJf36POk6y",
    b"TJVA95OrM7E2cBab30RMHrHDcEfxjoYZ",
    // The one in the manual of PyJWT: `{"some": "payload"}`.
    b"eyJzb21lIjoicGF5bG9hZCJ9",
    // The client's password and two tokens of RFC 6749, in base64 where they stand there so.
    b"czZCaGRSa3F0Mzpn",
    b"2YotnFZFEjr1zCsicMWp",
    b"tGzv3JOkF0XG5Qx2TlKW",
    // The key of Vagrant base boxes, replaced at the first boot and called insecure by its authors.
    b"6NF8iallvQVp22WDkTkyrtvp9eWW6A8Y",
    // Keys of the Stripe documentation's sandbox.
    b"4eC39HqLyjWDarjtT1zdp7dc",
    b"BQokikJOvBiI2HlWgH4olfQ2",
];

/// Whether the secret is none: a documentation example, or something to be filled in.
pub(super) fn is_placeholder(secret: &[u8]) -> bool {
    let lower = secret[..secret.len().min(512)].to_ascii_lowercase();
    let has = |bytes: &[u8], word: &[u8]| memmem::find(bytes, word).is_some();
    PLACEHOLDERS.iter().any(|word| has(&lower, word))
        || PUBLIC.iter().any(|word| has(secret, word))
        || (secret.len() >= 16 && distinct(&lower) <= 5)
}

fn distinct(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    for byte in bytes {
        seen[usize::from(*byte)] = true;
    }
    seen.iter().filter(|seen| **seen).count()
}

/// What stands in a file where a secret will be put, or is read from elsewhere: `${VAR}`, `<token>`, `%s`, `{{ x }}`.
pub(super) fn is_reference(value: &[u8]) -> bool {
    let starts = |prefix: &[u8]| value.starts_with(prefix);
    let has = |word: &[u8]| memmem::find(value, word).is_some();
    starts(b"$")
        || starts(b"<")
        || starts(b"%")
        || starts(b"{")
        || starts(b"[")
        || starts(b"(")
        || starts(b"@")
        || starts(b"*")
        || starts(b"/")
        || starts(b"./")
        || starts(b"../")
        || starts(b"~/")
        || starts(b"ENC[")
        || starts(b"!")
        || has(b"${")
        || has(b"{{")
        || has(b"$(")
        || has(b"://")
        || has(b"...")
        || has(b"%s")
        || value.iter().all(|byte| *byte == value[0])
}

/// Values that say that there is no secret, and the world's least secret passwords, in lower case.
const WORDS: [&[u8]; 44] = [
    b"",
    b"true",
    b"false",
    b"yes",
    b"no",
    b"on",
    b"off",
    b"none",
    b"null",
    b"nil",
    b"undefined",
    b"default",
    b"empty",
    b"password",
    b"passwd",
    b"pass",
    b"secret",
    b"token",
    b"key",
    b"apikey",
    b"api_key",
    b"api-key",
    b"string",
    b"str",
    b"required",
    b"optional",
    b"disabled",
    b"enabled",
    b"todo",
    b"fixme",
    b"unset",
    b"test",
    b"testing",
    b"user",
    b"username",
    b"foo",
    b"bar",
    b"foobar",
    b"hidden",
    b"ask",
    b"prompt",
    b"basic",
    b"bearer",
    b"unknown",
];

/// Whether a value is a word of a configuration rather than a password.
pub(super) fn is_word(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    WORDS.contains(&lower.as_slice())
}

/// Whether letters and digits are mixed as they hardly are in identifiers: at least two of the digits, or one and both
/// cases, or a sign that no identifier has.
pub(super) fn is_mixed(value: &[u8]) -> bool {
    let count = |is: fn(&u8) -> bool| value.iter().filter(|byte| is(byte)).count();
    let (digits, upper, lower) =
        (count(u8::is_ascii_digit), count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase));
    digits >= 1 && upper + lower >= 1 && (digits >= 3 || (upper >= 1 && lower >= 1))
}

/// `abcd1234defg5678`, `a1b2c3d4567890ab`: most characters continue one of the two before them.
pub(super) fn is_sequence(value: &[u8]) -> bool {
    let continues = value
        .windows(3)
        .filter(|three| three[2] == three[1].wrapping_add(1) || three[2] == three[0].wrapping_add(1))
        .count();
    value.len() > 4 && continues * 2 > value.len()
}

/// `V1ServiceAccountTokenProjection`, `google_oauth2.Credentials`: words that can be spoken, and hardly a digit.
pub(super) fn is_identifier(value: &[u8]) -> bool {
    let mut words: Vec<&[u8]> = Vec::new();
    for run in value.split(|byte| !byte.is_ascii_alphabetic()) {
        let mut start = 0;
        for at in 1..run.len() {
            if run[at].is_ascii_uppercase() && run[at - 1].is_ascii_lowercase() {
                words.push(&run[start..at]);
                start = at;
            }
        }
        words.push(&run[start..]);
    }
    words.retain(|word| !word.is_empty() && !word.eq_ignore_ascii_case(b"v"));
    let is_spoken = |word: &&[u8]| word.len() >= 3 && word.iter().any(|byte| b"aeiouyAEIOUY".contains(byte));
    value.iter().filter(|byte| byte.is_ascii_digit()).count() <= 4
        && words.len() >= 2
        && words.iter().all(is_spoken)
}

/// `8-4-4-4-12` hexadecimal digits: more often an id than a secret.
pub(super) fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(i, byte)| match i {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Base64 in either alphabet, padded or not. `None` for a byte of neither.
pub(crate) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii_end();
    let text = &text[..text.len() - text.iter().rev().take_while(|byte| **byte == b'=').count()];
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut have) = (0_u32, 0);
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xFFFF;
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push((bits >> have & 0xFF) as u8);
        }
    }
    Some(out)
}

/// CRC-32 as in zlib, bit by bit: it is asked for a few dozen bytes.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// The last six characters of GitHub's and npm's tokens: the CRC-32 of what is between them and the prefix, in base 62.
pub(super) fn base62_checksum(random: &[u8]) -> [u8; 6] {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut crc = crc32(random);
    let mut out = [b'0'; 6];
    for digit in out.iter_mut().rev() {
        *digit = DIGITS[(crc % 62) as usize];
        crc /= 62;
    }
    out
}

/// `ghp_…`, `npm_…`: a prefix of four, random characters, the checksum.
/// Source: GitHub's "Behind GitHub's new authentication token formats" (2021).
pub(super) fn has_base62_checksum(candidate: &Candidate<'_>) -> bool {
    candidate
        .secret()
        .get(4..)
        .and_then(<[u8]>::split_last_chunk::<6>)
        .is_some_and(|(random, sum)| *sum == base62_checksum(random))
}

/// `Base58Check`: the last four bytes are the start of the double SHA-256 of the others.
pub(super) fn has_base58_checksum(candidate: &Candidate<'_>) -> bool {
    let Some(bytes) = base58(candidate.secret()) else {
        return false;
    };
    bytes
        .split_last_chunk::<4>()
        .is_some_and(|(payload, sum)| Sha256::digest(Sha256::digest(payload))[..4] == *sum)
}

/// Base58 as Bitcoin writes it. Quadratic: for short texts.
fn base58(text: &[u8]) -> Option<Vec<u8>> {
    const DIGITS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut out: Vec<u8> = Vec::new();
    for byte in text {
        let mut carry = DIGITS.iter().position(|digit| digit == byte)?;
        for place in out.iter_mut().rev() {
            carry += usize::from(*place) * 58;
            *place = (carry & 0xFF) as u8;
            carry >>= 8;
        }
        while carry > 0 {
            out.insert(0, (carry & 0xFF) as u8);
            carry >>= 8;
        }
    }
    Some(out)
}

/// A JSON Web Token: a header that is JSON and names its algorithm, a payload that is JSON.
pub(super) fn is_jwt(candidate: &Candidate<'_>) -> bool {
    let mut parts = candidate.secret().split(|byte| *byte == b'.').map(base64);
    let (Some(Some(header)), Some(Some(payload)), Some(Some(signature))) =
        (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let header: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(&header).ok();
    header.is_some_and(|header| header.get("alg").is_some_and(|alg| alg.is_string() && alg != "none"))
        && serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&payload).is_ok()
        && signature.len() >= 16
}

/// `user:password` in base64, neither of them empty.
pub(super) fn is_basic_auth(candidate: &Candidate<'_>) -> bool {
    let Some(text) = base64(candidate.secret()) else {
        return false;
    };
    let Some(colon) = memchr::memchr(b':', &text) else {
        return false;
    };
    let password = &text[colon + 1..];
    text.iter().all(|byte| (b' '..0x7F).contains(byte))
        && colon > 0
        && !is_weak(password)
        && !is_placeholder(password)
}

/// Not a part of longer base64, where every short prefix occurs.
pub(super) fn stands_alone(candidate: &Candidate<'_>) -> bool {
    let signs = |byte: Option<&u8>| byte.is_some_and(|byte| b"+/".contains(byte));
    let before = candidate.secret.start.checked_sub(1).and_then(|at| candidate.text.get(at));
    !signs(before) && !signs(candidate.text.get(candidate.secret.end))
}

/// No password that anybody would have to guess.
pub(super) fn is_weak(password: &[u8]) -> bool {
    password.len() < 4 || is_word(password) || is_reference(password)
}

/// The body of a PEM block: enough base64 to be a key.
pub(super) fn is_pem_body(candidate: &Candidate<'_>) -> bool {
    let base64 = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let body: Vec<u8> = candidate.secret().iter().filter(base64).copied().collect();
    body.len() >= 60 && entropy(&body) >= 3.5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_and_identifiers_are_not_random() {
        for sequence in ["abcd1234defg5678", "a1b2c3d4567890ab"] {
            assert!(is_sequence(sequence.as_bytes()), "{sequence}");
        }
        for identifier in
            ["V1ServiceAccountTokenProjection", "google_oauth2.Credentials", "encryptionKey1024"]
        {
            assert!(is_identifier(identifier.as_bytes()), "{identifier}");
        }
        for random in [
            "854DvwSlUwEHtIo3kWy6x7UCPKHfzCmy",
            "d-FL95Q19q7MQmFpd7hHD0Ty",
            "5b1e0d2c9f7a48e3b6c1d0f92a7e4c58",
            "k3vq9xw2mz7t4hpb",
            "wbER7576mc_1YOII0dGk7jEE",
        ] {
            assert!(!is_sequence(random.as_bytes()), "{random}");
            assert!(!is_identifier(random.as_bytes()), "{random}");
        }
    }
}
