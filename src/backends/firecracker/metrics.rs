//! Firecracker's metrics: a line of JSON for each flush, by a FIFO, so that nothing grows on disk.
//!
//! What counts up is told as the difference to the line before, whoever caused that: so every line
//! is read, also those that come by themselves once a minute, and all are summed. The sums are written
//! down beside the FIFO with each line, for the shim that adopts the VM when this one dies.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::unix::pipe::Receiver;
use tokio::task::JoinHandle;

use crate::vm::{BlockFigures, Figures, NetFigures, SerialFigures, VsockFigures};

/// The longest line that is kept, in bytes: they have some 6 KB, and more for each device.
const LONGEST_LINE: usize = 256 * 1024;

/// The counters that are summed. Names are those of Firecracker's `metrics.rs`; one that a version
/// does not have stays unknown.
const COUNTERS: [&str; 24] = [
    "/vcpu/exit_io_in",
    "/vcpu/exit_io_out",
    "/vcpu/exit_mmio_read",
    "/vcpu/exit_mmio_write",
    "/vcpu/failures",
    "/block/read_bytes",
    "/block/write_bytes",
    "/block/read_count",
    "/block/write_count",
    "/block/flush_count",
    "/net/rx_bytes_count",
    "/net/tx_bytes_count",
    "/net/rx_packets_count",
    "/net/tx_packets_count",
    "/net/rx_fails",
    "/net/tx_fails",
    "/vsock/rx_bytes_count",
    "/vsock/tx_bytes_count",
    "/vsock/conns_added",
    "/vsock/conns_removed",
    "/uart/read_count",
    "/uart/write_count",
    "/uart/error_count",
    "/uart/missed_write_count",
];

/// The sums so far, by the names of the counters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Totals {
    /// When the counting began, where that is not the VM's start.
    since: Option<jiff::Timestamp>,
    sums: BTreeMap<String, u64>,
}

impl Totals {
    /// What the shim before us wrote down; where it did not, the counting begins now.
    fn of_shim_before(path: &Path) -> Self {
        let text = fs::read(path).ok();
        let kept = text.and_then(|text| serde_json::from_slice(&text).ok());
        kept.unwrap_or_else(|| Self {
            since: Some(jiff::Timestamp::now()),
            ..Self::default()
        })
    }

    /// Writes them down, not as those before them if that fails: those would be wrong.
    fn keep(&self, path: &Path) {
        let text = serde_json::to_vec(self).unwrap_or_default();
        if fs::write(path, text).is_err() {
            let _ = fs::remove_file(path);
        }
    }

    /// Adds a line; what is none, as when a full FIFO tore it, is passed over.
    fn add(&mut self, line: &[u8]) {
        let Ok(json) = serde_json::from_slice::<Value>(line) else {
            return;
        };
        for name in COUNTERS {
            if let Some(more) = json.pointer(name).and_then(Value::as_u64) {
                let sum = self.sums.entry(name.to_owned()).or_default();
                *sum = sum.saturating_add(more);
            }
        }
    }

    fn sum(&self, name: &str) -> Option<u64> {
        self.sums.get(name).copied()
    }

    /// As plain figures; devices that the VM does not have count nothing, which is not told.
    pub(super) fn figures(&self, has: Devices) -> Figures {
        let sum = |name: &str| self.sum(name);
        let exits = ["io_in", "io_out", "mmio_read", "mmio_write"]
            .iter()
            .filter_map(|kind| Some(((*kind).to_owned(), sum(&format!("/vcpu/exit_{kind}"))?)));
        let block = BlockFigures {
            read_bytes: sum("/block/read_bytes"),
            write_bytes: sum("/block/write_bytes"),
            reads: sum("/block/read_count"),
            writes: sum("/block/write_count"),
            flushes: sum("/block/flush_count"),
        };
        let net = NetFigures {
            rx_bytes: sum("/net/rx_bytes_count"),
            tx_bytes: sum("/net/tx_bytes_count"),
            rx_packets: sum("/net/rx_packets_count"),
            tx_packets: sum("/net/tx_packets_count"),
            rx_fails: sum("/net/rx_fails"),
            tx_fails: sum("/net/tx_fails"),
        };
        let vsock = VsockFigures {
            rx_bytes: sum("/vsock/rx_bytes_count"),
            tx_bytes: sum("/vsock/tx_bytes_count"),
            connections_made: sum("/vsock/conns_added"),
            connections_ended: sum("/vsock/conns_removed"),
        };
        let serial = SerialFigures {
            reads: sum("/uart/read_count"),
            writes: sum("/uart/write_count"),
            errors: sum("/uart/error_count")
                .map(|errors| errors + sum("/uart/missed_write_count").unwrap_or(0)),
        };
        Figures {
            since: self.since,
            exits: exits.collect(),
            block: block.known().filter(|_| has.block),
            net: net.known().filter(|_| has.net),
            vsock: vsock.known().filter(|_| has.vsock),
            serial: serial.known(),
            ..Figures::default()
        }
    }
}

/// Which devices the VM has: others count nothing, which is not worth telling.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Devices {
    pub(super) block: bool,
    pub(super) net: bool,
    pub(super) vsock: bool,
}

/// The far end of the FIFO, read as long as this lives.
#[derive(Debug)]
pub(super) struct Metrics {
    shared: Rc<Shared>,
    reading: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    fifo: Receiver,
    /// Where the sums are written down.
    sums: PathBuf,
    progress: RefCell<Progress>,
}

#[derive(Debug)]
struct Progress {
    totals: Totals,
    partial: Vec<u8>,
}

impl Metrics {
    /// Reads `fifo` of a Firecracker that is about to be started, and keeps the sums at `sums`.
    pub(super) fn begin(fifo: Receiver, sums: &Path) -> Self {
        let totals = Totals::default();
        totals.keep(sums);
        Self::read(fifo, sums, totals)
    }

    /// Goes on where the shim before us was.
    pub(super) fn resume(fifo: Receiver, sums: &Path) -> Self {
        Self::read(fifo, sums, Totals::of_shim_before(sums))
    }

    /// Wakes once a minute, when Firecracker writes by itself.
    fn read(fifo: Receiver, sums: &Path, totals: Totals) -> Self {
        let progress = Progress {
            totals,
            partial: Vec::new(),
        };
        let shared = Rc::new(Shared {
            fifo,
            sums: sums.to_owned(),
            progress: RefCell::new(progress),
        });
        let reader = Rc::clone(&shared);
        let reading = tokio::task::spawn_local(async move {
            while reader.fifo.readable().await.is_ok() {
                let mut buffer = [0; 4096];
                match reader.fifo.try_read(&mut buffer) {
                    Ok(0) => return,
                    Ok(length) => reader.take(&buffer[..length]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => return,
                }
            }
        });
        Self { shared, reading }
    }

    /// The sums, with what the FIFO holds at this moment: the event loop may not have heard of it.
    pub(super) fn totals(&self) -> Totals {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = nix::unistd::read(self.shared.fifo.as_fd(), &mut buffer) {
            self.shared.take(&buffer[..length]);
        }
        self.shared.progress.borrow().totals.clone()
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Shared {
    fn take(&self, bytes: &[u8]) {
        let Progress { totals, partial } = &mut *self.progress.borrow_mut();
        let before = totals.clone();
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                totals.add(partial);
                partial.clear();
            } else if partial.len() > LONGEST_LINE {
                // What is left of it will be no line.
                partial.clear();
            }
        }
        if *totals != before {
            totals.keep(&self.sums);
        }
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
