/* SPDX-License-Identifier: Apache-2.0
 * Virtual time: a heap of things to come, one seed, one hash of everything that happened. */
#include "sim/world.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world_event {
    uint64_t at_us, sequence;
    world_fn *fn;
    uint64_t a, b;
};

uint64_t world_now_us(const struct world *w) {
    return w->now_us;
}

void world_hash(struct world *w, const void *data, size_t size) {
    const unsigned char *p = data; /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        w->hash = (w->hash ^ p[i]) * 0x100000001b3u;
}

void world_broken(struct world *w, const char *format, ...) {
    va_list args;
    if (w->broken)
        return;
    va_start(args, format);
    vsnprintf(w->broken_text, sizeof w->broken_text, format, args);
    va_end(args);
    w->broken = w->broken_text;
    w->broken_at_ms = w->now_us / 1000;
}

/* ---- things to come ---- */

static bool before(const struct world_event *a, const struct world_event *b) {
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->sequence < b->sequence;
}

void world_at(struct world *w, uint64_t in_us, world_fn *fn, uint64_t a, uint64_t b) {
    if (w->heap_count == w->heap_capacity) {
        uint32_t capacity = w->heap_capacity ? 2 * w->heap_capacity : 1024;
        struct world_event *heap = realloc(w->heap, capacity * sizeof *heap);
        if (!heap) {
            world_broken(w, "the simulator ran out of memory");
            return;
        }
        w->heap = heap;
        w->heap_capacity = capacity;
    }
    struct world_event event = {w->now_us + in_us, ++w->sequence, fn, a, b};
    uint32_t at = w->heap_count++;
    while (at && before(&event, &w->heap[(at - 1) / 2])) {
        w->heap[at] = w->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    w->heap[at] = event;
}

static struct world_event take(struct world *w) {
    struct world_event first = w->heap[0], last = w->heap[--w->heap_count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= w->heap_count)
            break;
        if (child + 1 < w->heap_count && before(&w->heap[child + 1], &w->heap[child]))
            child++;
        if (!before(&w->heap[child], &last))
            break;
        w->heap[at] = w->heap[child];
        at = child;
    }
    w->heap[at] = last;
    return first;
}

struct fake_leg *world_leg(struct world *w, uint32_t id) {
    uint32_t index = slot_index(id);
    if (index >= w->leg_capacity) {
        uint32_t capacity = w->leg_capacity ? 2 * w->leg_capacity : 4096;
        while (capacity <= index)
            capacity *= 2;
        struct fake_leg *leg = realloc(w->leg, capacity * sizeof *leg);
        if (!leg)
            abort();
        memset(leg + w->leg_capacity, 0, (capacity - w->leg_capacity) * sizeof *leg);
        w->leg = leg;
        w->leg_capacity = capacity;
    }
    return &w->leg[index];
}

uint64_t world_stream(const struct world *w, const struct world_call *call, enum world_stream what) {
    uint64_t own =
        call->caller ? w->plan->caller[call->caller - 1].stream : draw_key(w->seed, 0, call->person);
    return draw_key(own, what, call->attempt);
}

bool world_twice(struct world *w) {
    return w->scenario.faults.duplicate > 0 && draw_chance(&w->noise, w->scenario.faults.duplicate);
}

bool world_untold(struct world *w) {
    return w->scenario.faults.lost_report > 0 && draw_chance(&w->noise, w->scenario.faults.lost_report);
}

/* ---- life ---- */

static uint64_t clock_now(void *ctx) {
    return ((struct world *)ctx)->now_us;
}

static uint64_t clock_wall(void *ctx) {
    const struct world *w = ctx;
    return w->wall0_us + w->now_us + (uint64_t)w->wall_jump_us;
}

struct floor *world_floor(struct world *w) {
    return w->floor;
}

const struct conf *world_conf(const struct world *w) {
    return w->conf;
}

const struct tally *world_tally(const struct world *w) {
    return w->tally;
}

bool world_row_is_first(const struct world *w) {
    return w->row_first;
}

void world_watch_rows(struct world *w, void (*fn)(void *arg, const struct record *row), void *arg) {
    w->row_fn = fn;
    w->row_arg = arg;
}

static int find_routes(struct world *w) {
    const struct plan *plan = w->plan;
    w->route = calloc(plan->way_count + 1, sizeof *w->route);
    w->routed = calloc(plan->way_count + 1, sizeof *w->routed);
    w->last_agent = calloc(plan->persons + 1, sizeof *w->last_agent);
    if (!w->route || !w->routed || !w->last_agent)
        return -ENOMEM;
    for (uint32_t i = 0; i < plan->way_count; i++)
        w->routed[i] = plan_route(w->conf, &plan->way[i], &w->route[i]);
    return 0;
}

