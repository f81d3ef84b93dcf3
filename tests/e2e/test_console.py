# SPDX-License-Identifier: Apache-2.0
"""The console over TCP, as a telnet user meets it, and over the unix socket through callfloorctl."""
import json
import os
import socket
import subprocess
import time

import pytest
from daemon import free_port


def crypted(password):
    return subprocess.run(['openssl', 'passwd', '-6', '-salt', 'callfloor', password], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()


class Telnet:
    """A raw connection; read() until something is there."""

    def __init__(self, port):
        self.sock = socket.create_connection(('127.0.0.1', port), 5)
        self.sock.settimeout(0.1)
        self.raw, self.closed = b'', False

    def pump(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.closed:
            try:
                data = self.sock.recv(65536)
                self.closed = not data
                self.raw += data
            except (TimeoutError, socket.timeout):
                return
            except OSError:
                self.closed = True

    def expect(self, text, timeout=5.0, since=0):
        end = time.monotonic() + timeout
        while text.encode() not in self.raw[since:]:
            assert time.monotonic() < end and not self.closed, 'no %r in %r (closed: %s)' % (text, self.raw[-500:], self.closed)
            self.pump(0.2)
        return self.raw[since:].decode('utf-8', 'replace')

    def send(self, text):
        self.sock.sendall(text.encode() if isinstance(text, str) else text)

    def ask(self, line, expect):
        since = len(self.raw)
        self.send(line + '\r\n')
        return self.expect(expect, since=since)

    def login(self, user, password):
        self.expect('ogin')
        self.send(user + '\r\n')
        self.expect('assword')
        self.send(password + '\r\n')
        return self

    def wait_closed(self, timeout=5.0):
        end = time.monotonic() + timeout
        while not self.closed:
            assert time.monotonic() < end, 'connection still open: %r' % self.raw[-300:]
            self.pump(0.2)

    def close(self):
        self.sock.close()


@pytest.fixture
def console(make_center):
    port = free_port()
    center = make_center(console={'address': '127.0.0.1', 'port': port, 'sessions': 4, 'idle_ms': 2500}, users=[
        {'name': 'anna', 'password_hash': crypted('walrus'), 'admin': True},
        {'name': 'bert', 'password_hash': crypted('penguin'), 'admin': False}])
    center.console_port = port
    return center


def test_login_and_commands(console):
    t = Telnet(console.console_port).login('anna', 'walrus')
    t.ask('show agents', '1001')
    t.ask('help', 'show queues')
    assert b'walrus' not in t.raw  # the password is not echoed
    assert b'\xff\xfb\x01' in t.raw  # IAC WILL ECHO: the terminal is told not to echo either
    t.send('quit\r\n')
    t.wait_closed()


def test_a_viewer_may_look_but_not_touch(console):
    t = Telnet(console.console_port).login('bert', 'penguin')
    t.ask('show queues', 'sales')
    before = console.agent_state(1001)
    since = len(t.raw)
    t.send('agent logout 1001\r\n')
    t.pump(1.0)
    t.ask('show agents', '1002')
    assert console.agent_state(1001) == before
    assert b'admin' in t.raw[since:].lower() or b'not allowed' in t.raw[since:].lower() or b'permi' in t.raw[since:].lower()


def test_wrong_password_and_lock_out(console):
    t = Telnet(console.console_port)
    for _ in range(3):
        if t.closed:
            break
        since = len(t.raw)
        t.expect('ogin', since=0)
        t.send('anna\r\n')
        t.pump(0.5)
        t.send('wrong\r\n')
        t.pump(2.5)
        assert b'show' not in t.raw[since:].lower()
    t.wait_closed(10)  # thrown out after so many failures
    console.daemon.wait_log('(?i)console.*(fail|denied|refused|wrong|lock)')


def test_a_user_who_does_not_exist(console):
    t = Telnet(console.console_port).login('nobody', 'walrus')
    since = len(t.raw)
    t.pump(2.0)
    t.send('show agents\r\n')
    t.pump(1.0)
    assert b'1001' not in t.raw[since:]


def test_too_long_line(console):
    """Refused with a message, the session stays usable, memory stays bounded."""
    t = Telnet(console.console_port).login('anna', 'walrus')
    t.ask('show version', 'callfloor')
    since = len(t.raw)
    t.send('show ' + 'x' * 100000 + '\r\n')
    t.expect('too long', since=since)
    t.ask('show version', 'callfloor')
    # The same before login, and without any end of line.
    u = Telnet(console.console_port)
    u.send(b'y' * 1000000)
    u.pump(1.0)
    assert console.daemon.alive()
    assert console.daemon.command('show version')


def test_unknown_command(console):
    t = Telnet(console.console_port).login('anna', 'walrus')
    answer = t.ask('make coffee', 'nknown')
    assert 'coffee' in answer or 'make' in answer
    t.ask('show nonsense', 'nknown')


def test_telnet_negotiation_and_rubbish(console):
    t = Telnet(console.console_port)
    t.send(b'\xff\xfd\x03\xff\xfb\x18\xff\xfa\x18\x00xterm\xff\xf0\xff\xf6\xff')
    t.send(b'\xff\xfa' + b'\x00' * 100000)  # a subnegotiation without end
    t.pump(0.5)
    t.close()
    t = Telnet(console.console_port)
    t.send(bytes(range(256)) * 50)
    t.pump(0.5)
    t.close()
    Telnet(console.console_port).login('anna', 'walrus').ask('show version', 'callfloor')


def test_idle_sessions_and_too_many(console):
    sessions = [Telnet(console.console_port) for _ in range(4)]
    for s in sessions:
        s.expect('ogin')
    fifth = Telnet(console.console_port)
    fifth.wait_closed()
    assert b'ogin' not in fifth.raw
    for s in sessions:  # nobody says a word
        s.wait_closed(6)
    Telnet(console.console_port).login('anna', 'walrus').ask('show version', 'callfloor')


def test_a_reader_who_does_not_read(console):
    """A supervisor's terminal that hangs: the daemon neither waits nor fills its memory."""
    t = Telnet(console.console_port).login('anna', 'walrus')
    t.ask('show version', 'callfloor')
    before = console.daemon.rss_kb()
    t.sock.setblocking(False)
    try:
        for _ in range(20000):
            t.sock.send(b'help\r\n')
    except OSError:
        pass
    time.sleep(0.5)
    assert console.daemon.command('show version')
    assert console.daemon.rss_kb() - before < 40000
    t.close()


# ---- callfloorctl ----

def test_ctl_tables_and_json(center):
    text = center.daemon.command('show agents')
    assert text.splitlines()[0].lower().startswith('agent') and '1001' in text
    for what in ('calls', 'queues', 'agents', 'trunks', 'registrations', 'store', 'version', 'stats', 'stats today'):
        assert center.daemon.command('show ' + what) != '' or what in ('calls',)
        center.daemon.json('show ' + what)
    version = center.daemon.json('show version')
    assert 'version' in json.dumps(version)


def test_ctl_errors(center):
    r = center.daemon.command('make coffee', check=False)
    assert r.returncode != 0 and 'nknown' in r.stdout + r.stderr
    r = center.daemon.command('show ' + 'x' * 60000, check=False)
    assert r.returncode != 0 and r.stdout + r.stderr
    r = center.daemon.command('agent', check=False)
    assert r.returncode != 0
    missing = subprocess.run([center.daemon.ctl, '-s', os.path.join(center.folder, 'none'), 'show', 'calls'],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=10)
    assert missing.returncode != 0 and 'none' in missing.stdout


def test_ctl_interactive(center):
    """Without a command lines come from the standard input."""
    r = subprocess.run([center.daemon.ctl, '-s', center.daemon.socket], input='show agents\nshow queues\nquit\n', text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
    assert '1001' in r.stdout and 'sales' in r.stdout


def test_socket_is_for_the_owner_only(center):
    assert os.stat(center.daemon.socket).st_mode & 0o007 == 0


def test_call_hangup(center):
    phone = center.agent(1001)
    call = center.caller(tone=0).call('3001').wait('up')
    phone.wait_call().wait('up')
    row = center.show('calls')[0]
    center.daemon.command('call hangup %s' % row['call'])
    call.wait('ended')
    phone.wait_call().wait('ended')
    assert center.daemon.command('call hangup 999999', check=False).returncode != 0


def test_log_level(center):
    center.daemon.command('log level sip debug')
    since = len(center.daemon.log())
    center.agent(1001)
    center.daemon.wait_log(' debug sip .*agent="1001"', since=since)
    center.daemon.command('log level sip info')
    assert center.daemon.command('log level nonsense debug', check=False).returncode != 0
    assert center.daemon.command('log level sip shouting', check=False).returncode != 0


def test_stats_of_today(center):
    phone = center.agent(1001, answer_after=0.3)
    for n in range(3):
        call = center.caller(n, tone=0).call('3001').wait('up')
        phone.wait_call(n + 1).wait('up')
        time.sleep(0.3)
        call.bye()
        center.until_agent(1001, 'ready', 'idle')
    gone = center.caller(9, tone=0).call('3002').wait('up')
    time.sleep(0.3)
    gone.bye()
    center.until_no_calls()
    stats = center.show('stats today')
    queues = {q['queue']: q for q in stats['queues']}
    agents = {a['agent']: a for a in stats['agents']}
    assert (queues['sales']['offered'], queues['sales']['answered']) == (3, 3)
    assert queues['support']['offered'] == 1
    assert queues['support']['answered'] == 0
    assert agents['1001']['handles'] == 3
