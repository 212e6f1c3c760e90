#!/usr/bin/env python3
"""Calls between our phone and programs that others wrote: sipp, baresip, PJSIP, Kamailio, and tshark as the witness.

usage: tests/peers/run.py [--required] [--without PEER] [--only NAME ...] [--list] [--judges] [--jobs N] [--phone FILE]
                          [--peer-audio FILE] [--out DIR]

Each case prints `ok|FAIL|skip|later name seconds detail`, the last line is a summary; the exit status is 1 when anything
failed. NAME is a case, or a group: sipp, load, baresip, pjsua2, kamailio, source, wire, judges. A case whose peer is not installed is
skipped, with --required it fails; --without PEER skips its cases nevertheless, and the summary names it. `later` is a case for which the stack has no answer yet, with the reason; it
is never counted as passed. --judges lets the peers judge each other, which shows that the measuring itself is sound on
this machine and needs nothing of ours.

The phone is target/release/examples/phone (`cargo build --release --examples`). Logs of each case are in DIR/NAME
(target/peers). Debian: apt-get install sip-tester baresip-core kamailio tshark sox python3-numpy; PJSIP comes from PyPI
(requirements.txt) into a folder of its own, whose Python PEERS_PYTHON names, and so does a newer baresip.
"""
import argparse
import os
import pathlib
import shutil
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cases_agents  # noqa: F401 (a module registers its cases)
import cases_baresip  # noqa: F401
import cases_baresip_session  # noqa: F401
import cases_judges  # noqa: F401
import cases_kamailio  # noqa: F401
import cases_load  # noqa: F401
import cases_sipp  # noqa: F401
import cases_source  # noqa: F401
import cases_transfer  # noqa: F401
import cases_wire  # noqa: F401
import network
from agent import python_with
from sound import numpy_python
from suite import CASES, Report
from tools import ROOT, Process


MODULES = {"pjsua2-python": "pjsua2", "baresip-python": "baresip"}


def missing(need, without):
    """Why a case that needs this cannot run here; nothing when it can."""
    if need in without:
        return f"without {need}"
    if need == "netns":
        return None if network.possible() else "no network namespaces (root and /dev/net/tun are needed)"
    if need == "numpy":
        found = numpy_python()
    else:
        found = python_with(MODULES[need]) if need in MODULES else shutil.which(need)
    return None if found else f"{need} is not installed"


def chosen(options):
    """The names of the cases to run, in the order they were registered."""
    if not options.only:
        return [name for name, case in CASES.items() if (case.group == "judges") == options.judges]
    groups = {case.group for case in CASES.values()}
    unknown = [name for name in options.only if name not in CASES and name not in groups]
    if unknown:
        sys.exit(f"no such case or group: {', '.join(unknown)} (--list names them)")
    return [name for name, case in CASES.items() if name in options.only or case.group in options.only]


def arguments():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute()
    p = argparse.ArgumentParser(description="calls between our phone and programs that others wrote")
    p.add_argument("--list", action="store_true", help="print the cases and what they do")
    p.add_argument("--only", nargs="+", metavar="NAME", default=[], help="run only these cases or groups")
    p.add_argument("--required", action="store_true", help="a missing peer is a failure, not a skip")
    p.add_argument("--without", metavar="PEER", action="append", default=[], help="skip its cases although they are required")
    p.add_argument("--judges", action="store_true", help="the peers against each other")
    p.add_argument("--jobs", type=int, default=4, help="cases at a time (4); those that only wait are not counted")
    p.add_argument("--phone", type=pathlib.Path, default=target / "release/examples/phone")
    p.add_argument("--peer-audio", type=pathlib.Path, default=target / "release/examples/peer_audio")
    p.add_argument("--out", type=pathlib.Path, default=target / "peers")
    a = p.parse_args()
    a.phone, a.peer_audio, a.out = a.phone.absolute(), a.peer_audio.absolute(), a.out.absolute()
    return a


def run_all(options, report, names):
    """First those that want to be alone; then the slow ones in threads of their own, and beside them the quiet ones
    together, and then the rest."""
    cases = [CASES[name] for name in names]
    for case in cases:
        if case.alone:
            report.run(options, case.name)
    rest = [case for case in cases if not case.alone]
    slow = [threading.Thread(target=report.run, args=(options, case.name)) for case in rest if case.slow]
    for thread in slow:
        thread.start()
    for quiet in (True, False):
        with ThreadPoolExecutor(max(1, options.jobs)) as pool:
            for case in rest:
                if not case.slow and case.quiet == quiet:
                    pool.submit(report.run, options, case.name)
    for thread in slow:
        thread.join()


def stopped(signum, _):
    """Ctrl-C or SIGTERM: nothing of ours stays behind."""
    Process.end_all()
    os._exit(128 + signum)


def main():
    options = arguments()
    for which in (signal.SIGINT, signal.SIGTERM):
        signal.signal(which, stopped)
    names = chosen(options)
    if options.list:
        for name in names:
            case = CASES[name]
            print(f"{name:26} {case.group:8} {'+'.join(case.needs):22} {case.about}")
        return 0
    ours = [options.phone] if any(CASES[name].group != "judges" for name in names) else []
    ours += [options.peer_audio] if "peer_audio" in names else []
    for program in ours:
        if not os.access(program, os.X_OK):
            print(f"{program} is missing: cargo build --release --examples", file=sys.stderr)
            return 2
    report, started, ready = Report(), time.monotonic(), []
    lacking = {need: missing(need, options.without) for name in names for need in CASES[name].needs}
    for name in names:
        case = CASES[name]
        lacks = [lacking[need] for need in case.needs if lacking[need]]
        if case.later:
            report.line("later", name, 0, case.later)
        elif lacks:
            # What a machine may forbid its users is no program that could be installed.
            excused = any(need in (*options.without, "netns") for need in case.needs if lacking[need])
            report.line("FAIL" if options.required and not excused else "skip", name, 0, ", ".join(lacks))
        else:
            ready.append(name)
    run_all(options, report, ready)
    print(report.summary(time.monotonic() - started))
    for peer in options.without:
        print(f"NOT TESTED: everything with {peer}: {sum(peer in CASES[name].needs for name in names)} cases")
    return 1 if report.counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
