# SPDX-License-Identifier: Apache-2.0
"""kill -9 in the middle of everything: after the restart no row is missing or doubled, what was open is marked cut, and
nobody is stuck."""
import glob
import os
import time

import pytest
from center import agent, queue


def by_caller(c):
    return {x['caller']: x for x in c.sql('SELECT * FROM callfloor.contact ORDER BY id')}


def test_kill_in_mid_call(make_center):
    c = make_center(queues=[queue('sales', wrapup_ms=60000), queue('support', ring_ms=60000)],
                    agents=[agent(1001, 'sales'), agent(1002, 'sales'), agent(1003, 'support'), agent(1004, 'support')])
    first, second, third = c.agent(1001), c.agent(1002), c.agent(1003, answer_after=None)
    c.agent(1004)
    c.daemon.command('agent pause 1004 lunch')
    c.until(lambda: all(a['activity'] == 'idle' for a in c.show('agents')), what='idle agents')
    done = c.caller('100', tone=0).call('3001').wait('up')  # handled, its agent in wrap-up
    c.until(lambda: any(a['activity'] == 'talking' for a in c.show('agents')), what='a talk')
    done.bye()
    c.until(lambda: any(a['activity'] == 'wrapup' for a in c.show('agents')), what='wrap-up')
    c.caller('101', tone=0).call('3001').wait('up')  # talking
    c.until(lambda: any(a['activity'] == 'talking' for a in c.show('agents')), what='a talk')
    c.caller('102', tone=0).call('3002').wait('up')  # ringing
    third.wait_call()
    c.caller('103', tone=0).call('3001').wait('up')  # waiting
    c.caller('104', tone=0).call('3000').wait('up')  # in the menu
    c.until(lambda: c.queue_row('sales')['waiting'] == 1, what='a waiting call')
    time.sleep(0.3)
    c.daemon.kill()
    killed_at = time.time()
    time.sleep(1.0)

    c.daemon.start()
    c.until_stored()
    rows = by_caller(c)
    assert sorted(rows) == ['100', '101', '102', '103', '104']
    assert len(c.sql('SELECT * FROM callfloor.contact')) == 5
    assert rows['100']['result'] == 'handled'
    assert {rows[n]['result'] for n in ('101', '102', '103', '104')} == {'cut'}
    visits = c.sql('SELECT v.*, x.caller FROM callfloor.visit v JOIN callfloor.contact x ON x.id = v.contact_id')
    assert {v['caller']: v['result'] for v in visits} == {'100': 'answered', '101': 'answered', '102': 'cut', '103': 'cut'}
    assert len(visits) == 4
    offers = c.sql('SELECT o.*, x.caller FROM callfloor.offer o JOIN callfloor.contact x ON x.id = o.contact_id')
    assert {o['caller']: o['result'] for o in offers} == {'100': 'answered', '101': 'answered', '102': 'cut'}
    assert len(offers) == 3
    assert len(c.sql('SELECT * FROM callfloor.handle')) == 2
    for table, column in (('contact', 'end_at'), ('visit', 'leave_at'), ('offer', 'end_at'), ('handle', 'end_at'),
                          ('agent_state', 'end_at')):
        still_open = c.sql('SELECT count(*) AS n FROM callfloor.%s WHERE %s IS NULL' % (table, column))[0]['n']
        assert still_open == (4 if table == 'agent_state' else 0), table  # the states since the restart
    cut = c.sql("SELECT extract(epoch FROM end_at) AS t FROM callfloor.contact WHERE result = 'cut'")
    assert all(killed_at - 10 < x['t'] < killed_at + 0.5 for x in cut)  # when it was last alive, not when it came back

    # Nobody is stuck: presence as before, and the next caller is served.
    assert (c.agent_row(1004)['presence'], c.agent_row(1004)['reason']) == ('not_ready', 'lunch')
    assert c.agent_row(1003)['presence'] == 'ready'
    first.register()
    second.register()
    for id in (1001, 1002):  # wrap-up runs on; for who talked it has begun
        c.until_agent(id, 'ready', 'wrapup')
        c.daemon.command('agent done %d' % id)
        c.until_agent(id, 'ready', 'idle')
    before = len(first.incoming) + len(second.incoming)
    again = c.caller('105', tone=0).call('3001').wait('up')
    c.until(lambda: len(first.incoming) + len(second.incoming) == before + 1, what='the call at an agent')
    again.bye()


