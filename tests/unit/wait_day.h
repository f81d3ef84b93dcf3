/* SPDX-License-Identifier: Apache-2.0
 *
 * wait_day: a day to try guesses of the wait on: when calls come, how long they take, when callers give up,
 * when agents are away; and how good the guesses were. Who serves whom is left to wait_line.h and
 * wait_real.h.
 *
 * Who gives up leaves a ghost at his place: it takes no agent, but when its turn comes, the wait is known
 * that he would have had with all the patience of the world. So each caller has a true wait, and nobody's
 * early leaving makes a guess look better or worse than it was.
 */
#ifndef WAIT_DAY_H
#define WAIT_DAY_H

#include "acd/acd_wait.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DAY_QUEUES = 2,
    DAY_GROUPS = 3,
    DAY_AGENTS = 64,
    DAY_CALLS = 20000,
    DAY_HOURS = 24,
    DAY_ASK_MS = 45000
};

struct conf;
struct day_queue {
    double per_hour[DAY_HOURS]; /* at the beginning of each hour; a straight line between */
    double handle_s, patience_s;
    double spread;              /* of handling: 0 = exponential, else log-normal with this sigma */
    double patience_spread;     /* likewise */
    double longer, longer_from; /* from that hour on handling takes so many times as long */
    double prior_handle_s, prior_patience_s; /* what is assumed at first; 0: the truth */
    enum acd_wait_rank rank[DAY_QUEUES];     /* of the other queues, seen from this one */
};
struct day_plan {
    uint32_t queues, groups;
    struct day_queue queue[DAY_QUEUES];
    struct {
        uint32_t agents, away; /* away: so many of them, between two hours; after the call they are in */
        double away_from, away_to;
        uint32_t queue_count, queue[DAY_QUEUES];
    } group[DAY_GROUPS];
    double hours, ring_s;    /* ring_s: mean, half to one and a half of it; 0: answered at once */
    double missed, wrapup_s; /* wait_real.h only; missed: part of offers */
    double from_hour;        /* those who came earlier are not judged */
    uint64_t seed;
    void (*dress)(struct conf *conf); /* wait_real.h only: what else is configured; may be NULL */
};

/* Guesses of the mean, for the same callers at the same time. */
enum day_guess { DAY_OURS, DAY_AVERAGE, DAY_POSITION, DAY_POSITION_1, DAY_HEAD, DAY_GUESSES };

struct day_call {
    uint32_t queue, agent, ahead, ringing;  /* ringing: phones */
    uint64_t enter, reserve, wait, told_ms; /* wait: the true one; told_ms: first, NEVER = nothing */
    bool waiting, ghost, answered, gave_up, asked, known;
    double guess[DAY_GUESSES];
    struct acd_wait_told told;
};

struct day_event {
    double at;
    int what;
    uint32_t id;
};
enum {
    DAY_COMES,
    DAY_GIVES_UP,
    DAY_RINGS,
    DAY_ANSWERS,
    DAY_MISSES,
    DAY_FREE,
    DAY_GOES,
    DAY_RETURNS,
    DAY_ASKS
};

struct day {
    const struct day_plan *plan;
    struct day_call *call;
    uint32_t calls;
    uint32_t *fifo[DAY_QUEUES], head[DAY_QUEUES], tail[DAY_QUEUES]; /* places in line, ghosts included */
    struct day_event *heap;
    size_t count, capacity;
    double now;
    uint64_t rng;
    double average[DAY_QUEUES], busy_ms[DAY_QUEUES], handled[DAY_QUEUES];
    uint32_t later, silent; /* told later than before without reason; asked and told nothing */
};

static inline void day_at(struct day *day, double at, int what, uint32_t id) {
    if (day->count == day->capacity) {
        day->capacity = day->capacity ? 2 * day->capacity : 1024;
        day->heap = realloc(day->heap, day->capacity * sizeof *day->heap);
        assert(day->heap);
    }
    size_t i = day->count++;
    for (; i && day->heap[(i - 1) / 2].at > at; i = (i - 1) / 2)
        day->heap[i] = day->heap[(i - 1) / 2];
    day->heap[i] = (struct day_event){at, what, id};
}

static inline struct day_event day_next(struct day *day) {
    struct day_event first = day->heap[0], last = day->heap[--day->count];
    size_t i = 0;
    for (size_t child = 1; child < day->count; child = 2 * i + 1) {
        if (child + 1 < day->count && day->heap[child + 1].at < day->heap[child].at)
            child++;
        if (last.at <= day->heap[child].at)
            break;
        day->heap[i] = day->heap[child];
        i = child;
    }
    day->heap[i] = last;
    return first;
}

