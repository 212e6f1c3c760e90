"""Transfer with PJSIP and baresip 4, blind and attended, our phone in each of the three roles.

Everybody has a tone of their own: at the end those who stay must hear each other, in the recordings of both.
"""
import time

from agent import Baresip4, Pjsua2
from peer_sipp import Sipp
from suite import add, case, replayed
from tools import want

TRANSFEROR, TRANSFEREE, TARGET = 440, 600, 800
LASTS = 2.0


def sound(hz):
    return ["--tone", hz, "--record", "heard.wav"]


def peer_transfers(peer, target, attended):
    """the peer transfers whom it talks to: at once, or after it has talked to the target as well."""
    time.sleep(1)
    if attended:
        peer.say("hold")
        peer.expect("media", 3, status="local-hold")
        peer.say(f"call {target}")
        peer.up(nth=2)
        time.sleep(1)
        first, second = (event["id"] for event in peer.seen("state", state="CONFIRMED"))
        peer.say(f"pick {first}")
        peer.say(f"transfer-to {second}")
    else:
        peer.say(f"transfer {target}")
    peer.expect("transfer", 8, code=200, final=True)
    gone = [event["id"] for event in peer.seen("state", state="DISCONNECTED")]
    for call in peer.seen("state", state="CONFIRMED"):
        if call["id"] not in gone:
            peer.say(f"pick {call['id']}")
            peer.say("hangup")


def met(transferee, target):
    """The recordings of the two who stay: each heard the other at the end."""
    transferee.ends_with(TARGET, LASTS - 1)
    target.ends_with(TRANSFEREE, LASTS - 1)
    return f"those who stayed heard each other for {LASTS:g} s"


def phone_transfers(k, Peer, attended, Other=None):
    """the phone calls the peer and transfers it to another of its kind"""
    with (Peer(k.out, "transferee", TRANSFEREE, "--answer", "200") as one,
          (Other or Peer)(k.out, "target", TARGET, "--answer", "200") as two):
        told = ["--transfer-to", two.uri, "--transfer-after", "1500", *(["--attended"] if attended else [])]
        with k.call(one.uri, *sound(TRANSFEROR), *told) as phone:
            one.up(12, nth=2)
            phone.exits(0, 10)
            want(phone.seen("transferred"), "no `transferred` event")
        time.sleep(LASTS)
        one.say("hangup")
        one.quit(), two.quit()
        return met(one.heard(2), two.heard(2 if attended else 1))


def target_is_busy(k, Peer):
    """the phone calls the peer and transfers it to a sipp that is busy: it is told so, and the two go on talking"""
    with Peer(k.out, "transferee", TRANSFEREE, "--answer", "200") as peer, Sipp(k.out, "uas_busy") as busy:
        told = ["--transfer-to", f"sip:busy@127.0.0.1:{busy.port}", "--transfer-after", "1000", "--duration", "4000"]
        with k.call(peer.uri, *sound(TRANSFEROR), *told) as phone:
            phone.expect("transfer", 5, status=486, done=True)
            want(not phone.seen("transferred") and not phone.seen("ended"), "the phone takes that for a transfer")
            phone.ended(8)
            phone.wait(5)
        busy.passes(5)
        peer.quit()
        peer.heard().ends_with(TRANSFEROR, LASTS - 1)
        phone.heard().ends_with(TRANSFEREE, LASTS - 1)
        return "told 486, and they went on talking"


def phone_is_transferred(k, Peer, attended, *more):
    """the peer calls the phone and transfers it to another of its kind, told: --accept-transfers"""
    phone, port = k.listen("--answer", "--accept-transfers", *sound(TRANSFEREE), *more)
    with (phone, Peer(k.out, "transferor", TRANSFEROR) as one, Peer(k.out, "target", TARGET, "--answer", "200") as two):
        one.say(f"call sip:phone@127.0.0.1:{port}")
        one.up()
        peer_transfers(one, two.uri, attended)
        phone.expect("answered", 4, nth=2)
        time.sleep(LASTS)
        two.say("hangup")
        phone.expect("ended", 4, nth=2)
        phone.interrupted()
        one.quit(), two.quit()
        return met(phone.heard(2), two.heard(2 if attended else 1))


