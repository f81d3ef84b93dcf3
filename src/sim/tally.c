/* SPDX-License-Identifier: Apache-2.0
 * Counting rows into figures. */
#include "sim/tally.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct tally_kpi_info tally_kpis[KPIS] = {
    [KPI_OFFERED] = {"offered", "offered", UNIT_COUNT, 0},
    [KPI_ANSWERED] = {"answered", "answered", UNIT_COUNT, 1},
    [KPI_SERVICE_LEVEL] = {"service_level", "service level", UNIT_SHARE, 1},
    [KPI_ABANDON_RATE] = {"abandon_rate", "abandoned", UNIT_SHARE, -1},
    [KPI_OTHER_RATE] = {"other_rate", "other ends", UNIT_SHARE, -1},
    [KPI_ASA] = {"asa_s", "speed of answer", UNIT_SECONDS, -1},
    [KPI_LONGEST] = {"longest_wait_s", "longest wait", UNIT_SECONDS, -1},
    [KPI_HANDLING] = {"aht_s", "handling time", UNIT_SECONDS, 0},
    [KPI_OCCUPANCY] = {"occupancy", "occupancy", UNIT_SHARE, 0},
};

int tally_create(struct tally **tp, uint64_t start_us, uint64_t day_us, uint64_t interval_us) {
    struct tally *t = calloc(1, sizeof *t);
    if (!t)
        return -ENOMEM;
    t->start_us = start_us;
    t->interval_us = interval_us;
    t->interval_count = (uint32_t)((day_us + interval_us - 1) / interval_us);
    *tp = t;
    return 0;
}

void tally_free(struct tally *t) {
    if (!t)
        return;
    free(t->queue);
    free(t->agent);
    free(t->interval);
    free(t);
}

/* list with zeros behind its first old_count items; NULL: out of memory, list is as it was. */
static void *grown(void *list, size_t item, size_t old_count, size_t count) {
    char *bigger = realloc(list, count * item);
    if (bigger)
        memset(bigger + old_count * item, 0, (count - old_count) * item);
    return bigger;
}

int tally_grow(struct tally *t, const struct conf *conf) {
    size_t queues = t->queue ? t->queue_count + 1 : 0, agents = t->agent ? t->agent_count + 1 : 0;
    if (conf->queue_count >= queues) {
        size_t n = t->interval_count;
        struct tally_queue *queue = grown(t->queue, sizeof *queue, queues, conf->queue_count + 1);
        t->queue = queue ? queue : t->queue;
        struct tally_interval *interval =
            grown(t->interval, sizeof *interval, queues * n, (conf->queue_count + 1) * n);
        t->interval = interval ? interval : t->interval;
        if (!queue || !interval)
            return -ENOMEM;
        t->queue_count = conf->queue_count;
    }
    if (conf->agent_count >= agents) {
        struct stats_agent *agent = grown(t->agent, sizeof *agent, agents, conf->agent_count + 1);
        if (!agent)
            return -ENOMEM;
        t->agent = agent;
        t->agent_count = conf->agent_count;
    }
    return 0;
}

const struct tally_interval *tally_at(const struct tally *t, uint32_t queue, uint32_t i) {
    return &t->interval[(size_t)queue * t->interval_count + i];
}

/* NULL outside the day. */
static struct tally_interval *interval(struct tally *t, uint32_t queue, uint64_t at_us) {
    uint64_t i = at_us >= t->start_us ? (at_us - t->start_us) / t->interval_us : t->interval_count;
    return i < t->interval_count ? &t->interval[(size_t)queue * t->interval_count + i] : NULL;
}

/* ---- visits ---- */

static enum acd_visit_result result_of(const char *text) {
    enum acd_visit_result result = 0;
    while (result < ACD_VISIT_RESULTS && strcmp(acd_visit_result_name(result), text))
        result++;
    return result;
}

