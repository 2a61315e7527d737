//! Accounts that should not be there, or should not let anyone in.

use super::{Hits, Report, Rule, at};
use gabion_model::{Evidence, Severity};
use std::collections::BTreeMap;

const EMPTY_PASSWORD: Rule = Rule {
    id: "GABION-IMG-002",
    title: "An account has no password",
    severity: Severity::High,
    fix: "Lock the account: `RUN passwd -l NAME`, or remove it: `RUN userdel NAME`.",
};

const SECOND_ROOT: Rule = Rule {
    id: "GABION-IMG-003",
    title: "An account other than root is the superuser",
    severity: Severity::High,
    fix: "Give the account a user id of its own: `RUN usermod -u 10001 NAME`, or remove it.",
};

const SHARED_ID: Rule = Rule {
    id: "GABION-IMG-004",
    title: "Accounts share a user id or a name",
    severity: Severity::Low,
    fix: "Give each account its own name and id: `RUN useradd -u 10001 NAME`.",
};

const PASSWORD_SET: Rule = Rule {
    id: "GABION-IMG-005",
    title: "An account comes with a password",
    severity: Severity::Medium,
    fix: "Every container has the same password, and its hash is in the image: lock the account with \
          `RUN passwd -l NAME`, and switch users with `USER NAME`.",
};

const SHADOW_READABLE: Rule = Rule {
    id: "GABION-IMG-006",
    title: "Everyone may read the password hashes",
    severity: Severity::Medium,
    fix: "`RUN chmod 640 /etc/shadow && chown root:shadow /etc/shadow` (group `root` where `shadow` does not exist).",
};

pub(super) const RULES: &[&Rule] =
    &[&EMPTY_PASSWORD, &SECOND_ROOT, &SHARED_ID, &PASSWORD_SET, &SHADOW_READABLE];

pub(super) fn check(report: &mut Report<'_>) {
    let (mut empty, mut second_root, mut shared, mut set) = (vec![], vec![], vec![], vec![]);
    for (path, accounts) in report.input.accounts {
        let evidence = |detail: String| match report.input.tree.find(path.as_bytes()) {
            Some(id) => report.at_file(id, detail),
            None => at(path, detail),
        };
        let mut first_with: BTreeMap<u32, &str> = BTreeMap::new();
        let mut names: BTreeMap<&str, u32> = BTreeMap::new();
        for account in accounts {
            let name = account.name.as_str();
            if account.empty_password {
                empty.push(evidence(format!("{name}: the password field is empty")));
            }
            if account.has_password {
                set.push(evidence(format!("{name}: has a password hash")));
            }
            if account.uid == Some(0) && name != "root" {
                second_root.push(evidence(format!("{name}: user id 0")));
            }
            let times = names.entry(name).or_default();
            *times += 1;
            if *times == 2 {
                shared.push(evidence(format!("{name}: the name is given twice")));
            }
            // That others are user 0 is told above.
            if let Some(uid) = account.uid.filter(|&uid| uid != 0) {
                let first = *first_with.entry(uid).or_insert(name);
                if first != name {
                    shared.push(evidence(format!("{name}: user id {uid}, as {first}")));
                }
            }
        }
    }
    let sorted = |mut evidence: Vec<Evidence>| {
        evidence.sort();
        evidence
    };
    report.add(&EMPTY_PASSWORD, sorted(empty));
    report.add(&SECOND_ROOT, sorted(second_root));
    report.add(&SHARED_ID, sorted(shared));
    report.add(&PASSWORD_SET, sorted(set));
    shadow_readable(report);
}

fn shadow_readable(report: &mut Report<'_>) {
    let tree = report.input.tree;
    let mut hits = Hits::default();
    for path in ["etc/shadow", "etc/gshadow", "etc/shadow-", "etc/gshadow-"] {
        let id = tree.find(path.as_bytes());
        if let Some(id) = id.filter(|&id| {
            let entry = tree.entry(id);
            entry.kind == gabion_model::FileKind::File && entry.mode & 0o004 != 0
        }) {
            hits.push(id);
        }
    }
    report.add_files(&SHADOW_READABLE, SHADOW_READABLE.severity, &hits, |id| {
        format!("mode {:04o}", tree.entry(id).mode)
    });
}
