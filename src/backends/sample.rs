//! A launch for the tests of this room.

use std::path::Path;

use super::Launch;
use crate::vm::{
    Accel, Arch, BackendKind, CpuModel, DiskMode, NetworkMode, SPEC_VERSION, Store, VmSpec,
};

pub(super) fn spec() -> VmSpec {
    VmSpec {
        version: SPEC_VERSION,
        id: "0badcafe".to_owned(),
        created_at: jiff::Timestamp::UNIX_EPOCH,
        backend: BackendKind::Qemu,
        accel: None,
        arch: Arch::X86_64,
        vcpu_count: 1,
        mem_size_mib: 256,
        cpu_model: CpuModel::Fast,
        image: None,
        kernel: None,
        initrd: None,
        rootfs: None,
        boot_args: None,
        disk_mode: DiskMode::Isolated,
        disk_size_mib: None,
        network: NetworkMode::Auto,
        publish: Vec::new(),
        ready_pattern: None,
    }
}

pub(super) fn launch(root: &Path) -> Launch {
    let name = "web".parse().unwrap();
    let store = Store::locate(Some(root)).unwrap();
    Launch {
        spec: spec(),
        program: "/usr/bin/qemu-system-x86_64".into(),
        accel: Accel::Tcg,
        kernel: "/images/tiny/vmlinux".into(),
        initrd: Some("/images/tiny/initramfs.cpio".into()),
        rootfs: None,
        has_agent: true,
        paths: store.paths(&name),
        run_dir: root.join("run/0badcafe"),
        name,
    }
}
