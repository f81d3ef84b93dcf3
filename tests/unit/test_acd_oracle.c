/* SPDX-License-Identifier: Apache-2.0
 * LIBS: acd conf base
 * Who gets which call, against a model that tries all (acd_oracle.h): small worlds of at most six agents, six
 * waiting calls and three queues, thousands of runs for each strategy, and every offer must be the one the
 * model would make. Where lots are drawn, all the able ones must come, as often as their weights say. */
#include "acd_random.h"

#include <math.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { RUNS = 60 };
#else
enum { RUNS = 600 }; /* of each strategy */
#endif
enum { EVENTS = 250 };

static const struct kind small = {
    .agents = 6, .queues = 3, .waiting = 6, .reloads = 1, .nonsense = 2, .duplicates = 1, .jumps = 1};

/* CALLFLOOR_RUNS as for test_acd_random, of which there are so many more. */
static uint32_t runs_wanted(void) {
    const char *text = getenv("CALLFLOOR_RUNS");
    uint32_t runs = text ? (uint32_t)atoi(text) / 16 : 0;
    return runs ? runs : RUNS;
}

/* ---- every offer ---- */

static void each_strategy(void **state) {
    for (int strategy = 0; strategy <= ANY_STRATEGY; strategy++) {
        struct kind kind = small;
        kind.strategy = (enum conf_strategy)strategy;
        uint64_t first = 1000000 * (uint64_t)(strategy + 1) + 1;
        struct totals all = play_many(&kind, first, first + runs_wanted() - 1, EVENTS);
        printf("strategy %d: %" PRIu64 " calls, %" PRIu64 " offers, %" PRIu64 " judged\n", strategy,
               all.entered, all.offers, all.judged);
        assert_true(all.judged > 10 * runs_wanted() && all.judged * 10 > all.offers * 9);
    }
}

/* Views, invariants and explanations show what is; they must not change what will be. */
static void looking_changes_nothing(void **state) {
    struct kind seen = small, unseen = small;
    seen.strategy = unseen.strategy = ANY_STRATEGY;
    unseen.blind = true;
    for (uint64_t seed = 1; seed <= runs_wanted(); seed++) {
        struct totals a = play(&seen, seed, -1, EVENTS, false), b = play(&unseen, seed, -1, EVENTS, false);
        if (a.hash != b.hash)
            fail_msg("seed %" PRIu64 ": looking at it changes what it does", seed);
    }
}

/* The same in quiet hours, when nobody comes or goes: two queues share four agents, all callers are told
 * their wait. */
static uint64_t quiet_hours(bool look) {
    struct conf *conf = world_conf(4, 2, 0);
    struct acd *acd;
    struct acd_effects fx = {0};
    uint64_t now = 1000, rng = 7, hash = 0, free_at[5] = {0}, call = 0;
    for (uint32_t i = 0; i < 4; i++) {
        conf->agent[i].auto_login = true;
        world_serve(&conf->agent[i], 1, 1);
        if (i > 1)
            world_serve(&conf->agent[i], 2, 1);
    }
    assert_int_equal(acd_create(&acd, 1), 0);
    assert_int_equal(
        acd_step(acd, &(struct acd_event){.type = ACD_EV_CONFIGURE, .now_ms = now, .conf = conf}, &fx), 0);
    for (uint32_t i = 1; i <= 4; i++)
        assert_int_equal(
            acd_step(acd, &(struct acd_event){.type = ACD_EV_REACHABLE, .now_ms = now, .agent = i}, &fx), 0);
    for (; now < 4 * 3600 * 1000; now += 1000) {
        fx.count = 0;
        for (uint32_t i = 1; i <= 4; i++)
            if (free_at[i] && free_at[i] <= now) {
                free_at[i] = 0;
                acd_step(acd, &(struct acd_event){.type = ACD_EV_HANDLE_END, .now_ms = now, .agent = i}, &fx);
            }
        if (rng_next(&rng) % 30 == 0)
            acd_step(acd,
                     &(struct acd_event){.type = ACD_EV_CALL_ENTER,
                                         .now_ms = now,
                                         .call = ++call,
                                         .queue = 1 + rng_next(&rng) % 2},
                     &fx);
        if (call && rng_next(&rng) % 20 == 0)
            acd_step(
                acd,
                &(struct acd_event){.type = ACD_EV_TELL, .now_ms = now, .call = call - rng_next(&rng) % 3},
                &fx);
        for (uint32_t i = 0; i < fx.count; i++) {
            char text[300];
            for (int k = 0, n = acd_effect_text(&fx.item[i], text, sizeof text); k < n; k++)
                hash = (hash ^ (uint8_t)text[k]) * 1099511628211ull;
            if (fx.item[i].type == ACD_FX_OFFER)
                acd_step(acd,
                         &(struct acd_event){
                             .type = ACD_EV_OFFER_ANSWERED, .now_ms = now, .offer = fx.item[i].offer},
                         &fx);
            if (fx.item[i].type == ACD_FX_CONNECT)
                free_at[fx.item[i].agent] = now + 60000 + rng_next(&rng) % 100000;
        }
        struct acd_queue_view view;
        if (look && now % 7000 == 0)
            assert_int_equal(acd_queue_view(acd, 1, &view) | acd_queue_view(acd, 2, &view), 0);
    }
    acd_destroy(acd);
    world_free(conf);
    free(fx.item);
    return hash;
}

