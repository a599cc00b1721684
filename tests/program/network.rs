//! A real guest with a TAP device, in a network namespace of the test's own.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::{Bed, images, wait_until};

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
    let own = if nix::unistd::geteuid().is_root() {
        "-n"
    } else {
        "-rn"
    };
    let works = Command::new("unshare")
        .args([own, "sh", "-c", "nft list tables && : <>/dev/net/tun"])
        .stderr(Stdio::null())
        .status();
    if !works.is_ok_and(|status| status.success()) {
        eprintln!("skipped: {name} needs a network namespace, /dev/net/tun and nft");
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
    bed.run(&["rm", "web"]).ok();
    let notes = fs::read_dir(bed.data().join("network")).unwrap();
    assert_eq!(notes.count(), 0);
}
