/* SPDX-License-Identifier: Apache-2.0
 *
 * acd_balance: the rest of the books of acd_audit.h: which events are to be refused, what an accepted one
 * means beside its effects, and what has to be so when a step is over.
 */
#ifndef ACD_BALANCE_H
#define ACD_BALANCE_H

#include "acd_audit.h"

/* ---- before the step ---- */

static inline void audit_before(struct audit *audit, const struct acd *acd, const struct acd_event *event) {
    audit->acd = acd;
    audit->event = event;
    if (event->now_ms > audit->now)
        audit->now = event->now_ms;
    for (uint32_t q = 1; q <= audit->conf->queue_count && !audit->blind; q++) {
        struct acd_queue_view view;
        if (!acd_queue_view(acd, q, &view))
            audit->queue[q].expected_ms = view.wait_ms;
    }
}

static inline bool audit_live(const struct audit *audit, uint32_t offer) {
    for (uint32_t i = 1; i <= AUDIT_AGENTS && offer; i++)
        if (audit->agent[i].offer == offer)
            return true;
    return false;
}

enum audit_answer { AUDIT_TAKEN, AUDIT_REFUSED, AUDIT_EITHER };

/* Whether the event is to be taken. Refusals for lack of memory are another matter. */
static inline enum audit_answer audit_answer(const struct audit *audit, const struct acd_event *event) {
    const struct audit_agent *a = event->agent <= AUDIT_AGENTS ? &audit->agent[event->agent] : NULL, *b;
    bool person = a && oracle_known(audit, event->agent), yes;
    switch (event->type) {
    case ACD_EV_CALL_ENTER:
        yes = audit_takes_entry(audit, event);
        break;
    case ACD_EV_OFFER_RINGING:
    case ACD_EV_OFFER_ANSWERED:
        yes = audit_live(audit, event->offer);
        break;
    case ACD_EV_OFFER_FAILED:
        yes = audit_live(audit, event->offer) && event->offer_result < ACD_OFFER_RESULTS &&
              event->offer_result != ACD_OFFER_ANSWERED && event->offer_result != ACD_OFFER_CALLER_GONE;
        break;
    case ACD_EV_TELL:
        if (event->call > AUDIT_CALLS || !audit->call[event->call].open)
            return AUDIT_EITHER;
        yes = true;
        break;
    case ACD_EV_QUEUE_CLOSE:
    case ACD_EV_QUEUE_OPEN:
        yes = event->queue && event->queue <= audit->conf->queue_count && !audit->queue[event->queue].removed;
        break;
    case ACD_EV_LOST_PLACE:
        if (!event->caller || event->queue > AUDIT_QUEUES)
            return AUDIT_EITHER;
        yes = event->queue && event->queue <= audit->conf->queue_count && !audit->queue[event->queue].removed;
        break;
    case ACD_EV_HANDLE_END:
        yes = a && a->born && audit_talks(a);
        break;
    case ACD_EV_TRANSFER:
        b = event->to <= AUDIT_AGENTS ? &audit->agent[event->to] : NULL;
        yes = a && b && a != b && audit_talks(a) && oracle_known(audit, event->to) &&
              b->presence != ACD_LOGGED_OUT && (b->activity == ACD_IDLE || b->activity == ACD_BUSY_OTHER);
        break;
    case ACD_EV_WRAP_DONE:
        yes = a && a->born && a->activity == ACD_WRAPUP && !a->want_disposition;
        break;
    case ACD_EV_WRAP_MORE:
        yes = a && a->born && a->activity == ACD_WRAPUP &&
              (a->extensions < a->most_extensions || a->most_extensions == NEVER32);
        break;
    case ACD_EV_DISPOSITION:
        yes = a && a->born && (a->activity == ACD_WRAPUP || audit_talks(a));
        break;
    case ACD_EV_SKILL:
        yes = person && event->skill && event->skill <= audit->conf->skill_count &&
              (event->level <= 10 || event->level == NEVER32);
        break;
    case ACD_EV_LOGOUT:
    case ACD_EV_PAUSE:
    case ACD_EV_UNPAUSE:
        yes = person && a->presence != ACD_LOGGED_OUT &&
              (event->type != ACD_EV_PAUSE || event->reason <= audit->conf->pause_reason_count);
        break;
    case ACD_EV_REACHABLE:
    case ACD_EV_UNREACHABLE:
        yes = a && a->born;
        break;
    case ACD_EV_RESTORE:
        yes = person && event->presence < ACD_PRESENCES && !a->offer && !a->handle;
        break;
    case ACD_EV_RESTORE_WRAPUP:
        yes = person && !a->offer && !a->handle && event->call && event->queue &&
              event->queue <= audit->conf->queue_count;
        break;
    default:
        return AUDIT_EITHER;
    }
    return yes ? AUDIT_TAKEN : AUDIT_REFUSED;
}

