/* SPDX-License-Identifier: Apache-2.0
 *
 * acd_audit: keeps books from events and effects alone, as the layer above would, and says what does not add
 * up. It knows the rules from docs/acd.md and shares no code with the distributor:
 *   - every ENTER has exactly one VISIT_END, every OFFER exactly one OFFER_END, every CONNECT one WRAP_END
 *   - CANCEL, OFFER_END, VISIT_END, CONNECT come in their order; the first answer wins, the other phones stop
 *   - an agent's states follow each other without gap or overlap
 *   - each offer is the one the oracle (acd_oracle.h) would make; after each step it would make no other
 *   - doors, places, steps, tiers, wrap-up, what was told: as the rules say
 * Order of calls: audit_before(), acd_step(), audit_effect() for each effect, audit_after().
 */
#ifndef ACD_AUDIT_H
#define ACD_AUDIT_H

#include "acd_oracle.h"

#include <stdarg.h>

static inline bool PRINTF_LIKE(2, 3) audit_wrong(struct audit *audit, const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (!*audit->text)
        vsnprintf(audit->text, sizeof audit->text, format, args);
    va_end(args);
    return false;
}

static inline void audit_begin(struct audit *audit) {
    *audit = (struct audit){.hash = 14695981039346656037ull, .edge_ms = NEVER};
    for (uint32_t i = 0; i <= AUDIT_AGENTS; i++)
        audit->agent[i].activity = ACD_UNREACHABLE;
    for (uint32_t q = 0; q <= AUDIT_QUEUES; q++)
        audit->queue[q] = (struct audit_queue){.removed = true, .tier = 1, .empty_ms = NEVER};
}

static inline bool audit_talks(const struct audit_agent *a) {
    return a->activity == ACD_TALKING || a->activity == ACD_HOLD || a->activity == ACD_CONSULT ||
           a->activity == ACD_CONFERENCE;
}

/* A phone rings, or a wait is over, in this very millisecond: whether the distributor has come to it already
 * cannot be told from outside, so either is right. */
static inline bool audit_on_edge(const struct audit *audit) {
    for (uint32_t i = 0; i < audit->waiting; i++) {
        const struct audit_call *call = &audit->call[audit->line[i]];
        const struct conf_queue *q = &audit->queue[call->queue].set;
        uint64_t step_ms = q->ring_step_ms ? q->ring_step_ms : 5000;
        if ((call->only && call->only_to_ms == audit->now) ||
            (q->max_wait_ms && call->enter_ms + q->max_wait_ms == audit->now) ||
            (call->rings && q->strategy == CONF_RING_PROGRESSIVELY &&
             (audit->now - call->round_ms) % step_ms == 0))
            return true;
    }
    return false;
}

/* ---- people and queues that come, go and change ---- */

/* Somebody who serves it, or may have, is less there than before: what was told need not hold. */
static inline void audit_fell(struct audit *audit, uint32_t agent) {
    for (uint32_t q = 1; q <= audit->conf->queue_count; q++)
        audit->queue[q].fell += oracle_tier(audit, agent, q) != 0;
}

/* Who is logged in has changed. */
static inline void audit_staff(struct audit *audit) {
    for (uint32_t q = 1; q <= audit->conf->queue_count; q++) {
        struct audit_queue *queue = &audit->queue[q];
        queue->staffed = oracle_staffed(audit, q);
        if (queue->staffed || queue->removed)
            queue->empty_ms = NEVER;
        else if (queue->empty_ms == NEVER)
            queue->empty_ms = audit->now;
    }
}

/* Calls that wait for this agent alone wait for him no longer, unless he is there. */
static inline void audit_prefers(struct audit *audit) {
    for (uint32_t i = 0; i < audit->waiting; i++) {
        struct audit_call *call = &audit->call[audit->line[i]];
        const struct audit_agent *a = &audit->agent[call->preferred];
        if (call->only && (a->presence != ACD_READY || a->activity == ACD_UNREACHABLE ||
                           !oracle_tier(audit, call->preferred, call->queue)))
            call->only = false;
    }
}

