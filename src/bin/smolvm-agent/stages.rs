//! When each stage came, on the guest's own clock.

use nix::time::{ClockId, clock_gettime, clock_settime};

/// Stages in order, in µs since the guest's kernel started.
pub(crate) struct Stages(Vec<(&'static str, u64)>);

impl Stages {
    /// The first stage is the start of this program.
    pub(crate) fn begin() -> Self {
        let mut stages = Self(Vec::with_capacity(8));
        stages.mark("init");
        stages
    }

    /// Notes that a stage is reached.
    pub(crate) fn mark(&mut self, stage: &'static str) {
        self.0.push((stage, now_us()));
    }

    /// All stages so far.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().copied()
    }
}

/// Sets the guest's clock to so many µs since 1970.
pub(crate) fn set_clock(unix_us: u64) -> nix::Result<()> {
    let time = std::time::Duration::from_micros(unix_us);
    clock_settime(ClockId::CLOCK_REALTIME, time.into())
}

/// µs since the kernel started, suspend included.
pub(crate) fn now_us() -> u64 {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(0, |now| {
        let seconds = u64::try_from(now.tv_sec()).unwrap_or(0);
        let nanoseconds = u64::try_from(now.tv_nsec()).unwrap_or(0);
        seconds * 1_000_000 + nanoseconds / 1_000
    })
}
