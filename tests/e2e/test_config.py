# SPDX-License-Identifier: Apache-2.0
"""Configuration as the user meets it: callfloord -t on good and broken files, and reloads of a running daemon."""
import glob
import os
import re
import signal
import subprocess
import time

import pytest
from center import TONES, agent, config, queue
from daemon import ROOT, check_config, write_config

GOOD = write_config(config('/tmp', 5060))


def broken(find, replace, count=1):
    assert find in GOOD, find
    return GOOD.replace(find, replace, count)


# What is broken, and what the message must name beside the file and the line.
BROKEN = {
    'syntax': (broken('general = {', 'general = {{'), 'syntax'),
    'unknown group': (GOOD + 'nonsense = { a = 1; };\n', 'nonsense'),
    'unknown option': (broken('realm =', 'relam ='), 'relam'),
    'number as text': (broken('max_calls = 500', 'max_calls = "many"'), 'max_calls'),
    'text as number': (broken('realm = "callfloor.test"', 'realm = 5'), 'realm'),
    'below the range': (broken('node = 1;', 'node = 0;'), 'node'),
    'above the range': (broken('node = 1;', 'node = 500;'), 'node'),
    'negative': (broken('max_calls = 500', 'max_calls = -1'), 'max_calls'),
    'no such port': (broken('port = 5060', 'port = 70000'), 'port'),
    'bad address': (broken('address = "127.0.0.1"', 'address = "127.0.0.256"'), 'address'),
    'bad transport': (broken('transport = "tcp"', 'transport = "sctp"'), 'transport'),
    'ports the wrong way round': (broken('port_max = ', 'port_max = 2; # '), 'port_max'),
    'unknown queue of an agent': (broken('queues = [ "sales" ]', 'queues = [ "sails" ]'), 'sails'),
    'unknown target': (broken('target = "queue:sales"', 'target = "queue:sails"'), 'sails'),
    'target of no kind': (broken('target = "queue:sales"', 'target = "fly:sales"'), 'fly'),
    'two agents with one id': (broken('id = "1002"', 'id = "1001"'), '1001'),
    'two queues with one name': (broken('name = "support"', 'name = "sales"'), 'sales'),
    'two equal numbers': (broken('number = "3002"', 'number = "3001"'), '3001'),
    'a digit that is none': (broken('digit = "1"', 'digit = "x"'), 'digit'),
    'the same digit twice': (broken('digit = "2"', 'digit = "1"'), 'digit'),
    'agent without password or contact': (broken('password = "secret1001";', ''), 'password'),
    'ha1 of the wrong length': (broken('password = "secret1001"', 'ha1 = "abc"'), 'ha1'),
    'plain password of a console user': (GOOD + 'users = ( { name = "a"; password_hash = "secret"; admin = true; } );\n',
                                         'password_hash'),
    'unknown skill': (broken('queues = [ "sales" ];', 'queues = [ "sales" ]; skills = [ "klingon:3" ];'), 'klingon'),
    'strategy of no kind': (broken('ring_ms =', 'strategy = "loudest"; ring_ms ='), 'strategy'),
    'missing include': (GOOD + '@include "not-there.conf"\n', 'not-there.conf'),
    'prompt with a path': (broken('welcome = "welcome"', 'welcome = "../../etc/passwd"'), 'welcome'),
    'option twice': (broken('node = 1;', 'node = 1; node = 2;'), 'node'),
}


def test_the_good_file_is_good():
    status, output = check_config(GOOD)
    assert status == 0, output


@pytest.mark.parametrize('what', sorted(BROKEN))
def test_broken_file(what):
    text, named = BROKEN[what]
    status, output = check_config(text)
    assert status not in (0, None) and status > 0, 'status %s: %s' % (status, output)
    assert named in output, output
    assert re.search(r'\.conf:[1-9]\d*: ', output), output  # FILE:LINE: PATH: what is wrong


def test_the_broken_file_is_refused_at_the_start_too(tmp_path):
    path = tmp_path / 'callfloord.conf'
    path.write_text(BROKEN['unknown option'][0])
    r = subprocess.run([os.path.join(os.environ.get('CALLFLOOR_BUILD', 'build'), 'callfloord'), '-c', str(path)],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20)
    assert r.returncode > 0 and 'relam' in r.stdout


def test_a_missing_file_and_wrong_options(tmp_path):
    program = os.path.join(os.environ.get('CALLFLOOR_BUILD', 'build'), 'callfloord')
    run = lambda *a: subprocess.run([program] + list(a), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True, timeout=20)
    r = run('-t', '-c', str(tmp_path / 'none.conf'))
    assert r.returncode > 0 and 'none.conf' in r.stdout
    assert run('-x').returncode > 0
    assert run('-c').returncode > 0
    assert run('too', 'much').returncode > 0
    version = run('-V')
    assert version.returncode == 0 and version.stdout.startswith('callfloord ')
    (tmp_path / 'binary.conf').write_bytes(bytes(range(256)) * 100)
    assert run('-t', '-c', str(tmp_path / 'binary.conf')).returncode > 0
    assert run('-t', '-c', str(tmp_path)).returncode > 0  # a folder


def test_a_connection_string_that_is_none(tmp_path):
    path = tmp_path / 'callfloord.conf'
    path.write_text(broken('database = ""', 'database = "dbname"'))
    program = os.path.join(os.environ.get('CALLFLOOR_BUILD', 'build'), 'callfloord')
    for options in (['-t'], []):
        r = subprocess.run([program, '-c', str(path)] + options, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, timeout=20)
        assert r.returncode == 1, r.stdout
        assert 'store.database: missing' in r.stdout and 'after' in r.stdout, r.stdout


