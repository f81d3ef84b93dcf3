# SPDX-License-Identifier: Apache-2.0
"""Explaining calls as a supervisor does: on the console while they wait and afterwards, in PostgreSQL for ever. And what
agents and supervisors say about talks, skills and queues."""
import re

from center import agent, idle_phone, queue


def center_of_three(make_center):
    """1002 has too little English at first; 1003 helps only from the second step on, and has no phone."""
    return make_center(
        general={'dispositions': ['sold', 'lost']}, skills=['english'],
        queues=[queue('sales', wrapup_ms=60000, wrapup_mode='disposition', wrapup_extend_ms=30000, wrapup_extensions=1,
                      skills=['english:3'], steps=[{'after_ms': 1500, 'require': 'english >= 2'},
                                                   {'after_ms': 60000, 'tier': 2}]),
                queue('support')],
        agents=[agent(1001, 'sales', skills=['english:5'], name='Anna Nowak'),
                agent(1002, 'sales', skills=['english:2'], name='Bo Li'),
                agent(1003, 'sales:2', skills=['english:5'], name='Cy Twombly', auto_login=False)])


def texts(story):
    return [row['decision'] for row in story['decisions']]


def lines(center, contact):
    """The story in the database; without its times."""
    center.until_stored()
    rows = center.sql('SELECT line FROM callfloor.explain(%s) AS line' % contact)
    return [re.sub(r'^\d\d:\d\d:\d\d\.\d{3}  ', '', row['line']) for row in rows]


def test_explain_from_waiting_to_the_end(make_center):
    c = center_of_three(make_center)
    first, second = idle_phone(c, 1001), idle_phone(c, 1002)
    c.daemon.command('agent login 1003 paused')
    talk = c.caller('111').call('3001').wait('up')
    ring = first.wait_call()
    ring.answer()
    c.until_agent(1001, 'ready', 'talking')
    call = c.enqueue('222')
    row = c.show('waiting')[0]
    assert (row['queue'], row['position'], row['caller'], row['step']) == ('sales', 1, '222', 0)
    assert (row['wants'], row['waits_for']) == ('english >= 3', '1 tier, 1 skill, 1 busy')
    story = c.daemon.json('explain %d' % row['call'])
    assert story['call'][0]['state'] == 'queued'
    assert texts(story) == ['enter queue=sales position=1']
    assert [(a['agent'], a['why'], a['activity']) for a in story['agents']] == [
        ('1001', 'busy', 'talking'), ('1002', 'skill', 'idle'), ('1003', 'tier', 'unreachable')]
    # the step comes, and with it the next agent
    ring = second.wait_call()
    row = c.show('waiting')[0]
    assert (row['step'], row['wants'], row['waits_for']) == (1, 'english >= 2', 'rings 1002')
    ring.answer()
    c.until_agent(1002, 'ready', 'talking')
    call.bye()
    c.until_agent(1002, 'ready', 'wrapup')
    # an agent may have more time once, and must say what came of it
    assert c.dial(second, '*32') == 200
    assert c.agent_row(1002)['extensions'] == 1 and c.agent_row(1002)['timer_ms'] > 60000
    assert c.dial(second, '*32') == 403
    assert c.dial(second, '*31') == 403
    assert c.dial(second, '*43') == 403
    assert c.dial(second, '*42') == 200
    assert c.agent_row(1002)['disposition'] == 'lost'
    c.daemon.command('agent disposition 1002 sold')
    assert c.dial(second, '*31') == 200
    c.until_agent(1002, 'ready', 'idle')
    # it is over, but not forgotten
    story = c.daemon.json('explain %s' % row['id'])
    assert story['call'][0]['state'] == 'over'
    assert 'agents' not in story
    told = texts(story)
    assert told[:2] == ['enter queue=sales position=1', 'step step=1']
    assert re.fullmatch(r'offer agent=1002 strategy=longest_idle idle_s=[\d.]+ able=1 step=1', told[2])
    assert told[3:] == ['over agent=1002 result=answered', 'leave queue=sales result=answered position=1']
    # and this is what remains
    c.until(lambda: [r for r in c.records('contact') if r['caller'] == '222'][0]['end_at'])
    told = lines(c, row['id'])
    assert re.fullmatch(r'contact \d+ of \d{4}-\d\d-\d\d: inbound from 222 .*to 3001 by trunk carrier', told[0])
    assert told[1:3] == ['the call comes in', 'the system answers']
    assert re.fullmatch(r'enters queue sales at position 1, expected wait [\d.]+ s', told[3])
    assert re.fullmatch(r'offer to agent 1002: strategy=longest_idle idle_s=[\d.]+ able=1 step=1', told[4])
    assert told[5:7] == ['phone of 1002 rings', 'offer to 1002 ends: answered (SIP 200)'] or told[5:7] == [
        'phone of 1002 rings', 'offer to 1002 ends: answered']
    assert re.fullmatch(r'leaves queue sales: answered after [\d.]+ s at position 1, step 1', told[7])
    assert told[8] == 'agent 1002 talks with the caller'
    assert re.fullmatch(r'the talk ends, by caller: talk [\d.]+ s', told[9])
    assert told[10] == 'the contact ends: handled, by caller'
    assert re.fullmatch(r'wrap-up of 1002 ends after [\d.]+ s, disposition sold', told[11])
    talk.bye()
    c.until_agent(1001, 'ready', 'wrapup')
    c.daemon.command('agent disposition 1001 lost')
    c.daemon.command('agent done 1001')
    c.until_no_calls()
    c.until_stored()
    assert c.sql('SELECT disposition, handles::int FROM callfloor.v_disposition_day ORDER BY 1') == [
        {'disposition': 'lost', 'handles': 1}, {'disposition': 'sold', 'handles': 1}]


