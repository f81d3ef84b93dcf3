/* SPDX-License-Identifier: Apache-2.0
 * Scenario files: tables of options, each problem with file and line. */
#include "sim/scenario.h"

#include <errno.h>
#include <libconfig.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const char *path;
    scenario_error_fn *errors;
    void *arg;
    uint32_t problems;
    bool no_memory;
    struct scenario *scenario;
};

PRINTF_LIKE(3, 4) static void tell(struct reader *r, const config_setting_t *at, const char *format, ...) {
    char text[300], message[800];
    const char *file = config_setting_source_file(at);
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(message, sizeof message, "%s:%u: %s", file ? file : r->path, config_setting_source_line(at),
             text);
    if (r->problems++ < 50)
        r->errors(r->arg, message);
}

/* ---- kinds of values ---- */

enum kind {
    NUMBER,  /* double, not negative */
    SHARE,   /* double, 0..1 */
    WHOLE,   /* uint32_t */
    SECONDS, /* uint64_t us */
    MINUTES,
    HOURS,
    OF_DAY, /* "HH:MM", uint64_t us */
    DRAW,   /* seconds, or a group */
    BOOL,
    TEXT, /* char[NAME_LEN] */
    DIGITS,
    DIGIT,
};
struct option {
    const char *name;
    enum kind kind;
    size_t offset;
};

static bool is_number(const config_setting_t *at) {
    int type = config_setting_type(at);
    return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64 || type == CONFIG_TYPE_FLOAT;
}

static double number(struct reader *r, const config_setting_t *at, double most, const char *expected) {
    double value = is_number(at) ? config_setting_get_float(at) : -1;
    if (value >= 0 && value <= most && isfinite(value))
        return value;
    tell(r, at, "%s: expected %s", config_setting_name(at), expected);
    return 0;
}

static uint64_t of_day(struct reader *r, const config_setting_t *at) {
    const char *text = config_setting_get_string(at);
    unsigned hour, minute;
    char rest;
    if (text && sscanf(text, "%2u:%2u%c", &hour, &minute, &rest) == 2 && hour <= 48 && minute < 60)
        return (hour * 60 + minute) * 60000000ull;
    tell(r, at, "%s: expected a time of the day, such as \"08:30\" (after midnight: \"25:00\")",
         config_setting_name(at));
    return 0;
}

static void text(struct reader *r, const config_setting_t *at, char *out, size_t size, const char *allowed) {
    const char *value = config_setting_get_string(at);
    if (!value || str_copy(out, size, value) || (allowed && strspn(value, allowed) != strlen(value)))
        tell(r, at, "%s: expected %s", config_setting_name(at),
             allowed ? "digits in quotes" : "a short text in quotes");
}

static void draw(struct reader *r, const config_setting_t *at, struct draw *out) {
    static const char *const kinds[] = {"exponential", "lognormal", "fixed"};
    const char *expected = "a mean in seconds, or { mean = 180; cv = 0.8; kind = \"lognormal\"; }";
    if (is_number(at)) {
        *out = (struct draw){DRAW_EXPONENTIAL, (uint64_t)(number(r, at, 1e6, expected) * 1e6), 0};
        return;
    }
    if (!config_setting_is_group(at)) {
        tell(r, at, "%s: expected %s", config_setting_name(at), expected);
        return;
    }
    *out = (struct draw){DRAW_EXPONENTIAL, 0, 1};
    bool has_mean = false, has_kind = false;
    for (int i = 0; i < config_setting_length(at); i++) {
        const config_setting_t *one = config_setting_get_elem(at, (unsigned)i);
        const char *name = config_setting_name(one), *kind = config_setting_get_string(one);
        if (!strcmp(name, "mean")) {
            out->mean_us = (uint64_t)(number(r, one, 1e6, "seconds") * 1e6);
            has_mean = true;
        } else if (!strcmp(name, "cv")) {
            out->cv = number(r, one, 10, "standard deviation / mean, at most 10");
            out->kind = has_kind ? out->kind : DRAW_LOGNORMAL;
        } else if (!strcmp(name, "kind")) {
            for (out->kind = 0; kind && out->kind < ARRAY_LEN(kinds); out->kind++)
                if (!strcmp(kinds[out->kind], kind))
                    break;
            has_kind = true;
            if (!kind || out->kind == ARRAY_LEN(kinds)) {
                tell(r, one, "kind: expected \"exponential\", \"lognormal\" or \"fixed\"");
                out->kind = DRAW_FIXED;
            }
        } else {
            tell(r, one, "unknown option '%s' (expected mean, cv, kind)", name);
        }
    }
    if (!has_mean)
        tell(r, at, "%s: has no mean", config_setting_name(at));
}

