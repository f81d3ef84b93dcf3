/* SPDX-License-Identifier: Apache-2.0
 * The callers of a day, drawn before it begins; and the way through numbers and menus to a queue. */
#include "sim/plan.h"

#include "sim/world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_PERSON = 1, STREAM_GAPS, STREAM_CALLER };
enum { THINK_US = 500000 };

int plan_add(struct plan *plan, const struct caller *caller) {
    if (plan->caller_count == plan->caller_capacity) {
        uint32_t capacity = plan->caller_capacity ? 2 * plan->caller_capacity : 1024;
        struct caller *bigger = realloc(plan->caller, capacity * sizeof *bigger);
        if (!bigger)
            return -ENOMEM;
        plan->caller = bigger;
        plan->caller_capacity = capacity;
    }
    plan->caller[plan->caller_count++] = *caller;
    return 0;
}

uint32_t plan_way(struct plan *plan, const struct way *way) {
    for (uint32_t i = 0; i < plan->way_count; i++)
        if (!strcmp(plan->way[i].number, way->number) && !strcmp(plan->way[i].queue, way->queue) &&
            !strcmp(plan->way[i].digits, way->digits))
            return i + 1;
    struct way *bigger = realloc(plan->way, (plan->way_count + 1) * sizeof *bigger);
    if (!bigger)
        return 0;
    plan->way = bigger;
    plan->way[plan->way_count++] = *way;
    return plan->way_count;
}

static int by_time(const void *a, const void *b) {
    const struct caller *x = a, *y = b;
    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    return x->stream < y->stream ? -1 : x->stream > y->stream;
}

void plan_sort(struct plan *plan) {
    if (plan->caller_count)
        qsort(plan->caller, plan->caller_count, sizeof *plan->caller, by_time);
}

void plan_free(struct plan *plan) {
    if (!plan)
        return;
    free(plan->caller);
    free(plan->way);
    free(plan->duty);
    free(plan);
}

/* ---- drawing ---- */

struct drawing {
    struct plan *plan;
    const struct scenario *scenario;
    uint64_t seed, gaps, group, calls;
    uint32_t way;
};

static int comes(struct drawing *d, uint64_t at_us) {
    struct caller caller = {.at_us = at_us,
                            .stream = draw_key(d->seed, STREAM_CALLER, d->group << 40 | d->calls++),
                            .way = d->way,
                            .exit_us = NEVER,
                            .patience_us = NEVER,
                            .talk_us = NEVER,
                            .wrap_us = NEVER,
                            .ring_us = NEVER};
    uint64_t person = draw_key(caller.stream, STREAM_PERSON, 0);
    caller.person = (uint32_t)draw_below(&person, d->scenario->persons);
    return plan_add(d->plan, &caller);
}

/* One interval: so many calls exactly, or a Poisson process of that rate. */
static int draw_interval(struct drawing *d, uint64_t from_us, uint64_t length_us, double count, bool exact) {
    int err = 0;
    if (exact) {
        for (uint64_t left = (uint64_t)(count + 0.5); left && !err; left--)
            err = comes(d, from_us + (length_us >> 16) * draw_below(&d->gaps, 65536) +
                               draw_below(&d->gaps, (length_us >> 16) + 1));
        return err;
    }
    if (count <= 0)
        return 0;
    uint64_t gap_us = (uint64_t)((double)length_us / count);
    for (uint64_t at = draw_exponential(&d->gaps, gap_us); at < length_us && !err;
         at += draw_exponential(&d->gaps, gap_us))
        err = comes(d, from_us + at);
    return err;
}

static int draw_arrivals(struct drawing *d, const struct arrivals *a) {
    uint64_t begin_us = d->plan->begin_us, end_us = begin_us + d->plan->day_us;
    int err = 0;
    for (uint32_t i = 0; i < a->intervals && !err; i++) {
        uint64_t from_us = a->from_us + i * a->interval_us;
        if (from_us >= begin_us && from_us + a->interval_us <= end_us)
            err = draw_interval(d, from_us - begin_us, a->interval_us, a->count[i], a->exact);
    }
    return err;
}

static int draw_all(struct plan *plan, const struct scenario *s, uint64_t seed) {
    struct drawing d = {.plan = plan, .scenario = s, .seed = seed};
    int err = 0;
    for (uint32_t i = 0; i < s->arrivals_count && !err; i++) {
        const struct arrivals *a = &s->arrivals[i];
        struct way way;
        memcpy(way.number, a->number, sizeof way.number);
        memcpy(way.queue, a->queue, sizeof way.queue);
        memcpy(way.digits, a->digits, sizeof way.digits);
        d.way = plan_way(plan, &way);
        d.gaps = draw_key(seed, STREAM_GAPS, i + 1);
        d.group = i + 1;
        d.calls = 0;
        err = d.way ? draw_arrivals(&d, a) : -ENOMEM;
    }
    if (s->arrivals_count)
        return err;
    double *count = scenario_spread(s->calls, scenario_two_peaks, ARRAY_LEN(scenario_two_peaks));
    struct arrivals any = {.from_us = s->begin_us,
                           .interval_us = s->day_us / ARRAY_LEN(scenario_two_peaks),
                           .count = count,
                           .intervals = ARRAY_LEN(scenario_two_peaks)};
    d.gaps = draw_key(seed, STREAM_GAPS, 0);
    err = count ? draw_arrivals(&d, &any) : -ENOMEM;
    free(count);
    return err;
}

