//! What every VMM's guest is told on the kernel's command line.

use super::Launch;
use crate::network::Tap;

/// The first disk in the guest.
const DISK: &str = "/dev/vda";

/// What the agent is told, or the kernel where it mounts the root file system itself.
pub(super) fn for_the_guest(launch: &Launch, network: Option<String>) -> Vec<String> {
    let mut args = Vec::new();
    let agent_mounts = launch.has_agent && launch.initrd.is_some();
    if launch.rootfs.is_some() {
        args.push(if agent_mounts {
            format!("smolvm.root={DISK}")
        } else {
            format!("root={DISK} rw")
        });
    }
    if launch.has_agent {
        args.push(format!("smolvm.name={}", launch.name));
        args.extend(network);
    }
    args
}

/// The addresses of a TAP device's far end, as the agent reads them.
pub(super) fn of_tap(tap: &Tap) -> String {
    let mut words = format!(
        "smolvm.ip={}/{} smolvm.gw={}",
        tap.guest, tap.prefix, tap.host
    );
    let servers: Vec<String> = tap.name_servers.iter().map(ToString::to_string).collect();
    if !servers.is_empty() {
        words.push_str(" smolvm.dns=");
        words.push_str(&servers.join(","));
    }
    words
}
