/* SPDX-License-Identifier: Apache-2.0
 * GET /metrics: counters and gauges as Prometheus text (exposition format 0.0.4). */
#include "web/internal.h"

#include <stddef.h>
#include <string.h>

enum type { GAUGE, COUNTER };
enum width { W32, W64, WBOOL };

/* Fields of struct floor_counters. */
static const struct metric {
    const char *name, *help;
    enum type type;
    size_t offset;
    enum width width;
} metrics[] = {
#define M(name, help, type, field, width)                                                                    \
    { "callfloor_" name, help, type, offsetof(struct floor_counters, field), width }
    M("calls", "Calls in progress", GAUGE, calls, W32),
    M("legs", "Legs of calls in progress", GAUGE, legs, W32),
    M("waiting", "Callers waiting in queues", GAUGE, waiting, W32),
    M("calls_total", "Calls accepted", COUNTER, calls_total, W64),
    M("calls_refused_total", "Calls refused", COUNTER, refused_total, W64),
    M("calls_failed_total", "Calls failed", COUNTER, failed_total, W64),
    M("legs_dead_total", "Legs ended because their other side was not there any more", COUNTER, dead_total,
      W64),
    M("reconcile_passes_total", "Comparisons of calls and agents with SIP and media", COUNTER,
      reconcile_passes, W64),
    M("reconcile_pass_microseconds", "CPU time of the last of them", GAUGE, reconcile_us, W64),
    M("dispatches_total", "Calls sent to an agent", COUNTER, dispatches, W64),
    M("dispatch_p50_microseconds", "From what made an offer possible to INVITE, median", GAUGE,
      dispatch_p50_us, W32),
    M("dispatch_p99_microseconds", "From what made an offer possible to INVITE, 99th percentile", GAUGE,
      dispatch_p99_us, W32),
    M("uptime_milliseconds", "Time since the start", GAUGE, uptime_ms, W64),
    M("draining", "1 while no new calls are taken", GAUGE, draining, WBOOL),
    M("sip_legs", "SIP dialogs", GAUGE, ua.legs, W32),
    M("sip_transactions", "SIP transactions", GAUGE, ua.transactions, W32),
    M("sip_registrations", "Registered contacts", GAUGE, ua.registrations, W32),
    M("sip_requests_in_total", "SIP requests received", COUNTER, ua.requests_in, W64),
    M("sip_requests_out_total", "SIP requests sent", COUNTER, ua.requests_out, W64),
    M("sip_refused_total", "SIP requests refused", COUNTER, ua.refused, W64),
    M("sip_malformed_total", "SIP messages that were no SIP", COUNTER, ua.malformed, W64),
    M("sip_auth_failures_total", "Wrong SIP passwords", COUNTER, ua.auth_failures, W64),
    M("media_legs", "Legs with RTP", GAUGE, media.legs, W32),
    M("media_ports_in_use", "RTP ports in use", GAUGE, media.ports_in_use, W32),
    M("media_ports_free", "RTP ports free", GAUGE, media.ports_free, W32),
    M("media_packets_in_total", "RTP packets received", COUNTER, media.packets_in, W64),
    M("media_packets_out_total", "RTP packets sent", COUNTER, media.packets_out, W64),
    M("media_dropped_total", "RTP packets dropped", COUNTER, media.dropped, W64),
    M("media_late_ticks_total", "Late turns of the media thread", COUNTER, media.late_ticks, W64),
    M("store_connected", "1 while PostgreSQL is there", GAUGE, store.connected, WBOOL),
    M("store_journal_full", "1 while the journal is full", GAUGE, store.journal_full, WBOOL),
    M("store_written_total", "Records written to the journal", COUNTER, store.written, W64),
    M("store_applied_total", "Records applied to PostgreSQL", COUNTER, store.applied, W64),
    M("store_pending_records", "Records not yet in PostgreSQL", GAUGE, store.pending_records, W64),
    M("store_journal_bytes", "Size of the journal", GAUGE, store.journal_bytes, W64),
    M("store_oldest_pending_milliseconds", "Age of the oldest record not yet in PostgreSQL", GAUGE,
      store.oldest_pending_ms, W64),
    M("store_rejected_total", "Records set aside", COUNTER, store.rejected, W64),
#undef M
};

static void head(struct evbuffer *out, const char *name, const char *help, enum type type) {
    evbuffer_add_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                        type == COUNTER ? "counter" : "gauge");
}

static uint64_t value_of(const struct floor_counters *c, const struct metric *m) {
    const char *field = (const char *)c + m->offset;
    uint64_t u64;
    uint32_t u32;
    switch (m->width) {
    case W32:
        memcpy(&u32, field, sizeof u32);
        return u32;
    case W64:
        memcpy(&u64, field, sizeof u64);
        return u64;
    case WBOOL:
        return *(const bool *)field;
    }
    return 0;
}

/* ---- per queue ---- */

struct queue_metric {
    const char *name, *help;
    enum type type;
    uint64_t (*value)(const struct floor_queue_view *v);
};

