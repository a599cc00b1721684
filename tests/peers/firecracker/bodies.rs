//! The bodies of requests: which fields, of what kind, since which version. Every body refuses what
//! it does not know.

use serde_json::{Map, Value};

use crate::script::Version;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Flag,
    Number,
    Object,
    /// One of these words.
    Word(&'static [&'static str]),
}

pub(crate) struct Field {
    name: &'static str,
    kind: Kind,
    required: bool,
    since: Version,
}

const FIRST: Version = Version(1, 0, 0);

const fn must(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        required: true,
        since: FIRST,
    }
}

const fn may(name: &'static str, kind: Kind) -> Field {
    since(FIRST, name, kind)
}

const fn since(since: Version, name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        required: false,
        since,
    }
}

use Kind::{Flag, Number, Object, Text, Word};

const V1_7: Version = Version(1, 7, 0);
const V1_14: Version = Version(1, 14, 0);
const V1_16: Version = Version(1, 16, 0);
const V1_17: Version = Version(1, 17, 0);

pub(crate) const ACTION: &[Field] = &[must(
    "action_type",
    Word(&["InstanceStart", "FlushMetrics", "SendCtrlAltDel"]),
)];
pub(crate) const LOGGER: &[Field] = &[
    may("log_path", Text),
    may(
        "level",
        Word(&["Error", "Warning", "Info", "Debug", "Trace", "Off"]),
    ),
    may("show_level", Flag),
    may("show_log_origin", Flag),
    may("module", Text),
];
pub(crate) const METRICS: &[Field] = &[
    must("metrics_path", Text),
    since(V1_17, "emit_id", Flag),
    since(V1_17, "properties", Object),
];
pub(crate) const MACHINE: &[Field] = &[
    must("vcpu_count", Number),
    must("mem_size_mib", Number),
    may("smt", Flag),
    may("cpu_template", Text),
    may("track_dirty_pages", Flag),
    since(V1_7, "huge_pages", Word(&["None", "2M"])),
];
pub(crate) const BOOT_SOURCE: &[Field] = &[
    must("kernel_image_path", Text),
    may("initrd_path", Text),
    may("boot_args", Text),
];
pub(crate) const DRIVE: &[Field] = &[
    must("drive_id", Text),
    must("is_root_device", Flag),
    may("path_on_host", Text),
    may("is_read_only", Flag),
    may("partuuid", Text),
    may("cache_type", Word(&["Unsafe", "Writeback"])),
    may("io_engine", Word(&["Sync", "Async"])),
    may("rate_limiter", Object),
    may("socket", Text),
];
pub(crate) const NETWORK: &[Field] = &[
    must("iface_id", Text),
    must("host_dev_name", Text),
    may("guest_mac", Text),
    may("rx_rate_limiter", Object),
    may("tx_rate_limiter", Object),
    since(V1_17, "mtu", Number),
];
pub(crate) const VSOCK: &[Field] = &[
    must("guest_cid", Number),
    must("uds_path", Text),
    may("vsock_id", Text),
];
pub(crate) const ENTROPY: &[Field] = &[may("rate_limiter", Object)];
pub(crate) const BALLOON: &[Field] = &[
    must("amount_mib", Number),
    must("deflate_on_oom", Flag),
    may("stats_polling_interval_s", Number),
    since(V1_14, "free_page_hinting", Flag),
    since(V1_14, "free_page_reporting", Flag),
];
pub(crate) const SERIAL: &[Field] = &[
    may("serial_out_path", Text),
    since(V1_16, "rate_limiter", Object),
];
pub(crate) const STATE: &[Field] = &[must("state", Word(&["Paused", "Resumed"]))];

/// Reads a body, or says what serde would say of it.
pub(crate) fn read(
    body: &[u8],
    fields: &[Field],
    version: Version,
) -> Result<Map<String, Value>, String> {
    let fault = |what: String| {
        let length = body.len();
        format!(
            "An error occurred when deserializing the json body of a request: {what} at line 1 column {length}."
        )
    };
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        format!("An error occurred when deserializing the json body of a request: {error}.")
    })?;
    let Value::Object(object) = value else {
        return Err(fault("invalid type, expected a struct".to_owned()));
    };
    let known: Vec<&Field> = fields
        .iter()
        .filter(|field| version >= field.since)
        .collect();
    for (key, value) in &object {
        let Some(field) = known.iter().find(|field| field.name == key) else {
            let names: Vec<String> = known
                .iter()
                .map(|field| format!("`{}`", field.name))
                .collect();
            let expected = match &names[..] {
                [one] => format!("expected {one}"),
                more => format!("expected one of {}", more.join(", ")),
            };
            return Err(fault(format!("unknown field `{key}`, {expected}")));
        };
        let fits = match field.kind {
            Text => value.is_string(),
            Flag => value.is_boolean(),
            Number => value.is_u64(),
            Object => value.is_object(),
            Word(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        };
        if !fits {
            let what = match (field.kind, value.as_str()) {
                (Word(words), Some(word)) => {
                    let words: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
                    format!(
                        "unknown variant `{word}`, expected one of {}",
                        words.join(", ")
                    )
                }
                (kind, _) => format!("invalid type: {value}, expected {kind:?}"),
            };
            return Err(fault(what));
        }
    }
    for field in known {
        if field.required && !object.contains_key(field.name) {
            return Err(fault(format!("missing field `{}`", field.name)));
        }
    }
    Ok(object)
}
