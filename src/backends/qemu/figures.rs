//! What QEMU counts of its guest, asked by QMP. Of network cards it counts nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::qmp::Client;
use crate::backends::BackendError;
use crate::vm::{BalloonFigures, BlockFigures, Figures};

/// Kinds of exits that KVM counts, in its words and in ours (`kvm_vcpu_stats_desc` in Linux'
/// `arch/x86/kvm/x86.c`).
const EXITS: [(&str, &str); 5] = [
    ("exits", "all"),
    ("halt_exits", "halt"),
    ("io_exits", "io"),
    ("irq_exits", "irq"),
    ("mmio_exits", "mmio"),
];

/// Asks for all that this QEMU can tell.
pub(super) async fn ask(qmp: &Client) -> Result<Figures, BackendError> {
    let disks = qmp.call("query-blockstats", None).await?;
    let names: Vec<&str> = EXITS.iter().map(|(theirs, _)| *theirs).collect();
    let wanted = json!({
        "target": "vcpu",
        "providers": [{ "provider": "kvm", "names": names }],
    });
    // Only with KVM, and only from QEMU 7.1 on.
    let vcpus = qmp.call("query-stats", Some(wanted)).await.ok();
    // `None`: a QEMU of an earlier version of this program, without a balloon.
    let size = qmp.call("query-balloon", None).await.ok();
    let memory = qmp.call("query-memory-size-summary", None).await.ok();
    Ok(Figures {
        exits: vcpus.as_ref().map(exits).unwrap_or_default(),
        block: block(&disks),
        balloon: size
            .zip(memory)
            .and_then(|(size, memory)| balloon(&size, &memory)),
        ..Figures::default()
    })
}

/// All disks together (`BlockStats` in QEMU's `qapi/block-core.json`).
fn block(disks: &Value) -> Option<BlockFigures> {
    let disks = disks.as_array()?;
    let sum = |key: &str| {
        disks
            .iter()
            .filter_map(|disk| disk.get("stats")?.get(key)?.as_u64())
            .reduce(u64::saturating_add)
    };
    BlockFigures {
        read_bytes: sum("rd_bytes"),
        write_bytes: sum("wr_bytes"),
        reads: sum("rd_operations"),
        writes: sum("wr_operations"),
        flushes: sum("flush_operations"),
    }
    .known()
}

/// `BalloonInfo` and `MemoryInfo` in QEMU's `qapi/machine.json`: the first tells what the balloon
/// leaves to the guest. What the guest says of its memory is not asked for: it would have to be woken
/// for that again and again from then on.
fn balloon(size: &Value, memory: &Value) -> Option<BalloonFigures> {
    let left = size.get("actual")?.as_u64()?;
    let all = memory.get("base-memory")?.as_u64()?;
    BalloonFigures {
        actual_bytes: all.checked_sub(left),
        ..BalloonFigures::default()
    }
    .known()
}

/// All vCPUs together (`StatsResult` in QEMU's `qapi/stats.json`).
fn exits(vcpus: &Value) -> BTreeMap<String, u64> {
    let stats = vcpus
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|vcpu| vcpu.get("stats")?.as_array())
        .flatten();
    let mut exits = BTreeMap::new();
    for stat in stats {
        let name = stat.get("name").and_then(Value::as_str);
        let ours = EXITS.iter().find(|(theirs, _)| Some(*theirs) == name);
        let value = stat.get("value").and_then(Value::as_u64);
        if let Some(((_, ours), value)) = ours.zip(value) {
            *exits.entry((*ours).to_owned()).or_insert(0) += value;
        }
    }
    exits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_and_vcpus_are_summed_and_what_is_not_counted_is_not_told() {
        let disks = json!([
            {"node-name": "hd0", "stats": {"rd_bytes": 10, "wr_bytes": 1, "rd_operations": 2}},
            {"stats": {"rd_bytes": 5, "timed_stats": []}},
            {"odd": true},
        ]);
        let block = block(&disks).unwrap();
        assert_eq!(block.read_bytes, Some(15));
        assert_eq!((block.reads, block.writes), (Some(2), None));
        assert_eq!(super::block(&json!([])), None);
        let memory = json!({"base-memory": 256 << 20, "plugged-memory": 0});
        let balloon = |left: u64| balloon(&json!({ "actual": left }), &memory);
        assert_eq!(balloon(200 << 20).unwrap().actual_bytes, Some(56 << 20));
        assert_eq!(balloon(512 << 20), None, "more than there is");
        let vcpus = json!([
            {"provider": "kvm", "stats": [{"name": "exits", "value": 7}, {"name": "odd", "value": 1}]},
            {"provider": "kvm", "stats": [{"name": "exits", "value": 3}, {"name": "io_exits", "value": [1]}]},
        ]);
        assert_eq!(exits(&vcpus), BTreeMap::from([("all".to_owned(), 10)]));
        assert!(exits(&json!({})).is_empty());
    }
}
