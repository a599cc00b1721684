//! Taking over a QEMU whose shim died: it lives on, and listens where its command line says.

use std::time::Duration;

use super::machine::QemuMachine;
use super::qmp::Connection;
use super::{Qemu, sockets};
use crate::backends::process::{Guard, Process};
use crate::backends::{Backend, BackendError, Launch, Launched, Machine};
use crate::fault::io_error;
use crate::vm::ProcessId;

/// QEMU greets one client at a time. The dead shim's connection is closed; one that somebody else
/// holds could keep us waiting for ever.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn adopt(
    launch: &Launch,
    id: ProcessId,
) -> Result<Launched<QemuMachine>, BackendError> {
    let vmm = Process::adopt(id).map_err(io_error("adopt", format!("QEMU, process {}", id.pid)))?;
    let sockets = sockets::connect(&launch.run_dir, launch.has_agent)?;
    let connection = tokio::time::timeout(PATIENCE, Connection::open(sockets.qmp))
        .await
        .map_err(|_| BackendError::TimedOut {
            what: "the takeover of QEMU".to_owned(),
            after: PATIENCE,
        })??;
    let machine = QemuMachine::new(connection.client, vmm.clone());
    let vcpu_threads = machine.vcpu_threads().await?;
    Ok(Launched {
        machine,
        process: id,
        argv: command_line(launch, id),
        api_calls: Vec::new(),
        version: connection.version,
        vcpu_threads,
        serial: sockets.serial,
        agent: sockets.agent,
        exit: Box::pin(Guard::none().keep(vmm)),
        events: connection.events,
    })
}

/// As it is run, where the host tells; else as it would be run now.
fn command_line(launch: &Launch, id: ProcessId) -> Vec<String> {
    let as_run = id.arguments();
    if as_run.is_empty() {
        let computed = Qemu.command_line(launch).unwrap_or_default();
        return computed
            .iter()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect();
    }
    as_run
}
