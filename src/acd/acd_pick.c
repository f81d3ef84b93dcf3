/* SPDX-License-Identifier: Apache-2.0
 * Which agent gets the call: the strategies by name, the score, and the writing down of why. */
#include "acd/acd_int.h"

enum { MOST_PASSED = 2, SHOWN = ACD_OTHERS + 1 };

/* What a strategy is: in which order the able agents of a group are kept, and what rank the group's (or, in
 * that order, the agent's) own adds. Least rank first, then longest idle, then lower number. */
struct strategy {
    enum acd_agent_order order;
    int64_t (*rank)(const struct acd *acd, const struct acd_call *call, const struct acd_agent *agent);
    bool by_lot;
};

bool acd_excludes(const struct acd_call *call, uint32_t agent) {
    for (int i = 0; i < ACD_EXCLUDED; i++)
        if (call->excluded[i] == agent)
            return true;
    return false;
}

static struct acd_agent *owner(const struct acd_node *node, enum acd_agent_order order) {
    return (struct acd_agent *)(void *)((char *)(uintptr_t)node - offsetof(struct acd_agent, able) -
                                        (size_t)order * sizeof(struct acd_node));
}

/* ---- ranks ---- */

static int64_t rank_alike(const struct acd *acd, const struct acd_call *call, const struct acd_agent *agent) {
    return 0;
}
static int64_t rank_fit(const struct acd *acd, const struct acd_call *call, const struct acd_agent *agent) {
    return -(int64_t)acd_skill_fit(acd, agent->group, call->queue);
}
static int64_t rank_calls(const struct acd *acd, const struct acd_call *call, const struct acd_agent *agent) {
    return agent->handles;
}
static int64_t rank_talk(const struct acd *acd, const struct acd_call *call, const struct acd_agent *agent) {
    return (int64_t)agent->talk_ms;
}
static int64_t rank_number(const struct acd *acd, const struct acd_call *call,
                           const struct acd_agent *agent) {
    return agent->id;
}
/* Those after the last one offered, then those before. */
static int64_t rank_round(const struct acd *acd, const struct acd_call *call, const struct acd_agent *agent) {
    return agent->id > call->queue->last_agent ? agent->id : (int64_t)agent->id + UINT32_MAX;
}

static int64_t score_of(const struct acd *acd, const struct acd_call *call, const struct acd_agent *agent) {
    const struct conf_score *weight = &call->queue->set.score;
    uint64_t cap_ms = weight->idle_cap_ms ? weight->idle_cap_ms : 600000;
    uint64_t idle_ms = acd->now > agent->idle_order_ms ? acd->now - agent->idle_order_ms : 0;
    uint32_t named = acd_skill_named(acd, call->queue);
    int64_t score = 0;
    if (named)
        score += (int64_t)weight->skill * acd_skill_fit(acd, agent->group, call->queue) * 1000 / (10 * named);
    if (call->preferred == agent->id)
        score += (int64_t)weight->preferred * 1000;
    score += (int64_t)(weight->idle * (uint64_t)1000 * (idle_ms < cap_ms ? idle_ms : cap_ms) / cap_ms);
    return score - (int64_t)weight->waste * 1000 * acd_skill_waste(acd, agent->group, call->queue);
}
static int64_t rank_score(const struct acd *acd, const struct acd_call *call, const struct acd_agent *agent) {
    return -score_of(acd, call, agent);
}

static const struct strategy strategies[CONF_STRATEGIES] = {
    [CONF_LONGEST_IDLE] = {ACD_BY_IDLE, rank_alike, false},
    [CONF_SKILL_THEN_IDLE] = {ACD_BY_IDLE, rank_fit, false},
    [CONF_FEWEST_CALLS] = {ACD_BY_CALLS, rank_calls, false},
    [CONF_LEAST_TALK] = {ACD_BY_TALK, rank_talk, false},
    [CONF_ROUND_ROBIN] = {ACD_BY_NUMBER, rank_round, false},
    [CONF_LINEAR] = {ACD_BY_NUMBER, rank_number, false},
    [CONF_RANDOM] = {ACD_BY_NUMBER, rank_alike, true},
    [CONF_WEIGHTED] = {ACD_BY_NUMBER, rank_alike, true},
    [CONF_RING_ALL] = {ACD_BY_IDLE, rank_alike, false},
    [CONF_RING_PROGRESSIVELY] = {ACD_BY_IDLE, rank_alike, false},
    [CONF_SCORED] = {ACD_BY_IDLE, rank_score, false},
};

