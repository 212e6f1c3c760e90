"""WAV files: made ready for a peer, and what came of them compared."""
import json
import pathlib
import struct
import subprocess
import sys
import wave

from tools import HERE, Failed, want

SPEECH_A, SPEECH_B = HERE / "audio/speech-a-8k.wav", HERE / "audio/speech-b-8k.wav"


def padded(source, target, seconds):
    """A copy with silence at its end: baresip ends the call with its source."""
    with wave.open(str(source)) as a, wave.open(str(target), "wb") as b:
        b.setparams(a.getparams())
        b.writeframes(a.readframes(a.getnframes()) + bytes(2 * a.getframerate() * seconds))


def mu_law(source, target):
    """Raw G.711 mu-law octets of an 8 kHz WAV (ITU-T G.711)."""
    with wave.open(str(source)) as a:
        samples = struct.unpack(f"<{a.getnframes()}h", a.readframes(a.getnframes()))
    out = bytearray()
    for sample in samples:
        sign, size = (0x80, -sample) if sample < 0 else (0, sample)
        size = min(size, 32635) + 132
        exponent = size.bit_length() - 8
        out.append(~(sign | exponent << 4 | size >> exponent + 3 & 15) & 0xFF)
    target.write_bytes(out)


def numpy_python():
    """A Python that has numpy: ours, or the distribution's (python3-numpy belongs to that one)."""
    for python in (sys.executable, "/usr/bin/python3"):
        if pathlib.Path(python).exists() and not subprocess.run([python, "-c", "import numpy"], capture_output=True).returncode:
            return python
    return None


def compare(sent, received, segsnr=20.0, **bounds):
    """compare_wav.py's figures; Failed below the bounds."""
    words = [numpy_python(), str(HERE / "compare_wav.py"), str(sent), str(received), "--json", "--segsnr-min", str(segsnr)]
    for key, value in bounds.items():
        words += [f"--{key.replace('_', '-')}", str(value)]
    got = subprocess.run(words, capture_output=True, text=True, timeout=120)
    name = pathlib.Path(received).name
    want(got.returncode == 0, f"{name}: {' '.join((got.stderr or got.stdout).split())[-240:]}")
    figures = json.loads(got.stdout)
    return f"{figures['segsnr_db']:.1f} dB ({figures['slips']} slips, {figures['dropouts']} dropouts)"
