/* SPDX-License-Identifier: Apache-2.0
 * Wrap-up: how long it lasts, more of it, and the disposition it may have to wait for. It holds in all
 * queues, because it is a state of the agent. */
#include "acd/acd_int.h"

#include <errno.h>

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static uint32_t length_ms(const struct acd_agent *agent) {
    const struct conf_queue *set = &agent->queue->set;
    uint32_t ms = agent->own_wrapup_ms ? agent->own_wrapup_ms : set->wrapup_ms;
    if (set->wrapup_max_ms)
        ms = least(ms, set->wrapup_max_ms);
    return least(ms, agent->wrapup_cap_ms);
}

static bool waits_for_disposition(const struct acd_agent *agent) {
    return agent->wrap_mode == CONF_WRAPUP_DISPOSITION && !agent->disposed && !agent->removed;
}

/* A reload leaves a wrap-up that has begun alone. */
static void take_rules(struct acd_agent *agent) {
    agent->wrap_mode = agent->queue->set.wrapup_mode;
    agent->wrap_extend_ms = agent->queue->set.wrapup_extend_ms;
    agent->wrap_extensions = agent->queue->set.wrapup_extensions;
}

void acd_talk_over(struct acd *acd, struct acd_agent *agent) {
    acd_call_forget(acd, agent->call);
    acd_talk_handed_over(acd, agent);
}

void acd_talk_handed_over(struct acd *acd, struct acd_agent *agent) {
    uint32_t wrapup_ms = agent->removed ? 0 : length_ms(agent);
    agent->call = NULL;
    agent->offer = 0;
    agent->handles++;
    agent->talk_ms += acd->now - agent->talk_since_ms;
    agent->extensions = 0;
    take_rules(agent);
    agent->wrap_to_ms = acd->now + wrapup_ms;
    if (!wrapup_ms && waits_for_disposition(agent))
        agent->wrap_to_ms = NEVER;
    (void)acd_agent_move(acd, agent, ACD_IN_TALK_OVER);
    if (!wrapup_ms)
        acd_wrap_due(acd, agent);
}

int acd_wrap_restore(struct acd *acd, struct acd_agent *agent, const struct acd_event *event) {
    struct acd_queue *queue = acd_queue(acd, event->queue);
    uint64_t since_ms = event->since_ms && event->since_ms < acd->now ? event->since_ms : acd->now;
    if (agent->call_id || !event->call || !queue)
        return -EPROTO;
    agent->queue = queue;
    take_rules(agent);
    uint64_t to_ms = event->ms ? acd->now + event->ms : since_ms + length_ms(agent);
    bool over = to_ms <= acd->now;
    if (queue->removed || (over && !waits_for_disposition(agent))) { /* while we were away */
        agent->queue = NULL;
        return 0;
    }
    agent->call_id = event->call;
    agent->extensions = 0;
    agent->cut = true;
    agent->wrap_to_ms = over ? NEVER : to_ms;
    acd_agent_restore_wrapup(acd, agent, since_ms);
    return 0;
}

void acd_wrap_over(struct acd *acd, struct acd_agent *agent) {
    struct acd_effect *effect = acd_emit(acd, ACD_FX_WRAP_END);
    effect->agent = agent->id;
    effect->call = agent->call_id;
    effect->queue = agent->queue->number;
    if (!agent->cut) /* of a talk before a restart nothing is known */
        acd_wait_freed(&agent->queue->wait, acd->now, agent->reserve_ms, ACD_WAIT_HANDLED);
    agent->cut = false;
    acd_load_check(acd, agent->queue);
    agent->call_id = 0;
    agent->queue = NULL;
    agent->disposed = false;
    agent->extensions = 0;
    agent->idle_order_ms = acd->now;
    (void)acd_agent_move(acd, agent, ACD_IN_WRAP_OVER);
}

void acd_wrap_due(struct acd *acd, struct acd_agent *agent) {
    if (!waits_for_disposition(agent)) {
        acd_wrap_over(acd, agent);
        return;
    }
    agent->wrap_to_ms = NEVER;
    acd_agent_refresh(acd, agent);
}

int acd_wrap_done(struct acd *acd, struct acd_agent *agent) {
    if (agent->activity != ACD_WRAPUP || waits_for_disposition(agent))
        return -EPROTO;
    acd_wrap_over(acd, agent);
    return 0;
}

int acd_wrap_more(struct acd *acd, struct acd_agent *agent, uint32_t ms) {
    if (agent->activity != ACD_WRAPUP)
        return -EPROTO;
    if (agent->wrap_extensions != NEVER32 && agent->extensions >= agent->wrap_extensions)
        return -EPROTO;
    if (agent->wrap_extend_ms && (!ms || ms > agent->wrap_extend_ms))
        ms = agent->wrap_extend_ms;
    agent->extensions++;
    if (agent->wrap_to_ms != NEVER)
        agent->wrap_to_ms += ms;
    acd_agent_refresh(acd, agent);
    return 0;
}

int acd_disposition(struct acd *acd, struct acd_agent *agent) {
    if (!acd_agent_in_talk(agent) && agent->activity != ACD_WRAPUP)
        return -EPROTO;
    agent->disposed = true;
    if (agent->activity == ACD_WRAPUP && agent->wrap_to_ms == NEVER)
        acd_wrap_over(acd, agent);
    return 0;
}
