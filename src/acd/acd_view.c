/* SPDX-License-Identifier: Apache-2.0
 * Looking at the distributor from outside; nothing here changes anything. */
#include "acd/acd_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int acd_agent_view(const struct acd *acd, uint32_t id, struct acd_agent_view *out) {
    const struct acd_agent *agent = acd_agent(acd, id);
    if (!agent || agent->removed)
        return -EINVAL;
    *out = (struct acd_agent_view){
        .presence = agent->presence,
        .pending_presence = agent->pending ? agent->pending_presence : agent->presence,
        .activity = agent->activity,
        .reason = agent->reason,
        .pending_reason = agent->pending ? agent->pending_reason : agent->reason,
        .pending = agent->pending,
        .since_ms = agent->since_ms,
        .idle_order_ms = agent->idle_order_ms,
        .call = agent->call_id,
        .queue = agent->queue ? agent->queue->number : 0,
        .offer = agent->offer,
        .deadline_ms = acd_node_linked(&agent->timer) ? agent->timer.key.time : NEVER,
        .missed = agent->missed,
        .extensions = agent->extensions,
        .want_disposition = agent->activity == ACD_WRAPUP && agent->wrap_to_ms == NEVER,
        .handles = agent->handles,
        .talk_ms = agent->talk_ms,
    };
    return 0;
}

static void add_group(struct acd_queue_view *out, const struct acd_group *group) {
    for (int presence = 0; presence < ACD_PRESENCES; presence++)
        for (int activity = 0; activity < ACD_ACTIVITIES; activity++) {
            uint32_t count = group->count[presence][activity];
            out->agents += count;
            if (presence != ACD_LOGGED_OUT)
                out->logged_in += count;
            if (activity == ACD_TALKING || activity == ACD_HOLD || activity == ACD_CONSULT ||
                activity == ACD_CONFERENCE)
                out->talking += count;
            else if (activity == ACD_WRAPUP)
                out->wrapup += count;
            else if (presence == ACD_NOT_READY)
                out->not_ready += count;
            else if (presence == ACD_READY && activity == ACD_IDLE)
                out->idle += count;
        }
}

/* Looking leaves no trace: what a later caller is told must not depend on who looked before. The reckoning
 * keeps its last result in the queue, so that is put back. */
static uint64_t expected_now(const struct acd *acd, const struct acd_queue *queue) {
    struct acd_queue *kept = (struct acd_queue *)(uintptr_t)queue, before = *queue;
    double overlap[CONF_MAX_QUEUES];
    size_t size = acd->plan.queue_count * sizeof *overlap;
    memcpy(overlap, kept->overlap, size);
    uint64_t wait_ms = acd_expected((struct acd *)(uintptr_t)acd, kept, NULL).p80_ms;
    memcpy(kept->overlap, overlap, size);
    *kept = before;
    return wait_ms;
}

void acd_queue_figures(const struct acd *acd, const struct acd_queue *queue, struct acd_queue_view *out) {
    *out = (struct acd_queue_view){.waiting = acd_tree_size(&queue->place),
                                   .oldest_ms = NEVER,
                                   .tier = queue->open_tier,
                                   .closed = queue->closed,
                                   .told = queue->wait.scored,
                                   .told_wrong = acd_wait_wrong(&queue->wait),
                                   .telling = acd_wait_telling(&queue->wait)};
    for (const struct acd_node *node = queue->place.first; node; node = acd_tree_next(node)) {
        const struct acd_call *call = ACD_OWNER(node, struct acd_call, place);
        out->offered += call->ringing_count != 0;
        if (call->enter_ms < out->oldest_ms)
            out->oldest_ms = call->enter_ms;
    }
    for (uint32_t w = 0; w < acd->plan.group_words; w++)
        for (uint64_t bits = queue->staff_groups[w]; bits; bits &= bits - 1)
            add_group(out, &acd->plan.group[w * 64 + (uint32_t)__builtin_ctzll(bits)]);
}

int acd_queue_view(const struct acd *acd, uint32_t number, struct acd_queue_view *out) {
    const struct acd_queue *queue = acd_queue(acd, number);
    if (!queue || queue->removed)
        return -EINVAL;
    acd_queue_figures(acd, queue, out);
    out->wait_ms = expected_now(acd, queue);
    return 0;
}

uint32_t acd_position(const struct acd *acd, uint64_t id) {
    const struct acd_call *call = acd_call(acd, id);
    return call ? acd_tree_rank(&call->place) : 0;
}

uint32_t acd_waiting(const struct acd *acd) {
    return acd->waiting;
}

