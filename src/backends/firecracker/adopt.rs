//! Taking over a Firecracker whose shim died: it lives on, and its sockets and FIFOs are where they
//! were.

use serde_json::Value;
use tokio::sync::mpsc;

use super::api::{Client, PROGRAM};
use super::fifo;
use super::launch::{agent, argv, tell_end, version};
use super::machine::{FirecrackerMachine, vcpu_threads};
use super::metrics::{Devices, Metrics};
use super::places::Places;
use crate::backends::process::{Guard, Process, command_line};
use crate::backends::{BackendError, Launch, Launched};
use crate::fault::io_error;
use crate::vm::{ApiCall, ProcessId};

pub(super) async fn adopt(
    launch: &Launch,
    id: ProcessId,
) -> Result<Launched<FirecrackerMachine>, BackendError> {
    let process =
        Process::adopt(id).map_err(io_error("adopt", format!("{PROGRAM}, process {}", id.pid)))?;
    let places = Places::of(&launch.run_dir);
    let serial = fifo::line(&places)?;
    let metrics = fifo::receiver(&places.metrics)?;
    // The guest lost its connection with the shim, and calls again.
    let agent = agent(launch, &places)?;
    let api = Client::new(places.api.clone());
    let version = version(&api).await?;
    let devices = devices(&api).await?;
    let (told, events) = mpsc::channel(4);
    let arch = launch.spec.arch;
    let machine = FirecrackerMachine::new(
        api,
        process.clone(),
        &launch.spec,
        devices,
        Metrics::resume(metrics, &places.sums),
        &told,
    );
    Ok(Launched {
        machine,
        process: id,
        argv: command_line(id, || argv(launch)),
        // As the shim before us wrote them down.
        api_calls: Vec::new(),
        version: Some(version.words),
        vcpu_threads: vcpu_threads(id.pid),
        serial,
        agent,
        exit: Box::pin(tell_end(Guard::none(), process, arch, told)),
        events,
    })
}

/// The devices that it has, as it tells itself.
async fn devices(api: &Client) -> Result<Devices, BackendError> {
    let config = api.call(&ApiCall::get("/vm/config")).await?;
    let any = |key| {
        let list = config.get(key).and_then(Value::as_array);
        list.is_some_and(|devices| !devices.is_empty())
    };
    Ok(Devices {
        block: any("drives"),
        net: any("network-interfaces"),
        vsock: config.get("vsock").is_some_and(Value::is_object),
    })
}
