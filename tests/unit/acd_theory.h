/* SPDX-License-Identifier: Apache-2.0
 *
 * acd_theory: the distributor as a textbook wants it. Calls come at random (Poisson), handles and patience
 * are exponential, phones are answered in the moment they ring, there is no wrap-up. Time runs in fractions
 * of a millisecond; the distributor is told whole ones, so that many events share one, as in a busy center.
 *
 * Error of a result. The calls are cut into batches by order of arrival. A result is a ratio of two sums over
 * all calls (say, waits by calls). What each batch's sum is off the ratio gives a variance; neighbours are
 * not quite independent (a long line outlives its batch), so it is enlarged by (1 + r) / (1 - r), where r is
 * the correlation of neighbouring batches, if that is above 0. The root of it by the number of batches is the
 * error (one sigma).
 */
#ifndef ACD_THEORY_H
#define ACD_THEORY_H

#include "acd_world.h"

#include <assert.h>
#include <math.h>

enum { THEORY_BATCHES = 40, THEORY_QUEUES = 8, THEORY_CALLS_AT_ONCE = 1 << 16, THEORY_WATCHED = 20 };

struct theory_batch { /* sums over the calls of one queue that came in one part of the run */
    double offered, waited, in_time, answered, abandoned, refused, wait_s, answer_s;
};

struct theory {
    /* what to play */
    struct conf *conf;
    double per_s[THEORY_QUEUES + 1]; /* arrivals, by queue number */
    double handling_s, patience_s;   /* patience 0: for ever */
    double target_s;
    uint32_t trunks; /* more calls than that are refused before they reach the distributor; 0: any number */
    uint64_t calls, warm_up, seed;
    /* what came of it */
    struct theory_batch batch[THEORY_QUEUES + 1][THEORY_BATCHES];
    double answered_by[THEORY_WATCHED + 1][THEORY_BATCHES]; /* by agent, of all queues; the first ones */
    uint64_t steps, checks;
};

/* ---- what will happen: a heap by time ---- */

enum theory_what { THEORY_CALLS, THEORY_GIVES_UP, THEORY_HANDLED };
struct theory_event {
    double at;
    enum theory_what what;
    uint64_t id;
};
struct theory_call {
    uint64_t id; /* 0 = gone */
    double at;
    uint32_t queue;
    int64_t batch; /* below 0: not counted */
    bool at_once;  /* still in the step in which it came */
};
struct theory_run {
    struct theory *t;
    struct acd *acd;
    struct acd_effects fx;
    struct theory_event *heap;
    size_t count, capacity;
    struct theory_call *call; /* by number & mask */
    double now;
    uint64_t rng, came, in_system;
    uint64_t open; /* open: counted calls that have no result yet */
};

static inline void theory_plan(struct theory_run *run, double at, enum theory_what what, uint64_t id) {
    if (run->count == run->capacity) {
        run->capacity = run->capacity ? 2 * run->capacity : 1024;
        run->heap = realloc(run->heap, run->capacity * sizeof *run->heap);
    }
    size_t i = run->count++;
    for (; i && run->heap[(i - 1) / 2].at > at; i = (i - 1) / 2)
        run->heap[i] = run->heap[(i - 1) / 2];
    run->heap[i] = (struct theory_event){at, what, id};
}

static inline struct theory_event theory_next(struct theory_run *run) {
    struct theory_event first = run->heap[0], last = run->heap[--run->count];
    size_t i = 0;
    for (size_t child = 1; child < run->count; child = 2 * i + 1) {
        if (child + 1 < run->count && run->heap[child + 1].at < run->heap[child].at)
            child++;
        if (last.at <= run->heap[child].at)
            break;
        run->heap[i] = run->heap[child];
        i = child;
    }
    run->heap[i] = last;
    return first;
}

static inline double theory_after(struct theory_run *run, double mean_s) {
    return run->now - 1000 * mean_s * log1p(-rng_unit(&run->rng));
}

/* ---- the distributor: told what happens, its wishes carried out at once ---- */

