/* SPDX-License-Identifier: Apache-2.0
 * show: what is going on now. */
#include "console/command.h"

#include "callfloor/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A filter by queue: 0 = all. -ENOENT, told, when there is no such queue. */
static int queue_argument(struct request *r, uint32_t *queue) {
    *queue = r->argc ? conf_find_queue(r->env->conf, r->argv[0]) : 0;
    if (r->argc && !*queue)
        return request_fail(r, -ENOENT, "no queue '%.64s'; see: show queues", r->argv[0]);
    return 0;
}

struct walk {
    struct request *r;
    struct out *out;
    const char *queue; /* NULL = all */
    uint32_t queue_number;
};

/* ---- calls ---- */

static const struct out_column call_columns[] = {
    {"call", "call", OUT_COUNT},        {"id", NULL, OUT_ID},
    {"state", "state", OUT_TEXT},       {"caller", "caller", OUT_TEXT},
    {"caller_name", "name", OUT_TEXT},  {"called", "called", OUT_TEXT},
    {"trunk", "trunk", OUT_TEXT},       {"menu_path", "menu", OUT_TEXT},
    {"queue", "queue", OUT_TEXT},       {"position", "pos", OUT_COUNT},
    {"agent", "agent", OUT_TEXT},       {"customer_id", NULL, OUT_ID},
    {"customer_new", NULL, OUT_FLAG},   {"age_ms", "age", OUT_TIME},
    {"state_ms", "in state", OUT_TIME},
};

static void print_call(void *arg, const struct floor_call_view *v) {
    struct walk *w = arg;
    if (w->queue && strcmp(v->queue, w->queue))
        return;
    out_count(w->out, v->number);
    out_id(w->out, v->id);
    out_text(w->out, v->state);
    out_text(w->out, v->caller);
    out_text(w->out, v->caller_name);
    out_text(w->out, v->called);
    out_text(w->out, v->trunk);
    out_text(w->out, v->menu_path);
    out_text(w->out, v->queue);
    out_count(w->out, v->position ? v->position : NEVER);
    out_text(w->out, v->agent);
    out_id(w->out, v->customer_id ? v->customer_id : NEVER);
    out_flag(w->out, v->customer_new);
    out_time(w->out, v->age_ms);
    out_time(w->out, v->state_ms);
}
static int show_calls(struct request *r) {
    uint32_t queue;
    int err = queue_argument(r, &queue);
    if (err)
        return err;
    struct walk w = {r, &r->out, queue ? r->argv[0] : NULL, queue};
    out_begin(&r->out, "calls", call_columns, ARRAY_LEN(call_columns), "no calls");
    floor_each_call(r->env->floor, print_call, &w);
    out_end(&r->out);
    return 0;
}

/* ---- queues ---- */

static const struct out_column queue_columns[] = {
    {"queue", "queue", OUT_TEXT},          {"waiting", "waiting", OUT_COUNT},
    {"ringing", "ringing", OUT_COUNT},     {"longest_ms", "longest", OUT_TIME},
    {"expected_ms", "expected", OUT_TIME}, {"told", NULL, OUT_COUNT},
    {"told_wrong", NULL, OUT_COUNT},       {"told_wrong_share", "wrong", OUT_RATIO},
    {"telling", NULL, OUT_FLAG},           {"closed", "closed", OUT_FLAG},
    {"tier", "tier", OUT_COUNT},           {"agents", "agents", OUT_COUNT},
    {"logged_in", "logged in", OUT_COUNT}, {"idle", "idle", OUT_COUNT},
    {"talking", "talking", OUT_COUNT},     {"wrapup", "wrap-up", OUT_COUNT},
    {"not_ready", "paused", OUT_COUNT},    {"offered", "offered", OUT_COUNT},
    {"answered", "answered", OUT_COUNT},   {"abandoned", "abandoned", OUT_COUNT},
    {"service_level", "SL", OUT_RATIO},    {"service_level_ms", NULL, OUT_TIME},
};

