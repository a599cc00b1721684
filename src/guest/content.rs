//! What the files hold that a user brings: told by their first bytes, before a guest stumbles.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use super::agent::PORT_NAME;
use super::error::GuestError;

/// So much of a file is looked at, in bytes: btrfs has its magic at 64 KiB and 64 bytes.
const HEAD: u64 = (64 << 10) + 512;

/// Sectors of a disk are this long, in bytes.
const SECTOR: u64 = 512;

/// Packed with one of these, a kernel unpacks its initrd by itself (Linux, `lib/decompress.c`).
const PACKED: [(&str, &[u8]); 8] = [
    ("gzip", b"\x1f\x8b"),
    ("xz", b"\xfd7zXZ\0"),
    ("zstd", b"\x28\xb5\x2f\xfd"),
    ("lz4", b"\x02\x21\x4c\x18"),
    ("lz4", b"\x04\x22\x4d\x18"),
    ("bzip2", b"BZh"),
    ("lzma", b"\x5d\0\0"),
    ("lzo", b"\x89LZO\0\r\n"),
];

/// Archives of cpio as the kernel knows them (Linux, `Documentation/driver-api/early-userspace/`).
const CPIO: [&[u8]; 2] = [b"070701", b"070702"];

/// File systems, and tables of partitions, by where their magic is and what it is.
const DISKS: [(&str, usize, &[u8]); 9] = [
    ("ext", 1024 + 0x38, b"\x53\xef"),
    ("squashfs", 0, b"hsqs"),
    ("xfs", 0, b"XFSB"),
    ("cramfs", 0, b"\x45\x3d\xcd\x28"),
    ("erofs", 1024, b"\xe2\xe1\xf5\xe0"),
    ("f2fs", 1024, b"\x10\x20\xf5\xf2"),
    ("btrfs", 0x1_0040, b"_BHRfS_M"),
    ("iso9660", 0x8001, b"CD001"),
    ("partitions", 510, b"\x55\xaa"),
];

/// Disks in a form that no backend here reads, and what undoes it.
const FOREIGN: [(&str, usize, &[u8], &str); 5] = [
    ("a VMDK disk", 0, b"KDMV", CONVERT),
    ("a VHDX disk", 0, b"vhdxfile", CONVERT),
    ("a VHD disk", 0, b"conectix", CONVERT),
    ("a VDI disk", 0x40, b"\x7f\x10\xda\xbe", CONVERT),
    (
        "a tar archive",
        257,
        b"ustar",
        "unpack it into a directory, and make a disk of that with `mke2fs -t ext4 -d DIR FILE SIZE`",
    ),
];
const CONVERT: &str = "convert it with `qemu-img convert -O qcow2 FILE NEW`";

/// A disk, as its file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// `qcow2`, `ext4` (which includes its elders) or `raw`.
    pub form: &'static str,
    /// What the guest sees, in bytes.
    pub size: u64,
}

/// Opens a regular file that is not empty; `what` names what it is to be.
pub fn open(what: &'static str, path: &Path) -> Result<File, GuestError> {
    let failed = |source| GuestError::Unopened {
        what,
        path: path.to_owned(),
        source,
    };
    // Before it is opened: opening a FIFO would wait for its other end.
    let found = std::fs::metadata(path).map_err(failed)?;
    let kind = found.file_type();
    let refuse = |why: &str, hint: &str| Err(unfit(what, path, why, hint));
    if kind.is_dir() {
        return refuse("it is a directory", "name the file in it");
    }
    if !kind.is_file() {
        let kind = if kind.is_fifo() {
            "FIFO"
        } else if kind.is_socket() {
            "socket"
        } else {
            "device"
        };
        return refuse(
            &format!("it is a {kind}"),
            "write its content into a regular file and name that",
        );
    }
    if found.len() == 0 {
        return refuse("it is empty", "name the file that it was to be");
    }
    File::open(path).map_err(failed)
}

