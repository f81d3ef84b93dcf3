/* SPDX-License-Identifier: Apache-2.0
 * Skills and membership: agents who are alike become one group, and a table says which group may serve which
 * line. Missing a skill is "no", not level 0: a queue wants at least level 1. */
#include "acd/acd_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* While building: groups by what makes them alike. */
struct alike {
    uint32_t id; /* group index + 1; 0 is what acd_mem.h leaves without memory */
    UT_hash_handle hh;
};

static bool may_serve(const struct acd_plan *plan, const struct conf *conf, const struct acd_group *group,
                      uint32_t line) {
    const struct conf_queue *queue = &conf->queue[line];
    for (uint32_t i = 0; i < queue->skill_count; i++) {
        uint32_t skill = queue->skill[i].skill, least = queue->skill[i].level;
        uint8_t level = skill <= plan->skill_count ? group->level[skill] : 0;
        if (!level || level < least)
            return false;
    }
    return true;
}

uint32_t acd_skill_fit(const struct acd *acd, const struct acd_group *group, const struct acd_queue *queue) {
    const struct conf_queue *conf = &acd->conf->queue[queue->number - 1];
    uint32_t fit = 0;
    for (uint32_t i = 0; i < conf->skill_count; i++)
        fit += group->level[conf->skill[i].skill];
    return fit;
}

/* Writes an agent's queues and skills where the next new group would have them. */
static void describe(const struct acd_plan *plan, const struct conf *conf, const struct conf_agent *agent,
                     uint64_t *lines, uint8_t *level) {
    memset(lines, 0, plan->line_words * sizeof *lines);
    memset(level, 0, plan->skill_count + 1);
    for (uint32_t i = 0; i < agent->queue_count; i++) {
        uint32_t number = agent->queue[i];
        if (number && number <= conf->queue_count && !conf->queue[number - 1].removed)
            acd_bit_set(lines, number - 1);
    }
    for (uint32_t i = 0; i < agent->skill_count; i++) {
        uint32_t skill = agent->skill[i].skill;
        if (skill && skill <= plan->skill_count)
            level[skill] = agent->skill[i].level > 255 ? 255 : (uint8_t)agent->skill[i].level;
    }
}

/* Puts the agents into groups; group->lines are their queues at first. key: scratch. */
static int group_agents(struct acd_plan *plan, const struct conf *conf, uint64_t *lines, struct alike *alike,
                        uint8_t *key) {
    size_t line_bytes = plan->line_words * sizeof(uint64_t), key_bytes = line_bytes + plan->skill_count + 1;
    struct alike *known = NULL;
    int rc = 0;
    for (uint32_t i = 0; i < conf->agent_count; i++) {
        struct alike *found, *mine = &alike[plan->group_count];
        struct acd_group *group = &plan->group[plan->group_count];
        plan->group_of[i] = UINT32_MAX;
        if (conf->agent[i].removed)
            continue;
        uint8_t *my_key = key + plan->group_count * key_bytes;
        describe(plan, conf, &conf->agent[i], lines, my_key + line_bytes);
        memcpy(my_key, lines, line_bytes);
        HASH_FIND(hh, known, my_key, key_bytes, found);
        if (found) {
            plan->group_of[i] = found->id - 1;
            continue;
        }
        mine->id = plan->group_count + 1;
        HASH_ADD_KEYPTR(hh, known, my_key, key_bytes, mine);
        if (!mine->id) {
            rc = -ENOMEM;
            break;
        }
        group->index = plan->group_count;
        memcpy(group->lines, my_key, line_bytes);
        memcpy(group->level, my_key + line_bytes, plan->skill_count + 1);
        plan->group_of[i] = plan->group_count++;
    }
    HASH_CLEAR(hh, known);
    return rc;
}

/* From queues served to lines whose calls may be taken: the skills must do, too. */
static void admit(struct acd_plan *plan, const struct conf *conf) {
    for (uint32_t g = 0; g < plan->group_count; g++)
        for (uint32_t line = 0; line < plan->line_count; line++) {
            if (!acd_bit(plan->group[g].lines, line))
                continue;
            if (may_serve(plan, conf, &plan->group[g], line))
                acd_bit_set(plan->admits + (size_t)line * plan->group_words, g);
            else
                acd_bit_clear(plan->group[g].lines, line);
        }
}

int acd_plan_make(struct acd_plan *plan, const struct conf *conf, uint32_t lines) {
    uint32_t agents = conf->agent_count;
    *plan = (struct acd_plan){.line_count = lines,
                              .line_words = acd_words(lines),
                              .group_words = acd_words(agents),
                              .skill_count = conf->skill_count,
                              .agent_count = agents};
    size_t lw = plan->line_words, gw = plan->group_words;
    size_t words = agents * lw + lines * gw + gw + 3 * lw + lw /* scratch */;
    size_t key_bytes = lw * sizeof(uint64_t) + plan->skill_count + 1;
    struct alike *alike = acd_alloc(agents * sizeof *alike);
    uint8_t *keys = acd_alloc((agents + 1) * key_bytes);
    int rc = -ENOMEM;
    plan->group = acd_alloc(agents * sizeof *plan->group);
    plan->group_of = acd_alloc(agents * sizeof *plan->group_of);
    plan->bits = acd_alloc(words * sizeof *plan->bits);
    plan->levels = acd_alloc((size_t)agents * (plan->skill_count + 1));
    if (!alike || !keys || !plan->group || !plan->group_of || !plan->bits || !plan->levels)
        goto out;
    uint64_t *bits = plan->bits;
    for (uint32_t g = 0; g < agents; g++, bits += lw) {
        plan->group[g].lines = bits;
        plan->group[g].level = plan->levels + (size_t)g * (plan->skill_count + 1);
    }
    plan->admits = bits;
    plan->idle_groups = plan->admits + lines * gw;
    plan->busy_lines = plan->idle_groups + gw;
    plan->dirty_lines = plan->busy_lines + lw;
    plan->door_lines = plan->dirty_lines + lw;
    rc = group_agents(plan, conf, plan->door_lines + lw, alike, keys);
    if (!rc)
        admit(plan, conf);
out:
    free(alike);
    free(keys);
    if (rc)
        acd_plan_free(plan);
    return rc;
}

void acd_plan_free(struct acd_plan *plan) {
    free(plan->group);
    free(plan->group_of);
    free(plan->bits);
    free(plan->levels);
    *plan = (struct acd_plan){0};
}
