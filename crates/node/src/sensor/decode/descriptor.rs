//! Descriptors as the kernel resolved them, and the ends of sockets.

use crate::sensor::{path, record::Reader};
use gabion_model::event::{Endpoint, Fd, FdKind, Transport};
use std::{
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// Both ends of a socket: `struct ends`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) transport: Transport,
    pub(super) local: Option<Endpoint>,
    pub(super) remote: Option<Endpoint>,
    pub(super) server: Option<bool>,
}

impl Ends {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (local, remote) = (reader.bytes(16)?, reader.bytes(16)?);
        let (local_port, remote_port) = (reader.u16()?, reader.u16()?);
        let family = reader.u16()?;
        let (protocol, server) = (reader.u8()?, reader.u8()?);
        Some(Self {
            transport: match protocol {
                6 => Transport::Tcp,
                17 => Transport::Udp,
                255 => Transport::Raw,
                other => Transport::Other(other),
            },
            local: endpoint(family, local, local_port),
            remote: endpoint(family, remote, remote_port),
            server: match server {
                1 => Some(false),
                2 => Some(true),
                _ => None,
            },
        })
    }

    pub(super) fn fd(self, number: i64, ino: u64) -> Fd<'static> {
        let Self { transport, local, remote, server } = self;
        Fd { number, kind: FdKind::Inet { transport, local, remote, server }, dev: 0, ino }
    }
}

/// An address and a port. What is neither bound nor connected has none.
fn endpoint(family: u16, address: &[u8], port: u16) -> Option<Endpoint> {
    let address = match family {
        AF_INET => IpAddr::V4(Ipv4Addr::from(*address.first_chunk::<4>()?)),
        AF_INET6 => IpAddr::V6(Ipv6Addr::from(*address.first_chunk::<16>()?)).to_canonical(),
        _ => return None,
    };
    (port != 0 || !address.is_unspecified()).then_some(Endpoint { address, port })
}

/// A socket address as a process passed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SocketAddress<'a> {
    Inet(Endpoint),
    Unix(&'a [u8]),
}

impl<'a> SocketAddress<'a> {
    /// `struct sockaddr` of the three families that matter.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let family = reader.u16()?;
        if family == AF_UNIX {
            return Some(Self::Unix(unix(reader.0)));
        }
        let port = u16::from_be_bytes(*reader.bytes(2)?.first_chunk()?);
        if family == AF_INET6 {
            // The label of the flow.
            let _ = reader.u32()?;
        }
        // Any address with port 0 is an address, too, if somebody names it.
        let address = match family {
            AF_INET => IpAddr::V4(Ipv4Addr::from(*reader.bytes(4)?.first_chunk::<4>()?)),
            AF_INET6 => IpAddr::V6(Ipv6Addr::from(*reader.bytes(16)?.first_chunk::<16>()?)).to_canonical(),
            _ => return None,
        };
        Some(Self::Inet(Endpoint { address, port }))
    }

    pub(super) fn write(self, text: &mut Vec<u8>) {
        match self {
            Self::Inet(endpoint) => write_endpoint(endpoint, text),
            Self::Unix(path) => text.extend_from_slice(path),
        }
    }
}

/// The path of a Unix socket. A name without a place in the file system begins with a zero byte.
fn unix(path: &[u8]) -> &[u8] {
    let end = path.iter().skip(1).position(|&byte| byte == 0).map_or(path.len(), |end| end + 1);
    if path.first() == Some(&0) { path } else { &path[..end] }
}

fn write_endpoint(endpoint: Endpoint, text: &mut Vec<u8>) {
    // Writing into memory does not fail.
    let _ = write!(text, "{}:{}", endpoint.address, endpoint.port);
}

/// `10.0.0.1:40000->10.0.0.2:80`, as Falco writes it.
pub(super) fn write_tuple(fd: &Fd<'_>, text: &mut Vec<u8>) {
    match fd.kind {
        FdKind::Inet { local, remote, server, .. } => {
            let nothing = Endpoint { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), port: 0 };
            let (mut from, mut to) = (local.unwrap_or(nothing), remote.unwrap_or(nothing));
            // The client stands first.
            if server == Some(true) {
                std::mem::swap(&mut from, &mut to);
            }
            write_endpoint(from, text);
            text.extend_from_slice(b"->");
            write_endpoint(to, text);
        }
        FdKind::Unix(path) => text.extend_from_slice(path),
        _ => {}
    }
}

