//! A database from a web server that misbehaves.

use crate::{
    server::{Answer, Asked, Server},
    support::Heard,
};
use gabion_advisory::{
    segment::Builder,
    store::{Change, Report, Store, StoreError, Upstream},
    transfer::{Chunks, Manifest, Route, sign},
};
use gabion_image::source::{
    DatabasePlace, Retry, SourceError,
    auth::{Credentials, Keychain, Secret},
    blobs::digest_of,
    database::push,
    registry::RegistryOptions,
};
use std::{
    error::Error as _,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;

static KEY: LazyLock<(String, String)> = LazyLock::new(|| sign::generate(None).expect("a key"));

const NAMES: [&str; 2] = ["debian", "npm"];

/// A publisher and a client.
pub(crate) struct World {
    root: TempDir,
    pub(crate) options: RegistryOptions,
}

impl World {
    /// Waits for nothing long.
    pub(crate) fn new() -> Self {
        let retry = Retry { base: Duration::from_millis(1), jitter: Arc::new(|| 0.0), ..Retry::default() };
        Self {
            root: tempfile::tempdir().expect("a directory"),
            options: RegistryOptions { retry, ..RegistryOptions::default() },
        }
    }

    pub(crate) fn published(&self) -> PathBuf {
        self.root.path().join("published")
    }

    /// Publishes a version of two segments of more than a megabyte; one in 300 rows is of this version alone.
    pub(crate) fn publish(&self, version: u32) -> Manifest {
        let change = Change::begin(&self.root.path().join("publisher")).expect("begins");
        for name in NAMES {
            let mut builder = Builder::new(change.before(name).as_ref());
            builder.meta("version", &version.to_string());
            for n in 0..9000_u32 {
                let salt = if n % 300 == 0 { version } else { 0 };
                let noise: Vec<u8> = (0..4)
                    .flat_map(|part| *digest_of(format!("{n} {part} {salt}").as_bytes()).as_bytes())
                    .collect();
                builder.push(1, format!("{name}/package-{n}").as_bytes(), &noise).expect("small");
            }
            builder.finish(&change.place(name)).expect("written");
        }
        let now = jiff::Timestamp::UNIX_EPOCH;
        let store = change.install(&NAMES, now, now).expect("installs");
        let sign = |bytes: &[u8]| Ok(sign::sign(bytes, &KEY.0, None, "of a test")?);
        store.publish(&self.published(), 3, sign).expect("publishes")
    }

    pub(crate) fn update(&self, place: &str) -> Result<(Store, Report), StoreError> {
        let place: DatabasePlace = place.parse().expect("a place");
        let heard = Heard::default();
        let mut chunks = place.open(&self.options, &heard).expect("opens");
        self.update_from(&mut *chunks)
    }

    pub(crate) fn update_from(&self, chunks: &mut dyn Chunks) -> Result<(Store, Report), StoreError> {
        let key = KEY.1.parse().expect("a key");
        let upstream = Upstream { chunks, name: "a test", key: &key, allow_older: false };
        let change = Change::begin(&self.root.path().join("client")).expect("begins");
        change.update(upstream, jiff::Timestamp::UNIX_EPOCH, &mut |_| {})
    }

    /// The error, in the words of the source.
    pub(crate) fn fails(&self, place: &str) -> String {
        let error = self.update(place).expect_err("should fail");
        let mut told = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            told = format!("{told}: {cause}");
            source = cause.source();
        }
        told
    }
}

pub(crate) fn versions(store: &Store) -> Vec<&str> {
    store.segments().map(|(_, segment)| segment.meta()["version"].as_str()).collect()
}

pub(crate) fn deltas(report: &Report) -> bool {
    report.segments.iter().all(|(_, updated)| updated.route == Route::Delta)
}

/// What a web server has below `/db/`.
fn held(directory: &Path, asked: &Asked) -> Answer {
    let name = asked.path.strip_prefix("/db/").unwrap_or("none");
    fs::read(directory.join(name)).map_or_else(|_| Answer::status(404), |bytes| Answer::range(&bytes, asked))
}

