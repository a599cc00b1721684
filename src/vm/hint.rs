//! What could make a boot faster, from what was seen of it.

use super::{BootPhase, BootRecord, KernelLog, Spread};

/// A cause that costs less is not told, in µs, …
const LEAST_US: u64 = 10_000;
/// … nor one that costs less than this share of the boot.
const LEAST_SHARE: u64 = 50;
/// The rate of the serial line is not taken from fewer bytes.
const LEAST_BURST: u64 = 2048;
/// What a line of the kernel has beside its text, in bytes: stamp and line end.
const AROUND: u64 = 17;

/// Something that cost time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// What cost time, and how that was measured.
    pub told: String,
    /// What it cost, in µs.
    pub cost_us: u64,
    /// What to do.
    pub way: String,
    /// Words for the kernel that do it: it can be tried.
    pub words: Option<&'static str>,
}

/// The hints for a boot that came to *ready*, the costliest first. `hardware`: the same guest's times
/// to *ready* where its instructions were not emulated.
pub fn hints(boot: &BootRecord, kernel: Option<&KernelLog>, hardware: Option<Spread>) -> Vec<Hint> {
    let Some(ready) = boot.phases.get(BootPhase::Ready) else {
        return Vec::new();
    };
    let nothing = KernelLog::default();
    let kernel = kernel.unwrap_or(&nothing);
    let mut found: Vec<Hint> = [
        emulation(boot, ready, hardware),
        serial(boot, kernel),
        keyboard(boot, kernel),
        probe(boot, kernel),
        modules(boot),
        unpacking(boot, kernel),
    ]
    .into_iter()
    .flatten()
    .filter(|hint| hint.cost_us >= LEAST_US.max(ready / LEAST_SHARE))
    .collect();
    found.sort_by_key(|hint| std::cmp::Reverse(hint.cost_us));
    found
}

fn ms(us: u64) -> String {
    format!("{} ms", (us + 500) / 1000)
}

fn has(boot: &BootRecord, word: &str) -> bool {
    boot.boot_args.split(' ').any(|known| known == word)
}

fn emulation(boot: &BootRecord, ready: u64, hardware: Option<Spread>) -> Option<Hint> {
    let hardware = hardware.filter(|_| boot.accel.is_emulated())?;
    Some(Hint {
        told: format!(
            "Emulation: the same guest was ready after {} on real hardware",
            ms(hardware.p50)
        ),
        cost_us: ready.saturating_sub(hardware.p50),
        way: "a host whose KVM or HVF executes in hardware".to_owned(),
        words: None,
    })
}

/// The kernel keeps its first lines until its console is there, and then writes them without doing
/// anything else: that tells how long the line takes for a byte.
fn serial(boot: &BootRecord, kernel: &KernelLog) -> Option<Hint> {
    let is_console = |text: &str| text.contains("console [tty") && text.contains("] enabled");
    let enabled = kernel
        .lines
        .iter()
        .position(|line| is_console(&line.text))?;
    let kept = kernel.lines.get(..=enabled)?;
    let length = |text: &str| text.len() as u64 + AROUND;
    // The last one's time is when it began to come.
    let bytes: u64 = kept
        .iter()
        .rev()
        .skip(1)
        .map(|line| length(&line.text))
        .sum();
    let took = kept.last()?.read_us?.checked_sub(kept.first()?.read_us?)?;
    if bytes < LEAST_BURST || has(boot, "quiet") {
        return None;
    }
    let whole = took.saturating_mul(kernel.bytes) / bytes;
    Some(Hint {
        told: format!(
            "Serial output: {} KiB until ready, at the rate of the first {} KiB, which took {}",
            kernel.bytes >> 10,
            bytes >> 10,
            ms(took)
        ),
        cost_us: whole,
        way: "boot argument `quiet`".to_owned(),
        words: Some("quiet"),
    })
}

fn keyboard(boot: &BootRecord, kernel: &KernelLog) -> Option<Hint> {
    const WORDS: &str = "i8042.noaux i8042.nomux i8042.dumbkbd";
    let of_it = |text: &str| text.contains("i8042");
    let probing = kernel.stretches();
    let cost_us = probing
        .filter(|stretch| of_it(&stretch.after) && of_it(&stretch.until))
        .map(|stretch| stretch.took_us)
        .sum();
    (!has(boot, "i8042.noaux")).then(|| Hint {
        told: "Keyboard controller: the kernel's lines about it are that far apart, on its clock"
            .to_owned(),
        cost_us,
        way: format!("boot arguments `{WORDS}`"),
        words: Some(WORDS),
    })
}

