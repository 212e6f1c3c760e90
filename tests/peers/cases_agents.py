"""Calls with PJSIP and baresip 4: hold and early media, each heard; 100rel and session timers, read in their logs.

Everybody has a tone of their own, so that a recording says who was heard when. All figures are of the time of day.
"""
import time

from agent import Baresip4, Pjsua2
from suite import add, case, replayed
from tools import want

OURS, THEIRS = 440, 600
SOUND = ["--tone", OURS, "--record", "heard.wav"]


# ---------------------------------------------------------------- hold and resume

def held(there, ours, start, hold, resume, end):
    """Each heard the other before the hold and after it, and nothing during it."""
    there.has(OURS, start + 0.5, hold - 0.1, "before the hold")
    there.lacks(OURS, hold + 0.5, resume - 0.1, "during the hold")
    there.has(OURS, resume + 0.5, end - 0.3, "after the hold")
    ours.has_for(THEIRS, hold - start + end - resume)
    return f"each heard the other for {hold - start:.1f} s, nothing for {resume - hold:.1f} s, the other for {end - resume:.1f} s"


def is_held(k, Peer, *more):
    """the phone calls the peer, told: --hold-after --resume-after; both recordings are mute meanwhile"""
    told = ["--hold-after", "2000", "--resume-after", "4500", "--duration", "7000", *more]
    with Peer(k.out, "peer", THEIRS, "--answer", "200") as peer, k.call(peer.uri, *SOUND, *told) as phone:
        start = peer.up()["t"]
        hold = peer.expect("media", 5, status="remote-hold")["t"]
        resume = peer.expect("media", 5, nth=2, status="active")["t"]
        phone.exits(0, 12)
        end = peer.ended()["t"]
        want(phone.seen("hold") and phone.seen("resumed"), "no `hold` or no `resumed` event")
        peer.quit()
        return held(peer.heard(), phone.heard(), start, hold, resume, end)


def holds(k, Peer):
    """the peer calls the phone, holds and resumes; both recordings are mute meanwhile"""
    phone, port = k.listen("--answer", "--calls", "1", *SOUND)
    with phone, Peer(k.out, "peer", THEIRS) as peer:
        peer.say(f"call sip:phone@127.0.0.1:{port}")
        start = peer.up()["t"]
        time.sleep(2)
        peer.say("hold")
        hold = peer.expect("media", 3, status="local-hold")["t"]
        phone.expect("held", 3, held=True)
        time.sleep(2.5)
        peer.say("unhold")
        resume = peer.expect("media", 3, nth=2, status="active")["t"]
        time.sleep(2.5)
        peer.say("hangup")
        phone.exits(0, 8)
        end = peer.ended()["t"]
        peer.quit()
        return held(peer.heard(), phone.heard(), start, hold, resume, end)


def both_hold(k, Peer):
    """the phone calls the peer, told: --hold-after --resume-after; the peer holds as well, and is the last to resume"""
    told = ["--hold-after", "1500", "--resume-after", "4500", "--duration", "9000"]
    with Peer(k.out, "peer", THEIRS, "--answer", "200") as peer, k.call(peer.uri, *SOUND, *told) as phone:
        start = peer.up()["t"]
        hold = peer.expect("media", 5, status="remote-hold")["t"]
        time.sleep(1)
        peer.say("hold")
        phone.expect("held", 3, held=True)
        phone.expect("resumed", 5)
        time.sleep(1.5)
        peer.say("unhold")
        resume = time.time()
        phone.exits(0, 12)
        end = peer.ended()["t"]
        peer.quit()
        return held(peer.heard(), phone.heard(), start, hold, resume, end)


# ---------------------------------------------------------------- early media

def early_media(k, Peer):
    """the peer answers the phone with 183 and SDP, and with 200 two seconds later; the phone hears it from the 183 on"""
    with Peer(k.out, "peer", THEIRS, "--answer", "200", "--ring-ms", "2000", "--ring-with", "183") as peer:
        with k.call(peer.uri, *SOUND, "--duration", "1500") as phone:
            early = phone.expect("early-media", 5)["t"]
            up = phone.expect("answered", 5)["t"]
            phone.exits(0, 10)
            peer.quit()
            phone.heard(began=early).has(THEIRS, early + 0.3, up + 1, "from the 183 on")
            return f"heard for {up - early:.1f} s before the answer"


