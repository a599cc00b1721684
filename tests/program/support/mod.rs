//! What the tests of the whole program stand on: a bed for VMs, and a terminal to look at.

mod bed;
mod image;
mod peer;
mod process;
mod session;

use std::time::Duration;

pub(crate) use bed::{Bed, json_of};
pub(crate) use image::images;
pub(crate) use peer::scripted;
pub(crate) use process::{Process, wait_until};
pub(crate) use session::{Session, Size};

/// How long anything may take here. An emulated guest boots in two seconds on an idle host; the
/// tests share two loaded cores with other guests, so only what will never come reaches this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// The phases of a boot in the order in which they happen.
pub(crate) const BOOT_PHASES: [&str; 7] = [
    "spawned",
    "vmm_ready",
    "started",
    "first_byte",
    "kernel",
    "init",
    "ready",
];
