/* SPDX-License-Identifier: Apache-2.0
 * The step: deadlines first, then the event, then callers let out and pairs made. */
#include "acd/acd_int.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int acd_create(struct acd **acdp, uint64_t seed) {
    struct acd *acd = acd_alloc(sizeof *acd);
    if (!acd)
        return -ENOMEM;
    acd->rng = seed;
    *acdp = acd;
    return 0;
}

void acd_destroy(struct acd *acd) {
    if (!acd)
        return;
    acd_call_free_all(acd);
    for (uint32_t i = 0; i < acd->agent_count; i++)
        free(acd->agent[i]);
    for (uint32_t i = 0; i < acd->queue_count; i++)
        free(acd->queue[i]);
    free(acd->agent);
    free(acd->queue);
    free(acd->offer_cell);
    free(acd->change);
    acd_decisions_free(&acd->decisions);
    acd_plan_free(&acd->plan);
    free(acd);
}

/* ---- effects ---- */

int acd_room(struct acd *acd, size_t effects) {
    struct acd_effects *out = acd->out;
    size_t need = out->count + effects, size = out->capacity ? out->capacity : 32;
    if (need <= out->capacity)
        return 0;
    while (size < need)
        size *= 2;
    if (size > UINT32_MAX / 2)
        return -ENOMEM;
    struct acd_effect *item = acd_grow(out->item, size * sizeof *item);
    if (!item)
        return -ENOMEM;
    out->item = item;
    out->capacity = (uint32_t)size;
    return 0;
}

struct acd_effect *acd_emit(struct acd *acd, enum acd_effect_type type) {
    struct acd_effects *out = acd->out;
    assert(out->count < out->capacity); /* acd_room() was forgotten */
    struct acd_effect *effect = &out->item[out->count++];
    *effect = (struct acd_effect){.type = type};
    return effect;
}

struct acd_decision *acd_decide(struct acd *acd, struct acd_call *call, enum acd_decision_kind kind) {
    struct acd_decision *decision =
        acd_decisions_add(&acd->decisions, call ? call->id : 0, call ? &call->last_decision : NULL);
    decision->kind = (uint8_t)kind;
    decision->now_ms = acd->now;
    if (!call)
        return decision;
    decision->queue = call->queue->number;
    decision->step = (uint8_t)call->step;
    decision->tier = (uint8_t)acd_line_tier(acd_call_line(call));
    return decision;
}

/* ---- events; each handler has room for ACD_STEP_ROOM effects ---- */

/* Agent of an event that only people in the configuration can cause. */
static struct acd_agent *person(const struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = acd_agent(acd, event->agent);
    return agent && !agent->removed ? agent : NULL;
}

static int on_tick(struct acd *acd, const struct acd_event *event) {
    return 0;
}

static int on_offer_ringing(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = acd_offer_find(acd, event->offer);
    if (!agent)
        return -ESTALE;
    if (!agent->ring_ms)
        agent->ring_ms = acd->now ? acd->now : 1; /* 0 means that it never rang */
    return acd_agent_move(acd, agent, ACD_IN_RING);
}

static int on_offer_answered(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = acd_offer_find(acd, event->offer);
    if (!agent)
        return -ESTALE;
    return acd_offer_answered(acd, agent);
}

static int on_offer_failed(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = acd_offer_find(acd, event->offer);
    if (event->offer_result >= ACD_OFFER_RESULTS || event->offer_result == ACD_OFFER_ANSWERED ||
        event->offer_result == ACD_OFFER_CALLER_GONE)
        return -EINVAL;
    if (!agent)
        return -ESTALE;
    /* whatever made the layer above give up will not be gone in the same millisecond */
    if (event->offer_result == ACD_OFFER_CANCELLED || event->offer_result == ACD_OFFER_LOST_RACE)
        agent->ready_at_ms = acd->now + ACD_BACKOFF_MS;
    acd_offer_fail(acd, agent, event->offer_result, false);
    return 0;
}

static int on_hold(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = acd_agent(acd, event->agent);
    return agent ? acd_agent_move(acd, agent, ACD_IN_HOLD) : -EINVAL;
}

static int on_resume(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = acd_agent(acd, event->agent);
    return agent ? acd_agent_move(acd, agent, ACD_IN_RESUME) : -EINVAL;
}

