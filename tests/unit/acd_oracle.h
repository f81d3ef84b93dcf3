/* SPDX-License-Identifier: Apache-2.0
 *
 * acd_oracle: the rules of docs/acd.md about who gets which call, worked out by brute force over all agents
 * and all waiting calls. It looks at a world that acd_audit.h keeps from events and effects alone, and shares
 * no code with the distributor: no groups, no lines, no trees.
 */
#ifndef ACD_ORACLE_H
#define ACD_ORACLE_H

#include "acd_world.h"

enum { AUDIT_AGENTS = 80, AUDIT_QUEUES = 8, AUDIT_SKILLS = 8, AUDIT_CALLS = 1500, AUDIT_RESERVES = 3 };

struct audit_agent {
    enum acd_presence presence;
    enum acd_activity activity;
    uint32_t reason;
    uint64_t since_ms, ready_at_ms, idle_order_ms, paused_ms;
    uint64_t born_ms, spent_ms; /* spent: sum of the lengths of all states told */
    bool born, restored;
    uint16_t change[AUDIT_SKILLS + 1]; /* level + 1 of a live skill; 0 = as configured */
    uint32_t offer;                    /* open one, and its call */
    uint64_t offer_call, offer_ms, ring_to_ms;
    uint64_t handle; /* call, from the answer to the end of wrap-up */
    uint32_t handle_queue, handles;
    uint64_t talk_ms, talk_since_ms;
    uint64_t wrap_to_ms;
    uint32_t extensions, extension_ms, most_extensions;
    bool want_disposition, disposed;
};

struct audit_call {
    bool open;
    uint32_t queue, avoid, step, rings, position_in;
    int32_t own_priority;
    uint64_t since_ms, enter_ms, serial, caller;
    uint32_t excluded[ACD_EXCLUDED], preferred;
    bool only; /* waits for the preferred agent alone, at most until only_to_ms */
    uint64_t only_to_ms;
    uint64_t round_ms;             /* since when phones ring without a break */
    enum acd_visit_result refusal; /* at the door; ANSWERED: came in */
    bool look;                     /* its step is to be looked at, see audit_steps() */
    uint64_t told_to_ms;           /* the latest moment that was told; NEVER: nothing yet */
    uint64_t told_fell;            /* the queue's `fell` then */
};

struct audit_queue {
    struct conf_queue set; /* as configured last; lists are empty when removed */
    bool removed, closed;
    uint32_t last_agent; /* offered */
    uint32_t tier;       /* told */
    bool staffed,
        unsure; /* unsure: a reload in mid-reserve; which entries are in cannot be told from outside */
    uint64_t empty_ms, fell;
    bool in[AUDIT_RESERVES];
    uint64_t in_ms[AUDIT_RESERVES];
    uint64_t expected_ms; /* what the queue said before the event: a new caller's P80 */
};

struct audit_place {
    uint64_t caller, since_ms, lost_ms;
    uint32_t queue;
    int32_t priority;
};

struct audit {
    const struct conf *conf;
    const struct acd *acd;
    struct audit_agent agent[AUDIT_AGENTS + 1];
    struct audit_call call[AUDIT_CALLS + 1]; /* by call number */
    uint32_t line[AUDIT_CALLS + 1], waiting; /* numbers of the open ones, in any order */
    struct audit_queue queue[AUDIT_QUEUES + 1];
    struct audit_place lost[AUDIT_CALLS];
    uint32_t lost_count, last_offer, entered, ended[ACD_VISIT_RESULTS];
    uint64_t now, serial, hash, offers_seen, offers_judged;
    const struct acd_event *event; /* of the step in progress */
    uint64_t edge_ms; /* now: waits that end in this millisecond are taken as still on; see audit_offer() */
    bool blind;       /* do not look at the distributor, only at its effects */
    bool late;        /* time went past several deadlines at once: their order cannot be told from outside */
    char text[400];
};

/* ---- what agents have, and whom they may serve ---- */

static inline bool oracle_known(const struct audit *w, uint32_t agent) {
    return agent && agent <= w->conf->agent_count && !w->conf->agent[agent - 1].removed;
}

