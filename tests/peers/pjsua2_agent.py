"""A phone made of PJSIP (PyPI: pjsua2-python) that is told what to do; run by the Python that has pjsua2, not imported.

Commands come on standard input, one a line; what happens goes to standard output, one JSON object a line, with the time
of day in `t`. It ends at `quit` or at the end of its input. UDP on --address, PCMU at 8 kHz, no sound card.

call URI | answer CODE | hangup | hold | unhold | info DIGITS (by INFO) | transfer URI | transfer-to N (attended, to the call N) | pick N

They act on the call that `pick` chose, or on the newest. Each call plays --play over and over, and is recorded in
--record with -N before the suffix, where N is the call's number from 1. Recordings keep time: what does not arrive is silence.
"""
import argparse
import json
import os
import pathlib
import select
import sys
import time

import pjsua2 as pj

p = argparse.ArgumentParser()
p.add_argument("--port", type=int, required=True)
p.add_argument("--address", default="127.0.0.1")
p.add_argument("--rtp-port", type=int, required=True, help="the first of sixteen")
p.add_argument("--user", default="pj")
p.add_argument("--play", type=pathlib.Path)
p.add_argument("--record", type=pathlib.Path)
p.add_argument("--answer", type=int, default=0, help="how to answer a call, 0: ring and wait for `answer`")
p.add_argument("--ring-ms", type=int, default=0, help="ring for so long before --answer")
p.add_argument("--ring-with", type=int, default=180, help="183: with SDP")
p.add_argument("--rel", type=int, default=0, help="100rel: 0 no, 1 required, 2 supported")
p.add_argument("--timer", type=int, default=0, help="session timer: 0 no, 1 supported, 2 required, 3 always")
p.add_argument("--se", type=int, default=1800, help="Session-Expires in seconds")
p.add_argument("--log", required=True, help="PJSIP's own log, with every message")
a = p.parse_args()


def tell(event, **fields):
    print(json.dumps({"event": event, "t": round(time.time(), 3), **fields}), flush=True)


def endpoint():
    """The library, with one UDP transport and the silence that stands in for a sound card."""
    output = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Before it reads its log level it writes to standard output.
    ep = pj.Endpoint()
    ep.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt, config.uaConfig.mainThreadOnly, config.uaConfig.maxCalls = 0, True, 8
    config.logConfig.level, config.logConfig.consoleLevel = 5, 0
    config.logConfig.filename, config.logConfig.msgLogging = a.log, 1
    config.medConfig.clockRate = config.medConfig.sndClockRate = 8000
    config.medConfig.noVad, config.medConfig.ecTailLen, config.medConfig.threadCnt = True, 0, 1
    ep.libInit(config)
    os.dup2(output, 1)
    transport = pj.TransportConfig()
    transport.port, transport.boundAddress, transport.publicAddress = a.port, a.address, a.address
    ep.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    ep.libStart()
    ep.audDevManager().setNullDev()
    for codec in ep.codecEnum2():
        ep.codecSetPriority(codec.codecId, 255 if codec.codecId == "PCMU/8000/1" else 0)
    return ep


def op(code=0):
    prm = pj.CallOpParam(True)
    prm.statusCode = code
    return prm


class Calls:
    """The calls there are, by PJSIP's id; the library keeps pointers to them and no reference."""

    def __init__(self):
        self.by_id, self.gone, self.due, self.picked, self.recordings = {}, [], [], None, []

    def add(self, call):
        self.by_id[call.getId()] = call
        return call

    def current(self):
        call = self.by_id.get(self.picked) or (self.by_id and self.by_id[max(self.by_id)])
        if not call:
            raise ValueError("no call")
        return call

    def soon(self, seconds, what):
        self.due.append((time.time() + seconds, what))

    def run_due(self):
        for item in [item for item in self.due if item[0] <= time.time()]:
            self.due.remove(item)
            item[1]()