static int on_consult(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = acd_agent(acd, event->agent);
    return agent ? acd_agent_move(acd, agent, ACD_IN_CONSULT) : -EINVAL;
}

static int on_conference(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = acd_agent(acd, event->agent);
    return agent ? acd_agent_move(acd, agent, ACD_IN_CONFERENCE) : -EINVAL;
}

static int on_consult_end(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = acd_agent(acd, event->agent);
    return agent ? acd_agent_move(acd, agent, ACD_IN_CONSULT_OVER) : -EINVAL;
}

static int on_handle_end(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = acd_agent(acd, event->agent);
    if (!agent)
        return -EINVAL;
    if (!acd_agent_in_talk(agent))
        return -EPROTO;
    acd_talk_over(acd, agent);
    return 0;
}

static int on_login(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = person(acd, event);
    if (!agent)
        return -EINVAL;
    bool leaving = agent->pending && agent->pending_presence == ACD_LOGGED_OUT;
    if (agent->presence != ACD_LOGGED_OUT && !leaving)
        return -EPROTO;
    acd_agent_want(acd, agent, event->ready ? ACD_READY : ACD_NOT_READY,
                   event->ready ? ACD_REASON_NONE : ACD_REASON_LOGIN);
    return 0;
}

static int on_logout(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = person(acd, event);
    if (!agent)
        return -EINVAL;
    if (agent->presence == ACD_LOGGED_OUT)
        return -EPROTO;
    acd_agent_log_out(acd, agent);
    return 0;
}

static int on_pause(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = person(acd, event);
    if (!agent || event->reason > acd->conf->pause_reason_count)
        return -EINVAL;
    if (agent->presence == ACD_LOGGED_OUT)
        return -EPROTO;
    acd_agent_want(acd, agent, ACD_NOT_READY, event->reason);
    return 0;
}

static int on_unpause(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = person(acd, event);
    if (!agent)
        return -EINVAL;
    if (agent->presence == ACD_LOGGED_OUT)
        return -EPROTO;
    acd_agent_want(acd, agent, ACD_READY, ACD_REASON_NONE);
    return 0;
}

static int on_wrap_done(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = acd_agent(acd, event->agent);
    return agent ? acd_wrap_done(acd, agent) : -EINVAL;
}

static int on_wrap_more(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = acd_agent(acd, event->agent);
    return agent ? acd_wrap_more(acd, agent, event->ms) : -EINVAL;
}

static int on_disposition(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = acd_agent(acd, event->agent);
    return agent ? acd_disposition(acd, agent) : -EINVAL;
}

static int close_queue(struct acd *acd, const struct acd_event *event, bool closed) {
    struct acd_queue *queue = acd_queue(acd, event->queue);
    if (!queue || queue->removed)
        return -EINVAL;
    queue->closed = closed;
    return 0;
}

static int on_queue_close(struct acd *acd, const struct acd_event *event) {
    return close_queue(acd, event, true);
}

static int on_queue_open(struct acd *acd, const struct acd_event *event) {
    return close_queue(acd, event, false);
}

static int on_lost_place(struct acd *acd, const struct acd_event *event) {
    struct acd_queue *queue = acd_queue(acd, event->queue);
    if (!queue || queue->removed || !event->caller)
        return -EINVAL;
    acd_lose_place(acd, event->queue, event->caller,
                   event->since_ms && event->since_ms < acd->now ? event->since_ms : acd->now,
                   event->priority);
    return 0;
}

static int on_reachable(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = acd_agent(acd, event->agent);
    if (!agent)
        return -EINVAL;
    agent->reachable = true;
    agent->silent_to_ms = 0;
    return acd_agent_move(acd, agent, ACD_IN_LINE);
}

static int on_unreachable(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = acd_agent(acd, event->agent);
    if (!agent)
        return -EINVAL;
    agent->reachable = false;
    if (acd_agent_in_offer(agent)) {
        acd_offer_fail(acd, agent, ACD_OFFER_UNREACHABLE, true);
        return 0;
    }
    return acd_agent_move(acd, agent, ACD_IN_LINE);
}