/* ---- accepted: what the event means by itself; before its effects are told ---- */

static inline void audit_extend(struct audit *audit, struct audit_agent *a, uint32_t ms) {
    if (a->extension_ms && (!ms || ms > a->extension_ms))
        ms = a->extension_ms;
    a->extensions++;
    if (a->wrap_to_ms > audit->now) /* else it waits for the disposition alone */
        a->wrap_to_ms += ms;
}

/* Whatever may have changed who is able to serve. */
static inline void audit_skill(struct audit *audit, const struct acd_event *event) {
    audit_fell(audit, event->agent);
    audit->agent[event->agent].change[event->skill] =
        event->level == NEVER32 ? 0 : (uint16_t)(event->level + 1);
    audit_staff(audit);
}

static inline uint64_t audit_past(const struct audit *audit, uint64_t ms, uint64_t otherwise) {
    return ms && ms < audit->now ? ms : otherwise;
}

static inline void audit_restore(struct audit *audit, const struct acd_event *event) {
    struct audit_agent *a = &audit->agent[event->agent];
    a->since_ms = a->paused_ms = audit_past(audit, event->since_ms, audit->now);
    if (event->type == ACD_EV_RESTORE) {
        a->idle_order_ms = audit_past(audit, event->idle_order_ms, a->since_ms);
        a->handles = event->handles ? event->handles : a->handles;
        a->talk_ms = event->talk_ms ? event->talk_ms : a->talk_ms;
    }
    a->restored = true;
}

/* A wrap-up of before a restart goes on, unless it would be over. Returns whether it does. */
static inline bool audit_restore_wrapup(struct audit *audit, const struct acd_event *event) {
    struct audit_agent *a = &audit->agent[event->agent];
    const struct conf_queue *q = &audit->queue[event->queue].set;
    const struct conf_agent *conf = &audit->conf->agent[event->agent - 1];
    uint64_t ms = conf->own_wrapup_ms ? conf->own_wrapup_ms : q->wrapup_ms;
    if (q->wrapup_max_ms && ms > q->wrapup_max_ms)
        ms = q->wrapup_max_ms;
    if (ms > conf->wrapup_max_ms)
        ms = conf->wrapup_max_ms;
    uint64_t to_ms = event->ms ? audit->now + event->ms : audit_past(audit, event->since_ms, audit->now) + ms;
    bool wants = q->wrapup_mode == CONF_WRAPUP_DISPOSITION;
    if (audit->queue[event->queue].removed || (to_ms <= audit->now && !wants))
        return false;
    a->handle = event->call;
    a->handle_queue = event->queue;
    a->wrap_to_ms = to_ms;
    a->want_disposition = wants;
    a->disposed = false;
    a->extensions = 0;
    a->extension_ms = q->wrapup_extend_ms;
    a->most_extensions = q->wrapup_extensions;
    return true;
}