/* The configuration is in force; old is still readable. */
static inline void audit_configured(struct audit *audit, const struct conf *old, const struct conf *conf) {
    audit->conf = conf;
    for (uint32_t q = 1; q <= conf->queue_count; q++) {
        struct audit_queue *queue = &audit->queue[q];
        const struct conf_queue *now = &conf->queue[q - 1];
        const struct conf_queue *was = old && q <= old->queue_count ? &old->queue[q - 1] : NULL;
        bool was_removed = queue->removed;
        queue->removed = now->removed;
        if (now->removed)
            continue; /* what is over there keeps its rules */
        if (was_removed || !was || queue->set.closed != now->closed)
            queue->closed = now->closed;
        queue->unsure = true; /* marks may have been reached for a moment, before callers were let out */
        queue->set = *now;
        queue->set.skill_count = queue->set.step_count = queue->set.reserve_count = 0;
        queue->fell++;
    }
    for (uint32_t i = 1; i <= conf->agent_count; i++) {
        struct audit_agent *a = &audit->agent[i];
        if (!a->born)
            a->born_ms = a->since_ms = audit->now;
        a->born = true;
    }
    audit_staff(audit);
    audit_prefers(audit);
    for (uint32_t i = 0; i < audit->waiting; i++) { /* calls stay at their step if there are still so many */
        struct audit_call *call = &audit->call[audit->line[i]];
        call->look = false;
        if (call->step > oracle_steps(audit, call->queue))
            call->step = oracle_steps(audit, call->queue);
    }
}

/* ---- entering ---- */

static inline struct audit_place *audit_lost(struct audit *audit, uint32_t queue, uint64_t caller) {
    for (uint32_t i = 0; i < audit->lost_count; i++)
        if (audit->lost[i].queue == queue && audit->lost[i].caller == caller)
            return &audit->lost[i];
    return NULL;
}

static inline void audit_lose(struct audit *audit, uint32_t queue, uint64_t caller, uint64_t since_ms,
                              int32_t priority) {
    struct audit_place *place = audit_lost(audit, queue, caller);
    if (!caller || !audit->queue[queue].set.resume_ms || audit->lost_count == AUDIT_CALLS)
        return;
    if (!place)
        place = &audit->lost[audit->lost_count++];
    *place = (struct audit_place){.caller = caller,
                                  .since_ms = since_ms,
                                  .lost_ms = audit->now + audit->queue[queue].set.resume_ms,
                                  .queue = queue,
                                  .priority = priority};
}

static inline bool audit_takes_entry(const struct audit *audit, const struct acd_event *event) {
    if (!event->call || event->call > AUDIT_CALLS || !event->queue ||
        event->queue > audit->conf->queue_count || audit->queue[event->queue].removed ||
        audit->call[event->call].open)
        return false;
    for (uint32_t i = 1; i <= AUDIT_AGENTS; i++)
        if (audit->agent[i].handle == event->call && audit->agent[i].activity != ACD_WRAPUP)
            return false; /* still being talked with */
    return true;
}

/* A caller who came now would find an able agent: then there is no wait to speak of. */
static inline bool audit_served_now(const struct audit *audit, uint32_t queue) {
    const struct audit_call call = {.queue = queue, .since_ms = audit->now};
    uint32_t step = oracle_manned_step(audit, &call, oracle_time_step(audit, &call));
    for (uint32_t i = 1; i <= audit->conf->agent_count; i++)
        if (oracle_able(audit, i) && oracle_serves(audit, i, queue, step))
            return true;
    return false;
}

/* What the door says; ANSWERED: come in. */
static inline enum acd_visit_result audit_door(const struct audit *audit, uint32_t number, bool resumed) {
    const struct audit_queue *queue = &audit->queue[number];
    uint32_t limit = queue->set.max_waiting ? queue->set.max_waiting : audit->conf->max_calls;
    if (queue->closed)
        return ACD_VISIT_CLOSED;
    if (queue->set.need_agents && !oracle_staffed(audit, number))
        return ACD_VISIT_NO_AGENTS;
    if (queue->set.need_unpaused && oracle_staffed(audit, number) && oracle_all_paused(audit, number))
        return ACD_VISIT_PAUSED;
    if (!resumed && limit && oracle_waiting(audit, number) >= limit)
        return ACD_VISIT_FULL;
    if (!resumed && queue->set.max_expected_wait_ms && queue->expected_ms != NEVER &&
        queue->expected_ms > queue->set.max_expected_wait_ms && !audit_served_now(audit, number))
        return ACD_VISIT_TOO_LONG;
    return ACD_VISIT_ANSWERED;
}

