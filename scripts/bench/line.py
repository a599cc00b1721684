"""Serial lines for the benchmarks of the console: one of a VM, and those of tmux, screen, picocom
and socat, all with the same guest (`guest.py`) at the other end.

The VM is the scripted Firecracker of the tests, whose own toy guest does not touch the line: ours
writes into the FIFO that the shim reads, as fast as that reads.
"""
import array
import contextlib
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
import tty

from guest import MARKER
from measure import REPOSITORY, Bed, Terminal

HERE = os.path.dirname(os.path.abspath(__file__))
GUEST = os.path.join(HERE, "guest.py")
PEER = os.path.join(REPOSITORY, "target/debug/examples/scripted-firecracker")

# How an escape sequence looks; what is left without them is text.
ESCAPE = re.compile(rb"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[P^_X][^\x1b]*\x1b\\|[ -/]*[0-~])")

MESSAGES = """\
pci 0000:00:1f.2: reg 0x20: [io  0xc040-0xc05f]
NET: Registered PF_INET protocol family
virtio_blk virtio1: [vda] 4194304 512-byte logical blocks (2.15 GB/2.00 GiB)
EXT4-fs (vda): mounted filesystem with ordered data mode. Quota mode: none.
systemd[1]: Started systemd-journald.service - Journal Service.
clocksource: tsc-early: mask: 0xffffffffffffffff max_cycles: 0x2b3e459bf4c, max_idle_ns: 440795289890 ns
Freeing unused kernel image (initmem) memory: 2796K
ACPI: PCI: Interrupt link LNKA configured for IRQ 10
audit: type=2000 audit(1718109127.443:1): state=initialized audit_enabled=0 res=1
random: crng init done""".splitlines()


def kernel_log(lines):
    """A kernel's log whose stamps are its numbers."""
    text = [f"[{number // 1000000:5}.{number % 1000000:06}] {MESSAGES[number * 7 % len(MESSAGES)]}"
            for number in range(lines)]
    return "\r\n".join(text).encode() + b"\r\n"


