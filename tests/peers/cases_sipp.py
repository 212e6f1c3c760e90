"""Calls with sipp: every scenario of sipp/ as sipp/scenarios.tsv says, one case each."""
import contextlib
import csv

from peer_sipp import Sipp
from sound import SPEECH_A, compare, mu_law
from suite import add, case, replayed
from tools import HERE, want

FOLDER = HERE / "sipp"


# ---------------------------------------------------------------- what is looked at besides sipp's verdict

def heard(k, phone, judge):
    """The recording is what sipp played."""
    return "heard " + compare(SPEECH_A, k.out / "heard.wav", dropouts_max=1)


def asked_again(k, phone, judge):
    """RFC 3261 section 14.1: whoever owns the Call-ID asks again between 2.1 and 4 s after the 491."""
    sent = [(at, first) for at, first in judge.log() if first.startswith(("INVITE ", "SIP/2.0 491"))]
    refused = next(at for at, first in sent if "491" in first)
    waited = next((at - refused for at, first in sent if first.startswith("INVITE") and at > refused), None)
    want(waited and 2.05 < waited < 4.1, f"the re-INVITE came again after {waited} s, 2.1 to 4 wanted")
    return f"asked again after {waited:.2f} s"


def gave_up(k, phone, judge):
    """Seven INVITEs (Timer A), and a timeout after 32 s (Timer B)."""
    sent = sum(first.startswith("INVITE ") for _, first in judge.log())
    want(sent == 7, f"{sent} INVITEs, 7 wanted")
    at = phone.ended(1)["at"]
    want(31.5 < at < 34, f"it gave up after {at:.1f} s, 32 wanted")
    return f"gave up after {at:.1f} s"


def as_before(k, phone, judge):
    """The offer that was agreed to without an answer is told, and sipp, which sends back all that it gets, is heard to the end."""
    want(phone.seen("offer-unanswered", answer="missing"), "no `offer-unanswered` event")
    want(len(phone.seen("media-changed")) <= 1, "more than the last offer has changed the media")
    phone.heard().ends_with(440, 2.5)


def told(k, phone, judge):
    """The hold that was agreed to without an answer is told, and we hang up in the end, not at once."""
    refused = phone.expect("refused", 1, what="hold")
    want("the other side" not in refused["phrase"], f"the other side has refused nothing: {refused['phrase']}")
    ended = phone.ended(1)
    want(ended["reason"] == "local_hangup" and ended["at"] > refused["at"] + 2, f"{ended}")
    want(not phone.seen("media-changed"), "the media have changed")
    return refused["phrase"]


def key_refused(k, phone, judge):
    """Which key was refused, how and what was not sent is told, and the call goes on."""
    refused = phone.expect("refused", 1, what="press keys", status=415)
    want("the key 1" in refused["phrase"] and "# was not sent" in refused["phrase"], refused["phrase"])
    ended = phone.ended(1)
    want(ended["reason"] == "local_hangup" and ended["at"] > refused["at"] + 1, f"{ended}")
    return refused["phrase"]


CHECKS = {check.__name__: check for check in (heard, asked_again, gave_up, as_before, told, key_refused)}


# ---------------------------------------------------------------- the table

