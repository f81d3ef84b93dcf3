# SPDX-License-Identifier: Apache-2.0
"""What agents do and what happens to them: login, pause, star codes, missed, busy, gone, hold, wrap-up."""
import time

from center import TONES, agent, queue


def offers(c):
    c.until_stored()
    return [(o['agent'], o['result']) for o in c.sql('SELECT * FROM callfloor.offer ORDER BY id')]


def test_login_pause_logout_by_console(make_center):
    c = make_center(agents=[agent(1001, 'sales', auto_login=False)])
    c.agent(1001)
    c.until_agent(1001, 'logged_out', 'idle')
    c.daemon.command('agent login 1001 paused')
    c.until_agent(1001, 'not_ready', 'idle')
    c.daemon.command('agent unpause 1001')
    c.until_agent(1001, 'ready', 'idle')
    c.daemon.command('agent logout 1001')
    c.until_agent(1001, 'logged_out', 'idle')
    c.daemon.command('agent login 1001')
    c.until_agent(1001, 'ready', 'idle')
    c.daemon.command('agent pause 1001 lunch')
    assert (c.agent_row(1001)['presence'], c.agent_row(1001)['reason']) == ('not_ready', 'lunch')
    call = c.caller(tone=0).call('3001').wait('up')
    time.sleep(0.5)
    assert c.agent_state(1001) == ('not_ready', 'idle')
    c.daemon.command('agent unpause 1001')
    c.until_agent(1001, 'ready', 'talking')
    call.bye()
    c.daemon.command('agent logout 1001')
    c.until_agent(1001, 'logged_out', 'idle')
    assert c.daemon.command('agent pause 1001 nonsense', check=False).returncode != 0
    assert c.daemon.command('agent login 4711', check=False).returncode != 0


def test_star_codes(make_center):
    c = make_center(agents=[agent(1001, 'sales', auto_login=False)])
    phone = c.agent(1001)

    def dial(code):
        call = phone.call(code)
        c.net.wait(lambda: call.final, 10, 'answer to ' + code)
        if call.state == 'up':
            call.bye()
        return call.status

    dial('*12')  # login, not ready yet
    c.until_agent(1001, 'not_ready', 'idle')
    dial('*30')  # ready
    c.until_agent(1001, 'ready', 'idle')
    dial('*22')  # pause with the second reason
    c.until(lambda: (c.agent_row(1001)['presence'], c.agent_row(1001)['reason']) == ('not_ready', 'lunch'), what='pause')
    dial('*29')  # there is no ninth reason: the call tells so by a prompt
    assert dial('*99') == 404  # and no such code
    assert c.agent_row(1001)['reason'] == 'lunch'
    dial('*10')  # logout
    c.until_agent(1001, 'logged_out', 'idle')
    dial('*11')  # login, ready
    c.until_agent(1001, 'ready', 'idle')
    c.until_no_calls()


def test_star_code_ends_the_wrap_up(make_center):
    c = make_center(queues=[queue('sales', wrapup_ms=60000), queue('support')])
    phone = c.agent(1001)
    call = c.caller(tone=0).call('3001').wait('up')
    phone.wait_call().wait('up')
    call.bye()
    c.until_agent(1001, 'ready', 'wrapup')
    code = phone.call('*31')
    c.net.wait(lambda: code.final, 10, 'answer')
    c.until_agent(1001, 'ready', 'idle')


def test_ring_timeout_goes_to_the_next_agent(make_center):
    c = make_center(queues=[queue('sales', ring_ms=1500), queue('support')], agents=[agent(1001, 'sales'), agent(1002, 'sales')])
    first = c.agent(1001, answer_after=None)
    c.until_agent(1001, 'ready', 'idle')
    time.sleep(0.1)
    second = c.agent(1002, answer_after=0.0, tone=600)
    c.until_agent(1002, 'ready', 'idle')
    call = c.caller(tone=440).call('3001').wait('up')
    ring = first.wait_call()
    at = time.monotonic()
    second.wait_call().wait('up')
    assert 1.0 < time.monotonic() - at < 2.5
    ring.wait('ended')
    assert ring.status == 487
    call.rtp.wait_tone(600)
    call.bye()
    assert offers(c) == [('1001', 'no_answer'), ('1002', 'answered')]


