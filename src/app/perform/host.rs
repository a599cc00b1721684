//! Notices that something changed that the doctor looks at: a device, a program, a group, an image.
//!
//! Linux tells through inotify(7), so this costs nothing until something happens. Of `/proc` and
//! `/sys` nobody is told; the key that examines again serves for those.

use super::Outbox;

/// Tells of each change, until it is no longer held. Where nothing can be watched nothing is told.
pub(super) async fn watch(images: std::path::PathBuf, outbox: Outbox) {
    #[cfg(target_os = "linux")]
    linux::watch(images, outbox).await;
    #[cfg(not(target_os = "linux"))]
    drop((images, outbox));
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::HashMap;
    use std::ffi::OsStr;
    use std::io;
    use std::os::fd::{AsFd, OwnedFd};
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use nix::errno::Errno;
    use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
    use tokio::io::unix::AsyncFd;

    use super::Outbox;
    use crate::app::message::Message;
    use crate::app::perform::tell;

    /// How long changes are collected before they are told: an installation makes many at once.
    const SETTLE: Duration = Duration::from_millis(200);

    /// The programs that the doctor looks for, by the beginnings of their names.
    const PROGRAMS: &[&str] = &["firecracker", "qemu-", "ip", "nft", "sudo", "ssh", "sysctl"];

    /// What matters in a directory: names that begin so.
    type Names = &'static [&'static str];

    struct HostChanges {
        inotify: Inotify,
        ready: AsyncFd<OwnedFd>,
        watched: HashMap<WatchDescriptor, Names>,
    }

    impl HostChanges {
        fn of(places: impl IntoIterator<Item = (PathBuf, Names)>) -> io::Result<Self> {
            let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
            let descriptor = inotify.as_fd().try_clone_to_owned()?;
            // SAFETY: an `OwnedFd` names the same open descriptor from here until it is dropped.
            let ready = unsafe { AsyncFd::register(descriptor) }?;
            let flags = AddWatchFlags::IN_CREATE
                | AddWatchFlags::IN_DELETE
                | AddWatchFlags::IN_MOVED_FROM
                | AddWatchFlags::IN_MOVED_TO
                | AddWatchFlags::IN_ATTRIB
                | AddWatchFlags::IN_ONLYDIR;
            let watch = |(place, names): (PathBuf, Names)| {
                // A directory that is not there, or that we may not read, tells nothing.
                Some((inotify.add_watch(&place, flags).ok()?, names))
            };
            Ok(Self {
                watched: places.into_iter().filter_map(watch).collect(),
                inotify,
                ready,
            })
        }

        /// Waits until something changed that matters. `None`: nothing will be told any more.
        async fn next(&mut self) -> Option<()> {
            loop {
                let mut guard = self.ready.readable().await.ok()?;
                match self.inotify.read_events() {
                    Ok(events) => {
                        let matters = events.iter().any(|event| {
                            event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW)
                                || self.matters(event.wd, event.name.as_deref())
                        });
                        if matters {
                            return Some(());
                        }
                    }
                    Err(Errno::EAGAIN) => guard.clear_ready(),
                    Err(Errno::EINTR) => {}
                    Err(_) => return None,
                }
            }
        }

        fn matters(&self, watch: WatchDescriptor, name: Option<&OsStr>) -> bool {
            let Some(names) = self.watched.get(&watch) else {
                return false;
            };
            let name = name.and_then(OsStr::to_str).unwrap_or_default();
            names.iter().any(|start| name.starts_with(start))
        }
    }

    /// The directories that are watched; one that stands twice is watched for its last names.
    fn places(images: PathBuf) -> Vec<(PathBuf, Names)> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let programs = std::env::split_paths(&path).filter(|place| place.is_absolute());
        let fixed: [(&str, Names); 4] = [
            ("/dev", &["kvm", "vhost-vsock", "net"]),
            ("/dev/net", &["tun"]),
            ("/etc", &["group", "sudoers", "fstab"]),
            ("/etc/sudoers.d", &[""]),
        ];
        let mut places: Vec<(PathBuf, Names)> = programs.map(|place| (place, PROGRAMS)).collect();
        places.extend(fixed.map(|(place, names)| (Path::new(place).to_owned(), names)));
        places.push((images, &[""]));
        places
    }

    pub(super) async fn watch(images: PathBuf, outbox: Outbox) {
        let Ok(mut changes) = HostChanges::of(places(images)) else {
            return;
        };
        while changes.next().await.is_some() {
            tokio::time::sleep(SETTLE).await;
            // What came meanwhile is part of the same change.
            while let Ok(Some(())) = tokio::time::timeout(Duration::ZERO, changes.next()).await {}
            tell(&outbox, Message::HostChanged).await;
        }
    }

    #[cfg(test)]
    mod tests {
        use std::fs::{self, Permissions};
        use std::os::unix::fs::PermissionsExt;

        use super::*;

        async fn is_told(changes: &mut HostChanges) -> bool {
            let wait = tokio::time::timeout(Duration::ZERO, changes.next());
            wait.await.is_ok()
        }

        #[tokio::test]
        async fn other_permissions_are_told_and_what_does_not_matter_is_not() {
            let dir = tempfile::tempdir().unwrap();
            let [device, other] = ["kvm", "null"].map(|name| dir.path().join(name));
            fs::write(&device, "").unwrap();
            let names: Names = &["kvm"];
            let missing = dir.path().join("missing");
            let places = [(missing, names), (dir.path().to_owned(), names)];
            let mut changes = HostChanges::of(places).unwrap();
            fs::write(&other, "").unwrap();
            assert!(!is_told(&mut changes).await);
            fs::set_permissions(&device, Permissions::from_mode(0o600)).unwrap();
            assert!(is_told(&mut changes).await);
            assert!(!is_told(&mut changes).await, "once is enough");
            fs::remove_file(&device).unwrap();
            assert!(is_told(&mut changes).await);
        }
    }
}
