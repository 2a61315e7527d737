//! What the build steps did, as the history tells it.
//!
//! Builders write history in their own ways; these are the same steps:
//!
//! ```text
//!  docker    /bin/sh -c #(nop) COPY file:1a2b in /app      /bin/sh -c apt-get update
//!            |1 VERSION=3 /bin/sh -c make                  (build arguments first)
//!  buildkit  COPY app /app # buildkit                      RUN /bin/sh -c apt-get update # buildkit
//!            RUN |1 VERSION=3 /bin/sh -c make # buildkit
//! ```

use super::{
    MAX_EVIDENCE, Report, Rule, quote,
    shell::{self, Command},
};
use crate::manifest::Config;
use gabion_model::{Evidence, Severity};
use std::collections::BTreeMap;

const UPDATE_ALONE: Rule = Rule {
    id: "CIS-DI-4.7",
    title: "A build step updates package lists and installs nothing",
    severity: Severity::Low,
    fix: "The build cache keeps the lists, and later steps install what was current then. Do both in one step: \
          `RUN apt-get update && apt-get install -y --no-install-recommends NAME && rm -rf /var/lib/apt/lists/*`, \
          `RUN apk add --no-cache NAME`.",
};

const ADD: Rule = Rule {
    id: "CIS-DI-4.9",
    title: "ADD is used where COPY would do",
    severity: Severity::Low,
    fix: "Write `COPY SOURCE TARGET`, which neither downloads nor unpacks; for a download, \
          `ADD --checksum=sha256:DIGEST URL TARGET`.",
};

const UNSIGNED: Rule = Rule {
    id: "CIS-DI-4.11",
    title: "Packages are installed without verifying their signatures",
    severity: Severity::High,
    fix: "Remove the option, and add the key of the repository: `signed-by=/usr/share/keyrings/NAME.gpg` in \
          its source list, `rpm --import KEY`, a key in `/etc/apk/keys`.",
};

const PIPE_TO_SHELL: Rule = Rule {
    id: "GABION-IMG-018",
    title: "A build step runs what it downloads, unseen",
    severity: Severity::Medium,
    fix: "Download a fixed version, compare it, then run it: `ADD --checksum=sha256:DIGEST URL /tmp/install.sh` \
          and `RUN sh /tmp/install.sh`.",
};

const CHMOD: Rule = Rule {
    id: "GABION-IMG-019",
    title: "A build step lets everyone write to files",
    severity: Severity::Medium,
    fix: "Give the files to the user who needs them: `COPY --chown=10001:10001 --chmod=755 SOURCE TARGET`.",
};

const UPGRADE: Rule = Rule {
    id: "GABION-IMG-020",
    title: "A build step upgrades the whole system",
    severity: Severity::Low,
    fix: "Each build gives other packages, and the old ones stay in the layers below. Take a newer base image: \
          `FROM debian:12@sha256:DIGEST`, or name the packages to upgrade.",
};

const SUDO: Rule = Rule {
    id: "GABION-IMG-021",
    title: "A build step uses sudo",
    severity: Severity::Low,
    fix: "Write `USER root` before the step and `USER 10001` after it.",
};

const NO_TLS: Rule = Rule {
    id: "GABION-IMG-022",
    title: "A build step downloads without verifying who sends it",
    severity: Severity::Medium,
    fix: "Remove the option (`curl -k`, `wget --no-check-certificate`, `pip --trusted-host`); if a private authority signs, add \
          its certificate: `COPY ca.crt /usr/local/share/ca-certificates/` and `RUN update-ca-certificates`.",
};

const PASSWORD: Rule = Rule {
    id: "GABION-IMG-028",
    title: "A build step sets or removes a password",
    severity: Severity::High,
    fix: "Every container has this password, and the history may show it. Remove the step; `USER NAME` needs none.",
};

pub(super) const RULES: &[&Rule] = &[
    &UPDATE_ALONE,
    &ADD,
    &UNSIGNED,
    &PIPE_TO_SHELL,
    &CHMOD,
    &UPGRADE,
    &SUDO,
    &NO_TLS,
    &PASSWORD,
];

