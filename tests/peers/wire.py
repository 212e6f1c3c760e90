"""tshark on the loopback interface, and what it saw of a call."""
import signal
import subprocess
import time

from sound import MU_LAW, RATE, Heard
from tools import Process, until, want


class Capture(Process):
    """tshark on the loopback interface."""

    def __init__(self, out, only="udp"):
        self.file = out / "capture.pcapng"
        out.mkdir(parents=True, exist_ok=True)
        self.file.unlink(missing_ok=True)
        super().__init__(out, "tshark", ["tshark", "-q", "-i", "lo", "-f", only, "-w", self.file])
        until(lambda: self.file.exists() and self.file.stat().st_size or not self.running(), 15, "tshark does not start")
        want(self.running(), f"tshark ended: {self.last_words()}")
        time.sleep(0.5)

    def finish(self):
        time.sleep(0.7)
        self.stop(signal.SIGINT, 15)

    def fields(self, display, *names):
        """The packets that match, as rows of field values."""
        words = ["tshark", "-r", str(self.file), "-Y", display, "-T", "fields", "-E", "separator=/t"]
        got = subprocess.run(words + [w for n in names for w in ("-e", n)], capture_output=True, text=True, timeout=60)
        want(got.returncode == 0, f"tshark cannot read the capture: {got.stderr.strip()[-200:]}")
        return [line.split("\t") for line in got.stdout.splitlines()]


def ladder(capture, call):
    """The messages of one call in order, each once: `INVITE`, `180`, `200 INVITE`, `ACK` …"""
    steps = []
    for _, method, status, cseq in capture.fields(f'sip.Call-ID == "{call}"', "frame.number", "sip.Method",
                                                  "sip.Status-Code", "sip.CSeq.method"):
        step = method or (status if status.startswith("1") else f"{status} {cseq}")
        if step not in steps:
            steps.append(step)
    return steps


def streams(capture, ports):
    """Each RTP stream towards the ports: packets, audio packets a second, missing sequence numbers."""
    found = {}
    names = ("udp.dstport", "rtp.ssrc", "rtp.seq", "frame.time_epoch", "rtpevent.event_id")
    for to, ssrc, seq, at, digit in capture.fields("rtp", *names):
        if to in ports:
            found.setdefault((to, ssrc), []).append((float(at), int(seq), not digit))
    judged = []
    for packets in found.values():
        steps = [(b[1] - a[1]) & 0xFFFF for a, b in zip(packets, packets[1:])]
        seconds, audio = packets[-1][0] - packets[0][0], sum(sound for _, _, sound in packets)
        judged.append((len(packets), (audio - 1) / seconds if seconds else 0, sum(step != 1 for step in steps)))
    return judged


def judge_capture(capture):
    """One plain call of alice's: the ladder, two RTP streams at 50 packets a second without a gap, RTCP, nothing malformed."""
    invites = capture.fields('sip.Method == "INVITE" && sip.from.user == "alice"', "sip.Call-ID")
    want(invites, "no INVITE of alice's in the capture")
    call = invites[0][0]
    steps = ladder(capture, call)
    core = [step for step in steps if step not in ("100", "180", "183")]
    want(core == ["INVITE", "200 INVITE", "ACK", "BYE", "200 BYE"], f"the ladder is {steps}")
    want({"100", "180"} & set(steps), f"no provisional response in {steps}")
    ports = {port for row in capture.fields(f'sip.Call-ID == "{call}" && sdp', "sdp.media.port") for port in row[0].split(",")}
    found = streams(capture, ports)
    text = ", ".join(f"{n} packets at {rate:.1f}/s with {gaps} gaps" for n, rate, gaps in found)
    want(len(found) == 2, f"{len(found)} RTP streams: {text}")
    want(all(rate > 49 and rate < 51 and not gaps for _, rate, gaps in found), text)
    media = ", ".join(str(int(port) + more) for port in ports for more in (0, 1))
    reports = capture.fields(f"rtcp && udp.dstport in {{{media}}}", "rtcp.pt")
    want(reports, "no RTCP in the capture")
    wrong = "_ws.malformed || _ws.expert.severity >= 6291456"
    bad = capture.fields(f'(sip.Call-ID == "{call}" || udp.dstport in {{{media}}}) && ({wrong})', "frame.number")
    want(not bad, f"{len(bad)} malformed packets, the first is frame {bad[0][0] if bad else ''}")
    return f"{' '.join(steps)}; RTP {text}; {len(reports)} RTCP"


def heard_on_the_wire(capture, ports):
    """The sound that was sent to one of the ports in G.711 mu-law, each packet at the time at which it came."""
    rows = capture.fields(f"udp.dstport in {{{ports[0]}..{ports[-1]}}}", "frame.time_epoch", "udp.payload")
    packets = [(float(at), bytes.fromhex(octets)) for at, octets in rows]
    packets = [(at, octets[12:]) for at, octets in packets if len(octets) > 12 and octets[1] & 0x7F == 0]
    want(packets, f"no RTP to the ports from {ports[0]}")
    began = packets[0][0]
    samples = [0] * (round((packets[-1][0] - began) * RATE) + RATE)
    for at, octets in packets:
        first = round((at - began) * RATE)
        samples[first:first + len(octets)] = [MU_LAW[octet] for octet in octets]
    return Heard(capture.file, began, samples)
