/* SPDX-License-Identifier: Apache-2.0
 * LIBS: acd conf base
 * Parts of the distributor that scenarios do not reach: the ordered tree against a plain list, offer numbers
 * that come round, texts, and that the checker sees what is wrong. */
#include "acd/acd_int.h"
#include "acd_script.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* ---- the tree ---- */

enum { NODES = 300 };

static void same_as_sorted(const struct acd_tree *tree, struct acd_node *nodes) {
    const struct acd_node *last = NULL;
    uint32_t count = 0, linked = 0;
    for (const struct acd_node *n = tree->first; n; last = n, n = acd_tree_next(n)) {
        assert_true(!last || acd_key_before(&last->key, &n->key));
        assert_int_equal(acd_tree_rank(n), ++count);
    }
    for (int i = 0; i < NODES; i++)
        linked += acd_node_linked(&nodes[i]);
    assert_int_equal(count, linked);
    assert_int_equal(acd_tree_size(tree), linked);
}

static void tree_keeps_order(void **state) {
    static struct acd_node nodes[NODES];
    struct acd_tree tree = {0};
    uint64_t rng = 5;
    for (int round = 0; round < 6000; round++) {
        uint32_t i = (uint32_t)(rng_next(&rng) % NODES);
        if (acd_node_linked(&nodes[i]))
            acd_tree_remove(&tree, &nodes[i]);
        else
            acd_tree_add(&tree, &nodes[i],
                         (struct acd_key){(int64_t)(rng_next(&rng) % 3) - 1, rng_next(&rng) % 50, i});
        if (round % 16 == 0)
            same_as_sorted(&tree, nodes);
    }
    for (int i = 0; i < NODES; i++) {
        acd_tree_remove(&tree, &nodes[i]);
        acd_tree_remove(&tree, &nodes[i]); /* harmless */
    }
    same_as_sorted(&tree, nodes);
    assert_null(tree.first);
}

/* Calls enter in the order of their keys, which would make a plain tree a list. */
static void tree_stays_shallow(void **state) {
    enum { MANY = 20000 };
    struct acd_node *nodes = calloc(MANY, sizeof *nodes);
    struct acd_tree tree = {0};
    uint32_t deepest = 0;
    for (uint32_t i = 0; i < MANY; i++)
        acd_tree_add(&tree, &nodes[i], (struct acd_key){0, i * 10, i + 1});
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t depth = 0;
        for (const struct acd_node *n = &nodes[i]; n; n = n->up)
            depth++;
        deepest = depth > deepest ? depth : deepest;
    }
    assert_in_range(deepest, 15, 60);
    free(nodes);
}

/* ---- offers ---- */

static struct acd *two_agents(struct conf **confp, struct acd_effects *fx) {
    char lines[][40] = {"queue 1 ring=100000000", "agent 1 queues=1 auto", "agent 2 queues=1 auto"};
    struct conf *conf = *confp = world_conf(0, 0, 0);
    struct acd *acd = NULL;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        assert_int_equal(script_line(conf, lines[i]), 0);
    assert_int_equal(acd_create(&acd, 1), 0);
    assert_int_equal(acd_step(acd, &(struct acd_event){.type = ACD_EV_CONFIGURE, .conf = conf}, fx), 0);
    for (uint32_t i = 1; i <= 2; i++)
        assert_int_equal(acd_step(acd, &(struct acd_event){.type = ACD_EV_REACHABLE, .agent = i}, fx), 0);
    return acd;
}

static uint32_t offered(struct acd *acd, uint64_t call, struct acd_effects *fx) {
    fx->count = 0;
    assert_int_equal(
        acd_step(acd, &(struct acd_event){.type = ACD_EV_CALL_ENTER, .call = call, .queue = 1}, fx), 0);
    assert_int_equal(fx->item[1].type, ACD_FX_OFFER); /* after "entered" */
    return fx->item[1].offer;
}

