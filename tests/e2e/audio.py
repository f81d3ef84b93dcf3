# SPDX-License-Identifier: Apache-2.0
"""G.711, tones and the Goertzel algorithm, in plain Python: what the tests need to hear what a call carries."""
import array
import bisect
import functools
import math
import wave

RATE = 8000
PCMU, PCMA = 0, 8


def _ulaw_value(code):
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84) << ((code >> 4) & 7)
    return 0x84 - magnitude if code & 0x80 else magnitude - 0x84


def _alaw_value(code):
    code ^= 0x55
    segment, value = (code >> 4) & 7, (code & 0x0F) << 4
    value = value + 8 if segment == 0 else (value + 0x108) << (segment - 1)
    return value if code & 0x80 else -value


DECODE = {PCMU: [_ulaw_value(c) for c in range(256)], PCMA: [_alaw_value(c) for c in range(256)]}


@functools.lru_cache(maxsize=None)
def _steps(codec):
    return sorted((value, code) for code, value in enumerate(DECODE[codec]))


def encode(samples, codec):
    """Linear samples to G.711: the nearest of the 256 values."""
    steps = _steps(codec)
    out = bytearray()
    for sample in samples:
        i = bisect.bisect_left(steps, (sample, -1))
        if i == len(steps) or (i > 0 and sample - steps[i - 1][0] < steps[i][0] - sample):
            i -= 1
        out.append(steps[i][1])
    return bytes(out)


def decode(data, codec):
    table = DECODE[codec]
    return array.array('h', [table[b] for b in data])


def sine(hz, seconds=1.0, level=8000, rate=RATE):
    return [int(level * math.sin(2 * math.pi * hz * n / rate)) for n in range(int(seconds * rate))]


@functools.lru_cache(maxsize=None)
def tone_loop(hz, codec, level=8000):
    """One second of a tone as G.711; whole numbers of Hz loop without a click."""
    return encode(sine(hz, 1.0, level) if hz else [0] * RATE, codec)


def power(samples):
    return sum(s * s for s in samples) / len(samples) if samples else 0.0


def goertzel(samples, hz, rate=RATE):
    """Mean power of one frequency within the samples (a sine of amplitude A gives A*A/2)."""
    n = len(samples)
    if not n:
        return 0.0
    coefficient = 2.0 * math.cos(2.0 * math.pi * hz / rate)
    s1 = s2 = 0.0
    for sample in samples:
        s1, s2 = sample + coefficient * s1 - s2, s1
    return 2.0 * (s1 * s1 + s2 * s2 - coefficient * s1 * s2) / (n * n)


def share(samples, hz, rate=RATE):
    """How much of the samples' power is at this frequency: 1.0 = a pure tone, 0.0 = not there, or silence.
    In windows of 100 ms, so that a tone which stops and begins again does not cancel itself."""
    total = power(samples)
    if total < 100.0:  # below -50 dB of our tones: silence
        return 0.0
    step = rate // 10
    windows = [samples[i:i + step] for i in range(0, len(samples) - step + 1, step)] or [samples]
    return sum(goertzel(w, hz, rate) for w in windows) / len(windows) / total


def read_wav(path):
    """(rate, samples) of a 16-bit WAV; of several channels the first."""
    with wave.open(str(path), 'rb') as f:
        if f.getsampwidth() != 2:
            raise ValueError('%s: %d-bit samples' % (path, 8 * f.getsampwidth()))
        data = array.array('h', f.readframes(f.getnframes()))
        return f.getframerate(), data[::f.getnchannels()]


def write_wav(path, samples, rate=RATE, channels=1):
    with wave.open(str(path), 'wb') as f:
        f.setnchannels(channels)
        f.setsampwidth(2)
        f.setframerate(rate)
        data = array.array('h', [max(-32768, min(32767, int(s))) for s in samples for _ in range(channels)])
        f.writeframes(data.tobytes())


def write_tone(path, hz, seconds, rate=RATE, channels=1, level=8000):
    write_wav(path, sine(hz, seconds, level, rate), rate, channels)
