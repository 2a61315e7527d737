//! Programs that an application rarely needs and an intruder likes.

use super::{Hits, Report, Rule, at, shell};
use gabion_model::{FileIndex, Severity};

const UNNECESSARY: Rule = Rule {
    id: "CIS-DI-4.3",
    title: "The image holds tools that the application may not need",
    severity: Severity::Low,
    fix: "Build in one stage and run in another: `FROM gcr.io/distroless/base-debian12` (or `FROM scratch`) and \
          `COPY --from=build /app /app`; or remove them: `RUN apt-get purge -y gcc gdb && apt-get autoremove -y`.",
};

const LOGIN_SERVER: Rule = Rule {
    id: "GABION-IMG-010",
    title: "The image holds a remote login server",
    severity: Severity::Medium,
    fix: "Remove it (`RUN apt-get purge -y openssh-server`, `RUN apk del openssh-server`), and use `docker exec` or \
          `kubectl exec` to look inside.",
};

const SUDO: Rule = Rule {
    id: "GABION-IMG-011",
    title: "The image holds sudo",
    severity: Severity::Low,
    fix: "Do what needs root before `USER`, and remove it: `RUN apt-get purge -y sudo`, `RUN apk del sudo`.",
};

pub(super) const RULES: &[&Rule] = &[&UNNECESSARY, &LOGIN_SERVER, &SUDO];

/// Where programs are. Where one of these is a link to another (`bin` to `usr/bin`), only the other counts.
const DIRECTORIES: &[&str] = &["bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin"];

const SHELLS: &[&str] = &["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish", "csh", "tcsh"];

const TOOLS: &[(&str, &[&str])] = &[
    (
        "package manager",
        &[
            "apt-get", "apt", "aptitude", "dpkg", "apk", "rpm", "yum", "dnf", "dnf5", "microdnf", "tdnf",
            "zypper", "pacman", "opkg",
        ],
    ),
    (
        "compiler",
        &["gcc", "g++", "cc", "c++", "clang", "clang++", "tcc", "rustc", "go", "make", "cmake", "ld", "as"],
    ),
    ("debugger", &["gdb", "gdbserver", "strace", "ltrace", "lldb", "perf", "bpftrace", "dlv"]),
    ("download tool", &["curl", "wget"]),
    (
        "network tool",
        &["nc", "ncat", "netcat", "socat", "nmap", "tcpdump", "telnet", "ftp", "ssh", "scp", "tshark"],
    ),
];

const LOGIN_SERVERS: &[&str] = &["sshd", "dropbear", "telnetd", "in.telnetd", "in.rlogind", "in.rshd"];

pub(super) fn check(report: &mut Report<'_>) {
    let tree = report.input.tree;
    let mut tools: Vec<_> = TOOLS
        .iter()
        .flat_map(|(kind, names)| found(tree, names).into_iter().map(move |id| (id, *kind)))
        .collect();
    // A shell alone is worth knowing, not worth a repair.
    let severity = if tools.is_empty() { Severity::Info } else { UNNECESSARY.severity };
    tools.extend(found(tree, SHELLS).into_iter().map(|id| (id, "shell")));
    let mut evidence: Vec<_> = tools.iter().map(|&(id, kind)| report.at_file(id, kind)).collect();
    evidence.sort();
    report.add_as(&UNNECESSARY, severity, evidence, 0);

    let mut servers: Vec<_> =
        found(tree, LOGIN_SERVERS).into_iter().map(|id| report.at_file(id, "installed")).collect();
    servers.sort();
    if let Some(config) = report.input.config {
        for (place, words) in
            [("config:Entrypoint", &config.summary.entrypoint), ("config:Cmd", &config.summary.cmd)]
        {
            let starts = |word: &String| LOGIN_SERVERS.contains(&shell::base_name(word));
            if let Some(server) = words.iter().find(|word| starts(word)) {
                servers.push(at(place, format!("starts {}", shell::base_name(server))));
            }
        }
    }
    report.add(&LOGIN_SERVER, servers);

    let mut hits = Hits::default();
    for id in found(tree, &["sudo", "doas"]) {
        hits.push(id);
    }
    report.add_files(&SUDO, SUDO.severity, &hits, |_| "installed".to_owned());
}

/// The programs of these names: files one can execute, or links to one.
fn found(tree: &FileIndex, names: &[&str]) -> Vec<u32> {
    DIRECTORIES
        .iter()
        .flat_map(|directory| names.iter().map(move |name| format!("{directory}/{name}")))
        .filter_map(|path| {
            let target = tree.resolve(path.as_bytes())?;
            let id = tree.find(path.as_bytes())?;
            tree.entry(target).is_executable().then_some(id)
        })
        .collect()
}
