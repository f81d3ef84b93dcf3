/* LIBS: media loop base */
/* SPDX-License-Identifier: Apache-2.0
 * What a minute of audio costs. A generator in a process of its own plays all the telephones (50 packets/s
 * each way per leg, random phases, time stamps inside the packets); the engine under test runs here. Printed
 * per mode: CPU seconds of this process and of the media thread per call-minute, packets that came out of
 * those that should have, and the delay the engine added. Beside them the floor: the same packets received
 * and sent by the barest loop over the same sockets.
 *
 *   bench_media [--calls 100] [--seconds 10] [--modes relay,prompt,floor,transcode] [--runs 1] */
#include "callfloor/conf.h"
#include "callfloor/log.h"
#include "callfloor/media.h"
#include "media/control.h"
#include "media/rtp.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <getopt.h>
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    PORT_MIN = 20000,
    PORT_MAX = 32000,
    BUCKETS = 4096,
    BUCKET_US = 25,
    WARM_S = 2,
    PHONES_PER_SOCKET = 64
};
enum mode { RELAY, TRANSCODE, PROMPT, FLOOR };
static const char *const mode_names[] = {"relay", "transcode", "prompt", "floor"};

/* Shared with the generator. */
struct board {
    _Atomic int go; /* 1: send, 2: count, 3: counted, stop */
    _Atomic uint64_t sent, received;
    _Atomic uint64_t delay[BUCKETS];
    uint32_t legs;
    enum mode mode;
    uint16_t port[32768];       /* the engine's, by leg */
    uint16_t phone_port[32768]; /* the generator's */
};

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
static uint64_t now_us(void) {
    return (uint64_t)(now_s() * 1e6);
}
static double process_cpu(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}
static long resident_kib(void) {
    long pages = 0, rss = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%ld %ld", &pages, &rss) != 2)
        rss = 0;
    if (f)
        fclose(f);
    return rss * (sysconf(_SC_PAGESIZE) / 1024);
}

static struct sockaddr_in loopback(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
}
static int bound(uint16_t *port) {
    struct sockaddr_in a = loopback(0);
    socklen_t length = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), size = 4 << 20;
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0) {
        perror("socket");
        exit(1);
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    getsockname(fd, (struct sockaddr *)&a, &length);
    *port = ntohs(a.sin_port);
    return fd;
}

/* ---- the generator ---- */

struct stamp { /* at the start of the payload */
    uint64_t at_us;
    uint32_t magic;
} __attribute__((packed));
enum { MAGIC = 0x43466c72 };

static void drain(struct board *b, int fd) {
    struct mmsghdr m[64];
    struct iovec v[64];
    static uint8_t data[64][256];
    for (;;) {
        for (int i = 0; i < 64; i++) {
            v[i] = (struct iovec){data[i], sizeof data[i]};
            m[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &v[i], .msg_iovlen = 1}};
        }
        int n = recvmmsg(fd, m, 64, MSG_DONTWAIT, NULL);
        if (n <= 0)
            return;
        if (b->go != 2)
            continue;
        uint64_t now = now_us();
        atomic_fetch_add(&b->received, (uint64_t)n);
        for (int i = 0; i < n; i++) {
            struct stamp s;
            memcpy(&s, data[i] + RTP_HEADER, sizeof s);
            if (s.magic != MAGIC)
                continue;
            uint64_t bucket = (now - s.at_us) / BUCKET_US;
            atomic_fetch_add(&b->delay[bucket < BUCKETS ? bucket : BUCKETS - 1], 1);
        }
        if (n < 64)
            return;
    }
}

struct pair {
    uint64_t key;
    uint32_t leg;
};
static int by_key(const void *a, const void *b) {
    uint64_t x = ((const struct pair *)a)->key, y = ((const struct pair *)b)->key;
    return x < y ? -1 : x > y;
}

