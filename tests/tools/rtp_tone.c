/* SPDX-License-Identifier: Apache-2.0
 * A telephone's ear and mouth for tests: sends a paced tone as RTP, records what comes back, and finds tones
 * in recordings. Shares no code with the daemon, so that it can judge it.
 *
 *   rtp_tone --listen IP:PORT --send IP:PORT --hz 440 --seconds 5 [--law u|a] [--level DBFS]
 *            [--digit 2 --at 1.0] [--record FILE.wav]
 *   rtp_tone --goertzel FILE.wav [--from SECONDS] [--to SECONDS] HZ...
 *
 * Sending prints one line: sent=N received=N lost=N digits=TEXT. --hz 0 sends nothing but still listens.
 * The recording (mono, 16 bit, 8 kHz) is placed by RTP timestamps: losses and pauses are silence in it.
 * --goertzel prints "HZ LEVEL_DBFS" for each frequency and "all LEVEL_DBFS" (a full-scale sine is 0 dBFS). */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <poll.h>
#include <sndfile.h>
#include <spandsp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { RATE = 8000, FRAME = 160, HEADER = 12, EVENT_TYPE = 101, EVENT_MS = 100, MAX_SECONDS = 3600 };

static const char digits[] = "0123456789*#ABCD";

struct options {
    struct sockaddr_in listen, send;
    double hz, seconds, digit_at, level_dbfs, from, to;
    const char *record, *goertzel;
    int digit; /* event number, -1 = none */
    bool alaw;
};

struct sender {
    uint16_t seq;
    uint32_t ssrc, timestamp;
    double phase;
    unsigned sent;
};

struct recorder {
    int16_t *pcm;
    size_t samples, room;
    uint32_t base, ssrc, last_event;
    uint16_t first_seq, last_seq;
    unsigned received;
    bool any, any_event;
    char digits[64];
};

