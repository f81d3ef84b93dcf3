/* SPDX-License-Identifier: Apache-2.0
 * The day as tables, and as JSON. */
#include "sim/report.h"

#include "sim/table.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum { MOST_AGENTS = 60 };

static double ratio(double a, double b) {
    return b > 0 ? a / b : NAN;
}

static const char *queue_name(const struct conf *conf, uint32_t queue) {
    return queue ? conf->queue[queue - 1].name : "all";
}

/* ---- for people ---- */

static void print_head(const struct report *r, FILE *out) {
    const struct plan *plan = r->world->plan;
    time_t wall = (time_t)(plan->wall_us / 1000000);
    uint64_t end_us = plan->begin_us + plan->day_us;
    struct tm day;
    char text[40] = "";
    if (gmtime_r(&wall, &day))
        strftime(text, sizeof text, "%A %Y-%m-%d", &day);
    fprintf(out, "%s, %02u:%02u to %02u:%02u", text, (unsigned)(plan->begin_us / 3600000000),
            (unsigned)(plan->begin_us / 60000000 % 60), (unsigned)(end_us / 3600000000),
            (unsigned)(end_us / 60000000 % 60));
    fprintf(out, ", %u agents, seed %llu\n\n", r->world->conf->agent_count, (unsigned long long)r->seed);
}

static void queue_row(struct table *t, const struct report *r, uint32_t queue) {
    const struct tally *tally = r->world->tally;
    const struct tally_queue *q = &tally->queue[queue];
    const struct conf *conf = r->world->conf;
    table_cell(t, "%s", queue_name(conf, queue));
    table_count(t, q->day.offered);
    table_count(t, q->day.answered);
    table_count(t, q->day.abandoned);
    table_count(t, q->day.other);
    table_share(t, tally_kpi(tally, queue, KPI_SERVICE_LEVEL));
    if (queue)
        table_cell(t, "%u s", conf->queue[queue - 1].service_level_ms / 1000);
    else
        table_cell(t, "%s", "");
    table_time(t, tally_kpi(tally, queue, KPI_ASA));
    table_time(t, tally_kpi(tally, queue, KPI_LONGEST));
    table_time(t, tally_kpi(tally, queue, KPI_HANDLING));
    table_count(t, q->told);
    table_share(t, ratio(q->told_wrong, q->told));
}

static void print_queues(const struct report *r, FILE *out) {
    const struct tally *tally = r->world->tally;
    struct table t;
    table_begin(&t, "queue|offered|answered|abandoned|other|SL|T|ASA|longest|AHT|told|waited longer");
    for (uint32_t queue = 1; queue <= tally->queue_count; queue++)
        if (tally->queue[queue].day.offered || !r->world->conf->queue[queue - 1].removed)
            queue_row(&t, r, queue);
    queue_row(&t, r, 0);
    table_end(&t, out);
    for (uint32_t queue = 1; queue <= tally->queue_count; queue++) {
        const struct tally_queue *q = &tally->queue[queue];
        const char *gap = "";
        if (!q->day.other)
            continue;
        fprintf(out, "%s, other ends: ", queue_name(r->world->conf, queue));
        for (int i = 0; i < ACD_VISIT_RESULTS; i++)
            if (q->result[i] && i != ACD_VISIT_ANSWERED && i != ACD_VISIT_ABANDONED) {
                fprintf(out, "%s%u %s", gap, q->result[i], acd_visit_result_name((enum acd_visit_result)i));
                gap = ", ";
            }
        putc('\n', out);
    }
    putc('\n', out);
}

static void print_intervals(const struct report *r, FILE *out) {
    const struct tally *tally = r->world->tally;
    uint32_t queue = r->queue ? conf_find_queue(r->world->conf, r->queue) : 0;
    struct table t;
    char head[200];
    snprintf(head, sizeof head, "from|arrived|answered|abandoned|SL|ASA|longest%s",
             queue ? "" : "|agents|occupancy");
    table_begin(&t, head);
    for (uint32_t i = 0; i < tally->interval_count; i++) {
        const struct tally_interval *in = tally_at(tally, queue, i);
        uint64_t from_us = r->world->plan->begin_us + i * tally->interval_us;
        table_cell(&t, "%02u:%02u", (unsigned)(from_us / 3600000000), (unsigned)(from_us / 60000000 % 60));
        table_count(&t, in->arrived);
        table_count(&t, in->answered);
        table_count(&t, in->abandoned);
        table_share(&t, ratio(in->in_time, in->ended));
        table_time(&t, ratio((double)in->answered_wait_us / 1e6, in->answered));
        table_time(&t, in->ended ? (double)in->longest_us / 1e6 : NAN);
        if (queue)
            continue;
        table_cell(&t, "%.1f", (double)in->staffed_us / (double)tally->interval_us);
        table_share(&t, ratio((double)in->busy_us, (double)in->staffed_us - (double)in->paused_us));
    }
    fprintf(out, "Callers of queue %s, by the time they came\n",
            queue ? queue_name(r->world->conf, queue) : "all");
    table_end(&t, out);
    putc('\n', out);
}

