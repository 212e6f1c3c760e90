#!/usr/bin/env python3
"""Records calls between our phone and sipp for core/tests/traces.rs.

usage: tests/peers/record_traces.py [--phone FILE] [--replay FILE]

Each call gives NAME.trace, what the coordinator was told and what it put out, and NAME.txt, its ladder, in
core/tests/traces. The programs are those of `cargo build --release --examples`; sipp must be installed.
"""
import argparse
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from peer_sipp import Sipp
from phone import Phone, listening
from tools import ROOT, free_port

TRACES = ROOT / "core/tests/traces"
OUT = ROOT / "target/peers/traces"


def taken(phone, trace):
    """sipp calls the phone, which answers after a while; sipp hangs up."""
    told = ["--answer-after", "200", "--calls", "1", "--record-trace", trace]
    phone, port = listening(phone, OUT, *told)
    with phone, Sipp(OUT, "uac_call", f"127.0.0.1:{port}", ["-s", "anyuser"]) as judge:
        judge.passes(30)
        phone.exits(0, 10)


def made(phone, trace):
    """The phone calls sipp, which answers; the phone hangs up."""
    with Sipp(OUT, "uas_answer") as judge:
        told = ["--bind", f"127.0.0.1:{free_port()}", "--duration", "500", "--record-trace", trace]
        with Phone(phone, OUT, "call", f"sip:bob@127.0.0.1:{judge.port}", *told) as phone:
            phone.exits(0, 30)
            judge.passes(15)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--phone", type=pathlib.Path, default=ROOT / "target/release/examples/phone")
    options.add_argument("--replay", type=pathlib.Path, default=ROOT / "target/release/examples/replay")
    options = options.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    for call in (taken, made):
        trace, ladder = (TRACES / f"sipp_{call.__name__}.{kind}" for kind in ("trace", "txt"))
        call(options.phone.resolve(), trace)
        subprocess.run([options.replay, trace, "--text", ladder, "--quiet"], check=True)
        print(f"{trace.relative_to(ROOT)}: {trace.stat().st_size} octets")


if __name__ == "__main__":
    main()
