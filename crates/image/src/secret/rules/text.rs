//! Passwords in the places where people put them: URLs, dot files, command lines, assignments.

use super::{
    super::{
        checks::{self, Candidate},
        names,
    },
    Rule,
};
use gabion_model::Severity::{High, Low, Medium};
use memchr::memmem;

const MOVE: &str =
    "Change it, and pass the new one at run time: an orchestrator's secret, or a file that is mounted.";

/// Hosts of documentation and of a developer's own machine.
const PRACTICE: [&[u8]; 9] =
    [b"localhost", b"127.0.0.1", b"[::1]", b"0.0.0.0", b"host", b"hostname", b"server", b"proxy", b"ip"];

/// A URL whose password somebody meant: no placeholder, not the user's name again, not for a host of examples.
fn is_url_password(candidate: &Candidate<'_>) -> bool {
    let secret = candidate.secret();
    let rest = candidate.text.get(candidate.secret.end + 1..).unwrap_or_default();
    let host_end =
        rest.iter().position(|byte| b"/:?#, \t\r\n\"'`<>)]}\\;".contains(byte)).unwrap_or(rest.len());
    let host = rest[..host_end].to_ascii_lowercase();
    let url = &candidate.text[candidate.keyword..candidate.secret.start];
    let user = url.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let user = &user[..user.len().saturating_sub(1)];
    let is_example = |name: &[u8]| memmem::find(name, b"example").is_some();
    !checks::is_weak(secret)
        && !user.eq_ignore_ascii_case(secret)
        && !checks::is_reference(user)
        && !PRACTICE.contains(&host.as_slice())
        && !is_example(&host)
        && !host.is_empty()
        && !host.ends_with(b".test")
        && !host.ends_with(b".invalid")
        && host.iter().all(|byte| byte.is_ascii_alphanumeric() || b".-_[]".contains(byte))
        && !matches!(
            secret.to_ascii_lowercase().as_slice(),
            b"pwd"
                | b"pw"
                | b"passw0rd"
                | b"pass123"
                | b"mypass"
                | b"mypassword"
                | b"userpass"
                | b"user-pass"
        )
}

/// A URL over plain text protocols of the web is as often documentation as not: its host must have a dot, its password
/// must not be a mere word.
fn is_web_password(candidate: &Candidate<'_>) -> bool {
    let rest = candidate.text.get(candidate.secret.end + 1..).unwrap_or_default();
    let host = rest.split(|byte| b"/: \t\r\n\"'".contains(byte)).next().unwrap_or_default();
    host.contains(&b'.') && candidate.secret().iter().any(u8::is_ascii_digit) && is_url_password(candidate)
}

fn is_not_weak(candidate: &Candidate<'_>) -> bool {
    !checks::is_weak(candidate.secret())
}

/// In a file of another name it must look like a password, and not like prose about `.netrc`.
fn is_netrc(candidate: &Candidate<'_>) -> bool {
    let is_named = candidate.file_name().ends_with(b"netrc");
    is_not_weak(candidate) && (is_named || checks::is_mixed(candidate.secret()))
}

/// The template that Maven ships says `repopwd` and the like; a password that anybody would set has a digit.
fn is_maven_password(candidate: &Candidate<'_>) -> bool {
    is_not_weak(candidate) && candidate.secret().iter().any(u8::is_ascii_digit)
}

/// `Authorization: Bearer x`: not a word, not a reference.
fn is_bearer(candidate: &Candidate<'_>) -> bool {
    is_not_weak(candidate)
        && checks::is_mixed(candidate.secret())
        && checks::entropy(candidate.secret()) >= 3.5
}

/// A value that looks drawn at random: letters and digits mixed, and no id, path, number, sequence, or piece of code.
fn is_random(value: &[u8]) -> bool {
    checks::is_mixed(value)
        && !checks::is_reference(value)
        && !checks::is_uuid(value)
        && !checks::is_sequence(value)
        && !checks::is_identifier(value)
        && memchr::memchr_iter(b'.', value).count() < 3
        && value.iter().filter(|byte| b"_-/ ".contains(byte)).count() * 5 < value.len().max(1)
}

