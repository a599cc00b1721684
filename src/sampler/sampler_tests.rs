use std::process::{Child, Command};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// CPU times in ms.
fn reading(cpu: u64, vcpu: Option<u64>) -> Reading {
    Reading {
        cpu: Some(Duration::from_millis(cpu)),
        vcpu: vcpu.map(Duration::from_millis),
        rss: Some(4096),
    }
}

fn assert_near(found: Option<f64>, expected: f64) {
    let found = found.unwrap();
    assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
}

/// A child that is ended when its test ends, however that comes.
struct Ended(Child);

impl Ended {
    fn process(&self) -> ProcessId {
        ProcessId::of(self.0.id()).unwrap()
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn sleeper() -> Ended {
    Ended(Command::new("sleep").arg("600").spawn().unwrap())
}

fn busy() -> Ended {
    let spin = "while :; do :; done";
    Ended(Command::new("sh").args(["-c", spin]).spawn().unwrap())
}

#[test]
fn guest_and_vmm_add_up_to_the_whole() {
    let before = reading(1_000, Some(700));
    let after = reading(1_500, Some(1_100));
    let sample = Sample::between(&before, &after, SECOND);
    assert_near(sample.cpu_percent, 50.0);
    assert_near(sample.guest_percent, 40.0);
    assert_near(sample.vmm_percent, 10.0);
    assert_eq!(sample.rss, Some(4096));
}

#[test]
fn a_counter_that_went_back_is_no_figure() {
    let sample = Sample::between(&reading(900, Some(500)), &reading(100, Some(600)), SECOND);
    assert_eq!(sample.cpu_percent, None);
    assert_eq!(sample.vmm_percent, None);
    let sample = Sample::between(&reading(900, Some(500)), &reading(950, Some(400)), SECOND);
    assert_near(sample.cpu_percent, 5.0);
    assert_eq!((sample.guest_percent, sample.vmm_percent), (None, None));
}

#[test]
fn a_gap_in_either_reading_is_no_figure() {
    let whole = reading(100, None);
    let sample = Sample::between(&whole, &reading(350, Some(200)), SECOND);
    assert_near(sample.cpu_percent, 25.0);
    assert_eq!((sample.guest_percent, sample.vmm_percent), (None, None));
    let sample = Sample::between(&Reading::default(), &whole, SECOND);
    assert_eq!(sample.cpu_percent, None);
    assert_eq!(sample.rss, Some(4096));
}

#[test]
fn no_time_at_all_is_no_figure() {
    let before = reading(0, Some(0));
    let sample = Sample::between(&before, &reading(5, Some(5)), Duration::ZERO);
    assert_eq!(sample.cpu_percent, None);
}

#[test]
fn the_skew_of_the_counters_is_evened_out_and_a_contradiction_is_not() {
    let before = reading(0, Some(0));
    let sample = Sample::between(&before, &reading(990, Some(1_000)), SECOND);
    assert_near(sample.guest_percent, 99.0);
    assert_near(sample.vmm_percent, 0.0);
    let sample = Sample::between(&before, &reading(500, Some(1_000)), SECOND);
    assert_near(sample.cpu_percent, 50.0);
    assert_eq!((sample.guest_percent, sample.vmm_percent), (None, None));
}

#[test]
fn a_reused_pid_is_not_read() {
    let child = sleeper();
    let stranger = ProcessId {
        start_time: child.process().start_time - 1,
        ..child.process()
    };
    assert!(Probe::open(stranger, &[]).is_none());
    assert_eq!(lifetime_percent(stranger), None);
    assert_eq!(uptime(stranger), None);
}

#[test]
fn a_process_that_ended_is_gone_whether_it_was_reaped_or_not() {
    let mut child = sleeper();
    let process = child.process();
    let mut probe = Probe::open(process, &[process.pid]).unwrap();
    assert!(probe.read().is_some());
    child.0.kill().unwrap();
    while process.is_alive() {
        std::thread::yield_now();
    }
    assert_eq!(probe.read(), None);
    assert_eq!(lifetime_percent(process), None);
    child.0.wait().unwrap();
    assert_eq!(probe.read(), None);
    assert!(Probe::open(process, &[]).is_none());
}

#[test]
fn no_process_has_the_pid_zero_or_one_that_is_no_pid() {
    for pid in [0, u32::MAX] {
        assert!(Probe::open(ProcessId { pid, start_time: 0 }, &[]).is_none());
    }
}

#[test]
fn uptime_grows_from_the_start_of_the_process() {
    let before = std::time::Instant::now();
    let child = sleeper();
    let first = uptime(child.process()).unwrap();
    let second = uptime(child.process()).unwrap();
    assert!(first <= second);
    // The start is known to a tick of 10 ms.
    assert!(second <= before.elapsed() + Duration::from_millis(10));
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;

    use super::*;

    /// utime + stime of `/proc/PID/stat`, which is what `top` shows.
    fn ticks(process: ProcessId) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.pid)).unwrap();
        let rest = &stat[stat.rfind(')').unwrap() + 1..];
        let fields = rest.split_ascii_whitespace().skip(11).take(2);
        Duration::from_millis(fields.map(|field| field.parse::<u64>().unwrap() * 10).sum())
    }

    #[test]
    fn the_whole_agrees_with_what_top_reads() {
        let child = busy();
        let process = child.process();
        let mut probe = Probe::open(process, &[process.pid]).unwrap();
        while ticks(process) < Duration::from_millis(200) {
            std::thread::yield_now();
        }
        // The same counter read before and after: `top` rounds both halves down to a tick.
        let before = ticks(process);
        let reading = probe.read().unwrap();
        let after = ticks(process);
        let cpu = reading.cpu.unwrap();
        let tick = Duration::from_millis(10);
        assert!(before <= cpu + tick, "{before:?} > {cpu:?}");
        assert!(cpu <= after + 3 * tick, "{cpu:?} > {after:?}");
        // The only thread of the child used all of it: no less than the whole was a reading ago.
        let vcpu = reading.vcpu.unwrap();
        let later = probe.read().unwrap().vcpu.unwrap();
        assert!(vcpu <= cpu, "{vcpu:?} > {cpu:?}");
        assert!(cpu <= later + SKEW, "{cpu:?} > {later:?}");
        assert!(reading.rss.unwrap() > 100 * 1024);
        assert!(lifetime_percent(process).unwrap() > 0.0);
    }

    #[test]
    fn the_busy_thread_is_told_from_the_others() {
        let (send, receive) = std::sync::mpsc::sync_channel(1);
        let (go, wait) = std::sync::mpsc::sync_channel::<()>(0);
        let burn = Duration::from_millis(60);
        let worker = std::thread::spawn(move || {
            send.send(nix::unistd::gettid()).unwrap();
            wait.recv().unwrap();
            let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
            let end = Duration::from(clock.now().unwrap()) + burn;
            while Duration::from(clock.now().unwrap()) < end {}
            send.send(nix::unistd::gettid()).unwrap();
            wait.recv().unwrap();
        });
        let thread = u32::try_from(receive.recv().unwrap().as_raw()).unwrap();
        let mut probe = Probe::open(ProcessId::current().unwrap(), &[thread]).unwrap();
        let before = probe.read().unwrap();
        go.send(()).unwrap();
        receive.recv().unwrap();
        let after = probe.read().unwrap();
        go.send(()).unwrap();
        worker.join().unwrap();
        let used =
            |f: fn(&Reading) -> Option<Duration>| f(&after).unwrap().abs_diff(f(&before).unwrap());
        let vcpu = used(|reading| reading.vcpu);
        assert!(vcpu + SKEW >= burn, "{vcpu:?}");
        assert!(vcpu <= used(|reading| reading.cpu) + SKEW);
    }

    #[test]
    fn a_share_that_lacks_a_thread_is_not_told() {
        let child = sleeper();
        let process = child.process();
        let mut probe = Probe::open(process, &[process.pid, u32::MAX]).unwrap();
        let reading = probe.read().unwrap();
        assert!(reading.cpu.is_some());
        assert_eq!(reading.vcpu, None);
        assert_eq!(
            Probe::open(process, &[]).unwrap().read().unwrap().vcpu,
            None
        );
    }

    #[test]
    fn a_command_that_looks_like_the_rest_of_its_stat_line_confuses_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("a) Z 1 (b) 2 3");
        fs::copy("/bin/sleep", &program).unwrap();
        // Another test's fork may hold the copy open for writing until it executes.
        let spawned = loop {
            match Command::new(&program).arg("600").spawn() {
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {}
                other => break other,
            }
        };
        let child = Ended(spawned.unwrap());
        let process = child.process();
        assert!(process.is_alive());
        assert!(
            Probe::open(process, &[process.pid])
                .unwrap()
                .read()
                .unwrap()
                .vcpu
                .is_some()
        );
        assert!(uptime(process).is_some() && lifetime_percent(process).is_some());
    }

    #[test]
    fn the_times_of_a_thread_are_read_whatever_its_name_is() {
        let stat = "42 (fc_vcpu 0) x) R 1 2 3 4 5 6 7 8 9 10 700 30 0 0 20 0 1 0 99 0";
        assert_eq!(platform::parse_times(stat), Some([700, 30]));
        for torn in ["", "42 (fc_vcpu 0", "42 (fc_vcpu 0) R 1 2 3"] {
            assert_eq!(platform::parse_times(torn), None);
        }
        let process = ProcessId::current().unwrap();
        let times = vcpu_times(process, &[process.pid]).unwrap();
        assert!(times.system <= times.total);
        assert_eq!(vcpu_times(process, &[]), None);
        assert_eq!(vcpu_times(process, &[0]), None);
    }

    #[test]
    fn the_memory_of_a_guest_is_its_own_mapping_and_no_code_of_an_emulator() {
        let smaps = "7f00-7f10 rwxp 00000000 00:00 0 \nSize: 8192 kB\nRss: 6000 kB\n\
                     7f20-7f30 r--s 00000000 fe:01 77 /lib/x: y\nSize: 8192 kB\nRss: 10 kB\n\
                     7f40-7f50 rw-p 00000000 00:00 0 \nSize: 4096 kB\nRss: 11 kB\n\
                     7f60-7f70 rw-s 00000000 00:01 5 /memfd:ram (deleted)\nSize: 8192 kB\nKernelPageSize: 4 kB\nRss: 300 kB\n";
        let find = |size: u64| platform::mapping_of_size(&mut smaps.as_bytes(), size << 20);
        assert_eq!(find(8), Some(300 << 10));
        assert_eq!(find(4), Some(11 << 10));
        assert_eq!(find(5), None);
    }

    #[test]
    fn what_a_process_wrote_of_its_memory_is_what_is_told() {
        use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

        const SIZE: usize = 37 << 20;
        let (rw, shared) = (
            ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
            MapFlags::MAP_SHARED,
        );
        // SAFETY: a new mapping at a place of the kernel's choice; a shared one is never merged
        // with its neighbours, so its size stays what it is.
        let memory = unsafe { mmap_anonymous(None, SIZE.try_into().unwrap(), rw, shared) }.unwrap();
        // SAFETY: the first 5 MiB of a mapping of 37, which nobody else knows.
        unsafe { memory.cast::<u8>().write_bytes(1, 5 << 20) };
        let me = ProcessId::of(std::process::id()).unwrap();
        let told = Probe::open(me, &[])
            .unwrap()
            .guest_memory(SIZE as u64)
            .unwrap();
        // SAFETY: nothing refers into it any more.
        unsafe { munmap(memory, SIZE) }.unwrap();
        assert_eq!(told, 5 << 20);
    }

    #[test]
    fn memory_of_the_host_is_read_and_a_kernel_that_does_not_tell_is_no_figure() {
        let memory = host_memory().unwrap();
        assert!(0 < memory.available && memory.available <= memory.total);
        let parse = platform::parse_meminfo;
        let told = "MemTotal:        8000 kB\nMemFree: 1 kB\nMemAvailable:   3000 kB\n";
        assert_eq!(
            parse(told),
            Some(HostMemory {
                total: 8000 * 1024,
                available: 3000 * 1024
            })
        );
        for text in [
            "",
            "MemTotal: 8000 kB\n",
            "MemTotal: x kB\nMemAvailable: 1 kB\n",
        ] {
            assert_eq!(parse(text), None);
        }
        let huge = format!("MemTotal: {0} kB\nMemAvailable: {0} kB\n", u64::MAX);
        assert_eq!(parse(&huge), None);
    }
}
