//! Metrics: each line tells what was counted since the line before.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) exit_io_out: AtomicU64,
    pub(crate) block_reads: AtomicU64,
    pub(crate) vsock_rx: AtomicU64,
    pub(crate) vsock_tx: AtomicU64,
    pub(crate) calls_made: AtomicU64,
    pub(crate) calls_ended: AtomicU64,
    pub(crate) uart_read: AtomicU64,
    pub(crate) uart_written: AtomicU64,
    pub(crate) uart_lost: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

impl Counters {
    /// A line of the real one's length; what is told begins again at 0.
    pub(crate) fn line(&self) -> Value {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        let reads = take(&self.block_reads);
        let other: Vec<(String, u64)> = (0..200).map(|n| (format!("other_{n}"), 0)).collect();
        json!({
            "utc_timestamp_ms": 1_795_443_324_313_u64,
            "api_server": { "process_startup_time_us": 6053 },
            "block": { "read_bytes": reads * 4096, "read_count": reads, "write_bytes": 0, "write_count": 0, "flush_count": 0 },
            "net": { "rx_bytes_count": 0, "tx_bytes_count": 0, "rx_packets_count": 0, "tx_packets_count": 0, "rx_fails": 0, "tx_fails": 0 },
            "vsock": {
                "rx_bytes_count": take(&self.vsock_rx),
                "tx_bytes_count": take(&self.vsock_tx),
                "conns_added": take(&self.calls_made),
                "conns_removed": take(&self.calls_ended),
            },
            "uart": {
                "read_count": take(&self.uart_read),
                "write_count": take(&self.uart_written),
                "error_count": take(&self.uart_lost),
                "missed_write_count": 0,
            },
            "vcpu": { "exit_io_in": 0, "exit_io_out": take(&self.exit_io_out), "exit_mmio_read": 0, "exit_mmio_write": 0, "failures": 0 },
            "others": other.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        })
    }
}
