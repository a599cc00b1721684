//! Measuring boots: fresh VMs in turn, each made, booted until it is ready, and removed.
//!
//! They live on a [`Ground`] of their own, so nothing of them stays, also when the measurement is
//! dropped half-way.

use std::time::Duration;

use super::ground::Ground;
use super::{Draft, Fleet};
use crate::fault::{Code, Failure};
use crate::vm::{BootPhase, BootRecord, DiskMode, Operation, Spread, Vm};

/// The VM's name; nobody sees it but in a message.
const NAME: &str = "bench";

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct BenchPlan {
    /// What is booted.
    pub draft: Draft,
    /// What it is compared with, if with anything.
    pub against: Option<Draft>,
    /// How many boots of each count.
    pub boots: usize,
    /// How many boots of each come before and do not count.
    pub warm_up: usize,
    /// How long a guest may take to be ready.
    pub deadline: Duration,
}

/// A boot that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lap {
    /// Whether it was one of what is compared with.
    pub against: bool,
    /// Which round, from 0; the warm-up comes first.
    pub round: usize,
    /// How long it took to *ready*, in µs.
    pub ready_us: u64,
}

/// What came of it: the boots that count, in their order. Those of one round are a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Of what was to be measured.
    pub boots: Vec<BootRecord>,
    /// Of what it was compared with; none, or as many.
    pub against: Vec<BootRecord>,
}

/// How the times of pairs differ, in µs: what was compared with less what was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// How many pairs.
    pub n: usize,
    /// In how many of them what was compared with was faster.
    pub faster: usize,
    /// The first quartile.
    pub p25: i64,
    /// The median.
    pub p50: i64,
    /// The third quartile.
    pub p75: i64,
}

impl Fleet {
    /// Boots what the plan says, in turn; of two configurations one first in one round and the other
    /// in the next, so that what the machine does meanwhile falls on both.
    pub async fn measure_boots(
        &self,
        plan: &BenchPlan,
        progress: &mut dyn FnMut(Lap),
    ) -> Result<Measured, Failure> {
        let ground = Ground::new(&self.store)?;
        ground.share_images(&self.store)?;
        let fleet = ground.fleet(self);
        let mut measured = Measured::default();
        for round in 0..plan.warm_up + plan.boots {
            let mut turn = vec![(false, Some(&plan.draft)), (true, plan.against.as_ref())];
            if round % 2 == 1 {
                turn.reverse();
            }
            for (against, draft) in turn {
                let Some(draft) = draft else { continue };
                let boot = fleet.boot_once(draft, plan.deadline).await?;
                let ready_us = boot.phases.get(BootPhase::Ready).unwrap_or_default();
                progress(Lap {
                    against,
                    round,
                    ready_us,
                });
                if round < plan.warm_up {
                    continue;
                }
                let into = if against {
                    &mut measured.against
                } else {
                    &mut measured.boots
                };
                into.push(boot);
            }
        }
        Ok(measured)
    }

    /// Makes a VM, boots it until it is ready, removes it, and tells how the boot was.
    async fn boot_once(&self, draft: &Draft, deadline: Duration) -> Result<BootRecord, Failure> {
        let named = Draft {
            name: Some(NAME.to_owned()),
            ..draft.clone()
        };
        self.create(&named)?;
        let booted = async {
            self.operate(NAME, Operation::Start, false, None).await?;
            self.watch_ready(NAME, deadline, &mut |_, _| {}).await
        };
        let booted = booted.await.map_err(|failure| match failure.code {
            // The way out that it names leads to a VM that is no more.
            Code::Timeout => {
                let seconds = deadline.as_secs_f64();
                let what = format!("a boot was not ready within {seconds} s");
                Failure::new(Code::Timeout, what).with_hint("wait longer with --timeout")
            }
            _ => failure,
        });
        let removed = self.operate(NAME, Operation::Remove, true, None).await;
        let boot = booted?.state.boot;
        removed?;
        boot.filter(|boot| boot.phases.get(BootPhase::Ready).is_some())
            .ok_or_else(|| {
                let what = "a boot was over before its times were written";
                Failure::new(Code::RuntimeError, what)
            })
    }
}

impl BenchPlan {
    /// Boots like the last one of `vm`, against boots with more words for the kernel: `pairs` of each.
    /// `None` when that boot is not known. Ports are not published: the VM itself may have them.
    pub fn with_words(vm: &Vm, words: &str, pairs: usize) -> Option<Self> {
        const DEADLINE: Duration = Duration::from_mins(1);
        let (spec, boot) = (vm.spec.as_ref()?, vm.state.boot.as_ref()?);
        let draft = Draft {
            backend: Some(spec.backend.to_string()),
            image: spec.image.as_ref().map(|image| image.name.clone()),
            vcpu_count: Some(spec.vcpu_count),
            mem_size_mib: Some(spec.mem_size_mib),
            // Two VMs must not write to one disk.
            disk_mode: Some(DiskMode::Isolated),
            disk_size_mib: spec.disk_size_mib,
            network: Some(spec.network),
            cpu_model: Some(spec.cpu_model),
            accel: Some(boot.accel),
            arch: Some(spec.arch),
            kernel: spec.kernel.clone(),
            initrd: spec.initrd.clone(),
            rootfs: spec.rootfs.clone(),
            boot_args: Some(boot.boot_args.clone()),
            ready_pattern: spec.ready_pattern.clone(),
            ..Draft::default()
        };
        let more = Draft {
            boot_args: Some(format!("{} {words}", boot.boot_args)),
            ..draft.clone()
        };
        Some(Self {
            draft,
            against: Some(more),
            boots: pairs,
            warm_up: 1,
            deadline: DEADLINE,
        })
    }
}

impl Measured {
    /// How the times until `phase` of what was measured are spread.
    pub fn spread(boots: &[BootRecord], phase: BootPhase) -> Option<Spread> {
        Spread::of(boots.iter().filter_map(|boot| boot.phases.get(phase)))
    }

    /// How the pairs differ until `phase`.
    pub fn difference(&self, phase: BootPhase) -> Option<Difference> {
        let time = |boot: &BootRecord| i64::try_from(boot.phases.get(phase)?).ok();
        let pairs = self.boots.iter().zip(&self.against);
        let pairs: Vec<i64> = pairs
            .filter_map(|(boot, against)| Some(time(against)? - time(boot)?))
            .collect();
        let least = *pairs.iter().min()?;
        let spread = Spread::of(pairs.iter().map(|pair| pair.abs_diff(least)))?;
        let signed = |value: u64| least.saturating_add_unsigned(value);
        Some(Difference {
            n: spread.n,
            faster: pairs.iter().filter(|pair| **pair < 0).count(),
            p25: signed(spread.p25),
            p50: signed(spread.p50),
            p75: signed(spread.p75),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_told_by_their_differences_and_not_by_those_of_the_medians() {
        let boots = |times: &[u64]| -> Vec<BootRecord> {
            let boot = |&us: &u64| {
                let mut boot = BootRecord::sample(1);
                boot.phases.stamp(BootPhase::Ready, us);
                boot
            };
            times.iter().map(boot).collect()
        };
        let measured = Measured {
            boots: boots(&[100, 200, 900]),
            against: boots(&[90, 180, 950]),
        };
        let difference = measured.difference(BootPhase::Ready).unwrap();
        assert_eq!(
            difference,
            Difference {
                n: 3,
                faster: 2,
                p25: -15,
                p50: -10,
                p75: 20
            }
        );
        assert_eq!(measured.difference(BootPhase::Kernel), None);
        assert_eq!(Measured::default().difference(BootPhase::Ready), None);
    }
}
