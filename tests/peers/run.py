#!/usr/bin/env python3
"""Calls between our phone and programs that others wrote: sipp, baresip, and tshark as the witness.

usage: tests/peers/run.py [--required] [--only NAME ...] [--list] [--judges] [--phone FILE] [--peer-audio FILE] [--out DIR]

Each case prints `ok|FAIL|skip name seconds detail`, the last line is a summary; the exit status is 1 when anything failed.
A case whose peer is not installed is skipped, with --required it fails. --judges lets the peers judge each other, which
shows that the measuring itself is sound on this machine and needs nothing of ours.

The phone is target/release/examples/phone (`cargo build --release --examples`). Logs of each case are in DIR/NAME
(target/peers). Debian: apt-get install sip-tester baresip-core tshark sox python3-numpy
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from tools import (HERE, ROOT, Baresip, Capture, Failed, Phone, Process, Sipp, compare, free_port, listening, mu_law,
                   numpy_python, until, want)

SPEECH_A, SPEECH_B = HERE / "audio/speech-a-8k.wav", HERE / "audio/speech-b-8k.wav"
CASES = {}


def case(*needs, slow=False, judges=False):
    """Registers a case; `slow` ones only wait and may run beside the others."""
    def add(run):
        CASES[run.__name__] = (run, needs, slow, judges)
        return run
    return add


# ---------------------------------------------------------------- sipp calls, the phone answers

def answers(scenario, *told, more=(), limit=30, ends_itself=True, interrupt=True, sound=None, **sipp):
    """sipp's scenario against a listening phone. A call that is answered and ended ends the phone with 0; any other is
    ended by SIGINT, unless the scenario leaves it without its ACK: then it may wait for that longer than we do."""
    def run(k):
        phone, port = listening(k.phone, k.out, *told, *(["--calls", "1"] if ends_itself else []))
        with phone, Sipp(k.out, scenario, f"127.0.0.1:{port}", ["-s", "anyuser", *more], **sipp) as judge:
            judge.passes(limit)
            if ends_itself:
                phone.exits(0, 10)
                phone.ended(1)
            elif interrupt:
                phone.interrupted()
            return sound(k) if sound else ""
    run.__name__ = scenario
    run.__doc__ = f"sipp {scenario}, told: {' '.join(told) or 'nothing'}"
    return run


case("sipp")(answers("uac_call", "--answer-after", "200"))
case("sipp")(answers("uac_late_offer", "--answer"))
case("sipp")(answers("uac_hold", "--answer"))
case("sipp")(answers("uac_cseq_low", "--answer"))
case("sipp")(answers("uac_cancel", "--ring-only", ends_itself=False))
case("sipp")(answers("uac_merged", "--answer-after", "400", ends_itself=False, interrupt=False))
case("sipp")(answers("uac_unacceptable", "--answer", ends_itself=False))
case("sipp", slow=True)(answers("uac_no_ack", "--answer", more=["-nr"], limit=80, recv_ms=65000, ends_itself=False))


@case("sipp", "numpy")
def uac_rtp(k):
    """sipp uac_rtp plays speech into the call, told: --answer --record; the recording is compared"""
    mu_law(SPEECH_A, k.out / "rtp.ul")
    return answers("uac_rtp", "--answer", "--codec", "pcmu", "--record", str(k.out / "heard.wav"),
                   sound=lambda k: "heard " + compare(SPEECH_A, k.out / "heard.wav", dropouts_max=1))(k)


@case("sipp")
def uac_traced(k):
    """sipp uac_call, told: --record-trace --ladder; the trace is replayed to the same outputs"""
    trace, page = k.out / "call.trace", k.out / "call.html"

    def replayed(k):
        done = subprocess.run([k.phone.parent / "replay", trace], capture_output=True, text=True, timeout=30)
        want(done.returncode == 0, f"replay: exit {done.returncode}: {(done.stdout + done.stderr)[-300:]}")
        want("<svg" in page.read_text(), "no arrows in the page")
        return done.stdout.splitlines()[-1]

    return answers("uac_call", "--answer-after", "200", "--record-trace", str(trace), "--ladder", str(page),
                   sound=replayed)(k)


def idle(scenario):
    """sipp's request outside any call against a phone that would answer calls: it must not see one."""
    def run(k):
        phone, port = listening(k.phone, k.out, "--answer")
        with phone, Sipp(k.out, scenario, f"127.0.0.1:{port}", ["-s", "anyuser"]) as judge:
            judge.passes(30)
            phone.interrupted()
            want(not phone.seen("incoming"), "the phone reported an incoming call")
    run.__name__ = scenario
    run.__doc__ = f"sipp {scenario}, told: nothing"
    return run


