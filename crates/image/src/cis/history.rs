//! What the build steps did, as the history tells it.

use super::{
    MAX_EVIDENCE, Report, Rule,
    managers::{unsigned, update_alone, upgrade},
    quote,
    shell::{self, Command},
    step::{Step, steps},
};
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

pub(super) const RULES: &[&Rule] =
    &[&UPDATE_ALONE, &ADD, &UNSIGNED, &PIPE_TO_SHELL, &CHMOD, &UPGRADE, &SUDO, &NO_TLS, &PASSWORD];

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
            let mut flags = self.text.split_whitespace().take_while(|word| word.starts_with("--"));
            let mode = flags.find_map(|flag| flag.strip_prefix("--chmod="));
            if let Some(mode) = mode.filter(|mode| lets_all_write(mode)) {
                broken.push((&CHMOD, format!("{} --chmod={}", self.instruction, quote(mode))));
            }
        }
        broken
    }
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
            let inner = script.trim_start().strip_prefix("$(").or(script.trim_start().strip_prefix('`'))?;
            ["curl", "wget"].into_iter().find(|program| inner.trim_start().starts_with(program))
        }) {
            details.push(format!("{} \"$({program} …)\"", command.program()));
        }
    }
    details
}

fn runs_its_input(command: &Command) -> bool {
    let program = command.program();
    let interpreter = ["python", "perl", "ruby", "node", "php"]
        .iter()
        .any(|name| program.strip_prefix(name).is_some_and(|version| !version.contains(char::is_alphabetic)));
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
        "useradd" | "usermod" if command.args().any(|arg| arg == "-p" || arg.starts_with("--password")) => {
            Some("a password as an argument of useradd or usermod")
        }
        _ => None,
    };
    commands.iter().filter_map(told).map(str::to_owned).collect()
}

/// Why an `ADD` should be a `COPY`, or have a checksum. Unpacking a local archive is what only `ADD` does,
/// and the root file system of a base image comes no other way.
fn needless_add(text: &str) -> Option<String> {
    const ARCHIVES: &[&str] =
        &[".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.zst"];
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
    let is_archive = |source: &str| ARCHIVES.iter().any(|end| source.to_ascii_lowercase().ends_with(end));
    let mut sources = sources.iter().map(|source| source.trim_matches(['"', '[', ']', ',']));
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
    use super::super::step;
    use super::*;
    use proptest::prelude::*;

    fn told(test: fn(&[Command]) -> Vec<String>, script: &str) -> Vec<String> {
        test(&shell::commands(script))
    }

    #[test]
    fn downloads_that_run_are_told_without_their_secrets() {
        assert_eq!(
            told(pipe_to_shell, "curl -fsSL https://u:p@h/i.sh?t=s | sudo -E bash -"),
            ["curl https://h/i.sh | bash"]
        );
        assert_eq!(
            told(pipe_to_shell, "wget -qO- http://h/i | tee x | sh -s -- -y"),
            ["wget http://h/i | sh"]
        );
        assert_eq!(told(pipe_to_shell, "bash <(curl -s https://h/i)"), ["bash <(curl https://h/i)"]);
        assert_eq!(told(pipe_to_shell, "sh -c \"$(curl -fsSL https://h/i)\""), ["sh \"$(curl …)\""]);
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
        assert_eq!(told(password, "useradd -m -p hunter2 x && passwd -d root").len(), 2);
        assert!(told(password, "useradd -m x; passwd -l x").is_empty());
        assert_eq!(told(no_tls, "curl -fsSLk u; wget --no-check-certificate u").len(), 2);
        assert_eq!(told(no_tls, "git config --global http.sslVerify false"), ["git http.sslVerify false"]);
        assert_eq!(told(unsigned, "apk add --allow-untrusted x"), ["apk --allow-untrusted"]);
        assert_eq!(told(unsigned, "echo 'deb [trusted=yes] http://h x main' > l"), ["echo trusted=yes"]);
        assert!(told(unsigned, "apt-get install -o APT::Get::AllowUnauthenticated=false x").is_empty());
        assert_eq!(told(sudo, "sudo apt-get update && ls"), ["sudo apt-get"]);
    }

    #[test]
    fn an_add_that_only_add_can_do_is_fine() {
        assert_eq!(needless_add("file:0a in /"), None);
        assert_eq!(needless_add("file:0a in /app").as_deref(), Some("ADD file:… in /app"));
        assert_eq!(needless_add("alpine-minirootfs.tar.gz /"), None);
        assert_eq!(needless_add("--chown=1:1 a b /app/").as_deref(), Some("ADD a /app/"));
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
            let step = step::parse(0, &line);
            let commands = shell::commands(step.text);
            for test in [update_alone, upgrade, unsigned, pipe_to_shell, open_to_all, sudo, no_tls, password] {
                test(&commands);
            }
            needless_add(step.text);
        }
    }
}
