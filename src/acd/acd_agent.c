/* SPDX-License-Identifier: Apache-2.0
 * State of the agents: the table of moves and the only place that writes presence and activity. */
#include "acd/acd_int.h"

#include <errno.h>

/* NO is refused. SAME: nothing moves. REST: where an agent is who has no offer and no handle, see rest(). */
enum { NO, SAME, REST, TO };
#define GO(activity) (TO + (activity))

static const uint8_t moves[ACD_ACTIVITIES][ACD_INPUTS] = {
    [ACD_IDLE] = {[ACD_IN_OFFER] = GO(ACD_RESERVED), [ACD_IN_LINE] = REST},
    [ACD_RESERVED] = {[ACD_IN_RING] = GO(ACD_RINGING),
                      [ACD_IN_ANSWER] = GO(ACD_TALKING),
                      [ACD_IN_OFFER_OVER] = REST,
                      [ACD_IN_LINE] = SAME},
    [ACD_RINGING] = {[ACD_IN_RING] = SAME,
                     [ACD_IN_ANSWER] = GO(ACD_TALKING),
                     [ACD_IN_OFFER_OVER] = REST,
                     [ACD_IN_LINE] = SAME},
    [ACD_TALKING] = {[ACD_IN_HOLD] = GO(ACD_HOLD), [ACD_IN_TALK_OVER] = GO(ACD_WRAPUP), [ACD_IN_LINE] = SAME},
    [ACD_HOLD] =
        {[ACD_IN_RESUME] = GO(ACD_TALKING), [ACD_IN_TALK_OVER] = GO(ACD_WRAPUP), [ACD_IN_LINE] = SAME},
    [ACD_WRAPUP] = {[ACD_IN_WRAP_OVER] = REST, [ACD_IN_LINE] = SAME},
    [ACD_BUSY_OTHER] = {[ACD_IN_LINE] = REST},
    [ACD_UNREACHABLE] = {[ACD_IN_LINE] = REST},
};

struct acd_agent *acd_agent(const struct acd *acd, uint32_t id) {
    return id && id <= acd->agent_count ? acd->agent[id - 1] : NULL;
}

bool acd_agent_in_offer(const struct acd_agent *agent) {
    return agent->activity == ACD_RESERVED || agent->activity == ACD_RINGING;
}

static bool at_rest(enum acd_activity activity) {
    return moves[activity][ACD_IN_LINE] == REST;
}

static enum acd_activity rest(const struct acd *acd, const struct acd_agent *agent) {
    if (agent->other_calls)
        return ACD_BUSY_OTHER;
    if (!agent->reachable || agent->silent_to_ms > acd->now)
        return ACD_UNREACHABLE;
    return ACD_IDLE;
}

bool acd_agent_able(const struct acd *acd, const struct acd_agent *agent) {
    return agent->group && agent->presence == ACD_READY && agent->activity == ACD_IDLE &&
           agent->ready_at_ms <= acd->now;
}

uint64_t acd_agent_due(const struct acd *acd, const struct acd_agent *agent) {
    switch (agent->activity) {
    case ACD_RESERVED:
        return agent->ring_to_ms < agent->reserve_ms + ACD_RESERVE_MS ? agent->ring_to_ms
                                                                      : agent->reserve_ms + ACD_RESERVE_MS;
    case ACD_RINGING:
        return agent->ring_to_ms;
    case ACD_WRAPUP:
        return agent->wrap_to_ms;
    case ACD_IDLE:
        return agent->presence == ACD_READY && agent->ready_at_ms > acd->now ? agent->ready_at_ms : NEVER;
    case ACD_UNREACHABLE:
        return agent->reachable && agent->silent_to_ms > acd->now ? agent->silent_to_ms : NEVER;
    case ACD_TALKING:
    case ACD_HOLD:
    case ACD_BUSY_OTHER:
    case ACD_ACTIVITIES:
        break;
    }
    return NEVER;
}

void acd_agent_refresh(struct acd *acd, struct acd_agent *agent) {
    struct acd_group *group = agent->group;
    bool able = acd_agent_able(acd, agent);
    acd_timer_agent(acd, agent);
    if (!group || able == acd_node_linked(&agent->idle))
        return;
    if (able) {
        acd_tree_add(&group->idle, &agent->idle,
                     (struct acd_key){.time = agent->idle_order_ms, .id = agent->id});
        acd_bit_set(acd->plan.idle_groups, group->index);
        acd_match_group(acd, group);
    } else {
        acd_tree_remove(&group->idle, &agent->idle);
        if (!group->idle.root)
            acd_bit_clear(acd->plan.idle_groups, group->index);
    }
}

void acd_agent_join_group(struct acd *acd, struct acd_agent *agent, struct acd_group *group) {
    agent->group = group;
    agent->idle = (struct acd_node){0};
    if (group)
        group->count[agent->presence][agent->activity]++;
    acd_agent_refresh(acd, agent);
}

