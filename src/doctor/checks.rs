//! The list of checks, in the order in which they are shown.

use super::exam::Exam;
use super::outcome::Outcome;
use super::{cpu, hypervisor, leftovers, network, places, programs, terminal, trial, worker};
use crate::vm::BackendKind;

/// The check that holds the choice of backend against what can run.
pub(super) const BACKEND: &str = "backend";

/// Whose trouble a check's problems are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Serves {
    Both,
    Only(BackendKind),
}

impl Serves {
    pub(super) fn includes(self, backend: BackendKind) -> bool {
        match self {
            Self::Both => true,
            Self::Only(only) => only == backend,
        }
    }
}

/// One check.
pub(super) struct Check {
    /// Its stable name, as SmolVM's doctor has it where it has it.
    pub(super) name: &'static str,
    /// Its name for people.
    title: &'static str,
    /// Why it matters, in one sentence.
    pub(super) why: &'static str,
    /// Whose trouble its problems are.
    pub(super) serves: Serves,
    /// Whether it is about Linux only.
    is_linux: bool,
    /// Carries it out.
    pub(super) run: fn(&Exam) -> Outcome,
}

type Run = fn(&Exam) -> Outcome;

/// A check for every system and both backends.
const fn any(name: &'static str, title: &'static str, why: &'static str, run: Run) -> Check {
    Check {
        name,
        title,
        why,
        serves: Serves::Both,
        is_linux: false,
        run,
    }
}

/// A check for QEMU on every system.
const fn qemu(name: &'static str, title: &'static str, why: &'static str, run: Run) -> Check {
    Check {
        serves: Serves::Only(BackendKind::Qemu),
        ..any(name, title, why, run)
    }
}

/// A check for Linux and both backends.
const fn linux(name: &'static str, title: &'static str, why: &'static str, run: Run) -> Check {
    Check {
        is_linux: true,
        ..any(name, title, why, run)
    }
}

/// A check for Firecracker, and so for Linux.
const fn fire(name: &'static str, title: &'static str, why: &'static str, run: Run) -> Check {
    Check {
        serves: Serves::Only(BackendKind::Firecracker),
        ..linux(name, title, why, run)
    }
}

