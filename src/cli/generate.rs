//! Generated files: `completions` and `man`.

use clap::CommandFactory;
use serde_json::json;

use super::args::{Cli, CompletionsArgs};
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
    let mut page = Vec::new();
    let mut command = Cli::command();
    // Gives the subcommands their whole names.
    command.build();
    let write = |page: &mut Vec<u8>| -> std::io::Result<()> {
        clap_mangen::Man::new(command.clone()).render(page)?;
        for sub in command.get_subcommands() {
            clap_mangen::Man::new(sub.clone()).render(page)?;
        }
        Ok(())
    };
    write(&mut page).map_err(|error| {
        let message = format!("could not write the manual page: {error}");
        Failure::new(Code::RuntimeError, message)
    })?;
    let text = String::from_utf8_lossy(&page).into_owned();
    let data = json!({ "text": text });
    Reply::new(text, data)
}