/* What people are shown of a rank, in thousandths: seconds idle or of talk, calls, levels, points, number. */
static int32_t shown(const struct acd *acd, const struct acd_call *call, const struct acd_agent *agent) {
    int64_t value;
    switch (call->queue->set.strategy) {
    case CONF_SKILL_THEN_IDLE:
        value = 1000 * (int64_t)acd_skill_fit(acd, agent->group, call->queue);
        break;
    case CONF_FEWEST_CALLS:
        value = 1000 * (int64_t)agent->handles;
        break;
    case CONF_LEAST_TALK:
        value = (int64_t)agent->talk_ms;
        break;
    case CONF_ROUND_ROBIN:
    case CONF_LINEAR:
        value = 1000 * (int64_t)agent->id;
        break;
    case CONF_WEIGHTED:
        value = 1000 * (int64_t)agent->weight;
        break;
    case CONF_SCORED:
        value = score_of(acd, call, agent);
        break;
    case CONF_LONGEST_IDLE:
    case CONF_RANDOM:
    case CONF_RING_ALL:
    case CONF_RING_PROGRESSIVELY:
    case CONF_STRATEGIES:
    default:
        value = acd->now > agent->idle_order_ms ? (int64_t)(acd->now - agent->idle_order_ms) : 0;
        break;
    }
    return value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : (int32_t)value;
}

/* ---- candidates: the best few, in order ---- */

struct candidate {
    struct acd_agent *agent;
    struct acd_key key;
};
struct choice {
    const struct acd *acd;
    const struct acd_call *call;
    const struct strategy *strategy;
    struct candidate best[SHOWN];
    uint32_t count, able; /* able: how many there are, whether acceptable or not */
    bool avoid;           /* leave out the one who has just not taken it */
};

static void consider(struct choice *choice, struct acd_agent *agent) {
    struct acd_key key = {choice->strategy->rank(choice->acd, choice->call, agent), agent->idle_order_ms,
                          agent->id};
    uint32_t at = choice->count;
    while (at && acd_key_before(&key, &choice->best[at - 1].key))
        at--;
    if (at == SHOWN)
        return;
    if (choice->count < SHOWN)
        choice->count++;
    for (uint32_t i = choice->count - 1; i > at; i--)
        choice->best[i] = choice->best[i - 1];
    choice->best[at] = (struct candidate){agent, key};
}

static bool acceptable(const struct choice *choice, const struct acd_agent *agent) {
    if (choice->avoid && agent->id == choice->call->avoid)
        return false;
    return !acd_excludes(choice->call, agent->id);
}

/* Where the strategy's order begins in a group. */
static struct acd_node *begin(const struct choice *choice, const struct acd_group *group) {
    const struct acd_tree *tree = &group->able[choice->strategy->order];
    struct acd_key after = {.id = (uint64_t)choice->call->queue->last_agent + 1};
    struct acd_node *node = NULL;
    if (choice->call->queue->set.strategy == CONF_ROUND_ROBIN)
        node = acd_tree_from(tree, &after);
    return node ? node : tree->first;
}

/* The next in that order, wrapping around for round robin; NULL when all were seen. */
static struct acd_node *next_in(const struct choice *choice, const struct acd_group *group,
                                const struct acd_node *node) {
    struct acd_node *next = acd_tree_next(node);
    if (choice->call->queue->set.strategy != CONF_ROUND_ROBIN)
        return next;
    if (!next)
        next = group->able[ACD_BY_NUMBER].first;
    return next == begin(choice, group) ? NULL : next;
}

static struct acd_agent *head(const struct choice *choice, const struct acd_group *group,
                              const struct acd_agent *but) {
    for (struct acd_node *node = begin(choice, group); node; node = next_in(choice, group, node)) {
        struct acd_agent *agent = owner(node, choice->strategy->order);
        if (agent != but && acceptable(choice, agent))
            return agent;
    }
    return NULL;
}

/* The others of the groups that won, so that the best few are right, not only the best. */
static void consider_rest(struct choice *choice) {
    struct acd_agent *heads[SHOWN];
    uint32_t count = choice->count;
    for (uint32_t i = 0; i < count; i++)
        heads[i] = choice->best[i].agent;
    for (uint32_t i = 0; i < count; i++) {
        const struct acd_group *group = heads[i]->group;
        if (choice->strategy->rank == rank_score && heads[i]->id == choice->call->preferred)
            continue; /* his group has another head */
        struct acd_node *node = &heads[i]->able[choice->strategy->order];
        for (int more = 0; more < ACD_OTHERS && (node = next_in(choice, group, node)); more++) {
            struct acd_agent *agent = owner(node, choice->strategy->order);
            if (acceptable(choice, agent) && agent->id != choice->call->preferred)
                consider(choice, agent);
        }
    }
}

