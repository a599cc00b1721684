//! Host name, loopback, and the first network card from `smolvm.ip=`, `smolvm.gw=`, `smolvm.dns=`.
//!
//! Three ioctls (netdevice(7)) cost a fraction of a millisecond, a DHCP client a process and a
//! conversation.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::cmdline::Cmdline;
use crate::log::warn;
use crate::modules::entries;

/// The machine's name.
fn name(cmdline: &Cmdline) -> &str {
    cmdline.value("smolvm.name").unwrap_or("smolvm")
}

/// Names the machine, for the prompt.
pub(crate) fn name_host(cmdline: &Cmdline) {
    let name = name(cmdline);
    if let Err(error) = nix::unistd::sethostname(name) {
        warn(&format!("cannot name the machine `{name}`: {error}"));
    }
}

/// Brings up loopback and, when it is there and the host said how, the network card; writes down how
/// the machine is called.
pub(crate) fn bring_up(cmdline: &Cmdline) {
    let name = name(cmdline);
    let hosts = format!("127.0.0.1\tlocalhost\n127.0.1.1\t{name}\n::1\tlocalhost\n");
    let _ = fs::write("/etc/hosts", hosts);
    let _ = fs::write("/etc/hostname", format!("{name}\n"));
    if let Err(error) = Interfaces::open().and_then(|interfaces| interfaces.up("lo")) {
        warn(&format!("cannot bring up the loopback interface: {error}"));
    }
    let (Some(address), Some(card)) = (cmdline.value("smolvm.ip"), first_card()) else {
        return;
    };
    let gateway = cmdline.value("smolvm.gw");
    if let Err(error) = configure(&card, address, gateway) {
        warn(&format!(
            "cannot give {card} the address {address}: {error}"
        ));
    }
    if let Some(servers) = cmdline.value("smolvm.dns") {
        let mut text = String::new();
        for server in servers.split(',') {
            let _ = writeln!(text, "nameserver {server}");
        }
        let _ = fs::write("/etc/resolv.conf", text);
    }
}

/// The first interface that belongs to a device; `eth0` unless somebody renamed it.
fn first_card() -> Option<String> {
    let mut cards: Vec<String> = entries("/sys/class/net")
        .iter()
        .filter(|card| card.join("device").exists())
        .filter_map(|card| Some(card.file_name()?.to_str()?.to_owned()))
        .collect();
    cards.sort();
    cards.into_iter().next()
}

fn configure(card: &str, address: &str, gateway: Option<&str>) -> io::Result<()> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    let (address, bits) = address.split_once('/').unwrap_or((address, "24"));
    let address: Ipv4Addr = address.parse().map_err(|_| wrong("no IPv4 address"))?;
    let bits: u32 = bits.parse().map_err(|_| wrong("no prefix length"))?;
    let mask = match bits {
        0 => 0,
        1..=32 => u32::MAX << (32 - bits),
        _ => return Err(wrong("no prefix length")),
    };
    let interfaces = Interfaces::open()?;
    interfaces.set_address(card, libc::SIOCSIFADDR, address)?;
    interfaces.set_address(card, libc::SIOCSIFNETMASK, mask.into())?;
    interfaces.up(card)?;
    if let Some(gateway) = gateway {
        let gateway = gateway
            .parse()
            .map_err(|_| wrong("the gateway is no IPv4 address"))?;
        interfaces.add_default_route(gateway)?;
    }
    Ok(())
}

/// A socket of any kind, which is what the ioctls of netdevice(7) want.
struct Interfaces(OwnedFd);

impl Interfaces {
    fn open() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        Ok(Self(socket(
            AddressFamily::Inet,
            SockType::Datagram,
            flags,
            None,
        )?))
    }

    fn up(&self, card: &str) -> io::Result<()> {
        let mut request = request_for(card)?;
        let flags = libc::IFF_UP | libc::IFF_RUNNING;
        request.ifr_ifru.ifru_flags = libc::c_short::try_from(flags).unwrap_or(0);
        // SAFETY: SIOCSIFFLAGS reads one `ifreq`, which lives until the call returns.
        check(unsafe {
            libc::ioctl(
                self.0.as_raw_fd(),
                libc::SIOCSIFFLAGS as _,
                &raw const request,
            )
        })
    }

    fn set_address(&self, card: &str, what: libc::c_ulong, address: Ipv4Addr) -> io::Result<()> {
        let mut request = request_for(card)?;
        request.ifr_ifru.ifru_addr = socket_address(address);
        // SAFETY: `what` is one of the requests that read one `ifreq` with an address in it.
        check(unsafe { libc::ioctl(self.0.as_raw_fd(), what as _, &raw const request) })
    }

    fn add_default_route(&self, gateway: Ipv4Addr) -> io::Result<()> {
        // SAFETY: `rtentry` is a plain C structure, for which all zeros is a valid value.
        let mut route: libc::rtentry = unsafe { std::mem::zeroed() };
        route.rt_dst = socket_address(Ipv4Addr::UNSPECIFIED);
        route.rt_genmask = socket_address(Ipv4Addr::UNSPECIFIED);
        route.rt_gateway = socket_address(gateway);
        route.rt_flags = libc::RTF_UP | libc::RTF_GATEWAY;
        // SAFETY: SIOCADDRT reads one `rtentry`, which lives until the call returns.
        check(unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SIOCADDRT as _, &raw const route) })
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn request_for(card: &str) -> io::Result<libc::ifreq> {
    // SAFETY: `ifreq` is a plain C structure, for which all zeros is a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero.
    if card.len() >= request.ifr_name.len() {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(card.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    Ok(request)
}

/// An IPv4 address as the generic `sockaddr`: two bytes of port, then the four of the address.
fn socket_address(address: Ipv4Addr) -> libc::sockaddr {
    // SAFETY: `sockaddr` is a plain C structure, for which all zeros is a valid value.
    let mut generic: libc::sockaddr = unsafe { std::mem::zeroed() };
    generic.sa_family = libc::sa_family_t::try_from(libc::AF_INET).unwrap_or(0);
    for (to, from) in generic.sa_data[2..6].iter_mut().zip(address.octets()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    generic
}
