//! QEMU.
mod program;
pub use program::{img_program, program};
