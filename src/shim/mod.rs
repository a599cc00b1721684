//! The owner of one VM: a small process that outlives the dashboard, and the client half of its
//! protocol.
//!
//! The shim launches the VMM and reaps it, always drains the serial line, answers terminal queries,
//! stamps the boot phases, speaks to the agent and writes down what became of the VM. It exits when
//! its VM has ended and that is written. Nothing in it ticks.

pub mod client;
pub mod log;
pub mod protocol;
pub mod server;
pub mod spawn;
pub(crate) mod stream;
