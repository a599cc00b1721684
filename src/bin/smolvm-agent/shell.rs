//! The shell on the serial line.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::libc;
use nix::sys::signal::SigSet;
use nix::unistd::Pid;

use crate::cmdline::Cmdline;
use crate::command::PATH;
use crate::log::warn;
use crate::modules::text;
use crate::root::MOUNT_POINT;
use crate::stages::now_us;

/// Shell and tools of the guest.
pub(crate) const BUSYBOX: &str = "/bin/busybox";

/// A shell that ended sooner than this is not started again at once: each time in a row the pause
/// is twice as long.
const SHORT_LIFE_US: u64 = 1_000_000;

/// The longest pause is this often doubled.
const DOUBLINGS: u32 = 5;

/// A shell on the root disk that has never read and ended so often at once is given up.
const GIVE_UP: u32 = 3;

/// Gives busybox its names, unless the image brings them: who builds for another architecture
/// cannot run that busybox to ask for them.
pub(crate) fn install_tools() {
    if Path::new("/bin/sh").exists() {
        return;
    }
    // Waited for here: nobody reaps yet.
    match Command::new(BUSYBOX)
        .args(["--install", "-s", "/bin"])
        .status()
    {
        Ok(status) if status.success() => {}
        Ok(status) => warn(&format!("{BUSYBOX} --install ended with {status}")),
        Err(error) => warn(&format!("cannot start {BUSYBOX}: {error}")),
    }
}

/// The shell, its terminal, and what to do when it ends.
pub(crate) struct Shell {
    tty: PathBuf,
    size: libc::winsize,
    root: Option<PathBuf>,
    child: Option<Pid>,
    started_us: u64,
    /// How many in a row did not start, or ended at once.
    short_lives: u32,
    /// One has read what was typed: it works.
    has_read: bool,
    /// Why the last one did not start, which is told once.
    told: Option<String>,
}

impl Shell {
    /// A shell on the console of this machine; it is not started yet.
    pub(crate) fn new(cmdline: &Cmdline) -> Self {
        Self {
            tty: console(cmdline),
            // What a terminal is taken to be until the host says otherwise.
            size: winsize(24, 80),
            root: None,
            child: None,
            started_us: 0,
            short_lives: 0,
            has_read: false,
            told: None,
        }
    }

    /// Makes the shell live in another root directory.
    pub(crate) fn live_in(&mut self, root: PathBuf) {
        self.root = Some(root);
    }

    /// The root directory in which it lives, when that is another one.
    pub(crate) fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// Starts the shell as the leader of a session whose terminal is the serial line. One that does
    /// not start on the root disk is started outside of it.
    pub(crate) fn start(&mut self) {
        self.started_us = now_us();
        let mut started = self.spawn();
        if let Err(error) = &started
            && self.leave_root(&match error.kind() {
                // It was looked for: what the kernel missed is what the program needs.
                io::ErrorKind::NotFound => "lacks its loader or interpreter".to_owned(),
                _ => format!("does not start: {error}"),
            })
        {
            started = self.spawn();
        }
        match started {
            Ok(child) => self.child = Some(child),
            Err(error) => {
                self.short_lives = self.short_lives.saturating_add(1);
                let why = format!("cannot start a shell on {}: {error}", self.tty.display());
                if self.told.as_ref() != Some(&why) {
                    warn(&why);
                    self.told = Some(why);
                }
            }
        }
    }

    /// Notes that the process `child` ended, which may have been the shell.
    pub(crate) fn ended(&mut self, child: Pid) {
        if self.child != Some(child) {
            return;
        }
        self.child = None;
        if now_us().saturating_sub(self.started_us) >= SHORT_LIFE_US {
            self.short_lives = 0;
            return;
        }
        self.short_lives = self.short_lives.saturating_add(1);
        if !self.has_read && self.short_lives >= GIVE_UP {
            self.leave_root("ends as soon as it starts");
        }
    }

    /// Moves out of the root disk, if the shell lives there, and says why.
    fn leave_root(&mut self, why: &str) -> bool {
        if self.root.take().is_none() {
            return false;
        }
        self.short_lives = 0;
        warn(&format!(
            "cannot live on the root disk: its /bin/sh {why}; it is on {MOUNT_POINT}, here is a shell outside"
        ));
        true
    }

    /// How long to wait, in ms, before the shell is started again; `None` while it lives.
    pub(crate) fn restart_in_ms(&self) -> Option<u16> {
        if self.child.is_some() {
            return None;
        }
        let pause_us = match self.short_lives {
            0 => 0,
            lives => SHORT_LIFE_US << (lives - 1).min(DOUBLINGS),
        };
        let since = now_us().saturating_sub(self.started_us);
        u16::try_from(pause_us.saturating_sub(since).div_ceil(1000)).ok()
    }

