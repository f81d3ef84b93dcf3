# SPDX-License-Identifier: Apache-2.0
"""What must be refused, with which status, and what must not hurt: strangers, wrong digest, unknown numbers, foreign
codecs, and messages that are none."""
import socket
import time

import pytest
import sipmsg
from center import STRANGER, TRUNK
from phone import Phone


def refused(center, call, timeout=10):
    center.net.wait(lambda: call.final, timeout, 'final response')
    return call.status


def still_works(center):
    call = center.caller('999', tone=0).call('3009').wait('up')
    assert call.bye() == 200


def test_unknown_number_is_404(center):
    assert refused(center, center.caller().call('4711')) == 404
    center.until_no_calls()


def test_unknown_source_is_403(center):
    stranger = Phone(center.net, center.server, '111', address=STRANGER)
    assert refused(center, stranger.call('3001')) == 403
    center.until_no_calls()


def test_an_agent_must_prove_itself_to_call(center):
    """From an agent's address: digest or nothing."""
    phone = center.agent(1001, password='wrong', register=False)
    assert refused(center, phone.call('3001')) in (401, 403)
    right = center.agent(1001, register=False)
    right.call('3009').wait('up').bye()


def test_wrong_digest_is_refused(center):
    phone = center.agent(1001, register=False)
    reply = phone.register(password='wrong', expect=None)
    assert reply.status in (401, 403)
    assert not center.show('registrations')
    assert center.agent_state(1001) == ('ready', 'unreachable')
    phone.register()
    assert center.agent_state(1001) == ('ready', 'idle')


def test_unknown_user_is_refused_like_a_wrong_password(center):
    """The answer must not tell which users exist."""
    one, two = center.agent(1001, register=False), center.agent(4711, register=False)
    statuses = [p.register(password='wrong', expect=None).status for p in (one, two)]
    assert statuses[0] == statuses[1] and statuses[0] in (401, 403)


def test_another_agents_name_is_refused(center):
    """1002's password does not register 1001."""
    phone = center.agent(1002, register=False)
    for _ in range(2):
        reply = phone.register(expect=None)
    first = phone.request('REGISTER', 'sip:callfloor.test', to='<sip:1001@callfloor.test>', headers=[('expires', '60')])
    auth = sipmsg.digest(first.get('www-authenticate'), 'REGISTER', 'sip:callfloor.test', '1002', 'secret1002')
    reply = phone.request('REGISTER', 'sip:callfloor.test', to='<sip:1001@callfloor.test>', cseq=2, headers=[
        ('authorization', auth), ('expires', '60')])
    assert reply.status in (401, 403, 404)
    assert center.agent_state(1001) == ('ready', 'unreachable')


def test_a_nonce_serves_once_and_not_for_another_method(center):
    phone = center.agent(1001, register=False)
    first = phone.request('REGISTER', 'sip:callfloor.test', to='<sip:1001@callfloor.test>', headers=[('expires', '60')])
    assert first.status == 401
    forged = sipmsg.digest(first.get('www-authenticate').replace('nonce="', 'nonce="x'), 'REGISTER', 'sip:callfloor.test',
                           '1001', 'secret1001')
    reply = phone.request('REGISTER', 'sip:callfloor.test', to='<sip:1001@callfloor.test>', cseq=2, headers=[
        ('authorization', forged), ('expires', '60')])
    assert reply.status in (401, 403)


def test_too_short_registration_is_423(make_center):
    center = make_center(sip={'register_min_s': 60})
    phone = center.agent(1001, register=False)
    reply = phone.register(expires=10, expect=423)
    assert reply.get('min-expires') == '60'


def test_no_common_codec_is_488(center):
    caller = center.caller(codecs=(18, 9), dtmf=101)
    assert refused(center, caller.call('3001')) == 488
    center.until_no_calls()


@pytest.mark.parametrize('sdp', [
    'v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nt=0 0\r\n',  # no audio at all
    'v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 4000 foo ;\r\n',  # endless loop
    'v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 1 TCP/MSRP (\r\n',  # in Sofia
    'v=0\r\nm=audio 99999 RTP/AVP 0\r\n', 'hello', '\0\0\0', 'm=' * 20000,
], ids=['no audio', 'foo', 'msrp', 'port', 'hello', 'zeros', 'long'])
def test_bad_sdp_is_refused(center, sdp):
    status = refused(center, center.caller().call('3001', sdp=sdp))
    assert status in (400, 413, 415, 488, 513)
    still_works(center)


@pytest.mark.parametrize('contact', ['*', '<tel:1>', '<x>', '<sip:>', ''])
def test_a_contact_that_hurts_sofia_is_refused(center, contact):
    caller = center.caller()
    reply = caller.request('INVITE', 'sip:3001@127.0.0.1:%d' % center.port, headers=[
        ('contact', contact), ('content-type', 'application/sdp')], body=sipmsg.make_sdp(TRUNK, 40000))
    assert reply.status == 400
    center.until_no_calls()
    still_works(center)


