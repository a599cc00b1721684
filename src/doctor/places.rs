//! Where things are kept, and whether there is room: run directory, disk, memory, images.

use std::io;
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::exam::Exam;
use super::finding::Fix;
use super::outcome::{Outcome, advice, fail, pass, quoted, run, skip, warn};

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

/// What `sun_path` holds without its final zero (unix(7)).
const LONGEST_PATH: usize = if cfg!(target_os = "macos") { 103 } else { 107 };
/// Below this a few VMs and their consoles use up what a process may open.
const ENOUGH_FILES: u64 = 256;

const ELSEWHERE: &str = "choose another place with --data-dir or SMOLVM_TUI_DATA_DIR";

fn elsewhere() -> Fix {
    advice(ELSEWHERE)
}

/// Where one VM's sockets are or would be.
fn one_socket(exam: &Exam) -> PathBuf {
    let socket = exam.case.store.run_dir_path("00000000").join("serial.sock");
    exam.note(format!("counted the bytes of {}", socket.display()));
    socket
}

/// The paths of sockets: the kernel takes no long ones.
pub(super) fn socket_path(exam: &Exam) -> Outcome {
    let socket = one_socket(exam);
    let bytes = socket.as_os_str().len();
    if SocketAddr::from_pathname(&socket).is_err() {
        return fail(
            format!(
                "`{}` is too long for the address of a socket",
                socket.display()
            ),
            advice("set TMPDIR to a shorter path"),
        );
    }
    if socket.starts_with(exam.case.store.root()) {
        return pass(format!("{bytes} bytes of {LONGEST_PATH}"));
    }
    pass(format!(
        "{bytes} bytes of {LONGEST_PATH}, in the temporary directory, because the path of the data \
         directory is too long for sockets"
    ))
}

/// The directory of the VMs' sockets: who can write there has all power over them.
pub(super) fn run_directory(exam: &Exam) -> Outcome {
    let one = exam.case.store.run_dir_path("00000000");
    let directory = one.parent().unwrap_or(&one);
    private(exam, directory)
}

/// The directory of the VMs and images: disks and logs of guests are in it.
pub(super) fn data_directory(exam: &Exam) -> Outcome {
    private(exam, exam.case.store.root())
}

/// Passes a directory that is ours and closed to others, or that can be made.
fn private(exam: &Exam, directory: &Path) -> Outcome {
    let shown = directory.display();
    let entry = match exam.entry(directory) {
        Ok(entry) => entry,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return unwritable(exam, directory)
                .unwrap_or_else(|| pass(format!("`{shown}` will be made")));
        }
        Err(error) => {
            return fail(format!("could not inspect `{shown}`: {error}"), elsewhere());
        }
    };
    if !entry.is_directory {
        return fail(
            format!("`{shown}` is no directory"),
            run(format!("rm {}", quoted(shown))),
        );
    }
    if entry.owner != exam.host().user() {
        return fail(
            format!("`{shown}` belongs to user {}", entry.owner),
            elsewhere(),
        );
    }
    if entry.mode & 0o022 != 0 {
        return fail(
            format!("others can write to `{shown}` (mode {:04o})", entry.mode),
            run(format!("chmod 700 {}", quoted(shown))),
        );
    }
    unwritable(exam, directory)
        .unwrap_or_else(|| pass(format!("`{shown}`, mode {:04o}", entry.mode)))
}

/// What is wrong when nothing can be made in `path`, or in the nearest directory above that exists.
fn unwritable(exam: &Exam, path: &Path) -> Option<Outcome> {
    let nearest = existing(exam, path);
    (!exam.host().may_write(nearest)).then(|| {
        fail(
            format!("nothing can be made in `{}`", nearest.display()),
            advice(format!("make it writable, or {ELSEWHERE}")),
        )
    })
}

fn existing<'p>(exam: &Exam, path: &'p Path) -> &'p Path {
    path.ancestors()
        .find(|path| exam.host().entry(path).is_ok())
        .unwrap_or(path)
}

/// Room for images, layers and logs.
pub(super) fn disk_space(exam: &Exam) -> Outcome {
    let place = existing(exam, exam.case.store.root());
    exam.note(format!("asked for the file system of {}", place.display()));
    let free = match exam.host().free_disk(place) {
        Ok(free) => free,
        Err(error) => {
            return warn(
                format!("could not ask for room in `{}`: {error}", place.display()),
                elsewhere(),
            );
        }
    };
    let detail = format!(
        "{} free for `{}`",
        size(free),
        exam.case.store.root().display()
    );
    let fix = advice(format!("make room, or {ELSEWHERE}"));
    weigh(free, LEAST_DISK, ENOUGH_DISK, detail, fix)
}

/// Room for guests.
pub(super) fn memory(exam: &Exam) -> Outcome {
    exam.note("asked the kernel".to_owned());
    let Some(memory) = exam.host().memory() else {
        return skip("the kernel does not tell");
    };
    let detail = format!(
        "{} of {} available",
        size(memory.available),
        size(memory.total)
    );
    let fix = advice("end what is not needed, or give guests less with --memory");
    weigh(memory.available, LEAST_MEMORY, ENOUGH_MEMORY, detail, fix)
}

fn weigh(found: u64, least: u64, enough: u64, detail: String, fix: Fix) -> Outcome {
    if found < least {
        fail(detail, fix)
    } else if found < enough {
        warn(detail, fix)
    } else {
        pass(detail)
    }
}

/// How many files a process may have open.
pub(super) fn open_files(exam: &Exam) -> Outcome {
    exam.note("asked for RLIMIT_NOFILE".to_owned());
    match exam.host().open_files() {
        None => skip("the kernel does not tell"),
        Some(limit) if limit >= ENOUGH_FILES => pass(limit),
        Some(limit) => warn(
            format!("{limit}, but a few VMs need {ENOUGH_FILES}"),
            advice(
                "say `ulimit -n 4096` in the shell before, or raise `nofile` in /etc/security/limits.conf",
            ),
        ),
    }
}

/// Something to boot.
pub(super) fn images(exam: &Exam) -> Outcome {
    let build = "smolvm-tui image build";
    let directory = exam.case.store.images_dir();
    exam.note(format!("read each image.toml in {}", directory.display()));
    let images = exam.host().images(&directory);
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
            Fix::Run {
                command: format!("smolvm-tui image rm {}", quoted(name)),
                then: Some("build or import it again".to_owned()),
            },
        ),
        None if whole.is_empty() => warn("there is no guest image yet", run(build)),
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
