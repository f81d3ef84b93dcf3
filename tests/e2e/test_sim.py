# SPDX-License-Identifier: Apache-2.0
"""callfloor-sim: days of calls in virtual time, as a user runs them: reports, what-if, recorded days."""
import json
import os
import resource
import subprocess
import time

import pytest
from center import agent, queue
from daemon import ROOT

EXAMPLES = os.path.join(ROOT, 'conf', 'examples')
HELPDESK, SCENARIO = os.path.join(EXAMPLES, 'helpdesk.conf'), os.path.join(EXAMPLES, 'scenario.conf')


def run(build, *arguments, status=0):
    r = subprocess.run([os.path.join(build, 'callfloor-sim')] + list(arguments), stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
    assert r.returncode == status, r.stdout[-2000:] + r.stderr[-2000:]
    return r.stderr if status == 2 else r.stdout


def simulate(build, *arguments):
    """The report, and the CPU seconds it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = json.loads(run(build, '--json', *arguments))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return report, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.fixture(scope='module')
def day(build):
    """50 agents, 20,000 calls, invariants checked after every event."""
    return simulate(build, '--seed', '1')


# ---- the default day

def test_a_day_of_20000_calls(day):
    report, _ = day
    assert report['calls'] >= 20000
    assert 'broken' not in report


def test_it_takes_less_than_5_seconds(build, day):
    """CPU seconds, best of three: other tests run beside this one. Sanitizers may take ten times as long."""
    limit = 50.0 if os.path.basename(build) in ('asan', 'tsan') else 5.0
    assert day[1] < limit or simulate(build, '--seed', '1')[1] < limit or simulate(build, '--seed', '1')[1] < limit


def test_the_same_seed_gives_the_same_day(build, day):
    assert simulate(build, '--seed', '1', '--no-check')[0]['hash'] == day[0]['hash']  # looking changes nothing
    assert simulate(build, '--seed', '2', '--no-check')[0]['hash'] != day[0]['hash']


@pytest.mark.parametrize('name, options', [('clang', ['CC=clang']), ('asan', ['SAN=asan'])])
def test_other_compilers_give_the_same_hash(build, day, name, options):
    """gcc (the day), clang and the sanitizers: one hash. Built into folders of their own beside this build."""
    other = build if build.endswith('/' + name) else os.path.join(build, name)
    r = subprocess.run(['make', '-s', '-j2', 'BUILD=' + other] + options + [os.path.join(other, 'callfloor-sim')], cwd=ROOT,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400)
    assert r.returncode == 0, r.stdout[-3000:]
    assert simulate(other, '--seed', '1')[0]['hash'] == day[0]['hash']


def test_the_report_adds_up(day):
    report, _ = day
    for q in report['queues']:
        assert sum(q['ends'].values()) == q['offered']
        assert q['ends'].get('answered', 0) == q['answered'] and q['ends'].get('abandoned', 0) == q['abandoned']
    for name in ('answered', 'abandoned'):
        assert sum(q[name] for q in report['queues']) == report[name]
    assert sum(q['offered'] for q in report['queues']) == report['visits']
    assert len(report['intervals']) == 48 and len(report['agents']) == 50
    for interval in report['intervals']:
        assert sum(q['arrived'] for q in interval['queues'].values()) == interval['arrived']
    for a in report['agents']:
        parts = sum(a[part + '_s'] for part in ('talk', 'hold', 'wrap', 'ring', 'idle', 'pause', 'other'))
        assert abs(parts - a['logged_in_s']) < 0.01 and 0 <= a['occupancy'] <= 1


# ---- for people

def test_tables_for_people(build):
    text = run(build, '-c', HELPDESK, '-s', SCENARIO)
    report = json.loads(run(build, '-c', HELPDESK, '-s', SCENARIO, '--json'))
    lines = text.splitlines()
    assert lines[0] == 'Monday 2026-03-02, 08:00 to 18:00, 15 agents, seed 1'
    head = next(i for i, line in enumerate(lines) if line.startswith('queue '))
    english = next(q for q in report['queues'] if q['queue'] == 'english')
    row = lines[head + 1].split()
    assert row[:4] == ['english', str(english['offered']), str(english['answered']), str(english['abandoned'])]
    assert len({len(line) for line in lines[head:head + 6]}) == 1, 'columns are not aligned'
    assert any(line.startswith('08:30 ') for line in lines) and any(line.startswith('1001 ') for line in lines)
    assert 'second-level, other ends: ' in text and ' closed' in text  # by its supervisor, at 17:30
    first = run(build, '-c', HELPDESK, '-s', SCENARIO, '--queue', 'polish', '--interval', '60')
    assert 'Callers of queue polish' in first and '08:30 ' not in first


def test_mistakes_are_told_with_their_line(build, folder):
    path = os.path.join(folder, 'scenario.conf')
    with open(path, 'w') as f:
        f.write('hours = 2;\nno_anwser = 0.5;\n')
    assert run(build, '-s', path, status=2).startswith(path + ":2: unknown option 'no_anwser' (expected begin, hours,")
    with open(path, 'w') as f:
        f.write('\narrivals = ( { queue = "nowhere"; calls = 5; } );\n')
    assert run(build, '-s', path, status=2) == path + ":2: queue 'nowhere': the configuration has no such queue\n"
    assert 'cannot be read' in run(build, '-s', '/nonexistent', status=2)
    assert 'cannot be read' in run(build, '--replay', '/nonexistent', status=2)
    assert '--seed wants a whole number' in run(build, '--seed', 'x', status=2)
    assert "no queue 'x'" in run(build, '--queue', 'x', status=2)
    assert 'is not an option' in run(build, 'x', status=2)
    assert 'for one run' in run(build, '--runs', '2', '--record', '/nonexistent/x', status=2)
    assert 'No such file' in run(build, '--calls', '10', '--record', '/nonexistent/x', status=2)
    assert 'usage: callfloor-sim' in run(build, '--nonsense', status=2)


# ---- what if

def test_two_configurations_side_by_side(build, folder):
    """With five agents fewer the same callers are served worse; the interval says how sure that is."""
    other = os.path.join(folder, 'fewer.conf')
    with open(HELPDESK) as f:
        text = f.read()
    assert '"1001-1008"' in text
    with open(other, 'w') as f:
        f.write(text.replace('"1001-1008"', '"1001-1003"'))
    arguments = ['-c', HELPDESK, '-s', SCENARIO, '--compare', other, '--runs', '6', '--no-check']
    report = json.loads(run(build, *arguments, '--json'))
    assert (report['a'], report['b'], report['runs']) == (HELPDESK, other, 6)
    everybody = report['queues'][0]
    level = everybody['service_level']
    assert everybody['queue'] == 'all'
    assert abs(level['b']['mean'] - level['a']['mean'] - level['difference']) < 1e-5
    assert level['difference'] + level['half_95'] < -0.05
    assert 0 < everybody['offered']['difference'] < 60  # more are lost, and some of them call again
    text = run(build, *arguments)
    row = next(line for line in text.splitlines() if line.startswith('service level'))
    assert row.endswith('worse') and ' ± ' in row
    with_them = json.loads(run(build, '-c', other, '-s', SCENARIO, '--without', '2001-2003', '--json'))
    assert {a['agent'] for a in with_them['agents']} == {'1001', '1002', '1003', '1009', '1010', '1011', '1012'}


# ---- recorded days

def test_a_simulated_day_is_recorded_and_replayed(build, folder):
    path = os.path.join(folder, 'day.json')
    report = json.loads(run(build, '-c', HELPDESK, '-s', SCENARIO, '--record', path, '--json'))
    again = json.loads(run(build, '-c', HELPDESK, '--replay', path, '--json'))
    assert abs(again['visits'] - report['visits']) < 0.03 * report['visits']
    assert abs(again['service_level'] - report['service_level']) < 0.05
    assert again['unplaced'] == 0
    before, after = ({a['agent']: a['logged_in_s'] for a in r['agents']} for r in (report, again))
    assert set(before) == set(after)
    # at the end of the day they stay for those who still wait
    assert all(abs(after[a] - before[a]) < (5 if a < '1009' else 1800) for a in before)
    # nobody from elsewhere: the recording names no number
    with open(path) as f:
        lines = [json.loads(line) for line in f]
    assert [line['kind'] for line in lines].count('day') == 1
    callers = [line['caller'] for line in lines if line['kind'] == 'contact']
    assert all(len(c) == 12 and not c.startswith('485') for c in callers)


def test_a_day_of_the_daemon_is_replayed(build, make_center, folder):
    """Real calls, PostgreSQL, callfloor.replay() by psql as the manual says, and the simulator under the daemon's own
    configuration."""
    c = make_center(queues=[queue('sales', wrapup_ms=500), queue('support')],
                    agents=[agent(1001, 'sales'), agent(1002, 'sales')])
    phone = c.agent(1001, answer_after=0.3)
    first = c.caller('+420111', tone=0).call('3001').wait('up')
    phone.wait_call().wait('up')
    time.sleep(1.2)
    lost = c.caller('+420222', tone=0).call('3000').wait('up')  # by the menu; 1001 is talking, nobody else is there
    lost.rtp.send_digits('1')
    c.until(lambda: any(row['caller'] == '+420222' and row['state'] == 'queued' for row in c.show('calls')))
    time.sleep(0.7)
    lost.bye()
    first.bye()
    c.until_agent(1001, 'ready', 'idle')
    c.until_stored()
    path = os.path.join(folder, 'day.json')
    sql = "SELECT callfloor.replay(now() - interval '10 minutes', now() + interval '10 minutes')"
    with open(path, 'w') as f:
        f.write(c.postgres.psql(c.database, sql, '-At'))
    with open(path) as f:
        lines = [json.loads(line) for line in f]
    contacts = [line for line in lines if line['kind'] == 'contact']
    answered, abandoned = contacts
    assert (answered['queue'], answered['result'], answered['agent'], answered['called']) == \
        ('sales', 'answered', '1001', '3001')
    assert 1000 < answered['talk_ms'] < 3500 and 200 < answered['ring_ms'] < 1500 and 400 < answered['wrap_ms'] < 800
    assert (abandoned['queue'], abandoned['result'], abandoned['called']) == ('sales', 'abandoned', '3000')
    assert 600 < abandoned['wait_ms'] < 2500 and 'talk_ms' not in abandoned
    assert '420' not in answered['caller'] + abandoned['caller'] and answered['caller'] != abandoned['caller']
    presence = [line for line in lines if line['kind'] == 'presence' and line['agent'] == '1001']
    assert presence[-1]['presence'] == 'ready' and presence[0]['to_ms'] <= presence[-1]['to_ms']
    report = json.loads(run(build, '-c', c.daemon.path, '--replay', path, '--json'))
    sales = next(q for q in report['queues'] if q['queue'] == 'sales')
    assert (sales['answered'], sales['abandoned']) == (1, 1)
    assert abs(sales['aht_s'] * 1000 - answered['talk_ms'] - answered['wrap_ms']) < 100
    more = json.loads(run(build, '-c', c.daemon.path, '--replay', path, '--with', '1002', '--json'))
    assert (more['answered'], more['abandoned']) == (2, 0)  # with one agent more nobody is lost
