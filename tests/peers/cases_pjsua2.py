"""Calls with PJSIP: hold and early media, each heard; 100rel and session timers, read in its log.

Everybody has a tone of their own, so that a recording says who was heard when. All figures are of the time of day.
"""
import time

from peer_pjsua2 import Pjsua2
from suite import case
from tools import until, want

OURS, THEIRS = 440, 600
SOUND = ["--tone", OURS, "--record", "heard.wav"]


# ---------------------------------------------------------------- hold and resume

def held(there, ours, start, hold, resume, end):
    """Each heard the other before the hold and after it, and nothing during it."""
    for heard, hz in ((there, OURS), (ours, THEIRS)):
        heard.has(hz, start + 0.5, hold - 0.1, "before the hold")
        heard.lacks(hz, hold + 0.5, resume - 0.1, "during the hold")
        heard.has(hz, resume + 0.5, end - 0.3, "after the hold")
    return f"each heard the other for {hold - start:.1f} s, nothing for {resume - hold:.1f} s, the other for {end - resume:.1f} s"


@case("pjsua2", "pjsua2")
def pj_is_held(k):
    """the phone calls PJSIP, told: --hold-after --resume-after; both recordings are mute meanwhile"""
    told = ["--hold-after", "2000", "--resume-after", "4500", "--duration", "7000"]
    with Pjsua2(k.out, "pj", THEIRS, "--answer", "200") as pj, k.call(pj.uri, *SOUND, *told) as phone:
        start = pj.up()["t"]
        hold = pj.expect("media", 5, status="remote-hold")["t"]
        resume = pj.expect("media", 5, nth=2, status="active")["t"]
        phone.exits(0, 12)
        end = pj.ended()["t"]
        want(phone.seen("hold") and phone.seen("resumed"), "no `hold` or no `resumed` event")
        pj.quit()
        return held(pj.heard(), phone.heard(), start, hold, resume, end)


@case("pjsua2", "pjsua2")
def pj_holds(k):
    """PJSIP calls the phone, holds and resumes; both recordings are mute meanwhile"""
    phone, port = k.listen("--answer", "--calls", "1", *SOUND)
    with phone, Pjsua2(k.out, "pj", THEIRS) as pj:
        pj.say(f"call sip:phone@127.0.0.1:{port}")
        start = pj.up()["t"]
        time.sleep(2)
        pj.say("hold")
        hold = pj.expect("media", 3, status="local-hold")["t"]
        phone.expect("held", 3)
        time.sleep(2.5)
        pj.say("unhold")
        resume = pj.expect("media", 3, nth=2, status="active")["t"]
        time.sleep(2.5)
        pj.say("hangup")
        phone.exits(0, 8)
        end = pj.ended()["t"]
        pj.quit()
        return held(pj.heard(), phone.heard(), start, hold, resume, end)


# ---------------------------------------------------------------- early media

@case("pjsua2", "pjsua2")
def pj_early_media(k):
    """PJSIP answers the phone with 183 and SDP, and with 200 two seconds later; the phone hears it from the 183 on"""
    with Pjsua2(k.out, "pj", THEIRS, "--answer", "200", "--ring-ms", "2000", "--ring-with", "183") as pj:
        with k.call(pj.uri, *SOUND, "--duration", "1500") as phone:
            early = phone.expect("early-media", 5)["t"]
            up = phone.expect("answered", 5)["t"]
            phone.exits(0, 10)
            pj.quit()
            phone.heard(began=early).has(THEIRS, early + 0.3, up + 1, "from the 183 on")
            return f"heard for {up - early:.1f} s before the answer"


@case("pjsua2", "pjsua2")
def pj_hears_early_media(k):
    """the phone answers PJSIP with 183 and SDP, told: --early-media --answer-after; PJSIP hears it from the 183 on"""
    phone, port = k.listen("--early-media", "--answer-after", "2000", "--calls", "1", *SOUND)
    with phone, Pjsua2(k.out, "pj", THEIRS) as pj:
        pj.say(f"call sip:phone@127.0.0.1:{port}")
        early = pj.expect("state", 5, state="EARLY", code=183)["t"]
        up = pj.up()["t"]
        time.sleep(1.5)
        pj.say("hangup")
        phone.exits(0, 8)
        pj.quit()
        want(up - early > 1.5, f"the answer came {up - early:.1f} s after the 183, 2 wanted")
        pj.heard().has(OURS, early + 0.5, up + 1, "from the 183 on")
        return f"heard for {up - early:.1f} s before the answer"


