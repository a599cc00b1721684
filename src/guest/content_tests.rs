use super::*;
use crate::fault::{Code, Fault};

/// A file of `length` zeros but for `bytes` at `at`.
fn file(directory: &Path, length: usize, at: usize, bytes: &[u8]) -> std::path::PathBuf {
    let path = directory.join("file");
    let mut content = vec![0; length.max(at + bytes.len())];
    content[at..at + bytes.len()].copy_from_slice(bytes);
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn an_initrd_is_an_archive_packed_or_not_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let packed = PACKED.iter().map(|(_, magic)| (0, *magic));
    let archives = CPIO.iter().flat_map(|magic| [(0, *magic), (512, *magic)]);
    for (at, magic) in packed.chain(archives) {
        let path = file(directory.path(), 2048, at, magic);
        assert!(check_initrd(&path).is_ok(), "{magic:?}");
    }
    for (content, words) in [
        (&b"hello, this is a text\n"[..], "it is text"),
        (b"#!/bin/sh\necho \xc3\xa4\n", "it is text"),
        (b"\x7fELF\x02\x01", "neither"),
        (&[0; 4096], "neither"),
        (b"", "empty"),
    ] {
        std::fs::write(directory.path().join("file"), content).unwrap();
        let error = check_initrd(&directory.path().join("file")).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.code(), Code::InvalidInput);
        assert!(error.hint().is_some());
    }
}

#[test]
fn a_disk_is_known_by_its_magic_and_a_raw_one_by_its_sectors() {
    let directory = tempfile::tempdir().unwrap();
    for (name, at, magic) in DISKS {
        let path = file(directory.path(), 3000, at, magic);
        let form = if name == "ext" { "ext4" } else { "raw" };
        assert_eq!(check_disk(&path).unwrap().form, form, "{name}");
    }
    let mut qcow2 = b"QFI\xfb\0\0\0\x03".to_vec();
    qcow2.resize(24, 0);
    let cut = file(directory.path(), 0, 0, &qcow2);
    assert!(check_disk(&cut).is_err());
    qcow2.extend((5_u64 << 30).to_be_bytes());
    let whole = check_disk(&file(directory.path(), 0, 0, &qcow2)).unwrap();
    assert_eq!((whole.form, whole.size), ("qcow2", 5 << 30));
    let blank = check_disk(&file(directory.path(), 1 << 20, 0, b"")).unwrap();
    assert_eq!((blank.form, blank.size), ("raw", 1 << 20));
}

#[test]
fn what_is_no_disk_is_told_with_what_would_make_it_one() {
    let directory = tempfile::tempdir().unwrap();
    for (name, at, magic, hint) in FOREIGN {
        let error = check_disk(&file(directory.path(), 1024, at, magic)).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(error.hint().as_deref(), Some(hint));
    }
    for (content, words) in [
        (vec![1; 1000], "no multiple of 512"),
        ("größer\n".repeat(512).into_bytes(), "it is text"),
    ] {
        let path = directory.path().join("file");
        std::fs::write(&path, content).unwrap();
        let error = check_disk(&path).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let packed = file(directory.path(), 1024, 0, b"\x1f\x8b");
    let error = check_disk(&packed).unwrap_err();
    assert!(error.to_string().contains("packed with gzip"), "{error}");
}

#[test]
fn what_is_no_regular_file_is_told_apart_and_never_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for (path, words, hint) in [
        (fifo.as_path(), "it is a FIFO", "regular file"),
        (directory.path(), "it is a directory", "in it"),
        (Path::new("/dev/null"), "it is a device", "regular file"),
        (
            &directory.path().join("none"),
            "could not open the root",
            "exists",
        ),
    ] {
        let error = check_disk(path).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.hint().unwrap().contains(hint), "{error}");
    }
}
