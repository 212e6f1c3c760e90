"""baresip without a head, steered through its control port."""
import json
import pathlib
import socket
import threading
import time

from sound import padded
from tools import HERE, Process, free_ports, until, want


class Baresip(Process):
    """A headless baresip with its control port."""

    def __init__(self, out, name, source, answer="manual"):
        out.mkdir(parents=True, exist_ok=True)
        self.port = free_ports(4)
        self.control_port, rtp = self.port + 2, free_ports(20)
        self.rtp_ports = range(rtp, rtp + 20)  # It takes any even one of them.
        recorded = out / "rec"
        recorded.mkdir(exist_ok=True)
        for old in recorded.iterdir():
            old.unlink()
        padded(source, out / "source.wav", 60)
        modules = next((p for p in sorted(pathlib.Path("/usr/lib").glob("*/baresip/modules"))), "/usr/lib/baresip/modules")
        (out / "accounts").write_text(f"<sip:{name}@127.0.0.1:{self.port};transport=udp>;answermode={answer};"
                                      "audio_codecs=PCMU/8000/1;regint=0;ptime=20\n")
        (out / "contacts").write_text("")
        text = (HERE / "baresip/config.in").read_text()
        for key, value in {"SIP_PORT": self.port, "CTL_PORT": self.control_port, "RTP_LO": rtp, "RTP_HI": rtp + 19,
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
                    self.events.append({**json.loads(rest[:int(size)]), "t": time.time()})
                buffer = rest[int(size) + 1:]

    def seen(self, kind):
        with self.lock:
            return [e for e in self.events if e.get("event") and e.get("type") == kind]

    def expect(self, kind, seconds, nth=1):
        """The nth event of a kind (the first), waited for."""
        return until(lambda: self.seen(kind)[nth - 1:], seconds, f"{self.name}: no {kind} in {seconds:g} s")[0]

    def say(self, command, *params):
        message = json.dumps({"command": command, "params": " ".join(params), "token": "1"})
        self.control.sendall(f"{len(message)}:{message},".encode())

    def digits(self):
        return "".join(e.get("param", "") for e in self.seen("CALL_DTMF_START"))

    def heard(self):
        """What it decoded in its last call, as a WAV file (complete once the call is over); it does not keep time, and
        ends with the first re-INVITE."""
        files = sorted((self.out / "rec").glob("*-dec.wav"))
        want(files, "baresip recorded nothing")
        return files[-1]
