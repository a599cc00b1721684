//! A stream, as what it makes on disk: under another name first, so that nobody meets half of it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{Mode, UtimensatFlags, fchmod, futimens, mkdirat, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::symlinkat;

use super::item::{Item, Items};
use super::send::told;
use super::{DEEPEST, LONGEST_NAME, LONGEST_TARGET, MOST_LEFT_OUT, Progress, Sum};

/// Makes what a sender describes, which may be hostile.
pub(crate) struct Receiver {
    /// What came and is no whole item yet.
    pending: Vec<u8>,
    /// The directories that were entered, and what they are to be when they are complete.
    entered: Vec<(OwnedFd, Option<(u32, TimeSpec)>)>,
    /// The directory that is all of it, complete, and what it is to be once it is in its place: one
    /// that its owner may not write to could not be moved.
    whole: Option<(OwnedFd, u32, TimeSpec)>,
    /// The file at hand, what is left of it, and what it is to be.
    file: Option<Writing>,
    /// Bits that a mode may have here.
    modes: u32,
    /// Where it lies until it is complete; removed unless it was taken.
    temporary: Option<PathBuf>,
    place: PathBuf,
    complete: bool,
    progress: Progress,
    /// Names of what is neither file nor directory nor link.
    left_out: Vec<String>,
}

struct Writing {
    file: File,
    left: u64,
    sum: Sum,
    mode: u32,
    time: TimeSpec,
}

impl Receiver {
    /// For an item to be made at `target`, or in it where that is a directory. `modes` are the bits
    /// that a mode may have; `tag` makes the temporary name another one each time.
    pub(crate) fn new(target: &Path, name: &OsStr, modes: u32, tag: u64) -> Result<Self, String> {
        let is_directory = fs::metadata(target).is_ok_and(|it| it.is_dir());
        let says_so = target.as_os_str().as_bytes().ends_with(b"/");
        let place = if is_directory {
            target.join(name)
        } else if says_so {
            return Err(format!("there is no directory `{}`", target.display()));
        } else {
            target.to_owned()
        };
        let (Some(parent), Some(last)) = (place.parent(), place.file_name()) else {
            return Err(format!("`{}` is no place for it", target.display()));
        };
        let parent = if parent.as_os_str().is_empty() {
            Path::new(".")
        } else {
            parent
        };
        // Hidden, of bounded length, and beside its place, so that a rename is enough.
        let mut hidden = b".".to_vec();
        hidden.extend_from_slice(&last.as_bytes()[..last.len().min(200)]);
        hidden.extend(format!(".{tag:016x}").into_bytes());
        let temporary = parent.join(OsString::from_vec(hidden));
        fs::create_dir(&temporary).map_err(told("write to", parent))?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let directory = open(&temporary, flags, Mode::empty());
        let directory = directory.map_err(|error| told("open", &temporary)(error.into()))?;
        Ok(Self {
            pending: Vec::new(),
            entered: vec![(directory, None)],
            whole: None,
            file: None,
            modes,
            temporary: Some(temporary),
            place,
            complete: false,
            progress: Progress::default(),
            left_out: Vec::new(),
        })
    }

    /// How much was written.
    pub(crate) fn progress(&self) -> Progress {
        self.progress
    }