static void print_queue(void *arg, const struct floor_queue_view *v) {
    struct walk *w = arg;
    if (w->queue && strcmp(v->name, w->queue))
        return;
    out_text(w->out, v->name);
    out_count(w->out, v->acd.waiting);
    out_count(w->out, v->acd.offered);
    out_time(w->out, v->acd.waiting ? v->longest_ms : NEVER);
    out_time(w->out, v->acd.wait_ms);
    out_count(w->out, v->acd.told);
    out_count(w->out, v->acd.told_wrong);
    out_ratio(w->out, v->acd.told ? (double)v->acd.told_wrong / v->acd.told : -1);
    out_flag(w->out, v->acd.telling);
    out_flag(w->out, v->acd.closed);
    out_count(w->out, v->acd.tier);
    out_count(w->out, v->acd.agents);
    out_count(w->out, v->acd.logged_in);
    out_count(w->out, v->acd.idle);
    out_count(w->out, v->acd.talking);
    out_count(w->out, v->acd.wrapup);
    out_count(w->out, v->acd.not_ready);
    out_count(w->out, v->today->offered);
    out_count(w->out, v->today->answered);
    out_count(w->out, v->today->abandoned);
    out_ratio(w->out, stats_service_level(v->today));
    out_time(w->out, v->service_level_ms);
}
static int show_queues(struct request *r) {
    uint32_t queue;
    int err = queue_argument(r, &queue);
    if (err)
        return err;
    struct walk w = {r, &r->out, queue ? r->argv[0] : NULL, queue};
    out_begin(&r->out, "queues", queue_columns, ARRAY_LEN(queue_columns), "no queues");
    floor_each_queue(r->env->floor, print_queue, &w);
    out_end(&r->out);
    return 0;
}

/* ---- agents ---- */

static const struct out_column agent_columns[] = {
    {"agent", "agent", OUT_TEXT},
    {"name", "name", OUT_TEXT},
    {"presence", "presence", OUT_TEXT},
    {"activity", "activity", OUT_TEXT},
    {"reason", "reason", OUT_TEXT},
    {"state_ms", "since", OUT_TIME},
    {"timer_ms", "timer", OUT_TIME},
    {"pending", "then", OUT_TEXT},
    {"queue", "queue", OUT_TEXT},
    {"call", "call", OUT_COUNT},
    {"phones_reachable", "phones", OUT_COUNT},
    {"phones", NULL, OUT_COUNT},
    {"missed", "missed", OUT_COUNT},
    {"handles", "calls", OUT_COUNT},
    {"occupancy", "occupancy", OUT_RATIO},
    {"handles_since_login", NULL, OUT_COUNT},
    {"talk_since_login_ms", NULL, OUT_TIME},
    {"extensions", "more", OUT_COUNT},
    {"want_disposition", NULL, OUT_FLAG},
    {"disposition", "disposition", OUT_TEXT},
};