/* One phone rings for a very long time while the other has hundreds of offers: no number is given twice. */
static void offer_numbers_do_not_meet(void **state) {
    struct acd_effects fx = {0};
    struct conf *conf;
    struct acd *acd = two_agents(&conf, &fx);
    acd->offer_last = UINT32_MAX - 100; /* comes round on the way, past 0 */
    uint32_t first = offered(acd, 1, &fx), last = first;
    assert_int_equal(acd_step(acd, &(struct acd_event){.type = ACD_EV_OFFER_RINGING, .offer = first}, &fx),
                     0);
    for (uint64_t call = 2; call < 600; call++) {
        uint32_t offer = offered(acd, call, &fx);
        assert_true(offer && offer != first && offer != last);
        assert_int_equal(acd_offer_find(acd, offer)->id, 2);
        assert_int_equal(acd_offer_find(acd, first)->id, 1);
        assert_int_equal(acd_step(acd,
                                  &(struct acd_event){.type = ACD_EV_CALL_LEAVE,
                                                      .call = call,
                                                      .visit_result = ACD_VISIT_ABANDONED},
                                  &fx),
                         0);
        assert_int_equal(
            acd_step(acd, &(struct acd_event){.type = ACD_EV_OFFER_ANSWERED, .offer = offer}, &fx), -ESTALE);
        assert_null(acd_check(acd));
        if (last != first)
            assert_null(acd_offer_find(acd, last));
        last = offer;
    }
    assert_int_equal(acd_step(acd, &(struct acd_event){.type = ACD_EV_OFFER_ANSWERED, .offer = first}, &fx),
                     0);
    acd_destroy(acd);
    world_free(conf);
    free(fx.item);
}

/* ---- more than one word of bits ---- */

enum { WIDE = 70 }; /* queues; twice as many agents, each in a group of his own */

static struct conf *wide_conf(void) {
    struct conf *conf = world_conf(2 * WIDE, WIDE, WIDE);
    for (uint32_t q = 1; q <= WIDE; q++) {
        world_skill(&conf->queue[q - 1].skill, &conf->queue[q - 1].skill_count, q, 1);
        conf->queue[q - 1].need_agents = true;
    }
    for (uint32_t a = 0; a < 2 * WIDE; a++) {
        struct conf_agent *agent = &conf->agent[a];
        agent->auto_login = true;
        world_list(&agent->queue, &agent->queue_count, a % WIDE + 1);
        world_skill(&agent->skill, &agent->skill_count, a % WIDE + 1, 1 + a / WIDE);
    }
    return conf;
}

/* Carries out the event and returns its first effect of that type. */
static struct acd_effect effect_of(struct acd *acd, struct acd_event event, enum acd_effect_type type) {
    struct acd_effects fx = {0};
    struct acd_effect found = {.type = ACD_FX_TYPES};
    assert_int_equal(acd_step(acd, &event, &fx), 0);
    for (uint32_t i = 0; i < fx.count && found.type != type; i++)
        if (fx.item[i].type == type)
            found = fx.item[i];
    free(fx.item);
    const char *broken = acd_check(acd);
    if (broken)
        fail_msg("%s", broken);
    return found;
}
static struct acd_effect enter(struct acd *acd, uint64_t call, uint32_t queue, enum acd_effect_type type) {
    return effect_of(acd, (struct acd_event){.type = ACD_EV_CALL_ENTER, .call = call, .queue = queue}, type);
}

/* Each queue has two agents, of the first and the last 70 groups: both are found, for entering calls, when
 * they become free, and for the door. */
