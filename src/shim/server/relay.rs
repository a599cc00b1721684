//! What clients say to the guest's agent, and what they hear of it.

use super::clients::ClientId;
use super::host::Host;
use super::owner::Owner;
use super::streams::Relayed;
use crate::guest::agent::ToAgent;
use crate::guest::protocol::message::Message;
use crate::shim::protocol::Piece;
use crate::vm::Phase;

/// Why a stream comes to nothing.
pub(super) const NO_AGENT: &str =
    "no agent answers in this guest; the image that `smolvm-tui image build` makes has one";
pub(super) const AGENT_GONE: &str = "the guest went away, or the agent in it";
const ENDED: &str = "the VM ended";

impl<H: Host> Owner<H> {
    /// Tells the guest what time it is, which it cannot know after a pause, nor where it has no
    /// clock of its own.
    pub(super) fn tell_time(&mut self) {
        let now = jiff::Timestamp::now().as_microsecond();
        let agent = self.live.as_mut().and_then(|live| live.agent.as_mut());
        if let (Some(agent), Ok(unix_us)) = (agent, u64::try_from(now)) {
            agent.say(&ToAgent::Clock { unix_us });
        }
    }

    /// A client says something on a stream.
    pub(super) fn relay(&mut self, client: ClientId, piece: &Piece) {
        // One that spoke in this boot will speak again, to a shim that has just taken over too.
        let boot = self.state.boot.as_ref();
        let expected = !self.state.ready || boot.is_some_and(|boot| !boot.guest_stages.is_empty());
        let begins = matches!(piece.message(), Some(Message::Open(_)));
        if begins && self.state.phase == Phase::Paused {
            let why = "the VM is paused; `smolvm-tui resume` lets it go on";
            return self.tell_pieces(Relayed::refused(client, piece.stream, why).to_clients);
        }
        let heard = match self.live.as_mut().map(|live| &mut live.agent) {
            Some(Some(agent)) => agent.relay(client, piece, expected),
            Some(None) => Relayed::refused(client, piece.stream, NO_AGENT).to_clients,
            None => {
                let failure = self.not_running("reach");
                Relayed::refused(client, piece.stream, &failure.message).to_clients
            }
        };
        self.tell_pieces(heard);
    }

    /// A client is gone.
    pub(super) fn forget_streams(&mut self, client: ClientId) {
        if let Some(agent) = self.live.as_mut().and_then(|live| live.agent.as_mut()) {
            agent.forget(client);
        }
    }

    /// The VM has ended, and with it every stream.
    pub(super) fn end_streams(&mut self) {
        let agent = self.live.as_mut().and_then(|live| live.agent.as_mut());
        let heard = agent.map(|agent| agent.end_streams(ENDED));
        self.tell_pieces(heard.unwrap_or_default());
    }

    pub(super) fn tell_pieces(&self, pieces: Vec<(ClientId, Piece)>) {
        for (client, piece) in pieces {
            self.clients.pass(client, piece);
        }
    }
}
