//! Writes the archive that a kernel unpacks as its first root: cpio's `newc` form, as in Linux's
//! `Documentation/driver-api/early-userspace/buffer-format.rst`.
//!
//! The same entries make the same bytes: sorted, owned by root, without times.

use std::collections::BTreeMap;

const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

/// An archive under construction; paths have no leading slash.
#[derive(Debug, Default)]
pub(super) struct Archive {
    entries: BTreeMap<String, (u32, Vec<u8>)>,
}

impl Archive {
    /// A directory, with the directories above it.
    pub(super) fn directory(&mut self, path: &str, mode: u32) {
        self.parents(path);
        self.entries
            .insert(path.to_owned(), (DIRECTORY | mode, Vec::new()));
    }

    /// A regular file.
    pub(super) fn file(&mut self, path: &str, mode: u32, content: Vec<u8>) {
        self.parents(path);
        self.entries.insert(path.to_owned(), (FILE | mode, content));
    }

    /// A symbolic link.
    pub(super) fn link(&mut self, path: &str, target: &str) {
        self.parents(path);
        let target = target.as_bytes().to_vec();
        self.entries.insert(path.to_owned(), (LINK | 0o777, target));
    }

    fn parents(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            self.entries
                .entry(path[..at].to_owned())
                .or_insert((DIRECTORY | 0o755, Vec::new()));
        }
    }

    /// The archive's bytes. A directory comes before what is in it, as the kernel wants it.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let size: usize = self
            .entries
            .values()
            .map(|(_, data)| data.len() + 256)
            .sum();
        let mut out = Vec::with_capacity(size);
        for (number, (path, (mode, data))) in (1..).zip(&self.entries) {
            append(&mut out, number, path, *mode, data);
        }
        append(&mut out, 0, "TRAILER!!!", 0, &[]);
        out
    }
}

fn append(out: &mut Vec<u8>, number: u32, path: &str, mode: u32, data: &[u8]) {
    let links = if mode & 0o170_000 == DIRECTORY { 2 } else { 1 };
    // Magic, then thirteen numbers of eight hexadecimal digits: inode, mode, uid, gid, links, mtime,
    // size, device (two), special device (two), length of the name with its zero, check sum.
    out.extend_from_slice(b"070701");
    let name = path.len() + 1;
    let numbers = [
        number as usize,
        mode as usize,
        0,
        0,
        links,
        0,
        data.len(),
        0,
        0,
        0,
        0,
        name,
        0,
    ];
    for number in numbers {
        out.extend_from_slice(format!("{number:08X}").as_bytes());
    }
    out.extend_from_slice(path.as_bytes());
    out.push(0);
    pad(out);
    out.extend_from_slice(data);
    pad(out);
}

/// Names and contents begin at multiples of four.
fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_entries_in_any_order_make_the_same_archive() {
        let mut one = Archive::default();
        one.file("bin/busybox", 0o755, b"abc".to_vec());
        one.link("init", "bin/busybox");
        one.directory("proc", 0o555);
        let mut other = Archive::default();
        other.directory("proc", 0o555);
        other.link("init", "bin/busybox");
        other.file("bin/busybox", 0o755, b"abc".to_vec());
        assert_eq!(one.into_bytes(), other.into_bytes());
    }

    #[test]
    fn a_directory_comes_before_what_is_in_it() {
        let mut archive = Archive::default();
        archive.file("lib/modules/6.1/a.ko", 0o644, Vec::new());
        archive.file("lib-x", 0o644, Vec::new());
        let bytes = archive.into_bytes();
        let at = |name: &str| {
            let name = format!("{name}\0");
            bytes
                .windows(name.len())
                .position(|window| window == name.as_bytes())
                .unwrap()
        };
        assert!(at("lib") < at("lib/modules"));
        assert!(at("lib/modules/6.1") < at("lib/modules/6.1/a.ko"));
        assert_eq!(bytes.len() % 4, 0);
    }

    #[test]
    fn the_header_is_what_the_kernel_reads() {
        let mut archive = Archive::default();
        archive.file("a", 0o644, b"xyz".to_vec());
        let bytes = archive.into_bytes();
        let header = "070701000000010000\
                      81A400000000000000000000000100000000000000030000000000000000000000000000000000000002\
                      00000000";
        assert_eq!(&bytes[..110], header.as_bytes());
        assert_eq!(&bytes[110..116], b"a\0xyz\0");
    }
}
