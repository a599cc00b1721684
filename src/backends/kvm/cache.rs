//! The verdict kept on disk, for as long as nothing changed that it depends on.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Verdict;
use super::trace::DEVICE;
use crate::vm::{process, write_aside};

/// What a verdict depends on.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Key {
    /// Counts up when the probe itself changes.
    probe: u32,
    host_boot: String,
    kernel: String,
    mode: u32,
    device: u64,
    device_gid: u32,
    uid: u32,
    groups: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    key: Key,
    verdict: Verdict,
}

impl Key {
    /// `None` when the host does not tell what is needed; then nothing is kept.
    fn now() -> Option<Self> {
        let device = fs::metadata(DEVICE).ok()?;
        let mut groups: Vec<u32> = nix::unistd::getgroups()
            .ok()?
            .into_iter()
            .map(nix::unistd::Gid::as_raw)
            .collect();
        groups.sort_unstable();
        Some(Self {
            probe: 2,
            host_boot: process::host_boot_id(),
            kernel: nix::sys::utsname::uname()
                .ok()?
                .release()
                .to_string_lossy()
                .into_owned(),
            mode: device.mode(),
            device: device.rdev(),
            device_gid: device.gid(),
            uid: nix::unistd::Uid::effective().as_raw(),
            groups,
        })
    }
}

/// The verdict in `file` if it still holds, else what `probe` finds, which is then kept.
pub(super) fn load_or(file: &Path, probe: impl FnOnce() -> Verdict) -> Verdict {
    let key = Key::now().filter(|key| !key.host_boot.is_empty());
    let kept: Option<Kept> = fs::read(file)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match (key, kept) {
        (Some(key), Some(kept)) if kept.key == key => kept.verdict,
        (Some(key), _) => {
            let verdict = probe();
            // Another hypervisor may leave, and a deadline may have passed for once.
            if !matches!(verdict, Verdict::Occupied | Verdict::Broken { .. }) {
                // Without it the next start probes again, which is all that is lost.
                let _ = keep(
                    file,
                    &Kept {
                        key,
                        verdict: verdict.clone(),
                    },
                );
            }
            verdict
        }
        (None, _) => probe(),
    }
}

/// Written aside and renamed: several programs may do so at once.
fn keep(file: &Path, kept: &Kept) -> std::io::Result<()> {
    let aside = file.with_extension(format!("json.{}", std::process::id()));
    write_aside(&aside, file, &serde_json::to_vec(kept)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_kept_until_something_changes_that_it_depends_on() {
        // Without a device there is no key and nothing to keep; the probe says so at once.
        if Key::now().is_none() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kvm-verdict.json");
        assert_eq!(load_or(&file, || Verdict::Works), Verdict::Works);
        assert_eq!(load_or(&file, || panic!("it was kept")), Verdict::Works);
        let text = fs::read_to_string(&file).unwrap();
        for torn in [
            text.replace("\"uid\":", "\"uid\":1"),
            text[..20].to_owned(),
            String::new(),
        ] {
            fs::write(&file, torn).unwrap();
            assert_eq!(load_or(&file, || Verdict::Absent), Verdict::Absent);
        }
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "nothing is left aside"
        );
    }

    #[test]
    fn what_may_pass_by_itself_is_not_kept_and_a_place_that_cannot_be_written_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kvm-verdict.json");
        assert_eq!(load_or(&file, || Verdict::Occupied), Verdict::Occupied);
        assert!(!file.exists());
        let nowhere = dir.path().join("no/such/place.json");
        assert_eq!(load_or(&nowhere, || Verdict::Works), Verdict::Works);
    }
}
