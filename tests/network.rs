//! TAP devices, addresses and packet filter for real, each test in a network namespace of its own,
//! so that nothing of it touches the host's network.

#![cfg(test)]
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use smolvm_tui::network::{self, Leftover, Pool, Privilege, Tap};
use smolvm_tui::vm::Store;

/// Says which test a process in a namespace is there for.
const INSIDE: &str = "SMOLVM_TEST_NAMESPACE";

/// True in a process with namespaces of its own; in any other it starts one for `test` and waits
/// for it.
fn inside(test: &str, needs_root: bool) -> bool {
    if std::env::var(INSIDE).as_deref() == Ok(test) {
        return true;
    }
    let root = nix::unistd::geteuid().is_root();
    let own = if root { "-nm" } else { "-rnm" };
    let works = |words: &[&str]| {
        let status = Command::new("unshare")
            .args(words)
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    };
    if needs_root && !root {
        eprintln!("skipped: {test} needs root, to be another user");
        return false;
    }
    if !works(&[
        own,
        "sh",
        "-c",
        "nft list tables && ip link >&2 && : <>/dev/net/tun",
    ]) {
        eprintln!("skipped: {test} needs a network namespace, /dev/net/tun, ip and nft");
        return false;
    }
    let status = Command::new("unshare")
        .arg(own)
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, test)
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed in its namespace");
    false
}

fn sh(script: &str) -> String {
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::locate(Some(dir.path())).unwrap();
    (dir, store)
}

/// Nothing of a VM is left in this namespace.
fn nothing_is_left(store: &Store) {
    assert!(!sh("ip -o link").contains("smt"));
    assert_eq!(sh("nft list tables"), "");
    let notes = fs::read_dir(store.root().join("network")).into_iter();
    assert_eq!(notes.flatten().count(), 0);
}

/// One end of a TUN or TAP device: what a VMM holds.
struct Wire(File);

impl Wire {
    fn open(name: &str, kind: libc::c_int) -> Self {
        let file = File::options()
            .read(true)
            .write(true)
            .open("/dev/net/tun")
            .unwrap();
        // SAFETY: `ifreq` is a plain C structure, for which all zeros is a valid value.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
            *to = libc::c_char::from_ne_bytes([from]);
        }
        let flags = kind | libc::IFF_NO_PI;
        request.ifr_ifru.ifru_flags = libc::c_short::try_from(flags).unwrap();
        // SAFETY: TUNSETIFF reads one `ifreq`, which lives until the call returns.
        let set = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF as _, &raw mut request) };
        assert_eq!(set, 0, "{name}: {}", std::io::Error::last_os_error());
        Self(file)
    }

    /// Everything that comes out of it up to a packet that holds `text`.
    fn up_to(&mut self, text: &str) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        loop {
            let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            let ready = poll(&mut fds, PollTimeout::from(10_000_u16)).unwrap();
            assert_eq!(ready, 1, "no packet with `{text}` after {packets:?}");
            let mut buffer = vec![0; 2048];
            let length = self.0.read(&mut buffer).unwrap();
            buffer.truncate(length);
            packets.push(buffer);
            if holds(packets.last().unwrap(), text) {
                return packets;
            }
        }
    }
}

fn holds(packet: &[u8], text: &str) -> bool {
    packet.windows(text.len()).any(|it| it == text.as_bytes())
}

type End = (Ipv4Addr, u16);

/// An IPv4 packet with a UDP datagram (RFC 791, RFC 768; no checksum of the datagram).
fn datagram(from: End, to: End, text: &str) -> Vec<u8> {
    let length = u16::try_from(28 + text.len()).unwrap();
    let mut packet = vec![0x45, 0];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 1, 0, 0, 64, 17, 0, 0]);
    packet.extend(from.0.octets());
    packet.extend(to.0.octets());
    let words = packet
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let sum: u32 = words.sum();
    let sum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    for number in [from.1, to.1, length - 20, 0] {
        packet.extend(number.to_be_bytes());
    }
    packet.extend(text.as_bytes());
    packet
}

/// A guest without a VMM: its device held open, its address known to the host.
struct Guest {
    tap: Tap,
    wire: Wire,
    gateway: [u8; 6],
}