static void agent_row(struct table *t, const char *name, const struct stats_agent *a) {
    table_cell(t, "%s", name);
    table_count(t, a->handles);
    table_count(t, a->offers);
    table_count(t, a->missed);
    table_share(t, ratio(stats_occupancy(a) < 0 ? NAN : stats_occupancy(a), 1));
    table_time(t, (double)a->talk_ms / 1000);
    table_time(t, (double)a->hold_ms / 1000);
    table_time(t, (double)a->wrap_ms / 1000);
    table_time(t, (double)a->ring_ms / 1000);
    table_time(t, (double)a->idle_ms / 1000);
    table_time(t, (double)a->pause_ms / 1000);
    table_time(t, (double)(a->other_ms + a->unreachable_ms) / 1000);
    table_time(t, (double)a->logged_in_ms / 1000);
}

static void print_agents(const struct report *r, FILE *out) {
    const struct tally *tally = r->world->tally;
    uint32_t shown = 0, more = 0;
    struct table t;
    table_begin(&t, "agent|calls|offers|missed|occupancy|talk|hold|wrap-up|ring|idle|paused|other|logged in");
    for (uint32_t i = 1; i <= tally->agent_count; i++) {
        if (!tally->agent[i].logged_in_ms)
            continue;
        if (shown < MOST_AGENTS) {
            agent_row(&t, r->world->conf->agent[i - 1].id, &tally->agent[i]);
            shown++;
        } else {
            more++;
        }
    }
    agent_row(&t, "all", &tally->agent[0]);
    table_end(&t, out);
    if (more)
        fprintf(out, "and %u agents more, in the report of --json\n", more);
    putc('\n', out);
}

void report_print(const struct report *r, FILE *out) {
    const struct world_result *a = &r->result;
    print_head(r, out);
    print_queues(r, out);
    print_intervals(r, out);
    print_agents(r, out);
    fprintf(out, "%llu calls, %llu of them refused; %llu events%s in %.2f s of CPU time\n",
            (unsigned long long)a->calls, (unsigned long long)a->refused, (unsigned long long)a->events,
            r->world->scenario.check ? ", the invariants checked after each," : "", r->cpu_s);
    if (a->unplaced)
        fprintf(out, "%llu callers were left out: no number leads to their queue\n",
                (unsigned long long)a->unplaced);
    if (a->broken)
        fprintf(out, "BROKEN after %.3f s: %s\n", (double)a->broken_at_ms / 1000, a->broken);
}

/* ---- for programs ---- */

static json_t *real(double value) {
    return isnan(value) ? json_null() : json_real(value);
}

static void set(json_t *object, const char *name, double value) {
    if (value == floor(value) && fabs(value) < 9e15)
        json_object_set_new(object, name, json_integer((json_int_t)value));
    else
        json_object_set_new(object, name, real(value));
}