static inline void audit_prefer(struct audit *audit, struct audit_call *call, uint32_t agent) {
    const struct conf_queue *q = &audit->queue[call->queue].set;
    if (q->preferred == CONF_PREFERRED_NONE || !oracle_known(audit, agent))
        return;
    call->preferred = agent;
    call->only = q->preferred_wait_ms && !oracle_excluded(call, agent);
    call->only_to_ms = call->enter_ms + q->preferred_wait_ms;
}

/* An accepted event, not of a call that exists; before its effects. */
static inline bool audit_enter(struct audit *audit, const struct acd_event *event) {
    struct audit_call *call = &audit->call[event->call];
    struct audit_place *place = event->caller ? audit_lost(audit, event->queue, event->caller) : NULL;
    uint64_t since_ms = event->since_ms && event->since_ms < audit->now ? event->since_ms : audit->now;
    int32_t priority = event->priority;
    bool resumed = place && place->lost_ms > audit->now && audit->queue[event->queue].set.resume_ms;
    if (resumed && place->since_ms < since_ms)
        since_ms = place->since_ms;
    if (resumed && place->priority > priority)
        priority = place->priority;
    *call = (struct audit_call){.queue = event->queue,
                                .own_priority = priority,
                                .enter_ms = audit->now,
                                .since_ms = since_ms,
                                .serial = ++audit->serial,
                                .caller = event->caller,
                                .told_to_ms = NEVER,
                                .look = true};
    memcpy(call->excluded, event->excluded, sizeof call->excluded);
    audit->entered++;
    call->refusal = audit_door(audit, event->queue, resumed);
    call->open = true;
    if (call->refusal != ACD_VISIT_ANSWERED)
        return false;
    if (resumed)
        *place = audit->lost[--audit->lost_count];
    audit_prefer(audit, call, event->preferred);
    audit->line[audit->waiting++] = (uint32_t)event->call;
    audit_prefers(audit);
    return true;
}

static inline void audit_close_call(struct audit *audit, uint32_t number) {
    audit->call[number].open = false;
    for (uint32_t i = 0; i < audit->waiting; i++)
        if (audit->line[i] == number) {
            audit->line[i] = audit->line[--audit->waiting];
            return;
        }
}

/* ---- offers ---- */

static inline bool audit_explained(struct audit *audit, const struct acd_effect *fx,
                                   const struct oracle_choice *choice) {
    const struct acd_decision *d = acd_decision(audit->acd, fx->decision);
    if (!d || d->kind != ACD_DID_OFFER || d->call != fx->call || d->agent != fx->agent ||
        d->queue != fx->queue || d->step != audit->call[fx->call].step)
        return audit_wrong(audit, "offer %u: the decision is not about it", fx->offer);
    if (d->candidates != choice->able)
        return audit_wrong(audit, "offer %u: %u were able, the decision says %u", fx->offer, choice->able,
                           d->candidates);
    for (int i = 0; i < ACD_OTHERS; i++)
        if (d->other[i].agent && (d->other[i].agent == fx->agent || !choice->may[d->other[i].agent]))
            return audit_wrong(audit, "offer %u: agent %u was no candidate beside", fx->offer,
                               d->other[i].agent);
    return true;
}

/* Is it the offer the oracle would make? */
static inline bool audit_as_wanted(struct audit *audit, const struct acd_effect *fx) {
    struct oracle_choice choice = oracle_next(audit);
    if (choice.call != fx->call || (choice.lots ? !choice.may[fx->agent] : choice.agent != fx->agent))
        return audit_wrong(audit, "call %u should go to agent %u, not call %" PRIu64 " to agent %u",
                           choice.call, choice.agent, fx->call, fx->agent);
    return audit_explained(audit, fx, &choice);
}

static inline bool audit_right_offer(struct audit *audit, const struct acd_effect *fx) {
    bool right = audit_as_wanted(audit, fx);
    audit->offers_judged++;
    if (!right && audit_on_edge(audit)) {
        *audit->text = 0;
        audit->edge_ms = audit->now;
        right = audit_as_wanted(audit, fx);
        audit->edge_ms = NEVER;
    }
    return right;
}

