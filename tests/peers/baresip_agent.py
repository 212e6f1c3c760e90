"""A phone made of baresip 4 (PyPI: baresip-python) that is told what to do; run by the Python that has it, not imported.

It speaks as pjsua2_agent.py does: commands on standard input, one JSON object a line on standard output, with the time of
day in `t`. It ends at `quit` or at the end of its input. UDP on 127.0.0.1, PCMU at 8 kHz, no sound card.

call URI | answer | hangup | hold | unhold | transfer URI | transfer-to N (attended, to the call N) | pick N

They act on the call that `pick` chose, or on the newest. Each call plays --play over and over, and is recorded in
--record with -N before the suffix, where N is the call's number from 1. Recordings keep time: what does not arrive is silence.
"""
import argparse
import asyncio
import json
import logging
import os
import pathlib
import sys
import time
import wave

import baresip

RATE, TICK = 8000, 0.02

p = argparse.ArgumentParser()
p.add_argument("--port", type=int, required=True)
p.add_argument("--rtp-port", type=int, required=True, help="the first of sixteen")
p.add_argument("--user", default="baresip")
p.add_argument("--play", type=pathlib.Path, required=True)
p.add_argument("--record", type=pathlib.Path, required=True)
p.add_argument("--answer", type=int, default=0, help="200: answer calls, 0: ring and wait for `answer`")
p.add_argument("--ring-with", type=int, default=180, help="183: with SDP")
p.add_argument("--ring-ms", type=int, default=0, help="ring for so long before --answer")
p.add_argument("--rel", type=int, default=0, help="100rel: 0 no, 1 required, 2 supported")
p.add_argument("--log", required=True, help="every message")
a = p.parse_args()


def tell(event, **fields):
    print(json.dumps({"event": event, "t": round(time.time(), 3), **fields}), flush=True)


def samples(path):
    with wave.open(str(path)) as f:
        return f.readframes(f.getnframes())


