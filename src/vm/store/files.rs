//! Directories and files that only their owner reads, and files that are whole or absent.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::StoreError;
use crate::fault::{IoError, io_error};

/// Makes `dir` and its parents, the new ones readable by their owner only.
pub(super) fn private_dir(dir: &Path) -> Result<(), IoError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(io_error("create", dir))
}

/// Refuses a directory that another user owns or can write to, or that is a link.
pub(super) fn check_private(dir: &Path) -> Result<(), StoreError> {
    let unsafe_because = |path: &Path, why| {
        Err(StoreError::UnsafeDirectory {
            path: path.to_owned(),
            why,
        })
    };
    for path in [dir.parent().unwrap_or(dir), dir] {
        let meta = fs::symlink_metadata(path).map_err(io_error("inspect", path))?;
        if !meta.is_dir() {
            return unsafe_because(path, "it is no directory");
        }
        if meta.uid() != nix::unistd::Uid::effective().as_raw() {
            return unsafe_because(path, "another user owns it");
        }
        if meta.permissions().mode() & 0o022 != 0 {
            return unsafe_because(path, "others can write to it");
        }
    }
    Ok(())
}

/// A file that is empty and its owner's alone, to write and to read again. One that is there keeps
/// its mode.
///
/// # Errors
/// As open(2).
pub fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

/// Writes a private file to `aside` and puts it in the place of `path`, which is whole or as it was
/// unless the host crashes. What could not be written is not left lying about.
///
/// # Errors
/// As open(2), write(2) and rename(2).
pub fn write_aside(aside: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = private_file(aside)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(aside, path));
    if written.is_err() {
        let _ = fs::remove_file(aside);
    }
    written
}

/// Writes a file so that it is whole or absent, also after a crash of the host.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), IoError> {
    let error = io_error("write", path);
    let temporary = path.with_extension("new");
    let mut file = private_file(&temporary).map_err(&error)?;
    file.write_all(bytes).map_err(&error)?;
    file.sync_all().map_err(&error)?;
    fs::rename(&temporary, path).map_err(error)
}
