/* SPDX-License-Identifier: Apache-2.0
 * Queues: who may come in, order in line, and what happens when nobody is left to answer. */
#include "acd/acd_int.h"

#include <errno.h>

struct acd_queue *acd_queue(const struct acd *acd, uint32_t number) {
    return number && number <= acd->queue_count ? acd->queue[number - 1] : NULL;
}

/* ---- order of service ---- */

static int64_t priority_of(const struct acd_call *call) {
    return (int64_t)call->queue->set.priority + call->own_priority;
}

/* Within a queue ageing keeps the order, as all grow alike, until a call reaches the cap: those stand before
 * the others, by their place in time. */
static int64_t ageing_rank(const struct acd_call *call) {
    if (call->capped)
        return INT64_MIN;
    return (int64_t)(call->since_ms * call->queue->set.ageing) - priority_of(call) * 60000;
}

struct acd_key acd_queue_key(const struct acd *acd, const struct acd_call *call) {
    struct acd_key key = {.time = call->since_ms, .id = call->serial};
    switch (acd->conf->order) {
    case CONF_ORDER_PRIORITY:
        key.rank = -priority_of(call);
        break;
    case CONF_ORDER_SLACK:
        key.rank = (int64_t)(call->since_ms + call->queue->set.service_level_ms);
        break;
    case CONF_ORDER_AGEING:
        key.rank = ageing_rank(call);
        break;
    case CONF_ORDER_AGE:
        break;
    }
    return key;
}

uint64_t acd_call_cap_ms(const struct acd *acd, const struct acd_call *call) {
    const struct conf_queue *set = &call->queue->set;
    if (acd->conf->order != CONF_ORDER_AGEING || !set->priority_max || call->capped)
        return NEVER;
    int64_t left = (int64_t)set->priority_max - priority_of(call);
    if (left <= 0)
        return 0;
    return set->ageing ? call->since_ms + ((uint64_t)left * 60000 + set->ageing - 1) / set->ageing : NEVER;
}

/* In points and 1/60000. */
static int64_t score(const struct acd *acd, const struct acd_call *call) {
    const struct conf_queue *set = &call->queue->set;
    int64_t points = priority_of(call) * 60000 + (int64_t)((acd->now - call->since_ms) * set->ageing);
    int64_t most = (int64_t)set->priority_max * 60000;
    return set->priority_max && points > most ? most : points;
}

bool acd_call_before(const struct acd *acd, const struct acd_call *a, const struct acd_call *b) {
    if (acd->conf->order == CONF_ORDER_AGEING && a->queue != b->queue) {
        int64_t mine = score(acd, a), other = score(acd, b);
        if (mine != other)
            return mine > other;
        return a->since_ms != b->since_ms ? a->since_ms < b->since_ms : a->serial < b->serial;
    }
    return acd_key_before(&a->place.key, &b->place.key);
}

/* ---- doors ---- */

bool acd_queue_staffed(const struct acd *acd, const struct acd_queue *queue) {
    return acd_bits_meet(queue->staff_groups, acd->plan.in_groups, acd->plan.group_words);
}

bool acd_queue_unpaused(const struct acd *acd, const struct acd_queue *queue) {
    return acd_bits_meet(queue->staff_groups, acd->plan.ready_groups, acd->plan.group_words);
}

/* Too long is never the time of ringing alone: a queue whose agents idle lets callers in, or it could not
 * learn that they answer sooner. */
static bool too_long(struct acd *acd, struct acd_queue *queue) {
    struct acd_call would = {.queue = queue, .since_ms = acd->now};
    if (!queue->set.max_expected_wait_ms)
        return false;
    would.step = acd_step_now(acd, &would);
    if (acd_candidates(acd, &would, 1))
        return false;
    uint64_t wait_ms = acd_expected(acd, queue, NULL).p80_ms;
    return wait_ms != NEVER && wait_ms > queue->set.max_expected_wait_ms;
}