def test_what_goes_on_after_a_kill(make_center):
    """Pending presence, wrap-up in wall time, callers' places, the figures of the day."""
    c = make_center(queues=[queue('sales', wrapup_ms=20000, resume_ms=120000), queue('support', wrapup_ms=0)],
                    agents=[agent(1001, 'sales'), agent(1002, 'support')])
    phone, other = c.agent(1001), c.agent(1002)
    c.until(lambda: all(a['activity'] == 'idle' for a in c.show('agents')), what='idle agents')
    done = c.caller('100', tone=0).call('3002').wait('up')
    other.wait_call().wait('up')
    time.sleep(1.2)
    done.bye()
    c.until_agent(1002, 'ready', 'idle')
    c.caller('101', tone=0).call('3002').wait('up')
    c.until_agent(1002, 'ready', 'talking')
    c.daemon.command('agent pause 1002 break')  # for later
    call = c.caller('102', tone=0).call('3001').wait('up')
    c.until_agent(1001, 'ready', 'talking')
    for number in ('103', '104'):
        c.caller(number, tone=0).call('3001').wait('up')
        c.until(lambda: c.call_row(number).get('position'), what='a place')
    call.bye()
    c.until_agent(1001, 'ready', 'wrapup')
    ends = time.time() + c.agent_row(1001)['timer_ms'] / 1000
    c.daemon.command('agent pause 1001 lunch')
    time.sleep(5.5)  # all that is not presence is saved each five seconds
    before = {q['queue']: q for q in c.daemon.json('show stats')['queues']}
    c.daemon.kill()
    c.daemon.start()

    assert (c.agent_row(1002)['presence'], c.agent_row(1002)['reason']) == ('not_ready', 'break')
    row = c.agent_row(1001)
    assert (row['presence'], row['activity']) == ('ready', 'wrapup')
    assert abs(time.time() + row['timer_ms'] / 1000 - ends) < 1.0
    after = {q['queue']: q for q in c.daemon.json('show stats')['queues']}
    agents = {a['agent']: a for a in c.daemon.json('show stats')['agents']}
    assert (before['support']['offered'], before['sales']['offered']) == (2, 3)
    for name, waiting in (('support', 0), ('sales', 2)):
        assert after[name]['offered'] == before[name]['offered'] and after[name]['answered'] == before[name]['answered']
        assert after[name]['other'] == waiting and after[name]['handles'] == 1 and after[name]['talk_ms'] > 0
    assert agents['1002']['handles'] == 1 and agents['1002']['talk_ms'] >= 1000
    assert agents['1002']['logged_in_ms'] > 5000

    # Who calls again has the place of before, whoever came in between.
    for number in ('105', '104', '103'):
        c.caller(number, tone=0).call('3001').wait('up')
        c.until(lambda: c.call_row(number).get('position'), what='a place')
    assert [c.call_row(n)['position'] for n in ('103', '104', '105')] == [1, 2, 3]
    c.daemon.command('agent done 1001')
    c.until(lambda: c.agent_row(1001)['presence'] == 'not_ready', what='the pause asked for before')
    assert c.agent_row(1001)['reason'] == 'lunch'