static bool serves(const struct conf *conf, const char *agent, uint32_t queue) {
    const struct conf_agent *a = conf_agent(conf, conf_find_agent(conf, agent));
    for (uint32_t i = 0; a && i < a->queue_count; i++)
        if (a->queue[i] == queue)
            return true;
    return false;
}
static void print_agent(void *arg, const struct floor_agent_view *v) {
    struct walk *w = arg;
    struct stats_agent live;
    char pending[80] = "";
    if (w->queue && !serves(w->r->env->conf, v->id, w->queue_number))
        return;
    stats_agent_live(v->today, v->acd.presence, v->acd.activity, v->counted_ms, &live);
    if (v->acd.pending)
        snprintf(pending, sizeof pending, "%s %.60s", acd_presence_name(v->acd.pending_presence),
                 acd_reason_name(w->r->env->conf, v->acd.pending_reason));
    out_text(w->out, v->id);
    out_text(w->out, v->name);
    out_text(w->out, acd_presence_name(v->acd.presence));
    out_text(w->out, acd_activity_name(v->acd.activity));
    out_text(w->out, v->reason);
    out_time(w->out, v->state_ms);
    out_time(w->out, v->timer_ms ? v->timer_ms : NEVER);
    out_text(w->out, pending);
    out_text(w->out, v->queue);
    out_count(w->out, v->call ? v->call : NEVER);
    out_count(w->out, v->phones_reachable);
    out_count(w->out, v->phones);
    out_count(w->out, live.missed);
    out_count(w->out, live.handles);
    out_ratio(w->out, stats_occupancy(&live));
    out_count(w->out, v->acd.handles);
    out_time(w->out, v->acd.talk_ms);
    out_count(w->out, v->acd.extensions || w->out->json ? v->acd.extensions : NEVER);
    out_flag(w->out, v->acd.want_disposition);
    out_text(w->out, v->acd.want_disposition && !w->out->json ? "wanted" : v->disposition);
}
static int show_agents(struct request *r) {
    uint32_t queue;
    int err = queue_argument(r, &queue);
    if (err)
        return err;
    struct walk w = {r, &r->out, queue ? r->argv[0] : NULL, queue};
    out_begin(&r->out, "agents", agent_columns, ARRAY_LEN(agent_columns), "no agents");
    floor_each_agent(r->env->floor, print_agent, &w);
    out_end(&r->out);
    return 0;
}

/* ---- trunks, registrations ---- */

static const struct out_column trunk_columns[] = {
    {"trunk", "trunk", OUT_TEXT},           {"up", NULL, OUT_FLAG},
    {"state", "state", OUT_TEXT},           {"state_ms", "since", OUT_TIME},
    {"registered", "registered", OUT_TEXT}, {"calls", "calls", OUT_COUNT},
    {"rtt_ms", "rtt ms", OUT_COUNT},        {"last_error", "last error", OUT_TEXT},
};

static void print_trunk(void *arg, const struct floor_trunk_view *v) {
    struct out *out = arg;
    out_text(out, v->name);
    out_flag(out, v->state.up);
    out_text(out, !v->state.up ? "down" : v->state.probed ? "up" : "assumed up");
    out_time(out, v->state_ms);
    out_text(out, !v->state.registering ? "" : v->state.registered ? "yes" : "no");
    out_count(out, v->state.calls);
    out_count(out, v->state.probed && v->state.up ? v->state.rtt_ms : NEVER);
    out_text(out, v->state.last_error);
}
static int show_trunks(struct request *r) {
    out_begin(&r->out, "trunks", trunk_columns, ARRAY_LEN(trunk_columns), "no trunks");
    floor_each_trunk(r->env->floor, print_trunk, &r->out);
    out_end(&r->out);
    return 0;
}

static const struct out_column registration_columns[] = {
    {"agent", "agent", OUT_TEXT},         {"uri", "contact", OUT_TEXT},        {"source", "source", OUT_TEXT},
    {"user_agent", "phone", OUT_TEXT},    {"expires_ms", "expires", OUT_TIME}, {"fixed", "fixed", OUT_FLAG},
    {"reachable", "reachable", OUT_FLAG},
};

static void print_registration(void *arg, const struct floor_registration_view *v) {
    struct out *out = arg;
    out_text(out, v->agent);
    out_text(out, v->binding.uri);
    out_text(out, v->binding.source);
    out_text(out, v->binding.agent_name);
    out_time(out, v->binding.fixed ? NEVER : v->expires_in_ms);
    out_flag(out, v->binding.fixed);
    out_flag(out, v->binding.reachable);
}
static int show_registrations(struct request *r) {
    out_begin(&r->out, "registrations", registration_columns, ARRAY_LEN(registration_columns),
              "no registrations");
    floor_each_registration(r->env->floor, print_registration, &r->out);
    out_end(&r->out);
    return 0;
}

