//! Images made in code, good ones and ones that lie.

use super::Desk;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{fs, io::Write, path::Path};

pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    gabion_model::Digest::sha256(digest).hex()
}

/// A tar that takes any name and any size for true.
#[derive(Clone, Default)]
pub(crate) struct Tar(pub(crate) Vec<u8>);

impl Tar {
    pub(crate) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.entry(b'0', path.as_bytes(), b"", content.as_ref())
    }

    pub(crate) fn directory(self, path: &str) -> Self {
        self.entry(b'5', path.as_bytes(), b"", b"")
    }

    pub(crate) fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(b'2', path.as_bytes(), target.as_bytes(), b"")
    }

    pub(crate) fn hardlink(self, path: &str, target: &str) -> Self {
        self.entry(b'1', path.as_bytes(), target.as_bytes(), b"")
    }

    /// An entry of any type. Names and targets that are too long for the header go before it, as GNU tar does.
    pub(crate) fn entry(mut self, kind: u8, path: &[u8], link: &[u8], content: &[u8]) -> Self {
        for (kind, text) in [(b'L', path), (b'K', link)] {
            if text.len() > 100 {
                self = self.header(kind, b"././@LongLink", b"", text.len() as u64).content(text);
            }
        }
        self.header(kind, path, link, content.len() as u64).content(content)
    }

    /// A header that says whatever it likes.
    pub(crate) fn header(mut self, kind: u8, path: &[u8], link: &[u8], size: u64) -> Self {
        let mut header = tar::Header::new_gnu();
        let gnu = header.as_gnu_mut().expect("made as one");
        let n = path.len().min(100);
        gnu.name[..n].copy_from_slice(&path[..n]);
        let n = link.len().min(100);
        gnu.linkname[..n].copy_from_slice(&link[..n]);
        gnu.typeflag = [kind];
        header.set_mode(if kind == b'5' { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(size);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self
    }

    /// A PAX header for the entry that follows.
    pub(crate) fn pax(self, records: &[u8]) -> Self {
        self.entry(b'x', b"PaxHeaders/x", b"", records)
    }

    fn content(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("in memory")
}

/// A stored layer, and what the image says of it.
#[derive(Clone)]
pub(crate) struct Layer {
    pub(crate) blob: Vec<u8>,
    pub(crate) media_type: String,
    pub(crate) diff_id: String,
    pub(crate) digest: String,
}

impl Layer {
    /// What is stored, and what it inflates to.
    pub(crate) fn stored(blob: Vec<u8>, tar: &[u8], compression: &str) -> Self {
        Self {
            media_type: format!("application/vnd.oci.image.layer.v1.tar{compression}"),
            diff_id: sha256(tar),
            digest: sha256(&blob),
            blob,
        }
    }

    pub(crate) fn plain(tar: Tar) -> Self {
        let tar = tar.end();
        Self::stored(tar.clone(), &tar, "")
    }

    pub(crate) fn gzip(tar: Tar) -> Self {
        let tar = tar.end();
        Self::stored(gzip(&tar), &tar, "+gzip")
    }

    pub(crate) fn zstd(tar: Tar) -> Self {
        let tar = tar.end();
        Self::stored(zstd(&tar), &tar, "+zstd")
    }
}

/// An image of some layers.
pub(crate) struct Image {
    pub(crate) layers: Vec<Layer>,
    /// Merged into the configuration document.
    pub(crate) config: Value,
    pub(crate) config_type: &'static str,
}

impl Image {
    pub(crate) fn of(layers: impl IntoIterator<Item = Layer>) -> Self {
        Self {
            layers: layers.into_iter().collect(),
            config: json!({}),
            config_type: "application/vnd.oci.image.config.v1+json",
        }
    }

    /// The configuration document.
    pub(crate) fn config(&self) -> Value {
        let diff_ids: Vec<_> = self.layers.iter().map(|l| format!("sha256:{}", l.diff_id)).collect();
        let mut config = json!({
            "architecture": "amd64", "os": "linux", "config": {},
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        for (key, value) in self.config.as_object().into_iter().flatten() {
            config[key] = value.clone();
        }
        config
    }

    /// Writes the image as the OCI layout `app`, and gives the argument for it.
    pub(crate) fn layout(&self, desk: &Desk) -> String {
        self.layout_at(&desk.at("app"));
        "oci:app".to_owned()
    }

    pub(crate) fn layout_at(&self, directory: &Path) {
        index(directory, &self.store(directory));
    }

    /// Puts its blobs into a layout, and gives the descriptor of its manifest.
    pub(crate) fn store(&self, directory: &Path) -> Value {
        let blobs = directory.join("blobs/sha256");
        fs::create_dir_all(&blobs).expect("creates");
        let mut layers = Vec::new();
        for layer in &self.layers {
            fs::write(blobs.join(&layer.digest), &layer.blob).expect("writes");
            layers.push(json!({
                "mediaType": layer.media_type, "digest": format!("sha256:{}", layer.digest), "size": layer.blob.len(),
            }));
        }
        let mut config = blob(&blobs, &self.config());
        config["mediaType"] = json!(self.config_type);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config, "layers": layers,
        });
        blob(&blobs, &manifest)
    }

    /// Writes a layout with several images, each with a name.
    pub(crate) fn layout_of(directory: &Path, images: &[(&str, &Self)]) {
        let mut manifests = Vec::new();
        for (name, image) in images {
            let mut descriptor = image.store(directory);
            descriptor["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
            manifests.push(descriptor);
        }
        index_of(directory, &manifests);
    }

    /// The image as `docker save` writes it.
    pub(crate) fn docker_archive(&self) -> Tar {
        let config = self.config().to_string();
        let config_name = format!("{}.json", sha256(config.as_bytes()));
        let names: Vec<_> = self.layers.iter().map(|l| format!("{}/layer.tar", l.diff_id)).collect();
        let manifest = json!([{ "Config": config_name, "RepoTags": ["app:1"], "Layers": names }]);
        let mut tar = Tar::default().file("manifest.json", manifest.to_string()).file(&config_name, config);
        for (layer, name) in self.layers.iter().zip(&names) {
            tar = tar.file(name, &layer.blob);
        }
        tar
    }
}

/// Stores a document, and gives its descriptor.
pub(crate) fn blob(blobs: &Path, document: &Value) -> Value {
    let text = document.to_string();
    let digest = sha256(text.as_bytes());
    fs::write(blobs.join(&digest), &text).expect("writes");
    json!({ "digest": format!("sha256:{digest}"), "size": text.len() })
}

/// Makes a directory a layout with one image.
pub(crate) fn index(directory: &Path, descriptor: &Value) {
    index_of(directory, std::slice::from_ref(descriptor));
}

/// Makes a directory a layout of these.
pub(crate) fn index_of(directory: &Path, manifests: &[Value]) {
    fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("writes");
    let index = json!({ "schemaVersion": 2, "manifests": manifests });
    fs::write(directory.join("index.json"), index.to_string()).expect("writes");
}
