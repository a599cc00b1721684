//! What a VM's own network device needs: tools, permission, tables, forwarding, a way out.
//!
//! Firecracker runs without any network too, so nothing here makes a host *not ready*.

use std::path::Path;

use super::exam::Exam;
use super::finding::Fix;
use super::outcome::{Outcome, advice, pass, quoted, skip, warn};
use super::programs::set_up;
use crate::backends::packages::Package;
use crate::network::{Privilege, TABLE, id_of};

const TUN: &str = "/dev/net/tun";
const VHOST_VSOCK: &str = "/dev/vhost-vsock";
const IP_FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";
const ROUTES: &str = "/proc/net/route";
/// Where Ubuntu has the older sudo beside sudo-rs.
const OTHER_SUDO: &str = "/usr/bin/sudo.ws";
const DEVICES: &str = "/sys/class/net";

/// `ip`, for TAP devices.
pub(super) fn ip(exam: &Exam) -> Outcome {
    tool(exam, "ip", Package::Iproute)
}

/// `nft`, for address translation.
pub(super) fn nft(exam: &Exam) -> Outcome {
    tool(exam, "nft", Package::Nftables)
}

fn tool(exam: &Exam, name: &str, package: Package) -> Outcome {
    match exam.program(name) {
        Ok(path) => pass(path.display()),
        Err(_) => warn("Not found", exam.install(&[package])),
    }
}

/// Whether `sudo` answers without asking. Nothing needs it but a VM's own network device.
pub(super) fn sudo(exam: &Exam) -> Outcome {
    if exam.is_root() {
        exam.note("asked who we are".to_owned());
        return pass("configured, as root needs none");
    }
    if exam.privilege() == Privilege::Own {
        return pass("not needed: this process may administer the network itself");
    }
    // Rules may allow what is needed and nothing else; where the tools are missing only sudo is asked.
    let by_itself = || {
        let sudo = exam.program("sudo")?;
        exam.output(&sudo, &["-n", "true"])
    };
    match exam
        .authority()
        .map(drop)
        .or_else(|_| by_itself().map(drop))
    {
        Ok(()) => pass("configured"),
        Err(why) => warn(format!("{why}; TAP networking needs it"), set_up(exam)),
    }
}

/// Whether a network device for a VM can be made, asked as its start asks.
pub(super) fn permissions(exam: &Exam) -> Outcome {
    match exam.tap_permission() {
        Ok(Privilege::Own) if exam.is_root() => {
            pass("network commands are available, as root needs no sudo")
        }
        Ok(Privilege::Own) => {
            pass("network commands are available, and CAP_NET_ADMIN is held: no sudo is needed")
        }
        Ok(Privilege::Sudo) => pass("network commands and sudo policy are available"),
        Err(why) => {
            let until = "VMs have no TAP network until then, `--network none` works";
            match without_patterns(exam) {
                Some(fix) => warn(
                    format!("{why}: this is sudo-rs, whose rules know no patterns; {until}"),
                    fix,
                ),
                None => warn(format!("{why}; {until}"), set_up(exam)),
            }
        }
    }
}

/// The way out where `sudo` is sudo-rs: it refuses rules with patterns in a command's arguments
/// (its README), and the set-up has no others to give.
fn without_patterns(exam: &Exam) -> Option<Fix> {
    if exam.privilege() != Privilege::Sudo {
        return None;
    }
    let version = exam.output(&exam.program("sudo").ok()?, &["--version"]);
    if !version.is_ok_and(|version| version.starts_with("sudo-rs")) {
        return None;
    }
    Some(match exam.entry(Path::new(OTHER_SUDO)) {
        Ok(_) => exam.as_root(&format!("update-alternatives --set sudo {OTHER_SUDO}")),
        Err(_) => advice("install the sudo of sudo.ws in its place, then run the host set-up"),
    })
}

/// Whether our table is there; `None`: it could not be looked for.
pub(super) fn has_table(exam: &Exam) -> Option<bool> {
    let line = format!("table {TABLE}");
    let tables = exam.tables().ok()?;
    Some(tables.lines().any(|known| known.trim() == line))
}

/// A table that is not there yet is as it should be: the first TAP device makes it.
pub(super) fn table(exam: &Exam) -> Outcome {
    match has_table(exam) {
        Some(true) => pass(format!("`{TABLE}` exists")),
        Some(false) => pass(format!(
            "`{TABLE}` is not there yet: the first TAP makes it"
        )),
        None => pass(format!(
            "`{TABLE}` could not be looked for: the first TAP makes it where it is missing"
        )),
    }
}

