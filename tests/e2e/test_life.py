# SPDX-License-Identifier: Apache-2.0
"""The daemon as a service: readiness and watchdog, drain, signals, TCP, OPTIONS, trunks, a port that is taken."""
import hashlib
import os
import re
import signal
import socket
import time

import pytest
import sipmsg
from center import TRUNK, agent
from daemon import free_port
from phone import Phone


def test_ready_is_told_when_it_works(make_center):
    """READY=1 comes when SIP and console answer, not before; STOPPING=1 at the end."""
    c = make_center(start=False, database=False)
    c.daemon.start(wait=True)
    assert c.caller().request('OPTIONS', timeout=2).status == 200
    assert c.daemon.command('show version')
    c.daemon.signal(signal.SIGTERM)
    c.daemon.wait(10)
    assert 'STOPPING=1' in c.daemon.notified


def test_watchdog(make_center):
    c = make_center(start=False, database=False)
    os.environ['WATCHDOG_USEC'] = '1000000'
    try:
        c.daemon.start()
    finally:
        del os.environ['WATCHDOG_USEC']
    time.sleep(1.5)
    assert c.daemon.notified.count('WATCHDOG=1') >= 2


def test_drain_lets_calls_in_progress_end(make_center):
    c = make_center(limits={'drain_ms': 20000})
    phone = c.agent(1001, tone=600)
    call = c.caller(tone=440).call('3001').wait('up')
    phone.wait_call().wait('up')
    c.daemon.signal(signal.SIGTERM)
    time.sleep(0.5)
    late = c.caller('222').call('3001')
    c.net.wait(lambda: late.final, 5, 'refusal')
    assert late.status == 503
    call.rtp.wait_tone(600)  # the talk goes on
    assert c.daemon.alive()
    call.bye()
    assert c.daemon.wait(10) == 0
    rows = c.sql('SELECT caller, result, sip_status FROM callfloor.contact ORDER BY id')
    assert rows[0] == {'caller': '111', 'result': 'handled', 'sip_status': None}
    assert rows[1:] in ([], [{'caller': '222', 'result': 'refused', 'sip_status': 503}])


def test_drain_has_a_limit(make_center):
    c = make_center(limits={'drain_ms': 1000})
    phone = c.agent(1001)
    call = c.caller(tone=0).call('3001').wait('up')
    ring = phone.wait_call().wait('up')
    c.daemon.signal(signal.SIGTERM)
    assert c.daemon.wait(10) == 0
    call.wait('ended', 3)
    ring.wait('ended', 3)
    contact = c.sql('SELECT * FROM callfloor.contact')[0]
    assert contact['end_at'] and contact['ended_by'] == 'system'


def test_drain_with_a_waiting_caller(make_center):
    """Who only waits in a queue is not waited for without end."""
    c = make_center(limits={'drain_ms': 1500})
    call = c.caller(tone=0).call('3001').wait('up')
    c.daemon.signal(signal.SIGTERM)
    assert c.daemon.wait(10) == 0
    call.wait('ended', 3)


def test_an_idle_daemon_ends_at_once(make_center):
    c = make_center()
    at = time.monotonic()
    c.daemon.signal(signal.SIGTERM)
    assert c.daemon.wait(10) == 0
    assert time.monotonic() - at < 3.0
    assert not os.path.exists(c.daemon.socket)


def test_signals_while_it_ends_do_no_harm(make_center):
    """systemctl stop after `drain now`, or twice: the end stays an orderly one."""
    for n in range(10):
        c = make_center(database=False)
        c.daemon.command('drain now')
        for _ in range(50):
            if c.daemon.alive():
                c.daemon.signal(signal.SIGTERM)
                c.daemon.signal(signal.SIGHUP)
        assert c.daemon.wait(10) == 0


def test_an_idle_daemon_costs_nothing(make_center):
    c = make_center()
    time.sleep(1)
    before = c.daemon.cpu_seconds()
    time.sleep(3)
    assert c.daemon.cpu_seconds() - before <= 0.06


