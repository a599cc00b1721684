//! What a crash left behind: VMMs that nobody looks after, run directories and TAPs without a VM.

use std::path::{Path, PathBuf};

use super::exam::Exam;
use super::outcome::{Outcome, pass, quoted, run, skip, warn};
use crate::network::Leftover;
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
    exam.note("listed the network's devices".to_owned());
    let left = match exam.host().network_leftovers(&exam.case.store) {
        Ok(left) => left,
        Err(why) => return skip(format!("not known: {why}")),
    };
    if left.is_empty() {
        return pass("nothing of ours is left in the network");
    }
    let sentences: Vec<String> = left.iter().map(Leftover::sentence).collect();
    let commands: Vec<String> = left
        .iter()
        .map(|leftover| exam.by_administrator(&leftover.command()))
        .collect();
    warn(listed(&sentences), run(commands.join(" && ")))
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
