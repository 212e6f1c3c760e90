"""Calls with Debian's baresip (1.0): hold, early media, blind transfer. It knows no Replaces; cases_agents.py has a newer one.

Its own recording ends with the first re-INVITE: what it is sent is read from the wire then.
"""
import time

from peer_baresip import Baresip
from sound import seconds_of, tone_file
from suite import case
from tools import want
from wire import Capture, heard_on_the_wire

OURS, THEIRS, THIRD = 440, 600, 800
SOUND = ["--tone", OURS, "--record", "heard.wav"]


def baresip(k, name, hz, answer="manual"):
    return Baresip(k.out / name, name, tone_file(k.out / f"{name}.wav", hz, 60), answer)


def capture_of(k, peer):
    return Capture(k.out, f"udp portrange {peer.rtp_ports[0]}-{peer.rtp_ports[-1]}")


# ---------------------------------------------------------------- hold and resume

def held(phone, there, start, hold, resume, end):
    """Our tone went out before and after the hold, and not during it; we heard baresip for as long."""
    there.has(OURS, start + 0.5, hold - 0.1, "before the hold")
    there.lacks(OURS, hold + 0.5, resume - 0.1, "during the hold")
    there.has(OURS, resume + 0.5, end - 0.3, "after the hold")
    phone.heard().has_for(THEIRS, hold - start + end - resume)
    return f"sound both ways for {hold - start:.1f} s, none for {resume - hold:.1f} s, and again for {end - resume:.1f} s"


@case("baresip", "baresip", "tshark")
def baresip_is_held(k):
    """the phone calls baresip, told: --hold-after --resume-after; no sound either way meanwhile"""
    told = ["--hold-after", "2000", "--resume-after", "4500", "--duration", "7000"]
    with (baresip(k, "baresip", THEIRS, "auto") as peer, capture_of(k, peer) as capture,
          k.call(peer.uri, *SOUND, *told) as phone):
        start = peer.expect("CALL_ESTABLISHED", 5)["t"]
        hold, resume = phone.expect("hold", 5)["t"], phone.expect("resumed", 5)["t"]
        phone.exits(0, 12)
        end = peer.expect("CALL_CLOSED", 3)["t"]
        capture.finish()
        return held(phone, heard_on_the_wire(capture, peer.rtp_ports), start, hold, resume, end)


@case("baresip", "baresip", "tshark")
def baresip_holds(k):
    """baresip calls the phone, holds and resumes; no sound either way meanwhile"""
    phone, port = k.listen("--answer", "--calls", "1", *SOUND)
    with phone, baresip(k, "baresip", THEIRS) as peer, capture_of(k, peer) as capture:
        peer.say("dial", f"sip:phone@127.0.0.1:{port}")
        start = peer.expect("CALL_ESTABLISHED", 5)["t"]
        time.sleep(2)
        peer.say("hold")
        hold = phone.expect("held", 3, held=True)["t"]
        time.sleep(2.5)
        peer.say("resume")
        resume = phone.expect("held", 3, held=False)["t"]
        time.sleep(2.5)
        peer.say("hangup")
        phone.exits(0, 8)
        end = peer.expect("CALL_CLOSED", 3)["t"]
        capture.finish()
        return held(phone, heard_on_the_wire(capture, peer.rtp_ports), start, hold, resume, end)


# ---------------------------------------------------------------- early media

@case("baresip", "baresip")
def baresip_early_media(k):
    """baresip answers the phone with 183 and SDP, and with 200 two seconds later; the phone hears it from the 183 on"""
    with baresip(k, "baresip", THEIRS, "early") as peer, k.call(peer.uri, *SOUND, "--duration", "1500") as phone:
        early = phone.expect("early-media", 5)["t"]
        time.sleep(2)
        peer.say("accept")
        up = phone.expect("answered", 5)["t"]
        phone.exits(0, 10)
        phone.heard(began=early).has(THEIRS, early + 0.3, up + 1, "from the 183 on")
        return f"heard for {up - early:.1f} s before the answer"


