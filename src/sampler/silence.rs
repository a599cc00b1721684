//! A guest that runs and says nothing: what its VMM calls *running* may get nowhere.

use std::time::Duration;

use jiff::Timestamp;

use super::VcpuTimes;
use crate::vm::{Accel, Vm};

/// Guests say their first word within seconds, emulated ones too.
const LONG: Duration = Duration::from_secs(5);

/// A guest whose vCPUs have run for long without a word on its serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// How long they have.
    pub lasts: Duration,
    /// What its vCPUs used since they run, where that points at the cause.
    emulated_kvm: Option<VcpuTimes>,
}

impl Silence {
    /// Of `vm` at `now`, given what its vCPUs used so far; `None` while nothing is odd.
    pub fn of(vm: &Vm, now: Timestamp, vcpus: Option<VcpuTimes>) -> Option<Self> {
        let lasts = vm.silent_for(now).filter(|lasts| *lasts >= LONG)?;
        let is_kvm = vm.state.accel == Some(Accel::Kvm);
        Some(Self {
            lasts,
            emulated_kvm: vcpus.filter(|used| is_kvm && is_interpreted(*used, lasts)),
        })
    }

    /// How long from `now` until `vm` is silent for long, unless it says something.
    pub fn due(vm: &Vm, now: Timestamp) -> Option<Duration> {
        LONG.checked_sub(vm.silent_for(now)?)
            .filter(|left| !left.is_zero())
    }

    /// The likely cause as a word for programs, where it was measured.
    pub fn cause(&self) -> Option<&'static str> {
        self.emulated_kvm.map(|_| "emulated_kvm")
    }

    /// What was seen, and the likely cause where it was measured.
    pub fn words(&self) -> String {
        let lasts = self.lasts.as_secs();
        let seen = format!("nothing came on its serial line for {lasts} s");
        match self.emulated_kvm {
            None => seen,
            Some(used) => format!(
                "{seen}, and its vCPUs spend {:.0} % of their time in the host's kernel: KVM is \
                 probably emulated here; `doctor --backend firecracker` tells, `--backend qemu` \
                 does without",
                share(used) * 100.0
            ),
        }
    }
}

fn share(used: VcpuTimes) -> f64 {
    used.system.as_secs_f64() / used.total.as_secs_f64().max(f64::MIN_POSITIVE)
}

/// Time in the guest counts as the vCPU's own, not as the kernel's (`proc_pid_stat(5)`): a vCPU that
/// works, and does so in the kernel nearly all the time, has its instructions interpreted there.
fn is_interpreted(used: VcpuTimes, lasts: Duration) -> bool {
    // A busy host gives it little; one that waits uses next to nothing.
    used.total >= lasts / 10 && share(used) >= 0.8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_processor_that_works_and_works_in_the_kernel_is_emulated() {
        let used = |total: u64, system: u64| VcpuTimes {
            total: Duration::from_millis(total),
            system: Duration::from_millis(system),
        };
        let lasts = Duration::from_secs(6);
        for (total, system, expected) in [
            (6000, 5900, true),
            (1200, 1190, true),
            (6000, 300, false),
            (40, 40, false),
            (0, 0, false),
        ] {
            let found = is_interpreted(used(total, system), lasts);
            assert_eq!(found, expected, "{system} of {total} ms");
        }
        let silence = |emulated_kvm| Silence {
            lasts,
            emulated_kvm,
        };
        assert_eq!(
            silence(None).words(),
            "nothing came on its serial line for 6 s"
        );
        let words = silence(Some(used(6000, 5820))).words();
        assert!(words.contains("97 % of their time"), "{words}");
    }
}
