//! `send`.

use serde_json::json;

use super::args::SendArgs;
use super::context::Context;
use super::escapes;
use super::output::{Outcome, Reply};
use super::runtime::block_on;
use crate::shim::protocol::Request;

pub(super) fn run(context: &Context, args: &SendArgs) -> Outcome {
    let bytes = escapes::bytes(&args.text);
    let count = bytes.len();
    block_on(async {
        let mut client = context.fleet.connect(&args.name).await?;
        client.call(Request::Send { bytes }).await
    })?;
    Reply::new("", json!({ "name": args.name, "bytes": count }))
}
