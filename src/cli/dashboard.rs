//! The dashboard: what `smolvm-tui` alone opens.

use std::io::{self, IsTerminal};

use super::context::Context;
use super::output::{Outcome, Reply};
use crate::app;
use crate::fault::{Code, Failure};

pub(super) fn run(context: Context, open: Option<String>) -> Outcome {
    if context.json {
        return Err(Failure::new(Code::UsageError, "the dashboard has no JSON")
            .with_hint("`smolvm-tui ls --json` lists the VMs"));
    }
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(
            Failure::new(Code::UsageError, "the dashboard needs a terminal")
                .with_hint("`smolvm-tui --help` shows the commands that need none"),
        );
    }
    let options = app::Options {
        open,
        backend: context.backend,
        ..app::Options::default()
    };
    app::run(context.fleet, options)?;
    Ok(Reply::default())
}
