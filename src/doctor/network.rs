//! What a VM's own network device needs: tools, permission, tables, forwarding, a way out.
//!
//! Firecracker runs without any network too, so nothing here makes a host *not ready*.

use std::path::{Path, PathBuf};
use std::thread;

use super::exam::Exam;
use super::outcome::{Outcome, advice, pass, quoted, skip, warn};
use super::programs::set_up;
use crate::backends::packages::Package;

/// Our one table: it gives guests the host's address and says what may be forwarded. SmolVM has a
/// table for each, by which its checks are called.
pub(super) const TABLE: &str = "inet smolvm_tui";

/// What the names of our TAP devices begin with; eight hex digits follow.
const TAP: &str = "smt";

const TUN: &str = "/dev/net/tun";
const VHOST_VSOCK: &str = "/dev/vhost-vsock";
const IP_FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";
const ROUTES: &str = "/proc/net/route";
pub(super) const DEVICES: &str = "/sys/class/net";

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

/// What has to be asked of the kernel for a TAP device, harmless forms of it.
const QUESTIONS: [(&str, &[&str]); 3] = [
    ("ip", &["link", "show"]),
    ("nft", &["list", "tables"]),
    ("sysctl", &["net.ipv4.ip_forward"]),
];

/// Whether `sudo` answers without asking. Nothing needs it but a VM's own network device.
pub(super) fn sudo(exam: &Exam) -> Outcome {
    if exam.is_root() {
        exam.note("asked who we are".to_owned());
        return pass("configured, as root needs none");
    }
    let answer = exam
        .program("sudo")
        .and_then(|sudo| exam.output(&sudo, &["-n", "true"]));
    match answer {
        Ok(_) => pass("configured"),
        // Rules may allow what is needed and nothing else.
        Err(_) if troubles(exam).is_empty() => pass("configured"),
        Err(why) => warn(format!("{why}; TAP networking needs it"), set_up()),
    }
}

/// Whether a network device for a VM can be set up: the tools, run as root or by `sudo`.
pub(super) fn permissions(exam: &Exam) -> Outcome {
    let troubles = troubles(exam);
    if troubles.is_empty() {
        return pass("network commands and sudo policy are available");
    }
    let why = "; VMs have no TAP network until then, `--network none` works";
    warn(format!("{}{why}", troubles.join("; ")), set_up())
}

/// What is missing; the programs are asked at once, since each may take until its deadline.
fn troubles(exam: &Exam) -> Vec<String> {
    let programs: Vec<(&str, &[&str], Option<PathBuf>)> = QUESTIONS
        .iter()
        .map(|(name, arguments)| (*name, *arguments, exam.program(name).ok()))
        .collect();
    let sudo = exam.host().program("sudo");
    let (is_root, host) = (exam.is_root(), exam.host());
    for (_, arguments, program) in &programs {
        if let Some(program) = program.as_ref().filter(|_| !is_root) {
            let program = program.display();
            exam.note(format!("ran sudo -n {program} {}", arguments.join(" ")));
        }
    }
    if is_root {
        let missing = programs.iter().filter(|(_, _, program)| program.is_none());
        return missing.map(|(name, ..)| not_found(name)).collect();
    }
    let trouble = |(name, arguments, program): &(&str, &[&str], Option<PathBuf>)| {
        let Some(path) = program else {
            return Some(not_found(name));
        };
        let path = path.to_string_lossy();
        let arguments = [&["-n", &path], *arguments].concat();
        let answer = sudo.clone().and_then(|sudo| host.run(&sudo, &arguments));
        answer.err().map(|_| format!("sudo {name} missing"))
    };
    thread::scope(|scope| {
        let asked: Vec<_> = programs
            .iter()
            .map(|program| scope.spawn(|| trouble(program)))
            .collect();
        asked
            .into_iter()
            .filter_map(|thread| thread.join().ok().flatten())
            .collect()
    })
}

fn not_found(name: &str) -> String {
    format!("'{name}' command not found")
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

/// Our TAP devices on this host, each with what follows the beginning of its name.
pub(super) fn taps(exam: &Exam) -> Vec<(String, String)> {
    let is_id = |rest: &str| rest.len() == 8 && rest.bytes().all(|b| b.is_ascii_hexdigit());
    exam.list(Path::new(DEVICES))
        .into_iter()
        .filter_map(|device| {
            let id = device
                .strip_prefix(TAP)
                .filter(|rest| is_id(rest))?
                .to_owned();
            Some((device, id))
        })
        .collect()
}

/// Whether packets pass from guests to the world. The first TAP switches it on; then it must stay.
pub(super) fn ip_forward(exam: &Exam) -> Outcome {
    match exam.value(IP_FORWARD) {
        Ok(value) if value == "1" => pass("on"),
        Ok(_) if taps(exam).is_empty() => pass("off: the first TAP switches it on"),
        Ok(_) => warn(
            "off, but there are TAP devices of VMs, which reach nothing",
            exam.as_root("sysctl -w net.ipv4.ip_forward=1"),
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
    let chains = match exam.output_as_root(&nft, &["list", "chains"]) {
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
        let rule = quoted(format!("{side} \"{TAP}*\" accept"));
        exam.with_sudo(&format!("nft insert rule {place} {rule}"))
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
