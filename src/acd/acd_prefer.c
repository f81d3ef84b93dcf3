/* SPDX-License-Identifier: Apache-2.0
 * The preferred agent: for some time a call waits for one agent alone, in that agent's own tree instead of
 * its queue's line. Its place in the queue is as any other's. */
#include "acd/acd_int.h"

bool acd_preferable(const struct acd_agent *agent, const struct acd_queue *queue) {
    return agent && agent->group && agent->presence == ACD_READY && agent->activity != ACD_UNREACHABLE &&
           agent->group->tier[queue->number - 1];
}

void acd_prefer_begin(struct acd *acd, struct acd_call *call, uint32_t id) {
    const struct conf_queue *set = &call->queue->set;
    struct acd_agent *agent = acd_agent(acd, id);
    if (set->preferred == CONF_PREFERRED_NONE || !agent || agent->removed)
        return;
    call->preferred = id;
    if (!set->preferred_wait_ms || !acd_preferable(agent, call->queue) || acd_excludes(call, id))
        return;
    call->only = agent;
    call->only_to_ms = call->enter_ms + set->preferred_wait_ms;
    struct acd_decision *decision = acd_decide(acd, call, ACD_DID_PREFER);
    decision->agent = id;
    decision->value = set->preferred_wait_ms;
}

void acd_prefer_end(struct acd *acd, struct acd_call *call) {
    if (!call->only)
        return;
    acd_tree_remove(&call->only->own, &call->turn);
    acd_decide(acd, call, ACD_DID_ANYONE)->agent = call->only->id;
    call->only = NULL;
    acd_call_refresh(acd, call);
}

void acd_agent_dirty(struct acd *acd, struct acd_agent *agent) {
    acd->matching_dirty = true;
    if (agent->dirty)
        return;
    agent->dirty = true;
    agent->next_dirty = acd->dirty_agents;
    acd->dirty_agents = agent;
}

void acd_prefer_release(struct acd *acd) {
    for (struct acd_agent *agent = acd->dirty_agents; agent; agent = agent->next_dirty)
        for (struct acd_node *node = agent->own.first, *next; node; node = next) {
            struct acd_call *call = ACD_OWNER(node, struct acd_call, turn);
            next = acd_tree_next(node);
            if (!acd_preferable(agent, call->queue))
                acd_prefer_end(acd, call);
        }
}
