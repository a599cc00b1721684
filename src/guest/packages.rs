//! Takes kernel and busybox from the distribution's packages: downloaded and unpacked by this user
//! into a directory of ours, never installed.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::error::GuestError;
use super::staging::make_directory;
use crate::fault::io_error;
use crate::vm::Arch;

/// The distribution's package tools, for one architecture.
#[derive(Debug)]
pub(super) struct Packages {
    work: PathBuf,
    arch: Arch,
    /// `:arm64` where that is not the host's own.
    suffix: String,
    ubuntu: bool,
}

/// A kernel as it lies unpacked.
#[derive(Debug)]
pub(super) struct KernelFiles {
    /// `boot/vmlinuz-<release>`.
    pub kernel: PathBuf,
    /// `lib/modules/<release>`.
    pub modules: PathBuf,
}

/// Debian's name of an architecture.
fn debian_name(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "amd64",
        Arch::Aarch64 => "arm64",
    }
}

impl Packages {
    /// The tools of this host, working in `work`, which exists.
    pub(super) fn new(work: &Path, arch: Arch, what: &str) -> Result<Self, GuestError> {
        let missing = |why: &str, hint: String| GuestError::Missing {
            what: what.to_owned(),
            why: why.to_owned(),
            hint,
        };
        let own = match run(Command::new("dpkg").arg("--print-architecture")) {
            Ok(output) => output_line(&output),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(missing(
                    "this distribution has no apt packages",
                    by_hand(what),
                ));
            }
            Err(source) => return Err(program("dpkg", what)(source)),
        };
        let name = debian_name(arch);
        let mut suffix = String::new();
        if own != name {
            let others = run(Command::new("dpkg").arg("--print-foreign-architectures"))
                .map_err(program("dpkg", what))?;
            if !String::from_utf8_lossy(&others.stdout)
                .lines()
                .any(|line| line == name)
            {
                return Err(missing(
                    &format!("apt on this host knows no packages for {name}"),
                    format!(
                        "`sudo dpkg --add-architecture {name} && sudo apt-get update`, or {}",
                        by_hand(what)
                    ),
                ));
            }
            suffix = format!(":{name}");
        }
        Ok(Self {
            work: work.to_owned(),
            arch,
            suffix,
            ubuntu: is_ubuntu(),
        })
    }

    /// The distribution's kernel for virtual machines, and its modules.
    pub(super) fn kernel(&self, progress: &mut dyn FnMut(&str)) -> Result<KernelFiles, GuestError> {
        let meta = if self.ubuntu {
            "linux-image-virtual".to_owned()
        } else {
            format!("linux-image-cloud-{}", debian_name(self.arch))
        };
        let image = self.dependency(&meta)?;
        progress(&format!("downloading the kernel {image}"));
        let mut roots = vec![self.unpacked(&image)?];
        // Ubuntu has the modules in a package of their own.
        if self.ubuntu {
            let release = image
                .trim_start_matches("linux-image-unsigned-")
                .trim_start_matches("linux-image-");
            let modules = format!("linux-modules-{release}");
            progress(&format!("downloading its modules {modules}"));
            roots.push(self.unpacked(&modules)?);
        }
        let find = |places: &[&str], prefix: &str| {
            roots.iter().find_map(|root| {
                places
                    .iter()
                    .find_map(|place| entry_with(&root.join(place), prefix))
            })
        };
        let absent = |what: &str| GuestError::Missing {
            what: what.to_owned(),
            why: format!("the package {image} has none"),
            hint: by_hand("kernel"),
        };
        Ok(KernelFiles {
            kernel: find(&["boot"], "vmlinuz-").ok_or_else(|| absent("a kernel"))?,
            modules: find(&["lib/modules", "usr/lib/modules"], "")
                .ok_or_else(|| absent("modules"))?,
        })
    }

    /// The distribution's static busybox.
    pub(super) fn busybox(&self, progress: &mut dyn FnMut(&str)) -> Result<PathBuf, GuestError> {
        progress("downloading busybox-static");
        let root = self.unpacked("busybox-static")?;
        ["bin/busybox", "usr/bin/busybox"]
            .iter()
            .map(|place| root.join(place))
            .find(|path| path.is_file())
            .ok_or_else(|| GuestError::Missing {
                what: "busybox".to_owned(),
                why: "the package busybox-static has none".to_owned(),
                hint: by_hand("busybox"),
            })
    }

    /// The image that the package `meta` depends on at present.
    fn dependency(&self, meta: &str) -> Result<String, GuestError> {
        // Fields of the control file are never translated, unlike what `apt-cache depends` prints.
        let output = run(Command::new("apt-cache")
            .args(["show", "--no-all-versions"])
            .arg(format!("{meta}{}", self.suffix)))
        .map_err(program("apt-cache", meta))?;
        let text = String::from_utf8_lossy(&output.stdout);
        image_in(&text).ok_or_else(|| GuestError::Missing {
            what: format!("the package {meta}"),
            why: "apt does not know it".to_owned(),
            hint: format!("`sudo apt-get update`, or {}", by_hand("kernel")),
        })
    }

    /// Downloads a package and unpacks it into a directory of its own.
    fn unpacked(&self, package: &str) -> Result<PathBuf, GuestError> {
        let root = self.work.join(package);
        make_directory(&root)?;
        let output = run(Command::new("apt-get")
            .current_dir(&root)
            // Root may write here, apt's own sandbox user may not.
            .args([
                "-qq",
                "-o",
                "APT::Sandbox::User=root",
                "-o",
                "Acquire::Retries=2",
            ])
            .arg("download")
            .arg(format!("{package}{}", self.suffix)))
        .map_err(program("apt-get", package))?;
        let archive = entry_with(&root, package).filter(|_| output.status.success());
        let Some(archive) = archive else {
            let hint = format!("`sudo apt-get update`, or {}", by_hand(package));
            return Err(failed(
                &format!("the package {package}"),
                &output,
                &self.work,
                hint,
            ));
        };
        let unpacked = root.join("unpacked");
        let output = run(Command::new("dpkg-deb")
            .arg("-x")
            .args([&archive, &unpacked]))
        .map_err(program("dpkg-deb", package))?;
        if !output.status.success() {
            let hint = "try again".to_owned();
            return Err(failed(
                &format!("the files of {package}"),
                &output,
                &self.work,
                hint,
            ));
        }
        // The package is a third of what lies here now.
        fs::remove_file(&archive).map_err(io_error("remove", &archive))?;
        Ok(unpacked)
    }
}

