//! Carrying out operations: by way of the VM's shim when it lives, on the store when it does not.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::Fleet;
use super::reach::status;
use crate::fault::{Code, Failure};
use crate::network;
use crate::shim::client::ClientError;
use crate::shim::protocol::{Answer, ClientFrame, Event, Request, ServerFrame, Status};
use crate::shim::spawn::Task;
use crate::vm::{
    Admission, BootPhase, Exit, ExitReason, Operation, Problem, ShimLock, Vm, VmName, process,
};

/// How long `list` lets new shims take for the VMs that had lost theirs.
const ADOPTION: Duration = Duration::from_millis(300);
/// How long a shim may take to exit once its VM has ended.
pub(super) const SHIM_EXIT: Duration = Duration::from_secs(2);

impl Fleet {
    /// All VMs; for orphans a shim is started that adopts them, and waited for only shortly.
    pub async fn list(&self) -> Result<Vec<Vm>, Failure> {
        let vms = self.store.list()?;
        if !vms.iter().any(Vm::wants_care) {
            return Ok(vms);
        }
        // A failed adoption leaves an orphan, which the row shows; the next command tries again.
        let _ = timeout(ADOPTION, join_all(vms.iter().map(|vm| self.care(vm)))).await;
        Ok(self.store.list()?)
    }

    /// Carries out an operation on one VM from begin to end and returns the VM as it then is.
    ///
    /// `force` lets `Remove` kill first, and remove a VM whose files are damaged. `stop_timeout`:
    /// how long the guest may take to power off; absent: as configured.
    pub async fn operate(
        &self,
        name: &str,
        operation: Operation,
        force: bool,
        stop_timeout: Option<Duration>,
    ) -> Result<Vm, Failure> {
        let mut vm = self.store.find(name)?;
        if vm.wants_care() {
            // What it is about, only a shim can tell. When none can be had, the operation says so.
            self.care(&vm).await;
            vm = self.again(&vm.name);
        }
        if operation == Operation::Remove {
            return self.remove(vm, force).await;
        }
        if admit(&vm, operation)? == Admission::Done {
            return Ok(vm);
        }
        let stop_timeout = stop_timeout.unwrap_or(Duration::from_secs(self.config.stop_timeout_s));
        let timeout_ms = Some(millis(stop_timeout));
        let status = match operation {
            Operation::Stop => self.end(&vm, Request::Stop { timeout_ms }).await?,
            Operation::Kill => self.end(&vm, Request::Kill).await?,
            Operation::Pause => self.ask(&vm, Request::Pause).await?,
            Operation::Resume => self.ask(&vm, Request::Resume).await?,
            Operation::Restart if vm.phase.is_live() => {
                self.ask(&vm, Request::Restart { timeout_ms }).await?
            }
            Operation::Start | Operation::Restart => self.boot(&vm, Task::Start).await?,
            Operation::Remove => None,
        };
        Ok(as_told(self.again(&vm.name), status))
    }

    /// Boots a VM that is not live with a kernel that tells all that it can, this once.
    pub async fn start_talkative(&self, name: &str) -> Result<Vm, Failure> {
        let vm = self.store.find(name)?;
        if admit(&vm, Operation::Start)? == Admission::Done {
            return Ok(vm);
        }
        let status = self.boot(&vm, Task::StartTalkative).await?;
        Ok(as_told(self.again(&vm.name), status))
    }

    /// Waits until the guest is ready, which is not an operation: others may go on meanwhile. Tells
    /// each boot phase with its offset from *spawned* in µs as it comes, those that had come before
    /// included.
    pub async fn watch_ready(
        &self,
        name: &str,
        deadline: Duration,
        progress: &mut dyn FnMut(BootPhase, u64),
    ) -> Result<Vm, Failure> {
        let vm = self.store.find(name)?;
        let passed = timeout(deadline, self.follow_boot(&vm, progress)).await;
        passed.unwrap_or_else(|_| {
            Err(Failure::new(
                Code::Timeout,
                format!(
                    "VM `{name}` was not ready within {} s",
                    deadline.as_secs_f64()
                ),
            )
            .with_hint(format!(
                "it was left as it is: see `smolvm-tui logs {name}`, or wait longer with --timeout"
            )))
        })?;
        Ok(self.again(&vm.name))
    }

