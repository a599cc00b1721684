//! The commands that need privileges, each of one shape, and the sudoers lines that permit them.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use super::address::{BLOCK_PREFIX, PREFIX, Pool};
use super::filter::{RULES, TABLE};

/// One change to the host's network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    AddTap {
        device: String,
        owner: u32,
    },
    AddAddress {
        device: String,
        address: Ipv4Addr,
        prefix: u8,
    },
    Up {
        device: String,
    },
    DeleteTap {
        device: String,
    },
    LoadRules,
    DeleteRules,
    /// Changes nothing: tells whether there are any.
    ListRules,
    EnableForwarding,
}

impl Step {
    /// One of each shape, for these.
    pub(super) fn of_each_shape(device: &str, owner: u32, address: Ipv4Addr) -> [Self; 8] {
        let device = || device.to_owned();
        [
            Self::AddTap {
                device: device(),
                owner,
            },
            Self::AddAddress {
                device: device(),
                address,
                prefix: BLOCK_PREFIX,
            },
            Self::Up { device: device() },
            Self::DeleteTap { device: device() },
            Self::LoadRules,
            Self::DeleteRules,
            Self::ListRules,
            Self::EnableForwarding,
        ]
    }

    /// Its command: the program first.
    pub(super) fn argv(&self) -> Vec<String> {
        let words = |text: String| text.split(' ').map(str::to_owned).collect();
        match self {
            Self::AddTap { device, owner } => {
                words(format!("ip tuntap add dev {device} mode tap user {owner}"))
            }
            Self::AddAddress {
                device,
                address,
                prefix,
            } => words(format!("ip address add {address}/{prefix} dev {device}")),
            Self::Up { device } => words(format!("ip link set dev {device} up")),
            Self::DeleteTap { device } => words(format!("ip tuntap del dev {device} mode tap")),
            Self::LoadRules => vec!["nft".to_owned(), RULES.to_owned()],
            Self::DeleteRules => words(format!("nft delete table {TABLE}")),
            Self::ListRules => words(format!("nft list table {TABLE}")),
            Self::EnableForwarding => words("sysctl -w net.ipv4.ip_forward=1".to_owned()),
        }
    }

    /// What it does, after `could not`.
    pub(super) fn what(&self) -> String {
        match self {
            Self::AddTap { device, .. } => format!("make the TAP device `{device}`"),
            Self::AddAddress {
                device, address, ..
            } => format!("give the TAP device `{device}` the address {address}"),
            Self::Up { device } => format!("bring up the TAP device `{device}`"),
            Self::DeleteTap { device } => format!("remove the TAP device `{device}`"),
            Self::LoadRules => format!("load the packet filter's table `{TABLE}`"),
            Self::DeleteRules => format!("remove the packet filter's table `{TABLE}`"),
            Self::ListRules => format!("look for the packet filter's table `{TABLE}`"),
            Self::EnableForwarding => "turn on net.ipv4.ip_forward".to_owned(),
        }
    }
}

/// The lines of a sudoers file (sudoers(5)) that let `user`, whose number is `uid`, run the commands
/// of this room without a password, and nothing else. `directory_of` tells where a program is.
pub fn sudoers(user: &str, uid: u32, pool: Pool, directory_of: impl Fn(&str) -> String) -> String {
    let device = format!("{PREFIX}{}", "[0-9a-f]".repeat(8));
    let path = |program: &str| format!("{}/{program}", directory_of(program));
    let mut commands = vec![format!(
        "{} tuntap add dev {device} mode tap user {uid}",
        path("ip")
    )];
    for address in pool.patterns() {
        commands.push(format!(
            "{} address add {address}/{BLOCK_PREFIX} dev {device}",
            path("ip")
        ));
    }
    commands.push(format!("{} link set dev {device} up", path("ip")));
    commands.push(format!("{} tuntap del dev {device} mode tap", path("ip")));
    // What would match anything must be the star itself.
    commands.push(format!("{} {}", path("nft"), RULES.replace('*', "\\*")));
    commands.push(format!("{} delete table {TABLE}", path("nft")));
    commands.push(format!("{} list table {TABLE}", path("nft")));
    commands.push(format!("{} -w net.ipv4.ip_forward\\=1", path("sysctl")));
    let mut text = String::new();
    for command in commands {
        let _ = writeln!(text, "{user} ALL=(root) NOPASSWD: {command}");
    }
    text
}

#[cfg(test)]
#[path = "step_tests.rs"]
mod tests;