static inline uint32_t oracle_level(const struct audit *w, uint32_t agent, uint32_t skill) {
    const struct conf_agent *a = &w->conf->agent[agent - 1];
    if (skill <= AUDIT_SKILLS && w->agent[agent].change[skill])
        return w->agent[agent].change[skill] - 1u;
    for (uint32_t i = 0; i < a->skill_count; i++)
        if (a->skill[i].skill == skill)
            return a->skill[i].level;
    return 0;
}

/* 0: does not serve the queue. */
static inline uint32_t oracle_tier(const struct audit *w, uint32_t agent, uint32_t queue) {
    const struct conf_agent *a = &w->conf->agent[agent - 1];
    if (!oracle_known(w, agent) || w->queue[queue].removed)
        return 0;
    for (uint32_t i = 0; i < a->queue_count; i++)
        if (a->queue[i] == queue)
            return a->tier ? a->tier[i] : 1;
    return 0;
}

/* From right to left, as one reads postfix: the part that ends at *at. */
static inline bool oracle_term(const struct audit *w, uint32_t agent, const struct conf_require *r, int *at) {
    const struct conf_test *test = &r->test[(*at)--];
    if (test->kind == CONF_TEST_LEVEL) {
        uint32_t level = oracle_level(w, agent, test->skill);
        return level && level >= test->least && level <= test->most;
    }
    bool right = oracle_term(w, agent, r, at);
    if (test->kind == CONF_TEST_NOT)
        return !right;
    bool left = oracle_term(w, agent, r, at);
    return test->kind == CONF_TEST_AND ? left && right : left || right;
}
static inline bool oracle_require(const struct audit *w, uint32_t agent, const struct conf_require *r) {
    int at = (int)r->count - 1;
    return !r->count || oracle_term(w, agent, r, &at);
}

/* Do the agent's skills do for calls of the queue at that step? */
static inline bool oracle_fits(const struct audit *w, uint32_t agent, uint32_t queue, uint32_t step) {
    const struct conf_queue *q = &w->conf->queue[queue - 1];
    if (step)
        return oracle_require(w, agent, &q->step[step - 1].require);
    for (uint32_t i = 0; i < q->skill_count; i++) {
        uint32_t level = oracle_level(w, agent, q->skill[i].skill);
        if (!level || level < q->skill[i].level)
            return false;
    }
    return oracle_require(w, agent, &q->require);
}

static inline uint32_t oracle_steps(const struct audit *w, uint32_t queue) {
    return w->queue[queue].removed ? 0 : w->conf->queue[queue - 1].step_count;
}

/* Calls of the queue at that step may go to this agent, as far as the configuration goes. */
static inline bool oracle_serves(const struct audit *w, uint32_t agent, uint32_t queue, uint32_t step) {
    uint32_t tier = oracle_tier(w, agent, queue), most = w->queue[queue].tier;
    if (step && w->conf->queue[queue - 1].step[step - 1].tier > most)
        most = w->conf->queue[queue - 1].step[step - 1].tier;
    return tier && tier <= (most ? most : 1) && oracle_fits(w, agent, queue, step);
}

/* At some step, at whatever tier. */
static inline bool oracle_belongs(const struct audit *w, uint32_t agent, uint32_t queue) {
    bool fits = false;
    if (!oracle_tier(w, agent, queue))
        return false;
    for (uint32_t step = 0; step <= oracle_steps(w, queue) && !fits; step++)
        fits = oracle_fits(w, agent, queue, step);
    return fits;
}

static inline bool oracle_manned(const struct audit *w, uint32_t queue, uint32_t step) {
    for (uint32_t i = 1; i <= w->conf->agent_count; i++)
        if (w->agent[i].presence != ACD_LOGGED_OUT && oracle_serves(w, i, queue, step))
            return true;
    return false;
}
static inline bool oracle_staffed(const struct audit *w, uint32_t queue) {
    for (uint32_t i = 1; i <= w->conf->agent_count; i++)
        if (w->agent[i].presence != ACD_LOGGED_OUT && oracle_belongs(w, i, queue))
            return true;
    return false;
}
static inline bool oracle_all_paused(const struct audit *w, uint32_t queue) {
    for (uint32_t i = 1; i <= w->conf->agent_count; i++)
        if (w->agent[i].presence == ACD_READY && oracle_belongs(w, i, queue))
            return false;
    return true;
}

