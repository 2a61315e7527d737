//! Containers as the hub is told of them, and what of them can be scanned.

use crate::control::Running;
use gabion_api::agent::Container;
use gabion_node::containers::IMAGE_SOURCE;
use std::collections::BTreeMap;

/// Labels of a container that are longer together, in bytes, are left out.
const MAX_LABELS: usize = 32 << 10;

/// Where the file system is that a target means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// As `gabion scan` understands it.
    Named(String),
    /// The root of the processes in this control group.
    Root(String),
}

/// As it is sent.
pub(super) fn container(running: &Running) -> Container {
    let running = running.clone();
    let target = target(&running);
    let mut unknown = running.unknown;
    let mut labels = |all: BTreeMap<String, String>| {
        let size: usize = all.iter().map(|(name, value)| name.len() + value.len()).sum();
        if size > MAX_LABELS {
            unknown.push("labels".to_owned());
            return std::collections::HashMap::new();
        }
        all.into_iter().collect()
    };
    let (own, pod_labels) = (labels(running.labels), labels(running.pod_labels));
    Container {
        id: running.id,
        name: running.name,
        runtime: running.runtime,
        image_name: running.image,
        image_digest: running.image_digest,
        image_id: running.image_id,
        labels: own,
        pod: running.pod,
        namespace: running.namespace,
        pod_labels,
        workload: running.workload,
        privileged: running.privileged,
        addresses: running.addresses,
        created: running.created,
        unknown,
        target,
        listens: running.listens,
    }
}

/// Where its image can be scanned. By digest, where there is one: what a name means may have changed since the container was started.
fn target(running: &Running) -> String {
    let Running { runtime, image, image_digest, image_id, id, .. } = running;
    match runtime.as_str() {
        // Only of bundles that runc runs by itself: elsewhere an image could set such a label, and have another one scanned in its place.
        "oci" if running.labels.get(IMAGE_SOURCE).is_some_and(|source| is_image(source)) => {
            running.labels[IMAGE_SOURCE].clone()
        }
        "containerd" if !image_digest.is_empty() => format!("containerd:{image_digest}"),
        "containerd" if !image_id.is_empty() => format!("containerd:{image_id}"),
        "containerd" if !image.is_empty() => format!("containerd:{image}"),
        "docker" | "podman" if !image_id.is_empty() => format!("docker:{image_id}"),
        "docker" | "podman" if !image.is_empty() => format!("docker:{image}"),
        _ => format!("container:{id}"),
    }
}

/// Whether a source is one of images, and not a directory, say.
fn is_image(source: &str) -> bool {
    ["oci:", "oci-archive:", "docker-archive:", "registry:"].iter().any(|kind| source.starts_with(kind))
}

/// What may be scanned here: what runs, and the node itself. Nothing else that a hub might ask for.
pub(super) fn content(target: &str, running: &[Running]) -> Option<Content> {
    if target == "dir:/" {
        return Some(Content::Named(target.to_owned()));
    }
    let found = running.iter().find(|one| self::target(one) == target)?;
    if target.starts_with("container:") && !found.group.is_empty() {
        return Some(Content::Root(found.group.clone()));
    }
    Some(Content::Named(target.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(runtime: &str, digest: &str, id: &str) -> Running {
        Running {
            id: "c1".to_owned(),
            runtime: runtime.to_owned(),
            image: "library/nginx:1".to_owned(),
            image_digest: digest.to_owned(),
            image_id: id.to_owned(),
            group: "/a/c1".to_owned(),
            ..Running::default()
        }
    }

    #[test]
    fn an_image_is_scanned_by_what_cannot_change() {
        for (runtime, digest, id, target) in [
            ("containerd", "sha256:d", "sha256:i", "containerd:sha256:d"),
            ("containerd", "", "", "containerd:library/nginx:1"),
            ("docker", "sha256:d", "sha256:i", "docker:sha256:i"),
            ("podman", "", "", "docker:library/nginx:1"),
            ("cri-o", "sha256:d", "sha256:i", "container:c1"),
            ("oci", "", "", "container:c1"),
        ] {
            assert_eq!(container(&running(runtime, digest, id)).target, target);
        }
    }

    #[test]
    fn only_what_runs_here_can_be_scanned() {
        let all = [running("oci", "", ""), running("docker", "", "sha256:i")];
        assert_eq!(content("container:c1", &all), Some(Content::Root("/a/c1".to_owned())));
        assert_eq!(content("docker:sha256:i", &all), Some(Content::Named("docker:sha256:i".to_owned())));
        assert_eq!(content("dir:/", &all), Some(Content::Named("dir:/".to_owned())));
        for target in ["dir:/etc", "--output=json=/etc/passwd", "registry:evil.org/a", "docker:sha256:j", ""]
        {
            assert_eq!(content(target, &all), None, "{target}");
        }
    }

    #[test]
    fn labels_that_are_too_long_are_told_to_be_unknown() {
        let mut one = running("oci", "", "");
        one.labels.insert("a".to_owned(), "b".to_owned());
        one.pod_labels.insert("a".to_owned(), "b".repeat(MAX_LABELS));
        let sent = container(&one);
        assert_eq!(
            (sent.labels.len(), sent.pod_labels.len(), sent.unknown),
            (1, 0, vec!["labels".to_owned()])
        );
    }

    #[test]
    fn only_a_bundle_says_where_its_image_is_and_only_an_image() {
        let with = |runtime: &str, source: &str| {
            let mut one = running(runtime, "", "");
            one.labels.insert(IMAGE_SOURCE.to_owned(), source.to_owned());
            target(&one)
        };
        assert_eq!(with("oci", "oci:/images:web:1"), "oci:/images:web:1");
        assert_eq!(with("oci", "dir:/etc"), "container:c1");
        assert_eq!(with("docker", "oci:/images:web:1"), "docker:library/nginx:1");
    }
}
