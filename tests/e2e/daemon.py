# SPDX-License-Identifier: Apache-2.0
"""callfloord as tests run it: configuration from a dictionary, readiness by sd_notify, console by callfloorctl, and a
close look at how it ends."""
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import audio

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SANITIZER = re.compile(r'ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer|LeakSanitizer')


def build_dir():
    return os.environ.get('CALLFLOOR_BUILD') or os.path.join(ROOT, 'build')


def with_parent(command):
    """The command, ended by the kernel when we end without having done so."""
    return ['setpriv', '--pdeathsig', 'TERM'] + command


def write_config(value, depth=0):
    """Python to libconfig: dict = group, list or tuple = list, bool, int, str; keys keep their order."""
    pad = '    ' * depth
    if isinstance(value, dict):
        body = ''.join('%s%s = %s;\n' % (pad, k, write_config(v, depth + 1)) for k, v in value.items())
        return body if depth == 0 else '{\n' + body + '    ' * (depth - 1) + '}'
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, int):
        return '%dL' % value if abs(value) >= 1 << 31 else str(value)
    if isinstance(value, str):
        return '"%s"' % value.replace('\\', '\\\\').replace('"', '\\"')
    if all(isinstance(v, str) for v in value):  # array of strings
        return '[ ' + ', '.join(write_config(v) for v in value) + ' ]'
    return '(\n' + ',\n'.join(pad + write_config(v, depth + 1) for v in value) + '\n' + pad + ')'


def free_port(address='127.0.0.1', low=20000, high=31999):
    """A port free for UDP and TCP, below the kernel's own range, so that nobody is given it meanwhile."""
    for _ in range(500):
        port = random.randrange(low, high, 2)
        udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            udp.bind((address, port))
            tcp.bind((address, port))
            return port
        except OSError:
            continue
        finally:
            udp.close()
            tcp.close()
    raise OSError('no free port')


# What each prompt of the tests sounds like: one tone each, so that a recording tells which was played.
TONES = {'welcome': 350, 'main-menu': 500, 'invalid': 700, 'timeout': 750, 'goodbye': 850, 'music': 1000,
         'greeting': 1200, 'closed': 1400, 'music2': 1600, 'sub-menu': 1800, 'ringback': 2000}


def make_prompts(folder):
    """One tone per prompt; of various rates and lengths, one of them stereo, as users' files are."""
    os.makedirs(folder, exist_ok=True)
    for name, seconds, rate, channels in (
            ('welcome', 0.6, 16000, 1), ('main-menu', 1.0, 44100, 1), ('invalid', 0.4, 8000, 1), ('timeout', 0.4, 8000, 1),
            ('goodbye', 0.4, 22050, 1), ('music', 2.0, 48000, 2), ('greeting', 0.5, 8000, 1), ('closed', 0.8, 11025, 1),
            ('music2', 2.0, 8000, 1), ('sub-menu', 0.6, 8000, 1), ('ringback', 1.0, 16000, 1)):
        audio.write_tone(os.path.join(folder, name + '.wav'), TONES[name], seconds, rate, channels)


