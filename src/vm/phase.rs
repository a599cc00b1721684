//! The phases of a VM and what may be asked of it in each: the one place that decides.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fault::{Code, Fault};

/// Where a VM is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Made, never started.
    Created,
    /// Its VMM is being launched.
    Starting,
    /// The VMM says that it runs. Whether the guest is *ready* is another question.
    Running,
    /// Its vCPUs are halted by request.
    Paused,
    /// Asked to end, not ended yet.
    Stopping,
    /// Ended as asked, by us or by the guest.
    Stopped,
    /// Ended otherwise; the exit tells how.
    Crashed,
}

impl Phase {
    /// All phases, in the order of a life.
    pub const ALL: [Self; 7] = [
        Self::Created,
        Self::Starting,
        Self::Running,
        Self::Paused,
        Self::Stopping,
        Self::Stopped,
        Self::Crashed,
    ];

    /// The word for it, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Crashed => "crashed",
        }
    }

    /// Whether a VMM process belongs to this phase.
    pub fn is_live(self) -> bool {
        matches!(
            self,
            Self::Starting | Self::Running | Self::Paused | Self::Stopping
        )
    }

    /// Whether `operation` may begin now, is done already, or is refused.
    pub fn admit(self, operation: Operation) -> Result<Admission, Refusal> {
        use Operation as O;
        use Phase as P;
        let refuse = |reason| {
            Err(Refusal {
                operation,
                phase: self,
                reason,
            })
        };
        match (operation, self) {
            (O::Start | O::Remove, P::Created | P::Stopped | P::Crashed)
            | (O::Stop, P::Starting | P::Running | P::Paused)
            | (O::Kill, P::Starting | P::Running | P::Paused | P::Stopping)
            | (O::Restart, P::Created | P::Running | P::Paused | P::Stopped | P::Crashed)
            | (O::Pause, P::Running)
            | (O::Resume, P::Paused) => Ok(Admission::Go),
            (O::Start | O::Resume, P::Running)
            | (O::Stop | O::Kill, P::Created | P::Stopped | P::Crashed)
            | (O::Pause, P::Paused) => Ok(Admission::Done),
            (O::Start, P::Starting) => refuse("it is starting already"),
            (O::Start, P::Paused) => refuse("resume it"),
            (O::Start, P::Stopping) => refuse("it is stopping: wait for it to end"),
            (O::Stop, P::Stopping) => refuse("it is stopping already: kill it if it hangs"),
            (O::Restart, P::Starting | P::Stopping) => refuse("another operation is under way"),
            (O::Pause, _) => refuse("only a running VM can be paused"),
            (O::Resume, _) => refuse("only a paused VM can be resumed"),
            (O::Remove, _) => refuse("it is running: stop it first, or use `--force`"),
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What can be asked of a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Boot it.
    Start,
    /// Ask the guest to power off, then the VMM to end.
    Stop,
    /// Stop, then start.
    Restart,
    /// End the VMM at once.
    Kill,
    /// Halt its vCPUs.
    Pause,
    /// Let its vCPUs go on.
    Resume,
    /// Delete it and all that is its own.
    Remove,
}

impl Operation {
    /// All operations.
    pub const ALL: [Self; 7] = [
        Self::Start,
        Self::Stop,
        Self::Restart,
        Self::Kill,
        Self::Pause,
        Self::Resume,
        Self::Remove,
    ];

    /// The word for it, as on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Remove => "remove",
        }
    }
}

/// An operation that is not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may begin.
    Go,
    /// What it asks for is the case already.
    Done,
}

/// Why an operation may not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot {} a VM that is {phase}: {reason}", operation.word())]
pub struct Refusal {
    /// What was asked.
    pub operation: Operation,
    /// The phase that refuses it.
    pub phase: Phase,
    /// Why, as a clause that also says the way out.
    pub reason: &'static str,
}

impl Fault for Refusal {
    fn code(&self) -> Code {
        match (self.operation, self.phase) {
            (
                Operation::Pause | Operation::Resume,
                Phase::Created | Phase::Stopped | Phase::Crashed,
            ) => Code::NotRunning,
            (_, Phase::Starting | Phase::Stopping) => Code::Busy,
            _ => Code::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_answers_every_operation_as_the_table_says() {
        // Rows: operations; columns: phases in the order of `Phase::ALL`. g = go, d = done, - = refused.
        let table = [
            (Operation::Start, "g-d--gg"),
            (Operation::Stop, "dggg-dd"),
            (Operation::Restart, "g-gg-gg"),
            (Operation::Kill, "dggggdd"),
            (Operation::Pause, "--gd---"),
            (Operation::Resume, "--dg---"),
            (Operation::Remove, "g----gg"),
        ];
        for (operation, row) in table {
            let got: String = Phase::ALL
                .iter()
                .map(|phase| match phase.admit(operation) {
                    Ok(Admission::Go) => 'g',
                    Ok(Admission::Done) => 'd',
                    Err(_) => '-',
                })
                .collect();
            assert_eq!(got, row, "{operation:?}");
        }
    }
}