static void send_burst(const int *fd, struct board *b, const struct pair *legs, uint32_t count,
                       uint16_t seq) {
    static struct mmsghdr m[256];
    static struct iovec v[256];
    static struct sockaddr_in to[256];
    static uint8_t data[256][RTP_HEADER + RTP_FRAME];
    uint64_t now = now_us();
    for (uint32_t at = 0; at < count;) {
        uint32_t n = 0, first = legs[at].leg;
        for (; n < 256 && at + n < count; n++) {
            uint32_t leg = legs[at + n].leg;
            bool alaw = b->mode == TRANSCODE && leg % 2;
            struct rtp_packet p = {.payload_type = alaw ? 8 : 0,
                                   .seq = seq,
                                   .timestamp = (uint32_t)seq * RTP_FRAME,
                                   .ssrc = 0x10000 + leg};
            rtp_write_header(data[n], &p);
            if (b->mode != TRANSCODE)
                memcpy(data[n] + RTP_HEADER, &(struct stamp){now, MAGIC}, sizeof(struct stamp));
            v[n] = (struct iovec){data[n], sizeof data[n]};
            to[n] = loopback(b->port[leg]);
            m[n] = (struct mmsghdr){
                .msg_hdr = {
                    .msg_name = &to[n], .msg_namelen = sizeof to[n], .msg_iov = &v[n], .msg_iovlen = 1}};
            if (leg / PHONES_PER_SOCKET != first / PHONES_PER_SOCKET)
                break;
        }
        int sent = sendmmsg(fd[first / PHONES_PER_SOCKET], m, n, 0);
        if (b->go == 2 && sent > 0)
            atomic_fetch_add(&b->sent, (uint64_t)sent);
        at += n;
    }
}

/* Sends for each leg every 20 ms at a phase of its own (1 ms steps), receives all the time. */
static void generate(struct board *b, const int *fd, uint32_t sockets) {
    struct pair *order = calloc(b->legs, sizeof *order);
    uint32_t first[21] = {0};
    uint64_t seed = 42;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (uint32_t i = 0; i < b->legs; i++)
        order[i] = (struct pair){rng_next(&seed) % 20 << 32 | i, i};
    qsort(order, b->legs, sizeof *order, by_key);
    for (uint32_t i = 0; i < b->legs; i++)
        first[(order[i].key >> 32) + 1] = i + 1;
    for (int i = 1; i <= 20; i++)
        if (!first[i])
            first[i] = first[i - 1];
    double next = now_s();
    for (uint32_t ms = 0; b->go != 3; ms++) {
        uint32_t phase = ms % 20;
        if (b->mode != PROMPT && b->go)
            send_burst(fd, b, order + first[phase], first[phase + 1] - first[phase], (uint16_t)(ms / 20));
        for (uint32_t i = 0; i < sockets; i++)
            drain(b, fd[i]);
        next += 0.001;
        double left = next - now_s();
        if (left > 0) {
            struct timespec t = {0, (long)(left * 1e9)};
            nanosleep(&t, NULL);
        }
    }
    free(order);
}

/* ---- what is measured ---- */

struct result {
    double cpu, thread_cpu, wall;
    uint64_t sent, received;
    long kib;
};

static void print(const struct board *b, const char *name, uint32_t calls, const struct result *r) {
    double minutes = calls * r->wall / 60;
    uint64_t total = 0, seen = 0, expected = b->mode == PROMPT ? (uint64_t)(calls * r->wall * 50) : r->sent;
    double p[3] = {0};
    const double wanted[3] = {.5, .99, .999};
    for (int i = 0; i < BUCKETS; i++)
        total += b->delay[i];
    for (int i = 0, k = 0; i < BUCKETS && k < 3; i++)
        for (seen += b->delay[i]; k < 3 && total && (double)seen >= wanted[k] * (double)total; k++)
            p[k] = (i + 1) * BUCKET_US / 1000.0;
    printf("%-10s calls=%-5u cpu_s_per_call_min=%.4f thread=%.4f expected=%llu received=%llu loss=%.3f%%",
           name, calls, r->cpu / minutes, r->thread_cpu / minutes, (unsigned long long)expected,
           (unsigned long long)r->received,
           expected ? 100.0 * ((double)expected - (double)r->received) / (double)expected : 0);
    if (total)
        printf(" delay_ms p50=%.2f p99=%.2f p99.9=%.2f", p[0], p[1], p[2]);
    if (r->kib)
        printf(" kib_per_call=%.1f", (double)r->kib / calls);
    printf("\n");
    fflush(stdout);
}

