//! Disks: what format a file has, and layers over it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::program::{img_program, run_img};
use crate::backends::BackendError;
use crate::fault::io_error;
use crate::vm::private_file;

/// The form of a disk image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Nothing but the sectors.
    Raw,
    /// QEMU's own, which can be a layer over another file.
    Qcow2,
}

impl Format {
    /// The name of QEMU's driver for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
        }
    }

    /// The format of `file`, told by qcow2's magic (QEMU, `docs/interop/qcow2.txt`).
    pub fn of(file: &Path) -> Result<Self, BackendError> {
        let read = || -> io::Result<Self> {
            let mut magic = [0; 4];
            match File::open(file)?.read_exact(&mut magic) {
                Ok(()) if magic == *b"QFI\xfb" => Ok(Self::Qcow2),
                Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
                _ => Ok(Self::Raw),
            }
        };
        Ok(read().map_err(io_error("read", file))?)
    }
}

/// Makes `target` an empty qcow2 layer over `base`, as large as `base` or `size_mib` MiB. It is
/// whole or absent; one that is there is replaced.
pub fn create_overlay(
    base: &Path,
    target: &Path,
    size_mib: Option<u64>,
) -> Result<(), BackendError> {
    let format = Format::of(base)?;
    let base = fs::canonicalize(base).map_err(io_error("find", base))?;
    let text = |path: &Path| {
        path.to_str()
            .map(str::to_owned)
            .ok_or_else(|| BackendError::Value {
                what: "disk",
                value: path.to_owned(),
                why: "it is not UTF-8".to_owned(),
            })
    };
    let aside = target.with_extension("qcow2.new");
    let (base_text, aside_text) = (text(&base)?, text(&aside)?);
    let program = img_program()?;
    // Made by us first, so that it is readable by its owner only.
    private_file(&aside).map_err(io_error("create", &aside))?;
    let size = size_mib.map(|size| format!("{size}M"));
    let mut arguments = vec!["-q", "-f", "qcow2", "-F", format.word(), "-b"];
    arguments.extend([&base_text, "--", &aside_text]);
    arguments.extend(size.as_deref());
    let made = run_img(program, "create", arguments.into_iter().map(OsStr::new))
        .and_then(|()| Ok(fs::rename(&aside, target).map_err(io_error("create", target))?));
    if made.is_err() {
        let _ = fs::remove_file(&aside);
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_told_by_the_content() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("disk");
        for (content, format) in [
            (&b"QFI\xfb\0\0\0\x03"[..], Format::Qcow2),
            (&[0; 512], Format::Raw),
            (b"QF", Format::Raw),
        ] {
            fs::write(&file, content).unwrap();
            assert_eq!(Format::of(&file).unwrap(), format);
        }
        assert!(Format::of(&dir.path().join("none")).is_err());
        assert!(Format::of(dir.path()).is_err());
    }

    #[test]
    fn a_layer_is_private_refers_to_its_base_and_leaves_nothing_half_made() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("a,b:c.img");
        fs::write(&base, vec![7; 1 << 20]).unwrap();
        let layer = dir.path().join("disk.qcow2");
        create_overlay(&base, &layer, Some(4)).unwrap();
        assert_eq!(Format::of(&layer).unwrap(), Format::Qcow2);
        let bytes = fs::read(&layer).unwrap();
        // Header: virtual size at 24, big-endian (QEMU, `docs/interop/qcow2.txt`).
        assert_eq!(bytes[24..32], (4_u64 << 20).to_be_bytes());
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&layer).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        // A layer over a layer knows the format of what is below it.
        create_overlay(&layer, &dir.path().join("top.qcow2"), None).unwrap();
        let error =
            create_overlay(&base, &dir.path().join("huge.qcow2"), Some(u64::MAX)).unwrap_err();
        assert!(matches!(error, BackendError::Refused { .. }), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }
}
