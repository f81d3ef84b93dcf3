# SPDX-License-Identifier: Apache-2.0
"""Who gets a call, on real phones: ringing several at once, relaxation of skills, reserve agents, order of service,
preferred agents. Rules of queues and of agents' time are in test_queue_rules.py."""
import os
import random
import time

import pytest
from baresip import Baresip
from center import agent, idle_phone, queue, seconds

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


def team(*ids, queues=('sales',), **other):
    return [agent(id, *queues, **other) for id in ids]


def phones_of(c, *ids):
    return [idle_phone(c, id) for id in ids]


def lost_elsewhere(ring):
    """This phone stopped ringing because another was faster, and was told so."""
    ring.wait('ended', 5)
    assert (ring.status, ring.ended_by) == (487, 'them')
    assert ring.cancel_reason == ELSEWHERE


# ---- several phones at once

def test_ring_all_one_answers_and_the_others_are_told(make_center):
    c = make_center(queues=[queue('sales', strategy='ring_all', ring_ms=30000, missed_limit=1), queue('support')],
                    agents=team(1001, 1002, 1003))
    phones = phones_of(c, 1001, 1002, 1003)
    call = c.caller('111', tone=440).call('3001').wait('up')
    rings = [p.wait_call() for p in phones]
    for id in (1001, 1002, 1003):
        c.until_agent(id, 'ready', 'ringing')
    row = c.queue_row('sales')
    assert (row['waiting'], row['ringing']) == (1, 1)  # one caller, for whom phones ring
    rings[1].answer(tone=600)
    lost_elsewhere(rings[0])
    lost_elsewhere(rings[2])
    call.rtp.wait_tone(600)
    rings[1].rtp.wait_tone(440)
    c.until_agent(1002, 'ready', 'talking')
    for id in (1001, 1003):
        assert c.agent_state(id) == ('ready', 'idle')
        assert c.agent_row(id)['missed'] == 0
    # who lost the race gets the next call, at once
    second = c.caller('222', tone=520).call('3001').wait('up')
    again = [phones[0].wait_call(2), phones[2].wait_call(2)]
    again[0].answer(tone=680)
    lost_elsewhere(again[1])
    second.rtp.wait_tone(680)
    assert len(phones[1].incoming) == 1
    call.bye()
    second.bye()
    for ring in (rings[1], again[0]):
        ring.wait('ended')
        assert not ring.bye_reason
    c.until_no_calls()
    offers = c.offers()
    assert sorted(offers[:3]) == [('1001', 'lost_race'), ('1002', 'answered'), ('1003', 'lost_race')]
    assert sorted(offers[3:]) == [('1001', 'answered'), ('1003', 'lost_race')]
    assert [(h['agent'], h['queue']) for h in c.records('handle')] == [('1002', 'sales'), ('1001', 'sales')]
    assert c.visits() == [('111', 'sales', 'answered', 0), ('222', 'sales', 'answered', 0)]
    assert all(o['ring_at'] for o in c.records('offer'))
    assert [a['missed'] for a in c.show('agents')] == [0, 0, 0]


def test_two_answers_at_the_same_moment(make_center):
    """Both phones send 200 before they hear of each other: one talks, the other gets ACK and BYE. Many times, with the
    one and the other first."""
    c = make_center(queues=[queue('sales', strategy='ring_all', missed_limit=1), queue('support')],
                    agents=team(1001, 1002, 1003))
    phones = phones_of(c, 1001, 1002, 1003)
    winners = []
    for n in range(1, 11):
        caller = c.caller(100 + n, tone=0)
        call = caller.call('3001').wait('up')
        rings = [p.wait_call(n) for p in phones]
        with c.net.lock:
            for ring in (rings[:2] if n % 2 else rings[1::-1]):
                ring.answer()
        c.net.wait(lambda: sum(r.state == 'ended' for r in rings) == 2, 5, 'two of three ended')
        lost_elsewhere(rings[2])
        winner, loser = (0, 1) if rings[0].state == 'up' else (1, 0)
        winners.append(winner)
        assert (rings[winner].state, rings[loser].ended_by, rings[loser].acked) == ('up', 'them', True)
        c.until_agent(1001 + winner, 'ready', 'talking')
        c.until_agent(1001 + loser, 'ready', 'idle')
        assert call.state == 'up'
        call.bye()
        rings[winner].wait('ended')
        for id in (1001, 1002, 1003):
            c.until_agent(id, 'ready', 'idle')
        caller.close()
    assert set(winners) == {0, 1}
    c.until_no_calls()
    offers = c.records('offer')
    for visit in {o['visit_id'] for o in offers}:
        assert sorted(o['result'] for o in offers if o['visit_id'] == visit) == ['answered', 'lost_race', 'lost_race']
    assert len(offers) == 30
    assert len(c.records('handle')) == 10
    assert [a['missed'] for a in c.show('agents')] == [0, 0, 0]


