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
        queue->line.queue = queue;
        queue->line.index = acd->queue_count;
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

static void swap_queues(struct acd *acd) {
    for (uint32_t i = 0; i < acd->queue_count; i++) {
        struct acd_queue *queue = acd->queue[i];
        const struct conf_queue *conf = i < acd->conf->queue_count ? &acd->conf->queue[i] : NULL;
        queue->removed = !conf || conf->removed;
        if (queue->removed)
            continue;
        queue->set = *conf;
        queue->set.name = queue->set.music = queue->set.greeting = NULL; /* the next reload frees them */
        queue->set.skill = NULL;
        queue->set.overflow.prompt = NULL;
    }
}

/* Places and turns by the new priorities; the bits of the new plan follow. */
static void swap_calls(struct acd *acd) {
    for (struct acd_call *call = acd->calls; call; call = call->hh.next)
        if (call->state != ACD_CALL_TALKING)
            acd_call_reorder(acd, call);
}

static void swap_agent(struct acd *acd, struct acd_agent *agent) {
    const struct conf_agent *conf =
        agent->id <= acd->conf->agent_count ? &acd->conf->agent[agent->id - 1] : NULL;
    bool was_removed = agent->removed;
    agent->removed = !conf || conf->removed;
    if (!agent->met)
        agent->since_ms = acd->now;
    agent->met = true;
    acd_agent_join_group(acd, agent,
                         agent->removed ? NULL : &acd->plan.group[acd->plan.group_of[agent->id - 1]]);
    if (!conf || conf->removed) {
        if (agent->presence != ACD_LOGGED_OUT)
            acd_agent_log_out(acd, agent);
        if (agent->activity == ACD_WRAPUP)
            acd_wrap_over(acd, agent);
        return;
    }
    agent->wrapup_cap_ms = conf->wrapup_max_ms;
    if (was_removed && conf->auto_login && agent->presence == ACD_LOGGED_OUT)
        acd_agent_want(acd, agent, ACD_READY, ACD_REASON_NONE);
}

/* Queues may be gone, or nobody left who may serve them. (All lines are matched again because all able agents
 * have joined their groups anew.) */
static void look_at_doors(struct acd *acd) {
    for (uint32_t line = 0; line < acd->plan.line_count; line++)
        acd_bit_set(acd->plan.door_lines, line);
    acd->doors_dirty = true;
}

int acd_configure(struct acd *acd, const struct acd_event *event) {
    struct acd_plan plan;
    int rc;
    if (!sane(event->conf))
        return -EINVAL;
    if ((rc = grow_agents(acd, event->conf->agent_count)) ||
        (rc = grow_queues(acd, event->conf->queue_count)) || (rc = grow_offers(acd, acd->agent_count)) ||
        (rc = acd_room(acd, acd->agent_count * (size_t)ACD_STEP_ROOM)) ||
        (rc = acd_plan_make(&plan, event->conf, acd->queue_count)))
        return rc;
    acd_plan_free(&acd->plan);
    acd->plan = plan;
    acd->conf = event->conf;
    swap_queues(acd);
    swap_calls(acd);
    for (uint32_t i = 0; i < acd->agent_count; i++)
        swap_agent(acd, acd->agent[i]);
    look_at_doors(acd);
    return 0;
}