class Daemon:
    """config: dictionary (or text) of the configuration. Made by center.py; the paths are in `folder`."""

    def __init__(self, folder, config, build=None, program=None, ready_timeout=30.0):
        self.folder, self.config = str(folder), config
        self.build = build or build_dir()
        self.program = program or os.path.join(self.build, 'callfloord')
        self.ctl = os.path.join(self.build, 'callfloorctl')
        self.path = os.path.join(self.folder, 'callfloord.conf')
        self.socket = os.path.join(self.folder, 'console.sock')
        self.log_path = os.path.join(self.folder, 'log')
        self.process, self.notified, self.ready_timeout = None, [], ready_timeout
        self.allowed_errors, self.runs = [], 0
        self.write(config)

    def write(self, config):
        with open(self.path, 'w') as f:
            f.write(config if isinstance(config, str) else write_config(config))
        os.chmod(self.path, 0o600)

    # -- life

    def start(self, wait=True):
        notify_path = os.path.join(self.folder, 'notify')
        if os.path.exists(notify_path):
            os.unlink(notify_path)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(notify_path)
        self.notified = []
        threading.Thread(target=self._read_notify, args=(self.notify, self.notified), daemon=True).start()
        env = dict(os.environ, NOTIFY_SOCKET=notify_path,
                   ASAN_OPTIONS='detect_leaks=1:abort_on_error=0:exitcode=99', UBSAN_OPTIONS='print_stacktrace=1',
                   TSAN_OPTIONS='report_thread_leaks=0')  # it does not see pthread_clockjoin_np()
        self.runs += 1
        with open(self.log_path, 'ab') as log:
            log.write(b'---- start %d\n' % self.runs)
            log.flush()
            self.process = subprocess.Popen(with_parent([self.program, '-c', self.path]), cwd=self.folder, env=env,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        if wait:
            self.wait_ready()
        return self

    @staticmethod
    def _read_notify(notify, notified):
        """As systemd: always reads, or the daemon would wait for room."""
        try:
            while True:
                data = notify.recv(4096)
                if not data:
                    return
                notified += data.decode().splitlines()
        except OSError:
            pass

    def wait_ready(self):
        end = time.monotonic() + self.ready_timeout
        while 'READY=1' not in self.notified:
            if self.process.poll() is not None:
                raise AssertionError('callfloord ended with %d:\n%s' % (self.process.returncode, self.log()[-4000:]))
            if time.monotonic() > end:
                raise AssertionError('callfloord is not ready after %.0f s:\n%s' % (self.ready_timeout, self.log()[-4000:]))
            time.sleep(0.02)

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=30.0):
        """Waits for its end, returns the exit status."""
        return self.process.wait(timeout)

    def kill(self):
        """As a crash: SIGKILL."""
        self.process.kill()
        self.process.wait()
        self._close()

    def _close(self):
        self.notify.shutdown(socket.SHUT_RDWR)
        self.notify.close()
        self.process = None

    def stop(self, timeout=20.0):
        """An end without waiting for calls: status 0, no error line, no sanitizer report."""
        if self.process is None:
            return
        if self.process.poll() is None:
            try:
                asked = self.command('drain now', check=False).returncode == 0
            except subprocess.TimeoutExpired:
                asked = False
            if not asked:
                self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            status = 'none: it had to be killed after %.0f s\n%s' % (timeout, self.stacks())
            self.process.kill()
            self.process.wait()
        self._close()
        self.check_log()
        assert status == 0, 'callfloord ended with status %s:\n%s' % (status, self.log()[-3000:])

    def stacks(self):
        """Where all threads are, when there is a gdb."""
        if not shutil.which('gdb'):
            return '(no gdb, no stacks)'
        r = subprocess.run(['gdb', '-p', str(self.pid), '-batch', '-ex', 'thread apply all bt 12'], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return '\n'.join(line for line in r.stdout.splitlines() if line.startswith(('#', 'Thread')))

    def destroy(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process is not None:
            self._close()

    # -- log

    def log(self):
        with open(self.log_path, errors='replace') as f:
            return f.read()

    def allow_error(self, pattern):
        """An error line this test provokes on purpose."""
        self.allowed_errors.append(re.compile(pattern))

    def check_log(self):
        text = self.log()
        assert not SANITIZER.search(text), 'sanitizer report:\n' + text[max(0, SANITIZER.search(text).start() - 200):][:6000]
        errors = [line for line in text.splitlines() if re.match(r'\S+ error ', line)]
        errors = [line for line in errors if not any(p.search(line) for p in self.allowed_errors)]
        assert not errors, 'error lines in the log:\n' + '\n'.join(errors[:20])

    def wait_log(self, pattern, timeout=10.0, since=0):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            match = re.search(pattern, self.log()[since:])
            if match:
                return match
            time.sleep(0.05)
        raise AssertionError('no /%s/ in the log within %.0f s:\n%s' % (pattern, timeout, self.log()[-3000:]))

    # -- console

    def command(self, line, check=True, timeout=10.0):
        """One console command as text; check: it must succeed."""
        r = subprocess.run([self.ctl, '-s', self.socket] + line.split(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, timeout=timeout)
        if check:
            assert r.returncode == 0, 'callfloorctl %s: status %d: %s%s' % (line, r.returncode, r.stdout, r.stderr)
            return r.stdout
        return r

    def json(self, line):
        r = subprocess.run([self.ctl, '-j', '-s', self.socket] + line.split(), stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=10)
        assert r.returncode == 0, 'callfloorctl -j %s: status %d: %s%s' % (line, r.returncode, r.stdout, r.stderr)
        return json.loads(r.stdout)

    # -- /proc

    def fds(self):
        return len(os.listdir('/proc/%d/fd' % self.pid))

    def fd_list(self):
        out = []
        for fd in os.listdir('/proc/%d/fd' % self.pid):
            try:
                out.append(os.readlink('/proc/%d/fd/%s' % (self.pid, fd)))
            except OSError:
                pass
        return sorted(re.sub(r'\[\d+\]', '', x) for x in out)

    def rss_kb(self):
        for line in open('/proc/%d/status' % self.pid):
            if line.startswith('VmRSS:'):
                return int(line.split()[1])
        return 0

    def cpu_seconds(self):
        fields = open('/proc/%d/stat' % self.pid).read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def check_config(text, build=None):
    """callfloord -t on the text: (exit status, what it printed)."""
    folder = tempfile.mkdtemp(prefix='cfconf-')
    try:
        path = os.path.join(folder, 'callfloord.conf')
        with open(path, 'w') as f:
            f.write(text)
        os.chmod(path, 0o600)
        r = subprocess.run([os.path.join(build or build_dir(), 'callfloord'), '-t', '-c', path], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
        return r.returncode, r.stdout
    finally:
        shutil.rmtree(folder, ignore_errors=True)
