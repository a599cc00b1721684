//! What a VM would be like on its backend, told before it is made.

use super::{Draft, Fleet};
use crate::backends::accel::Chosen;
use crate::fault::Failure;
use crate::network::{self, Privilege};
use crate::vm::{BackendKind, DiskMode, NetworkMode};

/// What the choice of a backend brings, as far as it differs from one to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// Which backend it comes to.
    pub backend: BackendKind,
    /// What it brings, in the order in which it is shown.
    pub traits: Vec<Trait>,
}

/// One thing that a backend brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trait {
    /// What it is about: `backend`, `speed`, `network`, `disk` or `snapshot`.
    pub about: &'static str,
    /// How it is, as a clause.
    pub text: String,
    /// Whether it is less than one would wish for.
    pub is_poor: bool,
}

impl Fleet {
    /// What a VM of this draft would be like; `None` while its backend is no backend. Cheap: called
    /// as one types.
    pub fn outlook(&self, draft: &Draft) -> Option<Outlook> {
        let (resolved, chosen) = self.choice(draft).ok()?;
        let backend = resolved.backend;
        let missing = self.backend(draft).err().map(|failure| failure.message);
        let choice = match &missing {
            Some(message) => (message.clone(), true),
            None => (format!("{backend}: {}", resolved.told()), false),
        };
        // An image that is not known may have a disk.
        let of_image = self.image(draft).map_or(true, |image| {
            image.is_some_and(|image| image.rootfs.is_some())
        });
        let has_disk = draft.rootfs.is_some() || of_image;
        let disk = disk(backend, self.disk_mode(draft), has_disk);
        let about = |about, (text, is_poor)| Trait {
            about,
            text,
            is_poor,
        };
        Some(Outlook {
            backend,
            traits: vec![
                about("backend", choice),
                about("speed", speed(&chosen)),
                about(
                    "network",
                    network(self.network(draft), backend, || {
                        network::permitted_lately(self.config.network_pool)
                    }),
                ),
                about("disk", (disk, false)),
                about("snapshot", ("not in this version".to_owned(), true)),
            ],
        })
    }
}

fn speed(chosen: &Result<Chosen, Failure>) -> (String, bool) {
    match chosen {
        Ok(chosen) if chosen.accel.is_emulated() => (
            format!("emulated, many times slower: {}", chosen.reason),
            true,
        ),
        Ok(chosen) if chosen.is_doubtful => (format!("doubtful: {}", chosen.reason), true),
        Ok(chosen) => (
            format!("native, by {}: {}", chosen.accel, chosen.reason),
            false,
        ),
        Err(failure) => (failure.message.clone(), true),
    }
}

/// As the shim of the VM will take it; whether a TAP device is permitted is asked only where that
/// matters.
fn network(
    mode: NetworkMode,
    backend: BackendKind,
    permitted: impl FnOnce() -> Result<Privilege, String>,
) -> (String, bool) {
    let is_wish = match (mode, backend) {
        (NetworkMode::None, _) => return ("none".to_owned(), false),
        (NetworkMode::User | NetworkMode::Auto, BackendKind::Qemu) => {
            return ("user mode, which needs no privilege".to_owned(), false);
        }
        (NetworkMode::User, BackendKind::Firecracker) => {
            return ("none: user mode is QEMU's alone".to_owned(), true);
        }
        (NetworkMode::Auto, BackendKind::Firecracker) => true,
        (NetworkMode::Tap, _) => false,
    };
    match permitted() {
        Ok(Privilege::Own) => ("a TAP device, which this user may make".to_owned(), false),
        Ok(Privilege::Sudo) => ("a TAP device, made by `sudo -n`".to_owned(), false),
        Err(why) if is_wish => (format!("none, no TAP device is permitted: {why}"), true),
        Err(why) => (format!("no TAP device is permitted: {why}"), true),
    }
}

fn disk(backend: BackendKind, mode: DiskMode, has_disk: bool) -> String {
    let text = match (mode, backend) {
        _ if !has_disk => "none: the image's root file system is in memory",
        (DiskMode::Shared, BackendKind::Qemu) => "shared: written to directly, raw or qcow2",
        (DiskMode::Shared, BackendKind::Firecracker) => "shared: written to directly, raw only",
        (DiskMode::Isolated, BackendKind::Qemu) => "a qcow2 layer over the root file system",
        (DiskMode::Isolated, BackendKind::Firecracker) => {
            "a raw copy, which shares blocks where the file system can"
        }
    };
    text.to_owned()
}

#[cfg(test)]
#[path = "outlook_tests.rs"]
mod tests;
