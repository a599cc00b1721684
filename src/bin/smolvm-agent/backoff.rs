//! How long to wait before the next attempt to reach a host that is not there.

/// The first wait, in ms: a host that comes back at once is hardly missed.
const SHORTEST_MS: u16 = 100;

/// The longest wait, in ms. Nothing tells a guest that its host listens again, so it has to try;
/// at this pace an idle guest wakes for it as seldom as the kernel does for itself.
const LONGEST_MS: u16 = 5_000;

/// Waits that double while attempts fail.
#[derive(Debug)]
pub(crate) struct Backoff {
    next_ms: u16,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            next_ms: SHORTEST_MS,
        }
    }
}

impl Backoff {
    /// The wait, in ms, after an attempt that ended `lived_ms` after it began. Only a connection
    /// that held for a while begins the row anew: a host that takes every call and hangs up at
    /// once is as good as none.
    pub(crate) fn after_ms(&mut self, lived_ms: u64) -> u16 {
        if lived_ms >= u64::from(LONGEST_MS) {
            self.next_ms = SHORTEST_MS;
        }
        let wait_ms = self.next_ms;
        self.next_ms = (wait_ms * 2).min(LONGEST_MS);
        wait_ms
    }
}