/* ---- a call and an agent ---- */

static inline bool oracle_able(const struct audit *w, uint32_t agent) {
    const struct audit_agent *a = &w->agent[agent];
    return oracle_known(w, agent) && a->presence == ACD_READY && a->activity == ACD_IDLE &&
           a->ready_at_ms <= w->now;
}

static inline bool oracle_excluded(const struct audit_call *call, uint32_t agent) {
    for (int i = 0; i < ACD_EXCLUDED; i++)
        if (call->excluded[i] == agent)
            return true;
    return false;
}

static inline bool oracle_only(const struct audit *w, const struct audit_call *call) {
    return call->only && (w->now < call->only_to_ms || w->edge_ms == call->only_to_ms);
}

/* May the agent take the call, whatever he does just now? */
static inline bool oracle_takes(const struct audit *w, uint32_t agent, const struct audit_call *call) {
    if (!oracle_known(w, agent) || oracle_excluded(call, agent))
        return false;
    if (oracle_only(w, call))
        return agent == call->preferred;
    return oracle_serves(w, agent, call->queue, call->step);
}

static inline uint32_t oracle_phones(const struct audit *w, const struct audit_call *call) {
    const struct conf_queue *q = &w->queue[call->queue].set;
    uint32_t most = q->ring_max ? q->ring_max : NEVER32, step_ms = q->ring_step_ms ? q->ring_step_ms : 5000;
    if (q->strategy == CONF_RING_ALL)
        return most;
    if (q->strategy != CONF_RING_PROGRESSIVELY || !call->rings)
        return 1;
    uint64_t rung_ms = w->now - call->round_ms, steps = rung_ms / step_ms;
    if (w->edge_ms == w->now && steps && rung_ms % step_ms == 0)
        steps--;
    return 1 + steps < most ? (uint32_t)(1 + steps) : most;
}

/* Wants a phone (more). Whose longest wait is over gets no further agent. */
static inline bool oracle_wants(const struct audit *w, const struct audit_call *call) {
    const struct conf_queue *q = &w->queue[call->queue].set;
    uint64_t end_ms = q->max_wait_ms ? call->enter_ms + q->max_wait_ms : NEVER;
    bool over = end_ms <= w->now && w->edge_ms != end_ms;
    return call->open && !over && call->rings < oracle_phones(w, call);
}

/* ---- order of service ---- */

/* Less is served first; in ms for ageing, 60,000 to the point. */
static inline int64_t oracle_rank(const struct audit *w, const struct audit_call *call) {
    const struct conf_queue *q = &w->queue[call->queue].set;
    int64_t priority = (int64_t)q->priority + call->own_priority, points;
    switch (w->conf->order) {
    case CONF_ORDER_PRIORITY:
        return -priority;
    case CONF_ORDER_AGE:
        return 0;
    case CONF_ORDER_SLACK:
        return (int64_t)(call->since_ms + q->service_level_ms);
    case CONF_ORDER_AGEING:
        points = priority * 60000 + (int64_t)q->ageing * (int64_t)(w->now - call->since_ms);
        if (q->priority_max && points > (int64_t)q->priority_max * 60000)
            points = (int64_t)q->priority_max * 60000;
        return -points;
    }
    return 0;
}

static inline bool oracle_before(const struct audit *w, const struct audit_call *a,
                                 const struct audit_call *b) {
    int64_t ra = oracle_rank(w, a), rb = oracle_rank(w, b);
    if (ra != rb)
        return ra < rb;
    if (a->since_ms != b->since_ms)
        return a->since_ms < b->since_ms;
    return a->serial < b->serial;
}

/* Place within its queue, 1 = next. */
static inline uint32_t oracle_place(const struct audit *w, const struct audit_call *call) {
    uint32_t place = 1;
    for (uint32_t i = 0; i < w->waiting; i++) {
        const struct audit_call *other = &w->call[w->line[i]];
        place += other != call && other->queue == call->queue && oracle_before(w, other, call);
    }
    return place;
}
static inline uint32_t oracle_waiting(const struct audit *w, uint32_t queue) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->waiting; i++)
        count += w->call[w->line[i]].queue == queue;
    return count;
}
static inline const struct audit_call *oracle_first(const struct audit *w, uint32_t queue) {
    const struct audit_call *first = NULL;
    for (uint32_t i = 0; i < w->waiting; i++) {
        const struct audit_call *call = &w->call[w->line[i]];
        if (call->queue == queue && (!first || oracle_before(w, call, first)))
            first = call;
    }
    return first;
}

