//! What the guest says, on the serial line and by its agent, and what that tells of its boot.

use std::time::{Duration, Instant};

use super::host::Host;
use super::owner::Owner;
use crate::guest::agent::FromAgent;
use crate::shim::protocol::{Answer, Event};
use crate::vm::{BootPhase, BootResult, GuestStages};

/// A UART sends one byte at a time, and each would wake us while the guest boots, on a processor
/// that it could use. So before *ready* a read that brought few bytes is followed by a rest.
const REST: Duration = Duration::from_micros(500);

/// As many bytes as show that the guest is faster than that: the socket holds some 250 single ones.
const FEW: usize = 128;

impl<H: Host> Owner<H> {
    /// Takes what the guest printed, and while it boots gives it the time to print some more.
    pub(super) fn listen(&mut self) {
        let came = self.read_serial();
        if (1..FEW).contains(&came) && !self.state.ready {
            // Not the runtime's sleep: its poll would wake for every byte all the same.
            std::thread::sleep(REST);
        }
    }

    /// Takes what the guest printed and tells how many bytes. Nothing in here waits.
    pub(super) fn read_serial(&mut self) -> usize {
        let Some(live) = &mut self.live else { return 0 };
        match live.serial.try_read(&mut self.buffer) {
            Ok(0) => live.serial_open = false,
            Ok(length) => {
                let at = Instant::now();
                let buffer = std::mem::take(&mut self.buffer);
                self.printed(&buffer[..length], at);
                self.buffer = buffer;
                return length;
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => live.serial_open = false,
        }
        0
    }

    /// The guest printed `bytes`, which were read at `at`.
    pub(super) fn printed(&mut self, bytes: &[u8], at: Instant) {
        if bytes.is_empty() {
            return;
        }
        let t_us = self.since_spawn(at);
        let end = {
            let mut console = self.console.borrow_mut();
            let replies = console.take(bytes, t_us);
            if !replies.is_empty() {
                self.typing.reply(replies);
            }
            self.gap.trim(&mut console);
            console.end()
        };
        self.type_on();
        self.clients.wake_attached();
        let heard = std::mem::replace(&mut self.state.heard, true);
        for milestone in self.boot.detector.take(bytes) {
            self.stamp(milestone.phase, at, end.saturating_sub(milestone.back));
        }
        // A boot that is watched has written it with its first byte.
        if !heard && !self.boot.watched {
            self.save();
        }
    }

    fn since_spawn(&self, at: Instant) -> u64 {
        let since = self.boot.spawned.map_or(Duration::ZERO, |spawned| {
            at.saturating_duration_since(spawned)
        });
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    /// Types what is waiting, as far as the guest takes it.
    pub(super) fn type_on(&mut self) {
        let Some(live) = &mut self.live else { return };
        let clients = &self.clients;
        let taken = |(client, id)| clients.answer(client, id, Ok(Answer::Done));
        if live.serial_open && self.typing.write(&live.serial, taken).is_err() {
            self.drop_typing();
        }
    }

    /// Nobody takes what is still to be typed.
    pub(super) fn drop_typing(&mut self) {
        let waiting = self.typing.clear();
        if !waiting.is_empty() {
            let failure = self.not_running("type to");
            self.answer_all(waiting, &Err(failure));
        }
    }

    pub(super) fn hear_agent(&mut self) {
        // What the guest printed before its agent spoke is to be stamped before.
        self.read_serial();
        let Some(agent) = self.live.as_mut().and_then(|live| live.agent.as_mut()) else {
            return;
        };
        agent.write();
        let said = agent.read(&mut self.buffer);
        let at = Instant::now();
        self.tell_pieces(said.pieces);
        for word in said.lines {
            if let FromAgent::Ready { stages, .. } = word {
                // Said again to each host that asks; a boot that is written down stays as it is.
                if let Some(boot) = self.state.boot.as_mut().filter(|_| !self.boot.recorded) {
                    boot.guest_stages = GuestStages::new(stages);
                }
                let first = !self.state.ready;
                let end = self.console.borrow().end();
                self.stamp(BootPhase::Ready, at, end);
                self.fit_first();
                if first {
                    self.tell_time();
                }
            }
        }
    }

    /// A phase of this boot came; the first time counts.
    pub(super) fn stamp(&mut self, phase: BootPhase, at: Instant, console: u64) {
        let offset_us = self.since_spawn(at);
        let is_ready = phase == BootPhase::Ready;
        if is_ready && self.state.ready {
            return;
        }
        if is_ready {
            self.state.ready = true;
            self.boot.detector.settle();
        }
        let Some(boot) = &mut self.state.boot else {
            // Of an adopted VM whose state was lost.
            self.save();
            return self.settle_waiters();
        };
        let first = self.boot.watched && boot.phases.stamp(phase, offset_us);
        if is_ready {
            boot.result = BootResult::Ready;
        }
        // A busy VMM may tell of the start later than the guest tells that it is ready.
        let started = !self.boot.watched || boot.phases.get(BootPhase::Started).is_some();
        if self.state.ready && started {
            self.record_boot();
        }
        self.save();
        if first {
            self.clients.tell(&Event::Boot {
                phase,
                offset_us,
                console,
            });
        }
        self.settle_waiters();
    }

    /// Writes this boot into the history, once; what the disk refuses is tried again at the end.
    pub(super) fn record_boot(&mut self) {
        if let Some(boot) = self.state.boot.as_ref().filter(|_| !self.boot.recorded) {
            self.boot.recorded = self.subject.store.append_boot(boot).is_ok();
        }
    }
}
