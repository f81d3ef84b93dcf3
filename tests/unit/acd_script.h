/* SPDX-License-Identifier: Apache-2.0
 *
 * acd_script: configurations and events of the distributor from text, for scenarios.
 *
 *   general order=ageing pause_keeps_place=60000 rare=20 max_calls=50
 *   queue 1 ring=15000 strategy=linear skill=2:3 step=20000:1>=3,2,and:2
 * reserve=tier:2,waiting:4/1,hold:10000 agent 1 queues=1,2:3 skill=1:5 auto
 *
 * What an agent must have (require=, and the middle of step=AFTER:...:TIER) is written in postfix order,
 * parts between commas: `3` (has skill 3), `3>=2`, `3>2`, `3=2`, `3<2`, `3<=2`, `and`, `or`, `not`; nothing =
 * everybody. Lists grow with each word; `skill=none`, `step=none`, `reserve=none`, `require=none` empty them.
 */
#ifndef ACD_SCRIPT_H
#define ACD_SCRIPT_H

#include "acd_world.h"

/* ---- requirements ---- */

static inline void script_seen(struct conf *conf, uint32_t skill) {
    if (skill > conf->skill_count)
        conf->skill_count = skill;
}

static inline int script_test(struct conf *conf, struct conf_require *require, const char *text) {
    struct conf_test test = {.kind = CONF_TEST_LEVEL, .least = 1, .most = 10};
    unsigned skill = 0, level = 0;
    int used = 0;
    if (!strcmp(text, "and")) {
        test.kind = CONF_TEST_AND;
    } else if (!strcmp(text, "or")) {
        test.kind = CONF_TEST_OR;
    } else if (!strcmp(text, "not")) {
        test.kind = CONF_TEST_NOT;
    } else {
        char sign[3] = "";
        int parts = sscanf(text, "%u%n%2[<>=]%u", &skill, &used, sign, &level);
        if (parts != 3 && (parts != 1 || text[used]))
            return -EINVAL;
        if (*sign == '>')
            test.least = (uint8_t)(level + !sign[1]);
        else if (*sign == '<')
            test.most = (uint8_t)(level - !sign[1]);
        else if (*sign)
            test.least = test.most = (uint8_t)level;
    }
    test.skill = skill;
    script_seen(conf, skill);
    world_test(require, test);
    return 0;
}

static inline int script_require(struct conf *conf, struct conf_require *require, char *text) {
    int rc = 0;
    for (char *rest = NULL, *item = strtok_r(text, ",", &rest); item && !rc;
         item = strtok_r(NULL, ",", &rest))
        rc = script_test(conf, require, item);
    return rc;
}

static inline int script_skill(struct conf *conf, struct conf_skill_level **list, uint32_t *count,
                               const char *value) {
    uint32_t skill, level;
    if (!strcmp(value, "none"))
        return *count = 0, 0;
    if (sscanf(value, "%" SCNu32 ":%" SCNu32, &skill, &level) != 2)
        return -EINVAL;
    script_seen(conf, skill);
    world_skill(list, count, skill, level);
    return 0;
}

/* ---- agents ---- */

static inline int script_queues(struct conf_agent *agent, char *value) {
    agent->queue_count = 0;
    for (char *rest = NULL, *item = strtok_r(value, ",", &rest); item; item = strtok_r(NULL, ",", &rest)) {
        unsigned queue, tier = 1;
        if (sscanf(item, "%u:%u", &queue, &tier) < 1)
            return -EINVAL;
        world_serve(agent, queue, tier);
    }
    return 0;
}

static inline int script_agent(struct conf *conf, struct conf_agent *agent, char *word) {
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
    if (!strcmp(word, "queues"))
        return script_queues(agent, value);
    if (!strcmp(word, "skill"))
        return script_skill(conf, &agent->skill, &agent->skill_count, value);
    if (!strcmp(word, "cap"))
        agent->wrapup_max_ms = (uint32_t)strtoul(value, NULL, 10);
    else if (!strcmp(word, "wrapup"))
        agent->own_wrapup_ms = (uint32_t)atoi(value);
    else if (!strcmp(word, "weight"))
        agent->weight = (uint32_t)atoi(value);
    else
        return -EINVAL;
    return 0;
}

