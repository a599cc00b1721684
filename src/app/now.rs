//! The time, as it is handed to the logic: the logic reads no clock.

use std::time::Duration;

/// One moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Since the dashboard was started, monotonic.
    pub mono: Duration,
    /// On the wall.
    pub wall: jiff::Timestamp,
}

impl Default for Now {
    fn default() -> Self {
        Self {
            mono: Duration::ZERO,
            wall: jiff::Timestamp::UNIX_EPOCH,
        }
    }
}
