//! Addresses as events carry them: one end (`bind`), or both (`connect`), in binary.

use super::block::Fields;
use gabion_model::event::Endpoint;
use std::fmt::Write as _;

/// An address, or both ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address<'a> {
    /// One end, over IP.
    Inet(Endpoint),
    /// Both ends: who sends comes first (`connect`: this one; `accept`: the other).
    Pair(Endpoint, Endpoint),
    /// The path of a Unix socket, and the addresses in the kernel of both ends if they are told.
    Unix(&'a [u8], Option<(u64, u64)>),
    /// One of another family.
    Other(u8),
}

const UNIX: u8 = 1;
const INET: u8 = 2;
const INET6: u8 = 10;

impl<'a> Address<'a> {
    /// Reads a `sockaddr`: a family, then the address and port.
    pub(super) fn one(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        match fields.u8()? {
            UNIX => Some(Self::Unix(text(fields), None)),
            INET => Some(Self::Inet(Endpoint { address: fields.ipv4()?, port: fields.u16()? })),
            INET6 => Some(Self::Inet(Endpoint { address: fields.ipv6()?, port: fields.u16()? })),
            family => Some(Self::Other(family)),
        }
    }

    /// Reads a tuple: a family, then both ends.
    pub(super) fn both(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        let pair =
            |a, ap, b, bp| Self::Pair(Endpoint { address: a, port: ap }, Endpoint { address: b, port: bp });
        match fields.u8()? {
            UNIX => {
                let ends = (fields.u64()?, fields.u64()?);
                Some(Self::Unix(text(fields), Some(ends)))
            }
            INET => Some(pair(fields.ipv4()?, fields.u16()?, fields.ipv4()?, fields.u16()?)),
            INET6 => Some(pair(fields.ipv6()?, fields.u16()?, fields.ipv6()?, fields.u16()?)),
            0 => None,
            family => Some(Self::Other(family)),
        }
    }

    /// As Falco writes it: `10.0.0.1:40000->10.0.0.2:80`.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut head = String::new();
        let path = match self {
            Self::Inet(end) => {
                let _ = write!(head, "{}:{}", end.address, end.port);
                &[]
            }
            Self::Pair(a, b) => {
                let _ = write!(head, "{}:{}->{}:{}", a.address, a.port, b.address, b.port);
                &[]
            }
            Self::Unix(path, None) => *path,
            Self::Unix(path, Some((source, peer))) => {
                let _ = write!(head, "{source:x}->{peer:x} ");
                *path
            }
            Self::Other(family) => {
                let _ = write!(head, "family {family}");
                &[]
            }
        };
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(path);
    }
}

/// What is left, up to a NUL; an abstract name begins with one, which is part of it.
fn text(fields: Fields<'_>) -> &[u8] {
    let mut fields = fields;
    let bytes = fields.bytes(fields.left()).unwrap_or_default();
    super::event::until_nul(bytes)
}
