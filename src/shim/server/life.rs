//! A VM's life in its owner's hands: a boot begins, the VMM ends.

use std::io::Write;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::agent::Agent;
use super::boot::{Detector, prompt};
use super::clients::ClientId;
use super::ending::{Ending, boot_result, failed_start, last_words, with_doubt};
use super::gap;
use super::host::{Host, Prepared};
use super::owner::{Live, MachineOf, Note, Owner, Step, Until, Work};
use crate::backends::{Backend, Launched, Machine, ProcessExit};
use crate::console::expect::by_line;
use crate::fault::{Code, Failure};
use crate::shim::protocol::Answer;
use crate::vm::{
    BootPhases, BootRecord, BootResult, Exit, ExitReason, GuestStages, Operation, Phase, Versions,
    VmState, private_file,
};

/// A VMM that is not ready by then never will be.
const LAUNCH_DEADLINE: Duration = Duration::from_secs(30);

/// How long a killed process may take to be gone.
pub(super) const KILL_DEADLINE: Duration = Duration::from_secs(5);

/// How much of the end of the output is looked at for a panic: its last line tells it again.
const LAST_WORDS: usize = 2048;

impl<H: Host> Owner<H> {
    /// Begins a boot: `operation` is start or restart, `askers` are told when the VM runs.
    pub(super) fn begin_boot(&mut self, operation: Operation, askers: Vec<(ClientId, u64)>) {
        self.state.exit = None;
        self.state.ready = false;
        self.state.heard = false;
        self.state.last_send = None;
        self.forget_size();
        self.state.vmm = None;
        self.state.vcpu_threads.clear();
        self.state.api_calls.clear();
        self.state.backend = Some(self.subject.spec.backend);
        self.state.run_dir = Some(self.subject.run_dir.clone());
        self.state.activity = Some("starting: preparing".to_owned());
        self.boot.offset = self.console.borrow().end();
        self.boot.recorded = true;
        self.boot.spawned = None;
        self.boot.watched = true;
        self.ending = Ending::default();
        self.failure = None;
        self.again = false;
        self.drop_typing();
        let (host, subject) = (Rc::clone(&self.host), self.subject.clone());
        self.work = Some(Work {
            operation,
            askers,
            task: Box::pin(async move {
                host.prepare(&subject)
                    .await
                    .map(|prepared| Step::Prepared(Box::new(prepared)))
            }),
        });
        self.enter(Phase::Starting);
    }

    /// Work came to something.
    pub(super) fn worked(&mut self, result: Result<Step<MachineOf<H>>, Failure>) {
        let Some(work) = self.work.take() else { return };
        self.catch_up_on_notes();
        match result {
            Ok(Step::Prepared(prepared)) => self.launch(*prepared, work),
            Ok(Step::Launched(launched)) => self.launched(*launched, work),
            Ok(Step::Started { at, threads }) => {
                self.state.activity = None;
                if !threads.is_empty() {
                    self.state.vcpu_threads = threads;
                }
                let end = self.console.borrow().end();
                self.stamp(crate::vm::BootPhase::Started, at, end);
                self.enter(Phase::Running);
                self.answer_all(work.askers, &Ok(Answer::Done));
            }
            Ok(Step::Paused) => self.operated(work, Phase::Paused),
            Ok(Step::Resumed) => {
                self.operated(work, Phase::Running);
                self.tell_time();
            }
            Err(failure) => self.work_failed(work, failure),
        }
    }

    fn operated(&mut self, work: Work<MachineOf<H>>, phase: Phase) {
        self.state.activity = None;
        self.enter(phase);
        self.answer_all(work.askers, &Ok(Answer::Done));
    }

    fn work_failed(&mut self, work: Work<MachineOf<H>>, failure: Failure) {
        self.state.activity = None;
        if self.state.phase != Phase::Starting {
            self.save();
            self.answer_all(work.askers, &Err(failure));
            return;
        }
        let hopeless = self.failure.is_some();
        let failure = self.failure.take().unwrap_or(failure);
        match &self.live {
            // It was launched and would not start: it must not stay. Its end concludes.
            Some(live) if !hopeless => {
                self.ending.we_killed = live.machine.kill().is_ok();
                self.failure = Some(failure);
                self.work = Some(Work {
                    task: Box::pin(async {
                        tokio::time::sleep(KILL_DEADLINE).await;
                        Err(overdue("the end of the killed VMM", KILL_DEADLINE))
                    }),
                    ..work
                });
            }
            _ => self.start_failed(work.askers, failure),
        }
    }

    fn start_failed(&mut self, askers: Vec<(ClientId, u64)>, failure: Failure) {
        let failure = with_doubt(failure, &self.state, self.subject.spec.backend);
        let exit = failed_start(&failure);
        self.live = None;
        self.failure = Some(failure);
        self.wait_all(askers, Until::Running);
        self.conclude(exit);
    }

