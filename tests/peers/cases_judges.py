"""The peers judge each other: is the measuring sound on this machine?"""
import time

from peer_baresip import Baresip
from peer_sipp import Sipp
from sound import SPEECH_A, SPEECH_B, compare
from suite import case
from tools import want
from wire import Capture, judge_capture


@case("judges", "sipp")
def judge_sipp(k):
    """sipp's uac_call against sipp's uas_answer"""
    with Sipp(k.out, "uas_answer") as there, Sipp(k.out, "uac_call", f"127.0.0.1:{there.port}") as here:
        here.passes(20)
        there.passes(10)


@case("judges", "sipp")
def judge_sipp_fails(k):
    """sipp's uac_cancel against a peer that answers must fail, or a failure would not be seen"""
    with Sipp(k.out, "uas_answer") as there, Sipp(k.out, "uac_cancel", f"127.0.0.1:{there.port}", recv_ms=4000) as here:
        status = here.wait(30)
        want(status != 0 and here.complaint(), f"sipp exited with {status} and said {here.complaint()!r}")
        return here.complaint()[:80]


@case("judges", "sipp")
def judge_load(k):
    """1000 calls at 200 a second from sipp's uac to sipp's uas, and the figures read"""
    with Sipp(k.out, "uas", calls=1000, builtin=True) as there:
        with Sipp(k.out, "uac", f"127.0.0.1:{there.port}", ["-r", "200", "-d", "100"], calls=1000, builtin=True) as here:
            here.passes(60)
            return here.clean(1000)


@case("judges", "baresip", "numpy", "tshark", quiet=True)
def judge_baresip(k):
    """baresip calls baresip under tshark: audio both ways, digits, the ladder, RTP and RTCP"""
    with Capture(k.out) as capture:
        with Baresip(k.out / "bob", "bob", SPEECH_B, answer="auto") as bob, Baresip(k.out / "alice", "alice", SPEECH_A) as alice:
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
