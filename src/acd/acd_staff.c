/* SPDX-License-Identifier: Apache-2.0
 * Expected wait of a call: who works for its queue, for how much of the time, and how many come before it.
 * The reckoning itself is acd_wait.c. */
#include "acd/acd_int.h"

#include <errno.h>

/* Agents of these groups who are at work. */
static uint32_t at_work(const struct acd *acd, const uint64_t *groups) {
    const struct acd_plan *plan = &acd->plan;
    uint32_t count = 0;
    for (uint32_t w = 0; w < plan->group_words; w++)
        for (uint64_t bits = groups[w] & plan->ready_groups[w]; bits; bits &= bits - 1)
            count += plan->group[w * 64 + (uint32_t)__builtin_ctzll(bits)].present;
    return count;
}

uint32_t acd_staff(const struct acd *acd, const struct acd_queue *queue) {
    return at_work(acd, queue->staff_groups);
}

static enum acd_wait_rank rank_of(const struct acd *acd, const struct acd_queue *queue,
                                  const struct acd_queue *other) {
    if (acd->conf->order != CONF_ORDER_PRIORITY || queue->set.priority == other->set.priority)
        return ACD_WAIT_BESIDE;
    return other->set.priority > queue->set.priority ? ACD_WAIT_BEFORE : ACD_WAIT_BEHIND;
}

static bool anybody(const struct acd *acd, const uint64_t *groups) {
    const struct acd_plan *plan = &acd->plan;
    for (uint32_t w = 0; w < plan->group_words; w++)
        for (uint64_t bits = groups[w] & plan->ready_groups[w]; bits; bits &= bits - 1)
            if (plan->group[w * 64 + (uint32_t)__builtin_ctzll(bits)].present)
                return true;
    return false;
}

/* Of the first step for which somebody works. */
static const struct acd_line *line_from(const struct acd *acd, const struct acd_queue *queue) {
    for (uint32_t at = 0; at < queue->line_count; at++)
        if (anybody(acd, acd_admits(&acd->plan, &queue->line[at])))
            return &queue->line[at];
    return queue->line;
}

/* The line's groups, as if the reserve were not in. */
static const uint64_t *admits_alone(const struct acd_plan *plan, const struct acd_line *line) {
    uint32_t tier = line->step ? line->queue->set.step[line->step - 1].tier : 1;
    tier = tier < line->queue->tiers ? tier : line->queue->tiers;
    return line->admits + (size_t)(tier ? tier - 1 : 0) * plan->group_words;
}

/* Is it time to look again at who works? A figure that is a little old does no harm among many. */
static bool is_old(const struct acd *acd, uint64_t from_ms, uint64_t serial) {
    uint32_t groups = acd->plan.group_count;
    uint64_t wait_ms = serial == acd->staff_serial ? ACD_SHARE_MS : groups <= ACD_SHARE_GROUPS ? 0 : groups;
    return from_ms == NEVER || acd->now >= from_ms + wait_ms;
}

static void count_staff(struct acd *acd, struct acd_queue *queue) {
    queue->share_row = acd_admits(&acd->plan, line_from(acd, queue));
    queue->share_agents = at_work(acd, queue->share_row);
    queue->counted_ms = acd->now;
    queue->counted_serial = acd->staff_serial;
}

/* The queue's calls are taken by these groups. */
static struct acd_wait_service share_by_row(struct acd *acd, struct acd_queue *queue, const uint64_t *row) {
    struct acd_plan *plan = &acd->plan;
    uint32_t count = 0, *at = plan->share_list, agents = 0;
    for (uint32_t w = 0; w < plan->group_words; w++)
        for (uint64_t bits = row[w] & plan->ready_groups[w]; bits; bits &= bits - 1) {
            const struct acd_group *group = &plan->group[w * 64 + (uint32_t)__builtin_ctzll(bits)];
            struct acd_wait_group *to = &plan->share_group[count];
            *to = (struct acd_wait_group){.agents = group->present, .queue = at};
            for (uint32_t i = 0; i < group->queue_count; i++) {
                const struct acd_queue *other = acd->queue[group->queue[i]];
                if (other == queue || acd_bit(other->share_row, group->index))
                    at[to->queue_count++] = group->queue[i];
            }
            at += to->queue_count;
            agents += group->present;
            count += group->present != 0;
        }
    plan->demand[queue->number - 1].agents = agents;
    return acd_wait_share(plan->share_group, count, plan->demand, plan->queue_count, queue->number - 1,
                          queue->overlap);
}

