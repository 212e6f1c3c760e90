"""A NAT for UDP over IPv4, as most homes have one: run in the world, it serves a namespace.

usage: nat.py NAMESPACE INSIDE OUTSIDE

The namespace gets a tunnel interface with the address INSIDE and its default route. What comes out of it leaves from a port
of OUTSIDE, one for each address inside (endpoint-independent mapping, RFC 4787 section 4.1), and only those to whom it has
sent may answer (address-dependent filtering, section 5). At SIGUSR1 it forgets its ports.
"""
import ctypes
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys

CLONE_NEWNET, TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x40000000, 0x400454CA, 1, 0x1000
inside_name, inside, outside = sys.argv[1:]


def enter(namespace):
    libc = ctypes.CDLL(None, use_errno=True)
    with open(namespace) as there:
        if libc.setns(there.fileno(), CLONE_NEWNET):
            sys.exit(f"error: setns: {os.strerror(ctypes.get_errno())}")


def tunnel():
    """The end of the tunnel that is ours; the other is in the namespace."""
    with open("/proc/self/ns/net") as home:
        enter(f"/run/netns/{inside_name}")
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", b"nat0", IFF_TUN | IFF_NO_PI))
        for words in (["addr", "add", f"{inside}/24", "dev", "nat0"], ["link", "set", "nat0", "up"],
                      ["route", "add", "default", "dev", "nat0"]):
            subprocess.run(["ip", *words], check=True)
        enter(f"/proc/self/fd/{home.fileno()}")
    return tun


def checksum(octets):
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(source, target, payload):
    """An IPv4 packet with UDP in it; the checksum of UDP is left out, as it may be."""
    udp = struct.pack(">HHHH", source[1], target[1], 8 + len(payload), 0) + payload
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, socket.inet_aton(source[0]),
                       socket.inet_aton(target[0]))
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + udp


class Mapping:
    def __init__(self, source):
        self.source, self.asked = source, set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((outside, 0))
        self.socket.setblocking(False)


def forget(*_):
    global forgotten
    forgotten = True


mappings, forgotten = {}, False
signal.signal(signal.SIGUSR1, forget)
tun = tunnel()
print("ready", flush=True)
while True:
    by_fd = {mapping.socket.fileno(): mapping for mapping in mappings.values()}
    # A signal does not end the wait (PEP 475), but the next packet is not far.
    for fd in select.select([tun, *by_fd], [], [])[0]:
        if forgotten:
            for mapping in mappings.values():
                mapping.socket.close()
            mappings, forgotten = {}, False
            break
        try:
            if fd != tun:
                payload, remote = by_fd[fd].socket.recvfrom(65535)
                if remote[0] in by_fd[fd].asked:
                    os.write(tun, packet(remote, by_fd[fd].source, payload))
                continue
            octets = os.read(tun, 65535)
            words = (octets[0] & 15) * 4
            if octets[0] >> 4 != 4 or octets[9] != 17:
                continue
            source, target = (socket.inet_ntoa(octets[at:at + 4]) for at in (12, 16))
            source_port, target_port, length = struct.unpack(">HHH", octets[words:words + 6])
            key = (source, source_port)
            mapping = mappings.setdefault(key, None) or Mapping(key)
            mappings[key] = mapping
            mapping.asked.add(target)
            mapping.socket.sendto(octets[words + 8:words + length], (target, target_port))
        except OSError:
            pass  # Nobody is there: a NAT does not say so.
