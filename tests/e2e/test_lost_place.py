# SPDX-License-Identifier: Apache-2.0
"""Who was lost while waiting and calls again soon enough has the old place in line."""
import time

from center import TRUNK, agent, idle_phone, queue, seconds
from daemon import free_port
from sipp import Sipp


def test_a_caller_who_hung_up_finds_the_place_again(make_center):
    c = make_center(queues=[queue('sales', resume_ms=60000), queue('support', resume_ms=60000)],
                    agents=[agent(1001, 'sales', 'support')])
    phone = idle_phone(c)
    c.daemon.command('agent pause 1001 lunch')
    c.enqueue('101')
    second = c.enqueue('102')
    c.enqueue('103')
    second.bye()
    c.until(lambda: c.position('103') == 2, what='103 having moved up')
    c.enqueue('104')
    c.enqueue('105', '3002')
    other = c.enqueue('102', '3002')
    assert c.position('102') == 2  # the place was in the other queue, and stays there
    other.bye()
    c.until(lambda: not c.call_row('102'), what='the end of that call')
    again = c.enqueue('102')
    assert [c.position(n) for n in ('101', '102', '103', '104')] == [1, 2, 3, 4]
    again.bye()  # and once more
    c.until(lambda: c.position('103') == 2, what='103 having moved up')
    c.enqueue('102')
    assert [c.position(n) for n in ('101', '102', '103', '104')] == [1, 2, 3, 4]
    c.daemon.command('agent unpause 1001')
    order = []
    for n in range(1, 6):
        ring = phone.wait_call(n).answer()
        order.append(ring.caller)
        c.until_agent(1001, 'ready', 'talking')
        ring.bye()
    assert order == ['101', '102', '103', '104', '105']
    c.until_stored()
    visits = c.sql("SELECT v.* FROM callfloor.visit v JOIN callfloor.contact c ON c.id = v.contact_id "
                   "WHERE c.caller = '102' AND v.queue = 'sales' ORDER BY v.id")
    assert [v['result'] for v in visits] == ['abandoned', 'abandoned', 'answered']
    assert max(abs(seconds(visits[0]['enter_at'], v['since_at'])) for v in visits) < 0.01
    assert visits[2]['since_at'] < visits[1]['enter_at'] < visits[2]['enter_at']
    assert visits[2]['position_in'] == 2


def test_a_lost_place_is_kept_for_resume_ms_and_for_this_number(make_center):
    c = make_center(queues=[queue('sales', resume_ms=700), queue('support')], agents=[agent(1001, 'sales')])
    idle_phone(c)
    c.daemon.command('agent pause 1001 lunch')
    first = c.enqueue('101')
    c.enqueue('102')
    first.bye()
    c.until(lambda: c.position('102') == 1, what='102 having moved up')
    c.enqueue('105')  # somebody else
    assert c.position('105') == 2
    time.sleep(0.8)
    c.enqueue('101')
    assert [c.position(n) for n in ('102', '105', '101')] == [1, 2, 3]


def test_withheld_numbers_have_no_place_to_find(make_center):
    c = make_center(queues=[queue('sales', resume_ms=60000), queue('support')], agents=[agent(1001, 'sales')])
    idle_phone(c)
    c.daemon.command('agent pause 1001 lunch')
    first = c.enqueue('anonymous')
    c.enqueue('102')
    first.bye()
    c.until(lambda: c.position('102') == 1, what='102 having moved up')
    c.enqueue('anonymous')
    assert c.position('anonymous') == 2


def sipp_caller(c, caller, called):
    """One call by sipp, which stays until it is killed; the number it calls from is CALLER1."""
    return Sipp(c.folder, 'caller%d' % time.monotonic_ns(), 'caller',
                ['127.0.0.1:%d' % c.port, '-s', called, '-i', TRUNK, '-mi', TRUNK, '-p', free_port(TRUNK), '-m', 1],
                {'CALLER': caller, 'NAME': '', 'RAW': '', 'PATIENCE': 600000})


def test_a_caller_whose_phone_died_finds_the_place_again(make_center):
    """The second in line is killed without a BYE. The session timer finds that out: it refreshes after 45 s, gets no answer,
    and the session ends after 60 s. From then on the place is kept, and the caller who calls again is served before the one
    who came after the first call."""
    c = make_center(queues=[queue('sales', resume_ms=60000), queue('support')], agents=[agent(1001, 'sales')],
                    sip={'session_expires_s': 90})
    phone = idle_phone(c)
    c.daemon.command('agent pause 1001 lunch')
    c.enqueue('101')
    made = [sipp_caller(c, '20', '3001')]
    try:
        c.until(lambda: c.position('201') == 2, 20, 'the second in line')
        made[0].process.kill()
        c.enqueue('301')
        c.until(lambda: not c.call_row('201'), 120, 'the end of the dead call')
        assert c.position('301') == 2
        made.append(sipp_caller(c, '20', '3001'))
        c.until(lambda: c.position('201') == 2, 20, 'the old place')
        assert [c.position(n) for n in ('101', '201', '301')] == [1, 2, 3]
        c.daemon.command('agent unpause 1001')
        for n, caller in enumerate(('101', '201', '301'), 1):
            ring = phone.wait_call(n)
            assert ring.caller == caller
            ring.answer()
            c.until_agent(1001, 'ready', 'talking')
            ring.bye()
        c.until_no_calls()
    finally:
        for sipp in made:
            sipp.stop()
    visits = [v for v in c.visits() if v[0] == '201']
    assert [v[2] for v in visits] == ['failed', 'answered']
    contacts = [x for x in c.records('contact') if x['caller'] == '201']
    assert [(x['result'], x['ended_by']) for x in contacts] == [('failed', 'system'), ('handled', 'agent')]
