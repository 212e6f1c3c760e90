"""The programs of the real-peer suite: our phone, sipp, baresip and tshark, started, watched and ended by their pid.

Everything binds 127.0.0.1 and writes below one output folder. Python's standard library only.
"""
import csv
import itertools
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import wave

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


class Failed(Exception):
    """The peer or the phone did not do what the case wants."""


def want(condition, text):
    if not condition:
        raise Failed(text)


# ---------------------------------------------------------------- ports

_ports = itertools.count(20000 + os.getpid() % 200 * 40, 8)
_ports_lock = threading.Lock()


def _is_free(port):
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def free_port():
    """A port that is free for UDP and TCP, as are the seven that follow it (sipp takes port+2 to port+5 for media)."""
    with _ports_lock:
        for port in _ports:
            if port > 32000:
                raise Failed("no free port")
            if all(_is_free(port + i) for i in range(8)):
                return port


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

    def __init__(self, out, name, command, cwd=None, stdout=None):
        out.mkdir(parents=True, exist_ok=True)
        self.name, self.out = name, out
        self.stderr_path = out / f"{name}.stderr"
        self.stdout_path = out / f"{name}.stdout"
        with open(self.stderr_path, "wb") as err, open(self.stdout_path, "wb") as log:
            self.popen = subprocess.Popen([str(word) for word in command], cwd=cwd, stdin=subprocess.DEVNULL,
                                          stdout=stdout or log, stderr=err)

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
        return words[-1][:200] if words else ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


class Phone(Process):
    """examples/phone with --json: its events are read as they come."""

    def __init__(self, binary, out, *args, quiet=False):
        self.events, self.lock = [], threading.Lock()
        self.started = time.monotonic()
        words = [binary, *args] + ([] if quiet else ["--json"])
        super().__init__(out, "phone", words, cwd=out, stdout=None if quiet else subprocess.PIPE)
        if not quiet:
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with open(self.out / "phone.events", "w") as log:
            for line in self.popen.stdout:
                at = time.monotonic() - self.started
                text = line.decode(errors="replace").rstrip()
                log.write(f"{at:8.3f} {text}\n")
                log.flush()
                try:
                    event = json.loads(text)
                except ValueError:
                    event = {"event": "not JSON", "text": text}
                if isinstance(event, dict):
                    event["at"] = at
                    with self.lock:
                        self.events.append(event)

    def seen(self, kind):
        """The events of one kind so far."""
        with self.lock:
            return [e for e in self.events if e.get("event", e.get("type")) == kind]

    def expect(self, kind, seconds):
        """The first event of a kind, waited for."""
        def look():
            found = self.seen(kind)
            if not found and not self.running():
                time.sleep(0.2)  # The reader may be behind the end of the process.
                found = self.seen(kind)
                want(found, f"phone ended ({self.popen.returncode}) without `{kind}`: {self.last_words()}")
            return found
        return until(look, seconds, f"phone: no `{kind}` event in {seconds:g} s")[0]

    def ended(self, seconds=5):
        return self.expect("ended", seconds)

    def exits(self, status, seconds):
        """Waits for its end and judges the exit status."""
        got = self.wait(seconds)
        want(got == status, f"phone exited with {got}, {status} wanted: {self.last_words()}")

    def interrupted(self):
        """SIGINT must end it cleanly: no panic, no signal death."""
        got = self.stop(signal.SIGINT, 8)
        want(got >= 0 and got not in (101, 134), f"phone exited with {got} on SIGINT: {self.last_words()}")


def listening(binary, out, *args, quiet=False):
    """A phone that listens, once its socket is bound; it and its port."""
    port = free_port()
    phone = Phone(binary, out, "listen", "--bind", f"127.0.0.1:{port}", *args, *(["--quiet"] if quiet else []), quiet=quiet)
    try:
        if quiet:
            until(lambda: udp_is_bound(port) or not phone.running(), 5, "phone does not bind its port")
        else:
            phone.expect("ready", 5)
        want(phone.running(), f"phone ended at once: {phone.last_words()}")
    except BaseException:
        phone.kill()
        raise
    return phone, port


