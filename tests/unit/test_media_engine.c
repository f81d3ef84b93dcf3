/* LIBS: media loop base */
/* SPDX-License-Identifier: Apache-2.0
 * The audio engine with its thread, over real sockets on loopback. Also the test for the thread sanitizer. */
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

enum { PORT_MIN = 41000, PORT_MAX = 41799, MAX_NOTES = 64 };

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
};

static struct note *add(struct world *w, char kind, uint32_t leg, uint32_t number) {
    assert_true(w->notes < MAX_NOTES);
    struct note *n = &w->note[w->notes++];
    *n = (struct note){.kind = kind, .leg = leg, .number = number};
    return n;
}
static void on_digit(void *ctx, uint32_t leg, char digit, uint32_t duration_ms) {
    add(ctx, 'd', leg, duration_ms)->digit = digit;
}
static void on_played(void *ctx, uint32_t leg, uint32_t play_id) {
    add(ctx, 'p', leg, play_id);
}
static void on_silent(void *ctx, uint32_t leg, uint32_t for_ms) {
    add(ctx, 's', leg, for_ms);
}
static void on_closed(void *ctx, uint32_t leg, const struct media_stats *stats) {
    struct world *w = ctx;
    w->closed++;
    if (w->notes < MAX_NOTES)
        add(w, 'c', leg, 0)->stats = *stats;
}

