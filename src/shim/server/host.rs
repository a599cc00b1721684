//! What the owner needs of the machine that it runs on: a backend, and what to boot.

use std::future::Future;
use std::rc::Rc;

use crate::backends::{Backend, Launch};
use crate::fault::Failure;
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
}

/// Where VMs run; tests have one of their own.
pub(super) trait Host: 'static {
    /// Who runs them.
    type Backend: Backend;

    /// The backend.
    fn backend(&self) -> Rc<Self::Backend>;

    /// Decides and makes what a boot needs.
    fn prepare(&self, subject: &Subject) -> impl Future<Output = Result<Prepared, Failure>>;
}
