//! What can be done with VMs: the operations that the dashboard and the CLI share.
//!
//! Every function is one use case from begin to end, with its checks; none prints.

use std::path::PathBuf;

use crate::config::Config;
use crate::fault::Failure;
use crate::vm::{Accel, Arch, CpuModel, DiskMode, NetworkMode, PortForward, Store};

mod bench;
mod boots;
mod check;
mod choice;
mod clear;
mod create;
mod disk;
mod figures;
mod ground;
mod host;
mod machine;
mod names;
mod operate;
mod outlook;
mod reach;
mod row;
mod sweep;
mod trial;

pub use bench::{BenchPlan, Difference, Lap, Measured};
pub use boots::Past;
pub use figures::Meter;
pub use machine::Machine;
pub use outlook::{Outlook, Trait};
pub use row::{VmDetails, VmRow, details, row};

/// What a user asks for with `create`, or in the form: everything optional is the default.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Absent: a friendly free one is found.
    pub name: Option<String>,
    /// The word given with `--backend` or in the form.
    pub backend: Option<String>,
    /// Image name.
    pub image: Option<String>,
    /// vCPUs.
    pub vcpu_count: Option<u32>,
    /// Memory in MiB.
    pub mem_size_mib: Option<u64>,
    /// What happens to the root file system.
    pub disk_mode: Option<DiskMode>,
    /// Size of the VM's own layer in MiB.
    pub disk_size_mib: Option<u64>,
    /// How it reaches the network.
    pub network: Option<NetworkMode>,
    /// CPU shown to an emulated guest.
    pub cpu_model: Option<CpuModel>,
    /// The accelerator to insist on.
    pub accel: Option<Accel>,
    /// Processor architecture.
    pub arch: Option<Arch>,
    /// Ports to publish.
    pub publish: Vec<PortForward>,
    /// A kernel in place of the image's.
    pub kernel: Option<PathBuf>,
    /// An initial RAM file system in place of the image's.
    pub initrd: Option<PathBuf>,
    /// A root file system in place of the image's.
    pub rootfs: Option<PathBuf>,
    /// The whole kernel command line.
    pub boot_args: Option<String>,
    /// What says *ready* for guests without agent.
    pub ready_pattern: Option<String>,
}

/// One value of a draft that is not acceptable, for the form's field and for the CLI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// The field: `name`, `cpus`, `memory`, `publish`, `image`, `kernel`, …
    pub field: &'static str,
    /// What is wrong and the way out.
    pub failure: Failure,
}

/// What all use cases need.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// The VMs.
    pub store: Store,
    /// The user's settings.
    pub config: Config,
}

#[cfg(test)]
pub(crate) mod tests {
    //! What the tests of fleet and CLI share.

    use super::*;
    use crate::vm::{VmName, VmSpec};

    /// A fleet in a directory of its own, with the default configuration.
    pub(crate) fn fleet() -> (tempfile::TempDir, Fleet) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::locate(Some(dir.path())).unwrap();
        let config = Config::default();
        (dir, Fleet { store, config })
    }

    /// A VM of that name in the store.
    pub(crate) fn made(store: &Store, name: &str, spec: &VmSpec) -> VmName {
        let name: VmName = name.parse().unwrap();
        store.register(&name, spec).unwrap().commit().unwrap();
        name
    }

    /// A spec that needs no file.
    pub(crate) fn spec(id: &str) -> VmSpec {
        VmSpec::sample(id)
    }
}
