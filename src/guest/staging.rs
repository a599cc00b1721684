//! How an image comes into being: in a directory of its own that no reader looks into, moved to its
//! place in one step. A build that is killed leaves a directory which the next one removes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::error::GuestError;
use super::metadata::{FileEntry, METADATA, Metadata, VERSION};
use crate::fault::{IoError, io_error};
use crate::vm::{Arch, ImageRef};

const PREFIX: &str = ".staging-";

/// Where the content of a file comes from.
#[derive(Debug)]
pub(super) enum Content {
    /// From memory.
    Bytes(Vec<u8>),
    /// From another file, however large.
    Copy(PathBuf),
}

/// What an image will consist of.
#[derive(Debug)]
pub(super) struct Draft {
    /// Processor architecture.
    pub arch: Arch,
    /// The kernel's release.
    pub kernel_release: Option<String>,
    /// Whether our agent is in it.
    pub has_agent: bool,
    /// The agent's hash, as [`FileEntry::sha256`] has it.
    pub agent_sha256: Option<String>,
    /// Name and content of each file.
    pub files: Vec<(String, Content)>,
}

/// The directory of images while one is being made: others wait.
#[derive(Debug)]
pub(super) struct Staging {
    root: PathBuf,
    directory: TempDir,
    _lock: Flock<File>,
}

impl Staging {
    /// Waits for others to finish, removes what a killed one left, and makes a fresh directory.
    pub(super) fn open(root: &Path, progress: &mut dyn FnMut(&str)) -> Result<Self, GuestError> {
        make_directory(root)?;
        let lock = root.join(".lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock)
            .map_err(io_error("open", &lock))?;
        set_mode(&lock, 0o600)?;
        let held = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Err((file, nix::errno::Errno::EWOULDBLOCK)) => {
                progress("waiting for another change of the images to end");
                Flock::lock(file, FlockArg::LockExclusive)
            }
            other => other,
        };
        let held = held.map_err(|(_, error)| io_error("lock", &lock)(error.into()))?;
        remove_leftovers(root);
        let directory = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(root)
            .map_err(io_error("make a directory in", root))?;
        set_mode(directory.path(), 0o700)?;
        Ok(Self {
            root: root.to_owned(),
            directory,
            _lock: held,
        })
    }

    /// A directory for what lies around meanwhile; it goes when this goes.
    pub(super) fn work(&self) -> Result<PathBuf, GuestError> {
        let work = self.directory.path().join("work");
        make_directory(&work)?;
        Ok(work)
    }

    /// Writes the image and moves it to its place. One of the same content that is there and whole
    /// stays as it is and becomes the newest; a damaged one is replaced.
    pub(super) fn commit(
        self,
        name: &str,
        draft: Draft,
        now: jiff::Timestamp,
        whole: &dyn Fn(&ImageRef) -> bool,
    ) -> Result<ImageRef, GuestError> {
        let image = self.directory.path().join("image");
        make_directory(&image)?;
        let mut files = BTreeMap::new();
        for (file, content) in draft.files {
            let entry = write_file(&image.join(&file), content)?;
            files.insert(file, entry);
        }
        let digest = digest(draft.arch, &files);
        let metadata = Metadata {
            version: VERSION,
            arch: draft.arch,
            kernel_release: draft.kernel_release,
            has_agent: draft.has_agent,
            agent_sha256: draft.agent_sha256,
            made_at: now,
            files,
        };
        let path = image.join(METADATA);
        let text = metadata.to_toml().map_err(io_error("write", &path))?;
        write_file(&path, Content::Bytes(text.into_bytes()))?;
        sync(&image)?;

        let home = self.root.join(name);
        make_directory(&home)?;
        let reference = ImageRef {
            name: name.to_owned(),
            digest,
        };
        let place = home.join(&reference.digest);
        if whole(&reference) {
            // The same files: only the time is new, so that this one is the latest again.
            let known = place.join(METADATA);
            fs::rename(&path, &known).map_err(io_error("write", &known))?;
            return Ok(reference);
        }
        if place.exists() {
            let damaged = self.directory.path().join("damaged");
            fs::rename(&place, damaged).map_err(io_error("replace", &place))?;
        }
        fs::rename(&image, &place).map_err(io_error("make", &place))?;
        sync(&home)?;
        Ok(reference)
    }