def test_missed_calls_pause_the_agent(make_center):
    c = make_center(queues=[queue('sales', ring_ms=1000, missed_limit=2, no_answer_delay_ms=100), queue('support')],
                    agents=[agent(1001, 'sales')])
    c.agent(1001, answer_after=None)
    call = c.caller(tone=0).call('3001').wait('up')
    c.until(lambda: c.agent_row(1001)['presence'] == 'not_ready', what='the pause')
    assert c.agent_row(1001)['reason'] == 'missed'
    assert offers(c) == [('1001', 'no_answer')] * 2
    assert call.state == 'up' and c.queue_row('sales')['waiting'] == 1  # the caller keeps the place


def test_caller_hang_up_cancels_the_ringing_phone(make_center):
    c = make_center(queues=[queue('sales', ring_ms=20000), queue('support')])
    phone = c.agent(1001, answer_after=None)
    call = c.caller(tone=0).call('3001').wait('up')
    ring = phone.wait_call()
    c.until_agent(1001, 'ready', 'ringing')
    time.sleep(0.3)
    call.bye()
    ring.wait('ended', 2)
    assert ring.status == 487
    c.until_agent(1001, 'ready', 'idle')
    assert offers(c) == [('1001', 'caller_gone')]
    assert [v['result'] for v in c.sql('SELECT * FROM callfloor.visit')] == ['abandoned']
    assert [x['result'] for x in c.sql('SELECT * FROM callfloor.contact')] == ['abandoned']
    assert c.agent_row(1001)['missed'] == 0


def test_answer_and_hang_up_at_the_same_moment(make_center):
    """The agent's 200 and the caller's BYE cross, many times, a little shifted each time: no call hangs, no agent is
    stuck, and each has exactly one result."""
    c = make_center()
    phone = c.agent(1001, answer_after=None)
    for n in range(20):
        caller = c.caller(100 + n, tone=0)
        call = caller.call('3001').wait('up')
        ring = phone.wait_call(n + 1)
        time.sleep(0.05)
        with c.net.lock:  # both leave in the same breath
            if n % 2:
                ring.answer()
                call.bye(wait=False)
            else:
                call.bye(wait=False)
                ring.answer()
        ring.wait('ended', 5)
        c.until_agent(1001, 'ready', 'idle')
        caller.close()
    c.until_no_calls()
    c.until_stored()
    results = [x['result'] for x in c.sql('SELECT * FROM callfloor.contact')]
    assert len(results) == 20 and set(results) <= {'handled', 'abandoned'}


def test_busy_reject_and_failing_phones(make_center):
    c = make_center(queues=[queue('sales', busy_delay_ms=60000, reject_delay_ms=60000), queue('support')],
                    agents=[agent(1001, 'sales'), agent(1002, 'sales'), agent(1003, 'sales'), agent(1004, 'sales')])
    for id, status in ((1001, 486), (1002, 603), (1003, 480)):
        c.agent(id, refuse=status)
        c.until_agent(id, 'ready', 'idle')
        time.sleep(0.05)
    c.agent(1004)
    c.until_agent(1004, 'ready', 'idle')
    call = c.caller(tone=0).call('3001').wait('up')
    c.until_agent(1004, 'ready', 'talking')
    assert offers(c) == [('1001', 'busy'), ('1002', 'rejected'), ('1003', 'unreachable'), ('1004', 'answered')]
    call.bye()