def test_a_taken_port_is_told(make_center):
    c = make_center()
    other = make_center(start=False, database=False)
    other.daemon.write(dict(other.conf, sip=dict(other.conf['sip'], listen=c.conf['sip']['listen'])))
    other.daemon.start(wait=False)
    assert other.daemon.wait(10) not in (0, None)
    assert str(c.port) in other.daemon.log()
    other.daemon.allow_error('.')
    c.caller(tone=0).call('3009').wait('up').bye()


def test_a_second_daemon_does_not_share_the_journal(make_center):
    c = make_center()
    other = make_center(start=False, database=False)
    other.daemon.write(dict(other.conf, general=dict(other.conf['general'], state_dir=c.conf['general']['state_dir'])))
    other.daemon.start(wait=False)
    assert other.daemon.wait(10) not in (0, None)
    other.daemon.allow_error('.')
    assert c.daemon.alive()


@pytest.mark.parametrize('agent_transport', ['udp', 'tcp'])
def test_sip_over_tcp(center, agent_transport):
    phone = center.agent(1001, transport=agent_transport, tone=600)
    caller = center.caller(transport='tcp', tone=440)
    call = caller.call('3001').wait('up')
    call.rtp.wait_tone(600)
    phone.wait_call().rtp.wait_tone(440)
    assert caller.request('OPTIONS').status == 200
    assert call.bye() == 200
    phone.wait_call().wait('ended')


def test_a_tcp_connection_that_breaks_in_a_call(center):
    phone = center.agent(1001)
    caller = center.caller(transport='tcp', tone=0)
    call = caller.call('3001').wait('up')
    ring = phone.wait_call().wait('up')
    with center.net.lock:
        stream, caller.stream = caller.stream, None
        center.net.unwatch(stream)
    time.sleep(0.3)
    ring.bye()
    center.until_no_calls(40)
    assert center.daemon.alive()
    call.rtp.close()


def test_options_are_answered(center):
    reply = center.caller().request('OPTIONS')
    assert reply.status == 200
    assert 'INVITE' in reply.get('allow')


def test_trunk_goes_down_and_comes_back(make_center):
    pbx_port = free_port(TRUNK)
    c = make_center(trunks=[{'name': 'carrier', 'peers': [{'address': TRUNK, 'port': pbx_port}], 'probe': True,
                             'probe_interval_ms': 1000}])
    trunk = lambda: next(t for t in c.show('trunks') if t['trunk'] == 'carrier')
    c.until(lambda: trunk()['up'] is False, 60, 'the trunk being down')
    answerer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    answerer.bind((TRUNK, pbx_port))
    seen = []

    def answer():
        data, source = answerer.recvfrom(65536)
        message = sipmsg.Message.parse(data)
        seen.append(message.method)
        answerer.sendto(sipmsg.reply(message, 200, 'pbx').encode(), source)

    c.net.watch(answerer, answer)
    c.until(lambda: trunk()['up'] is True, 40, 'the trunk being up')
    assert 'OPTIONS' in seen
    c.net.unwatch(answerer)
    c.until(lambda: trunk()['up'] is False, 60, 'the trunk being down again')
    c.daemon.wait_log('trunk.*carrier')


def test_numbers_are_rewritten(make_center):
    c = make_center(trunks=[{'name': 'carrier', 'peers': [{'address': TRUNK}], 'probe': False,
                             'called': [{'match': '+4202', 'strip': 5, 'prepend': '3'}],
                             'calling': [{'match': '00', 'strip': 2, 'prepend': '+'}]}])
    phone = c.agent(1001)
    call = c.caller('00420777', tone=0).call('+4202001').wait('up')  # becomes 3001
    ring = phone.wait_call().wait('up')
    assert ring.caller == '+420777'
    call.bye()
    c.until_stored()
    assert [(x['caller'], x['called']) for x in c.sql('SELECT * FROM callfloor.contact')] == [('+420777', '3001')]


