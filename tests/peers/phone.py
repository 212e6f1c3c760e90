"""Our phone with --json, and what it reported: `at` seconds after its start, `t` the time of day."""
import json
import signal
import subprocess
import threading
import time

from sound import Heard
from tools import Process, free_port, udp_is_bound, until, want


class Phone(Process):
    """examples/phone with --json: its events are read as they come."""

    def __init__(self, binary, out, *args, quiet=False, name="phone"):
        self.events, self.lock = [], threading.Lock()
        self.started = time.monotonic()
        words = [binary, *args] + ([] if quiet else ["--json"])
        super().__init__(out, name, words, cwd=out, stdout=None if quiet else subprocess.PIPE)
        if not quiet:
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with open(self.out / f"{self.name}.events", "w") as log:
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
                    event["at"], event["t"] = at, time.time()
                    with self.lock:
                        self.events.append(event)

    def seen(self, kind, **fields):
        """The events of one kind so far, only those with these fields."""
        with self.lock:
            found = [e for e in self.events if e.get("event") == kind]
        return [e for e in found if all(e.get(key) == value for key, value in fields.items())]

    def expect(self, kind, seconds, nth=1, **fields):
        """The nth event of a kind (the first), waited for."""
        def look():
            found = self.seen(kind, **fields)
            if len(found) < nth and not self.running():
                time.sleep(0.2)  # The reader may be behind the end of the process.
                found = self.seen(kind, **fields)
                want(len(found) >= nth, f"phone ended ({self.popen.returncode}) without `{what}`: {self.last_words()}")
            return found[nth - 1:]
        what = " ".join([kind, *(f"{key}={value}" for key, value in fields.items())]) + (f" ({nth} times)" if nth > 1 else "")
        return until(look, seconds, f"phone: no `{what}` event in {seconds:g} s")[0]

    def ended(self, seconds=5):
        return self.expect("ended", seconds)

    def heard(self, number=1, began=None):
        """What --record heard.wav wrote of one of its calls; that began with the answer unless we know better."""
        file = self.out / ("heard.wav" if number == 1 else f"heard-{number}.wav")
        return Heard(file, began or self.expect("answered", 1, call=number)["t"])

    def exits(self, status, seconds):
        """Waits for its end and judges the exit status."""
        got = self.wait(seconds)
        want(got == status, f"phone exited with {got}, {status} wanted: {self.last_words()}")

    def interrupted(self):
        """SIGINT must end it cleanly: no panic, no signal death."""
        got = self.stop(signal.SIGINT, 8)
        want(got >= 0 and got not in (101, 134), f"phone exited with {got} on SIGINT: {self.last_words()}")


def listening(binary, out, *args, quiet=False, name="phone"):
    """A phone that listens, once its socket is bound; it and its port."""
    port = free_port()
    words = ["listen", "--bind", f"127.0.0.1:{port}", *args, *(["--quiet"] if quiet else [])]
    phone = Phone(binary, out, *words, quiet=quiet, name=name)
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
