/* SPDX-License-Identifier: Apache-2.0
 * show waiting, explain: who waits for what, and the story of one call. */
#include "console/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- show waiting ---- */

static const struct out_column waiting_columns[] = {
    {"queue", "queue", OUT_TEXT},         {"position", "pos", OUT_COUNT},
    {"call", "call", OUT_COUNT},          {"id", NULL, OUT_ID},
    {"caller", "caller", OUT_TEXT},       {"caller_name", "name", OUT_TEXT},
    {"wait_ms", "waited", OUT_TIME},      {"line_ms", "in line", OUT_TIME},
    {"told_ms", "told", OUT_TIME},        {"step", "step", OUT_COUNT},
    {"wants", "wants", OUT_TEXT},         {"rings", NULL, OUT_TEXT},
    {"waits_for", "waits for", OUT_TEXT},
};

/* "rings 1002 1003", "2 busy, 1 paused, 3 logged_out"; agents of other queues do not count. */
static void waits_for(const struct floor_waiting_view *v, char *text, size_t size) {
    size_t used = 0;
    *text = 0;
    if (*v->rings) {
        snprintf(text, size, "rings %s", v->rings);
        return;
    }
    if (!v->counted) {
        str_copy(text, size, "see: explain");
        return;
    }
    for (int why = 0; why < ACD_WHY_NOTS && used < size; why++)
        if (v->agents[why])
            used += (size_t)snprintf(text + used, size - used, "%s%u %s", used ? ", " : "", v->agents[why],
                                     acd_why_not_name((enum acd_why_not)why));
    if (!used)
        str_copy(text, size, "no agents");
}

static void print_waiting(void *arg, const struct floor_waiting_view *v) {
    struct out *out = arg;
    char text[600];
    waits_for(v, text, sizeof text);
    out_text(out, v->queue);
    out_count(out, v->position);
    out_count(out, v->number);
    out_id(out, v->id);
    out_text(out, v->caller);
    out_text(out, v->caller_name);
    out_time(out, v->wait_ms);
    out_time(out, v->line_ms);
    out_time(out, v->told_ms);
    out_count(out, v->step);
    out_text(out, v->wants);
    out_text(out, v->rings);
    out_text(out, text);
}
static int show_waiting(struct request *r) {
    const char *queue = r->argc ? r->argv[0] : NULL;
    if (queue && !conf_find_queue(r->env->conf, queue))
        return request_fail(r, -ENOENT, "no queue '%.64s'; see: show queues", queue);
    out_begin(&r->out, "waiting", waiting_columns, ARRAY_LEN(waiting_columns), "nobody waits");
    floor_each_waiting(r->env->floor, queue, print_waiting, &r->out);
    out_end(&r->out);
    return 0;
}

/* ---- explain ---- */

static const struct out_column story_columns[] = {
    {"call", "call", OUT_COUNT},
    {"id", "id", OUT_ID},
    {"state", "state", OUT_TEXT},
    {"caller", "caller", OUT_TEXT},
    {"queue", "queue", OUT_TEXT},
    {"agent", "agent", OUT_TEXT},
    {"position", "position", OUT_COUNT},
    {"wait_ms", "waited", OUT_TIME},
    {"line_ms", "in line for", OUT_TIME},
    {"told_ms", "expected at entry", OUT_TIME},
    {"step", "step", OUT_COUNT},
    {"wants", "wants", OUT_TEXT},
    {"waits_for", "waits for", OUT_TEXT},
    {"decisions", "decisions", OUT_COUNT},
    {"truncated", "first ones forgotten", OUT_FLAG},
};
static const struct out_column decision_columns[] = {
    {"number", NULL, OUT_COUNT},
    {"at", "time", OUT_TEXT},
    {"decision", "decision", OUT_TEXT},
};
static const struct out_column candidate_columns[] = {
    {"agent", "agent", OUT_TEXT},    {"name", "name", OUT_TEXT},         {"tier", "tier", OUT_COUNT},
    {"why", "why", OUT_TEXT},        {"presence", "presence", OUT_TEXT}, {"activity", "activity", OUT_TEXT},
    {"state_ms", "since", OUT_TIME}, {"busy_call", "call", OUT_COUNT},
};

/* In text only what there is: a call that is over waits for nothing. */
enum { STORY_COLUMNS = ARRAY_LEN(story_columns), LIVE_FIRST = 3, WAITS_FIRST = 6, WAITS_LAST = 12 };

struct telling {
    struct request *r;
    struct out_column column[STORY_COLUMNS];
    bool forgotten;
    enum { IN_DECISIONS, IN_AGENTS } part;
};

