//! `gabion.touches_agent`: whether an event signals, traces or changes what is the agent's own.

use super::{Context, datum::Datum, paths, table::PathField};
use gabion_model::{
    ContainerKey,
    event::{EventKind as K, FILE_CREATED, FdKind, Value},
};

const O_ACCMODE: u64 = 3;
const O_TRUNC: u64 = 0o1000;
/// `BPF_LINK_UPDATE` and `BPF_LINK_DETACH`: the other commands of which the sensor tells the object are about maps.
const OF_LINKS: [u64; 2] = [29, 34];

pub(super) fn touches_agent(cx: Context<'_>, buffer: &mut Vec<u8>) -> bool {
    let (event, guard) = (cx.event, cx.state.guard());
    if guard.threads.is_empty() || guard.is_own(event.task) {
        return false;
    }
    let number = |name: &str| match event.args.get(event.kind.arg(name)?)? {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::Uint(number) => Some(*number),
        _ => None,
    };
    match event.kind {
        // In a namespace of processes numbers mean others, and nobody there can reach the agent.
        K::Kill | K::Tkill | K::Tgkill | K::Ptrace | K::ProcessVmWritev | K::PerfEventOpen => {
            let pid = number("pid").or_else(|| number("tid")).and_then(|pid| u32::try_from(pid).ok());
            cx.process.is_none_or(|process| !process.is_in_namespace())
                && pid.is_some_and(|pid| guard.threads.contains(&pid))
        }
        K::Bpf => {
            let Some(object) = event.fd.filter(|_| event.result >= 0) else { return false };
            let link = number("cmd").is_some_and(|command| OF_LINKS.contains(&command));
            if link { guard.links.contains(&object.ino) } else { guard.maps.contains(&object.ino) }
        }
        K::Open | K::Openat | K::Openat2 | K::Creat | K::OpenByHandleAt => {
            let Some(file) = event.fd.filter(|file| file.number >= 0) else { return false };
            let flags = number("flags").unwrap_or(1);
            if flags & (O_ACCMODE | O_TRUNC | FILE_CREATED) == 0 {
                return false;
            }
            let FdKind::File { path, .. } = file.kind else { return false };
            guard.files.contains(&(file.dev, file.ino)) || of_host(cx) && guard.has_path(path)
        }
        // It is no call of which Falco tells the path.
        K::Truncate => {
            let path = event.args.get(1).filter(|_| event.result >= 0 && of_host(cx));
            matches!(path, Some(Value::Bytes(path)) if guard.has_path(path))
        }
        _ => [PathField::Name, PathField::Source, PathField::Target].into_iter().any(|field| {
            let path = paths::extract(field, cx, buffer).filter(|_| of_host(cx));
            matches!(path, Some(Datum::Text(path)) if guard.has_path(path))
        }),
    }
}

/// Paths of other mount namespaces are other paths.
fn of_host(cx: Context<'_>) -> bool {
    cx.event.container == ContainerKey::HOST
}
