/* SPDX-License-Identifier: Apache-2.0
 * The control thread's side of the audio engine: legs by number, ports, prompts, commands and events. */
#include "callfloor/media.h"
#include "callfloor/conf.h"
#include "callfloor/log.h"
#include "media/control.h"
#include "media/terms.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { EVENTS_PER_TURN = 4096, RETRY_MS = 5, PORT_TRIES = 64, EVENT_TYPE = 101, MAX_SLOTS = 1 << 16 };

static const char no_address[] = "";

/* ---- legs ---- */

static struct control_leg *find(struct media *m, uint32_t leg) {
    uint32_t at = m->slot_of[slot_index(leg)];
    struct control_leg *l = at ? &m->leg[at - 1] : NULL;
    return l && l->id == leg && !l->closing ? l : NULL;
}
static uint32_t slot(const struct media *m, const struct control_leg *l) {
    return (uint32_t)(l - m->leg);
}

static void forget(struct media *m, struct control_leg *l) {
    if (m->slot_of[slot_index(l->id)] == slot(m, l) + 1)
        m->slot_of[slot_index(l->id)] = 0;
    socket_close_pair(l->fd);
    port_pool_give(&m->ports, l->port, loop_now_ms() + PORT_POOL_QUARANTINE_MS);
    l->id = 0;
    m->free_slot[m->free_count++] = slot(m, l);
}

/* ---- commands that find the ring full wait here ---- */

static void arm_retry(struct media *m) {
    struct timeval tv = {0, RETRY_MS * 1000};
    if (!evtimer_pending(m->retry, NULL))
        evtimer_add(m->retry, &tv);
}

int control_tell(struct media *m, const struct command *command) {
    if (STAILQ_EMPTY(&m->backlog) && engine_command(m->engine, command))
        return 0;
    struct waiting *w = malloc(sizeof *w);
    if (!w)
        return -ENOMEM;
    w->command = *command;
    STAILQ_INSERT_TAIL(&m->backlog, w, next);
    arm_retry(m);
    return 0;
}

static void on_retry(evutil_socket_t fd, short what, void *arg) {
    struct media *m = arg;
    struct waiting *w;
    while ((w = STAILQ_FIRST(&m->backlog)) && engine_command(m->engine, &w->command)) {
        STAILQ_REMOVE_HEAD(&m->backlog, next);
        free(w);
    }
    for (uint32_t i = 0; STAILQ_EMPTY(&m->backlog) && m->closes_owed && i < m->capacity; i++) {
        if (!m->leg[i].close_owed)
            continue;
        struct command command = {.kind = COMMAND_CLOSE, .slot = i};
        if (!engine_command(m->engine, &command))
            break;
        m->leg[i].close_owed = false;
        m->closes_owed--;
    }
    if (!STAILQ_EMPTY(&m->backlog) || m->closes_owed)
        arm_retry(m);
}

/* ---- the port ---- */

/* A bound pair: ports somebody else has taken go to the end of the queue. */
static int take_ports(struct media *m, struct control_leg *l) {
    uint64_t now_ms = loop_now_ms();
    int err = -EADDRINUSE;
    for (int i = 0; i < PORT_TRIES; i++) {
        uint16_t port = port_pool_take(&m->ports, now_ms);
        if (!port)
            return -EADDRINUSE;
        err = socket_open_pair(l->fd, &m->bind_address, port);
        if (!err) {
            l->port = port;
            return 0;
        }
        port_pool_give(&m->ports, port, now_ms);
        if (err != -EADDRINUSE)
            break;
    }
    return err == -ENFILE ? -EMFILE : err;
}

/* Once, when the thread has had the time to try. */
static void tell_priority(struct media *m) {
    int err = atomic_load(&m->engine->priority_error);
    if (m->priority_told || err > 0)
        return;
    m->priority_told = true;
    if (err)
        log_info("media", "event=no_priority error=%s", log_value(strerror(-err)));
}

