//! Why an image could not be made, found or used.

use std::io;
use std::path::PathBuf;

use super::elf::ElfError;
use super::kernel::KernelError;
use crate::fault::{Code, Fault, IoError};
use crate::vm::{Arch, ImageRef};

/// Measured with the image `tiny`: 80 MB, and 180 MB while it is made.
const MAKE_ROOM: &str = "make room there, an image takes about 80 MB and making it 200 MB; or choose another place with --data-dir or SMOLVM_TUI_DATA_DIR";

/// Why an image could not be made, found or used.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// No image of that name.
    #[error("there is no image `{0}`")]
    Unknown(String),
    /// There are images of that name, but not the pinned one.
    #[error("there is no image `{}` with the digest {}", .0.name, .0.digest)]
    UnknownDigest(ImageRef),
    /// A name that cannot become a directory.
    #[error(
        "`{0}` is no image name: only a-z, 0-9, `-` and `_` are allowed, at most 63 of them, the first and the last a letter or a digit"
    )]
    Name(String),
    /// A file of an image is missing, cut short or not what it should be.
    #[error("the image `{}` ({}) is damaged: {why}", reference.name, reference.digest)]
    Damaged {
        /// Which image.
        reference: ImageRef,
        /// What is wrong with it.
        why: String,
    },
    /// VMs boot from the image.
    #[error("the image `{}` ({}) is in use by {}", reference.name, reference.digest, users.join(", "))]
    InUse {
        /// Which image.
        reference: ImageRef,
        /// The names of the VMs.
        users: Vec<String>,
    },
    /// An operation on a file or directory failed.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A file of the user's own could not be opened.
    #[error("could not open {what} `{}`", path.display())]
    Unopened {
        /// What it was to be.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of the user's own cannot be what it was named for.
    #[error("cannot use `{}` as {what}: {why}", path.display())]
    Unfit {
        /// What it was to be.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// What would do.
        hint: String,
    },
    /// A program that building needs could not be run.
    #[error("could not run `{program}`")]
    Program {
        /// The program.
        program: &'static str,
        /// Why.
        #[source]
        source: io::Error,
        /// What to do about it.
        hint: String,
    },
    /// Something that an image is made of could not be had.
    #[error("could not get {what}: {why}")]
    Missing {
        /// What is missing.
        what: String,
        /// Why, in the words of the program that tried.
        why: String,
        /// The command or option that would get it.
        hint: String,
    },
    /// The disk is full, as a program found that builds for us.
    #[error("could not get {what}: no space is left where `{}` is", place.display())]
    NoSpace {
        /// What was being fetched or unpacked.
        what: String,
        /// The directory of images.
        place: PathBuf,
    },
    /// A file is no kernel that we can use.
    #[error("could not use `{}` as a kernel", path.display())]
    Kernel {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: KernelError,
    },
    /// A file is no program that can run in the guest.
    #[error("could not use `{}` as {role} of the guest", path.display())]
    Executable {
        /// The file.
        path: PathBuf,
        /// What it was to be.
        role: &'static str,
        /// What is wrong with it.
        #[source]
        source: ElfError,
        /// How to get a usable one.
        hint: String,
    },
    /// The modules do not fit the kernel.
    #[error("could not use the modules in `{}`: {why}", path.display())]
    Modules {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Kernel and asked-for architecture differ.
    #[error("`{}` is a kernel for {found}, not for {wanted}", path.display())]
    Arch {
        /// The kernel.
        path: PathBuf,
        /// What it is for.
        found: Arch,
        /// What was asked for.
        wanted: Arch,
    },
    /// This host's own architecture is none that we know, and none was given.
    #[error("this host's architecture is none that images exist for")]
    HostArch,
}

impl Fault for GuestError {
    fn code(&self) -> Code {
        match self {
            Self::Unknown(_) | Self::UnknownDigest(_) => Code::NotFound,
            Self::Name(_)
            | Self::Unopened { .. }
            | Self::Unfit { .. }
            | Self::Kernel { .. }
            | Self::Executable { .. }
            | Self::Modules { .. }
            | Self::Arch { .. } => Code::InvalidInput,
            Self::Damaged { .. } => Code::Damaged,
            Self::InUse { .. } => Code::Refused,
            Self::Io(_) | Self::NoSpace { .. } => Code::RuntimeError,
            Self::Program { .. } | Self::Missing { .. } | Self::HostArch => Code::MissingDependency,
        }
    }

    fn hint(&self) -> Option<String> {
        let make = |name: &str| match name {
            super::DEFAULT_NAME => "make it with `smolvm-tui image build`".to_owned(),
            _ => format!(
                "make it with `smolvm-tui image build --name {name}`, or `image import`; `smolvm-tui image ls` shows what there is"
            ),
        };
        match self {
            Self::Unknown(name) => Some(make(name)),
            Self::UnknownDigest(reference) => Some(format!(
                "`smolvm-tui image ls` shows what there is; create the VM anew, or bring the image `{}` back",
                reference.name
            )),
            Self::Damaged { reference, .. } => Some(match reference.name.as_str() {
                super::DEFAULT_NAME => "make it again with `smolvm-tui image build`".to_owned(),
                name => format!(
                    "make it again with `smolvm-tui image build --name {name}` or `smolvm-tui image import`"
                ),
            }),
            Self::InUse { .. } => Some("remove those VMs first".to_owned()),
            Self::Program { hint, .. }
            | Self::Missing { hint, .. }
            | Self::Unfit { hint, .. }
            | Self::Executable { hint, .. } => Some(hint.clone()),
            Self::Unopened { source, .. } => Some(match source.kind() {
                io::ErrorKind::PermissionDenied => "make it readable for this user".to_owned(),
                _ => "name a file that exists".to_owned(),
            }),
            Self::Name(_) => Some("choose a name such as `tiny` or `debian-12`".to_owned()),
            Self::Modules { .. } => Some(
                "give the directory lib/modules/<release> that was made with the kernel".to_owned(),
            ),
            Self::Arch { found, .. } => Some(format!("say `--arch {found}`")),
            Self::HostArch => Some("say `--arch x86_64` or `--arch aarch64`".to_owned()),
            Self::Io(IoError { source, path, .. }) => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Some(MAKE_ROOM.to_owned())
                }
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    Some(format!(
                        "make `{}` accessible, or choose another place with --data-dir or SMOLVM_TUI_DATA_DIR",
                        path.display()
                    ))
                }
                io::ErrorKind::NotFound => Some("name a file that exists".to_owned()),
                _ => None,
            },
            Self::NoSpace { .. } => Some(MAKE_ROOM.to_owned()),
            Self::Kernel { .. } => Some(
                "give an ELF `vmlinux`, a `bzImage` (often named `vmlinuz`), or arm64's `Image`"
                    .to_owned(),
            ),
        }
    }
}