def test_the_caller_leaves_while_all_ring(make_center):
    """Nobody answered elsewhere, so nobody is told so; nobody has missed anything."""
    c = make_center(queues=[queue('sales', strategy='ring_all', missed_limit=1), queue('support')],
                    agents=team(1001, 1002))
    phones = phones_of(c, 1001, 1002)
    for n in (1, 2, 3):
        caller = c.caller(100 + n, tone=0)
        call = caller.call('3001').wait('up')
        rings = [p.wait_call(n) for p in phones]
        call.bye()
        for ring in rings:
            ring.wait('ended')
            assert (ring.status, ring.cancel_reason) == (487, '')
        for id in (1001, 1002):
            c.until_agent(id, 'ready', 'idle')
        caller.close()
    assert c.offers() == [('1001', 'caller_gone'), ('1002', 'caller_gone')] * 3
    assert [v[2] for v in c.visits()] == ['abandoned'] * 3
    assert not c.records('handle')
    assert [a['missed'] for a in c.show('agents')] == [0, 0]


def test_the_caller_leaves_as_one_of_them_answers(make_center):
    """BYE and 200 cross: either there was a talk and the other phone lost it, or there was none. Nothing in between."""
    c = make_center(queues=[queue('sales', strategy='ring_all', missed_limit=1), queue('support')],
                    agents=team(1001, 1002))
    phones = phones_of(c, 1001, 1002)
    for n in range(1, 11):
        caller = c.caller(100 + n, tone=0)
        call = caller.call('3001').wait('up')
        rings = [p.wait_call(n) for p in phones]
        with c.net.lock:
            for act in ((rings[0].answer, lambda: call.bye(wait=False)) if n % 2 else
                        (lambda: call.bye(wait=False), rings[0].answer)):
                act()
        for ring in rings:
            ring.wait('ended')
        for id in (1001, 1002):
            c.until_agent(id, 'ready', 'idle')
        caller.close()
        told = rings[1].cancel_reason == ELSEWHERE
        assert sorted(c.offers()[-2:]) == ([('1001', 'answered'), ('1002', 'lost_race')] if told else
                                           [('1001', 'caller_gone'), ('1002', 'caller_gone')])
        assert c.visits()[-1][2] == ('answered' if told else 'abandoned')
    assert len(c.records('handle')) == len(c.offers(result='answered'))
    assert [a['missed'] for a in c.show('agents')] == [0, 0]


def test_ring_all_stays_full_until_somebody_answers(make_center):
    """ring_max phones ring; who refuses is replaced, who comes late rings too; the second caller gets what is left."""
    c = make_center(queues=[queue('sales', strategy='ring_all', ring_max=2, ring_ms=30000, reject_delay_ms=60000),
                            queue('support')], agents=team(1001, 1002, 1003, 1004))
    one, two, three = phones_of(c, 1001, 1002, 1003)
    first = c.caller('111', tone=0).call('3001').wait('up')
    rings = [one.wait_call(), two.wait_call()]
    assert not three.incoming
    rings[0].refuse(603)
    late = three.wait_call()
    assert rings[1].state == 'ringing'
    second = c.enqueue('222')  # 1001 sits out his delay: nobody is left
    four = c.agent(1004, answer_after=None)
    other = four.wait_call()
    assert (late.caller, rings[1].caller, other.caller) == ('111', '111', '222')
    late.answer()
    lost_elsewhere(rings[1])
    # the free one joins in for the second caller
    again = two.wait_call(2)
    assert again.caller == '222'
    other.answer()
    lost_elsewhere(again)
    first.bye()
    second.bye()
    c.until_no_calls()
    assert c.offers() == [('1001', 'rejected'), ('1002', 'lost_race'), ('1003', 'answered'), ('1004', 'answered'),
                          ('1002', 'lost_race')]


