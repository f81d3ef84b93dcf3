/* SPDX-License-Identifier: Apache-2.0
 * LIBS: stats base
 * The day's figures against numbers computed by hand. */
#include "callfloor/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct conf_queue queues[] = {
    {.service_level_ms = 20000, .short_abandon_ms = 5000},
    {.service_level_ms = 10000, .short_abandon_ms = 0},
};
static const struct conf conf = {.queue = queues, .queue_count = 2};

const struct conf_queue *conf_queue(const struct conf *c, uint32_t id) {
    return id >= 1 && id <= c->queue_count ? &c->queue[id - 1] : NULL;
}

static struct stats *s;

static int setup(void **state) {
    return stats_create(&s);
}
static int teardown(void **state) {
    stats_destroy(s);
    return 0;
}

static void visits(uint32_t queue, int count, enum acd_visit_result result, uint64_t wait_ms) {
    for (int i = 0; i < count; i++) {
        stats_enter(s, queue);
        stats_visit_end(s, &conf, queue, result, wait_ms);
    }
}

#define assert_near(a, b) assert_true((a) > (b)-0.00005 && (a) < (b) + 0.00005)

/* T = 20 s, S = 5 s: 70 answered in time, 15 later; 10 abandoned in time (4 of them short), 5 later. */
static void test_five_service_levels(void **state) {
    visits(1, 70, ACD_VISIT_ANSWERED, 12000);
    visits(1, 15, ACD_VISIT_ANSWERED, 30000);
    visits(1, 6, ACD_VISIT_ABANDONED, 15000);
    visits(1, 4, ACD_VISIT_ABANDONED, 3000);
    visits(1, 5, ACD_VISIT_ABANDONED, 45000);
    const struct stats_queue *q = stats_queue_get(s, 1);
    assert_int_equal(q->offered, 100);
    assert_int_equal(q->answered, 85);
    assert_int_equal(q->abandoned, 15);
    assert_int_equal(q->short_abandoned, 4);
    assert_int_equal(q->other, 0);
    assert_int_equal(q->longest_wait_ms, 45000);
    assert_near(stats_service_level(q), 0.7);
    assert_near(stats_service_level_as(q, STATS_SL_OFFERED), 0.7);
    assert_near(stats_service_level_as(q, STATS_SL_POSITIVE), 0.8);
    assert_near(stats_service_level_as(q, STATS_SL_NO_ABANDONS), 70.0 / 90);
    assert_near(stats_service_level_as(q, STATS_SL_HANDLED), 70.0 / 85);
    assert_near(stats_service_level_as(q, STATS_SL_NO_SHORT), 70.0 / 96);
    assert_near(stats_abandon_rate(q), 0.15);
    assert_near(stats_abandon_rate_no_short(q), 11.0 / 96);
    /* (70 x 12 s + 15 x 30 s) / 85 = 15.1765 s */
    assert_near(stats_average_speed_of_answer_ms(q) / 1000, 15.176470);
}

static void test_thresholds_count_as_within(void **state) {
    visits(1, 1, ACD_VISIT_ANSWERED, 20000);
    visits(1, 1, ACD_VISIT_ANSWERED, 20001);
    visits(1, 1, ACD_VISIT_ABANDONED, 5000);
    visits(1, 1, ACD_VISIT_ABANDONED, 5001);
    const struct stats_queue *q = stats_queue_get(s, 1);
    assert_int_equal(q->answered_in_time, 1);
    assert_int_equal(q->short_abandoned, 1);
    assert_int_equal(q->abandoned_in_time, 2);
}