static void take(struct reader *r, const config_setting_t *at, const struct option *o, char *into) {
    void *place = into + o->offset;
    switch (o->kind) {
    case NUMBER:
        *(double *)place = number(r, at, 1e9, "a number, not negative");
        break;
    case SHARE:
        *(double *)place = number(r, at, 1, "a share, 0.0 to 1.0");
        break;
    case WHOLE:
        *(uint32_t *)place = (uint32_t)number(r, at, 1e9, "a whole number");
        break;
    case SECONDS:
        *(uint64_t *)place = (uint64_t)(number(r, at, 1e6, "seconds") * 1e6);
        break;
    case MINUTES:
        *(uint64_t *)place = (uint64_t)(number(r, at, 1e5, "minutes") * 60e6);
        break;
    case HOURS:
        *(uint64_t *)place = (uint64_t)(number(r, at, 1000, "hours") * 3600e6);
        break;
    case OF_DAY:
        *(uint64_t *)place = of_day(r, at);
        break;
    case DRAW:
        draw(r, at, place);
        break;
    case BOOL:
        *(bool *)place = config_setting_get_bool(at);
        if (config_setting_type(at) != CONFIG_TYPE_BOOL)
            tell(r, at, "%s: expected true or false", config_setting_name(at));
        break;
    case TEXT:
        text(r, at, place, NAME_LEN, NULL);
        break;
    case DIGITS:
        text(r, at, place, SCENARIO_DIGITS, "0123456789*#");
        break;
    case DIGIT: {
        char digit[2] = "";
        text(r, at, digit, sizeof digit, "0123456789*#");
        *(char *)place = digit[0];
        break;
    }
    }
}

/* ---- tables ---- */

struct table {
    const struct option *option;
    size_t count;
    size_t base; /* of the struct the offsets count from */
};

static bool take_from(struct reader *r, const config_setting_t *at, const struct table *tables, size_t count,
                      void *into) {
    for (size_t t = 0; t < count; t++)
        for (size_t i = 0; i < tables[t].count; i++)
            if (!strcmp(tables[t].option[i].name, config_setting_name(at))) {
                take(r, at, &tables[t].option[i], (char *)into + tables[t].base);
                return true;
            }
    return false;
}

static void unknown(struct reader *r, const config_setting_t *at, const struct table *tables, size_t count,
                    const char *others) {
    char list[240] = "";
    for (size_t t = 0; t < count; t++)
        for (size_t i = 0; i < tables[t].count; i++) {
            size_t used = strlen(list);
            snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", tables[t].option[i].name);
        }
    tell(r, at, "unknown option '%s' (expected %s%s)", config_setting_name(at), list, others);
}

