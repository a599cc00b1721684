//! A real guest with a TAP device, in a network namespace of the test's own.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::{Bed, Session, Size, images, json_of, wait_until};

/// Set in the process that runs within the namespace.
const INSIDE: &str = "SMOLVM_TEST_NAMESPACE";

fn sh(script: &str) -> String {
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What the guest's web server says at a port of the host.
fn fetch(port: u16) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_guest_with_a_tap_device_is_reached_at_its_port_and_leaves_nothing_behind() {
    let name =
        "network::a_guest_with_a_tap_device_is_reached_at_its_port_and_leaves_nothing_behind";
    if std::env::var_os(INSIDE).is_some() {
        return within();
    }
    // Made here, where there is a network to fetch it by.
    images();
    let is_root = nix::unistd::geteuid().is_root();
    let own = if is_root { "-n" } else { "-rn" };
    let works = Command::new("unshare")
        .args([own, "sh", "-c", "nft list tables && : <>/dev/net/tun"])
        .stderr(Stdio::null())
        .status();
    if !works.is_ok_and(|status| status.success()) {
        // Root's host has what it takes, or the suite proves less than it says.
        let needs = format!("{name} needs a network namespace, /dev/net/tun and nft");
        assert!(!is_root, "{needs}");
        eprintln!("skipped: {needs}");
        return;
    }
    let status = Command::new("unshare")
        .arg(own)
        .arg(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "it failed in its namespace");
}

fn within() {
    const PORT: u16 = 18080;
    sh("ip link set lo up");
    let bed = Bed::new();
    bed.run(&[
        "create",
        "web",
        "--network",
        "tap",
        "--publish",
        "18080:80",
        "--wait",
        "--timeout",
        "90",
    ])
    .ok();
    let info = bed.json(&["info", "web"]);
    let tap = &info["tap"];
    let device = tap["device"].as_str().unwrap().to_owned();
    assert!(info["network"].as_str().unwrap().starts_with(&device));
    assert!(sh("ip -o address").contains(&format!("{}/30", tap["host"].as_str().unwrap())));

    // The guest reaches the host's end, and is reached at the published port.
    bed.run(&[
        "send",
        "web",
        &format!(
            "mkdir /www; echo from the guest >/www/index.html; busybox httpd -p 80 -h /www; \
             ping -c 1 -W 20 {}; echo pinged=$?\\n",
            tap["host"].as_str().unwrap()
        ),
    ])
    .ok();
    bed.run(&["expect", "web", "^pinged=0", "--timeout", "60"])
        .ok();
    assert!(fetch(PORT).ends_with("from the guest\n"));
    a_guest_reaches_the_world_with_the_hosts_address_and_no_other_guest(&bed);
    its_traffic_is_seen_in_the_dashboard(&bed);
    // A port that is taken is refused before anything is made.
    bed.run(&[
        "create",
        "other",
        "--network",
        "tap",
        "--publish",
        "18080:80",
    ])
    .failed(1, &["18080"]);

    // A shim that dies leaves the guest its device; the next one opens the port again.
    let (vmm, shim) = (bed.vmm("web"), bed.shim("web"));
    shim.signal(Signal::SIGKILL);
    shim.gone();
    wait_until("a new shim", || {
        bed.rows();
        TcpStream::connect((Ipv4Addr::LOCALHOST, PORT)).is_ok()
    });
    assert!(fetch(PORT).ends_with("from the guest\n"));
    assert_eq!(bed.vmm("web"), vmm);
    assert_eq!(bed.json(&["info", "web"])["tap"], *tap);

    // Shim and VMM die at once: what they leave is in the way of nothing, and goes with the VM.
    let shim = bed.shim("web");
    shim.signal(Signal::SIGKILL);
    shim.gone();
    vmm.signal(Signal::SIGKILL);
    vmm.gone();
    assert!(sh("ip -o link").contains(&device));
    bed.run(&["start", "web"]).ok();
    assert_eq!(bed.json(&["info", "web"])["tap"], *tap);
    bed.run(&["restart", "web"]).ok();
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, PORT)).is_ok());
    bed.run(&["kill", "web"]).ok();
    assert!(!sh("ip -o link").contains("smt"));
    assert_eq!(sh("nft list tables"), "");
    a_crash_is_swept_up_by_the_doctor(&bed);
    bed.run(&["rm", "web", "two"]).ok();
    firecracker_opens_its_device();
    let notes = fs::read_dir(bed.data().join("network")).unwrap();
    assert_eq!(notes.count(), 0);
}