/* Waiting calls are offered but in no ratio; every other end is `other` and spoils the service level. */
static void test_waiting_and_other_ends(void **state) {
    visits(2, 3, ACD_VISIT_ANSWERED, 1000);
    for (int r = ACD_VISIT_TIMEOUT; r < ACD_VISIT_RESULTS; r++)
        visits(2, 1, (enum acd_visit_result)r, 0);
    stats_enter(s, 2);
    stats_enter(s, 2);
    const struct stats_queue *q = stats_queue_get(s, 2);
    assert_int_equal(q->offered, 16);
    assert_int_equal(q->other, 11);
    assert_int_equal(q->offered - q->answered - q->abandoned - q->other, 2);
    uint32_t ends = 0;
    for (int r = 0; r < ACD_VISIT_RESULTS; r++) {
        assert_int_equal(q->ends[r], r == ACD_VISIT_ANSWERED ? 3 : r == ACD_VISIT_ABANDONED ? 0 : 1);
        ends += q->ends[r];
    }
    assert_int_equal(ends, q->answered + q->abandoned + q->other);
    assert_near(stats_service_level(q), 3.0 / 14);
    assert_int_equal(stats_queue_get(s, 1)->offered, 0);
}

static void test_nothing_to_divide_by(void **state) {
    const struct stats_queue *q = stats_queue_get(s, 1);
    for (int form = STATS_SL_OFFERED; form <= STATS_SL_NO_SHORT; form++)
        assert_true(stats_service_level_as(q, (enum stats_service_form)form) == -1);
    assert_true(stats_average_speed_of_answer_ms(q) == -1);
    assert_true(stats_average_handling_ms(q) == -1);
    assert_true(stats_average_handling4_ms(q) == -1);
    assert_true(stats_abandon_rate(q) == -1);
    assert_true(stats_occupancy(stats_agent_get(s, 1)) == -1);
    /* an agent who was only paused: nothing to be occupied with */
    stats_agent_time(s, 1, 0, ACD_NOT_READY, ACD_IDLE, 5000);
    assert_true(stats_occupancy(stats_agent_get(s, 1)) == -1);
}

/* Two handles: rings 4 s (answered), 15 s (missed by another), 6 s; talk 100 + 200, hold 0 + 20, wrap 30
 * + 10. AHT = 360 / 2 = 180 s; with ring 385 / 2 = 192.5 s. */
static void test_handling_time(void **state) {
    stats_offer_end(s, 1, 7, ACD_OFFER_ANSWERED, 4000);
    stats_offer_end(s, 1, 8, ACD_OFFER_NO_ANSWER, 15000);
    stats_offer_end(s, 1, 7, ACD_OFFER_ANSWERED, 6000);
    stats_handle_end(s, 1, 7, 100000, 0);
    stats_agent_time(s, 7, 1, ACD_READY, ACD_WRAPUP, 30000);
    stats_handle_end(s, 1, 7, 200000, 20000);
    stats_agent_time(s, 7, 1, ACD_READY, ACD_WRAPUP, 10000);
    stats_handle_end(s, 0, 7, 999000, 0); /* a direct call is not the queue's, nor in the agent's handles */
    const struct stats_queue *q = stats_queue_get(s, 1);
    assert_int_equal(q->handles, 2);
    assert_near(stats_average_handling_ms(q), 180000.0);
    assert_near(stats_average_handling4_ms(q), 192500.0);
    assert_int_equal(stats_agent_get(s, 7)->offers, 2);
    assert_int_equal(stats_agent_get(s, 7)->answered, 2);
    assert_int_equal(stats_agent_get(s, 7)->handles, 2);
    assert_int_equal(stats_agent_get(s, 8)->offers, 1);
    assert_int_equal(stats_agent_get(s, 8)->missed, 1);
    assert_int_equal(stats_agent_get(s, 8)->answered, 0);
}

static void test_offer_results(void **state) {
    for (int r = 0; r < ACD_OFFER_RESULTS; r++)
        stats_offer_end(s, 1, 3, (enum acd_offer_result)r, 1000);
    const struct stats_agent *a = stats_agent_get(s, 3);
    assert_int_equal(a->offers, ACD_OFFER_RESULTS);
    assert_int_equal(a->answered, 1);
    assert_int_equal(a->missed, 1);
    assert_int_equal(a->rejected, 1);
    assert_int_equal(a->lost_races, 1);
    assert_int_equal(stats_queue_get(s, 1)->ring_ms, 1000 * ACD_OFFER_RESULTS);
}

