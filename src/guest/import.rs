//! `image import`: files of the user's own become an image.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::agent::PORT_NAME;
use super::build::{kernel_contents, open_kernel};
use super::error::GuestError;
use super::image::ImportSources;
use super::staging::{Content, Draft};

/// Checks the files and makes what the image will consist of.
pub(super) fn draft(sources: &ImportSources) -> Result<Draft, GuestError> {
    let kernel = open_kernel(&sources.kernel, sources.arch)?;
    let mut files = kernel_contents(kernel.shipped, kernel.elf);
    let mut has_agent = false;
    if let Some(initrd) = &sources.initrd {
        has_agent =
            contains(initrd, PORT_NAME.as_bytes()).map_err(GuestError::io("read", initrd))?;
        files.push(("initramfs.cpio".to_owned(), Content::Copy(initrd.clone())));
    }
    if let Some(rootfs) = &sources.rootfs {
        let form = form_of(rootfs).map_err(GuestError::io("read", rootfs))?;
        files.push((format!("rootfs.{form}"), Content::Copy(rootfs.clone())));
    }
    Ok(Draft {
        arch: kernel.arch,
        kernel_release: kernel.release,
        has_agent,
        files,
    })
}

/// How a disk image is written, by its magic: `qcow2`, `ext4` (which includes its elders), `raw`.
fn form_of(path: &Path) -> io::Result<&'static str> {
    let mut file = File::open(path)?;
    let mut magic = [0; 4];
    let start = file.read(&mut magic)?;
    if start == 4 && magic == *b"QFI\xfb" {
        return Ok("qcow2");
    }
    // `s_magic` in the superblock, which begins at 1024.
    file.seek(SeekFrom::Start(1024 + 0x38))?;
    let read = file.read(&mut magic[..2])?;
    Ok(match (read, &magic[..2]) {
        (2, b"\x53\xef") => "ext4",
        _ => "raw",
    })
}

/// Whether `needle`, which is short, occurs in the file.
fn contains(path: &Path, needle: &[u8]) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let mut buffer = Vec::new();
    loop {
        let kept = buffer.len();
        let read = file.by_ref().take(1 << 20).read_to_end(&mut buffer)?;
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
