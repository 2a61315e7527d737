//! What the image's configuration says of how it runs.

use super::{Report, Rule, at, quote};
use crate::manifest::Config;
use gabion_model::{Evidence, Severity};
use jiff::{Timestamp, Unit, civil::date, tz::TimeZone};

const ROOT_USER: Rule = Rule {
    id: "CIS-DI-4.1",
    title: "The image runs as root",
    severity: Severity::Medium,
    fix: "Add `USER 10001:10001` after the last instruction that needs root; make what it must write its own with \
          `COPY --chown=10001:10001`.",
};

const OLD: Rule = Rule {
    id: "CIS-DI-4.4",
    title: "The image was built more than 90 days ago",
    severity: Severity::Low,
    fix: "Rebuild it on the current base image to take in security updates: `docker build --pull --no-cache .`.",
};

const NO_HEALTH_CHECK: Rule = Rule {
    id: "CIS-DI-4.6",
    title: "The image has no health check",
    severity: Severity::Low,
    fix: "Add `HEALTHCHECK --interval=30s CMD [\"/app\", \"--health\"]`; under Kubernetes, which ignores it, define \
          a `livenessProbe`.",
};

const SECRET_NAMES: Rule = Rule {
    id: "CIS-DI-4.10",
    title: "A variable of the image is named like a secret",
    severity: Severity::Medium,
    fix: "Leave it out of `ENV` and `ARG`, and give it when it is needed: `docker run --env-file FILE` at run time, \
          `RUN --mount=type=secret,id=NAME` in a build.",
};

const LATEST: Rule = Rule {
    id: "GABION-IMG-001",
    title: "The image goes by the tag latest",
    severity: Severity::Low,
    fix: "Give it a tag that is never moved, and use it by digest: `docker build -t NAME:1.4.2 .`, \
          `FROM NAME:1.4.2@sha256:DIGEST`.",
};

const MANY_LAYERS: Rule = Rule {
    id: "GABION-IMG-014",
    title: "The image has many layers",
    severity: Severity::Info,
    fix: "Join steps that belong together: `RUN a && b`; an overlay file system takes no more than 127 layers.",
};

const ADMIN_PORT: Rule = Rule {
    id: "GABION-IMG-015",
    title: "The image exposes a port for administration",
    severity: Severity::Medium,
    fix: "Remove the `EXPOSE` line, and use `docker exec` or `kubectl exec` to look inside.",
};

const RELATIVE_WORKDIR: Rule = Rule {
    id: "GABION-IMG-016",
    title: "The working directory is relative",
    severity: Severity::Low,
    fix: "Write it from the root, so that it means the same wherever it stands: `WORKDIR /app`.",
};

const SENSITIVE_VOLUME: Rule = Rule {
    id: "GABION-IMG-017",
    title: "A volume covers a directory of the system",
    severity: Severity::Medium,
    fix: "Keep data in a directory of its own: `VOLUME /var/lib/NAME`.",
};

const SEARCH_PATH: Rule = Rule {
    id: "GABION-IMG-023",
    title: "Programs are looked for where anyone may put them",
    severity: Severity::Medium,
    fix: "Keep `PATH` to directories that only root can write: \
          `ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`.",
};

const TLS_OFF: Rule = Rule {
    id: "GABION-IMG-024",
    title: "The environment turns off the verification of certificates",
    severity: Severity::High,
    fix: "Remove the `ENV` line; if a private authority signs, add its certificate: \
          `COPY ca.crt /usr/local/share/ca-certificates/` and `RUN update-ca-certificates`.",
};

pub(super) const RULES: &[&Rule] = &[
    &ROOT_USER,
    &OLD,
    &NO_HEALTH_CHECK,
    &SECRET_NAMES,
    &LATEST,
    &MANY_LAYERS,
    &ADMIN_PORT,
    &RELATIVE_WORKDIR,
    &SENSITIVE_VOLUME,
    &SEARCH_PATH,
    &TLS_OFF,
];

/// What the benchmark's wish for recent images is measured by.
const OLD_AFTER_DAYS: i32 = 90;
/// An overlay file system takes 127 layers.
const MANY: usize = 100;

