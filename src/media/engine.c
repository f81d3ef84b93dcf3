/* SPDX-License-Identifier: Apache-2.0
 * The media thread: its life, its tick, its sleep. */
#include "media/engine.h"
#include "media/law.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    COMMAND_RING = 1024, /* per tick; more waits on the control thread's side */
    EVENT_RING = 4096,
    IMMEDIATE_LEGS = 16,  /* up to so many: relay at once instead of ticking */
    ROUNDS_PER_TICK = 24, /* in that mode; more is a flood and waits for the tick */
    SCAN_TICKS = 20,      /* each leg is looked at once in so many ticks */
    RAISED_NICE = -10,
    SLICE_NS = 100000,
};

static uint64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

bool engine_command(struct engine *e, const struct command *command) {
    if (!ring_push(&e->commands, command))
        return false;
    if (atomic_exchange(&e->asleep, false)) {
        uint64_t one = 1;
        ssize_t n = write(e->wake_fd, &one, sizeof one);
        (void)n; /* cannot fail but when it is readable anyway */
    }
    return true;
}

void engine_post(struct engine *e, const struct engine_event *event) {
    if (ring_push(&e->events, event)) {
        e->posted = true;
        return;
    }
    struct leg *leg = &e->leg[event->slot];
    switch ((enum engine_event_kind)event->kind) {
    case EVENT_PLAYED: /* the call would hang without it: told later */
        e->owed += !leg->owes_played && !leg->owes_closed;
        leg->owes_played = true;
        leg->owed_play_id = event->number;
        break;
    case EVENT_CLOSED:
        e->owed += !leg->owes_played && !leg->owes_closed;
        leg->owes_closed = true;
        leg->owes_played = false;
        break;
    case EVENT_DIGIT:
    case EVENT_SILENT:
        e->dropped++;
        break;
    case EVENT_FREE_PROMPT:
    case EVENT_FREE_SET:
        break; /* the caller keeps them */
    }
}

/* Events that found the ring full. */
static void pay_debts(struct engine *e) {
    for (uint32_t slot = 0; e->owed && slot < e->capacity; slot++) {
        struct leg *leg = &e->leg[slot];
        if (!leg->owes_played && !leg->owes_closed)
            continue;
        struct engine_event event = {.kind = leg->owes_closed ? EVENT_CLOSED : EVENT_PLAYED,
                                     .slot = slot,
                                     .leg = leg->id,
                                     .number = leg->owed_play_id};
        leg->owes_played = leg->owes_closed = false; /* after a CLOSED was taken the slot is not ours */
        e->owed--;
        engine_post(e, &event);
        if (leg->owes_played || leg->owes_closed)
            return;
    }
}

static void give_back(struct engine *e) {
    while (e->retired) {
        struct prompt *prompt = e->retired, *next = prompt->next;
        struct engine_event event = {.kind = EVENT_FREE_PROMPT, .pointer = prompt};
        if (!ring_push(&e->events, &event))
            return;
        e->posted = true;
        e->retired = next;
    }
    while (e->old_sets) {
        struct prompt_set *next = e->old_sets->next;
        struct engine_event event = {.kind = EVENT_FREE_SET, .pointer = e->old_sets};
        if (!ring_push(&e->events, &event))
            return;
        e->posted = true;
        e->old_sets = next;
    }
}

static void tell(struct engine *e) {
    if (e->owed)
        pay_debts(e);
    if (e->retired || e->old_sets)
        give_back(e);
    atomic_store_explicit(&e->counters.packets_in, e->packets_in, memory_order_relaxed);
    atomic_store_explicit(&e->counters.packets_out, e->packets_out, memory_order_relaxed);
    atomic_store_explicit(&e->counters.dropped, e->dropped, memory_order_relaxed);
    atomic_store_explicit(&e->counters.late_ticks, e->late_ticks, memory_order_relaxed);
    if (e->posted) {
        uint64_t one = 1;
        ssize_t n = write(e->event_fd, &one, sizeof one);
        (void)n;
        e->posted = false;
    }
}

static void run_tick(struct engine *e, uint32_t phase) {
    struct pace *pace = &e->pace;
    for (uint32_t i = pace->count[phase]; i-- > 0;) /* backwards: a leg may leave the pace meanwhile */
        if (i < pace->count[phase])
            engine_frame(e, &e->leg[pace->slot[phase][i]]);
    uint32_t checks = (e->active_count + SCAN_TICKS - 1) / SCAN_TICKS;
    while (checks--) {
        if (e->scan_at >= e->active_count)
            e->scan_at = 0;
        engine_check(e, &e->leg[e->active[e->scan_at++]]);
    }
}

static void run_ticks(struct engine *e) {
    uint32_t phase;
    for (;;) {
        uint64_t due_us = e->pace.due_us;
        if (!pace_next(&e->pace, e->now_us, &phase, &e->late_ticks))
            break;
        if (e->pace.count[phase] && e->now_us > due_us + PACE_TICK_US)
            e->late_ticks++;
        run_tick(e, phase);
    }
}