def test_several_mistakes_are_told_at_once():
    status, output = check_config(broken('node = 1;', 'node = 0;').replace('realm =', 'relam ='))
    assert status > 0
    assert 'node' in output and 'relam' in output


@pytest.mark.parametrize('path', sorted(glob.glob(os.path.join(ROOT, 'tests', 'conf-bad', '*.conf'))) or ['none'])
def test_collection_of_broken_files(path):
    """tests/conf-bad: each file's first line says what the message must contain: `# expect: TEXT`."""
    if path == 'none':
        pytest.skip('no tests/conf-bad')
    program = os.path.join(os.environ.get('CALLFLOOR_BUILD', 'build'), 'callfloord')
    r = subprocess.run([program, '-t', '-c', path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, timeout=20)
    assert r.returncode > 0, r.stdout
    assert os.path.basename(path) in r.stdout, r.stdout
    first = open(path, errors='replace').readline()
    if 'expect:' in first:
        assert first.split('expect:', 1)[1].strip() in r.stdout, r.stdout


@pytest.mark.parametrize('path', ['conf/callfloord.conf', 'conf/examples/bench.conf', 'conf/examples/helpdesk.conf'])
def test_shipped_files_are_good(path):
    if not os.path.exists(os.path.join(ROOT, path)):
        pytest.skip('not there')
    program = os.path.join(os.environ.get('CALLFLOOR_BUILD', 'build'), 'callfloord')
    r = subprocess.run([program, '-t', '-c', os.path.join(ROOT, path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, timeout=20)
    assert r.returncode == 0, r.stdout


# ---- reload ----

def test_reload_of_a_good_file_by_sighup(make_center):
    c = make_center()
    phone = c.agent(1001, tone=600)
    call = c.caller(tone=440).call('3001').wait('up')
    call.rtp.wait_tone(600)
    conf = dict(c.conf, agents=c.conf['agents'] + [agent(1003, 'new')], queues=c.conf['queues'] + [queue('new')],
                numbers=c.conf['numbers'] + [{'number': '3010', 'target': 'queue:new'}])
    c.daemon.write(conf)
    c.daemon.signal(signal.SIGHUP)
    c.until(lambda: any(q['queue'] == 'new' for q in c.show('queues')), what='the new queue')
    time.sleep(0.3)
    assert call.state == 'up' and phone.wait_call().state == 'up'  # nobody noticed
    mark = call.rtp.now()
    time.sleep(0.3)
    assert call.rtp.share(600, mark) > 0.9
    newcomer = c.agent(1003, tone=650)
    second = c.caller('222', tone=0).call('3010').wait('up')
    second.rtp.wait_tone(650)
    assert len(newcomer.incoming) == 1
    second.bye()
    call.bye()
    assert any('RELOADING=1' in n for n in c.daemon.notified)


def test_reload_of_a_bad_file_changes_nothing(make_center):
    c = make_center()
    phone = c.agent(1001, tone=600)
    c.daemon.allow_error('reload|conf')
    before = c.show('queues')
    since = len(c.daemon.log())
    c.daemon.write(write_config(c.conf).replace('realm =', 'relam =').replace('name = "support"', 'name = "helpdesk"'))
    c.daemon.signal(signal.SIGHUP)
    c.daemon.wait_log('relam', since=since)  # says why
    r = c.daemon.command('reload', check=False)
    assert r.returncode != 0 and 'relam' in r.stdout + r.stderr
    assert [q['queue'] for q in c.show('queues')] == [q['queue'] for q in before]
    call = c.caller(tone=0).call('3001').wait('up')
    phone.wait_call().wait('up')
    call.rtp.wait_tone(600)
    call.bye()


def test_reload_without_an_agent_and_a_queue_in_use(make_center):
    """What has gone from the file while it was in use: calls end well, nobody is stuck."""
    c = make_center()
    phone = c.agent(1001, tone=600)
    talking = c.caller('111', tone=440).call('3001').wait('up')
    phone.wait_call().wait('up')
    waiting = c.caller('222', tone=0).call('3002').wait('up')
    c.until(lambda: c.queue_row('support')['waiting'] == 1, what='the waiting call')
    c.daemon.write(dict(c.conf, agents=[agent(1002, 'sales')], queues=[queue('sales')], menus=[],
                        numbers=[{'number': '3001', 'target': 'queue:sales'}]))
    c.daemon.command('reload')
    waiting.wait('ended')  # its queue has gone and there is no overflow
    time.sleep(0.3)
    talking.rtp.wait_tone(600)  # a talk in progress goes on
    talking.bye()
    c.until_no_calls()
    assert [a['agent'] for a in c.show('agents')] == ['1002']
    c.until_stored()
    assert [v['result'] for v in c.sql("SELECT * FROM callfloor.visit WHERE queue = 'support'")] == ['withdrawn']


def test_reload_loads_new_prompts(make_center):
    import audio
    c = make_center()
    audio.write_tone(os.path.join(c.folder, 'prompts', 'news.wav'), 900, 1.0)
    c.daemon.write(dict(c.conf, numbers=c.conf['numbers'] + [{'number': '3020', 'target': 'loop:news'}]))
    before = len(c.daemon.log())
    c.daemon.command('reload')
    c.daemon.wait_log('event=prompts ', since=before)  # new files are read on a thread of their own
    call = c.caller(tone=0).call('3020').wait('up')
    call.rtp.wait_tone(900)
    old = c.caller('2', tone=0).call('3009').wait('up')
    old.rtp.wait_tone(TONES['music2'])
    for x in (call, old):
        x.bye()