pub(super) fn check(report: &mut Report<'_>) {
    let latest = report.input.tags.iter().filter(|name| is_latest(name));
    let latest = latest.map(|name| at(format!("tag:{}", quote(name)), "names another image tomorrow"));
    report.add(&LATEST, latest.collect());
    let Some(config) = report.input.config else {
        return;
    };
    // Accounts and paths of Windows images follow other rules.
    if !config.platform.starts_with("windows/") {
        report.add(&ROOT_USER, root_user(report, &config.summary.user).into_iter().collect());
        report.add(&RELATIVE_WORKDIR, relative_workdir(&config.summary.working_dir));
    }
    report.add(&OLD, age(config, report.input.now).into_iter().collect());
    if !config.summary.healthcheck {
        report.add(&NO_HEALTH_CHECK, vec![at("config:Healthcheck", "none is defined")]);
    }
    report.add(&SECRET_NAMES, secret_names(report, config));
    if config.diff_ids.len() > MANY {
        let detail = format!("{} layers", config.diff_ids.len());
        report.add(&MANY_LAYERS, vec![at("config:rootfs", detail)]);
    }
    let ports = config.summary.exposed_ports.iter().filter_map(|port| {
        let service = match port.split('/').next()? {
            "22" | "2222" => "ssh",
            "23" => "telnet",
            "2375" | "2376" => "the Docker API",
            "3389" => "remote desktop",
            "5900" => "vnc",
            _ => return None,
        };
        Some(at("config:ExposedPorts", format!("{}: {service}", quote(port))))
    });
    report.add(&ADMIN_PORT, ports.collect());
    let volumes = config.summary.volumes.iter().filter(|path| is_system(path));
    let volumes = volumes.map(|path| at("config:Volumes", quote(path)));
    report.add(&SENSITIVE_VOLUME, volumes.collect());
    report.add(&SEARCH_PATH, search_path(config));
    report.add(&TLS_OFF, tls_off(config));
}

/// `latest`, `nginx:latest`, `host:5000/nginx`; not `nginx:1.27`, and nothing with a digest. A single word is a
/// tag: an OCI layout names its images so, and daemons write names with their tags.
fn is_latest(name: &str) -> bool {
    if name.contains('@') || name.is_empty() {
        return false;
    }
    let last = name.rsplit('/').next().unwrap_or(name);
    match last.split_once(':') {
        Some((_, tag)) => tag == "latest",
        None => name == "latest" || name.contains('/'),
    }
}

/// `User` is `name` or `id`, each with or without `:group`.
fn root_user(report: &Report<'_>, user: &str) -> Option<Evidence> {
    let name = user.split(':').next().unwrap_or_default().trim();
    let is_zero = |name: &str| {
        // An account of that name wins over a number.
        let accounts = report.input.accounts.iter().flat_map(|(_, list)| list);
        match accounts.filter(|a| a.name == name).find_map(|a| a.uid) {
            Some(uid) => uid == 0,
            None => name == "root" || name.parse() == Ok(0u32),
        }
    };
    let detail = match name {
        "" => "no user is set, so it is root".to_owned(),
        name if is_zero(name) => format!("{:?} is root", quote(user)),
        _ => return None,
    };
    Some(at("config:User", detail))
}

fn relative_workdir(directory: &str) -> Vec<Evidence> {
    if directory.is_empty() || directory.starts_with('/') {
        return Vec::new();
    }
    vec![at("config:WorkingDir", quote(directory))]
}

fn age(config: &Config, now: Timestamp) -> Option<Evidence> {
    let made = config.summary.created?;
    let day = made.to_zoned(TimeZone::UTC).date();
    // Before the first Docker: the date of a reproducible build, which tells no age.
    if day < date(2013, 3, 1) {
        return None;
    }
    let today = now.to_zoned(TimeZone::UTC).date();
    let days = day.until((Unit::Day, today)).ok()?.get_days();
    (days > OLD_AFTER_DAYS)
        .then(|| at("config:created", format!("built on {day}, {days} days before this scan")))
}

/// Variables of the image, and build arguments that the history keeps.
fn secret_names(report: &Report<'_>, config: &Config) -> Vec<Evidence> {
    let holds_secret = |name: &str, value: &str| !value.is_empty() && is_secret_name(name);
    let variables = config
        .env
        .iter()
        .filter(|(name, value)| holds_secret(name, value))
        .map(|(name, _)| at(format!("env:{}", quote(name)), "set in the environment"));
    let arguments = super::step::steps(config).flat_map(|step| {
        let named = step.arguments.iter().filter_map(|word| {
            let (name, value) = word.split_once('=')?;
            holds_secret(name, value)
                .then(|| report.at_step(step.index, format!("build argument {}", quote(name))))
        });
        named.collect::<Vec<_>>()
    });
    variables.chain(arguments).collect()
}

