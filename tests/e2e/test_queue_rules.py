# SPDX-License-Identifier: Apache-2.0
"""Rules of queues (doors, exits, preferred agents), of agents' time (wrap-up over queues, dispositions, pending pauses),
skills changed live, and what is told about all of it afterwards. Lost places are in test_lost_place.py."""
import re

import pytest
from center import TONES, agent, idle_phone, queue, seconds


def talk(c, phone, caller='111', called='3001', **options):
    """A call that the agent's phone has just taken: (caller's leg, agent's leg)."""
    options.setdefault('tone', 0)
    before = len(phone.incoming)
    call = c.caller(caller, **options).call(called).wait('up')
    ring = phone.wait_call(before + 1).answer()
    c.until_agent(phone.user, 'ready', 'talking')
    return call, ring


# ---- wrap-up

def test_wrap_up_holds_in_all_queues(make_center):
    """1001 serves two queues: the wrap-up of sales keeps support's call waiting, until `*31`; then the console's word."""
    c = make_center(queues=[queue('sales', wrapup_ms=60000), queue('support')], agents=[agent(1001, 'sales', 'support')])
    phone = idle_phone(c)
    call, _ = talk(c, phone)
    call.bye()
    c.until_agent(1001, 'ready', 'wrapup')
    waiting = c.enqueue('222', '3002')
    assert c.agent_state(1001) == ('ready', 'wrapup') and c.queue_row('support')['waiting'] == 1
    assert len(phone.incoming) == 1
    c.dial(phone, '*31')
    ring = phone.wait_call(2).answer()
    assert ring.caller == '222'
    waiting.bye()
    c.until_agent(1001, 'ready', 'idle')  # support has no wrap-up
    call, _ = talk(c, phone)
    call.bye()
    c.until_agent(1001, 'ready', 'wrapup')
    c.enqueue('333', '3002')
    c.daemon.command('agent done 1001')
    assert phone.wait_call(4).caller == '333'
    assert c.daemon.command('agent done 1001', check=False).returncode == 1
    c.until_stored()
    assert not c.sql("SELECT o.* FROM callfloor.handle h JOIN callfloor.offer o ON o.agent = h.agent "
                     "WHERE o.reserve_at > h.start_at AND o.reserve_at < h.wrap_end_at")  # none within a talk or wrap-up


def test_more_time_for_wrap_up(make_center):
    """An extension from the phone, cut to what the queue gives; a second one is refused."""
    c = make_center(queues=[queue('sales', wrapup_ms=1800, wrapup_extend_ms=1000, wrapup_extensions=1), queue('support')],
                    agents=[agent(1001, 'sales')])
    phone = idle_phone(c)
    call, _ = talk(c, phone)
    assert c.daemon.command('agent more 1001', check=False).returncode == 1  # still talking
    call.bye()
    c.until_agent(1001, 'ready', 'wrapup')
    c.dial(phone, '*32')
    assert c.agent_row(1001)['extensions'] == 1
    r = c.daemon.command('agent more 1001 60', check=False)
    assert r.returncode == 1 and 'all the time' in r.stderr
    c.until_agent(1001, 'ready', 'idle')
    handle, = c.records('handle')
    assert 2790 <= handle['wrap_ms'] <= 3700


