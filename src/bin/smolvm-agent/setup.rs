//! What a guest needs besides its shell: drivers and the network.
//!
//! On a single CPU the network comes up right behind *ready*, before anything that runs in the guest
//! gets the CPU again: nobody sees a guest without it, and *ready* is said a fifth of the user
//! space's time earlier when the guest is emulated.

use crate::cmdline::Cmdline;
use crate::devices::Wave;
use crate::modules::Modules;
use crate::net;
use crate::power;
use crate::precedence::{self, Precedence};

/// What is done of it, and what is still to do.
pub(crate) struct Setup {
    modules: Modules,
    cmdline: Cmdline,
    has_network: bool,
}

impl Setup {
    /// Loads what leads to the host.
    pub(crate) fn begin(cmdline: Cmdline) -> Self {
        let mut modules = Modules::read(&cmdline);
        modules.load(Wave::Port);
        Self {
            modules,
            cmdline,
            has_network: false,
        }
    }

    /// Brings the network up, unless that was done.
    pub(crate) fn network(&mut self) {
        if !std::mem::replace(&mut self.has_network, true) {
            self.modules.load(Wave::Network);
            net::bring_up(&self.cmdline);
        }
    }

    /// Loads what else there is a device for.
    pub(crate) fn drivers(&mut self) {
        self.modules.load(Wave::Rest);
    }

    /// All that was not done yet, now that the host has heard *ready*.
    pub(crate) fn finish(&mut self) {
        precedence::take(Precedence::First);
        self.network();
        precedence::take(Precedence::Usual);
        power::take_over_ctrl_alt_del();
        self.drivers();
    }
}
