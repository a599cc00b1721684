//! What every command works with.

use std::time::Duration;

use super::args::Globals;
use super::output;
use crate::config::Config;
use crate::fault::Failure;
use crate::fleet::Fleet;
use crate::vm::Store;

/// How long `--wait` waits when nothing else is said.
const READY: Duration = Duration::from_mins(1);

/// The fleet, and how to answer.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) fleet: Fleet,
    /// The word given with `--backend`.
    pub(super) backend: Option<String>,
    /// Whether the answer is JSON.
    pub(super) json: bool,
}

impl Context {
    /// Reads the configuration; with `bears_broken_config` an error in it is only a warning.
    pub(super) fn new(globals: &Globals, bears_broken_config: bool) -> Result<Self, Failure> {
        let config = match Config::load(globals.config.as_deref()) {
            Ok(config) => config,
            Err(error) if bears_broken_config => {
                for line in error.to_string().lines() {
                    output::note(&format!("warning: {}", output::inert(line)));
                }
                Config::default()
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            fleet: Fleet {
                store: Store::locate(globals.data_dir.as_deref())?,
                config,
            },
            backend: globals.backend.clone(),
            json: globals.json,
        })
    }

    /// How long `--wait` may take.
    pub(super) fn ready_timeout(asked: Option<Duration>) -> Duration {
        asked.unwrap_or(READY)
    }
}
