//! What a crash left behind: VMMs that nobody looks after, run directories and TAPs without a VM.

use std::path::{Path, PathBuf};

use super::exam::Exam;
use super::network;
use super::outcome::{Outcome, pass, quoted, run, skip, warn};
use crate::vm::is_id;

/// At most so many are named.
const NAMED: usize = 8;

/// VMMs of ours that belong to no VM. Those whose shim died are no such: the next command finds them.
pub(super) fn vmms(exam: &Exam) -> Outcome {
    let vms = match exam.vms() {
        Ok(vms) => vms,
        Err(why) => return skip(format!("not known while {why}")),
    };
    let run_root = run_root(exam);
    let orphans: Vec<String> = exam
        .list(Path::new("/proc"))
        .into_iter()
        .filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|pid| {
            let id = vmm_of(exam, pid, &run_root);
            id.is_some_and(|id| !vms.iter().any(|vm| vm.id == id && vm.is_live))
        })
        .collect();
    if orphans.is_empty() {
        return pass("no VMM runs without its VM");
    }
    warn(
        format!("no VM owns the VMM of process {}", listed(&orphans)),
        run(format!("kill {}", orphans.join(" "))),
    )
}

/// The id of the VM for which this process runs as its VMM, as its command line tells.
fn vmm_of(exam: &Exam, pid: &str, run_root: &Path) -> Option<String> {
    let process = Path::new("/proc").join(pid);
    let host = exam.host();
    let name = host.read(&process.join("comm")).ok()?;
    let is_vmm = ["firecracker", "qemu-system", "smolvm-"]
        .iter()
        .any(|start| name.starts_with(start));
    let is_ours = is_vmm
        && host
            .entry(&process)
            .is_ok_and(|entry| entry.owner == host.user());
    if !is_ours {
        return None;
    }
    let words = host.read(&process.join("cmdline")).ok()?;
    let prefix = format!("{}/", run_root.display());
    let id = words.split(&prefix).nth(1)?.get(..8)?;
    is_id(id).then(|| id.to_owned())
}

/// Run directories of no VM.
pub(super) fn sockets(exam: &Exam) -> Outcome {
    let run_root = run_root(exam);
    // Listed first: a VM that is made meanwhile keeps its own.
    let mut ids = exam.list(&run_root);
    ids.retain(|id| is_id(id));
    let vms = match exam.vms() {
        Ok(vms) => vms,
        Err(why) => return skip(format!("not known while {why}")),
    };
    ids.retain(|id| !vms.iter().any(|vm| vm.id == *id));
    if ids.is_empty() {
        return pass("every run directory belongs to a VM");
    }
    let paths: Vec<String> = ids
        .iter()
        .map(|id| quoted(run_root.join(id).display()))
        .collect();
    warn(
        format!("run directories of VMs that are gone: {}", listed(&ids)),
        run(format!("rm -r {}", paths.join(" "))),
    )
}

/// TAP devices of ours that no VM needs and no process has open, and our table without any device.
pub(super) fn taps(exam: &Exam) -> Outcome {
    let taps = network::taps(exam);
    let vms = match exam.vms() {
        Ok(vms) => vms,
        Err(why) => return skip(format!("not known while {why}")),
    };
    if taps.is_empty() && network::has_table(exam) == Some(true) {
        return warn(
            format!(
                "the table `{}` is there, and no VM has a TAP device",
                network::TABLE
            ),
            exam.as_root(&format!("nft delete table {}", network::TABLE)),
        );
    }
    let stale: Vec<String> = taps
        .into_iter()
        .filter(|(device, id)| {
            !vms.iter().any(|vm| vm.id == *id && vm.is_live) && is_left(exam, device)
        })
        .map(|(device, _)| device)
        .collect();
    if stale.is_empty() {
        return pass("nothing of ours is left in the network");
    }
    let commands: Vec<String> = stale
        .iter()
        .map(|device| exam.with_sudo(&format!("ip tuntap del dev {device} mode tap")))
        .collect();
    warn(
        format!("TAP devices that no VM needs: {}", listed(&stale)),
        run(commands.join(" && ")),
    )
}

/// Whether the device is this user's and no process has it open: VMs of other users and of other
/// data directories are none of our business.
fn is_left(exam: &Exam, device: &str) -> bool {
    let value = |name| exam.value(&format!("{}/{device}/{name}", network::DEVICES));
    let owner = value("owner").ok().and_then(|owner| owner.parse().ok());
    // A device that is down tells of no carrier.
    owner == Some(exam.host().user()) && value("carrier").as_deref().unwrap_or("0") != "1"
}

fn run_root(exam: &Exam) -> PathBuf {
    let one = exam.case.store.run_dir_path("00000000");
    one.parent().map(Path::to_owned).unwrap_or(one)
}

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>();
    let more = names.len() - shown.len();
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{more}", shown.join(", "))
}