static void turn(struct world *w, int ms) {
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
static struct note *expect(struct world *w, char kind, uint32_t many) {
    for (int i = 0; i < 400 && count(w, kind) < many; i++)
        turn(w, 5);
    assert_int_equal(count(w, kind), many);
    for (uint32_t i = w->notes; i-- > 0;)
        if (w->note[i].kind == kind)
            return &w->note[i];
    return NULL;
}

/* A tone of 16-bit samples at any rate. */
static void write_wav(const struct world *w, const char *name, int rate, int channels, double hz, int ms) {
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

static void world_open(struct world *w) {
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
    w->conf.rtp_port_min = PORT_MIN;
    w->conf.rtp_port_max = PORT_MAX;
    w->conf.rtp_timeout_ms = 300;
    assert_int_equal(loop_create(&w->loop), 0);
    assert_int_equal(media_create(&w->media, w->loop, &w->conf), 0);
    w->port = media_get_port(w->media);
    struct media_sink sink = {w, on_digit, on_played, on_silent, on_closed};
    media_start(w->media, &sink);
}

static void world_close(struct world *w) {
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
    uint16_t port, seq;
    uint32_t ssrc, timestamp, leg;
    struct media_desc local, desc; /* the engine's, ours */
};

static int bound(uint16_t *port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    getsockname(fd, (struct sockaddr *)&a, &length);
    *port = ntohs(a.sin_port);
    return fd;
}

static void phone_set(struct world *w, struct phone *p, int codec, int direction) {
    p->desc = (struct media_desc){.address = "127.0.0.1",
                                  .port = p->port,
                                  .codec_count = 1,
                                  .codec = {{(uint8_t)codec, codec == MEDIA_PCMA ? 8 : 0}},
                                  .dtmf_payload_type = 101,
                                  .direction = (uint8_t)direction,
                                  .ptime_ms = 20};
    struct media_stream agreed = {p->local, p->desc};
    assert_int_equal(w->port.set(w->port.ctx, p->leg, &agreed), 0);
}

static void phone_open(struct world *w, struct phone *p, uint32_t leg, int codec) {
    uint16_t rtcp_port;
    *p = (struct phone){
        .leg = leg, .seq = (uint16_t)(leg * 1000), .ssrc = 0x1000 + leg, .timestamp = leg * 7777};
    p->fd = bound(&p->port);
    p->rtcp_fd = bound(&rtcp_port);
    assert_int_equal(w->port.open(w->port.ctx, leg, &p->local), 0);
    assert_int_equal(p->local.port % 2, 0);
    assert_int_equal(p->local.rtcp_port, p->local.port + 1);
    assert_string_equal(p->local.address, "127.0.0.1");
    phone_set(w, p, codec, MEDIA_SENDRECV);
}

static void send_to_engine(const struct phone *p, int fd, const void *data, size_t length) {
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(p->local.port)};
    assert_int_equal(sendto(fd, data, length, 0, (struct sockaddr *)&a, sizeof a), (ssize_t)length);
}

static void phone_send_raw(struct phone *p, int fd, uint8_t type, const uint8_t *payload, size_t length,
                           bool marker) {
    uint8_t data[512];
    struct rtp_packet packet = {
        .payload_type = type, .marker = marker, .seq = p->seq, .timestamp = p->timestamp, .ssrc = p->ssrc};
    rtp_write_header(data, &packet);
    memcpy(data + RTP_HEADER, payload, length);
    send_to_engine(p, fd, data, RTP_HEADER + length);
}
/* A frame that can be told apart by its number. */
static void phone_talk(struct phone *p, uint8_t number) {
    uint8_t payload[RTP_FRAME];
    for (int i = 0; i < RTP_FRAME; i++)
        payload[i] = (uint8_t)(number + i);
    phone_send_raw(p, p->fd, p->desc.codec[0].payload_type, payload, sizeof payload, false);
    p->seq++;
    p->timestamp += RTP_FRAME;
}
static void phone_event(struct phone *p, uint8_t event, bool end, uint16_t duration) {
    uint8_t payload[RTP_DTMF_PAYLOAD];
    rtp_dtmf_write(payload, &(struct rtp_dtmf_event){event, end, 10, duration});
    phone_send_raw(p, p->fd, 101, payload, sizeof payload, false);
    p->seq++;
}

/* The next packet the phone hears within ms; 0 = none. data: at least 512 bytes. */
static size_t phone_hear(struct world *w, const struct phone *p, struct rtp_packet *packet, uint8_t *data,
                         int ms) {
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
static void phone_flush(struct world *w, const struct phone *p) {
    uint8_t data[512];
    struct rtp_packet packet;
    turn(w, 12);
    while (phone_hear(w, p, &packet, data, 2)) {
    }
}
static void phone_close(struct world *w, struct phone *p) {
    w->port.close(w->port.ctx, p->leg);
    close(p->fd);
    close(p->rtcp_fd);
}

static int is_silence(const uint8_t *payload, uint8_t code) {
    for (int i = 0; i < RTP_FRAME; i++)
        if (payload[i] != code)
            return 0;
    return 1;
}
/* Level of one frequency in dB below full scale. */
static double level(const int16_t *samples, size_t n, double hz) {
    double re = 0, im = 0;
    for (size_t i = 0; i < n; i++) {
        re += samples[i] * cos(2 * M_PI * hz * (double)i / 8000);
        im += samples[i] * sin(2 * M_PI * hz * (double)i / 8000);
    }
    return 20 * log10(2 * sqrt(re * re + im * im) / (double)n / 32768 + 1e-9);
}

static int open_fds(void) {
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static struct world W;
static int setup(void **state) {
    world_open(&W);
    return 0;
}
static int teardown(void **state) {
    world_close(&W);
    return 0;
}

/* ---- tests ---- */

static void silence_when_nothing_is_to_be_said(void **state) {
    struct world *w = &W;
    struct phone p;
    struct rtp_packet packet, last = {0};
    uint8_t data[512];
    phone_open(w, &p, 1, MEDIA_PCMA);
    for (int i = 0; i < 10; i++) {
        assert_true(phone_hear(w, &p, &packet, data, 100));
        assert_int_equal(packet.payload_type, 8);
        assert_int_equal(packet.length, RTP_FRAME);
        assert_true(is_silence(data + packet.offset, 0xd5));
        if (i) {
            assert_int_equal(packet.seq, (uint16_t)(last.seq + 1));
            assert_int_equal(packet.timestamp, last.timestamp + RTP_FRAME);
            assert_int_equal(packet.ssrc, last.ssrc);
            assert_false(packet.marker);
        } else {
            assert_true(packet.marker);
        }
        last = packet;
    }
    phone_set(w, &p, MEDIA_PCMA, MEDIA_SENDONLY); /* it does not want to hear us */
    phone_flush(w, &p);
    assert_false(phone_hear(w, &p, &packet, data, 60));
    phone_close(w, &p);
    expect(w, 'c', 1);
}

static void joined_legs_hear_each_other_unchanged(void **state) {
    struct world *w = &W;
    struct phone a, b;
    struct rtp_packet packet;
    uint8_t data[512];
    phone_open(w, &a, 1, MEDIA_PCMU);
    phone_open(w, &b, 2, MEDIA_PCMU);
    assert_int_equal(w->port.join(w->port.ctx, 1, 2), 0);
    phone_flush(w, &a);
    phone_flush(w, &b);
    for (uint8_t i = 1; i < 20; i++) {
        uint16_t seq = 0;
        uint32_t timestamp = 0;
        phone_talk(&a, i);
        assert_true(phone_hear(w, &b, &packet, data, 200));
        assert_int_equal(packet.payload_type, 0);
        assert_int_equal(data[packet.offset], i);
        assert_int_equal(data[packet.offset + 159], (uint8_t)(i + 159));
        if (i > 1) {
            assert_int_equal(packet.seq - seq, packet.seq - seq);
            assert_false(packet.marker);
        } else {
            assert_true(packet.marker);
        }
        seq = packet.seq;
        timestamp = packet.timestamp;
        (void)timestamp;
        phone_talk(&b, (uint8_t)(i + 100));
        assert_true(phone_hear(w, &a, &packet, data, 200));
        assert_int_equal(data[packet.offset], i + 100);
    }
    assert_false(phone_hear(w, &a, &packet, data, 60)); /* nobody talks: nothing is sent */
    w->port.part(w->port.ctx, 2);
    assert_true(phone_hear(w, &a, &packet, data, 60)); /* silence again */
    assert_true(is_silence(data + packet.offset, 0xff));
    phone_close(w, &a);
    phone_close(w, &b);
    struct note *n = expect(w, 'c', 2);
    assert_int_equal(n->stats.packets_in, 19);
    assert_int_equal(n->stats.lost, 0);
}

static void laws_are_converted(void **state) {
    struct world *w = &W;
    struct phone a, b;
    struct rtp_packet packet;
    uint8_t data[512], payload[RTP_FRAME];
    int16_t wave[RTP_FRAME];
    phone_open(w, &a, 1, MEDIA_PCMU);
    phone_open(w, &b, 2, MEDIA_PCMA);
    w->port.join(w->port.ctx, 2, 1);
    phone_flush(w, &a);
    phone_flush(w, &b);
    for (int i = 0; i < RTP_FRAME; i++)
        wave[i] = (int16_t)(12000 * sin(2 * M_PI * 400 * i / 8000));
    law_encode(payload, wave, RTP_FRAME, LAW_ULAW);
    phone_send_raw(&a, a.fd, 0, payload, RTP_FRAME, false);
    assert_true(phone_hear(w, &b, &packet, data, 200));
    assert_int_equal(packet.payload_type, 8);
    for (int i = 0; i < RTP_FRAME; i++)
        assert_in_range(law_decode(data[packet.offset + i], LAW_ALAW) - wave[i] + 2000, 1200, 2800);
    law_encode(payload, wave, RTP_FRAME, LAW_ALAW);
    phone_send_raw(&b, b.fd, 8, payload, RTP_FRAME, false);
    assert_true(phone_hear(w, &a, &packet, data, 200));
    assert_int_equal(packet.payload_type, 0);
    for (int i = 0; i < RTP_FRAME; i++)
        assert_in_range(law_decode(data[packet.offset + i], LAW_ULAW) - wave[i] + 2000, 1200, 2800);
    phone_close(w, &a);
    phone_close(w, &b);
    expect(w, 'c', 2);
}

static void prompts_are_heard_without_a_gap(void **state) {
    struct world *w = &W;
    struct phone p;
    struct rtp_packet packet, last;
    uint8_t data[512];
    static int16_t pcm[8000];
    size_t n = 0;
    uint32_t odd = w->port.prompt(w->port.ctx, "odd"), tone = w->port.prompt(w->port.ctx, "tone"),
             wide = w->port.prompt(w->port.ctx, "wide");
    assert_true(odd && tone && wide);
    assert_int_equal(w->port.prompt(w->port.ctx, "none"), 0);
    phone_open(w, &p, 1, MEDIA_PCMU);
    assert_true(phone_hear(w, &p, &last, data, 100));
    struct media_play play = {.play_id = 77, .prompt = {odd, tone, wide}, .count = 3};
    assert_int_equal(w->port.play(w->port.ctx, 1, &play), 0);
    while (n + RTP_FRAME <= ARRAY_LEN(pcm) && !count(w, 'p')) {
        assert_true(phone_hear(w, &p, &packet, data, 100));
        assert_int_equal(packet.seq, (uint16_t)(last.seq + 1));
        assert_int_equal(packet.timestamp, last.timestamp + RTP_FRAME);
        last = packet;
        if (n == 0 && is_silence(data + packet.offset, 0xff))
            continue; /* sent before play() arrived */
        for (int i = 0; i < RTP_FRAME; i++)
            pcm[n++] = law_decode(data[packet.offset + i], LAW_ULAW);
    }
    assert_int_equal(expect(w, 'p', 1)->number, 77);
    /* 33 ms, then 200 ms, then 150 ms, sample by sample */
    assert_true(n >= 8 * 383 && n <= 8 * 460);
    assert_true(level(pcm, 240, 300) > -17);
    assert_true(level(pcm + 264, 1600, 500) > -13 && level(pcm + 264, 1600, 1000) < -40);
    assert_true(level(pcm + 1864, 1200, 1000) > -13 && level(pcm + 1864, 1200, 500) < -40);
    assert_true(level(pcm + 3064 + 40, n - 3064 - 40, 1000) < -40);
    play =
        (struct media_play){.play_id = 78, .prompt = {9999}, .count = 1}; /* nothing to hear: ends at once */
    w->port.play(w->port.ctx, 1, &play);
    assert_int_equal(expect(w, 'p', 2)->number, 78);
    phone_close(w, &p);
    expect(w, 'c', 1);
}

static void music_stops_within_a_packet_and_resumes(void **state) {
    struct world *w = &W;
    struct phone p;
    struct rtp_packet packet;
    uint8_t data[512], stopped[RTP_FRAME];
    struct media_play play = {
        .play_id = 1, .prompt = {w->port.prompt(w->port.ctx, "music")}, .count = 1, .loop = true};
    phone_open(w, &p, 1, MEDIA_PCMU);
    w->port.play(w->port.ctx, 1, &play);
    for (int i = 0; i < 5 || is_silence(data + packet.offset, 0xff); i++) {
        assert_true(phone_hear(w, &p, &packet, data, 100));
        memcpy(stopped, data + packet.offset, RTP_FRAME);
    }
    w->port.stop(w->port.ctx, 1);
    int more = 0;
    do {
        assert_true(phone_hear(w, &p, &packet, data, 100));
        if (!is_silence(data + packet.offset, 0xff))
            memcpy(stopped, data + packet.offset, RTP_FRAME);
    } while (!is_silence(data + packet.offset, 0xff) && ++more < 10);
    assert_true(more <= 2);
    assert_int_equal(count(w, 'p'), 0);
    /* what comes next continues the wave: 700 Hz at 8 kHz repeats after 80 samples */
    w->port.play(w->port.ctx, 1, &play);
    do
        assert_true(phone_hear(w, &p, &packet, data, 100));
    while (is_silence(data + packet.offset, 0xff));
    int errors = 0;
    for (int i = 0; i < 80; i++) {
        int d = law_decode(data[packet.offset + i], 0) - law_decode(stopped[80 + i], 0);
        errors += abs(d) > 700;
    }
    assert_int_equal(errors, 0);
    phone_close(w, &p);
    expect(w, 'c', 1);
}

static void digits_are_told_once_and_relayed(void **state) {
    struct world *w = &W;
    struct phone a, b;
    struct rtp_packet packet;
    uint8_t data[512];
    phone_open(w, &a, 1, MEDIA_PCMU);
    phone_open(w, &b, 2, MEDIA_PCMU);
    w->port.join(w->port.ctx, 1, 2);
    phone_talk(&a, 1);
    turn(w, 20);
    phone_flush(w, &b);
    for (int i = 1; i <= 5; i++)
        phone_event(&a, 7, false, (uint16_t)(160 * i));
    for (int i = 0; i < 3; i++)
        phone_event(&a, 7, true, 800);
    struct note *n = expect(w, 'd', 1);
    assert_int_equal(n->digit, '7');
    assert_int_equal(n->leg, 1);
    for (int i = 0; i < 8; i++) {
        assert_true(phone_hear(w, &b, &packet, data, 100));
        assert_int_equal(packet.payload_type, 101);
        assert_int_equal(data[packet.offset], 7);
    }
    turn(w, 30);
    assert_int_equal(count(w, 'd'), 1);
    a.timestamp += 1000;
    phone_event(&a, 11, true, 800); /* all but the last packet lost */
    assert_int_equal(expect(w, 'd', 2)->digit, '#');
    phone_close(w, &a);
    phone_close(w, &b);
    expect(w, 'c', 2);
}

static void digits_are_sent(void **state) {
    struct world *w = &W;
    struct phone p;
    struct rtp_packet packet;
    uint8_t data[512];
    int packets = 0, ends = 0, markers = 0;
    uint32_t timestamp = 0;
    phone_open(w, &p, 1, MEDIA_PCMU);
    phone_flush(w, &p);
    assert_int_equal(w->port.send_digit(w->port.ctx, 1, '5', 100), 0);
    assert_int_equal(w->port.send_digit(w->port.ctx, 1, 'x', 100), -EINVAL);
    for (int i = 0; i < 20; i++) {
        struct rtp_dtmf_event event;
        assert_true(phone_hear(w, &p, &packet, data, 150));
        if (packet.payload_type != 101)
            continue;
        assert_int_equal(rtp_dtmf_parse(&event, data + packet.offset, packet.length), 0);
        assert_int_equal(event.event, 5);
        assert_true(packets == 0 || packet.timestamp == timestamp);
        timestamp = packet.timestamp;
        packets++;
        ends += event.end;
        markers += packet.marker;
        if (event.end)
            assert_int_equal(event.duration, 800);
    }
    assert_int_equal(packets, 7);
    assert_int_equal(ends, 3);
    assert_int_equal(markers, 1);
    p.desc.dtmf_payload_type = 0;
    struct media_stream agreed = {p.local, p.desc};
    w->port.set(w->port.ctx, 1, &agreed);
    assert_int_equal(w->port.send_digit(w->port.ctx, 1, '5', 100), -ENOTSUP);
    phone_close(w, &p);
    expect(w, 'c', 1);
}

static void strangers_are_not_heard(void **state) {
    struct world *w = &W;
    struct phone a, b, s;
    struct rtp_packet packet;
    uint8_t data[512];
    uint16_t port;
    phone_open(w, &a, 1, MEDIA_PCMU);
    phone_open(w, &b, 2, MEDIA_PCMU);
    w->port.join(w->port.ctx, 1, 2);
    phone_flush(w, &b);
    s = a;
    s.fd = bound(&port);
    s.ssrc = 0x666;
    for (int i = 0; i < 3; i++) { /* before the phone itself: too few to be believed */
        phone_talk(&s, 200);
        turn(w, 5);
    }
    assert_false(phone_hear(w, &b, &packet, data, 40));
    phone_talk(&a, 1);
    assert_true(phone_hear(w, &b, &packet, data, 100));
    assert_int_equal(data[packet.offset], 1);
    for (int i = 0; i < 20; i++) {
        phone_talk(&s, 201);
        phone_event(&s, 3, false, 160);
        send_to_engine(&a, s.fd, "junk", 4);
        send_to_engine(&a, s.fd, "", 0);
        turn(w, 5);
    }
    phone_send_raw(&a, a.fd, 96, data, 50, false);          /* unknown payload type */
    send_to_engine(&a, a.fd, "\x00\x00garbagegarbage", 16); /* version 0 */
    phone_talk(&a, 2);
    assert_true(phone_hear(w, &b, &packet, data, 100));
    assert_int_equal(data[packet.offset], 2);
    assert_false(phone_hear(w, &b, &packet, data, 40));
    assert_int_equal(count(w, 'd'), 0);
    close(s.fd);
    phone_close(w, &a);
    phone_close(w, &b);
    expect(w, 'c', 2);
}

static void a_peer_behind_nat_is_found(void **state) {
    struct world *w = &W;
    struct phone a, nat;
    struct rtp_packet packet;
    uint8_t data[512];
    phone_open(w, &a, 1, MEDIA_PCMU);
    nat = a;
    nat.fd = bound(&nat.port);
    for (int i = 0; i < 8; i++) {
        phone_talk(&nat, 1);
        turn(w, 20);
    }
    assert_true(phone_hear(w, &nat, &packet, data, 100));
    phone_flush(w, &a);
    assert_false(phone_hear(w, &a, &packet, data, 60));
    phone_talk(&a, 3); /* the SDP's own address turns up: it wins */
    turn(w, 50);
    phone_flush(w, &nat);
    assert_false(phone_hear(w, &nat, &packet, data, 60));
    assert_true(phone_hear(w, &a, &packet, data, 60));
    close(nat.fd);
    phone_close(w, &a);
    expect(w, 'c', 1);
}

static void hold_and_music(void **state) {
    struct world *w = &W;
    struct phone a, b;
    struct rtp_packet packet;
    uint8_t data[512];
    struct media_play play = {
        .play_id = 1, .prompt = {w->port.prompt(w->port.ctx, "music")}, .count = 1, .loop = true};
    phone_open(w, &a, 1, MEDIA_PCMU);
    phone_open(w, &b, 2, MEDIA_PCMU);
    w->port.join(w->port.ctx, 1, 2);
    phone_talk(&a, 1);
    turn(w, 20);
    phone_set(w, &b, MEDIA_PCMU, MEDIA_SENDONLY); /* b holds a */
    w->port.play(w->port.ctx, 1, &play);
    phone_flush(w, &a);
    phone_flush(w, &b);
    phone_talk(&a, 2);
    assert_false(phone_hear(w, &b, &packet, data, 60));
    phone_talk(&b, 3); /* b's own music: not instead of ours */
    for (int i = 0; i < 4; i++) {
        assert_true(phone_hear(w, &a, &packet, data, 60));
        assert_int_not_equal(data[packet.offset + 1], 4);
    }
    phone_set(w, &b, MEDIA_PCMU, MEDIA_SENDRECV);
    w->port.stop(w->port.ctx, 1);
    phone_flush(w, &a);
    phone_talk(&b, 5);
    assert_true(phone_hear(w, &a, &packet, data, 60));
    assert_int_equal(data[packet.offset], 5);
    assert_true(packet.marker);
    phone_talk(&a, 6);
    assert_true(phone_hear(w, &b, &packet, data, 60));
    assert_int_equal(data[packet.offset], 6);
    phone_close(w, &a);
    phone_close(w, &b);
    expect(w, 'c', 2);
}

static void silence_is_told_once(void **state) {
    struct world *w = &W;
    struct phone a;
    phone_open(w, &a, 1, MEDIA_PCMU);
    assert_true(expect(w, 's', 1)->number >= 300);
    turn(w, 500);
    assert_int_equal(count(w, 's'), 1);
    phone_talk(&a, 1);
    turn(w, 100);
    expect(w, 's', 2);
    phone_close(w, &a);
    expect(w, 'c', 1);
}

static void many_legs_leave_nothing(void **state) {
    struct world *w = &W;
    struct media_counters c;
    struct media_desc local;
    int before = open_fds();
    uint64_t seen_ports[(PORT_MAX - PORT_MIN) / 64 + 1] = {0};
    for (uint32_t leg = 1; leg <= 200; leg++) {
        assert_int_equal(w->port.open(w->port.ctx, leg, &local), 0);
        unsigned at = (unsigned)(local.port - PORT_MIN);
        assert_false(seen_ports[at / 64] >> (at % 64) & 1);
        seen_ports[at / 64] |= UINT64_C(1) << (at % 64);
        struct media_stream agreed = {local, local};
        w->port.set(w->port.ctx, leg, &agreed); /* sends to itself: also noise for all */
        if (leg % 2 == 0)
            w->port.join(w->port.ctx, leg, leg - 1);
    }
    w->port.counters(w->port.ctx, &c);
    assert_int_equal(c.legs, 200);
    assert_int_equal(c.ports_in_use, 400);
    assert_int_equal(open_fds(), before + 400);
    turn(w, 50);
    for (uint32_t leg = 1; leg <= 200; leg++)
        w->port.close(w->port.ctx, leg);
    for (int i = 0; i < 200 && w->closed < 200; i++)
        turn(w, 10);
    assert_int_equal(w->closed, 200);
    w->port.counters(w->port.ctx, &c);
    assert_int_equal(c.legs, 0);
    assert_int_equal(c.ports_in_use, 0);
    assert_int_equal(open_fds(), before);
    assert_int_equal(w->port.open(w->port.ctx, 1, &local), 0); /* quarantine: not one of those */
    unsigned at = (unsigned)(local.port - PORT_MIN);
    assert_false(seen_ports[at / 64] >> (at % 64) & 1);
}

static void prompts_are_replaced_while_heard(void **state) {
    struct world *w = &W;
    struct phone p;
    struct rtp_packet packet;
    struct media_counters c;
    uint8_t data[512];
    char path[200];
    uint32_t music = w->port.prompt(w->port.ctx, "music");
    struct media_play play = {.play_id = 1, .prompt = {music}, .count = 1, .loop = true};
    phone_open(w, &p, 1, MEDIA_PCMU);
    w->port.play(w->port.ctx, 1, &play);
    turn(w, 50);
    write_wav(w, "music", 8000, 1, 1500, 400);
    write_wav(w, "new", 8000, 1, 1500, 400);
    snprintf(path, sizeof path, "%.63s/odd.wav", w->folder);
    unlink(path);
    assert_int_equal(media_reload(w->media, &w->conf), 0);
    assert_int_equal(w->port.prompt(w->port.ctx, "music"), music);
    assert_true(w->port.prompt(w->port.ctx, "new"));
    assert_int_equal(w->port.prompt(w->port.ctx, "odd"), 0);
    assert_int_equal(media_reload(w->media, &w->conf), 0); /* while the first one is still reading */
    turn(w, 100);
    w->port.counters(w->port.ctx, &c);
    assert_int_equal(c.prompts, 4);
    phone_flush(w, &p);
    static int16_t pcm[1600];
    for (size_t n = 0; n < ARRAY_LEN(pcm); n += RTP_FRAME) { /* the old one is still heard */
        assert_true(phone_hear(w, &p, &packet, data, 60));
        for (int i = 0; i < RTP_FRAME; i++)
            pcm[n + (size_t)i] = law_decode(data[packet.offset + i], 0);
    }
    assert_true(level(pcm, ARRAY_LEN(pcm), 700) > -14);
    w->port.stop(w->port.ctx, 1);
    w->port.play(w->port.ctx, 1, &play);
    turn(w, 30);
    phone_flush(w, &p);
    for (size_t n = 0; n < ARRAY_LEN(pcm); n += RTP_FRAME) {
        assert_true(phone_hear(w, &p, &packet, data, 60));
        for (int i = 0; i < RTP_FRAME; i++)
            pcm[n + (size_t)i] = law_decode(data[packet.offset + i], 0);
    }
    assert_true(level(pcm, ARRAY_LEN(pcm), 1500) > -14 && level(pcm, ARRAY_LEN(pcm), 700) < -40);
    phone_close(w, &p);
    expect(w, 'c', 1);
}

static void wrong_calls_are_refused(void **state) {
    struct world *w = &W;
    struct media_desc local;
    struct media_stream agreed;
    assert_int_equal(w->port.open(w->port.ctx, 0, &local), -EINVAL);
    assert_int_equal(w->port.open(w->port.ctx, 5, &local), 0);
    assert_int_equal(w->port.open(w->port.ctx, 5, &local), -EINVAL);
    agreed = (struct media_stream){local, local};
    assert_int_equal(w->port.set(w->port.ctx, 6, &agreed), -ENOENT);
    agreed.remote.codec_count = 0;
    assert_int_equal(w->port.set(w->port.ctx, 5, &agreed), -EINVAL);
    agreed.remote = local;
    str_copy(agreed.remote.address, sizeof agreed.remote.address, "phone.example");
    assert_int_equal(w->port.set(w->port.ctx, 5, &agreed), -EINVAL);
    str_copy(agreed.remote.address, sizeof agreed.remote.address, "::1");
    assert_int_equal(w->port.set(w->port.ctx, 5, &agreed), -EAFNOSUPPORT);
    assert_int_equal(w->port.join(w->port.ctx, 5, 6), -ENOENT);
    assert_int_equal(w->port.join(w->port.ctx, 5, 5), -EINVAL);
    struct media_play play = {.count = MEDIA_PLAY_MAX + 1};
    assert_int_equal(w->port.play(w->port.ctx, 5, &play), -EINVAL);
    w->port.stop(w->port.ctx, 6);
    w->port.part(w->port.ctx, 6);
    w->port.close(w->port.ctx, 6);
    w->port.close(w->port.ctx, 5);
    w->port.close(w->port.ctx, 5);
    expect(w, 'c', 1);
}

int main(void) {
    log_to(NULL, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(silence_when_nothing_is_to_be_said, setup, teardown),
        cmocka_unit_test_setup_teardown(joined_legs_hear_each_other_unchanged, setup, teardown),
        cmocka_unit_test_setup_teardown(laws_are_converted, setup, teardown),
        cmocka_unit_test_setup_teardown(prompts_are_heard_without_a_gap, setup, teardown),
        cmocka_unit_test_setup_teardown(music_stops_within_a_packet_and_resumes, setup, teardown),
        cmocka_unit_test_setup_teardown(digits_are_told_once_and_relayed, setup, teardown),
        cmocka_unit_test_setup_teardown(digits_are_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(strangers_are_not_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(a_peer_behind_nat_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(hold_and_music, setup, teardown),
        cmocka_unit_test_setup_teardown(silence_is_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(many_legs_leave_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(prompts_are_replaced_while_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_calls_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
