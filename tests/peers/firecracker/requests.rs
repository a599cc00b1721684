//! Requests: what is allowed when, and what is checked before it is taken.

use std::fs::File;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::bodies::{self, Field};
use crate::guest;
use crate::http::Reply;
use crate::script::{Guest, Version};
use crate::tap;
use crate::vmm::{Phase, State, Vmm};

const BEFORE: &str = "The requested operation is not supported before starting the microVM.";
const AFTER: &str = "The requested operation is not supported after starting the microVM.";

const TOO_MUCH_BALLOON: &str = "Balloon error: Amount of pages requested is too large.";

/// `CMDLINE_MAX_SIZE` on x86, the final zero included.
const LONGEST_BOOT_ARGS: usize = 2048;

type Body = Map<String, Value>;

/// A request as the script names it.
pub(crate) fn step(method: &str, path: &str, body: &[u8]) -> String {
    let body: Option<Value> = serde_json::from_slice(body).ok();
    match body.as_ref().and_then(|body| body["action_type"].as_str()) {
        Some(action) => format!("{method} {path} ({action})"),
        None => format!("{method} {path}"),
    }
}

pub(crate) fn handle(vmm: &Arc<Vmm>, method: &str, path: &str, body: &[u8]) -> Reply {
    let answer = if method == "GET" {
        if body.is_empty() {
            get(vmm, path)
        } else {
            Err("GET request cannot have a body.".to_owned())
        }
    } else {
        change(vmm, method, path, body).map(|()| None)
    };
    match answer {
        Ok(None) => Reply::Done,
        Ok(Some(json)) => Reply::Json(json),
        Err(fault) => Reply::Fault(fault),
    }
}

fn unknown(method: &str, path: &str) -> String {
    format!("Invalid request method and/or path: {method} {path}.")
}

fn get(vmm: &Vmm, path: &str) -> Result<Option<Value>, String> {
    let state = vmm.state();
    let version = vmm.script.version.to_string();
    Ok(Some(match path {
        "/version" => json!({ "firecracker_version": version }),
        "/" => json!({
            "id": vmm.id,
            "state": state.phase.words(),
            "vmm_version": version,
            "app_name": "Firecracker",
        }),
        "/machine-config" => state.machine.clone(),
        "/vm/config" => json!({
            "boot-source": state.boot_source,
            "machine-config": state.machine,
            "drives": state.drives,
            "network-interfaces": state.networks,
            "vsock": state.vsock,
            "balloon": state.balloon,
            "entropy": state.entropy,
        }),
        "/balloon" if !state.balloon.is_null() => state.balloon.clone(),
        "/balloon/statistics" if state.phase == Phase::NotStarted => return Err(BEFORE.to_owned()),
        "/balloon/statistics" if !state.balloon.is_null() => json!({
            "target_pages": 0, "actual_pages": 0, "target_mib": 0, "actual_mib": 0,
            "free_memory": 100 << 20, "available_memory": 120 << 20, "total_memory": 128 << 20,
            "disk_caches": 0, "minor_faults": 1,
        }),
        "/balloon" | "/balloon/statistics" => {
            return Err("Balloon error: No balloon device found.".to_owned());
        }
        _ => return Err(unknown("GET", path)),
    }))
}

fn change(vmm: &Arc<Vmm>, method: &str, path: &str, body: &[u8]) -> Result<(), String> {
    let version = vmm.script.version;
    let read = |fields: &[Field]| bodies::read(body, fields, version);
    let since = |first: Version| {
        if version >= first {
            Ok(())
        } else {
            Err(unknown(method, path))
        }
    };
    if body.is_empty() && matches!(method, "PUT" | "PATCH") {
        return Err(format!("Empty {method} request."));
    }
    if method == "PATCH" {
        return match path {
            "/vm" => pause(vmm, &read(bodies::STATE)?),
            _ => Err(unknown(method, path)),
        };
    }
    if method != "PUT" {
        return Err(unknown(method, path));
    }
    if path == "/actions" {
        return act(vmm, &read(bodies::ACTION)?);
    }
    let parsed = match path {
        "/logger" => read(bodies::LOGGER)?,
        "/metrics" => read(bodies::METRICS)?,
        "/machine-config" => read(bodies::MACHINE)?,
        "/boot-source" => read(bodies::BOOT_SOURCE)?,
        "/vsock" => read(bodies::VSOCK)?,
        "/entropy" => {
            since(Version(1, 4, 0))?;
            read(bodies::ENTROPY)?
        }
        "/balloon" => read(bodies::BALLOON)?,
        "/serial" => {
            since(Version(1, 14, 0))?;
            read(bodies::SERIAL)?
        }
        _ if path.starts_with("/drives/") => same_id(path, read(bodies::DRIVE)?, "drive_id")?,
        _ if path.starts_with("/network-interfaces/") => {
            same_id(path, read(bodies::NETWORK)?, "iface_id")?
        }
        _ => return Err(unknown(method, path)),
    };
    let mut state = vmm.state();
    if state.phase != Phase::NotStarted {
        return Err(AFTER.to_owned());
    }
    set(vmm, &mut state, path, parsed)
}