static void more_than_64_queues_and_groups(void **state) {
    struct conf *conf = wide_conf();
    struct acd *acd;
    assert_int_equal(acd_create(&acd, 1), 0);
    effect_of(acd, (struct acd_event){.type = ACD_EV_CONFIGURE, .conf = conf}, ACD_FX_TYPES);
    for (uint32_t a = 1; a <= 2 * WIDE; a++)
        effect_of(acd, (struct acd_event){.type = ACD_EV_REACHABLE, .agent = a}, ACD_FX_TYPES);
    for (uint32_t call = 1; call <= 2 * WIDE; call++) { /* call n goes to agent n */
        struct acd_effect offer = enter(acd, call, (call - 1) % WIDE + 1, ACD_FX_OFFER);
        assert_int_equal(offer.type, ACD_FX_OFFER);
        assert_int_equal(offer.agent, call);
        offer = effect_of(acd, (struct acd_event){.type = ACD_EV_OFFER_ANSWERED, .offer = offer.offer},
                          ACD_FX_CONNECT);
        assert_int_equal(offer.agent, call);
    }
    for (uint32_t q = 1; q <= WIDE; q++) /* a third caller waits for either */
        assert_int_equal(enter(acd, 1000 + q, q, ACD_FX_OFFER).type, ACD_FX_TYPES);
    for (uint32_t q = 1; q <= WIDE; q++) {
        uint32_t agent = q % 2 ? q : q + WIDE;
        struct acd_effect offer =
            effect_of(acd, (struct acd_event){.type = ACD_EV_HANDLE_END, .agent = agent}, ACD_FX_OFFER);
        assert_int_equal(offer.type, ACD_FX_OFFER);
        assert_int_equal(offer.call, 1000 + q);
        effect_of(acd, (struct acd_event){.type = ACD_EV_OFFER_ANSWERED, .offer = offer.offer},
                  ACD_FX_CONNECT);
    }
    for (uint32_t q = 1; q <= WIDE; q++) { /* both log out; the queue is open as long as one is there */
        const uint32_t agents[] = {q, q + WIDE};
        for (int i = 0; i < 2; i++) {
            bool last = i == 1;
            effect_of(acd, (struct acd_event){.type = ACD_EV_LOGOUT, .agent = agents[i]}, ACD_FX_TYPES);
            struct acd_effect end = effect_of(
                acd, (struct acd_event){.type = ACD_EV_HANDLE_END, .agent = agents[i]}, ACD_FX_VISIT_END);
            assert_int_equal(end.type == ACD_FX_VISIT_END, last);
            end = enter(acd, 2000 + q * 2 + (uint32_t)i, q, ACD_FX_VISIT_END);
            assert_int_equal(end.type == ACD_FX_VISIT_END, last);
        }
    }
    assert_int_equal(acd_waiting(acd), 0);
    acd_destroy(acd);
    world_free(conf);
}

/* A queue without a limit of its own has the limit of calls. */
static void limit_of_calls(void **state) {
    struct acd_effects fx = {0};
    struct conf *conf;
    struct acd *acd = two_agents(&conf, &fx);
    conf->max_calls = 3;
    for (uint32_t agent = 1; agent <= 2; agent++)
        effect_of(acd, (struct acd_event){.type = ACD_EV_PAUSE, .agent = agent}, ACD_FX_AGENT);
    for (uint64_t call = 1; call <= 3; call++)
        assert_int_equal(enter(acd, call, 1, ACD_FX_VISIT_END).type, ACD_FX_TYPES);
    assert_int_equal(enter(acd, 4, 1, ACD_FX_VISIT_END).visit_result, ACD_VISIT_FULL);
    assert_int_equal(acd_waiting(acd), 3);
    acd_destroy(acd);
    world_free(conf);
    free(fx.item);
}

/* ---- memory ---- */

/* What a step had no memory for is asked for again at once, and then done. */
static void unfinished_step_asks_for_another(void **state) {
    struct acd_effects fx = {0}, none = {0};
    struct conf *conf;
    struct acd *acd = two_agents(&conf, &fx);
    conf->queue[0].need_agents = true;
    effect_of(acd, (struct acd_event){.type = ACD_EV_CONFIGURE, .conf = conf}, ACD_FX_TYPES);
    effect_of(acd, (struct acd_event){.type = ACD_EV_PAUSE, .agent = 1}, ACD_FX_AGENT);
    effect_of(acd, (struct acd_event){.type = ACD_EV_PAUSE, .agent = 2}, ACD_FX_AGENT);
    for (uint64_t call = 1; call <= 40; call++)
        assert_int_equal(enter(acd, call, 1, ACD_FX_VISIT_END).type, ACD_FX_TYPES);
    effect_of(acd, (struct acd_event){.type = ACD_EV_LOGOUT, .agent = 1}, ACD_FX_AGENT);
    uint32_t ended = 0;
    acd_mem_left = 1; /* 40 callers have to go, and the list of effects cannot grow for all */
    assert_int_equal(
        acd_step(acd, &(struct acd_event){.type = ACD_EV_LOGOUT, .now_ms = 5, .agent = 2}, &none), 0);
    assert_in_range(none.count, 1, 39);
    assert_int_equal(acd_deadline(acd), 5);
    acd_mem_left = -1;
    assert_int_equal(acd_step(acd, &(struct acd_event){.type = ACD_EV_TICK, .now_ms = 5}, &none), 0);
    for (uint32_t i = 0; i < none.count; i++)
        ended += none.item[i].type == ACD_FX_VISIT_END;
    assert_int_equal(ended, 40);
    assert_int_equal(acd_deadline(acd), NEVER);
    assert_null(acd_check(acd));
    acd_destroy(acd);
    world_free(conf);
    free(fx.item);
    free(none.item);
}

