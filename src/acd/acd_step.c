/* SPDX-License-Identifier: Apache-2.0
 * Steps: what a call wants changes while it waits (relaxation of skills, escalation to other tiers). It
 * changes its line, never its place. */
#include "acd/acd_int.h"

#include <errno.h>

static bool line_staffed(const struct acd *acd, const struct acd_line *line) {
    return acd_bits_meet(acd_admits(&acd->plan, line), acd->plan.in_groups, acd->plan.group_words);
}

/* The step itself, or the next for which somebody is logged in. */
static uint32_t staffed_from(const struct acd *acd, const struct acd_queue *queue, uint32_t step) {
    for (uint32_t at = step; at < queue->line_count; at++)
        if (line_staffed(acd, &queue->line[at]))
            return at;
    return step;
}

uint32_t acd_step_now(const struct acd *acd, const struct acd_call *call) {
    const struct acd_queue *queue = call->queue;
    uint32_t step = call->step;
    if (queue->line_count == 1)
        return 0;
    while (step + 1 < queue->line_count && call->since_ms + queue->set.step[step].after_ms <= acd->now)
        step++;
    return staffed_from(acd, queue, step);
}

uint64_t acd_step_due(const struct acd *acd, const struct acd_call *call) {
    const struct acd_queue *queue = call->queue;
    if (call->step + 1 >= queue->line_count)
        return NEVER;
    return call->since_ms + queue->set.step[call->step].after_ms;
}

void acd_step_advance(struct acd *acd, struct acd_call *call) {
    uint32_t step = acd_step_now(acd, call);
    if (step == call->step || call->state != ACD_CALL_WAITING)
        return;
    bool detached = !call->only && acd_node_linked(&call->turn);
    if (detached) {
        struct acd_line *line = acd_call_line(call);
        acd_tree_remove(&line->turn, &call->turn);
        if (!line->turn.root)
            acd_bit_clear(acd->plan.busy_lines, line->index);
    }
    call->step = step;
    struct acd_effect *effect = acd_emit(acd, ACD_FX_STEP);
    effect->call = call->id;
    effect->queue = call->queue->number;
    effect->step = step;
    acd_decide(acd, call, ACD_DID_STEP)->value = step;
    acd_call_refresh(acd, call);
}

/* Some line may have lost its last agent. */
int acd_step_queue(struct acd *acd, struct acd_queue *queue) {
    bool lost = false;
    for (uint32_t step = 0; step + 1 < queue->line_count && !lost; step++)
        lost = !line_staffed(acd, &queue->line[step]) && staffed_from(acd, queue, step) != step;
    for (struct acd_node *node = queue->place.first; lost && node; node = acd_tree_next(node)) {
        if (acd_room(acd, ACD_STEP_ROOM))
            return -ENOMEM;
        acd_step_advance(acd, ACD_OWNER(node, struct acd_call, place));
    }
    return 0;
}
