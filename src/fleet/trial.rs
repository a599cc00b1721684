//! Trying a backend out: the canary guest is booted as a throw-away VM through the whole path, as
//! every VM is: store, shim, VMM, serial line, power-off.
//!
//! The VM lives on a [`Ground`] of its own.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::ground::Ground;
use super::{Draft, Fleet};
use crate::backends::canary;
use crate::doctor::{Echo, Trial};
use crate::fault::{Code, Failure};
use crate::shim::client::{Client, Listener, Talker};
use crate::shim::protocol::{ClientFrame, ReplayFrom, Request, ServerFrame};
use crate::vm::{Arch, BackendKind, NetworkMode, Operation, Vm};

/// The VM's name; nobody sees it but in a message.
const NAME: &str = "canary";
/// Memory of the guest: little, and enough for the firmware of QEMU's `q35`.
const MEMORY_MIB: u64 = 64;
/// The canary speaks within a second also where it is emulated on a busy host.
const SPEECH: Duration = Duration::from_secs(10);
/// How long a byte may take to come back, and the guest to end.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many bytes are echoed, one after the other.
const BYTES: &[u8] = b"the quick brown fox";

impl Fleet {
    /// Boots the canary with that backend and measures; nothing of it stays. A failure says what it
    /// did not do.
    pub async fn try_out(&self, backend: BackendKind) -> Result<Trial, Failure> {
        let begin = Instant::now();
        let ground = Ground::new(&self.store)?;
        let fleet = ground.fleet(self);
        let arch = Arch::host().unwrap_or(Arch::X86_64);
        let kernel = ground.root().join("canary");
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
