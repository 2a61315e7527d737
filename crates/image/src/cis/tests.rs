use super::*;
use crate::manifest::History;
use gabion_model::{FileEntry, FileKind, ImageConfig, NewFile, PackageKind};

/// What a test changes of a blameless image.
#[derive(Default)]
struct Image {
    config: Option<Config>,
    tags: Vec<String>,
    tree: FileIndex,
    accounts: Vec<(String, Vec<Account>)>,
    packages: Vec<Package>,
}

impl Image {
    fn file(&mut self, path: &str, mode: u16) -> u32 {
        self.put(path, NewFile { kind: FileKind::File, mode, size: 1, ..NewFile::default() })
    }

    fn put(&mut self, path: &str, file: NewFile<'_>) -> u32 {
        self.tree.insert(path.as_bytes(), file)
    }

    fn check(&self) -> Vec<Finding> {
        check(&Input {
            config: self.config.as_ref(),
            tags: &self.tags,
            tree: &self.tree,
            accounts: &self.accounts,
            packages: &self.packages,
            now: "2026-06-01T00:00:00Z".parse().expect("a timestamp"),
        })
    }

    fn finding(&self, rule: &str) -> Option<Finding> {
        self.check().into_iter().find(|finding| finding.rule == rule)
    }

    /// The places and details of a rule's evidence.
    fn evidence(&self, rule: &str) -> Vec<(String, String)> {
        let evidence = self.finding(rule).map(|finding| finding.evidence).unwrap_or_default();
        evidence.into_iter().map(|e| (e.place, e.detail)).collect()
    }
}

/// Runs as a user, is young and has a health check.
fn good() -> Config {
    Config {
        summary: ImageConfig {
            user: "10001".into(),
            healthcheck: true,
            created: "2026-05-30T00:00:00Z".parse().ok(),
            ..ImageConfig::default()
        },
        platform: "linux/amd64".into(),
        ..Config::default()
    }
}

fn with(change: impl FnOnce(&mut Config)) -> Image {
    let mut config = good();
    change(&mut config);
    Image { config: Some(config), ..Image::default() }
}

fn history(lines: &[(&str, bool)]) -> Image {
    with(|config| {
        config.history = lines
            .iter()
            .map(|&(line, empty_layer)| History {
                created_by: line.to_owned(),
                empty_layer,
                ..History::default()
            })
            .collect();
        let layers = lines.iter().filter(|(_, empty)| !empty).count();
        config.diff_ids = (0..layers).map(|_| Digest::sha256([0; 32])).collect();
    })
}

fn account(name: &str, uid: Option<u32>) -> Account {
    Account { name: name.into(), uid, empty_password: false, has_password: false, shell: String::new() }
}

#[test]
fn ids_of_rules_are_given_once() {
    let rules = rules();
    assert!(rules.windows(2).all(|pair| pair[0].id < pair[1].id));
    for rule in rules {
        assert!(!rule.title.ends_with('.') && rule.fix.ends_with('.'), "{}", rule.id);
    }
}

#[test]
fn a_blameless_image_has_no_findings() {
    assert_eq!(with(|_| {}).check(), []);
    assert_eq!(Image::default().check(), [], "a directory has no configuration to blame");
}

#[test]
fn whoever_is_user_0_is_root() {
    let user = |user: &str| {
        let mut image = with(|config| config.summary.user = user.into());
        image.accounts = vec![(
            "etc/passwd".into(),
            vec![account("root", Some(0)), account("toor", Some(0)), account("app", Some(1000))],
        )];
        image.finding("CIS-DI-4.1").is_some()
    };
    for root in ["", "root", "0", "0:0", "root:root", ":1000", "toor", "00"] {
        assert!(user(root), "{root:?}");
    }
    for other in ["app", "1000", "10001:0", "nobody"] {
        assert!(!user(other), "{other:?}");
    }
    // A USER in the history alone does not count: what counts is the configuration.
    let mut image = history(&[("USER app", true)]);
    image.config.as_mut().expect("set").summary.user.clear();
    assert!(image.finding("CIS-DI-4.1").is_some());
}

