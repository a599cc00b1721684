//! What the host's network is now, read without any privilege and without running anything.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::address::Network;
use super::error::NetworkError;
use crate::fault::io_error;

/// The network namespace that this process is in (`namespaces(7)`).
const NAMESPACE: &str = "/proc/self/ns/net";
/// How long the lock is waited for; a holder runs half a dozen commands.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// The right to change what this room has made in this network namespace, whoever made it. The
/// kernel takes it back when the process ends.
pub(super) struct Lock {
    _namespace: Flock<File>,
}

/// Takes the lock, or says that somebody else keeps it.
pub(super) fn lock() -> Result<Lock, NetworkError> {
    let until = Instant::now() + LOCK_PATIENCE;
    let mut file = File::open(NAMESPACE).map_err(io_error("open", NAMESPACE))?;
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => {
                return Ok(Lock { _namespace: locked });
            }
            Err((file, Errno::EWOULDBLOCK)) => file,
            Err((_, errno)) => return Err(io_error("lock", NAMESPACE)(errno.into()).into()),
        };
        if Instant::now() >= until {
            return Err(NetworkError::Locked(LOCK_PATIENCE.as_secs()));
        }
        // Only while two VMs start or end at once: a lock that is waited for has no deadline.
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// `IFF_LOWER_UP` of netdevice(7). `IFF_RUNNING` follows it up to a second later.
const LOWER_UP: nix::libc::c_int = 1 << 16;

/// One network interface of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) name: String,
    /// Whether a cable is in: of a TAP device, whether a process has it open.
    pub(super) running: bool,
    pub(super) addresses: Vec<Network>,
}

/// All interfaces of this network namespace. What cannot be read is none.
pub(super) fn interfaces() -> Vec<Interface> {
    let mut found: Vec<Interface> = Vec::new();
    for entry in nix::ifaddrs::getifaddrs().into_iter().flatten() {
        let at = found.iter().position(|it| it.name == entry.interface_name);
        let at = at.unwrap_or_else(|| {
            found.push(Interface {
                name: entry.interface_name.clone(),
                running: entry.flags.bits() & LOWER_UP != 0,
                addresses: Vec::new(),
            });
            found.len() - 1
        });
        let ip = |address: Option<nix::sys::socket::SockaddrStorage>| {
            Some(address?.as_sockaddr_in()?.ip())
        };
        if let (Some(address), Some(mask)) = (ip(entry.address), ip(entry.netmask)) {
            found[at]
                .addresses
                .push(Network::new(address, prefix(mask)));
        }
    }
    found
}

fn prefix(mask: Ipv4Addr) -> u8 {
    u8::try_from(u32::from(mask).leading_ones()).unwrap_or(32)
}

/// The networks that this host has routes to, without the default route.
pub(super) fn routes() -> Vec<Network> {
    parse_routes(&fs::read_to_string("/proc/self/net/route").unwrap_or_default())
}

/// `/proc/net/route` (proc(5)): a headline, then interface, destination, gateway, flags, three
/// counters and mask, addresses as the number that their four bytes are on this machine.
fn parse_routes(text: &str) -> Vec<Network> {
    let number = |word: Option<&str>| {
        let number = u32::from_str_radix(word?, 16).ok()?;
        Some(Ipv4Addr::from(number.to_ne_bytes()))
    };
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            let destination = number(words.next())?;
            let mask = number(words.nth(5))?;
            Some(Network::new(destination, prefix(mask)))
        })
        .filter(|network| network.prefix > 0)
        .collect()
}

/// Whether this host passes packets on from one interface to another; `None` when it does not tell.
pub(super) fn forwards() -> Option<bool> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_forward").ok()?;
    Some(text.trim() != "0")
}

/// The name servers of this host that a guest can reach, at most three: those of `resolv.conf`, and
/// where that names only the host's own resolver, those that systemd's resolver asks.
pub(super) fn name_servers() -> Vec<Ipv4Addr> {
    ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"]
        .iter()
        .map(|path| parse_name_servers(&fs::read_to_string(path).unwrap_or_default()))
        .find(|servers| !servers.is_empty())
        .unwrap_or_default()
}

fn parse_name_servers(text: &str) -> Vec<Ipv4Addr> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let address = words.next().filter(|word| *word == "nameserver");
            address.and(words.next())?.parse().ok()
        })
        .filter(|address: &Ipv4Addr| !address.is_loopback() && !address.is_unspecified())
        .take(3)
        .collect()
}

/// Bytes that a TAP device carried, as the guest sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Received by the guest.
    pub received: u64,
    /// Sent by the guest.
    pub sent: u64,
}

/// What `device` carried since it was made; `None` when it is not there.
pub fn traffic(device: &str) -> Option<Traffic> {
    parse_traffic(&fs::read_to_string("/proc/self/net/dev").ok()?, device)
}

/// `/proc/net/dev` (proc(5)): name, then eight counters of what the host received, eight of what it
/// sent, each time the bytes first.
fn parse_traffic(text: &str, device: &str) -> Option<Traffic> {
    let counters = text
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(device)?.strip_prefix(':'))?;
    let mut counters = counters.split_whitespace();
    let sent = counters.next()?.parse().ok()?;
    let received = counters.nth(7)?.parse().ok()?;
    Some(Traffic { received, sent })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_read_but_for_the_default_one() {
        let text = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            tun0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n\
            smt0badcafe\t0404D50A\t00000000\t0001\t0\t0\t0\tFCFFFFFF\t0\t0\t0\n\
            torn\t04\n";
        assert_eq!(
            parse_routes(text),
            [
                Network::new(Ipv4Addr::new(10, 0, 0, 0), 8),
                Network::new(Ipv4Addr::new(10, 213, 4, 4), 30),
            ]
        );
    }

    #[test]
    fn only_name_servers_that_a_guest_can_reach_are_told() {
        let text = "# by hand\nnameserver 127.0.0.53\nnameserver fe80::1%eth0\nsearch nameserver\n\
            nameserver 192.0.2.7 # first\nnameserver\nnameserver 9.9.9.9\nnameserver 1.1.1.1\nnameserver 8.8.8.8\n";
        let servers: Vec<String> = parse_name_servers(text)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(servers, ["192.0.2.7", "9.9.9.9", "1.1.1.1"]);
        assert!(parse_name_servers("nameserver 127.0.0.53\n").is_empty());
    }

    #[test]
    fn what_the_host_sends_the_guest_receives() {
        let text = "Inter-|   Receive                                                |  Transmit\n \
            face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    \
            lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0\n\
            smt0badcafe: 4096      32    0    0    0     0          0         0    71000      58    0    0    0     0       0          0\n";
        assert_eq!(
            parse_traffic(text, "smt0badcafe"),
            Some(Traffic {
                received: 71000,
                sent: 4096
            })
        );
        assert_eq!(parse_traffic(text, "smt0badcaf"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_loopback_interface_and_its_address_are_seen() {
        let all = interfaces();
        let loopback = all.iter().find(|it| it.name == "lo").unwrap();
        let own = Network::new(Ipv4Addr::LOCALHOST, 8);
        assert!(loopback.addresses.contains(&own), "{loopback:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn of_two_who_want_the_lock_one_has_it() {
        let held = lock().unwrap();
        let file = File::open(NAMESPACE).unwrap();
        let second = Flock::lock(file, FlockArg::LockExclusiveNonblock);
        assert_eq!(second.unwrap_err().1, Errno::EWOULDBLOCK);
        drop(held);
        lock().unwrap();
    }
}