typedef void each_fn(void *arg, uint64_t call, uint32_t queue, uint64_t enter_ms);

static void tell(const struct acd_node *node, each_fn *fn, void *arg) {
    const struct acd_call *call = ACD_OWNER(node, const struct acd_call, place);
    fn(arg, call->id, call->queue->number, call->enter_ms);
}

static void each_of(const struct acd_queue *queue, each_fn *fn, void *arg) {
    for (const struct acd_node *node = queue->place.first; node; node = acd_tree_next(node))
        tell(node, fn, arg);
}

static bool before(const struct acd *acd, const struct acd_node *a, const struct acd_node *b) {
    return acd_call_before(acd, ACD_OWNER(a, const struct acd_call, place),
                           ACD_OWNER(b, const struct acd_call, place));
}

/* All queues merged by the order of service. */
static void each_of_all(const struct acd *acd, const struct acd_node **head, each_fn *fn, void *arg) {
    for (uint32_t i = 0; i < acd->queue_count; i++)
        head[i] = acd->queue[i]->place.first;
    for (;;) {
        uint32_t best = acd->queue_count;
        for (uint32_t i = 0; i < acd->queue_count; i++)
            if (head[i] && (best == acd->queue_count || before(acd, head[i], head[best])))
                best = i;
        if (best == acd->queue_count)
            return;
        tell(head[best], fn, arg);
        head[best] = acd_tree_next(head[best]);
    }
}

void acd_each_waiting(const struct acd *acd, uint32_t number, each_fn *fn, void *arg) {
    const struct acd_queue *queue = acd_queue(acd, number);
    if (number) {
        if (queue)
            each_of(queue, fn, arg);
        return;
    }
    const struct acd_node **head = acd_alloc(acd->queue_count * sizeof(void *));
    if (head)
        each_of_all(acd, head, fn, arg);
    else /* better in another order than not at all */
        for (uint32_t i = 0; i < acd->queue_count; i++)
            each_of(acd->queue[i], fn, arg);
    free(head);
}

/* ---- explaining ---- */

static enum acd_why_not why_state(const struct acd *acd, const struct acd_agent *agent) {
    if (agent->presence == ACD_LOGGED_OUT)
        return ACD_WHY_LOGGED_OUT;
    if (agent->presence == ACD_NOT_READY)
        return ACD_WHY_PAUSED;
    switch (agent->activity) {
    case ACD_UNREACHABLE:
        return ACD_WHY_UNREACHABLE;
    case ACD_WRAPUP:
        return ACD_WHY_WRAPUP;
    case ACD_IDLE:
        return agent->ready_at_ms > acd->now ? ACD_WHY_DELAY : ACD_WHY_ABLE;
    case ACD_RESERVED:
    case ACD_RINGING:
    case ACD_TALKING:
    case ACD_HOLD:
    case ACD_CONSULT:
    case ACD_CONFERENCE:
    case ACD_BUSY_OTHER:
    case ACD_ACTIVITIES:
        break;
    }
    return ACD_WHY_BUSY;
}

enum acd_why_not acd_why_not(const struct acd *acd, uint64_t id, uint32_t number) {
    const struct acd_call *call = acd_call(acd, id);
    const struct acd_agent *agent = acd_agent(acd, number);
    if (!call || call->state != ACD_CALL_WAITING || !agent || !agent->group)
        return ACD_WHY_QUEUE;
    const struct acd_line *line = acd_call_line(call);
    const struct acd_group *group = agent->group;
    uint32_t tier = group->tier[call->queue->number - 1];
    if (agent->call == call)
        return ACD_WHY_RINGS;
    if (!tier)
        return ACD_WHY_QUEUE;
    if (acd_excludes(call, number))
        return ACD_WHY_EXCLUDED;
    if (call->only == agent)
        return why_state(acd, agent);
    if (!acd_bit(line->admits + (size_t)(call->queue->tiers - 1) * acd->plan.group_words, group->index))
        return ACD_WHY_SKILL;
    if (!acd_bit(acd_admits(&acd->plan, line), group->index))
        return ACD_WHY_TIER;
    if (call->only)
        return ACD_WHY_PREFERRED;
    return why_state(acd, agent);
}

uint32_t acd_explain(const struct acd *acd, uint64_t call,
                     void (*fn)(void *arg, const struct acd_decision *decision), void *arg, bool *truncated) {
    return acd_decisions_explain(&acd->decisions, call, fn, arg, truncated);
}

const struct acd_decision *acd_decision(const struct acd *acd, uint64_t number) {
    return acd_decisions_get(&acd->decisions, number);
}
