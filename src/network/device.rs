//! Giving a VM its TAP device and taking it away again.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::address::{Network, Pool, Tap, device_name, id_of};
use super::error::NetworkError;
use super::host::{self, Interface};
use super::privilege;
use super::step::Step;
use crate::fault::io_error;
use crate::vm::{Store, process, write_aside};

/// What was made for a VM: `network/ID.json` in the data directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The device and its addresses.
    pub tap: Tap,
    /// The host's boot in which it was made; it does not outlive it.
    pub host_boot: String,
    /// Whether the host began to forward packets for it.
    #[serde(default)]
    pub turned_forwarding_on: bool,
}

fn record_path(store: &Store, id: &str) -> PathBuf {
    store.root().join("network").join(format!("{id}.json"))
}

/// What was made in this boot of the host for the VM with this id, and was not taken away.
pub fn recorded(store: &Store, id: &str) -> Option<Record> {
    let bytes = fs::read(record_path(store, id)).ok()?;
    let record: Record = serde_json::from_slice(&bytes).ok()?;
    // The device's name follows from the id: what stands in a file must not choose another.
    let own = record.tap.device == device_name(id) && record.host_boot == process::host_boot_id();
    own.then_some(record)
}

/// Gives the VM with this id a TAP device, or finds the one that it has. Blocks for the time of a
/// handful of commands. When it fails, nothing of it is left.
pub fn attach(store: &Store, id: &str, pool: Pool) -> Result<Record, NetworkError> {
    let _lock = host::lock()?;
    let device = device_name(id);
    let interfaces = released(&device);
    let turn_forwarding_on = host::forwards() == Some(false);
    if let Some(interface) = interfaces.iter().find(|it| it.name == device) {
        if interface.running {
            return Err(NetworkError::InUse(device));
        }
        if let Some(record) = recorded(store, id).filter(|record| fits(record, interface)) {
            load(turn_forwarding_on)?;
            return Ok(record);
        }
        // Half of one, as a crash leaves it.
        privilege::run(&Step::DeleteTap {
            device: device.clone(),
        })?;
    }
    let name_servers = host::name_servers();
    let mut taken = host::routes();
    taken.extend(interfaces.iter().flat_map(|it| &it.addresses));
    taken.extend(name_servers.iter().map(|&it| Network::new(it, 32)));
    let block = pool
        .block(id, &taken)
        .ok_or(NetworkError::PoolTaken(pool))?;
    let record = Record {
        tap: Tap::new(id, block, name_servers),
        host_boot: process::host_boot_id(),
        turned_forwarding_on: turn_forwarding_on,
    };
    // Before there is anything to tell of: what a crash leaves has a name.
    write(store, id, &record)?;
    let made = make(&record, turn_forwarding_on);
    if made.is_err() {
        // The first error is the one to tell.
        let _ = take_down(&device);
        let _ = fs::remove_file(record_path(store, id));
    }
    made.map(|()| record)
}

/// The host's interfaces, once nothing has this one open, or after the time that a VMM takes to be
/// gone that was killed a moment ago.
fn released(device: &str) -> Vec<Interface> {
    const DYING: Duration = Duration::from_secs(1);
    const LOOK_AGAIN: Duration = Duration::from_millis(10);
    let begun = Instant::now();
    loop {
        let interfaces = host::interfaces();
        let is_open = |it: &Interface| it.name == device && it.running;
        if !interfaces.iter().any(is_open) || begun.elapsed() > DYING {
            return interfaces;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

fn fits(record: &Record, interface: &Interface) -> bool {
    let own = Network::new(record.tap.host, record.tap.prefix);
    interface.addresses.contains(&own)
}

/// The rules come before the device: no packet passes without them.
fn make(record: &Record, turn_forwarding_on: bool) -> Result<(), NetworkError> {
    let tap = &record.tap;
    let device = || tap.device.clone();
    load(turn_forwarding_on)?;
    privilege::run(&Step::AddTap {
        device: device(),
        owner: nix::unistd::geteuid().as_raw(),
    })?;
    privilege::run(&Step::AddAddress {
        device: device(),
        address: tap.host,
        prefix: tap.prefix,
    })?;
    privilege::run(&Step::Up { device: device() })
}

fn load(turn_forwarding_on: bool) -> Result<(), NetworkError> {
    privilege::run(&Step::LoadRules)?;
    if turn_forwarding_on {
        privilege::run(&Step::EnableForwarding)?;
    }
    Ok(())
}

/// Takes away what was made for the VM with this id; no error when there is nothing. A VM that
/// never had a device costs one look at a file.
pub fn detach(store: &Store, id: &str) -> Result<(), NetworkError> {
    let path = record_path(store, id);
    if !path.exists() {
        return Ok(());
    }
    let _lock = host::lock()?;
    take_down(&device_name(id))?;
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_error("remove", path)(error).into())
        }
        _ => Ok(()),
    }
}

/// Removes a device, if it is there, and the rules with the last one. Needs the lock.
pub(super) fn take_down(device: &str) -> Result<(), NetworkError> {
    if host::interfaces().iter().any(|it| it.name == device) {
        privilege::run(&Step::DeleteTap {
            device: device.to_owned(),
        })?;
    } else if privilege::run(&Step::ListRules).is_err() {
        return Ok(());
    }
    if devices().is_empty() {
        privilege::run(&Step::DeleteRules)?;
    }
    Ok(())
}

/// All TAP devices of VMs on this host, whoever made them.
pub(super) fn devices() -> Vec<Interface> {
    let mut interfaces = host::interfaces();
    interfaces.retain(|it| id_of(&it.name).is_some());
    interfaces
}

fn write(store: &Store, id: &str, record: &Record) -> Result<(), NetworkError> {
    let path = record_path(store, id);
    let put = || -> io::Result<()> {
        let mut dir = fs::DirBuilder::new();
        dir.recursive(true).mode(0o700);
        dir.create(store.root().join("network"))?;
        let new = path.with_extension("new");
        write_aside(&new, &path, &serde_json::to_vec_pretty(record)?)
    };
    Ok(put().map_err(io_error("write", &path))?)
}