impl Guest {
    fn new(store: &Store, id: &str) -> Self {
        let tap = network::attach(store, id, Pool::default()).unwrap().tap;
        let wire = Wire::open(&tap.device, libc::IFF_TAP);
        let device = &tap.device;
        // In place of an answer to ARP.
        sh(&format!(
            "ip neigh add {} lladdr {} dev {device}",
            tap.guest, tap.mac
        ));
        let gateway = nix::ifaddrs::getifaddrs()
            .unwrap()
            .filter(|it| it.interface_name == *device)
            .find_map(|it| it.address?.as_link_addr()?.addr());
        let mut guest = Self {
            gateway: gateway.unwrap(),
            tap,
            wire,
        };
        // Up to a second passes before the kernel sends anything to a device that was just opened.
        while !guest.awake() {}
        guest
    }

    /// Whether the host's packets arrive by now.
    fn awake(&mut self) -> bool {
        let host = UdpSocket::bind((self.tap.host, 0)).unwrap();
        host.send_to(b"awake", (self.tap.guest, 9)).unwrap();
        let mut fds = [PollFd::new(self.wire.0.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, PollTimeout::from(50_u8)).unwrap() == 0 {
            return false;
        }
        let mut buffer = [0; 2048];
        let length = self.wire.0.read(&mut buffer).unwrap();
        holds(&buffer[..length], "awake")
    }

    fn send(&mut self, from: Ipv4Addr, to: End, text: &str) {
        let mut frame = self.gateway.to_vec();
        let mac = self.tap.mac.split(':');
        frame.extend(mac.map(|byte| u8::from_str_radix(byte, 16).unwrap()));
        frame.extend([8, 0]);
        frame.extend(datagram((from, 1000), to, text));
        self.wire.0.write_all(&frame).unwrap();
    }

    /// What reaches the guest before a datagram that the host sends it now.
    fn heard(&mut self) -> Vec<Vec<u8>> {
        let host = UdpSocket::bind((self.tap.host, 0)).unwrap();
        host.send_to(b"now", (self.tap.guest, 9)).unwrap();
        self.wire.up_to("now")
    }
}

#[test]
fn packets_go_where_the_rules_say_and_nowhere_else() {
    if !inside("packets_go_where_the_rules_say_and_nowhere_else", false) {
        return;
    }
    let (_dir, store) = store();
    let own = Ipv4Addr::new(198, 51, 100, 7);
    let server = (Ipv4Addr::new(203, 0, 113, 9), 53);
    let mut outside = Wire::open("out0", libc::IFF_TUN);
    sh(
        "ip link set lo up; ip address add 198.51.100.7/24 dev out0; ip link set out0 up;
        ip route add default dev out0",
    );
    let probe = UdpSocket::bind((own, 0)).unwrap();
    while {
        probe.send_to(b"awake", server).unwrap();
        let mut fds = [PollFd::new(outside.0.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::from(50_u8)).unwrap() == 0
    } {}
    // A new namespace begins with the value of the host's own.
    sh("echo 0 >/proc/sys/net/ipv4/ip_forward");
    let mut one = Guest::new(&store, "0000000a");
    let mut two = Guest::new(&store, "0000000b");
    assert_eq!(sh("cat /proc/sys/net/ipv4/ip_forward"), "1\n");

    // A guest that says it is the other one is not heard, a guest as itself has the host's address.
    one.send(two.tap.guest, server, "I am two");
    one.send(one.tap.guest, server, "question");
    let seen = outside.up_to("question");
    assert!(!seen.iter().any(|packet| holds(packet, "I am two")));
    let question = seen.last().unwrap();
    assert_eq!(question[12..16], own.octets(), "not masqueraded");

    // The answer finds its way back; nobody outside begins.
    let port = u16::from_be_bytes([question[20], question[21]]);
    let strange = datagram(server, (one.tap.guest, 1000), "stranger");
    outside.0.write_all(&strange).unwrap();
    let answer = datagram(server, (own, port), "answer");
    outside.0.write_all(&answer).unwrap();
    let seen = one.wire.up_to("answer");
    assert!(!seen.iter().any(|packet| holds(packet, "stranger")));

    // From guest to guest nothing passes, by whichever of its addresses.
    one.send(one.tap.guest, (two.tap.guest, 9), "to my neighbour");
    assert!(!two.heard().iter().any(|packet| holds(packet, "neighbour")));

    // The host's own addresses are reached, its loopback address is not.
    let open = UdpSocket::bind((one.tap.host, 0)).unwrap();
    let port = open.local_addr().unwrap().port();
    one.send(one.tap.guest, (one.tap.host, port), "hello host");
    let mut buffer = [0; 64];
    let length = open.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"hello host");
    let private = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = private.local_addr().unwrap();
    one.send(
        one.tap.guest,
        (Ipv4Addr::LOCALHOST, address.port()),
        "let me in",
    );
    one.heard();
    private.send_to(b"only I", address).unwrap();
    let length = private.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"only I");

