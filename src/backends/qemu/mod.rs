//! QEMU: any platform, with KVM, HVF or emulation.

mod adopt;
mod argv;
mod boot_args;
pub mod disk;
mod events;
mod figures;
mod launch;
mod machine;
mod program;
mod qmp;
mod sockets;

pub use argv::{Facts, argv};
pub use boot_args::boot_args;
pub use machine::QemuMachine;
pub use program::{img_program, program, run_img};

use std::ffi::OsString;

use super::{Backend, BackendError, Launch, Launched};
use crate::vm::{BootPhase, ProcessId};

/// Launches and adopts QEMU.
#[derive(Clone, Copy, Debug, Default)]
pub struct Qemu;

impl Backend for Qemu {
    type Machine = QemuMachine;

    fn command_line(&self, launch: &Launch) -> Result<Vec<OsString>, BackendError> {
        argv(launch, &launch::facts(launch)?)
    }

    async fn launch(
        &self,
        launch: &Launch,
        stamp: &mut dyn FnMut(BootPhase),
    ) -> Result<Launched<QemuMachine>, BackendError> {
        launch::launch(launch, stamp).await
    }

    async fn adopt(
        &self,
        launch: &Launch,
        process: ProcessId,
    ) -> Result<Launched<QemuMachine>, BackendError> {
        adopt::adopt(launch, process).await
    }
}

#[cfg(test)]
#[path = "qemu_tests.rs"]
mod tests;
