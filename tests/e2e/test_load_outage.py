# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL stopped for 30 s during 50 calls: no call notices; afterwards each has exactly one complete set of rows."""
import os
import time

import audio
import pytest
from center import TRUNK, agent, queue
from daemon import free_port
from sipp import Sipp, wait_port

pytestmark = pytest.mark.load


def sipp_agents(center, folder, count, port, ring, talk):
    raw = os.path.join(folder, 'agent.raw')
    with open(raw, 'wb') as f:
        f.write(audio.tone_loop(600, audio.PCMU))
    sipp = Sipp(folder, 'agents', 'agent', ['-i', '127.0.0.1', '-p', port, '-mi', '127.0.0.1', '-mp', free_port(low=18000, high=19500)],
                {'RING': ring, 'TALK': talk, 'RAW': raw})
    wait_port('127.0.0.1', port)
    return sipp


def sipp_callers(center, folder, calls, rate, patience=60000, number='3001', name='callers'):
    raw = os.path.join(folder, 'caller.raw')
    with open(raw, 'wb') as f:
        f.write(audio.tone_loop(440, audio.PCMU))
    return Sipp(folder, name, 'caller', ['127.0.0.1:%d' % center.port, '-s', number, '-i', TRUNK, '-mi', TRUNK, '-p',
                                         free_port(TRUNK), '-mp', free_port(TRUNK, low=18000, high=19500), '-r', rate, '-m', calls, '-l', 2000,
                                         '-timeout', 300],
                {'NAME': 'caller', 'CALLER': '7', 'PATIENCE': patience, 'RAW': raw})


def fixed_agents(count, port):
    out = []
    for n in range(count):
        one = agent(1001 + n, 'sales', contact='sip:%d@127.0.0.1:%d' % (1001 + n, port))
        del one['password']
        out.append(one)
    return out


def test_thirty_seconds_without_postgresql(make_center, own_postgres, folder):
    port = free_port()
    c = make_center(server=own_postgres, agents=fixed_agents(50, port), queues=[queue('sales', wrapup_ms=500), queue('support')])
    agents = sipp_agents(c, folder, 50, port, ring=300, talk=6000)
    c.until(lambda: all(a['activity'] == 'idle' for a in c.show('agents')), what='50 idle agents')
    c.until_stored()
    callers = sipp_callers(c, folder, calls=50, rate=1.5)  # 33 s of new calls, the last one over 6 s later
    time.sleep(4.0)
    own_postgres.stop('immediate')
    assert len(c.show('calls')) > 3  # in the middle of calls
    time.sleep(30.0)
    assert c.show_one('store')['connected'] is False
    assert c.show_one('store')['pending'] > 0
    own_postgres.start()
    callers.wait(60)
    agents.stop()
    stat = callers.stat()
    assert (stat['created'], stat['ok'], stat['failed'], stat['retrans']) == (50, 50, 0, 0), stat
    invited = {line[1]: float(line[-1]) for line in callers.log() if line[0] == 'INV'}
    rung = {line[1]: float(line[-1]) for line in agents.log() if line[0] == 'INVITE'}
    slowest = max(rung[x] - invited[x] for x in invited)
    assert slowest < 1.5, 'a caller waited %.1f s for the agent\'s phone to ring' % slowest
    c.until_stored(60)
    complete = c.sql('''
        SELECT x.caller, x.result, x.ended_by, x.end_at IS NOT NULL AS ended, x.customer_id IS NOT NULL AS known,
               (SELECT count(*) FROM callfloor.visit v WHERE v.contact_id = x.id) AS visits,
               (SELECT count(*) FROM callfloor.visit v WHERE v.contact_id = x.id AND v.result = 'answered') AS answered,
               (SELECT count(*) FROM callfloor.offer o WHERE o.contact_id = x.id) AS offers,
               (SELECT count(*) FROM callfloor.handle h WHERE h.contact_id = x.id AND h.talk_ms BETWEEN 5500 AND 7500
                AND h.wrap_end_at IS NOT NULL) AS handles
        FROM callfloor.contact x''')
    assert len(complete) == 50 and len({x['caller'] for x in complete}) == 50
    for x in complete:
        assert (x['result'], x['ended_by'], x['ended'], x['known']) == ('handled', 'agent', True, True), x
        assert (x['visits'], x['answered'], x['offers'], x['handles']) == (1, 1, 1, 1), x
    assert len(c.sql('SELECT id FROM callfloor.handle')) == 50