static void tell_header(struct telling *t, const struct floor_story *s) {
    struct out *out = &t->r->out;
    const struct floor_call_view *call = s->call;
    const struct floor_waiting_view *w = s->waits;
    char text[600] = "";
    if (w)
        waits_for(w, text, sizeof text);
    for (int i = 0; i < STORY_COLUMNS; i++) {
        t->column[i] = story_columns[i];
        if ((i >= LIVE_FIRST && i < WAITS_FIRST && !call) || (i >= WAITS_FIRST && i <= WAITS_LAST && !w))
            t->column[i].title = NULL;
    }
    out_begin_lines(out, "call", t->column, STORY_COLUMNS);
    out_count(out, s->number ? s->number : NEVER);
    out_id(out, s->id);
    out_text(out, call ? call->state : "over");
    out_text(out, call ? call->caller : "");
    out_text(out, w ? w->queue : call ? call->queue : "");
    out_text(out, call ? call->agent : "");
    out_count(out, w ? w->position : NEVER);
    out_time(out, w ? w->wait_ms : NEVER);
    out_time(out, w ? w->line_ms : NEVER);
    out_time(out, w ? w->told_ms : NEVER);
    out_count(out, w ? w->step : NEVER);
    out_text(out, w ? w->wants : "");
    out_text(out, text);
    out_count(out, s->decisions);
    out_flag(out, s->truncated);
    out_end(out);
}

static void begin(void *arg, const struct floor_story *s) {
    struct telling *t = arg;
    struct out *out = &t->r->out;
    if (!s->call && !s->decisions) {
        t->forgotten = true;
        out_message(
            out, "nothing is remembered of %s%llu; ask the database: SELECT * FROM callfloor.explain(%llu)",
            s->number ? "call " : "contact ", (unsigned long long)(s->number ? s->number : s->id),
            (unsigned long long)s->id);
        return;
    }
    tell_header(t, s);
    out_begin(out, "decisions", decision_columns, ARRAY_LEN(decision_columns),
              "no decisions: the call has not come to a queue");
}

/* For people the wall clock on the spot, for programs UTC with its date. */
static void at_text(char *text, size_t size, uint64_t at_us, bool json) {
    time_t second = (time_t)(at_us / 1000000);
    struct tm tm;
    char whole[40] = "";
    if (json ? !gmtime_r(&second, &tm) : !localtime_r(&second, &tm))
        memset(&tm, 0, sizeof tm);
    strftime(whole, sizeof whole, json ? "%Y-%m-%dT%H:%M:%S" : "%m-%d %H:%M:%S", &tm);
    snprintf(text, size, "%s.%03u%s", whole, (unsigned)(at_us / 1000 % 1000), json ? "Z" : "");
}

static void tell_decision(void *arg, const struct floor_decision_view *d) {
    struct telling *t = arg;
    struct out *out = &t->r->out;
    char at[64];
    at_text(at, sizeof at, d->at_us, out->json);
    out_count(out, d->number);
    out_text(out, at);
    out_text(out, d->text);
}

static void begin_agents(struct telling *t) {
    out_end(&t->r->out);
    out_begin(&t->r->out, "agents", candidate_columns, ARRAY_LEN(candidate_columns), "no agents");
    t->part = IN_AGENTS;
}

static void tell_agent(void *arg, const struct floor_candidate_view *a) {
    struct telling *t = arg;
    struct out *out = &t->r->out;
    if (t->part == IN_DECISIONS)
        begin_agents(t);
    out_text(out, a->id);
    out_text(out, a->name);
    out_count(out, a->tier);
    out_text(out, acd_why_not_name(a->why));
    out_text(out, acd_presence_name(a->presence));
    out_text(out, acd_activity_name(a->activity));
    out_time(out, a->state_ms);
    out_count(out, a->busy_call ? a->busy_call : NEVER);
}

static int explain(struct request *r) {
    struct telling t = {.r = r};
    const struct floor_story_sink sink = {&t, begin, tell_decision, tell_agent};
    uint64_t call;
    if (str_to_u64(r->argv[0], &call) || !call)
        return request_fail(r, -EINVAL, "'%.40s' is no call number; see: show calls", r->argv[0]);
    int err = floor_call_explain(r->env->floor, call, &sink);
    if (err)
        return request_fail(r, err, "there was no call %llu; see: show calls", (unsigned long long)call);
    if (!t.forgotten)
        out_end(&r->out);
    return 0;
}

static const struct command commands[] = {
    {"show waiting", "[QUEUE]", "callers in order of service: what each waits for", false, 0, 1,
     show_waiting},
    {"explain", "CALL", "why a call went where it went, or why it waits", false, 1, 1, explain},
};
const struct command_table console_explain_commands = {commands, ARRAY_LEN(commands)};
