# SPDX-License-Identifier: Apache-2.0
"""callfloor-sim: a day of calls in virtual time, as a user runs it."""
import json
import os
import resource
import subprocess

import pytest
from daemon import ROOT


def simulate(build, *arguments):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    r = subprocess.run([os.path.join(build, 'callfloor-sim'), '--json'] + list(arguments), stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
    assert r.returncode == 0, r.stdout[-2000:] + r.stderr[-2000:]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return json.loads(r.stdout), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.fixture(scope='module')
def day(build):
    """50 agents, 20,000 calls, invariants checked after every event."""
    return simulate(build, '--seed', '1')


def test_a_day_of_20000_calls(day):
    report, _ = day
    assert report['calls'] >= 20000


def test_it_takes_less_than_5_seconds(build, day):
    """CPU seconds, best of two: other tests run beside this one. Sanitizers may take ten times as long."""
    limit = 50.0 if os.path.basename(build) in ('asan', 'tsan') else 5.0
    assert day[1] < limit or simulate(build, '--seed', '1')[1] < limit


def test_the_same_seed_gives_the_same_day(build, day):
    assert simulate(build, '--seed', '1')[0]['hash'] == day[0]['hash']
    assert simulate(build, '--seed', '2')[0]['hash'] != day[0]['hash']


@pytest.mark.parametrize('name, options', [('clang', ['CC=clang']), ('asan', ['SAN=asan'])])
def test_other_compilers_give_the_same_hash(build, day, name, options):
    """gcc (the day), clang and the sanitizers: one hash. Built into folders of their own beside this build."""
    other = build if build.endswith('/' + name) else os.path.join(build, name)
    r = subprocess.run(['make', '-s', '-j2', 'BUILD=' + other] + options + [os.path.join(other, 'callfloor-sim')], cwd=ROOT,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400)
    assert r.returncode == 0, r.stdout[-3000:]
    assert simulate(other, '--seed', '1')[0]['hash'] == day[0]['hash']
