//! Reaching the agent in a guest, which may not be ready yet.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::context::Context;
use super::lifecycle;
use crate::fault::{Code, Failure};
use crate::shim::client::Client;

/// How long an agent may take to answer a shim that has just taken over: it calls by a socket at
/// least so often.
const AGENT_PATIENCE: Duration = Duration::from_secs(6);

/// Between two looks whether it has.
const MOMENT: Duration = Duration::from_millis(20);

/// Makes `attempt` with a new connection until it is no longer too early for it, which it tells by
/// nothing. A guest that is not ready may take `timeout` to be.
pub(super) async fn reach<T>(
    context: &Context,
    name: &str,
    timeout: Option<Duration>,
    mut attempt: impl AsyncFnMut(Client) -> Result<Option<T>, Failure>,
) -> Result<T, Failure> {
    let mut patience = None;
    loop {
        let client = context.fleet.connect(name).await?;
        if let Some(done) = attempt(client).await? {
            return Ok(done);
        }
        let ready = Context::ready_timeout(timeout);
        lifecycle::wait(&context.fleet, name, ready).await?;
        let until = *patience.get_or_insert(Instant::now() + AGENT_PATIENCE);
        if Instant::now() > until {
            let message = format!("the agent in the guest of `{name}` does not answer");
            return Err(Failure::new(Code::Timeout, message));
        }
        sleep(MOMENT).await;
    }
}