def test_a_mandatory_disposition(make_center):
    """Wrap-up neither ends by its timer nor by the agent's word before a disposition was given."""
    c = make_center(general={'dispositions': ['sold', 'lost', 'later']},
                    queues=[queue('sales', wrapup_ms=1500, wrapup_mode='disposition'), queue('support')],
                    agents=[agent(1001, 'sales', 'support')])
    phone = idle_phone(c)
    first, _ = talk(c, phone, '111')
    first.bye()
    c.until_agent(1001, 'ready', 'wrapup')
    c.enqueue('222', '3002')
    c.until(lambda: not c.agent_row(1001)['timer_ms'], what='the end of the timer')
    assert c.daemon.command('agent done 1001', check=False).returncode == 1
    c.dial(phone, '*31')
    row = c.agent_row(1001)
    assert (row['activity'], row['want_disposition'], len(phone.incoming)) == ('wrapup', True, 1)
    assert 'wanted' in c.daemon.command('show agents')
    assert c.daemon.command('agent disposition 1001 nonsense', check=False).returncode == 1
    c.dial(phone, '*49')  # there is no ninth
    assert c.agent_state(1001) == ('ready', 'wrapup')
    c.dial(phone, '*41')
    ring = phone.wait_call(2).answer()
    assert ring.caller == '222'
    c.until_agent(1001, 'ready', 'talking')
    ring.bye()
    c.until_agent(1001, 'ready', 'idle')
    # given during the talk, changed in wrap-up: the last one counts, and the timer goes on
    second, _ = talk(c, phone, '333')
    c.daemon.command('agent disposition 1001 lost')
    assert c.agent_row(1001)['disposition'] == 'lost'
    second.bye()
    c.until_agent(1001, 'ready', 'wrapup')
    c.dial(phone, '*43')
    c.until_agent(1001, 'ready', 'idle')
    assert c.daemon.command('agent disposition 1001 sold', check=False).returncode == 1
    handles = c.records('handle')
    assert [(h['queue'], h['disposition']) for h in handles] == [('sales', 'sold'), ('support', ''), ('sales', 'later')]
    assert handles[0]['wrap_ms'] > 1500 and 1490 <= handles[2]['wrap_ms'] <= 2400


# ---- what is asked for in a talk comes after it

@pytest.mark.parametrize('way', ['star code', 'console'])
def test_a_pause_asked_for_in_a_talk(make_center, way):
    """It comes when wrap-up is over, and no call before it; taken back in the talk it never comes."""
    c = make_center(queues=[queue('sales', wrapup_ms=600), queue('support')], agents=[agent(1001, 'sales')])
    phone = idle_phone(c)

    def say(code, command):
        c.dial(phone, code) if way == 'star code' else c.daemon.command(command)

    call, ring = talk(c, phone, '111')
    c.enqueue('222')  # would be next
    say('*22', 'agent pause 1001 lunch')
    row = c.agent_row(1001)
    assert (row['presence'], row['activity']) == ('ready', 'talking')
    assert 'lunch' in row['pending'] or 'not_ready' in row['pending']
    assert ring.state == call.state == 'up'
    call.bye()
    c.until_agent(1001, 'not_ready', 'idle')
    assert c.agent_row(1001)['reason'] == 'lunch'
    assert c.queue_row('sales')['waiting'] == 1 and len(phone.incoming) == 1
    say('*30', 'agent unpause 1001')
    ring = phone.wait_call(2).answer()
    c.until_agent(1001, 'ready', 'talking')
    say('*21', 'agent pause 1001 break')
    say('*22', 'agent pause 1001 lunch')
    say('*30', 'agent unpause 1001')  # the last wish
    assert not c.agent_row(1001)['pending']
    c.enqueue('333')
    ring.bye()
    ring = phone.wait_call(3).answer()
    assert ring.caller == '333'
    c.until_agent(1001, 'ready', 'talking')
    say('*22', 'agent pause 1001 lunch')
    say('*10', 'agent logout 1001')
    ring.bye()
    c.until_agent(1001, 'logged_out', 'idle')
    states = [(s['presence'], s['activity'], s['reason']) for s in c.records('agent_state')
              if s['activity'] in ('wrapup', 'idle')]
    assert states[1:4] == [('ready', 'wrapup', ''), ('not_ready', 'idle', 'lunch'), ('ready', 'idle', '')], states
    assert [s[2] for s in states if s[0] == 'not_ready'] == ['lunch']


# ---- ways out of a queue, and its doors

