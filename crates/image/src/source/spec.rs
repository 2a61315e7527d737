//! What the user's argument means: `docker-archive:app.tar`, `registry:alpine`, or just `app.tar`.
//!
//! A bare argument is taken for what it is: a path that exists, by its content; else the name of an image,
//! which the daemons of this machine may have, or its registry. A report says which, and why
//! ([`Spec::guessed`]), as an argument may be both: `./name` is always a path, `registry:host/name` never.
//!
//! Two prefixes are names of images as well. What follows them decides:
//!
//! ```text
//!   registry:2, docker:27-dind       the image, as this is how its tags look; printed, with the way to say the other
//!   registry:alpine, docker:nginx    the source: an image of Docker Hub, an image of the daemon
//! ```

use super::{
    Reference, SourceError,
    containerd::{self, ContainerdOptions, is_socket},
    docker::{self, DockerOptions},
    printable,
};
use std::{
    fmt,
    fs::{self, File},
    io::{self, BufReader, Read, Seek},
    path::{Path, PathBuf},
    str::FromStr,
};

/// Kinds of sources, by their prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// `docker-archive:FILE`, of `docker save`.
    DockerArchive,
    /// `oci:DIRECTORY`, an OCI image layout.
    Oci,
    /// `oci-archive:FILE`, a tar of such a layout.
    OciArchive,
    /// `registry:REFERENCE`.
    Registry,
    /// `containerd:REFERENCE`.
    Containerd,
    /// `docker:REFERENCE`, or `podman:`.
    Docker,
    /// `dir:DIRECTORY`, the root of a file system.
    Dir,
    /// `container:NAME`, a running one.
    Container,
    /// `sbom:FILE`.
    Sbom,
}

impl SourceKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::DockerArchive,
        Self::Oci,
        Self::OciArchive,
        Self::Registry,
        Self::Containerd,
        Self::Docker,
        Self::Dir,
        Self::Container,
        Self::Sbom,
    ];

    /// Its prefix, without the colon.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::DockerArchive => "docker-archive",
            Self::Oci => "oci",
            Self::OciArchive => "oci-archive",
            Self::Registry => "registry",
            Self::Containerd => "containerd",
            Self::Docker => "docker",
            Self::Dir => "dir",
            Self::Container => "container",
            Self::Sbom => "sbom",
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.prefix())
    }
}

impl FromStr for SourceKind {
    type Err = ();

    fn from_str(prefix: &str) -> Result<Self, ()> {
        if prefix == "podman" {
            return Ok(Self::Docker);
        }
        Self::ALL.into_iter().find(|kind| kind.prefix() == prefix).ok_or(())
    }
}

/// Where an image is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Kind of source.
    pub kind: SourceKind,
    /// What it is called there: the argument without prefix.
    pub reference: String,
    /// Why this kind, if the argument had no prefix.
    pub guessed: Option<String>,
}

/// What a path holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A directory.
    Directory,
    /// A directory with `oci-layout`.
    Layout,
    /// A tar with `manifest.json`.
    DockerArchive,
    /// A tar with `oci-layout` or `index.json`.
    OciArchive,
    /// A document of CycloneDX or SPDX.
    Sbom,
    /// A file without content.
    Empty,
    /// A tar with neither.
    Tar,
    /// Something else.
    Other,
}

/// The world that an argument is looked up in.
pub trait Probe {
    /// What is at a path, if anything is.
    fn look(&self, path: &Path) -> Result<Option<Found>, SourceError>;
    /// Whether a daemon is there and has the image; asked for `Containerd` and `Docker`.
    fn holds(&self, daemon: SourceKind, reference: &str) -> bool;
}

