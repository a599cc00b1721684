//! What a VM is: its name, its spec, its phase, its boots, and where all that is kept on disk.
//!
//! This room knows no backend, no screen and no socket; everything else knows it.

mod api_call;
mod boot;
mod figures;
mod name;
mod phase;
pub mod process;
mod spec;
mod state;
mod store;
mod words;

pub use api_call::{ApiCall, Invocation, Method};
pub use boot::{BootPhase, BootPhases, BootRecord, BootResult, GuestStages, Versions};
pub use figures::{BalloonFigures, BlockFigures, Figures, NetFigures, SerialFigures, VsockFigures};
pub use name::{NameError, VmName};
pub use phase::{Admission, Operation, Phase, Refusal};
pub use process::ProcessId;
pub use spec::{
    ImageRef, MEM_SIZE_MIB, PortForward, SPEC_VERSION, SpecError, VCPU_COUNT, VmSpec, is_id,
};
pub use state::{Exit, ExitReason, STATE_VERSION, VmState, WindowSize};
pub use store::{
    Problem, Registration, ShimLock, Store, StoreError, Vm, VmPaths, private_file, write_aside,
};
pub use words::{Accel, Arch, BackendKind, CpuModel, DiskMode, NetworkMode};
