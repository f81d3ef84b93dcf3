/* SPDX-License-Identifier: Apache-2.0
 * The scenario of the program, and what scenarios are asked for. */
#include "sim/scenario.h"

#include "sim/plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS(n)                                                                                           \
    { DRAW_EXPONENTIAL, (n)*1000000ull, 0 }

const struct scenario scenario_default = {
    .day_us = 24 * 3600 * 1000000ull,
    .close_us = 1800 * 1000000ull,
    .interval_us = 1800 * 1000000ull,
    .calls = 20000,
    .persons = 20000,
    .every_queue = {.patience = SECONDS(120),
                    .talk = SECONDS(100),
                    .wrapup = SECONDS(8),
                    .hold = 0.1,
                    .done = 0.3,
                    .more = 0.05,
                    .exit_digit = '0',
                    .exit_share = 0.05,
                    .exit_after = SECONDS(30),
                    .again = 0.3,
                    .again_after = SECONDS(180)},
    .every_agent = {.answer = SECONDS(4),
                    .no_answer = 0.02,
                    .reject = 0.01,
                    .busy = 0.01,
                    .pause_per_hour = 0.5,
                    .pause = SECONDS(300),
                    .own_call_per_hour = 0.2,
                    .notice = SECONDS(60)},
    .faults = {.unreachable_per_hour = 0.1,
               .dead_per_hour = 0.02,
               .away_per_hour = 0.05,
               .caller_lost = 0.01,
               .lost_invite = 0.005,
               .lost_answer = 0.002,
               .late_answer = 0.2,
               .no_ringing = 0.02,
               .duplicate = 0.01,
               .database_away = 0.02,
               .late_loop = 0.1,
               .late_loop_us = 20000,
               .stray_per_hour = 0.05,
               .nonsense = 0.02,
               .clock_jumps = 2,
               .reloads = 4},
    .check = true,
};

const struct scenario scenario_plain = {
    .day_us = 24 * 3600 * 1000000ull,
    .close_us = 1800 * 1000000ull,
    .interval_us = 1800 * 1000000ull,
    .persons = 20000,
    .every_queue = {.patience = SECONDS(120),
                    .talk = SECONDS(180),
                    .wrapup = SECONDS(10),
                    .again_after = SECONDS(180),
                    .exit_after = SECONDS(30)},
    .every_agent = {.answer = SECONDS(4), .pause = SECONDS(300), .notice = SECONDS(60)},
    .faults = {.late_loop_us = 20000},
    .check = true,
};

const double scenario_two_peaks[24] = {0.2, 0.1, 0.1, 0.1, 0.1, 0.3, 1, 3, 7, 10,  11, 9,
                                       7,   8,   10,  9,   7,   5,   4, 3, 2, 1.5, 1,  0.6};

double *scenario_spread(double calls, const double *weight, uint32_t count) {
    double *out = calloc(count, sizeof *out), sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += weight[i];
    for (uint32_t i = 0; out && sum > 0 && i < count; i++) {
        double share = weight[i] / sum;
        out[i] = calls * share;
    }
    return out;
}

void scenario_done(struct scenario *s) {
    for (uint32_t i = 0; i < s->arrivals_count; i++)
        free(s->arrivals[i].count);
    for (uint32_t i = 0; i < s->shift_count; i++)
        free(s->shift[i].ids);
    for (uint32_t i = 0; i < s->act_count; i++) {
        free(s->act[i].agents);
        free(s->act[i].path);
    }
    free(s->arrivals);
    free(s->queue);
    free(s->shift);
    free(s->act);
    free(s->path);
    *s = scenario_plain;
}

const struct queue_habits *scenario_queue(const struct scenario *s, const char *name) {
    for (uint32_t i = 0; i < s->queue_count; i++)
        if (!strcmp(s->queue[i].name, name))
            return &s->queue[i];
    return &s->every_queue;
}

/* ---- "1001-1030, 1040" ---- */

