/* SPDX-License-Identifier: Apache-2.0
 * The loop, its hooks and deferred functions. */
#include "callfloor/loop.h"
#include "callfloor/log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_HOOKS = 8, MAX_ROUNDS = 16, SLOW_MS = 200 };

struct deferred {
    struct deferred *next;
    void (*fn)(void *);
    void *arg;
};

struct loop {
    struct event_base *base;
    struct event *timer;
    uint64_t armed_ms; /* when the timer fires; NEVER = not armed */
    struct {
        const char *name;
        loop_hook_fn *fn;
        void *arg;
    } hook[MAX_HOOKS];
    int hooks;
    bool stop, again;
    struct deferred *deferred, **deferred_tail;
};

static uint64_t read_us(clockid_t which) {
    struct timespec t;
    clock_gettime(which, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}
static uint64_t mono_us(void *ctx) {
    return read_us(CLOCK_MONOTONIC);
}
static uint64_t wall_us(void *ctx) {
    return read_us(CLOCK_REALTIME);
}
struct clock_port loop_clock(void) {
    return (struct clock_port){NULL, mono_us, wall_us};
}
uint64_t loop_now_us(void) {
    return read_us(CLOCK_MONOTONIC);
}
uint64_t loop_now_ms(void) {
    return read_us(CLOCK_MONOTONIC) / 1000;
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    struct loop *loop = arg;
    loop->armed_ms = NEVER;
}

int loop_create(struct loop **lp) {
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return -ENOMEM;
    struct event_config *config = event_config_new();
    if (config) {
        /* epoll's own timeouts are in whole ms; the precise timer costs a timerfd call per turn */
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
        loop->base = event_base_new_with_config(config);
        event_config_free(config);
    }
    loop->timer = loop->base ? evtimer_new(loop->base, on_timer, loop) : NULL;
    loop->armed_ms = NEVER;
    loop->deferred_tail = &loop->deferred;
    if (!loop->timer) {
        loop_destroy(loop);
        return -ENOMEM;
    }
    *lp = loop;
    return 0;
}

static void run_deferred(struct loop *loop) {
    while (loop->deferred) {
        struct deferred *d = loop->deferred;
        loop->deferred = d->next;
        if (!loop->deferred)
            loop->deferred_tail = &loop->deferred;
        d->fn(d->arg);
        free(d);
    }
}

void loop_destroy(struct loop *loop) {
    if (!loop)
        return;
    run_deferred(loop);
    if (loop->timer)
        event_free(loop->timer);
    if (loop->base)
        event_base_free(loop->base);
    free(loop);
}

struct event_base *loop_base(struct loop *loop) {
    return loop->base;
}

int loop_add_hook(struct loop *loop, const char *name, loop_hook_fn *fn, void *arg) {
    if (loop->hooks == MAX_HOOKS)
        return -ENOSPC;
    loop->hook[loop->hooks].name = name;
    loop->hook[loop->hooks].fn = fn;
    loop->hook[loop->hooks++].arg = arg;
    return 0;
}

void loop_again(struct loop *loop) {
    loop->again = true;
}

int loop_defer(struct loop *loop, void (*fn)(void *), void *arg) {
    struct deferred *d = malloc(sizeof *d);
    if (!d)
        return -ENOMEM;
    *d = (struct deferred){NULL, fn, arg};
    *loop->deferred_tail = d;
    loop->deferred_tail = &d->next;
    return 0;
}

/* Runs the hooks until none is due; returns the earliest deadline. */
static uint64_t run_hooks(struct loop *loop) {
    uint64_t next = NEVER, now = loop_now_ms();
    for (int round = 0; round < MAX_ROUNDS; round++) {
        next = NEVER;
        for (int i = 0; i < loop->hooks; i++) {
            uint64_t wants = loop->hook[i].fn(loop->hook[i].arg, now), after = loop_now_ms();
            if (after - now > SLOW_MS)
                log_warn("loop", "event=slow_turn hook=%s took_ms=%llu", loop->hook[i].name,
                         (unsigned long long)(after - now));
            now = after;
            if (wants < next)
                next = wants;
        }
        if (next > now && !loop->again)
            break;
        loop->again = false;
    }
    return next;
}

static void arm(struct loop *loop, uint64_t at_ms) {
    if (at_ms == NEVER || (loop->armed_ms != NEVER && loop->armed_ms <= at_ms))
        return; /* an early wake-up is cheaper than moving the timer each turn */
    uint64_t now = loop_now_ms(), in = at_ms > now ? at_ms - now : 0;
    struct timeval tv = {(time_t)(in / 1000), (suseconds_t)(in % 1000 * 1000)};
    event_add(loop->timer, &tv);
    loop->armed_ms = at_ms;
}

int loop_run(struct loop *loop) {
    loop->stop = false;
    while (!loop->stop) {
        arm(loop, run_hooks(loop));
        run_deferred(loop);
        if (loop->stop)
            break;
        if (event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY) < 0)
            return -EIO;
    }
    return 0;
}

void loop_stop(struct loop *loop) {
    loop->stop = true;
    event_base_loopbreak(loop->base);
}