    async fn follow_boot(
        &self,
        vm: &Vm,
        progress: &mut dyn FnMut(BootPhase, u64),
    ) -> Result<(), Failure> {
        const ID: u64 = 1;
        let connection = self.connect(vm.name.as_str()).await;
        let seen = self.again(&vm.name);
        let mut told = Vec::new();
        let mut tell = |phase, offset| {
            if !told.contains(&phase) {
                told.push(phase);
                progress(phase, offset);
            }
        };
        for (phase, offset) in seen.state.boot.iter().flat_map(|boot| boot.phases.iter()) {
            tell(phase, offset);
        }
        if seen.phase.is_live() && seen.state.ready {
            return Ok(());
        }
        let (mut listener, mut talker) = connection.map_err(|e| self.explain(vm, e))?.split();
        let request = Request::WaitReady;
        talker.say(ClientFrame::Request { id: ID, request }).await?;
        loop {
            match listener.next().await? {
                Some(ServerFrame::Event(Event::Boot {
                    phase, offset_us, ..
                })) => {
                    tell(phase, offset_us);
                }
                Some(ServerFrame::Answer { id: ID, result }) => return result.map(drop),
                Some(_) => {}
                None => return Err(self.explain(vm, ClientError::Closed(vm.name.clone()).into())),
            }
        }
    }

    /// Boots a VM that is not live, and returns when it runs.
    async fn boot(&self, vm: &Vm, task: Task) -> Result<Option<Status>, Failure> {
        if vm.spec.is_none() {
            return Err(damaged(vm));
        }
        self.check_disk(vm)?;
        self.look_after(&vm.name, task).await?;
        let run = async {
            let mut client = self.dial(&self.again(&vm.name)).await?;
            client.call(Request::WaitRunning).await?;
            Ok(status(&mut client).await)
        };
        // A start that fails at once may be over, and its shim gone, before we asked.
        run.await.map_err(|e| self.explain(vm, e))
    }

    /// Asks a live VM's shim for something that does not end it, and then how the VM is.
    async fn ask(&self, vm: &Vm, request: Request) -> Result<Option<Status>, Failure> {
        let called = self.call(vm, request).await;
        let (mut client, _) = called.map_err(|e| self.explain(vm, e))?;
        Ok(status(&mut client).await)
    }

    /// Asks a live VM's shim to end it, and returns when VM and shim have ended.
    async fn end(&self, vm: &Vm, request: Request) -> Result<Option<Status>, Failure> {
        let mut told = None;
        match self.call(vm, request).await {
            Ok((client, answer)) => {
                if let Answer::Status(status) = answer {
                    told = Some(status);
                }
                // The shim hangs up when it exits: only then the VM may be started or removed.
                let (mut listener, _talker) = client.split();
                let gone = async { while let Ok(Some(_)) = listener.next().await {} };
                let _ = timeout(SHIM_EXIT, gone).await;
            }
            Err(failure) => {
                // It ended by itself while we asked, or while a new shim took it over: that is what
                // was wanted.
                if self.again(&vm.name).phase.is_live() {
                    return Err(failure);
                }
            }
        }
        self.released(&vm.name).await;
        Ok(told)
    }

