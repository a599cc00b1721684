//! Files and sockets that every backend needs, and errors that name them.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::{BackendError, Launch};
use crate::fault::io_error;
use crate::guest::kernel_arch;

/// Removes what an earlier boot left; that there is nothing is no error.
pub(super) fn clear(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Listens on a socket for its owner only, also where a VMM that was killed left one behind.
pub(super) fn listen(path: &Path) -> io::Result<UnixListener> {
    clear(path)?;
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Named here, a missing file is named with its use and path in every VMM, and what is
/// no kernel is told before it is run as one.
pub(super) fn check_files(launch: &Launch) -> Result<(), BackendError> {
    let unusable = |what, path: &Path, why: &str| BackendError::Value {
        what,
        value: path.to_owned(),
        why: why.to_owned(),
    };
    let files = [
        ("kernel", Some(&launch.kernel)),
        ("initrd", launch.initrd.as_ref()),
        ("root file system", launch.rootfs.as_ref()),
    ];
    for (what, path) in files {
        let Some(path) = path else { continue };
        let kind = fs::metadata(path)
            .map_err(io_error("open", path))?
            .file_type();
        // To open a FIFO would wait for its writer.
        if !kind.is_file() && !kind.is_block_device() {
            return Err(unusable(what, path, "it is no file"));
        }
        let file = File::open(path).map_err(io_error("open", path))?;
        if what == "kernel" {
            let found = kernel_arch(file).map_err(io_error("read", path))?;
            if found != Some(launch.spec.arch) {
                let why = format!("it is no kernel for {}", launch.spec.arch);
                return Err(unusable(what, path, &why));
            }
        }
    }
    Ok(())
}

/// Opens a log for appending, empty and readable by its owner only.
pub(super) fn open_log(path: &Path) -> Result<File, BackendError> {
    let open = || {
        let log = File::options()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        // Emptied in place: whoever holds it open goes on to see the same file.
        log.set_len(0)?;
        Ok(log)
    };
    Ok(open().map_err(io_error("open", path))?)
}
