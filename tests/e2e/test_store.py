# SPDX-License-Identifier: Apache-2.0
"""Records in PostgreSQL: complete, right to the figure, and calls that do not care whether there is a database."""
import time

from center import queue
from postgres import Postgres


def test_all_rows_of_one_call(make_center):
    c = make_center(queues=[queue('sales', wrapup_ms=1000), queue('support')])
    phone = c.agent(1001, answer_after=None)
    call = c.caller('+420111', tone=0, display='Jan Novák').call('3001').wait('up')
    ring = phone.wait_call()
    time.sleep(1.0)
    ring.answer()
    time.sleep(1.5)
    call.bye()
    c.until_agent(1001, 'ready', 'idle')
    c.until_stored()
    contact = c.sql('SELECT *, extract(epoch FROM end_at - start_at) AS seconds FROM callfloor.contact')
    assert len(contact) == 1
    contact = contact[0]
    assert (contact['direction'], contact['trunk'], contact['called'], contact['caller'], contact['caller_name'],
            contact['result'], contact['ended_by']) == ('inbound', 'carrier', '3001', '+420111', 'Jan Novák', 'handled', 'caller')
    visit, = c.sql('SELECT * FROM callfloor.visit')
    offer, = c.sql('SELECT *, extract(epoch FROM end_at - ring_at) AS ringing FROM callfloor.offer')
    handle, = c.sql('SELECT * FROM callfloor.handle')
    assert visit['contact_id'] == offer['contact_id'] == handle['contact_id'] == contact['id']
    assert offer['visit_id'] == handle['visit_id'] == visit['id'] and handle['offer_id'] == offer['id']
    assert (visit['queue'], visit['result']) == ('sales', 'answered')
    assert (offer['agent'], offer['result']) == ('1001', 'answered') and 0.9 < offer['ringing'] < 1.5
    assert (handle['agent'], handle['queue'], handle['ended_by']) == ('1001', 'sales', 'caller')
    assert 1400 < handle['talk_ms'] < 2000 and 990 <= handle['wrap_ms'] < 1300
    assert handle['hold_ms'] == 0 and handle['hold_count'] == 0
    states = c.sql("SELECT presence, activity FROM callfloor.agent_state WHERE agent = '1001' ORDER BY start_at, id")
    seen = [(s['presence'], s['activity']) for s in states]
    for wanted in (('ready', 'idle'), ('ready', 'ringing'), ('ready', 'talking'), ('ready', 'wrapup')):
        assert wanted in seen, seen
    customer, = c.sql('SELECT * FROM callfloor.customer')
    number, = c.sql('SELECT * FROM callfloor.customer_number')
    assert customer['id'] == contact['customer_id'] == number['customer_id'] and number['number'] == '+420111'


def test_a_known_customer_is_found_again(center):
    phone = center.agent(1001)
    for n in (1, 2):
        call = center.caller('777', tone=0).call('3001').wait('up')
        ring = phone.wait_call(n).wait('up')
        if n == 2:
            row = center.show('calls')[0]
            assert row['customer_new'] is False and row['customer_id']
        else:
            assert center.show('calls')[0]['customer_new'] is True
        ring.bye()
        call.wait('ended')
        center.until_agent(1001, 'ready', 'idle')
        center.until_stored()
    assert len(center.sql('SELECT * FROM callfloor.customer')) == 1
    assert len({x['customer_id'] for x in center.sql('SELECT customer_id FROM callfloor.contact')}) == 1


def test_the_customer_is_known_before_the_agent_rings(center):
    phone = center.agent(1001, answer_after=None)
    center.caller('888', tone=0).call('3001').wait('up')
    phone.wait_call()
    assert center.show('calls')[0]['customer_id']


def test_hostile_names_are_stored_as_they_are(center):
    center.agent(1001)
    name = "Robert'); DROP TABLE contact;--\\ %s"
    call = center.caller('999', tone=0, display=name.replace('\\', '')).call('3001').wait('up')
    call.bye()
    center.until_no_calls()
    center.until_stored()
    row, = center.sql('SELECT * FROM callfloor.contact')
    assert row['caller_name'] == name.replace('\\', '')


def test_refused_calls_leave_no_rubbish(center):
    call = center.caller('1').call('4711')
    center.net.wait(lambda: call.final, 5, 'refusal')
    center.until_stored()
    rows = center.sql('SELECT result, sip_status FROM callfloor.contact')
    assert rows in ([], [{'result': 'refused', 'sip_status': 404}])


def test_journal_only(make_center):
    c = make_center(database=False)
    phone = c.agent(1001, tone=600)
    call = c.caller(tone=0).call('3001').wait('up')
    call.rtp.wait_tone(600)
    call.bye()
    phone.wait_call().wait('ended')
    store = c.show_one('store')
    assert store['configured'] is False and store['written'] > 0


def test_the_database_comes_later(make_center, own_postgres):
    """The daemon starts without PostgreSQL, takes calls, and applies all when it comes."""
    own_postgres.create_database('later')
    own_postgres.stop()
    c = make_center(start=False, database=False)
    c.postgres, c.database = own_postgres, 'later'
    c.daemon.allow_error('store event=db_down')
    c.daemon.write(dict(c.conf, store=dict(c.conf['store'], database=own_postgres.conninfo + ' dbname=later')))
    c.daemon.start()
    phone = c.agent(1001)
    at = time.monotonic()
    call = c.caller('1', tone=0).call('3001').wait('up')
    phone.wait_call().wait('up')
    assert time.monotonic() - at < 2.0  # the lookup of the customer does not hold up the call
    call.bye()
    c.until_agent(1001, 'ready', 'idle')
    own_postgres.start()
    c.until_stored(40)
    assert [x['result'] for x in c.sql('SELECT result FROM callfloor.contact')] == ['handled']


