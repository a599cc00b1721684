//! Trying a backend out: the canary guest is booted as a throw-away VM through the whole path, as
//! every VM is: store, shim, VMM, serial line, power-off.
//!
//! The VM lives in a data directory of its own below the user's, so that no list shows it and no
//! history counts it. That directory goes with the attempt, however it ends; one whose process was
//! killed is cleared by the next attempt.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::timeout;

use super::{Draft, Fleet};
use crate::backends::{canary, kvm};
use crate::doctor::{Echo, Trial};
use crate::fault::{Code, Failure};
use crate::shim::client::{Client, Listener, Talker};
use crate::shim::protocol::{ClientFrame, ReplayFrom, Request, ServerFrame};
use crate::vm::process::BIRTH_RECORD;
use crate::vm::{Arch, BackendKind, NetworkMode, Operation, ProcessId, Store, Vm, VmName, process};

/// The directory of all attempts, below the data directory.
const GROUNDS: &str = "trials";
/// The VM's name; nobody sees it but in a message.
const NAME: &str = "canary";
/// Memory of the guest: little, and enough for the firmware of QEMU's `q35`.
const MEMORY_MIB: u64 = 64;
/// The canary speaks within a second also where it is emulated on a busy host.
const SPEECH: Duration = Duration::from_secs(10);
/// How long a byte may take to come back, and the guest to end.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long killed processes may take to be gone.
const END: Duration = Duration::from_secs(2);
/// So many bytes are echoed, one after the other.
const BYTES: &[u8] = b"the quick brown fox";

impl Fleet {
    /// Boots the canary with that backend and measures; nothing of it stays. A failure says what it
    /// did not do.
    pub async fn try_out(&self, backend: BackendKind) -> Result<Trial, Failure> {
        clear_abandoned(&self.store);
        let begin = Instant::now();
        let ground = Ground::new(&self.store)?;
        let fleet = Self {
            store: ground.store.clone(),
            config: self.config.clone(),
        };
        kvm::share_verdict(&self.store, &fleet.store);
        let arch = Arch::host().unwrap_or(Arch::X86_64);
        let kernel = ground.root.join("canary");
        canary::write(arch, &kernel).map_err(|error| {
            let what = format!(
                "could not write the canary to `{}`: {error}",
                kernel.display()
            );
            Failure::new(Code::RuntimeError, what)
        })?;
        fleet.create(&Draft {
            name: Some(NAME.to_owned()),
            backend: Some(backend.to_string()),
            vcpu_count: Some(1),
            mem_size_mib: Some(MEMORY_MIB),
            network: Some(NetworkMode::None),
            arch: Some(arch),
            kernel: Some(kernel),
            ready_pattern: Some(format!("^{}", canary::LINE)),
            ..Draft::default()
        })?;
        fleet.operate(NAME, Operation::Start, false, None).await?;
        let vm = match fleet.watch_ready(NAME, SPEECH, &mut |_, _| {}).await {
            Ok(vm) => vm,
            Err(failure) if failure.code == Code::Timeout => return Err(silence()),
            Err(failure) => return Err(failure),
        };
        let mut line = Line::open(fleet.connect(NAME).await?).await?;
        let echo = line.measure().await?;
        let asked = Instant::now();
        let ended = timeout(PATIENCE, line.end(backend)).await;
        ended.map_err(|_| {
            let seconds = PATIENCE.as_secs();
            fault(format!(
                "the guest powered off and the VM did not end within {seconds} s"
            ))
        })??;
        let off = asked.elapsed();
        check_end(&fleet.store.find(NAME)?)?;
        let state = vm.state;
        let boot = state.boot.as_ref();
        Ok(Trial {
            accel: state.accel,
            accel_reason: state.accel_reason,
            phases: boot.map(|boot| boot.phases).unwrap_or_default(),
            echo,
            off_us: micros(off),
            took_us: micros(begin.elapsed()),
        })
    }
}

fn fault(what: impl Into<String>) -> Failure {
    Failure::new(Code::RuntimeError, what)
}