static void looking_changes_no_told_wait(void **state) {
    assert_true(quiet_hours(false) == quiet_hours(false));
    assert_true(quiet_hours(false) == quiet_hours(true));
}

/* ---- lots ---- */

enum { MOST = 9, DRAWS = 60000 };

struct lots {
    struct acd *acd;
    struct conf *conf;
    struct acd_effects fx;
    uint64_t now, call;
    uint32_t agents;
};

/* Agents of three kinds, so that lots go over several groups; 1, 4 and 7 are alike. */
static void open_lots(struct lots *lots, enum conf_strategy strategy, const uint32_t *weights,
                      uint32_t agents, uint64_t seed) {
    *lots = (struct lots){.conf = world_conf(agents, 1, 2), .now = 1000, .agents = agents};
    lots->conf->queue[0].strategy = strategy;
    for (uint32_t i = 0; i < agents; i++) {
        struct conf_agent *agent = &lots->conf->agent[i];
        agent->auto_login = true;
        agent->weight = weights[i];
        world_serve(agent, 1, 1);
        if (i % 3)
            world_skill(&agent->skill, &agent->skill_count, i % 3, 5);
    }
    assert_int_equal(acd_create(&lots->acd, seed), 0);
    assert_int_equal(
        acd_step(lots->acd, &(struct acd_event){.type = ACD_EV_CONFIGURE, .now_ms = 1000, .conf = lots->conf},
                 &lots->fx),
        0);
    for (uint32_t i = 1; i <= agents; i++)
        assert_int_equal(acd_step(lots->acd,
                                  &(struct acd_event){.type = ACD_EV_REACHABLE, .now_ms = 1000, .agent = i},
                                  &lots->fx),
                         0);
}

static void close_lots(struct lots *lots) {
    acd_destroy(lots->acd);
    world_free(lots->conf);
    free(lots->fx.item);
}

/* A call comes, rings at the agent drawn and hangs up: all are idle again. */
static uint32_t draw_one(struct lots *lots, const uint32_t *excluded) {
    struct acd_event event = {
        .type = ACD_EV_CALL_ENTER, .now_ms = ++lots->now, .call = ++lots->call, .queue = 1};
    uint32_t agent = 0;
    for (int i = 0; i < ACD_EXCLUDED && excluded; i++)
        event.excluded[i] = excluded[i];
    lots->fx.count = 0;
    assert_int_equal(acd_step(lots->acd, &event, &lots->fx), 0);
    for (uint32_t i = 0; i < lots->fx.count; i++)
        if (lots->fx.item[i].type == ACD_FX_OFFER)
            agent = lots->fx.item[i].agent;
    event = (struct acd_event){.type = ACD_EV_CALL_LEAVE,
                               .now_ms = lots->now,
                               .call = lots->call,
                               .visit_result = ACD_VISIT_ABANDONED};
    assert_int_equal(acd_step(lots->acd, &event, &lots->fx), 0);
    assert_in_range(agent, 1, lots->agents);
    return agent;
}

/* Sum of (seen - wanted)^2 / wanted over cells; cells that are not wanted must be empty. */
static double distance(const uint32_t *seen, const double *wanted, uint32_t cells, uint32_t *free_cells) {
    double sum = 0;
    *free_cells = 0;
    for (uint32_t i = 0; i < cells; i++) {
        if (wanted[i] <= 0) {
            assert_int_equal(seen[i], 0);
            continue;
        }
        sum += (seen[i] - wanted[i]) * (seen[i] - wanted[i]) / wanted[i];
        ++*free_cells;
    }
    --*free_cells;
    return sum;
}

/* Is the distance like chance? Wilson and Hilferty: the cube root of chi-square by its degrees is nearly
 * normal. Both too far and too near would be wrong. */