def test_ring_progressively_one_more_each_step(make_center):
    c = make_center(queues=[queue('sales', strategy='ring_progressively', ring_ms=30000, ring_step_ms=1200, missed_limit=1),
                            queue('support')], agents=team(1001, 1002, 1003))
    phones = phones_of(c, 1001, 1002, 1003)
    call = c.caller('111', tone=440).call('3001').wait('up')
    first = phones[0].wait_call()
    assert not phones[1].incoming
    second = phones[1].wait_call()
    assert first.state == 'ringing' and not phones[2].incoming
    third = phones[2].wait_call()
    assert first.state == second.state == 'ringing'
    third.answer(tone=600)
    lost_elsewhere(first)
    lost_elsewhere(second)
    call.rtp.wait_tone(600)
    call.bye()
    c.until_no_calls()
    assert c.offers() == [('1001', 'lost_race'), ('1002', 'lost_race'), ('1003', 'answered')]
    at = [o['reserve_at'] for o in c.records('offer')]
    assert all(1.15 <= seconds(a, b) <= 2.2 for a, b in zip(at, at[1:])), at
    assert [a['missed'] for a in c.show('agents')] == [0, 0, 0]


def test_all_phones_of_all_agents_ring(make_center):
    """1001 has two phones. When one of them takes the call, the other and those of the other agents hear of it; a phone that
    does not answer at all keeps nobody waiting; who pauses while it rings has his pause afterwards, who logs out at once."""
    c = make_center(queues=[queue('sales', strategy='ring_all', ring_ms=30000, missed_limit=1), queue('support')],
                    agents=team(1001, 1002, 1003, 1004))
    desk, mobile, other = idle_phone(c), c.agent(1001, answer_after=None), idle_phone(c, 1002)
    deaf, leaver = idle_phone(c, 1003), idle_phone(c, 1004)
    deaf.deaf = True
    call = c.caller('111', tone=440).call('3001').wait('up')
    rings = [p.wait_call() for p in (desk, mobile, other, leaver)]
    c.until_agent(1002, 'ready', 'ringing')
    c.daemon.command('agent pause 1002 lunch')
    c.daemon.command('agent logout 1004')
    rings[3].wait('ended')
    assert (rings[3].status, rings[3].cancel_reason) == (487, '')
    assert [r.state for r in rings[:3]] == ['ringing'] * 3
    rings[1].answer(tone=600)
    lost_elsewhere(rings[0])
    lost_elsewhere(rings[2])
    call.rtp.wait_tone(600)
    c.until_agent(1002, 'not_ready', 'idle')
    call.bye()
    c.until_agent(1001, 'ready', 'idle')
    assert [a['missed'] for a in c.show('agents')] == [0, 0, 0, 0]
    offers = dict(c.offers())
    assert (offers['1001'], offers['1002'], offers['1004']) == ('answered', 'lost_race', 'cancelled')
    assert offers['1003'] in ('lost_race', 'unreachable')


def test_many_races(make_center):
    """Eight phones, all of which answer within a moment of each other, some refuse, forty callers, some of whom hang up
    just then. In the end each call has had one result, and nothing is left over: no leg, no port, no agent."""
    draw = random.Random(4711)
    ids = [1001 + n for n in range(8)]
    c = make_center(queues=[queue('sales', strategy='ring_all', reject_delay_ms=1000), queue('support')], agents=team(*ids))
    phones = phones_of(c, *ids)
    for phone in phones:  # each decides anew for each call
        def decide(message, phone=phone, incoming=phone._incoming):
            phone.refuse_with = 603 if draw.random() < 0.05 else 0
            phone.answer_after = draw.choice((0.0, 0.001, 0.002, 0.005, 0.02))
            incoming(message)
        phone._incoming = decide
    calls = []
    for n in range(40):
        calls.append(c.caller(1000 + n, tone=None).call('3001'))
        if n % 4 == 0:
            c.net.after(draw.choice((0.003, 0.005, 0.01, 0.05)),
                        lambda call=calls[-1]: call.state == 'up' and call.bye(wait=False))
        time.sleep(draw.choice((0.0, 0.01, 0.05)))
        c.net.after(0.3, lambda call=calls[-1]: call.state == 'up' and call.bye(wait=False))
    c.net.wait(lambda: all(x.state == 'ended' for x in calls), 30, 'the end of all callers')
    c.until_no_calls(20)
    for id in ids:
        c.until_agent(id, 'ready', 'idle')
    c.net.wait(lambda: all(x.state == 'ended' for p in phones for x in p.calls), 10, 'the end of all rings')
    offers, visits, handles = c.records('offer'), c.records('visit'), c.records('handle')
    assert 35 <= len(visits) <= 40 and {v['result'] for v in visits} <= {'answered', 'abandoned'}  # a few never got so far
    assert len(c.records('contact')) == 40
    answered = [v['id'] for v in visits if v['result'] == 'answered']
    assert sorted(h['visit_id'] for h in handles) == answered and len(answered) >= 25
    assert {o['result'] for o in offers} >= {'answered', 'lost_race'}
    for visit in visits:  # who lost a race lost it to somebody
        results = [o['result'] for o in offers if o['visit_id'] == visit['id']]
        assert results.count('answered') == (visit['result'] == 'answered')
        assert 'lost_race' not in results or visit['result'] == 'answered'
    now = c.until(lambda: c.counters()['sip_legs'] == 0 and c.counters(), what='the end of all legs')
    assert (now['calls'], now['legs'], now['media_legs'], now['media_ports_in_use']) == (0, 0, 0, 0)