#define QUEUE(field) offsetof(struct queue_habits, field)
static const struct option queue_options[] = {
    {"patience_s", DRAW, QUEUE(patience)},     {"talk_s", DRAW, QUEUE(talk)},
    {"wrapup_s", DRAW, QUEUE(wrapup)},         {"hold", SHARE, QUEUE(hold)},
    {"wrapup_done", SHARE, QUEUE(done)},       {"wrapup_more", SHARE, QUEUE(more)},
    {"call_again", SHARE, QUEUE(again)},       {"call_again_s", DRAW, QUEUE(again_after)},
    {"exit_digit", DIGIT, QUEUE(exit_digit)},  {"exit", SHARE, QUEUE(exit_share)},
    {"exit_after_s", DRAW, QUEUE(exit_after)},
};
#define AGENT(field) offsetof(struct agent_habits, field)
static const struct option agent_options[] = {
    {"answer_s", DRAW, AGENT(answer)},
    {"no_answer", SHARE, AGENT(no_answer)},
    {"reject", SHARE, AGENT(reject)},
    {"busy", SHARE, AGENT(busy)},
    {"pause_per_hour", NUMBER, AGENT(pause_per_hour)},
    {"pause_s", DRAW, AGENT(pause)},
    {"own_call_per_hour", NUMBER, AGENT(own_call_per_hour)},
    {"notice_s", DRAW, AGENT(notice)},
};
#define FAULT(field) offsetof(struct faults, field)
static const struct option fault_options[] = {
    {"unreachable_per_hour", NUMBER, FAULT(unreachable_per_hour)},
    {"dead_per_hour", NUMBER, FAULT(dead_per_hour)},
    {"away_per_hour", NUMBER, FAULT(away_per_hour)},
    {"caller_lost", SHARE, FAULT(caller_lost)},
    {"lost_invite", SHARE, FAULT(lost_invite)},
    {"lost_answer", SHARE, FAULT(lost_answer)},
    {"late_answer", SHARE, FAULT(late_answer)},
    {"no_ringing", SHARE, FAULT(no_ringing)},
    {"duplicate", SHARE, FAULT(duplicate)},
    {"lost_report", SHARE, FAULT(lost_report)},
    {"database_away", SHARE, FAULT(database_away)},
    {"late_loop", SHARE, FAULT(late_loop)},
    {"late_loop_s", SECONDS, FAULT(late_loop_us)},
    {"stray_per_hour", NUMBER, FAULT(stray_per_hour)},
    {"nonsense", SHARE, FAULT(nonsense)},
    {"clock_jumps", WHOLE, FAULT(clock_jumps)},
    {"reloads", WHOLE, FAULT(reloads)},
    {"reload_ringing", SHARE, FAULT(reload_ringing)},
};
#define DAY(field) offsetof(struct scenario, field)
static const struct option day_options[] = {
    {"begin", OF_DAY, DAY(begin_us)},      {"hours", HOURS, DAY(day_us)},
    {"close_min", MINUTES, DAY(close_us)}, {"interval_min", MINUTES, DAY(interval_us)},
    {"calls", WHOLE, DAY(calls)},          {"persons", WHOLE, DAY(persons)},
    {"check", BOOL, DAY(check)},
};
/* Names of the first scenarios. */
static const struct option older_options[] = {
    {"day_hours", HOURS, DAY(day_us)},
    {"talk_mean_s", DRAW, DAY(every_queue.talk)},
    {"patience_mean_s", DRAW, DAY(every_queue.patience)},
    {"answer_mean_s", DRAW, DAY(every_agent.answer)},
    {"wrap_done_share", SHARE, DAY(every_queue.done)},
    {"hold_share", SHARE, DAY(every_queue.hold)},
    {"unreachable_per_hour", NUMBER, DAY(faults.unreachable_per_hour)},
    {"late_answer_share", SHARE, DAY(faults.late_answer)},
    {"database_away_share", SHARE, DAY(faults.database_away)},
    {"reloads", WHOLE, DAY(faults.reloads)},
};
#define TABLE(options, base)                                                                                 \
    { options, ARRAY_LEN(options), base }

/* ---- lists ---- */

/* The settings of a list of groups, each into a new item; NULL and problems told otherwise. */
static void *new_list(struct reader *r, const config_setting_t *at, size_t size, uint32_t *count) {
    void *list = NULL;
    *count = 0;
    bool good = config_setting_is_list(at);
    for (int i = 0; good && i < config_setting_length(at); i++)
        good = config_setting_is_group(config_setting_get_elem(at, (unsigned)i));
    if (!good) {
        tell(r, at, "%s: expected a list of groups: ( { ... }, { ... } )", config_setting_name(at));
    } else if (config_setting_length(at)) {
        list = calloc((size_t)config_setting_length(at), size);
        if (list)
            *count = (uint32_t)config_setting_length(at);
        else
            r->no_memory = true;
    }
    return list;
}