def test_an_exit_key_leads_to_the_other_queue(make_center):
    exits = [{'digit': '2', 'target': 'queue:support'}, {'digit': '*', 'target': 'play:closed'}]
    c = make_center(queues=[queue('sales', exits=exits), queue('support')], agents=[agent(1001, 'sales'), agent(1002, 'support')])
    sales, support = idle_phone(c, 1001), idle_phone(c, 1002, tone=600)
    c.daemon.command('agent pause 1001 lunch')
    call = c.enqueue('111', tone=440)
    call.rtp.send_digits('5')  # leads nowhere
    call.rtp.wait_digits_sent()
    call.rtp.send_digits('2')
    ring = support.wait_call().answer()
    call.rtp.wait_tone(600)
    ring.rtp.wait_tone(440)
    call.bye()
    # by INFO, and from a queue that rings already: that phone stops, and has not missed anything
    c.daemon.command('agent unpause 1001')
    call = c.caller('222', tone=0, dtmf=0).call('3001').wait('up')
    ring = sales.wait_call()
    c.until_agent(1001, 'ready', 'ringing')
    assert call.info_digit('*') == 200
    ring.wait('ended')
    assert (ring.status, ring.cancel_reason) == (487, '')
    call.rtp.wait_tone(TONES['closed'], seconds=0.3)
    call.wait('ended')
    c.until_no_calls()
    c.until_agent(1001, 'ready', 'idle')
    assert c.agent_row(1001)['missed'] == 0
    # in the talk the same key is for the agent's ears
    call, ring = talk(c, sales, '333', tone=440)
    ring.rtp.wait_tone(440)
    call.rtp.send_digits('2')
    call.rtp.wait_digits_sent()
    c.until(lambda: ring.rtp.digits == '2', what='the digit')
    assert c.call_row('333')['state'] == 'talking'
    call.bye()
    c.until_no_calls()
    assert c.visits()[:3] == [('111', 'sales', 'exit_key', 0), ('111', 'support', 'answered', 0), ('222', 'sales', 'exit_key', 0)]
    assert c.offers()[0] == ('1002', 'answered') and c.offers()[1][1] in ('caller_gone', 'cancelled')
    assert [x['result'] for x in c.records('contact')] == ['handled', 'withdrawn', 'handled']  # who left by '*' was hung up on
    stats = {q['queue']: q for q in c.show('stats today')['queues']}
    assert (stats['sales']['offered'], stats['sales']['other'], stats['sales']['abandoned']) == (3, 2, 0)


def test_an_exit_key_and_an_answer_at_the_same_moment(make_center):
    """Either the agent has the call or the other queue; nobody has half of it."""
    c = make_center(queues=[queue('sales', exits=[{'digit': '2', 'target': 'queue:support'}]), queue('support')])
    phone = idle_phone(c)
    for n in range(1, 9):
        caller = c.caller(100 + n, tone=0)
        call = caller.call('3001').wait('up')
        ring = phone.wait_call(n)
        info = lambda: call.send('INFO', 'Signal=2\r\nDuration=100\r\n', 'application/dtmf-relay', wait=False)
        with c.net.lock:
            for act in ((ring.answer, info) if n % 2 else (info, ring.answer)):
                act()
        c.until(lambda: ring.state == 'ended' or c.agent_state(1001)[1] == 'talking', what='a decision')
        c.until(lambda: c.call_row(100 + n).get('state') in ('talking', 'queued'), what='a place for the caller')
        row = c.call_row(100 + n)
        answered = row['state'] == 'talking'
        assert (row['queue'], ring.state) == (('sales', 'up') if answered else ('support', 'ended'))
        call.bye()
        c.until_agent(1001, 'ready', 'idle')
        caller.close()
        assert [v[1:3] for v in c.visits() if v[0] == str(100 + n)] == (
            [('sales', 'answered')] if answered else [('sales', 'exit_key'), ('support', 'abandoned')])
    c.until_no_calls()


