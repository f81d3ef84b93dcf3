/* SPDX-License-Identifier: Apache-2.0
 *
 * acd_world: configurations for tests of the distributor, made by hand instead of from a file: built, copied,
 * freed. From text: acd_script.h.
 */
#ifndef ACD_WORLD_H
#define ACD_WORLD_H

#include "callfloor/acd.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- lists of agents and queues ---- */

static inline void world_list(uint32_t **list, uint32_t *count, uint32_t value) {
    *list = realloc(*list, (*count + 1) * sizeof **list);
    (*list)[(*count)++] = value;
}
static inline void world_skill(struct conf_skill_level **list, uint32_t *count, uint32_t skill,
                               uint32_t level) {
    *list = realloc(*list, (*count + 1) * sizeof **list);
    (*list)[(*count)++] = (struct conf_skill_level){skill, level};
}
/* The agent serves the queue at that tier. */
static inline void world_serve(struct conf_agent *agent, uint32_t queue, uint32_t tier) {
    agent->tier = realloc(agent->tier, agent->queue_count + 1);
    agent->tier[agent->queue_count] = (uint8_t)tier;
    world_list(&agent->queue, &agent->queue_count, queue);
}
static inline void world_test(struct conf_require *require, struct conf_test test) {
    require->test = realloc(require->test, (require->count + 1) * sizeof *require->test);
    require->test[require->count++] = test;
}
static inline struct conf_step *world_step(struct conf_queue *queue, uint32_t after_ms, uint32_t tier) {
    queue->step = realloc(queue->step, (queue->step_count + 1) * sizeof *queue->step);
    queue->step[queue->step_count] = (struct conf_step){.after_ms = after_ms, .tier = tier};
    return &queue->step[queue->step_count++];
}
static inline void world_reserve(struct conf_queue *queue, struct conf_reserve reserve) {
    queue->reserve = realloc(queue->reserve, (queue->reserve_count + 1) * sizeof *queue->reserve);
    queue->reserve[queue->reserve_count++] = reserve;
}

/* ---- agents, queues, all ---- */

/* Names, for the texts of decisions: "1001", "queue1". */
static inline char *world_name(bool agent, uint32_t number) {
    static char agents[CONF_MAX_AGENTS + 1][8], queues[CONF_MAX_QUEUES + 1][12];
    if (agent)
        snprintf(agents[number], sizeof agents[number], "%u", (1000 + number) % 100000);
    else
        snprintf(queues[number], sizeof queues[number], "queue%u", number % 1000);
    return agent ? agents[number] : queues[number];
}
static inline struct conf_agent world_agent(uint32_t number) {
    return (struct conf_agent){.id = world_name(true, number), .wrapup_max_ms = NEVER32};
}
static inline struct conf_queue world_queue(uint32_t number) {
    return (struct conf_queue){
        .name = world_name(false, number), .ring_ms = 15000, .wrapup_extensions = NEVER32};
}

static inline void world_grow(struct conf *conf, uint32_t agents, uint32_t queues) {
    if (conf->agent_count < agents)
        conf->agent = realloc(conf->agent, agents * sizeof *conf->agent);
    for (; conf->agent_count < agents; conf->agent_count++)
        conf->agent[conf->agent_count] = world_agent(conf->agent_count + 1);
    if (conf->queue_count < queues)
        conf->queue = realloc(conf->queue, queues * sizeof *conf->queue);
    for (; conf->queue_count < queues; conf->queue_count++)
        conf->queue[conf->queue_count] = world_queue(conf->queue_count + 1);
}

static inline char **world_skill_names(void) {
    static char names[CONF_MAX_SKILLS][12], *list[CONF_MAX_SKILLS];
    for (uint32_t i = 0; i < CONF_MAX_SKILLS; i++) {
        snprintf(names[i], sizeof names[i], "skill%u", (i + 1) % 1000);
        list[i] = names[i];
    }
    return list;
}

static inline struct conf *world_conf(uint32_t agents, uint32_t queues, uint32_t skills) {
    static char *reasons[] = {(char *)"lunch", (char *)"training"};
    struct conf *conf = calloc(1, sizeof *conf);
    conf->pause_reason = reasons;
    conf->pause_reason_count = 2;
    conf->max_calls = 1000000;
    conf->decisions = 4096;
    conf->skill_count = skills;
    conf->skill_name = world_skill_names();
    conf->agent = calloc(1, sizeof *conf->agent);
    conf->queue = calloc(1, sizeof *conf->queue);
    world_grow(conf, agents, queues);
    return conf;
}

static inline struct conf_require world_copy_require(const struct conf_require *old) {
    struct conf_require copy = {0};
    for (uint32_t i = 0; i < old->count; i++)
        world_test(&copy, old->test[i]);
    return copy;
}
static inline void world_copy_agent(struct conf_agent *agent, const struct conf_agent *old) {
    *agent = *old;
    agent->queue = NULL;
    agent->tier = NULL;
    agent->skill = NULL;
    agent->queue_count = agent->skill_count = 0;
    for (uint32_t k = 0; k < old->queue_count; k++)
        if (old->tier)
            world_serve(agent, old->queue[k], old->tier[k]);
        else
            world_list(&agent->queue, &agent->queue_count, old->queue[k]);
    for (uint32_t k = 0; k < old->skill_count; k++)
        world_skill(&agent->skill, &agent->skill_count, old->skill[k].skill, old->skill[k].level);
}
static inline void world_copy_queue(struct conf_queue *queue, const struct conf_queue *old) {
    *queue = *old;
    queue->skill = NULL;
    queue->step = NULL;
    queue->reserve = NULL;
    queue->skill_count = queue->step_count = queue->reserve_count = 0;
    queue->require = world_copy_require(&old->require);
    for (uint32_t k = 0; k < old->skill_count; k++)
        world_skill(&queue->skill, &queue->skill_count, old->skill[k].skill, old->skill[k].level);
    for (uint32_t k = 0; k < old->step_count; k++)
        world_step(queue, old->step[k].after_ms, old->step[k].tier)->require =
            world_copy_require(&old->step[k].require);
    for (uint32_t k = 0; k < old->reserve_count; k++)
        world_reserve(queue, old->reserve[k]);
}

static inline struct conf *world_copy(const struct conf *old) {
    struct conf *conf = calloc(1, sizeof *conf);
    *conf = *old;
    conf->agent = calloc(old->agent_count + 1, sizeof *conf->agent);
    conf->queue = calloc(old->queue_count + 1, sizeof *conf->queue);
    for (uint32_t i = 0; i < old->agent_count; i++)
        world_copy_agent(&conf->agent[i], &old->agent[i]);
    for (uint32_t i = 0; i < old->queue_count; i++)
        world_copy_queue(&conf->queue[i], &old->queue[i]);
    return conf;
}

/* Free the lists, not the agent or queue itself. */
static inline void world_clear_agent(struct conf_agent *agent) {
    free(agent->queue);
    free(agent->tier);
    free(agent->skill);
}
static inline void world_clear_queue(struct conf_queue *queue) {
    for (uint32_t i = 0; i < queue->step_count; i++)
        free(queue->step[i].require.test);
    free(queue->step);
    free(queue->require.test);
    free(queue->reserve);
    free(queue->skill);
}
static inline void world_free(struct conf *conf) {
    if (!conf)
        return;
    for (uint32_t i = 0; i < conf->agent_count; i++)
        world_clear_agent(&conf->agent[i]);
    for (uint32_t i = 0; i < conf->queue_count; i++)
        world_clear_queue(&conf->queue[i]);
    free(conf->agent);
    free(conf->queue);
    free(conf);
}

#endif
