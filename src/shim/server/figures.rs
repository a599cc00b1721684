//! What the VMM counts of its guest, for whoever asks. Nobody asks, nothing is counted.

use std::time::Duration;

use tokio::time::timeout;

use super::clients::ClientId;
use super::host::Host;
use super::operations::overdue;
use super::owner::{Note, Owner};
use crate::backends::Machine;
use crate::fault::{Code, Failure};
use crate::shim::protocol::Answer;
use crate::vm::Figures;

/// Figures that come later are of no use to anybody who looks.
const DEADLINE: Duration = Duration::from_secs(2);

/// Askers who may wait for one answer.
const MOST_ASKERS: usize = 64;

impl<H: Host> Owner<H> {
    /// Asks the VMM, beside whatever operation is under way; who asks meanwhile gets the same.
    pub(super) fn count(&mut self, client: ClientId, id: u64) {
        let Some(live) = &self.live else {
            let failure = self.not_running("count what happens in");
            return self.clients.answer(client, id, Err(failure));
        };
        if self.counting.len() >= MOST_ASKERS {
            let failure = Failure::new(Code::Busy, "too many wait for figures already");
            return self.clients.answer(client, id, Err(failure));
        }
        self.counting.push((client, id));
        if self.counting.len() > 1 {
            return;
        }
        let (machine, note) = (live.machine.clone(), self.note.clone());
        tokio::task::spawn_local(async move {
            let result = match timeout(DEADLINE, machine.figures()).await {
                Ok(figures) => figures.map(Box::new).map_err(Failure::from),
                Err(_) => Err(overdue("the VMM's count", DEADLINE)),
            };
            // Without an owner there is nobody left to answer.
            let _ = note.send(Note::Figures(result)).await;
        });
    }

    /// The VMM answered.
    pub(super) fn counted(&mut self, result: Result<Box<Figures>, Failure>) {
        let askers = std::mem::take(&mut self.counting);
        self.answer_all(askers, &result.map(Answer::Figures));
    }
}
