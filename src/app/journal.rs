//! Messages to the user: shown for a while, kept to be read again.

use std::collections::VecDeque;
use std::time::Duration;

use super::now::Now;
use crate::fault::Failure;

/// How many messages are kept.
const KEPT: usize = 200;

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something went as asked.
    Done,
    /// Something to know.
    Note,
    /// Something was refused or went wrong.
    Failed,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How much it matters.
    pub level: Level,
    /// The sentence.
    pub text: String,
    /// The way out.
    pub hint: Option<String>,
    /// More lines, such as a VMM's last words.
    pub details: Option<String>,
    /// When it was told.
    pub at: Now,
}

impl Entry {
    /// Until when it is shown by itself, on the monotonic clock.
    fn shown_until(&self) -> Duration {
        let long = match self.level {
            Level::Done | Level::Note => 4,
            Level::Failed => 12,
        };
        self.at.mono + Duration::from_secs(long)
    }
}

/// All messages, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    entries: VecDeque<Entry>,
}

impl Journal {
    /// Tells something.
    pub fn tell(&mut self, now: Now, level: Level, text: impl Into<String>) {
        self.push(Entry {
            level,
            text: text.into(),
            hint: None,
            details: None,
            at: now,
        });
    }

    /// Tells of a failure.
    pub fn fail(&mut self, now: Now, failure: &Failure) {
        self.push(Entry {
            level: Level::Failed,
            text: failure.message.clone(),
            hint: failure.hint.clone(),
            details: failure.details.clone(),
            at: now,
        });
    }

    fn push(&mut self, entry: Entry) {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// All messages, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Those that are shown by themselves at `now`, newest first.
    pub fn shown(&self, now: Now) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .rev()
            .take_while(move |entry| now.mono < entry.at.mono + Duration::from_secs(12))
            .filter(move |entry| now.mono < entry.shown_until())
    }

    /// When the next of them fades.
    pub fn next_fade(&self, now: Now) -> Option<Duration> {
        self.shown(now).map(Entry::shown_until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Now {
        Now {
            mono: Duration::from_secs(seconds),
            ..Now::default()
        }
    }

    #[test]
    fn a_message_fades_and_can_be_read_again() {
        let mut journal = Journal::default();
        journal.tell(at(10), Level::Done, "web runs");
        assert_eq!(journal.shown(at(13)).count(), 1);
        assert_eq!(journal.next_fade(at(13)), Some(Duration::from_secs(14)));
        assert_eq!(journal.shown(at(14)).count(), 0);
        assert_eq!(journal.next_fade(at(14)), None);
        assert_eq!(journal.entries().count(), 1);
    }

    #[test]
    fn the_journal_is_bounded() {
        let mut journal = Journal::default();
        for n in 0..1000 {
            journal.tell(at(n), Level::Note, n.to_string());
        }
        assert_eq!(journal.entries().count(), KEPT);
        assert_eq!(
            journal.entries().last().map(|e| e.text.as_str()),
            Some("999")
        );
    }
}
