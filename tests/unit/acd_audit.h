/* SPDX-License-Identifier: Apache-2.0
 *
 * acd_audit: keeps books from events and effects alone, as the layer above would, and says what does not add
 * up. It knows the rules from docs/acd.md and shares no code with the distributor:
 *   - every ENTER has exactly one VISIT_END, every OFFER exactly one OFFER_END, every CONNECT one WRAP_END
 *   - CANCEL, OFFER_END, VISIT_END, CONNECT come in their order
 *   - an agent's states follow each other without gap or overlap
 *   - the call offered is the first of all the agent could take, the agent the best of all able ones
 */
#ifndef ACD_AUDIT_H
#define ACD_AUDIT_H

#include "acd_world.h"

#include <stdarg.h>

enum { AUDIT_AGENTS = 80, AUDIT_CALLS = 4000 };

struct audit_agent {
    enum acd_presence presence;
    enum acd_activity activity;
    uint32_t reason;
    uint64_t since_ms, ready_at_ms, idle_order_ms, handle;
    uint64_t born_ms, spent_ms; /* spent: sum of the lengths of all states told */
    bool born;
    bool restored;
};
struct audit_call {
    bool open, offered;
    uint32_t queue, avoid;
    int32_t own_priority;
    uint64_t since_ms, enter_ms, serial;
};
struct audit {
    const struct conf *conf;
    struct audit_agent agent[AUDIT_AGENTS + 1];
    struct audit_call call[AUDIT_CALLS + 1]; /* by call number */
    uint32_t offers[AUDIT_AGENTS + 1];       /* open offer of each agent */
    uint64_t offer_call[AUDIT_AGENTS + 1];
    uint32_t last_offer, entered, ended[ACD_VISIT_RESULTS];
    uint64_t now, serial, hash;
    bool late; /* time went past several deadlines at once: order of agents cannot be told from outside */
    char text[400];
};

static inline bool PRINTF_LIKE(2, 3) audit_wrong(struct audit *audit, const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (!*audit->text)
        vsnprintf(audit->text, sizeof audit->text, format, args);
    va_end(args);
    return false;
}

static inline void audit_begin(struct audit *audit) {
    *audit = (struct audit){.hash = 14695981039346656037ull};
    for (uint32_t i = 0; i <= AUDIT_AGENTS; i++)
        audit->agent[i].activity = ACD_UNREACHABLE;
}

/* ---- who may serve, in which order ---- */

static inline bool audit_serves(const struct conf *conf, uint32_t agent, uint32_t queue, uint32_t *fit) {
    const struct conf_agent *a = &conf->agent[agent - 1];
    const struct conf_queue *q = &conf->queue[queue - 1];
    bool member = false;
    *fit = 0;
    for (uint32_t i = 0; i < a->queue_count; i++)
        member |= a->queue[i] == queue;
    if (agent > conf->agent_count || a->removed || q->removed || !member)
        return false;
    for (uint32_t i = 0; i < q->skill_count; i++) {
        uint32_t level = 0;
        for (uint32_t k = 0; k < a->skill_count; k++)
            if (a->skill[k].skill == q->skill[i].skill)
                level = a->skill[k].level;
        if (!level || level < q->skill[i].level)
            return false;
        *fit += level - q->skill[i].level;
    }
    return true;
}

static inline bool audit_call_before(const struct audit *audit, const struct audit_call *a,
                                     const struct audit_call *b) {
    int64_t pa = (int64_t)audit->conf->queue[a->queue - 1].priority + a->own_priority;
    int64_t pb = (int64_t)audit->conf->queue[b->queue - 1].priority + b->own_priority;
    if (pa != pb)
        return pa > pb;
    if (a->since_ms != b->since_ms)
        return a->since_ms < b->since_ms;
    return a->serial < b->serial;
}

/* No call the agent might take is before the one offered. */
static inline bool audit_first_call(struct audit *audit, const struct acd_effect *fx) {
    const struct audit_call *mine = &audit->call[fx->call];
    uint32_t fit;
    for (uint32_t i = 1; i <= AUDIT_CALLS; i++) {
        const struct audit_call *other = &audit->call[i];
        if (other->open && !other->offered && other != mine && audit_call_before(audit, other, mine) &&
            audit_serves(audit->conf, fx->agent, other->queue, &fit))
            return audit_wrong(audit, "call %u should be served before %" PRIu64, i, fx->call);
    }
    return true;
}

