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

use crate::devices::Wave;
use crate::log::warn;
use crate::modules::Modules;
use crate::port::Port;
use crate::power::{self, End};
use crate::protocol::frame::Incoming;
use crate::protocol::message::Message;
use crate::shell::Shell;
use crate::stages::{Stages, now_us, set_clock};
use crate::streams::{self, Streams};
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
    /// The guest is ready.
    ready: bool,
    /// What runs for the host.
    streams: Streams,
}

impl Agent {
    /// Blocks the signals that PID 1 handles and starts to listen to devices.
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
        let uevents = match listen_to_devices() {
            Ok(socket) => {
                epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, UEVENTS))?;
                Some(socket)
            }
            Err(error) => {
                warn(&format!("cannot listen to new devices: {error}"));
                None
            }
        };
        Ok(Self {
            epoll,
            signals,
            uevents,
            port: None,
            ready: false,
            streams: Streams::default(),
        })
    }

    /// Serves for ever.
    pub(crate) fn serve(
        &mut self,
        mut shell: Shell,
        mut modules: Modules,
        mut stages: Stages,
    ) -> io::Result<Infallible> {
        let born_us = now_us();
        self.find_port(&mut stages);
        let mut events = [EpollEvent::empty(); 64];
        loop {
            if !self.ready && shell.reads() {
                stages.mark("ready");
                self.ready = true;
                self.say_ready(&stages);
                // The host knows; what nobody waited for comes now.
                modules.load(Wave::Rest);
            }
            let waited_us = now_us().saturating_sub(born_us);
            let shell_ms = match (!self.ready, shell.restart_in_ms()) {
                (_, Some(0)) => {
                    shell.start();
                    Some(0)
                }
                (_, Some(pause_ms)) => Some(pause_ms),
                (false, None) => None,
                (true, None) if waited_us < SOON_US => {
                    // On a machine with one CPU this runs the shell until it waits for input.
                    // SAFETY: sched_yield(2) takes nothing and touches nothing.
                    unsafe { libc::sched_yield() };
                    Some(0)
                }
                // The longer it takes, the less a moment more matters: at most a thirtieth.
                (true, None) => {
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
                    PORT => self.talk(event.events(), &mut shell, &stages),
                    stream => self.wake(stream),
                }
            }
            self.pass_on();
        }
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
                self.say_ready(stages);
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

    fn say_ready(&mut self, stages: &Stages) {
        if let Some(port) = self.port.as_mut().filter(|_| self.ready) {
            let line = |session| wire::ready(env!("CARGO_PKG_VERSION"), session, stages.iter());
            port.greet(&line(port.session), line(None));
        }
    }

    /// Hears the host.
    fn talk(&mut self, news: EpollFlags, shell: &mut Shell, stages: &Stages) {
        if let Some(port) = &mut self.port {
            port.attend(news);
        }
        loop {
            let read = self.port.as_mut().and_then(Port::fill);
            match read {
                None => return,
                // Nobody hears what still runs for a host that is gone.
                Some(false) => return self.streams.reset(),
                Some(true) => {}
            }
            while let Some(request) = self.next_request(shell) {
                self.obey(request, shell, stages);
            }
        }
    }

    /// The next request in what was read; frames before it go to their streams.
    fn next_request(&mut self, shell: &Shell) -> Option<Request> {
        let port = self.port.as_mut()?;
        loop {
            let lost = port.incoming.is_lost();
            match port.incoming.next()? {
                Incoming::Line(line) => {
                    let request = std::str::from_utf8(line).ok().and_then(Request::parse);
                    // Amid the ruins of a frame only a greeting is believed.
                    match request {
                        Some(Request::Hello { .. }) => return request,
                        Some(_) if !lost => return request,
                        _ => {}
                    }
                }
                Incoming::Frame(frame) => {
                    if let Some(said) = Message::decode(&frame) {
                        let (id, out) = (frame.stream, &mut port.outgoing);
                        self.streams.hear(id, said, shell.root(), &self.epoll, out);
                    }
                }
            }
        }
    }

    fn obey(&mut self, request: Request, shell: &mut Shell, stages: &Stages) {
        let end = match request {
            Request::Hello { session } => {
                self.streams.reset();
                if let Some(port) = &mut self.port {
                    port.begin(session);
                }
                return self.say_ready(stages);
            }
            Request::Clock { unix_us } => {
                if let Err(error) = set_clock(unix_us) {
                    warn(&format!("cannot set the clock: {error}"));
                }
                None
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

    fn wake(&mut self, token: u64) {
        if let Some(port) = self.port.as_mut().filter(|_| token >= streams::TOKENS) {
            self.streams.wake(token, &mut port.outgoing);
        }
    }

    /// Passes on what commands have written, as far as the host takes it.
    fn pass_on(&mut self) {
        let Some(port) = &mut self.port else {
            return;
        };
        loop {
            self.streams.pump(&mut port.outgoing);
            if port.outgoing.is_empty() {
                return;
            }
            port.flush();
            if !port.outgoing.is_empty() {
                return;
            }
        }
    }

    fn take_signals(&mut self, shell: &mut Shell) -> io::Result<()> {
        while let Some(news) = self.signals.read_signal()? {
            match Signal::try_from(news.ssi_signo.cast_signed()) {
                Ok(Signal::SIGCHLD) => self.reap(shell),
                Ok(Signal::SIGUSR1 | Signal::SIGUSR2) => self.end(End::PowerOff),
                Ok(Signal::SIGTERM | Signal::SIGINT) => self.end(End::Reboot),
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes every dead child, ours and orphans; signals of one kind are merged, so all at once.
    fn reap(&mut self, shell: &mut Shell) {
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            let Some(child) = status.pid() else {
                return;
            };
            shell.ended(child);
            self.streams.ended(status);
        }
    }

    fn end(&self, how: End) {
        let error = power::end(how, self.signals.as_fd());
        warn(&format!("cannot end the machine: {error}"));
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
