//! What clients ask for: answered at once, waited for, or begun as an operation.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::clients::{ClientId, Wish};
use super::ending::failed_start;
use super::host::Host;
use super::life::KILL_DEADLINE;
use super::owner::{MachineOf, Note, Owner, Step, Until, Work};
use super::typing::Typed;
use crate::backends::{BackendError, Machine};
use crate::console::Size;
use crate::fault::{Code, Failure};
use crate::guest::agent::ToAgent;
use crate::shim::protocol::{Answer, ReplayFrom, Request};
use crate::vm::{Admission, Exit, ExitReason, Operation, Phase};

/// How long a guest may take to power off, when the client does not say.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// The longest that a client may say: a day.
const LONGEST_PATIENCE: u64 = 24 * 60 * 60 * 1000;

/// How long the VMM may take to end in good order.
const QUIT_PATIENCE: Duration = Duration::from_secs(2);

/// How long the VMM may take to halt its vCPUs, or to let them go on.
const PAUSE_DEADLINE: Duration = Duration::from_secs(5);

/// Waits that one client may have open.
const MOST_WAITS: usize = 32;

impl<H: Host> Owner<H> {
    /// A client wishes something.
    pub(super) fn wish(&mut self, client: ClientId, wish: Wish) {
        match wish {
            Wish::Leaves => {
                self.clients.forget(client);
                self.forget_streams(client);
                self.waiters.retain(|&(of, _, _)| of != client);
            }
            Wish::Types(typed) => {
                if self.live.is_some() {
                    self.typing.push(typed);
                    self.type_on();
                } else if let Some((client, id)) = typed.asker {
                    let failure = self.not_running("type to");
                    self.clients.answer(client, id, Err(failure));
                }
            }
            Wish::Sends { id, typed } => {
                let result = self.send(typed);
                self.clients.answer(client, id, result);
            }
            Wish::Relays(piece) => self.relay(client, &piece),
            Wish::Asks { id, request } => self.asked(client, id, request),
        }
    }

    fn asked(&mut self, client: ClientId, id: u64, request: Request) {
        match request {
            Request::Status => {
                // Whoever finds the state torn, or gone, asks us.
                let (store, name) = (&self.subject.store, &self.subject.name);
                if !store.keeps_state(name, &self.state) {
                    self.save();
                }
                let status = self.status();
                self.clients.answer(client, id, Ok(Answer::Status(status)));
            }
            Request::WaitRunning => self.wait(client, id, Until::Running),
            Request::WaitReady => self.wait(client, id, Until::Ready),
            Request::WaitExit => self.wait(client, id, Until::Ended),
            Request::Attach { from } => {
                let offset = self.replay_offset(from);
                self.clients.attach(client, id, offset);
            }
            Request::Detach => {
                self.clients.detach(client);
                self.clients.answer(client, id, Ok(Answer::Done));
            }
            // They come as wishes of their own, with their credit.
            Request::Type { .. } => {}
            Request::Send { bytes } => {
                let result = self.send(Typed::new(bytes, None));
                self.clients.answer(client, id, result);
            }
            Request::Resize {
                rows,
                columns,
                push,
            } => {
                let result = self.resize(Size::new(rows, columns), push);
                self.clients.answer(client, id, result);
            }
            Request::Screen => {
                let answer = {
                    let console = self.console.borrow();
                    let (text, ansi) = console.screen();
                    Answer::Screen {
                        rows: console.size().rows(),
                        columns: console.size().columns(),
                        text,
                        ansi,
                    }
                };
                self.clients.answer(client, id, Ok(answer));
            }
            Request::Figures => self.count(client, id),
            Request::Break { letter } => self.send_break((client, id), letter),
            Request::Stop { timeout_ms } => {
                self.operate(client, id, Operation::Stop, timeout_ms);
            }
            Request::Restart { timeout_ms } => {
                self.operate(client, id, Operation::Restart, timeout_ms);
            }
            Request::Kill => self.operate(client, id, Operation::Kill, None),
            Request::Pause => self.operate(client, id, Operation::Pause, None),
            Request::Resume => self.operate(client, id, Operation::Resume, None),
        }
    }

