"""What the benchmarks share: a bed for VMs, a program in a terminal, and figures as a table.

Python 3.8 or newer, standard library only; Linux, since it reads /proc.
"""
import argparse
import contextlib
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def arguments(description, rounds):
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--program", help="default: the release build",
                        default=os.path.join(REPOSITORY, "target/release/smolvm-tui"))
    parser.add_argument("-n", "--rounds", type=int, default=rounds)
    return parser


class Bed:
    """A data directory of its own; the VMs in it are killed when it goes."""

    def __init__(self, program):
        if not os.access(program, os.X_OK):
            sys.exit(f"there is no {program}: cargo build --release")
        self.program = program
        self.directory = tempfile.mkdtemp(prefix="bench")
        self.environment = dict(os.environ, HOME=self.directory,
                                SMOLVM_TUI_DATA_DIR=os.path.join(self.directory, "d"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Exception):
            names = [row["name"] for row in self.json("ls")["vms"]]
            if names:
                self.run("rm", "--force", *names)
        shutil.rmtree(self.directory, ignore_errors=True)

    def run(self, *words):
        """Runs the program; its output. Ends the benchmark when it fails."""
        done = subprocess.run([self.program, *words], env=self.environment, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def json(self, *words):
        """`data` of the answer."""
        return json.loads(self.run(*words, "--json"))["data"]

    def state(self, name):
        """What the shim wrote down."""
        with open(os.path.join(self.directory, "d/vms", name, "state.json")) as file:
            return json.load(file)


def timed(command, environment=None):
    """Milliseconds from the spawn of a command to its end; it must succeed."""
    begin = time.perf_counter()
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    took = (time.perf_counter() - begin) * 1e3
    if done.returncode not in (0, 1):  # a doctor that finds something says 1
        raise SystemExit(f"{command}: exit {done.returncode}\n{done.stderr.decode()}")
    return took


class Terminal:
    """A program in a terminal of a given size."""

    def __init__(self, command, environment, columns=200, rows=50):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvpe(command[0], command, dict(environment, TERM="xterm-256color", LANG="C.UTF-8"))
        self.ended = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        self.drain(0.3)
        os.close(self.master)
        with contextlib.suppress(ChildProcessError, ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def read(self, seconds):
        """What comes within that time; nothing when nothing does, or when the program ended."""
        if not select.select([self.master], [], [], max(0, seconds))[0]:
            return b""
        try:
            return os.read(self.master, 1 << 16)
        except OSError:
            self.ended = True
            return b""

    def drain(self, seconds):
        """Reads for so long."""
        end = time.perf_counter() + seconds
        while not self.ended and (left := end - time.perf_counter()) > 0:
            self.read(left)

    def settle(self, quiet=0.3, patience=10):
        """Reads until nothing came for `quiet` seconds."""
        end = time.perf_counter() + patience
        while time.perf_counter() < end and self.read(quiet):
            pass

    def type(self, keys):
        """Sends keys to which no answer is awaited."""
        os.write(self.master, keys)

    def key(self, key, until=b"", patience=5):
        """Sends a key; milliseconds until output came that holds `until`."""
        begin, data = time.perf_counter(), b""
        self.type(key)
        while time.perf_counter() - begin < patience:
            came = self.read(patience)
            data += came
            if came and until in data:
                return (time.perf_counter() - begin) * 1e3
        raise SystemExit(f"no answer to {key!r}")


def cpu_ns(pid):
    """Nanoseconds that all threads of a process were on a CPU."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                total += int(file.read().split()[0])
    return total


def status(pid):
    """Own memory in KiB, and how often the threads of the process woke up."""
    memory, woken = 0, 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f"/proc/{pid}/task/{thread}/status") as file:
                lines = dict(line.split(":", 1) for line in file if ":" in line)
            # Every thread tells the memory of the process.
            memory = int(lines["RssAnon"].split()[0])
            woken += int(lines["voluntary_ctxt_switches"])
    return memory, woken


def median(values):
    return statistics.median(values)


def high(values):
    """The 95th percentile."""
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.95))]


def table(head, rows):
    """Prints rows under a head; the first column to the left, figures to the right."""
    lines = [head] + [[cell if isinstance(cell, str) else f"{cell:.2f}" for cell in row] for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        print("  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                        for column, (cell, width) in enumerate(zip(line, widths))))
