# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a PostgreSQL cluster per run, a fresh database, daemon and phones per test. Every daemon a test has started
must end cleanly, without an error line or a sanitizer report, and leave consistent records."""
import itertools
import os
import shutil
import sys
import tempfile

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from center import Center  # noqa: E402
from daemon import build_dir  # noqa: E402
from phone import Net  # noqa: E402
from postgres import Postgres  # noqa: E402

_numbers = itertools.count(1)


def pytest_configure(config):
    config.addinivalue_line('markers', 'load: needs the machine for itself; run.py runs such files alone, last')


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.when == 'call':
        item.failed = report.failed
        # A failure must be understood from the output: log of the daemon, SIP messages of the phones.
        for center in getattr(item, 'centers', []) if report.failed else []:
            report.sections.append(('log of callfloord (end)', center.daemon.log()[-12000:]))
            report.sections.append(('SIP of the phones (end)', center.net.trace_text()[-20000:]))


@pytest.fixture(scope='session')
def postgres():
    """The run's cluster: run.py's when it made one, else our own."""
    shared = os.environ.get('CALLFLOOR_TEST_POSTGRES')
    if shared:
        yield Postgres.attach(shared)
        return
    server = Postgres().start()
    yield server
    server.destroy()


@pytest.fixture
def servers():
    """Clusters of the test's own; they outlive its daemons."""
    made = []
    yield made
    for server in made:
        server.destroy()


@pytest.fixture
def own_postgres(servers):
    """A cluster the test may stop and freeze."""
    servers.append(Postgres().start())
    return servers[0]


@pytest.fixture
def folder():
    path = tempfile.mkdtemp(prefix='cf-')  # short: unix sockets live in it
    yield path
    if not os.environ.get('CALLFLOOR_KEEP_TMP'):
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def make_center(request, folder, postgres, servers):
    """Call it with sections of the configuration; returns a started Center."""
    made = request.node.centers = []

    def make(start=True, database=True, server=None, build=None, program=None, **conf):
        where = os.path.join(folder, str(len(made)))
        os.makedirs(where)
        cluster = (server or postgres) if database else None
        name = 't%d_%d' % (os.getpid(), next(_numbers))
        if cluster:
            cluster.create_database(name)
        center = Center(where, cluster, name, build, program, **conf)
        made.append(center)
        if cluster and cluster is not postgres:
            center.daemon.allow_error('store event=db_down')
        if start:
            center.start()
        if start and cluster:
            center.until_stored()  # the schema is there
        return center

    yield make
    problems = []
    for center in made:
        try:
            if not getattr(request.node, 'failed', True):
                problems += finish(center)
        finally:
            center.close()
            if center.postgres is postgres:
                postgres.drop_database(center.database)
    assert not problems, '\n'.join(problems)


def finish(center):
    """The orderly end of a daemon whose test has passed; what was wrong with it."""
    problems = []
    try:
        if center.net.errors:
            problems.append('test phone: ' + center.net.errors[0])
        if center.daemon.alive():
            center.daemon.stop()
        else:
            center.daemon.check_log()
        if center.postgres and not getattr(center, 'skip_records', False):
            center.check_records()
    except AssertionError as e:
        problems.append(str(e))
    return problems


@pytest.fixture
def center(make_center):
    """The standard center, running."""
    return make_center()


@pytest.fixture
def net():
    n = Net()
    yield n
    n.close()


@pytest.fixture(scope='session')
def build():
    return build_dir()
