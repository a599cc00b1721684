//! Images on disk: `images/<name>/<digest>/`, never changed once made.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::GuestError;
use super::metadata::{self, FileEntry, METADATA, Metadata};
use super::staging::{Draft, Staging, hash_of};
use super::{build, import};
use crate::fault::{IoError, io_error};
use crate::vm::{Arch, ImageRef, VmName};

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
    /// Hash of that agent, hexadecimal; unknown where the image was imported.
    pub agent_sha256: Option<String>,
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

/// What `image import` is told.
#[derive(Clone, Debug, Default)]
pub struct ImportSources {
    /// The kernel: a bzImage, an ELF, or an `Image`.
    pub kernel: PathBuf,
    /// The initial RAM file system.
    pub initrd: Option<PathBuf>,
    /// The root file system: qcow2, or a raw one of any kind.
    pub rootfs: Option<PathBuf>,
    /// Architecture of the guest; the kernel's own by default, and checked against it.
    pub arch: Option<Arch>,
}

/// An image of a list: which, and itself or why it is none.
pub type Listed = (ImageRef, Result<Image, GuestError>);

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

    /// The newest image of that name, whole: every file is there and has its size.
    ///
    /// An older image does not stand in for a damaged one.
    pub fn latest(&self, name: &str) -> Result<Image, GuestError> {
        check_name(name)?;
        match self.of_name(name)?.into_iter().next() {
            Some((_, image)) => image,
            None => Err(GuestError::Unknown(name.to_owned())),
        }
    }

    /// The pinned image, whole: every file is there and has its size.
    pub fn pinned(&self, reference: &ImageRef) -> Result<Image, GuestError> {
        check_name(&reference.name)?;
        if !is_digest(&reference.digest) || !self.place(reference).is_dir() {
            return Err(if self.of_name(&reference.name)?.is_empty() {
                GuestError::Unknown(reference.name.clone())
            } else {
                GuestError::UnknownDigest(reference.clone())
            });
        }
        self.open(reference)
    }

    /// All images, newest first within a name; a damaged one is told apart with its reason.
    pub fn list(&self) -> Result<Vec<Listed>, GuestError> {
        let mut names = entries(&self.root)?;
        // Not every file is a directory of images.
        names.retain(|name| check_name(name).is_ok() && self.root.join(name).is_dir());
        names.sort();
        let mut listed = Vec::new();
        for name in names {
            listed.extend(self.of_name(&name)?);
        }
        Ok(listed)
    }

    /// Makes an image; `progress` is told each step in one line.
    ///
    /// The same content makes the same digest: then the image that is there stays, and is the
    /// newest of its name from now on.
    pub fn build(
        &self,
        options: &BuildOptions,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Image, GuestError> {
        let name = options.name.as_deref().unwrap_or(super::DEFAULT_NAME);
        check_name(name)?;
        let staging = Staging::open(&self.root, progress)?;
        let draft = build::draft(options, &staging.work()?, progress)?;
        self.commit(staging, name, draft, progress)
    }

    /// Takes files of the user's own as an image. The kernel is checked to be one and unpacked; our
    /// agent is found in the initial RAM file system when that is not compressed.
    pub fn import(
        &self,
        name: &str,
        sources: &ImportSources,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Image, GuestError> {
        check_name(name)?;
        let draft = import::draft(sources)?;
        let staging = Staging::open(&self.root, progress)?;
        progress("copying the files");
        self.commit(staging, name, draft, progress)
    }

    /// Removes an image unless somebody uses it: `users_of` gives the names of the VMs that do.
    pub fn remove(
        &self,
        reference: &ImageRef,
        users_of: &dyn Fn(&ImageRef) -> Vec<String>,
    ) -> Result<(), GuestError> {
        match self.pinned(reference) {
            Ok(_) | Err(GuestError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
        let staging = Staging::open(&self.root, &mut |_| {})?;
        let users = users_of(reference);
        if !users.is_empty() {
            return Err(GuestError::InUse {
                reference: reference.clone(),
                users,
            });
        }
        staging.discard(&self.place(reference))
    }

    fn commit(
        &self,
        staging: Staging,
        name: &str,
        draft: Draft,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Image, GuestError> {
        // Here there is time to look into the files too.
        let whole = |reference: &ImageRef| {
            let hashed = |(name, entry): (&String, &FileEntry)| {
                hash_of(&self.place(reference).join(name)).is_ok_and(|hash| hash == entry.sha256)
            };
            self.open(reference).is_ok()
                && self
                    .metadata(reference)
                    .is_ok_and(|metadata| metadata.files.iter().all(hashed))
        };
        let reference = staging.commit(name, draft, jiff::Timestamp::now(), &whole)?;
        progress(&format!(
            "{} is ready: {}",
            reference.name, reference.digest
        ));
        self.open(&reference)
    }

    fn place(&self, reference: &ImageRef) -> PathBuf {
        self.root.join(&reference.name).join(&reference.digest)
    }

    /// The images of a name, newest first; one that does not tell when it was made counts as made
    /// when its directory changed last.
    fn of_name(&self, name: &str) -> Result<Vec<Listed>, GuestError> {
        let mut images: Vec<_> = entries(&self.root.join(name))?
            .into_iter()
            .filter(|digest| is_digest(digest))
            .map(|digest| {
                let reference = ImageRef {
                    name: name.to_owned(),
                    digest,
                };
                let made_at = match self.metadata(&reference) {
                    Ok(metadata) => metadata.made_at,
                    Err(_) => self.changed_at(&reference),
                };
                (made_at, reference)
            })
            .collect();
        images.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.digest.cmp(&other.digest)));
        let opened = images
            .into_iter()
            .map(|(_, reference)| {
                let image = self.open(&reference);
                (reference, image)
            })
            .collect();
        Ok(opened)
    }

    fn changed_at(&self, reference: &ImageRef) -> jiff::Timestamp {
        fs::metadata(self.place(reference))
            .and_then(|metadata| metadata.modified())
            .ok()
            .and_then(|time| jiff::Timestamp::try_from(time).ok())
            .unwrap_or_default()
    }

    fn metadata(&self, reference: &ImageRef) -> Result<Metadata, GuestError> {
        let damaged = |why: String| GuestError::Damaged {
            reference: reference.clone(),
            why,
        };
        let file = File::open(self.place(reference).join(METADATA))
            .map_err(|error| damaged(format!("{METADATA} cannot be read: {error}")))?;
        let mut text = String::new();
        file.take(metadata::LONGEST)
            .read_to_string(&mut text)
            .map_err(|error| damaged(format!("{METADATA} cannot be read: {error}")))?;
        Metadata::from_toml(&text).map_err(damaged)
    }

    /// The image, when each file has the size that was written down: hashing tens of megabytes at
    /// each start would cost more than the start.
    fn open(&self, reference: &ImageRef) -> Result<Image, GuestError> {
        let damaged = |why: String| GuestError::Damaged {
            reference: reference.clone(),
            why,
        };
        let metadata = self.metadata(reference)?;
        let dir = self.place(reference);
        for (name, entry) in &metadata.files {
            match fs::metadata(dir.join(name)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(damaged(format!("`{name}` is missing")));
                }
                Err(error) => return Err(damaged(format!("`{name}` cannot be read: {error}"))),
                Ok(found) if !found.is_file() => {
                    return Err(damaged(format!("`{name}` is no file")));
                }
                Ok(found) if found.len() != entry.size => {
                    let (found, size) = (found.len(), entry.size);
                    return Err(damaged(format!(
                        "`{name}` has {found} bytes in place of {size}"
                    )));
                }
                Ok(_) => {}
            }
        }
        let file = |name: &str| metadata.files.contains_key(name).then(|| dir.join(name));
        let vmlinux = file("vmlinux");
        let rootfs = metadata
            .files
            .keys()
            .find(|name| name.starts_with("rootfs."));
        Ok(Image {
            reference: reference.clone(),
            arch: metadata.arch,
            // A kernel that came as an ELF is not kept twice.
            vmlinuz: file("vmlinuz")
                .or_else(|| vmlinux.clone())
                .ok_or_else(|| damaged("it has no kernel".to_owned()))?,
            vmlinux,
            initramfs: file("initramfs.cpio"),
            rootfs: rootfs.map(|name| dir.join(name)),
            has_agent: metadata.has_agent,
            agent_sha256: metadata.agent_sha256,
            size: metadata.files.values().map(|entry| entry.size).sum(),
            kernel_release: metadata.kernel_release,
            made_at: metadata.made_at,
            dir,
        })
    }
}

/// The names in a directory; none where there is no such directory.
fn entries(directory: &Path) -> Result<Vec<String>, IoError> {
    match fs::read_dir(directory) {
        Ok(entries) => Ok(entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(io_error("list", directory)(error)),
    }
}

/// The rule of a VM's name holds for images too: both become directories.
fn check_name(name: &str) -> Result<(), GuestError> {
    match name.parse::<VmName>() {
        Ok(_) => Ok(()),
        Err(_) => Err(GuestError::Name(name.chars().take(100).collect())),
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 16
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
#[path = "image_tests.rs"]
pub(super) mod tests;
