//! A boot beside those that it is compared with.

pub use crate::fleet::Past;
use crate::vm::{Alike, BootPhase, BootPhases, BootRecord, GuestStages, Hint, Spread};

/// With so many boots of its own a VM is measured by them; with fewer, by those of other VMs too
/// that were alike.
const ENOUGH: usize = 5;

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
    pub usual: Option<Spread>,
}

impl Step {
    /// How long it took, in µs.
    pub fn took_us(&self) -> u64 {
        self.at_us.saturating_sub(self.from_us)
    }

    /// Whether it took longer than the spread of the past explains.
    pub fn is_slow(&self) -> bool {
        self.usual
            .is_some_and(|usual| usual.is_exceeded_by(self.took_us()))
    }
}

/// The steps of a boot in order, each beside the same step in `past`.
pub fn steps(phases: &BootPhases, past: &[&BootRecord]) -> Vec<Step> {
    let mut from_us = 0;
    let mut before = None;
    phases
        .iter()
        .map(|(phase, at_us)| {
            let usual = Spread::of(past.iter().filter_map(|boot| {
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
                usual,
            };
            from_us = at_us;
            before = Some(phase);
            step
        })
        .collect()
}

/// What a boot is measured by.
#[derive(Clone, Debug)]
pub struct Usual<'a> {
    /// Earlier boots that were alike and came to *ready*.
    pub boots: Vec<&'a BootRecord>,
    /// Whether boots of other VMs are among them.
    pub of_others: bool,
}

impl<'a> Usual<'a> {
    /// The VM's own earlier boots, and where they are few those of others.
    pub fn of(past: &'a Past, boot: &BootRecord) -> Self {
        let alike = |other: &&BootRecord| other.was_ready() && other.is_alike(boot);
        let own = past.own.iter().filter(|other| other.id < boot.id);
        let mut boots: Vec<_> = own.filter(alike).collect();
        let others = past.others.iter().filter(alike);
        let others: Vec<_> = others.filter(|other| other.at < boot.at).collect();
        let of_others = boots.len() < ENOUGH && !others.is_empty();
        if of_others {
            boots.splice(0..0, others);
        }
        Self { boots, of_others }
    }

    /// How long they took to *ready*.
    pub fn ready(&self) -> Option<Spread> {
        let ready = |boot: &&BootRecord| boot.phases.get(BootPhase::Ready);
        Spread::of(self.boots.iter().filter_map(ready))
    }
}

/// The same guest on another backend or accelerator: each kind with its times to *ready*.
pub fn elsewhere<'a>(past: &'a Past, boot: &BootRecord) -> Vec<(&'a BootRecord, Spread)> {
    let all = past.own.iter().chain(&past.others);
    let kinds = Alike::groups(all.filter(|other| other.was_ready() && other.is_elsewhere(boot)));
    let times = |kind: &Alike<'a>| Some((kind.first(), kind.spread(BootPhase::Ready)?));
    kinds.iter().filter_map(times).collect()
}

/// What could make the boot faster.
pub fn hints(past: &Past, boot: &BootRecord) -> Vec<Hint> {
    let is_last = past.own.last().is_some_and(|last| last.id == boot.id);
    let kernel = past.kernel.as_ref().filter(|_| is_last);
    let hardware = elsewhere(past, boot).into_iter();
    let hardware = hardware.filter(|(other, _)| !other.accel.is_emulated());
    let fastest = hardware
        .map(|(_, times)| times)
        .min_by_key(|times| times.p50);
    crate::vm::hints(boot, kernel, fastest)
}

/// What the agent did on the way to *ready*.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage<'a> {
    /// Its name.
    pub name: &'a str,
    /// How long it took on the guest's clock, in µs.
    pub took_us: u64,
    /// Where it lies between the agent's start (0) and *ready* (1), on the guest's clock.
    pub share: (f64, f64),
}

/// The stages of the agent from its start to *ready*. Of one that never said so there are none: their
/// place in the boot is not known.
pub fn stages(stages: &GuestStages) -> Vec<Stage<'_>> {
    let all: Vec<(&str, u64)> = stages.iter().collect();
    let end = all.iter().position(|(name, _)| *name == "ready");
    let (Some(end), Some(&(_, begin))) = (end, all.first()) else {
        return Vec::new();
    };
    let all = &all[..=end];
    let seconds = |us: u64| std::time::Duration::from_micros(us).as_secs_f64();
    let whole = seconds(all[end].1 - begin).max(f64::MIN_POSITIVE);
    all.windows(2)
        .filter_map(|pair| {
            let [(_, from), (name, to)] = *pair else {
                return None;
            };
            Some(Stage {
                name,
                took_us: to - from,
                share: (seconds(from - begin) / whole, seconds(to - begin) / whole),
            })
        })
        .collect()
}