static void test_what_else_happens_in_a_queue(void **state) {
    stats_resumed(s, 1);
    stats_step(s, 1);
    stats_step(s, 1);
    stats_reserve(s, 2);
    assert_int_equal(stats_queue_get(s, 1)->resumed, 1);
    assert_int_equal(stats_queue_get(s, 1)->steps, 2);
    assert_int_equal(stats_queue_get(s, 1)->reserves, 0);
    assert_int_equal(stats_queue_get(s, 2)->reserves, 1);
    stats_day(s, 7, 1000);
    assert_int_equal(stats_queue_get(s, 1)->steps + stats_queue_get(s, 1)->resumed, 0);
}

/* One shift in seconds: idle 600, ring 10 (1 reserved), talk 300, hold 40, wrap 50, pause 900 in two parts,
 * other 60, unreachable 40. Logged in 2000; occupancy (10 + 300 + 40 + 50) / (2000 - 900) = 36.36 %. */
static void shift(void) {
    static const struct {
        enum acd_presence presence;
        enum acd_activity activity;
        uint64_t ms;
    } part[] = {
        {ACD_LOGGED_OUT, ACD_UNREACHABLE, 7000000},
        {ACD_LOGGED_OUT, ACD_IDLE, 3000000},
        {ACD_READY, ACD_IDLE, 400000},
        {ACD_READY, ACD_RESERVED, 1000},
        {ACD_READY, ACD_RINGING, 9000},
        {ACD_READY, ACD_TALKING, 250000},
        {ACD_READY, ACD_HOLD, 40000},
        {ACD_READY, ACD_TALKING, 50000},
        {ACD_READY, ACD_WRAPUP, 50000},
        {ACD_NOT_READY, ACD_IDLE, 500000},
        {ACD_NOT_READY, ACD_BUSY_OTHER, 60000},
        {ACD_NOT_READY, ACD_UNREACHABLE, 100000},
        {ACD_NOT_READY, ACD_IDLE, 300000},
        {ACD_READY, ACD_UNREACHABLE, 40000},
        {ACD_READY, ACD_IDLE, 200000},
    };
    for (size_t i = 0; i < ARRAY_LEN(part); i++)
        stats_agent_time(s, 5, 0, part[i].presence, part[i].activity, part[i].ms);
}
static uint64_t parts(const struct stats_agent *a) {
    return a->idle_ms + a->ring_ms + a->talk_ms + a->hold_ms + a->wrap_ms + a->pause_ms + a->other_ms +
           a->unreachable_ms;
}
static void test_agent_day(void **state) {
    shift();
    const struct stats_agent *a = stats_agent_get(s, 5);
    assert_int_equal(a->logged_in_ms, 2000000);
    assert_int_equal(parts(a), a->logged_in_ms);
    assert_int_equal(a->ring_ms, 10000);
    assert_int_equal(a->talk_ms, 300000);
    assert_int_equal(a->hold_ms, 40000);
    assert_int_equal(a->pause_ms, 900000);
    assert_int_equal(a->other_ms, 60000);
    assert_int_equal(a->unreachable_ms, 40000);
    assert_int_equal(a->pauses, 1);
    assert_near(stats_occupancy(a), 400.0 / 1100);
    stats_agent_time(s, 5, 0, ACD_NOT_READY, ACD_IDLE, 1000);
    assert_int_equal(stats_agent_get(s, 5)->pauses, 2);
}

