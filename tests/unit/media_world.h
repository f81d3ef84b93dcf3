/* SPDX-License-Identifier: Apache-2.0
 * A world for tests of the audio engine: a loop, an engine with its thread, prompts, what the sink was told,
 * and phones with real sockets on loopback. */
#ifndef MEDIA_WORLD_H
#define MEDIA_WORLD_H

#include "callfloor/conf.h"
#include "callfloor/log.h"
#include "callfloor/media.h"
#include "media/control.h"
#include "media/rtcp.h"

#include <setjmp.h>
#include <stdarg.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PORTS = 800, MAX_NOTES = 512 };

/* ---- the world: a loop, an engine, a folder of prompts, what the sink was told ---- */

struct note {
    char kind; /* d p s c */
    uint32_t leg, number;
    char digit;
    struct media_stats stats;
};
struct world {
    struct loop *loop;
    struct media *media;
    struct media_port port;
    struct conf conf;
    char folder[64];
    struct note note[MAX_NOTES];
    uint32_t notes, closed;
    uint32_t *played_last; /* by leg: instead of notes */
};

static inline struct note *add(struct world *w, char kind, uint32_t leg, uint32_t number) {
    assert_true(w->notes < MAX_NOTES);
    struct note *n = &w->note[w->notes++];
    *n = (struct note){.kind = kind, .leg = leg, .number = number};
    return n;
}
static inline void on_digit(void *ctx, uint32_t leg, char digit, uint32_t duration_ms) {
    add(ctx, 'd', leg, duration_ms)->digit = digit;
}
static inline void on_played(void *ctx, uint32_t leg, uint32_t play_id) {
    struct world *w = ctx;
    if (w->played_last)
        w->played_last[leg] = play_id;
    else
        add(w, 'p', leg, play_id);
}
static inline void on_silent(void *ctx, uint32_t leg, uint32_t for_ms) {
    struct world *w = ctx;
    if (!w->played_last)
        add(w, 's', leg, for_ms);
}
static inline void on_closed(void *ctx, uint32_t leg, const struct media_stats *stats) {
    struct world *w = ctx;
    w->closed++;
    if (w->notes < MAX_NOTES)
        add(w, 'c', leg, 0)->stats = *stats;
}

static inline void turn(struct world *w, int ms) {
    uint64_t end = loop_now_ms() + (uint64_t)ms;
    do {
        event_base_loop(loop_base(w->loop), EVLOOP_ONCE | EVLOOP_NONBLOCK);
        usleep(1000);
    } while (loop_now_ms() < end);
}

static uint32_t count(const struct world *w, char kind) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->notes; i++)
        n += w->note[i].kind == kind;
    return n;
}
/* Runs the loop until `many` notes of a kind are there; fails after two seconds. */
static inline struct note *expect(struct world *w, char kind, uint32_t many) {
    for (int i = 0; i < 400 && count(w, kind) < many; i++)
        turn(w, 5);
    assert_int_equal(count(w, kind), many);
    for (uint32_t i = w->notes; i-- > 0;)
        if (w->note[i].kind == kind)
            return &w->note[i];
    return NULL;
}

/* A tone of 16-bit samples at any rate. */
static inline void write_wav(const struct world *w, const char *name, int rate, int channels, double hz,
                             int ms) {
    char path[200];
    SF_INFO info = {.samplerate = rate, .channels = channels, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
    snprintf(path, sizeof path, "%s/%s.wav", w->folder, name);
    SNDFILE *f = sf_open(path, SFM_WRITE, &info);
    assert_non_null(f);
    for (int i = 0; i < rate * ms / 1000; i++) {
        short v[2], s = (short)(8000 * sin(2 * M_PI * hz * i / rate));
        v[0] = v[1] = s;
        assert_int_equal(sf_writef_short(f, v, 1), 1);
    }
    sf_close(f);
}

static inline void world_open(struct world *w) {
    memset(w, 0, sizeof *w);
    snprintf(w->folder, sizeof w->folder, "/tmp/callfloor-media-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    write_wav(w, "tone", 8000, 1, 500, 200);
    write_wav(w, "wide", 44100, 2, 1000, 150);
    write_wav(w, "odd", 8000, 1, 300, 33);
    write_wav(w, "music", 16000, 1, 700, 2000);
    w->conf.prompts_dir = w->folder;
    w->conf.rtp_address = (char *)"127.0.0.1";
    w->conf.public_address = (char *)"";
    w->conf.rtp_port_min = (uint16_t)(21000 + getpid() % 10 * 1000); /* several builds may run at once */
    w->conf.rtp_port_max = (uint16_t)(w->conf.rtp_port_min + PORTS - 1);
    w->conf.rtp_timeout_ms = 300;
    assert_int_equal(loop_create(&w->loop), 0);
    assert_int_equal(media_create(&w->media, w->loop, &w->conf), 0);
    w->port = media_get_port(w->media);
    struct media_sink sink = {w, on_digit, on_played, on_silent, on_closed};
    media_start(w->media, &sink);
}

static inline void world_close(struct world *w) {
    char path[400];
    media_destroy(w->media);
    loop_destroy(w->loop);
    DIR *d = opendir(w->folder);
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", w->folder, e->d_name);
            unlink(path);
        }
    closedir(d);
    rmdir(w->folder);
}

/* ---- a phone: a socket and what it sends ---- */

struct phone {
    int fd, rtcp_fd;
    uint16_t port, rtcp_port, seq;
    uint32_t ssrc, timestamp, leg;
    struct media_desc local, desc; /* the engine's, ours */
};

static inline int bound(uint16_t *port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    getsockname(fd, (struct sockaddr *)&a, &length);
    *port = ntohs(a.sin_port);
    return fd;
}

static inline void phone_set(struct world *w, struct phone *p, int codec, int direction) {
    p->desc = (struct media_desc){.address = "127.0.0.1",
                                  .port = p->port,
                                  .rtcp_port = p->rtcp_port,
                                  .codec_count = 1,
                                  .codec = {{(uint8_t)codec, codec == MEDIA_PCMA ? 8 : 0}},
                                  .dtmf_payload_type = 101,
                                  .direction = (uint8_t)direction,
                                  .ptime_ms = 20};
    struct media_stream agreed = {p->local, p->desc};
    assert_int_equal(w->port.set(w->port.ctx, p->leg, &agreed), 0);
}

static inline void phone_open(struct world *w, struct phone *p, uint32_t leg, int codec) {
    *p = (struct phone){
        .leg = leg, .seq = (uint16_t)(leg * 1000), .ssrc = 0x1000 + leg, .timestamp = leg * 7777};
    p->fd = bound(&p->port);
    p->rtcp_fd = bound(&p->rtcp_port);
    assert_int_equal(w->port.open(w->port.ctx, leg, &p->local), 0);
    assert_int_equal(p->local.port % 2, 0);
    assert_int_equal(p->local.rtcp_port, p->local.port + 1);
    assert_string_equal(p->local.address, "127.0.0.1");
    phone_set(w, p, codec, MEDIA_SENDRECV);
}

static inline void send_to_engine(const struct phone *p, int fd, const void *data, size_t length) {
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(p->local.port)};
    assert_int_equal(sendto(fd, data, length, 0, (struct sockaddr *)&a, sizeof a), (ssize_t)length);
}

