//! Recognises a kernel and takes it out of its wrapping.
//!
//! x86: the boot protocol of Linux's `Documentation/arch/x86/boot.rst`. arm64:
//! `Documentation/arch/arm64/booting.rst`, and the `zboot` wrapping of
//! `drivers/firmware/efi/libstub/zboot-header.S`. Every number comes from the file and is checked.

use std::io::{self, Read};

use super::decompress::{Compression, LIMIT};
use super::elf::Elf;
use crate::vm::Arch;

/// For which architecture the kernel in `file` is, by its beginning; `None` when it is none that a
/// VMM of ours boots: a bzImage or an ELF for x86, for arm64 an `Image`, which may be gzipped.
pub fn kernel_arch(file: impl Read) -> io::Result<Option<Arch>> {
    let mut head = Vec::new();
    file.take(0x206).read_to_end(&mut head)?;
    let at = |offset: usize, magic: &[u8]| head.get(offset..offset + magic.len()) == Some(magic);
    Ok(if at(0x202, b"HdrS") {
        Some(Arch::X86_64)
    } else if at(0x38, b"ARM\x64") || Compression::of(&head) == Some(Compression::Gzip) {
        Some(Arch::Aarch64)
    } else {
        // An ELF for arm64 hangs without a word.
        let elf = Elf::new(&head).ok().and_then(|elf| elf.arch());
        elf.filter(|&arch| arch == Arch::X86_64)
    })
}

/// Whether the kernel in `file` needs no unpacking: an ELF, or arm64's `Image` as it is.
pub fn is_plain_kernel(file: impl Read) -> io::Result<bool> {
    let mut head = Vec::new();
    file.take(0x3c).read_to_end(&mut head)?;
    let packed = head.get(4..8) == Some(b"zimg");
    Ok(head.starts_with(b"\x7fELF") || (head.get(0x38..) == Some(b"ARM\x64") && !packed))
}

/// The kernel in `bytes` without its wrapping: the ELF of a bzImage, the `Image` of a packed one.
pub fn plain_kernel(bytes: Vec<u8>) -> Result<Vec<u8>, KernelError> {
    let kernel = Kernel::open(bytes)?;
    kernel.elf.or(kernel.shipped).ok_or(KernelError::Unknown)
}

