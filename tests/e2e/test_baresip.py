# SPDX-License-Identifier: Apache-2.0
"""A softphone that users have: baresip registers with digest and takes a queue call; both directions are recorded by it
and by the caller, and judged by their tones."""
import os
import time

import audio
import pytest
from baresip import Baresip
from center import TONES


@pytest.fixture
def softphone(center):
    made = []

    def make(id, hz, **options):
        phone = Baresip(os.path.join(center.folder, 'baresip%d' % len(made)), center.server, str(id), 'secret%s' % id, hz,
                        **options)
        made.append(phone)
        return phone

    yield make
    for phone in made:
        phone.stop()


def test_a_softphone_takes_a_queue_call(center, softphone):
    phone = softphone(1001, 600)
    center.until_agent(1001, 'ready', 'idle', 15)
    assert any(r['agent'] == '1001' and 'baresip' in r['user_agent'].lower() for r in center.show('registrations'))
    call = center.caller('111', tone=440).call('3000').wait('up')
    call.rtp.wait_tone(TONES['main-menu'], timeout=6)
    call.rtp.send_digits('1')
    center.until_agent(1001, 'ready', 'talking', 15)
    call.rtp.wait_tone(600)
    mark = call.rtp.now()
    time.sleep(3.0)
    assert call.rtp.share(600, mark) > 0.9  # the caller hears the agent,
    assert call.rtp.share(440, mark) < 0.02  # not himself
    call.bye()
    center.until_agent(1001, 'ready', 'idle')
    phone.stop()
    (_, sent), (rate, heard) = phone.recordings()
    middle = heard[len(heard) // 3:]
    assert len(middle) > rate
    assert audio.share(middle, 440, rate) > 0.9  # the agent hears the caller,
    assert audio.share(middle, 600, rate) < 0.02  # not itself,
    assert audio.share(middle, TONES['music'], rate) < 0.02  # and not the queue's music
    assert audio.share(sent[len(sent) // 3:], 600, rate) > 0.9
    center.until_stored()
    handle, = center.sql('SELECT agent, queue, ended_by FROM callfloor.handle')
    assert (handle['agent'], handle['queue'], handle['ended_by']) == ('1001', 'sales', 'caller')


def test_a_softphone_with_the_wrong_password_stays_outside(center, softphone):
    phone = softphone(4711, 600)
    end = time.monotonic() + 10
    while time.monotonic() < end and '401' not in phone.log() and '403' not in phone.log():
        time.sleep(0.1)
    assert not center.show('registrations')


def test_two_queues_two_softphones(center, softphone):
    """Digit 2 leads to another queue than digit 1, and nobody hears the other call."""
    sales, support = softphone(1001, 600), softphone(1002, 700)
    center.until_agent(1001, 'ready', 'idle', 15)
    center.until_agent(1002, 'ready', 'idle', 15)
    calls = []
    for digit, tone in (('1', 440), ('2', 520)):
        call = center.caller(digit * 3, tone=tone).call('3000').wait('up')
        call.rtp.wait_tone(TONES['main-menu'], timeout=6)
        call.rtp.send_digits(digit)
        calls.append(call)
    calls[0].rtp.wait_tone(600, timeout=10)
    calls[1].rtp.wait_tone(700, timeout=10)
    time.sleep(2.0)
    for call in calls:
        call.bye()
    center.until_no_calls()
    for phone, mine, others in ((sales, 440, (520, 600, 700)), (support, 520, (440, 600, 700))):
        phone.stop()
        _, (rate, heard) = phone.recordings()
        tail = heard[len(heard) // 3:]
        assert audio.share(tail, mine, rate) > 0.9
        for hz in others:
            assert audio.share(tail, hz, rate) < 0.02