/* No able agent is better for the call. */
static inline bool audit_best_agent(struct audit *audit, const struct acd_effect *fx) {
    const struct audit_call *call = &audit->call[fx->call];
    bool by_skill = audit->conf->queue[call->queue - 1].strategy == CONF_SKILL_THEN_IDLE;
    uint32_t best = 0, best_fit = 0, fit, alone = 0;
    for (uint32_t i = 1; i <= audit->conf->agent_count; i++) {
        const struct audit_agent *a = &audit->agent[i], *b = &audit->agent[best];
        if (a->presence != ACD_READY || a->activity != ACD_IDLE || a->ready_at_ms > audit->now ||
            !audit_serves(audit->conf, i, call->queue, &fit))
            continue;
        if (i == call->avoid) {
            alone = i;
            continue;
        }
        if (!by_skill)
            fit = 0;
        if (!best || fit > best_fit || (fit == best_fit && a->idle_order_ms < b->idle_order_ms)) {
            best = i;
            best_fit = fit;
        }
    }
    if (!best)
        best = alone;
    if (best != fx->agent && !audit->late)
        return audit_wrong(audit, "call %" PRIu64 " should go to agent %u, not %u", fx->call, best,
                           fx->agent);
    return true;
}

/* ---- effects ---- */

static inline bool audit_offer(struct audit *audit, const struct acd_effect *fx) {
    struct audit_call *call = &audit->call[fx->call];
    uint32_t fit;
    if (!call->open || call->offered || call->queue != fx->queue)
        return audit_wrong(audit, "offer of call %" PRIu64 ", which does not wait for it", fx->call);
    if (audit->offers[fx->agent] || audit->agent[fx->agent].handle)
        return audit_wrong(audit, "agent %u has an offer or a handle already", fx->agent);
    if (fx->offer == audit->last_offer || !fx->offer)
        return audit_wrong(audit, "offer number %u twice", fx->offer);
    if (!audit_serves(audit->conf, fx->agent, fx->queue, &fit))
        return audit_wrong(audit, "agent %u may not serve queue %u", fx->agent, fx->queue);
    if (!audit_first_call(audit, fx) || !audit_best_agent(audit, fx))
        return false;
    audit->last_offer = fx->offer;
    audit->offers[fx->agent] = fx->offer;
    audit->offer_call[fx->agent] = fx->call;
    call->offered = true;
    return true;
}

static inline uint64_t audit_delay(const struct audit *audit, const struct acd_effect *fx) {
    const struct conf_queue *queue = &audit->conf->queue[fx->queue - 1];
    if (fx->offer_result == ACD_OFFER_NO_ANSWER)
        return queue->no_answer_delay_ms;
    if (fx->offer_result == ACD_OFFER_BUSY)
        return queue->busy_delay_ms > 1000 ? queue->busy_delay_ms : 1000;
    if (fx->offer_result == ACD_OFFER_REJECTED)
        return queue->reject_delay_ms > 1000 ? queue->reject_delay_ms : 1000;
    return 0;
}

static inline bool audit_offer_end(struct audit *audit, const struct acd_effect *fx,
                                   const struct acd_effect *next, uint32_t left) {
    struct audit_call *call = &audit->call[fx->call];
    if (audit->offers[fx->agent] != fx->offer || audit->offer_call[fx->agent] != fx->call || !call->offered)
        return audit_wrong(audit, "offer %u ends without having begun", fx->offer);
    audit->offers[fx->agent] = 0;
    call->offered = false;
    if (fx->offer_result == ACD_OFFER_ANSWERED) {
        if (left < 3 || next[0].type != ACD_FX_VISIT_END || next[0].visit_result != ACD_VISIT_ANSWERED ||
            next[1].type != ACD_FX_CONNECT || next[1].call != fx->call || next[1].agent != fx->agent)
            return audit_wrong(audit, "offer %u answered, but not joined", fx->offer);
        audit->agent[fx->agent].handle = fx->call;
        return true;
    }
    call->avoid = fx->agent;
    uint64_t delay = audit_delay(audit, fx);
    if (delay)
        audit->agent[fx->agent].ready_at_ms = audit->now + delay;
    return true;
}

