//! Firecracker's side of a virtio socket, so that a guest can be tried without Firecracker: a
//! vhost-user device for QEMU (its `docs/interop/vhost-user.rst`; virtio 1.2, sections 2.7 and 5.10)
//! that passes what the guest calls on port P to the Unix socket `<uds>_P`, and refuses the call
//! when nobody listens there.
//!
//! Only what that takes: the guest calls, packets are small, and the guest's memory is read and
//! written as the file that it is.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

/// The host, and the guest as Firecracker's are numbered.
const HOST: u64 = 2;
const GUEST: u64 = 3;

/// The length of a packet's header, in bytes.
const HEADER: usize = 44;

/// `VIRTIO_F_VERSION_1`, and that there are features of the protocol too: `CONFIG`.
const FEATURES: u64 = 1 << 32 | 1 << 30;
const PROTOCOL_FEATURES: u64 = 1 << 9;

/// A packet's operations.
const REQUEST: u16 = 1;
const RESPONSE: u16 = 2;
const RESET: u16 = 3;
const SHUTDOWN: u16 = 4;
const DATA: u16 = 5;
const CREDIT_UPDATE: u16 = 6;
const CREDIT_REQUEST: u16 = 7;

/// Listens for QEMU on `socket` and serves it, in a thread, until it ends.
pub(crate) fn serve(socket: &Path, uds: PathBuf) {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        let (qemu, _) = listener.accept().unwrap();
        let device = Device {
            qemu,
            uds,
            memory: Vec::new(),
            rings: [Ring::default(), Ring::default()],
            calls: Vec::new(),
            outbox: VecDeque::new(),
        };
        device.run();
    });
}

struct Device {
    qemu: UnixStream,
    uds: PathBuf,
    memory: Vec<Region>,
    /// To the guest, and from it; QEMU keeps the third, of events, to itself.
    rings: [Ring; 2],
    calls: Vec<Call>,
    /// Packets for which the guest has no room yet.
    outbox: VecDeque<Vec<u8>>,
}

/// A piece of the guest's memory.
struct Region {
    guest: u64,
    size: u64,
    user: u64,
    offset: u64,
    file: File,
}

/// A queue; addresses are QEMU's.
#[derive(Default)]
struct Ring {
    size: u16,
    descriptors: u64,
    used: u64,
    available: u64,
    next: u16,
    kick: Option<File>,
    notify: Option<File>,
}

/// A call of the guest's that was answered.
struct Call {
    guest_port: u32,
    host_port: u32,
    stream: UnixStream,
    received: u32,
}

impl Device {
    fn run(mut self) {
        loop {
            let watch = |fd| PollFd::new(fd, PollFlags::POLLIN);
            let mut fds = vec![watch(self.qemu.as_fd())];
            fds.extend(self.calls.iter().map(|call| watch(call.stream.as_fd())));
            let kicks = self.rings.iter().filter_map(|ring| ring.kick.as_ref());
            fds.extend(kicks.map(|kick| watch(kick.as_fd())));
            poll(&mut fds, PollTimeout::NONE).unwrap();
            let news: Vec<bool> = fds.iter().map(|fd| fd.any() == Some(true)).collect();
            let (qemu, rest) = news.split_first().unwrap();
            let (calls, kicks) = rest.split_at(self.calls.len());
            if calls.contains(&true) {
                self.hear_from_host(calls);
            }
            if kicks.contains(&true) {
                self.hear_from_guest();
            }
            if *qemu && self.obey().is_none() {
                return;
            }
        }
    }

