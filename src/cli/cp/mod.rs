//! `cp`: files and directories into a guest, or out of it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde_json::json;

use super::args::CpArgs;
use super::context::Context;
use super::output::{self, Outcome, Reply};
use super::reach::reach;
use super::runtime::block_on;
use crate::fault::{Code, Failure};
use crate::guest::protocol::NOT_READY;
use crate::guest::protocol::frame::LONGEST_PAYLOAD;
use crate::guest::protocol::message::{End, Message, Task};
use crate::guest::tree::Progress;
use crate::guest::tree::receive::Receiver;
use crate::guest::tree::send::Sender;
use crate::shim::client::Client;
use crate::shim::stream::{Said, Stream};
use crate::vm::VmName;

mod bar;

use bar::Bar;

/// Bits that the mode of a file from a guest may have here: none that lend its owner's rights.
const MODES: u32 = 0o777;

/// What came of a transfer.
struct Copied {
    progress: Progress,
    left_out: Vec<String>,
}

/// One side of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side<'a> {
    Here(&'a Path),
    Guest { name: &'a str, path: &'a OsStr },
}

pub(super) fn run(context: &Context, args: &CpArgs) -> Outcome {
    let (name, copied) = match (side(&args.source), side(&args.target)) {
        (Side::Here(source), Side::Guest { name, path }) => {
            let attempt = async |client| store(client, source, path).await;
            (name, block_on(reach(context, name, None, attempt))?)
        }
        (Side::Guest { name, path }, Side::Here(target)) => {
            let attempt = async |client| fetch(client, path, target).await;
            (name, block_on(reach(context, name, None, attempt))?)
        }
        _ => {
            let failure = Failure::new(
                Code::UsageError,
                "one side must be in a guest, the other here",
            );
            return Err(failure.with_hint("write the guest's side as NAME:/path"));
        }
    };
    for path in &copied.left_out {
        let line = format!("warning: left out `{path}`, which is no file, directory or link");
        output::note(&output::inert(&line));
    }
    let Progress { items, bytes, .. } = copied.progress;
    let data = json!({ "name": name, "items": items, "bytes": bytes, "left_out": copied.left_out });
    Reply::new("", data)
}

/// `NAME:PATH` is in a guest; a `/` before the `:` says that it is not.
fn side(text: &OsStr) -> Side<'_> {
    let bytes = text.as_bytes();
    let at = bytes.iter().position(|&byte| byte == b':');
    let parts = at.and_then(|at| {
        let name = std::str::from_utf8(&bytes[..at]).ok()?;
        name.parse::<VmName>().ok()?;
        Some((name, OsStr::from_bytes(&bytes[at + 1..])))
    });
    match parts {
        Some((name, path)) => Side::Guest { name, path },
        None => Side::Here(Path::new(text)),
    }
}

/// Copies into the guest; nothing when it is too early.
async fn store(client: Client, source: &Path, path: &OsStr) -> Result<Option<Copied>, Failure> {
    let mut sender = Sender::new(source).map_err(failed)?;
    // `..` and `/` have another name where they are.
    let whole = std::fs::canonicalize(source).unwrap_or_default();
    let name = whole.file_name().unwrap_or(OsStr::new("root"));
    let task = Task::Store {
        path: path.as_bytes().to_vec(),
        name: name.as_bytes().to_vec(),
    };
    let mut stream = Stream::open(client, task).await?;
    let mut buffer = vec![0; LONGEST_PAYLOAD];
    let mut bar = Bar::new(name);
    let mut ends = false;
    loop {
        let room = stream.room().min(buffer.len());
        if room > 0 && !ends {
            match sender.fill(&mut buffer[..room]).map_err(failed)? {
                0 => {
                    ends = true;
                    stream.say(&Message::Eof).await?;
                }
                count => stream.send(&buffer[..count]).await?,
            }
            bar.show(sender.progress());
            continue;
        }
        match stream.next().await? {
            Said::End(end) => {
                let left_out = sender.left_out().to_vec();
                return ended(end, sender.progress(), left_out);
            }
            Said::Room | Said::Output(_) | Said::Errors(_) => {}
        }
    }
}

/// Copies out of the guest; nothing when it is too early.
async fn fetch(client: Client, path: &OsStr, target: &Path) -> Result<Option<Copied>, Failure> {
    let name = Path::new(path)
        .file_name()
        .map_or_else(|| OsString::from("root"), OsStr::to_owned);
    let mut receiver = Receiver::new(target, &name, MODES, fastrand::u64(..)).map_err(failed)?;
    let mut stream = Stream::open(client, Task::Fetch(path.as_bytes().to_vec())).await?;
    let mut bar = Bar::new(&name);
    loop {
        match stream.next().await? {
            Said::Output(bytes) => {
                receiver.push(&bytes).map_err(failed)?;
                stream.took(bytes.len()).await?;
                bar.show(receiver.progress());
            }
            Said::End(end) => {
                if end == End::Exited(0) {
                    receiver.finish().map_err(failed)?;
                }
                let left_out = receiver.left_out().to_vec();
                return ended(end, receiver.progress(), left_out);
            }
            Said::Room | Said::Errors(_) => {}
        }
    }
}

fn ended(end: End, progress: Progress, left_out: Vec<String>) -> Result<Option<Copied>, Failure> {
    match end {
        End::Exited(0) => Ok(Some(Copied { progress, left_out })),
        End::Failed {
            code: NOT_READY, ..
        } => Ok(None),
        End::Failed { why, .. } => Err(failed(output::inert(&format!("in the guest: {why}")))),
        End::Exited(_) | End::Signaled(_) => Err(failed("the agent ended the transfer".to_owned())),
    }
}

fn failed(why: String) -> Failure {
    Failure::new(Code::RuntimeError, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_before_the_first_colon_means_a_guest_and_a_path_does_not() {
        let guest = |name, path| Side::Guest {
            name,
            path: OsStr::new(path),
        };
        for (text, expected) in [
            ("web:/etc", guest("web", "/etc")),
            ("web:x:y", guest("web", "x:y")),
            ("web:", guest("web", "")),
            ("./web:/etc", Side::Here(Path::new("./web:/etc"))),
            ("/a:b", Side::Here(Path::new("/a:b"))),
            ("Web:/etc", Side::Here(Path::new("Web:/etc"))),
            (":/etc", Side::Here(Path::new(":/etc"))),
            ("plain", Side::Here(Path::new("plain"))),
        ] {
            assert_eq!(side(OsStr::new(text)), expected, "{text}");
        }
    }
}
