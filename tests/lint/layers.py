#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom (docs/architecture.md), and that pure folders have no clock, no chance, no I/O.

Prints one line per breach. It begins by feeding itself breaches, and wants to see each of them."""
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

BASE = ['base', 'log', 'record', 'deadlines']
PURE = ['acd', 'ivr', 'call', 'stats', 'erlang', 'dialer']  # erlang.h is of stats
PLAIN = ['base', 'record', 'deadlines', 'conf']  # all a pure folder sees beside its own header
EVERYTHING = BASE + PURE + ['conf', 'ports', 'loop', 'floor', 'sip', 'media', 'store', 'console', 'web', 'metrics']

# folder: (public headers besides its own, libraries)
FOLDERS = {
    'base': (BASE, []),
    'acd': (PLAIN, []), 'ivr': (PLAIN, []), 'call': (PLAIN, []), 'stats': (PLAIN + ['acd', 'erlang'], []), 'dialer': (PLAIN, []),
    'conf': (BASE, ['libconfig', 'crypt']),
    'floor': (BASE + PURE + ['conf', 'ports'], []),
    'sim': (BASE + PURE + ['conf', 'ports', 'floor'], ['libconfig', 'jansson']),
    'loop': (BASE + ['ports'], ['event2']),
    'sip': (BASE + ['conf', 'ports', 'loop'], ['sofia', 'event2', 'openssl', 'jansson']),
    'media': (BASE + ['conf', 'ports', 'loop'], ['spandsp', 'sndfile', 'speex', 'event2']),
    'store': (BASE + ['conf', 'ports', 'loop'], ['libpq', 'event2', 'jansson', 'zlib']),
    'console': (BASE + PURE + ['conf', 'ports', 'loop', 'floor'], ['event2', 'libtelnet', 'jansson', 'crypt', 'openssl']),
    'web': (BASE + PURE + ['conf', 'ports', 'loop', 'floor', 'console'], ['event2', 'jansson', 'openssl', 'crypt', 'zlib']),
    'metrics': (BASE + ['conf', 'ports', 'loop', 'floor'], ['event2']),
    'ctl': (BASE, []),
    'daemon': (EVERYTHING, ['event2', 'systemd', 'jansson', 'libpq']),
}
PRIVATE = {'daemon': ['conf'], 'sim': []}  # whose private headers a folder may see besides its own

LIBRARIES = {
    'libconfig': r'libconfig\.h', 'crypt': r'crypt\.h', 'event2': r'event2/', 'sofia': r'sofia-sip/|su_', 'openssl': r'openssl/',
    'jansson': r'jansson', 'spandsp': r'spandsp', 'sndfile': r'sndfile', 'speex': r'speex/', 'libpq': r'libpq|postgres|pg_',
    'zlib': r'zlib', 'libtelnet': r'libtelnet', 'systemd': r'systemd/', 'tiff': r'tiff', 'glib': r'glib|gio/',
}
PLAIN_LIBC = {'assert.h', 'ctype.h', 'errno.h', 'inttypes.h', 'limits.h', 'math.h', 'stdarg.h', 'stdbool.h', 'stddef.h',
              'stdint.h', 'stdio.h', 'stdlib.h', 'string.h', 'strings.h', 'sys/queue.h', 'uthash.h', 'utlist.h', 'utarray.h'}
NOT_PURE = ['time', 'clock', 'clock_gettime', 'gettimeofday', 'localtime', 'localtime_r', 'gmtime', 'strftime', 'rand', 'random',
            'srand', 'drand48', 'getrandom', 'arc4random', 'getenv', 'system', 'fopen', 'fdopen', 'open', 'read', 'write',
            'close', 'printf', 'fprintf', 'vfprintf', 'puts', 'fputs', 'perror', 'socket', 'send', 'recv', 'sleep', 'usleep',
            'nanosleep', 'pthread_create', 'pthread_mutex_lock', 'signal', 'loop_now_ms', 'loop_now_us', 'log_write', 'log_info',
            'log_warn', 'log_error', 'log_debug']
CALL = re.compile(r'(?<![\w.>])(' + '|'.join(NOT_PURE) + r')\s*\(')
TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(match):
    """A comment, or the inside of a text, as blanks; lines stay where they are."""
    text = match.group(0)
    return re.sub(r'[^\n]', ' ', text) if text[0] == '/' else text[0] + ' ' * (len(text) - 2) + text[-1]


def includes(text):
    no_comments = re.sub(r'//[^\n]*|/\*.*?\*/', lambda m: re.sub(r'[^\n]', ' ', m.group(0)), text, flags=re.S)
    for number, line in enumerate(no_comments.split('\n'), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            yield number, match.group(1), match.group(2)


def wrong_include(folder, quote, header):
    public, libraries = FOLDERS[folder]
    if quote == '"':
        if header.startswith('callfloor/'):
            name = header[len('callfloor/'):-2]
            return None if name == folder or name in public else 'may not see ' + header
        owner = header.split('/')[0]
        if '/' not in header or owner == folder or owner in PRIVATE.get(folder, []):
            return None
        return 'may not see the private header ' + header
    for name, pattern in LIBRARIES.items():
        if re.match(pattern, header):
            return None if name in libraries else 'may not use the library %s (%s)' % (name, header)
    if folder in PURE and header not in PLAIN_LIBC:
        return 'is pure and may not use <%s>' % header
    return None


def breaches(folder, path, text):
    for number, quote, header in includes(text):
        wrong = wrong_include(folder, quote, header)
        if wrong:
            yield '%s:%d: %s %s' % (path, number, folder, wrong)
    if folder in PURE:
        for number, line in enumerate(TOKEN.sub(blank, text).split('\n'), 1):
            match = CALL.search(line)
            if match:
                yield '%s:%d: %s is pure and may not call %s()' % (path, number, folder, match.group(1))


def self_test():
    bad = [('acd', '#include <time.h>\n'), ('acd', '#include "callfloor/ivr.h"\n'), ('acd', '#include "callfloor/log.h"\n'),
           ('acd', 'x = time(NULL);\n'), ('ivr', 'a = rand ();\n'), ('floor', '#include <event2/event.h>\n'),
           ('floor', '#include "callfloor/sip.h"\n'), ('sip', '#include <libpq-fe.h>\n'), ('sip', '#include "media/leg.h"\n'),
           ('media', '#include "callfloor/floor.h"\n'), ('console', '#include "callfloor/sip.h"\n'),
           ('store', '#include <sofia-sip/nta.h>\n'), ('base', '#include "callfloor/conf.h"\n')]
    good = [('acd', '#include "callfloor/acd.h"\n#include "acd/acd_int.h"\n#include <string.h>\n'),
            ('acd', '/* time(NULL) */ "rand()"; event->time(1); at_time(2); n = snprintf(a, 1, b);\n'),
            ('sip', '#include <sofia-sip/nta.h>\n#include <time.h>\n#include "sip/ua.h"\n'),
            ('daemon', '#include "callfloor/sip.h"\n#include <systemd/sd-daemon.h>\n#include "conf/schema.h"\n')]
    for folder, text in bad:
        if not list(breaches(folder, 'x.c', text)):
            print('self-test: not seen: %s: %s' % (folder, text.strip()))
    for folder, text in good:
        for line in breaches(folder, 'x.c', text):
            print('self-test: wrongly seen: ' + line)


def tell(lines):
    for line in lines:
        print(line)


def main():
    self_test()
    for folder in sorted(os.listdir(os.path.join(ROOT, 'src'))):
        path = os.path.join('src', folder)
        if not os.path.isdir(os.path.join(ROOT, path)):
            print('%s: files stand in folders' % path)
        elif folder not in FOLDERS:
            print('%s: a folder without a line in tests/lint/layers.py' % path)
        else:
            for name in sorted(os.listdir(os.path.join(ROOT, path))):
                if name.endswith(('.c', '.h')):
                    with open(os.path.join(ROOT, path, name), errors='replace') as f:
                        tell(breaches(folder, os.path.join(path, name), f.read()))
    for name in sorted(os.listdir(os.path.join(ROOT, 'include', 'callfloor'))):
        folder = name[:-2] if name[:-2] in FOLDERS else 'floor' if name == 'ports.h' else 'base'
        with open(os.path.join(ROOT, 'include', 'callfloor', name)) as f:
            tell(breaches(folder, os.path.join('include/callfloor', name), f.read()))


main()
