# SPDX-License-Identifier: Apache-2.0
"""What the figures of a bench are called, how they are taken from its results, and what they are measured against: our
goals and the two servers most people use, all on the same class of machine (2 cores, Debian 12)."""
import statistics
from collections import namedtuple

Goal = namedtuple('Goal', 'tag text value goal first asterisk freeswitch')


def pick(*path):
    def get(result):
        for key in path:
            result = result.get(key) if result else None
        return result
    return get


def pair(a, b):
    return lambda r: (a(r), b(r))


GOALS = (
    Goal('idle', 'idle: CPU %', pick('cpu_pct'), '', '', '', ''),
    Goal('W1', 'W1 CPU s / 1000 queue calls', pick('cpu_per_1000'), '1.0', '2.0', '12.4', '51.5'),
    Goal('W1', 'W1 failed calls', pick('uac', 'failed'), '0', '0', '', ''),
    Goal('W1-db', 'W1 with PostgreSQL (fsync)', pick('cpu_per_1000'), '', '', '', ''),
    Goal('W1-db', '   of which PostgreSQL itself, beside it', pick('aux_per_1000'), '', '', '', ''),
    Goal('W2', 'W2 the same with prompt and digit', pick('cpu_per_1000'), '1.5', '', '16.5', '60.5'),
    Goal('W3-100', 'W3 CPU s / call-minute joined, 100 calls', pick('cpu_per_call_min'), '0.035', '', '0.164-0.184', '0.26-0.30'),
    Goal('W3-200', 'W3 CPU s / call-minute joined, 200 calls', pick('cpu_per_call_min'), '0.035', '', '0.164-0.184', '0.26-0.30'),
    Goal('W5', 'W5 CPU s / call-minute of prompt', pick('cpu_per_call_min'), '0.015', '', '0.150', '0.228'),
    Goal('W3-100', 'W6 kB / joined call', pick('per_call', 'rss_kb'), '24', '', '406', '882'),
    Goal('W3-100', 'W6 threads, descriptors / call', pair(pick('per_call', 'threads'), pick('per_call', 'fds')), '0 / 4', '', '2 / 10',
         '3 / 8'),
    # From the caller's INVITE: we ring the agent before the caller's ACK has come.
    Goal('W7a', 'W7a INVITE -> agent INVITE, ms p50 / p99', pair(pick('latency_ms', 'inv_p50'), pick('latency_ms', 'inv_p99')), '1 / 3', '', '0-4 / 2-16',
         '55 / 108'),
    Goal('W7b', 'W7b BYE -> next INVITE, ms p50 / p99', pair(pick('bye_to_invite_ms', 'p50'), pick('bye_to_invite_ms', 'p99')), '1 / 5',
         '- / 10', '463 / 968', '97-760 / 271-2800'),
    Goal('W7b-u', 'W7b with uniform talk times', pair(pick('bye_to_invite_ms', 'p50'), pick('bye_to_invite_ms', 'p99')), '1 / 5', '- / 10',
         '', ''),
    Goal('W7c', 'W7c CPU % while 60, 200, 500 wait (median)', pick('cpu_pct'), '2, 5, 12', '', '13, 39, 97', '37, 82, 92+'),
    Goal('W8', 'W8 dispatches/s of 19.1 possible', pick('dispatch_s'), '19.1', '19', '7.4-8.1', '1.05-1.23'),
    Goal('W8-cycles', 'W8 the same, from agents\' cycles', pick('dispatch_s'), '19.1', '19', '', ''),
    Goal('W8', 'W8 BYE -> next INVITE, ms p50 / p99', pair(pick('bye_to_invite_ms', 'p50'), pick('bye_to_invite_ms', 'p99')), '', '', '',
         '22000 / -'),
    Goal('O1', 'own: CPU s / 1000 queue calls, 2 s talk', pick('cpu_per_1000'), '1.0', '2.0', '', ''),
    Goal('O1', 'own: free or queued -> INVITE, ms p50 / p99', pick('dispatch_ms'), '1 / 5', '- / 10', '', ''),
    Goal('O2', 'own: CPU s / call-minute joined', pick('cpu_per_call_min'), '0.035', '', '', ''),
    Goal('O2', 'own: kB / joined call', pick('kb_per_call'), '24', '', '', ''),
    Goal('O3', 'own: CPU s / call-minute of prompt', pick('cpu_per_call_min'), '0.015', '', '', ''),
)


def show(value):
    return '-' if value is None else '%.3g' % value if isinstance(value, (int, float)) and value < 1000 else str(value)


def row(goal, runs):
    """Median over the runs, as text."""
    values = [goal.value(r) for r in runs]
    if any(isinstance(v, (tuple, list)) for v in values):
        columns = zip(*[v for v in values if v])
        return ' / '.join(show(statistics.median([x for x in c if x is not None] or [float('nan')])) for c in columns)
    values = [v for v in values if v is not None]
    return show(statistics.median(values)) if values else '-'
