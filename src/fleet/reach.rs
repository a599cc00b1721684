//! Reaching a VM's shim: the one that lives, or the next one.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::Fleet;
use super::operate::{SHIM_EXIT, damaged};
use crate::backends;
use crate::fault::{Code, Failure};
use crate::shim::client::Client;
use crate::shim::protocol::{Answer, Request, Status};
use crate::shim::spawn::{self, Task};
use crate::vm::{ShimLock, Vm, VmName};

/// Between two looks at a shim that is coming or going; either takes it milliseconds.
const MOMENT: Duration = Duration::from_millis(10);

impl Fleet {
    /// Sees to it that a live VM has a shim, and that its shim has written its state.
    pub(super) async fn care(&self, vm: &Vm) {
        if vm.is_orphan() {
            let _ = spawn::spawn(&self.store, &vm.name, Task::Adopt).await;
        } else if vm.is_unwritten()
            && let Ok(mut client) = self.dial(vm).await
        {
            let _ = client.call(Request::Status).await;
        }
    }

    /// A connection to the VM's shim, which is started first if it died and left its VMM behind.
    pub async fn connect(&self, name: &str) -> Result<Client, Failure> {
        let begun = Instant::now();
        let mut lost = false;
        loop {
            let failure = match self.connect_once(name).await {
                Err(failure) if failure.code == Code::NotRunning => failure,
                other => return other,
            };
            let Ok(vm) = self.store.find(name) else {
                return Err(failure);
            };
            // A shim that lives and does not listen is about to: it adopts the VM. Or it listens no
            // more: the VM has just ended, and that will be written in a moment.
            if vm.phase.is_live() && self.store.holder(&vm.name).is_some() {
                if begun.elapsed() > SHIM_EXIT {
                    return Err(failure);
                }
                tokio::time::sleep(MOMENT).await;
            } else if !vm.is_orphan() || std::mem::replace(&mut lost, true) {
                // Otherwise it died since we looked.
                return Err(failure);
            }
        }
    }

    /// Whether a call failed because the VM's shim died. A process that is killed hangs up before it
    /// counts as dead, so one that seems to live is looked at again.
    async fn lost_its_shim(&self, name: &VmName, failure: &Failure) -> bool {
        let begun = Instant::now();
        while failure.code == Code::NotRunning && begun.elapsed() < SHIM_EXIT {
            let vm = self.again(name);
            if vm.is_orphan() || !vm.phase.is_live() {
                return vm.is_orphan();
            }
            tokio::time::sleep(MOMENT).await;
        }
        false
    }

    async fn connect_once(&self, name: &str) -> Result<Client, Failure> {
        let vm = self.store.find(name)?;
        if !vm.phase.is_live() {
            return Err(not_running(&vm));
        }
        if vm.is_orphan() && self.store.holder(&vm.name).is_none() {
            match spawn::spawn(&self.store, &vm.name, Task::Adopt).await {
                // Another client was first: its shim serves us as well.
                Err(failure) if failure.code == Code::Busy => {}
                other => other?,
            }
        }
        self.dial(&self.again(&vm.name)).await
    }

    pub(super) async fn dial(&self, vm: &Vm) -> Result<Client, Failure> {
        let id = vm.spec.as_ref().map(|spec| spec.id.as_str());
        let run_dir = vm.state.run_dir.clone();
        let run_dir = run_dir.or_else(|| id.map(|id| self.store.run_dir_path(id)));
        let Some(run_dir) = run_dir else {
            return Err(damaged(vm));
        };
        Ok(Client::connect(&vm.name, &run_dir).await?)
    }

    /// Asks a live VM's shim, or the one after it if it dies over that: what ends, pauses or restarts a
    /// VM may be asked twice.
    pub(super) async fn call(
        &self,
        vm: &Vm,
        request: Request,
    ) -> Result<(Client, Answer), Failure> {
        let name = vm.name.as_str();
        let mut client = self.connect(name).await?;
        match client.call(request.clone()).await {
            Ok(answer) => return Ok((client, answer)),
            Err(failure) if self.lost_its_shim(&vm.name, &failure).await => {}
            Err(failure) => return Err(failure),
        }
        let mut client = self.connect(name).await?;
        let answer = client.call(request).await?;
        Ok((client, answer))
    }

    /// Starts a shim that boots the VM, once the shim of its last life has let go of it.
    pub(super) async fn look_after(&self, name: &VmName, task: Task) -> Result<(), Failure> {
        let begun = Instant::now();
        loop {
            match spawn::spawn(&self.store, name, task).await {
                Err(failure) if failure.code == Code::Busy && self.lets_go(name, begun) => {
                    tokio::time::sleep(MOMENT).await;
                }
                other => return other,
            }
        }
    }

    /// Takes the lock of a VM that is not live, once the shim of its last life has let go of it;
    /// `None` when somebody else looks after the VM.
    pub(super) async fn take_lock(&self, vm: &Vm) -> Result<Option<ShimLock>, Failure> {
        let begun = Instant::now();
        loop {
            let lock = self.store.lock(&vm.name)?;
            // What damaged files say of the phase says nothing of a shim.
            if lock.is_some() || vm.problem.is_some() || !self.lets_go(&vm.name, begun) {
                return Ok(lock);
            }
            tokio::time::sleep(MOMENT).await;
        }
    }

    /// Whether who holds the VM's lock is about to give it back: the end of a VM is written, and so
    /// seen by others, before its shim lets go of it.
    fn lets_go(&self, name: &VmName, since: Instant) -> bool {
        !self.again(name).phase.is_live() && since.elapsed() < SHIM_EXIT
    }

    /// Waits until no shim looks after the VM, a short while at most. The lock is not touched: who
    /// starts the VM meanwhile gets it.
    pub async fn released(&self, name: &VmName) {
        if let Some(holder) = self.store.holder(name) {
            let _ = timeout(SHIM_EXIT, backends::ended(holder)).await;
        }
    }
}

/// How the VM is, as its shim says; a shim that is gone by now has written it.
pub(super) async fn status(client: &mut Client) -> Option<Status> {
    match client.call(Request::Status).await {
        Ok(Answer::Status(status)) => Some(status),
        _ => None,
    }
}

fn not_running(vm: &Vm) -> Failure {
    Failure::new(
        Code::NotRunning,
        format!("VM `{}` does not run: it is {}", vm.name, vm.phase),
    )
    .with_hint(format!("start it with `smolvm-tui start {}`", vm.name))
}