    fn wait(&mut self, client: ClientId, id: u64, until: Until) {
        let mine = self.waiters.iter().filter(|&&(of, _, _)| of == client);
        if mine.count() >= MOST_WAITS {
            let failure = Failure::new(Code::Busy, "this connection waits for too much already");
            self.clients.answer(client, id, Err(failure));
            return;
        }
        self.waiters.push((client, id, until));
        self.settle_waiters();
    }

    fn replay_offset(&self, from: ReplayFrom) -> u64 {
        let console = self.console.borrow();
        let offset = match from {
            ReplayFrom::Now => console.end(),
            ReplayFrom::Recent => console.recent_from(),
            ReplayFrom::LastSend => self.state.last_send.unwrap_or(self.boot.offset),
            ReplayFrom::Boot => self.boot.offset,
            ReplayFrom::Offset(offset) => offset,
        };
        offset.clamp(console.oldest(), console.end())
    }

    fn send(&mut self, typed: Typed) -> Result<Answer, Failure> {
        if self.live.is_none() {
            return Err(self.not_running("type to"));
        }
        self.state.last_send = Some(self.console.borrow().end());
        self.save();
        self.typing.push(typed);
        self.type_on();
        Ok(Answer::Done)
    }

    pub(super) fn not_running(&self, what: &str) -> Failure {
        let (name, phase) = (&self.subject.name, self.state.phase);
        Failure::new(
            Code::NotRunning,
            format!("could not {what} VM `{name}`: it is {phase}"),
        )
    }

    fn operate(
        &mut self,
        client: ClientId,
        id: u64,
        operation: Operation,
        timeout_ms: Option<u64>,
    ) {
        match self.state.phase.admit(operation) {
            Err(refusal) => {
                let failure = refusal.of(&self.subject.name);
                return self.clients.answer(client, id, Err(failure));
            }
            Ok(Admission::Done) => return self.clients.answer(client, id, Ok(Answer::Done)),
            Ok(Admission::Go) => {}
        }
        let overrides = operation == Operation::Kill
            || (operation == Operation::Stop && self.state.phase == Phase::Starting);
        if let Some(work) = &self.work
            && !overrides
        {
            let failure = Failure::new(
                Code::Busy,
                format!(
                    "could not {} VM `{}`: `{}` is under way",
                    operation.word(),
                    self.subject.name,
                    work.operation.word()
                ),
            );
            let failure = failure.with_hint("wait for it, or kill the VM");
            return self.clients.answer(client, id, Err(failure));
        }
        self.interrupt(operation);
        let asker = (client, id);
        match operation {
            Operation::Kill => self.kill(asker),
            Operation::Stop => self.stop(asker, operation, timeout_ms),
            Operation::Restart => {
                self.stop(asker, operation, timeout_ms);
                self.again = true;
            }
            Operation::Pause => self.control(asker, operation, async |machine| {
                machine.pause().await.map(|()| Step::Paused)
            }),
            Operation::Resume => self.control(asker, operation, async |machine| {
                machine.resume().await.map(|()| Step::Resumed)
            }),
            // Nobody can ask a shim for these.
            Operation::Start | Operation::Remove => {}
        }
    }

    /// Cancels what is under way; who asked for the VM's end gets it now.
    fn interrupt(&mut self, by: Operation) {
        let Some(work) = self.work.take() else { return };
        self.catch_up_on_notes();
        self.again = false;
        if work.operation == Operation::Stop || work.operation == Operation::Kill {
            self.wait_all(work.askers, Until::Ended);
            return;
        }
        let failure = Failure::new(
            Code::Refused,
            format!(
                "`{}` of VM `{}` was cut short by `{}`",
                work.operation.word(),
                self.subject.name,
                by.word()
            ),
        );
        self.answer_all(work.askers, &Err(failure));
    }

    /// The launch was cancelled, which ended the VMM if there was one.
    fn never_ran(&mut self, asker: (ClientId, u64), reason: ExitReason) {
        self.ending.asked = Some(reason);
        self.wait_all(vec![asker], Until::Ended);
        self.conclude(Exit {
            reason,
            detail: Some("before it ran".to_owned()),
            at: Some(jiff::Timestamp::now()),
            ..failed_start(&Failure::new(Code::Interrupted, ""))
        });
    }

