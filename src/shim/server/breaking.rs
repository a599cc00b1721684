//! A BREAK on the serial line. It goes past the bytes of the line, so it waits for none: nothing may
//! be on the way, or the guest would take some other byte for the letter that belongs to it.

use std::time::Duration;

use tokio::time::timeout;

use super::clients::ClientId;
use super::host::Host;
use super::operations::overdue;
use super::owner::{Note, Owner};
use super::typing::Typed;
use crate::backends::Machine;
use crate::fault::{Code, Failure};
use crate::shim::protocol::Answer;

/// How long the VMM may take.
const DEADLINE: Duration = Duration::from_secs(2);

/// A BREAK that the VMM was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Break {
    pub(super) asker: (ClientId, u64),
    /// What is typed right behind it.
    pub(super) letter: Option<char>,
}

impl<H: Host> Owner<H> {
    /// Sends a BREAK, and a letter behind it: with one a Linux guest does what `SysRq` and that key do.
    pub(super) fn send_break(&mut self, asker: (ClientId, u64), letter: Option<char>) {
        if let Err(failure) = self.may_break(letter) {
            return self.clients.answer(asker.0, asker.1, Err(failure));
        }
        let machine = self.live.as_ref().map(|live| live.machine.clone());
        let Some(machine) = machine else { return };
        self.state.last_send = Some(self.console.borrow().end());
        self.save();
        self.typing.hold();
        let note = self.note.clone();
        let wanted = Break { asker, letter };
        tokio::task::spawn_local(async move {
            let result = match timeout(DEADLINE, machine.send_break()).await {
                Ok(sent) => sent.map_err(Failure::from),
                Err(_) => Err(overdue("the VMM's BREAK", DEADLINE)),
            };
            // Without an owner there is nobody left to answer.
            let _ = note.send(Note::Broke(wanted, result)).await;
        });
    }

    fn may_break(&self, letter: Option<char>) -> Result<(), Failure> {
        let Some(live) = &self.live else {
            return Err(self.not_running("send a BREAK to"));
        };
        if let Some(letter) = letter.filter(|letter| !letter.is_ascii_alphanumeric()) {
            let message = format!("`{}` is no key of SysRq", letter.escape_default());
            return Err(Failure::new(Code::InvalidInput, message)
                .with_hint("it is a letter or a digit; `h` has the guest list them"));
        }
        // What cannot be told counts as nothing: so it is where the platform has no such call.
        let on_the_way = live.serial.untaken().unwrap_or(0);
        if !self.typing.is_empty() || self.typing.is_held() || on_the_way > 0 {
            let message = format!(
                "could not send a BREAK to VM `{}`: its guest has not taken all that was typed",
                self.subject.name
            );
            return Err(Failure::new(Code::Busy, message)
                .with_hint("try again when it has, or end the paste"));
        }
        Ok(())
    }

    /// The VMM answered; what was typed meanwhile goes on behind the letter.
    pub(super) fn broke(&mut self, wanted: Break, result: Result<(), Failure>) {
        // Of a boot that is over: the letter is not for another.
        if self.typing.is_held() {
            let letter = wanted.letter.filter(|_| result.is_ok());
            let letter = letter.map(|letter| Typed::new(letter.to_string().into_bytes(), None));
            self.typing.release(letter);
            self.type_on();
        }
        let (client, id) = wanted.asker;
        self.clients
            .answer(client, id, result.map(|()| Answer::Done));
    }
}