int world_create_planned(struct world **wp, const struct conf *conf, const struct scenario *scenario,
                         const struct plan *plan, uint64_t seed) {
    struct world *w = calloc(1, sizeof *w);
    int err = -ENOMEM;
    if (!w)
        return -ENOMEM;
    w->conf = conf;
    w->plan = plan;
    w->scenario = *scenario;
    w->seed = seed;
    w->noise = draw_key(seed, STREAM_FAULT, 0);
    w->hash = 0xcbf29ce484222325u;
    w->now_us = w->start_us = 3600 * 1000000ull; /* so that nothing lies before 0 */
    w->wall0_us = plan->wall_us - w->now_us;
    w->first_id = record_first_id(conf->node, clock_wall(w) / 1000);
    struct floor_setup setup = {.conf = conf,
                                .ua = fake_ua(w),
                                .media = fake_media(w),
                                .store = fake_store(w),
                                .clock = {w, clock_now, clock_wall},
                                .first_id = w->first_id,
                                .seed = seed};
    if ((err = tally_create(&w->tally, w->now_us, plan->day_us, scenario->interval_us)) ||
        (err = agent_grow(w)) || (err = find_routes(w)) || (err = floor_create(&w->floor, &setup)))
        goto fail;
    w->ua = floor_ua_sink(w->floor);
    w->media = floor_media_sink(w->floor);
    w->store = floor_store_sink(w->floor);
    *wp = w;
    return 0;
fail:
    world_destroy(w);
    return err;
}

int world_create(struct world **wp, const struct conf *conf, const struct scenario *scenario, uint64_t seed) {
    struct plan *plan = NULL;
    int err = plan_make(&plan, conf, scenario, seed);
    if (!err)
        err = world_create_planned(wp, conf, scenario, plan, seed);
    if (err)
        plan_free(plan);
    else
        (*wp)->own_plan = plan;
    return err;
}

void world_destroy(struct world *w) {
    if (!w)
        return;
    floor_destroy(w->floor);
    truth_done(w);
    tally_free(w->tally);
    plan_free(w->own_plan);
    for (uint32_t i = 0; i < w->reloaded_count; i++)
        conf_free(w->reloaded[i]);
    free(w->reloaded);
    free(w->heap);
    free(w->leg);
    free(w->agent);
    free(w->route);
    free(w->routed);
    free(w->last_agent);
    free(w->waiting);
    free(w->row);
    free(w);
}

/* ---- the day ---- */

/* One event: the next of the world's or the floor's own deadline, whichever is earlier. False: none left. */
static bool step(struct world *w, uint64_t until_us) {
    const struct faults *faults = &w->scenario.faults;
    uint64_t deadline_ms = floor_deadline(w->floor),
             floor_us = deadline_ms == NEVER ? NEVER : deadline_ms * 1000;
    uint64_t world_us = w->heap_count ? w->heap[0].at_us : NEVER;
    /* a busy loop is late: what comes meanwhile is looked at before what was due */
    if (floor_us != NEVER && faults->late_loop > 0 && draw_chance(&w->noise, faults->late_loop))
        floor_us += draw_below(&w->noise, faults->late_loop_us);
    uint64_t at_us = floor_us < world_us ? floor_us : world_us;
    if (at_us == NEVER || at_us > until_us)
        return false;
    if (at_us > w->now_us)
        w->now_us = at_us;
    if (world_us <= floor_us) {
        struct world_event event = take(w);
        event.fn(w, event.a, event.b);
    }
    floor_turn(w->floor);
    w->events++;
    if (w->scenario.check) {
        const char *wrong = floor_check(w->floor);
        if (wrong)
            world_broken(w, "%s", wrong);
    }
    return !w->broken;
}

static void gone_home(void *arg, const struct floor_agent_view *agent) {
    if (agent->acd.presence != ACD_LOGGED_OUT || agent->acd.activity != ACD_IDLE)
        world_broken(arg, "agent %s is not logged out and idle after everybody went home", agent->id);
}

static void look_around(struct world *w) {
    uint64_t open = fake_store_open_rows(w);
    if (floor_calls(w->floor))
        world_broken(w, "%u calls are left after everybody went home", floor_calls(w->floor));
    if (w->ports_in_use)
        world_broken(w, "%u media legs are left after everybody went home", w->ports_in_use);
    floor_each_agent(w->floor, gone_home, w);
    if (open)
        world_broken(w, "%llu rows are open after everybody went home", (unsigned long long)open);
}

void world_run(struct world *w, struct world_result *result) {
    uint64_t end_us = w->start_us + w->plan->day_us;
    struct floor_counters counters;
    caller_start(w);
    agent_start(w, 1);
    act_start(w);
    fault_start(w);
    while (step(w, end_us))
        ;
    if (!w->broken && w->now_us < end_us)
        w->now_us = end_us;
    w->closing = true;
    floor_counters(w->floor, &counters);
    while (!w->broken && counters.waiting && step(w, end_us + w->plan->close_us))
        floor_counters(w->floor, &counters);
    agent_go_home(w);
    while (!w->broken && step(w, w->now_us + 4 * 3600 * 1000000ull))
        ;
    if (!w->broken)
        look_around(w);
    floor_counters(w->floor, &counters);
    const struct tally_queue *all = &w->tally->queue[0];
    *result = (struct world_result){
        .events = w->events,
        .rows = w->rows,
        .row_errors = w->row_errors,
        .hash = w->hash,
        .calls = counters.calls_total,
        .refused = counters.refused_total,
        .virtual_ms = (w->now_us - w->start_us) / 1000,
        .answered = all->day.answered,
        .abandoned = all->day.abandoned,
        .other = all->day.other,
        .wait_ms_sum = all->day.answered_wait_ms,
        .in_time = all->day.answered_in_time,
        .unplaced = w->unplaced,
        .broken = w->broken,
        .broken_at_ms = w->broken_at_ms,
    };
}