static inline bool audit_offer(struct audit *audit, const struct acd_effect *fx) {
    struct audit_call *call = &audit->call[fx->call];
    struct audit_agent *a = &audit->agent[fx->agent];
    audit->offers_seen++;
    if (!call->open || call->queue != fx->queue)
        return audit_wrong(audit, "offer of call %" PRIu64 ", which does not wait for it", fx->call);
    if (a->offer || a->handle)
        return audit_wrong(audit, "agent %u has an offer or a handle already", fx->agent);
    if (fx->offer == audit->last_offer || !fx->offer)
        return audit_wrong(audit, "offer number %u twice", fx->offer);
    if (oracle_excluded(call, fx->agent))
        return audit_wrong(audit, "agent %u is excluded", fx->agent);
    if (!audit->late && !audit_right_offer(audit, fx))
        return false;
    if (!call->rings++)
        call->round_ms = audit->now;
    audit->last_offer = fx->offer;
    a->offer = fx->offer;
    a->offer_call = fx->call;
    a->offer_ms = audit->now;
    a->ring_to_ms = audit->now + audit->queue[fx->queue].set.ring_ms;
    audit->queue[fx->queue].last_agent = fx->agent;
    return true;
}

static inline uint64_t audit_delay(const struct audit *audit, const struct acd_effect *fx) {
    const struct conf_queue *queue = &audit->queue[fx->queue].set;
    bool ours = audit->event->type == ACD_EV_OFFER_FAILED && audit->event->offer == fx->offer;
    if (fx->offer_result == ACD_OFFER_NO_ANSWER)
        return queue->no_answer_delay_ms;
    if (fx->offer_result == ACD_OFFER_BUSY)
        return queue->busy_delay_ms > 1000 ? queue->busy_delay_ms : 1000;
    if (fx->offer_result == ACD_OFFER_REJECTED)
        return queue->reject_delay_ms > 1000 ? queue->reject_delay_ms : 1000;
    if (fx->offer_result == ACD_OFFER_CANCELLED || fx->offer_result == ACD_OFFER_LOST_RACE)
        return ours ? 1000 : 0; /* the layer above gave up: the agent is left alone for a second */
    return 0;
}

/* Answered: the other phones stop, each with its three effects, then the two are joined. */
static inline bool audit_joined(struct audit *audit, const struct acd_effect *fx, uint32_t left) {
    uint32_t losers = audit->call[fx->call].rings - 1, at = 1;
    for (uint32_t i = 0; i < losers && at + 3 <= left; i++, at += 3)
        if (fx[at].type != ACD_FX_CANCEL || fx[at].call != fx->call ||
            fx[at].offer_result != ACD_OFFER_LOST_RACE || fx[at + 1].type != ACD_FX_OFFER_END ||
            fx[at + 1].offer != fx[at].offer || fx[at + 2].type != ACD_FX_AGENT ||
            fx[at + 2].agent != fx[at].agent)
            return audit_wrong(audit, "offer %u answered, but the other phones do not stop", fx->offer);
    if (at + 3 > left || fx[at].type != ACD_FX_VISIT_END || fx[at].call != fx->call ||
        fx[at].visit_result != ACD_VISIT_ANSWERED || fx[at + 1].type != ACD_FX_CONNECT ||
        fx[at + 1].call != fx->call || fx[at + 1].agent != fx->agent || fx[at + 2].type != ACD_FX_AGENT ||
        fx[at + 2].agent != fx->agent || fx[at + 2].activity != ACD_TALKING)
        return audit_wrong(audit, "offer %u answered, but not joined", fx->offer);
    return true;
}

static inline bool audit_offer_end(struct audit *audit, const struct acd_effect *fx, uint32_t left) {
    struct audit_call *call = &audit->call[fx->call];
    struct audit_agent *a = &audit->agent[fx->agent];
    if (!fx->offer || a->offer != fx->offer || a->offer_call != fx->call || !call->rings)
        return audit_wrong(audit, "offer %u ends without having begun", fx->offer);
    if (fx->offer_result == ACD_OFFER_ANSWERED) {
        if (!audit_joined(audit, fx, left))
            return false;
        a->handle = fx->call;
        a->handle_queue = fx->queue;
        a->talk_since_ms = audit->now;
        a->disposed = false;
    } else {
        call->avoid = fx->agent;
    }
    a->offer = 0;
    call->rings--;
    if (fx->offer_result != ACD_OFFER_ANSWERED && call->preferred == fx->agent)
        call->only = false;
    uint64_t delay = audit_delay(audit, fx);
    if (delay)
        a->ready_at_ms = audit->now + delay;
    return true;
}