def test_a_queue_closed_and_opened_by_the_console(make_center):
    c = make_center(queues=[queue('sales', overflow='play:closed'), queue('support', closed=True)],
                    agents=[agent(1001, 'sales', 'support')])
    phone = idle_phone(c)
    c.daemon.command('agent pause 1001 lunch')
    c.enqueue('111')
    c.daemon.command('queue close sales')
    assert (c.queue_row('sales')['closed'], c.queue_row('support')['closed']) == (True, True)
    late = c.caller('222', tone=0).call('3001').wait('up')
    late.rtp.wait_tone(TONES['closed'], seconds=0.3)
    late.wait('ended')
    assert c.position('111') == 1  # who waited already is served
    other = c.caller('333', tone=0).call('3002')
    other.wait('ended')
    c.daemon.command('queue open sales')
    c.daemon.command('queue open support')
    c.daemon.command('agent unpause 1001')
    ring = phone.wait_call().answer()
    assert ring.caller == '111'
    c.enqueue('444')
    ring.bye()
    assert phone.wait_call(2).caller == '444'
    assert c.daemon.command('queue close nonsense', check=False).returncode == 1
    rows = {v[0]: v[2] for v in c.visits()}
    assert rows['111'] == 'answered' and rows['222'] == rows['333'] == 'closed'


def test_a_queue_closed_by_the_file(make_center):
    """The console's word holds over reloads, until the file says something else than it said before."""
    c = make_center()
    idle_phone(c)
    closed = lambda: c.queue_row('sales')['closed']

    def reload(value):
        c.daemon.write(dict(c.conf, queues=[queue('sales', closed=value), queue('support')]))
        c.daemon.command('reload')

    c.daemon.command('queue close sales')
    reload(False)
    assert closed()
    reload(True)
    assert closed()
    c.daemon.command('queue open sales')
    reload(True)
    assert not closed()
    reload(False)
    c.daemon.command('queue close sales')
    reload(True)
    reload(False)
    assert not closed()


def test_overflow_there_and_back(make_center):
    """After the longest wait the caller goes to the other queue, and from there back; each visit is a row of its own."""
    c = make_center(queues=[queue('sales', max_wait_ms=1000, overflow='queue:support'),
                            queue('support', max_wait_ms=700, overflow='queue:sales', music='music2')],
                    agents=[agent(1001, 'sales'), agent(1002, 'support')])
    one = idle_phone(c)
    c.daemon.command('agent pause 1001')
    call = c.caller('111', tone=440).call('3001').wait('up')
    call.rtp.wait_tone(TONES['music'])
    call.rtp.wait_tone(TONES['music2'])
    call.rtp.wait_tone(TONES['music'])
    c.daemon.command('agent unpause 1001')
    one.wait_call(timeout=5).answer(tone=600)
    call.rtp.wait_tone(600)
    call.bye()
    c.until_no_calls()
    visits = c.visits()
    assert [v[1:3] for v in visits[:2]] == [('sales', 'timeout'), ('support', 'timeout')]
    assert visits[-1][1:3] == ('sales', 'answered')
    contact, = c.records('contact')
    assert contact['result'] == 'handled'


def test_doors_and_their_results(make_center):
    """Each rule refuses with a result of its own, and the caller goes to the overflow."""
    rules = {'3101': ('none', {'need_agents': True}), '3102': ('paused', {'need_unpaused': True}),
             '3103': ('full', {'max_waiting': 1}), '3104': ('long', {'max_expected_wait_ms': 10000, 'expected_handle_ms': 60000}),
             '3105': ('empty', {'need_agents': True, 'empty_grace_ms': 400})}
    c = make_center(queues=[queue(name, overflow='play:closed', **rule) for name, rule in rules.values()],
                    numbers=[{'number': n, 'target': 'queue:' + name} for n, (name, _) in rules.items()], menus=[],
                    agents=[agent(1001, 'none', auto_login=False), agent(1002, 'paused', 'full'), agent(1003, 'long'),
                            agent(1004, 'empty')])
    idle_phone(c, 1002)
    long = idle_phone(c, 1003)
    idle_phone(c, 1004)
    c.daemon.command('agent pause 1002 lunch')
    c.daemon.command('agent pause 1004 lunch')
    talk(c, long, '900', '3104')  # someone else would have to wait for the end of this
    c.enqueue('901', '3103')
    c.until(lambda: (c.queue_row('long')['expected_ms'] or 0) > 10000, what='an expected wait')
    refused = [c.caller('91' + n, tone=0).call(n).wait('up') for n in ('3101', '3102', '3103', '3104')]
    for call in refused:
        call.rtp.wait_tone(TONES['closed'], seconds=0.3)
        call.wait('ended')
    let_out = c.enqueue('905', '3105')
    c.daemon.command('agent logout 1004')
    let_out.rtp.wait_tone(TONES['closed'], seconds=0.3)
    let_out.wait('ended')
    rows = {v[0]: v[2] for v in c.visits()}
    assert rows == {'900': 'answered', '901': None, '913101': 'no_agents', '913102': 'all_paused', '913103': 'full',
                    '913104': 'wait_too_long', '905': 'left_empty'}
    visit = next(v for v in c.records('visit') if v['result'] == 'left_empty')
    assert 0.39 <= seconds(visit['enter_at'], visit['leave_at']) <= 4.0
    shown = {q['queue']: q for q in c.show('stats today')['queues']}
    assert [shown[name]['other'] for name in ('none', 'paused', 'full', 'long', 'empty')] == [1, 1, 1, 1, 1]


