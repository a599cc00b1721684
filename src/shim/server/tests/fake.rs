//! A backend without a VMM, and the world in its place.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::backends::{
    AgentChannel, Backend, BackendError, Launch, Launched, Machine, MachineEvent, ProcessExit,
};
use crate::fault::Failure;
use crate::shim::server::host::{Host, Prepared, Subject};
use crate::vm::{Accel, BootPhase, Figures, ProcessId};

/// How the fake behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Launching {
    CopiesLong,
    Hangs,
    DiesEarly,
    RefusesToStart,
}

/// The far side of a fake VMM: what the test holds.
#[derive(Default)]
pub(super) struct World {
    pub(super) launching: Cell<Option<Launching>>,
    /// Whether `quit`, or `kill`, is answered with an end.
    pub(super) obeys_quit: Cell<bool>,
    pub(super) is_paused: Cell<bool>,
    pub(super) pausing_hangs: Cell<bool>,
    pub(super) calls: RefCell<Vec<&'static str>>,
    pub(super) serial: RefCell<Option<UnixStream>>,
    pub(super) agent: RefCell<Option<UnixStream>>,
    pub(super) events: RefCell<Option<mpsc::Sender<MachineEvent>>>,
    exit: RefCell<Option<oneshot::Sender<ProcessExit>>>,
    /// Launches that were begun and dropped before they came to something.
    pub(super) dropped: Cell<u32>,
    launched: Notify,
    /// Notified when the VMM is to have sent the BREAK that it was asked for.
    pub(super) breaks: Notify,
}

impl World {
    fn call(&self, word: &'static str) {
        self.calls.borrow_mut().push(word);
    }

    /// The VMM's process ends.
    pub(super) fn end(&self, exit: ProcessExit) {
        self.serial.take();
        self.agent.take();
        self.events.take();
        if let Some(sender) = self.exit.take() {
            let _ = sender.send(exit);
        }
    }

    /// Resolves at the next launch.
    pub(super) async fn launched(&self) {
        self.launched.notified().await;
    }

    /// The guest prints.
    pub(super) async fn prints(&self, bytes: &[u8]) {
        let mut serial = self.serial.take().unwrap();
        serial.write_all(bytes).await.unwrap();
        self.serial.replace(Some(serial));
    }

    /// The guest reads `length` bytes.
    pub(super) async fn reads(&self, length: usize) -> Vec<u8> {
        let mut serial = self.serial.take().unwrap();
        let mut bytes = vec![0; length];
        serial.read_exact(&mut bytes).await.unwrap();
        self.serial.replace(Some(serial));
        bytes
    }

    /// The agent says a line.
    pub(super) async fn agent_says(&self, line: &str) {
        let mut agent = self.agent.take().unwrap();
        agent.write_all(line.as_bytes()).await.unwrap();
        self.agent.replace(Some(agent));
    }

    /// The agent hears a line, beside the greeting and the time.
    pub(super) async fn agent_hears(&self) -> String {
        loop {
            let line = self.agent_line().await;
            if !line.contains("hello") && !line.contains("clock") {
                return line;
            }
        }
    }

    /// The next line that is said to the agent.
    pub(super) async fn agent_line(&self) -> String {
        let mut agent = self.agent.take().unwrap();
        let mut line = Vec::new();
        while line.len() < 2 || line.last() != Some(&b'\n') {
            line.retain(|&byte| byte != b'\n');
            line.push(agent.read_u8().await.unwrap());
        }
        self.agent.replace(Some(agent));
        String::from_utf8(line).unwrap().trim().to_owned()
    }

    fn connect(self: &Rc<Self>) -> Launched<FakeMachine> {
        let (serial, guest) = UnixStream::pair().unwrap();
        let (agent, guest_agent) = UnixStream::pair().unwrap();
        let (ended, exit) = oneshot::channel();
        let (say, events) = mpsc::channel(8);
        self.serial.replace(Some(guest));
        self.agent.replace(Some(guest_agent));
        self.events.replace(Some(say));
        self.exit.replace(Some(ended));
        self.launched.notify_one();
        Launched {
            machine: FakeMachine(Rc::clone(self)),
            process: ProcessId::current().unwrap(),
            argv: ["fake", "-append", "console=ttyS0"]
                .map(str::to_owned)
                .to_vec(),
            api_calls: Vec::new(),
            version: Some("1.2.3".to_owned()),
            vcpu_threads: vec![7],
            serial: serial.into(),
            agent: Some(AgentChannel::Standing(agent)),
            exit: Box::pin(async { exit.await.unwrap_or(ProcessExit::Unseen) }),
            events,
        }
    }
}