for name in ("uac_options", "uac_unknown_method", "uac_bad_extension", "uac_unknown_dialog"):
    case("sipp")(idle(name))


# ---------------------------------------------------------------- the phone calls sipp

def calls(scenario, *told, status=0, ended=None, more=(), limit=30):
    """The phone calls sipp's scenario; its exit status and its `ended` event are judged, and so is sipp."""
    def run(k):
        with Sipp(k.out, scenario, more=more) as judge:
            uri = f"sip:x@127.0.0.1:{judge.port}"
            with Phone(k.phone, k.out, "call", uri, "--bind", f"127.0.0.1:{free_port()}", *told) as phone:
                phone.exits(status, limit)
                judge.passes(15)
                event = phone.ended(1)
                if ended:
                    want(event.get("status") == ended, f"ended says {event.get('status')}, {ended} wanted")
                if status == 0 and "--hangup-after" not in told:
                    want(phone.seen("answered"), "no `answered` event")
    run.__name__ = scenario
    run.__doc__ = f"sipp {scenario}, told: call {' '.join(told)}"
    return run


case("sipp")(calls("uas_answer", "--duration", "1500"))
case("sipp")(calls("uas_hangup"))
case("sipp")(calls("uas_busy", status=1, ended=486))
case("sipp")(calls("uas_ring_cancel", "--hangup-after", "1000"))
case("sipp")(calls("uas_fork", "--duration", "2000"))
case("sipp")(calls("uas_lost_ack", "--duration", "4000", more=["-nr"]))


@case("sipp", slow=True)
def uas_silent(k):
    """sipp uas_silent, told: call; seven INVITEs (Timer A), then a timeout after 32 s (Timer B)"""
    with Sipp(k.out, "uas_silent", limit=60) as judge:
        uri = f"sip:x@127.0.0.1:{judge.port}"
        with Phone(k.phone, k.out, "call", uri, "--bind", f"127.0.0.1:{free_port()}") as phone:
            phone.exits(1, 45)
            event = phone.ended(1)
            judge.wait(30)
            sent = judge.messages.read_text(errors="replace").count("\nINVITE sip:")
            want(sent == 7, f"{sent} INVITEs, 7 wanted")
            want(event.get("status") == 408, f"ended says {event.get('status')}, 408 wanted")
            want(31.5 < event["at"] < 34, f"it gave up after {event['at']:.1f} s, 32 wanted")
            return f"gave up after {event['at']:.1f} s"


# ---------------------------------------------------------------- load

def load_answering(k, scenario, more, builtin, *told):
    phone, port = listening(k.phone, k.out, "--answer", *told, quiet=True)
    with phone, Sipp(k.out, scenario, f"127.0.0.1:{port}", ["-r", "200", "-l", "2000", *more], calls=5000,
                     builtin=builtin, limit=120) as judge:
        judge.wait(150)
        detail = judge.clean(5000)
        phone.interrupted()
        return detail


@case("sipp")
def load_sipp_uac(k):
    """5000 calls at 200 a second from sipp's built-in uac, told: listen --answer"""
    return load_answering(k, "uac", ["-d", "100"], True)


@case("sipp")
def load_uac_call(k):
    """5000 calls of 2 s at 200 a second from uac_call.xml, told: listen --answer"""
    return load_answering(k, "uac_call", [], False)


@case("sipp")
def load_smol(k):
    """5000 calls at 200 a second from sipp's built-in uac, told: listen --answer --runtime smol"""
    return load_answering(k, "uac", ["-d", "100"], True, "--runtime", "smol")


@case("sipp")
def load_calling(k):
    """200 calls to sipp's built-in uas, told: call --calls 200"""
    with Sipp(k.out, "uas", calls=200, builtin=True, limit=150) as judge:
        with Phone(k.phone, k.out, "call", f"sip:x@127.0.0.1:{judge.port}", "--bind", f"127.0.0.1:{free_port()}",
                   "--calls", "200", "--duration", "100", "--quiet", quiet=True) as phone:
            phone.exits(0, 120)
            judge.passes(20)
            return judge.clean(200)


# ---------------------------------------------------------------- baresip

