//! A registry that misbehaves in every way we could think of.

use crate::{
    server::{Answer, Asked, Server},
    support::{Heard, block_on, free_port},
};
use gabion_image::source::{
    BlobStore, Fetched, Platform, Retry, SourceError,
    auth::{Credentials, Keychain, Secret},
    blobs::digest_of,
    registry::{RegistryOptions, fetch},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;

/// What a registry holds: paths below `/v2/app/`, and what is there.
#[derive(Clone, Default)]
struct Held(BTreeMap<String, Vec<u8>>);

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

impl Held {
    fn blob(&mut self, bytes: &[u8]) -> String {
        let digest = digest_of(bytes).to_string();
        self.0.insert(format!("blobs/{digest}"), bytes.to_vec());
        digest
    }

    fn document(&mut self, tag: &str, text: &str) -> String {
        let digest = digest_of(text.as_bytes()).to_string();
        for name in [tag, &digest] {
            self.0.insert(format!("manifests/{name}"), text.into());
        }
        digest
    }

    /// An image of these layers.
    fn image(
        &mut self,
        tag: &str,
        platform: &str,
        layers: &[&[u8]],
        layer_type: &str,
        config_type: &str,
    ) -> String {
        let (os, architecture) = platform.split_once('/').expect("os/arch");
        let ids: Vec<String> = layers.iter().map(|layer| format!("\"{}\"", digest_of(layer))).collect();
        let config = format!(
            r#"{{"os":"{os}","architecture":"{architecture}","rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
            ids.join(",")
        );
        let layers: Vec<String> = layers
            .iter()
            .map(|layer| {
                let (digest, size) = (self.blob(layer), layer.len());
                format!(r#"{{"mediaType":"{layer_type}","digest":"{digest}","size":{size}}}"#)
            })
            .collect();
        let (digest, size) = (self.blob(config.as_bytes()), config.len());
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"{config_type}","digest":"{digest}","size":{size}}},"layers":[{}]}}"#,
            layers.join(",")
        );
        self.document(tag, &manifest)
    }

    /// An index of manifests, each with its platform.
    fn index(&mut self, tag: &str, entries: &[(&str, &str)]) -> String {
        let entries: Vec<String> = entries
            .iter()
            .map(|(digest, platform)| {
                let (os, architecture) = platform.split_once('/').expect("os/arch");
                format!(
                    r#"{{"digest":"{digest}","size":1,"platform":{{"os":"{os}","architecture":"{architecture}"}}}}"#
                )
            })
            .collect();
        self.document(tag, &format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.join(",")))
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let path = asked.path.split('?').next().unwrap_or_default();
        let held = path.split_once("/app/").and_then(|(_, rest)| self.0.get(rest));
        held.map_or_else(|| Answer::status(404), |bytes| Answer::range(bytes, asked))
    }

    fn serve(self) -> Server {
        Server::tcp(move |asked| self.answer(asked))
    }
}

/// An image of two layers for this machine, under the tag `v1`.
fn plain() -> Held {
    let mut held = Held::default();
    held.image("v1", &host(), &[&big(), b"top"], LAYER, CONFIG);
    held
}

fn host() -> String {
    Platform::host().to_string()
}