/* Groups with able agents who may take the call, word by word. */
#define EACH_GROUP(acd, call, group, w, bits)                                                                \
    for (uint32_t w = 0; w < (acd)->plan.group_words; w++)                                                   \
        for (uint64_t bits = acd_admits(&(acd)->plan, acd_call_line(call))[w] & (acd)->plan.able_groups[w];  \
             bits && ((group) = &(acd)->plan.group[w * 64 + (uint32_t)__builtin_ctzll(bits)]);               \
             bits &= bits - 1)

uint32_t acd_candidates(const struct acd *acd, const struct acd_call *call, uint32_t most) {
    const struct acd_group *group;
    uint32_t count = 0;
    EACH_GROUP(acd, call, group, w, bits) {
        count += acd_tree_size(&group->able[ACD_BY_IDLE]);
        if (count >= most)
            return most;
    }
    return count;
}

/* With its bonus the preferred agent need not be the first of the group. */
static struct acd_agent *preferred_of(const struct choice *choice) {
    const struct acd *acd = choice->acd;
    struct acd_agent *agent = acd_agent(acd, choice->call->preferred);
    bool scored = choice->call->queue->set.strategy == CONF_SCORED;
    if (!scored || !agent || !acd_agent_able(acd, agent) || !acceptable(choice, agent) ||
        !acd_bit(acd_admits(&acd->plan, acd_call_line(choice->call)), agent->group->index))
        return NULL;
    return agent;
}

static void choose(struct choice *choice) {
    const struct acd_group *group;
    struct acd_agent *preferred = preferred_of(choice);
    choice->count = choice->able = 0;
    if (preferred)
        consider(choice, preferred);
    EACH_GROUP(choice->acd, choice->call, group, w, bits) {
        struct acd_agent *agent = head(choice, group, preferred);
        choice->able += acd_tree_size(&group->able[ACD_BY_IDLE]);
        if (agent)
            consider(choice, agent);
    }
    consider_rest(choice);
}

/* ---- by lot ---- */

static uint64_t share_of(const struct acd_call *call, const struct acd_agent *agent) {
    return call->queue->set.strategy == CONF_WEIGHTED ? agent->weight : 1;
}

/* The i-th of those in the group who may not be drawn (exclusions, and the avoided one); NULL when he is in
 * another group, or not able, or was there before. */
static const struct acd_agent *left_out(const struct choice *choice, int i, const struct acd_group *group) {
    const struct acd_call *call = choice->call;
    uint32_t id = i < ACD_EXCLUDED ? call->excluded[i] : choice->avoid ? call->avoid : 0;
    const struct acd_agent *agent = acd_agent(choice->acd, id);
    for (int k = 0; k < i && k < ACD_EXCLUDED; k++)
        if (call->excluded[k] == id)
            return NULL;
    return agent && agent->group == group && acd_node_linked(&agent->able[ACD_BY_NUMBER]) ? agent : NULL;
}

static uint64_t group_share(const struct choice *choice, const struct acd_group *group) {
    const struct acd_tree *tree = &group->able[ACD_BY_NUMBER];
    uint64_t sum =
        choice->call->queue->set.strategy == CONF_WEIGHTED ? acd_tree_total(tree) : acd_tree_size(tree);
    for (int i = 0; i <= ACD_EXCLUDED; i++) {
        const struct acd_agent *agent = left_out(choice, i, group);
        if (agent)
            sum -= share_of(choice->call, agent);
    }
    return sum;
}

