//! The stand-in for Firecracker, made a program of its own for each test that wants it different.

use std::fs;
use std::os::unix::fs::PermissionsExt;
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

/// A program in `directory` that is the stand-in with these `SCRIPTED_FC_…` variables: the shim gives
/// a VMM an empty environment.
pub(crate) fn scripted(directory: &Path, variables: &[(&str, &str)]) -> PathBuf {
    let path = directory.join("firecracker");
    let exports = variables
        .iter()
        .map(|(name, value)| format!("export SCRIPTED_FC_{name}='{value}'"));
    let exec = format!("exec '{}' \"$@\"\n", peer().display());
    let lines: Vec<String> = std::iter::once("#!/bin/sh".to_owned())
        .chain(exports)
        .chain([exec])
        .collect();
    let script = lines.join("\n");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}
