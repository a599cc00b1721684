//! The owner of one VM: one task that hears everything and decides everything.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::agent::Agent;
use super::boot::Detector;
use super::breaking::Break;
use super::clients::{ClientId, Clients, Wish};
use super::console::Console;
use super::ending::Ending;
use super::gap::Gap;
use super::host::{Host, Prepared, Subject};
use super::typing::Typing;
use crate::backends::{Backend, Launched, Line, MachineEvent, ProcessExit};
use crate::console::Size;
use crate::fault::Failure;
use crate::shim::protocol::Event;
use crate::vm::{BootPhase, Figures, Operation, Phase, ShimLock, VmState};

/// One read of the serial line.
const BUFFER: usize = 64 * 1024;

/// A state that could not be written is tried again after this.
const RETRY: Duration = Duration::from_secs(1);

pub(super) type MachineOf<H> = <<H as Host>::Backend as Backend>::Machine;

/// What a piece of work came to.
pub(super) enum Step<M> {
    Prepared(Box<Prepared>),
    Launched(Box<Launched<M>>),
    Started { at: Instant, threads: Vec<u32> },
    Paused,
    Resumed,
}

/// The operation under way. Dropping it cancels what it does.
pub(super) struct Work<M> {
    pub(super) operation: Operation,
    /// Who is to be told what came of it.
    pub(super) askers: Vec<(ClientId, u64)>,
    pub(super) task: Pin<Box<dyn Future<Output = Result<Step<M>, Failure>>>>,
}

/// What work says while it is under way.
#[derive(Debug)]
pub(super) enum Note {
    /// A boot phase came.
    Stamp(BootPhase, Instant),
    /// What is done now, in words.
    Activity(&'static str),
    /// The VMM is about to be killed by us.
    Killing,
    /// What the VMM counts, or why that is not to be had.
    Figures(Result<Box<Figures>, Failure>),
    /// A BREAK was sent, or why not.
    Broke(Break, Result<(), Failure>),
}

/// What a waiting client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    Running,
    Ready,
    Ended,
}

/// The VMM and its lines.
pub(super) struct Live<M> {
    pub(super) machine: M,
    pub(super) serial: Line,
    /// Whether there may be more on the serial line.
    pub(super) serial_open: bool,
    /// It was read last: whatever else waits comes first, however much the guest prints.
    pub(super) serial_waits: bool,
    pub(super) agent: Option<Agent>,
    pub(super) exit: Pin<Box<dyn Future<Output = ProcessExit>>>,
    pub(super) events: Option<mpsc::Receiver<MachineEvent>>,
}

/// The boot under way.
pub(super) struct Boot {
    pub(super) detector: Detector,
    /// When its VMM was spawned: the zero of all its times.
    pub(super) spawned: Option<Instant>,
    /// It is seen from its begin on: what comes is new. After an adoption nobody knows.
    pub(super) watched: bool,
    /// Where its output begins.
    pub(super) offset: u64,
    /// It is in the history.
    pub(super) recorded: bool,
}

/// One of all the things that can happen.
pub(super) enum Happening<M> {
    Exit(ProcessExit),
    Connection(UnixStream),
    Wish(ClientId, Wish),
    Work(Result<Step<M>, Failure>),
    Note(Note),
    Machine(Option<MachineEvent>),
    Serial,
    Typing,
    Agent,
    /// The state may be writable by now.
    Retry,
}

