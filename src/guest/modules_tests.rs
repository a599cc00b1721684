use std::io::Write;

use super::super::elf::tests::elf;
use super::*;
use crate::vm::Arch;

fn module(depends: &str) -> Vec<u8> {
    let modinfo = format!("license=GPL\0depends={depends}\0name=x\0");
    elf(Arch::X86_64, &[], &[(".modinfo", modinfo.as_bytes())])
}

/// A tree as distributions have it: folders, dashes, compression of every kind.
fn tree(modules: &[(&str, &str)], builtin: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (path, depends) in modules {
        let path = directory.path().join("kernel").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let bytes = match path.extension().unwrap().to_str().unwrap() {
            "gz" => {
                let mut writer =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                writer.write_all(&module(depends)).unwrap();
                writer.finish().unwrap()
            }
            "xz" => {
                let options = lzma_rust2::XzOptions::with_preset(1);
                let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
                writer.write_all(&module(depends)).unwrap();
                writer.finish().unwrap()
            }
            "zst" => ruzstd::encoding::compress_to_vec(
                &module(depends)[..],
                ruzstd::encoding::CompressionLevel::Fastest,
            ),
            _ => module(depends),
        };
        fs::write(path, bytes).unwrap();
    }
    fs::write(directory.path().join("modules.builtin"), builtin).unwrap();
    directory
}

const DEBIAN: [(&str, &str); 11] = [
    ("drivers/virtio/virtio.ko", "virtio_ring"),
    ("drivers/virtio/virtio_ring.ko", ""),
    (
        "drivers/virtio/virtio_pci.ko.xz",
        "virtio,virtio_ring,virtio_pci_legacy_dev",
    ),
    ("drivers/virtio/virtio_pci_legacy_dev.ko.zst", ""),
    ("drivers/virtio/virtio_mmio.ko", "virtio,virtio_ring"),
    (
        "drivers/char/virtio_console.ko.gz",
        "virtio,virtio_ring,hvc",
    ),
    ("drivers/char/hw_random/virtio-rng.ko", "virtio,rng-core"),
    (
        "drivers/net/virtio_net.ko",
        "virtio,net_failover,virtio_ring",
    ),
    ("drivers/net/net_failover.ko", "failover"),
    ("net/core/failover.ko", ""),
    ("fs/huge.ko", ""),
];
const BUILTIN: &str = "kernel/drivers/char/hw_random/rng-core.ko\nkernel/drivers/tty/hvc.ko\n";

#[test]
fn only_what_virtio_needs_is_picked_in_loading_order_and_unpacked() {
    let tree = tree(&DEBIAN, BUILTIN);
    let selection = select(tree.path()).unwrap();
    let table: Vec<&str> = selection.table.lines().collect();
    assert_eq!(
        table,
        [
            "pci: virtio_ring virtio virtio_pci_legacy_dev virtio_pci",
            "mmio: virtio_ring virtio virtio_mmio",
            "1: virtio_ring virtio failover net_failover virtio_net",
            "2: ",
            "3: virtio_ring virtio virtio_console",
            "4: virtio_ring virtio virtio_rng",
            "5: ",
            "19: ",
            "pvpanic: ",
        ]
    );
    assert!(!selection.files.contains_key("huge"));
    assert_eq!(
        selection.files["virtio_console"],
        module("virtio,virtio_ring,hvc")
    );
    assert_eq!(
        selection.files["virtio_pci"],
        module("virtio,virtio_ring,virtio_pci_legacy_dev")
    );
}

#[test]
fn drivers_that_are_built_in_need_no_modules() {
    let tree = tree(
        &[],
        "kernel/drivers/virtio/virtio_pci.ko\nkernel/drivers/char/virtio_console.ko\n",
    );
    let selection = select(tree.path()).unwrap();
    assert!(selection.files.is_empty());
    assert!(selection.table.contains("3: \n"));
}

#[test]
fn a_missing_driver_a_missing_need_a_circle_and_a_broken_module_are_told() {
    let told = |modules: &[(&str, &str)]| {
        let tree = tree(modules, "");
        select(tree.path()).unwrap_err().to_string()
    };
    let error = told(&[("a/virtio_pci.ko", "")]);
    assert!(error.contains("`virtio_console`"), "{error}");
    let error = told(&[("a/virtio_pci.ko", "virtio")]);
    assert!(error.contains("`virtio` is needed"), "{error}");
    let error = told(&[("a/virtio_pci.ko", "virtio"), ("a/virtio.ko", "virtio_pci")]);
    assert!(error.contains("needs itself"), "{error}");
    let tree = tree(&[], "");
    fs::write(tree.path().join("virtio_pci.ko"), "nonsense").unwrap();
    let error = select(tree.path()).unwrap_err().to_string();
    assert!(error.contains("is no kernel module"), "{error}");
    fs::write(tree.path().join("virtio_pci.ko.xz"), "\u{fd}nonsense").unwrap();
    assert!(select(tree.path()).is_err());
}
