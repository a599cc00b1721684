//! One command that runs for the host: its process, and the ends of its pipes or its terminal.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, pipe2};

use crate::protocol::message::{Command, End};
use crate::shell::{set_size, winsize};
use crate::start::{Start, Step};
use crate::users::User;

/// Where programs are looked for.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A process, and how to talk to it.
pub(crate) struct Process {
    pub(crate) pid: Pid,
    pub(crate) stdin: Option<File>,
    /// Standard output, and standard error where it is apart.
    pub(crate) outputs: [Option<File>; 2],
    /// The terminal's controlling end, for its size.
    pub(crate) terminal: Option<File>,
}

/// The ends that the process gets.
struct Ends {
    stdio: [RawFd; 3],
    /// Closed here once the process has them.
    theirs: Vec<OwnedFd>,
}

impl Process {
    /// Runs `command` below `root`.
    pub(crate) fn start(command: &Command, root: Option<&Path>) -> Result<Self, End> {
        let failed = |what: &str| {
            let what = what.to_owned();
            move |error: Errno| End::failed(format!("could not {what}: {}", error.desc()))
        };
        let (mut process, ends) = match command.tty {
            Some((rows, columns)) => on_terminal(rows, columns).map_err(failed("make a terminal")),
            None => on_pipes(command.stdin).map_err(failed("make pipes")),
        }?;
        let start = plan(command, root, &ends)?;
        process.pid = start
            .spawn()
            .map_err(|(step, error)| told(command, step, error))?;
        drop(ends.theirs);
        Ok(process)
    }

    /// Sends a signal to all processes of the command's group.
    pub(crate) fn signal(pid: Pid, number: u8) {
        if let Ok(signal) = Signal::try_from(i32::from(number)) {
            // It may have ended meanwhile.
            let _ = kill(Pid::from_raw(-pid.as_raw()), signal);
        }
    }

    /// Gives the terminal another size, of which the kernel tells whom it concerns.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        if let Some(terminal) = &self.terminal {
            // A size that is not taken costs nothing else.
            let _ = set_size(terminal, &winsize(rows, columns));
        }
    }
}

/// How many bytes wait in a pipe.
pub(crate) fn waiting(pipe: &File) -> usize {
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int, which lives until the call returns.
    let asked = unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD as _, &raw mut count) };
    if asked == 0 {
        usize::try_from(count).unwrap_or(0)
    } else {
        0
    }
}

