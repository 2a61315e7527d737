//! The network of the demo: a bridge that is in a network namespace of its own, so that no firewall of this machine stops what
//! goes over it, and nothing that is on it gets out.
//!
//! ```text
//!   this machine                 gabion-demo0            gabion-demo0-shop-web
//!   gabion-demo0 10.89.200.1 ──► bridge ──┬────────────► eth0 10.89.200.4
//!                                         ├────────────► ...
//!                                         └ 203.0.113.0/24: nobody is there
//! ```

use anyhow::{Context, bail};
use std::{net::Ipv4Addr, path::Path, process::Command};

/// Addresses that belong to nobody (RFC 5737).
pub(super) const NOWHERE: &str = "203.0.113.0/24";

/// The network of one estate; several may be there at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network {
    pub(super) number: u8,
}

impl Network {
    /// The namespace of the bridge, and this machine's end of the wire to it.
    fn name(self) -> String {
        format!("gabion-demo{}", self.number)
    }

    /// The address of this machine, for 1, or of the container with that number.
    pub(super) fn address(self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 89, 200 + self.number, host)
    }

    /// The namespace of a container.
    fn space(self, container: &str) -> String {
        format!("{}-{container}", self.name())
    }

    /// The file of that namespace.
    pub(super) fn path(self, container: &str) -> String {
        format!("/run/netns/{}", self.space(container))
    }

    /// Whether nobody has the names or the addresses.
    pub(super) fn is_free(self) -> bool {
        let taken = |path: String| Path::new(&path).exists();
        let prefix = format!("{}/", self.address(0));
        let routes = ip("-4 route show").unwrap_or_default();
        !taken(format!("/run/netns/{}", self.name()))
            && !taken(format!("/sys/class/net/{}", self.name()))
            && !routes.lines().any(|route| route.starts_with(&prefix))
    }

    /// Makes the bridge.
    pub(super) fn start(self) -> anyhow::Result<()> {
        let name = self.name();
        for command in [
            format!("netns add {name}"),
            format!("-n {name} link add bridge type bridge"),
            format!("-n {name} link set bridge up"),
            format!("link add {name} type veth peer name host netns {name}"),
            format!("-n {name} link set host master bridge up"),
            format!("addr add {}/24 dev {name}", self.address(1)),
            format!("link set {name} up"),
        ] {
            ip(&command)?;
        }
        Ok(())
    }

    /// Makes the namespace of a container, with the address of that number.
    pub(super) fn join(self, container: &str, host: u8) -> anyhow::Result<()> {
        let (name, space) = (self.name(), self.space(container));
        for command in [
            format!("netns add {space}"),
            format!("-n {name} link add {container} type veth peer name eth0 netns {space}"),
            format!("-n {name} link set {container} master bridge up"),
            format!("-n {space} addr add {}/24 dev eth0", self.address(host)),
            format!("-n {space} link set lo up"),
            format!("-n {space} link set eth0 up"),
            format!("-n {space} route add {NOWHERE} dev eth0"),
        ] {
            ip(&command)?;
        }
        Ok(())
    }

    /// Removes all that is there of it.
    pub(super) fn stop<'a>(self, containers: impl Iterator<Item = &'a str>) -> anyhow::Result<()> {
        let name = self.name();
        if Path::new("/sys/class/net").join(&name).exists() {
            ip(&format!("link del {name}"))?;
        }
        for space in containers.map(|container| self.space(container)).chain([name]) {
            if Path::new("/run/netns").join(&space).exists() {
                ip(&format!("netns del {space}"))?;
            }
        }
        Ok(())
    }
}

/// Whether there is the program that makes networks.
pub(super) fn is_possible() -> bool {
    ip("netns list").is_ok()
}

fn ip(arguments: &str) -> anyhow::Result<String> {
    let output = Command::new("ip").args(arguments.split(' ')).output().context("cannot start ip")?;
    if !output.status.success() {
        bail!("ip {arguments}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