static inline uint64_t day_ms(const struct day *day) {
    return (uint64_t)day->now;
}

/* ---- chance ---- */

static inline double day_exponential(struct day *day, double mean) {
    return -mean * log1p(-rng_unit(&day->rng));
}

static inline double day_normal(struct day *day) {
    double radius = sqrt(-2 * log1p(-rng_unit(&day->rng)));
    return radius * cos(6.283185307179586 * rng_unit(&day->rng));
}

static inline double day_lasts(struct day *day, double mean, double spread) {
    return spread > 0 ? mean * exp(spread * day_normal(day) - spread * spread / 2)
                      : day_exponential(day, mean);
}

static inline double day_handling(struct day *day, uint32_t queue) {
    const struct day_queue *q = &day->plan->queue[queue];
    bool longer = q->longer > 0 && day->now / 3600000 >= q->longer_from;
    return day_lasts(day, 1000 * q->handle_s * (longer ? q->longer : 1), q->spread);
}

static inline double day_ring(struct day *day) {
    return 1000 * day->plan->ring_s * (0.5 + rng_unit(&day->rng));
}

static inline double day_rate(const struct day_queue *queue, double ms) {
    double hour = ms / 3600000;
    int i = (int)hour;
    return i >= DAY_HOURS - 1
               ? 0
               : queue->per_hour[i] + (hour - i) * (queue->per_hour[i + 1] - queue->per_hour[i]);
}

static inline void day_plan_call(struct day *day, uint32_t queue) {
    const struct day_queue *q = &day->plan->queue[queue];
    double most = 0, at = day->now, end = 3600000 * day->plan->hours;
    for (int i = 0; i < DAY_HOURS; i++)
        most = fmax(most, q->per_hour[i]);
    do
        at += day_exponential(day, 3600000 / most);
    while (at < end && rng_unit(&day->rng) * most > day_rate(q, at));
    if (at < end)
        day_at(day, at, DAY_COMES, queue);
}

/* ---- beginning and end ---- */

static inline void day_begin(struct day *day, const struct day_plan *plan) {
    uint32_t agent = 0;
    memset(day, 0, sizeof *day);
    day->plan = plan;
    day->rng = plan->seed;
    day->now = 1000;
    day->call = calloc(DAY_CALLS, sizeof *day->call);
    assert(day->call);
    for (uint32_t q = 0; q < plan->queues; q++) {
        day->fifo[q] = calloc(DAY_CALLS, sizeof *day->fifo[q]);
        assert(day->fifo[q]);
        day_plan_call(day, q);
    }
    for (uint32_t g = 0; g < plan->groups; agent += plan->group[g++].agents)
        for (uint32_t i = 0; i < plan->group[g].away; i++) {
            day_at(day, 3600000 * plan->group[g].away_from + 1000 * i, DAY_GOES, agent + i);
            day_at(day, 3600000 * plan->group[g].away_to + 1000 * i, DAY_RETURNS, agent + i);
        }
}

static inline void day_end(struct day *day) {
    for (uint32_t q = 0; q < day->plan->queues; q++)
        free(day->fifo[q]);
    free(day->heap);
    free(day->call);
}

static inline struct day_call *day_new_call(struct day *day, uint32_t queue) {
    assert(day->calls < DAY_CALLS);
    struct day_call *call = &day->call[day->calls];
    *call = (struct day_call){.queue = queue, .enter = day_ms(day), .told_ms = NEVER, .waiting = true};
    day->fifo[queue][day->tail[queue]++] = day->calls++;
    const struct day_queue *q = &day->plan->queue[queue];
    day_plan_call(day, queue);
    day_at(day, day->now + day_lasts(day, 1000 * q->patience_s, q->patience_spread), DAY_GIVES_UP,
           day->calls - 1);
    return call;
}

/* The first of a line, ghosts included; NULL: nobody. */
static inline struct day_call *day_first(struct day *day, uint32_t queue) {
    for (; day->head[queue] < day->tail[queue]; day->head[queue]++) {
        struct day_call *call = &day->call[day->fifo[queue][day->head[queue]]];
        if (call->waiting || call->ghost)
            return call;
    }
    return NULL;
}