static int media_open(void *ctx, uint32_t leg, struct media_desc *local) {
    struct media *m = ctx;
    if (!leg || find(m, leg))
        return -EINVAL;
    if (!m->free_count)
        return -EADDRINUSE;
    struct control_leg *l = &m->leg[m->free_slot[m->free_count - 1]];
    *l = (struct control_leg){.id = leg, .fd = {-1, -1}};
    tell_priority(m);
    int err = take_ports(m, l);
    if (err)
        return err;
    struct command command = {
        .kind = COMMAND_OPEN, .slot = slot(m, l), .open = {leg, l->fd[0], l->fd[1], rng_next(&m->random)}};
    if ((err = control_tell(m, &command))) {
        socket_close_pair(l->fd);
        port_pool_give(&m->ports, l->port, loop_now_ms());
        return err;
    }
    m->free_count--;
    m->legs++;
    m->slot_of[slot_index(leg)] = slot(m, l) + 1;
    *local = (struct media_desc){.port = l->port,
                                 .rtcp_port = (uint16_t)(l->port + 1),
                                 .codec_count = 2,
                                 .codec = {{MEDIA_PCMU, 0}, {MEDIA_PCMA, 8}},
                                 .dtmf_payload_type = EVENT_TYPE,
                                 .direction = MEDIA_SENDRECV,
                                 .ptime_ms = 20};
    str_copy(local->address, sizeof local->address, m->sdp_address);
    return 0;
}

static int media_set(void *ctx, uint32_t leg, const struct media_stream *agreed) {
    struct media *m = ctx;
    struct control_leg *l = find(m, leg);
    if (!l)
        return -ENOENT;
    struct command command = {.kind = COMMAND_SET, .slot = slot(m, l)};
    int err = terms_make(&command.terms, agreed, m->bind_address.any.sa_family);
    if (err)
        return err;
    l->sends_digits = command.terms.send_dtmf_type != LEG_NO_PAYLOAD_TYPE;
    l->expects = command.terms.expects;
    return control_tell(m, &command);
}

static int media_play(void *ctx, uint32_t leg, const struct media_play *what) {
    struct media *m = ctx;
    struct control_leg *l = find(m, leg);
    if (!l)
        return -ENOENT;
    if (what->count > MEDIA_PLAY_MAX)
        return -EINVAL;
    struct command command = {.kind = COMMAND_PLAY, .slot = slot(m, l), .play = *what};
    return control_tell(m, &command);
}

static void simple(struct media *m, uint32_t leg, enum command_kind kind) {
    struct control_leg *l = find(m, leg);
    if (!l)
        return;
    struct command command = {.kind = (uint8_t)kind, .slot = slot(m, l)};
    if (control_tell(m, &command))
        log_error("media", "event=out_of_memory leg=%u", leg);
}
static void media_stop(void *ctx, uint32_t leg) {
    simple(ctx, leg, COMMAND_STOP);
}
static void media_part(void *ctx, uint32_t leg) {
    simple(ctx, leg, COMMAND_PART);
}

static int media_join(void *ctx, uint32_t leg, uint32_t other) {
    struct media *m = ctx;
    struct control_leg *l = find(m, leg), *o = find(m, other);
    if (!l || !o)
        return -ENOENT;
    if (l == o)
        return -EINVAL;
    struct command command = {.kind = COMMAND_JOIN, .slot = slot(m, l), .other = slot(m, o)};
    return control_tell(m, &command);
}

static int media_send_digit(void *ctx, uint32_t leg, char digit, uint32_t duration_ms) {
    struct media *m = ctx;
    struct control_leg *l = find(m, leg);
    if (!l)
        return -ENOENT;
    if (rtp_dtmf_event_of(digit) < 0)
        return -EINVAL;
    if (!l->sends_digits)
        return -ENOTSUP;
    struct command command = {
        .kind = COMMAND_DIGIT, .slot = slot(m, l), .digit = digit, .duration_ms = duration_ms};
    return control_tell(m, &command);
}

static void media_close(void *ctx, uint32_t leg) {
    struct media *m = ctx;
    struct control_leg *l = find(m, leg);
    if (!l)
        return;
    struct command command = {.kind = COMMAND_CLOSE, .slot = slot(m, l)};
    l->closing = true;
    m->legs--;
    if (control_tell(m, &command)) { /* cannot be refused: told as soon as there is room */
        l->close_owed = true;
        m->closes_owed++;
        arm_retry(m);
    }
}

static uint32_t media_prompt(void *ctx, const char *name) {
    struct media *m = ctx;
    return prompt_library_find(m->library, name);
}