    /// Everything is decided: the VMM is launched.
    fn launch(&mut self, prepared: Prepared, work: Work<MachineOf<H>>) {
        let Prepared {
            mut launch,
            accel_reason,
            accel_doubted,
            network,
        } = prepared;
        // A restart is an ordinary one again.
        launch.talkative = std::mem::take(&mut self.talkative);
        let spec = &self.subject.spec;
        let prompt = prompt(launch.has_agent, launch.rootfs.is_some());
        let pattern = spec.ready_pattern.as_deref().or(prompt);
        let pattern = pattern.map(by_line).transpose();
        let pattern = match pattern {
            Ok(pattern) => pattern,
            Err(error) => {
                let mut failure = Failure::from(error);
                failure.code = Code::InvalidInput;
                self.start_failed(work.askers, failure);
                return;
            }
        };
        let backend = self.host.backend();
        let argv = backend.command_line(&launch).unwrap_or_default();
        let record = BootRecord {
            id: self.last_boot() + 1,
            vm: self.subject.name.clone(),
            vm_id: spec.id.clone(),
            at: jiff::Timestamp::now(),
            backend: spec.backend,
            accel: launch.accel,
            result: BootResult::Booting,
            phases: BootPhases::default(),
            guest_stages: GuestStages::default(),
            image: spec.image.as_ref().map(|image| image.digest.clone()),
            boot_args: spec.boot_args.clone().unwrap_or_default(),
            cpus: spec.vcpu_count,
            mem_size_mib: spec.mem_size_mib,
            console_offset: self.boot.offset,
            versions: Versions {
                smolvm_tui: env!("CARGO_PKG_VERSION").to_owned(),
                vmm: None,
            },
        };
        let boot = record.id;
        self.state.boot = Some(record);
        self.boot.recorded = false;
        self.state.accel = Some(launch.accel);
        self.state.accel_reason = Some(accel_reason);
        self.state.accel_doubted = accel_doubted;
        self.state.network = network;
        let argv = argv.iter().map(|word| word.to_string_lossy().into_owned());
        self.note_command_line(argv.collect());
        self.state.activity = Some("starting: launching the VMM".to_owned());
        self.boot.detector = Detector::new(pattern);
        {
            let mut console = self.console.borrow_mut();
            console.begin_boot(boot);
            // Without the note an adoption would not know what it missed, and without a fresh file
            // it would find the wrong bytes; the boot itself does not need either.
            let _ = self.gap.begin(&mut console);
        }
        self.save();
        let note = self.note.clone();
        self.work = Some(Work {
            task: Box::pin(async move {
                let mut stamp = |phase| {
                    // Room for all phases that a launch has: nothing is lost.
                    let _ = note.try_send(Note::Stamp(phase, Instant::now()));
                };
                // A disk that is copied may take minutes; who has not that long, kills.
                let launch = backend.provide(launch).await?;
                match timeout(LAUNCH_DEADLINE, backend.launch(&launch, &mut stamp)).await {
                    Ok(launched) => Ok(Step::Launched(Box::new(launched?))),
                    Err(_) => Err(overdue("the launch of the VMM", LAUNCH_DEADLINE)),
                }
            }),
            ..work
        });
    }

    /// The ordinal of the last boot, also when the state that knew it is gone.
    fn last_boot(&self) -> u64 {
        if let Some(boot) = &self.state.boot {
            return boot.id;
        }
        let history = self.subject.store.boots(&self.subject.spec.id);
        let recorded = history.unwrap_or_default().iter().map(|boot| boot.id).max();
        recorded.max(self.console.borrow().last_boot()).unwrap_or(0)
    }

    fn note_command_line(&mut self, argv: Vec<String>) {
        self.state.argv = argv;
        self.note_boot_args();
    }

    /// The kernel's arguments, as the backend made them.
    fn note_boot_args(&mut self) {
        let VmState {
            argv, api_calls, ..
        } = &self.state;
        let append = argv.iter().position(|word| word == "-append");
        let on_command_line = append.and_then(|at| argv.get(at + 1)).map(String::as_str);
        let by_api = api_calls
            .iter()
            .find_map(|call| call.body.get("boot_args")?.as_str());
        if let Some(args) = on_command_line.or(by_api).map(str::to_owned)
            && let Some(boot) = &mut self.state.boot
        {
            boot.boot_args = args;
        }
    }

    /// The VMM is there, its vCPUs do not run yet.
    fn launched(&mut self, launched: Launched<MachineOf<H>>, work: Work<MachineOf<H>>) {
        let machine = launched.machine.clone();
        let known = !launched.vcpu_threads.is_empty();
        self.take_over(launched, false);
        self.state.activity = Some("starting: starting the vCPUs".to_owned());
        self.save();
        self.work = Some(Work {
            task: Box::pin(async move {
                match timeout(LAUNCH_DEADLINE, machine.start()).await {
                    Ok(started) => started?,
                    Err(_) => return Err(overdue("the start of the vCPUs", LAUNCH_DEADLINE)),
                }
                let at = Instant::now();
                // A figure that is not had costs no start.
                let threads = if known {
                    Vec::new()
                } else {
                    machine.vcpu_threads().await.unwrap_or_default()
                };
                Ok(Step::Started { at, threads })
            }),
            ..work
        });
    }