class Call(pj.Call):
    player = recorder = None

    def onCallState(self, prm):
        info = self.getInfo()
        tell("state", id=info.id, state=info.stateText, code=info.lastStatusCode, reason=info.lastReason)
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.player = self.recorder = None
            # Not while the library is still in this very call.
            calls.soon(0.05, lambda: calls.by_id.get(info.id) is self and calls.gone.append(calls.by_id.pop(info.id)))

    def onCallMediaState(self, prm):
        names = {pj.PJSUA_CALL_MEDIA_ACTIVE: "active", pj.PJSUA_CALL_MEDIA_LOCAL_HOLD: "local-hold",
                 pj.PJSUA_CALL_MEDIA_REMOTE_HOLD: "remote-hold", pj.PJSUA_CALL_MEDIA_NONE: "none"}
        info = self.getInfo()
        for media in info.media:
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                self.connect(self.getAudioMedia(media.index))
            tell("media", id=info.id, status=names.get(media.status, str(media.status)))

    def connect(self, audio):
        if a.play and not self.player:
            self.player = pj.AudioMediaPlayer()
            self.player.createPlayer(str(a.play))
        if a.record and not self.recorder:
            self.recorder = pj.AudioMediaRecorder()
            path = a.record.with_stem(f"{a.record.stem}-{len(calls.recordings) + 1}")
            calls.recordings.append(path)
            self.recorder.createRecorder(str(path))
            # The sound card's silence keeps the recording in time while the call is mute.
            lib.audDevManager().getCaptureDevMedia().startTransmit(self.recorder)
            tell("recording", number=len(calls.recordings), file=str(path))
        if self.player:
            self.player.startTransmit(audio)
        if self.recorder:
            audio.startTransmit(self.recorder)

    def onCallTransferRequest(self, prm):
        tell("refer", id=self.getInfo().id, to=prm.dstUri)
        new = Call(account)
        prm.newCall = new
        calls.gone.append(new)  # Held until it has an id.
        calls.soon(0.1, lambda: calls.add(new))

    def onCallTransferStatus(self, prm):
        tell("transfer", id=self.getInfo().id, code=prm.statusCode, reason=prm.reason, final=prm.finalNotify)

    def onCallReplaceRequest(self, prm):
        tell("replaces", id=self.getInfo().id)

    def onCallReplaced(self, prm):
        tell("replaced", id=self.getInfo().id, by=prm.newCallId)
        prm.newCall = calls.add(Call(account, prm.newCallId))


class Account(pj.Account):
    def onIncomingCall(self, prm):
        call = calls.add(Call(self, prm.callId))
        tell("incoming", id=prm.callId, remote=call.getInfo().remoteUri)
        if not a.answer or a.ring_ms:
            call.answer(op(a.ring_with))
        if a.answer:
            calls.soon(a.ring_ms / 1000, lambda: call.answer(op(a.answer)))


def new_account():
    config = pj.AccountConfig()
    config.idUri = f"sip:{a.user}@{a.address}:{a.port}"
    config.sipConfig.contactForced = f"<{config.idUri}>"
    config.mediaConfig.transportConfig.port, config.mediaConfig.transportConfig.portRange = a.rtp_port, 15
    config.mediaConfig.transportConfig.boundAddress = a.address
    config.mediaConfig.srtpUse, config.natConfig.iceEnabled = 0, False
    config.callConfig.prackUse, config.callConfig.timerUse, config.callConfig.timerSessExpiresSec = a.rel, a.timer, a.se
    account = Account()
    account.create(config)
    return account


def unhold():
    prm = op()
    prm.opt.flag = pj.PJSUA_CALL_UNHOLD
    calls.current().reinvite(prm)


def info(digits):
    prm = pj.CallSendDtmfParam()
    prm.digits, prm.method, prm.duration = digits, pj.PJSUA_DTMF_METHOD_SIP_INFO, 160
    calls.current().sendDtmf(prm)


def dial(uri):
    call = Call(account)
    call.makeCall(uri, op())
    calls.add(call)


COMMANDS = {
    "call": dial,
    "answer": lambda code: calls.current().answer(op(int(code))),
    "hangup": lambda _: calls.current().hangup(op()),
    "hold": lambda _: calls.current().setHold(op()),
    "unhold": lambda _: unhold(),
    "info": lambda digits: info(digits),
    "transfer": lambda uri: calls.current().xfer(uri, op()),
    "transfer-to": lambda other: calls.current().xferReplaces(calls.by_id[int(other)], op()),
    "pick": lambda call: setattr(calls, "picked", int(call)),
}


def lines():
    """What was said since the last time, nothing at the end of the input."""
    global unread
    if not select.select([0], [], [], 0)[0]:
        return []
    got = os.read(0, 4096)
    if not got:
        return None
    *whole, unread = (unread + got.decode()).split("\n")
    return whole


def events_until(done, seconds=3):
    """Lets the library work until something is so, or for so long."""
    end = time.time() + seconds
    while not done() and time.time() < end:
        lib.libHandleEvents(10)


def complete(path):
    """Whether a recording has its header: the bridge lets go of a recorder at its next tick, and only then is the length written."""
    with open(path, "rb") as f:
        return f.read(8)[4:] not in (b"", bytes(4))


calls, unread, lib = Calls(), "", endpoint()
account = new_account()
tell("ready")
said = []
while said is not None and "quit" not in said:
    for line in said:
        word, _, rest = line.partition(" ")
        try:
            COMMANDS[word](rest)
        except (pj.Error, ValueError, KeyError) as error:
            tell("error", command=line, what=error.info() if isinstance(error, pj.Error) else repr(error))
    lib.libHandleEvents(10)
    try:
        calls.run_due()
    except pj.Error as error:
        tell("error", what=error.info())
    said = lines()
lib.hangupAllCalls()
events_until(lambda: not any(call.isActive() for call in calls.by_id.values()))
for call in [*calls.by_id.values(), *calls.gone]:
    call.player = call.recorder = None
events_until(lambda: all(map(complete, calls.recordings)))
tell("bye")
sys.stdout.flush()
os._exit(0)  # The destructors of the wheel's objects and of the library run in an order that crashes.
