"""Two peers of ours under tshark: the witness is a third party."""
import subprocess

from sound import compare
from suite import case
from tools import ROOT, Process, want
from wire import Capture, judge_capture


@case("wire", "tshark", "numpy", "sox", alone=True)
def peer_audio(k):
    """the peer_audio example under tshark: the ladder, RTP without a gap, RTCP, and both recordings"""
    heard = k.out / "wav"
    with Capture(k.out) as capture:
        with Process(k.out, "peer_audio", [k.peer_audio, "--seconds", "6", "--out", heard], cwd=ROOT) as program:
            status = program.wait(60)
        capture.finish()
        want(status == 0, f"peer_audio exited with {status}: {program.last_words()}")
        detail = judge_capture(capture)
    for name in ("alice_said", "bob_said", "alice_heard", "bob_heard"):
        opened = subprocess.run(["sox", heard / f"{name}.wav", "-n", "stat"], capture_output=True, text=True)
        want(opened.returncode == 0, f"sox cannot open {name}.wav: {opened.stderr.strip()[-160:]}")
    bounds = {"segsnr": 30.0, "coverage_min": 0.98, "dropouts_max": 0}
    bob = compare(heard / "alice_said.wav", heard / "bob_heard.wav", **bounds)
    return f"Bob heard {bob}, Alice heard {compare(heard / 'bob_said.wav', heard / 'alice_heard.wav', **bounds)}; {detail}"