static void like_chance(const char *what, double chi_square, uint32_t degrees) {
    double k = degrees, z = (cbrt(chi_square / k) - (1 - 2 / (9 * k))) / sqrt(2 / (9 * k));
    printf("%s: chi-square %.1f with %u degrees, %.1f errors\n", what, chi_square, degrees, z);
    if (!(fabs(z) < 3.3))
        fail_msg("%s: chi-square %.1f with %u degrees of freedom", what, chi_square, degrees);
}

static void judge_lots(enum conf_strategy strategy, const uint32_t *weights, uint32_t agents,
                       const uint32_t *excluded, uint64_t seed) {
    struct lots lots;
    uint32_t single[MOST] = {0}, pairs[MOST * MOST] = {0}, last = 0, degrees;
    double share[MOST], pair_share[MOST * MOST], sum = 0;
    open_lots(&lots, strategy, weights, agents, seed);
    for (uint32_t i = 0; i < agents; i++) {
        share[i] = strategy == CONF_WEIGHTED ? weights[i] ? weights[i] : 1 : 1;
        for (int k = 0; k < ACD_EXCLUDED && excluded; k++)
            if (excluded[k] == i + 1)
                share[i] = 0;
        sum += share[i];
    }
    for (uint32_t i = 0; i < DRAWS; i++) {
        uint32_t agent = draw_one(&lots, excluded) - 1;
        single[agent]++;
        if (i)
            pairs[last * agents + agent]++;
        last = agent;
    }
    for (uint32_t i = 0; i < agents; i++)
        for (uint32_t k = 0; k < agents; k++)
            pair_share[i * agents + k] = share[i] * share[k] / sum / sum * (DRAWS - 1);
    for (uint32_t i = 0; i < agents; i++)
        share[i] *= DRAWS / sum;
    double off = distance(single, share, agents, &degrees);
    like_chance(strategy == CONF_RANDOM ? "random" : "weighted", off, degrees);
    off = distance(pairs, pair_share, agents * agents, &degrees); /* one after the other: nothing to guess */
    like_chance("  pairs", off, degrees);
    close_lots(&lots);
}

static void random_is_alike(void **state) {
    const uint32_t any[MOST] = {1, 50, 3, 0, 2, 9, 4}, excluded[ACD_EXCLUDED] = {3, 3, 6};
    for (uint64_t seed = 1; seed <= 3; seed++)
        judge_lots(CONF_RANDOM, any, 7, NULL, seed);
    judge_lots(CONF_RANDOM, any, 7, excluded, 4);
    judge_lots(CONF_RANDOM, any, 2, NULL, 5);
}

static void weighted_is_in_proportion(void **state) {
    const uint32_t weights[MOST] = {1, 2, 0, 10, 5, 3, 20, 1, 7}, excluded[ACD_EXCLUDED] = {4, 1, 5};
    for (uint64_t seed = 1; seed <= 3; seed++)
        judge_lots(CONF_WEIGHTED, weights, 9, NULL, seed);
    judge_lots(CONF_WEIGHTED, weights, 9, excluded, 4);
}

/* Another seed draws other lots, the same seed the same. */
static void seeds_draw(void **state) {
    const uint32_t alike[MOST] = {0};
    uint32_t same = 0;
    struct lots a, b, c;
    open_lots(&a, CONF_RANDOM, alike, 9, 1);
    open_lots(&b, CONF_RANDOM, alike, 9, 1);
    open_lots(&c, CONF_RANDOM, alike, 9, 2);
    for (int i = 0; i < 1000; i++) {
        uint32_t agent = draw_one(&a, NULL);
        assert_int_equal(agent, draw_one(&b, NULL));
        same += agent == draw_one(&c, NULL);
    }
    assert_in_range(same, 60, 170); /* a ninth */
    close_lots(&a);
    close_lots(&b);
    close_lots(&c);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_strategy),
        cmocka_unit_test(looking_changes_nothing),
        cmocka_unit_test(looking_changes_no_told_wait),
        cmocka_unit_test(random_is_alike),
        cmocka_unit_test(weighted_is_in_proportion),
        cmocka_unit_test(seeds_draw),
    };
    if (argc > 1) { /* the seed of a run of each_strategy, or of looking_changes_nothing */
        struct kind kind = small;
        uint64_t seed = strtoull(argv[1], NULL, 10);
        kind.strategy = seed > 1000000 ? (enum conf_strategy)(seed / 1000000 - 1) : ANY_STRATEGY;
        kind.blind = argc > 2;
        play(&kind, seed, -1, EVENTS, true);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
