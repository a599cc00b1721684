//! Images on disk: `images/<name>/<digest>/`, never changed once made.

use std::path::{Path, PathBuf};

use crate::fault::{Code, Fault};
use crate::vm::{Arch, ImageRef};

/// An image, ready to boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its name and digest.
    pub reference: ImageRef,
    /// Processor architecture.
    pub arch: Arch,
    /// The directory that holds it.
    pub dir: PathBuf,
    /// The kernel as shipped.
    pub vmlinuz: PathBuf,
    /// The kernel as an ELF, which boots faster; absent where there is none (aarch64's `Image`).
    pub vmlinux: Option<PathBuf>,
    /// The initial RAM file system.
    pub initramfs: Option<PathBuf>,
    /// The root file system: `rootfs.qcow2`, `rootfs.ext4` …
    pub rootfs: Option<PathBuf>,
    /// Whether our agent is in it.
    pub has_agent: bool,
    /// The kernel's release, such as `6.1.0-41-cloud-amd64`.
    pub kernel_release: Option<String>,
    /// When it was made.
    pub made_at: jiff::Timestamp,
    /// All its files together, in bytes.
    pub size: u64,
}

/// What `image build` is told.
#[derive(Clone, Debug, Default)]
pub struct BuildOptions {
    /// Name of the image; `tiny` by default.
    pub name: Option<String>,
    /// A kernel of the user's own, with `modules`.
    pub kernel: Option<PathBuf>,
    /// The directory `lib/modules/<release>` that belongs to `kernel`.
    pub modules: Option<PathBuf>,
    /// A static busybox in place of the distribution's.
    pub busybox: Option<PathBuf>,
    /// The agent in place of the one beside this program.
    pub agent: Option<PathBuf>,
    /// Architecture of the guest; the host's by default.
    pub arch: Option<Arch>,
}

/// Why an image could not be made, found or used.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// No image of that name.
    #[error("there is no image `{0}`")]
    Unknown(String),
}

impl Fault for GuestError {
    fn code(&self) -> Code {
        Code::NotFound
    }

    fn hint(&self) -> Option<String> {
        Some("make it with `smolvm-tui image build`".to_owned())
    }
}

/// The directory of images.
#[derive(Clone, Debug)]
pub struct ImageStore {
    root: PathBuf,
}

impl ImageStore {
    /// The images in `root`, which need not exist.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The newest image of that name, whole.
    pub fn latest(&self, name: &str) -> Result<Image, GuestError> {
        Err(GuestError::Unknown(name.to_owned()))
    }

    /// The pinned image, whole.
    pub fn pinned(&self, reference: &ImageRef) -> Result<Image, GuestError> {
        Err(GuestError::Unknown(reference.name.clone()))
    }

    /// All images, newest first within a name; a damaged one is told apart with its reason.
    pub fn list(&self) -> Vec<(ImageRef, Result<Image, GuestError>)> {
        Vec::new()
    }

    /// Makes an image; `progress` is told each step in one line.
    pub fn build(
        &self,
        options: &BuildOptions,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Image, GuestError> {
        let _ = (options, progress);
        Err(GuestError::Unknown("tiny".to_owned()))
    }
}
