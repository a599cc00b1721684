//! The guest image, made once and shared by all beds.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The directory that a bed links as its `images`. Made by the program itself at the first call;
/// kept from run to run until the program or the agent is another one.
pub(crate) fn images() -> &'static Path {
    static IMAGES: OnceLock<PathBuf> = OnceLock::new();
    IMAGES.get_or_init(build)
}

fn build() -> PathBuf {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("image");
    fs::create_dir_all(&cache).unwrap();
    // Two test runs may share a target directory.
    let lock = File::create(cache.join("lock")).unwrap();
    lock.lock().unwrap();
    let stamp = cache.join("stamp");
    let now =
        stamp_of(env!("CARGO_BIN_EXE_smolvm-tui")) + &stamp_of(env!("CARGO_BIN_EXE_smolvm-agent"));
    let images = cache.join("data/images");
    if fs::read_to_string(&stamp).ok().as_deref() == Some(&now) {
        return images;
    }
    let _ = fs::remove_dir_all(cache.join("data"));
    let output = Command::new(env!("CARGO_BIN_EXE_smolvm-tui"))
        .args([
            "image",
            "build",
            "--agent",
            env!("CARGO_BIN_EXE_smolvm-agent"),
        ])
        .env("SMOLVM_TUI_DATA_DIR", cache.join("data"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "the guest image could not be made:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    fs::write(&stamp, now).unwrap();
    images
}

fn stamp_of(program: &str) -> String {
    let metadata = fs::metadata(program).unwrap();
    format!("{} {:?}\n", metadata.len(), metadata.modified().unwrap())
}