def test_a_frozen_database_holds_up_nobody(make_center, own_postgres):
    """The host of PostgreSQL hangs: connections stay open, nothing answers."""
    c = make_center(server=own_postgres)
    phone = c.agent(1001, tone=600)
    own_postgres.freeze()
    try:
        for n in range(3):
            at = time.monotonic()
            call = c.caller(n, tone=0).call('3001').wait('up')
            phone.wait_call(n + 1, timeout=5).wait('up')
            assert time.monotonic() - at < 3.0
            call.rtp.wait_tone(600)
            assert c.daemon.command('show store')
            call.bye()
            c.until_agent(1001, 'ready', 'idle')
    finally:
        own_postgres.resume()
    c.until_stored(60)
    assert [x['result'] for x in c.sql('SELECT result FROM callfloor.contact')] == ['handled'] * 3


def test_lost_connections_are_made_again(make_center, own_postgres):
    """The connections are cut again and again while rows are on their way: none is lost or doubled."""
    c = make_center(server=own_postgres)
    phone = c.agent(1001)
    for n in range(10):
        call = c.caller(n, tone=0).call('3001').wait('up')
        phone.wait_call(n + 1).wait('up')
        own_postgres.psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s'" % c.database)
        call.bye()
        c.until_agent(1001, 'ready', 'idle')
    c.until_stored(40)
    for table in ('contact', 'visit', 'offer', 'handle'):
        assert len(c.sql('SELECT id FROM callfloor.%s' % table)) == 10, table


def test_a_database_that_forgets_what_it_confirmed(make_center, servers):
    """After a crash of its machine PostgreSQL may come back without its last commits, when synchronous_commit is off
    or a replica took over. The journal still has them."""
    server = Postgres(forgetful=True).start()
    servers.append(server)
    c = make_center(server=server)
    c.daemon.allow_error('database_went_back')
    phone = c.agent(1001)
    for n in range(6):
        call = c.caller(n, tone=0).call('3001').wait('up')
        phone.wait_call(n + 1).wait('up')
        call.bye()
        c.until_agent(1001, 'ready', 'idle')
        c.until_stored()
        if n == 3:
            server.stop('immediate')
            server.start()
    c.until_stored(40)
    assert {x['caller'] for x in c.sql('SELECT caller FROM callfloor.contact')} == {str(n) for n in range(6)}
    for table in ('visit', 'offer', 'handle'):
        assert len(c.sql('SELECT id FROM callfloor.%s' % table)) == 6, table


def test_a_row_the_database_refuses_does_not_block_the_others(make_center, own_postgres):
    """Somebody changed the schema by hand: what cannot be applied is set aside and counted, the rest goes on."""
    c = make_center(server=own_postgres)
    c.agent(1001)
    c.until_stored()
    c.postgres.psql(c.database, "ALTER TABLE callfloor.contact ADD CONSTRAINT nasty CHECK (caller <> '666')")
    c.daemon.allow_error('store|row|rejected|set')
    c.skip_records = True
    for n in ('665', '666', '667'):
        call = c.caller(n, tone=0).call('3001').wait('up')
        c.until_agent(1001, 'ready', 'talking')
        call.bye()
        c.until_agent(1001, 'ready', 'idle')
    c.until_stored(40)
    assert {x['caller'] for x in c.sql('SELECT caller FROM callfloor.contact')} == {'665', '667'}
    assert c.show_one('store')['rejected'] > 0


def test_a_full_journal_refuses_calls_and_recovers(make_center, own_postgres):
    """No database and no room: 503 before anything is lost; when PostgreSQL returns, calls are taken again."""
    c = make_center(server=own_postgres, store={'journal_max_bytes': 1 << 20}, limits={'max_calls_per_second': 100000},
                    rtp={'port_min': 10000, 'port_max': 19999})  # a port rests for 10 s after use
    c.daemon.allow_error('journal.full')
    own_postgres.stop('immediate')
    for n in range(5000):
        phone = c.caller('%030d' % n)
        call = phone.call('3009')
        c.net.wait(lambda: call.final, 10, 'final response')
        if call.status != 200:
            break
        call.bye()
        phone.close()
    assert call.status == 503, 'the journal never filled'
    assert c.show_one('store')['journal_full'] is True
    own_postgres.start()
    c.until_stored(60)
    c.until(lambda: c.show_one('store')['journal_full'] is False, 20, 'room in the journal')
    c.caller('1', tone=0).call('3009').wait('up').bye()
    c.until_stored(20)
    handled = c.sql("SELECT count(*) AS n FROM callfloor.contact WHERE result <> 'refused'")[0]['n']
    assert handled == n + 1  # none of those taken is missing


def test_two_migrations_do_not_apply_twice(make_center, own_postgres):
    c = make_center(server=own_postgres)
    c.until_stored()
    before = c.sql("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'callfloor' ORDER BY 1, 2")
    c.daemon.stop()
    c.daemon.start()
    c.until_stored()
    assert c.sql("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'callfloor' "
                 "ORDER BY 1, 2") == before
    assert len(before) > 40
