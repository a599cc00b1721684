//! What VMMs count of their guests.

use std::time::Duration;

use tokio::time::timeout;

use super::Fleet;
use crate::fault::{Code, Failure};
use crate::network;
use crate::shim::client::Client;
use crate::shim::protocol::{Answer, Request};
use crate::vm::{Figures, NetFigures};

/// A shim answers within two seconds, or says why it cannot.
const DEADLINE: Duration = Duration::from_secs(4);

/// Who is asked for the figures of one VM, once or again and again.
#[derive(Debug)]
pub struct Meter {
    name: String,
    client: Client,
    /// The VM's TAP device, which the host counts where the VMM does not.
    tap: Option<String>,
}

impl Fleet {
    /// Connects to who counts what happens in a VM.
    pub async fn meter(&self, name: &str) -> Result<Meter, Failure> {
        let client = in_time(name, self.connect(name)).await?;
        let spec = self.store.find(name)?.spec;
        let record = spec.and_then(|spec| network::recorded(&self.store, &spec.id));
        Ok(Meter {
            name: name.to_owned(),
            client,
            tap: record.map(|record| record.tap.device),
        })
    }

    /// What the VMM of a VM counts, up to now. A shim that is older does not know the question.
    pub async fn figures(&self, name: &str) -> Result<Figures, Failure> {
        self.meter(name).await?.figures().await
    }
}

impl Meter {
    /// What the VMM counts, up to now. After a failure the connection is of no more use.
    pub async fn figures(&mut self) -> Result<Figures, Failure> {
        let mut figures = match in_time(&self.name, self.client.call(Request::Figures)).await? {
            Answer::Figures(figures) => *figures,
            other => {
                let name = &self.name;
                let message = format!("the shim of VM `{name}` answered something else: {other:?}");
                return Err(Failure::new(Code::RuntimeError, message));
            }
        };
        let traffic = || network::traffic(self.tap.as_deref()?);
        figures.net = figures.net.or_else(|| {
            let traffic = traffic()?;
            Some(NetFigures {
                rx_bytes: Some(traffic.received),
                tx_bytes: Some(traffic.sent),
                ..NetFigures::default()
            })
        });
        Ok(figures)
    }
}

async fn in_time<T>(
    name: &str,
    asked: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    timeout(DEADLINE, asked).await.unwrap_or_else(|_| {
        let after = DEADLINE.as_secs();
        let message = format!("the figures of VM `{name}` took longer than {after} s");
        Err(Failure::new(Code::Timeout, message))
    })
}