def test_no_phone_is_unreachable_not_missed(make_center):
    c = make_center()
    c.until_agent(1001, 'ready', 'unreachable')
    call = c.caller(tone=0).call('3001').wait('up')
    time.sleep(0.5)
    assert offers(c) == []  # nobody is rung
    phone = c.agent(1001)  # the phone comes: the call goes there at once
    at = time.monotonic()
    phone.wait_call().wait('up')
    assert time.monotonic() - at < 1.0
    call.bye()
    c.until_agent(1001, 'ready', 'idle')
    phone.unregister()
    c.until_agent(1001, 'ready', 'unreachable')


def test_a_silent_phone_is_unreachable_not_missed(make_center):
    """Registered, but nothing answers: unplugged. OPTIONS find that out; an offer in between does not count."""
    c = make_center(sip={'agent_probe_ms': 1000}, queues=[queue('sales', ring_ms=20000), queue('support')],
                    agents=[agent(1001, 'sales'), agent(1002, 'sales')])
    dead = c.agent(1001)
    c.until_agent(1001, 'ready', 'idle')
    live = c.agent(1002, answer_after=None)
    c.until_agent(1002, 'ready', 'idle')
    c.until(lambda: dead.options_seen > 0, 5, 'a probe')
    dead.deaf = True
    call = c.caller(tone=0).call('3001').wait('up')
    live.wait_call(timeout=15).answer()
    c.until_agent(1001, 'ready', 'unreachable', 40)
    assert ('1001', 'no_answer') not in offers(c)
    dead.deaf = False
    dead.register()
    c.until_agent(1001, 'ready', 'idle', 10)
    call.bye()


def test_registration_expires(make_center):
    c = make_center()
    phone = c.agent(1001, register=False)
    phone.register(expires=2)
    c.until_agent(1001, 'ready', 'idle')
    c.until_agent(1001, 'ready', 'unreachable', 10)


def test_several_phones_of_one_agent_ring_together(make_center):
    c = make_center()
    desk, mobile = c.agent(1001, answer_after=None), c.agent(1001, answer_after=None)
    assert len([r for r in c.show('registrations') if r['agent'] == '1001']) == 2
    call = c.caller(tone=440).call('3001').wait('up')
    one, two = desk.wait_call(), mobile.wait_call()
    two.answer(tone=600)
    one.wait('ended', 3)
    assert 'cause=200' in one.cancel_reason.replace(' ', '')
    call.rtp.wait_tone(600)
    call.bye()
    assert offers(c) == [('1001', 'answered')]


def test_hold_and_resume(center):
    c = center
    phone = c.agent(1001, tone=600)
    call = c.caller(tone=440).call('3001').wait('up')
    ring = phone.wait_call().wait('up')
    call.rtp.wait_tone(600)
    assert ring.hold() == 200
    c.until_agent(1001, 'ready', 'hold')
    call.rtp.wait_tone(TONES['music'])  # the caller hears the queue's music
    time.sleep(1.0)
    mark = ring.rtp.now()
    time.sleep(0.3)
    assert ring.rtp.share(440, mark) == 0.0  # the agent does not hear the caller
    assert ring.resume() == 200
    c.until_agent(1001, 'ready', 'talking')
    time.sleep(0.5)
    marks = call.rtp.now(), ring.rtp.now()
    time.sleep(0.5)
    assert call.rtp.share(600, marks[0]) > 0.5  # what comes now, not what came before the hold
    assert ring.rtp.share(440, marks[1]) > 0.5
    call.bye()
    c.until_stored()
    handle = c.sql('SELECT * FROM callfloor.handle')[0]
    assert handle['hold_count'] == 1
    assert 1000 <= handle['hold_ms'] <= 4000
    assert handle['talk_ms'] > 300