/* Returns how many effects it has taken off the front. */
static inline uint32_t audit_accepted(struct audit *audit, const struct acd_event *event,
                                      const struct acd_effect *fx, uint32_t count) {
    struct audit_agent *a = &audit->agent[event->agent <= AUDIT_AGENTS ? event->agent : 0];
    switch (event->type) {
    case ACD_EV_CALL_ENTER:
        if (audit->blind) /* the door is believed */
            audit->queue[event->queue].expected_ms =
                count && fx->type == ACD_FX_VISIT_END && fx->visit_result == ACD_VISIT_TOO_LONG ? NEVER - 1
                                                                                                : 0;
        audit_enter(audit, event);
        break;
    case ACD_EV_LOST_PLACE:
        audit_lose(audit, event->queue, event->caller, event->since_ms, event->priority);
        break;
    case ACD_EV_QUEUE_CLOSE:
    case ACD_EV_QUEUE_OPEN:
        audit->queue[event->queue].closed = event->type == ACD_EV_QUEUE_CLOSE;
        break;
    case ACD_EV_WRAP_MORE:
        audit_extend(audit, a, event->ms);
        break;
    case ACD_EV_DISPOSITION:
        a->disposed = true;
        a->want_disposition = false;
        break;
    case ACD_EV_TRANSFER: /* the other's handle begins, this one's is over with its wrap-up */
        audit->agent[event->to].handle = a->handle;
        audit->agent[event->to].handle_queue = a->handle_queue;
        audit->agent[event->to].talk_since_ms = audit->now;
        audit->agent[event->to].disposed = false;
        break;
    case ACD_EV_SKILL:
        audit_skill(audit, event);
        break;
    case ACD_EV_RESTORE_WRAPUP:
        if (!audit_restore_wrapup(audit, event))
            break;
        /* fall through */
    case ACD_EV_RESTORE:
        if (count && fx->type == ACD_FX_AGENT && fx->agent == event->agent) {
            audit_effect(audit, fx, count);
            audit_restore(audit, event);
            return 1;
        }
        audit_restore(audit, event);
        break;
    default:
        break;
    }
    return 0;
}

/* ---- after the step ---- */

static inline bool audit_no_more_offers(struct audit *audit) {
    struct oracle_choice more = oracle_next(audit);
    if (more.call)
        return audit_wrong(audit, "call %u waits although agent %u could take it", more.call, more.agent);
    return true;
}

static inline bool audit_calls_in_time(struct audit *audit) {
    for (uint32_t i = 0; i < audit->waiting; i++) {
        struct audit_call *call = &audit->call[audit->line[i]];
        const struct audit_queue *queue = &audit->queue[call->queue];
        uint32_t due = oracle_time_step(audit, call);
        bool over = queue->set.max_wait_ms && call->enter_ms + queue->set.max_wait_ms <= audit->now;
        if ((call->step < due && !over) ||
            (call->look && oracle_manned_step(audit, call, call->step) != call->step))
            return audit_wrong(audit, "call %u is still at step %u", audit->line[i], call->step);
        call->look = false;
        if (over && !call->rings)
            return audit_wrong(audit, "call %u waits longer than the longest wait", audit->line[i]);
        if (queue->set.need_agents && queue->empty_ms != NEVER &&
            queue->empty_ms + queue->set.empty_grace_ms <= audit->now)
            return audit_wrong(audit, "call %u waits although nobody has been there", audit->line[i]);
        if (queue->removed)
            return audit_wrong(audit, "call %u waits in a removed queue", audit->line[i]);
        if (!call->position_in)
            return audit_wrong(audit, "call %u was not told to have entered", audit->line[i]);
    }
    return true;
}