def test_kill_again_and_again_under_load(make_center):
    """Every caller that got a 200 has exactly one contact row, whenever the daemon died."""
    c = make_center(agents=[agent(1000 + n, 'sales') for n in range(1, 6)])
    phones = [c.agent(1000 + n) for n in range(1, 6)]
    answered = []
    for round in range(4):
        for phone in phones:
            phone.register()
        calls = []
        for n in range(10):
            calls.append(c.caller('%d%02d' % (round + 1, n), tone=0).call('3001'))
            time.sleep(0.03)
        time.sleep(0.1 * round)
        c.daemon.kill()
        answered += [x.phone.user for x in calls if x.status == 200]
        for x in calls:
            x.phone.close()
        c.daemon.start()
    c.until_stored()
    got = [x['caller'] for x in c.sql('SELECT caller FROM callfloor.contact')]
    assert len(got) == len(set(got)), 'doubled rows'
    # The journal is written in groups: a call of the very last moment may be missing, an older one not.
    missing = set(answered) - set(got)
    assert len(missing) <= 4 and not [m for m in missing if m[1:] < '05'], missing
    assert len(answered) > 20
    c.check_records()


def test_kill_while_the_database_is_away(make_center, own_postgres):
    c = make_center(server=own_postgres)
    phone = c.agent(1001)
    own_postgres.stop('immediate')
    call = c.caller('100', tone=0).call('3001').wait('up')
    phone.wait_call().wait('up')
    time.sleep(0.5)
    call.bye()
    c.until_agent(1001, 'ready', 'idle')
    c.caller('101', tone=0).call('3001').wait('up')
    phone.wait_call(2).wait('up')
    time.sleep(1.5)
    c.daemon.kill()
    c.daemon.start()  # still without a database
    phone.register()
    third = c.caller('102', tone=0).call('3001').wait('up')
    phone.wait_call(3).wait('up')
    third.bye()
    assert c.show_one('store')['pending'] > 0
    own_postgres.start()
    c.until_stored(40)
    assert {n: x['result'] for n, x in by_caller(c).items()} == {'100': 'handled', '101': 'cut', '102': 'handled'}
    assert len(c.sql('SELECT * FROM callfloor.handle')) == 3


def test_a_torn_journal_is_repaired(make_center):
    """The machine lost power in the middle of a write: the last record is cut off, the rest is good."""
    c = make_center(store={'database': ''}, database=False)
    call = c.caller('100', tone=0).call('3009').wait('up')
    call.bye()
    c.until_no_calls()
    time.sleep(0.5)
    c.daemon.kill()
    files = [f for f in glob.glob(os.path.join(c.folder, 'state', '**'), recursive=True)
             if os.path.isfile(f) and 'journal' in f and os.path.getsize(f) > 100]
    assert files
    newest = max(files, key=os.path.getmtime)
    with open(newest, 'ab') as f:
        f.write(b'\x01\x02half a record')
    c.daemon.start()
    c.daemon.wait_log('journal')
    c.caller('101', tone=0).call('3009').wait('up').bye()


@pytest.mark.parametrize('way', ['kill', 'stop'])
def test_callers_find_their_places_after_a_restart(make_center, way):
    """Two wait and a third has just given up when the daemon ends; whoever calls again is where he was."""
    c = make_center(queues=[queue('sales', resume_ms=60000), queue('support')], agents=[agent(1001, 'sales')])
    third = c.enqueue('301')
    time.sleep(1.0)
    c.enqueue('302')
    third.bye()
    c.enqueue('303')
    time.sleep(5.0)  # saved at most so late
    if way == 'kill':
        c.daemon.kill()
    else:
        c.daemon.stop()
    c.daemon.start()
    c.until_stored()
    c.enqueue('401')
    for caller in ('303', '302', '301'):
        c.enqueue(caller)
    assert [c.position(n) for n in ('301', '302', '303', '401')] == [1, 2, 3, 4]
    c.until_stored()
    visits = c.sql('SELECT x.caller, v.result, v.since_at < v.enter_at AS resumed FROM callfloor.visit v '
                   'JOIN callfloor.contact x ON x.id = v.contact_id ORDER BY v.id')
    lost = 'cut' if way == 'kill' else 'failed'
    assert [(v['caller'], v['result']) for v in visits[:3]] == [('301', 'abandoned'), ('302', lost), ('303', lost)]
    assert [(v['caller'], v['resumed']) for v in visits[3:]] == [('401', False), ('303', True), ('302', True), ('301', True)]
