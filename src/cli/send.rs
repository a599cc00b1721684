//! `send`.

use serde_json::json;

use super::args::SendArgs;
use super::context::Context;
use super::escapes;
use super::output::{Outcome, Reply};
use super::runtime::block_on;
use crate::shim::protocol::Request;

pub(super) fn run(context: &Context, args: &SendArgs) -> Outcome {
    let (request, told) = if args.is_break || args.sysrq.is_some() {
        let letter = args.sysrq;
        let told = json!({ "name": args.name, "break": true, "sysrq": letter });
        (Request::Break { letter }, told)
    } else {
        let bytes = escapes::bytes(&args.text);
        let told = json!({ "name": args.name, "bytes": bytes.len() });
        (Request::Send { bytes }, told)
    };
    block_on(async {
        let mut client = context.fleet.connect(&args.name).await?;
        client.call(request).await
    })?;
    Reply::new("", told)
}
