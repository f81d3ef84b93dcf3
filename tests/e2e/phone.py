# SPDX-License-Identifier: Apache-2.0
"""A telephone for tests: SIP over UDP or TCP (caller and callee, digest registration, hold, CANCEL), RTP with tones in
both directions and RFC 4733 digits. One thread (Net) serves all phones; tests command them and wait for what they saw.

    net = Net()
    agent = Phone(net, server, '1001', 'secret', answer_after=None); agent.register()
    caller = Phone(net, server, '+420111', tone=440)
    call = caller.call('3000'); call.wait('up'); call.rtp.send_digits('2')
    ring = agent.wait_call(); ring.answer(tone=600); ...; call.bye()
"""
import heapq
import itertools
import random
import secrets
import selectors
import socket
import struct
import threading
import time

import audio
import sipmsg
from sipmsg import Message

T1, T2, GIVE_UP = 0.5, 4.0, 32.0


class Net:
    """The thread under all phones: sockets, timers, the 20 ms beat of RTP, and the trace of all SIP messages."""

    def __init__(self):
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.selector = selectors.DefaultSelector()
        self.timers, self.order = [], itertools.count()
        self.trace, self.errors, self.phones = [], [], []
        self.wake_in, self.wake_out = socket.socketpair()
        self.wake_in.setblocking(False)
        self.selector.register(self.wake_in, selectors.EVENT_READ, lambda: self.wake_in.recv(4096))
        self.running = True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while self.running:
            with self.lock:
                pause = max(0.0, self.timers[0][0] - time.monotonic()) if self.timers else 1.0
            ready = self.selector.select(min(pause, 1.0))
            with self.lock:
                for key, _ in ready:
                    self._guard(key.data)
                now = time.monotonic()
                while self.timers and self.timers[0][0] <= now:
                    self._guard(heapq.heappop(self.timers)[2])
                self.changed.notify_all()

    def _guard(self, function):
        try:
            function()
        except OSError as e:  # ICMP unreachable and the like: the other side is gone, the test will see it
            self.trace.append((time.time(), '', '!', str(e)))
        except Exception as e:  # noqa: a bug of the phone must fail the test, not end the thread
            import traceback
            self.errors.append(traceback.format_exc())
            self.trace.append((time.time(), '', '!', repr(e)))

    def watch(self, sock, function):
        sock.setblocking(False)
        self.selector.register(sock, selectors.EVENT_READ, function)
        self.wake()

    def unwatch(self, sock):
        try:
            self.selector.unregister(sock)
        except (KeyError, ValueError):
            pass
        sock.close()

    def after(self, seconds, function):
        with self.lock:
            heapq.heappush(self.timers, (time.monotonic() + seconds, next(self.order), function))
        self.wake()

    def wake(self):
        if threading.current_thread() is not self.thread:
            try:
                self.wake_out.send(b'.')
            except OSError:
                pass

    def wait(self, predicate, timeout, what='it'):
        """Waits until predicate() is true (called with the lock held) and returns its value."""
        with self.lock:
            value = self.changed.wait_for(predicate, timeout)
            if self.errors:
                raise AssertionError('test phone failed:\n' + self.errors[0])
            assert value, '%s did not happen within %.1f s' % (what, timeout)
            return value

    def close(self):
        for phone in list(self.phones):
            phone.close()
        self.running = False
        self.wake()
        self.thread.join(5)
        self.selector.close()
        self.wake_in.close()
        self.wake_out.close()

    def trace_text(self):
        return '\n'.join('%.3f %s %s\n%s' % (t, who, way, text) for t, who, way, text in self.trace[-200:])


class Request:
    """Client transaction: sends again over UDP until answered."""

    def __init__(self, phone, message, on_reply):
        self.phone, self.message, self.on_reply = phone, message, on_reply
        self.key = (message.branch, message.method)
        self.final = self.provisional = None
        self.interval, self.waited = T1, 0.0
        phone.requests[self.key] = self
        phone.send(message)
        phone.net.after(self.interval, self.tick)

    def tick(self):
        if self.final or self.phone.closed:
            return
        self.waited += self.interval
        if self.waited >= GIVE_UP and not (self.provisional and self.message.method == 'INVITE'):
            self.receive(Message(status=408, reason='Timeout', headers=[('cseq', self.message.get('cseq'))]))
            return
        if self.phone.transport == 'udp' and not (self.provisional and self.message.method == 'INVITE'):
            self.phone.send(self.message)
        self.interval = min(T2, 2 * self.interval)
        self.phone.net.after(self.interval, self.tick)

    def receive(self, reply):
        if self.final:
            return
        if reply.status >= 200:
            self.final = reply
        else:
            self.provisional = reply
        if self.on_reply:
            self.on_reply(reply)


