//! Debian's `docker-registry`, with TLS from an authority of our own and passwords.

use crate::support::{Daemon, Heard, LAYOUT_TOOLS, block_on, can_run, directory, free_port, layout, run};
use gabion_image::source::{
    BlobStore, SourceError,
    auth::{Credentials, Keychain, Secret},
    registry::{RegistryOptions, fetch},
};
use std::{fs, net::TcpStream, path::Path, process::Command};

/// Makes `ca.crt`, and `server.crt` with `server.key` for 127.0.0.1 signed by it.
fn certificates(directory: &Path) {
    let openssl = |line: &str| run(Command::new("openssl").args(line.split(' ')).current_dir(directory));
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.crt -days 2 -subj /CN=gabion-test"));
    openssl(&format!("req {key} -keyout server.key -out server.csr -subj /CN=server"));
    fs::write(
        directory.join("server.ext"),
        "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n",
    )
    .expect("writes");
    openssl(
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 -extfile server.ext",
    );
}

/// What [`start`] needs.
pub(crate) const TOOLS: [&str; 3] = ["docker-registry", "htpasswd", "openssl"];

/// Starts the registry for the user `ann` with the password `s3cret`, and a certificate by `ca.crt`.
pub(crate) fn start(at: &Path) -> (Daemon, String) {
    certificates(at);
    let users = run(Command::new("htpasswd").args(["-Bbn", "ann", "s3cret"]));
    fs::write(at.join("users"), users + "\n").expect("writes");
    let host = format!("127.0.0.1:{}", free_port());
    let root = at.display();
    let config = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {root}/data}}}}\n\
         http: {{addr: '{host}', tls: {{certificate: {root}/server.crt, key: {root}/server.key}}}}\n\
         auth: {{htpasswd: {{realm: test, path: {root}/users}}}}\n"
    );
    fs::write(at.join("config.yml"), config).expect("writes");
    let mut registry = Daemon::start(
        Command::new("docker-registry").arg("serve").arg(at.join("config.yml")),
        at.join("log"),
    );
    registry.until("the registry listens", || TcpStream::connect(&host).is_ok());
    (registry, host)
}

#[test]
fn a_real_registry_with_tls_and_a_login() {
    let tools = [&["skopeo"][..], &TOOLS, &LAYOUT_TOOLS].concat();
    if !can_run("a_real_registry_with_tls_and_a_login", &tools) {
        return;
    }
    let home = directory();
    let at = home.path();
    layout(at);
    let (_registry, host) = start(at);
    let root = at.display();
    fs::create_dir(at.join("trust")).expect("creates");
    fs::copy(at.join("ca.crt"), at.join("trust/ca.crt")).expect("copies");
    for (name, format) in [("oci", "oci"), ("docker", "v2s2")] {
        run(Command::new("skopeo")
            .args(["copy", "-q", "--dest-creds", "ann:s3cret", "--format", format, "--dest-cert-dir"])
            .arg(at.join("trust"))
            .arg(format!("oci:{root}/app:v1"))
            .arg(format!("docker://{host}/team/{name}:v1"))
            // Policies of this machine are not what is tested.
            .arg("--insecure-policy"));
    }

    let attempt = |authorities: &[&str], keychain: Keychain, name: &str, cache: &str| {
        let options = RegistryOptions {
            authorities: authorities.iter().map(|file| at.join(file)).collect(),
            keychain,
            ..RegistryOptions::default()
        };
        let store = BlobStore::open(&at.join(cache)).expect("opens");
        let heard = Heard::default();
        let result = block_on(fetch(&format!("{host}/team/{name}:v1"), &options, &store, &heard));
        result.map(|fetched| (fetched, heard.bytes()))
    };
    // "ann:s3cret" in base64, as `docker login` keeps it.
    fs::write(at.join("config.json"), format!(r#"{{"auths":{{"{host}":{{"auth":"YW5uOnMzY3JldA=="}}}}}}"#))
        .expect("writes");
    let logged_in = || Keychain { given: None, files: vec![at.join("config.json")] };
    for name in ["oci", "docker"] {
        let (fetched, (total, advanced)) = attempt(&["ca.crt"], logged_in(), name, name).expect("fetches");
        assert_eq!(fetched.tags, [format!("{host}/team/{name}:v1")]);
        assert!(total > 100_000 && total == advanced, "{advanced} of {total}");
    }

    let error = attempt(&[], logged_in(), "oci", "none").expect_err("unknown authority");
    assert!(matches!(error, SourceError::Tls { .. }), "{error}");
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("--registry-ca")));
    let error = attempt(&["config.json"], logged_in(), "oci", "none").expect_err("no certificate");
    assert!(matches!(error, SourceError::Authority { .. }), "{error}");
    let error = attempt(&["ca.crt"], Keychain::default(), "oci", "none").expect_err("no login");
    assert!(matches!(error, SourceError::Unauthorized { .. }), "{error}");
    let wrong = Keychain {
        given: Some(Credentials::Basic { user: "ann".to_owned(), password: Secret::new("wr0ng") }),
        files: Vec::new(),
    };
    let error = attempt(&["ca.crt"], wrong, "oci", "none").expect_err("wrong password");
    assert!(error.to_string().contains("not accepted"), "{error}");
    assert!(!format!("{error:?}").contains("wr0ng"));
    let error = attempt(&["ca.crt"], logged_in(), "none", "none").expect_err("no such image");
    assert!(matches!(error, SourceError::NotFound { .. }), "{error}");
}