fn silence() -> Failure {
    fault(format!(
        "the VMM calls the guest running, and it said nothing on its serial line for {} s",
        SPEECH.as_secs()
    ))
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The guest asked for the end, so it must read like one.
fn check_end(vm: &Vm) -> Result<(), Failure> {
    match vm.exit() {
        Some(exit) if exit.reason.is_clean() => Ok(()),
        Some(exit) => Err(fault(format!(
            "the guest powered off, and the VM ended otherwise: {}",
            exit.summary()
        ))),
        None => Err(fault(
            "the guest powered off, and the VM is not seen to end",
        )),
    }
}

/// The canary's serial line, by way of the shim as every client has it.
struct Line {
    listener: Listener,
    talker: Talker,
}

impl Line {
    async fn open(mut client: Client) -> Result<Self, Failure> {
        let from = ReplayFrom::Now;
        client.call(Request::Attach { from }).await?;
        let (listener, talker) = client.split();
        Ok(Self { listener, talker })
    }

    /// How long bytes take to come back.
    async fn measure(&mut self) -> Result<Echo, Failure> {
        let mut times = Vec::with_capacity(BYTES.len());
        for &byte in BYTES {
            let typed = Instant::now();
            self.talker.say(ClientFrame::Input(vec![byte])).await?;
            let heard = timeout(PATIENCE, self.hear(byte)).await;
            heard.map_err(|_| {
                let seconds = PATIENCE.as_secs();
                fault(format!(
                    "what is typed does not come back within {seconds} s"
                ))
            })??;
            times.push(micros(typed.elapsed()));
        }
        times.sort_unstable();
        let at = |index: usize| times.get(index).copied().unwrap_or_default();
        Ok(Echo {
            min_us: at(0),
            p50_us: at(times.len() / 2),
            max_us: at(times.len().saturating_sub(1)),
        })
    }

    async fn hear(&mut self, byte: u8) -> Result<(), Failure> {
        loop {
            match self.listener.next().await? {
                Some(ServerFrame::Output { bytes, .. }) if bytes.contains(&byte) => return Ok(()),
                Some(_) => {}
                None => return Err(fault("the VM ended while it echoed")),
            }
        }
    }

    /// Has the guest end, and waits until the shim hangs up, which it does when that is written.
    async fn end(mut self, backend: BackendKind) -> Result<(), Failure> {
        let byte = match backend {
            BackendKind::Firecracker => canary::RESET,
            BackendKind::Qemu => canary::POWER_OFF,
        };
        self.talker.say(ClientFrame::Input(vec![byte])).await?;
        while let Ok(Some(_)) = self.listener.next().await {}
        Ok(())
    }
}

/// The data directory of one attempt. With it goes all that it holds and all that runs in it.
#[derive(Debug)]
struct Ground {
    root: PathBuf,
    store: Store,
}

impl Ground {
    fn new(store: &Store) -> Result<Self, Failure> {
        let name = format!("{}-{:08x}", std::process::id(), fastrand::u32(..));
        let root = store.root().join(GROUNDS).join(name);
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&root);
        made.map_err(|error| fault(format!("could not create `{}`: {error}", root.display())))?;
        Self::at(root)
    }

    fn at(root: PathBuf) -> Result<Self, Failure> {
        let store = Store::locate(Some(&root))?;
        Ok(Self { root, store })
    }

    /// Ends the VM's shim and VMM, wherever they are in their lives.
    fn end(&self, name: &VmName) {
        let begin = Instant::now();
        let mut vm = self.observe(name);
        // Without the lock's owner nobody starts anything any more.
        while matches!(self.store.lock(name), Ok(None)) && begin.elapsed() < END {
            vm = self.observe(name);
            vm.state.shim.into_iter().for_each(end);
            // A shim that has just begun has not written who it is.
            std::thread::sleep(Duration::from_millis(2));
        }
        let run_dir = vm.spec.map(|spec| self.store.run_dir_path(&spec.id));
        let born = run_dir.as_ref().map(|dir| dir.join(BIRTH_RECORD));
        let born = born.and_then(|record| ProcessId::of_birth_record(&record));
        vm.state.vmm.into_iter().chain(born).for_each(end);
        // It may be outside, where a socket's path below the data directory would be too long.
        if let Some(dir) = run_dir {
            let _ = fs::remove_dir_all(dir);
        }
    }

    fn observe(&self, name: &VmName) -> Vm {
        self.store.observe(name.clone(), &process::host_boot_id())
    }
}

fn end(process: ProcessId) {
    if let (true, Ok(pid)) = (process.is_alive(), i32::try_from(process.pid)) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for name in self.store.names().unwrap_or_default() {
            self.end(&name);
        }
        let _ = fs::remove_dir_all(&self.root);
        // Gone with the last one.
        if let Some(grounds) = self.root.parent() {
            let _ = fs::remove_dir(grounds);
        }
    }
}

/// Clears attempts whose processes were killed.
fn clear_abandoned(store: &Store) {
    let grounds = store.root().join(GROUNDS);
    for root in abandoned(&grounds).unwrap_or_default() {
        drop(Ground::at(root));
    }
}

fn abandoned(grounds: &Path) -> io::Result<Vec<PathBuf>> {
    let is_abandoned = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        let owner = name.and_then(|name| name.split('-').next()?.parse().ok());
        owner.is_some_and(|pid| ProcessId::of(pid).is_none())
    };
    let entries = fs::read_dir(grounds)?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(paths.filter(is_abandoned).collect())
}

#[cfg(test)]
#[path = "trial_tests.rs"]
mod tests;