    fn kill(&mut self, asker: (ClientId, u64)) {
        let Some(live) = &self.live else {
            return self.never_ran(asker, ExitReason::Killed);
        };
        if let Err(error) = live.machine.kill() {
            return self.answer_all(vec![asker], &Err(error.into()));
        }
        self.ending.asked = Some(ExitReason::Killed);
        self.ending.we_killed = true;
        self.state.activity = Some("stopping: killing the VMM".to_owned());
        self.work = Some(Work {
            operation: Operation::Kill,
            askers: vec![asker],
            task: Box::pin(async {
                sleep(KILL_DEADLINE).await;
                Err(overdue("the end of the killed VMM", KILL_DEADLINE))
            }),
        });
        self.enter(Phase::Stopping);
    }

    fn stop(&mut self, asker: (ClientId, u64), operation: Operation, timeout_ms: Option<u64>) {
        let starting = self.state.phase == Phase::Starting;
        let Some(live) = &mut self.live else {
            return self.never_ran(asker, ExitReason::Stopped);
        };
        // An agent that does not listen yet finds the word when it does.
        if let Some(agent) = &mut live.agent {
            agent.say(&ToAgent::PowerOff);
        }
        let way = StopWay {
            resume: self.state.phase == Phase::Paused,
            press: !self.state.ready || live.agent.is_none(),
            patience: match timeout_ms {
                // Nobody is there yet who could be asked.
                _ if starting => Duration::ZERO,
                Some(ms) => Duration::from_millis(ms.min(LONGEST_PATIENCE)),
                None => STOP_PATIENCE,
            },
        };
        let (machine, note) = (live.machine.clone(), self.note.clone());
        self.ending.asked = Some(ExitReason::Stopped);
        self.state.activity = Some("stopping: waiting for the guest".to_owned());
        self.work = Some(Work {
            operation,
            askers: vec![asker],
            task: Box::pin(async move {
                let say = |what| {
                    let _ = note.try_send(what);
                };
                Err(stop(machine, way, say).await)
            }),
        });
        self.enter(Phase::Stopping);
    }

    fn control(
        &mut self,
        asker: (ClientId, u64),
        operation: Operation,
        call: impl AsyncFnOnce(MachineOf<H>) -> Result<Step<MachineOf<H>>, BackendError> + 'static,
    ) {
        let Some(live) = &self.live else {
            let failure = self.not_running(operation.word());
            return self.answer_all(vec![asker], &Err(failure));
        };
        let machine = live.machine.clone();
        self.work = Some(Work {
            operation,
            askers: vec![asker],
            task: Box::pin(async move {
                match timeout(PAUSE_DEADLINE, call(machine)).await {
                    Ok(step) => Ok(step?),
                    Err(_) => Err(overdue("the VMM's answer", PAUSE_DEADLINE)),
                }
            }),
        });
    }
}

/// How a guest is asked to end.
#[derive(Clone, Copy, Debug)]
struct StopWay {
    /// Its vCPUs are halted: they must go on first.
    resume: bool,
    /// Press the power button.
    press: bool,
    /// How long the guest may take.
    patience: Duration,
}

/// Asks the guest, then the VMM, then kills. The VMM's end cancels this; the failure is for a VMM
/// that survives all.
async fn stop<M: Machine>(machine: M, way: StopWay, say: impl Fn(Note)) -> Failure {
    let deadline = Instant::now() + way.patience;
    let ask = async {
        if way.resume {
            machine.resume().await?;
        }
        if way.press {
            machine.power_button().await?;
        }
        Ok::<(), BackendError>(())
    };
    // A guest that cannot be asked need not be waited for.
    if way.patience > Duration::ZERO && matches!(timeout_at(deadline, ask).await, Ok(Ok(()))) {
        sleep_until(deadline).await;
    }
    say(Note::Activity("stopping: ending the VMM"));
    let deadline = Instant::now() + QUIT_PATIENCE;
    if matches!(timeout_at(deadline, machine.quit()).await, Ok(Ok(()))) {
        sleep_until(deadline).await;
    }
    say(Note::Activity("stopping: killing the VMM"));
    say(Note::Killing);
    if let Err(error) = machine.kill() {
        return error.into();
    }
    sleep(KILL_DEADLINE).await;
    overdue("the end of the killed VMM", KILL_DEADLINE)
}

pub(super) fn overdue(what: &str, after: Duration) -> Failure {
    Failure::new(
        Code::Timeout,
        format!("{what} took longer than {} s", after.as_secs()),
    )
}
