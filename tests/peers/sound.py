"""WAV files: made ready for a peer, and what came of them compared."""
import json
import math
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


def _from_mu_law(octet):
    octet = ~octet & 0xFF
    size = (((octet & 15) << 3) + 132 << (octet >> 4 & 7)) - 132
    return -size if octet & 0x80 else size


MU_LAW = [_from_mu_law(octet) for octet in range(256)]


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


# ---------------------------------------------------------------- tones: who is heard, and when

RATE, STEP_MS = 8000, 100
LOUD = 1000  # Of 32768: a tenth of the tones that are played here.


def tone_file(path, hz, seconds=2):
    """A WAV with a tone at a third of full scale; whole seconds hold whole periods, so that it can be played round."""
    samples = [round(10000 * math.sin(2 * math.pi * hz * n / RATE)) for n in range(RATE * seconds)]
    with wave.open(str(path), "wb") as f:
        f.setparams((1, 2, RATE, 0, "NONE", ""))
        f.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return path


def amplitude(samples, hz):
    """How much of one frequency is in the samples (Goertzel)."""
    turn, a, b = 2 * math.cos(2 * math.pi * hz / RATE), 0.0, 0.0
    for sample in samples:
        a, b = sample + turn * a - b, a
    return 2 * math.sqrt(max(0.0, a * a + b * b - turn * a * b)) / max(1, len(samples))


def loud_steps(samples, hz):
    """For each whole tenth of a second whether the tone is in it."""
    step = RATE * STEP_MS // 1000
    return [amplitude(samples[at:at + step], hz) > LOUD for at in range(0, len(samples) - step + 1, step)]


def read_samples(path):
    """The samples of a mono WAV of 16 bits at 8 kHz."""
    with wave.open(str(path)) as f:
        want(f.getframerate() == RATE and f.getsampwidth() == 2, f"{path}: not 16 bits at {RATE} Hz")
        raw, channels = f.readframes(f.getnframes()), f.getnchannels()
    return struct.unpack(f"<{len(raw) // 2}h", raw[:len(raw) // 2 * 2])[::channels]


def seconds_of(path, hz):
    """For how long a tone is in a recording."""
    return sum(loud_steps(read_samples(path), hz)) * STEP_MS / 1000


class Heard:
    """A recording that keeps time: which tone was in it when."""

    def __init__(self, path, began, samples=None):
        self.name, self.samples, self.began = pathlib.Path(path).name, samples or read_samples(path), began

    def share(self, hz, since, until):
        """The part of a stretch of time (of day) in which the tone was there, 0 to 1."""
        first, last = (max(0, round((at - self.began) * RATE)) for at in (since, until))
        steps = loud_steps(self.samples[first:last], hz)
        want(len(steps) >= 5, f"{self.name} has only {len(steps)} steps of {until - since:.1f} s")
        return sum(steps) / len(steps)

    def has(self, hz, since, until, what):
        share = self.share(hz, since, until)
        # On a busy machine an agent may lose a tenth of a second here and there.
        want(share > 0.75, f"{self.name}: {hz} Hz in {share:.0%} of the time {what}, all of it wanted")

    def lacks(self, hz, since, until, what):
        share = self.share(hz, since, until)
        want(share == 0, f"{self.name}: {hz} Hz in {share:.0%} of the time {what}, none of it wanted")

    def ends_with(self, hz, seconds):
        """The tone is there for so long at the end, but for the last moments, in which somebody hangs up."""
        end = self.began + len(self.samples) / RATE - 0.3
        self.has(hz, end - seconds, end, "at its end")

    def has_for(self, hz, seconds):
        """The tone is there for so long in all: a recording that pauses with the call has no silence to show."""
        found = sum(loud_steps(self.samples, hz)) * STEP_MS / 1000
        want(abs(found - seconds) < 0.6, f"{self.name}: {hz} Hz for {found:.1f} s in all, {seconds:.1f} wanted")
