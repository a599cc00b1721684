//! A real image, made from the distribution's packages, boots in a real QEMU, and its agent does
//! what the protocol says. Needs `qemu-system-x86_64`, apt and its archive; `scripts/test` brings
//! what is missing.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "guest/vsock.rs"]
mod vsock;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use smolvm_tui::guest::agent::{FromAgent, PORT_NAME, PROTOCOL, ToAgent};
use smolvm_tui::guest::{BuildOptions, Image, ImageStore};

/// For an emulated boot on a busy host.
const PATIENCE: Duration = Duration::from_mins(2);

/// What the guest finds, and by what its agent reaches the host.
enum Machine<'a> {
    /// Devices on PCI and a virtio-serial port, as our QEMU guests have them.
    Port,
    /// Devices on PCI and a virtio socket; the host listens here.
    Socket(&'a UnixListener),
    /// Firecracker's: no PCI, devices that ACPI lists on the memory bus, and a virtio socket.
    Mmio(&'a UnixListener),
}

/// Emulated on a busy host, the clocks of QEMU's `microvm` defeat the kernel's measurements, and it
/// stands still in early boot. What it would measure is told.
const TOLD_CLOCKS: &str = "tsc_early_khz=2500000 lpj=5000000 no_timer_check pci=off";

/// QEMU with the serial line and the agent's way to the host on sockets.
struct Guest {
    qemu: Child,
    console: UnixStream,
    output: Receiver<Vec<u8>>,
    seen: String,
    agent: BufReader<UnixStream>,
}

impl Guest {
    fn boot(image: &Image, directory: &Path, machine: &Machine<'_>, arguments: &str) -> Self {
        let socket = |name: &str| directory.join(name);
        let chardev = |name: &str| {
            let path = socket(name);
            format!(
                "socket,id={name},path={},server=on,wait=off",
                path.display()
            )
        };
        let (kind, bus, clocks) = match machine {
            Machine::Port | Machine::Socket(_) => ("q35", "pci", ""),
            Machine::Mmio(_) => ("microvm,acpi=on,pcie=off,rtc=on", "device", TOLD_CLOCKS),
        };
        let device = |name: &str, options: &str| format!("{name}-{bus},{options}");
        let mut command = Command::new("qemu-system-x86_64");
        command
            .args(["-nodefaults", "-no-user-config", "-display", "none"])
            .args(["-accel", "tcg", "-m", "256", "-M"])
            .arg(format!("{kind},memory-backend=memory"))
            .args([
                "-object",
                "memory-backend-memfd,id=memory,share=on,size=256M",
            ])
            .args(["-action", "reboot=shutdown"])
            .arg("-kernel")
            .arg(image.vmlinux.as_ref().unwrap())
            .arg("-initrd")
            .arg(image.initramfs.as_ref().unwrap())
            .arg("-append")
            .arg(format!(
                "console=ttyS0 reboot=t panic=-1 cryptomgr.notests smolvm.name=web \
                 smolvm.ip=10.0.2.15/24 smolvm.gw=10.0.2.2 smolvm.dns=10.0.2.3 {clocks} {arguments}"
            ))
            .args(["-chardev", &chardev("con"), "-serial", "chardev:con"])
            .args(["-chardev", &chardev("monitor"), "-mon", "monitor"])
            .args(["-netdev", "user,id=net", "-device"])
            .arg(device("virtio-net", "netdev=net"))
            .stdin(Stdio::null());
        match machine {
            Machine::Port => {
                command.args(["-device", "virtio-serial-pci"]);
                command.args(["-chardev", &chardev("agent"), "-device"]);
                command.arg(format!(
                    "virtserialport,id=port,chardev=agent,name={PORT_NAME}"
                ));
            }
            Machine::Socket(_) | Machine::Mmio(_) => {
                vsock::serve(&socket("vhost"), socket("v.sock"));
                let path = socket("vhost");
                command.arg("-chardev");
                command.arg(format!("socket,id=vhost,path={}", path.display()));
                command
                    .arg("-device")
                    .arg(device("vhost-user-vsock", "chardev=vhost"));
            }
        }
        let qemu = command.spawn().expect("qemu-system-x86_64 runs");
        let console = connect(&socket("con"));
        let (send, output) = channel();
        let mut reader = console.try_clone().unwrap();
        // A guest whose console is not read stands still.
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut chunk) {
                if send.send(chunk[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        let agent = match machine {
            Machine::Port => connect(&socket("agent")),
            Machine::Socket(listener) | Machine::Mmio(listener) => called(listener),
        };
        Self {
            qemu,
            console,
            output,
            seen: String::new(),
            agent: BufReader::new(agent),
        }
    }

    /// Waits for the end of QEMU, which is a clean one.
    fn ends(mut self) {
        let begun = Instant::now();
        loop {
            match self.qemu.try_wait().unwrap() {
                Some(ended) => return assert!(ended.success(), "{ended}"),
                None => assert!(begun.elapsed() < PATIENCE, "QEMU lives on"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn hear(&mut self) -> FromAgent {
        let mut line = String::new();
        self.agent.read_line(&mut line).expect("the agent speaks");
        serde_json::from_str(&line).expect("the agent speaks the protocol")
    }

    fn say(&mut self, request: &ToAgent) {
        let line = serde_json::to_string(request).unwrap() + "\n";
        self.agent.get_mut().write_all(line.as_bytes()).unwrap();
    }

    /// Types a line and waits for `answer` in what comes after it.
    fn type_and_expect(&mut self, line: &str, answer: &str) {
        while self.output.try_recv().is_ok() {}
        self.seen.clear();
        self.console.write_all(line.as_bytes()).unwrap();
        self.expect(answer);
    }

    fn expect(&mut self, answer: &str) {
        while !self.seen.contains(answer) {
            let bytes = self.output.recv_timeout(PATIENCE);
            let bytes = bytes.unwrap_or_else(|_| panic!("no {answer:?} in {:?}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// QEMU makes its sockets some milliseconds after it starts, and says so to nobody.
fn connect(path: &Path) -> UnixStream {
    let begun = Instant::now();
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                return stream;
            }
            Err(error) if begun.elapsed() > PATIENCE => panic!("{}: {error}", path.display()),
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// Takes the agent's call.
fn called(listener: &UnixListener) -> UnixStream {
    let mut fds = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    let patience = PollTimeout::try_from(PATIENCE).unwrap();
    assert_eq!(poll(&mut fds, patience), Ok(1), "the agent calls");
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The image, made once for all tests of this file.
fn image() -> &'static Image {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let images = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guest-images");
        let _ = std::fs::remove_dir_all(&images);
        let store = ImageStore::new(images);
        let options = BuildOptions {
            agent: Some(env!("CARGO_BIN_EXE_smolvm-agent").into()),
            ..BuildOptions::default()
        };
        let image = store.build(&options, &mut |_| {}).unwrap();
        assert_eq!(image, store.latest("tiny").unwrap());
        image
    })
}

/// An archive of cpio without the names of busybox's applets, as it is where the host that made it
/// could not run that busybox.
fn without_applets(archive: &[u8]) -> Vec<u8> {
    let number = |at: usize| {
        let digits = std::str::from_utf8(&archive[at..at + 8]).unwrap();
        usize::from_str_radix(digits, 16).unwrap()
    };
    let mut kept = Vec::new();
    let mut at = 0;
    loop {
        let name_end = at + 110 + number(at + 94);
        let end = name_end.next_multiple_of(4) + number(at + 54);
        let end = end.next_multiple_of(4);
        let name = &archive[at + 110..name_end - 1];
        let is_link = number(at + 14) & 0o170_000 == 0o120_000;
        if !(is_link && name.starts_with(b"bin/")) {
            kept.extend_from_slice(&archive[at..end]);
        }
        if name == b"TRAILER!!!" {
            return kept;
        }
        at = end;
    }
}

#[test]
fn an_image_without_names_for_the_applets_gets_them_in_the_guest() {
    let directory = tempfile::tempdir().unwrap();
    let image = image();
    let whole = std::fs::read(image.initramfs.as_ref().unwrap()).unwrap();
    let bare = without_applets(&whole);
    assert!(bare.len() < whole.len());
    let initramfs = directory.path().join("initramfs.cpio");
    std::fs::write(&initramfs, bare).unwrap();
    let foreign = Image {
        initramfs: Some(initramfs),
        ..image.clone()
    };
    let mut guest = Guest::boot(&foreign, directory.path(), &Machine::Port, "");
    assert!(matches!(guest.hear(), FromAgent::Ready { .. }));
    guest.type_and_expect("readlink /bin/sh\n", "/bin/busybox");
}

#[test]
fn a_fresh_image_boots_says_ready_obeys_its_host_and_powers_off() {
    let image = image();
    assert!(image.has_agent);
    assert!(
        std::fs::metadata(image.initramfs.as_ref().unwrap())
            .unwrap()
            .len()
            < 12 << 20,
        "a large initramfs costs boot time"
    );

    let directory = tempfile::tempdir().unwrap();
    let mut guest = Guest::boot(image, directory.path(), &Machine::Port, "");
    let FromAgent::Ready { stages, .. } = guest.hear() else {
        panic!("the first word is ready")
    };
    assert!(stages["init"] <= stages["modules"] && stages["modules"] <= stages["ready"]);

    // Ready means that what is typed now is read.
    guest.type_and_expect("echo $((6*7))@$(hostname)\n", "42@web");
    guest.type_and_expect("ping -c 1 10.0.2.2\n", "1 packets received");
    guest.type_and_expect("tty\n", "/dev/ttyS0");

    guest.say(&ToAgent::Resize {
        rows: 50,
        columns: 132,
    });
    assert!(matches!(guest.hear(), FromAgent::Ack { what } if what == "resize"));
    guest.type_and_expect("stty size\n", "50 132");

    // A host that comes back asks again; nonsense before it does no harm.
    guest.agent = BufReader::new({
        let _ = guest.agent.get_ref().shutdown(Shutdown::Both);
        connect(&directory.path().join("agent"))
    });
    guest
        .agent
        .get_mut()
        .write_all(&vec![b'x'; 20_000])
        .unwrap();
    guest
        .agent
        .get_mut()
        .write_all(b"\n\0{\"say\":1}\n")
        .unwrap();
    guest.say(&ToAgent::Hello {
        protocol: PROTOCOL,
        session: None,
    });
    assert!(matches!(guest.hear(), FromAgent::Ready { .. }));

    // The next shell's greeting: a prompt could still be the old one's.
    guest.type_and_expect("exit\n", "built-in shell");
    guest.type_and_expect("echo back $((2+3))\n", "back 5");

    guest.say(&ToAgent::PowerOff);
    assert!(matches!(guest.hear(), FromAgent::Ack { what } if what == "power_off"));
    guest.ends();
}

/// What Firecracker's guests have and have not: a socket to the host and no port, and a machine that
/// power-off would only halt.
#[test]
fn without_a_port_the_agent_calls_its_host_over_a_socket_and_calls_again_when_it_was_gone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("v.sock_1024");
    let listener = UnixListener::bind(&path).unwrap();
    let machine = Machine::Socket(&listener);
    let mut guest = Guest::boot(image(), directory.path(), &machine, "acpi=off");
    assert!(matches!(guest.hear(), FromAgent::Ready { .. }));

    guest.say(&ToAgent::Hello {
        protocol: PROTOCOL,
        session: None,
    });
    assert!(matches!(guest.hear(), FromAgent::Ready { .. }));
    guest.type_and_expect("echo $((6*7))@$(hostname)\n", "42@web");
    guest.say(&ToAgent::Resize {
        rows: 50,
        columns: 132,
    });
    assert!(matches!(guest.hear(), FromAgent::Ack { what } if what == "resize"));
    guest.type_and_expect("stty size\n", "50 132");

    // The host's end goes with its socket, in the middle of a line; another takes its place.
    guest
        .agent
        .get_mut()
        .write_all(b"{\"say\":\"power")
        .unwrap();
    drop(listener);
    std::fs::remove_file(&path).unwrap();
    let _ = guest.agent.get_ref().shutdown(Shutdown::Both);
    let listener = UnixListener::bind(&path).unwrap();
    guest.agent = BufReader::new(called(&listener));
    assert!(matches!(guest.hear(), FromAgent::Ready { .. }));
    guest.say(&ToAgent::PowerOff);
    guest.ends();
}

#[test]
fn devices_that_acpi_lists_on_the_memory_bus_are_found_and_used() {
    let directory = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(directory.path().join("v.sock_1024")).unwrap();
    let machine = Machine::Mmio(&listener);
    // Firecracker names them on the command line too; that must not trouble a kernel with ACPI.
    let told = "virtio_mmio.device=4K@0xd0000000:5";
    let mut guest = Guest::boot(image(), directory.path(), &machine, told);
    assert!(matches!(guest.hear(), FromAgent::Ready { .. }));
    guest.type_and_expect("ping -c 1 10.0.2.2\n", "1 packets received");
    guest.type_and_expect(
        "dmesg | grep -c 'virtio_mmio: unknown' | sed s/^/complaints:/\n",
        "complaints:0",
    );
    guest.say(&ToAgent::PowerOff);
    guest.ends();
}

/// How Firecracker asks a guest on x86 to stop.
#[test]
fn ctrl_alt_del_ends_programs_before_it_ends_the_guest() {
    let directory = tempfile::tempdir().unwrap();
    let mut guest = Guest::boot(image(), directory.path(), &Machine::Port, "");
    assert!(matches!(guest.hear(), FromAgent::Ready { .. }));
    // Its word goes to the kernel's log: the terminal is hung up on at some time meanwhile, which
    // would end it too.
    let program = "sh -c 'trap \"\" HUP; trap \"echo \\<2\\>good\"bye\" >/dev/kmsg; exit\" TERM; \
                   echo set$((1+1)); sleep 99 & wait' &\n";
    guest.type_and_expect(program, "set2");
    let mut monitor = connect(&directory.path().join("monitor"));
    monitor.write_all(b"sendkey ctrl-alt-delete\n").unwrap();
    guest.expect("goodbye");
    guest.ends();
}
