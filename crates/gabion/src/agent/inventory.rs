//! All containers that run, as whoever asks for the inventory is told.

use super::{
    habits::{Habits, subject},
    names::Names,
};
use crate::control::Running;
use gabion_model::Container;

pub(super) fn inventory(names: &Names, habits: &Habits) -> Vec<Running> {
    let mut all: Vec<Running> = names
        .running()
        .map(|container| {
            let group = names.path(container.key).unwrap_or_default();
            running(container, String::from_utf8_lossy(group).into_owned(), habits)
        })
        .collect();
    all.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    all
}

fn running(container: &Container, group: String, habits: &Habits) -> Running {
    let subject = subject(container);
    let image = &container.image;
    let digest = |digest: Option<&gabion_model::Digest>| digest.map(ToString::to_string).unwrap_or_default();
    let pod = container.pod.clone().unwrap_or_default();
    let mut listens = habits.listens(&subject);
    listens.sort_unstable();
    listens.dedup();
    Running {
        id: container.id.clone(),
        name: container.name.clone(),
        runtime: container.runtime.as_str().to_owned(),
        image: match (image.repository.as_str(), image.tag.as_str()) {
            (repository, "") => repository.to_owned(),
            (repository, tag) => format!("{repository}:{tag}"),
        },
        image_digest: digest(image.digest.as_ref()),
        image_id: digest(image.id.as_ref()),
        labels: container.labels.iter().cloned().collect(),
        pod: pod.name,
        namespace: pod.namespace,
        pod_labels: pod.labels.into_iter().collect(),
        workload: subject.workload,
        privileged: container.privileged,
        addresses: container.addresses.iter().map(ToString::to_string).collect(),
        created: container.created,
        listens,
        unknown: container.unknown.iter().map(|property| property.as_str().to_owned()).collect(),
        group,
    }
}
