#!/usr/bin/env python3
"""What becomes of a server that is offered more calls than it can take: calls a second that go well, and answers to the rest.

usage: tests/peers/overload.py [--phone FILE] [--load FILE] [--seconds N] [--hold MS] [--multiples 1,2,5] [--runtimes tokio,smol] [--json]

The phone answers and plays a tone, each call lasts a second (--hold) and costs what its audio costs. First the offer grows by
a third each time until less than nine tenths of it go well; the most that went well is the best. Then a fresh phone gets so many
times the best for N seconds. A second after the worst of them, while those it refused still ask again, half of the best is
offered from another address: all of that is to go well.
The phone has one core and the callers (examples/load.rs, 127.0.0.7 and 127.0.0.8) the other. One command for each of two builds
shows before and after: --phone names the build. Build first: cargo build --release --examples (Linux only, two cores).
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from tools import ROOT, Failed, Process, free_port, udp_is_bound, until, want

CALLERS = ["127.0.0.7", "127.0.0.8"]
LINE = (r"calls (?P<done>\d+) failed (?P<failed>\d+) retransmitted (?P<again>\d+) .*p50 (?P<p50>\S+) p95 (?P<p95>\S+) .*"
        r"refused (?P<refused>\d+) goodput (?P<goodput>\d+)")


class Server:
    """A phone that answers every call with a tone, on the first core."""

    def __init__(self, options, runtime):
        self.port = free_port()
        words = ["taskset", "-c", "0", options.phone, "listen", "--bind", f"127.0.0.1:{self.port}", "--answer", "--tone", "440",
                 "--quiet", "--runtime", runtime, "--rtp-ports", "20000-59999"]
        knows = subprocess.run([options.phone, "listen", "--help"], capture_output=True, text=True).stdout
        # Builds from before there were shares trust everybody.
        words += [word for caller in CALLERS for word in ("--trusted", caller)] if "--trusted" in knows else []
        self.phone = Process(options.out, f"phone-{runtime}", words, cwd=ROOT)

    def __enter__(self):
        self.phone.__enter__()
        until(lambda: udp_is_bound(self.port) or not self.phone.running(), 5, "the phone does not bind its port")
        return self

    def __exit__(self, *what):
        return self.phone.__exit__(*what)


def offer(options, server, rate, seconds, caller=CALLERS[0]):
    words = ["taskset", "-c", "1", options.load, f"127.0.0.1:{server.port}", "--calls", int(rate * seconds), "--flight", 200_000,
             "--rate", rate, "--hold", options.hold, "--from", caller]
    return subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def outcome(load):
    out, err = load.communicate(timeout=300)
    line = re.search(LINE, out)
    want(line, f"load: {out or err}")
    row = {name: float(value) for name, value in line.groupdict().items()}
    return {**row, "unanswered": row["failed"] - row["refused"]}


def run(options, runtime, rate, seconds):
    with Server(options, runtime) as server:
        return outcome(offer(options, server, rate, seconds))


def best(options, runtime):
    """The most calls a second that went well."""
    rate, most = options.first, 0.0
    while True:
        got = run(options, runtime, rate, options.seconds)["goodput"]
        # The first calls take as long as they are held before they are done.
        got *= options.seconds / max(options.seconds - options.hold / 1000, 0.1)
        most = max(most, got)
        if got < 0.9 * rate:
            return most
        rate = int(rate * 4 / 3)


def measure(options, runtime):
    most, rows = best(options, runtime), []
    for multiple in options.multiples:
        with Server(options, runtime) as server:
            flood = offer(options, server, int(most * multiple), options.seconds)
            time.sleep(options.seconds + 1)
            after = outcome(offer(options, server, int(most / 2), 3, CALLERS[1]))
            row = outcome(flood)
        row["goodput"] *= options.seconds / max(options.seconds - options.hold / 1000, 0.1)
        rows.append({"runtime": runtime, "multiple": multiple, "best": most, **row, "after": after})
        print(f"{runtime:6} {multiple:4.1f} x {most:.0f}/s: {row['goodput']:.0f}/s go well ({row['goodput'] / most:.2f}), {row['refused']:.0f} refused, "
              f"{row['unanswered']:.0f} without an answer, set-up p95 {row['p95']:.0f} ms; a second later {after['failed']:.0f} of "
              f"{after['done'] + after['failed']:.0f} fail, set-up p95 {after['p95']:.0f} ms", flush=True)
        if options.json:
            print(json.dumps(rows[-1]), flush=True)
    return rows


def main():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute()
    p = argparse.ArgumentParser(description="what becomes of a server that is offered too much")
    p.add_argument("--phone", type=pathlib.Path, default=target / "release/examples/phone")
    p.add_argument("--load", type=pathlib.Path, default=target / "release/examples/load")
    p.add_argument("--seconds", type=float, default=6)
    p.add_argument("--hold", type=int, default=1000)
    p.add_argument("--first", type=int, default=900, help="the first offer, in calls a second")
    p.add_argument("--multiples", default="1,2,5")
    p.add_argument("--runtimes", default="tokio,smol")
    p.add_argument("--out", type=pathlib.Path, default=target / "peers/overload")
    p.add_argument("--json", action="store_true")
    options = p.parse_args()
    options.phone, options.load, options.out = options.phone.absolute(), options.load.absolute(), options.out.absolute()
    options.multiples = [float(n) for n in options.multiples.split(",")]
    try:
        for runtime in options.runtimes.split(","):
            measure(options, runtime)
    except Failed as failure:
        print(f"overload.py: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
