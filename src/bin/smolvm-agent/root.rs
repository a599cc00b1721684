//! A root file system on a disk: `smolvm.root=/dev/vda`.
//!
//! A disk that cannot be lived in is no reason to leave the user without a shell: then the shell
//! stays outside, one line says why, and what can be mounted is, where it can be repaired. Nothing
//! is written to such a disk.

use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::mount::{MsFlags, mount};
use nix::sys::signal::SigSet;
use nix::sys::stat::{Mode, SFlag, fstat};

use crate::log::warn;

/// Where the disk is mounted.
pub(crate) const MOUNT_POINT: &str = "/mnt/root";

/// The disk's own init, and the shell that serves without one.
const INIT: &str = "/sbin/init";
const SHELL: &str = "/bin/sh";

/// Whom to ask for addresses: here and on the disk.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// A longer `resolv.conf` is somebody's work, whatever is in it, in bytes.
const LONGEST_RESOLV_CONF: u64 = 4096;

/// Mounts the disk. When it has an init of its own, that becomes PID 1 and this does not return;
/// the agent then runs no more, so such a guest says *ready* by what it prints. Otherwise the
/// directory for the shell to live in, or why it cannot.
pub(crate) fn enter(device: &str) -> Result<PathBuf, String> {
    let unusable = |why: &str| format!("cannot use the root disk {device}: {why}");
    let without = |why: String| unusable(&format!("{why}; here is a shell without it"));
    fs::create_dir_all(MOUNT_POINT).map_err(|error| without(error.to_string()))?;
    mount_any(device).map_err(without)?;
    let outside = |why: String| {
        unusable(&format!(
            "{why}; it is on {MOUNT_POINT}, here is a shell outside"
        ))
    };
    let root = Root::open().map_err(|error| outside(error.to_string()))?;
    let (has_init, has_shell) = (root.has_program(INIT), root.has_program(SHELL));
    if !has_init && !has_shell {
        return Err(outside(format!(
            "it has no program {INIT} and no program {SHELL}"
        )));
    }
    furnish();
    if has_init {
        warn(&format!(
            "{device} has an init of its own, which takes over from here"
        ));
        let Err(error) = switch_root();
        let why = format!("its {INIT} does not start: {error}");
        if !has_shell {
            return Err(outside(why));
        }
        warn(&unusable(&format!("{why}; here is a shell in it")));
    }
    if let Err(error) = root.give_name_servers() {
        warn(&format!(
            "cannot give {device} the network's {RESOLV_CONF}: {error}"
        ));
    }
    Ok(MOUNT_POINT.into())
}

/// Mounts the disk with the first file system of `/proc/filesystems` that fits.
fn mount_any(device: &str) -> Result<(), String> {
    let known = fs::read_to_string("/proc/filesystems").map_err(|error| error.to_string())?;
    // Lines of file systems without a device begin with `nodev`; ext4 first, ext2 would fit too.
    let mut kinds: Vec<&str> = known
        .lines()
        .filter(|line| !line.starts_with("nodev"))
        .map(str::trim)
        .collect();
    kinds.sort_by_key(|kind| *kind != "ext4");
    let mount_as = |kind: &str, flags| {
        let none = None::<&str>;
        mount(Some(device), MOUNT_POINT, Some(kind), flags, none)
    };
    for kind in &kinds {
        let mut mounted = mount_as(kind, MsFlags::empty());
        if matches!(mounted, Err(Errno::EROFS | Errno::EACCES)) {
            mounted = mount_as(kind, MsFlags::MS_RDONLY);
        }
        match mounted {
            Ok(()) => return Ok(()),
            // Not of that kind.
            Err(Errno::EINVAL) => {}
            Err(Errno::ENOENT) => return Err("there is no such device".to_owned()),
            Err(error) => return Err(format!("it cannot be mounted as {kind}: {error}")),
        }
    }
    Err(refused(device, &kinds))
}

/// Why no file system fits.
fn refused(device: &str, kinds: &[&str]) -> String {
    let mut start = [0; 4096];
    if let Err(error) = File::open(device).and_then(|disk| disk.read_exact_at(&mut start, 0)) {
        return format!("it cannot be read: {error}");
    }
    // `s_magic` of the superblock, which begins at 1024; the last two bytes of a boot sector.
    if start[1080..1082] == *b"\x53\xef" {
        "its ext file system is damaged, `dmesg` has the kernel's words".to_owned()
    } else if start[510..512] == *b"\x55\xaa" {
        "it has partitions and no file system of its own, give smolvm.root= one of them".to_owned()
    } else if start.iter().all(|&byte| byte == 0) {
        "it is not formatted, it begins with zeros".to_owned()
    } else {
        format!(
            "it has no file system that this kernel knows ({})",
            kinds.join(", ")
        )
    }
}

