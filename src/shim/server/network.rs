//! The network of a VM, as far as the shim looks after it: its TAP device and its published ports.

use std::cell::RefCell;

use super::host::{Subject, Wired};
use crate::fault::{Code, Failure};
use crate::network::publish::{Ports, Publication};
use crate::network::{self, NetworkError, Pool, Record, Tap};
use crate::vm::{BackendKind, NetworkMode, VmSpec};

/// What is held as long as the VM lives.
#[derive(Debug, Default)]
pub(super) struct Network {
    published: RefCell<Option<Publication>>,
}

/// Whether a VM gets a TAP device.
enum Wish {
    /// Without one it does not start.
    Tap,
    /// If that is permitted.
    Perhaps,
    No,
}

impl Wish {
    fn of(spec: &VmSpec) -> Self {
        match (spec.network, spec.backend) {
            (NetworkMode::Tap, _) => Self::Tap,
            (NetworkMode::Auto, BackendKind::Firecracker) => Self::Perhaps,
            // QEMU's own user-mode network needs nothing of the host.
            _ => Self::No,
        }
    }
}

impl Network {
    /// Makes what the VM's spec asks for.
    pub(super) async fn attach(&self, subject: &Subject) -> Result<Wired, Failure> {
        let spec = &subject.spec;
        match Wish::of(spec) {
            Wish::No => Ok(Wired::default()),
            Wish::Tap => self.tap(subject).await,
            Wish::Perhaps => {
                let pool = pool(spec)?;
                let refused = match blocking(move || network::permitted(pool)).await? {
                    Ok(_) => match self.tap(subject).await {
                        Ok(wired) => return Ok(wired),
                        Err(failure) => failure,
                    },
                    Err(why) => NetworkError::NotPermitted(why).into(),
                };
                if !spec.publish.is_empty() {
                    return Err(refused);
                }
                Ok(Wired {
                    tap: None,
                    told: Some(format!("none: {}", refused.message)),
                })
            }
        }
    }

    async fn tap(&self, subject: &Subject) -> Result<Wired, Failure> {
        let spec = &subject.spec;
        // Those of the boot before, in a restart.
        self.close_ports().await;
        let ports = Ports::take(&spec.publish)?;
        let (store, id) = (subject.store.clone(), spec.id.clone());
        let pool = pool(spec)?;
        let record = blocking(move || network::attach(&store, &id, pool)).await??;
        self.publish(ports, &record.tap);
        Ok(Wired {
            told: Some(told(&record)),
            tap: Some(record.tap),
        })
    }

    async fn close_ports(&self) {
        let published = self.published.take();
        if let Some(published) = published {
            published.close().await;
        }
    }

    fn publish(&self, ports: Ports, tap: &Tap) {
        self.published.replace(Some(ports.lead_to(tap.guest)));
    }

    /// Takes over what a shim that died had made: the device is there, the ports are closed.
    pub(super) fn resume(&self, subject: &Subject) -> Wired {
        let Some(record) = network::recorded(&subject.store, &subject.spec.id) else {
            return Wired::default();
        };
        let mut told = told(&record);
        match Ports::take(&subject.spec.publish) {
            Ok(ports) => self.publish(ports, &record.tap),
            Err(error) => {
                told = format!("{told}; {}", Failure::from(error).message);
            }
        }
        Wired {
            tap: Some(record.tap),
            told: Some(told),
        }
    }

    /// Takes all of it away; no error when there is nothing.
    pub(super) async fn release(&self, subject: &Subject) -> Result<(), Failure> {
        self.close_ports().await;
        let (store, id) = (subject.store.clone(), subject.spec.id.clone());
        Ok(blocking(move || network::detach(&store, &id)).await??)
    }
}

fn pool(spec: &VmSpec) -> Result<Pool, Failure> {
    match &spec.network_pool {
        None => Ok(Pool::default()),
        Some(text) => text
            .parse::<Pool>()
            .map_err(|error| Failure::new(Code::InvalidInput, error.to_string())),
    }
}

/// What a user is told of it, in one line.
fn told(record: &Record) -> String {
    let tap = &record.tap;
    let mut told = format!(
        "{}: guest {}/{}, host {}",
        tap.device, tap.guest, tap.prefix, tap.host
    );
    if tap.name_servers.is_empty() {
        told.push_str("; this host names no name server that a guest can reach");
    }
    if record.turned_forwarding_on {
        told.push_str("; net.ipv4.ip_forward was turned on for it");
    }
    told
}

/// Commands are run for it, during which the shim has clients to answer.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        let message = format!("could not change this host's network: {error}");
        Failure::new(Code::RuntimeError, message)
    })
}