/* Those who may not be drawn lie somewhere in the row of shares: `at` jumps over each it would meet. */
static struct acd_agent *draw_in(const struct choice *choice, const struct acd_group *group, uint64_t at) {
    bool by_share = choice->call->queue->set.strategy == CONF_WEIGHTED;
    uint64_t out[ACD_EXCLUDED + 1][2]; /* begin and length, in order */
    uint32_t count = 0;
    for (int i = 0; i <= ACD_EXCLUDED; i++) {
        const struct acd_agent *agent = left_out(choice, i, group);
        if (!agent)
            continue;
        uint64_t begins = acd_tree_share_before(&agent->able[ACD_BY_NUMBER], by_share);
        uint32_t k = count++;
        for (; k && out[k - 1][0] > begins; k--) {
            out[k][0] = out[k - 1][0];
            out[k][1] = out[k - 1][1];
        }
        out[k][0] = begins;
        out[k][1] = share_of(choice->call, agent);
    }
    for (uint32_t i = 0; i < count; i++)
        if (at >= out[i][0])
            at += out[i][1];
    return owner(acd_tree_at_share(&group->able[ACD_BY_NUMBER], at, by_share), ACD_BY_NUMBER);
}

static struct acd_agent *draw(struct acd *acd, const struct choice *choice) {
    const struct acd_group *group;
    uint64_t total = 0, at;
    EACH_GROUP(acd, choice->call, group, w, bits)
    total += group_share(choice, group);
    if (!total)
        return NULL;
    at = rng_next(&acd->rng) % total;
    EACH_GROUP(acd, choice->call, group, w, bits) {
        uint64_t share = group_share(choice, group);
        if (at < share)
            return draw_in(choice, group, at);
        at -= share;
    }
    return NULL;
}

/* ---- writing down ---- */

/* Able agents of the queue who may not take this call, though they are idle longer than the one who gets it.
 */
static void note_passed(struct acd *acd, struct acd_call *call, const struct acd_agent *taken) {
    const struct acd_plan *plan = &acd->plan;
    const uint64_t *admits = acd_admits(plan, acd_call_line(call));
    uint32_t noted = 0;
    for (uint32_t w = 0; w < plan->group_words && noted < MOST_PASSED; w++)
        for (uint64_t bits = call->queue->serve_groups[w] & plan->able_groups[w] & ~admits[w];
             bits && noted < MOST_PASSED; bits &= bits - 1) {
            const struct acd_group *group = &plan->group[w * 64 + (uint32_t)__builtin_ctzll(bits)];
            const struct acd_agent *agent = owner(group->able[ACD_BY_IDLE].first, ACD_BY_IDLE);
            if (agent->idle_order_ms >= taken->idle_order_ms)
                continue;
            struct acd_decision *decision = acd_decide(acd, call, ACD_DID_PASS);
            decision->agent = agent->id;
            decision->why = (uint8_t)acd_why_not(acd, call->id, agent->id);
            noted++;
        }
}

uint32_t acd_wanting_before(const struct acd_queue *queue, const struct acd_key *key) {
    uint32_t count = 0;
    for (uint32_t step = 0; step < queue->line_count; step++)
        count += acd_tree_before(&queue->line[step].turn, key);
    return count;
}

static void note(struct acd *acd, struct acd_call *call, const struct choice *choice,
                 const struct acd_agent *taken) {
    struct acd_decision *decision;
    uint32_t others = 0;
    note_passed(acd, call, taken);
    decision = acd_decide(acd, call, ACD_DID_OFFER);
    decision->agent = taken->id;
    decision->strategy = (uint8_t)call->queue->set.strategy;
    decision->value = acd_wanting_before(call->queue, &call->place.key);
    if (call->only) {
        decision->candidates = 1;
        return;
    }
    decision->candidates = choice->able;
    decision->score = shown(acd, call, taken);
    for (uint32_t i = 0; i < choice->count && others < ACD_OTHERS; i++) {
        if (choice->best[i].agent == taken)
            continue;
        decision->other[others].agent = choice->best[i].agent->id;
        decision->other[others++].score = shown(acd, call, choice->best[i].agent);
    }
}

/* ---- picking ---- */

bool acd_pickable(const struct acd *acd, const struct acd_call *call) {
    const struct acd_group *group;
    struct choice choice = {acd, call, &strategies[call->queue->set.strategy], .avoid = false};
    EACH_GROUP(acd, call, group, w, bits)
    if (head(&choice, group, NULL))
        return true;
    return false;
}

struct acd_agent *acd_pick(struct acd *acd, struct acd_call *call) {
    struct choice choice = {acd, call, &strategies[call->queue->set.strategy], .avoid = true};
    struct acd_agent *taken = call->only;
    if (!taken) {
        choose(&choice);
        if (!choice.count) { /* nobody but the one who has just not taken it */
            choice.avoid = false;
            choose(&choice);
        }
        taken = choice.strategy->by_lot ? draw(acd, &choice) : choice.best[0].agent;
    }
    note(acd, call, &choice, taken);
    return taken;
}