class Sipp(Process):
    """sipp with one of our scenarios (sipp/NAME.xml) or a built-in one (`-sn`)."""

    def __init__(self, out, scenario, remote=None, more=(), calls=1, builtin=False, port=None, recv_ms=12000, limit=90):
        self.scenario, self.port = scenario, port or free_port()
        self.messages, self.stats = out / f"{scenario}.msg", out / f"{scenario}.csv"
        out.mkdir(parents=True, exist_ok=True)
        for old in (self.messages, self.stats):
            old.unlink(missing_ok=True)
        words = ["sipp", *([remote] if remote else [])]
        words += ["-sn", scenario] if builtin else ["-sf", HERE / "sipp" / f"{scenario}.xml"]
        words += ["-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", self.port, "-mp", self.port + 2, "-nostdin", "-m", calls]
        words += ["-timeout", f"{limit}s", "-timeout_error", "-recv_timeout", recv_ms, "-trace_err", "-error_file",
                  out / f"{scenario}.err", "-trace_stat", "-stf", self.stats, "-fd", "1"]
        if calls == 1:
            words += ["-trace_msg", "-message_file", self.messages]
        super().__init__(out, f"sipp-{scenario}", [*words, *more], cwd=out)
        if not remote:
            until(lambda: udp_is_bound(self.port) or not self.running(), 5, "sipp does not bind its port")

    def passes(self, seconds):
        got = self.wait(seconds)
        want(got == 0, f"sipp {self.scenario}: exit {got}: {self.complaint()}")

    def complaint(self):
        err = self.out / f"{self.scenario}.err"
        if not err.exists():
            return self.last_words()
        lines = [line for line in err.read_text(errors="replace").splitlines() if line.strip()]
        lines = [line for line in lines if not line.endswith("The following events occurred:")]
        return next((re.sub(r"^[\d\-\t .:]+", "", line)[:220] for line in lines), "")

    def totals(self):
        """The cumulative counters of its statistics file."""
        with open(self.stats, newline="") as f:
            rows = list(csv.reader(f, delimiter=";"))
        last = dict(zip(rows[0], rows[-1]))
        return {key[:-3]: int(value) for key, value in last.items() if key.endswith("(C)") and re.fullmatch(r"\d+", value)}

    def clean(self, calls):
        """Every call good, nothing unexpected, nothing repeated; the figures as text."""
        t = self.totals()
        wrong = {key: n for key, n in t.items() if n and (key.startswith("Failed") or key in
                 ("OutOfCallMsgs", "DeadCallMsgs", "Retransmissions", "AutoAnswered"))}
        want(t.get("SuccessfulCall") == calls and not wrong, f"sipp: {t.get('SuccessfulCall')} of {calls} calls good, {wrong}")
        return f"{calls} calls, 0 failed, 0 unexpected, 0 retransmitted"


class Baresip(Process):
    """A headless baresip with its control port."""

    def __init__(self, out, name, source, auto_answer=False):
        out.mkdir(parents=True, exist_ok=True)
        self.port, self.control_port, rtp = free_port(), free_port(), free_port()
        rtp -= rtp % 2
        recorded = out / "rec"
        recorded.mkdir(exist_ok=True)
        for old in recorded.iterdir():
            old.unlink()
        padded(source, out / "source.wav", 60)
        modules = next((p for p in sorted(pathlib.Path("/usr/lib").glob("*/baresip/modules"))), "/usr/lib/baresip/modules")
        mode = "auto" if auto_answer else "manual"
        (out / "accounts").write_text(f"<sip:{name}@127.0.0.1:{self.port};transport=udp>;answermode={mode};"
                                      "audio_codecs=PCMU/8000/1;regint=0;ptime=20\n")
        (out / "contacts").write_text("")
        text = (HERE / "baresip/config.in").read_text()
        for key, value in {"SIP_PORT": self.port, "CTL_PORT": self.control_port, "RTP_LO": rtp, "RTP_HI": rtp + 40,
                           "DIR": out, "SOURCE": f"aufile,{out / 'source.wav'}", "RATE": 8000, "RTP_TIMEOUT": 0,
                           "SIP_CERT": "", "MPATH": modules}.items():
            text = text.replace(f"@{key}@", str(value))
        (out / "config").write_text(text)
        super().__init__(out, f"baresip-{name}", ["baresip", "-f", out, "-s", "-v"], cwd=out)
        self.events, self.lock, self.uri = [], threading.Lock(), f"sip:{name}@127.0.0.1:{self.port}"
        try:
            self.control = until(self._connect, 8, "baresip does not open its control port")
        except BaseException:
            self.kill()
            raise
        threading.Thread(target=self._read, daemon=True).start()

    def _connect(self):
        want(self.running(), f"baresip ended: {self.last_words()}")
        try:
            return socket.create_connection(("127.0.0.1", self.control_port), 2)
        except OSError:
            return None

    def _read(self):
        self.control.settimeout(None)
        buffer = b""
        while True:
            try:
                got = self.control.recv(65536)
            except OSError:
                return
            if not got:
                return
            buffer += got
            while b":" in buffer:  # Netstrings: LENGTH:JSON,
                size, rest = buffer.split(b":", 1)
                if len(rest) <= int(size):
                    break
                with self.lock:
                    self.events.append(json.loads(rest[:int(size)]))
                buffer = rest[int(size) + 1:]

    def seen(self, kind):
        with self.lock:
            return [e for e in self.events if e.get("event") and e.get("type") == kind]

    def expect(self, kind, seconds):
        return until(lambda: self.seen(kind), seconds, f"baresip: no {kind} in {seconds:g} s")[0]

    def say(self, command, *params):
        message = json.dumps({"command": command, "params": " ".join(params), "token": "1"})
        self.control.sendall(f"{len(message)}:{message},".encode())

    def digits(self):
        return "".join(e.get("param", "") for e in self.seen("CALL_DTMF_START"))

    def heard(self):
        """What it decoded, as a WAV file (complete once the call is over)."""
        files = sorted((self.out / "rec").glob("*-dec.wav"))
        want(files, "baresip recorded nothing")
        return files[-1]


