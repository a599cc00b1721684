//! `doctor`.

use std::io::IsTerminal;

use super::args::{DoctorArgs, ProfileArg};
use super::context::Context;
use super::output::{Outcome, Reply};
use crate::doctor::{self, Examination, Privacy, Profile};
use crate::fault::{Code, Failure};

pub(super) fn run(context: &Context, args: &DoctorArgs) -> Outcome {
    let backend = context.fleet.resolve_backend(context.backend.as_deref())?;
    let examination = Examination {
        all: args.all,
        profile: match args.profile {
            ProfileArg::Workstation => Profile::Workstation,
            ProfileArg::Worker => Profile::Worker,
        },
        strict: args.strict,
        ..Examination::new(context.fleet.store.clone(), backend)
    };
    if args.boot {
        return Err(Failure::new(
            Code::RuntimeError,
            "`doctor --boot` is not part of this version yet",
        )
        .with_hint("boot a guest with `smolvm-tui create --wait`"));
    }
    let mut report = doctor::examine(&examination, None);
    let text = if args.report {
        report = Privacy::of_this_user().shorten_report(report);
        doctor::to_bug_report(&report)
    } else {
        doctor::to_text(&report, width())
    };
    let mut reply = Reply::new(text, &report)?;
    // Failed checks are a finding, not an error of ours: `error` stays null.
    reply.exit_code = Some(if report.summary.ok {
        0
    } else {
        Code::RuntimeError.exit_code()
    });
    Ok(reply)
}

/// The columns of the terminal that reads the answer; a file or a pipe has none.
fn width() -> Option<u16> {
    let is_terminal = std::io::stdout().is_terminal();
    is_terminal
        .then(|| crossterm::terminal::size().ok())
        .flatten()
        .map(|(columns, _)| columns)
}