MALFORMED = [
    b'INVITE\r\n\r\n',
    b'INVITE sip:3001@127.0.0.1 SIP/2.0\r\n\r\n',
    b'INVITE sip:3001@127.0.0.1 SIP/9.9\r\nVia: SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bKx\r\n\r\n',
    b'INVITE sip:3001@127.0.0.1 SIP/2.0\r\nVia: x\r\nFrom: x\r\nTo: x\r\nCall-ID: x\r\nCSeq: x\r\n\r\n',
    b'INVITE sip:3001@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bKy\r\nFrom: <sip:a@b>;tag=1\r\n'
    b'To: <sip:b@c>\r\nCall-ID: a\r\nCSeq: 99999999999999999999 INVITE\r\nContent-Length: -5\r\n\r\n',
    b'\x00\xff\xfe' * 300, b'\r\n\r\n', b' ' * 60000, b'SIP/2.0 200\r\n\r\n', b'SIP/2.0 999 Hm\r\nVia: x\r\n\r\n',
    b'INVITE sip:' + b'a' * 30000 + b'@127.0.0.1 SIP/2.0\r\n\r\n',
    b'REGISTER sip:x SIP/2.0\r\n' + b'X: y\r\n' * 4000 + b'\r\n',
    b'OPTIONS sip:\xc3\x28@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP no-such-host.invalid:5060;branch=z9hG4bKz\r\n\r\n',
]


@pytest.mark.parametrize('number', range(len(MALFORMED)))
def test_malformed_message_over_udp(center, number):
    """400 or nothing; and the daemon is as fast as before (no blocking lookup of a name in Via)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((TRUNK, 0))
        s.settimeout(0.5)
        s.sendto(MALFORMED[number], center.server)
        try:
            answer = s.recv(65536)
            refusal = answer.startswith(b'SIP/2.0 4') or answer.startswith(b'SIP/2.0 5')
            assert refusal or b'Not Implemented' in answer, answer[:80]  # the latter to what looks like STUN
        except (TimeoutError, socket.timeout):
            pass
    at = time.monotonic()
    assert center.caller().request('OPTIONS', timeout=5).status == 200
    assert time.monotonic() - at < 1.0
    assert center.daemon.alive()


def test_malformed_streams_over_tcp(center):
    for data in MALFORMED + [b'INVITE sip:3001@127.0.0.1 SIP/2.0\r\nContent-Length: 99999999\r\n\r\n' + b'x' * 100000]:
        with socket.create_connection(center.server, 5) as s:
            s.settimeout(0.3)
            try:
                s.sendall(data)
                s.recv(4096)
            except OSError:
                pass
    still_works(center)


def test_requests_outside_of_calls(center):
    phone = center.caller()
    assert phone.request('BYE', 'sip:3001@127.0.0.1:%d' % center.port, to='<sip:x@y>;tag=none').status == 481
    assert phone.request('FOO').status in (405, 501)
    assert phone.request('CANCEL').status in (481, 200)
    still_works(center)


def test_busy_line_limit_is_503(make_center):
    center = make_center(limits={'max_calls': 2})
    calls = [center.caller(n, tone=0).call('3009').wait('up') for n in (1, 2)]
    third = center.caller(3).call('3009')
    assert refused(center, third) == 503
    calls[0].bye()
    center.until(lambda: len(center.show('calls')) == 1, what='one call left')
    center.caller(4, tone=0).call('3009').wait('up').bye()


def test_too_many_calls_a_second_are_503_with_retry_after(make_center):
    center = make_center(limits={'max_calls_per_second': 5})
    calls = [center.caller(n).call('3009') for n in range(30)]
    for call in calls:
        center.net.wait(lambda: call.final, 10, 'final response')
    statuses = [c.status for c in calls]
    assert set(statuses) == {200, 503}
    assert statuses.count(200) < 15
    refused_one = next(c for c in calls if c.status == 503)
    assert int(refused_one.final.get('retry-after').split(';')[0].split('(')[0]) > 0


def test_rtp_from_elsewhere_is_not_heard(center):
    """Somebody who guesses the port cannot speak into the call."""
    phone = center.agent(1001, tone=600)
    call = center.caller(tone=440).call('3001').wait('up')
    ring = phone.wait_call().wait('up')
    ring.rtp.wait_tone(440)
    evil = Phone(center.net, center.server, 'evil', address=STRANGER)
    other = evil.call('3009')  # refused, but gives us a source of RTP
    assert refused(center, other) == 403
    with center.net.lock:
        other.rtp.remote = ('127.0.0.1', call.remote_sdp['port'])
        other.rtp.send_tone(777)
        target = other.rtp
    mark = ring.rtp.now()
    time.sleep(1.0)
    assert target.sent > 20
    assert ring.rtp.share(777, mark) < 0.02
    assert ring.rtp.share(440, mark) > 0.95
    assert center.daemon.alive()
