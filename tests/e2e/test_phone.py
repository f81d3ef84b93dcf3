# SPDX-License-Identifier: Apache-2.0
"""The test phone against itself: what the other tests see and hear can be believed."""
import time

import audio
import pytest
from phone import Phone


@pytest.fixture
def pair(net):
    b = Phone(net, ('127.0.0.1', 1), 'b', tone=600)
    a = Phone(net, ('127.0.0.1', b.port), 'a', tone=440)
    b.server = ('127.0.0.1', a.port)
    return a, b


@pytest.mark.parametrize('codec', [audio.PCMU, audio.PCMA])
def test_g711_gives_back_every_code(codec):
    values = audio.DECODE[codec]
    assert [values[audio.encode([v], codec)[0]] for v in values] == values


def test_goertzel_tells_tones_apart():
    mixed = [a + b for a, b in zip(audio.sine(440), audio.sine(600))]
    assert audio.share(audio.sine(440), 440) > 0.99
    assert audio.share(audio.sine(440), 600) < 0.01
    assert 0.45 < audio.share(mixed, 440) < 0.55
    assert audio.share([0] * 8000, 440) == 0.0


def test_a_call_carries_tones_and_digits(pair):
    a, b = pair
    call = a.call('b')
    ring = b.wait_call()
    call.wait('ringing')
    ring.answer()
    call.wait('up')
    call.rtp.wait_tone(600)
    ring.rtp.wait_tone(440)
    assert ring.rtp.share(600) < 0.01
    call.rtp.send_digits('12#*')
    call.rtp.wait_digits_sent()
    time.sleep(0.1)
    assert ring.rtp.digits == '12#*'
    assert call.bye() == 200
    ring.wait('ended')


def test_hold_stops_the_other_sides_audio(pair):
    a, b = pair
    call = a.call('b')
    b.wait_call().answer()
    call.wait('up').rtp.wait_tone(600)
    assert call.hold() == 200
    time.sleep(0.1)
    assert len(call.rtp.listen(0.3)) == 0
    assert call.resume() == 200
    call.rtp.wait_tone(600)


def test_cancel_ends_the_ringing(pair):
    a, b = pair
    call = a.call('b')
    ring = b.wait_call()
    call.wait('ringing')
    call.cancel()
    call.wait('ended')
    ring.wait('ended')
    assert (call.status, ring.status) == (487, 487)
