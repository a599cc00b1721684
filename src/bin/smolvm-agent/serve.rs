//! The agent's loop: the host's requests, the children's deaths, and the moment of *ready*.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};
use nix::sys::wait::{WaitPidFlag, waitpid};

use crate::log::warn;
use crate::port::Port;
use crate::power::{self, End};
use crate::precedence::{self, Precedence};
use crate::setup::Setup;
use crate::shell::Shell;
use crate::stages::{Stages, now_us};
use crate::wire::{self, Request};

const SIGNALS: u64 = 0;
const UEVENTS: u64 = 1;
const PORT: u64 = 2;

/// While the shell starts we yield to it and look again; one that takes longer than this, in µs,
/// is looked at more seldom.
const SOON_US: u64 = 250_000;

/// How often, in ms, a shell that is slow to start is looked at: first, and at last.
const SELDOM_MS: std::ops::RangeInclusive<u64> = 20..=1000;

/// What the loop waits on.
pub(crate) struct Agent {
    epoll: Epoll,
    signals: SignalFd,
    /// The kernel's news of devices, until the port is found.
    uevents: Option<OwnedFd>,
    port: Option<Port>,
    /// The line that says *ready*, once that is true.
    ready: Option<String>,
}

impl Agent {
    /// Blocks the signals that PID 1 handles.
    pub(crate) fn new() -> io::Result<Self> {
        let mut mask = SigSet::empty();
        // The last three are what `reboot`, `halt` and `poweroff` of busybox send to PID 1, SIGINT
        // is Ctrl-Alt-Del.
        for signal in [
            Signal::SIGCHLD,
            Signal::SIGINT,
            Signal::SIGTERM,
            Signal::SIGUSR1,
            Signal::SIGUSR2,
        ] {
            mask.add(signal);
        }
        mask.thread_block()?;
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&signals, EpollEvent::new(EpollFlags::EPOLLIN, SIGNALS))?;
        Ok(Self {
            epoll,
            signals,
            uevents: None,
            port: None,
            ready: None,
        })
    }

    /// Serves for ever.
    pub(crate) fn serve(
        &mut self,
        mut shell: Shell,
        mut setup: Setup,
        mut stages: Stages,
    ) -> io::Result<Infallible> {
        let born_us = now_us();
        precedence::take(Precedence::Last);
        self.find_port(&mut stages);
        if self.port.is_none() {
            // By now it is there, as a rule; each device that is told of costs time.
            self.await_port(&mut stages);
        }
        let mut events = [EpollEvent::empty(); 4];
        loop {
            if self.ready.is_none() && shell.reads() {
                stages.mark("ready");
                self.ready = Some(wire::ready(env!("CARGO_PKG_VERSION"), stages.iter()));
                self.say_ready();
                // The host knows; what nobody waited for comes now.
                setup.finish();
            }
            let waited_us = now_us().saturating_sub(born_us);
            let shell_ms = match (self.ready.is_none(), shell.restart_in_ms()) {
                (_, Some(0)) => {
                    // The place is handed down.
                    precedence::take(Precedence::Usual);
                    shell.start();
                    Some(0)
                }
                (_, Some(pause_ms)) => Some(pause_ms),
                (false, None) => None,
                (true, None) if waited_us < SOON_US => {
                    // On a machine with one CPU this runs the shell until it waits for input: we
                    // come last.
                    // SAFETY: sched_yield(2) takes nothing and touches nothing.
                    unsafe { libc::sched_yield() };
                    Some(0)
                }
                // The longer it takes, the less a moment more matters: at most a thirtieth.
                (true, None) => {
                    precedence::take(Precedence::Usual);
                    let pause_ms = (waited_us / 30_000).clamp(*SELDOM_MS.start(), *SELDOM_MS.end());
                    u16::try_from(pause_ms).ok()
                }
            };
            let port_ms = match &mut self.port {
                Some(port) => port.call(&self.epoll),
                None => None,
            };
            let timeout = shell_ms.into_iter().chain(port_ms).min();
            let timeout = timeout.map_or(EpollTimeout::NONE, EpollTimeout::from);
            let count = match self.epoll.wait(&mut events, timeout) {
                Ok(count) => count,
                Err(Errno::EINTR) => 0,
                Err(error) => return Err(error.into()),
            };
            for event in &events[..count] {
                match event.data() {
                    SIGNALS => self.take_signals(&mut shell)?,
                    UEVENTS => self.find_port(&mut stages),
                    _ => self.talk(event.events(), &mut shell),
                }
            }
        }
    }

    /// Listens to devices until the port is found.
    fn await_port(&mut self, stages: &mut Stages) {
        let watched = listen_to_devices().and_then(|socket| {
            self.epoll
                .add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, UEVENTS))?;
            Ok(socket)
        });
        match watched {
            Ok(socket) => self.uevents = Some(socket),
            Err(error) => warn(&format!("cannot listen to new devices: {error}")),
        }
        // It may have come in between.
        self.find_port(stages);
    }

    /// Opens the port as soon as it is there, and says what could not be said before.
    fn find_port(&mut self, stages: &mut Stages) {
        self.drain_uevents();
        if self.port.is_some() {
            return;
        }
        match Port::find(&self.epoll, PORT) {
            None => {}
            Some(Ok(port)) => {
                stages.mark("port");
                self.port = Some(port);
                // Closing it takes it out of the watched.
                self.uevents = None;
                self.say_ready();
            }
            Some(Err(error)) => warn(&format!("cannot open the port to the host: {error}")),
        }
    }

    fn drain_uevents(&self) {
        let Some(uevents) = &self.uevents else {
            return;
        };
        let mut message = [0; 2048];
        // What the news says does not matter: sysfs is looked at anew.
        while recv(uevents.as_raw_fd(), &mut message, MsgFlags::MSG_DONTWAIT).is_ok() {}
    }

    fn say_ready(&mut self) {
        if let (Some(port), Some(ready)) = (&mut self.port, &self.ready) {
            port.greet(ready);
        }
    }

    fn talk(&mut self, news: EpollFlags, shell: &mut Shell) {
        let Some(port) = &mut self.port else {
            return;
        };
        for request in port.attend(news) {
            let end = match request {
                Request::Hello => {
                    self.say_ready();
                    continue;
                }
                Request::Resize { rows, columns } => {
                    shell.resize(rows, columns);
                    None
                }
                Request::PowerOff => Some(End::PowerOff),
                Request::Reboot => Some(End::Reboot),
            };
            if let Some(port) = &mut self.port {
                port.say(&wire::ack(request));
            }
            if let Some(end) = end {
                self.end(end);
            }
        }
    }

    fn take_signals(&mut self, shell: &mut Shell) -> io::Result<()> {
        while let Some(news) = self.signals.read_signal()? {
            match Signal::try_from(news.ssi_signo.cast_signed()) {
                Ok(Signal::SIGCHLD) => reap(shell),
                Ok(Signal::SIGUSR1 | Signal::SIGUSR2) => self.end(End::PowerOff),
                Ok(Signal::SIGTERM | Signal::SIGINT) => self.end(End::Reboot),
                _ => {}
            }
        }
        Ok(())
    }

    fn end(&self, how: End) {
        let error = power::end(how, self.signals.as_fd());
        warn(&format!("cannot end the machine: {error}"));
    }
}

/// Takes every dead child, ours and orphans; signals of one kind are merged, so all at once.
fn reap(shell: &mut Shell) {
    while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        let Some(child) = status.pid() else {
            return;
        };
        shell.ended(child);
    }
}

/// A socket on which the kernel tells of devices (netlink(7), `NETLINK_KOBJECT_UEVENT`).
fn listen_to_devices() -> io::Result<OwnedFd> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        SockProtocol::NetlinkKObjectUEvent,
    )?;
    // Group 1 is the kernel's own news; udev's are another.
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 1))?;
    Ok(socket)
}
