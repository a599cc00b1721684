//! Reads the figures of running VMs once a second, as long as there are any to be seen.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use super::{Outbox, tell};
use crate::app::effect::SampleTarget;
use crate::app::message::Message;
use crate::sampler::{self, Probe, Reading, Sample};
use crate::vm::VmName;

/// How often.
const EVERY: Duration = Duration::from_secs(1);
/// The first figures need two readings; one does not want to wait a second for them.
const FIRST: Duration = Duration::from_millis(250);

/// The guest's memory is read at the 1st, 2nd, 4th and 8th reading, and then at every 8th: a boot
/// fills it within seconds, and reading it costs the more the larger it is.
const RARELY: u32 = 8;

struct Subject {
    name: VmName,
    probe: Probe,
    before: Option<(Instant, Reading)>,
    vcpu_threads: Vec<u32>,
    allotted: Option<u64>,
    guest_memory: Option<u64>,
    readings: u32,
}

impl Subject {
    fn sample(&mut self) -> Option<Sample> {
        let reading = self.probe.read();
        let now = Instant::now();
        let sample = match (self.before, reading) {
            (Some((then, before)), Some(after)) => {
                self.readings = self.readings.saturating_add(1);
                if self.readings.is_power_of_two() && self.readings < RARELY
                    || self.readings.is_multiple_of(RARELY)
                {
                    self.guest_memory = self
                        .allotted
                        .and_then(|allotted| self.probe.guest_memory(allotted));
                }
                Some(Sample {
                    guest_memory: self.guest_memory,
                    vcpus: sampler::vcpu_times(self.probe.process(), &self.vcpu_threads),
                    ..Sample::between(&before, &after, now.duration_since(then))
                })
            }
            _ => None,
        };
        self.before = reading.map(|reading| (now, reading));
        sample
    }
}

/// Samples until it is no longer held.
pub(super) async fn sample(targets: Vec<SampleTarget>, outbox: Outbox) {
    let mut subjects: Vec<Subject> = targets
        .into_iter()
        .filter_map(|target| {
            Some(Subject {
                probe: Probe::open(target.process, &target.vcpu_threads)?,
                name: target.name,
                vcpu_threads: target.vcpu_threads,
                before: None,
                allotted: target.memory,
                guest_memory: None,
                readings: 0,
            })
        })
        .collect();
    for subject in &mut subjects {
        subject.sample();
    }
    let mut clock = tokio::time::interval_at(Instant::now() + FIRST, EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !subjects.is_empty() {
        clock.tick().await;
        let samples = subjects
            .iter_mut()
            .filter_map(|subject| Some((subject.name.clone(), subject.sample()?)))
            .collect();
        tell(&outbox, Message::Samples(samples)).await;
    }
}