static inline bool audit_agents_in_time(struct audit *audit) {
    for (uint32_t i = 1; i <= audit->conf->agent_count; i++) {
        const struct audit_agent *a = &audit->agent[i];
        if (a->activity == ACD_WRAPUP && a->wrap_to_ms <= audit->now && !a->want_disposition)
            return audit_wrong(audit, "agent %u is still in wrap-up", i);
        if (a->offer && (a->ring_to_ms <= audit->now ||
                         (a->activity == ACD_RESERVED && a->offer_ms + 5000 <= audit->now)))
            return audit_wrong(audit, "the phone of agent %u still rings", i);
    }
    return true;
}

/* Which entries of the reserve are in. Marks of the expected wait move by themselves: those are for
 * scenarios. */
static inline bool audit_marks(struct audit *audit, uint32_t number) {
    struct audit_queue *queue = &audit->queue[number];
    const struct conf_queue *q = &audit->conf->queue[number - 1];
    uint32_t tier = 1, count = queue->removed ? 0 : q->reserve_count;
    bool moves = false;
    for (uint32_t i = 0; i < count; i++)
        moves |= q->reserve[i].expected_wait_ms != 0;
    if (audit->late && count)
        queue->unsure = true;
    if (queue->tier == 1 && queue->unsure) {
        queue->unsure = false;
        memset(queue->in, 0, sizeof queue->in);
    }
    for (uint32_t i = 0; i < count && i < AUDIT_RESERVES; i++) {
        const struct conf_reserve *r = &q->reserve[i];
        if (!queue->in[i] && oracle_loaded(audit, number, r, NEVER, false)) {
            queue->in[i] = true;
            queue->in_ms[i] = audit->now;
        } else if (queue->in[i] && queue->in_ms[i] + r->hold_ms <= audit->now &&
                   !oracle_loaded(audit, number, r, NEVER, true)) {
            queue->in[i] = false;
        }
        if (queue->in[i] && r->tier > tier)
            tier = r->tier;
    }
    if (queue->unsure || moves || queue->removed || tier == queue->tier)
        return true;
    return audit_wrong(audit, "queue %u: tier %u should be open, not %u", number, tier, queue->tier);
}

static inline bool audit_queue_looks(struct audit *audit, uint32_t number) {
    const struct audit_queue *queue = &audit->queue[number];
    struct acd_queue_view view;
    uint32_t offered = 0;
    if (acd_queue_view(audit->acd, number, &view))
        return queue->removed || audit_wrong(audit, "queue %u is not known", number);
    for (uint32_t i = 0; i < audit->waiting; i++)
        offered += audit->call[audit->line[i]].queue == number && audit->call[audit->line[i]].rings;
    if (queue->removed || view.waiting != oracle_waiting(audit, number) || view.offered != offered ||
        view.closed != queue->closed || view.tier != queue->tier)
        return audit_wrong(audit, "queue %u: waiting %u, offered %u, closed %d, tier %u; shown otherwise",
                           number, oracle_waiting(audit, number), offered, queue->closed, queue->tier);
    return true;
}

static inline bool audit_agent_looks(struct audit *audit, uint32_t number) {
    const struct audit_agent *a = &audit->agent[number];
    struct acd_agent_view view;
    if (acd_agent_view(audit->acd, number, &view))
        return !oracle_known(audit, number) || audit_wrong(audit, "agent %u is not known", number);
    if (view.presence != a->presence || view.activity != a->activity || view.reason != a->reason ||
        view.since_ms != a->since_ms || view.offer != a->offer)
        return audit_wrong(audit, "agent %u is shown in another state", number);
    if (view.handles != a->handles || view.talk_ms != a->talk_ms || view.idle_order_ms != a->idle_order_ms)
        return audit_wrong(audit,
                           "agent %u: %u handles, %" PRIu64 " ms of talk, idle since %" PRIu64
                           "; shown otherwise: %u %" PRIu64 " %" PRIu64,
                           number, a->handles, a->talk_ms, a->idle_order_ms, view.handles, view.talk_ms,
                           view.idle_order_ms);
    bool over = a->wrap_to_ms <= audit->now; /* waits for the disposition alone */
    if (a->activity == ACD_WRAPUP &&
        (view.extensions != a->extensions || view.want_disposition != (a->want_disposition && over) ||
         view.deadline_ms != (over ? NEVER : a->wrap_to_ms)))
        return audit_wrong(audit, "agent %u: wrap-up to %" PRIu64 ", shown otherwise", number, a->wrap_to_ms);
    return true;
}

