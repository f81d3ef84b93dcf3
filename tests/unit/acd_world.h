/* SPDX-License-Identifier: Apache-2.0
 *
 * acd_world: configurations for tests of the distributor, made by hand instead of from a file; and events
 * read from the text that acd_event_text() writes.
 */
#ifndef ACD_WORLD_H
#define ACD_WORLD_H

#include "callfloor/acd.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- configurations: an agent's and a queue's lists are allocated, names are not needed ---- */

static inline void world_list(uint32_t **list, uint32_t *count, uint32_t value) {
    *list = realloc(*list, (*count + 1) * sizeof **list);
    (*list)[(*count)++] = value;
}
static inline void world_skill(struct conf_skill_level **list, uint32_t *count, uint32_t skill,
                               uint32_t level) {
    *list = realloc(*list, (*count + 1) * sizeof **list);
    (*list)[(*count)++] = (struct conf_skill_level){skill, level};
}

static inline struct conf *world_conf(uint32_t agents, uint32_t queues, uint32_t skills) {
    static char *reasons[] = {(char *)"lunch", (char *)"training"};
    struct conf *conf = calloc(1, sizeof *conf);
    conf->pause_reason = reasons;
    conf->pause_reason_count = 2;
    conf->max_calls = 1000000;
    conf->skill_count = skills;
    conf->agent = calloc(agents + 1, sizeof *conf->agent);
    conf->agent_count = agents;
    conf->queue = calloc(queues + 1, sizeof *conf->queue);
    conf->queue_count = queues;
    for (uint32_t i = 0; i < agents; i++)
        conf->agent[i].wrapup_max_ms = NEVER32;
    for (uint32_t i = 0; i < queues; i++)
        conf->queue[i].ring_ms = 15000;
    return conf;
}

static inline struct conf *world_copy(const struct conf *old) {
    struct conf *conf = world_conf(old->agent_count, old->queue_count, old->skill_count);
    conf->max_calls = old->max_calls;
    for (uint32_t i = 0; i < old->agent_count; i++) {
        struct conf_agent *agent = &conf->agent[i];
        *agent = old->agent[i];
        agent->queue = NULL;
        agent->skill = NULL;
        agent->queue_count = agent->skill_count = 0;
        for (uint32_t k = 0; k < old->agent[i].queue_count; k++)
            world_list(&agent->queue, &agent->queue_count, old->agent[i].queue[k]);
        for (uint32_t k = 0; k < old->agent[i].skill_count; k++)
            world_skill(&agent->skill, &agent->skill_count, old->agent[i].skill[k].skill,
                        old->agent[i].skill[k].level);
    }
    for (uint32_t i = 0; i < old->queue_count; i++) {
        struct conf_queue *queue = &conf->queue[i];
        *queue = old->queue[i];
        queue->skill = NULL;
        queue->skill_count = 0;
        for (uint32_t k = 0; k < old->queue[i].skill_count; k++)
            world_skill(&queue->skill, &queue->skill_count, old->queue[i].skill[k].skill,
                        old->queue[i].skill[k].level);
    }
    return conf;
}

static inline void world_free(struct conf *conf) {
    if (!conf)
        return;
    for (uint32_t i = 0; i < conf->agent_count; i++) {
        free(conf->agent[i].queue);
        free(conf->agent[i].skill);
    }
    for (uint32_t i = 0; i < conf->queue_count; i++)
        free(conf->queue[i].skill);
    free(conf->agent);
    free(conf->queue);
    free(conf);
}

/* ---- text to configuration: "queue 1 ring=15000 skill=2:3", "agent 1 queues=1,2 skill=1:5 auto" ---- */

static inline void world_grow(struct conf *conf, uint32_t agents, uint32_t queues) {
    while (conf->agent_count < agents) {
        conf->agent = realloc(conf->agent, (conf->agent_count + 1) * sizeof *conf->agent);
        conf->agent[conf->agent_count++] = (struct conf_agent){.wrapup_max_ms = NEVER32};
    }
    while (conf->queue_count < queues) {
        conf->queue = realloc(conf->queue, (conf->queue_count + 1) * sizeof *conf->queue);
        conf->queue[conf->queue_count++] = (struct conf_queue){.ring_ms = 15000};
    }
}

static inline int world_skill_option(struct conf *conf, struct conf_skill_level **list, uint32_t *count,
                                     const char *value) {
    uint32_t skill, level;
    if (sscanf(value, "%" SCNu32 ":%" SCNu32, &skill, &level) != 2)
        return -EINVAL;
    if (skill > conf->skill_count)
        conf->skill_count = skill;
    world_skill(list, count, skill, level);
    return 0;
}

static inline int world_agent_option(struct conf *conf, struct conf_agent *agent, char *word) {
    char *value = strchr(word, '=');
    if (!value) {
        if (!strcmp(word, "removed"))
            agent->removed = true;
        else if (!strcmp(word, "back"))
            agent->removed = false;
        else if (!strcmp(word, "auto"))
            agent->auto_login = true;
        else
            return -EINVAL;
        return 0;
    }
    *value++ = 0;
    if (!strcmp(word, "queues")) {
        agent->queue_count = 0;
        for (char *rest = NULL, *item = strtok_r(value, ",", &rest); item; item = strtok_r(NULL, ",", &rest))
            world_list(&agent->queue, &agent->queue_count, (uint32_t)atoi(item));
    } else if (!strcmp(word, "skill")) {
        return world_skill_option(conf, &agent->skill, &agent->skill_count, value);
    } else if (!strcmp(word, "cap")) {
        agent->wrapup_max_ms = (uint32_t)atoi(value);
    } else {
        return -EINVAL;
    }
    return 0;
}

