//! The addresses that a process has, without entering its network namespace: `/proc/PID/net` shows them.
//!
//! The directory of the process is opened once and all is read beneath it: a descriptor of it stays with the process, so a
//! number that is given again never shows the addresses of another. The loopback and link-local addresses name nobody.

use rustix::{
    fd::OwnedFd,
    fs::{Mode, OFlags},
    io::Errno,
};
use std::{
    fs::File,
    io::Read as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

/// A file of `/proc` larger than this is refused.
const MAX_FILE: u64 = 4 << 20;
/// More addresses than this are not kept.
const MAX_ADDRESSES: usize = 1024;

/// The network that a process is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Network {
    /// The inode of its namespace.
    pub(super) namespace: u64,
    /// Its addresses, sorted.
    pub(super) addresses: Vec<IpAddr>,
}

/// Why the network of a process is not known.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// It has ended.
    #[error("process {0} has ended")]
    Ended(u32),
    /// It is in another control group.
    #[error("process {0} is not in the container")]
    Other(u32),
    /// A file cannot be read.
    #[error("cannot read {file} of process {pid}")]
    Read {
        /// The process.
        pid: u32,
        /// Which file.
        file: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Reads the network of a process of which `inside` says, by its control group, whether it is the right one.
pub(super) fn read(proc: &Path, pid: u32, inside: impl Fn(&[u8]) -> bool) -> Result<Network, NetworkError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let process = rustix::fs::open(proc.join(pid.to_string()), flags, Mode::empty())
        .map_err(|errno| failed(pid, "", errno.into()))?;
    if !control_group(&text(&process, pid, "cgroup")?).is_some_and(inside) {
        return Err(NetworkError::Other(pid));
    }
    // A kernel without IPv6 has no such file.
    let v6 = match text(&process, pid, "net/if_inet6") {
        Err(NetworkError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        other => other?,
    };
    let v4 = text(&process, pid, "net/fib_trie")?;
    let namespace = rustix::fs::statat(&process, "ns/net", rustix::fs::AtFlags::empty())
        .map_err(|errno| failed(pid, "ns/net", errno.into()))?
        .st_ino;
    let mut addresses: Vec<IpAddr> =
        ipv4(&v4).into_iter().map(IpAddr::V4).chain(ipv6(&v6).into_iter().map(IpAddr::V6)).collect();
    addresses.sort();
    addresses.dedup();
    addresses.truncate(MAX_ADDRESSES);
    Ok(Network { namespace, addresses })
}

/// The inode of the network namespace that the node itself is in: that of process 1, or the agent's own where it may not
/// look at process 1.
pub(super) fn of_host(proc: &Path) -> Result<u64, NetworkError> {
    let of = |process: &str| rustix::fs::stat(proc.join(process).join("ns/net"));
    let stat = match of("1") {
        Err(Errno::ACCESS | Errno::PERM) => of("self"),
        found => found,
    };
    stat.map(|stat| stat.st_ino).map_err(|errno| failed(1, "ns/net", errno.into()))
}

fn text(process: &OwnedFd, pid: u32, file: &'static str) -> Result<Vec<u8>, NetworkError> {
    let opened = rustix::fs::openat(process, file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| failed(pid, file, errno.into()))?;
    let mut bytes = Vec::new();
    gabion_caps::Capped::new(File::from(opened), "a file of a process", MAX_FILE)
        .read_to_end(&mut bytes)
        .map_err(|source| failed(pid, file, source))?;
    Ok(bytes)
}

fn failed(pid: u32, file: &'static str, source: std::io::Error) -> NetworkError {
    let ended = source.raw_os_error() == Some(Errno::SRCH.raw_os_error())
        || file.is_empty() && source.kind() == std::io::ErrorKind::NotFound;
    if ended { NetworkError::Ended(pid) } else { NetworkError::Read { pid, file, source } }
}

/// The path in the unified hierarchy, of `/proc/PID/cgroup`.
fn control_group(text: &[u8]) -> Option<&[u8]> {
    text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"0::"))
}

/// The local addresses in `/proc/net/fib_trie`: leaves that are followed by `/32 host LOCAL`.
fn ipv4(trie: &[u8]) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut leaf = None;
    for line in String::from_utf8_lossy(trie).lines() {
        let line = line.trim_start();
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.trim().parse::<Ipv4Addr>().ok();
        } else if line.starts_with("/32 host LOCAL")
            && let Some(address) = leaf
            && !address.is_loopback()
            && !address.is_link_local()
        {
            found.push(address);
        }
    }
    found
}

/// The addresses in `/proc/net/if_inet6`: 32 digits at the start of each line.
fn ipv6(table: &[u8]) -> Vec<Ipv6Addr> {
    let lines = String::from_utf8_lossy(table);
    let addresses = lines.lines().filter_map(|line| {
        let digits = line.split_ascii_whitespace().next().filter(|digits| digits.len() == 32)?;
        u128::from_str_radix(digits, 16).ok().map(Ipv6Addr::from)
    });
    addresses.filter(|address| !address.is_loopback() && !address.is_unicast_link_local()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_addresses_of_a_table() {
        let trie = b"Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     |-- 127.0.0.1\n        \
            /32 host LOCAL\n     |-- 192.0.2.2\n        /32 host LOCAL\n     |-- 192.0.2.255\n        /32 link BROADCAST\n\
            Local:\n     |-- 192.0.2.2\n        /32 host LOCAL\n";
        assert_eq!(ipv4(trie), [Ipv4Addr::new(192, 0, 2, 2); 2]);
        let table = b"fd000000000000000000000000000002 04 40 00 82     eth0\n\
            fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n00000000000000000000000000000001 01 80 10 80       lo\n";
        assert_eq!(ipv6(table), ["fd00::2".parse::<Ipv6Addr>().expect("an address")]);
    }

    #[test]
    fn this_process_is_in_a_network_and_no_other_is_taken_for_it() {
        let own = std::process::id();
        let network = read(Path::new("/proc"), own, |_| true).expect("reads");
        let link = std::fs::read_link("/proc/self/ns/net").expect("a namespace");
        assert_eq!(link.to_string_lossy(), format!("net:[{}]", network.namespace));
        assert!(matches!(read(Path::new("/proc"), own, |_| false), Err(NetworkError::Other(_))));
        let mut child = std::process::Command::new("true").spawn().expect("starts");
        child.wait().expect("ends");
        assert!(matches!(read(Path::new("/proc"), child.id(), |_| true), Err(NetworkError::Ended(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "([|/ -]|[0-9.]|host LOCAL|\n){0,60}") {
            ipv4(&bytes);
            ipv6(&bytes);
            ipv4(text.as_bytes());
            control_group(&bytes);
        }
    }
}
