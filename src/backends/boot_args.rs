//! What every VMM's guest is told on the kernel's command line.

use super::Launch;
use crate::vm::Arch;

/// The first disk in the guest.
const DISK: &str = "/dev/vda";

/// The arguments for a talkative kernel, where one was asked for: what hushes it is left out, all
/// messages are shown whatever their level, and the first ones before the console is there.
pub(super) fn talkative(launch: &Launch, args: String) -> String {
    if !launch.talkative {
        return args;
    }
    let hushes = |word: &str| word == "quiet" || word.starts_with("loglevel=");
    let mut words: Vec<&str> = args.split(' ').filter(|word| !hushes(word)).collect();
    words.extend(match launch.spec.arch {
        Arch::X86_64 => ["ignore_loglevel", "earlyprintk=ttyS0"],
        Arch::Aarch64 => ["ignore_loglevel", "earlycon"],
    });
    words.join(" ")
}

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
    } else if let Some(tap) = &launch.tap {
        args.push(tap.kernel_arg(launch.name.as_str()));
    }
    args
}