/// The kernel's door to TAP devices, which Firecracker opens as this user.
pub(super) fn tun(exam: &Exam) -> Outcome {
    match exam.open(TUN) {
        Ok(()) => pass(TUN),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => warn(
            format!("there is no {TUN}; VMs have no TAP network without"),
            exam.as_root("modprobe tun"),
        ),
        Err(error) => warn(
            format!("{TUN} cannot be opened: {error}"),
            exam.as_root(&format!("chmod 666 {TUN}")),
        ),
    }
}

/// SmolVM speaks to guests by way of it; here the VMMs' own sockets serve.
pub(super) fn vhost_vsock(exam: &Exam) -> Outcome {
    match exam.open(VHOST_VSOCK) {
        Ok(()) => pass(VHOST_VSOCK),
        Err(error) => skip(format!(
            "{VHOST_VSOCK} cannot be used ({error}), and nothing here needs it"
        )),
    }
}

/// Whether there is any TAP device of ours.
fn has_taps(exam: &Exam) -> bool {
    let devices = exam.list(Path::new(DEVICES));
    devices.iter().any(|device| id_of(device).is_some())
}

/// Whether packets pass from guests to the world. The first TAP switches it on; then it must stay.
pub(super) fn ip_forward(exam: &Exam) -> Outcome {
    match exam.value(IP_FORWARD) {
        Ok(value) if value == "1" => pass("on"),
        Ok(_) if !has_taps(exam) => pass("off: the first TAP switches it on"),
        Ok(_) => warn(
            "off, but there are TAP devices of VMs, which reach nothing",
            exam.as_administrator("sysctl -w net.ipv4.ip_forward=1"),
        ),
        Err(error) => skip(format!("the kernel does not tell: {error}")),
    }
}

/// Other programs' chains that drop what is forwarded, as Docker's do: an `accept` of ours does not
/// help against them.
pub(super) fn forward_policy(exam: &Exam) -> Outcome {
    let Ok(nft) = exam.program("nft") else {
        return skip("there is no nft to ask");
    };
    let chains = match exam.output_as_administrator(&nft, &["list", "chains"]) {
        Ok(chains) => chains,
        Err(why) => return skip(format!("not known: {why}")),
    };
    let Some(chain) = dropping(&chains) else {
        return pass("no chain drops what is forwarded");
    };
    // Docker leaves a chain to its users, which it never empties.
    let place = if chains.contains("chain DOCKER-USER") {
        "ip filter DOCKER-USER"
    } else {
        &chain
    };
    let [from, to] = ["iifname", "oifname"].map(|side| {
        // The names of our TAP devices, as the rules of `network` have them.
        let rule = quoted(format!("{side} \"smt*\" accept"));
        exam.by_administrator(&format!("nft insert rule {place} {rule}"))
    });
    warn(
        format!("chain `{chain}` drops what is forwarded, so VMs with a TAP reach nothing"),
        super::outcome::run(format!("{from} && {to}")),
    )
}

/// The first chain of the hook `forward` whose policy is to drop, as `family table chain`.
fn dropping(chains: &str) -> Option<String> {
    let (mut table, mut chain) = ("", "");
    for line in chains.lines().map(str::trim) {
        let name = |kind: &str| line.strip_prefix(kind)?.strip_suffix(" {");
        if let Some(name) = name("table ") {
            table = name;
        } else if let Some(name) = name("chain ") {
            chain = name;
        } else if line.contains("hook forward ") && line.contains("policy drop") {
            return Some(format!("{table} {chain}"));
        }
    }
    None
}

/// A way out of this host (`/proc/net/route`: destination and mask all zeros).
pub(super) fn default_route(exam: &Exam) -> Outcome {
    let Ok(routes) = exam.read(ROUTES) else {
        return skip("the kernel does not tell");
    };
    let found = routes.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_default = fields.get(1) == Some(&"00000000") && fields.get(7) == Some(&"00000000");
        is_default.then(|| fields.first().copied().unwrap_or_default().to_owned())
    });
    match found {
        Some(device) => pass(format!("by {device}")),
        None => warn(
            "there is none: guests reach nothing beyond this host",
            advice("connect this host, or `ip route add default via` its gateway"),
        ),
    }
}
