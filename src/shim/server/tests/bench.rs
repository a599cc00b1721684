//! A store with one VM in it, and shims and clients of it in this process.

use std::rc::Rc;

use tokio::sync::oneshot;
use tokio::task::{JoinHandle, LocalSet};

use super::fake::{FakeHost, World};
use crate::fault::Failure;
use crate::shim::client::{Client, Listener};
use crate::shim::protocol::{Answer, Request, ServerFrame, Status};
use crate::shim::server::{Order, serve};
use crate::shim::spawn::Task;
use crate::vm::{BootRecord, NetworkMode, Store, Vm, VmName, VmSpec};

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
        let host = Rc::new(FakeHost::new(&self.world));
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
pub(super) async fn output(listener: &mut Listener, mut at: u64, until: u64) -> (Vec<u8>, u64) {
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