/* ---- queues ---- */

static const char *const script_strategies[CONF_STRATEGIES] = {
    [CONF_LONGEST_IDLE] = "longest_idle",
    [CONF_SKILL_THEN_IDLE] = "skill_then_idle",
    [CONF_FEWEST_CALLS] = "fewest_calls",
    [CONF_LEAST_TALK] = "least_talk",
    [CONF_ROUND_ROBIN] = "round_robin",
    [CONF_LINEAR] = "linear",
    [CONF_RANDOM] = "random",
    [CONF_WEIGHTED] = "weighted",
    [CONF_RING_ALL] = "ring_all",
    [CONF_RING_PROGRESSIVELY] = "ring_progressively",
    [CONF_SCORED] = "scored",
};
static const char *const script_orders[] = {
    [CONF_ORDER_PRIORITY] = "priority",
    [CONF_ORDER_AGE] = "age",
    [CONF_ORDER_SLACK] = "slack",
    [CONF_ORDER_AGEING] = "ageing",
};
static const char *const script_preferred[] = {
    [CONF_PREFERRED_NONE] = "none",
    [CONF_PREFERRED_LAST] = "last",
    [CONF_PREFERRED_OWNER] = "owner",
};

/* Its place in a list of names, or below 0. */
static inline int script_name(const char *const *names, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (!strcmp(names[i], name))
            return (int)i;
    return -EINVAL;
}

/* AFTER:REQUIREMENT:TIER; the tier may be left out. */
static inline int script_step(struct conf *conf, struct conf_queue *queue, char *value) {
    char *require = strchr(value, ':'), *tier;
    if (!strcmp(value, "none")) {
        for (uint32_t i = 0; i < queue->step_count; i++)
            free(queue->step[i].require.test);
        queue->step_count = 0;
        return 0;
    }
    if (!require)
        return -EINVAL;
    *require++ = 0;
    if ((tier = strchr(require, ':')))
        *tier++ = 0;
    struct conf_step *step = world_step(queue, (uint32_t)atoi(value), tier ? (uint32_t)atoi(tier) : 0);
    return script_require(conf, &step->require, require);
}

/* tier:2,waiting:IN/OUT,expected:IN/OUT,slack:MS,no_agents,hold:MS */
static inline int script_reserve(struct conf_queue *queue, char *value) {
    struct conf_reserve r = {.tier = 2};
    if (!strcmp(value, "none"))
        return queue->reserve_count = 0, 0;
    for (char *rest = NULL, *item = strtok_r(value, ",", &rest); item; item = strtok_r(NULL, ",", &rest)) {
        if (!strcmp(item, "no_agents"))
            r.no_agents = true;
        else if (sscanf(item, "tier:%" SCNu32, &r.tier) != 1 &&
                 sscanf(item, "hold:%" SCNu32, &r.hold_ms) != 1 &&
                 sscanf(item, "slack:%" SCNu32, &r.slack_ms) != 1 &&
                 sscanf(item, "waiting:%" SCNu32 "/%" SCNu32, &r.waiting, &r.waiting_back) != 2 &&
                 sscanf(item, "expected:%" SCNu32 "/%" SCNu32, &r.expected_wait_ms,
                        &r.expected_wait_back_ms) != 2)
            return -EINVAL;
    }
    world_reserve(queue, r);
    return 0;
}