    // The host's counters have it from the guest's point of view.
    let traffic = network::traffic(&one.tap.device).unwrap();
    assert!(traffic.sent > 0 && traffic.received > 0, "{traffic:?}");

    drop((one.wire, two.wire));
    network::detach(&store, "0000000a").unwrap();
    assert!(sh("nft list tables").contains(network::TABLE));
    network::detach(&store, "0000000b").unwrap();
    nothing_is_left(&store);
    // Others may rely on it by now.
    assert_eq!(sh("cat /proc/sys/net/ipv4/ip_forward"), "1\n");
}

#[test]
fn many_at_once_get_a_block_each_and_leave_nothing() {
    if !inside("many_at_once_get_a_block_each_and_leave_nothing", false) {
        return;
    }
    // Two data directories, as two users have them, and ids that all want the same block.
    let stores = [store(), store()];
    let vms: Vec<(&Store, String)> = (0..12_usize)
        .map(|n| (&stores[n % 2].1, format!("{:08x}", n << 16 | 5)))
        .collect();
    let blocks: Vec<Ipv4Addr> = std::thread::scope(|scope| {
        let all: Vec<_> = vms
            .iter()
            .map(|(store, id)| scope.spawn(move || network::attach(store, id, Pool::default())))
            .collect();
        all.into_iter()
            .map(|it| it.join().unwrap().unwrap().tap.host)
            .collect()
    });
    let different: BTreeSet<_> = blocks.iter().collect();
    assert_eq!(different.len(), vms.len(), "{blocks:?}");
    // A second call finds what is there.
    let (store, id) = &vms[0];
    let again = network::attach(store, id, Pool::default()).unwrap();
    assert_eq!(again.tap.host, blocks[0]);
    std::thread::scope(|scope| {
        for (store, id) in &vms {
            scope.spawn(move || network::detach(store, id).unwrap());
        }
    });
    for (_, store) in &stores {
        nothing_is_left(store);
    }
}

#[test]
fn what_is_left_over_is_found_and_removed_and_what_is_in_use_is_not() {
    let name = "what_is_left_over_is_found_and_removed_and_what_is_in_use_is_not";
    if !inside(name, false) {
        return;
    }
    let (_dir, store) = store();
    assert_eq!(network::leftovers(&store).unwrap(), []);
    let used = network::attach(&store, "0000000a", Pool::default()).unwrap();
    let wire = Wire::open(&used.tap.device, libc::IFF_TAP);
    network::attach(&store, "0000000b", Pool::default()).unwrap();

    let found = network::leftovers(&store).unwrap();
    let [left] = &found[..] else {
        panic!("{found:?}")
    };
    assert!(
        left.sentence()
            .starts_with("TAP device `smt0000000b`: no VM")
    );
    network::remove(&store, left).unwrap();
    assert!(!sh("ip -o link").contains("smt0000000b"));
    assert!(!store.root().join("network/0000000b.json").exists());

    let taken = Leftover::Device {
        name: used.tap.device.clone(),
        why: String::new(),
    };
    let error = network::remove(&store, &taken).unwrap_err();
    assert!(error.to_string().contains("has it open"), "{error}");

    // A device that vanished by itself leaves its rules, and half a device is made whole.
    drop(wire);
    sh("ip tuntap del dev smt0000000a mode tap");
    assert_eq!(network::leftovers(&store).unwrap(), [Leftover::Rules]);
    sh("ip tuntap add dev smt0000000a mode tap");
    let again = network::attach(&store, "0000000a", Pool::default()).unwrap();
    assert!(sh("ip -o address").contains(&format!("{}/30", again.tap.host)));
    sh("ip tuntap del dev smt0000000a mode tap");
    network::remove(&store, &Leftover::Rules).unwrap();
    network::detach(&store, "0000000a").unwrap();
    nothing_is_left(&store);
}

