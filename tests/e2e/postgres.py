# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL cluster: own data directory and unix socket, no TCP, no system service touched. PostgreSQL
refuses to run as root, so then it runs as the user `postgres`, which Debian's package makes."""
import glob
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time


def programs():
    """Folder with initdb, of the newest version installed."""
    found = glob.glob('/usr/lib/postgresql/*/bin/initdb')
    if found:
        return os.path.dirname(max(found, key=lambda p: int(p.split('/')[4])))
    path = shutil.which('initdb')
    if not path:
        raise RuntimeError('PostgreSQL is not installed: make deps')
    return os.path.dirname(os.path.realpath(path))


class Postgres:
    USER = 'callfloor'

    def __init__(self, folder=None, fast=True, forgetful=False):
        """folder: where the cluster lives (kept); None = a temporary one, removed by destroy(). fast: without fsync
        (survives a crash of PostgreSQL, not of the machine). forgetful: a crash loses the last commits."""
        self.bin = programs()
        self.temporary = folder is None
        self.owner = pwd.getpwnam('postgres') if os.geteuid() == 0 else None
        # A private folder in /tmp also holds the socket: its path must be short, and reachable for `postgres`.
        self.run_dir = tempfile.mkdtemp(prefix='cfpg-')
        self.data = os.path.join(folder or self.run_dir, 'data')
        self.log = os.path.join(self.run_dir, 'log')
        os.makedirs(os.path.dirname(self.data), exist_ok=True)
        self._give(self.run_dir)
        if folder:
            self._give(folder)
            if not self._reachable(folder):
                self.data = os.path.join(self.run_dir, 'data')
                self.temporary = True
        os.chmod(self.run_dir, 0o755)
        self.process = None
        self.fast, self.forgetful = fast, forgetful
        if not os.path.exists(os.path.join(self.data, 'PG_VERSION')):
            self._run('initdb', '-D', self.data, '-U', self.USER, '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8',
                      '--no-sync', '--no-instructions')

    def _give(self, path):
        if self.owner:
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)

    def _as_owner(self, command):
        become = ['--reuid', str(self.owner.pw_uid), '--regid', str(self.owner.pw_gid), '--clear-groups'] if self.owner else []
        return ['setpriv', '--pdeathsig', 'INT'] + become + command  # it ends with us, whatever ends us

    def _reachable(self, path):
        return subprocess.run(self._as_owner(['test', '-w', path]), cwd='/').returncode == 0

    def _run(self, program, *arguments):
        r = subprocess.run(self._as_owner([os.path.join(self.bin, program)] + list(arguments)), cwd='/',
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if r.returncode:
            raise RuntimeError('%s: %s' % (program, r.stdout))

    @classmethod
    def attach(cls, run_dir):
        """Somebody else's running cluster, as a client."""
        self = cls.__new__(cls)
        self.bin, self.run_dir, self.process, self.owner = programs(), run_dir, None, None
        return self

    @property
    def conninfo(self):
        return 'host=%s user=%s' % (self.run_dir, self.USER)

    def start(self):
        options = ['-c', 'listen_addresses=', '-c', 'unix_socket_directories=' + self.run_dir, '-c', 'shared_buffers=32MB',
                   '-c', 'max_connections=40', '-c', 'log_min_messages=warning', '-c', 'timezone=UTC',
                   '-c', 'dynamic_shared_memory_type=posix']
        if self.fast:
            options += ['-c', 'fsync=off', '-c', 'full_page_writes=off']
        if self.forgetful:
            options += ['-c', 'synchronous_commit=off', '-c', 'wal_writer_delay=10s', '-c', 'wal_writer_flush_after=1GB']
        stale = os.path.join(self.data, 'postmaster.pid')
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(
                self._as_owner([os.path.join(self.bin, 'postgres'), '-D', self.data] + options), cwd='/',
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + 60
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError('PostgreSQL did not start:\n%s' % open(self.log).read()[-3000:] + stale)
            time.sleep(0.05)
        return self

    def answers(self):
        return subprocess.run([os.path.join(self.bin, 'pg_isready'), '-q', '-h', self.run_dir, '-U', self.USER, '-d', 'postgres'],
                              stdin=subprocess.DEVNULL).returncode == 0

    def stop(self, how='fast'):
        """fast: connections are closed; immediate: as after a crash."""
        if not self.process:
            return
        if self.process.poll() is None:
            self.resume()
            self.process.send_signal({'fast': signal.SIGINT, 'immediate': signal.SIGQUIT}[how])
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait(20)
        self.process = None

    def _all(self):
        """The postmaster and its children (each backend is a session and group of its own)."""
        pids = [self.process.pid]
        for entry in os.listdir('/proc'):
            if entry.isdigit():
                try:
                    with open('/proc/%s/stat' % entry) as f:
                        if int(f.read().rsplit(')', 1)[1].split()[1]) == self.process.pid:
                            pids.append(int(entry))
                except (OSError, ValueError, IndexError):
                    pass
        return pids

    def freeze(self):
        """As a host that hangs: connections stay open, nothing answers."""
        for pid in self._all():
            os.kill(pid, signal.SIGSTOP)

    def resume(self):
        for pid in self._all():
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass

    def destroy(self):
        self.stop('immediate')
        shutil.rmtree(self.run_dir, ignore_errors=True)

    def psql(self, database, sql, *options):
        r = subprocess.run([os.path.join(self.bin, 'psql'), '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', self.run_dir,
                            '-U', self.USER, '-d', database] + list(options), input=sql, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if r.returncode:
            raise RuntimeError('%s\n%s' % (r.stderr.strip(), sql))
        return r.stdout

    def rows(self, database, sql):
        """Rows of a query as dictionaries."""
        text = self.psql(database, 'SELECT coalesce(json_agg(one_row), \'[]\') FROM (%s) one_row' % sql.rstrip('; \n'), '-At')
        return json.loads(text)

    def value(self, database, sql):
        return self.psql(database, sql, '-At').strip()

    def create_database(self, name):
        self.psql('postgres', 'CREATE DATABASE "%s"' % name)
        return 'host=%s user=%s dbname=%s' % (self.run_dir, self.USER, name)

    def drop_database(self, name):
        self.psql('postgres', 'DROP DATABASE IF EXISTS "%s" WITH (FORCE)' % name)
