//! A network of its own for a VM: a TAP device on the host, addresses from a pool, and what the
//! host's packet filter has to do for it.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// A TAP device that is there, and the addresses at both of its ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tap {
    /// The interface's name on the host, at most 15 bytes (`IFNAMSIZ` in netdevice(7)).
    pub device: String,
    /// The guest's MAC address, as `06:00:ac:10:00:02`.
    pub mac: String,
    /// The host's address: the guest's gateway.
    pub host: Ipv4Addr,
    /// The guest's address.
    pub guest: Ipv4Addr,
    /// How many leading bits of both addresses name the network.
    pub prefix: u8,
    /// The name servers that the guest is told.
    pub name_servers: Vec<Ipv4Addr>,
}
