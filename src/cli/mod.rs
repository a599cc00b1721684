//! Subcommands: a thin layer that reads arguments, asks `fleet`, and prints text or JSON.
//!
//! One answer goes to stdout; what helps a person along goes to stderr. A runtime is made only by
//! commands that talk to a shim.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use self::args::{Cli, Command};
use self::context::Context;
use self::output::{Outcome, Reply};
use crate::fault::{Code, Failure};
use crate::{backends, shim};

mod args;
mod bench;
mod boots;
mod config;
mod console;
mod context;
mod cp;
mod create;
mod dashboard;
mod doctor;
mod escapes;
mod exec;
mod expect;
mod figures;
mod generate;
mod image;
mod keys;
mod lifecycle;
mod logs;
mod ls;
mod man;
mod mend;
mod output;
mod pty;
mod reach;
mod record;
mod run;
mod runtime;
mod screen;
mod send;
mod serial;
mod sweep;

/// The program: reads the arguments, runs one subcommand or the dashboard, returns the exit code.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // Before clap: a VM's start waits for these.
    match arguments.get(1).and_then(|word| word.to_str()) {
        Some(shim::spawn::SUBCOMMAND) => {
            return shim::server::main(arguments.get(2..).unwrap_or_default());
        }
        Some(backends::kvm::SUBCOMMAND) => return backends::kvm::probe_main(),
        _ => {}
    }
    ExitCode::from(match Cli::try_parse_from(&arguments) {
        Ok(cli) => {
            let command = cli.command.as_ref().map_or("dashboard", Command::word);
            let json = cli.globals.json;
            output::finish(command, json, run(cli))
        }
        Err(error) => usage(&error, &arguments),
    })
}

fn run(cli: Cli) -> Outcome {
    let Some(command) = cli.command else {
        let context = Context::new(&cli.globals, false)?;
        return dashboard::run(context, cli.open);
    };
    if cli.open.is_some() {
        let failure = Failure::new(Code::UsageError, "`--open` belongs to the dashboard");
        return Err(failure.with_hint("leave the command out"));
    }
    let context = Context::new(&cli.globals, command.bears_broken_config())?;
    match command {
        Command::Doctor(args) => doctor::run(&context, &args),
        Command::Create(args) => create::run(&context, *args),
        Command::Run(args) => run::run(&context, *args),
        Command::Start(args) => lifecycle::start(&context, &args),
        Command::Stop(args) => lifecycle::stop(&context, &args),
        Command::Restart(args) => lifecycle::restart(&context, &args),
        Command::Kill(args) => lifecycle::kill(&context, &args),
        Command::Pause(args) => lifecycle::pause(&context, &args),
        Command::Resume(args) => lifecycle::resume(&context, &args),
        Command::Rm(args) => lifecycle::rm(&context, &args),
        Command::Ls => ls::ls(&context),
        Command::Info(args) => ls::info(&context, &args),
        Command::Console(args) => console::run(&context, &args),
        Command::Exec(args) => exec::run(&context, &args),
        Command::Cp(args) => cp::run(&context, &args),
        Command::Send(args) => send::run(&context, &args),
        Command::Expect(args) => expect::run(&context, &args),
        Command::Screen(args) => screen::run(&context, &args),
        Command::Pty(args) => pty::run(&context, &args),
        Command::Logs(args) => logs::run(&context, &args),
        Command::Record(args) => record::run(&context, &args),
        Command::Boots(args) => boots::run(&context, &args),
        Command::Bench(command) => bench::run(&context, &command),
        Command::Image(command) => image::run(&context, command),
        Command::Sweep(args) => sweep::run(&context, &args),
        Command::Config => config::run(&context),
        Command::Keys => keys::run(&context),
        Command::Completions(args) => generate::completions(&args),
        Command::Man => generate::man(),
    }
}

/// A command line that clap refused, or that asks for help or the version.
fn usage(error: &clap::Error, arguments: &[OsString]) -> u8 {
    let options = || arguments.iter().skip(1).take_while(|word| *word != "--");
    if !error.use_stderr() || !options().any(|word| word == "--json") {
        let code = u8::from(error.use_stderr()) * Code::UsageError.exit_code();
        // Styled where the terminal allows it; who does not read it cannot be told so.
        let _ = error.print();
        return code;
    }
    let command = command_word(options().filter_map(|word| word.to_str()));
    let failure = usage_failure(error, &command);
    output::finish(
        &command,
        true,
        Ok(Reply {
            failure: Some(failure),
            ..Reply::default()
        }),
    )
}

/// The command that a refused command line names, with its subcommand: `image rm`.
fn command_word<'a>(mut words: impl Iterator<Item = &'a str>) -> String {
    let program = Cli::command();
    let takes_value = |option: &str| {
        let mut options = program.get_arguments();
        let found = options.find(|known| known.get_long() == option.strip_prefix("--"));
        found.is_some_and(|known| known.get_action().takes_values())
    };
    let (mut at, mut named) = (&program, Vec::new());
    while let Some(word) = words.next() {
        if word.starts_with('-') {
            if takes_value(word) {
                words.next();
            }
        } else if let Some(found) = at.find_subcommand(word) {
            named.push(word);
            at = found;
        } else {
            break;
        }
    }
    named.join(" ")
}

fn usage_failure(error: &clap::Error, command: &str) -> Failure {
    let text = error.to_string();
    let mut paragraphs = text.trim().split("\n\n");
    let message = match error.kind() {
        // Help instead of an error: its first line is the description.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "a command is missing",
        _ => paragraphs.next().unwrap_or_default(),
    };
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let help = format!("smolvm-tui {command} --help").replace("  ", " ");
    let details = paragraphs.collect::<Vec<_>>().join("\n");
    Failure::new(Code::UsageError, message)
        .with_hint(format!("see `{help}`"))
        .with_details(details)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_command_line_is_answered_in_the_name_of_its_command() {
        for (line, command) in [
            ("image rm --json", "image rm"),
            ("image --json", "image"),
            ("--backend qemu --json ls extra", "ls"),
            ("--data-dir ls --json nonsense", ""),
            ("nonsense ls web", ""),
            ("create --cpus x", "create"),
            ("", ""),
        ] {
            assert_eq!(command_word(line.split_whitespace()), command, "{line}");
        }
    }
}
