//! Images made from files in memory, written as an OCI image layout.
//!
//! ```text
//!   Recipe { on: base, steps: [(line, Layer)] } ──► blobs/sha256/…: layers (plain tar), configuration, manifest
//!                                               └─► Built: diffIDs, history, id ──► the next recipe's base
//! ```
//! The same files give the same bytes: entries are sorted, owners are root, times are those of the recipe.

use anyhow::Context;
use gabion_model::Digest;
use gabion_node::containers::REF_NAME;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

/// Seconds since 1970 of every file: 2026-10-01.
const MODIFIED: u64 = 1_790_812_800;
const BLOCK: usize = 512;
/// Bytes of a name in the header of an entry; a longer one goes before it.
const MAX_NAME: usize = 100;

/// What lies at a path of a layer.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Directory { mode: u32 },
    File { mode: u32, bytes: Vec<u8> },
    Link { to: String },
}

/// Files by their paths, which do not begin with a slash.
#[derive(Debug, Default)]
pub(super) struct Layer(BTreeMap<String, Entry>);

/// A line of an image's history, and the layer that it made, if it made one.
pub(super) struct Step {
    pub(super) line: String,
    pub(super) layer: Option<Layer>,
}

/// How an image is made.
pub(super) struct Recipe<'a> {
    /// `demo/base:1`.
    pub(super) name: String,
    /// As RFC 3339.
    pub(super) created: &'a str,
    pub(super) on: Option<&'a Built>,
    pub(super) steps: Vec<Step>,
    /// What of the configuration (`Env`, `User`, `Labels`, ...) is not as in the base.
    pub(super) run: Value,
}

/// An image that is in a layout.
#[derive(Clone, Debug)]
pub(super) struct Built {
    pub(super) name: String,
    /// The digest of its configuration.
    pub(super) id: Digest,
    /// The digest of its manifest.
    pub(super) manifest: Digest,
    /// Its layers, the lowest first: diffIDs, which are the digests of the blobs as well, and their sizes.
    pub(super) layers: Vec<(Digest, usize)>,
    /// `Env`, `User`, `Labels`, ...
    pub(super) run: Value,
    history: Vec<Value>,
}

/// An image layout that is written, and where its layers are unpacked.
pub(super) struct Layout {
    directory: PathBuf,
    unpacked: PathBuf,
    entries: BTreeMap<String, Value>,
}

impl Layer {
    /// A directory; those above it are made, too.
    pub(super) fn directory(&mut self, path: &str, mode: u32) {
        self.parents(path);
        self.0.insert(path.to_owned(), Entry::Directory { mode });
    }

    pub(super) fn file(&mut self, path: &str, mode: u32, bytes: impl Into<Vec<u8>>) {
        self.parents(path);
        self.0.insert(path.to_owned(), Entry::File { mode, bytes: bytes.into() });
    }

    pub(super) fn link(&mut self, path: &str, to: &str) {
        self.parents(path);
        self.0.insert(path.to_owned(), Entry::Link { to: to.to_owned() });
    }

    fn parents(&mut self, path: &str) {
        for (slash, _) in path.match_indices('/') {
            self.0.entry(path[..slash].to_owned()).or_insert(Entry::Directory { mode: 0o755 });
        }
    }

    /// As a tar archive.
    fn tar(&self) -> Vec<u8> {
        let mut tar = Vec::new();
        for (path, entry) in &self.0 {
            let (kind, mode, bytes, to) = match entry {
                Entry::Directory { mode } => (b'5', *mode, &[][..], ""),
                Entry::File { mode, bytes } => (b'0', *mode, bytes.as_slice(), ""),
                Entry::Link { to } => (b'2', 0o777, &[][..], to.as_str()),
            };
            let path = if kind == b'5' { format!("{path}/") } else { path.clone() };
            // GNU's way for what is longer than its field.
            for (long, kind) in [(to, b'K'), (path.as_str(), b'L')] {
                if long.len() > MAX_NAME {
                    let name = [long.as_bytes(), &[0]].concat();
                    push(&mut tar, "././@LongLink", kind, 0o644, "", &name);
                }
            }
            push(&mut tar, &path, kind, mode, to, bytes);
        }
        tar.resize(tar.len() + 2 * BLOCK, 0);
        tar
    }

