use super::*;
use crate::backends::sample;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

/// A launch whose VM's directory is there, with a root file system of 4 MiB, mostly a hole.
fn launch(dir: &Path) -> Launch {
    let mut launch = sample::launch(dir);
    fs::create_dir_all(&launch.paths.dir).unwrap();
    let rootfs = dir.join("rootfs.ext4");
    let file = File::create(&rootfs).unwrap();
    file.set_len(4 << 20).unwrap();
    file.write_all_at(b"begin", 0).unwrap();
    file.write_all_at(b"end", (4 << 20) - 3).unwrap();
    launch.rootfs = Some(rootfs);
    launch
}

#[test]
fn an_isolated_disk_is_a_private_copy_with_its_holes_and_is_made_once() {
    let dir = tempfile::tempdir().unwrap();
    let launch = launch(dir.path());
    provide(&launch).unwrap();
    let disk = place(&launch).unwrap();
    let (meta, rootfs) = (fs::metadata(&disk).unwrap(), launch.rootfs.clone().unwrap());
    assert_eq!(fs::read(&disk).unwrap(), fs::read(&rootfs).unwrap());
    assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    assert!(meta.blocks() * 512 < 3 << 20, "{} blocks", meta.blocks());
    fs::write(&disk, "written by the guest").unwrap();
    provide(&launch).unwrap();
    assert_eq!(fs::read(&disk).unwrap(), b"written by the guest");
}

#[test]
fn a_copy_without_shared_blocks_is_the_same_and_makes_holes_of_zeros() {
    let dir = tempfile::tempdir().unwrap();
    let launch = launch(dir.path());
    let rootfs = launch.rootfs.unwrap();
    let zeros = File::options().write(true).open(&rootfs).unwrap();
    zeros.write_all_at(&vec![0; 2 << 20], 1 << 20).unwrap();
    let target = File::create_new(dir.path().join("copy")).unwrap();
    sparse_copy(&File::open(&rootfs).unwrap(), &target).unwrap();
    assert_eq!(
        fs::read(dir.path().join("copy")).unwrap(),
        fs::read(&rootfs).unwrap()
    );
    assert!(target.metadata().unwrap().blocks() < fs::metadata(&rootfs).unwrap().blocks());
}

#[test]
fn a_disk_grows_never_shrinks_and_leaves_nothing_half_made() {
    let dir = tempfile::tempdir().unwrap();
    let mut launch = launch(dir.path());
    launch.spec.disk_size_mib = Some(2);
    let error = provide(&launch).unwrap_err().to_string();
    assert!(error.contains("it has 4 MiB already"), "{error}");
    assert_eq!(fs::read_dir(&launch.paths.dir).unwrap().count(), 0);
    launch.spec.disk_size_mib = Some(16);
    provide(&launch).unwrap();
    assert_eq!(
        fs::metadata(&launch.paths.disk_raw).unwrap().len(),
        16 << 20
    );
    assert_eq!(fs::read_dir(&launch.paths.dir).unwrap().count(), 1);
}

#[test]
fn a_qcow2_is_converted_for_a_copy_and_refused_for_sharing() {
    let dir = tempfile::tempdir().unwrap();
    let mut launch = launch(dir.path());
    let raw = launch.rootfs.clone().unwrap();
    let layer = dir.path().join("rootfs.qcow2");
    crate::backends::qemu::disk::create_overlay(&raw, &layer, None).unwrap();
    launch.rootfs = Some(layer.clone());
    provide(&launch).unwrap();
    assert_eq!(
        fs::read(&launch.paths.disk_raw).unwrap(),
        fs::read(&raw).unwrap()
    );
    launch.spec.disk_mode = DiskMode::Shared;
    let error = provide(&launch).unwrap_err().to_string();
    assert!(error.contains("qemu-img convert"), "{error}");
    launch.rootfs = Some(raw.clone());
    provide(&launch).unwrap();
    assert_eq!(place(&launch), Some(raw));
}