static char *own_text(struct reader *r, const config_setting_t *at) {
    const char *value = config_setting_get_string(at);
    char *copy = value ? strdup(value) : NULL;
    if (!value)
        tell(r, at, "%s: expected a text in quotes", config_setting_name(at));
    else if (!copy)
        r->no_memory = true;
    return copy;
}

static double *numbers(struct reader *r, const config_setting_t *at, uint32_t *count) {
    int length = config_setting_length(at);
    if ((!config_setting_is_array(at) && !config_setting_is_list(at)) || !length || length > 10000) {
        tell(r, at, "%s: expected numbers: [ 12, 30, 45 ]", config_setting_name(at));
        return NULL;
    }
    double *list = calloc((size_t)length, sizeof *list);
    if (!list) {
        r->no_memory = true;
        return NULL;
    }
    for (int i = 0; i < length; i++) {
        const config_setting_t *one = config_setting_get_elem(at, (unsigned)i);
        list[i] = is_number(one) ? config_setting_get_float(one) : -1;
        if (!(list[i] >= 0 && list[i] < 1e9))
            tell(r, at, "%s: its number %d is none, or is negative", config_setting_name(at), i + 1);
    }
    *count = (uint32_t)length;
    return list;
}

static const struct option arrivals_options[] = {
    {"queue", TEXT, offsetof(struct arrivals, queue)},
    {"number", TEXT, offsetof(struct arrivals, number)},
    {"digits", DIGITS, offsetof(struct arrivals, digits)},
    {"from", OF_DAY, offsetof(struct arrivals, from_us)},
    {"interval_min", MINUTES, offsetof(struct arrivals, interval_us)},
    {"exact", BOOL, offsetof(struct arrivals, exact)},
};

struct spreading { /* counts that are still to be made */
    double calls;
    double *weight;
    uint32_t weights;
    bool has_from, flat;
};

static void read_profile(struct reader *r, const config_setting_t *at, struct spreading *s) {
    const char *name = config_setting_get_string(at);
    if (!name)
        s->weight = numbers(r, at, &s->weights);
    else if (!strcmp(name, "flat"))
        s->flat = true;
    else if (strcmp(name, "two_peaks") != 0)
        tell(r, at, "profile: expected \"two_peaks\", \"flat\" or weights: [ 1, 3, 2 ]");
}

/* calls and profile become counts over the whole day. */
static void spread(struct reader *r, struct arrivals *a, const struct spreading *s) {
    static const double flat[] = {1};
    const double *weight = s->weight ? s->weight : s->flat ? flat : scenario_two_peaks;
    uint32_t count = s->weight ? s->weights : s->flat ? 1 : ARRAY_LEN(scenario_two_peaks);
    a->count = scenario_spread(s->calls, weight, count);
    a->intervals = a->count ? count : 0;
    a->from_us = r->scenario->begin_us;
    a->interval_us = r->scenario->day_us / count;
    r->no_memory = r->no_memory || !a->count;
}

static void read_arrivals(struct reader *r, const config_setting_t *list) {
    static const struct table tables[] = {TABLE(arrivals_options, 0)};
    struct scenario *s = r->scenario;
    s->arrivals = new_list(r, list, sizeof *s->arrivals, &s->arrivals_count);
    for (uint32_t i = 0; i < s->arrivals_count; i++) {
        const config_setting_t *group = config_setting_get_elem(list, i);
        struct arrivals *a = &s->arrivals[i];
        struct spreading spreading = {.calls = -1};
        a->line = (int)config_setting_source_line(group);
        a->from_us = NEVER;
        a->interval_us = 1800000000;
        for (int k = 0; k < config_setting_length(group); k++) {
            const config_setting_t *one = config_setting_get_elem(group, (unsigned)k);
            if (!strcmp(config_setting_name(one), "counts") && !a->count)
                a->count = numbers(r, one, &a->intervals);
            else if (!strcmp(config_setting_name(one), "calls"))
                spreading.calls = number(r, one, 1e8, "a number of calls");
            else if (!strcmp(config_setting_name(one), "profile"))
                read_profile(r, one, &spreading);
            else if (!take_from(r, one, tables, 1, a))
                unknown(r, one, tables, 1, ", counts, calls, profile");
        }
        if (a->from_us == NEVER)
            a->from_us = s->begin_us;
        if (!*a->queue && !*a->number)
            tell(r, group, "arrivals: expected a queue or a number");
        if ((a->count != NULL) == (spreading.calls >= 0))
            tell(r, group, "arrivals: expected either counts or calls");
        else if (!a->count)
            spread(r, a, &spreading);
        if (!a->interval_us)
            tell(r, group, "arrivals: interval_min may not be 0");
        free(spreading.weight);
    }
}

