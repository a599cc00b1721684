//! A launch for the tests of this room.

use std::path::Path;

use super::Launch;
use crate::vm::{Accel, Store, VmSpec};

pub(super) fn spec() -> VmSpec {
    VmSpec::sample("0badcafe")
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
        talkative: false,
        tap: None,
        paths: store.paths(&name),
        run_dir: root.join("run/0badcafe"),
        name,
    }
}
