# SPDX-License-Identifier: Apache-2.0
"""The wallboard's HTTP interface on the running daemon: what it shows of real calls, who may see it, reload, drain."""
import base64
import json
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from daemon import free_port


def crypted(password):
    return subprocess.run(['openssl', 'passwd', '-6', '-salt', 'callfloor', password], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()


@pytest.fixture
def web(make_center):
    port = free_port()
    center = make_center(web={'address': '127.0.0.1', 'port': port}, users=[
        {'name': 'bert', 'password_hash': crypted('penguin'), 'admin': False}])

    def get(path, login='bert:penguin'):
        """Status, headers, text."""
        request = urllib.request.Request('http://127.0.0.1:%d%s' % (port, path))
        if login:
            request.add_header('Authorization', 'Basic ' + base64.b64encode(login.encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()
    center.get = get
    return center


def metric(center, name):
    for line in center.get('/metrics')[2].splitlines():
        if line.startswith(name + ' '):
            return int(line.split()[-1])
    raise AssertionError('no metric ' + name)


def test_a_call_is_seen(web):
    phone = web.agent(1001)
    assert json.loads(web.get('/api/v1/calls')[2]) == []
    call = web.caller(tone=0).call('3001').wait('up')
    phone.wait_call().wait('up')
    waiting = web.caller(1, tone=0).call('3001').wait('up')
    time.sleep(0.7)  # an answer is shared for half a second
    calls = json.loads(web.get('/api/v1/calls')[2])
    assert sorted(c['state'] for c in calls) == ['queued', 'talking']
    queues = {q['queue']: q for q in json.loads(web.get('/api/v1/queues')[2])}
    assert (queues['sales']['waiting'], queues['sales']['talking']) == (1, 1)
    agents = {a['agent']: a for a in json.loads(web.get('/api/v1/agents')[2])}
    assert agents['1001']['activity'] == 'talking'
    assert metric(web, 'callfloor_calls') == 2
    assert metric(web, 'callfloor_queue_waiting{queue="sales"}') == 1
    waiting.bye()
    call.bye()
    web.until_no_calls()
    time.sleep(0.7)
    stats = json.loads(web.get('/api/v1/stats')[2])
    assert [q['offered'] for q in stats['queues'] if q['queue'] == 'sales'] == [2]
    assert metric(web, 'callfloor_calls_total') == 2


def test_who_may_look(web):
    for path in ('/', '/api/v1/calls', '/metrics'):
        status, headers, _ = web.get(path, None)
        assert status == 401 and headers['WWW-Authenticate'].startswith('Basic ')
    assert web.get('/', 'bert:walrus')[0] == 401
    status, headers, page = web.get('/')
    assert status == 200 and '<title>Callfloor</title>' in page
    assert "default-src 'none'" in headers['Content-Security-Policy']
    assert web.get('/health', None)[0] == 200
    for _ in range(6):
        last = web.get('/', 'bert:wrong')[0]
    assert last == 429
    assert web.get('/')[0] == 200  # proven a moment ago


def test_drain_is_told(web):
    web.agent(1001)
    call = web.caller(tone=0).call('3001').wait('up')
    web.daemon.command('drain')
    status, _, text = web.get('/health', None)
    assert (status, text) == (503, 'draining\n')
    call.bye()