/// The way without packages.
fn by_hand(what: &str) -> String {
    if what.contains("busybox") {
        "give a static one with `--busybox FILE`".to_owned()
    } else {
        "give one with `--kernel FILE --modules DIR`".to_owned()
    }
}

fn program(program: &'static str, what: &str) -> impl FnOnce(io::Error) -> GuestError {
    let hint = format!("install `apt` and `dpkg`, or {}", by_hand(what));
    move |source| GuestError::Program {
        program,
        source,
        hint,
    }
}

/// Runs a program to its end with nothing to read, an ordinary umask and messages in English.
pub(super) fn run(command: &mut Command) -> io::Result<Output> {
    command.env("LC_ALL", "C").stdin(Stdio::null());
    // SAFETY: umask(2) is async-signal-safe and cannot fail.
    unsafe {
        command.pre_exec(|| {
            nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
            Ok(())
        });
    }
    command.output()
}

fn output_line(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What a program could not get, and why, in its own words: the last error of apt (`E:`), else the
/// first line. Of a disk that is full these are many lines about files that are gone already.
fn failed(what: &str, output: &Output, work: &Path, hint: String) -> GuestError {
    const FULL: [&str; 3] = ["No space left", "quota exceeded", "enough free space"];
    let text = String::from_utf8_lossy(&output.stderr);
    if FULL.iter().any(|words| text.contains(words)) {
        // What lies there goes with the error: the directory of images is what stays.
        let place = work.ancestors().nth(2).unwrap_or(work);
        return GuestError::NoSpace {
            what: what.to_owned(),
            place: place.to_owned(),
        };
    }
    let why = text
        .lines()
        .rfind(|line| line.starts_with("E:"))
        .or_else(|| text.lines().find(|line| !line.trim().is_empty()))
        .unwrap_or("it gave no reason");
    GuestError::Missing {
        what: what.to_owned(),
        why: why
            .trim_start_matches("E:")
            .trim()
            .chars()
            .take(300)
            .collect(),
        hint,
    }
}

/// The first entry of `directory` whose name begins with `prefix`.
fn entry_with(directory: &Path, prefix: &str) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(directory)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    entries.sort();
    entries.into_iter().find(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
    })
}

fn is_ubuntu() -> bool {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            line.strip_prefix("ID=")
                .or_else(|| line.strip_prefix("ID_LIKE="))
        })
        .any(|value| {
            value
                .trim_matches('"')
                .split(' ')
                .any(|word| word == "ubuntu")
        })
}

/// The kernel package in the `Depends:` of a control file.
fn image_in(control: &str) -> Option<String> {
    let depends = control
        .lines()
        .find_map(|line| line.strip_prefix("Depends:"))?;
    depends
        .split([',', '|'])
        .filter_map(|entry| entry.split_ascii_whitespace().next())
        .find(|package| package.starts_with("linux-image-"))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_package_is_found_in_the_control_file_of_the_meta_package() {
        let debian = "Package: linux-image-cloud-amd64\nDepends: linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)\n";
        assert_eq!(
            image_in(debian).as_deref(),
            Some("linux-image-6.1.0-56-cloud-amd64")
        );
        let ubuntu = "Package: linux-image-virtual\nDepends: linux-foo, linux-image-6.8.0-60-generic | linux-image-unsigned-6.8.0-60-generic\n";
        assert_eq!(
            image_in(ubuntu).as_deref(),
            Some("linux-image-6.8.0-60-generic")
        );
        assert_eq!(image_in("Package: x\nDepends: libc6\n"), None);
        assert_eq!(image_in(""), None);
    }

    #[test]
    fn a_full_disk_is_told_as_such_and_anything_else_in_the_words_of_apt() {
        use std::os::unix::process::ExitStatusExt;

        use crate::fault::Fault;

        let tell = |stderr: &str| {
            let output = Output {
                status: std::process::ExitStatus::from_raw(256),
                stdout: Vec::new(),
                stderr: stderr.into(),
            };
            let work = Path::new("/data/images/.staging-x/work");
            failed("the package x", &output, work, "try again".to_owned())
        };
        for stderr in [
            "E: Failed to fetch http://a/x.deb  Error writing to file - write (28: No space left on device)\nE: Failed to fetch some archives.\n",
            "tar: ./lib/a.ko: Cannot write: No space left on device\ntar: Exiting\ndpkg-deb: error: tar subprocess returned error exit status 2\n",
            "E: You don't have enough free space in ./.\n",
        ] {
            let error = tell(stderr);
            assert_eq!(
                error.to_string(),
                "could not get the package x: no space is left where `/data/images` is"
            );
            assert!(error.hint().unwrap().contains("--data-dir"));
        }
        let error = tell("W: old\nE: Unable to locate package x\n");
        assert!(
            error.to_string().ends_with(": Unable to locate package x"),
            "{error}"
        );
        assert_eq!(error.hint().as_deref(), Some("try again"));
    }
}
