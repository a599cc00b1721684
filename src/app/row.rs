//! One VM as the list knows it: what the store says, what is under way, the figures of the past.

use std::collections::VecDeque;
use std::time::Duration;

use super::now::Now;
use crate::fault::Failure;
use crate::sampler::{Sample, Silence};
use crate::vm::{Admission, BootPhase, BootRecord, BootResult, Invocation, Operation, Phase, Vm};

/// How many seconds of figures are kept.
pub const HISTORY: usize = 240;

/// A row of the list.
#[derive(Clone, Debug)]
pub struct Row {
    /// As the store and its shim tell.
    pub vm: Vm,
    /// The operation that this dashboard has under way on it.
    pub busy: Option<Operation>,
    /// Figures, one a second, newest last; `None` where none could be read.
    pub history: VecDeque<Option<Sample>>,
    /// Its boots, oldest first, once they were read.
    pub boots: Option<Vec<BootRecord>>,
    /// By what it would be started, or why that is not known, once it was asked for.
    pub invocation: Option<Result<Invocation, Failure>>,
}

impl Row {
    /// A row of which nothing but the store's word is known.
    pub fn new(vm: Vm) -> Self {
        Self {
            vm,
            busy: None,
            history: VecDeque::new(),
            boots: None,
            invocation: None,
        }
    }

    /// Takes a newer word of the store. The past of another boot is no past of this one.
    pub fn renew(&mut self, vm: Vm) {
        if vm.state.vmm != self.vm.state.vmm {
            self.history.clear();
        }
        self.vm = vm;
    }

    /// Notes the figures of the last second.
    pub fn note(&mut self, sample: Option<Sample>) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(sample);
    }

    /// The newest figures, if any could be read.
    pub fn sample(&self) -> Option<Sample> {
        self.history.back().copied().flatten()
    }

    /// Whether it runs and its guest says nothing for long.
    pub fn silence(&self, now: Now) -> Option<Silence> {
        let vcpus = self.sample().and_then(|sample| sample.vcpus);
        Silence::of(&self.vm, now.wall, vcpus)
    }

    /// How long the VMM has been running, as far as its boot is known.
    pub fn uptime(&self, now: Now) -> Option<Duration> {
        if !self.vm.phase.is_live() {
            return None;
        }
        let since = self.vm.state.boot.as_ref()?.at;
        now.wall.duration_since(since).try_into().ok()
    }

    /// How long the last boot took to *ready*.
    pub fn last_boot(&self) -> Option<Duration> {
        let boot = self.vm.state.boot.as_ref()?;
        boot.phases.get(BootPhase::Ready).map(Duration::from_micros)
    }

    /// Whether a boot is under way whose end is not known.
    pub fn is_booting(&self) -> bool {
        let undecided = |boot: &BootRecord| boot.result == BootResult::Booting;
        match self.vm.phase {
            Phase::Starting => true,
            Phase::Running => {
                !self.vm.state.ready && self.vm.state.boot.as_ref().is_some_and(undecided)
            }
            _ => false,
        }
    }

    /// Whether `operation` would be begun now, and change something.
    pub fn may(&self, operation: Operation) -> bool {
        // A kill may cut any other operation short; the shim sees to it.
        let is_free = self.busy.is_none() || operation == Operation::Kill;
        is_free && matches!(self.vm.phase.admit(operation), Ok(Admission::Go))
    }

    /// What this dashboard is doing with it, in a word, while the store does not say so itself.
    pub fn doing(&self) -> Option<&'static str> {
        Some(match (self.busy?, self.vm.phase) {
            (Operation::Start, _) => "starting…",
            (Operation::Stop, _) => "stopping…",
            (Operation::Restart, _) => "restarting…",
            (Operation::Kill, _) => "killing…",
            (Operation::Pause, _) => "pausing…",
            (Operation::Resume, _) => "resuming…",
            (Operation::Remove, _) => "deleting…",
        })
    }

    /// What has to be said on the row besides figures: what is wrong with it, or how it ended.
    pub fn remark(&self) -> Option<String> {
        if let Some(problem) = &self.vm.problem {
            return Some(problem.message.clone());
        }
        if let Some(activity) = self
            .vm
            .state
            .activity
            .as_ref()
            .filter(|_| self.vm.phase.is_live())
        {
            return Some(activity.clone());
        }
        self.vm.exit().map(crate::vm::Exit::summary)
    }
}
