//! Does what the logic asks for. Nothing here decides anything; what comes of it is a message.

mod count;
mod doctor;
mod export;
mod host;
mod log;
mod operations;
mod pane;
mod paste;
mod sample;
mod session;
mod watch;

use std::future::Future;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::effect::Effect;
use super::message::Message;
use crate::console::reader::{Reader, Step};
use crate::fleet::{Draft, Fleet};
use crate::vm::{Vm, VmName};

/// Where results go. The loop drains it before each frame.
pub(super) type Outbox = mpsc::Sender<Message>;

/// How many results may wait for the loop; who brings more waits.
pub(super) const WAITING: usize = 256;

/// A task that ends when it is no longer held.
#[derive(Debug)]
struct Held(JoinHandle<()>);

impl Held {
    fn spawn(task: impl Future<Output = ()> + 'static) -> Self {
        Self(tokio::task::spawn_local(task))
    }

    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The world, as far as the dashboard acts on it.
pub(super) struct World {
    fleet: Fleet,
    backend: Option<String>,
    outbox: Outbox,
    console: session::Console,
    sampler: Option<Held>,
    counter: Option<Held>,
    follower: Option<Held>,
    check: Option<Held>,
    watcher: Option<Held>,
    host_watcher: Option<Held>,
    trial: Option<Held>,
    tryout: Option<Held>,
    pane: pane::Pane,
}

impl World {
    /// Acts on `fleet`, the doctor and new VMs with the backend that was asked for; results go to `outbox`.
    pub(in crate::app) fn new(fleet: Fleet, backend: Option<String>, outbox: Outbox) -> Self {
        let console = session::Console::new(fleet.config.scrollback);
        Self {
            pane: pane::Pane::new(console.changed()),
            console,
            fleet,
            backend,
            outbox,
            sampler: None,
            counter: None,
            follower: None,
            check: None,
            watcher: None,
            host_watcher: None,
            trial: None,
            tryout: None,
        }
    }

    /// Reads these VMs. Small files, and few of them.
    pub(in crate::app) fn read(&self, names: Vec<VmName>) -> Vec<Vm> {
        self.fleet.store.read(names)
    }

    /// Begins to watch the store. Not done before the first frame, which needs none of it.
    pub(in crate::app) fn watch(&mut self) {
        let task = watch::watch(self.fleet.clone(), self.outbox.clone());
        self.watcher = Some(Held::spawn(task));
    }

    /// The console that is shown.
    pub(in crate::app) fn console(&mut self) -> &mut session::Console {
        &mut self.console
    }

    /// The terminal of a command that mends the host.
    pub(in crate::app) fn pane(&self) -> &pane::Pane {
        &self.pane
    }

    /// Has the console's reader take a step.
    pub(in crate::app) fn read_console(&self, reader: &mut Reader, step: Step) {
        self.console.read(reader, step, &self.outbox);
    }

    /// A draft that asks for no backend has that of the command line.
    fn with_backend(&self, draft: Draft) -> Draft {
        let backend = draft.backend.or_else(|| self.backend.clone());
        Draft { backend, ..draft }
    }

    /// Does one thing, or begins it. Those that concern the terminal are the loop's.
    pub(in crate::app) fn perform(&mut self, effect: Effect) {
        let (fleet, outbox) = (self.fleet.clone(), self.outbox.clone());
        match effect {
            Effect::Scan => detach(operations::scan(fleet, outbox)),
            Effect::Reload(name) => detach(operations::reload(fleet, outbox, name)),
            Effect::History => detach(operations::history(fleet, outbox)),
            Effect::Try(vm, words) => {
                self.tryout = Some(Held::spawn(operations::try_out(fleet, outbox, vm, words)));
            }
            Effect::Boots(vm) => detach(operations::boots(fleet, outbox, vm)),
            Effect::Operate {
                name,
                operation,
                force,
            } => detach(operations::operate(fleet, outbox, name, operation, force)),
            Effect::StartTalkative(name) => {
                detach(operations::start_talkative(fleet, outbox, name));
            }
            Effect::Offer => detach(operations::offer(fleet, outbox)),
            Effect::Check { generation, draft } => {
                let draft = Box::new(self.with_backend(*draft));
                // The one before is of no more interest.
                let task = operations::check(fleet, outbox, generation, draft);
                self.check = Some(Held::spawn(task));
            }
            Effect::Create(draft) => {
                let draft = Box::new(self.with_backend(*draft));
                detach(operations::create(fleet, outbox, draft));
            }
            Effect::Examine { boots } => {
                // From the first result on it must not grow old.
                let images = fleet.store.images_dir();
                let task = || Held::spawn(host::watch(images, outbox.clone()));
                self.host_watcher.get_or_insert_with(task);
                self.trial = doctor::examine(fleet, self.backend.clone(), boots, outbox);
            }
            Effect::Mend(mending) => self.pane.run(&fleet.store, &outbox, &mending),
            Effect::TypeMending(typed) => self.pane.type_in(&typed),
            Effect::ResizeMending(size) => self.pane.resize(size),
            Effect::EndMending => self.pane.end(),
            Effect::NoteFirstStart => doctor::note_first_start(&fleet),
            Effect::Session(open) => self.console.open(fleet, outbox, open),
            Effect::Fit(size, push) => self.console.fit(size, push),
            Effect::Break(letter) => self.console.send_break(letter),
            Effect::Type(typed) => self.console.type_in(typed, &outbox),
            Effect::CancelPaste => self.console.cancel_paste(),
            Effect::Follow(name) => {
                self.follower = name.map(|name| Held::spawn(log::follow(fleet, outbox, name)));
            }
            Effect::Bookmark {
                name,
                offset,
                marked,
            } => detach(log::bookmark(fleet, outbox, name, offset, marked)),
            Effect::Export { name, escapes } => {
                detach(export::export(fleet, outbox, name, escapes));
            }
            Effect::Sample(targets) => {
                self.sampler =
                    (!targets.is_empty()).then(|| Held::spawn(sample::sample(targets, outbox)));
            }
            Effect::Count(target) => {
                self.counter =
                    target.map(|target| Held::spawn(count::count(fleet, outbox, target)));
            }
            Effect::Plan(name) => detach(operations::plan(fleet, outbox, name)),
            // The loop does these.
            Effect::Read(_) | Effect::Copy | Effect::Redraw | Effect::Suspend | Effect::Quit => {}
        }
    }

    /// Whether the doctor has never been shown here.
    pub(in crate::app) fn is_first_start(&self) -> bool {
        doctor::is_first_start(&self.fleet)
    }
}

/// Runs a task that ends by itself.
fn detach(task: impl Future<Output = ()> + 'static) {
    drop(tokio::task::spawn_local(task));
}

/// Tells the loop. When it is gone nobody is interested.
async fn tell(outbox: &Outbox, message: Message) {
    let _ = outbox.send(message).await;
}
