//! What lies in the file system: permissions that reach too far, keys, and what a build left behind.

use super::{Hits, Report, Rule, at, capability};
use gabion_model::{Evidence, FileEntry, FileIndex, FileKind, Severity, path};
use std::collections::BTreeMap;

const SET_ID: Rule = Rule {
    id: "CIS-DI-4.8",
    title: "Programs run with more rights than their caller",
    severity: Severity::Low,
    fix: "Take the bits from programs that the application does not call: `RUN chmod a-s /usr/bin/NAME`, \
          `RUN setcap -r /usr/bin/NAME`; or run with `--security-opt=no-new-privileges`.",
};

const WORLD_WRITABLE: Rule = Rule {
    id: "GABION-IMG-007",
    title: "Everyone may write to files or directories",
    severity: Severity::Medium,
    fix: "`RUN chmod o-w PATH`; a directory that all must share gets the sticky bit: `RUN chmod 1777 PATH`.",
};

const HOST_KEY: Rule = Rule {
    id: "GABION-IMG-008",
    title: "The image holds the private host key of an SSH server",
    severity: Severity::High,
    fix: "All containers would share it, and whoever has the image can pose as any of them: \
          `RUN rm -f /etc/ssh/ssh_host_*_key*` in the step that installs the server, and make keys at the start.",
};

const PRIVATE_KEY: Rule = Rule {
    id: "GABION-IMG-009",
    title: "The image holds a user's private SSH key",
    severity: Severity::High,
    fix: "Replace the key, as it is in the image for good; in a build, lend it: `RUN --mount=type=ssh git clone …`.",
};

const CACHES: Rule = Rule {
    id: "GABION-IMG-012",
    title: "Caches of package managers are left in the image",
    severity: Severity::Low,
    fix: "Empty them in the step that fills them: `rm -rf /var/lib/apt/lists/* /var/cache/apt/*`, `apk add --no-cache`, \
          `dnf clean all`, `pip install --no-cache-dir`; or keep them outside: `RUN --mount=type=cache,target=/var/cache/apt`.",
};

const SIZE: Rule = Rule {
    id: "GABION-IMG-013",
    title: "The image is larger than 1 GiB",
    severity: Severity::Info,
    fix: "Build in one stage and copy only the result: `COPY --from=build /app /app`; the evidence names the largest files.",
};

const OWNED_BY_USER: Rule = Rule {
    id: "GABION-IMG-025",
    title: "Programs in system directories belong to a user other than root",
    severity: Severity::Low,
    fix: "The user can replace what others run: `COPY --chown=0:0 SOURCE /usr/local/bin/`, or `RUN chown root:root PATH`.",
};

const LEFTOVERS: Rule = Rule {
    id: "GABION-IMG-026",
    title: "Files of the build are left in the image",
    severity: Severity::Low,
    fix: "Name them in `.dockerignore` (`.git`, `.env`, `Dockerfile`), or copy only what runs: `COPY src/ /app/`.",
};

const CREDENTIALS: Rule = Rule {
    id: "GABION-IMG-027",
    title: "The image holds files that usually hold credentials",
    severity: Severity::Medium,
    fix: "Replace what is in them, as it is in the image for good; in a build, lend them: \
          `RUN --mount=type=secret,id=NAME,target=/root/.netrc …`.",
};

const AUTHORIZED_KEYS: Rule = Rule {
    id: "GABION-IMG-029",
    title: "The image lets holders of SSH keys log in",
    severity: Severity::Medium,
    fix: "Remove the file (`RUN rm -f /root/.ssh/authorized_keys`), and use `docker exec` or `kubectl exec`.",
};

pub(super) const RULES: &[&Rule] = &[
    &SET_ID,
    &WORLD_WRITABLE,
    &HOST_KEY,
    &PRIVATE_KEY,
    &CACHES,
    &SIZE,
    &OWNED_BY_USER,
    &LEFTOVERS,
    &CREDENTIALS,
    &AUTHORIZED_KEYS,
];

const LARGE: u64 = 1 << 30;
/// How many files the size rule names.
const LARGEST: usize = 10;

/// What one pass over the tree finds.
#[derive(Default)]
struct Found {
    set_id: Hits,
    /// A program that lends its rights, and that everyone may rewrite.
    set_id_writable: bool,
    /// A program that lends its rights, and that no package brought.
    set_id_foreign: bool,
    any_owned: bool,
    world_writable: Hits,
    host_keys: Hits,
    private_keys: Hits,
    authorized_keys: Hits,
    owned_by_user: Hits,
    leftovers: Hits,
    credentials: Hits,
    bytes: u64,
}

