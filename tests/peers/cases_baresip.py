"""Calls with baresip: audio both ways, digits."""
import time

from peer_baresip import Baresip
from sound import SPEECH_A, SPEECH_B, compare
from suite import add, case, same
from tools import until, want


def called_by_baresip(k, *told):
    """baresip calls the phone; both play speech, both recordings are compared"""
    phone, port = k.listen("--answer", "--calls", "1", "--play", SPEECH_B, "--record", k.out / "heard.wav", *told)
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
    with Baresip(k.out / "baresip", "bob", SPEECH_B, answer="auto") as peer:
        played = ["--play", SPEECH_A, "--record", k.out / "heard.wav", "--duration", "7500"]
        with k.call(peer.uri, *played, *told) as phone:
            phone.exits(0, 20)
            peer.expect("CALL_CLOSED", 5)
            peer.stop()
            there = compare(SPEECH_A, peer.heard(), dropouts_max=1)
            return f"baresip heard {there}, we heard {compare(SPEECH_B, k.out / 'heard.wav', dropouts_max=1)}"


for run, name in ((called_by_baresip, "baresip_calls"), (calling_baresip, "calls_baresip")):
    add(name, run, ["baresip", "numpy"], "baresip", quiet=True)
    add(*same(run, f"{name}_smol", "--runtime", "smol"), ["baresip", "numpy"], "baresip", quiet=True)


@case("baresip", "baresip")
def dtmf_from_baresip(k):
    """baresip presses 12#; the phone reports each digit once"""
    phone, port = k.listen("--answer", "--calls", "1")
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


@case("baresip", "baresip")
def dtmf_to_baresip(k):
    """the phone presses 12# with --dtmf; baresip reports each digit once"""
    with Baresip(k.out / "baresip", "bob", SPEECH_B, answer="auto") as peer:
        with k.call(peer.uri, "--dtmf", "12#", "--duration", "3000") as phone:
            phone.exits(0, 15)
            want(peer.digits() == "12#", f"baresip reported {peer.digits()!r}, '12#' wanted")
            return peer.digits()
