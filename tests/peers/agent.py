"""A peer that a program of ours makes of a SIP library: commands on its standard input, events as JSON on its output."""
import datetime
import json
import os
import re
import subprocess
import sys
import threading

from sound import Heard, tone_file
from tools import HERE, Process, free_port, free_ports, until, want


def python_with(module):
    """The Python that has a module: PEERS_PYTHON, or this one; nothing when neither has it."""
    for python in (os.environ.get("PEERS_PYTHON"), sys.executable):
        if python and not subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode:
            return os.path.abspath(python)
    return None


class Agent(Process):
    """An agent whose calls all play one tone and are recorded."""

    module = program = None
    message = None  # What its log has for a message: when, the way it went, `RX` or `TX`, and its text.

    def __init__(self, out, name, hz, *more, within=()):
        """`within`: the words before its command, which put it into a network of its own."""
        out.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.uri = f"sip:{name}@127.0.0.1:{self.port}"
        self.log, self.events, self.lock = out / f"{name}.log", [], threading.Lock()
        words = [*within, python_with(self.module), HERE / self.program, "--port", self.port, "--rtp-port", free_ports(16)]
        words += ["--user", name, "--play", tone_file(out / f"{name}-says.wav", hz), "--record", out / f"{name}-heard.wav"]
        super().__init__(out, name, [*words, "--log", self.log, *more], cwd=out, stdout=subprocess.PIPE, stdin=subprocess.PIPE)
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.expect("ready", 15)
        except BaseException:
            self.kill()
            raise

    def _read(self):
        with open(self.stdout_path, "w") as log:
            for line in self.popen.stdout:
                log.write(line.decode(errors="replace"))
                log.flush()
                with self.lock:
                    self.events.append(json.loads(line))

    def say(self, command):
        self.popen.stdin.write(f"{command}\n".encode())
        self.popen.stdin.flush()

    def seen(self, kind, **fields):
        with self.lock:
            found = [e for e in self.events if e["event"] == kind]
        return [e for e in found if all(e.get(key) == value for key, value in fields.items())]

    def expect(self, kind, seconds, nth=1, **fields):
        """The nth event of a kind (the first), waited for."""
        def look():
            want(self.running() or self.seen(kind, **fields), f"{self.name} ended: {self.last_words()}")
            return self.seen(kind, **fields)[nth - 1:]
        what = " ".join([kind, *(f"{key}={value}" for key, value in fields.items())])
        return until(look, seconds, lambda: f"{self.name}: no `{what}` in {seconds:g} s{self._errors()}")[0]

    def _errors(self):
        errors = self.seen("error")
        return f"; it said {errors[-1].get('command', '')!r} failed: {' '.join(errors[-1]['what'].split())[:160]}" if errors else ""

    def up(self, seconds=6, nth=1):
        """Waits until its nth call is up."""
        return self.expect("state", seconds, nth, state="CONFIRMED")

    def ended(self, seconds=4):
        """Waits until its first call is over."""
        return self.expect("state", seconds, state="DISCONNECTED")

    def quit(self):
        """Ends it, and so completes its recordings."""
        if self.running():
            self.popen.stdin.close()
        self.wait(8)

    def heard(self, number=1):
        """The recording of one of its calls (complete once it has quit)."""
        began = self.expect("recording", 1, number=number)
        return Heard(began["file"], began["t"])

    def messages(self):
        """Every SIP message in its log: the time of day, `RX` or `TX`, and the text."""
        text = self.log.read_text(errors="replace").replace("\r", "")
        return [(self.moment(at), way, message) for at, way, message in re.findall(self.message, text, re.S)]

    def moment(self, at):
        return float(at)

    def times(self, way, pattern):
        """When it sent (`TX`) or got (`RX`) messages that match."""
        return [at for at, found, text in self.messages() if found == way and re.search(pattern, text, re.M)]

    def count(self, way, pattern):
        return len(self.times(way, pattern))


class Pjsua2(Agent):
    """PJSIP."""

    module, program = "pjsua2", "pjsua2_agent.py"
    message = r"(?m)^([\d:.]+) [^\n]*(RX|TX) \d+ bytes [^\n]*:\n(.*?)\n--end msg--"

    def moment(self, at):
        """Its log has no date: it is the one that makes the moment the last before now."""
        now = datetime.datetime.now()
        moment = datetime.datetime.combine(now.date(), datetime.time.fromisoformat(at))
        return (moment if moment <= now else moment - datetime.timedelta(days=1)).timestamp()


class Baresip4(Agent):
    """baresip 4, which has what Debian's baresip 1.0 lacks: Replaces."""

    module, program = "baresip", "baresip_agent.py"
    message = r"(?m)^(\d+\.\d+) (RX|TX) [^\n]*\n(.*?)(?=^\d{10}\.\d{3} |\Z)"
