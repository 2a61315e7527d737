//! Fields of containers and pods.
//!
//! On the host the id and the name are `host` and other texts are empty, as in Falco. In a container, what the runtime
//! has not told is `<NA>`: it is not known, which is not the same as empty. Only the id of a container that nothing is
//! known of yet is `unknown`, so that `container.id != host` is true of it.

use super::{
    Context, Field,
    datum::{Datum, put},
    table::ContainerField as C,
};
use crate::engine::glob;
use gabion_model::workload::{Container, ContainerKey, Mount, Pod};

/// How many digits of an id are shown.
const SHORT_ID: usize = 12;

/// The id of a container of which nothing is known.
const UNKNOWN: &str = "unknown";

/// The short id.
pub(super) fn id(cx: Context<'_>) -> &str {
    match cx.state.container(cx.container()) {
        _ if cx.container() == ContainerKey::HOST => "host",
        Some(container) if !container.id.is_empty() => short(&container.id),
        _ => UNKNOWN,
    }
}

pub(super) fn extract<'a>(
    id: C,
    field: &'a Field,
    cx: Context<'a>,
    buffer: &'a mut Vec<u8>,
) -> Option<Datum<'a>> {
    if id == C::Id {
        return text(self::id(cx));
    }
    if cx.container() == ContainerKey::HOST {
        return on_host(id);
    }
    let container = cx.state.container(cx.container())?;
    let pod = container.pod.as_ref();
    match id {
        C::Id => None,
        C::FullId => text(&container.id),
        C::Name => text(&container.name),
        C::Type => text(container.runtime.as_str()),
        C::Image => {
            let image = &container.image;
            buffer.extend_from_slice(image.repository.as_bytes());
            if !image.tag.is_empty() && !buffer.is_empty() {
                buffer.push(b':');
                buffer.extend_from_slice(image.tag.as_bytes());
            }
            (!buffer.is_empty()).then_some(Datum::Text(buffer))
        }
        C::ImageId => {
            put(buffer, format_args!("{}", container.image.id.as_ref()?));
            let start = memchr::memchr(b':', buffer).map_or(0, |at| at + 1);
            let end = buffer.len().min(start + SHORT_ID);
            Some(Datum::Text(&buffer[start..end]))
        }
        C::Digest => {
            put(buffer, format_args!("{}", container.image.digest.as_ref()?));
            Some(Datum::Text(buffer))
        }
        C::Repository => text(&container.image.repository),
        C::Tag => text(&container.image.tag),
        C::Privileged => container.privileged.map(Datum::Bool),
        C::Mounts => {
            for (number, mount) in container.mounts.iter().enumerate() {
                if number > 0 {
                    buffer.push(b',');
                }
                print_mount(mount, buffer);
            }
            Some(Datum::Text(buffer))
        }
        C::Mount
        | C::MountSource
        | C::MountDestination
        | C::MountMode
        | C::MountWritable
        | C::MountPropagation => {
            let mount = mount(id, field, container)?;
            Some(Datum::Text(match id {
                C::MountSource => mount.source.as_bytes(),
                C::MountDestination => mount.destination.as_bytes(),
                C::MountMode => mount.mode.as_bytes(),
                C::MountPropagation => mount.propagation.as_bytes(),
                C::MountWritable => {
                    if mount.writable {
                        b"true"
                    } else {
                        b"false"
                    }
                }
                _ => {
                    print_mount(mount, buffer);
                    buffer
                }
            }))
        }
        C::Started => (container.created > 0).then_some(Datum::Uint(container.created)),
        C::Duration => {
            (container.created > 0).then(|| Datum::Uint(cx.event.time.saturating_sub(container.created)))
        }
        C::Address | C::PodAddress => {
            put(buffer, format_args!("{}", container.addresses.first()?));
            Some(Datum::Text(buffer))
        }
        C::Label => label(&container.labels, field.key()?),
        C::Labels => Some(labels(&container.labels, buffer)),
        C::PodName => text(&pod?.name),
        C::Namespace => text(&pod?.namespace),
        C::PodId | C::PodUid => text(&pod?.uid),
        C::Sandbox => text(short(&pod?.sandbox)),
        C::FullSandbox => text(&pod?.sandbox),
        C::PodLabel => label(&pod?.labels, field.key()?),
        C::PodLabels => pod.map(|Pod { labels: all, .. }| labels(all, buffer)),
    }
}

fn on_host(id: C) -> Option<Datum<'static>> {
    match id {
        C::FullId | C::Name | C::Type => Some(Datum::Text(b"host")),
        C::Image | C::ImageId | C::Repository | C::Tag | C::Digest | C::Mounts | C::Labels | C::Address => {
            Some(Datum::Text(b""))
        }
        C::Privileged => Some(Datum::Bool(false)),
        _ => None,
    }
}

fn short(id: &str) -> &str {
    id.get(..SHORT_ID).unwrap_or(id)
}

/// `<NA>` if it is empty: not told.
fn text(text: &str) -> Option<Datum<'_>> {
    (!text.is_empty()).then_some(Datum::Text(text.as_bytes()))
}

fn label<'a>(labels: &'a [(String, String)], key: &str) -> Option<Datum<'a>> {
    labels.iter().find(|(name, _)| name == key).map(|(_, value)| Datum::Text(value.as_bytes()))
}

fn labels<'a>(labels: &[(String, String)], buffer: &'a mut Vec<u8>) -> Datum<'a> {
    let told = |name: &str| !name.starts_with("annotation.") && !name.starts_with("io.kubernetes.");
    for (name, value) in labels.iter().filter(|(name, _)| told(name)) {
        if !buffer.is_empty() {
            buffer.extend_from_slice(b", ");
        }
        buffer.extend_from_slice(name.as_bytes());
        if !value.is_empty() {
            buffer.push(b':');
            buffer.extend_from_slice(value.as_bytes());
        }
    }
    Datum::Text(buffer)
}

/// The mount that is asked for: by number, by where it comes from, or, if that is the question, by where it is.
fn mount<'a>(id: C, field: &Field, container: &'a Container) -> Option<&'a Mount> {
    if let Some(index) = field.index() {
        return container.mounts.get(index);
    }
    let pattern = field.key()?.as_bytes();
    container.mounts.iter().find(|mount| {
        let path = if id == C::MountSource { &mount.destination } else { &mount.source };
        glob::matches(pattern, path.as_bytes(), false)
    })
}

fn print_mount(mount: &Mount, out: &mut Vec<u8>) {
    let Mount { source, destination, mode, writable, propagation } = mount;
    put(out, format_args!("{source}:{destination}:{mode}:{writable}:{propagation}"));
}