    /// What was neither file nor directory nor link, by name, as many as are kept.
    pub(crate) fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Takes a piece of the stream.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        while !bytes.is_empty() {
            if self.complete {
                return Err("the sender went on after the end".to_owned());
            }
            if let Some(writing) = &mut self.file
                && writing.left > 0
            {
                let longest = usize::try_from(writing.left).unwrap_or(usize::MAX);
                let (now, later) = bytes.split_at(bytes.len().min(longest));
                let written = writing.file.write_all(now);
                written.map_err(told("write", &self.place))?;
                writing.sum.add(now);
                writing.left -= now.len() as u64;
                self.progress.bytes += now.len() as u64;
                bytes = later;
                continue;
            }
            // Of an item nothing is longer than a link's name and target.
            let room = 64 + LONGEST_NAME + LONGEST_TARGET - self.pending.len();
            let before = self.pending.len();
            self.pending.extend(bytes.iter().take(room));
            let mut items = Items::new(&self.pending);
            let began = items.left();
            let next = match &self.file {
                Some(_) => items.number().map(|sum| Next::Sum(u64::from_le_bytes(sum))),
                None => items.next(self.modes).transpose()?.map(Next::Item),
            };
            let used = began - items.left();
            match next {
                Some(Next::Sum(sum)) => self.close(sum)?,
                Some(Next::Item(item)) => self.make(item)?,
                None if room == 0 => {
                    return Err("the sender speaks of something too long".to_owned());
                }
                None => return Ok(()),
            }
            bytes = &bytes[used - before..];
            self.pending.clear();
        }
        Ok(())
    }

    /// The stream is over: what was made gets its name.
    pub(crate) fn finish(&mut self) -> Result<(), String> {
        if !self.complete {
            return Err("the transfer was cut off".to_owned());
        }
        let Some(temporary) = self.temporary.take() else {
            return Ok(());
        };
        let moved = self.move_out(&temporary);
        if moved.is_err() {
            remove(&temporary);
            return moved;
        }
        let _ = fs::remove_dir(&temporary);
        if let Some((directory, mode, time)) = self.whole.take() {
            let settled = settle(directory, mode, time);
            settled.map_err(|error| told("write", &self.place)(error.into()))?;
        }
        Ok(())
    }

    fn move_out(&self, temporary: &Path) -> Result<(), String> {
        let made = temporary.join(ITEM);
        match fs::rename(&made, &self.place) {
            Err(error) if matches!(error.raw_os_error(), Some(code) if code == Errno::ENOTEMPTY as i32 || code == Errno::EEXIST as i32) =>
            {
                let place = self.place.display();
                Err(format!("`{place}` is there already and is not empty"))
            }
            moved => moved.map_err(told("name", &self.place)),
        }
    }

    /// Makes an item in the directory that was entered last.
    fn make(&mut self, item: Item) -> Result<(), String> {
        let depth = self.entered.len();
        let Some((directory, _)) = self.entered.last() else {
            return Err("the sender left where it never was".to_owned());
        };
        // Whatever the first is called: its name here is chosen here.
        let name = |said: Vec<u8>| {
            if depth == 1 {
                OsString::from(ITEM)
            } else {
                OsString::from_vec(said)
            }
        };
        self.progress.items += u64::from(!matches!(item, Item::Up | Item::End));
        let place = &self.place;
        let failed = |error: Errno| told("write", place)(error.into());
        match item {
            Item::File {
                name: said,
                mode,
                time,
                size,
            } => {
                if depth == 1 {
                    self.progress.size = Some(size);
                }
                let flags = OFlag::O_WRONLY
                    | OFlag::O_CREAT
                    | OFlag::O_EXCL
                    | OFlag::O_NOFOLLOW
                    | OFlag::O_CLOEXEC;
                let name = name(said);
                let made = openat(directory, name.as_os_str(), flags, OWNER_ONLY);
                let file = File::from(made.map_err(failed)?);
                has_room(&file, size).map_err(|error| told("write", place)(error))?;
                self.file = Some(Writing {
                    file,
                    left: size,
                    sum: Sum::default(),
                    mode,
                    time,
                });
            }
            Item::Directory {
                name: said,
                mode,
                time,
            } => {
                if depth > DEEPEST {
                    return Err(format!("it lies deeper than {DEEPEST} directories"));
                }
                let name = name(said);
                mkdirat(directory, name.as_os_str(), OWNER_ALL).map_err(failed)?;
                let flags =
                    OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                let entered = openat(directory, name.as_os_str(), flags, Mode::empty());
                let entered = entered.map_err(failed)?;
                self.entered.push((entered, Some((mode, time))));
            }
            Item::Link {
                name: said,
                target,
                time,
            } => {
                let name = name(said);
                let target = OsString::from_vec(target);
                symlinkat(target.as_os_str(), directory, name.as_os_str()).map_err(failed)?;
                // A time that does not stick harms nothing.
                let flag = UtimensatFlags::NoFollowSymlink;
                let _ = utimensat(directory, name.as_os_str(), &time, &time, flag);
            }
            Item::Other(name) => {
                if self.left_out.len() < MOST_LEFT_OUT {
                    self.left_out
                        .push(String::from_utf8_lossy(&name).into_owned());
                }
            }
            Item::Up => {
                let Some((directory, Some((mode, time)))) = self.entered.pop() else {
                    return Err("the sender left where it never was".to_owned());
                };
                if depth == 2 {
                    self.whole = Some((directory, mode, time));
                } else {
                    settle(directory, mode, time).map_err(failed)?;
                }
            }
            Item::End if depth == 1 && self.progress.items > 0 => self.complete = true,
            Item::End => return Err("the sender ended in the midst of it".to_owned()),
        }
        Ok(())
    }

    /// The file at hand is complete.
    fn close(&mut self, sum: u64) -> Result<(), String> {
        let Some(writing) = self.file.take() else {
            return Ok(());
        };
        if writing.sum.finish() != sum {
            return Err("a file did not arrive as it was sent".to_owned());
        }
        settle(writing.file, writing.mode, writing.time)
            .map_err(|error| told("write", &self.place)(error.into()))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            remove(temporary);
        }
    }
}

/// Removes what was made, directories too that their owner may not write to.
fn remove(directory: &Path) {
    fn open_up(directory: &Path) {
        let _ = fs::set_permissions(directory, fs::Permissions::from_mode(0o700));
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            // Not that of what a link leads to.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open_up(&entry.path());
            }
        }
    }
    if fs::remove_dir_all(directory).is_err() {
        open_up(directory);
        // What stays has a name that tells what it is.
        let _ = fs::remove_dir_all(directory);
    }
}

/// What an item is called until it has its name.
const ITEM: &str = "item";

const OWNER_ONLY: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);
const OWNER_ALL: Mode = Mode::S_IRWXU;

/// Gives a complete file or directory its mode and its time.
fn settle(made: impl AsFd, bits: u32, time: TimeSpec) -> nix::Result<()> {
    #[cfg_attr(
        target_os = "linux",
        expect(clippy::useless_conversion, reason = "a mode has 16 bits on macOS")
    )]
    let bits = bits.try_into().unwrap_or(0);
    fchmod(made.as_fd(), Mode::from_bits_truncate(bits))?;
    futimens(made.as_fd(), &time, &time)
}

/// Whether the disk has room for so many bytes, as far as it tells.
fn has_room(file: &File, size: u64) -> io::Result<()> {
    let disk = nix::sys::statvfs::fstatvfs(file)?;
    #[cfg_attr(
        target_os = "linux",
        expect(clippy::useless_conversion, reason = "they are narrower on macOS")
    )]
    let (free, block) = (
        u64::from(disk.blocks_available()),
        u64::from(disk.fragment_size()),
    );
    if disk.blocks() > 0 && free.saturating_mul(block) < size {
        return Err(Errno::ENOSPC.into());
    }
    Ok(())
}

/// What follows in the stream, apart from the bytes of files.
enum Next {
    Sum(u64),
    Item(Item),
}
