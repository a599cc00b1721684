//! The connection to the selected VM's shim: its console and its events.
//!
//! Bytes never travel through messages. A task reads frames into a terminal that it shares with the
//! loop, in slices so that keys are answered in between, and wakes the loop once for all of them;
//! the loop copies the visible cells right before a frame.

use std::cell::RefCell;
use std::io::Read;
use std::path::Path;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use super::paste::{self, Paste, Progress};
use super::{Held, Outbox, operations, tell};
use crate::app::effect::{OpenSession, SessionKind, Typed};
use crate::app::gutter::Side;
use crate::app::message::{Message, SessionEvent};
use crate::app::state;
use crate::app::update::LONG_PASTE as LONG;
use crate::console::reader::{Marks, Reader, Search, Step, Text};
use crate::console::{Notable, Size, Terminal, keys};
use crate::fault::Failure;
use crate::fleet::Fleet;
use crate::shim::client::{Listener, Talker};
use crate::shim::log::When;
use crate::shim::protocol::{Answer, ClientFrame, Event, Push, ReplayFrom, Request, ServerFrame};
use crate::vm::VmName;

/// Bytes that are parsed before others get their turn.
const SLICE: usize = 64 << 10;
/// Frames to the shim that may wait: a guest that does not read fills them, and typing is refused.
const WAITING: usize = 64;
/// How long what was typed is still offered to a guest after its console was left.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a shim that hung up may take to be gone.
const SHIM_DEATH: Duration = Duration::from_millis(300);
/// The ids of our requests.
const ATTACH: u64 = 1;
const FIT: u64 = 3;
/// A longer last screen is no screen.
const LONGEST_SCREEN: u64 = 4 << 20;

/// What is to be said on a connection, until that stands and takes it.
type Waiting = Rc<RefCell<Option<(VmName, mpsc::Receiver<ClientFrame>)>>>;

/// The console that is shown, if any.
pub(in crate::app) struct Console {
    limit: usize,
    /// Shared between the task that feeds it and the loop that looks at it.
    terminal: Option<Rc<RefCell<Terminal>>>,
    /// How many lines had scrolled away when the loop last looked.
    passed: u64,
    talk: Option<mpsc::Sender<ClientFrame>>,
    waiting: Waiting,
    session: u64,
    task: Option<Held>,
    paste: Option<Paste>,
    progress: Rc<Progress>,
    changed: Rc<Notify>,
}