def reliable_early_media(k, Peer):
    """the peer answers the phone with a reliable 183 and SDP, told: --reliable supported; the 200 has no SDP to say"""
    with Peer(k.out, "peer", THEIRS, "--answer", "200", "--ring-ms", "2000", "--ring-with", "183", "--rel", "2") as peer:
        with k.call(peer.uri, *SOUND, "--reliable", "supported", "--duration", "1500") as phone:
            early = phone.expect("early-media", 5)["t"]
            up = phone.expect("answered", 5)["t"]
            phone.exits(0, 10)
            peer.quit()
            phone.heard(began=early).has(THEIRS, early + 0.3, up + 1, "from the 183 on")
            return f"{pracked(peer, 'TX')}; heard for {up - early:.1f} s before the answer"


def hears_early_media(k, Peer):
    """the phone answers the peer with 183 and SDP, told: --early-media --answer-after; the peer hears it from the 183 on"""
    phone, port = k.listen("--early-media", "--answer-after", "2000", "--calls", "1", *SOUND)
    with phone, Peer(k.out, "peer", THEIRS) as peer:
        peer.say(f"call sip:phone@127.0.0.1:{port}")
        early = peer.expect("state", 5, state="EARLY", code=183)["t"]
        up = peer.up()["t"]
        time.sleep(1.5)
        peer.say("hangup")
        phone.exits(0, 8)
        peer.quit()
        want(up - early > 1.5, f"the answer came {up - early:.1f} s after the 183, 2 wanted")
        peer.heard().has(OURS, early + 0.5, up + 1, "from the 183 on")
        return f"heard for {up - early:.1f} s before the answer"


# ---------------------------------------------------------------- reliable provisional responses

def pracked(peer, way):
    """One reliable 18x went the given way, and its PRACK and the answer to that the other way and back."""
    back = "RX" if way == "TX" else "TX"
    reliable, pracks = peer.count(way, r"\ASIP/2.0 18\d [^\0]*^RSeq: *\d+"), peer.count(back, r"\APRACK ")
    want(reliable, "no reliable 18x in the peer's log")
    want(pracks >= reliable, f"{reliable} reliable 18x and {pracks} PRACK in the peer's log")
    want(peer.count(way, r"\ASIP/2.0 200 [^\0]*^CSeq: *\d+ PRACK"), "no 200 to PRACK in the peer's log")
    return f"{reliable} reliable 18x, {pracks} PRACK"


def hears_reliable_early_media(k, Peer):
    """the peer calls and requires 100rel; the phone's 183 is reliable and has SDP, told: --early-media --answer-after"""
    phone, port = k.listen("--early-media", "--answer-after", "2000", "--calls", "1", *SOUND)
    with phone, Peer(k.out, "peer", THEIRS, "--rel", "1") as peer:
        peer.say(f"call sip:phone@127.0.0.1:{port}")
        early = peer.expect("state", 5, state="EARLY", code=183)["t"]
        up = peer.up()["t"]
        time.sleep(1.5)
        peer.say("hangup")
        phone.exits(0, 8)
        peer.quit()
        peer.heard().has(OURS, early + 0.5, up + 1, "from the 183 on")
        return f"{pracked(peer, 'RX')}; heard for {up - early:.1f} s before the answer"


def late_offer(k, Peer):
    """the phone calls the peer without an offer, told: --late-offer; the answer is in the ACK, and both are heard"""
    with Peer(k.out, "peer", THEIRS, "--answer", "200") as peer:
        with k.call(peer.uri, *SOUND, "--late-offer", "--duration", "2500") as phone:
            start = peer.up()["t"]
            phone.exits(0, 10)
            end = peer.ended()["t"]
            peer.quit()
            want(peer.count("RX", r"\AINVITE ") == peer.count("RX", r"\AINVITE [^\0]*^Content-Length: *0"), "the INVITE has SDP")
            want(peer.count("RX", r"\AACK [^\0]*^m=audio [1-9]"), "the ACK has no SDP")
            for heard, hz in ((peer.heard(), OURS), (phone.heard(), THEIRS)):
                heard.has(hz, start + 0.6, end - 0.3, "of the call")
            return f"both heard each other for {end - start:.1f} s"


