/* SPDX-License-Identifier: Apache-2.0
 * Invariants, written apart from the code they check: from the configuration and the plain fields, without
 * groups, trees' keys or the functions that made the state. Numbers refer to ../../docs/acd.md. */
#include "acd/acd_int.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local char complaint[200];

static const char *PRINTF_LIKE(1, 2) broken(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(complaint, sizeof complaint, format, args);
    va_end(args);
    return complaint;
}

static bool in_offer(const struct acd_agent *agent) {
    return agent->activity == ACD_RESERVED || agent->activity == ACD_RINGING;
}
static bool in_talk(const struct acd_agent *agent) {
    return agent->activity == ACD_TALKING || agent->activity == ACD_HOLD;
}

/* Activity against offer and call (I2, I3), pending presence (I6), the line (I7). */
static const char *check_agent(const struct acd_agent *a) {
    if ((in_offer(a) || in_talk(a)) != (a->call != NULL))
        return broken("I3 agent %" PRIu32 ": %s %s a call", a->id, acd_activity_name(a->activity),
                      a->call ? "with" : "without");
    if (in_offer(a) != (a->offer != 0))
        return broken("I2 agent %" PRIu32 ": %s with offer %" PRIu32, a->id, acd_activity_name(a->activity),
                      a->offer);
    bool on_call = in_offer(a) || in_talk(a) || a->activity == ACD_WRAPUP;
    if (on_call != (a->call_id != 0) || on_call != (a->queue != NULL))
        return broken("I3 agent %" PRIu32 ": %s with call number %" PRIu64, a->id,
                      acd_activity_name(a->activity), a->call_id);
    if (on_call && a->presence != ACD_READY)
        return broken("I6 agent %" PRIu32 ": %s but %s", a->id, acd_activity_name(a->activity),
                      acd_presence_name(a->presence));
    if (!on_call && a->pending)
        return broken("I6 agent %" PRIu32 ": at rest with a pending presence", a->id);
    if ((a->activity == ACD_BUSY_OTHER) != (!on_call && a->other_calls))
        return broken("I7 agent %" PRIu32 ": %s with %" PRIu32 " other calls", a->id,
                      acd_activity_name(a->activity), a->other_calls);
    if (a->activity == ACD_IDLE && !a->reachable)
        return broken("I7 agent %" PRIu32 ": idle but not reachable", a->id);
    if (in_offer(a) && (!a->reachable || a->other_calls))
        return broken("I7 agent %" PRIu32 ": offered, but the line is not free", a->id);
    if (a->removed && (in_offer(a) || (!on_call && a->presence != ACD_LOGGED_OUT)))
        return broken("I9 agent %" PRIu32 ": removed but still %s", a->id, acd_presence_name(a->presence));
    if (a->presence != ACD_NOT_READY && a->reason)
        return broken("I6 agent %" PRIu32 ": %s with a reason", a->id, acd_presence_name(a->presence));
    return NULL;
}

/* Every timed state has its deadline, in the future, and no other state has one (I5). */
static const char *check_timer(const struct acd *acd, const struct acd_agent *a) {
    uint64_t due = NEVER;
    if (a->activity == ACD_RESERVED)
        due = a->ring_to_ms < a->reserve_ms + 5000 ? a->ring_to_ms : a->reserve_ms + 5000;
    else if (a->activity == ACD_RINGING)
        due = a->ring_to_ms;
    else if (a->activity == ACD_WRAPUP)
        due = a->wrap_to_ms;
    else if (a->activity == ACD_UNREACHABLE && a->reachable)
        due = a->silent_to_ms;
    else if (a->activity == ACD_IDLE && a->presence == ACD_READY && a->ready_at_ms > acd->now)
        due = a->ready_at_ms;
    uint64_t set = a->timer.size ? a->timer.key.time : NEVER;
    if (set != due)
        return broken("I5 agent %" PRIu32 ": %s, deadline %" PRIu64 " instead of %" PRIu64, a->id,
                      acd_activity_name(a->activity), set, due);
    if (due <= acd->now)
        return broken("I5 agent %" PRIu32 ": deadline %" PRIu64 " has passed", a->id, due);
    return NULL;
}

static bool rings_for(const struct acd_call *call, const struct acd_agent *agent) {
    const struct acd_agent *at = call->ringing;
    while (at && at != agent)
        at = at->next_ringing;
    return at != NULL;
}

static const char *check_agents(const struct acd *acd) {
    for (uint32_t i = 0; i < acd->agent_count; i++) {
        const struct acd_agent *a = acd->agent[i];
        const char *text = check_agent(a);
        if (!text)
            text = check_timer(acd, a);
        if (!text && a->call && (a->call->id != a->call_id || (in_offer(a) && !rings_for(a->call, a))))
            text = broken("I3 agent %" PRIu32 " and call %" PRIu64 " do not agree", a->id, a->call_id);
        if (!text && in_talk(a) != (a->call && a->call->state == ACD_CALL_TALKING))
            text = broken("I3 agent %" PRIu32 ": %s, call otherwise", a->id, acd_activity_name(a->activity));
        if (text)
            return text;
    }
    return NULL;
}

