//! Host checks: what works here, what does not, why, and the command that mends it.
//!
//! One vocabulary for the panel, the text and the JSON: a [`Finding`] each, a [`Report`] of all with
//! a [`Verdict`] on each backend. A check asks the `Host` through its `Exam`, which
//! notes what was read and run. Nothing here changes the host.

mod checks;
mod command;
mod cpu;
mod exam;
mod finding;
mod host;
mod hypervisor;
mod leftovers;
mod mending;
mod network;
mod outcome;
mod places;
mod privacy;
mod programs;
mod report;
mod run;
mod terminal;
mod text;
mod trial;
mod worker;

pub use checks::title;
pub use finding::{Finding, Fix, Marks, Status};
pub use leftovers::{orphaned_vmms, stale_run_dirs};
pub use mending::{SHELL, mending_environment};
pub use privacy::Privacy;
pub use report::{Readiness, Report, Summary, Verdict};
pub use run::{Examination, Profile, Progress, examine};
pub use text::{to_bug_report, to_text};
pub use trial::{Echo, Trial, boot_check};

#[cfg(test)]
mod tests;