def test_outbound_registration_of_a_trunk(make_center, net):
    """We are the client: REGISTER with digest at the carrier's registrar."""
    registrar_port = free_port(TRUNK)
    registrar = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    registrar.bind((TRUNK, registrar_port))
    seen = []

    def serve():
        data, source = registrar.recvfrom(65536)
        m = sipmsg.Message.parse(data)
        if m.method != 'REGISTER':
            registrar.sendto(sipmsg.reply(m, 200, 'r').encode(), source)
            return
        auth = m.get('authorization')
        if not auth:
            extra = [('www-authenticate', 'Digest realm="carrier", nonce="abc123", algorithm=MD5, qop="auth"')]
            registrar.sendto(sipmsg.reply(m, 401, 'r', extra=extra).encode(), source)
            return
        seen.append(auth)
        registrar.sendto(sipmsg.reply(m, 200, 'r', extra=[('contact', m.get('contact') + ';expires=60')]).encode(), source)

    net.watch(registrar, serve)
    c = make_center(trunks=[{'name': 'carrier', 'peers': [{'address': TRUNK, 'port': registrar_port}], 'probe': False,
                             'register': {'user': '4822', 'password': 'geheim', 'domain': 'carrier.test', 'expires_s': 60}}])
    c.until(lambda: 'yes' in str(c.show('trunks')[0]['registered']).lower() or c.show('trunks')[0]['registered'] is True, 10,
            'the registration')
    assert 'username="4822"' in seen[0]
    fields = {k: a or b for k, a, b in re.findall(r'(\w+)=(?:"([^"]*)"|([^",\s]+))', seen[0])}
    md5 = lambda t: hashlib.md5(t.encode()).hexdigest()
    want = md5(':'.join((md5('4822:carrier:geheim'), 'abc123', fields['nc'], fields['cnonce'], 'auth',
                         md5('REGISTER:' + fields['uri']))))
    assert fields['response'] == want


def test_session_timer_is_agreed_and_kept(make_center):
    """RFC 4028: whoever refreshes, the call lives on; asked for by the caller, it is in our 200."""
    c = make_center(sip={'session_expires_s': 90})
    phone = c.agent(1001)
    call = c.caller(tone=0).call('3001', extra=[('supported', 'timer'), ('session-expires', '90;refresher=uac')]).wait('up')
    assert call.final.get('session-expires').startswith('90')
    phone.wait_call().wait('up')
    refresh = call.send('UPDATE', extra=[('supported', 'timer'), ('session-expires', '90;refresher=uac')])
    assert refresh.final.status == 200
    assert call.reinvite('sendrecv') == 200
    call.bye()


def test_too_short_a_session_interval_is_422(make_center):
    c = make_center(sip={'session_expires_s': 1800})
    call = c.caller().call('3001', extra=[('supported', 'timer'), ('session-expires', '10')])
    c.net.wait(lambda: call.final, 10, 'refusal')
    assert call.status == 422 and int(call.final.get('min-se')) >= 90


def test_privacy_of_the_files(center):
    """Journal and saved state are nobody else's business."""
    for folder, _, files in os.walk(os.path.join(center.folder, 'state')):
        for name in files:
            assert os.stat(os.path.join(folder, name)).st_mode & 0o007 == 0, name


def test_registrations_survive_a_restart(make_center):
    c = make_center()
    c.agent(1001)
    c.until_agent(1001, 'ready', 'idle')
    c.daemon.stop()
    c.daemon.start()
    c.until_agent(1001, 'ready', 'idle', 5)  # without the phone having registered again
    call = c.caller(tone=0).call('3001').wait('up')
    c.until_agent(1001, 'ready', 'talking')
    call.bye()


def test_fixed_contact_needs_no_registration(make_center, net):
    phone = Phone(net, ('127.0.0.1', 1), '1001', answer_after=0.0, tone=600)
    entry = agent(1001, 'sales', contact='sip:1001@127.0.0.1:%d' % phone.port)
    del entry['password']
    c = make_center(agents=[entry])
    phone.server = c.server
    c.until_agent(1001, 'ready', 'idle')
    call = c.caller(tone=440).call('3001').wait('up')
    call.rtp.wait_tone(600)
    phone.wait_call().rtp.wait_tone(440)
    call.bye()
    phone.wait_call().wait('ended')