static const char *check_call(const struct acd *acd, const struct acd_call *c) {
    bool waits = c->state != ACD_CALL_TALKING;
    uint32_t ringing = 0;
    for (const struct acd_agent *a = c->ringing; a; a = a->next_ringing, ringing++)
        if (a->call != c || !in_offer(a))
            return broken("I3 call %" PRIu64 " and agent %" PRIu32 " do not agree", c->id, a->id);
    if (ringing != c->ringing_count || (!waits && ringing))
        return broken("I3 call %" PRIu64 ": %" PRIu32 " phones ring, %" PRIu32 " counted", c->id, ringing,
                      c->ringing_count);
    if (waits != (c->place.size != 0))
        return broken("I4 call %" PRIu64 ": wrong lists for its state", c->id);
    uint64_t end =
        waits && !ringing && c->queue->set.max_wait_ms ? c->enter_ms + c->queue->set.max_wait_ms : NEVER;
    if (end != NEVER && (!c->timer.size || c->timer.key.time > end))
        return broken("I5 call %" PRIu64 ": no deadline at %" PRIu64, c->id, end);
    if (c->timer.size && c->timer.key.time <= acd->now)
        return broken("I5 call %" PRIu64 ": deadline %" PRIu64 " has passed", c->id, c->timer.key.time);
    if (waits && c->queue->removed)
        return broken("I9 call %" PRIu64 " waits in a removed queue", c->id);
    return NULL;
}

static int64_t priority_of(const struct acd_call *call) {
    return (int64_t)call->queue->set.priority + call->own_priority;
}

/* Order: priority, then place in time, then arrival (I4). */
static const char *check_order(const struct acd_queue *queue) {
    const struct acd_call *last = NULL;
    uint32_t count = 0, turns = 0;
    for (const struct acd_node *n = queue->place.first; n; n = acd_tree_next(n), count++) {
        const struct acd_call *call = ACD_OWNER(n, const struct acd_call, place);
        if (call->queue != queue)
            return broken("I4 call %" PRIu64 " in the wrong queue", call->id);
        if (last && (priority_of(last) < priority_of(call) ||
                     (priority_of(last) == priority_of(call) &&
                      (last->since_ms > call->since_ms ||
                       (last->since_ms == call->since_ms && last->serial >= call->serial)))))
            return broken("I4 calls %" PRIu64 " and %" PRIu64 " out of order", last->id, call->id);
        if (acd_tree_rank(n) != count + 1)
            return broken("I4 call %" PRIu64 ": place %" PRIu32 " is told as %" PRIu32, call->id, count + 1,
                          acd_tree_rank(n));
        last = call;
    }
    last = NULL;
    for (uint32_t step = 0; step < queue->line_count; step++, last = NULL)
        for (const struct acd_node *n = queue->line[step].turn.first; n; n = acd_tree_next(n), turns++) {
            const struct acd_call *call = ACD_OWNER(n, const struct acd_call, turn);
            if (last && acd_tree_rank(&last->place) >= acd_tree_rank(&call->place))
                return broken("I4 calls %" PRIu64 " and %" PRIu64 ": turn against place", last->id, call->id);
            last = call;
        }
    if (count != acd_tree_size(&queue->place) || turns > count)
        return broken("I8 queue %" PRIu32 ": sizes do not add up", queue->number);
    return NULL;
}

static const char *check_calls(const struct acd *acd, uint32_t *turns) {
    const struct acd_call *call;
    uint32_t waiting = 0, listed = 0;
    for (call = acd->calls; call; call = call->hh.next) {
        const char *text = check_call(acd, call);
        if (text)
            return text;
        waiting += call->state != ACD_CALL_TALKING;
        turns[call->queue->number - 1] += acd_node_linked(&call->turn) && !call->only;
    }
    for (uint32_t i = 0; i < acd->queue_count; i++) {
        const char *text = check_order(acd->queue[i]);
        if (text)
            return text;
        listed += acd_tree_size(&acd->queue[i]->place);
    }
    if (waiting != acd->waiting || listed != waiting)
        return broken("I8 %" PRIu32 " calls wait, %" PRIu32 " in lists, %" PRIu32 " counted", waiting, listed,
                      acd->waiting);
    return NULL;
}

static bool has_skills(const struct conf_agent *agent, const struct conf_queue *queue) {
    for (uint32_t i = 0; i < queue->skill_count; i++) {
        bool has = false;
        for (uint32_t k = 0; k < agent->skill_count; k++)
            if (agent->skill[k].skill == queue->skill[i].skill)
                has = agent->skill[k].level >= queue->skill[i].level;
        if (!has)
            return false;
    }
    return true;
}

