//! Taking over a VMM whose shim died.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::boot::{Detector, prompt};
use super::host::Host;
use super::life::{KILL_DEADLINE, overdue};
use super::owner::Owner;
use crate::backends::{self, Backend, Launch, Machine};
use crate::console::expect::by_line;
use crate::fault::{Code, Failure};
use crate::guest::agent::PORT_NAME;
use crate::vm::{Accel, BootResult, Exit, ExitReason, Phase, ProcessId, Vm, VmState};

/// A VMM that does not talk to us by then does not at all.
const DEADLINE: Duration = Duration::from_secs(10);

impl<H: Host> Owner<H> {
    /// Takes over the VMM of `vm`, with what it printed meanwhile. Phases of its boot that nobody
    /// saw stay absent.
    pub(super) async fn adopt(&mut self, vm: &Vm) -> Result<(), Failure> {
        let process = vm.state.vmm.filter(|_| vm.phase.is_live());
        let Some(process) = process else {
            // Nobody lived to write what became of it.
            self.state.shim = None;
            self.state.vmm = None;
            self.release_network().await;
            self.save();
            return Err(self.ended_failure());
        };
        if vm.phase == Phase::Starting {
            return Err(self.give_up_start(process).await);
        }
        if vm.state_lost {
            self.recall(process);
        }
        let wired = self.host.rewire(&self.subject);
        self.state.network = wired.told;
        let launch = Launch {
            tap: wired.tap,
            ..self.adopted_launch()
        };
        let backend = self.host.backend();
        let launched = timeout(DEADLINE, backend.adopt(&launch, process))
            .await
            .map_err(|_| overdue("the adoption of the VMM", DEADLINE))??;
        self.take_over(launched, true);
        self.resume_boot();
        let spawned = self.boot.spawned;
        let mut halted = None;
        if let Some(live) = &mut self.live {
            let t_us = spawned.map_or(0, |at| {
                u64::try_from(at.elapsed().as_micros()).unwrap_or(u64::MAX)
            });
            {
                let mut console = self.console.borrow_mut();
                // A log that cannot be read costs the screen, not the VM.
                let _ = console.remember();
                self.gap.catch_up(&mut console, &live.serial, t_us);
            }
            halted = timeout(DEADLINE, live.machine.is_paused()).await.ok();
        }
        self.state.heard |= self.console.borrow().end() > self.boot.offset;
        // Whatever its shim was about when it died: nobody waits for that any more.
        self.state.activity = None;
        self.state.phase = match halted {
            Some(Ok(true)) => Phase::Paused,
            _ => Phase::Running,
        };
        Ok(())
    }

    /// Ends a VMM whose shim died while it was starting it: what was set up and what was not,
    /// nobody knows.
    async fn give_up_start(&mut self, process: ProcessId) -> Failure {
        match timeout(KILL_DEADLINE, backends::end(process)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let message = format!("could not end process {}: {error}", process.pid);
                return Failure::new(Code::RuntimeError, message);
            }
            Err(_) => return overdue("the end of the killed VMM", KILL_DEADLINE),
        }
        self.state.phase = Phase::Crashed;
        self.state.exit = Some(Exit {
            reason: ExitReason::StartInterrupted,
            code: None,
            signal: Some(nix::libc::SIGKILL),
            meaning: None,
            at: Some(jiff::Timestamp::now()),
            detail: Some("the shim died while it was starting the VM".to_owned()),
        });
        self.state.shim = None;
        self.state.vmm = None;
        self.state.activity = None;
        self.release_network().await;
        self.save();
        self.ended_failure()
    }

    /// Finds out again what a lost state knew, as far as the VMM, the log and the history tell.
    fn recall(&mut self, vmm: ProcessId) {
        self.state.argv = vmm.arguments();
        let boot = self.console.borrow().last_boot();
        let boots = self.subject.store.boots(&self.subject.spec.id);
        let recorded = boots.unwrap_or_default();
        let recorded = recorded.into_iter().find(|of| Some(of.id) == boot);
        if let Some(boot) = recorded {
            self.state.accel = Some(boot.accel);
            self.state.ready = boot.result == BootResult::Ready;
            self.state.boot = Some(boot);
        }
    }

    /// Goes on where the shim before us left off.
    fn resume_boot(&mut self) {
        let prompt = prompt(has_agent(&self.state), has_disk(&self.state));
        let pattern = self.subject.spec.ready_pattern.as_deref().or(prompt);
        let pattern = pattern.filter(|_| !self.state.ready);
        self.boot.detector = Detector::adopted(pattern.and_then(|text| by_line(text).ok()));
        let Some(boot) = &self.state.boot else { return };
        self.boot.watched = false;
        self.boot.offset = boot.console_offset;
        self.boot.recorded = boot.result != BootResult::Booting;
        self.console.borrow_mut().continue_boot(boot.id);
        let since = jiff::Timestamp::now()
            .duration_since(boot.at)
            .unsigned_abs();
        self.boot.spawned = Instant::now().checked_sub(since);
        self.recall_size();
    }

    /// The launch as it was, as far as an adoption needs it.
    fn adopted_launch(&self) -> Launch {
        let spec = self.subject.spec.clone();
        Launch {
            name: self.subject.name.clone(),
            program: self.state.argv.first().map(Into::into).unwrap_or_default(),
            accel: self.state.accel.unwrap_or(Accel::Tcg),
            kernel: spec.kernel.clone().unwrap_or_default(),
            initrd: spec.initrd.clone(),
            rootfs: spec.rootfs.clone(),
            has_agent: has_agent(&self.state),
            talkative: false,
            tap: None,
            paths: self.subject.paths.clone(),
            run_dir: self.subject.run_dir.clone(),
            spec,
        }
    }
}

/// Whether the VM has a channel to an agent, as its set-up tells.
fn has_agent(state: &VmState) -> bool {
    state.argv.iter().any(|word| word.contains(PORT_NAME))
        || state.api_calls.iter().any(|call| call.path == "/vsock")
}

/// Whether the VM has a disk, likewise.
fn has_disk(state: &VmState) -> bool {
    state.argv.iter().any(|word| word == "-blockdev")
        || state
            .api_calls
            .iter()
            .any(|call| call.path.starts_with("/drives/"))
}
