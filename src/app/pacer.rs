//! When to draw: only what changed, at most 60 times a second. Pure: time is handed in.

use std::time::Duration;

/// The least time between two frames.
pub const FRAME_GAP: Duration = Duration::from_micros(16_667);

/// Says when the next frame is due.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pacer {
    last: Option<Duration>,
    due: Option<Duration>,
}

impl Pacer {
    /// Something changed at `now`. Many requests are one frame; the earliest counts.
    pub fn request(&mut self, now: Duration) {
        let earliest = self.last.map_or(now, |last| (last + FRAME_GAP).max(now));
        self.due = Some(self.due.map_or(earliest, |due| due.min(earliest)));
    }

    /// When the next frame is due, if anything changed.
    pub fn due(&self) -> Option<Duration> {
        self.due
    }

    /// Whether a frame is to be drawn at `now`.
    pub fn is_due(&self, now: Duration) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// A frame was drawn.
    pub fn drawn(&mut self, now: Duration) {
        self.last = Some(now);
        self.due = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_thousand_requests_are_one_frame() {
        let mut pacer = Pacer::default();
        for _ in 0..1000 {
            pacer.request(ms(5));
        }
        assert!(pacer.is_due(ms(5)));
        pacer.drawn(ms(5));
        assert_eq!(pacer.due(), None);
    }

    #[test]
    fn a_change_right_after_a_frame_waits_and_a_late_one_does_not() {
        let mut pacer = Pacer::default();
        pacer.drawn(ms(100));
        pacer.request(ms(101));
        assert_eq!(pacer.due(), Some(ms(100) + FRAME_GAP));
        pacer.request(ms(110));
        assert_eq!(pacer.due(), Some(ms(100) + FRAME_GAP));
        pacer.drawn(ms(117));
        pacer.request(ms(500));
        assert!(pacer.is_due(ms(500)));
    }

    #[test]
    fn sixty_frames_a_second_are_the_most() {
        let mut pacer = Pacer::default();
        let frames = (0..1_000_000).step_by(100).filter(|&us| {
            let now = Duration::from_micros(us);
            pacer.request(now);
            let is_due = pacer.is_due(now);
            if is_due {
                pacer.drawn(now);
            }
            is_due
        });
        assert_eq!(frames.count(), 60);
    }

    #[test]
    fn without_a_change_nothing_is_due() {
        assert_eq!(Pacer::default().due(), None);
    }
}
