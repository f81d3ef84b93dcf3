# SPDX-License-Identifier: Apache-2.0
"""The whole path: trunk, menu, digit, queue, agent, joined audio, wrap-up, records. Audio is judged by its content:
every party and every prompt has a tone of its own."""
import socket
import time

import pytest
from center import REALM, TONES, agent, idle_phone, queue
from phone import Phone


def elsewhere(rtp, since, *others):
    """Nothing of these tones is heard there."""
    for hz in others:
        assert rtp.share(hz, since) < 0.02, '%d Hz is heard where it does not belong' % hz


def menu_call(center, digit, number='111', tone=440):
    caller = center.caller(number, tone=tone)
    call = caller.call('3000').wait('up')
    call.rtp.wait_tone(TONES['main-menu'], timeout=6)
    call.rtp.send_digits(digit)
    return call


def test_tones_reach_the_other_side_and_nobody_else(make_center):
    c = make_center(queues=[queue('sales'), queue('support')], agents=[agent(1001, 'sales'), agent(1002, 'support')])
    sales, support = c.agent(1001, answer_after=None), c.agent(1002, answer_after=None)
    one = menu_call(c, '1', '111', tone=440)
    ring_one = sales.wait_call()
    two = menu_call(c, '2', '222', tone=520)
    ring_two = support.wait_call()
    assert (ring_one.caller, ring_two.caller) == ('111', '222')
    one.rtp.wait_tone(TONES['music'])  # while it rings the caller hears the queue's music
    ring_one.answer(tone=600)
    ring_two.answer(tone=680)
    one.rtp.wait_tone(600)
    two.rtp.wait_tone(680)
    ring_one.rtp.wait_tone(440)
    ring_two.rtp.wait_tone(520)
    marks = [x.rtp.now() for x in (one, two, ring_one, ring_two)]
    time.sleep(1.0)
    for leg, mark, hz in zip((one, two, ring_one, ring_two), marks, (600, 680, 440, 520)):
        assert leg.rtp.share(hz, mark) > 0.95
        elsewhere(leg.rtp, mark, *[t for t in (600, 680, 440, 520, TONES['music'], TONES['main-menu']) if t != hz])
        assert 40 <= leg.rtp.now() - mark <= 60  # 50 packets a second, none lost or doubled
    one.bye()
    ring_one.wait('ended')
    ring_two.bye()
    two.wait('ended')
    c.until_no_calls()
    c.until_stored()
    handles = c.sql('SELECT * FROM callfloor.handle ORDER BY agent')
    assert [(h['agent'], h['queue'], h['ended_by']) for h in handles] == [
        ('1001', 'sales', 'caller'), ('1002', 'support', 'agent')]
    contacts = c.sql('SELECT * FROM callfloor.contact ORDER BY id')
    assert [(x['caller'], x['called'], x['trunk'], x['menu_path'], x['result']) for x in contacts] == [
        ('111', '3000', 'carrier', 'main:1', 'handled'), ('222', '3000', 'carrier', 'main:2', 'handled')]
    assert contacts[0]['customer_id'] and contacts[1]['customer_id'] and contacts[0]['customer_id'] != contacts[1]['customer_id']


def test_digits_of_the_caller_reach_the_agent(center):
    phone = center.agent(1001)
    call = center.caller(tone=440).call('3001').wait('up')
    ring = phone.wait_call().wait('up')
    ring.rtp.wait_tone(440)
    call.rtp.send_digits('159#')
    call.rtp.wait_digits_sent()
    center.until(lambda: ring.rtp.digits == '159#', what='the digits')
    ring.rtp.send_digits('7')
    center.until(lambda: call.rtp.digits == '7', what='the digit')


@pytest.mark.parametrize('caller_codecs, agent_codecs', [((8,), (0,)), ((0,), (8,)), ((8, 0), (0, 8))])
def test_a_law_and_u_law_understand_each_other(make_center, caller_codecs, agent_codecs):
    c = make_center(database=False)
    phone = c.agent(1001, codecs=agent_codecs, tone=600)
    call = c.caller(codecs=caller_codecs, tone=440).call('3001').wait('up')
    call.rtp.wait_tone(600, least=0.95)
    phone.wait_call().rtp.wait_tone(440, least=0.95)


def test_a_digit_interrupts_the_prompt(center):
    center.agent(1001, answer_after=None)
    call = center.caller(tone=0).call('3000').wait('up')
    call.rtp.wait_tone(TONES['welcome'], seconds=0.2)
    at = time.monotonic()
    call.rtp.send_digits('1')
    call.rtp.wait_tone(TONES['music'], seconds=0.2)
    assert time.monotonic() - at < 1.0


def test_a_digit_by_info_counts_too(center):
    center.agent(1002, answer_after=None)
    call = center.caller(tone=0, dtmf=0).call('3000').wait('up')
    call.rtp.wait_tone(TONES['main-menu'])
    assert call.info_digit('2') == 200
    call.rtp.wait_tone(TONES['music'])
    assert center.queue_row('support')['waiting'] == 1


def test_no_digit_and_wrong_digit_lead_to_goodbye(center):
    call = center.caller(tone=0).call('3000').wait('up')
    call.rtp.wait_tone(TONES['main-menu'])
    call.rtp.send_digits('9')
    call.rtp.wait_tone(TONES['invalid'], seconds=0.2)
    call.rtp.wait_tone(TONES['main-menu'])
    call.rtp.wait_tone(TONES['goodbye'], seconds=0.2, timeout=8)
    call.wait('ended')
    center.until_stored()
    contact = center.sql('SELECT * FROM callfloor.contact')[0]
    assert contact['result'] == 'ended_in_menu'
    assert contact['menu_path'].startswith('main:')


