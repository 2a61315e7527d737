//! A container while its facts are collected: each source says what it knows, the first word on a thing stands.

use gabion_model::{
    Container, ContainerKey, Digest,
    workload::{Mount, Pod, Property, RunImage, Runtime},
};
use std::collections::BTreeMap;

/// More labels than this are not kept, nor longer ones than below: what is cut stays [`Property::Labels`] in `unknown`.
const MAX_LABELS: usize = 512;
const MAX_LABEL: usize = 4096;

/// A container of which nothing is known but its id.
pub(super) fn unknown(key: ContainerKey, runtime: Runtime, id: &str) -> Container {
    Container { key, runtime, id: id.to_owned(), unknown: Property::ALL.to_vec(), ..Container::default() }
}

/// Whether this is still open.
pub(super) fn lacks(container: &Container, property: Property) -> bool {
    container.unknown.contains(&property)
}

/// Sets one thing if it is not known yet.
fn learn(container: &mut Container, property: Property, set: impl FnOnce(&mut Container)) {
    if lacks(container, property) {
        set(container);
        container.unknown.retain(|other| *other != property);
    }
}

/// What was believed of the image's digest or id is no longer so.
pub(super) fn forget_image(container: &mut Container) {
    (container.image.digest, container.image.id) = (None, None);
    container.unknown.extend([Property::ImageDigest, Property::ImageId]);
    container.unknown.sort();
    container.unknown.dedup();
}

/// The name that people use.
pub(super) fn name(container: &mut Container, name: &str) {
    if !name.is_empty() {
        learn(container, Property::Name, |c| name.clone_into(&mut c.name));
    }
}

/// The image, as a container's configuration names it: a name, a digest or an id.
pub(super) fn image(container: &mut Container, named: &str) {
    let Some(image) = image_of(named) else { return };
    if !image.repository.is_empty() {
        learn(container, Property::Image, |c| {
            c.image.repository = image.repository;
            c.image.tag = image.tag;
        });
    }
    digest(container, image.digest);
    image_id(container, image.id);
}

/// The digest of the image's manifest.
pub(super) fn digest(container: &mut Container, digest: Option<Digest>) {
    if digest.is_some() {
        learn(container, Property::ImageDigest, |c| c.image.digest = digest);
    }
}

/// The digest of the image's configuration.
pub(super) fn image_id(container: &mut Container, id: Option<Digest>) {
    if id.is_some() {
        learn(container, Property::ImageId, |c| c.image.id = id);
    }
}

/// All of the labels.
pub(super) fn labels(container: &mut Container, labels: BTreeMap<String, String>) {
    if lacks(container, Property::Labels) {
        let (kept, whole) = keep(labels);
        container.labels = kept;
        container.unknown.retain(|property| *property != Property::Labels || !whole);
    }
}

/// Some of the labels, while the others are not known.
pub(super) fn some_labels(container: &mut Container, labels: BTreeMap<String, String>) {
    if lacks(container, Property::Labels) {
        container.labels = keep(labels).0;
    }
}

/// What is kept of labels, and whether that is all.
fn keep(labels: BTreeMap<String, String>) -> (Vec<(String, String)>, bool) {
    let all = labels.len();
    let kept: Vec<_> = labels
        .into_iter()
        .filter(|(name, value)| name.len() + value.len() <= MAX_LABEL)
        .take(MAX_LABELS)
        .collect();
    let whole = kept.len() == all;
    (kept, whole)
}

/// Its pod, or that it has none.
pub(super) fn pod(container: &mut Container, pod: Option<Pod>) {
    learn(container, Property::Pod, |c| c.pod = pod);
}

/// Its mounts.
pub(super) fn mounts(container: &mut Container, mounts: Vec<Mount>) {
    learn(container, Property::Mounts, |c| c.mounts = mounts);
}

/// Whether it is privileged.
pub(super) fn privileged(container: &mut Container, privileged: bool) {
    learn(container, Property::Privileged, |c| c.privileged = Some(privileged));
}

/// When it was made, as RFC 3339.
pub(super) fn created(container: &mut Container, time: &str) {
    let time: Option<jiff::Timestamp> = time.parse().ok();
    created_at(container, time.and_then(|time| u64::try_from(time.as_nanosecond()).ok()));
}

/// When it was made, in nanoseconds since 1970.
pub(super) fn created_at(container: &mut Container, time: Option<u64>) {
    if let Some(time) = time.filter(|time| *time > 0) {
        learn(container, Property::Created, |c| c.created = time);
    }
}