/* Who says how long the work after a call takes means that wrap-up ends with it. */
static void done_when_given(const config_setting_t *group, struct queue_habits *habits) {
    if (config_setting_get_member(group, "wrapup_s") && !config_setting_get_member(group, "wrapup_done"))
        habits->done = 1;
}

static void read_queues(struct reader *r, const config_setting_t *list) {
    static const struct option name[] = {{"name", TEXT, QUEUE(name)}};
    static const struct table tables[] = {TABLE(name, 0), TABLE(queue_options, 0)};
    struct scenario *s = r->scenario;
    s->queue = new_list(r, list, sizeof *s->queue, &s->queue_count);
    for (uint32_t i = 0; i < s->queue_count; i++) {
        const config_setting_t *group = config_setting_get_elem(list, i);
        s->queue[i] = s->every_queue;
        s->queue[i].line = (int)config_setting_source_line(group);
        for (int k = 0; k < config_setting_length(group); k++) {
            const config_setting_t *one = config_setting_get_elem(group, (unsigned)k);
            if (!take_from(r, one, tables, ARRAY_LEN(tables), &s->queue[i]))
                unknown(r, one, tables, ARRAY_LEN(tables), "");
        }
        done_when_given(group, &s->queue[i]);
        if (!*s->queue[i].name)
            tell(r, group, "queues: a queue without a name");
    }
}

static void read_breaks(struct reader *r, const config_setting_t *list, struct shift *shift) {
    static const struct option options[] = {
        {"at", OF_DAY, offsetof(struct shift_break, at_us)},
        {"min", MINUTES, offsetof(struct shift_break, length_us)},
        {"stagger_min", MINUTES, offsetof(struct shift_break, stagger_us)},
        {"reason", TEXT, offsetof(struct shift_break, reason)},
    };
    static const struct table tables[] = {TABLE(options, 0)};
    uint32_t count = 0;
    struct shift_break *all = new_list(r, list, sizeof *all, &count);
    if (count > SCENARIO_BREAKS)
        tell(r, list, "breaks: at most %d", SCENARIO_BREAKS);
    for (uint32_t i = 0; i < count && i < SCENARIO_BREAKS; i++) {
        const config_setting_t *group = config_setting_get_elem(list, i);
        for (int k = 0; k < config_setting_length(group); k++)
            if (!take_from(r, config_setting_get_elem(group, (unsigned)k), tables, 1, &all[i]))
                unknown(r, config_setting_get_elem(group, (unsigned)k), tables, 1, "");
        if (!all[i].length_us)
            tell(r, group, "breaks: expected at and min");
        shift->rest[shift->break_count++] = all[i];
    }
    free(all);
}

