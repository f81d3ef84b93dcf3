/* SPDX-License-Identifier: Apache-2.0
 * State of the agents: the table of moves and the only place that writes presence and activity. */
#include "acd/acd_int.h"

#include <errno.h>
#include <string.h>

/* NO is refused. SAME: nothing moves. REST: where an agent is who has no offer and no handle, see rest(). */
enum { NO, SAME, REST, TO };
#define GO(activity) (TO + (activity))

static const uint8_t moves[ACD_ACTIVITIES][ACD_INPUTS] = {
    [ACD_IDLE] =
        {[ACD_IN_OFFER] = GO(ACD_RESERVED), [ACD_IN_TAKE_OVER] = GO(ACD_TALKING), [ACD_IN_LINE] = REST},
    [ACD_RESERVED] = {[ACD_IN_RING] = GO(ACD_RINGING),
                      [ACD_IN_ANSWER] = GO(ACD_TALKING),
                      [ACD_IN_OFFER_OVER] = REST,
                      [ACD_IN_LINE] = SAME},
    [ACD_RINGING] = {[ACD_IN_RING] = SAME,
                     [ACD_IN_ANSWER] = GO(ACD_TALKING),
                     [ACD_IN_OFFER_OVER] = REST,
                     [ACD_IN_LINE] = SAME},
    [ACD_TALKING] = {[ACD_IN_HOLD] = GO(ACD_HOLD),
                     [ACD_IN_CONSULT] = GO(ACD_CONSULT),
                     [ACD_IN_TALK_OVER] = GO(ACD_WRAPUP),
                     [ACD_IN_LINE] = SAME},
    [ACD_HOLD] = {[ACD_IN_RESUME] = GO(ACD_TALKING),
                  [ACD_IN_CONSULT] = GO(ACD_CONSULT),
                  [ACD_IN_TALK_OVER] = GO(ACD_WRAPUP),
                  [ACD_IN_LINE] = SAME},
    [ACD_CONSULT] = {[ACD_IN_CONFERENCE] = GO(ACD_CONFERENCE),
                     [ACD_IN_CONSULT_OVER] = GO(ACD_TALKING),
                     [ACD_IN_TALK_OVER] = GO(ACD_WRAPUP),
                     [ACD_IN_LINE] = SAME},
    [ACD_CONFERENCE] = {[ACD_IN_CONSULT] = GO(ACD_CONSULT),
                        [ACD_IN_CONSULT_OVER] = GO(ACD_TALKING),
                        [ACD_IN_TALK_OVER] = GO(ACD_WRAPUP),
                        [ACD_IN_LINE] = SAME},
    [ACD_WRAPUP] = {[ACD_IN_WRAP_OVER] = REST, [ACD_IN_LINE] = SAME},
    [ACD_BUSY_OTHER] = {[ACD_IN_TAKE_OVER] = GO(ACD_TALKING), [ACD_IN_LINE] = REST},
    [ACD_UNREACHABLE] = {[ACD_IN_LINE] = REST},
};

struct acd_agent *acd_agent(const struct acd *acd, uint32_t id) {
    return id && id <= acd->agent_count ? acd->agent[id - 1] : NULL;
}

bool acd_agent_in_offer(const struct acd_agent *agent) {
    return agent->activity == ACD_RESERVED || agent->activity == ACD_RINGING;
}

bool acd_agent_in_talk(const struct acd_agent *agent) {
    return agent->activity == ACD_TALKING || agent->activity == ACD_HOLD || agent->activity == ACD_CONSULT ||
           agent->activity == ACD_CONFERENCE;
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
    case ACD_CONSULT:
    case ACD_CONFERENCE:
    case ACD_BUSY_OTHER:
    case ACD_ACTIVITIES:
        break;
    }
    return NEVER;
}

static struct acd_key agent_key(const struct acd_agent *agent, enum acd_agent_order order) {
    struct acd_key key = {.time = agent->idle_order_ms, .id = agent->id};
    if (order == ACD_BY_CALLS)
        key.rank = agent->handles;
    else if (order == ACD_BY_TALK)
        key.rank = (int64_t)agent->talk_ms;
    else if (order == ACD_BY_NUMBER)
        key = (struct acd_key){.id = agent->id};
    return key;
}

/* What acd_pick.c looks at first. */
static void note_heads(struct acd *acd, const struct acd_group *group) {
    struct acd_plan *plan = &acd->plan;
    plan->able_count[group->index] = acd_tree_size(&group->able[ACD_BY_IDLE]);
    plan->able_share[group->index] = acd_tree_total(&group->able[ACD_BY_IDLE]);
    acd_bit_put(plan->able_groups, group->index, group->able[ACD_BY_IDLE].root != NULL);
    for (size_t order = 0; order < ACD_AGENT_ORDERS; order++)
        if (group->able[order].first)
            plan->heads[order * plan->group_count + group->index] = group->able[order].first->key;
}

static void link_able(struct acd *acd, struct acd_agent *agent) {
    struct acd_group *group = agent->group;
    for (int order = 0; order < ACD_AGENT_ORDERS; order++)
        if (acd->plan.orders >> order & 1)
            acd_tree_add_share(&group->able[order], &agent->able[order],
                               agent_key(agent, (enum acd_agent_order)order), agent->weight);
    note_heads(acd, group);
}