static void window(struct board *b, struct result *r, double seconds, void (*step)(void *), void *arg,
                   const struct engine *engine) {
    for (double end = now_s() + WARM_S; now_s() < end;)
        step(arg);
    double start = now_s(), cpu = process_cpu();
    uint64_t thread = engine ? engine_cpu_ns(engine) : 0;
    b->go = 2;
    while (now_s() < start + seconds)
        step(arg);
    b->go = 3;
    r->cpu = process_cpu() - cpu;
    r->thread_cpu = engine ? (double)(engine_cpu_ns(engine) - thread) / 1e9 : r->cpu;
    r->wall = now_s() - start;
}

/* ---- the floor: nothing but the system calls ---- */

struct bare {
    int epoll_fd, *fd;
    uint32_t legs;
    double due;
};

static void bare_step(void *arg) {
    struct bare *bare = arg;
    struct epoll_event events[512];
    uint8_t data[2048];
    struct timespec t;
    bare->due += 0.005;
    t = (struct timespec){(time_t)bare->due, (long)(fmod(bare->due, 1) * 1e9)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
    int n;
    do {
        n = epoll_wait(bare->epoll_fd, events, 512, 0);
        for (int i = 0; i < n; i++) {
            uint32_t leg = events[i].data.u32;
            ssize_t got = recv(bare->fd[leg], data, sizeof data, MSG_DONTWAIT);
            if (got > 0)
                send(bare->fd[leg ^ 1], data, (size_t)got, MSG_DONTWAIT);
        }
    } while (n == 512);
}

static int connected(uint16_t *port, uint16_t to) {
    struct sockaddr_in a = loopback(to);
    int probe = IP_PMTUDISC_PROBE, fd = bound(port);
    setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof probe);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
        perror("connect");
    return fd;
}

static struct bare make_bare(struct board *b) {
    struct bare bare = {.epoll_fd = epoll_create1(0), .legs = b->legs};
    bare.fd = calloc(b->legs, sizeof *bare.fd);
    for (uint32_t i = 0; i < b->legs; i++) {
        bare.fd[i] = connected(&b->port[i], b->phone_port[i]);
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        epoll_ctl(bare.epoll_fd, EPOLL_CTL_ADD, bare.fd[i], &event);
    }
    return bare;
}

/* ---- the engine ---- */

static void loop_step(void *arg) {
    event_base_loop(loop_base(arg), EVLOOP_ONCE);
}

static void beat(evutil_socket_t fd, short what, void *arg) { /* or the loop would sleep past the end */
}