class Line:
    """One call: its number, its sound, and what is told of it."""

    def __init__(self, calls, call):
        self.calls, self.call, self.id = calls, call, len(calls.lines)
        self.recorded, self.began, self.played, self.number = bytearray(), None, 0, 0
        calls.lines.append(self)
        # The call may be up before we are told that it was made: the binding has missed what came until then.
        for missed in calls.early.pop(call.handle, []):
            call._on_stack_event(missed)
            self.event(missed)
        call.on(self.event)
        asyncio.get_running_loop().create_task(self.sound())

    def event(self, event):
        kind = event.event.name
        if kind == "CALL_ESTABLISHED":
            tell("state", id=self.id, state="CONFIRMED")
            tell("media", id=self.id, status="active")
        elif kind == "CALL_PROGRESS":
            tell("state", id=self.id, state="EARLY", code=183)
        elif kind == "CALL_CLOSED":
            if event.text == "Call transfered":
                tell("transfer", id=self.id, code=200, final=True)
            tell("state", id=self.id, state="DISCONNECTED", reason=event.text)
        elif kind == "CALL_HOLD":
            tell("media", id=self.id, status="remote-hold")
        elif kind == "CALL_RESUME":
            tell("media", id=self.id, status="active")
        else:
            tell("stack", id=self.id, kind=kind, text=event.text)

    async def sound(self):
        """Plays and records for as long as there is a call."""
        tone = samples(a.play)
        while self.call.state is not baresip.CallState.CLOSED:
            await asyncio.sleep(TICK)
            try:
                heard = self.call.audio.read(1 << 16)
                self.begin()
                piece = tone[self.played:self.played + 2 * RATE // 10]
                taken = self.call.audio.write(piece) if self.call.audio.info().tx_buffered < 1600 else 0
                self.played = (self.played + taken) % len(tone)
            except (baresip.AudioNotActive, baresip.AudioRestarted):
                continue
            missing = 2 * int((time.time() - self.began) * RATE) - len(self.recorded) - len(heard)
            if missing > 2 * RATE // 10:
                self.recorded += bytes(missing)
            self.recorded += heard

    def begin(self):
        if self.began is None:
            self.began, self.calls.recordings = time.time(), self.calls.recordings + 1
            self.number = self.calls.recordings
            self.file = a.record.with_stem(f"{a.record.stem}-{self.number}")
            tell("recording", number=self.number, file=str(self.file))

    def save(self):
        if self.began is not None:
            with wave.open(str(self.file), "wb") as f:
                f.setparams((1, 2, RATE, 0, "NONE", ""))
                f.writeframes(self.recorded)


class Calls:
    """The calls there were and are, and what can be said of them."""

    def __init__(self, ua):
        self.ua, self.lines, self.recordings, self.picked, self.early = ua, [], 0, None, {}

    def keep(self, event):
        """Keeps what is said of a call of which nobody knows yet."""
        if event.call and event.call not in [line.call.handle for line in self.lines]:
            self.early.setdefault(event.call, []).append(event)

    def current(self):
        alive = [line for line in self.lines if line.call.state is not baresip.CallState.CLOSED]
        if not alive:
            raise ValueError("no call")
        return self.lines[self.picked] if self.picked is not None else alive[-1]

    def incoming(self, call):
        line = Line(self, call)
        tell("incoming", id=line.id, remote=call.peer)
        if a.answer:
            asyncio.get_running_loop().create_task(self.take(call))

    async def take(self, call):
        await asyncio.sleep(a.ring_ms / 1000)
        await call.answer()

    async def run(self, text):
        word, _, rest = text.partition(" ")
        if word == "call":
            Line(self, await self.ua.dial(rest))
        elif word == "pick":
            self.picked = int(rest)
        elif word == "transfer":
            await self.current().call.transfer(rest)
        elif word == "transfer-to":
            await self.current().call.attended_transfer(self.lines[int(rest)].call)
        elif word in ("hold", "unhold"):
            line = self.current()
            await (line.call.hold() if word == "hold" else line.call.resume())
            tell("media", id=line.id, status="local-hold" if word == "hold" else "active")
        elif word in ("answer", "hangup"):
            await getattr(self.current().call, word)()
        else:
            raise ValueError("unknown command")

    async def obey(self, text):
        try:
            await self.run(text)
        except Exception as error:  # It is told what went wrong, and goes on.
            tell("error", command=text, what=repr(error))


async def main():
    trace = logging.FileHandler(a.log)
    trace.setFormatter(logging.Formatter("%(created).3f %(message)s"))
    logging.getLogger("baresip").addHandler(trace)
    logging.getLogger("baresip").setLevel(logging.DEBUG)
    more = f"sip_listen 127.0.0.1:{a.port}\nrtp_ports {a.rtp_port}-{a.rtp_port + 15}\ncall_hold_other_calls no\n"
    runtime = baresip.Runtime()
    await runtime.start(baresip.Config(net_interface="127.0.0.1", sip_trace=True, native_log_level="info",
                                       max_concurrent_calls=8, extra_config_text=more))
    account = f"<sip:{a.user}@127.0.0.1:{a.port};transport=udp>;regint=0;audio_codecs=PCMU/8000/1;ptime=20"
    account += f";answermode={'early' if a.ring_with == 183 else 'manual'};100rel={('no', 'required', 'yes')[a.rel]}"
    ua = await baresip.UserAgent.create(runtime, account, transfer_policy="auto")
    calls = Calls(ua)
    runtime.subscribe(calls.keep)
    ua.on_incoming(calls.incoming)
    ua.on_transfer_call(lambda call: Line(calls, call))
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tell("ready")
    obeying = set()
    while (said := (await reader.readline()).decode().strip()) and said != "quit":
        obeying.add(asyncio.get_running_loop().create_task(calls.obey(said)))
    for line in calls.lines:
        if line.call.state is not baresip.CallState.CLOSED:
            await calls.obey("hangup")
    await asyncio.sleep(0.3)
    for line in calls.lines:
        line.save()
    tell("bye")
    sys.stdout.flush()
    os._exit(0)


asyncio.run(main())