struct queue_walk {
    struct evbuffer *out;
    const struct queue_metric *metric;
};

static void escape(struct evbuffer *out, const char *text) {
    for (; *text; text++) {
        if (*text == '\n')
            evbuffer_add(out, "\\n", 2);
        else
            evbuffer_add_printf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    }
}
static void print_queue(void *arg, const struct floor_queue_view *v) {
    struct queue_walk *w = arg;
    uint64_t value = w->metric->value(v);
    if (value == NEVER) /* there is no such figure now */
        return;
    evbuffer_add_printf(w->out, "%s{queue=\"", w->metric->name);
    escape(w->out, v->name);
    evbuffer_add_printf(w->out, "\"} %llu\n", (unsigned long long)value);
}

static uint64_t waiting(const struct floor_queue_view *v) {
    return v->acd.waiting;
}
static uint64_t longest(const struct floor_queue_view *v) {
    return v->acd.waiting ? v->longest_ms : 0;
}
static uint64_t idle(const struct floor_queue_view *v) {
    return v->acd.idle;
}
static uint64_t talking(const struct floor_queue_view *v) {
    return v->acd.talking;
}
static uint64_t expected(const struct floor_queue_view *v) {
    return v->acd.wait_ms;
}
static uint64_t told(const struct floor_queue_view *v) {
    return v->acd.told;
}
static uint64_t told_wrong(const struct floor_queue_view *v) {
    return v->acd.told_wrong;
}
static uint64_t tier(const struct floor_queue_view *v) {
    return v->acd.tier;
}
static uint64_t closed(const struct floor_queue_view *v) {
    return v->acd.closed;
}
/* Counters of the day: they begin again at midnight, which Prometheus takes for a restart. */
static uint64_t offered(const struct floor_queue_view *v) {
    return v->today->offered;
}
static uint64_t answered(const struct floor_queue_view *v) {
    return v->today->answered;
}
static uint64_t abandoned(const struct floor_queue_view *v) {
    return v->today->abandoned;
}
static const struct queue_metric queue_metrics[] = {
    {"callfloor_queue_waiting", "Callers waiting", GAUGE, waiting},
    {"callfloor_queue_longest_wait_milliseconds", "Wait of the first in line", GAUGE, longest},
    {"callfloor_queue_agents_idle", "Agents of the queue who are free", GAUGE, idle},
    {"callfloor_queue_agents_talking", "Agents of the queue who talk", GAUGE, talking},
    {"callfloor_queue_expected_wait_milliseconds", "Of ten callers who come now, eight wait less", GAUGE,
     expected},
    {"callfloor_queue_told", "Of the last callers told a wait, those known to the end", GAUGE, told},
    {"callfloor_queue_told_wrong", "Of those, who waited longer", GAUGE, told_wrong},
    {"callfloor_queue_tier", "Agents up to this tier help", GAUGE, tier},
    {"callfloor_queue_closed", "1 while no new callers are taken", GAUGE, closed},
    {"callfloor_queue_offered_total", "Visits that began today", COUNTER, offered},
    {"callfloor_queue_answered_total", "Visits answered today", COUNTER, answered},
    {"callfloor_queue_abandoned_total", "Visits abandoned today", COUNTER, abandoned},
};

void web_metrics(struct web *web, struct evhttp_request *req, const struct web_route *route) {
    struct evbuffer *out = evbuffer_new();
    struct floor_counters counters;
    if (!out) {
        web_reply_text(req, HTTP_INTERNAL, "out of memory");
        return;
    }
    floor_counters(web->floor, &counters);
    for (size_t i = 0; i < ARRAY_LEN(metrics); i++) {
        const struct metric *m = &metrics[i];
        head(out, m->name, m->help, m->type);
        evbuffer_add_printf(out, "%s %llu\n", m->name, (unsigned long long)value_of(&counters, m));
    }
    head(out, "callfloor_repairs_total", "What did not fit together and was put right; 0 is right", COUNTER);
    for (int kind = 0; kind < FLOOR_REPAIRS; kind++)
        evbuffer_add_printf(out, "callfloor_repairs_total{what=\"%s\"} %llu\n",
                            floor_repair_name((enum floor_repair)kind),
                            (unsigned long long)counters.repairs[kind]);
    for (size_t i = 0; i < ARRAY_LEN(queue_metrics); i++) {
        struct queue_walk walk = {out, &queue_metrics[i]};
        head(out, walk.metric->name, walk.metric->help, walk.metric->type);
        floor_each_queue(web->floor, print_queue, &walk);
    }
    head(out, "callfloor_web_requests_total", "HTTP requests", COUNTER);
    evbuffer_add_printf(out, "callfloor_web_requests_total %llu\n", (unsigned long long)web->requests);
    head(out, "callfloor_web_refused_total", "HTTP requests without a right login", COUNTER);
    evbuffer_add_printf(out, "callfloor_web_refused_total %llu\n", (unsigned long long)web->refused);
    web_reply(req, HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", out);
    evbuffer_free(out);
}
