//! What a registry holds, asked of servers that answer well and badly, and of Debian's `docker-registry`.

use crate::{
    registry_tls::{TOOLS, start},
    server::{Answer, Asked, Server},
    support::{LAYOUT_TOOLS, block_on, can_run, directory, layout, run},
};
use gabion_image::source::{
    Lister, Quiet, Retry, SourceError,
    auth::{Credentials, Keychain, Secret},
    blobs::digest_of,
    registry::RegistryOptions,
};
use std::{fs, process::Command, sync::Arc, time::Duration};

fn options(server: &Server) -> RegistryOptions {
    let retry = Retry {
        base: Duration::from_millis(1),
        longest: Duration::from_secs(5),
        jitter: Arc::new(|| 0.0),
        ..Retry::default()
    };
    RegistryOptions { insecure: vec![server.host.clone()], retry, ..RegistryOptions::default() }
}

fn query<'a>(asked: &'a Asked, name: &str) -> Option<&'a str> {
    let (_, query) = asked.path.split_once('?')?;
    query
        .split('&')
        .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))
        .map(|(_, value)| value)
}

#[test]
fn a_list_is_read_to_its_end_or_to_the_limit() {
    let server = Server::tcp(|asked| {
        let from: usize = query(asked, "last").map_or(0, |last| last.parse().expect("a number"));
        let names: Vec<String> = (from..from + 3).map(|number| format!("\"team/app{number}\"")).collect();
        let page = Answer::ok(format!(r#"{{"repositories": [{}, "Not A Name"]}}"#, names.join(",")));
        match from {
            6.. => page,
            // Where the next page is said to be is nobody's matter but ours.
            _ => page
                .with("Link", &format!("<https://elsewhere.example/?last={}&n=3>; rel=\"next\"", from + 3)),
        }
    });
    let options = options(&server);
    let lister = Lister::new(&server.host, &options, &Quiet).expect("a host");
    let all = block_on(lister.repositories(100)).expect("a list");
    assert_eq!((all.good.len(), all.odd, all.is_cut), (9, 3, false));
    assert_eq!(all.good[8], "team/app8");
    assert_eq!(server.paths().len(), 3);
    let some = block_on(lister.repositories(4)).expect("a list");
    assert_eq!((some.good.len(), some.is_cut), (4, true));
}

#[test]
fn a_list_without_end_ends() {
    let server =
        Server::tcp(|_| Answer::ok(r#"{"tags": null}"#).with("Link", "</v2/a/tags/list?last=x>; rel=next"));
    let options = options(&server);
    let lister = Lister::new(&server.host, &options, &Quiet).expect("a host");
    let tags = block_on(lister.repository("a").expect("a name").tags(10)).expect("a list");
    assert!(tags.good.is_empty() && tags.is_cut);
    assert_eq!(server.paths().len(), 1000);
}

#[test]
fn a_digest_costs_no_pull_unless_the_registry_does_not_tell_it() {
    let document = "{}";
    let digest = digest_of(document.as_bytes());
    let server = Server::tcp(move |asked| match asked.path.rsplit('/').next() {
        Some("told") => Answer::status(200).with("Docker-Content-Digest", &digest.to_string()),
        Some("silent") => Answer::ok(if asked.method == "HEAD" { "" } else { document }),
        Some("busy") => Answer::status(429).with("Retry-After", "3600"),
        _ => Answer::status(404),
    });
    let options = options(&server);
    let lister = Lister::new(&server.host, &options, &Quiet).expect("a host");
    let repository = lister.repository("team/app").expect("a name");
    let methods = |server: &Server| server.asked().into_iter().map(|asked| asked.method).collect::<Vec<_>>();
    assert_eq!(block_on(repository.digest("told")).expect("told"), Some(digest));
    assert_eq!(methods(&server), ["HEAD"]);
    assert_eq!(block_on(repository.digest("silent")).expect("told"), Some(digest));
    assert_eq!(methods(&server), ["HEAD", "HEAD", "GET"]);
    assert_eq!(block_on(repository.digest("none")).expect("told"), None);
    let error = block_on(repository.digest("busy")).expect_err("busy");
    assert!(
        matches!(error, SourceError::RateLimited { wait: Some(wait), .. } if wait == Duration::from_hours(1)),
        "{error}"
    );
    assert_eq!(server.paths().len(), 5, "who is to be left alone for an hour is asked once");
    assert!(lister.repository("../x").is_err());
}

#[test]
fn a_token_is_for_one_repository_and_for_the_list() {
    let server = Server::tcp(|asked| {
        let realm = asked.header("host").unwrap_or_default().to_owned();
        let path = asked.path.split('?').next().unwrap_or_default().to_owned();
        let scope = match path.as_str() {
            "/token" => {
                // "ann:pw" in base64.
                let good = asked.header("authorization") == Some("Basic YW5uOnB3");
                let scope = query(asked, "scope").unwrap_or("none").to_owned();
                return if good {
                    Answer::ok(format!(r#"{{"token":"{scope}"}}"#))
                } else {
                    Answer::status(401)
                };
            }
            "/v2/" => None,
            "/v2/_catalog" => Some("registry%3Acatalog%3A*"),
            _ => Some("repository%3Aapp%3Apull"),
        };
        let wanted = format!("Bearer {}", scope.unwrap_or("none"));
        if asked.header("authorization") == Some(&wanted) {
            return Answer::ok(r#"{"repositories": ["app"], "tags": ["v1"]}"#);
        }
        let scope =
            scope.map_or_else(String::new, |scope| format!(r#",scope="{}""#, scope.replace("%3A", ":")));
        Answer::status(401)
            .with("WWW-Authenticate", &format!(r#"Bearer realm="http://{realm}/token"{scope}"#))
    });
    let mut options = options(&server);
    options.keychain.given = Some(Credentials::Basic { user: "ann".to_owned(), password: Secret::new("pw") });
    let lister = Lister::new(&server.host, &options, &Quiet).expect("a host");
    block_on(lister.check()).expect("is let in");
    assert_eq!(block_on(lister.repositories(10)).expect("a list").good, ["app"]);
    let repository = lister.repository("app").expect("a name");
    assert_eq!(block_on(repository.tags(10)).expect("a list").good, ["v1"]);
    let mut wrong = options.clone();
    wrong.keychain.given = Some(Credentials::Basic { user: "ann".to_owned(), password: Secret::new("old") });
    let lister = Lister::new(&server.host, &wrong, &Quiet).expect("a host");
    let error = block_on(lister.check()).expect_err("refused");
    assert!(matches!(error, SourceError::Unauthorized { .. }), "{error}");
}

#[test]
fn a_real_registry_tells_what_it_holds() {
    let tools = [&["skopeo"][..], &TOOLS, &LAYOUT_TOOLS].concat();
    if !can_run("a_real_registry_tells_what_it_holds", &tools) {
        return;
    }
    let home = directory();
    let at = home.path();
    layout(at);
    let (_registry, host) = start(at);
    fs::create_dir(at.join("trust")).expect("creates");
    fs::copy(at.join("ca.crt"), at.join("trust/ca.crt")).expect("copies");
    for name in ["team/a:v1", "team/a:v2", "team/b:v1"] {
        run(Command::new("skopeo")
            .args(["copy", "-q", "--dest-creds", "ann:s3cret", "--insecure-policy", "--dest-cert-dir"])
            .arg(at.join("trust"))
            .arg(format!("oci:{}/app:v1", at.display()))
            .arg(format!("docker://{host}/{name}")));
    }
    let given =
        |password: &str| Some(Credentials::Basic { user: "ann".to_owned(), password: Secret::new(password) });
    let options = RegistryOptions {
        authorities: vec![at.join("ca.crt")],
        keychain: Keychain { given: given("s3cret"), files: Vec::new() },
        ..RegistryOptions::default()
    };
    let lister = Lister::new(&host, &options, &Quiet).expect("a host");
    block_on(lister.check()).expect("is let in");
    assert_eq!(block_on(lister.repositories(10)).expect("a list").good, ["team/a", "team/b"]);
    let repository = lister.repository("team/a").expect("a name");
    let mut tags = block_on(repository.tags(10)).expect("a list").good;
    tags.sort();
    assert_eq!(tags, ["v1", "v2"]);
    let digest = |tag: &str| block_on(repository.digest(tag)).expect("is told");
    assert!(digest("v1").is_some() && digest("v1") == digest("v2"));
    assert_eq!(digest("v3"), None);
    let none = lister.repository("team/none").expect("a name");
    assert!(matches!(block_on(none.tags(10)), Err(SourceError::NotFound { .. })));

    let mut wrong = options.clone();
    wrong.keychain.given = given("wr0ng");
    let lister = Lister::new(&host, &wrong, &Quiet).expect("a host");
    assert!(matches!(block_on(lister.check()), Err(SourceError::Unauthorized { .. })));
    let untrusted = RegistryOptions { authorities: Vec::new(), ..options };
    let lister = Lister::new(&host, &untrusted, &Quiet).expect("a host");
    assert!(matches!(block_on(lister.check()), Err(SourceError::Tls { .. })));
}
