//! What a command answers, and how it reaches stdout and stderr.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use crate::console::sanitize_line;
use crate::fault::{Code, Failure};

/// No line of a message is longer than this when it is printed, in characters.
const LONGEST_LINE: usize = 4096;

/// What a command came to: text for people, data for programs, and a failure even when there is
/// data, as when one of several VMs could not be started.
#[derive(Debug, Default)]
pub(super) struct Reply {
    /// For stdout without `--json`; ends with a newline unless it is raw.
    pub(super) text: String,
    /// For `data`.
    pub(super) data: Value,
    /// For `error`, or stderr.
    pub(super) failure: Option<Failure>,
    /// The exit code when it is not that of `failure`: failed checks leave `error` null.
    pub(super) exit_code: Option<u8>,
}

/// What a command returns.
pub(super) type Outcome = Result<Reply, Failure>;

impl Reply {
    /// A reply of text and data.
    pub(super) fn new(text: impl Into<String>, data: impl Serialize) -> Result<Self, Failure> {
        let data = serde_json::to_value(data).map_err(|error| {
            Failure::new(
                Code::RuntimeError,
                format!("could not write the answer: {error}"),
            )
        })?;
        Ok(Self {
            text: text.into(),
            data,
            ..Self::default()
        })
    }
}

/// Every `--json` answer.
#[derive(Serialize)]
struct Envelope<'a> {
    ok: bool,
    command: &'a str,
    exit_code: u8,
    data: &'a Value,
    error: Option<&'a Failure>,
}

/// The exit code that a reply comes to.
fn exit_code(reply: &Reply) -> u8 {
    let of_failure = reply
        .failure
        .as_ref()
        .map(|failure| failure.code.exit_code());
    reply.exit_code.or(of_failure).unwrap_or(0)
}

/// The `--json` answer, with its final newline.
fn envelope(command: &str, reply: &Reply) -> String {
    let exit_code = exit_code(reply);
    let envelope = Envelope {
        ok: exit_code == 0,
        command,
        exit_code,
        data: &reply.data,
        error: reply.failure.as_ref(),
    };
    // Strings, numbers and maps with string keys: nothing in it can fail to be written.
    let mut json = serde_json::to_string_pretty(&envelope).unwrap_or_default();
    json.push('\n');
    json
}

/// Prints what a command came to and returns the exit code.
pub(super) fn finish(command: &str, json: bool, outcome: Outcome) -> u8 {
    let reply = outcome.unwrap_or_else(|failure| Reply {
        failure: Some(failure),
        ..Reply::default()
    });
    let code = exit_code(&reply);
    let printed = if json {
        print(&envelope(command, &reply))
    } else {
        let printed = print(&reply.text);
        if let Some(failure) = &reply.failure {
            complain(failure);
        }
        printed
    };
    match printed {
        Ok(()) => code,
        // Whoever read our output has read enough, as in `ls | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => code,
        Err(error) => {
            note(&format!("error: could not write to stdout: {error}"));
            code.max(1)
        }
    }
}

/// Writes to stdout. Unlike `print!` it does not panic when nobody reads.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// A file of the user's, which must not be there yet.
pub(super) fn create_new(path: &Path) -> Result<File, Failure> {
    File::create_new(path).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            let message = format!("`{}` is there already", path.display());
            let failure = Failure::new(Code::AlreadyExists, message);
            return failure.with_hint("give another file with `--output`");
        }
        let message = format!("could not create `{}`: {error}", path.display());
        Failure::new(Code::RuntimeError, message)
    })
}

/// Writes a line to stderr, as far as anybody reads it.
pub(super) fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Writes a line to stderr when a person is likely to read along.
pub(super) fn progress(line: &str) {
    if io::stderr().is_terminal() {
        note(line);
    }
}

/// Tells a failure on stderr: what, details, way out.
pub(super) fn complain(failure: &Failure) {
    let mut lines = failure.message.lines();
    note(&format!(
        "error: {}",
        inert(lines.next().unwrap_or_default())
    ));
    for line in lines.chain(failure.details.iter().flat_map(|text| text.lines())) {
        note(&format!("  {}", inert(line)));
    }
    if let Some(hint) = &failure.hint {
        note(&format!("hint: {}", inert(hint)));
    }
}

/// Text that may carry a VMM's or guest's words, without what a terminal would obey.
pub(super) fn inert(line: &str) -> String {
    sanitize_line(line, LONGEST_LINE)
}

/// A table with aligned columns.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |text: &str| UnicodeWidthStr::width(text);
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let widest = cells.map(|cell| width(cell)).max().unwrap_or(0);
            widest.max(width(head[column]))
        })
        .collect();
    let mut text = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (cell, &widest) in cells.zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(
                ' ',
                widest.saturating_sub(width(cell)) + 2,
            ));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    };
    line(&mut head.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
    text
}

/// A value that may not be known.
pub(super) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| value.to_string())
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