static json_t *queues_json(const struct report *r) {
    const struct tally *tally = r->world->tally;
    json_t *list = json_array();
    for (uint32_t queue = 1; queue <= tally->queue_count; queue++) {
        const struct tally_queue *q = &tally->queue[queue];
        json_t *one = json_object(), *ends = json_object();
        json_object_set_new(one, "queue", json_string(queue_name(r->world->conf, queue)));
        for (int kpi = 0; kpi < KPIS; kpi++)
            if (kpi != KPI_OCCUPANCY)
                set(one, tally_kpis[kpi].name, tally_kpi(tally, queue, (enum tally_kpi)kpi));
        set(one, "abandoned", q->day.abandoned);
        set(one, "answered_in_time", q->day.answered_in_time);
        set(one, "short_abandoned", q->day.short_abandoned);
        set(one, "handles", q->day.handles);
        set(one, "told", q->told);
        set(one, "told_wrong", q->told_wrong);
        for (int i = 0; i < ACD_VISIT_RESULTS; i++)
            if (q->result[i])
                set(ends, acd_visit_result_name((enum acd_visit_result)i), q->result[i]);
        json_object_set_new(one, "ends", ends);
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *interval_json(const struct report *r, uint32_t queue, uint32_t i) {
    const struct tally *tally = r->world->tally;
    const struct tally_interval *in = tally_at(tally, queue, i);
    json_t *one = json_object();
    set(one, "from_s", (double)(r->world->plan->begin_us + i * tally->interval_us) / 1e6);
    set(one, "arrived", in->arrived);
    set(one, "answered", in->answered);
    set(one, "abandoned", in->abandoned);
    set(one, "service_level", ratio(in->in_time, in->ended));
    set(one, "asa_s", ratio((double)in->answered_wait_us / 1e6, in->answered));
    set(one, "longest_wait_s", (double)in->longest_us / 1e6);
    if (queue)
        return one;
    set(one, "agents", (double)in->staffed_us / (double)tally->interval_us);
    set(one, "occupancy", ratio((double)in->busy_us, (double)in->staffed_us - (double)in->paused_us));
    return one;
}

static json_t *intervals_json(const struct report *r) {
    const struct tally *tally = r->world->tally;
    json_t *list = json_array();
    for (uint32_t i = 0; i < tally->interval_count; i++) {
        json_t *one = interval_json(r, 0, i), *queues = json_object();
        for (uint32_t queue = 1; queue <= tally->queue_count; queue++)
            if (tally_at(tally, queue, i)->arrived)
                json_object_set_new(queues, queue_name(r->world->conf, queue), interval_json(r, queue, i));
        json_object_set_new(one, "queues", queues);
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *agents_json(const struct report *r) {
    const struct tally *tally = r->world->tally;
    json_t *list = json_array();
    for (uint32_t i = 1; i <= tally->agent_count; i++) {
        const struct stats_agent *a = &tally->agent[i];
        if (!a->logged_in_ms)
            continue;
        json_t *one = json_object();
        json_object_set_new(one, "agent", json_string(r->world->conf->agent[i - 1].id));
        set(one, "handles", a->handles);
        set(one, "offers", a->offers);
        set(one, "missed", a->missed);
        set(one, "rejected", a->rejected);
        set(one, "occupancy", stats_occupancy(a) < 0 ? NAN : stats_occupancy(a));
        set(one, "talk_s", (double)a->talk_ms / 1000);
        set(one, "hold_s", (double)a->hold_ms / 1000);
        set(one, "wrap_s", (double)a->wrap_ms / 1000);
        set(one, "ring_s", (double)a->ring_ms / 1000);
        set(one, "idle_s", (double)a->idle_ms / 1000);
        set(one, "pause_s", (double)a->pause_ms / 1000);
        set(one, "other_s", (double)(a->other_ms + a->unreachable_ms) / 1000);
        set(one, "logged_in_s", (double)a->logged_in_ms / 1000);
        json_array_append_new(list, one);
    }
    return list;
}

json_t *report_json(const struct report *r) {
    const struct world_result *a = &r->result;
    uint64_t visits = a->answered + a->abandoned + a->other;
    char hash[20];
    json_t *json = json_object();
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)a->hash);
    set(json, "seed", (double)r->seed);
    json_object_set_new(json, "hash", json_string(hash));
    set(json, "calls", (double)a->calls);
    set(json, "refused", (double)a->refused);
    set(json, "unplaced", (double)a->unplaced);
    set(json, "events", (double)a->events);
    set(json, "rows", (double)a->rows);
    set(json, "visits", (double)visits);
    set(json, "answered", (double)a->answered);
    set(json, "abandoned", (double)a->abandoned);
    set(json, "other", (double)a->other);
    json_object_set_new(json, "service_level", real(ratio((double)a->in_time, (double)visits)));
    json_object_set_new(json, "average_speed_of_answer_s",
                        real(ratio((double)a->wait_ms_sum / 1000, (double)a->answered)));
    json_object_set_new(json, "virtual_hours", json_real((double)a->virtual_ms / 3600000));
    json_object_set_new(json, "cpu_s", json_real(r->cpu_s));
    json_object_set_new(json, "queues", queues_json(r));
    json_object_set_new(json, "intervals", intervals_json(r));
    json_object_set_new(json, "agents", agents_json(r));
    if (a->broken) {
        json_object_set_new(json, "broken", json_string(a->broken));
        json_object_set_new(json, "broken_at_s", json_real((double)a->broken_at_ms / 1000));
    }
    return json;
}