/* ---- the end of a visit ---- */

static inline bool audit_may_end(const struct audit *audit, const struct audit_call *call,
                                 const struct acd_effect *fx) {
    const struct audit_queue *queue = &audit->queue[call->queue];
    const struct acd_event *event = audit->event;
    switch (fx->visit_result) {
    case ACD_VISIT_ANSWERED:
        for (uint32_t i = 1; i <= AUDIT_AGENTS; i++)
            if (audit->agent[i].handle == fx->call)
                return true;
        return false;
    case ACD_VISIT_TIMEOUT:
        return queue->set.max_wait_ms && call->enter_ms + queue->set.max_wait_ms <= audit->now;
    case ACD_VISIT_EMPTY:
        return queue->set.need_agents && queue->empty_ms != NEVER &&
               queue->empty_ms + queue->set.empty_grace_ms <= audit->now;
    case ACD_VISIT_WITHDRAWN:
        if (queue->removed)
            return true;
        /* fall through */
    case ACD_VISIT_ABANDONED:
    case ACD_VISIT_FAILED:
    case ACD_VISIT_EXIT_KEY:
    case ACD_VISIT_CALLBACK:
        return event->type == ACD_EV_CALL_LEAVE && event->call == fx->call &&
               event->visit_result == fx->visit_result;
    case ACD_VISIT_FULL:
    case ACD_VISIT_NO_AGENTS:
    case ACD_VISIT_CLOSED:
    case ACD_VISIT_PAUSED:
    case ACD_VISIT_TOO_LONG:
    case ACD_VISIT_RESULTS:
        break;
    }
    return false;
}

static inline bool audit_visit_end(struct audit *audit, const struct acd_effect *fx) {
    struct audit_call *call = &audit->call[fx->call];
    bool refused = call->refusal != ACD_VISIT_ANSWERED;
    if (!call->open || call->rings || call->queue != fx->queue || call->enter_ms != fx->enter_ms)
        return audit_wrong(audit, "visit of call %" PRIu64 " ends, but %s", fx->call,
                           call->open ? "its phone rings" : "it is not open");
    uint32_t place = refused ? 0 : oracle_place(audit, call);
    if (place != fx->position_out && !refused) { /* a call may reach its cap in this very millisecond */
        audit->now--;
        place = oracle_place(audit, call);
        audit->now++;
    }
    if (fx->position_in != call->position_in || (fx->position_out != place && !audit->late))
        return audit_wrong(audit, "call %" PRIu64 ": places %u and %u, should be %u and %u", fx->call,
                           fx->position_in, fx->position_out, call->position_in, place);
    if (refused ? fx->visit_result != call->refusal : !audit_may_end(audit, call, fx))
        return audit_wrong(audit, "call %" PRIu64 ": may not end as %s", fx->call,
                           acd_visit_result_name(fx->visit_result));
    if (fx->visit_result == ACD_VISIT_ABANDONED || fx->visit_result == ACD_VISIT_FAILED)
        audit_lose(audit, call->queue, call->caller, call->since_ms, call->own_priority);
    audit_close_call(audit, (uint32_t)fx->call);
    audit->ended[fx->visit_result]++;
    return true;
}

/* ---- agents ---- */

static inline void audit_talk_over(struct audit *audit, struct audit_agent *a, uint32_t agent) {
    const struct conf_queue *q = &audit->queue[a->handle_queue].set;
    bool known = oracle_known(audit, agent);
    const struct conf_agent *conf = &audit->conf->agent[agent - 1];
    uint32_t ms = known && conf->own_wrapup_ms ? conf->own_wrapup_ms : q->wrapup_ms;
    if (q->wrapup_max_ms && ms > q->wrapup_max_ms)
        ms = q->wrapup_max_ms;
    if (known && ms > conf->wrapup_max_ms)
        ms = conf->wrapup_max_ms;
    a->handles++;
    a->talk_ms += audit->now - a->talk_since_ms;
    a->wrap_to_ms = audit->now + (known ? ms : 0);
    a->want_disposition = known && q->wrapup_mode == CONF_WRAPUP_DISPOSITION && !a->disposed;
    a->extensions = 0;
    a->extension_ms = q->wrapup_extend_ms;
    a->most_extensions = q->wrapup_extensions;
}

