//! Credentials for registries: where they are kept, and the challenges they answer.
//!
//! In this order: the ones given by the caller (`GABION_REGISTRY_USER` and the like), podman's `auth.json`,
//! Docker's `config.json`, each with its credential helpers. They are looked up only when a registry asks,
//! and go only to that registry and the token service it names.

use super::printable;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// A password or token. It prints as stars.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps it.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for the header of a request.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What proves who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing.
    Anonymous,
    /// A user and a password.
    Basic {
        /// The user.
        user: String,
        /// The password, or a token that stands for it.
        password: Secret,
    },
    /// A refresh token, exchanged for an access token.
    Identity(Secret),
    /// An access token, used as it is.
    Token(Secret),
}

/// Where credentials are found.
#[derive(Clone, Debug, Default)]
pub struct Keychain {
    /// Those that the caller gives, for the registry of the image (not for its mirrors).
    pub given: Option<Credentials>,
    /// Files in the form of Docker's `config.json`, in order of preference. A missing one is no error.
    pub files: Vec<PathBuf>,
}

impl Keychain {
    /// What the environment gives: `GABION_REGISTRY_TOKEN`, or `GABION_REGISTRY_USER` with
    /// `GABION_REGISTRY_PASSWORD`; and the files that podman and Docker use.
    pub fn from_env(env: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let text = |name| env(name).and_then(|value| value.into_string().ok()).filter(|v| !v.is_empty());
        let directory = |name| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let given = match (text("GABION_REGISTRY_TOKEN"), text("GABION_REGISTRY_USER")) {
            (Some(token), _) => Some(Credentials::Token(Secret(token))),
            (None, Some(user)) => Some(Credentials::Basic {
                user,
                password: Secret(text("GABION_REGISTRY_PASSWORD").unwrap_or_default()),
            }),
            (None, None) => None,
        };
        let home = directory("HOME");
        let podman = directory("REGISTRY_AUTH_FILE").map_or_else(
            || {
                let run = directory("XDG_RUNTIME_DIR").map(|d| d.join("containers/auth.json"));
                let own = home.as_ref().map(|d| d.join(".config/containers/auth.json"));
                run.into_iter().chain(own).collect()
            },
            |file| vec![file],
        );
        let docker = directory("DOCKER_CONFIG").or_else(|| home.map(|d| d.join(".docker")));
        Self { given, files: podman.into_iter().chain(docker.map(|d| d.join("config.json"))).collect() }
    }

    /// Credentials for one repository, or why they cannot be had. May run a credential helper.
    pub(super) fn find(&self, host: &str, repository: &str) -> Result<Credentials, String> {
        for path in &self.files {
            let bytes = match fs::read(path) {
                Ok(bytes) => bytes,
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => return Err(format!("{} cannot be read: {e}", path.display())),
            };
            if let Some(credentials) = find_in(path, &bytes, host, repository)? {
                return Ok(credentials);
            }
        }
        Ok(Credentials::Anonymous)
    }
}

/// What one file says about a repository.
fn find_in(path: &Path, bytes: &[u8], host: &str, repository: &str) -> Result<Option<Credentials>, String> {
    #[derive(serde::Deserialize)]
    struct File {
        #[serde(default)]
        auths: serde_json::Map<String, serde_json::Value>,
    }
    // The message of the JSON error is left out: it may quote the file.
    let file: File =
        serde_json::from_slice(bytes).map_err(|_| format!("{} is not valid JSON", path.display()))?;
    let keys = keys(host, repository);
    let key = keys
        .iter()
        .find(|key| file.auths.contains_key(key.as_str()))
        .or(keys.last())
        .map_or(host, String::as_str);
    match docker_credential::get_credential_from_reader(bytes, key) {
        Ok(DockerCredential::IdentityToken(token)) if !token.is_empty() => {
            Ok(Some(Credentials::Identity(Secret(token))))
        }
        Ok(DockerCredential::UsernamePassword(user, password)) if !user.is_empty() => {
            Ok(Some(Credentials::Basic { user, password: Secret(password) }))
        }
        Ok(_) | Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
        // The protocol of helpers has no code for "none kept"; this is the text they agree on.
        Err(CredentialRetrievalError::HelperFailure { stdout, stderr, .. })
            if stdout.contains("credentials not found") || stderr.contains("credentials not found") =>
        {
            Ok(None)
        }
        Err(CredentialRetrievalError::HelperFailure { helper, .. }) => {
            Err(format!("{} of {} failed", printable(&helper), path.display()))
        }
        Err(CredentialRetrievalError::HelperCommunicationError) => {
            Err(format!("the credential helper of {} cannot be run", path.display()))
        }
        Err(CredentialRetrievalError::MalformedHelperResponse) => {
            Err(format!("the credential helper of {} answers nonsense", path.display()))
        }
        Err(_) => Err(format!("the entry for {key} in {} cannot be read", path.display())),
    }
}