/* A queue written twice in an agent's list counts once. */
static bool named_before(const struct conf_agent *agent, uint32_t at) {
    for (uint32_t i = 0; i < at; i++)
        if (agent->queue[i] == agent->queue[at])
            return true;
    return false;
}

/* The promise: an able idle agent never idles while a call waits that he may take (I1). */
static const char *check_match(const struct acd *acd, const uint32_t *turns) {
    for (uint32_t i = 0; i < acd->conf->agent_count; i++) {
        const struct conf_agent *conf = &acd->conf->agent[i];
        const struct acd_agent *a = acd->agent[i];
        if (conf->removed || a->presence != ACD_READY || a->activity != ACD_IDLE || a->ready_at_ms > acd->now)
            continue;
        for (uint32_t k = 0; k < conf->queue_count; k++) {
            uint32_t q = conf->queue[k];
            if (!acd->conf->queue[q - 1].removed && turns[q - 1] &&
                has_skills(conf, &acd->conf->queue[q - 1]))
                return broken("I1 agent %" PRIu32 " idles while %" PRIu32 " calls wait in queue %" PRIu32,
                              a->id, turns[q - 1], q);
        }
    }
    return NULL;
}

/* Figures of the queue views, counted anew from the configuration (I8). */
static void count_agents(const struct acd *acd, struct acd_queue_view *figures) {
    for (uint32_t i = 0; i < acd->conf->agent_count; i++) {
        const struct conf_agent *conf = &acd->conf->agent[i];
        const struct acd_agent *a = acd->agent[i];
        for (uint32_t k = 0; k < conf->queue_count && !conf->removed; k++) {
            const struct conf_queue *queue = &acd->conf->queue[conf->queue[k] - 1];
            struct acd_queue_view *view = &figures[conf->queue[k] - 1];
            if (!has_skills(conf, queue) || named_before(conf, k))
                continue;
            view->agents++;
            view->logged_in += a->presence != ACD_LOGGED_OUT;
            view->idle += a->presence == ACD_READY && a->activity == ACD_IDLE;
            view->talking += in_talk(a);
            view->wrapup += a->activity == ACD_WRAPUP;
        }
    }
}

/* And nobody waits where all have gone and agents are needed (I10). */
static const char *check_figures(const struct acd *acd, struct acd_queue_view *figures) {
    count_agents(acd, figures);
    for (uint32_t q = 1; q <= acd->conf->queue_count; q++) {
        const struct acd_queue_view *mine = &figures[q - 1];
        struct acd_queue_view view;
        if (acd->conf->queue[q - 1].removed || acd_queue_view(acd, q, &view))
            continue;
        if (view.agents != mine->agents || view.logged_in != mine->logged_in || view.idle != mine->idle ||
            view.talking != mine->talking || view.wrapup != mine->wrapup)
            return broken("I8 queue %" PRIu32 ": agents, in, idle, talking, wrap-up are %" PRIu32 " %" PRIu32
                          " %" PRIu32 " %" PRIu32 " %" PRIu32 ", told %" PRIu32 " %" PRIu32 " %" PRIu32
                          " %" PRIu32 " %" PRIu32,
                          q, mine->agents, mine->logged_in, mine->idle, mine->talking, mine->wrapup,
                          view.agents, view.logged_in, view.idle, view.talking, view.wrapup);
        if (acd->conf->queue[q - 1].need_agents && !mine->logged_in && view.waiting)
            return broken("I10 queue %" PRIu32 ": callers wait and nobody is logged in", q);
    }
    return NULL;
}

static const char *check_deadlines(const struct acd *acd) {
    uint64_t last = 0;
    uint32_t count = 0;
    for (const struct acd_node *n = acd->timers.first; n; n = acd_tree_next(n), count++) {
        if (n->key.time < last)
            return broken("I5 deadlines out of order");
        last = n->key.time;
    }
    if (count != acd_tree_size(&acd->timers) ||
        acd_deadline(acd) != (acd->timers.first ? acd->timers.first->key.time : NEVER))
        return broken("I5 the next deadline is not the first");
    return NULL;
}

const char *acd_check(const struct acd *acd) {
    if (!acd->conf)
        return NULL;
    if (acd->matching_dirty || acd->doors_dirty)
        return NULL; /* out of memory in mid-step: acd_deadline() asks for another one at once */
    uint32_t *turns = calloc(acd->queue_count + 1, sizeof *turns);
    struct acd_queue_view *figures = calloc(acd->queue_count + 1, sizeof *figures);
    if (!turns || !figures) {
        free(turns);
        free(figures);
        return NULL;
    }
    const char *text = check_agents(acd);
    if (!text)
        text = check_calls(acd, turns);
    if (!text)
        text = check_match(acd, turns);
    if (!text)
        text = check_figures(acd, figures);
    if (!text)
        text = check_deadlines(acd);
    free(turns);
    free(figures);
    return text;
}