static inline void theory_count(struct theory_run *run, const struct acd_effect *fx) {
    struct theory_call *call = &run->call[fx->call % THEORY_CALLS_AT_ONCE];
    assert(call->id == fx->call && call->queue == fx->queue);
    run->in_system -= fx->visit_result != ACD_VISIT_ANSWERED;
    double wait_s = (run->now - call->at) / 1000;
    call->id = 0;
    if (call->batch < 0)
        return;
    run->open--;
    struct theory_batch *sum = &run->t->batch[call->queue][call->batch];
    sum->offered++;
    if (fx->visit_result == ACD_VISIT_FULL) {
        sum->refused++;
        return;
    }
    sum->waited += !call->at_once;
    sum->wait_s += wait_s;
    if (fx->visit_result == ACD_VISIT_ABANDONED) {
        sum->abandoned++;
        return;
    }
    assert(fx->visit_result == ACD_VISIT_ANSWERED);
    sum->answered++;
    sum->answer_s += wait_s;
    if (fx->agent <= THEORY_WATCHED)
        run->t->answered_by[fx->agent][call->batch]++;
    sum->in_time += wait_s <= run->t->target_s;
}

static inline void theory_step(struct theory_run *run, struct acd_event event) {
    event.now_ms = (uint64_t)run->now;
    run->fx.count = 0;
    for (uint32_t done = 0;; done++) {
        int rc = acd_step(run->acd, &event, &run->fx);
        /* of several phones that ring for a call only the first answers */
        assert(!rc || (rc == -ESTALE && event.type == ACD_EV_OFFER_ANSWERED));
        run->t->steps++;
        const struct acd_effect *fx = NULL;
        for (; done < run->fx.count; done++) {
            fx = &run->fx.item[done];
            if (fx->type == ACD_FX_OFFER)
                break;
            if (fx->type == ACD_FX_VISIT_END)
                theory_count(run, fx);
            else if (fx->type == ACD_FX_CONNECT)
                theory_plan(run, theory_after(run, run->t->handling_s), THEORY_HANDLED, fx->agent);
        }
        if (done == run->fx.count)
            return;
        event = (struct acd_event){
            .type = ACD_EV_OFFER_ANSWERED, .now_ms = (uint64_t)run->now, .offer = fx->offer};
    }
}

static inline double theory_rate(const struct theory *t) {
    double sum = 0;
    for (uint32_t q = 1; q <= t->conf->queue_count; q++)
        sum += t->per_s[q];
    return sum;
}

static inline void theory_call_comes(struct theory_run *run) {
    struct theory *t = run->t;
    double pick = rng_unit(&run->rng) * theory_rate(t);
    uint64_t id = ++run->came;
    struct theory_call *call = &run->call[id % THEORY_CALLS_AT_ONCE];
    uint32_t queue = 1;
    while (queue < t->conf->queue_count && pick >= t->per_s[queue])
        pick -= t->per_s[queue++];
    assert(!call->id);
    *call = (struct theory_call){.id = id, .at = run->now, .queue = queue, .batch = -1, .at_once = true};
    if (id > t->warm_up && id <= t->warm_up + t->calls) {
        call->batch = (int64_t)((id - t->warm_up - 1) * THEORY_BATCHES / t->calls);
        run->open++;
    }
    theory_plan(run, theory_after(run, 1 / theory_rate(t)), THEORY_CALLS, 0);
    run->in_system++;
    if (t->trunks && run->in_system > t->trunks)
        theory_count(run, &(struct acd_effect){.call = id, .queue = queue, .visit_result = ACD_VISIT_FULL});
    else
        theory_step(run, (struct acd_event){.type = ACD_EV_CALL_ENTER, .call = id, .queue = queue});
    call->at_once = false;
    if (call->id && t->patience_s > 0)
        theory_plan(run, theory_after(run, t->patience_s), THEORY_GIVES_UP, id);
}

