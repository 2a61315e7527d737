//! What descriptors stand for: a table for each process, kept up by its calls.

use super::address::Address;
use super::lists;
use gabion_model::event::{Endpoint, Fd, FdKind, Transport};
use std::collections::HashMap;
use std::sync::Arc;

/// Longest path that is put together: `PATH_MAX` of Linux.
const MAX_PATH: usize = 4096;

/// What a descriptor stands for.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) what: What,
    pub(super) dev: u64,
    pub(super) ino: u64,
}

/// What it is. As [`FdKind`], but owned.
#[derive(Clone, Debug)]
pub(super) enum What {
    Unknown,
    File { path: Arc<[u8]>, upper: bool },
    Directory(Arc<[u8]>),
    Pipe,
    Inet(Inet),
    Unix(Arc<[u8]>),
    Memfd(Arc<[u8]>),
    Anonymous(&'static str),
    Socket(u16),
}

/// An Internet socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inet {
    pub(super) transport: Transport,
    pub(super) local: Option<Endpoint>,
    pub(super) remote: Option<Endpoint>,
    pub(super) server: Option<bool>,
}

/// The descriptors of a process.
pub(super) type Files = HashMap<i64, File>;

impl File {
    pub(super) const fn new(what: What) -> Self {
        Self { what, dev: 0, ino: 0 }
    }

    /// As events tell it.
    pub(super) fn tell(&self, number: i64) -> Fd<'_> {
        let kind = match &self.what {
            What::Unknown => FdKind::Unknown,
            What::File { path, upper } => FdKind::File { path, upper: *upper },
            What::Directory(path) => FdKind::Directory(path),
            What::Pipe => FdKind::Pipe,
            &What::Inet(Inet { transport, local, remote, server }) => {
                FdKind::Inet { transport, local, remote, server }
            }
            What::Unix(path) => FdKind::Unix(path),
            What::Memfd(name) => FdKind::Memfd(name),
            What::Anonymous(name) => FdKind::Anonymous(name.as_bytes()),
            What::Socket(family) => FdKind::Socket(*family),
        };
        Fd { number, kind, dev: self.dev, ino: self.ino }
    }

    /// What `socket` makes.
    pub(super) fn socket(family: u64, kind: u64, protocol: u64) -> Self {
        let transport = match (kind & 0xf, protocol) {
            (1, _) => Transport::Tcp,
            (2, 0 | 17) => Transport::Udp,
            (3, _) => Transport::Raw,
            (_, other) => Transport::Other(u8::try_from(other).unwrap_or_default()),
        };
        Self::new(match family {
            1 => What::Unix([].into()),
            2 | 10 => What::Inet(Inet { transport, local: None, remote: None, server: None }),
            other => What::Socket(u16::try_from(other).unwrap_or_default()),
        })
    }

    /// The socket has this address from here on.
    pub(super) fn bind(&mut self, address: Address<'_>) {
        match (&mut self.what, address) {
            (What::Inet(inet), Address::Inet(local)) => inet.local = Some(local),
            (What::Unix(at), Address::Unix(path, _)) => *at = path.into(),
            _ => {}
        }
    }

    /// The socket has this peer from here on; nothing is known of the local end if only one is told.
    pub(super) fn connect(&mut self, address: Address<'_>) {
        match (&mut self.what, address) {
            (What::Inet(inet), Address::Pair(local, remote)) => {
                inet.local = Some(local);
                inet.remote = Some(remote);
                inet.server = Some(false);
            }
            (What::Inet(inet), Address::Inet(remote)) => {
                inet.remote = Some(remote);
                inet.server = Some(false);
            }
            (What::Unix(at), Address::Unix(path, _)) => *at = path.into(),
            _ => {}
        }
    }

    /// What `accept` makes: whose tuple begins with the other end.
    pub(super) fn accepted(address: Option<Address<'_>>) -> Self {
        Self::new(match address {
            Some(Address::Pair(remote, local)) => What::Inet(Inet {
                transport: Transport::Tcp,
                local: Some(local),
                remote: Some(remote),
                server: Some(true),
            }),
            Some(Address::Unix(path, _)) => What::Unix(path.into()),
            Some(Address::Other(family)) => What::Socket(family.into()),
            Some(Address::Inet(_)) | None => What::Unknown,
        })
    }

    /// A message went between these ends. Who is not connected is a server if he receives first.
    pub(super) fn message(&mut self, address: Address<'_>, received: bool) {
        match (&mut self.what, address) {
            (What::Inet(inet), Address::Pair(from, to)) => {
                let (local, remote) = if received { (to, from) } else { (from, to) };
                inet.local = Some(local);
                inet.remote = Some(remote);
                inet.server = inet.server.or(Some(received));
            }
            (What::Unix(at), Address::Unix(path, _)) if at.is_empty() => *at = path.into(),
            _ => {}
        }
    }
}

