//! A backend without a VMM, and a shim in this process.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::{JoinHandle, LocalSet};

use crate::backends::{
    AgentChannel, Backend, BackendError, Launch, Launched, Machine, MachineEvent, ProcessExit,
};
use crate::fault::Failure;
use crate::shim::client::Client;
use crate::shim::protocol::{Answer, Request, ServerFrame, Status};
use crate::shim::server::host::{Host, Prepared, Subject};
use crate::shim::server::{Order, serve};
use crate::shim::spawn::Task;
use crate::vm::{
    Accel, BootPhase, BootRecord, Figures, NetworkMode, ProcessId, Store, Vm, VmName, VmSpec,
};

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

    /// The agent hears a line, beside the greeting.
    pub(super) async fn agent_hears(&self) -> String {
        loop {
            let line = self.agent_line().await;
            if !line.contains("hello") {
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

/// A store with one VM, a world for it, and shims as wanted.
pub(super) struct Bench {
    pub(super) dir: tempfile::TempDir,
    pub(super) store: Store,
    pub(super) name: VmName,
    pub(super) world: Rc<World>,
}

const ID: &str = "0badcafe";

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut VmSpec)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::locate(Some(dir.path())).unwrap();
        let name: VmName = "web".parse().unwrap();
        let mut spec = VmSpec {
            mem_size_mib: 64,
            kernel: Some("kernel".into()),
            network: NetworkMode::None,
            ..VmSpec::sample(ID)
        };
        change(&mut spec);
        store.register(&name, &spec).unwrap().commit().unwrap();
        Self {
            dir,
            store,
            name,
            world: Rc::default(),
        }
    }

    /// Starts a shim in this process and returns when it listens.
    pub(super) async fn shim(&self, task: Task) -> JoinHandle<Result<(), Failure>> {
        let order = Order {
            data_dir: self.dir.path().to_owned(),
            task,
            name: self.name.clone(),
        };
        let host = Rc::new(FakeHost(Rc::new(FakeBackend(Rc::clone(&self.world)))));
        let (say, listens) = oneshot::channel();
        let shim = tokio::task::spawn_local(async move {
            let ready = || {
                let _ = say.send(());
            };
            Box::pin(serve(host, &order, ready)).await
        });
        let _ = listens.await;
        shim
    }

    pub(super) async fn client(&self) -> Client {
        Client::connect(&self.name, &self.store.run_dir_path(ID))
            .await
            .unwrap()
    }

    /// A shim whose VM runs, a client of it, and the shim's task.
    pub(super) async fn running(&self) -> (Client, JoinHandle<Result<(), Failure>>) {
        let shim = self.shim(Task::Start).await;
        let mut client = self.client().await;
        client.call(Request::WaitRunning).await.unwrap();
        (client, shim)
    }

    pub(super) fn vm(&self) -> Vm {
        self.store.find("web").unwrap()
    }

    pub(super) fn boots(&self) -> Vec<BootRecord> {
        self.store.boots(ID).unwrap()
    }

    pub(super) fn run_dir(&self) -> std::path::PathBuf {
        self.store.run_dir_path(ID)
    }
}

pub(super) const READY: &str = concat!(
    r#"{"say":"ready","protocol":1,"version":"0.1","#,
    r#""stages":{"shell":20,"init":10,"NO STAGE":1}}"#,
    "\n"
);

pub(super) async fn status(client: &mut Client) -> Status {
    match client.call(Request::Status).await.unwrap() {
        Answer::Status(status) => status,
        other => panic!("{other:?}"),
    }
}

/// Runs a test on one thread, as a shim runs.
pub(super) async fn locally<T>(work: impl Future<Output = T>) -> T {
    LocalSet::new().run_until(work).await
}

/// Reads output until `until`; gaps are counted and filled with zeros.
pub(super) async fn output(
    listener: &mut crate::shim::client::Listener,
    mut at: u64,
    until: u64,
) -> (Vec<u8>, u64) {
    let (mut bytes, mut missed) = (Vec::new(), 0);
    while at < until {
        match listener.next().await.unwrap().expect("the shim hung up") {
            ServerFrame::Output {
                offset, bytes: got, ..
            } => {
                assert_eq!(offset, at);
                at += got.len() as u64;
                bytes.extend(got);
            }
            ServerFrame::Gap { offset, missing } => {
                assert_eq!(offset, at);
                at += missing;
                missed += missing;
                bytes.resize(bytes.len() + usize::try_from(missing).unwrap(), 0);
            }
            _ => {}
        }
    }
    (bytes, missed)
}