def test_what_a_restart_forgets_is_in_the_database(make_center):
    c = make_center()
    idle_phone(c, 1001, answer_after=0.0)
    call = c.enqueue('222')
    c.until_agent(1001, 'ready', 'talking')
    id = c.call_row('222')['id']
    assert texts(c.daemon.json('explain ' + id))[0] == 'enter queue=sales position=1'
    call.bye()
    c.until_no_calls()
    c.daemon.stop()
    c.daemon.start()
    answer = c.daemon.command('explain ' + id)
    assert answer.startswith('nothing is remembered of contact ' + id)
    query = re.search(r'SELECT \* FROM (callfloor\.explain\(\d+\))', answer).group(1)
    c.until_stored()
    assert any('agent 1001 talks' in r['line'] for r in c.sql('SELECT line FROM %s AS line' % query))
    refused = c.daemon.command('explain 99999', check=False)
    assert refused.returncode == 1 and 'there was no call 99999' in refused.stderr


def test_supervisor_closes_a_queue_and_changes_a_skill(make_center):
    c = center_of_three(make_center)
    phone = idle_phone(c, 1002)
    c.daemon.command('queue close sales')
    assert c.queue_row('sales')['closed']
    refused = c.caller('111').call('3001')
    c.net.wait(lambda: refused.state == 'ended', 10, 'end of a call to a closed queue')
    assert c.visits() == [('111', 'sales', 'closed', 0)]
    c.daemon.command('queue open sales')
    assert not c.queue_row('sales')['closed']
    c.daemon.command('agent pause 1001')  # so that the caller waits for somebody like her
    call = c.enqueue('222')
    assert c.show('waiting')[0]['step'] == 0
    c.daemon.command('agent skill 1002 english 4')
    phone.wait_call().answer()
    c.until_agent(1002, 'ready', 'talking')
    assert c.visits()[1] == ('222', 'sales', 'answered', 0)
    call.bye()
    c.daemon.command('agent skill 1002 english reset')
    c.until_agent(1002, 'ready', 'wrapup')
    c.daemon.command('agent disposition 1002 sold')
    c.daemon.command('agent done 1002')
    c.until_no_calls()
