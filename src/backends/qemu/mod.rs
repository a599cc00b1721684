//! QEMU.
mod events;
mod program;
mod qmp;
pub use program::{img_program, program};
