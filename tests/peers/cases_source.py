"""Where audio comes from: a stranger who speaks to the phone's port, and a phone behind a NAT without a media relay."""
import contextlib
import socket
import struct
import threading
import time

from agent import Pjsua2
from network import INSIDE, NAT, PHONE, PROXY, Network
from peer_kamailio import Proxy
from phone import Phone
from sound import mu_law, tone_file
from suite import case
from tools import free_port, free_ports, want

OURS, THEIRS, STRANGE = 440, 600, 1000
SOUND = ["--tone", OURS, "--record", "heard.wav"]


@contextlib.contextmanager
def stranger(out, ports, address="127.0.0.1"):
    """Somebody on the peer's own address who speaks to all these ports all the time, and counts what comes back."""
    raw = out / "stranger.ulaw"
    mu_law(tone_file(out / "stranger.wav", STRANGE), raw)
    octets, over, back = raw.read_bytes(), threading.Event(), []

    def speak():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((address, 0))
            s.setblocking(False)
            number, due = 0, time.monotonic()
            while not over.is_set():
                at = number * 160 % len(octets)
                head = struct.pack(">BBHII", 0x80, 0, number & 0xFFFF, number * 160 & 0xFFFFFFFF, 0xBAD)
                for port in ports:
                    with contextlib.suppress(OSError):
                        s.sendto(head + octets[at:at + 160], ("127.0.0.1", port))
                with contextlib.suppress(OSError):
                    while True:
                        back.append((time.time(), s.recv(2048)))
                number, due = number + 1, due + 0.02
                time.sleep(max(0, due - time.monotonic()))

    thread = threading.Thread(target=speak, daemon=True)
    thread.start()
    try:
        yield back
    finally:
        over.set()
        thread.join()


@case("source", "pjsua2-python")
def two_sources(k):
    """a stranger on PJSIP's own address speaks to the phone's port before, while and after PJSIP does; neither hears it"""
    first, port = free_ports(16), free_port()
    words = ["listen", "--bind", f"127.0.0.1:{port}", "--rtp-ports", f"{first}-{first + 15}", "--answer", "--calls", "1", *SOUND]
    with stranger(k.out, range(first, first + 16, 2)) as back, Phone(k.binary, k.out, *words) as phone:
        phone.expect("ready", 5)
        with Pjsua2(k.out, "pj", THEIRS) as pj:
            pj.say(f"call sip:phone@127.0.0.1:{port}")
            start = pj.up()["t"]
            time.sleep(3)
            pj.say("hold")
            pj.expect("media", 3, status="local-hold")
            time.sleep(1)
            pj.say("unhold")
            again = pj.expect("media", 3, nth=2, status="active")["t"]
            time.sleep(3)
            pj.say("hangup")
            phone.exits(0, 8)
            end = pj.ended()["t"]
            pj.quit()
            for heard, hz in ((phone.heard(), THEIRS), (pj.heard(), OURS)):
                heard.has(hz, start + 0.6, start + 2.8, "before the hold")
                heard.has(hz, again + 0.6, end - 0.4, "after the hold")
            phone.heard().lacks(STRANGE, start + 0.3, end - 0.4, "of the call")
            late = [at for at, packet in list(back) if at > start + 0.3 and len(packet) > 12]
            want(not late, f"{len(late)} packets of the call went to the stranger")
            return f"each heard the other, and the stranger nobody; {len(back)} packets went to it before PJSIP spoke"


@case("source", "kamailio", "pjsua2-python", "netns", slow=True)
def nat_without_relay(k):
    """PJSIP behind a NAT calls through Kamailio without a media relay; after 15 s the NAT moves its ports; both hear each other"""
    with Network(k.out) as net:
        world, inside, port = net.at(net.world), net.at(net.inside), 5060
        # Media ports need not be free on the machine: nothing else is in this network.
        words = [*world[1:], k.binary, "listen", "--bind", f"{PHONE}:{port}", "--answer", "--calls", "1", *SOUND]
        values = {"ADDRESS": PROXY, "NAT": NAT, "TARGET": f"sip:phone@{PHONE}:{port}"}
        with Phone(world[0], k.out, *words) as phone:
            phone.expect("ready", 5)
            with Proxy(k.out, "kamailio_nat.cfg", values, world, lambda port: net.is_bound(net.world, port)) as proxy:
                with Pjsua2(k.out, "pj", THEIRS, "--address", INSIDE, within=inside) as pj:
                    pj.say(f"call sip:phone@{PROXY}:{proxy.port}")
                    start = pj.up()["t"]
                    time.sleep(15)
                    net.move_ports()
                    moved = time.time()
                    time.sleep(7)
                    pj.say("hangup")
                    phone.exits(0, 8)
                    end = pj.ended()["t"]
                    pj.quit()
                    offered = pj.count("TX", rf"\AINVITE [^\0]*^c=IN IP4 {INSIDE}")
                    want(offered, "PJSIP did not offer its private address")
        for heard, hz in ((phone.heard(), THEIRS), (pj.heard(), OURS)):
            heard.has(hz, start + 0.8, moved - 0.2, "before the ports moved")
            heard.has(hz, moved + 3, end - 0.4, "after the ports moved")
        return f"heard both ways for {moved - start:.0f} s, and again within 3 s after the ports had moved"