pub(super) fn check(report: &mut Report<'_>) {
    let tree = report.input.tree;
    let mut found = Found::default();
    for id in tree.ids() {
        found.look(tree, id);
    }
    let severity = match &found {
        f if f.set_id_writable => Severity::High,
        f if f.set_id_foreign && f.any_owned => Severity::Medium,
        _ => SET_ID.severity,
    };
    report.add_files(&SET_ID, severity, &found.set_id, |id| set_id_text(tree, id, found.any_owned));
    let mode = |id| {
        let entry = tree.entry(id);
        let kind = if entry.is_dir() { "directory" } else { "file" };
        format!("{kind}, mode {:04o}", entry.mode)
    };
    report.add_files(&WORLD_WRITABLE, WORLD_WRITABLE.severity, &found.world_writable, mode);
    let owner = |id| format!("owner {}", tree.entry(id).uid);
    report.add_files(&OWNED_BY_USER, OWNED_BY_USER.severity, &found.owned_by_user, owner);
    for (rule, hits) in [
        (&HOST_KEY, &found.host_keys),
        (&PRIVATE_KEY, &found.private_keys),
        (&AUTHORIZED_KEYS, &found.authorized_keys),
        (&LEFTOVERS, &found.leftovers),
        (&CREDENTIALS, &found.credentials),
    ] {
        let size = |id| match tree.entry(id) {
            entry if entry.is_dir() => "directory".to_owned(),
            entry => format!("{} bytes", entry.size),
        };
        report.add_files(rule, rule.severity, hits, size);
    }
    let caches = caches(report);
    report.add(&CACHES, caches);
    if report.input.config.is_some() && found.bytes > LARGE {
        let largest = largest(report, found.bytes);
        report.add(&SIZE, largest);
    }
}

impl Found {
    fn look(&mut self, tree: &FileIndex, id: u32) {
        let entry = tree.entry(id);
        self.any_owned |= entry.package != FileEntry::NO_PACKAGE;
        let writable = entry.mode & 0o002 != 0;
        match entry.kind {
            FileKind::File | FileKind::Hardlink => {
                if entry.kind == FileKind::File {
                    self.bytes = self.bytes.saturating_add(entry.size);
                }
                if entry.is_setid() || tree.capabilities(id).is_some() {
                    self.set_id_writable |= writable;
                    self.set_id_foreign |= entry.package == FileEntry::NO_PACKAGE;
                    self.set_id.push(id);
                }
                if writable && !is_runtime(tree, id) {
                    self.world_writable.push(id);
                }
                if entry.uid != 0 && entry.is_executable() && in_program_directory(tree, id) {
                    self.owned_by_user.push(id);
                }
                if entry.size > 0 {
                    self.by_name(tree, id);
                }
            }
            FileKind::Directory => {
                if writable && entry.mode & 0o1000 == 0 && !is_runtime(tree, id) {
                    self.world_writable.push(id);
                }
                let repository = match tree.name(id) {
                    b".git" => tree.child(id, b"HEAD"),
                    b".svn" => tree.child(id, b"wc.db"),
                    b".hg" => tree.child(id, b"store"),
                    _ => None,
                };
                if repository.is_some() && !is_vendored(tree, id) {
                    self.leftovers.push(id);
                }
            }
            _ => {}
        }
    }

    /// Files that their names give away.
    fn by_name(&mut self, tree: &FileIndex, id: u32) {
        let name = tree.name(id);
        let directory = tree.name(tree.parent(id));
        match name {
            b"authorized_keys" | b"authorized_keys2" if directory == b".ssh" => self.authorized_keys.push(id),
            b"id_rsa" | b"id_dsa" | b"id_ecdsa" | b"id_ed25519" | b"id_ecdsa_sk" | b"id_ed25519_sk"
                if directory == b".ssh" =>
            {
                self.private_keys.push(id);
            }
            name if is_host_key(name) && matches!(directory, b"ssh" | b"dropbear") => self.host_keys.push(id),
            b"Dockerfile"
            | b"Containerfile"
            | b".dockerignore"
            | b"docker-compose.yml"
            | b"docker-compose.yaml"
            | b"compose.yaml"
            | b".env"
                if !is_vendored(tree, id) =>
            {
                self.leftovers.push(id);
            }
            name if is_credential(directory, name) && !is_vendored(tree, id) => self.credentials.push(id),
            _ => {}
        }
    }
}

/// `ssh_host_ed25519_key`, and `dropbear_rsa_host_key`.
fn is_host_key(name: &[u8]) -> bool {
    let between = |start: &[u8], end: &[u8]| name.starts_with(start) && name.ends_with(end);
    between(b"ssh_host_", b"_key") || between(b"dropbear_", b"_host_key")
}

/// Whether tools keep credentials in a file of this name in a directory of this name. The contents are for
/// the rules of secrets to judge.
fn is_credential(directory: &[u8], name: &[u8]) -> bool {
    matches!(
        (directory, name),
        (b".aws" | b".gem", b"credentials")
            | (b".docker", b"config.json")
            | (b".kube", b"config")
            | (b".cargo", b"credentials" | b"credentials.toml")
            | (b".m2", b"settings-security.xml")
            | (b".azure", b"accessTokens.json" | b"msal_token_cache.json")
            | (b"gcloud", b"credentials.db" | b"application_default_credentials.json")
            | (
                _,
                b".netrc"
                    | b".git-credentials"
                    | b".pypirc"
                    | b".pgpass"
                    | b".my.cnf"
                    | b".vault-token"
                    | b".dockercfg"
                    | b".htpasswd"
                    | b"krb5.keytab"
            )
    )
}