    /// Writes the files beneath a directory that is there.
    fn unpack(&self, root: &Path) -> io::Result<()> {
        for (path, entry) in &self.0 {
            let path = root.join(path);
            match entry {
                Entry::Directory { mode } => {
                    fs::create_dir(&path)?;
                    fs::set_permissions(&path, fs::Permissions::from_mode(*mode))?;
                }
                Entry::File { mode, bytes } => {
                    fs::write(&path, bytes)?;
                    fs::set_permissions(&path, fs::Permissions::from_mode(*mode))?;
                }
                Entry::Link { to } => symlink(to, &path)?,
            }
        }
        Ok(())
    }
}

/// An entry: its header and its content, filled up to whole blocks.
fn push(tar: &mut Vec<u8>, path: &str, kind: u8, mode: u32, to: &str, bytes: &[u8]) {
    let mut header = [0_u8; BLOCK];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, &path.as_bytes()[..path.len().min(MAX_NAME)]);
    put(100, format!("{mode:07o}").as_bytes());
    put(108, b"0000000");
    put(116, b"0000000");
    put(124, format!("{:011o}", bytes.len()).as_bytes());
    put(136, format!("{MODIFIED:011o}").as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(157, &to.as_bytes()[..to.len().min(MAX_NAME)]);
    put(257, b"ustar  \0");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    tar.extend_from_slice(&header);
    tar.extend_from_slice(bytes);
    tar.resize(tar.len().next_multiple_of(BLOCK), 0);
}

impl Layout {
    /// Begins one, or goes on with it. Layers are unpacked beneath `unpacked`, by their digests.
    pub(super) fn open(directory: &Path, unpacked: &Path) -> anyhow::Result<Self> {
        for made in [&directory.join("blobs/sha256"), unpacked] {
            fs::create_dir_all(made).with_context(|| format!("cannot make {}", made.display()))?;
        }
        let mut layout =
            Self { directory: directory.to_owned(), unpacked: unpacked.to_owned(), entries: BTreeMap::new() };
        layout.write("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        let index: Value = match fs::read(directory.join("index.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Value::Null,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", directory.display())),
        };
        for entry in index["manifests"].as_array().into_iter().flatten() {
            if let Some(name) = entry["annotations"][REF_NAME].as_str() {
                layout.entries.insert(name.to_owned(), entry.clone());
            }
        }
        Ok(layout)
    }

    /// Where a layer is unpacked.
    pub(super) fn layer(&self, diff_id: Digest) -> PathBuf {
        self.unpacked.join(diff_id.hex())
    }

