/* SPDX-License-Identifier: Apache-2.0
 * Queues: who may come in, order in line, and what happens when nobody is left to answer. */
#include "acd/acd_int.h"

#include <errno.h>

struct acd_queue *acd_queue(const struct acd *acd, uint32_t number) {
    return number && number <= acd->queue_count ? acd->queue[number - 1] : NULL;
}

/* Order of service: higher priority, then arrival; the serial number where both are equal. */
struct acd_key acd_queue_key(const struct acd_call *call) {
    return (struct acd_key){.rank = -((int64_t)call->queue->set.priority + call->own_priority),
                            .time = call->since_ms,
                            .id = call->serial};
}

void acd_line_add(struct acd *acd, struct acd_call *call) {
    struct acd_line *line = &call->queue->line;
    acd_tree_add(&line->turn, &call->turn, acd_queue_key(call));
    acd_bit_set(acd->plan.busy_lines, line->index);
    acd_match_line(acd, line);
}

void acd_line_remove(struct acd *acd, struct acd_call *call) {
    struct acd_line *line = &call->queue->line;
    acd_tree_remove(&line->turn, &call->turn);
    if (!line->turn.root)
        acd_bit_clear(acd->plan.busy_lines, line->index);
}

bool acd_queue_staffed(const struct acd *acd, const struct acd_queue *queue) {
    const uint64_t *admits = acd_admits(&acd->plan, queue->line.index);
    for (uint32_t w = 0; w < acd->plan.group_words; w++)
        for (uint64_t bits = admits[w]; bits; bits &= bits - 1) {
            const struct acd_group *group = &acd->plan.group[w * 64 + (uint32_t)__builtin_ctzll(bits)];
            for (int activity = 0; activity < ACD_ACTIVITIES; activity++)
                if (group->count[ACD_READY][activity] || group->count[ACD_NOT_READY][activity])
                    return true;
        }
    return false;
}

bool acd_queue_door(const struct acd *acd, const struct acd_queue *queue, enum acd_visit_result *refusal) {
    uint32_t limit = queue->set.max_waiting ? queue->set.max_waiting : acd->conf->max_calls;
    if (queue->set.need_agents && !acd_queue_staffed(acd, queue)) {
        *refusal = ACD_VISIT_NO_AGENTS;
        return false;
    }
    if (limit && acd_tree_size(&queue->place) >= limit) {
        *refusal = ACD_VISIT_FULL;
        return false;
    }
    return true;
}

void acd_doors_check(struct acd *acd, const struct acd_group *group) {
    for (uint32_t w = 0; w < acd->plan.line_words; w++)
        acd->plan.door_lines[w] |= group->lines[w];
    acd->doors_dirty = true;
}

/* 0 when all are out, -ENOMEM: the rest at the next step. */
static int let_out(struct acd *acd, struct acd_queue *queue) {
    if (!queue->removed && (!queue->set.need_agents || acd_queue_staffed(acd, queue)))
        return 0;
    while (queue->place.first) {
        struct acd_call *call = ACD_OWNER(queue->place.first, struct acd_call, place);
        if (acd_room(acd, ACD_STEP_ROOM))
            return -ENOMEM;
        acd_call_out(acd, call, queue->removed ? ACD_VISIT_WITHDRAWN : ACD_VISIT_NO_AGENTS);
    }
    return 0;
}

int acd_doors(struct acd *acd) {
    for (uint32_t w = 0; w < acd->plan.line_words; w++)
        while (acd->plan.door_lines[w]) {
            uint32_t bit = (uint32_t)__builtin_ctzll(acd->plan.door_lines[w]);
            if (let_out(acd, acd->queue[w * 64 + bit]))
                return -ENOMEM;
            acd_bit_clear(acd->plan.door_lines, w * 64 + bit);
        }
    acd->doors_dirty = false;
    return 0;
}
