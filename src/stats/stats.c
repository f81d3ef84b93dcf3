/* SPDX-License-Identifier: Apache-2.0
 * Counters of the day and the ratios made of them. */
#include "callfloor/stats.h"

#include <errno.h>
#include <stdlib.h>

struct queue_entry {
    struct stats_queue today;
    uint32_t carried; /* visits of the day before that have not ended yet */
};
struct agent_entry {
    struct stats_agent today;
    enum acd_presence last; /* of the state that ended last: a pause in two parts is one pause */
};
struct stats {
    uint32_t day;
    struct queue_entry queue[CONF_MAX_QUEUES + 1]; /* by number; 0 is not used */
    struct agent_entry agent[CONF_MAX_AGENTS + 1];
};

/* All memory at once (the system gives pages only when touched): counting can never fail. */
int stats_create(struct stats **sp) {
    struct stats *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    *sp = s;
    return 0;
}

void stats_destroy(struct stats *s) {
    free(s);
}

static struct queue_entry *queue_at(struct stats *s, uint32_t queue) {
    return queue >= 1 && queue <= CONF_MAX_QUEUES ? &s->queue[queue] : NULL;
}
static struct agent_entry *agent_at(struct stats *s, uint32_t agent) {
    return agent >= 1 && agent <= CONF_MAX_AGENTS ? &s->agent[agent] : NULL;
}
static uint32_t ended(const struct stats_queue *q) {
    return q->answered + q->abandoned + q->other;
}

void stats_day(struct stats *s, uint32_t day_number, uint64_t now_ms) {
    if (day_number == s->day)
        return;
    for (uint32_t i = 1; i <= CONF_MAX_QUEUES; i++) {
        struct queue_entry *e = &s->queue[i];
        *e = (struct queue_entry){.carried = e->carried + e->today.offered - ended(&e->today)};
    }
    for (uint32_t i = 1; i <= CONF_MAX_AGENTS; i++)
        s->agent[i].today = (struct stats_agent){0};
    s->day = day_number;
}

void stats_enter(struct stats *s, uint32_t queue) {
    struct queue_entry *e = queue_at(s, queue);
    if (e)
        e->today.offered++;
}

void stats_visit_end(struct stats *s, const struct conf *conf, uint32_t queue, enum acd_visit_result result,
                     uint64_t wait_ms) {
    struct queue_entry *e = queue_at(s, queue);
    const struct conf_queue *c = conf_queue(conf, queue);
    if (!e)
        return;
    if (e->carried) { /* calls are served in order: those of yesterday end first */
        e->carried--;
        return;
    }
    struct stats_queue *q = &e->today;
    if (result < ACD_VISIT_RESULTS)
        q->ends[result]++;
    switch (result) {
    case ACD_VISIT_ANSWERED:
        q->answered++;
        q->answered_wait_ms += wait_ms;
        q->answered_in_time += c && wait_ms <= c->service_level_ms;
        break;
    case ACD_VISIT_ABANDONED:
        q->abandoned++;
        q->abandoned_wait_ms += wait_ms;
        q->abandoned_in_time += c && wait_ms <= c->service_level_ms;
        q->short_abandoned += c && wait_ms <= c->short_abandon_ms;
        break;
    case ACD_VISIT_TIMEOUT:
    case ACD_VISIT_FULL:
    case ACD_VISIT_NO_AGENTS:
    case ACD_VISIT_WITHDRAWN:
    case ACD_VISIT_FAILED:
    case ACD_VISIT_CLOSED:
    case ACD_VISIT_PAUSED:
    case ACD_VISIT_TOO_LONG:
    case ACD_VISIT_EMPTY:
    case ACD_VISIT_EXIT_KEY:
    case ACD_VISIT_CALLBACK:
    case ACD_VISIT_RESULTS:
        q->other++;
        break;
    }
    if (wait_ms > q->longest_wait_ms)
        q->longest_wait_ms = wait_ms;
}

void stats_resumed(struct stats *s, uint32_t queue) {
    struct queue_entry *e = queue_at(s, queue);
    if (e)
        e->today.resumed++;
}

void stats_step(struct stats *s, uint32_t queue) {
    struct queue_entry *e = queue_at(s, queue);
    if (e)
        e->today.steps++;
}

void stats_reserve(struct stats *s, uint32_t queue) {
    struct queue_entry *e = queue_at(s, queue);
    if (e)
        e->today.reserves++;
}

void stats_offer_end(struct stats *s, uint32_t queue, uint32_t agent, enum acd_offer_result result,
                     uint64_t ring_ms) {
    struct queue_entry *q = queue_at(s, queue);
    struct agent_entry *a = agent_at(s, agent);
    if (q)
        q->today.ring_ms += ring_ms;
    if (!a)
        return;
    a->today.offers++;
    a->today.answered += result == ACD_OFFER_ANSWERED;
    a->today.missed += result == ACD_OFFER_NO_ANSWER;
    a->today.rejected += result == ACD_OFFER_REJECTED;
    a->today.lost_races += result == ACD_OFFER_LOST_RACE;
}

void stats_handle_end(struct stats *s, uint32_t queue, uint32_t agent, uint64_t talk_ms, uint64_t hold_ms) {
    struct queue_entry *q = queue_at(s, queue);
    struct agent_entry *a = agent_at(s, agent);
    if (!q)
        return; /* a direct call: the agent's time is `other` */
    q->today.handles++;
    q->today.talk_ms += talk_ms;
    q->today.hold_ms += hold_ms;
    if (a)
        a->today.handles++;
}

