//! Firecracker: Linux with KVM.

mod adopt;
mod api;
mod boot_args;
mod disk;
mod exit;
mod fifo;
mod kernel;
mod launch;
mod machine;
mod metrics;
mod places;
mod plan;
mod program;
mod version;

pub use machine::FirecrackerMachine;
pub use plan::plan;
pub use program::program;
pub use version::{ACPI, OLDEST, Version};

use std::ffi::OsString;

use super::{Backend, BackendError, Launch, Launched};
use crate::vm::{ApiCall, BootPhase, ProcessId};

/// What an exit code of Firecracker's means, where it has a meaning of its own.
pub fn exit_words(code: i32) -> Option<&'static str> {
    exit::words(code)
}

/// The calls that would set up `launch`, for the version that the program tells. Nothing is made; of
/// the network only what was made already is in them.
pub fn api_calls(launch: &Launch) -> Result<Vec<ApiCall>, BackendError> {
    let version = Version::of_program(&launch.program)?;
    let (kernel, _) = kernel::place(&launch.kernel, &launch.paths.dir)?;
    let launch = Launch {
        kernel,
        ..launch.clone()
    };
    Ok(plan(&launch, version))
}

/// Launches and adopts Firecracker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Firecracker;

impl Backend for Firecracker {
    type Machine = FirecrackerMachine;

    fn command_line(&self, launch: &Launch) -> Result<Vec<OsString>, BackendError> {
        Ok(launch::argv(launch))
    }

    async fn provide(&self, launch: Launch) -> Result<Launch, BackendError> {
        launch::provide(launch).await
    }

    async fn launch(
        &self,
        launch: &Launch,
        stamp: &mut dyn FnMut(BootPhase),
    ) -> Result<Launched<FirecrackerMachine>, BackendError> {
        launch::launch(launch, stamp).await
    }

    async fn adopt(
        &self,
        launch: &Launch,
        process: ProcessId,
    ) -> Result<Launched<FirecrackerMachine>, BackendError> {
        adopt::adopt(launch, process).await
    }
}