/// What the width of a boot under way stands for, in µs: at least as long as usual, else a round
/// figure. A bar that was drawn keeps its place while time passes and phases come.
pub fn scale(elapsed_us: u64, usual: Option<Spread>) -> u64 {
    if let Some(usual) = usual.filter(|usual| elapsed_us <= usual.p50) {
        return usual.p50.max(1);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::Accel;

    /// A boot that was ready after so many µs.
    fn ready(id: u64, us: u64) -> BootRecord {
        let mut boot = BootRecord::sample(id);
        boot.phases.stamp(BootPhase::Ready, us);
        boot.at += jiff::SignedDuration::from_secs(i64::try_from(id).unwrap());
        boot
    }

    #[test]
    fn a_boot_under_way_is_drawn_to_a_scale_that_stays() {
        let usual = Spread::of([3_300_000]);
        for (elapsed, without_past, with_past) in [
            (0, 1_000_000, 3_300_000),
            (1_000_000, 1_000_000, 3_300_000),
            (1_000_001, 2_000_000, 3_300_000),
            (3_300_001, 5_000_000, 5_000_000),
            (9_000_000, 10_000_000, 10_000_000),
            (u64::MAX, u64::MAX, u64::MAX),
        ] {
            assert_eq!(scale(elapsed, None), without_past, "{elapsed}");
            assert_eq!(scale(elapsed, usual), with_past, "{elapsed}");
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

    #[test]
    fn a_vm_is_measured_by_its_own_boots_and_by_those_of_others_while_it_has_few() {
        let mut strange = ready(1, 9);
        strange.boot_args = "quiet".to_owned();
        let mut crashed = ready(2, 9);
        crashed.result = crate::vm::BootResult::Crashed;
        let mut past = Past {
            own: vec![strange, crashed, ready(7, 700), ready(8, 800)],
            others: vec![ready(3, 300), ready(9, 900)],
            ..Past::default()
        };
        let times = |past: &Past| {
            let usual = Usual::of(past, &ready(8, 800));
            let times = usual
                .boots
                .iter()
                .filter_map(|boot| boot.phases.get(BootPhase::Ready));
            (times.collect::<Vec<_>>(), usual.of_others)
        };
        assert_eq!(times(&past), (vec![300, 700], true));
        past.own.splice(0..0, (3..7).map(|id| ready(id, id * 100)));
        assert_eq!(times(&past), (vec![300, 400, 500, 600, 700], false));
    }

    #[test]
    fn a_step_that_is_slower_than_the_past_explains_is_known_among_steps_that_are_not() {
        let boot = |kernel: u64, ready: u64| {
            let mut boot = BootRecord::sample(1);
            boot.phases.stamp(BootPhase::Kernel, kernel);
            boot.phases.stamp(BootPhase::Ready, kernel + ready);
            boot
        };
        let past: Vec<_> = (0..9)
            .map(|n| boot(100_000 + n * 1_000, 500_000 - n * 1_000))
            .collect();
        let past: Vec<_> = past.iter().collect();
        let slow = |kernel, ready| {
            let steps = steps(&boot(kernel, ready).phases, &past);
            steps.iter().map(Step::is_slow).collect::<Vec<_>>()
        };
        assert_eq!(slow(104_000, 496_000), [false, false]);
        assert_eq!(slow(240_000, 496_000), [true, false]);
        assert_eq!(slow(104_000, 700_000), [false, true]);
    }

    #[test]
    fn the_same_guest_elsewhere_is_told_by_its_kind() {
        let mut past = Past {
            others: vec![ready(1, 100), ready(2, 200), ready(3, 300)],
            ..Past::default()
        };
        past.others[1].accel = Accel::Kvm;
        past.others[2].accel = Accel::Kvm;
        let here = ready(9, 900);
        let kinds = elsewhere(&past, &here);
        assert_eq!(kinds.len(), 1);
        let (kind, times) = kinds[0];
        assert_eq!((kind.accel, times.n, times.p50), (Accel::Kvm, 2, 250));
    }

    #[test]
    fn stages_end_with_ready_and_share_the_time_since_the_agents_start() {
        let said = |all: &[(&str, u64)]| {
            GuestStages::new(all.iter().map(|&(name, at)| (name.to_owned(), at)))
        };
        let whole = said(&[
            ("init", 100),
            ("mounts", 200),
            ("ready", 500),
            ("network", 900),
        ]);
        let seen: Vec<_> = stages(&whole)
            .iter()
            .map(|s| (s.name, s.took_us, s.share))
            .collect();
        assert_eq!(
            seen,
            [("mounts", 100, (0.0, 0.25)), ("ready", 300, (0.25, 1.0))]
        );
        assert_eq!(stages(&said(&[("init", 100), ("mounts", 200)])), []);
        assert_eq!(stages(&said(&[])), []);
    }
}