impl From<&lists::Descriptor<'_>> for File {
    fn from(from: &lists::Descriptor<'_>) -> Self {
        use lists::Open;
        let mut file = Self { what: What::Unknown, dev: 0, ino: from.ino };
        file.what = match from.open {
            Open::File { path, upper, dev } => {
                file.dev = dev;
                What::File { path: path.into(), upper }
            }
            Open::Directory(path) => What::Directory(path.into()),
            Open::Connection { transport, local, remote } => {
                What::Inet(Inet { transport, local: Some(local), remote: Some(remote), server: None })
            }
            Open::Listening { transport, local } => {
                What::Inet(Inet { transport, local: Some(local), remote: None, server: Some(true) })
            }
            Open::Pipe => What::Pipe,
            Open::Unix(path) => What::Unix(path.into()),
            Open::Memfd(name) => What::Memfd(name.into()),
            Open::Anonymous(name) => What::Anonymous(name),
            Open::Netlink => What::Socket(16),
            Open::Unknown => What::Unknown,
        };
        file
    }
}

/// Connections found open: those of a port that the process listens at were accepted, the others are its own.
pub(super) fn settle_roles(files: &mut Files) {
    let listening: Vec<_> = files.values().filter_map(|file| listener(&file.what)).collect();
    for file in files.values_mut() {
        if let What::Inet(Inet { transport, local: Some(local), remote: Some(_), server }) = &mut file.what {
            *server = Some(listening.contains(&(*transport, local.port)));
        }
    }
}

fn listener(what: &What) -> Option<(Transport, u16)> {
    match what {
        What::Inet(Inet { transport, local: Some(local), remote: None, .. }) => {
            Some((*transport, local.port))
        }
        _ => None,
    }
}

/// A path as seen from a directory, without `.` and `..`. As given if the directory is not known; `None` if it would be
/// longer than Linux can open.
pub(super) fn absolute(directory: &[u8], path: &[u8]) -> Option<Arc<[u8]>> {
    if path.is_empty() || (directory.is_empty() && !path.starts_with(b"/")) {
        return Some(path.into());
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    let from = if path.starts_with(b"/") { &[] } else { directory };
    for part in from.split(|&byte| byte == b'/').chain(path.split(|&byte| byte == b'/')) {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    let mut whole = Vec::with_capacity(from.len() + path.len() + 1);
    for part in parts {
        whole.push(b'/');
        whole.extend_from_slice(part);
    }
    if whole.is_empty() {
        whole.push(b'/');
    }
    (whole.len() <= MAX_PATH).then(|| whole.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_completed_and_shortened() {
        let path = |directory: &[u8], path: &[u8]| {
            absolute(directory, path).map(|path| String::from_utf8_lossy(&path).into_owned())
        };
        assert_eq!(path(b"/home/u/", b"../x/./y").as_deref(), Some("/home/x/y"));
        assert_eq!(path(b"/home", b"/etc//passwd").as_deref(), Some("/etc/passwd"));
        assert_eq!(path(b"/", b"../..").as_deref(), Some("/"));
        assert_eq!(path(b"", b"x").as_deref(), Some("x"));
        assert_eq!(path(b"/", &[b'a'; 5000]), None);
    }
}