static int on_other_begin(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = acd_agent(acd, event->agent);
    if (!agent)
        return -EINVAL;
    if (agent->other_calls == UINT32_MAX)
        return -EPROTO;
    agent->other_calls++;
    if (acd_agent_in_offer(agent)) {
        acd_offer_fail(acd, agent, ACD_OFFER_CANCELLED, true);
        return 0;
    }
    return acd_agent_move(acd, agent, ACD_IN_LINE);
}

static int on_other_end(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = acd_agent(acd, event->agent);
    if (!agent)
        return -EINVAL;
    if (!agent->other_calls)
        return -EPROTO;
    agent->other_calls--;
    return acd_agent_move(acd, agent, ACD_IN_LINE);
}

static int on_restore(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = person(acd, event);
    if (!agent || event->presence >= ACD_PRESENCES)
        return -EINVAL;
    if (acd_agent_in_offer(agent) || agent->call_id)
        return -EPROTO;
    acd_agent_restore(acd, agent, event);
    return 0;
}

static int on_restore_wrapup(struct acd *acd, const struct acd_event *event) {
    struct acd_agent *agent = person(acd, event);
    return agent ? acd_wrap_restore(acd, agent, event) : -EINVAL;
}

typedef int handler_fn(struct acd *acd, const struct acd_event *event);
static handler_fn *const handlers[ACD_EV_TYPES] = {
    [ACD_EV_TICK] = on_tick,
    [ACD_EV_CONFIGURE] = acd_configure,
    [ACD_EV_CALL_ENTER] = acd_call_enter,
    [ACD_EV_CALL_LEAVE] = acd_call_leave,
    [ACD_EV_LOST_PLACE] = on_lost_place,
    [ACD_EV_TELL] = acd_tell,
    [ACD_EV_QUEUE_CLOSE] = on_queue_close,
    [ACD_EV_QUEUE_OPEN] = on_queue_open,
    [ACD_EV_OFFER_RINGING] = on_offer_ringing,
    [ACD_EV_OFFER_ANSWERED] = on_offer_answered,
    [ACD_EV_OFFER_FAILED] = on_offer_failed,
    [ACD_EV_HOLD] = on_hold,
    [ACD_EV_RESUME] = on_resume,
    [ACD_EV_CONSULT] = on_consult,
    [ACD_EV_CONFERENCE] = on_conference,
    [ACD_EV_CONSULT_END] = on_consult_end,
    [ACD_EV_TRANSFER] = acd_transfer,
    [ACD_EV_HANDLE_END] = on_handle_end,
    [ACD_EV_LOGIN] = on_login,
    [ACD_EV_LOGOUT] = on_logout,
    [ACD_EV_PAUSE] = on_pause,
    [ACD_EV_UNPAUSE] = on_unpause,
    [ACD_EV_WRAP_DONE] = on_wrap_done,
    [ACD_EV_WRAP_MORE] = on_wrap_more,
    [ACD_EV_DISPOSITION] = on_disposition,
    [ACD_EV_SKILL] = acd_skill_change,
    [ACD_EV_REACHABLE] = on_reachable,
    [ACD_EV_UNREACHABLE] = on_unreachable,
    [ACD_EV_OTHER_BEGIN] = on_other_begin,
    [ACD_EV_OTHER_END] = on_other_end,
    [ACD_EV_RESTORE] = on_restore,
    [ACD_EV_RESTORE_WRAPUP] = on_restore_wrapup,
};

void acd_settle(struct acd *acd) {
    if (acd->doors_dirty && acd_doors(acd))
        return;
    if (acd->loads_dirty && acd_loads(acd))
        return;
    if (acd->doors_dirty && acd_doors(acd)) /* a tier has closed */
        return;
    if (acd->matching_dirty)
        (void)acd_match(acd); /* without memory: the rest at the next step, acd_deadline() says now */
}

int acd_step(struct acd *acd, const struct acd_event *event, struct acd_effects *out) {
    if ((unsigned)event->type >= ACD_EV_TYPES)
        return -EINVAL;
    if (event->now_ms > acd->now)
        acd->now = event->now_ms;
    acd->out = out;
    int rc = acd_expire(acd);
    if (!rc)
        rc = acd_room(acd, ACD_STEP_ROOM);
    if (!rc)
        rc = handlers[event->type](acd, event);
    acd_settle(acd);
    (void)acd_expire(acd); /* a reload can make deadlines that have passed */
    acd->out = NULL;
    return rc;
}