impl Spec {
    /// Reads an argument.
    pub fn parse(argument: &str, probe: &dyn Probe) -> Result<Self, SourceError> {
        if let Some((prefix, reference)) = argument.split_once(':')
            && let Ok(kind) = prefix.parse()
        {
            if reference.is_empty() {
                return Err(SourceError::Reference {
                    reference: printable(argument),
                    reason: format!("nothing follows {prefix}:"),
                });
            }
            return Ok(Self::named_like_a_prefix(kind, argument, reference, probe).unwrap_or_else(|| Self {
                kind,
                reference: reference.to_owned(),
                guessed: (kind == SourceKind::Registry && !reference.contains('/'))
                    .then(|| "of docker.io, as no host is named".to_owned()),
            }));
        }
        let path = Path::new(argument);
        if let Some(found) = probe.look(path)? {
            let (kind, why) = match found {
                Found::Layout => (SourceKind::Oci, "a directory with oci-layout"),
                Found::Directory => (SourceKind::Dir, "a directory"),
                Found::DockerArchive => (SourceKind::DockerArchive, "a tar file with manifest.json"),
                Found::OciArchive => (SourceKind::OciArchive, "a tar file with an OCI layout"),
                Found::Sbom => (SourceKind::Sbom, "a CycloneDX or SPDX document"),
                Found::Empty | Found::Tar | Found::Other => {
                    return Err(SourceError::UnknownFile {
                        path: path.to_owned(),
                        seen: match found {
                            Found::Empty => "empty",
                            Found::Tar => {
                                "a tar file without manifest.json and index.json, or the beginning of one"
                            }
                            _ => "a file of another kind",
                        },
                    });
                }
            };
            return Ok(Self::guess(kind, argument, why));
        }
        let meant = argument.split_once(':').and_then(|(prefix, _)| nearest(prefix));
        if let Some(kind) = meant.filter(|_| names_file(argument)) {
            return Err(SourceError::Reference {
                reference: printable(argument),
                reason: format!("there is no such file or source; did you mean {kind}:?"),
            });
        }
        if argument.starts_with(['/', '.', '~']) || names_file(argument) {
            let error = io::Error::from_raw_os_error(libc::ENOENT);
            return Err(SourceError::file(path, error));
        }
        let by_id = argument.starts_with("sha256:");
        if !by_id {
            argument.parse::<Reference>()?;
        }
        for (daemon, why) in
            [(SourceKind::Containerd, "containerd has it"), (SourceKind::Docker, "the docker daemon has it")]
        {
            if probe.holds(daemon, argument) {
                return Ok(Self::guess(daemon, argument, why));
            }
        }
        if by_id {
            return Err(SourceError::NotFound {
                host: "this machine".to_owned(),
                reference: printable(argument),
            });
        }
        let doubt = meant.map(|kind| format!("; did you mean {kind}:?"));
        let why = "neither a path nor an image of a daemon here";
        Ok(Self::guess(SourceKind::Registry, argument, &format!("{why}{}", doubt.unwrap_or_default())))
    }

    /// The images `registry:2` and `docker:dind` of Docker Hub, whose names are prefixes.
    fn named_like_a_prefix(kind: SourceKind, argument: &str, rest: &str, probe: &dyn Probe) -> Option<Self> {
        let (name, other) = match kind {
            SourceKind::Registry => ("registry", format!("registry:docker.io/library/{rest}")),
            SourceKind::Docker if argument.starts_with("docker:") => {
                ("docker", format!("docker:{rest}:latest"))
            }
            _ => return None,
        };
        let daemon_has_it = || kind == SourceKind::Docker && probe.holds(kind, rest);
        if !is_like_a_tag(rest) || daemon_has_it() {
            return None;
        }
        let place = [SourceKind::Containerd, SourceKind::Docker]
            .into_iter()
            .find(|daemon| probe.holds(*daemon, argument))
            .unwrap_or(SourceKind::Registry);
        let why = format!("the image {name} with the tag {rest}; for an image {rest}, write {other}");
        Some(Self::guess(place, argument, &why))
    }

    fn guess(kind: SourceKind, reference: &str, why: &str) -> Self {
        Self { kind, reference: reference.to_owned(), guessed: Some(why.to_owned()) }
    }
}