/* ---- store, version, log ---- */

static const struct out_column store_columns[] = {
    {"configured", "database configured", OUT_FLAG},
    {"connected", "connected", OUT_FLAG},
    {"written", "records written", OUT_COUNT},
    {"applied", "in PostgreSQL", OUT_COUNT},
    {"pending", "pending", OUT_COUNT},
    {"oldest_pending_ms", "oldest pending", OUT_TIME},
    {"rejected", "set aside", OUT_COUNT},
    {"journal_bytes", "journal bytes", OUT_COUNT},
    {"journal_full", "journal full", OUT_FLAG},
    {"last_error", "last error", OUT_TEXT},
};

static int show_store(struct request *r) {
    struct floor_counters c;
    floor_counters(r->env->floor, &c);
    out_begin_lines(&r->out, "store", store_columns, ARRAY_LEN(store_columns));
    out_flag(&r->out, c.store.configured);
    out_flag(&r->out, c.store.connected);
    out_count(&r->out, c.store.written);
    out_count(&r->out, c.store.applied);
    out_count(&r->out, c.store.pending_records);
    out_time(&r->out, c.store.oldest_pending_ms ? c.store.oldest_pending_ms : NEVER);
    out_count(&r->out, c.store.rejected);
    out_count(&r->out, c.store.journal_bytes);
    out_flag(&r->out, c.store.journal_full);
    out_text(&r->out, c.store.last_error);
    out_end(&r->out);
    return 0;
}

static const struct out_column version_columns[] = {
    {"version", "version", OUT_TEXT},
    {"config", "configuration", OUT_TEXT},
    {"uptime_ms", "uptime", OUT_TIME},
    {"draining", "draining", OUT_FLAG},
    {"calls", "calls", OUT_COUNT},
    {"waiting", "waiting", OUT_COUNT},
    {"legs", "legs", OUT_COUNT},
    {"calls_total", "calls so far", OUT_COUNT},
    {"refused_total", "refused so far", OUT_COUNT},
    {"failed_total", "failed so far", OUT_COUNT},
    {"dispatches", "dispatches", OUT_COUNT},
    {"dispatch_p50_us", "dispatch p50 us", OUT_COUNT},
    {"dispatch_p99_us", "dispatch p99 us", OUT_COUNT},
    {"sip_legs", "SIP legs", OUT_COUNT},
    {"sip_transactions", "SIP transactions", OUT_COUNT},
    {"sip_registrations", "registrations", OUT_COUNT},
    {"sip_requests_in", "SIP requests in", OUT_COUNT},
    {"sip_requests_out", "SIP requests out", OUT_COUNT},
    {"sip_refused", "SIP refused", OUT_COUNT},
    {"sip_malformed", "SIP malformed", OUT_COUNT},
    {"sip_auth_failures", "SIP wrong passwords", OUT_COUNT},
    {"media_legs", "media legs", OUT_COUNT},
    {"media_ports_in_use", "RTP ports in use", OUT_COUNT},
    {"media_ports_free", "RTP ports free", OUT_COUNT},
    {"media_prompts", "prompts", OUT_COUNT},
    {"media_packets_in", "RTP packets in", OUT_COUNT},
    {"media_packets_out", "RTP packets out", OUT_COUNT},
    {"media_dropped", "RTP dropped", OUT_COUNT},
    {"media_late_ticks", "late ticks", OUT_COUNT},
};