def test_hold_the_old_way(center):
    """c=0.0.0.0 is hold, as RFC 2543 phones say it."""
    phone = center.agent(1001, tone=600)
    call = center.caller(tone=440).call('3001').wait('up')
    ring = phone.wait_call().wait('up')
    call.rtp.wait_tone(600)
    sdp = ring.sdp().replace('c=IN IP4 127.0.0.1', 'c=IN IP4 0.0.0.0')
    request = ring.send('INVITE', sdp, 'application/sdp')
    with center.net.lock:
        ring._ack(request.message, request.final)
    assert request.final.status == 200
    center.until_agent(1001, 'ready', 'hold')
    assert ring.resume() == 200
    center.until_agent(1001, 'ready', 'talking')
    call.rtp.wait_tone(600)


def test_wrap_up_holds_the_agent(make_center):
    c = make_center(queues=[queue('sales', wrapup_ms=2000), queue('support')], agents=[agent(1001, 'sales')])
    phone = c.agent(1001)
    first = c.caller('111', tone=0).call('3001').wait('up')
    phone.wait_call().wait('up')
    second = c.caller('222', tone=0).call('3001').wait('up')
    first.bye()
    at = time.monotonic()
    c.until_agent(1001, 'ready', 'wrapup')
    phone.wait_call(2)
    assert 1.7 < time.monotonic() - at < 3.0
    second.bye()
    c.until_agent(1001, 'ready', 'wrapup')
    c.until_agent(1001, 'ready', 'idle')
    c.until_stored()
    wraps = [h['wrap_ms'] for h in c.sql('SELECT * FROM callfloor.handle ORDER BY id')]
    assert all(1900 <= w <= 2300 for w in wraps), wraps


def test_pause_and_logout_wait_for_the_end_of_the_call(make_center):
    c = make_center(queues=[queue('sales', wrapup_ms=500), queue('support')])
    phone = c.agent(1001)
    call = c.caller(tone=0).call('3001').wait('up')
    phone.wait_call().wait('up')
    c.until_agent(1001, 'ready', 'talking')
    c.daemon.command('agent pause 1001 break')
    assert c.agent_state(1001)[1] == 'talking'
    call.bye()
    c.until_agent(1001, 'not_ready', 'idle')
    assert c.agent_row(1001)['reason'] == 'break'


def test_two_queues_one_offer(make_center):
    """An agent of two queues is never rung twice at once."""
    c = make_center(agents=[agent(1001, 'sales', 'support')])
    phone = c.agent(1001, answer_after=None)
    c.caller('111', tone=0).call('3001').wait('up')
    c.caller('222', tone=0).call('3002').wait('up')
    phone.wait_call()
    time.sleep(0.7)
    assert len(phone.incoming) == 1


def test_skills_choose_the_agent(make_center):
    c = make_center(skills=['english'], queues=[queue('sales', skills=['english:5'], strategy='skill_then_idle'), queue('support')],
                    agents=[agent(1001, 'sales'), agent(1002, 'sales', skills=['english:5']),
                            agent(1003, 'sales', skills=['english:9']), agent(1004, 'sales', skills=['english:4'])])
    phones = [c.agent(id) for id in (1001, 1002, 1003, 1004)]
    for id in (1001, 1002, 1003, 1004):
        c.until_agent(id, 'ready', 'idle')
    calls = []
    for n in range(3):
        calls.append(c.caller(100 + n, tone=0).call('3001').wait('up'))
        time.sleep(0.3)
    assert [len(p.incoming) for p in phones] == [0, 1, 1, 0]  # the best first, then the next; the unable never
    assert phones[2].incoming[0].caller == '100'
    assert c.queue_row('sales')['waiting'] == 1


def test_presence_survives_a_restart(make_center):
    c = make_center()
    phone = c.agent(1001)
    c.daemon.command('agent pause 1001 lunch')
    c.daemon.stop()
    c.daemon.start()
    phone.register()
    c.until(lambda: c.agent_row(1001)['presence'] == 'not_ready' and c.agent_row(1001)['reason'] == 'lunch',
            what='the pause of before the restart')
