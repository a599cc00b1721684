//! Who waits for what, and the last words of a shim.

use std::time::Duration;

use tokio::net::UnixListener;
use tokio::time::timeout;

use super::clients::{ClientId, Wish};
use super::host::Host;
use super::owner::{Happening, Owner, Until};
use crate::fault::{Code, Failure};
use crate::shim::protocol::{Answer, Event, Status};
use crate::vm::{Exit, ExitReason, Phase};

/// How long the shim waits for the one who spawned it, when the start failed before it connected;
/// and how long it goes on talking to those who are slow to listen.
const FAREWELL: Duration = Duration::from_secs(1);

impl<H: Host> Owner<H> {
    /// Everything is over: sockets away, state written, lock given back, then clients are told, so
    /// that one who hears of the end can start the VM again at once.
    pub(super) async fn farewell(mut self, listener: UnixListener) {
        self.state.shim = None;
        self.state.run_dir = None;
        if !self.clients.had_any() && self.failure.is_some() {
            // The one who spawned us is on its way, to hear how the start went.
            self.save();
            let first = async {
                loop {
                    match self.next(&listener).await {
                        Happening::Connection(stream) => self.clients.accept(stream),
                        Happening::Wish(_, Wish::Leaves) => return,
                        Happening::Wish(client, wish) => return self.wish(client, wish),
                        _ => {}
                    }
                }
            };
            let _ = timeout(FAREWELL, first).await;
        }
        drop(listener);
        let _ = std::fs::remove_dir_all(&self.subject.run_dir);
        self.save();
        self.lock = None;
        self.clients.tell(&Event::Phase {
            phase: self.state.phase,
            exit: self.state.exit.clone(),
        });
        // What is on its way already is answered too.
        for _ in 0..8 {
            tokio::task::yield_now().await;
            while let Ok((client, wish)) = self.wishes.try_recv() {
                self.wish(client, wish);
            }
        }
        self.settle_waiters();
        self.clients.close();
        let Self {
            clients, wishes, ..
        } = &mut self;
        let _ = timeout(FAREWELL, async {
            tokio::select! {
                () = clients.ended() => {}
                // Nobody may wait for a place in the queue.
                () = async { while wishes.recv().await.is_some() {} } => {}
            }
        })
        .await;
    }

    /// How the VM is.
    pub(super) fn status(&self) -> Status {
        Status {
            phase: self.state.phase,
            ready: self.state.ready && self.state.phase.is_live(),
            exit: self.state.exit.clone(),
            console_end: self.console.borrow().end(),
            unsaved: self.unsaved.as_ref().map(|(failure, _)| failure.clone()),
        }
    }

    /// Why something that needs a live VM will not come, now that it has ended.
    pub(super) fn ended_failure(&self) -> Failure {
        if let Some(failure) = &self.failure {
            return failure.clone();
        }
        let summary = self.state.exit.as_ref().map(Exit::summary);
        let failure = Failure::new(
            Code::NotRunning,
            format!(
                "VM `{}` has ended: {}",
                self.subject.name,
                summary.unwrap_or_default()
            ),
        );
        match self
            .state
            .exit
            .as_ref()
            .and_then(|exit| exit.detail.clone())
        {
            Some(detail) => failure.with_details(detail),
            None => failure,
        }
    }

    /// Answers those whose time has come.
    pub(super) fn settle_waiters(&mut self) {
        let over = self.over && self.lock.is_none();
        let (phase, ready) = (self.state.phase, self.state.ready);
        let mut waiting = std::mem::take(&mut self.waiters);
        waiting.retain(|&(client, id, until)| {
            let answer = match until {
                Until::Running if matches!(phase, Phase::Running | Phase::Paused) => {
                    Ok(Answer::Done)
                }
                Until::Ready if ready && phase.is_live() => Ok(Answer::Done),
                Until::Ended if over && self.failed_to_start() => Err(self.ended_failure()),
                Until::Ended if over => Ok(Answer::Status(self.status())),
                Until::Running | Until::Ready if over => Err(self.ended_failure()),
                _ => return true,
            };
            self.clients.answer(client, id, answer);
            false
        });
        self.waiters = waiting;
    }

    fn failed_to_start(&self) -> bool {
        let exit = self.state.exit.as_ref();
        exit.is_some_and(|exit| exit.reason == ExitReason::StartFailed)
    }

    /// They are told by the farewell, after everything is written.
    pub(super) fn wait_all(&mut self, askers: Vec<(ClientId, u64)>, until: Until) {
        let waiters = askers.into_iter().map(|(client, id)| (client, id, until));
        self.waiters.extend(waiters);
    }

    pub(super) fn answer_all(
        &self,
        askers: Vec<(ClientId, u64)>,
        result: &Result<Answer, Failure>,
    ) {
        for (client, id) in askers {
            self.clients.answer(client, id, result.clone());
        }
    }
}
