//! FIFOs between a shim and Firecracker. Whoever opens one opens both of its ends, so that the death
//! of the other side ends nothing: a new shim opens the same FIFO and goes on.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use nix::libc;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tokio::net::unix::pipe::{Receiver, Sender};

use super::places::Places;
use crate::backends::files::clear;
use crate::backends::{BackendError, Line};
use crate::fault::io_error;

/// As much as a pipe may hold where the administrator set nothing (`pipe-max-size` in pipe(7)):
/// Firecracker drops what a full one does not take.
const CAPACITY: i32 = 1 << 20;

/// Makes a FIFO for its owner only, in place of one that an earlier boot left.
pub(super) fn make(path: &Path) -> Result<(), BackendError> {
    let make = || -> io::Result<()> {
        clear(path)?;
        mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR)?;
        Ok(())
    };
    Ok(make().map_err(io_error("make the FIFO", path))?)
}

/// Firecracker's end. It makes it non-blocking itself, which is why it has one of its own.
pub(super) fn theirs(path: &Path) -> Result<File, BackendError> {
    Ok(open(path, 0).map_err(io_error("open", path))?)
}

/// Our end of one that we read.
pub(super) fn receiver(path: &Path) -> Result<Receiver, BackendError> {
    let open = || {
        let file = open(path, libc::O_NONBLOCK)?;
        enlarge(&file);
        Receiver::from_file_unchecked(file)
    };
    Ok(open().map_err(io_error("open", path))?)
}

/// The serial line: our ends of both its FIFOs.
pub(super) fn line(places: &Places) -> Result<Line, BackendError> {
    let to_guest = open(&places.serial_in, libc::O_NONBLOCK)
        .and_then(Sender::from_file_unchecked)
        .map_err(io_error("open", &places.serial_in))?;
    Ok(Line::pipes(receiver(&places.serial_out)?, to_guest))
}

/// Both ends at once: neither waits for the other side nor ever sees it hang up (fifo(7)).
fn open(path: &Path, flags: i32) -> io::Result<File> {
    let file = File::options()
        .read(true)
        .write(true)
        .custom_flags(flags | libc::O_NOFOLLOW)
        .open(path)?;
    if file.metadata()?.file_type().is_fifo() {
        Ok(file)
    } else {
        Err(io::Error::other("it is no FIFO"))
    }
}

/// A smaller one serves too, as long as we read in time.
fn enlarge(fifo: impl AsFd) {
    #[cfg(target_os = "linux")]
    let _ = nix::fcntl::fcntl(fifo, nix::fcntl::FcntlArg::F_SETPIPE_SZ(CAPACITY));
    #[cfg(not(target_os = "linux"))]
    let _ = (fifo, CAPACITY);
}