/// Under which keys credentials may be kept, the most specific first: podman keeps them for namespaces,
/// too. The last one is what `docker login` uses.
fn keys(host: &str, repository: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut name = format!("{host}/{repository}");
    while name.len() > host.len() {
        keys.push(name.clone());
        name.truncate(name.rfind('/').unwrap_or(0));
    }
    keys.push(host.to_owned());
    if host == "docker.io" {
        keys.push("index.docker.io".to_owned());
        keys.push("https://index.docker.io/v1/".to_owned());
    } else {
        keys.push(format!("https://{host}"));
        keys.push(host.to_owned());
    }
    keys
}

/// How a registry wants to be convinced (RFC 9110 section 11.6.1, and the distribution project's token
/// specification).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Credentials with each request.
    Basic,
    /// A token from `realm`.
    Bearer {
        /// URL of the token service.
        realm: String,
        /// Name of the registry at that service.
        service: Option<String>,
        /// What the token must allow.
        scope: Option<String>,
    },
}

impl Challenge {
    /// The best of the challenges of one or more `WWW-Authenticate` headers.
    pub(super) fn parse<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut basic = None;
        for header in headers {
            for (scheme, mut parameters) in challenges(header) {
                if scheme.eq_ignore_ascii_case("bearer") {
                    if let Some(realm) = parameters.remove("realm") {
                        return Some(Self::Bearer {
                            realm,
                            service: parameters.remove("service"),
                            scope: parameters.remove("scope"),
                        });
                    }
                } else if scheme.eq_ignore_ascii_case("basic") {
                    basic = Some(Self::Basic);
                }
            }
        }
        basic
    }
}

/// Splits `Scheme name=value, name="va\"lue", Scheme2 ...`.
fn challenges(header: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut found: Vec<(String, BTreeMap<String, String>)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() && after.is_empty() {
            return found;
        }
        let Some(value) = after.trim_start_matches([' ', '\t']).strip_prefix('=') else {
            found.push((word.to_owned(), BTreeMap::new()));
            rest = after;
            continue;
        };
        let (value, after) = value_of(value.trim_start_matches([' ', '\t']));
        if let Some((_, parameters)) = found.last_mut() {
            parameters.entry(word.to_ascii_lowercase()).or_insert(value);
        }
        rest = after;
    }
}