@case("baresip", "baresip")
def baresip_hears_early_media(k):
    """the phone answers baresip with 183 and SDP, told: --early-media --answer-after; baresip hears it from the 183 on"""
    phone, port = k.listen("--early-media", "--answer-after", "2000", "--calls", "1", *SOUND)
    with phone, baresip(k, "baresip", THEIRS) as peer:
        peer.say("dial", f"sip:phone@127.0.0.1:{port}")
        early = peer.expect("CALL_PROGRESS", 5)["t"]
        up = peer.expect("CALL_ESTABLISHED", 5)["t"]
        time.sleep(1.5)
        peer.say("hangup")
        phone.exits(0, 8)
        end = peer.expect("CALL_CLOSED", 3)["t"]
        peer.stop()
        heard = seconds_of(peer.heard(), OURS)
        want(up - early > 1.5, f"the answer came {up - early:.1f} s after the 183, 2 wanted")
        want(heard > end - early - 0.6, f"baresip heard us for {heard:.1f} s of {end - early:.1f}")
        return f"heard for {heard:.1f} s, {up - early:.1f} s of them before the answer"


# ---------------------------------------------------------------- blind transfer

def met(transferee, hz, target, other):
    """Each of those who stayed heard the other for a second at least."""
    heard = seconds_of(transferee, other), seconds_of(target, hz)
    want(min(heard) > 1, f"they heard each other for {heard[0]:.1f} and {heard[1]:.1f} s")
    return f"they heard each other for {heard[0]:.1f} and {heard[1]:.1f} s"


@case("baresip", "baresip")
def baresip_transfer_by_us(k):
    """the phone calls baresip and transfers it to another baresip, blindly"""
    with baresip(k, "transferee", THEIRS, "auto") as one, baresip(k, "target", THIRD, "auto") as two:
        told = ["--transfer-to", two.uri, "--transfer-after", "1500"]
        with k.call(one.uri, *SOUND, *told) as phone:
            one.expect("CALL_ESTABLISHED", 10, nth=2)
            phone.exits(0, 10)
            want(phone.seen("transferred"), "no `transferred` event")
        time.sleep(2)
        two.say("hangup")
        one.expect("CALL_CLOSED", 4, nth=2)
        one.stop(), two.stop()
        return met(one.heard(), THEIRS, two.heard(), THIRD)


@case("baresip", "baresip")
def baresip_transfer_of_us(k):
    """baresip calls the phone and transfers it to another baresip, blindly, told: --accept-transfers"""
    phone, port = k.listen("--answer", "--accept-transfers", *SOUND)
    with phone, baresip(k, "transferor", THEIRS) as one, baresip(k, "target", THIRD, "auto") as two:
        one.say("dial", f"sip:phone@127.0.0.1:{port}")
        one.expect("CALL_ESTABLISHED", 5)
        time.sleep(1)
        one.say("transfer", two.uri)
        phone.expect("answered", 6, nth=2)
        one.expect("CALL_CLOSED", 4)
        time.sleep(2)
        two.say("hangup")
        phone.expect("ended", 4, nth=2)
        phone.interrupted()
        two.stop()
        return met(k.out / "heard-2.wav", OURS, two.heard(), THIRD)


@case("baresip", "baresip")
def baresip_transfer_to_us(k):
    """baresip calls baresip and transfers it to the phone, blindly"""
    phone, port = k.listen("--answer", *SOUND)
    with phone, baresip(k, "transferor", THIRD) as one, baresip(k, "transferee", THEIRS, "auto") as two:
        one.say("dial", two.uri)
        one.expect("CALL_ESTABLISHED", 5)
        time.sleep(1)
        one.say("transfer", f"sip:phone@127.0.0.1:{port}")
        phone.expect("answered", 6)
        one.expect("CALL_CLOSED", 4)
        time.sleep(2)
        two.say("hangup")
        phone.ended(4)
        phone.interrupted()
        two.stop()
        return met(two.heard(), THEIRS, k.out / "heard.wav", OURS)
