#!/usr/bin/env python3
"""What calls cost that are only held, and what the receive path has: memory, CPU when idle, receive buffer, threads.

usage: tests/peers/held.py [--phone FILE] [--load FILE] [--answering FILE] [--calls LESS,MORE] [--seconds N]
                           [--runtimes tokio,smol] [--only memory,idle,buffer,workers] [--json]

  memory    resident KiB of the phone (VmRSS) for each call between LESS and MORE held ones, taken in one process
  idle      user and system time (/proc/PID/stat) while LESS calls are held, over N seconds, as a share of one core
  buffer    what the signalling socket may hold (`ss -m`), and what the kernel has dropped there in a burst of 4000 calls
  workers   calls a second of examples/answering and their CPU, on two tokio workers beside one, 48 calls in flight, medians of
            five interleaved rounds (where that example is there; it knows tokio only)
Nobody says anything in these calls: the caller (examples/load.rs, 127.0.0.7) sends no audio, nobody listens at its port. One
command for each of two builds shows before and after: --phone names the build, the other programs are those beside it. CPU time and
memory mean something on a shared machine too. Build first: cargo build --release --examples (Linux only).
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
from cpu import cpu_us
from tools import ROOT, Failed, Process, free_port, udp_is_bound, until, want

CALLER = "127.0.0.7"
MORE_DESCRIPTORS = ["prlimit", "--nofile=16384:16384"]


def rss_kib(pid):
    return int(re.search(r"^VmRSS:\s+(\d+) kB", open(f"/proc/{pid}/status").read(), re.M)[1])


def server(options, runtime):
    """A phone that answers and holds; it and its port."""
    port = free_port()
    words = [options.phone, "listen", "--bind", f"127.0.0.1:{port}", "--answer", "--quiet", "--runtime", runtime,
             "--rtp-ports", "30000-48191"]
    # Builds from before there were shares trust everybody.
    words += ["--trusted", CALLER] if "--trusted" in subprocess.run([options.phone, "listen", "--help"], capture_output=True, text=True).stdout else []
    phone = Process(options.out, f"phone-{runtime}", [*MORE_DESCRIPTORS, *words], cwd=ROOT)
    until(lambda: udp_is_bound(port) or not phone.running(), 5, "the phone does not bind its port")
    return phone, port


def hold(options, port, calls, name):
    """Calls that stay up for as long as this runs."""
    words = [options.load, f"127.0.0.1:{port}", "--calls", calls, "--flight", calls, "--rate", 250, "--hold", 3_600_000, "--from", CALLER]
    return Process(options.out, name, words)


def bound(pid):
    """How many sockets a process has."""
    links = (f"/proc/{pid}/fd/{n}" for n in os.listdir(f"/proc/{pid}/fd"))
    return sum(os.readlink(link).startswith("socket:") for link in links)


def are_up(phone, before, calls):
    """Waits until so many more calls have their two sockets, and all is quiet again."""
    until(lambda: bound(phone.pid) >= before + 2 * calls or not phone.running(), 10 + calls / 100,
          lambda: f"{(bound(phone.pid) - before) // 2} of {calls} calls are up")
    want(phone.running(), f"the phone ended: {phone.last_words()}")
    time.sleep(2)


def memory_and_idle(options, runtime):
    less, more = options.calls
    phone, port = server(options, runtime)
    with phone:
        time.sleep(0.5)
        empty, before = rss_kib(phone.pid), bound(phone.pid)
        with hold(options, port, less, f"load-{runtime}-1"):
            are_up(phone, before, less)
            first = rss_kib(phone.pid)
            row = {"runtime": runtime, "empty_kib": empty, "less_kib": first, "first_kib": (first - empty) / less}
            if "idle" in options.only:
                start = cpu_us(phone.pid)
                time.sleep(options.seconds)
                total, user, system = (b - a for a, b in zip(start, cpu_us(phone.pid)))
                row["idle_percent"] = (user + system) / options.seconds / 10_000
                row["idle_ns_percent"] = total / options.seconds / 10_000
            if "memory" in options.only:
                with hold(options, port, more - less, f"load-{runtime}-2"):
                    are_up(phone, before, more)
                    row["more_kib"] = rss_kib(phone.pid)
                    row["call_kib"] = (row["more_kib"] - first) / (more - less)
    return row


def kernel_drops(port):
    """What the kernel has dropped at a UDP port."""
    rows = (line.split() for line in open("/proc/net/udp").read().splitlines()[1:])
    return next((int(row[-1]) for row in rows if row[1].endswith(f":{port:04X}")), 0)


def buffer(options, runtime):
    phone, port = server(options, runtime)
    with phone:
        time.sleep(0.3)
        shown = subprocess.run(["ss", "-Huanm", "sport", "=", f":{port}"], capture_output=True, text=True).stdout
        found = re.search(r"\brb(\d+)", shown)
        words = [options.load, f"127.0.0.1:{port}", "--calls", "12000", "--flight", "4000", "--from", CALLER]
        subprocess.run(list(map(str, words)), capture_output=True, timeout=120)
        return {"runtime": runtime, "receive_kib": int(found[1]) / 1024 if found else None, "dropped": kernel_drops(port)}


def workers(options):
    costs, rates = {1: [], 2: []}, {1: [], 2: []}
    for n in range(5):
        for count in (1, 2) if n % 2 else (2, 1):
            port = free_port()
            with Process(options.out, f"answering-{count}", [options.answering, f"127.0.0.1:{port}", "--workers", count]) as answering:
                until(lambda: udp_is_bound(port) or not answering.running(), 5, "answering does not bind its port")
                start = cpu_us(answering.pid)
                got = subprocess.run([options.load, f"127.0.0.1:{port}", "--calls", "60000", "--flight", "48"], capture_output=True, text=True, timeout=180)
                done = re.search(r"calls (\d+) failed (\d+) .* seconds ([\d.]+)", got.stdout)
                want(done and int(done[2]) == 0, f"load: {got.stdout or got.stderr}")
                costs[count].append((cpu_us(answering.pid)[0] - start[0]) / int(done[1]))
                rates[count].append(int(done[1]) / float(done[3]))
    one, two = (statistics.median(costs[count]) for count in (1, 2))
    fast, faster = (statistics.median(rates[count]) for count in (1, 2))
    return {"one_us": one, "two_us": two, "one_rate": fast, "two_rate": faster, "all": costs, "rates": rates}


def show(options, row, text):
    print(text, flush=True)
    if options.json:
        print(json.dumps(row), flush=True)


def main():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute()
    p = argparse.ArgumentParser(description="what held calls cost")
    p.add_argument("--phone", type=pathlib.Path, default=target / "release/examples/phone")
    p.add_argument("--load", type=pathlib.Path, default=target / "release/examples/load")
    p.add_argument("--answering", type=pathlib.Path, help="[default: beside --phone]")
    p.add_argument("--calls", default="1000,4000")
    p.add_argument("--seconds", type=float, default=20)
    p.add_argument("--runtimes", default="tokio,smol")
    p.add_argument("--only", default="memory,idle,buffer,workers")
    p.add_argument("--out", type=pathlib.Path, default=target / "peers/held")
    p.add_argument("--json", action="store_true")
    options = p.parse_args()
    options.phone, options.load, options.out = options.phone.absolute(), options.load.absolute(), options.out.absolute()
    options.answering = options.answering or options.phone.parent / "answering"
    options.calls, options.only = [int(n) for n in options.calls.split(",")], options.only.split(",")
    less, more = options.calls
    try:
        for runtime in options.runtimes.split(","):
            if "memory" in options.only or "idle" in options.only:
                row = memory_and_idle(options, runtime)
                text = f"{runtime:6} held: {row['first_kib']:.2f} KiB RSS a call for {less}"
                text += f", {row['call_kib']:.2f} from {less} to {more}" if "call_kib" in row else ""
                text += f"; idle: {row['idle_percent']:.2f} % of a core (scheduler: {row['idle_ns_percent']:.2f} %)" if "idle_percent" in row else ""
                show(options, row, text)
            if "buffer" in options.only:
                row = buffer(options, runtime)
                show(options, row, f"{runtime:6} receive buffer {row['receive_kib'] or 0:.0f} KiB, {row['dropped']} datagrams dropped in a burst")
        if "workers" in options.only and options.answering.exists():
            row = workers(options)
            rate, cost = row["two_rate"] / row["one_rate"], row["two_us"] / row["one_us"]
            show(options, row, f"tokio  {row['one_rate']:.0f} calls/s at {row['one_us']:.1f} µs each on one worker, "
                 f"{row['two_rate']:.0f} at {row['two_us']:.1f} on two ({rate:.2f} of the calls, {cost:.2f} of the CPU)")
    except Failed as failure:
        print(f"held.py: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
