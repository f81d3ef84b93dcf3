/* SPDX-License-Identifier: Apache-2.0
 * A new configuration under calls in progress: everything that can fail is made first, then the swap. */
#include "acd/acd_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int grow_agents(struct acd *acd, uint32_t count) {
    if (count <= acd->agent_count)
        return 0;
    struct acd_agent **table = acd_grow(acd->agent, count * sizeof(void *));
    if (!table)
        return -ENOMEM;
    acd->agent = table;
    /* new ones are as if removed until the swap */
    for (; acd->agent_count < count; acd->agent_count++) {
        struct acd_agent *agent = acd_alloc(sizeof *agent);
        if (!agent)
            return -ENOMEM;
        agent->id = acd->agent_count + 1;
        agent->removed = true;
        agent->activity = ACD_UNREACHABLE;
        table[acd->agent_count] = agent;
    }
    return 0;
}

static int grow_queues(struct acd *acd, uint32_t count) {
    if (count <= acd->queue_count)
        return 0;
    struct acd_queue **table = acd_grow(acd->queue, count * sizeof(void *));
    if (!table)
        return -ENOMEM;
    acd->queue = table;
    for (; acd->queue_count < count; acd->queue_count++) {
        struct acd_queue *queue = acd_alloc(sizeof *queue);
        if (!queue)
            return -ENOMEM;
        queue->number = acd->queue_count + 1;
        queue->removed = true;
        queue->open_tier = 1;
        queue->empty_ms = queue->shared_ms = queue->counted_ms = NEVER;
        table[acd->queue_count] = queue;
    }
    return 0;
}

/* Four cells for each agent, so that a free one is always near. */
static int grow_offers(struct acd *acd, uint32_t agents) {
    uint32_t size = 64;
    while (size < 4 * agents)
        size *= 2;
    if (acd->offer_cell && size <= acd->offer_mask + 1)
        return 0;
    uint32_t *cell = acd_alloc(size * sizeof *cell);
    if (!cell)
        return -ENOMEM;
    free(acd->offer_cell);
    acd->offer_cell = cell;
    acd->offer_mask = size - 1;
    for (uint32_t i = 0; i < acd->agent_count; i++)
        if (acd->agent[i]->offer)
            cell[acd->agent[i]->offer & acd->offer_mask] = acd->agent[i]->id;
    return 0;
}

static bool sane(const struct conf *conf) {
    return conf && conf->agent_count <= CONF_MAX_AGENTS && conf->queue_count <= CONF_MAX_QUEUES &&
           conf->skill_count <= CONF_MAX_SKILLS;
}

static void swap_queue(struct acd *acd, struct acd_queue *queue) {
    const struct acd_plan *plan = &acd->plan;
    uint32_t i = queue->number - 1,
             lines = i + 1 < plan->queue_count ? plan->first_line[i + 1] : plan->line_count;
    const struct conf_queue *conf = i < acd->conf->queue_count ? &acd->conf->queue[i] : NULL;
    bool was_removed = queue->removed, was_closed = queue->set.closed;
    queue->removed = !conf || conf->removed;
    queue->first_line = plan->first_line[i];
    queue->line_count = lines - queue->first_line;
    queue->line = &plan->line[queue->first_line];
    for (uint32_t step = 0; step < queue->line_count; step++)
        queue->line[step].queue = queue;
    queue->tiers = plan->queue_tiers[i];
    queue->staff_groups = plan->queue_bits + (size_t)i * 2 * plan->group_words;
    queue->serve_groups = queue->staff_groups + plan->group_words;
    queue->overlap = plan->overlaps + (size_t)i * plan->queue_count;
    queue->fit = plan->fit[i];
    queue->shared_ms = queue->counted_ms = NEVER;
    if (!queue->removed)
        queue->set = *conf; /* with its lists: they last as long as the configuration */
    else
        queue->set.step_count = queue->set.reserve_count = queue->set.skill_count = queue->set.require.count =
            0;
    queue->set.name = queue->set.music = queue->set.greeting = NULL;
    acd_reserve_swap(acd, queue);
    if (queue->removed)
        return;
    if (was_removed || was_closed != queue->set.closed)
        queue->closed = queue->set.closed;
    if (!queue->known) /* one that comes back goes on learning: it may still have talks, too */
        acd_wait_init(&queue->wait, acd->now,
                      queue->set.expected_handle_ms ? queue->set.expected_handle_ms : 240000,
                      queue->set.expected_patience_ms ? queue->set.expected_patience_ms : 120000);
    queue->known = true;
}