#[rustfmt::skip]
static CHECKS: [Check; 47] = [
    any("platform", "Platform", "Guests are made for these systems and processors only.", hypervisor::platform),
    any(BACKEND, "Backend", "It is what runs the VMs.", hypervisor::backend),
    linux("kvm", "KVM support", "With it guests run at native speed, and Firecracker has nothing else.", hypervisor::kvm),
    fire("firecracker", "Firecracker binary", "It is the program that a VM of this backend is.", programs::firecracker),
    fire("command:ip", "Network tool ip", "It makes the TAP device of a VM.", network::ip),
    fire("command:nft", "Network tool nft", "It lets a VM's packets out and published ports in.", network::nft),
    fire("sudo", "Sudo access", "Network devices are made by root; without it VMs have no TAP network.", network::sudo),
    fire("firecracker-version", "Firecracker version", "Older ones do not know what is asked of them.", programs::firecracker_version),
    fire("firecracker-arch", "Firecracker processor", "A program for another processor does not start.", programs::firecracker_arch),
    fire("network-permissions", "Network permissions", "A VM gets a TAP network only where these commands may be run.", network::permissions),
    fire("nft-table:ip:smolvm_nat", "Rules for addresses", "It gives guests the address of this host towards the world.", network::table),
    fire("nft-table:inet:smolvm_filter", "Rules for forwarding", "It keeps VMs apart from each other.", network::table),
    fire("tun", "TAP devices", "A VM's network device is opened by way of it.", network::tun),
    fire("vhost-vsock", "Device vhost-vsock", "Other tools reach their guests by way of it.", network::vhost_vsock),
    fire("ip-forward", "IP forwarding", "While it is off the packets of VMs end at this host.", network::ip_forward),
    fire("forward-policy", "Forward policy", "What another program's rules drop, ours cannot let through.", network::forward_policy),
    linux("default-route", "Default route", "Guests reach what this host reaches.", network::default_route),
    fire("cpu-flags", "Processor flags", "Without vmx or svm there is no virtualization in hardware.", cpu::cpu_flags),
    fire("nested-virtualization", "Nested virtualization", "A host that is a VM itself has KVM only if its own host allows it.", cpu::nesting),
    linux("seccomp", "System call filters", "Both VMMs shut themselves in with them.", cpu::seccomp),
    linux("clock-source", "Clock source", "VMMs read the time all along, and a slow source slows every guest.", cpu::clock_source),
    qemu("qemu", "QEMU", "It is the program that a VM of this backend is.", programs::qemu),
    qemu("qemu-version", "QEMU version", "Older ones do not know what is asked of them.", programs::qemu_version),
    qemu("qemu-accel", "QEMU's accelerators", "QEMU uses only what it was built with.", hypervisor::qemu_accel),
    any("accelerator", "Accelerator", "It executes the guests' instructions, and an emulated guest is many times slower.", hypervisor::accelerator),
    Check { is_linux: true, ..qemu("qemu-sandbox", "QEMU's sandbox", "A guest that breaks out of its VM finds QEMU shut in.", programs::qemu_sandbox) },
    qemu("command:qemu-img", "Disk tool qemu-img", "It makes the layer over an image that a VM writes to.", programs::qemu_img),
    any("command:ssh", "ssh", "SmolVM needs it to reach its guests.", programs::ssh),
    any("data-directory", "Data directory", "Disks and logs of guests are kept in it.", places::data_directory),
    any("run-directory", "Run directory", "Who can write there has all power over the VMs.", places::run_directory),
    any("socket-path", "Socket paths", "The kernel takes no long ones.", places::socket_path),
    any("disk-space", "Disk space", "Images, disks and logs need room.", places::disk_space),
    any("memory", "Memory", "A guest has its memory from this host.", places::memory),
    any("open-files", "Open files", "Each VM has several files and sockets open.", places::open_files),
    any("images", "Guest images", "A VM boots from one.", places::images),
    linux("orphaned-vmms", "Orphaned VMMs", "They use memory and processor, and nobody looks after them.", leftovers::vmms),
    any("stale-sockets", "Stale sockets", "What a crash left behind only confuses.", leftovers::sockets),
    linux("stale-taps", "Stale TAPs and rules", "They keep addresses that new VMs could have.", leftovers::taps),
    fire("worker:swap-disabled", "Worker: swap", "Swapped memory of guests is on a disk, where it outlives them.", worker::swap),
    fire("worker:ksm-disabled", "Worker: merged pages", "Guests can tell from merged pages what others have in memory.", worker::ksm),
    fire("worker:thp-disabled", "Worker: huge pages", "With them guests hold more memory than they use.", worker::thp),
    fire("worker:kvm-nx-huge-pages", "Worker: iTLB multihit", "On processors with this fault a guest can halt the host.", worker::nx_huge_pages),
    fire("worker:kvm-permissions", "Worker: /dev/kvm", "Nobody but its group should make VMs.", worker::kvm_permissions),
    any("terminal:colours", "Terminal: colours", "States are told by colour too, never by colour alone.", terminal::colours),
    any("terminal:utf-8", "Terminal: UTF-8", "Frames, graphs and guests' text are drawn with it.", terminal::utf8),
    any("terminal:size", "Terminal: size", "Less than 80x24 does not show the dashboard whole.", terminal::size),
    any("terminal:clipboard", "Terminal: clipboard", "Text is copied out of a console by OSC 52.", terminal::clipboard),
];

/// The checks for a system, named as `uname -s` does.
pub(super) fn for_system(system: &str) -> Vec<&'static Check> {
    CHECKS
        .iter()
        .filter(|check| !check.is_linux || system == "Linux")
        .collect()
}

/// The name of a check for people; one that we do not know is called as it is.
pub fn title(name: &str) -> &str {
    CHECKS
        .iter()
        .find(|check| check.name == name)
        .map(|check| check.title)
        .or_else(|| trial::title(name))
        .unwrap_or(name)
}
