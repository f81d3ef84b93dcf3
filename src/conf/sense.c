/* SPDX-License-Identifier: Apache-2.0
 * What is legal in a queue, but surely not meant: warnings. They go by the configuration; a supervisor may
 * give an agent a skill later. */
#include "conf/reader.h"

#include <stdlib.h>
#include <string.h>

#define WARN(reader, setting, option, ...)                                                                   \
    do {                                                                                                     \
        size_t back_ = conf_path_push(reader, ".", option);                                                  \
        conf_warning(reader, conf_member(setting, option), __VA_ARGS__);                                     \
        conf_path_pop(reader, back_);                                                                        \
    } while (0)

/* ---- options that do nothing here ---- */

static bool is_default_score(const struct conf_score *s) {
    return s->skill == 100 && s->preferred == 100 && s->idle == 50 && s->waste == 20 &&
           s->idle_cap_ms == 600000;
}

static void check_unused(struct reader *reader, const config_setting_t *setting, const struct conf_queue *q) {
    bool ageing = reader->conf->order == CONF_ORDER_AGEING,
         several = q->strategy == CONF_RING_ALL || q->strategy == CONF_RING_PROGRESSIVELY;
    const struct {
        const char *option, *unless;
        bool unused;
    } options[] = {
        {"ageing", "distributor.order is \"ageing\"", q->ageing && !ageing},
        {"priority_max", "distributor.order is \"ageing\"", q->priority_max && !ageing},
        {"ring_max", "the strategy is ring_all or ring_progressively", q->ring_max && !several},
        {"ring_step_ms", "the strategy is ring_progressively",
         q->ring_step_ms != 5000 && q->strategy != CONF_RING_PROGRESSIVELY},
        {"score", "the strategy is scored", !is_default_score(&q->score) && q->strategy != CONF_SCORED},
        {"empty_grace_ms", "need_agents is true", q->empty_grace_ms != 10000 && !q->need_agents},
    };
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (options[i].unused && config_setting_get_member(setting, options[i].option))
            WARN(reader, setting, options[i].option, "has no effect unless %s", options[i].unless);
}

/* ---- options that contradict each other ---- */

static void check_steps(struct reader *reader, const config_setting_t *setting, const struct conf_queue *q) {
    uint32_t tier = 1;
    for (uint32_t i = 0; i < q->step_count; i++) {
        const struct conf_step *step = &q->step[i];
        if (q->max_wait_ms && step->after_ms >= q->max_wait_ms)
            WARN(reader, setting, "steps", "step %u never begins: max_wait_ms is %u", i + 1, q->max_wait_ms);
        if (step->tier < tier)
            WARN(reader, setting, "steps", "step %u has tier %u and so shuts out tier %u of the step before",
                 i + 1, step->tier, tier);
        tier = step->tier;
    }
}

static void check_values(struct reader *reader, const config_setting_t *setting, const struct conf_queue *q) {
    if (q->wrapup_max_ms && q->wrapup_ms > q->wrapup_max_ms)
        WARN(reader, setting, "wrapup_ms", "%u is cut to wrapup_max_ms, %u", q->wrapup_ms, q->wrapup_max_ms);
    if (q->priority_max && q->priority_max < q->priority)
        WARN(reader, setting, "priority_max", "%u is below priority, %u", q->priority_max, q->priority);
    for (uint32_t i = 0; i < q->reserve_count; i++)
        if (q->reserve[i].slack_ms >= q->service_level_ms)
            WARN(reader, setting, "reserve",
                 "slack_ms of %u is all of service_level_ms: any caller calls them", q->reserve[i].slack_ms);
    if (q->preferred != CONF_PREFERRED_NONE && !*reader->conf->database)
        WARN(reader, setting, "preferred", "has no effect without store.database, which knows who that is");
}

/* Closed queues that send callers round in a ring. */
static void check_overflow(struct reader *reader, const config_setting_t *setting,
                           const struct conf_queue *q) {
    const struct conf_queue *at = q;
    for (uint32_t n = 0; n < reader->conf->queue_count; n++) {
        if (!at->closed || at->overflow.kind != CONF_TARGET_QUEUE)
            return;
        at = &reader->conf->queue[at->overflow.id - 1];
        if (at == q) {
            WARN(reader, setting, "overflow", "leads back here through closed queues only");
            return;
        }
    }
}

/* ---- calls that no agent may take ---- */

/* Who serves a queue: bit k of `met` says that somebody may take a call at step k. */
struct service {
    uint32_t met, tiers, agents;
};