/* The state that has not ended counts in the live figures and leaves the day's alone. */
static void test_live(void **state) {
    struct stats_agent live;
    shift();
    stats_agent_live(stats_agent_get(s, 5), ACD_READY, ACD_TALKING, 100000, &live);
    assert_int_equal(live.talk_ms, 400000);
    assert_int_equal(live.logged_in_ms, 2100000);
    assert_near(stats_occupancy(&live), 500.0 / 1200);
    stats_agent_live(stats_agent_get(s, 5), ACD_LOGGED_OUT, ACD_IDLE, 100000, &live);
    assert_int_equal(live.logged_in_ms, 2000000);
    assert_int_equal(stats_agent_get(s, 5)->talk_ms, 300000);
    for (int p = 0; p < ACD_PRESENCES; p++)
        for (int a = 0; a < ACD_ACTIVITIES; a++) {
            stats_agent_live(stats_agent_get(s, 5), (enum acd_presence)p, (enum acd_activity)a, 77, &live);
            assert_int_equal(parts(&live), live.logged_in_ms);
        }
}

static void test_midnight(void **state) {
    stats_day(s, 100, 0);
    visits(1, 5, ACD_VISIT_ANSWERED, 1000);
    shift();
    stats_enter(s, 1); /* two wait at midnight */
    stats_enter(s, 1);
    stats_day(s, 100, 5000);
    assert_int_equal(stats_queue_get(s, 1)->answered, 5);
    stats_day(s, 101, 6000);
    assert_int_equal(stats_queue_get(s, 1)->offered, 0);
    assert_int_equal(stats_agent_get(s, 5)->logged_in_ms, 0);
    stats_enter(s, 1);
    stats_visit_end(s, &conf, 1, ACD_VISIT_ANSWERED, 600000);
    assert_int_equal(stats_queue_get(s, 1)->answered, 0);
    stats_day(s, 102, 7000); /* one of the first day and one of the second still wait */
    stats_visit_end(s, &conf, 1, ACD_VISIT_ABANDONED, 900000);
    stats_visit_end(s, &conf, 1, ACD_VISIT_ANSWERED, 900000);
    visits(1, 1, ACD_VISIT_ANSWERED, 2000);
    const struct stats_queue *q = stats_queue_get(s, 1);
    assert_int_equal(q->offered, 1);
    assert_int_equal(q->answered, 1);
    assert_int_equal(q->abandoned, 0);
    assert_int_equal(q->longest_wait_ms, 2000);
}

static void test_unknown_numbers(void **state) {
    static const uint32_t bad[] = {0, CONF_MAX_QUEUES + 1, CONF_MAX_AGENTS + 1, UINT32_MAX};
    struct stats_queue none_q = {0};
    struct stats_agent none_a = {0};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        visits(bad[i], 1, ACD_VISIT_ANSWERED, 1);
        stats_offer_end(s, bad[i], bad[i], ACD_OFFER_ANSWERED, 1);
        stats_handle_end(s, bad[i], bad[i], 1, 1);
        stats_resumed(s, bad[i]);
        stats_step(s, bad[i]);
        stats_reserve(s, bad[i]);
        stats_agent_time(s, bad[i], bad[i], ACD_READY, ACD_WRAPUP, 1);
        assert_memory_equal(stats_queue_get(s, bad[i]), &none_q, sizeof none_q);
        if (bad[i] != CONF_MAX_QUEUES + 1)
            assert_memory_equal(stats_agent_get(s, bad[i]), &none_a, sizeof none_a);
    }
    /* a queue that a reload has just removed is still counted */
    visits(3, 1, ACD_VISIT_WITHDRAWN, 1);
    assert_int_equal(stats_queue_get(s, 3)->other, 1);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_five_service_levels),
        T(test_thresholds_count_as_within),
        T(test_waiting_and_other_ends),
        T(test_nothing_to_divide_by),
        T(test_handling_time),
        T(test_offer_results),
        T(test_what_else_happens_in_a_queue),
        T(test_agent_day),
        T(test_live),
        T(test_midnight),
        T(test_unknown_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
