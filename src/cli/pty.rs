//! `pty`: a PTY on a VM's serial line, for picocom, minicom, expect and whatever else wants a device.
//!
//! The bytes pass as they are, unlike on a console: what opens the device interprets them. We hold
//! the device's own side open too, so that programs may come and go. Nobody there to read is no
//! harm: the device holds some kilobytes, and the shim leaves out what comes beyond, as it does for
//! every client that is slow.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use clap::Args;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::{OpenptyResult, openpty};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{read, ttyname, write};
use tokio::io::unix::AsyncFd;

use super::context::Context;
use super::output::{self, Outcome, Reply};
use super::runtime::block_on;
use super::serial::{Piece, Serial};
use crate::app::signals::{Signals, Told};
use crate::fault::{Code, Failure};
use crate::shim::protocol::ReplayFrom;

/// What is typed in one piece: as much as a PTY hands on at once.
const PIECE: usize = 4096;

#[derive(Debug, Args)]
pub(super) struct PtyArgs {
    /// The VM
    pub(super) name: String,
    /// Make a symbolic link to it there, and print that
    #[arg(long, value_name = "PATH")]
    pub(super) link: Option<PathBuf>,
}

pub(super) fn run(context: &Context, args: &PtyArgs) -> Outcome {
    if context.json {
        return Err(Failure::new(Code::UsageError, "a PTY has no JSON")
            .with_hint("the first line on stdout is its path"));
    }
    let how = block_on(bridge(context, args))?;
    output::note(&format!("VM `{}` ended{how}", args.name));
    Ok(Reply::default())
}

/// Passes bytes both ways until the VM ends; returns how it did.
async fn bridge(context: &Context, args: &PtyArgs) -> Result<String, Failure> {
    let failed = |error: io::Error| {
        Failure::new(
            Code::RuntimeError,
            format!("could not make a PTY for `{}`: {error}", args.name),
        )
    };
    let mut signals = Signals::new().map_err(failed)?;
    let mut serial = Serial::attach(&context.fleet, &args.name, ReplayFrom::Now).await?;
    let device = Device::open().map_err(failed)?;
    let _link = args
        .link
        .as_deref()
        .map(|link| Link::make(link, &device.path))
        .transpose()?;
    let shown = args.link.as_deref().unwrap_or(&device.path);
    output::print(&format!("{}\n", shown.display())).map_err(failed)?;
    let mut waiting: Vec<u8> = Vec::new();
    loop {
        tokio::select! {
            piece = serial.next(), if waiting.is_empty() => match piece? {
                Piece::Output(bytes) => waiting = bytes,
                Piece::Ended(exit) => {
                    return Ok(exit.map_or_else(String::new, |exit| format!(": {}", exit.summary())));
                }
                Piece::Gap(missing) => {
                    output::note(&format!("{missing} bytes were left out: nothing read the PTY"));
                }
                Piece::Live | Piece::Size(_) | Piece::Taken | Piece::Refused(_) => {}
            },
            written = device.write(&waiting), if !waiting.is_empty() => {
                waiting.drain(..written.map_err(failed)?);
            }
            typed = device.read() => serial.type_bytes(typed.map_err(failed)?).await?,
            told = signals.next() => match told {
                Told::End(signal) => {
                    let message = format!("the PTY was told to end by {signal}");
                    return Err(Failure::new(Code::Interrupted, message));
                }
                Told::Stop => nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP)
                    .map_err(|errno| failed(errno.into()))?,
                Told::Resize => {}
            },
        }
    }
}

/// A PTY: our end, and the other one, kept open.
struct Device {
    ours: AsyncFd<OwnedFd>,
    _theirs: OwnedFd,
    path: PathBuf,
}

impl Device {
    /// A raw one: nothing is echoed, changed or held back, unless who opens it wants that.
    fn open() -> io::Result<Self> {
        let OpenptyResult { master, slave } = openpty(None, None)?;
        let mut modes = tcgetattr(&slave)?;
        cfmakeraw(&mut modes);
        tcsetattr(&slave, SetArg::TCSANOW, &modes)?;
        let flags = OFlag::from_bits_retain(fcntl(&master, FcntlArg::F_GETFL)?);
        fcntl(&master, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        Ok(Self {
            path: ttyname(slave.as_fd())?,
            // SAFETY: an `OwnedFd` that stays in here is the same open descriptor until it is dropped.
            ours: unsafe { AsyncFd::register(master) }?,
            _theirs: slave,
        })
    }

    async fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; PIECE];
        loop {
            let mut ready = self.ours.readable().await?;
            if let Ok(length) = ready.try_io(|ours| Ok(read(ours, &mut bytes)?)) {
                bytes.truncate(length?);
                return Ok(bytes);
            }
        }
    }

    async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.ours.writable().await?;
            if let Ok(length) = ready.try_io(|ours| Ok(write(ours, bytes)?)) {
                return length;
            }
        }
    }
}

/// A name for the device that is known beforehand; taken away at the end.
struct Link(PathBuf);

impl Link {
    /// Takes the place of a link that leads nowhere, such as one that a killed bridge left.
    fn make(link: &Path, device: &Path) -> Result<Self, Failure> {
        if link.is_symlink() && !link.exists() {
            // What cannot be removed is in the way below as well.
            let _ = std::fs::remove_file(link);
        }
        symlink(device, link).map_err(|error| {
            let message = format!("could not make the link `{}`: {error}", link.display());
            Failure::new(Code::InvalidInput, message).with_hint("give another path with --link")
        })?;
        Ok(Self(link.to_owned()))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_there_while_it_is_held_and_replaces_only_one_that_leads_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let (link, device) = (dir.path().join("tty"), dir.path().join("device"));
        std::fs::write(&device, "").unwrap();
        symlink("/nowhere/at/all", &link).unwrap();
        let held = Link::make(&link, &device).unwrap();
        assert_eq!(std::fs::read_link(&link).unwrap(), device);
        assert!(Link::make(&link, &device).is_err(), "it is in use");
        drop(held);
        assert!(!link.is_symlink());
        std::fs::write(&link, "mine").unwrap();
        assert!(Link::make(&link, &device).is_err());
        assert_eq!(std::fs::read_to_string(&link).unwrap(), "mine");
    }

    #[tokio::test]
    async fn bytes_pass_unchanged_both_ways_and_nothing_is_echoed() {
        let device = Device::open().unwrap();
        let all: Vec<u8> = (0..=255).collect();
        let mut theirs = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&device.path)
            .unwrap();
        io::Write::write_all(&mut theirs, &all).unwrap();
        assert_eq!(device.read().await.unwrap(), all);
        assert_eq!(device.write(&all).await.unwrap(), all.len());
        let mut heard = vec![0; all.len()];
        io::Read::read_exact(&mut theirs, &mut heard).unwrap();
        assert_eq!(heard, all);
        // Who goes may come again.
        drop(theirs);
        let mut theirs = std::fs::OpenOptions::new()
            .write(true)
            .open(&device.path)
            .unwrap();
        io::Write::write_all(&mut theirs, b"again").unwrap();
        assert_eq!(device.read().await.unwrap(), b"again");
    }
}