static inline bool audit_looks(struct audit *audit) {
    for (uint32_t q = 1; q <= audit->conf->queue_count; q++)
        if (!audit_queue_looks(audit, q))
            return false;
    for (uint32_t i = 1; i <= audit->conf->agent_count; i++)
        if (!audit_agent_looks(audit, i))
            return false;
    for (uint32_t i = 0; i < audit->waiting; i++) {
        uint32_t place = oracle_place(audit, &audit->call[audit->line[i]]);
        if (acd_position(audit->acd, audit->line[i]) != place)
            return audit_wrong(audit, "call %u: place %u is shown as %u", audit->line[i], place,
                               acd_position(audit->acd, audit->line[i]));
    }
    return acd_waiting(audit->acd) == audit->waiting || audit_wrong(audit, "%u calls wait", audit->waiting);
}

/* Why not, for one call and one agent: the first reason that holds, of those which have an order. */
static inline bool audit_why_not(struct audit *audit, uint32_t number, uint32_t agent) {
    const struct audit_call *call = &audit->call[number];
    enum acd_why_not why = acd_why_not(audit->acd, number, agent);
    bool can = oracle_able(audit, agent) && oracle_takes(audit, agent, call);
    bool rings = audit->agent[agent].offer && audit->agent[agent].offer_call == number;
    uint32_t max_wait_ms = audit->queue[call->queue].set.max_wait_ms;
    if (max_wait_ms && call->enter_ms + max_wait_ms <= audit->now)
        return true; /* rings on, but nobody else will get it */
    if ((why == ACD_WHY_ABLE) != can || (why == ACD_WHY_RINGS) != rings)
        return audit_wrong(audit, "call %u, agent %u: said to be %s", number, agent, acd_why_not_name(why));
    if ((why == ACD_WHY_QUEUE && oracle_tier(audit, agent, call->queue)) ||
        (why == ACD_WHY_SKILL && oracle_fits(audit, agent, call->queue, call->step)) ||
        (why == ACD_WHY_EXCLUDED && !oracle_excluded(call, agent)) ||
        (why == ACD_WHY_PREFERRED && (!oracle_only(audit, call) || agent == call->preferred)) ||
        (why == ACD_WHY_LOGGED_OUT && audit->agent[agent].presence != ACD_LOGGED_OUT) ||
        (why == ACD_WHY_PAUSED && audit->agent[agent].presence != ACD_NOT_READY) ||
        (why == ACD_WHY_UNREACHABLE && audit->agent[agent].activity != ACD_UNREACHABLE) ||
        (why == ACD_WHY_WRAPUP && audit->agent[agent].activity != ACD_WRAPUP) ||
        (why == ACD_WHY_BUSY &&
         (audit->agent[agent].activity == ACD_IDLE || audit->agent[agent].activity == ACD_WRAPUP)) ||
        (why == ACD_WHY_DELAY && audit->agent[agent].ready_at_ms <= audit->now) ||
        (why == ACD_WHY_TIER && oracle_serves(audit, agent, call->queue, call->step)))
        return audit_wrong(audit, "call %u, agent %u: %s is not why", number, agent, acd_why_not_name(why));
    return true;
}

/* All that has to be so when a step is over (and was not short of memory). */
static inline bool audit_after(struct audit *audit) {
    for (uint32_t q = 1; q <= audit->conf->queue_count; q++)
        if (!audit_marks(audit, q))
            return false;
    return audit_no_more_offers(audit) && audit_calls_in_time(audit) && audit_agents_in_time(audit) &&
           (audit->blind || audit_looks(audit));
}

#endif