static void read_agents(struct reader *r, const config_setting_t *list) {
    static const struct option options[] = {
        {"login", OF_DAY, offsetof(struct shift, login_us)},
        {"logout", OF_DAY, offsetof(struct shift, logout_us)},
    };
    static const struct table tables[] = {TABLE(options, 0),
                                          TABLE(agent_options, offsetof(struct shift, habits))};
    struct scenario *s = r->scenario;
    s->shift = new_list(r, list, sizeof *s->shift, &s->shift_count);
    for (uint32_t i = 0; i < s->shift_count; i++) {
        const config_setting_t *group = config_setting_get_elem(list, i);
        struct shift *shift = &s->shift[i];
        *shift = (struct shift){.login_us = s->begin_us,
                                .logout_us = NEVER,
                                .habits = s->every_agent,
                                .line = (int)config_setting_source_line(group)};
        for (int k = 0; k < config_setting_length(group); k++) {
            const config_setting_t *one = config_setting_get_elem(group, (unsigned)k);
            if (!strcmp(config_setting_name(one), "ids") && !shift->ids)
                shift->ids = own_text(r, one);
            else if (!strcmp(config_setting_name(one), "breaks"))
                read_breaks(r, one, shift);
            else if (!take_from(r, one, tables, ARRAY_LEN(tables), shift))
                unknown(r, one, tables, ARRAY_LEN(tables), ", ids, breaks");
        }
        if (!shift->ids)
            tell(r, group, "agents: expected ids, such as \"1001-1030, 1040\" or \"*\"");
        if (shift->logout_us <= shift->login_us)
            tell(r, group, "agents: logout is not after login");
    }
}

static void read_acts(struct reader *r, const config_setting_t *list) {
    static const char *const kinds[ACTS] = {"close",  "open",  "skill",   "login",
                                            "logout", "pause", "unpause", "reload"};
    static const struct option options[] = {
        {"at", OF_DAY, offsetof(struct act, at_us)},
        {"queue", TEXT, offsetof(struct act, queue)},
        {"skill", TEXT, offsetof(struct act, skill)},
        {"reason", TEXT, offsetof(struct act, reason)},
    };
    static const struct table tables[] = {TABLE(options, 0)};
    struct scenario *s = r->scenario;
    s->act = new_list(r, list, sizeof *s->act, &s->act_count);
    for (uint32_t i = 0; i < s->act_count; i++) {
        const config_setting_t *group = config_setting_get_elem(list, i);
        struct act *act = &s->act[i];
        *act = (struct act){.kind = ACTS, .at_us = NEVER, .line = (int)config_setting_source_line(group)};
        for (int k = 0; k < config_setting_length(group); k++) {
            const config_setting_t *one = config_setting_get_elem(group, (unsigned)k);
            const char *name = config_setting_name(one), *word = config_setting_get_string(one);
            if (!strcmp(name, "act")) {
                for (act->kind = 0; act->kind < ACTS && (!word || strcmp(kinds[act->kind], word) != 0);)
                    act->kind++;
            } else if (!strcmp(name, "agents") && !act->agents) {
                act->agents = own_text(r, one);
            } else if (!strcmp(name, "conf") && !act->path) {
                act->path = own_text(r, one);
            } else if (!strcmp(name, "level")) {
                act->level = config_setting_get_int(one);
                if (act->level < -1 || act->level > 10)
                    tell(r, one, "level: expected 0 to 10, or -1 (as configured)");
            } else if (!take_from(r, one, tables, 1, act)) {
                unknown(r, one, tables, 1, ", act, agents, level, conf");
            }
        }
        if (act->kind == ACTS || act->at_us == NEVER)
            tell(r, group,
                 "acts: expected at, and act: close, open, skill, login, logout, pause, unpause, reload");
        else if (act->kind <= ACT_OPEN ? !*act->queue : act->kind == ACT_RELOAD ? !act->path : !act->agents)
            tell(r, group, "acts: %s wants %s", kinds[act->kind],
                 act->kind <= ACT_OPEN     ? "a queue"
                 : act->kind == ACT_RELOAD ? "conf, a file"
                                           : "agents");
    }
}

static void read_faults(struct reader *r, const config_setting_t *group) {
    static const struct table tables[] = {TABLE(fault_options, 0)};
    struct faults *faults = &r->scenario->faults;
    if (!config_setting_is_group(group)) {
        tell(r, group, "faults: expected a group; { } is none");
        return;
    }
    for (int i = 0; i < config_setting_length(group); i++)
        if (!take_from(r, config_setting_get_elem(group, (unsigned)i), tables, 1, faults))
            unknown(r, config_setting_get_elem(group, (unsigned)i), tables, 1, "");
}

