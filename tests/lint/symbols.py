#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""No global of ours has the name of one exported by a linked library (it would be called in its place), and each
begins with its folder or file, so that it is known where it lives. symbols.py BUILD; prints one line per breach."""
import glob
import os
import re
import subprocess
import sys

# Taken over on purpose, by src/sip/ua_guard.c.
OVERRIDES = {'__assert_fail', 'accept', 'getaddrinfo', 'freeaddrinfo', 'getnameinfo', 'gethostbyname', 'gethostbyname_r', 'main'}
PREFIX = {'sip': ['ua'], 'console': ['console', 'command', 'request', 'guard', 'login', 'out', 'session', 'unix', 'telnet'],
          'base': ['str', 'log', 'rng', 'slots', 'record', 'deadline', 'deadlines']}
RESERVED = re.compile(r'^(sip|su|nua|nta|sdp|msg|url|tport|tag|queue|dtmf|tone|g711|g722|plc|sig|config|pg|PQ|event|evhttp|sf'
                      r'|clock|timer)_')


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout


def ours(build):
    """(symbol, folder, object) of each global in our archives."""
    for archive in sorted(glob.glob(os.path.join(build, 'lib', '*.a'))):
        folder = os.path.basename(archive)[:-2]
        name = ''
        for line in run('nm', '-g', '--defined-only', archive).splitlines():
            if line.endswith('.o:'):
                name = line[:-3]
            fields = line.split()
            if len(fields) == 3 and fields[1] in 'TDBRCVW':
                yield fields[2], folder, name


def theirs(program):
    """symbol: library, of all the program is linked with."""
    found = {}
    for line in run('ldd', program).splitlines():
        match = re.search(r'=> (\S+) \(', line)
        if match and not re.search(r'/lib(asan|ubsan|tsan|gcc_s|stdc\+\+)\.', match.group(1)):
            for entry in run('nm', '-D', '--defined-only', match.group(1)).splitlines():
                fields = entry.split()
                if len(fields) == 3 and fields[1] in 'TDBRVWi':
                    found.setdefault(fields[2].split('@')[0], os.path.basename(match.group(1)))
    return found


def main():
    build = sys.argv[1]
    program = os.path.join(build, 'callfloord')
    mine = list(ours(build))
    if not mine:
        print('%s: no archives: build first' % build)
    libraries = theirs(program) if os.path.exists(program) else {}
    files = {}
    for symbol, folder, name in mine:
        files.setdefault(folder, set()).add(name)
    for symbol, folder, name in mine:
        if symbol in OVERRIDES or symbol.startswith(('__asan', '__ubsan', '__tsan', '_ubsan')):
            continue
        if symbol in libraries:
            print('%s: %s is exported by %s too' % (name, symbol, libraries[symbol]))
        if RESERVED.match(symbol):
            print('%s: %s begins as names of a library do' % (name, symbol))
        first = {f.split('_')[0] for f in files[folder]}
        if folder not in ('daemon', 'sim') and symbol.split('_')[0] not in set(PREFIX.get(folder, [folder])) | first:
            print('%s: %s begins neither with its folder (%s) nor with one of its files' % (name, symbol, folder))


main()