/* ---- the checker ---- */

struct damage {
    struct acd *acd;
    struct acd_agent *agent;  /* talks with call 1 */
    struct acd_agent *other;  /* rings for call 2 */
    struct acd_call *waiting; /* call 3 */
};

static void wants(struct damage *d, const char *invariant) {
    const char *text = acd_check(d->acd);
    if (!text || strncmp(text, invariant, strlen(invariant)))
        fail_msg("wanted %s, the checker said: %s", invariant, text ? text : "all is well");
}

/* Each damage is done, seen under its number, and undone. */
#define BREAK(field, value, invariant)                                                                       \
    do {                                                                                                     \
        __typeof__(field) kept = (field);                                                                    \
        (field) = (value);                                                                                   \
        wants(&d, invariant);                                                                                \
        (field) = kept;                                                                                      \
        assert_null(acd_check(d.acd));                                                                       \
    } while (0)

static void checker_sees(void **state) {
    struct acd_effects fx = {0};
    struct conf *conf;
    struct damage d = {.acd = two_agents(&conf, &fx)};
    uint32_t offer = offered(d.acd, 1, &fx);
    assert_int_equal(acd_step(d.acd, &(struct acd_event){.type = ACD_EV_OFFER_ANSWERED, .offer = offer}, &fx),
                     0);
    offered(d.acd, 2, &fx);
    for (uint64_t call = 3; call < 6; call++)
        assert_int_equal(
            acd_step(d.acd, &(struct acd_event){.type = ACD_EV_CALL_ENTER, .call = call, .queue = 1}, &fx),
            0);
    d.agent = d.acd->agent[0];
    d.other = d.acd->agent[1];
    d.waiting = acd_call(d.acd, 3);
    BREAK(d.agent->activity, ACD_IDLE, "I3");
    BREAK(d.agent->call, NULL, "I3");
    BREAK(d.agent->call, d.waiting, "I3");
    BREAK(d.agent->call_id, 0, "I3");
    BREAK(d.agent->presence, ACD_NOT_READY, "I6");
    BREAK(d.agent->reason, 1, "I6");
    BREAK(d.other->offer, 0, "I2");
    BREAK(d.other->reachable, false, "I7");
    BREAK(d.other->other_calls, 1, "I7");
    BREAK(d.other->timer.key.time, 1, "I5");
    BREAK(d.other->ring_to_ms, 1, "I5");
    BREAK(d.other->removed, true, "I9");
    BREAK(d.waiting->ringing_count, 1, "I3");
    BREAK(d.waiting->ringing, d.other, "I3");
    BREAK(d.waiting->since_ms, 77, "I4");
    BREAK(d.waiting->own_priority, -5, "I4");
    BREAK(d.waiting->queue->set.max_wait_ms, 500, "I5");
    BREAK(d.waiting->queue->removed, true, "I9");
    BREAK(d.acd->waiting, 9, "I8");
    BREAK(d.agent->group->count[ACD_READY][ACD_TALKING], 9, "I8");
    acd_destroy(d.acd);
    world_free(conf);
    free(fx.item);
}

