//! Calls into rooms that are being built beside this one, each in one place.

use super::output::Outcome;
use crate::config::Config;
use crate::fault::{Code, Failure};
use crate::fleet::Fleet;

fn absent(what: &str) -> Failure {
    Failure::new(
        Code::RuntimeError,
        format!("{what} is not part of this version yet"),
    )
}

/// `app::run(fleet, app::Options { open, color })`.
pub(super) fn run_dashboard(
    fleet: Fleet,
    open: Option<String>,
    color: bool,
) -> Result<(), Failure> {
    let _ = (fleet, open, color);
    Err(absent("the dashboard"))
}

/// `app::keys_table(config)` as rows of context, keys, action and summary.
pub(super) fn keys_table(config: &Config) -> Result<Vec<Vec<String>>, Failure> {
    let _ = config;
    Err(absent("the table of keys"))
}

/// `doctor::canary`.
pub(super) fn boot_canary() -> Outcome {
    Err(absent("`doctor --boot`"))
}
