#!/usr/bin/env python3
"""How much our phone sends to somebody who sends one request and never answers: what a forged sender address would get.

usage: tests/peers/amplification.py [--phone FILE] [--seconds N] [--runtime tokio|smol] [--json]

Each case is one datagram, once as a telephone writes it and once as short as the grammar allows, from addresses of their own
(127.0.0.66 and 67), to a phone of its own; all side by side, for 40 seconds, which is longer than 64*T1. What comes back is counted
on the port of the request and on the media ports that it names. The factor is octets sent by the phone over octets of the
request (payload of UDP), of SIP alone and with the media; that of SIP is to stay below 3 for refusals and 6 for answers. Media
has a bound of its own, five seconds of audio (ShardConfig::unproven). Exit status 1 when something is above its bound.
Build first: cargo build --release --examples (Linux only).
"""
import argparse
import json
import os
import pathlib
import select
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from phone import listening
from tools import ROOT, Failed

REFUSAL, ANSWER = 3.0, 6.0
# Five seconds of audio; a report counts as one packet of it.
MEDIA_PACKETS_MAX = 250
# What the phone is told, what it is asked, and what the factor may be.
CASES = {
    "answered": (["--answer"], "invite", ANSWER),
    "answered, with audio": (["--answer", "--tone", "440"], "invite", ANSWER),
    "answered after 3 s": (["--answer-after", "3000"], "invite", ANSWER),
    "answered after 3 s, 100rel": (["--answer-after", "3000"], "100rel", ANSWER),
    "audio before the answer": (["--answer-after", "36000", "--early-media", "--tone", "440"], "invite", ANSWER),
    "offer in the answer": (["--answer"], "no offer", ANSWER),
    "rings": (["--ring-only"], "invite", ANSWER),
    "busy (486)": (["--reject", "486"], "invite", REFUSAL),
    "not found (404)": (["--reject", "404"], "invite", REFUSAL),
    "redirected (302)": (["--redirect", "sip:moved@198.51.100.1"], "invite", REFUSAL),
    "bad extension (420)": (["--answer"], "420", REFUSAL),
    "not acceptable (488)": (["--answer"], "488", REFUSAL),
    "interval too small (422)": (["--answer"], "422", REFUSAL),
    "unknown dialog (481)": (["--answer"], "481", REFUSAL),
    "OPTIONS": (["--answer"], "options", REFUSAL),
    "REGISTER": (["--answer"], "register", REFUSAL),
    "unknown method (501)": (["--answer"], "501", REFUSAL),
}
SHORT = {"Via": "v", "From": "f", "To": "t", "Call-ID": "i", "Contact": "m", "Content-Type": "c", "Content-Length": "l",
         "Supported": "k", "Session-Expires": "x"}


def request(kind, local, target, media_port, short):
    """One request; `short` leaves out what nobody needs and uses the compact forms (RFC 3261 section 7.3.3)."""
    ip, port = local
    method = {"options": "OPTIONS", "register": "REGISTER", "481": "BYE", "501": "PING"}.get(kind, "INVITE")
    user = "" if short else "victim@"
    uri = f"sip:{user}{target[0]}:{target[1]}"
    to = f"<{uri}>" + (";tag=x" if kind == "481" else "")
    headers = [("Via", f"SIP/2.0/UDP {ip}:{port};branch=z9hG4bK" + ("1" if short else "-74bf9-3d1a;rport")), ("Max-Forwards", "70"),
               ("From", f"<sip:{ip}>;tag=1" if short else f'"Alice" <sip:alice@{ip}>;tag=1928301774'), ("To", to),
               ("Call-ID", f"{port}" if short else f"a84b4c76e66710-{port}@{ip}"), ("CSeq", f"1 {method}")]
    if method in ("INVITE", "OPTIONS", "REGISTER"):
        headers.append(("Contact", f"<sip:{ip}:{port}>"))
    headers += {"420": [("Require", "nothing")], "422": [("Session-Expires", "60"), ("Supported", "timer")],
                "100rel": [("Supported", "100rel")]}.get(kind, [])
    if not short:
        headers += [("Allow", "INVITE, ACK, CANCEL, OPTIONS, BYE, UPDATE"), ("User-Agent", "forged/1.0")]
    body = ""
    if method == "INVITE" and kind != "no offer":
        formats = "18" if kind == "488" else "0"
        lines = ["v=0", f"o=- 1 1 IN IP4 {ip}", "s=-", f"c=IN IP4 {ip}", "t=0 0", f"m=audio {media_port} RTP/AVP {formats}"]
        if not short:
            lines += ["a=rtpmap:18 G729/8000" if kind == "488" else "a=rtpmap:0 PCMU/8000", "a=sendrecv"]
        body = "".join(f"{line}\r\n" for line in lines)
        headers.append(("Content-Type", "application/sdp"))
    headers.append(("Content-Length", str(len(body))))
    lines = [f"{SHORT.get(name, name) if short else name}: {value}" for name, value in headers]
    return "\r\n".join([f"{method} {uri} SIP/2.0", *lines, "", body]).encode()