/// A token or a quoted string, and what follows it.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::PermissionsExt;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        }
    }

    #[test]
    fn challenges_are_read_and_bearer_is_preferred() {
        for (headers, expected) in [
            (vec!["Basic realm=\"x\""], Some(Challenge::Basic)),
            (
                vec![
                    r#"Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push""#,
                ],
                Some(bearer("https://auth.example/token", Some("reg"), Some("repository:a/b:pull,push"))),
            ),
            (
                vec![r#"basic realm="a, b", BEARER Realm = "u\"v" , service=s"#],
                Some(bearer("u\"v", Some("s"), None)),
            ),
            (vec!["Negotiate", "Bearer realm=r"], Some(bearer("r", None, None))),
            (vec!["Bearer"], None),
            (vec!["", "=", ",,", "\"", "realm=\"x"], None),
        ] {
            assert_eq!(Challenge::parse(headers.iter().copied()), expected, "{headers:?}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_challenges_never_panic(header in "\\PC{0,80}|(Bearer |Basic |realm=|\"|,|\\\\|é| ){0,20}") {
            let _ = Challenge::parse(std::iter::once(header.as_str()));
        }
    }

    #[test]
    fn nothing_prints_a_secret() {
        let keychain = Keychain {
            given: Some(Credentials::Basic { user: "ann".to_owned(), password: Secret::new("hunter2") }),
            files: Vec::new(),
        };
        let text = format!("{keychain:?} {}", Secret::new("hunter2"));
        assert!(!text.contains("hunter2") && text.contains("***"), "{text}");
    }

    #[test]
    fn the_environment_names_credentials_and_files() {
        let env = |pairs: &'static [(&str, &str)]| {
            Keychain::from_env(&move |name| {
                let (_, value) = pairs.iter().find(|(n, _)| *n == name)?;
                Some(OsString::from(value))
            })
        };
        let plain = env(&[("HOME", "/h"), ("XDG_RUNTIME_DIR", "/run/u")]);
        assert_eq!(plain.given, None);
        assert_eq!(
            plain.files,
            ["/run/u/containers/auth.json", "/h/.config/containers/auth.json", "/h/.docker/config.json"]
                .map(PathBuf::from)
        );
        let set = env(&[
            ("HOME", "/h"),
            ("REGISTRY_AUTH_FILE", "/a.json"),
            ("DOCKER_CONFIG", "/d"),
            ("GABION_REGISTRY_USER", "u"),
            ("GABION_REGISTRY_PASSWORD", "p"),
        ]);
        assert_eq!(set.files, ["/a.json", "/d/config.json"].map(PathBuf::from));
        let expected = Credentials::Basic { user: "u".to_owned(), password: Secret::new("p") };
        assert_eq!(set.given, Some(expected));
    }

    /// What `{"auths": ...}` in a file says about a repository.
    fn look(json: &str, host: &str, repository: &str) -> Result<Credentials, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("config.json");
        fs::write(&path, json).expect("writes");
        let keychain = Keychain { given: None, files: vec![directory.path().join("missing.json"), path] };
        keychain.find(host, repository)
    }

    fn user(result: Result<Credentials, String>) -> String {
        match result.expect("found") {
            Credentials::Basic { user, password } => format!("{user}:{}", password.expose()),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn files_are_searched_from_the_namespace_to_the_host() {
        // "u:p", "n:q" and "d:r" in base64.
        let json = r#"{"auths":{"reg.example":{"auth":"dTpw"},"reg.example/team":{"auth":"bjpx"},
            "https://index.docker.io/v1/":{"auth":"ZDpy"},"tok.example":{"auth":"dTpw","identitytoken":"T"}}}"#;
        assert_eq!(user(look(json, "reg.example", "other/app")), "u:p");
        assert_eq!(user(look(json, "reg.example", "team/app")), "n:q");
        assert_eq!(user(look(json, "docker.io", "library/alpine")), "d:r");
        assert_eq!(user(look(json, "none.example", "app")), "Anonymous");
        assert_eq!(look(json, "tok.example", "app"), Ok(Credentials::Identity(Secret::new("T"))));
        let error = look("{secret", "reg.example", "app").expect_err("broken");
        assert!(error.ends_with("is not valid JSON"), "{error}");
    }

    /// Helpers are found by `PATH`, which a test may not change for its process: so it starts itself again.
    #[test]
    fn a_credential_helper_is_asked_and_what_it_says_is_not_repeated() {
        const NAME: &str =
            "source::auth::tests::a_credential_helper_is_asked_and_what_it_says_is_not_repeated";
        if std::env::var_os("GABION_TEST_HELPERS").is_some() {
            let ask = |name| {
                look(&format!(r#"{{"credHelpers":{{"reg.example":"{name}"}}}}"#), "reg.example", "app")
            };
            assert_eq!(user(ask("good")), "ann:s3cret reg.example");
            assert_eq!(ask("none"), Ok(Credentials::Anonymous));
            let errors = ["bad", "odd", "missing"].map(|name| ask(name).expect_err(name));
            assert!(errors[0].contains("docker-credential-bad of "), "{errors:?}");
            assert!(errors[1].contains("answers nonsense"), "{errors:?}");
            assert!(errors[2].contains("cannot be run"), "{errors:?}");
            assert!(!errors.concat().contains("s3cret"), "{errors:?}");
            return;
        }
        let directory = tempfile::tempdir().expect("a directory");
        for (name, script) in [
            ("good", r#"echo "{\"ServerURL\":\"x\",\"Username\":\"ann\",\"Secret\":\"s3cret $(cat)\"}""#),
            ("none", "cat >/dev/null; echo credentials not found in native keychain; exit 1"),
            ("bad", "cat >/dev/null; echo s3cret; exit 1"),
            ("odd", "cat >/dev/null; echo s3cret"),
        ] {
            let path = directory.path().join(format!("docker-credential-{name}"));
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("writes");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let output = std::process::Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", NAME, "--nocapture"])
            .env("GABION_TEST_HELPERS", "1")
            .env("PATH", format!("{}:{path}", directory.path().display()))
            .output()
            .expect("runs");
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }
}
