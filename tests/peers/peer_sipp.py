"""sipp: one scenario or load, and what it counted."""
import csv
import datetime
import re

from tools import HERE, Process, free_port, udp_is_bound, until, want


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

    def log(self):
        """Every message that went either way: seconds, and its first line."""
        text = self.messages.read_text(errors="replace").replace("\r", "")
        found = re.findall(r"^-{40,} (\S+ \S+)\n.*?\n\n(.*?)\n", text, re.M)
        return [(datetime.datetime.fromisoformat(at).timestamp(), first) for at, first in found]

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