def write_payload(bed, name, data):
    path = os.path.join(bed.directory, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def lacking(*programs):
    """Says which of the programs, named as their packages are, cannot be measured here."""
    gone = [name for name in programs if not shutil.which(name)]
    if gone:
        print(f"not measured for want of: apt-get install {' '.join(gone)}", file=sys.stderr)
    return gone


class LineBed(Bed):
    """A bed whose VMs have a serial line at whose other end nobody is yet."""

    def __init__(self, program):
        if not os.access(PEER, os.X_OK):
            sys.exit(f"there is no {PEER}: cargo build --example scripted-firecracker")
        super().__init__(program)
        # A VMM gets an empty environment, hence a program without variables.
        vmm = os.path.join(self.directory, "firecracker")
        with open(vmm, "w") as file:
            file.write(f"#!/bin/sh\nexec '{PEER}' \"$@\"\n")
        os.chmod(vmm, 0o700)
        self.environment.update(FIRECRACKER_BIN=vmm, SMOLVM_BACKEND="firecracker")

    def boot(self, name):
        """A VM that runs and does not touch its line."""
        # Without `console=` the toy guest leaves the line alone.
        self.run("create", name, "--network", "none", "--boot-args", "quiet", "--start", "--wait")

    def line(self, name):
        """The two FIFOs of its serial line, open: what its guest reads, what its guest writes."""
        run_dir = self.state(name)["run_dir"]
        return [os.open(os.path.join(run_dir, f"serial.{way}"), os.O_RDWR) for way in ("in", "out")]

    @contextlib.contextmanager
    def guest(self, line, *words):
        """Our guest on a line."""
        reads, writes = line
        guest = subprocess.Popen([sys.executable, GUEST, *words], stdin=reads, stdout=writes)
        try:
            yield guest
        finally:
            guest.kill()
            guest.wait()
            for end in {reads, writes}:
                os.close(end)


class Shown:
    """How each program is brought to show a guest, whose words are given: a context manager for each."""

    def __init__(self, bed, columns, rows):
        self.bed, self.size = bed, (columns, rows)

    @contextlib.contextmanager
    def dashboard(self, *words):
        """Our dashboard with the VM's console over the whole screen."""
        with self.bed.guest(self.bed.line("web"), *words):
            with self.terminal([self.bed.program, "--open", "web"]) as terminal:
                terminal.settle(patience=3)
                # Closes the doctor, which a first start shows; zooms; takes the keys.
                for key in (b"\x1b", b"z", b"\r"):
                    terminal.type(key)
                    terminal.settle(patience=2)
                yield terminal
                terminal.type(b"\x1d")
                terminal.drain(0.1)

    @contextlib.contextmanager
    def console(self, *words):
        """`smolvm-tui console`."""
        with self.bed.guest(self.bed.line("web"), *words):
            with self.terminal([self.bed.program, "console", "web"]) as terminal:
                terminal.settle(patience=3)
                yield terminal
                terminal.type(b"\x1d")
                terminal.drain(0.1)

    @contextlib.contextmanager
    def tmux(self, *words):
        socket = os.path.join(self.bed.directory, "tmux")
        command = ["tmux", "-S", socket, "-f", "/dev/null", "-u"]
        environment = {key: value for key, value in self.bed.environment.items() if key != "TMUX"}
        with self.terminal([*command, "new-session", "--", sys.executable, GUEST, *words], environment) as terminal:
            terminal.settle(patience=3)
            yield terminal
            subprocess.run([*command, "kill-server"], stderr=subprocess.DEVNULL)

    @contextlib.contextmanager
    def screen(self, *words):
        environment = {key: value for key, value in self.bed.environment.items() if key != "STY"}
        environment["SCREENDIR"] = os.path.join(self.bed.directory, "screens")
        os.makedirs(environment["SCREENDIR"], mode=0o700, exist_ok=True)
        command = ["screen", "-c", "/dev/null", "-S", "bench"]
        with self.terminal([*command, sys.executable, GUEST, *words], environment) as terminal:
            terminal.settle(patience=3)
            yield terminal
            subprocess.run(["screen", "-S", "bench", "-X", "quit"], env=environment,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @contextlib.contextmanager
    def picocom(self, *words):
        master, slave = pty.openpty()
        tty.setraw(slave)
        with self.bed.guest([master, master], *words):
            with self.terminal(["picocom", "--quiet", "--noreset", os.ttyname(slave)]) as terminal:
                terminal.settle(patience=3)
                yield terminal
        os.close(slave)

    @contextlib.contextmanager
    def socat(self, *words):
        """Nothing between the terminal and two FIFOs as a VM has them."""
        paths = [os.path.join(self.bed.directory, f"socat.{way}") for way in ("in", "out")]
        for path in paths:
            if not os.path.exists(path):
                os.mkfifo(path)
        into, out = paths
        with self.bed.guest([os.open(path, os.O_RDWR) for path in paths], *words):
            with self.terminal(["socat", "-,rawer", f"OPEN:{out},rdonly!!OPEN:{into},wronly"]) as terminal:
                terminal.settle(patience=1)
                yield terminal

    def terminal(self, command, environment=None):
        return Terminal(command, environment or self.bed.environment, *self.size)


def flooded(terminal, times):
    """Starts the flood, types a key meanwhile, and reads all that is drawn until the marker stands on
    the screen: the pieces with their times in ns, the times of the guest, and how many ms the key
    took to it."""
    drawn, tail, typed = [], b"", None
    terminal.type(b"g")
    begun = time.monotonic()
    while time.monotonic() < begun + 120:
        if typed is None and time.monotonic() > begun + 0.1:
            typed = time.monotonic_ns()
            terminal.type(b"k")
        data = terminal.read(1)
        drawn.append((time.monotonic_ns(), data))
        if b"~" in data and MARKER in ESCAPE.sub(b"", tail + data):
            break
        tail = (tail + data)[-4096:]
    else:
        raise SystemExit(f"no end of the flood was seen; the last that was: {tail[-300:]!r}")
    while not os.path.exists(times):
        time.sleep(0.01)
    with open(times, "rb") as file:
        key, *began = array.array("Q", file.read())
    os.unlink(times)
    return drawn, began, (key - typed) / 1e6 if key and typed else float("nan")
