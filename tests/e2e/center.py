# SPDX-License-Identifier: Apache-2.0
"""A small call center for one test: its configuration, the daemon, phones, and what PostgreSQL knows about it.

Callers come from 127.0.0.2, which is the trunk "carrier"; agents' phones are at 127.0.0.1 and register with digest;
127.0.0.3 is a stranger. Numbers: 3000 menu (1 sales, 2 support), 3001 sales, 3002 support, 1001... an agent, 3009 music
without end."""
import os
import time
from datetime import datetime

from daemon import ROOT, TONES, Daemon, free_port, make_prompts  # noqa: F401 (tests take TONES from here)
from phone import Net, Phone

TRUNK, AGENTS, STRANGER = '127.0.0.2', '127.0.0.1', '127.0.0.3'
REALM = 'callfloor.test'


def queue(name, **other):
    return dict({'name': name, 'ring_ms': 5000, 'wrapup_ms': 0, 'missed_limit': 0, 'busy_delay_ms': 1000,
                 'reject_delay_ms': 1000, 'no_answer_delay_ms': 1000, 'music': 'music'}, **other)


def agent(id, *queues, **other):
    return dict({'id': str(id), 'name': 'Agent %s' % id, 'password': 'secret%s' % id, 'queues': list(queues),
                 'auto_login': True}, **other)


def seconds(one, other):
    """Between two times of PostgreSQL."""
    return (datetime.fromisoformat(other) - datetime.fromisoformat(one)).total_seconds()


def idle_phone(c, id=1001, **options):
    """A registered phone that answers when it is told to, its agent idle: the first made has been idle longest."""
    options.setdefault('answer_after', None)
    phone = c.agent(id, **options)
    c.until_agent(id, 'ready', 'idle')
    return phone


def config(folder, sip_port, database='', agents=None, queues=None, **sections):
    """The configuration as a dictionary; `sections` are merged into it, group by group."""
    rtp = free_port(low=10000, high=18000)
    conf = {
        'general': {'node': 1, 'state_dir': os.path.join(folder, 'state'), 'prompts_dir': os.path.join(folder, 'prompts'),
                    'pause_reasons': ['break', 'lunch']},
        'sip': {'listen': [{'transport': 'udp', 'address': '127.0.0.1', 'port': sip_port},
                           {'transport': 'tcp', 'address': '127.0.0.1', 'port': sip_port}],
                'realm': REALM, 'register_min_s': 1, 'agent_probe_ms': 0, 'session_expires_s': 0},
        'rtp': {'address': '127.0.0.1', 'port_min': rtp, 'port_max': rtp + 1999, 'timeout_ms': 0},
        'limits': {'max_calls': 500, 'max_calls_per_second': 500, 'drain_ms': 5000},
        'store': {'database': database, 'sql_dir': os.path.join(ROOT, 'sql')},
        'console': {'socket': os.path.join(folder, 'console.sock')},
        'trunks': [{'name': 'carrier', 'peers': [{'address': TRUNK}], 'probe': False}],
        'numbers': [{'number': '3000', 'target': 'menu:main'}, {'number': '3001', 'target': 'queue:sales'},
                    {'number': '3002', 'target': 'queue:support'}, {'number': '10*', 'target': 'agent:1001'},
                    {'number': '3009', 'target': 'loop:music2'}],
        'menus': [{'name': 'main', 'welcome': 'welcome', 'prompt': 'main-menu', 'invalid': 'invalid', 'timeout': 'timeout',
                   'goodbye': 'goodbye', 'barge_in': True, 'digit_timeout_ms': 1500, 'attempts': 2,
                   'choices': [{'digit': '1', 'target': 'queue:sales'}, {'digit': '2', 'target': 'queue:support'},
                               {'digit': '3', 'target': 'play:closed'}, {'digit': '#', 'target': 'menu:sub'}]},
                  {'name': 'sub', 'prompt': 'sub-menu', 'barge_in': False, 'digit_timeout_ms': 1500, 'attempts': 1,
                   'choices': [{'digit': '1', 'target': 'queue:support'}], 'fallback': 'queue:sales'}],
        'queues': queues or [queue('sales'), queue('support')],
        'agents': agents if agents is not None else [agent(1001, 'sales'), agent(1002, 'support')],
    }
    for name, value in sections.items():
        if isinstance(value, dict) and isinstance(conf.get(name), dict):
            conf[name] = dict(conf[name], **value)
        else:
            conf[name] = value
    return conf