/* Does a come before b? */
static inline bool day_before(const struct day *day, const struct day_call *a, const struct day_call *b) {
    enum acd_wait_rank rank =
        a->queue == b->queue ? ACD_WAIT_BESIDE : day->plan->queue[b->queue].rank[a->queue];
    return rank == ACD_WAIT_BESIDE ? a < b : rank == ACD_WAIT_BEFORE;
}

static inline void day_true_wait(struct day_call *call, double at) {
    call->ghost = false;
    call->known = true;
    call->wait = (uint64_t)at - call->enter;
}

/* What others would say. average: of the waits of those answered, as Asterisk's holdtime. position: mean time
 * of a call so far * calls in line / agents, as OpenSIPS, without and with the caller himself. head: how long
 * the first in line has waited. */
static inline void day_guess_others(struct day *day, struct day_call *me, uint32_t staff) {
    uint32_t q = me->queue, queued = 0;
    for (uint32_t i = day->head[q]; i < day->tail[q]; i++) {
        const struct day_call *call = &day->call[day->fifo[q][i]];
        if (!call->waiting || call == me)
            continue;
        if (!queued++)
            me->guess[DAY_HEAD] = (double)(me->enter - call->enter);
    }
    double mean = day->handled[q] > 0 ? day->busy_ms[q] / day->handled[q] : 0;
    me->guess[DAY_AVERAGE] = day->average[q];
    me->guess[DAY_POSITION] = mean * queued / fmax(1, staff);
    me->guess[DAY_POSITION_1] = mean * (queued + 1) / fmax(1, staff);
}

static inline void day_answered(struct day *day, struct day_call *call) {
    call->ringing = 0;
    call->answered = true;
    day->average[call->queue] = (3 * day->average[call->queue] + (double)(day_ms(day) - call->enter)) / 4;
}

static inline void day_handled(struct day *day, const struct day_call *call) {
    day->busy_ms[call->queue] += (double)(day_ms(day) - call->reserve);
    day->handled[call->queue]++;
}

/* ---- days to play ---- */

static inline uint32_t day_or_ms(double seconds, double otherwise) {
    return (uint32_t)(1000 * (seconds > 0 ? seconds : otherwise));
}

/* Two peaks, twenty agents, six at lunch from the fourth to the sixth hour. size: part of the agents and
 * calls. */
static inline struct day_plan day_working(double size, double load) {
    static const double shape[] = {0.5, 0.85, 1.15, 1.2, 0.95, 0.7, 0.65, 0.8, 1.05, 1.15, 1, 0.7, 0.4};
    struct day_plan plan = {.queues = 1, .groups = 1, .hours = 12};
    for (size_t i = 0; i < ARRAY_LEN(shape); i++)
        plan.queue[0].per_hour[i] = shape[i] * load * size * 20 * 3600 / 240;
    plan.queue[0].handle_s = 240;
    plan.queue[0].patience_s = 180;
    plan.group[0].agents = (uint32_t)(20 * size);
    plan.group[0].away = (uint32_t)(6 * size);
    plan.group[0].away_from = 4;
    plan.group[0].away_to = 6;
    plan.group[0].queue_count = 1;
    return plan;
}

/* A second queue with calls half as long again; 6 agents for each, 8 for both. part: of the calls, for the
 * first. */
static inline struct day_plan day_shared(double part) {
    struct day_plan plan = day_working(1, 1);
    plan.queues = 2;
    plan.groups = 3;
    plan.queue[1] = plan.queue[0];
    plan.queue[1].handle_s = 360;
    for (int i = 0; i < DAY_HOURS; i++) {
        plan.queue[0].per_hour[i] *= part;
        plan.queue[1].per_hour[i] *= (1 - part) * 240 / 360;
    }
    plan.group[2] = plan.group[1] = plan.group[0];
    for (uint32_t g = 0; g < 3; g++)
        plan.group[g].away = 2;
    plan.group[0].agents = plan.group[1].agents = 6;
    plan.group[2].agents = 8;
    plan.group[1].queue[0] = 1;
    plan.group[2].queue_count = 2;
    plan.group[2].queue[1] = 1;
    return plan;
}

/* ---- how good it was ---- */

struct day_sum { /* of callers who were told something */
    double told, over, ours, wait, told_wait;
    double squares[DAY_GUESSES];
    double ahead_told[4], ahead_over[4]; /* by calls ahead: 0, 1, 2, more */
    double calls, gave_up, asked, silent, later;
};