def test_an_idle_agent_is_no_long_wait(make_center):
    """A caller for whom a phone would ring at once is not refused for having to wait too long; else nobody ever comes in, and
    it is never learnt that phones are answered sooner."""
    c = make_center(queues=[queue('sales', max_expected_wait_ms=5000), queue('support')])
    phone = idle_phone(c)
    c.caller('111', tone=0).call('3001')
    c.until(lambda: phone.incoming or c.visits(), what='a decision')
    assert phone.incoming


# ---- skills changed live

def test_a_skill_given_by_the_console_moves_a_waiting_call(make_center):
    c = make_center(skills=['english'], queues=[queue('sales', skills=['english:5']), queue('support')],
                    agents=[agent(1001, 'sales', skills=['english:9']), agent(1002, 'sales')])
    one, two = idle_phone(c, 1001), idle_phone(c, 1002)
    c.daemon.command('agent pause 1001 lunch')
    call = c.enqueue('111')
    assert not two.incoming
    c.daemon.command('agent skill 1002 english 4')
    assert c.position('111') == 1 and not two.incoming  # not enough
    c.daemon.command('agent skill 1002 english 5')
    ring = two.wait_call().answer()
    c.until_agent(1002, 'ready', 'talking')
    c.daemon.command('agent skill 1002 english 0')
    assert ring.state == call.state == 'up'  # a talk goes on
    ring.bye()
    c.until_agent(1002, 'ready', 'idle')
    c.enqueue('222')
    c.daemon.command('agent skill 1001 english 2')
    c.daemon.command('agent unpause 1001')
    assert c.position('222') == 1 and not one.incoming
    c.daemon.command('reload')  # a change by hand outlives it
    assert c.position('222') == 1 and not one.incoming
    c.daemon.command('agent skill 1001 english reset')
    assert one.wait_call().caller == '222'
    for wrong in ('agent skill 1001 klingon 3', 'agent skill 1001 english 11', 'agent skill 4711 english 3'):
        assert c.daemon.command(wrong, check=False).returncode == 1, wrong
    assert len(two.incoming) == 1


# ---- the preferred agent

def preferring(make_center, kind, **other):
    return make_center(queues=[queue('sales', preferred=kind, **other), queue('support')],
                       agents=[agent(1001, 'sales', 'support'), agent(1002, 'sales'), agent(1003, 'sales')])