class Center:
    def __init__(self, folder, postgres=None, database='', build=None, program=None, **conf):
        self.folder = str(folder)
        os.makedirs(os.path.join(self.folder, 'state'), exist_ok=True)
        make_prompts(os.path.join(self.folder, 'prompts'))
        self.port = free_port()
        self.server = ('127.0.0.1', self.port)
        self.postgres, self.database = postgres, database
        conninfo = 'host=%s user=%s dbname=%s' % (postgres.run_dir, postgres.USER, database) if postgres else ''
        self.conf = config(self.folder, self.port, conninfo, **conf)
        self.daemon = Daemon(self.folder, self.conf, build, program)
        self.net = Net()

    def start(self):
        self.daemon.start()
        return self

    # -- phones

    def caller(self, number='111', **options):
        """A phone behind the trunk."""
        return Phone(self.net, self.server, str(number), address=options.pop('address', TRUNK), **options)

    def agent(self, id=1001, register=True, **options):
        """An agent's phone, registered."""
        options.setdefault('answer_after', 0.0)
        phone = Phone(self.net, self.server, str(id), options.pop('password', 'secret%s' % id), address=AGENTS, domain=REALM,
                      **options)
        if register:
            phone.register()
        return phone

    # -- what the console says

    def show(self, what):
        return self.daemon.json('show ' + what)

    def show_one(self, what):
        """Of the commands that tell one thing: version, store."""
        rows = self.show(what)
        return rows[0] if isinstance(rows, list) else rows

    def counters(self):
        return self.show_one('version')

    def agent_state(self, id=1001):
        """(presence, activity) of an agent."""
        row = self.agent_row(id)
        return row['presence'], row['activity']

    def agent_row(self, id=1001):
        return next(r for r in self.show('agents') if r['agent'] == str(id))

    def queue_row(self, name):
        return next(r for r in self.show('queues') if r['queue'] == name)

    def until(self, predicate, timeout=10.0, what='it'):
        """Polls until predicate() is true; returns its value."""
        end, value = time.monotonic() + timeout, None
        while time.monotonic() < end:
            value = predicate()
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError('%s did not come within %.1f s (last: %r)' % (what, timeout, value))

    def until_agent(self, id, presence, activity, timeout=10.0):
        end, state = time.monotonic() + timeout, None
        while time.monotonic() < end:
            state = self.agent_state(id)
            if state == (presence, activity):
                return
            time.sleep(0.05)
        raise AssertionError('agent %s is %s, not %s, after %.1f s' % (id, state, (presence, activity), timeout))

    def until_no_calls(self, timeout=10.0):
        self.until(lambda: not self.show('calls'), timeout, 'the end of all calls')

    # -- calls that wait, and what may be done about them

    def call_row(self, caller):
        """The live call of this number; {} when there is none."""
        return next((r for r in self.show('calls') if r['caller'] == str(caller)), {})

    def enqueue(self, caller, called='3001', **options):
        """A caller who has come into a queue: calls who come one by one this way stand in line in this order. What the
        distributor had to decide about it has been decided when this returns."""
        options.setdefault('tone', 0)
        phone = self.caller(caller, **options)
        call = phone.call(called).wait('up')
        self.until(lambda: self.call_row(caller).get('position') or self.call_row(caller).get('agent'), 10,
                   '%s in line' % caller)
        return call

    def position(self, caller):
        return self.call_row(caller).get('position')

    def dial(self, phone, code):
        """A star code from an agent's phone; the status it was answered with. Its work is done then."""
        call = phone.call(code)
        self.net.wait(lambda: call.final, 10, 'answer to ' + code)
        if call.state == 'up':
            call.bye()
        return call.status

    # -- what PostgreSQL says

    def sql(self, query):
        return self.postgres.rows(self.database, query)

    def until_stored(self, timeout=10.0):
        """All records put so far are in PostgreSQL."""
        self.until(lambda: self.stored(), timeout, 'the store')

    def stored(self):
        state = self.show_one('store')
        return state['connected'] and state['pending'] == 0

    def records(self, table, order='id'):
        """All rows of a table, when all that has happened is in it."""
        self.until_stored()
        return self.sql('SELECT * FROM callfloor.%s ORDER BY %s' % (table, order))

    def offers(self, **like):
        """(agent, result) of the offers, in order; like: columns they must have."""
        return [(o['agent'], o['result']) for o in self.records('offer') if all(o[k] == v for k, v in like.items())]

    def visits(self):
        """(caller, queue, result, step) of the visits, in order."""
        self.until_stored()
        return [(v['caller'], v['queue'], v['result'], v['step']) for v in self.sql(
            'SELECT c.caller, v.* FROM callfloor.visit v JOIN callfloor.contact c ON c.id = v.contact_id ORDER BY v.id')]

    def check_records(self):
        """The database's own invariants over all records."""
        bad = self.sql('SELECT * FROM callfloor.check_records()')
        assert not bad, 'check_records: %r' % bad[:10]

    def close(self):
        self.net.close()
        self.daemon.destroy()
