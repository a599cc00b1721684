use std::fs;
use std::path::PathBuf;

use super::super::image::tests::Bench;
use super::*;
use crate::fault::{Code, Fault};
use crate::guest::agent::PORT_NAME;
use crate::vm::Arch;

#[test]
fn files_of_the_users_own_are_imported_and_recognised() {
    let bench = Bench::new();
    let built = bench.build().unwrap();
    fs::write(bench.path("initrd"), "070701 no agent in here").unwrap();
    let mut qcow2 = b"QFI\xfb\0\0\0\x03".to_vec();
    qcow2.resize(31, 0);
    qcow2.push(1);
    fs::write(bench.path("disk"), qcow2).unwrap();
    let mut ext4 = vec![0; 4096];
    ext4[1080..1082].copy_from_slice(b"\x53\xef");
    fs::write(bench.path("ext4"), ext4).unwrap();
    let import = |name: &str, initrd: Option<PathBuf>, rootfs: Option<PathBuf>| {
        let sources = ImportSources {
            kernel: bench.path("kernel"),
            initrd,
            rootfs,
            arch: None,
        };
        bench.store.import(name, &sources, &mut |_| {}).unwrap()
    };
    let image = import(
        "plain",
        Some(bench.path("initrd")),
        Some(bench.path("disk")),
    );
    assert!(!image.has_agent);
    assert!(image.rootfs.unwrap().ends_with("rootfs.qcow2"));
    let image = import("other", built.initramfs, Some(bench.path("ext4")));
    assert!(image.has_agent);
    assert!(image.rootfs.unwrap().ends_with("rootfs.ext4"));
    fs::write(bench.path("blank"), [0; 4096]).unwrap();
    let image = import("raw", None, Some(bench.path("blank")));
    assert!(image.rootfs.unwrap().ends_with("rootfs.raw"));

    let sources = ImportSources {
        kernel: bench.path("disk"),
        ..ImportSources::default()
    };
    let error = bench
        .store
        .import("bad", &sources, &mut |_| {})
        .unwrap_err();
    assert_eq!(error.code(), Code::InvalidInput);
    let sources = ImportSources {
        kernel: bench.path("kernel"),
        arch: Some(Arch::Aarch64),
        ..ImportSources::default()
    };
    let error = bench
        .store
        .import("bad", &sources, &mut |_| {})
        .unwrap_err();
    assert!(error.hint().unwrap().contains("--arch x86_64"));
    assert!(!bench.store.root().join("bad").exists());
}

#[test]
fn an_agent_that_lies_across_two_reads_of_the_initramfs_is_found() {
    let bench = Bench::new();
    for at in [(1 << 20) - 1, (1 << 20) - 9, (1 << 20) - 18, 1 << 20] {
        let mut initrd = vec![b'o'; at];
        initrd[..6].copy_from_slice(b"070701");
        initrd.extend_from_slice(PORT_NAME.as_bytes());
        fs::write(bench.path("initrd"), initrd).unwrap();
        let sources = ImportSources {
            kernel: bench.path("kernel"),
            initrd: Some(bench.path("initrd")),
            ..ImportSources::default()
        };
        let image = bench.store.import("x", &sources, &mut |_| {}).unwrap();
        assert!(image.has_agent, "{at}");
    }
}
