#!/usr/bin/env python3
"""CPU of the server process per call: our phone on each runtime beside a bare receive-and-send loop and `sipp -sn uas`.

usage: tests/peers/cpu.py [--rounds N] [--paced-calls N] [--rate N] [--saturated-calls N] [--flight N]
                          [--servers phone,phone-smol,bare,sipp] [--loads paced,saturated] [--json]

In each round every server, freshly started, takes every load in turn, so that a busy neighbour hits all alike:
  paced      sipp's built-in uac, 1000 calls a second (wake-ups dominate)
  saturated  examples/load.rs, 48 calls in flight in a closed loop
CPU is user plus system time of the process with all its threads, taken from /proc before and after the load (the
scheduler's nanoseconds where the kernel has them, else ticks of 10 ms). It is counted while the load runs and half a second longer.
Only medians and ratios inside one run mean something. Build first: cargo build --release --examples (Linux only).
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from peer_sipp import Sipp
from tools import ROOT, Failed, Process, free_port, until, udp_is_bound, want

TICK = os.sysconf("SC_CLK_TCK")


def cpu_us(pid):
    """Total, user and system microseconds of a process so far."""
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    user, system = (int(n) * 1_000_000 / TICK for n in fields[11:13])
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
        total = sum(int(open(f"/proc/{pid}/task/{task}/schedstat").read().split()[0]) for task in tasks) / 1000
    except (OSError, IndexError, ValueError):
        total = 0
    return total or user + system, user, system


def command(server, port, options):
    """How each server is started."""
    if server in ("phone", "phone-smol"):
        runtime = "smol" if server == "phone-smol" else "tokio"
        return [options.target / "phone", "listen", "--bind", f"127.0.0.1:{port}", "--answer", "--quiet", "--runtime", runtime, "--trusted", "127.0.0.1"]
    if server == "bare":
        return [options.target / "bare_loop", "--bind", f"127.0.0.1:{port}", "--quiet"]
    return ["sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", port, "-mp", port + 2, "-nostdin"]


def paced(out, port, options):
    """Calls done, failed, retransmitted: sipp paces, and counts on its side."""
    with Sipp(out, "uac", f"127.0.0.1:{port}", ["-d", "0", "-r", options.rate, "-l", "20000"], calls=options.paced_calls,
              builtin=True, limit=120) as load:
        load.wait(150)
        t = load.totals()
        return t["SuccessfulCall"], t["FailedCall"], t["Retransmissions"]


def saturated(out, port, options):
    """Calls done, failed, retransmitted, by our own generator."""
    got = subprocess.run([options.target / "load", f"127.0.0.1:{port}", "--calls", str(options.saturated_calls),
                          "--flight", str(options.flight)], capture_output=True, text=True, timeout=180)
    figures = re.search(r"calls (\d+) failed (\d+) retransmitted (\d+)", got.stdout)
    want(figures, f"load said nothing: {got.stderr.strip()[-200:]}")
    return tuple(int(n) for n in figures.groups())


def measure(server, load, options):
    """One fresh server under one load: microseconds a call, and what went wrong."""
    port = free_port()
    out = options.out / f"{server}-{load.__name__}"
    with Process(out, server, command(server, port, options), cwd=ROOT) as process:
        until(lambda: udp_is_bound(port) or not process.running(), 5, f"{server} does not bind its port")
        time.sleep(0.3)
        want(process.running(), f"{server} ended at once: {process.last_words()}")
        before = cpu_us(process.pid)
        done, failed, repeated = load(out, port, options)
        time.sleep(0.5)
        want(process.running(), f"{server} ended under load: {process.last_words()}")
        total, user, system = (b - a for a, b in zip(before, cpu_us(process.pid)))
        want(done, f"{server}: no call succeeded")
        return {"server": server, "load": load.__name__, "us": total / done, "user": user / done, "system": system / done,
                "calls": done, "failed": failed, "retransmitted": repeated}


def table(rows, options):
    print(f"{'load':10} {'server':10} {'µs/call':>8} {'min':>7} {'max':>7} {'user':>7} {'system':>7} {'/bare':>6} "
          f"{'/sipp':>6}  failed retransmitted  (medians of {options.rounds})")
    for load in options.loads:
        middle = lambda server, key="us": statistics.median(
            [r[key] for r in rows if (r["load"], r["server"]) == (load, server)] or [float("nan")])
        for server in options.servers:
            own = [r for r in rows if (r["load"], r["server"]) == (load, server)]
            if not own:
                continue
            costs = [r["us"] for r in own]
            print(f"{load:10} {server:10} {middle(server):8.1f} {min(costs):7.1f} {max(costs):7.1f} "
                  f"{middle(server, 'user'):7.1f} {middle(server, 'system'):7.1f} {middle(server) / middle('bare'):6.2f} "
                  f"{middle(server) / middle('sipp'):6.2f}  {sum(r['failed'] for r in own)} "
                  f"{sum(r['retransmitted'] for r in own)}")


def main():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute()
    p = argparse.ArgumentParser(description="CPU of the server process per call")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--paced-calls", type=int, default=5000)
    p.add_argument("--rate", type=int, default=1000)
    p.add_argument("--saturated-calls", type=int, default=20000)
    p.add_argument("--flight", type=int, default=48)
    p.add_argument("--servers", default="phone,phone-smol,bare,sipp")
    p.add_argument("--loads", default="paced,saturated")
    p.add_argument("--target", type=pathlib.Path, default=target / "release/examples")
    p.add_argument("--out", type=pathlib.Path, default=target / "peers/cpu")
    p.add_argument("--json", action="store_true", help="print each measurement as a line of JSON too")
    options = p.parse_args()
    options.target, options.out = options.target.absolute(), options.out.absolute()
    options.servers, options.loads = options.servers.split(","), options.loads.split(",")
    loads = {"paced": paced, "saturated": saturated}
    rows = []
    try:
        for n in range(options.rounds):
            for load in options.loads:
                # Another first server in each round: none profits from its place.
                turn = n % len(options.servers)
                for server in options.servers[turn:] + options.servers[:turn]:
                    rows.append(measure(server, loads[load], options))
                    if options.json:
                        print(json.dumps(rows[-1]), flush=True)
    except Failed as failure:
        print(f"cpu.py: {failure}", file=sys.stderr)
        table(rows, options)
        return 1
    table(rows, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
