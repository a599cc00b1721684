//! Taking over a QEMU whose shim died: it lives on, and listens where its command line says.

use std::time::Duration;

use super::machine::QemuMachine;
use super::qmp::Connection;
use super::{Qemu, sockets};
use crate::backends::process::{Guard, Process, command_line};
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
        argv: command_line(id, || Qemu.command_line(launch).unwrap_or_default()),
        api_calls: Vec::new(),
        version: connection.version,
        vcpu_threads,
        serial: sockets.serial,
        agent: sockets.agent,
        exit: Box::pin(Guard::none().keep(vmm)),
        events: connection.events,
    })
}
