//! What the owner needs of the machine that it runs on: a backend, and what to boot.

use std::future::Future;
use std::rc::Rc;

use crate::backends::{Backend, Launch};
use crate::fault::Failure;
use crate::network::Tap;
use crate::vm::{Store, VmName, VmPaths, VmSpec};

/// One VM, as the owner knows it.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) store: Store,
    pub(super) name: VmName,
    pub(super) spec: VmSpec,
    pub(super) paths: VmPaths,
    pub(super) run_dir: std::path::PathBuf,
}

/// What a boot needs, decided and made.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) launch: Launch,
    /// Why that accelerator was taken.
    pub(super) accel_reason: String,
    /// Whether the probe doubts it.
    pub(super) accel_doubted: bool,
    /// What there is to say of its network.
    pub(super) network: Option<String>,
}

/// A VM's network, as far as the host has a part in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Wired {
    /// Its TAP device.
    pub(super) tap: Option<Tap>,
    /// What there is to say of it.
    pub(super) told: Option<String>,
}

/// Where VMs run; tests have one of their own.
pub(super) trait Host: 'static {
    /// Who runs them.
    type Backend: Backend;

    /// The backend.
    fn backend(&self) -> Rc<Self::Backend>;

    /// Decides and makes what a boot needs.
    fn prepare(&self, subject: &Subject) -> impl Future<Output = Result<Prepared, Failure>>;

    /// The network of a VM that is taken over.
    fn rewire(&self, _subject: &Subject) -> Wired {
        Wired::default()
    }

    /// Takes away what [`Self::prepare`] made in this host's network. Called once the VMM is gone,
    /// also when nothing was made.
    fn release(&self, _subject: &Subject) -> impl Future<Output = Result<(), Failure>> {
        std::future::ready(Ok(()))
    }
}
