# SPDX-License-Identifier: Apache-2.0
"""sipp as caller and as agents, for load and for demonstrations. Scenarios are templates in scenarios/: @NAME@ is
replaced. Audio is streamed with rtp_stream, which needs no privilege."""
import csv
import os
import signal
import subprocess
import time

from daemon import with_parent

SCENARIOS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'scenarios')


class Sipp:
    def __init__(self, folder, name, scenario, arguments, replace=None):
        self.folder, self.name = str(folder), name
        os.makedirs(self.folder, exist_ok=True)
        text = open(os.path.join(SCENARIOS, scenario + '.xml')).read()
        for key, value in (replace or {}).items():
            text = text.replace('@%s@' % key, str(value))
        if (replace or {}).get('RAW') == '':  # signalling only
            text = '\n'.join(line for line in text.split('\n') if 'rtp_stream' not in line)
        self.scenario = os.path.join(self.folder, name + '.xml')
        with open(self.scenario, 'w') as f:
            f.write(text)
        command = ['sipp', '-sf', self.scenario, '-nostdin', '-trace_err', '-error_file', name + '.err', '-trace_logs',
                   '-log_file', name + '.log', '-trace_stat', '-stf', name + '.csv', '-fd', '1', '-rtp_buffsize', '2000000']
        self.process = subprocess.Popen(with_parent(command + [str(a) for a in arguments]), cwd=self.folder,
                                        stdin=subprocess.DEVNULL, stdout=open(os.path.join(self.folder, name + '.out'), 'w'),
                                        stderr=subprocess.STDOUT, start_new_session=True)

    def wait(self, timeout):
        return self.process.wait(timeout)

    def running(self):
        return self.process.poll() is None

    def stop(self, grace=3.0):
        """SIGUSR1: no new calls, ends when those in progress are over; then harder."""
        for number, seconds in ((signal.SIGUSR1, grace), (signal.SIGUSR1, 2.0), (signal.SIGKILL, 5.0)):
            if self.process.poll() is not None:
                return
            self.process.send_signal(number)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                pass

    def stat(self):
        """Last line of sipp's statistics: created, ok, failed, retrans and what failed."""
        try:
            with open(os.path.join(self.folder, self.name + '.csv')) as f:
                row = list(csv.DictReader(f, delimiter=';'))[-1]
        except (OSError, IndexError):
            return {}
        number = lambda key: int(row.get(key) or 0)
        out = {'created': number('TotalCallCreated'), 'ok': number('SuccessfulCall(C)'), 'failed': number('FailedCall(C)'),
               'retrans': number('Retransmissions(C)')}
        out.update({k: number(k) for k in row if k and k.startswith('Failed') and k.endswith('(C)') and number(k)})
        return out

    def log(self):
        """The scenario's <log> lines, split."""
        try:
            with open(os.path.join(self.folder, self.name + '.log')) as f:
                return [line.split() for line in f if line.strip()]
        except OSError:
            return []

    def errors(self):
        try:
            with open(os.path.join(self.folder, self.name + '.err'), errors='replace') as f:
                return f.read()
        except OSError:
            return ''


def wait_port(address, port, timeout=20.0):
    """Waits until a UDP port is taken: the sipp in question listens."""
    needle = ':%04X ' % port
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        with open('/proc/net/udp') as f:
            if any(needle in line.split(None, 2)[1] + ' ' for line in f.readlines()[1:]):
                return
        time.sleep(0.02)
    raise AssertionError('nobody listens on %s:%d' % (address, port))