    /// Carries out one message of QEMU's; `None` when it is gone.
    fn obey(&mut self) -> Option<()> {
        let mut header = [0; 12];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let iov = &mut [IoSliceMut::new(&mut header)];
        let heard = recvmsg(&self.qemu, iov, &mut control, RecvFlags::empty()).ok()?;
        if heard.bytes == 0 {
            return None;
        }
        let mut fds = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                fds.extend(rights.map(File::from));
            }
        }
        self.qemu.read_exact(&mut header[heard.bytes..]).ok()?;
        let mut payload = vec![0; u32_at(&header, 8) as usize];
        self.qemu.read_exact(&mut payload).ok()?;

        let request = u32_at(&header, 0);
        let index = payload.first().map_or(0, |&index| usize::from(index));
        let number = || u16::try_from(u32_at(&payload, 4)).unwrap();
        match request {
            1 => self.reply(request, &FEATURES.to_le_bytes()),
            15 => self.reply(request, &PROTOCOL_FEATURES.to_le_bytes()),
            5 => self.memory = regions(&payload, fds),
            8 => self.rings[index].size = number(),
            9 => {
                let ring = &mut self.rings[index];
                ring.descriptors = u64_at(&payload, 8);
                ring.used = u64_at(&payload, 16);
                ring.available = u64_at(&payload, 24);
            }
            10 => self.rings[index].next = number(),
            11 => {
                let ring = std::mem::take(&mut self.rings[index]);
                payload[4..8].copy_from_slice(&u32::from(ring.next).to_le_bytes());
                self.reply(request, &payload);
            }
            12 => self.rings[index].kick = fds.pop(),
            13 => self.rings[index].notify = fds.pop(),
            // The device's configuration is the guest's number.
            24 => {
                payload[12..20].copy_from_slice(&GUEST.to_le_bytes());
                self.reply(request, &payload);
            }
            _ => {}
        }
        Some(())
    }

    fn reply(&mut self, request: u32, payload: &[u8]) {
        // Version 1, and that it is a reply.
        let words = [request, 0b101, u32::try_from(payload.len()).unwrap()];
        let mut message: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        message.extend(payload);
        self.qemu.write_all(&message).unwrap();
    }

    /// Takes the packets that the guest has sent, and gives it those for which it has made room.
    fn hear_from_guest(&mut self) {
        for ring in &self.rings {
            // The count is of no interest, only that it is taken.
            if let Some(mut kick) = ring.kick.as_ref()
                && ring.is_kicked()
            {
                kick.read_exact(&mut [0; 8]).unwrap();
            }
        }
        while let Some((head, parts)) = self.take(1) {
            let packet: Vec<u8> = parts.iter().flat_map(|part| self.read(part)).collect();
            self.give_back(1, head, 0);
            self.act_on(&packet);
        }
        self.deliver();
    }

    fn act_on(&mut self, packet: &[u8]) {
        let (guest_port, host_port) = (u32_at(packet, 16), u32_at(packet, 20));
        let of_call = |call: &Call| (call.guest_port, call.host_port) == (guest_port, host_port);
        let known = self.calls.iter().position(of_call);
        let mut answer = Call::header(guest_port, host_port, 0);
        match (u16_at(packet, 30), known) {
            (REQUEST, None) => {
                let mut path = self.uds.clone().into_os_string();
                path.push(format!("_{host_port}"));
                let operation = match UnixStream::connect(path) {
                    Ok(stream) => {
                        self.calls.push(Call {
                            guest_port,
                            host_port,
                            stream,
                            received: 0,
                        });
                        RESPONSE
                    }
                    Err(_) => RESET,
                };
                self.send(&mut answer, operation, &[]);
            }
            (DATA, Some(at)) => {
                let call = &mut self.calls[at];
                let data = &packet[HEADER..];
                call.received += u32::try_from(data.len()).unwrap();
                let mut answer = Call::header(guest_port, host_port, call.received);
                // A host that is gone is noticed when its end is read.
                let _ = call.stream.write_all(data);
                self.send(&mut answer, CREDIT_UPDATE, &[]);
            }
            (CREDIT_REQUEST, Some(at)) => {
                let mut answer = Call::header(guest_port, host_port, self.calls[at].received);
                self.send(&mut answer, CREDIT_UPDATE, &[]);
            }
            (CREDIT_UPDATE, Some(_)) | (RESET, None) => {}
            (RESET, Some(at)) => drop(self.calls.remove(at)),
            (SHUTDOWN, Some(at)) => {
                self.calls.remove(at);
                self.send(&mut answer, RESET, &[]);
            }
            _ => self.send(&mut answer, RESET, &[]),
        }
    }

    /// Passes on what the hosts of the calls marked in `news` have said.
    fn hear_from_host(&mut self, news: &[bool]) {
        let mut chunk = [0; 1024];
        for at in (0..self.calls.len()).rev().filter(|&at| news[at]) {
            let call = &mut self.calls[at];
            let mut header = Call::header(call.guest_port, call.host_port, call.received);
            if let Ok(count @ 1..) = call.stream.read(&mut chunk) {
                self.send(&mut header, DATA, &chunk[..count]);
            } else {
                // The guest answers the shutdown of both directions with a reset.
                self.calls.remove(at);
                header[32] = 0b11;
                self.send(&mut header, SHUTDOWN, &[]);
            }
        }
        self.deliver();
    }

    fn send(&mut self, header: &mut [u8; HEADER], operation: u16, data: &[u8]) {
        header[24..28].copy_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
        header[30..32].copy_from_slice(&operation.to_le_bytes());
        self.outbox.push_back([&header[..], data].concat());
    }

    fn deliver(&mut self) {
        while !self.outbox.is_empty()
            && let Some((head, parts)) = self.take(0)
        {
            let packet = self.outbox.pop_front().unwrap();
            let mut rest = &packet[..];
            for part in &parts {
                let (piece, tail) = rest.split_at(rest.len().min(part.length));
                self.write(part, piece);
                rest = tail;
            }
            assert!(rest.is_empty(), "the guest's buffer holds a small packet");
            self.give_back(0, head, packet.len());
        }
    }

    /// The next chain of descriptors that the guest has made available.
    fn take(&mut self, index: usize) -> Option<(u16, Vec<Part>)> {
        let ring = &self.rings[index];
        let (size, next) = (ring.size, ring.next);
        if ring.kick.is_none() || self.word(ring.available + 2) == next {
            return None;
        }
        let head = self.word(ring.available + 4 + 2 * u64::from(next % size));
        let mut parts = Vec::new();
        let mut at = Some(head);
        while let Some(descriptor) = at.take() {
            let bytes = self.bytes(ring.descriptors + 16 * u64::from(descriptor), 16);
            parts.push(Part {
                guest: u64_at(&bytes, 0),
                length: u32_at(&bytes, 8) as usize,
            });
            if u16_at(&bytes, 12) & 1 == 1 {
                at = Some(u16_at(&bytes, 14));
            }
        }
        self.rings[index].next = next.wrapping_add(1);
        Some((head, parts))
    }

    fn give_back(&self, index: usize, head: u16, length: usize) {
        let ring = &self.rings[index];
        let used = self.word(ring.used + 2);
        let entry = [u32::from(head), u32::try_from(length).unwrap()];
        let entry: Vec<u8> = entry.iter().flat_map(|word| word.to_le_bytes()).collect();
        let (file, at) = self.place(ring.used + 4 + 8 * u64::from(used % ring.size));
        file.write_all_at(&entry, at).unwrap();
        // Last, because the guest looks at it first.
        let (file, at) = self.place(ring.used + 2);
        file.write_all_at(&used.wrapping_add(1).to_le_bytes(), at)
            .unwrap();
        if let Some(mut notify) = ring.notify.as_ref() {
            notify.write_all(&1_u64.to_ne_bytes()).unwrap();
        }
    }

    fn read(&self, part: &Part) -> Vec<u8> {
        let mut bytes = vec![0; part.length];
        let (file, at) = self.place_of_guest(part.guest);
        file.read_exact_at(&mut bytes, at).unwrap();
        bytes
    }

    fn write(&self, part: &Part, bytes: &[u8]) {
        let (file, at) = self.place_of_guest(part.guest);
        file.write_all_at(bytes, at).unwrap();
    }

    fn word(&self, user: u64) -> u16 {
        u16_at(&self.bytes(user, 2), 0)
    }

    fn bytes(&self, user: u64, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let (file, at) = self.place(user);
        file.read_exact_at(&mut bytes, at).unwrap();
        bytes
    }

    /// The file and the offset in it of an address of QEMU's.
    fn place(&self, user: u64) -> (&File, u64) {
        self.find(user, |region| region.user)
    }

    /// The file and the offset in it of an address of the guest's.
    fn place_of_guest(&self, guest: u64) -> (&File, u64) {
        self.find(guest, |region| region.guest)
    }

    fn find(&self, address: u64, start: impl Fn(&Region) -> u64) -> (&File, u64) {
        let region = self
            .memory
            .iter()
            .find(|region| (start(region)..start(region) + region.size).contains(&address))
            .expect("an address lies in the memory");
        (&region.file, address - start(region) + region.offset)
    }
}