    /// Gives the terminal another size, now and after each restart of the shell.
    pub(crate) fn resize(&mut self, rows: u16, columns: u16) {
        self.size = winsize(rows, columns);
        // Opened for the moment only: the end of a session hangs up every descriptor of its tty.
        if let Err(error) = open_tty(&self.tty).and_then(|tty| set_size(&tty, &self.size)) {
            warn(&format!("cannot resize {}: {error}", self.tty.display()));
        }
    }

    /// Whether the shell is blocked in a read of its terminal, or in a poll before one: whatever
    /// is typed now is read.
    pub(crate) fn reads(&mut self) -> bool {
        let reads = self.child.is_some_and(is_reading);
        self.has_read |= reads;
        reads
    }

    fn spawn(&self) -> io::Result<Pid> {
        let tty = open_tty(&self.tty)?;
        set_size(&tty, &self.size)?;
        let program = match self.root {
            Some(_) => "/bin/sh",
            None => BUSYBOX,
        };
        let mut command = Command::new(program);
        command
            .arg0("sh")
            .env_clear()
            .env("HOME", "/root")
            .env("LOGNAME", "root")
            .env("PATH", PATH)
            .env("PS1", r"\h:\w# ")
            .env("SHELL", "/bin/sh")
            .env("TERM", "vt220")
            .env("USER", "root")
            .stdin(Stdio::from(tty.try_clone()?))
            .stdout(Stdio::from(tty.try_clone()?))
            .stderr(Stdio::from(tty));
        let root = self.root.clone();
        // SAFETY: between fork and exec of a process without threads; only system calls.
        unsafe {
            command.pre_exec(move || {
                SigSet::empty().thread_set_mask()?;
                if let Some(root) = &root {
                    nix::unistd::chroot(root)?;
                }
                let _ = nix::unistd::chdir("/root").or_else(|_| nix::unistd::chdir("/"));
                nix::unistd::setsid()?;
                // Standard input is the tty by now; 1 steals it from a session that may be left.
                if libc::ioctl(0, libc::TIOCSCTTY as _, 1) == -1 {
                    return Err(io::Error::last_os_error());
                }
                Ok(())
            });
        }
        let child = command.spawn()?;
        // Reaped with all others, by the agent's loop.
        Ok(Pid::from_raw(
            libc::pid_t::try_from(child.id()).unwrap_or(0),
        ))
    }
}

/// Whether a process is blocked in a read of its terminal, or in a poll before one.
fn is_reading(child: Pid) -> bool {
    // `NR ARG0 …` of the system call in which the process is blocked, else `running`
    // (proc(5)); the first argument of read is the descriptor.
    let Ok(line) = fs::read_to_string(format!("/proc/{child}/syscall")) else {
        // Without CONFIG_HAVE_ARCH_TRACEHOOK: the kernel function in which it sleeps.
        let place = text(Path::new(&format!("/proc/{child}/wchan")));
        return place.contains("n_tty_read") || place.contains("poll");
    };
    let mut words = line.split_ascii_whitespace();
    match words.next().and_then(|word| word.parse().ok()) {
        Some(libc::SYS_read) => words.next() == Some("0x0"),
        Some(number) => WAITS.contains(&number),
        None => false,
    }
}

/// System calls that wait for input on a terminal and are no read.
#[cfg(target_arch = "x86_64")]
const WAITS: [i64; 4] = [
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_select,
    libc::SYS_pselect6,
];
/// System calls that wait for input on a terminal and are no read.
#[cfg(not(target_arch = "x86_64"))]
const WAITS: [i64; 2] = [libc::SYS_ppoll, libc::SYS_pselect6];

/// The terminal behind `/dev/console`, which itself cannot control a session.
fn console(cmdline: &Cmdline) -> PathBuf {
    let active = text(Path::new("/sys/class/tty/console/active"));
    let told = cmdline
        .value("console")
        .and_then(|value| value.split(',').next());
    active
        .split_ascii_whitespace()
        .next_back()
        .into_iter()
        .chain(told)
        .map(|name| Path::new("/dev").join(name))
        .find(|tty| tty.exists())
        .unwrap_or_else(|| PathBuf::from("/dev/console"))
}

fn open_tty(tty: &Path) -> io::Result<fs::File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOCTTY)
        .open(tty)
}

pub(crate) fn winsize(rows: u16, columns: u16) -> libc::winsize {
    libc::winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

pub(crate) fn set_size(tty: &fs::File, size: &libc::winsize) -> io::Result<()> {
    // SAFETY: TIOCSWINSZ reads one `winsize`, which lives until the call returns.
    match unsafe {
        libc::ioctl(
            tty.as_fd().as_raw_fd(),
            libc::TIOCSWINSZ as _,
            &raw const *size,
        )
    } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