/// One line of the history.
pub(super) struct Step<'a> {
    /// Its place in the history, from 0.
    pub(super) index: usize,
    /// `NAME=value` of the build arguments it was given; values with blanks are cut there.
    pub(super) arguments: Vec<&'a str>,
    /// `RUN`, `ADD`, `COPY`, ...; empty for a line that is no Dockerfile's.
    instruction: &'a str,
    /// What follows; of `RUN` the script.
    text: &'a str,
}

/// The history of an image, step by step.
pub(super) fn steps(config: &Config) -> impl Iterator<Item = Step<'_>> {
    let lines = config.history.iter().enumerate();
    lines.map(|(index, line)| parse(index, &line.created_by))
}

fn parse(index: usize, line: &str) -> Step<'_> {
    let line = line.trim();
    let line = line.strip_suffix("# buildkit").unwrap_or(line).trim_end();
    let step = |instruction, text| Step {
        index,
        arguments: Vec::new(),
        instruction,
        text,
    };
    let run = |body| {
        let (arguments, text) = script(body);
        Step {
            arguments,
            ..step("RUN", text)
        }
    };
    let line = match line.split_once("#(nop)") {
        Some((shell, instruction)) if shell.ends_with(" -c ") => instruction.trim_start(),
        _ => line,
    };
    let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim_start();
    match first {
        "RUN" => run(rest),
        "ADD" | "COPY" | "ENV" | "CMD" | "ENTRYPOINT" | "USER" | "WORKDIR" | "EXPOSE" | "VOLUME"
        | "LABEL" => step(first, rest),
        "ARG" => Step {
            arguments: vec![rest],
            ..step(first, rest)
        },
        _ if first.starts_with('|')
            || (first.starts_with('/') && shell::is_shell(shell::base_name(first))) =>
        {
            run(line)
        }
        _ => step("", line),
    }
}

/// Parts `|2 A=b C=d /bin/sh -c SCRIPT` into the arguments and the script.
fn script(body: &str) -> (Vec<&str>, &str) {
    let mut arguments = Vec::new();
    let mut rest = body;
    if body.starts_with('|') {
        while let Some((word, tail)) = next_word(rest) {
            if word.starts_with('/') && shell::is_shell(shell::base_name(word)) {
                break;
            }
            if word.contains('=') {
                arguments.push(word);
            }
            rest = tail;
        }
    }
    // The longest prefix there is: `/bin/bash -e -u -x -o pipefail -c`.
    let mut words = Vec::new();
    let mut tails = Vec::new();
    let mut at = rest;
    while let Some((word, tail)) = next_word(at).filter(|_| words.len() < 10) {
        words.push(word);
        tails.push(at);
        at = tail;
    }
    let starts_shell = words
        .first()
        .is_some_and(|word| shell::is_shell(shell::base_name(word)));
    let script = shell::script_after_options(&words).filter(|_| starts_shell);
    let text = script.and_then(|at| tails.get(at).copied()).unwrap_or(rest);
    (arguments, text.trim())
}

fn next_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// What in the commands of a step breaks a rule.
type Test = fn(&[Command]) -> Vec<String>;

const TESTS: [(&Rule, Test); 8] = [
    (&UPDATE_ALONE, update_alone),
    (&UNSIGNED, unsigned),
    (&PIPE_TO_SHELL, pipe_to_shell),
    (&CHMOD, open_to_all),
    (&UPGRADE, upgrade),
    (&SUDO, sudo),
    (&NO_TLS, no_tls),
    (&PASSWORD, password),
];

pub(super) fn check(report: &mut Report<'_>) {
    let Some(config) = report.input.config else {
        return;
    };
    let mut found: BTreeMap<&str, Vec<Evidence>> = BTreeMap::new();
    for step in steps(config) {
        for (rule, detail) in step.breaks() {
            let evidence = report.at_step(step.index, detail);
            found.entry(rule.id).or_default().push(evidence);
        }
    }
    for rule in RULES {
        report.add(rule, found.remove(rule.id).unwrap_or_default());
    }
}