    /// Makes an image, and lists it.
    pub(super) fn build(&mut self, recipe: Recipe<'_>) -> anyhow::Result<Built> {
        let (mut layers, mut history, mut run) = match recipe.on {
            Some(base) => (base.layers.clone(), base.history.clone(), base.run.clone()),
            None => (Vec::new(), Vec::new(), json!({})),
        };
        for Step { line, layer } in recipe.steps {
            let mut told = json!({"created": recipe.created, "created_by": line});
            match layer {
                Some(layer) => layers.push(self.add_layer(&layer)?),
                None => told["empty_layer"] = json!(true),
            }
            history.push(told);
        }
        merge(&mut run, recipe.run);
        let config = json!({
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
            "os": "linux",
            "created": recipe.created,
            "config": run,
            "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>()},
            "history": history,
        });
        let config = config.to_string().into_bytes();
        let id = self.blob(&config)?;
        let described = |kind: &str, digest: Digest, size: usize| {
            let media_type = format!("application/vnd.oci.image.{kind}");
            json!({"mediaType": media_type, "digest": digest.to_string(), "size": size})
        };
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": described("config.v1+json", id, config.len()),
            "layers": layers.iter().map(|(layer, size)| described("layer.v1.tar", *layer, *size)).collect::<Vec<_>>(),
        });
        let bytes = manifest.to_string().into_bytes();
        let manifest = self.blob(&bytes)?;
        let mut entry = described("manifest.v1+json", manifest, bytes.len());
        entry["annotations"] = json!({ REF_NAME: recipe.name });
        self.entries.insert(recipe.name.clone(), entry);
        let index = json!({"schemaVersion": 2, "manifests": self.entries.values().collect::<Vec<_>>()});
        self.write("index.json", index.to_string().as_bytes())?;
        Ok(Built { name: recipe.name, id, manifest, layers, run, history })
    }

    fn add_layer(&self, layer: &Layer) -> anyhow::Result<(Digest, usize)> {
        let tar = layer.tar();
        let digest = self.blob(&tar)?;
        let root = self.layer(digest);
        let made = match fs::create_dir(&root) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok((digest, tar.len())),
            made => made,
        };
        made.and_then(|()| layer.unpack(&root))
            .with_context(|| format!("cannot unpack a layer in {}", root.display()))?;
        Ok((digest, tar.len()))
    }

    fn blob(&self, bytes: &[u8]) -> anyhow::Result<Digest> {
        let digest = Digest::sha256(Sha256::digest(bytes).into());
        self.write(&format!("blobs/sha256/{}", digest.hex()), bytes)?;
        Ok(digest)
    }

    /// Writes a file, which appears whole or not at all: somebody may be scanning.
    fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.directory.join(name);
        let new = path.with_extension("new");
        fs::write(&new, bytes)
            .and_then(|()| fs::rename(&new, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Puts the members of `other` into `into`; objects within are merged, all else is replaced.
fn merge(into: &mut Value, other: Value) {
    match (into, other) {
        (Value::Object(into), Value::Object(other)) => {
            for (key, value) in other {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, other) => *into = other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn layer() -> Layer {
        let mut layer = Layer::default();
        layer.file("usr/bin/tool", 0o755, "#!/bin/sh\n");
        layer.link("bin/sh", "busybox");
        layer.directory("tmp", 0o1777);
        layer.file(&format!("opt/{}/file", "long-".repeat(30)), 0o640, vec![7; 1000]);
        layer
    }

    #[test]
    fn a_layer_is_the_same_as_a_tar_archive_and_unpacked() {
        let bytes = layer().tar();
        assert_eq!(bytes, layer().tar(), "the same bytes each time");
        let mut read = BTreeMap::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries().expect("an archive") {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").display().to_string();
            let mode = entry.header().mode().expect("a mode");
            let kind = entry.header().entry_type();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("reads");
            let told = if kind.is_dir() {
                Entry::Directory { mode }
            } else if kind.is_symlink() {
                let to = entry.link_name().expect("reads").expect("has one");
                Entry::Link { to: to.display().to_string() }
            } else {
                Entry::File { mode, bytes }
            };
            read.insert(path.trim_end_matches('/').to_owned(), told);
        }
        assert_eq!(read, layer().0);
        let home = tempfile::tempdir().expect("a directory");
        layer().unpack(home.path()).expect("unpacks");
        assert_eq!(fs::read(home.path().join("usr/bin/tool")).expect("reads"), b"#!/bin/sh\n");
        assert_eq!(fs::read_link(home.path().join("bin/sh")).expect("reads"), Path::new("busybox"));
        let mode = fs::metadata(home.path().join("tmp")).expect("is there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o1777);
    }

    #[test]
    fn images_share_the_layers_of_their_base() {
        let home = tempfile::tempdir().expect("a directory");
        let mut layout =
            Layout::open(&home.path().join("oci"), &home.path().join("layers")).expect("a layout");
        let step = |line: &str, layer| Step { line: line.to_owned(), layer };
        let base = layout
            .build(Recipe {
                name: "a/base:1".to_owned(),
                created: "2026-10-01T00:00:00Z",
                on: None,
                steps: vec![step("ADD rootfs /", Some(layer())), step("CMD [\"sh\"]", None)],
                run: json!({"Cmd": ["sh"], "Labels": {"a": "1", "b": "1"}}),
            })
            .expect("builds");
        let mut app = Layer::default();
        app.file("app/start", 0o755, "x");
        let app = layout
            .build(Recipe {
                name: "a/app:1".to_owned(),
                created: "2026-10-01T00:00:00Z",
                on: Some(&base),
                steps: vec![step("COPY app /app", Some(app))],
                run: json!({"Cmd": ["/app/start"], "Labels": {"b": "2"}}),
            })
            .expect("builds");
        assert_eq!(app.layers[..1], base.layers[..]);
        assert_eq!(app.run, json!({"Cmd": ["/app/start"], "Labels": {"a": "1", "b": "2"}}));
        assert_eq!(app.history.len(), 3);
        let again = Layout::open(&home.path().join("oci"), &home.path().join("layers")).expect("a layout");
        assert_eq!(again.entries.keys().collect::<Vec<_>>(), ["a/app:1", "a/base:1"]);
        assert!(again.layer(app.layers[1].0).join("app/start").exists());
    }
}