/// A neighbour of the host that knows no way back to the guest: it answers the host's own address.
struct Neighbour(Child);

impl Neighbour {
    fn new() -> Self {
        let child = Command::new("unshare")
            .args(["-n", "sh", "-c", "echo here; exec sleep 600"])
            .stdout(Stdio::piped())
            .spawn();
        let mut neighbour = Self(child.unwrap());
        let stdout = neighbour.0.stdout.take().unwrap();
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let pid = neighbour.0.id();
        sh(&format!(
            "ip link add out0 type veth peer name in0 netns {pid}; \
             ip address add 192.0.2.1/24 dev out0; ip link set out0 up; \
             nsenter -t {pid} -n ip address add 192.0.2.2/24 dev in0; \
             nsenter -t {pid} -n ip link set in0 up"
        ));
        neighbour
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Has the guest ping, and expects that it does or does not get through.
fn ping(bed: &Bed, address: &str, exit_code: u8) {
    let typed = format!("ping -c 1 -W 5 {address}; echo {address} gave=$?\\n");
    bed.run(&["send", "web", &typed]).ok();
    let told = format!("^{address} gave={exit_code}");
    bed.run(&["expect", "web", &told, "--timeout", "60"]).ok();
}

fn a_guest_reaches_the_world_with_the_hosts_address_and_no_other_guest(bed: &Bed) {
    let neighbour = Neighbour::new();
    ping(bed, "192.0.2.2", 0);
    drop(neighbour);
    bed.run(&[
        "create",
        "two",
        "--network",
        "tap",
        "--wait",
        "--timeout",
        "90",
    ])
    .ok();
    let two = bed.json(&["info", "two"])["tap"].clone();
    let guest = two["guest"].as_str().unwrap();
    // It is there: it tells the host that nobody listens.
    let refused = TcpStream::connect((guest.parse::<Ipv4Addr>().unwrap(), 80)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    ping(bed, guest, 1);
    bed.run(&["kill", "two"]).ok();
}

/// What a guest with a TAP sends and receives, as the host's kernel counts it.
fn its_traffic_is_seen_in_the_dashboard(bed: &Bed) {
    let mut session = Session::program(bed, Size(200, 50), &["--open", "web"], &[]);
    // The first start shows it.
    session.wait_for("what works on this host");
    session.send("q");
    session.wait_without("what works on this host");
    session.send("6");
    session.wait_for_line(&["Net in", "in all"]);
    let host = bed.json(&["info", "web"])["tap"]["host"].clone();
    let typed = format!("ping -s 1400 {} >/dev/null &\\n", host.as_str().unwrap());
    bed.run(&["send", "web", &typed]).ok();
    session.wait_for_line(&["Net in", "KiB/s", "KiB in all"]);
    session.wait_for_line(&["out", "KiB/s", "KiB in all"]);
    bed.run(&["send", "web", "kill $!\\n"]).ok();
    session.send("q");
    assert_eq!(session.exit_code(), 0);
}

/// Shim and VMM die at once, and nobody looks at the VM again.
fn a_crash_is_swept_up_by_the_doctor(bed: &Bed) {
    bed.run(&["start", "two"]).ok();
    for process in [bed.shim("two"), bed.vmm("two")] {
        process.signal(Signal::SIGKILL);
        process.gone();
    }
    let mend = ["doctor", "--all", "--fix", "stale-taps", "--yes", "--json"];
    let data = json_of(&bed.run(&mend));
    let mended = &data["mended"][0];
    assert_eq!(mended["command"], "smolvm-tui sweep taps", "{data:#}");
    assert_eq!(mended["exit_code"], 0, "{data:#}");
    assert!(!sh("ip -o link").contains("smt"));
    assert_eq!(sh("nft list tables"), "");
}

/// Played by the scripted one, which opens its device as the real one does: without, it is not up.
fn firecracker_opens_its_device() {
    let bed = Bed::with_firecracker(&[]);
    bed.run(&["create", "fc", "--network", "tap", "--wait"])
        .ok();
    let tap = bed.json(&["info", "fc"])["tap"].clone();
    let device = tap["device"].as_str().unwrap();
    let state = sh(&format!("ip -o link show {device}"));
    assert!(state.contains("LOWER_UP"), "{state}");
    bed.run(&["kill", "fc"]).ok();
    assert!(!sh("ip -o link").contains(device));
    bed.run(&["rm", "fc"]).ok();
}
