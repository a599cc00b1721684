//! The live handle of a Firecracker.

use std::fs;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::api::{Client, PROGRAM, protocol};
use super::launch::DEATH;
use super::metrics::{Devices, Metrics};
use crate::backends::process::Process;
use crate::backends::{BackendError, Machine, MachineEvent};
use crate::fault::{IoError, io_error};
use crate::vm::{ApiCall, Arch, BalloonFigures, ExitReason, Figures, VmSpec};

/// How long the threads of the vCPUs may take to have their names.
const NAMING: Duration = Duration::from_millis(500);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// A Firecracker that runs. Cheap to clone; calls may overlap.
#[derive(Clone, Debug)]
pub struct FirecrackerMachine {
    api: Client,
    process: Process,
    arch: Arch,
    vcpu_count: u32,
    devices: Devices,
    metrics: Rc<Metrics>,
    events: mpsc::WeakSender<MachineEvent>,
}

impl FirecrackerMachine {
    pub(super) fn new(
        api: Client,
        process: Process,
        spec: &VmSpec,
        devices: Devices,
        metrics: Metrics,
        events: &mpsc::Sender<MachineEvent>,
    ) -> Self {
        Self {
            api,
            process,
            arch: spec.arch,
            vcpu_count: spec.vcpu_count,
            devices,
            metrics: Rc::new(metrics),
            events: events.downgrade(),
        }
    }

    async fn act(&self, action: &str) -> Result<(), BackendError> {
        let call = ApiCall::put("/actions", json!({ "action_type": action }));
        self.api.call(&call).await.map(drop)
    }

    async fn change_state(&self, state: &str) -> Result<(), BackendError> {
        let call = ApiCall::patch("/vm", json!({ "state": state }));
        self.api.call(&call).await.map(drop)
    }

    fn signal_error(&self, verb: &'static str) -> impl Fn(io::Error) -> IoError {
        let whom = format!("{PROGRAM}, process {}", self.process.id().pid);
        io_error(verb, whom)
    }
}

impl Machine for FirecrackerMachine {
    async fn start(&self) -> Result<(), BackendError> {
        match self.act("InstanceStart").await {
            Err(error @ BackendError::Disconnected { .. }) => {
                // It is about to end. Its owner hears of that, drops this, and has more to say.
                tokio::time::sleep(DEATH).await;
                Err(error)
            }
            other => other,
        }
    }

    async fn pause(&self) -> Result<(), BackendError> {
        self.change_state("Paused").await
    }

    async fn resume(&self) -> Result<(), BackendError> {
        self.change_state("Resumed").await
    }

    async fn is_paused(&self) -> Result<bool, BackendError> {
        let call = ApiCall::get("/");
        let answer = self.api.call(&call).await?;
        match answer.get("state").and_then(Value::as_str) {
            Some(state) => Ok(state == "Paused"),
            None => Err(protocol(&call, "no state".to_owned())),
        }
    }

    async fn power_button(&self) -> Result<(), BackendError> {
        match self.arch {
            Arch::X86_64 => self.act("SendCtrlAltDel").await,
            Arch::Aarch64 => Err(BackendError::Refused {
                program: PROGRAM,
                command: "SendCtrlAltDel".to_owned(),
                reason: "there is no such button on arm64".to_owned(),
            }),
        }
    }

    async fn quit(&self) -> Result<(), BackendError> {
        // The signal ends it without a word, so the word is ours.
        if let Some(events) = self.events.upgrade() {
            let _ = events.try_send(MachineEvent::Ending(ExitReason::Stopped));
        }
        Ok(self.process.terminate().map_err(self.signal_error("end"))?)
    }

    fn kill(&self) -> Result<(), BackendError> {
        Ok(self.process.kill().map_err(self.signal_error("kill"))?)
    }

    async fn vcpu_threads(&self) -> Result<Vec<u32>, BackendError> {
        // A thread gives itself its name, a moment after the call that made it was answered.
        let pid = self.process.id().pid;
        Ok(once_all_are_named(self.vcpu_count, || vcpu_threads(pid)).await)
    }

    async fn send_break(&self) -> Result<(), BackendError> {
        Err(BackendError::NoBreak)
    }

    async fn figures(&self) -> Result<Figures, BackendError> {
        // It is in the FIFO before the call is answered.
        self.act("FlushMetrics").await?;
        let mut figures = self.metrics.totals().figures(self.devices);
        // One that was made without statistics, or without its driver in the guest, refuses.
        let call = ApiCall::get("/balloon/statistics");
        figures.balloon = self.api.call(&call).await.ok().and_then(|it| balloon(&it));
        Ok(figures)
    }
}

/// `BalloonStats` of the API: pages and MiB of the balloon, bytes of the guest's own.
fn balloon(answer: &Value) -> Option<BalloonFigures> {
    let number = |key| answer.get(key).and_then(Value::as_u64);
    let mib = |key| number(key).map(|mib| mib << 20);
    BalloonFigures {
        target_bytes: mib("target_mib"),
        actual_bytes: mib("actual_mib"),
        free_bytes: number("free_memory"),
        available_bytes: number("available_memory"),
        total_bytes: number("total_memory"),
    }
    .known()
}

/// What `look` finds once that is `count` threads; as many as have a name by then after [`NAMING`].
async fn once_all_are_named(count: u32, look: impl Fn() -> Vec<u32>) -> Vec<u32> {
    let deadline = Instant::now() + NAMING;
    loop {
        let threads = look();
        if threads.len() >= count as usize || Instant::now() >= deadline {
            return threads;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Firecracker names its threads; there are none of vCPUs before the start.
pub(super) fn vcpu_threads(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let mut threads: Vec<(u32, u32)> = tasks
        .into_iter()
        .flatten()
        .filter_map(|task| {
            let task = task.ok()?;
            let thread = task.file_name().to_str()?.parse().ok()?;
            let name = fs::read_to_string(task.path().join("comm")).ok()?;
            let index = name.trim_end().strip_prefix("fc_vcpu ")?.parse().ok()?;
            Some((index, thread))
        })
        .collect();
    threads.sort_unstable();
    threads.into_iter().map(|(_, thread)| thread).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_threads_of_vcpus_are_waited_for_until_all_have_their_names_but_not_for_ever() {
        let looks = Cell::new(0);
        let one_more = || {
            let named = looks.replace(looks.get() + 1);
            (0..named).collect()
        };
        assert_eq!(once_all_are_named(3, one_more).await, [0, 1, 2]);
        let begun = Instant::now();
        assert_eq!(once_all_are_named(2, || vec![7]).await, [7]);
        assert_eq!(begun.elapsed(), NAMING);
    }
}
