/* SPDX-License-Identifier: Apache-2.0
 * Skills and membership: agents who are alike become one group, calls of a queue at the same step one line,
 * and tables of bits say which group may serve which line. Missing a skill is "no", not level 0. */
#include "acd/acd_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* While building: groups by what makes them alike. */
struct alike {
    uint32_t id; /* group index + 1; 0 is what acd_mem.h leaves without memory */
    UT_hash_handle hh;
};

struct building {
    struct acd_plan *plan;
    const struct acd *acd;
    const struct conf *conf;
    struct alike *alike;
    uint8_t *keys; /* by group: tiers, then levels */
    size_t key_bytes;
};

static uint8_t level_of(uint32_t level) {
    return level > 255 ? 255 : (uint8_t)level;
}

/* What an agent is: his tier in each queue, his level in each skill. */
static void describe(const struct building *b, uint32_t agent_id, uint8_t *key) {
    const struct conf_agent *agent = &b->conf->agent[agent_id - 1];
    uint8_t *level = key + b->plan->queue_count;
    memset(key, 0, b->key_bytes);
    for (uint32_t i = 0; i < agent->queue_count; i++) {
        uint32_t number = agent->queue[i];
        uint8_t tier = agent->tier && agent->tier[i] ? agent->tier[i] : 1;
        if (!number || number > b->conf->queue_count || b->conf->queue[number - 1].removed)
            continue;
        if (!key[number - 1] || tier < key[number - 1])
            key[number - 1] = tier > ACD_TIERS ? ACD_TIERS : tier;
    }
    for (uint32_t i = 0; i < agent->skill_count; i++)
        if (agent->skill[i].skill && agent->skill[i].skill <= b->plan->skill_count)
            level[agent->skill[i].skill] = level_of(agent->skill[i].level);
    for (uint32_t i = 0; i < b->acd->change_count; i++) {
        const struct acd_skill_change *change = &b->acd->change[i];
        if (change->agent == agent_id && change->skill <= b->plan->skill_count)
            level[change->skill] = level_of(change->level);
    }
}

static int group_agents(struct building *b) {
    struct acd_plan *plan = b->plan;
    struct alike *known = NULL;
    int rc = 0;
    for (uint32_t i = 0; i < b->conf->agent_count; i++) {
        struct alike *found, *mine = &b->alike[plan->group_count];
        uint8_t *key = b->keys + plan->group_count * b->key_bytes;
        plan->group_of[i] = UINT32_MAX;
        if (b->conf->agent[i].removed)
            continue;
        describe(b, i + 1, key);
        HASH_FIND(hh, known, key, b->key_bytes, found);
        if (found) {
            plan->group_of[i] = found->id - 1;
            continue;
        }
        mine->id = plan->group_count + 1;
        HASH_ADD_KEYPTR(hh, known, key, b->key_bytes, mine);
        if (!mine->id) {
            rc = -ENOMEM;
            break;
        }
        plan->group_of[i] = plan->group_count++;
    }
    HASH_CLEAR(hh, known);
    return rc;
}

/* ---- what queues want ---- */

static bool met(const struct acd_plan *plan, const struct conf_queue *queue, uint32_t step,
                const uint8_t *level) {
    if (step)
        return conf_require_met(&queue->step[step - 1].require, level, plan->skill_count);
    for (uint32_t i = 0; i < queue->skill_count; i++) {
        uint32_t skill = queue->skill[i].skill, least = queue->skill[i].level;
        uint8_t has = skill <= plan->skill_count ? level[skill] : 0;
        if (!has || has < least)
            return false;
    }
    return conf_require_met(&queue->require, level, plan->skill_count);
}

