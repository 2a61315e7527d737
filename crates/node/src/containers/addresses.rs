//! Who had an address when: intervals, as addresses are given to one container after another.
//!
//! ```text
//!   10.0.0.7   web-1 ├────────┤          db-1 ├───────────────
//!                 ask here: web-1 ┘   nobody ┘        └ db-1
//! ```
//!
//! The containers of a pod share a network namespace and so its addresses. Networks that do not meet may use the same
//! addresses at the same time (each rootless container is 10.0.2.100): then an address names nobody.

use gabion_model::ContainerKey;
use std::{collections::HashMap, net::IpAddr};

/// For one address no more intervals than this are kept; the oldest goes.
const MAX_INTERVALS: usize = 256;

/// Who had an address at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Nobody that is known.
    Nobody,
    /// These, which share one network namespace; oldest first.
    Containers(Vec<ContainerKey>),
    /// Containers in several network namespaces at once.
    Ambiguous,
}

/// One stay of an address.
#[derive(Clone, Debug)]
struct Stay {
    container: ContainerKey,
    network: u64,
    from: u64,
    to: Option<u64>,
}

/// All stays, by address. Times are in nanoseconds since 1970.
#[derive(Debug, Default)]
pub struct Addresses {
    stays: HashMap<IpAddr, Vec<Stay>>,
    of: HashMap<ContainerKey, Vec<IpAddr>>,
}

impl Addresses {
    /// The addresses of a container from `now` on, in the network namespace `network`.
    pub fn set(&mut self, container: ContainerKey, network: u64, addresses: &[IpAddr], now: u64) {
        let before = self.of.insert(container, addresses.to_vec()).unwrap_or_default();
        for address in before.iter().filter(|address| !addresses.contains(address)) {
            self.close(*address, container, now);
        }
        for address in addresses {
            let stays = self.stays.entry(*address).or_default();
            let held = |stay: &&mut Stay| stay.container == container && stay.to.is_none();
            match stays.iter_mut().find(held) {
                Some(stay) if stay.network == network => continue,
                Some(stay) => stay.to = Some(now),
                None => {}
            }
            if stays.len() == MAX_INTERVALS {
                stays.remove(0);
            }
            stays.push(Stay { container, network, from: now, to: None });
        }
    }

    /// The container has ended: its addresses are free.
    pub fn end(&mut self, container: ContainerKey, now: u64) {
        for address in self.of.remove(&container).unwrap_or_default() {
            self.close(address, container, now);
        }
    }

    fn close(&mut self, address: IpAddr, container: ContainerKey, now: u64) {
        for stay in self.stays.get_mut(&address).into_iter().flatten() {
            if stay.container == container {
                stay.to.get_or_insert(now);
            }
        }
    }

    /// Who had it at that time.
    pub fn who(&self, address: IpAddr, at: u64) -> Holder {
        let mut found: Vec<&Stay> = Vec::new();
        for stay in self.stays.get(&address).into_iter().flatten() {
            if stay.from <= at && stay.to.is_none_or(|to| at < to) {
                found.push(stay);
            }
        }
        match found.split_first() {
            None => Holder::Nobody,
            Some((first, others)) if others.iter().any(|stay| stay.network != first.network) => {
                Holder::Ambiguous
            }
            Some(_) => Holder::Containers(found.iter().map(|stay| stay.container).collect()),
        }
    }

    /// Forgets what ended at `before` or earlier.
    pub fn forget(&mut self, before: u64) {
        self.stays.retain(|_, stays| {
            stays.retain(|stay| stay.to.is_none_or(|to| to > before));
            !stays.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn only(key: u32) -> Holder {
        Holder::Containers(vec![ContainerKey(key)])
    }

    #[test]
    fn an_address_that_was_given_again_names_each_in_its_time() {
        let mut addresses = Addresses::default();
        addresses.set(ContainerKey(1), 100, &[ip(7), ip(8)], 10);
        addresses.end(ContainerKey(1), 20);
        addresses.set(ContainerKey(2), 200, &[ip(7)], 30);
        let who = |at| addresses.who(ip(7), at);
        assert_eq!([who(9), who(10), who(19)], [Holder::Nobody, only(1), only(1)]);
        assert_eq!([who(20), who(29), who(30)], [Holder::Nobody, Holder::Nobody, only(2)]);
        assert_eq!(addresses.who(ip(8), 15), only(1));
        addresses.forget(20);
        assert_eq!([addresses.who(ip(7), 15), addresses.who(ip(7), 99)], [Holder::Nobody, only(2)]);
    }

    #[test]
    fn a_pod_shares_an_address_and_strangers_make_it_ambiguous() {
        let mut addresses = Addresses::default();
        addresses.set(ContainerKey(1), 100, &[ip(7)], 10);
        addresses.set(ContainerKey(2), 100, &[ip(7)], 20);
        addresses.set(ContainerKey(3), 300, &[ip(7)], 30);
        assert_eq!(addresses.who(ip(7), 25), Holder::Containers(vec![ContainerKey(1), ContainerKey(2)]));
        assert_eq!(addresses.who(ip(7), 30), Holder::Ambiguous);
        addresses.end(ContainerKey(1), 40);
        addresses.end(ContainerKey(2), 40);
        assert_eq!(addresses.who(ip(7), 40), only(3));
        // Reading the same again changes nothing; an address that is gone is closed.
        addresses.set(ContainerKey(3), 300, &[ip(7)], 50);
        addresses.set(ContainerKey(3), 300, &[ip(9)], 60);
        assert_eq!([addresses.who(ip(7), 55), addresses.who(ip(7), 60)], [only(3), Holder::Nobody]);
    }

    proptest! {
        /// One container after another in one network: whoever is named had the address then.
        #[test]
        fn nobody_is_named_outside_their_time(lives in proptest::collection::vec((1_u64..50, 1_u64..50, 0_u8..3), 1..40)) {
            let mut addresses = Addresses::default();
            let mut truth = Vec::new();
            let mut now = 0;
            for (key, (pause, life, last)) in (1..).zip(lives) {
                let from = now + pause;
                addresses.set(ContainerKey(key), u64::from(key), &[ip(last)], from);
                now = from + life;
                addresses.end(ContainerKey(key), now);
                truth.push((key, last, from, now));
            }
            for at in 0..=now {
                for last in 0..3 {
                    let had = truth.iter().find(|(_, l, from, to)| *l == last && (*from..*to).contains(&at));
                    prop_assert_eq!(addresses.who(ip(last), at), had.map_or(Holder::Nobody, |(key, ..)| only(*key)));
                }
            }
        }
    }
}
