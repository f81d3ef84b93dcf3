#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the prompts of the examples and the demonstration: speech by espeak-ng, hold music by arithmetic.

    tests/prompts/make.py FOLDER        writes FOLDER/*.wav; what is there already and not older stays"""
import math
import os
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))
import audio  # noqa: E402

SPEECH = {
    'welcome': 'Welcome to Callfloor.',
    'main-menu': 'For sales, press 1. For support, press 2.',
    'invalid': 'This choice does not exist.',
    'timeout': 'We did not notice a choice.',
    'goodbye': 'Thank you for calling. Good bye.',
    'closed': 'We are closed at the moment. Please call again tomorrow.',
    'please-wait': 'All agents are busy. Please hold the line, you will be connected to the next free agent.',
    'connecting': 'You are being connected.',
    'agent-ok': 'Done.',
    'agent-error': 'This is not possible now.',
}


def speak(path, text):
    """espeak-ng gives 22050 Hz; a little silence on both ends keeps words from being cut."""
    part = path + '.part.wav'
    subprocess.run(['espeak-ng', '-v', 'en', '-s', '150', '-w', part, text], check=True, stdin=subprocess.DEVNULL)
    subprocess.run(['sox', part, '-b', '16', '-c', '1', '-r', '16000', path + '.new.wav', 'norm', '-6', 'pad', '0.1', '0.2'],
                   check=True, stdin=subprocess.DEVNULL)
    os.unlink(part)
    os.replace(path + '.new.wav', path)


def music(path, rate=16000):
    """Four chords, each note struck and dying away, 16 seconds, made to loop."""
    chords = ((262, 330, 392), (220, 262, 330), (175, 220, 262), (196, 247, 294))
    out = [0.0] * (16 * rate)
    for beat in range(64):
        chord = chords[(beat // 16) % 4]
        hz, start = chord[(0, 1, 2, 1)[beat % 4]] * (2 if beat % 8 == 4 else 1), beat * rate // 4
        for n in range(int(0.9 * rate)):
            t = n / rate
            value = math.exp(-4 * t) * min(1.0, t * 200)
            out[(start + n) % len(out)] += 5000 * value * (math.sin(2 * math.pi * hz * t) +
                                                           0.3 * math.sin(4 * math.pi * hz * t))
    audio.write_wav(path, out, rate)


def ringback(path, rate=16000):
    """The European one: 425 Hz for a second, then four of silence; heard in a loop."""
    tone = [4000 * min(1.0, n / 160, (rate - n) / 160) * math.sin(2 * math.pi * 425 * n / rate) for n in range(rate)]
    audio.write_wav(path, tone + [0.0] * (4 * rate), rate)


def make(folder):
    os.makedirs(folder, exist_ok=True)
    age = os.path.getmtime(os.path.abspath(__file__))
    for name, how in [(n, lambda p, t=t: speak(p, t)) for n, t in SPEECH.items()] + [('music', music), ('ringback', ringback)]:
        path = os.path.join(folder, name + '.wav')
        if not os.path.exists(path) or os.path.getmtime(path) < age:
            how(path)
    return folder


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    make(sys.argv[1])