/// A web server that has what is published, unless `twist` says something else.
fn serve(
    world: &World,
    twist: impl Fn(&Asked, Answer) -> Answer + Send + Sync + 'static,
) -> (Server, String) {
    let directory = world.published();
    let server = Server::tcp(move |asked| twist(asked, held(&directory, asked)));
    let place = format!("http://{}/db/", server.host);
    (server, place)
}

#[test]
fn a_segment_is_one_request_and_a_days_change_is_one_for_each() {
    let world = World::new();
    let manifest = world.publish(0);
    assert!(
        manifest.segments.iter().all(|offer| offer.file.size > 1 << 20),
        "more than is asked for at once"
    );
    let (server, place) = serve(&world, |_, answer| answer);
    let (store, _) = world.update(&place).expect("updates");
    assert_eq!(versions(&store), ["0", "0"]);
    assert_eq!(server.paths().len(), 2 + 2, "manifest, signature, two segments");

    world.publish(1);
    let (store, report) = world.update(&place).expect("updates");
    assert_eq!(versions(&store), ["1", "1"]);
    assert!(deltas(&report) && report.bytes_fetched() < 100_000, "{report:?}");
    assert_eq!(server.paths().len(), 4 + 4);
    world.update(&place).expect("nothing to do");
    assert_eq!(server.paths().len(), 8 + 2);
}

#[test]
fn what_breaks_off_goes_on_and_who_is_busy_is_waited_for() {
    for ranges in [true, false] {
        let world = World::new();
        world.publish(0);
        let directory = world.published();
        let calls = AtomicUsize::new(0);
        let (server, place) = serve(&world, move |asked, answer| {
            let answer = if ranges {
                answer
            } else {
                let name = asked.path.strip_prefix("/db/").unwrap_or_default();
                Answer::ok(fs::read(directory.join(name)).expect("is there"))
            };
            match calls.fetch_add(1, Ordering::Relaxed) % 5 {
                0 => Answer::status(429).with("Retry-After", "0"),
                1 => Answer::status(503),
                2 if asked.path.contains("/blobs/") => answer.cut(400_000),
                _ => answer,
            }
        });
        let (store, report) = world.update(&place).expect("updates");
        assert!(store.verify().all(|(_, verified)| verified.is_ok()));
        assert_eq!(report.bytes_fetched(), store.segments().map(|(_, segment)| segment.size()).sum::<u64>());
        let starts: Vec<usize> = server.asked().iter().map(Asked::from).filter(|from| *from > 0).collect();
        assert!(!starts.is_empty(), "{starts:?}");
    }
}

#[test]
fn the_next_run_goes_on_where_this_one_gave_up() {
    let mut world = World::new();
    let manifest = world.publish(0);
    world.options.retry.attempts = 1;
    let (server, place) = serve(&world, |asked, answer| {
        if asked.path.contains("/blobs/") && asked.from() == 0 { answer.cut((1 << 20) + 5) } else { answer }
    });
    let told = world.fails(&place);
    assert!(told.contains("cannot be fetched") && told.contains("broke off"), "{told}");
    world.update(&place).expect_err("the second segment");
    world.update(&place).expect("the rest");
    let starts: Vec<usize> = server.asked().iter().map(Asked::from).filter(|from| *from > 0).collect();
    assert_eq!(starts, vec![1 << 20; manifest.segments.len()]);
}

#[test]
fn more_or_other_bytes_than_signed_are_not_taken() {
    let world = World::new();
    world.publish(0);
    // One byte is wrong; less than is promised; a manifest without end.
    let (_server, place) =
        serve(
            &world,
            |asked, answer| {
                if asked.path.contains("/blobs/") { Answer::ok(vec![7; 3 << 20]) } else { answer }
            },
        );
    assert!(world.fails(&place).contains("another digest"));
    let (_server, place) = serve(&world, |asked, answer| {
        if asked.path.contains("/blobs/") && asked.from() == 0 { answer.unframed().cut(1000) } else { answer }
    });
    assert!(world.fails(&place).contains("ends after 1000 of"));
    let (_server, place) = serve(&world, |asked, answer| {
        if asked.path.ends_with("manifest.json") { Answer::ok(vec![b' '; 64 << 20]) } else { answer }
    });
    assert!(world.fails(&place).contains("the signature is wrong"));
    // Bytes beyond the end are not even asked for.
    let directory = world.published();
    let (_server, place) = serve(&world, move |asked, answer| {
        let name = asked.path.strip_prefix("/db/").unwrap_or_default();
        if !name.starts_with("blobs/") || asked.from() > 0 {
            return answer;
        }
        let mut bytes = fs::read(directory.join(name)).expect("is there");
        bytes.resize(bytes.len() + (1 << 20), 0);
        Answer::ok(bytes)
    });
    world.update(&place).expect("updates");
}

