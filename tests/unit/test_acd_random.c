/* SPDX-License-Identifier: Apache-2.0
 * LIBS: acd conf base
 * The distributor under ten thousand seeded runs of random events and random configurations of all it can do:
 * sensible events, stale and duplicate ones, nonsense, phones that come and go, agents who vanish, reloads in
 * mid-ring, time that jumps, memory that fails. After each step the invariants (acd_check) and the books
 * (acd_audit.h) must be right. A failure names its seed; run "test_acd_random SEED" to see that run's events
 * and effects. CALLFLOOR_RUNS in the environment changes how many; sanitizers get fewer by themselves. */
#include "acd_random.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { RUNS = 1000 };
#else
enum { RUNS = 10000 };
#endif
enum { EVENTS = 300 };

static const struct kind broad = {.agents = 8,
                                  .many_agents = 60,
                                  .many_percent = 6,
                                  .queues = MOST_QUEUES,
                                  .waiting = 60,
                                  .reloads = 2,
                                  .nonsense = 10,
                                  .jumps = 3,
                                  .duplicates = 2,
                                  .no_memory = 1,
                                  .strategy = ANY_STRATEGY};
/* Memory fails only where the sweep says so. */
static const struct kind enough_memory = {.agents = 8,
                                          .many_agents = 60,
                                          .many_percent = 6,
                                          .queues = MOST_QUEUES,
                                          .waiting = 60,
                                          .reloads = 2,
                                          .nonsense = 10,
                                          .jumps = 3,
                                          .duplicates = 2,
                                          .strategy = ANY_STRATEGY};

static uint32_t runs_wanted(void) {
    const char *text = getenv("CALLFLOOR_RUNS");
    uint32_t runs = text ? (uint32_t)atoi(text) : 0;
    return runs ? runs : RUNS;
}

static void random_runs(void **state) {
    struct totals all = play_many(&broad, 1, runs_wanted(), EVENTS);
    print_totals(&all);
    /* the runs must be about something: each result comes, most offers can be judged */
    assert_true(all.ended[ACD_VISIT_ANSWERED] * 10 > all.entered && all.refused < all.events);
    assert_true(all.judged * 10 > all.offers * 8);
    for (int i = 0; i < ACD_VISIT_RESULTS; i++)
        assert_true(all.ended[i] > all.runs / 100);
}

static void same_seed_same_run(void **state) {
    for (uint64_t seed = 1; seed <= 20; seed++)
        assert_true(play(&broad, seed, -1, EVENTS, false).hash == play(&broad, seed, -1, EVENTS, false).hash);
}

/* The first allocation fails, then the second, until a run needs no more. */
static void memory_fails(void **state) {
    uint64_t failures = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        int64_t fail_at = 0;
        for (struct totals one = {.events = 1}; one.events; fail_at++) {
            one = play(&enough_memory, seed, fail_at, 60, false);
            failures += one.memory_failures;
        }
        assert_true(fail_at > 20);
    }
    printf("%" PRIu64 " steps refused for lack of memory, none lost anything\n", failures);
    assert_true(failures > 300);
}

static void create_without_memory(void **state) {
    struct acd *acd = (struct acd *)state;
    acd_mem_left = 0;
    assert_int_equal(acd_create(&acd, 1), -ENOMEM);
    assert_ptr_equal(acd, state); /* untouched */
    acd_mem_left = -1;
    acd_destroy(NULL);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_runs),
        cmocka_unit_test(same_seed_same_run),
        cmocka_unit_test(memory_fails),
        cmocka_unit_test(create_without_memory),
    };
    if (argc > 1) {
        bool swept = argc > 2 && atoll(argv[2]) >= 0;
        struct totals one =
            play(swept ? &enough_memory : &broad, strtoull(argv[1], NULL, 10), argc > 2 ? atoll(argv[2]) : -1,
                 argc > 3 ? (uint32_t)atoi(argv[3]) : EVENTS, true);
        print_totals(&one);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