fn probe(boot: &BootRecord, kernel: &KernelLog) -> Option<Hint> {
    (!has(boot, "TERM=dumb")).then(|| Hint {
        told: "Terminal probe: the guest asked the terminal and said nothing for that long"
            .to_owned(),
        cost_us: kernel.probe_us,
        way: "boot argument `TERM=dumb`, which init hands on".to_owned(),
        words: Some("TERM=dumb"),
    })
}

fn modules(boot: &BootRecord) -> Option<Hint> {
    let mut before = None;
    for (name, at_us) in boot.guest_stages.iter() {
        if name == "modules" {
            return Some(Hint {
                told: "Modules: the agent loaded drivers, on the guest's clock".to_owned(),
                cost_us: at_us.saturating_sub(before?),
                way: "a kernel that has them built in: `image build --kernel`".to_owned(),
                words: None,
            });
        }
        before = Some(at_us);
    }
    None
}

fn unpacking(boot: &BootRecord, kernel: &KernelLog) -> Option<Hint> {
    let phase = |phase| boot.phases.get(phase);
    let took = phase(BootPhase::Kernel)?.checked_sub(phase(BootPhase::Started)?)?;
    kernel.is_compressed.then(|| Hint {
        told: "Decompression: the kernel is a bzImage, and unpacks itself before its first line"
            .to_owned(),
        cost_us: took,
        way: "`image import`, which unpacks it once".to_owned(),
        words: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::{GuestStages, KernelLine};

    fn boot() -> BootRecord {
        let mut boot = BootRecord::sample(1);
        boot.phases.stamp(BootPhase::Started, 20_000);
        boot.phases.stamp(BootPhase::Kernel, 200_000);
        boot.phases.stamp(BootPhase::Ready, 1_000_000);
        boot
    }

    /// A log whose first 4000 bytes came in 40 ms, of 16,000.
    fn log() -> KernelLog {
        let line = |at_us, read_us, text: &str| KernelLine {
            at_us,
            read_us: Some(read_us),
            text: text.to_owned(),
        };
        let long = "x".repeat(2_000 - 17);
        KernelLog {
            lines: vec![
                line(0, 200_000, &long),
                line(10, 220_000, &long),
                line(30_000, 240_000, "printk: console [ttyS0] enabled"),
                line(400_000, 600_000, "i8042: PNP: PS/2 Controller"),
                line(480_000, 680_000, "serio: i8042 KBD port at 0x60,0x64 irq 1"),
                line(900_000, 900_000, "Run /init as init process"),
            ],
            bytes: 16_000,
            is_whole: true,
            ..KernelLog::default()
        }
    }

    fn costs(hints: &[Hint]) -> Vec<(&str, u64)> {
        let name = |hint: &Hint| hint.told.find(':').unwrap();
        hints
            .iter()
            .map(|hint| (&hint.told[..name(hint)], hint.cost_us))
            .collect()
    }

    #[test]
    fn what_was_seen_to_cost_time_is_told_with_its_cost_the_costliest_first() {
        let mut slow = boot();
        let stages = [("init", 5), ("modules", 90_005), ("ready", 95_000)];
        slow.guest_stages = GuestStages::new(stages.map(|(name, at)| (name.to_owned(), at)));
        let mut log = log();
        log.probe_us = 333_000;
        log.is_compressed = true;
        let hardware = Spread::of([100_000]);
        assert_eq!(
            costs(&hints(&slow, Some(&log), hardware)),
            [
                ("Emulation", 900_000),
                ("Terminal probe", 333_000),
                ("Decompression", 180_000),
                ("Serial output", 160_000),
                ("Modules", 90_000),
                ("Keyboard controller", 80_000),
            ]
        );
    }

    #[test]
    fn what_was_not_seen_or_is_set_already_is_not_told() {
        assert_eq!(hints(&boot(), None, None), []);
        let mut set = boot();
        set.boot_args = "quiet i8042.noaux TERM=dumb".to_owned();
        assert_eq!(hints(&set, Some(&log()), None), []);
        // A cost below a fiftieth of the boot.
        let mut long = boot();
        long.phases = crate::vm::BootPhases::default();
        long.phases.stamp(BootPhase::Ready, 100_000_000);
        assert_eq!(hints(&long, Some(&log()), None), []);
    }
}
