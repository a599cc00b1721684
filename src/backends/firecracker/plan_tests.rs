use super::*;
use crate::backends::sample;
use crate::network::Tap;
use crate::vm::{Accel, BackendKind, DiskMode, NetworkMode};
use serde_json::Value;
use std::path::Path;

fn launch() -> Launch {
    let mut launch = sample::launch(Path::new("/d"));
    launch.spec.backend = BackendKind::Firecracker;
    launch.spec.network = NetworkMode::None;
    launch.accel = Accel::Kvm;
    launch
}

fn full() -> Launch {
    let mut launch = launch();
    launch.rootfs = Some("/images/disk.ext4".into());
    launch.spec.vcpu_count = 2;
    launch.tap = Some(Tap {
        device: "smol0badcafe".to_owned(),
        mac: "06:00:ac:10:00:02".to_owned(),
        host: [172, 16, 0, 1].into(),
        guest: [172, 16, 0, 2].into(),
        prefix: 30,
        name_servers: vec![[1, 1, 1, 1].into(), [9, 9, 9, 9].into()],
    });
    launch
}

fn told(launch: &Launch, version: Version) -> String {
    let lines = plan(launch, version)
        .into_iter()
        .map(|call| format!("{call} {}\n", call.body));
    lines.collect()
}

#[test]
fn a_guest_with_everything_is_set_up_in_order() {
    let expected = r#"PUT /metrics {"metrics_path":"/d/run/0badcafe/metrics"}
PUT /machine-config {"vcpu_count":2,"mem_size_mib":512}
PUT /boot-source {"kernel_image_path":"/images/tiny/vmlinux","boot_args":"console=ttyS0 reboot=k panic=1 i8042.noaux i8042.nomux i8042.nopnp i8042.dumbkbd smolvm.root=/dev/vda smolvm.name=web smolvm.ip=172.16.0.2/30 smolvm.gw=172.16.0.1 smolvm.dns=1.1.1.1,9.9.9.9","initrd_path":"/images/tiny/initramfs.cpio"}
PUT /drives/rootfs {"drive_id":"rootfs","path_on_host":"/d/vms/web/disk.raw","is_root_device":false,"is_read_only":false}
PUT /network-interfaces/eth0 {"iface_id":"eth0","host_dev_name":"smol0badcafe","guest_mac":"06:00:ac:10:00:02"}
PUT /vsock {"guest_cid":3,"uds_path":"/d/run/0badcafe/v.sock"}
PUT /entropy {}
PUT /balloon {"amount_mib":0,"deflate_on_oom":true,"stats_polling_interval_s":5,"free_page_reporting":true}
"#;
    let mut launch = full();
    launch.spec.mem_size_mib = 512;
    assert_eq!(told(&launch, Version::new(1, 16, 1)), expected);
    assert_eq!(told(&launch, Version::new(1, 17, 0)), expected);
    // What an older version does not know is left out, and nothing else.
    let older = expected.replace(",\"free_page_reporting\":true", "");
    for version in [Version::new(1, 7, 0), Version::new(1, 13, 1)] {
        assert_eq!(told(&launch, version), older, "{version}");
    }
}

#[test]
fn what_the_vm_does_not_have_is_not_set_up() {
    let mut launch = launch();
    launch.has_agent = false;
    launch.initrd = None;
    let calls = plan(&launch, Version::new(1, 16, 1));
    let paths: Vec<&str> = calls.iter().map(|call| call.path.as_str()).collect();
    let expected = [
        "/metrics",
        "/machine-config",
        "/boot-source",
        "/entropy",
        "/balloon",
    ];
    assert_eq!(paths, expected);
    assert_eq!(calls[2].body.get("initrd_path"), None);
    assert!(!calls[2].body.to_string().contains("smolvm."));
}

#[test]
fn a_shared_disk_is_the_file_itself_and_the_users_words_are_taken_to_the_letter() {
    let mut launch = full();
    launch.spec.disk_mode = DiskMode::Shared;
    launch.spec.boot_args = Some("console=ttyS0  root=/dev/vda1".to_owned());
    let calls = plan(&launch, Version::new(1, 16, 1));
    let of = |path: &str| &calls.iter().find(|call| call.path == path).unwrap().body;
    assert_eq!(of("/drives/rootfs")["path_on_host"], "/images/disk.ext4");
    assert_eq!(
        of("/boot-source")["boot_args"],
        "console=ttyS0  root=/dev/vda1"
    );
}

/// What a schema of the description asks of a value, wherever that stands.
fn check(value: &Value, schema: &Value, all: &Value, place: &str) {
    let reference = schema.get("$ref").and_then(Value::as_str);
    if let Some(name) = reference.and_then(|it| it.strip_prefix("#/definitions/")) {
        return check(value, &all["definitions"][name], all, place);
    }
    let right = match schema["type"].as_str().unwrap_or("object") {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{place}: the description has a type `{other}`"),
    };
    assert!(right, "{place}: {value} is not as {schema} asks");
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        assert!(
            words.contains(value),
            "{place}: {value} is none of {words:?}"
        );
    }
    if let Some(least) = schema.get("minimum").and_then(Value::as_i64) {
        assert!(
            value.as_i64().unwrap() >= least,
            "{place}: {value} is below {least}"
        );
    }
    let Some(object) = value.as_object() else {
        return;
    };
    for required in schema["required"].as_array().into_iter().flatten() {
        let name = required.as_str().unwrap();
        assert!(object.contains_key(name), "{place}: no `{name}` in {value}");
    }
    for (name, inner) in object {
        let known = schema["properties"].get(name);
        let known = known.unwrap_or_else(|| panic!("{place}: no field `{name}` is described"));
        check(inner, known, all, &format!("{place} {name}"));
    }
}

#[test]
fn every_call_is_as_the_published_description_has_it() {
    let Some(file) = std::env::var_os("FIRECRACKER_API_YAML") else {
        // Not held back by the test harness: whoever runs the tests is to see it.
        use std::io::Write;
        let said = "FIRECRACKER_API_YAML is unset: request bodies were not checked against it\n";
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        return;
    };
    let text = std::fs::read_to_string(&file).unwrap();
    let description: Value = serde_yaml_ng::from_str(&text).unwrap();
    let state = |state| ApiCall::patch("/vm", serde_json::json!({ "state": state }));
    let act = |action| ApiCall::put("/actions", serde_json::json!({ "action_type": action }));
    let mut calls = plan(&full(), Version::new(1, 17, 0));
    calls.extend(["Paused", "Resumed"].map(state));
    calls.extend(["InstanceStart", "FlushMetrics", "SendCtrlAltDel"].map(act));
    calls.extend(["/", "/version", "/vm/config", "/balloon/statistics"].map(ApiCall::get));
    for call in calls {
        let path = match call.path.rsplit_once('/') {
            Some(("/drives", _)) => "/drives/{drive_id}",
            Some(("/network-interfaces", _)) => "/network-interfaces/{iface_id}",
            _ => &call.path,
        };
        let method = call.method.word().to_lowercase();
        let operation = &description["paths"][path][&method];
        assert!(operation.is_object(), "no `{call}` is described");
        let parameters = operation["parameters"].as_array();
        let body = parameters
            .into_iter()
            .flatten()
            .find(|it| it["in"] == "body");
        match body {
            Some(body) => check(&call.body, &body["schema"], &description, &call.to_string()),
            None => assert!(call.body.is_null(), "`{call}` has no body"),
        }
    }
}