static void sleep_until(uint64_t at_us) {
    struct timespec t = {(time_t)(at_us / 1000000), (long)(at_us % 1000000) * 1000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

/* Sleeps in epoll unless a command has come in the meantime. */
static void wait_in_epoll(struct engine *e, uint64_t timeout_us) {
    atomic_store(&e->asleep, true);
    if (!ring_is_empty(&e->commands))
        timeout_us = 0;
    engine_receive(e, timeout_us);
    atomic_store(&e->asleep, false);
}

static void work_at_once(struct engine *e) {
    int rounds = 0;
    do {
        uint64_t wake_us = pace_wake_us(&e->pace);
        wait_in_epoll(e, wake_us > e->now_us ? wake_us - e->now_us : 0);
        tell(e);
        engine_take_commands(e);
    } while (e->now_us < e->pace.due_us && ++rounds < ROUNDS_PER_TICK);
    if (rounds == ROUNDS_PER_TICK)
        sleep_until(e->pace.due_us);
    e->now_us = now_us();
    run_ticks(e);
    tell(e);
}

static void work_by_tick(struct engine *e) {
    sleep_until(e->pace.due_us);
    e->now_us = now_us();
    engine_take_commands(e);
    engine_receive(e, 0);
    run_ticks(e);
    tell(e);
}

/* Small slice and raised nice value keep the delay low when the machine is busy (facts: p99 4.1 -> 0.9 ms).
 * Both are wishes. */
static int raise_priority(void) {
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attr = {.size = 48, .policy = SCHED_OTHER, .nice = RAISED_NICE, .runtime = SLICE_NS};
    if (syscall(SYS_sched_setattr, 0, &attr, 0) == 0)
        return 0;
    int err = -errno;
    attr.nice = 0;
    syscall(SYS_sched_setattr, 0, &attr, 0);
    return err;
}

static void *run(void *arg) {
    struct engine *e = arg;
    atomic_store(&e->priority_error, raise_priority());
    while (!e->quit) {
        e->now_us = now_us();
        engine_take_commands(e);
        if (e->active_count == 0) {
            tell(e);
            if (!e->quit)
                wait_in_epoll(e, UINT64_MAX);
            pace_restart(&e->pace, now_us());
        } else if (e->active_count <= IMMEDIATE_LEGS) {
            work_at_once(e);
        } else {
            work_by_tick(e);
        }
    }
    tell(e);
    return NULL;
}

/* Pages are taken when a leg is first used, and cache lines do not straddle legs. */
static struct leg *map_legs(uint32_t capacity) {
    void *p =
        mmap(NULL, capacity * sizeof(struct leg), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

int engine_create(struct engine **ep, uint32_t capacity) {
    struct engine *e = NULL;
    int err = posix_memalign((void **)&e, 64, sizeof *e);
    if (err)
        return -err;
    *e = (struct engine){.wake_fd = -1, .event_fd = -1, .epoll_fd = -1, .capacity = capacity};
    atomic_init(&e->priority_error, 1);
    e->next_epoch = RTP_SOURCE_FIRST_EPOCH;
    e->leg = map_legs(capacity);
    e->active = calloc(capacity, sizeof *e->active);
    e->seen = calloc(capacity, sizeof *e->seen);
    err = e->leg && e->active && e->seen ? 0 : -ENOMEM;
    if (!err)
        err = pace_init(&e->pace, capacity);
    if (!err)
        err = ring_init(&e->commands, COMMAND_RING, sizeof(struct command));
    if (!err)
        err = ring_init(&e->events, EVENT_RING, sizeof(struct engine_event));
    if (!err) {
        struct epoll_event wake = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
        e->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        e->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (e->wake_fd < 0 || e->event_fd < 0 || e->epoll_fd < 0 ||
            epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, e->wake_fd, &wake) < 0)
            err = -errno;
    }
    if (err)
        engine_destroy(e);
    else
        *ep = e;
    return err;
}

int engine_start(struct engine *e) {
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old); /* signals are the control thread's */
    int err = pthread_create(&e->thread, NULL, run, e);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    e->started = err == 0;
    if (e->started)
        pthread_setname_np(e->thread, "media");
    return -err;
}

static void close_fd(int fd) {
    if (fd >= 0)
        close(fd);
}

void engine_destroy(struct engine *e) {
    struct engine_event event;
    struct command command = {.kind = COMMAND_QUIT};
    if (!e)
        return;
    if (e->started) {
        while (!engine_command(e, &command)) /* full: it empties the ring each tick */
            sleep_until(now_us() + PACE_TICK_US);
        pthread_join(e->thread, NULL);
    }
    for (uint32_t i = 0; e->leg && i < e->active_count; i++)
        play_stop(&e->leg[e->active[i]].play, &e->retired);
    while (e->events.items && ring_pop(&e->events, &event)) {
        if (event.kind == EVENT_FREE_PROMPT)
            prompt_free(event.pointer);
        else if (event.kind == EVENT_FREE_SET)
            free(event.pointer);
    }
    while (e->retired) {
        struct prompt *next = e->retired->next;
        prompt_free(e->retired);
        e->retired = next;
    }
    while (e->old_sets) {
        struct prompt_set *next = e->old_sets->next;
        free(e->old_sets);
        e->old_sets = next;
    }
    free(e->prompts);
    ring_done(&e->commands);
    ring_done(&e->events);
    pace_done(&e->pace);
    close_fd(e->wake_fd);
    close_fd(e->event_fd);
    close_fd(e->epoll_fd);
    free(e->active);
    free(e->seen);
    if (e->leg)
        munmap(e->leg, e->capacity * sizeof *e->leg);
    free(e);
}

uint64_t engine_cpu_ns(const struct engine *e) {
    clockid_t id;
    struct timespec t = {0};
    if (e->started && pthread_getcpuclockid(e->thread, &id) == 0)
        clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}