static inline bool audit_agent_state(struct audit *audit, const struct acd_effect *fx) {
    struct audit_agent *a = &audit->agent[fx->agent];
    bool talked = audit_talks(a);
    if (fx->was_presence != a->presence || fx->was_activity != a->activity || fx->was_reason != a->reason ||
        fx->was_since_ms != a->since_ms)
        return audit_wrong(audit, "agent %u: the state that ended is not the one told before", fx->agent);
    if (fx->presence == a->presence && fx->activity == a->activity && fx->reason == a->reason)
        return audit_wrong(audit, "agent %u: nothing changed", fx->agent);
    a->spent_ms += audit->now - a->since_ms;
    if (a->presence == ACD_LOGGED_OUT && fx->presence != ACD_LOGGED_OUT) {
        a->idle_order_ms = audit->now;
        a->handles = 0;
        a->talk_ms = 0;
    }
    if (fx->presence == ACD_NOT_READY && a->presence != ACD_NOT_READY)
        a->paused_ms = audit->now;
    if (fx->presence == ACD_READY && a->presence == ACD_NOT_READY && audit->conf->pause_keeps_place_ms &&
        audit->now - a->paused_ms > audit->conf->pause_keeps_place_ms)
        a->idle_order_ms = audit->now;
    if (a->presence == ACD_READY &&
        (fx->presence != ACD_READY || fx->activity == ACD_UNREACHABLE || fx->activity == ACD_BUSY_OTHER))
        audit_fell(audit, fx->agent);
    bool in_or_out = (a->presence == ACD_LOGGED_OUT) != (fx->presence == ACD_LOGGED_OUT);
    a->presence = fx->presence;
    a->activity = fx->activity;
    a->reason = fx->reason;
    a->since_ms = audit->now;
    if (talked && !audit_talks(a))
        audit_talk_over(audit, a, fx->agent);
    if (in_or_out) {
        audit_staff(audit);
        for (uint32_t i = 0; i < audit->waiting; i++)
            if (oracle_tier(audit, fx->agent, audit->call[audit->line[i]].queue))
                audit->call[audit->line[i]].look |= fx->presence == ACD_LOGGED_OUT;
    }
    audit_prefers(audit);
    return true;
}

static inline bool audit_wrap_end(struct audit *audit, const struct acd_effect *fx) {
    struct audit_agent *a = &audit->agent[fx->agent];
    const struct acd_event *event = audit->event;
    bool mine = event->agent == fx->agent, over = a->wrap_to_ms <= audit->now && !a->want_disposition;
    bool done = event->type == ACD_EV_WRAP_DONE && mine && !a->want_disposition;
    if (a->handle != fx->call || a->activity != ACD_WRAPUP)
        return audit_wrong(audit, "agent %u: wrap-up ends without having begun", fx->agent);
    if (!over && !done && oracle_known(audit, fx->agent))
        return audit_wrong(audit, "agent %u: wrap-up ends too soon", fx->agent);
    a->handle = 0;
    a->want_disposition = a->disposed = false;
    a->extensions = 0;
    a->idle_order_ms = audit->now;
    return true;
}

/* ---- other effects ---- */

static inline bool audit_entered(struct audit *audit, const struct acd_effect *fx) {
    struct audit_call *call = &audit->call[fx->call];
    uint32_t place = oracle_place(audit, call);
    if (!call->open || call->position_in || call->queue != fx->queue ||
        audit->event->type != ACD_EV_CALL_ENTER || audit->event->call != fx->call)
        return audit_wrong(audit, "call %" PRIu64 " did not enter now", fx->call);
    if (fx->position_in != place || fx->enter_ms != call->enter_ms || fx->since_ms != call->since_ms)
        return audit_wrong(audit,
                           "call %" PRIu64 " entered: place %u since %" PRIu64 ", should be %u %" PRIu64,
                           fx->call, fx->position_in, fx->since_ms, place, call->since_ms);
    call->position_in = fx->position_in;
    return true;
}