static void detach_calls(struct acd *acd) {
    for (struct acd_call *call = acd->calls; call; call = call->hh.next)
        if (call->state == ACD_CALL_WAITING)
            acd_call_detach(acd, call);
}

/* Places and turns by the new rules. A call stays at its step, if there are still so many. */
static void attach_calls(struct acd *acd) {
    for (struct acd_call *call = acd->calls; call; call = call->hh.next) {
        if (call->state != ACD_CALL_WAITING)
            continue;
        call->capped = false;
        if (call->step >= call->queue->line_count)
            call->step = call->queue->line_count - 1;
        if (call->only && (call->queue->removed || !acd_preferable(call->only, call->queue)))
            call->only = NULL;
        acd_call_attach(acd, call);
    }
}

static void advance_calls(struct acd *acd) {
    for (struct acd_call *call = acd->calls; call; call = call->hh.next)
        acd_step_advance(acd, call);
}

static void swap_agent(struct acd *acd, struct acd_agent *agent) {
    const struct conf_agent *conf =
        agent->id <= acd->conf->agent_count ? &acd->conf->agent[agent->id - 1] : NULL;
    agent->fresh = agent->removed;
    agent->removed = !conf || conf->removed;
    if (!agent->met)
        agent->since_ms = acd->now;
    agent->met = true;
    if (!agent->removed) {
        agent->wrapup_cap_ms = conf->wrapup_max_ms;
        agent->own_wrapup_ms = conf->own_wrapup_ms;
        agent->weight = conf->weight ? conf->weight : 1;
    }
    acd_agent_join_group(acd, agent,
                         agent->removed ? NULL : &acd->plan.group[acd->plan.group_of[agent->id - 1]]);
}

/* Who is gone leaves, who is new comes. Calls are in their places again: their phones may stop ringing. */
static void move_agent(struct acd *acd, struct acd_agent *agent) {
    if (agent->removed && agent->presence != ACD_LOGGED_OUT)
        acd_agent_log_out(acd, agent);
    if (agent->removed && agent->activity == ACD_WRAPUP)
        acd_wrap_over(acd, agent);
    if (!agent->removed && agent->fresh && acd->conf->agent[agent->id - 1].auto_login &&
        agent->presence == ACD_LOGGED_OUT)
        acd_agent_want(acd, agent, ACD_READY, ACD_REASON_NONE);
    agent->fresh = false;
}

/* Queues may be gone, or nobody left who may serve them, or load marks may have moved. (All lines are matched
 * again because all able agents have joined their groups anew.) */
static void look_at_all(struct acd *acd) {
    for (uint32_t queue = 0; queue < acd->plan.queue_count; queue++) {
        acd_bit_set(acd->plan.door_queues, queue);
        if (!acd->queue[queue]->removed)
            acd_load_check(acd, acd->queue[queue]);
    }
    acd->doors_dirty = true;
}

int acd_replan(struct acd *acd, const struct conf *conf) {
    struct acd_plan plan;
    int rc;
    if ((rc = acd_room(acd, acd->agent_count * (size_t)ACD_STEP_ROOM + acd->waiting + acd->queue_count)) ||
        (rc = acd_plan_make(&plan, acd, conf, acd->queue_count)))
        return rc;
    detach_calls(acd);
    acd_plan_free(&acd->plan);
    acd->plan = plan;
    acd->conf = conf;
    for (uint32_t i = 0; i < acd->queue_count; i++)
        swap_queue(acd, acd->queue[i]);
    for (uint32_t i = 0; i < acd->agent_count; i++)
        swap_agent(acd, acd->agent[i]);
    attach_calls(acd);
    for (uint32_t i = 0; i < acd->agent_count; i++)
        move_agent(acd, acd->agent[i]);
    advance_calls(acd);
    look_at_all(acd);
    return 0;
}

int acd_configure(struct acd *acd, const struct acd_event *event) {
    int rc;
    if (!sane(event->conf))
        return -EINVAL;
    if ((rc = grow_agents(acd, event->conf->agent_count)) ||
        (rc = grow_queues(acd, event->conf->queue_count)) || (rc = grow_offers(acd, acd->agent_count)) ||
        (rc = acd_decisions_resize(&acd->decisions,
                                   event->conf->decisions ? event->conf->decisions : ACD_DECISIONS)))
        return rc;
    return acd_replan(acd, event->conf);
}