static void die(const char *what) {
    fprintf(stderr, "rtp_tone: %s\n", what);
    exit(2);
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct sockaddr_in address(const char *text) {
    struct sockaddr_in a = {.sin_family = AF_INET};
    char host[64];
    unsigned port;
    if (sscanf(text, "%63[^:]:%u", host, &port) != 2 || port > 65535 ||
        inet_pton(AF_INET, host, &a.sin_addr) != 1)
        die("addresses are IP:PORT");
    a.sin_port = htons((uint16_t)port);
    return a;
}

/* ---- sending ---- */

static size_t header(struct sender *s, uint8_t *p, int type, bool marker, uint32_t timestamp) {
    uint16_t seq = htons(s->seq++);
    uint32_t ts = htonl(timestamp), ssrc = htonl(s->ssrc);
    p[0] = 0x80;
    p[1] = (uint8_t)(type | (marker ? 0x80 : 0));
    memcpy(p + 2, &seq, 2);
    memcpy(p + 4, &ts, 4);
    memcpy(p + 8, &ssrc, 4);
    return HEADER;
}

static void transmit(int fd, const struct options *o, struct sender *s, const uint8_t *p, size_t n) {
    if (sendto(fd, p, n, 0, (const struct sockaddr *)&o->send, sizeof o->send) == (ssize_t)n)
        s->sent++;
}

static void send_tone(int fd, const struct options *o, struct sender *s) {
    uint8_t packet[HEADER + FRAME];
    double amplitude = 32767 * pow(10, o->level_dbfs / 20), step = 2 * M_PI * o->hz / RATE;
    size_t n = header(s, packet, o->alaw ? 8 : 0, s->sent == 0, s->timestamp);
    for (int i = 0; i < FRAME; i++) {
        int v = (int)lrint(amplitude * sin(s->phase));
        packet[n++] = o->alaw ? linear_to_alaw(v) : linear_to_ulaw(v);
        s->phase = fmod(s->phase + step, 2 * M_PI);
    }
    transmit(fd, o, s, packet, n);
}

/* The frame number of the digit (0 = first): updates, then three end packets (RFC 4733 2.5.1.4). */
static void send_event(int fd, const struct options *o, struct sender *s, int frame, uint32_t start) {
    int last = EVENT_MS / 20 - 1;
    for (int i = 0; i < (frame == last ? 3 : 1); i++) {
        uint8_t packet[HEADER + 4];
        size_t n = header(s, packet, EVENT_TYPE, frame == 0, start);
        uint16_t duration = (uint16_t)((frame + 1) * FRAME);
        packet[n++] = (uint8_t)o->digit;
        packet[n++] = (uint8_t)(frame == last ? 0x8a : 0x0a);
        packet[n++] = (uint8_t)(duration >> 8);
        packet[n++] = (uint8_t)duration;
        transmit(fd, o, s, packet, n);
    }
}

static void send_frame(int fd, const struct options *o, struct sender *s, int frame) {
    static uint32_t event_start;
    int since = frame - (int)(o->digit_at * 50);
    if (o->digit >= 0 && since >= 0 && since < EVENT_MS / 20) {
        if (since == 0)
            event_start = s->timestamp;
        send_event(fd, o, s, since, event_start);
    } else if (o->hz > 0) {
        send_tone(fd, o, s);
    }
    s->timestamp += FRAME;
}

/* ---- receiving ---- */

static void note_event(struct recorder *r, uint32_t timestamp, uint8_t event) {
    size_t n = strlen(r->digits);
    if ((r->any_event && timestamp == r->last_event) || event > 15 || n + 1 >= sizeof r->digits)
        return;
    r->any_event = true;
    r->last_event = timestamp;
    r->digits[n] = digits[event];
}

static void note_audio(struct recorder *r, uint32_t timestamp, const uint8_t *data, size_t n, bool alaw) {
    size_t at = timestamp - r->base;
    if (at > (size_t)MAX_SECONDS * RATE)
        return;
    if (at + n > r->room) {
        size_t room = (at + n) * 2;
        int16_t *grown = realloc(r->pcm, room * sizeof *grown);
        if (!grown)
            die("out of memory");
        memset(grown + r->room, 0, (room - r->room) * sizeof *grown);
        r->pcm = grown;
        r->room = room;
    }
    for (size_t i = 0; i < n; i++)
        r->pcm[at + i] = alaw ? alaw_to_linear(data[i]) : ulaw_to_linear(data[i]);
    if (at + n > r->samples)
        r->samples = at + n;
}

static void receive(int fd, struct recorder *r) {
    uint8_t p[2048];
    ssize_t n;
    while ((n = recv(fd, p, sizeof p, MSG_DONTWAIT)) > 0) {
        uint32_t timestamp, ssrc;
        uint16_t seq;
        if (n <= HEADER || p[0] != 0x80)
            continue;
        memcpy(&seq, p + 2, 2);
        memcpy(&timestamp, p + 4, 4);
        memcpy(&ssrc, p + 8, 4);
        seq = ntohs(seq);
        timestamp = ntohl(timestamp);
        if (!r->any || ssrc != r->ssrc) { /* another stream goes on where the last one ended */
            r->base = timestamp - (uint32_t)r->samples;
            r->first_seq = (uint16_t)(seq - r->received);
            r->ssrc = ssrc;
            r->any = true;
        }
        r->received++;
        r->last_seq = seq;
        int type = p[1] & 0x7f;
        if (type == EVENT_TYPE)
            note_event(r, timestamp, p[HEADER]);
        else if (type == 0 || type == 8)
            note_audio(r, timestamp, p + HEADER, (size_t)n - HEADER, type == 8);
    }
}

static void save(const char *path, const struct recorder *r) {
    SF_INFO info = {.samplerate = RATE, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
    SNDFILE *f = sf_open(path, SFM_WRITE, &info);
    if (!f || sf_write_short(f, r->pcm, (sf_count_t)r->samples) != (sf_count_t)r->samples)
        die("cannot write the recording");
    sf_close(f);
}

static int talk(const struct options *o) {
    struct sender s = {.ssrc = (uint32_t)getpid() * 2654435761u, .seq = 1, .timestamp = 1000};
    struct recorder r = {0};
    int fd = socket(AF_INET, SOCK_DGRAM, 0), frames = (int)(o->seconds * 50);
    if (bind(fd, (const struct sockaddr *)&o->listen, sizeof o->listen) < 0)
        die(strerror(errno));
    double start = now_s();
    for (int frame = 0; frame < frames; frame++) {
        if (o->send.sin_port)
            send_frame(fd, o, &s, frame);
        for (double left; (left = start + (frame + 1) * 0.02 - now_s()) > 0;) {
            struct pollfd waiting = {.fd = fd, .events = POLLIN};
            poll(&waiting, 1, (int)ceil(left * 1000));
            receive(fd, &r);
        }
    }
    if (o->record)
        save(o->record, &r);
    unsigned expected = r.any ? (uint16_t)(r.last_seq - r.first_seq) + 1u : 0;
    printf("sent=%u received=%u lost=%u digits=%s\n", s.sent, r.received,
           expected > r.received ? expected - r.received : 0, r.digits);
    free(r.pcm);
    close(fd);
    return 0;
}

/* ---- finding tones ---- */

static double dbfs(double amplitude) {
    return 20 * log10(amplitude + 1e-6);
}

static int analyse(const struct options *o, char **hz, int count) {
    SF_INFO info = {0};
    SNDFILE *f = sf_open(o->goertzel, SFM_READ, &info);
    if (!f || info.channels != 1)
        die("cannot read the recording");
    double *pcm = calloc((size_t)info.frames + 1, sizeof *pcm), power = 0;
    if (!pcm || sf_readf_double(f, pcm, info.frames) != info.frames)
        die("cannot read the recording");
    sf_close(f);
    sf_count_t first = (sf_count_t)(o->from * info.samplerate), end = info.frames;
    if (o->to > 0 && (sf_count_t)(o->to * info.samplerate) < end)
        end = (sf_count_t)(o->to * info.samplerate);
    double n = end > first ? (double)(end - first) : 0;
    for (int i = 0; i < count; i++) {
        double coefficient = 2 * cos(2 * M_PI * atof(hz[i]) / info.samplerate), s1 = 0, s2 = 0;
        for (sf_count_t k = first; k < end; k++) {
            double s0 = pcm[k] + coefficient * s1 - s2;
            s2 = s1;
            s1 = s0;
        }
        double energy = s1 * s1 + s2 * s2 - coefficient * s1 * s2;
        printf("%s %.1f\n", hz[i], dbfs(n > 0 ? 2 * sqrt(energy > 0 ? energy : 0) / n : 0));
    }
    for (sf_count_t k = first; k < end; k++)
        power += pcm[k] * pcm[k];
    printf("all %.1f\n", dbfs(n > 0 ? sqrt(2 * power / n) : 0));
    free(pcm);
    return 0;
}

int main(int argc, char **argv) {
    static const struct option longs[] = {
        {"listen", 1, 0, 'l'}, {"send", 1, 0, 's'},  {"hz", 1, 0, 'f'}, {"seconds", 1, 0, 't'},
        {"law", 1, 0, 'a'},    {"digit", 1, 0, 'd'}, {"at", 1, 0, '@'}, {"record", 1, 0, 'r'},
        {"level", 1, 0, 'v'},  {"from", 1, 0, '<'},  {"to", 1, 0, '>'}, {"goertzel", 1, 0, 'g'},
        {0, 0, 0, 0},
    };
    struct options o = {.seconds = 5, .level_dbfs = -10, .digit = -1, .digit_at = 1};
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        const char *found = NULL;
        switch (c) {
        case 'l':
            o.listen = address(optarg);
            break;
        case 's':
            o.send = address(optarg);
            break;
        case 'f':
            o.hz = atof(optarg);
            break;
        case 't':
            o.seconds = atof(optarg);
            break;
        case 'a':
            o.alaw = optarg[0] == 'a';
            break;
        case '@':
            o.digit_at = atof(optarg);
            break;
        case 'r':
            o.record = optarg;
            break;
        case 'v':
            o.level_dbfs = atof(optarg);
            break;
        case '<':
            o.from = atof(optarg);
            break;
        case '>':
            o.to = atof(optarg);
            break;
        case 'g':
            o.goertzel = optarg;
            break;
        case 'd':
            found = strchr(digits, optarg[0]);
            if (!found || !*found)
                die("no such digit");
            o.digit = (int)(found - digits);
            break;
        default:
            die("see the top of rtp_tone.c for its options");
        }
    }
    if (o.goertzel)
        return analyse(&o, argv + optind, argc - optind);
    if (!o.listen.sin_port || o.seconds <= 0 || o.seconds > MAX_SECONDS)
        die("--listen IP:PORT and --seconds are needed");
    return talk(&o);
}