static inline int world_queue_option(struct conf *conf, struct conf_queue *queue, char *word) {
    const struct {
        const char *name;
        uint32_t *value;
    } numbers[] = {
        {"ring", &queue->ring_ms},
        {"wrapup", &queue->wrapup_ms},
        {"priority", &queue->priority},
        {"max_wait", &queue->max_wait_ms},
        {"max_waiting", &queue->max_waiting},
        {"missed", &queue->missed_limit},
        {"busy_delay", &queue->busy_delay_ms},
        {"reject_delay", &queue->reject_delay_ms},
        {"no_answer_delay", &queue->no_answer_delay_ms},
    };
    char *value = strchr(word, '=');
    if (!value) {
        if (!strcmp(word, "removed"))
            queue->removed = true;
        else if (!strcmp(word, "need_agents"))
            queue->need_agents = true;
        else if (!strcmp(word, "skill_then_idle"))
            queue->strategy = CONF_SKILL_THEN_IDLE;
        else
            return -EINVAL;
        return 0;
    }
    *value++ = 0;
    if (!strcmp(word, "skill"))
        return world_skill_option(conf, &queue->skill, &queue->skill_count, value);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (!strcmp(word, numbers[i].name)) {
            *numbers[i].value = (uint32_t)atoi(value);
            return 0;
        }
    return -EINVAL;
}

/* One line of configuration; the text is cut up. */
static inline int world_line(struct conf *conf, char *text) {
    char *rest = NULL, *what = strtok_r(text, " ", &rest), *number = strtok_r(NULL, " ", &rest), *word;
    uint32_t id = number ? (uint32_t)atoi(number) : 0;
    bool agent = what && !strcmp(what, "agent");
    int rc = 0;
    if (!id || (!agent && strcmp(what, "queue")))
        return -EINVAL;
    world_grow(conf, agent ? id : 0, agent ? 0 : id);
    while (!rc && (word = strtok_r(NULL, " ", &rest)))
        rc = agent ? world_agent_option(conf, &conf->agent[id - 1], word)
                   : world_queue_option(conf, &conf->queue[id - 1], word);
    return rc;
}

/* ---- text to event: the reverse of acd_event_text() ---- */

static inline int world_type(const char *name, enum acd_event_type *type) {
    for (int i = 0; i < ACD_EV_TYPES; i++) {
        char text[200], known[64];
        acd_event_text(&(struct acd_event){.type = (enum acd_event_type)i}, text, sizeof text);
        if (sscanf(text, "0 %63s", known) == 1 && !strcmp(known, name)) {
            *type = (enum acd_event_type)i;
            return 0;
        }
    }
    return -EINVAL;
}

static inline bool world_bare_word(struct acd_event *event, const char *word) {
    for (int i = 0; i < ACD_OFFER_RESULTS && event->type == ACD_EV_OFFER_FAILED; i++)
        if (!strcmp(word, acd_offer_result_name((enum acd_offer_result)i)))
            return event->offer_result = (enum acd_offer_result)i, true;
    for (int i = 0; i < ACD_VISIT_RESULTS && event->type == ACD_EV_CALL_LEAVE; i++)
        if (!strcmp(word, acd_visit_result_name((enum acd_visit_result)i)))
            return event->visit_result = (enum acd_visit_result)i, true;
    for (int i = 0; i < ACD_PRESENCES && event->type == ACD_EV_RESTORE; i++)
        if (!strcmp(word, acd_presence_name((enum acd_presence)i)))
            return event->presence = (enum acd_presence)i, true;
    if (event->type == ACD_EV_LOGIN && !strcmp(word, "ready"))
        return event->ready = true;
    return false;
}

static inline int world_event_word(struct acd_event *event, const char *word) {
    const char *value = strchr(word, '=');
    size_t length = value ? (size_t)(value - word) : 0;
    if (!value)
        return world_bare_word(event, word) ? 0 : -EINVAL;
    long long number = atoll(value + 1);
#define FIELD(name, field, type)                                                                             \
    if (length == strlen(name) && !strncmp(word, name, length))                                              \
    return event->field = (type)number, 0
    FIELD("call", call, uint64_t);
    FIELD("queue", queue, uint32_t);
    FIELD("agent", agent, uint32_t);
    FIELD("offer", offer, uint32_t);
    FIELD("priority", priority, int32_t);
    FIELD("since", since_ms, uint64_t);
    FIELD("reason", reason, uint32_t);
    FIELD("ms", ms, uint32_t);
#undef FIELD
    return -EINVAL;
}

static inline int world_event(struct acd_event *event, const char *line) {
    char text[200], *rest = NULL, *word;
    *event = (struct acd_event){0};
    if (str_copy(text, sizeof text, line) || !(word = strtok_r(text, " ", &rest)))
        return -EINVAL;
    event->now_ms = strtoull(word, NULL, 10);
    if (!(word = strtok_r(NULL, " ", &rest)) || world_type(word, &event->type))
        return -EINVAL;
    while ((word = strtok_r(NULL, " ", &rest)))
        if (world_event_word(event, word))
            return -EINVAL;
    return 0;
}

#endif
