//! Links `smolvm-agent` statically, so that plain `cargo build` makes both programs.
//!
//! The agent is PID 1 of a guest that has no C library. `-C target-feature=+crt-static` cannot be
//! set for one program of a package, so the linker is told: it gets `-static` and, first in its
//! search path, a directory that holds nothing but the static archives of the C library.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io, os};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    let target = |key: &str| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    // musl links statically by itself; elsewhere the agent is not built for use.
    if target("OS") != "linux" || target("ENV") != "gnu" {
        return Ok(());
    }
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    let archives = PathBuf::from(out).join("static");
    fs::create_dir_all(&archives)?;
    // The standard library asks for libgcc_s, which is never static; the unwinder is in libgcc_eh.
    fs::write(archives.join("libgcc_s.a"), "INPUT(-lgcc_eh)\n")?;
    for library in ["c", "m", "util", "rt", "pthread", "dl"] {
        link_archive(&archives, &format!("lib{library}.a"))?;
    }
    let directory = format!("-L{}", archives.display());
    for argument in [directory.as_str(), "-static", "-no-pie"] {
        println!("cargo:rustc-link-arg-bin=smolvm-agent={argument}");
    }
    Ok(())
}

fn link_archive(archives: &Path, name: &str) -> Result<(), Box<dyn Error>> {
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let printed = Command::new(&compiler)
        .arg(format!("-print-file-name={name}"))
        .output()?;
    let found = PathBuf::from(String::from_utf8(printed.stdout)?.trim());
    if !found.is_absolute() {
        return Err(format!("`{compiler}` has no static `{name}`: install libc6-dev").into());
    }
    let link = archives.join(name);
    match fs::remove_file(&link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(os::unix::fs::symlink(found, link)?),
    }
}
