# SPDX-License-Identifier: Apache-2.0
"""1000 sipp calls at 20 a second through trunk, queue and 50 agents, with the AddressSanitizer build: none fails, and
nothing is left behind."""
import os
import subprocess
import time

import pytest
from center import queue
from daemon import ROOT, build_dir, free_port
from test_load_outage import fixed_agents, sipp_agents, sipp_callers

pytestmark = pytest.mark.load


@pytest.fixture(scope='module')
def asan():
    """Folder of the ASan build, brought up to date."""
    build = build_dir()
    if os.path.basename(build) == 'asan':
        return build
    where = os.path.join(build, 'asan')
    r = subprocess.run(['make', '-s', '-j2', 'SAN=asan', 'BUILD=' + where, os.path.join(where, 'callfloord'),
                        os.path.join(where, 'callfloorctl')], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True)
    assert r.returncode == 0, r.stdout[-3000:]
    return where


def test_1000_calls_leave_nothing_behind(make_center, asan, folder):
    port = free_port()
    c = make_center(build=asan, agents=fixed_agents(50, port), queues=[queue('sales', wrapup_ms=200), queue('support')],
                    limits={'max_calls': 500, 'max_calls_per_second': 500})
    agents = sipp_agents(c, folder, 50, port, ring=100, talk=1500)
    c.until(lambda: all(a['activity'] == 'idle' for a in c.show('agents')), what='50 idle agents')

    def run(calls, name):
        callers = sipp_callers(c, folder, calls, rate=20, name=name)
        callers.wait(calls / 20 + 90)
        stat = callers.stat()
        assert (stat['created'], stat['ok'], stat['failed']) == (calls, calls, 0), (stat, callers.errors()[-2000:])
        c.until_no_calls(20)
        # Finished transactions stay for 32 s (RFC 3261, timers B and J); then everything must be as before.
        c.until(lambda: c.counters()['sip_transactions'] == 0, 60, 'the end of all transactions')
        return c.counters(), c.daemon.fd_list(), c.daemon.rss_kb()

    run(100, 'warm')  # buffers and tables have grown to their size
    start, fds, rss = c.counters(), c.daemon.fd_list(), c.daemon.rss_kb()
    end, fds_after, rss_after = run(1000, 'callers')
    agents.stop()

    assert end['calls_total'] - start['calls_total'] == 1000
    assert end['failed_total'] == start['failed_total'] and end['refused_total'] == start['refused_total']
    for what in ('calls', 'waiting', 'legs', 'sip_legs', 'sip_transactions', 'media_legs', 'media_ports_in_use'):
        assert end[what] == 0, (what, end[what])
    assert fds_after == fds
    assert end['media_packets_in'] - start['media_packets_in'] > 1000 * 2 * 1.5 * 50 * 0.8  # the audio was real
    # ASan's allocator keeps freed memory in quarantine (256 MB), so a leak is told by LeakSanitizer at the end;
    # here only that nothing runs away.
    assert rss_after - rss < 300000
    c.until_stored(60)
    assert c.sql("SELECT result, ended_by, count(*) AS n FROM callfloor.contact GROUP BY 1, 2") == [
        {'result': 'handled', 'ended_by': 'agent', 'n': 1100}]
    for table in ('visit', 'offer', 'handle'):
        assert c.sql('SELECT count(*) AS n FROM callfloor.%s' % table) == [{'n': 1100}]
    assert all(a['activity'] == 'idle' for a in c.show('agents'))
    time.sleep(0.2)