static inline bool audit_step(struct audit *audit, const struct acd_effect *fx) {
    struct audit_call *call = &audit->call[fx->call];
    uint32_t due = oracle_time_step(audit, call);
    if (!call->open || call->queue != fx->queue || fx->step <= call->step ||
        fx->step > oracle_steps(audit, fx->queue))
        return audit_wrong(audit, "call %" PRIu64 " cannot go to step %u", fx->call, fx->step);
    if (fx->step > due && fx->step != oracle_manned_step(audit, call, due) &&
        fx->step != oracle_manned_step(audit, call, call->step) && !audit->late)
        return audit_wrong(audit, "call %" PRIu64 " is too soon for step %u", fx->call, fx->step);
    call->step = fx->step;
    call->told_to_ms = NEVER; /* other agents take it now, maybe fewer */
    call->look = true;
    return true;
}

static inline bool audit_reserve(struct audit *audit, const struct acd_effect *fx) {
    struct audit_queue *queue = &audit->queue[fx->queue];
    if (fx->tier == queue->tier || !fx->tier)
        return audit_wrong(audit, "queue %u: tier %u was open", fx->queue, fx->tier);
    if (fx->tier < queue->tier)
        queue->fell++;
    queue->tier = fx->tier;
    for (uint32_t i = 0; i < audit->waiting;
         i++) /* steps are looked at when a call enters or agents log out */
        if (audit->call[audit->line[i]].queue == fx->queue)
            audit->call[audit->line[i]].look = false;
    return true;
}

static inline bool audit_told(struct audit *audit, const struct acd_effect *fx) {
    struct audit_call *call = &audit->call[fx->call];
    const struct audit_queue *queue = &audit->queue[call->queue];
    if (!call->open || call->queue != fx->queue || audit->event->type != ACD_EV_TELL ||
        fx->position_out != oracle_place(audit, call))
        return audit_wrong(audit, "call %" PRIu64 " is told what is not so", fx->call);
    if (fx->wait_ms == NEVER)
        return true;
    if (call->told_to_ms != NEVER && fx->wait_ms && audit->now + fx->wait_ms > call->told_to_ms &&
        call->told_fell == queue->fell)
        return audit_wrong(audit, "call %" PRIu64 " was told %" PRIu64 " before, now later", fx->call,
                           call->told_to_ms);
    call->told_to_ms = audit->now + fx->wait_ms;
    call->told_fell = queue->fell;
    return true;
}

static inline bool audit_effect(struct audit *audit, const struct acd_effect *fx, uint32_t left) {
    char text[300];
    for (int i = 0, n = acd_effect_text(fx, text, sizeof text); i < n; i++)
        audit->hash = (audit->hash ^ (uint8_t)text[i]) * 1099511628211ull;
    if (fx->call > AUDIT_CALLS || fx->agent > AUDIT_AGENTS || fx->queue > AUDIT_QUEUES)
        return audit_wrong(audit, "an effect about nobody");
    switch (fx->type) {
    case ACD_FX_OFFER:
        return audit_offer(audit, fx);
    case ACD_FX_CANCEL:
        if (left < 3 || fx[1].type != ACD_FX_OFFER_END || fx[1].offer != fx->offer ||
            fx[1].offer_result != fx->offer_result || fx[2].type != ACD_FX_AGENT || fx[2].agent != fx->agent)
            return audit_wrong(audit, "offer %u cancelled, but not ended", fx->offer);
        return true;
    case ACD_FX_OFFER_END:
        return audit_offer_end(audit, fx, left);
    case ACD_FX_VISIT_END:
        return audit_visit_end(audit, fx);
    case ACD_FX_CONNECT:
        return audit->agent[fx->agent].handle == fx->call ||
               audit_wrong(audit, "call %" PRIu64 " joined with no answer", fx->call);
    case ACD_FX_WRAP_END:
        return audit_wrap_end(audit, fx);
    case ACD_FX_AGENT:
        return audit_agent_state(audit, fx);
    case ACD_FX_ENTERED:
        return audit_entered(audit, fx);
    case ACD_FX_STEP:
        return audit_step(audit, fx);
    case ACD_FX_RESERVE:
        return audit_reserve(audit, fx);
    case ACD_FX_TOLD:
        return audit_told(audit, fx);
    case ACD_FX_TYPES:
        break;
    }
    return audit_wrong(audit, "unknown effect");
}

#endif
