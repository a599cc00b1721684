//! Addresses for VMs: a pool, blocks of four out of it, and what follows from a block. All pure.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::vm::is_id;

/// What every device of ours begins with; the packet filter goes by it.
pub(super) const PREFIX: &str = "smt";

/// How many leading bits of a VM's two addresses name its network.
pub(super) const BLOCK_PREFIX: u8 = 30;

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

impl Tap {
    /// The device of the VM with this id on that block.
    pub(super) fn new(id: &str, block: Network, name_servers: Vec<Ipv4Addr>) -> Self {
        let guest = Ipv4Addr::from(u32::from(block.address) + 2);
        let [a, b, c, d] = guest.octets();
        Self {
            device: device_name(id),
            // Bit 1 of the first byte: administered locally. Bit 0 unset: one station.
            mac: format!("06:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}"),
            host: Ipv4Addr::from(u32::from(block.address) + 1),
            guest,
            prefix: block.prefix,
            name_servers,
        }
    }

    /// What a guest with our agent is told on its kernel's command line.
    pub fn agent_args(&self) -> String {
        let mut args = format!(
            "smolvm.ip={}/{} smolvm.gw={}",
            self.guest, self.prefix, self.host
        );
        if !self.name_servers.is_empty() {
            args.push_str(" smolvm.dns=");
            args.push_str(&join(&self.name_servers, ","));
        }
        args
    }

    /// What a kernel is told that brings up its network card by itself, `name` being the guest's:
    /// `ip=` of the kernel's `nfsroot.rst`, which has room for two name servers.
    pub fn kernel_arg(&self, name: &str) -> String {
        let mask = Network::new(self.guest, self.prefix).mask();
        let mut arg = format!(
            "ip={}::{}:{}:{name}:eth0:off",
            self.guest,
            self.host,
            Ipv4Addr::from(mask)
        );
        for server in self.name_servers.iter().take(2) {
            arg.push(':');
            arg.push_str(&server.to_string());
        }
        arg
    }
}

fn join(addresses: &[Ipv4Addr], between: &str) -> String {
    let words: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    words.join(between)
}

/// The device's name for the VM with this id: 11 bytes.
pub(super) fn device_name(id: &str) -> String {
    format!("{PREFIX}{}", id.to_ascii_lowercase())
}

/// The id of the VM whose device this is, if it is one of ours.
pub fn id_of(device: &str) -> Option<&str> {
    device.strip_prefix(PREFIX).filter(|id| is_id(id))
}

/// A network: an address whose last bits are zero, and how many leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    pub(super) address: Ipv4Addr,
    pub(super) prefix: u8,
}

impl Network {
    /// The network that `address` is in.
    pub(super) fn new(address: Ipv4Addr, prefix: u8) -> Self {
        let network = Self {
            address,
            prefix: prefix.min(32),
        };
        Self {
            address: Ipv4Addr::from(u32::from(address) & network.mask()),
            ..network
        }
    }

    pub(super) fn mask(self) -> u32 {
        u32::MAX
            .checked_shl(32 - u32::from(self.prefix))
            .unwrap_or(0)
    }

    fn overlaps(self, other: Self) -> bool {
        let mask = self.mask() & other.mask();
        u32::from(self.address) & mask == u32::from(other.address) & mask
    }
}

/// Where addresses of VMs come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pool(Network);

impl Default for Pool {
    /// 10.213.0.0/16: room for 16,384 VMs in the private range, away from where home routers,
    /// Docker (172.17 to 172.31), libvirt (192.168.122) and VPN services (100.64, 198.18) begin.
    fn default() -> Self {
        Self(Network::new(Ipv4Addr::new(10, 213, 0, 0), 16))
    }
}

/// Why a text names no pool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no pool of addresses: expected a network of IPv4 from /8 to /28, such as 10.213.0.0/16"
)]
pub struct PoolError(String);

impl FromStr for Pool {
    type Err = PoolError;

    fn from_str(text: &str) -> Result<Self, PoolError> {
        let wrong = || PoolError(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address: Ipv4Addr = address.parse().map_err(|_| wrong())?;
        let prefix: u8 = prefix.parse().map_err(|_| wrong())?;
        let network = Network::new(address, prefix);
        let usable = (8..=28).contains(&prefix) && network.address == address;
        usable.then_some(Self(network)).ok_or_else(wrong)
    }
}

impl TryFrom<String> for Pool {
    type Error = PoolError;

    fn try_from(text: String) -> Result<Self, PoolError> {
        text.parse()
    }
}

impl From<Pool> for String {
    fn from(pool: Pool) -> Self {
        pool.to_string()
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0.address, self.0.prefix)
    }
}

impl Pool {
    /// Its first address.
    pub(super) fn first(self) -> Ipv4Addr {
        self.0.address
    }

    /// A block that overlaps nothing of `taken`; the search begins where the id says, so that a VM
    /// mostly keeps its address. `None` when all are taken.
    pub(super) fn block(self, id: &str, taken: &[Network]) -> Option<Network> {
        let blocks = 1_u32 << (BLOCK_PREFIX - self.0.prefix);
        let first = u32::from_str_radix(id, 16).unwrap_or(0) % blocks;
        // What does not touch the pool need not be held against each block.
        let taken: Vec<Network> = taken
            .iter()
            .copied()
            .filter(|network| network.overlaps(self.0))
            .collect();
        (0..blocks)
            .map(|step| (first + step) % blocks)
            .map(|index| Ipv4Addr::from(u32::from(self.0.address) + (index << 2)))
            .map(|address| Network::new(address, BLOCK_PREFIX))
            .find(|block| !taken.iter().any(|network| network.overlaps(*block)))
    }

    /// Shell patterns, without a `*`, that the pool's addresses match and little else does: whole
    /// bytes of the prefix to the letter, the others as one to three digits.
    pub(super) fn patterns(self) -> Vec<String> {
        const DIGITS: [&str; 3] = ["[0-9]", "[0-9][0-9]", "[0-9][0-9][0-9]"];
        let fixed = usize::from(self.0.prefix / 8);
        let mut patterns = vec![String::new()];
        for (place, byte) in self.0.address.octets().iter().enumerate() {
            let dot = if place == 0 { "" } else { "." };
            let of_byte: Vec<String> = if place < fixed {
                vec![byte.to_string()]
            } else {
                DIGITS.map(str::to_owned).to_vec()
            };
            patterns = patterns
                .iter()
                .flat_map(|before| of_byte.iter().map(move |it| format!("{before}{dot}{it}")))
                .collect();
        }
        patterns
    }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