    /// Takes an image away in one step; its files go when this goes.
    pub(super) fn discard(self, place: &Path) -> Result<(), GuestError> {
        let aside = self.directory.path().join("removed");
        fs::rename(place, aside).map_err(io_error("remove", place))?;
        // The last image of a name takes the name with it; otherwise this fails, as it should.
        if let Some(home) = place.parent() {
            let _ = fs::remove_dir(home);
        }
        let directory = self.directory.path().to_owned();
        Ok(self
            .directory
            .close()
            .map_err(io_error("remove", directory))?)
    }
}

/// Whoever holds the lock is the only one at work, so every staging directory is a dead one's.
fn remove_leftovers(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            // What cannot be removed does no harm but take room; the next one tries again.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A directory that its owner can use whatever the umask is.
pub(super) fn make_directory(path: &Path) -> Result<(), IoError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_directory(parent)?;
    }
    match fs::create_dir(path) {
        Ok(()) => set_mode(path, 0o700),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(io_error("make", path)(error)),
    }
}

fn set_mode(path: &Path, mode: u32) -> Result<(), IoError> {
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(io_error("make", path))
}

fn sync(directory: &Path) -> Result<(), IoError> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(io_error("write", directory))
}

/// Writes a file to the disk and hashes it on the way.
fn write_file(path: &Path, content: Content) -> Result<FileEntry, IoError> {
    let failed = io_error("write", path);
    let mut file = File::create_new(path).map_err(&failed)?;
    let mut hash = Sha256::new();
    let mut size = 0;
    let mut put = |bytes: &[u8]| {
        hash.update(bytes);
        size += bytes.len() as u64;
        file.write_all(bytes).map_err(&failed)
    };
    match content {
        Content::Bytes(bytes) => put(&bytes)?,
        Content::Copy(source) => each_chunk(&source, &mut put)?,
    }
    // Nobody changes an image, its owner included.
    file.set_permissions(Permissions::from_mode(0o400))
        .and_then(|()| file.sync_all())
        .map_err(&failed)?;
    Ok(FileEntry {
        size,
        sha256: hexadecimal(&hash.finalize()),
    })
}

/// The hash of a file's content, as [`FileEntry::sha256`] has it.
pub(super) fn hash_of(path: &Path) -> Result<String, IoError> {
    let mut hash = Sha256::new();
    each_chunk(path, &mut |bytes| {
        hash.update(bytes);
        Ok(())
    })?;
    Ok(hexadecimal(&hash.finalize()))
}

fn each_chunk(
    path: &Path,
    take: &mut dyn FnMut(&[u8]) -> Result<(), IoError>,
) -> Result<(), IoError> {
    let failed = io_error("read", path);
    let mut file = File::open(path).map_err(&failed)?;
    let mut chunk = vec![0; 1 << 20];
    loop {
        match file.read(&mut chunk).map_err(&failed)? {
            0 => return Ok(()),
            read => take(&chunk[..read])?,
        }
    }
}

/// The hash of bytes, as [`FileEntry::sha256`] has it.
pub(super) fn hash_of_bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// The first 16 hexadecimal digits of the hash over all that the image boots with.
fn digest(arch: Arch, files: &BTreeMap<String, FileEntry>) -> String {
    let mut text = format!("smolvm image {VERSION}\n{arch}\n");
    for (name, entry) in files {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{} {name}", entry.sha256);
    }
    let mut digest = hash_of_bytes(text.as_bytes());
    digest.truncate(16);
    digest
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