int plan_make(struct plan **pp, const struct conf *conf, const struct scenario *scenario, uint64_t seed) {
    struct plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return -ENOMEM;
    plan->conf = conf;
    plan->begin_us = scenario->begin_us;
    plan->day_us = scenario->day_us;
    plan->persons = scenario->persons;
    plan->close_us = scenario->close_us;
    plan->wall_us = 1772409600ull * 1000000 + scenario->begin_us; /* 2026-03-02 UTC */
    int err = draw_all(plan, scenario, seed);
    if (err) {
        plan_free(plan);
        return err;
    }
    plan_sort(plan);
    *pp = plan;
    return 0;
}

/* ---- ways ---- */

/* A number that `entry` matches: itself, or something for its star; and no longer match takes it away. */
static bool dialled(const struct conf *conf, const struct conf_number *entry, char *out, size_t size) {
    size_t length = strlen(entry->number);
    str_copy(out, size, entry->number);
    if (!length || entry->number[length - 1] != '*')
        return conf_route(conf, out) == entry;
    for (int digit = '0'; digit <= '9'; digit++) {
        if (length > 1)
            out[length - 1] = (char)digit;
        else
            str_copy(out, size, (char[]){(char)digit, '1', 0});
        if (conf_route(conf, out) == entry)
            return true;
    }
    return false;
}

/* When a digit may be pressed after the menu has begun. */
static uint64_t pressing_us(const struct conf_menu *menu) {
    uint64_t prompts = (*menu->welcome != 0) + (*menu->prompt != 0);
    return THINK_US + (menu->barge_in ? 0 : prompts * FAKE_PROMPT_US);
}

static uint32_t choice_of(char digit) {
    return digit == '*' ? 10 : digit == '#' ? 11 : (uint32_t)(digit - '0');
}

/* Depth first, shallow ways first: `left` digits may be pressed. */
static bool find_digits(const struct conf *conf, const struct conf_target *from, uint32_t queue, char *digits,
                        uint32_t left) {
    if (from->kind == CONF_TARGET_QUEUE)
        return from->id == queue && !left;
    const struct conf_menu *menu = from->kind == CONF_TARGET_MENU ? conf_menu(conf, from->id) : NULL;
    if (!menu || !left)
        return false;
    for (uint32_t i = 0; i < CONF_DIGITS; i++) {
        *digits = "0123456789*#"[i];
        if (find_digits(conf, &menu->choice[i], queue, digits + 1, left - 1))
            return true;
    }
    *digits = 0;
    return false;
}

static bool leads_to(const struct conf *conf, const struct conf_number *entry, uint32_t queue, char *digits) {
    for (uint32_t depth = 0; depth < 4; depth++) {
        memset(digits, 0, SCENARIO_DIGITS);
        if (find_digits(conf, &entry->target, queue, digits, depth))
            return true;
    }
    return false;
}

static void time_digits(const struct conf *conf, const char *digits, struct route *out) {
    const struct conf_number *entry = conf_route(conf, out->number);
    struct conf_target at = entry ? entry->target : (struct conf_target){0};
    memset(out->digit, 0, sizeof out->digit);
    out->total_us = 0;
    for (uint32_t i = 0; digits[i] && i + 1 < SCENARIO_DIGITS && at.kind == CONF_TARGET_MENU; i++) {
        const struct conf_menu *menu = conf_menu(conf, at.id);
        out->digit[i] = digits[i];
        out->after_us[i] = menu ? pressing_us(menu) : THINK_US;
        out->total_us += out->after_us[i];
        at = menu ? menu->choice[choice_of(digits[i])] : (struct conf_target){0};
    }
}

bool plan_route(const struct conf *conf, const struct way *way, struct route *out) {
    char digits[SCENARIO_DIGITS];
    uint32_t queue = conf_find_queue(conf, way->queue);
    *out = (struct route){0};
    str_copy(out->number, sizeof out->number, way->number);
    const struct conf_number *entry = *way->number ? conf_route(conf, way->number) : NULL;
    if (!*way->queue || !queue) { /* as it is, for better or worse */
        time_digits(conf, way->digits, out);
        return entry != NULL;
    }
    if (entry && leads_to(conf, entry, queue, digits)) {
        time_digits(conf, digits, out);
        return true;
    }
    for (uint32_t i = 0; i < conf->number_count; i++)
        if (leads_to(conf, &conf->number[i], queue, digits) &&
            dialled(conf, &conf->number[i], out->number, sizeof out->number)) {
            time_digits(conf, digits, out);
            return true;
        }
    return false;
}
