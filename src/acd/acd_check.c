/* SPDX-License-Identifier: Apache-2.0
 * Invariants, written apart from the code they check: from the configuration and the plain fields, without
 * groups, trees' keys or the functions that made the state. Numbers refer to ../../docs/acd.md. */
#include "acd/acd_int.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char complaint[200];

static const char *PRINTF_LIKE(1, 2) broken(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(complaint, sizeof complaint, format, args);
    va_end(args);
    return complaint;
}

/* Agents who may take a call and are able to: so many are remembered that one is left when all that a call
 * can exclude are among them. */
enum { SEEN = ACD_EXCLUDED + 1 };
struct ready {
    uint32_t agent[SEEN], count;
};

struct check {
    const struct acd *acd;
    uint32_t *line_of;              /* by queue: its first place in `ready` and `linked` */
    struct ready *ready;            /* by queue and step */
    uint32_t *linked;               /* by queue and step: calls that want a phone */
    struct acd_queue_view *figures; /* by queue */
    uint32_t *own_agents;           /* by queue: of tier 1, logged in and not paused */
    uint8_t *level;                 /* of the agent in hand, by skill */
    uint32_t own;                   /* calls that want a phone and wait for one agent alone */
};

static bool in_offer(const struct acd_agent *agent) {
    return agent->activity == ACD_RESERVED || agent->activity == ACD_RINGING;
}
static bool in_talk(const struct acd_agent *agent) {
    return agent->activity == ACD_TALKING || agent->activity == ACD_HOLD || agent->activity == ACD_CONSULT ||
           agent->activity == ACD_CONFERENCE;
}
static uint64_t sooner(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* ---- agents ---- */

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

/* Every timed state has its deadline, in the future, and no other state has one (I5). Wrap-up that waits for
 * a disposition has none. */
static const char *check_timer(const struct acd *acd, const struct acd_agent *a) {
    uint64_t due = NEVER;
    if (a->activity == ACD_RESERVED)
        due = sooner(a->ring_to_ms, a->reserve_ms + 5000);
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
    if (a->activity == ACD_WRAPUP && due == NEVER && a->disposed)
        return broken("I5 agent %" PRIu32 ": wrap-up waits for a disposition that was given", a->id);
    return NULL;
}

static bool rings_for(const struct acd_call *call, const struct acd_agent *agent) {
    const struct acd_agent *at = call->ringing;
    while (at && at != agent)
        at = at->next_ringing;
    return at != NULL;
}

static const char *check_agents(const struct check *c) {
    for (uint32_t i = 0; i < c->acd->agent_count; i++) {
        const struct acd_agent *a = c->acd->agent[i];
        const char *text = check_agent(a);
        if (!text)
            text = check_timer(c->acd, a);
        if (!text && a->call && (a->call->id != a->call_id || (in_offer(a) && !rings_for(a->call, a))))
            text = broken("I3 agent %" PRIu32 " and call %" PRIu64 " do not agree", a->id, a->call_id);
        if (!text && in_talk(a) != (a->call && a->call->state == ACD_CALL_TALKING))
            text = broken("I3 agent %" PRIu32 ": %s, call otherwise", a->id, acd_activity_name(a->activity));
        if (text)
            return text;
    }
    return NULL;
}

/* ---- what a configuration says about an agent and a queue ---- */

/* Levels as configured, live changes on top. */
static void take_levels(struct check *c, uint32_t agent) {
    const struct conf_agent *conf = &c->acd->conf->agent[agent - 1];
    uint32_t skills = c->acd->conf->skill_count;
    memset(c->level, 0, skills + 1);
    for (uint32_t i = 0; i < conf->skill_count; i++)
        if (conf->skill[i].skill <= skills)
            c->level[conf->skill[i].skill] = (uint8_t)conf->skill[i].level;
    for (uint32_t i = 0; i < c->acd->change_count; i++)
        if (c->acd->change[i].agent == agent && c->acd->change[i].skill <= skills)
            c->level[c->acd->change[i].skill] = (uint8_t)c->acd->change[i].level;
}

static bool fits(const struct check *c, const struct conf_queue *queue, uint32_t step) {
    uint32_t skills = c->acd->conf->skill_count;
    if (step)
        return conf_require_met(&queue->step[step - 1].require, c->level, skills);
    for (uint32_t i = 0; i < queue->skill_count; i++) {
        uint32_t skill = queue->skill[i].skill, has = skill <= skills ? c->level[skill] : 0;
        if (!has || has < queue->skill[i].level)
            return false;
    }
    return conf_require_met(&queue->require, c->level, skills);
}

/* 0: does not serve it. A queue written twice in an agent's list counts once, at its lowest tier. */
static uint32_t tier_in(const struct conf_agent *agent, uint32_t queue) {
    uint32_t best = 0;
    for (uint32_t i = 0; i < agent->queue_count; i++) {
        uint32_t tier = agent->tier && agent->tier[i] ? agent->tier[i] : 1;
        if (agent->queue[i] == queue && (!best || tier < best))
            best = tier;
    }
    return best;
}
static bool named_before(const struct conf_agent *agent, uint32_t at) {
    for (uint32_t i = 0; i < at; i++)
        if (agent->queue[i] == agent->queue[at])
            return true;
    return false;
}

static bool is_able(const struct acd *acd, uint32_t agent) {
    const struct acd_agent *a = acd->agent[agent - 1];
    return !acd->conf->agent[agent - 1].removed && a->presence == ACD_READY && a->activity == ACD_IDLE &&
           a->ready_at_ms <= acd->now;
}

static void count_agent(struct acd_queue_view *view, const struct acd_agent *a) {
    view->agents++;
    view->logged_in += a->presence != ACD_LOGGED_OUT;
    view->idle += a->presence == ACD_READY && a->activity == ACD_IDLE;
    view->talking += in_talk(a);
    view->wrapup += a->activity == ACD_WRAPUP;
}

/* The agent in the figures of his queue, and among those who could take its calls now. */
static void place_agent(struct check *c, uint32_t agent, uint32_t number, uint32_t tier) {
    const struct conf_queue *conf = &c->acd->conf->queue[number - 1];
    uint32_t open = c->acd->queue[number - 1]->open_tier;
    bool any = false, able = is_able(c->acd, agent);
    for (uint32_t step = 0; step <= conf->step_count; step++) {
        uint32_t most = step && conf->step[step - 1].tier > open ? conf->step[step - 1].tier : open;
        struct ready *ready = &c->ready[c->line_of[number - 1] + step];
        if (!fits(c, conf, step))
            continue;
        any = true;
        if (able && tier <= most && ready->count < SEEN)
            ready->agent[ready->count++] = agent;
    }
    if (!any)
        return;
    count_agent(&c->figures[number - 1], c->acd->agent[agent - 1]);
    c->own_agents[number - 1] += tier == 1 && c->acd->agent[agent - 1]->presence == ACD_READY;
}

static void place_agents(struct check *c) {
    for (uint32_t i = 1; i <= c->acd->conf->agent_count; i++) {
        const struct conf_agent *conf = &c->acd->conf->agent[i - 1];
        if (conf->removed)
            continue;
        take_levels(c, i);
        for (uint32_t k = 0; k < conf->queue_count; k++) {
            uint32_t number = conf->queue[k];
            if (number && number <= c->acd->conf->queue_count && !named_before(conf, k) &&
                !c->acd->conf->queue[number - 1].removed)
                place_agent(c, i, number, tier_in(conf, number));
        }
    }
}

/* ---- calls ---- */

static bool overdue(const struct acd *acd, const struct acd_call *call) {
    return call->queue->set.max_wait_ms && call->enter_ms + call->queue->set.max_wait_ms <= acd->now;
}

static uint64_t ring_step_ms(const struct acd_call *call) {
    return call->queue->set.ring_step_ms ? call->queue->set.ring_step_ms : 5000;
}
static uint32_t most_phones(const struct acd_call *call) {
    const struct conf_queue *set = &call->queue->set;
    if (call->only || (set->strategy != CONF_RING_ALL && set->strategy != CONF_RING_PROGRESSIVELY))
        return 1;
    return set->ring_max ? set->ring_max : NEVER32;
}
static uint64_t phones_now(const struct acd *acd, const struct acd_call *call) {
    uint64_t most = most_phones(call);
    if (call->queue->set.strategy != CONF_RING_PROGRESSIVELY)
        return most;
    return sooner(most, call->ringing ? 1 + (acd->now - call->round_ms) / ring_step_ms(call) : 1);
}
static bool wants(const struct acd *acd, const struct acd_call *call) {
    return call->state == ACD_CALL_WAITING && !overdue(acd, call) &&
           call->ringing_count < phones_now(acd, call);
}

static int64_t points(const struct acd *acd, const struct acd_call *call, uint64_t at_ms) {
    const struct conf_queue *set = &call->queue->set;
    int64_t sum = ((int64_t)set->priority + call->own_priority) * 60000 +
                  (int64_t)((at_ms - call->since_ms) * set->ageing);
    int64_t most = (int64_t)set->priority_max * 60000;
    return most && sum > most ? most : sum;
}

/* The first millisecond at which ageing brings the call to the queue's cap; NEVER: is there, or never comes.
 */
static uint64_t cap_due(const struct acd *acd, const struct acd_call *call) {
    const struct conf_queue *set = &call->queue->set;
    int64_t most = (int64_t)set->priority_max * 60000;
    if (acd->conf->order != CONF_ORDER_AGEING || !most || points(acd, call, acd->now) >= most || !set->ageing)
        return NEVER;
    int64_t left = most - points(acd, call, call->since_ms);
    return call->since_ms + ((uint64_t)left + set->ageing - 1) / set->ageing;
}

/* What the call waits for: a step, its turn to another phone, the end of a preference, the longest wait. */
static uint64_t call_due(const struct acd *acd, const struct acd_call *call) {
    const struct conf_queue *set = &call->queue->set;
    uint64_t due = cap_due(acd, call);
    if (call->state != ACD_CALL_WAITING)
        return NEVER;
    if (overdue(acd, call))
        return due; /* it rings on; its place may change */
    if (set->max_wait_ms)
        due = sooner(due, call->enter_ms + set->max_wait_ms);
    if (call->step < set->step_count)
        due = sooner(due, call->since_ms + set->step[call->step].after_ms);
    if (call->only)
        due = sooner(due, call->only_to_ms);
    if (set->strategy == CONF_RING_PROGRESSIVELY && call->ringing &&
        phones_now(acd, call) < most_phones(call))
        due = sooner(due, call->round_ms + phones_now(acd, call) * ring_step_ms(call));
    return due;
}

static const char *check_phones(const struct acd *acd, const struct acd_call *c) {
    uint32_t ringing = 0;
    for (const struct acd_agent *a = c->ringing; a; a = a->next_ringing, ringing++) {
        if (a->call != c || !in_offer(a))
            return broken("I3 call %" PRIu64 " and agent %" PRIu32 " do not agree", c->id, a->id);
        for (int i = 0; i < ACD_EXCLUDED; i++)
            if (c->excluded[i] == a->id)
                return broken("I11 call %" PRIu64 " rings at agent %" PRIu32 ", who is excluded", c->id,
                              a->id);
        if (c->only && a != c->only)
            return broken("I11 call %" PRIu64 " waits for another than agent %" PRIu32, c->id, a->id);
    }
    if (ringing != c->ringing_count || (c->state == ACD_CALL_TALKING && ringing))
        return broken("I3 call %" PRIu64 ": %" PRIu32 " phones ring, %" PRIu32 " counted", c->id, ringing,
                      c->ringing_count);
    if (ringing && c->round_ms > acd->now)
        return broken("I3 call %" PRIu64 ": phones ring since a later time", c->id);
    return NULL;
}

/* A call waits for one agent alone only while he may come to it soon (I11). */
static const char *check_preference(const struct acd *acd, const struct acd_call *c) {
    const struct acd_agent *a = c->only;
    if (!a)
        return NULL;
    bool there = !a->removed && a->presence == ACD_READY && a->activity != ACD_UNREACHABLE &&
                 tier_in(&acd->conf->agent[a->id - 1], c->queue->number);
    for (int i = 0; i < ACD_EXCLUDED; i++)
        there = there && c->excluded[i] != a->id;
    if (!there || c->preferred != a->id || c->state != ACD_CALL_WAITING ||
        (c->only_to_ms <= acd->now && !overdue(acd, c)))
        return broken("I11 call %" PRIu64 " waits for agent %" PRIu32 " in vain", c->id, a->id);
    return NULL;
}

/* A step is never behind the time, and there are no others than configured (I12). */
static const char *check_step(const struct acd *acd, const struct acd_call *c) {
    const struct conf_queue *conf = &acd->conf->queue[c->queue->number - 1];
    if (c->step > conf->step_count || (c->step < conf->step_count && !overdue(acd, c) &&
                                       c->since_ms + conf->step[c->step].after_ms <= acd->now))
        return broken("I12 call %" PRIu64 ": step %" PRIu32 " is not of this time", c->id, c->step);
    return NULL;
}

static const char *check_call(const struct acd *acd, const struct acd_call *c) {
    bool waits = c->state != ACD_CALL_TALKING;
    const char *text = check_phones(acd, c);
    if (!text && waits != (c->place.size != 0))
        text = broken("I4 call %" PRIu64 ": wrong lists for its state", c->id);
    if (!text && waits && c->queue->removed)
        text = broken("I9 call %" PRIu64 " waits in a removed queue", c->id);
    if (!text && wants(acd, c) != (c->turn.size != 0))
        text = broken("I4 call %" PRIu64 ": wants %s phone, but its turn %s", c->id,
                      wants(acd, c) ? "a" : "no", c->turn.size ? "can come" : "cannot come");
    if (!text)
        text = check_preference(acd, c);
    if (!text && waits)
        text = check_step(acd, c);
    if (!text && waits && !c->ringing && overdue(acd, c))
        text = broken("I5 call %" PRIu64 " waits longer than the longest wait", c->id);
    uint64_t due = call_due(acd, c), set = c->timer.size ? c->timer.key.time : NEVER;
    if (!text && (set != due || due <= acd->now))
        text = broken("I5 call %" PRIu64 ": deadline %" PRIu64 " instead of %" PRIu64, c->id, set, due);
    return text;
}

/* ---- order of service (I4) ---- */

static bool before(const struct acd *acd, const struct acd_call *a, const struct acd_call *b) {
    int64_t ranks[2] = {0, 0};
    const struct acd_call *calls[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        const struct conf_queue *set = &calls[i]->queue->set;
        switch (acd->conf->order) {
        case CONF_ORDER_PRIORITY:
            ranks[i] = -((int64_t)set->priority + calls[i]->own_priority);
            break;
        case CONF_ORDER_SLACK:
            ranks[i] = (int64_t)(calls[i]->since_ms + set->service_level_ms);
            break;
        case CONF_ORDER_AGEING:
            ranks[i] = -points(acd, calls[i], acd->now);
            break;
        case CONF_ORDER_AGE:
            break;
        }
    }
    if (ranks[0] != ranks[1])
        return ranks[0] < ranks[1];
    return a->since_ms != b->since_ms ? a->since_ms < b->since_ms : a->serial < b->serial;
}

static const char *check_places(const struct acd *acd, const struct acd_queue *queue, uint32_t *count) {
    const struct acd_call *last = NULL;
    for (const struct acd_node *n = queue->place.first; n; n = acd_tree_next(n)) {
        const struct acd_call *call = ACD_OWNER(n, const struct acd_call, place);
        if (call->queue != queue)
            return broken("I4 call %" PRIu64 " in the wrong queue", call->id);
        if (last && !before(acd, last, call))
            return broken("I4 calls %" PRIu64 " and %" PRIu64 " out of order", last->id, call->id);
        if (acd_tree_rank(n) != ++*count)
            return broken("I4 call %" PRIu64 ": place %" PRIu32 " is told as %" PRIu32, call->id, *count,
                          acd_tree_rank(n));
        last = call;
    }
    if (*count != acd_tree_size(&queue->place))
        return broken("I8 queue %" PRIu32 ": sizes do not add up", queue->number);
    return NULL;
}

/* Calls whose turn can come, as they stand in one list. */
static const char *check_turns(const struct acd *acd, const struct acd_tree *tree,
                               const struct acd_line *line, const struct acd_agent *only, uint32_t *count) {
    const struct acd_call *last = NULL;
    for (const struct acd_node *n = tree->first; n; n = acd_tree_next(n), ++*count) {
        const struct acd_call *call = ACD_OWNER(n, const struct acd_call, turn);
        if (call->only != only || (line && (call->queue != line->queue || call->step != line->step)))
            return broken("I4 call %" PRIu64 " stands in a list of others", call->id);
        if (line && last && !before(acd, last, call))
            return broken("I4 calls %" PRIu64 " and %" PRIu64 ": turn against place", last->id, call->id);
        last = call;
    }
    return NULL;
}

static const char *check_lists(const struct check *c, uint32_t waiting) {
    const char *text = NULL;
    uint32_t listed = 0, own = 0;
    for (uint32_t i = 0; i < c->acd->queue_count && !text; i++) {
        const struct acd_queue *queue = c->acd->queue[i];
        uint32_t here = 0;
        text = check_places(c->acd, queue, &here);
        listed += here;
        for (uint32_t step = 0; step < queue->line_count && !text; step++) {
            uint32_t turns = 0;
            text = check_turns(c->acd, &queue->line[step].turn, &queue->line[step], NULL, &turns);
            if (!text && !queue->removed && turns != c->linked[c->line_of[i] + step])
                text = broken("I4 queue %" PRIu32 ": %" PRIu32 " calls want a phone, %" PRIu32 " in line",
                              i + 1, c->linked[c->line_of[i] + step], turns);
        }
    }
    for (uint32_t i = 0; i < c->acd->agent_count && !text; i++)
        text = check_turns(c->acd, &c->acd->agent[i]->own, NULL, c->acd->agent[i], &own);
    if (!text && (waiting != c->acd->waiting || listed != waiting || own != c->own))
        text = broken("I8 %" PRIu32 " calls wait, %" PRIu32 " in lists, %" PRIu32 " counted", waiting, listed,
                      c->acd->waiting);
    return text;
}

static const char *check_calls(struct check *c) {
    uint32_t waiting = 0;
    for (const struct acd_call *call = c->acd->calls; call; call = call->hh.next) {
        const char *text = check_call(c->acd, call);
        if (text)
            return text;
        waiting += call->state != ACD_CALL_TALKING;
        if (wants(c->acd, call) && call->only)
            c->own++;
        else if (wants(c->acd, call))
            c->linked[c->line_of[call->queue->number - 1] + call->step]++;
    }
    return check_lists(c, waiting);
}

/* ---- the promise: an able agent never idles while a call wants a phone that he may take (I1) ---- */

static bool excludes(const struct acd_call *call, uint32_t agent) {
    for (int i = 0; i < ACD_EXCLUDED; i++)
        if (call->excluded[i] == agent)
            return true;
    return false;
}

static const char *check_match(const struct check *c) {
    for (const struct acd_call *call = c->acd->calls; call; call = call->hh.next) {
        if (!wants(c->acd, call))
            continue;
        const struct ready *ready = &c->ready[c->line_of[call->queue->number - 1] + call->step];
        if (call->only && is_able(c->acd, call->only->id))
            return broken("I1 agent %" PRIu32 " idles while call %" PRIu64 " waits for him alone",
                          call->only->id, call->id);
        for (uint32_t i = 0; i < ready->count && !call->only; i++)
            if (!excludes(call, ready->agent[i]))
                return broken("I1 agent %" PRIu32 " idles while call %" PRIu64 " waits in queue %" PRIu32,
                              ready->agent[i], call->id, call->queue->number);
    }
    return NULL;
}

/* ---- queues: figures (I8), doors (I10), reserve (I13), deadlines (I5) ---- */

/* One of the marks that time and counting can tell is reached; with `back`, not all are under the lower ones.
 */
static bool loaded(const struct acd *acd, const struct acd_queue *queue, const struct conf_reserve *r,
                   uint32_t own, bool back) {
    uint32_t waiting = acd_tree_size(&queue->place);
    if (r->waiting && (back ? waiting > r->waiting_back : waiting >= r->waiting))
        return true;
    if (r->slack_ms && queue->place.first) {
        const struct acd_call *first = ACD_OWNER(queue->place.first, const struct acd_call, place);
        if (acd->now + r->slack_ms > first->since_ms + queue->set.service_level_ms)
            return true;
    }
    return r->no_agents && !own;
}

/* own: agents of tier 1 who are logged in and not paused. A mark of the expected wait moves by itself, so it
 * can only keep an entry in that no other mark does. */
static const char *check_reserve(const struct acd *acd, const struct acd_queue *queue, uint32_t own) {
    uint32_t tier = 1;
    for (uint32_t i = 0; i < queue->set.reserve_count && i < ACD_MOST_RESERVES; i++) {
        const struct conf_reserve *r = &queue->set.reserve[i];
        bool in = queue->reserves_in >> i & 1;
        if (!in && loaded(acd, queue, r, own, false))
            return broken("I13 queue %" PRIu32 ": a mark is reached, tier %" PRIu32 " is not in",
                          queue->number, r->tier);
        if (in && !r->expected_wait_ms && queue->reserve_in_ms[i] + r->hold_ms <= acd->now &&
            !loaded(acd, queue, r, own, true))
            return broken("I13 queue %" PRIu32 ": the load is over, tier %" PRIu32 " is still in",
                          queue->number, r->tier);
        if (in && r->tier > tier)
            tier = r->tier;
    }
    if (tier != queue->open_tier)
        return broken("I13 queue %" PRIu32 ": tier %" PRIu32 " is open instead of %" PRIu32, queue->number,
                      queue->open_tier, tier);
    return NULL;
}

/* The queue asks to be looked at no later than something can happen by itself. */
static const char *check_queue_timer(const struct acd *acd, const struct acd_queue *queue) {
    uint64_t due = NEVER, set = queue->timer.size ? queue->timer.key.time : NEVER;
    if (queue->set.need_agents && queue->empty_ms != NEVER && queue->place.first)
        due = queue->empty_ms + queue->set.empty_grace_ms;
    for (uint32_t i = 0; i < queue->set.reserve_count && i < ACD_MOST_RESERVES; i++) {
        const struct conf_reserve *r = &queue->set.reserve[i];
        uint64_t hold = queue->reserve_in_ms[i] + r->hold_ms;
        if (queue->reserves_in >> i & 1) {
            due = hold > acd->now ? sooner(due, hold) : due;
        } else if (r->slack_ms && queue->place.first) {
            const struct acd_call *first = ACD_OWNER(queue->place.first, const struct acd_call, place);
            due = sooner(due, first->since_ms + queue->set.service_level_ms + 1 - r->slack_ms);
        }
    }
    if (set > due || set <= acd->now)
        return broken("I5 queue %" PRIu32 ": deadline %" PRIu64 " instead of %" PRIu64, queue->number, set,
                      due);
    return NULL;
}

/* Nobody waits where all have gone and agents are needed. */
static const char *check_door(const struct acd *acd, const struct acd_queue *queue, uint32_t logged_in) {
    const struct conf_queue *conf = &acd->conf->queue[queue->number - 1];
    if ((queue->empty_ms == NEVER) != (logged_in != 0))
        return broken("I10 queue %" PRIu32 ": %" PRIu32 " logged in, but empty since %" PRIu64, queue->number,
                      logged_in, queue->empty_ms);
    if (conf->need_agents && !logged_in && queue->place.first &&
        queue->empty_ms + conf->empty_grace_ms <= acd->now)
        return broken("I10 queue %" PRIu32 ": callers wait and nobody is logged in", queue->number);
    return NULL;
}

static const char *check_queue(const struct check *c, uint32_t q) {
    const struct acd_queue_view *mine = &c->figures[q - 1];
    struct acd_queue_view view;
    const char *text;
    if (c->acd->conf->queue[q - 1].removed)
        return NULL;
    acd_queue_figures(c->acd, c->acd->queue[q - 1], &view);
    if (view.agents != mine->agents || view.logged_in != mine->logged_in || view.idle != mine->idle ||
        view.talking != mine->talking || view.wrapup != mine->wrapup)
        return broken("I8 queue %" PRIu32 ": agents, in, idle, talking, wrap-up are %" PRIu32 " %" PRIu32
                      " %" PRIu32 " %" PRIu32 " %" PRIu32 ", told %" PRIu32 " %" PRIu32 " %" PRIu32
                      " %" PRIu32 " %" PRIu32,
                      q, mine->agents, mine->logged_in, mine->idle, mine->talking, mine->wrapup, view.agents,
                      view.logged_in, view.idle, view.talking, view.wrapup);
    if ((text = check_door(c->acd, c->acd->queue[q - 1], mine->logged_in)) ||
        (text = check_reserve(c->acd, c->acd->queue[q - 1], c->own_agents[q - 1])))
        return text;
    return check_queue_timer(c->acd, c->acd->queue[q - 1]);
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

/* ---- all ---- */

static const char *check_all(struct check *c) {
    const char *text = check_agents(c);
    place_agents(c);
    if (!text)
        text = check_calls(c);
    if (!text)
        text = check_match(c);
    for (uint32_t q = 1; q <= c->acd->conf->queue_count && !text; q++)
        text = check_queue(c, q);
    return text ? text : check_deadlines(c->acd);
}

const char *acd_check(const struct acd *acd) {
    struct check c = {.acd = acd};
    uint32_t lines = 0;
    const char *text = NULL;
    if (!acd->conf)
        return NULL;
    if (acd->matching_dirty || acd->doors_dirty || acd->loads_dirty)
        return NULL; /* out of memory in mid-step: acd_deadline() asks for another one at once */
    c.line_of = calloc(acd->queue_count + 1, sizeof *c.line_of);
    c.figures = calloc(acd->queue_count + 1, sizeof *c.figures);
    c.own_agents = calloc(acd->queue_count + 1, sizeof *c.own_agents);
    c.level = calloc(acd->conf->skill_count + 1, 1);
    for (uint32_t q = 0; q < acd->queue_count && c.line_of; q++) {
        c.line_of[q] = lines;
        lines += 1 + (q < acd->conf->queue_count ? acd->conf->queue[q].step_count : 0);
    }
    c.ready = calloc(lines + 1, sizeof *c.ready);
    c.linked = calloc(lines + 1, sizeof *c.linked);
    if (c.line_of && c.figures && c.own_agents && c.level && c.ready && c.linked)
        text = check_all(&c);
    free(c.line_of);
    free(c.figures);
    free(c.own_agents);
    free(c.level);
    free(c.ready);
    free(c.linked);
    return text;
}