/// Its addresses now, which may change.
pub(super) fn addresses(container: &mut Container, addresses: Vec<std::net::IpAddr>) {
    container.addresses = addresses;
    container.unknown.retain(|property| *property != Property::Addresses);
}

/// Takes from another source what is not known yet, and says whether that was anything.
pub(super) fn merge(container: &mut Container, other: &Container) -> bool {
    let before = container.unknown.len();
    for property in Property::ALL {
        if lacks(other, property) {
            continue;
        }
        learn(container, property, |c| match property {
            Property::Name => c.name.clone_from(&other.name),
            Property::Image => {
                c.image.repository.clone_from(&other.image.repository);
                c.image.tag.clone_from(&other.image.tag);
            }
            Property::ImageDigest => c.image.digest = other.image.digest,
            Property::ImageId => c.image.id = other.image.id,
            Property::Labels => c.labels.clone_from(&other.labels),
            Property::Pod => c.pod.clone_from(&other.pod),
            Property::Mounts => c.mounts.clone_from(&other.mounts),
            Property::Privileged => c.privileged = other.privileged,
            Property::Created => c.created = other.created,
            Property::Addresses => c.addresses.clone_from(&other.addresses),
        });
    }
    container.unknown.len() < before
}

/// The parts of an image's name: `registry:5000/app:v1@sha256:...`; an id is `sha256:...`, or its 64 digits.
pub(super) fn image_of(named: &str) -> Option<RunImage> {
    if let Some(id) = digest_of(named) {
        return Some(RunImage { id: Some(id), ..RunImage::default() });
    }
    let (name, digest) = match named.split_once('@') {
        Some((name, digest)) => (name, Some(digest.parse().ok()?)),
        None => (named, None),
    };
    let path = name.rfind('/').map_or(0, |slash| slash + 1);
    let (repository, tag) = match name[path..].rfind(':') {
        Some(colon) => (&name[..path + colon], &name[path + colon + 1..]),
        None => (name, ""),
    };
    (!repository.is_empty()).then(|| RunImage {
        repository: repository.to_owned(),
        tag: tag.to_owned(),
        digest,
        id: None,
    })
}

/// `sha256:...`, or only its digits.
pub(super) fn digest_of(text: &str) -> Option<Digest> {
    text.parse().or_else(|_| format!("sha256:{text}").parse()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_names_come_apart() {
        let hex = "0f".repeat(32);
        let digest = digest_of(&hex);
        assert!(digest.is_some());
        let parts = |named: &str| image_of(named).map(|i| (i.repository, i.tag, i.digest, i.id));
        let made = |r: &str, t: &str, d, i| Some((r.to_owned(), t.to_owned(), d, i));
        assert_eq!(parts("docker.io/library/app:v1"), made("docker.io/library/app", "v1", None, None));
        assert_eq!(parts("host:5000/app"), made("host:5000/app", "", None, None));
        assert_eq!(parts(&format!("host:5000/app:1@sha256:{hex}")), made("host:5000/app", "1", digest, None));
        assert_eq!(parts(&format!("sha256:{hex}")), made("", "", None, digest));
        assert_eq!(parts(&hex), made("", "", None, digest));
        assert_eq!(parts(""), None);
        assert_eq!(parts("app@md5:0"), None);
    }

    #[test]
    fn the_first_word_stands_and_what_is_cut_stays_unknown() {
        let mut c = unknown(ContainerKey(1), Runtime::Docker, "x");
        name(&mut c, "");
        assert!(lacks(&c, Property::Name));
        name(&mut c, "a");
        name(&mut c, "b");
        assert_eq!((c.name.as_str(), lacks(&c, Property::Name)), ("a", false));
        created(&mut c, "never");
        assert!(lacks(&c, Property::Created));
        created(&mut c, "1970-01-01T00:00:01Z");
        assert_eq!(c.created, 1_000_000_000);
        labels(&mut c, (0..=MAX_LABELS).map(|n| (n.to_string(), String::new())).collect());
        assert_eq!((c.labels.len(), lacks(&c, Property::Labels)), (MAX_LABELS, true));
        let mut other = unknown(ContainerKey(2), Runtime::Docker, "x");
        assert!(!merge(&mut c, &other), "nothing is new");
        image(&mut other, "app:v1");
        assert!(merge(&mut c, &other));
        assert_eq!((c.image.repository.as_str(), c.image.tag.as_str()), ("app", "v1"));
    }
}