# ---------------------------------------------------------------- reliable provisional responses

def pracked(pj, way):
    """One reliable 18x went the given way, and its PRACK and the answer to that the other way and back."""
    back = "RX" if way == "TX" else "TX"
    reliable, pracks = pj.count(way, r"\ASIP/2.0 18\d [^\0]*^RSeq: *\d+"), pj.count(back, r"\APRACK ")
    want(reliable, "no reliable 18x in PJSIP's log")
    want(pracks >= reliable, f"{reliable} reliable 18x and {pracks} PRACK in PJSIP's log")
    want(pj.count(way, r"\ASIP/2.0 200 [^\0]*^CSeq: *\d+ PRACK"), "no 200 to PRACK in PJSIP's log")
    return f"{reliable} reliable 18x, {pracks} PRACK"


@case("pjsua2", "pjsua2")
def pj_requires_100rel(k):
    """PJSIP calls and requires 100rel; the phone's 180 is reliable, told: --answer-after"""
    phone, port = k.listen("--answer-after", "800", "--calls", "1", *SOUND)
    with phone, Pjsua2(k.out, "pj", THEIRS, "--rel", "1") as pj:
        pj.say(f"call sip:phone@127.0.0.1:{port}")
        pj.up()
        time.sleep(1)
        pj.say("hangup")
        phone.exits(0, 8)
        pj.quit()
        return pracked(pj, "RX")


@case("pjsua2", "pjsua2")
def pj_must_100rel(k):
    """the phone calls PJSIP, told: --reliable required; PJSIP's 180 is reliable and gets its PRACK"""
    with Pjsua2(k.out, "pj", THEIRS, "--rel", "2", "--answer", "200", "--ring-ms", "800") as pj:
        with k.call(pj.uri, *SOUND, "--reliable", "required", "--duration", "1000") as phone:
            phone.exits(0, 10)
            pj.quit()
            want(pj.count("RX", r"\AINVITE [^\0]*^Require: [^\n]*100rel"), "the INVITE does not require 100rel")
            return pracked(pj, "TX")


# ---------------------------------------------------------------- session timers

def refreshed(pj, who, start):
    """The side whose task it is asked anew after half the interval (RFC 4028 section 7.2), was answered, and the call lives."""
    refreshing = r"\A(INVITE|UPDATE) [^\0]*^To: [^\n]*tag=[^\0]*^(Session-Expires|x): *\d+"
    refresh = until(lambda: pj.count(who, refreshing), 60, f"{'PJSIP' if who == 'TX' else 'the phone'} refreshes nothing")
    waited = time.time() - start
    want(40 < waited < 60, f"the refresh came after {waited:.0f} s, 45 wanted")
    time.sleep(start + 95 - time.time())
    want(not pj.seen("state", state="DISCONNECTED"), "the call was ended although it was refreshed")
    return f"refreshed after {waited:.0f} s, up after {time.time() - start:.0f} s; {refresh} in all"


@case("pjsua2", "pjsua2", slow=True)
def pj_called_with_timer(k):
    """the phone calls PJSIP, told: --session-expires 90; the phone refreshes, and after 95 s the call is up"""
    with Pjsua2(k.out, "pj", THEIRS, "--answer", "200", "--timer", "1") as pj:
        with k.call(pj.uri, *SOUND, "--session-expires", "90", "--duration", "97000") as phone:
            detail = refreshed(pj, "RX", pj.up()["t"])
            phone.exits(0, 10)
            pj.quit()
            return detail


@case("pjsua2", "pjsua2", slow=True)
def pj_calls_with_timer(k):
    """PJSIP calls the phone with Session-Expires 90 and refreshes; after 95 s the call is up"""
    phone, port = k.listen("--answer", "--calls", "1", *SOUND)
    with phone, Pjsua2(k.out, "pj", THEIRS, "--timer", "3", "--se", "90") as pj:
        pj.say(f"call sip:phone@127.0.0.1:{port}")
        detail = refreshed(pj, "TX", pj.up()["t"])
        pj.say("hangup")
        phone.exits(0, 8)
        pj.quit()
        return detail
