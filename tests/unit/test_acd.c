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
        cmocka_unit_test(texts_are_cut_as_snprintf_does),
        cmocka_unit_test(names_are_told_for_any_number),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