#[test]
fn what_the_server_refuses_is_told_by_kind() {
    let world = World::new();
    world.publish(0);
    for (answer, expected) in [
        (Answer::status(404), "/db/ does not have it"),
        (Answer::status(403), "forbids reading http://"),
        (Answer::status(429).with("Retry-After", "3600"), "asks to come back in 3600 s"),
        (Answer::status(302).with("Location", "/db/again"), "redirects more than 10 times"),
        (Answer::status(206).with("Content-Range", "bytes 7-9/10"), "another range"),
    ] {
        let (server, place) = serve(&world, move |_, _| answer.clone());
        let told = world.fails(&place);
        assert!(told.contains(expected), "{told}");
        assert!(server.paths().len() <= 12);
    }
    let (_server, place) = serve(&world, |_, answer| answer);
    let place = place.replace("http:", "https:");
    assert!(world.fails(&place).contains("cannot connect to"), "no fallback to plain HTTP");
}

#[test]
fn a_login_is_not_sent_in_the_clear_unless_that_is_wanted() {
    let mut world = World::new();
    world.publish(0);
    let password = Secret::new("pw");
    world.options.keychain =
        Keychain { given: Some(Credentials::Basic { user: "ann".to_owned(), password }), files: Vec::new() };
    // "ann:pw" in base64.
    let (server, place) = serve(&world, |asked, answer| match asked.header("authorization") {
        Some("Basic YW5uOnB3") => answer,
        _ => Answer::status(401).with("WWW-Authenticate", "Basic"),
    });
    assert!(world.fails(&place).contains("over plain HTTP"));
    assert!(server.asked().iter().all(|asked| asked.header("authorization").is_none()));
    world.options.insecure.push(server.host.clone());
    world.update(&place).expect("updates");
}

#[test]
fn an_image_is_no_database() {
    let world = World::new();
    let config = "application/vnd.oci.image.config.v1+json";
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
            "config":{{"mediaType":"{config}","digest":"{}","size":2}},"layers":[]}}"#,
        digest_of(b"{}")
    );
    let server = Server::tcp(move |_| Answer::ok(manifest.clone()));
    let mut world = world;
    world.options.insecure.push(server.host.clone());
    let told = world.fails(&format!("oci://{}/app:v1", server.host));
    assert!(told.contains("/app:v1 is not a database of Gabion but of type"), "{told}");
}

#[test]
fn a_push_goes_to_the_registry_itself_and_needs_the_right_to() {
    let mut world = World::new();
    world.publish(0);
    let elsewhere = Server::tcp(|_| Answer::status(201));
    let session = Answer::status(202).with("Location", &format!("http://{}/upload", elsewhere.host));
    for (begin, expected) in [
        (Answer::status(403), "the login does not allow to push there"),
        (session, "answered no place of its own"),
        (Answer::status(202), "answered no place of its own"),
    ] {
        let server = Server::tcp(move |asked| match asked.method.as_str() {
            "POST" => begin.clone(),
            _ => Answer::status(404),
        });
        world.options.insecure = vec![server.host.clone()];
        let reference = format!("{}/db", server.host).parse().expect("a reference");
        let error =
            push(&world.published(), &reference, &world.options, &Heard::default()).expect_err("refused");
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert!(elsewhere.paths().is_empty());
}

#[test]
fn the_cause_can_be_had_for_its_hint() {
    let world = World::new();
    let server = Server::tcp(|_| Answer::status(403));
    let place: DatabasePlace = format!("http://{}/", server.host).parse().expect("a place");
    let heard = Heard::default();
    let error =
        place.open(&world.options, &heard).expect("opens").fetch("manifest.json", 0..1).expect_err("403");
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<SourceError>());
    assert!(cause.and_then(SourceError::hint).is_some_and(|hint| hint.contains("docker login")));
}