    async fn remove(&self, vm: Vm, force: bool) -> Result<Vm, Failure> {
        if let Some(problem) = &vm.problem
            && !force
        {
            return Err(Failure::new(
                Code::Refused,
                format!(
                    "the files of VM `{}` are damaged: {}",
                    vm.name, problem.message
                ),
            )
            .with_hint(format!(
                "remove it all the same with `smolvm-tui rm {} --force`",
                vm.name
            )));
        }
        if vm.phase.is_live() {
            if !force {
                admit(&vm, Operation::Remove)?;
            }
            self.end(&vm, Request::Kill).await?;
        }
        let lock = match self.take_lock(&vm).await? {
            Some(lock) => lock,
            // The state may be unreadable, so that its phase is not known, while its shim lives.
            None if vm.problem.is_some() => {
                let mut client = self.dial(&vm).await?;
                let _ = client.call(Request::Kill).await;
                self.released(&vm.name).await;
                self.store.lock(&vm.name)?.ok_or_else(|| busy(&vm.name))?
            }
            // The shim of a VM that has just ended takes a moment to go.
            None => {
                self.released(&vm.name).await;
                self.store.lock(&vm.name)?.ok_or_else(|| busy(&vm.name))?
            }
        };
        self.delete(&vm.name, lock, force).await
    }

    /// Removes a VM that nobody looks after. The lock is ours: nobody can start it any more.
    async fn delete(&self, name: &VmName, lock: ShimLock, force: bool) -> Result<Vm, Failure> {
        let now = self.again(name);
        if now.phase.is_live() {
            return Err(busy(name));
        }
        let spec = now.spec.as_ref();
        if let Some(spec) = spec {
            // What a VM that ended unseen has left. A device that stays is found by the doctor.
            let (store, id) = (self.store.clone(), spec.id.clone());
            let taken_away = tokio::task::spawn_blocking(move || network::detach(&store, &id));
            if let Ok(taken_away) = taken_away.await
                && !force
            {
                taken_away?;
            }
        }
        let run_dir = spec.map(|spec| self.store.run_dir_path(&spec.id));
        self.store.remove(lock, run_dir.as_deref())?;
        Ok(now)
    }

    pub(super) fn again(&self, name: &VmName) -> Vm {
        self.store.observe(name.clone(), &process::host_boot_id())
    }

    /// When a connection failed because the VM ended, says how it ended instead.
    fn explain(&self, vm: &Vm, failure: Failure) -> Failure {
        if failure.code != Code::NotRunning {
            return failure;
        }
        let now = self.again(&vm.name);
        match now.exit() {
            Some(exit) if vm.state.exit.as_ref() != Some(exit) => ended(&now, exit),
            _ => failure,
        }
    }
}

/// The VM as the store has it, unless its shim says that it could not write it.
fn as_told(mut vm: Vm, status: Option<Status>) -> Vm {
    let Some(status) = status else { return vm };
    if let Some(unsaved) = status.unsaved {
        vm.phase = status.phase;
        vm.state.ready = status.ready;
        vm.state.exit = status.exit;
        vm.problem.get_or_insert(Problem {
            message: unsaved.message,
            hint: unsaved.hint,
        });
    }
    vm
}

fn ended(vm: &Vm, exit: &Exit) -> Failure {
    let failure = Failure::new(
        if exit.reason == ExitReason::StartFailed {
            Code::RuntimeError
        } else {
            Code::NotRunning
        },
        format!("VM `{}` ended: {}", vm.name, exit.summary()),
    )
    .with_hint(format!(
        "`smolvm-tui logs {}` shows its last output",
        vm.name
    ));
    match &exit.detail {
        Some(detail) => failure.with_details(detail.clone()),
        None => failure,
    }
}

/// What the phase says of the operation, with the VM's name.
fn admit(vm: &Vm, operation: Operation) -> Result<Admission, Failure> {
    let admitted = vm.phase.admit(operation);
    admitted.map_err(|refusal| refusal.of(&vm.name))
}

pub(super) fn damaged(vm: &Vm) -> Failure {
    let (message, hint) = vm.problem.as_ref().map_or_else(
        || ("its spec cannot be read".to_owned(), None),
        |problem| (problem.message.clone(), problem.hint.clone()),
    );
    let failure = Failure::new(
        Code::Damaged,
        format!("the files of VM `{}` are damaged: {message}", vm.name),
    );
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

fn busy(name: &VmName) -> Failure {
    Failure::new(
        Code::Busy,
        format!("another command is under way on VM `{name}`"),
    )
    .with_hint("try again when it is done")
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "operate_tests.rs"]
mod tests;