class Row:
    """One line of the table."""

    def __init__(self, line):
        self.scenario, self.mode, self.about, self.limit = line["scenario"], line["mode"], line["about"], int(line["seconds"])
        self.phone = [] if line["phone"] == "-" else line["phone"].split()
        self.sipp = [] if line["sipp"] == "-" else line["sipp"].split()
        wants = dict(word.partition("=")[::2] for word in line["want"].split() if word != "-")
        self.slow, self.exit = "slow" in wants, int(wants.get("exit", 0))
        self.ended = int(wants["ended"]) if "ended" in wants else None
        self.expires = int(wants.get("expires", 0))
        self.recv_ms = int(wants.get("recv", 12000))
        self.check = CHECKS[wants["check"]] if "check" in wants else None

    @property
    def takes(self):
        """Whether sipp calls."""
        return self.mode in ("answers", "rings", "left", "idle")

    def run(self, k):
        mu_law(SPEECH_A, k.out / "rtp.ul")  # What uac_rtp plays.
        with contextlib.ExitStack() as running:
            helper = running.enter_context(Sipp(k.out, "uas_answer")) if "@HELPER@" in " ".join(self.sipp) else None
            more = [word.replace("@HELPER@", str(helper.port if helper else "")) for word in self.sipp]
            how = self.taken if self.takes else self.registered if self.mode == "registers" else self.made
            detail = how(k, more)
            if helper:
                helper.passes(15)
            return detail

    def taken(self, k, more):
        """sipp calls the phone."""
        told = self.phone + (["--calls", "1"] if self.mode == "answers" else [])
        phone, port = k.listen(*(told or ["--answer"]))
        with phone, Sipp(k.out, self.scenario, f"127.0.0.1:{port}", ["-s", "anyuser", *more], recv_ms=self.recv_ms) as judge:
            judge.passes(self.limit)
            if self.mode == "answers":
                phone.exits(self.exit, 10)
                phone.ended(1)
            elif self.mode != "left":
                phone.interrupted()
            want(self.mode != "idle" or not phone.seen("incoming"), "the phone reported an incoming call")
            return self.check(k, phone, judge) if self.check else ""

    def registered(self, k, more):
        """The phone registers with sipp, which is gone when the phone leaves."""
        with Sipp(k.out, self.scenario, more=more) as judge:
            phone, _ = k.listen(*self.phone, "--register", f"sip:127.0.0.1:{judge.port}")
            with phone:
                judge.passes(self.limit)
                got = phone.expect("registered", 5)["expires"]
                want(got == self.expires, f"registered for {got} s, {self.expires} wanted")
                phone.interrupted()
                phone.expect("unregistered", 1)
                return f"for {got} s"

    def made(self, k, more):
        """The phone calls sipp."""
        with Sipp(k.out, self.scenario, more=more, limit=90) as judge:
            with k.call(f"sip:x@127.0.0.1:{judge.port}", *self.phone) as phone:
                phone.exits(self.exit, self.limit)
                event = phone.ended(1)
                if self.exit == 0 or self.ended != 408:
                    judge.passes(15)
                if self.ended:
                    want(event.get("status") == self.ended, f"ended says {event.get('status')}, {self.ended} wanted")
                elif "--hangup-after" not in self.phone:
                    want(phone.seen("answered"), "no `answered` event")
                return self.check(k, phone, judge) if self.check else ""


def read_table():
    lines = [line for line in (FOLDER / "scenarios.tsv").read_text().splitlines() if not line.startswith("#")]
    rows = [Row(line) for line in csv.DictReader(lines, delimiter="\t")]
    files, named = {path.stem for path in FOLDER.glob("*.xml")}, {row.scenario for row in rows}
    if files != named:
        raise ValueError(f"sipp/scenarios.tsv and the scenarios differ: {sorted(files ^ named)}")
    return rows


for row in read_table():
    def run(k, row=row):
        return row.run(k)
    run.__doc__ = f"sipp {row.scenario}, told: {' '.join(row.phone) or 'nothing'}; {row.about}"
    sound = row.check is heard
    add(row.scenario, run, ["sipp"] + ["numpy"] * sound, "sipp", slow=row.slow, quiet=sound,
        later=row.about if row.mode == "later" else None)


# ---------------------------------------------------------------- the trace of a call

@case("sipp", "sipp")
def uac_traced(k):
    """sipp uac_call, told: --record-trace --ladder; the trace is replayed to the same outputs"""
    trace, page = k.out / "call.trace", k.out / "call.html"
    phone, port = k.listen("--answer-after", "200", "--calls", "1", "--record-trace", trace, "--ladder", page)
    with phone, Sipp(k.out, "uac_call", f"127.0.0.1:{port}", ["-s", "anyuser"]) as judge:
        judge.passes(30)
        phone.exits(0, 10)
    want("<svg" in page.read_text(), "no arrows in the page")
    return replayed(k, trace)
