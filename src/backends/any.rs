//! Every backend in one: which of them runs a VM, its spec says.

use std::ffi::OsString;

use super::firecracker::{self, Firecracker, FirecrackerMachine};
use super::qemu::{Qemu, QemuMachine};
use super::{Backend, BackendError, Launch, Launched, Machine};
use crate::vm::{ApiCall, BackendKind, BootPhase, Figures, ProcessId};

/// The backend that the spec of each launch names.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnyBackend;

impl AnyBackend {
    /// The calls of its API by which [`Backend::launch`] would set the VMM up; empty for one without.
    /// Runs the program for its version where they depend on that.
    pub fn api_calls(self, launch: &Launch) -> Result<Vec<ApiCall>, BackendError> {
        match launch.spec.backend {
            BackendKind::Firecracker => firecracker::api_calls(launch),
            BackendKind::Qemu => Ok(Vec::new()),
        }
    }
}

/// A machine of whichever backend.
#[derive(Clone, Debug)]
pub enum AnyMachine {
    /// Firecracker's.
    Firecracker(FirecrackerMachine),
    /// QEMU's.
    Qemu(QemuMachine),
}

impl Backend for AnyBackend {
    type Machine = AnyMachine;

    fn command_line(&self, launch: &Launch) -> Result<Vec<OsString>, BackendError> {
        match launch.spec.backend {
            BackendKind::Firecracker => Firecracker.command_line(launch),
            BackendKind::Qemu => Qemu.command_line(launch),
        }
    }

    async fn provide(&self, launch: Launch) -> Result<Launch, BackendError> {
        match launch.spec.backend {
            BackendKind::Firecracker => Firecracker.provide(launch).await,
            BackendKind::Qemu => Qemu.provide(launch).await,
        }
    }

    async fn launch(
        &self,
        launch: &Launch,
        stamp: &mut dyn FnMut(BootPhase),
    ) -> Result<Launched<AnyMachine>, BackendError> {
        Ok(match launch.spec.backend {
            BackendKind::Firecracker => Firecracker
                .launch(launch, stamp)
                .await?
                .map(AnyMachine::Firecracker),
            BackendKind::Qemu => Qemu.launch(launch, stamp).await?.map(AnyMachine::Qemu),
        })
    }

    async fn adopt(
        &self,
        launch: &Launch,
        process: ProcessId,
    ) -> Result<Launched<AnyMachine>, BackendError> {
        Ok(match launch.spec.backend {
            BackendKind::Firecracker => Firecracker
                .adopt(launch, process)
                .await?
                .map(AnyMachine::Firecracker),
            BackendKind::Qemu => Qemu.adopt(launch, process).await?.map(AnyMachine::Qemu),
        })
    }
}

/// Passes a call on to the machine that it is.
macro_rules! pass {
    ($self:ident.$call:ident()) => {
        match $self {
            AnyMachine::Firecracker(machine) => machine.$call(),
            AnyMachine::Qemu(machine) => machine.$call(),
        }
    };
    ($self:ident.$call:ident().await) => {
        match $self {
            AnyMachine::Firecracker(machine) => machine.$call().await,
            AnyMachine::Qemu(machine) => machine.$call().await,
        }
    };
}

impl Machine for AnyMachine {
    async fn start(&self) -> Result<(), BackendError> {
        pass!(self.start().await)
    }

    async fn pause(&self) -> Result<(), BackendError> {
        pass!(self.pause().await)
    }

    async fn resume(&self) -> Result<(), BackendError> {
        pass!(self.resume().await)
    }

    async fn is_paused(&self) -> Result<bool, BackendError> {
        pass!(self.is_paused().await)
    }

    async fn power_button(&self) -> Result<(), BackendError> {
        pass!(self.power_button().await)
    }

    async fn quit(&self) -> Result<(), BackendError> {
        pass!(self.quit().await)
    }

    fn kill(&self) -> Result<(), BackendError> {
        pass!(self.kill())
    }

    async fn send_break(&self) -> Result<(), BackendError> {
        pass!(self.send_break().await)
    }

    async fn vcpu_threads(&self) -> Result<Vec<u32>, BackendError> {
        pass!(self.vcpu_threads().await)
    }

    async fn figures(&self) -> Result<Figures, BackendError> {
        pass!(self.figures().await)
    }
}