/// Where a guess by name and value is wrong more often than right: what documents an interface, as the 400 files
/// `examples-1.json` of botocore do, and the data of tests. A credential of a known form is told there, too.
fn is_documentation(candidate: &Candidate<'_>) -> bool {
    let name = candidate.file_name();
    let is_text = [&b".json"[..], b".rst", b".md"].iter().any(|end| name.ends_with(end));
    candidate
        .path()
        .split(|byte| *byte == b'/')
        .any(|part| part == b"testdata" || (is_text && part == b"examples"))
        || (name.starts_with(b"examples-") && name.ends_with(b".json"))
}

fn is_generic_key(candidate: &Candidate<'_>) -> bool {
    let secret = candidate.secret();
    let threshold = if secret.iter().all(u8::is_ascii_hexdigit) { 3.2 } else { 3.7 };
    is_random(secret)
        && names::is_of_secret(candidate)
        && checks::entropy(secret) >= threshold
        && !is_documentation(candidate)
}

/// A password that is quoted in code: not the name of a field or a message, so something of three kinds of characters.
fn is_generic_password(candidate: &Candidate<'_>) -> bool {
    let secret = candidate.secret();
    let has = |is: fn(&u8) -> bool| usize::from(secret.iter().any(is));
    let kinds = has(u8::is_ascii_lowercase)
        + has(u8::is_ascii_uppercase)
        + has(u8::is_ascii_digit)
        + has(u8::is_ascii_punctuation);
    kinds >= 3
        && has(u8::is_ascii_digit) == 1
        && !secret.contains(&b' ')
        && !checks::is_weak(secret)
        && !checks::is_uuid(secret)
        && names::is_of_secret(candidate)
        && checks::entropy(secret) >= 2.8
        && !is_documentation(candidate)
}

/// Files whose lines are `key = value` without quotes.
const CONFIGURATION: &[&str] = &[
    ".env",
    ".ini",
    ".cnf",
    ".conf",
    ".cfg",
    ".properties",
    ".toml",
    ".yml",
    ".yaml",
    "credentials",
    ".secret",
];

/// An unquoted value in a configuration file, on a line that is no comment.
fn is_configured_password(candidate: &Candidate<'_>) -> bool {
    let secret = candidate.secret();
    !candidate.before().trim_ascii_start().starts_with(b"#")
        && !candidate.before().trim_ascii_start().starts_with(b";")
        && candidate.before().iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-. \t\"'".contains(byte))
        && names::is_of_secret(candidate)
        && !checks::is_weak(secret)
        && !checks::is_uuid(secret)
        && secret.iter().any(u8::is_ascii_digit)
        && secret.iter().any(u8::is_ascii_alphabetic)
        && checks::entropy(secret) >= 2.5
}

/// `NAME=value` in a shell or `.env` file.
fn is_environment_file(candidate: &Candidate<'_>) -> bool {
    let before = candidate.before().trim_ascii_start();
    let before = before.strip_prefix(b"export ").or_else(|| before.strip_prefix(b"ENV ")).unwrap_or(before);
    let secret = candidate.secret();
    before.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
        && names::is_of_secret(candidate)
        && !checks::is_weak(secret)
        && !checks::is_uuid(secret)
        && secret.iter().any(u8::is_ascii_digit)
        && secret.iter().any(u8::is_ascii_alphabetic)
        && checks::entropy(secret) >= 2.8
}

/// The whole of an environment variable whose name says what it is.
fn is_environment_value(candidate: &Candidate<'_>) -> bool {
    memchr::memchr(b'=', candidate.text).is_some_and(|at| at + 1 == candidate.secret.start)
        && names::is_of_secret(candidate)
        && !checks::is_weak(candidate.secret())
        && !candidate.secret().iter().all(u8::is_ascii_digit)
}

/// Words for secrets in lower-case and mixed names, as one alternation.
macro_rules! secret_names {
    () => {
        r"(?:secret|token|api[_-]?key|access[_-]?key|auth[_-]?key|encryption[_-]?key|signing[_-]?key|credential)"
    };
}