pub(super) struct Owner<H: Host> {
    pub(super) host: Rc<H>,
    pub(super) subject: Subject,
    pub(super) lock: Option<ShimLock>,
    pub(super) state: VmState,
    pub(super) console: Rc<RefCell<Console>>,
    pub(super) gap: Gap,
    pub(super) clients: Clients,
    pub(super) wishes: mpsc::Receiver<(ClientId, Wish)>,
    pub(super) waiters: Vec<(ClientId, u64, Until)>,
    /// Who waits for the figures that are being asked for.
    pub(super) counting: Vec<(ClientId, u64)>,
    pub(super) note: mpsc::Sender<Note>,
    pub(super) notes: mpsc::Receiver<Note>,
    pub(super) typing: Typing,
    pub(super) work: Option<Work<MachineOf<H>>>,
    pub(super) live: Option<Live<MachineOf<H>>>,
    pub(super) boot: Boot,
    /// The size of the console that took the keys last.
    pub(super) fit: Option<Size>,
    pub(super) ending: Ending,
    /// Why the start came to nothing.
    pub(super) failure: Option<Failure>,
    /// Whether the kernel is to tell all that it can when it boots next.
    pub(super) talkative: bool,
    /// Once it has ended, start it again.
    pub(super) again: bool,
    /// It has ended, and that is written.
    pub(super) over: bool,
    pub(super) buffer: Vec<u8>,
    /// Why the state is not written, and when that is tried again.
    pub(super) unsaved: Option<(Failure, tokio::time::Instant)>,
}

impl<H: Host> Owner<H> {
    pub(super) fn new(
        host: Rc<H>,
        subject: Subject,
        lock: ShimLock,
        state: VmState,
        console: Console,
    ) -> Self {
        let gap = Gap::new(&subject.paths, console.end());
        let boot = Boot {
            detector: Detector::adopted(None),
            spawned: None,
            watched: false,
            offset: console.end(),
            recorded: false,
        };
        let console = Rc::new(RefCell::new(console));
        let (clients, wishes) = Clients::new(Rc::clone(&console));
        let (note, notes) = mpsc::channel(16);
        Self {
            host,
            subject,
            lock: Some(lock),
            state,
            console,
            gap,
            clients,
            wishes,
            waiters: Vec::new(),
            counting: Vec::new(),
            note,
            notes,
            typing: Typing::default(),
            work: None,
            live: None,
            boot,
            fit: None,
            ending: Ending::default(),
            failure: None,
            talkative: false,
            again: false,
            over: false,
            buffer: vec![0; BUFFER],
            unsaved: None,
        }
    }

    /// Looks after the VM until it has ended and that is written and told.
    pub(super) async fn run(mut self, listener: UnixListener) {
        while !self.over {
            let happening = self.next(&listener).await;
            self.handle(happening).await;
        }
        self.release_network().await;
        self.farewell(listener).await;
    }

    /// Takes the VM's network away, now that it has ended. What stays is said, and found by the
    /// doctor.
    pub(super) async fn release_network(&mut self) {
        let released = self.host.release(&self.subject).await;
        self.state.network = released
            .err()
            .map(|failure| format!("left behind: {}", failure.message));
    }

    /// What happens next; the end of the VMM comes before everything else.
    pub(super) async fn next(&mut self, listener: &UnixListener) -> Happening<MachineOf<H>> {
        let Self {
            live,
            work,
            wishes,
            notes,
            typing,
            clients,
            unsaved,
            ..
        } = self;
        let retry = unsaved.as_ref().map(|(_, at)| *at);
        let room = clients.has_room();
        let working = work.is_some();
        let (exit, serial, agent, events, serial_open, serial_waits) = match live {
            Some(live) => (
                Some(&mut live.exit),
                Some(&live.serial),
                live.agent.as_mut(),
                live.events.as_mut(),
                live.serial_open,
                std::mem::take(&mut live.serial_waits),
            ),
            None => (None, None, None, None, false, false),
        };
        tokio::select! {
            biased;
            exit = async { match exit { Some(exit) => exit.await, None => pending().await } } => {
                Happening::Exit(exit)
            }
            happening = async {
                tokio::select! {
                    () = readable(serial), if serial_open && !serial_waits => Happening::Serial,
                    () = writable(serial), if serial_open && typing.wants_line() => {
                        Happening::Typing
                    }
                    Some((client, wish)) = wishes.recv() => Happening::Wish(client, wish),
                    Some(note) = notes.recv() => Happening::Note(note),
                    event = async {
                        match events { Some(events) => events.recv().await, None => pending().await }
                    } => Happening::Machine(event),
                    () = async {
                        match agent { Some(agent) => agent.ready().await, None => pending().await }
                    } => Happening::Agent,
                    came = async {
                        match work { Some(work) => (&mut work.task).await, None => pending().await }
                    }, if working => Happening::Work(came),
                    () = async {
                        match retry { Some(at) => tokio::time::sleep_until(at).await, None => pending().await }
                    } => Happening::Retry,
                    stream = accept(listener), if room => Happening::Connection(stream),
                    () = readable(serial), if serial_open && serial_waits => Happening::Serial,
                }
            } => happening,
        }
    }