def called_by_baresip(k, *told):
    """baresip calls the phone; both play speech, both recordings are compared"""
    phone, port = listening(k.phone, k.out, "--answer", "--calls", "1", "--play", str(SPEECH_B), "--record",
                            str(k.out / "heard.wav"), *told)
    with phone, Baresip(k.out / "baresip", "alice", SPEECH_A) as peer:
        peer.say("dial", f"sip:bob@127.0.0.1:{port}")
        peer.expect("CALL_ESTABLISHED", 5)
        time.sleep(7.5)
        peer.say("hangup")
        phone.exits(0, 8)
        peer.stop()
        there = compare(SPEECH_B, peer.heard(), dropouts_max=1)
        return f"baresip heard {there}, we heard {compare(SPEECH_A, k.out / 'heard.wav', dropouts_max=1)}"


def calling_baresip(k, *told):
    """the phone calls baresip; both play speech, both recordings are compared"""
    with Baresip(k.out / "baresip", "bob", SPEECH_B, auto_answer=True) as peer:
        with Phone(k.phone, k.out, "call", peer.uri, "--bind", f"127.0.0.1:{free_port()}", "--play", str(SPEECH_A),
                   "--record", str(k.out / "heard.wav"), "--duration", "7500", *told) as phone:
            phone.exits(0, 20)
            peer.expect("CALL_CLOSED", 5)
            peer.stop()
            there = compare(SPEECH_A, peer.heard(), dropouts_max=1)
            return f"baresip heard {there}, we heard {compare(SPEECH_B, k.out / 'heard.wav', dropouts_max=1)}"


def on_runtime(run, name, *told):
    def on(k):
        return run(k, *told)
    on.__name__, on.__doc__ = name, " ".join([run.__doc__, *told])
    return on


for run, name in ((called_by_baresip, "baresip_calls"), (calling_baresip, "calls_baresip")):
    case("baresip", "numpy")(on_runtime(run, name))
    case("baresip", "numpy")(on_runtime(run, f"{name}_smol", "--runtime", "smol"))


@case("baresip")
def dtmf_from_baresip(k):
    """baresip presses 12#; the phone reports each digit once"""
    phone, port = listening(k.phone, k.out, "--answer", "--calls", "1")
    with phone, Baresip(k.out / "baresip", "alice", SPEECH_A) as peer:
        peer.say("dial", f"sip:bob@127.0.0.1:{port}")
        peer.expect("CALL_ESTABLISHED", 5)
        time.sleep(0.5)
        peer.say("sndcode", "12#")
        digits = lambda: "".join(str(e.get("digit")) for e in phone.seen("dtmf"))
        until(lambda: len(digits()) >= 3, 6, lambda: f"the phone reported {digits()!r}, '12#' wanted")
        time.sleep(0.5)
        want(digits() == "12#", f"the phone reported {digits()!r}, '12#' wanted")
        peer.say("hangup")
        phone.exits(0, 8)
        return digits()


@case("baresip")
def dtmf_to_baresip(k):
    """the phone presses 12# with --dtmf; baresip reports each digit once"""
    with Baresip(k.out / "baresip", "bob", SPEECH_B, auto_answer=True) as peer:
        with Phone(k.phone, k.out, "call", peer.uri, "--bind", f"127.0.0.1:{free_port()}", "--dtmf", "12#",
                   "--duration", "3000") as phone:
            phone.exits(0, 15)
            want(peer.digits() == "12#", f"baresip reported {peer.digits()!r}, '12#' wanted")
            return peer.digits()


# ---------------------------------------------------------------- on the wire

def ladder(capture, call):
    """The messages of one call in order, each once: `INVITE`, `180`, `200 INVITE`, `ACK` …"""
    steps = []
    for _, method, status, cseq in capture.fields(f'sip.Call-ID == "{call}"', "frame.number", "sip.Method",
                                                  "sip.Status-Code", "sip.CSeq.method"):
        step = method or (status if status.startswith("1") else f"{status} {cseq}")
        if step not in steps:
            steps.append(step)
    return steps


def streams(capture, ports):
    """Each RTP stream towards the ports: packets, audio packets a second, missing sequence numbers."""
    found = {}
    names = ("udp.dstport", "rtp.ssrc", "rtp.seq", "frame.time_epoch", "rtpevent.event_id")
    for to, ssrc, seq, at, digit in capture.fields("rtp", *names):
        if to in ports:
            found.setdefault((to, ssrc), []).append((float(at), int(seq), not digit))
    judged = []
    for packets in found.values():
        steps = [(b[1] - a[1]) & 0xFFFF for a, b in zip(packets, packets[1:])]
        seconds, audio = packets[-1][0] - packets[0][0], sum(sound for _, _, sound in packets)
        judged.append((len(packets), (audio - 1) / seconds if seconds else 0, sum(step != 1 for step in steps)))
    return judged