static void count_visit(struct tally_queue *q, const struct conf_queue *c, enum acd_visit_result result,
                        uint64_t wait_us, uint32_t told_ms) {
    uint64_t wait_ms = wait_us / 1000;
    struct stats_queue *s = &q->day;
    bool in_time = wait_ms <= c->service_level_ms;
    s->offered++;
    q->ended_wait_us += wait_us;
    if (result < ACD_VISIT_RESULTS)
        q->result[result]++;
    if (wait_ms > s->longest_wait_ms)
        s->longest_wait_ms = wait_ms;
    if (result == ACD_VISIT_ANSWERED) {
        s->answered++;
        s->answered_wait_ms += wait_ms;
        s->answered_in_time += in_time;
    } else if (result == ACD_VISIT_ABANDONED) {
        s->abandoned++;
        s->abandoned_wait_ms += wait_ms;
        s->abandoned_in_time += in_time;
        s->short_abandoned += wait_ms <= c->short_abandon_ms;
    } else {
        s->other++;
    }
    /* who left before the time that was told does not say whether it was right */
    if (told_ms && (result == ACD_VISIT_ANSWERED || wait_ms > told_ms)) {
        q->told++;
        q->told_wrong += wait_ms > told_ms;
    }
}

static void count_arrival(struct tally_interval *in, enum acd_visit_result result, uint64_t wait_us,
                          bool in_time) {
    in->arrived++;
    in->ended++;
    in->abandoned += result == ACD_VISIT_ABANDONED;
    if (wait_us > in->longest_us)
        in->longest_us = wait_us;
    if (result == ACD_VISIT_ANSWERED) {
        in->answered++;
        in->answered_wait_us += wait_us;
        in->in_time += in_time;
    }
}

static void visit(struct tally *t, const struct conf *conf, const struct record_visit *row, uint64_t now_us) {
    static const struct conf_queue unknown = {.service_level_ms = 20000, .short_abandon_ms = 5000};
    uint32_t queue = conf_find_queue(conf, row->queue);
    const struct conf_queue *c = queue ? &conf->queue[queue - 1] : &unknown;
    uint64_t wait_us = row->leave_us - row->enter_us;
    enum acd_visit_result result = result_of(row->result);
    uint32_t at = 0;
    for (int all = 1; all >= 0; all--, at = queue) { /* of all queues, then of its own */
        struct tally_interval *in = interval(t, at, now_us - wait_us);
        if (!all && !queue)
            break;
        count_visit(&t->queue[at], c, result, wait_us, row->told_ms);
        if (in)
            count_arrival(in, result, wait_us, wait_us / 1000 <= c->service_level_ms);
    }
}

/* ---- offers, handles, states ---- */

static void add_offer(struct stats_agent *a, const char *result) {
    a->offers++;
    a->answered += !strcmp(result, acd_offer_result_name(ACD_OFFER_ANSWERED));
    a->missed += !strcmp(result, acd_offer_result_name(ACD_OFFER_NO_ANSWER));
    a->rejected += !strcmp(result, acd_offer_result_name(ACD_OFFER_REJECTED));
}

static void offer(struct tally *t, const struct conf *conf, const struct record_offer *row) {
    uint32_t agent = conf_find_agent(conf, row->agent);
    add_offer(&t->agent[0], row->result);
    if (agent)
        add_offer(&t->agent[agent], row->result);
}

static void add_handle(struct stats_queue *q, const struct record_handle *row) {
    q->handles++;
    q->talk_ms += row->talk_ms;
    q->hold_ms += row->hold_ms;
    q->wrap_ms += row->wrap_ms;
}

static void handle(struct tally *t, const struct conf *conf, const struct record_handle *row) {
    uint32_t queue = conf_find_queue(conf, row->queue), agent = conf_find_agent(conf, row->agent);
    if (!*row->queue)
        return; /* a direct call */
    add_handle(&t->queue[0].day, row);
    if (queue)
        add_handle(&t->queue[queue].day, row);
    t->agent[0].handles++;
    if (agent)
        t->agent[agent].handles++;
}

enum part { IDLE, BUSY, PAUSED, OTHER };

static enum acd_activity activity_of(const char *text) {
    enum acd_activity activity = 0;
    while (activity < ACD_ACTIVITIES && strcmp(acd_activity_name(activity), text) != 0)
        activity++;
    return activity;
}

