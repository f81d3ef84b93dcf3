/* SPDX-License-Identifier: Apache-2.0
 * Who waits and for what; the story of one call. */
#include "floor/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    PAIRS_MAX = 50000,       /* of calls and agents looked at for one answer: 1-2 ms */
    RECORD_ID_MIN = 1 << 30, /* below it a number is a short one: ids begin with the node */
    TEXT_LEN = 512
};

/* Appends "WORD" or "SEPARATOR WORD"; what does not fit is left out. */
static void join(char *text, size_t size, const char *separator, const char *word) {
    size_t used = strlen(text);
    if (used + strlen(separator) + strlen(word) < size)
        snprintf(text + used, size - used, "%s%s", used ? separator : "", word);
}

/* A reload may have left fewer of them than the call has come to. */
static uint32_t step_of(const struct conf_queue *queue, const struct call *call) {
    uint32_t step = call->visit.step;
    return queue && step > queue->step_count ? queue->step_count : step;
}

/* What the call wants of an agent at its step, as an expression. */
static void wants(const struct conf *conf, const struct call *call, char *text, size_t size) {
    const struct conf_queue *queue = conf_queue(conf, call->queue);
    uint32_t step = step_of(queue, call);
    *text = 0;
    if (!queue)
        return;
    if (step) {
        str_copy(text, size, queue->step[step - 1].require.text);
        return;
    }
    for (uint32_t i = 0; i < queue->skill_count; i++) {
        char one[NAME_LEN + 16];
        snprintf(one, sizeof one, "%s >= %u", conf->skill_name[queue->skill[i].skill - 1],
                 queue->skill[i].level);
        join(text, size, " and ", one);
    }
    if (queue->require.text && *queue->require.text) {
        char whole[TEXT_LEN];
        snprintf(whole, sizeof whole, *text ? "(%s)" : "%s", queue->require.text);
        join(text, size, " and ", whole);
    }
}

/* Tier of the agent in the queue, 0 when he does not serve it. */
static uint32_t tier_in(const struct conf_agent *agent, uint32_t queue) {
    for (uint32_t i = 0; agent && i < agent->queue_count; i++)
        if (agent->queue[i] == queue)
            return agent->tier ? agent->tier[i] : 1;
    return 0;
}

struct waiting {
    struct floor_waiting_view view;
    char wants[TEXT_LEN], rings[TEXT_LEN];
};

static void look_at_agents(const struct floor *f, const struct call *call, struct waiting *w) {
    for (uint32_t id = 1; id <= f->conf->agent_count; id++) {
        const struct conf_agent *agent = conf_agent(f->conf, id);
        if (!tier_in(agent, call->queue))
            continue;
        enum acd_why_not why = acd_why_not(f->acd, call->id, id);
        w->view.agents[why]++;
        if (why == ACD_WHY_RINGS)
            join(w->rings, sizeof w->rings, " ", agent->id);
    }
    w->view.counted = true;
}

static void look_at_call(const struct floor *f, const struct call *call, bool count, struct waiting *w) {
    const struct conf_queue *queue = conf_queue(f->conf, call->queue);
    uint64_t wait_us = floor_call_time(f, call) - call->visit.enter_us;
    *w = (struct waiting){0};
    w->view = (struct floor_waiting_view){.number = call->id - f->first_id + 1,
                                          .id = call->id,
                                          .queue = queue ? queue->name : "",
                                          .caller = call->contact.caller,
                                          .caller_name = *call->customer_name ? call->customer_name
                                                                              : call->contact.caller_name,
                                          .position = acd_position(f->acd, call->id),
                                          .wait_ms = wait_us / 1000,
                                          .told_ms = call->visit.told_ms ? call->visit.told_ms : NEVER,
                                          .step = step_of(queue, call),
                                          .wants = w->wants,
                                          .rings = w->rings};
    w->view.line_ms = (wait_us + call->visit.enter_us - call->visit.since_us) / 1000;
    wants(f->conf, call, w->wants, sizeof w->wants);
    if (count)
        look_at_agents(f, call, w);
}

