#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs all tests and ends with the line `N passed, N failed`.

    tests/run.py --build build [--only unit|e2e|lint] [-k EXPRESSION]

unit: every BUILD/tests/test_* (cmocka). lint: tests/lint/lint.sh --quick. e2e: pytest over tests/e2e, one process per
file, several at once, because they mostly wait; files marked as load run alone at the end."""
import argparse
import glob
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as xml

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
UNIT_TIMEOUT, LINT_TIMEOUT, FILE_TIMEOUT, WHOLE_TIMEOUT = 180, 240, 420, 840
E2E_AT_ONCE = 3

out_lock = threading.Lock()
started = time.monotonic()


def say(text):
    with out_lock:
        print(text, flush=True)


def left():
    return max(1.0, WHOLE_TIMEOUT - (time.monotonic() - started))


def run(command, timeout, env=None):
    """(exit status or None when it took too long, output). Everything it started ends with it."""
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors='replace', start_new_session=True)
    running.add(process)
    try:
        output, _ = process.communicate(timeout=min(timeout, left()))
        return process.returncode, output
    except subprocess.TimeoutExpired:
        end_group(process)
        output, _ = process.communicate()
        return None, output
    finally:
        running.discard(process)


running = set()


def end_group(process):
    """Interrupt first: pytest then takes down its daemons."""
    for number, seconds in ((signal.SIGINT, 10), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, number)
            process.wait(seconds)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            pass


class Result:
    def __init__(self):
        self.passed = self.failed = 0

    def add(self, name, passed, failed, seconds, output=''):
        self.passed += passed
        self.failed += failed
        say('%-44s %4d passed%s  %5.1f s' % (name, passed, ', %d FAILED' % failed if failed else '', seconds))
        if failed and output.strip():
            say('-' * 100 + '\n' + output.rstrip() + '\n' + '-' * 100)


def unit(result, build, expression):
    for path in sorted(glob.glob(os.path.join(build, 'tests', 'test_*'))):
        name = os.path.basename(path)
        if '.' in name or not os.access(path, os.X_OK) or (expression and expression not in name):
            continue
        at = time.monotonic()
        env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT='TAP', CALLFLOOR_BUILD=build)
        status, output = run([path], UNIT_TIMEOUT, env)
        passed = len(re.findall(r'^ok \d+(?!.*# SKIP)', output, re.M))
        failed = len(re.findall(r'^not ok \d+', output, re.M))
        planned = sum(int(n) for n in re.findall(r'^1\.\.(\d+)', output, re.M))
        skipped = len(re.findall(r'^ok \d+.*# SKIP', output, re.M))
        failed = max(failed, planned - passed - skipped)  # it died on the way
        if (status != 0 and not failed) or passed + failed == 0:
            failed += 1
            output += '\n%s: exit status %s, %d tests seen' % (name, 'none (took too long)' if status is None else status, passed)
        result.add('unit ' + name, passed, failed, time.monotonic() - at, output)


def lint(result, build):
    script = os.path.join(HERE, 'lint', 'lint.sh')
    if not os.path.exists(script):
        return
    at = time.monotonic()
    status, output = run([script, '--quick', build], LINT_TIMEOUT)
    counts = re.findall(r'^(\d+) passed, (\d+) failed', output, re.M)
    passed, failed = map(int, counts[-1]) if counts else (0, 1)
    if status != 0 and not failed:
        failed = 1
    result.add('lint', passed, failed, time.monotonic() - at, output)


def e2e_file(result, path, build, expression, temporary, env):
    name = os.path.basename(path)[:-3]
    report = os.path.join(temporary, name + '.xml')
    at = time.monotonic()
    command = [sys.executable, '-B', '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--tb=short', '--junit-xml', report, path]
    if expression:
        command += ['-k', expression]
    status, output = run(command, FILE_TIMEOUT, env)
    passed = failed = 0
    try:
        for suite in xml.parse(report).getroot().iter('testsuite'):
            bad = int(suite.get('failures', 0)) + int(suite.get('errors', 0))
            failed += bad
            passed += int(suite.get('tests', 0)) - bad - int(suite.get('skipped', 0))
    except (OSError, xml.ParseError):
        failed = 1
    if status == 5 and expression and not failed:  # nothing selected in this file
        return
    if status != 0 and not failed:
        failed = 1
    if status is None:
        output += '\n%s took more than %d s' % (name, FILE_TIMEOUT)
    result.add('e2e ' + name, passed, failed, time.monotonic() - at, output)


def e2e(result, build, expression):
    sys.path.insert(0, os.path.join(HERE, 'e2e'))
    sys.dont_write_bytecode = True
    from postgres import Postgres
    files = sorted(glob.glob(os.path.join(HERE, 'e2e', 'test_*.py')))
    alone = [f for f in files if re.search(r'^pytestmark = pytest\.mark\.load', open(f).read(), re.M)]
    together = [f for f in files if f not in alone]
    together.sort(key=os.path.getsize, reverse=True)  # the long ones first
    with tempfile.TemporaryDirectory(prefix='cftests-') as temporary:
        server = Postgres().start()
        try:
            env = dict(os.environ, CALLFLOOR_BUILD=build, CALLFLOOR_TEST_POSTGRES=server.run_dir,
                       PYTHONDONTWRITEBYTECODE='1')
            lock = threading.Lock()

            def worker():
                while True:
                    with lock:
                        if not together:
                            return
                        path = together.pop(0)
                    e2e_file(result, path, build, expression, temporary, env)

            threads = [threading.Thread(target=worker) for _ in range(E2E_AT_ONCE)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            for path in alone:
                e2e_file(result, path, build, expression, temporary, env)
        finally:
            server.destroy()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', default=os.path.join(ROOT, 'build'))
    parser.add_argument('--only', choices=('unit', 'e2e', 'lint'))
    parser.add_argument('-k', dest='expression', default='', help='unit tests by part of the name, e2e as in pytest -k')
    a = parser.parse_args()
    build = os.path.abspath(a.build)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    result = Result()
    try:
        if a.only in (None, 'unit'):
            unit(result, build, a.expression)
        if a.only in (None, 'lint') and not (a.expression and a.only is None):
            lint(result, build)
        if a.only in (None, 'e2e'):
            e2e(result, build, a.expression)
    except (KeyboardInterrupt, SystemExit):
        for process in list(running):
            end_group(process)
        result.failed += 1
        say('interrupted')
    say('%d passed, %d failed' % (result.passed, result.failed))
    return 0 if result.failed == 0 and result.passed > 0 else 1


if __name__ == '__main__':
    sys.exit(main())