def test_a_reload_while_all_ring(make_center):
    """An agent taken out of the file stops ringing, the others go on; a queue taken out lets its caller go."""
    c = make_center(queues=[queue('sales', strategy='ring_all', ring_ms=30000), queue('support')],
                    agents=team(1001, 1002, 1003))
    phones = phones_of(c, 1001, 1002, 1003)
    call = c.caller('111', tone=0).call('3001').wait('up')
    rings = [p.wait_call() for p in phones]
    c.until_agent(1003, 'ready', 'ringing')
    c.daemon.write(dict(c.conf, agents=team(1001, 1003)))
    c.daemon.command('reload')
    rings[1].wait('ended')
    assert (rings[1].status, rings[1].cancel_reason) == (487, '')
    assert (rings[0].state, rings[2].state) == ('ringing', 'ringing')
    rings[2].answer()
    lost_elsewhere(rings[0])
    call.bye()
    c.until_agent(1003, 'ready', 'idle')
    second = c.caller('222', tone=0).call('3001').wait('up')
    rings = [p.wait_call(2) for p in (phones[0], phones[2])]
    c.until_agent(1003, 'ready', 'ringing')
    c.daemon.write(dict(c.conf, agents=team(1001, 1003, queues=('support',)), queues=[queue('support')], numbers=[], menus=[]))
    c.daemon.command('reload')
    for leg in rings + [second]:
        leg.wait('ended')
    assert [r.cancel_reason for r in rings] == ['', '']
    c.until_agent(1001, 'ready', 'idle')
    c.until_agent(1003, 'ready', 'idle')
    assert c.offers() == [('1001', 'lost_race'), ('1002', 'cancelled'), ('1003', 'answered'),
                          ('1001', 'cancelled'), ('1003', 'cancelled')]
    assert [v[2] for v in c.visits()] == ['answered', 'withdrawn']


def test_a_crash_while_all_ring_leaves_whole_records(make_center):
    c = make_center(queues=[queue('sales', strategy='ring_all'), queue('support')], agents=team(1001, 1002))
    phones = phones_of(c, 1001, 1002)
    c.caller('111', tone=0).call('3001').wait('up')
    for id, phone in zip((1001, 1002), phones):
        phone.wait_call()
        c.until_agent(id, 'ready', 'ringing')
    c.until_stored()
    c.daemon.kill()
    c.daemon.start()
    assert c.offers() == [('1001', 'cut'), ('1002', 'cut')]
    assert [v[2] for v in c.visits()] == ['cut']
    for phone in phones:
        phone.register()
    call = c.caller('222', tone=0).call('3001').wait('up')
    phones[0].wait_call(2).answer()
    lost_elsewhere(phones[1].wait_call(2))
    call.bye()
    c.until_no_calls()


