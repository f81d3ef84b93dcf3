/* SPDX-License-Identifier: Apache-2.0
 * Which agent gets the call: the strategies by name, the score, and the writing down of why. */
#include "acd/acd_int.h"

#include <string.h>

enum { MOST_PASSED = 2, SHOWN = ACD_OTHERS + 1 };

struct choice;
/* What a strategy is: in which order the able agents of a group are kept, and what it makes of an agent's key
 * in that order: least first. All keys end with idle order and number, so ties go to the longest idle, then
 * by number. */
struct strategy {
    enum acd_agent_order order;
    void (*rank)(const struct choice *choice, uint32_t group, struct acd_key *key);
    bool by_lot;
};

struct candidate {
    uint32_t group;
    struct acd_key key; /* id: the agent's number */
};
struct choice {
    const struct acd *acd;
    const struct acd_call *call;
    const struct strategy *strategy;
    struct candidate best[SHOWN]; /* in order */
    uint32_t count, able;         /* able: how many there are, whether acceptable or not */
    bool avoid;                   /* leave out the one who has just not taken it */
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

/* Among the able ones of his group. After a late step somebody may be able whose deadline has not come up
 * yet. */
static bool stands(const struct acd_agent *agent) {
    return acd_node_linked(&agent->able[ACD_BY_IDLE]);
}

/* ---- ranks ---- */

static void rank_as_kept(const struct choice *choice, uint32_t group, struct acd_key *key) {}
static void rank_fit(const struct choice *choice, uint32_t group, struct acd_key *key) {
    key->rank = -(int64_t)choice->call->queue->fit[group];
}
/* Those after the last one offered, then those before. */
static void rank_round(const struct choice *choice, uint32_t group, struct acd_key *key) {
    key->rank = key->id > choice->call->queue->last_agent ? 0 : 1;
}

static int64_t score_of(const struct choice *choice, uint32_t group, const struct acd_key *key) {
    const struct acd_queue *queue = choice->call->queue;
    const struct conf_score *weight = &queue->set.score;
    uint64_t cap_ms = weight->idle_cap_ms ? weight->idle_cap_ms : 600000;
    uint64_t idle_ms = choice->acd->now > key->time ? choice->acd->now - key->time : 0;
    int64_t score = queue->fit[group];
    if (choice->call->preferred == key->id)
        score += (int64_t)weight->preferred * 1000;
    return score + (int64_t)(weight->idle * (uint64_t)1000 * (idle_ms < cap_ms ? idle_ms : cap_ms) / cap_ms);
}
static void rank_score(const struct choice *choice, uint32_t group, struct acd_key *key) {
    key->rank = -score_of(choice, group, key);
}

static const struct strategy strategies[CONF_STRATEGIES] = {
    [CONF_LONGEST_IDLE] = {ACD_BY_IDLE, rank_as_kept, false},
    [CONF_SKILL_THEN_IDLE] = {ACD_BY_IDLE, rank_fit, false},
    [CONF_FEWEST_CALLS] = {ACD_BY_CALLS, rank_as_kept, false},
    [CONF_LEAST_TALK] = {ACD_BY_TALK, rank_as_kept, false},
    [CONF_ROUND_ROBIN] = {ACD_BY_NUMBER, rank_round, false},
    [CONF_LINEAR] = {ACD_BY_NUMBER, rank_as_kept, false},
    [CONF_RANDOM] = {ACD_BY_NUMBER, rank_as_kept, true},
    [CONF_WEIGHTED] = {ACD_BY_NUMBER, rank_as_kept, true},
    [CONF_RING_ALL] = {ACD_BY_IDLE, rank_as_kept, false},
    [CONF_RING_PROGRESSIVELY] = {ACD_BY_IDLE, rank_as_kept, false},
    [CONF_SCORED] = {ACD_BY_IDLE, rank_score, false},
};

/* What people are shown of a rank, in thousandths: seconds idle or of talk, calls, levels, points, number. */
static int32_t shown(const struct choice *choice, const struct acd_agent *agent) {
    const struct acd_queue *queue = choice->call->queue;
    uint64_t idle_ms = choice->acd->now > agent->idle_order_ms ? choice->acd->now - agent->idle_order_ms : 0;
    struct acd_key key = {.time = agent->idle_order_ms, .id = agent->id};
    int64_t value;
    switch (queue->set.strategy) {
    case CONF_SKILL_THEN_IDLE:
        value = 1000 * (int64_t)queue->fit[agent->group->index];
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
        value = score_of(choice, agent->group->index, &key);
        break;
    case CONF_LONGEST_IDLE:
    case CONF_RANDOM:
    case CONF_RING_ALL:
    case CONF_RING_PROGRESSIVELY:
    case CONF_STRATEGIES:
    default:
        value = (int64_t)idle_ms;
        break;
    }
    return value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : (int32_t)value;
}

/* ---- candidates: the best few, in order ---- */

static void consider(struct choice *choice, uint32_t group, struct acd_key key) {
    uint32_t at = choice->count;
    choice->strategy->rank(choice, group, &key);
    while (at && acd_key_before(&key, &choice->best[at - 1].key))
        at--;
    if (at == SHOWN)
        return;
    if (choice->count < SHOWN)
        choice->count++;
    for (uint32_t i = choice->count - 1; i > at; i--)
        choice->best[i] = choice->best[i - 1];
    choice->best[at] = (struct candidate){group, key};
}

static bool acceptable(const struct choice *choice, uint64_t agent) {
    if (choice->avoid && agent == choice->call->avoid)
        return false;
    return !acd_excludes(choice->call, (uint32_t)agent);
}

static bool goes_round(const struct choice *choice) {
    return choice->call->queue->set.strategy == CONF_ROUND_ROBIN;
}

/* Where the strategy's order begins in a group. */
static const struct acd_node *begin(const struct choice *choice, const struct acd_group *group) {
    const struct acd_tree *tree = &group->able[choice->strategy->order];
    struct acd_key after = {.id = (uint64_t)choice->call->queue->last_agent + 1};
    const struct acd_node *node = goes_round(choice) ? acd_tree_from(tree, &after) : NULL;
    return node ? node : tree->first;
}

/* The next in that order, wrapping around for round robin; NULL when all were seen. */
static const struct acd_node *next_in(const struct choice *choice, const struct acd_group *group,
                                      const struct acd_node *node) {
    const struct acd_node *next = acd_tree_next(node);
    if (!goes_round(choice))
        return next;
    if (!next)
        next = group->able[ACD_BY_NUMBER].first;
    return next == begin(choice, group) ? NULL : next;
}

/* The group's first agent who may get the call, but not `but`; NULL when there is none. */
static const struct acd_node *head(const struct choice *choice, const struct acd_group *group, uint64_t but) {
    const struct acd_node *node = begin(choice, group);
    while (node && (node->key.id == but || !acceptable(choice, node->key.id)))
        node = next_in(choice, group, node);
    return node;
}

/* The others of the groups that won, so that the best few are right, not only the best. */
static void consider_rest(struct choice *choice) {
    struct candidate heads[SHOWN];
    uint32_t count = choice->count;
    memcpy(heads, choice->best, sizeof heads);
    for (uint32_t i = 0; i < count; i++) {
        const struct acd_group *group = &choice->acd->plan.group[heads[i].group];
        const struct acd_node *node = &choice->acd->agent[heads[i].key.id - 1]->able[choice->strategy->order];
        if (choice->strategy->rank == rank_score && heads[i].key.id == choice->call->preferred)
            continue; /* his group has another head */
        for (int more = 0; more < ACD_OTHERS && (node = next_in(choice, group, node)); more++)
            if (acceptable(choice, node->key.id) && node->key.id != choice->call->preferred)
                consider(choice, group->index, node->key);
    }
}

/* Indices of groups with able agents who may take the call. */
#define EACH_GROUP(acd, call, index, w, bits)                                                                \
    for (uint32_t w = 0, index; w < (acd)->plan.group_words; w++)                                            \
        for (uint64_t bits = acd_admits(&(acd)->plan, acd_call_line(call))[w] & (acd)->plan.able_groups[w];  \
             bits && (index = w * 64 + (uint32_t)__builtin_ctzll(bits), true); bits &= bits - 1)

uint32_t acd_candidates(const struct acd *acd, const struct acd_call *call, uint32_t most) {
    uint32_t count = 0;
    EACH_GROUP(acd, call, index, w, bits) {
        count += acd->plan.able_count[index];
        if (count >= most)
            return most;
    }
    return count;
}

/* With its bonus the preferred agent need not be the first of the group. */
static uint32_t preferred_of(const struct choice *choice) {
    const struct acd *acd = choice->acd;
    const struct acd_agent *agent = acd_agent(acd, choice->call->preferred);
    bool scored = choice->call->queue->set.strategy == CONF_SCORED;
    if (!scored || !agent || !stands(agent) || !acceptable(choice, agent->id) ||
        !acd_bit(acd_admits(&acd->plan, acd_call_line(choice->call)), agent->group->index))
        return 0;
    return agent->id;
}

/* The first of each group is at hand in plan.heads, next to the others': a look at the group itself only when
 * that one may not get the call. */
static void choose(struct choice *choice) {
    const struct acd_plan *plan = &choice->acd->plan;
    const struct acd_key *heads = plan->heads + (size_t)choice->strategy->order * plan->group_count;
    uint32_t preferred = preferred_of(choice), last = choice->call->queue->last_agent;
    bool round = goes_round(choice);
    choice->count = choice->able = 0;
    if (preferred) {
        const struct acd_agent *agent = choice->acd->agent[preferred - 1];
        consider(choice, agent->group->index, agent->able[ACD_BY_IDLE].key);
    }
    EACH_GROUP(choice->acd, choice->call, index, w, bits) {
        uint64_t id = heads[index].id;
        choice->able += plan->able_count[index];
        if (id != preferred && acceptable(choice, id) && !(round && id <= last)) {
            consider(choice, index, heads[index]);
            continue;
        }
        const struct acd_node *node = head(choice, &plan->group[index], preferred);
        if (node)
            consider(choice, index, node->key);
    }
    consider_rest(choice);
}

/* ---- by lot ---- */

static uint64_t share_of(const struct acd_call *call, const struct acd_agent *agent) {
    return call->queue->set.strategy == CONF_WEIGHTED ? agent->weight : 1;
}

struct lots {
    const struct choice *choice;
    bool by_share;
    const struct acd_agent *out[ACD_EXCLUDED + 1]; /* able ones who may not be drawn */
    uint32_t out_count;
};

static void leave_out(struct lots *lots, uint32_t id) {
    const struct acd_agent *agent = acd_agent(lots->choice->acd, id);
    if (!agent || !acd_node_linked(&agent->able[ACD_BY_NUMBER]))
        return;
    for (uint32_t i = 0; i < lots->out_count; i++)
        if (lots->out[i] == agent)
            return;
    lots->out[lots->out_count++] = agent;
}

static uint64_t group_share(const struct lots *lots, uint32_t group) {
    const struct acd_plan *plan = &lots->choice->acd->plan;
    uint64_t sum = lots->by_share ? plan->able_share[group] : plan->able_count[group];
    for (uint32_t i = 0; i < lots->out_count; i++)
        if (lots->out[i]->group->index == group)
            sum -= share_of(lots->choice->call, lots->out[i]);
    return sum;
}

/* Those who may not be drawn lie somewhere in the row of shares: `at` jumps over each it would meet. */
static struct acd_agent *draw_in(const struct lots *lots, uint32_t group, uint64_t at) {
    uint64_t out[ACD_EXCLUDED + 1][2]; /* begin and length, in order */
    uint32_t count = 0;
    for (uint32_t i = 0; i < lots->out_count; i++) {
        if (lots->out[i]->group->index != group)
            continue;
        uint64_t begins = acd_tree_share_before(&lots->out[i]->able[ACD_BY_NUMBER], lots->by_share);
        uint32_t k = count++;
        for (; k && out[k - 1][0] > begins; k--) {
            out[k][0] = out[k - 1][0];
            out[k][1] = out[k - 1][1];
        }
        out[k][0] = begins;
        out[k][1] = share_of(lots->choice->call, lots->out[i]);
    }
    for (uint32_t i = 0; i < count; i++)
        if (at >= out[i][0])
            at += out[i][1];
    const struct acd_tree *tree = &lots->choice->acd->plan.group[group].able[ACD_BY_NUMBER];
    return owner(acd_tree_at_share(tree, at, lots->by_share), ACD_BY_NUMBER);
}

/* One walk over the groups to add up, one to find; NULL when nobody may be drawn. */
static struct acd_agent *draw(struct acd *acd, struct choice *choice) {
    const struct acd_call *call = choice->call;
    struct lots lots = {.choice = choice, .by_share = call->queue->set.strategy == CONF_WEIGHTED};
    uint64_t total = 0, at;
    for (int i = 0; i < ACD_EXCLUDED; i++)
        leave_out(&lots, call->excluded[i]);
    if (choice->avoid)
        leave_out(&lots, call->avoid);
    choice->able = 0;
    EACH_GROUP(acd, call, index, w, bits) {
        total += group_share(&lots, index);
        choice->able += acd->plan.able_count[index];
    }
    if (!total)
        return NULL;
    at = rng_next(&acd->rng) % total;
    EACH_GROUP(acd, call, index, w, bits) {
        uint64_t share = group_share(&lots, index);
        if (at < share)
            return draw_in(&lots, index, at);
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

static uint32_t able_but_excluded(const struct acd *acd, const struct acd_call *call) {
    const uint64_t *admits = acd_admits(&acd->plan, acd_call_line(call));
    uint32_t count = 0;
    for (int i = 0; i < ACD_EXCLUDED; i++) {
        const struct acd_agent *agent = acd_agent(acd, call->excluded[i]);
        bool again = false;
        for (int k = 0; k < i; k++)
            again = again || call->excluded[k] == call->excluded[i];
        count += !again && agent && stands(agent) && acd_bit(admits, agent->group->index);
    }
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
    decision->candidates = choice->able - able_but_excluded(acd, call);
    decision->score = shown(choice, taken);
    for (uint32_t i = 0; i < choice->count && others < ACD_OTHERS; i++) {
        const struct acd_agent *other = acd->agent[choice->best[i].key.id - 1];
        if (other == taken)
            continue;
        decision->other[others].agent = other->id;
        decision->other[others++].score = shown(choice, other);
    }
}

/* ---- picking ---- */

bool acd_pickable(const struct acd *acd, const struct acd_call *call) {
    struct choice choice = {acd, call, &strategies[call->queue->set.strategy], .avoid = false};
    EACH_GROUP(acd, call, index, w, bits)
    if (head(&choice, &acd->plan.group[index], 0))
        return true;
    return false;
}

static struct acd_agent *take(struct acd *acd, struct choice *choice) {
    if (choice->strategy->by_lot)
        return draw(acd, choice);
    choose(choice);
    return choice->count ? acd->agent[choice->best[0].key.id - 1] : NULL;
}

struct acd_agent *acd_pick(struct acd *acd, struct acd_call *call) {
    struct choice choice = {acd, call, &strategies[call->queue->set.strategy], .avoid = call->avoid != 0};
    struct acd_agent *taken = call->only;
    if (!taken)
        taken = take(acd, &choice);
    if (!taken) { /* nobody but the one who has just not taken it */
        choice.avoid = false;
        taken = take(acd, &choice);
    }
    note(acd, call, &choice, taken);
    return taken;
}
