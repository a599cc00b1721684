//! The whole program, as a user meets it: real guests under QEMU, the dashboard in a terminal.
//!
//! One test binary, so that the guest image is made once and the harness is shared. Every test has
//! a data directory of its own and ends what it started.

#![cfg(test)]

mod bad_input;
mod bench;
mod choice;
mod console;
mod cp;
mod dashboard;
mod doctor;
mod exec;
mod firecracker;
mod firecracker_dashboard;
mod lifecycle;
#[cfg(target_os = "linux")]
mod network;
mod picture;
mod record;
mod root_disk;
mod run;
mod stand_in;
mod support;
mod survival;
mod takeover;
mod terminal;