def test_a_softphone_among_those_that_ring(make_center):
    """ring_all to two baresips and a phone of ours: one softphone takes the call, the other stops ringing and talks to
    nobody; then the other way round."""
    c = make_center(queues=[queue('sales', strategy='ring_all', ring_ms=30000, missed_limit=1), queue('support')],
                    agents=team(1001, 1002, 1003))
    soft = [Baresip(os.path.join(c.folder, 'soft%d' % n), c.server, str(1001 + n), 'secret%d' % (1001 + n), 600 + 80 * n,
                    auto_answer=False, trace=True) for n in (0, 1)]
    try:
        desk = c.agent(1003, answer_after=None)
        for id in (1001, 1002, 1003):
            c.until_agent(id, 'ready', 'idle', 15)
        for n in (0, 1):
            call = c.caller('11%d' % n, tone=440).call('3001').wait('up')
            ring = desk.wait_call(n + 1)
            for id in (1001, 1002):
                c.until_agent(id, 'ready', 'ringing')
            soft[n].command('accept')
            lost_elsewhere(ring)
            call.rtp.wait_tone(600 + 80 * n)
            c.until_agent(1001 + n, 'ready', 'talking')
            c.until_agent(1002 - n, 'ready', 'idle')
            c.until(lambda: 'session closed' in soft[1 - n].log().rsplit('Incoming call from', 1)[1], what='its log')
            since = soft[1 - n].log().rsplit('Incoming call from', 1)[1]
            assert 'CANCEL sip:' in since and 'Reason: ' + ELSEWHERE in since
            assert 'established' not in since
            call.bye()
            for id in (1001, 1002, 1003):
                c.until_agent(id, 'ready', 'idle')
        c.until_no_calls()
        offers = c.offers()
        assert sorted(offers[:3]) == [('1001', 'answered'), ('1002', 'lost_race'), ('1003', 'lost_race')]
        assert sorted(offers[3:]) == [('1001', 'lost_race'), ('1002', 'answered'), ('1003', 'lost_race')]
        assert [a['missed'] for a in c.show('agents')] == [0, 0, 0]
    finally:
        for phone in soft:
            phone.stop()


# ---- what callers want changes while they wait

def test_a_skill_is_relaxed_and_the_place_kept(make_center):
    """111 wants english >= 5, which only the paused 1001 has. 1002 is asked after 1.5 s, not before, although idle all the
    time; and then before 222, who came later and could have had 1002 at once."""
    c = make_center(skills=['english'], agents=[agent(1001, 'sales', skills=['english:9']),
                                                agent(1002, 'sales', 'support', skills=['english:2'])],
                    queues=[queue('sales', skills=['english:5'], steps=[{'after_ms': 1500, 'require': 'english >= 2'}]),
                            queue('support')])
    one, two = phones_of(c, 1001, 1002)
    c.daemon.command('agent pause 1001 lunch')
    busy = c.caller('999', tone=0).call('3002').wait('up')
    first_ring = two.wait_call().answer()
    c.until_agent(1002, 'ready', 'talking')
    first = c.enqueue('111', tone=440)
    c.enqueue('222', '3002')
    third = c.enqueue('333')
    assert (c.position('111'), c.position('333'), c.position('222')) == (1, 2, 1)
    c.until(lambda: c.visits()[1][3] == 1, what='the step in the row')
    assert c.position('111') == 1 and c.position('333') == 2
    busy.bye()
    first_ring.wait('ended')
    ring = two.wait_call(2)
    assert ring.caller == '111'
    ring.answer(tone=600)
    first.rtp.wait_tone(600)
    first.bye()
    assert two.wait_call(3).caller == '222'  # 333 came after 222
    c.daemon.command('agent unpause 1001')
    assert one.wait_call().caller == '333'  # whom the right one may have at any time
    third.bye()
    c.until_stored()
    rows = {v[0]: v for v in c.visits()}
    assert rows['111'][2:] == ('answered', 1)
    enter, = c.sql("SELECT v.enter_at, o.reserve_at FROM callfloor.visit v JOIN callfloor.offer o ON o.visit_id = v.id "
                   "JOIN callfloor.contact c ON c.id = v.contact_id WHERE c.caller = '111'")
    assert seconds(enter['enter_at'], enter['reserve_at']) > 1.49


def test_only_a_lesser_skilled_agent_is_idle(make_center):
    """The plain case: after_ms later the idle one with the lesser skill gets the call; who has none at all, at step 2."""
    c = make_center(skills=['english'], agents=[agent(1001, 'sales', skills=['english:9']),
                                                agent(1002, 'sales', skills=['english:2']), agent(1003, 'sales')],
                    queues=[queue('sales', skills=['english:5'], reject_delay_ms=60000,
                                  steps=[{'after_ms': 1000, 'require': 'english >= 2'}, {'after_ms': 2000, 'require': ''}]),
                            queue('support')])
    phones = phones_of(c, 1001, 1002, 1003)
    c.daemon.command('agent pause 1001')
    call = c.enqueue('111', tone=440)
    assert [len(p.incoming) for p in phones] == [0, 0, 0]
    phones[1].wait_call().refuse(603)
    phones[2].wait_call().answer(tone=600)
    call.rtp.wait_tone(600)
    call.bye()
    assert c.visits() == [('111', 'sales', 'answered', 2)]
    visit, = c.records('visit')
    waits = [seconds(visit['enter_at'], o['reserve_at']) for o in c.records('offer')]
    assert 0.99 <= waits[0] < 1.99 <= waits[1] <= 3.0, waits


