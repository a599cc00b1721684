//! The arguments that say what a VM is to be.

use std::path::PathBuf;

use clap::Args;

use crate::vm::{Accel, Arch, CpuModel, DiskMode, NetworkMode, PortForward};

#[derive(Debug, Args)]
pub(in crate::cli) struct SpecArgs {
    /// Image to boot
    #[arg(long)]
    pub(in crate::cli) image: Option<String>,
    /// vCPUs
    #[arg(long, value_name = "N")]
    pub(in crate::cli) cpus: Option<u32>,
    /// Memory in MiB
    #[arg(long, value_name = "MIB")]
    pub(in crate::cli) memory: Option<u64>,
    /// What happens to the root file system: isolated or shared
    #[arg(long, value_name = "MODE")]
    pub(in crate::cli) disk_mode: Option<DiskMode>,
    /// Size of the VM's own disk in MiB
    #[arg(long, value_name = "MIB")]
    pub(in crate::cli) disk_size: Option<u64>,
    /// Make a port of the guest reachable at 127.0.0.1
    #[arg(long, value_name = "HOST:GUEST")]
    pub(in crate::cli) publish: Vec<PortForward>,
    /// A kernel in place of the image's
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) kernel: Option<PathBuf>,
    /// An initial RAM file system in place of the image's
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) initrd: Option<PathBuf>,
    /// A root file system in place of the image's
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) rootfs: Option<PathBuf>,
    /// The whole kernel command line
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub(in crate::cli) boot_args: Option<String>,
    /// auto, none, user or tap
    #[arg(long, value_name = "MODE")]
    pub(in crate::cli) network: Option<NetworkMode>,
    /// Architecture of the guest, as `uname -m` says
    #[arg(long)]
    pub(in crate::cli) arch: Option<Arch>,
    /// The accelerator to insist on: kvm, hvf or tcg
    #[arg(long)]
    pub(in crate::cli) accel: Option<Accel>,
    /// CPU shown to an emulated guest: fast or max
    #[arg(long, value_name = "MODEL")]
    pub(in crate::cli) cpu_model: Option<CpuModel>,
    /// What on the serial line says that a guest without agent is ready
    #[arg(long, value_name = "REGEX")]
    pub(in crate::cli) ready_pattern: Option<String>,
}