/* An agent left idle although a call waits; a queue left open although nobody is there. */
static void checker_sees_the_promise_broken(void **state) {
    struct acd_effects fx = {0};
    struct conf *conf;
    struct damage d = {.acd = two_agents(&conf, &fx)};
    conf->agent[1].removed = true;
    assert_int_equal(acd_step(d.acd, &(struct acd_event){.type = ACD_EV_CONFIGURE, .conf = conf}, &fx), 0);
    assert_int_equal(acd_step(d.acd, &(struct acd_event){.type = ACD_EV_PAUSE, .agent = 1}, &fx), 0);
    assert_int_equal(
        acd_step(d.acd, &(struct acd_event){.type = ACD_EV_CALL_ENTER, .call = 1, .queue = 1}, &fx), 0);
    d.agent = d.acd->agent[0];
    BREAK(d.agent->presence, ACD_READY, "I1");
    assert_int_equal(acd_step(d.acd, &(struct acd_event){.type = ACD_EV_LOGOUT, .agent = 1}, &fx), 0);
    BREAK(conf->queue[0].need_agents, true, "I10");
    acd_destroy(d.acd);
    world_free(conf);
    free(fx.item);
}

/* Steps, tiers, several phones, a preferred agent, the reserve: agents 1 and 2 ring for call 1, agent 3 is
 * paused, call 2 waits for agent 1 alone, call 3 for anybody. */
static void checker_sees_the_rules_broken(void **state) {
    char lines[][60] = {"queue 1 ring_all ring=100000000 step=50000::2",
                        "queue 1 preferred=last preferred_wait=60000",
                        "queue 1 reserve=tier:3,waiting:9/8",
                        "agent 1 queues=1 auto",
                        "agent 2 queues=1 auto",
                        "agent 3 queues=1:2"};
    struct acd_effects fx = {0};
    struct damage d = {0};
    struct conf *conf = world_conf(0, 0, 0);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        assert_int_equal(script_line(conf, lines[i]), 0);
    assert_int_equal(acd_create(&d.acd, 1), 0);
    effect_of(d.acd, (struct acd_event){.type = ACD_EV_CONFIGURE, .conf = conf}, ACD_FX_TYPES);
    for (uint32_t i = 1; i <= 3; i++)
        effect_of(d.acd, (struct acd_event){.type = ACD_EV_REACHABLE, .agent = i}, ACD_FX_TYPES);
    effect_of(d.acd, (struct acd_event){.type = ACD_EV_LOGIN, .agent = 3}, ACD_FX_TYPES);
    enter(d.acd, 1, 1, ACD_FX_OFFER);
    effect_of(d.acd, (struct acd_event){.type = ACD_EV_CALL_ENTER, .call = 2, .queue = 1, .preferred = 1},
              ACD_FX_TYPES);
    enter(d.acd, 3, 1, ACD_FX_TYPES);
    struct acd_call *rings = acd_call(d.acd, 1), *prefers = acd_call(d.acd, 2);
    struct acd_queue *queue = rings->queue;
    d.agent = d.acd->agent[2];
    d.waiting = acd_call(d.acd, 3);
    assert_int_equal(rings->ringing_count, 2);
    assert_ptr_equal(prefers->only, d.acd->agent[0]);
    BREAK(rings->ringing_count, 1, "I3");
    BREAK(rings->round_ms, 1, "I3");
    BREAK(rings->excluded[1], 2, "I11");
    BREAK(prefers->only->presence, ACD_LOGGED_OUT, "I6");
    BREAK(prefers->only, d.agent, "I11");
    BREAK(prefers->only, NULL, "I4");
    BREAK(prefers->preferred, 2, "I11");
    BREAK(prefers->excluded[0], 1, "I11");
    BREAK(prefers->only_to_ms, 0, "I11");
    BREAK(prefers->only_to_ms, 40000, "I5");
    BREAK(d.waiting->step, 2, "I12");
    BREAK(d.waiting->step, 1, "I5");
    BREAK(conf->queue[0].step[0].after_ms, 0, "I12");
    BREAK(d.waiting->queue->set.strategy, CONF_LINEAR, "I4"); /* call 1 does not want a third phone then */
    BREAK(queue->open_tier, 2, "I13");
    BREAK(queue->reserves_in, 1, "I13");
    BREAK(conf->queue[0].reserve[0].waiting, 3, "I13");
    acd_destroy(d.acd);
    world_free(conf);
    free(fx.item);
}

