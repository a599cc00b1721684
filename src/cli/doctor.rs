//! `doctor`.

use super::args::DoctorArgs;
use super::context::Context;
use super::output::{Outcome, Reply};
use super::stand_in;
use crate::doctor::{self, Examination};
use crate::fault::Code;

pub(super) fn run(context: &Context, args: &DoctorArgs) -> Outcome {
    let examination = Examination {
        store: context.fleet.store.clone(),
        backend: context.fleet.resolve_backend(context.backend.as_deref())?,
        strict: args.strict,
    };
    if args.boot {
        return stand_in::boot_canary();
    }
    let report = doctor::examine(&examination, None);
    let mut reply = Reply::new(stand_in::report_text(&report), &report)?;
    // Failed checks are a finding, not an error of ours: `error` stays null.
    reply.exit_code = Some(if report.summary.ok {
        0
    } else {
        Code::RuntimeError.exit_code()
    });
    Ok(reply)
}
