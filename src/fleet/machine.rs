//! The machine that a measurement was made on.

use std::fs;

use serde::Serialize;

use super::host;

/// What a reader must know of a machine to make sense of times measured on it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Machine {
    /// The kernel's name and release, as `uname -sr`.
    pub system: String,
    /// As `uname -m`.
    pub arch: String,
    /// The processor's name, where the host tells it.
    pub processor: Option<String>,
    /// Processors that this process may use.
    pub cores: Option<usize>,
    /// Memory in MiB.
    pub memory_mib: Option<u64>,
    /// How many processes wanted a processor in the last minute, before anything was measured.
    pub load: Option<f64>,
}

impl Machine {
    /// This one, now.
    pub fn this() -> Self {
        let name = nix::sys::utsname::uname().ok();
        let word = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
        let system = name.as_ref().map(|name| {
            let (system, release) = (word(name.sysname()), word(name.release()));
            format!("{system} {release}")
        });
        let arch = name.as_ref().map(|name| word(name.machine()));
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            system: system.unwrap_or_else(|| std::env::consts::OS.to_owned()),
            arch: arch.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            processor: processor(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
            cores: std::thread::available_parallelism().ok().map(Into::into),
            memory_mib: host::memory_mib(),
            load: load.split(' ').next().and_then(|load| load.parse().ok()),
        }
    }

    /// One line for people.
    pub fn told(&self) -> String {
        let mut parts = vec![format!("{} {}", self.system, self.arch)];
        parts.extend(self.processor.clone());
        parts.extend(self.cores.map(|cores| format!("{cores} cores")));
        parts.extend(self.memory_mib.map(|mib| format!("{mib} MiB")));
        parts.extend(self.load.map(|load| format!("load {load:.1} at the start")));
        parts.join(", ")
    }
}

/// The processor's name in `/proc/cpuinfo` (proc(5)).
fn processor(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo
        .lines()
        .find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_told_in_one_line_and_what_is_not_known_is_left_out() {
        let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC\n";
        let mut machine = Machine {
            system: "Linux 6.1".to_owned(),
            arch: "x86_64".to_owned(),
            processor: processor(cpuinfo),
            cores: Some(2),
            memory_mib: Some(24_000),
            load: Some(0.25),
        };
        assert_eq!(
            machine.told(),
            "Linux 6.1 x86_64, AMD EPYC, 2 cores, 24000 MiB, load 0.2 at the start"
        );
        machine.processor = processor("Features : fp\n");
        machine.load = None;
        assert_eq!(machine.told(), "Linux 6.1 x86_64, 2 cores, 24000 MiB");
    }
}
