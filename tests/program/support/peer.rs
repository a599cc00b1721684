//! The stand-in for Firecracker, made a program of its own for each test that wants it different.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The program, made anew if it is older than its source.
pub(crate) fn peer() -> &'static Path {
    static PEER: OnceLock<PathBuf> = OnceLock::new();
    PEER.get_or_init(|| {
        // `cargo test` makes all examples; one that was asked for a single test binary does not.
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--example", "scripted-firecracker"])
            .arg("--manifest-path")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .args(if cfg!(debug_assertions) {
                None
            } else {
                Some("--release")
            })
            .status()
            .unwrap();
        assert!(
            built.success(),
            "the scripted Firecracker could not be made"
        );
        let programs = Path::new(env!("CARGO_BIN_EXE_smolvm-tui"))
            .parent()
            .unwrap();
        programs.join("examples/scripted-firecracker")
    })
}

/// A program in `directory` that is the stand-in with these `SCRIPTED_FC_…` variables.
pub(crate) fn scripted(directory: &Path, variables: &[(&str, &str)]) -> PathBuf {
    let path = directory.join("firecracker");
    let lines: Vec<String> = variables
        .iter()
        .map(|(name, value)| format!("export SCRIPTED_FC_{name}='{value}'\n"))
        .chain([format!("SCRIPTED_FC_PROGRAM='{}'\n", peer().display())])
        .collect();
    fs::write(directory.join("firecracker.env"), lines.concat()).unwrap();
    if !path.is_symlink() {
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/peers/firecracker/scripted.sh"
        );
        symlink(script, &path).unwrap();
    }
    path
}
