//! The dashboard's logic: state, message, update, effect, event loop.
//!
//! ```text
//! keys, mouse, signals ─► Message ─► update(&mut State, Now, Message) ─► Effects ─► perform
//!                            ▲                  │                                      │
//!                            │                  ▼ state.stale                          │
//!                            │         pacer ─► ui::render(frame, area, &State, &Theme)│
//!                            └──────────────────── results ◄──────────────────────────┘
//! ```
//! `update` does no I/O and reads no clock. Nothing ticks: a frame is drawn when something changed.

pub mod action;
pub mod boots;
mod clipboard;
mod context;
pub mod effect;
#[cfg(test)]
pub(crate) mod fixture;
pub mod form;
pub mod gutter;
pub mod hints;
pub mod history;
pub(crate) mod input;
pub mod journal;
pub mod keymap;
pub mod layout;
pub mod log;
pub mod mend;
pub mod message;
pub mod metrics;
mod modal;
pub mod now;
pub mod pacer;
mod perform;
pub mod reading;
pub mod row;
mod run;
pub(crate) mod signals;
pub mod state;
pub(crate) mod terminal;
pub mod tryout;
pub mod update;
mod wake;

pub use keymap::{KeyRow, keys_table};

use crate::fault::{Code, Failure};
use crate::fleet::Fleet;

/// How the dashboard is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The VM to select at first, its console shown.
    pub open: Option<String>,
    /// Whether colours may be used.
    pub color: bool,
    /// The backend that was asked for with `--backend`, for the doctor and for new VMs.
    pub backend: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            open: None,
            backend: None,
            // no-color.org: set and not empty.
            color: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }
}

/// Runs the dashboard until the user closes it. Running VMs go on.
pub fn run(fleet: Fleet, options: Options) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Code::RuntimeError, format!("could not start: {error}")))?;
    let local = tokio::task::LocalSet::new();
    let result = local.block_on(&runtime, run::run(fleet, options));
    // The threads of a doctor under way are not waited for.
    runtime.shutdown_background();
    result
}
