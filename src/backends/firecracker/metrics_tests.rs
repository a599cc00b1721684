use super::*;
use crate::backends::firecracker::fifo;
use serde_json::json;
use std::io::Write;
use tokio::task::LocalSet;

fn line(out: u64, reads: u64) -> String {
    let line = json!({
        "vcpu": { "exit_io_out": out, "exit_io_in": 0, "exit_io_in_agg": { "sum_us": 9 } },
        "block": { "read_count": reads, "read_bytes": reads * 512 },
        "uart": { "write_count": out, "error_count": 1 },
        "net": { "rx_bytes_count": 0 },
        "filler": "x".repeat(5000),
    });
    format!("{line}\n")
}

#[test]
fn what_each_line_adds_is_summed_and_what_no_line_tells_stays_unknown() {
    let mut totals = Totals::default();
    assert_eq!(totals.figures(Devices::default()), Figures::default());
    totals.add(line(10, 1).as_bytes());
    totals.add(b"{\"torn\": ");
    totals.add(b"{\"vcpu\": {\"exit_io_out\": -5}, \"block\": []}");
    totals.add(line(5, 2).as_bytes());
    let has = Devices {
        block: true,
        ..Devices::default()
    };
    let figures = totals.figures(has);
    assert_eq!(figures.exits["io_out"], 15);
    assert_eq!(figures.exits["io_in"], 0);
    assert!(!figures.exits.contains_key("mmio_read"));
    let block = figures.block.unwrap();
    assert_eq!((block.reads, block.read_bytes), (Some(3), Some(1536)));
    assert_eq!(block.writes, None);
    assert_eq!(figures.serial.unwrap().errors, Some(2));
    // There is no card, so its zeros are no figures.
    assert_eq!(figures.net, None);
    assert_eq!(totals.figures(Devices::default()).block, None);
}

#[tokio::test]
async fn lines_that_come_by_themselves_are_read_too_and_a_full_fifo_tears_one_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("metrics");
    fifo::make(&path).unwrap();
    let test = async {
        let metrics = Metrics::begin(fifo::receiver(&path).unwrap(), &dir.path().join("sums"));
        let mut theirs = fifo::theirs(&path).unwrap();
        for _ in 0..3 {
            // Blocks unless somebody reads: more than a pipe holds.
            let lines = line(1, 1).repeat(50);
            theirs.write_all(lines.as_bytes()).unwrap();
            while metrics
                .shared
                .progress
                .borrow()
                .totals
                .sum("/vcpu/exit_io_out")
                < Some(50)
            {
                tokio::task::yield_now().await;
            }
            metrics.shared.progress.borrow_mut().totals = Totals::default();
        }
        theirs.write_all(b"half a line that is never\n").unwrap();
        theirs.write_all(line(7, 0).as_bytes()).unwrap();
        assert_eq!(metrics.totals().sum("/vcpu/exit_io_out"), Some(7));
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn the_sums_outlive_the_shim_and_what_nobody_kept_is_counted_from_now_on() {
    let dir = tempfile::tempdir().unwrap();
    let [path, sums] = ["metrics", "sums"].map(|name| dir.path().join(name));
    fifo::make(&path).unwrap();
    let test = async {
        let metrics = Metrics::begin(fifo::receiver(&path).unwrap(), &sums);
        let mut theirs = fifo::theirs(&path).unwrap();
        theirs.write_all(line(7, 0).as_bytes()).unwrap();
        assert_eq!(metrics.totals().sum("/vcpu/exit_io_out"), Some(7));
        drop(metrics);
        // Comes while no shim lives.
        theirs.write_all(line(5, 0).as_bytes()).unwrap();
        let resumed = || Metrics::resume(fifo::receiver(&path).unwrap(), &sums).totals();
        let totals = resumed();
        assert_eq!(totals.sum("/vcpu/exit_io_out"), Some(12));
        assert_eq!(totals.since, None);
        // By a shim that kept none, or died while it wrote them.
        std::fs::write(&sums, "").unwrap();
        theirs.write_all(line(1, 0).as_bytes()).unwrap();
        let totals = resumed();
        assert_eq!(totals.sum("/vcpu/exit_io_out"), Some(1));
        assert!(totals.since.is_some());
        // The next one does not take that for all that there was.
        assert_eq!(resumed(), totals);
        // Nor does another boot go on with them.
        let anew = Metrics::begin(fifo::receiver(&path).unwrap(), &sums);
        assert_eq!(anew.totals(), Totals::default());
        drop(anew);
        assert_eq!(resumed(), Totals::default());
    };
    LocalSet::new().run_until(test).await;
}