def requires_100rel(k, Peer):
    """the peer calls and requires 100rel; the phone's 180 is reliable, told: --answer-after"""
    phone, port = k.listen("--answer-after", "800", "--calls", "1", *SOUND)
    with phone, Peer(k.out, "peer", THEIRS, "--rel", "1") as peer:
        peer.say(f"call sip:phone@127.0.0.1:{port}")
        peer.up()
        time.sleep(1)
        peer.say("hangup")
        phone.exits(0, 8)
        peer.quit()
        return pracked(peer, "RX")


def must_100rel(k, Peer):
    """the phone calls the peer, told: --reliable required; the peer's 180 is reliable and gets its PRACK"""
    with Peer(k.out, "peer", THEIRS, "--rel", "2", "--answer", "200", "--ring-ms", "800") as peer:
        with k.call(peer.uri, *SOUND, "--reliable", "required", "--duration", "1000") as phone:
            phone.exits(0, 10)
            peer.quit()
            want(peer.count("RX", r"\AINVITE [^\0]*^Require: [^\n]*100rel"), "the INVITE does not require 100rel")
            return pracked(peer, "TX")


for Peer, prefix, need, group in ((Pjsua2, "pj", "pjsua2-python", "pjsua2"), (Baresip4, "baresip4", "baresip-python", "baresip")):
    for flow in (is_held, holds, both_hold, early_media, reliable_early_media, hears_early_media,
                 hears_reliable_early_media, late_offer, requires_100rel, must_100rel):
        def run(k, flow=flow, Peer=Peer):
            return flow(k, Peer)
        run.__doc__ = flow.__doc__.replace("the peer", Peer.__doc__.partition(",")[0].rstrip("."), 1)
        add(f"{prefix}_{flow.__name__}", run, [need], group)


@case("pjsua2", "pjsua2-python")
def pj_is_held_smol(k):
    """the phone holds PJSIP and takes it back, told: --runtime smol"""
    return is_held(k, Pjsua2, "--runtime", "smol")


@case("pjsua2", "pjsua2-python")
def pj_hold_traced(k):
    """the phone holds PJSIP and takes it back, told: --record-trace; the trace is replayed to the same outputs"""
    trace = k.out / "call.trace"
    is_held(k, Pjsua2, "--record-trace", trace)
    return replayed(k, trace)


# ---------------------------------------------------------------- UPDATE before the answer

def held_early(peer, phone, early, up):
    """One UPDATE held the call before its answer, nothing held it again, and audio came with the resume."""
    resume = phone.expect("resumed", 8)["t"]
    phone.exits(0, 12)
    end = peer.ended()["t"]
    peer.quit()
    held = {method: peer.count("RX", rf"\A{method} [^\0]*^a=sendonly") for method in ("UPDATE", "INVITE")}
    want(held == {"UPDATE": 1, "INVITE": 0}, f"{held} asked for hold, one UPDATE wanted")
    want(peer.times("RX", r"\AUPDATE ")[0] < up, "the UPDATE came after the answer")
    there = peer.heard()
    there.lacks(OURS, early + 0.6, resume - 0.1, "during the hold")
    there.has(OURS, resume + 0.5, end - 0.3, "after the hold")
    return f"held {up - early:.1f} s before the answer, mute for {resume - early:.1f} s, then heard for {end - resume:.1f} s"


@case("pjsua2", "pjsua2-python")
def pj_held_early(k):
    """the phone calls PJSIP and holds it when it hears a reliable 183, told: --hold-early --resume-after"""
    told = ["--reliable", "supported", "--hold-early", "--resume-after", "1500", "--duration", "4000"]
    with Pjsua2(k.out, "peer", THEIRS, "--answer", "200", "--ring-ms", "2000", "--ring-with", "183", "--rel", "2") as peer:
        with k.call(peer.uri, *SOUND, *told) as phone:
            early = phone.expect("early-media", 5)["t"]
            return held_early(peer, phone, early, peer.up()["t"])


