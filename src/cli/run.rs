//! `run`: a VM for one command, or for one console, gone afterwards.

use std::ffi::OsString;
use std::io;

use super::args::{ConsoleArgs, HowArgs, RunArgs};
use super::context::Context;
use super::create;
use super::exec::{self, Run, Signals};
use super::output::{self, Outcome, Reply};
use super::{console, runtime};
use crate::fault::{Code, Failure};
use crate::vm::{Operation, VmName};

pub(super) fn run(context: &Context, args: RunArgs) -> Outcome {
    let RunArgs { spec, how, command } = args;
    let draft = create::draft(None, spec, context.backend.clone());
    if command.is_empty() {
        console::check(context)?;
    }
    // From here on a signal ends what is under way and not us, so that the VM goes as well.
    runtime::converse(async {
        let mut signals = Signals::new(false).map_err(|error| told(&error))?;
        let name = context.fleet.create(&draft)?;
        let boots = async {
            create::tell_choice(&context.fleet, &draft)?;
            exec::start(context, name.as_str()).await
        };
        let booted = tokio::select! {
            booted = boots => booted,
            number = signals.next() => Err(interrupted(number)),
        };
        drop(signals);
        let came = match booted {
            Ok(()) => used(context, &name, &how, &command).await,
            Err(failure) => Err(failure),
        };
        let fleet = &context.fleet;
        let removed = fleet.operate(name.as_str(), Operation::Remove, true, None);
        if let Err(failure) = removed.await {
            let line = format!("warning: VM `{name}` is still there: {failure}");
            output::note(&output::inert(&line));
        }
        came
    })
}

/// What the VM was made for.
async fn used(context: &Context, name: &VmName, how: &HowArgs, command: &[OsString]) -> Outcome {
    let name = name.as_str();
    if command.is_empty() {
        let args = ConsoleArgs {
            name: name.to_owned(),
            read_only: false,
        };
        console::until_left(context, &args).await?;
        return Ok(Reply::default());
    }
    let mut run = Run::new(context, how, command)?;
    let ended = run.in_guest(context, name).await?;
    Ok(run.reply(name, ended))
}

fn interrupted(number: u8) -> Failure {
    Failure::new(Code::Interrupted, format!("interrupted by signal {number}"))
}

fn told(error: &io::Error) -> Failure {
    let message = format!("could not listen to signals: {error}");
    Failure::new(Code::RuntimeError, message)
}
