"""The list of cases, what a case is given, and the line that is printed for each."""
import pathlib
import shutil
import subprocess
import threading
import time

from phone import Phone, listening
from tools import Failed, free_port, free_ports, want

CASES = {}


class Case:
    """One case: its function, the programs it needs, and how it may run.

    `alone`: it measures load or time, and nothing runs beside it. `slow`: it mostly waits, and runs beside all others.
    `quiet`: it compares sound sample by sample, and runs beside slow and quiet ones only. Any other runs beside a few of
    its kind.
    """

    def __init__(self, name, run, needs, group, slow=False, alone=False, quiet=False, later=None):
        self.name, self.run, self.needs, self.group = name, run, needs, group
        self.slow, self.alone, self.quiet, self.later = slow, alone, quiet, later

    @property
    def about(self):
        return " ".join((self.run.__doc__ or "").split()) if self.run else f"later: {self.later}"


def add(name, run, needs, group, **how):
    if name in CASES:
        raise ValueError(f"two cases are called {name}")
    CASES[name] = Case(name, run, needs, group, **how)


def case(group, *needs, **how):
    """Registers a function as a case under its own name."""
    def registered(run):
        add(run.__name__, run, needs, group, **how)
        return run
    return registered


def same(run, name, *told):
    """The case's function under another name, its phone told more."""
    def on(k):
        return run(k, *told)
    on.__doc__ = " ".join([run.__doc__, *told])
    return name, on


def replayed(k, trace):
    """The replay of a recorded call says what the phone said, octet for octet."""
    done = subprocess.run([k.binary.parent / "replay", trace], capture_output=True, text=True, timeout=30)
    want(done.returncode == 0, f"replay: exit {done.returncode}: {(done.stdout + done.stderr)[-300:]}")
    return done.stdout.splitlines()[-1]


class Kit:
    """What a case gets: the programs of ours and a folder of its own."""

    def __init__(self, options, name):
        self.binary, self.peer_audio, self.out = options.phone, options.peer_audio, options.out / name

    def listen(self, *told, quiet=False, name="phone", user=None):
        """A phone that takes calls, once its socket is bound."""
        return listening(self.binary, self.out, *self._media(quiet), *self._user(user), *told, quiet=quiet, name=name)

    def call(self, uri, *told, quiet=False, name="phone", user=None):
        """A phone that calls."""
        bind = f"127.0.0.1:{free_port()}"
        words = ["call", uri, "--bind", bind, *self._media(quiet), *self._user(user), *told]
        return Phone(self.binary, self.out, *words, quiet=quiet, name=name)

    @staticmethod
    def _media(quiet):
        # Who holds thousands of calls, and says nothing of them, needs more ports than a case has.
        first = free_ports(16) if not quiet else 0
        return [] if quiet else ["--rtp-ports", f"{first}-{first + 15}"]

    @staticmethod
    def _user(user):
        return ["--user", user] if user else []


class Report:
    """Prints a line a case, from any thread, and counts."""

    def __init__(self):
        self.lock, self.counts = threading.Lock(), {"ok": 0, "FAIL": 0, "skip": 0, "later": 0}

    def line(self, verdict, name, seconds, detail):
        with self.lock:
            self.counts[verdict] += 1
            print(f"{verdict:5} {name:26} {seconds:6.1f} {detail}".rstrip(), flush=True)

    def run(self, options, name):
        kit = Kit(options, name)
        shutil.rmtree(kit.out, ignore_errors=True)
        kit.out.mkdir(parents=True)
        started = time.monotonic()
        try:
            verdict, detail = "ok", CASES[name].run(kit) or ""
        except Failed as failure:
            verdict, detail = "FAIL", f"{failure} (logs: {kit.out})"
        except Exception as error:  # A fault of the runner is a failure of the case, not the end of the run.
            verdict, detail = "FAIL", f"{type(error).__name__}: {error} (logs: {kit.out})"
        self.line(verdict, name, time.monotonic() - started, detail)
        pathlib.Path(kit.out, "verdict").write_text(f"{verdict} {detail}\n")

    def summary(self, seconds):
        c = self.counts
        later = f", {c['later']} for later" if c["later"] else ""
        return f"{c['ok']} passed, {c['FAIL']} failed, {c['skip']} skipped{later} in {seconds:.0f} s"
