//! Where things are kept, and whether there is room: run directory, disk, memory, images.

use std::io;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use super::exam::{Exam, Outcome, fail, pass, skip, warn};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Below this no VM's logs and layers fit.
const LEAST_DISK: u64 = 64 * MIB;
/// Below this the next image may not fit.
const ENOUGH_DISK: u64 = 1024 * MIB;
/// Below this no guest of the smallest useful size fits.
const LEAST_MEMORY: u64 = 128 * MIB;
/// Below this the second guest of the default size may not fit.
const ENOUGH_MEMORY: u64 = 640 * MIB;

const ELSEWHERE: &str = "choose another place with --data-dir or SMOLVM_TUI_DATA_DIR";

/// The directory of the VMs' sockets: ours alone, and short enough for a socket's address.
pub(super) fn run_directory(exam: &Exam<'_>) -> Outcome {
    let one = exam.store.run_dir_path("00000000");
    if SocketAddr::from_pathname(one.join("serial.sock")).is_err() {
        return fail(
            format!(
                "`{}` is too long for the address of a socket",
                one.display()
            ),
            "set TMPDIR to a shorter path",
        );
    }
    let directory = one.parent().unwrap_or(&one);
    let shown = directory.display();
    let aside = if directory.starts_with(exam.store.root()) {
        ""
    } else {
        ", because the path of the data directory is too long for sockets"
    };
    let entry = match exam.host.entry(directory) {
        Ok(entry) => entry,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match unwritable(exam, directory) {
                None => pass(format!("`{shown}` will be made{aside}")),
                Some(trouble) => trouble,
            };
        }
        Err(error) => return fail(format!("could not inspect `{shown}`: {error}"), ELSEWHERE),
    };
    if !entry.is_directory {
        return fail(
            format!("`{shown}` is no directory"),
            format!("rm '{shown}'"),
        );
    }
    if entry.owner != exam.host.user() {
        return fail(
            format!("`{shown}` belongs to user {}", entry.owner),
            ELSEWHERE,
        );
    }
    if entry.mode & 0o022 != 0 {
        return fail(
            format!("others can write to `{shown}` (mode {:04o})", entry.mode),
            format!("chmod 700 '{shown}'"),
        );
    }
    unwritable(exam, directory)
        .unwrap_or_else(|| pass(format!("`{shown}`, mode {:04o}{aside}", entry.mode)))
}

/// What is wrong when nothing can be made in `path`, or in the nearest directory above that exists.
fn unwritable(exam: &Exam<'_>, path: &Path) -> Option<Outcome> {
    let nearest = existing(exam, path);
    (!exam.host.may_write(nearest)).then(|| {
        fail(
            format!("nothing can be made in `{}`", nearest.display()),
            format!("make it writable, or {ELSEWHERE}"),
        )
    })
}

fn existing<'p>(exam: &Exam<'_>, path: &'p Path) -> &'p Path {
    path.ancestors()
        .find(|path| exam.host.entry(path).is_ok())
        .unwrap_or(path)
}

/// Room for images, layers and logs.
pub(super) fn disk_space(exam: &Exam<'_>) -> Outcome {
    let place = existing(exam, exam.store.root());
    let free = match exam.host.free_disk(place) {
        Ok(free) => free,
        Err(error) => {
            return warn(
                format!("could not ask for room in `{}`: {error}", place.display()),
                ELSEWHERE,
            );
        }
    };
    let detail = format!("{} free for `{}`", size(free), exam.store.root().display());
    let fix = format!("make room, or {ELSEWHERE}");
    weigh(free, LEAST_DISK, ENOUGH_DISK, detail, &fix)
}

/// Room for guests.
pub(super) fn memory(exam: &Exam<'_>) -> Outcome {
    let Some(memory) = exam.host.memory() else {
        return skip("the kernel does not tell");
    };
    let detail = format!(
        "{} of {} available",
        size(memory.available),
        size(memory.total)
    );
    let fix = "end what is not needed, or give guests less with --memory";
    weigh(memory.available, LEAST_MEMORY, ENOUGH_MEMORY, detail, fix)
}

fn weigh(found: u64, least: u64, enough: u64, detail: String, fix: &str) -> Outcome {
    if found < least {
        fail(detail, fix)
    } else if found < enough {
        warn(detail, fix)
    } else {
        pass(detail)
    }
}

/// Something to boot.
pub(super) fn images(exam: &Exam<'_>) -> Outcome {
    let build = "smolvm-tui image build";
    let images = exam.host.images(&exam.store.images_dir());
    let whole: Vec<String> = images
        .iter()
        .filter_map(|(name, state)| Some(format!("{name} ({})", size(*state.as_ref().ok()?))))
        .collect();
    let damaged = images
        .iter()
        .find_map(|(name, state)| Some((name, state.as_ref().err()?)));
    match damaged {
        Some((name, why)) => warn(
            format!("`{name}` is damaged: {why}"),
            format!("remove it with `smolvm-tui image rm {name}`, then `{build}`"),
        ),
        None if whole.is_empty() => warn("there is no guest image yet", build),
        None => pass(whole.join(", ")),
    }
}

/// Bytes for people, in binary units.
fn size(bytes: u64) -> String {
    let units = [(GIB, "GiB"), (MIB, "MiB")];
    let fits = units.into_iter().find(|(unit, _)| bytes >= *unit);
    let (unit, name) = fits.unwrap_or((KIB, "KiB"));
    format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit)
}