/* Who is able and may take a call by a step, a tier, a skill or a preference idles. */
static void checker_sees_all_who_may(void **state) {
    char lines[][120] = {"queue 1 skill=1:5 step=10000:2:2", "agent 1 queues=1 skill=1:3 auto",
                         "agent 2 queues=1:2 skill=2:1 auto", "agent 3 queues=1 skill=1:9"};
    struct damage d = {0};
    struct conf *conf = world_conf(0, 0, 0);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        assert_int_equal(script_line(conf, lines[i]), 0);
    assert_int_equal(acd_create(&d.acd, 1), 0);
    effect_of(d.acd, (struct acd_event){.type = ACD_EV_CONFIGURE, .conf = conf}, ACD_FX_TYPES);
    for (uint32_t i = 1; i <= 3; i++)
        effect_of(d.acd, (struct acd_event){.type = ACD_EV_REACHABLE, .agent = i}, ACD_FX_TYPES);
    effect_of(d.acd, (struct acd_event){.type = ACD_EV_LOGIN, .agent = 3}, ACD_FX_TYPES);
    effect_of(d.acd, (struct acd_event){.type = ACD_EV_PAUSE, .agent = 3}, ACD_FX_TYPES); /* no reason */
    effect_of(d.acd, (struct acd_event){.type = ACD_EV_CALL_ENTER, .call = 1, .queue = 1, .excluded = {2}},
              ACD_FX_TYPES);
    d.waiting = acd_call(d.acd, 1);
    BREAK(d.acd->agent[2]->presence, ACD_READY, "I1"); /* has the skill */
    BREAK(conf->agent[0].skill[0].level, 5, "I1");
    effect_of(d.acd, (struct acd_event){.type = ACD_EV_TICK, .now_ms = 10000}, ACD_FX_STEP);
    assert_int_equal(d.waiting->step, 1);
    BREAK(d.waiting->excluded[0], 0, "I1");
    BREAK(conf->agent[0].skill[0].skill, 2, "I1");
    d.waiting->excluded[0] = 1;
    wants(&d, "I1"); /* another is excluded than was matched by */
    d.waiting->excluded[0] = 2;
    struct acd_skill_change change = {.agent = 1, .skill = 2, .level = 1};
    d.acd->change = &change;
    d.acd->change_count = 1;
    wants(&d, "I1");
    d.acd->change = NULL;
    d.acd->change_count = 0;
    assert_null(acd_check(d.acd));
    acd_destroy(d.acd);
    world_free(conf);
}

/* ---- lost places ---- */

static void lose(struct acd *acd, uint64_t caller, uint64_t now) {
    effect_of(acd,
              (struct acd_event){
                  .type = ACD_EV_CALL_ENTER, .now_ms = now, .call = caller, .queue = 1, .caller = caller},
              ACD_FX_ENTERED);
    effect_of(
        acd,
        (struct acd_event){
            .type = ACD_EV_CALL_LEAVE, .now_ms = now, .call = caller, .visit_result = ACD_VISIT_ABANDONED},
        ACD_FX_VISIT_END);
}
/* Since when the caller is in line, who does not hang up this time. */
static uint64_t back_since(struct acd *acd, uint64_t caller, uint64_t now) {
    return effect_of(acd,
                     (struct acd_event){.type = ACD_EV_CALL_ENTER,
                                        .now_ms = now,
                                        .call = 100000 + caller,
                                        .queue = 1,
                                        .caller = caller},
                     ACD_FX_ENTERED)
        .since_ms;
}