/// Why a file is no kernel that we can use.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// None of the forms that we know.
    #[error(
        "it is no Linux kernel: neither a bzImage nor an ELF for x86_64 nor an Image for aarch64"
    )]
    Unknown,
    /// A kernel that ends before its headers say so.
    #[error("it is cut short or damaged: {0}")]
    Truncated(&'static str),
    /// Compressed in a way that we cannot undo.
    #[error("its payload is compressed in a way that is not supported (it begins with {0})")]
    Compression(String),
    /// The compressed kernel inside is damaged.
    #[error("its payload could not be unpacked")]
    Unpack(#[source] io::Error),
    /// What came out is not a kernel.
    #[error("its payload is no kernel of a known form")]
    Payload,
}

/// A kernel, taken apart.
#[derive(Debug)]
pub(super) struct Kernel {
    /// What it runs on.
    pub arch: Arch,
    /// Its release, such as `6.1.0-56-cloud-amd64`, when it tells.
    pub release: Option<String>,
    /// For x86 the kernel as shipped; for arm64 the plain `Image`, which every VMM boots.
    pub shipped: Option<Vec<u8>>,
    /// The kernel as an ELF, which boots faster: x86 only.
    pub elf: Option<Vec<u8>>,
}

impl Kernel {
    /// Recognises `bytes` and unpacks what they hold.
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self, KernelError> {
        if bytes.get(0x202..0x206) == Some(b"HdrS") {
            let elf = x86_payload(&bytes)?;
            return Ok(Self {
                arch: Arch::X86_64,
                release: x86_release(&bytes),
                shipped: Some(bytes),
                elf: Some(elf),
            });
        }
        if bytes.starts_with(b"MZ") && bytes.get(4..8) == Some(b"zimg") {
            return Self::plain(zboot_payload(&bytes)?);
        }
        if Compression::of(&bytes) == Some(Compression::Gzip) {
            let plain = Compression::Gzip.unpack(&bytes, LIMIT);
            return Self::plain(plain.map_err(KernelError::Unpack)?);
        }
        Self::plain(bytes)
    }

    /// A kernel without wrapping.
    fn plain(bytes: Vec<u8>) -> Result<Self, KernelError> {
        if bytes.get(0x38..0x3c) == Some(b"ARM\x64") {
            return Ok(Self {
                arch: Arch::Aarch64,
                release: banner_release(&bytes),
                shipped: Some(bytes),
                elf: None,
            });
        }
        // An ELF for arm64 is not booted by any VMM that we drive.
        let release = banner_release(&bytes);
        match Elf::new(&bytes).ok().and_then(|elf| elf.arch()) {
            Some(Arch::X86_64) if release.is_some() => Ok(Self {
                arch: Arch::X86_64,
                release,
                shipped: None,
                elf: Some(bytes),
            }),
            _ => Err(KernelError::Unknown),
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Result<usize, KernelError> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk::<4>())
        .and_then(|word| usize::try_from(u32::from_le_bytes(*word)).ok())
        .ok_or(KernelError::Truncated("the header is not whole"))
}

/// The ELF inside a bzImage: after the boot sector and the set-up code, at `payload_offset`.
fn x86_payload(bytes: &[u8]) -> Result<Vec<u8>, KernelError> {
    // Version 2.08 brought `payload_offset` and `payload_length`.
    if word(bytes, 0x206)? & 0xffff < 0x208 {
        return Err(KernelError::Truncated(
            "its boot protocol is older than 2.08",
        ));
    }
    let sectors = match bytes[0x1f1] {
        0 => 4,
        count => usize::from(count),
    };
    let offset = (sectors + 1) * 512;
    let from = offset.saturating_add(word(bytes, 0x248)?);
    let to = from.saturating_add(word(bytes, 0x24c)?);
    let payload = bytes
        .get(from..to)
        .ok_or(KernelError::Truncated("the payload is not whole"))?;
    let elf = unpack_with_size(payload)?;
    match Elf::new(&elf).map(|elf| elf.arch()) {
        Ok(Some(Arch::X86_64)) => Ok(elf),
        _ => Err(KernelError::Payload),
    }
}

/// The kernel's build appends the unpacked size to each payload (gzip has it of its own).
fn unpack_with_size(payload: &[u8]) -> Result<Vec<u8>, KernelError> {
    let start = payload.get(..4).unwrap_or(payload);
    let compression = Compression::of(payload).ok_or_else(|| {
        let start: Vec<String> = start.iter().map(|byte| format!("{byte:02x}")).collect();
        KernelError::Compression(start.join(" "))
    })?;
    let size = word(payload, payload.len().saturating_sub(4))?;
    if size > LIMIT {
        return Err(KernelError::Truncated(
            "the payload's size is beyond reason",
        ));
    }
    let unpacked = compression
        .unpack(payload, size)
        .map_err(KernelError::Unpack)?;
    if unpacked.len() == size {
        Ok(unpacked)
    } else {
        Err(KernelError::Truncated(
            "the payload has not the size that it says",
        ))
    }
}

fn x86_release(bytes: &[u8]) -> Option<String> {
    // `kernel_version`: where the text is, less 0x200.
    let at = usize::from(u16::from_le_bytes([bytes[0x20e], *bytes.get(0x20f)?]));
    (at != 0)
        .then(|| release(bytes.get(at + 0x200..)?))
        .flatten()
}

/// The `Image` inside a compressed EFI kernel: offset, size and the name of the compression.
fn zboot_payload(bytes: &[u8]) -> Result<Vec<u8>, KernelError> {
    let from = word(bytes, 8)?;
    let to = from.saturating_add(word(bytes, 12)?);
    let payload = bytes
        .get(from..to)
        .ok_or(KernelError::Truncated("the payload is not whole"))?;
    let compression = Compression::of(payload).ok_or(KernelError::Payload)?;
    compression
        .unpack(payload, LIMIT)
        .map_err(KernelError::Unpack)
}

/// The release from the banner that every kernel holds: `Linux version 6.1.0-56 (…`.
fn banner_release(bytes: &[u8]) -> Option<String> {
    const BANNER: &[u8] = b"Linux version ";
    let mut rest = bytes;
    // The formats of the same text have a `%` where the banner has a digit.
    loop {
        let at = rest.iter().position(|&byte| byte == b'L')?;
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix(BANNER)
            && after.first().is_some_and(u8::is_ascii_digit)
        {
            return release(after);
        }
        rest = &rest[1..];
    }
}

/// The first word of a text that ends somewhere: printable, of a sensible length.
fn release(text: &[u8]) -> Option<String> {
    let end = text
        .iter()
        .take(65)
        .position(|byte| !byte.is_ascii_graphic())?;
    let word = std::str::from_utf8(&text[..end]).ok()?;
    // It names a directory of modules.
    (!word.is_empty() && !word.contains('/')).then(|| word.to_owned())
}

#[cfg(test)]
#[path = "kernel_tests.rs"]
mod tests;