impl Step<'_> {
    /// The rules that this step breaks, and how.
    fn breaks(&self) -> Vec<(&'static Rule, String)> {
        let mut broken = Vec::new();
        if self.instruction == "RUN" {
            let commands = shell::commands(self.text);
            for (rule, test) in TESTS {
                let mut details = test(&commands);
                details.dedup();
                details.truncate(MAX_EVIDENCE);
                broken.extend(details.into_iter().map(|detail| (rule, detail)));
            }
        }
        if self.instruction == "ADD" {
            broken.extend(needless_add(self.text).map(|detail| (&ADD, detail)));
        }
        if matches!(self.instruction, "ADD" | "COPY") {
            let mut flags = self
                .text
                .split_whitespace()
                .take_while(|word| word.starts_with("--"));
            let mode = flags.find_map(|flag| flag.strip_prefix("--chmod="));
            if let Some(mode) = mode.filter(|mode| lets_all_write(mode)) {
                broken.push((&CHMOD, format!("{} --chmod={}", self.instruction, quote(mode))));
            }
        }
        broken
    }
}

/// What a package manager calls its actions.
struct Manager {
    programs: &'static [&'static str],
    refresh: &'static [&'static str],
    install: &'static [&'static str],
    upgrade: &'static [&'static str],
}

const MANAGERS: &[Manager] = &[
    Manager {
        programs: &["apt-get", "apt", "aptitude"],
        refresh: &["update"],
        install: &[
            "install",
            "build-dep",
            "satisfy",
            "source",
            "reinstall",
            "download",
        ],
        upgrade: &["upgrade", "dist-upgrade", "full-upgrade", "safe-upgrade"],
    },
    Manager {
        programs: &["apk"],
        refresh: &["update"],
        install: &["add", "fetch"],
        upgrade: &["upgrade"],
    },
    Manager {
        programs: &["yum", "dnf", "dnf5", "microdnf", "tdnf"],
        refresh: &["makecache", "check-update"],
        install: &[
            "install",
            "localinstall",
            "groupinstall",
            "group",
            "reinstall",
            "builddep",
            "module",
            "swap",
            "download",
        ],
        upgrade: &["update", "upgrade", "distro-sync"],
    },
    Manager {
        programs: &["zypper"],
        refresh: &["refresh", "ref"],
        install: &["install", "in"],
        upgrade: &["update", "up", "patch", "dup", "dist-upgrade"],
    },
];

impl Manager {
    fn of(command: &Command) -> Option<&'static Self> {
        let program = command.program();
        MANAGERS
            .iter()
            .find(|manager| manager.programs.contains(&program))
    }

    /// The action: the first word that is one, as options may have words of their own (`-o Name=x`).
    fn action<'a>(&self, command: &'a Command) -> &'a str {
        let known = |word: &&str| {
            [self.refresh, self.install, self.upgrade]
                .iter()
                .any(|set| set.contains(word))
        };
        command.operands().find(known).unwrap_or_default()
    }
}

fn update_alone(commands: &[Command]) -> Vec<String> {
    // A script that the step runs may well install.
    if commands
        .iter()
        .any(|c| c.words.iter().any(|word| word.strip_suffix(".sh").is_some()))
    {
        return Vec::new();
    }
    let of = |manager: &Manager| {
        let own = commands
            .iter()
            .filter(|c| manager.programs.contains(&c.program()));
        let (mut refreshes, mut installs) = (Vec::new(), false);
        for command in own {
            let action = manager.action(command);
            if manager.refresh.contains(&action) {
                refreshes.push(format!("{} {action}", command.program()));
            }
            installs |= manager.install.contains(&action) || manager.upgrade.contains(&action);
        }
        if installs { Vec::new() } else { refreshes }
    };
    MANAGERS.iter().flat_map(of).collect()
}

