/* SPDX-License-Identifier: Apache-2.0
 * Expected wait of a call: who works for its queue, for how much of the time, and how many come before it.
 * The reckoning itself is acd_wait.c. */
#include "acd/acd_int.h"

#include <errno.h>

uint32_t acd_staff(const struct acd *acd, const struct acd_queue *queue) {
    const struct acd_plan *plan = &acd->plan;
    uint32_t count = 0;
    for (uint32_t w = 0; w < plan->group_words; w++)
        for (uint64_t bits = queue->staff_groups[w] & plan->ready_groups[w]; bits; bits &= bits - 1)
            count += plan->group[w * 64 + (uint32_t)__builtin_ctzll(bits)].present;
    return count;
}

static enum acd_wait_rank rank_of(const struct acd *acd, const struct acd_queue *queue,
                                  const struct acd_queue *other) {
    if (acd->conf->order != CONF_ORDER_PRIORITY || queue->set.priority == other->set.priority)
        return ACD_WAIT_BESIDE;
    return other->set.priority > queue->set.priority ? ACD_WAIT_BEFORE : ACD_WAIT_BEHIND;
}

static void share(struct acd *acd, struct acd_queue *queue) {
    struct acd_plan *plan = &acd->plan;
    uint32_t count = 0;
    for (uint32_t q = 0; q < plan->queue_count; q++) {
        const struct acd_queue *other = acd->queue[q];
        plan->demand[q] = (struct acd_wait_demand){.per_ms = acd_wait_per_ms(&other->wait, acd->now),
                                                   .handle_ms = acd_wait_handle_ms(&other->wait, acd->now),
                                                   .rank = rank_of(acd, queue, other)};
    }
    for (uint32_t w = 0; w < plan->group_words; w++)
        for (uint64_t bits = plan->ready_groups[w]; bits; bits &= bits - 1) {
            const struct acd_group *group = &plan->group[w * 64 + (uint32_t)__builtin_ctzll(bits)];
            if (group->present)
                plan->share_group[count++] = (struct acd_wait_group){
                    .agents = group->present, .queue_count = group->queue_count, .queue = group->queue};
        }
    queue->service = acd_wait_share(plan->share_group, count, plan->demand, plan->queue_count,
                                    queue->number - 1, queue->overlap);
    queue->shared_ms = acd->now;
    queue->shared_serial = acd->staff_serial;
}

static void refresh_share(struct acd *acd, struct acd_queue *queue) {
    bool changed = queue->shared_serial != acd->staff_serial;
    uint64_t wait_ms = !changed                                    ? ACD_SHARE_MS
                       : acd->plan.group_count <= ACD_SHARE_GROUPS ? 0
                                                                   : ACD_SHARE_SOON_MS;
    if (queue->shared_ms == NEVER || acd->now >= queue->shared_ms + wait_ms)
        share(acd, queue);
}

/* Calls that want a phone and come before: of this queue all, of others those that our agents would take. */
static double ahead(const struct acd *acd, const struct acd_queue *queue, const struct acd_call *call) {
    bool alike = acd->conf->order != CONF_ORDER_AGEING;
    const struct acd_key last = {.rank = INT64_MAX, .time = UINT64_MAX, .id = UINT64_MAX};
    double sum = 0;
    for (uint32_t q = 0; q < acd->plan.queue_count; q++) {
        const struct acd_queue *other = acd->queue[q];
        const struct acd_key *key = &last;
        if (other != queue && queue->overlap[q] <= 0)
            continue;
        if (call && (other == queue || alike))
            key = &call->place.key;
        else if (rank_of(acd, queue, other) == ACD_WAIT_BEHIND)
            continue;
        sum += (other == queue ? 1 : queue->overlap[q]) * acd_wanting_before(other, key);
    }
    return sum;
}

struct acd_wait_guess acd_expected(struct acd *acd, struct acd_queue *queue, const struct acd_call *call) {
    const struct acd_call would = {.queue = queue};
    refresh_share(acd, queue);
    double before = ahead(acd, queue, call);
    uint32_t idle = acd_candidates(acd, call ? call : &would, (uint32_t)before + 1);
    return acd_wait_guess(&queue->wait, acd->now, before, &queue->service, idle);
}

int acd_tell(struct acd *acd, const struct acd_event *event) {
    struct acd_call *call = acd_call(acd, event->call);
    if (!call)
        return -EINVAL;
    if (call->state != ACD_CALL_WAITING)
        return -EPROTO;
    struct acd_wait_guess guess = acd_expected(acd, call->queue, call);
    struct acd_effect *effect = acd_emit(acd, ACD_FX_TOLD);
    effect->call = call->id;
    effect->queue = call->queue->number;
    effect->position_out = acd_tree_rank(&call->place);
    effect->wait_ms =
        acd_wait_tell(&call->queue->wait, &call->told, acd->now, &guess, acd_staff(acd, call->queue));
    return 0;
}
