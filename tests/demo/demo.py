#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A whole call center on this terminal for about a minute: PostgreSQL, callfloord, two agents and six callers with real
SIP and RTP (sipp; one caller is a phone of our own that listens to what it hears), live; then the rows in PostgreSQL.

    make demo            ends by itself, leaves nothing running
    make demo KEEP=1     stays up afterwards, for a softphone of yours"""
import argparse
import fcntl
import math
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), 'e2e'), os.path.join(os.path.dirname(HERE), 'prompts'), HERE]

import audio  # noqa: E402
import make as prompts  # noqa: E402
from center import TRUNK, queue  # noqa: E402
from daemon import ROOT, Daemon, free_port  # noqa: E402
from phone import Net, Phone  # noqa: E402
from postgres import Postgres  # noqa: E402
from screen import Screen  # noqa: E402
from sipp import Sipp, wait_port  # noqa: E402

REALM = 'callfloor'
AGENTS = {'1001': ('Anna', 'en+f3', 'Sales, this is Anna speaking. What can I do for you? I will look that up at once.'),
          '1002': ('Ben', 'en+m3', 'Support, my name is Ben. Please tell me what happened. We will find out together.')}
# when, name, number, digit, patience in seconds
CALLERS = ((0, 'Alice', '+42060010000', '1', 60), (3, 'Bob', '+42060020000', '2', 60), (7, 'Carol', '+42060030000', '1', 60),
           (8, 'Dave', '+42060040000', '2', 7), (16, 'Frank', '+42060060000', '2', 60))
LISTENER = (13, 'Eve', '+420600500001', '1')  # our own phone: RFC 4733 digit, and it analyses the audio
TALK_MS, RING_MS, WRAP_MS = 10000, 1500, 3000
EVE_HZ = 1900  # what Eve sends; nobody else's voice is there


def build_conf(folder, sip, address, postgres_dir, run, build, password):
    rtp = free_port(low=10000, high=17000)
    agents = [{'id': id, 'name': name, 'password': password, 'queues': ['sales'] if id == '1001' else ['support'],
               'auto_login': True} for id, (name, _, _) in AGENTS.items()]
    agents += [{'id': id, 'name': 'Softphone ' + id, 'password': password, 'queues': ['softphone'], 'auto_login': True}
               for id in ('1003', '1004')]
    return {
        'general': {'state_dir': os.path.join(folder, 'state'), 'prompts_dir': os.path.join(build, 'prompts'),
                    'pause_reasons': ['break', 'lunch', 'meeting']},
        'sip': {'listen': [{'transport': t, 'address': address, 'port': sip} for t in ('udp', 'tcp')], 'realm': REALM,
                'register_min_s': 30, 'agent_probe_ms': 0},
        'rtp': {'address': address, 'port_min': rtp, 'port_max': rtp + 999},
        'limits': {'drain_ms': 3000},
        'store': {'database': 'host=%s user=callfloor dbname=callfloor' % postgres_dir, 'sql_dir': os.path.join(ROOT, 'sql')},
        'console': {'socket': os.path.join(run, 'console.sock')},
        'trunks': [{'name': 'carrier', 'peers': [{'address': TRUNK}], 'probe': False}],
        'numbers': [{'number': '3000', 'target': 'menu:main'}, {'number': '3005', 'target': 'queue:softphone'}],
        'menus': [{'name': 'main', 'welcome': 'welcome', 'prompt': 'main-menu', 'invalid': 'invalid', 'timeout': 'timeout',
                   'goodbye': 'goodbye', 'choices': [{'digit': '1', 'target': 'queue:sales'},
                                                     {'digit': '2', 'target': 'queue:support'},
                                                     {'digit': '9', 'target': 'queue:softphone'}]}],
        'queues': [queue(name, wrapup_ms=WRAP_MS, ring_ms=15000, service_level_ms=10000, short_abandon_ms=2000)
                   for name in ('sales', 'support', 'softphone')],
        'agents': agents,
    }


def speech(folder, name, voice, text):
    """Spoken text as raw u-law, which sipp streams."""
    wav, raw = os.path.join(folder, name + '.wav'), os.path.join(folder, name + '.raw')
    subprocess.run(['espeak-ng', '-v', voice, '-s', '150', '-w', wav, text], check=True, stdin=subprocess.DEVNULL)
    subprocess.run(['sox', wav, '-t', 'ul', '-r', '8000', '-c', '1', raw, 'norm', '-6', 'pad', '0.2', '0.8'], check=True,
                   stdin=subprocess.DEVNULL)
    return raw


class Demo:
    def __init__(self, build, keep):
        self.build, self.keep = build, keep
        self.folder = os.path.join(build, 'demo')
        os.makedirs(build, exist_ok=True)
        self.lock = open(os.path.join(build, 'demo.lock'), 'w')
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit('A demonstration is already running in %s.' % build)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(os.path.join(self.folder, 'state'))
        self.run = tempfile.mkdtemp(prefix='cfdemo-')  # the console's socket: its path must be short
        self.password = secrets.token_hex(4)
        self.postgres = self.daemon = self.net = None
        self.sipps, self.callers, self.problems = [], [], []

    # -- building up

    def start(self, screen):
        screen.head('Prompts (espeak-ng), a private PostgreSQL, callfloord')
        prompts.make(os.path.join(self.build, 'prompts'))
        self.postgres = Postgres(os.path.join(self.folder, 'postgresql')).start()
        self.postgres.create_database('callfloor')
        address = '0.0.0.0' if self.keep else '127.0.0.1'
        self.sip = 5060 if self.keep and self.is_free(5060) else free_port(address)
        conf = build_conf(self.folder, self.sip, address, self.postgres.run_dir, self.run, self.build, self.password)
        self.daemon = Daemon(self.folder, conf, self.build)
        self.daemon.socket = conf['console']['socket']
        self.daemon.start()
        self.net = Net()
        screen.note('callfloord %d listens on %s:%d, console at %s' % (self.daemon.pid, address, self.sip, self.daemon.socket))
        screen.head('Two agents register with digest')
        for id, (name, voice, text) in AGENTS.items():
            self.agent(id, speech(self.folder, name, voice, text))
        end = time.monotonic() + 20
        while not all(a['activity'] == 'idle' for a in self.daemon.json('show agents') if a['agent'] in AGENTS):
            if time.monotonic() > end:
                raise RuntimeError('the agents did not register: %s' % self.daemon.command('show agents'))
            time.sleep(0.1)
        self.caller_voice = speech(self.folder, 'caller', 'en+f1', 'Hello, I have a question. I will tell you about it now.')

    @staticmethod
    def is_free(port):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET, kind) as s:
                try:
                    s.bind(('0.0.0.0', port))
                except OSError:
                    return False
        return True

    def sipp(self, *arguments):
        self.sipps.append(Sipp(*arguments))
        return self.sipps[-1]

    def agent(self, id, voice):
        port = free_port(low=20000, high=31000)
        here = ['-i', '127.0.0.1', '-mi', '127.0.0.1']
        self.sipp(self.folder, 'agent-' + id, 'agent', here + ['-p', port, '-mp', free_port(low=17000, high=18000)],
                  {'RING': RING_MS, 'TALK': TALK_MS, 'RAW': voice})
        wait_port('127.0.0.1', port)
        register = self.sipp(self.folder, 'register-' + id, 'register',
                             ['127.0.0.1:%d' % self.sip, '-p', free_port(), '-m', 1, '-timeout', 20] + here,
                             {'USER': id, 'PASSWORD': self.password, 'DOMAIN': REALM, 'CONTACT': '127.0.0.1:%d' % port})
        if register.wait(30):
            raise RuntimeError('agent %s was refused: %s' % (id, register.errors()))

    # -- the story

    def call(self, name, number, digit, patience):
        self.callers.append(self.sipp(
            self.folder, 'caller-' + name, 'caller_menu',
            ['127.0.0.1:%d' % self.sip, '-s', '3000', '-i', TRUNK, '-mi', TRUNK, '-p', free_port(TRUNK), '-mp',
             free_port(TRUNK, low=18000, high=19900), '-r', 1, '-m', 1, '-timeout', 120],
            {'NAME': name, 'CALLER': number, 'DIGIT': digit, 'THINK': 3000, 'PATIENCE': patience * 1000,
             'RAW': self.caller_voice}))

    def listen(self, name, number, digit):
        phone = Phone(self.net, ('127.0.0.1', self.sip), number, address=TRUNK, tone=EVE_HZ, display=name)
        self.eve = phone.call('3000')
        self.eve_digit = digit
        self.net.after(3.0, lambda: self.eve.rtp.send_digits(digit))

    def watch_music(self, calls):
        """What our own phone hears while it waits: remembered for the end."""
        if any(c['caller'] == LISTENER[2] and c['state'] in ('queued', 'waiting') for c in calls):
            if getattr(self, 'eve_waits_since', None) is None:
                self.eve_waits_since = self.eve.rtp.now()
        elif getattr(self, 'eve_waits_since', None) is not None and not hasattr(self, 'eve_waits_until'):
            self.eve_waits_until = self.eve.rtp.now()

    def play(self, screen):
        screen.head('The callers')
        screen.begin()
        plan = sorted([(at, self.call, a) for at, *a in CALLERS] + [(LISTENER[0], self.listen, LISTENER[1:])],
                      key=lambda x: x[0])
        began = time.monotonic()
        while time.monotonic() - began < 110:
            now = time.monotonic() - began
            while plan and plan[0][0] <= now:
                _, what, arguments = plan.pop(0)
                what(*arguments)
            calls, agents, queues = (self.daemon.json('show ' + w) for w in ('calls', 'agents', 'queues'))
            screen.update(calls, [a for a in agents if a['agent'] in AGENTS], [q for q in queues if q['queue'] != 'softphone'])
            self.watch_music(calls)
            over = not plan and not calls and not any(s.running() for s in self.callers) and self.eve.state == 'ended'
            if over and all(a['activity'] == 'idle' for a in agents if a['agent'] in AGENTS):
                break
            time.sleep(0.2)
        else:
            self.problems.append('the story did not come to its end within 110 s')
        screen.end()

    # -- what came of it

    def judge(self, screen):
        """The demonstration is a test, too: what was seen must be what is in the database."""
        screen.head('What Eve\'s phone heard')
        heard, half = self.eve.rtp, lambda a, b: audio_power(self.eve.rtp.heard(a, b))
        since, until = getattr(self, 'eve_waits_since', None), getattr(self, 'eve_waits_until', None)
        for what, a, b in (('the menu', 0, since), ('music while waiting', since, until), ('the agent', until, None)):
            loud = half(a, b) if (a is not None and (b is not None or what == 'the agent')) else -99.0
            screen.note('%-20s %s' % (what, 'yes, at %.0f dB' % loud if loud > -45 else 'NO'))
            if loud <= -45:
                self.problems.append('Eve did not hear ' + what)
        if heard.share(EVE_HZ) > 0.02:
            self.problems.append('Eve hears herself')
        end = time.monotonic() + 15
        while self.store()['pending'] and time.monotonic() < end:
            time.sleep(0.1)
        results = {r['caller_name']: r['result'] for r in self.rows('SELECT caller_name, result FROM callfloor.contact')}
        expected = {name: 'handled' for _, name, *_ in CALLERS + (LISTENER,)}
        expected['Dave'] = 'abandoned'
        if results != expected:
            self.problems.append('calls ended as %s, expected %s' % (results, expected))
        for s in self.callers:
            if s.stat().get('ok') != 1:
                self.problems.append('%s: %s %s' % (s.name, s.stat(), s.errors()[-300:]))
        wrong = self.rows('SELECT * FROM callfloor.check_records()')
        if wrong:
            self.problems.append('records do not fit together: %s' % wrong[:5])

    def store(self):
        rows = self.daemon.json('show store')
        return rows[0] if isinstance(rows, list) else rows

    def rows(self, sql):
        return self.postgres.rows('callfloor', sql)

    def tables(self, screen):
        for title, sql in (
                ('Calls (callfloor.v_call)',
                 "SELECT caller_name AS caller, to_char(start_at, 'HH24:MI:SS') AS start, menu_path AS menu, queues, "
                 'wait_s AS wait, agents AS agent, talk_s AS talk, wrap_s AS wrap, result, ended_by FROM callfloor.v_call ORDER BY id'),
                ('Offers to agents (callfloor.offer)',
                 "SELECT o.agent, c.caller_name AS caller, o.result, round(extract(epoch FROM end_at_ring.s), 1) AS ring_s "
                 'FROM callfloor.offer o JOIN callfloor.contact c ON c.id = o.contact_id, '
                 'LATERAL (SELECT o.end_at - o.ring_at AS s) end_at_ring ORDER BY o.id'),
                ('Customers (callfloor.customer), found or made by number',
                 'SELECT n.number, c.id, c.created_by, c.contacts FROM callfloor.customer c '
                 'JOIN callfloor.customer_number n ON n.customer_id = c.id ORDER BY c.id'),
                ('Queues today (callfloor.v_queue_day)',
                 'SELECT queue, offered, answered, abandoned, sl_negative AS "service level %", asa_s, longest_wait_s '
                 'FROM callfloor.v_queue_day ORDER BY queue'),
                ('Agents today (callfloor.v_agent_day)',
                 "SELECT agent, offers, handles, ring_s, talk_s, wrap_s, aht_s, occupancy FROM callfloor.v_agent_day "
                 "WHERE agent IN ('1001', '1002') ORDER BY agent")):
            screen.head(title)
            screen.table(self.postgres.psql('callfloor', sql, '-P', 'border=1', '-P', 'footer=off', '-P', 'pager=off'))

    def stay(self, screen):
        host = own_address()
        screen.head('The call center stays up. End it with Ctrl-C.')
        screen.note('Listens on all addresses of this machine until it is stopped.')
        screen.note('Register a softphone:  domain %s:%d (UDP or TCP)   user 1003 (a second one: 1004)   password %s' % (
            host, self.sip, self.password))
        screen.note('Call 3000 from it: the menu; 1 or 2 lead to Anna and Ben, 9 to the agents at 1003 and 1004.')
        screen.note('As an agent: calls to 3005 (or 3000, then 9) ring at your phone. *22 pauses (lunch), *30 ready, *10 logs out, '
                    '*11 in.')
        screen.note('Console:     %s -s %s' % (os.path.join(self.build, 'callfloorctl'), self.daemon.socket))
        screen.note('PostgreSQL:  psql -h %s -U callfloor callfloor' % self.postgres.run_dir)
        for s in self.callers:
            s.stop()
        try:
            while self.daemon.alive():
                time.sleep(1)
            self.problems.append('callfloord has ended by itself')
        except KeyboardInterrupt:
            screen.note('')

    def stop(self):
        for s in self.sipps[::-1]:
            s.stop(2.0)
        if self.net:
            self.net.close()
        if self.daemon and self.daemon.process:
            try:
                self.daemon.stop()
            except AssertionError as e:
                self.problems.append(str(e))
        if self.daemon:
            self.daemon.destroy()
        if self.postgres:
            self.postgres.destroy()
        shutil.rmtree(self.run, ignore_errors=True)


def audio_power(samples):
    """Loudness in dB below full scale."""
    mean = audio.power(samples)
    return 10 * math.log10(mean / 32768 ** 2) if mean > 0 else -99.0


def own_address():
    """The address others reach this machine at (nothing is sent)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(('192.0.2.1', 9))
            return s.getsockname()[0]
        except OSError:
            return '127.0.0.1'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', default=os.path.join(ROOT, 'build'))
    parser.add_argument('--keep', action='store_true')
    a = parser.parse_args()

    def interrupted(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupted)
    screen, demo = Screen(), Demo(os.path.abspath(a.build), a.keep)
    try:
        demo.start(screen)
        demo.play(screen)
        demo.judge(screen)
        demo.tables(screen)
        if a.keep:
            demo.stay(screen)
    except KeyboardInterrupt:
        demo.problems.append('interrupted')
    except (RuntimeError, AssertionError, OSError, subprocess.SubprocessError) as e:
        demo.problems.append('%s: %s' % (type(e).__name__, e))
    finally:
        screen.end()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # clean up whatever is pressed
        demo.stop()
    if demo.problems:
        screen.head('The demonstration failed')
        for p in demo.problems:
            screen.note(p)
        screen.note('Logs are in %s.' % demo.folder)
        return 1
    screen.head('Done: nothing is left running. Rows, logs and prompts were made in %s.' % demo.folder)
    return 0


if __name__ == '__main__':
    sys.exit(main())