struct walk {
    const struct floor *f;
    void (*fn)(void *, const struct floor_waiting_view *);
    void *arg;
    uint64_t pairs;
};

static void each_waiting(void *arg, uint64_t id, uint32_t queue, uint64_t enter_ms) {
    struct walk *walk = arg;
    const struct call *call = floor_call(walk->f, id);
    struct waiting w;
    if (!call)
        return;
    walk->pairs += walk->f->conf->agent_count;
    look_at_call(walk->f, call, walk->pairs <= PAIRS_MAX, &w);
    walk->fn(walk->arg, &w.view);
}

void floor_each_waiting(const struct floor *f, const char *queue,
                        void (*fn)(void *, const struct floor_waiting_view *), void *arg) {
    struct walk walk = {f, fn, arg, 0};
    uint32_t number = queue ? conf_find_queue(f->conf, queue) : 0;
    if (queue && !number)
        return;
    acd_each_waiting(f->acd, number, each_waiting, &walk);
}

/* ---- one call ---- */

static void count(void *arg, const struct acd_decision *decision) {}

struct telling {
    const struct floor *f;
    const struct floor_story_sink *sink;
    uint64_t now_us, wall_us;
};

static void tell_decision(void *arg, const struct acd_decision *decision) {
    const struct telling *t = arg;
    char text[TEXT_LEN];
    acd_decision_text(t->f->conf, decision, text, sizeof text);
    struct floor_decision_view view = {.number = decision->number,
                                       .at_us = t->wall_us - (t->now_us - decision->now_ms * 1000),
                                       .text = text};
    t->sink->decision(t->sink->arg, &view);
}

static void tell_agents(const struct telling *t, const struct call *call) {
    const struct floor *f = t->f;
    for (uint32_t id = 1; id <= f->conf->agent_count; id++) {
        const struct conf_agent *agent = conf_agent(f->conf, id);
        struct acd_agent_view acd;
        uint32_t tier = tier_in(agent, call->queue);
        if (!tier || acd_agent_view(f->acd, id, &acd))
            continue;
        const struct desk *desk = &f->desk[id - 1];
        struct floor_candidate_view view = {
            .id = agent->id,
            .name = agent->name,
            .why = acd_why_not(f->acd, call->id, id),
            .tier = tier,
            .presence = acd.presence,
            .activity = acd.activity,
            .state_ms = t->now_us / 1000 > acd.since_ms ? t->now_us / 1000 - acd.since_ms : 0,
            .busy_call = desk->call_id ? desk->call_id - f->first_id + 1 : 0};
        t->sink->agent(t->sink->arg, &view);
    }
}

/* The record id that a number, short or long, stands for; 0 when there was none such. */
static uint64_t id_of(const struct floor *f, uint64_t number) {
    if (number && number < RECORD_ID_MIN)
        number += f->first_id - 1;
    return number < f->next_id ? number : 0;
}

int floor_call_explain(const struct floor *f, uint64_t number, const struct floor_story_sink *sink) {
    struct telling t = {f, sink, floor_now_us(f), f->clock.wall_us(f->clock.ctx)};
    struct floor_story story = {.id = id_of(f, number)};
    struct floor_call_view view;
    struct waiting waits;
    if (!story.id)
        return -ENOENT;
    const struct call *call = floor_call(f, story.id);
    bool in_line = call && acd_position(f->acd, story.id);
    story.number = story.id >= f->first_id ? story.id - f->first_id + 1 : 0;
    story.decisions = acd_explain(f->acd, story.id, count, NULL, &story.truncated);
    if (call) {
        view = floor_view_call(f, call);
        story.call = &view;
    }
    if (in_line) {
        look_at_call(f, call, true, &waits);
        story.waits = &waits.view;
    }
    sink->begin(sink->arg, &story);
    (void)acd_explain(f->acd, story.id, tell_decision, &t, NULL);
    if (in_line)
        tell_agents(&t, call);
    return 0;
}