static void name_skills(struct acd_plan *plan, const struct conf *conf) {
    uint32_t words = acd_words(plan->skill_count + 1);
    for (uint32_t q = 0; q < conf->queue_count; q++) {
        const struct conf_queue *queue = &conf->queue[q];
        uint64_t *named = plan->named + (size_t)q * words;
        for (uint32_t i = 0; i < queue->skill_count; i++)
            if (queue->skill[i].skill <= plan->skill_count)
                acd_bit_set(named, queue->skill[i].skill);
        for (uint32_t i = 0; i < queue->require.count; i++)
            if (queue->require.test[i].kind == CONF_TEST_LEVEL &&
                queue->require.test[i].skill <= plan->skill_count)
                acd_bit_set(named, queue->require.test[i].skill);
    }
}

static void find_rare(struct acd_plan *plan, const struct conf *conf) {
    uint32_t percent = conf->rare_skill_percent ? conf->rare_skill_percent : 20, agents = 0;
    for (uint32_t i = 0; i < conf->agent_count; i++)
        agents += plan->group_of[i] != UINT32_MAX;
    for (uint32_t skill = 1; skill <= plan->skill_count; skill++) {
        uint64_t holders = 0;
        for (uint32_t i = 0; i < conf->agent_count; i++)
            holders += plan->group_of[i] != UINT32_MAX && plan->group[plan->group_of[i]].level[skill];
        if (holders * 100 < (uint64_t)percent * agents)
            acd_bit_set(plan->rare, skill);
    }
}

/* ---- tables ---- */

static bool removed(const struct conf *conf, uint32_t queue) {
    return queue >= conf->queue_count || conf->queue[queue].removed;
}

static void find_tiers(const struct building *b) {
    for (uint32_t q = 0; q < b->plan->queue_count; q++) {
        b->plan->queue_tiers[q] = 1;
        for (uint32_t g = 0; g < b->plan->group_count; g++)
            if (b->keys[g * b->key_bytes + q] > b->plan->queue_tiers[q])
                b->plan->queue_tiers[q] = b->keys[g * b->key_bytes + q];
    }
}

/* Where each order of able agents is asked for. */
static uint32_t orders_of(const struct conf *conf) {
    static const uint8_t order[CONF_STRATEGIES] = {
        [CONF_FEWEST_CALLS] = ACD_BY_CALLS, [CONF_LEAST_TALK] = ACD_BY_TALK,
        [CONF_ROUND_ROBIN] = ACD_BY_NUMBER, [CONF_LINEAR] = ACD_BY_NUMBER,
        [CONF_RANDOM] = ACD_BY_NUMBER,      [CONF_WEIGHTED] = ACD_BY_NUMBER};
    uint32_t orders = 1u << ACD_BY_IDLE;
    for (uint32_t q = 0; q < conf->queue_count; q++)
        if (!conf->queue[q].removed)
            orders |= 1u << order[conf->queue[q].strategy];
    return orders;
}

/* May the groups serve the lines? A row for each tier of the queue. */
static void admit(struct acd_plan *plan, const struct conf *conf, uint32_t line, uint32_t step, uint32_t q) {
    const struct conf_queue *queue = &conf->queue[q];
    uint32_t tiers = plan->queue_tiers[q];
    for (uint32_t g = 0; g < plan->group_count; g++) {
        struct acd_group *group = &plan->group[g];
        uint32_t tier = group->tier[q];
        if (!tier || !met(plan, queue, step, group->level))
            continue;
        acd_bit_set(group->lines, line);
        for (; tier <= tiers; tier++)
            acd_bit_set(plan->line[line].admits + (size_t)(tier - 1) * plan->group_words, g);
    }
}

static void make_tables(struct acd_plan *plan, const struct conf *conf, uint64_t *bits,
                        uint64_t *queue_bits) {
    size_t gw = plan->group_words;
    for (uint32_t g = 0; g < plan->group_count; g++, bits += plan->line_words)
        plan->group[g].lines = bits;
    for (uint32_t q = 0, line = 0; q < plan->queue_count; q++) {
        uint64_t *staff = queue_bits + q * 2 * gw, *serve = staff + gw;
        uint32_t steps = removed(conf, q) ? 0 : conf->queue[q].step_count;
        plan->first_line[q] = line;
        for (uint32_t step = 0; step <= steps; step++, line++) {
            plan->line[line] = (struct acd_line){.index = line, .step = step, .admits = bits};
            if (!removed(conf, q))
                admit(plan, conf, line, step, q);
            for (uint32_t w = 0; w < gw; w++)
                staff[w] |= bits[(plan->queue_tiers[q] - 1) * gw + w];
            bits += plan->queue_tiers[q] * gw;
        }
        for (uint32_t g = 0; g < plan->group_count; g++)
            if (plan->group[g].tier[q])
                acd_bit_set(serve, g);
    }
}

