"""A network of our own for the cases with a NAT: one namespace for the world, one behind the NAT, nothing of the machine.

The world has documentation addresses (RFC 5737) on its loopback interface. The NAT is nat.py, a program, so that no firewall
of the kernel is needed and a test can tell it to forget its ports.
"""
import itertools
import os
import signal
import subprocess
import sys

from tools import HERE, Process, until, want

PROXY, NAT, PHONE, INSIDE = "198.51.100.1", "198.51.100.2", "198.51.100.3", "10.0.0.2"
_numbers = itertools.count()


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    want(done.returncode == 0, f"ip {' '.join(words)}: {done.stderr.strip()}")


def possible():
    """Whether this machine lets us make namespaces and tunnels."""
    name = f"offhook-try-{os.getpid()}"
    try:
        made = subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode == 0
    except OSError:
        return False
    if made:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)
    return made and os.access("/dev/net/tun", os.R_OK | os.W_OK)


class Network:
    """The world and the inside, with the NAT between them."""

    def __init__(self, out):
        self.out, number = out, f"{os.getpid()}-{next(_numbers)}"
        self.world, self.inside, self.nat = f"offhook-w{number}", f"offhook-i{number}", None
        try:
            for name in (self.world, self.inside):
                ip("netns", "add", name)
                ip("-n", name, "link", "set", "lo", "up")
            for address in (PROXY, NAT, PHONE):
                ip("-n", self.world, "addr", "add", f"{address}/32", "dev", "lo")
            words = [*self.at(self.world), sys.executable, HERE / "nat.py", self.inside, INSIDE, NAT]
            self.nat = Process(out, "nat", words)
            until(lambda: "ready" in self.nat.stdout_path.read_text() or not self.nat.running(), 5, "the NAT does not start")
            want(self.nat.running(), f"the NAT ended: {self.nat.last_words()}")
        except BaseException:
            self.__exit__()
            raise

    @staticmethod
    def at(name):
        """The words that run a program there."""
        return ["ip", "netns", "exec", name]

    def is_bound(self, name, port):
        """Whether a program there has the UDP port."""
        table = subprocess.run([*self.at(name), "cat", "/proc/net/udp"], capture_output=True, text=True).stdout
        return any(row.split()[1].endswith(f":{port:04X}") for row in table.splitlines()[1:])

    def move_ports(self):
        """The NAT forgets every port: whoever speaks gets another."""
        self.nat.popen.send_signal(signal.SIGUSR1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.nat:
            self.nat.kill()
        for name in (self.world, self.inside):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
