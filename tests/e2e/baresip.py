# SPDX-License-Identifier: Apache-2.0
"""baresip as a user's softphone: registers with digest, answers by itself or places a call, sends a sine, records what
it hears. One configuration folder per instance, commands over its TCP control port."""
import glob
import json
import os
import socket
import subprocess
import time

import audio
from daemon import free_port, with_parent

CONFIG = '''
poll_method epoll
sip_listen 127.0.0.1:0
call_max_calls 4
audio_player aufile,{folder}/played.wav
audio_source ausine,{hz}
audio_alert aufile,{folder}/alert.wav
ausrc_srate 48000
auplay_srate 8000
ausrc_channels 2
auplay_channels 1
ausrc_format s16
auplay_format s16
auenc_format s16
audec_format s16
audio_buffer 20-160
rtp_tos 184
rtp_ports {rtp}-{rtp_end}
jitter_buffer_delay 1-10
module_path /usr/lib/baresip/modules
module g711.so
module ausine.so
module aufile.so
module sndfile.so
module_tmp account.so
module_app menu.so
module ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
snd_path {folder}
'''


class Baresip:
    def __init__(self, folder, server, user, password, hz, auto_answer=True, trace=False):
        """trace: its log has all SIP messages."""
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        rtp = free_port(low=19500, high=19900)
        self.control = free_port()
        with open(os.path.join(self.folder, 'config'), 'w') as f:
            f.write(CONFIG.format(folder=self.folder, hz=hz, control=self.control, rtp=rtp, rtp_end=rtp + 40))
        account = '<sip:%s@%s:%d;transport=udp>;auth_user=%s;auth_pass=%s;regint=60;audio_codecs=pcmu/8000,pcma/8000' % (
            user, server[0], server[1], user, password)
        account += ';answermode=auto' if auto_answer else ''
        with open(os.path.join(self.folder, 'accounts'), 'w') as f:
            f.write(account + '\n')
        open(os.path.join(self.folder, 'contacts'), 'w').close()
        self.log_path = os.path.join(self.folder, 'log')
        self.process = subprocess.Popen(with_parent(['baresip', '-f', self.folder] + ['-s'] * trace), stdin=subprocess.DEVNULL,
                                        stdout=open(self.log_path, 'w'), stderr=subprocess.STDOUT, cwd=self.folder)

    def log(self):
        with open(self.log_path, errors='replace') as f:
            return f.read()

    def command(self, name, parameters=''):
        """One command over ctrl_tcp (a netstring with JSON); returns the answer."""
        body = json.dumps({'command': name, 'params': parameters, 'token': 'x'})
        end = time.monotonic() + 5
        while True:
            try:
                s = socket.create_connection(('127.0.0.1', self.control), 2)
                break
            except OSError:
                assert time.monotonic() < end, 'baresip does not listen:\n' + self.log()
                time.sleep(0.1)
        with s:
            s.settimeout(3)
            s.sendall(b'%d:%s,' % (len(body), body.encode()))
            data = b''
            try:
                while b'"response":true' not in data.replace(b' ', b''):
                    part = s.recv(65536)
                    if not part:
                        break
                    data += part
            except (TimeoutError, socket.timeout):
                pass
        return data.decode(errors='replace')

    def dial(self, uri):
        return self.command('dial', uri)

    def hangup(self):
        return self.command('hangup')

    def recordings(self):
        """(sent, heard) as the sndfile module dumped them: encoder and decoder side of the last call."""
        enc = sorted(glob.glob(os.path.join(self.folder, '*-enc.wav')), key=os.path.getmtime)
        dec = sorted(glob.glob(os.path.join(self.folder, '*-dec.wav')), key=os.path.getmtime)
        assert enc and dec, 'no recordings in %s: %s\n%s' % (self.folder, os.listdir(self.folder), self.log())
        return audio.read_wav(enc[-1]), audio.read_wav(dec[-1])

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