/// `2`, `2.8.3`, `27-dind`, `latest`, `dind-rootless`: a version, or a word that only those images have for a tag.
fn is_like_a_tag(text: &str) -> bool {
    let version = text.split('-').next().unwrap_or_default();
    let is_version = version
        .split('.')
        .all(|number| !number.is_empty() && number.len() <= 4 && number.bytes().all(|b| b.is_ascii_digit()));
    let is_bare = !text.contains(['/', ':', '@']);
    is_bare && (is_version || text == "latest" || text.split('-').any(|part| part == "dind"))
}

/// Whether an argument ends like the name of a file, as no image does.
fn names_file(argument: &str) -> bool {
    [".tar", ".tar.gz", ".tgz", ".tar.zst", ".json", ".xml", ".spdx"]
        .iter()
        .any(|end| argument.to_ascii_lowercase().ends_with(end))
}

/// The prefix that a misspelt one was meant to be.
fn nearest(word: &str) -> Option<SourceKind> {
    SourceKind::ALL
        .into_iter()
        .map(|kind| (distance(kind.prefix().as_bytes(), word.as_bytes()), kind))
        .filter(|(edits, kind)| *edits > 0 && *edits <= kind.prefix().len() / 4)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, kind)| kind)
}

/// How many letters must be put in, taken out or changed to make one word of the other (Levenshtein).
fn distance(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (above, b) in row.iter_mut().skip(1).zip(to) {
            let cost = (diagonal + usize::from(a != b)).min(*above + 1).min(left + 1);
            diagonal = std::mem::replace(above, cost);
            left = cost;
        }
        row[0] = i + 1;
    }
    row.last().copied().unwrap_or_default()
}

/// The machine this runs on.
#[derive(Clone, Debug)]
pub struct SystemProbe {
    /// Where containerd would be.
    pub containerd: ContainerdOptions,
    /// Where Docker would be.
    pub docker: DockerOptions,
}

impl Probe for SystemProbe {
    fn look(&self, path: &Path) -> Result<Option<Found>, SourceError> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(e) => return Err(SourceError::file(path, e)),
        };
        if metadata.is_dir() {
            let layout = path.join("oci-layout").is_file();
            return Ok(Some(if layout { Found::Layout } else { Found::Directory }));
        }
        if !metadata.is_file() {
            return Ok(Some(Found::Other));
        }
        look_into(path).map(Some).map_err(|e| SourceError::file(path, e))
    }

    fn holds(&self, daemon: SourceKind, reference: &str) -> bool {
        let here =
            match daemon {
                SourceKind::Containerd => is_socket(&self.containerd.socket),
                SourceKind::Docker => self.docker.hosts.iter().any(|host| {
                    host.strip_prefix("unix://").is_none_or(|path| is_socket(&PathBuf::from(path)))
                }),
                _ => false,
            };
        if !here {
            return false;
        }
        // A thread with a runtime of its own: this may be called from within one.
        let ask = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.is_ok_and(|runtime| {
                runtime.block_on(async {
                    match daemon {
                        SourceKind::Containerd => containerd::holds(reference, &self.containerd).await,
                        _ => docker::holds(reference, &self.docker).await,
                    }
                })
            })
        };
        std::thread::scope(|scope| scope.spawn(ask).join().unwrap_or(false))
    }
}

/// How much of a text is searched for the marks of an SBOM.
const MAX_TEXT: u64 = 1 << 20;

/// How many entries of a tar are searched for those that tell its kind.
const MAX_ENTRIES: usize = 100_000;

fn look_into(path: &Path) -> io::Result<Found> {
    let mut file = File::open(path)?;
    let mut start = Vec::new();
    (&mut file).take(512).read_to_end(&mut start)?;
    file.rewind()?;
    if start.is_empty() {
        return Ok(Found::Empty);
    }
    let blank = |b: &&u8| !b.is_ascii_whitespace() && !b"\xef\xbb\xbf".contains(b);
    if start.get(257..262) == Some(b"ustar") {
        return Ok(tar_kind(file));
    }
    // Of a compressed tar the interesting entries may be at the end: whoever reads it finds out.
    if start.starts_with(b"\x1f\x8b") || start.starts_with(b"\x28\xb5\x2f\xfd") {
        return Ok(Found::DockerArchive);
    }
    let marks: &[&[u8]] = match start.iter().find(blank) {
        Some(b'{') => &[b"\"bomFormat\"", b"\"spdxVersion\""],
        Some(b'<') => &[b"http://cyclonedx.org/schema/bom"],
        Some(b'S') => &[b"SPDXVersion:"],
        _ => return Ok(Found::Other),
    };
    let mut text = Vec::new();
    file.take(MAX_TEXT).read_to_end(&mut text)?;
    let marked = marks.iter().any(|mark| memchr::memmem::find(&text, mark).is_some());
    Ok(if marked { Found::Sbom } else { Found::Other })
}