static size_t count_lines(struct acd_plan *plan, const struct conf *conf) {
    size_t rows = 0;
    for (uint32_t q = 0; q < plan->queue_count; q++) {
        uint32_t lines = 1 + (removed(conf, q) ? 0 : conf->queue[q].step_count);
        plan->line_count += lines;
        rows += (size_t)lines * plan->queue_tiers[q];
    }
    plan->line_words = acd_words(plan->line_count);
    return rows;
}

static int make_groups(struct building *b) {
    struct acd_plan *plan = b->plan;
    plan->group_words = acd_words(plan->group_count);
    plan->group = acd_alloc((plan->group_count + 1) * sizeof *plan->group);
    plan->bytes = acd_alloc(plan->group_count * b->key_bytes + 1);
    if (!plan->group || !plan->bytes)
        return -ENOMEM;
    memcpy(plan->bytes, b->keys, plan->group_count * b->key_bytes);
    for (uint32_t g = 0; g < plan->group_count; g++) {
        plan->group[g].index = g;
        plan->group[g].tier = plan->bytes + g * b->key_bytes;
        plan->group[g].level = plan->group[g].tier + plan->queue_count;
    }
    return 0;
}

static int make_bits(struct acd_plan *plan, const struct conf *conf) {
    size_t rows = count_lines(plan, conf), gw = plan->group_words, lw = plan->line_words,
           qw = plan->queue_words, sw = acd_words(plan->skill_count + 1);
    plan->line = acd_alloc((plan->line_count + 1) * sizeof *plan->line);
    plan->queue_bits = acd_alloc((plan->queue_count * 2 * gw + 1) * sizeof *plan->queue_bits);
    plan->bits = acd_alloc(
        (3 * gw + 2 * lw + 3 * qw + sw * (1 + plan->queue_count) + plan->group_count * lw + rows * gw + 1) *
        sizeof *plan->bits);
    if (!plan->line || !plan->queue_bits || !plan->bits)
        return -ENOMEM;
    plan->able_groups = plan->bits;
    plan->in_groups = plan->able_groups + gw;
    plan->ready_groups = plan->in_groups + gw;
    plan->busy_lines = plan->ready_groups + gw;
    plan->dirty_lines = plan->busy_lines + lw;
    plan->door_queues = plan->dirty_lines + lw;
    plan->load_queues = plan->door_queues + qw;
    plan->mark_queues = plan->load_queues + qw;
    plan->rare = plan->mark_queues + qw;
    plan->named = plan->rare + sw;
    make_tables(plan, conf, plan->named + sw * plan->queue_count, plan->queue_bits);
    for (uint32_t q = 0; q < conf->queue_count; q++)
        acd_bit_put(plan->mark_queues, q, !conf->queue[q].removed && conf->queue[q].reserve_count);
    return 0;
}

/* Sum of the levels in the skills the queue names. */
static int64_t levels_in(const struct acd_plan *plan, const uint64_t *named, const struct acd_group *group) {
    int64_t sum = 0;
    for (uint32_t w = 0; w < acd_words(plan->skill_count + 1); w++)
        for (uint64_t bits = named[w]; bits; bits &= bits - 1)
            sum += group->level[w * 64 + (uint32_t)__builtin_ctzll(bits)];
    return sum;
}

