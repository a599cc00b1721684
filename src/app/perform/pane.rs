//! A command in a terminal of its own: a PTY at whose other end is our terminal engine.
//!
//! The master is read and written without threads, so that letting go of it hangs the line up: the
//! kernel then tells the command and what it started, also what runs as root where we may not.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::rc::Rc;
use std::thread;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use tokio::io::unix::AsyncFd;
use tokio::sync::{Notify, mpsc};

use super::{Held, Outbox};
use crate::app::effect::{Mending, Typed};
use crate::app::message::Message;
use crate::app::state::Modal;
use crate::console::{Size, Terminal, keys};
use crate::doctor;
use crate::vm::Store;

/// Lines of the past that are kept.
const SCROLLBACK: usize = 1000;
/// Pieces of typing that may wait: a command that does not read fills them, and typing is lost.
const WAITING: usize = 64;

/// The terminal of the command that runs, if one does.
pub(in crate::app) struct Pane {
    running: Option<Running>,
    changed: Rc<Notify>,
}

struct Running {
    id: u64,
    terminal: Rc<RefCell<Terminal>>,
    talk: mpsc::Sender<Vec<u8>>,
    master: Box<dyn MasterPty>,
    _reading: Held,
    _writing: Held,
}

impl Pane {
    /// `changed` is woken when its picture changed.
    pub(super) fn new(changed: Rc<Notify>) -> Self {
        Self {
            running: None,
            changed,
        }
    }

    /// Runs a command; how it ends comes as a message.
    pub(super) fn run(&mut self, store: &Store, outbox: &Outbox, mending: &Mending) {
        let id = mending.id;
        self.running = None;
        let result = self.begin(store, mending).and_then(|mut child| {
            let outbox = outbox.clone();
            let wait = move || {
                let result = how_it_ended(&mut *child);
                let _ = outbox.blocking_send(Message::Mended(id, result));
            };
            let thread = thread::Builder::new().name("mending".to_owned());
            thread.spawn(wait).map(drop)
        });
        if let Err(error) = result {
            let how = format!("it could not be run: {error}");
            // The loop itself calls this, so it cannot wait for room in its own queue.
            let _ = outbox.try_send(Message::Mended(id, Err(how)));
        }
    }

    fn begin(
        &mut self,
        store: &Store,
        mending: &Mending,
    ) -> io::Result<Box<dyn Child + Send + Sync>> {
        let pair = native_pty_system()
            .openpty(pty_size(mending.size))
            .map_err(io::Error::other)?;
        let mut command = CommandBuilder::new(doctor::SHELL);
        command.args(["-c", &mending.command]);
        command.env("TERM", "xterm-256color");
        for (name, value) in doctor::mending_environment(store) {
            command.env(name, value);
        }
        command.cwd(std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")));
        let line = Rc::new(line(&*pair.master)?);
        let child = pair
            .slave
            .spawn_command(command)
            .map_err(io::Error::other)?;
        let terminal = Rc::new(RefCell::new(Terminal::new(mending.size, SCROLLBACK)));
        let (talk, typed) = mpsc::channel(WAITING);
        self.running = Some(Running {
            id: mending.id,
            _reading: Held::spawn(read(
                Rc::clone(&line),
                Rc::clone(&terminal),
                talk.clone(),
                Rc::clone(&self.changed),
            )),
            _writing: Held::spawn(write(line, typed)),
            terminal,
            talk,
            master: pair.master,
        });
        Ok(child)
    }

    /// Types, as the command's modes want it.
    pub(super) fn type_in(&self, typed: &Typed) {
        let Some(running) = &self.running else { return };
        let modes = running.terminal.borrow().modes();
        let bytes = match typed {
            Typed::Key(key) => keys::encode(*key, modes),
            Typed::Mouse(mouse) => mouse.encode(modes),
            Typed::Focus(gained) => keys::encode_focus(*gained, modes).to_vec(),
            Typed::Paste(text) => keys::encode_paste(text, modes),
        };
        let _ = running.talk.try_send(bytes);
    }

    /// Gives it another size.
    pub(super) fn resize(&self, size: Size) {
        if let Some(running) = &self.running {
            running.terminal.borrow_mut().resize(size);
            // One that has ended has no size.
            let _ = running.master.resize(pty_size(size));
        }
    }

    /// Hangs up.
    pub(super) fn end(&mut self) {
        self.running = None;
    }

    /// Copies what is to be seen.
    pub(in crate::app) fn copy(&self, modals: &mut [Modal]) {
        if let (Some(running), Some(Modal::Mend(mend))) = (&self.running, modals.last_mut())
            && mend.id == running.id
        {
            running.terminal.borrow().view(0, &mut mend.screen);
        }
    }
}

fn pty_size(size: Size) -> PtySize {
    PtySize {
        rows: size.rows(),
        cols: size.columns(),
        pixel_width: 0,
        pixel_height: 0,
    }
}

fn how_it_ended(child: &mut dyn Child) -> Result<(), String> {
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(match status.signal() {
            Some(signal) => format!("a signal ended it: {signal}"),
            None => format!("it failed with exit code {}", status.exit_code()),
        }),
        Err(error) => Err(format!("nobody knows how it ended: {error}")),
    }
}

/// The master's end of the line, not blocking.
fn line(master: &dyn MasterPty) -> io::Result<AsyncFd<OwnedFd>> {
    let fd = master.as_raw_fd().ok_or(io::ErrorKind::Unsupported)?;
    // SAFETY: `master` owns the descriptor and outlives this borrow.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()?;
    let flags = OFlag::from_bits_truncate(fcntl(fd.as_fd(), FcntlArg::F_GETFL)?);
    fcntl(fd.as_fd(), FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    // SAFETY: an `OwnedFd` names the same open descriptor from here until it is dropped.
    unsafe { AsyncFd::register(fd) }.map_err(Into::into)
}

/// Feeds what the command prints to the terminal, and answers what it asks of it.
async fn read(
    line: Rc<AsyncFd<OwnedFd>>,
    terminal: Rc<RefCell<Terminal>>,
    talk: mpsc::Sender<Vec<u8>>,
    changed: Rc<Notify>,
) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(mut guard) = line.readable().await {
        match nix::unistd::read(line.get_ref(), &mut buffer) {
            // Linux says EIO when nobody holds the other end any more.
            Ok(0) => return,
            Ok(length) => {
                let said = buffer.get(..length).unwrap_or_default();
                let answers = terminal.borrow_mut().feed_answering(said);
                if !answers.is_empty() {
                    let _ = talk.try_send(answers);
                }
                changed.notify_one();
                tokio::task::yield_now().await;
            }
            Err(Errno::EAGAIN) => guard.clear_ready(),
            Err(Errno::EINTR) => {}
            Err(_) => return,
        }
    }
}

async fn write(line: Rc<AsyncFd<OwnedFd>>, mut typed: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = typed.recv().await {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let Ok(mut guard) = line.writable().await else {
                return;
            };
            match nix::unistd::write(line.get_ref(), rest) {
                Ok(length) => rest = rest.get(length..).unwrap_or_default(),
                Err(Errno::EAGAIN) => guard.clear_ready(),
                Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
    }
}