    pub(super) async fn handle(&mut self, happening: Happening<MachineOf<H>>) {
        match happening {
            Happening::Exit(exit) => self.vmm_ended(exit).await,
            Happening::Connection(stream) => self.clients.accept(stream),
            Happening::Wish(client, wish) => self.wish(client, wish),
            Happening::Work(result) => self.worked(result),
            Happening::Note(note) => self.noted(note),
            Happening::Machine(Some(event)) => self.machine_said(&event),
            Happening::Machine(None) => {
                if let Some(live) = &mut self.live {
                    live.events = None;
                }
            }
            Happening::Serial => self.listen().await,
            Happening::Typing => self.type_on(),
            Happening::Agent => self.hear_agent(),
            Happening::Retry => self.save(),
        }
    }

    fn noted(&mut self, note: Note) {
        match note {
            Note::Stamp(phase, at) => {
                if phase == BootPhase::Spawned {
                    self.boot.spawned = Some(at);
                }
                let end = self.console.borrow().end();
                self.stamp(phase, at, end);
            }
            Note::Activity(words) => {
                self.state.activity = Some(words.to_owned());
                self.save();
            }
            Note::Killing => self.ending.we_killed = true,
            Note::Figures(result) => self.counted(result),
            Note::Broke(sent, result) => self.broke(sent, result),
        }
    }

    /// Takes what work has said and nobody has heard yet.
    pub(super) fn catch_up_on_notes(&mut self) {
        while let Ok(note) = self.notes.try_recv() {
            self.noted(note);
        }
    }

    fn machine_said(&mut self, event: &MachineEvent) {
        match event {
            MachineEvent::Ending(reason) => {
                self.ending.told.get_or_insert(*reason);
            }
            MachineEvent::Paused if self.state.phase == Phase::Running => {
                self.enter(Phase::Paused);
            }
            MachineEvent::Resumed if self.state.phase == Phase::Paused => {
                self.enter(Phase::Running);
                self.tell_time();
            }
            MachineEvent::Paused | MachineEvent::Resumed => {}
        }
    }

    /// Takes what the VMM said and nobody has heard yet; it speaks of its end just before it ends.
    pub(super) async fn catch_up_on_events(&mut self) {
        const PATIENCE: Duration = Duration::from_millis(200);
        let events = self.live.as_mut().and_then(|live| live.events.take());
        let Some(mut events) = events else { return };
        let all = async {
            while let Some(event) = events.recv().await {
                self.machine_said(&event);
                if self.ending.told.is_some() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(PATIENCE, all).await;
    }

    /// The VM is in another phase: written, and told to everybody.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.state.phase = phase;
        self.save();
        self.clients.tell(&Event::Phase {
            phase,
            exit: self.state.exit.clone(),
        });
        self.settle_waiters();
    }

    /// Writes the state. A disk that refuses must not end the VM: it is told to whoever asks, and
    /// tried again until it works.
    pub(super) fn save(&mut self) {
        let Some(lock) = &self.lock else { return };
        let saved = self.subject.store.save_state(lock, &self.state);
        self.unsaved = saved
            .err()
            .map(|error| (error.into(), tokio::time::Instant::now() + RETRY));
    }
}

async fn pending<T>() -> T {
    std::future::pending().await
}

async fn readable(line: Option<&Line>) {
    match line {
        // An error shows again when it is read.
        Some(line) => drop(line.readable().await),
        None => pending().await,
    }
}

async fn writable(line: Option<&Line>) {
    let Some(line) = line else { pending().await };
    drop(line.writable().await);
}

/// The next connection. What fails, such as for want of descriptors, is tried again in a while.
pub(super) async fn accept(listener: &UnixListener) -> UnixStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}
