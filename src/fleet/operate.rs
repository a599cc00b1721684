//! Carrying out operations: by way of the VM's shim when it lives, on the store when it does not.

use std::fs::OpenOptions;
use std::time::Duration;

use futures_util::future::join_all;
use nix::fcntl::{Flock, FlockArg};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Fleet;
use crate::fault::{Code, Failure};
use crate::network;
use crate::shim::client::{Client, ClientError};
use crate::shim::protocol::{ClientFrame, Event, Request, ServerFrame};
use crate::shim::spawn::{self, Task};
use crate::vm::{Admission, BootPhase, Exit, ExitReason, Operation, ShimLock, Vm, VmName, process};

/// How long `list` lets new shims take for the VMs that had lost theirs.
const ADOPTION: Duration = Duration::from_millis(300);
/// How long a shim may take to exit once its VM has ended.
const SHIM_EXIT: Duration = Duration::from_secs(2);

impl Fleet {
    /// All VMs; for orphans a shim is started that adopts them, and waited for only shortly.
    pub async fn list(&self) -> Result<Vec<Vm>, Failure> {
        let vms = self.store.list()?;
        if !vms.iter().any(Vm::is_orphan) {
            return Ok(vms);
        }
        let adoptions = vms
            .iter()
            .filter(|vm| vm.is_orphan())
            .map(|vm| spawn::spawn(&self.store, &vm.name, Task::Adopt));
        // A failed adoption leaves an orphan, which the row shows; the next command tries again.
        let _ = timeout(ADOPTION, join_all(adoptions)).await;
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
        if vm.is_orphan() {
            // What it is about, only a shim can tell. When none can be had, the operation says so.
            let _ = spawn::spawn(&self.store, &vm.name, Task::Adopt).await;
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
        match operation {
            Operation::Stop => self.end(&vm, Request::Stop { timeout_ms }).await?,
            Operation::Kill => self.end(&vm, Request::Kill).await?,
            Operation::Pause => self.ask(&vm, Request::Pause).await?,
            Operation::Resume => self.ask(&vm, Request::Resume).await?,
            Operation::Restart if vm.phase.is_live() => {
                self.ask(&vm, Request::Restart { timeout_ms }).await?;
            }
            Operation::Start | Operation::Restart => self.boot(&vm).await?,
            Operation::Remove => {}
        }
        Ok(self.again(&vm.name))
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

    /// A connection to the VM's shim, which is started first if it died and left its VMM behind.
    pub async fn connect(&self, name: &str) -> Result<Client, Failure> {
        match self.connect_once(name).await {
            // It died since we looked.
            Err(failure) if self.lost_its_shim(name, &failure) => self.connect_once(name).await,
            other => other,
        }
    }

    fn lost_its_shim(&self, name: &str, failure: &Failure) -> bool {
        failure.code == Code::NotRunning && self.store.find(name).is_ok_and(|vm| vm.is_orphan())
    }

    async fn connect_once(&self, name: &str) -> Result<Client, Failure> {
        let vm = self.store.find(name)?;
        if !vm.phase.is_live() {
            return Err(not_running(&vm));
        }
        if vm.is_orphan() {
            match spawn::spawn(&self.store, &vm.name, Task::Adopt).await {
                // Another client was first: its shim serves us as well.
                Err(failure) if failure.code == Code::Busy => {}
                other => other?,
            }
        }
        self.dial(&self.again(&vm.name)).await
    }

    async fn dial(&self, vm: &Vm) -> Result<Client, Failure> {
        let id = vm.spec.as_ref().map(|spec| spec.id.as_str());
        let run_dir = vm.state.run_dir.clone();
        let run_dir = run_dir.or_else(|| id.map(|id| self.store.run_dir_path(id)));
        let Some(run_dir) = run_dir else {
            return Err(damaged(vm));
        };
        Ok(Client::connect(&vm.name, &run_dir).await?)
    }

    /// Boots a VM that is not live, and returns when it runs.
    async fn boot(&self, vm: &Vm) -> Result<(), Failure> {
        if vm.spec.is_none() {
            return Err(damaged(vm));
        }
        spawn::spawn(&self.store, &vm.name, Task::Start).await?;
        let run = async {
            let mut client = self.dial(&self.again(&vm.name)).await?;
            client.call(Request::WaitRunning).await
        };
        // A start that fails at once may be over, and its shim gone, before we asked.
        run.await.map(drop).map_err(|e| self.explain(vm, e))
    }

    /// Asks a live VM's shim for something that does not end it.
    async fn ask(&self, vm: &Vm, request: Request) -> Result<(), Failure> {
        let called = self.call(vm, request).await;
        called.map(drop).map_err(|e| self.explain(vm, e))
    }

    /// Asks a live VM's shim, or the one after it if it dies over that: what ends, pauses or restarts a
    /// VM may be asked twice.
    async fn call(&self, vm: &Vm, request: Request) -> Result<Client, Failure> {
        let name = vm.name.as_str();
        let mut client = self.connect(name).await?;
        match client.call(request.clone()).await {
            Ok(_) => return Ok(client),
            Err(failure) if self.lost_its_shim(name, &failure) => {}
            Err(failure) => return Err(failure),
        }
        let mut client = self.connect(name).await?;
        client.call(request).await.map(|_| client)
    }

    /// Asks a live VM's shim to end it, and returns when VM and shim have ended.
    async fn end(&self, vm: &Vm, request: Request) -> Result<(), Failure> {
        match self.call(vm, request).await {
            Ok(client) => {
                // The shim hangs up when it exits: only then the VM may be started or removed.
                let (mut listener, _talker) = client.split();
                let gone = async { while let Ok(Some(_)) = listener.next().await {} };
                let _ = timeout(SHIM_EXIT, gone).await;
            }
            // It ended by itself while we asked: that is what was wanted.
            Err(failure) if failure.code == Code::NotRunning => {
                if self.again(&vm.name).phase.is_live() {
                    return Err(failure);
                }
            }
            Err(failure) => return Err(failure),
        }
        self.released(&vm.name).await;
        Ok(())
    }

    /// Waits until no shim holds the VM's lock, a short while at most.
    async fn released(&self, name: &VmName) {
        if !matches!(self.store.lock(name), Ok(None)) {
            return;
        }
        let path = self.store.paths(name).lock;
        let (done, freed) = oneshot::channel();
        // flock(2) knows no deadline and must not block the event loop, hence a thread of its own.
        std::thread::spawn(move || {
            if let Ok(file) = OpenOptions::new().write(true).open(path) {
                drop(Flock::lock(file, FlockArg::LockExclusive));
            }
            let _ = done.send(());
        });
        let _ = timeout(SHIM_EXIT, freed).await;
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
        let lock = match self.store.lock(&vm.name)? {
            Some(lock) => lock,
            // The state may be unreadable, so that its phase is not known, while its shim lives.
            None if vm.problem.is_some() => {
                let mut client = self.dial(&vm).await?;
                let _ = client.call(Request::Kill).await;
                self.released(&vm.name).await;
                self.store.lock(&vm.name)?.ok_or_else(|| busy(&vm.name))?
            }
            None => return Err(busy(&vm.name)),
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

    fn again(&self, name: &VmName) -> Vm {
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
    vm.phase.admit(operation).map_err(|refusal| {
        let mut failure = Failure::from(refusal);
        failure
            .message
            .insert_str(0, &format!("VM `{}`: ", vm.name));
        failure
    })
}

fn not_running(vm: &Vm) -> Failure {
    Failure::new(
        Code::NotRunning,
        format!("VM `{}` does not run: it is {}", vm.name, vm.phase),
    )
    .with_hint(format!("start it with `smolvm-tui start {}`", vm.name))
}

fn damaged(vm: &Vm) -> Failure {
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