/* has: bits of the group's skills. */
static int32_t fit_of(const struct acd_plan *plan, const struct conf_queue *queue, const uint64_t *named,
                      const struct acd_group *group, const uint64_t *has) {
    int64_t levels = levels_in(plan, named, group), count = 0, unused = 0;
    if (queue->strategy == CONF_SKILL_THEN_IDLE)
        return (int32_t)levels;
    for (uint32_t w = 0; w < acd_words(plan->skill_count + 1); w++) {
        count += __builtin_popcountll(named[w]);
        unused += __builtin_popcountll(has[w] & plan->rare[w] & ~named[w]);
    }
    int64_t fit = count ? (int64_t)queue->score.skill * levels * 1000 / (10 * count) : 0;
    return (int32_t)(fit - (int64_t)queue->score.waste * 1000 * unused);
}

static int make_fit_row(struct acd_plan *plan, const struct conf *conf, uint32_t q, const uint64_t *has) {
    uint32_t words = acd_words(plan->skill_count + 1);
    plan->fit[q] = acd_alloc((plan->group_count + 1) * sizeof **plan->fit);
    if (!plan->fit[q])
        return -ENOMEM;
    for (uint32_t g = 0; g < plan->group_count; g++)
        plan->fit[q][g] = fit_of(plan, &conf->queue[q], plan->named + (size_t)q * words, &plan->group[g],
                                 has + (size_t)g * words);
    return 0;
}

/* What skills are worth is the same for all of a group: reckoned once. */
static int make_fit(struct acd_plan *plan, const struct conf *conf) {
    uint32_t words = acd_words(plan->skill_count + 1);
    uint64_t *has = acd_alloc(((size_t)plan->group_count * words + 1) * sizeof *has);
    int rc = has ? 0 : -ENOMEM;
    for (uint32_t g = 0; g < plan->group_count && !rc; g++)
        for (uint32_t skill = 1; skill <= plan->skill_count; skill++)
            if (plan->group[g].level[skill])
                acd_bit_set(has + (size_t)g * words, skill);
    for (uint32_t q = 0; q < conf->queue_count && !rc; q++) {
        enum conf_strategy strategy = conf->queue[q].strategy;
        if (!conf->queue[q].removed && (strategy == CONF_SKILL_THEN_IDLE || strategy == CONF_SCORED))
            rc = make_fit_row(plan, conf, q, has);
    }
    free(has);
    return rc;
}

/* Which queues each group may take calls of, and room for acd_staff.c. */
static int make_shares(struct acd_plan *plan) {
    size_t count = 0, queues = plan->queue_count;
    for (uint32_t g = 0; g < plan->group_count; g++)
        for (uint32_t q = 0; q < queues; q++)
            plan->group[g].queue_count += acd_bit(plan->queue_bits + q * 2 * plan->group_words, g);
    for (uint32_t g = 0; g < plan->group_count; g++)
        count += plan->group[g].queue_count;
    plan->queue_lists = acd_alloc((2 * count + 1) * sizeof *plan->queue_lists);
    plan->fit = acd_alloc((queues + 1) * sizeof *plan->fit);
    plan->able_count = acd_alloc((plan->group_count + 1) * sizeof *plan->able_count);
    plan->able_share = acd_alloc((plan->group_count + 1) * sizeof *plan->able_share);
    plan->heads = acd_alloc((ACD_AGENT_ORDERS * (size_t)plan->group_count + 1) * sizeof *plan->heads);
    plan->overlaps = acd_alloc((queues * queues + 1) * sizeof *plan->overlaps);
    plan->share_group = acd_alloc((plan->group_count + 1) * sizeof *plan->share_group);
    plan->demand = acd_alloc((queues + 1) * sizeof *plan->demand);
    if (!plan->queue_lists || !plan->overlaps || !plan->share_group || !plan->demand || !plan->fit ||
        !plan->able_count || !plan->able_share || !plan->heads)
        return -ENOMEM;
    uint32_t *at = plan->queue_lists;
    plan->share_list = at + count;
    for (uint32_t g = 0; g < plan->group_count; g++) {
        plan->group[g].queue = at;
        for (uint32_t q = 0; q < queues; q++)
            if (acd_bit(plan->queue_bits + q * 2 * plan->group_words, g))
                *at++ = q;
    }
    return 0;
}