static void write_prompt(const char *folder) {
    char path[128];
    SF_INFO info = {.samplerate = 8000, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
    snprintf(path, sizeof path, "%s/music.wav", folder);
    SNDFILE *f = sf_open(path, SFM_WRITE, &info);
    for (int i = 0; f && i < 8000 * 10; i++) {
        short v = (short)(8000 * sin(i * 0.3));
        sf_write_short(f, &v, 1);
    }
    sf_close(f);
}

static void set_leg(const struct media_port *port, struct board *b, uint32_t leg,
                    const struct media_desc *local) {
    struct media_stream agreed = {*local, *local};
    bool alaw = b->mode == TRANSCODE && leg % 2;
    agreed.remote.port = b->phone_port[leg];
    agreed.remote.rtcp_port = 9; /* discard: reports are not what is measured */
    agreed.local.codec_count = agreed.remote.codec_count = 1;
    agreed.local.codec[0].codec = agreed.remote.codec[0].codec = alaw ? MEDIA_PCMA : MEDIA_PCMU;
    agreed.local.codec[0].payload_type = agreed.remote.codec[0].payload_type = alaw ? 8 : 0;
    port->set(port->ctx, leg + 1, &agreed);
}

static int open_legs(const struct media_port *port, struct board *b) {
    for (uint32_t leg = 0; leg < b->legs; leg++) {
        struct media_desc local;
        int err = port->open(port->ctx, leg + 1, &local);
        if (err) {
            fprintf(stderr, "open leg %u: %s\n", leg, strerror(-err));
            return err;
        }
        b->port[leg] = local.port;
        set_leg(port, b, leg, &local);
        struct media_play play = {.prompt = {port->prompt(port->ctx, "music")}, .count = 1, .loop = true};
        if (b->mode == PROMPT)
            port->play(port->ctx, leg + 1, &play);
        else if (leg % 2)
            port->join(port->ctx, leg + 1, leg);
    }
    return 0;
}

static pid_t start_generator(struct board *b, const int *fd, uint32_t sockets) {
    pid_t pid = fork();
    if (pid == 0) {
        generate(b, fd, sockets);
        _exit(0);
    }
    return pid;
}

static void measure_engine(struct board *b, const int *fd, uint32_t sockets, double seconds,
                           struct result *r) {
    char folder[] = "/tmp/callfloor-bench-XXXXXX", music[64];
    struct loop *loop = NULL;
    struct media *media = NULL;
    struct conf conf = {.rtp_address = (char *)"127.0.0.1",
                        .public_address = (char *)"",
                        .rtp_port_min = PORT_MIN,
                        .rtp_port_max = PORT_MAX};
    if (!mkdtemp(folder))
        return;
    write_prompt(folder);
    conf.prompts_dir = folder;
    /* the generator holds copies of no descriptor of ours: fork it first */
    pid_t pid = start_generator(b, fd, sockets);
    if (loop_create(&loop) == 0 && media_create(&media, loop, &conf) == 0) {
        struct media_port port = media_get_port(media);
        struct event *tick = event_new(loop_base(loop), -1, EV_PERSIST, beat, NULL);
        struct timeval every = {0, 100000};
        event_add(tick, &every);
        long before = resident_kib();
        if (open_legs(&port, b) == 0) {
            b->go = 1;
            window(b, r, seconds, loop_step, loop, media->engine);
            r->kib = resident_kib() - before;
        }
        event_free(tick);
    }
    b->go = 3;
    waitpid(pid, NULL, 0);
    media_destroy(media);
    loop_destroy(loop);
    snprintf(music, sizeof music, "%s/music.wav", folder);
    unlink(music);
    rmdir(folder);
}

static void measure_floor(struct board *b, const int *fd, uint32_t sockets, double seconds,
                          struct result *r) {
    struct bare bare = make_bare(b);
    pid_t pid = start_generator(b, fd, sockets);
    b->go = 1;
    bare.due = now_s();
    window(b, r, seconds, bare_step, &bare, NULL);
    waitpid(pid, NULL, 0);
    for (uint32_t i = 0; i < bare.legs; i++)
        close(bare.fd[i]);
    free(bare.fd);
    close(bare.epoll_fd);
}

static void measure(enum mode mode, uint32_t calls, double seconds) {
    struct board *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int fd[512];
    uint32_t legs = mode == PROMPT ? calls : 2 * calls,
             sockets = (legs + PHONES_PER_SOCKET - 1) / PHONES_PER_SOCKET;
    struct result r = {0};
    if (b == MAP_FAILED || legs > 32768)
        return;
    b->legs = legs;
    b->mode = mode;
    for (uint32_t i = 0; i < sockets; i++) {
        uint16_t port;
        fd[i] = bound(&port);
        for (uint32_t k = 0; k < PHONES_PER_SOCKET && i * PHONES_PER_SOCKET + k < legs; k++)
            b->phone_port[i * PHONES_PER_SOCKET + k] = port;
    }
    if (mode == FLOOR)
        measure_floor(b, fd, sockets, seconds, &r);
    else
        measure_engine(b, fd, sockets, seconds, &r);
    r.sent = b->sent;
    r.received = b->received;
    print(b, mode_names[mode], calls, &r);
    for (uint32_t i = 0; i < sockets; i++)
        close(fd[i]);
    munmap(b, sizeof *b);
}

int main(int argc, char **argv) {
    static const struct option longs[] = {{"calls", 1, 0, 'c'},
                                          {"seconds", 1, 0, 's'},
                                          {"modes", 1, 0, 'm'},
                                          {"runs", 1, 0, 'r'},
                                          {0, 0, 0, 0}};
    uint32_t calls = 100, runs = 1;
    double seconds = 10;
    const char *modes = "floor,relay,transcode,prompt";
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (c) {
        case 'c':
            calls = (uint32_t)atoi(optarg);
            break;
        case 's':
            seconds = atof(optarg);
            break;
        case 'm':
            modes = optarg;
            break;
        case 'r':
            runs = (uint32_t)atoi(optarg);
            break;
        default:
            return 2;
        }
    }
    log_set_level(NULL, "error");
    if (!calls || seconds <= 0)
        return 2;
    while (runs--)
        for (int mode = 0; mode <= FLOOR; mode++)
            if (strstr(modes, mode_names[mode]))
                measure((enum mode)mode, calls, seconds);
    return 0;
}