static int show_version(struct request *r) {
    struct floor_counters c;
    floor_counters(r->env->floor, &c);
    const uint64_t counts[] = {
        c.calls,
        c.waiting,
        c.legs,
        c.calls_total,
        c.refused_total,
        c.failed_total,
        c.dispatches,
        c.dispatches ? c.dispatch_p50_us : NEVER,
        c.dispatches ? c.dispatch_p99_us : NEVER,
        c.ua.legs,
        c.ua.transactions,
        c.ua.registrations,
        c.ua.requests_in,
        c.ua.requests_out,
        c.ua.refused,
        c.ua.malformed,
        c.ua.auth_failures,
        c.media.legs,
        c.media.ports_in_use,
        c.media.ports_free,
        c.media.prompts,
        c.media.packets_in,
        c.media.packets_out,
        c.media.dropped,
        c.media.late_ticks,
    };
    out_begin_lines(&r->out, "version", version_columns, ARRAY_LEN(version_columns));
    out_text(&r->out, "callfloor " CALLFLOOR_VERSION);
    out_text(&r->out, r->env->conf->path);
    out_time(&r->out, c.uptime_ms);
    out_flag(&r->out, c.draining);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        out_count(&r->out, counts[i]);
    out_end(&r->out);
    return 0;
}

static const struct out_column reconciler_columns[] = {
    {"passes", "passes", OUT_COUNT},
    {"last_pass_us", "last pass us", OUT_COUNT},
    {"dead_total", "legs found dead", OUT_COUNT},
    {"repairs_total", "repairs", OUT_COUNT},
};
static const struct out_column repair_columns[] = {
    {"what", "what", OUT_TEXT},
    {"repairs", "repairs", OUT_COUNT},
    {"found", "found", OUT_TEXT},
    {"done", "done", OUT_TEXT},
};

static int show_repairs(struct request *r) {
    struct floor_counters c;
    uint64_t sum = 0;
    floor_counters(r->env->floor, &c);
    for (int kind = 0; kind < FLOOR_REPAIRS; kind++)
        sum += c.repairs[kind];
    const uint64_t counts[] = {c.reconcile_passes, c.reconcile_us, c.dead_total, sum};
    out_begin_lines(&r->out, "reconciler", reconciler_columns, ARRAY_LEN(reconciler_columns));
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        out_count(&r->out, counts[i]);
    out_end(&r->out);
    out_begin(&r->out, "repairs", repair_columns, ARRAY_LEN(repair_columns), "");
    for (int kind = 0; kind < FLOOR_REPAIRS; kind++) {
        out_text(&r->out, floor_repair_name((enum floor_repair)kind));
        out_count(&r->out, c.repairs[kind]);
        out_text(&r->out, floor_repair_found((enum floor_repair)kind));
        out_text(&r->out, floor_repair_done((enum floor_repair)kind));
    }
    out_end(&r->out);
    return 0;
}

static void print_area(void *arg, const char *area, const char *level_name) {
    struct out *out = arg;
    out_text(out, area);
    out_text(out, level_name);
}
static int show_log(struct request *r) {
    static const struct out_column columns[] = {{"area", "area", OUT_TEXT}, {"level", "level", OUT_TEXT}};
    out_begin(&r->out, "log", columns, ARRAY_LEN(columns), "");
    log_each_area(print_area, &r->out);
    out_end(&r->out);
    return 0;
}

static const struct command commands[] = {
    {"show calls", "[QUEUE]", "calls in progress, of all or of one queue", false, 0, 1, show_calls},
    {"show queues", "[QUEUE]", "queues: who waits, who works, the day so far", false, 0, 1, show_queues},
    {"show agents", "[QUEUE]", "agents, their state and timers", false, 0, 1, show_agents},
    {"show trunks", "", "trunks, whether they are up and registered", false, 0, 0, show_trunks},
    {"show registrations", "", "phones of agents and where they are", false, 0, 0, show_registrations},
    {"show store", "", "journal and database", false, 0, 0, show_store},
    {"show version", "", "version, uptime and counters", false, 0, 0, show_version},
    {"show repairs", "", "what did not fit together and was put right (0 is right)", false, 0, 0,
     show_repairs},
    {"show log", "", "log level of each area", false, 0, 0, show_log},
};
const struct command_table console_show_commands = {commands, ARRAY_LEN(commands)};
