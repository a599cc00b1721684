//! A boot against the median of the VM's own past.

use crate::vm::{BootPhase, BootPhases, BootRecord, BootResult};

/// One bar of the waterfall: the way to a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The phase that was reached.
    pub phase: BootPhase,
    /// When the step began, in µs since *spawned*.
    pub from_us: u64,
    /// When the phase came, in µs since *spawned*.
    pub at_us: u64,
    /// How long this step usually takes, in µs, when the past tells.
    pub usual_us: Option<u64>,
}

impl Step {
    /// How long it took, in µs.
    pub fn took_us(&self) -> u64 {
        self.at_us.saturating_sub(self.from_us)
    }
}

/// The steps of a boot in order, each beside the median of the same step in `past`.
pub fn steps(phases: &BootPhases, past: &[&BootRecord]) -> Vec<Step> {
    let mut from_us = 0;
    let mut before = None;
    phases
        .iter()
        .map(|(phase, at_us)| {
            let usual_us = median(past.iter().filter_map(|boot| {
                let from = match before {
                    Some(before) => boot.phases.get(before)?,
                    None => 0,
                };
                boot.phases.get(phase)?.checked_sub(from)
            }));
            let step = Step {
                phase,
                from_us,
                at_us,
                usual_us,
            };
            from_us = at_us;
            before = Some(phase);
            step
        })
        .collect()
}

/// Those boots of `all` that the one with `id` is compared to: earlier ones that came to *ready*
/// with the same accelerator.
pub fn past<'a>(all: &'a [BootRecord], boot: &BootRecord) -> Vec<&'a BootRecord> {
    all.iter()
        .filter(|past| past.id < boot.id && past.accel == boot.accel)
        .filter(|past| {
            past.result == BootResult::Ready || past.phases.get(BootPhase::Ready).is_some()
        })
        .collect()
}

/// What the width of a boot under way stands for, in µs: at least as long as usual, else a round
/// figure. A bar that was drawn keeps its place while time passes and phases come.
pub fn scale(elapsed_us: u64, past: &[&BootRecord]) -> u64 {
    let ready = past
        .iter()
        .filter_map(|boot| boot.phases.get(BootPhase::Ready));
    if let Some(usual) = median(ready).filter(|usual| elapsed_us <= *usual) {
        return usual.max(1);
    }
    // 1, 2, 5, 10, 20, 50 … seconds.
    let mut second = 1_000_000;
    loop {
        for round in [second, second * 2, second * 5] {
            if elapsed_us <= round {
                return round;
            }
        }
        match second.checked_mul(10) {
            Some(more) if more < u64::MAX / 10 => second = more,
            _ => return elapsed_us,
        }
    }
}

/// The middle one; of an even number the mean of the two.
pub fn median(values: impl Iterator<Item = u64>) -> Option<u64> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    let upper = *values.get(values.len() / 2)?;
    let lower = if values.len().is_multiple_of(2) {
        *values.get(values.len() / 2 - 1)?
    } else {
        upper
    };
    Some(lower.midpoint(upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_nothing_is_nothing() {
        assert_eq!(median([].into_iter()), None);
        assert_eq!(median([3].into_iter()), Some(3));
        assert_eq!(median([9, 1, 5].into_iter()), Some(5));
        assert_eq!(median([9, 1, 5, 7].into_iter()), Some(6));
    }

    #[test]
    fn a_boot_under_way_is_drawn_to_a_scale_that_stays() {
        let mut boot = crate::app::fixture::boot(1, crate::vm::Phase::Running);
        boot.phases = BootPhases::default();
        boot.phases.stamp(BootPhase::Ready, 3_300_000);
        for (elapsed, without_past, with_past) in [
            (0, 1_000_000, 3_300_000),
            (1_000_000, 1_000_000, 3_300_000),
            (1_000_001, 2_000_000, 3_300_000),
            (3_300_001, 5_000_000, 5_000_000),
            (9_000_000, 10_000_000, 10_000_000),
            (u64::MAX, u64::MAX, u64::MAX),
        ] {
            assert_eq!(scale(elapsed, &[]), without_past, "{elapsed}");
            assert_eq!(scale(elapsed, &[&boot]), with_past, "{elapsed}");
        }
    }

    #[test]
    fn a_step_runs_from_the_phase_before_that_happened() {
        let mut phases = BootPhases::default();
        phases.stamp(BootPhase::Spawned, 0);
        phases.stamp(BootPhase::VmmReady, 40);
        phases.stamp(BootPhase::Ready, 900);
        let steps = steps(&phases, &[]);
        let took: Vec<_> = steps.iter().map(|s| (s.phase, s.took_us())).collect();
        assert_eq!(
            took,
            [
                (BootPhase::Spawned, 0),
                (BootPhase::VmmReady, 40),
                (BootPhase::Ready, 860)
            ]
        );
    }
}