/* ---- the file ---- */

static void read_file(struct reader *r, const config_setting_t *root) {
    static const struct table tables[] = {TABLE(day_options, 0), TABLE(queue_options, DAY(every_queue)),
                                          TABLE(agent_options, DAY(every_agent)), TABLE(older_options, 0)};
    static const struct {
        const char *name;
        void (*fn)(struct reader *r, const config_setting_t *at);
    } lists[] = {{"faults", read_faults},
                 {"arrivals", read_arrivals},
                 {"queues", read_queues},
                 {"agents", read_agents},
                 {"acts", read_acts}};
    struct scenario *s = r->scenario;
    for (int i = 0; i < config_setting_length(root); i++) {
        const config_setting_t *one = config_setting_get_elem(root, (unsigned)i);
        bool list = false;
        for (size_t k = 0; k < ARRAY_LEN(lists); k++)
            list = list || !strcmp(lists[k].name, config_setting_name(one));
        if (!list && !take_from(r, one, tables, ARRAY_LEN(tables), s))
            unknown(r, one, tables, ARRAY_LEN(tables) - 1, ", arrivals, queues, agents, acts, faults");
    }
    done_when_given(root, &s->every_queue);
    if (!s->day_us || !s->interval_us || !s->persons)
        tell(r, root, "hours, interval_min and persons may not be 0");
    for (size_t k = 0; k < ARRAY_LEN(lists); k++) { /* afterwards: their defaults are the values above */
        const config_setting_t *one = config_setting_get_member(root, lists[k].name);
        if (one)
            lists[k].fn(r, one);
    }
    for (uint32_t i = 0; i < s->arrivals_count; i++) {
        const struct arrivals *a = &s->arrivals[i];
        if (a->from_us < s->begin_us || a->from_us + a->intervals * a->interval_us > s->begin_us + s->day_us)
            tell(r, config_setting_get_elem(config_setting_get_member(root, "arrivals"), i),
                 "arrivals: not within the day (begin, hours)");
    }
}

static int finish(struct reader *r, config_t *file, int parsed, const char *path) {
    char message[600];
    int err = 0;
    if (!parsed) {
        const char *where = config_error_file(file) ? config_error_file(file) : path;
        snprintf(message, sizeof message, "%s:%d: %s", where, config_error_line(file),
                 config_error_text(file));
        r->errors(r->arg, message);
        err = -EINVAL;
    } else {
        *r->scenario = scenario_plain;
        r->scenario->path = strdup(path);
        read_file(r, config_root_setting(file));
        err = r->no_memory || !r->scenario->path ? -ENOMEM : r->problems ? -EINVAL : 0;
        if (err)
            scenario_done(r->scenario);
    }
    config_destroy(file);
    return err;
}

int scenario_load(struct scenario *s, const char *path, scenario_error_fn *errors, void *arg) {
    struct reader r = {.path = path, .errors = errors, .arg = arg, .scenario = s};
    char folder[512];
    config_t file;
    config_init(&file);
    config_set_auto_convert(&file, CONFIG_TRUE);
    str_copy(folder, sizeof folder, path);
    char *slash = strrchr(folder, '/');
    if (slash) {
        slash[slash == folder] = 0;
        config_set_include_dir(&file, folder);
    }
    int parsed = config_read_file(&file, path);
    if (!parsed && config_error_type(&file) == CONFIG_ERR_FILE_IO) {
        char message[600];
        snprintf(message, sizeof message, "%s: cannot be read", path);
        errors(arg, message);
        config_destroy(&file);
        return -EINVAL;
    }
    return finish(&r, &file, parsed, path);
}

int scenario_parse(struct scenario *s, const char *text_of, scenario_error_fn *errors, void *arg) {
    struct reader r = {.path = "scenario", .errors = errors, .arg = arg, .scenario = s};
    config_t file;
    config_init(&file);
    config_set_auto_convert(&file, CONFIG_TRUE);
    return finish(&r, &file, config_read_string(&file, text_of), "scenario");
}
