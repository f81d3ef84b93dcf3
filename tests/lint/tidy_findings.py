#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What clang-tidy found, from its output on standard input, without what tidy-accepted.txt names and without what it
makes of uthash's macros. An entry that is no longer found is told too, so that the list stays short."""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FINDING = re.compile(r'^(?:.*/)?((?:src|include)/\S+?):(\d+):\d+: (?:error|warning): (.*) \[([\w.-]+)')


def accepted():
    entries = set()
    for line in open(os.path.join(HERE, 'tidy-accepted.txt')):
        words = line.split('#')[0].split()
        if words:
            entries.add(tuple(words[:2]))
    return entries


def main():
    entries, found, seen, told = accepted(), [], set(), set()
    for line in sys.stdin:
        match = FINDING.match(line)
        if match:
            found.append([match, ''])
        elif found:
            found[-1][1] += line
    for match, rest in found:
        path, check = match.group(1), match.group(4)
        if "from macro 'HASH_" in rest.split('note:', 1)[-1][:60] or (path, check) in entries:
            seen.add((path, check))
            continue
        text = match.group(0) + ']\n' + '\n'.join(rest.split('\n')[:2])
        if text not in told:  # a header is seen through many files
            print(text)
        told.add(text)
    for entry in sorted(entries - seen):
        print('tidy-accepted.txt: no longer needed: %s %s' % entry)


main()