impl Ring {
    fn is_kicked(&self) -> bool {
        let Some(kick) = &self.kick else {
            return false;
        };
        let mut fds = [PollFd::new(kick.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO) == Ok(1)
    }
}

impl Call {
    /// A packet from the host to the guest, with the credit that it gives: bytes that may be
    /// under way, and bytes received.
    fn header(guest_port: u32, host_port: u32, received: u32) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[0..8].copy_from_slice(&HOST.to_le_bytes());
        header[8..16].copy_from_slice(&GUEST.to_le_bytes());
        header[16..20].copy_from_slice(&host_port.to_le_bytes());
        header[20..24].copy_from_slice(&guest_port.to_le_bytes());
        // A stream.
        header[28] = 1;
        header[36..40].copy_from_slice(&65_536_u32.to_le_bytes());
        header[40..44].copy_from_slice(&received.to_le_bytes());
        header
    }
}

/// One descriptor of a chain.
struct Part {
    guest: u64,
    length: usize,
}

fn regions(payload: &[u8], fds: Vec<File>) -> Vec<Region> {
    let region = |(at, file): (usize, File)| {
        let at = 8 + 32 * at;
        Region {
            guest: u64_at(payload, at),
            size: u64_at(payload, at + 8),
            user: u64_at(payload, at + 16),
            offset: u64_at(payload, at + 24),
            file,
        }
    };
    fds.into_iter().enumerate().map(region).collect()
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}