/// In a directory that the kernel fills when a container starts.
fn is_runtime(tree: &FileIndex, id: u32) -> bool {
    let path = tree.path(id);
    matches!(path.split(|&b| b == b'/').next(), Some(b"dev" | b"proc" | b"sys"))
}

/// Shipped by others, with whatever their repositories hold.
fn is_vendored(tree: &FileIndex, id: u32) -> bool {
    let path = tree.path(id);
    path.starts_with(b"usr/share/")
        || path.starts_with(b"usr/lib/")
        || path.starts_with(b"usr/local/go/")
        || path.split(|&b| b == b'/').any(|part| {
            matches!(
                part,
                b"node_modules"
                    | b"site-packages"
                    | b"dist-packages"
                    | b"vendor"
                    | b"gems"
                    | b"pkg"
                    | b"testdata"
            )
        })
}

fn in_program_directory(tree: &FileIndex, id: u32) -> bool {
    let path = tree.path(id);
    matches!(
        path::parent(&path),
        b"bin" | b"sbin" | b"usr/bin" | b"usr/sbin" | b"usr/local/bin" | b"usr/local/sbin"
    )
}

/// `owners_known`: that no package ships a file says something only where packages ship others.
fn set_id_text(tree: &FileIndex, id: u32, owners_known: bool) -> String {
    let entry = tree.entry(id);
    let mut parts = Vec::new();
    if entry.mode & 0o4000 != 0 {
        parts.push(format!("runs as user {}", entry.uid));
    }
    if entry.mode & 0o2000 != 0 {
        parts.push(format!("runs as group {}", entry.gid));
    }
    if let Some(raw) = tree.capabilities(id) {
        parts.push(capability::describe(raw).unwrap_or_else(|| "capabilities in an unknown form".to_owned()));
    }
    parts.push(format!("mode {:04o}", entry.mode));
    if owners_known && entry.package == FileEntry::NO_PACKAGE {
        parts.push("of no package".to_owned());
    }
    parts.join(", ")
}

/// One piece of evidence for each cache and layer.
fn caches(report: &Report<'_>) -> Vec<Evidence> {
    const SYSTEM: &[&str] = &[
        "var/lib/apt/lists",
        "var/cache/apt",
        "var/cache/apk",
        "etc/apk/cache",
        "var/cache/dnf",
        "var/cache/libdnf5",
        "var/cache/yum",
        "var/cache/zypp",
        "var/cache/pacman/pkg",
    ];
    const HOME: &[&str] = &[".cache/pip", ".cache/uv", ".cache/yarn", ".cache/go-build", ".npm/_cacache"];
    let tree = report.input.tree;
    let mut homes = vec!["root".to_owned()];
    if let Some(home) = tree.find(b"home") {
        homes.extend(tree.children(home).map(|id| path::display(&tree.path(id)).into_owned()));
    }
    let mut directories: Vec<String> = SYSTEM.iter().map(|&path| path.to_owned()).collect();
    directories.extend(homes.iter().flat_map(|home| HOME.iter().map(move |cache| format!("{home}/{cache}"))));
    directories.sort();
    let mut evidence = Vec::new();
    for directory in directories {
        let Some(root) = tree.find(directory.as_bytes()) else {
            continue;
        };
        for (layer, (files, bytes)) in contents(tree, root) {
            evidence.push(Evidence {
                layer: report.input.config.map(|_| u32::from(layer)),
                ..at(directory.as_str(), format!("{files} files, {bytes} bytes"))
            });
        }
    }
    evidence
}

/// Files and bytes of each layer in a directory; empty files (locks) do not count.
fn contents(tree: &FileIndex, root: u32) -> BTreeMap<u16, (u64, u64)> {
    let mut layers: BTreeMap<u16, (u64, u64)> = BTreeMap::new();
    let mut todo = vec![root];
    while let Some(id) = todo.pop() {
        let entry = tree.entry(id);
        if entry.kind == FileKind::File && entry.size > 0 {
            let (files, bytes) = layers.entry(entry.layer).or_default();
            *files += 1;
            *bytes = bytes.saturating_add(entry.size);
        }
        todo.extend(tree.children(id));
    }
    layers
}

fn largest(report: &Report<'_>, total: u64) -> Vec<Evidence> {
    let tree = report.input.tree;
    let mut files: Vec<u32> = tree.ids().filter(|&id| tree.entry(id).kind == FileKind::File).collect();
    let size = |id: &u32| std::cmp::Reverse(tree.entry(*id).size);
    files.sort_by_key(size);
    files.truncate(LARGEST);
    let mut evidence = vec![at("files", format!("{total} bytes"))];
    evidence.extend(files.into_iter().map(|id| report.at_file(id, format!("{} bytes", tree.entry(id).size))));
    evidence
}
