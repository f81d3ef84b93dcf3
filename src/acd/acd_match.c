/* SPDX-License-Identifier: Apache-2.0
 * Matching: whenever a call or an agent becomes free for it, heads of lines meet heads of groups.
 *
 * Before each event no waiting call can be taken by an able agent. So only lines where something changed
 * ("dirty": a call got its turn, or an agent who may serve it became able) can give a pair, and of each line
 * only the first call, of each group only the first agent in the strategy's order. Pairs are made in order of
 * service over all dirty lines together: the call that is first gets its best agent, then the next. Calls
 * that wait for one agent alone take part as if each such agent had a line of his own. */
#include "acd/acd_int.h"

#include <errno.h>

void acd_match_group(struct acd *acd, const struct acd_group *group) {
    for (uint32_t w = 0; w < acd->plan.line_words; w++)
        acd->plan.dirty_lines[w] |= group->lines[w];
    acd->matching_dirty = true;
}

void acd_match_line(struct acd *acd, const struct acd_line *line) {
    acd_bit_set(acd->plan.dirty_lines, line->index);
    acd->matching_dirty = true;
}

void acd_match_queue(struct acd *acd, const struct acd_queue *queue) {
    for (uint32_t step = 0; step < queue->line_count; step++)
        acd_match_line(acd, &queue->line[step]);
}

static bool has_exclusions(const struct acd_call *call) {
    for (int i = 0; i < ACD_EXCLUDED; i++)
        if (call->excluded[i])
            return true;
    return false;
}

/* First call of the line that an able agent may take. Those who exclude all the able ones stand aside. */
static struct acd_call *first_of_line(const struct acd *acd, const struct acd_line *line) {
    if (!acd_bits_meet(acd_admits(&acd->plan, line), acd->plan.able_groups, acd->plan.group_words))
        return NULL;
    for (struct acd_node *node = line->turn.first; node; node = acd_tree_next(node)) {
        struct acd_call *call = ACD_OWNER(node, struct acd_call, turn);
        if (!has_exclusions(call) || acd_pickable(acd, call))
            return call;
    }
    return NULL;
}

/* Of those who wait for the agent alone; they can be of several queues, so there is no order to rely on. */
static struct acd_call *first_of_own(const struct acd *acd, const struct acd_agent *agent) {
    struct acd_call *best = NULL;
    for (struct acd_node *node = agent->own.first; node; node = acd_tree_next(node)) {
        struct acd_call *call = ACD_OWNER(node, struct acd_call, turn);
        if (!best || acd_call_before(acd, call, best))
            best = call;
    }
    return best;
}

static struct acd_call *next_own(struct acd *acd, struct acd_call *best) {
    for (struct acd_agent **at = &acd->dirty_agents, *agent; (agent = *at);) {
        struct acd_call *call = acd_agent_able(acd, agent) ? first_of_own(acd, agent) : NULL;
        if (!call) { /* clean */
            *at = agent->next_dirty;
            agent->next_dirty = NULL;
            agent->dirty = false;
            continue;
        }
        if (!best || acd_call_before(acd, call, best))
            best = call;
        at = &agent->next_dirty;
    }
    return best;
}

/* The call to be served next of those an able agent may take; lines that cannot give one are clean. */
static struct acd_call *next_call(struct acd *acd) {
    struct acd_plan *plan = &acd->plan;
    struct acd_call *best = NULL;
    for (uint32_t w = 0; w < plan->line_words; w++) {
        plan->dirty_lines[w] &= plan->busy_lines[w];
        for (uint64_t bits = plan->dirty_lines[w]; bits; bits &= bits - 1) {
            uint32_t line = w * 64 + (uint32_t)__builtin_ctzll(bits);
            struct acd_call *head = ACD_OWNER(plan->line[line].turn.first, struct acd_call, turn);
            if (best && acd_call_before(acd, best, head))
                continue; /* its first is not better, so none of it is */
            struct acd_call *call = first_of_line(acd, &plan->line[line]);
            if (!call)
                acd_bit_clear(plan->dirty_lines, line);
            else if (!best || acd_call_before(acd, call, best))
                best = call;
        }
    }
    return acd->dirty_agents ? next_own(acd, best) : best;
}

int acd_match(struct acd *acd) {
    struct acd_call *call;
    acd_prefer_release(acd);
    while ((call = next_call(acd))) {
        if (acd_room(acd, ACD_STEP_ROOM))
            return -ENOMEM;
        acd_offer_begin(acd, call, acd_pick(acd, call));
    }
    acd->matching_dirty = false;
    return 0;
}