/// Whether a variable of this name is likely to hold a secret. Judged by its words, so that neither
/// `TOKENIZERS_PARALLELISM` nor `GPG_KEY` (a public one, in the images of Python) counts.
pub(super) fn is_secret_name(name: &str) -> bool {
    /// What a name ends with that holds something about a secret, not the secret.
    const ABOUT: &[&str] = &[
        "FILE",
        "PATH",
        "DIR",
        "NAME",
        "ID",
        "URL",
        "URI",
        "HOST",
        "TYPE",
        "LENGTH",
        "TTL",
        "EXPIRY",
        "ENABLED",
        "VERSION",
        "REGION",
        "ALGORITHM",
        "PREFIX",
        "HEADER",
        "ISSUER",
    ];
    const SECRET: &[&str] = &[
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "PASS",
        "PWD",
        "SECRET",
        "SECRETS",
        "TOKEN",
        "CREDENTIAL",
        "CREDENTIALS",
        "APIKEY",
    ];
    const KEY_OF: &[&str] = &[
        "API",
        "ACCESS",
        "PRIVATE",
        "SECRET",
        "AUTH",
        "ENCRYPTION",
        "SIGNING",
        "MASTER",
        "SSH",
        "DEPLOY",
        "LICENSE",
    ];
    let upper = name.to_ascii_uppercase();
    let words: Vec<_> = upper.split(['_', '-', '.']).filter(|word| !word.is_empty()).collect();
    if words.last().is_none_or(|last| ABOUT.contains(last)) || upper == "PWD" || upper == "OLDPWD" {
        return false;
    }
    if words.iter().any(|word| matches!(*word, "PUBLIC" | "ALLOW" | "NO" | "DISABLE" | "REQUIRE")) {
        return false;
    }
    words.iter().any(|word| SECRET.contains(word) || word.ends_with("PASSWORD"))
        || words.windows(2).any(|pair| matches!(pair[1], "KEY" | "KEYS") && KEY_OF.contains(&pair[0]))
}

fn is_system(path: &str) -> bool {
    const SYSTEM: &[&str] = &[
        "",
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/lib",
        "/lib64",
        "/proc",
        "/root",
        "/run",
        "/sbin",
        "/sys",
        "/usr",
        "/var",
        "/var/run",
        "/var/lib/docker",
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/run/containerd/containerd.sock",
    ];
    path.starts_with('/') && SYSTEM.contains(&path.trim_end_matches('/'))
}

fn search_path(config: &Config) -> Vec<Evidence> {
    let open = |entry: &str| {
        let detail = match entry.trim_end_matches('/') {
            "" if entry.is_empty() => "an empty entry: the working directory".to_owned(),
            "/tmp" | "/var/tmp" | "/dev/shm" => format!("{entry}: everyone may write there"),
            path if !path.starts_with(['/', '$']) && !entry.starts_with('/') => {
                format!("{}: relative to the working directory", quote(path))
            }
            _ => return None,
        };
        Some(at("env:PATH", detail))
    };
    let paths = config.env.iter().filter(|(name, value)| name == "PATH" && !value.is_empty());
    // Windows separates by semicolons.
    paths
        .filter(|(_, value)| !value.contains(';'))
        .flat_map(|(_, value)| value.split(':').filter_map(open))
        .collect()
}

fn tls_off(config: &Config) -> Vec<Evidence> {
    let off = |name: &str, value: &str| match name {
        "NODE_TLS_REJECT_UNAUTHORIZED" | "PYTHONHTTPSVERIFY" => value == "0",
        "GIT_SSL_NO_VERIFY" => !matches!(value, "" | "0" | "false"),
        "NPM_CONFIG_STRICT_SSL" | "npm_config_strict_ssl" => value == "false",
        _ => false,
    };
    config
        .env
        .iter()
        .filter(|(name, value)| off(name, value))
        .map(|(name, value)| at(format!("env:{name}"), format!("set to {}", quote(value))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_names_about_them() {
        for name in [
            "DB_PASSWORD",
            "PGPASSWORD",
            "github_token",
            "AWS_SECRET_ACCESS_KEY",
            "API_KEY",
            "app.secret",
            "MYSQL_PWD",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "PWD",
            "GPG_KEY",
            "TOKENIZERS_PARALLELISM",
            "AWS_ACCESS_KEY_ID",
            "POSTGRES_PASSWORD_FILE",
            "KEYBOARD",
            "MYSQL_ALLOW_EMPTY_PASSWORD",
            "SSH_PUBLIC_KEY",
            "BYPASS",
            "",
            "_",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn a_port_of_a_registry_is_no_tag() {
        for (name, latest) in [
            ("1.27", false),
            ("latest", true),
            ("host:5000/nginx", true),
            ("host:5000/nginx:latest", true),
            ("nginx:1.27", false),
            ("nginx@sha256:00", false),
            ("", false),
        ] {
            assert_eq!(is_latest(name), latest, "{name}");
        }
    }
}
