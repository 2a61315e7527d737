//! What the agent reads of containers: paths of control groups, and the state that runtimes keep.

use gabion_model::{Container, workload::Property};
use gabion_node::containers::{Bundle, ConfigV2, Entry, Place, RuncState, place};

/// The first byte chooses what this is.
pub fn containers(data: &[u8]) {
    const READERS: [fn(&[u8]); 5] = [path, bundle, runc, docker, storage];
    if let Some((read, data)) = crate::choose(&READERS, data) {
        read(data);
    }
}

fn path(data: &[u8]) {
    let id = match place(data) {
        Place::Container(found) => found.id,
        Place::Host { candidate: Some(found), .. } => found.id,
        Place::Host { .. } => return,
    };
    // It becomes a file name.
    assert!(!id.is_empty() && id != "." && id != ".." && !id.contains(['/', '\0']));
}

fn unknown() -> Container {
    Container { unknown: Property::ALL.to_vec(), ..Container::default() }
}

/// What is not listed as unknown is there.
fn check(container: &Container) {
    assert!(container.unknown.contains(&Property::Privileged) == container.privileged.is_none());
    assert!(container.unknown.contains(&Property::Created) == (container.created == 0));
    assert!(container.unknown.contains(&Property::ImageDigest) == container.image.digest.is_none());
}

fn bundle(data: &[u8]) {
    if let Ok(bundle) = Bundle::parse(data) {
        let mut container = unknown();
        bundle.fill(&mut container, false);
        bundle.sits_at(data);
        check(&container);
    }
}

fn runc(data: &[u8]) {
    if let Ok(state) = RuncState::parse(data) {
        state.sits_at(data);
        assert!(state.bundle().is_none_or(|path| path.is_absolute()));
    }
}

fn docker(data: &[u8]) {
    if let Ok(config) = ConfigV2::parse(data) {
        let mut container = unknown();
        config.fill(&mut container);
        check(&container);
    }
}

fn storage(data: &[u8]) {
    for entry in Entry::parse(data).unwrap_or_default() {
        let mut container = unknown();
        entry.fill(&mut container);
        check(&container);
    }
}
