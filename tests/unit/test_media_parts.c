/* LIBS: media base */
/* SPDX-License-Identifier: Apache-2.0
 * The small parts of the audio engine: ring, port pool, pace, laws. */
#include "media/law.h"
#include "media/pace.h"
#include "media/port_pool.h"
#include "media/ring.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* ---- ring ---- */

static void ring_is_first_in_first_out_and_bounded(void **state) {
    struct ring r;
    uint32_t v;
    assert_int_equal(ring_init(&r, 3, 4), -EINVAL);
    assert_int_equal(ring_init(&r, 4, sizeof v), 0);
    for (uint32_t round = 0; round < 10; round++) {
        assert_true(ring_is_empty(&r));
        assert_false(ring_pop(&r, &v));
        for (uint32_t i = 0; i < 4; i++) {
            v = round * 10 + i;
            assert_true(ring_push(&r, &v));
        }
        assert_false(ring_push(&r, &v));
        for (uint32_t i = 0; i < 4; i++) {
            assert_true(ring_pop(&r, &v));
            assert_int_equal(v, round * 10 + i);
        }
    }
    ring_done(&r);
}

enum { MANY = 200000 };
static void *push_many(void *arg) {
    for (uint64_t i = 1; i <= MANY;) {
        uint64_t pair[2] = {i, ~i};
        if (ring_push(arg, pair))
            i++;
        else
            sched_yield();
    }
    return NULL;
}
static void ring_carries_everything_between_threads(void **state) {
    struct ring r;
    pthread_t thread;
    uint64_t pair[2];
    assert_int_equal(ring_init(&r, 64, sizeof pair), 0);
    assert_int_equal(pthread_create(&thread, NULL, push_many, &r), 0);
    for (uint64_t i = 1; i <= MANY;) {
        if (!ring_pop(&r, pair)) {
            sched_yield();
            continue;
        }
        if (pair[0] != i || pair[1] != ~i)
            fail_msg("item %llu is %llu", (unsigned long long)i, (unsigned long long)pair[0]);
        i++;
    }
    pthread_join(thread, NULL);
    assert_true(ring_is_empty(&r));
    ring_done(&r);
}

/* ---- ports ---- */

static void ports_are_even_shuffled_and_complete(void **state) {
    struct port_pool p;
    bool seen[200] = {false};
    int in_order = 0;
    uint16_t last = 0;
    assert_int_equal(port_pool_init(&p, 10001, 10200, 1), 0); /* 10002..10199: 99 pairs */
    assert_int_equal(p.total, 99);
    for (int i = 0; i < 99; i++) {
        uint16_t port = port_pool_take(&p, 0);
        assert_in_range(port, 10002, 10198);
        assert_int_equal(port % 2, 0);
        assert_false(seen[port - 10001]);
        seen[port - 10001] = true;
        in_order += port == last + 2;
        last = port;
    }
    assert_true(in_order < 10);
    assert_int_equal(port_pool_take(&p, 0), 0);
    port_pool_done(&p);
    assert_int_equal(port_pool_init(&p, 10001, 10002, 1), -EINVAL); /* no whole pair */
    assert_int_equal(port_pool_init(&p, 0, 10002, 1), -EINVAL);
    assert_int_equal(port_pool_init(&p, 65534, 65535, 1), 0);
    assert_int_equal(port_pool_take(&p, 0), 65534);
    port_pool_done(&p);
}

static void ports_are_kept_back_after_use(void **state) {
    struct port_pool p;
    assert_int_equal(port_pool_init(&p, 10000, 10003, 1), 0);
    uint16_t a = port_pool_take(&p, 100), b = port_pool_take(&p, 100);
    port_pool_give(&p, b, 1000 + PORT_POOL_QUARANTINE_MS);
    port_pool_give(&p, a, 2000 + PORT_POOL_QUARANTINE_MS);
    assert_int_equal(port_pool_take(&p, 999 + PORT_POOL_QUARANTINE_MS), 0);
    assert_int_equal(port_pool_take(&p, 1000 + PORT_POOL_QUARANTINE_MS), b);
    assert_int_equal(port_pool_take(&p, 1999 + PORT_POOL_QUARANTINE_MS), 0);
    assert_int_equal(port_pool_take(&p, 2000 + PORT_POOL_QUARANTINE_MS), a);
    port_pool_done(&p);
}

/* ---- pace ---- */

