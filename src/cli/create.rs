//! `create`.

use serde_json::json;

use super::args::{CreateArgs, SpecArgs};
use super::context::Context;
use super::lifecycle;
use super::output::{self, Outcome, Reply};
use super::runtime::block_on;
use crate::backends::accel::Chosen;
use crate::backends::resolve::Resolved;
use crate::fault::Failure;
use crate::fleet::{self, Draft, Fleet};
use crate::vm::Operation;

pub(super) fn run(context: &Context, args: CreateArgs) -> Outcome {
    let (start, wait) = (args.start || args.wait.wait, args.wait.wait);
    let timeout = Context::ready_timeout(args.wait.timeout);
    let fleet = &context.fleet;
    let draft = draft(args.name, args.spec, context.backend.clone());
    let name = fleet.create(&draft)?;
    let (backend, doubt) = tell_choice(fleet, &draft)?;
    let booted = if start {
        block_on(async {
            let name = name.as_str();
            let vm = fleet.operate(name, Operation::Start, false, None).await?;
            if wait {
                return lifecycle::wait(fleet, name, timeout).await;
            }
            Ok(vm)
        })
    } else {
        fleet.store.find(name.as_str()).map_err(Into::into)
    };
    // It was made: its name is the answer even when its start failed.
    let row = match &booted {
        Ok(vm) => fleet::row(vm),
        Err(failure) => lifecycle::row_of_failure(fleet, name.as_str(), failure),
    };
    let data = json!({
        "name": name,
        "vms": [row],
        "backend": {
            "requested": backend.requested,
            "resolved": backend.backend,
            "reason": backend.reason,
        },
        "doubt": doubt.map(|doubt| doubt.reason),
    });
    let mut reply = Reply::new(format!("{name}\n"), data)?;
    reply.failure = booted.err();
    Ok(reply)
}

/// Tells a person which backend was chosen, and whether that is doubtful.
pub(super) fn tell_choice(
    fleet: &Fleet,
    draft: &Draft,
) -> Result<(Resolved, Option<Chosen>), Failure> {
    let (backend, chosen) = fleet.choice(draft)?;
    if backend.requested == "auto" {
        output::note(&output::inert(&format!(
            "backend: {} ({})",
            backend.backend,
            backend.told()
        )));
    }
    let doubt = chosen.ok().filter(|chosen| chosen.is_doubtful);
    if let Some(doubt) = &doubt {
        let warning = format!("warning: {} is doubtful: {}", doubt.accel, doubt.reason);
        output::note(&output::inert(&warning));
    }
    Ok((backend, doubt))
}

pub(super) fn draft(name: Option<String>, args: SpecArgs, backend: Option<String>) -> Draft {
    Draft {
        name,
        backend,
        image: args.image,
        vcpu_count: args.cpus,
        mem_size_mib: args.memory,
        disk_mode: args.disk_mode,
        disk_size_mib: args.disk_size,
        network: args.network,
        cpu_model: args.cpu_model,
        accel: args.accel,
        arch: args.arch,
        publish: args.publish,
        kernel: args.kernel,
        initrd: args.initrd,
        rootfs: args.rootfs,
        boot_args: args.boot_args,
        ready_pattern: args.ready_pattern,
    }
}
