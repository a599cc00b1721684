//! One result: what was seen and how, why it matters, and the way out.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::vm::BackendKind;

/// How a check came out, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It does not apply here. Used only for checks that SmolVM does not have.
    Skip,
    /// It is as it should be.
    Pass,
    /// It works, with a limit that the detail names.
    Warn,
    /// Something that is needed does not work.
    Fail,
}

/// The way out of a problem: either something to run, or something that only a person can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// A command.
    Run {
        /// What `sh -c` is given, exactly.
        command: String,
        /// What a person does after it, as in `log out and in again`.
        then: Option<String>,
    },
    /// No command mends it.
    Advice(String),
}

impl Fix {
    /// What `sh -c` is given, if a command mends it.
    pub fn command(&self) -> Option<&str> {
        match self {
            Self::Run { command, .. } => Some(command),
            Self::Advice(_) => None,
        }
    }
}

/// The whole as one sentence without a period.
impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run {
                command,
                then: None,
            } => f.write_str(command),
            Self::Run {
                command,
                then: Some(then),
            } => write!(f, "{command}, then {then}"),
            Self::Advice(advice) => f.write_str(advice),
        }
    }
}

/// What a result means for each backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Marks {
    /// For Firecracker.
    pub firecracker: Status,
    /// For QEMU.
    pub qemu: Status,
}

impl Marks {
    /// The same for both.
    pub fn both(status: Status) -> Self {
        Self {
            firecracker: status,
            qemu: status,
        }
    }

    /// What it means for that backend.
    pub fn of(self, backend: BackendKind) -> Status {
        match backend {
            BackendKind::Firecracker => self.firecracker,
            BackendKind::Qemu => self.qemu,
        }
    }

    pub(super) fn set(&mut self, backend: BackendKind, status: Status) {
        match backend {
            BackendKind::Firecracker => self.firecracker = status,
            BackendKind::Qemu => self.qemu = status,
        }
    }
}

/// What is added to a problem that is none for the backend in question.
pub(super) fn waiver(backend: BackendKind) -> String {
    format!("; {backend} does without")
}

/// One result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check's stable name, as SmolVM's doctor has it where it has it.
    pub name: String,
    /// How it came out for the backends that are judged.
    pub status: Status,
    /// What was found, or why it was skipped.
    pub detail: String,
    /// The way out.
    pub fix: Option<Fix>,
    /// Why it matters, in one sentence.
    pub why: String,
    /// What was read or run to know it.
    pub evidence: String,
    /// How long that took.
    pub took: Duration,
    /// What it means for each backend, judged or not.
    pub marks: Marks,
}

impl Finding {
    /// Every text of it, changed by `change`.
    #[must_use]
    pub fn map_text(self, change: &dyn Fn(&str) -> String) -> Self {
        let fix = self.fix.map(|fix| match fix {
            Fix::Run { command, then } => Fix::Run {
                command: change(&command),
                then: then.as_deref().map(change),
            },
            Fix::Advice(advice) => Fix::Advice(change(&advice)),
        });
        Self {
            name: change(&self.name),
            detail: change(&self.detail),
            why: change(&self.why),
            evidence: change(&self.evidence),
            fix,
            ..self
        }
    }

    /// The command that mends it: what `sh -c` is given. None where nothing is wrong, or where only a
    /// person can do something.
    pub fn mending(&self) -> Option<&str> {
        let is_problem = matches!(self.status, Status::Warn | Status::Fail);
        self.fix.as_ref()?.command().filter(|_| is_problem)
    }

    /// How long it took, in whole µs.
    pub fn took_us(&self) -> u64 {
        u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX)
    }
}

/// `fix` is a sentence, as SmolVM has it; the command in it stands apart in `fix_command`.
impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            name: &'a str,
            status: Status,
            detail: &'a str,
            fix: Option<String>,
            fix_command: Option<&'a str>,
            why: &'a str,
            evidence: &'a str,
            took_us: u64,
            backends: Marks,
        }
        Wire {
            name: &self.name,
            status: self.status,
            detail: &self.detail,
            fix: self.fix.as_ref().map(Fix::to_string),
            fix_command: self.fix.as_ref().and_then(Fix::command),
            why: &self.why,
            evidence: &self.evidence,
            took_us: self.took_us(),
            backends: self.marks,
        }
        .serialize(serializer)
    }
}
