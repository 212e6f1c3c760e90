#!/usr/bin/env python3
"""One attacker at full speed beside honest callers: how many of these get through, how fast, and what memory it takes.

usage: tests/peers/attack.py [--only NAME,...] [--seconds N] [--runtime tokio|smol] [--list] [--json]

The phone runs on one core with `ulimit -n 1024` (`held` excepted), the attacker (examples/attack.rs, 127.0.0.66) and the honest
callers (examples/load.rs, 127.0.0.7) on the other. Each attack comes twice: the second flood must not take more memory.
Build first: cargo build --release --examples (Linux only).
"""
import argparse
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from tools import ROOT, Failed, Process, free_port, until, udp_is_bound, want

ATTACKER, CALLER, SERVER = "127.0.0.66", "127.0.0.7", "127.0.0.1"
# What each attacker does, and how fast.
ATTACKS = {
    "none": None,
    "invite-100": ("invite", 100),
    "invite-5000": ("invite", 5000),
    "invite-ack-100": ("invite-ack", 100),
    "invite-ack-5000": ("invite-ack", 5000),
    "options": ("options", 66000),
    "vias": ("vias", 20000),
    "held": ("invite-ack", 5000),
}
SUCCESS_MIN, MEMORY_MAX_KIB, SECOND_MAX = 0.99, 256 * 1024, 1.05


def memory(pid, field):
    return int(re.search(rf"^{field}:\s+(\d+) kB", open(f"/proc/{pid}/status").read(), re.M)[1])


def descriptors(count):
    """What is done in a new process before its program: a limit of its own."""
    hard = min(count, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    return ["prlimit", f"--nofile={hard}:{hard}"]


def pinned(cpu, command):
    return ["taskset", "-c", str(cpu), *map(str, command)] if os.cpu_count() > 1 else list(map(str, command))


def honest(port, options, rate, seconds, more=()):
    """Starts honest callers; `figures` reads what they say."""
    command = [options.target / "load", f"{SERVER}:{port}", "--from", CALLER, "--rate", rate, "--calls", int(rate * seconds),
               "--flight", "4000", *more]
    return subprocess.Popen(pinned(0, command), stdout=subprocess.PIPE, text=True)


def figures(load, seconds):
    out, _ = load.communicate(timeout=seconds)
    got = re.search(r"calls (\d+) failed (\d+) retransmitted (\d+).*p50 ([\d.na]+) p95 ([\d.na]+)", out, re.I)
    want(got, f"load said nothing useful: {out[-200:]}")
    done, failed, again = (int(n) for n in got.groups()[:3])
    return {"calls": done + failed, "success": done / max(1, done + failed), "retransmitted": again,
            "p50_ms": float(got[4]), "p95_ms": float(got[5])}


def flood(port, attack, options):
    kind, rate = attack
    command = [options.target / "attack", f"{SERVER}:{port}", "--kind", kind, "--rate", rate, "--seconds", options.seconds,
               "--from", ATTACKER]
    return subprocess.Popen(pinned(0, command), stdout=subprocess.PIPE, text=True)


def run(name, options):
    attack, port, held = ATTACKS[name], free_port(), name == "held"
    out = options.out / name
    # A trunk of 4 000 calls needs more descriptors than an ordinary limit has, and is trusted.
    told = ["--trusted", CALLER, "--rtp-ports", "20000-39999"] if held else []
    command = [*descriptors(16384 if held else 1024), options.target / "phone", "listen", "--bind", f"{SERVER}:{port}", "--answer",
               "--quiet", "--runtime", options.runtime, *told]
    with Process(out, "phone", pinned(1, command), cwd=ROOT) as phone:
        until(lambda: udp_is_bound(port) or not phone.running(), 5, "the phone does not bind its port")
        time.sleep(0.3)
        want(phone.running(), f"the phone ended at once: {phone.last_words()}")
        row, peaks, rss = {"attack": name, "seconds": options.seconds}, [], []
        trunk = None
        if held:
            # Longer than both floods, and shorter than the two minutes after which a call is hung up of which nothing is heard.
            hold = 10 + 2 * (options.seconds + options.pause + 2)
            want(hold < 120, "the trunk says nothing for two minutes: shorter floods or pauses, please")
            trunk = honest(port, options, 500, 8, ["--hold", int(1000 * hold)])
            time.sleep(10)
        for _ in (1, 2):
            attacker = attack and flood(port, attack, options)
            time.sleep(1)
            callers = honest(port, options, 50, options.seconds - 2) if not held else None
            said = callers and figures(callers, options.seconds + 60)
            if attacker:
                row["attacker"] = attacker.communicate(timeout=options.seconds + 60)[0].strip()
            want(phone.running(), f"the phone ended under {name}: {phone.last_words()}")
            peaks.append(memory(phone.pid, "VmHWM"))
            rss.append(memory(phone.pid, "VmRSS"))
            if said:
                row = {**row, **said, "success": min(said["success"], row.get("success", 1.0)),
                       "p95_ms": max(said["p95_ms"], row.get("p95_ms", 0.0))}
            # What the first flood has left is given back, or is there for the second.
            time.sleep(options.pause)
        if trunk:
            row.update(figures(trunk, 300))
        row.update(peak_kib=peaks[0], second_kib=peaks[1], growth=peaks[1] / peaks[0], rss_kib=rss)
        return row


def main():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute()
    p = argparse.ArgumentParser(description="Honest calls while one attacker floods")
    p.add_argument("--only", help="names of attacks, with commas between them")
    p.add_argument("--list", action="store_true")
    p.add_argument("--seconds", type=int, default=40, help="length of one flood")
    p.add_argument("--pause", type=float, default=5, help="seconds between the two floods")
    p.add_argument("--runtime", default="tokio")
    p.add_argument("--target", type=pathlib.Path, default=target / "release/examples")
    p.add_argument("--out", type=pathlib.Path, default=target / "peers/attack")
    p.add_argument("--json", action="store_true")
    options = p.parse_args()
    if options.list:
        print("\n".join(f"{name:16} {attack or 'honest callers alone'}" for name, attack in ATTACKS.items()))
        return 0
    options.target, options.out = options.target.absolute(), options.out.absolute()
    names = options.only.split(",") if options.only else list(ATTACKS)
    bad = []
    print(f"{'attack':16} {'calls':>6} {'success':>8} {'p50 ms':>8} {'p95 ms':>8} {'peak MiB':>9} {'second':>7}   attacker", flush=True)
    for name in names:
        try:
            row = run(name, options)
        except Failed as failure:
            bad.append(f"{name}: {failure}")
            print(f"{name:16} {failure}", flush=True)
            continue
        print(f"{name:16} {row['calls']:6} {row['success']:8.2%} {row['p50_ms']:8.2f} {row['p95_ms']:8.2f} "
              f"{row['peak_kib'] / 1024:9.1f} {row['growth']:7.3f}   {row.get('attacker', '')}", flush=True)
        if options.json:
            print(json.dumps(row), flush=True)
        for fails, text in ((row["success"] < SUCCESS_MIN, "success"), (row["peak_kib"] > MEMORY_MAX_KIB, "memory"),
                            (ATTACKS[name] and row["growth"] > SECOND_MAX, "second flood")):
            if fails:
                bad.append(f"{name}: {text}")
    print("all held" if not bad else "NOT HELD: " + ", ".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
