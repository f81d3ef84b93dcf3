/* SPDX-License-Identifier: Apache-2.0
 * show stats: the day's figures. Formulas: docs/kpi.md. */
#include "console/command.h"

#include <errno.h>
#include <string.h>

static uint64_t whole_ms(double ms) {
    return ms < 0 ? NEVER : (uint64_t)(ms + 0.5);
}

/* ---- queues ---- */

static const struct out_column queue_columns[] = {
    {"queue", "queue", OUT_TEXT},
    {"offered", "offered", OUT_COUNT},
    {"answered", "answered", OUT_COUNT},
    {"abandoned", "abandoned", OUT_COUNT},
    {"short_abandoned", "short", OUT_COUNT},
    {"other", "other", OUT_COUNT},
    {"waiting", "waiting", OUT_COUNT},
    {"service_level_ms", "T", OUT_TIME},
    {"service_level", "SL", OUT_RATIO},
    {"service_level_no_short", "SL-", OUT_RATIO},
    {"abandon_rate", NULL, OUT_RATIO},
    {"abandon_rate_no_short", NULL, OUT_RATIO},
    {"asa_ms", "ASA", OUT_TIME},
    {"longest_wait_ms", "longest", OUT_TIME},
    {"handles", "handles", OUT_COUNT},
    {"talk_ms", NULL, OUT_TIME},
    {"hold_ms", NULL, OUT_TIME},
    {"wrap_ms", NULL, OUT_TIME},
    {"ring_ms", NULL, OUT_TIME},
    {"aht_ms", "AHT", OUT_TIME},
    {"aht4_ms", "AHT4", OUT_TIME},
    {"refused", NULL, OUT_COUNT},
    {"left_empty", NULL, OUT_COUNT},
    {"timed_out", NULL, OUT_COUNT},
    {"chose_otherwise", NULL, OUT_COUNT},
    {"resumed", NULL, OUT_COUNT},
    {"steps", NULL, OUT_COUNT},
    {"reserves", NULL, OUT_COUNT},
};

static uint32_t refused(const struct stats_queue *q) {
    return q->ends[ACD_VISIT_FULL] + q->ends[ACD_VISIT_NO_AGENTS] + q->ends[ACD_VISIT_CLOSED] +
           q->ends[ACD_VISIT_PAUSED] + q->ends[ACD_VISIT_TOO_LONG];
}

static void print_queue(void *arg, const struct floor_queue_view *v) {
    struct out *out = arg;
    const struct stats_queue *q = v->today;
    out_text(out, v->name);
    out_count(out, q->offered);
    out_count(out, q->answered);
    out_count(out, q->abandoned);
    out_count(out, q->short_abandoned);
    out_count(out, q->other);
    out_count(out, v->acd.waiting);
    out_time(out, v->service_level_ms);
    out_ratio(out, stats_service_level(q));
    out_ratio(out, stats_service_level_as(q, STATS_SL_NO_SHORT));
    out_ratio(out, stats_abandon_rate(q));
    out_ratio(out, stats_abandon_rate_no_short(q));
    out_time(out, whole_ms(stats_average_speed_of_answer_ms(q)));
    out_time(out, q->longest_wait_ms);
    out_count(out, q->handles);
    out_time(out, q->talk_ms);
    out_time(out, q->hold_ms);
    out_time(out, q->wrap_ms);
    out_time(out, q->ring_ms);
    out_time(out, whole_ms(stats_average_handling_ms(q)));
    out_time(out, whole_ms(stats_average_handling4_ms(q)));
    out_count(out, refused(q));
    out_count(out, q->ends[ACD_VISIT_EMPTY]);
    out_count(out, q->ends[ACD_VISIT_TIMEOUT]);
    out_count(out, q->ends[ACD_VISIT_EXIT_KEY] + q->ends[ACD_VISIT_CALLBACK]);
    out_count(out, q->resumed);
    out_count(out, q->steps);
    out_count(out, q->reserves);
}

/* ---- agents ---- */

static const struct out_column agent_columns[] = {
    {"agent", "agent", OUT_TEXT},
    {"name", "name", OUT_TEXT},
    {"handles", "calls", OUT_COUNT},
    {"offers", "offers", OUT_COUNT},
    {"missed", "missed", OUT_COUNT},
    {"rejected", "rejected", OUT_COUNT},
    {"lost_races", NULL, OUT_COUNT},
    {"ring_ms", "ring", OUT_TIME},
    {"talk_ms", "talk", OUT_TIME},
    {"hold_ms", "hold", OUT_TIME},
    {"wrap_ms", "wrap", OUT_TIME},
    {"aht_ms", "AHT", OUT_TIME},
    {"idle_ms", "idle", OUT_TIME},
    {"pauses", "pauses", OUT_COUNT},
    {"pause_ms", "paused", OUT_TIME},
    {"other_ms", "other", OUT_TIME},
    {"unreachable_ms", "unreach.", OUT_TIME},
    {"logged_in_ms", "logged in", OUT_TIME},
    {"occupancy", "occupancy", OUT_RATIO},
};

static void print_agent(void *arg, const struct floor_agent_view *v) {
    struct out *out = arg;
    struct stats_agent a;
    stats_agent_live(v->today, v->acd.presence, v->acd.activity, v->counted_ms, &a);
    out_text(out, v->id);
    out_text(out, v->name);
    out_count(out, a.handles);
    out_count(out, a.offers);
    out_count(out, a.missed);
    out_count(out, a.rejected);
    out_count(out, a.lost_races);
    out_time(out, a.ring_ms);
    out_time(out, a.talk_ms);
    out_time(out, a.hold_ms);
    out_time(out, a.wrap_ms);
    out_time(out,
             a.handles ? (v->today->talk_ms + v->today->hold_ms + v->today->wrap_ms) / a.handles : NEVER);
    out_time(out, a.idle_ms);
    out_count(out, a.pauses);
    out_time(out, a.pause_ms);
    out_time(out, a.other_ms);
    out_time(out, a.unreachable_ms);
    out_time(out, a.logged_in_ms);
    out_ratio(out, stats_occupancy(&a));
}

static int show_stats(struct request *r) {
    static const char *const parts[] = {"today", "queues", "agents"};
    size_t part = 0;
    for (; r->argc && part < ARRAY_LEN(parts); part++)
        if (!strncmp(parts[part], r->argv[0], strlen(r->argv[0])))
            break;
    if (part == ARRAY_LEN(parts))
        return request_fail(r, -EINVAL, "show stats: unknown part '%.40s'; expected today, queues or agents",
                            r->argv[0]);
    if (part != 2) {
        out_begin(&r->out, "queues", queue_columns, ARRAY_LEN(queue_columns), "no queues");
        floor_each_queue(r->env->floor, print_queue, &r->out);
        out_end(&r->out);
    }
    if (part != 1) {
        out_begin(&r->out, "agents", agent_columns, ARRAY_LEN(agent_columns), "no agents");
        floor_each_agent(r->env->floor, print_agent, &r->out);
        out_end(&r->out);
    }
    return 0;
}

static const struct command commands[] = {
    {"show stats", "[today | queues | agents]", "the day's figures (docs/kpi.md)", false, 0, 1, show_stats},
};
const struct command_table console_stats_commands = {commands, ARRAY_LEN(commands)};