class Capture(Process):
    """tshark on the loopback interface."""

    def __init__(self, out):
        self.file = out / "capture.pcapng"
        out.mkdir(parents=True, exist_ok=True)
        self.file.unlink(missing_ok=True)
        super().__init__(out, "tshark", ["tshark", "-q", "-i", "lo", "-f", "udp", "-w", self.file])
        until(lambda: self.file.exists() and self.file.stat().st_size or not self.running(), 15, "tshark does not start")
        want(self.running(), f"tshark ended: {self.last_words()}")
        time.sleep(0.5)

    def finish(self):
        time.sleep(0.7)
        self.stop(signal.SIGINT, 15)

    def fields(self, display, *names):
        """The packets that match, as rows of field values."""
        words = ["tshark", "-r", str(self.file), "-Y", display, "-T", "fields", "-E", "separator=/t"]
        got = subprocess.run(words + [w for n in names for w in ("-e", n)], capture_output=True, text=True, timeout=60)
        want(got.returncode == 0, f"tshark cannot read the capture: {got.stderr.strip()[-200:]}")
        return [line.split("\t") for line in got.stdout.splitlines()]


# ---------------------------------------------------------------- sound

def padded(source, target, seconds):
    """A copy with silence at its end: baresip ends the call with its source."""
    with wave.open(str(source)) as a, wave.open(str(target), "wb") as b:
        b.setparams(a.getparams())
        b.writeframes(a.readframes(a.getnframes()) + bytes(2 * a.getframerate() * seconds))


def mu_law(source, target):
    """Raw G.711 mu-law octets of an 8 kHz WAV (ITU-T G.711)."""
    with wave.open(str(source)) as a:
        samples = struct.unpack(f"<{a.getnframes()}h", a.readframes(a.getnframes()))
    out = bytearray()
    for sample in samples:
        sign, size = (0x80, -sample) if sample < 0 else (0, sample)
        size = min(size, 32635) + 132
        exponent = size.bit_length() - 8
        out.append(~(sign | exponent << 4 | size >> exponent + 3 & 15) & 0xFF)
    target.write_bytes(out)


def numpy_python():
    """A Python that has numpy: ours, or the distribution's (python3-numpy belongs to that one)."""
    for python in (sys.executable, "/usr/bin/python3"):
        if pathlib.Path(python).exists() and not subprocess.run([python, "-c", "import numpy"], capture_output=True).returncode:
            return python
    return None


def compare(sent, received, segsnr=20.0, **bounds):
    """compare_wav.py's figures; Failed below the bounds."""
    words = [numpy_python(), str(HERE / "compare_wav.py"), str(sent), str(received), "--json", "--segsnr-min", str(segsnr)]
    for key, value in bounds.items():
        words += [f"--{key.replace('_', '-')}", str(value)]
    got = subprocess.run(words, capture_output=True, text=True, timeout=120)
    name = pathlib.Path(received).name
    want(got.returncode == 0, f"{name}: {' '.join((got.stderr or got.stdout).split())[-240:]}")
    figures = json.loads(got.stdout)
    return f"{figures['segsnr_db']:.1f} dB ({figures['slips']} slips, {figures['dropouts']} dropouts)"
