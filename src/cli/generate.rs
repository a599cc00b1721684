//! Generated files: `completions` and `man`.

use clap::CommandFactory;
use serde_json::json;

use super::args::{Cli, CompletionsArgs};
use super::man;
use super::output::{Outcome, Reply};
use crate::fault::{Code, Failure};

pub(super) fn completions(args: &CompletionsArgs) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "smolvm-tui", &mut script);
    let text = String::from_utf8_lossy(&script).into_owned();
    let data = json!({ "shell": args.shell.to_string(), "text": text });
    Reply::new(text, data)
}

pub(super) fn man() -> Outcome {
    let page = man::page(Cli::command()).map_err(|error| {
        let message = format!("could not write the manual page: {error}");
        Failure::new(Code::RuntimeError, message)
    })?;
    let text = String::from_utf8_lossy(&page).into_owned();
    let data = json!({ "text": text });
    Reply::new(text, data)
}
