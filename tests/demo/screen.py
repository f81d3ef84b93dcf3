# SPDX-License-Identifier: Apache-2.0
"""What the demonstration shows: a line for each thing that happens; on a terminal also, below, what is now."""
import shutil
import sys
import time

COLOURS = {'head': '1', 'note': '2', 'idle': '32', 'ringing': '33', 'reserved': '33', 'talking': '36', 'wrapup': '35', 'hold': '31'}


def seconds(ms):
    return '%d:%02d' % divmod((ms or 0) // 1000, 60)


class Screen:
    def __init__(self, out=sys.stdout):
        self.out, self.live = out, out.isatty()
        self.began, self.drawn = None, 0
        self.calls, self.agents = {}, {}

    def colour(self, text, what):
        return '\x1b[%sm%s\x1b[0m' % (COLOURS.get(what, '0'), text) if self.live else text

    def put(self, text=''):
        self.erase()
        self.out.write(text + '\n')
        self.out.flush()

    def erase(self):
        if self.drawn:
            self.out.write('\x1b[%dA\x1b[J' % self.drawn)
            self.drawn = 0

    def head(self, text):
        self.put()
        self.put(self.colour('== ' + text, 'head'))

    def note(self, text):
        self.put('   ' + text)

    def table(self, text):
        for line in text.rstrip('\n').split('\n'):
            self.put('  ' + line)

    def begin(self):
        self.began = time.monotonic()

    def end(self):
        self.erase()
        self.began = None

    def event(self, text):
        self.put('   %5.1f s  %s' % (time.monotonic() - self.began, text))

    def update(self, calls, agents, queues):
        """Tells what has changed since the last time."""
        for c in calls:
            before, self.calls[c['call']] = self.calls.get(c['call']), c
            text = self.call_text(c)
            if before is None or text != self.call_text(before):
                self.event('%-6s %s' % (c['caller_name'] or c['caller'], text))
        known = {c['call'] for c in calls}
        for number in [n for n in self.calls if n not in known]:
            c = self.calls.pop(number)
            how = 'talk is over' if c['agent'] and c['state'] not in WAITING else 'hung up while %s' % c['state']
            self.event('%-6s %s' % (c['caller_name'] or c['caller'], how))
        for a in agents:
            before, self.agents[a['agent']] = self.agents.get(a['agent']), a
            if before is None or (before['presence'], before['activity']) != (a['presence'], a['activity']):
                self.event('%-6s %s' % (a['name'], self.colour(self.agent_text(a), a['activity'])))
        if self.live:
            self.draw(calls, agents, queues)

    @staticmethod
    def call_text(c):
        if c['state'] in WAITING:
            return 'waits in queue %s, hears music' % c['queue']
        text = c['state'].replace('_', ' ')
        if c['queue']:
            text += ', queue %s' % c['queue']
        if c['agent']:
            text += ', agent %s' % c['agent']
        return text + (' (%s)' % c['menu_path'] if c['menu_path'] and not c['queue'] else '')

    @staticmethod
    def agent_text(a):
        return 'agent %s: %s%s' % (a['agent'], a['activity'] if a['presence'] == 'ready' else a['presence'],
                                   ', queue ' + a['queue'] if a['queue'] else '')

    def draw(self, calls, agents, queues):
        self.erase()
        width = shutil.get_terminal_size().columns - 1
        lines = ['-' * min(width, 78)]
        for a in agents:
            lines.append('  agent %-6s %-10s %s' % (a['name'], a['activity'], seconds(a['state_ms'])))
        for q in queues:
            lines.append('  queue %-8s waiting %d, answered %d, abandoned %d' % (q['queue'], q['waiting'], q['answered'],
                                                                              q['abandoned']))
        lines.append('  calls: ' + (', '.join('%s %s %s' % (c['caller_name'], c['state'], seconds(c['state_ms'])) for c in calls)
                                    or 'none'))
        lines = [line[:width] for line in lines]
        self.out.write('\n'.join(lines) + '\n')
        self.drawn = len(lines)
        self.out.flush()


WAITING = ('queued', 'waiting')
