//! Why a VM ended: what was asked for, what the VMM said and how its process went, put together.

use std::path::Path;

use super::host::Subject;
use crate::backends::{ProcessExit, firecracker, tail};
use crate::console::sanitize_line;
use crate::fault::Failure;
use crate::vm::{BackendKind, BootResult, Exit, ExitReason, VmPaths, VmState};

/// Lines at the end of a VMM's log that explain an exit.
const LAST_LINES: usize = 20;

/// What is known of an end before it comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ending {
    /// What a client asked for: [`ExitReason::Stopped`] or [`ExitReason::Killed`].
    pub(super) asked: Option<ExitReason>,
    /// What the VMM said.
    pub(super) told: Option<ExitReason>,
    /// We sent the signal.
    pub(super) we_killed: bool,
}

impl Ending {
    /// The reason, once the process is gone.
    pub(super) fn reason(self, exit: ProcessExit) -> ExitReason {
        match (self.asked, exit) {
            (Some(ExitReason::Killed), _) => ExitReason::Killed,
            (_, ProcessExit::Signal(_)) if !self.we_killed && self.told.is_none() => {
                ExitReason::Signal
            }
            (Some(asked), _) => asked,
            (None, _) => self.told.unwrap_or(match exit {
                ProcessExit::Code(0) => ExitReason::GuestShutdown,
                ProcessExit::Code(_) => ExitReason::VmmError,
                ProcessExit::Signal(_) => ExitReason::Signal,
                ProcessExit::Unseen => ExitReason::Unknown,
            }),
        }
    }

    /// How it ended, the VMM's last words included where they explain it.
    pub(super) fn exit(self, exit: ProcessExit, subject: &Subject) -> Exit {
        let reason = self.reason(exit);
        let (code, signal) = match exit {
            ProcessExit::Code(code) => (Some(code), None),
            ProcessExit::Signal(signal) => (None, Some(signal)),
            ProcessExit::Unseen => (None, None),
        };
        let detail = matches!(reason, ExitReason::VmmError | ExitReason::Unknown)
            .then(|| last_words(&subject.paths))
            .flatten();
        let meaning = match subject.spec.backend {
            BackendKind::Firecracker => code.and_then(firecracker::exit_words),
            BackendKind::Qemu => None,
        };
        Exit {
            reason,
            code,
            signal,
            at: Some(jiff::Timestamp::now()),
            meaning: meaning
                .filter(|_| reason == ExitReason::VmmError)
                .map(str::to_owned),
            detail,
        }
    }
}

/// A failed start with what had been in doubt: the VMM's own words say what failed, not that it was
/// to be feared.
pub(super) fn with_doubt(failure: Failure, state: &VmState, backend: BackendKind) -> Failure {
    let way_out = match backend {
        BackendKind::Firecracker => "with `--backend qemu`",
        BackendKind::Qemu => "without `--accel`",
    };
    match state.accel_reason.as_ref().filter(|_| state.accel_doubted) {
        Some(doubt) if failure.hint.is_none() => {
            failure.with_hint(format!("{doubt}; make the VM anew {way_out}"))
        }
        _ => failure,
    }
}

/// The exit of a start that came to nothing.
pub(super) fn failed_start(failure: &Failure) -> Exit {
    let detail = match &failure.details {
        Some(details) => format!("{}\n{details}", failure.message),
        None => failure.message.clone(),
    };
    Exit {
        reason: ExitReason::StartFailed,
        code: None,
        signal: None,
        meaning: None,
        at: Some(jiff::Timestamp::now()),
        detail: Some(detail),
    }
}

/// How a boot went that ended so without ever being ready.
pub(super) fn boot_result(reason: ExitReason) -> BootResult {
    match reason {
        ExitReason::StartFailed | ExitReason::StartInterrupted => BootResult::Failed,
        reason if reason.is_clean() => BootResult::Stopped,
        _ => BootResult::Crashed,
    }
}

/// The last lines of a VMM's log, or of what it said beside it, made harmless.
pub(super) fn last_words(paths: &VmPaths) -> Option<String> {
    [&paths.vmm_log, &paths.vmm_err]
        .into_iter()
        .find_map(|log| last_lines(log))
}

fn last_lines(log: &Path) -> Option<String> {
    let lines: Vec<String> = tail(log)
        .lines()
        .map(|line| sanitize_line(line, 500))
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
    (!last.is_empty()).then(|| last.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ExitReason as R;
    use ProcessExit as P;

    #[test]
    fn a_start_that_fails_on_a_doubted_accelerator_tells_the_doubt_and_the_way_around() {
        use crate::fault::Code;
        let failed = || Failure::new(Code::RuntimeError, "it ended");
        let mut state = VmState {
            accel_reason: Some("the spec insists, although it is slow".to_owned()),
            ..VmState::default()
        };
        let told = |failure, state: &VmState| with_doubt(failure, state, BackendKind::Qemu).hint;
        assert_eq!(told(failed(), &state), None);
        state.accel_doubted = true;
        let hint = "the spec insists, although it is slow; make the VM anew without `--accel`";
        assert_eq!(told(failed(), &state).as_deref(), Some(hint));
        let own = failed().with_hint("free some disk");
        assert_eq!(told(own, &state).as_deref(), Some("free some disk"));
    }

    #[test]
    fn the_reason_is_what_was_asked_else_told_else_seen_and_never_a_guess() {
        let table = [
            // asked, told, we killed, exit, reason
            (None, None, false, P::Code(0), R::GuestShutdown),
            (None, None, false, P::Code(1), R::VmmError),
            (None, None, false, P::Signal(9), R::Signal),
            (None, None, false, P::Unseen, R::Unknown),
            (None, Some(R::GuestReset), false, P::Code(0), R::GuestReset),
            (None, Some(R::GuestPanic), false, P::Code(1), R::GuestPanic),
            (None, Some(R::Signal), false, P::Code(0), R::Signal),
            (
                None,
                Some(R::GuestShutdown),
                false,
                P::Unseen,
                R::GuestShutdown,
            ),
            (Some(R::Stopped), None, false, P::Code(0), R::Stopped),
            (
                Some(R::Stopped),
                Some(R::GuestShutdown),
                false,
                P::Code(0),
                R::Stopped,
            ),
            (Some(R::Stopped), None, true, P::Signal(9), R::Stopped),
            (Some(R::Stopped), None, false, P::Signal(9), R::Signal),
            (Some(R::Stopped), None, false, P::Unseen, R::Stopped),
            (Some(R::Killed), None, true, P::Signal(9), R::Killed),
            (Some(R::Killed), None, true, P::Unseen, R::Killed),
            (
                Some(R::Killed),
                Some(R::GuestShutdown),
                true,
                P::Code(0),
                R::Killed,
            ),
        ];
        for (asked, told, we_killed, exit, reason) in table {
            let ending = Ending {
                asked,
                told,
                we_killed,
            };
            assert_eq!(ending.reason(exit), reason, "{ending:?} {exit:?}");
        }
    }

    #[test]
    fn the_last_words_are_the_end_of_the_log_without_blank_lines() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("vmm.log");
        assert_eq!(last_lines(&log), None);
        let lines: Vec<String> = (0..500).map(|n| format!("line {n}\n")).collect();
        let text = lines.join("\n");
        std::fs::write(&log, text).unwrap();
        let words = last_lines(&log).unwrap();
        assert_eq!(words.lines().count(), LAST_LINES);
        assert!(words.ends_with("line 499"));
    }
}
