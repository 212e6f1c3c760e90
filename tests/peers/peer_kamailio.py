"""Kamailio as registrar and proxy: it asks everybody who they are."""
import glob
import signal

from tools import HERE, Process, free_port, udp_is_bound, until, want

PASSWORD = "open sesame"


class Proxy(Process):
    """Kamailio with a configuration of ours, in which the words between @ are filled in."""

    def __init__(self, out, configuration, values, within=(), is_bound=udp_is_bound):
        self.port = free_port()
        values = {"PORT": self.port, "MODULES": glob.glob("/usr/lib/*/kamailio/modules")[0], **values}
        text = (HERE / configuration).read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        out.mkdir(parents=True, exist_ok=True)
        config = out / configuration
        config.write_text(text)
        words = [*within, "kamailio", "-DD", "-E", "-f", config, "-Y", out, "-w", out, "-P", out / "kamailio.pid", "-m", 32, "-M", 8]
        super().__init__(out, "kamailio", words, cwd=out)
        until(lambda: is_bound(self.port) or not self.running(), 10, "kamailio does not bind its port")
        want(self.running(), f"kamailio ended at once: {self.last_words()}")

    def __exit__(self, *_):
        # Its other processes end with the first, if that may see to it.
        self.stop(signal.SIGTERM, 10)


class Kamailio(Proxy):
    """Kamailio with kamailio.cfg; what its auth module is told may differ."""

    def __init__(self, out, challenge=1, algorithm="MD5", nonce_seconds=300, nonce_count=0, one_time=0):
        values = {"PASSWORD": PASSWORD, "CHALLENGE": challenge, "ALGORITHM": algorithm, "NONCE_SECONDS": nonce_seconds,
                  "NONCE_COUNT": nonce_count, "ONE_TIME": one_time}
        super().__init__(out, "kamailio.cfg", values)

    def uri(self, user):
        return f"sip:{user}@127.0.0.1:{self.port}"
