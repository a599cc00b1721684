//! `screen`.

use std::io;

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::output::{Outcome, Reply};
use super::runtime::block_on;
use crate::console::{Screen, Size, Terminal};
use crate::fault::{Code, Failure};
use crate::shim::protocol::{Answer, Request};
use crate::vm::Vm;

/// A dead VM's screen was no larger than this, or we see its upper left part.
const LARGEST: (u16, u16) = (200, 400);

#[derive(Debug, Args)]
pub(super) struct ScreenArgs {
    /// The VM
    name: String,
    /// With colours, as bytes that draw it on a terminal
    #[arg(long)]
    ansi: bool,
}

pub(super) fn run(context: &Context, args: &ScreenArgs) -> Outcome {
    let vm = context.fleet.store.find(&args.name)?;
    let (rows, columns, text, ansi) = if vm.phase.is_live() {
        live(context, &vm)?
    } else {
        left_behind(context, &vm)?
    };
    let shown = if args.ansi {
        // What follows begins on a line of its own, undecorated.
        format!("{ansi}\x1b[m\n")
    } else {
        text.clone()
    };
    let data = json!({ "name": vm.name, "rows": rows, "columns": columns, "text": text });
    let mut reply = Reply::new(shown, data)?;
    if args.ansi {
        reply.data["ansi"] = ansi.into();
    }
    Ok(reply)
}

type Shot = (Option<u16>, Option<u16>, String, String);

fn live(context: &Context, vm: &Vm) -> Result<Shot, Failure> {
    let answer = block_on(async {
        let mut client = context.fleet.connect(vm.name.as_str()).await?;
        client.call(Request::Screen).await
    })?;
    match answer {
        Answer::Screen {
            rows,
            columns,
            text,
            ansi,
        } => Ok((Some(rows), Some(columns), with_newline(&text), ansi)),
        other => Err(Failure::new(
            Code::RuntimeError,
            format!("the shim of `{}` answered with {other:?}", vm.name),
        )),
    }
}

/// The screen as a VM left it.
fn left_behind(context: &Context, vm: &Vm) -> Result<Shot, Failure> {
    let path = context.fleet.store.paths(&vm.name).last_screen;
    let bytes = std::fs::read(&path).map_err(|error| {
        let failure = Failure::new(
            Code::NotFound,
            match error.kind() {
                io::ErrorKind::NotFound => format!("VM `{}` left no screen behind", vm.name),
                _ => format!("could not read `{}`: {error}", path.display()),
            },
        );
        failure.with_hint(format!("start it with `smolvm-tui start {}`", vm.name))
    })?;
    let mut terminal = Terminal::new(Size::new(LARGEST.0, LARGEST.1), 0);
    terminal.feed(&bytes);
    let mut screen = Screen::default();
    terminal.view(0, &mut screen);
    // Drawn anew from cells: what stands in a file must not reach a terminal as it is.
    Ok((None, None, with_newline(&screen.text()), screen.ansi()))
}

/// Without blank lines at the end.
fn with_newline(text: &str) -> String {
    match text.trim_end() {
        "" => String::new(),
        text => format!("{text}\n"),
    }
}