int acd_plan_make(struct acd_plan *plan, const struct acd *acd, const struct conf *conf, uint32_t queues) {
    uint32_t agents = conf->agent_count;
    struct building b = {.plan = plan,
                         .acd = acd,
                         .conf = conf,
                         .key_bytes = queues + conf->skill_count + 1,
                         .alike = acd_alloc((agents + 1) * sizeof *b.alike)};
    int rc = -ENOMEM;
    *plan = (struct acd_plan){.queue_count = queues,
                              .queue_words = acd_words(queues),
                              .skill_count = conf->skill_count,
                              .agent_count = agents,
                              .orders = orders_of(conf)};
    b.keys = acd_alloc((agents + 1) * b.key_bytes);
    plan->group_of = acd_alloc((agents + 1) * sizeof *plan->group_of);
    plan->queue_tiers = acd_alloc((queues + 1) * sizeof *plan->queue_tiers);
    plan->first_line = acd_alloc((queues + 1) * sizeof *plan->first_line);
    if (!b.alike || !b.keys || !plan->group_of || !plan->queue_tiers || !plan->first_line)
        goto out;
    rc = group_agents(&b);
    if (!rc) {
        find_tiers(&b);
        rc = make_groups(&b);
    }
    if (!rc)
        rc = make_bits(plan, conf);
    if (!rc)
        rc = make_shares(plan);
    if (rc)
        goto out;
    name_skills(plan, conf);
    find_rare(plan, conf);
    rc = make_fit(plan, conf);
out:
    free(b.alike);
    free(b.keys);
    if (rc)
        acd_plan_free(plan);
    return rc;
}

void acd_plan_free(struct acd_plan *plan) {
    free(plan->group);
    free(plan->line);
    free(plan->group_of);
    free(plan->queue_tiers);
    free(plan->first_line);
    free(plan->bits);
    free(plan->queue_bits);
    free(plan->bytes);
    free(plan->queue_lists);
    for (uint32_t q = 0; plan->fit && q < plan->queue_count; q++)
        free(plan->fit[q]);
    free(plan->fit);
    free(plan->able_count);
    free(plan->able_share);
    free(plan->heads);
    free(plan->overlaps);
    free(plan->share_group);
    free(plan->demand);
    *plan = (struct acd_plan){0};
}

/* ---- skills changed by a supervisor: on top of the configuration until taken back ---- */

static bool same(const struct acd_skill_change *change, const struct acd_event *event) {
    return change->agent == event->agent && change->skill == event->skill;
}

int acd_skill_change(struct acd *acd, const struct acd_event *event) {
    const struct acd_agent *agent = acd_agent(acd, event->agent);
    uint32_t at = 0, count = acd->change_count;
    if (!agent || agent->removed || !event->skill || event->skill > acd->conf->skill_count ||
        (event->level > 10 && event->level != NEVER32))
        return -EINVAL;
    while (at < count && !same(&acd->change[at], event))
        at++;
    struct acd_skill_change old = at < count ? acd->change[at] : (struct acd_skill_change){0};
    if (event->level == NEVER32 && at == count)
        return 0;
    if (event->level == NEVER32) {
        acd->change[at] = acd->change[--acd->change_count];
    } else {
        if (at == count) {
            struct acd_skill_change *list = acd_grow(acd->change, (count + 1) * sizeof *list);
            if (!list)
                return -ENOMEM;
            acd->change = list;
            acd->change_count++;
        }
        acd->change[at] = (struct acd_skill_change){event->agent, event->skill, event->level};
    }
    int rc = acd_replan(acd, acd->conf);
    if (!rc)
        return 0;
    /* as before */
    if (event->level == NEVER32)
        acd->change[acd->change_count++] = acd->change[at];
    if (old.agent)
        acd->change[at] = old;
    else
        acd->change_count--;
    return rc;
}
