/* SPDX-License-Identifier: Apache-2.0
 * LIBS: acd conf base
 * What the distributor is given back after a restart: presence, place in the order of the idle, figures since
 * login, the rest of a wrap-up. Invariants are checked after each event. */
#include "acd_script.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct acd *acd;
static struct conf *conf;
static struct acd_effects fx;
static uint64_t now_ms;

static int step(struct acd_event event) {
    event.now_ms = now_ms;
    fx.count = 0;
    int rc = acd_step(acd, &event, &fx);
    const char *wrong = acd_check(acd);
    if (wrong)
        fail_msg("%s", wrong);
    return rc;
}
#define STEP(...) assert_int_equal(step((struct acd_event){__VA_ARGS__}), 0)

static struct acd_agent_view agent(uint32_t number) {
    struct acd_agent_view view;
    assert_int_equal(acd_agent_view(acd, number, &view), 0);
    return view;
}

static int setup(void **state) {
    char lines[][80] = {"queue 1 ring=15000 wrapup=30000 resume=60000",
                        "queue 2 wrapup=20000 wrapup_mode=disposition", "agent 1 queues=1,2",
                        "agent 2 queues=1,2", "agent 3 queues=1"};
    conf = world_conf(0, 0, 0);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        assert_int_equal(script_line(conf, lines[i]), 0);
    memset(&fx, 0, sizeof fx);
    now_ms = 1000000;
    assert_int_equal(acd_create(&acd, 1), 0);
    STEP(.type = ACD_EV_CONFIGURE, .conf = conf);
    return 0;
}
static int teardown(void **state) {
    acd_destroy(acd);
    world_free(conf);
    free(fx.item);
    return 0;
}

/* Who had waited longest before waits longest now, whatever their pauses. */
static void test_order_of_the_idle_and_figures(void **state) {
    STEP(.type = ACD_EV_RESTORE, .agent = 1, .presence = ACD_READY, .since_ms = 100000,
         .idle_order_ms = 900000, .handles = 7, .talk_ms = 70000);
    STEP(.type = ACD_EV_RESTORE, .agent = 2, .presence = ACD_READY, .since_ms = 500000,
         .idle_order_ms = 800000);
    STEP(.type = ACD_EV_RESTORE, .agent = 3, .presence = ACD_READY, .since_ms = 850000);
    assert_int_equal(agent(1).since_ms, 100000);
    assert_int_equal(agent(1).idle_order_ms, 900000);
    assert_int_equal(agent(1).handles, 7);
    assert_int_equal(agent(1).talk_ms, 70000);
    assert_int_equal(agent(3).idle_order_ms, 850000); /* not known: since when ready */
    for (uint32_t number = 1; number <= 3; number++)
        STEP(.type = ACD_EV_REACHABLE, .agent = number);
    static const uint32_t expected[] = {2, 3, 1};
    for (int i = 0; i < 3; i++) {
        STEP(.type = ACD_EV_CALL_ENTER, .call = 10 + (uint64_t)i, .queue = 1);
        assert_int_equal(agent(expected[i]).call, 10 + i);
    }
}

static void test_wrapup_goes_on(void **state) {
    STEP(.type = ACD_EV_RESTORE, .agent = 1, .presence = ACD_READY, .since_ms = 100000);
    STEP(.type = ACD_EV_REACHABLE, .agent = 1);
    STEP(.type = ACD_EV_RESTORE_WRAPUP, .agent = 1, .queue = 1, .call = 5, .since_ms = 980000);
    assert_int_equal(agent(1).activity, ACD_WRAPUP);
    assert_int_equal(agent(1).deadline_ms, 980000 + 30000);
    assert_int_equal(agent(1).since_ms, 980000);
    assert_int_equal(agent(1).call, 5);
    STEP(.type = ACD_EV_CALL_ENTER, .call = 10, .queue = 1);
    assert_int_equal(agent(1).call, 5); /* waits for him */
    now_ms = 1010000;
    STEP(.type = ACD_EV_TICK);
    assert_int_equal(agent(1).activity, ACD_RESERVED);
    assert_int_equal(agent(1).call, 10);
    assert_int_equal(agent(1).handles, 0); /* it was counted before, if it was */
}

