//! When the rows of a terminal were written, and where nothing followed for long.

use std::collections::VecDeque;

/// Silences of this length are kept, in µs.
const SILENT_US: u64 = 1_000_000;

/// Times by the numbers of rows, which grow from one entry to the next: no more entries than rows.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    /// From this row on, rows came at this time, in µs.
    times: VecDeque<(i64, u64)>,
    /// In this row, or right after it, nothing came for so many µs.
    silences: VecDeque<(i64, u64)>,
    /// When the last bytes came.
    came: Option<u64>,
}

impl Stamps {
    /// Notes that bytes which came at `t_us` moved the cursor from a row and a column to a row.
    pub(super) fn came(&mut self, (row, column): (i64, usize), end: i64, t_us: u64) {
        let before = self.came.replace(t_us).unwrap_or(t_us);
        // A row in which nothing stood yet begins now.
        let fresh = i64::from(column > 0);
        let silent = t_us.saturating_sub(before);
        if silent >= SILENT_US {
            let begins_in = row - 1 + fresh;
            let longest = self.silences.iter().find(|(row, _)| *row == begins_in);
            let longest = longest.map_or(silent, |(_, known)| silent.max(*known));
            cut(&mut self.silences, begins_in);
            self.silences.push_back((begins_in, longest));
        }
        // A cursor that went up writes the rows anew that it passes.
        let first = (row + fresh).min(end + fresh);
        if first <= end {
            cut(&mut self.times, first);
            cut(&mut self.silences, first);
            if self.times.back().is_none_or(|(_, last)| *last != t_us) {
                self.times.push_back((first, t_us));
            }
        }
    }

    /// When that row came, in µs, and for how long nothing followed.
    pub(super) fn of(&self, row: i64) -> (Option<u64>, u64) {
        let after = self.times.partition_point(|(first, _)| *first <= row);
        let time = after.checked_sub(1).and_then(|at| self.times.get(at));
        let silence = self.silences.binary_search_by_key(&row, |(row, _)| *row);
        let silence = silence.ok().and_then(|at| self.silences.get(at));
        (
            time.map(|(_, t_us)| *t_us),
            silence.map_or(0, |(_, silent)| *silent),
        )
    }

    /// Forgets rows that are gone.
    pub(super) fn forget_before(&mut self, oldest: i64) {
        while self.times.get(1).is_some_and(|(row, _)| *row <= oldest) {
            self.times.pop_front();
        }
        if let Some((first, _)) = self.times.front_mut() {
            *first = oldest.max(*first);
        }
        while self.silences.front().is_some_and(|(row, _)| *row < oldest) {
            self.silences.pop_front();
        }
    }

    /// Rows have other numbers now.
    pub(super) fn shift(&mut self, by: i64) {
        for (row, _) in self.times.iter_mut().chain(&mut self.silences) {
            *row += by;
        }
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        self.times.clear();
        self.silences.clear();
    }
}

/// Leaves out what is of that row and those after it.
fn cut(entries: &mut VecDeque<(i64, u64)>, from: i64) {
    entries.truncate(entries.partition_point(|(row, _)| *row < from));
}

#[cfg(test)]
#[path = "stamps_tests.rs"]
mod tests;