def phone_is_target(k, Peer, attended):
    """the peer calls the peer and transfers it to the phone"""
    phone, port = k.listen("--answer", *sound(TARGET))
    with (phone, Peer(k.out, "transferor", TRANSFEROR) as one,
          Peer(k.out, "transferee", TRANSFEREE, "--answer", "200") as two):
        one.say(f"call {two.uri}")
        one.up()
        peer_transfers(one, f"sip:phone@127.0.0.1:{port}", attended)
        calls = 2 if attended else 1
        phone.expect("answered", 4, nth=calls)
        time.sleep(LASTS)
        two.say("hangup")
        phone.expect("ended", 4, nth=calls)
        phone.interrupted()
        one.quit(), two.quit()
        return met(two.heard(2), phone.heard(calls))


def judge_transfer(k, Peer, attended):
    """the peer transfers the peer to the peer"""
    with (Peer(k.out, "transferor", TRANSFEROR) as one, Peer(k.out, "transferee", TRANSFEREE, "--answer", "200") as two,
          Peer(k.out, "target", TARGET, "--answer", "200") as three):
        one.say(f"call {two.uri}")
        one.up()
        peer_transfers(one, three.uri, attended)
        two.up(nth=2)
        time.sleep(LASTS)
        two.say("hangup")
        one.quit(), two.quit(), three.quit()
        return met(two.heard(2), three.heard(2 if attended else 1))


ROLES = {"transfer_by_us": phone_transfers, "transfer_of_us": phone_is_transferred, "transfer_to_us": phone_is_target}
for Peer, prefix, need, group in ((Pjsua2, "pj", "pjsua2-python", "pjsua2"), (Baresip4, "baresip4", "baresip-python", "baresip")):
    def busy(k, Peer=Peer):
        return target_is_busy(k, Peer)
    busy.__doc__ = target_is_busy.__doc__.replace("the peer", Peer.__doc__.partition(",")[0].rstrip("."))
    add(f"{prefix}_transfer_to_busy", busy, [need, "sipp"], group)
    for name, role in [*((f"{prefix}_{name}", role) for name, role in ROLES.items()), (f"judge_{prefix}_transfer", judge_transfer)]:
        for attended in (False, True):
            def run(k, role=role, Peer=Peer, attended=attended):
                return role(k, Peer, attended)
            run.__doc__ = f"{role.__doc__.replace('the peer', Peer.__doc__.partition(',')[0].rstrip('.'))}, {'attended' if attended else 'blindly'}"
            add(f"{name}_attended" if attended else name, run, [need], "judges" if name.startswith("judge") else group)


@case("pjsua2", "pjsua2-python")
def pj_transfer_traced(k):
    """PJSIP transfers the phone, attended, told: --record-trace; the trace is replayed to the same outputs"""
    trace = k.out / "call.trace"
    phone_is_transferred(k, Pjsua2, True, "--record-trace", trace)
    return replayed(k, trace)


@case("pjsua2", "pjsua2-python")
def pj_transfer_of_us_smol(k):
    """PJSIP transfers the phone, attended, told: --runtime smol"""
    return phone_is_transferred(k, Pjsua2, True, "--runtime", "smol")


@case("pjsua2", "pjsua2-python", "baresip-python")
def pj_transfer_to_baresip4(k):
    """the phone calls PJSIP and transfers it to baresip 4, attended"""
    return phone_transfers(k, Pjsua2, True, Baresip4)


@case("baresip", "pjsua2-python", "baresip-python")
def baresip4_transfer_to_pj(k):
    """the phone calls baresip 4 and transfers it to PJSIP, attended"""
    return phone_transfers(k, Baresip4, True, Pjsua2)