static void test_the_rest_may_be_told(void **state) {
    STEP(.type = ACD_EV_RESTORE, .agent = 1, .presence = ACD_READY);
    STEP(.type = ACD_EV_RESTORE_WRAPUP, .agent = 1, .queue = 1, .call = 5, .since_ms = 900000, .ms = 45000);
    assert_int_equal(agent(1).deadline_ms, now_ms + 45000); /* had taken more time */
    STEP(.type = ACD_EV_WRAP_MORE, .agent = 1, .ms = 5000);
    assert_int_equal(agent(1).deadline_ms, now_ms + 50000);
    STEP(.type = ACD_EV_WRAP_DONE, .agent = 1);
    assert_int_equal(agent(1).activity, ACD_UNREACHABLE);
    assert_int_equal(agent(1).idle_order_ms, now_ms);
}

static void test_presence_waits_for_the_end_of_wrapup(void **state) {
    STEP(.type = ACD_EV_RESTORE, .agent = 1, .presence = ACD_NOT_READY, .reason = 1, .since_ms = 990000);
    STEP(.type = ACD_EV_REACHABLE, .agent = 1);
    STEP(.type = ACD_EV_RESTORE_WRAPUP, .agent = 1, .queue = 1, .call = 5, .since_ms = 990000);
    assert_int_equal(agent(1).presence, ACD_READY);
    assert_int_equal(agent(1).pending_presence, ACD_NOT_READY);
    STEP(.type = ACD_EV_RESTORE, .agent = 2, .presence = ACD_LOGGED_OUT);
    STEP(.type = ACD_EV_RESTORE_WRAPUP, .agent = 2, .queue = 1, .call = 6, .since_ms = 990000);
    now_ms = 1020000;
    STEP(.type = ACD_EV_TICK);
    assert_int_equal(agent(1).presence, ACD_NOT_READY);
    assert_int_equal(agent(1).reason, 1);
    assert_int_equal(agent(1).activity, ACD_IDLE);
    assert_int_equal(agent(2).presence, ACD_LOGGED_OUT);
}

static void test_over_while_we_were_away(void **state) {
    STEP(.type = ACD_EV_RESTORE, .agent = 1, .presence = ACD_READY);
    STEP(.type = ACD_EV_RESTORE_WRAPUP, .agent = 1, .queue = 1, .call = 5, .since_ms = 970000);
    assert_int_equal(agent(1).activity, ACD_UNREACHABLE);
    assert_int_equal(agent(1).call, 0);
}

static void test_a_disposition_is_still_wanted(void **state) {
    STEP(.type = ACD_EV_RESTORE, .agent = 1, .presence = ACD_READY);
    STEP(.type = ACD_EV_RESTORE_WRAPUP, .agent = 1, .queue = 2, .call = 5, .since_ms = 500000);
    assert_int_equal(agent(1).activity, ACD_WRAPUP);
    assert_true(agent(1).want_disposition);
    assert_int_equal(step((struct acd_event){.type = ACD_EV_WRAP_DONE, .agent = 1}), -EPROTO);
    STEP(.type = ACD_EV_DISPOSITION, .agent = 1);
    assert_int_equal(agent(1).activity, ACD_UNREACHABLE);
}

static void test_wrong_ones_are_refused(void **state) {
    static const struct acd_event wrong[] = {
        {.type = ACD_EV_RESTORE_WRAPUP, .agent = 9, .queue = 1, .call = 5},
        {.type = ACD_EV_RESTORE_WRAPUP, .agent = 1, .queue = 9, .call = 5},
        {.type = ACD_EV_RESTORE_WRAPUP, .agent = 1, .queue = 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_true(step(wrong[i]) < 0);
    STEP(.type = ACD_EV_RESTORE_WRAPUP, .agent = 1, .queue = 1, .call = 5, .since_ms = 999000);
    assert_int_equal(
        step((struct acd_event){.type = ACD_EV_RESTORE_WRAPUP, .agent = 1, .queue = 1, .call = 6}), -EPROTO);
    assert_int_equal(step((struct acd_event){.type = ACD_EV_RESTORE, .agent = 1}), -EPROTO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_order_of_the_idle_and_figures), TEST(test_wrapup_goes_on),
        TEST(test_the_rest_may_be_told),          TEST(test_presence_waits_for_the_end_of_wrapup),
        TEST(test_over_while_we_were_away),       TEST(test_a_disposition_is_still_wanted),
        TEST(test_wrong_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