static void share(struct acd *acd, struct acd_queue *queue) {
    struct acd_plan *plan = &acd->plan;
    for (uint32_t q = 0; q < plan->queue_count; q++) {
        struct acd_queue *other = acd->queue[q];
        if (is_old(acd, other->counted_ms, other->counted_serial))
            count_staff(acd, other);
        plan->demand[q] = (struct acd_wait_demand){.per_ms = acd_wait_per_ms(&other->wait, acd->now),
                                                   .handle_ms = acd_wait_handle_ms(&other->wait, acd->now),
                                                   .rank = rank_of(acd, queue, other),
                                                   .agents = other->share_agents};
        queue->overlap[q] = other == queue;
    }
    for (uint32_t step = queue->line_count; step--;) { /* last: the overlap of the first step with agents */
        struct acd_line *line = &queue->line[step];
        line->service = line->alone = (struct acd_wait_service){.agents = 0};
        if (queue->open_tier > 1 && anybody(acd, admits_alone(plan, line)))
            line->alone = share_by_row(acd, queue, admits_alone(plan, line));
        if (anybody(acd, acd_admits(plan, line)))
            line->service = share_by_row(acd, queue, acd_admits(plan, line));
        if (queue->open_tier <= 1)
            line->alone = line->service;
    }
    queue->shared_ms = acd->now;
    queue->shared_serial = acd->staff_serial;
}

static void refresh_share(struct acd *acd, struct acd_queue *queue) {
    if (is_old(acd, queue->shared_ms, queue->shared_serial))
        share(acd, queue);
}

/* Of those at the head several phones may ring while they want more: they need no further agent. */
static uint32_t ringing_before(const struct acd_queue *queue, const struct acd_key *key) {
    uint32_t count = 0;
    if (queue->set.strategy != CONF_RING_ALL && queue->set.strategy != CONF_RING_PROGRESSIVELY)
        return 0;
    for (uint32_t step = 0; step < queue->line_count; step++) {
        struct acd_node *node = queue->line[step].turn.first;
        for (; node && acd_key_before(&node->key, key); node = acd_tree_next(node), count++)
            if (!ACD_OWNER(node, struct acd_call, turn)->ringing_count)
                break;
    }
    return count;
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
        sum += (other == queue ? 1 : queue->overlap[q]) *
               (acd_wanting_before(other, key) - ringing_before(other, key));
    }
    return sum;
}

static uint32_t count_able(const struct acd *acd, const uint64_t *groups) {
    const struct acd_plan *plan = &acd->plan;
    uint32_t count = 0;
    for (uint32_t w = 0; w < plan->group_words; w++)
        for (uint64_t bits = groups[w] & plan->able_groups[w]; bits; bits &= bits - 1)
            count += plan->able_count[w * 64 + (uint32_t)__builtin_ctzll(bits)];
    return count;
}

/* What the caller can count on, step by step. */
static uint32_t services(const struct acd *acd, const struct acd_call *call, bool alone,
                         struct acd_wait_service *service) {
    const struct acd_queue *queue = call->queue;
    uint32_t count = 0, step = acd_step_now(acd, call);
    for (; step < queue->line_count && count < ACD_WAIT_SERVICES; step++, count++) {
        const struct acd_line *line = &queue->line[step];
        service[count] = alone ? line->alone : line->service;
        service[count].from_ms = count ? queue->set.step[step - 1].after_ms : 0;
        service[count].idle =
            count_able(acd, alone ? admits_alone(&acd->plan, line) : acd_admits(&acd->plan, line));
    }
    return count;
}

/* call NULL: one who would come now. */
static struct acd_wait_guess reckon(struct acd *acd, struct acd_queue *queue, const struct acd_call *call,
                                    bool alone) {
    const struct acd_call would = {.queue = queue, .since_ms = acd->now};
    const struct acd_call *first =
        queue->place.first ? ACD_OWNER(queue->place.first, const struct acd_call, place) : &would;
    struct acd_wait_service service[ACD_WAIT_SERVICES];
    refresh_share(acd, queue);
    struct acd_wait_place place = {.ahead = ahead(acd, queue, call),
                                   .waited_ms = acd->now - (call ? call : &would)->since_ms,
                                   .head_ms = acd->now - first->since_ms};
    uint32_t count = services(acd, call ? call : &would, alone, service);
    return acd_wait_guess(&queue->wait, acd->now, &place, service, count);
}

struct acd_wait_guess acd_expected(struct acd *acd, struct acd_queue *queue, const struct acd_call *call) {
    return reckon(acd, queue, call, false);
}

struct acd_wait_guess acd_expected_alone(struct acd *acd, struct acd_queue *queue) {
    return reckon(acd, queue, NULL, true);
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
    effect->wait_ms = acd_wait_tell(&call->queue->wait, &call->told, acd->now, &guess,
                                    at_work(acd, acd_admits(&acd->plan, acd_call_line(call))));
    return 0;
}
