//! `doctor`.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::context::Context;
use super::mend::Mending;
use super::output::{Outcome, Reply};
use super::runtime::block_on;
use crate::doctor::{self, Examination, Privacy, Profile, Report};
use crate::fault::{Code, Failure};
use crate::vm::BackendKind;

/// What a host is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ProfileArg {
    /// A developer's machine
    #[default]
    Workstation,
    /// A host that runs strangers' guests
    Worker,
}

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag on the command line"
)]
pub(super) struct DoctorArgs {
    /// Let warnings count as failures
    #[arg(long)]
    pub(super) strict: bool,
    /// Judge both backends, not only the chosen one
    #[arg(long)]
    pub(super) all: bool,
    /// Which hints count: hardening hints only for a worker
    #[arg(long, value_enum, default_value_t, value_name = "PROFILE")]
    pub(super) profile: ProfileArg,
    /// Print a report to paste into a bug, without names of user and host
    #[arg(long)]
    pub(super) report: bool,
    /// Also boot the canary guest and time it
    #[arg(long)]
    pub(super) boot: bool,
    /// Run the commands that mend what was found, or those of the checks NAME; each is asked for
    #[arg(long, value_name = "NAME", num_args = 0..)]
    pub(super) fix: Option<Vec<String>>,
    /// Run them without asking
    #[arg(long, requires = "fix")]
    pub(super) yes: bool,
}

pub(super) fn run(context: &Context, args: &DoctorArgs) -> Outcome {
    let examination = Examination {
        all: args.all,
        profile: match args.profile {
            ProfileArg::Workstation => Profile::Workstation,
            ProfileArg::Worker => Profile::Worker,
        },
        strict: args.strict,
        ..context.fleet.examination(context.backend.as_deref())?
    };
    let (mut report, mended) = match &args.fix {
        None => (doctor::examine(&examination, None), None),
        Some(only) => {
            let mending = Mending {
                only,
                yes: args.yes,
                json: context.json,
            };
            let (report, mended) = mending.run(&examination)?;
            (report, Some(mended))
        }
    };
    if args.boot {
        boot(context, &mut report)?;
    }
    let text = if args.report {
        report = Privacy::of_this_user().shorten_report(report);
        doctor::to_bug_report(&report)
    } else {
        doctor::to_text(&report, width())
    };
    let mut reply = Reply::new(text, &report)?;
    if let Some(mended) = mended {
        reply.data["mended"] = json!(mended);
    }
    // Failed checks are a finding, not an error of ours: `error` stays null.
    reply.exit_code = Some(if report.summary.ok {
        0
    } else {
        Code::RuntimeError.exit_code()
    });
    Ok(reply)
}

/// Boots the canary with each backend, one after the other so that they do not slow each other.
fn boot(context: &Context, report: &mut Report) -> Result<(), Failure> {
    for &backend in BackendKind::ALL {
        let result = match report.untried(backend) {
            Some(_) => None,
            None => Some(block_on(async {
                // Wrapped, so that only ctrl-c ends the command.
                Ok(context.fleet.try_out(backend).await)
            })?),
        };
        report.tried(backend, result);
    }
    Ok(())
}

/// The columns of the terminal that reads the answer; a file or a pipe has none.
fn width() -> Option<u16> {
    let is_terminal = std::io::stdout().is_terminal();
    is_terminal
        .then(|| crossterm::terminal::size().ok())
        .flatten()
        .map(|(columns, _)| columns)
}