static inline void phone_send_raw(struct phone *p, int fd, uint8_t type, const uint8_t *payload,
                                  size_t length, bool marker) {
    uint8_t data[512];
    struct rtp_packet packet = {
        .payload_type = type, .marker = marker, .seq = p->seq, .timestamp = p->timestamp, .ssrc = p->ssrc};
    rtp_write_header(data, &packet);
    memcpy(data + RTP_HEADER, payload, length);
    send_to_engine(p, fd, data, RTP_HEADER + length);
}
/* A frame that can be told apart by its number. */
static inline void phone_talk(struct phone *p, uint8_t number) {
    uint8_t payload[RTP_FRAME];
    for (int i = 0; i < RTP_FRAME; i++)
        payload[i] = (uint8_t)(number + i);
    phone_send_raw(p, p->fd, p->desc.codec[0].payload_type, payload, sizeof payload, false);
    p->seq++;
    p->timestamp += RTP_FRAME;
}
static inline void phone_event(struct phone *p, uint8_t event, bool end, uint16_t duration) {
    uint8_t payload[RTP_DTMF_PAYLOAD];
    rtp_dtmf_write(payload, &(struct rtp_dtmf_event){event, end, 10, duration});
    phone_send_raw(p, p->fd, 101, payload, sizeof payload, false);
    p->seq++;
}

/* The next packet the phone hears within ms; 0 = none. data: at least 512 bytes. */
static inline size_t phone_hear(struct world *w, const struct phone *p, struct rtp_packet *packet,
                                uint8_t *data, int ms) {
    uint64_t end = loop_now_ms() + (uint64_t)ms;
    do {
        ssize_t n = recv(p->fd, data, 512, MSG_DONTWAIT);
        if (n > 0) {
            assert_int_equal(rtp_parse(packet, data, (size_t)n), 0);
            return (size_t)n;
        }
        event_base_loop(loop_base(w->loop), EVLOOP_ONCE | EVLOOP_NONBLOCK);
        usleep(500);
    } while (loop_now_ms() < end);
    return 0;
}
static inline void phone_flush(struct world *w, const struct phone *p) {
    uint8_t data[512];
    struct rtp_packet packet;
    turn(w, 12);
    while (phone_hear(w, p, &packet, data, 2)) {
    }
}
static inline void phone_close(struct world *w, struct phone *p) {
    w->port.close(w->port.ctx, p->leg);
    close(p->fd);
    close(p->rtcp_fd);
}

static inline int is_silence(const uint8_t *payload, uint8_t code) {
    for (int i = 0; i < RTP_FRAME; i++)
        if (payload[i] != code)
            return 0;
    return 1;
}
/* Level of one frequency in dB below full scale. */
static inline double level(const int16_t *samples, size_t n, double hz) {
    double re = 0, im = 0;
    for (size_t i = 0; i < n; i++) {
        re += samples[i] * cos(2 * M_PI * hz * (double)i / 8000);
        im += samples[i] * sin(2 * M_PI * hz * (double)i / 8000);
    }
    return 20 * log10(2 * sqrt(re * re + im * im) / (double)n / 32768 + 1e-9);
}

static inline int open_fds(void) {
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static struct world W;
static inline int setup(void **state) {
    world_open(&W);
    return 0;
}
static inline int teardown(void **state) {
    world_close(&W);
    return 0;
}

#endif
