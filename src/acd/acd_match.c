/* SPDX-License-Identifier: Apache-2.0
 * Matching: whenever a call or an agent becomes free for it, heads of lines meet heads of groups.
 *
 * Before each event no waiting call can be taken by an able agent. So only lines where something changed
 * ("dirty": a call got its turn, or an agent who may serve it became able) can give a pair, and of each line
 * only the first call, of each group only the agent idle longest. Pairs are made in order of service over all
 * dirty lines together: the call that is first gets its best agent, then the next. */
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

static bool agent_free_for(const struct acd_plan *plan, uint32_t line) {
    const uint64_t *admits = acd_admits(plan, line);
    for (uint32_t w = 0; w < plan->group_words; w++)
        if (admits[w] & plan->idle_groups[w])
            return true;
    return false;
}

/* The call to be served next of those an able agent may take; lines that cannot give one are clean. */
static struct acd_call *next_call(struct acd *acd) {
    struct acd_plan *plan = &acd->plan;
    struct acd_node *best = NULL;
    for (uint32_t w = 0; w < plan->line_words; w++) {
        plan->dirty_lines[w] &= plan->busy_lines[w];
        for (uint64_t bits = plan->dirty_lines[w]; bits; bits &= bits - 1) {
            uint32_t line = w * 64 + (uint32_t)__builtin_ctzll(bits);
            struct acd_node *head = acd->queue[line]->line.turn.first;
            if (best && acd_key_before(&best->key, &head->key))
                continue;
            if (agent_free_for(plan, line))
                best = head;
            else
                acd_bit_clear(plan->dirty_lines, line);
        }
    }
    return best ? ACD_OWNER(best, struct acd_call, turn) : NULL;
}

/* ---- strategies: the rank an agent's group gives for the call, least first; then idle order, then id ----
 */

static int64_t rank_alike(const struct acd *acd, const struct acd_group *group, const struct acd_call *call) {
    return 0;
}

static int64_t rank_fit(const struct acd *acd, const struct acd_group *group, const struct acd_call *call) {
    return -(int64_t)acd_skill_fit(acd, group, call->queue);
}

typedef int64_t rank_fn(const struct acd *acd, const struct acd_group *group, const struct acd_call *call);
static rank_fn *const strategies[] = {
    [CONF_LONGEST_IDLE] = rank_alike,
    [CONF_SKILL_THEN_IDLE] = rank_fit,
};

/* Head of a group for the call: not the agent who has just not taken it, unless there is nobody else. */
static struct acd_node *head_for(const struct acd_group *group, const struct acd_call *call) {
    struct acd_node *head = group->idle.first;
    if (ACD_OWNER(head, struct acd_agent, idle)->id == call->avoid)
        head = acd_tree_next(head);
    return head;
}

static struct acd_agent *pick(struct acd *acd, const struct acd_call *call) {
    const struct acd_plan *plan = &acd->plan;
    const uint64_t *admits = acd_admits(plan, call->queue->line.index);
    rank_fn *rank = strategies[call->queue->set.strategy];
    struct acd_node *best = NULL;
    struct acd_key best_key = {0};
    for (uint32_t w = 0; w < plan->group_words; w++)
        for (uint64_t bits = admits[w] & plan->idle_groups[w]; bits; bits &= bits - 1) {
            const struct acd_group *group = &plan->group[w * 64 + (uint32_t)__builtin_ctzll(bits)];
            struct acd_node *head = head_for(group, call);
            if (!head)
                continue;
            struct acd_key key = {rank(acd, group, call), head->key.time, head->key.id};
            if (!best || acd_key_before(&key, &best_key)) {
                best = head;
                best_key = key;
            }
        }
    return best ? ACD_OWNER(best, struct acd_agent, idle) : acd_agent(acd, call->avoid);
}

int acd_match(struct acd *acd) {
    struct acd_call *call;
    while ((call = next_call(acd))) {
        if (acd_room(acd, ACD_STEP_ROOM))
            return -ENOMEM;
        acd_offer_begin(acd, call, pick(acd, call));
    }
    acd->matching_dirty = false;
    return 0;
}