/// 300 kB that do not repeat soon.
fn big() -> Vec<u8> {
    (0..300_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

struct Client {
    directory: TempDir,
    options: RegistryOptions,
    heard: Heard,
}

impl Client {
    /// Trusts these hosts without TLS and waits for nothing long.
    fn of(servers: &[&Server]) -> Self {
        let retry = Retry {
            base: Duration::from_millis(1),
            longest: Duration::from_secs(5),
            jitter: Arc::new(|| 0.0),
            ..Retry::default()
        };
        Self {
            directory: tempfile::tempdir().expect("a directory"),
            options: RegistryOptions {
                insecure: servers.iter().map(|server| server.host.clone()).collect(),
                retry,
                ..RegistryOptions::default()
            },
            heard: Heard::default(),
        }
    }

    fn store(&self) -> BlobStore {
        BlobStore::open(self.directory.path()).expect("opens")
    }

    fn fetch(&self, reference: &str) -> Result<Fetched, SourceError> {
        block_on(fetch(reference, &self.options, &self.store(), &self.heard))
    }

    fn fails(&self, reference: &str) -> SourceError {
        self.fetch(reference).expect_err("should fail")
    }

    fn files(&self) -> usize {
        let blobs = self.directory.path().join("blobs/sha256");
        std::fs::read_dir(blobs).expect("lists").count()
    }
}

fn v1(server: &Server) -> String {
    format!("{}/app:v1", server.host)
}

fn basic(user: &str, password: &str) -> Keychain {
    Keychain {
        given: Some(Credentials::Basic { user: user.to_owned(), password: Secret::new(password) }),
        files: Vec::new(),
    }
}

#[test]
fn an_image_is_fetched_whole_and_only_once() {
    let server = plain().serve();
    let client = Client::of(&[&server]);
    let fetched = client.fetch(&v1(&server)).expect("fetches");
    assert_eq!(fetched.tags, [v1(&server)]);
    assert_eq!(fetched.platform, host());
    assert_eq!(client.files(), 4 + 1, "manifest, configuration, two layers, what is attached");
    assert_eq!(client.store().read(&digest_of(&big()), 1 << 20).expect("reads"), Some(big()));
    assert_eq!(client.heard.bytes(), (300_003, 300_003));
    let before = server.paths().len();
    client.fetch(&v1(&server)).expect("fetches again");
    assert_eq!(
        server.paths().len(),
        before + 1 + 3,
        "a tag may have moved: that is asked, and what is attached"
    );
    client.fetch(&format!("{}/app:v1@{}", server.host, fetched.manifest)).expect("by digest");
    assert_eq!(server.paths().len(), before + 1 + 3, "a digest cannot: nothing is asked");
}

#[test]
fn referrers_are_stored_and_what_cannot_be_asked_for_is_told() {
    let mut held = Held::default();
    let image = held.image("v1", &host(), &[b"layer"], LAYER, CONFIG);
    let statement = held.blob(b"{\"predicateType\":\"\"}");
    let config = held.blob(b"{}");
    let manifest = held.document(
        "attestation",
        &format!(
            r#"{{"schemaVersion":2,"config":{{"digest":"{config}","size":2}},
                "layers":[{{"mediaType":"application/vnd.in-toto+json","digest":"{statement}","size":20}}]}}"#
        ),
    );
    let list = format!(
        r#"{{"schemaVersion":2,"manifests":[
            {{"artifactType":"application/vnd.in-toto+json","digest":"{manifest}","size":1}},
            {{"artifactType":"application/spdx+json","digest":"{image}","size":1}}]}}"#
    );
    held.0.insert(format!("referrers/{image}"), list.clone().into());
    // A tag is not looked at where referrers are known.
    held.document(&image.replace(':', "-"), &list.replace("spdx", "other"));
    let broken = held.clone();
    let server = held.serve();
    let client = Client::of(&[&server]);
    let fetched = client.fetch(&v1(&server)).expect("fetches");
    assert_eq!(fetched.attached, [digest_of(list.as_bytes())]);
    for stored in [&manifest, &statement] {
        assert!(client.store().get(&stored.parse().expect("a digest")).is_some(), "{stored}");
    }
    let before = server.paths().len();
    let again = client.fetch(&format!("{}/app@{image}", server.host)).expect("by digest");
    assert_eq!((again.attached, server.paths().len()), (fetched.attached, before));

    let server = Server::tcp(move |asked| {
        if asked.path.contains("/referrers/") { Answer::status(500) } else { broken.answer(asked) }
    });
    let client = Client::of(&[&server]);
    assert!(client.fetch(&v1(&server)).expect("fetches").attached.is_empty());
    let messages = client.heard.messages.lock().expect("not poisoned");
    assert!(
        messages.iter().any(|text| text.contains("is not known: ") && text.contains("500")),
        "{messages:?}"
    );
}

