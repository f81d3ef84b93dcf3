/* SPDX-License-Identifier: Apache-2.0
 * Virtual time: a heap of things to come, one seed, one hash of everything that happened. */
#include "sim/world.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world_event {
    uint64_t at_us, sequence;
    world_fn *fn;
    uint64_t a, b;
};

const struct scenario scenario_default = {
    .day_ms = 24 * 3600 * 1000,
    .calls = 20000,
    .talk_mean_ms = 100000,
    .patience_mean_ms = 120000,
    .answer_mean_ms = 4000,
    .wrap_done_share = 0.3,
    .no_answer = 0.02,
    .reject = 0.01,
    .busy = 0.01,
    .unreachable_per_hour = 0.1,
    .pause_per_hour = 0.5,
    .hold_share = 0.1,
    .late_answer_share = 0.2,
    .own_call_per_hour = 0.2,
    .database_away_share = 0.02,
    .reloads = 4,
    .check = true,
};

uint64_t world_now_us(const struct world *w) {
    return w->now_us;
}

double world_unit(struct world *w) {
    return rng_unit(&w->rng);
}

double world_exp(struct world *w, double mean) {
    return -mean * log(1 - world_unit(w));
}

bool world_chance(struct world *w, double share) {
    return world_unit(w) < share;
}

void world_hash(struct world *w, const void *data, size_t size) {
    const unsigned char *p = data; /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        w->hash = (w->hash ^ p[i]) * 0x100000001b3u;
}

void world_broken(struct world *w, const char *what) {
    if (w->broken)
        return;
    snprintf(w->broken_text, sizeof w->broken_text, "%s", what);
    w->broken = w->broken_text;
    w->broken_at_ms = w->now_us / 1000;
}

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
        uint32_t capacity = w->leg_capacity ? 2 * w->leg_capacity : WORLD_LEGS;
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

static uint64_t clock_now(void *ctx) {
    return ((struct world *)ctx)->now_us;
}

static uint64_t clock_wall(void *ctx) {
    const struct world *w = ctx;
    return w->wall0_us + w->now_us;
}

struct floor *world_floor(struct world *w) {
    return w->floor;
}

int world_create(struct world **wp, const struct conf *conf, const struct scenario *scenario, uint64_t seed) {
    struct world *w = calloc(1, sizeof *w);
    int err = -ENOMEM;
    if (!w)
        return -ENOMEM;
    w->conf = conf;
    w->scenario = *scenario;
    w->rng = seed;
    w->hash = 0xcbf29ce484222325u;
    w->now_us = 3600 * 1000000ull;         /* so that nothing lies before 0 */
    w->wall0_us = 1772409600ull * 1000000; /* 2026-03-02 00:00 UTC, less what has passed */
    w->wall0_us -= w->now_us;
    w->binding = calloc(conf->agent_count + 1, sizeof *w->binding);
    if (!w->binding)
        goto fail;
    struct floor_setup setup = {.conf = conf,
                                .ua = fake_ua(w),
                                .media = fake_media(w),
                                .store = fake_store(w),
                                .clock = {w, clock_now, clock_wall},
                                .first_id = record_first_id(conf->node, clock_wall(w) / 1000),
                                .seed = seed};
    err = floor_create(&w->floor, &setup);
    if (err)
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

void world_destroy(struct world *w) {
    if (!w)
        return;
    floor_destroy(w->floor);
    fake_store_done(w);
    free(w->heap);
    free(w->leg);
    free(w->binding);
    free(w);
}

/* One event: the next of the world's or the floor's own deadline, whichever is earlier. False: none left. */
static bool step(struct world *w, uint64_t until_us) {
    uint64_t deadline_ms = floor_deadline(w->floor),
             floor_us = deadline_ms == NEVER ? NEVER : deadline_ms * 1000;
    uint64_t world_us = w->heap_count ? w->heap[0].at_us : NEVER;
    /* a busy loop is late: what comes meanwhile is looked at before what was due */
    if (floor_us != NEVER && world_chance(w, 0.1))
        floor_us += (uint64_t)(world_unit(w) * 20000);
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
            world_broken(w, wrong);
    }
    return !w->broken;
}

static void gone_home(void *arg, const struct floor_agent_view *agent) {
    if (agent->acd.presence != ACD_LOGGED_OUT || agent->acd.activity != ACD_IDLE)
        world_broken(arg, "an agent is not logged out and idle after everybody went home");
}

void world_run(struct world *w, struct world_result *result) {
    uint64_t start_us = w->now_us, open, total;
    traffic_start(w);
    while (step(w, start_us + w->scenario.day_ms * 1000))
        ;
    if (!w->broken) {
        traffic_close(w);
        while (step(w, w->now_us + 4 * 3600 * 1000000ull))
            ;
    }
    if (!w->broken && floor_calls(w->floor))
        world_broken(w, "calls are left after everybody went home");
    if (!w->broken && w->ports_in_use)
        world_broken(w, "media legs are left after everybody went home");
    if (!w->broken)
        floor_each_agent(w->floor, gone_home, w);
    open = fake_store_open_rows(w, &total);
    if (!w->broken && open) {
        char text[80];
        snprintf(text, sizeof text, "%llu rows are open after everybody went home", (unsigned long long)open);
        world_broken(w, text);
    }
    struct floor_counters counters;
    floor_counters(w->floor, &counters);
    *result = (struct world_result){
        .events = w->events,
        .rows = w->rows,
        .row_errors = w->row_errors,
        .hash = w->hash,
        .calls = counters.calls_total,
        .refused = counters.refused_total,
        .virtual_ms = (w->now_us - start_us) / 1000,
        .answered = w->answered,
        .abandoned = w->abandoned,
        .other = w->other,
        .wait_ms_sum = w->wait_ms_sum,
        .in_time = w->in_time,
        .broken = w->broken,
        .broken_at_ms = w->broken_at_ms,
    };
}