static inline bool audit_visit_end(struct audit *audit, const struct acd_effect *fx) {
    struct audit_call *call = &audit->call[fx->call];
    if (!call->open || call->offered || call->queue != fx->queue || call->enter_ms != fx->enter_ms)
        return audit_wrong(audit, "visit of call %" PRIu64 " ends, but %s", fx->call,
                           call->open ? "its phone rings" : "it is not open");
    bool refused = fx->position_in == 0;
    if (refused != (fx->position_out == 0) ||
        (refused && fx->visit_result != ACD_VISIT_FULL && fx->visit_result != ACD_VISIT_NO_AGENTS))
        return audit_wrong(audit, "call %" PRIu64 ": places %u and %u", fx->call, fx->position_in,
                           fx->position_out);
    call->open = false;
    audit->ended[fx->visit_result]++;
    return true;
}

static inline bool audit_agent_state(struct audit *audit, const struct acd_effect *fx) {
    struct audit_agent *a = &audit->agent[fx->agent];
    if (fx->was_presence != a->presence || fx->was_activity != a->activity || fx->was_reason != a->reason ||
        fx->was_since_ms != a->since_ms)
        return audit_wrong(audit, "agent %u: the state that ended is not the one told before", fx->agent);
    if (fx->presence == a->presence && fx->activity == a->activity && fx->reason == a->reason)
        return audit_wrong(audit, "agent %u: nothing changed", fx->agent);
    a->spent_ms += audit->now - a->since_ms;
    if (a->presence == ACD_LOGGED_OUT)
        a->idle_order_ms = audit->now;
    a->presence = fx->presence;
    a->activity = fx->activity;
    a->reason = fx->reason;
    a->since_ms = audit->now;
    return true;
}

static inline bool audit_effect(struct audit *audit, const struct acd_effect *fx, uint32_t left) {
    const struct acd_effect *next = fx + 1;
    char text[300];
    for (int i = 0, n = acd_effect_text(fx, text, sizeof text); i < n; i++)
        audit->hash = (audit->hash ^ (uint8_t)text[i]) * 1099511628211ull;
    switch (fx->type) {
    case ACD_FX_OFFER:
        return audit_offer(audit, fx);
    case ACD_FX_CANCEL:
        if (left < 2 || next->type != ACD_FX_OFFER_END || next->offer != fx->offer ||
            next->offer_result != fx->offer_result)
            return audit_wrong(audit, "offer %u cancelled, but not ended", fx->offer);
        return true;
    case ACD_FX_OFFER_END:
        return audit_offer_end(audit, fx, next, left);
    case ACD_FX_VISIT_END:
        return audit_visit_end(audit, fx);
    case ACD_FX_CONNECT:
        return audit->agent[fx->agent].handle == fx->call ||
               audit_wrong(audit, "call %" PRIu64 " joined with no answer", fx->call);
    case ACD_FX_WRAP_END:
        if (audit->agent[fx->agent].handle != fx->call || audit->agent[fx->agent].activity != ACD_WRAPUP)
            return audit_wrong(audit, "agent %u: wrap-up ends without having begun", fx->agent);
        audit->agent[fx->agent].handle = 0;
        audit->agent[fx->agent].idle_order_ms = audit->now;
        return true;
    case ACD_FX_AGENT:
        return audit_agent_state(audit, fx);
    case ACD_FX_ENTERED:
    case ACD_FX_STEP:
    case ACD_FX_RESERVE:
    case ACD_FX_TOLD:
    case ACD_FX_TYPES:
        break;
    }
    return audit_wrong(audit, "unknown effect");
}

/* To be called before the step, with what the event announces. */
static inline void audit_enter(struct audit *audit, const struct acd_event *event) {
    audit->call[event->call] = (struct audit_call){
        .open = true,
        .queue = event->queue,
        .own_priority = event->priority,
        .enter_ms = audit->now,
        .since_ms = event->since_ms && event->since_ms < audit->now ? event->since_ms : audit->now,
        .serial = ++audit->serial};
    audit->entered++;
}

#endif
