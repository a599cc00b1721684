//! Processes of VMMs: spawned so that they outlive us, watched without polling, and killed by a
//! descriptor, so that a reused pid is never met.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::rc::Rc;

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::{ProcessExit, ProcessHandle};
use crate::vm::ProcessId;

/// The first descriptor that is passed on behind standard input, output and error.
pub(super) const FIRST_FD: RawFd = 3;

/// Where descriptors wait in the parent, so that none is overwritten before it is copied.
const PARKED: RawFd = 64;

/// How much of a log is looked at for last words, in bytes.
const TAIL: u64 = 4096;

/// Spawns a VMM in a session of its own, in `/`, with an empty environment, umask 077, the given
/// standard streams, and `fds` as 3, 4, …; no other descriptor of ours reaches it.
///
/// In `birth` it writes who it is ([`BIRTH_RECORD`](crate::vm::process::BIRTH_RECORD)) before it
/// becomes the program, and it does not become it when this process has died meanwhile.
pub(super) fn spawn(
    program: &Path,
    arguments: &[OsString],
    streams: [Stdio; 3],
    fds: &[OwnedFd],
    birth: Option<&File>,
) -> io::Result<Child> {
    let parked = fds
        .iter()
        .map(|fd| fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(PARKED)))
        .collect::<nix::Result<Vec<RawFd>>>()?;
    let places: Vec<(RawFd, RawFd)> = parked.iter().copied().zip(FIRST_FD..).collect();
    let [stdin, stdout, stderr] = streams;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .current_dir("/")
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr);
    let birth = birth.map(AsRawFd::as_raw_fd);
    let parent = nix::unistd::getpid();
    // SAFETY: between fork and exec only system calls are made, all of them async-signal-safe
    // (signal-safety(7)); nothing is allocated.
    unsafe {
        command.pre_exec(move || prepare(&places, birth, parent));
    }
    let spawned = command.spawn();
    for fd in parked {
        let _ = nix::unistd::close(fd);
    }
    spawned
}