/// One read; `None` when there is nothing now, 0 at the end.
pub(crate) fn read(mut file: &File, buffer: &mut [u8]) -> Option<usize> {
    loop {
        match file.read(buffer) {
            Ok(count) => return Some(count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // A terminal without anybody at its other end says so by EIO.
            Err(_) => return Some(0),
        }
    }
}

/// One write; 0 when there is no room now, an error when nobody reads any more.
pub(crate) fn write(mut file: &File, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match file.write(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

fn on_pipes(has_input: bool) -> nix::Result<(Process, Ends)> {
    let ours = |end: OwnedFd| {
        let file = File::from(end);
        fcntl(&file, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map(|_| Some(file))
    };
    let (stdin, input) = if has_input {
        let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
        (read, ours(write)?)
    } else {
        let null = File::open("/dev/null").map_err(|_| Errno::ENXIO)?;
        (null.into(), None)
    };
    let (stdout_read, stdout) = pipe2(OFlag::O_CLOEXEC)?;
    let (stderr_read, stderr) = pipe2(OFlag::O_CLOEXEC)?;
    let process = Process {
        pid: Pid::from_raw(0),
        stdin: input,
        outputs: [ours(stdout_read)?, ours(stderr_read)?],
        terminal: None,
    };
    let ends = Ends {
        stdio: [stdin.as_raw_fd(), stdout.as_raw_fd(), stderr.as_raw_fd()],
        theirs: vec![stdin, stdout, stderr],
    };
    Ok((process, ends))
}

fn on_terminal(rows: u16, columns: u16) -> nix::Result<(Process, Ends)> {
    let opened = |error: io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
    let flags = libc::O_NOCTTY | libc::O_NONBLOCK;
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(flags);
    let master = options.open("/dev/ptmx").map_err(opened)?;
    let locked: libc::c_int = 0;
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: TIOCSPTLCK reads one int; TIOCGPTPEER (Linux 4.13) gives a new descriptor, which
    // nobody else knows.
    let slave = unsafe {
        Errno::result(libc::ioctl(
            master.as_raw_fd(),
            libc::TIOCSPTLCK as _,
            &raw const locked,
        ))?;
        let slave = libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER as _, flags);
        OwnedFd::from_raw_fd(Errno::result(slave)?)
    };
    set_size(&master, &winsize(rows, columns)).map_err(opened)?;
    let copy = || master.try_clone().map_err(opened);
    let process = Process {
        pid: Pid::from_raw(0),
        stdin: Some(copy()?),
        outputs: [Some(copy()?), None],
        terminal: Some(master),
    };
    let ends = Ends {
        stdio: [slave.as_raw_fd(); 3],
        theirs: vec![slave],
    };
    Ok((process, ends))
}

/// How the command is to be started.
fn plan(command: &Command, root: Option<&Path>, ends: &Ends) -> Result<Start, End> {
    let below = root.unwrap_or(Path::new("/"));
    let asked = String::from_utf8_lossy(&command.user);
    let user = match asked.as_ref() {
        "" => User::root(),
        name => User::find(below, name)
            .ok_or_else(|| End::failed(format!("the guest has no user `{name}`")))?,
    };
    let mut env: Vec<Vec<u8>> = [
        ("HOME", user.home.as_str()),
        ("LOGNAME", &user.name),
        ("PATH", PATH),
        ("SHELL", &user.shell),
        ("USER", &user.name),
    ]
    .map(|(name, value)| format!("{name}={value}").into_bytes())
    .into();
    for variable in &command.env {
        let name = variable
            .split(|&byte| byte == b'=')
            .next()
            .unwrap_or_default();
        env.retain(|known| known.split(|&byte| byte == b'=').next() != Some(name));
        env.push(variable.clone());
    }
    let path = env
        .iter()
        .find_map(|variable| variable.strip_prefix(b"PATH="));
    let Some(program) = command.argv.first().filter(|program| !program.is_empty()) else {
        return Err(End::failed("there is no program to run"));
    };
    let candidates: Vec<Vec<u8>> = if program.contains(&b'/') {
        vec![program.clone()]
    } else {
        let places = path.unwrap_or_default().split(|&byte| byte == b':');
        let places = places.map(|place| if place.is_empty() { b"." } else { place });
        places
            .map(|place| [place, b"/", program].concat())
            .collect()
    };
    let (directory, fallback) = if command.cwd.is_empty() {
        (user.home.clone().into_bytes(), Some(c"/".to_owned()))
    } else {
        (command.cwd.clone(), None)
    };
    Ok(Start {
        root: root.map(|root| string(root.as_os_str().as_bytes())),
        directory: string(&directory),
        fallback,
        user: (!asked.is_empty()).then_some((user.number, user.group, user.groups)),
        candidates: strings(&candidates),
        argv: strings(&command.argv),
        env: strings(&env),
        stdio: ends.stdio,
        has_terminal: command.tty.is_some(),
    })
}

fn strings(bytes: &[Vec<u8>]) -> Vec<CString> {
    bytes.iter().map(|bytes| string(bytes)).collect()
}

/// What comes over the channel has no zeros; a file of the guest's may.
fn string(bytes: &[u8]) -> CString {
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(bytes.len());
    CString::new(&bytes[..end]).unwrap_or_default()
}

/// Why a command did not start, with the exit code that shells have for it.
fn told(command: &Command, step: Step, error: Errno) -> End {
    let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let program = command
        .argv
        .first()
        .map(|program| show(program))
        .unwrap_or_default();
    let what = match step {
        Step::Program if error == Errno::ENOENT => {
            let code = 127;
            let why = format!("the guest has no program `{program}`");
            return End::Failed { code, why };
        }
        Step::Program => {
            let code = 126;
            let why = format!("could not run `{program}`: {}", error.desc());
            return End::Failed { code, why };
        }
        Step::Process => "make a process".to_owned(),
        Step::Root => "enter the root disk".to_owned(),
        Step::Directory => format!("enter `{}`", show(&command.cwd)),
        Step::User => format!("become `{}`", show(&command.user)),
        Step::Terminal => "take the terminal".to_owned(),
    };
    End::failed(format!("could not {what}: {}", error.desc()))
}
