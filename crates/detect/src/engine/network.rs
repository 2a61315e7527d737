//! Networks and addresses.

use super::comparison::invalid;
use crate::rules::vocabulary::Refusal;
use std::net::IpAddr;

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    pub(super) fn address(text: &str) -> Result<Self, Refusal> {
        let family = if text.contains('.') { "IPv4" } else { "IPv6" };
        let address: IpAddr =
            text.parse().map_err(|_| invalid(format!("unrecognized {family} address {text}")))?;
        Ok(Self { address, prefix: if address.is_ipv4() { 32 } else { 128 } })
    }

    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let (address, mask) =
            text.split_once('/').ok_or_else(|| invalid(format!("unrecognized IP network {text}")))?;
        let address: IpAddr =
            address.parse().map_err(|_| invalid(format!("unrecognized IP address {text}")))?;
        let fits = |prefix: &u32| if address.is_ipv4() { *prefix <= 32 } else { (1..=128).contains(prefix) };
        let prefix =
            mask.parse().ok().filter(fits).ok_or_else(|| invalid(format!("invalid netmask {mask}")))?;
        Ok(Self { address, prefix })
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(32 - self.prefix).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(128 - self.prefix).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}
