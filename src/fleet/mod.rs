//! What can be done with VMs: the operations that the dashboard and the CLI share.
//!
//! Every function is one use case from begin to end, with its checks; none prints.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::Config;
use crate::fault::{Code, Failure};
use crate::vm::{
    Accel, Arch, CpuModel, DiskMode, NetworkMode, Operation, PortForward, Store, Vm, VmName,
};

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

impl Fleet {
    /// Everything that is wrong with a draft, without making anything. Cheap: called as one types.
    pub fn check(&self, draft: &Draft) -> Vec<Objection> {
        let _ = draft;
        Vec::new()
    }

    /// Makes a VM; nothing half-made stays when it fails.
    pub fn create(&self, draft: &Draft) -> Result<VmName, Failure> {
        let _ = draft;
        Err(Failure::new(Code::RuntimeError, "not built yet"))
    }

    /// A friendly name that is free.
    pub fn free_name(&self) -> Result<VmName, Failure> {
        Err(Failure::new(Code::RuntimeError, "not built yet"))
    }

    /// All VMs; for orphans a shim is started that adopts them, not waited for.
    pub async fn list(&self) -> Result<Vec<Vm>, Failure> {
        Ok(self.store.list()?)
    }

    /// Carries out an operation on one VM from begin to end and returns the VM as it then is.
    ///
    /// `force` lets `Remove` kill first. `stop_timeout`: how long the guest may take to power off.
    pub async fn operate(
        &self,
        name: &str,
        operation: Operation,
        force: bool,
        stop_timeout: Option<Duration>,
    ) -> Result<Vm, Failure> {
        let _ = (name, operation, force, stop_timeout);
        Err(Failure::new(Code::RuntimeError, "not built yet"))
    }

    /// Waits until the guest is ready. Not an operation: others may go on meanwhile.
    pub async fn wait_ready(&self, name: &str, timeout: Duration) -> Result<Vm, Failure> {
        let _ = (name, timeout);
        Err(Failure::new(Code::RuntimeError, "not built yet"))
    }

    /// A connection to the VM's shim, which is started first if it died and left its VMM behind.
    pub async fn connect(&self, name: &str) -> Result<crate::shim::client::Client, Failure> {
        let _ = name;
        Err(Failure::new(Code::RuntimeError, "not built yet"))
    }
}
