//! `image import`: files of the user's own become an image.

use super::build::{kernel_contents, open_kernel};
use super::content;
use super::error::GuestError;
use super::image::ImportSources;
use super::staging::{Content, Draft};
use crate::fault::io_error;

/// Checks the files and makes what the image will consist of.
pub(super) fn draft(sources: &ImportSources) -> Result<Draft, GuestError> {
    let kernel = open_kernel(&sources.kernel, sources.arch)?;
    let mut files = kernel_contents(kernel.shipped, kernel.elf);
    let mut has_agent = false;
    if let Some(initrd) = &sources.initrd {
        content::check_initrd(initrd)?;
        has_agent = content::has_agent(initrd).map_err(io_error("read", initrd))?;
        files.push(("initramfs.cpio".to_owned(), Content::Copy(initrd.clone())));
    }
    if let Some(rootfs) = &sources.rootfs {
        let form = content::check_disk(rootfs)?.form;
        files.push((format!("rootfs.{form}"), Content::Copy(rootfs.clone())));
    }
    Ok(Draft {
        arch: kernel.arch,
        kernel_release: kernel.release,
        has_agent,
        agent_sha256: None,
        files,
    })
}

#[cfg(test)]
#[path = "import_tests.rs"]
mod tests;
