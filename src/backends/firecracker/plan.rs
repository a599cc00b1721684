//! What Firecracker is told before the start, in order. Pure: everything is decided before.

use serde_json::json;

use super::boot_args::boot_args;
use super::disk;
use super::places::Places;
use super::version::{Feature, Version};
use crate::backends::Launch;
use crate::vm::ApiCall;

/// The guest's vsock address, the first that a guest may have (vsock(7)).
const GUEST_CID: u32 = 3;

/// How often the guest tells of its memory, in seconds. It cannot be asked to begin with it later.
const BALLOON_POLL_S: u32 = 5;

/// The calls that set up `launch`, for a Firecracker of that version.
///
/// `root=` is ours to say: a drive that is called the root device would put one behind a command
/// line that the user gave to the letter.
pub fn plan(launch: &Launch, version: Version) -> Vec<ApiCall> {
    let spec = &launch.spec;
    let places = Places::of(&launch.run_dir);
    let mut calls = vec![
        ApiCall::put("/metrics", json!({ "metrics_path": places.metrics })),
        ApiCall::put(
            "/machine-config",
            json!({ "vcpu_count": spec.vcpu_count, "mem_size_mib": spec.mem_size_mib }),
        ),
    ];
    let mut source = json!({
        "kernel_image_path": launch.kernel,
        "boot_args": boot_args(launch),
    });
    if let Some(initrd) = &launch.initrd {
        source["initrd_path"] = json!(initrd);
    }
    calls.push(ApiCall::put("/boot-source", source));
    if let Some(disk) = disk::place(launch) {
        let body = json!({
            "drive_id": "rootfs",
            "path_on_host": disk,
            "is_root_device": false,
            "is_read_only": false,
        });
        calls.push(ApiCall::put("/drives/rootfs", body));
    }
    if let Some(tap) = &launch.tap {
        let body = json!({
            "iface_id": "eth0",
            "host_dev_name": tap.device,
            "guest_mac": tap.mac,
        });
        calls.push(ApiCall::put("/network-interfaces/eth0", body));
    }
    if launch.has_agent {
        let body = json!({ "guest_cid": GUEST_CID, "uds_path": places.vsock });
        calls.push(ApiCall::put("/vsock", body));
    }
    if version.has(Feature::Entropy) {
        calls.push(ApiCall::put("/entropy", json!({})));
    }
    let mut balloon = json!({
        "amount_mib": 0,
        "deflate_on_oom": true,
        "stats_polling_interval_s": BALLOON_POLL_S,
    });
    if version.has(Feature::FreePageReporting) {
        balloon["free_page_reporting"] = json!(true);
    }
    calls.push(ApiCall::put("/balloon", balloon));
    calls
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