/* ---- strategies ---- */

static inline bool oracle_names(const struct audit *w, uint32_t queue, uint32_t skill) {
    const struct conf_queue *q = &w->conf->queue[queue - 1];
    for (uint32_t i = 0; i < q->skill_count; i++)
        if (q->skill[i].skill == skill)
            return true;
    for (uint32_t i = 0; i < q->require.count; i++)
        if (q->require.test[i].kind == CONF_TEST_LEVEL && q->require.test[i].skill == skill)
            return true;
    return false;
}

static inline bool oracle_rare(const struct audit *w, uint32_t skill) {
    uint32_t percent = w->conf->rare_skill_percent ? w->conf->rare_skill_percent : 20, all = 0, held = 0;
    for (uint32_t i = 1; i <= w->conf->agent_count; i++) {
        all += oracle_known(w, i);
        held += oracle_known(w, i) && oracle_level(w, i, skill);
    }
    return held * 100 < percent * all;
}

static inline uint32_t oracle_fit(const struct audit *w, uint32_t agent, uint32_t queue) {
    uint32_t fit = 0;
    for (uint32_t skill = 1; skill <= w->conf->skill_count; skill++)
        if (oracle_names(w, queue, skill))
            fit += oracle_level(w, agent, skill);
    return fit;
}

static inline int64_t oracle_score(const struct audit *w, uint32_t agent, const struct audit_call *call) {
    const struct conf_score *s = &w->queue[call->queue].set.score;
    uint64_t cap = s->idle_cap_ms ? s->idle_cap_ms : 600000, idle = w->now - w->agent[agent].idle_order_ms;
    uint32_t named = 0, wasted = 0;
    for (uint32_t skill = 1; skill <= w->conf->skill_count; skill++) {
        bool is_named = oracle_names(w, call->queue, skill);
        named += is_named;
        wasted += !is_named && oracle_level(w, agent, skill) && oracle_rare(w, skill);
    }
    int64_t score = named ? (int64_t)s->skill * oracle_fit(w, agent, call->queue) * 1000 / (10 * named) : 0;
    score += agent == call->preferred ? (int64_t)s->preferred * 1000 : 0;
    score += (int64_t)(s->idle * 1000 * (idle < cap ? idle : cap) / cap);
    return score - (int64_t)s->waste * 1000 * wasted;
}

/* What the strategy looks at, less is better; the longest idle and then the lower number decide the rest. */
static inline int64_t oracle_merit(const struct audit *w, uint32_t agent, const struct audit_call *call) {
    const struct audit_agent *a = &w->agent[agent];
    uint32_t last = w->queue[call->queue].last_agent;
    switch (w->queue[call->queue].set.strategy) {
    case CONF_SKILL_THEN_IDLE:
        return -(int64_t)oracle_fit(w, agent, call->queue);
    case CONF_FEWEST_CALLS:
        return a->handles;
    case CONF_LEAST_TALK:
        return (int64_t)a->talk_ms;
    case CONF_ROUND_ROBIN:
        return agent > last ? (int64_t)agent - last : (int64_t)agent + CONF_MAX_AGENTS;
    case CONF_LINEAR:
        return agent;
    case CONF_SCORED:
        return -oracle_score(w, agent, call);
    case CONF_LONGEST_IDLE:
    case CONF_RING_ALL:
    case CONF_RING_PROGRESSIVELY:
    case CONF_RANDOM:
    case CONF_WEIGHTED:
    case CONF_STRATEGIES:
        break;
    }
    return 0;
}

static inline bool oracle_draws_lots(const struct audit *w, const struct audit_call *call) {
    enum conf_strategy strategy = w->queue[call->queue].set.strategy;
    return (strategy == CONF_RANDOM || strategy == CONF_WEIGHTED) && !oracle_only(w, call);
}

struct oracle_choice {
    uint32_t call, agent; /* 0 = nothing can be done */
    uint32_t able, ahead; /* able agents who may take it; calls before it that nobody able may take */
    bool lots;            /* any of the able will do, but `avoid` only when there is no other */
    bool may[AUDIT_AGENTS + 1];
};