/// Takes what is set before the start.
fn set(vmm: &Vmm, state: &mut State, path: &str, body: Body) -> Result<(), String> {
    let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    let number = |key: &str| body.get(key).and_then(Value::as_u64);
    match path {
        "/logger" if vmm.log.is_some() => {
            return Err("Reinitialization of logger not allowed.".to_owned());
        }
        "/metrics" => {
            let file = crate::open(&text("metrics_path").unwrap_or_default())
                .map_err(|error| format!("Failed to open target file: {error}"))?;
            if !vmm.begin_metrics(file) {
                return Err("Reinitialization of metrics not allowed.".to_owned());
            }
        }
        "/machine-config" => {
            if !(1..=32).contains(&number("vcpu_count").unwrap_or(0)) {
                return Err("The vCPU number is invalid! The vCPU number can only be 1 or an even number when SMT is enabled.".to_owned());
            }
            if state.balloon["amount_mib"].as_u64() > number("mem_size_mib") {
                return Err(TOO_MUCH_BALLOON.to_owned());
            }
            if number("mem_size_mib") == Some(0) {
                return Err("The memory size (MiB) is either 0, or not a multiple of the configured page size.".to_owned());
            }
            state.machine = Value::Object(body);
        }
        "/boot-source" => {
            let args = text("boot_args").unwrap_or_default();
            let invalid = |why| {
                Err(format!(
                    "Boot source error: The kernel command line is invalid: {why}"
                ))
            };
            if args.len() >= LONGEST_BOOT_ARGS {
                return invalid("Inserting string would make command line too long.");
            }
            if args.bytes().any(|byte| !(b' '..=b'~').contains(&byte)) {
                return invalid("String contains a non-printable ASCII character.");
            }
            let kernel = text("kernel_image_path").unwrap_or_default();
            let opened = File::open(kernel);
            opened.map_err(|error| {
                format!("Boot source error: The kernel file cannot be opened: {error}")
            })?;
            if let Some(initrd) = text("initrd_path") {
                File::open(initrd).map_err(|error| {
                    format!("Boot source error: The initrd file cannot be opened due to invalid path or invalid permissions. {error}")
                })?;
            }
            state.boot_source = Value::Object(body);
        }
        "/vsock" => {
            let uds = text("uds_path").unwrap_or_default();
            if number("guest_cid").is_none_or(|cid| cid < 3) {
                return Err("Vsock config error: Invalid guest CID".to_owned());
            }
            let bound = UnixListener::bind(&uds).map_err(|error| {
                format!("Cannot create backend for vsock device: Error binding to the host-side Unix socket: {error}")
            })?;
            state.vsock = Value::Object(body);
            state.vsock_listener = Some(bound);
        }
        "/entropy" => state.entropy = Value::Object(body),
        "/balloon" => {
            if number("amount_mib") > state.machine["mem_size_mib"].as_u64() {
                return Err(TOO_MUCH_BALLOON.to_owned());
            }
            state.balloon = Value::Object(body);
        }
        _ if path.starts_with("/drives/") => {
            let host = text("path_on_host").unwrap_or_default();
            let opened = File::options().read(true).write(true).open(&host);
            opened.map_err(|error| {
                format!("Unable to create the block device: Virtio backend error: Error manipulating the backing file: {error} {host}")
            })?;
            let root = |drive: &Value| {
                drive["is_root_device"] == true && drive["drive_id"] != body["drive_id"]
            };
            if body["is_root_device"] == true && state.drives.iter().any(root) {
                return Err("A root block device already exists!".to_owned());
            }
            state
                .drives
                .retain(|drive| drive["drive_id"] != body["drive_id"]);
            state.drives.push(Value::Object(body));
        }
        _ if path.starts_with("/network-interfaces/") => {
            // The one of that id before it lets go of its device first.
            let others = |network: &Value| network["iface_id"] != body["iface_id"];
            state.taps.retain(|(id, _)| body["iface_id"] != *id);
            let tap = tap::open(&text("host_dev_name").unwrap_or_default())?;
            state.taps.push((text("iface_id").unwrap_or_default(), tap));
            state.networks.retain(others);
            state.networks.push(Value::Object(body));
        }
        _ => {}
    }
    Ok(())
}

/// The id at the end of the path is the one in the body, and made of letters, digits and `_`.
fn same_id(path: &str, body: Body, key: &str) -> Result<Body, String> {
    let in_path = path.rsplit('/').next().unwrap_or_default();
    let allowed = |c: char| c.is_alphanumeric() || c == '_';
    if in_path.is_empty() || !in_path.chars().all(allowed) {
        return Err(
            "API Resource IDs can only contain alphanumeric characters and underscores.".to_owned(),
        );
    }
    if body[key] != in_path {
        return Err("The id from the path does not match the id from the body!".to_owned());
    }
    Ok(body)
}

fn act(vmm: &Arc<Vmm>, body: &Body) -> Result<(), String> {
    let phase = vmm.state().phase;
    match body["action_type"].as_str() {
        Some("InstanceStart") => {
            let mut state = vmm.state();
            if state.phase != Phase::NotStarted {
                return Err(AFTER.to_owned());
            }
            if state.boot_source.is_null() {
                return Err(
                    "Start microvm error: Cannot start microvm without kernel configuration."
                        .to_owned(),
                );
            }
            state.phase = Phase::Running;
            drop(state);
            guest::start(vmm);
            Ok(())
        }
        _ if phase == Phase::NotStarted => Err(BEFORE.to_owned()),
        Some("SendCtrlAltDel") => {
            let hears = guest::has_keyboard(vmm) && vmm.script.guest == Guest::Ordinary;
            if hears && phase == Phase::Running {
                let vmm = Arc::clone(vmm);
                // The guest takes a moment; the answer comes at once.
                crate::spawn("guest_end", move || guest::restart(&vmm));
            }
            Ok(())
        }
        _ => {
            vmm.write_metrics();
            Ok(())
        }
    }
}

fn pause(vmm: &Vmm, body: &Body) -> Result<(), String> {
    let mut state = vmm.state();
    if state.phase == Phase::NotStarted {
        return Err(BEFORE.to_owned());
    }
    state.phase = match body["state"].as_str() {
        Some("Paused") => Phase::Paused,
        _ => Phase::Running,
    };
    drop(state);
    vmm.changed.notify_all();
    Ok(())
}