def test_the_last_agent_gets_the_caller_again(make_center):
    """777 has talked with 1002: next time 1002 gets the call, though 1003 has been idle longer. While 1002 talks, the call
    waits for him alone for preferred_wait_ms; then it is everybody's."""
    c = preferring(make_center, 'last', preferred_wait_ms=2000)
    two = idle_phone(c, 1002)
    talk(c, two, '777')[0].bye()
    c.until_agent(1002, 'ready', 'idle')
    c.until_no_calls()
    c.until_stored()
    three = idle_phone(c, 1003)
    _, ring = talk(c, two, '777')
    c.enqueue('777')  # a second line
    row, = c.show('waiting')
    assert (row['caller'], row['rings']) == ('777', '')
    assert row['waits_for'] == '2 preferred, 1 busy'
    assert not three.incoming
    last = three.wait_call().answer()
    c.until_agent(1003, 'ready', 'talking')
    ring.bye()
    last.bye()
    c.until_no_calls()
    visit, offer = c.records('visit')[-1], c.records('offer')[-1]
    assert 1.99 <= seconds(visit['enter_at'], offer['reserve_at']) <= 3.0
    assert [o[0] for o in c.offers()] == ['1002', '1002', '1003']


def test_who_pauses_is_not_waited_for(make_center):
    c = preferring(make_center, 'last', preferred_wait_ms=60000)
    two = idle_phone(c, 1002)
    talk(c, two, '777')[0].bye()
    c.until_agent(1002, 'ready', 'idle')
    c.until_no_calls()
    c.until_stored()
    one = idle_phone(c, 1001)
    c.daemon.command('agent pause 1001 lunch')
    _, ring = talk(c, two, '900')
    c.daemon.command('agent unpause 1001')
    c.enqueue('777')
    c.daemon.command('agent pause 1002 lunch')  # pending: he may come back
    assert not one.incoming and c.position('777') == 1
    ring.bye()
    assert one.wait_call().caller == '777'
    assert c.agent_state(1002) == ('not_ready', 'idle')
    text = c.daemon.command('explain %d' % c.call_row('777')['call'])
    assert 'prefer' in text and 'agent=1002' in text


def test_the_owner_comes_before_everybody(make_center):
    c = preferring(make_center, 'owner')
    phones = [idle_phone(c, id) for id in (1001, 1002, 1003)]
    c.caller('777', tone=0).call('3001').wait('up').bye()
    c.until_no_calls()
    for id in (1001, 1002, 1003):
        c.until_agent(id, 'ready', 'idle')
    c.until_stored()
    before = [len(p.incoming) for p in phones]
    c.postgres.psql(c.database, "UPDATE callfloor.customer SET owner = '1003'")
    c.caller('777', tone=0).call('3001').wait('up')
    ring = phones[2].wait_call(before[2] + 1)
    assert ring.caller == '777'
    ring.refuse(603)  # he does not want it: then everybody may
    assert phones[0].wait_call(before[0] + 1).caller == '777'


# ---- why

def in_order(lines, *patterns):
    """Each pattern is found in a line after that of the one before."""
    rest = list(lines)
    for pattern in patterns:
        at = next((n for n, line in enumerate(rest) if re.search(pattern, line)), None)
        assert at is not None, '/%s/ is not in\n%s\nof\n%s' % (pattern, '\n'.join(rest), '\n'.join(lines))
        rest = rest[at + 1:]


