//! Reading the store and acting on VMs. What may block does so on a thread of its own.

use std::time::Duration;

use super::{Outbox, tell};
use crate::app::message::Message;
use crate::app::tryout::PAIRS;
use crate::console::sanitize_line;
use crate::fault::{Code, Failure};
use crate::fleet::{BenchPlan, Draft, Fleet};
use crate::guest::ImageStore;
use crate::vm::{Operation, Vm, VmName, process};

/// Longer words of a VMM are cut.
const LONGEST: usize = 2000;

/// Does something that may block. `None` when it panicked, which was told already.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

fn clean(text: &str) -> String {
    sanitize_line(&text.replace('\n', " "), LONGEST)
}

/// What comes from programs and files is shown, so it must be harmless.
pub(super) fn harmless(mut failure: Failure) -> Failure {
    failure.message = clean(&failure.message);
    failure.hint = failure.hint.as_deref().map(clean);
    failure.details = failure.details.as_deref().map(|details| {
        let lines: Vec<String> = details.lines().map(clean).collect();
        lines.join("\n")
    });
    failure
}

pub(super) async fn scan(fleet: Fleet, outbox: Outbox) {
    let vms = fleet.list().await.map_err(harmless);
    tell(&outbox, Message::Vms(vms)).await;
    offer(fleet, outbox).await;
}

pub(super) async fn reload(fleet: Fleet, outbox: Outbox, name: VmName) {
    // Two small files: cheaper to read than a thread is to wake.
    let vm = fleet
        .store
        .paths(&name)
        .dir
        .exists()
        .then(|| fleet.store.observe(name.clone(), &process::host_boot_id()));
    tell(&outbox, Message::Vm(name, vm.map(Box::new))).await;
}

pub(super) async fn boots(fleet: Fleet, outbox: Outbox, vm: Box<Vm>) {
    let name = vm.name.clone();
    match blocking(move || fleet.past(&vm)).await {
        Some(Ok(past)) => tell(&outbox, Message::Boots(name, Box::new(past))).await,
        Some(Err(failure)) => tell(&outbox, Message::Notice(harmless(failure))).await,
        None => {}
    }
}

pub(super) async fn history(fleet: Fleet, outbox: Outbox) {
    match blocking(move || fleet.history()).await {
        Some(Ok(boots)) => tell(&outbox, Message::History(boots)).await,
        Some(Err(failure)) => tell(&outbox, Message::Notice(harmless(failure))).await,
        None => {}
    }
}

pub(super) async fn try_out(fleet: Fleet, outbox: Outbox, vm: Box<Vm>, words: &'static str) {
    let measured = match BenchPlan::with_words(&vm, words, PAIRS) {
        // A lap that finds no room is one that is not drawn.
        Some(plan) => {
            let mut lap = |_| drop(outbox.try_send(Message::Lap));
            fleet.measure_boots(&plan, &mut lap).await
        }
        None => Err(Failure::new(
            Code::NotFound,
            format!("the last boot of `{}` is not known", vm.name),
        )),
    };
    let measured = measured.map(Box::new).map_err(harmless);
    tell(&outbox, Message::Tried(measured)).await;
}

pub(super) async fn plan(fleet: Fleet, outbox: Outbox, name: VmName) {
    let vm = fleet.store.find(name.as_str());
    let found = blocking(move || fleet.invocation(&vm?)).await;
    if let Some(invocation) = found {
        let invocation = invocation.map(Box::new).map_err(harmless);
        tell(&outbox, Message::Planned(name, invocation)).await;
    }
}

pub(super) async fn start_talkative(fleet: Fleet, outbox: Outbox, name: VmName) {
    let result = fleet.start_talkative(name.as_str()).await;
    let message = Message::Operated {
        name,
        operation: Operation::Start,
        result: result.map(Box::new).map_err(harmless),
    };
    tell(&outbox, message).await;
}

pub(super) async fn operate(
    fleet: Fleet,
    outbox: Outbox,
    name: VmName,
    operation: Operation,
    force: bool,
) {
    let timeout = Duration::from_secs(fleet.config.stop_timeout_s);
    let result = fleet
        .operate(name.as_str(), operation, force, Some(timeout))
        .await
        .map(Box::new)
        .map_err(harmless);
    let message = Message::Operated {
        name,
        operation,
        result,
    };
    tell(&outbox, message).await;
}

pub(super) async fn offer(fleet: Fleet, outbox: Outbox) {
    let offer = blocking(move || {
        let mut images: Vec<String> = ImageStore::new(fleet.store.images_dir())
            .list()
            .unwrap_or_default()
            .into_iter()
            .filter(|(_, image)| image.is_ok())
            .map(|(reference, _)| reference.name)
            .collect();
        images.dedup();
        Message::Offered {
            name: fleet.free_name().ok().map(|name| name.to_string()),
            images,
        }
    });
    if let Some(message) = offer.await {
        tell(&outbox, message).await;
    }
}

pub(super) async fn check(fleet: Fleet, outbox: Outbox, generation: u64, draft: Box<Draft>) {
    let check = move || (fleet.check(&draft), fleet.outlook(&draft).map(Box::new));
    if let Some((objections, outlook)) = blocking(check).await {
        let message = Message::Checked {
            generation,
            objections,
            outlook,
        };
        tell(&outbox, message).await;
    }
}

pub(super) async fn create(fleet: Fleet, outbox: Outbox, draft: Box<Draft>) {
    let result = blocking(move || fleet.create(&draft))
        .await
        .unwrap_or_else(|| {
            let what = "could not create the VM: the program failed on the way";
            Err(Failure::new(Code::RuntimeError, what))
        });
    tell(&outbox, Message::Created(result.map_err(harmless))).await;
}
