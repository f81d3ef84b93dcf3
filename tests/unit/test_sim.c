/* LIBS: sim floor call acd ivr stats conf base */
/* SPDX-License-Identifier: Apache-2.0
 * Days of traffic through the whole floor in virtual time, with faults, invariants after every event. */
#include "callfloor/log.h"
#include "sim/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void conf_error(void *arg, const char *message) {
    print_message("%s\n", message);
}

static struct world_result run(const struct scenario *scenario, uint64_t seed) {
    struct conf *conf = NULL;
    struct world *world = NULL;
    struct world_result result;
    log_set_level(NULL, "error");
    setenv("TZ", "UTC", 1);
    assert_int_equal(conf_parse(&conf, world_default_conf, NULL, conf_error, NULL), 0);
    assert_int_equal(world_create(&world, conf, scenario, seed), 0);
    world_run(world, &result);
    if (result.broken)
        fail_msg("seed %llu, second %llu: %s", (unsigned long long)seed,
                 (unsigned long long)result.broken_at_ms / 1000, result.broken);
    result.broken = NULL;
    world_destroy(world);
    conf_free(conf);
    return result;
}

#define MEAN(seconds)                                                                                        \
    { DRAW_EXPONENTIAL, (seconds)*1000000ull, 0 }

static const struct scenario rough = {
    .day_us = 30 * 60 * 1000000ull,
    .interval_us = 300 * 1000000ull,
    .calls = 400,
    .persons = 200,
    .every_queue = {.patience = MEAN(30),
                    .talk = MEAN(60),
                    .wrapup = MEAN(5),
                    .hold = 0.5,
                    .done = 0.5,
                    .more = 0.2,
                    .exit_digit = '0',
                    .exit_share = 0.2,
                    .exit_after = MEAN(10),
                    .again = 0.5,
                    .again_after = MEAN(60)},
    .every_agent = {.answer = MEAN(4),
                    .no_answer = 0.2,
                    .reject = 0.1,
                    .busy = 0.1,
                    .pause_per_hour = 12,
                    .pause = MEAN(120),
                    .own_call_per_hour = 12},
    .faults = {.unreachable_per_hour = 8,
               .dead_per_hour = 4,
               .away_per_hour = 4,
               .lost_invite = 0.01,
               .lost_answer = 0.01,
               .late_answer = 0.8,
               .no_ringing = 0.02,
               .duplicate = 0.2,
               .database_away = 0.3,
               .late_loop = 0.1,
               .late_loop_us = 20000,
               .stray_per_hour = 10,
               .nonsense = 0.1,
               .caller_lost = 0.05,
               .clock_jumps = 5,
               .reloads = 10},
    .check = true,
};

static void test_quiet_day(void **state) {
    struct scenario scenario = scenario_default;
    scenario.calls = 2000;
    struct world_result r = run(&scenario, 7);
    assert_true(r.calls > 1800 && r.calls < 2400);
    assert_true(r.answered > 1000);
    assert_int_equal(r.row_errors, 0);
}

static void test_rough_half_hours(void **state) {
    uint64_t answered = 0, abandoned = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct world_result r = run(&rough, seed);
        answered += r.answered;
        abandoned += r.abandoned;
    }
    assert_true(answered > 5000);
    assert_true(abandoned > 1000); /* the scenario does hurt */
}

static void test_everybody_calls_at_once(void **state) {
    struct scenario scenario = rough;
    scenario.day_us = 600 * 1000000ull;
    scenario.calls = 2500; /* 50 agents, more calls than max_calls allows */
    scenario.every_queue.patience.mean_us = 600 * 1000000ull;
    struct world_result r = run(&scenario, 3);
    assert_true(r.answered > 100);
}

static void test_one_seed_one_run(void **state) {
    assert_true(run(&rough, 5).hash == run(&rough, 5).hash);
    assert_true(run(&rough, 5).hash != run(&rough, 6).hash);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quiet_day),
        cmocka_unit_test(test_rough_half_hours),
        cmocka_unit_test(test_everybody_calls_at_once),
        cmocka_unit_test(test_one_seed_one_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
