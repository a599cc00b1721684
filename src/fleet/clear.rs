//! Removing what crashed VMs left behind, as the doctor finds it: looked for anew, so that only what
//! is left over by now is removed.

use std::fs;
use std::io;

use super::Fleet;
use crate::backends;
use crate::doctor;
use crate::fault::{Code, Failure};
use crate::network;

impl Fleet {
    /// Ends VMMs that belong to no VM. Tells of each in a sentence.
    pub async fn end_orphaned_vmms(&self) -> Result<Vec<String>, Failure> {
        let mut told = Vec::new();
        for process in doctor::orphaned_vmms(&self.store).map_err(unknown)? {
            let pid = process.pid;
            let ended = backends::end(process).await;
            ended.map_err(|error| {
                let what = format!("could not end process {pid}: {error}");
                Failure::new(Code::RuntimeError, what)
            })?;
            told.push(format!("ended the VMM of process {pid}"));
        }
        Ok(told)
    }

    /// Removes run directories of no VM. Tells of each in a sentence.
    pub fn remove_stale_run_dirs(&self) -> Result<Vec<String>, Failure> {
        let mut told = Vec::new();
        for path in doctor::stale_run_dirs(&self.store).map_err(unknown)? {
            match fs::remove_dir_all(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    let what = format!("could not remove `{}`: {error}", path.display());
                    return Err(Failure::new(Code::RuntimeError, what));
                }
                _ => told.push(format!("removed `{}`", path.display())),
            }
        }
        Ok(told)
    }

    /// Removes TAP devices that no VM needs, and the rules with the last one. Tells of each in a
    /// sentence. Blocks for the time of some commands.
    pub fn remove_network_leftovers(&self) -> Result<Vec<String>, Failure> {
        let mut told = Vec::new();
        for leftover in network::leftovers(&self.store)? {
            network::remove(&self.store, &leftover)?;
            told.push(format!("removed {}", leftover.sentence()));
        }
        Ok(told)
    }
}

fn unknown(why: impl std::fmt::Display) -> Failure {
    let what = format!("what is left over is not known while {why}");
    Failure::new(Code::Refused, what)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    use super::*;
    use crate::fleet::tests::fleet;

    /// What looks like the VMM of a VM of that data directory.
    fn vmm(fleet: &Fleet, id: &str) -> Child {
        let program = fleet.store.root().join("firecracker");
        fs::copy("/bin/sleep", &program).unwrap();
        let socket = fleet.store.run_dir_path(id).join("api.sock");
        let mut command = Command::new(&program);
        command.arg0(socket).arg("600").spawn().unwrap()
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_vmm_of_no_vm_is_ended_and_that_of_another_data_directory_is_not() {
        let ((_one, fleet), (_two, other)) = (fleet(), fleet());
        let (mut ours, mut theirs) = (vmm(&fleet, "0000bbbb"), vmm(&other, "0000bbbb"));
        let told = fleet.end_orphaned_vmms().await.unwrap();
        assert_eq!(told, [format!("ended the VMM of process {}", ours.id())]);
        assert!(!ours.wait().unwrap().success());
        assert!(theirs.try_wait().unwrap().is_none());
        assert_eq!(fleet.end_orphaned_vmms().await.unwrap(), [""; 0]);
        theirs.kill().unwrap();
        theirs.wait().unwrap();
    }

    #[test]
    fn only_run_directories_of_no_vm_are_removed() {
        let (_dir, fleet) = fleet();
        let stale = fleet.store.run_dir("0000bbbb").unwrap();
        let told = fleet.remove_stale_run_dirs().unwrap();
        assert_eq!(told, [format!("removed `{}`", stale.display())]);
        assert!(!stale.exists());
        assert_eq!(fleet.remove_stale_run_dirs().unwrap(), [""; 0]);
        // One whose specification is torn may own any of them.
        let stale = fleet.store.run_dir("0000cccc").unwrap();
        fs::create_dir_all(fleet.store.vms_dir().join("odd")).unwrap();
        let refused = fleet.remove_stale_run_dirs().unwrap_err();
        assert!(refused.message.contains("`odd`"), "{refused}");
        assert!(stale.exists());
    }
}
