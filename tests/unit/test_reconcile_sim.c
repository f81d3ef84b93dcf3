/* LIBS: sim floor call acd ivr stats conf base */
/* SPDX-License-Identifier: Apache-2.0
 * The reconciler in the simulator: where nothing is broken, nothing is found. 100 virtual hours; as
 * `test_reconcile_sim full` 1000, with the network's faults as well. */
#include "callfloor/log.h"
#include "sim/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool full;

static void conf_error(void *arg, const char *message) {
    print_message("%s\n", message);
}

/* Passes of the reconciler; fails when one of them found anything. */
static uint64_t run(const struct scenario *scenario, uint64_t seed) {
    struct conf *conf = NULL;
    struct world *world = NULL;
    struct world_result result;
    struct floor_counters counters;
    log_set_level(NULL, "error");
    setenv("TZ", "UTC", 1);
    assert_int_equal(conf_parse(&conf, world_default_conf, NULL, conf_error, NULL), 0);
    assert_int_equal(world_create(&world, conf, scenario, seed), 0);
    world_run(world, &result);
    if (result.broken)
        fail_msg("seed %llu, second %llu: %s", (unsigned long long)seed,
                 (unsigned long long)result.broken_at_ms / 1000, result.broken);
    floor_counters(world_floor(world), &counters);
    for (int kind = 0; kind < FLOOR_REPAIRS; kind++)
        if (counters.repairs[kind])
            fail_msg("seed %llu: %s was repaired %llu times", (unsigned long long)seed,
                     floor_repair_name((enum floor_repair)kind), (unsigned long long)counters.repairs[kind]);
    world_destroy(world);
    conf_free(conf);
    return counters.reconcile_passes;
}

static void run_hours(struct scenario scenario, uint32_t hours) {
    enum { HOURS = 4 }; /* each time the two peaks of a whole day */
    uint64_t passes = 0;
    scenario.day_us = HOURS * 3600 * 1000000ull;
    scenario.calls = 4000;
    scenario.check = false;
    for (uint64_t seed = 1; seed <= hours / HOURS; seed++)
        passes += run(&scenario, seed);
    print_message("%llu passes in %u hours\n", (unsigned long long)passes, hours);
    assert_true(passes > hours * 3600 / 6); /* one each five seconds, later when nothing happens */
}

static void test_nothing_is_repaired_without_faults(void **state) {
    struct scenario scenario = scenario_default;
    memset(&scenario.faults, 0, sizeof scenario.faults);
    run_hours(scenario, full ? 1000 : 60);
}

/* Lost and doubled messages, phones that die, late answers: all of that is ordinary life. */
static void test_nor_when_the_network_is_bad(void **state) {
    struct scenario scenario = scenario_default;
    struct faults *faults = &scenario.faults;
    faults->unreachable_per_hour = 4;
    faults->dead_per_hour = 2;
    faults->lost_invite = faults->lost_answer = faults->no_ringing = 0.01;
    faults->late_answer = 0.5;
    faults->duplicate = 0.1;
    faults->database_away = 0.2;
    faults->reloads = 5;
    run_hours(scenario, full ? 500 : 40);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_repaired_without_faults),
        cmocka_unit_test(test_nor_when_the_network_is_bad),
    };
    full = argc > 1 && !strcmp(argv[1], "full");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