/// Whether a file can be an initial RAM file system: an archive of cpio, packed or not, or a disk of
/// old.
pub fn check_initrd(path: &Path) -> Result<(), GuestError> {
    const WHAT: &str = "the initial RAM file system";
    let head = head_of(open(WHAT, path)?).map_err(|source| GuestError::Unopened {
        what: WHAT,
        path: path.to_owned(),
        source,
    })?;
    let begins = |magic: &[u8]| head.starts_with(magic);
    let packed = PACKED.iter().any(|(_, magic)| begins(magic));
    // The kernel skips zeros before an archive.
    let start = head.iter().position(|&byte| byte != 0).unwrap_or(0);
    let archive = CPIO.iter().any(|magic| head[start..].starts_with(magic));
    let disk = DISKS.iter().any(|&(_, at, magic)| has(&head, at, magic));
    if packed || archive || disk {
        return Ok(());
    }
    let why = if is_text(&head) {
        "it is text"
    } else {
        "it is neither an archive of cpio nor packed with a method that a kernel knows"
    };
    let hint = "give an archive of cpio (`cpio -o -H newc`), which may be packed with gzip, xz, zstd or lz4";
    Err(unfit(WHAT, path, why, hint))
}

/// Whether our agent is in an initial RAM file system, as far as it is not packed.
pub fn has_agent(initrd: &Path) -> io::Result<bool> {
    let needle = PORT_NAME.as_bytes();
    let mut file = File::open(initrd)?;
    let mut buffer = Vec::new();
    loop {
        let kept = buffer.len();
        let read = file.by_ref().take(1 << 20).read_to_end(&mut buffer)?;
        if kept == 0 && PACKED.iter().any(|(_, magic)| buffer.starts_with(magic)) {
            return Ok(false);
        }
        let found = buffer
            .windows(needle.len())
            .any(|window| window[0] == needle[0] && window == needle);
        if found || read == 0 {
            return Ok(found);
        }
        // What may be the beginning of it stays for the next round.
        let done = (kept + read).saturating_sub(needle.len() - 1);
        buffer.drain(..done);
    }
}

/// What disk a file is; the error says why it can be none.
pub fn check_disk(path: &Path) -> Result<Disk, GuestError> {
    const WHAT: &str = "the root file system";
    let failed = |source| GuestError::Unopened {
        what: WHAT,
        path: path.to_owned(),
        source,
    };
    let file = open(WHAT, path)?;
    let length = file.metadata().map_err(failed)?.len();
    let head = head_of(file).map_err(failed)?;
    let disk = |form, size| Ok(Disk { form, size });
    if head.starts_with(b"QFI\xfb") {
        // The virtual size, big-endian (QEMU, `docs/interop/qcow2.txt`).
        let size = head.get(24..32).and_then(|bytes| bytes.try_into().ok());
        return match size.map(u64::from_be_bytes) {
            Some(size) if size > 0 => disk("qcow2", size),
            _ => Err(unfit(WHAT, path, "its qcow2 header is cut short", CONVERT)),
        };
    }
    match DISKS.iter().find(|&&(_, at, magic)| has(&head, at, magic)) {
        Some(("ext", ..)) => return disk("ext4", length),
        Some(_) => return disk("raw", length),
        None => {}
    }
    for (name, at, magic, hint) in FOREIGN {
        if has(&head, at, magic) {
            return Err(unfit(WHAT, path, &format!("it is {name}"), hint));
        }
    }
    if let Some((method, _)) = PACKED.iter().find(|(_, magic)| head.starts_with(magic)) {
        let why = format!("it is packed with {method}");
        return Err(unfit(WHAT, path, &why, "unpack it first"));
    }
    let hint = "give a disk: a raw one with a file system or partitions, or qcow2";
    if is_text(&head) {
        return Err(unfit(WHAT, path, "it is text", hint));
    }
    if !length.is_multiple_of(SECTOR) {
        let why = format!(
            "its {length} bytes are no multiple of {SECTOR} and hold no file system that is known"
        );
        return Err(unfit(WHAT, path, &why, hint));
    }
    // Not formatted yet, or in a way that a guest may know.
    disk("raw", length)
}

fn unfit(what: &'static str, path: &Path, why: &str, hint: &str) -> GuestError {
    GuestError::Unfit {
        what,
        path: path.to_owned(),
        why: why.to_owned(),
        hint: hint.to_owned(),
    }
}

fn head_of(file: File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head)?;
    Ok(head)
}

fn has(head: &[u8], at: usize, magic: &[u8]) -> bool {
    head.get(at..).is_some_and(|rest| rest.starts_with(magic))
}

/// Whether this is what an editor writes.
fn is_text(head: &[u8]) -> bool {
    let start = &head[..head.len().min(512)];
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // Cut within a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    text.chars()
        .all(|character| !character.is_control() || character.is_ascii_whitespace())
}

#[cfg(test)]
#[path = "content_tests.rs"]
mod tests;
