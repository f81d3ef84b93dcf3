/* SPDX-License-Identifier: Apache-2.0
 * The reserve: agents of higher tiers come in when a queue is under load, and go out again when the load is
 * clearly over (hysteresis), or there would be a change with every caller. */
#include "acd/acd_int.h"

#include <errno.h>

void acd_load_check(struct acd *acd, const struct acd_queue *queue) {
    if (!acd_bit(acd->plan.mark_queues, queue->number - 1))
        return;
    acd_bit_set(acd->plan.load_queues, queue->number - 1);
    acd->loads_dirty = true;
}

void acd_loads_check(struct acd *acd, const struct acd_group *group) {
    for (uint32_t i = 0; i < group->queue_count; i++)
        acd_load_check(acd, acd->queue[group->queue[i]]);
}

/* Is an agent of the queue's own logged in and not paused? */
static bool own_agents(const struct acd *acd, const struct acd_queue *queue) {
    const struct acd_plan *plan = &acd->plan;
    for (uint32_t w = 0; w < plan->group_words; w++)
        for (uint64_t bits = queue->staff_groups[w] & plan->ready_groups[w]; bits; bits &= bits - 1)
            if (plan->group[w * 64 + (uint32_t)__builtin_ctzll(bits)].tier[queue->number - 1] == 1)
                return true;
    return false;
}

/* When the first in line will have too little time left. */
static uint64_t slack_mark(const struct acd_queue *queue, const struct conf_reserve *reserve) {
    if (!reserve->slack_ms || !queue->place.first)
        return NEVER;
    uint64_t end =
        ACD_OWNER(queue->place.first, struct acd_call, place)->since_ms + queue->set.service_level_ms;
    return (end > reserve->slack_ms ? end - reserve->slack_ms : 0) + 1;
}

static bool comes_in(struct acd *acd, struct acd_queue *queue, const struct conf_reserve *reserve) {
    if (reserve->waiting && acd_tree_size(&queue->place) >= reserve->waiting)
        return true;
    if (reserve->no_agents && !own_agents(acd, queue))
        return true;
    if (slack_mark(queue, reserve) <= acd->now)
        return true;
    if (!reserve->expected_wait_ms)
        return false;
    return acd_expected_alone(acd, queue).p80_ms >= reserve->expected_wait_ms;
}

static bool stays_in(struct acd *acd, struct acd_queue *queue, const struct conf_reserve *reserve) {
    if (reserve->waiting && acd_tree_size(&queue->place) > reserve->waiting_back)
        return true;
    if (reserve->no_agents && !own_agents(acd, queue))
        return true;
    if (slack_mark(queue, reserve) <= acd->now)
        return true;
    if (!reserve->expected_wait_ms)
        return false;
    return acd_expected_alone(acd, queue).p80_ms > reserve->expected_wait_back_ms;
}

static uint32_t most_reserves(const struct acd_queue *queue) {
    return queue->set.reserve_count < ACD_MOST_RESERVES ? queue->set.reserve_count : ACD_MOST_RESERVES;
}

/* Needs room for one effect. */
static void open_tier(struct acd *acd, struct acd_queue *queue, uint32_t tier) {
    if (tier == queue->open_tier)
        return;
    if (tier < queue->open_tier) { /* some step may have lost its last agent */
        acd_bit_set(acd->plan.door_queues, queue->number - 1);
        acd->doors_dirty = true;
    }
    queue->open_tier = tier;
    acd->staff_serial++;
    struct acd_effect *effect = acd_emit(acd, ACD_FX_RESERVE);
    effect->queue = queue->number;
    effect->tier = tier;
    struct acd_decision *decision = acd_decide(acd, NULL, ACD_DID_RESERVE);
    decision->queue = queue->number;
    decision->value = tier;
    acd_match_queue(acd, queue);
}

void acd_reserve_swap(struct acd *acd, struct acd_queue *queue) {
    uint32_t tier = 1, count = queue->removed ? 0 : most_reserves(queue);
    queue->reserves_in &= (1u << count) - 1;
    for (uint32_t i = 0; i < count; i++)
        if (queue->reserves_in >> i & 1 && queue->set.reserve[i].tier > tier)
            tier = queue->set.reserve[i].tier;
    open_tier(acd, queue, tier);
}

static void look_at_load(struct acd *acd, struct acd_queue *queue) {
    uint32_t tier = 1;
    for (uint32_t i = 0; i < most_reserves(queue); i++) {
        const struct conf_reserve *reserve = &queue->set.reserve[i];
        bool in = queue->reserves_in >> i & 1;
        if (!in && comes_in(acd, queue, reserve)) {
            queue->reserves_in |= 1u << i;
            queue->reserve_in_ms[i] = acd->now;
            in = true;
        } else if (in && acd->now >= queue->reserve_in_ms[i] + reserve->hold_ms &&
                   !stays_in(acd, queue, reserve)) {
            queue->reserves_in &= ~(1u << i);
            in = false;
        }
        if (in && reserve->tier > tier)
            tier = reserve->tier;
    }
    open_tier(acd, queue, tier);
}

int acd_loads(struct acd *acd) {
    for (uint32_t w = 0; w < acd->plan.queue_words; w++)
        while (acd->plan.load_queues[w]) {
            uint32_t bit = w * 64 + (uint32_t)__builtin_ctzll(acd->plan.load_queues[w]);
            if (acd_room(acd, ACD_STEP_ROOM))
                return -ENOMEM;
            look_at_load(acd, acd->queue[bit]);
            acd_tree_remove(&acd->timers, &acd->queue[bit]->timer);
            acd_queue_timer(acd, acd->queue[bit]);
            acd_bit_clear(acd->plan.load_queues, bit);
        }
    acd->loads_dirty = false;
    return 0;
}

uint64_t acd_reserve_due(const struct acd *acd, const struct acd_queue *queue) {
    uint64_t due = NEVER;
    for (uint32_t i = 0; i < most_reserves(queue); i++) {
        const struct conf_reserve *reserve = &queue->set.reserve[i];
        bool in = queue->reserves_in >> i & 1;
        uint64_t at = in ? queue->reserve_in_ms[i] + reserve->hold_ms : slack_mark(queue, reserve);
        if (at > acd->now && at < due)
            due = at;
    }
    return due;
}
