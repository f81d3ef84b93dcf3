# SPDX-License-Identifier: Apache-2.0
"""Our own load, smaller than the kit: queue calls without audio (O1), joined audio (O2), a prompt without end (O3)."""
import os
import subprocess
import time

import audio
import sipp
from sipp import Sipp


def run(bench, name, scenario, arguments, replace):
    """A sipp in the bench's network namespace."""
    plain = sipp.with_parent
    sipp.with_parent = lambda command: bench.netns.inside(plain(command))
    try:
        return Sipp(os.path.join(bench.folder, 'own'), name, scenario, arguments, replace)
    finally:
        sipp.with_parent = plain


def callers(bench, name, number, calls, rate, patience, raw):
    return run(bench, name, 'caller', ['127.0.0.1:%d' % bench.port, '-s', number, '-i', '127.0.0.1', '-mi', '127.0.0.1', '-p', 5094,
                                       '-mp', 14000, '-r', rate, '-m', calls, '-l', 2000, '-timeout', 200],
               {'NAME': 'own', 'CALLER': 'c', 'PATIENCE': patience, 'RAW': raw})


def agents(bench, talk, raw):
    one = run(bench, 'agents', 'agent', ['-i', '127.0.0.1', '-p', bench.agent_port, '-mi', '127.0.0.1', '-mp', 15000],
              {'RING': 50, 'TALK': talk, 'RAW': raw})
    time.sleep(0.7)
    return one


def measured(daemon, seconds):
    before = daemon.cpu_seconds()
    time.sleep(seconds)
    return daemon.cpu_seconds() - before


def own(bench):
    server = bench.use(100)
    daemon = server.daemon
    raw = os.path.join(bench.folder, 'tone.raw')
    with open(raw, 'wb') as f:
        f.write(audio.tone_loop(440, audio.PCMU))
    counters = lambda: (lambda r: r[0] if isinstance(r, list) else r)(daemon.json('show version'))

    print('-- O1 queue calls without audio: 300 at 15/s, 2 s talk', flush=True)
    phones = agents(bench, 2000, '')
    before = daemon.cpu_seconds()
    load = callers(bench, 'calls', '3001', 300, 15, 60000, '')
    load.wait(90)
    time.sleep(1)
    used, stat, c = daemon.cpu_seconds() - before, load.stat(), counters()
    phones.stop()
    bench.write(w='own', tag='O1', uac=stat, cpu_per_1000=round(1000 * used / max(1, stat.get('ok', 0)), 3),
                dispatch_ms=[c['dispatch_p50_us'] / 1000, c['dispatch_p99_us'] / 1000])

    for tag, number, count, text in (('O2', '3001', 50, 'joined audio: 50 calls'), ('O3', '3002', 50, 'prompt: 50 calls')):
        print('-- %s %s' % (tag, text), flush=True)
        phones = agents(bench, 120000, raw)
        memory = daemon.rss_kb()
        load = callers(bench, tag, number, count, 25, 24000, raw)
        time.sleep(count / 25 + 3)
        used = measured(daemon, 15.0)
        per_call = (daemon.rss_kb() - memory) / count
        try:
            load.wait(40)
        except subprocess.TimeoutExpired:
            load.stop()
        phones.stop()
        bench.write(w='own', tag=tag, uac=load.stat(), cpu_per_call_min=round(used / count / 0.25, 5), kb_per_call=round(per_call, 1))
