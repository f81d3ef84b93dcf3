#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a call, a minute of audio and a decision cost: CPU, memory and delays of callfloord under sipp's load.

    make bench                          the load kit in short (about 6 minutes), or without the kit our own scenarios
    tests/bench/bench.py --build build --full         all of the kit, three repetitions (about 25 minutes)
    tests/bench/bench.py --build build --only W1,W8   some of it
    tests/bench/bench.py --build build --own          our own scenarios only (about 2 minutes)

The kit is expected unchanged in ../shared/bench beside the checkout (--kit FOLDER). Everything runs in a network
namespace of its own when we are root, so nothing else on the machine is in the way. Each result is appended to
BUILD/bench/results.jsonl; the table at the end stands beside the goals."""
import argparse
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), 'e2e'), os.path.join(os.path.dirname(HERE), 'prompts')]

import make as prompts  # noqa: E402
from daemon import ROOT, Daemon, free_port  # noqa: E402
from postgres import Postgres  # noqa: E402
from goals import GOALS, row  # noqa: E402

# tag: (agents, arguments before the workload, workload and its arguments in short, in full; --database too)
KIT = {
    'idle': (100, ['--reps', '1'], ['idle', '--secs', '4'], ['idle']),
    'W1': (100, ['--reps', '1'], ['calls'], ['calls']),
    'W1-db': (100, ['--reps', '1'], ['calls'], ['calls']),
    'W2': (100, ['--reps', '1'], ['calls', '--scen', 'uac_ivr_queue', '--ext', '3000', '--key', 'DTMF'], None),
    'W5': (100, ['--reps', '1'], ['media', '--ext', '3002', '--scen', 'uac_ivr_only', '--noagents', '1', '--secs', '24'],
           ['media', '--ext', '3002', '--scen', 'uac_ivr_only', '--noagents', '1']),
    'W3-100': (250, ['--reps', '1'], ['media', '--conc', '100', '--secs', '24'], ['media', '--conc', '100']),
    'W3-200': (250, ['--reps', '1'], None, ['media', '--conc', '200']),
    'W7a': (1000, ['--reps', '1'], ['calls', '--calls', '150'], None),
    'W7b': (20, ['--reps', '1'], ['sat'], None),
    'W7b-u': (20, ['--reps', '1'], None, ['sat', '--uas-scen', 'uas_agent_bye_u']),
    'W7c': (20, ['--reps', '1'], None, ['wait']),
    'W8': (100, ['--reps', '1'], ['sat', '--agents', '100', '--waiting', '1000', '--talk', '5230', '--secs', '36', '--settle', '6',
                                  '--end', 'kill'], None),
    'W1rates': (100, ['--reps', '1'], None, ['rates', '--rates', '50,100,200,300', '--secs', '8', '--hold', '500']),
}
REPEATED = ('W1', 'W2', 'W7a', 'W7b')  # three times with --full
TIME_LIMIT = 400  # of one run of the kit


class Namespace:
    """A network namespace when we may make one; else the machine's own loopback."""

    def __init__(self):
        self.name = 'cfbench%d' % os.getpid()
        self.there = os.geteuid() == 0 and shutil.which('ip') is not None and self.ip('netns', 'add', self.name)
        if self.there:
            self.ip('-n', self.name, 'link', 'set', 'lo', 'up')

    @staticmethod
    def ip(*arguments):
        return subprocess.run(['ip'] + list(arguments), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def inside(self, command):
        return ['ip', 'netns', 'exec', self.name] + command if self.there else command

    def close(self):
        if self.there:
            self.ip('netns', 'del', self.name)
            self.there = False


class Server:
    """callfloord with conf/examples/bench.conf and N agents, in a folder of its own."""

    def __init__(self, bench, agents, database=False):
        self.bench, examples = bench, os.path.join(ROOT, 'conf', 'examples')
        folder = os.path.join(bench.folder, 'server')
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(os.path.join(folder, 'bench-state'))
        text = open(os.path.join(examples, 'bench.conf')).read()
        text = re.sub(r'prompts_dir = "[^"]*"', 'prompts_dir = "%s"' % bench.prompts, text)
        text = re.sub(r'console = \{[^}]*\}', 'console = { socket = "%s"; }' % bench.console, text)
        list_of_agents = subprocess.run(['sh', os.path.join(examples, 'bench-agents.sh'), str(agents)], stdout=subprocess.PIPE,
                                        text=True, check=True).stdout
        if not bench.netns.there:  # others may live on this loopback
            text = text.replace('port = 5080', 'port = %d' % bench.port)
            list_of_agents = list_of_agents.replace(':5090', ':%d' % bench.agent_port)
        if database:
            text += 'store = { database = "%s"; sql_dir = "%s"; };\n' % (bench.database(), os.path.join(ROOT, 'sql'))
        with open(os.path.join(folder, 'bench-agents.conf'), 'w') as f:
            f.write(list_of_agents)
        self.daemon = BenchDaemon(folder, text, bench.build)
        self.daemon.socket, self.daemon.netns = bench.console, bench.netns
        self.daemon.start()
        end = time.monotonic() + 10
        while time.monotonic() < end and any(a['activity'] != 'idle' for a in self.daemon.json('show agents')):
            time.sleep(0.1)
        time.sleep(1.0)

    def stop(self, hard=False):
        """hard: with a thousand callers whose sipp has been killed, only the end of the daemon matters."""
        if hard:
            self.daemon.destroy()
        else:
            self.daemon.stop()


class BenchDaemon(Daemon):
    netns = None

    def start(self, wait=True):
        plain = subprocess.Popen

        def within(command, **options):
            options['preexec_fn'] = lambda: resource.setrlimit(
                resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
            return plain(self.netns.inside(command), **options)

        subprocess.Popen = within
        try:
            return super().start(wait)
        finally:
            subprocess.Popen = plain


class Bench:
    def __init__(self, arguments):
        self.a = arguments
        self.build = os.path.abspath(arguments.build)
        self.folder = os.path.join(self.build, 'bench')
        self.results = os.path.join(self.folder, 'results.jsonl')
        os.makedirs(self.folder, exist_ok=True)
        self.prompts = prompts.make(os.path.join(self.build, 'prompts'))
        self.console = os.path.join('/tmp', 'cfbench-%d.sock' % os.getpid())
        self.netns, self.postgres, self.server = Namespace(), None, None
        self.port, self.agent_port = (5080, 5090) if self.netns.there else (free_port(), free_port())
        self.started_at = os.path.getsize(self.results) if os.path.exists(self.results) else 0

    def database(self):
        if not self.postgres:
            self.postgres = Postgres(fast=False).start()
            self.postgres.create_database('bench')
        return '%s dbname=bench' % self.postgres.conninfo

    def use(self, agents, database=False, fresh=False):
        key = (agents, database)
        if self.server and (fresh or self.key != key):
            self.server.stop(hard=self.dirty)
            self.server = None
        if not self.server:
            self.server, self.key, self.dirty = Server(self, agents, database), key, False
        return self.server

    def write(self, **result):
        result = dict(name='callfloor', time=time.strftime('%F %T'), load=[round(x, 1) for x in os.getloadavg()], **result)
        with open(self.results, 'a') as f:
            f.write(json.dumps(result) + '\n')

    def new_results(self):
        with open(self.results) as f:
            f.seek(self.started_at)
            return [json.loads(line) for line in f if line.strip()]

    # -- the kit

    def prepare_kit(self):
        """A copy, because noraw.so is built beside the kit and the kit's folder may be read-only."""
        kit = os.path.join(self.folder, 'kit')
        shutil.rmtree(kit, ignore_errors=True)
        shutil.copytree(self.a.kit, kit)
        for folder, _, _ in os.walk(kit):
            os.chmod(folder, 0o755)
        subprocess.run(['gcc', '-O2', '-shared', '-fPIC', '-w', '-o', os.path.join(kit, 'noraw.so'), os.path.join(kit, 'noraw.c'),
                        '-ldl'], check=True)
        return kit

    def run_kit(self):
        kit = self.prepare_kit()
        wanted = self.a.only.split(',') if self.a.only else list(KIT)
        for tag in wanted:
            if tag not in KIT:
                sys.exit('no workload %s; there are %s' % (tag, ' '.join(KIT)))
            agents, options, short, full = KIT[tag]
            arguments = (full or short) if self.a.full or not short else short
            if not short and not self.a.full and not self.a.only:
                continue
            options = ['--reps', '3' if self.a.full and tag in REPEATED else '1']
            server = self.use(agents, database=tag.endswith('-db'), fresh=tag in ('W3-100', 'W3-200', 'W8'))
            aux = [p for p in self.postgres._all()] if tag.endswith('-db') else []
            command = [sys.executable, '-B', os.path.join(kit, 'bench.py'), '--name', 'callfloor', '--target', '127.0.0.1:%d' %
                       self.port, '--pid', str(server.daemon.pid), '--out', self.results, '--runs', os.path.join(
                           self.folder, 'runs'), '--uas-port', str(self.agent_port), '--tag', tag]
            command += (['--aux', ','.join(map(str, aux))] if aux else []) + options + arguments
            print('-- %-8s %s' % (tag, ' '.join(arguments)), flush=True)
            log = os.path.join(self.folder, tag + '.log')
            with open(log, 'w') as f:
                kit_run = subprocess.Popen(self.netns.inside(command), stdin=subprocess.DEVNULL, stdout=f, stderr=f,
                                           cwd=self.folder)
                try:
                    status = kit_run.wait(TIME_LIMIT * (3 if self.a.full else 1))
                except subprocess.TimeoutExpired:
                    kit_run.send_signal(signal.SIGINT)  # its atexit ends its own sipps
                    kit_run.wait(30)
                    status = 'time limit'
            if status:
                print('   failed (%s), see %s' % (status, log))
            self.dirty = tag == 'W8'
            if tag.startswith('W8') and not status:
                self.write_cycles(tag)
            if not server.daemon.alive():
                print('   callfloord has died:\n' + server.daemon.log()[-2000:])
                self.server.daemon.destroy()
                self.server = None

    def write_cycles(self, tag):
        """All agents begin within a second, so their calls come in bursts, and the kit's count in a fixed window is one
        burst more or less. From INVITE to INVITE of one agent there is no such error."""
        run, last, cycles = [r for r in self.new_results() if r['tag'] == tag][-1], {}, []
        for line in open(os.path.join(run['dir'], 'uas.log')):
            field = line.split()
            if field and field[0] == 'INVITE':
                at = float(field[-1])
                if field[2] in last:
                    cycles.append(at - last[field[2]])
                last[field[2]] = at
        if cycles:
            self.write(w='cycles', tag=tag + '-cycles', n=len(cycles), dispatch_s=round(
                run['agents'] * len(cycles) / sum(cycles), 2))

    # -- our own scenarios, for where the kit is not

    def run_own(self):
        from own import own
        own(self)

    # -- the parts alone: tests/bench/bench_*.c

    def run_parts(self):
        for name in sorted(os.listdir(self.folder)):
            program = os.path.join(self.folder, name)
            if name.startswith('bench_') and os.path.isfile(program) and os.access(program, os.X_OK):
                print('\n-- %s' % name, flush=True)
                try:
                    subprocess.run([program], stdin=subprocess.DEVNULL, timeout=120)
                except subprocess.TimeoutExpired:
                    print('   took more than 120 s')

    def stop_server(self):
        try:
            self.server.stop(hard=self.dirty)
        except AssertionError as e:
            print(e)
        self.server = None

    def close(self):
        if self.server:
            self.stop_server()
        if self.postgres:
            self.postgres.destroy()
        self.netns.close()
        if os.path.exists(self.console):
            os.unlink(self.console)


def table(results):
    """One line per figure, beside the others' and our goals."""
    lines = [('work', 'callfloor', 'goal', 'first', 'Asterisk 22', 'FreeSWITCH 1.11')]
    for goal in GOALS:
        runs = [r for r in results if r['tag'] == goal.tag]
        if runs:
            value = row(goal, runs)
            lines.append((goal.text, value, goal.goal, goal.first, goal.asterisk, goal.freeswitch))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print('  '.join([line[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(line[1:], widths[1:])]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', default=os.path.join(ROOT, 'build'))
    parser.add_argument('--kit', default=os.path.join(os.path.dirname(ROOT), 'shared', 'bench'))
    parser.add_argument('--full', action='store_true')
    parser.add_argument('--own', action='store_true')
    parser.add_argument('--only', help='workloads of the kit, with commas: ' + ' '.join(KIT))
    a = parser.parse_args()

    def interrupted(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupted)
    bench = Bench(a)
    have_kit = os.path.exists(os.path.join(a.kit, 'bench.py'))
    try:
        if have_kit and not a.own:
            bench.run_kit()
        else:
            if not have_kit:
                print('The load kit is not at %s: that part is skipped; our own scenarios instead.' % a.kit)
            bench.run_own()
        if bench.server:
            bench.stop_server()
        if not a.only:
            bench.run_parts()
    except KeyboardInterrupt:
        print('interrupted')
        return 1
    finally:
        bench.close()
    results = bench.new_results()
    print()
    table(results)
    print('\n%s' % bench.results)
    return 0 if results else 1


if __name__ == '__main__':
    sys.exit(main())
