//! What a name says of its value: a secret, or something about one.
//!
//! ```text
//!   client_secret, CLIENT-SECRET, clientSecret   the same three words, joined in another way
//!   secret_name, PasswordLastUsed                something about a secret
//!   NextToken, csrf_token, public_key            a token that everybody is given
//!   "AWS::SecretsManager::Secret"                the name of a type
//! ```

use super::checks::Candidate;
use memchr::memmem;

/// Ends of names that hold a word for a secret and mean something else: where it is, how long it may be, who may see
/// it, when it changed.
const ABOUT: [&[u8]; 52] = [
    b"_file",
    b"_path",
    b"_dir",
    b"_url",
    b"_uri",
    b"_name",
    b"_id",
    b"_length",
    b"_len",
    b"_size",
    b"_field",
    b"_type",
    b"_hash",
    b"_count",
    b"_expiry",
    b"_ttl",
    b"_endpoint",
    b"_header",
    b"_regex",
    b"_pattern",
    b"_prefix",
    b"_label",
    b"_policy",
    b"_command",
    b"_cmd",
    b"_ref",
    b"_arn",
    b"_sha",
    b"_sha256",
    b"_version",
    b"_class",
    b"_algorithm",
    b"_provider",
    b"_method",
    b"_env",
    b"_var",
    b"_enabled",
    b"_required",
    b"_namespace",
    b"_mode",
    b"_last_used",
    b"_last_changed",
    b"_updated",
    b"_date",
    b"_data",
    b"_expires",
    b"_expiration",
    b"_rotation",
    b"_source",
    b"_format",
    b"_status",
    b"_state",
];

/// Words that make of a token something that anybody may know: it goes with an answer (the place in a list, the state
/// that a change is based on), it tells two requests apart, it is published. Amazon says of its grant tokens that they
/// need not be kept secret.
const OPEN: [&[u8]; 27] = [
    b"public",
    b"publishable",
    b"tokeniz",
    b"csrf",
    b"xsrf",
    b"author",
    b"sha256",
    b"checksum",
    b"integrity",
    b"commit",
    b"test",
    b"fingerprint",
    b"-.",
    b"next_token",
    b"page_token",
    b"continuation_token",
    b"start_token",
    b"sync_token",
    b"change_token",
    b"client_token",
    b"request_token",
    b"work_unit_token",
    b"verification_token",
    b"grant_token",
    b"idempoten",
    b"pagination",
    b"token_projection",
];

/// Whether the name of the candidate says that the value is a secret.
pub(super) fn is_of_secret(candidate: &Candidate<'_>) -> bool {
    let name = words(candidate.name());
    !ABOUT.iter().any(|end| name.ends_with(end))
        && !OPEN.iter().any(|word| memmem::find(&name, word).is_some())
        && !is_type(candidate)
}

/// `clientSecret`, `CLIENT-SECRET` and `client.secret` as `client_secret`.
fn words(name: &[u8]) -> Vec<u8> {
    let mut words = Vec::with_capacity(name.len() + 8);
    let mut before = b'_';
    for byte in name {
        if byte.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            words.push(b'_');
        }
        words.push(match byte {
            b'-' | b'.' => b'_',
            letter => letter.to_ascii_lowercase(),
        });
        before = *byte;
    }
    words
}

/// `"AWS::ApiGateway::ApiKey": "48205d4ffd7feba3"` is the version of a schema.
fn is_type(candidate: &Candidate<'_>) -> bool {
    let before = candidate.before();
    let start = before.len() - before.iter().rev().take_while(|b| b.is_ascii_alphanumeric()).count();
    before[..start].ends_with(b"::") && memchr::memrchr2(b'"', b'\'', before).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::checks::Place;

    #[test]
    fn names_are_judged_by_their_words() {
        let says = |text: &str, keyword: &str| {
            is_of_secret(&Candidate {
                text: text.as_bytes(),
                keyword: text.find(keyword).expect("is in it"),
                secret: text.len()..text.len(),
                place: Place::File(b"x"),
            })
        };
        for (text, keyword) in [
            ("client_secret = ", "secret"),
            ("  clientSecret: ", "Secret"),
            ("config.API-TOKEN=", "TOKEN"),
            ("Settings::API_KEY = ", "API"),
            ("\"AWS_SECRET\": ", "SECRET"),
        ] {
            assert!(says(text, keyword), "{text}");
        }
        for (text, keyword) in [
            ("\"NextToken\": ", "Token"),
            ("nextPageToken: ", "Token"),
            ("\"NextContinuationToken\": ", "Token"),
            ("\"GrantToken\": ", "Token"),
            ("\"PasswordLastUsed\": ", "Password"),
            ("\"ServiceSpecificCredentialId\": ", "Credential"),
            ("secretName: ", "secret"),
            ("CSRF-TOKEN=", "TOKEN"),
            ("\"AWS::SecretsManager::Secret\": ", "Secret\""),
        ] {
            assert!(!says(text, keyword), "{text}");
        }
    }
}