/// Gives the disk what every program expects; a disk without the places for it gets them.
fn furnish() {
    for place in ["dev", "proc", "sys", "run", "tmp"] {
        let target = Path::new(MOUNT_POINT).join(place);
        let _ = fs::create_dir(&target);
        let source = Path::new("/").join(place);
        let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
        if let Err(error) = mount(Some(&source), &target, None::<&str>, flags, None::<&str>) {
            warn(&format!("cannot mount {}: {error}", target.display()));
        }
    }
}

/// Makes the disk the root and its init this process. When that init does not start, all is again
/// as it was.
fn switch_root() -> io::Result<Infallible> {
    let (old, new) = (File::open("/")?, File::open(MOUNT_POINT)?);
    let mask = SigSet::thread_get_mask()?;
    let none = None::<&str>;
    std::env::set_current_dir(MOUNT_POINT)?;
    mount(Some("."), "/", none, MsFlags::MS_MOVE, none)?;
    nix::unistd::chroot(".")?;
    std::env::set_current_dir("/")?;
    SigSet::empty().thread_set_mask()?;
    let error = Command::new(INIT).exec();
    mask.thread_set_mask()?;
    nix::unistd::fchdir(&old)?;
    nix::unistd::chroot(".")?;
    let moved = format!("/proc/self/fd/{}", new.as_raw_fd());
    mount(
        Some(moved.as_str()),
        MOUNT_POINT,
        none,
        MsFlags::MS_MOVE,
        none,
    )?;
    std::env::set_current_dir("/")?;
    Err(error)
}

/// The mounted disk, its links followed as from inside.
struct Root(File);

impl Root {
    fn open() -> io::Result<Self> {
        Ok(Self(File::open(MOUNT_POINT)?))
    }

    fn look_up(&self, path: &str, flags: OFlag, mode: Mode) -> nix::Result<OwnedFd> {
        let how = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .mode(mode)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT);
        openat2(&self.0, path, how)
    }

    /// Whether there is a program. That it can run only running it shows.
    fn has_program(&self, path: &str) -> bool {
        match self.look_up(path, OFlag::O_PATH, Mode::empty()) {
            Ok(file) => mode_of_file(&file).is_some_and(|mode| mode & 0o111 != 0),
            // Linux before 5.6: a link may be followed to a wrong place, so it counts unfollowed.
            Err(Errno::ENOSYS) => {
                let path = Path::new(MOUNT_POINT).join(path.trim_start_matches('/'));
                fs::symlink_metadata(path).is_ok()
            }
            Err(_) => false,
        }
    }

    /// Lays our `resolv.conf` over that of the disk unless somebody wrote one there. The disk, which
    /// other VMs may share, keeps its own: where there was none it gets an empty file.
    fn give_name_servers(&self) -> io::Result<()> {
        if !Path::new(RESOLV_CONF).exists() {
            return Ok(());
        }
        match self.look_up(RESOLV_CONF, OFlag::O_PATH, Mode::empty()) {
            // To open a FIFO would be to wait for its other end.
            Ok(found) if mode_of_file(&found).is_none() => {
                return Err(io::Error::other("it is no file"));
            }
            Err(Errno::ENOENT) => make_way(),
            _ => {}
        }
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CREAT;
        let file = self.look_up(RESOLV_CONF, flags, Mode::from_bits_truncate(0o644))?;
        let file = File::from(file);
        let mut text = Vec::new();
        (&file).take(LONGEST_RESOLV_CONF).read_to_end(&mut text)?;
        let says =
            |line: &[u8]| !matches!(line.trim_ascii_start().first(), None | Some(b'#' | b';'));
        if text.split(|&byte| byte == b'\n').any(says) {
            return Ok(());
        }
        let target = format!("/proc/self/fd/{}", file.as_raw_fd());
        let none = None::<&str>;
        let target = target.as_str();
        mount(Some(RESOLV_CONF), target, none, MsFlags::MS_BIND, none)?;
        Ok(())
    }
}

/// Distributions with systemd link to a file below `/run`, which is ours and empty.
fn make_way() {
    let link = fs::read_link(format!("{MOUNT_POINT}{RESOLV_CONF}")).unwrap_or_default();
    let below = ["/run", "../run"]
        .iter()
        .find_map(|run| link.strip_prefix(run).ok()?.parent());
    if let Some(below) = below {
        let _ = fs::create_dir_all(Path::new("/run").join(below));
    }
}

/// The mode of a regular file; `None` for anything else.
fn mode_of_file(file: &OwnedFd) -> Option<u32> {
    let mode = fstat(file).ok()?.st_mode;
    (mode & SFlag::S_IFMT.bits() == SFlag::S_IFREG.bits()).then_some(mode)
}