static enum part add_time(struct stats_agent *a, bool paused, enum acd_activity activity, uint64_t ms) {
    a->logged_in_ms += ms;
    switch (activity) {
    case ACD_IDLE:
        *(paused ? &a->pause_ms : &a->idle_ms) += ms;
        return paused ? PAUSED : IDLE;
    case ACD_UNREACHABLE:
        *(paused ? &a->pause_ms : &a->unreachable_ms) += ms;
        return paused ? PAUSED : OTHER;
    case ACD_RESERVED:
    case ACD_RINGING:
        a->ring_ms += ms;
        return BUSY;
    case ACD_TALKING:
    case ACD_CONSULT:
    case ACD_CONFERENCE:
        a->talk_ms += ms;
        return BUSY;
    case ACD_HOLD:
        a->hold_ms += ms;
        return BUSY;
    case ACD_WRAPUP:
        a->wrap_ms += ms;
        return BUSY;
    case ACD_BUSY_OTHER:
    case ACD_ACTIVITIES:
        break;
    }
    a->other_ms += ms;
    return OTHER;
}

static void state(struct tally *t, const struct conf *conf, const struct record_agent_state *row,
                  uint64_t now_us) {
    uint32_t agent = conf_find_agent(conf, row->agent);
    uint64_t length_us = row->end_us - row->start_us, from_us = now_us - length_us;
    if (!strcmp(row->presence, acd_presence_name(ACD_LOGGED_OUT)))
        return;
    bool paused = !strcmp(row->presence, acd_presence_name(ACD_NOT_READY));
    enum acd_activity activity = activity_of(row->activity);
    enum part part = add_time(&t->agent[0], paused, activity, length_us / 1000);
    if (agent)
        add_time(&t->agent[agent], paused, activity, length_us / 1000);
    while (from_us < now_us) {
        struct tally_interval *in = interval(t, 0, from_us);
        uint64_t end_us = from_us >= t->start_us
                              ? from_us + t->interval_us - (from_us - t->start_us) % t->interval_us
                              : t->start_us;
        uint64_t part_us = (end_us < now_us ? end_us : now_us) - from_us;
        if (in) {
            in->staffed_us += part_us;
            in->busy_us += part == BUSY ? part_us : 0;
            in->paused_us += part == PAUSED ? part_us : 0;
        }
        from_us += part_us;
    }
}

void tally_row(struct tally *t, const struct conf *conf, const struct record *r, uint64_t now_us) {
    switch (r->kind) {
    case RECORD_VISIT:
        visit(t, conf, &r->visit, now_us);
        break;
    case RECORD_OFFER:
        offer(t, conf, &r->offer);
        break;
    case RECORD_HANDLE:
        handle(t, conf, &r->handle);
        break;
    case RECORD_AGENT_STATE:
        state(t, conf, &r->agent_state, now_us);
        break;
    case RECORD_CONTACT:
    case RECORD_KINDS:
        break;
    }
}

/* ---- key figures ---- */

static double ratio(double value) { /* stats.h says -1 for nothing to divide by */
    return value < 0 ? NAN : value;
}

double tally_kpi(const struct tally *t, uint32_t queue, enum tally_kpi kpi) {
    const struct stats_queue *q = &t->queue[queue].day;
    double ended = (double)q->answered + q->abandoned + q->other;
    switch (kpi) {
    case KPI_OFFERED:
        return q->offered;
    case KPI_ANSWERED:
        return q->answered;
    case KPI_SERVICE_LEVEL:
        return ratio(stats_service_level(q));
    case KPI_ABANDON_RATE:
        return ratio(stats_abandon_rate(q));
    case KPI_OTHER_RATE:
        return ended > 0 ? q->other / ended : NAN;
    case KPI_ASA:
        return ratio(stats_average_speed_of_answer_ms(q)) / 1000;
    case KPI_LONGEST:
        return ended > 0 ? (double)q->longest_wait_ms / 1000 : NAN;
    case KPI_HANDLING:
        return ratio(stats_average_handling_ms(q)) / 1000;
    case KPI_OCCUPANCY:
        return queue ? NAN : ratio(stats_occupancy(&t->agent[0]));
    case KPIS:
        break;
    }
    return NAN;
}
