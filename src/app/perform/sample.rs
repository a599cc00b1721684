//! Reads the figures of running VMs once a second, as long as there are any to be seen.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use super::{Outbox, tell};
use crate::app::effect::SampleTarget;
use crate::app::message::Message;
use crate::sampler::{Probe, Reading, Sample};
use crate::vm::VmName;

/// How often.
const EVERY: Duration = Duration::from_secs(1);
/// The first figures need two readings; one does not want to wait a second for them.
const FIRST: Duration = Duration::from_millis(250);

struct Subject {
    name: VmName,
    probe: Probe,
    before: Option<(Instant, Reading)>,
}

impl Subject {
    fn sample(&mut self) -> Option<Sample> {
        let reading = self.probe.read();
        let now = Instant::now();
        let sample = match (self.before, reading) {
            (Some((then, before)), Some(after)) => {
                Some(Sample::between(&before, &after, now.duration_since(then)))
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
                before: None,
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
