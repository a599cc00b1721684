//! The size of the guest's terminal. A serial line carries none, so it is the guest's until somebody
//! has it changed: through the agent, else by a command that is typed at a shell's prompt.

use super::host::Host;
use super::owner::Owner;
use super::typing::Typed;
use crate::console::Size;
use crate::fault::{Code, Failure};
use crate::guest::agent::ToAgent;
use crate::shim::protocol::{Answer, Event, Push};
use crate::vm::WindowSize;

impl<H: Host> Owner<H> {
    /// A client asks for another size.
    pub(super) fn resize(&mut self, size: Size, push: Option<Push>) -> Result<Answer, Failure> {
        match push {
            // What clients did before guests had a size of their own.
            None => {
                self.tell_agent(size);
                self.settle_size(size);
            }
            Some(Push::FirstOnly) => {
                self.fit = Some(size);
                self.fit_first();
            }
            Some(Push::ByAnyMeans) if self.agent_listens() => {
                self.tell_agent(size);
                self.settle_size(size);
            }
            Some(Push::ByAnyMeans) => self.type_size(size)?,
        }
        Ok(Answer::Done)
    }

    /// Gives the guest the size of the console that took the keys, unless somebody chose one in this
    /// boot already. Only an agent is told unasked: nothing is typed.
    pub(super) fn fit_first(&mut self) {
        if let Some(size) = self.fit
            && self.state.window.is_none()
            && self.agent_listens()
        {
            self.tell_agent(size);
            self.settle_size(size);
        }
    }

    /// A new boot: the guest's terminal is as it was made, and nobody chose its size.
    pub(super) fn forget_size(&mut self) {
        self.state.window = None;
        self.show_size(Size::DEFAULT);
    }

    /// The size that the guest had when another shim looked after it.
    pub(super) fn recall_size(&mut self) {
        if let Some(WindowSize { rows, columns }) = self.state.window {
            self.show_size(Size::new(rows, columns));
        }
    }

    fn agent_listens(&self) -> bool {
        let agent = self.live.as_ref().and_then(|live| live.agent.as_ref());
        self.state.ready && agent.is_some_and(super::agent::Agent::spoke)
    }

    fn tell_agent(&mut self, size: Size) {
        if let Some(agent) = self.live.as_mut().and_then(|live| live.agent.as_mut()) {
            agent.say(&ToAgent::Resize {
                rows: size.rows(),
                columns: size.columns(),
            });
        }
    }

    /// Types what sets the size. A leading space keeps it out of most shells' history.
    fn type_size(&mut self, size: Size) -> Result<(), Failure> {
        if self.live.is_none() {
            return Err(self.not_running("resize"));
        }
        let command = format!("stty rows {} cols {}", size.rows(), size.columns());
        if !self.console.borrow().at_prompt() || !self.typing.is_empty() {
            let message = format!(
                "could not tell the guest of `{}` its size: it has no agent, and no shell waits at a prompt",
                self.subject.name
            );
            let hint = format!("go to a shell's prompt and ask again, or type `{command}` there");
            return Err(Failure::new(Code::Refused, message).with_hint(hint));
        }
        let typed = format!(" {command}\r").into_bytes();
        self.typing.push(Typed::new(typed, None));
        self.type_on();
        self.settle_size(size);
        Ok(())
    }

    /// The guest has that size now, because somebody wanted it.
    fn settle_size(&mut self, size: Size) {
        self.state.window = Some(WindowSize {
            rows: size.rows(),
            columns: size.columns(),
        });
        self.save();
        self.show_size(size);
    }

    fn show_size(&mut self, size: Size) {
        if self.console.borrow().size() != size {
            self.console.borrow_mut().resize(size);
            self.clients.tell(&Event::Size {
                rows: size.rows(),
                columns: size.columns(),
            });
        }
    }
}