@case("pjsua2", "pjsua2-python")
def pj_caller_held_early(k):
    """PJSIP calls the phone, which holds it after its own 183, told: --early-media --hold-early --resume-after"""
    told = ["--early-media", "--answer-after", "2000", "--hold-early", "--resume-after", "1500", "--duration", "4000"]
    phone, port = k.listen(*told, "--calls", "1", *SOUND)
    with phone, Pjsua2(k.out, "peer", THEIRS, "--rel", "1") as peer:
        peer.say(f"call sip:phone@127.0.0.1:{port}")
        early = peer.expect("state", 5, state="EARLY", code=183)["t"]
        return held_early(peer, phone, early, peer.up()["t"])


@case("pjsua2", "pjsua2-python")
def pj_dtmf_by_info(k):
    """PJSIP presses 12# by INFO; the phone reports each digit once"""
    phone, port = k.listen("--answer", "--calls", "1")
    with phone, Pjsua2(k.out, "pj", THEIRS) as pj:
        pj.say(f"call sip:phone@127.0.0.1:{port}")
        pj.up()
        pj.say("info 12#")
        time.sleep(2)
        pj.say("hangup")
        phone.exits(0, 8)
        digits = "".join(event["digit"] for event in phone.seen("dtmf"))
        want(digits == "12#", f"the phone reported {digits!r}, '12#' wanted")
        return digits


# ---------------------------------------------------------------- session timers

def refreshed(peer, way, start):
    """One side asks anew after half of the interval each time (RFC 4028 section 7.2), is answered, and the call lives."""
    time.sleep(start + 95 - time.time())
    want(not peer.seen("state", state="DISCONNECTED"), "the call is over")
    back = "RX" if way == "TX" else "TX"
    in_dialog = r"\A(INVITE|UPDATE) [^\0]*^To: [^\n]*tag="

    def judge():
        asked = [at - start for at in peer.times(way, in_dialog)]
        want(not peer.times(back, in_dialog), "the side that is not the refresher asked as well")
        good = len(asked) == 2 and 43 < asked[0] < 50 and 43 < asked[1] - asked[0] < 50
        want(good, f"refreshed after {asked}, 45 and 90 wanted")
        answer = r"\ASIP/2.0 200 [^\0]*^CSeq: *\d+ (INVITE|UPDATE)[^\0]*"
        answers = [at for at in peer.times(back, answer) if at - start > 1]
        want(len(answers) == 2, f"{len(answers)} answers, 2 wanted")
        return f"refreshed after {' and '.join(f'{at:.0f}' for at in asked)} s, up after 95 s"

    return judge


@case("pjsua2", "pjsua2-python", slow=True)
def pj_called_with_timer(k):
    """the phone calls PJSIP, told: --session-expires 90; the phone refreshes, and after 95 s the call is up"""
    with Pjsua2(k.out, "pj", THEIRS, "--answer", "200", "--timer", "1") as pj:
        with k.call(pj.uri, *SOUND, "--session-expires", "90", "--duration", "97000") as phone:
            judge = refreshed(pj, "RX", pj.up()["t"])
            phone.exits(0, 10)
            pj.quit()
            return judge()


@case("pjsua2", "pjsua2-python", slow=True)
def pj_calls_with_timer(k):
    """PJSIP calls the phone with Session-Expires 90 and refreshes; after 95 s the call is up"""
    phone, port = k.listen("--answer", "--calls", "1", *SOUND)
    with phone, Pjsua2(k.out, "pj", THEIRS, "--timer", "3", "--se", "90") as pj:
        pj.say(f"call sip:phone@127.0.0.1:{port}")
        judge = refreshed(pj, "TX", pj.up()["t"])
        pj.say("hangup")
        phone.exits(0, 8)
        pj.quit()
        return judge()