/* The best agent for the call. able: 0 = nobody. */
static inline struct oracle_choice oracle_best(const struct audit *w, uint32_t number) {
    const struct audit_call *call = &w->call[number];
    struct oracle_choice c = {.call = number, .lots = oracle_draws_lots(w, call)};
    int64_t best = 0;
    for (uint32_t i = 1; i <= w->conf->agent_count; i++) {
        if (!oracle_able(w, i) || !oracle_takes(w, i, call))
            continue;
        c.able++;
        if (i == call->avoid)
            continue;
        int64_t merit = oracle_merit(w, i, call);
        c.may[i] = true;
        if (!c.agent || merit < best ||
            (merit == best && w->agent[i].idle_order_ms < w->agent[c.agent].idle_order_ms)) {
            c.agent = i;
            best = merit;
        }
    }
    if (!c.agent && c.able) {
        c.agent = call->avoid;
        c.may[call->avoid] = true;
    }
    return c;
}

/* The offer to be made next. */
static inline struct oracle_choice oracle_next(const struct audit *w) {
    struct oracle_choice none = {0}, best = none;
    bool able[AUDIT_AGENTS + 1], any = false;
    for (uint32_t i = 1; i <= w->conf->agent_count; i++)
        any |= able[i] = oracle_able(w, i);
    for (uint32_t i = 0; i < w->waiting && any; i++) {
        const struct audit_call *call = &w->call[w->line[i]];
        if (!oracle_wants(w, call) || (best.call && oracle_before(w, &w->call[best.call], call)))
            continue;
        for (uint32_t k = 1; k <= w->conf->agent_count; k++)
            if (able[k] && oracle_takes(w, k, call)) {
                best.call = w->line[i];
                break;
            }
    }
    if (!best.call)
        return none;
    best = oracle_best(w, best.call);
    for (uint32_t i = 0; i < w->waiting; i++) {
        const struct audit_call *call = &w->call[w->line[i]];
        best.ahead += oracle_wants(w, call) && oracle_before(w, call, &w->call[best.call]);
    }
    return best;
}

/* ---- steps, marks ---- */

/* The step the call should be at: by its time, and on from steps nobody is there for while a later one has
 * somebody. */
static inline uint32_t oracle_time_step(const struct audit *w, const struct audit_call *call) {
    const struct conf_queue *q = &w->conf->queue[call->queue - 1];
    uint32_t step = call->step;
    for (uint32_t k = call->step + 1; k <= oracle_steps(w, call->queue); k++)
        if (call->since_ms + q->step[k - 1].after_ms <= w->now)
            step = k;
    return step;
}
static inline uint32_t oracle_manned_step(const struct audit *w, const struct audit_call *call,
                                          uint32_t from) {
    for (uint32_t k = from; k <= oracle_steps(w, call->queue); k++)
        if (oracle_manned(w, call->queue, k))
            return k;
    return from;
}

static inline bool oracle_own_agents(const struct audit *w, uint32_t queue) {
    for (uint32_t i = 1; i <= w->conf->agent_count; i++)
        if (w->agent[i].presence == ACD_READY && oracle_tier(w, i, queue) == 1 && oracle_belongs(w, i, queue))
            return true;
    return false;
}

/* One mark of the reserve is reached; or, with `back`, not all are under their lower ones again. */
static inline bool oracle_loaded(const struct audit *w, uint32_t queue, const struct conf_reserve *r,
                                 uint64_t expected_ms, bool back) {
    const struct audit_call *first = oracle_first(w, queue);
    uint32_t waiting = oracle_waiting(w, queue);
    if (r->waiting && (back ? waiting > r->waiting_back : waiting >= r->waiting))
        return true;
    if (r->expected_wait_ms &&
        (back ? expected_ms > r->expected_wait_back_ms : expected_ms >= r->expected_wait_ms))
        return true;
    if (r->slack_ms && first &&
        (int64_t)w->now >
            (int64_t)first->since_ms + (int64_t)w->queue[queue].set.service_level_ms - (int64_t)r->slack_ms)
        return true;
    return r->no_agents && !oracle_own_agents(w, queue);
}

#endif
