//! The gutter: when each row of the log or the console came, what it is marked for, and for how long
//! nothing followed it.

use std::time::Duration;

use jiff::Timestamp;
use ratatui::layout::Rect;

use super::state::{Page, State};
use crate::shim::log::When;

/// Columns of the gutter: `≤23:59:59.999◆ `.
const WIDTH: u16 = 15;
/// A silence of this length is marked, in µs.
const SILENT_US: u64 = 1_000_000;

/// Which time the gutter shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// None: there is no gutter.
    #[default]
    Off,
    /// Seconds since the VM was powered on.
    PowerOn,
    /// The time of day.
    Wall,
}

impl Clock {
    /// The one that comes next, round and round.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Off => Self::PowerOn,
            Self::PowerOn => Self::Wall,
            Self::Wall => Self::Off,
        }
    }
}

/// What stands beside a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// When it began to come, if that was noted.
    pub when: Option<When>,
    /// The longest silence that began in it or right after it, in µs.
    pub silent_us: u64,
    /// What it is marked for.
    pub mark: Option<&'static str>,
}

impl Side {
    /// The silence, if it is one that is to be marked.
    pub fn silence(&self) -> Option<Duration> {
        (self.silent_us >= SILENT_US).then(|| Duration::from_micros(self.silent_us))
    }
}

impl State {
    /// How many columns of the page the gutter takes.
    pub fn gutter(&self) -> u16 {
        let has_rows = match self.page {
            Page::Log => true,
            Page::Console => self.reading.is_some(),
            _ => false,
        };
        let fits = self.regions().page.width >= 2 * WIDTH;
        if has_rows && fits && self.clock != Clock::Off {
            WIDTH
        } else {
            0
        }
    }

    /// Where the text of the page is, beside its gutter.
    pub fn text_area(&self) -> Rect {
        let page = self.regions().page;
        let gutter = self.gutter();
        Rect {
            x: page.x + gutter,
            width: page.width.saturating_sub(gutter),
            ..page
        }
    }

    /// A time as the gutter shows it, `≤` before it where the row came at some time before; nothing
    /// where the time is not known.
    pub fn clock_text(&self, when: Option<When>) -> String {
        let Some(when) = when else {
            return String::new();
        };
        let text = match self.clock {
            Clock::Off => return String::new(),
            Clock::PowerOn => {
                let ms = when.t_us / 1000;
                format!("{}.{:03}", ms / 1000, ms % 1000)
            }
            Clock::Wall => {
                let came = self
                    .began(when.boot)
                    .and_then(|at| at.checked_add(Duration::from_micros(when.t_us)).ok());
                let Some(came) = came else {
                    return String::new();
                };
                let came = came.to_zoned(self.zone.clone());
                came.strftime("%H:%M:%S%.3f").to_string()
            }
        };
        let before = if when.missed { "≤" } else { "" };
        format!("{before}{text}")
    }

    /// When that boot of the selected VM began.
    fn began(&self, boot: u32) -> Option<Timestamp> {
        let row = self.selected_row()?;
        let past = row.past.iter().flat_map(|past| &past.own);
        let mut boots = row.vm.state.boot.iter().chain(past);
        boots
            .find(|known| known.id == u64::from(boot))
            .map(|known| known.at)
    }
}

#[cfg(test)]
#[path = "gutter_tests.rs"]
mod tests;