static bool in_range(const char *first, size_t first_length, const char *last, size_t last_length,
                     const char *id) {
    size_t length = strlen(id);
    /* numbers of one length compare as texts */
    return length == first_length && length == last_length && strncmp(id, first, length) >= 0 &&
           strncmp(id, last, length) <= 0;
}

bool scenario_names(const char *ids, const char *id) {
    static const char gap[] = ", \t\n";
    if (!ids || !strcmp(ids, "*"))
        return true;
    for (const char *at = ids + strspn(ids, gap); *at; at += strspn(at, gap)) {
        size_t length = strcspn(at, gap);
        const char *dash = memchr(at, '-', length);
        if ((length == strlen(id) && !strncmp(at, id, length)) ||
            (dash && in_range(at, (size_t)(dash - at), dash + 1, length - (size_t)(dash + 1 - at), id)))
            return true;
        at += length;
    }
    return false;
}

bool scenario_names_any(const char *ids, const struct conf *conf) {
    for (uint32_t i = 0; i < conf->agent_count; i++)
        if (scenario_names(ids, conf->agent[i].id))
            return true;
    return false;
}

/* ---- does it fit the configuration? ---- */

struct fitting {
    const struct scenario *scenario;
    scenario_error_fn *errors;
    void *arg;
    uint32_t problems;
};

PRINTF_LIKE(3, 4) static void tell(struct fitting *f, int line, const char *format, ...) {
    char text[256], message[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(message, sizeof message, "%s:%d: %s", f->scenario->path ? f->scenario->path : "scenario", line,
             text);
    f->errors(f->arg, message);
    f->problems++;
}

static void check_queue(struct fitting *f, int line, const struct conf *conf, const char *name) {
    if (*name && !conf_find_queue(conf, name))
        tell(f, line, "queue '%s': the configuration has no such queue", name);
}

static void check_agents(struct fitting *f, int line, const struct conf *conf, const char *ids) {
    if (!scenario_names_any(ids, conf))
        tell(f, line, "agents '%s': the configuration has none of them", ids ? ids : "");
}

static void check_arrivals(struct fitting *f, const struct conf *conf, const struct arrivals *a) {
    struct way way;
    struct route route;
    check_queue(f, a->line, conf, a->queue);
    memcpy(way.number, a->number, sizeof way.number);
    memcpy(way.queue, a->queue, sizeof way.queue);
    memcpy(way.digits, a->digits, sizeof way.digits);
    if (*a->queue && !conf_find_queue(conf, a->queue))
        return;
    if (!plan_route(conf, &way, &route))
        tell(f, a->line, *a->queue ? "no number leads to queue '%s'" : "number '%s' leads nowhere",
             *a->queue ? a->queue : a->number);
}

static void check_act(struct fitting *f, const struct conf *conf, const struct act *act) {
    bool known = act->kind != ACT_SKILL;
    if (act->kind == ACT_CLOSE || act->kind == ACT_OPEN)
        check_queue(f, act->line, conf, act->queue);
    else if (act->kind != ACT_RELOAD)
        check_agents(f, act->line, conf, act->agents);
    for (uint32_t i = 0; i < conf->skill_count && !known; i++)
        known = !strcmp(conf->skill_name[i], act->skill);
    if (!known)
        tell(f, act->line, "skill '%s': the configuration has no such skill", act->skill);
}

int scenario_check(const struct scenario *s, const struct conf *conf, scenario_error_fn *errors, void *arg) {
    struct fitting f = {s, errors, arg, 0};
    for (uint32_t i = 0; i < s->arrivals_count; i++)
        check_arrivals(&f, conf, &s->arrivals[i]);
    for (uint32_t i = 0; i < s->queue_count; i++)
        check_queue(&f, s->queue[i].line, conf, s->queue[i].name);
    for (uint32_t i = 0; i < s->shift_count; i++)
        check_agents(&f, s->shift[i].line, conf, s->shift[i].ids);
    for (uint32_t i = 0; i < s->act_count; i++)
        check_act(&f, conf, &s->act[i]);
    return f.problems ? -EINVAL : 0;
}