/// Newer archives of Docker are both; then the older form, which names the image, is preferred.
fn tar_kind(file: File) -> Found {
    let mut archive = tar::Archive::new(BufReader::new(file));
    let mut kind = Found::Tar;
    let Ok(entries) = archive.entries_with_seek() else {
        return kind;
    };
    for entry in entries.take(MAX_ENTRIES) {
        let Ok(entry) = entry else {
            return kind;
        };
        let name = entry.path_bytes();
        match name.strip_prefix(b"./").unwrap_or(&name) {
            b"manifest.json" => return Found::DockerArchive,
            b"oci-layout" | b"index.json" => kind = Found::OciArchive,
            _ => {}
        }
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Default)]
    struct World {
        paths: BTreeMap<&'static str, Found>,
        daemons: Vec<(SourceKind, &'static str)>,
    }

    impl Probe for World {
        fn look(&self, path: &Path) -> Result<Option<Found>, SourceError> {
            Ok(path.to_str().and_then(|path| self.paths.get(path)).copied())
        }

        fn holds(&self, daemon: SourceKind, reference: &str) -> bool {
            self.daemons.contains(&(daemon, reference))
        }
    }

    #[test]
    fn a_prefix_decides_and_the_rest_is_kept_as_it_is() {
        let world = World::default();
        for kind in SourceKind::ALL {
            let spec = Spec::parse(&format!("{kind}:a:b"), &world).expect("prefixed");
            assert_eq!((spec.kind, spec.reference.as_str()), (kind, "a:b"));
            assert_eq!(spec.guessed.is_some(), kind == SourceKind::Registry, "{kind}");
        }
        assert_eq!(Spec::parse("podman:x", &world).expect("alias").kind, SourceKind::Docker);
        let error = Spec::parse("oci:", &world).expect_err("empty").to_string();
        assert!(error.contains("nothing follows oci:"), "{error}");
    }

    #[test]
    fn images_that_are_named_like_a_prefix_are_known_by_their_tags() {
        let here = World {
            daemons: vec![(SourceKind::Docker, "dind"), (SourceKind::Containerd, "registry:2")],
            ..World::default()
        };
        let nothing = World::default();
        let kind = |argument, world: &World| {
            let spec = Spec::parse(argument, world).expect("a spec");
            (spec.kind, spec.reference, spec.guessed.unwrap_or_default())
        };
        for argument in ["registry:2", "registry:2.8.3", "registry:latest", "docker:27-cli", "docker:dind"] {
            let (kind, reference, why) = kind(argument, &nothing);
            assert_eq!((kind, reference.as_str()), (SourceKind::Registry, argument));
            assert!(why.contains("with the tag") && why.contains("write "), "{why}");
        }
        assert_eq!(kind("registry:2", &here).0, SourceKind::Containerd);
        let daemon = (SourceKind::Docker, "dind".to_owned(), String::new());
        assert_eq!(kind("docker:dind", &here), daemon);
        for argument in
            ["docker:nginx", "docker:3f1aec0e555d", "docker:dind:latest", "podman:27", "docker:a/27"]
        {
            let rest = argument.split_once(':').expect("a prefix").1;
            let daemon = (SourceKind::Docker, rest.to_owned(), String::new());
            assert_eq!(kind(argument, &nothing), daemon);
        }
        let (kind, reference, why) = kind("registry:alpine", &nothing);
        assert_eq!((kind, reference.as_str()), (SourceKind::Registry, "alpine"));
        assert!(why.contains("docker.io"), "{why}");
        let full = Spec::parse("registry:docker.io/library/2", &nothing).expect("a spec");
        assert_eq!((full.reference.as_str(), full.guessed), ("docker.io/library/2", None));
    }

    #[test]
    fn slips_are_answered() {
        let world = World::default();
        let error = |argument| Spec::parse(argument, &world).expect_err(argument).to_string();
        assert!(error("nosuch.tar").contains("No such file"), "{}", error("nosuch.tar"));
        assert!(error("app.cdx.json").contains("No such file"));
        let slip = error("docker-archve:foo.tar");
        assert!(slip.ends_with("did you mean docker-archive:?"), "{slip}");
        let why = |argument| Spec::parse(argument, &world).expect("an image").guessed.expect("a guess");
        assert!(why("regsitry:5").ends_with("did you mean registry:?"));
        assert!(!why("nginx:1.27").contains("did you mean"));
        assert!(!why("dirt:1").contains("did you mean"));
    }

    #[test]
    fn a_bare_argument_is_what_it_turns_out_to_be() {
        let world = World {
            paths: [("app", Found::Directory), ("app.tar", Found::OciArchive), ("notes.txt", Found::Other)]
                .into(),
            daemons: vec![
                (SourceKind::Containerd, "both"),
                (SourceKind::Docker, "both"),
                (SourceKind::Docker, "one:v1"),
            ],
        };
        let kind = |argument| Spec::parse(argument, &world).map(|spec| spec.kind);
        assert_eq!(kind("app").expect("a path"), SourceKind::Dir);
        assert_eq!(kind("app.tar").expect("a path"), SourceKind::OciArchive);
        assert_eq!(kind("both").expect("an image"), SourceKind::Containerd);
        assert_eq!(kind("one:v1").expect("an image"), SourceKind::Docker);
        assert_eq!(kind("alpine:3").expect("an image"), SourceKind::Registry);
        assert!(matches!(kind("notes.txt"), Err(SourceError::UnknownFile { .. })));
        assert!(matches!(kind("./missing.tar"), Err(SourceError::File { .. })));
        assert!(matches!(kind("Not An Image"), Err(SourceError::Reference { .. })));
        assert!(matches!(kind("sha256:00"), Err(SourceError::NotFound { .. })));
        let why = Spec::parse("app", &world).expect("a path").guessed;
        assert_eq!(why.as_deref(), Some("a directory"));
    }

    #[test]
    fn files_are_recognised_by_content() {
        let directory = tempfile::tempdir().expect("a directory");
        let tar = |names: &[&str]| {
            let mut builder = tar::Builder::new(Vec::new());
            for name in names {
                let mut header = tar::Header::new_gnu();
                header.set_size(3);
                builder.append_data(&mut header, name, &b"{}\n"[..]).expect("appends");
            }
            builder.into_inner().expect("finishes")
        };
        for (content, expected) in [
            (tar(&["layer.tar", "manifest.json"]), Found::DockerArchive),
            (tar(&["oci-layout", "index.json", "manifest.json"]), Found::DockerArchive),
            (tar(&["blobs/x", "./index.json"]), Found::OciArchive),
            (tar(&["etc/passwd"]), Found::Tar),
            (tar(&["blobs/x", "manifest.json"])[..700].to_vec(), Found::Tar),
            (b"\x1f\x8b\x08".to_vec(), Found::DockerArchive),
            (b" {\"bomFormat\": \"CycloneDX\"}".to_vec(), Found::Sbom),
            (b"{\"spdxVersion\": 1}".to_vec(), Found::Sbom),
            (b"SPDXVersion: SPDX-2.3\n".to_vec(), Found::Sbom),
            (b"<bom xmlns=\"http://cyclonedx.org/schema/bom/1.6\">".to_vec(), Found::Sbom),
            (b"{}".to_vec(), Found::Other),
            (Vec::new(), Found::Empty),
        ] {
            let path = directory.path().join("file");
            fs::write(&path, &content).expect("writes");
            assert_eq!(look_into(&path).expect("reads"), expected, "{:?}", String::from_utf8_lossy(&content));
        }
    }
}