static inline void day_judge(const struct day *day, struct day_sum *sum) {
    memset(sum, 0, sizeof *sum);
    sum->later = day->later;
    sum->silent = day->silent;
    for (uint32_t i = 0; i < day->calls; i++) {
        const struct day_call *call = &day->call[i];
        if ((double)call->enter < 3600000 * day->plan->from_hour)
            continue;
        sum->calls++;
        sum->gave_up += call->gave_up;
        sum->asked += call->asked;
        if (call->told_ms == NEVER || !call->known)
            continue;
        bool over = call->wait > call->told_ms;
        uint32_t ahead = call->ahead < 3 ? call->ahead : 3;
        sum->told++;
        sum->over += over;
        sum->ahead_told[ahead]++;
        sum->ahead_over[ahead] += over;
        sum->wait += (double)call->wait;
        sum->told_wait += (double)call->told_ms;
        sum->ours += call->guess[DAY_OURS];
        for (int g = 0; g < DAY_GUESSES; g++) {
            double off = call->guess[g] - (double)call->wait;
            sum->squares[g] += off * off;
        }
    }
}

static inline void day_add(struct day_sum *all, const struct day_sum *one) {
    double *to = (double *)all;
    const double *from = (const double *)one;
    for (size_t i = 0; i < sizeof *all / sizeof *to; i++)
        to[i] += from[i];
}

/* Root of the mean square error, seconds. */
static inline double day_rmse(const struct day_sum *sum, enum day_guess guess) {
    return sum->told > 0 ? sqrt(sum->squares[guess] / sum->told) / 1000 : 0;
}

/* ---- many days ---- */

struct days {
    struct day_sum sum;
    double least, most;   /* share of those who waited longer than told, of one day */
    double scored, wrong; /* what it thinks of itself */
};

static const char *const DAY_HEADING = "| | told | gave up | wait | told | longer than told | days | 0 / 1 / "
                                       "2 / more ahead | own judgement | off by "
                                       "| ours | average | position | with self | head |\n"
                                       "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n";

static inline void day_row(const char *name, const struct days *days) {
    const struct day_sum *sum = &days->sum;
    printf("| %s | %.0f | %.0f %% | %.0f | %.0f | %.1f %% | %.0f to %.0f |", name, sum->told,
           100 * sum->gave_up / sum->calls, sum->wait / sum->told / 1000, sum->told_wait / sum->told / 1000,
           100 * sum->over / sum->told, 100 * days->least, 100 * days->most);
    for (int k = 0; k < 4; k++)
        printf("%s%.0f", k ? " / " : " ", 100 * sum->ahead_over[k] / fmax(1, sum->ahead_told[k]));
    printf(" | %.1f %% | %+.1f |", 100 * days->wrong / days->scored,
           (sum->ours - sum->wait) / sum->told / 1000);
    for (int g = 0; g < DAY_GUESSES; g++)
        printf(g ? " %.1f |" : " **%.1f** |", day_rmse(sum, (enum day_guess)g));
    printf("\n");
    fflush(stdout);
}

/* What a day went like; scored and wrong: what it thinks of itself, all queues. */
typedef void day_player(const struct day_plan *plan, struct day_sum *sum, double *scored, double *wrong);

/* full: ten times as many days, and a row of a table. */
static inline struct days day_play(day_player *player, const char *name, struct day_plan plan, uint32_t count,
                                   bool full) {
    struct days days = {.least = 1};
    for (uint32_t i = 0; i < (full ? 10 * count : count); i++) {
        struct day_sum sum;
        plan.seed = 7919 * (i + 1);
        player(&plan, &sum, &days.scored, &days.wrong);
        if (sum.told > 0) {
            days.least = fmin(days.least, sum.over / sum.told);
            days.most = fmax(days.most, sum.over / sum.told);
        }
        day_add(&days.sum, &sum);
    }
    if (full)
        day_row(name, &days);
    return days;
}

/* The share of those who waited longer than told: of all days together, and how far one day may be off. */
static inline bool day_share_is(const struct days *days, double least, double most, double one_day) {
    double over = days->sum.over / days->sum.told;
    return over >= least && over <= most && days->least >= 0.2 - one_day && days->most <= 0.2 + one_day;
}

/* Our error of the mean is below these parts of the others'. */
static inline bool day_beats(const struct day_sum *sum, double average, double position, double head) {
    double ours = day_rmse(sum, DAY_OURS);
    return ours < average * day_rmse(sum, DAY_AVERAGE) && ours < position * day_rmse(sum, DAY_POSITION) &&
           ours < position * day_rmse(sum, DAY_POSITION_1) && ours < head * day_rmse(sum, DAY_HEAD);
}

#endif