/* The one setter. */
static void set(struct acd *acd, struct acd_agent *agent, enum acd_presence presence, uint32_t reason,
                enum acd_activity activity) {
    bool logs_out = presence == ACD_LOGGED_OUT && agent->presence != ACD_LOGGED_OUT;
    if (presence == agent->presence && activity == agent->activity && reason == agent->reason) {
        acd_agent_refresh(acd, agent);
        return;
    }
    struct acd_effect *effect = acd_emit(acd, ACD_FX_AGENT);
    effect->agent = agent->id;
    effect->call = agent->call_id;
    effect->queue = agent->queue ? agent->queue->number : 0;
    effect->offer = agent->offer;
    effect->presence = presence;
    effect->was_presence = agent->presence;
    effect->activity = activity;
    effect->was_activity = agent->activity;
    effect->reason = reason;
    effect->was_reason = agent->reason;
    effect->was_since_ms = agent->since_ms;
    if (agent->group) {
        agent->group->count[agent->presence][agent->activity]--;
        agent->group->count[presence][activity]++;
    }
    if (presence == ACD_READY && agent->presence != ACD_READY)
        agent->missed = 0; /* back by an act of one's own */
    if (agent->presence == ACD_LOGGED_OUT)
        agent->idle_order_ms = acd->now;
    agent->presence = presence;
    agent->reason = reason;
    agent->activity = activity;
    agent->since_ms = acd->now;
    acd_agent_refresh(acd, agent);
    if (logs_out && agent->group)
        acd_doors_check(acd, agent->group);
}

int acd_agent_move(struct acd *acd, struct acd_agent *agent, enum acd_input input) {
    uint8_t move = moves[agent->activity][input];
    enum acd_presence presence = agent->presence;
    uint32_t reason = agent->reason;
    if (move == NO)
        return -EPROTO;
    if (move == SAME)
        return 0;
    if (move == REST && agent->pending) {
        presence = agent->pending_presence;
        reason = agent->pending_reason;
        agent->pending = false;
    }
    set(acd, agent, presence, reason, move == REST ? rest(acd, agent) : (enum acd_activity)(move - TO));
    return 0;
}

void acd_agent_want(struct acd *acd, struct acd_agent *agent, enum acd_presence presence, uint32_t reason) {
    if (at_rest(agent->activity)) {
        set(acd, agent, presence, reason, agent->activity);
        return;
    }
    agent->pending = presence != agent->presence || reason != agent->reason;
    agent->pending_presence = presence;
    agent->pending_reason = reason;
}

/* Out as soon as may be: a talk and its wrap-up are finished, an offer is not. */
void acd_agent_log_out(struct acd *acd, struct acd_agent *agent) {
    acd_agent_want(acd, agent, ACD_LOGGED_OUT, ACD_REASON_NONE);
    if (acd_agent_in_offer(agent))
        acd_offer_fail(acd, agent, ACD_OFFER_CANCELLED, true);
}

void acd_agent_restore(struct acd *acd, struct acd_agent *agent, const struct acd_event *event) {
    uint64_t since = event->since_ms && event->since_ms < acd->now ? event->since_ms : acd->now;
    set(acd, agent, event->presence, event->presence == ACD_NOT_READY ? event->reason : ACD_REASON_NONE,
        agent->activity);
    agent->since_ms = since;
    if (acd_node_linked(&agent->idle)) { /* the key changes: out and in again */
        acd_tree_remove(&agent->group->idle, &agent->idle);
        agent->idle_order_ms = since;
        acd_tree_add(&agent->group->idle, &agent->idle,
                     (struct acd_key){.time = agent->idle_order_ms, .id = agent->id});
    }
    agent->idle_order_ms = since;
}

void acd_talk_over(struct acd *acd, struct acd_agent *agent) {
    uint32_t wrapup_ms = agent->removed ? 0 : agent->queue->set.wrapup_ms;
    if (wrapup_ms > agent->wrapup_cap_ms)
        wrapup_ms = agent->wrapup_cap_ms;
    acd_call_forget(acd, agent->call);
    agent->call = NULL;
    agent->offer = 0;
    agent->wrap_to_ms = acd->now + wrapup_ms;
    (void)acd_agent_move(acd, agent, ACD_IN_TALK_OVER);
    if (!wrapup_ms)
        acd_wrap_over(acd, agent);
}

void acd_wrap_over(struct acd *acd, struct acd_agent *agent) {
    struct acd_effect *effect = acd_emit(acd, ACD_FX_WRAP_END);
    effect->agent = agent->id;
    effect->call = agent->call_id;
    effect->queue = agent->queue->number;
    agent->call_id = 0;
    agent->queue = NULL;
    agent->idle_order_ms = acd->now;
    (void)acd_agent_move(acd, agent, ACD_IN_WRAP_OVER);
}
