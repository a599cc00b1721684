//! Runs the doctor on threads, since its checks wait for programs; the first start is noted.

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use super::Outbox;
use crate::app::message::Message;
use crate::doctor::{self, Examination};
use crate::fault::Failure;
use crate::fleet::Fleet;

/// How many findings may wait to be forwarded.
const WAITING: usize = 32;

fn examination(fleet: &Fleet, backend: Option<&str>) -> Result<Examination, Failure> {
    let backend = fleet.resolve_backend(backend)?;
    Ok(Examination::new(fleet.store.clone(), backend))
}

/// Examines the host; the findings come as messages.
pub(super) fn examine(fleet: Fleet, backend: Option<String>, outbox: Outbox) {
    let (progress, found) = mpsc::sync_channel(WAITING);
    let failed = outbox.clone();
    let forward = thread::Builder::new()
        .name("doctor-progress".to_owned())
        .spawn(move || {
            for progress in found {
                if outbox.blocking_send(Message::Doctor(progress)).is_err() {
                    return;
                }
            }
        });
    let examine =
        thread::Builder::new()
            .name("doctor".to_owned())
            .spawn(move || match examination(&fleet, backend.as_deref()) {
                Ok(examination) => {
                    drop(doctor::examine(&examination, Some(&progress)));
                }
                Err(failure) => drop(failed.blocking_send(Message::Unexamined(failure))),
            });
    // Without threads there is no doctor, but still a dashboard.
    drop((forward, examine));
}

fn marker(fleet: &Fleet) -> PathBuf {
    fleet.store.root().join("welcomed")
}

/// Whether the doctor has never been shown here.
pub(super) fn is_first_start(fleet: &Fleet) -> bool {
    !marker(fleet).exists()
}

/// Notes that it was. Where that cannot be written it is shown again, which does no harm.
pub(super) fn note_first_start(fleet: &Fleet) {
    if fleet.store.make().is_ok() {
        let _ = std::fs::write(marker(fleet), b"");
    }
}
