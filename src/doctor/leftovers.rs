//! What a crash left behind: VMMs that nobody looks after, run directories and TAPs without a VM.

use std::path::{Path, PathBuf};

use super::exam::Exam;
use super::host::{Host, KnownVm, ThisHost};
use super::outcome::{Outcome, pass, run, skip, warn};
use crate::network::Leftover;
use crate::vm::{ProcessId, Store, is_id};

/// At most so many are named.
const NAMED: usize = 8;

/// VMMs of ours that belong to no VM. Those whose shim died are no such: the next command finds them.
pub(super) fn vmms(exam: &Exam) -> Outcome {
    exam.note("looked through /proc for VMMs".to_owned());
    let running = running(exam.host(), &exam.case.store);
    let vms = match exam.vms() {
        Ok(vms) => vms,
        Err(why) => return skip(format!("not known while {why}")),
    };
    let orphans: Vec<String> = running
        .into_iter()
        .filter(|vmm| !vmm.is_owned(vms))
        .map(|vmm| vmm.pid)
        .collect();
    if orphans.is_empty() {
        return pass("no VMM runs without its VM");
    }
    warn(
        format!("no VM owns the VMM of process {}", listed(&orphans)),
        run("smolvm-tui sweep vmms"),
    )
}

/// The processes of VMMs that belong to no VM of that store; else why they are not known, as a clause.
pub fn orphaned_vmms(store: &Store) -> Result<Vec<ProcessId>, String> {
    let host = ThisHost;
    let identified = |vmm: Vmm| Some((ProcessId::of(vmm.pid.parse().ok()?)?, vmm));
    // What a pid means is held fast first, then what runs under it, and last whose it is: a VM that
    // is started meanwhile keeps its own.
    let held: Vec<(ProcessId, Vmm)> = running(&host, store)
        .into_iter()
        .filter_map(identified)
        .collect();
    let still = running(&host, store);
    let vms = host.vms(store)?;
    let is_orphan = |vmm: &Vmm| still.contains(vmm) && !vmm.is_owned(&vms);
    let orphans = held.into_iter().filter(|(_, vmm)| is_orphan(vmm));
    Ok(orphans.map(|(process, _)| process).collect())
}

/// A VMM that runs for a VM of the store in hand, or for one that was.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Vmm {
    pid: String,
    /// The VM's.
    id: String,
}

impl Vmm {
    fn is_owned(&self, vms: &[KnownVm]) -> bool {
        vms.iter().any(|vm| vm.id == self.id && vm.is_live)
    }
}

pub(super) fn running(host: &dyn Host, store: &Store) -> Vec<Vmm> {
    let mut pids = host.list(Path::new("/proc"));
    pids.retain(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()));
    let vmm = |pid: String| {
        let id = vmm_of(host, &pid, store)?;
        Some(Vmm { pid, id })
    };
    pids.into_iter().filter_map(vmm).collect()
}

/// The id of the VM for which this process runs as its VMM, as its command line tells.
fn vmm_of(host: &dyn Host, pid: &str, store: &Store) -> Option<String> {
    let process = Path::new("/proc").join(pid);
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
    // Run directories may be where those of other data directories are; a VMM's log never is.
    if !words.contains(&format!("{}/", store.root().display())) {
        return None;
    }
    let prefix = format!("{}/", run_root(store).display());
    let id = words.split(&prefix).nth(1)?.get(..8)?;
    is_id(id).then(|| id.to_owned())
}

/// Run directories of no VM.
pub(super) fn sockets(exam: &Exam) -> Outcome {
    let Some(run_root) = own_run_root(&exam.case.store) else {
        return skip("other data directories of this user have theirs in the same place");
    };
    // Listed first: a VM that is made meanwhile keeps its own.
    let mut ids = exam.list(&run_root);
    let vms = match exam.vms() {
        Ok(vms) => vms,
        Err(why) => return skip(format!("not known while {why}")),
    };
    retain_stale(&mut ids, vms);
    if ids.is_empty() {
        return pass("every run directory belongs to a VM");
    }
    warn(
        format!("run directories of VMs that are gone: {}", listed(&ids)),
        run("smolvm-tui sweep sockets"),
    )
}

/// The run directories of no VM of that store; else why they are not known, as a clause. None are
/// where other data directories have theirs too.
pub fn stale_run_dirs(store: &Store) -> Result<Vec<PathBuf>, String> {
    let host = ThisHost;
    let Some(run_root) = own_run_root(store) else {
        return Ok(Vec::new());
    };
    let mut ids = host.list(&run_root);
    retain_stale(&mut ids, &host.vms(store)?);
    Ok(ids.into_iter().map(|id| run_root.join(id)).collect())
}

fn retain_stale(ids: &mut Vec<String>, vms: &[KnownVm]) {
    ids.retain(|id| is_id(id) && !vms.iter().any(|vm| vm.id == *id));
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
    // Where sudo has no rules for it, it asks for the password once.
    let first = match exam.authority() {
        Ok(_) => "",
        Err(_) => "sudo -v && ",
    };
    warn(
        listed(&sentences),
        run(format!("{first}smolvm-tui sweep taps")),
    )
}

fn run_root(store: &Store) -> PathBuf {
    let one = store.run_dir_path("00000000");
    one.parent().map(Path::to_owned).unwrap_or(one)
}

/// Where only this store's run directories are: too long a path makes them share a place.
fn own_run_root(store: &Store) -> Option<PathBuf> {
    Some(run_root(store)).filter(|root| root.starts_with(store.root()))
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