#[test]
fn a_token_is_fetched_with_credentials_that_are_never_shown() {
    let held = plain();
    let server = Server::tcp(move |asked| {
        let realm = asked.header("host").unwrap_or_default().to_owned();
        match (asked.path.split('?').next(), asked.header("authorization")) {
            // "ann:pw" in base64.
            (Some("/token"), Some("Basic YW5uOnB3")) => Answer::ok(r#"{"access_token":"T0KEN"}"#),
            (Some("/token"), _) => Answer::status(401),
            (_, Some("Bearer T0KEN")) => held.answer(asked),
            _ => Answer::status(401).with(
                "WWW-Authenticate",
                &format!(r#"Bearer realm="http://{realm}/token",service="reg",scope="repository:app:pull""#),
            ),
        }
    });
    let mut client = Client::of(&[&server]);
    let error = client.fails(&v1(&server));
    assert!(error.to_string().contains("there are none"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("docker login")), "{error}");
    client.options.keychain = basic("ann", "wr0ng");
    let error = client.fails(&v1(&server));
    assert!(matches!(error, SourceError::Unauthorized { .. }), "{error}");
    assert!(!format!("{error} {error:?} {:?}", client.options).contains("wr0ng"), "{error:?}");
    client.options.keychain = basic("ann", "pw");
    client.fetch(&v1(&server)).expect("fetches");
    let token = "/token?scope=repository%3Aapp%3Apull&service=reg";
    assert_eq!(server.paths().iter().filter(|path| *path == token).count(), 3, "one for each run");
}

#[test]
fn an_identity_token_is_exchanged_and_an_access_token_is_used() {
    let held = plain();
    let server = Server::tcp(move |asked| {
        let realm = asked.header("host").unwrap_or_default().to_owned();
        match (asked.method.as_str(), asked.header("authorization")) {
            ("POST", None) if asked.body.contains("grant_type=refresh_token&") => {
                let good = asked.body.ends_with("refresh_token=R%2B");
                Answer::ok(if good { r#"{"token":"T"}"# } else { "{}" })
            }
            (_, Some("Bearer T")) => held.answer(asked),
            _ => Answer::status(401).with("WWW-Authenticate", &format!(r#"Bearer realm="http://{realm}/t""#)),
        }
    });
    for (credentials, good) in [
        (Credentials::Identity(Secret::new("R+")), true),
        (Credentials::Identity(Secret::new("S")), false),
        (Credentials::Token(Secret::new("T")), true),
    ] {
        let mut client = Client::of(&[&server]);
        client.options.keychain.given = Some(credentials.clone());
        assert_eq!(client.fetch(&v1(&server)).is_ok(), good, "{credentials:?}");
    }
}

#[test]
fn credentials_do_not_follow_a_redirect_to_another_host() {
    let elsewhere = plain().serve();
    let target = elsewhere.host.clone();
    let held = plain();
    let server = Server::tcp(move |asked| match asked.header("authorization") {
        Some(_) if asked.path.contains("/blobs/") => {
            Answer::status(307).with("Location", &format!("http://{target}{}", asked.path))
        }
        Some(_) => held.answer(asked),
        None => Answer::status(401).with("WWW-Authenticate", "Basic"),
    });
    let mut client = Client::of(&[&server]);
    client.options.keychain = basic("ann", "pw");
    client.fetch(&v1(&server)).expect("follows");
    let blobs = elsewhere.asked();
    assert_eq!(blobs.len(), 3);
    assert!(blobs.iter().all(|asked| asked.header("authorization").is_none()));
}

#[test]
fn what_the_server_refuses_is_told_by_kind() {
    let of = |answer: Answer| {
        let server = Server::tcp(move |_| answer.clone());
        Client::of(&[&server]).fails(&v1(&server))
    };
    assert!(matches!(of(Answer::status(404)), SourceError::NotFound { .. }));
    assert!(matches!(of(Answer::status(403)), SourceError::Forbidden { .. }));
    let error = of(Answer::status(401)).to_string();
    assert!(error.contains("does not say how to log in"), "{error}");
    let error =
        of(Answer::status(418).body("{\"errors\":[{\"code\":\"X\",\"message\":\"no\\u001b[31m tea\"}]}"));
    assert!(error.to_string().contains("answered 418 I'm a teapot (no [31m tea) to manifests/v1"), "{error}");
    let error = of(Answer::ok("not json"));
    assert!(matches!(error, SourceError::Manifest { .. }), "{error}");
    let error = of(Answer::ok(vec![b' '; 9 << 20]));
    assert!(matches!(error, SourceError::TooLarge { .. }), "{error}");
}

#[test]
fn a_busy_or_broken_server_is_asked_again_and_no_more_than_five_times() {
    for (refusal, kind) in [
        (Answer::status(429).with("Retry-After", "0"), "limits requests"),
        (Answer::status(503), "answered 503"),
        (Answer::status(500).body("{\"errors\":[{\"message\":\"oops\"}]}"), "(oops)"),
        (Answer::ok("{}").cut(1), "broke off"),
    ] {
        let (held, calls, again) = (plain(), AtomicUsize::new(0), refusal.clone());
        let server = Server::tcp(move |asked| match calls.fetch_add(1, Ordering::Relaxed) {
            0..4 => again.clone(),
            _ => held.answer(asked),
        });
        Client::of(&[&server]).fetch(&v1(&server)).expect(kind);
        let server = Server::tcp(move |_| refusal.clone());
        let error = Client::of(&[&server]).fails(&v1(&server));
        assert!(error.to_string().contains(kind), "{error}");
        assert_eq!(server.paths().len(), 5, "{kind}");
    }
}

#[test]
fn a_wait_that_is_too_long_is_told_instead_of_spent() {
    for (name, value) in [("Retry-After", "3600"), ("Retry-After", "Sun, 22 Nov 2026 13:00:00 GMT")] {
        let answer = Answer::status(429).with("Date", "Sun, 22 Nov 2026 12:00:00 GMT").with(name, value);
        let server = Server::tcp(move |_| answer.clone());
        let error = Client::of(&[&server]).fails(&v1(&server));
        assert!(error.to_string().ends_with("asks to come back in 3600 s"), "{error}");
        assert_eq!(server.paths().len(), 1);
    }
}

#[test]
fn a_blob_that_broke_off_goes_on_where_it_stopped() {
    for ranges in [true, false] {
        let held = plain();
        let path = format!("/v2/app/blobs/{}", digest_of(&big()));
        let server = Server::tcp({
            let (path, calls) = (path.clone(), AtomicUsize::new(0));
            move |asked| {
                let answer =
                    if ranges || asked.path != path { held.answer(asked) } else { Answer::ok(big()) };
                if asked.path == path && calls.fetch_add(1, Ordering::Relaxed) < 2 {
                    return answer.cut(100_000);
                }
                answer
            }
        });
        let client = Client::of(&[&server]);
        client.fetch(&v1(&server)).expect("gets through");
        let starts: Vec<usize> = server.asked().iter().filter(|a| a.path == path).map(Asked::from).collect();
        assert_eq!(starts, [0, 100_000, if ranges { 200_000 } else { 100_000 }]);
        assert_eq!(client.heard.bytes(), (300_003, 300_003), "each byte is told once");
    }
}

#[test]
fn the_next_run_goes_on_where_this_one_gave_up() {
    let held = plain();
    let path = format!("/v2/app/blobs/{}", digest_of(&big()));
    let server = Server::tcp({
        let path = path.clone();
        move |asked| {
            let answer = held.answer(asked);
            if asked.path == path && asked.from() == 0 {
                return answer.cut(100_000);
            }
            answer
        }
    });
    let mut client = Client::of(&[&server]);
    client.options.retry.attempts = 1;
    let error = client.fails(&v1(&server));
    assert!(matches!(error, SourceError::Interrupted { .. }), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("goes on from there")));
    client.fetch(&v1(&server)).expect("goes on");
    let starts: Vec<usize> = server.asked().iter().filter(|a| a.path == path).map(Asked::from).collect();
    assert_eq!(starts, [0, 100_000]);
}

#[test]
fn a_damaged_partial_file_does_not_stay_in_the_way() {
    let server = plain().serve();
    let client = Client::of(&[&server]);
    let mut partial = client.store().begin(&digest_of(&big())).expect("begins");
    partial.write(b"garbage of another run").expect("writes");
    drop(partial);
    client.fetch(&v1(&server)).expect("starts over");
}

#[test]
fn other_bytes_than_promised_are_refused_and_not_kept() {
    let top = format!("blobs/{}", digest_of(b"top"));
    let wrong = |content: &'static [u8], unframed: bool| {
        let mut held = plain();
        held.0.insert(top.clone(), content.to_vec());
        Server::tcp(move |asked| {
            let answer = held.answer(asked);
            if unframed { answer.unframed() } else { answer }
        })
    };
    for unframed in [false, true] {
        let server = wrong(b"pot", unframed);
        let client = Client::of(&[&server]);
        let error = client.fails(&v1(&server));
        assert!(matches!(error, SourceError::Digest { .. }), "{error}");
        assert!(client.store().get(&digest_of(b"top")).is_none());
        assert!(client.store().get(&digest_of(b"pot")).is_none());

        let server = wrong(b"toppings", unframed);
        let error = Client::of(&[&server]).fails(&v1(&server));
        assert!(matches!(error, SourceError::Length { expected: 3, .. }), "{error}");

        let server = wrong(b"to", unframed);
        let error = Client::of(&[&server]).fails(&v1(&server));
        assert!(error.to_string().contains("ended after"), "{error}");
    }
    // A manifest that is not what its digest, or the registry's own header, says.
    let mut held = plain();
    let digest = digest_of(b"x");
    let other = held.0["manifests/v1"].clone();
    held.0.insert(format!("manifests/{digest}"), other);
    let server = held.serve();
    let error = Client::of(&[&server]).fails(&format!("{}/app@{digest}", server.host));
    assert!(matches!(error, SourceError::Digest { .. }), "{error}");
    let held = plain();
    let server =
        Server::tcp(move |asked| held.answer(asked).with("Docker-Content-Digest", &digest.to_string()));
    let error = Client::of(&[&server]).fails(&v1(&server));
    assert!(matches!(error, SourceError::Digest { .. }), "{error}");
}

#[test]
fn silence_has_a_limit() {
    let top = format!("/v2/app/blobs/{}", digest_of(b"top"));
    for path in ["/v2/app/manifests/v1", &top] {
        let (held, slow) = (plain(), path.to_owned());
        let server = Server::tcp(move |asked| {
            let answer = held.answer(asked);
            if asked.path == slow { answer.silent(1) } else { answer }
        });
        let mut client = Client::of(&[&server]);
        client.options.read_timeout = Duration::from_millis(150);
        client.options.retry.attempts = 2;
        let error = client.fails(&v1(&server));
        assert!(matches!(error, SourceError::Timeout { .. }), "{error}");
    }
}

#[test]
fn the_image_of_the_platform_is_chosen_also_in_an_index_of_indexes() {
    let mut held = Held::default();
    let arm = held.image("arm", "linux/arm64", &[b"arm"], LAYER, CONFIG);
    let power = held.image("power", "linux/ppc64le", &[b"power"], LAYER, CONFIG);
    let mine = held.image("mine", &host(), &[b"mine"], LAYER, CONFIG);
    let inner = held.index("inner", &[(&mine, &host())]);
    let platforms: [(&str, &str); 3] = [(&power, "linux/ppc64le"), (&inner, &host()), (&arm, "linux/mips")];
    held.index("v1", &platforms);
    let server = held.serve();
    let mut client = Client::of(&[&server]);
    let fetched = client.fetch(&v1(&server)).expect("fetches");
    assert_eq!((fetched.manifest.to_string(), fetched.platform), (mine, host()));
    client.options.platform = Some("linux/ppc64le".parse().expect("a platform"));
    assert_eq!(client.fetch(&v1(&server)).expect("fetches").manifest.to_string(), power);
    client.options.platform = Some("linux/s390x".parse().expect("a platform"));
    let error = client.fails(&v1(&server)).to_string();
    assert!(error.contains("linux/s390x, only for linux/ppc64le, "), "{error}");
    // Without an index, and with one that lies, the configuration tells.
    for (tag, wanted) in [("power", "linux/s390x"), ("v1", "linux/mips")] {
        client.options.platform = Some(wanted.parse().expect("a platform"));
        let error = client.fails(&format!("{}/app:{tag}", server.host));
        assert!(matches!(error, SourceError::Platform { .. }), "{error}");
    }
    client.options.platform = None;
    let any = client.fetch(&format!("{}/app:power", server.host)).expect("the only one will do");
    assert_eq!(any.platform, "linux/ppc64le");
}

#[test]
fn mirrors_are_asked_first_and_the_registry_when_they_fail() {
    let origin = plain().serve();
    let good = plain().serve();
    let dead = format!("127.0.0.1:{}", free_port());
    let mut held = plain();
    held.0.insert(format!("blobs/{}", digest_of(&big())), vec![0; 300_000]);
    let lying = held.serve();
    let with = |mirrors: &[&str]| {
        let mut client = Client::of(&[&origin, &good, &lying]);
        client.options.insecure.push(dead.clone());
        client.options.keychain = basic("ann", "pw");
        let mirrors = mirrors.iter().map(|m| (*m).to_owned()).collect();
        client.options.mirrors = BTreeMap::from([(origin.host.clone(), mirrors)]);
        client
    };
    let client = with(&[&dead, &format!("{}/cache/", good.host)]);
    client.fetch(&v1(&origin)).expect("by the second mirror");
    assert_eq!(origin.paths(), [""; 0]);
    let asked = good.paths();
    assert!(asked.contains(&format!("/v2/cache/app/manifests/v1?ns={}", origin.host)), "{asked:?}");

    let client = with(&[&lying.host]);
    client.fetch(&v1(&origin)).expect("the lie does not count");
    assert_eq!(origin.paths(), [format!("/v2/app/blobs/{}", digest_of(&big()))]);

    // The error is that of the registry, not of a mirror.
    let error = with(&[&good.host]).fails(&format!("{}/app:v2", origin.host)).to_string();
    assert!(error.starts_with(&origin.host), "{error}");
}

#[test]
fn what_is_no_image_or_not_distributable_is_told() {
    let mut held = Held::default();
    held.image("chart", &host(), &[b"x"], LAYER, "application/vnd.cncf.helm.config.v1+json");
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    held.image("windows", &host(), &[b"licensed"], foreign, CONFIG);
    let layer = format!("blobs/{}", digest_of(b"licensed"));
    let bytes = held.0.remove(&layer);
    let server = held.clone().serve();
    let client = Client::of(&[&server]);
    let error = client.fails(&format!("{}/app:chart", server.host)).to_string();
    assert!(
        error.contains("not a container image but an artifact of type \"application/vnd.cncf.helm"),
        "{error}"
    );
    let error = client.fails(&format!("{}/app:windows", server.host));
    assert!(matches!(error, SourceError::NotDistributable { .. }), "{error}");
    // A registry may have it all the same.
    held.0.extend(bytes.map(|bytes| (layer, bytes)));
    let server = held.serve();
    Client::of(&[&server]).fetch(&format!("{}/app:windows", server.host)).expect("it has it");
}

#[test]
fn nobody_there_is_told_at_once() {
    let client = Client::of(&[]);
    let error = client.fails(&format!("127.0.0.1:{}/app", free_port()));
    assert!(matches!(error, SourceError::Connect { .. }), "{error}");
    assert!(error.to_string().contains("onnection refused"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("--registry-insecure 127.0.0.1:")));
}
