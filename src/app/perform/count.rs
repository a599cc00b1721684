//! Asks for what a VM's VMM counts, once a second, as long as somebody looks.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use super::{Outbox, operations, tell};
use crate::app::effect::CountTarget;
use crate::app::message::Message;
use crate::app::metrics::Count;
use crate::fault::Failure;
use crate::fleet::{Fleet, Meter};
use crate::sampler;

/// How often.
const EVERY: Duration = Duration::from_secs(1);
/// The first rates need two answers; one does not want to wait a second for them.
const FIRST: Duration = Duration::from_millis(250);

/// Counts until it is no longer held.
pub(super) async fn count(fleet: Fleet, outbox: Outbox, target: CountTarget) {
    let begun = Instant::now();
    let mut clock = tokio::time::interval(EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    clock.tick().await;
    clock.reset_after(FIRST);
    let mut meter = None;
    loop {
        let count = once(&fleet, &mut meter, &target, begun).await;
        if count.is_err() {
            meter = None;
        }
        let count = count.map(Box::new).map_err(operations::harmless);
        tell(&outbox, Message::Counted(target.name.clone(), count)).await;
        clock.tick().await;
    }
}

async fn once(
    fleet: &Fleet,
    meter: &mut Option<Meter>,
    target: &CountTarget,
    begun: Instant,
) -> Result<Count, Failure> {
    let meter = match meter {
        Some(meter) => meter,
        None => meter.insert(fleet.meter(target.name.as_str()).await?),
    };
    let figures = meter.figures().await?;
    let threads = target.vcpu_threads.iter();
    Ok(Count {
        at: begun.elapsed(),
        figures,
        vcpus: threads
            .map(|&thread| sampler::vcpu_times(target.process, &[thread]))
            .collect(),
    })
}