def judge_capture(capture):
    """One plain call: the ladder, two RTP streams at 50 packets a second without a gap, RTCP, nothing malformed."""
    invites = capture.fields('sip.Method == "INVITE"', "sip.Call-ID")
    want(invites, "no INVITE in the capture")
    call = invites[0][0]
    steps = ladder(capture, call)
    core = [step for step in steps if step not in ("100", "180", "183")]
    want(core == ["INVITE", "200 INVITE", "ACK", "BYE", "200 BYE"], f"the ladder is {steps}")
    want({"100", "180"} & set(steps), f"no provisional response in {steps}")
    ports = {port for row in capture.fields(f'sip.Call-ID == "{call}" && sdp', "sdp.media.port") for port in row[0].split(",")}
    found = streams(capture, ports)
    text = ", ".join(f"{n} packets at {rate:.1f}/s with {gaps} gaps" for n, rate, gaps in found)
    want(len(found) == 2, f"{len(found)} RTP streams: {text}")
    want(all(rate > 49 and rate < 51 and not gaps for _, rate, gaps in found), text)
    reports = capture.fields("rtcp", "rtcp.pt")
    want(reports, "no RTCP in the capture")
    bad = capture.fields("(sip || rtp || rtcp || sdp) && (_ws.malformed || _ws.expert.severity >= 6291456)", "frame.number")
    want(not bad, f"{len(bad)} malformed packets, the first is frame {bad[0][0] if bad else ''}")
    return f"{' '.join(steps)}; RTP {text}; {len(reports)} RTCP"


@case("tshark", "numpy", "sox")
def peer_audio(k):
    """the peer_audio example under tshark: the ladder, RTP without a gap, RTCP, and both recordings"""
    heard = k.out / "wav"
    with Capture(k.out) as capture:
        with Process(k.out, "peer_audio", [k.peer_audio, "--seconds", "6", "--out", heard], cwd=ROOT) as program:
            status = program.wait(60)
        capture.finish()
        want(status == 0, f"peer_audio exited with {status}: {program.last_words()}")
        detail = judge_capture(capture)
    for name in ("alice_said", "bob_said", "alice_heard", "bob_heard"):
        opened = subprocess.run(["sox", heard / f"{name}.wav", "-n", "stat"], capture_output=True, text=True)
        want(opened.returncode == 0, f"sox cannot open {name}.wav: {opened.stderr.strip()[-160:]}")
    bounds = {"segsnr": 30.0, "coverage_min": 0.98, "dropouts_max": 0}
    bob = compare(heard / "alice_said.wav", heard / "bob_heard.wav", **bounds)
    return f"Bob heard {bob}, Alice heard {compare(heard / 'bob_said.wav', heard / 'alice_heard.wav', **bounds)}; {detail}"


# ---------------------------------------------------------------- the judges judge each other

@case("sipp", judges=True)
def judge_sipp(k):
    """sipp's uac_call against sipp's uas_answer"""
    with Sipp(k.out, "uas_answer") as there, Sipp(k.out, "uac_call", f"127.0.0.1:{there.port}") as here:
        here.passes(20)
        there.passes(10)


@case("sipp", judges=True)
def judge_sipp_fails(k):
    """sipp's uac_cancel against a peer that answers must fail, or a failure would not be seen"""
    with Sipp(k.out, "uas_answer") as there, Sipp(k.out, "uac_cancel", f"127.0.0.1:{there.port}", recv_ms=4000) as here:
        status = here.wait(30)
        want(status != 0 and here.complaint(), f"sipp exited with {status} and said {here.complaint()!r}")
        return here.complaint()[:80]


@case("sipp", judges=True)
def judge_load(k):
    """1000 calls at 200 a second from sipp's uac to sipp's uas, and the figures read"""
    with Sipp(k.out, "uas", calls=1000, builtin=True) as there:
        with Sipp(k.out, "uac", f"127.0.0.1:{there.port}", ["-r", "200", "-d", "100"], calls=1000, builtin=True) as here:
            here.passes(60)
            return here.clean(1000)


