//! `expect`.

use serde_json::json;
use tokio::time::timeout;

use super::args::{Beginning, ExpectArgs};
use super::context::Context;
use super::output::{Outcome, Reply};
use super::runtime::block_on;
use super::serial::{Piece, Serial, read_log};
use crate::console::Stripper;
use crate::console::expect::Matcher;
use crate::fault::{Code, Failure};
use crate::shim::protocol::ReplayFrom;
use crate::vm::Vm;

/// How much of what came is told when the expected did not.
const TAIL_LINES: usize = 20;
const TAIL_BYTES: usize = 16 * 1024;

pub(super) fn run(context: &Context, args: &ExpectArgs) -> Outcome {
    let mut search = Search::new(&args.regex)?;
    let vm = context.fleet.store.find(&args.name)?;
    let found = if vm.phase.is_live() {
        block_on(listen(context, args, &mut search))
    } else {
        read(context, args, &vm, &mut search)
    }?;
    match found {
        Ok(text) => Reply::new(format!("{text}\n"), json!({ "matched": text })),
        Err(failure) => Err(failure.with_details(search.tail())),
    }
}

/// Listens to a live VM until the text came, the deadline passed or the VM ended.
async fn listen(
    context: &Context,
    args: &ExpectArgs,
    search: &mut Search,
) -> Result<Result<String, Failure>, Failure> {
    let from = match args.from {
        None => ReplayFrom::LastSend,
        Some(Beginning::Now) => ReplayFrom::Now,
        Some(Beginning::Boot) => ReplayFrom::Boot,
    };
    let mut serial = Serial::attach(&context.fleet, &args.name, from).await?;
    let came = async {
        loop {
            match serial.next().await? {
                Piece::Output(bytes) => {
                    if let Some(found) = search.push(&bytes) {
                        return Ok(Ok(found));
                    }
                }
                Piece::Live | Piece::Gap(_) | Piece::Size(_) | Piece::Taken | Piece::Refused(_) => {
                }
                Piece::Ended(exit) => {
                    let why =
                        exit.map_or_else(String::new, |exit| format!(" ({})", exit.summary()));
                    return Ok(Err(Failure::new(
                        Code::NotRunning,
                        format!("VM `{}` ended{why} before `{}` came", args.name, args.regex),
                    )));
                }
            }
        }
    };
    timeout(args.timeout, came).await.unwrap_or_else(|_| {
        Ok(Err(Failure::new(
            Code::Timeout,
            format!(
                "`{}` did not come within {} s",
                args.regex,
                args.timeout.as_secs_f64()
            ),
        )
        .with_hint(
            "wait longer with --timeout, or look from further back with --from boot",
        )))
    })
}

/// Searches the log of a VM that does not live.
fn read(
    context: &Context,
    args: &ExpectArgs,
    vm: &Vm,
    search: &mut Search,
) -> Result<Result<String, Failure>, Failure> {
    let boot = vm.state.boot.as_ref().map_or(0, |boot| boot.console_offset);
    let from = match args.from {
        // A send before this boot is of another life.
        None => vm.state.last_send.unwrap_or(0).max(boot),
        Some(Beginning::Boot) => boot,
        Some(Beginning::Now) => u64::MAX,
    };
    let bytes = read_log(&context.fleet.store.paths(&vm.name), from, None, |_| {
        String::new()
    })?;
    Ok(search.push(&bytes).ok_or_else(|| {
        Failure::new(
            Code::NotRunning,
            format!(
                "`{}` did not come, and VM `{}` is {}",
                args.regex, vm.name, vm.phase
            ),
        )
        .with_hint(format!("start it with `smolvm-tui start {}`", vm.name))
    }))
}

/// Bytes in, the match out; keeps the last lines for the message.
struct Search {
    stripper: Stripper,
    matcher: Matcher,
    tail: String,
}

impl Search {
    fn new(regex: &str) -> Result<Self, Failure> {
        Ok(Self {
            stripper: Stripper::default(),
            matcher: Matcher::new(regex)?,
            tail: String::new(),
        })
    }

    fn push(&mut self, bytes: &[u8]) -> Option<String> {
        let mut text = String::new();
        self.stripper.push(bytes, &mut text);
        let found = self.matcher.push(&text);
        self.tail.push_str(&text);
        let surplus = self.tail.len().saturating_sub(TAIL_BYTES);
        let cut = (surplus..=self.tail.len()).find(|&at| self.tail.is_char_boundary(at));
        self.tail.drain(..cut.unwrap_or(0));
        found
    }

    fn tail(&self) -> String {
        let lines: Vec<&str> = self.tail.trim_end().lines().collect();
        match lines.len() {
            0 => "nothing came".to_owned(),
            count => lines[count.saturating_sub(TAIL_LINES)..].join("\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_last_lines_and_bounded() {
        let mut search = Search::new("never").unwrap();
        assert_eq!(search.tail(), "nothing came");
        let text = "zeile ä 4711
"
        .repeat(10_000);
        for piece in text.as_bytes().chunks(777) {
            assert_eq!(search.push(piece), None);
            assert!(search.tail.len() <= TAIL_BYTES);
        }
    }
}
