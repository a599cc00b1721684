//! `doctor`.

use super::args::DoctorArgs;
use super::context::Context;
use super::output::{Outcome, Reply};
use crate::doctor::{self, Examination};
use crate::fault::{Code, Failure};

pub(super) fn run(context: &Context, args: &DoctorArgs) -> Outcome {
    let examination = Examination {
        store: context.fleet.store.clone(),
        backend: context.fleet.resolve_backend(context.backend.as_deref())?,
        strict: args.strict,
    };
    if args.boot {
        return Err(Failure::new(
            Code::RuntimeError,
            "`doctor --boot` is not part of this version yet",
        )
        .with_hint("boot a guest with `smolvm-tui create --wait`"));
    }
    let report = doctor::examine(&examination, None);
    let mut reply = Reply::new(doctor::to_text(&report), &report)?;
    // Failed checks are a finding, not an error of ours: `error` stays null.
    reply.exit_code = Some(if report.summary.ok {
        0
    } else {
        Code::RuntimeError.exit_code()
    });
    Ok(reply)
}
