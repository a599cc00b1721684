//! The file systems that every Linux program expects.

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};

use crate::log::warn;

/// Mounts them all; what fails is told and left out.
pub(crate) fn mount_all() {
    // The names are the kernel's; `0755` and `1777` are the modes that distributions use.
    let safe = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let plain = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let noexec = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let table = [
        ("devtmpfs", "/dev", MsFlags::MS_NOSUID, "mode=0755"),
        ("proc", "/proc", safe, ""),
        ("sysfs", "/sys", safe, ""),
        (
            "devpts",
            "/dev/pts",
            noexec,
            "gid=5,mode=0620,ptmxmode=0666",
        ),
        ("tmpfs", "/dev/shm", plain, "mode=1777"),
        ("tmpfs", "/run", plain, "mode=0755"),
        ("tmpfs", "/tmp", plain, "mode=1777"),
    ];
    for (kind, target, flags, options) in table {
        let _ = std::fs::create_dir_all(target);
        match mount(Some(kind), target, Some(kind), flags, Some(options)) {
            // A kernel with CONFIG_DEVTMPFS_MOUNT may have been first.
            Ok(()) | Err(Errno::EBUSY) => {}
            Err(error) => warn(&format!("cannot mount {kind} on {target}: {error}")),
        }
    }
    for (link, target) in [
        ("/dev/fd", "/proc/self/fd"),
        ("/dev/stdin", "/proc/self/fd/0"),
        ("/dev/stdout", "/proc/self/fd/1"),
        ("/dev/stderr", "/proc/self/fd/2"),
    ] {
        let _ = std::os::unix::fs::symlink(target, link);
    }
}
