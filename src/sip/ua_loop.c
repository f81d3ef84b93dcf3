/* SPDX-License-Identifier: Apache-2.0
 *
 * Sofia inside our loop: its own epoll descriptor is watched by libevent, its timers are served by a loop
 * hook, and its clock is monotonic.
 *
 * Stock library, public interface but for two things: `_su_time` is exported and in no header, and the epoll
 * descriptor is found by comparing the process's epoll descriptors before and after. */
#include "sip/ua.h"
#include "sip/ua_leg.h"

#include <errno.h>
#include <event2/event.h>
#include <sofia-sip/su.h>
#include <sofia-sip/su_log.h>
#include <sofia-sip/su_time.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

enum {
    STEPS_MAX = 32,      /* of Sofia in one pump, then libevent gets a turn */
    SLEEP_MAX_MS = 5000, /* Sofia's deferrable timers want to be looked at now and then */
    FDS_LOOKED_AT = 1024,
};

/* Sofia's timers run on the wall clock: a step of it would freeze or expire them all. Ours starts at the wall
 * clock and follows CLOCK_MONOTONIC. */
extern void (*_su_time)(su_time_t *);
static su_time_t wall_start;
uint64_t ua_clock_ahead_ms;
static uint64_t mono_start_us;

static void steady_time(su_time_t *out) {
    if (!out)
        return;
    uint64_t us = loop_now_us() - mono_start_us + wall_start.tv_usec + ua_clock_ahead_ms * 1000;
    out->tv_sec = wall_start.tv_sec + (unsigned long)(us / 1000000);
    out->tv_usec = (unsigned long)(us % 1000000);
}

static void steady_time_start(void) {
    if (mono_start_us)
        return;
    su_time(&wall_start);
    mono_start_us = loop_now_us();
    _su_time = steady_time;
}

static void log_nothing(void *stream, char const *format, va_list args) {}

/* Which descriptors are epoll sets: epoll_wait() fails with EINVAL on others. */
static void find_epolls(bool is_epoll[FDS_LOOKED_AT]) {
    struct epoll_event event;
    for (int fd = 0; fd < FDS_LOOKED_AT; fd++)
        is_epoll[fd] = epoll_wait(fd, &event, 1, 0) >= 0;
}

static int create_root(struct ua *ua) {
    bool before[FDS_LOOKED_AT], after[FDS_LOOKED_AT];
    int found = -1, count = 0;
    find_epolls(before);
    ua->root = su_root_create(NULL);
    if (!ua->root)
        return -ENOMEM;
    find_epolls(after);
    for (int fd = 0; fd < FDS_LOOKED_AT; fd++)
        if (after[fd] && !before[fd])
            found = fd, count++;
    if (count != 1 || strcmp(su_root_name(ua->root), "epoll") != 0) {
        log_error("sip", "event=sofia_port_unknown port=%s", su_root_name(ua->root));
        return -ENOTSUP;
    }
    su_root_threading(ua->root, 0); /* or Sofia makes threads of its own */
    return found;
}

static void on_descriptor(evutil_socket_t fd, short what, void *arg) {
    ((struct ua *)arg)->ready = true;
}
static void on_kick(evutil_socket_t fd, short what, void *arg) {}

void ua_kick(struct ua *ua) {
    if (!ua->ready && !ua->pumping)
        event_active(ua->kick_event, EV_TIMEOUT, 0);
    ua->ready = true;
}

/* Runs what Sofia has ready; milliseconds until its next timer. */
static su_duration_t pump(struct ua *ua) {
    su_timer_queue_t *timers = su_task_timers(su_root_task(ua->root));
    su_duration_t next = 0;
    int due_twice = 0;
    struct ua_guard guard;
    /* volatile: they keep their values over an assertion that jumps back */
    volatile int step = 0;
    volatile bool more = true;
    while (more && step < STEPS_MAX) {
        if (UA_GUARD_ENTER(&guard)) {
            guard.timers = true;
            next = SU_DURATION_MAX;
            su_timer_expire(timers, &next, su_now());
            guard.timers = false;
            /* 0 means "did something", "has messages" or "a timer is due in under 1 ms" */
            more = su_root_step(ua->root, 0) == 0;
        }
        ua_guard_leave(&guard);
        step++;
        if (more && next <= 0 && ++due_twice > 1)
            break;
    }
    if (step == STEPS_MAX)
        return 0;
    next = SU_DURATION_MAX;
    if (UA_GUARD_ENTER(&guard)) {
        guard.timers = true;
        su_timer_expire(timers, &next, su_now());
    }
    ua_guard_leave(&guard);
    return next < SLEEP_MAX_MS ? next + 1 : SLEEP_MAX_MS; /* rounded up: never early, never spinning */
}

static uint64_t turn(void *arg, uint64_t loop_ms) {
    struct ua *ua = arg;
    uint64_t next, now_ms = ua_now_ms(ua);
    if (!ua->agent)
        return NEVER;
    ua->pumping = true;
    if (ua->ready || now_ms >= ua->next_ms) {
        ua->ready = false;
        su_duration_t in = pump(ua);
        ua->ready = ua->ready || in <= 0;
        ua->next_ms = now_ms + (uint64_t)(in > 0 ? in : 0);
    }
    next = ua->next_ms;
    if (ua->started) {
        uint64_t wants[] = {ua_bindings_tick(ua, now_ms), ua_trunks_tick(ua, now_ms),
                            ua_sessions_tick(ua, now_ms), ua_leg_probes_tick(ua, now_ms),
                            ua_connections_tick(ua, now_ms)};
        for (size_t i = 0; i < ARRAY_LEN(wants); i++)
            next = wants[i] < next ? wants[i] : next;
    }
    ua_legs_flush(ua);
    ua->pumping = false;
    return ua->ready ? loop_ms : next - ua_clock_ahead_ms;
}

int ua_loop_create(struct ua *ua) {
    int error = 0, fd;
    su_init();
    steady_time_start();
    su_log_redirect(NULL, log_nothing, NULL);
    su_log_set_level(NULL, 0);
    fd = create_root(ua);
    if (fd < 0)
        return fd;
    ua->fd_event = event_new(loop_base(ua->loop), fd, EV_READ | EV_PERSIST, on_descriptor, ua);
    ua->kick_event = evtimer_new(loop_base(ua->loop), on_kick, ua);
    if (!ua->fd_event || !ua->kick_event || event_add(ua->fd_event, NULL) < 0)
        return -ENOMEM;
    error = loop_add_hook(ua->loop, "sip", turn, ua);
    ua->ready = true;
    return error;
}

void ua_loop_destroy(struct ua *ua) {
    if (ua->fd_event)
        event_free(ua->fd_event);
    if (ua->kick_event)
        event_free(ua->kick_event);
    ua->fd_event = ua->kick_event = NULL;
    if (ua->root)
        su_root_destroy(ua->root);
    ua->root = NULL;
}