static inline int script_queue_flag(struct conf_queue *queue, const char *word) {
    const struct {
        const char *name;
        bool *flag, value;
    } flags[] = {
        {"removed", &queue->removed, true},
        {"back", &queue->removed, false},
        {"need_agents", &queue->need_agents, true},
        {"need_none", &queue->need_agents, false},
        {"need_unpaused", &queue->need_unpaused, true},
        {"closed", &queue->closed, true},
        {"open", &queue->closed, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (!strcmp(word, flags[i].name)) {
            *flags[i].flag = flags[i].value;
            return 0;
        }
    int strategy = script_name(script_strategies, CONF_STRATEGIES, word);
    if (strategy >= 0)
        queue->strategy = (enum conf_strategy)strategy;
    return strategy < 0 ? strategy : 0;
}

static inline int script_queue_number(struct conf_queue *queue, const char *word, const char *value) {
    const struct {
        const char *name;
        uint32_t *value;
    } numbers[] = {
        {"ring", &queue->ring_ms},
        {"ring_max", &queue->ring_max},
        {"ring_step", &queue->ring_step_ms},
        {"wrapup", &queue->wrapup_ms},
        {"wrapup_max", &queue->wrapup_max_ms},
        {"extend", &queue->wrapup_extend_ms},
        {"extensions", &queue->wrapup_extensions},
        {"priority", &queue->priority},
        {"ageing", &queue->ageing},
        {"priority_max", &queue->priority_max},
        {"service_level", &queue->service_level_ms},
        {"max_wait", &queue->max_wait_ms},
        {"max_waiting", &queue->max_waiting},
        {"max_expected", &queue->max_expected_wait_ms},
        {"missed", &queue->missed_limit},
        {"busy_delay", &queue->busy_delay_ms},
        {"reject_delay", &queue->reject_delay_ms},
        {"no_answer_delay", &queue->no_answer_delay_ms},
        {"empty_grace", &queue->empty_grace_ms},
        {"resume", &queue->resume_ms},
        {"preferred_wait", &queue->preferred_wait_ms},
        {"handle", &queue->expected_handle_ms},
        {"patience", &queue->expected_patience_ms},
    };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (!strcmp(word, numbers[i].name)) {
            *numbers[i].value = (uint32_t)strtoul(value, NULL, 10);
            return 0;
        }
    return -EINVAL;
}

static inline int script_queue(struct conf *conf, struct conf_queue *queue, char *word) {
    char *value = strchr(word, '=');
    struct conf_score *s = &queue->score;
    int found;
    if (!value)
        return script_queue_flag(queue, word);
    *value++ = 0;
    if (!strcmp(word, "skill"))
        return script_skill(conf, &queue->skill, &queue->skill_count, value);
    if (!strcmp(word, "require")) {
        queue->require.count = 0;
        return strcmp(value, "none") ? script_require(conf, &queue->require, value) : 0;
    }
    if (!strcmp(word, "step"))
        return script_step(conf, queue, value);
    if (!strcmp(word, "reserve"))
        return script_reserve(queue, value);
    if (!strcmp(word, "strategy"))
        return script_queue_flag(queue, value);
    if (!strcmp(word, "preferred")) {
        found = script_name(script_preferred, ARRAY_LEN(script_preferred), value);
        queue->preferred = found < 0 ? CONF_PREFERRED_NONE : (enum conf_preferred)found;
        return found < 0 ? found : 0;
    }
    if (!strcmp(word, "wrapup_mode")) {
        queue->wrapup_mode = strcmp(value, "disposition") ? CONF_WRAPUP_LIMIT : CONF_WRAPUP_DISPOSITION;
        return 0;
    }
    if (!strcmp(word, "score")) /* weights of skill, preferred, idle, waste; cap of the idle time */
        return sscanf(value, "%" SCNu32 ":%" SCNu32 ":%" SCNu32 ":%" SCNu32 ":%" SCNu32, &s->skill,
                      &s->preferred, &s->idle, &s->waste, &s->idle_cap_ms) == 5
                   ? 0
                   : -EINVAL;
    return script_queue_number(queue, word, value);
}

/* ---- all ---- */

static inline int script_general(struct conf *conf, char *word) {
    char *value = strchr(word, '=');
    if (!value)
        return -EINVAL;
    *value++ = 0;
    if (!strcmp(word, "order")) {
        int found = script_name(script_orders, ARRAY_LEN(script_orders), value);
        conf->order = found < 0 ? CONF_ORDER_PRIORITY : (enum conf_order)found;
        return found < 0 ? found : 0;
    }
    uint32_t *number = !strcmp(word, "pause_keeps_place") ? &conf->pause_keeps_place_ms
                       : !strcmp(word, "rare")            ? &conf->rare_skill_percent
                       : !strcmp(word, "max_calls")       ? &conf->max_calls
                       : !strcmp(word, "decisions")       ? &conf->decisions
                                                          : NULL;
    if (!number)
        return -EINVAL;
    *number = (uint32_t)atoi(value);
    return 0;
}

/* One line of configuration; the text is cut up. */
static inline int script_line(struct conf *conf, char *text) {
    char *rest = NULL, *what = strtok_r(text, " ", &rest), *word;
    bool agent = what && !strcmp(what, "agent"), general = what && !strcmp(what, "general");
    uint32_t id = 0;
    int rc = 0;
    if (!general) {
        char *number = what ? strtok_r(NULL, " ", &rest) : NULL;
        id = number ? (uint32_t)atoi(number) : 0;
        if (!id || (!agent && strcmp(what, "queue")))
            return -EINVAL;
        world_grow(conf, agent ? id : 0, agent ? 0 : id);
    }
    while (!rc && (word = strtok_r(NULL, " ", &rest)))
        rc = general ? script_general(conf, word)
             : agent ? script_agent(conf, &conf->agent[id - 1], word)
                     : script_queue(conf, &conf->queue[id - 1], word);
    return rc;
}

/* ---- text to event: the reverse of acd_event_text() ---- */

static inline int script_type(const char *name, enum acd_event_type *type) {
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

static inline bool script_bare_word(struct acd_event *event, const char *word) {
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

static inline int script_event_word(struct acd_event *event, const char *word) {
    const char *value = strchr(word, '=');
    size_t length = value ? (size_t)(value - word) : 0;
    if (!value)
        return script_bare_word(event, word) ? 0 : -EINVAL;
    long long number = atoll(value + 1);
#define FIELD(name, field, type)                                                                             \
    if (length == strlen(name) && !strncmp(word, name, length))                                              \
    return event->field = (type)number, 0
    FIELD("call", call, uint64_t);
    FIELD("queue", queue, uint32_t);
    FIELD("agent", agent, uint32_t);
    FIELD("to", to, uint32_t);
    FIELD("offer", offer, uint32_t);
    FIELD("priority", priority, int32_t);
    FIELD("since", since_ms, uint64_t);
    FIELD("reason", reason, uint32_t);
    FIELD("ms", ms, uint32_t);
    FIELD("caller", caller, uint64_t);
    FIELD("preferred", preferred, uint32_t);
    FIELD("idle_order", idle_order_ms, uint64_t);
    FIELD("handles", handles, uint32_t);
    FIELD("talk", talk_ms, uint64_t);
    FIELD("skill", skill, uint32_t);
    FIELD("level", level, uint32_t);
#undef FIELD
    for (int i = 0; i < ACD_EXCLUDED && !strncmp(word, "exclude=", 8); i++)
        if (!event->excluded[i])
            return event->excluded[i] = (uint32_t)number, 0;
    return -EINVAL;
}

static inline int script_event(struct acd_event *event, const char *line) {
    char text[200], *rest = NULL, *word;
    *event = (struct acd_event){0};
    if (str_copy(text, sizeof text, line) || !(word = strtok_r(text, " ", &rest)))
        return -EINVAL;
    event->now_ms = strtoull(word, NULL, 10);
    if (!(word = strtok_r(NULL, " ", &rest)) || script_type(word, &event->type))
        return -EINVAL;
    while ((word = strtok_r(NULL, " ", &rest)))
        if (script_event_word(event, word))
            return -EINVAL;
    return 0;
}

#endif
