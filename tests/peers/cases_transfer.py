"""Transfer with PJSIP, blind and attended, our phone in each of the three roles.

Everybody has a tone of their own: at the end those who stay must hear each other, in the recordings of both.
"""
import time

from peer_pjsua2 import Pjsua2
from suite import add
from tools import want

TRANSFEROR, TRANSFEREE, TARGET = 440, 600, 800
LASTS = 2.0


def sound(hz):
    return ["--tone", hz, "--record", "heard.wav"]


def pj_transfers(pj, target, attended):
    """PJSIP transfers whom it talks to: at once, or after it has talked to the target as well."""
    time.sleep(1)
    if attended:
        pj.say("hold")
        pj.expect("media", 3, status="local-hold")
        pj.say(f"call {target}")
        pj.up(nth=2)
        time.sleep(1)
        first, second = (event["id"] for event in pj.seen("state", state="CONFIRMED"))
        pj.say(f"pick {first}")
        pj.say(f"transfer-to {second}")
    else:
        pj.say(f"transfer {target}")
    pj.expect("transfer", 8, code=200, final=True)
    if not pj.seen("state", state="DISCONNECTED"):
        pj.say("hangup")


def met(transferee, target):
    """The recordings of the two who stay: each heard the other at the end."""
    transferee.ends_with(TARGET, LASTS - 1)
    target.ends_with(TRANSFEREE, LASTS - 1)
    return f"those who stayed heard each other for {LASTS:g} s"


def phone_transfers(k, attended):
    """the phone calls PJSIP and transfers it to another PJSIP"""
    with (Pjsua2(k.out, "transferee", TRANSFEREE, "--answer", "200") as one,
          Pjsua2(k.out, "target", TARGET, "--answer", "200") as two):
        told = ["--transfer-to", two.uri, "--transfer-after", "1500", *(["--attended"] if attended else [])]
        with k.call(one.uri, *sound(TRANSFEROR), *told) as phone:
            one.up(12, nth=2)
            phone.exits(0, 10)
            want(phone.seen("transferred"), "no `transferred` event")
        time.sleep(LASTS)
        one.say("hangup")
        one.quit(), two.quit()
        return met(one.heard(2), two.heard(2 if attended else 1))


def phone_is_transferred(k, attended):
    """PJSIP calls the phone and transfers it to another PJSIP, told: --accept-transfer"""
    phone, port = k.listen("--answer", "--accept-transfer", *sound(TRANSFEREE))
    with (phone, Pjsua2(k.out, "transferor", TRANSFEROR) as one, Pjsua2(k.out, "target", TARGET, "--answer", "200") as two):
        one.say(f"call sip:phone@127.0.0.1:{port}")
        one.up()
        pj_transfers(one, two.uri, attended)
        phone.expect("answered", 4, nth=2)
        time.sleep(LASTS)
        two.say("hangup")
        phone.expect("ended", 4, nth=2)
        phone.interrupted()
        one.quit(), two.quit()
        return met(phone.heard(2), two.heard(2 if attended else 1))


def phone_is_target(k, attended):
    """PJSIP calls PJSIP and transfers it to the phone"""
    phone, port = k.listen("--answer", *sound(TARGET))
    with (phone, Pjsua2(k.out, "transferor", TRANSFEROR) as one,
          Pjsua2(k.out, "transferee", TRANSFEREE, "--answer", "200") as two):
        one.say(f"call {two.uri}")
        one.up()
        pj_transfers(one, f"sip:phone@127.0.0.1:{port}", attended)
        calls = 2 if attended else 1
        phone.expect("answered", 4, nth=calls)
        time.sleep(LASTS)
        two.say("hangup")
        phone.expect("ended", 4, nth=calls)
        phone.interrupted()
        one.quit(), two.quit()
        return met(two.heard(2), phone.heard(calls))


def judge_transfer(k, attended):
    """PJSIP transfers PJSIP to PJSIP"""
    with (Pjsua2(k.out, "transferor", TRANSFEROR) as one, Pjsua2(k.out, "transferee", TRANSFEREE, "--answer", "200") as two,
          Pjsua2(k.out, "target", TARGET, "--answer", "200") as three):
        one.say(f"call {two.uri}")
        one.up()
        pj_transfers(one, three.uri, attended)
        two.up(nth=2)
        time.sleep(LASTS)
        two.say("hangup")
        one.quit(), two.quit(), three.quit()
        return met(two.heard(2), three.heard(2 if attended else 1))


for role, name, group in ((phone_transfers, "pj_transfer_by_us", "pjsua2"), (phone_is_transferred, "pj_transfer_of_us", "pjsua2"),
                          (phone_is_target, "pj_transfer_to_us", "pjsua2"), (judge_transfer, "judge_pj_transfer", "judges")):
    for attended in (False, True):
        def run(k, role=role, attended=attended):
            return role(k, attended)
        run.__doc__ = f"{role.__doc__}, {'attended: by Replaces' if attended else 'blindly'}"
        add(f"{name}_attended" if attended else name, run, ["pjsua2"], group)