static void media_counters(void *ctx, struct media_counters *out) {
    struct media *m = ctx;
    const struct engine_counters *c = &m->engine->counters;
    uint32_t used = m->ports.total - m->ports.count;
    *out = (struct media_counters){
        .legs = m->legs,
        .ports_in_use = 2 * used,
        .ports_free = 2 * m->ports.count,
        .prompts = prompt_library_count(m->library),
        .packets_in = atomic_load_explicit(&c->packets_in, memory_order_relaxed),
        .packets_out = atomic_load_explicit(&c->packets_out, memory_order_relaxed),
        .dropped = atomic_load_explicit(&c->dropped, memory_order_relaxed),
        .late_ticks = atomic_load_explicit(&c->late_ticks, memory_order_relaxed),
    };
}

static int media_leg(void *ctx, uint32_t leg, struct media_leg *out) {
    struct media *m = ctx;
    const struct control_leg *l = find(m, leg);
    if (!l)
        return -ENOENT;
    const struct engine_seen *seen = &m->engine->seen[slot(m, l)];
    if (atomic_load_explicit(&seen->leg, memory_order_acquire) != leg)
        return -EAGAIN;
    uint32_t peer = atomic_load_explicit(&seen->peer, memory_order_relaxed),
             heard_ms = atomic_load_explicit(&seen->heard_ms, memory_order_relaxed),
             ago_ms = (uint32_t)loop_now_ms() - heard_ms; /* both cut off: the difference is right */
    *out = (struct media_leg){.joined = peer < m->capacity ? m->leg[peer].id : 0,
                              .playing = atomic_load_explicit(&seen->playing, memory_order_relaxed),
                              .expects = l->expects,
                              .unheard_ms = ago_ms < UINT32_MAX / 2 ? ago_ms : 0};
    return 0;
}

static uint32_t media_next_leg(void *ctx, uint32_t *cursor) {
    struct media *m = ctx;
    while (*cursor < m->capacity) {
        const struct control_leg *l = &m->leg[(*cursor)++];
        if (l->id && !l->closing)
            return l->id;
    }
    return 0;
}

struct media_port media_get_port(struct media *m) {
    return (struct media_port){
        .ctx = m,
        .open = media_open,
        .set = media_set,
        .play = media_play,
        .stop = media_stop,
        .join = media_join,
        .part = media_part,
        .send_digit = media_send_digit,
        .close = media_close,
        .prompt = media_prompt,
        .counters = media_counters,
        .leg = media_leg,
        .next_leg = media_next_leg,
    };
}

/* ---- events ---- */

static void on_closed(struct media *m, struct control_leg *l) {
    uint32_t id = l->id;
    struct media_stats stats = m->engine->leg[slot(m, l)].stats; /* the thread has let go of it */
    forget(m, l);
    if (m->sink.closed)
        m->sink.closed(m->sink.ctx, id, &stats);
}

static void on_event(struct media *m, const struct engine_event *event) {
    if (event->kind == EVENT_FREE_PROMPT) {
        prompt_free(event->pointer);
        return;
    }
    if (event->kind == EVENT_FREE_SET) {
        free(event->pointer);
        return;
    }
    struct control_leg *l = &m->leg[event->slot];
    if (event->kind == EVENT_CLOSED) {
        on_closed(m, l);
        return;
    }
    if (l->closing || l->id != event->leg)
        return;
    const struct media_sink *s = &m->sink;
    if (event->kind == EVENT_DIGIT && s->digit)
        s->digit(s->ctx, event->leg, event->digit, event->number);
    else if (event->kind == EVENT_PLAYED && s->played)
        s->played(s->ctx, event->leg, event->number);
    else if (event->kind == EVENT_SILENT && s->silent)
        s->silent(s->ctx, event->leg, event->number);
}

static void on_events(evutil_socket_t fd, short what, void *arg) {
    struct media *m = arg;
    struct engine_event event;
    uint64_t count;
    ssize_t n = read(m->engine->event_fd, &count, sizeof count);
    (void)n;
    for (int i = 0; i < EVENTS_PER_TURN; i++) {
        if (!ring_pop(&m->engine->events, &event))
            return;
        on_event(m, &event);
    }
    event_active(m->event, EV_READ, 0); /* the rest in the next turn */
}

static void on_loaded(evutil_socket_t fd, short what, void *arg) {
    control_prompts_loaded(arg);
}

/* ---- life ---- */

static int tell_timeout(struct media *m, const struct conf *conf) {
    struct command command = {.kind = COMMAND_TIMEOUT, .timeout_ms = conf->rtp_timeout_ms};
    return control_tell(m, &command);
}