def test_a_step_nobody_can_take_is_passed_over(make_center):
    """Nobody who speaks english is logged in: it would be senseless to wait for one."""
    c = make_center(skills=['english'], agents=[agent(1001, 'sales', skills=['english:9'], auto_login=False),
                                                agent(1002, 'sales')],
                    queues=[queue('sales', skills=['english:5'],
                                  steps=[{'after_ms': 60000, 'require': 'english'}, {'after_ms': 120000, 'require': ''}]),
                            queue('support')])
    c.agent(1001, answer_after=None)
    two, = phones_of(c, 1002)
    call = c.caller('111', tone=0).call('3001').wait('up')
    two.wait_call().answer()
    call.bye()
    two.wait_call().wait('ended')
    c.daemon.command('agent login 1001 paused')
    c.enqueue('222')  # now there is somebody to wait for
    c.daemon.command('agent logout 1001')  # and now not any more
    assert two.wait_call(2).caller == '222'
    assert [v[3] for v in c.visits()] == [2, 2]


def test_steps_bring_in_other_tiers(make_center):
    c = make_center(agents=[agent(1001, 'sales'), agent(1002, 'sales:2'), agent(1003, 'sales:3')],
                    queues=[queue('sales', reject_delay_ms=60000,
                                  steps=[{'after_ms': 800, 'tier': 2}, {'after_ms': 1600, 'tier': 3}]), queue('support')])
    phones = phones_of(c, 1001, 1002, 1003)
    call = c.caller('111', tone=0).call('3001').wait('up')
    phones[0].wait_call().refuse(603)
    phones[1].wait_call().refuse(603)
    phones[2].wait_call().answer()
    call.bye()
    c.until_no_calls()
    assert c.offers() == [('1001', 'rejected'), ('1002', 'rejected'), ('1003', 'answered')]
    visit, = c.records('visit')
    waits = [seconds(visit['enter_at'], o['reserve_at']) for o in c.records('offer')]
    assert 0.79 <= waits[1] < 1.59 <= waits[2] <= 2.6, waits


# ---- reserve: who helps under load

def test_overflow_to_the_reserve_and_back(make_center):
    """The third who waits brings in tier 2. They go on helping while more than one waits, and not below that; 1002 is then
    free for his own queue only."""
    c = make_center(agents=[agent(1001, 'sales'), agent(1002, 'support', 'sales:2')],
                    queues=[queue('sales', reserve=[{'tier': 2, 'waiting': 3, 'waiting_back': 1, 'hold_ms': 300}]),
                            queue('support')])
    one, two = phones_of(c, 1001, 1002)
    c.daemon.command('agent pause 1001 lunch')
    calls = {n: c.enqueue(n) for n in ('101', '102')}
    assert c.queue_row('sales')['tier'] == 1
    assert not two.incoming
    for n in ('103', '104'):
        calls[n] = c.caller(n, tone=0).call('3001').wait('up')
    ring = two.wait_call()
    assert ring.caller == '101'
    assert c.queue_row('sales')['tier'] == 2
    assert 'tier' in c.daemon.command('show queues').splitlines()[0]
    c.until(lambda: c.queue_row('sales')['waiting'] == 4, what='four waiting')
    for n in (1, 2):  # 4, then 3 wait
        ring = two.wait_call(n)
        assert ring.caller == '10%d' % n
        ring.answer()
        c.until_agent(1002, 'ready', 'talking')
        if n == 2:
            time.sleep(0.5)  # longer than hold_ms
        assert c.queue_row('sales')['tier'] == 2
        ring.bye()
    ring = two.wait_call(3)  # two wait: fewer than brought him in, more than let him go
    assert ring.caller == '103'
    ring.answer()
    c.until(lambda: c.queue_row('sales')['tier'] == 1, what='the end of the reserve')
    ring.bye()
    c.until_agent(1002, 'ready', 'idle')
    assert c.queue_row('sales')['waiting'] == 1  # 104 waits for the queue's own agents
    assert len(two.incoming) == 3
    own = c.caller('201', tone=0).call('3002').wait('up')
    assert two.wait_call(4).caller == '201'
    c.daemon.command('agent unpause 1001')
    assert one.wait_call().caller == '104'
    own.bye()
    calls['104'].bye()
    c.until_no_calls()
    assert [o[0] for o in c.offers(result='answered')] == ['1002'] * 3