#[test]
fn a_plain_user_may_do_what_the_sudoers_lines_permit_and_nothing_else() {
    let name = "a_plain_user_may_do_what_the_sudoers_lines_permit_and_nothing_else";
    if std::env::var(INSIDE).as_deref() == Ok("as nobody") {
        return as_nobody();
    }
    if ["visudo", "setpriv"]
        .iter()
        .any(|it| Command::new(it).arg("--version").output().is_err())
    {
        eprintln!("skipped: {name} needs sudo and setpriv");
        return;
    }
    if !inside(name, true) {
        return;
    }
    // In this mount namespace alone: a sudoers.d of our own, a device for everybody, and a program
    // that nobody may run, wherever this one lies.
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let program = dir.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    sh(
        "mount -t tmpfs -o mode=755 none /etc/sudoers.d; mount -t tmpfs -o mode=755 none /dev/net;
        mknod /dev/net/tun c 10 200; chmod 666 /dev/net/tun; ip link set lo up",
    );
    let run = |stage: &str| {
        let status = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&program)
            .args([name, "--exact", "--nocapture"])
            .env(INSIDE, "as nobody")
            .env("STAGE", stage)
            .env("TMPDIR", dir.path())
            .current_dir("/")
            .status()
            .unwrap();
        assert!(status.success(), "{stage}");
    };
    run("without");
    let directory = |name: &str| {
        let path = sh(&format!("command -v {name}"));
        path.trim().rsplit_once('/').unwrap().0.to_owned()
    };
    let lines = network::sudoers("#65534", 65534, Pool::default(), directory);
    fs::write("/etc/sudoers.d/smolvm", lines).unwrap();
    sh("chmod 440 /etc/sudoers.d/smolvm; visudo -cqf /etc/sudoers.d/smolvm");
    run("with");
    assert!(!sh("ip -o link").contains("smt"));
    assert_eq!(sh("nft list tables"), "");
}

/// The part of the test above that another user runs.
fn as_nobody() {
    let (_dir, store) = store();
    if std::env::var("STAGE").unwrap() == "without" {
        let why = network::permitted(Pool::default()).unwrap_err();
        assert!(why.contains("`sudo -n` does not permit it"), "{why}");
        let error = network::attach(&store, "0000000a", Pool::default()).unwrap_err();
        assert!(error.to_string().contains("password"), "{error}");
        return;
    }
    let begun = std::time::Instant::now();
    assert_eq!(network::permitted(Pool::default()), Ok(Privilege::Sudo));
    eprintln!("permitted() asked sudo for {:?}", begun.elapsed());
    // Rules are for the addresses of one pool.
    let other = network::permitted("10.9.0.0/16".parse().unwrap()).unwrap_err();
    assert!(other.ends_with("for addresses of 10.9.0.0/16"), "{other}");
    let begun = std::time::Instant::now();
    let record = network::attach(&store, "0000000a", Pool::default()).unwrap();
    eprintln!("attach() by sudo took {:?}", begun.elapsed());
    drop(Wire::open(&record.tap.device, libc::IFF_TAP));
    for forbidden in [
        "ip link set dev lo down",
        "ip tuntap add dev eth9 mode tap user 65534",
        "ip tuntap add dev smt0000000c mode tap user 0",
        "ip tuntap add dev smt0000000c mode tap user 65534 pi",
        "ip address add 192.0.2.1/30 dev smt0000000a",
        "ip address add 10.213.0.1/16 dev smt0000000a",
        "ip address add 10.213.0.1/30 dev lo",
        "nft flush ruleset",
        "nft delete table inet other",
        "sysctl -w kernel.core_pattern=x",
        "sysctl -w net.ipv4.ip_forward=0",
    ] {
        let words = forbidden.split(' ');
        let output = Command::new("sudo").arg("-n").args(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("password"), "{forbidden}: {said}");
    }
    network::detach(&store, "0000000a").unwrap();
}
