//! When the dashboard draws by itself.

use std::time::Duration;

use super::row::Row;
use super::state::{Page, State};
use crate::sampler::Silence;

impl State {
    /// When the picture would next change by itself, on the monotonic clock; `None`: never.
    ///
    /// Figures and uptimes come with samples; only fading messages, the bars of a boot under way for
    /// its first half minute, and the moment from which a guest is called silent ask to be woken.
    pub fn next_wake(&self) -> Option<Duration> {
        const BOOT_STEP: Duration = Duration::from_millis(100);
        const BOOT_WATCHED: Duration = Duration::from_secs(30);
        let boot = self
            .selected_row()
            .filter(|row| self.page == Page::Boot && self.modals.is_empty() && row.is_booting())
            .and_then(|row| row.uptime(self.now))
            .filter(|uptime| *uptime < BOOT_WATCHED)
            .map(|_| self.now.mono + BOOT_STEP);
        let due = |row: &Row| Silence::due(&row.vm, self.now.wall);
        let silent = self.rows.iter().filter_map(due).min();
        let silent = silent.map(|left| self.now.mono + left);
        let fade = self.journal.next_fade(self.now);
        [boot, silent, fade].into_iter().flatten().min()
    }
}
