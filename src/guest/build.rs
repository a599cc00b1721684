//! `image build`: kernel, modules, busybox and agent become an image.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cpio::Archive;
use super::elf::{Elf, ElfError};
use super::error::GuestError;
use super::image::BuildOptions;
use super::kernel::Kernel;
use super::modules::{self, Selection};
use super::packages::{self, KernelFiles, Packages};
use super::staging::{Content, Draft, hash_of_bytes};
use crate::fault::{IoError, io_error};
use crate::vm::Arch;

/// No program of a guest is larger, in bytes.
const LARGEST_PROGRAM: u64 = 64 << 20;

/// Makes what an image consists of; `work` is for what lies around meanwhile.
pub(super) fn draft(
    options: &BuildOptions,
    work: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<Draft, GuestError> {
    let arch = options
        .arch
        .or_else(Arch::host)
        .ok_or(GuestError::HostArch)?;
    // The quick checks come before the download.
    let agent = agent(options, arch)?;
    let files = match (&options.kernel, &options.modules) {
        (Some(kernel), Some(modules)) => KernelFiles {
            kernel: kernel.clone(),
            modules: modules.clone(),
        },
        (Some(_), None) => {
            return Err(GuestError::Missing {
                what: "the modules of the kernel".to_owned(),
                why: "`--kernel` was given without them".to_owned(),
                hint: "give their directory lib/modules/<release> with `--modules DIR`".to_owned(),
            });
        }
        (None, Some(_)) => {
            return Err(GuestError::Missing {
                what: "the kernel of the modules".to_owned(),
                why: "`--modules` was given without it".to_owned(),
                hint: "give it with `--kernel FILE`".to_owned(),
            });
        }
        (None, None) => Packages::new(work, arch, "kernel")?.kernel(progress)?,
    };
    progress("unpacking the kernel");
    let kernel = open_kernel(&files.kernel, Some(arch))?;
    let selection = modules_of(&kernel, &files.modules)?;
    progress(&format!(
        "choosing modules: {} of them",
        selection.files.len()
    ));
    let (busybox, applets) = busybox(options, arch, work, progress)?;
    progress("writing the image");
    let release = kernel.release.clone().unwrap_or_default();
    let agent_sha256 = Some(hash_of_bytes(&agent));
    let initramfs = initramfs(agent, busybox, &applets, selection, &release);
    let mut files = kernel_contents(kernel.shipped, kernel.elf);
    files.push(("initramfs.cpio".to_owned(), Content::Bytes(initramfs)));
    Ok(Draft {
        arch,
        kernel_release: kernel.release,
        has_agent: true,
        agent_sha256,
        files,
    })
}

/// The files of a kernel under the names that images give them.
pub(super) fn kernel_contents(
    shipped: Option<Vec<u8>>,
    elf: Option<Vec<u8>>,
) -> Vec<(String, Content)> {
    [("vmlinuz", shipped), ("vmlinux", elf)]
        .into_iter()
        .filter_map(|(name, bytes)| Some((name.to_owned(), Content::Bytes(bytes?))))
        .collect()
}

/// Reads a kernel and checks that it is one, and for the architecture that was asked for.
pub(super) fn open_kernel(path: &Path, wanted: Option<Arch>) -> Result<Kernel, GuestError> {
    let bytes = read_bounded(path, super::decompress::LIMIT as u64)?;
    let kernel = Kernel::open(bytes).map_err(|source| GuestError::Kernel {
        path: path.to_owned(),
        source,
    })?;
    match wanted {
        Some(wanted) if wanted != kernel.arch => Err(GuestError::Arch {
            path: path.to_owned(),
            found: kernel.arch,
            wanted,
        }),
        _ => Ok(kernel),
    }
}

/// Reads a file that is not larger than `limit` bytes.
fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, IoError> {
    let metadata = fs::metadata(path).map_err(io_error("read", path))?;
    let refuse = |why: &str| {
        let error = io::Error::new(io::ErrorKind::InvalidInput, why.to_owned());
        Err(io_error("read", path)(error))
    };
    if !metadata.is_file() {
        return refuse("it is no regular file");
    }
    if metadata.len() > limit {
        return refuse("it is too large for what it should be");
    }
    fs::read(path).map_err(io_error("read", path))
}

/// The modules, when they are those of the kernel: their directory bears its release.
fn modules_of(kernel: &Kernel, directory: &Path) -> Result<Selection, GuestError> {
    let directory = fs::canonicalize(directory).map_err(io_error("read", directory))?;
    let of = directory.file_name().and_then(|name| name.to_str());
    match (&kernel.release, of) {
        (Some(release), Some(of))
            if of != release && of.starts_with(|c: char| c.is_ascii_digit()) =>
        {
            Err(GuestError::Modules {
                why: format!("they belong to the kernel {of}, and this one is {release}"),
                path: directory,
            })
        }
        _ => modules::select(&directory),
    }
}

/// A program for the guest; one that needs libraries is refused.
fn static_program(
    path: &Path,
    role: &'static str,
    arch: Arch,
    hint: &str,
) -> Result<Vec<u8>, GuestError> {
    let bytes = read_bounded(path, LARGEST_PROGRAM)?;
    let checked: Result<(), ElfError> = Elf::new(&bytes).and_then(|elf| elf.check_static(arch));
    match checked {
        Ok(()) => Ok(bytes),
        Err(source) => Err(GuestError::Executable {
            path: path.to_owned(),
            role,
            source,
            hint: hint.to_owned(),
        }),
    }
}

/// The agent: as told, else the one beside this program.
fn agent(options: &BuildOptions, arch: Arch) -> Result<Vec<u8>, GuestError> {
    let hint = format!(
        "make a static one with `cargo build --release --bin smolvm-agent`{}, and give it with `--agent FILE`",
        match Arch::host() {
            Some(host) if host == arch => String::new(),
            _ => format!(" and `--target {arch}-unknown-linux-musl`"),
        }
    );
    let beside = || {
        let path = env::current_exe().ok()?.with_file_name("smolvm-agent");
        path.is_file().then_some(path)
    };
    let path = options.agent.clone().or_else(beside);
    let path = path.ok_or_else(|| GuestError::Missing {
        what: "the guest's agent".to_owned(),
        why: "there is no `smolvm-agent` beside this program".to_owned(),
        hint: hint.clone(),
    })?;
    static_program(&path, "the agent", arch, &hint)
}

/// busybox and the names of its applets: as told, else the host's own if it is static, else the
/// distribution's.
fn busybox(
    options: &BuildOptions,
    arch: Arch,
    work: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<(Vec<u8>, Vec<String>), GuestError> {
    const HINT: &str = "get a static one with `sudo apt-get install busybox-static`, or give one with `--busybox FILE`";
    let check = |path: &Path| static_program(path, "busybox", arch, HINT);
    let (path, bytes) = if let Some(path) = &options.busybox {
        (path.clone(), check(path)?)
    } else if let Some(found) = ["/bin/busybox", "/usr/bin/busybox"]
        .iter()
        .find_map(|path| Some((PathBuf::from(path), check(Path::new(path)).ok()?)))
    {
        found
    } else {
        let path = Packages::new(work, arch, "busybox")?.busybox(progress)?;
        let bytes = check(&path)?;
        (path, bytes)
    };
    // One for another architecture cannot be asked; the agent then asks it in the guest.
    let applets = packages::run(Command::new(&path).arg("--list"))
        .ok()
        .filter(|output| output.status.success())
        .map(|output| applet_names(&String::from_utf8_lossy(&output.stdout)))
        .unwrap_or_default();
    Ok((bytes, applets))
}

fn applet_names(list: &str) -> Vec<String> {
    list.lines()
        .filter(|name| !name.is_empty() && name.len() < 64 && !name.contains('/'))
        // `init` and `linuxrc` are ours to be, and busybox itself is there.
        .filter(|name| !["init", "linuxrc", "busybox"].contains(name))
        .take(1000)
        .map(str::to_owned)
        .collect()
}

/// The guest's first root: the agent is `/init`.
fn initramfs(
    agent: Vec<u8>,
    busybox: Vec<u8>,
    applets: &[String],
    selection: Selection,
    release: &str,
) -> Vec<u8> {
    let mut archive = Archive::default();
    for directory in ["dev", "mnt/root", "proc", "run", "sys", "usr", "var"] {
        archive.directory(directory, 0o755);
    }
    archive.directory("root", 0o700);
    archive.directory("tmp", 0o1777);
    for (link, target) in [
        ("sbin", "bin"),
        ("usr/bin", "../bin"),
        ("usr/sbin", "../bin"),
        ("var/run", "../run"),
        ("var/tmp", "../tmp"),
    ] {
        archive.link(link, target);
    }
    archive.file("init", 0o755, agent);
    archive.file("bin/busybox", 0o755, busybox);
    for applet in applets {
        archive.link(&format!("bin/{applet}"), "busybox");
    }
    for (path, text) in [
        ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
        ("etc/group", "root:x:0:\ntty:x:5:\n"),
        ("etc/shells", "/bin/sh\n"),
        ("etc/modules.smolvm", &selection.table),
    ] {
        archive.file(path, 0o644, text.as_bytes().to_vec());
    }
    for (name, module) in selection.files {
        archive.file(&format!("lib/modules/{release}/{name}.ko"), 0o644, module);
    }
    archive.into_bytes()
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