class Rtp:
    """One RTP stream each way. Sends nothing until send_tone() or send_silence(); keeps all it receives."""
    DIGITS = '0123456789*#ABCD'

    def __init__(self, net, address):
        self.net, self.address = net, address
        self.sock, self.control = self._pair(address)
        self.port = self.sock.getsockname()[1]
        self.remote = None
        self.codec, self.dtmf = audio.PCMU, 101
        self.sending = None  # Hz, 0 = silence, None = nothing
        self.can_send = True  # what the other side allows
        self.level = 8000
        self.ssrc, self.sequence, self.stamp = (random.getrandbits(32), random.getrandbits(15), random.getrandbits(31))
        self.position, self.queue, self.next_at, self.mark_next = 0, [], None, True
        self.packets = []  # (time, payload type, payload, source address)
        self.digits, self.digit_stamps = '', set()
        self.sent = 0
        net.watch(self.sock, self._read)
        net.watch(self.control, lambda: self.control.recvfrom(2048))

    @staticmethod
    def _pair(address):
        for _ in range(1000):
            port = random.randrange(33000, 60000, 2)
            a, b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
            try:
                a.bind((address, port))
                b.bind((address, port + 1))
                a.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
                return a, b
            except OSError:
                a.close()
                b.close()
        raise OSError('no free port pair')

    def agree(self, sdp, offered=(0, 8)):
        """Takes the other side's SDP: where to send, and the first codec both know."""
        self.remote = (sdp['address'], sdp['port']) if sdp['port'] else None
        common = [t for t in sdp['types'] if t in offered and t in (0, 8)]
        if common:
            self.codec = common[0]
        self.dtmf = sdp['dtmf']
        self.can_send = sdp['direction'] in ('sendrecv', 'recvonly')

    def send_tone(self, hz, level=8000):
        with self.net.lock:
            start = self.sending is None and not self.queue
            self.sending, self.level = hz, level
            if start:
                self._start()

    def send_silence(self):
        self.send_tone(0)

    def send_nothing(self):
        with self.net.lock:
            self.sending = None

    def send_digits(self, digits, ms=100, gap_ms=80):
        """Queues RFC 4733 events; the audio pauses meanwhile."""
        with self.net.lock:
            start = self.sending is None and not self.queue
            for digit in digits:
                code, ticks = self.DIGITS.index(digit), max(1, ms // 20)
                for n in range(ticks + 2):
                    self.queue.append((code, n == 0, n >= ticks - 1, min(n + 1, ticks) * 160))
                self.queue += [None] * max(1, gap_ms // 20)
            if start:
                self._start()

    def wait_digits_sent(self, timeout=10):
        self.net.wait(lambda: not self.queue, timeout, 'sending the digits')

    def _start(self):
        self.next_at = time.monotonic()
        self.mark_next = True
        self.net.after(0, self._tick)

    def _tick(self):
        if self.sock.fileno() < 0 or (self.sending is None and not self.queue):
            return
        now = time.monotonic()
        while self.next_at <= now:
            self.next_at += 0.02
            self._send_one()
        self.net.after(self.next_at - now, self._tick)

    def _send_one(self):
        event = self.queue.pop(0) if self.queue else None
        self.stamp = (self.stamp + 160) & 0xFFFFFFFF
        if event:
            code, first, end, duration = event
            if first:
                self.event_stamp = self.stamp
            self._packet(self.dtmf, self.event_stamp, struct.pack('!BBH', code, (0x80 if end else 0) | 10, duration), first)
        elif self.sending is not None:
            loop = audio.tone_loop(self.sending, self.codec, self.level)
            payload = loop[self.position:self.position + 160]
            self.position = (self.position + 160) % len(loop)
            self._packet(self.codec, self.stamp, payload, self.mark_next)
            self.mark_next = False

    def _packet(self, payload_type, stamp, payload, marker):
        if not self.remote or not self.can_send or self.remote[0] == '0.0.0.0':
            return
        self.sequence = (self.sequence + 1) & 0xFFFF
        header = struct.pack('!BBHII', 0x80, payload_type | (0x80 if marker else 0), self.sequence, stamp, self.ssrc)
        try:
            self.sock.sendto(header + payload, self.remote)
            self.sent += 1
        except OSError:
            pass

    def _read(self):
        for _ in range(200):
            try:
                data, source = self.sock.recvfrom(4096)
            except (BlockingIOError, ConnectionRefusedError):
                return
            if len(data) < 12 or data[0] >> 6 != 2:
                continue
            payload_type, stamp = data[1] & 0x7F, struct.unpack('!I', data[4:8])[0]
            payload = data[12 + 4 * (data[0] & 15):]
            self.packets.append((time.monotonic(), payload_type, payload, source))
            if payload_type == self.dtmf and len(payload) >= 4 and payload_type >= 96:
                if payload[1] & 0x80 and stamp not in self.digit_stamps:
                    self.digit_stamps.add(stamp)
                    self.digits += self.DIGITS[payload[0] & 15]

    def now(self):
        """A mark in the stream, for heard(since=...)."""
        with self.net.lock:
            return len(self.packets)

    def heard(self, since=0, until=None):
        """Linear samples of the audio packets received, in order of arrival."""
        with self.net.lock:
            packets = self.packets[since:until]
        out = audio.array.array('h')
        for _, payload_type, payload, _ in packets:
            if payload_type in audio.DECODE:
                out.extend(audio.decode(payload, payload_type))
        return out

    def share(self, hz, since=0, until=None):
        return audio.share(self.heard(since, until), hz)

    def wait_tone(self, hz, timeout=5.0, seconds=0.4, least=0.8):
        """Waits until the latest audio is this tone."""
        packets = int(seconds * 50)
        end, got = time.monotonic() + timeout, 0.0
        while time.monotonic() < end:
            since = max(0, self.now() - packets)
            if self.now() >= packets:
                got = self.share(hz, since)
                if got >= least:
                    return got
            time.sleep(0.05)
        raise AssertionError('no %d Hz within %.1f s (share %.2f of the power, %d packets received)' % (
            hz, timeout, got, len(self.packets)))

    def listen(self, seconds):
        """Samples heard from now on for so long."""
        mark = self.now()
        time.sleep(seconds)
        return self.heard(mark)

    def close(self):
        self.sending, self.queue = None, []
        self.net.unwatch(self.sock)
        self.net.unwatch(self.control)


class Call:
    """One dialog of a phone. state: calling, ringing, up, ended. status: of the final response to the INVITE."""

    def __init__(self, phone, incoming):
        self.phone, self.net, self.incoming = phone, phone.net, incoming
        self.state, self.status, self.final = 'calling', 0, None
        self.call_id = secrets.token_hex(10)
        self.local_tag, self.remote_tag = secrets.token_hex(6), ''
        self.local = self.remote = self.target = ''
        self.cseq, self.ended_by, self.cancel_reason, self.bye_reason = 1, '', '', ''
        self.times = {'calling': time.monotonic()}
        self.invite = self.request = None
        self.answered_bytes, self.acked, self.cancelled = None, False, False
        self.rtp = Rtp(phone.net, phone.address)
        self.sdp_version, self.direction = 1, 'sendrecv'
        self.remote_sdp = None
        self.in_reinvites = []
        self.provisional = []  # statuses seen

    # -- state and waiting

    def set(self, state):
        if self.state != state:
            self.state = state
            self.times[state] = time.monotonic()
            if state == 'ended':
                self.rtp.send_nothing()

    def wait(self, state, timeout=10.0):
        self.net.wait(lambda: self.state == state or (self.state == 'ended' and state != 'ended'), timeout,
                      '%s: call in state "%s" (is "%s", status %d)' % (self.phone.user, state, self.state, self.status))
        assert self.state == state, '%s: call ended with status %d instead of "%s"' % (self.phone.user, self.status, state)
        return self

    @property
    def caller(self):
        return sipmsg.user_of(self.remote)

    # -- requests within the dialog

    def _headers(self, method, cseq=None):
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        return [('via', self.phone.via()), ('max-forwards', '70'), ('from', self.local), ('to', self.remote),
                ('call-id', self.call_id), ('cseq', '%d %s' % (cseq, method)), ('contact', self.phone.contact())]

    def send(self, method, body='', content_type='', extra=(), wait=True, timeout=10.0):
        with self.net.lock:
            headers = self._headers(method) + list(extra)
            if content_type:
                headers.append(('content-type', content_type))
            message = Message(method, self.target, headers=headers, body=body)
            request = Request(self.phone, message, None)
        if wait:
            self.net.wait(lambda: request.final, timeout, 'answer to ' + method)
        return request

    def sdp(self, direction=None):
        self.direction = direction or self.direction
        return sipmsg.make_sdp(self.phone.address, self.rtp.port, self.phone.codecs, self.phone.dtmf, self.direction,
                               self.sdp_version)

    def reinvite(self, direction, timeout=10.0):
        """re-INVITE; returns the final status. The RTP follows what was agreed."""
        self.sdp_version += 1
        request = self.send('INVITE', self.sdp(direction), 'application/sdp', timeout=timeout)
        with self.net.lock:
            self._ack(request.message, request.final)
            if request.final.status == 200:
                self.remote_sdp = sipmsg.read_sdp(request.final.body)
                self.rtp.agree(self.remote_sdp, self.phone.codecs)
        return request.final.status

    def hold(self):
        return self.reinvite('sendonly')

    def resume(self):
        return self.reinvite('sendrecv')

    def info_digit(self, digit, ms=100):
        return self.send('INFO', 'Signal=%s\r\nDuration=%d\r\n' % (digit, ms), 'application/dtmf-relay').final.status

    def bye(self, wait=True):
        with self.net.lock:
            if self.state == 'ended':
                return None
            self.ended_by = 'us'
            self.set('ended')
            request = self.send('BYE', wait=False)
        if wait:
            self.net.wait(lambda: request.final, 10, 'answer to BYE')
            return request.final.status
        return None

    def _ack(self, invite, reply):
        number = invite.cseq[0]
        if reply.status < 300:
            self.phone.send(Message('ACK', self.target, headers=self._headers('ACK', number)))
        else:
            headers = [('via', invite.get('via')), ('max-forwards', '70'), ('from', invite.get('from')),
                       ('to', reply.get('to')), ('call-id', self.call_id), ('cseq', '%d ACK' % number)]
            self.phone.send(Message('ACK', invite.uri, headers=headers))

    # -- as caller

    def start(self, uri, sdp, extra):
        phone = self.phone
        self.local = '%s<sip:%s@%s>;tag=%s' % ('"%s" ' % phone.display if phone.display else '', phone.user, phone.domain,
                                               self.local_tag)
        self.remote, self.target, self.extra, self.body = '<%s>' % uri, uri, list(extra), sdp
        self._invite()

    def _invite(self, auth=()):
        headers = self._headers('INVITE', self.cseq) + [('allow', 'INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO')]
        headers += self.extra + list(auth) + ([('content-type', 'application/sdp')] if self.body else [])
        self.invite = Message('INVITE', self.target, headers=headers, body=self.body)
        self.request = Request(self.phone, self.invite, self._reply)

    def _reply(self, reply):
        if reply.status < 200:
            self.provisional.append(reply.status)
            if reply.status >= 180 and self.state == 'calling':
                self.set('ringing')
            if self.cancelled and reply.status >= 100:
                self._send_cancel()
            return
        if reply.status in (401, 407) and self.phone.password and len(self.invite.all('authorization') +
                                                                       self.invite.all('proxy-authorization')) == 0:
            self._ack(self.invite, reply)
            asked = 'www-authenticate' if reply.status == 401 else 'proxy-authenticate'
            name = 'authorization' if reply.status == 401 else 'proxy-authorization'
            self.cseq += 1
            self._invite([(name, sipmsg.digest(reply.get(asked), 'INVITE', self.target, self.phone.user,
                                               self.phone.password))])
            return
        self.final, self.status = reply, reply.status
        if reply.status >= 300:
            if reply.status != 408 or reply.get('via'):
                self._ack(self.invite, reply)
            self.ended_by = self.ended_by or 'them'
            self.set('ended')
            return
        self.remote = reply.get('to')
        self.remote_tag = sipmsg.tag_of(self.remote)
        if reply.get('contact'):
            self.target = sipmsg.uri_of(reply.get('contact'))
        self._ack(self.invite, reply)
        if self.cancelled:  # the 200 crossed our CANCEL: hang up properly
            self.set('up')
            self.bye(wait=False)
            return
        self.remote_sdp = sipmsg.read_sdp(reply.body)
        self.rtp.agree(self.remote_sdp, self.phone.codecs)
        self.set('up')
        if self.phone.tone is not None:
            self.rtp.send_tone(self.phone.tone)

    def _send_cancel(self):
        headers = [(n, v) for n, v in self.invite.headers if n in ('via', 'max-forwards', 'from', 'to', 'call-id')]
        headers.append(('cseq', '%d CANCEL' % self.invite.cseq[0]))
        Request(self.phone, Message('CANCEL', self.invite.uri, headers=headers), None)

    def cancel(self):
        with self.net.lock:
            self.cancelled, self.ended_by = True, 'us'
            if self.provisional:
                self._send_cancel()

    # -- as callee

    def answer(self, tone=None, sdp=None):
        with self.net.lock:
            if self.state == 'ended' or self.answered_bytes:
                return self
            if tone is not None:
                self.tone = tone
            body = sdp if sdp is not None else self.sdp()
            reply = sipmsg.reply(self.invite, 200, self.local_tag, self.phone.contact(), body)
            self.answered_bytes = reply
            self.phone.respond(self.invite, reply)
            self.net.after(T1, lambda: self._again(T1))
            if self.remote_sdp:
                self.rtp.agree(self.remote_sdp, self.phone.codecs)
            self.status = 200
            self.set('up')
            tone = getattr(self, 'tone', self.phone.tone)
            if tone is not None:
                self.rtp.send_tone(tone)
        return self

    def _again(self, interval):
        if not self.acked and self.state == 'up' and not self.phone.closed and interval < GIVE_UP:
            self.phone.send(self.answered_bytes)
            interval = min(T2, 2 * interval)
            self.net.after(interval, lambda: self._again(interval))

    def refuse(self, status):
        with self.net.lock:
            self.status, self.ended_by = status, 'us'
            self.phone.respond(self.invite, sipmsg.reply(self.invite, status, self.local_tag))
            self.set('ended')

    def receive(self, message):
        """A request of the other side within this dialog."""
        respond = lambda status, sdp='': self.phone.respond(
            message, sipmsg.reply(message, status, self.local_tag, self.phone.contact() if status < 300 else '', sdp))
        if message.method == 'ACK':
            self.acked = True
            if message.body:
                self.remote_sdp = sipmsg.read_sdp(message.body)
                self.rtp.agree(self.remote_sdp, self.phone.codecs)
        elif message.method == 'BYE':
            respond(200)
            self.bye_reason = message.get('reason')
            self.ended_by = self.ended_by or 'them'
            self.set('ended')
        elif message.method == 'CANCEL':
            respond(200)
            if self.state in ('calling', 'ringing'):
                self.cancel_reason = message.get('reason')
                self.status, self.ended_by = 487, 'them'
                self.phone.respond(self.invite, sipmsg.reply(self.invite, 487, self.local_tag))
                self.set('ended')
        elif message.method in ('INVITE', 'UPDATE'):
            self.in_reinvites.append(message)
            if message.body:
                self.remote_sdp = sipmsg.read_sdp(message.body)
                self.rtp.agree(self.remote_sdp, self.phone.codecs)
                mirror = {'sendonly': 'recvonly', 'recvonly': 'sendonly'}.get(self.remote_sdp['direction'],
                                                                             self.remote_sdp['direction'])
                respond(200, self.sdp(mirror))
            else:
                respond(200, self.sdp() if message.method == 'INVITE' else '')
        else:
            respond(200 if message.method in ('OPTIONS', 'INFO', 'PRACK', 'NOTIFY', 'MESSAGE') else 501)


class Phone:
    """A user agent with one address. answer_after: seconds of ringing before it answers incoming calls by itself,
    None = the test does. refuse: status to answer INVITEs with. deaf: receives nothing, as if unplugged."""

    def __init__(self, net, server, user, password='', transport='udp', address='127.0.0.1', answer_after=None,
                 refuse=0, tone=None, codecs=(0, 8), dtmf=101, domain='callfloor.test', display='', ring=True):
        self.net, self.server, self.user, self.password = net, server, user, password
        self.transport, self.address, self.domain, self.display = transport, address, domain, display
        self.answer_after, self.refuse_with, self.tone, self.ring = answer_after, refuse, tone, ring
        self.codecs, self.dtmf = codecs, dtmf
        self.deaf = self.closed = False
        self.requests, self.replies, self.calls, self.options_seen = {}, {}, [], 0
        self.buffers, self.stream, self.register_id, self.register_cseq = {}, None, secrets.token_hex(8), 0
        kind = socket.SOCK_DGRAM if transport == 'udp' else socket.SOCK_STREAM
        self.sock = socket.socket(socket.AF_INET, kind)
        self.sock.bind((address, 0))
        self.port = self.sock.getsockname()[1]
        if transport == 'udp':
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            net.watch(self.sock, self._read_udp)
        else:
            self.sock.listen(8)
            net.watch(self.sock, self._accept)
        net.phones.append(self)

    # -- transport

    def via(self):
        return 'SIP/2.0/%s %s:%d;branch=z9hG4bK%s;rport' % (self.transport.upper(), self.address, self.port,
                                                            secrets.token_hex(8))

    def contact(self):
        suffix = ';transport=tcp' if self.transport == 'tcp' else ''
        return '<sip:%s@%s:%d%s>' % (self.user, self.address, self.port, suffix)

    def send(self, message):
        self.send_raw(message.encode() if isinstance(message, Message) else message)

    def send_raw(self, data):
        with self.net.lock:
            self.net.trace.append((time.time(), self.user, '>', data.decode('utf-8', 'replace')))
            if self.transport == 'udp':
                self.sock.sendto(data, self.server)
                return
            if self.stream is None:
                stream = socket.create_connection(self.server, 5, (self.address, 0))
                self._adopt(stream)
            self.stream.sendall(data)

    def _adopt(self, stream):
        self.stream = stream
        self.buffers[stream] = b''
        self.net.watch(stream, lambda: self._read_tcp(stream))
        stream.setblocking(True)

    def _accept(self):
        self._adopt(self.sock.accept()[0])

    def _read_tcp(self, stream):
        data = stream.recv(65536)
        if not data:
            self.net.unwatch(stream)
            if self.stream is stream:
                self.stream = None
            return
        buffer = self.buffers[stream] + data
        while True:
            buffer = buffer.lstrip(b'\r\n')
            head = buffer.find(b'\r\n\r\n')
            if head < 0:
                break
            message = Message.parse(buffer[:head + 4])
            length = head + 4 + int(message.get('content-length', '0') or 0)
            if len(buffer) < length:
                break
            self._receive(buffer[:length])
            buffer = buffer[length:]
        self.buffers[stream] = buffer

    def _read_udp(self):
        for _ in range(100):
            try:
                data, _ = self.sock.recvfrom(65536)
            except BlockingIOError:
                return
            self._receive(data)

    # -- messages

    def _receive(self, data):
        if self.deaf or self.closed or len(data.strip()) == 0:
            return
        self.net.trace.append((time.time(), self.user, '<', data.decode('utf-8', 'replace')))
        message = Message.parse(data)
        if message.status:
            request = self.requests.get((message.branch, message.cseq[1]))
            if request:
                if request.final and message.status >= 200 and request.message.method == 'INVITE':
                    call = next((c for c in self.calls if c.call_id == message.get('call-id')), None)
                    if call:
                        call._ack(request.message, message)  # our ACK was lost
                request.receive(message)
            return
        key = (message.branch, message.method)
        if message.method != 'ACK' and key in self.replies:
            if self.replies[key]:
                self.send(self.replies[key])
            return
        self._request(message)

    def respond(self, request, reply):
        self.replies[(request.branch, request.method)] = reply
        self.send(reply)

    def _request(self, message):
        tag = sipmsg.tag_of(message.get('to'))
        call = next((c for c in self.calls if c.call_id == message.get('call-id') and (not tag or tag == c.local_tag)), None)
        if call:
            call.receive(message)
        elif message.method == 'OPTIONS' and not tag:
            self.options_seen += 1
            self.respond(message, sipmsg.reply(message, 200, secrets.token_hex(4), self.contact()))
        elif message.method == 'INVITE' and not tag:
            self._incoming(message)
        elif message.method != 'ACK':
            self.respond(message, sipmsg.reply(message, 481))

    def _incoming(self, message):
        call = Call(self, True)
        call.invite, call.call_id = message, message.get('call-id')
        call.remote, call.remote_tag = message.get('from'), sipmsg.tag_of(message.get('from'))
        call.local = message.get('to') + ';tag=' + call.local_tag
        call.target, call.cseq = sipmsg.uri_of(message.get('contact')), 0
        if message.body:
            call.remote_sdp = sipmsg.read_sdp(message.body)
        self.calls.append(call)
        if self.refuse_with:
            call.refuse(self.refuse_with)
            return
        if self.ring:
            self.respond(message, sipmsg.reply(message, 180, call.local_tag, self.contact()))
        else:
            self.replies[(message.branch, message.method)] = None
        call.set('ringing')
        if self.answer_after is not None:
            self.net.after(self.answer_after, call.answer)

    # -- what tests do

    def request(self, method, uri=None, to=None, headers=(), body='', wait=True, timeout=10.0, call_id=None, cseq=1):
        """A request outside of dialogs; returns the final response (None when not waited for)."""
        with self.net.lock:
            uri = uri or 'sip:%s:%d' % self.server
            given = {n for n, _ in headers}
            default = [('via', self.via()), ('max-forwards', '70'),
                       ('from', '<sip:%s@%s>;tag=%s' % (self.user, self.domain, secrets.token_hex(6))),
                       ('to', to or '<%s>' % uri), ('call-id', call_id or secrets.token_hex(10)),
                       ('cseq', '%d %s' % (cseq, method)), ('contact', self.contact())]
            message = Message(method, uri, headers=[h for h in default if h[0] not in given] + list(headers), body=body)
            request = Request(self, message, None)
        if not wait:
            return None
        self.net.wait(lambda: request.final, timeout, 'answer to ' + method)
        return request.final

    def register(self, expires=300, password=None, expect=200, domain=None, contact=None):
        """REGISTER with digest; returns the final response and checks its status."""
        password = self.password if password is None else password
        domain = domain or self.domain
        me, uri, auth = '<sip:%s@%s>' % (self.user, domain), 'sip:' + domain, []
        for _ in range(3):
            self.register_cseq += 1
            reply = self.request('REGISTER', uri, to=me, call_id=self.register_id, cseq=self.register_cseq, headers=[
                ('from', me + ';tag=' + self.register_id[:8]), ('contact', contact or self.contact()),
                ('expires', str(expires))] + auth)
            if reply.status != 401 or (auth and 'stale=true' not in reply.get('www-authenticate').lower()):
                break
            auth = [('authorization', sipmsg.digest(reply.get('www-authenticate'), 'REGISTER', uri, self.user, password))]
        if expect:
            assert reply.status == expect, 'REGISTER of %s: %d, not %d' % (self.user, reply.status, expect)
        return reply

    def unregister(self):
        return self.register(expires=0)

    def call(self, number, sdp=None, extra=(), uri=None):
        """INVITE. sdp: '' = without, None = ours."""
        with self.net.lock:
            call = Call(self, False)
            self.calls.append(call)
            call.start(uri or 'sip:%s@%s:%d' % ((number,) + self.server), call.sdp() if sdp is None else sdp, extra)
        return call

    def wait_call(self, nth=1, timeout=10.0):
        """The nth incoming call since the phone was made (waits for it)."""
        incoming = lambda: [c for c in self.calls if c.incoming]
        self.net.wait(lambda: len(incoming()) >= nth, timeout, '%s: incoming call %d' % (self.user, nth))
        return incoming()[nth - 1]

    @property
    def incoming(self):
        with self.net.lock:
            return [c for c in self.calls if c.incoming]

    def close(self):
        with self.net.lock:
            if self.closed:
                return
            self.closed = True
            for call in self.calls:
                call.rtp.close()
            self.net.unwatch(self.sock)
            for stream in list(self.buffers):
                self.net.unwatch(stream)
            if self in self.net.phones:
                self.net.phones.remove(self)
