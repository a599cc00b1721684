//! The real dashboard in a real terminal, seen through another emulator than its own.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use vt100::{MouseProtocolMode, Parser, Screen};

use super::{Bed, PATIENCE, Process};

/// Columns and rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size(pub(crate) u16, pub(crate) u16);

impl Size {
    fn pty(self) -> PtySize {
        PtySize {
            cols: self.0,
            rows: self.1,
            pixel_width: 0,
            pixel_height: 0,
        }
    }

    pub(crate) fn of_screen(self) -> (NonZeroU16, NonZeroU16) {
        (
            NonZeroU16::new(self.1).unwrap(),
            NonZeroU16::new(self.0).unwrap(),
        )
    }
}

struct Seen {
    parser: Parser,
    raw: Vec<u8>,
    ended: bool,
}

/// A program in a terminal.
pub(crate) struct Session {
    seen: Arc<(Mutex<Seen>, Condvar)>,
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
}

impl Session {
    /// The dashboard on a bed.
    pub(crate) fn dashboard(bed: &Bed, size: Size) -> Self {
        Self::program(bed, size, &[], &[])
    }

    /// The program with arguments and further variables.
    pub(crate) fn program(
        bed: &Bed,
        size: Size,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_smolvm-tui"));
        command.args(arguments);
        command.env_clear();
        command.cwd(bed.home());
        let shared = bed.environment();
        let shared = shared.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        for (key, value) in shared.chain(variables.iter().copied()) {
            command.env(key, value);
        }
        Self::spawn(command, size)
    }

    /// Any program.
    pub(crate) fn spawn(command: CommandBuilder, size: Size) -> Self {
        let pair = native_pty_system().openpty(size.pty()).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (rows, columns) = size.of_screen();
        let seen = Arc::new((
            Mutex::new(Seen {
                parser: Parser::new(rows, columns, 0),
                raw: Vec::new(),
                ended: false,
            }),
            Condvar::new(),
        ));
        let theirs = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            loop {
                let count = reader.read(&mut buffer).unwrap_or(0);
                let mut seen = theirs.0.lock().unwrap();
                seen.parser.process(&buffer[..count]);
                seen.raw.extend_from_slice(&buffer[..count]);
                seen.ended = count == 0;
                theirs.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        Self {
            seen,
            writer: pair.master.take_writer().unwrap(),
            master: pair.master,
            child,
        }
    }

    /// Types bytes as they are.
    pub(crate) fn send(&mut self, keys: impl AsRef<[u8]>) {
        self.writer.write_all(keys.as_ref()).unwrap();
        self.writer.flush().unwrap();
    }

    /// Changes the size of the terminal, as its user would.
    pub(crate) fn resize(&mut self, size: Size) {
        let (rows, columns) = size.of_screen();
        let mut seen = self.seen.0.lock().unwrap();
        seen.parser.screen_mut().set_size(rows, columns);
        drop(seen);
        self.master.resize(size.pty()).unwrap();
    }

    /// Looks at the screen.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Screen) -> T) -> T {
        look(self.seen.0.lock().unwrap().parser.screen())
    }

    /// Every byte that the program wrote so far.
    pub(crate) fn raw(&self) -> Vec<u8> {
        self.seen.0.lock().unwrap().raw.clone()
    }

    /// Waits until `text` stands on the screen.
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait(&format!("`{text}`"), |screen| {
            screen.contents().contains(text)
        });
    }

    /// Waits until `text` stands nowhere on the screen.
    pub(crate) fn wait_without(&self, text: &str) {
        self.wait(&format!("a screen without `{text}`"), |screen| {
            !screen.contents().contains(text)
        });
    }

    /// Waits until a line of the screen holds all of `words`.
    pub(crate) fn wait_for_line(&self, words: &[&str]) {
        self.wait(&format!("a line with {words:?}"), |screen| {
            let contents = screen.contents();
            contents
                .lines()
                .any(|line| words.iter().all(|word| line.contains(word)))
        });
    }

    /// Waits until the screen satisfies `condition`; shows the last one when it never does.
    pub(crate) fn wait(&self, what: &str, condition: impl Fn(&Screen) -> bool) {
        self.wait_at_most(PATIENCE, what, condition);
    }

    /// The same with a patience of its own.
    pub(crate) fn wait_at_most(
        &self,
        patience: Duration,
        what: &str,
        condition: impl Fn(&Screen) -> bool,
    ) {
        let deadline = Instant::now() + patience;
        let mut seen = self.seen.0.lock().unwrap();
        while !condition(seen.parser.screen()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if seen.ended || left.is_zero() {
                let why = if seen.ended {
                    "the program ended"
                } else {
                    "in vain"
                };
                let last = seen.parser.screen().contents();
                // The lock must not be poisoned for whoever looks next.
                drop(seen);
                panic!("waited for {what}: {why}; the last screen:\n{last}\n");
            }
            seen = self.seen.1.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// Waits until the program ended and all that it wrote was read; its exit code.
    pub(crate) fn exit_code(&mut self) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.seen.0.lock().unwrap();
        while !seen.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let last = seen.parser.screen().contents();
                drop(seen);
                panic!("the program did not end; the last screen:\n{last}\n");
            }
            seen = self.seen.1.wait_timeout(seen, left).unwrap().0;
        }
        drop(seen);
        self.child.wait().unwrap().exit_code()
    }

    /// The process.
    pub(crate) fn process(&self) -> Process {
        Process(i32::try_from(self.child.process_id().unwrap()).unwrap())
    }

    /// What is not as a shell expects it of its terminal.
    pub(crate) fn leftovers(&self) -> Vec<&'static str> {
        let modes = self.look(|screen| {
            [
                ("the alternate screen", screen.alternate_screen()),
                ("a hidden cursor", screen.hide_cursor()),
                ("bracketed paste", screen.bracketed_paste()),
                ("application cursor keys", screen.application_cursor()),
                (
                    "mouse reports",
                    screen.mouse_protocol_mode() != MouseProtocolMode::None,
                ),
            ]
        });
        let line = self.master.get_termios().map_or([false; 2], |line| {
            let flags = line.local_flags.bits();
            [nix::libc::ICANON, nix::libc::ECHO].map(|flag| flags & flag == 0)
        });
        let line = ["no canonical input", "no echo"].into_iter().zip(line);
        let left = modes.into_iter().chain(line).filter(|(_, there)| *there);
        left.map(|(what, _)| what).collect()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