class Forged:
    """Who sent one request and only counts."""

    def __init__(self, case, kind, ip, short, target):
        self.case, self.short = case, short
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
        for s in self.sockets:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            s.setblocking(False)
        self.sockets[0].bind((ip, 0))
        # An even port and the next one, for RTP and RTCP.
        for port in range(self.sockets[0].getsockname()[1] & ~1, 65000, 2):
            try:
                self.sockets[1].bind((ip, port + 2))
                self.sockets[2].bind((ip, port + 3))
                break
            except OSError:
                for n in (1, 2):
                    self.sockets[n].close()
                    self.sockets[n] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    self.sockets[n].setblocking(False)
        text = request(kind, self.sockets[0].getsockname(), target, self.sockets[1].getsockname()[1], short)
        self.asked, self.octets, self.datagrams, self.said = len(text), [0, 0, 0], [0, 0, 0], []
        self.sockets[0].sendto(text, target)

    def read(self, number):
        """Counts what has come to one of the sockets."""
        while True:
            try:
                got = self.sockets[number].recv(65536)
            except BlockingIOError:
                return
            self.octets[number] += len(got)
            self.datagrams[number] += 1
            if number == 0:
                first = got.split(b"\r\n", 1)[0].decode(errors="replace")
                # The status, or the method.
                self.said.append(first.split(" ")[1] if first.startswith("SIP/") else first.split(" ")[0])

    def row(self, limit):
        told = [f"{what} x{self.said.count(what)}" for what in dict.fromkeys(self.said)]
        return {"case": self.case, "short": self.short, "asked": self.asked, "sip": self.octets[0], "sip_datagrams": self.datagrams[0],
                "media": self.octets[1] + self.octets[2], "media_datagrams": self.datagrams[1] + self.datagrams[2],
                "factor": self.octets[0] / self.asked, "with_media": sum(self.octets) / self.asked, "limit": limit,
                "said": ", ".join(told)}


def main():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute()
    p = argparse.ArgumentParser(description="what somebody gets who never answers")
    p.add_argument("--phone", type=pathlib.Path, default=target / "release/examples/phone")
    p.add_argument("--seconds", type=float, default=40)
    p.add_argument("--runtime", default="tokio")
    p.add_argument("--out", type=pathlib.Path, default=target / "peers/amplification")
    p.add_argument("--json", action="store_true", help="print each row as a line of JSON too")
    options = p.parse_args()
    phones, forged = [], []
    try:
        for n, (case, (told, kind, _)) in enumerate(CASES.items()):
            phone, port = listening(options.phone.absolute(), options.out.absolute(), "--runtime", options.runtime, *told,
                                    name=f"phone-{n}")
            phones.append(phone)
            forged += [Forged(case, kind, ip, short, ("127.0.0.1", port)) for ip, short in (("127.0.0.66", False), ("127.0.0.67", True))]
        places = {s.fileno(): (f, number) for f in forged for number, s in enumerate(f.sockets)}
        poll, end = select.poll(), time.monotonic() + options.seconds
        for descriptor in places:
            poll.register(descriptor, select.POLLIN)
        while (left := end - time.monotonic()) > 0:
            for descriptor, _ in poll.poll(left * 1000):
                f, number = places[descriptor]
                f.read(number)
    except Failed as failure:
        print(f"amplification.py: {failure}", file=sys.stderr)
        return 1
    finally:
        for phone in phones:
            phone.kill()
    rows = [f.row(CASES[f.case][2]) for f in forged]
    def is_over(row):
        return row["factor"] >= row["limit"] or row["media_datagrams"] > MEDIA_PACKETS_MAX

    print(f"{'case':33} {'request':>7} {'SIP':>6} {'in':>3} {'factor':>7} {'limit':>5} {'media':>6} {'in':>4} {'both':>7}  what came")
    for row in rows:
        name = row["case"] + (", short" if row["short"] else "")
        print(f"{name:33} {row['asked']:7} {row['sip']:6} {row['sip_datagrams']:3} {row['factor']:7.2f} {row['limit']:5.0f} "
              f"{row['media']:6} {row['media_datagrams']:4} {row['with_media']:7.2f}  {row['said']}{'  TOO MUCH' * is_over(row)}")
        if options.json:
            print(json.dumps(row))
    bad = [row for row in rows if is_over(row)]
    print("all below their bounds" if not bad else f"{len(bad)} of {len(rows)} above their bounds")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