def test_a_menu_within_the_menu_without_barge_in(center):
    center.agent(1002, answer_after=None)
    call = center.caller(tone=0).call('3000').wait('up')
    call.rtp.send_digits('#')
    call.rtp.wait_tone(TONES['sub-menu'], seconds=0.2)
    call.rtp.send_digits('1')  # during the prompt: does not count here
    time.sleep(1.0)
    assert center.queue_row('support')['waiting'] == 0
    call.rtp.send_digits('1')
    center.until(lambda: center.queue_row('support')['waiting'] == 1, what='the call in the queue')


def test_play_and_loop_targets(center):
    call = center.caller(tone=0).call('3000').wait('up')
    call.rtp.send_digits('3')
    call.rtp.wait_tone(TONES['closed'], seconds=0.3)
    call.wait('ended')
    loop = center.caller(tone=0).call('3009').wait('up')
    loop.rtp.wait_tone(TONES['music2'])
    mark = loop.rtp.now()
    time.sleep(2.5)  # over the seam of the loop
    assert loop.rtp.share(TONES['music2'], mark) > 0.95
    loop.bye()


def test_an_offer_in_our_200_when_the_invite_has_none(center):
    phone = center.agent(1001, tone=600)
    caller = center.caller(tone=440)
    call = caller.call('3001', sdp='')
    center.net.wait(lambda: call.final, 10, 'final response')
    assert call.status == 200 and call.remote_sdp['port'] > 0
    # The phone's ACK carried no SDP: such a call cannot have audio, but it must not hurt anybody.
    call.bye()
    center.until_no_calls()
    assert phone.incoming is not None


def test_a_direct_call_to_an_agent(make_center):
    c = make_center(numbers=[{'number': '1001', 'target': 'agent:1001'}])
    phone = c.agent(1001, answer_after=0.3, tone=600)
    call = c.caller(tone=440).call('1001').wait('up')
    call.rtp.wait_tone(600)
    phone.wait_call().rtp.wait_tone(440)
    c.until(lambda: c.agent_state(1001)[1] in ('busy_other', 'talking'), what='the agent being busy')
    call.bye()
    c.until_agent(1001, 'ready', 'idle')
    c.until_stored()
    assert not c.sql('SELECT * FROM callfloor.visit')


def test_who_is_sent_to_one_agent_hears_it_ring(make_center):
    """From a queue, whose music ends; SIP cannot tell it any more, the call has been answered."""
    c = make_center(queues=[queue('sales', exits=[{'digit': '5', 'target': 'agent:1001'}]), queue('support')],
                    agents=[agent(1001, 'support')])
    phone = idle_phone(c, tone=600)
    call = c.caller(tone=440).call('3001').wait('up')
    call.rtp.wait_tone(TONES['music'])
    call.rtp.send_digits('5')
    ring = phone.wait_call()
    call.rtp.wait_tone(TONES['ringback'], seconds=1.5)  # longer than the prompt: it repeats
    mark = call.rtp.now()
    ring.answer()
    call.rtp.wait_tone(600)
    ring.rtp.wait_tone(440)
    assert call.rtp.share(TONES['music'], mark) < 0.02
    call.bye()
    c.until_no_calls()


def test_greeting_then_music(make_center):
    c = make_center(queues=[queue('sales', greeting='greeting'), queue('support')])
    call = c.caller(tone=0).call('3001').wait('up')
    call.rtp.wait_tone(TONES['greeting'], seconds=0.2)
    call.rtp.wait_tone(TONES['music'])


def test_callers_are_served_in_order_and_by_priority(make_center):
    c = make_center(queues=[queue('sales'), queue('support', priority=50)], agents=[agent(1001, 'sales', 'support')])
    phone = c.agent(1001, register=False, answer_after=0.0)
    for number, called in (('111', '3001'), ('222', '3001'), ('333', '3002')):
        c.caller(number, tone=0).call(called).wait('up')
        time.sleep(0.1)
    c.until(lambda: sum(q['waiting'] for q in c.show('queues')) == 3, what='three waiting')
    phone.register()
    order = []
    for n in (1, 2, 3):
        ring = phone.wait_call(n).wait('up')
        order.append(ring.caller)
        ring.bye()
    assert order == ['333', '111', '222']


def test_a_daemon_at_all_addresses_tells_each_side_the_right_one(make_center):
    """Listening on 0.0.0.0, as shipped: trunk and phones are in different networks, and each must be told the address at
    which it reaches us, in Contact and in SDP, and hear from there."""
    c = make_center(start=False)
    c.daemon.write(dict(c.conf, rtp=dict(c.conf['rtp'], address='0.0.0.0'), sip=dict(c.conf['sip'], listen=[
        {'transport': t, 'address': '0.0.0.0', 'port': c.port} for t in ('udp', 'tcp')])))
    c.start()
    c.until_stored()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:  # the address of our other network, if there is one
        try:
            s.connect(('192.0.2.1', 9))
            outside = s.getsockname()[0]
        except OSError:
            outside = '127.0.0.1'
    phone = Phone(c.net, (outside, c.port), '1001', 'secret1001', address=outside, domain=REALM, tone=600, answer_after=0.0)
    phone.register()
    call = c.caller(tone=440).call('3000').wait('up')
    assert call.remote_sdp['address'].startswith('127.')
    call.rtp.wait_tone(TONES['main-menu'], timeout=6)
    call.rtp.send_digits('1')
    ring = phone.wait_call().wait('up')
    assert ring.remote_sdp['address'] == outside
    call.rtp.wait_tone(600)
    ring.rtp.wait_tone(440)
    assert {p[3][0] for p in ring.rtp.packets} == {outside}
    call.bye()
    ring.wait('ended')
