//! Does what the logic asks for. Nothing here decides anything; what comes of it is a message.

mod doctor;
mod host;
mod log;
mod operations;
mod paste;
mod sample;
mod session;
mod watch;

use std::future::Future;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::effect::Effect;
use super::message::Message;
use crate::fleet::Fleet;
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
    follower: Option<Held>,
    check: Option<Held>,
    watcher: Option<Held>,
    host_watcher: Option<Held>,
}

impl World {
    /// Acts on `fleet`, the doctor with the backend that was asked for; results go to `outbox`.
    pub(in crate::app) fn new(fleet: Fleet, backend: Option<String>, outbox: Outbox) -> Self {
        Self {
            console: session::Console::new(fleet.config.scrollback),
            fleet,
            backend,
            outbox,
            sampler: None,
            follower: None,
            check: None,
            watcher: None,
            host_watcher: None,
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

    /// Does one thing, or begins it. Those that concern the terminal are the loop's.
    pub(in crate::app) fn perform(&mut self, effect: Effect) {
        let (fleet, outbox) = (self.fleet.clone(), self.outbox.clone());
        match effect {
            Effect::Scan => detach(operations::scan(fleet, outbox)),
            Effect::Reload(name) => detach(operations::reload(fleet, outbox, name)),
            Effect::Boots(vm) => detach(operations::boots(fleet, outbox, vm)),
            Effect::Operate {
                name,
                operation,
                force,
            } => detach(operations::operate(fleet, outbox, name, operation, force)),
            Effect::Offer => detach(operations::offer(fleet, outbox)),
            Effect::Check { generation, draft } => {
                // The one before is of no more interest.
                let task = operations::check(fleet, outbox, generation, draft);
                self.check = Some(Held::spawn(task));
            }
            Effect::Create(draft) => detach(operations::create(fleet, outbox, draft)),
            Effect::Examine => {
                // From the first result on it must not grow old.
                let images = fleet.store.images_dir();
                let task = || Held::spawn(host::watch(images, outbox.clone()));
                self.host_watcher.get_or_insert_with(task);
                doctor::examine(fleet, self.backend.clone(), outbox);
            }
            Effect::NoteFirstStart => doctor::note_first_start(&fleet),
            Effect::Session(open) => self.console.open(fleet, outbox, open),
            Effect::Fit(size, push) => self.console.fit(size, push),
            Effect::Type(typed) => self.console.type_in(typed, &outbox),
            Effect::CancelPaste => self.console.cancel_paste(),
            Effect::Follow(name) => {
                self.follower = name.map(|name| Held::spawn(log::follow(fleet, outbox, name)));
            }
            Effect::Sample(targets) => {
                self.sampler =
                    (!targets.is_empty()).then(|| Held::spawn(sample::sample(targets, outbox)));
            }
            Effect::Redraw | Effect::Suspend | Effect::Quit => {}
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