/* 1024 are remembered. What has been used up or has expired makes room first, then the oldest goes. */
static void lost_places_are_bounded(void **state) {
    char line[] = "queue 1 resume=1000000";
    struct conf *conf = world_conf(1, 0, 0);
    struct acd *acd;
    assert_int_equal(script_line(conf, line), 0);
    assert_int_equal(acd_create(&acd, 1), 0);
    effect_of(acd, (struct acd_event){.type = ACD_EV_CONFIGURE, .conf = conf}, ACD_FX_TYPES);
    for (uint64_t caller = 1; caller <= 1024; caller++)
        lose(acd, caller, 1000 + caller);
    assert_int_equal(back_since(acd, 700, 3000), 1700); /* used up: one is free */
    lose(acd, 5000, 4000);
    lose(acd, 5000, 4001); /* the same one: needs no other */
    assert_int_equal(back_since(acd, 1, 5000), 1001);
    lose(acd, 5001, 5000);
    lose(acd, 5002, 5000); /* one too many */
    assert_int_equal(back_since(acd, 2, 6000), 6000);
    assert_int_equal(back_since(acd, 3, 6000), 1003);
    assert_int_equal(back_since(acd, 5000, 6000), 4000);
    assert_int_equal(back_since(acd, 5002, 6000), 5000);
    assert_int_equal(back_since(acd, 1024, 1002023), 2024); /* in its last millisecond */
    assert_int_equal(back_since(acd, 1023, 1002023), 1002023);
    acd_destroy(acd);
    world_free(conf);
}

/* ---- told waits ---- */

static uint64_t told_at(struct acd *acd, uint64_t call, uint64_t now) {
    uint64_t wait_ms =
        effect_of(acd, (struct acd_event){.type = ACD_EV_TELL, .now_ms = now, .call = call}, ACD_FX_TOLD)
            .wait_ms;
    assert_true(wait_ms != NEVER);
    return now + wait_ms;
}

/* Callers of higher priority come before: what was said stands. When an agent goes it may be later. */
static void told_never_later_unless_agents_go(void **state) {
    char lines[][60] = {"queue 1 handle=120000 patience=600000000", "agent 1 queues=1 auto",
                        "agent 2 queues=1 auto", "agent 3 queues=1 auto"};
    struct conf *conf = world_conf(0, 0, 0);
    struct acd *acd;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        assert_int_equal(script_line(conf, lines[i]), 0);
    assert_int_equal(acd_create(&acd, 1), 0);
    effect_of(acd, (struct acd_event){.type = ACD_EV_CONFIGURE, .conf = conf}, ACD_FX_TYPES);
    for (uint32_t i = 1; i <= 3; i++) {
        effect_of(acd, (struct acd_event){.type = ACD_EV_REACHABLE, .agent = i}, ACD_FX_TYPES);
        struct acd_effect offer = enter(acd, i, 1, ACD_FX_OFFER);
        effect_of(acd, (struct acd_event){.type = ACD_EV_OFFER_ANSWERED, .offer = offer.offer},
                  ACD_FX_CONNECT);
    }
    enter(acd, 10, 1, ACD_FX_ENTERED);
    uint64_t first = told_at(acd, 10, 1000);
    assert_in_range(first, 10000, 300000);
    for (uint64_t call = 11; call < 20; call++)
        effect_of(acd,
                  (struct acd_event){
                      .type = ACD_EV_CALL_ENTER, .now_ms = 2000, .call = call, .queue = 1, .priority = 9},
                  ACD_FX_ENTERED);
    assert_int_equal(told_at(acd, 10, 3000), first);
    assert_int_equal(told_at(acd, 10, 4000), first);
    effect_of(acd, (struct acd_event){.type = ACD_EV_PAUSE, .now_ms = 5000, .agent = 1}, ACD_FX_TYPES);
    assert_int_equal(told_at(acd, 10, 5000), first); /* he still talks */
    effect_of(acd, (struct acd_event){.type = ACD_EV_HANDLE_END, .now_ms = 6000, .agent = 1}, ACD_FX_AGENT);
    uint64_t later = told_at(acd, 10, 6000);
    assert_true(later > first + 60000);
    effect_of(acd, (struct acd_event){.type = ACD_EV_UNPAUSE, .now_ms = 7000, .agent = 1}, ACD_FX_AGENT);
    assert_true(told_at(acd, 10, 7000) <= later);
    acd_destroy(acd);
    world_free(conf);
}