static uint32_t open_tier(const struct conf_queue *q, uint32_t step) {
    uint32_t tier = step ? q->step[step - 1].tier : 1;
    for (uint32_t i = 0; i < q->reserve_count; i++)
        if (q->reserve[i].tier > tier)
            tier = q->reserve[i].tier;
    return tier;
}

static bool is_met(const struct conf_queue *q, uint32_t step, const uint8_t *level, uint32_t skill_count) {
    if (step)
        return conf_require_met(&q->step[step - 1].require, level, skill_count);
    for (uint32_t i = 0; i < q->skill_count; i++)
        if (level[q->skill[i].skill] < q->skill[i].level)
            return false;
    return conf_require_met(&q->require, level, skill_count);
}

/* The agents of a range are alike in this. */
static bool is_alike(const struct conf_agent *a, const struct conf_agent *b) {
    return a->skill_count == b->skill_count && a->queue_count == b->queue_count && !a->tier == !b->tier &&
           (!a->skill_count || !memcmp(a->skill, b->skill, a->skill_count * sizeof *a->skill)) &&
           (!a->queue_count || !memcmp(a->queue, b->queue, a->queue_count * sizeof *a->queue)) &&
           (!a->tier || !memcmp(a->tier, b->tier, a->queue_count));
}

static void add_agent(const struct conf *conf, const struct conf_agent *agent, struct service *service) {
    uint8_t level[CONF_MAX_SKILLS + 1] = {0};
    for (uint32_t i = 0; i < agent->skill_count; i++)
        level[agent->skill[i].skill] = (uint8_t)agent->skill[i].level;
    for (uint32_t i = 0; i < agent->queue_count; i++) {
        const struct conf_queue *q = &conf->queue[agent->queue[i] - 1];
        struct service *s = &service[agent->queue[i] - 1];
        uint32_t tier = agent->tier ? agent->tier[i] : 1;
        s->tiers |= 1u << tier;
        for (uint32_t step = 0; step <= q->step_count; step++)
            if (!(s->met & 1u << step) && tier <= open_tier(q, step) &&
                is_met(q, step, level, conf->skill_count))
                s->met |= 1u << step;
    }
}

static void check_service(struct reader *reader, const config_setting_t *setting, const struct conf_queue *q,
                          const struct service *s) {
    if (!s->agents)
        return; /* not in use, or its agents are still to come */
    if (!(s->met & 1))
        WARN(reader, setting, q->require.count ? "require" : "skills",
             "none of its agents (%u) may take a call at first", s->agents);
    for (uint32_t step = 1; step <= q->step_count; step++)
        if (!(s->met & 1u << step))
            WARN(reader, setting, "steps", "step %u: none of its agents (%u) may take a call then", step,
                 s->agents);
    for (uint32_t i = 0; i < q->reserve_count; i++)
        if (!(s->tiers >> 2 & ((1u << (q->reserve[i].tier - 1)) - 1)))
            WARN(reader, setting, "reserve",
                 "nobody can come in: no agent serves the queue at a tier up to %u (\"%s:%u\")",
                 q->reserve[i].tier, q->name, q->reserve[i].tier);
}

void conf_check_sense(struct reader *reader, const config_setting_t *root) {
    const struct conf *conf = reader->conf;
    config_setting_t *list = config_setting_get_member(root, "queues");
    const char *name = NULL;
    struct service *service = calloc((size_t)conf->queue_count + 1, sizeof *service);
    if (!service) {
        reader->no_memory = true;
        return;
    }
    for (uint32_t i = 0; i < conf->agent_count; i++) {
        const struct conf_agent *agent = &conf->agent[i];
        if (agent->removed)
            continue;
        for (uint32_t q = 0; q < agent->queue_count; q++)
            service[agent->queue[q] - 1].agents++;
        if (!i || conf->agent[i - 1].removed || !is_alike(agent, agent - 1))
            add_agent(conf, agent, service);
    }
    size_t start = conf_path_push(reader, ".", "queues");
    for (int i = 0; list && i < config_setting_length(list); i++) {
        config_setting_t *setting = config_setting_get_elem(list, (unsigned)i);
        config_setting_lookup_string(setting, "name", &name);
        uint32_t number = conf_find_queue(conf, name);
        const struct conf_queue *q = &conf->queue[number - 1];
        size_t back = conf_path_push(reader, "[", name);
        conf_path_push(reader, "", "]");
        check_unused(reader, setting, q);
        check_values(reader, setting, q);
        check_steps(reader, setting, q);
        check_overflow(reader, setting, q);
        check_service(reader, setting, q, &service[number - 1]);
        conf_path_pop(reader, back);
    }
    conf_path_pop(reader, start);
    free(service);
}