static void work_is_even_whatever_comes_and_goes(void **state) {
    struct pace p;
    uint64_t seed = 5;
    bool in[500] = {false};
    assert_int_equal(pace_init(&p, 500), 0);
    for (int round = 0; round < 20000; round++) {
        uint32_t slot = (uint32_t)(rng_next(&seed) % 500);
        if (in[slot])
            pace_remove(&p, slot);
        else
            pace_add(&p, slot);
        in[slot] = !in[slot];
        assert_int_equal(pace_has(&p, slot), in[slot]);
    }
    uint32_t total = 0, listed[500] = {0};
    for (int phase = 0; phase < PACE_PHASES; phase++)
        for (uint32_t i = 0; i < p.count[phase]; i++, total++)
            listed[p.slot[phase][i]]++;
    for (int i = 0; i < 500; i++)
        assert_int_equal(listed[i], in[i]);
    for (uint32_t i = 0; i < 500; i++) /* only additions: evened out */
        pace_add(&p, i);
    pace_add(&p, 3);
    for (int phase = 0; phase < PACE_PHASES; phase++)
        assert_in_range(p.count[phase], 500 / PACE_PHASES - 60, 500 / PACE_PHASES + 60);
    for (uint32_t i = 0; i < 500; i++)
        pace_remove(&p, i);
    pace_remove(&p, 3);
    for (int phase = 0; phase < PACE_PHASES; phase++)
        assert_int_equal(p.count[phase], 0);
    pace_done(&p);
}

static void each_phase_comes_each_20_ms_even_after_a_stall(void **state) {
    struct pace p;
    uint32_t phase, ticks[PACE_PHASES] = {0};
    uint64_t skipped = 0, now = 1000000;
    assert_int_equal(pace_init(&p, 4), 0);
    pace_restart(&p, now);
    for (; now < 1000000 + 1000000; now += 700)
        while (pace_next(&p, now, &phase, &skipped))
            ticks[phase]++;
    for (int i = 0; i < PACE_PHASES; i++)
        assert_int_equal(ticks[i], 50);
    assert_int_equal(skipped, 0);
    memset(ticks, 0, sizeof ticks);
    now += 80000; /* short: all of it is made up for */
    while (pace_next(&p, now, &phase, &skipped))
        ticks[phase]++;
    for (int i = 0; i < PACE_PHASES; i++)
        assert_in_range(ticks[i], 4, 5);
    uint32_t expected = (phase + 1) % PACE_PHASES;
    now += 10000000; /* long: left out in whole rounds, nobody's phase moves */
    assert_true(pace_next(&p, now, &phase, &skipped));
    assert_int_equal(phase, expected);
    assert_int_equal(skipped % PACE_PHASES, 0);
    assert_in_range(skipped, 9900000 / PACE_TICK_US, 10000000 / PACE_TICK_US);
    pace_done(&p);
}

static void sleeping_skips_ticks_without_work(void **state) {
    struct pace p;
    uint32_t phase;
    uint64_t skipped = 0;
    assert_int_equal(pace_init(&p, 4), 0);
    pace_restart(&p, 0);
    assert_int_equal(pace_wake_us(&p), (PACE_PHASES - 1) * PACE_TICK_US);
    pace_add(&p, 1); /* phase 0 */
    assert_int_equal(pace_wake_us(&p), 0);
    assert_true(pace_next(&p, 0, &phase, &skipped));
    assert_int_equal(pace_wake_us(&p), PACE_PHASES * PACE_TICK_US);
    pace_done(&p);
}

/* ---- laws ---- */

static void laws_round_trip(void **state) {
    law_init();
    for (int law = 0; law < LAWS; law++) {
        for (int code = 0; code < 256; code++) {
            int16_t linear = law_decode((uint8_t)code, law);
            uint8_t again;
            law_encode(&again, &linear, 1, law);
            assert_int_equal(law_decode(again, law), linear);
            uint8_t there = (uint8_t)code;
            law_transcode(&there, 1, law, 1 - law);
            int error = abs(law_decode(there, 1 - law) - linear); /* half a step of the coarser law */
            assert_true(error <= 16 || error <= abs(linear) / 24);
        }
        assert_true(abs(law_decode(law_silence(law), law)) <= 8);
    }
    uint8_t data[3] = {1, 2, 3};
    law_transcode(data, 3, LAW_ALAW, LAW_ALAW);
    assert_memory_equal(data, "\1\2\3", 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_is_first_in_first_out_and_bounded),
        cmocka_unit_test(ring_carries_everything_between_threads),
        cmocka_unit_test(ports_are_even_shuffled_and_complete),
        cmocka_unit_test(ports_are_kept_back_after_use),
        cmocka_unit_test(work_is_even_whatever_comes_and_goes),
        cmocka_unit_test(each_phase_comes_each_20_ms_even_after_a_stall),
        cmocka_unit_test(sleeping_skips_ticks_without_work),
        cmocka_unit_test(laws_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
