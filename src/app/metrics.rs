//! What a VMM counts, as the page of metrics needs it: what happened between two answers, and the
//! past of that. Answers come once a second, and only while the page is seen.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::row::HISTORY;
use crate::fault::Failure;
use crate::sampler::VcpuTimes;
use crate::vm::{Figures, ProcessId, VmName};

/// One answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Count {
    /// When it came, on any clock that does not jump.
    pub at: Duration,
    /// What the VMM counted so far.
    pub figures: Figures,
    /// What each vCPU used so far, where the host tells.
    pub vcpus: Vec<Option<VcpuTimes>>,
}

/// Something that counts up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is a field of `Figures`, or the sum of some"
)]
pub enum Counter {
    Exits,
    DiskReadBytes,
    DiskWriteBytes,
    DiskReads,
    DiskWrites,
    NetReceived,
    NetSent,
    SerialRead,
    SerialWritten,
    VsockReceived,
    VsockSent,
}

impl Counter {
    const ALL: [Self; 11] = [
        Self::Exits,
        Self::DiskReadBytes,
        Self::DiskWriteBytes,
        Self::DiskReads,
        Self::DiskWrites,
        Self::NetReceived,
        Self::NetSent,
        Self::SerialRead,
        Self::SerialWritten,
        Self::VsockReceived,
        Self::VsockSent,
    ];

    /// Its count, where it is counted.
    pub fn of(self, figures: &Figures) -> Option<u64> {
        match self {
            Self::Exits => exits(&figures.exits),
            Self::DiskReadBytes => figures.block?.read_bytes,
            Self::DiskWriteBytes => figures.block?.write_bytes,
            Self::DiskReads => figures.block?.reads,
            Self::DiskWrites => figures.block?.writes,
            Self::NetReceived => figures.net?.rx_bytes,
            Self::NetSent => figures.net?.tx_bytes,
            Self::SerialRead => figures.serial?.reads,
            Self::SerialWritten => figures.serial?.writes,
            Self::VsockReceived => figures.vsock?.rx_bytes,
            Self::VsockSent => figures.vsock?.tx_bytes,
        }
    }
}

/// All exits, where the VMM tells their number or all kinds that it counts.
fn exits(kinds: &BTreeMap<String, u64>) -> Option<u64> {
    let all = kinds.get("all").copied();
    all.or_else(|| kinds.values().copied().reduce(u64::saturating_add))
}

/// How busy a vCPU was, in percent of a core.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VcpuLoad {
    /// In all.
    pub total: f64,
    /// In the host's kernel.
    pub system: f64,
}

/// What happened between two answers, per second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rates {
    counters: [Option<f64>; Counter::ALL.len()],
    /// Exits by kind.
    pub exits: BTreeMap<String, Option<f64>>,
    /// The vCPUs in order.
    pub vcpus: Vec<Option<VcpuLoad>>,
}

impl Rates {
    /// Between two answers. A counter that went back, as when another shim counts, gives no rate;
    /// neither does no time at all.
    fn between(before: &Count, after: &Count) -> Self {
        let elapsed = after.at.saturating_sub(before.at).as_secs_f64();
        let same = before.figures.since == after.figures.since && elapsed > 0.0;
        let rate = |before: Option<u64>, after: Option<u64>| {
            let more = after?.checked_sub(before?).filter(|_| same)?;
            Some(as_f64(more) / elapsed)
        };
        let percent = |before: Duration, after: Duration| {
            let used = after.checked_sub(before).filter(|_| elapsed > 0.0)?;
            Some(used.as_secs_f64() / elapsed * 100.0)
        };
        let load = |(before, after): (&Option<VcpuTimes>, &Option<VcpuTimes>)| {
            let (before, after) = ((*before)?, (*after)?);
            Some(VcpuLoad {
                total: percent(before.total, after.total)?,
                system: percent(before.system, after.system)?,
            })
        };
        let (old, new) = (&before.figures, &after.figures);
        Self {
            counters: Counter::ALL.map(|counter| rate(counter.of(old), counter.of(new))),
            exits: new
                .exits
                .iter()
                .filter(|(kind, _)| *kind != "all")
                .map(|(kind, &count)| {
                    let before = old.exits.get(kind).copied();
                    (kind.clone(), rate(before, Some(count)))
                })
                .collect(),
            vcpus: before.vcpus.iter().zip(&after.vcpus).map(load).collect(),
        }
    }

    /// The rate of a counter, where it is known.
    pub fn of(&self, counter: Counter) -> Option<f64> {
        self.counters.get(counter as usize).copied().flatten()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rate is shown with three digits"
)]
fn as_f64(count: u64) -> f64 {
    count as f64
}

/// All that was counted of the VM whose metrics are seen.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Which VM, and which VMM of it.
    pub of: Option<(VmName, ProcessId)>,
    /// The newest answer.
    pub last: Option<Count>,
    /// Why there is no newer one.
    pub failure: Option<Failure>,
    /// Rates, newest last; `None` where there was no answer.
    pub history: VecDeque<Option<Rates>>,
}

impl Metrics {
    /// Nothing of a VM yet.
    pub(super) fn of(name: VmName, vmm: ProcessId) -> Self {
        Self {
            of: Some((name, vmm)),
            ..Self::default()
        }
    }

    /// Takes an answer in.
    pub(super) fn take(&mut self, count: Result<Count, Failure>) {
        let rates = match (&self.last, &count) {
            (Some(before), Ok(after)) => Some(Rates::between(before, after)),
            _ => None,
        };
        // Of the very first answer there is nothing to tell, not even that something is missing.
        if self.last.is_some() || count.is_err() {
            if self.history.len() == HISTORY {
                self.history.pop_front();
            }
            self.history.push_back(rates);
        }
        match count {
            Ok(count) => {
                self.last = Some(count);
                self.failure = None;
            }
            Err(failure) => self.failure = Some(failure),
        }
    }

    /// The newest rates, if there are any.
    pub fn rates(&self) -> Option<&Rates> {
        self.history.back()?.as_ref()
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