#[rustfmt::skip] // a table: three or four lines a rule
pub(super) const RULES: &[Rule] = &[
    Rule::new("database-url-password", "Password in a database or broker URL", High,
        &["postgres://", "postgresql://", "mysql://", "mariadb://", "mongodb://", "mongodb+srv://", "redis://", "rediss://", "amqp://", "amqps://",
          "mssql://", "sqlserver://", "clickhouse://", "cassandra://", "couchdb://", "nats://", "kafka://", "mqtt://", "mqtts://", "postgresql+psycopg", "mysql+pymysql"],
        r#"[a-z+0-9]{4,24}://[^\s:/@"'`<>\\]*:([^\s/@"'`<>\\]+)@"#,
        "postgres://app:{14 alnum}@db.internal:5432/app", "postgres://app:password@localhost/app")
        .when(is_url_password).reach(400).fix(MOVE),
    Rule::new("file-url-password", "Password in a file or mail server URL", High,
        &["ftp://", "sftp://", "ssh://", "smtp://", "smtps://", "ldap://", "ldaps://", "smb://", "imap://", "imaps://", "svn://"],
        r#"[a-z]{3,5}://[^\s:/@"'`<>\\]+:([^\s/@"'`<>\\]+)@"#,
        "ftp://deploy:{14 alnum}@files.internal/pub", "ftp://user:password@host/pub")
        .when(is_url_password).reach(400).fix(MOVE),
    Rule::new("web-url-password", "Password in a web URL", Medium,
        &["http://", "https://", "git+https://"],
        r#"(?:git\+)?https?://[^\s:/@?#"'`<>\\()]+:([^\s/@"'`<>\\()]{4,})@"#,
        "https://deploy:{14 alnum}@git.acme.io/app.git", "https://user:password@git.acme.io/app.git")
        .when(is_web_password).reach(400).fix(MOVE),
    Rule::new("netrc-password", "Password in a netrc file", High,
        &["machine ", "machine\t"], r"machine\s{1,8}[^\s]+\s{1,8}login\s{1,8}[^\s]+\s{1,8}password\s{1,8}([^\s]{4,})",
        "machine git.acme.io\n  login deploy\n  password {20 alnum}", "machine git.acme.io login deploy")
        .when(is_netrc).fix(MOVE),
    Rule::new("pgpass-password", "Password in a PostgreSQL password file", High,
        &[":5432:", ":*:", ":543"], r"[:0-9*]{3,7}[^:\s]{1,63}:[^:\s]{1,63}:([^\s:][^\r\n]{3,})",
        "db.internal:5432:app:app:{16 alnum}", "db.internal:5432:app")
        .when(is_not_weak).files(&["pgpass", "pgpass.conf"]).fix(MOVE),
    Rule::new("maven-settings-password", "Password in Maven settings", High,
        &["<password>", "<passphrase>"], r"<pass(?:word|phrase)>\s{0,8}([^<>\s]{4,})\s{0,8}</pass",
        "<server><id>acme</id><username>deploy</username><password>{16 alnum}</password></server>", "<server><password>${env.PASSWORD}</password></server>")
        .when(is_maven_password).files(&["settings.xml"]).fix(MOVE),
    Rule::new("pypirc-password", "Password in a Python package index configuration", High,
        &["username"], r"username[ \t]{0,4}[=:][ \t]{0,4}[^\r\n]+\r?\npassword[ \t]{0,4}[=:][ \t]{0,4}([^\s]{4,})",
        "[acme]\nrepository = https://pypi.acme.io\nusername = deploy\npassword = {20 alnum}", "username = deploy\npassword = ${PASSWORD}")
        .when(is_not_weak).files(&["pypirc"]).fix(MOVE),
    Rule::new("http-basic-auth", "HTTP basic authentication header", Medium,
        &["authorization"], r#"(?i)authorization["']?[ \t]{0,4}[:=,][ \t]{0,4}["']?basic[ \t]{1,4}([a-z0-9+/]{8,}={0,2})"#,
        "Authorization: Basic {basic}", "Authorization: Basic {20 alnum}")
        .when(checks::is_basic_auth).fix(MOVE),
    Rule::new("http-bearer-token", "HTTP bearer token", Medium,
        &["authorization"], r#"(?i)authorization["']?[ \t]{0,4}[:=,][ \t]{0,4}["']?(?:bearer|token)[ \t]{1,4}([a-z0-9+/=._~-]{20,})"#,
        "Authorization: Bearer {40 alnum}", "Authorization: Bearer ${TOKEN}")
        .when(is_bearer).fix(MOVE).generic(),
    Rule::new("curl-password", "Password on a curl command line", Medium,
        &["curl "], r#"curl [^\r\n|;]*?(?:-u|--user)[ =]["']?[^\s:"'$]+:([^\s"'$]{6,})"#,
        "curl -sSf -u deploy:{16 alnum} https://acme.io/x", "curl -u user:password https://acme.io/x")
        .when(is_not_weak).fix(MOVE),
    Rule::new("sshpass-password", "Password on an sshpass command line", High,
        &["sshpass"], r#"sshpass[ \t]{1,4}-p[ \t]{0,2}["']?([^\s"'$]{5,})"#, "sshpass -p {14 alnum} ssh host", "sshpass -p $PASS ssh host")
        .when(is_not_weak).fix(MOVE),
    Rule::new("docker-login-password", "Password on a registry login command line", High,
        &["docker login", "podman login", "helm registry login"],
        r#"(?:docker|podman|helm registry) login[^\r\n|;]*?(?:-p|--password)[ =]["']?([^\s"'$<]{6,})"#,
        "docker login -u deploy -p {20 alnum} registry.acme.io", "docker login -u deploy --password-stdin registry.acme.io")
        .when(is_not_weak).fix(MOVE),
    Rule::new("environment-credential", "Credential in an environment variable or label", Medium,
        &["password", "passwd", "passphrase", "pwd", "secret", "token", "api_key", "apikey", "access_key", "auth_key", "private_key", "credential", "encryption_key", "signing_key"],
        r"(?i)(?:passw(?:or)?d|passphrase|pwd|secret|token|api_?key|access_key|auth_key|private_key|credential|encryption_key|signing_key)[a-z0-9_.-]{0,40}=([^\r\n]{4,})",
        "POSTGRES_PASSWORD={10 alnum}", "POSTGRES_PASSWORD_FILE=/run/secrets/db")
        .when(is_environment_value).values_only().fix(MOVE).generic(),
    Rule::new("environment-file-credential", "Credential in an environment file", Medium,
        &["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "API_KEY", "APIKEY", "ACCESS_KEY", "MYSQL_PWD"],
        r#"(?:PASSW(?:OR)?D|PASSPHRASE|SECRET|TOKEN|API_?KEY|ACCESS_KEY|MYSQL_PWD)[A-Z0-9_]{0,24}=["']?([^\s"'`<>;|&(){}\[\]$\\]{8,})["']?(?:\r?\n|$)"#,
        "DB_PASSWORD={16 alnum}", "DB_PASSWORD=${DB_PASSWORD:-changeme}")
        .when(is_environment_file).fix(MOVE).generic(),
    Rule::new("configured-password", "Password in a configuration file", Medium,
        &["password", "passwd", "passphrase", "secret"],
        r#"(?i)(?:passw(?:or)?d|passphrase|secret)[a-z0-9_.-]{0,24}["']?[ \t]{0,16}[=:][ \t]{0,16}([^\s"'`<>|&(){}\[\]$\\,;#]{8,})[ \t]{0,8}(?:\r?\n|$)"#,
        "db.password = {14 alnum}", "db.password = ${DB_PASSWORD}")
        .when(is_configured_password).files(CONFIGURATION).fix(MOVE).generic(),
    Rule::new("generic-api-key", "Secret or key in an assignment", Medium,
        &["secret", "token", "api_key", "apikey", "api-key", "access_key", "accesskey", "access-key", "auth_key", "authkey", "encryption_key", "encryptionkey", "signing_key", "signingkey", "credential"],
        concat!("(?i)", secret_names!(), r#"[a-z0-9_.-]{0,24}["']?\]?[ \t]{0,8}(?:=>|:=|=|:)[ \t]{0,8}["'`]([a-z0-9+/=_.~-]{16,})["'`]"#),
        "client_secret = \"{40 alnum}\"", "client_secret = \"get_client_secret_from_vault\"")
        .when(is_generic_key).fix(MOVE).generic(),
    Rule::new("generic-password", "Password in an assignment", Low,
        &["password", "passwd", "passphrase"],
        r#"(?i)(?:passw(?:or)?d|passphrase)[a-z0-9_.-]{0,24}["']?\]?[ \t]{0,8}(?:=>|:=|=|:)[ \t]{0,8}(?:"([^"\r\n]{8,})"|'([^'\r\n]{8,})')"#,
        "password = \"{10 alnum}#7\"", "password = \"Enter your password\"")
        .when(is_generic_password).fix(MOVE).generic(),
];