impl Console {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            terminal: None,
            passed: 0,
            talk: None,
            waiting: Waiting::default(),
            session: 0,
            task: None,
            paste: None,
            progress: Rc::default(),
            changed: Rc::new(Notify::new()),
        }
    }

    /// Woken when the console's picture changed; one wake-up for any number of bytes.
    pub(in crate::app) fn changed(&self) -> Rc<Notify> {
        Rc::clone(&self.changed)
    }

    /// Replaces the connection.
    pub(super) fn open(&mut self, fleet: Fleet, outbox: Outbox, open: Option<OpenSession>) {
        // What was typed on a connection that never stood is for the next one to the same VM.
        let early = self
            .talk
            .take()
            .zip(self.waiting.take())
            .filter(|(_, (name, _))| {
                let is_connecting = self.task.as_ref().is_some_and(|task| !task.is_finished());
                is_connecting && open.as_ref().is_some_and(|open| open.target.name == *name)
            });
        self.task = None;
        self.paste = None;
        self.terminal = None;
        self.passed = 0;
        let Some(open) = open else { return };
        self.session = open.id;
        let terminal = Rc::new(RefCell::new(Terminal::new(open.size, self.limit)));
        let changed = self.changed();
        self.terminal = Some(Rc::clone(&terminal));
        if let SessionKind::LastScreen(_) = open.target.kind {
            let path = fleet.store.paths(&open.target.name).last_screen;
            self.task = Some(Held::spawn(async move {
                let found = show_last_screen(&path, &terminal);
                changed.notify_one();
                let event = SessionEvent::LastScreen(found);
                tell(&outbox, Message::Session(open.id, event)).await;
            }));
            return;
        }
        let (talk, to_say) = match early {
            Some((talk, (_, to_say))) => (talk, to_say),
            None => mpsc::channel(WAITING),
        };
        self.talk = Some(talk);
        let waiting: Waiting = Rc::new(RefCell::new(Some((open.target.name.clone(), to_say))));
        self.waiting = Rc::clone(&waiting);
        let progress = Rc::new(Progress::default());
        self.progress = Rc::clone(&progress);
        let ended_with = fleet.clone();
        self.task = Some(Held::spawn(async move {
            let (id, name) = (open.id, open.target.name.clone());
            let ended = attach(
                fleet, &outbox, open, terminal, &changed, &progress, &waiting,
            )
            .await;
            // A process that is killed closes its sockets before it counts as dead, and only a dead
            // shim has another one started.
            let _ = timeout(SHIM_DEATH, ended_with.released(&name)).await;
            let why = ended.err().map(operations::harmless);
            tell(&outbox, Message::Session(id, SessionEvent::Ended(why))).await;
        }));
    }

    /// Asks that the guest's terminal be given another size.
    pub(super) fn fit(&mut self, size: Size, push: Push) {
        self.ask(Request::Resize {
            rows: size.rows(),
            columns: size.columns(),
            push: Some(push),
        });
    }

    /// Has a BREAK sent, and a key of `SysRq` behind it.
    pub(super) fn send_break(&mut self, letter: Option<char>) {
        self.ask(Request::Break { letter });
    }

    fn ask(&mut self, request: Request) {
        if let Some(talk) = &self.talk {
            // When the queue is full the guest does not read; it can be asked for again.
            let _ = talk.try_send(ClientFrame::Request { id: FIT, request });
        }
    }

    /// Types, as the guest's modes want it.
    pub(super) fn type_in(&mut self, typed: Typed, outbox: &Outbox) {
        let (Some(terminal), Some(talk)) = (&self.terminal, &self.talk) else {
            return;
        };
        let modes = terminal.borrow().modes();
        let bytes = match typed {
            Typed::Key(key) => keys::encode(key, modes),
            Typed::Mouse(mouse) => mouse.encode(modes),
            Typed::Focus(gained) => keys::encode_focus(gained, modes).to_vec(),
            Typed::Paste(text) => {
                let bytes = keys::encode_paste(&text, modes);
                if text.len() > LONG {
                    let bracketed = modes.bracketed_paste;
                    self.paste = Some(Paste::begin(bytes, bracketed, talk, &self.progress));
                    return;
                }
                bytes
            }
        };
        for slice in bytes.chunks(SLICE) {
            if talk.try_send(ClientFrame::Input(slice.to_vec())).is_err() {
                // The loop itself calls this, so it cannot wait for room in its own queue.
                let event = Message::Session(self.session, SessionEvent::NotTaken);
                let _ = outbox.try_send(event);
                return;
            }
        }
    }

    /// Gives up the paste that is under way; a bracket that is open is closed.
    pub(super) fn cancel_paste(&mut self) {
        if let (Some(paste), Some(talk)) = (self.paste.take(), &self.talk)
            && let Some(end) = paste.cancel()
        {
            // The queue was the paste's alone; if the guest takes nothing, this no longer matters.
            let _ = talk.try_send(end);
        }
    }

    /// Copies what is to be seen. A view that is scrolled back stays where it is, whatever comes.
    pub(in crate::app) fn copy(&mut self, view: &mut state::Console, reader: Option<&mut Reader>) {
        let Some(terminal) = &self.terminal else {
            return;
        };
        let terminal = terminal.borrow();
        let passed = terminal.passed();
        if view.offset > 0 {
            let moved = usize::try_from(passed.saturating_sub(self.passed)).unwrap_or(usize::MAX);
            view.offset = view.offset.saturating_add(moved);
            view.new_lines = view.new_lines.saturating_add(moved);
        }
        self.passed = passed;
        view.live_top = terminal.live_top();
        view.marks = Marks::default();
        view.sides.clear();
        if let Some(reader) = reader {
            reader.resize(&*terminal, terminal.size().rows());
            let lines = |count| usize::try_from(count).unwrap_or(usize::MAX);
            view.offset = usize::try_from(view.live_top - reader.top()).unwrap_or(0);
            view.new_lines = lines(reader.new_rows(&*terminal));
            view.marks = reader.marks(&*terminal);
            let rows = reader.top()..reader.top() + i64::from(terminal.size().rows());
            let beside = rows.map(|row| side(&terminal, row, view.boot));
            view.sides.extend(beside);
        }
        view.offset = view.offset.min(terminal.scrollback());
        terminal.view(view.offset, &mut view.screen);
        view.guest = Some(terminal.size());
        view.modes = terminal.modes();
        view.title = terminal.title().map(str::to_owned);
    }
}

impl Console {
    /// Has the reader take a step on the text of the terminal. A search that is not at its end goes
    /// on when others had their turn.
    pub(in crate::app) fn read(&self, reader: &mut Reader, step: Step, outbox: &Outbox) {
        let Some(terminal) = &self.terminal else {
            return;
        };
        reader.take(&*terminal.borrow(), step);
        if let Search::Under { .. } = reader.search() {
            // Without room in the queue the user asks again.
            let _ = outbox.try_send(Message::SearchOn);
        }
    }

