# SPDX-License-Identifier: Apache-2.0
"""SIP messages as the test phone reads and writes them: as little as will do, nothing hidden."""
import hashlib
import re
import secrets

SHORT = {'v': 'via', 'f': 'from', 't': 'to', 'i': 'call-id', 'm': 'contact', 'l': 'content-length',
         'c': 'content-type', 's': 'subject', 'k': 'supported', 'e': 'content-encoding', 'o': 'event',
         'x': 'session-expires', 'r': 'refer-to', 'b': 'referred-by'}


class Message:
    """Request: method, uri. Response: status, reason. headers: list of (name in lower case, value)."""

    def __init__(self, method=None, uri=None, status=0, reason='', headers=None, body=''):
        self.method, self.uri, self.status, self.reason = method, uri, status, reason
        self.headers, self.body = headers or [], body

    @classmethod
    def parse(cls, data):
        text = data.decode('utf-8', 'replace')
        head, _, body = text.partition('\r\n\r\n')
        lines = re.sub(r'\r\n[ \t]+', ' ', head).split('\r\n')
        headers = []
        for line in lines[1:]:
            name, _, value = line.partition(':')
            name = name.strip().lower()
            headers.append((SHORT.get(name, name), value.strip()))
        first = lines[0].split(' ', 2)
        if first[0] == 'SIP/2.0':
            return cls(status=int(first[1]), reason=first[2] if len(first) > 2 else '', headers=headers, body=body)
        return cls(method=first[0], uri=first[1], headers=headers, body=body)

    def get(self, name, default=''):
        return next((v for n, v in self.headers if n == name), default)

    def all(self, name):
        return [v for n, v in self.headers if n == name]

    @property
    def cseq(self):
        number, _, method = self.get('cseq').partition(' ')
        return int(number or 0), method.strip()

    @property
    def branch(self):
        match = re.search(r'branch=([^;,\s]+)', self.get('via'))
        return match.group(1) if match else ''

    def encode(self):
        first = '%s %s SIP/2.0' % (self.method, self.uri) if self.method else 'SIP/2.0 %d %s' % (self.status, self.reason)
        lines = [first] + ['%s: %s' % ('-'.join(p.capitalize() for p in n.split('-')), v) for n, v in self.headers
                           if n != 'content-length']
        body = self.body.encode()
        lines.append('Content-Length: %d' % len(body))
        return '\r\n'.join(lines).encode() + b'\r\n\r\n' + body

    def __repr__(self):
        return '<%s>' % (self.method + ' ' + self.uri if self.method else '%d %s' % (self.status, self.cseq[1]))


REASONS = {100: 'Trying', 180: 'Ringing', 200: 'OK', 400: 'Bad Request', 404: 'Not Found', 480: 'Temporarily Unavailable',
           481: 'Call/Transaction Does Not Exist', 486: 'Busy Here', 487: 'Request Terminated',
           488: 'Not Acceptable Here', 491: 'Request Pending', 500: 'Server Internal Error',
           501: 'Not Implemented', 503: 'Service Unavailable', 603: 'Decline'}


def reply(request, status, to_tag='', contact='', sdp='', extra=()):
    """Response to a request with what RFC 3261 8.2.6 wants copied."""
    to = request.get('to')
    if to_tag and 'tag=' not in to:
        to += ';tag=' + to_tag
    headers = [('via', v) for v in request.all('via')] + [('record-route', v) for v in request.all('record-route')]
    headers += [('from', request.get('from')), ('to', to), ('call-id', request.get('call-id')),
                ('cseq', request.get('cseq'))]
    if contact:
        headers.append(('contact', contact))
    headers += list(extra)
    if sdp:
        headers.append(('content-type', 'application/sdp'))
    return Message(status=status, reason=REASONS.get(status, 'Unknown'), headers=headers, body=sdp)


def uri_of(value):
    """The URI within a From, To or Contact value."""
    match = re.search(r'<([^>]*)>', value)
    return match.group(1) if match else value.split(';')[0].strip()


def user_of(value):
    match = re.match(r'sips?:([^@;>]*)@', uri_of(value))
    return match.group(1) if match else ''


def tag_of(value):
    match = re.search(r';\s*tag=([^;>\s]+)', value)
    return match.group(1) if match else ''


def digest(challenge, method, uri, user, password, count=1):
    """Value of Authorization answering a Digest challenge (RFC 2617; MD5, with or without qop)."""
    c = {k: v or w for k, v, w in re.findall(r'(\w+)=(?:"([^"]*)"|([^",\s]+))', challenge)}
    md5 = lambda text: hashlib.md5(text.encode()).hexdigest()
    ha1, ha2 = md5('%s:%s:%s' % (user, c['realm'], password)), md5('%s:%s' % (method, uri))
    out = 'Digest username="%s", realm="%s", nonce="%s", uri="%s"' % (user, c['realm'], c['nonce'], uri)
    if 'qop' in c:
        nc, cnonce = '%08x' % count, secrets.token_hex(8)
        out += ', qop=auth, nc=%s, cnonce="%s", response="%s"' % (
            nc, cnonce, md5(':'.join((ha1, c['nonce'], nc, cnonce, 'auth', ha2))))
    else:
        out += ', response="%s"' % md5(':'.join((ha1, c['nonce'], ha2)))
    if 'opaque' in c:
        out += ', opaque="%s"' % c['opaque']
    return out + ', algorithm=MD5'


def make_sdp(address, port, codecs=(0, 8), dtmf=101, direction='sendrecv', version=1):
    types = list(codecs) + ([dtmf] if dtmf else [])
    names = {0: 'PCMU/8000', 8: 'PCMA/8000', 9: 'G722/8000', 18: 'G729/8000', 3: 'GSM/8000'}
    lines = ['v=0', 'o=- 4711 %d IN IP4 %s' % (version, address), 's=-', 'c=IN IP4 ' + address, 't=0 0',
             'm=audio %d RTP/AVP %s' % (port, ' '.join(map(str, types)))]
    lines += ['a=rtpmap:%d %s' % (t, names[t]) for t in codecs if t in names]
    if dtmf:
        lines += ['a=rtpmap:%d telephone-event/8000' % dtmf, 'a=fmtp:%d 0-15' % dtmf]
    return '\r\n'.join(lines + ['a=ptime:20', 'a=' + direction, ''])


def read_sdp(text):
    """{address, port, types, dtmf, direction} of the first audio stream."""
    out = {'address': '', 'port': 0, 'types': [], 'dtmf': 0, 'direction': 'sendrecv'}
    for line in text.splitlines():
        if line.startswith('c=IN IP4 '):
            out['address'] = line[9:].strip()
        elif line.startswith('m=audio '):
            fields = line.split()
            out['port'], out['types'] = int(fields[1]), [int(t) for t in fields[3:]]
        elif line.lower().startswith('a=rtpmap:') and 'telephone-event' in line.lower():
            out['dtmf'] = int(line[9:].split()[0])
        elif line.strip() in ('a=sendrecv', 'a=sendonly', 'a=recvonly', 'a=inactive'):
            out['direction'] = line.strip()[2:]
    return out