bool acd_queue_door(struct acd *acd, struct acd_queue *queue, bool resumed, enum acd_visit_result *refusal) {
    const struct conf_queue *set = &queue->set;
    uint32_t limit = set->max_waiting ? set->max_waiting : acd->conf->max_calls;
    bool staffed = acd_queue_staffed(acd, queue);
    if (queue->closed) {
        *refusal = ACD_VISIT_CLOSED;
        return false;
    }
    if (set->need_agents && !staffed) {
        *refusal = ACD_VISIT_NO_AGENTS;
        return false;
    }
    if (set->need_unpaused && staffed && !acd_queue_unpaused(acd, queue)) {
        *refusal = ACD_VISIT_PAUSED;
        return false;
    }
    if (resumed)
        return true;
    if (limit && acd_tree_size(&queue->place) >= limit) {
        *refusal = ACD_VISIT_FULL;
        return false;
    }
    *refusal = ACD_VISIT_TOO_LONG;
    return !too_long(acd, queue);
}

void acd_doors_check(struct acd *acd, const struct acd_group *group) {
    for (uint32_t q = 0; q < acd->plan.queue_count; q++)
        if (group->tier[q])
            acd_bit_set(acd->plan.door_queues, q);
    acd->doors_dirty = true;
}

/* 0 when all are out, -ENOMEM: the rest at the next step. */
static int let_out(struct acd *acd, struct acd_queue *queue, enum acd_visit_result result) {
    int rc = 0;
    while (!rc && queue->place.first)
        rc = acd_call_out(acd, ACD_OWNER(queue->place.first, struct acd_call, place), result);
    return rc;
}

static bool empty_over(const struct acd *acd, const struct acd_queue *queue) {
    return queue->empty_ms != NEVER && queue->set.need_agents &&
           queue->empty_ms + queue->set.empty_grace_ms <= acd->now;
}

static int look_at_door(struct acd *acd, struct acd_queue *queue) {
    if (queue->removed)
        return let_out(acd, queue, ACD_VISIT_WITHDRAWN);
    if (acd_queue_staffed(acd, queue))
        queue->empty_ms = NEVER;
    else if (queue->empty_ms == NEVER)
        queue->empty_ms = acd->now;
    if (empty_over(acd, queue))
        return let_out(acd, queue, ACD_VISIT_EMPTY);
    acd_queue_timer(acd, queue);
    return queue->line_count > 1 ? acd_step_queue(acd, queue) : 0;
}

int acd_doors(struct acd *acd) {
    for (uint32_t w = 0; w < acd->plan.queue_words; w++)
        while (acd->plan.door_queues[w]) {
            uint32_t bit = (uint32_t)__builtin_ctzll(acd->plan.door_queues[w]);
            if (look_at_door(acd, acd->queue[w * 64 + bit]))
                return -ENOMEM;
            acd_bit_clear(acd->plan.door_queues, w * 64 + bit);
        }
    acd->doors_dirty = false;
    return 0;
}

/* ---- deadlines of a queue: its empty room, and marks of the reserve ---- */

void acd_queue_timer(struct acd *acd, struct acd_queue *queue) {
    uint64_t due = NEVER;
    if (acd_node_linked(&queue->timer) && queue->timer.key.time <= acd->now)
        return; /* a late step: what is due has not been looked at yet */
    if (!queue->removed) {
        due = acd_reserve_due(acd, queue);
        if (queue->empty_ms != NEVER && queue->set.need_agents && queue->place.root &&
            queue->empty_ms + queue->set.empty_grace_ms < due)
            due = queue->empty_ms + queue->set.empty_grace_ms;
    }
    acd_timer_set(acd, &queue->timer, due, ACD_TIMER_QUEUE | queue->number);
}

int acd_queue_on_time(struct acd *acd, struct acd_queue *queue) {
    if (empty_over(acd, queue) && queue->place.root) {
        int rc = let_out(acd, queue, ACD_VISIT_EMPTY);
        if (rc)
            return rc;
    }
    acd_tree_remove(&acd->timers, &queue->timer);
    acd_load_check(acd, queue);
    acd_queue_timer(acd, queue);
    return 0;
}