    /// What the reader selected; `None` when it is longer than `most` bytes.
    pub(in crate::app) fn selected(&self, reader: &Reader, most: usize) -> Option<String> {
        let terminal = self.terminal.as_ref()?.borrow();
        reader.copied(&*terminal, most)
    }
}

/// What stands beside a row.
fn side(terminal: &Terminal, row: i64, boot: u64) -> Side {
    let mut text = String::new();
    terminal.row(row, &mut text);
    let (t_us, silent_us) = terminal.came(row);
    let when = |t_us| When {
        boot: u32::try_from(boot).unwrap_or(0),
        t_us,
        missed: false,
    };
    Side {
        when: t_us.map(when).filter(|_| !text.is_empty()),
        silent_us,
        mark: Notable::of(&text).map(Notable::word),
    }
}

/// Whether there was a last screen.
fn show_last_screen(path: &Path, terminal: &RefCell<Terminal>) -> bool {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(LONGEST_SCREEN).read_to_end(&mut bytes));
    if read.is_err() || bytes.is_empty() {
        return false;
    }
    terminal.borrow_mut().feed(&bytes);
    true
}

/// Connects and listens until the shim closes the connection.
async fn attach(
    fleet: Fleet,
    outbox: &Outbox,
    open: OpenSession,
    terminal: Rc<RefCell<Terminal>>,
    changed: &Notify,
    progress: &Progress,
    waiting: &Waiting,
) -> Result<(), Failure> {
    let client = fleet.connect(open.target.name.as_str()).await?;
    let (listener, mut talker) = client.split();
    if let SessionKind::Console(_) = open.target.kind {
        let request = Request::Attach {
            from: ReplayFrom::Recent,
        };
        let id = ATTACH;
        talker.say(ClientFrame::Request { id, request }).await?;
    }
    // Apart from listening: a shim that is slow to take must not keep us from reading.
    // It outlives this connection's place on the screen until it has said what was typed by then.
    if let Some((_, to_say)) = waiting.take() {
        tokio::task::spawn_local(talk(talker, to_say));
    }
    listen(listener, outbox, open.id, &terminal, changed, progress).await
}

async fn talk(mut talker: Talker, mut to_say: mpsc::Receiver<ClientFrame>) {
    while let Some(frame) = to_say.recv().await {
        let mut saying = pin!(talker.say(frame));
        loop {
            match timeout(PATIENCE, &mut saying).await {
                Ok(Ok(())) => break,
                // The listener hears of the end of the connection as well, and tells it.
                Ok(Err(_)) => return,
                // The guest takes nothing, and nobody looks at it any more.
                Err(_) if to_say.is_closed() => return,
                Err(_) => {}
            }
        }
    }
}

async fn listen(
    mut listener: Listener,
    outbox: &Outbox,
    id: u64,
    terminal: &RefCell<Terminal>,
    changed: &Notify,
    progress: &Progress,
) -> Result<(), Failure> {
    let session = |event| Message::Session(id, event);
    while let Some(frame) = listener.next().await? {
        match frame {
            ServerFrame::Output { bytes, t_us, .. } => {
                for slice in bytes.chunks(SLICE) {
                    terminal.borrow_mut().feed_at(slice, t_us);
                    changed.notify_one();
                    tokio::task::yield_now().await;
                }
            }
            ServerFrame::Live { .. } => tell(outbox, session(SessionEvent::Live)).await,
            ServerFrame::Gap { missing, .. } => {
                tell(outbox, session(SessionEvent::Gap(missing))).await;
            }
            ServerFrame::Event(Event::Phase { .. }) => {
                tell(outbox, session(SessionEvent::Phase)).await;
            }
            ServerFrame::Event(Event::Boot {
                phase, offset_us, ..
            }) => tell(outbox, session(SessionEvent::Boot(phase, offset_us))).await,
            ServerFrame::Event(Event::Size { rows, columns })
            | ServerFrame::Answer {
                result: Ok(Answer::Attached { rows, columns, .. }),
                ..
            } => {
                terminal.borrow_mut().resize(Size::new(rows, columns));
                changed.notify_one();
            }
            ServerFrame::Answer {
                result: Err(failure),
                id: ATTACH,
            } => return Err(failure),
            ServerFrame::Answer {
                result: Ok(_),
                id: paste::PIECE_ID,
            } => {
                let (taken, all) = progress.took_one();
                tell(outbox, session(SessionEvent::Pasted(taken, all))).await;
            }
            ServerFrame::Answer {
                result: Err(failure),
                ..
            } => {
                let refused = SessionEvent::Refused(operations::harmless(failure));
                tell(outbox, session(refused)).await;
            }
            ServerFrame::Answer { .. } | ServerFrame::Hello { .. } | ServerFrame::Stream(_) => {}
        }
    }
    Ok(())
}