/// `struct descriptor` and what is behind it. The path is put into `text`.
pub(super) struct Descriptor {
    pub(super) number: i64,
    pub(super) dev: u64,
    pub(super) ino: u64,
    pub(super) created: bool,
    kind: u8,
    upper: bool,
    family: u16,
    ends: Option<Ends>,
}

impl Descriptor {
    /// Reads a descriptor; its path or name goes to `path`.
    pub(super) fn read(bytes: &[u8], path: &mut Vec<u8>) -> Option<Self> {
        const UPPER: u8 = 1;
        const CREATED: u8 = 2;
        let mut reader = Reader(bytes);
        let number = reader.i32()?.into();
        let (kind, flags, family) = (reader.u8()?, reader.u8()?, reader.u16()?);
        let (dev, ino) = (reader.device()?, reader.u64()?);
        let mut ends = None;
        match kind {
            FILE | DIRECTORY => path::append(reader.0, path),
            INET => ends = Some(Ends::read(&mut reader)?),
            UNIX => path.extend_from_slice(unix(reader.0)),
            MEMFD => path.extend_from_slice(name(reader.0, b"memfd:")),
            ANONYMOUS => {
                let name = name(reader.0, b"[");
                path.extend_from_slice(name.strip_suffix(b"]").unwrap_or(name));
                if path.is_empty() {
                    // Only a namespace has no name.
                    path.extend_from_slice(b"nsfs");
                }
            }
            _ => {}
        }
        let (upper, created) = (flags & UPPER != 0, flags & CREATED != 0);
        Some(Self { number, dev, ino, created, kind, upper, family, ends })
    }

    /// The descriptor, with the path that was read.
    pub(super) fn fd<'a>(&self, path: &'a [u8]) -> Fd<'a> {
        let kind = match self.kind {
            FILE => FdKind::File { path, upper: self.upper },
            DIRECTORY => FdKind::Directory(path),
            PIPE => FdKind::Pipe,
            UNIX => FdKind::Unix(path),
            MEMFD => FdKind::Memfd(path),
            ANONYMOUS => FdKind::Anonymous(path),
            SOCKET => FdKind::Socket(self.family),
            _ => match self.ends {
                Some(ends) => return Fd { dev: self.dev, ..ends.fd(self.number, self.ino) },
                None => FdKind::Unknown,
            },
        };
        Fd { number: self.number, kind, dev: self.dev, ino: self.ino }
    }
}

const FILE: u8 = 1;
const DIRECTORY: u8 = 2;
const PIPE: u8 = 3;
const INET: u8 = 4;
const UNIX: u8 = 5;
const MEMFD: u8 = 6;
const ANONYMOUS: u8 = 7;
const SOCKET: u8 = 8;

fn name<'a>(bytes: &'a [u8], front: &[u8]) -> &'a [u8] {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    bytes.strip_prefix(front).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_processes_write_them() {
        let v4 = [2, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut text = Vec::new();
        SocketAddress::read(&v4).unwrap().write(&mut text);
        assert_eq!(text, b"127.0.0.1:80");
        assert_eq!(SocketAddress::read(&v4[..7]), None);
        assert_eq!(SocketAddress::read(b"\x01\0/run/x\0trash"), Some(SocketAddress::Unix(b"/run/x")));
        assert_eq!(SocketAddress::read(b"\x01\0\0name"), Some(SocketAddress::Unix(b"\0name")));
        assert_eq!(SocketAddress::read(b"\x01\0"), Some(SocketAddress::Unix(b"")));
        assert_eq!(SocketAddress::read(&[16, 0, 0, 0]), None);
    }

    #[test]
    fn mapped_addresses_are_those_of_ipv4() {
        let mapped = Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped().octets();
        let end = endpoint(AF_INET6, &mapped, 1).unwrap();
        assert_eq!(end.address, IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!(endpoint(AF_INET6, &[0; 16], 0), None);
        assert!(endpoint(AF_INET6, &[0; 16], 80).is_some());
    }
}