#[test]
fn the_configuration_is_read_to_the_end() {
    let mut image = with(|config| {
        config.summary.created = "2026-01-01T00:00:00Z".parse().ok();
        config.summary.healthcheck = false;
        config.summary.exposed_ports = vec!["22/tcp".into(), "8080/tcp".into()];
        config.summary.volumes = vec!["/etc/".into(), "/data".into()];
        config.summary.working_dir = "app".into();
        config.env = [
            ("PATH", "/usr/bin::/tmp:."),
            ("DB_PASSWORD", "x"),
            ("EMPTY_PASSWORD", ""),
            ("NODE_TLS_REJECT_UNAUTHORIZED", "0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    });
    image.tags = vec!["app:1".into(), "app:latest".into()];
    let one = |rule| {
        let list = image.evidence(rule);
        assert_eq!(list.len(), 1, "{rule} {list:?}");
        list.into_iter().next().expect("one")
    };
    assert_eq!(one("CIS-DI-4.4").1, "built on 2026-01-01, 151 days before this scan");
    assert_eq!(one("CIS-DI-4.6").0, "config:Healthcheck");
    assert_eq!(one("CIS-DI-4.10").0, "env:DB_PASSWORD");
    assert_eq!(one("GABION-IMG-001").0, "tag:app:latest");
    assert_eq!(one("GABION-IMG-015").1, "22/tcp: ssh");
    assert_eq!(one("GABION-IMG-016").1, "app");
    assert_eq!(one("GABION-IMG-017").1, "/etc/");
    assert_eq!(one("GABION-IMG-024").0, "env:NODE_TLS_REJECT_UNAUTHORIZED");
    assert_eq!(image.evidence("GABION-IMG-023").len(), 3);
}

#[test]
fn the_date_of_a_reproducible_build_is_no_age() {
    let image = with(|config| config.summary.created = "1980-01-01T00:00:01Z".parse().ok());
    assert!(image.finding("CIS-DI-4.4").is_none());
}

#[test]
fn steps_are_blamed_with_their_line_and_their_layer() {
    let image = history(&[
        ("/bin/sh -c #(nop) ADD file:0a1b in / ", false),
        ("/bin/sh -c #(nop)  CMD [\"bash\"]", true),
        ("RUN |1 GITHUB_TOKEN=abc /bin/sh -c curl -sSL https://h/i | sh # buildkit", false),
        ("RUN /bin/sh -c apt-get update # buildkit", false),
        ("ADD app /app # buildkit", false),
        ("COPY --chmod=777 run /run # buildkit", false),
    ]);
    let finding = image.finding("GABION-IMG-018").expect("found");
    assert_eq!((finding.evidence[0].place.as_str(), finding.evidence[0].layer), ("history:2", Some(1)));
    assert_eq!(image.evidence("CIS-DI-4.7"), [("history:3".into(), "apt-get update".into())]);
    assert_eq!(image.evidence("CIS-DI-4.9"), [("history:4".into(), "ADD app /app".into())]);
    assert_eq!(image.evidence("GABION-IMG-019"), [("history:5".into(), "COPY --chmod=777".into())]);
    let secret = image.evidence("CIS-DI-4.10");
    assert_eq!(secret, [("history:2".into(), "build argument GITHUB_TOKEN".into())]);
}

#[test]
fn a_line_more_in_the_history_changes_no_id() {
    let id = |lines: &[(&str, bool)]| history(lines).finding("CIS-DI-4.7").expect("found").id;
    let update = ("RUN /bin/sh -c apt-get update # buildkit", false);
    assert_eq!(id(&[update]), id(&[("ENV A=b", true), update]));
    assert_ne!(id(&[update]), id(&[("RUN /bin/sh -c apk update # buildkit", false)]));
}

#[test]
fn rights_lent_by_programs_are_named_and_weighed() {
    let mut image = with(|_| {});
    let su = image.file("usr/bin/su", 0o4755);
    image.packages = vec![Package::new(PackageKind::Deb, "util-linux", "2.38", "dpkg")];
    image.tree.set_package(su, 0);
    let finding = image.finding("CIS-DI-4.8").expect("found");
    assert_eq!(finding.severity, Severity::Low);
    assert_eq!(finding.evidence[0].detail, "runs as user 0, mode 4755");
    assert_eq!(finding.evidence[0].package.as_ref().expect("owned").name, "util-linux");

    let raw = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let ping = NewFile { kind: FileKind::File, mode: 0o755, capabilities: Some(&raw), ..NewFile::default() };
    image.put("usr/bin/ping", ping);
    let finding = image.finding("CIS-DI-4.8").expect("found");
    assert_eq!(finding.severity, Severity::Medium, "no package ships ping");
    assert_eq!(finding.evidence[0].detail, "cap_net_raw=ep, mode 0755, of no package");

    image.file("opt/x", 0o6777);
    assert_eq!(image.finding("CIS-DI-4.8").expect("found").severity, Severity::High);
}

#[test]
fn permissions_names_and_caches() {
    let mut image = with(|_| {});
    let directory = |mode| NewFile { kind: FileKind::Directory, mode, ..NewFile::default() };
    image.put("tmp", directory(0o1777));
    image.put("shared", directory(0o777));
    image.file("etc/x.conf", 0o666);
    image.file("dev/null", 0o666);
    image.file("etc/shadow", 0o644);
    image.file("etc/ssh/ssh_host_rsa_key", 0o600);
    image.file("etc/ssh/ssh_host_rsa_key.pub", 0o644);
    image.file("root/.ssh/id_ed25519", 0o600);
    image.file("root/.ssh/authorized_keys", 0o600);
    image.file("root/.aws/credentials", 0o600);
    image.file("app/.git/HEAD", 0o644);
    image.put("app/.git", directory(0o755));
    image.file("app/node_modules/x/Dockerfile", 0o644);
    image.file("app/Dockerfile", 0o644);
    image.file("var/lib/apt/lists/a", 0o644);
    image.file("var/lib/apt/lists/partial/b", 0o644);
    image.put("var/lib/apt/lists/lock", NewFile { kind: FileKind::File, ..NewFile::default() });
    let tool = NewFile { kind: FileKind::File, mode: 0o755, uid: 1000, ..NewFile::default() };
    image.put("usr/local/bin/tool", tool);
    let places = |rule| image.evidence(rule).into_iter().map(|(place, _)| place).collect::<Vec<_>>();
    assert_eq!(places("GABION-IMG-006"), ["etc/shadow"]);
    assert_eq!(places("GABION-IMG-007"), ["etc/x.conf", "shared"]);
    assert_eq!(places("GABION-IMG-008"), ["etc/ssh/ssh_host_rsa_key"]);
    assert_eq!(places("GABION-IMG-009"), ["root/.ssh/id_ed25519"]);
    assert_eq!(places("GABION-IMG-025"), ["usr/local/bin/tool"]);
    assert_eq!(places("GABION-IMG-026"), ["app/.git", "app/Dockerfile"]);
    assert_eq!(places("GABION-IMG-027"), ["root/.aws/credentials"]);
    assert_eq!(places("GABION-IMG-029"), ["root/.ssh/authorized_keys"]);
    assert_eq!(image.evidence("GABION-IMG-012"), [("var/lib/apt/lists".into(), "2 files, 2 bytes".into())]);
}

#[test]
fn programs_are_found_through_links_once() {
    let mut image = with(|config| config.summary.cmd = vec!["/usr/sbin/sshd".into(), "-D".into()]);
    let link = |target| NewFile { kind: FileKind::Symlink, link: target, ..NewFile::default() };
    image.put("bin", link(b"usr/bin"));
    image.file("usr/bin/busybox", 0o755);
    image.put("usr/bin/sh", link(b"/bin/busybox"));
    let finding = image.finding("CIS-DI-4.3").expect("found");
    assert_eq!(finding.severity, Severity::Info, "a shell alone");
    assert_eq!(image.evidence("CIS-DI-4.3"), [("usr/bin/sh".into(), "shell".into())]);
    image.put("usr/bin/wget", link(b"nowhere"));
    image.file("usr/bin/gcc", 0o755);
    image.file("usr/bin/sudo", 0o755);
    image.file("usr/sbin/sshd", 0o644);
    assert_eq!(image.finding("CIS-DI-4.3").expect("found").severity, Severity::Low);
    assert_eq!(image.evidence("CIS-DI-4.3")[0], ("usr/bin/gcc".into(), "compiler".into()));
    assert_eq!(image.evidence("GABION-IMG-010"), [("config:Cmd".into(), "starts sshd".into())]);
    assert_eq!(image.evidence("GABION-IMG-011")[0].0, "usr/bin/sudo");
}

#[test]
fn accounts_that_let_too_many_in() {
    let mut image = with(|_| {});
    image.file("etc/passwd", 0o644);
    let open = Account { empty_password: true, ..account("open", None) };
    let hashed = Account { has_password: true, ..account("root", None) };
    let passwd =
        [("root", 0), ("toor", 0), ("a", 7), ("b", 7), ("a", 8)].map(|(name, uid)| account(name, Some(uid)));
    image.accounts = vec![("etc/passwd".into(), passwd.to_vec()), ("etc/shadow".into(), vec![open, hashed])];
    let details = |rule| image.evidence(rule).into_iter().map(|(_, detail)| detail).collect::<Vec<_>>();
    assert_eq!(details("GABION-IMG-002"), ["open: the password field is empty"]);
    assert_eq!(details("GABION-IMG-003"), ["toor: user id 0"]);
    assert_eq!(details("GABION-IMG-004"), ["a: the name is given twice", "b: user id 7, as a"]);
    assert_eq!(details("GABION-IMG-005"), ["root: has a password hash"]);
    let finding = image.finding("GABION-IMG-003").expect("found");
    assert_eq!(finding.evidence[0].layer, Some(0));
}

#[test]
fn a_directory_has_no_layers_and_long_evidence_is_cut_and_counted() {
    let mut image = Image::default();
    for n in 0..1005 {
        image.file(&format!("data/{n}"), 0o666);
    }
    let finding = image.finding("GABION-IMG-007").expect("found");
    assert_eq!(finding.evidence.len(), 1000);
    assert!(finding.evidence.iter().all(|e| e.layer.is_none()));
    assert!(finding.evidence[999].detail.ends_with("(and 5 more places)"));
    assert_eq!(finding, image.finding("GABION-IMG-007").expect("again"));
}

#[test]
fn a_large_image_names_its_largest_files() {
    let mut image = with(|_| {});
    for (name, size) in [("small", 1), ("model.bin", 2 << 30)] {
        image.put(name, NewFile { kind: FileKind::File, size, ..NewFile::default() });
    }
    let evidence = image.evidence("GABION-IMG-013");
    assert_eq!(evidence[0], ("files".into(), "2147483649 bytes".into()));
    assert_eq!(evidence[1].0, "model.bin");
}

#[test]
fn an_owner_that_is_out_of_range_is_no_owner() {
    let mut image = with(|_| {});
    let id = image.file("usr/bin/su", 0o4755);
    image.tree.set_package(id, FileEntry::NO_PACKAGE - 1);
    assert!(image.finding("CIS-DI-4.8").expect("found").evidence[0].package.is_none());
}
