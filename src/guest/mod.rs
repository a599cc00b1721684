//! Guest images: a kernel and a root file system, how they are made, and the agent's protocol.
//!
//! An image lies in `images/<name>/<digest>/` and is never changed once made:
//!
//! | file | what |
//! |---|---|
//! | `image.toml` | version, architecture, kernel release, time, and size and sha256 of each file |
//! | `vmlinuz` | the kernel as shipped (arm64: the plain `Image`) |
//! | `vmlinux` | the kernel as an ELF, which boots faster |
//! | `initramfs.cpio` | agent, busybox and the virtio modules |
//! | `rootfs.*` | the root file system of an imported image |

pub mod agent;
mod build;
pub mod content;
mod cpio;
mod decompress;
mod elf;
mod error;
mod image;
mod import;
mod kernel;
mod metadata;
mod modules;
mod packages;
pub(crate) mod protocol;
mod staging;
pub(crate) mod tree;

pub use elf::ElfError;
pub use error::GuestError;
pub use image::{BuildOptions, Image, ImageStore, ImportSources, Listed};
pub use kernel::{KernelError, is_plain_kernel, kernel_arch, plain_kernel};

/// The name of the image that `image build` makes and `create` boots when none is named.
pub const DEFAULT_NAME: &str = "tiny";
