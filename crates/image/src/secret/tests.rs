//! Every rule against its example and its near miss; the engine against arbitrary text, arbitrarily cut.

use super::{
    checks::{self, Place},
    engine::{self, BACK, ENGINE, REACH},
    rule::{Check, Rule},
    *,
};
use crate::facts::SecretMatch;
use gabion_model::Severity;
use proptest::prelude::*;
use std::slice::from_ref;

/// Expands the templates of the rules: `{20 alnum}`, `{uuid}`, `{checksum ghp_ 30}`, `{= text as it is}`, ... The result
/// is made at run time and depends on nothing but the template, so that no credential stands in the source.
struct Expander {
    state: u64,
}

impl Expander {
    fn new(seed: &str) -> Self {
        let state = seed.bytes().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        Self { state }
    }

    fn number(&mut self) -> usize {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) as usize
    }

    fn draw(&mut self, count: usize, alphabet: &[u8]) -> String {
        (0..count).map(|_| char::from(alphabet[self.number() % alphabet.len()])).collect()
    }

    fn one(&mut self, template: &str) -> String {
        const DIGIT: &[u8] = b"0123456789";
        const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
        let alpha = [UPPER, LOWER].concat();
        let alnum = [UPPER, LOWER, DIGIT].concat();
        let hex = b"0123456789abcdef";
        let words: Vec<&str> = template.split(' ').collect();
        match words[..] {
            ["=", text] => text.to_owned(),
            ["uuid"] => {
                let mut part = |n| self.draw(n, hex);
                format!("{}-{}-4{}-a{}-{}", part(8), part(4), part(3), part(3), part(12))
            }
            ["checksum", prefix, count] => {
                let random = self.draw(count.parse().unwrap(), &alnum);
                let sum = checks::base62_checksum(random.as_bytes());
                format!("{prefix}{random}{}", std::str::from_utf8(&sum).unwrap())
            }
            ["jwt"] => {
                let header = encode(br#"{"alg":"HS256","typ":"JWT"}"#);
                let payload = encode(format!(r#"{{"sub":"{}"}}"#, self.draw(12, &alnum)).as_bytes());
                format!("{header}.{payload}.{}", self.draw(43, &alnum))
            }
            ["basic"] => encode(format!("deploy:{}", self.draw(17, &alnum)).as_bytes()),
            ["xprv"] => {
                use sha2::{Digest as _, Sha256};
                // Version, then depth, fingerprint and number of a master key.
                let mut bytes = vec![0x04, 0x88, 0xAD, 0xE4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                bytes.resize_with(78, || self.number() as u8);
                let sum = Sha256::digest(Sha256::digest(&bytes));
                bytes.extend_from_slice(&sum[..4]);
                base58(&bytes)
            }
            [count, alphabet] => {
                let count = count.parse().unwrap();
                match alphabet {
                    "alnum" => self.draw(count, &alnum),
                    "alpha" => self.draw(count, &alpha),
                    "hex" => self.draw(count, hex),
                    "digit" => self.draw(count, b"123456789"),
                    "upper" => self.draw(count, &[UPPER, DIGIT].concat()),
                    "lower" => self.draw(count, &[LOWER, DIGIT].concat()),
                    "base32" => self.draw(count, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
                    "base58" => {
                        self.draw(count, b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")
                    }
                    "base64" => self.draw(count, &[&alnum[..], b"+/"].concat()),
                    "bech32" => self.draw(count, b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"),
                    other => panic!("no alphabet {other}"),
                }
            }
            _ => panic!("no template {template}"),
        }
    }

    fn all(&mut self, template: &str) -> String {
        let mut out = String::new();
        let mut rest = template;
        while let Some((text, after)) = rest.split_once('{') {
            out.push_str(text);
            let is_template = |inner: &str| {
                inner == "uuid"
                    || inner == "jwt"
                    || inner == "basic"
                    || inner == "xprv"
                    || inner.starts_with("= ")
                    || inner.starts_with("checksum ")
                    || inner.split_once(' ').is_some_and(|(n, _)| n.parse::<usize>().is_ok())
            };
            match after.split_once('}') {
                Some((inner, tail)) if is_template(inner) => {
                    out.push_str(&self.one(inner));
                    rest = tail;
                }
                _ => {
                    out.push('{');
                    rest = after;
                }
            }
        }
        out + rest
    }
}

fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        out.extend((0..=group.len()).map(|i| char::from(DIGITS[(bits >> (18 - 6 * i) & 63) as usize])));
    }
    out
}

fn base58(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut digits: Vec<usize> = Vec::new();
    for byte in bytes {
        let mut carry = usize::from(*byte);
        for digit in &mut digits {
            carry += *digit << 8;
            *digit = carry % 58;
            carry /= 58;
        }
        while carry > 0 {
            digits.push(carry % 58);
            carry /= 58;
        }
    }
    digits.iter().rev().map(|digit| char::from(DIGITS[*digit])).collect()
}

fn expand(rule: &Rule, template: &str) -> String {
    Expander::new(rule.id).all(template)
}

/// Rules that look at the file's name.
fn path_for(rule: &Rule) -> &'static [u8] {
    match rule.id {
        "pgpass-password" => b"root/.pgpass",
        "maven-settings-password" => b"root/.m2/settings.xml",
        "pypirc-password" => b"root/.pypirc",
        "configured-password" => b"etc/app/app.properties",
        _ => b"srv/app/file",
    }
}

fn scan(path: &[u8], text: &[u8]) -> Vec<SecretMatch> {
    let mut scan = TextScan::new(path);
    scan.feed(text);
    scan.finish().matches
}

fn ids(matches: &[SecretMatch]) -> Vec<&str> {
    matches.iter().map(|one| one.rule.as_str()).collect()
}

/// No eight bytes of any secret of the text, beyond four public ones, are in an excerpt.
fn assert_redacted(text: &[u8], path: &[u8], matches: &[SecretMatch]) {
    let mut secrets = Vec::new();
    ENGINE.scan(text, 0..text.len(), Place::File(path), |found| {
        secrets.push(text[found.span.start + found.public.min(4)..found.span.end].to_vec());
    });
    for one in matches {
        for secret in &secrets {
            for run in secret.windows(8) {
                let leaks = memchr::memmem::find(one.excerpt.as_bytes(), run).is_some();
                assert!(!leaks, "{}: {:?} shows {:?}", one.rule, one.excerpt, String::from_utf8_lossy(run));
            }
        }
    }
}

#[test]
fn every_rule_finds_its_example_and_nothing_else_does() {
    let mut wrong = Vec::new();
    for rule in rules() {
        let example = expand(rule, rule.example);
        if rule.id == "environment-credential" {
            let (name, value) = example.split_once('=').unwrap();
            let matches = scan_value(name, value);
            assert_eq!(ids(&matches), [rule.id]);
            assert_eq!(matches[0].excerpt, format!("{name}=****"));
            continue;
        }
        let text = format!("# héllo\nfirst line\n{example}\nlast line\n");
        let path = path_for(rule);
        let matches = scan(path, text.as_bytes());
        if ids(&matches) != [rule.id] {
            wrong.push(format!("{}: {:?} in {example}", rule.id, ids(&matches)));
            continue;
        }
        let [one] = &matches[..] else { unreachable!() };
        assert!(one.line >= 3, "{}: line {}", rule.id, one.line);
        assert!(one.excerpt.contains("****"), "{}: {}", rule.id, one.excerpt);
        assert!(one.excerpt.chars().count() <= 140, "{}: {}", rule.id, one.excerpt);
        assert_eq!(one.fingerprint.len(), 8);
        assert_redacted(text.as_bytes(), path, &matches);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_rule_finds_a_near_miss() {
    let mut wrong = Vec::new();
    for rule in rules() {
        let text = expand(rule, rule.near_miss);
        let matches = match text.split_once('=') {
            Some((name, value)) if rule.id == "environment-credential" => scan_value(name, value),
            _ => scan(path_for(rule), text.as_bytes()),
        };
        // What is almost a token of one kind is still worth a look when it is assigned to a name like `API_TOKEN`.
        let special = |one: &&SecretMatch| {
            !super::rule(&one.rule).is_some_and(|found| found.generic) || one.rule == rule.id
        };
        if matches.iter().any(|one| special(&one)) {
            wrong.push(format!("{}: {:?} in {text}", rule.id, ids(&matches)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_tables_are_sound() {
    let mut seen = std::collections::HashSet::new();
    for rule in rules() {
        assert!(seen.insert(rule.id), "{} twice", rule.id);
        assert!(
            rule.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
            "{}",
            rule.id
        );
        assert!(rule.keywords.iter().all(|word| word.len() >= 3), "{}", rule.id);
        assert!(rule.back <= BACK && rule.reach <= REACH, "{}", rule.id);
        assert!(engine::compile(rule).is_some(), "{} does not compile", rule.id);
        assert!(!rule.title.ends_with('.') && !rule.fix.is_empty(), "{}", rule.id);
        if rule.folds_case() {
            assert!(rule.keywords.iter().all(|word| word.to_ascii_lowercase() == *word), "{}", rule.id);
        }
        if let Check::Entropy(bits) = rule.check {
            assert!((1.0..6.0).contains(&bits), "{}", rule.id);
        }
        assert_eq!(super::rule(rule.id).map(|found| found.title), Some(rule.title));
    }
    assert!(rules().len() >= 120, "{} rules", rules().len());
}

/// A text with every example, far and near apart.
fn everything() -> Vec<u8> {
    let mut text = Vec::new();
    for (i, rule) in rules().iter().enumerate() {
        text.extend_from_slice(expand(rule, rule.example).as_bytes());
        let gap = [1, 60, 700, 9000][i % 4];
        let filler = if i % 3 == 0 { b'\n' } else { b' ' };
        text.extend((0..gap).map(|n| if n % 11 == 0 { filler } else { b'-' }));
        text.push(filler);
    }
    text
}

#[test]
fn many_secrets_on_one_line_show_none_of_them() {
    for count in [2, 3, 70, 200] {
        let token = |n: usize| Expander::new(&format!("{n}")).all("{checksum ghp_ 30}");
        let line = (0..count).map(token).collect::<Vec<String>>().join(" ");
        let matches = scan(b"x", line.as_bytes());
        assert_eq!(matches.len(), count);
        assert_redacted(line.as_bytes(), b"x", &matches);
    }
}

#[test]
fn what_repeats_a_secret_is_masked_too() {
    let token = Expander::new("a").all("{checksum ghp_ 30}");
    let text = format!("token: {token} # was {}", &token[6..30]);
    let matches = scan(b"x", text.as_bytes());
    assert_eq!(matches[0].excerpt, "token: ghp_**** # was ****");
}

#[test]
fn a_secret_on_an_endless_line_is_found_once() {
    let token = Expander::new("b").all("{checksum ghp_ 30}");
    let mut text = vec![b'x'; 3 << 20];
    text.push(b'\n');
    text.extend(std::iter::repeat_n(b';', 5 << 20));
    text.extend_from_slice(token.as_bytes());
    text.extend(std::iter::repeat_n(b'{', 1 << 20));
    let matches = scan(b"x", &text);
    assert_eq!(ids(&matches), ["github-pat"]);
    assert_eq!(matches[0].line, 2);
    assert!(matches[0].excerpt.len() < 130, "{}", matches[0].excerpt);
}

#[test]
fn the_same_secret_on_the_same_line_is_told_once() {
    let token = Expander::new("c").all("{checksum ghp_ 30}");
    assert_eq!(scan(b"x", format!("{token} {token}").as_bytes()).len(), 1);
    assert_eq!(scan(b"x", format!("{token}\n{token}").as_bytes()).len(), 2);
}

#[test]
fn documentation_examples_and_placeholders_are_not_secrets() {
    for text in [
        concat!("AKIA", "IOSFODNN7", "EXAMPLE"),
        concat!("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/", "bPxRfiCY", "EXAMPLEKEY"),
        concat!("AKIA", "AAAAAAAAAAAAAAAA"),
        "API_TOKEN=your_token_goes_here_1234",
        "password = \"${DB_PASSWORD}\"",
        "https://user:pass@host.example.com/",
        "postgres://postgres:postgres@localhost/db",
        "secret = get_secret('abc')",
    ] {
        assert_eq!(ids(&scan(b"x.conf", text.as_bytes())), [""; 0], "{text}");
    }
}

#[test]
fn an_access_key_id_is_as_bad_as_what_lies_beside_it() {
    let mut expander = Expander::new("aws");
    let [id, url, other] = [(); 3].map(|()| expander.all("AKIA{16 base32}"));
    let secret = expander.all("{40 base64}");
    let far = "-\n".repeat(200_000);
    let severity = |text: &str| {
        let matches = scan(b"x", text.as_bytes());
        assert_redacted(text.as_bytes(), b"x", &matches);
        assert!(!matches.iter().any(|one| one.excerpt.contains(&secret)), "{text:.200}");
        let told = |one: &SecretMatch| (one.rule.clone(), super::describe(&one.rule).severity);
        matches.iter().map(told).collect::<Vec<_>>()
    };
    let lone = ("aws-access-key-id".to_owned(), Severity::Medium);
    let pair = ("aws-access-key-pair".to_owned(), Severity::Critical);
    let named = ("aws-secret-access-key".to_owned(), Severity::Critical);
    assert_eq!(severity(&format!("X-Amz-Credential={url}%2F20190101")), from_ref(&lone));
    assert_eq!(severity(&format!("{id}:2fd4e1c67a2d28fced849ee1bb76e7391b93eb12")), [lone]);
    // The file that the console offers for download, with the secret told by its place alone.
    let csv = format!("Access key ID,Secret access key\r\n{id},{secret}\r\n");
    assert_eq!(severity(&csv), from_ref(&pair));
    // Anywhere in the file, in any order.
    let file = format!("{id}\n{far}aws_secret_access_key = {secret}\n{far}{other}\n");
    assert_eq!(severity(&file), [pair.clone(), named, pair]);
}

#[test]
fn guesses_are_not_made_where_interfaces_are_documented() {
    let text = Expander::new("e").all("\"ApiToken\": \"{40 alnum}\"\n\"Password\": \"{10 alnum}#7\"");
    let known = Expander::new("f").all("{checksum ghp_ 30}");
    for path in [
        "usr/lib/python3/dist-packages/botocore/data/iam/2010-05-08/examples-1.json",
        "opt/awscli/examples/kms/create-grant.rst",
        "srv/lib/testdata/keys.go",
    ] {
        assert_eq!(ids(&scan(path.as_bytes(), text.as_bytes())), [""; 0], "{path}");
        assert_eq!(ids(&scan(path.as_bytes(), known.as_bytes())), ["github-pat"], "{path}");
    }
    for path in ["srv/examples/settings.py", "srv/examples.json", "srv/app.json"] {
        let found = scan(path.as_bytes(), text.as_bytes());
        assert_eq!(ids(&found), ["generic-api-key", "generic-password"], "{path}");
    }
}

#[test]
fn a_token_is_no_part_of_longer_base64() {
    let text = Expander::new("g").all("{180 alnum}");
    let token = format!("EAAG{text}");
    assert_eq!(ids(&scan(b"x", format!("token={token}\n").as_bytes())), ["facebook-access-token"]);
    for around in [format!("QmFz+{token}=="), format!("\"{token}/QmFz")] {
        assert_eq!(ids(&scan(b"x.js", around.as_bytes())), [""; 0], "{around}");
    }
}

#[test]
fn an_environment_variable_is_judged_by_its_name_and_its_value() {
    let tells = |name: &str, value: &str| !scan_value(name, value).is_empty();
    assert!(tells("POSTGRES_PASSWORD", "hunter22"));
    assert!(tells("DB_PASS_SECRET", "correct horse battery"));
    assert!(tells("ANYTHING", &Expander::new("d").all("{checksum ghp_ 30}")));
    for (name, value) in [
        ("POSTGRES_PASSWORD", ""),
        ("POSTGRES_PASSWORD", "changeme"),
        ("POSTGRES_PASSWORD", "${PASSWORD}"),
        ("POSTGRES_PASSWORD_FILE", "/run/secrets/db"),
        ("DB_PASSWORD", "/run/secrets/db"),
        ("TOKENIZER", "sentencepiece"),
        ("PATH", "/usr/bin:/bin"),
        ("GPG_KEY", "7169605F62C751356D054A26A821E680E5FA6305"),
        ("PASSWORD_MIN_LENGTH", "12345"),
    ] {
        assert!(!tells(name, value), "{name}={value}: {:?}", scan_value(name, value));
    }
    let matches = scan_value("DATABASE_URL", "postgres://app:s3cr3tpw9@db.internal/app");
    assert_eq!(ids(&matches), ["database-url-password"]);
    assert_eq!(
        (matches[0].line, matches[0].excerpt.as_str()),
        (0, "DATABASE_URL=postgres://app:****@db.internal/app")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_result_does_not_depend_on_how_the_text_is_cut(cuts in prop::collection::vec(1_usize..70_000, 1..40)) {
        let text = everything();
        let whole = scan(b"x.conf", &text);
        let mut scan = TextScan::new(b"x.conf");
        let mut rest = &text[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            let (chunk, after) = rest.split_at((*cut).min(rest.len()));
            scan.feed(chunk);
            rest = after;
        }
        prop_assert!(whole.len() > 150, "{}", whole.len());
        prop_assert_eq!(scan.finish().matches, whole);
    }

    #[test]
    fn no_excerpt_shows_a_secret(order in prop::collection::vec((0_usize..1000, 1_usize..40, any::<bool>()), 1..60)) {
        let mut text = Vec::new();
        for (rule, gap, newline) in order {
            let rule = &rules()[rule % rules().len()];
            text.extend_from_slice(expand(rule, rule.example).as_bytes());
            text.extend(std::iter::repeat_n(b' ', gap));
            if newline { text.push(b'\n'); }
        }
        assert_redacted(&text, b"x.conf", &scan(b"x.conf", &text));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..3000), at in any::<prop::sample::Index>(), rule in 0_usize..1000) {
        let mut bytes = bytes;
        let rule = &rules()[rule % rules().len()];
        let example = expand(rule, rule.example);
        let place = at.index(bytes.len() + 1);
        bytes.splice(place..place, example.bytes());
        let cut = at.index(bytes.len());
        scan(b"x", &bytes);
        scan(b"x", &bytes[..cut]);
        scan_value("NAME_TOKEN", &String::from_utf8_lossy(&bytes[cut..]));
    }
}

#[test]
fn what_is_beyond_the_limit_of_one_text_is_counted() {
    let mut scan = TextScan::new(b"app/keys");
    for number in 0..1_200_u64 {
        // Base 32 digits of a running number: each key is another, on a line of its own.
        let digits: String = (0..16)
            .map(|at| {
                char::from(
                    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
                        [(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (at * 3) & 31) as usize],
                )
            })
            .collect();
        scan.feed(format!("key{number} = AKIA{digits}\n").as_bytes());
    }
    let told = scan.finish();
    assert_eq!(told.matches.len(), 1000);
    assert!(told.untold >= 100, "{}", told.untold);
}
