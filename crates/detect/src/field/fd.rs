//! Fields of descriptors.
//!
//! A descriptor that a call failed to make has a name, but nothing else is known of it. Sockets are told from the
//! client to the server; one that listens, or is only bound, has its own end only.

use super::{
    Context,
    datum::{Datum, put},
    table::FdField as F,
};
use crate::state::{client_and_server, path};
use gabion_model::event::{Category, Endpoint, EventKind as K, Fd, FdKind, Transport, Value};
use std::net::IpAddr;

pub(super) fn extract<'a>(id: F, cx: Context<'a>, buffer: &'a mut Vec<u8>) -> Option<Datum<'a>> {
    let fd = cx.event.fd.as_ref()?;
    // Made or used: what else is asked for is asked of the descriptor itself.
    let made = fd.number >= 0;
    let client = || client_and_server(&fd.kind).0;
    let server = || client_and_server(&fd.kind).1;
    // Only of a connection is it known which end is which.
    let connection = || match fd.kind {
        FdKind::Inet { local, remote: Some(remote), .. } => (local, Some(remote)),
        _ => (None, None),
    };
    let local = || connection().0;
    let remote = || connection().1;
    match id {
        F::Number => return Some(Datum::Int(fd.number)),
        F::Name | F::RawName | F::ContainerName => {
            if id == F::ContainerName {
                container_prefix(cx, buffer);
            } else if let FdKind::File { path, .. } | FdKind::Directory(path) = fd.kind {
                let raw = if id == F::RawName { raw_name(cx) } else { None };
                return Some(Datum::Text(raw.unwrap_or(path)));
            }
            name(fd, buffer);
            return Some(Datum::Text(buffer));
        }
        F::Directory | F::ContainerDirectory => {
            let directory = match fd.kind {
                FdKind::File { path, .. } => path::directory(path),
                FdKind::Directory(path) => path,
                _ => return None,
            };
            if id == F::Directory {
                return Some(Datum::Text(directory));
            }
            container_prefix(cx, buffer);
            buffer.extend_from_slice(directory);
            return Some(Datum::Text(buffer));
        }
        F::TypeChar => return Some(Datum::Text(kind(&fd.kind).1.as_bytes())),
        F::Uid => {
            put(buffer, format_args!("{}{}", cx.event.task.tid, fd.number));
            return Some(Datum::Text(buffer));
        }
        _ if !made => return None,
        _ => {}
    }
    let ip = |end: Option<Endpoint>| end.map(|end| Datum::Ip(end.address));
    let port = |end: Option<Endpoint>| end.map(|end| Datum::Uint(end.port.into()));
    match id {
        F::Type => Some(Datum::Text(kind(&fd.kind).0.as_bytes())),
        F::FileName => match fd.kind {
            FdKind::File { path, .. } => Some(Datum::Text(path::file_name(path))),
            _ => None,
        },
        F::ClientIp | F::ClientNet => ip(client()),
        F::ServerIp | F::ServerNet => ip(server()),
        F::LocalIp | F::LocalNet => ip(local()),
        F::RemoteIp | F::RemoteNet => ip(remote()),
        F::ClientPort => port(client()),
        F::ServerPort => port(server()),
        F::LocalPort => port(local()),
        F::RemotePort => port(remote()),
        F::ClientProtocol => service(client(), buffer),
        F::ServerProtocol => service(server(), buffer),
        F::LocalProtocol => service(local(), buffer),
        F::RemoteProtocol => service(remote(), buffer),
        F::ClientHost => host(client(), cx),
        F::ServerHost => host(server(), cx),
        F::LocalHost => host(local(), cx),
        F::RemoteHost => host(remote(), cx),
        F::Transport => Some(Datum::Text(match fd.kind {
            FdKind::Inet { transport: Transport::Raw, .. } => b"raw",
            FdKind::Inet { transport, local, remote, .. } if local.is_some() || remote.is_some() => {
                match transport {
                    Transport::Tcp => b"tcp",
                    Transport::Udp => b"udp",
                    Transport::Other(1 | 58) => b"icmp",
                    _ => b"<NA>",
                }
            }
            _ => b"<NA>",
        })),
        F::Family => match fd.kind {
            FdKind::Inet { .. } => Some(Datum::Text(b"ip")),
            FdKind::Unix(_) => Some(Datum::Text(b"unix")),
            _ => None,
        },
        F::Server => Some(Datum::Bool(match fd.kind {
            FdKind::Inet { local: Some(_), remote: None, .. } => true,
            FdKind::Inet { server, .. } => server == Some(true),
            _ => false,
        })),
        F::Connected => Some(Datum::Bool(is_connected(cx, fd))),
        F::NameChanged => Some(Datum::Bool(match fd.kind {
            FdKind::Inet { .. } => names_peer(cx) || matches!(cx.event.kind, K::Connect | K::Bind),
            _ => false,
        })),
        F::Device => Some(Datum::Int(i64::from(fd.dev as u32))),
        F::Major => Some(Datum::Int(((fd.dev & 0xf_ff00) >> 8).cast_signed())),
        F::Minor => Some(Datum::Int((fd.dev & 0xff | (fd.dev >> 12) & 0xf_ff00).cast_signed())),
        F::Inode => Some(Datum::Int(fd.ino.cast_signed())),
        F::UpperLayer => Some(Datum::Bool(matches!(fd.kind, FdKind::File { upper: true, .. }))),
        _ => None,
    }
}

