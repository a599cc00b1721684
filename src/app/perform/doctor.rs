//! Runs the doctor on threads, since its checks wait for programs; the first start is noted.

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

use super::{Held, Outbox, tell};
use crate::app::message::Message;
use crate::doctor::{self, Progress, Report};
use crate::fleet::Fleet;
use crate::vm::BackendKind;

/// How many findings may wait to be forwarded.
const WAITING: usize = 32;

/// Examines the host; the findings come as messages. When the canary is to be booted as well, that is
/// the task which is returned: letting go of it ends the guest too.
pub(super) fn examine(
    fleet: Fleet,
    backend: Option<String>,
    boots: bool,
    outbox: Outbox,
) -> Option<Held> {
    let (done, report) = oneshot::channel();
    let boot = boots.then(|| Held::spawn(boot(fleet.clone(), report, outbox.clone())));
    let mut done = boots.then_some(done);
    let (progress, found) = mpsc::sync_channel(WAITING);
    let failed = outbox.clone();
    let forward = thread::Builder::new()
        .name("doctor-progress".to_owned())
        .spawn(move || {
            for mut progress in found {
                match (&mut progress, &mut done) {
                    (Progress::Planned(names), Some(_)) => {
                        names.extend(BackendKind::ALL.iter().copied().map(doctor::boot_check));
                    }
                    (Progress::Done(_), done @ Some(_)) => {
                        // Whoever boots says when all is done.
                        if let (Some(done), Progress::Done(report)) = (done.take(), progress) {
                            drop(done.send(report));
                        }
                        continue;
                    }
                    _ => {}
                }
                if outbox.blocking_send(Message::Doctor(progress)).is_err() {
                    return;
                }
            }
        });
    let examine = thread::Builder::new()
        .name("doctor".to_owned())
        .spawn(move || match fleet.examination(backend.as_deref()) {
            Ok(examination) => {
                drop(doctor::examine(&examination, Some(&progress)));
            }
            Err(failure) => drop(failed.blocking_send(Message::Unexamined(failure))),
        });
    // Without threads there is no doctor, but still a dashboard.
    drop((forward, examine));
    boot
}

/// Boots the canary with each backend once the checks are through.
async fn boot(fleet: Fleet, report: oneshot::Receiver<Report>, outbox: Outbox) {
    // Without a report the examination told why.
    let Ok(mut report) = report.await else { return };
    for &backend in BackendKind::ALL {
        let result = match report.untried(backend) {
            Some(_) => None,
            None => Some(fleet.try_out(backend).await),
        };
        let finding = report.tried(backend, result);
        tell(&outbox, Message::Doctor(Progress::Found(finding))).await;
    }
    tell(&outbox, Message::Doctor(Progress::Done(report))).await;
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
