//! How one check came out, before it is known for whom that matters.

use std::fmt::Display;
use std::time::Duration;

use super::checks::{Check, Serves};
use super::finding::{Finding, Fix, Marks, Status, waiver};
use crate::console::sanitize_line;
use crate::vm::BackendKind;

/// As much of a text as is kept: paths and other programs' words come in here.
const LONGEST: usize = 1000;

/// How one check came out, for the backends that it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    status: Status,
    detail: String,
    fix: Option<Fix>,
    /// One backend takes it otherwise.
    but: Option<(BackendKind, Status)>,
}

impl Outcome {
    /// For `backend` it comes out so instead.
    pub(super) fn but(self, backend: BackendKind, status: Status) -> Self {
        Self {
            but: Some((backend, status)),
            ..self
        }
    }

    fn marks(&self, serves: Serves) -> Marks {
        let is_problem = matches!(self.status, Status::Warn | Status::Fail);
        let mut marks = Marks::both(self.status);
        for backend in [BackendKind::Firecracker, BackendKind::Qemu] {
            if is_problem && !serves.includes(backend) {
                marks.set(backend, Status::Skip);
            }
        }
        if let Some((backend, status)) = self.but {
            marks.set(backend, status);
        }
        marks
    }

    /// The finding of that check. What a terminal would obey stays out, and each text is one line.
    pub(super) fn of(
        self,
        check: &Check,
        judged: &[BackendKind],
        evidence: &str,
        took: Duration,
    ) -> Finding {
        let clean =
            |text: &str| sanitize_line(&text.replace(char::is_control, "\u{fffd}"), LONGEST);
        let marks = self.marks(check.serves);
        let status = judged.iter().map(|backend| marks.of(*backend)).max();
        let status = status.unwrap_or(Status::Skip);
        let is_waived = status == Status::Skip && self.status != Status::Skip;
        let mut detail = self.detail;
        if is_waived && let [backend] = judged {
            detail.push_str(&waiver(*backend));
        }
        let fix = self.fix.filter(|_| !is_waived).map(|fix| match fix {
            // A command that cannot be shown as it is must not be run either.
            Fix::Run { command, then } if clean(&command) == command => Fix::Run { command, then },
            other => Fix::Advice(clean(&other.to_string())),
        });
        Finding {
            name: check.name.to_owned(),
            status,
            detail: clean(&detail),
            fix,
            why: check.why.to_owned(),
            evidence: clean(evidence),
            took,
            marks,
        }
    }
}

fn outcome(status: Status, detail: impl Display, fix: Option<Fix>) -> Outcome {
    Outcome {
        status,
        detail: detail.to_string(),
        fix,
        but: None,
    }
}

pub(super) fn pass(detail: impl Display) -> Outcome {
    outcome(Status::Pass, detail, None)
}

pub(super) fn skip(detail: impl Display) -> Outcome {
    outcome(Status::Skip, detail, None)
}

pub(super) fn warn(detail: impl Display, fix: Fix) -> Outcome {
    outcome(Status::Warn, detail, Some(fix))
}

pub(super) fn fail(detail: impl Display, fix: Fix) -> Outcome {
    outcome(Status::Fail, detail, Some(fix))
}

/// Something that only a person can do.
pub(super) fn advice(text: impl Into<String>) -> Fix {
    Fix::Advice(text.into())
}

/// A command, run as this user.
pub(super) fn run(command: impl Into<String>) -> Fix {
    Fix::Run {
        command: command.into(),
        then: None,
    }
}

/// A path or word as the shell reads it back.
pub(super) fn quoted(word: impl Display) -> String {
    let word = word.to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word;
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
