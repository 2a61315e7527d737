//! The images of this node by name, kept so that the digest is there when a container starts.
//!
//! Docker, podman and CRI-O keep their list in a file: it is read again when it has changed. containerd keeps it in a
//! database of its own, so it is asked at the start and whenever a container starts, and what it said is kept here.

use super::{
    draft,
    state::{Stamp, State, StateError},
};
use gabion_model::{Container, Digest, workload::Property};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
};

/// More names than this are not kept; those beyond are asked for each time.
const MAX_IMAGES: usize = 100_000;

/// One image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// What it is called, in whole: `docker.io/library/app:v1`.
    pub names: Vec<String>,
    /// The digest of its manifest.
    pub digest: Option<Digest>,
    /// The digest of its configuration.
    pub id: Option<Digest>,
}

/// The kept table.
#[derive(Debug, Default)]
pub(super) struct Images {
    files: HashMap<PathBuf, (Stamp, Vec<Image>)>,
    containerd: HashMap<String, Image>,
}

impl Images {
    /// What containerd says of an image now.
    pub(super) fn learn(&mut self, image: &Image) {
        for name in &image.names {
            if self.containerd.len() < MAX_IMAGES || self.containerd.contains_key(name) {
                self.containerd.insert(name.clone(), image.clone());
            }
        }
    }

    /// Adds what is known of the image that a container of containerd names.
    pub(super) fn of_containerd(&self, container: &mut Container) {
        let image = &container.image;
        let name = match (image.repository.as_str(), image.tag.as_str()) {
            ("", _) => return,
            (repository, "") => repository.to_owned(),
            (repository, tag) => format!("{repository}:{tag}"),
        };
        if let Some(known) = self.containerd.get(&name) {
            draft::digest(container, known.digest);
            draft::image_id(container, known.id);
        }
    }

    /// Adds what a list in a file says of a container's image.
    pub(super) fn of_file(
        &mut self,
        container: &mut Container,
        state: &State,
        name: &str,
    ) -> Result<(), StateError> {
        let path = state.path().join(name);
        let stamp = state.stamp(name)?;
        if self.files.get(&path).is_none_or(|(known, _)| *known != stamp) {
            let images = match state.json(name)? {
                List::Docker(list) => list.images(),
                List::Storage(list) => list.into_iter().map(Image::from).collect(),
            };
            self.files.insert(path.clone(), (stamp, images));
        }
        let Some((_, images)) = self.files.get(&path) else { return Ok(()) };
        if let Some(image) =
            container.image.id.and_then(|id| images.iter().find(|image| image.id == Some(id)))
        {
            draft::digest(container, image.digest);
            if draft::lacks(container, Property::Image)
                && let Some(name) = image.names.first()
            {
                draft::image(container, name);
            }
        }
        Ok(())
    }
}

/// The list of either.
#[derive(Deserialize)]
#[serde(untagged)]
enum List {
    Docker(Repositories),
    Storage(Vec<StorageImage>),
}

/// Docker's `image/overlay2/repositories.json`: names and digests of repositories, each with the id it stands for.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Repositories {
    repositories: BTreeMap<String, BTreeMap<String, String>>,
}

impl Repositories {
    fn images(self) -> Vec<Image> {
        let mut images: BTreeMap<Digest, Image> = BTreeMap::new();
        for (name, id) in self.repositories.into_values().flatten() {
            let Ok(id) = id.parse() else { continue };
            let image = images.entry(id).or_insert_with(|| Image { id: Some(id), ..Image::default() });
            match name.split_once('@') {
                Some((_, digest)) => image.digest = image.digest.or_else(|| digest.parse().ok()),
                None => image.names.push(name),
            }
        }
        images.into_values().collect()
    }
}

/// An entry of `overlay-images/images.json` of containers/storage.
#[derive(Deserialize)]
struct StorageImage {
    id: String,
    digest: Option<String>,
    names: Option<Vec<String>>,
}

impl From<StorageImage> for Image {
    fn from(image: StorageImage) -> Self {
        Self {
            names: image.names.unwrap_or_default(),
            digest: image.digest.and_then(|digest| digest.parse().ok()),
            id: draft::digest_of(&image.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gabion_model::{ContainerKey, workload::Runtime};
    use std::fs;

    fn digest(byte: u8) -> Digest {
        Digest::sha256([byte; 32])
    }

    fn made(image: &str) -> Container {
        let mut container = draft::unknown(ContainerKey(1), Runtime::Docker, "x");
        draft::image(&mut container, image);
        container
    }

    #[test]
    fn lists_in_files_are_read_again_when_they_change() {
        let home = tempfile::tempdir().expect("a directory");
        let state = State::open(home.path(), rustix::process::getuid().as_raw()).expect("opens");
        let mut images = Images::default();
        let write = |pulled: &str| {
            let text = format!(
                r#"{{"Repositories":{{"app":{{"app:v1":"{0}","app@{pulled}":"{0}"}},"b":{{"b:1":"{1}"}}}}}}"#,
                digest(1),
                digest(2)
            );
            fs::write(home.path().join("new"), text).expect("writes");
            fs::rename(home.path().join("new"), home.path().join("list")).expect("renames");
        };
        for pulled in [digest(3), digest(4)] {
            write(&pulled.to_string());
            let mut container = made(&digest(1).to_string());
            images.of_file(&mut container, &state, "list").expect("reads");
            let image = &container.image;
            assert_eq!(
                (image.repository.as_str(), image.tag.as_str(), image.digest),
                ("app", "v1", Some(pulled))
            );
        }
        let mut built = made(&digest(2).to_string());
        images.of_file(&mut built, &state, "list").expect("reads");
        assert_eq!(built.image.digest, None, "an image that was never pulled has no digest");
        assert!(draft::lacks(&built, Property::ImageDigest));
        assert!(images.of_file(&mut built, &state, "none").expect_err("none").is_absent());

        let text = format!(r#"[{{"id":"{}","digest":"{}","names":null}}]"#, digest(1).hex(), digest(5));
        fs::write(home.path().join("images.json"), text).expect("writes");
        let mut container = made(&digest(1).hex());
        images.of_file(&mut container, &state, "images.json").expect("reads");
        assert_eq!(container.image.digest, Some(digest(5)));
    }

    #[test]
    fn containerd_is_believed_until_it_says_otherwise() {
        let mut images = Images::default();
        for byte in [1, 2] {
            let names = vec!["docker.io/library/app:v1".to_owned()];
            images.learn(&Image { names, digest: Some(digest(byte)), id: None });
            let mut container = made("docker.io/library/app:v1");
            images.of_containerd(&mut container);
            assert_eq!(container.image.digest, Some(digest(byte)));
        }
        let mut other = made("app");
        images.of_containerd(&mut other);
        assert_eq!(other.image.digest, None);
    }
}
