//! Whose an address is, now: workloads by their containers, nodes, and names that the name service has told.
//!
//! An address that two containers have at a time names nobody: wrong would be worse than unknown.

use gabion_api::rest::{Millis, PeerKind};
use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::Mutex,
};

/// Names that are kept; the oldest go.
const MAX_NAMES: usize = 50_000;

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    /// By node: addresses of containers, and their workloads.
    containers: HashMap<String, Vec<(IpAddr, String)>>,
    /// By address: the workloads of all nodes that have it, and how often.
    owners: HashMap<IpAddr, BTreeMap<String, usize>>,
    /// What an address was asked for as, and when.
    told: HashMap<IpAddr, (String, Millis)>,
}

/// Somebody on the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Somebody {
    pub(crate) name: String,
    pub(crate) kind: PeerKind,
}

impl Names {
    /// The containers of a node have these addresses now.
    pub(crate) fn containers(&self, node: &str, addresses: Vec<(IpAddr, String)>) {
        let mut table = self.lock();
        let Table { containers, owners, .. } = &mut *table;
        for (address, workload) in containers.remove(node).into_iter().flatten() {
            let Some(of) = owners.get_mut(&address) else { continue };
            if let Some(many) = of.get_mut(&workload) {
                *many -= 1;
                if *many == 0 {
                    of.remove(&workload);
                }
            }
            if of.is_empty() {
                owners.remove(&address);
            }
        }
        for (address, workload) in &addresses {
            *owners.entry(*address).or_default().entry(workload.clone()).or_default() += 1;
        }
        if !addresses.is_empty() {
            containers.insert(node.to_owned(), addresses);
        }
    }

    /// The name service has told that a name is at an address.
    pub(crate) fn told(&self, address: IpAddr, name: &str, now: Millis) {
        let mut table = self.lock();
        if table.told.len() >= MAX_NAMES && !table.told.contains_key(&address) {
            let half = table.told.values().map(|(_, time)| *time).max().unwrap_or(now) - 3_600_000;
            table.told.retain(|_, (_, time)| *time > half);
            if table.told.len() >= MAX_NAMES {
                table.told.clear();
            }
        }
        table.told.insert(address, (name.to_owned(), now));
    }

    /// Whose an address is, seen from a node.
    pub(crate) fn of(&self, node: &str, address: IpAddr) -> Somebody {
        let table = self.lock();
        let here = table.containers.get(node).into_iter().flatten();
        // A bridge of one node is not that of another, so its own containers come first.
        let mut owners: Vec<&str> =
            here.filter(|(own, _)| *own == address).map(|(_, workload)| workload.as_str()).collect();
        if owners.is_empty() {
            owners =
                table.owners.get(&address).into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        }
        owners.sort_unstable();
        owners.dedup();
        match owners.as_slice() {
            [workload] => return Somebody { name: (*workload).to_owned(), kind: PeerKind::Workload },
            [] => {}
            _ => return Somebody { name: address.to_string(), kind: PeerKind::Unknown },
        }
        if let Some((name, _)) = table.told.get(&address) {
            return Somebody { name: name.clone(), kind: PeerKind::Name };
        }
        let kind = if is_inside(address) { PeerKind::Unknown } else { PeerKind::Address };
        Somebody { name: address.to_string(), kind }
    }

    /// Whether an address is of nobody here: of no container, and of no network that is somebody's own.
    pub(crate) fn is_outside(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let shared =
            matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64);
        let here = |table: &Table| table.containers.values().flatten().any(|(own, _)| *own == address);
        !is_inside(address)
            && !shared
            && !address.is_unspecified()
            && !address.is_multicast()
            && !here(&self.lock())
    }

    /// How many addresses are known, by kind, for the metrics.
    pub(crate) fn sizes(&self) -> BTreeMap<&'static str, usize> {
        let table = self.lock();
        BTreeMap::from([
            ("container", table.containers.values().map(Vec::len).sum()),
            ("name", table.told.len()),
        ])
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Whether an address is of a network that is somebody's own.
fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.is_loopback(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_of_two_workloads_names_nobody() {
        let names = Names::default();
        names.containers("a", vec![(ip("10.0.0.2"), "web".to_owned())]);
        names.containers("b", vec![(ip("10.0.0.2"), "db".to_owned())]);
        assert_eq!(names.of("a", ip("10.0.0.2")).name, "web");
        assert_eq!(names.of("c", ip("10.0.0.2")).kind, PeerKind::Unknown);
        // One of them goes: the other is the only one.
        names.containers("a", vec![(ip("10.0.0.3"), "web".to_owned()), (ip("10.0.0.3"), "web".to_owned())]);
        assert_eq!(names.of("c", ip("10.0.0.2")).name, "db");
        names.containers("a", vec![(ip("10.0.0.3"), "web".to_owned())]);
        assert_eq!(names.of("c", ip("10.0.0.3")).name, "web");
        names.containers("a", Vec::new());
        names.containers("b", Vec::new());
        assert_eq!(names.of("c", ip("10.0.0.2")).kind, PeerKind::Unknown);
        let table = names.lock();
        assert!(table.owners.is_empty() && table.containers.is_empty());
    }

    #[test]
    fn outside_is_what_is_of_no_network_of_ones_own() {
        let names = Names::default();
        names.containers("a", vec![(ip("203.0.113.20"), "web".to_owned())]);
        for (address, outside) in [
            ("203.0.113.9", true),
            ("::ffff:203.0.113.9", true),
            ("2001:db8::1", true),
            ("203.0.113.20", false),
            ("10.0.0.2", false),
            ("::ffff:10.0.0.2", false),
            ("100.64.0.1", false),
            ("fe80::1", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(names.is_outside(ip(address)), outside, "{address}");
        }
    }

    #[test]
    fn a_name_is_told_where_no_container_has_the_address() {
        let names = Names::default();
        names.told(ip("203.0.113.7"), "pool.example", 1);
        assert_eq!(
            names.of("a", ip("203.0.113.7")),
            Somebody { name: "pool.example".to_owned(), kind: PeerKind::Name }
        );
        assert_eq!(names.of("a", ip("203.0.113.8")).kind, PeerKind::Address);
        assert_eq!(names.of("a", ip("192.168.1.9")).kind, PeerKind::Unknown);
    }
}