fn upgrade(commands: &[Command]) -> Vec<String> {
    commands
        .iter()
        .filter_map(|command| {
            if command.program() == "pacman" {
                let all = command.has("-S") && command.has("-u") && command.operands().next().is_none();
                return all.then(|| "pacman -Syu".to_owned());
            }
            let manager = Manager::of(command)?;
            let action = manager.action(command);
            let named = command
                .operands()
                .skip_while(|word| *word != action)
                .nth(1)
                .is_some();
            (manager.upgrade.contains(&action) && !named).then(|| format!("{} {action}", command.program()))
        })
        .collect()
}

fn unsigned(commands: &[Command]) -> Vec<String> {
    const OPTIONS: &[&str] = &[
        "--allow-unauthenticated",
        "--force-yes",
        "--allow-insecure-repositories",
        "--allow-untrusted",
        "--nogpgcheck",
        "--no-gpg-checks",
        "--nosignature",
    ];
    const SETTINGS: &[&str] = &[
        "allowunauthenticated=",
        "allowinsecurerepositories=",
        "[trusted=yes",
    ];
    let installs = |command: &Command| {
        Manager::of(command).is_some()
            || matches!(
                command.program(),
                "rpm" | "echo" | "printf" | "add-apt-repository"
            )
    };
    commands
        .iter()
        .filter(|command| installs(command))
        .flat_map(|command| {
            let told = |word: &str| {
                let lower = word.to_ascii_lowercase();
                let option = OPTIONS.iter().find(|option| lower == **option).copied();
                let setting = || {
                    let found = SETTINGS.iter().find(|setting| lower.contains(**setting))?;
                    (!lower.ends_with("=false") && !lower.ends_with("=0"))
                        .then_some(found.trim_matches(['[', '=']))
                };
                option.or_else(setting)
            };
            let program = command.program();
            command
                .args()
                .filter_map(told)
                .map(|word| format!("{program} {word}"))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// `curl u | sh`, `sh <(curl u)`, `sh -c "$(curl u)"`.
fn pipe_to_shell(commands: &[Command]) -> Vec<String> {
    let downloads = |command: &Command| matches!(command.program(), "curl" | "wget" | "fetch" | "http");
    let mut details = Vec::new();
    let mut source: Option<&Command> = None;
    for (at, command) in commands.iter().enumerate() {
        if !command.piped {
            source = None;
        }
        if downloads(command) {
            source = Some(command);
        } else if let Some(download) = source.filter(|_| command.piped && runs_its_input(command)) {
            details.push(format!("{} | {}", download_text(download), command.program()));
            source = None;
        }
        let substituted = command.words.last().is_some_and(|word| word.ends_with('<'));
        if substituted
            && (command.is_shell() || matches!(command.program(), "source" | "."))
            && let Some(download) = commands.get(at + 1).filter(|next| downloads(next))
        {
            details.push(format!("{} <({})", command.program(), download_text(download)));
        }
        let evaluated = (command.program() == "eval").then_some(command.words.get(1));
        let script = command.script().or(evaluated.flatten().map(String::as_str));
        if let Some(program) = script.and_then(|script| {
            let inner = script
                .trim_start()
                .strip_prefix("$(")
                .or(script.trim_start().strip_prefix('`'))?;
            ["curl", "wget"]
                .into_iter()
                .find(|program| inner.trim_start().starts_with(program))
        }) {
            details.push(format!("{} \"$({program} …)\"", command.program()));
        }
    }
    details
}

fn runs_its_input(command: &Command) -> bool {
    let program = command.program();
    let interpreter = ["python", "perl", "ruby", "node", "php"].iter().any(|name| {
        program
            .strip_prefix(name)
            .is_some_and(|version| !version.contains(char::is_alphabetic))
    });
    let mut args = command.args();
    if command.is_shell() {
        // `sh -c` and `sh FILE` read their input as data; `sh -s ARG` does not.
        command.script().is_none() && (command.has("-s") || command.operands().next().is_none())
    } else {
        interpreter && args.all(|arg| arg == "-")
    }
}

/// The program and what it loads, without what may be secret: user names in URLs, and queries.
fn download_text(command: &Command) -> String {
    let url = command.args().find_map(clean_url);
    format!("{} {}", command.program(), url.as_deref().unwrap_or("…"))
}

fn clean_url(word: &str) -> Option<String> {
    let (scheme, rest) = word
        .split_once("://")
        .filter(|(scheme, _)| !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric()))?;
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit('@').next().unwrap_or_default();
    Some(quote(&format!("{scheme}://{host}/{path}")))
}

fn open_to_all(commands: &[Command]) -> Vec<String> {
    commands
        .iter()
        .filter(|command| command.program() == "chmod")
        .filter_map(|command| {
            let mut operands = command.operands();
            let mode = operands.next().filter(|mode| lets_all_write(mode))?;
            let first = operands.next().unwrap_or_default();
            Some(quote(&format!("chmod {mode} {first}")))
        })
        .collect()
}

/// Whether a mode lets others write, without the sticky bit that makes it bearable.
fn lets_all_write(mode: &str) -> bool {
    if let Ok(bits) = u32::from_str_radix(mode, 8) {
        return bits & 0o002 != 0 && bits & 0o1000 == 0;
    }
    let sticky = mode.contains('t');
    !sticky
        && mode.split(',').any(|clause| {
            clause.find(['+', '=']).is_some_and(|operator| {
                let (who, what) = clause.split_at(operator);
                who.contains(['o', 'a']) && what.contains('w')
            })
        })
}

fn sudo(commands: &[Command]) -> Vec<String> {
    commands
        .iter()
        .filter(|command| command.sudo)
        .map(|command| quote(format!("sudo {}", command.program()).trim_end()))
        .collect()
}

fn no_tls(commands: &[Command]) -> Vec<String> {
    let told = |command: &Command| {
        let program = command.program();
        let has = |options: &[&'static str]| options.iter().copied().find(|option| command.has(option));
        let has_word = |wanted: &str| command.args().any(|arg| arg.eq_ignore_ascii_case(wanted));
        let option = match program {
            "curl" => has(&["-k", "--insecure"])?,
            "wget" => has(&["--no-check-certificate"])?,
            "git"
                if has_word("http.sslVerify=false") || (has_word("http.sslVerify") && has_word("false")) =>
            {
                "http.sslVerify false"
            }
            "npm" | "yarn" | "pnpm"
                if has_word("--strict-ssl=false") || (has_word("strict-ssl") && has_word("false")) =>
            {
                "strict-ssl false"
            }
            program if program.starts_with("pip") || program.starts_with("python") => {
                let trusted = command.args().any(|arg| arg.starts_with("--trusted-host"));
                trusted.then_some("--trusted-host")?
            }
            _ => return None,
        };
        Some(format!("{program} {option}"))
    };
    commands.iter().filter_map(told).collect()
}

/// Names the program only: its words may be the password.
fn password(commands: &[Command]) -> Vec<String> {
    let told = |command: &Command| match command.program() {
        "chpasswd" => Some("chpasswd"),
        "passwd" if command.has("--stdin") => Some("passwd --stdin"),
        "passwd" if command.has("-d") || command.has("--delete") => Some("passwd -d"),
        "useradd" | "usermod"
            if command
                .args()
                .any(|arg| arg == "-p" || arg.starts_with("--password")) =>
        {
            Some("a password as an argument of useradd or usermod")
        }
        _ => None,
    };
    commands.iter().filter_map(told).map(str::to_owned).collect()
}

/// Why an `ADD` should be a `COPY`, or have a checksum. Unpacking a local archive is what only `ADD` does,
/// and the root file system of a base image comes no other way.
fn needless_add(text: &str) -> Option<String> {
    const ARCHIVES: &[&str] = &[
        ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.zst",
    ];
    let (flags, words): (Vec<_>, Vec<_>) = text.split_whitespace().partition(|word| word.starts_with("--"));
    let (target, sources) = words.split_last()?;
    let target = target.trim_matches(['"', '[', ']']);
    // Docker names the digest of what it added, and no file: `file:1a2b in /app`.
    if let [source, "in"] = sources {
        return (target != "/").then(|| {
            let kind = source.split(':').next().unwrap_or_default();
            quote(&format!("ADD {kind}:… in {target}"))
        });
    }
    let is_archive = |source: &str| {
        ARCHIVES
            .iter()
            .any(|end| source.to_ascii_lowercase().ends_with(end))
    };
    let mut sources = sources
        .iter()
        .map(|source| source.trim_matches(['"', '[', ']', ',']));
    let verified = flags.iter().any(|flag| flag.starts_with("--checksum="));
    sources.find_map(|source| match clean_url(source) {
        Some(_) if verified || source.contains(".git") => None,
        Some(url) => Some(format!("downloads {url} without a checksum")),
        None if is_archive(source) => None,
        None => Some(quote(&format!("ADD {source} {target}"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(line: &str) -> (Vec<&str>, &str) {
        let step = parse(0, line);
        assert_eq!(step.instruction, "RUN", "{line}");
        (step.arguments, step.text)
    }

    #[test]
    fn every_builder_s_way_of_writing_a_step_is_understood() {
        assert_eq!(run("/bin/sh -c apt-get update"), (vec![], "apt-get update"));
        assert_eq!(run("RUN /bin/sh -c make all # buildkit"), (vec![], "make all"));
        assert_eq!(
            run("RUN |2 A=b T=x y /bin/bash -euxo pipefail -c make  all # buildkit"),
            (vec!["A=b", "T=x"], "make  all")
        );
        assert_eq!(
            run("|1 SHELL=/bin/bash /bin/sh -c make"),
            (vec!["SHELL=/bin/bash"], "make")
        );
        assert_eq!(run("RUN apt-get update # buildkit"), (vec![], "apt-get update"));
        let step = parse(0, "/bin/sh -c #(nop)  ADD file:12 in / ");
        assert_eq!((step.instruction, step.text), ("ADD", "file:12 in /"));
        let step = parse(0, "COPY a b # buildkit");
        assert_eq!((step.instruction, step.text), ("COPY", "a b"));
        assert_eq!(parse(0, "ARG TOKEN=x").arguments, ["TOKEN=x"]);
        assert_eq!(parse(0, "# debian.sh --arch 'amd64' out/").instruction, "");
        assert_eq!(parse(0, "").instruction, "");
    }

    fn told(test: fn(&[Command]) -> Vec<String>, script: &str) -> Vec<String> {
        test(&shell::commands(script))
    }

    #[test]
    fn updates_count_only_without_an_installation_in_the_same_step() {
        assert_eq!(told(update_alone, "apt-get -qq update"), ["apt-get update"]);
        assert_eq!(told(update_alone, "apk update"), ["apk update"]);
        for fine in [
            "apt-get update && apt-get install -y x",
            "set -ex; apt-get -o A::B=c update; DEBIAN_FRONTEND=noninteractive apt install -y x",
            "apt-get update && ./setup.sh",
            "echo apt-get update",
            "npm update",
        ] {
            assert!(told(update_alone, fine).is_empty(), "{fine}");
        }
    }

    #[test]
    fn upgrades_of_everything_count_and_of_named_packages_do_not() {
        assert_eq!(
            told(upgrade, "apt-get update; apt-get -y dist-upgrade"),
            ["apt-get dist-upgrade"]
        );
        assert_eq!(told(upgrade, "apk -U upgrade"), ["apk upgrade"]);
        assert_eq!(told(upgrade, "yum update -y && yum clean all"), ["yum update"]);
        assert_eq!(told(upgrade, "pacman -Syu --noconfirm"), ["pacman -Syu"]);
        assert!(
            told(
                upgrade,
                "apk upgrade --no-cache libssl3; dnf upgrade -y openssl; pacman -S vim"
            )
            .is_empty()
        );
    }

    #[test]
    fn downloads_that_run_are_told_without_their_secrets() {
        assert_eq!(
            told(
                pipe_to_shell,
                "curl -fsSL https://u:p@h/i.sh?t=s | sudo -E bash -"
            ),
            ["curl https://h/i.sh | bash"]
        );
        assert_eq!(
            told(pipe_to_shell, "wget -qO- http://h/i | tee x | sh -s -- -y"),
            ["wget http://h/i | sh"]
        );
        assert_eq!(
            told(pipe_to_shell, "bash <(curl -s https://h/i)"),
            ["bash <(curl https://h/i)"]
        );
        assert_eq!(
            told(pipe_to_shell, "sh -c \"$(curl -fsSL https://h/i)\""),
            ["sh \"$(curl …)\""]
        );
        assert_eq!(told(pipe_to_shell, "curl u | python3 -"), ["curl … | python3"]);
        for fine in [
            "curl u | python3 -m json.tool",
            "curl u | tar xz; sh x.sh",
            "curl u | sh -c 'cat'",
            "curl u | sha256sum -c",
            "curl -o x u && sh x",
        ] {
            assert!(told(pipe_to_shell, fine).is_empty(), "{fine}");
        }
    }

    #[test]
    fn modes_that_let_all_write() {
        for mode in ["777", "0777", "666", "a+rwx", "o+w", "u=rw,o=rw", "ugo+w"] {
            assert!(lets_all_write(mode), "{mode}");
        }
        for mode in ["755", "1777", "+x", "g+w", "a+x", "u+w", "o-w", "a=rwxt", ""] {
            assert!(!lets_all_write(mode), "{mode}");
        }
    }

    #[test]
    fn passwords_and_verification() {
        assert_eq!(told(password, "echo 'root:hunter2' | chpasswd"), ["chpasswd"]);
        assert_eq!(
            told(password, "useradd -m -p hunter2 x && passwd -d root").len(),
            2
        );
        assert!(told(password, "useradd -m x; passwd -l x").is_empty());
        assert_eq!(
            told(no_tls, "curl -fsSLk u; wget --no-check-certificate u").len(),
            2
        );
        assert_eq!(
            told(no_tls, "git config --global http.sslVerify false"),
            ["git http.sslVerify false"]
        );
        assert_eq!(
            told(unsigned, "apk add --allow-untrusted x"),
            ["apk --allow-untrusted"]
        );
        assert_eq!(
            told(unsigned, "echo 'deb [trusted=yes] http://h x main' > l"),
            ["echo trusted=yes"]
        );
        assert!(
            told(
                unsigned,
                "apt-get install -o APT::Get::AllowUnauthenticated=false x"
            )
            .is_empty()
        );
        assert_eq!(told(sudo, "sudo apt-get update && ls"), ["sudo apt-get"]);
    }

    #[test]
    fn an_add_that_only_add_can_do_is_fine() {
        assert_eq!(needless_add("file:0a in /"), None);
        assert_eq!(
            needless_add("file:0a in /app").as_deref(),
            Some("ADD file:… in /app")
        );
        assert_eq!(needless_add("alpine-minirootfs.tar.gz /"), None);
        assert_eq!(
            needless_add("--chown=1:1 a b /app/").as_deref(),
            Some("ADD a /app/")
        );
        assert_eq!(
            needless_add("https://u:p@h/x?y /x").as_deref(),
            Some("downloads https://h/x without a checksum")
        );
        assert_eq!(needless_add("--checksum=sha256:00 https://h/x /x"), None);
        assert_eq!(needless_add(""), None);
    }

    proptest! {
        #[test]
        fn arbitrary_lines_never_panic(line in "(RUN |ADD |\\|1 |/bin/sh -c )?[\\PC\n|&;'\"-]{0,120}") {
            let step = parse(0, &line);
            let commands = shell::commands(step.text);
            for test in [update_alone, upgrade, unsigned, pipe_to_shell, open_to_all, sudo, no_tls, password] {
                test(&commands);
            }
            needless_add(step.text);
        }
    }
}