/* ---- texts and names ---- */

static void texts_are_cut_as_snprintf_does(void **state) {
    const struct acd_event event = {
        .type = ACD_EV_CALL_ENTER, .now_ms = 1234, .call = 7, .queue = 2, .priority = -3};
    const struct acd_effect effect = {.type = ACD_FX_WRAP_END, .agent = 5, .call = 99};
    const char *whole = "1234 call_enter call=7 queue=2 priority=-3";
    char text[100];
    for (size_t size = 1; size <= sizeof text; size++) {
        memset(text, 'x', sizeof text);
        assert_int_equal(acd_event_text(&event, text, size), strlen(whole));
        assert_int_equal(strlen(text), size > strlen(whole) ? strlen(whole) : size - 1);
        assert_memory_equal(text, whole, strlen(text));
    }
    assert_int_equal(acd_event_text(&event, NULL, 0), strlen(whole));
    assert_int_equal(acd_effect_text(&effect, text, 9), strlen("wrap_end agent=5 call=99"));
    assert_string_equal(text, "wrap_end");
}

static void names_are_told_for_any_number(void **state) {
    struct conf *conf = world_conf(0, 0, 0);
    for (int i = 0; i < 20; i++) {
        assert_non_null(acd_presence_name((enum acd_presence)i));
        assert_non_null(acd_activity_name((enum acd_activity)i));
        assert_non_null(acd_offer_result_name((enum acd_offer_result)i));
        assert_non_null(acd_visit_result_name((enum acd_visit_result)i));
    }
    assert_string_equal(acd_activity_name(ACD_BUSY_OTHER), "busy_other");
    assert_string_equal(acd_reason_name(conf, 0), "");
    assert_string_equal(acd_reason_name(conf, 1), "lunch");
    assert_string_equal(acd_reason_name(conf, 3), "");
    assert_string_equal(acd_reason_name(conf, ACD_REASON_MISSED), "missed");
    world_free(conf);
}

static void nonsense_is_refused(void **state) {
    struct acd_effects fx = {0};
    struct conf *conf, big = {.agent_count = CONF_MAX_AGENTS + 1};
    struct acd *acd = two_agents(&conf, &fx);
    const struct acd_event nonsense[] = {
        {.type = ACD_EV_TYPES},
        {.type = (enum acd_event_type) - 1},
        {.type = ACD_EV_CONFIGURE},
        {.type = ACD_EV_CONFIGURE, .conf = &big},
        {.type = ACD_EV_RESTORE, .agent = 1, .presence = ACD_PRESENCES},
        {.type = ACD_EV_OFFER_FAILED, .offer = 1, .offer_result = ACD_OFFER_RESULTS},
        {.type = ACD_EV_CALL_LEAVE, .call = 1, .visit_result = ACD_VISIT_RESULTS},
    };
    fx.count = 0;
    for (size_t i = 0; i < ARRAY_LEN(nonsense); i++)
        assert_int_equal(acd_step(acd, &nonsense[i], &fx), -EINVAL);
    assert_int_equal(fx.count, 0);
    assert_null(acd_check(acd));
    acd_destroy(acd);
    world_free(conf);
    free(fx.item);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree_keeps_order),
        cmocka_unit_test(tree_stays_shallow),
        cmocka_unit_test(offer_numbers_do_not_meet),
        cmocka_unit_test(more_than_64_queues_and_groups),
        cmocka_unit_test(limit_of_calls),
        cmocka_unit_test(unfinished_step_asks_for_another),
        cmocka_unit_test(checker_sees),
        cmocka_unit_test(checker_sees_the_promise_broken),
        cmocka_unit_test(checker_sees_the_rules_broken),
        cmocka_unit_test(checker_sees_all_who_may),
        cmocka_unit_test(lost_places_are_bounded),
        cmocka_unit_test(told_never_later_unless_agents_go),
        cmocka_unit_test(texts_are_cut_as_snprintf_does),
        cmocka_unit_test(names_are_told_for_any_number),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