def test_the_reserve_comes_when_no_own_agent_is_there(make_center):
    c = make_center(agents=[agent(1001, 'sales'), agent(1002, 'sales:2')],
                    queues=[queue('sales', reserve=[{'tier': 2, 'no_agents': True, 'hold_ms': 200}]), queue('support')])
    one, two = phones_of(c, 1001, 1002)
    c.until(lambda: c.queue_row('sales')['tier'] == 1, what='the own agent being seen')
    c.daemon.command('agent pause 1001 lunch')
    assert c.queue_row('sales')['tier'] == 2
    call = c.caller('111', tone=0).call('3001').wait('up')
    two.wait_call().answer()
    c.daemon.command('agent unpause 1001')
    call.bye()
    c.until(lambda: c.queue_row('sales')['tier'] == 1, what='the end of the reserve')
    c.daemon.command('agent logout 1001')
    assert c.queue_row('sales')['tier'] == 2
    assert not one.incoming


# ---- which of the idle ones, and which caller first

@pytest.mark.parametrize('strategy, expected', [
    ('linear', '1 1 1 1'), ('round_robin', '1 2 3 1'), ('longest_idle', '1 2 3 1'), ('fewest_calls', '1 2 3 1'),
    ('skill_then_idle', '2 2 2 2'), ('scored', '2 2 2 2')])
def test_strategies(make_center, strategy, expected):
    """Four calls, one after the other, to three idle agents: who gets them."""
    c = make_center(skills=['english'], queues=[queue('sales', strategy=strategy, skills=['english']), queue('support')],
                    agents=[agent(1001 + n, 'sales', skills=['english:%d' % level]) for n, level in enumerate((3, 9, 6))])
    phones = phones_of(c, 1001, 1002, 1003)
    for n in range(4):
        before = [len(p.incoming) for p in phones]
        c.caller(100 + n, tone=0).call('3001').wait('up')
        c.net.wait(lambda: [len(p.incoming) for p in phones] != before, 5, 'a phone ringing')
        at = next(i for i, p in enumerate(phones) if len(p.incoming) != before[i])
        ring = phones[at].incoming[-1].answer()
        c.until_agent(1001 + at, 'ready', 'talking')
        ring.bye()
        c.until_agent(1001 + at, 'ready', 'idle')
    c.until_no_calls()
    offers = c.records('offer')
    assert ' '.join(o['agent'][3] for o in offers) == expected
    assert all('strategy=' + strategy in o['why'] and 'able=3' in o['why'] for o in offers)


@pytest.mark.parametrize('order, expected', [('priority', '102 103 101'), ('age', '101 102 103'), ('slack', '103 101 102')])
def test_orders_of_service(make_center, order, expected):
    """101 waits in sales, then 102 in support, whose priority is higher, then 103 in help, which has promised most."""
    c = make_center(distributor={'order': order}, menus=[],
                    numbers=[{'number': '3001', 'target': 'queue:sales'}, {'number': '3002', 'target': 'queue:support'},
                             {'number': '3003', 'target': 'queue:help'}],
                    queues=[queue('sales', service_level_ms=60000), queue('support', priority=50, service_level_ms=60000),
                            queue('help', priority=10, service_level_ms=5000)],
                    agents=team(1001, queues=('sales', 'support', 'help')))
    phone = idle_phone(c)
    c.daemon.command('agent pause 1001')
    for n, called in (('101', '3001'), ('102', '3002'), ('103', '3003')):
        c.enqueue(n, called)
    assert ' '.join(r['caller'] for r in c.show('waiting')) == expected
    c.daemon.command('agent unpause 1001')
    served = []
    for n in (1, 2, 3):
        ring = phone.wait_call(n).answer()
        served.append(ring.caller)
        c.until_agent(1001, 'ready', 'talking')
        ring.bye()
    assert ' '.join(served) == expected
