//! What VMMs count of their guests.

use std::time::Duration;

use tokio::time::timeout;

use super::Fleet;
use crate::fault::{Code, Failure};
use crate::shim::protocol::{Answer, Request};
use crate::vm::Figures;

/// A shim answers within two seconds, or says why it cannot.
const DEADLINE: Duration = Duration::from_secs(4);

impl Fleet {
    /// What the VMM of a VM counts, up to now. A shim that is older does not know the question.
    pub async fn figures(&self, name: &str) -> Result<Figures, Failure> {
        let ask = async {
            let mut client = self.connect(name).await?;
            client.call(Request::Figures).await
        };
        let answer = timeout(DEADLINE, ask).await.unwrap_or_else(|_| {
            let after = DEADLINE.as_secs();
            let message = format!("the figures of VM `{name}` took longer than {after} s");
            Err(Failure::new(Code::Timeout, message))
        });
        match answer? {
            Answer::Figures(figures) => Ok(*figures),
            other => {
                let message = format!("the shim of VM `{name}` answered something else: {other:?}");
                Err(Failure::new(Code::RuntimeError, message))
            }
        }
    }
}
