//! The VM's disk: a copy of its own of the root file system, since Firecracker knows no layers.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::backends::qemu::disk::Format;
use crate::backends::qemu::{img_program, run_img};
use crate::backends::{BackendError, Launch};
use crate::fault::io_error;
use crate::vm::{DiskMode, private_file};

/// What is copied at a time where nothing better is to be had, in bytes.
const CHUNK: usize = 1 << 20;

/// The file that the guest writes to.
pub(super) fn place(launch: &Launch) -> Option<PathBuf> {
    let rootfs = launch.rootfs.as_ref()?;
    Some(match launch.spec.disk_mode {
        DiskMode::Isolated => launch.paths.disk_raw.clone(),
        DiskMode::Shared => rootfs.clone(),
    })
}

/// Makes the disk of `launch` where there is none yet. Takes as long as a copy where the file system
/// cannot share blocks.
pub(super) fn provide(launch: &Launch) -> Result<(), BackendError> {
    let Some(rootfs) = &launch.rootfs else {
        return Ok(());
    };
    let format = Format::of(rootfs)?;
    match launch.spec.disk_mode {
        DiskMode::Shared if format == Format::Raw => Ok(()),
        DiskMode::Shared => Err(BackendError::Value {
            what: "the shared disk",
            value: rootfs.clone(),
            why: "Firecracker writes to raw disks only: use `--disk-mode isolated`, or convert \
                  it with `qemu-img convert -O raw`"
                .to_owned(),
        }),
        DiskMode::Isolated if launch.paths.disk_raw.exists() => Ok(()),
        DiskMode::Isolated => copy(
            rootfs,
            format,
            &launch.paths.disk_raw,
            launch.spec.disk_size_mib,
        ),
    }
}

/// Copies `base` to `target`, which is whole or absent, and grows it to `size_mib` MiB.
fn copy(
    base: &Path,
    format: Format,
    target: &Path,
    size_mib: Option<u64>,
) -> Result<(), BackendError> {
    let aside = target.with_extension("raw.new");
    let build = || {
        // Made by us first, so that it is readable by its owner only.
        let file = private_file(&aside).map_err(io_error("create", &aside))?;
        match format {
            Format::Raw => {
                let source = File::open(base).map_err(io_error("open", base))?;
                duplicate(&source, &file).map_err(io_error("copy to", &aside))?;
            }
            Format::Qcow2 => convert(base, &aside)?,
        }
        let size = file.metadata().map_err(io_error("read", &aside))?.len();
        match size_mib.map(|mib| mib << 20) {
            Some(wanted) if wanted < size => {
                return Err(BackendError::Value {
                    what: "the disk size for",
                    value: base.to_owned(),
                    why: format!("it has {} MiB already", size.div_ceil(1 << 20)),
                });
            }
            Some(wanted) => file.set_len(wanted).map_err(io_error("grow", &aside))?,
            None => {}
        }
        Ok(fs::rename(&aside, target).map_err(io_error("create", target))?)
    };
    let made = build();
    if made.is_err() {
        let _ = fs::remove_file(&aside);
    }
    made
}

/// Shares the blocks where the file system can (`ioctl_ficlone(2)`), else copies those that are there.
fn duplicate(source: &File, target: &File) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if rustix::fs::ioctl_ficlone(target, source).is_ok() {
        return Ok(());
    }
    sparse_copy(source, target)
}

/// Copies what is not a hole, and makes holes of zeros.
fn sparse_copy(source: &File, target: &File) -> io::Result<()> {
    let length = source.metadata()?.len();
    target.set_len(length)?;
    let mut chunk = vec![0; CHUNK];
    let mut at = 0;
    while let Some(from) = next_data(source, at, length)? {
        at = from;
        let got = source.read_at(&mut chunk, at)?;
        if got == 0 {
            return Ok(());
        }
        if chunk[..got].iter().any(|&byte| byte != 0) {
            target.write_all_at(&chunk[..got], at)?;
        }
        at += got as u64;
    }
    Ok(())
}

/// Where there is data again from `at` on (`SEEK_DATA` in lseek(2)).
#[cfg(target_os = "linux")]
fn next_data(file: &File, at: u64, length: u64) -> io::Result<Option<u64>> {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at)) {
        _ if at >= length => Ok(None),
        Ok(from) => Ok(Some(from)),
        Err(rustix::io::Errno::NXIO) => Ok(None),
        // A file system that does not tell has data everywhere.
        Err(rustix::io::Errno::INVAL) => Ok(Some(at)),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn next_data(_file: &File, at: u64, length: u64) -> io::Result<Option<u64>> {
    Ok((at < length).then_some(at))
}

/// Has `qemu-img` make a raw file of what is none.
fn convert(base: &Path, target: &Path) -> Result<(), BackendError> {
    let Ok(program) = img_program() else {
        return Err(BackendError::Value {
            what: "the root file system",
            value: base.to_owned(),
            why: "Firecracker needs a raw disk and this is a qcow2: install qemu-img, which \
                  converts it, or convert it elsewhere with `qemu-img convert -O raw`"
                .to_owned(),
        });
    };
    let options = ["-q", "-f", "qcow2", "-O", "raw", "--"].map(OsStr::new);
    let files = [base.as_os_str(), target.as_os_str()];
    run_img(program, "convert", options.into_iter().chain(files))
}

#[cfg(test)]
#[path = "disk_tests.rs"]
mod tests;