    /// Looks after a VMM from now on; `anew` when another shim did before.
    pub(super) fn take_over(&mut self, launched: Launched<MachineOf<H>>, anew: bool) {
        if !launched.api_calls.is_empty() {
            self.state.api_calls = launched.api_calls;
        }
        if !launched.argv.is_empty() {
            self.note_command_line(launched.argv);
        }
        self.state.vmm = Some(launched.process);
        if !launched.vcpu_threads.is_empty() {
            self.state.vcpu_threads = launched.vcpu_threads;
        }
        if let Some(boot) = &mut self.state.boot
            && launched.version.is_some()
        {
            boot.versions.vmm = launched.version;
        }
        self.live = Some(Live {
            machine: launched.machine,
            serial: launched.serial,
            serial_open: true,
            agent: launched.agent.map(|channel| Agent::new(channel, anew)),
            exit: launched.exit,
            events: Some(launched.events),
        });
    }

    /// The VMM's process is gone.
    pub(super) async fn vmm_ended(&mut self, process: ProcessExit) {
        self.catch_up_on_notes();
        if let Some(live) = &self.live {
            let mut last = Vec::new();
            gap::drain(&live.serial, |bytes| last.extend_from_slice(bytes));
            self.printed(&last, Instant::now());
        }
        self.catch_up_on_events().await;
        if self.ending.told == Some(ExitReason::GuestReset) && self.last_said_panic() {
            // A kernel that was told to resets the machine after a panic, which is all that a VMM
            // without a device for it sees.
            self.ending.told = Some(ExitReason::GuestPanic);
        }
        self.end_streams();
        self.live = None;
        let mut exit = self.ending.exit(process, &self.subject);
        let askers = self.work.take().map(|work| (work.operation, work.askers));
        let (operation, askers) = askers.unwrap_or((Operation::Stop, Vec::new()));
        if self.state.phase == Phase::Starting && self.ending.asked.is_none() {
            let failure = self.failure.take().unwrap_or_else(|| {
                let failure = Failure::new(
                    Code::RuntimeError,
                    format!("the VMM ended while it was starting: {}", exit.summary()),
                );
                match last_words(&self.subject.paths) {
                    Some(words) => failure.with_details(words),
                    None => failure,
                }
            });
            let (code, signal) = (exit.code, exit.signal);
            exit = Exit {
                code,
                signal,
                ..failed_start(&failure)
            };
            self.failure = Some(failure);
            self.wait_all(askers, Until::Running);
            self.conclude(exit);
        } else if self.again {
            self.end_boot(&exit);
            self.begin_boot(Operation::Restart, askers);
        } else {
            let ends = matches!(operation, Operation::Stop | Operation::Kill);
            self.wait_all(askers, if ends { Until::Ended } else { Until::Running });
            self.conclude(exit);
        }
    }

    /// Whether the guest's last words were those of a kernel that panics.
    fn last_said_panic(&self) -> bool {
        const WORDS: &[u8] = b"Kernel panic - not syncing";
        let last = self.console.borrow().tail(self.boot.offset, LAST_WORDS);
        last.windows(WORDS.len()).any(|window| window == WORDS)
    }

    /// Nothing more comes of this boot.
    fn end_boot(&mut self, exit: &Exit) {
        self.drop_typing();
        // All of it is in the console log; on a full disk what follows needs its room.
        let _ = std::fs::remove_file(&self.subject.paths.gap_log);
        if let Some(boot) = &mut self.state.boot
            && boot.result == BootResult::Booting
        {
            boot.result = boot_result(exit.reason);
        }
        self.record_boot();
        let (_, ansi) = self.console.borrow().screen();
        // A picture of the past: a disk that does not take it costs nothing else.
        let _ = private_file(&self.subject.paths.last_screen)
            .and_then(|mut file| file.write_all(ansi.as_bytes()));
    }

    /// The VM has ended: that is written. The farewell tells it.
    pub(super) fn conclude(&mut self, exit: Exit) {
        self.end_boot(&exit);
        self.state.phase = if exit.reason.is_clean() {
            Phase::Stopped
        } else {
            Phase::Crashed
        };
        self.state.exit = Some(exit);
        self.state.vmm = None;
        self.state.vcpu_threads.clear();
        self.state.activity = None;
        self.work = None;
        self.over = true;
    }
}

pub(super) fn overdue(what: &str, after: Duration) -> Failure {
    Failure::new(
        Code::Timeout,
        format!("{what} took longer than {} s", after.as_secs()),
    )
}
