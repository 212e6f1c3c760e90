"""What every program of the real-peer suite needs: ports, waiting, and processes that are ended by their pid.

Everything binds 127.0.0.1 and writes below one output folder. Python's standard library only.
"""
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


class Failed(Exception):
    """The peer or the phone did not do what the case wants."""


def want(condition, text):
    if not condition:
        raise Failed(text)


# ---------------------------------------------------------------- ports

PORTS = range(20000, 30000)
_next_port, _ports_lock = PORTS.start + os.getpid() % 100 * 100, threading.Lock()


def _is_free(port):
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def free_ports(count):
    """The first, an even one, of so many ports in a row that are free for UDP and TCP. None is given out twice
    before all others have been."""
    global _next_port
    count += count % 2
    with _ports_lock:
        for _ in range(2 * len(PORTS) // count):
            first = _next_port if _next_port + count <= PORTS.stop else PORTS.start
            _next_port = first + count
            if all(_is_free(first + i) for i in range(count)):
                return first
    raise Failed("no free port")


def free_port():
    """A free port, as are the seven that follow it: sipp takes port+2 to port+5 for media."""
    return free_ports(8)


def udp_is_bound(port):
    """Whether any process has the UDP port (Linux)."""
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        try:
            rows = open(table).read().splitlines()[1:]
        except OSError:
            continue
        if any(row.split()[1].endswith(f":{port:04X}") for row in rows):
            return True
    return False


def until(condition, seconds, text):
    """Waits for a condition; its value, or Failed with the text."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(text() if callable(text) else text)
        time.sleep(0.02)


# ---------------------------------------------------------------- processes

class Process:
    """A program whose output goes to files; ended by its own pid, never by name."""

    children = []

    @classmethod
    def end_all(cls):
        """Ends whatever still runs: the suite itself was told to end."""
        for popen in cls.children:
            if popen.poll() is None:
                popen.kill()

    def __init__(self, out, name, command, cwd=None, stdout=None, stdin=subprocess.DEVNULL):
        out.mkdir(parents=True, exist_ok=True)
        self.name, self.out = name, out
        self.stderr_path = out / f"{name}.stderr"
        self.stdout_path = out / f"{name}.stdout"
        with open(self.stderr_path, "wb") as err, open(self.stdout_path, "wb") as log:
            self.popen = subprocess.Popen([str(word) for word in command], cwd=cwd, stdin=stdin, stdout=stdout or log,
                                          stderr=err)
        self.children.append(self.popen)

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def wait(self, seconds):
        """Its exit status; Failed when it does not end in time."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} still runs after {seconds:g} s") from None

    def stop(self, how=signal.SIGINT, seconds=5):
        """Asks it to end and waits; its exit status."""
        if self.running():
            self.popen.send_signal(how)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"{self.name} ignores signal {how} for {seconds:g} s") from None

    def kill(self):
        if self.running():
            self.popen.kill()
        self.popen.wait()

    def last_words(self):
        words = self.stderr_path.read_text(errors="replace").strip().splitlines()
        errors = [line for line in words if line.startswith("error")]
        return (errors or words)[-1][:200] if words else ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