/// Both ends of a socket, for the fields that ask for either.
pub(super) fn ends(id: F, cx: Context<'_>) -> [Option<Datum<'static>>; 2] {
    let ends = match cx.event.fd {
        Some(fd) if fd.number >= 0 => {
            let (client, server) = client_and_server(&fd.kind);
            [client, server]
        }
        _ => [None, None],
    };
    ends.map(|end| {
        end.map(|end| match id {
            F::Ip | F::Net => Datum::Ip(end.address),
            _ => Datum::Uint(end.port.into()),
        })
    })
}

/// The path as the process gave it.
fn raw_name(cx: Context<'_>) -> Option<&[u8]> {
    let opens = cx.event.kind.category() == Category::File && cx.event.kind.args().first()?.name == "fd";
    match cx.event.args.get(cx.event.kind.arg("name").filter(|_| opens)?) {
        Some(Value::Bytes(name)) => Some(name),
        _ => None,
    }
}

/// The call itself names the other end of a socket that is not connected.
fn names_peer(cx: Context<'_>) -> bool {
    cx.event
        .kind
        .arg("tuple")
        .and_then(|index| cx.event.args.get(index))
        .is_some_and(|tuple| matches!(tuple, Value::Bytes(_)))
}

fn is_connected(cx: Context<'_>, fd: &Fd<'_>) -> bool {
    let FdKind::Inet { remote: Some(_), .. } = fd.kind else { return false };
    match cx.event.kind {
        K::Accept | K::Accept4 | K::Connect => cx.event.result >= 0,
        _ => !names_peer(cx),
    }
}

fn container_prefix(cx: Context<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(super::container::id(cx).as_bytes());
    out.push(b':');
}

fn service(end: Option<Endpoint>, buffer: &mut Vec<u8>) -> Option<Datum<'_>> {
    put(buffer, format_args!("{}", end?.port));
    Some(Datum::Text(buffer))
}

fn host(end: Option<Endpoint>, cx: Context<'_>) -> Option<Datum<'_>> {
    cx.state.name_of(end?.address).map(Datum::Text)
}

/// The type of a descriptor, in a word and in a letter.
fn kind(kind: &FdKind<'_>) -> (&'static str, &'static str) {
    match *kind {
        FdKind::File { .. } => ("file", "f"),
        FdKind::Directory(_) => ("directory", "d"),
        FdKind::Pipe => ("pipe", "p"),
        FdKind::Inet { local, remote, .. } => match remote.or(local).map(|end| end.address) {
            Some(IpAddr::V4(_)) => ("ipv4", "4"),
            Some(IpAddr::V6(_)) => ("ipv6", "6"),
            None => ("<NA>", "?"),
        },
        FdKind::Unix(_) => ("unix", "u"),
        FdKind::Memfd(_) => ("memfd", "m"),
        FdKind::Socket(16) => ("netlink", "n"),
        FdKind::Anonymous(what) => match what {
            b"eventfd" => ("event", "e"),
            b"epoll" | b"eventpoll" => ("eventpoll", "l"),
            b"inotify" => ("inotify", "i"),
            b"signalfd" => ("signalfd", "s"),
            b"timerfd" => ("timerfd", "t"),
            b"io_uring" => ("io_uring", "r"),
            b"userfaultfd" => ("userfaultfd", "u"),
            b"pidfd" => ("pidfd", "P"),
            bpf if bpf.starts_with(b"bpf") => ("bpf", "b"),
            _ => ("<NA>", "?"),
        },
        FdKind::Socket(_) | FdKind::Unknown => ("<NA>", "?"),
    }
}

/// Appends its name: a path, or the ends of a socket.
pub(super) fn name(fd: &Fd<'_>, out: &mut Vec<u8>) {
    match fd.kind {
        FdKind::File { path, .. } | FdKind::Directory(path) | FdKind::Unix(path) | FdKind::Memfd(path) => {
            out.extend_from_slice(path);
        }
        FdKind::Pipe if fd.ino != 0 => put(out, format_args!("pipe:[{}]", fd.ino)),
        FdKind::Inet { .. } => match client_and_server(&fd.kind) {
            (Some(client), Some(server)) => put(
                out,
                format_args!("{}:{}->{}:{}", client.address, client.port, server.address, server.port),
            ),
            (None, Some(own)) | (Some(own), None) => put(out, format_args!("{}:{}", own.address, own.port)),
            (None, None) => {}
        },
        _ => {}
    }
}

/// Appends `<f>/etc/passwd`.
pub(super) fn describe(fd: &Fd<'_>, out: &mut Vec<u8>) {
    let letter = kind(&fd.kind).1;
    let transport = match fd.kind {
        FdKind::Inet { transport: Transport::Tcp, .. } => "t",
        FdKind::Inet { transport: Transport::Udp, .. } => "u",
        FdKind::Inet { transport: Transport::Raw, .. } => "r",
        _ => "",
    };
    put(out, format_args!("<{letter}{transport}>"));
    name(fd, out);
}