static inline void theory_carry_out(struct theory_run *run, const struct theory_event *event) {
    run->now = event->at;
    switch (event->what) {
    case THEORY_CALLS:
        theory_call_comes(run);
        break;
    case THEORY_GIVES_UP:
        if (run->call[event->id % THEORY_CALLS_AT_ONCE].id == event->id)
            theory_step(run, (struct acd_event){.type = ACD_EV_CALL_LEAVE,
                                                .call = event->id,
                                                .visit_result = ACD_VISIT_ABANDONED});
        break;
    case THEORY_HANDLED:
        run->in_system--;
        theory_step(run, (struct acd_event){.type = ACD_EV_HANDLE_END, .agent = (uint32_t)event->id});
        break;
    }
}

/* Calls go on coming until the last one counted has its result: those behind may go before. Returns what an
 * invariant says that was broken, or NULL. */
static inline const char *theory_play(struct theory *t) {
    struct theory_run run = {.t = t, .rng = t->seed, .now = 1000};
    const char *broken = NULL;
    uint64_t check_at = 1;
    run.call = calloc(THEORY_CALLS_AT_ONCE, sizeof *run.call);
    int rc = acd_create(&run.acd, t->seed);
    assert(!rc && run.call);
    (void)rc;
    memset(t->batch, 0, sizeof t->batch);
    memset(t->answered_by, 0, sizeof t->answered_by);
    theory_step(&run, (struct acd_event){.type = ACD_EV_CONFIGURE, .conf = t->conf});
    for (uint32_t i = 1; i <= t->conf->agent_count; i++)
        theory_step(&run, (struct acd_event){.type = ACD_EV_REACHABLE, .agent = i});
    theory_plan(&run, theory_after(&run, 1 / theory_rate(t)), THEORY_CALLS, 0);
    while (!broken && (run.came < t->warm_up + t->calls || run.open)) {
        struct theory_event event = theory_next(&run);
        theory_carry_out(&run, &event);
        if (run.came == check_at) {
            check_at += 1 + t->calls / 100;
            broken = acd_check(run.acd);
            t->checks++;
        }
    }
    acd_destroy(run.acd);
    free(run.fx.item);
    free(run.heap);
    free(run.call);
    return broken;
}

/* ---- results ---- */

struct theory_result {
    double value, error;
};

/* sum / by of the batches. */
static inline struct theory_result theory_of_batches(const double *x, const double *n) {
    double all_x = 0, all_n = 0, squares = 0, neighbours = 0, last = 0;
    for (int b = 0; b < THEORY_BATCHES; b++) {
        all_x += x[b];
        all_n += n[b];
    }
    double value = all_x / all_n;
    for (int b = 0; b < THEORY_BATCHES; b++) {
        double off = (x[b] - value * n[b]) / (all_n / THEORY_BATCHES);
        squares += off * off;
        neighbours += off * last;
        last = off;
    }
    double r = squares > 0 ? fmin(0.9, fmax(0, neighbours / squares)) : 0;
    double variance = squares / (THEORY_BATCHES - 1) * (1 + r) / (1 - r);
    return (struct theory_result){value, sqrt(variance / THEORY_BATCHES)};
}

/* Two fields of a batch; queue 0: over all queues. */
static inline struct theory_result theory_ratio(const struct theory *t, uint32_t queue, size_t sum,
                                                size_t by) {
    double x[THEORY_BATCHES] = {0}, n[THEORY_BATCHES] = {0};
    for (uint32_t q = queue ? queue : 1; q <= (queue ? queue : t->conf->queue_count); q++)
        for (int b = 0; b < THEORY_BATCHES; b++) {
            x[b] += *(const double *)((const char *)&t->batch[q][b] + sum);
            n[b] += *(const double *)((const char *)&t->batch[q][b] + by);
        }
    return theory_of_batches(x, n);
}

/* Share of all calls offered that this agent answered (one queue). */
static inline struct theory_result theory_share_of(const struct theory *t, uint32_t agent) {
    double n[THEORY_BATCHES];
    for (int b = 0; b < THEORY_BATCHES; b++)
        n[b] = t->batch[1][b].offered;
    return theory_of_batches(t->answered_by[agent], n);
}
#define THEORY_RATIO(t, queue, sum, by)                                                                      \
    theory_ratio(t, queue, offsetof(struct theory_batch, sum), offsetof(struct theory_batch, by))

#endif