/// In the child, before exec.
fn prepare(places: &[(RawFd, RawFd)], birth: Option<RawFd>, parent: Pid) -> io::Result<()> {
    nix::unistd::setsid()?;
    // Before the descriptors are put in place, which may take this one's number.
    if let Some(birth) = birth {
        record_birth(birth);
    }
    // After the record: a parent that lives now dies with it written, one that is dead has no VMM.
    if nix::unistd::getppid() != parent {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    for &(from, to) in places {
        // SAFETY: plain numbers; whatever `to` was in this process is not used any more.
        if unsafe { libc::dup2(from, to) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    #[cfg(target_os = "linux")]
    {
        // What we inherited ourselves without close-on-exec must not go on to the VMM. Linux before
        // 5.11 refuses the flag; then it is as with any program.
        let first = FIRST_FD + RawFd::try_from(places.len()).unwrap_or(0);
        // SAFETY: the call marks descriptors and touches no memory.
        unsafe {
            libc::syscall(
                libc::SYS_close_range,
                first,
                u32::MAX,
                libc::CLOSE_RANGE_CLOEXEC,
            );
        }
    }
    Ok(())
}

/// Copies `/proc/self/stat` to `birth`. Where that fails, as on a full disk or where there is no
/// such file, only a shim that dies within the next milliseconds leaves its VMM behind.
fn record_birth(birth: RawFd) {
    let mut stat = [0_u8; 1024];
    // SAFETY: system calls on a constant path and on a buffer of our stack with its length.
    unsafe {
        let from = libc::open(
            c"/proc/self/stat".as_ptr(),
            libc::O_RDONLY | libc::O_CLOEXEC,
        );
        if from < 0 {
            return;
        }
        let length = libc::read(from, stat.as_mut_ptr().cast(), stat.len());
        if let Ok(length @ 1..) = usize::try_from(length) {
            let _ = libc::write(birth, stat.as_ptr().cast(), length);
        }
        libc::close(from);
    }
}

/// Ends a process that nobody looks after, and returns when it has ended; one that is gone, or
/// whose pid is another's by now, is no error.
pub async fn end(id: ProcessId) -> io::Result<()> {
    let process = match Process::adopt(id) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    process.kill()?;
    process.ended().await
}

/// Returns when a process has ended; at once when it is gone, or its pid is another's by now.
pub async fn ended(id: ProcessId) -> io::Result<()> {
    match Process::adopt(id) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(process) => process.ended().await,
    }
}

/// A process that is watched: ours, or adopted.
#[derive(Clone, Debug)]
pub(super) struct Process {
    id: ProcessId,
    /// Becomes readable when the process ends. `None`: it had ended before it could be watched.
    handle: Option<Rc<ProcessHandle>>,
}

impl Process {
    /// Watches a child of ours that was not waited for yet, so that its pid is its own.
    pub(super) fn of_child(child: &Child) -> io::Result<Self> {
        let id = ProcessId::of(child.id()).unwrap_or(ProcessId {
            pid: child.id(),
            start_time: 0,
        });
        Ok(Self {
            id,
            handle: watch(child.id())?.map(Rc::new),
        })
    }

    /// Watches a process that another shim started; an error when it is gone.
    pub(super) fn adopt(id: ProcessId) -> io::Result<Self> {
        // First the descriptor, then the look at the start time: so it is that process.
        let handle = watch(id.pid)?;
        if handle.is_none() || !id.is_alive() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Self {
            id,
            handle: handle.map(Rc::new),
        })
    }

    pub(super) fn id(&self) -> ProcessId {
        self.id
    }

    /// Returns when the process ended. It may be a zombie then.
    pub(super) async fn ended(&self) -> io::Result<()> {
        let Some(handle) = &self.handle else {
            return Ok(());
        };
        // SAFETY: the descriptor is owned by the value that is registered, and closed with it.
        let handle =
            unsafe { AsyncFd::register_with_interest(handle.try_clone()?, Interest::READABLE) }?;
        handle.readable().await?.retain_ready();
        Ok(())
    }

    /// Ends the process at once; it is no error when it has ended.
    pub(super) fn kill(&self) -> io::Result<()> {
        self.signal(Signal::SIGKILL)
    }

    /// Asks the process to end; it is no error when it has ended.
    pub(super) fn terminate(&self) -> io::Result<()> {
        self.signal(Signal::SIGTERM)
    }

    #[cfg(target_os = "linux")]
    fn signal(&self, signal: Signal) -> io::Result<()> {
        use rustix::process::{Signal, pidfd_send_signal};
        let Some(handle) = &self.handle else {
            return Ok(());
        };
        let signal = Signal::from_named_raw(signal as i32).ok_or(io::ErrorKind::InvalidInput)?;
        match pidfd_send_signal(handle, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn signal(&self, signal: Signal) -> io::Result<()> {
        use nix::errno::Errno;
        if !self.id.is_alive() {
            return Ok(());
        }
        let pid = i32::try_from(self.id.pid).map_err(io::Error::other)?;
        match nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// A descriptor that is readable once the process ended; `None` when there is no such process.
#[cfg(target_os = "linux")]
fn watch(pid: u32) -> io::Result<Option<ProcessHandle>> {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
    match pidfd_open(pid, PidfdFlags::NONBLOCK) {
        Ok(fd) => Ok(Some(fd)),
        Err(rustix::io::Errno::SRCH) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// A queue of kernel events is itself readable when it holds one (kqueue(2)).
#[cfg(not(target_os = "linux"))]
fn watch(pid: u32) -> io::Result<Option<ProcessHandle>> {
    use nix::errno::Errno;
    use nix::sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue};
    let queue = Kqueue::new()?;
    let exit = KEvent::new(
        usize::try_from(pid).map_err(io::Error::other)?,
        EventFilter::EVFILT_PROC,
        EvFlags::EV_ADD | EvFlags::EV_ONESHOT,
        FilterFlag::NOTE_EXIT,
        0,
        0,
    );
    let at_once = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    match queue.kevent(&[exit], &mut [], Some(at_once)) {
        Ok(_) => Ok(Some(queue.into())),
        Err(Errno::ESRCH) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// A child that is killed and reaped unless it is kept.
#[derive(Debug)]
pub(super) struct Guard(Option<Child>);

impl Guard {
    pub(super) fn new(child: Child) -> Self {
        Self(Some(child))
    }

    /// For a process that is no child of ours.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Waits for a child that has ended, or is about to.
    pub(super) fn reap(&mut self) -> Option<ExitStatus> {
        self.0.take().and_then(|mut child| child.wait().ok())
    }

    /// From now on the child lives as long as it likes; resolves when it ended.
    pub(super) async fn keep(mut self, process: Process) -> ProcessExit {
        let child = self.0.take();
        drop(self);
        let ended = process.ended().await;
        match (child, ended) {
            (Some(mut child), Ok(())) => {
                child.wait().map_or(ProcessExit::Unseen, |status| {
                    match (status.code(), status.signal()) {
                        (Some(code), _) => ProcessExit::Code(code),
                        (None, Some(signal)) => ProcessExit::Signal(signal),
                        (None, None) => ProcessExit::Unseen,
                    }
                })
            }
            _ => ProcessExit::Unseen,
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            // Killed, it ends within milliseconds, and no zombie is left behind.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The command line of a process as it is run; where the host does not tell, as it would be run now.
pub(super) fn command_line(id: ProcessId, computed: impl FnOnce() -> Vec<OsString>) -> Vec<String> {
    let as_run = id.arguments();
    if as_run.is_empty() {
        return shown(&computed());
    }
    as_run
}

/// A command line as text.
pub(super) fn shown(argv: &[OsString]) -> Vec<String> {
    let words = argv.iter().map(|word| word.to_string_lossy().into_owned());
    words.collect()
}

/// An exit status in words: `exit code 1`, `SIGKILL`.
pub(super) fn words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => Signal::try_from(signal)
            .map_or_else(|_| format!("signal {signal}"), |signal| signal.to_string()),
        (None, None) => status.to_string(),
    }
}

/// The last lines of a log, at most five, control characters left out; empty when there are none.
pub(super) fn last_words(log: &Path) -> String {
    last_lines(&tail(log))
}

/// As [`last_words`], of a text.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.chars().filter(|c| !c.is_control()).collect::<String>())
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}

/// The end of a log as it stands there, at most 4 KiB; empty when it cannot be read.
pub fn tail(log: &Path) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