/* What SDP says: the public address, else where we are bound. When that is every address, SIP puts in the one
 * by which the peer reaches us. */
static void choose_address(struct media *m, const struct conf *conf) {
    union latch_address own;
    int family = m->bind_address.any.sa_family;
    const char *public_address = conf->public_address ? conf->public_address : no_address;
    if (*public_address && terms_address(&own, public_address, 0, family) == 0)
        str_copy(m->sdp_address, sizeof m->sdp_address, public_address);
    else if (family == AF_INET6)
        inet_ntop(AF_INET6, &m->bind_address.v6.sin6_addr, m->sdp_address, sizeof m->sdp_address);
    else
        inet_ntop(AF_INET, &m->bind_address.v4.sin_addr, m->sdp_address, sizeof m->sdp_address);
}

static int make_tables(struct media *m, const struct conf *conf) {
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = loop_now_us() ^ (uint64_t)getpid() << 40;
    m->random = seed;
    int err = terms_address(&m->bind_address, conf->rtp_address, 0, 0);
    if (!err)
        err = port_pool_init(&m->ports, conf->rtp_port_min, conf->rtp_port_max, rng_next(&m->random));
    if (err)
        return err;
    choose_address(m, conf);
    m->capacity = m->ports.total < MAX_SLOTS ? m->ports.total : MAX_SLOTS;
    m->leg = calloc(m->capacity, sizeof *m->leg);
    m->free_slot = calloc(m->capacity, sizeof *m->free_slot);
    m->slot_of = calloc(1 << 20, sizeof *m->slot_of);
    if (!m->leg || !m->free_slot || !m->slot_of)
        return -ENOMEM;
    while (m->free_count < m->capacity) { /* lowest on top: memory stays dense */
        m->free_slot[m->free_count] = m->capacity - 1 - m->free_count;
        m->free_count++;
    }
    return 0;
}

int media_create(struct media **mp, struct loop *loop, const struct conf *conf) {
    struct media *m = calloc(1, sizeof *m);
    if (!m)
        return -ENOMEM;
    STAILQ_INIT(&m->backlog);
    law_init();
    int err = make_tables(m, conf);
    if (!err)
        err = prompt_library_create(&m->library);
    if (!err)
        err = loader_init(&m->loader);
    if (!err)
        err = engine_create(&m->engine, m->capacity);
    if (!err) {
        m->event = event_new(loop_base(loop), m->engine->event_fd, EV_READ | EV_PERSIST, on_events, m);
        m->retry = evtimer_new(loop_base(loop), on_retry, m);
        m->loaded = event_new(loop_base(loop), m->loader.done_fd, EV_READ | EV_PERSIST, on_loaded, m);
        err = m->event && m->retry && m->loaded && event_add(m->event, NULL) == 0 &&
                      event_add(m->loaded, NULL) == 0
                  ? 0
                  : -ENOMEM;
    }
    if (!err)
        err = engine_start(m->engine);
    if (!err)
        err = tell_timeout(m, conf);
    if (!err)
        err = control_read_prompts(m, conf->prompts_dir);
    if (err)
        media_destroy(m);
    else
        *mp = m;
    return err;
}

void media_start(struct media *m, const struct media_sink *sink) {
    m->sink = *sink;
}

int media_reload(struct media *m, const struct conf *conf) {
    int err = tell_timeout(m, conf);
    return err ? err : control_reload_prompts(m, conf->prompts_dir);
}

void media_destroy(struct media *m) {
    struct waiting *w;
    if (!m)
        return;
    while ((w = STAILQ_FIRST(&m->backlog))) {
        STAILQ_REMOVE_HEAD(&m->backlog, next);
        if (w->command.kind == COMMAND_PROMPTS)
            free(w->command.prompts);
        free(w);
    }
    if (m->event)
        event_free(m->event);
    if (m->retry)
        event_free(m->retry);
    if (m->loaded)
        event_free(m->loaded);
    loader_done(&m->loader);
    free(m->reload_folder);
    engine_destroy(m->engine);
    prompt_library_destroy(m->library);
    for (uint32_t i = 0; m->leg && i < m->capacity; i++)
        if (m->leg[i].id)
            socket_close_pair(m->leg[i].fd);
    port_pool_done(&m->ports);
    free(m->leg);
    free(m->free_slot);
    free(m->slot_of);
    free(m);
}
