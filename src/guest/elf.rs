//! The little of ELF that images need: what a program is for, whether it is linked statically,
//! and the `.modinfo` section of a kernel module.
//!
//! Only the 64-bit little-endian form, which both architectures have. Layout: gABI chapters 4
//! and 5. Every offset comes from the file and is checked.

use crate::vm::Arch;

/// Why bytes are no ELF that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// Not ELF at all, or a form that no guest of ours runs.
    #[error("it is no 64-bit little-endian ELF program")]
    NotElf,
    /// The header points outside the file.
    #[error("its headers point outside the file")]
    Truncated,
    /// A program for another machine.
    #[error("it is a program for {found}, the guest is {wanted}")]
    Machine {
        /// What it is for, as a word or the number of the machine.
        found: String,
        /// What it should be for.
        wanted: Arch,
    },
    /// It needs a loader and libraries that the guest has not.
    #[error("it is linked dynamically ({0}), and the guest has no libraries")]
    Dynamic(String),
}

const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const DT_NEEDED: u64 = 1;
const EM_X86_64: u16 = 62;
const EM_AARCH64: u16 = 183;

/// An ELF file in memory.
pub(super) struct Elf<'a>(&'a [u8]);

impl<'a> Elf<'a> {
    /// Checks the identification only.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, ElfError> {
        // Magic, ELFCLASS64, ELFDATA2LSB.
        if bytes.starts_with(b"\x7fELF\x02\x01") {
            Ok(Self(bytes))
        } else {
            Err(ElfError::NotElf)
        }
    }

    /// The architecture that it is for, when it is one of ours.
    pub(super) fn arch(&self) -> Option<Arch> {
        match self.u16(18)? {
            EM_X86_64 => Some(Arch::X86_64),
            EM_AARCH64 => Some(Arch::Aarch64),
            _ => None,
        }
    }

    /// That it is a program for `wanted` which needs nothing but a kernel.
    pub(super) fn check_static(&self, wanted: Arch) -> Result<(), ElfError> {
        let found = self.arch();
        if found != Some(wanted) {
            return Err(ElfError::Machine {
                found: match found {
                    Some(arch) => arch.word().to_owned(),
                    None => format!("machine {}", self.u16(18).ok_or(ElfError::Truncated)?),
                },
                wanted,
            });
        }
        let table = self.u64(32).ok_or(ElfError::Truncated)?;
        let size = u64::from(self.u16(54).ok_or(ElfError::Truncated)?);
        let count = u64::from(self.u16(56).ok_or(ElfError::Truncated)?);
        for index in 0..count {
            let header = size
                .checked_mul(index)
                .and_then(|offset| table.checked_add(offset))
                .ok_or(ElfError::Truncated)?;
            let kind = self.u32(header).ok_or(ElfError::Truncated)?;
            let segment = self.range(header.saturating_add(8), header.saturating_add(32));
            match kind {
                PT_INTERP => {
                    let loader = segment.ok_or(ElfError::Truncated)?;
                    let loader = String::from_utf8_lossy(loader);
                    let loader = loader.trim_end_matches('\0');
                    return Err(ElfError::Dynamic(format!("its loader is {loader}")));
                }
                PT_DYNAMIC => {
                    // A static position-independent program has one too, without libraries in it.
                    let entries = segment.ok_or(ElfError::Truncated)?;
                    let needs = entries
                        .chunks_exact(16)
                        .filter(|entry| entry.starts_with(&DT_NEEDED.to_le_bytes()))
                        .count();
                    if needs > 0 {
                        return Err(ElfError::Dynamic(format!("it needs {needs} libraries")));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The section `name`, if there is one.
    pub(super) fn section(&self, name: &str) -> Option<&'a [u8]> {
        let table = self.u64(40)?;
        let size = u64::from(self.u16(58)?);
        let header = |index: u64| table.checked_add(size.checked_mul(index)?);
        let names = header(u64::from(self.u16(62)?))?;
        let names = self.range(names.checked_add(24)?, names.checked_add(32)?)?;
        for index in 0..u64::from(self.u16(60)?) {
            let header = header(index)?;
            let at = usize::try_from(self.u32(header)?).ok()?;
            let text = names.get(at..)?;
            let rest = text.strip_prefix(name.as_bytes());
            if rest.is_some_and(|rest| rest.first() == Some(&0)) {
                return self.range(header.checked_add(24)?, header.checked_add(32)?);
            }
        }
        None
    }

    /// The bytes whose offset and length in the file are written at `offset_at` and `length_at`.
    fn range(&self, offset_at: u64, length_at: u64) -> Option<&'a [u8]> {
        let from = usize::try_from(self.u64(offset_at)?).ok()?;
        let length = usize::try_from(self.u64(length_at)?).ok()?;
        self.0.get(from..from.checked_add(length)?)
    }

    fn bytes<const N: usize>(&self, at: u64) -> Option<[u8; N]> {
        let at = usize::try_from(at).ok()?;
        self.0.get(at..)?.first_chunk().copied()
    }

    fn u16(&self, at: u64) -> Option<u16> {
        self.bytes(at).map(u16::from_le_bytes)
    }

    fn u32(&self, at: u64) -> Option<u32> {
        self.bytes(at).map(u32::from_le_bytes)
    }

    fn u64(&self, at: u64) -> Option<u64> {
        self.bytes(at).map(u64::from_le_bytes)
    }
}

#[cfg(test)]
#[path = "elf_tests.rs"]
pub(super) mod tests;
