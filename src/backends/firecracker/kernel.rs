//! The kernel in the form that Firecracker boots: an ELF on x86, a plain `Image` on arm64. One that
//! is packed is taken out of its wrapping, once, into the VM's directory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::backends::BackendError;
use crate::fault::io_error;
use crate::guest::{self, plain_kernel};
use crate::vm::write_aside;

/// How the names of unpacked kernels begin; what they were unpacked from follows.
const PREFIX: &str = "vmlinux-";

/// Where the kernel `path` is booted from: itself, or what is in it, kept in `dir` by the digest of
/// the whole; that whole comes with it.
pub(super) fn place(path: &Path, dir: &Path) -> Result<(PathBuf, Option<Vec<u8>>), BackendError> {
    let io = |verb| io_error(verb, path);
    let file = File::open(path).map_err(io("open"))?;
    if guest::is_plain_kernel(file).map_err(io("read"))? {
        return Ok((path.to_owned(), None));
    }
    let bytes = fs::read(path).map_err(io("read"))?;
    let mut digest = [0; 8];
    digest.copy_from_slice(&Sha256::digest(&bytes)[..8]);
    let name = u64::from_be_bytes(digest);
    Ok((dir.join(format!("{PREFIX}{name:016x}")), Some(bytes)))
}

/// The kernel `path` where it is booted from, unpacked if it has to be.
pub(super) fn provide(path: &Path, dir: &Path) -> Result<PathBuf, BackendError> {
    let (unpacked, Some(bytes)) = place(path, dir)? else {
        return Ok(path.to_owned());
    };
    if unpacked.exists() {
        return Ok(unpacked);
    }
    let kernel = plain_kernel(bytes).map_err(|error| BackendError::Value {
        what: "the kernel",
        value: path.to_owned(),
        why: error.to_string(),
    })?;
    forget_others(dir);
    let aside = dir.join(format!("{PREFIX}new"));
    write_aside(&aside, &unpacked, &kernel).map_err(io_error("write", &unpacked))?;
    Ok(unpacked)
}

/// What was unpacked of kernels that the VM had before.
fn forget_others(dir: &Path) {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(PREFIX)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_kernel_is_told_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let kernel = dir.path().join("kernel");
        fs::write(&kernel, b"\x1f\x8bno kernel").unwrap();
        let error = provide(&kernel, dir.path()).unwrap_err().to_string();
        assert!(error.contains("the kernel `"), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
