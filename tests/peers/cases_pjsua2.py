"""Calls with PJSIP: hold, transfer, early media, reliable provisional responses, session timers.

Everybody has a tone of their own, so that a recording says who was heard when.
"""
import time

from peer_pjsua2 import Pjsua2
from sound import Heard, HeardInTurn
from suite import add, case, same
from tools import want

OURS, THEIRS, THIRD = 440, 600, 800
NEEDS = ("pjsua2",)


def phone_says(k, number=1):
    return ["--tone", OURS, "--record", k.out / "heard.wav"]


def ours(k, number=1):
    """What the phone heard in one of its calls."""
    return HeardInTurn(k.out / ("heard.wav" if number == 1 else f"heard-{number}.wav"))


# ---------------------------------------------------------------- hold and resume

def hold_heard(k, pj, times):
    """Both were heard before the hold, nobody during it, and both after it."""
    start, hold, resume, end = times
    there = Heard(*pj.heard())
    there.has(OURS, start + 0.5, hold - 0.1, "before the hold")
    there.lacks(OURS, hold + 0.5, resume - 0.1, "while on hold")
    there.has(OURS, resume + 0.5, end - 0.3, "after the hold")
    ours(k).went(THEIRS, (hold - start, resume - hold, end - resume))
    return f"each heard the other until {hold - start:.1f} s, nothing until {resume - start:.1f} s, and then again"


@case("pjsua2", *NEEDS)
def pj_we_hold(k):
    """the phone calls PJSIP, told: --hold-after --resume-after; PJSIP's recording is mute meanwhile, and so is ours"""
    with Pjsua2(k.out, "pj", THEIRS, "--answer", "200") as pj:
        told = ["--hold-after", "2000", "--resume-after", "4500", "--duration", "7000"]
        with k.call(pj.uri, *phone_says(k), *told) as phone:
            start = pj.up()["t"]
            hold = pj.expect("media", 5, status="remote-hold")["t"]
            resume = pj.expect("media", 5, nth=2, status="active")["t"]
            phone.exits(0, 12)
            end = pj.expect("state", 3, state="DISCONNECTED")["t"]
            want(phone.seen("hold") and phone.seen("resumed"), "no `hold` and `resumed` event")
        pj.quit()
        return hold_heard(k, pj, (start, hold, resume, end))


@case("pjsua2", *NEEDS)
def pj_holds(k):
    """PJSIP calls the phone, holds and resumes; PJSIP's recording is mute meanwhile, and so is ours"""
    phone, port = k.listen("--answer", "--calls", "1", *phone_says(k))
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
        end = pj.expect("state", 3, state="DISCONNECTED")["t"]
        pj.quit()
        return hold_heard(k, pj, (start, hold, resume, end))


# ---------------------------------------------------------------- transfer

def both_heard(first, second, first_number=1, second_number=1, hz=(THEIRS, THIRD)):
    """After the transfer two PJSIPs heard each other for the last second that both recorded."""
    for one, number, tone in ((first, first_number, hz[1]), (second, second_number, hz[0])):
        Heard(*one.heard(number)).ends_with(tone, 1.0)


def consult(pj, first, other):
    """PJSIP holds its call, calls another, and joins the two."""
    pj.say("hold")
    pj.expect("media", 3, status="local-hold")
    pj.say(f"call {other}")
    pj.up(nth=2)
    time.sleep(1)
    ids = [event["id"] for event in pj.seen("state", state="CONFIRMED")]
    pj.say(f"pick {ids[0]}")
    pj.say(f"transfer-to {ids[1]}")


def pj_transfers(pj, target, attended):
    """PJSIP transfers whom it talks to; its own part is over then."""
    time.sleep(1)
    if attended:
        consult(pj, 0, target)
    else:
        pj.say(f"transfer {target}")
    pj.expect("transfer", 8, code=200, final=True)
    for event in pj.seen("state", state="CONFIRMED"):
        pj.say(f"pick {event['id']}")
        pj.say("hangup")


def judged(k, attended):
    with (Pjsua2(k.out, "transferor", OURS) as one, Pjsua2(k.out, "transferee", THEIRS, "--answer", "200") as two,
          Pjsua2(k.out, "target", THIRD, "--answer", "200") as three):
        one.say(f"call {two.uri}")
        one.up()
        pj_transfers(one, three.uri, attended)
        two.up(nth=2)
        time.sleep(2)
        two.say("hangup")
        for pj in (one, two, three):
            pj.quit()
        both_heard(two, three, 2, 2 if attended else 1)


@case("judges", *NEEDS)
def judge_pj_transfer(k):
    """PJSIP transfers PJSIP to PJSIP, blindly: the two that stay hear each other"""
    judged(k, attended=False)


@case("judges", *NEEDS)
def judge_pj_attended(k):
    """PJSIP transfers PJSIP to PJSIP after a word with it (Replaces): the two that stay hear each other"""
    judged(k, attended=True)
