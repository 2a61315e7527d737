//! What a file descriptor stands for.

use std::net::IpAddr;

/// A descriptor of a process, and what it stands for when the call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fd<'a> {
    /// Its number; negative if the call made none.
    pub number: i64,
    /// What it is.
    pub kind: FdKind<'a>,
    /// Number of its device, as `stat` tells it; 0 if not known.
    pub dev: u64,
    /// Number of its inode; 0 if not known.
    pub ino: u64,
}

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdKind<'a> {
    /// Nothing is known of it.
    Unknown,
    /// A regular file or a device: its absolute path in the mount namespace of the process. `upper` says whether it lies in the
    /// upper layer of an overlay.
    File {
        /// Its absolute path.
        path: &'a [u8],
        /// In the upper layer of an overlay file system.
        upper: bool,
    },
    /// A directory.
    Directory(&'a [u8]),
    /// A pipe.
    Pipe,
    /// An Internet socket. What is not bound or connected yet is `None`.
    Inet {
        /// Over what.
        transport: Transport,
        /// This end.
        local: Option<Endpoint>,
        /// The other end.
        remote: Option<Endpoint>,
        /// This end accepted the connection: it is the server. `None` if that is not known.
        server: Option<bool>,
    },
    /// A Unix socket: its path, empty if it has none.
    Unix(&'a [u8]),
    /// A file in memory without a place in any directory (`memfd_create`).
    Memfd(&'a [u8]),
    /// What the kernel makes for a purpose: `eventfd`, `epoll`, `inotify`, `io_uring`, `bpf-prog`, ...
    Anonymous(&'a [u8]),
    /// A socket of another family (`AF_NETLINK` is 16).
    Socket(u16),
}

/// What an Internet socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Packets as they are.
    Raw,
    /// Another protocol, by its number.
    Other(u8),
}

/// An address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// IPv4 addresses mapped into IPv6 are told as IPv4.
    pub address: IpAddr,
    /// 0 if there is none.
    pub port: u16,
}
