//! A root file system on a disk: `smolvm.root=/dev/vda`.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sys::signal::SigSet;

use crate::log::warn;

const MOUNT_POINT: &str = "/mnt/root";

/// Mounts the disk. When it has an init of its own, that becomes PID 1 and this does not return;
/// the agent then runs no more, so such a guest says *ready* by what it prints. Otherwise the
/// directory for the shell to live in.
pub(crate) fn enter(device: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(MOUNT_POINT)?;
    mount_any(device)?;
    let root = PathBuf::from(MOUNT_POINT);
    for place in ["dev", "proc", "sys", "run", "tmp"] {
        let target = root.join(place);
        let _ = fs::create_dir(&target);
        let source = Path::new("/").join(place);
        let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
        if let Err(error) = mount(Some(&source), &target, None::<&str>, flags, None::<&str>) {
            warn(&format!("cannot mount {}: {error}", target.display()));
        }
    }
    // Often a link whose target is meant to be seen from inside.
    if fs::symlink_metadata(root.join("sbin/init")).is_ok() {
        warn(&format!(
            "{device} has an init of its own, which takes over from here"
        ));
        let Err(error) = switch_root(&root);
        warn(&format!("cannot hand over to it: {error}; here is a shell"));
    }
    Ok(root)
}

/// Mounts the disk with the first file system of `/proc/filesystems` that fits.
fn mount_any(device: &str) -> io::Result<()> {
    let known = fs::read_to_string("/proc/filesystems")?;
    // Lines of file systems without a device begin with `nodev`; ext4 first, ext2 would fit too.
    let mut kinds: Vec<&str> = known
        .lines()
        .filter(|line| !line.starts_with("nodev"))
        .map(str::trim)
        .collect();
    kinds.sort_by_key(|kind| *kind != "ext4");
    let mut last = Errno::ENODEV;
    for kind in kinds {
        match mount(
            Some(device),
            MOUNT_POINT,
            Some(kind),
            MsFlags::empty(),
            None::<&str>,
        ) {
            Ok(()) => return Ok(()),
            // Not of that kind.
            Err(Errno::EINVAL) => last = Errno::EINVAL,
            Err(error) => return Err(error.into()),
        }
    }
    Err(last.into())
}

fn switch_root(root: &Path) -> io::Result<Infallible> {
    std::env::set_current_dir(root)?;
    mount(Some("."), "/", None::<&str>, MsFlags::MS_MOVE, None::<&str>)?;
    nix::unistd::chroot(".")?;
    std::env::set_current_dir("/")?;
    SigSet::empty().thread_set_mask()?;
    Err(Command::new("/sbin/init").exec())
}
