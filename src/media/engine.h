/* SPDX-License-Identifier: Apache-2.0
 * The media thread. The control thread allocates (sockets, ports, prompts, slots) and sends commands; the
 * thread owns the legs, and neither allocates nor locks. Two rings are all they share.
 *
 * With more than a few legs the thread wakes each 4 ms and reads at most one packet per socket and wake-up
 * (more than twice as fast as they come, so queues drain, and a flood costs nothing). With few legs it sleeps
 * in epoll and relays at once; with none it sleeps until a command comes. */
#ifndef MEDIA_ENGINE_H
#define MEDIA_ENGINE_H

#include "media/leg.h"
#include "media/pace.h"
#include "media/ring.h"

#include <pthread.h>

enum command_kind {
    COMMAND_OPEN,
    COMMAND_SET,
    COMMAND_PLAY,
    COMMAND_STOP,
    COMMAND_JOIN,
    COMMAND_PART,
    COMMAND_DIGIT,
    COMMAND_CLOSE,
    COMMAND_PROMPTS,
    COMMAND_TIMEOUT,
    COMMAND_QUIT,
};
struct command {
    uint8_t kind;
    char digit;
    uint32_t slot;
    union {
        struct {
            uint32_t leg;
            int rtp_fd, rtcp_fd;
            uint64_t seed; /* for SSRC, first sequence number and timestamp */
        } open;
        struct leg_terms terms;
        struct media_play play;
        uint32_t other;             /* JOIN: slot */
        uint32_t duration_ms;       /* DIGIT */
        uint32_t timeout_ms;        /* TIMEOUT: silence to be told */
        struct prompt_set *prompts; /* PROMPTS: taken */
    };
};

enum engine_event_kind {
    EVENT_DIGIT,
    EVENT_PLAYED,
    EVENT_SILENT,
    EVENT_CLOSED, /* the thread does not touch the slot any more; stats may be read there */
    EVENT_FREE_PROMPT,
    EVENT_FREE_SET,
};
struct engine_event {
    uint8_t kind;
    char digit;
    uint32_t slot, leg;
    uint32_t number; /* play_id, milliseconds */
    void *pointer;
};

/* Written by the thread, read by anybody. */
struct engine_counters {
    _Atomic uint64_t packets_in, packets_out, dropped, late_ticks;
};

/* What a leg was doing when the thread last looked at it (several times a second); read by anybody. */
struct engine_seen {
    _Atomic uint32_t leg; /* the floor's number; another: not looked at yet */
    _Atomic uint32_t peer;
    _Atomic uint32_t heard_ms; /* of the thread's clock, cut off */
    _Atomic bool playing;
};

struct engine {
    struct ring commands, events;
    struct engine_counters counters;
    _Atomic bool asleep; /* the thread sleeps in epoll: a command must ring wake_fd */
    int wake_fd, event_fd, epoll_fd;
    pthread_t thread;
    bool started;
    _Atomic int priority_error; /* 0: the thread has raised priority; 1: not known yet */
    /* The thread's own. */
    struct leg *leg;
    struct engine_seen *seen; /* by slot */
    uint32_t capacity;
    uint32_t *active; /* slots in use */
    uint32_t active_count, scan_at;
    struct pace pace;
    struct prompt_set *prompts;
    struct prompt *retired;      /* nobody plays them; waiting for room in the ring */
    struct prompt_set *old_sets; /* likewise */
    uint32_t timeout_ms;
    uint32_t next_epoch;
    uint32_t owed; /* legs with an event that found the ring full */
    uint64_t now_us;
    uint64_t packets_in, packets_out, dropped, late_ticks;
    bool posted, quit;
    uint8_t buffer[2048];
};

/* capacity: legs. Nothing runs yet. */
int engine_create(struct engine **ep, uint32_t capacity);
int engine_start(struct engine *e);
/* Ends the thread if it runs, frees what it had. Descriptors of legs are the control thread's. */
void engine_destroy(struct engine *e);
/* Control thread. False: the ring is full. */
bool engine_command(struct engine *e, const struct command *command);
/* CPU time of the thread so far, for benches. */
uint64_t engine_cpu_ns(const struct engine *e);

/* ---- between the thread's own files ---- */

void engine_post(struct engine *e, const struct engine_event *event);
/* engine_command.c: carries out what has come. */
void engine_take_commands(struct engine *e);
/* To be called whenever what the leg is to send has changed: puts it into the pace or takes it out. */
void engine_repace(struct engine *e, struct leg *leg);
/* engine_receive.c: one round over the sockets that are ready, waiting at most timeout_us (0: not at all).
 * Returns how many were ready. */
int engine_receive(struct engine *e, uint64_t timeout_us);
/* Connects or disconnects the leg's socket as its latch demands. */
void engine_connect(struct engine *e, struct leg *leg);
void engine_disconnect(struct leg *leg);
/* engine_send.c */
void engine_send(struct engine *e, struct leg *leg, const uint8_t *packet, size_t length);
void engine_relay(struct engine *e, struct leg *from, uint8_t *data, const struct rtp_packet *packet,
                  int law);
/* One 20 ms frame of our own: digit, prompt or silence. */
void engine_frame(struct engine *e, struct leg *leg);
void engine_send_report(struct engine *e, struct leg *leg);
/* Each leg now and then: what is seen of it, latch window, silence, reports. */
void engine_check(struct engine *e, struct leg *leg);

static inline uint32_t engine_slot(const struct engine *e, const struct leg *leg) {
    return (uint32_t)(leg - e->leg);
}

#endif
