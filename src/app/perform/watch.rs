//! Notices what others do in the store: shims that write a state, commands that make VMs.
//!
//! Linux tells through inotify(7), so an idle dashboard sleeps. `state.json` is renamed into its
//! place, so only that is listened for in a VM's directory: a guest that writes its log wakes nobody.

use std::collections::BTreeSet;

use super::{Outbox, operations, tell};
use crate::app::message::Message;
use crate::fault::{Code, Failure};
use crate::fleet::Fleet;
use crate::vm::VmName;

pub(super) use platform::Changes;

/// What changed in the store.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    /// VMs that came, went, or have another state.
    names: BTreeSet<VmName>,
    /// So much happened that all has to be read again.
    everything: bool,
}

/// Tells of every VM that changed, until it is no longer held.
pub(super) async fn watch(fleet: Fleet, outbox: Outbox) {
    let mut changes = match Changes::of_store(&fleet.store) {
        Ok(changes) => changes,
        Err(error) => {
            let what = format!(
                "could not watch `{}`, changes by others are not seen: {error}",
                fleet.store.vms_dir().display()
            );
            let failure = Failure::new(Code::RuntimeError, what).with_hint("`f5` reads all again");
            return tell(&outbox, Message::Notice(failure)).await;
        }
    };
    // What happened before the watch stood, and VMs whose shim died, are found by a scan.
    operations::scan(fleet.clone(), outbox.clone()).await;
    while let Some(changed) = changes.next().await {
        if changed.everything {
            let vms = fleet.store.list().map_err(Failure::from);
            let vms = vms.map_err(operations::harmless);
            tell(&outbox, Message::Vms(vms)).await;
        }
        for name in changed.names {
            operations::reload(fleet.clone(), outbox.clone(), name).await;
        }
    }
}

#[cfg(target_os = "linux")]
mod platform {
    use std::collections::HashMap;
    use std::ffi::OsStr;
    use std::io;
    use std::os::fd::{AsFd, OwnedFd};
    use std::path::{Path, PathBuf};

    use nix::errno::Errno;
    use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
    use tokio::io::unix::AsyncFd;

    use super::Changed;
    use crate::vm::{Store, VmName};

    /// A watch on the store, or on one VM's log.
    pub(in crate::app::perform) struct Changes {
        inotify: Inotify,
        ready: AsyncFd<OwnedFd>,
        vms: PathBuf,
        top: Option<WatchDescriptor>,
        rows: HashMap<WatchDescriptor, VmName>,
    }

    impl Changes {
        fn new(vms: PathBuf) -> io::Result<Self> {
            let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
            let descriptor = inotify.as_fd().try_clone_to_owned()?;
            // SAFETY: an `OwnedFd` names the same open descriptor from here until it is dropped.
            let ready = unsafe { AsyncFd::register(descriptor) }?;
            Ok(Self {
                inotify,
                ready,
                vms,
                top: None,
                rows: HashMap::new(),
            })
        }

        /// Watches VMs come, go and change. Makes the directory if there is none yet.
        pub(in crate::app::perform) fn of_store(store: &Store) -> io::Result<Self> {
            store.make().map_err(io::Error::other)?;
            let mut changes = Self::new(store.vms_dir())?;
            let flags = AddWatchFlags::IN_CREATE
                | AddWatchFlags::IN_DELETE
                | AddWatchFlags::IN_MOVED_FROM
                | AddWatchFlags::IN_MOVED_TO
                | AddWatchFlags::IN_ONLYDIR;
            changes.top = Some(changes.inotify.add_watch(&changes.vms, flags)?);
            let names = store.names().map_err(io::Error::other)?;
            for name in names {
                changes.watch_row(name);
            }
            Ok(changes)
        }

        /// Watches what is written into a VM's log.
        pub(in crate::app::perform) fn of_log(dir: &Path) -> io::Result<Self> {
            let changes = Self::new(dir.to_owned())?;
            let flags = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_MOVED_TO;
            changes.inotify.add_watch(dir, flags)?;
            Ok(changes)
        }

        fn watch_row(&mut self, name: VmName) {
            let dir = self.vms.join(name.as_str());
            // A VM that is gone again, or that we may not read, tells nothing.
            if let Ok(watch) = self.inotify.add_watch(&dir, AddWatchFlags::IN_MOVED_TO) {
                self.rows.insert(watch, name);
            }
        }

        /// What changed since; waits until something did. `None`: nothing will be told any more.
        pub(in crate::app::perform) async fn next(&mut self) -> Option<Changed> {
            loop {
                let mut guard = self.ready.readable().await.ok()?;
                match self.inotify.read_events() {
                    Ok(events) => {
                        let mut changed = Changed::default();
                        for event in &events {
                            self.take_in(event, &mut changed);
                        }
                        return Some(changed);
                    }
                    Err(Errno::EAGAIN) => guard.clear_ready(),
                    Err(Errno::EINTR) => {}
                    Err(_) => return None,
                }
            }
        }

        fn take_in(&mut self, event: &InotifyEvent, changed: &mut Changed) {
            if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
                changed.everything = true;
            } else if event.mask.contains(AddWatchFlags::IN_IGNORED) {
                self.rows.remove(&event.wd);
            } else if Some(event.wd) == self.top {
                let name = event.name.as_deref().and_then(OsStr::to_str);
                // Staging areas begin with a dot and so are no names.
                if let Some(name) = name.and_then(|name| name.parse::<VmName>().ok()) {
                    let arrives = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
                    if event.mask.intersects(arrives) {
                        self.watch_row(name.clone());
                    }
                    changed.names.insert(name);
                }
            } else if let Some(name) = self.rows.get(&event.wd) {
                changed.names.insert(name.clone());
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    //! Without inotify: the clock. kqueue would need a descriptor for each file.

    use std::io;
    use std::path::Path;
    use std::time::Duration;

    use super::Changed;
    use crate::vm::Store;

    const EVERY: Duration = Duration::from_secs(2);

    pub(in crate::app::perform) struct Changes;

    impl Changes {
        pub(in crate::app::perform) fn of_store(_store: &Store) -> io::Result<Self> {
            Ok(Self)
        }

        pub(in crate::app::perform) fn of_log(_dir: &Path) -> io::Result<Self> {
            Ok(Self)
        }

        pub(in crate::app::perform) async fn next(&mut self) -> Option<Changed> {
            tokio::time::sleep(EVERY).await;
            Some(Changed {
                everything: true,
                ..Changed::default()
            })
        }
    }
}
