//! The live handle of a QEMU.

use serde_json::{Value, json};

use super::argv::SERIAL;
use super::figures;
use super::qmp::Client;
use crate::backends::process::Process;
use crate::backends::{BackendError, Machine};
use crate::fault::io_error;
use crate::vm::Figures;

/// A QEMU that runs. Cheap to clone; calls may overlap.
#[derive(Clone, Debug)]
pub struct QemuMachine {
    qmp: Client,
    process: Process,
}

impl QemuMachine {
    pub(super) fn new(qmp: Client, process: Process) -> Self {
        Self { qmp, process }
    }

    async fn tell(&self, command: &'static str) -> Result<(), BackendError> {
        self.qmp.call(command, None).await.map(drop)
    }
}

impl Machine for QemuMachine {
    async fn start(&self) -> Result<(), BackendError> {
        self.tell("cont").await
    }

    async fn pause(&self) -> Result<(), BackendError> {
        self.tell("stop").await
    }

    async fn resume(&self) -> Result<(), BackendError> {
        self.tell("cont").await
    }

    async fn is_paused(&self) -> Result<bool, BackendError> {
        let status = self.qmp.call("query-status", None).await?;
        match status.get("running").and_then(Value::as_bool) {
            Some(running) => Ok(!running),
            None => Err(unexpected("query-status", &status)),
        }
    }

    async fn power_button(&self) -> Result<(), BackendError> {
        self.tell("system_powerdown").await
    }

    async fn quit(&self) -> Result<(), BackendError> {
        match self.tell("quit").await {
            // It may be gone before its answer is.
            Err(BackendError::Disconnected { .. }) => Ok(()),
            other => other,
        }
    }

    fn kill(&self) -> Result<(), BackendError> {
        let whom = format!("QEMU, process {}", self.process.id().pid);
        Ok(self.process.kill().map_err(io_error("kill", whom))?)
    }

    async fn send_break(&self) -> Result<(), BackendError> {
        let chardev = json!({ "id": SERIAL });
        let answer = self.qmp.call("chardev-send-break", Some(chardev)).await;
        answer.map(drop)
    }

    async fn vcpu_threads(&self) -> Result<Vec<u32>, BackendError> {
        let cpus = self.qmp.call("query-cpus-fast", None).await?;
        threads(&cpus).ok_or_else(|| unexpected("query-cpus-fast", &cpus))
    }

    async fn figures(&self) -> Result<Figures, BackendError> {
        figures::ask(&self.qmp).await
    }
}

/// Thread ids in the order of the vCPUs (`CpuInfoFast` of QEMU's `qapi/machine.json`).
fn threads(cpus: &Value) -> Option<Vec<u32>> {
    let number = |cpu: &Value, key| cpu.get(key).and_then(Value::as_u64);
    let mut threads = cpus
        .as_array()?
        .iter()
        .map(|cpu| {
            let thread = u32::try_from(number(cpu, "thread-id")?).ok()?;
            Some((number(cpu, "cpu-index")?, thread))
        })
        .collect::<Option<Vec<_>>>()?;
    threads.sort_unstable();
    Some(threads.into_iter().map(|(_, thread)| thread).collect())
}

fn unexpected(command: &str, answer: &Value) -> BackendError {
    BackendError::Protocol {
        program: "QEMU",
        command: command.to_owned(),
        what: answer.to_string().chars().take(300).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_come_in_the_order_of_the_cpus_or_not_at_all() {
        let cpus = json!([
            {"cpu-index": 1, "thread-id": 12, "target": "x86_64"},
            {"cpu-index": 0, "thread-id": 11},
        ]);
        assert_eq!(threads(&cpus), Some(vec![11, 12]));
        assert_eq!(threads(&json!([{"cpu-index": 0}])), None);
        assert_eq!(threads(&json!({})), None);
        assert_eq!(threads(&json!([{"cpu-index": 0, "thread-id": -1}])), None);
    }
}
