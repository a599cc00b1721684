//! `logs`.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use serde_json::json;

use super::args::LogsArgs;
use super::context::Context;
use super::output::{self, Outcome, Reply};
use super::runtime::block_on;
use super::serial::{Piece, Serial, boot_range, read_log};
use crate::console::Stripper;
use crate::fault::{Code, Failure};
use crate::shim::log::missing_mark;
use crate::shim::protocol::ReplayFrom;

mod timed;

/// More of a replay than this is cut to the lines that count, in bytes.
const LONGEST_REPLAY: usize = 16 << 20;

pub(super) fn run(context: &Context, args: &LogsArgs) -> Outcome {
    let vm = context.fleet.store.find(&args.name)?;
    let (from, to) = match args.boot {
        Some(id) => boot_range(&context.fleet, &vm, id)?,
        None => (0, None),
    };
    if args.follow && context.json {
        return Err(Failure::new(
            Code::UsageError,
            "`logs --follow` has no end, hence no JSON",
        )
        .with_hint("leave out `--follow` or `--json`"));
    }
    // A boot that another one followed is over: there is nothing to follow.
    if args.follow && to.is_none() && vm.phase.is_live() {
        return block_on(follow(context, args, from));
    }
    let paths = context.fleet.store.paths(&vm.name);
    if args.raw {
        return raw(context, args, &read_log(&paths, from, to, missing_mark)?);
    }
    let mut data = json!({ "name": vm.name });
    let text = if let Some(clock) = args.times {
        let boots = context.fleet.boots(&vm)?;
        let lines = timed::lines(&paths, from, to)?;
        let begin = lines.len() - args.tail.unwrap_or(lines.len()).min(lines.len());
        let lines = &lines[begin..];
        data["lines"] = timed::data(lines, &boots);
        timed::text(lines, &boots, clock)
    } else {
        let bytes = read_log(&paths, from, to, missing_mark)?;
        let mut text = String::new();
        Stripper::default().push(&bytes, &mut text);
        with_newline(last_lines(&text, args.tail))
    };
    if let Some(path) = &args.output {
        data["path"] = json!(path);
        write_to(path, text.as_bytes())?;
        return Reply::new(String::new(), data);
    }
    data["text"] = json!(text);
    Reply::new(text, data)
}

/// The bytes as they are: to a file, or to who reads stdout and is no terminal.
fn raw(context: &Context, args: &LogsArgs, bytes: &[u8]) -> Outcome {
    let refused =
        |message: &str, hint: &str| Err(Failure::new(Code::UsageError, message).with_hint(hint));
    if let Some(path) = &args.output {
        write_to(path, bytes)?;
        let data = json!({ "name": args.name, "path": path });
        return Reply::new(String::new(), data);
    }
    if context.json {
        return refused("raw bytes are no JSON", "give a file with `--output`");
    }
    if io::stdout().is_terminal() && !args.force {
        return refused(
            "a terminal obeys what stands in a raw log",
            "give a file with `--output`, leave out `--raw`, or add `--force`",
        );
    }
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(unwritten(&error)),
        _ => Ok(Reply::default()),
    }
}

fn write_to(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut file = output::create_new(path)?;
    file.write_all(bytes).map_err(|error| {
        let message = format!("could not write `{}`: {error}", path.display());
        Failure::new(Code::RuntimeError, message)
    })
}

fn unwritten(error: &io::Error) -> Failure {
    Failure::new(
        Code::RuntimeError,
        format!("could not write to stdout: {error}"),
    )
}

/// Prints what is kept, then what comes, until the VM ends.
async fn follow(context: &Context, args: &LogsArgs, from: u64) -> Outcome {
    let mut serial = Serial::attach(&context.fleet, &args.name, ReplayFrom::Offset(from)).await?;
    let mut stripper = Stripper::default();
    // With `--tail` the replay is gathered, because only its end counts.
    let mut gathered = args.tail.map(|_| String::new());
    loop {
        let mut text = String::new();
        match serial.next().await? {
            Piece::Output(bytes) => stripper.push(&bytes, &mut text),
            Piece::Gap(missing) => output::note(&format!("{missing} bytes were left out")),
            Piece::Size(_) | Piece::Taken | Piece::Refused(_) => {}
            Piece::Live => {
                if let Some(replay) = gathered.take() {
                    last_lines(&replay, args.tail).clone_into(&mut text);
                }
            }
            Piece::Ended(exit) => {
                if let Some(exit) = exit {
                    output::progress(&format!("{} ended: {}", args.name, exit.summary()));
                }
                return Ok(Reply::default());
            }
        }
        match &mut gathered {
            Some(replay) => {
                replay.push_str(&text);
                // A guest may print as fast as we read.
                if replay.len() > LONGEST_REPLAY {
                    *replay = last_lines(replay, args.tail).to_owned();
                }
            }
            None => match output::print(&text) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    return Ok(Reply::default());
                }
                Err(error) => return Err(unwritten(&error)),
            },
        }
    }
}

/// The last `count` lines, all without a count.
fn last_lines(text: &str, count: Option<usize>) -> &str {
    let Some(count) = count else { return text };
    if count == 0 {
        return "";
    }
    let ends = text.trim_end_matches('\n').rmatch_indices('\n');
    match ends.map(|(at, _)| at + 1).nth(count - 1) {
        Some(begin) => &text[begin..],
        None => text,
    }
}

fn with_newline(text: &str) -> String {
    match text {
        "" => String::new(),
        text if text.ends_with('\n') => text.to_owned(),
        text => format!("{text}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_counted_with_and_without_a_final_newline() {
        for text in ["a\nb\nc", "a\nb\nc\n"] {
            let tail = |count| last_lines(text, Some(count)).trim_end();
            assert_eq!(tail(0), "");
            assert_eq!(tail(1), "c");
            assert_eq!(tail(2), "b\nc");
            assert_eq!(tail(3), "a\nb\nc");
            assert_eq!(tail(9), "a\nb\nc");
            assert_eq!(last_lines(text, None), text);
        }
        assert_eq!(last_lines("", Some(3)), "");
    }
}
