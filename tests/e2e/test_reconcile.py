# SPDX-License-Identifier: Apache-2.0
"""Peers that vanish: whoever sends nothing and does not answer does not keep an agent in a call, nor a place in a queue.
And nothing of all that is a discrepancy: the reconciler finds nothing to repair."""
import time

import pytest
from center import agent, idle_phone, queue

TIMEOUT_MS, ANSWER_S, PASS_S = 1500, 8, 5


@pytest.fixture
def center(make_center):
    c = make_center(rtp={'timeout_ms': TIMEOUT_MS}, queues=[queue('sales', wrapup_ms=60000), queue('support')],
                    agents=[agent(1001, 'sales'), agent(1002, 'support')])
    yield c
    assert repairs(c) == (0, {})


def repairs(c):
    state, kinds = c.daemon.json('show repairs')['reconciler'], c.daemon.json('show repairs')['repairs']
    state = state[0] if isinstance(state, list) else state
    return state['repairs_total'], {k['what']: k['repairs'] for k in kinds if k['repairs']}


def dead(c):
    state = c.daemon.json('show repairs')['reconciler']
    return (state[0] if isinstance(state, list) else state)['dead_total']


def talk(c):
    phone = idle_phone(c, answer_after=0.0)
    call = c.caller('100', tone=440).call('3001').wait('up')
    return phone, call, phone.wait_call().wait('up')


def vanish(call):
    """As when a battery is empty: nothing more is sent, nothing is answered."""
    call.rtp.send_nothing()
    call.phone.deaf = True
    return time.monotonic()


def forget(call):
    """The phone has hung up, its BYE was lost: it knows of no call any more."""
    call.rtp.send_nothing()
    with call.phone.net.lock:
        call.phone.calls.remove(call)
    return time.monotonic()


def ended_by_system(c, since, limit):
    c.until_agent(1001, 'ready', 'wrapup', limit)
    took = time.monotonic() - since
    c.until_no_calls()
    c.until_stored()
    contact, = c.sql('SELECT * FROM callfloor.contact')
    handle, = c.sql('SELECT * FROM callfloor.handle')
    assert (contact['result'], contact['ended_by'], handle['ended_by']) == ('handled', 'system', 'system')
    assert handle['end_at'] is not None and handle['wrap_end_at'] is None
    assert dead(c) == 1
    return took


def test_a_caller_who_vanishes_in_the_talk(center):
    phone, call, ring = talk(center)
    took = ended_by_system(center, vanish(call), TIMEOUT_MS / 1000 + ANSWER_S + 3)
    assert took > TIMEOUT_MS / 1000 + ANSWER_S - 1  # not before the question had its time
    ring.wait('ended')  # the agent's phone is told
    assert ring.ended_by == 'them'


def test_an_agent_who_vanishes_in_the_talk(center):
    phone, call, ring = talk(center)
    ended_by_system(center, vanish(ring), TIMEOUT_MS / 1000 + ANSWER_S + 3)
    call.wait('ended')
    assert call.ended_by == 'them'


def test_a_lost_bye(center):
    """The other side says at once that it knows of no call."""
    phone, call, ring = talk(center)
    took = ended_by_system(center, forget(call), TIMEOUT_MS / 1000 + 3)
    assert took > TIMEOUT_MS / 1000 - 0.5
    ring.wait('ended')


def test_a_lost_bye_on_hold(center):
    """Silence is agreed on; only the question tells, and it is asked twice."""
    phone, call, ring = talk(center)
    call.hold()
    ended_by_system(center, forget(call), TIMEOUT_MS / 1000 + 2 * PASS_S + 4)
    ring.wait('ended')


def test_a_mute_caller_stays(center):
    phone, call, ring = talk(center)
    call.rtp.send_nothing()
    ring.rtp.send_nothing()
    center.daemon.wait_log('event=no_audio')
    time.sleep(TIMEOUT_MS / 1000 + 2 * PASS_S)
    assert center.agent_state() == ('ready', 'talking') and dead(center) == 0
    call.rtp.send_tone(440)
    ring.rtp.wait_tone(440)
    call.bye()
    center.until_no_calls()


def test_a_waiting_caller_who_vanishes(center):
    """Nobody is offered a call that is not there. The place may be had again, as after any failure."""
    call = center.caller('100', tone=440).call('3001').wait('up')
    center.until(lambda: center.queue_row('sales')['waiting'] == 1, what='a waiting call')
    vanish(call)
    center.until(lambda: center.queue_row('sales')['waiting'] == 0, TIMEOUT_MS / 1000 + ANSWER_S + 3, 'an empty queue')
    center.until_stored()
    visit, = center.sql('SELECT * FROM callfloor.visit')
    contact, = center.sql('SELECT * FROM callfloor.contact')
    assert (visit['result'], contact['result'], contact['ended_by']) == ('failed', 'failed', 'system')
    assert contact['sip_status'] == 408 and dead(center) == 1


def test_nothing_is_repaired_in_ordinary_life(center):
    """Talk, hold, queue, menu and a direct call for some passes of the reconciler."""
    phone, call, ring = talk(center)
    other = center.agent(1002)
    center.caller('101', tone=0).call('3001').wait('up')
    center.caller('102', tone=0).call('3000').wait('up')
    center.caller('103', tone=0).call('3009').wait('up')
    other.call('3001').wait('up')
    ring.hold()
    time.sleep(2.5 * PASS_S)
    ring.resume()
    time.sleep(1.5 * PASS_S)
    state = center.daemon.json('show repairs')['reconciler']
    assert (state[0] if isinstance(state, list) else state)['passes'] >= 3
    assert repairs(center) == (0, {})
