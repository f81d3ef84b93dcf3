#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Puts faults into the distributor, one at a time, and wants a test to notice each.

    tests/mutants/run.py [-k WORD] [--all]

Each fault of acd.txt is applied to a copy of the sources in a temporary directory; the tests of the distributor are
built with it and run until one fails. A fault no test notices names a missing test, and the exit status is 1. So is a
fault whose text is no longer found exactly once, or that does not build: the list has to follow the code.

-k: only faults whose file or reason contains WORD. --all: run all tests, also after one has failed."""
import argparse
import glob
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TESTS = ['test_acd_trace', 'test_acd', 'test_acd_oracle', 'test_acd_random', 'test_acd_theory']  # the fast ones first
RUNS = '800'  # of random events; ten thousand would take too long for each fault
CPU_SECONDS = {'test_acd_trace': 10, 'test_acd': 20}  # endless loops are a way to fail, too
MOST_CPU_SECONDS, SECONDS, MEMORY = 90, 600, 2 << 30
FLAGS = ['-std=gnu11', '-D_GNU_SOURCE', '-O1', '-g0', '-w', '-Iinclude', '-Isrc']


def read_list(path):
    """Blocks of `file: reason`, lines `- ` with the text to be found, lines `+ ` with what takes its place."""
    faults = []
    for block in re.split(r'\n\s*\n', open(path).read()):
        lines = [line for line in block.split('\n') if line.strip() and not line.startswith('#')]
        if not lines:
            continue
        name, reason = lines[0].split(': ', 1)
        old = '\n'.join(line[2:] for line in lines[1:] if line.startswith('- '))
        new = '\n'.join(line[2:] for line in lines[1:] if line.startswith('+ '))
        if not old or any(line[:2] not in ('- ', '+ ') for line in lines[1:]):
            sys.exit('%s: not a fault:\n%s' % (path, block))
        faults.append((name, reason, old, new))
    return faults


def run(command, **more):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors='replace', **more)


def limit(test):
    seconds = CPU_SECONDS.get(test, MOST_CPU_SECONDS)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Copy:
    """The sources and their objects in a directory of their own."""

    def __init__(self, top):
        self.top = top
        for path in ('include', 'src/acd', 'src/base', 'src/conf', 'src/stats', 'tests/unit'):
            shutil.copytree(os.path.join(ROOT, path), os.path.join(top, path))
        self.compiler = os.environ.get('CC', 'gcc')
        self.units = sorted(glob.glob(os.path.join(top, 'src/acd/*.c')))
        pure = [os.path.join(top, 'src/stats/erlang.c'), os.path.join(top, 'src/conf/met.c')] + self.base_units()
        for unit in self.units + pure + [os.path.join(top, 'tests/unit', t + '.c') for t in TESTS]:
            wrong = self.compile(unit)
            if wrong:
                sys.exit('the sources do not build as they are:\n' + wrong)
        self.pure = [self.object(unit) for unit in pure]

    def base_units(self):
        """Those of base without libraries: what the distributor and its tests use of it."""
        return [u for u in glob.glob(os.path.join(self.top, 'src/base/*.c'))
                if re.search(r'^(uint64_t rng_next|int str_copy)\(', open(u).read(), re.M)]

    def object(self, unit):
        return unit[:-2] + '.o'

    def compile(self, unit):
        done = run([self.compiler, *FLAGS, '-c', unit, '-o', self.object(unit)], cwd=self.top)
        return done.stderr if done.returncode else ''

    def link(self, test):
        objects = [os.path.join(self.top, 'tests/unit', test + '.o')] + [self.object(u) for u in self.units] + self.pure
        done = run([self.compiler, '-o', test, *objects, '-lcmocka', '-lm'], cwd=self.top)
        return done.stderr if done.returncode else ''

    def who_notices(self, go_on):
        """Names of the tests that fail; or a text that is no name when a test does not build."""
        noticed = []
        for test in TESTS:
            wrong = self.link(test)
            if wrong:
                return [], wrong
            try:
                done = run([os.path.join(self.top, test)], cwd=self.top, timeout=SECONDS, preexec_fn=lambda: limit(test),
                           env=dict(os.environ, CALLFLOOR_RUNS=RUNS))
                failed = re.findall(r'^\[  FAILED  \] (\w+)$', done.stdout + done.stderr, re.M)
                if done.returncode:
                    noticed.append('%s: %s' % (test, failed[0] if failed else 'signal or exit %d' % done.returncode))
            except subprocess.TimeoutExpired:
                noticed.append(test + ': did not end')
            if noticed and not go_on:
                break
        return noticed, ''

    def with_fault(self, fault, go_on):
        name, _, old, new = fault
        path = os.path.join(self.top, 'src/acd', name)
        original = open(path).read()
        if original.count(old) != 1:
            return [], 'its text stands there %d times' % original.count(old)
        with open(path, 'w') as f:
            f.write(original.replace(old, new))
        try:
            for unit in [path] if name.endswith('.c') else self.units:
                wrong = self.compile(unit)
                if wrong:
                    return [], 'does not build: ' + wrong
            return self.who_notices(go_on)
        finally:
            with open(path, 'w') as f:
                f.write(original)
            for unit in [path] if name.endswith('.c') else self.units:
                self.compile(unit)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('-k', dest='word', default='')
    parser.add_argument('--all', action='store_true')
    a = parser.parse_args()
    faults = [f for f in read_list(os.path.join(HERE, 'acd.txt')) if a.word in f[0] + ' ' + f[1]]
    started, survived, broken = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory(prefix='callfloor-mutants-') as top:
        copy = Copy(top)
        noticed, wrong = copy.who_notices(True)
        if noticed or wrong:
            sys.exit('the tests fail without any fault: %s' % (noticed or wrong))
        for number, fault in enumerate(faults, 1):
            noticed, wrong = copy.with_fault(fault, a.all)
            survived += not noticed and not wrong
            broken += bool(wrong)
            print('%3d %-15s %-72s %s' % (number, fault[0], fault[1],
                                         wrong or ', '.join(noticed) or 'SURVIVED'), flush=True)
    print('%d faults: %d noticed, %d survived, %d could not be tried; %.0f s' % (
        len(faults), len(faults) - survived - broken, survived, broken, time.monotonic() - started))
    return 1 if survived or broken or not faults else 0


if __name__ == '__main__':
    sys.exit(main())