def test_explain_tells_what_happened(make_center):
    """A call with a story: a step, a refusal, agents passed over, a pause, an answer. Told while it waits, when it is over,
    and by the database, each by the short number or the record's id."""
    c = make_center(skills=['english'], agents=[agent(1001, 'sales', skills=['english:9']),
                                                agent(1002, 'sales', skills=['english:2']), agent(1003, 'sales'),
                                                agent(1004, 'sales:2', skills=['english:9'])],
                    queues=[queue('sales', skills=['english:5'], reject_delay_ms=60000,
                                  steps=[{'after_ms': 3000, 'require': 'english >= 2'}]), queue('support')])
    idle_phone(c, 1003)
    idle_phone(c, 1004)
    for id in (1001, 1002):  # these two have been idle for a shorter time
        c.daemon.command('agent logout %d' % id)
        c.daemon.command('agent login %d' % id)
    one, two = idle_phone(c, 1001), idle_phone(c, 1002)
    c.daemon.command('agent pause 1001 lunch')
    c.enqueue('111')
    number = c.call_row('111')['call']

    live = c.daemon.json('explain %d' % number)
    head, = live['call']
    assert (head['state'], head['queue'], head['position'], head['step'], head['wants']) == (
        'queued', 'sales', 1, 0, 'english >= 5')
    assert {a['agent']: a['why'] for a in live['agents']} == {'1001': 'paused', '1002': 'skill', '1003': 'skill', '1004': 'tier'}
    assert re.search(r'^1003 .* skill .* idle ', c.daemon.command('explain %d' % number), re.M)
    row, = c.show('waiting sales')
    assert (row['caller'], row['position'], row['waits_for']) == ('111', 1, '1 tier, 2 skill, 1 paused')

    ring = two.wait_call()
    live = c.daemon.json('explain %d' % number)
    assert (live['call'][0]['state'], live['call'][0]['step']) == ('ringing', 1)
    assert {a['agent']: a['why'] for a in live['agents']}['1002'] == 'rings'
    ring.refuse(603)
    c.until(lambda: 'delay' in [a['why'] for a in c.daemon.json('explain %d' % number)['agents']], what='the refusal')
    c.daemon.command('agent unpause 1001')
    ring = one.wait_call().answer()
    c.until_agent(1001, 'ready', 'talking')
    ring.bye()
    c.until_no_calls()

    contact, = c.records('contact')
    told = [c.daemon.json('explain %d' % n) for n in (number, contact['id'])]
    assert told[0] == told[1] and told[0]['call'][0]['state'] == 'over'
    assert told[0]['call'][0]['id'] == str(contact['id'])
    lines = [d['decision'] for d in told[0]['decisions']]
    in_order(lines, r'^enter queue=sales position=1', r'^step step=1', r'agent=1002', r'^over agent=1002 result=rejected',
             r'^offer agent=1001 .*able=1\b', r'^over agent=1001 result=answered', r'^leave queue=sales result=answered')
    assert re.search(r'^offer agent=1002 strategy=longest_idle .*able=1\b', '\n'.join(lines), re.M)
    assert len([x for x in lines if re.search(r'^pass agent=1003 why=skill', x)]) == 2  # for 1002, and for 1001
    assert len([x for x in lines if re.search(r'^pass agent=1004 why=tier', x)]) == 2
    text = c.daemon.command('explain %d' % contact['id'])
    assert all(line in text for line in lines)

    story = [r['explain'] for r in c.sql('SELECT * FROM callfloor.explain(%d) AS explain' % contact['id'])]
    in_order(story, r'^contact %d .*from 111 to 3001 by trunk carrier' % contact['id'], r'enters queue sales at position 1',
             r'offer to agent 1002: strategy=longest_idle .*able=1\b', r'phone of 1002 rings',
             r'offer to 1002 ends: rejected \(SIP 603\)', r'offer to agent 1001', r'offer to 1001 ends: answered',
             r'leaves queue sales: answered .*step 1', r'agent 1001 talks', r'the talk ends, by agent',
             r'the contact ends: handled')
    assert c.daemon.command('explain 4711', check=False).returncode == 1
    # after a restart the distributor knows nothing of it, and says who does
    c.daemon.stop()
    c.daemon.start()
    said = c.daemon.command('explain %d' % contact['id'], check=False)
    assert 'callfloor.explain(%d)' % contact['id'] in said.stdout + said.stderr


def test_explain_tells_why_a_caller_was_refused(make_center):
    c = make_center(queues=[queue('sales', max_waiting=1), queue('support')], agents=[agent(1001, 'sales')])
    idle_phone(c)
    c.daemon.command('agent pause 1001')
    c.enqueue('111')
    c.caller('222').call('3001').wait('ended')
    contact = c.records('contact')[-1]
    told = c.daemon.json('explain %d' % contact['id'])
    in_order([d['decision'] for d in told['decisions']], r'^refuse queue=sales result=full waiting=1')
    story = [r['explain'] for r in c.sql('SELECT * FROM callfloor.explain(%d) AS explain' % contact['id'])]
    in_order(story, 'comes to queue sales', 'leaves queue sales: full')
