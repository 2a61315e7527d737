//! What build steps do with package managers.

use super::shell::Command;

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
        install: &["install", "build-dep", "satisfy", "source", "reinstall", "download"],
        upgrade: &["upgrade", "dist-upgrade", "full-upgrade", "safe-upgrade"],
    },
    Manager { programs: &["apk"], refresh: &["update"], install: &["add", "fetch"], upgrade: &["upgrade"] },
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
        MANAGERS.iter().find(|manager| manager.programs.contains(&program))
    }

    /// The action: the first word that is one, as options may have words of their own (`-o Name=x`).
    fn action<'a>(&self, command: &'a Command) -> &'a str {
        let known =
            |word: &&str| [self.refresh, self.install, self.upgrade].iter().any(|set| set.contains(word));
        command.operands().find(known).unwrap_or_default()
    }
}

pub(super) fn update_alone(commands: &[Command]) -> Vec<String> {
    // A script that the step runs may well install.
    if commands.iter().any(|c| c.words.iter().any(|word| word.strip_suffix(".sh").is_some())) {
        return Vec::new();
    }
    let of = |manager: &Manager| {
        let own = commands.iter().filter(|c| manager.programs.contains(&c.program()));
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

pub(super) fn upgrade(commands: &[Command]) -> Vec<String> {
    commands
        .iter()
        .filter_map(|command| {
            if command.program() == "pacman" {
                let all = command.has("-S") && command.has("-u") && command.operands().next().is_none();
                return all.then(|| "pacman -Syu".to_owned());
            }
            let manager = Manager::of(command)?;
            let action = manager.action(command);
            let named = command.operands().skip_while(|word| *word != action).nth(1).is_some();
            (manager.upgrade.contains(&action) && !named).then(|| format!("{} {action}", command.program()))
        })
        .collect()
}

pub(super) fn unsigned(commands: &[Command]) -> Vec<String> {
    const OPTIONS: &[&str] = &[
        "--allow-unauthenticated",
        "--force-yes",
        "--allow-insecure-repositories",
        "--allow-untrusted",
        "--nogpgcheck",
        "--no-gpg-checks",
        "--nosignature",
    ];
    const SETTINGS: &[&str] = &["allowunauthenticated=", "allowinsecurerepositories=", "[trusted=yes"];
    let installs = |command: &Command| {
        Manager::of(command).is_some()
            || matches!(command.program(), "rpm" | "echo" | "printf" | "add-apt-repository")
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
            command.args().filter_map(told).map(|word| format!("{program} {word}")).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cis::shell;

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
        assert_eq!(told(upgrade, "apt-get update; apt-get -y dist-upgrade"), ["apt-get dist-upgrade"]);
        assert_eq!(told(upgrade, "apk -U upgrade"), ["apk upgrade"]);
        assert_eq!(told(upgrade, "yum update -y && yum clean all"), ["yum update"]);
        assert_eq!(told(upgrade, "pacman -Syu --noconfirm"), ["pacman -Syu"]);
        assert!(
            told(upgrade, "apk upgrade --no-cache libssl3; dnf upgrade -y openssl; pacman -S vim").is_empty()
        );
    }
}
