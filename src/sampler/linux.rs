//! What Linux tells of a process, by descriptors that stay with it.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::{Pid, SysconfVar, sysconf};

use super::{HostMemory, Reading, VcpuTimes};
use crate::vm::ProcessId;

/// What is held open of one process.
///
/// A descriptor below `/proc/PID` belongs to the process and not to the number: once the process
/// is gone, reading fails for ever, whoever gets the pid next (proc(5)). So a reading whose
/// `statm` came last and came well is wholly of that process.
#[derive(Debug)]
pub(super) struct Counters {
    clock: ClockId,
    statm: File,
    /// Absent where we may not look into the process.
    smaps: Option<File>,
    vcpus: Option<Vec<File>>,
    page_size: u64,
}

impl Counters {
    pub(super) fn open(process: ProcessId, vcpu_threads: &[u32]) -> Option<Self> {
        let pid = process.pid;
        let statm = File::open(format!("/proc/{pid}/statm")).ok()?;
        let open = |tid: &u32| File::open(format!("/proc/{pid}/task/{tid}/schedstat")).ok();
        // A share that lacks one thread would be wrong: all of them or none.
        let vcpus: Option<Vec<File>> = vcpu_threads.iter().map(open).collect();
        let counters = Self {
            clock: clock_getcpuclockid(as_pid(process)?).ok()?,
            statm,
            smaps: File::open(format!("/proc/{pid}/smaps")).ok(),
            vcpus: vcpus.filter(|files| !files.is_empty()),
            page_size: u64::try_from(sysconf(SysconfVar::PAGE_SIZE).ok()??).ok()?,
        };
        // Only now: what was opened before is of the process that we asked for.
        process.is_alive().then_some(counters)
    }

    pub(super) fn read(&self) -> Option<Reading> {
        let vcpu = self.vcpus.as_deref().and_then(|files| {
            files
                .iter()
                .map(on_cpu)
                .try_fold(Duration::ZERO, |sum, time| Some(sum + time?))
        });
        let cpu = clock_gettime(self.clock).ok().map(Duration::from);
        let pages = resident_pages(&self.statm)?;
        Some(Reading {
            cpu,
            vcpu,
            rss: pages.checked_mul(self.page_size),
        })
    }

    pub(super) fn guest_memory(&self, allotted: u64) -> Option<u64> {
        let smaps = self.smaps.as_ref()?;
        mapping_of_size(
            &mut BufReader::new(Positioned { file: smaps, at: 0 }),
            allotted,
        )
    }
}

/// Reads a descriptor that is kept from its beginning, piece by piece: the kernel walks the pages
/// of those mappings only that are asked for.
struct Positioned<'a> {
    file: &'a File,
    at: u64,
}

impl Read for Positioned<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(buffer, self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

/// The resident bytes of the first mapping of that size that can be written and not executed: an
/// emulator's buffer for translated code may happen to be as large (`proc_pid_smaps(5)`).
pub(super) fn mapping_of_size(smaps: &mut impl BufRead, size: u64) -> Option<u64> {
    let (mut data, mut fits, mut line) = (false, false, String::new());
    loop {
        line.clear();
        if smaps.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let mut words = line.split_ascii_whitespace();
        let (key, value) = (words.next()?, words.next().unwrap_or_default());
        let bytes = || value.parse::<u64>().ok()?.checked_mul(1024);
        match key {
            "Size:" => fits = data && bytes() == Some(size),
            "Rss:" if fits => return bytes(),
            _ if key.ends_with(':') => {}
            _ => data = value.starts_with("rw-"),
        }
    }
}

/// CPU time of all threads of the process, those that ended included (`clock_getcpuclockid(3)`).
pub(super) fn cpu_time(process: ProcessId) -> Option<Duration> {
    let clock = clock_getcpuclockid(as_pid(process)?).ok()?;
    let time = clock_gettime(clock).ok()?;
    process.is_alive().then(|| time.into())
}

/// Time since `start_time`, which counts clock ticks since the host's boot.
pub(super) fn since(start_time: u64) -> Option<Duration> {
    let ticks = u64::try_from(sysconf(SysconfVar::CLK_TCK).ok()??).ok()?;
    let whole = start_time.checked_div(ticks)?;
    let rest = u32::try_from(start_time % ticks).ok()?;
    let started =
        Duration::from_secs(whole) + Duration::from_secs(1) * rest / u32::try_from(ticks).ok()?;
    let now = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?);
    // The start is rounded down to a tick, so it is never after now.
    now.checked_sub(started)
}

pub(super) fn host_memory() -> Option<HostMemory> {
    parse_meminfo(&fs::read_to_string("/proc/meminfo").ok()?)
}

/// `/proc/meminfo`, whose unit `kB` is 1024 bytes.
pub(super) fn parse_meminfo(text: &str) -> Option<HostMemory> {
    let bytes = |key: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(key))?;
        let kib: u64 = value
            .strip_prefix(':')?
            .trim()
            .strip_suffix("kB")?
            .trim()
            .parse()
            .ok()?;
        kib.checked_mul(1024)
    };
    Some(HostMemory {
        total: bytes("MemTotal")?,
        available: bytes("MemAvailable")?,
    })
}

/// The sums of `utime`, which includes the guest's own, and `stime` (`proc_pid_stat(5)`).
pub(super) fn vcpu_times(process: ProcessId, threads: &[u32]) -> Option<VcpuTimes> {
    let ticks = u64::try_from(sysconf(SysconfVar::CLK_TCK).ok()??).ok()?;
    let mut sum = [0_u64; 2];
    for thread in threads {
        let stat = fs::read_to_string(format!("/proc/{}/task/{thread}/stat", process.pid)).ok()?;
        for (sum, time) in sum.iter_mut().zip(parse_times(&stat)?) {
            *sum += time;
        }
    }
    let time = |count: u64| Some(Duration::from_millis(count.checked_mul(1000)? / ticks));
    (!threads.is_empty()).then_some(())?;
    Some(VcpuTimes {
        total: time(sum[0] + sum[1])?,
        system: time(sum[1])?,
    })
}

/// `utime` and `stime` in clock ticks. The name before them may hold anything, `)` included.
pub(super) fn parse_times(stat: &str) -> Option<[u64; 2]> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    Some([fields.next()?.parse().ok()?, fields.next()?.parse().ok()?])
}

fn as_pid(process: ProcessId) -> Option<Pid> {
    // Zero would mean ourselves.
    let pid = i32::try_from(process.pid).ok().filter(|&pid| pid > 0)?;
    Some(Pid::from_raw(pid))
}

/// The first field of `schedstat`: ns on CPU (Documentation/scheduler/sched-stats.rst).
fn on_cpu(schedstat: &File) -> Option<Duration> {
    let nanoseconds = field(schedstat, 0)?;
    Some(Duration::from_nanos(nanoseconds))
}

/// The second field of `statm`. A process that ended and was not reaped has no pages at all.
fn resident_pages(statm: &File) -> Option<u64> {
    field(statm, 1).filter(|&pages| pages > 0)
}

fn field(file: &File, index: usize) -> Option<u64> {
    let mut buffer = [0; 128];
    let length = file.read_at(&mut buffer, 0).ok()?;
    let text = std::str::from_utf8(buffer.get(..length)?).ok()?;
    text.split_ascii_whitespace().nth(index)?.parse().ok()
}