@case("baresip", "numpy", "tshark", judges=True)
def judge_baresip(k):
    """baresip calls baresip under tshark: audio both ways, digits, the ladder, RTP and RTCP"""
    with Capture(k.out) as capture:
        with Baresip(k.out / "bob", "bob", SPEECH_B, auto_answer=True) as bob, Baresip(k.out / "alice", "alice", SPEECH_A) as alice:
            alice.say("dial", bob.uri)
            alice.expect("CALL_ESTABLISHED", 5)
            time.sleep(6.5)
            alice.say("sndcode", "12#")
            time.sleep(2)
            alice.say("hangup")
            bob.expect("CALL_CLOSED", 5)
            want(bob.digits() == "12#", f"bob reported {bob.digits()!r}")
            alice.stop()
            bob.stop()
            sound = f"bob heard {compare(SPEECH_A, bob.heard())}, alice heard {compare(SPEECH_B, alice.heard())}"
        capture.finish()
        return f"{sound}; {judge_capture(capture)}"


# ---------------------------------------------------------------- the run

class Kit:
    """What a case gets: the programs of ours and a folder of its own."""

    def __init__(self, options, name):
        self.phone, self.peer_audio, self.out = options.phone, options.peer_audio, options.out / name


def installed(need):
    if need == "numpy":
        return numpy_python() is not None
    return shutil.which(need) is not None


class Report:
    """Prints a line a case, from any thread, and counts."""

    def __init__(self):
        self.lock, self.counts = threading.Lock(), {"ok": 0, "FAIL": 0, "skip": 0}

    def line(self, verdict, name, seconds, detail):
        with self.lock:
            self.counts[verdict] += 1
            print(f"{verdict:4} {name:20} {seconds:6.1f} {detail}".rstrip(), flush=True)

    def run(self, options, name):
        run = CASES[name][0]
        kit = Kit(options, name)
        shutil.rmtree(kit.out, ignore_errors=True)
        kit.out.mkdir(parents=True)
        started = time.monotonic()
        try:
            verdict, detail = "ok", run(kit) or ""
        except Failed as failure:
            verdict, detail = "FAIL", f"{failure} (logs: {kit.out})"
        except Exception as error:  # A fault of the runner is a failure of the case, not the end of the run.
            verdict, detail = "FAIL", f"{type(error).__name__}: {error} (logs: {kit.out})"
        self.line(verdict, name, time.monotonic() - started, detail)


def arguments():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute()
    p = argparse.ArgumentParser(description="calls between our phone and programs that others wrote")
    p.add_argument("--list", action="store_true", help="print the cases and what they do")
    p.add_argument("--only", nargs="+", metavar="NAME", default=[], help="run only these")
    p.add_argument("--required", action="store_true", help="a missing peer is a failure, not a skip")
    p.add_argument("--judges", action="store_true", help="the peers against each other")
    p.add_argument("--phone", type=pathlib.Path, default=target / "release/examples/phone")
    p.add_argument("--peer-audio", type=pathlib.Path, default=target / "release/examples/peer_audio")
    p.add_argument("--out", type=pathlib.Path, default=target / "peers")
    a = p.parse_args()
    a.phone, a.peer_audio, a.out = a.phone.absolute(), a.peer_audio.absolute(), a.out.absolute()
    return a


def main():
    options = arguments()
    unknown = [name for name in options.only if name not in CASES]
    if unknown:
        print(f"no such case: {', '.join(unknown)} (--list names them)", file=sys.stderr)
        return 2
    chosen = options.only or [name for name, entry in CASES.items() if entry[3] == options.judges]
    if options.list:
        for name in chosen:
            run, needs, _, _ = CASES[name]
            print(f"{name:20} {'+'.join(needs):20} {' '.join(run.__doc__.split())}")
        return 0
    ours = [] if all(CASES[name][3] for name in chosen) else [options.phone]
    ours += [options.peer_audio] if "peer_audio" in chosen else []
    for program in ours:
        if not os.access(program, os.X_OK):
            print(f"{program} is missing: cargo build --release --examples", file=sys.stderr)
            return 2
    report, waiting, started = Report(), [], time.monotonic()
    present = {need: installed(need) for name in chosen for need in CASES[name][1]}
    ready = []
    for name in chosen:
        missing = [need for need in CASES[name][1] if not present[need]]
        if missing:
            report.line("FAIL" if options.required else "skip", name, 0, f"not installed: {', '.join(missing)}")
        else:
            ready.append(name)
    # Cases that only wait run beside the rest; they are started first.
    for name in sorted(ready, key=lambda name: not CASES[name][2]):
        if CASES[name][2] and len(ready) > 1:
            waiting.append(threading.Thread(target=report.run, args=(options, name)))
            waiting[-1].start()
        else:
            report.run(options, name)
    for thread in waiting:
        thread.join()
    counts = report.counts
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped in {time.monotonic() - started:.0f} s")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