#[derive(Clone)]
pub(super) struct FakeMachine(Rc<World>);

impl Machine for FakeMachine {
    async fn start(&self) -> Result<(), BackendError> {
        self.0.call("start");
        match self.0.launching.get() {
            Some(Launching::RefusesToStart) => Err(refusal("cont")),
            _ => Ok(()),
        }
    }

    async fn pause(&self) -> Result<(), BackendError> {
        self.0.call("pause");
        if self.0.pausing_hangs.get() {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn resume(&self) -> Result<(), BackendError> {
        self.0.call("resume");
        Ok(())
    }

    async fn is_paused(&self) -> Result<bool, BackendError> {
        Ok(self.0.is_paused.get())
    }

    async fn power_button(&self) -> Result<(), BackendError> {
        self.0.call("power_button");
        Ok(())
    }

    async fn quit(&self) -> Result<(), BackendError> {
        self.0.call("quit");
        if self.0.obeys_quit.get() {
            self.0.end(ProcessExit::Code(0));
        }
        Ok(())
    }

    fn kill(&self) -> Result<(), BackendError> {
        self.0.call("kill");
        self.0.end(ProcessExit::Signal(9));
        Ok(())
    }

    async fn send_break(&self) -> Result<(), BackendError> {
        self.0.call("send_break");
        self.0.breaks.notified().await;
        Ok(())
    }

    async fn vcpu_threads(&self) -> Result<Vec<u32>, BackendError> {
        Ok(vec![7])
    }

    async fn figures(&self) -> Result<Figures, BackendError> {
        self.0.call("figures");
        Ok(Figures::default())
    }
}

fn refusal(command: &str) -> BackendError {
    BackendError::Refused {
        program: "fake",
        command: command.to_owned(),
        reason: "no".to_owned(),
    }
}

pub(super) struct FakeBackend(Rc<World>);

struct Guard(Rc<World>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.dropped.set(self.0.dropped.get() + 1);
    }
}

impl Backend for FakeBackend {
    type Machine = FakeMachine;

    fn command_line(&self, _: &Launch) -> Result<Vec<OsString>, BackendError> {
        Ok(vec!["fake".into()])
    }

    async fn provide(&self, launch: Launch) -> Result<Launch, BackendError> {
        if self.0.launching.get() == Some(Launching::CopiesLong) {
            tokio::time::sleep(std::time::Duration::from_mins(10)).await;
        }
        Ok(launch)
    }

    async fn launch(
        &self,
        _: &Launch,
        stamp: &mut dyn FnMut(BootPhase),
    ) -> Result<Launched<FakeMachine>, BackendError> {
        stamp(BootPhase::Spawned);
        match self.0.launching.get() {
            Some(Launching::Hangs) => {
                let _guard = Guard(Rc::clone(&self.0));
                self.0.launched.notify_one();
                std::future::pending().await
            }
            Some(Launching::DiesEarly) => Err(BackendError::ExitedEarly {
                program: "fake".to_owned(),
                status: "exit code 1".to_owned(),
                words: "no such machine".to_owned(),
            }),
            _ => {
                stamp(BootPhase::VmmReady);
                Ok(self.0.connect())
            }
        }
    }

    async fn adopt(&self, _: &Launch, _: ProcessId) -> Result<Launched<FakeMachine>, BackendError> {
        Ok(self.0.connect())
    }
}

pub(super) struct FakeHost(Rc<FakeBackend>);

impl FakeHost {
    pub(super) fn new(world: &Rc<World>) -> Self {
        Self(Rc::new(FakeBackend(Rc::clone(world))))
    }
}

impl Host for FakeHost {
    type Backend = FakeBackend;

    fn backend(&self) -> Rc<FakeBackend> {
        Rc::clone(&self.0)
    }

    async fn prepare(&self, subject: &Subject) -> Result<Prepared, Failure> {
        Ok(Prepared {
            accel_reason: "it is a test".to_owned(),
            accel_doubted: false,
            network: None,
            launch: Launch {
                name: subject.name.clone(),
                spec: subject.spec.clone(),
                program: "fake".into(),
                accel: Accel::Tcg,
                kernel: "kernel".into(),
                initrd: None,
                rootfs: None,
                has_agent: true,
                talkative: false,
                tap: None,
                paths: subject.paths.clone(),
                run_dir: subject.run_dir.clone(),
            },
        })
    }
}
