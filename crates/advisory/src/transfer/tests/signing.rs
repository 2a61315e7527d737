//! Signatures and manifests: what is believed and what is not.

use super::*;
use crate::transfer::{
    ManifestError, Older,
    sign::{SignatureError, generate, sign},
};
use gabion_model::Digest;
use std::{
    io::Write as _,
    process::{Command, Stdio},
};

#[test]
fn a_signature_holds_for_its_bytes_key_and_comment_only() {
    let signature = sign(b"text", &KEY.0, None, "made today").unwrap();
    assert_eq!(key().verify(b"text", &signature).unwrap(), "made today");
    assert!(matches!(key().verify(b"Text", &signature), Err(SignatureError::Wrong(_))));
    let other = signature.replace("made today", "made tomorrow");
    assert!(matches!(key().verify(b"text", &other), Err(SignatureError::Wrong(_))));
    let stranger: PublicKey = generate(None).unwrap().1.parse().unwrap();
    assert!(matches!(stranger.verify(b"text", &signature), Err(SignatureError::Wrong(_))));
    assert!(matches!(key().verify(b"text", "?"), Err(SignatureError::Unreadable(_))));
    assert!(matches!(sign(b"", &KEY.0, None, "two\nlines"), Err(SignatureError::Comment)));
    let bare: PublicKey = KEY.1.lines().nth(1).unwrap().parse().unwrap();
    assert!(bare.verify(b"text", &signature).is_ok());
    assert!(KEY.1.lines().next().unwrap().ends_with(bare.id()), "{} {}", KEY.1, bare.id());
}

#[test]
fn a_key_with_a_password_needs_it() {
    let (secret, public) = generate(Some("open sesame")).unwrap();
    for wrong in [None, Some("closed")] {
        assert!(matches!(sign(b"text", &secret, wrong, "c"), Err(SignatureError::SecretKey(_))));
    }
    let signature = sign(b"text", &secret, Some("open sesame"), "c").unwrap();
    public.parse::<PublicKey>().unwrap().verify(b"text", &signature).unwrap();
}

proptest! {
    #[test]
    fn no_changed_signature_is_believed(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        static SIGNATURE: LazyLock<String> = LazyLock::new(|| sign(b"text", &KEY.0, None, "c").unwrap());
        let mut bytes = SIGNATURE.clone().into_bytes();
        // The first line is not signed.
        let first = bytes.iter().position(|b| *b == b'\n').unwrap() + 1;
        let at = first + at.index(bytes.len() - first - 1);
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        prop_assert!(key().verify(b"text", &String::from_utf8_lossy(&bytes)).is_err());
    }
}

/// The real tool verifies what is signed here, and the other way round, with and without a password.
#[test]
fn minisign_itself_agrees() {
    if Command::new("minisign").arg("-v").stdout(Stdio::null()).status().is_err() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "CI must have minisign");
        drop(writeln!(io::stderr(), "not run: minisign is missing"));
        return;
    }
    let dir = TempDir::new().unwrap();
    let run = |args: &[&str]| {
        let done = Command::new("minisign").args(args).current_dir(&dir).output();
        let done = done.unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    fs::write(dir.path().join("text"), "text").unwrap();
    run(&["-G", "-W", "-p", "tool.pub", "-s", "tool.key"]);
    run(&["-S", "-s", "tool.key", "-m", "text", "-t", "by the tool"]);
    let tool: PublicKey = read("tool.pub").parse().unwrap();
    assert_eq!(tool.verify(b"text", &read("text.minisig")).unwrap(), "by the tool");
    // Its old kind of signature is not taken.
    run(&["-S", "-l", "-s", "tool.key", "-m", "text"]);
    assert!(tool.verify(b"text", &read("text.minisig")).is_err());
    // With the key that the tool made, and with one of ours.
    let ours = generate(Some("secret")).unwrap();
    fs::write(dir.path().join("ours.pub"), &ours.1).unwrap();
    for (secret, password, public) in
        [(read("tool.key"), None, "tool.pub"), (ours.0, Some("secret"), "ours.pub")]
    {
        let signature = sign(b"text", &secret, password, "by us").unwrap();
        fs::write(dir.path().join("text.minisig"), signature).unwrap();
        let told = run(&["-V", "-p", public, "-m", "text"]);
        assert!(told.contains("by us"), "{told}");
    }
}

fn manifest() -> Manifest {
    let blob = Blob { digest: Digest::sha256([7; 32]), size: 100 };
    let root = Digest::sha256([8; 32]);
    let older = vec![Older { root, file: blob, delta: Some(Blob { size: 10, ..blob }) }];
    let offer = |name: &str| Offer { name: name.into(), root, file: blob, older: older.clone() };
    Manifest::new(7, now(), vec![offer("b"), offer("a")])
}

fn verify(bytes: &[u8], expected: Expected) -> Result<Trusted, ManifestError> {
    let signature = sign(bytes, &KEY.0, None, "c").unwrap();
    Manifest::verify(bytes, &signature, &key(), expected)
}

#[test]
fn a_manifest_is_read_as_it_was_written() {
    let trusted = verify(&manifest().to_bytes(), expected()).unwrap();
    assert_eq!(*trusted, manifest());
    assert_eq!(trusted.segments[0].name, "a");
}

#[test]
fn a_signed_manifest_may_still_be_refused() {
    let refused = |change: &dyn Fn(&mut Manifest), why: &str| {
        let mut manifest = manifest();
        change(&mut manifest);
        let error = verify(&manifest.to_bytes(), expected()).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    };
    refused(&|m| m.segments[0].name = "../a".into(), "letters, digits and `-`");
    refused(&|m| m.segments[1].name = "a".into(), "twice");
    refused(&|m| m.segments.reverse(), "not in order");
    refused(&|m| m.segments[0].file.size = 1 << 60, "too large");
    refused(&|m| m.segments[0].older = vec![m.segments[0].older[0].clone(); 65], "too many older");
    refused(&|m| m.created = "2026-11-24T06:00:00Z".parse().unwrap(), "the clock here says");
    let text = String::from_utf8(manifest().to_bytes()).unwrap();
    for (from, to, why) in [
        ("{\"format\":1", "{\"format\": 1", "canonical"),
        ("{\"format\":1", "{\"format\":2", "format 2"),
        ("\"sequence\":7", "\"sequence\":7,\"x\":1", "cannot be read"),
        ("\"size\":100", "\"size\":-1", "cannot be read"),
    ] {
        let error = verify(text.replacen(from, to, 1).as_bytes(), expected()).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    assert!(verify(&vec![b' '; 2 << 20], expected()).is_err());
}

#[test]
fn an_older_manifest_is_refused_unless_asked_for() {
    let bytes = manifest().to_bytes();
    let seen = |last, allow_older| Expected { last: Some(last), allow_older, ..expected() };
    assert!(verify(&bytes, seen(7, false)).is_ok());
    let error = verify(&bytes, seen(8, false)).unwrap_err();
    assert_eq!(error.to_string(), "the manifest has sequence 7, older than 8, which was seen before");
    assert!(verify(&bytes, seen(8, true)).is_ok());
}