static void unlink_able(struct acd *acd, struct acd_agent *agent) {
    for (int order = 0; order < ACD_AGENT_ORDERS; order++)
        acd_tree_remove(&agent->group->able[order], &agent->able[order]);
    note_heads(acd, agent->group);
}

void acd_agent_refresh(struct acd *acd, struct acd_agent *agent) {
    struct acd_group *group = agent->group;
    bool able = acd_agent_able(acd, agent);
    acd_timer_agent(acd, agent);
    if (!group || able == acd_node_linked(&agent->able[ACD_BY_IDLE]))
        return;
    if (able) {
        link_able(acd, agent);
        acd_match_group(acd, group);
        if (agent->own.root)
            acd_agent_dirty(acd, agent);
    } else {
        unlink_able(acd, agent);
    }
}

static bool is_present(const struct acd_agent *agent) {
    return agent->group && agent->presence == ACD_READY && agent->activity != ACD_UNREACHABLE;
}

/* The group's figures. */
static void count(struct acd_agent *agent, int by) {
    agent->group->count[agent->presence][agent->activity] += (uint32_t)by;
    if (agent->presence != ACD_LOGGED_OUT)
        agent->group->logged_in += (uint32_t)by;
}

/* What hangs on them; only when an agent has been counted in and out of his states. */
static void counted(struct acd *acd, struct acd_group *group) {
    struct acd_plan *plan = &acd->plan;
    bool in = group->logged_in != 0, ready = false;
    for (int activity = 0; activity < ACD_ACTIVITIES && !ready; activity++)
        ready = group->count[ACD_READY][activity] != 0;
    if (ready != acd_bit(plan->ready_groups, group->index)) {
        acd_bit_put(plan->ready_groups, group->index, ready);
        acd_loads_check(acd, group);
    }
    if (in != acd_bit(plan->in_groups, group->index)) {
        acd_bit_put(plan->in_groups, group->index, in);
        acd_doors_check(acd, group);
    }
}

static void count_present(struct acd *acd, struct acd_agent *agent) {
    bool present = is_present(agent);
    if (present == agent->present)
        return;
    agent->present = present;
    agent->group->present += present ? 1u : (uint32_t)-1;
    acd->staff_serial++;
    acd_loads_check(acd, agent->group);
}

void acd_agent_join_group(struct acd *acd, struct acd_agent *agent, struct acd_group *group) {
    agent->group = group;
    memset(agent->able, 0, sizeof agent->able);
    agent->present = false;
    if (group) {
        count(agent, 1);
        counted(acd, group);
        count_present(acd, agent);
    }
    acd_agent_refresh(acd, agent);
}

/* What begins or ends with a presence, besides itself. */
static void change_presence(struct acd *acd, struct acd_agent *agent, enum acd_presence presence) {
    uint32_t keeps_ms = acd->conf->pause_keeps_place_ms;
    if (presence == ACD_READY && agent->presence != ACD_READY) {
        agent->missed = 0; /* back by an act of one's own */
        if (agent->presence == ACD_NOT_READY && keeps_ms && acd->now - agent->pause_ms > keeps_ms)
            agent->idle_order_ms = acd->now;
    }
    if (presence == ACD_NOT_READY && agent->presence != ACD_NOT_READY)
        agent->pause_ms = acd->now;
    if (agent->presence == ACD_LOGGED_OUT && presence != ACD_LOGGED_OUT) {
        agent->idle_order_ms = acd->now;
        agent->handles = 0;
        agent->talk_ms = 0;
    }
}

/* The one setter. */
static void set(struct acd *acd, struct acd_agent *agent, enum acd_presence presence, uint32_t reason,
                enum acd_activity activity) {
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
    if (agent->group)
        count(agent, -1);
    change_presence(acd, agent, presence);
    agent->presence = presence;
    agent->reason = reason;
    agent->activity = activity;
    agent->since_ms = acd->now;
    if (agent->group) {
        count(agent, 1);
        counted(acd, agent->group);
        count_present(acd, agent);
    }
    acd_agent_refresh(acd, agent);
    if (agent->own.root && !is_present(agent))
        acd_agent_dirty(acd, agent); /* nobody waits for him any more */
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
    agent->pause_ms = since;
    agent->idle_order_ms =
        event->idle_order_ms && event->idle_order_ms < acd->now ? event->idle_order_ms : since;
    if (event->handles)
        agent->handles = event->handles;
    if (event->talk_ms)
        agent->talk_ms = event->talk_ms;
    if (acd_node_linked(&agent->able[ACD_BY_IDLE])) { /* the key changes: out and in again */
        unlink_able(acd, agent);
        link_able(acd, agent);
    }
}

void acd_agent_restore_wrapup(struct acd *acd, struct acd_agent *agent, uint64_t since_ms) {
    enum acd_presence presence = agent->presence;
    uint32_t reason = agent->reason;
    set(acd, agent, ACD_READY, ACD_REASON_NONE, ACD_WRAPUP);
    agent->since_ms = since_ms;
    agent->pending = presence != ACD_READY;
    agent->pending_presence = presence;
    agent->pending_reason = reason;
}