/* Where the time of one state belongs; NULL: nowhere. Every state but logged out has exactly one place, so
 * that the parts sum up to the time logged in. */
static uint64_t *time_of(struct stats_agent *a, enum acd_presence presence, enum acd_activity activity) {
    if (presence == ACD_LOGGED_OUT)
        return NULL;
    switch (activity) {
    case ACD_IDLE:
        return presence == ACD_NOT_READY ? &a->pause_ms : &a->idle_ms;
    case ACD_UNREACHABLE:
        return presence == ACD_NOT_READY ? &a->pause_ms : &a->unreachable_ms;
    case ACD_RESERVED:
    case ACD_RINGING:
        return &a->ring_ms;
    case ACD_TALKING:
    case ACD_CONFERENCE:
        return &a->talk_ms;
    case ACD_HOLD:
    case ACD_CONSULT: /* the caller is on hold */
        return &a->hold_ms;
    case ACD_WRAPUP:
        return &a->wrap_ms;
    case ACD_BUSY_OTHER:
        return &a->other_ms;
    case ACD_ACTIVITIES:
        break;
    }
    return NULL;
}

static void add_time(struct stats_agent *a, enum acd_presence last, enum acd_presence presence,
                     enum acd_activity activity, uint64_t ms) {
    uint64_t *part = time_of(a, presence, activity);
    if (part) {
        *part += ms;
        a->logged_in_ms += ms;
    }
    a->pauses += presence == ACD_NOT_READY && last != ACD_NOT_READY;
}

void stats_agent_time(struct stats *s, uint32_t agent, uint32_t queue, enum acd_presence presence,
                      enum acd_activity activity, uint64_t ms) {
    struct queue_entry *q = queue_at(s, queue);
    struct agent_entry *a = agent_at(s, agent);
    if (q && activity == ACD_WRAPUP)
        q->today.wrap_ms += ms;
    if (!a)
        return;
    add_time(&a->today, a->last, presence, activity, ms);
    a->last = presence;
}

void stats_agent_live(const struct stats_agent *today, enum acd_presence presence, enum acd_activity activity,
                      uint64_t ms, struct stats_agent *out) {
    *out = *today;
    add_time(out, ACD_NOT_READY, presence, activity, ms); /* an unfinished pause is not counted yet */
}

uint32_t stats_day_number(const struct stats *s) {
    return s->day;
}

void stats_restore_queue(struct stats *s, uint32_t queue, const struct stats_queue *earlier) {
    struct queue_entry *e = queue_at(s, queue);
    if (!e)
        return;
    e->today = *earlier;
    uint32_t cut = earlier->offered > ended(earlier) ? earlier->offered - ended(earlier) : 0;
    e->today.other += cut;
    e->today.ends[ACD_VISIT_FAILED] += cut;
}

void stats_restore_agent(struct stats *s, uint32_t agent, const struct stats_agent *earlier) {
    struct agent_entry *a = agent_at(s, agent);
    if (a)
        a->today = *earlier;
}

const struct stats_queue *stats_queue_get(const struct stats *s, uint32_t queue) {
    return &s->queue[queue <= CONF_MAX_QUEUES ? queue : 0].today;
}
const struct stats_agent *stats_agent_get(const struct stats *s, uint32_t agent) {
    return &s->agent[agent <= CONF_MAX_AGENTS ? agent : 0].today;
}

/* ---- ratios ---- */

static double ratio(double a, double b) {
    return b > 0 ? a / b : -1;
}

double stats_service_level_as(const struct stats_queue *q, enum stats_service_form form) {
    double n = ended(q);
    switch (form) {
    case STATS_SL_OFFERED:
        return ratio(q->answered_in_time, n);
    case STATS_SL_POSITIVE:
        return ratio((double)q->answered_in_time + q->abandoned_in_time, n);
    case STATS_SL_NO_ABANDONS:
        return ratio(q->answered_in_time, n - q->abandoned_in_time);
    case STATS_SL_HANDLED:
        return ratio(q->answered_in_time, q->answered);
    case STATS_SL_NO_SHORT:
        return ratio(q->answered_in_time, n - q->short_abandoned);
    }
    return -1;
}
double stats_service_level(const struct stats_queue *q) {
    return stats_service_level_as(q, STATS_SL_OFFERED);
}
double stats_abandon_rate(const struct stats_queue *q) {
    return ratio(q->abandoned, ended(q));
}
double stats_abandon_rate_no_short(const struct stats_queue *q) {
    return ratio((double)q->abandoned - q->short_abandoned, (double)ended(q) - q->short_abandoned);
}
double stats_average_speed_of_answer_ms(const struct stats_queue *q) {
    return ratio((double)q->answered_wait_ms, q->answered);
}
double stats_average_handling_ms(const struct stats_queue *q) {
    return ratio((double)(q->talk_ms + q->hold_ms + q->wrap_ms), q->handles);
}
double stats_average_handling4_ms(const struct stats_queue *q) {
    return ratio((double)(q->ring_ms + q->talk_ms + q->hold_ms + q->wrap_ms), q->handles);
}
double stats_occupancy(const struct stats_agent *a) {
    return ratio((double)(a->ring_ms + a->talk_ms + a->hold_ms + a->wrap_ms),
                 (double)a->logged_in_ms - (double)a->pause_ms);
}
